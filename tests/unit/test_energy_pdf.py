import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import csgld_core as cc
from csgld_core.kernels import energy_pdf
from csgld_core.kernels.energy_pdf import theta_of
from csgld_core.scheme import contour_of, starting_theta

PLACES = {"backward": 1.0, "centred": 0.5, "forward": 0.0}
GAINS = ["consistent", "cell", "interacting"]
slopes = st.sampled_from([*PLACES, "smooth"])
clips = st.sampled_from([None, (-1.3, 0.3), (-0.2, 0.0), (-50.0, 50.0)])
zetas = st.floats(0.05, 1.2)


@st.composite
def thetas(draw, least=2, most=40, lowest=-8.0):
    logs = draw(hnp.arrays(float, st.integers(least, most), elements=st.floats(lowest, 0.0)))
    return np.exp(logs) / np.exp(logs).sum()


def read(energies, theta, *, zeta=0.75, temperature=1.0, low=0.0, width=1.0, **fields):
    """The package's Psi, on cells not finer than temperature / 4 unless the test asks for it."""
    partition = cc.EnergyPartition(low, low + width * len(theta), len(theta))
    scheme = cc.ContourScheme(**{"clip": None, "floor": None, **fields})
    return cc.log_psi(energies, theta, partition, scheme, zeta=zeta, temperature=temperature)


def plain_psi(energies, theta, slope, *, tilt=0.75, clip=None, floor=None, low=0.0, width=1.0):
    """Log Psi and its slope stated plainly, with numpy.interp."""
    logs = np.log(np.maximum(theta, 1e-300 if floor is None else floor))
    rises = np.diff(logs)
    if clip is not None and tilt > 0:
        rises = np.clip(rises * tilt / width, *clip) / tilt * width
    psi = np.concatenate([[0.0], np.cumsum(rises)])
    psi += (logs - psi).max() if clip is None else logs.max() - psi.max()
    if slope == "smooth":  # the slope is what is interpolated, between the edges of the cells
        edges = low + width * np.arange(len(theta) + 1)
        ends = np.concatenate([[0.0], rises / width, [0.0]])
        place = np.clip(np.asarray(energies, dtype=float), edges[0], edges[-1])
        cell = np.minimum(((place - low) / width).astype(int), len(theta) - 1)
        slopes = np.interp(place, edges, ends)
        # A spline through the middle of each edge: there it is the mean of its neighbours.
        left = 0.5 * (psi[np.maximum(cell - 1, 0)] + psi[cell])
        return left + 0.5 * (ends[cell] + slopes) * (place - edges[cell]), slopes
    nodes = low + width * (np.arange(len(theta)) + PLACES[slope])
    piece = np.searchsorted(nodes, energies, side="right")
    return np.interp(energies, nodes, psi), np.concatenate([[0.0], rises / width, [0.0]])[piece]


# --- learning -------------------------------------------------------------------------------------


def is_due(contour, step):
    """Whether the loop would rebuild a clipped Psi after move number `step`."""
    return (step + 1) % contour.rebuild_every == 0


class Plain:
    """theta <- theta + omega g (e_J - theta), all m components, a unit width and zeta = tilt."""

    def __init__(self, bins, scheme, zeta):
        self.theta, self.scheme, self.zeta = np.full(bins, 1.0 / bins), scheme, zeta
        self.standing = self.theta  # a clipped Psi is rebuilt once in 2 * bins steps

    def psi(self, energy, theta):
        return plain_psi(
            energy,
            theta,
            self.scheme.slope,
            tilt=self.zeta,
            clip=self.scheme.clip,
            floor=self.scheme.floor,
        )

    def learn(self, energy, step):
        cell = math.ceil(energy) - 1
        seen = self.theta if self.scheme.clip is None else self.standing
        gain = {
            "consistent": math.exp(self.zeta * self.psi(energy, seen)[0]),
            "cell": self.theta[cell] ** self.zeta,
            "interacting": self.theta[cell],
        }[self.scheme.gain]
        cap, scale, power, offset = self.scheme.gain_schedule
        omega = min(cap, scale / ((step + 1) ** power + offset))
        visited = np.arange(len(self.theta)) == cell
        self.theta = self.theta + omega * gain * (visited - self.theta)
        if (step + 1) % (2 * len(self.theta)) == 0:
            self.standing = self.theta
        if self.scheme.clip is None:
            return 1.0 + self.zeta * self.psi(energy, self.theta)[1]
        return None


