"""The density of states g(E), from random walks that are flat in energy.

A walk that accepts a symmetric move from cell i to cell j of the energy axis with probability
min(1, g_i / g_j) visits all cells equally. Not knowing g, it learns while it goes: after each move
log g of the cell it is in grows by the gain. What differs is how the gain shrinks:

- flatness: halved whenever the visits since the last time are flat (Wang & Landau, PRL 2001);
- 1/t: halved whenever all cells have been visited, until it is below 1 / t, from then on 1 / t
  with t in moves per cell (Belardinelli & Pereyra, Phys. Rev. E 75, 046701, 2007);
- samc: t0 / max(t0, t), with visits steered to any desired share of each cell (Liang, Liu &
  Carroll, JASA 2007).

Moves to energies outside the partition, or that are no numbers, are rejected: the walk stays, and
counts where it is once more. A cell that is found late starts from the smallest g of those known,
so that the walk does not have to fill it up.
"""

import math
import warnings
from dataclasses import asdict, dataclass, field
from typing import NamedTuple

import numpy as np
from numba import float64, int64, njit
from scipy.special import logsumexp

from . import checks, provenance
from .chain import in_chunks
from .compiled import LOOP, tuple_type
from .discrete import PROPOSE, PROPOSE_SIGNATURE, DiscreteTarget
from .energy_pdf import cell_of
from .partition import EnergyPartition
from .target import CALLBACK, CALLBACK_SIGNATURE, GENERATOR, exact_target

FLATNESS, ONE_OVER_T, SAMC = 0, 1, 2
SCHEDULES = {"flatness": FLATNESS, "1/t": ONE_OVER_T}
ENTRY_MOVES = 1_000_000  # to get into the partition
HISTORY = 200
CHECK_EVERY = 100  # moves per cell
T0 = 10  # moves per cell


# --- the result -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class DensityOfStates:
    """What `wang_landau` and `samc` learned: the share of all states that each cell holds.

    The partition's states count as all there are: no other was visited.
    """

    settings: dict = field(repr=False)  # JSON-ready: model, arguments, seed, versions
    partition: EnergyPartition
    log_g: np.ndarray = field(repr=False)  # (bins,) sum of g is 1; -inf where never visited
    energies: np.ndarray = field(repr=False)  # (bins,) mean energy of the visits; NaN without
    visits: np.ndarray = field(repr=False)  # (bins,) moves that ended in each cell
    round_trips: int  # from the lowest visited cell to the highest and back, since both are known
    steps: int
    evaluations: int  # of the energy
    outside: int  # moves rejected because they left the box or the partition
    history_steps: np.ndarray = field(repr=False)  # (s <= 200,) evenly spaced on a log axis
    history: np.ndarray = field(repr=False)  # (s,) the gain at those steps
    partial: bool = False  # stopped early by the user

    def normalised(self, log_total):
        """log g (bins,) such that the sum of g is exp(log_total).

        Parameters
        ----------
        log_total : float
            Log of the number of all states inside the partition, such as N log 2, or of their
            volume: that of the box only if the partition reaches above every energy in it.
        """
        return self.log_g + checks.number("log_total", log_total)

    def log_z(self, temperature=1.0, log_total=0.0):
        """log of Z = sum_i g_i exp(-E_i / tau), with E_i the mean energy of the visits to cell i.

        Exact for cells that hold one level. On continuous energies the error from within the cells
        is about (width / tau)^2 / 24. `log_total` as in `normalised`: a partition that leaves out
        part of the box, and the box's whole volume, give too large a Z.
        """
        log_terms, _ = self._terms(temperature)
        return float(logsumexp(log_terms)) + checks.number("log_total", log_total)

    def mean_energy(self, temperature=1.0):
        """E[U] = sum_i g_i E_i exp(-E_i / tau) / Z."""
        share, energies = self._shares(temperature)
        return float(share @ energies)

    def heat_capacity(self, temperature=1.0):
        """dE[U] / d tau = (E[U^2] - E[U]^2) / tau^2; energies within a cell count as E_i."""
        share, energies = self._shares(temperature)
        return float(share @ ((energies - share @ energies) / temperature) ** 2)

    def energy_pdf(self, temperature=1.0):
        """theta (bins,), the probability of each cell: g_i exp(-E_i / tau) / Z; 0 if not visited.

        It compares with `exact.energy_pdf`, as good as `log_z` on continuous energies.
        """
        theta = np.zeros(self.partition.bins)
        theta[self.visits > 0] = self._shares(temperature)[0]
        return theta

    def _shares(self, temperature):
        log_terms, energies = self._terms(temperature)
        return np.exp(log_terms - logsumexp(log_terms)), energies

    def _terms(self, temperature):
        temperature = checks.number("temperature", temperature, above=0.0)
        visited = self.visits > 0
        energies = self.energies[visited]
        return self.log_g[visited] - energies / temperature, energies


