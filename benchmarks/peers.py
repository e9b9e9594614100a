"""Compare with BlackJAX on the same work; writes PEERS.md and peers.json.

    python -m benchmarks.peers

Times are medians of interleaved rounds in one process, by the wall clock and by the processor's.
"""

import time
from typing import NamedTuple

import numpy as np

import csgld_core as cc

from . import blackjax_side, problems
from .problems import Problem
from .timing import (
    CAUTION,
    SEED,
    Goal,
    described,
    goals_json,
    goals_table,
    interleave,
    machine,
    markdown_table,
    publish,
    ratios,
    spread,
    summary,
)

ROUNDS = 5
CALL = 0.4  # seconds that one timed call should last, roughly
THIN = 20
CHAINS, WORKERS = 64, 2
DIMENSIONS = (2, 10, 100, 1000)
CELLS = (100, 100_000)
OURS = "csgld_core"
WALL, PROCESSOR = 0, 1


class Case(NamedTuple):
    """One row of a table."""

    problem: Problem
    bins: int | None  # cells of contour SGLD; None is SGLD
    chains: int = 1

    @property
    def name(self):
        method = "SGLD" if self.bins is None else f"contour SGLD, {self.bins:,} cells"
        problem = "E2" if self.problem.name == "nine_modes" else self.problem.target.name
        return f"{problem}, d = {self.problem.target.dim}, {method}"


def cases():
    """Every row: on one chain, then on many."""
    few, many = CELLS
    e2 = [Case(problems.nine_modes(), bins) for bins in (few, many, None)]
    spaces = [problems.two_gaussians(dim) for dim in DIMENSIONS]
    wells = problems.cosine_wells(DIMENSIONS[-1])
    short = [Case(problem, bins) for problem in (*spaces, wells) for bins in (few, None)]
    fine = [Case(problem, many) for problem in spaces]
    rows = [*e2, *short, *fine]
    # On many chains BlackJAX takes minutes where cells are fine: E2 shows it once.
    return rows + [case._replace(chains=CHAINS) for case in (*e2, *short)]


def affordable_steps(nanoseconds):
    """Steps that last about CALL at a guessed cost of one; a multiple of THIN."""
    return max(1, round(CALL * 1e9 / nanoseconds / THIN)) * THIN


def our_call(case):
    """(a call that samples, its steps). All set-up is part of it."""
    dim = case.problem.target.dim
    each = 80 + (30 if case.problem.name == "cosine_wells" else 6) * dim
    steps = affordable_steps(each * case.chains / min(case.chains, WORKERS))
    settings = {**case.problem.settings, "steps": steps, "thin": THIN, "seed": SEED}
    settings.update(chains=case.chains, workers=WORKERS)
    if case.bins is None:
        return lambda: cc.sgld(**settings), steps
    settings["partition"] = case.problem.partition(case.bins)
    return lambda: cc.contour_sgld(**settings), steps


def peer_call(arrangement, case):
    """(a compiled call that samples, its steps)."""
    step = (400 if arrangement == "scan of scans" else 2000) + 25 * case.problem.target.dim
    each = step * max(1, case.chains / 3) + 0.5 * (case.bins or 0) * case.chains
    steps = affordable_steps(each)
    call = blackjax_side.compiled(
        arrangement, case.problem, case.bins, chains=case.chains, steps=steps, thin=THIN
    )
    return call, steps


def both_clocks(call, steps):
    """Nanoseconds a step, by the wall clock and by the processor's (all threads together)."""
    wall, processor = time.perf_counter(), time.process_time()
    call()
    processor, wall = time.process_time() - processor, time.perf_counter() - wall
    return 1e9 * wall / steps, 1e9 * processor / steps


def measure(case):
    """Nanoseconds a step of a chain: side -> (wall clock, processor's clock), round by round."""
    blackjax_side.check_same_energy(case.problem)
    calls = {OURS: our_call(case)}
    calls |= {name: peer_call(name, case) for name in blackjax_side.ARRANGEMENTS}
    for call, _ in calls.values():
        call()  # memory, caches
    tasks = {
        name: lambda call=call, steps=steps: both_clocks(call, steps * case.chains)
        for name, (call, steps) in calls.items()
    }
    rounds = interleave(tasks, ROUNDS, f"{case.name}, chains: {case.chains}")
    return {name: tuple(np.array(times).T) for name, times in rounds.items()}


def advantage(row, arrangement=None, clock=WALL):
    """How many times faster we are than an arrangement, or than the faster one, round by round."""
    if arrangement is None:
        arrangement = min(blackjax_side.ARRANGEMENTS, key=lambda n: np.median(row[n][clock]))
    return ratios(row[arrangement][clock], row[OURS][clock])