def state_of(bins, scheme, zeta):
    settings = contour_of(cc.EnergyPartition(0.0, bins, bins), scheme, zeta, 1.0)
    return energy_pdf.energy_pdf(np.full(bins, 1.0 / bins), settings), settings


@st.composite
def visits(draw):
    bins = draw(st.integers(2, 300) | st.integers(2, 12))
    near = draw(st.integers(1, bins))  # few or many different cells
    cells = draw(st.lists(st.integers(0, near - 1), min_size=1, max_size=80))
    inside = draw(st.sampled_from([0.1, 0.4, 0.8]))  # not on a node
    return bins, [cell + inside for cell in cells]


@settings(max_examples=200)
@given(
    visits(),
    slopes,
    st.sampled_from(GAINS),
    clips,
    st.sampled_from([None, 1e-10, 1e-3]),
    st.sampled_from([(0.05, 30.0, 1.0, 0.0), (0.9, 5.0, 0.6, 3.0), (0.003, 10.0, 0.8, 100.0)]),
    st.floats(0.0, 1.2),
)
def test_learning_is_the_plain_formula(visited, slope, gain, clip, floor, schedule, zeta):
    bins, energies = visited
    scheme = cc.ContourScheme(
        slope=slope, gain=gain, clip=clip, floor=floor, gain_schedule=schedule
    )
    state, contour = state_of(bins, scheme, zeta)
    plain = Plain(bins, scheme, zeta)
    for step, energy in enumerate(energies):
        multiplier = energy_pdf.update(state, contour, energy, step, is_due(contour, step))
        expected = plain.learn(energy, step)
        if expected is not None:
            assert multiplier == pytest.approx(expected, rel=1e-8, abs=1e-8)
    theta = theta_of(state)
    assert theta == pytest.approx(plain.theta, rel=1e-9, abs=1e-15)
    assert theta.sum() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("gain", GAINS)
@pytest.mark.parametrize("clip", [None, (-1.3, 0.3)])
def test_sum_is_one_after_rescaling(gain, clip):
    scheme = cc.ContourScheme(gain=gain, clip=clip, gain_schedule=(0.999, 1e9, 0.0, 0.0))
    zeta, bins = 0.1, 7
    state, contour = state_of(bins, scheme, zeta)
    plain, largest, rescaled = Plain(bins, scheme, zeta), 0.0, False
    cells = np.random.default_rng(1).integers(bins, size=600)
    if gain == "interacting":  # g = theta_J is large only where the chain stays
        cells = np.sort(cells)
    for step, energy in enumerate(cells + 0.5):
        energy_pdf.update(state, contour, energy, step, is_due(contour, step))
        plain.learn(energy, step)
        rescaled |= state.total[0] < largest
        largest = max(largest, state.total[0])
        assert theta_of(state).sum() == pytest.approx(1.0, abs=1e-12)
    assert rescaled
    if clip is None:  # a rescale rebuilds a clipped Psi out of turn
        assert theta_of(state) == pytest.approx(plain.theta, rel=1e-6, abs=1e-200)


def test_sum_does_not_drift_in_a_long_run():
    run = cc.contour_sgld(
        cc.targets.nine_modes(noise=0.32),
        1_500_000,
        step_size=1e-2,
        partition=cc.EnergyPartition(-7.5, 18.0, 100),
        thin=1_500_000,
        seed=0,
    )
    assert run.energy_pdf.sum() == pytest.approx(1.0, abs=1e-12)
    assert (run.energy_pdf >= 0).all()


