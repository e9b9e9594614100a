"""Minibatches and the posteriors that use them."""

import json
import math
import pickle
import resource
from pathlib import Path

import numba
import numpy as np
import pytest
from scipy import special, stats

import csgld_core as cc
from csgld_core import targets
from csgld_core.targets.callback import evaluate

STATM = Path("/proc/self/statm")


@numba.njit
def draw_many(rows, size, replacement, generator, times):
    drawn = np.empty((times, size), dtype=np.int64)
    for n in range(times):
        drawn[n] = targets.draw_minibatch(rows, size, replacement, generator)
    return drawn


# --- the sampler of subsets -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "size"), [(1, 1), (5, 5), (7, 3), (1000, 100), (1000, 1000), (10**12, 50)]
)
def test_subsets_are_subsets(rows, size):
    drawn = np.sort(draw_many(rows, size, False, np.random.default_rng(1), 200))
    assert (np.diff(drawn) > 0).all()
    assert drawn.min() >= 0
    assert drawn.max() < rows


@pytest.mark.parametrize(("rows", "size"), [(6, 2), (6, 5), (20, 7), (64, 33)])
@pytest.mark.parametrize("replacement", [False, True])
def test_every_row_and_every_pair_is_equally_frequent(rows, size, replacement):
    times = 40_000
    drawn = draw_many(rows, size, replacement, np.random.default_rng(rows), times)
    counts = np.zeros((times, rows))
    np.add.at(counts, (np.arange(times)[:, None], drawn), 1.0)
    error = counts.std(axis=0) / math.sqrt(times)
    assert np.abs((counts.mean(axis=0) - size / rows) / error).max() < 4.5
    together = counts.T @ counts / times
    i, j = np.triu_indices(rows, 1)
    if replacement:
        wanted = size * (size - 1) / rows**2
    else:
        wanted = size * (size - 1) / (rows * (rows - 1))
    squares = (counts**2).T @ counts**2 / times
    apart = (together - wanted)[i, j] / np.sqrt((squares - together**2)[i, j] / times)
    assert np.abs(apart).max() < 5
    assert np.mean(apart**2) == pytest.approx(1.0, abs=6 * math.sqrt(2 / rows))


def test_all_subsets_are_equally_frequent():
    times = 30_000
    drawn = np.sort(draw_many(6, 3, False, np.random.default_rng(2), times))
    counts = np.unique(drawn @ [36, 6, 1], return_counts=True)[1]
    assert len(counts) == 20
    assert stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("replacement", [False, True])
@pytest.mark.parametrize("size", [1, 4, 10])
def test_minibatch_variance(size, replacement):
    energies = np.random.default_rng(3).exponential(size=10)
    drawn = draw_many(10, size, replacement, np.random.default_rng(4), 100_000)
    sums = 10 / size * energies[drawn].sum(axis=1)
    squares = (sums - energies.sum()) ** 2
    error = squares.std() / math.sqrt(len(squares))
    found = targets.minibatch_variance(energies, size, replacement)
    assert abs(squares.mean() - found) < 4 * error + 1e-9


# --- the two posteriors ---------------------------------------------------------------------------


def logistic_data(rows=60, dim=4, seed=0):
    random = np.random.default_rng(seed)
    features = random.normal(size=(rows, dim))
    return features, (random.random(rows) < special.expit(features @ np.ones(dim))).astype(int)


def mixture(batch_size=None, **more):
    return targets.mixture_posterior(targets.mixture_data(80, seed=1), batch_size, **more)


def logistic(batch_size=None, **more):
    return targets.logistic_regression(*logistic_data(), batch_size=batch_size, **more)


MAKERS = {"mixture": mixture, "logistic": logistic}


