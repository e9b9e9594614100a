"""Truths by quadrature, for targets of one or two dimensions and axisymmetric ones of any.

How the grids are made, and what their errors are, stands in `quadrature.py` beside this file.
"""

import math
from typing import NamedTuple

import numpy as np

from .. import checks
from ..partition import EnergyPartition
from ..results.weights import of_positions
from ..scheme import CELL, CONSISTENT, GAINS, ContourScheme, log_psi
from .quadrature import (
    PANELS,
    answer,
    at,
    both,
    check_target,
    domain,
    grids,
    in_half_plane,
    remember,
)

__all__ = [
    "contour_fixed_point",
    "contour_mean",
    "domain",
    "energy_pdf",
    "expectation",
    "histogram",
    "histogram_bins",
    "ising_density_of_states",
    "mode_masses",
    "moments",
]

SHOWN_DEPTH = 12.0  # histograms end where the density has fallen by exp(-SHOWN_DEPTH)
LEVELS = 8_000


def __dir__():
    return __all__


class Moments(NamedTuple):
    """Moments of exp(-U / tau) / z."""

    z: float  # integral of exp(-U / tau)
    log_z: float
    mean: np.ndarray  # (dim,) E[x]
    second: np.ndarray  # (dim,) E[x_i^2]
    squared_norm: float  # E[|x|^2]
    energy: float  # E[U]
    error: float  # largest error estimate of these, for log_z rather than z


def expectation(function, target, temperature=1.0, *, with_error=False):
    """E[f(x)] under exp(-U / tau).

    Parameters
    ----------
    function : callable
        positions (n, dim) -> values (n,) or (n, k). Above two dimensions it is evaluated at
        (x_1, r, 0, ..., 0) only, which is exact if it is axisymmetric, as the target is.
    target : Target
        Of dim 1 or 2, or axisymmetric.
    temperature : float
    with_error : bool
        Return (value, error estimate).

    Raises
    ------
    ValueError
        If the target has more than two dimensions and is not axisymmetric, or its density does
        not fall off.
    """
    checks.function("function", function)
    checks.flag("with_error", with_error)

    def mean(grid):
        return grid.masses @ at(lambda x: of_positions(function, x), target, grid.points)

    return answer(both(mean, target, temperature), with_error)


def moments(target, temperature=1.0):
    """Normaliser, means, second moments and mean energy, see `Moments`."""

    def summarise(grid):
        mean = grid.masses @ grid.points
        second = grid.masses @ grid.points**2
        return np.concatenate([[grid.log_z], mean, second, [grid.masses @ grid.energies]])

    fine, coarse = (summarise(grid) for grid in grids(target, temperature))
    errors = np.abs(fine - coarse)
    mean, second = fine[1:-1].reshape(2, -1)
    if in_half_plane(target):  # all directions off the axis are alike
        mean = np.append(mean[0], np.zeros(target.dim - 1))
        second = np.append(second[0], np.full(target.dim - 1, second[1] / (target.dim - 1)))
    with np.errstate(over="ignore"):  # log_z remains
        z = float(np.exp(fine[0]))
    return Moments(
        z=z,
        log_z=float(fine[0]),
        mean=mean,
        second=second,
        squared_norm=float(second.sum()),
        energy=float(fine[-1]),
        error=float(errors.max()),
    )


@remember(64)
def _mode_masses(target, temperature):
    count = 0 if target.modes is None else len(target.modes)
    return both(
        lambda grid: np.bincount(at(target.mode_index, target, grid.points), grid.masses, count),
        target,
        temperature,
    )


def mode_masses(target, temperature=1.0, *, with_error=False):
    """Probability (modes,) of the basin of each of the target's modes."""
    temperature = check_target(target, temperature)
    checks.flag("with_error", with_error)
    if target.modes is None:
        raise ValueError(f"modes of target {target.name!r} must be given for this, got None")
    return answer(_mode_masses(target, temperature), with_error)


