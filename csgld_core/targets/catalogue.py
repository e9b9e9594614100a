"""The catalogue: targets by name, the experiments of the papers among them."""

import math

import numpy as np
from numba import njit

from .. import checks
from ..kernels import FAST
from .callback import energy_function
from .target import Target, catalogued


@njit(**FAST)
def _common_unit(highest, log_density):
    """The larger of two logarithms, and both numbers in units of its exponential."""
    if log_density > highest:
        return log_density, math.exp(highest - log_density), 1.0
    return highest, 1.0, math.exp(log_density - highest)


@energy_function
def _mixture(position, gradient, data, generator):
    # Row k of data: log(w_k N(mu_k; mu_k, S_k)), mu_k, and the inverse of S_k row by row.
    dim, components = position.size, data.shape[0]
    pull = np.empty(dim)  # S_k^-1 (x - mu_k)
    gradient[:] = 0.0
    highest, total = -np.inf, 0.0
    for k in range(components):
        distance = 0.0
        for i in range(dim):
            pull[i] = 0.0
            for j in range(dim):
                pull[i] += data[k, 1 + dim * (i + 1) + j] * (position[j] - data[k, 1 + j])
            distance += (position[i] - data[k, 1 + i]) * pull[i]
        highest, shrink, density = _common_unit(highest, data[k, 0] - 0.5 * distance)
        total = total * shrink + density
        for i in range(dim):
            gradient[i] = gradient[i] * shrink + density * pull[i]
    for i in range(dim):
        gradient[i] /= total
    return -highest - math.log(total)


@energy_function
def _diagonal_mixture(position, gradient, data, generator):
    # Row k of data: log(w_k N(mu_k; mu_k, S_k)), mu_k, and the inverse of the diagonal of S_k.
    dim, components = position.size, data.shape[0]
    gradient[:] = 0.0
    highest, total = -np.inf, 0.0
    for k in range(components):
        distance = 0.0
        for i in range(dim):
            distance += data[k, 1 + dim + i] * (position[i] - data[k, 1 + i]) ** 2
        highest, shrink, density = _common_unit(highest, data[k, 0] - 0.5 * distance)
        total = total * shrink + density
        for i in range(dim):
            pull = data[k, 1 + dim + i] * (position[i] - data[k, 1 + i])
            gradient[i] = gradient[i] * shrink + density * pull
    for i in range(dim):
        gradient[i] /= total
    return -highest - math.log(total)


@catalogued
def gaussian_mixture(weights, means, covariances, *, noise=0.0, name="gaussian_mixture"):
    """U = -log sum_k w_k N(x; mu_k, S_k), normalised, in any dimension.

    Parameters
    ----------
    weights : array (k,)
        Positive; divided by their sum.
    means : array (k, dim)
    covariances : array (k, dim, dim) or (k, dim)
        Symmetric and positive definite, or the variances along each axis. Diagonal ones cost
        O(k dim) an energy.
    noise : float
        See `Target`.

    Returns
    -------
    Target
        Its modes are the means; x belongs to the component of the largest w_k N(x; mu_k, S_k).

    Raises
    ------
    ValueError
        If an argument is outside what is listed here.
    """
    means = checks.array("means", means, (None, None))
    components, dim = means.shape
    weights = checks.array("weights", weights, (components,))
    if components == 0 or dim == 0:
        raise ValueError(f"means must be (k, dim) with k, dim >= 1, got shape {means.shape}")
    if not (weights > 0).all():
        raise ValueError(f"weights must be positive, got {weights.tolist()}")
    inverses, log_determinants = _inverses(covariances, components, dim)
    log_heights = np.log(weights / weights.sum()) - 0.5 * (
        dim * math.log(2 * math.pi) + log_determinants
    )

    def basin(positions):
        best, label = np.full(len(positions), -np.inf), np.zeros(len(positions), dtype=np.int64)
        for k in range(components):
            away = positions - means[k]
            pull = away * inverses[k] if inverses.ndim == 2 else away @ inverses[k]
            log_density = log_heights[k] - 0.5 * (pull * away).sum(axis=1)
            label[log_density > best] = k
            best = np.maximum(best, log_density)
        return label

    diagonal = inverses.ndim == 2
    round_tail = diagonal and (inverses[:, 1:] == inverses[:, 1:2]).all()
    return Target(
        _diagonal_mixture if diagonal else _mixture,
        dim,
        name=name,
        noise=noise,
        modes=means,
        basin=basin,
        data=np.hstack([log_heights[:, None], means, inverses.reshape(components, -1)]),
        axisymmetric=bool(round_tail and not means[:, 1:].any()),
    )