def test_mixture_data():
    data = targets.mixture_data(20_000, seed=3)
    assert targets.mixture_data().shape == (1000,)
    assert (data == targets.mixture_data(20_000, seed=3)).all()
    quantiles = 0.5 * stats.norm.cdf(data, -5, 5) + 0.5 * stats.norm.cdf(data, 25, 5)
    assert stats.kstest(quantiles, "uniform").pvalue > 1e-3


def test_mixture_posterior():
    data = targets.mixture_data(80, seed=1)
    target = mixture()
    phi = np.linspace(-15, 35, 101)
    left, right = (stats.norm.logpdf(data[:, None], at, 5) for at in (phi, 20 - phi))
    energies = -(np.logaddexp(left, right) - math.log(2)).sum(axis=0)
    assert target.energies(phi[:, None]) == pytest.approx(energies, rel=1e-12)
    target.check(phi[:, None], tolerance=1e-5)
    assert np.isfinite([*target.energies([[1e8]]), *target.gradients([[1e8]])[0]]).all()
    assert target.exact
    assert target.energy_variance == 0.0
    assert target.sampled is target.callback


def test_modes_of_the_mixture_posterior():
    target = mixture()
    low, high = target.modes[:, 0]
    assert low + high == pytest.approx(20.0, abs=1e-5)  # U(phi) = U(20 - phi)
    assert (abs(low + 5) < 3) & (abs(high - 25) < 3)
    assert np.abs(target.gradients(target.modes)).max() < 1e-4
    assert target.mode_index([[9.9], [10.1]]).tolist() == [0, 1]
    assert cc.exact.mode_masses(target) == pytest.approx([0.5, 0.5], abs=1e-4)
    for value in (10.0, 3.0):  # one mode; two
        single = targets.mixture_posterior([value])
        assert np.abs(single.gradients(single.modes)).max() < 1e-6
        assert len(single.modes) == 1 + (value == 3.0)


def test_logistic_regression():
    features, labels = logistic_data()
    target = logistic(prior_sd=0.7)
    positions = 2 * np.random.default_rng(5).normal(size=(20, 4))
    margins = positions @ features.T
    likelihood = special.log_expit(np.where(labels == 1, margins, -margins)).sum(axis=1)
    prior = 0.5 * (positions**2).sum(axis=1) / 0.7**2
    assert target.energies(positions) == pytest.approx(prior - likelihood, rel=1e-12)
    target.check(positions, tolerance=1e-5)
    far = np.full((1, 4), 1e6)
    assert np.isfinite([*target.energies(far), *target.gradients(far)[0]]).all()
    assert np.abs(target.gradients(target.modes)).max() < 1e-3
    assert target.exact


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("replacement", [False, True])
@pytest.mark.parametrize("size", [1, 20, 80])
def test_estimates_are_unbiased(name, replacement, size):
    size = min(size, 60) if name == "logistic" else size
    exact, target = MAKERS[name](), MAKERS[name](size, replacement=replacement)
    assert not target.exact
    generator = np.random.default_rng(6)
    for position in (exact.modes[0], exact.modes[0] + 1.0):
        energy, gradient = exact.energies([position])[0], exact.gradients([position])[0]
        assert target.energies([position])[0] == energy
        assert (target.gradients([position])[0] == gradient).all()
        drawn = np.column_stack(target.estimates(np.tile(position, (20_000, 1)), generator))
        error = drawn.std(axis=0) / math.sqrt(len(drawn)) + 1e-12 * abs(energy)
        assert np.abs((drawn.mean(axis=0) - [energy, *gradient]) / error).max() < 4.5
    # The variance at the mode that is worst.
    squares = [
        (target.estimates(np.tile(mode, (20_000, 1)), generator)[0] - exact.energies([mode])) ** 2
        for mode in exact.modes
    ]
    worst = max(squares, key=np.mean)
    error = worst.std() / math.sqrt(len(worst))
    assert abs(worst.mean() - target.energy_variance) < 4.5 * error + 1e-9


