"""Truths by quadrature, for targets of one or two dimensions and axisymmetric ones of any.

An axisymmetric target is integrated over the half plane of x_1 and r = |(x_2, ..., x_d)|, with the
volume S r^(d - 2) dr dx_1, where S is the area of the unit sphere of R^(d - 1).

The domain is cut into panels of eight Gauss-Legendre points along each axis. Every number is also
computed on half as many panels; the difference is its error estimate.
"""

import functools
import itertools
import math
import warnings
from typing import NamedTuple

import numpy as np

from . import checks
from .energy_pdf import CELL, CONSISTENT, GAINS, ContourScheme, read
from .importance import of_positions
from .partition import EnergyPartition
from .target import Target

PANELS = {1: (20_000,), 2: (200, 200)}  # along each axis
HALF_PLANE_PANELS = (64, 640)  # shells are thin
POINTS = 8
DEPTH = 45.0  # the domain ends where the density has fallen by exp(-DEPTH)
SHOWN_DEPTH = 12.0  # the same for histograms
LEVELS = 8_000
COARSE_WARNING = 5e-3
CHUNK = 2**20  # numbers in the positions of one call


class Moments(NamedTuple):
    """Moments of exp(-U / tau) / z."""

    z: float  # integral of exp(-U / tau)
    log_z: float
    mean: np.ndarray  # (dim,) E[x]
    second: np.ndarray  # (dim,) E[x_i^2]
    squared_norm: float  # E[|x|^2]
    energy: float  # E[U]
    error: float  # largest error estimate of these, for log_z rather than z


class _Grid(NamedTuple):
    points: np.ndarray  # (n, dim), or (n, 2) in the half plane
    energies: np.ndarray  # (n,)
    masses: np.ndarray  # (n,) sum to 1
    log_z: float


class _Energy:
    """A target as a key of caches: equal for equal energies, whatever their noise."""

    def __init__(self, target):
        self.target = target
        arrays = (target.data, target.box, target.modes)
        contents = tuple(None if a is None else a.tobytes() for a in arrays)
        self.key = (target.callback, target.basin, target.dim, target.axisymmetric, contents)

    def __hash__(self):
        return hash(self.key)

    def __eq__(self, other):
        return self.key == other.key


def _remember(size):
    """Cache a function of a target and numbers."""

    def decorate(function):
        @functools.lru_cache(maxsize=size)
        def remembered(energy, *arguments, **keywords):
            return function(energy.target, *arguments, **keywords)

        @functools.wraps(function)
        def cached(target, *arguments, **keywords):
            return remembered(_Energy(target), *arguments, **keywords)

        return cached

    return decorate


def _check(target, temperature):
    checks.instance("target", target, Target)
    if target.dim not in PANELS and not target.axisymmetric:
        raise ValueError(
            f"target must have dim 1 or 2 or be axisymmetric for quadrature, got dim {target.dim}"
        )
    return checks.number("temperature", temperature, above=0.0)


# --- the half plane of an axisymmetric target -----------------------------------------------------


def _in_half_plane(target):
    return target.dim > 2


def _log_volume(target, points):
    """Logarithm (n,) of the volume that a unit of the half plane stands for; 0 elsewhere."""
    if not _in_half_plane(target):
        return np.zeros(len(points))
    half = 0.5 * (target.dim - 1)
    log_sphere = math.log(2.0) + half * math.log(math.pi) - math.lgamma(half)
    with np.errstate(divide="ignore"):
        return log_sphere + (target.dim - 2) * np.log(points[:, 1])


def _at(function, target, points):
    """Values of a function of positions (n, dim) at points (n, 2) of the half plane, or at points.

    The positions (x_1, r, 0, ..., 0) are made in chunks: all at once they would fill the memory.
    """
    if not _in_half_plane(target):
        return np.asarray(function(points))
    values, size = [], max(1, CHUNK // target.dim)
    for first in range(0, len(points), size):
        part = points[first : first + size]
        positions = np.zeros((len(part), target.dim))
        positions[:, :2] = part
        values.append(function(positions))
    return np.concatenate(values)


def _heights(target, points, temperature):
    """Energy (n,) less temperature times the logarithm of the volume."""
    heights = _at(target.energies, target, points) - temperature * _log_volume(target, points)
    return np.where(np.isnan(heights), np.inf, heights)


def _centres(target, depth, temperature):
    """Points (n, 1 or 2) where there is mass, which the search for the domain starts from.

    In the half plane mass lies in shells, at r near sqrt(d) times the width of a mode, so all radii
    above each mode are scanned.
    """
    centres = np.zeros((1, target.dim)) if target.modes is None else target.modes
    if not _in_half_plane(target):
        return centres
    radii = math.sqrt(target.dim) * np.geomspace(1e-6, 1e6, 2_000)  # d = 10,000: a shell is 0.014
    points = _mesh([np.unique(centres[:, 0]), radii])
    heights = _heights(target, points, temperature)
    return points[heights < heights.min() + depth * temperature]


def _mesh(axes):
    """All points (n, dim) with one coordinate from each axis, the first slowest."""
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))


