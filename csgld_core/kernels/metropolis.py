"""Random-walk Metropolis: the one loop of Wang-Landau sampling and SAMC, and moves for annealing.

The algorithms are described at the top of `csgld_core/samplers/flat_histogram.py`, and in
`csgld_core/samplers/importance.py`.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import float64, from_dtype, int64, njit, void

from . import CALLBACK, GENERATOR, LOOP, MATRIX, NUMBERS, PROPOSE, keep_on_disk, kernel, tuple_type
from .energy_pdf import cell_of

FLATNESS, ONE_OVER_T, SAMC = 0, 1, 2
ENTRY_MOVES = 1_000_000  # to get into the partition


class Rules(NamedTuple):
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
    progress: np.ndarray  # (1,) of PROGRESS


class Learned(NamedTuple):
    """What the walker knows of each cell; log g is `sums` less drift * `desired`."""

    sums: np.ndarray  # (bins,)
    desired: np.ndarray  # (bins,) share of the visits
    visits: np.ndarray  # (bins,)
    recent: np.ndarray  # (bins,) visits since the gain was halved
    energy_sums: np.ndarray  # (bins,)
    history_steps: np.ndarray  # (s,)
    history: np.ndarray  # (s,)


# What changes with every move, by name.
PROGRESS = np.dtype(
    [
        *((name, np.float64) for name in ("energy", "gain", "drift")),  # drift: sum of all gains
        *(
            (name, np.int64)
            for name in (
                "step",
                "evaluations",
                "outside",
                "next_check",
                "falling",  # as 1 / t
                "finished",
                "shots",  # of the gain, in its history
                "cells",  # visited
                "lowest",  # cell visited
                "highest",
                "heading",
                "round_trips",
                "wrong",  # energies that are NaN or minus infinity
            )
        ),
    ]
)
UP, DOWN = 1, 2


@keep_on_disk
@njit(nogil=True)
def no_propose(state, energy, proposal, data, generator):
    return math.nan


@keep_on_disk
@njit(nogil=True)
def no_callback(position, gradient, data, generator):
    return math.nan


@njit(**LOOP)
def propose_move(propose, callback, data, generator, rules, walk, state, proposal):
    """Fill the proposal and return its energy; NaN outside the box, where none is evaluated."""
    if rules.continuous:
        inside = True
        for i in range(state.size):
            proposal[i] = state[i] + rules.step_size * generator.standard_normal()
            inside &= rules.box[0, i] <= proposal[i] <= rules.box[1, i]
        if not inside:
            return math.nan
        for i in range(state.size):
            walk.position[i] = proposal[i]
        energy = callback(walk.position, walk.gradient, data, generator)
    else:
        energy = propose(state, walk.progress[0].energy, proposal, data, generator)
    walk.progress[0].evaluations += 1
    walk.progress[0].wrong += not energy > -math.inf
    return energy


@njit(**LOOP)
def log_g_at(learned, walk, cell):
    """log g as it stands, but for a constant."""
    return learned.sums[cell] - walk.progress[0].drift * learned.desired[cell]


@njit(**LOOP)
def discover(learned, walk, cell):
    """Give a new cell the smallest g of those known."""
    progress = walk.progress[0]
    lowest = math.inf
    for known in range(learned.visits.size):
        if learned.visits[known] > 0:
            lowest = min(lowest, log_g_at(learned, walk, known))
    if progress.cells > 0:
        learned.sums[cell] = lowest + walk.progress[0].drift * learned.desired[cell]
    if progress.cells == 0 or cell < progress.lowest:
        progress.lowest, progress.heading, progress.round_trips = cell, 0, 0
    if progress.cells == 0 or cell > progress.highest:
        progress.highest, progress.heading, progress.round_trips = cell, 0, 0
    progress.cells += 1


@njit(**LOOP)
def count_round_trips(progress, cell):
    """From the lowest cell to the highest and back is one."""
    if progress.lowest == progress.highest:
        return
    if cell == progress.lowest and progress.heading != UP:
        progress.round_trips += progress.heading == DOWN
        progress.heading = UP
    elif cell == progress.highest and progress.heading == UP:
        progress.heading = DOWN


@njit(**LOOP)
def halve_if_flat(rules, learned, walk):
    """Halve the gain if the recent visits allow it; cells never visited do not count."""
    recent, sums = learned.recent, learned.sums
    total, least, lowest = 0, recent[walk.progress[0].lowest], math.inf
    for cell in range(recent.size):
        if learned.visits[cell] > 0:
            total += recent[cell]
            least = min(least, recent[cell])
            lowest = min(lowest, sums[cell])
    enough = 1.0
    if rules.schedule == FLATNESS:
        enough = rules.flatness * total / walk.progress[0].cells
    if least < enough:
        return False
    walk.progress[0].gain *= 0.5
    for cell in range(recent.size):
        recent[cell] = 0
        sums[cell] -= lowest  # small numbers keep small gains exact
    return True


@njit(**LOOP)
def next_gain(rules, learned, walk, step):
    """The gain of move number `step` = 1, 2, ..."""
    progress = walk.progress[0]
    if rules.schedule == SAMC:
        return rules.t0 / max(rules.t0, step)
    if step == progress.next_check and not progress.falling:
        progress.next_check += rules.check_every
        if halve_if_flat(rules, learned, walk) and rules.schedule == ONE_OVER_T:
            progress.falling = progress.gain * step <= progress.cells
    if progress.falling:
        return min(progress.gain, progress.cells / step)
    return progress.gain


_MODEL = (PROPOSE, CALLBACK, MATRIX, GENERATOR)
_RULES = tuple_type(Rules, box=MATRIX)
_WALK = tuple_type(Walk, progress=from_dtype(PROGRESS)[::1])
_LEARNED = tuple_type(Learned, visits=NUMBERS, recent=NUMBERS, history_steps=NUMBERS)


@kernel(void(*_MODEL, _RULES, _WALK), **LOOP)
def enter(propose, callback, data, generator, rules, walk):
    """Walk into the partition, never further away from it; the energy tells whether it arrived."""
    state, proposal, progress = walk.state, walk.proposal, walk.progress[0]
    for _ in range(ENTRY_MOVES):
        energy = progress.energy
        if rules.low < energy <= rules.high or walk.progress[0].wrong:
            return
        new = propose_move(propose, callback, data, generator, rules, walk, state, proposal)
        if max(rules.low - new, new - rules.high) <= max(rules.low - energy, energy - rules.high):
            progress.energy = new
            for i in range(state.size):
                state[i] = proposal[i]


NOTICE = "its flat-histogram loop, once for this machine: about five seconds."


@kernel(void(*_MODEL, _RULES, _WALK, _LEARNED, int64), NOTICE, **LOOP)
def advance(propose, callback, data, generator, rules, walk, learned, stop):
    """Advance the walk to step `stop`: the one Metropolis loop of all schedules and models."""
    progress = walk.progress[0]
    state, proposal = walk.state, walk.proposal
    cell = cell_of(progress.energy, rules)
    for step in range(progress.step + 1, stop + 1):
        if progress.finished or progress.wrong:
            break
        new = propose_move(propose, callback, data, generator, rules, walk, state, proposal)
        if rules.low < new <= rules.high:
            new_cell = cell_of(new, rules)
            log_ratio = log_g_at(learned, walk, cell) - log_g_at(learned, walk, new_cell)
            welcome = log_ratio >= 0.0 or learned.visits[new_cell] == 0
            if welcome or generator.random() < math.exp(log_ratio):
                state, proposal = proposal, state
                progress.energy, cell = new, new_cell
        else:
            progress.outside += 1
        if learned.visits[cell] == 0:
            discover(learned, walk, cell)
        gain = next_gain(rules, learned, walk, step)
        progress.gain = gain
        progress.drift += gain
        learned.sums[cell] += gain
        learned.visits[cell] += 1
        learned.recent[cell] += 1
        learned.energy_sums[cell] += progress.energy
        count_round_trips(progress, cell)
        shot = progress.shots
        if shot < learned.history_steps.size and learned.history_steps[shot] == step:
            learned.history[shot] = gain
            progress.shots += 1
        progress.finished = gain < rules.final
        progress.step = step
    for i in range(state.size):  # after an odd number of moves the two have changed places
        here, there = state[i], proposal[i]
        walk.state[i], walk.proposal[i] = here, there


# --- annealed importance sampling: many particles at once -----------------------------------------


class Places(NamedTuple):
    """Where particles are."""

    positions: np.ndarray  # (n, dim)
    log_base: np.ndarray  # (n,) log density of the base
    log_target: np.ndarray  # (n,) -U / tau, minus infinity outside the box


PLACES = tuple_type(Places, positions=MATRIX)


@kernel(
    int64(CALLBACK, MATRIX, GENERATOR, MATRIX, float64, float64, PLACES, PLACES),
    nogil=True,
)
def propose_moves(callback, data, generator, box, temperature, step, now, new):
    """A random-walk move of every particle: how many energies that took, -1 if one is no number."""
    particles, dim = now.positions.shape
    position, gradient = np.empty(dim), np.empty(dim)
    evaluated, wrong = 0, False
    for n in range(particles):
        inside = True
        for i in range(dim):
            position[i] = now.positions[n, i] + step * generator.standard_normal()
            inside &= box[0, i] <= position[i] <= box[1, i]
        new.positions[n] = position
        new.log_target[n] = -math.inf
        if inside:
            new.log_target[n] = -callback(position, gradient, data, generator) / temperature
            evaluated += 1
            wrong |= not new.log_target[n] < math.inf
    return -1 if wrong else evaluated


@kernel(void(GENERATOR, float64, PLACES, PLACES), nogil=True)
def accept_moves(generator, beta, now, new):
    """Metropolis for base^(1-beta) target^beta; where either density is 0, NaN is a rejection."""
    for n in range(now.log_base.size):
        log_ratio = (1.0 - beta) * (new.log_base[n] - now.log_base[n])
        log_ratio += beta * (new.log_target[n] - now.log_target[n])
        if -generator.standard_exponential() < log_ratio:
            now.positions[n] = new.positions[n]
            now.log_base[n] = new.log_base[n]
            now.log_target[n] = new.log_target[n]
