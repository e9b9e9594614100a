"""The comparison on E2, on fresh seeds, and traps of the published code."""

import warnings

import numpy as np
import pytest

import csgld_core as cc
from csgld_core import experiments, metrics

E2 = cc.targets.nine_modes()


def replicate(settings, seeds, sampler=cc.contour_sgld, **changes):
    return cc.parallel.replicate(sampler, seeds, **{**settings, **changes})


def errors(runs, **kwargs):
    return [metrics.total_variation(run, E2, **kwargs) for run in runs]


def test_published_settings(seeds):
    runs = replicate(experiments.E2_PUBLISHED, seeds)
    assert all(metrics.modes_met(run, E2) == 9 for run in runs)
    raw, weighted = errors(runs, weighted=False), errors(runs)
    assert np.mean(weighted) <= 0.6 * np.mean(raw)


def test_rivals_that_stay_behind(mean, seeds):
    csgld = np.array(errors(replicate(experiments.E2_PUBLISHED, seeds)))
    for name in ("SGLD", "cycSGLD"):
        sampler, settings = experiments.E2_RACE[name]
        runs = replicate(settings, seeds, sampler)
        gap = mean(np.array(errors(runs)) - csgld)
        assert gap.value > 4 * gap.error
        assert np.mean([metrics.modes_met(run, E2) == 9 for run in runs]) <= 0.25


def test_equal_gradients():
    spent = {
        name: sampler(**settings, seed=5000).gradient_evaluations
        for name, (sampler, settings) in {
            **experiments.E2_RACE,
            **experiments.E2_RACE_TUNED,
        }.items()
    }
    # Replica exchange evaluates two starting points, the others one.
    assert max(spent.values()) - min(spent.values()) <= 1


def test_underdamped_contours(seeds):
    runs = replicate(experiments.E2_BAOAB, seeds)
    assert np.mean([metrics.mode_mass_error(run, E2) for run in runs]) <= 0.04
    assert np.mean([metrics.gradients_to_all_modes(run, E2) for run in runs]) <= 5_000


def test_unclipped_slopes_spoil_underdamped_contours(seeds):
    scheme = cc.ContourScheme(clip=None)
    runs = replicate(experiments.E2_BAOAB, seeds[:5], scheme=scheme)
    assert np.mean([metrics.mode_mass_error(run, E2) for run in runs]) > 0.2


def test_unvisited_cells_explode_and_clipping_helps(mean, seeds):
    # An empty cell below the minimum of E1.
    settings = {
        **experiments.E1_PUBLISHED,
        "partition": cc.EnergyPartition(0.0, 50.0, 50),
        "steps": 1_000_000,
    }
    target = settings["target"]
    wild = replicate(settings, seeds[:6])
    assert max(run.multipliers.max() for run in wild) > 20
    off = mean([metrics.mode_masses(run, target)[0] for run in wild])
    assert not off.is_near(0.4, errors=10.0)
    tame = replicate(settings, seeds[:6], scheme=cc.ContourScheme())
    assert max(run.multipliers.max() for run in tame) <= 1.3 + 1e-9
    assert min(run.multipliers.min() for run in tame) >= -0.3 - 1e-9
    assert mean([metrics.mode_masses(run, target)[0] for run in tame]).is_near(0.4, bias=0.02)


def test_a_runaway_is_reported(seeds):
    settings = {
        **experiments.E1_PUBLISHED,
        "partition": cc.EnergyPartition(1.0, 51.0, 500),
        "steps": 2_000_000,
    }
    with pytest.raises(cc.DivergenceError, match=r"diverged at step \d+.*multiplier") as caught:
        cc.contour_sgld(**settings, seed=seeds[0])
    assert caught.value.step > 0
    assert abs(caught.value.multiplier) > 10
    assert np.abs(caught.value.position).max() > 20


def test_minimum_outside_the_partition_is_told(seeds):
    partition = cc.EnergyPartition(-5.0, 17.0, 88)
    with pytest.warns(UserWarning, match="outside the partition"):
        run = cc.contour_sgld(**{**experiments.E2_BAOAB, "partition": partition}, seed=seeds[0])
    assert run.clamped > 0.01 * run.gradient_evaluations


def test_empty_low_cells_are_harmless(seeds):
    partition = cc.EnergyPartition(-20.0, 17.5, 150)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        runs = replicate(experiments.E2_BAOAB, seeds, partition=partition)
    assert np.mean([metrics.mode_mass_error(run, E2) for run in runs]) <= 0.05


@pytest.mark.filterwarnings("ignore:.*were rejected")  # which is part of the trap
def test_forward_slopes_without_noise_are_trapped_in_a_corner(mean, seeds):
    def high(noise, slope):
        runs = replicate(
            experiments.E2_PUBLISHED,
            seeds,
            target=cc.targets.nine_modes(noise=noise),
            scheme=cc.ContourScheme.published(slope=slope),
        )
        return mean([(run.exact_energies > 8.0).mean() for run in runs])

    trapped = high(0.0, "forward")
    for free in (high(0.32, "forward"), high(0.0, "backward")):
        assert trapped.value - free.value > 3 * np.hypot(trapped.error, free.error)
        assert trapped.value > 5 * free.value


def test_noise_heats_inside_the_modes(mean, seeds):
    target = cc.targets.nine_modes(noise=8.0)
    partition = cc.EnergyPartition(-45.0, 55.0, 200)
    runs = replicate(experiments.E2_BAOAB, seeds[:8], target=target, partition=partition)
    energy = mean([run.mean(E2.energies) for run in runs])
    assert energy.value > cc.exact.moments(E2).energy + 0.5
    masses = np.mean([metrics.mode_mass_error(run, E2) for run in runs])
    assert np.mean(errors(runs)) > 2 * masses


def test_many_cells_do_not_overflow():
    # 65 536 cells overflow 32 bits elsewhere.
    partition = cc.EnergyPartition(-7.7, 17.4, 1_000_000)
    run = cc.contour_sgld(
        **{**experiments.E2_BAOAB, "partition": partition, "steps": 20_000}, seed=5000
    )
    assert run.energy_pdf.shape == (1_000_000,)
    assert metrics.modes_met(run, E2) == 9


def test_exact_energies_need_small_smooth_steps(mean, seeds):
    # Slopes that jump bias underdamped dynamics; energy noise smooths them, see E2_BAOAB.
    truth = cc.exact.moments(E2).energy

    def error(**changes):
        runs = replicate(experiments.E2_BAOAB, seeds[:8], target=E2, steps=1_000_000, **changes)
        return abs(mean([run.mean(E2.energies) for run in runs]).value - truth)

    smooth = cc.ContourScheme(slope="smooth")
    assert error() > 4 * error(step_size=0.025, scheme=smooth)
