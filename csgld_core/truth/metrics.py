"""How far a run is from the truth, and how freely it moves."""

import math

import numpy as np

from .. import checks
from ..results import diagnostics, weights
from ..results.run import Run
from ..targets import Target
from . import exact

__all__ = [
    "gradients_to_all_modes",
    "integrated_autocorrelation_time",
    "kl_divergence",
    "mode_mass_error",
    "mode_masses",
    "modes_met",
    "total_variation",
    "transitions",
]

CORE = 0.5  # of the mass of a mode


def __dir__():
    return __all__


def _check(run, target):
    checks.instance("run", run, Run)
    checks.instance("target", target, Target)
    if run.dim != target.dim:
        raise ValueError(f"target must have dim {run.dim}, that of the run, got dim {target.dim}")


def _temperature(run):
    return run.settings["temperature"]


def _flat(run):
    return run.positions.reshape(-1, run.dim)


def _histograms(run, target, bins, weighted):
    _check(run, target)
    checks.flag("weighted", weighted)
    cells = exact.histogram_bins(target, bins, _temperature(run))
    found = np.bincount(cells.index(_flat(run)), run.weights(weighted).ravel(), cells.cells)
    return found, exact.histogram(target, bins, _temperature(run))


def total_variation(run, target, bins=50, weighted=True):
    """Half the sum of |estimate - truth| over a histogram of all draws; 0 is best, 1 worst.

    Parameters
    ----------
    run : Run
    target : Target
        Of dim 1 or 2.
    bins : int
        Cells along each axis, over the box or the bulk of the target.
    weighted : bool
        Whether to use the importance weights.
    """
    found, truth = _histograms(run, target, bins, weighted)
    return float(weights.total_variation(found, truth))


def kl_divergence(run, target, bins=50, weighted=True):
    """Sum of p log(p / truth), p the histogram of the draws; parameters as `total_variation`.

    Infinite if there are draws where the truth is 0.
    """
    found, truth = _histograms(run, target, bins, weighted)
    used = found > 0
    with np.errstate(divide="ignore"):
        return float(np.sum(found[used] * np.log(found[used] / truth[used])))


def _modes(run, target):
    """The mode (draws of all chains,) of each draw."""
    _check(run, target)
    return target.mode_index(_flat(run))


def mode_masses(run, target, weighted=True):
    """Estimated probability (modes,) of each of the target's modes."""
    label = _modes(run, target)
    return np.bincount(label, run.weights(weighted).ravel(), len(target.modes))


def mode_mass_error(run, target, weighted=True):
    """Total variation between estimated and exact mode masses."""
    found = mode_masses(run, target, weighted)
    truth = exact.mode_masses(target, _temperature(run))
    return float(weights.total_variation(found, truth))


def modes_met(run, target):
    """Number of modes among the draws of all chains."""
    return int(np.unique(_modes(run, target)).size)


def _in_core(run, label):
    """Which draws (draws of all chains,) are among the lowest energies of their mode."""
    energies, weights = diagnostics.energies_of(run).ravel(), run.weights().ravel()
    core = np.zeros(label.size, dtype=bool)
    for mode in np.unique(label):
        draws = np.flatnonzero(label == mode)
        draws = draws[np.argsort(energies[draws], kind="stable")]
        mass = np.cumsum(weights[draws])
        highest = energies[draws[np.searchsorted(mass, CORE * mass[-1])]]
        core[draws] = energies[draws] <= highest
    return core


def transitions(run, target):
    """How often chains went from the core of one mode to the core of another, over all chains.

    The core of a mode holds half of its mass, at its lowest energies, by the weighted draws. A
    chain that trembles on the border between two modes makes no transition until it has come down.
    """
    label = _modes(run, target)
    chain = np.repeat(np.arange(run.chains), run.draws)
    core = _in_core(run, label)
    label, chain = label[core], chain[core]
    return int(np.count_nonzero((np.diff(label) != 0) & (np.diff(chain) == 0)))


def gradients_to_all_modes(run, target):
    """Gradients that all chains together used until their draws had met every mode, or infinity.

    Visits between kept draws are not seen.
    """
    label = _modes(run, target).reshape(run.chains, run.draws)
    first = 0
    for mode in range(len(target.modes)):
        met = (label == mode).any(axis=0)
        if not met.any():
            return math.inf
        first = max(first, int(np.argmax(met)))
    return float(run.gradients_at_draws[first])


def integrated_autocorrelation_time(values):
    """Draws per independent draw, 1 + 2 sum of autocorrelations, from each chain's own.

    The sum ends at the first lag M >= 5 times the time found so far (Sokal's window).

    Parameters
    ----------
    values : array (draws,) or (chains, draws)

    Returns
    -------
    float
        At least 1; infinity for values that never change.

    Raises
    ------
    ValueError
        If there are fewer than 4 draws or values are not finite.
    """
    allowed = "finite, (draws,) or (chains, draws) with at least 4 draws"
    shape = (None,) * max(1, min(2, checks.axes(values)))
    values = np.atleast_2d(checks.array("values", values, shape, allowed=allowed))
    if values.shape[1] < 4 or not len(values):
        raise ValueError(f"values must be {allowed}, got an array of shape {values.shape}")
    draws = values.shape[1]
    if (np.ptp(values, axis=1) == 0).all():
        return math.inf
    centred = values - values.mean(axis=1, keepdims=True)
    spectrum = np.fft.rfft(centred, 2 * draws, axis=1)
    covariance = np.fft.irfft(np.abs(spectrum) ** 2, axis=1)[:, :draws].mean(axis=0)
    times = 2.0 * np.cumsum(covariance / covariance[0]) - 1.0
    window = np.arange(draws) >= 5.0 * times
    return float(max(1.0, times[np.argmax(window)] if window.any() else times[-1]))
