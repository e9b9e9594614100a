"""From the flattened density back to the original one, by weights and by resampling."""

import numpy as np

from csgld_core import ContourScheme, EnergyPartition, contour_sgld, exact, log_psi, metrics
from csgld_core.scheme import SLOPES, WEIGHTS
from csgld_core.targets import two_modes

from .. import controls, plotting

_CELLS = [5, 10, 15, 20, 25, 30, 40, 50, 75, 100, 200]
_LENGTHS = [10_000, 30_000, 100_000, 300_000, 500_000, 1_000_000]
_X = np.linspace(-14.0, 12.0, 1301)


def _densities(target, run, zeta):
    """The exact original density, and the one that the learned theta flattens it to, on _X."""
    energies = target.energies(_X[:, None])
    learned = log_psi(
        energies, run.energy_pdf, run.partition, run.scheme, zeta=zeta, temperature=1.0
    )
    heights = {"original": -energies, "flattened": -energies - zeta * learned.values}
    heights = {stage: np.exp(log - log.max()) for stage, log in heights.items()}
    return {stage: p / (p.sum() * (_X[1] - _X[0])) for stage, p in heights.items()}


def _reweighting(zeta, cells, slope, weights, steps, step_size, seed):
    target = two_modes(noise=0.1)
    run = contour_sgld(
        target,
        steps,
        step_size=step_size,
        zeta=zeta,
        partition=EnergyPartition(1.0, 51.0, cells),
        scheme=ContourScheme(slope=slope, weights=weights),
        start=[4.0],
        thin=max(1, steps // 20_000),
        seed=seed,
    )
    x, resampled = run.positions[0, :, 0], run.resample(run.draws, seed)[:, 0]
    equal = np.ones(run.draws)
    lines = _densities(target, run, zeta)
    fig, axes = plotting.figure(9.5, 3.0, 1, 3, sharey=True)
    for ax, line, stage, draws in (
        (axes[0], "flattened", "flattened", (x, equal)),
        (axes[1], "original", "reweighted", (x, run.weights()[0])),
        (axes[2], "original", "resampled", (resampled, equal)),
    ):
        plotting.stages(ax, _X, {line: lines[line]}, {stage: draws}, ylim=(0, 0.3))
    axes[0].set_ylabel("density")
    truth = exact.moments(target).mean[0]
    errors = [found - truth for found in (x.mean(), run.mean()[0], resampled.mean())]
    distances = [metrics.total_variation(run, target, weighted=w) for w in (False, True)]
    return fig, (
        f"{run.gradient_evaluations:,} gradients; effective sample size "
        f"{run.effective_sample_size() / run.draws:.1%} of the draws; exact error of the mean: "
        f"raw {errors[0]:+.3f}, weighted {errors[1]:+.3f}, resampled {errors[2]:+.3f}; "
        f"of the histogram: raw {distances[0]:.3f}, weighted {distances[1]:.3f}; "
        f"crossings between kept draws: {metrics.transitions(run, target)}"
    )


@controls.demo
def reweighting():
    """Contour SGLD on two modes: raw, weighted and resampled draws against the exact densities."""
    sliders = {
        "zeta": controls.number(
            "flattening ζ", "0 samples the target, 1 is flat in energy", 0.75, 0.0, 1.25, 0.05
        ),
        "cells": controls.amount(
            "cells m", "number of cells of the partition from 1 to 51", _CELLS, 50
        ),
        "slope": controls.choice(
            "slope", "where in its cell log θ is pinned", sorted(SLOPES, key="centred".__ne__)
        ),
        "weights": controls.choice(
            "weights", "Ψ^ζ (continuous) or θ_J^ζ (piecewise)", list(WEIGHTS)
        ),
        "steps": controls.amount("steps", "moves, one gradient each", _LENGTHS, 500_000),
        "step_size": controls.power("step size ε", "time a step advances", 0.1, -3, -0.3),
        "seed": controls.seed(),
    }
    return _reweighting, sliders, "flattened, reweighted and resampled"
