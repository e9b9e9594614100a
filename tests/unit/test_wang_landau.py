import math

import numba
import numpy as np
import pytest

import csgld_core as cc
from csgld_core.samplers import flat_histogram

ISING = cc.discrete.ising(4)
LEVELS = cc.EnergyPartition(-34.0, 34.0, 17)
E2 = cc.targets.nine_modes()
CELLS = cc.EnergyPartition(-7.0, 17.0, 24)
BOTH = pytest.mark.parametrize("algorithm", [cc.wang_landau, cc.samc])


def same(a, b):
    return all(
        np.array_equal(getattr(a, name), getattr(b, name), equal_nan=True)
        for name in ("log_g", "energies", "visits", "round_trips", "outside", "evaluations")
    )


# --- what is counted ------------------------------------------------------------------------------


@BOTH
def test_the_result_adds_up(algorithm):
    found = algorithm(ISING, 50_000, partition=LEVELS, seed=1)
    assert found.steps == found.visits.sum() == 50_000
    assert found.evaluations == 50_001
    assert found.outside == 0
    assert not found.partial
    assert np.exp(found.log_g).sum() == pytest.approx(1.0)
    assert np.exp(found.normalised(16 * math.log(2.0))).sum() == pytest.approx(2.0**16)
    visited = found.visits > 0
    assert (np.isfinite(found.log_g) == visited).all()
    assert (found.log_g[~visited] == -np.inf).all()
    assert np.allclose(found.energies[visited], LEVELS.centres[visited])
    assert np.isnan(found.energies[~visited]).all()
    assert found.history.size == found.history_steps.size <= 200
    assert found.history_steps[-1] == 50_000
    assert found.settings["sampler"] == algorithm.__name__
    assert found.settings["seed"] == 1
    assert found.settings["model"] == {"name": "ising(4)", "dim": 16}


def test_energies_are_those_of_the_visits_wherever_the_cells_lie():
    partition = cc.EnergyPartition(-35.9, 32.1, 17)
    found = cc.wang_landau(ISING, 50_000, partition=partition, seed=1)
    visited = found.visits > 0
    assert np.allclose(found.energies[visited] % 4.0, 0.0)


@numba.njit
def back_and_forth(state, energy, proposal, data, generator):
    direction = state[1]
    proposal[0], proposal[1] = state[0] + direction, direction
    if proposal[0] in (0.0, 4.0):
        proposal[1] = -direction
    return proposal[0]


def test_round_trips():
    # 1 2 3 4 3 2 1 0 1 ...: a small gain lets every move pass. The lowest cell is known after 8.
    line = cc.DiscreteTarget(
        back_and_forth, lambda state: state[0], 2, start=lambda generator: np.array([0.0, 1.0])
    )
    partition = cc.EnergyPartition(-0.5, 4.5, 5)
    for steps, trips in [(8, 0), (15, 0), (16, 1), (168, 20), (175, 20)]:
        assert cc.samc(line, steps, partition=partition, t0=1e-9, seed=1).round_trips == trips


def test_moves_out_of_the_box_or_the_partition_are_rejected():
    wide = cc.wang_landau(E2, 20_000, partition=CELLS, step_size=2.0, seed=1)
    evaluated_inside = wide.evaluations - 1
    assert wide.outside == 20_000 - evaluated_inside > 1000  # the whole range is in the partition
    low = cc.EnergyPartition(-7.0, 3.0, 10)
    found = cc.wang_landau(E2, 20_000, partition=low, step_size=2.0, seed=1)
    assert found.outside > wide.outside
    assert found.visits.sum() == 20_000


# --- gains ----------------------------------------------------------------------------------------


def test_one_over_t():
    found = cc.wang_landau(ISING, 1_000_000, partition=LEVELS, seed=1)
    gains, t = found.history, found.history_steps / 15  # of 17 cells two are empty
    assert gains[0] == 1.0
    assert (np.diff(gains) <= 0).all()
    late = t > 2000
    assert gains[late] == pytest.approx(1 / t[late], rel=1e-12)
    assert (gains <= 1.0).all()
    assert (gains[t > 1] >= 0.5 / t[t > 1]).all()


