"""What the samplers are timed on: E2, and two targets that exist in any number of dimensions.

blackjax_side.py has the same energies under the same names.
"""

import math
from typing import NamedTuple

from numba import njit

import csgld_core as cc
from csgld_core.experiments import E2_PUBLISHED

SEPARATION = 2.0  # of a mode of the two Gaussians from the origin


class Problem(NamedTuple):
    """A target, the range of energies to flatten, the step size and the start."""

    name: str
    target: cc.Target
    low: float
    high: float
    step_size: float
    start: tuple | None = None  # None draws it from N(0, I)

    @property
    def settings(self):
        """Keywords of every sampler."""
        start = None if self.start is None else list(self.start)
        return {"target": self.target, "step_size": self.step_size, "start": start}

    def partition(self, bins):
        return cc.EnergyPartition(self.low, self.high, bins)


@njit
def _two_gaussians(position, gradient):
    square = 0.0
    for i in range(position.size):
        x = position[i]
        gradient[i] = x
        square += x * x
    pull = SEPARATION * position[0]
    other = math.exp(-2.0 * abs(pull))  # the further mode over the nearer one
    gradient[0] -= math.copysign(SEPARATION * (1.0 - other) / (1.0 + other), position[0])
    return 0.5 * square - abs(pull) - math.log1p(other)


@njit
def _cosine_wells(position, gradient):
    energy, frequency = 0.0, 1.2 * math.pi
    for i in range(position.size):
        x = position[i]
        angle = frequency * x
        gradient[i] = (2.0 * x + 10.0 * frequency * math.sin(angle)) / 3.0
        energy += (x * x - 10.0 * math.cos(angle)) / 3.0
    return energy


def nine_modes():
    """E2 as published: two dimensions, noise on the energy and on the gradient, a box."""
    cells = E2_PUBLISHED["partition"]
    return Problem(
        "nine_modes",
        E2_PUBLISHED["target"],
        cells.low,
        cells.high,
        E2_PUBLISHED["step_size"],
        E2_PUBLISHED["start"],
    )


def two_gaussians(dim):
    """U = |x|^2 / 2 - log 2 cosh(2 x_1): equal unit Gaussians at (-2, 0, ...) and (2, 0, ...).

    Up to a constant. What grows with d is arithmetic.
    """
    middle, sd = 0.5 * dim - 2.0, math.sqrt(0.5 * dim)
    target = cc.Target(_two_gaussians, dim, name="two Gaussians")
    return Problem("two_gaussians", target, middle - 8 * sd, middle + 8 * sd + 8, 1e-3)


def cosine_wells(dim):
    """U = sum_i (x_i^2 - 10 cos(1.2 pi x_i)) / 3: E2 without its wall, in any dimension.

    A sine and a cosine for every coordinate.
    """
    target = cc.Target(_cosine_wells, dim, name="cosine wells")
    return Problem("cosine_wells", target, -3.5 * dim, 3.5 * dim, 1e-3)
