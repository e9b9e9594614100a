import dataclasses
import math

import numpy as np
import pytest
from scipy import stats

import csgld_core as cc
from csgld_core import exact, metrics

TARGET = cc.targets.two_modes()


def run_of(positions, log_weights=None, *, thin=1, gradients=None):
    """A Run (chains, draws, dim) with the given draws."""
    positions = np.asarray(positions, dtype=float)
    chains, draws = positions.shape[:2]
    zeros = np.zeros((chains, draws))
    return cc.Run(
        settings={"temperature": 1.0, "gradients_per_step": gradients or chains},
        gradient_evaluations=chains * (thin * draws + 1),
        steps=thin * np.arange(1, draws + 1),
        positions=positions,
        energies=zeros,
        exact_energies=zeros,
        multipliers=zeros + 1,
        log_weights=zeros if log_weights is None else np.asarray(log_weights, dtype=float),
    )


def line(*chains, **more):
    return run_of(np.array(chains, dtype=float)[:, :, None], **more)


# --- distances ------------------------------------------------------------------------------------


def test_mode_masses_by_hand():
    run = line([-6, 4, 4, -5], [4, 4, 4, 5])
    assert metrics.mode_masses(run, TARGET) == pytest.approx([0.25, 0.75])
    assert metrics.mode_mass_error(run, TARGET) == pytest.approx(0.15, abs=1e-5)
    weighted = line([-6, 4], log_weights=[[math.log(3), 0.0]])
    assert metrics.mode_masses(weighted, TARGET) == pytest.approx([0.75, 0.25])
    assert metrics.mode_masses(weighted, TARGET, weighted=False) == pytest.approx([0.5, 0.5])
    assert metrics.mode_mass_error(weighted, TARGET) == pytest.approx(0.35, abs=1e-5)


def test_distances_of_a_single_point():
    truth = exact.histogram(TARGET, 30)
    cells = exact.histogram_bins(TARGET, 30)
    run = line([4.0, 4.0, 4.0])
    mass = truth[cells.index(np.array([[4.0]]))[0]]
    assert metrics.total_variation(run, TARGET, bins=30) == pytest.approx(1 - mass)
    assert metrics.kl_divergence(run, TARGET, bins=30) == pytest.approx(-math.log(mass))


def test_perfect_draws_are_at_distance_zero():
    quantiles = (np.arange(40_000) + 0.5) / 40_000
    draws = np.concatenate(
        [stats.norm(-6).ppf(quantiles[: len(quantiles)]), stats.norm(4).ppf(quantiles)]
    )
    weights = np.repeat(np.log([0.4, 0.6]), 40_000)
    run = line(draws, log_weights=[weights])
    assert metrics.total_variation(run, TARGET) < 1e-3
    assert metrics.kl_divergence(run, TARGET) < 1e-4
    assert metrics.mode_mass_error(run, TARGET) < 1e-5
    assert metrics.total_variation(run, TARGET, weighted=False) == pytest.approx(0.1, abs=1e-3)


def test_draws_outside_the_picture_count():
    run = line([4.0, 1e6])
    assert metrics.total_variation(run, TARGET, bins=1) == pytest.approx(0.5, abs=1e-5)


def test_two_dimensions():
    target = cc.targets.nine_modes()
    run = run_of(target.modes[None])
    masses = exact.mode_masses(target)
    assert metrics.mode_masses(run, target) == pytest.approx(np.full(9, 1 / 9))
    by_hand = 0.5 * np.abs(masses - 1 / 9).sum()
    assert metrics.mode_mass_error(run, target) == pytest.approx(by_hand)
    # Three cells a side cut the box at +-0.8333, near the borders of the basins.
    assert metrics.total_variation(run, target, bins=3) == pytest.approx(by_hand, abs=1e-2)


def test_distances_need_one_or_two_dimensions():
    target = cc.targets.gaussian_mixture([1.0], [[0.0] * 3], [np.diag([1.0, 2.0, 3.0])])
    for distance in (metrics.total_variation, metrics.kl_divergence, metrics.mode_mass_error):
        with pytest.raises(ValueError, match="target must have dim 1 or 2"):
            distance(run_of(np.zeros((1, 5, 3))), target)


@pytest.mark.parametrize("bins", [0, 2.5, None])
def test_bad_bins(bins):
    with pytest.raises(ValueError, match="bins must be a whole number >= 1, got"):
        metrics.total_variation(line([4.0]), TARGET, bins=bins)


# --- moves between modes --------------------------------------------------------------------------


def test_transitions_by_hand():
    assert metrics.transitions(line([-6, -6, 4, -6, 4, 4], [4, 4, 4, 4, 4, -6]), TARGET) == 4
    assert metrics.transitions(line([-6], [4]), TARGET) == 0