def test_more_cells_than_16_bits():
    bins = 100_000
    state, contour = state_of(bins, cc.ContourScheme(), 0.75)
    plain = Plain(bins, cc.ContourScheme(), 0.75)
    for step, cell in enumerate([0, 65_535, 65_536, 99_999, 99_999]):
        energy_pdf.update(state, contour, cell + 0.5, step, is_due(contour, step))
        plain.learn(cell + 0.5, step)
    assert theta_of(state) == pytest.approx(plain.theta, rel=1e-9)


# --- log Psi and its slope ------------------------------------------------------------------------


@given(thetas(), zetas, st.floats(-5.0, 5.0), st.floats(0.3, 3.0))
def test_slopes_are_the_published_differences(theta, zeta, low, width):
    logs, m = np.log(theta), len(theta)
    centres = low + width * (np.arange(m) + 0.5)
    near = {"low": low, "width": width, "zeta": zeta}

    def slope(name, at):
        return read(at, theta, slope=name, **near).slopes

    up = np.diff(logs) / width
    assert slope("backward", centres)[1:] == pytest.approx(up, rel=1e-9, abs=1e-9)
    assert slope("forward", centres)[:-1] == pytest.approx(up, rel=1e-9, abs=1e-9)
    edges = centres[:-1] + width / 2
    for name in ("centred", "smooth"):
        assert slope(name, edges) == pytest.approx(up, rel=1e-6, abs=1e-6)
    quarter = width / 4
    assert slope("centred", centres[1:] - quarter) == pytest.approx(up, rel=1e-9, abs=1e-9)
    assert slope("centred", centres[:-1] + quarter) == pytest.approx(up, rel=1e-9, abs=1e-9)
    middle = (logs[2:] - logs[:-2]) / (2 * width)
    assert slope("smooth", centres[1:-1]) == pytest.approx(middle, rel=1e-6, abs=1e-6)


@given(thetas(), slopes, clips, st.sampled_from([None, 1e-2]), zetas, st.floats(0.3, 3.0))
def test_psi_is_the_plain_formula(theta, slope, clip, floor, zeta, width):
    energies = np.linspace(-1.0, len(theta) + 1.0, 301) * width + 1e-7
    reading = read(energies, theta, slope=slope, clip=clip, floor=floor, zeta=zeta, width=width)
    log_psi, derivative = plain_psi(
        energies, theta, slope, tilt=zeta, clip=clip, floor=floor, width=width
    )
    assert reading.values == pytest.approx(log_psi, rel=1e-8, abs=1e-8)
    assert reading.slopes == pytest.approx(derivative, rel=1e-8, abs=1e-8)
    assert reading.log_weights == pytest.approx(zeta * log_psi, rel=1e-8, abs=1e-8)
    assert reading.multipliers(zeta, 1.0) == pytest.approx(1 + zeta * derivative, abs=1e-7)


@given(thetas(), slopes, clips, zetas)
def test_psi_is_continuous_and_smooth_has_no_kinks(theta, slope, clip, zeta):
    energies, spacing = np.linspace(-1.0, len(theta) + 1.0, 4001, retstep=True)
    reading = read(energies, theta, slope=slope, clip=clip, zeta=zeta)
    steepest = np.abs(np.diff(np.log(theta))).max()
    assert np.abs(np.diff(reading.values)).max() <= steepest * spacing * (1 + 1e-6) + 1e-12
    if slope == "smooth":  # its second derivative is a difference of slopes of neighbouring cells
        assert np.abs(np.diff(reading.slopes)).max() <= 2 * steepest * spacing * (1 + 1e-6) + 1e-12


