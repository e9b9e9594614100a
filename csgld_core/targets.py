"""Targets pi(x) proportional to exp(-U(x) / tau), and a catalogue of named ones.

A target is one fused function (position, gradient) -> energy that also fills the gradient. Compiled
to one fixed signature it is a value that the samplers' loops take as an argument, so that they are
compiled once for all targets.
"""

import math
import warnings

import numpy as np
from numba import float64, njit, objmode
from numba.core.dispatcher import Dispatcher
from numba.core.errors import NumbaError
from numba.core.types import FunctionType
from numba.core.types.npytypes import NumPyRandomGeneratorType

from . import checks

GENERATOR = NumPyRandomGeneratorType("NumPyRandomGeneratorType")
CALLBACK_SIGNATURE = float64(float64[::1], float64[::1], float64[:, ::1], GENERATOR)
CALLBACK = FunctionType(CALLBACK_SIGNATURE)  # (position, gradient, data, generator) -> energy


def _callback(function):
    """Compile a user's (position, gradient) -> energy to the signature of the loops."""
    if isinstance(function, Dispatcher):
        if CALLBACK_SIGNATURE.args in function.overloads:
            return function
        try:

            @njit(CALLBACK_SIGNATURE, nogil=True)
            def compiled(position, gradient, data, generator):
                return function(position, gradient)

        except NumbaError as error:
            raise ValueError(
                "energy_and_gradient must take (position, gradient), two arrays of float64, and "
                f"return the energy; numba says: {str(error).strip()}"
            ) from None
        return compiled

    warnings.warn(
        "energy_and_gradient is a plain Python function: it works, about a hundred times slower "
        "than under @numba.njit",
        stacklevel=3,
    )

    @njit(CALLBACK_SIGNATURE)
    def interpreted(position, gradient, data, generator):
        with objmode(energy="float64"):
            energy = float(function(position, gradient))
        return energy

    return interpreted


@njit(
    [(CALLBACK, float64[:, ::1], GENERATOR, float64[:, ::1], float64[::1], float64[:, ::1])],
    cache=True,
    nogil=True,
)
def _evaluate(callback, data, generator, positions, energies, gradients):
    position, gradient = np.empty(positions.shape[1]), np.empty(positions.shape[1])
    for n in range(positions.shape[0]):
        position[:] = positions[n]
        gradient[:] = np.nan  # shows a component that the callback forgot
        energies[n] = callback(position, gradient, data, generator)
        gradients[n] = gradient