def _frozen(array):
    """A copy that nobody can change, for what is cached."""
    array = array.copy()
    array.flags.writeable = False
    return array


def domain(target, temperature=1.0, depth=DEPTH):
    """Bounds (2, dim) of the box, or of where exp(-U / tau) is within exp(-depth) of its maximum.

    Without a box the search widens from the target's modes (or the origin) until U has risen by
    depth * tau all around. Above two dimensions the bounds (2, 2) are those of x_1 and r, and the
    density that of (x_1, r), volume included.
    """
    temperature = _check(target, temperature)
    return _domain(target, temperature, checks.number("depth", depth, above=0.0))


@_remember(64)
def _domain(target, temperature, depth):
    if target.box is not None:
        return _frozen(target.box)
    centres = _centres(target, depth, temperature)
    lowest = _heights(target, centres, temperature).min()
    bounds = np.array([centres.min(axis=0) - 1.0, centres.max(axis=0) + 1.0])
    floor = np.array([-np.inf, 0.0]) if _in_half_plane(target) else -np.inf  # r >= 0
    for _ in range(200):
        bounds[0] = np.maximum(bounds[0], floor)
        points = _mesh([np.linspace(low, high, 201) for low, high in bounds.T])
        rise = _heights(target, points, temperature)
        rise -= min(rise.min(), lowest)
        width, grown = bounds[1] - bounds[0], False
        for end, i in itertools.product((0, 1), range(len(width))):
            if rise[points[:, i] == bounds[end, i]].min() < depth * temperature:
                bounds[end, i] += (2 * end - 1) * 0.05 * width[i]
                grown = True
        if not grown:
            return _frozen(_shrink(target, bounds, centres, depth, temperature))
    raise ValueError(
        f"target {target.name!r} must rise by {depth:g} * temperature in all directions, or have "
        f"a box; it does not inside {bounds.tolist()}"
    )


def _shrink(target, bounds, centres, depth, temperature):
    """The bounds without margins in which U stays more than depth * tau above its minimum."""
    while True:
        grid = _mesh([np.linspace(low, high, 201) for low, high in bounds.T])
        points = np.vstack([grid, centres])
        heights = _heights(target, points, temperature)
        inside = points[heights - heights.min() < depth * temperature]
        spacing = (bounds[1] - bounds[0]) / 200
        tight = np.array([inside.min(axis=0) - spacing, inside.max(axis=0) + spacing])
        tight = np.array([np.maximum(tight[0], bounds[0]), np.minimum(tight[1], bounds[1])])
        if (tight[1] - tight[0] > 0.9 * (bounds[1] - bounds[0])).all():
            return bounds
        bounds = tight


@_remember(8)
def _grid(target, temperature, panels):
    nodes, weights = np.polynomial.legendre.leggauss(POINTS)
    axes, axis_weights = [], []
    for (low, high), count in zip(domain(target, temperature).T, panels, strict=True):
        edges = np.linspace(low, high, count + 1)
        half = 0.5 * np.diff(edges)[:, None]
        axes.append((edges[:-1, None] + half * (1.0 + nodes)).ravel())
        axis_weights.append((half * weights).ravel())
    points = _mesh(axes)
    areas = functools.reduce(np.multiply.outer, axis_weights).ravel()
    energies = _at(target.energies, target, points)
    logs = _log_volume(target, points) - energies / temperature
    highest = logs.max()
    masses = areas * np.exp(logs - highest)
    total = masses.sum()
    masses /= total
    if _in_half_plane(target):  # most of the rectangle is empty, and each point is dear
        used = masses > math.exp(-2 * DEPTH)
        points, energies, masses = points[used], energies[used], masses[used]
    return _Grid(points, energies, masses, np.log(total) + highest)


