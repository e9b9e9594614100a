"""The one loop of all samplers: an integrator x a strategy.

Strategies: plain, cyclical step size, swaps between two temperatures, contour multiplier. One
walker moves, but for replica exchange, where a cold and a hot one do.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import float64, int64, njit, types

from .compiled import LOOP
from .compiled import tuple_type as _type
from .energy_pdf import Contour, EnergyPdf, learn, log_weight_at, multiplier_at
from .integrators import REJECT, Dynamics, Walkers, finish, move, outside, settle, turn
from .targets import CALLBACK, GENERATOR

PLAIN, CYCLICAL, SWAPS, CONTOUR = 0, 1, 2, 3

# What a chain counts.
STEP, NEXT_DRAW, DRAWN, NEXT_BUILD, SNAPSHOTS = 0, 1, 2, 3, 4
CLAMPED, REJECTED, SWAPPED = 5, 6, 7
COUNTERS = 8

# One move may not climb further than this many widths of the whole energy partition.
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
    """Where the loop writes, every `thin` steps."""

    thin: int
    steps: np.ndarray  # (n,) number of steps done at the draw
    positions: np.ndarray  # (n, dim)
    energies: np.ndarray  # (n,)
    exact_energies: np.ndarray  # (n,)
    multipliers: np.ndarray  # (n,)
    log_weights: np.ndarray  # (n,)
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
        for state in (walkers.position, walkers.velocity, walkers.force):
            state[0, i], state[1, i] = state[1, i], state[0, i]
    for level in (energy, walkers.exact_energy):
        level[0], level[1] = level[1], level[0]
    settle(walkers, 0, dynamics, hot, generator)
    settle(walkers, 1, dynamics, cold, generator)
    return 1


@njit(**LOOP)
def record(walkers, strategy, contour, pdf, draws, n, step):
    """Write the first walker down as draw n."""
    draws.steps[n] = step + 1
    for i in range(walkers.position.shape[1]):
        draws.positions[n, i] = walkers.position[0, i]
    draws.energies[n] = walkers.energy[0]
    draws.exact_energies[n] = walkers.exact_energy[0]
    draws.multipliers[n] = walkers.multiplier[0]
    draws.log_weights[n] = 0.0
    if strategy.kind == CONTOUR:
        draws.log_weights[n] = log_weight_at(pdf, contour, walkers.energy[0])


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
    """Exact energy, energy estimate and gradient estimate at walker w; False if not finite."""
    position, gradient, _ = scratch
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
        everything += gradient[i]
    return math.isfinite(everything)


@njit(**LOOP)
def steer(walkers, w, scratch):
    """The force on walker w: multiplier times gradient."""
    gradient = scratch[1]
    for i in range(gradient.size):
        walkers.force[w, i] = walkers.multiplier[w] * gradient[i]


@njit(**LOOP)
def take_step(
    callback, data, generator, walkers, w, plan, pdf, counters, scratch, step, decay
):  # fmt: skip
    """Move walker w, learn from where it came to, and find its next force; False if it diverged."""
    dynamics, strategy, contour = plan
    origin = scratch[2]
    step_size = decay * walkers.step_size[w]
    origin_energy = walkers.exact_energy[w]
    if dynamics.walls == REJECT:
        for i in range(origin.size):
            origin[i] = walkers.position[w, i]
    if not move(walkers, w, dynamics, step_size, generator):
        return False
    if dynamics.walls == REJECT and outside(walkers, w, dynamics.box):
        counters[REJECTED] += 1
        for i in range(origin.size):
            walkers.position[w, i] = origin[i]
            turn(walkers, w, i)
    if not evaluate(callback, data, generator, walkers, w, strategy, scratch):
        return False
    energy = walkers.energy[w]
    if strategy.kind == CONTOUR:
        if energy <= contour.low or energy > contour.high:
            counters[CLAMPED] += 1
            climb = walkers.exact_energy[w] - max(origin_energy, contour.high)
            if climb > RUNAWAY * (contour.high - contour.low):
                return False
        rebuild = step + 1 == counters[NEXT_BUILD]
        if rebuild:
            counters[NEXT_BUILD] += contour.rebuild_every
        walkers.multiplier[w] = learn(pdf, contour, energy, step, rebuild)
    steer(walkers, w, scratch)
    finish(walkers, w, dynamics, step_size)
    return True


_VECTOR, _MATRIX, _NUMBERS = float64[::1], float64[:, ::1], int64[::1]
_SIGNATURE = int64(
    CALLBACK,
    _MATRIX,
    GENERATOR,
    _type(Walkers, position=_MATRIX, velocity=_MATRIX, noise=_MATRIX, force=_MATRIX),
    _type(
        Plan,
        dynamics=_type(Dynamics, box=_MATRIX),
        strategy=_type(Strategy),
        contour=_type(Contour),
    ),
    _type(EnergyPdf),
    _type(Draws, steps=_NUMBERS, positions=_MATRIX, snapshot_steps=_NUMBERS, snapshots=_MATRIX),
    _NUMBERS,
    types.UniTuple(_VECTOR, 3),
    int64,
)


@njit(_SIGNATURE, **LOOP)
def advance(callback, data, generator, walkers, plan, pdf, draws, counters, scratch, stop):
    """Advance one chain to step `stop`; 0, or 1 + the number of the walker that diverged."""
    dynamics, strategy, contour = plan
    count = walkers.energy.size
    if counters[STEP] < 0:  # the first force, before any move
        for w in range(count):
            if not evaluate(callback, data, generator, walkers, w, strategy, scratch):
                return 1 + w
            if strategy.kind == CONTOUR:
                walkers.multiplier[w] = multiplier_at(pdf, contour, walkers.energy[w])
            steer(walkers, w, scratch)
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