@given(thetas(), slopes, clips, zetas, st.floats(-1.0, 41.0))
def test_slope_is_the_derivative(theta, slope, clip, zeta, energy):
    h = 1e-4
    knots = np.arange(0.0, len(theta) + 1, 0.5)
    energy += 0.0 if np.abs(knots - energy).min() > 2 * h else 4 * h
    reading = read([energy - h, energy, energy + h], theta, slope=slope, clip=clip, zeta=zeta)
    difference = (reading.values[2] - reading.values[0]) / (2 * h)
    assert reading.slopes[1] == pytest.approx(difference, abs=1e-7)


@given(thetas(), slopes, zetas, st.floats(0.2, 2.0))
def test_clip_is_respected_everywhere(theta, slope, zeta, temperature):
    energies = np.linspace(-1.0, len(theta) + 1.0, 1001)
    reading = read(
        energies, theta, slope=slope, clip=(-1.3, 0.3), zeta=zeta, temperature=temperature
    )
    tilted = zeta * temperature * reading.slopes
    assert tilted.min() >= -1.3 - 1e-9
    assert tilted.max() <= 0.3 + 1e-9


@given(thetas(), clips, zetas)
def test_centred_psi_is_level_beyond_the_outer_centres(theta, clip, zeta):
    m = len(theta)
    below, above = np.linspace(-100.0, 0.5, 50), np.linspace(m - 0.5, m + 100.0, 50)
    for outside in (below, above):
        reading = read(outside, theta, clip=clip, zeta=zeta)
        assert (reading.multipliers(zeta, 1.0) == 1.0).all()
        assert np.ptp(reading.values) == 0.0
    if clip is None:
        assert read(below, theta).values[0] == pytest.approx(math.log(theta[0]))
        assert read(above, theta).values[0] == pytest.approx(math.log(theta[-1]))


@given(thetas(), slopes)
def test_smooth_is_level_outside_the_partition(theta, slope):
    reading = read([-1e3, -1e-9, len(theta) + 1e-9, 1e3, -math.inf, math.inf], theta, slope=slope)
    assert (np.abs(reading.slopes) < 1e-6).all()


@pytest.mark.parametrize("slope", [*PLACES, "smooth"])
@pytest.mark.parametrize("clip", [None, (-1e3, 1e3)])
def test_floor_is_honoured_when_theta_is_read(slope, clip):
    theta = np.array([0.5, 0.0, 1e-12, 0.5, 0.0])
    energies = np.linspace(-1.0, 6.0, 200)
    floored = read(energies, theta, slope=slope, clip=clip, floor=1e-10)
    assert floored.values.min() >= math.log(1e-10) - 1e-9
    assert np.abs(floored.slopes).max() <= math.log(0.5e10) + 1e-9
    piecewise = read(energies, theta, slope=slope, clip=clip, floor=1e-10, weights="piecewise")
    assert piecewise.log_weights.min() == pytest.approx(0.75 * math.log(1e-10))
    assert np.isfinite(read(energies, theta, slope=slope, clip=clip).values).all()


def test_stored_theta_is_not_floored():
    scheme = cc.ContourScheme(gain="cell", floor=1e-2, gain_schedule=(0.5, 1e9, 0.0, 0.0))
    state, contour = state_of(5, scheme, 0.0)
    for step in range(100):
        energy_pdf.update(state, contour, 0.5, step, is_due(contour, step))
    assert theta_of(state)[1:] == pytest.approx(np.full(4, 0.2 * 0.5**100), rel=1e-9, abs=0)


@given(thetas(), zetas, st.sampled_from([None, 0.05]))
def test_piecewise_weights_are_those_of_the_cell(theta, zeta, floor):
    centres = np.arange(len(theta)) + 0.5
    seen = theta if floor is None else np.maximum(theta, floor)
    for shift in (-0.4, 0.0, 0.4):
        reading = read(centres + shift, theta, weights="piecewise", floor=floor, zeta=zeta)
        assert reading.log_weights == pytest.approx(zeta * np.log(seen))