class Target:
    """An energy U(x) to sample from exp(-U(x) / tau).

    Parameters
    ----------
    energy_and_gradient : callable (position, gradient) -> energy
        Takes `position` (dim,) and fills `gradient` (dim,) with dU/dx, both float64; returns U.
        A numba-compiled function is fast; a plain Python function works, slowly, with a warning.
    dim : int
        Number of coordinates.
    box : (low, high) or None
        Bounds of the domain, two numbers or two arrays (dim,); None is all of space.
    name : str
    noise : float
        Standard deviation of the Gaussian noise that the samplers add to the energy and to each
        component of the gradient, as minibatches would. `energies` and `gradients` have none.
    modes : array (modes, dim) or None
        Reference points of the modes, for metrics; without a box also where `exact` looks for
        mass, which may miss a mode that is not named.
    basin : callable or None
        positions (n, dim) -> index of the mode each belongs to; None takes the nearest of `modes`.
    data : array (rows, columns) or None
        Numbers for a function compiled to `CALLBACK_SIGNATURE`.

    Raises
    ------
    ValueError
        If an argument is outside what is listed here.
    """

    def __init__(
        self,
        energy_and_gradient,
        dim,
        *,
        box=None,
        name="target",
        noise=0.0,
        modes=None,
        basin=None,
        data=None,
    ):
        if not callable(energy_and_gradient):
            raise ValueError(
                "energy_and_gradient must be a function (position, gradient) -> energy, "
                f"got {energy_and_gradient!r}"
            )
        self.dim = checks.integer("dim", dim, least=1)
        self.box = None if box is None else _as_box(box, self.dim)
        self.name = str(name)
        self.noise = checks.number("noise", noise, least=0.0)
        self.modes = None if modes is None else checks.array("modes", modes, (None, self.dim))
        if basin is not None and not callable(basin):
            raise ValueError(f"basin must be None or a function of positions, got {basin!r}")
        self.basin = basin
        self.data = np.zeros((1, 1)) if data is None else checks.array("data", data, (None, None))
        self.callback = _callback(energy_and_gradient)

    def __repr__(self):
        return f"Target({self.name!r}, dim={self.dim}, noise={self.noise:g})"

    def description(self):
        """Name, dim, box and noise, ready for JSON."""
        box = None if self.box is None else self.box.tolist()
        return {"name": self.name, "dim": self.dim, "box": box, "noise": self.noise}

    def _evaluate(self, positions):
        positions = checks.array("positions", positions, (None, self.dim))
        energies, gradients = np.empty(len(positions)), np.empty(positions.shape)
        generator = np.random.default_rng(0)
        _evaluate(self.callback, self.data, generator, positions, energies, gradients)
        return energies, gradients

    def energies(self, positions):
        """Exact energies (n,) at `positions` (n, dim)."""
        return self._evaluate(positions)[0]

    def gradients(self, positions):
        """Exact gradients (n, dim) at `positions` (n, dim)."""
        return self._evaluate(positions)[1]

    def contains(self, positions):
        """Which of `positions` (n, dim) lie in the box (n,)."""
        positions = checks.array("positions", positions, (None, self.dim))
        if self.box is None:
            return np.ones(len(positions), dtype=bool)
        return ((positions >= self.box[0]) & (positions <= self.box[1])).all(axis=1)

    def mode_index(self, positions):
        """Index (n,) of the mode to which each of `positions` (n, dim) belongs.

        Raises
        ------
        ValueError
            If the target has no modes.
        """
        if self.modes is None:
            raise ValueError(f"modes of target {self.name!r} must be given for this, got None")
        positions = checks.array("positions", positions, (None, self.dim))
        if self.basin is not None:
            return np.asarray(self.basin(positions), dtype=np.int64)
        nearest, best = np.zeros(len(positions), dtype=np.int64), np.full(len(positions), np.inf)
        for mode, centre in enumerate(self.modes):
            distance = ((positions - centre) ** 2).sum(axis=1)
            nearest[distance < best] = mode
            best = np.minimum(best, distance)
        return nearest

    def start(self, generator):
        """A starting point (dim,): uniform in the box, or from N(0, I) where there is none."""
        if self.box is None:
            return generator.standard_normal(self.dim)
        return generator.uniform(self.box[0], self.box[1])

    def check(self, positions=None, *, tolerance=1e-4):
        """Compare the gradient with central differences of the energy.

        Parameters
        ----------
        positions : array (n, dim) or None
            Where to compare; None takes 20 starting points and the modes.
        tolerance : float
            Largest allowed difference, relative to 1 + |difference quotient|.

        Raises
        ------
        ValueError
            If an energy or a gradient is not finite, or a component of the gradient differs.
        """
        if positions is None:
            generator = np.random.default_rng(0)
            starts = [self.start(generator) for _ in range(20)]
            positions = np.vstack([*starts] if self.modes is None else [*starts, self.modes])
        energies, gradients = self._evaluate(positions)
        positions = np.asarray(positions, dtype=np.float64)
        for i in range(self.dim):
            step = 1e-5 * np.maximum(1.0, np.abs(positions[:, i]))
            up, down = positions.copy(), positions.copy()
            up[:, i] += step
            down[:, i] -= step
            with np.errstate(invalid="ignore"):  # infinite energies are found below
                numeric = (self.energies(up) - self.energies(down)) / (2 * step)
            wrong = ~(np.abs(gradients[:, i] - numeric) <= tolerance * (1 + np.abs(numeric)))
            wrong |= ~np.isfinite(energies)
            if wrong.any():
                n = int(np.argmax(wrong))
                raise ValueError(
                    f"energy_and_gradient of {self.name!r} must fill the derivative of a finite "
                    f"energy: at {positions[n].tolist()} (energy {energies[n]:g}) it gives "
                    f"{gradients[n, i]:g} for component {i}, differences give {numeric[n]:g}"
                )


def exact_target(name, target, otherwise=""):
    """Raise ValueError unless `target` is a Target with exact energies; `name` is the argument."""
    allowed = f"{otherwise}a csgld_core.Target with exact energies, noise 0"
    if not isinstance(target, Target) or target.noise != 0.0:
        raise ValueError(f"{name} must be {allowed}, got {target!r}")


def _as_box(box, dim):
    allowed = f"None or (low, high), finite numbers or arrays ({dim},), low < high"
    try:
        low, high = box
        bounds = np.array([np.broadcast_to(low, dim), np.broadcast_to(high, dim)], dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"box must be {allowed}, got {box!r}") from None
    if not np.isfinite(bounds).all() or not (bounds[0] < bounds[1]).all():
        raise ValueError(f"box must be {allowed}, got {box!r}")
    return bounds


# --- catalogue ------------------------------------------------------------------------------------


