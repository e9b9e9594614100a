"""The energy PDF theta, learned on the fly, and the log-linear Psi that it defines.

With J the cell of the energy U(x) after a move, and gain g (Deng, Lin & Liang 2020, eq. 8):

    theta <- theta + omega_k g (e_J - theta)

`theta = mass / total` makes this O(1) whatever the number of cells: only mass[J] and total grow.

log Psi is log theta, interpolated linearly between *nodes*. A node is a cell, or several narrow
cells together: the count of a single narrow cell is noise, not slope. The slope names only say
where in its cell a node sits: backward at the right edge, centred in the middle, forward at the
left edge; "smooth" joins the centred nodes by a quadratic B-spline, which is C1. The gradient
multiplier is

    1 + zeta * tau * d log Psi / du.

Where slopes are clipped, Psi is the integral of the clipped slopes, so that dynamics, gain and
weights share one Psi. Clipping at one cell lifts all cells behind it: that costs O(nodes), so a
clipped Psi is rebuilt once in 2 * nodes steps and stands still in between. Because the gain uses
that same standing Psi, the fixed point of theta stays exact.

Several walkers may share theta (Deng et al. 2022): each then adds its part, omega_k / walkers.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit, void

from . import LOOP, VECTOR, kernel, tuple_type

CONSISTENT, CELL, INTERACTING = 0, 1, 2  # gains
CONTINUOUS, PIECEWISE = 0, 1  # weights
TINY = 1e-300
HUGE = 1e100
RESUM_EVERY = 1 << 20


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


class EnergyPdf(NamedTuple):
    """theta = mass / total, and log Psi at the nodes."""

    mass: np.ndarray  # (bins,)
    node_mass: np.ndarray  # (nodes,) mass summed over the cells of a node
    total: np.ndarray  # (2,) its value, and the rounding error so far (Kahan's sum)
    log_psi: np.ndarray  # (nodes,)


def energy_pdf(theta, contour):
    """The learning state that holds a given theta, shape (bins,)."""
    mass = np.array(theta, dtype=np.float64)
    starts = np.arange(0, contour.bins, contour.cells_per_node)
    state = EnergyPdf(
        mass=mass,
        node_mass=np.add.reduceat(mass, starts),
        total=np.array([mass.sum(), 0.0]),
        log_psi=np.empty(contour.nodes),
    )
    prepare(state, contour)
    return state


def theta_of(pdf):
    """theta (bins,) as it stands."""
    return pdf.mass / pdf.total[0]


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
def gain_at(pdf, contour, cell, log_psi):
    """g: Psi^zeta, theta_J^zeta or theta_J."""
    if contour.gain == CONSISTENT:
        return math.exp(contour.zeta * log_psi)
    theta = pdf.mass[cell] / pdf.total[0]
    if contour.gain == CELL:
        return math.exp(contour.zeta * math.log(max(theta, TINY)))
    return theta


@njit(**LOOP)
def omega_at(contour, step):
    """omega_k, k = step + 1."""
    k = step + 1.0
    if contour.power != 1.0:
        k = math.exp(contour.power * math.log(k))
    return min(contour.cap, contour.scale / (k + contour.offset))


@njit(**LOOP)
def update(pdf, contour, energy, step, rebuild):
    """theta <- (1 - a) theta + a e_J with a = omega_k g, after move number `step` = 0, 1, ...

    `rebuild` says whether a clipped Psi is due. Returns the gradient multiplier of the next move.
    """
    cell = cell_of(energy, contour)
    log_psi, slope = log_psi_at(pdf, contour, energy)
    a = omega_at(contour, step) * gain_at(pdf, contour, cell, log_psi)
    added = a / (1.0 - a) * pdf.total[0]
    node = int((cell + 0.5) * contour.inverse_cells_per_node)
    pdf.mass[cell] += added
    pdf.node_mass[node] += added
    add_exactly(pdf.total, added)
    if pdf.total[0] > HUGE or (step + 1) % RESUM_EVERY == 0:
        rescale(pdf, contour)
        if not contour.clipped:  # a clipped Psi knows no scale
            build_log_psi(pdf, contour)
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
    for node in range(node_mass.size):
        node_mass[node] = 0.0
    shrink = 1.0 / pdf.total[0]
    pdf.total[0] = pdf.total[1] = 0.0
    for cell in range(mass.size):
        mass[cell] *= shrink
        node_mass[int((cell + 0.5) * contour.inverse_cells_per_node)] += mass[cell]
        add_exactly(pdf.total, mass[cell])


PDF_TYPE, CONTOUR_TYPE = tuple_type(EnergyPdf), tuple_type(Contour)


@kernel(void(PDF_TYPE, CONTOUR_TYPE), **LOOP)
def prepare(pdf, contour):
    """Build log Psi for a theta from outside."""
    build_log_psi(pdf, contour)


@kernel(void(PDF_TYPE, CONTOUR_TYPE, VECTOR, VECTOR, VECTOR, VECTOR), **LOOP)
def log_psi_at_all(pdf, contour, energies, values, slopes, log_weights):
    """Fill log Psi, its slope and the log weight at each energy."""
    for i in range(energies.size):
        values[i], slopes[i] = log_psi_at(pdf, contour, energies[i])
        log_weights[i] = log_weight_at(pdf, contour, energies[i])
