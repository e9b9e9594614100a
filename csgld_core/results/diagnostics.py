"""Numbers that tell the quality of a run from the run alone.

Split R-hat and ESS are ArviZ's; the rest stands here because no library has it. None of them can
see a mode that was never visited.
"""

import json
import math
import warnings
from typing import NamedTuple

import numpy as np

from .. import checks
from ..partition import EnergyPartition
from .weights import total_variation

__all__ = [
    "Agreement",
    "agreement",
    "bouncy_fraction",
    "clamped_fraction",
    "energy_round_trips",
    "flatness",
    "swap_fraction",
    "theta_drift",
    "theta_mismatch",
    "theta_spread",
    "to_arviz",
]

# Wells below the partition are not flattened; above it there is little to flatten.
BELOW_WARNING, CLAMPED_WARNING = 0.01, 0.05
QUANTILES = (0.1, 0.9)  # of the energies: where "low" ends and "high" begins
COARSE_CELLS = 50  # energy PDFs are compared on so many, where noise of single cells is small
FLAT_CELLS = 100  # at most, of the histogram of energies,
DRAWS_PER_CELL = 20  # with so many draws or more: its entropy is then off by 1 / 40 at most

# What ArviZ is given, so that a summary takes a fraction of a second.
ARVIZ_VALUES = 300_000
ARVIZ_SERIES = 50  # coordinates, and chains, at most

INSTALL = 'pip install "csgld_core[diagnostics]"'


def __dir__():
    return __all__


# --- numbers --------------------------------------------------------------------------------------


# Run stands above this file, so a run is known by what it has.
RUN = ("settings", "steps", "positions", "energies", "multipliers", "log_weights")


def check_run(run):
    """Raise ValueError unless `run` is a Run."""
    if not all(hasattr(run, name) for name in RUN):
        raise checks.refused("run", run, "a csgld_core.Run")


def energies_of(run):
    """Exact energies where there are any: noise looks like movement."""
    check_run(run)
    return run.energies if run.exact_energies is None else run.exact_energies


def _check_contour(run):
    check_run(run)
    if run.energy_pdfs is None:
        sampler = run.settings.get("sampler", "no contour sampler")
        raise ValueError(f"run must be one with contours, got one of {sampler}")


def moves(run):
    """Moves of all chains; a few less than there were if the user stopped them."""
    check_run(run)
    return run.settings["completed_steps"] * run.chains


def energy_round_trips(run, quantiles=QUANTILES):
    """How often each chain went from low to high energies and back, or the other way round.

    Low and high are the outer parts of the energies that all chains visited together. Independent
    draws make about draws * q / 2 round trips, q the probability of each part.

    Parameters
    ----------
    run : Run
    quantiles : (float, float)
        Low is at or below the first quantile of the energies of all chains, high at or above the
        second.

    Returns
    -------
    array (chains,) of int
    """
    energies = energies_of(run)
    allowed = "two numbers, 0 <= low < high <= 1"
    first, second = checks.array("quantiles", quantiles, (2,), allowed=allowed)
    if not 0 <= first < second <= 1:
        raise checks.refused("quantiles", quantiles, allowed)
    low, high = np.quantile(energies, [first, second])
    chain, draw = np.nonzero((energies <= low) | (energies >= high))
    is_low = energies[chain, draw] <= low
    crossed = (is_low[1:] != is_low[:-1]) & (chain[1:] == chain[:-1])
    return np.bincount(chain[1:][crossed], minlength=run.chains) // 2


