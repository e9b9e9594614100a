"""The moves of annealed importance sampling, for many particles at once."""

import math
from typing import NamedTuple

import numpy as np
from numba import float64, int64, void

from . import CALLBACK, GENERATOR, MATRIX, kernel, tuple_type


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
def propose(callback, data, generator, box, temperature, step, now, new):
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
def accept(generator, beta, now, new):
    """Metropolis for base^(1-beta) target^beta; where either density is 0, NaN is a rejection."""
    for n in range(now.log_base.size):
        log_ratio = (1.0 - beta) * (new.log_base[n] - now.log_base[n])
        log_ratio += beta * (new.log_target[n] - now.log_target[n])
        if -generator.standard_exponential() < log_ratio:
            now.positions[n] = new.positions[n]
            now.log_base[n] = new.log_base[n]
            now.log_target[n] = new.log_target[n]
