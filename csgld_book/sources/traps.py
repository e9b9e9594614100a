"""Four traps of the published settings, each beside its repair.

Nothing here is a claim of the sources: each figure says by a number what the published setting
does, and what is left of it after the repair.
"""

import math
import warnings
from dataclasses import replace
from functools import partial

import numpy as np

from csgld_core import (
    ContourScheme,
    DivergenceError,
    contour_sgld,
    exact,
    experiments,
    importance,
    log_psi,
    metrics,
    parallel,
    replica_exchange_sgld,
)
from csgld_core.targets import nine_modes

from .. import plotting
from ..claims import mean_and_error
from .catalogue import experiment, figure, runs

LAST_MOVES = 20
PUBLISHED = {"color": plotting.COLOURS["SGLD"], "linestyle": "--", "marker": "o"}
REPAIRED = {"color": plotting.COLOURS["CSGLD"], "linestyle": "-", "marker": "s"}
TRUTH = {"color": plotting.COLOURS["truth"], "linestyle": ":"}


def over_seeds(values):
    """Mean ± standard error in words, to one digit of the error; one number if all are the same.

    Parameters
    ----------
    values : array (seeds,)
    """
    if np.ptp(values) == 0:
        return f"{values[0]:.3g}"
    mean, error = mean_and_error(values)
    digits = max(0, -math.floor(math.log10(error)))
    return f"{mean:.{digits}f} ± {error:.{digits}f}"


def _line(style):
    return {**style, "marker": ""}


def _by_seed(ax, measured, truth, **labels):
    """The value of each seed as a point, their mean with its standard error, and the truth."""
    for place, (values, style) in enumerate(measured.values()):
        sideways = place + np.linspace(-0.25, 0.25, len(values))
        ax.plot(sideways, values, **{**style, "linestyle": "", "alpha": 0.45})
        if len(values) > 1:
            mean, error = mean_and_error(values)
            ax.errorbar(place, mean, error, color="k", marker="_", markersize=22, capsize=4)
    ax.axhline(truth, label=f"exact: {truth:.3f}", **TRUTH)
    ax.set(xlim=(-0.6, len(measured) - 0.4), **labels)
    ax.set_xticks(range(len(measured)), measured)
    ax.legend(frameon=False)


# --- slopes beside cells that are hardly ever visited ---------------------------------------------

_LIMITS = {name: getattr(ContourScheme(), name) for name in ("clip", "floor")}
_E1_SCHEMES = {
    "published": experiments.E1_PUBLISHED["scheme"],
    "repaired": replace(experiments.E1_PUBLISHED["scheme"], **_LIMITS),
}


def _diverges(scheme, steps, seed):
    """The DivergenceError of a run on E1, or None if it got to the end."""
    settings = {**experiments.E1_PUBLISHED, "scheme": scheme, "steps": steps, "thin": steps}
    try:
        contour_sgld(**settings, seed=seed, workers=1)
    except DivergenceError as problem:
        return problem
    return None


def _all_diverging(scheme, steps, seeds):
    """Those seeds of which the run diverged, with the error."""
    outcome = parallel.each(partial(_diverges, scheme, steps), seeds)
    if outcome.interrupted:
        raise KeyboardInterrupt
    for failure in outcome.failures.values():
        raise failure
    return {seeds[n]: problem for n, problem in outcome.results.items() if problem is not None}


