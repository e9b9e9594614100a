"""SGLD between two wells."""

import numpy as np

from csgld_core import exact, metrics, sgld
from csgld_core.targets import gaussian_mixture

from .. import controls, plotting

_LENGTHS = [1_000, 10_000, 100_000, 300_000, 1_000_000, 2_000_000]


def _local_traps(temperature, step_size, noise, separation, steps, integrator, seed):
    half = separation / 2
    target = gaussian_mixture(
        [0.4, 0.6], [[-half], [half]], np.ones((2, 1, 1)), noise=noise, name="two wells"
    )
    run = sgld(
        target,
        steps,
        step_size=step_size,
        temperature=temperature,
        integrator=integrator,
        start=[half],
        seed=seed,
        thin=max(1, steps // 5000),
    )
    fig = plotting.path_and_density(target, run, "SGLD", temperature)
    if temperature != 1.0:
        x = np.linspace(*fig.axes[1].get_xlim(), 400)
        wanted = np.exp(-target.energies(x[:, None]))
        fig.axes[1].plot(x, wanted, "k:", linewidth=1, label="truth at τ = 1")
        fig.axes[1].legend(frameon=False)
    mass = metrics.mode_masses(run, target)[1]
    truth = exact.mode_masses(target, temperature)[1]
    return fig, (
        f"{run.gradient_evaluations:,} gradients; crossings between kept draws: "
        f"{metrics.transitions(run, target)}; mass of the right well: {mass:.3f}, "
        f"exact {truth:.3f}, error {abs(mass - truth):.3f}"
    )


@controls.demo
def local_traps():
    """SGLD between two wells: does it cross?"""
    sliders = {
        "temperature": controls.number(
            "temperature τ", "height of barriers that heat can climb (energy)", 1.0, 0.5, 8.0, 0.1
        ),
        "step_size": controls.power("step size ε", "time a step advances", 0.1, -3, 0),
        "noise": controls.number(
            "gradient noise σ", "standard deviation on each gradient component", 0.1, 0.0, 5.0, 0.1
        ),
        "separation": controls.number(
            "distance of wells", "distance of the means", 10.0, 2.0, 12.0, 0.5
        ),
        "steps": controls.amount("steps", "moves, one gradient each", _LENGTHS, 1_000_000),
        "integrator": controls.integrator(),
        "seed": controls.seed(),
    }
    return _local_traps, sliders, "SGLD between two wells"
