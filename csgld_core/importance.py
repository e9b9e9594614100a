"""Importance weights on the log scale: normalising, effective sample size, resampling.

And importance sampling itself, from a distribution whose density is known.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from . import checks, provenance
from .target import Target, exact_target


def _log_weights(log_weights):
    try:
        log_weights = np.asarray(log_weights)
        if log_weights.dtype.kind not in "biuf":
            raise TypeError
        log_weights = log_weights.astype(np.float64, copy=False)
    except (TypeError, ValueError):
        raise checks.refused("log_weights", log_weights, "an array of numbers") from None
    usable = log_weights.size and np.max(log_weights, initial=-math.inf) > -math.inf
    if not usable or np.isnan(log_weights).any() or (log_weights == math.inf).any():
        raise ValueError(
            "log_weights must be numbers below infinity, at least one of them finite, got "
            f"an array of shape {log_weights.shape} that is not"
        )
    return log_weights


def normalise(log_weights):
    """Weights that sum to 1, from log weights of any shape and any common offset.

    Raises
    ------
    ValueError
        If a log weight is NaN or infinity, or none is finite.
    """
    log_weights = _log_weights(log_weights)
    weights = np.exp(log_weights - log_weights.max())
    return weights / weights.sum()


def of_positions(function, positions):
    """Values (n,) or (n, k) of a function of positions (n, dim), which gets a copy of them."""
    checks.function("function", function, "None or a function of positions")
    values = np.asarray(function(positions.copy()))
    if values.ndim == 0 or len(values) != len(positions) or values.dtype.kind not in "biufc":
        raise ValueError(
            f"function must return numbers (n,) or (n, k) for positions {positions.shape}, "
            f"got shape {values.shape} of {values.dtype}"
        )
    return values


def effective_sample_size(log_weights):
    """Kish's effective sample size 1 / sum w_i^2 of normalised weights w."""
    weights = normalise(log_weights)
    return float(1.0 / np.sum(weights**2))


def systematic_resample(log_weights, n, seed):
    """Indices (n,) into the flattened weights: draw i appears n w_i times, rounded up or down.

    One uniform number u, then n evenly spaced points (u + k) / n on the cumulated weights. The
    expected number of copies is n w_i exactly, small weights and fractional parts included.

    Parameters
    ----------
    log_weights : array, any shape
    n : int
    seed : int or numpy.random.Generator

    Raises
    ------
    ValueError
        If log weights are unusable or n < 1.
    """
    n = checks.integer("n", n, least=1)
    checks.memory(8 * 4 * n, n=n)
    if not isinstance(seed, np.random.Generator):
        seed = checks.integer("seed", seed, least=0)
    cumulated = np.cumsum(normalise(log_weights).ravel())
    points = (np.random.default_rng(seed).random() + np.arange(n)) / n
    # Rounding may leave the last sum a little below 1.
    return np.searchsorted(cumulated / cumulated[-1], points, side="right").clip(
        max=cumulated.size - 1
    )


# --- independent draws ----------------------------------------------------------------------------


@dataclass(frozen=True)
class WeightedSample:
    """Independent draws with weights whose mean is Z, the integral of exp(-U / tau)."""

    settings: dict = field(repr=False)  # JSON-ready: sampler, target, arguments, seed, versions
    positions: np.ndarray = field(repr=False)  # (n, dim)
    log_weights: np.ndarray = field(repr=False)  # (n,) E[exp(log_weights)] = Z
    evaluations: int  # of the energy
    partial: bool = False  # stopped early by the user

    @property
    def log_z(self):
        """Log of the mean weight. The mean is unbiased for Z; its log is a little too low."""
        log_weights = _log_weights(self.log_weights)
        highest = log_weights.max()
        return float(highest + np.log(np.exp(log_weights - highest).mean()))

    @property
    def standard_error(self):
        """Of `log_z`, by the delta method: sd(w) / (mean(w) sqrt(n)); NaN for one draw."""
        n = self.log_weights.size
        weights = n * normalise(self.log_weights)
        return float(weights.std(ddof=1) / math.sqrt(n)) if n > 1 else math.nan

    def mean(self, function=None):
        """Weighted mean of function(positions); None is the identity.

        Parameters
        ----------
        function : callable or None
            positions (n, dim) -> values (n,) or (n, k).

        Returns
        -------
        float or array
        """
        values = self.positions
        if function is not None:
            values = of_positions(function, self.positions)
        return normalise(self.log_weights) @ values

    def effective_sample_size(self):
        """Kish's (sum w)^2 / sum w^2."""
        return effective_sample_size(self.log_weights)

    def resample(self, n, seed):
        """`n` equally weighted positions (n, dim), by systematic resampling."""
        return self.positions[systematic_resample(self.log_weights, n, seed)]


