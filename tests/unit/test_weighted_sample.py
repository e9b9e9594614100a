"""Bad input and repeatability of importance sampling and annealed importance sampling."""

import math

import numba
import numpy as np
import pytest
from scipy import stats

import csgld_core as cc

E1 = cc.targets.two_modes()
E2 = cc.targets.nine_modes()
MODES = cc.targets.gaussian_grid()


def importance(target=E2, n=100, **settings):
    return cc.importance_sampling(target, n, **settings)


def annealed(target=E2, particles=100, **settings):
    settings = {"step_size": 0.5, "levels": 5, **settings}
    return cc.annealed_importance_sampling(target, particles=particles, **settings)


BOTH = pytest.mark.parametrize("sampler", [importance, annealed])


@numba.njit
def hole(position, gradient):
    gradient[:] = 0.0
    return math.nan if position[0] > 0.9 else 0.0


@numba.njit
def square_root(position, gradient):
    if position[0] < 0.0 or position[0] > 1.0:
        return math.nan  # must not be asked
    gradient[0] = 0.5 / math.sqrt(position[0])
    return math.sqrt(position[0])


HOLE = cc.Target(hole, 1, box=(0.0, 1.0))


def same(a, b):
    return np.array_equal(a.positions, b.positions) and np.array_equal(a.log_weights, b.log_weights)


# --- the sample -----------------------------------------------------------------------------------


def sample(log_weights):
    positions = np.arange(2.0 * len(log_weights)).reshape(-1, 2)
    return cc.WeightedSample({}, positions, np.array(log_weights), len(log_weights))


@pytest.mark.parametrize("offset", [-1e5, 0.0, 1e5])
def test_log_z_and_its_error(offset):
    weights = np.array([1.0, 2.0, 5.0, 0.5])
    found = sample(np.log(weights) + offset)
    assert found.log_z == pytest.approx(math.log(weights.mean()) + offset)
    expected = weights.std(ddof=1) / weights.mean() / 2.0
    assert found.standard_error == pytest.approx(expected, rel=1e-6)
    assert found.effective_sample_size() == pytest.approx(8.5**2 / 30.25, rel=1e-6)
    assert found.mean() == pytest.approx(weights @ found.positions / 8.5)
    assert found.mean(lambda x: x[:, 0]) == pytest.approx(weights @ found.positions[:, 0] / 8.5)


def test_one_draw_has_no_error():
    assert sample([2.0]).log_z == 2.0
    assert math.isnan(sample([2.0]).standard_error)


def test_resampling_takes_by_weight():
    found = sample([0.0, -math.inf, math.log(3.0)])
    drawn = found.resample(40, 1)
    assert drawn.shape == (40, 2)
    assert [(drawn == row).all(axis=1).sum() for row in found.positions] == [10, 0, 30]


# --- shapes and counts ----------------------------------------------------------------------------


@BOTH
def test_the_result_adds_up(sampler):
    found = sampler(seed=1)
    assert found.positions.shape == (100, 2)
    assert found.log_weights.shape == (100,)
    assert E2.contains(found.positions).all()
    assert found.settings["seed"] == 1
    assert found.settings["target"] == E2.description()
    assert "versions" in found.settings
    assert not found.partial


def test_evaluations():
    assert importance(seed=1).evaluations == 100
    still = annealed(moves_per_level=0, seed=1)
    assert still.evaluations == 100
    most = 100 * (1 + 5 * 3)
    assert 0.5 * most < annealed(moves_per_level=3, seed=1).evaluations < most


def test_without_moves_annealing_is_importance_sampling():
    still = annealed(moves_per_level=0, seed=1)
    assert still.log_weights == pytest.approx(-E2.energies(still.positions) + math.log(25.0))


@BOTH
@pytest.mark.parametrize("n", [1, 2, 1001])
def test_any_number_of_draws(sampler, n):
    assert sampler(E2, n, seed=1).positions.shape == (n, 2)


@pytest.mark.parametrize(
    ("target", "distribution"),
    [
        (E1, stats.norm(0.0, 6.0)),
        (E1, stats.t(3, 0.0, 6.0)),
        (E1, stats.multivariate_normal([0.0], [[36.0]])),
        (MODES, stats.multivariate_normal([0.0, 0.0], 9.0 * np.eye(2))),
        (MODES, stats.multivariate_t([0.0, 0.0], 9.0 * np.eye(2), df=5)),
    ],
)
@pytest.mark.parametrize("n", [1, 50])
def test_frozen_distributions(target, distribution, n):
    found = importance(target, n, proposal=distribution, seed=1)
    points = found.positions[:, 0] if target is E1 else found.positions
    expected = -target.energies(found.positions) - distribution.logpdf(points)
    assert found.log_weights == pytest.approx(expected)
    assert annealed(target, n, base=distribution, seed=1).positions.shape == (n, target.dim)


def test_points_outside_the_box_weigh_nothing_and_are_not_asked_for():
    target = cc.Target(square_root, 1, box=(0.0, 1.0))
    wide = stats.norm(0.5, 1.0)
    found = importance(target, 1000, proposal=wide, seed=1)
    inside = target.contains(found.positions)
    assert (np.isfinite(found.log_weights) == inside).all()
    assert found.evaluations == inside.sum() < 900
    led = annealed(target, 1000, base=wide, seed=1)
    weightless = led.log_weights == -np.inf
    assert 100 < weightless.sum() < 900
    assert target.contains(led.positions[~weightless]).all()


