"""Replica exchange against quadrature."""

import numpy as np
import pytest

import csgld_core as cc

NOISY = cc.targets.nine_modes(noise=0.32)
ENERGY = cc.exact.moments(NOISY).energy


def cold_energies(seeds, step_size, **settings):
    runs = cc.parallel.replicate(
        cc.replica_exchange_sgld,
        seeds,
        target=NOISY,
        steps=2_000_000,
        thin=20,
        step_size=step_size,
        high_temperature=3.0,
        **settings,
    )
    return np.array([run.mean(NOISY.energies)[()] for run in runs])


def test_corrected_swaps_are_exact_for_small_steps(mean, seeds):
    coarse, fine = (cold_energies(seeds, step_size) for step_size in (2e-3, 1e-3))
    assert mean(2 * fine - coarse).is_near(ENERGY, errors=3.0)


def test_published_swap_rule_is_far_off(mean, seeds):
    found = mean(cold_energies(seeds[:6], 1e-3, swap_rate=0.1, swap_rule="published"))
    assert found.value < ENERGY - 0.15
    assert not found.is_near(ENERGY, errors=10.0)


def test_uncorrected_noise_is_seen(mean, seeds):
    noisy = cc.targets.nine_modes(noise=1.0)

    def energies(variance):
        runs = cc.parallel.replicate(
            cc.replica_exchange_sgld,
            seeds[:8],
            target=noisy,
            steps=1_000_000,
            thin=20,
            step_size=1e-3,
            high_temperature=3.0,
            energy_variance=variance,
        )
        return mean([run.mean(noisy.energies) for run in runs])

    corrected, uncorrected = energies(None), energies(0.0)
    gap = uncorrected.value - corrected.value
    assert abs(gap) > 4 * np.hypot(uncorrected.error, corrected.error)
    assert corrected.is_near(ENERGY, bias=0.03)  # Euler's own shift


@pytest.mark.parametrize(
    ("integrator", "step_size"), [("euler", 0.01), ("leimkuhler_matthews", 0.1), ("baoab", 0.2)]
)
def test_swaps_carry_momenta_and_normals_along(mean, seeds, integrator, step_size):
    target = cc.targets.two_modes()
    runs = cc.parallel.replicate(
        cc.replica_exchange_sgld,
        seeds,
        target=target,
        steps=500_000,
        step_size=step_size,
        integrator=integrator,
        high_temperature=8.0,
        thin=5,
    )
    assert mean([cc.metrics.mode_masses(run, target)[0] for run in runs]).is_near(0.4, bias=0.005)
    # Inside a mode, which a momentum at the wrong temperature would heat:
    inside = [run.positions[0, :, 0][run.positions[0, :, 0] > 0].var() for run in runs]
    assert mean(inside).is_near(1.0, bias=0.005)