@given(thetas(lowest=-700.0), slopes, clips, st.sampled_from(["continuous", "piecewise"]))
def test_zeta_zero_is_plain_dynamics(theta, slope, clip, weights):
    energies = np.linspace(-1.0, len(theta) + 1.0, 100)
    reading = read(energies, theta, slope=slope, clip=clip, weights=weights, zeta=0.0)
    assert (reading.multipliers(0.0, 1.0) == 1.0).all()
    assert (reading.log_weights == 0.0).all()


# --- cells finer than temperature / 4 -------------------------------------------------------------


@given(st.floats(0.1, 50.0), st.integers(4, 4000), st.floats(1.0, 50.0))
def test_nodes_are_as_wide_as_a_quarter_of_the_temperature(temperature, bins, span):
    partition = cc.EnergyPartition(0.0, span, bins)
    contour = contour_of(partition, cc.ContourScheme(), 0.75, temperature)
    wide = contour.cells_per_node * partition.width
    assert wide <= max(partition.width, temperature / 4) * (1 + 1e-12)
    assert wide > min(temperature / 8, span / 4)
    assert contour.nodes == math.ceil(bins / contour.cells_per_node)
    assert 1.0 / contour.inverse_node_width == pytest.approx(wide)
    unclipped = contour_of(partition, cc.ContourScheme.published(), 0.75, temperature)
    assert unclipped.cells_per_node == 1


def test_fine_cells_are_read_through_coarse_nodes():
    fine = np.tile([1.9, 0.1], 500) * np.exp(-np.linspace(0, 5, 1000))  # noise from cell to cell
    fine /= fine.sum()
    coarse = fine.reshape(40, 25).sum(axis=1)
    energies = np.linspace(-1.0, 11.0, 500)
    clipped = {"clip": (-1.3, 0.3)}
    rough = read(energies, coarse, width=0.25, **clipped)
    assert read(energies, fine, width=0.01, **clipped).values == pytest.approx(rough.values)
    assert np.abs(read(energies, fine, width=0.01).slopes).max() > 200  # what it is good for


@given(st.integers(2, 1000), slopes)
def test_uniform_theta_leaves_the_dynamics_alone(bins, slope):
    energies = np.linspace(-1.0, 11.0, 200)
    reading = read(
        energies, np.full(bins, 1 / bins), width=10.0 / bins, slope=slope, clip=(-1.3, 0.3)
    )
    assert reading.multipliers(0.75, 1.0) == pytest.approx(np.ones(200), abs=1e-6)


def test_learning_keeps_nodes_and_cells_together():
    bins, scheme = 1003, cc.ContourScheme(gain_schedule=(0.9, 1e9, 0.0, 0.0))
    contour = contour_of(cc.EnergyPartition(0.0, 10.0, bins), scheme, 0.2, 1.0)
    state = energy_pdf.energy_pdf(np.full(bins, 1.0 / bins), contour)
    for step, energy in enumerate(np.random.default_rng(2).uniform(0.0, 10.0, 3000)):
        energy_pdf.update(state, contour, energy, step, is_due(contour, step))
    starts = np.arange(0, bins, contour.cells_per_node)
    assert state.node_mass == pytest.approx(np.add.reduceat(state.mass, starts), rel=1e-9)
    assert theta_of(state).sum() == pytest.approx(1.0, abs=1e-12)


# --- ContourScheme --------------------------------------------------------------------------------


