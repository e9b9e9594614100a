"""Theta learned on the fly, with a time scrubber."""

from dataclasses import replace

import numpy as np

from csgld_core import ContourScheme, EnergyPartition, diagnostics, exact
from csgld_core import contour_sgld as sample
from csgld_core.results.weights import total_variation
from csgld_core.targets import two_modes

from .. import controls, plotting

_LENGTHS = [10_000, 30_000, 100_000, 300_000, 1_000_000]
_LOW, _HIGH = 1.0, 21.0  # energies
_DRAWS = 10_000
_START = 4.0  # the right well
_SMALLEST = 1e-11  # that is drawn


def _picture(run, theta, truth, until):
    """Theta against theta*, the energy against steps, and the energies visited so far."""
    partition, energies = run.partition, run.energies[0, :until]
    fig, (left, middle, right) = plotting.figure(10.0, 3.2, 1, 3, width_ratios=[4, 5, 2])
    fig.set_layout_engine(None)  # a layout by hand is drawn twice as fast
    fig.subplots_adjust(0.04, 0.16, 0.99, 0.9, wspace=0.12)
    look = plotting.look("CSGLD") | {"markersize": 4, "linewidth": 1}
    theta, truth = (np.log10(np.maximum(values, _SMALLEST)) for values in (theta, truth))
    left.stairs(truth, partition.edges, color="k", label="θ* (exact)", baseline=None)
    left.plot(partition.centres, theta, label="θ", **look)
    left.set(xlim=(_LOW, _HIGH), ylim=(-11, 0.5), yticks=[-9, -6, -3, 0])
    left.set(xlabel="energy u", title="log10 of the energy PDF")
    left.legend(frameon=False)

    every = max(1, until // 1000)
    thousands = run.steps / 1000
    middle.plot(thousands[:until:every], energies[::every], color=look["color"], linewidth=0.5)
    middle.axvline(thousands[until - 1], color="k", linewidth=1, linestyle=":")
    middle.set(xlim=(0, thousands[-1]), xlabel="thousand steps", title="energy u of the chain")

    visits = np.bincount(partition.index(energies), minlength=partition.bins) / until
    fill = {"color": look["color"], "alpha": 0.6, "fill": True, "orientation": "horizontal"}
    right.stairs(visits * partition.bins, partition.edges, **fill)
    right.axvline(1.0, color="k", linestyle="--", linewidth=1)
    right.set(xlim=(0, 6), xlabel="visits, flat = 1", title="energies visited")
    for ax in (middle, right):
        ax.set(ylim=(_LOW, _HIGH), yticks=[5, 10, 15, 20])
    right.tick_params(labelleft=False)  # the same axis as the middle's
    return fig


def _contour_sgld(steps, shown, zeta, step_size, cells, cap, scale, noise, seed):
    target = two_modes(noise=noise)
    partition = EnergyPartition(_LOW, _HIGH, cells)
    run = sample(
        target,
        steps,
        step_size=step_size,
        zeta=zeta,
        partition=partition,
        scheme=ContourScheme(gain_schedule=(cap, scale, 1.0, 0.0)),
        start=[_START],
        seed=seed,
        thin=steps // _DRAWS,
    )
    snapshots = len(run.history_steps)
    theta = run.energy_pdf_history[max(1, round(shown * snapshots)) - 1]
    until = round(shown * run.draws)
    so_far = replace(run, energies=run.energies[:, :until], exact_energies=None)
    truth = exact.energy_pdf(target, partition)
    error = total_variation(theta, truth)
    return _picture(run, theta, truth, until), (
        f"{run.steps[until - 1] + 1:,} gradients shown, of {run.gradient_evaluations:,}; flatness "
        f"{diagnostics.flatness(so_far):.2f} (1 is flat); energy round trips: "
        f"{diagnostics.energy_round_trips(so_far)[0]}; total variation between θ and the exact "
        f"θ*: {error:.3f}"
    )


@controls.demo
def contour_sgld():
    """Contour SGLD on E1: theta, the energy and the energies visited, up to any time of the run."""
    sliders = {
        "shown": controls.power("shown", "part of the run that is drawn", 1.0, -2.3, 0),
        "steps": controls.amount("steps", "moves, one gradient each", _LENGTHS, 1_000_000),
        "zeta": controls.number(
            "flattening ζ", "0 is SGLD, 1 flat in energy", 0.75, 0.0, 1.0, 0.05
        ),
        "step_size": controls.power("step size ε", "time a step advances", 0.1, -3, -0.5),
        "cells": controls.whole("cells m", "of the energies from 1 to 21", 20, 4, 100),
        "cap": controls.power("cap of ω", "largest share that a visit is worth", 0.05, -4, -0.1),
        "scale": controls.power("scale of ω", "ω is min(cap, scale / step)", 30.0, 0, 4),
        "noise": controls.number(
            "noise σ", "standard deviation on the energy and the gradient", 0.0, 0.0, 2.0, 0.05
        ),
        "seed": controls.seed(),
    }
    return _contour_sgld, sliders, "theta learned on the fly"