@njit(CALLBACK_SIGNATURE, cache=True, nogil=True)
def _mixture(position, gradient, data, generator):
    # Row k of data: log(w_k N(mu_k; mu_k, S_k)), mu_k, and the inverse of S_k row by row.
    dim, components = position.size, data.shape[0]
    gradient[:] = 0.0
    highest, total = -np.inf, 0.0
    for k in range(components):
        distance = 0.0
        for i in range(dim):
            pull = 0.0
            for j in range(dim):
                pull += data[k, 1 + dim * (i + 1) + j] * (position[j] - data[k, 1 + j])
            distance += (position[i] - data[k, 1 + i]) * pull
        log_density = data[k, 0] - 0.5 * distance
        if log_density > highest:  # rescale what is there, so that no exponent overflows
            shrink = math.exp(highest - log_density)
            total *= shrink
            for i in range(dim):
                gradient[i] *= shrink
            highest = log_density
        density = math.exp(log_density - highest)
        total += density
        for i in range(dim):
            pull = 0.0
            for j in range(dim):
                pull += data[k, 1 + dim * (i + 1) + j] * (position[j] - data[k, 1 + j])
            gradient[i] += density * pull
    for i in range(dim):
        gradient[i] /= total
    return -highest - math.log(total)


def gaussian_mixture(weights, means, covariances, *, noise=0.0, name="gaussian_mixture"):
    """U = -log sum_k w_k N(x; mu_k, S_k), normalised, in any dimension.

    Parameters
    ----------
    weights : array (k,)
        Positive; divided by their sum.
    means : array (k, dim)
    covariances : array (k, dim, dim)
        Symmetric and positive definite.
    noise : float
        See `Target`.

    Returns
    -------
    Target
        Its modes are the means; x belongs to the component of the largest w_k N(x; mu_k, S_k).
    """
    means = checks.array("means", means, (None, None))
    components, dim = means.shape
    weights = checks.array("weights", weights, (components,))
    covariances = checks.array("covariances", covariances, (components, dim, dim))
    if components == 0 or dim == 0:
        raise ValueError(f"means must be (k, dim) with k, dim >= 1, got shape {means.shape}")
    if not (weights > 0).all():
        raise ValueError(f"weights must be positive, got {weights.tolist()}")
    if not np.allclose(covariances, covariances.transpose(0, 2, 1)):
        raise ValueError(f"covariances must be symmetric, got {covariances.tolist()}")
    if not (np.linalg.eigvalsh(covariances) > 0).all():
        raise ValueError(f"covariances must be positive definite, got {covariances.tolist()}")
    inverses = np.linalg.inv(covariances)
    log_heights = np.log(weights / weights.sum()) - 0.5 * (
        dim * math.log(2 * math.pi) + np.linalg.slogdet(covariances)[1]
    )

    def basin(positions):
        best, label = np.full(len(positions), -np.inf), np.zeros(len(positions), dtype=np.int64)
        for k in range(components):
            away = positions - means[k]
            log_density = log_heights[k] - 0.5 * ((away @ inverses[k]) * away).sum(axis=1)
            label[log_density > best] = k
            best = np.maximum(best, log_density)
        return label

    data = np.hstack([log_heights[:, None], means, inverses.reshape(components, -1)])
    return Target(
        _mixture, dim, name=name, noise=noise, modes=means, basin=basin, data=np.array(data)
    )


def two_modes(noise=0.0):
    """E1: U = -log(0.4 N(x; -6, 1) + 0.6 N(x; 4, 1)) (CSGLD paper, section 4.1)."""
    return gaussian_mixture(
        [0.4, 0.6], [[-6.0], [4.0]], np.ones((2, 1, 1)), noise=noise, name="two_modes"
    )


def gaussian_grid(noise=0.0):
    """E4: 25 equal Gaussians on the grid {-4, -2, 0, 2, 4}^2, covariance 0.03 I."""
    axis = np.arange(-4.0, 5.0, 2.0)
    means = np.array([[a, b] for a in axis for b in axis])
    covariances = np.tile(0.03 * np.eye(2), (25, 1, 1))
    return gaussian_mixture(np.ones(25), means, covariances, noise=noise, name="gaussian_grid")


@njit(CALLBACK_SIGNATURE, cache=True, nogil=True)
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


@njit(CALLBACK_SIGNATURE, cache=True, nogil=True)
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


def twenty_five_wells(noise=0.0):
    """E3: U = (|x|^2 / 10 - sum_i cos 2 pi x_i) / 0.5 + max(0, |x|^2 - 20) on [-2.5, 2.5]^2."""
    axis = np.arange(-2.0, 3.0)
    modes = [[a, b] for a in axis for b in axis]
    return Target(
        _twenty_five_wells, 2, box=(-2.5, 2.5), name="twenty_five_wells", noise=noise, modes=modes
    )
