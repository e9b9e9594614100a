"""Wells of an energy: their bottoms, how curved they are, and the passes between them.

All evaluations are counted. Barriers are the highest points of paths that relax towards the bottom
of the pass (string method, E, Ren & Vanden-Eijnden 2007).
"""

import math
import warnings

import numpy as np
from scipy.optimize import minimize

from ..tasks import stopping

WALKERS = 16  # starting points
REACH = (3.0, 10.0)  # half of them so many times farther out, in turn
DESCENT = 60  # most gradients of a descent
PROBES = 5  # power iterations at a point
IMAGES = 16  # points of a path
RELAXATIONS = 12


class Probe:
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


def starting_points(probe, starts):
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


def bottoms_from(probe, points, temperature):
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
    if lowest + 0.5 * temperature == lowest:
        raise ValueError(
            f"target {target.name!r} must have a lowest energy at which the temperature still "
            f"counts: at {lowest:g}, where descents led, rounding hides differences of "
            f"{temperature:g}"
        )
    return sorted(bottoms, key=lambda bottom: bottom[1])


def distinct(bottoms, distance):
    """Those of the bottoms, lowest first, that are farther than `distance` from all lower ones."""
    wells = []
    for position in bottoms:
        if all(np.linalg.norm(position - well) > distance for well in wells):
            wells.append(position)
    return wells


def barrier_between(probe, wells, curvature):
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


def gradient_variance(probe, position, repeats=32):
    """Variance of a component of the gradient estimate, the largest one."""
    return float(probe(np.tile(position, (repeats, 1)))[1].var(axis=0, ddof=1).max())
