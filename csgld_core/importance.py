"""Importance weights on the log scale: normalising, effective sample size, resampling."""

import math

import numpy as np

from . import checks


def _log_weights(log_weights):
    log_weights = np.asarray(log_weights, dtype=np.float64)
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
    cumulated = np.cumsum(normalise(log_weights).ravel())
    points = (np.random.default_rng(seed).random() + np.arange(n)) / n
    # Rounding may leave the last sum a little below 1.
    return np.searchsorted(cumulated / cumulated[-1], points, side="right").clip(
        max=cumulated.size - 1
    )
