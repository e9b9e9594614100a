"""Importance weights against quadrature on E1: the bias of the published ones, and its cure."""

from dataclasses import replace

import numpy as np
import pytest

import csgld_core as cc

E1 = cc.experiments.E1_CONTOUR


def first_coordinate(positions):
    return positions[:, 0]


def posterior_mean(run, weights):
    """The mean with the given kind of weights from the run's final theta, one for each chain."""
    scheme = replace(run.scheme, weights=weights)
    log_weights = cc.log_psi(
        run.energies[0], run.energy_pdf, run.partition, scheme, zeta=0.75, temperature=1.0
    ).log_weights
    return cc.importance.normalise(log_weights) @ run.positions[0, :, 0]


def test_our_scheme_has_no_bias_at_the_published_budget(mean, seeds):
    runs = cc.parallel.replicate(cc.contour_sgld, seeds[:10], **E1)
    errors = [run.mean()[0] for run in runs]  # the exact mean is 0
    assert np.abs(errors).mean() <= 0.08
    assert mean(errors).is_near(0.0)


@pytest.mark.parametrize(
    "settings", [E1, cc.experiments.E1_PUBLISHED], ids=["ours", "published gain and slopes"]
)
def test_bias_of_piecewise_weights_is_what_quadrature_predicts(mean, seeds, settings):
    settings = {**settings, "step_size": 0.02}  # quadrature knows no step size
    runs = cc.parallel.replicate(cc.contour_sgld, seeds[:10], **settings)
    found = mean([posterior_mean(r, "piecewise") - posterior_mean(r, "continuous") for r in runs])
    target, partition, scheme = (settings[key] for key in ("target", "partition", "scheme"))
    theta = cc.exact.contour_fixed_point(target, partition, scheme=scheme)
    piecewise, continuous = (
        cc.exact.contour_mean(
            first_coordinate, target, partition, theta, scheme=replace(scheme, weights=weights)
        )
        for weights in ("piecewise", "continuous")
    )
    assert abs(piecewise) > 10 * abs(continuous)
    assert found.is_near(piecewise - continuous)


def test_weights_invert_the_flattening_in_two_dimensions(mean, seeds):
    target = cc.targets.nine_modes()
    small = {"target": target, "steps": 2_000_000, "step_size": 0.025}
    small["scheme"] = cc.ContourScheme(slope="smooth")
    settings = {**cc.experiments.E2_BAOAB, **small}
    runs = cc.parallel.replicate(cc.contour_sgld, seeds[:8], **settings)
    truth = cc.exact.moments(target)
    assert mean([run.mean(target.energies) for run in runs]).is_near(truth.energy, bias=0.01)
    raw = mean([run.mean(target.energies, weighted=False) for run in runs])
    assert raw.value > truth.energy + 1.0
