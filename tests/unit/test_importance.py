import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from csgld_core.results.weights import effective_sample_size, normalise, systematic_resample

log_weights = hnp.arrays(float, st.integers(1, 50), elements=st.floats(-50, 50))


@given(log_weights, st.floats(-1e5, 1e5))
def test_normalise_is_free_of_the_offset(values, offset):
    weights = normalise(values)
    assert weights.sum() == pytest.approx(1.0, abs=1e-12)
    assert weights == pytest.approx(np.exp(values) / np.exp(values).sum(), rel=1e-9)
    assert weights == pytest.approx(normalise(values + offset), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("offset", [-1e300, -1e5, 0.0, 1e5, 1e300])
def test_extreme_log_weights(offset):
    assert normalise(np.full((2, 3), offset)).tolist() == [[1 / 6] * 3] * 2
    assert normalise([offset, -math.inf]).tolist() == [1.0, 0.0]


@given(st.integers(1, 1000), st.floats(-1e5, 1e5))
def test_effective_sample_size_of_equal_weights_is_their_number(n, value):
    assert effective_sample_size(np.full(n, value)) == pytest.approx(n)


def test_effective_sample_size_of_one_weight_is_one():
    assert effective_sample_size([0.0, -1e4, -math.inf]) == 1.0


@given(log_weights, st.floats(-1e3, 1e3))
def test_effective_sample_size_is_kish(values, offset):
    weights = np.exp(values - values.max())
    kish = weights.sum() ** 2 / (weights**2).sum()
    assert effective_sample_size(values) == pytest.approx(kish)
    assert effective_sample_size(values + offset) == pytest.approx(kish)
    assert 1.0 - 1e-12 <= kish <= len(values) * (1 + 1e-12)


# --- resampling -----------------------------------------------------------------------------------


def counts(resample, values, n, seed):
    return np.bincount(resample(values, n, seed), minlength=len(values))


def published_resample(values, n, seed):
    """Drops every draw with n w <= 1 and all fractional parts."""
    copies = n * normalise(values)
    return np.repeat(np.arange(len(values)), np.where(copies > 1, copies, 0).astype(int))


def assert_unbiased(resample, values, n, seeds=4000):
    expected = n * normalise(values)
    found = np.mean([counts(resample, values, n, seed) for seed in range(seeds)], axis=0)
    fraction = expected % 1.0
    standard_error = np.sqrt(fraction * (1 - fraction) / seeds)
    assert (np.abs(found - expected) <= 4 * standard_error + 1e-9).all()


VALUES = np.random.default_rng(0).normal(size=15)


@pytest.mark.parametrize("n", [3, 15, 40])
def test_resampling_is_unbiased(n):
    assert_unbiased(systematic_resample, VALUES, n)


@pytest.mark.parametrize("n", [3, 15, 40])
def test_the_published_resampler_is_biased(n):
    with pytest.raises(AssertionError):
        assert_unbiased(published_resample, VALUES, n)


@given(log_weights, st.integers(1, 200), st.integers(0, 2**32))
def test_each_count_is_rounded_down_or_up(values, n, seed):
    found, expected = counts(systematic_resample, values, n, seed), n * normalise(values)
    assert found.sum() == n
    assert (found >= np.floor(expected - 1e-9)).all()
    assert (found <= np.ceil(expected + 1e-9)).all()


def test_small_weights_survive():
    values = np.log(np.r_[0.5, np.full(1000, 0.5e-3)])  # n w = 0.5 for each small one
    assert counts(published_resample, values, 1000, 0)[1:].sum() == 0
    assert counts(systematic_resample, values, 1000, 0)[1:].sum() == 500


def test_weightless_draws_are_never_taken():
    values = np.array([-math.inf, 0.0, -math.inf, 0.0, -math.inf])
    assert counts(systematic_resample, values, 10, 3).tolist() == [0, 5, 0, 5, 0]


def test_resampling_flattens_and_takes_a_generator():
    by_seed = systematic_resample(VALUES.reshape(3, 5), 20, 7)
    assert by_seed.tolist() == systematic_resample(VALUES, 20, np.random.default_rng(7)).tolist()
    assert by_seed.tolist() != systematic_resample(VALUES, 20, 8).tolist()


@pytest.mark.parametrize("function", [normalise, effective_sample_size])
@pytest.mark.parametrize(
    "values", [[], [math.nan, 0.0], [math.inf, 0.0], [-math.inf, -math.inf], np.zeros((2, 0))]
)
def test_unusable_log_weights(function, values):
    with pytest.raises(ValueError, match=r"log_weights must be .* got"):
        function(values)


@pytest.mark.parametrize("n", [0, -1, 2.5, True, "3", math.nan])
def test_bad_number_of_draws(n):
    with pytest.raises(ValueError, match="n must be a whole number >= 1, got"):
        systematic_resample(VALUES, n, 0)