def _grids(target, temperature):
    """The grid, and the coarser one for error estimates."""
    temperature = _check(target, temperature)
    panels = HALF_PLANE_PANELS if _in_half_plane(target) else PANELS[target.dim]
    half = tuple(count // 2 for count in panels)
    return _grid(target, temperature, panels), _grid(target, temperature, half)


def _both(summarise, target, temperature):
    """A summary of the fine grid, and its largest difference from that of the coarse one."""
    fine, coarse = (np.asarray(summarise(grid)) for grid in _grids(target, temperature))
    error = float(np.abs(fine - coarse).max())
    if error > COARSE_WARNING * max(1.0, np.abs(fine).max()):
        warnings.warn(
            f"quadrature on {target.name!r} is uncertain by about {error:.1g}: its scales are too "
            "different, or its box too wide",
            stacklevel=4,
        )
    return fine, error


def _answer(both, with_error):
    value, error = both
    value = float(value) if value.ndim == 0 else value.copy()
    return (value, error) if with_error else value


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
        return grid.masses @ _at(lambda x: of_positions(function, x), target, grid.points)

    both = _both(mean, target, temperature)
    return _answer(both, with_error)


def moments(target, temperature=1.0):
    """Normaliser, means, second moments and mean energy, see `Moments`."""

    def summarise(grid):
        mean = grid.masses @ grid.points
        second = grid.masses @ grid.points**2
        return np.concatenate([[grid.log_z], mean, second, [grid.masses @ grid.energies]])

    fine, coarse = (summarise(grid) for grid in _grids(target, temperature))
    errors = np.abs(fine - coarse)
    mean, second = fine[1:-1].reshape(2, -1)
    if _in_half_plane(target):  # all directions off the axis are alike
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


@_remember(64)
def _mode_masses(target, temperature):
    count = 0 if target.modes is None else len(target.modes)
    return _both(
        lambda grid: np.bincount(_at(target.mode_index, target, grid.points), grid.masses, count),
        target,
        temperature,
    )


def mode_masses(target, temperature=1.0, *, with_error=False):
    """Probability (modes,) of the basin of each of the target's modes."""
    temperature = _check(target, temperature)
    checks.flag("with_error", with_error)
    if target.modes is None:
        raise ValueError(f"modes of target {target.name!r} must be given for this, got None")
    return _answer(_mode_masses(target, temperature), with_error)


def energy_pdf(target, partition, temperature=1.0, *, with_error=False):
    """theta* (bins,): probability of each cell of the partition; the end cells hold the rest."""
    checks.instance("partition", partition, EnergyPartition)
    checks.memory(8 * 4 * partition.bins, partition=partition)
    checks.flag("with_error", with_error)
    both = _both(
        lambda grid: np.bincount(partition.index(grid.energies), grid.masses, partition.bins),
        target,
        temperature,
    )
    return _answer(both, with_error)


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
    temperature = _check(target, temperature)
    if target.dim not in PANELS:
        raise ValueError(f"target must have dim 1 or 2 for histograms, got dim {target.dim}")
    checks.memory(8 * 4 * bins**target.dim, bins=bins)
    return Bins(domain(target, temperature, SHOWN_DEPTH), bins)


@_remember(64)
def _histogram(target, bins, temperature):
    cells = histogram_bins(target, bins, temperature)
    return _both(
        lambda grid: np.bincount(cells.index(grid.points), grid.masses, cells.cells),
        target,
        temperature,
    )


def histogram(target, bins=50, temperature=1.0, *, with_error=False):
    """Probabilities (cells,) of `histogram_bins`; `[:-1].reshape(bins, bins)` is the picture."""
    bins = checks.integer("bins", bins, least=1)
    checks.flag("with_error", with_error)
    return _answer(_histogram(target, bins, _check(target, temperature)), with_error)


# --- the long run of contour SGLD -----------------------------------------------------------------


def _levels(target, partition, temperature, function=None):
    """The target's mass, and the integral of f, on fine levels of energy, none across two cells."""
    grid, _ = _grids(target, temperature)
    height = partition.width / max(1, LEVELS // partition.bins)
    level = np.ceil((grid.energies - partition.low) / height) - 1.0
    level = level.clip(level.min(), level.min() + 50 * LEVELS)  # far above there is no mass
    level = (level - level.min()).astype(np.int64)
    mass = np.bincount(level, grid.masses)
    used = mass > 0
    energies = np.bincount(level, grid.masses * grid.energies)[used] / mass[used]
    if function is None:
        return energies, mass[used], None
    values = np.bincount(level, grid.masses * _at(function, target, grid.points))
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
    _check(target, temperature)
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
        log_psi = read(seen, theta, partition, scheme, zeta=zeta, temperature=temperature).log_psi
        visits = mass * np.exp(-zeta * (log_psi @ chance))
        gain = GAINS[scheme.gain]
        if gain == CONSISTENT:
            gains = np.exp(zeta * log_psi)
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
    reading = read(seen, theta, partition, scheme, zeta=zeta, temperature=temperature)
    weight = np.exp(-zeta * (reading.log_psi @ chance)) * (np.exp(reading.log_weights) @ chance)
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