# --- the loop -------------------------------------------------------------------------------------


class Plan(NamedTuple):
    """All that stays as it is during a run."""

    low: float
    high: float
    inverse_width: float
    bins: int
    continuous: bool  # moves of a Target rather than of a DiscreteTarget
    step_size: float  # of a Target
    box: np.ndarray  # (2, dim), infinite where there is none
    schedule: int
    flatness: float
    check_every: int  # steps between two looks at the visits
    t0: float
    final: float  # the walk ends once the gain is below


class Walk(NamedTuple):
    """Where the walker is, and the room it needs to move."""

    state: np.ndarray  # (dim,)
    proposal: np.ndarray  # (dim,)
    position: np.ndarray  # (dim,) the proposal, for the callback to do with as it likes
    gradient: np.ndarray  # (dim,) which callbacks fill
    numbers: np.ndarray  # (NUMBERS,)
    counters: np.ndarray  # (COUNTERS,)


class Learned(NamedTuple):
    """What the walker knows of each cell; log g is `sums` less drift * `desired`."""

    sums: np.ndarray  # (bins,)
    desired: np.ndarray  # (bins,) share of the visits
    visits: np.ndarray  # (bins,)
    recent: np.ndarray  # (bins,) visits since the gain was halved
    energy_sums: np.ndarray  # (bins,)
    history_steps: np.ndarray  # (s,)
    history: np.ndarray  # (s,)


ENERGY, GAIN, DRIFT = 0, 1, 2  # drift: the sum of all gains
NUMBERS = 3
STEP, EVALUATIONS, OUTSIDE, NEXT_CHECK, FALLING, FINISHED, SHOTS = 0, 1, 2, 3, 4, 5, 6
CELLS, LOWEST, HIGHEST, HEADING, ROUND_TRIPS = 7, 8, 9, 10, 11
WRONG = 12  # energies that are NaN or minus infinity
COUNTERS = 13
UP, DOWN = 1, 2


@njit(PROPOSE_SIGNATURE, cache=True, nogil=True)
def _no_propose(state, energy, proposal, data, generator):
    return math.nan


@njit(CALLBACK_SIGNATURE, cache=True, nogil=True)
def _no_callback(position, gradient, data, generator):
    return math.nan


@njit(**LOOP)
def propose_move(propose, callback, data, generator, plan, walk, state, proposal):
    """Fill the proposal and return its energy; NaN outside the box, where none is evaluated."""
    if plan.continuous:
        inside = True
        for i in range(state.size):
            proposal[i] = state[i] + plan.step_size * generator.standard_normal()
            inside &= plan.box[0, i] <= proposal[i] <= plan.box[1, i]
        if not inside:
            return math.nan
        for i in range(state.size):
            walk.position[i] = proposal[i]
        energy = callback(walk.position, walk.gradient, data, generator)
    else:
        energy = propose(state, walk.numbers[ENERGY], proposal, data, generator)
    walk.counters[EVALUATIONS] += 1
    walk.counters[WRONG] += not energy > -math.inf
    return energy


@njit(**LOOP)
def log_g_at(learned, walk, cell):
    """log g as it stands, but for a constant."""
    return learned.sums[cell] - walk.numbers[DRIFT] * learned.desired[cell]


@njit(**LOOP)
def discover(learned, walk, cell):
    """Give a new cell the smallest g of those known."""
    counters = walk.counters
    lowest = math.inf
    for known in range(learned.visits.size):
        if learned.visits[known] > 0:
            lowest = min(lowest, log_g_at(learned, walk, known))
    if counters[CELLS] > 0:
        learned.sums[cell] = lowest + walk.numbers[DRIFT] * learned.desired[cell]
    if counters[CELLS] == 0 or cell < counters[LOWEST]:
        counters[LOWEST], counters[HEADING], counters[ROUND_TRIPS] = cell, 0, 0
    if counters[CELLS] == 0 or cell > counters[HIGHEST]:
        counters[HIGHEST], counters[HEADING], counters[ROUND_TRIPS] = cell, 0, 0
    counters[CELLS] += 1


