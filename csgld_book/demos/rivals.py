"""Cyclical and replica exchange SGLD side by side on the nine modes of E2."""

import functools
from dataclasses import replace

import numpy as np

from csgld_core import cyclical_sgld, exact, experiments, metrics, replica_exchange_sgld
from csgld_core.kernels.loop import SWAPS, Strategy
from csgld_core.samplers.common import Job, check_common, run_job
from csgld_core.targets import nine_modes

from .. import controls, plotting

_BUDGETS = [5_000, 10_000, 20_000, 50_000, 100_000, 200_000]
_START = (2.0, 2.0)
_WINDOW = 2_000, 2_300  # steps of replica exchange whose energies are shown
_SHOWN = 1_500  # points of the path of cycSGLD
_LEGEND = {"frameon": False, "borderpad": 0, "handletextpad": 0.4}


def _two_replicas(target, step_size, heat, swap_rate, variance, seed):
    """Both walkers of replica exchange in the window: its Run keeps the cold one only."""
    first, last = _WINDOW
    common = {"chains": 2, "start": _START, "burn_in": first, "seed": seed, "workers": 1}
    steps, common = check_common(target, last, common)
    job = Job(
        sampler="replicas",
        target=target,
        steps=steps,
        common=common,
        own={},
        strategy=Strategy(SWAPS, target.noise, swap_rate=swap_rate, swap_variance=variance),
        step_sizes=[step_size, step_size],
        temperatures=[1.0, heat],
        shared=True,
    )
    return run_job(job)


def _exchanged(positions, heat):
    """Moves (n - 1,) after which the two walkers (2, n, dim) most likely swapped places."""
    cold, hot = positions

    def length(after, before, temperature):
        return ((after[1:] - before[:-1]) ** 2).sum(axis=1) / temperature

    stayed = length(cold, cold, 1.0) + length(hot, hot, heat)
    return length(cold, hot, heat) + length(hot, cold, 1.0) < stayed


def _kept(path, kept):
    """The run without the draws (draws,) that are not kept."""
    if not kept.any():
        raise ValueError("sampling fraction must be large enough to keep a draw of so short cycles")
    cut = {
        name: getattr(path, name)[:, kept]
        for name in ("positions", "energies", "exact_energies", "multipliers", "log_weights")
    }
    return replace(path, steps=path.steps[kept], **cut)


@functools.cache
def _exact_energy():
    return exact.moments(nine_modes()).energy


