"""Minibatches: random subsets of the rows of a data set, and the variance they cause."""

import numpy as np
from numba import njit

from . import checks
from .target import FAST


@njit(**FAST)
def draw_minibatch(rows, size, replacement, generator):
    """`size` of the numbers 0 ... rows - 1, all alike probable, in O(size).

    Without replacement by Floyd's algorithm (Bentley & Floyd, Communications of the ACM 30, 1987):
    for j = rows - size ... rows - 1 take a uniform one of 0 ... j, or j itself if that is taken.
    For use inside a compiled `estimate`.

    Parameters
    ----------
    rows : int
    size : int
        At least 1; at most `rows` without replacement. Not checked.
    replacement : bool
        Whether a number may come more than once.
    generator : numpy.random.Generator

    Returns
    -------
    array (size,) of int64
    """
    chosen = np.empty(size, dtype=np.int64)
    if replacement:
        for n in range(size):
            chosen[n] = int(generator.random() * rows)
        return chosen
    slots = 4
    while slots < 2 * size:
        slots *= 2
    table = np.full(slots, -1, dtype=np.int64)  # what was chosen, each at the next free slot
    for n in range(size):
        last = rows - size + n
        candidate = int(generator.random() * (last + 1))
        slot = candidate & (slots - 1)
        while table[slot] >= 0 and table[slot] != candidate:
            slot = (slot + 1) & (slots - 1)
        if table[slot] == candidate:  # taken; nothing so far is as large as `last`
            candidate = last
            slot = candidate & (slots - 1)
            while table[slot] >= 0:
                slot = (slot + 1) & (slots - 1)
        table[slot] = candidate
        chosen[n] = candidate
    return chosen


def minibatch_variance(energies, size, replacement=False):
    """Variance of rows / size * (sum of `energies` over a minibatch).

    With replacement it is rows^2 / size times the mean squared deviation from the mean; without,
    that times (rows - size) / (rows - 1) (Cochran, Sampling Techniques, chapter 2).

    Parameters
    ----------
    energies : array (rows,)
        The energy of each row.
    size : int
        Rows in a minibatch.
    replacement : bool

    Returns
    -------
    float
    """
    energies = checks.array("energies", energies, (None,), allowed="finite numbers (n,), n >= 1")
    rows = len(energies)
    if rows == 0:
        raise checks.refused("energies", energies, "finite numbers (n,), n >= 1")
    replacement = checks.flag("replacement", replacement)
    size = checks.integer("size", size, least=1, most=None if replacement else rows)
    variance = rows**2 / size * float(np.var(energies))
    return variance if replacement else variance * (rows - size) / max(rows - 1, 1)