BAD = [
    ("slope", "upward"),
    ("slope", 1),
    ("gain", "exact"),
    ("gain", None),
    ("weights", "linear"),
    ("weights_from", "first"),
    ("clip", 0.3),
    ("clip", (0.1, 0.3)),
    ("clip", (-1.0, -0.5)),
    ("clip", (-1.0, math.nan)),
    ("clip", (-math.inf, 0.3)),
    ("clip", (-1.0, 0.0, 1.0)),
    ("clip", "wide"),
    ("floor", 0.0),
    ("floor", -1e-10),
    ("floor", 1.0),
    ("floor", math.nan),
    ("floor", "0"),
    ("floor", True),
    ("gain_schedule", None),
    ("gain_schedule", (0.05, 30.0, 1.0)),
    ("gain_schedule", (0.05, 30.0, 1.0, math.nan)),
    ("start", ()),
    ("start", 0.5),
    ("start", "uniform"),
    ("start", (0.6, math.nan)),
    ("start", (0.6, math.inf)),
    ("start", (0.6, -0.1)),
    ("start", (0.0, 0.0)),
    ("start", (1e308, 1e308)),
    ("start", ((0.5, 0.5),)),
]


@pytest.mark.parametrize(("field", "value"), BAD)
def test_bad_fields_are_named(field, value):
    with pytest.raises(ValueError, match=f"^{field} must be ") as error:
        cc.ContourScheme(**{field: value})
    assert str(error.value).endswith(f"got {value!r}")


@pytest.mark.parametrize(
    ("place", "value"),
    [("cap", 0.0), ("cap", 1.0), ("cap", -1.0), ("scale", -1.0), ("power", -0.5), ("offset", -1.0)],
)
def test_bad_gain_schedule_is_named(place, value):
    good = {"cap": 0.05, "scale": 30.0, "power": 1.0, "offset": 0.0}
    with pytest.raises(ValueError, match=f"^gain_schedule {place} must be .*{value}"):
        cc.ContourScheme(gain_schedule=tuple({**good, place: value}.values()))


def test_bad_gain_schedule_is_shown_as_it_was_given():
    with pytest.raises(ValueError, match=r"got -0\.5$"):
        cc.ContourScheme(gain_schedule=(0.05, 30.0, -0.5, 0.0))


def test_published_can_be_changed():
    scheme = cc.ContourScheme.published(gain="interacting")
    assert (scheme.slope, scheme.gain, scheme.weights) == ("backward", "interacting", "piecewise")
    assert (scheme.weights_from, scheme.clip, scheme.floor) == ("running", None, None)
    with pytest.raises(TypeError, match="gian"):
        cc.ContourScheme.published(gian="cell")


def test_start_is_divided_by_its_sum():
    scheme = cc.ContourScheme(start=(3, 0, 1))
    assert scheme.start == (0.75, 0.0, 0.25)
    assert (starting_theta(scheme, 3) == [0.75, 0.0, 0.25]).all()
    assert starting_theta(cc.ContourScheme(), 4) == pytest.approx([0.25] * 4)


def test_start_without_a_floor_has_no_empty_cell():
    with pytest.raises(ValueError, match=r"^start must be .* above 0 where there is no floor"):
        cc.ContourScheme(start=(0.5, 0.0, 0.5), floor=None)
    with pytest.raises(ValueError, match=r"^start must be .* above 0 where there is no floor"):
        cc.ContourScheme(start=(1e-300, 1e300), floor=None)  # 0 once it is divided by the sum
    assert cc.ContourScheme(start=(0.5, 0.1, 0.4), floor=None).start is not None


@pytest.mark.parametrize("floor", [None, 1e-10])
def test_a_start_that_is_read_back_is_the_same(floor):
    thetas = np.random.default_rng(1).random((200, 37)) ** 30 + 1e-290
    for theta in thetas:
        scheme = cc.ContourScheme(start=tuple(theta), floor=floor)
        assert sum(scheme.start) == pytest.approx(1.0, abs=1e-12)
        assert cc.ContourScheme(start=scheme.start, floor=floor) == scheme


@pytest.mark.parametrize("bins", [2, 4])
def test_start_has_a_number_for_each_cell(bins):
    with pytest.raises(ValueError, match=rf"start of {bins} numbers, .* got 3$"):
        starting_theta(cc.ContourScheme(start=(0.5, 0.3, 0.2)), bins)
