"""Where each method wins: every method tuned with the same effort, compared on fresh seeds.

    python -m benchmarks.map

writes MAP.md and map.json. The protocol, the same for every problem and every method:

1. *Configurations*: 12 of each method, on a grid around the problem's own scale, h0 = 1 /
   sqrt(largest curvature at its modes). With exact energies some of them use MALA, some BAOAB;
   with noisy ones all use BAOAB, since MALA needs exact energies. Contours get their energy
   partition from one pilot run.
2. *Tuning*: each configuration runs on the tuning seeds. The smallest mean score wins, where
   score = mode-mass error + |relative error of the spread within modes|: noise that heats the modes
   must not pay. Then 6 neighbours of the winner run too: its step size and its other parameters
   a little larger and smaller, so that a winner at the edge of the grid can move on.
3. *Comparison*: the best of all 18 runs once on fresh seeds, used for nothing else.

All runs of a problem have the same number of gradients and start by the same rule. Nothing is
chosen after the fresh seeds were seen.
"""

import functools
import itertools
import json
import math
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np

import csgld_core as cc
from csgld_core.running.study import study

from .timing import markdown_table, write

HERE = Path(__file__).parent
TUNING_SEEDS, FRESH_SEEDS = range(300, 306), range(400, 420)
CONFIGURATIONS, NEIGHBOURS = 12, 6
DRAWS = 20_000
MALA, BAOAB = "mala", "baoab"


class Problem(NamedTuple):
    """A target, its number of gradients, and the step size natural to it."""

    target: object
    gradients: int
    scale: float  # h0 = 1 / sqrt(largest curvature at the modes)


def row_of_gaussians(dim):
    """Three normal densities of unit width in a row, 6 apart, of masses .5, .3 and .2."""
    means = np.zeros((3, dim))
    means[:, 0] = -6.0, 0.0, 6.0
    return cc.targets.gaussian_mixture([0.5, 0.3, 0.2], means, np.ones((3, dim)))


def problems():
    """Every problem of the map by name."""
    table = {}
    for noise in (0.0, 0.32, 2.0, 8.0):
        target = cc.targets.nine_modes(noise=noise)
        table[f"E2, noise {noise:g}"] = Problem(target, 400_000, 1 / math.sqrt(47.7))
    for noise in (0.0, 4.0, 8.0):
        target = cc.targets.gaussian_grid(noise=noise)
        table[f"E4, noise {noise:g}"] = Problem(target, 400_000, math.sqrt(0.03))
    for dim in (2, 10, 50):
        table[f"three Gaussians, d = {dim}"] = Problem(row_of_gaussians(dim), 400_000, 1.0)
    for dim in (5, 10, 15, 20):
        target = cc.targets.phase_coexistence(dim)
        table[f"E7, d = {dim}"] = Problem(target, 1_000_000, 0.25)
    return table


# --- configurations -------------------------------------------------------------------------------


def grid(**lists):
    """All combinations of the lists, as dictionaries."""
    return [dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values())]


def steps_of(problem, integrator, sizes):
    """Step sizes of an integrator in its natural unit: h0 for BAOAB, h0^2 for MALA."""
    unit = problem.scale if integrator == BAOAB else problem.scale**2
    return [size * unit for size in sizes]


def baoab(problem, sizes, key="step_size", *, friction, **more):
    """Configurations with BAOAB; frictions in units of 1 / h0."""
    frictions = [f / problem.scale for f in friction]
    sizes = steps_of(problem, BAOAB, sizes)
    return grid(integrator=[BAOAB], **{key: sizes}, friction=frictions, **more)


def mala(problem, sizes, key="step_size", **more):
    """Configurations with MALA."""
    return grid(integrator=[MALA], **{key: steps_of(problem, MALA, sizes)}, **more)


def frictions_of(problem):
    """Frictions for noisy energies, in units of 1 / h0: the noise heats by h s^2 / (2 gamma)."""
    return [0.1, 0.6] if problem.target.noise < 1 else [0.6, 2.4]


def sgld_grid(problem):
    if problem.target.exact:
        return baoab(problem, [0.4, 0.8, 1.2], friction=[0.1, 0.2, 0.6]) + mala(
            problem, [0.2, 0.5, 1.0]
        )
    low, high = frictions_of(problem)
    return baoab(problem, [0.2, 0.5, 0.8, 1.2], friction=[low, math.sqrt(low * high), high])


def cyclical_grid(problem):
    more = {"key": "peak_step_size", "cycles": [10, 40]}
    if problem.target.exact:
        return baoab(problem, [0.6, 1.2], friction=[0.1, 0.6], **more) + mala(
            problem, [0.5, 2.0], **more
        )
    return baoab(problem, [0.3, 0.7, 1.2], friction=frictions_of(problem), **more)