class Uniform:
    """The uniform distribution on a box (2, dim), with the methods of those of scipy.stats."""

    def __init__(self, box):
        self.box = box

    def rvs(self, size, random_state):
        """`size` draws (size, dim)."""
        return random_state.uniform(*self.box, (size, self.box.shape[1]))

    def logpdf(self, positions):
        """Log density (n,) at positions (n, dim)."""
        inside = ((positions >= self.box[0]) & (positions <= self.box[1])).all(axis=1)
        return np.where(inside, -np.log(self.box[1] - self.box[0]).sum(), -np.inf)


class Distribution:
    """A distribution like those of scipy.stats, frozen, whose points have shape (n, dim)."""

    def __init__(self, argument, distribution, dim):
        self.argument, self.distribution, self.dim = argument, distribution, dim
        for method in ("rvs", "logpdf"):
            if not callable(getattr(distribution, method, None)):
                raise ValueError(
                    f"{argument} must have the methods rvs(size=, random_state=) and logpdf(x), as "
                    f"frozen distributions of scipy.stats have, got {distribution!r}"
                )

    def _check(self, method, values, shape):
        allowed = f"numbers of shape {shape}, finite or a log density of 0"
        try:
            checked = checks.array(method, values, None, finite=False).copy()
        except ValueError:
            checked = np.empty(0)
        infinite = np.isinf(checked) if method == "rvs" else checked == np.inf
        if checked.size != math.prod(shape) or infinite.any():
            raise ValueError(
                f"{self.argument} must be a distribution of {self.dim} coordinates: its {method} "
                f"must give {allowed}, got shape {np.shape(checked)}: {checks.shown(values)}"
            )
        return checked.reshape(shape)

    def draw(self, n, generator):
        """Positions (n, dim)."""
        drawn = self.distribution.rvs(size=n, random_state=generator)
        return self._check("rvs", drawn, (n, self.dim))

    def log_density(self, positions):
        """Log densities (n,) at positions (n, dim)."""
        points = positions[:, 0] if self.dim == 1 else positions
        return self._check("logpdf", self.distribution.logpdf(points), (len(positions),))

    def __repr__(self):
        return "uniform" if isinstance(self.distribution, Uniform) else repr(self.distribution)


def energies_inside(target, positions):
    """Exact energies (n,), infinite outside the box, and how many were evaluated.

    Raises
    ------
    ValueError
        If an energy is NaN or minus infinity.
    """
    checks.instance("target", target, Target)
    inside = target.contains(positions)
    energies = np.full(len(positions), np.inf)
    energies[inside] = target.energies(positions[inside])
    wrong = ~(energies > -np.inf)
    if wrong.any():
        raise ValueError(
            f"target must have energies above minus infinity, {target.name!r} has "
            f"{energies[wrong][0]} at {positions[wrong][0].tolist()}"
        )
    return energies, int(inside.sum())


def importance_sampling(target, n, *, proposal=None, temperature=1.0, seed=None):
    """Independent draws x from q, with weights w = exp(-U(x) / tau) / q(x).

    E[w] = Z, and E_pi[f] = E_q[w f] / E_q[w] for every f if q is positive wherever pi is. The
    errors are those of the spread of w: choose q wider than pi.

    Parameters
    ----------
    target : Target
        With exact energies, noise 0.
    n : int
        Number of draws.
    proposal : distribution or None
        q: an object with rvs(size=, random_state=) and logpdf(x), as the frozen distributions of
        scipy.stats; None is uniform in the box. Points outside the box get weight 0.
    temperature : float
        tau, in units of energy.
    seed : int or None
        Same seed, same bits. None draws a seed and records it.

    Returns
    -------
    WeightedSample

    Raises
    ------
    ValueError
        If an argument is outside what is listed here, or every weight is 0.
    """
    exact_target("target", target)
    n = checks.integer("n", n, least=1)
    checks.memory(8 * 6 * n * (target.dim + 2), n=n)
    temperature = checks.number("temperature", temperature, above=0.0)
    if proposal is None and target.box is None:
        raise ValueError(f"proposal must be given for {target!r}, which has no box, got None")
    q = Distribution("proposal", Uniform(target.box) if proposal is None else proposal, target.dim)
    seed = provenance.seed(seed)
    positions = q.draw(n, np.random.default_rng(seed))
    energies, evaluations = energies_inside(target, positions)
    log_weights = -energies / temperature - q.log_density(positions)
    if not (log_weights > -np.inf).any():
        raise ValueError(
            f"proposal must reach where {target.name!r} has mass: all {n} draws of {q} have "
            "weight 0"
        )
    settings = {
        "sampler": "importance_sampling",
        "target": target.description(),
        "n": n,
        "proposal": repr(q),
        "temperature": temperature,
        "seed": seed,
    }
    return WeightedSample(provenance.recorded(settings), positions, log_weights, evaluations)
