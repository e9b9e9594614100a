"""The energy PDF theta, learned on the fly, and the log-linear Psi that it defines.

With J the cell of the energy U(x) after a move, and gain g (Deng, Lin & Liang 2020, eq. 8):

    theta <- theta + omega_k g (e_J - theta)

`theta = mass / total` makes this O(1) whatever the number of cells: only mass[J] and total grow.

log Psi is log theta, interpolated linearly between *nodes*. The slope names only say where in its
cell a node sits: backward at the right edge, centred in the middle, forward at the left edge;
"smooth" joins the centred nodes by a quadratic B-spline, which is C1. The gradient multiplier is

    1 + zeta * tau * d log Psi / du.

Where slopes are clipped, Psi is the integral of the clipped slopes, so that dynamics, gain and
weights share one Psi. Clipping at one cell lifts all cells behind it: that costs O(nodes), so a
clipped Psi is rebuilt once in 2 * nodes steps and stands still in between. Because the gain uses
that same standing Psi, the fixed point of theta stays exact.

Several walkers may share theta (Deng et al. 2022): each then adds its part, omega_k / walkers.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit

from . import checks
from .compiled import LOOP
from .partition import EnergyPartition

SLOPES = {"backward": 1.0, "centred": 0.5, "forward": 0.0, "smooth": 0.5}  # place in the cell
CONSISTENT, CELL, INTERACTING = 0, 1, 2
GAINS = {"consistent": CONSISTENT, "cell": CELL, "interacting": INTERACTING}
CONTINUOUS, PIECEWISE = 0, 1
WEIGHTS = {"continuous": CONTINUOUS, "piecewise": PIECEWISE}
WEIGHTS_FROM = ("final", "running")

# Log Psi of a clipped scheme is resolved to a quarter of the temperature: on finer cells a single
# cell's count is noise, not slope.
NODE_WIDTH = 0.25
REBUILD_EVERY = 2  # steps per node: one logarithm for two steps
TINY = 1e-300
ROUNDING = 1e-12  # of a sum of 1
HUGE = 1e100
AVERAGED_HUGE = 1e4  # while averaging, so that 1 / total is never lost in their sum
RESUM_EVERY = 1 << 20
NEVER = 1 << 62


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
        Weigh draws by the last theta or by theta at the time of the draw.
    clip : (float, float) or None
        Bounds of zeta * tau * d log Psi / du; None leaves slopes alone.
    floor : float or None
        Smallest theta when its logarithm is read; the stored theta is never floored.
    gain_schedule : (cap, scale, power, offset)
        omega_k = min(cap, scale / (k**power + offset)), k = 1, 2, ... A scale of 0 leaves theta as
        it starts.
    averaging : float
        Last part of the run, in [0, 1), over whose steps theta is averaged (Polyak & Juditsky
        1992) before it weighs the draws; the dynamics never see the average. 0 takes theta as it
        stands at the end.
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
    averaging: float = 0.0
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
        averaging = checks.number("averaging", self.averaging, least=0.0, below=1.0)
        object.__setattr__(self, "averaging", averaging)
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


class Contour(NamedTuple):
    """What the compiled loop knows of scheme, partition, zeta and temperature."""

    low: float
    high: float
    inverse_width: float
    bins: int
    cells_per_node: int
    inverse_cells_per_node: float
    nodes: int
    last_node_excess: float  # log(cells of a node / cells of the last node)
    inverse_node_width: float
    rebuild_every: int  # steps between two clipped Psi
    node_place: float
    smooth: bool
    clipped: bool
    fall: float  # bounds of log Psi between neighbouring nodes
    rise: float
    log_floor: float
    zeta: float
    tilt: float  # zeta * temperature
    gain: int
    weights: int
    cap: float
    scale: float
    power: float
    offset: float
    average_from: int  # step


class EnergyPdf(NamedTuple):
    """theta = mass / total, and log Psi at the nodes."""

    mass: np.ndarray  # (bins,)
    node_mass: np.ndarray  # (nodes,) mass summed over the cells of a node
    total: np.ndarray  # (2,) its value, and what rounding has added too much (Kahan's sum)
    log_psi: np.ndarray  # (nodes,)
    clock: np.ndarray  # (2,) sum of 1 / total since it was last rescaled, and averaged updates
    summed: np.ndarray  # (bins,) sum of theta over averaged updates up to `seen`; or empty
    seen: np.ndarray  # (bins,) clock when the cell was last summed


def contour(partition, scheme, zeta, temperature, *, steps=math.inf, walkers=1):
    """Translate settings into the numbers of `Contour`.

    `walkers` share theta, over `steps` moves each.
    """
    averaged = scheme.averaging > 0 and math.isfinite(steps)
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
        average_from=steps - round(scheme.averaging * steps) if averaged else NEVER,
    )


def energy_pdf(theta, contour):
    """The learning state that holds a given theta, shape (bins,)."""
    mass = np.array(theta, dtype=np.float64)
    starts = np.arange(0, contour.bins, contour.cells_per_node)
    state = EnergyPdf(
        mass=mass,
        node_mass=np.add.reduceat(mass, starts),
        total=np.array([mass.sum(), 0.0]),
        log_psi=np.empty(contour.nodes),
        clock=np.zeros(2),
        summed=np.zeros(contour.bins if contour.average_from < NEVER else 0),
        seen=np.zeros(contour.bins if contour.average_from < NEVER else 0),
    )
    build_log_psi(state, contour)
    return state


def learned_energy_pdf(state):
    """theta (bins,) at the end: averaged, if the scheme says so and averaging has begun."""
    if state.clock[1] == 0:
        return state.mass / state.total[0]
    summed = state.summed + state.mass * (state.clock[0] - state.seen)
    return summed / summed.sum()


@njit(**LOOP)
def cell_of(energy, contour):
    """Cell with edges[i] < energy <= edges[i + 1]; energies outside go into the end cells."""
    place = math.ceil((energy - contour.low) * contour.inverse_width) - 1.0
    return int(min(max(place, 0.0), contour.bins - 1.0))


@njit(**LOOP)
def build_log_psi(pdf, contour):
    """Log Psi at every node from theta, with slopes clipped; its maximum is log theta's."""
    node_mass, log_psi = pdf.node_mass, pdf.log_psi
    if not contour.clipped:
        for k in range(contour.nodes):
            log_psi[k] = math.log(max(node_mass[k], TINY))
        return
    log_total = math.log(pdf.total[0])
    last = max(math.log(max(node_mass[0], TINY)) - log_total, contour.log_floor)
    log_psi[0] = last
    highest_theta = highest_psi = last
    for k in range(1, contour.nodes):
        log_theta = math.log(max(node_mass[k], TINY)) - log_total
        if k == contour.nodes - 1:
            log_theta += contour.last_node_excess
        log_theta = max(log_theta, contour.log_floor)
        log_psi[k] = log_psi[k - 1] + min(max(log_theta - last, contour.fall), contour.rise)
        last = log_theta
        highest_theta = max(highest_theta, log_theta)
        highest_psi = max(highest_psi, log_psi[k])
    for k in range(contour.nodes):
        log_psi[k] += highest_theta - highest_psi


