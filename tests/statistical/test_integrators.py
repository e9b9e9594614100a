"""Integrators and walls against exact distributions."""

import numba
import numpy as np
import pytest

import csgld_core as cc

GAUSSIAN = cc.targets.gaussian_mixture([1.0], [[0.0]], [[[1.0]]])


@numba.njit
def flat(position, gradient):
    gradient[0] = 0.0
    return 0.0


@numba.njit
def uphill(position, gradient):
    gradient[0] = 3.0
    return 3.0 * position[0]


def replicate(target, seeds, **settings):
    return cc.parallel.replicate(cc.sgld, seeds, target=target, steps=200_000, **settings)


def variances(target, seeds, **settings):
    return [run.positions.var() for run in replicate(target, seeds, **settings)]


@pytest.mark.parametrize("temperature", [1.0, 2.5])
@pytest.mark.parametrize("step_size", [0.1, 0.7])
def test_variance_on_a_gaussian(mean, seeds, step_size, temperature):
    settings = {"step_size": step_size, "temperature": temperature}
    euler = mean(variances(GAUSSIAN, seeds, **settings))
    assert euler.is_near(temperature / (1 - step_size / 2))
    for integrator in ("leimkuhler_matthews", "baoab"):
        exact = mean(variances(GAUSSIAN, seeds, integrator=integrator, **settings))
        assert exact.is_near(temperature)


def test_gradient_noise_heats_by_the_known_amount(mean, seeds):
    noisy = cc.targets.gaussian_mixture([1.0], [[0.0]], [[[1.0]]], noise=3.0)
    found = mean(variances(noisy, seeds, step_size=0.1))
    assert found.is_near((1 + 0.1 * 9.0 / 2) / (1 - 0.1 / 2))


@pytest.mark.parametrize("walls", ["reflect", "reject"])
@pytest.mark.parametrize(
    ("integrator", "step_size"), [("euler", 0.01), ("leimkuhler_matthews", 0.01), ("baoab", 0.15)]
)
def test_a_flat_box_stays_flat(mean, seeds, integrator, step_size, walls):
    target = cc.Target(flat, 1, box=(0.0, 1.0), name="flat")
    settings = {"step_size": step_size, "integrator": integrator, "walls": walls}
    runs = replicate(target, seeds, **settings)
    assert mean([run.mean()[0] for run in runs]).is_near(0.5)
    assert mean([(run.positions**2).mean() for run in runs]).is_near(1 / 3)
    assert mean([(run.positions < 0.05).mean() for run in runs]).is_near(0.05)


@pytest.mark.parametrize(
    ("integrator", "step_size"), [("leimkuhler_matthews", 0.01), ("baoab", 0.15)]
)
def test_reflection_beats_rejection_where_the_force_meets_the_wall(
    mean, seeds, integrator, step_size
):
    # Not so for Euler: where the force is constant, a rejected Euler move obeys detailed balance.
    target = cc.Target(uphill, 1, box=(0.0, 1.0), name="uphill")
    truth = cc.exact.moments(target).mean[0]
    error = {}
    for walls in ("reflect", "reject"):
        settings = {"step_size": step_size, "integrator": integrator, "walls": walls}
        runs = replicate(target, seeds, **settings)
        found = mean([run.mean()[0] for run in runs])
        error[walls] = abs(found.value - truth)
    assert error["reflect"] < 0.75 * error["reject"]


def test_cyclical_step_sizes_are_the_cosine(mean):
    # Without heat and with a constant force, every move is the step size times the force.
    target = cc.Target(uphill, 1, name="uphill")
    run = cc.cyclical_sgld(
        target,
        40,
        peak_step_size=0.1,
        cycles=4,
        sampling_fraction=1.0,
        temperature=1e-30,
        start=[0.0],
        seed=1,
    )
    moves = -np.diff(run.positions[0, :, 0], prepend=0.0) / 3.0
    phase = np.arange(40) % 10 / 10
    assert np.allclose(moves, 0.05 * (np.cos(np.pi * phase) + 1), atol=1e-12)
