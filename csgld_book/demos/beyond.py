"""Phase coexistence in any dimension: integrator, friction, and three methods."""

import functools

from csgld_core import ContourScheme, contour_sgld, exact, metrics, replica_exchange_sgld, sgld
from csgld_core.targets import phase_coexistence

from .. import controls, plotting

_BUDGETS = [10_000, 20_000, 50_000, 100_000, 200_000]
_SHOWN = 2000  # points of a path


@functools.cache
def _problem(dim):
    """The target, whose truths are remembered, and the partition that a pilot chooses."""
    target = phase_coexistence(dim)
    return target, contour_sgld(target, 100, integrator="mala", seed=0).partition


def _runs(dim, integrator, friction, step_size, zeta, heat, budget, seed):
    """One run of each method, with equal numbers of gradients."""
    target, partition = _problem(dim)
    shared = {"target": target, "integrator": integrator, "seed": seed, "friction": friction}
    shared["step_size"] = step_size if integrator == "baoab" else 0.5 * step_size**2
    full, half = (
        {"steps": n, "burn_in": n // 20, "thin": n // 5_000} for n in (budget, budget // 2)
    )
    contours = {"partition": partition, "scheme": ContourScheme(slope="smooth")}
    return {
        "SGLD": sgld(**shared, **full),
        "reSGLD": replica_exchange_sgld(**shared, **half, high_temperature=heat),
        "CSGLD": contour_sgld(**shared, **full, zeta=zeta, **contours),
    }


def _beyond(dim, integrator, friction, step_size, zeta, heat, budget, seed):
    target, _ = _problem(dim)
    runs = _runs(dim, integrator, friction, step_size, zeta, heat, budget, seed)
    fig, (left, right) = plotting.figure(9.0, 3.2, 1, 2, width_ratios=[3, 2])
    for row, (method, run) in enumerate(runs.items()):
        every = max(1, run.draws // _SHOWN)
        gradients = run.gradients_at_draws[::every]
        phase = target.mode_index(run.positions[0, ::every])
        left.scatter(gradients, row + 0.6 * phase, s=2, color=plotting.COLOURS[method])
        mass = metrics.mode_masses(run, target)[1]
        look = plotting.look(method) | {"linestyle": "none", "markersize": 9}
        right.plot(row, mass, **look)
    left.set_yticks(
        [row + 0.6 * phase for row in range(3) for phase in (0, 1)],
        [f"{method}: {phase}" for method in runs for phase in ("broad", "narrow")],
    )
    left.set(xlabel="gradients", title="phase of the draws")
    right.axhline(exact.mode_masses(target)[1], color="k", linestyle="--", linewidth=1)
    right.set_xticks(range(3), list(runs))
    right.set(
        ylim=(-0.05, 1.05), xlim=(-0.5, 2.5), title="mass of the narrow phase,\nexact one dashed"
    )
    spent = ", ".join(f"{m} {run.gradient_evaluations:,}" for m, run in runs.items())
    errors = ", ".join(f"{m} {metrics.mode_mass_error(run, target):.3f}" for m, run in runs.items())
    return fig, f"gradients: {spent}; exact error of the masses: {errors}"


@controls.demo
def beyond():
    """Two phases of equal mass, one broad and one narrow: which method moves between them?"""
    sliders = {
        "dim": controls.amount("dimension d", "of the space", [1, 2, 5, 10, 15, 20], 10),
        "integrator": controls.choice(
            "integrator", "how one step is taken", ["baoab", "mala", "leimkuhler_matthews", "euler"]
        ),
        "friction": controls.power("friction γ", "of BAOAB only (1 / time)", 4.0, -1, 1.5),
        "step_size": controls.power(
            "step size h", "time of a step; other integrators take ε = h² / 2", 0.06, -1.5, 0
        ),
        "zeta": controls.number(
            "flattening ζ", "CSGLD: 0 is SGLD, 1 flat in energy", 0.9, 0, 1, 0.05
        ),
        "heat": controls.number(
            "hot temperature", "reSGLD: of its second chain", 2.0, 1.1, 8.0, 0.1
        ),
        "budget": controls.amount("gradients", "for each method", _BUDGETS, 100_000),
        "seed": controls.seed(),
    }
    return _beyond, sliders, "phase coexistence"
