import functools
import math

import numba
import numpy as np
import pytest
from scipy import optimize, stats

import csgld_core as cc
from csgld_core import exact

E1_PARTITION = cc.EnergyPartition(1.0, 51.0, 50)
PUBLISHED = cc.ContourScheme.published()


@pytest.fixture(scope="module")
def e1():
    return cc.targets.two_modes()


@pytest.fixture(scope="module")
def e2():
    return cc.targets.nine_modes()


@pytest.fixture(scope="module")
def theta(e1):
    return exact.energy_pdf(e1, E1_PARTITION)


def root(low, high):
    return optimize.brentq(lambda x: 2 * x + 12 * np.pi * np.sin(1.2 * np.pi * x), low, high)


# --- known values --------------------------------------------------------------------------------


def e1_points(e1):
    """The two minima and the saddle between them, (x, U) each."""

    def energy(x):
        return float(e1.energies([[x]])[0])

    left = optimize.minimize_scalar(energy, bounds=(-7, -5)).x
    right = optimize.minimize_scalar(energy, bounds=(3, 5)).x
    saddle = optimize.minimize_scalar(lambda x: -energy(x), bounds=(-3, 1)).x
    return [energy(x) for x in (left, right, saddle)]


def test_e1(e1):
    moments = exact.moments(e1)
    assert moments.z == pytest.approx(1.0, abs=1e-10)
    assert moments.mean == pytest.approx([0.0], abs=1e-9)
    assert moments.squared_norm == pytest.approx(25.0, abs=1e-9)
    assert moments.error < 1e-9
    left, right, saddle = e1_points(e1)
    assert right == pytest.approx(1.4298, abs=5e-5)
    assert saddle - right == pytest.approx(12.01, abs=5e-3)
    assert saddle - left == pytest.approx(11.60, abs=5e-3)
    assert exact.mode_masses(e1) == pytest.approx([0.4, 0.6], abs=1e-5)


@pytest.mark.parametrize(
    ("slope", "from_right", "from_left"), [("backward", 2.64, 2.23), ("centred", 2.27, 2.04)]
)
def test_e1_flattened_barriers(e1, theta, slope, from_right, from_left):
    energies = np.array(e1_points(e1))
    scheme = cc.ContourScheme.published(slope=slope)
    flat = (
        energies
        + 0.75
        * cc.log_psi(energies, theta, E1_PARTITION, scheme, zeta=0.75, temperature=1.0).values
    )
    assert flat[2] - flat[1] == pytest.approx(from_right, abs=6e-3)
    assert flat[2] - flat[0] == pytest.approx(from_left, abs=6e-3)


def test_e2_moments(e2):
    moments = exact.moments(e2)
    assert moments.z == pytest.approx(365.9215, abs=5e-5)
    assert moments.squared_norm == pytest.approx(2.43851, abs=5e-6)
    assert moments.energy == pytest.approx(-4.74030, abs=5e-6)
    assert moments.mean == pytest.approx([0.0, 0.0], abs=1e-9)
    assert moments.second == pytest.approx([moments.squared_norm / 2] * 2)
    assert moments.error < 5e-6


def test_e2_mode_masses(e2):
    masses, error = exact.mode_masses(e2, with_error=True)
    corner, edge, centre = 0.04949, 0.12369, 0.30729
    expected = [corner, edge, corner, edge, centre, edge, corner, edge, corner]
    assert masses == pytest.approx(expected, abs=6e-6)
    assert error < 1e-3
    assert masses.sum() == pytest.approx(1.0)


def test_e2_landmarks(e2):
    border, outer = root(0.7, 1.0), root(1.5, 1.8)
    assert border == pytest.approx(0.845232, abs=5e-7)
    saddles = e2.energies([[border, 0.0], [border, outer]])
    assert saddles == pytest.approx([0.2348, 1.1479], abs=5e-5)


# --- the long run of contour SGLD -----------------------------------------------------------------


def test_published_fixed_point_is_off(e1, theta):
    settled = exact.contour_fixed_point(e1, E1_PARTITION, scheme=PUBLISHED)
    assert 0.5 * np.abs(settled - theta).sum() == pytest.approx(0.13, abs=5e-3)
    assert settled.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("slope", ["centred", "backward", "forward", "smooth"])
@pytest.mark.parametrize("clip", [None, (-1.3, 0.3)])
def test_consistent_fixed_point_is_theta(e1, theta, slope, clip):
    scheme = cc.ContourScheme(slope=slope, clip=clip)
    settled = exact.contour_fixed_point(e1, E1_PARTITION, scheme=scheme)
    # Levels of energy are finite: a level on a border may go to either cell.
    assert 0.5 * np.abs(settled - theta).sum() < 2e-4


