"""Energies that misbehave, and truths that would be silently wrong."""

import math

import numba
import numpy as np
import pytest

import csgld_core as cc
from csgld_core import exact


@numba.njit
def bad_gradient(position, gradient):
    gradient[0] = math.nan
    return 1.0


@numba.njit
def bad_energy(position, gradient):
    gradient[0] = 0.0
    return math.nan


@numba.njit
def cliff(position, gradient):
    gradient[0] = -1.0
    return math.inf if position[0] > 1.0 else -position[0]


@numba.njit
def no_energy(position, gradient):
    gradient[0] = 0.0


PARTITION = cc.EnergyPartition(-2.0, 2.0, 8)


@pytest.mark.parametrize("function", [bad_gradient, bad_energy])
@pytest.mark.parametrize("sampler", ["sgld", "contour_sgld"])
def test_a_start_that_is_not_finite_is_named(function, sampler):
    target = cc.Target(function, 1)
    extra = {"partition": PARTITION} if sampler == "contour_sgld" else {}
    with pytest.raises(ValueError, match="start must have a finite energy and gradient"):
        getattr(cc, sampler)(target, 100, step_size=0.1, seed=1, **extra)


def test_walking_off_a_cliff_is_a_divergence():
    with pytest.raises(cc.DivergenceError) as caught:
        cc.sgld(cc.Target(cliff, 1), 10_000, step_size=0.1, start=[0.0], seed=1)
    assert caught.value.position[0] > 1.0


def test_a_function_without_an_energy_is_named():
    with pytest.raises(ValueError, match="energy_and_gradient must take"):
        cc.Target(no_energy, 1)


def test_energy_noise_alone_is_no_runaway():
    target = cc.targets.gaussian_mixture([1.0], [[0.0]], [[[1.0]]], noise=30.0)
    partition = cc.EnergyPartition(0.9, 1.5, 4)
    with pytest.warns(UserWarning, match="outside the partition"):
        cc.contour_sgld(target, 1000, step_size=1e-4, partition=partition, seed=1)


def test_a_failure_is_not_hidden_behind_an_interrupt():
    def interrupted():
        while not cc.parallel.stopping():
            pass
        raise KeyboardInterrupt

    def fails():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cc.parallel.in_threads([interrupted, fails], workers=2)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_quadrature_finds_the_scale(scale):
    target = cc.targets.gaussian_mixture([1.0], [[0.0, 0.0]], [scale**2 * np.eye(2)])
    moments = exact.moments(target)
    assert moments.z == pytest.approx(1.0, abs=1e-6)
    assert np.allclose(moments.second, scale**2)


def test_quadrature_that_cannot_be_trusted_says_so():
    means = [[0.0, 0.0], [1000.0, 0.0]]
    target = cc.targets.gaussian_mixture([0.5, 0.5], means, [0.01 * np.eye(2), 1e4 * np.eye(2)])
    with pytest.warns(UserWarning, match="uncertain"):
        exact.mode_masses(target)


@pytest.mark.parametrize("offset", [-1e5, 1e5])
def test_energies_far_from_zero(offset):
    @numba.njit
    def shifted(position, gradient):
        gradient[0] = position[0]
        return 0.5 * position[0] ** 2 + offset

    moments = exact.moments(cc.Target(shifted, 1))
    assert moments.log_z == pytest.approx(0.5 * math.log(2 * math.pi) - offset)
    assert moments.error < 1e-6
    assert moments.energy == pytest.approx(0.5 + offset)


def test_the_domain_takes_its_numbers_by_name_too():
    target = cc.targets.two_modes()
    by_name = exact.domain(target, temperature=2.0, depth=12.0)
    assert np.array_equal(by_name, exact.domain(target, 2.0, 12.0))