@experiment(seeds=20, budget=5_000_000, settings=experiments.E1_PUBLISHED)
def divergence(seeds, steps=5_000_000):
    """Which seeds diverge on E1, and the end of the first run that did (or of the first run).

    Parameters
    ----------
    seeds : list of int
    steps : int
        Moves of each run, unless it diverges before.

    Returns
    -------
    dict
        Numbers of seeds, steps and diverged runs (by scheme); the shown seed, the moves it made,
        its last positions and multipliers (k,), where its failing move led (or None), and theta
        (bins,) before that.
    """
    diverged = {name: _all_diverging(scheme, steps, seeds) for name, scheme in _E1_SCHEMES.items()}
    seed = min(diverged["published"], default=seeds[0], key=seeds.index)
    problem = diverged["published"].get(seed)
    moves = steps if problem is None else problem.step
    # The same bits up to there, whatever the number of steps.
    settings = {**experiments.E1_PUBLISHED, "steps": moves, "thin": 1}
    run = contour_sgld(**settings, burn_in=max(0, moves - LAST_MOVES), seed=seed)
    return {
        "seeds": len(seeds),
        "steps": steps,
        "diverged": {name: len(problems) for name, problems in diverged.items()},
        "seed": seed,
        "moves": moves,
        "positions": run.positions[0, :, 0],
        "energies": run.energies[0],
        "multipliers": run.multipliers[0],
        "failed": None if problem is None else float(problem.position[0]),
        "theta": run.energy_pdf,
    }


def multipliers(found, name, energies):
    """Gradient multipliers (n,) at energies (n,) under the theta found, by scheme."""
    zeta = experiments.E1_PUBLISHED["zeta"]
    under = log_psi(
        energies,
        found["theta"],
        experiments.E1_PUBLISHED["partition"],
        _E1_SCHEMES[name],
        zeta=zeta,
        temperature=1.0,
    )
    return under.multipliers(zeta, 1.0)


@figure(
    divergence,
    "A runaway chain on two modes. Left: the energy PDF before the last move, ragged where cells "
    "are hardly ever visited. Middle: the gradient multipliers that follow from it, as published "
    "and with our clip and floor. Right: the last moves.",
)
def trap_divergence(found):
    """Draw `divergence`."""
    fig, (left, middle, right) = plotting.figure(10, 3.6, 1, 3)
    _draw_energy_pdf(left, found)
    _draw_multipliers(middle, found)
    _draw_last_moves(right, found)
    count = "{diverged[published]} of {seeds} runs diverged as published".format(**found)
    repaired = "{diverged[repaired]} of {seeds} with clip and floor".format(**found)
    fig.suptitle(f"E1, {found['steps']:,} steps at most: {count}, {repaired}", fontsize=11)
    return fig


def _draw_energy_pdf(ax, found):
    partition, target = (experiments.E1_PUBLISHED[name] for name in ("partition", "target"))
    truth = exact.energy_pdf(target, partition)
    ax.plot(partition.centres, found["theta"], markersize=3, label="learned", **PUBLISHED)
    ax.plot(partition.centres, truth, label="exact θ*", **TRUTH)
    _mark_last_energy(ax, found)
    off = np.abs(np.log10(found["theta"] / truth)).max()
    title = f"seed {found['seed']}, after {found['moves']:,} moves:\n"
    title += f"θ is off by factors of up to $10^{{{off:.0f}}}$"
    ax.set(yscale="log", xlabel="energy u", ylabel="energy PDF θ", title=title)
    ax.legend(frameon=False)


def _mark_last_energy(ax, found):
    ax.axvline(
        found["energies"][-1], color="0.6", linewidth=4, alpha=0.5, zorder=0, label="last energy"
    )


def _draw_multipliers(ax, found):
    partition = experiments.E1_PUBLISHED["partition"]
    # Just right of each left edge and just left of each right edge: slopes jump there.
    within = partition.width * np.array([1e-6, 0.5, 1 - 1e-6])
    energies = (partition.edges[:-1, None] + within).ravel()
    most = {}
    for name, style in (("published", PUBLISHED), ("repaired", REPAIRED)):
        values = multipliers(found, name, energies)
        ax.plot(energies, values, label=name, **_line(style))
        most[name] = np.abs(values).max()
    _mark_last_energy(ax, found)
    ax.set(
        xlabel="energy u",
        ylabel="gradient multiplier",
        title="largest |multiplier|:\n{published:.0f} as published, {repaired:.1f} repaired".format(
            **most
        ),
    )
    ax.legend(frameon=False, loc="upper left")