def energy_pdf(target, partition, temperature=1.0, *, with_error=False):
    """theta* (bins,): probability of each cell of the partition; the end cells hold the rest."""
    checks.instance("partition", partition, EnergyPartition)
    checks.memory(8 * 4 * partition.bins, partition=partition)
    checks.flag("with_error", with_error)
    found = both(
        lambda grid: np.bincount(partition.index(grid.energies), grid.masses, partition.bins),
        target,
        temperature,
    )
    return answer(found, with_error)


class Bins(NamedTuple):
    """Equal cells along each axis; what lies outside has a cell of its own, the last."""

    bounds: np.ndarray  # (2, dim)
    count: int  # along each axis

    @property
    def cells(self):
        return self.count ** self.bounds.shape[1] + 1

    def index(self, positions):
        """Cell (n,) of each of `positions` (n, dim), the first axis slowest."""
        low, high = self.bounds
        place = np.floor((positions - low) / (high - low) * self.count).astype(np.int64)
        place[positions == high] = self.count - 1
        inside = ((place >= 0) & (place < self.count)).all(axis=1)
        flat = np.ravel_multi_index(
            tuple(place.T.clip(0, self.count - 1)), (self.count,) * len(low)
        )
        return np.where(inside, flat, self.cells - 1)


def histogram_bins(target, bins=50, temperature=1.0):
    """The `Bins` of histograms of this target: over the box, or over all but a millionth."""
    bins = checks.integer("bins", bins, least=1)
    temperature = check_target(target, temperature)
    if target.dim not in PANELS:
        raise ValueError(f"target must have dim 1 or 2 for histograms, got dim {target.dim}")
    checks.memory(8 * 4 * bins**target.dim, bins=bins)
    return Bins(domain(target, temperature, SHOWN_DEPTH), bins)


@remember(64)
def _histogram(target, bins, temperature):
    cells = histogram_bins(target, bins, temperature)
    return both(
        lambda grid: np.bincount(cells.index(grid.points), grid.masses, cells.cells),
        target,
        temperature,
    )


def histogram(target, bins=50, temperature=1.0, *, with_error=False):
    """Probabilities (cells,) of `histogram_bins`; `[:-1].reshape(bins, bins)` is the picture."""
    bins = checks.integer("bins", bins, least=1)
    checks.flag("with_error", with_error)
    return answer(_histogram(target, bins, check_target(target, temperature)), with_error)


# --- the long run of contour SGLD -----------------------------------------------------------------


