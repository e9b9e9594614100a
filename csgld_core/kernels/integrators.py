"""One step of Langevin dynamics under a force F = multiplier * grad U, at temperature tau.

- Euler:               x <- x - eps F + sqrt(2 tau eps) xi_k
- Leimkuhler-Matthews: x <- x - eps F + sqrt(2 tau eps) (xi_k + xi_{k+1}) / 2
- BAOAB, step h:       v <- v - h/2 F;  x <- x + h/2 v;
                       v <- e^(-gamma h) v + sqrt(tau (1 - e^(-2 gamma h))) xi;
                       x <- x + h/2 v;  new F;  v <- v - h/2 F
- MALA: the Euler step, accepted by Metropolis and Hastings for the density that F belongs to.

(Leimkuhler & Matthews 2013; Roberts & Tweedie 1996.) A step is `integrate`, a new force, then
`finish`: one gradient each.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from . import LOOP

EULER, LEIMKUHLER_MATTHEWS, BAOAB, MALA = 0, 1, 2, 3
INTEGRATORS = {
    "euler": EULER,
    "leimkuhler_matthews": LEIMKUHLER_MATTHEWS,
    "baoab": BAOAB,
    "mala": MALA,
}
UNDERDAMPED = ("baoab",)  # with a velocity; their step size is h

NO_WALLS, REFLECT, REJECT = 0, 1, 2
WALLS = {"reflect": REFLECT, "reject": REJECT}


class Walkers(NamedTuple):
    """The moving state of w walkers."""

    position: np.ndarray  # (w, dim)
    velocity: np.ndarray  # (w, dim), for BAOAB
    noise: np.ndarray  # (w, dim), of the last step, which Leimkuhler-Matthews uses once more
    gradient: np.ndarray  # (w, dim), the estimate that the sampler uses
    energy: np.ndarray  # (w,), the estimate that the sampler uses
    exact_energy: np.ndarray  # (w,), without the target's noise
    multiplier: np.ndarray  # (w,), of the gradient: F = multiplier * gradient
    step_size: np.ndarray  # (w,), the peak if cyclical
    temperature: np.ndarray  # (w,)
    ceiling: np.ndarray  # (w,) with contours: a climb up to here is no sign of a runaway
    lowest_energy: np.ndarray  # (w,) with contours: the lowest that the walker has met
    lowest_position: np.ndarray  # (w, dim) where it met it


class Origin(NamedTuple):
    """Where a move began, in case it is taken back."""

    position: np.ndarray  # (dim,)
    gradient: np.ndarray  # (dim,)
    energy: np.ndarray  # (1,)
    multiplier: np.ndarray  # (1,)
    log_psi: np.ndarray  # (1,)


class Dynamics(NamedTuple):
    """Integrator and domain of one run."""

    integrator: int
    friction: float
    walls: int
    box: np.ndarray  # (2, dim)


@njit(**LOOP)
def integrate(walkers, w, dynamics, step_size, generator):
    """Move walker w under its present force; False if it overshot a wall by more than the box."""
    position, gradient = walkers.position, walkers.gradient
    temperature, multiplier = walkers.temperature[w], walkers.multiplier[w]
    dim = position.shape[1]
    if dynamics.integrator == BAOAB:
        velocity = walkers.velocity
        keep = math.exp(-dynamics.friction * step_size)
        kick = math.sqrt(temperature * (1.0 - keep * keep))
        half = 0.5 * step_size
        for i in range(dim):
            velocity[w, i] -= half * (multiplier * gradient[w, i])
            position[w, i] += half * velocity[w, i]
        inside = reflect(walkers, w, dynamics)
        for i in range(dim):
            velocity[w, i] = keep * velocity[w, i] + kick * generator.standard_normal()
            position[w, i] += half * velocity[w, i]
        return reflect(walkers, w, dynamics) and inside
    kick = math.sqrt(2.0 * temperature * step_size)
    drift = step_size * multiplier
    if dynamics.integrator == LEIMKUHLER_MATTHEWS:
        noise = walkers.noise
        for i in range(dim):
            fresh = generator.standard_normal()
            position[w, i] += 0.5 * kick * (noise[w, i] + fresh) - drift * gradient[w, i]
            noise[w, i] = fresh
    else:
        for i in range(dim):
            position[w, i] += kick * generator.standard_normal() - drift * gradient[w, i]
    return reflect(walkers, w, dynamics)


@njit(**LOOP)
def finish(walkers, w, dynamics, step_size):
    """What is left of the step once the new force is known."""
    if dynamics.integrator == BAOAB:
        half = 0.5 * step_size
        for i in range(walkers.velocity.shape[1]):
            walkers.velocity[w, i] -= half * (walkers.multiplier[w] * walkers.gradient[w, i])


@njit(**LOOP)
def log_proposal_ratio(walkers, w, step_size, origin):
    """log q(x | y) - log q(y | x) of MALA's move of walker w from x = origin to y.

    q(y | x) is the normal density of y around x - eps F(x) with variance 2 tau eps.
    """
    multiplier, origin_multiplier = walkers.multiplier[w], origin.multiplier[0]
    back = forth = 0.0
    for i in range(origin.position.size):
        moved = walkers.position[w, i] - origin.position[i]
        back += (step_size * multiplier * walkers.gradient[w, i] - moved) ** 2
        forth += (step_size * origin_multiplier * origin.gradient[i] + moved) ** 2
    return (forth - back) / (4.0 * walkers.temperature[w] * step_size)


@njit(**LOOP)
def settle(walkers, w, dynamics, former_temperature, generator):
    """After a swap: adapt what walker w carries, which came from another temperature.

    Momenta scale with the square root of the temperature. The normal xi of Leimkuhler-Matthews is
    drawn anew from its distribution at this x: x - sqrt(tau eps / 2) xi is independent of xi, hence
    E[xi | x] = sqrt(eps / (2 tau)) F to first order in eps.
    """
    temperature, step_size = walkers.temperature[w], walkers.step_size[w]
    warming = math.sqrt(temperature / former_temperature)
    for i in range(walkers.position.shape[1]):
        walkers.velocity[w, i] *= warming
        if dynamics.integrator == LEIMKUHLER_MATTHEWS:
            force = walkers.multiplier[w] * walkers.gradient[w, i]
            pull = math.sqrt(0.5 * step_size / temperature) * force
            walkers.noise[w, i] = generator.standard_normal() + pull


@njit(**LOOP)
def turn(walkers, w, i):
    """Mirror what walker w carries along coordinate i, the noise used once more included."""
    walkers.velocity[w, i] = -walkers.velocity[w, i]
    walkers.noise[w, i] = -walkers.noise[w, i]


@njit(**LOOP)
def reflect(walkers, w, dynamics):
    """Mirror walker w at the walls it crossed; False if it overshot by more than the box."""
    if dynamics.walls != REFLECT:
        return True
    position, box = walkers.position, dynamics.box
    for i in range(position.shape[1]):
        x, low, high = position[w, i], box[0, i], box[1, i]
        if x < low or x > high:
            x = 2.0 * low - x if x < low else 2.0 * high - x
            if not low <= x <= high:
                return False
            position[w, i] = x
            turn(walkers, w, i)
    return True


@njit(**LOOP)
def outside(walkers, w, box):
    """Whether walker w is outside the box."""
    for i in range(walkers.position.shape[1]):
        x = walkers.position[w, i]
        if x < box[0, i] or x > box[1, i]:
            return True
    return False
