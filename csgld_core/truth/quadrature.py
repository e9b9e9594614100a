"""Grids for quadrature, on targets of one or two dimensions and axisymmetric ones of any.

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

from .. import checks
from ..targets import Target

PANELS = {1: (20_000,), 2: (200, 200)}  # along each axis
HALF_PLANE_PANELS = (64, 640)  # shells are thin
POINTS = 8
DEPTH = 45.0  # the domain ends where the density has fallen by exp(-DEPTH)
COARSE_WARNING = 5e-3
CHUNK = 2**20  # numbers in the positions of one call


class Grid(NamedTuple):
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


def remember(size):
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


def check_target(target, temperature):
    checks.instance("target", target, Target)
    if target.dim not in PANELS and not target.axisymmetric:
        raise ValueError(
            f"target must have dim 1 or 2 or be axisymmetric for quadrature, got dim {target.dim}"
        )
    return checks.number("temperature", temperature, above=0.0)


# --- the half plane of an axisymmetric target -----------------------------------------------------


def in_half_plane(target):
    return target.dim > 2


def _log_volume(target, points):
    """Logarithm (n,) of the volume that a unit of the half plane stands for; 0 elsewhere."""
    if not in_half_plane(target):
        return np.zeros(len(points))
    half = 0.5 * (target.dim - 1)
    log_sphere = math.log(2.0) + half * math.log(math.pi) - math.lgamma(half)
    with np.errstate(divide="ignore"):
        return log_sphere + (target.dim - 2) * np.log(points[:, 1])


def at(function, target, points):
    """Values of a function of positions (n, dim) at points (n, 2) of the half plane, or at points.

    The positions (x_1, r, 0, ..., 0) are made in chunks: all at once they would fill the memory.
    """
    if not in_half_plane(target):
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
    heights = at(target.energies, target, points) - temperature * _log_volume(target, points)
    return np.where(np.isnan(heights), np.inf, heights)


def _centres(target, depth, temperature):
    """Points (n, 1 or 2) where there is mass, which the search for the domain starts from.

    In the half plane mass lies in shells, at r near sqrt(d) times the width of a mode, so all radii
    above each mode are scanned.
    """
    centres = np.zeros((1, target.dim)) if target.modes is None else target.modes
    if not in_half_plane(target):
        return centres
    radii = math.sqrt(target.dim) * np.geomspace(1e-6, 1e6, 2_000)  # d = 10,000: a shell is 0.014
    points = mesh([np.unique(centres[:, 0]), radii])
    heights = _heights(target, points, temperature)
    return points[heights < heights.min() + depth * temperature]


def mesh(axes):
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
    temperature = check_target(target, temperature)
    return _domain(target, temperature, checks.number("depth", depth, above=0.0))


@remember(64)
def _domain(target, temperature, depth):
    if target.box is not None:
        return _frozen(target.box)
    centres = _centres(target, depth, temperature)
    lowest = _heights(target, centres, temperature).min()
    bounds = np.array([centres.min(axis=0) - 1.0, centres.max(axis=0) + 1.0])
    floor = np.array([-np.inf, 0.0]) if in_half_plane(target) else -np.inf  # r >= 0
    for _ in range(200):
        bounds[0] = np.maximum(bounds[0], floor)
        points = mesh([np.linspace(low, high, 201) for low, high in bounds.T])
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
        grid = mesh([np.linspace(low, high, 201) for low, high in bounds.T])
        points = np.vstack([grid, centres])
        heights = _heights(target, points, temperature)
        inside = points[heights - heights.min() < depth * temperature]
        spacing = (bounds[1] - bounds[0]) / 200
        tight = np.array([inside.min(axis=0) - spacing, inside.max(axis=0) + spacing])
        tight = np.array([np.maximum(tight[0], bounds[0]), np.minimum(tight[1], bounds[1])])
        if (tight[1] - tight[0] > 0.9 * (bounds[1] - bounds[0])).all():
            return bounds
        bounds = tight


@remember(8)
def _grid(target, temperature, panels):
    nodes, weights = np.polynomial.legendre.leggauss(POINTS)
    axes, axis_weights = [], []
    for (low, high), count in zip(domain(target, temperature).T, panels, strict=True):
        edges = np.linspace(low, high, count + 1)
        half = 0.5 * np.diff(edges)[:, None]
        axes.append((edges[:-1, None] + half * (1.0 + nodes)).ravel())
        axis_weights.append((half * weights).ravel())
    points = mesh(axes)
    areas = functools.reduce(np.multiply.outer, axis_weights).ravel()
    energies = at(target.energies, target, points)
    logs = _log_volume(target, points) - energies / temperature
    highest = logs.max()
    masses = areas * np.exp(logs - highest)
    total = masses.sum()
    masses /= total
    if in_half_plane(target):  # most of the rectangle is empty, and each point is dear
        used = masses > math.exp(-2 * DEPTH)
        points, energies, masses = points[used], energies[used], masses[used]
    return Grid(points, energies, masses, np.log(total) + highest)


def grids(target, temperature):
    """The grid, and the coarser one for error estimates."""
    temperature = check_target(target, temperature)
    panels = HALF_PLANE_PANELS if in_half_plane(target) else PANELS[target.dim]
    half = tuple(count // 2 for count in panels)
    return _grid(target, temperature, panels), _grid(target, temperature, half)


def both(summarise, target, temperature):
    """A summary of the fine grid, and its largest difference from that of the coarse one."""
    fine, coarse = (np.asarray(summarise(grid)) for grid in grids(target, temperature))
    error = float(np.abs(fine - coarse).max())
    if error > COARSE_WARNING * max(1.0, np.abs(fine).max()):
        warnings.warn(
            f"quadrature on {target.name!r} is uncertain by about {error:.1g}: its scales are too "
            "different, or its box too wide",
            stacklevel=4,
        )
    return fine, error


def answer(found, with_error):
    """The value of what `both` found; with its error, if that is asked for."""
    value, error = found
    value = float(value) if value.ndim == 0 else value.copy()
    return (value, error) if with_error else value
