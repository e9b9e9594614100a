"""The one loop of all Langevin samplers: an integrator and a strategy.

Strategies: plain, cyclical step size, swaps between two temperatures, contour multiplier. One
walker moves; a cold and a hot one in replica exchange; several that share theta in interacting
contour SGLD.

A step is `take_step`: move, evaluate, learn, finish. Its twin in plain Python is `contour_path` in
notebooks/06_contour_sgld.ipynb, which is asserted equal to this loop.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import from_dtype, int64, njit

from . import CALLBACK, CUBE, GENERATOR, LOOP, MATRIX, NUMBERS, kernel, tuple_type
from .energy_pdf import Contour, EnergyPdf, log_psi_at, log_weight_at, multiplier_at, update
from .integrators import (
    MALA,
    REJECT,
    Dynamics,
    Origin,
    Walkers,
    finish,
    integrate,
    log_proposal_ratio,
    outside,
    settle,
    turn,
)

PLAIN, CYCLICAL, SWAPS, CONTOUR = 0, 1, 2, 3

# A chain ran away if one move climbs further than RUNAWAY * (high - low), of the partition, above
# the energy before it and above the `ceiling`.
RUNAWAY = 10.0


class Strategy(NamedTuple):
    """What the walkers do besides plain Langevin dynamics."""

    kind: int
    noise: float  # standard deviation on the energy and on each gradient component
    cycle: int = 1  # steps of a cycle
    sampling_from: int = 0  # step of a cycle from which draws are kept
    swap_rate: float = 0.0
    swap_variance: float = 0.0  # of one energy estimate
    capped_swaps: bool = True  # min(1, S) rather than the published S


class Plan(NamedTuple):
    """All that stays as it is during a run."""

    dynamics: Dynamics
    strategy: Strategy
    contour: Contour


class Draws(NamedTuple):
    """Where the loop writes the k walkers whose draws are kept, every `thin` steps."""

    thin: int
    steps: np.ndarray  # (n,) number of steps done at the draw
    positions: np.ndarray  # (k, n, dim)
    energies: np.ndarray  # (k, n)
    exact_energies: np.ndarray  # (k, n)
    multipliers: np.ndarray  # (k, n)
    log_weights: np.ndarray  # (k, n)
    snapshot_steps: np.ndarray  # (s,) when to copy the energy PDF
    snapshots: np.ndarray  # (s, coarse cells)
    cells_per_snapshot_cell: int


class Scratch(NamedTuple):
    """Room for the callback to read from and to write to."""

    position: np.ndarray  # (dim,)
    gradient: np.ndarray  # (dim,)


# What a chain counts, by name.
COUNTERS = np.dtype(
    [
        (name, np.int64)
        for name in (
            "step",  # steps done; -1 before the first force
            "next_draw",  # number of steps after which the next draw is written
            "drawn",  # draws written
            "next_build",  # number of steps after which a clipped Psi is built anew
            "snapshots",  # of theta, written
            "clamped",  # moves to energies outside the partition
            "rejected",  # moves taken back
            "swapped",  # swaps accepted
        )
    ]
)


class Source(NamedTuple):
    """Where energies and random numbers come from."""

    callback: object  # (position, gradient, data, generator) -> energy
    data: np.ndarray
    generator: np.random.Generator


class State(NamedTuple):
    """All that changes while a chain runs."""

    walkers: Walkers
    pdf: EnergyPdf
    draws: Draws
    counters: np.ndarray  # (1,) of COUNTERS
    scratch: Scratch
    origin: Origin


@njit(**LOOP)
def remember(walkers, w, origin):
    """Keep where walker w is, in case its move is taken back."""
    for i in range(origin.position.size):
        origin.position[i] = walkers.position[w, i]
        origin.gradient[i] = walkers.gradient[w, i]
    origin.energy[0] = walkers.energy[w]
    origin.multiplier[0] = walkers.multiplier[w]


@njit(**LOOP)
def go_back(walkers, w, origin):
    """Undo the move of walker w since `remember`."""
    for i in range(origin.position.size):
        walkers.position[w, i] = origin.position[i]
        walkers.gradient[w, i] = origin.gradient[i]


@njit(**LOOP)
def move(source, state, plan, w, step_size):
    """Move walker w under its present force, inside its walls; False if it diverged."""
    walkers, dynamics = state.walkers, plan.dynamics
    metropolis = dynamics.integrator == MALA
    if metropolis and plan.strategy.kind == CONTOUR:
        # Theta was learned since the walker came here, so Psi is read again.
        log_psi, slope = log_psi_at(state.pdf, plan.contour, walkers.energy[w])
        walkers.multiplier[w] = 1.0 + plan.contour.tilt * slope
        state.origin.log_psi[0] = log_psi
    if metropolis or dynamics.walls == REJECT:
        remember(walkers, w, state.origin)
    if not integrate(walkers, w, dynamics, step_size, source.generator):
        return False
    if not metropolis and dynamics.walls == REJECT and outside(walkers, w, dynamics.box):
        state.counters[0].rejected += 1
        go_back(walkers, w, state.origin)
        for i in range(walkers.position.shape[1]):
            turn(walkers, w, i)
    return True


@njit(**LOOP)
def estimate(source, state, plan, w):
    """Energy and gradient, exact and estimated, at walker w; whether all are finite."""
    walkers, generator, noise = state.walkers, source.generator, plan.strategy.noise
    position, gradient = state.scratch
    for i in range(position.size):
        position[i] = walkers.position[w, i]
    energy = source.callback(position, gradient, source.data, generator)
    walkers.exact_energy[w] = energy
    if noise > 0.0:
        energy += noise * generator.standard_normal()
        for i in range(gradient.size):
            gradient[i] += noise * generator.standard_normal()
    walkers.energy[w] = energy
    total = energy
    for i in range(gradient.size):
        walkers.gradient[w, i] = gradient[i]
        total += gradient[i]
    return math.isfinite(total)


@njit(**LOOP)
def evaluate(source, state, plan, w):
    """Energy and gradient where walker w has come to; False if it diverged.

    For MALA the energy may be infinite, as it is outside the box: the move will be taken back.
    """
    walkers, contour, dynamics = state.walkers, plan.contour, plan.dynamics
    metropolis = dynamics.integrator == MALA
    if metropolis and dynamics.walls == REJECT and outside(walkers, w, dynamics.box):
        walkers.energy[w] = math.inf
        return True
    before = walkers.exact_energy[w]
    finite = estimate(source, state, plan, w)
    if metropolis:
        return finite or walkers.energy[w] == math.inf
    if not finite or plan.strategy.kind != CONTOUR:
        return finite
    climb = walkers.exact_energy[w] - max(before, walkers.ceiling[w])
    return climb <= RUNAWAY * (contour.high - contour.low)


@njit(**LOOP)
def accept_or_go_back(source, state, plan, w, step_size):
    """Metropolis and Hastings for exp(-U / tau) / Psi(U)^zeta, after MALA's move of walker w."""
    walkers, contour, origin = state.walkers, plan.contour, state.origin
    accepted = False
    if walkers.energy[w] != math.inf:
        log_ratio = (origin.energy[0] - walkers.energy[w]) / walkers.temperature[w]
        if plan.strategy.kind == CONTOUR:
            log_psi, slope = log_psi_at(state.pdf, contour, walkers.energy[w])
            walkers.multiplier[w] = 1.0 + contour.tilt * slope
            log_ratio += contour.zeta * (origin.log_psi[0] - log_psi)
        log_ratio += log_proposal_ratio(walkers, w, step_size, origin)
        accepted = log_ratio >= 0.0 or source.generator.random() < math.exp(log_ratio)
    if not accepted:
        state.counters[0].rejected += 1
        go_back(walkers, w, origin)
        walkers.energy[w] = walkers.exact_energy[w] = origin.energy[0]
        walkers.multiplier[w] = origin.multiplier[0]


