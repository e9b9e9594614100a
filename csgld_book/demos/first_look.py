"""One particle in a double well."""

import numpy as np

from csgld_core import exact, metrics, sgld
from csgld_core.targets import gaussian_mixture

from .. import controls, plotting

_LENGTHS = [500, 2_000, 10_000, 50_000, 200_000, 1_000_000]
_STEP_SIZE = 0.02


def _double_well():
    """0.35 N(-1.6, 0.6^2) + 0.65 N(1.6, 0.6^2): two wells, the right one with more mass."""
    covariances = np.full((2, 1, 1), 0.36)
    return gaussian_mixture([0.35, 0.65], [[-1.6], [1.6]], covariances, name="double well")


def _first_look(temperature, steps, seed):
    target = _double_well()
    run = sgld(
        target,
        steps,
        step_size=_STEP_SIZE,
        temperature=temperature,
        start=[1.6],
        seed=seed,
        thin=max(1, steps // 2000),
    )
    fig, (left, middle, right) = plotting.figure(10.0, 3.0, 1, 3)
    x = np.linspace(-4.5, 4.5, 401)
    left.plot(x, target.energies(x[:, None]), color=plotting.COLOURS["truth"])
    style = {"color": plotting.COLOURS["SGLD"], "marker": "o", "linestyle": "none", "alpha": 0.3}
    shown = slice(None, None, max(1, run.draws // 300))
    left.plot(run.positions[0, shown, 0], run.exact_energies[0, shown], markersize=4, **style)
    left.set(xlabel="position x", ylabel="energy U(x)", title="the particle in its energy")
    left.set(xlim=(-4, 4), ylim=(0, 10))
    plotting.trace(middle, run, "SGLD")
    middle.set(title="its path", ylim=(-5, 5))
    plotting.density(right, target, {"SGLD": run}, temperature)
    right.set_title("how often it was where")
    right.set_ylim(0, 1.4 * right.get_ylim()[1])
    found = metrics.mode_masses(run, target)[0]
    truth = exact.mode_masses(target, temperature)[0]
    return fig, (
        f"{run.gradient_evaluations:,} gradients; share of the draws in the left well "
        f"{found:.3f}, exact {truth:.3f}, error {abs(found - truth):.3f}"
    )


@controls.demo
def first_look():
    """One particle in a double well: Langevin dynamics for the first time."""
    sliders = {
        "temperature": controls.number(
            "temperature τ", "how hard the particle is shaken (energy)", 1.0, 0.2, 4.0, 0.1
        ),
        "steps": controls.amount("steps", "moves, one gradient each", _LENGTHS, 10_000),
        "seed": controls.seed(),
    }
    return _first_look, sliders, "one particle in a double well"
