"""Posterior densities of models with data, whose energies minibatches estimate.

A minibatch is a random subset of the rows of a data set.
"""

import math

import numpy as np
from numba import njit
from scipy import optimize

from .. import checks
from ..kernels import FAST
from .callback import energy_function
from .target import Target, catalogued


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


# --- data and minibatch of a target ---------------------------------------------------------------

# The first column of the first rows of a target's data; one row for each datum follows.
BATCH_SIZE, REPLACEMENT, PRIOR_PRECISION, HEADER = 0, 1, 2, 3


def _data(rows, batch_size, replacement, prior_precision):
    """The data (HEADER + n, columns) of a target, after a check of the minibatch's size."""
    replacement = checks.flag("replacement", replacement)
    header = np.zeros((HEADER, rows.shape[1]))
    if batch_size is not None:
        most = None if replacement else len(rows)
        header[BATCH_SIZE, 0] = checks.integer("batch_size", batch_size, least=1, most=most)
    header[REPLACEMENT, 0] = replacement
    header[PRIOR_PRECISION, 0] = prior_precision
    return np.vstack([header, rows])


@njit(**FAST)
def _everything(data):
    return np.arange(data.shape[0] - HEADER)


@njit(**FAST)
def _minibatch(data, generator):
    size, replacement = int(data[BATCH_SIZE, 0]), data[REPLACEMENT, 0] > 0.0
    return draw_minibatch(data.shape[0] - HEADER, size, replacement, generator)


def _variance(energies, batch_size, replacement):
    """Largest variance of an energy estimate, from energies (modes, n) of each datum at modes."""
    if batch_size is None:
        return None
    return max(minibatch_variance(of_mode, batch_size, replacement) for of_mode in energies)


# --- a mixture with one unknown -------------------------------------------------------------------

SPREAD, MIRROR = 5.0, 20.0


@njit(**FAST)
def _mixture_energy(position, gradient, data, chosen):
    """Energy and gradient of the chosen data, times their share of all."""
    phi, log_height = position[0], math.log(2.0 * SPREAD * math.sqrt(2.0 * math.pi))
    energy, slope = 0.0, 0.0
    for n in chosen:
        left = (data[HEADER + n, 0] - phi) / SPREAD
        right = (data[HEADER + n, 0] - MIRROR + phi) / SPREAD
        nearer = min(left * left, right * right)
        small = math.exp(-0.5 * abs(left * left - right * right))
        energy += 0.5 * nearer - math.log1p(small) + log_height
        major, minor = (left, -right) if left * left == nearer else (-right, left)
        slope -= (major + small * minor) / (1.0 + small) / SPREAD
    share = (data.shape[0] - HEADER) / chosen.size
    gradient[0] = share * slope
    return share * energy


@energy_function
def _mixture_posterior(position, gradient, data, generator):
    return _mixture_energy(position, gradient, data, _everything(data))


@energy_function
def _mixture_estimate(position, gradient, data, generator):
    return _mixture_energy(position, gradient, data, _minibatch(data, generator))


def mixture_data(n=1000, seed=0):
    """`n` draws (n,) from N(-5, 5^2) / 2 + N(25, 5^2) / 2, the data of E5."""
    n = checks.integer("n", n, least=1)
    checks.memory(8 * 6 * n, n=n)
    generator = np.random.default_rng(checks.integer("seed", seed, least=0))
    means = np.where(generator.random(n) < 0.5, -5.0, 25.0)
    return means + SPREAD * generator.standard_normal(n)


@catalogued
def mixture_posterior(data, batch_size=None, *, replacement=False):
    """E5: U(phi) = -sum_i log(N(x_i; phi, 5^2) / 2 + N(x_i; 20 - phi, 5^2) / 2), a flat prior.

    Parameters
    ----------
    data : array (n,)
        The x_i, as from `mixture_data`.
    batch_size : int or None
        Samplers see n / batch_size times the sum over a random minibatch, drawn anew each time;
        None shows them all data.
    replacement : bool
        Whether a datum may come more than once in a minibatch.

    Returns
    -------
    Target
        Of dim 1; its modes are the minima of U, and its energy variance the largest at these.

    Raises
    ------
    ValueError
        If an argument is outside what is listed here.
    """
    allowed = "finite numbers of shape (n,), n >= 1"
    data = checks.array("data", data, (None,), allowed=allowed)
    if data.size == 0:
        raise ValueError(f"data must be {allowed}, got {data!r}")
    rows = _data(data[:, None], batch_size, replacement, 0.0)
    modes = _minima(Target(_mixture_posterior, 1, data=rows), data)
    energies = -np.logaddexp(
        *(-0.5 * ((data - at) / SPREAD) ** 2 for at in (modes, MIRROR - modes))
    )
    return Target(
        _mixture_posterior,
        1,
        name="mixture_posterior",
        modes=modes,
        data=rows,
        estimate=None if batch_size is None else _mixture_estimate,
        energy_variance=_variance(energies, batch_size, replacement),
    )