def flatness(run, partition=None):
    """How evenly the energies of all draws fill the partition; in (0, 1], 1 for flat.

    exp(entropy of their histogram) / number of its cells, which reach from the lowest energy
    visited to the top of the partition. With zeta = 1 and an exact theta it is 1, up to cells that
    hold no state; zeta < 1 and clipping leave a slope, hence less.

    Parameters
    ----------
    run : Run
    partition : EnergyPartition or None
        None takes the run's own; other samplers have none.

    Raises
    ------
    ValueError
        If there is no partition.
    """
    check_run(run)
    if partition is None:
        _check_contour(run)
        partition = run.partition
    checks.instance("partition", partition, EnergyPartition)
    cells = partition.index(run.energies.ravel())
    lowest = int(cells.min())
    reach = partition.bins - lowest
    merged = min(reach, FLAT_CELLS, max(1, cells.size // DRAWS_PER_CELL))
    counts = np.bincount((cells - lowest) * merged // reach)
    share = counts[counts > 0] / cells.size
    return float(np.exp(-np.sum(share * np.log(share))) / merged)


def bouncy_fraction(run):
    """Part of all draws that the gradient drives uphill: those with a negative multiplier."""
    check_run(run)
    return float(np.mean(run.multipliers < 0))


def clamped_fraction(run):
    """Part of all moves of a contour run whose energy lay outside the partition.

    Raises
    ------
    ValueError
        If the run has no contours.
    """
    _check_contour(run)
    return min(1.0, run.clamped / moves(run))


def swap_fraction(run):
    """Accepted swaps of replica exchange for each step of a pair.

    Raises
    ------
    ValueError
        If the run is not one of replica exchange.
    """
    check_run(run)
    if run.settings.get("sampler") != "replica_exchange_sgld":
        raise ValueError(
            "run must be one of replica_exchange_sgld, "
            f"got one of {run.settings.get('sampler', 'no sampler')}"
        )
    return min(1.0, run.swaps / moves(run))


def _coarse(pdf):
    """Energy PDFs (..., cells) on at most COARSE_CELLS cells."""
    cells = pdf.shape[-1]
    starts = np.arange(0, cells, -(-cells // COARSE_CELLS))
    return np.add.reduceat(pdf, starts, axis=-1)


def _coarse_distance(p, q):
    return total_variation(_coarse(p), _coarse(q))


def theta_drift(run, since=0.5):
    """Total variation between each chain's energy PDF at the end and earlier.

    Parameters
    ----------
    run : Run
    since : float
        When, as a part of the run in (0, 1); the last snapshot not later than that counts.

    Returns
    -------
    array (chains,)
        On at most 50 cells; NaN where there is no earlier snapshot.

    Raises
    ------
    ValueError
        If the run has no contours, or `since` is not in (0, 1).
    """
    _check_contour(run)
    since = checks.number("since", since, above=0.0, below=1.0)
    histories, steps = run.energy_pdf_histories, run.history_steps
    earlier = np.flatnonzero(steps <= since * steps.max(initial=0))
    if not earlier.size:
        return np.full(len(histories), np.nan)
    return _coarse_distance(histories[:, -1], histories[:, earlier[-1]])


def theta_spread(run):
    """Largest total variation between one chain's energy PDF and their mean; 0 for one chain.

    On at most 50 cells.

    Raises
    ------
    ValueError
        If the run has no contours.
    """
    _check_contour(run)
    return float(_coarse_distance(run.energy_pdfs, run.energy_pdf).max())


def theta_mismatch(run):
    """Total variation between the energy PDF learned and the one that the weighted draws give.

    Both estimate the mass of exp(-U / tau) in each cell, theta by its gain, the draws by their
    weights. They agree when theta has settled, at the right place, and the chain has seen all
    energies in proportion.

    Returns
    -------
    float
        On at most 50 cells; NaN with gain "interacting", whose theta is no energy PDF.

    Raises
    ------
    ValueError
        If the run has no contours.
    """
    _check_contour(run)
    if run.scheme.gain == "interacting":
        return math.nan
    cells = run.partition.index(run.energies.ravel())
    drawn = np.bincount(cells, run.weights().ravel(), run.partition.bins)
    return float(_coarse_distance(run.energy_pdf, drawn))


# --- ArviZ ----------------------------------------------------------------------------------------


def _arviz():
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # about its next version
            import arviz
    except ImportError as e:
        raise ImportError(f"ArviZ is not installed: {INSTALL}") from e
    return arviz


def to_arviz(run):
    """The draws as arviz.InferenceData.

    Group `posterior` holds x (chain, draw, dim), unweighted; of contour runs that is the flattened
    density, and `sample_stats.log_weight` leads back to the target. Group `sample_stats` holds
    energy (the estimate that the sampler used), exact_energy if there is one, multiplier and
    log_weight, each (chain, draw). Settings are attributes of both groups and of the whole; those
    that are neither text nor numbers of 64 bits are JSON.

    Raises
    ------
    ImportError
        If ArviZ is not installed.
    """
    check_run(run)
    arviz = _arviz()
    attributes = {
        **run.settings,
        "gradient_evaluations": run.gradient_evaluations,
        "partial": run.partial,
        "inference_library": "csgld_core",
    }
    attributes = {name: _attribute(value) for name, value in attributes.items()}
    stats = {
        "energy": run.energies,
        "exact_energy": run.exact_energies,
        "multiplier": run.multipliers,
        "log_weight": run.log_weights,
    }
    return arviz.from_dict(
        posterior={"x": run.positions},
        sample_stats={name: value for name, value in stats.items() if value is not None},
        dims={"x": ["dim"]},
        coords={"dim": np.arange(run.dim)},
        attrs=attributes,
        posterior_attrs=attributes,
        sample_stats_attrs=attributes,
    )


def _attribute(value):
    """What netCDF can hold."""
    is_int = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
    return value if is_int or isinstance(value, (float, str)) else json.dumps(value)


class Agreement(NamedTuple):
    """The worst of ArviZ's numbers over the energy and the coordinates; NaN where undefined."""

    r_hat: float
    ess_bulk: float
    ess_tail: float
    r_hat_of: str
    ess_of: str
    every: int  # of so many draws one was used
    coordinates: int  # so many were used
    chains: int

    def left_out(self, run):
        """What was not used, in words."""
        parts = (
            (self.coordinates, run.dim, "coordinates"),
            (self.chains, run.chains, "chains"),
            (1, self.every, "draws"),
        )
        return [f"{used} of {there:,} {name}" for used, there, name in parts if used < there]


def _spaced(n):
    """At most ARVIZ_SERIES of the numbers 0 ... n - 1, evenly spaced."""
    return np.unique(np.linspace(0, n - 1, min(n, ARVIZ_SERIES)).astype(np.int64))


def agreement(run):
    """Split R-hat and ESS of the unweighted energy and coordinates, by ArviZ.

    One chain is cut in two first: R-hat is between chains. Of very many draws, coordinates or
    chains some are left out; ESS is then a lower bound.

    Raises
    ------
    ImportError
        If ArviZ is not installed.
    """
    check_run(run)
    arviz = _arviz()
    some, chains = _spaced(run.dim), _spaced(run.chains)
    names = ["energy", *(f"x[{i}]" for i in some)]
    every = chains.size * run.draws * len(names) // ARVIZ_VALUES
    every = max(1, min(every, run.draws // 100))
    energies, positions = energies_of(run)[chains, ::every], run.positions[chains, ::every]
    values = np.concatenate([energies[:, :, None], positions[:, :, some]], axis=2)
    if run.chains == 1:
        half = values.shape[1] // 2
        values = np.concatenate([values[:, :half], values[:, -half:]]) if half else values
    if values.shape[1] < 4:  # ArviZ's own least
        return Agreement(math.nan, math.nan, math.nan, "", "", every, some.size, chains.size)
    values = arviz.convert_to_dataset({"x": values})
    with np.errstate(all="ignore"):  # of a chain that never moves
        r_hat = arviz.rhat(values)["x"].values
        bulk = arviz.ess(values, method="bulk")["x"].values
        tail = arviz.ess(values, method="tail")["x"].values
    r_hat[np.isnan(r_hat)] = 0.0  # all draws are equal
    r_hat_of, ess_of = names[np.argmax(r_hat)], names[np.argmin(np.minimum(bulk, tail))]
    worst = float(r_hat.max()) or math.nan, float(bulk.min()), float(tail.min())
    return Agreement(*worst, r_hat_of, ess_of, every, some.size, chains.size)