def test_interacting_fixed_point_is_flat(e1):
    # theta^zeta proportional to the mass, but for Psi being continuous.
    partition = cc.EnergyPartition(1.4, 12.0, 25)
    scheme = cc.ContourScheme.published(gain="interacting", slope="centred")
    logs = np.log(exact.energy_pdf(e1, partition)[2:-2])
    settled = np.log(exact.contour_fixed_point(e1, partition, scheme=scheme)[2:-2])
    assert np.ptp(settled - logs / 0.75) < 0.3
    assert np.ptp(logs / 0.75) > 10


def test_piecewise_weights_are_biased(e1, theta):
    mean = functools.partial(exact.contour_mean, lambda x: x[:, 0], e1, E1_PARTITION)
    settled = exact.contour_fixed_point(e1, E1_PARTITION, scheme=PUBLISHED)
    assert mean(theta, scheme=PUBLISHED) == pytest.approx(0.2475, abs=5e-5)
    assert mean(settled, scheme=PUBLISHED) == pytest.approx(0.375, abs=5e-4)
    for scheme in (cc.ContourScheme.published(weights="continuous"), cc.ContourScheme()):
        assert mean(theta, scheme=scheme) == pytest.approx(0.0, abs=1e-9)
        assert mean(settled, scheme=scheme) == pytest.approx(0.0, abs=1e-9)


def test_a_fixed_point_that_does_not_settle_is_reported(e1):
    with pytest.raises(RuntimeError, match="did not settle in 2 iterations"):
        exact.contour_fixed_point(e1, E1_PARTITION, scheme=PUBLISHED, iterations=2)


# --- against scipy --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bell():
    return cc.targets.gaussian_mixture([1.0], [[1.0]], [[[4.0]]])


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_gaussian_moments_at_any_temperature(bell, temperature):
    moments = exact.moments(bell, temperature)
    height = np.log(2 * np.sqrt(2 * np.pi))
    z = np.exp(-height / temperature) * np.sqrt(2 * np.pi * 4 * temperature)
    assert moments.z == pytest.approx(z, rel=1e-10)
    assert moments.mean == pytest.approx([1.0], abs=1e-9)
    assert moments.second == pytest.approx([1.0 + 4 * temperature], rel=1e-9)
    assert moments.energy == pytest.approx(height + temperature / 2, rel=1e-9)


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_gaussian_energy_pdf(bell, temperature):
    # U - min U = tau chi2 / 2 with one degree of freedom.
    lowest = np.log(2 * np.sqrt(2 * np.pi))
    partition = cc.EnergyPartition(lowest - 1.0, lowest + 9.0, 20)
    inner = stats.chi2(1).cdf(2 * (partition.edges[1:-1] - lowest).clip(0) / temperature)
    found, error = exact.energy_pdf(bell, partition, temperature, with_error=True)
    expected = np.diff(np.concatenate([[0.0], inner, [1.0]]))  # the end cells hold the rest
    assert found == pytest.approx(expected, abs=2e-3)
    assert np.abs(found - expected).max() <= 10 * error + 1e-5
    assert found.sum() == pytest.approx(1.0)


def test_gaussian_histogram(bell):
    cells = exact.histogram_bins(bell, 40)
    found = exact.histogram(bell, 40)
    edges = np.linspace(*cells.bounds[:, 0], 41)
    expected = np.diff(stats.norm(1.0, 2.0).cdf(edges))
    assert found[:-1] == pytest.approx(expected, abs=1e-4)
    assert found[-1] < 1e-5
    assert found.sum() == pytest.approx(1.0)


def test_expectation(bell):
    value, error = exact.expectation(lambda x: x[:, 0] ** 4, bell, with_error=True)
    assert value == pytest.approx(1 + 6 * 4 + 3 * 16, rel=1e-9)
    assert error < 1e-6
    pair = exact.expectation(lambda x: np.column_stack([x, x**2]), bell)
    assert pair == pytest.approx([1.0, 5.0])


def test_bins():
    cells = exact.Bins(np.array([[0.0, -1.0], [2.0, 1.0]]), 2)
    inside = [[0.0, -1.0], [0.5, 0.5], [1.0, -0.5], [2.0, 1.0], [1.999, 0.0]]
    assert cells.index(np.array(inside)).tolist() == [0, 1, 2, 3, 3]
    outside = [[-0.1, 0.0], [2.1, 0.0], [1.0, -1.1], [1.0, 1.1]]
    assert cells.index(np.array(outside)).tolist() == [4] * 4
    assert cells.cells == 5