@njit(**LOOP)
def log_psi_at(pdf, contour, energy):
    """Log Psi(energy) and its derivative; constant outside the first and the last node."""
    log_psi = pdf.log_psi
    last = contour.nodes - 1
    # Without clipping log_psi holds log mass, of which theta is the part 1 / total.
    level, floor = 0.0, -math.inf
    if not contour.clipped:
        level, floor = -math.log(pdf.total[0]), contour.log_floor
    place = (energy - contour.low) * contour.inverse_node_width - contour.node_place
    if contour.smooth:
        place = min(max(place, -0.5), last + 0.5)
        k = min(int(place + 0.5), last)
        t = place - k
        here = max(log_psi[k] + level, floor)
        fall = here - max(log_psi[max(k - 1, 0)] + level, floor)
        rise = max(log_psi[min(k + 1, last)] + level, floor) - here
        value = here + 0.5 * (rise * (0.5 + t) ** 2 - fall * (0.5 - t) ** 2)
        return value, (fall * (0.5 - t) + rise * (0.5 + t)) * contour.inverse_node_width
    if place <= 0.0:
        return max(log_psi[0] + level, floor), 0.0
    if place >= last:
        return max(log_psi[last] + level, floor), 0.0
    k = int(place)
    here = max(log_psi[k] + level, floor)
    rise = max(log_psi[k + 1] + level, floor) - here
    return here + rise * (place - k), rise * contour.inverse_node_width


@njit(**LOOP)
def multiplier_at(pdf, contour, energy):
    """Gradient multiplier 1 + zeta tau d log Psi / du."""
    return 1.0 + contour.tilt * log_psi_at(pdf, contour, energy)[1]


@njit(**LOOP)
def log_weight_at(pdf, contour, energy):
    """Log importance weight of a draw with the theta of this moment."""
    if contour.weights == CONTINUOUS:
        return contour.zeta * log_psi_at(pdf, contour, energy)[0]
    theta = pdf.mass[cell_of(energy, contour)] / pdf.total[0]
    return contour.zeta * max(math.log(max(theta, TINY)), contour.log_floor)


