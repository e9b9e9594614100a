"""A short pilot that finds an energy partition and a step size for contours.

1. *Descend* (L-BFGS) from several starting points, without a box some of them farther out: the
   lowest energies, and distinct wells. Wells that are too shallow to hold any mass are left alone.
2. *Curvature*: the largest one, lambda, by power iteration on differences of gradients over thermal
   distances, at the wells and later at draws.
3. *Barriers*: wells are joined, cheapest first, by paths that relax towards the bottom of the pass
   (string method, E, Ren & Vanden-Eijnden 2007); the highest point on these paths is the barrier.
4. *Try*: a few short contour runs from wells and starting points; the partition is extended while
   energies fall outside it, and the step size lowered while stiffer places turn up.

The partition reaches from one cell below the lowest energy seen to MARGIN * tau above the higher of
barrier and of what the short runs met at rest, in cells of CELL * tau. The step size is

    h = STEP / sqrt(lambda)                    for "baoab", STEP depending on whether slopes jump,
    eps = h^2 / 2                              for "leimkuhler_matthews",
    eps = EULER / lambda                       for "euler", whose bias is of order eps lambda,
    eps = h^2 / 2 * dim^(-1/3), then adapted   for "mala", towards accepting most moves,

and never so large that the noise of the gradient, of variance s^2, would heat by more than HEAT:
eps s^2 / (2 tau) <= HEAT, with eps = h^2 / (gamma h) for "baoab". Its friction, if that is "auto",
is gamma = DAMPING / h: a fixed one would leave the heat of jumping slopes in where time runs fast.

Where log Psi bends within a cell or two, as between two phases in ten dimensions or more, the force
changes faster than lambda tells: take "mala" there, or see what half the step size changes.
"""

import math
import warnings
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from .parallel import stopping
from .partition import EnergyPartition

WALKERS = 16  # starting points
REACH = (3.0, 10.0)  # half of them so many times farther out, in turn
DESCENT = 60  # most gradients of a descent
PROBES = 5  # power iterations at a point
IMAGES = 16  # points of a path
RELAXATIONS = 12
FLIGHTS = 3  # pilots of one run, at most
TRIALS = 8  # short runs at most
TRIAL_CHAINS = 8
TRIAL_STEPS = 500  # of each chain
DEPTH = 30.0  # tau; wells less deep by this hold exp(-30) of the mass
MARGIN = 2.0
CELL = 0.5
MOST_CELLS = 2000
STEP = {True: 0.5, False: 0.35}  # for smooth slopes, and for those that jump at cell borders
EULER = 0.05
HEAT = 0.05
DAMPING = 0.45
CROSSING = 4.0  # steps of 1 / sqrt(lambda) across a box, at least
CLAMPED = 0.002  # of the draws of a trial may lie above the partition
STEEPER = 1.5  # a curvature that much larger asks for a smaller step


@dataclass(frozen=True)
class Pilot:
    """What a pilot chose, and why."""

    partition: EnergyPartition
    step_size: float
    gradients: int  # it took
    lowest: float  # energy seen
    barrier: float  # highest on the paths between wells
    wells: int  # distinct ones met
    curvature: float  # largest one met


class _Probe:
    """Energies and gradients as the samplers see them, counted."""

    def __init__(self, target, generator):
        self.target, self.generator, self.gradients = target, generator, 0

    def __call__(self, positions):
        if stopping():
            raise KeyboardInterrupt
        self.gradients += len(positions)
        return self.target.estimates(positions, self.generator)

    def inside(self, positions):
        box = self.target.box
        return positions if box is None else np.clip(positions, box[0], box[1])

    def curvature(self, position, temperature):
        """About the largest eigenvalue of the second derivatives, felt over a thermal distance.

        0 where a negative one outweighs it: that is no limit to the step size.
        """
        direction = self.generator.standard_normal(position.size)
        direction /= np.linalg.norm(direction)
        reach, largest = 1e-3 * (1.0 + np.linalg.norm(position)), 0.0
        for _ in range(PROBES):
            ends = self.inside(position + 0.5 * reach * np.array([-direction, direction]))
            distance = np.linalg.norm(ends[1] - ends[0])
            if distance == 0.0:
                break
            change = np.diff(self(ends)[1], axis=0)[0]
            strength = np.linalg.norm(change)
            if not 0.0 < strength < math.inf:
                break
            largest = direction @ change / distance
            reach = min(10.0 * reach, math.sqrt(temperature * distance / strength))
            direction = change / strength
        return max(0.0, largest)

    def descend(self, position):
        """A minimum of the energy, or a point near one, and its energy."""

        def energy_and_gradient(x):
            if not np.isfinite(x).all():  # it overshot by far
                return math.inf, np.zeros(x.size)
            energies, gradients = self(x[None])
            return energies[0], gradients[0]

        box = self.target.box
        found = minimize(
            energy_and_gradient,
            position,
            jac=True,
            method="L-BFGS-B",
            bounds=None if box is None else box.T,
            options={"maxfun": DESCENT, "gtol": 0.0},  # no scale is known yet
        )
        return found.x, float(found.fun)


