"""Weights on the log scale, of draws and of energies, and the results that hold them.

Draws: normalising, effective sample size, resampling, `WeightedSample`. Energies: the share of all
states that each cell holds, `DensityOfStates`.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from scipy.special import logsumexp

from .. import checks
from ..partition import EnergyPartition


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


def total_variation(p, q):
    """Half the sum of |p - q| over the last axis, between two distributions on the same cells."""
    return 0.5 * np.abs(np.asarray(p) - np.asarray(q)).sum(axis=-1)


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


# --- results --------------------------------------------------------------------------------------


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


@dataclass(frozen=True)
class DensityOfStates:
    """What `wang_landau` and `samc` learned: the share of all states that each cell holds.

    The partition's states count as all there are: no other was visited.
    """

    settings: dict = field(repr=False)  # JSON-ready: model, arguments, seed, versions
    partition: EnergyPartition
    log_g: np.ndarray = field(repr=False)  # (bins,) sum of g is 1; -inf where never visited
    energies: np.ndarray = field(repr=False)  # (bins,) mean energy of the visits; NaN without
    visits: np.ndarray = field(repr=False)  # (bins,) moves that ended in each cell
    round_trips: int  # from the lowest visited cell to the highest and back, since both are known
    steps: int
    evaluations: int  # of the energy
    outside: int  # moves rejected because they left the box or the partition
    history_steps: np.ndarray = field(repr=False)  # (s <= 200,) evenly spaced on a log axis
    history: np.ndarray = field(repr=False)  # (s,) the gain at those steps
    partial: bool = False  # stopped early by the user

    def normalised(self, log_total):
        """log g (bins,) such that the sum of g is exp(log_total).

        Parameters
        ----------
        log_total : float
            Log of the number of all states inside the partition, such as N log 2, or of their
            volume: that of the box only if the partition reaches above every energy in it.
        """
        return self.log_g + checks.number("log_total", log_total)

    def log_z(self, temperature=1.0, log_total=0.0):
        """log of Z = sum_i g_i exp(-E_i / tau), with E_i the mean energy of the visits to cell i.

        Exact for cells that hold one level. On continuous energies the error from within the cells
        is about (width / tau)^2 / 24. `log_total` as in `normalised`: a partition that leaves out
        part of the box, and the box's whole volume, give too large a Z.
        """
        log_terms, _ = self._terms(temperature)
        return float(logsumexp(log_terms)) + checks.number("log_total", log_total)

    def mean_energy(self, temperature=1.0):
        """E[U] = sum_i g_i E_i exp(-E_i / tau) / Z."""
        share, energies = self._shares(temperature)
        return float(share @ energies)

    def heat_capacity(self, temperature=1.0):
        """dE[U] / d tau = (E[U^2] - E[U]^2) / tau^2; energies within a cell count as E_i."""
        share, energies = self._shares(temperature)
        return float(share @ ((energies - share @ energies) / temperature) ** 2)

    def energy_pdf(self, temperature=1.0):
        """theta (bins,), the probability of each cell: g_i exp(-E_i / tau) / Z; 0 if not visited.

        It compares with `exact.energy_pdf`, as good as `log_z` on continuous energies.
        """
        theta = np.zeros(self.partition.bins)
        theta[self.visits > 0] = self._shares(temperature)[0]
        return theta

    def _shares(self, temperature):
        log_terms, energies = self._terms(temperature)
        return np.exp(log_terms - logsumexp(log_terms)), energies

    def _terms(self, temperature):
        temperature = checks.number("temperature", temperature, above=0.0)
        visited = self.visits > 0
        energies = self.energies[visited]
        return self.log_g[visited] - energies / temperature, energies
