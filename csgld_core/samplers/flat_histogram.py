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
from dataclasses import asdict, dataclass

import numpy as np
from scipy.special import logsumexp

from .. import checks, files
from ..kernels.metropolis import (
    ENTRY_MOVES,
    FLATNESS,
    ONE_OVER_T,
    PROGRESS,
    SAMC,
    Learned,
    Rules,
    Walk,
    advance,
    enter,
    no_callback,
    no_propose,
)
from ..partition import EnergyPartition
from ..results.weights import DensityOfStates
from ..targets.discrete import DiscreteTarget
from ..targets.target import exact_target
from .chain import in_chunks
from .common import takes

__all__ = ["DensityOfStates", "samc", "wang_landau"]

SCHEDULES = {"flatness": FLATNESS, "1/t": ONE_OVER_T}
HISTORY = 200
CHECK_EVERY = 100  # moves per cell
T0 = 10  # moves per cell


def __dir__():
    return __all__


class _Walker:
    """One walk, in a form that `in_chunks` can advance."""

    done = 0  # where it begins

    def __init__(self, model, steps, rules, desired, gain, start, seed):
        self.rules, self.generator = rules, np.random.default_rng(seed)
        self.name = model.name
        callback = model.callback if rules.continuous else no_callback
        propose = no_propose if rules.continuous else model.propose
        self.fixed = (propose, callback, model.data, self.generator, rules)
        self.start = model.start(self.generator) if start is None else start
        self._enter(model, gain)
        history_steps = np.unique(np.geomspace(1, steps, min(steps, HISTORY)).astype(np.int64))
        self.learned = Learned(
            sums=np.zeros(rules.bins),
            desired=desired,
            visits=np.zeros(rules.bins, dtype=np.int64),
            recent=np.zeros(rules.bins, dtype=np.int64),
            energy_sums=np.zeros(rules.bins),
            history_steps=history_steps,
            history=np.empty(history_steps.size),
        )

    def _enter(self, model, gain):
        """Stand at the start, and walk into the partition."""
        rules, state = self.rules, checks.array("start", self.start, (model.dim,))
        energy = model.energies(state[None])[0] if rules.continuous else float(model.energy(state))
        if math.isnan(energy):
            raise ValueError(f"start must have an energy, got {state.tolist()} with energy NaN")
        progress = np.zeros(1, dtype=PROGRESS)
        progress["energy"], progress["gain"] = energy, gain
        progress["evaluations"], progress["next_check"] = 1, rules.check_every
        room = (np.empty(model.dim) for _ in range(3))
        self.walk = Walk(state.copy(), *room, progress)
        enter(*self.fixed, self.walk)
        self._check_energies()
        arrived = self.progress("energy")
        if not rules.low < arrived <= rules.high:
            raise ValueError(
                f"start must lead into the partition ({rules.low:g}, {rules.high:g}]: "
                f"{ENTRY_MOVES} moves towards it went from energy {energy:g} to {arrived:g}; "
                "give another start or widen the partition"
            )

    def progress(self, name):
        """A number that changes with every move, by name."""
        return self.walk.progress[name][0].item()

    def advance(self, stop):
        """Move on to step `stop`, or until the gain is below its final value."""
        advance(*self.fixed, self.walk, self.learned, stop)
        self._check_energies()

    def _check_energies(self):
        if self.progress("wrong"):
            raise ValueError(
                f"model must have energies above minus infinity, {self.name!r} has not: one is NaN "
                f"or minus infinity after {self.progress('step')} steps"
            )

    @property
    def log_g(self):
        """log g (bins,), normalised to sum 1; -inf where never visited."""
        desired, visited = self.learned.desired, self.learned.visits > 0
        # The visits meant for cells that cannot be visited are shared by the others.
        share = desired + desired[~visited].sum() / visited.sum()
        log_g = self.learned.sums - self.progress("drift") * desired + np.log(share)
        return np.where(visited, log_g - logsumexp(log_g[visited]), -np.inf)


# --- the two algorithms ---------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Walking:
    """step_size : float or None
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
    """

    step_size: object = None
    start: object = None
    seed: object = None
    workers: object = None
    progress: bool = False


def _cells(partition):
    bins = checks.instance("partition", partition, EnergyPartition).bins
    checks.memory(200 * bins, partition=partition)  # arrays, and settings as lists
    return bins


def _run(sampler, model, steps, partition, common, own, desired, *, gain=1.0, **rules):
    """Check what both have in common, walk, and gather what was learned."""
    walking = Walking(**common)
    if walking.workers is not None:
        checks.integer("workers", walking.workers, least=1)
    checks.flag("progress", walking.progress)
    continuous = not isinstance(model, DiscreteTarget)
    step_size, start = _check_moves(model, continuous, walking)
    steps = checks.integer("steps", steps, least=1, most=10**15)
    seed = files.seed(walking.seed)
    box = model.box if continuous else None
    rules = Rules(
        low=partition.low,
        high=partition.high,
        inverse_width=1.0 / partition.width,
        bins=partition.bins,
        continuous=continuous,
        step_size=step_size or 0.0,
        box=np.array([[-np.inf], [np.inf]]) * np.ones(model.dim) if box is None else box,
        **rules,
    )
    walker = _Walker(model, steps, rules, desired, gain, start, seed)
    interrupted = in_chunks([walker], steps, workers=1, progress=walking.progress)
    if walker.progress("step") == 0:
        raise KeyboardInterrupt
    settings = {
        "sampler": sampler,
        "model": model.description(),
        "steps": steps,
        "partition": asdict(partition),
        "step_size": step_size,
        **own,
        "start": np.asarray(walker.start).tolist(),
        "seed": seed,
    }
    return _gather(walker, steps, interrupted, files.recorded(settings), partition)


def _check_moves(model, continuous, walking):
    """The step size and the start; a DiscreteTarget has its own moves."""
    step_size, start = walking.step_size, walking.start
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
    return step_size, start


def _gather(walker, steps, interrupted, settings, partition):
    """The DensityOfStates that a walk has learned."""
    learned, done = walker.learned, walker.progress("step")
    partial = bool(interrupted and done < steps and not walker.progress("finished"))
    if partial:
        checks.warn(f"interrupted: {done} of {steps} steps are done")
    with np.errstate(invalid="ignore"):
        energies = learned.energy_sums / learned.visits
    shots = walker.progress("shots")
    return DensityOfStates(
        settings=settings,
        partition=partition,
        log_g=walker.log_g,
        energies=energies,
        visits=learned.visits,
        round_trips=walker.progress("round_trips"),
        steps=done,
        evaluations=walker.progress("evaluations"),
        outside=walker.progress("outside"),
        history_steps=learned.history_steps[:shots],
        history=learned.history[:shots],
        partial=partial,
    )


@takes(Walking)
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
    **common,
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
    **common

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
        common,
        own,
        np.full(bins, 1.0 / bins),
        gain=initial_log_f,
        schedule=SCHEDULES[schedule],
        flatness=own["flatness"],
        check_every=own["check_every"],
        t0=0.0,
        final=final_log_f or 0.0,
    )


@takes(Walking)
def samc(
    model,
    steps,
    *,
    partition,
    t0=None,
    desired=None,
    **common,
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
    model, steps, partition
        As for `wang_landau`.
    **common

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
        common,
        own,
        desired / desired.sum(),
        schedule=SAMC,
        flatness=0.0,
        check_every=1,
        t0=own["t0"],
        final=0.0,
    )