def test_flatness_only_halves():
    found = cc.wang_landau(ISING, 1_000_000, partition=LEVELS, schedule="flatness", seed=1)
    halvings = -np.log2(found.history)
    assert np.array_equal(halvings, np.round(halvings))
    assert halvings[0] == 0
    assert 5 < halvings[-1] <= 1_000_000 / 1700
    strict = cc.wang_landau(
        ISING, 1_000_000, partition=LEVELS, schedule="flatness", flatness=0.99, seed=1
    )
    assert strict.history[-1] > found.history[-1]
    assert strict.visits.sum() == 1_000_000


@pytest.mark.parametrize("schedule", ["flatness", "1/t"])
def test_log_f_starts_where_it_is_told(schedule):
    gains = [
        cc.wang_landau(
            ISING, 100_000, partition=LEVELS, schedule=schedule, initial_log_f=first, seed=1
        ).history
        for first in (0.25, 4.0)
    ]
    assert [gain[0] for gain in gains] == [0.25, 4.0]
    assert all(gain[-1] < gain[0] for gain in gains)


@pytest.mark.parametrize("schedule", ["flatness", "1/t"])
def test_final_log_f_ends_the_walk(schedule):
    found = cc.wang_landau(
        ISING, 10**8, partition=LEVELS, schedule=schedule, final_log_f=1e-4, seed=1
    )
    assert found.steps < 10**7
    assert not found.partial
    assert found.visits.sum() == found.steps
    assert found.history[-1] <= 1e-3


def test_gain_of_samc():
    found = cc.samc(ISING, 100_000, partition=LEVELS, t0=500, seed=1)
    expected = 500 / np.maximum(500, found.history_steps)
    assert found.history == pytest.approx(expected, rel=1e-15)
    assert cc.samc(ISING, 100, partition=LEVELS, seed=1).settings["t0"] == 170.0


# --- repeatable -----------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize(("model", "extra"), [(ISING, {}), (E2, {"step_size": 0.5})])
def test_same_seed_same_bits(algorithm, model, extra):
    partition = LEVELS if model is ISING else CELLS
    settings = {"partition": partition, "seed": 3, **extra}
    first = algorithm(model, 30_000, **settings)
    assert same(first, algorithm(model, 30_000, **settings, workers=2, progress=True))
    assert not same(first, algorithm(model, 30_000, **{**settings, "seed": 4}))
    assert isinstance(algorithm(model, 10, **{**settings, "seed": None}).settings["seed"], int)


def test_chunks_change_nothing(monkeypatch):
    whole = cc.wang_landau(E2, 30_000, partition=CELLS, step_size=0.5, seed=3)

    def in_small_chunks(chains, steps, **settings):
        for stop in range(0, steps + 1, 100):
            chains[0].advance(stop)
        return False

    monkeypatch.setattr(flat_histogram, "in_chunks", in_small_chunks)
    assert same(whole, cc.wang_landau(E2, 30_000, partition=CELLS, step_size=0.5, seed=3))


def test_replicas_do_not_depend_on_workers():
    settings = {"model": ISING, "steps": 20_000, "partition": LEVELS}
    one, two = (
        cc.parallel.replicate(cc.wang_landau, range(3), workers=workers, **settings)
        for workers in (1, 2)
    )
    assert all(same(a, b) for a, b in zip(one, two, strict=True))


def test_ctrl_c_keeps_what_was_learned(ctrl_c, monkeypatch):
    advanced, advance = [], flat_histogram._Walker.advance

    def told(walker, stop):
        advance(walker, stop)
        advanced.append(stop)

    monkeypatch.setattr(flat_histogram._Walker, "advance", told)
    with ctrl_c(lambda: len(advanced) > 3), pytest.warns(UserWarning, match="interrupted"):
        found = cc.wang_landau(ISING, 10**12, partition=LEVELS, seed=1)  # hours
    assert found.partial
    assert 0 < found.steps == found.visits.sum() < 10**12