# --- axisymmetric targets of many dimensions ------------------------------------------------------


def exact_draws(dim, n, seed=0):
    """Independent draws (n, dim) of phase_coexistence."""
    random = np.random.default_rng(seed)
    draws = random.standard_normal((n, dim))
    narrow = random.random(n) < 0.5
    draws[narrow] *= 0.25
    draws[narrow, 0] += 1.5
    return draws


def standard_errors(values, truth):
    """How far the mean of draws is from the truth, in standard errors."""
    return (values.mean(axis=0) - truth) / (values.std(axis=0, ddof=1) / np.sqrt(len(values)))


@pytest.mark.parametrize("dim", [2, 5, 15, 20, 100])
def test_phase_coexistence(dim):
    target = cc.targets.phase_coexistence(dim)
    moments = exact.moments(target)
    assert moments.z == pytest.approx(1.0, abs=1e-9)
    second = [(1 + 1.5**2 + 0.25**2) / 2] + [(1 + 0.25**2) / 2] * (dim - 1)
    assert moments.mean == pytest.approx([0.75] + [0.0] * (dim - 1), abs=1e-9)
    assert moments.second == pytest.approx(second, rel=1e-9)
    assert moments.squared_norm == pytest.approx(sum(second), rel=1e-9)
    assert moments.error < 1e-8
    draws = exact_draws(dim, 20_000)
    energies = target.energies(draws)
    assert abs(standard_errors(energies, moments.energy)) < 4
    masses = exact.mode_masses(target)
    assert masses.sum() == pytest.approx(1.0)
    apart = standard_errors(target.mode_index(draws) == 1, masses[1])
    assert abs(apart) < 4
    low, high = np.quantile(energies, [0.02, 0.98])
    partition = cc.EnergyPartition(low, high, 12)
    theta, error = exact.energy_pdf(target, partition, with_error=True)
    counts = np.bincount(partition.index(energies), minlength=12)
    assert np.abs((counts - 20_000 * theta) / np.sqrt(20_000 * theta)).max() < 4
    assert error < 0.01


def test_contours_in_many_dimensions():
    target = cc.targets.phase_coexistence(15)
    partition = cc.EnergyPartition(-10.0, 30.0, 40)
    theta = exact.energy_pdf(target, partition)
    settled = exact.contour_fixed_point(target, partition)
    assert 0.5 * np.abs(settled - theta).sum() < 2e-4
    mean = exact.contour_mean(lambda x: x[:, 0], target, partition, theta)
    assert mean == pytest.approx(0.75, abs=1e-9)


@pytest.mark.parametrize("temperature", [0.2, 50.0])
def test_a_shell_far_from_its_mode(temperature):
    # N(0, tau s^2 I): U - min U = tau chi2 / 2 with dim degrees of freedom, r a long way out.
    dim, variance = 60, 9.0
    bell = cc.targets.gaussian_mixture([1.0], np.zeros((1, dim)), np.full((1, dim), variance))
    lowest = 0.5 * dim * np.log(2 * np.pi * variance)
    moments = exact.moments(bell, temperature)
    log_z = -lowest / temperature + 0.5 * dim * np.log(2 * np.pi * variance * temperature)
    assert moments.log_z == pytest.approx(log_z, rel=1e-9)
    assert moments.squared_norm == pytest.approx(dim * variance * temperature, rel=1e-9)
    assert moments.energy == pytest.approx(lowest + 0.5 * dim * temperature, rel=1e-9)
    law = stats.chi2(dim)
    ends = lowest + 0.5 * temperature * law.ppf([0.05, 0.95])
    partition = cc.EnergyPartition(*ends, 10)
    cumulative = law.cdf(2 * (partition.edges[1:-1] - lowest) / temperature)
    expected = np.diff(np.concatenate([[0.0], cumulative, [1.0]]))
    found, error = exact.energy_pdf(bell, partition, temperature, with_error=True)
    assert np.abs(found - expected).max() <= 3 * error + 1e-5
    fourth = exact.expectation(lambda x: x[:, 0] ** 4, bell, temperature)
    assert fourth == pytest.approx(3 * (variance * temperature) ** 2, rel=1e-9)


def test_the_domain_holds_shells_far_apart():
    # The narrow phase is at r = 6.1 ± 0.2, the broad one at 24.5 ± 0.7, and nothing between.
    low, high = exact.domain(cc.targets.phase_coexistence(600)).T[1]
    assert 2.0 < low < 5.0
    assert 29.0 < high < 35.0


