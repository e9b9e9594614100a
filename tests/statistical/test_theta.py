"""theta against quadrature: the fixed point of every gain, and the sum."""

import numpy as np
import pytest

import csgld_core as cc

E1 = cc.targets.two_modes()
E2 = cc.targets.nine_modes()
E1_PARTITION = cc.experiments.E1_CONTOUR["partition"]
E2_PARTITION = cc.experiments.E2_BAOAB["partition"]
UNCLIPPED = {"clip": None, "floor": None}


def distance(a, b):
    return 0.5 * np.abs(a - b).sum()


def long_run(target, partition, step_size, scheme, seed=5000, chains=4):
    return cc.contour_sgld(
        target,
        10_000_000,
        step_size=step_size,
        partition=partition,
        scheme=scheme,
        chains=chains,
        thin=10_000,
        seed=seed,
    )


@pytest.mark.parametrize(
    ("target", "partition", "step_size"), [(E1, E1_PARTITION, 0.02), (E2, E2_PARTITION, 1e-3)]
)
@pytest.mark.parametrize("slope", ["centred", "smooth"])
def test_consistent_gain_finds_the_exact_energy_pdf(target, partition, step_size, slope):
    run = long_run(target, partition, step_size, cc.ContourScheme(slope=slope))
    assert distance(run.energy_pdf, cc.exact.energy_pdf(target, partition)) <= 0.02


def test_published_gain_settles_at_its_own_fixed_point():
    scheme = cc.experiments.E1_PUBLISHED["scheme"]
    expected = cc.exact.contour_fixed_point(E1, E1_PARTITION, scheme=scheme)
    truth = cc.exact.energy_pdf(E1, E1_PARTITION)
    assert distance(expected, truth) == pytest.approx(0.13, abs=0.005)
    run = long_run(E1, E1_PARTITION, 0.02, scheme, chains=8)
    assert distance(run.energy_pdf, expected) <= 0.04
    assert distance(run.energy_pdf, truth) >= 0.08


@pytest.mark.parametrize("slope", ["centred", "backward"])
def test_interacting_gain_settles_at_its_own_flatter_fixed_point(slope):
    scheme = cc.ContourScheme(gain="interacting", slope=slope, **UNCLIPPED)
    expected = cc.exact.contour_fixed_point(E1, E1_PARTITION, scheme=scheme)
    run = long_run(E1, E1_PARTITION, 0.02, scheme)
    assert distance(run.energy_pdf, expected) <= 0.02
    assert distance(expected, cc.exact.energy_pdf(E1, E1_PARTITION)) >= 0.1


def test_zeta_above_one_freezes_the_published_gain():
    def drift(zeta):
        run = cc.contour_sgld(
            E1,
            1_000_000,
            step_size=0.02,
            partition=E1_PARTITION,
            zeta=zeta,
            scheme=cc.ContourScheme(gain="cell"),
            thin=10_000,
            seed=5000,
        )
        half = run.energy_pdf_history[len(run.energy_pdf_history) // 2]
        return distance(run.energy_pdf, half)

    assert drift(3.0) < 0.1 * drift(0.75)


@pytest.mark.parametrize("zeta", [0.75, 1.0])
@pytest.mark.parametrize("bins", [10, 100_000])
def test_theta_sums_to_one_after_ten_million_steps(bins, zeta):
    partition = cc.EnergyPartition(E2_PARTITION.low, E2_PARTITION.high, bins)
    run = cc.contour_sgld(
        E2, 10_000_000, step_size=1e-3, partition=partition, zeta=zeta, thin=10_000, seed=5000
    )
    assert abs(run.energy_pdf.sum() - 1.0) <= 1e-12


def test_theta_forgets_where_it_started(mean):
    starts = [[-2.0, 2.0], [0.0, 0.0], [2.2, -2.2]]
    thetas = [
        cc.contour_sgld(
            E2,
            5_000_000,
            step_size=1e-3,
            partition=E2_PARTITION,
            start=start,
            thin=10_000,
            seed=5000 + n,
        ).energy_pdf
        for n, start in enumerate(starts)
    ]
    for theta in thetas:
        assert distance(theta, np.mean(thetas, axis=0)) <= 0.02


def test_fine_cells_learn_as_fast_as_coarse_ones(mean, seeds):
    errors = {}
    for bins in (100, 100_000):
        partition = cc.EnergyPartition(E2_PARTITION.low, E2_PARTITION.high, bins)
        settings = {**cc.experiments.E2_BAOAB, "partition": partition}
        runs = cc.parallel.replicate(cc.contour_sgld, seeds, **settings)
        errors[bins] = mean([cc.metrics.mode_mass_error(run, E2) for run in runs])
    assert errors[100_000].value <= errors[100].value + 4 * errors[100].error
