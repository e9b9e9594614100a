"""Wang-Landau on the 4 x 4 Ising model, up to any step."""

import numpy as np

from csgld_core import exact, experiments, flat_histogram

from .. import controls, plotting

_STEPS = [1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000]
_MODEL, _PARTITION = (experiments.E6_WANG_LANDAU[name] for name in ("model", "partition"))


def _draw_gain(ax, found):
    ax.plot(found.history_steps, found.history, color=plotting.COLOURS["CSGLD"], label="ln f")
    late = found.history_steps[found.history_steps > _PARTITION.bins]
    ax.plot(late, np.count_nonzero(found.visits) / late, "k:", label="1 / t")
    ax.set(xscale="log", yscale="log", xlabel="moves", title="correction ln f")
    ax.minorticks_off()
    ax.legend(frameon=False, loc="lower left")


def _draw_visits(ax, found):
    colour = plotting.COLOURS["reSGLD, BAOAB"]
    ax.stairs(found.visits / 1000, _PARTITION.edges, fill=True, color=colour)
    visited = found.visits[found.visits > 0] / 1000
    mean = visited.mean()
    ax.axhline(mean, color="k", linewidth=1, label="flat")
    ax.set(xlabel="energy E", ylabel="thousands", ylim=(0, 1.35 * visited.max()))
    ax.set_title(f"visits so far, flatness {visited.min() / mean:.2f}")
    ax.legend(frameon=False, loc="upper center")


def _draw_density(ax, energies, states, log_g):
    ax.plot(energies, np.log(states), "k_", markersize=11, label="enumeration")
    look = plotting.look("SGLD") | {"linestyle": "none"}
    ax.plot(energies, log_g, **look | {"markerfacecolor": "none"}, label="learned")
    low = min(-1.0, log_g[np.isfinite(log_g)].min() - 1)
    ax.set(xlabel="energy E", title="ln g(E), number of states", ylim=(low, 13))
    ax.legend(frameon=False, loc="lower center")


def _wang_landau(steps, schedule, initial_log_f, flatness, check_every, seed):
    found = flat_histogram.wang_landau(
        _MODEL,
        steps,
        partition=_PARTITION,
        schedule=schedule,
        initial_log_f=initial_log_f,
        flatness=flatness,
        check_every=check_every,
        seed=seed,
    )
    energies, states = exact.ising_density_of_states(4)
    log_g = found.normalised(_MODEL.dim * np.log(2.0))[_PARTITION.index(energies)]
    fig, (left, middle, right) = plotting.figure(9.0, 2.8, 1, 3)
    _draw_gain(left, found)
    _draw_visits(middle, found)
    _draw_density(right, energies, states, log_g)
    errors = abs(np.exp(log_g) / states - 1)
    worst = np.argmax(errors)
    return fig, (
        f"{found.steps:,} moves, no gradients; ln f is now {found.history[-1]:.2g}; largest error "
        f"of a level against enumeration: {errors[worst]:.1%} at E = {energies[worst]:g}"
    )


@controls.demo
def wang_landau():
    """Wang-Landau on the 4 x 4 Ising model, stopped after any number of moves."""
    sliders = {
        "steps": controls.amount("moves so far", "one spin tried in each", _STEPS, 300_000),
        "schedule": controls.choice("schedule", "how ln f falls", ["flatness", "1/t"]),
        "initial_log_f": controls.power("first ln f", "of the first move", 1.0, -4, 1),
        "flatness": controls.number(
            "flatness bound",
            "fewest visits a level needs since the last halving, in means (schedule: flatness)",
            0.8,
            0.3,
            0.98,
            0.02,
        ),
        "check_every": controls.whole(
            "check every", "moves between two looks at the visits", 1_700, 100, 10_000, 100
        ),
        "seed": controls.seed(),
    }
    return _wang_landau, sliders, "Wang-Landau on the 4 x 4 Ising model"