def test_a_function_of_the_user_on_an_axis():
    @numba.njit
    def ring(position, gradient):
        radius = math.hypot(position[1], position[2])
        gradient[0] = position[0]
        for i in range(1, 3):
            gradient[i] = (radius - 20.0) * position[i] / radius
        return 0.5 * position[0] ** 2 + 0.5 * (radius - 20.0) ** 2

    target = cc.Target(ring, 3, axisymmetric=True, name="ring", modes=np.zeros((1, 3)))
    target.check(np.random.default_rng(0).normal(size=(9, 3)))
    moments = exact.moments(target)
    # The measure is 2 pi r dr dx: z = 2 pi sqrt(2 pi) E[r] sqrt(2 pi), r from N(20, 1).
    assert moments.z == pytest.approx((2 * np.pi) ** 2 * 20.0, rel=1e-9)
    assert moments.squared_norm == pytest.approx(1 + (20**3 + 3 * 20) / 20, rel=1e-9)
    assert moments.mean == pytest.approx([0.0] * 3, abs=1e-9)
    assert exact.mode_masses(target) == pytest.approx([1.0])
    same = cc.Target(target.callback, 3, name="ring", modes=np.zeros((1, 3)))
    with pytest.raises(ValueError, match="axisymmetric"):  # in spite of the cache
        exact.mode_masses(same)


def test_functions_of_many_dimensions_get_positions():
    target = cc.targets.phase_coexistence(5)
    seen = []

    def function(positions):
        seen.append(positions.copy())
        return np.column_stack([positions[:, 0], (positions**2).sum(axis=1)])

    whole = exact.expectation(function, target)
    assert whole == pytest.approx([0.75, exact.moments(target).squared_norm])
    assert len(seen) > 2
    assert all(part.shape[1] == 5 and not part[:, 2:].any() for part in seen)


# --- bad input ------------------------------------------------------------------------------------


def three_dimensional():
    return cc.targets.gaussian_mixture([1.0], [[0.0] * 3], [[1.0, 1.0, 2.0]])


CALLS = {
    "moments": exact.moments,
    "mode_masses": exact.mode_masses,
    "histogram": exact.histogram,
    "energy_pdf": lambda target, **more: exact.energy_pdf(target, E1_PARTITION, **more),
    "expectation": lambda target, **more: exact.expectation(np.sum, target, **more),
    "contour_fixed_point": lambda t, **more: exact.contour_fixed_point(t, E1_PARTITION, **more),
}


@pytest.mark.parametrize("name", CALLS)
def test_three_dimensions_are_refused(name):
    with pytest.raises(ValueError, match=r"target must have dim 1 or 2 .* got dim 3"):
        CALLS[name](three_dimensional())


def test_histograms_of_three_dimensions_are_refused():
    with pytest.raises(ValueError, match="target must have dim 1 or 2 for histograms, got dim 3"):
        exact.histogram(cc.targets.phase_coexistence(3))


def test_estimates_without_a_variance_are_refused(e1):
    @numba.njit
    def estimate(position, gradient, data, generator):
        gradient[0] = position[0]
        return 0.5 * position[0] ** 2

    unknown = cc.Target(estimate, 1, estimate=estimate, data=e1.data)
    with pytest.raises(ValueError, match="energy_variance of target 'target' must be given"):
        exact.contour_fixed_point(unknown, E1_PARTITION)
    known = cc.Target(estimate, 1, estimate=estimate, energy_variance=0.3**2)
    noisy = cc.Target(estimate, 1, noise=0.3)
    settled = [exact.contour_fixed_point(target, E1_PARTITION) for target in (known, noisy)]
    assert settled[0] == pytest.approx(settled[1])


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("temperature", [0.0, -1.0, np.nan, "1"])
def test_bad_temperature_is_named(name, temperature, e1):
    with pytest.raises(ValueError, match="temperature must be a finite number > 0, got"):
        CALLS[name](e1, temperature=temperature)


def test_no_modes(e1):
    lonely = cc.Target(e1.callback, 1, data=e1.data, name="lonely")
    with pytest.raises(ValueError, match="modes of target 'lonely' must be given"):
        exact.mode_masses(lonely)


def test_a_density_that_does_not_fall_off_is_refused():
    @numba.njit
    def flat(position, gradient):
        gradient[0] = 0.0
        return 0.0

    with pytest.raises(ValueError, match="target 'plain' must rise by"):
        exact.moments(cc.Target(flat, 1, name="plain"))
