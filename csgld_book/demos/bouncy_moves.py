"""A path of contour SGLD on nine modes, coloured by the sign of its learning rate."""

import functools

from csgld_core import ContourScheme, EnergyPartition, contour_sgld, experiments, metrics
from csgld_core.results.diagnostics import bouncy_fraction
from csgld_core.scheme import SLOPES
from csgld_core.targets import nine_modes

from .. import controls, paths, plotting

_BUDGETS = [5_000, 20_000, 50_000, 100_000, 200_000, 400_000]
_LENGTHS = [100, 200, 500, 1_000, 2_000, 4_000]
_CELLS = [10, 25, 50, 100, 200, 400]
_CLIPS = [
    ("none", ()),
    ("-1.3 to 0.3 (ours)", (-1.3, 0.3)),
    ("-1 to 0.3: no bouncing", (-1.0, 0.3)),
    ("-0.5 to 0.3: damping only", (-0.5, 0.3)),
]
_landscape = functools.cache(lambda: paths.Landscape(nine_modes()))


def _bouncy_moves(
    zeta, step_size, noise, slope, clip, walls, cells, steps, begins, length, seed
):  # fmt: skip
    published = experiments.E2_PUBLISHED
    whole = published["partition"]
    settings = {
        **published,
        "target": nine_modes(noise=noise),
        "zeta": zeta,
        "step_size": step_size,
        "walls": walls,
        "partition": EnergyPartition(whole.low, whole.high, cells),
        "scheme": ContourScheme.published(
            slope=slope, clip=clip or None, weights="continuous", weights_from="final"
        ),
        "seed": seed,
    }
    run = contour_sgld(**{**settings, "steps": steps})
    first = min(begins * steps // 100, steps - length)
    part = {"steps": first + length, "burn_in": first, "thin": 1}
    shown = contour_sgld(**{**settings, **part})  # the same path: the seed is the same
    fig, (left, right) = plotting.figure(8.6, 4.2, 1, 2, width_ratios=[1, 1.1])
    fig.set_layout_engine(None)  # its search takes longer than the drawing
    fig.subplots_adjust(left=0.01, right=0.985, bottom=0.13, top=0.92, wspace=0.17)
    theta = shown.energy_pdf
    _landscape().draw(left, theta, settings)
    paths.path(left, shown.positions[0], shown.multipliers[0])
    left.set_title(f"moves {first:,} to {first + length:,}")
    paths.against_energy(right, shown.energies[0], shown.multipliers[0], theta, settings)
    right.set_title("multiplier of each move, and its curve at the end")
    target = settings["target"]
    return fig, (
        f"{run.gradient_evaluations:,} gradients; bouncy moves: {bouncy_fraction(run):.1%} of all, "
        f"{bouncy_fraction(shown):.1%} of those shown; modes met: {metrics.modes_met(run, target)} "
        f"of {len(target.modes)}; exact error of the mode masses: "
        f"{metrics.mode_mass_error(run, target):.3f}; moves that a wall refused: "
        f"{run.rejected / steps:.1%}"
    )


@controls.demo
def bouncy_moves():
    """Contour SGLD on nine modes: where is the learning rate negative?"""
    sliders = {
        "zeta": controls.number(
            "flattening ζ", "0 is SGLD, 1 flat in energy", 0.75, 0.0, 1.0, 0.05
        ),
        "step_size": controls.power("step size ε", "time a step advances", 1e-3, -4, -1.5),
        "noise": controls.number(
            "noise σ", "on the energy and each gradient component", 0.32, 0.0, 2.0, 0.02
        ),
        "slope": controls.choice(
            "slope",
            "difference of log θ between cells",
            ["backward", *sorted(set(SLOPES) - {"backward"})],
        ),
        "clip": controls.choice("limits of ζτ · slope", "the multiplier is 1 more", _CLIPS),
        "walls": controls.choice(
            "walls", "a move out of the box is refused, or reflected", ["reject", "reflect"]
        ),
        "cells": controls.amount("cells m", "of the energy partition", _CELLS, 100),
        "steps": controls.amount("steps", "moves, one gradient each", _BUDGETS, 200_000),
        "begins": controls.whole(
            "path begins at", "first move shown, in percent of the run", 50, 0, 100
        ),
        "length": controls.amount("path length", "number of moves shown", _LENGTHS, 1_000),
        "seed": controls.seed(),
    }
    return _bouncy_moves, sliders, "a path of contour SGLD on nine modes"
