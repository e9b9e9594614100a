"""The floor of a step: its random numbers and transcendental functions, and nothing else.

What a step of a sampler on E2 cannot do without, with the same primitives (numba, numpy's
Generator, libm) and the same compiler options:

| floor     | normals | sine and cosine of | exp                    | log              |
|-----------|---------|--------------------|------------------------|------------------|
| sgld      | 5       | 2 angles           |                        |                  |
| contour   | 5       | 2 angles           | 1: Psi^zeta            | 100 in 200 steps |
| published | 5       | 2 angles           | 2: theta^zeta, k^power | 3                |

Normals: two for the move, two for the gradient, one for the energy. Contour rebuilds log Psi, one
log for each of its 100 nodes, once in 200 steps. The three logs of the published scheme are those
of the changed cell (which serves theta^zeta too), of the total, and of k.

Not counted, so that no floor is too high: what is constant during a run (the square root before the
noise and BAOAB's exponential: all integrators have one floor), the cosine and the square root of a
cyclical step size, the uniform number and the exponential of a swap, arithmetic, memory, walls,
and what is done once for each draw.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

BLOCK = 200  # steps from one log Psi to the next, at 100 nodes


class Operations(NamedTuple):
    """How often a step calls each function; `block_logs` are calls in one block of steps."""

    normals: int
    angles: int  # of which both sine and cosine are taken
    exps: int
    logs: int
    block_logs: int


FLOORS = {
    "sgld": Operations(5, 2, 0, 0, 0),
    "contour": Operations(5, 2, 1, 0, BLOCK // 2),
    "published": Operations(5, 2, 2, 3, 0),
}


def compile_floor(operations):
    """A compiled loop (generator, path) -> sum, one turn for each row of a `path`."""
    normals, angles, exps, logs, block_logs = operations

    # The samplers' options (csgld_core.kernels.LOOP), but nothing is cached.
    @njit(nogil=True, error_model="numpy", _nrt=False)
    def run(generator, path):
        total = 0.0
        for step in range(path.shape[0]):
            for _ in range(normals):
                total += generator.standard_normal()
            for i in range(angles):
                total += math.cos(path[step, i]) + math.sin(path[step, i])
            for i in range(exps):
                total += math.exp(path[step, 2] * (1.0 - 0.1 * i))
            for i in range(logs):
                total += math.log(path[step, 3] * (1.0 + i))
            if block_logs > 0 and step % BLOCK == BLOCK - 1:
                for i in range(block_logs):
                    total += math.log(path[step - i, 3])
        return total

    return run


def recorded_path(run, zeta):
    """The arguments that a sampler met: two angles, an exponent and a theta for each step.

    Parameters
    ----------
    run : Run
        On E2, with every step kept and the running weights.
    zeta : float

    Returns
    -------
    array (steps, 4)
    """
    log_weights = run.log_weights[0]
    angles = 1.2 * math.pi * run.positions[0]
    return np.column_stack([angles, log_weights, np.exp(log_weights / zeta)])


def uniform_path(path, box, seed=0):
    """The same path, but each angle from a fresh uniform position: libm's branches guess worse."""
    positions = np.random.default_rng(seed).uniform(*box, size=(len(path), 2))
    return np.column_stack([1.2 * math.pi * positions, path[:, 2:]])