def _draw_last_moves(ax, found):
    target, path = experiments.E1_PUBLISHED["target"], found["positions"]
    moves = np.arange(1 - len(path), 1)
    for mode in target.modes[:, 0]:
        ax.axhline(mode, label="modes" if mode == target.modes[0, 0] else None, **TRUTH)
    ax.plot(moves, path, markersize=4, label="path", **PUBLISHED)
    title = "no run diverged:\nthe end of the first"
    if found["failed"] is not None:
        ends = [path[-1], found["failed"]]
        ax.plot([0, 1], ends, color="k", marker="X", markevery=[1], label="the move that failed")
        title = (
            f"a multiplier of {found['multipliers'][-1]:.0f}\n"
            f"throws it from {ends[0]:.0f} to {ends[1]:.0f}"
        )
    ax.set(xlabel="moves before the last", ylabel="position x", title=title)
    ax.legend(frameon=False)


# --- forward slopes at a wall that refuses moves --------------------------------------------------

_E2_EXACT = {**experiments.E2_PUBLISHED, "target": nine_modes()}
CORNER = {
    "forward slopes,\nwalls refuse moves": {
        "scheme": ContourScheme.published(slope="forward"),
        "walls": "reject",
    },
    "backward slopes,\nwalls refuse moves": {
        "scheme": ContourScheme.published(),
        "walls": "reject",
    },
    "repaired: centred, clipped,\nwalls reflect": {
        "scheme": ContourScheme(),
        "walls": "reflect",
    },
}
MAP_CELLS = 25  # along each axis


@experiment(seeds=20, budget=experiments.E2_BUDGET, settings=_E2_EXACT)
def corner(seeds, steps=experiments.E2_BUDGET):
    """Where chains on E2 with exact energies are, and how many of their moves are refused.

    Parameters
    ----------
    seeds : list of int
    steps : int
        Moves of each run.

    Returns
    -------
    dict
        Numbers of seeds and steps; `cases`, a dict of case -> dict: `visited` (cells,), the share
        of the raw draws in each cell of a map; for each seed (seeds,) `refused`, the share of
        moves, `at_wall`, the share of raw draws in the outermost cells, and `error`, that of the
        weighted mode masses.
    """
    cases = {case: _walled(seeds, steps, changes) for case, changes in CORNER.items()}
    return {"seeds": len(seeds), "steps": steps, "cases": cases}


def _walled(seeds, steps, changes):
    settings, target = {**_E2_EXACT, **changes, "steps": steps}, _E2_EXACT["target"]
    with warnings.catch_warnings(action="ignore"):  # many moves are refused
        found = runs(contour_sgld, seeds, **settings)
    bins = exact.histogram_bins(target, MAP_CELLS)
    shares = np.array(
        [np.bincount(bins.index(r.positions[0]), minlength=bins.cells) / r.draws for r in found]
    )
    rim = np.ones((MAP_CELLS, MAP_CELLS), dtype=bool)
    rim[1:-1, 1:-1] = False
    return {
        "visited": shares.mean(axis=0),
        "refused": np.array([run.rejected / steps for run in found]),
        "at_wall": shares[:, :-1] @ rim.ravel(),
        "error": np.array([metrics.mode_mass_error(run, target) for run in found]),
    }


@figure(
    corner,
    "Where contour SGLD was on nine modes with exact energies (raw draws): with forward slopes and "
    "walls that refuse moves it stands at the wall; with backward slopes it does not; neither does "
    "our scheme, whose walls reflect. Crosses are modes; the outermost cells count as the "
    "wall; the error is that of the weighted mode masses.",
)
def trap_corner(found):
    """Draw `corner`."""
    cases, target = found["cases"], _E2_EXACT["target"]
    fig, axes = plotting.figure(10, 4.8, 1, len(cases))
    highest = max(case["visited"].max() for case in cases.values()) * MAP_CELLS**2
    for ax, (name, case) in zip(axes, cases.items(), strict=True):
        title = (
            f"{name}\nrefused moves: {over_seeds(100 * case['refused'])} %\n"
            f"draws at the wall: {over_seeds(100 * case['at_wall'])} %\n"
            f"error of masses: {over_seeds(case['error'])}"
        )
        image = plotting.map_of(ax, target, case["visited"], MAP_CELLS, title, highest)
        ax.plot(*target.modes.T, "+", color="w", markersize=6)
    fig.colorbar(image, ax=axes, shrink=0.7, label="raw draws, uniform = 1")
    fig.suptitle("E2, exact energies, {steps:,} steps, {seeds} seeds".format(**found), fontsize=11)
    return fig