def _minima(target, data):
    """All local minima (k, 1) of an energy of one unknown, which lie where the data do."""
    ends = np.concatenate([data, MIRROR - data])
    grid = np.linspace(ends.min() - 1.0, ends.max() + 1.0, 400)
    energies = target.energies(grid[:, None])
    lower = (energies[1:-1] < energies[:-2]) & (energies[1:-1] <= energies[2:])
    found = [
        optimize.minimize_scalar(
            lambda x: target.energies([[x]])[0],
            bounds=(grid[n], grid[n + 2]),
            method="bounded",
            options={"xatol": 1e-9},
        ).x
        for n in np.flatnonzero(lower)
    ]
    return np.array(found)[:, None]


# --- logistic regression --------------------------------------------------------------------------


@njit(fastmath={"reassoc", "contract"}, **FAST)  # lets the sum run in parallel lanes
def _dot(row, position):
    total = 0.0
    for i in range(position.size):
        total += row[i] * position[i]
    return total


@njit(**FAST)
def _logistic_energy(position, gradient, data, chosen):
    """Energy and gradient of the prior, and of the chosen data times their share of all."""
    share = (data.shape[0] - HEADER) / chosen.size
    precision = data[PRIOR_PRECISION, 0]
    for i in range(position.size):
        gradient[i] = precision * position[i]
    energy = 0.5 * precision * _dot(position, position)
    for n in chosen:
        row = data[HEADER + n]
        margin = _dot(row, position)
        small = math.exp(-abs(margin))
        energy += share * (math.log1p(small) + max(-margin, 0.0))
        pull = share * (small if margin > 0.0 else 1.0) / (1.0 + small)
        for i in range(position.size):
            gradient[i] -= pull * row[i]
    return energy


@energy_function
def _logistic_regression(position, gradient, data, generator):
    return _logistic_energy(position, gradient, data, _everything(data))


@energy_function
def _logistic_estimate(position, gradient, data, generator):
    return _logistic_energy(position, gradient, data, _minibatch(data, generator))


@catalogued
def logistic_regression(
    features,
    labels,
    *,
    prior_sd=1.0,
    batch_size=None,
    replacement=False,
    name="logistic_regression",
):
    """Bayesian logistic regression: P(y = 1 | x) = 1 / (1 + exp(-x . b)), b from N(0, s^2 I).

    U(b) = |b|^2 / (2 s^2) + sum_i log(1 + exp(-(2 y_i - 1) x_i . b)). There is no hidden intercept:
    add a column of ones for one.

    Parameters
    ----------
    features : array (n, dim)
        The x_i.
    labels : array (n,)
        The y_i, 0 or 1.
    prior_sd : float
        s.
    batch_size : int or None
        Samplers see the prior and n / batch_size times the sum over a random minibatch, drawn anew
        each time; None shows them all data.
    replacement : bool
        Whether a datum may come more than once in a minibatch.
    name : str

    Returns
    -------
    Target
        Its one mode is the minimum of U, where its energy variance is computed.

    Raises
    ------
    ValueError
        If an argument is outside what is listed here.
    """
    features = checks.array("features", features, (None, None))
    count, dim = features.shape
    if features.size == 0:
        raise ValueError(f"features must be (n, dim) with n, dim >= 1, got shape {features.shape}")
    labels = checks.array("labels", labels, (count,), allowed=f"{count} numbers, 0 or 1")
    if not np.isin(labels, (0.0, 1.0)).all():
        raise ValueError(f"labels must be 0 or 1, got {np.setdiff1d(labels, (0, 1)).tolist()}")
    precision = checks.number("prior_sd", prior_sd, above=0.0) ** -2
    rows = (2.0 * labels - 1.0)[:, None] * features
    data = _data(rows, batch_size, replacement, precision)
    exact = Target(_logistic_regression, dim, data=data)
    mode = optimize.minimize(
        lambda x: tuple(part[0] for part in exact._exactly(x[None])),
        np.zeros(dim),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 1_000, "gtol": 1e-8, "ftol": 1e-13},
    ).x
    return Target(
        _logistic_regression,
        dim,
        name=name,
        modes=mode[None],
        data=data,
        estimate=None if batch_size is None else _logistic_estimate,
        energy_variance=_variance(np.logaddexp(0.0, -(rows @ mode))[None], batch_size, replacement),
    )