def test_trembling_on_the_border_is_no_transition():
    # From the left mode to the border at -1, there and back many times, and down to the right mode.
    border = [-1.2, -0.8] * 50
    run = line([-6.0] * 200 + border + [4.0] * 200)
    energies = TARGET.energies(run.positions[0])[None]
    run = dataclasses.replace(run, energies=energies, exact_energies=energies)
    assert np.count_nonzero(np.diff(TARGET.mode_index(run.positions[0]))) == 99
    assert metrics.transitions(run, TARGET) == 1


def test_transitions_hardly_depend_on_how_often_draws_are_kept():
    # With zeta = 1 the walk in energy is free, and trembles on the border for long.
    settings = {**cc.experiments.E1_CONTOUR, "zeta": 1.0, "steps": 300_000}
    dense, sparse = (cc.contour_sgld(**{**settings, "thin": n}, seed=1) for n in (1, 10))
    found = metrics.transitions(dense, TARGET), metrics.transitions(sparse, TARGET)
    crossings = [np.diff(TARGET.mode_index(run.positions[0])) for run in (dense, sparse)]
    assert np.count_nonzero(crossings[0]) > 2 * np.count_nonzero(crossings[1])
    assert 0.5 * found[0] < found[1] <= found[0]


def test_gradients_to_all_modes_by_hand():
    # Draws after moves 5, 10, ...: each chain has used one gradient more than its moves.
    assert metrics.gradients_to_all_modes(line([4, 4, -6, 4], thin=5), TARGET) == 16
    assert metrics.gradients_to_all_modes(line([4, 4, 4], [4, -6, 4], thin=5), TARGET) == 22
    assert metrics.gradients_to_all_modes(line([4, 4], [-6, 4], thin=5), TARGET) == 12
    assert metrics.gradients_to_all_modes(line([4, 4, 4]), TARGET) == math.inf
    pairs = line([4, -6, 4], thin=5, gradients=2)  # replica exchange: two gradients a step
    assert metrics.gradients_to_all_modes(pairs, TARGET) == 22


# --- autocorrelation ------------------------------------------------------------------------------


def autoregression(rho, chains, draws, seed=0):
    random = np.random.default_rng(seed)
    x = np.empty((chains, draws))
    x[:, 0] = random.normal(size=chains)
    kicks = math.sqrt(1 - rho**2) * random.normal(size=(chains, draws))
    for k in range(1, draws):
        x[:, k] = rho * x[:, k - 1] + kicks[:, k]
    return x


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_autocorrelation_time_of_an_autoregression(rho):
    chains, draws = 20, 20_000
    expected = (1 + rho) / (1 - rho)
    times = [metrics.integrated_autocorrelation_time(x) for x in autoregression(rho, chains, draws)]
    spread = np.std(times, ddof=1) / math.sqrt(chains)
    # Sokal's window of 5 times the time leaves out about exp(-10) of it; 1 is the least.
    assert np.mean(times) == pytest.approx(expected, abs=4 * spread + 0.01 * expected)


def test_autocorrelation_time_of_several_chains_is_their_common_one():
    x = autoregression(0.8, 8, 20_000, seed=1)
    assert metrics.integrated_autocorrelation_time(x) == pytest.approx(9.0, rel=0.1)
    assert metrics.integrated_autocorrelation_time(1e6 + 1e3 * x) == pytest.approx(
        metrics.integrated_autocorrelation_time(x), rel=1e-6
    )
    far_apart = x + 100.0 * np.arange(8)[:, None]  # each chain about its own mean
    assert metrics.integrated_autocorrelation_time(far_apart) == pytest.approx(
        metrics.integrated_autocorrelation_time(x)
    )


@pytest.mark.parametrize("draws", [4, 7, 30])
def test_autocorrelation_time_of_few_draws_is_the_plain_sum(draws):
    x = np.cumsum(np.random.default_rng(draws).normal(size=(3, draws)), axis=1)
    x -= x.mean(axis=1, keepdims=True)
    covariances = [np.sum(x[:, lag:] * x[:, : draws - lag]) for lag in range(draws)]
    time, plain = 1.0, None
    for lag, covariance in enumerate(covariances):
        time += 2 * covariance / covariances[0] if lag else 0.0
        if plain is None and lag >= 5 * time:
            plain = time
    plain = max(1.0, time if plain is None else plain)
    assert metrics.integrated_autocorrelation_time(x + 5.0) == pytest.approx(plain)


def test_autocorrelation_time_has_limits():
    assert metrics.integrated_autocorrelation_time(np.tile([1.0, -1.0], 500)) == 1.0
    assert metrics.integrated_autocorrelation_time(np.ones(100)) == math.inf


@pytest.mark.parametrize(
    "values", [[1.0, 2.0, 3.0], np.zeros((2, 3)), [1.0, 2.0, math.nan, 3.0], np.zeros((2, 2, 9))]
)
def test_bad_values(values):
    with pytest.raises(ValueError, match=r"values must be finite.* at least 4 draws, got"):
        metrics.integrated_autocorrelation_time(values)