def _draw_cycles(size_axis, path_axis, path, kept, peak, cycle, budget):
    size = 0.5 * peak * (np.cos(np.pi * ((path.steps - 1) % cycle) / cycle) + 1)
    every = max(1, path.draws // _SHOWN)
    x = path.positions[0, ::every, 0]
    for axis, values in ((size_axis, size[::every]), (path_axis, x)):
        for chosen, marker, colour, label in (
            (~kept, ".", "0.65", "exploring"),
            (kept, "o", plotting.COLOURS["cycSGLD"], "kept"),
        ):
            shown = chosen[::every]
            style = {"color": colour, "markersize": 2, "label": label}
            axis.plot(path.steps[::every][shown] / 1000, values[shown], marker, **style)
        axis.set_xlim(0, budget / 1000)
        axis.locator_params(nbins=5)
    size_axis.set(ylabel="step size ε", title="cycSGLD", xticklabels=[])
    size_axis.set_ylim(0, 1.35 * peak)
    size_axis.legend(loc="upper right", ncols=2, markerscale=3, **_LEGEND)
    path_axis.set(ylabel="position x₁", xlabel="gradients (thousands)", ylim=(-2.5, 2.5))


def _draw_replicas(axis, both, heat):
    swaps = both.steps[1:][_exchanged(both.positions, heat)]
    highest = both.exact_energies.max()
    for energies, style, colour, label in (
        (both.exact_energies[0], "-", plotting.COLOURS["reSGLD"], "cold"),
        (both.exact_energies[1], "--", plotting.COLOURS["SGLD"], "hot"),
    ):
        axis.plot(both.steps, energies, style, color=colour, linewidth=0.9, label=label)
    axis.plot(swaps, np.full(swaps.size, highest + 1), "k|", markersize=7, label="swap")
    axis.set(
        ylabel="energy U",
        title="reSGLD: the two chains for 300 steps",
        xlabel="steps",
        xlim=_WINDOW,
    )
    axis.set_ylim(-7, highest + 5)
    axis.locator_params(nbins=5)
    axis.legend(loc="upper right", ncols=3, **_LEGEND)


def _draw_masses(axis, target, runs):
    modes = np.arange(1, 10)
    axis.bar(modes, exact.mode_masses(target), color="0.85", edgecolor="k", label="exact")
    for (method, run), shift in zip(runs.items(), (-0.15, 0.15), strict=True):
        style = plotting.look(method) | {"linestyle": "none"}
        axis.plot(modes + shift, metrics.mode_masses(run, target), label=method, **style)
    axis.set(xlabel="mode (5 is the centre)", ylabel="mass", xticks=modes)
    axis.locator_params(axis="y", nbins=5)
    axis.legend(loc="upper right", **_LEGEND)


def _rivals(
    peak, cycles, fraction, step_size, heat, swap_rate, noise, variance, budget, seed
):  # fmt: skip
    target = nine_modes(noise=noise)
    shared = {"start": _START, "seed": seed, "workers": 1, "thin": max(1, budget // 20_000)}
    # Which draws are kept does not change the path: run once, keep all, choose afterwards.
    path = cyclical_sgld(
        target, budget, peak_step_size=peak, cycles=cycles, sampling_fraction=1.0, **shared
    )
    cycle = -(-budget // cycles)
    kept = (path.steps - 1) % cycle >= cycle - round(fraction * cycle)
    runs = {
        "cycSGLD": _kept(path, kept),
        "reSGLD": replica_exchange_sgld(
            target,
            budget // 2,
            step_size=step_size,
            high_temperature=heat,
            swap_rate=swap_rate,
            energy_variance=variance,
            **shared,
        ),
    }
    both = _two_replicas(target, step_size, heat, swap_rate, variance, seed)
    fig, axes = plotting.figure(9.5, 4.8, 2, 2)
    fig.set_layout_engine(None)  # a layout worked out at each move of a slider is slow
    fig.subplots_adjust(0.08, 0.1, 0.98, 0.94, wspace=0.17, hspace=0.38)
    _draw_cycles(axes[0, 0], axes[1, 0], path, kept, peak, cycle, budget)
    _draw_replicas(axes[0, 1], both, heat)
    _draw_masses(axes[1, 1], target, runs)
    errors = ", ".join(f"{m} {metrics.mode_mass_error(run, target):.3f}" for m, run in runs.items())
    spent = ", ".join(sorted({f"{run.gradient_evaluations:,}" for run in runs.values()}))
    return fig, (
        f"gradients of each method: {spent}; swaps after {runs['reSGLD'].swaps / (budget // 2):.1%}"
        f" of the steps; exact error of the mode masses: {errors}; energy of the draws: "
        f"{', '.join(f'{m} {run.exact_energies.mean():.2f}' for m, run in runs.items())}, "
        f"exact {_exact_energy():.2f}"
    )


@controls.demo
def rivals():
    """Cyclical and replica exchange SGLD on nine modes: what is kept, what swaps, what is wrong."""
    published = experiments.E2_CYCLICAL, experiments.E2_REPLICA_EXCHANGE
    sliders = {
        "peak": controls.power(
            "peak step size", "cycSGLD: ε at the start of a cycle (time)", 5e-3, -3.0, -1.0
        ),
        "cycles": controls.whole(
            "cycles", "cycSGLD: restarts of the step size", published[0]["cycles"], 1, 400
        ),
        "fraction": controls.number(
            "sampling fraction", "cycSGLD: part of a cycle, at its end, that is kept", 0.5,
            0.05, 1.0, 0.05,
        ),
        "step_size": controls.power(
            "step size ε", "reSGLD: of both chains (time)", 1e-3, -4.0, -2.0
        ),
        "heat": controls.number(
            "hot / cold", "reSGLD: ratio of the temperatures, the cold one is 1", 3.0, 1.1, 30.0,
            0.1,
        ),
        "swap_rate": controls.number(
            "swap rate a", "reSGLD: factor on min(1, S)", 0.1, 0.01, 1.0, 0.01
        ),
        "noise": controls.number(
            "noise σ", "standard deviation on energies and gradients, both methods", 0.32, 0.0,
            2.0, 0.02,
        ),
        "variance": controls.number(
            "variance assumed", "reSGLD: what it takes for σ² (energy²)", 0.1, 0.0, 8.0, 0.05
        ),
        "budget": controls.amount("gradients", "for each method", _BUDGETS, 200_000),
        "seed": controls.seed(),
    }  # fmt: skip
    return _rivals, sliders, "the rivals at equal budgets"