@njit(**LOOP)
def count_round_trips(counters, cell):
    """From the lowest cell to the highest and back is one."""
    if counters[LOWEST] == counters[HIGHEST]:
        return
    if cell == counters[LOWEST] and counters[HEADING] != UP:
        counters[ROUND_TRIPS] += counters[HEADING] == DOWN
        counters[HEADING] = UP
    elif cell == counters[HIGHEST] and counters[HEADING] == UP:
        counters[HEADING] = DOWN


@njit(**LOOP)
def halve_if_flat(plan, learned, walk):
    """Halve the gain if the recent visits allow it; cells never visited do not count."""
    recent, sums = learned.recent, learned.sums
    total, least, lowest = 0, recent[walk.counters[LOWEST]], math.inf
    for cell in range(recent.size):
        if learned.visits[cell] > 0:
            total += recent[cell]
            least = min(least, recent[cell])
            lowest = min(lowest, sums[cell])
    enough = 1.0
    if plan.schedule == FLATNESS:
        enough = plan.flatness * total / walk.counters[CELLS]
    if least < enough:
        return False
    walk.numbers[GAIN] *= 0.5
    for cell in range(recent.size):
        recent[cell] = 0
        sums[cell] -= lowest  # small numbers keep small gains exact
    return True


@njit(**LOOP)
def next_gain(plan, learned, walk, step):
    """The gain of move number `step` = 1, 2, ..."""
    numbers, counters = walk.numbers, walk.counters
    if plan.schedule == SAMC:
        return plan.t0 / max(plan.t0, step)
    if step == counters[NEXT_CHECK] and not counters[FALLING]:
        counters[NEXT_CHECK] += plan.check_every
        if halve_if_flat(plan, learned, walk) and plan.schedule == ONE_OVER_T:
            counters[FALLING] = numbers[GAIN] * step <= counters[CELLS]
    if counters[FALLING]:
        return min(numbers[GAIN], counters[CELLS] / step)
    return numbers[GAIN]


_VECTOR, _MATRIX, _NUMBERS = float64[::1], float64[:, ::1], int64[::1]
_MODEL = (PROPOSE, CALLBACK, _MATRIX, GENERATOR)
_PLAN = tuple_type(Plan, box=_MATRIX)
_WALK = tuple_type(Walk, counters=_NUMBERS)
_LEARNED = tuple_type(Learned, visits=_NUMBERS, recent=_NUMBERS, history_steps=_NUMBERS)


@njit([(*_MODEL, _PLAN, _WALK)], **LOOP)
def enter(propose, callback, data, generator, plan, walk):
    """Walk into the partition, never further away from it; the energy tells whether it arrived."""
    state, proposal, numbers = walk.state, walk.proposal, walk.numbers
    for _ in range(ENTRY_MOVES):
        energy = numbers[ENERGY]
        if plan.low < energy <= plan.high or walk.counters[WRONG]:
            return
        new = propose_move(propose, callback, data, generator, plan, walk, state, proposal)
        if max(plan.low - new, new - plan.high) <= max(plan.low - energy, energy - plan.high):
            numbers[ENERGY] = new
            for i in range(state.size):
                state[i] = proposal[i]