def test_a_whole_batch_is_exact():
    target = mixture(80)
    points = np.linspace(-10, 30, 9)[:, None]
    energies, gradients = target.estimates(points, np.random.default_rng(0))
    assert energies == pytest.approx(target.energies(points), rel=1e-12)
    assert gradients == pytest.approx(target.gradients(points), abs=1e-9)
    assert target.energy_variance == 0.0
    assert mixture(80, replacement=True).energy_variance > 0


@pytest.mark.parametrize("name", MAKERS)
def test_check_accepts_and_recipes_rebuild(name):
    target = MAKERS[name](10, replacement=True)
    target.check()
    recipe = json.loads(json.dumps(target.recipe))
    points = np.random.default_rng(1).normal(size=(9, target.dim))
    for same in (targets.rebuild(recipe), pickle.loads(pickle.dumps(target))):
        assert same.recipe == target.recipe
        assert (same.energies(points) == target.energies(points)).all()
        seen, drawn = (t.estimates(points, np.random.default_rng(2)) for t in (same, target))
        assert (seen[0] == drawn[0]).all()
        assert (seen[1] == drawn[1]).all()
        assert same.energy_variance == target.energy_variance
        assert (same.modes == target.modes).all()


@pytest.mark.skipif(not STATM.exists(), reason="the size of a process is read from /proc")
@pytest.mark.parametrize("name", MAKERS)
def test_estimates_leak_no_memory(name):
    target, calls = MAKERS[name](20), 200_000
    points = np.zeros((calls, target.dim))
    energies, gradients = np.empty(calls), np.empty(points.shape)
    sizes = []
    for _ in range(2):
        evaluate(target.sampled, target.data, np.random.default_rng(0), points, energies, gradients)
        sizes.append(int(STATM.read_text().split()[1]) * resource.getpagesize())
    # A lost minibatch of 20 numbers would be 160 bytes a call.
    assert sizes[1] - sizes[0] < 160 * calls / 4


# --- bad input ------------------------------------------------------------------------------------

SIZES = [0, -1, 1.5, "10", True, math.nan]


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("size", [*SIZES, 81])
def test_bad_batch_sizes_are_named(name, size):
    with pytest.raises(ValueError, match=r"^batch_size must be a whole number >= 1 and <= [68]0, "):
        MAKERS[name](size)
    if size == 81:
        assert MAKERS[name](size, replacement=True).energy_variance > 0


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("replacement", [None, 1, "no"])
def test_bad_replacement_is_named(name, replacement):
    with pytest.raises(ValueError, match=r"^replacement must be True or False, got"):
        MAKERS[name](10, replacement=replacement)


@pytest.mark.parametrize("data", [[], [[1.0]], [math.nan], "ab", None])
def test_bad_mixture_data_are_named(data):
    with pytest.raises(ValueError, match=r"^data must be finite numbers of shape \(n,\), n >= 1"):
        targets.mixture_posterior(data)


@pytest.mark.parametrize(("name", "value"), [("n", 0), ("n", 1.5), ("seed", -1), ("seed", None)])
def test_bad_draws_of_mixture_data_are_named(name, value):
    with pytest.raises(ValueError, match=f"^{name} must be a whole number"):
        targets.mixture_data(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("features", [1.0, 2.0]),
        ("features", [[math.inf], [1.0]]),
        ("features", np.zeros((0, 2))),
        ("features", np.zeros((2, 0))),
        ("labels", [0, 1, 1]),
        ("labels", [0, 2]),
        ("labels", [-1, 1]),
        ("labels", [0.0, math.nan]),
        ("labels", "01"),
        ("prior_sd", 0.0),
        ("prior_sd", -1.0),
        ("prior_sd", math.inf),
        ("prior_sd", None),
    ],
)
def test_bad_logistic_arguments_are_named(name, value):
    good = {"features": [[1.0], [2.0]], "labels": [0, 1]}
    with pytest.raises(ValueError, match=f"^{name} must be .* got "):
        targets.logistic_regression(**{**good, name: value})
