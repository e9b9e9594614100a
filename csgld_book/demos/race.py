"""Four methods on one target."""

import functools

from csgld_core import (
    ContourScheme,
    EnergyPartition,
    contour_sgld,
    cyclical_sgld,
    experiments,
    metrics,
    parallel,
    replica_exchange_sgld,
    sgld,
)
from csgld_core.targets import nine_modes, twenty_five_wells

from .. import controls, plotting

_BUDGETS = [5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 400_000]
_RACE_TARGETS = {
    "nine modes (E2)": (nine_modes, EnergyPartition(-20 / 3 - 1, 49 / 3 + 1, 100), (2.0, 2.0)),
    "25 wells (E3)": (twenty_five_wells, EnergyPartition(-5.0, 8.0, 52), (2.0, 2.0)),
}


def _race(target, budget, step_size, noise, zeta, clip, cycles, heat, swap_rate, integrator, seed):
    make, partition, start = _RACE_TARGETS[target]
    target = make(noise=noise)
    scheme = ContourScheme(clip=(-clip, 0.3))
    methods = {
        "SGLD": (sgld, {"step_size": step_size}),
        "cycSGLD": (cyclical_sgld, {"peak_step_size": 5 * step_size, "cycles": cycles}),
        "reSGLD": (
            replica_exchange_sgld,
            {"step_size": step_size, "high_temperature": heat, "swap_rate": swap_rate},
        ),
        "CSGLD": (
            contour_sgld,
            {"step_size": step_size, "zeta": zeta, "partition": partition, "scheme": scheme},
        ),
    }
    shared = {
        "target": target,
        "start": start,
        "integrator": integrator,
        "thin": max(1, budget // 10_000),
        "seed": seed,
    }
    calls = [
        functools.partial(sampler, **experiments.with_budget(sampler, own, budget), **shared)
        for sampler, own in methods.values()
    ]
    found, interrupted = parallel.in_threads(calls)  # one method on each processor
    if interrupted:
        raise KeyboardInterrupt
    runs = dict(zip(methods, found, strict=True))
    fig = plotting.comparison(target, runs)
    errors = ", ".join(
        f"{name} {metrics.mode_mass_error(run, target):.3f}" for name, run in runs.items()
    )
    spent = ", ".join(sorted({f"{run.gradient_evaluations:,}" for run in runs.values()}))
    share = runs["CSGLD"].effective_sample_size() / runs["CSGLD"].draws
    return fig, (
        f"gradients of each method: {spent}; exact error of the mode masses: {errors}; "
        f"effective sample size of CSGLD's weights: {share:.0%} of its draws"
    )


@controls.demo
def race():
    """Four methods on the same target at the same number of gradients."""
    sliders = {
        "target": controls.choice("target", "where to race", list(_RACE_TARGETS)),
        "budget": controls.amount("gradients", "for each method", _BUDGETS, experiments.E2_BUDGET),
        "step_size": controls.power("step size ε", "time a step advances", 1e-3, -4, -0.7),
        "noise": controls.number(
            "noise σ", "on the energy and each gradient component", 0.32, 0, 4, 0.02
        ),
        "zeta": controls.number(
            "flattening ζ", "CSGLD: 0 is SGLD, 1 flat in energy", 0.75, 0.0, 1.0, 0.05
        ),
        "clip": controls.number(
            "bounce limit", "CSGLD: largest fall of the multiplier below 1", 1.3, 0.0, 3.0, 0.1
        ),
        "cycles": controls.whole("cycles", "cycSGLD: restarts of the step size", 20, 1, 100),
        "heat": controls.number(
            "hot temperature", "reSGLD: of its second chain", 3.0, 1.1, 15.0, 0.1
        ),
        "swap_rate": controls.number(
            "swap rate", "reSGLD: factor on min(1, S)", 0.1, 0.01, 1.0, 0.01
        ),
        "integrator": controls.integrator(),
        "seed": controls.seed(),
    }
    return _race, sliders, "four methods at equal budgets"