def test_what_is_drawn_belongs_to_the_sample():
    class Reused:
        store = np.zeros((100, 2))

        def rvs(self, size, random_state):
            return self.store

        def logpdf(self, x):
            return np.zeros(len(x))

    annealed(base=Reused(), seed=1)
    assert (Reused.store == 0.0).all()


# --- repeatable -----------------------------------------------------------------------------------


@BOTH
def test_same_seed_same_bits(sampler):
    assert same(sampler(seed=1), sampler(seed=1))
    assert not same(sampler(seed=1), sampler(seed=2))
    assert isinstance(sampler().settings["seed"], int)


def test_annealing_does_not_depend_on_workers_or_progress():
    one, two = (annealed(particles=2500, workers=workers, seed=1) for workers in (1, 3))
    assert same(one, two)
    assert same(one, annealed(particles=2500, progress=True, seed=1))
    assert np.unique(one.positions, axis=0).shape == (2500, 2)  # no two blocks are alike


def test_levels_by_number_and_by_name():
    by_number = annealed(levels=4, seed=1)
    assert same(by_number, annealed(levels=[0.0, 0.25, 0.5, 0.75, 1.0], seed=1))
    assert same(by_number, annealed(levels=4, step_size=[0.5] * 4, seed=1))


class Interrupted(cc.importance.Uniform):
    """Ctrl-C at the given call of logpdf."""

    def __init__(self, call):
        super().__init__(E2.box)
        self.calls, self.call = 0, call

    def logpdf(self, positions):
        self.calls += 1
        if self.calls == self.call:
            raise KeyboardInterrupt
        return super().logpdf(positions)


def test_ctrl_c_keeps_the_particles_that_arrived():
    # Three blocks of particles: one call each at the start, then five each.
    whole = annealed(particles=2500, seed=1)
    with pytest.warns(UserWarning, match="interrupted: 1000 of 2500 particles have arrived"):
        found = annealed(particles=2500, seed=1, base=Interrupted(call=10), workers=1)
    assert found.partial
    assert (found.positions == whole.positions[:1000]).all()
    assert (found.log_weights == whole.log_weights[:1000]).all()
    with pytest.raises(KeyboardInterrupt):
        annealed(particles=2500, seed=1, base=Interrupted(call=7), workers=1)


# --- bad input ------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"target": cc.targets.nine_modes(noise=0.1)}, "target must be .* noise 0, got"),
        ({"target": None}, "target must be a csgld_core.Target"),
        ({"temperature": 0.0}, "temperature must be a finite number > 0, got 0.0"),
        ({"seed": 1.5}, "seed must be a whole number >= 0, got 1.5"),
        ({"target": HOLE}, r"target must have energies above minus infinity, 'target' has nan at"),
    ],
)
def test_bad_arguments(sampler, settings, message):
    with pytest.raises(ValueError, match=message):
        sampler(**{"seed": 1, **settings})


def test_an_energy_that_is_no_number_is_found_on_the_way():
    safe = stats.uniform(0.0, 0.5)
    with pytest.raises(ValueError, match=r"'target' has nan at \[0\.9"):
        annealed(HOLE, base=safe, seed=1)


@pytest.mark.parametrize(("sampler", "argument"), [(importance, "proposal"), (annealed, "base")])
def test_bad_distributions(sampler, argument):
    class Broken:
        def rvs(self, size, random_state):
            return np.zeros((size, 2))

        def logpdf(self, x):
            return np.full(len(x), np.nan)

    for distribution, message in [
        (stats.norm, "must be a distribution of 2 coordinates: its rvs must give numbers"),
        (stats.norm(), r"of shape \(100, 2\).*got shape \(100,\)"),
        (Broken(), "its logpdf must give numbers"),
        ("uniform", "must have the methods rvs"),
    ]:
        with pytest.raises(ValueError, match=message) as caught:
            sampler(E2, seed=1, **{argument: distribution})
        assert str(caught.value).startswith(argument)
    far = stats.multivariate_normal([100.0, 100.0], np.eye(2))
    with pytest.raises(ValueError, match=f"{argument} must reach where 'nine_modes' has mass"):
        sampler(E2, seed=1, **{argument: far})


def test_importance_sampling_needs_a_proposal_without_a_box():
    with pytest.raises(ValueError, match=r"proposal must be given for .*two_modes"):
        importance(E1)
    with pytest.raises(ValueError, match="n must be a whole number >= 1, got 0"):
        importance(n=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"particles": 0}, "particles must be a whole number >= 1, got 0"),
        ({"moves_per_level": -1}, "moves_per_level must be a whole number >= 0, got -1"),
        ({"levels": 0}, "levels must be a whole number >= 1, got 0"),
        ({"levels": [0.0, 0.5]}, "levels must be a whole number, or numbers that rise from 0 to 1"),
        ({"levels": [0.0, 0.5, 0.5, 1.0]}, "levels must be a whole number, or"),
        ({"levels": [1.0]}, "levels must be a whole number, or"),
        ({"step_size": 0.0}, "step_size must be a finite number > 0, got 0.0"),
        ({"step_size": [0.5] * 4}, "step_size must be one positive number, or 5 of them"),
        ({"step_size": [0.5] * 4 + [0.0]}, "step_size must be one positive number, or 5 of them"),
        ({"workers": 0}, "workers must be a whole number >= 1, got 0"),
    ],
)
def test_bad_annealing(settings, message):
    with pytest.raises(ValueError, match=message):
        annealed(**settings)