@njit([(*_MODEL, _PLAN, _WALK, _LEARNED, int64)], **LOOP)
def advance(propose, callback, data, generator, plan, walk, learned, stop):
    """Advance the walk to step `stop`: the one Metropolis loop of all schedules and models."""
    numbers, counters = walk.numbers, walk.counters
    state, proposal = walk.state, walk.proposal
    cell = cell_of(numbers[ENERGY], plan)
    for step in range(counters[STEP] + 1, stop + 1):
        if counters[FINISHED] or counters[WRONG]:
            break
        new = propose_move(propose, callback, data, generator, plan, walk, state, proposal)
        if plan.low < new <= plan.high:
            new_cell = cell_of(new, plan)
            log_ratio = log_g_at(learned, walk, cell) - log_g_at(learned, walk, new_cell)
            welcome = log_ratio >= 0.0 or learned.visits[new_cell] == 0
            if welcome or generator.random() < math.exp(log_ratio):
                state, proposal = proposal, state
                numbers[ENERGY], cell = new, new_cell
        else:
            counters[OUTSIDE] += 1
        if learned.visits[cell] == 0:
            discover(learned, walk, cell)
        gain = next_gain(plan, learned, walk, step)
        numbers[GAIN] = gain
        numbers[DRIFT] += gain
        learned.sums[cell] += gain
        learned.visits[cell] += 1
        learned.recent[cell] += 1
        learned.energy_sums[cell] += numbers[ENERGY]
        count_round_trips(counters, cell)
        shot = counters[SHOTS]
        if shot < learned.history_steps.size and learned.history_steps[shot] == step:
            learned.history[shot] = gain
            counters[SHOTS] += 1
        counters[FINISHED] = gain < plan.final
        counters[STEP] = step
    for i in range(state.size):  # after an odd number of moves the two have changed places
        here, there = state[i], proposal[i]
        walk.state[i], walk.proposal[i] = here, there


class _Walker:
    """One walk, in a form that `in_chunks` can advance."""

    done = 0  # where it begins

    def __init__(self, model, steps, plan, desired, gain, start, seed):
        self.plan, self.generator = plan, np.random.default_rng(seed)
        continuous, self.name = plan.continuous, model.name
        callback = model.callback if continuous else _no_callback
        propose = _no_propose if continuous else model.propose
        self.fixed = (propose, callback, model.data, self.generator, plan)
        self.start = model.start(self.generator) if start is None else start
        state = checks.array("start", self.start, (model.dim,))
        self.walk = Walk(
            state=state.copy(),
            proposal=np.empty(model.dim),
            position=np.empty(model.dim),
            gradient=np.empty(model.dim),
            numbers=np.zeros(NUMBERS),
            counters=np.zeros(COUNTERS, dtype=np.int64),
        )
        energy = model.energies(state[None])[0] if continuous else float(model.energy(state))
        if math.isnan(energy):
            raise ValueError(f"start must have an energy, got {state.tolist()} with energy NaN")
        self.walk.numbers[[ENERGY, GAIN]] = energy, gain
        self.walk.counters[[EVALUATIONS, NEXT_CHECK]] = 1, plan.check_every
        enter(*self.fixed, self.walk)
        self._check_energies()
        if not plan.low < self.walk.numbers[ENERGY] <= plan.high:
            raise ValueError(
                f"start must lead into the partition ({plan.low:g}, {plan.high:g}]: {ENTRY_MOVES} "
                f"moves towards it went from energy {energy:g} to {self.walk.numbers[ENERGY]:g}; "
                "give another start or widen the partition"
            )
        history_steps = np.unique(np.geomspace(1, steps, min(steps, HISTORY)).astype(np.int64))
        self.learned = Learned(
            sums=np.zeros(plan.bins),
            desired=desired,
            visits=np.zeros(plan.bins, dtype=np.int64),
            recent=np.zeros(plan.bins, dtype=np.int64),
            energy_sums=np.zeros(plan.bins),
            history_steps=history_steps,
            history=np.empty(history_steps.size),
        )

    def advance(self, stop):
        """Move on to step `stop`, or until the gain is below its final value."""
        advance(*self.fixed, self.walk, self.learned, stop)
        self._check_energies()

    def _check_energies(self):
        if self.walk.counters[WRONG]:
            raise ValueError(
                f"model must have energies above minus infinity, {self.name!r} has not: one is NaN "
                f"or minus infinity after {self.walk.counters[STEP]} steps"
            )

    @property
    def log_g(self):
        """log g (bins,), normalised to sum 1; -inf where never visited."""
        desired, visited = self.learned.desired, self.learned.visits > 0
        # The visits meant for cells that cannot be visited are shared by the others.
        share = desired + desired[~visited].sum() / visited.sum()
        log_g = self.learned.sums - self.walk.numbers[DRIFT] * desired + np.log(share)
        return np.where(visited, log_g - logsumexp(log_g[visited]), -np.inf)


# --- the two algorithms ---------------------------------------------------------------------------


