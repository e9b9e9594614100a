"""How theta is learned and used: the scheme, and log Psi as the samplers see it.

The equations are at the top of `csgld_core/kernels/energy_pdf.py`.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from . import checks
from .kernels.energy_pdf import (
    CELL,
    CONSISTENT,
    CONTINUOUS,
    INTERACTING,
    PIECEWISE,
    Contour,
    energy_pdf,
    log_psi_at_all,
)
from .partition import EnergyPartition

SLOPES = {"backward": 1.0, "centred": 0.5, "forward": 0.0, "smooth": 0.5}  # place in the cell
GAINS = {"consistent": CONSISTENT, "cell": CELL, "interacting": INTERACTING}
WEIGHTS = {"continuous": CONTINUOUS, "piecewise": PIECEWISE}
WEIGHTS_FROM = ("final", "running")

# Log Psi of a clipped scheme is resolved to a quarter of the temperature: on finer cells a single
# cell's count is noise, not slope.
NODE_WIDTH = 0.25
REBUILD_EVERY = 2  # steps per node: one logarithm for two steps
ROUNDING = 1e-12  # of a sum of 1


@dataclass(frozen=True)
class ContourScheme:
    """How theta is learned and used. The default is ours; `published()` is the papers'.

    Parameters
    ----------
    slope : {"centred", "backward", "forward", "smooth"}
        Where log theta is pinned in its cell, hence d log Psi / du.
    gain : {"consistent", "cell", "interacting"}
        g in the update of theta: Psi(U)^zeta, whose fixed point is exact; theta_J^zeta (CSGLD);
        theta_J (ICSGLD), whose fixed point is theta^zeta proportional to the mass: flatter.
    weights : {"continuous", "piecewise"}
        Importance weight of a draw: Psi(U)^zeta or theta_J^zeta.
    weights_from : {"final", "running"}
        Whether the last theta weights the draws, or theta at the time of each draw.
    clip : (float, float) or None
        Bounds of zeta * tau * d log Psi / du; None leaves slopes alone.
    floor : float or None
        Smallest theta when its logarithm is read; the stored theta is never floored.
    gain_schedule : (cap, scale, power, offset)
        omega_k = min(cap, scale / (k**power + offset)), k = 1, 2, ... A scale of 0 leaves theta as
        it starts.
    start : tuple of float or None
        theta at the start, a number for each cell; they are divided by their sum. None is uniform.

    Raises
    ------
    ValueError
        If a field is outside what is listed here.
    """

    slope: str = "centred"
    gain: str = "consistent"
    weights: str = "continuous"
    weights_from: str = "final"
    clip: tuple | None = (-1.3, 0.3)
    floor: float | None = 1e-10
    gain_schedule: tuple = (0.05, 30.0, 1.0, 0.0)
    start: tuple | None = None

    def __post_init__(self):
        checks.choice("slope", self.slope, SLOPES)
        checks.choice("gain", self.gain, GAINS)
        checks.choice("weights", self.weights, WEIGHTS)
        checks.choice("weights_from", self.weights_from, WEIGHTS_FROM)
        if self.clip is not None:
            allowed = "None or two numbers, low <= 0 <= high"
            low, high = checks.array("clip", self.clip, (2,), allowed=allowed)
            if not low <= 0 <= high:
                raise ValueError(f"clip must be {allowed}, got {self.clip!r}")
            object.__setattr__(self, "clip", (float(low), float(high)))
        if self.floor is not None:
            checks.number("floor", self.floor, above=0.0, below=1.0)
        allowed = "(cap, scale, power, offset), four finite numbers"
        schedule = checks.array("gain_schedule", self.gain_schedule, (4,), allowed=allowed)
        schedule = cap, scale, power, offset = tuple(schedule.tolist())
        checks.number("gain_schedule cap", cap, above=0.0, below=1.0)
        checks.number("gain_schedule scale", scale, least=0.0)
        checks.number("gain_schedule power", power, least=0.0)
        checks.number("gain_schedule offset", offset, least=0.0)
        object.__setattr__(self, "gain_schedule", schedule)
        if self.start is not None:
            allowed = "None or numbers >= 0, above 0 where there is no floor, with a finite sum"
            theta = checks.array("start", self.start, (None,), allowed=allowed)
            with np.errstate(over="ignore"):
                total = theta.sum()
            usable = (theta >= 0).all() and 0 < total < np.inf
            # What sums to 1 already stays as it is: a scheme that is read back is the same.
            if usable and abs(total - 1.0) > ROUNDING:
                theta = theta / total
            if not usable or (self.floor is None and not theta.all()):
                raise checks.refused("start", self.start, allowed)
            object.__setattr__(self, "start", tuple(theta.tolist()))

    @classmethod
    def from_settings(cls, stored):
        """The scheme whose fields stand in the `settings` of a run or a checkpoint."""
        fields = {name: tuple(v) if isinstance(v, list) else v for name, v in stored.items()}
        if fields.get("averaging") == 0.0:  # a field of older files
            del fields["averaging"]
        return cls(**fields)

    @classmethod
    def published(cls, **changes):
        """The scheme of the CSGLD paper and code, with E2's gain schedule; `changes` override."""
        fields = {
            "slope": "backward",
            "gain": "cell",
            "weights": "piecewise",
            "weights_from": "running",
            "clip": None,
            "floor": None,
            "gain_schedule": (0.003, 10.0, 0.8, 100.0),
        }
        return cls(**{**fields, **changes})


