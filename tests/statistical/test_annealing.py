"""Partition functions by weights against quadrature, and honest standard errors."""

import math

import numpy as np
import pytest
from scipy import stats

import csgld_core as cc

E1 = cc.targets.two_modes()  # Z = 1
E2 = cc.targets.nine_modes()
TRUTH = cc.exact.moments(E2)


def importance(n=40_000, **settings):
    return cc.importance_sampling(E2, n, **settings)


def annealed(particles=4000, **settings):
    settings = {"step_size": 0.5, "levels": 100, **settings}
    return cc.annealed_importance_sampling(E2, particles=particles, **settings)


BOTH = pytest.mark.parametrize("sampler", [importance, annealed])


@BOTH
def test_nine_modes(sampler):
    found = sampler(seed=5000)
    assert found.standard_error < 0.02
    assert abs(found.log_z - TRUTH.log_z) <= 3 * found.standard_error
    masses = cc.exact.mode_masses(E2)
    ones = found.mean(lambda x: np.eye(9)[E2.mode_index(x)])
    errors = np.sqrt(masses / found.effective_sample_size())
    assert (abs(ones - masses) <= 4 * errors).all()
    assert found.mean(E2.energies) == pytest.approx(TRUTH.energy, abs=0.05)
    equal = found.resample(2000, 1)
    assert (equal**2).sum(axis=1).mean() == pytest.approx(TRUTH.squared_norm, abs=0.3)


@BOTH
def test_the_standard_error_is_honest(sampler, seeds):
    runs = [sampler(seed=seed) for seed in seeds]
    scores = np.array([(run.log_z - TRUTH.log_z) / run.standard_error for run in runs])
    # Chi-squared of 20: outside once in 5000.
    assert 5.0 < (scores**2).sum() < 50.0
    assert abs(scores.mean()) <= 4 / math.sqrt(len(runs))
    assert (abs(scores) <= 1).sum() >= 7  # 13.7 are expected


@pytest.mark.parametrize("levels", [1, 2, 10, [0.0, 0.02, 0.5, 1.0]])
@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_the_mean_weight_is_z_however_few_the_levels(levels, temperature, mean):
    z = cc.exact.moments(E2, temperature).z
    weights = [
        np.exp(annealed(10, levels=levels, temperature=temperature, seed=seed).log_weights).mean()
        for seed in range(5000, 5400)
    ]
    assert mean(weights).is_near(z)
    assert mean(weights).error < 0.1 * z


def test_more_levels_make_weights_more_even():
    sizes = [annealed(levels=levels, seed=5000).effective_sample_size() for levels in (1, 10, 100)]
    assert sizes[0] < 0.7 * sizes[1] < 0.4 * sizes[2]
    more_moves = annealed(levels=10, moves_per_level=10, seed=5000)
    assert more_moves.effective_sample_size() > 1.5 * sizes[1]


def test_without_a_box_the_base_is_normal_or_given():
    narrow = cc.targets.gaussian_mixture([1.0], [[1.0, 0.0, -1.0]], [0.25 * np.eye(3)])
    found = cc.annealed_importance_sampling(narrow, step_size=0.4, particles=4000, seed=5000)
    assert abs(found.log_z) <= 3 * found.standard_error < 0.1
    assert found.mean() == pytest.approx([1.0, 0.0, -1.0], abs=0.05)
    wide = stats.norm(0.0, 6.0)
    for found in (
        cc.importance_sampling(E1, 20_000, proposal=wide, seed=5000),
        cc.annealed_importance_sampling(E1, step_size=2.0, particles=4000, base=wide, seed=5000),
    ):
        assert abs(found.log_z) <= 3 * found.standard_error < 0.1
        assert found.mean(lambda x: x[:, 0] ** 2) == pytest.approx(25.0, abs=1.0)