# --- starts ---------------------------------------------------------------------------------------


def test_a_start_outside_the_partition_leads_into_it():
    low = cc.EnergyPartition(-7.0, -3.0, 4)
    found = cc.wang_landau(E2, 1000, partition=low, step_size=0.3, start=(2.4, 2.4), seed=1)
    assert E2.energies([[2.4, 2.4]])[0] > -3.0
    assert found.visits.sum() == 1000
    assert found.evaluations > 1001 - found.outside
    assert found.settings["start"] == [2.4, 2.4]


def test_a_start_that_leads_nowhere_is_named():
    below = cc.EnergyPartition(-20.0, -10.0, 4)
    with pytest.raises(ValueError, match=r"start must lead into the partition \(-20, -10\]"):
        cc.wang_landau(E2, 1000, partition=below, step_size=0.3, seed=1)


@numba.njit
def not_a_number(position, gradient):
    gradient[0] = 0.0
    return math.nan


def test_a_start_without_an_energy_is_named():
    with pytest.raises(ValueError, match="start must have an energy, got"):
        cc.samc(cc.Target(not_a_number, 1), 10, partition=CELLS, step_size=1.0, seed=1)


# --- bad input ------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": cc.targets.nine_modes(noise=0.1)}, "model must be .* noise 0, got"),
        ({"model": "ising"}, "model must be .*DiscreteTarget or .*Target .* got 'ising'"),
        ({"steps": 0}, "steps must be a whole number >= 1"),
        ({"partition": 10}, "partition must be a csgld_core.EnergyPartition, got 10"),
        ({"step_size": None}, "step_size must be given for a Target, a number > 0, got None"),
        ({"step_size": 0.0}, "step_size must be a finite number > 0, got 0.0"),
        ({"model": ISING}, "step_size must be None for a DiscreteTarget, got 0.5"),
        ({"start": (3.0, 0.0)}, "start must lie inside the box"),
        ({"start": (0.0,)}, "start must be finite numbers of shape"),
        ({"seed": -1}, "seed must be a whole number >= 0, got -1"),
    ],
)
def test_bad_arguments(algorithm, changes, message):
    settings = {"model": E2, "steps": 100, "partition": CELLS, "step_size": 0.5, **changes}
    with pytest.raises(ValueError, match=message):
        algorithm(**settings)


@pytest.mark.parametrize(
    ("algorithm", "changes", "message"),
    [
        (cc.wang_landau, {"schedule": "linear"}, "schedule must be one of 'flatness', '1/t', got"),
        (cc.wang_landau, {"flatness": 1.0}, "flatness must be a finite number > 0 and < 1, got"),
        (cc.wang_landau, {"check_every": 0}, "check_every must be a whole number >= 1"),
        (cc.wang_landau, {"initial_log_f": 0.0}, "initial_log_f must be a finite number > 0 and"),
        (cc.wang_landau, {"initial_log_f": 0.1, "final_log_f": 0.1}, "final_log_f must be .* 0.1,"),
        (cc.wang_landau, {"final_log_f": 0.0}, "final_log_f must be a finite number > 0"),
        (cc.samc, {"t0": 0}, "t0 must be a finite number > 0, got 0"),
        (cc.samc, {"desired": np.ones(16)}, r"desired must be finite numbers of shape \(17,\)"),
        (cc.samc, {"desired": np.arange(17)}, "desired must be positive"),
    ],
)
def test_bad_rules(algorithm, changes, message):
    with pytest.raises(ValueError, match=message):
        algorithm(ISING, 100, partition=LEVELS, **changes)


def test_bad_readings():
    found = cc.samc(ISING, 1000, partition=LEVELS, seed=1)
    for reading in (found.log_z, found.mean_energy, found.heat_capacity, found.energy_pdf):
        with pytest.raises(ValueError, match="temperature must be a finite number > 0, got 0"):
            reading(0)
    with pytest.raises(ValueError, match="log_total must be a finite number"):
        found.normalised(math.inf)
