"""A target pi(x) proportional to exp(-U(x) / tau)."""

import functools
import inspect

import numpy as np
from numba.core.dispatcher import Dispatcher

from .. import checks
from .callback import compile_callback, evaluate


class Target:
    """An energy U(x) to sample from exp(-U(x) / tau).

    Parameters
    ----------
    energy_and_gradient : callable (position, gradient) -> energy
        Takes `position` (dim,) and fills `gradient` (dim,) with dU/dx, both float64; returns U.
        A numba-compiled function is fast; a plain Python function works, slowly, with a warning.
        A compiled one may also take all of (position, gradient, data, generator).
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
        Numbers for functions that take `data`.
    estimate : callable (position, gradient, data, generator) -> energy, or None
        Compiled with @numba.njit: returns an unbiased estimate of U and fills `gradient` with one
        of dU/dx, from a minibatch drawn with the numpy `generator`. Samplers see it instead of U.
    energy_variance : float or None
        Variance of one energy as samplers see it, which replica exchange corrects for. None is
        noise**2 without an estimate, unknown with one.
    axisymmetric : bool
        U depends on x_1 and |(x_2, ..., x_dim)| only, without a box, and so do the basins: `exact`
        then integrates in any dimension.

    Attributes
    ----------
    callback : function
        The compiled `energy_and_gradient`.
    estimate : function or None
        The compiled `estimate`.

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
        estimate=None,
        energy_variance=None,
        axisymmetric=False,
    ):
        if not callable(energy_and_gradient):
            raise ValueError(
                "energy_and_gradient must be a function (position, gradient) -> energy, "
                f"got {energy_and_gradient!r}"
            )
        self.dim = checks.integer("dim", dim, least=1)
        checks.memory(8 * 20 * self.dim, dim=self.dim)
        self.box = None if box is None else _as_box(box, self.dim)
        self.name = str(name)
        self.noise = checks.number("noise", noise, least=0.0)
        self.modes = None if modes is None else checks.array("modes", modes, (None, self.dim))
        if modes is not None and not len(self.modes):
            raise checks.refused("modes", modes, "None or one at least")
        if basin is not None and not callable(basin):
            raise checks.refused("basin", basin, "None or a function of positions")
        self.basin = basin
        self.data = np.zeros((1, 1)) if data is None else checks.array("data", data, (None, None))
        if energy_variance is not None:
            energy_variance = checks.number("energy_variance", energy_variance, least=0.0)
        elif estimate is None:
            energy_variance = self.noise**2
        self.energy_variance = energy_variance
        axisymmetric = checks.flag("axisymmetric", axisymmetric)
        if axisymmetric and self.box is not None:
            raise ValueError(f"axisymmetric must be False with a box, got {axisymmetric!r}")
        self.axisymmetric = axisymmetric
        self.callback = compile_callback("energy_and_gradient", energy_and_gradient)
        self._interpreted = not isinstance(energy_and_gradient, Dispatcher)
        self.estimate = None if estimate is None else compile_callback("estimate", estimate)
        self._functions = {"energy_and_gradient": energy_and_gradient, "estimate": estimate}
        self._recipe = None

    def __repr__(self):
        return f"Target({self.name!r}, dim={self.dim}, noise={self.noise:g})"

    def __reduce__(self):
        if self._recipe is not None:
            return rebuild, (self._recipe,)
        own = ("dim", "box", "name", "noise", "modes", "basin", "data")
        own += ("energy_variance", "axisymmetric")
        arguments = {name: getattr(self, name) for name in own}
        return functools.partial(Target, **self._functions, **arguments), ()

    @property
    def sampled(self):
        """The compiled function that samplers call: the estimate, or else the exact energy."""
        return self.callback if self.estimate is None else self.estimate

    @property
    def exact(self):
        """Whether samplers see exact energies: neither an estimate nor noise."""
        return self.estimate is None and self.noise == 0.0

    @property
    def recipe(self):
        """{"name", "arguments"} for `rebuild`, ready for JSON; None outside the catalogue."""
        if self._recipe is None:
            return None
        arguments = {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in self._recipe["arguments"].items()
        }
        return {"name": self._recipe["name"], "arguments": arguments}

    def description(self):
        """Name, dim, box and noise, ready for JSON."""
        box = None if self.box is None else self.box.tolist()
        return {"name": self.name, "dim": self.dim, "box": box, "noise": self.noise}

    def _evaluate(self, callback, positions, generator):
        positions = checks.array("positions", positions, (None, self.dim))
        energies, gradients = np.empty(len(positions)), np.empty(positions.shape)
        loop = evaluate
        if self._interpreted and callback is self.callback:
            loop, callback = loop.py_func, callback.py_func  # through numba, Ctrl-C may be lost
        loop(callback, self.data, generator, positions, energies, gradients)
        return energies, gradients

    def _exactly(self, positions):
        return self._evaluate(self.callback, positions, np.random.default_rng(0))

    def energies(self, positions):
        """Exact energies (n,) at `positions` (n, dim)."""
        return self._exactly(positions)[0]

    def gradients(self, positions):
        """Exact gradients (n, dim) at `positions` (n, dim)."""
        return self._exactly(positions)[1]

    def estimates(self, positions, generator):
        """Energies (n,) and gradients (n, dim) at `positions` (n, dim) as samplers see them.

        Estimates and noise are drawn with the numpy `generator`, afresh at each position.
        """
        checks.instance("generator", generator, np.random.Generator)
        energies, gradients = self._evaluate(self.sampled, positions, generator)
        energies += self.noise * generator.standard_normal(energies.shape)
        gradients += self.noise * generator.standard_normal(gradients.shape)
        return energies, gradients

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
            return self._labels(self.basin(positions.copy()), len(positions))
        nearest, best = np.zeros(len(positions), dtype=np.int64), np.full(len(positions), np.inf)
        for mode, centre in enumerate(self.modes):
            distance = ((positions - centre) ** 2).sum(axis=1)
            nearest[distance < best] = mode
            best = np.minimum(best, distance)
        return nearest

    def _labels(self, found, n):
        """What `basin` gave for n positions, if these are indices of modes."""
        allowed = f"indices of its {len(self.modes)} modes, shape ({n},)"
        name = f"basin of {self.name!r}"
        try:
            labels = checks.array(name, found, (n,)).astype(np.int64)
        except ValueError:
            labels = None
        fine = labels is not None and labels == found
        if not np.all(fine) or not ((labels >= 0) & (labels < len(self.modes))).all():
            raise ValueError(f"{name} must give {allowed}, got {checks.shown(found)}")
        return labels

    def start(self, generator):
        """A starting point (dim,): uniform in the box, or from N(0, I) where there is none."""
        checks.instance("generator", generator, np.random.Generator)
        if self.box is None:
            return generator.standard_normal(self.dim)
        return generator.uniform(self.box[0], self.box[1])

    def check(self, positions=None, *, tolerance=1e-4):
        """Compare the gradient with central differences of the energy, and what else was stated.

        An axisymmetric target must have the same energy and mode at points turned about the first
        axis; the means of 400 estimates must be the energy and the gradient, to 6 standard errors.

        Parameters
        ----------
        positions : array (n, dim) or None
            Where to compare; None takes 20 starting points and the modes.
        tolerance : float
            Largest allowed difference, relative to 1 + |difference quotient| (or + |energy|).

        Raises
        ------
        ValueError
            If an energy or a gradient is not finite, or something differs.
        """
        tolerance = checks.number("tolerance", tolerance, above=0.0)
        if positions is None:
            generator = np.random.default_rng(0)
            starts = [self.start(generator) for _ in range(20)]
            positions = np.vstack([*starts] if self.modes is None else [*starts, self.modes])
        energies, gradients = self._exactly(positions)
        positions = np.asarray(positions, dtype=np.float64)
        if self.axisymmetric and self.dim > 1:
            self._check_axisymmetry(positions, energies, tolerance)
        if self.estimate is not None:
            self._check_estimate(positions, energies, gradients, tolerance)
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

    def _check_axisymmetry(self, positions, energies, tolerance):
        turned = positions.copy()
        tail = np.random.default_rng(1).standard_normal((len(positions), self.dim - 1))
        radii = np.linalg.norm(positions[:, 1:], axis=1) / np.linalg.norm(tail, axis=1)
        turned[:, 1:] = radii[:, None] * tail
        away = np.abs(self.energies(turned) - energies) > tolerance * (1 + np.abs(energies))
        if self.modes is not None:
            away |= self.mode_index(turned) != self.mode_index(positions)
        if away.any():
            n = int(np.argmax(away))
            raise ValueError(
                f"axisymmetric must be False for {self.name!r}: its energy or mode differs between "
                f"{positions[n].tolist()} and {turned[n].tolist()}"
            )

    def _check_estimate(self, positions, energies, gradients, tolerance, draws=400):
        generator = np.random.default_rng(2)
        for n in np.unique(np.linspace(0, len(positions) - 1, 5).astype(int)):
            repeated = np.tile(positions[n], (draws, 1))
            drawn = np.column_stack(self._evaluate(self.estimate, repeated, generator))
            wanted = np.append(energies[n], gradients[n])
            error = drawn.std(axis=0, ddof=1) / np.sqrt(draws)
            allowed = 6 * error + tolerance * (1 + np.abs(wanted))
            wrong = ~(np.abs(drawn.mean(axis=0) - wanted) <= allowed)
            if wrong.any():
                i = int(np.argmax(wrong))
                raise ValueError(
                    f"estimate of {self.name!r} must be unbiased: at {positions[n].tolist()} the "
                    f"mean of {'energies' if i == 0 else f'component {i - 1} of the gradient'} is "
                    f"{drawn[:, i].mean():g} ± {error[i]:.1g} instead of {wanted[i]:g}"
                )


def exact_target(name, target, otherwise=""):
    """Raise ValueError unless `target` is a Target with exact energies; `name` is the argument."""
    allowed = f"{otherwise}a csgld_core.Target with exact energies, noise 0"
    if not isinstance(target, Target) or not target.exact:
        raise checks.refused(name, target, allowed)


def _as_box(box, dim):
    allowed = f"None or (low, high), finite numbers or arrays ({dim},), low < high"
    try:
        low, high = (np.broadcast_to(bound, dim) for bound in box)
        bounds = checks.array("box", [low, high], (2, dim), allowed=allowed)
    except (TypeError, ValueError):
        bounds = None
    if bounds is None or not (bounds[0] < bounds[1]).all():
        raise checks.refused("box", box, allowed)
    return bounds


# --- recipes --------------------------------------------------------------------------------------

_CATALOGUE = {}


def catalogued(factory):
    """Let `rebuild` find a function that returns a Target, and its targets remember how."""
    signature = inspect.signature(factory)

    @functools.wraps(factory)
    def recorded(*args, **kwargs):
        target = factory(*args, **kwargs)
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        arguments = {name: _plain(value) for name, value in bound.arguments.items()}
        target._recipe = {"name": factory.__name__, "arguments": arguments}
        return target

    _CATALOGUE[factory.__name__] = recorded
    return recorded


def _plain(value):
    """A copy of an argument as a number, a text or an array, made lists only on demand."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return value.item() if isinstance(value, np.generic) else np.array(value)


def rebuild(recipe):
    """The target of the catalogue that has this `Target.recipe`, with the same energies to the bit.

    Raises
    ------
    ValueError
        If the recipe names no target of the catalogue, or its arguments are not allowed there.
    """
    allowed = '{"name": ..., "arguments": {...}} with a name of ' + ", ".join(sorted(_CATALOGUE))
    if (
        not isinstance(recipe, dict)
        or set(recipe) != {"name", "arguments"}
        or recipe["name"] not in _CATALOGUE
        or not isinstance(recipe["arguments"], dict)
    ):
        raise ValueError(f"recipe must be {allowed}, got {recipe!r}")
    factory = _CATALOGUE[recipe["name"]]
    try:
        inspect.signature(factory).bind(**recipe["arguments"])
    except TypeError as error:
        raise ValueError(
            f"recipe must have the arguments of {recipe['name']}{inspect.signature(factory)}: "
            f"{error}, got {recipe!r}"
        ) from None
    return factory(**recipe["arguments"])