def _inverses(covariances, components, dim):
    """Inverses (k, dim, dim), or (k, dim) if all are diagonal, and log determinants (k,)."""
    shape = (components, dim) if checks.axes(covariances) == 2 else (components, dim, dim)
    allowed = f"finite numbers of shape {(components, dim, dim)} or {(components, dim)}"
    covariances = checks.array("covariances", covariances, shape, allowed=allowed)
    if covariances.ndim == 3:
        if not np.allclose(covariances, covariances.transpose(0, 2, 1)):
            raise ValueError(f"covariances must be symmetric, got {covariances.tolist()}")
        variances = np.diagonal(covariances, axis1=1, axis2=2)
        if np.count_nonzero(covariances) > np.count_nonzero(variances):
            if not (np.linalg.eigvalsh(covariances) > 0).all():
                raise ValueError(
                    f"covariances must be positive definite, got {covariances.tolist()}"
                )
            return np.linalg.inv(covariances), np.linalg.slogdet(covariances)[1]
        covariances = variances
    if not (covariances > 0).all():
        raise ValueError(f"covariances must be positive definite, got {covariances.tolist()}")
    return 1.0 / covariances, np.log(covariances).sum(axis=1)


@catalogued
def two_modes(noise=0.0):
    """E1: U = -log(0.4 N(x; -6, 1) + 0.6 N(x; 4, 1)) (CSGLD paper, section 4.1)."""
    return gaussian_mixture(
        [0.4, 0.6], [[-6.0], [4.0]], np.ones((2, 1, 1)), noise=noise, name="two_modes"
    )


@catalogued
def gaussian_grid(noise=0.0):
    """E4: 25 equal Gaussians on the grid {-4, -2, 0, 2, 4}^2, covariance 0.03 I."""
    axis = np.arange(-4.0, 5.0, 2.0)
    means = np.array([[a, b] for a in axis for b in axis])
    covariances = np.tile(0.03 * np.eye(2), (25, 1, 1))
    return gaussian_mixture(np.ones(25), means, covariances, noise=noise, name="gaussian_grid")


@catalogued
def phase_coexistence(dim, noise=0.0):
    """E7: U = -log(N(x; 0, I) / 2 + N(x; 1.5 e_1, 0.25^2 I) / 2), a broad and a narrow phase.

    As at a first-order phase transition, the two have equal masses and different energies.
    """
    dim = checks.integer("dim", dim, least=1)
    checks.memory(8 * 40 * dim, dim=dim)
    means, variances = np.zeros((2, dim)), np.ones((2, dim))
    means[1, 0], variances[1] = 1.5, 0.25**2
    return gaussian_mixture([1, 1], means, variances, noise=noise, name="phase_coexistence")


@energy_function
def _nine_modes(position, gradient, data, generator):
    third, frequency = 1.0 / 3.0, 1.2 * math.pi
    energy, radius2 = 0.0, 0.0
    for i in range(2):
        x = position[i]
        angle = frequency * x
        energy += third * (x * x - 10.0 * math.cos(angle))
        gradient[i] = third * (2.0 * x + 10.0 * frequency * math.sin(angle))
        radius2 += x * x
    if radius2 > 7.0:
        energy += radius2 - 7.0
        for i in range(2):
            gradient[i] += 2.0 * position[i]
    return energy


# Roots of 2 x + 12 pi sin(1.2 pi x): where basins meet, and the outer minima.
NINE_MODES_BORDER = 0.8452317509650
NINE_MODES_OUTER = 1.6435091653246


def _nine_basins(positions):
    column = np.digitize(positions, [-NINE_MODES_BORDER, NINE_MODES_BORDER])
    return 3 * column[:, 0] + column[:, 1]


@catalogued
def nine_modes(noise=0.0):
    """E2: U = sum_i (x_i^2 - 10 cos(1.2 pi x_i)) / 3 + max(0, |x|^2 - 7) on [-2.5, 2.5]^2."""
    axis = [-NINE_MODES_OUTER, 0.0, NINE_MODES_OUTER]
    modes = [[a, b] for a in axis for b in axis]
    return Target(
        _nine_modes,
        2,
        box=(-2.5, 2.5),
        name="nine_modes",
        noise=noise,
        modes=modes,
        basin=_nine_basins,
    )


@energy_function
def _twenty_five_wells(position, gradient, data, generator):
    energy, radius2 = 0.0, 0.0
    for i in range(2):
        x = position[i]
        angle = 2.0 * math.pi * x
        energy += 0.2 * x * x - 2.0 * math.cos(angle)
        gradient[i] = 0.4 * x + 4.0 * math.pi * math.sin(angle)
        radius2 += x * x
    if radius2 > 20.0:
        energy += radius2 - 20.0
        for i in range(2):
            gradient[i] += 2.0 * position[i]
    return energy


@catalogued
def twenty_five_wells(noise=0.0):
    """E3: U = (|x|^2 / 10 - sum_i cos 2 pi x_i) / 0.5 + max(0, |x|^2 - 20) on [-2.5, 2.5]^2."""
    axis = np.arange(-2.0, 3.0)
    modes = [[a, b] for a in axis for b in axis]
    return Target(
        _twenty_five_wells, 2, box=(-2.5, 2.5), name="twenty_five_wells", noise=noise, modes=modes
    )