def _cells(partition):
    bins = checks.instance("partition", partition, EnergyPartition).bins
    checks.memory(200 * bins, partition=partition)  # arrays, and settings as lists
    return bins


def _run(
    name,
    model,
    steps,
    partition,
    step_size,
    start,
    seed,
    workers,
    progress,
    own,
    desired,
    gain=1.0,
    **rule,
):
    """Check what both have in common, walk, and gather what was learned."""
    if workers is not None:
        checks.integer("workers", workers, least=1)
    checks.flag("progress", progress)
    continuous = not isinstance(model, DiscreteTarget)
    if continuous:
        exact_target("model", model, otherwise="a csgld_core.DiscreteTarget or ")
        if step_size is None:
            raise ValueError("step_size must be given for a Target, a number > 0, got None")
        step_size = checks.number("step_size", step_size, above=0.0)
    elif step_size is not None:
        raise ValueError(f"step_size must be None for a DiscreteTarget, got {step_size!r}")
    if start is not None:
        start = checks.array("start", start, (model.dim,))
        if continuous and not model.contains(start[None])[0]:
            raise ValueError(
                f"start must lie inside the box {model.box.tolist()} of {model.name!r}, "
                f"got {start.tolist()}"
            )
    steps = checks.integer("steps", steps, least=1, most=10**15)
    seed = provenance.seed(seed)
    box = model.box if continuous else None
    plan = Plan(
        low=partition.low,
        high=partition.high,
        inverse_width=1.0 / partition.width,
        bins=partition.bins,
        continuous=continuous,
        step_size=step_size or 0.0,
        box=np.array([[-np.inf], [np.inf]]) * np.ones(model.dim) if box is None else box,
        **rule,
    )
    walker = _Walker(model, steps, plan, desired, gain, start, seed)
    interrupted = in_chunks([walker], steps, workers=1, progress=progress)
    learned, counters = walker.learned, walker.walk.counters
    done = int(counters[STEP])
    if done == 0:
        raise KeyboardInterrupt
    partial = interrupted and done < steps and not counters[FINISHED]
    if partial:
        warnings.warn(f"interrupted: {done} of {steps} steps are done", stacklevel=3)
    with np.errstate(invalid="ignore"):
        energies = learned.energy_sums / learned.visits
    settings = {
        "sampler": name,
        "model": model.description(),
        "steps": steps,
        "partition": asdict(partition),
        "step_size": step_size,
        **own,
        "start": np.asarray(walker.start).tolist(),
        "seed": seed,
    }
    return DensityOfStates(
        settings=provenance.recorded(settings),
        partition=partition,
        log_g=walker.log_g,
        energies=energies,
        visits=learned.visits,
        round_trips=int(counters[ROUND_TRIPS]),
        steps=done,
        evaluations=int(counters[EVALUATIONS]),
        outside=int(counters[OUTSIDE]),
        history_steps=learned.history_steps[: counters[SHOTS]],
        history=learned.history[: counters[SHOTS]],
        partial=bool(partial),
    )