def exchange_grid(problem):
    if problem.target.exact:
        more = {"high_temperature": [2.0, 6.0]}
        return baoab(problem, [0.5, 0.9], friction=[0.1, 0.6], **more) + mala(
            problem, [0.2, 0.7], **more
        )
    more = {"high_temperature": [3.0, 8.0]}
    return baoab(problem, [0.2, 0.5, 0.9], friction=frictions_of(problem), **more)


def contour_grid(problem):
    more = {
        "zeta": [0.75, 0.9],
        "scheme": [cc.ContourScheme(slope="smooth")],
        "partition": [partition_of(problem)],
    }
    if problem.target.exact:
        return baoab(problem, [0.2, 0.6], friction=[0.1, 0.6], **more) + mala(
            problem, [0.3, 1.0], **more
        )
    return baoab(problem, [0.2, 0.5, 0.9], friction=frictions_of(problem), **more)


def partition_of(problem):
    """The energy partition that a pilot finds, with the first of the tuning seeds."""
    integrator = MALA if problem.target.exact else BAOAB
    run = cc.contour_sgld(problem.target, 100, integrator=integrator, seed=TUNING_SEEDS[0])
    return run.partition


LARGER = {  # a parameter one notch up, and down
    "step_size": lambda value: (1.6 * value, value / 1.6),
    "peak_step_size": lambda value: (1.6 * value, value / 1.6),
    "friction": lambda value: (2.0 * value, value / 2.0),
    "high_temperature": lambda value: (1.4 * value, 1.0 + (value - 1.0) / 1.4),
    "zeta": lambda value: (min(1.0, value + 0.1), value - 0.1),
    "cycles": lambda value: (2 * value, value // 2),
}


def neighbours(configuration):
    """NEIGHBOURS configurations around one: one parameter changed, then two."""
    keys = [key for key in LARGER if key in configuration]
    notches = {key: LARGER[key](configuration[key]) for key in keys}
    found = [{**configuration, key: value} for key in keys for value in notches[key]]
    for one, other in itertools.combinations(keys, 2):
        for pair in itertools.product(notches[one], notches[other]):
            found.append({**configuration, one: pair[0], other: pair[1]})
    # MALA without other parameters: a second notch.
    for key in keys:
        for value in notches[key]:
            found += [{**configuration, key: further} for further in LARGER[key](value)]
    return found[:NEIGHBOURS]


METHODS = {
    "SGLD": (cc.sgld, sgld_grid),
    "cycSGLD": (cc.cyclical_sgld, cyclical_grid),
    "reSGLD": (cc.replica_exchange_sgld, exchange_grid),
    "CSGLD": (cc.contour_sgld, contour_grid),
}


def with_budget(sampler, problem, configuration):
    """All settings of a run: the problem's gradients, about DRAWS draws, 5 % of them left out."""
    gradients_per_step = 2 if sampler is cc.replica_exchange_sgld else 1
    steps = problem.gradients // gradients_per_step
    return {
        "target": problem.target,
        "steps": steps,
        "burn_in": steps // 20,
        "thin": max(1, steps // DRAWS),
        **configuration,
    }


# --- measures -------------------------------------------------------------------------------------


@functools.cache
def true_spreads(target):
    """E[|x - mode|^2 | mode] of every mode, by quadrature."""
    count = len(target.modes)

    def by_mode(positions):
        mode = target.mode_index(positions)
        square = ((positions - target.modes[mode]) ** 2).sum(axis=1)
        return square[:, None] * (mode[:, None] == np.arange(count))

    return cc.exact.expectation(by_mode, target) / cc.exact.mode_masses(target)


def spread_error(run, target):
    """Relative error of the weighted mean square distance from the mode, in units of the truth."""
    positions = run.positions.reshape(-1, run.dim)
    mode = target.mode_index(positions)
    square = ((positions - target.modes[mode]) ** 2).sum(axis=1)
    return float(run.weights().ravel() @ (square / true_spreads(target)[mode])) - 1.0


MEASURES = {"mass": cc.metrics.mode_mass_error, "spread": spread_error}


# --- tuning and comparison ------------------------------------------------------------------------


def score(table):
    """Mean over seeds of mode-mass error and |spread error|; infinite if a run failed."""
    if any(row["failure"] for row in table.rows):
        return math.inf
    return float(np.mean([row["mass"] + abs(row["spread"]) for row in table.rows]))


def measured(sampler, problem, configurations, seeds):
    """A table for each configuration."""
    methods = {
        str(n): (sampler, with_budget(sampler, problem, configuration))
        for n, configuration in enumerate(configurations)
    }
    table = study(methods, seeds, measures=MEASURES)
    return [table.where(method=name) for name in methods]


def tuned(sampler, problem, configurations):
    """The best configuration on the tuning seeds, and all scores."""

    def scores_of(candidates):
        return [score(t) for t in measured(sampler, problem, candidates, TUNING_SEEDS)]

    scores = scores_of(configurations)
    nearby = neighbours(configurations[int(np.argmin(scores))])
    assert (len(configurations), len(nearby)) == (CONFIGURATIONS, NEIGHBOURS)  # the same effort
    scores += scores_of(nearby)
    return [*configurations, *nearby][int(np.argmin(scores))], scores


def mean_and_error(values):
    """Mean and standard error."""
    values = np.asarray(values, dtype=float)
    return float(values.mean()), float(values.std(ddof=1) / math.sqrt(values.size))


def compare(name, problem):
    """What every method reaches on a problem: rows ready for JSON."""
    rows = []
    for method, (sampler, configurations) in METHODS.items():
        best, scores = tuned(sampler, problem, configurations(problem))
        (table,) = measured(sampler, problem, [best], FRESH_SEEDS)
        row = {"problem": name, "gradients": problem.gradients, "method": method}
        row["configuration"] = {
            key: value for key, value in best.items() if isinstance(value, str | int | float)
        }
        row["tuning scores"] = scores
        row["failures"] = sum(bool(r["failure"]) for r in table.rows)
        for measure in MEASURES:
            values = [r[measure] for r in table.rows if not r["failure"]]
            row[measure] = mean_and_error(values) if len(values) > 1 else (math.nan, math.nan)
            row[f"{measure} by seed"] = values
        rows.append(row)
        shown = ", ".join(f"{m} {row[m][0]:.3f} ± {row[m][1]:.3f}" for m in MEASURES)
        print(f"{name:28} {method:8} {shown}", flush=True)
    return rows


def verdict(rows):
    """Who has the smallest mode-mass error, and whether contours differ from the best rival."""
    finite = [row for row in rows if math.isfinite(row["mass"][0])]
    best = min(finite, key=lambda row: row["mass"][0])
    contour = next(row for row in rows if row["method"] == "CSGLD")
    rival = min((r for r in finite if r is not contour), key=lambda row: row["mass"][0])
    gap = rival["mass"][0] - contour["mass"][0]
    error = math.hypot(rival["mass"][1], contour["mass"][1])
    if abs(gap) <= 2 * error:
        return f"CSGLD and {rival['method']} are level"
    return f"{best['method']} wins"


def shown(pair, digits=3):
    """A mean and its standard error as text."""
    return f"{pair[0]:.{digits}f} ± {pair[1]:.{digits}f}"


def report(results):
    """MAP.md as text."""
    names = list(METHODS)
    masses, spreads, choices = [], [], []
    for name, rows in results.items():
        by_method = {row["method"]: row for row in rows}
        masses.append([name, *(shown(by_method[m]["mass"]) for m in names), verdict(rows)])
        spreads.append([name, *(shown(by_method[m]["spread"]) for m in names)])
        for method in names:
            settings = by_method[method]["configuration"]
            text = ", ".join(
                f"{k} {v:.3g}" if isinstance(v, float) else str(v) for k, v in settings.items()
            )
            choices.append([name, method, text])
    seeds = f"{len(FRESH_SEEDS)} fresh seeds"
    lines = [
        "# Where each method wins",
        "",
        "Written by `make map`; the numbers of every seed are in map.json. Each method was tuned "
        f"on each problem with the same effort, {CONFIGURATIONS} + {NEIGHBOURS} configurations on "
        f"{len(TUNING_SEEDS)} seeds, and ran once on {seeds}, with equal numbers of gradients: "
        "400 000, on E7 1 000 000. The protocol stands at the top of [map.py](map.py). ± is one "
        "standard error.",
        "",
        "## Error of the mode masses",
        "",
        "Total variation between the masses of the modes and the exact ones. The last column "
        "compares contours with their best rival, by two standard errors.",
        "",
        *markdown_table(["problem", *names, ""], masses),
        "## Error of the spread within modes",
        "",
        "Relative error of the mean square distance from the mode: positive is too wide, too hot. "
        "A run that misses modes can still be right here.",
        "",
        *markdown_table(["problem", *names], spreads),
        "## What was chosen",
        "",
        *markdown_table(["problem", "method", "settings"], choices),
    ]
    return "\n".join(lines)


def main():
    """Make the whole map."""
    warnings.simplefilter("ignore", UserWarning)  # of many moves outside a partition and the like
    results = {name: compare(name, problem) for name, problem in problems().items()}
    write(HERE / "map.json", json.dumps(results, indent=1) + "\n")
    write(HERE / "MAP.md", report(results))


if __name__ == "__main__":
    main()