@njit(**LOOP)
def learn(state, plan, w, step):
    """Learn theta from where walker w is; this gives the multiplier of its next move.

    The lowest place is kept too: the pilot looks back at it, for wells that it did not meet.
    """
    walkers, contour, counters = state.walkers, plan.contour, state.counters[0]
    energy = walkers.energy[w]
    if energy < walkers.lowest_energy[w]:
        walkers.lowest_energy[w] = energy
        for i in range(walkers.position.shape[1]):
            walkers.lowest_position[w, i] = walkers.position[w, i]
    if energy <= contour.low or energy > contour.high:
        counters.clamped += 1
    rebuild = step + 1 == counters.next_build
    if rebuild:
        counters.next_build += contour.rebuild_every
    walkers.multiplier[w] = update(state.pdf, contour, energy, step, rebuild)


@njit(**LOOP)
def take_step(source, state, plan, w, step, step_size):
    """Step number `step` = 0, 1, ... of walker w; False if it diverged."""
    if not move(source, state, plan, w, step_size):
        return False
    if not evaluate(source, state, plan, w):
        return False
    if plan.dynamics.integrator == MALA:
        accept_or_go_back(source, state, plan, w, step_size)
    if plan.strategy.kind == CONTOUR:
        learn(state, plan, w, step)
    finish(state.walkers, w, plan.dynamics, step_size)
    return True


@njit(**LOOP)
def swap(source, state, plan):
    """Exchange the cold and the hot walker with probability a min(1, S) (Deng et al. 2020).

    S = exp(delta (U_cold - U_hot - delta sigma^2)), delta = 1 / tau_cold - 1 / tau_hot.
    """
    walkers, generator = state.walkers, source.generator
    dynamics, strategy = plan.dynamics, plan.strategy
    energy = walkers.energy
    cold, hot = walkers.temperature
    delta = 1.0 / cold - 1.0 / hot
    log_s = delta * (energy[0] - energy[1] - delta * strategy.swap_variance)
    if strategy.capped_swaps:
        log_s = min(log_s, 0.0)
    if generator.random() >= strategy.swap_rate * math.exp(log_s):
        return
    state.counters[0].swapped += 1
    for i in range(walkers.position.shape[1]):
        for carried in (walkers.position, walkers.velocity, walkers.gradient):
            carried[0, i], carried[1, i] = carried[1, i], carried[0, i]
    for level in (energy, walkers.exact_energy):
        level[0], level[1] = level[1], level[0]
    settle(walkers, 0, dynamics, hot, generator)
    settle(walkers, 1, dynamics, cold, generator)