# --- a swap rule without min(1, .) ----------------------------------------------------------------

# Moves of second order and a burn-in for both rules, so that only the rule is left to blame.
_SWAPPED = {
    **experiments.E2_REPLICA_EXCHANGE,
    "integrator": "leimkuhler_matthews",
    "walls": "reflect",
}


@experiment(seeds=20, budget=experiments.E2_BUDGET, settings=_SWAPPED)
def swap_rules(seeds, budget=experiments.E2_BUDGET):
    """Mean energy of replica exchange on E2 by both swap rules.

    Parameters
    ----------
    seeds : list of int
    budget : int
        Gradients of each run.

    Returns
    -------
    dict
        Numbers of seeds and of gradients; `energies`, a dict of rule -> array (seeds,).
    """
    settings = experiments.with_budget(replica_exchange_sgld, _SWAPPED, budget)
    settings = {**settings, "burn_in": settings["steps"] // 10}
    energies = {rule: _cold_energies(seeds, settings, rule) for rule in ("published", "metropolis")}
    return {"seeds": len(seeds), "budget": budget, "energies": energies}


def _cold_energies(seeds, settings, rule):
    found = runs(replica_exchange_sgld, seeds, **settings, swap_rule=rule)
    return np.array([run.exact_energies.mean() for run in found])


def swap_probability(log_s, rule):
    """Probability (n,) of a swap by log S (n,): a min(1, S), or the published a S, at most 1."""
    rate = _SWAPPED["swap_rate"]
    if rule == "published":
        return np.minimum(1.0, rate * np.exp(log_s))
    return rate * np.minimum(1.0, np.exp(log_s))


@figure(
    swap_rules,
    "Replica exchange on nine modes. Left: the probability of a swap by both rules. Right: the "
    "mean energy of the cold chain for each seed, mean and standard error, and the exact value.",
)
def trap_swap_rule(found):
    """Draw `swap_rules`."""
    fig, (left, right) = plotting.figure(9, 3.6, 1, 2)
    rate = _SWAPPED["swap_rate"]
    names = {"published": "published: min(1, a S)", "metropolis": "repaired: a min(1, S)"}
    styles = {"published": PUBLISHED, "metropolis": REPAIRED}
    log_s = np.linspace(-6, 4, 401)
    for rule, name in names.items():
        left.plot(log_s, swap_probability(log_s, rule), label=name, **_line(styles[rule]))
    left.axvline(0.0, label="S = 1", **TRUTH)
    too_often = swap_probability(log_s[-1], "published") / rate
    title = f"a = {rate:g}: where S is large, swaps\nare up to {too_often:.0f} times as frequent"
    left.set(xlabel="log S", ylabel="probability of a swap", title=title)
    left.legend(frameon=False)
    energies = found["energies"]
    _by_seed(
        right,
        {names[rule]: (values, styles[rule]) for rule, values in energies.items()},
        exact.moments(_SWAPPED["target"]).energy,
        ylabel="mean energy E[U]",
        title="published {},\nrepaired {}".format(*map(over_seeds, energies.values())),
    )
    fig.suptitle("E2, {budget:,} gradients, {seeds} seeds".format(**found), fontsize=11)
    return fig


# --- a resampler that drops small weights ---------------------------------------------------------

_RESAMPLED_STEPS = 500_000
# Moves of second order and a burn-in, so that only the resampler is left to blame.
_RESAMPLED = {**experiments.E1_CONTOUR, "integrator": "leimkuhler_matthews"}


def published_resample(weights, n):
    """Indices of the draws kept: floor(n w) copies where n w > 1, none elsewhere.

    Parameters
    ----------
    weights : array (k,)
        Normalised.
    n : int
        Number of draws wanted; fewer come back.
    """
    wanted = n * weights
    return np.repeat(np.arange(weights.size), np.where(wanted > 1, np.floor(wanted), 0).astype(int))


@experiment(seeds=20, budget=_RESAMPLED_STEPS, settings=_RESAMPLED)
def resamplers(seeds, steps=_RESAMPLED_STEPS):
    """Equally weighted draws on E1 by both resamplers, from the same runs of our scheme.

    Parameters
    ----------
    seeds : list of int
    steps : int
        Moves of each run.

    Returns
    -------
    dict
        Numbers of seeds and steps; `resamplers`, a dict of name -> dict: `shares` (cells,) of
        draws in the cells of `exact.histogram_bins`, mean over the seeds; for each seed (seeds,)
        `width`, the standard deviation within the right mode, and `kept`, the draws that come back
        for each wanted.
    """
    settings = {**_RESAMPLED, "steps": steps, "burn_in": steps // 10}
    found = runs(contour_sgld, seeds, **settings)
    chosen = {
        "published": [published_resample(run.weights()[0], run.draws) for run in found],
        "systematic": [
            importance.systematic_resample(run.log_weights, run.draws, seed)
            for run, seed in zip(found, seeds, strict=True)
        ],
    }
    results = {name: _resampled(found, indices) for name, indices in chosen.items()}
    return {"seeds": len(seeds), "steps": steps, "resamplers": results}


def _resampled(found, indices):
    target = experiments.E1_CONTOUR["target"]
    bins = exact.histogram_bins(target, 80)
    draws = [run.positions[0, index] for run, index in zip(found, indices, strict=True)]
    shares = [np.bincount(bins.index(x), minlength=bins.cells) / len(x) for x in draws]
    return {
        "shares": np.mean(shares, axis=0),
        "width": np.array([x[target.mode_index(x) == 1].std() for x in draws]),
        "kept": np.array([len(x) / run.draws for x, run in zip(draws, found, strict=True)]),
    }


def right_width():
    """Standard deviation within the right mode of E1, by quadrature."""
    target = experiments.E1_CONTOUR["target"]

    def powers(x):
        return (target.mode_index(x) == 1)[:, None] * x ** np.arange(3)

    mass, first, second = exact.expectation(powers, target)
    return float(np.sqrt(second / mass - (first / mass) ** 2))


@figure(
    resamplers,
    "Resampled draws of contour SGLD on two modes against the exact density: the published "
    "resampler drops draws of small weight, and narrows the modes; systematic resampling does not.",
)
def trap_resampler(found):
    """Draw `resamplers`."""
    results = found["resamplers"]
    fig, axes = plotting.figure(10, 3.6, 1, 3)
    styles = {"published": PUBLISHED, "systematic": REPAIRED}
    target = experiments.E1_CONTOUR["target"]
    bins = exact.histogram_bins(target, 80)
    edges = np.linspace(*bins.bounds[:, 0], bins.count + 1)
    cell = edges[1] - edges[0]
    for ax, (name, result) in zip(axes[:2], results.items(), strict=True):
        ax.stairs(exact.histogram(target, 80)[:-1] / cell, edges, color="k", label="exact")
        style = {**styles[name], "linestyle": "", "markersize": 4, "markerfacecolor": "none"}
        ax.plot(edges[:-1] + cell / 2, result["shares"][:-1] / cell, label=name, **style)
        title = f"{name} resampler:\nreturns {over_seeds(100 * result['kept'])} % of the draws"
        ax.set(xlabel="position x", ylabel="density", ylim=(0, 0.37), title=title)
        ax.legend(frameon=False, loc="upper left")
    _by_seed(
        axes[2],
        {name: (result["width"], styles[name]) for name, result in results.items()},
        right_width(),
        ylabel="width of the right mode",
        title=",\n".join(f"{name} {over_seeds(r['width'])}" for name, r in results.items()),
    )
    fig.suptitle("E1, {steps:,} steps, {seeds} seeds".format(**found), fontsize=11)
    return fig