def goals(measured):
    """What was promised of E2, and to be ahead in every other row."""
    promised = {(CELLS[0], 1): 25, (CELLS[1], 1): 120}
    rows = []
    for case, row in measured:
        bound = 1
        chains = f", {case.chains} chains" if case.chains > 1 else ""
        if case.problem.name == "nine_modes":
            bound = promised.get((case.bins, case.chains), bound)
        ahead = advantage(row, "one scan")
        rows.append(Goal(f"{case.name}{chains}", ahead, bound, at_least=True))
    return rows


def table(measured, chains):
    """Lines of a Markdown table of the rows with so many chains."""
    return markdown_table(
        [
            "",
            OURS,
            *(f"BlackJAX, {name}" for name in blackjax_side.ARRANGEMENTS),
            "one scan / ours",
            "fastest / ours",
            "fastest / ours, processor times",
        ],
        [
            [
                case.name,
                *(spread(row[name][WALL], 0) for name in (OURS, *blackjax_side.ARRANGEMENTS)),
                spread(advantage(row, "one scan"), 1),
                spread(advantage(row), 1),
                spread(advantage(row, clock=PROCESSOR), 1),
            ]
            for case, row in measured
            if case.chains == chains
        ],
    )


def report(machine, measured):
    """Lines of PEERS.md."""
    return [
        "# Beside BlackJAX",
        "",
        f"Written by `make bench`; the raw numbers are in peers.json. {CAUTION}",
        "",
        described(machine),
        "",
        "## Targets",
        "",
        f"Time of BlackJAX as it is usually written, one `lax.scan`, over that of {OURS}; on "
        f"{CHAINS} chains under `vmap`. The tables below also have the fastest arrangement that "
        "we found.",
        "",
        *goals_table(goals(measured)),
        "## What is compared",
        "",
        "- Nanoseconds a step of one chain by the wall clock, compilation apart: a whole call of "
        f"about {CALL:g} s on each side, set-up included, one draw in {THIN} kept. Same energy "
        "(compared at random points before every row), same step size, same number of cells over "
        "the same energies.",
        "- Precision is the default of each side: float64 here, **float32** in JAX.",
        "- *One scan* is BlackJAX as it is usually written: one `lax.scan` over all steps, with "
        "the noise drawn in each step, thinned afterwards. *Scan of scans* is the fastest "
        "arrangement we found: keys and noise drawn at once beforehand, and a short scan for each "
        "kept draw. With two dimensions and 100 cells that is many times faster, it seems because "
        "XLA then compiles the short scan to one function. Gradients are written by hand on both "
        "sides: `jax.grad` was never faster.",
        f"- On {CHAINS} chains: BlackJAX under `vmap`, ours with chains={CHAINS} on {WORKERS} "
        "threads. JAX may use all processors everywhere. The last column compares processor "
        "times, all threads added up: other jobs change them least.",
        "- BlackJAX's `csgld` takes its gradient where the move starts and its energy where it "
        "ends; ours takes both where it ends, walls and clipping included, as `ContourScheme()` "
        "does by default. `sgld` there needs no energy; ours records it.",
        "- BlackJAX's update uses θ_J as gain where its documentation has θ_J^ζ, and costs O(m) a "
        "step; its gain is a constant here.",
        "- `blackjax.csgld.init` sums the integers from m to 1 in int32. From m = 65 536 on that "
        "sum overflows, without an error: it is negative at 65 536, and at 100 000 it wraps to "
        "705 082 704, so that θ sums to 7.09 instead of 1. So the initial state is built by hand "
        "for every m, a uniform θ as ours.",
        "",
        "## One chain",
        "",
        *table(measured, 1),
        f"## {CHAINS} chains",
        "",
        "Each number is the time of a step of all chains, divided by their number.",
        "",
        *table(measured, CHAINS),
        "## What limits us",
        "",
        "- *Two Gaussians* grow by arithmetic alone: at d = 1000 three quarters of our step are "
        "its thousand normals (SCALE.md). On one chain JAX's counter-based normals cost several "
        "times as much; across many chains XLA computes them side by side.",
        "- *Cosine wells* take a sine and a cosine for every coordinate, more than all normals: "
        "libm computes them one by one in double precision, XLA several at a time in single "
        "precision.",
        "- Two dimensions without noise on many chains are the best case of `vmap`: a few normals "
        "and one hyperbolic tangent a step, in single precision, side by side across chains.",
        "",
    ]


def main():
    """Measure everything and write both files."""
    where = {**blackjax_side.versions(), **machine()}
    measured = [(case, measure(case)) for case in cases()]
    raw = {
        "machine": where,
        "targets": goals_json(goals(measured)),
        "nanoseconds": [
            {
                "what": case.name,
                "chains": case.chains,
                **{
                    side: {"wall": summary(times[WALL]), "processor": summary(times[PROCESSOR])}
                    for side, times in row.items()
                },
            }
            for case, row in measured
        ],
    }
    publish("PEERS", raw, report(where, measured))


if __name__ == "__main__":
    main()