@njit(**LOOP)
def add_exactly(total, added):
    """Kahan's sum: what rounding added too much is taken off the next time."""
    corrected = added - total[1]
    larger = total[0] + corrected
    total[1] = (larger - total[0]) - corrected
    total[0] = larger


@njit(**LOOP)
def sum_cell(pdf, cell):
    """Bring the sum of theta over updates up to date, in one cell: its mass is about to change."""
    pdf.summed[cell] += pdf.mass[cell] * (pdf.clock[0] - pdf.seen[cell])
    pdf.seen[cell] = pdf.clock[0]


@njit(**LOOP)
def learn(pdf, contour, energy, step, rebuild):
    """theta <- (1 - a) theta + a e_J with a = omega_k g, after move number `step` = 0, 1, ...

    `rebuild` says whether a clipped Psi is due. Returns the gradient multiplier of the next move.
    """
    cell = cell_of(energy, contour)
    log_psi, slope = log_psi_at(pdf, contour, energy)
    if contour.gain == CONSISTENT:
        gain = math.exp(contour.zeta * log_psi)
    else:
        gain = pdf.mass[cell] / pdf.total[0]
        if contour.gain == CELL:
            gain = math.exp(contour.zeta * math.log(max(gain, TINY)))
    k = step + 1.0
    if contour.power != 1.0:
        k = math.exp(contour.power * math.log(k))
    a = min(contour.cap, contour.scale / (k + contour.offset)) * gain
    added = a / (1.0 - a) * pdf.total[0]
    node = int((cell + 0.5) * contour.inverse_cells_per_node)
    if step >= contour.average_from:
        sum_cell(pdf, cell)
    pdf.mass[cell] += added
    pdf.node_mass[node] += added
    add_exactly(pdf.total, added)
    huge = HUGE if step < contour.average_from else AVERAGED_HUGE
    if pdf.total[0] > huge or (step + 1) % RESUM_EVERY == 0:
        rescale(pdf, contour)
        if not contour.clipped:  # a clipped Psi knows no scale
            build_log_psi(pdf, contour)
    if step >= contour.average_from:
        pdf.clock[0] += 1.0 / pdf.total[0]
        pdf.clock[1] += 1.0
    if contour.clipped:
        if rebuild:
            build_log_psi(pdf, contour)
    else:  # the update has moved Psi
        pdf.log_psi[node] = math.log(max(pdf.node_mass[node], TINY))
        slope = log_psi_at(pdf, contour, energy)[1]
    return 1.0 + contour.tilt * slope


@njit(**LOOP)
def rescale(pdf, contour):
    """Bring the total back to 1, before it overflows or gathers rounding errors."""
    mass, node_mass = pdf.mass, pdf.node_mass
    for cell in range(pdf.summed.size):
        sum_cell(pdf, cell)
        pdf.seen[cell] = 0.0
    pdf.clock[0] = 0.0
    for node in range(node_mass.size):
        node_mass[node] = 0.0
    shrink = 1.0 / pdf.total[0]
    pdf.total[0] = pdf.total[1] = 0.0
    for cell in range(mass.size):
        mass[cell] *= shrink
        node_mass[int((cell + 0.5) * contour.inverse_cells_per_node)] += mass[cell]
        add_exactly(pdf.total, mass[cell])


@njit(**LOOP)
def _read_many(pdf, contour, energies, values, slopes, log_weights):
    for i in range(energies.size):
        values[i], slopes[i] = log_psi_at(pdf, contour, energies[i])
        log_weights[i] = log_weight_at(pdf, contour, energies[i])


class Reading(NamedTuple):
    """What a given theta says at given energies; each of the shape of the energies."""

    log_psi: np.ndarray
    slopes: np.ndarray  # d log Psi / du (1 / energy)
    log_weights: np.ndarray  # zeta log Psi, or zeta log theta_J for piecewise weights

    def multipliers(self, zeta, temperature):
        """Gradient multipliers 1 + zeta tau d log Psi / du."""
        return 1.0 + zeta * temperature * self.slopes


def read(energies, theta, partition, scheme, *, zeta, temperature):
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
    Reading

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
    settings = contour(partition, scheme, zeta, temperature)
    state = energy_pdf(theta, settings)
    results = Reading(*(np.empty(energies.size) for _ in Reading._fields))
    _read_many(state, settings, np.ascontiguousarray(energies).ravel(), *results)
    return Reading(*(result.reshape(energies.shape) for result in results))