def _levels(target, partition, temperature, function=None):
    """The target's mass, and the integral of f, on fine levels of energy, none across two cells."""
    grid, _ = grids(target, temperature)
    height = partition.width / max(1, LEVELS // partition.bins)
    level = np.ceil((grid.energies - partition.low) / height) - 1.0
    level = level.clip(level.min(), level.min() + 50 * LEVELS)  # far above there is no mass
    level = (level - level.min()).astype(np.int64)
    mass = np.bincount(level, grid.masses)
    used = mass > 0
    energies = np.bincount(level, grid.masses * grid.energies)[used] / mass[used]
    if function is None:
        return energies, mass[used], None
    values = np.bincount(level, grid.masses * at(function, target, grid.points))
    return energies, mass[used], values[used]


def _noisy(energies, target):
    """Energies (n, j) as the sampler sees them, and the probabilities (j,) of the noise."""
    noise = target.noise
    if target.estimate is not None:
        if target.energy_variance is None:
            raise ValueError(
                f"energy_variance of target {target.name!r} must be given for this, got None"
            )
        noise = math.sqrt(target.energy_variance)
    if noise == 0.0:
        return energies[:, None], np.ones(1)
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    return energies[:, None] + noise * nodes, weights / weights.sum()


def _check_contours(target, partition, scheme, zeta, temperature):
    """The scheme; None is the default."""
    check_target(target, temperature)
    checks.instance("partition", partition, EnergyPartition)
    checks.memory(8 * 20 * partition.bins, partition=partition)
    checks.number("zeta", zeta, least=0.0)
    return ContourScheme() if scheme is None else checks.instance("scheme", scheme, ContourScheme)


def contour_fixed_point(
    target, partition, *, scheme=None, zeta=0.75, temperature=1.0, iterations=2000
):
    """Where theta settles in the long run, for small steps: the zero of the mean field.

    The chain samples pi / Psi_bar^zeta with log Psi_bar(u) = E_xi[log Psi(u + xi)], xi the noise
    of the energy, so theta solves theta_i = E[g 1_i(U + xi)] / E[g] under it. With the consistent
    gain and no noise that is theta*.

    Parameters
    ----------
    target : Target
        Of dim 1 or 2, or axisymmetric; its noise counts, as Gaussian of variance
        `energy_variance`.
    partition : EnergyPartition
    scheme : ContourScheme or None
    zeta, temperature : float
    iterations : int
        Most iterations of the damped fixed-point map.

    Returns
    -------
    array (bins,)

    Raises
    ------
    RuntimeError
        If the iteration does not settle.
    """
    scheme = _check_contours(target, partition, scheme, zeta, temperature)
    iterations = checks.integer("iterations", iterations, least=1)
    energies, mass, _ = _levels(target, partition, temperature)
    seen, chance = _noisy(energies, target)
    cells = partition.index(seen)
    theta = energy_pdf(target, partition, temperature)
    for _ in range(iterations):
        now = log_psi(seen, theta, partition, scheme, zeta=zeta, temperature=temperature).values
        visits = mass * np.exp(-zeta * (now @ chance))
        gain = GAINS[scheme.gain]
        if gain == CONSISTENT:
            gains = np.exp(zeta * now)
        else:
            gains = theta[cells] ** (zeta if gain == CELL else 1.0)
        field = np.bincount(
            cells.ravel(), (visits[:, None] * chance * gains).ravel(), partition.bins
        )
        settled = np.sqrt(theta * field / field.sum())
        settled /= settled.sum()
        change = np.abs(settled - theta).sum()
        theta = settled
        if change < 1e-12:
            return theta
    raise RuntimeError(f"the fixed point did not settle in {iterations} iterations ({change:.1e})")


def contour_mean(function, target, partition, theta, *, scheme=None, zeta=0.75, temperature=1.0):
    """What the weighted mean of f tends to when theta stands still: f under the scheme's weights.

    Parameters as in `contour_fixed_point`, and

    function : callable
        positions (n, dim) -> values (n,), as in `expectation`.
    theta : array (bins,)
    """
    scheme = _check_contours(target, partition, scheme, zeta, temperature)
    checks.function("function", function)
    theta = checks.array("theta", theta, (partition.bins,))
    energies, mass, values = _levels(target, partition, temperature, function)
    seen, chance = _noisy(energies, target)
    settled = log_psi(seen, theta, partition, scheme, zeta=zeta, temperature=temperature)
    weight = np.exp(-zeta * (settled.values @ chance)) * (np.exp(settled.log_weights) @ chance)
    return float((values * weight).sum() / (mass * weight).sum())


# --- by enumeration -------------------------------------------------------------------------------


def ising_density_of_states(size):
    """Number of states at each energy of `discrete.ising(size)`, by visiting them all.

    Parameters
    ----------
    size : int
        From 2 to 5, which has 2**25 states.

    Returns
    -------
    energies : array (levels,)
        Those that occur, rising.
    states : array of int64 (levels,)
        They sum to 2**(size**2).
    """
    size = checks.integer("size", size, least=2, most=5)
    spins = size * size
    row = (1 << size) - 1
    last_column = sum(1 << (size * k + size - 1) for k in range(size))
    counts = np.zeros(2 * spins + 1, dtype=np.int64)
    block = min(1 << spins, 1 << 16)
    for first in range(0, 1 << spins, block):
        state = np.arange(first, first + block, dtype=np.uint32)  # one bit for each spin
        down = (state >> size) | ((state & row) << (spins - size))
        right = ((state & ~np.uint32(last_column)) << 1) | ((state & last_column) >> (size - 1))
        unequal = np.bitwise_count(state ^ down) + np.bitwise_count(state ^ right)
        counts += np.bincount(unequal, minlength=counts.size)
    unequal = np.flatnonzero(counts)
    return 2.0 * unequal - 2.0 * spins, counts[unequal]