def starting_theta(scheme, bins):
    """theta (bins,) before the first move.

    Raises
    ------
    ValueError
        If the scheme's start has another number of cells.
    """
    if scheme.start is None:
        return np.full(bins, 1.0 / bins)
    if len(scheme.start) != bins:
        raise ValueError(
            f"scheme must have a start of {bins} numbers, one for each cell of the partition, got "
            f"{len(scheme.start)}"
        )
    return np.array(scheme.start)


def contour_of(partition, scheme, zeta, temperature, *, walkers=1):
    """What the loop has to know of these settings, a `Contour`; `walkers` share theta."""
    bins, width = partition.bins, partition.width
    clipped = scheme.clip is not None
    cells_per_node = max(1, int(NODE_WIDTH * temperature / width)) if clipped else 1
    cells_per_node = min(cells_per_node, bins // 2)
    nodes = -(-bins // cells_per_node)
    node_width = cells_per_node * width
    tilt = zeta * temperature
    fall, rise = scheme.clip if clipped else (-math.inf, math.inf)
    return Contour(
        low=partition.low,
        high=partition.high,
        inverse_width=bins / (partition.high - partition.low),
        bins=bins,
        cells_per_node=cells_per_node,
        inverse_cells_per_node=1.0 / cells_per_node,
        nodes=nodes,
        last_node_excess=math.log(cells_per_node / (bins - (nodes - 1) * cells_per_node)),
        inverse_node_width=1.0 / node_width,
        rebuild_every=REBUILD_EVERY * nodes,
        node_place=SLOPES[scheme.slope],
        smooth=scheme.slope == "smooth",
        clipped=clipped,
        fall=fall * node_width / tilt if tilt > 0 else -math.inf,
        rise=rise * node_width / tilt if tilt > 0 else math.inf,
        log_floor=-math.inf if scheme.floor is None else math.log(scheme.floor),
        zeta=float(zeta),
        tilt=float(tilt),
        gain=GAINS[scheme.gain],
        weights=WEIGHTS[scheme.weights],
        cap=scheme.gain_schedule[0] / walkers,
        scale=scheme.gain_schedule[1] / walkers,
        power=scheme.gain_schedule[2],
        offset=scheme.gain_schedule[3],
    )


class LogPsi(NamedTuple):
    """What a given theta says at given energies; each field has the shape of the energies."""

    values: np.ndarray  # log Psi
    slopes: np.ndarray  # d log Psi / du (1 / energy)
    log_weights: np.ndarray  # zeta log Psi, or zeta log theta_J for piecewise weights

    def multipliers(self, zeta, temperature):
        """Gradient multipliers 1 + zeta tau d log Psi / du."""
        return 1.0 + zeta * temperature * self.slopes


def log_psi(energies, theta, partition, scheme, *, zeta, temperature):
    """Log Psi, its slope and the log weights, exactly as the samplers use them.

    Parameters
    ----------
    energies : array, any shape
    theta : array (bins,)
        Energy PDF.
    partition : EnergyPartition
    scheme : ContourScheme
    zeta, temperature : float
        They set the weights, and where clipping starts.

    Returns
    -------
    LogPsi

    Raises
    ------
    ValueError
        If an energy is NaN, or theta is not of shape (bins,).
    """
    checks.instance("partition", partition, EnergyPartition)
    checks.instance("scheme", scheme, ContourScheme)
    zeta = checks.number("zeta", zeta, least=0.0)
    temperature = checks.number("temperature", temperature, above=0.0)
    theta = checks.array("theta", theta, (partition.bins,))
    energies = checks.array("energies", energies, None, finite=False)
    contour = contour_of(partition, scheme, zeta, temperature)
    results = LogPsi(*(np.empty(energies.size) for _ in LogPsi._fields))
    flat = np.ascontiguousarray(energies).ravel()
    log_psi_at_all(energy_pdf(theta, contour), contour, flat, *results)
    return LogPsi(*(result.reshape(energies.shape) for result in results))