@dataclass(frozen=True)
class Dynamics:
    """What the step size depends on besides the target."""

    integrator: str
    friction: float | None  # None is DAMPING / h
    smooth: bool  # slopes of log Psi


def fly(target, temperature, dynamics, starts, generator, attempt):
    """Find a partition and a step size.

    Parameters
    ----------
    target : Target
    temperature : float
    dynamics : Dynamics
    starts : array (n, dim) or None
        Points to begin from besides those of the target's own rule.
    generator : numpy.random.Generator
    attempt : callable (pilot, starts, seed) -> Run or None
        A short contour run from `starts` (chains, dim) with what the Pilot has chosen so far; None
        if it diverged.

    Returns
    -------
    Pilot

    Raises
    ------
    ValueError
        If no starting point has a finite energy and gradient, or energies fall for ever.
    KeyboardInterrupt
        If the user stops it, or the call that it belongs to.
    """
    probe = _Probe(target, generator)
    points = _starting_points(probe, starts)
    bottoms = _bottoms(probe, points, temperature)
    lowest = bottoms[0][1]
    deep = [position for position, energy in bottoms if energy < lowest + DEPTH * temperature]
    curvature = max(probe.curvature(position, temperature) for position in deep)
    if target.box is not None:  # far too narrow for one move to cross it
        curvature = max(curvature, temperature * (CROSSING / np.ptp(target.box, axis=0).min()) ** 2)
    elif curvature == 0.0:  # flat: cross it in some steps
        curvature = temperature / np.ptp(points, axis=0).max() ** 2
    wells = _distinct(deep, math.sqrt(temperature / curvature))
    barrier = _barrier(probe, np.array(wells), curvature)
    noise = _gradient_variance(probe, wells[0]) if not target.exact else 0.0
    high, scale = barrier + MARGIN * temperature, 1.0

    def chosen():
        return Pilot(
            partition=_partition(lowest, high, temperature),
            step_size=scale * _step_size(dynamics, curvature, temperature, target.dim, noise),
            gradients=probe.gradients,
            lowest=float(lowest),
            barrier=float(barrier),
            wells=len(wells),
            curvature=float(curvature),
        )

    # From the bottoms, and from where runs start unless that is far up: a broad phase may have no
    # bottom of its own.
    typical = lowest + (DEPTH + 2.0 * target.dim) * temperature
    near = points[probe(points)[0] < typical]
    half = (TRIAL_CHAINS // 2, target.dim)
    others = np.resize(near if len(near) else wells, half)
    chains = probe.inside(np.concatenate([np.resize(wells, half), others]))
    for trial in range(TRIALS):
        found = chosen()
        run = attempt(found, chains, trial)
        probe.gradients += TRIAL_CHAINS * (TRIAL_STEPS + 1)  # at most, if it diverged
        if run is None:
            scale *= 0.5
            continue
        lowest = min(lowest, run.energies.min())
        seen = run.energies[:, TRIAL_STEPS // 2 :]  # the way down from a start does not count
        if np.mean(seen > found.partition.high) > CLAMPED:
            high = np.quantile(seen, 1.0 - 0.1 * CLAMPED) + MARGIN * temperature
        sites = run.positions.reshape(-1, target.dim)
        sites = sites[generator.integers(len(sites), size=TRIAL_CHAINS)]
        steepest = max(probe.curvature(site, temperature) for site in sites)
        if steepest > STEEPER * curvature:
            curvature = steepest
        if dynamics.integrator == "mala":
            scale *= _towards_acceptance(1.0 - run.rejected / run.gradient_evaluations)
        if chosen().step_size == found.step_size and chosen().partition == found.partition:
            break
    return chosen()


def _starting_points(probe, starts):
    """The user's points, then those of the target's own rule, as far as energies are finite."""
    target = probe.target
    points = np.array([target.start(probe.generator) for _ in range(WALKERS // 2)])
    if starts is not None:
        points = np.concatenate([starts[: WALKERS // 2], points])
    energies, gradients = probe(points)
    points = points[np.isfinite(energies) & np.isfinite(gradients).all(axis=1)]
    if not len(points):
        raise ValueError(
            f"target {target.name!r} must have a finite energy and gradient where chains start; "
            f"none of {WALKERS // 2} starting points has"
        )
    return points


def _bottoms(probe, points, temperature):
    """Where descents end: (position, energy), the lowest first."""
    target, generator = probe.target, probe.generator
    others = np.array([target.start(generator) for _ in range(WALKERS // 2)])
    if target.box is None:
        others *= np.resize(REACH, len(others))[:, None]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a descent may overshoot
        bottoms = [probe.descend(point) for point in (*points, *others)]
    bottoms = [bottom for bottom in bottoms if math.isfinite(bottom[1])]
    lowest = min((energy for _, energy in bottoms), default=-math.inf)
    if lowest + CELL * temperature == lowest:
        raise ValueError(
            f"target {target.name!r} must have a lowest energy, in units of which the temperature "
            f"{temperature:g} is seen; descents led to {lowest:g}"
        )
    return sorted(bottoms, key=lambda bottom: bottom[1])


def look_back(target, run, curvature):
    """Lowest points of chains where curvature is much above the pilot's, and the gradients it took.

    Returns
    -------
    positions : array (n, dim) or None
    gradients : int
    """
    probe = _Probe(target, np.random.default_rng([run.settings["seed"], FLIGHTS]))
    sites = run.lowest_positions
    found = [probe.curvature(site, run.settings["temperature"]) for site in sites]
    stiff = np.array(found) > STEEPER**2 * curvature
    return (sites[stiff] if stiff.any() else None), probe.gradients


def _partition(lowest, high, temperature):
    """Cells from below the lowest energy to the first border above `high`."""
    if not math.isfinite(high - lowest):
        raise ValueError(
            f"partition must be given: the pilot met energies from {lowest:g} to {high:g}"
        )
    width = max(CELL * temperature, (high - lowest) / MOST_CELLS)
    bins = max(2, math.ceil((high - lowest) / width) + 1)
    low = lowest - width
    return EnergyPartition(low, low + bins * width, bins)


def _step_size(dynamics, curvature, temperature, dim, noise):
    """The step size of an integrator, see the top of this file; `noise` is a variance."""
    h = STEP[dynamics.smooth] / math.sqrt(curvature)
    most = 2.0 * HEAT * temperature / noise if noise > 0 else math.inf  # of eps
    if dynamics.integrator == "baoab":
        free = dynamics.friction is None
        return min(h, math.sqrt(DAMPING * most) if free else most * dynamics.friction)
    if dynamics.integrator == "mala":
        return 0.5 * h * h * dim ** (-1.0 / 3.0)
    return min(EULER / curvature if dynamics.integrator == "euler" else 0.5 * h * h, most)


def _towards_acceptance(accepted):
    """What to multiply MALA's step size by."""
    return 2.0 / 3.0 if accepted < 0.5 else 1.5 if accepted > 0.9 else 1.0


def _gradient_variance(probe, position, repeats=32):
    """Variance of a component of the gradient estimate, the largest one."""
    return float(probe(np.tile(position, (repeats, 1)))[1].var(axis=0, ddof=1).max())


def _distinct(bottoms, distance):
    """Those of the bottoms, lowest first, that are farther than `distance` from all lower ones."""
    wells = []
    for position in bottoms:
        if all(np.linalg.norm(position - well) > distance for well in wells):
            wells.append(position)
    return wells


def _barrier(probe, wells, curvature):
    """The highest energy on paths that join all wells, lowest passes first (Kruskal's tree)."""
    fractions = np.linspace(0.0, 1.0, IMAGES)[:, None]
    lines = []
    for b in range(len(wells)):
        for a in range(b):
            path = wells[a] + fractions * (wells[b] - wells[a])
            lines.append((np.nan_to_num(probe(path)[0], nan=math.inf).max(), a, b))
    tree = np.arange(len(wells))
    highest = probe(wells[:1])[0][0]
    for top, a, b in sorted(lines):
        if tree[a] != tree[b]:
            tree[tree == tree[b]] = tree[a]
            path = wells[a] + fractions * (wells[b] - wells[a])
            highest = max(highest, min(top, _relaxed_top(probe, path, curvature)))
    return highest


def _relaxed_top(probe, path, curvature):
    """The highest energy on a path after it has sunk towards the bottom of its pass."""
    top = math.inf
    for _ in range(RELAXATIONS):
        energies, gradients = probe(path)
        top = min(top, np.nan_to_num(energies, nan=math.inf).max())
        step = 0.5 / curvature * np.nan_to_num(gradients[1:-1])
        length = np.linalg.norm(path[-1] - path[0]) / IMAGES
        longest = np.linalg.norm(step, axis=1).max()
        path[1:-1] -= step * min(1.0, length / max(longest, 1e-300))
        along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
        if along[-1] == 0.0:
            break
        even = np.linspace(0.0, along[-1], IMAGES)
        path = probe.inside(np.stack([np.interp(even, along, x) for x in path.T], axis=1))
    return top
