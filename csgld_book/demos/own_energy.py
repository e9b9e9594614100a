"""Contour SGLD on any target: choose the partition, and see it go wrong."""

import functools

import numpy as np

from csgld_core import EnergyPartition, contour_sgld, metrics
from csgld_core.targets import nine_modes

from .. import controls, plotting

_LENGTHS = [10_000, 50_000, 100_000, 200_000, 400_000]
_LOOKS = {
    "visited": {"color": plotting.COLOURS["CSGLD"], "linestyle": "-"},
    "weighted": {"color": plotting.COLOURS["reSGLD"], "linestyle": "--"},
}
_CELLS = [2, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 10_000]


def _map(ax, target, run):
    """Weighted draws of the first two coordinates over contour lines of the energy."""
    x, y = run.positions[0, :, 0], run.positions[0, :, 1]
    box = target.box
    if box is None:
        box = np.quantile(run.positions[0], [0.001, 0.999], axis=0)
    edges = [np.linspace(*side, 61) for side in box.T[:2]]
    found = np.histogram2d(x, y, edges, weights=run.weights()[0])[0]
    with np.errstate(divide="ignore"):
        shade = np.log10(found.T / found.max())
    image = ax.pcolormesh(*edges, shade, vmin=-4, vmax=0, cmap="cividis", rasterized=True)
    if target.dim == 2:
        grid = np.stack(np.meshgrid(*edges), axis=-1)
        levels = np.linspace(run.energies.min(), np.quantile(run.energies, 0.999), 9)[1:]
        energies = target.energies(grid.reshape(-1, 2)).reshape(grid.shape[:2])
        ax.contour(*edges, energies, levels, colors="0.35", linewidths=0.5)
    ax.figure.colorbar(image, ax=ax, label="log10 of weighted draws")
    ax.set(xlabel="x[0]", ylabel="x[1]", title="where it went, weighted")


def _line(ax, run):
    """Raw and weighted histogram of the first coordinate."""
    x = run.positions[0, :, 0]
    for (name, look), weights in zip(_LOOKS.items(), (None, run.weights()[0]), strict=True):
        ax.hist(x, 100, weights=weights, density=True, histtype="step", label=name, **look)
    ax.set(xlabel="x[0]", ylabel="density", title="where it went")
    ax.legend()


def _energies(ax, run, partition):
    """Energies met, raw and weighted, with the partition."""
    met = run.energies[0]
    edges = np.linspace(
        min(met.min(), partition.low), max(np.quantile(met, 0.999), partition.high), 121
    )
    weights = (np.full(met.size, 1 / met.size), run.weights()[0])
    for (name, look), weight in zip(_LOOKS.items(), weights, strict=True):
        share = np.histogram(met, edges, weights=weight)[0]
        ax.stairs(np.maximum(share, 1e-7), edges, label=name, **look)
    ax.axvspan(partition.low, partition.high, color="0.9", zorder=0, label="partition")
    ax.set(
        xlabel="energy", ylabel="share of draws", yscale="log", ylim=(1e-6, 1.5), title="energies"
    )
    ax.legend(loc="upper right", fontsize=8)


def _own_energy(target, temperature, friction, low, high, cells, zeta, step_size, steps, seed):
    partition = EnergyPartition(low, high, cells)
    run = contour_sgld(
        target,
        steps,
        partition=partition,
        zeta=zeta,
        step_size=step_size,
        friction=friction,
        integrator="baoab",
        temperature=temperature,
        thin=max(1, steps // 20_000),
        seed=seed,
    )
    fig, (left, right) = plotting.figure(9.0, 3.4, 1, 2)
    fig.set_layout_engine(None)  # a layout by hand is drawn twice as fast
    fig.subplots_adjust(0.075, 0.15, 0.99, 0.91, wspace=0.3)
    (_map(left, target, run) if target.dim > 1 else _line(left, run))
    _energies(right, run, partition)
    known = target.modes is not None and target.box is not None and target.dim <= 2
    error = f"exact error of the mode masses {metrics.mode_mass_error(run, target):.3f}; "
    return fig, (
        f"{run.gradient_evaluations:,} gradients; {error if known else ''}"
        f"moves outside the partition {run.clamped / steps:.1%}; effective sample size of the "
        f"weights {run.effective_sample_size():,.0f} of {run.draws:,} draws"
    )


@controls.demo
def own_energy(target=None, temperature=1.0):
    """Contour SGLD on a target of your own, with its partition under sliders.

    A pilot's choice is where the sliders start.

    Parameters
    ----------
    target : Target or None
        None is E2, nine modes, without noise.
    temperature : float
        tau, in units of energy.
    """
    target = nine_modes() if target is None else target
    settings = {"temperature": temperature, "integrator": "baoab", "seed": 0, "thin": 100}
    chosen = contour_sgld(target, 10_000, **settings).settings
    found = EnergyPartition(**chosen["partition"])
    width, h = found.high - found.low, chosen["step_size"]
    step = float(f"{width / 200:.1g}")
    # Edges and ends lie on one grid, to which a page would round them.
    low, high, width = (step * round(value / step) for value in (found.low, found.high, width))
    sliders = {
        "low": controls.number(
            "lowest edge", "where the partition begins (energy)", low, low - width, high, step
        ),
        "high": controls.number(
            "highest edge", "where the partition ends (energy)", high, low, high + 2 * width, step
        ),
        "cells": controls.amount(
            "cells m",
            "number of cells of the partition",
            sorted({*_CELLS, found.bins}),
            found.bins,
        ),
        "zeta": controls.number(
            "flattening ζ", "0 is SGLD, 1 flat in energy", 0.75, 0.0, 1.0, 0.05
        ),
        "step_size": controls.power(
            "step size h", "time a step advances", h, np.log10(h) - 1.5, np.log10(h) + 0.5
        ),
        "steps": controls.amount("steps", "moves, one gradient each", _LENGTHS, 200_000),
        "seed": controls.seed(),
    }
    compute = functools.partial(_own_energy, target, temperature, chosen["friction"])
    return compute, sliders, f"contour SGLD on {target.name}"