def wang_landau(
    model,
    steps,
    *,
    partition,
    schedule="1/t",
    flatness=0.8,
    check_every=None,
    initial_log_f=1.0,
    final_log_f=None,
    step_size=None,
    start=None,
    seed=None,
    workers=None,
    progress=False,
):
    """Wang-Landau sampling: learn log g(E) by a walk that the learned g makes flat.

    A symmetric move from x to y is accepted with probability min(1, g(E_x) / g(E_y)); after each
    move log g of the present cell grows by log f. Wang & Landau, PRL 86, 2050 (2001); the 1/t
    schedule is that of Belardinelli & Pereyra, Phys. Rev. E 75, 046701 (2007).

    Parameters
    ----------
    model : Target or DiscreteTarget
        A Target must have exact energies, noise 0.
    steps : int
        Moves, one energy each.
    partition : EnergyPartition
        The range of energies to walk in; moves that leave it are rejected. With one cell for each
        level of a discrete model g is exact in the long run; a cell much wider than the temperature
        of interest hides how g falls inside it.
    schedule : {"1/t", "flatness"}
        How log f falls. "flatness" halves it when no visited cell has fewer than `flatness`
        times the mean of the visits since the last halving; its error stops falling in the end.
        "1/t" halves it when every visited cell has been visited again, until log f <= 1 / t; from
        then on log f = 1 / t, with t = moves / visited cells, and the error falls as t^(-1/2).
    flatness : float
        In (0, 1), for the schedule of that name.
    check_every : int or None
        Moves between two looks at the visits; None is 100 for each cell.
    initial_log_f : float
        log f of the first move, at most 1000.
    final_log_f : float or None
        The walk ends before `steps` once log f is below; None walks on.
    step_size : float or None
        Standard deviation of each coordinate of the Gaussian random-walk moves of a Target, in
        units of position; moves that leave the box are rejected. None for a DiscreteTarget.
    start : array (dim,) or None
        Where to begin; None takes the model's own random start. From outside the partition the walk
        first goes there, by moves that never lead further away from it.
    seed : int or None
        Same seed, same bits; a longer run repeats a shorter one. None draws a seed and records it.
    workers : int or None
        One walk is one thread; taken so that `parallel.replicate` can ask for it.
    progress : bool
        Show a progress bar.

    Returns
    -------
    DensityOfStates
        After Ctrl-C what was learned so far, marked as partial, with a warning.

    Raises
    ------
    ValueError
        If an argument is outside what is listed here, or the walk does not find the partition.
    """
    bins = _cells(partition)
    check_every = CHECK_EVERY * bins if check_every is None else check_every
    initial_log_f = checks.number("initial_log_f", initial_log_f, above=0.0, most=1000.0)
    if final_log_f is not None:
        final_log_f = checks.number("final_log_f", final_log_f, above=0.0, below=initial_log_f)
    own = {
        "schedule": checks.choice("schedule", schedule, SCHEDULES),
        "flatness": checks.number("flatness", flatness, above=0.0, below=1.0),
        "check_every": checks.integer("check_every", check_every, least=1, most=10**15),
        "initial_log_f": initial_log_f,
        "final_log_f": final_log_f,
    }
    return _run(
        "wang_landau",
        model,
        steps,
        partition,
        step_size,
        start,
        seed,
        workers,
        progress,
        own,
        np.full(bins, 1.0 / bins),
        gain=initial_log_f,
        schedule=SCHEDULES[schedule],
        flatness=own["flatness"],
        check_every=own["check_every"],
        t0=0.0,
        final=final_log_f or 0.0,
    )


def samc(
    model,
    steps,
    *,
    partition,
    t0=None,
    desired=None,
    step_size=None,
    start=None,
    seed=None,
    workers=None,
    progress=False,
):
    """Stochastic approximation Monte Carlo: Wang-Landau with a falling gain and any visits.

    A symmetric move from cell i to cell j is accepted with probability
    min(1, exp(theta_i - theta_j)); then theta <- theta + gamma_t (e_J - pi), with J the present
    cell, pi the desired shares of visits and gamma_t = t0 / max(t0, t) after t moves. In the long
    run theta_i = log g_i - log(pi_i + nu) + constant, where nu shares out what was meant for the
    cells that turn out to be empty. Liang, Liu & Carroll, JASA 102, 305 (2007).

    Parameters
    ----------
    t0 : float or None
        Moves after which the gain begins to fall; None is 10 for each cell. More finds the shape
        of g from further away, fewer leaves less noise; theta converges if t0 > bins / 2.
    desired : array (bins,) or None
        pi up to a factor, all positive; None is uniform.
    model, steps, partition, step_size, start, seed, workers, progress
        As for `wang_landau`.

    Returns
    -------
    DensityOfStates
        After Ctrl-C what was learned so far, marked as partial, with a warning.

    Raises
    ------
    ValueError
        If an argument is outside what is listed here, or the walk does not find the partition.
    """
    bins = _cells(partition)
    desired = np.ones(bins) if desired is None else checks.array("desired", desired, (bins,))
    if not (desired > 0).all():
        raise ValueError(f"desired must be positive, got {desired.tolist()}")
    own = {
        "t0": checks.number("t0", T0 * bins if t0 is None else t0, above=0.0),
        "desired": (desired / desired.sum()).tolist(),
    }
    return _run(
        "samc",
        model,
        steps,
        partition,
        step_size,
        start,
        seed,
        workers,
        progress,
        own,
        desired / desired.sum(),
        schedule=SAMC,
        flatness=0.0,
        check_every=1,
        t0=own["t0"],
        final=0.0,
    )
