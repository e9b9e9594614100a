"""What flattening does to the barrier between two wells."""

import numpy as np

from csgld_core import ContourScheme, EnergyPartition, exact, log_psi
from csgld_core.scheme import SLOPES
from csgld_core.targets import two_modes

from .. import controls, plotting

_CELLS = [2, 3, 5, 10, 15, 20, 25, 30, 40, 50, 75, 100, 150, 200, 300, 400]
_CLIPS = {"-1.3 to 0.3": (-1.3, 0.3), "none": None, "-0.5 to 0.5": (-0.5, 0.5)}
_X = np.linspace(-14.0, 12.0, 2601)


def _largest_rises(energies):
    """The largest rise on the way through `energies`, forwards and backwards."""
    return [(path - np.minimum.accumulate(path)).max() for path in (energies, energies[::-1])]


def _energy_pdf(zeta, cells, low, high, slope, clip, temperature):
    target, partition = two_modes(), EnergyPartition(low, high, cells)
    scheme = ContourScheme(slope=slope, clip=_CLIPS[clip])
    theta = exact.energy_pdf(target, partition, temperature)
    original = target.energies(_X[:, None])
    contours = log_psi(original, theta, partition, scheme, zeta=zeta, temperature=temperature)
    flattened = original + zeta * temperature * contours.values
    first, last = np.searchsorted(_X, target.modes[:, 0])
    between = slice(first, last + 1)
    flattened -= flattened[between].min()

    fig, (left, middle, right) = plotting.figure(9.5, 3.2, 1, 3, width_ratios=[5, 5, 3])
    energies = {"original": original - original.min(), "flattened": flattened}
    densities = {name: np.exp(-energy / temperature) for name, energy in energies.items()}
    densities = {name: p / (p.sum() * (_X[1] - _X[0])) for name, p in densities.items()}
    highest = max(0.3, 1.25 * densities["original"].max())
    plotting.stages(left, _X, energies, ylabel="energy above the lowest", ylim=(-0.5, 20))
    plotting.stages(middle, _X, densities, ylabel="density", ylim=(0, highest))
    used = theta > 0
    right.stairs(np.log10(np.where(used, theta, 1e-24)), partition.edges, color="black")
    u = np.linspace(0.0, 22.0, 1101)
    values = log_psi(u, theta, partition, scheme, zeta=zeta, temperature=temperature).values
    flat = plotting.STAGES["flattened"]
    right.plot(u, values / np.log(10.0), color=flat["color"], linestyle=flat["linestyle"])
    right.set(xlabel="energy u", ylabel="log10 θ (steps), log10 Ψ", xlim=(0, 22), ylim=(-11, 0.5))
    before, after = (_largest_rises(energy[between]) for energy in (original, flattened))
    return fig, (
        "no gradients: quadrature; barrier from the left and the right well: "
        f"{before[0]:.2f} and {before[1]:.2f} before, {after[0]:.2f} and {after[1]:.2f} after "
        f"flattening, {before[0] / after[0]:.1f} and {before[1] / after[1]:.1f} times smaller; "
        f"multipliers from {contours.multipliers(zeta, temperature)[between].min():.2f} to "
        f"{contours.multipliers(zeta, temperature)[between].max():.2f}; θ of the first cell: "
        f"{theta[0]:.3g}"
    )


@controls.demo
def energy_pdf():
    """The energy PDF, the flattened energy and its barriers, all exact."""
    sliders = {
        "zeta": controls.number(
            "flattening ζ", "0 is the original energy, 1 flat in energy", 0.75, 0.0, 1.0, 0.05
        ),
        "cells": controls.amount("cells m", "number of cells of the partition", _CELLS, 50),
        "low": controls.number(
            "partition from", "lower end of the first cell (energy)", 1.0, 0.0, 5.0, 0.1
        ),
        "high": controls.number(
            "partition to", "upper end of the last cell (energy)", 51.0, 6.0, 51.0, 0.5
        ),
        "slope": controls.choice(
            "slope", "where in its cell log θ is pinned", sorted(SLOPES, key="centred".__ne__)
        ),
        "clip": controls.choice(
            "limits of slope", "bounds of ζ τ d log Ψ / du (multiplier less 1)", list(_CLIPS)
        ),
        "temperature": controls.number("temperature τ", "of the target (energy)", 1.0, 0.5, 4, 0.1),
    }
    return _energy_pdf, sliders, "the energy PDF and the flattened energy"
