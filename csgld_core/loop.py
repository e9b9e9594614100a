"""The one loop of all samplers: an integrator x a strategy.

Strategies: plain, cyclical step size, swaps between two temperatures, contour multiplier. One
walker moves; a cold and a hot one in replica exchange; several that share theta in interacting
contour SGLD.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import float64, int64, njit, types

from .compiled import LOOP
from .compiled import tuple_type as _type
from .energy_pdf import Contour, EnergyPdf, learn, log_psi_at, log_weight_at, multiplier_at
from .integrators import (
    MALA,
    REJECT,
    Dynamics,
    Walkers,
    finish,
    log_proposal_ratio,
    move,
    outside,
    settle,
    turn,
)
from .target import CALLBACK, GENERATOR

PLAIN, CYCLICAL, SWAPS, CONTOUR = 0, 1, 2, 3

# What a chain counts.
STEP, NEXT_DRAW, DRAWN, NEXT_BUILD, SNAPSHOTS = 0, 1, 2, 3, 4
CLAMPED, REJECTED, SWAPPED = 5, 6, 7
COUNTERS = 8

# One move may not climb further above energies met before, the start's included, than this many
# widths of the whole energy partition.
RUNAWAY = 10.0


class Strategy(NamedTuple):
    """What the walkers do besides plain Langevin dynamics."""

    kind: int
    noise: float  # standard deviation on the energy and on each gradient component
    cycle: int  # steps of a cycle
    sampling_from: int  # step of a cycle from which draws are kept
    swap_rate: float
    swap_variance: float
    capped_swaps: bool  # min(1, S) rather than the published S


class Plan(NamedTuple):
    """All that stays as it is during a run."""

    dynamics: Dynamics
    strategy: Strategy
    contour: Contour


class Draws(NamedTuple):
    """Where the loop writes the first k walkers, every `thin` steps."""

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


@njit(**LOOP)
def swap(walkers, dynamics, strategy, generator):
    """Exchange the cold and the hot walker with probability a min(1, S) (Deng et al. 2020).

    S = exp(delta (U_cold - U_hot - delta sigma^2)), delta = 1 / tau_cold - 1 / tau_hot.
    """
    energy = walkers.energy
    cold, hot = walkers.temperature
    delta = 1.0 / cold - 1.0 / hot
    log_s = delta * (energy[0] - energy[1] - delta * strategy.swap_variance)
    if strategy.capped_swaps:
        log_s = min(log_s, 0.0)
    if generator.random() >= strategy.swap_rate * math.exp(log_s):
        return 0
    for i in range(walkers.position.shape[1]):
        for state in (walkers.position, walkers.velocity, walkers.gradient):
            state[0, i], state[1, i] = state[1, i], state[0, i]
    for level in (energy, walkers.exact_energy):
        level[0], level[1] = level[1], level[0]
    settle(walkers, 0, dynamics, hot, generator)
    settle(walkers, 1, dynamics, cold, generator)
    return 1


@njit(**LOOP)
def record(walkers, strategy, contour, pdf, draws, n, step):
    """Write walkers down as draw n."""
    draws.steps[n] = step + 1
    for w in range(draws.positions.shape[0]):
        for i in range(walkers.position.shape[1]):
            draws.positions[w, n, i] = walkers.position[w, i]
        draws.energies[w, n] = walkers.energy[w]
        draws.exact_energies[w, n] = walkers.exact_energy[w]
        draws.multipliers[w, n] = walkers.multiplier[w]
        draws.log_weights[w, n] = 0.0
        if strategy.kind == CONTOUR:
            draws.log_weights[w, n] = log_weight_at(pdf, contour, walkers.energy[w])


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
def evaluate(callback, data, generator, walkers, w, strategy, scratch):
    """Energy and gradient, exact and estimated, at walker w; the sum of all, finite if they are."""
    position, gradient = scratch[0], scratch[1]
    for i in range(position.size):
        position[i] = walkers.position[w, i]
    energy = callback(position, gradient, data, generator)
    walkers.exact_energy[w] = energy
    if strategy.noise > 0.0:
        energy += strategy.noise * generator.standard_normal()
        for i in range(gradient.size):
            gradient[i] += strategy.noise * generator.standard_normal()
    walkers.energy[w] = energy
    everything = energy
    for i in range(gradient.size):
        walkers.gradient[w, i] = gradient[i]
        everything += gradient[i]
    return everything


@njit(**LOOP)
def remember(walkers, w, scratch):
    """Keep where walker w is, in case its move is rejected."""
    origin, origin_gradient = scratch[2], scratch[3]
    for i in range(origin.size):
        origin[i] = walkers.position[w, i]
        origin_gradient[i] = walkers.gradient[w, i]


@njit(**LOOP)
def go_back(walkers, w, scratch):
    """Undo the move of walker w since `remember`."""
    origin, origin_gradient = scratch[2], scratch[3]
    for i in range(origin.size):
        walkers.position[w, i] = origin[i]
        walkers.gradient[w, i] = origin_gradient[i]


@njit(**LOOP)
def reject_at_wall(walkers, w, dynamics, counters, scratch):
    """Take a move of walker w out of the box back."""
    if not outside(walkers, w, dynamics.box):
        return False
    counters[REJECTED] += 1
    go_back(walkers, w, scratch)
    for i in range(walkers.position.shape[1]):
        turn(walkers, w, i)
    return True


@njit(**LOOP)
def metropolis_step(
    callback, data, generator, walkers, w, plan, pdf, counters, scratch, step_size
):  # fmt: skip
    """MALA's step of walker w for exp(-U / tau) / Psi(U)^zeta; False if something is not finite.

    A point of infinite energy has no density: the walker does not go there.
    """
    dynamics, strategy, contour = plan
    energy = walkers.energy[w]
    log_psi = 0.0
    if strategy.kind == CONTOUR:  # Psi may have moved since the walker came here
        log_psi, slope = log_psi_at(pdf, contour, energy)
        walkers.multiplier[w] = 1.0 + contour.tilt * slope
    multiplier = walkers.multiplier[w]
    remember(walkers, w, scratch)
    move(walkers, w, dynamics, step_size, generator)
    if dynamics.walls == REJECT and reject_at_wall(walkers, w, dynamics, counters, scratch):
        return True
    everything = evaluate(callback, data, generator, walkers, w, strategy, scratch)
    accepted = False
    if walkers.energy[w] != math.inf:
        if not math.isfinite(everything):
            return False
        log_ratio = (energy - walkers.energy[w]) / walkers.temperature[w]
        if strategy.kind == CONTOUR:
            log_psi_there, slope = log_psi_at(pdf, contour, walkers.energy[w])
            walkers.multiplier[w] = 1.0 + contour.tilt * slope
            log_ratio += contour.zeta * (log_psi - log_psi_there)
        log_ratio += log_proposal_ratio(walkers, w, step_size, scratch[2], scratch[3], multiplier)
        accepted = log_ratio >= 0.0 or generator.random() < math.exp(log_ratio)
    if not accepted:
        counters[REJECTED] += 1
        go_back(walkers, w, scratch)
        walkers.energy[w] = walkers.exact_energy[w] = energy
        walkers.multiplier[w] = multiplier
    return True


@njit(**LOOP)
def langevin_step(
    callback, data, generator, walkers, w, plan, pdf, counters, scratch, step_size
):  # fmt: skip
    """Move walker w and look at what is there; False if it diverged."""
    dynamics, strategy, contour = plan
    energy = walkers.exact_energy[w]
    if dynamics.walls == REJECT:
        remember(walkers, w, scratch)
    if not move(walkers, w, dynamics, step_size, generator):
        return False
    if dynamics.walls == REJECT:
        reject_at_wall(walkers, w, dynamics, counters, scratch)
    if not math.isfinite(evaluate(callback, data, generator, walkers, w, strategy, scratch)):
        return False
    if strategy.kind != CONTOUR:
        return True
    climb = walkers.exact_energy[w] - max(energy, walkers.ceiling[w])
    return climb <= RUNAWAY * (contour.high - contour.low)


@njit(**LOOP)
def note_lowest(walkers, w):
    """Keep where walker w met its lowest energy."""
    if walkers.energy[w] < walkers.lowest_energy[w]:
        walkers.lowest_energy[w] = walkers.energy[w]
        for i in range(walkers.position.shape[1]):
            walkers.lowest_position[w, i] = walkers.position[w, i]


@njit(**LOOP)
def take_step(
    callback, data, generator, walkers, w, plan, pdf, counters, scratch, step, decay
):  # fmt: skip
    """Move walker w and, under contours, learn from where it came to; False if it diverged."""
    dynamics, strategy, contour = plan
    step_size = decay * walkers.step_size[w]
    if dynamics.integrator == MALA:
        if not metropolis_step(
            callback, data, generator, walkers, w, plan, pdf, counters, scratch, step_size
        ):
            return False
    elif not langevin_step(
        callback, data, generator, walkers, w, plan, pdf, counters, scratch, step_size
    ):
        return False
    if strategy.kind == CONTOUR:
        note_lowest(walkers, w)
        energy = walkers.energy[w]
        if energy <= contour.low or energy > contour.high:
            counters[CLAMPED] += 1
        rebuild = step + 1 == counters[NEXT_BUILD]
        if rebuild:
            counters[NEXT_BUILD] += contour.rebuild_every
        walkers.multiplier[w] = learn(pdf, contour, energy, step, rebuild)
    finish(walkers, w, dynamics, step_size)
    return True


_VECTOR, _MATRIX, _CUBE, _NUMBERS = float64[::1], float64[:, ::1], float64[:, :, ::1], int64[::1]
_DRAWS = dict.fromkeys(("energies", "exact_energies", "multipliers", "log_weights"), _MATRIX)
_SIGNATURE = int64(
    CALLBACK,
    _MATRIX,
    GENERATOR,
    _type(
        Walkers,
        position=_MATRIX,
        velocity=_MATRIX,
        noise=_MATRIX,
        gradient=_MATRIX,
        lowest_position=_MATRIX,
    ),
    _type(
        Plan,
        dynamics=_type(Dynamics, box=_MATRIX),
        strategy=_type(Strategy),
        contour=_type(Contour),
    ),
    _type(EnergyPdf),
    _type(
        Draws,
        steps=_NUMBERS,
        positions=_CUBE,
        snapshot_steps=_NUMBERS,
        snapshots=_MATRIX,
        **_DRAWS,
    ),
    _NUMBERS,
    types.UniTuple(_VECTOR, 4),
    int64,
)


@njit(_SIGNATURE, **LOOP)
def advance(callback, data, generator, walkers, plan, pdf, draws, counters, scratch, stop):
    """Advance one chain to step `stop`; 0, or 1 + the number of the walker that diverged."""
    dynamics, strategy, contour = plan
    count = walkers.energy.size
    if counters[STEP] < 0:  # the first force, before any move
        for w in range(count):
            if not math.isfinite(
                evaluate(callback, data, generator, walkers, w, strategy, scratch)
            ):
                return 1 + w
            if strategy.kind == CONTOUR:
                walkers.multiplier[w] = multiplier_at(pdf, contour, walkers.energy[w])
                walkers.ceiling[w] = max(walkers.exact_energy[w], contour.high)
        counters[STEP] = 0
    for step in range(counters[STEP], stop):
        place, decay = 0, 1.0
        if strategy.kind == CYCLICAL:
            place = step % strategy.cycle
            decay = 0.5 * (math.cos(math.pi * place / strategy.cycle) + 1.0)
        # The first walker by itself: the compiler then knows its place in memory.
        if not take_step(
            callback, data, generator, walkers, 0, plan, pdf, counters, scratch, step, decay
        ):
            return 1
        for w in range(1, count):
            if not take_step(
                callback, data, generator, walkers, w, plan, pdf, counters, scratch, step, decay
            ):
                return 1 + w
        if strategy.kind == SWAPS:
            counters[SWAPPED] += swap(walkers, dynamics, strategy, generator)
        if step + 1 == counters[NEXT_DRAW]:
            counters[NEXT_DRAW] += draws.thin
            if place >= strategy.sampling_from:
                record(walkers, strategy, contour, pdf, draws, counters[DRAWN], step)
                counters[DRAWN] += 1
        n = counters[SNAPSHOTS]
        if n < draws.snapshot_steps.size and draws.snapshot_steps[n] == step + 1:
            snapshot(pdf, draws, n)
            counters[SNAPSHOTS] += 1
        counters[STEP] = step + 1
    return 0