@njit(**LOOP)
def record(state, plan, n, step):
    """Write walkers down as draw n."""
    walkers, draws = state.walkers, state.draws
    draws.steps[n] = step + 1
    for w in range(draws.positions.shape[0]):
        for i in range(walkers.position.shape[1]):
            draws.positions[w, n, i] = walkers.position[w, i]
        draws.energies[w, n] = walkers.energy[w]
        draws.exact_energies[w, n] = walkers.exact_energy[w]
        draws.multipliers[w, n] = walkers.multiplier[w]
        draws.log_weights[w, n] = 0.0
        if plan.strategy.kind == CONTOUR:
            draws.log_weights[w, n] = log_weight_at(state.pdf, plan.contour, walkers.energy[w])


@njit(**LOOP)
def snapshot(pdf, draws, n):
    """Copy the energy PDF, coarsened, as snapshot n."""
    cells = draws.cells_per_snapshot_cell
    for coarse in range(draws.snapshots.shape[1]):
        mass = 0.0
        for cell in range(coarse * cells, min((coarse + 1) * cells, pdf.mass.size)):
            mass += pdf.mass[cell]
        draws.snapshots[n, coarse] = mass / pdf.total[0]


@njit(**LOOP)
def begin(source, state, plan):
    """The first force, before any move; 0, or 1 + the number of a walker where it is not finite."""
    walkers, contour = state.walkers, plan.contour
    for w in range(walkers.energy.size):
        if not estimate(source, state, plan, w):
            return 1 + w
        if plan.strategy.kind == CONTOUR:
            walkers.multiplier[w] = multiplier_at(state.pdf, contour, walkers.energy[w])
            walkers.ceiling[w] = max(walkers.exact_energy[w], contour.high)
    state.counters[0].step = 0
    return 0


DRAWN = ("energies", "exact_energies", "multipliers", "log_weights")
PLAN_TYPE = tuple_type(
    Plan,
    dynamics=tuple_type(Dynamics, box=MATRIX),
    strategy=tuple_type(Strategy),
    contour=tuple_type(Contour),
)
STATE_TYPE = tuple_type(
    State,
    walkers=tuple_type(
        Walkers,
        **dict.fromkeys(("position", "velocity", "noise", "gradient", "lowest_position"), MATRIX),
    ),
    pdf=tuple_type(EnergyPdf),
    draws=tuple_type(
        Draws,
        positions=CUBE,
        snapshots=MATRIX,
        **dict.fromkeys(("steps", "snapshot_steps"), NUMBERS),
        **dict.fromkeys(DRAWN, MATRIX),
    ),
    counters=from_dtype(COUNTERS)[::1],
    scratch=tuple_type(Scratch),
    origin=tuple_type(Origin),
)


NOTICE = "its sampler loop, once for this machine: about half a minute."


@kernel(int64(CALLBACK, MATRIX, GENERATOR, STATE_TYPE, PLAN_TYPE, int64), NOTICE, **LOOP)
def advance(callback, data, generator, state, plan, stop):
    """Advance one chain to step `stop`; 0, or 1 + the number of the walker that diverged."""
    source = Source(callback, data, generator)
    walkers, draws, counters = state.walkers, state.draws, state.counters[0]
    strategy = plan.strategy
    if counters.step < 0:
        failed = begin(source, state, plan)
        if failed:
            return failed
    for step in range(counters.step, stop):
        place, decay = 0, 1.0
        if strategy.kind == CYCLICAL:
            place = step % strategy.cycle
            decay = 0.5 * (math.cos(math.pi * place / strategy.cycle) + 1.0)
        # The first walker by itself: with a constant index the compiler makes faster code.
        if not take_step(source, state, plan, 0, step, decay * walkers.step_size[0]):
            return 1
        for w in range(1, walkers.energy.size):
            if not take_step(source, state, plan, w, step, decay * walkers.step_size[w]):
                return 1 + w
        if strategy.kind == SWAPS:
            swap(source, state, plan)
        if step + 1 == counters.next_draw:
            counters.next_draw += draws.thin
            if place >= strategy.sampling_from:
                record(state, plan, counters.drawn, step)
                counters.drawn += 1
        n = counters.snapshots
        if n < draws.snapshot_steps.size and draws.snapshot_steps[n] == step + 1:
            snapshot(state.pdf, draws, n)
            counters.snapshots += 1
        counters.step = step + 1
    return 0
