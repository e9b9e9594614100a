"""Many chains, many steps, many dimensions; writes SCALE.md and scale.json.

    python -m benchmarks.scale

The long run has a process of its own, for its memory: python -m benchmarks.scale --long-run
"""

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np

import csgld_core as cc
from csgld_core.experiments import E2_PUBLISHED, E2_SGLD

from .floor import Operations, compile_floor
from .problems import two_gaussians
from .timing import (
    CAUTION,
    SEED,
    Goal,
    described,
    floor_time,
    goals_json,
    goals_table,
    interleave,
    machine,
    markdown_table,
    publish,
    ratios,
    seconds,
    spread,
    step_time,
    summary,
)

ROUNDS = 7
CHAINS, CHAIN_STEPS = 64, 50_000
LONG_RUN = {"steps": 10**9, "thin": 10**6}
DIM, SHORT, LONG = 1000, 5_000, 25_000


def measure_workers():
    """Seconds on one thread and on two: many chains of contour SGLD on E2, and normals alone."""
    settings = {
        **E2_PUBLISHED,
        "scheme": cc.ContourScheme(),
        "steps": CHAIN_STEPS,
        "chains": CHAINS,
        "seed": SEED,
    }
    normals, path = compile_floor(Operations(5, 0, 0, 0, 0)), np.empty((CHAIN_STEPS, 0))
    normals(np.random.default_rng(SEED), path[:10])  # compiles
    draws = [lambda n=n: normals(np.random.default_rng(n), path) for n in range(CHAINS)]
    tasks = {}
    for workers in (1, 2):
        tasks["chains", workers] = lambda w=workers: seconds(cc.contour_sgld, **settings, workers=w)
        tasks["normals", workers] = lambda w=workers: seconds(cc.parallel.in_threads, draws, w)
    return interleave(tasks, ROUNDS, "workers")


def long_run():
    """Print the peak memory in MB of this process after a long run of SGLD."""
    cc.sgld(**{**E2_SGLD, **LONG_RUN}, seed=SEED)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(peak / (1e6 if sys.platform == "darwin" else 1e3))  # bytes there, kilobytes elsewhere


def measure_memory():
    """Peak memory in MB of a fresh process that makes a long run."""
    script = [sys.executable, "-m", "benchmarks.scale", "--long-run"]
    root = Path(__file__).parents[1]
    done = subprocess.run(script, cwd=root, capture_output=True, text=True, check=True)
    return float(done.stdout)


def measure_dimensions():
    """Nanoseconds a step in many dimensions, and of the normals that it cannot do without."""
    problem = two_gaussians(DIM)
    settings = {**problem.settings, "thin": 20}
    contour = {**settings, "partition": problem.partition(100)}
    normals, path = compile_floor(Operations(DIM, 0, 0, 0, 0)), np.empty((LONG - SHORT, 0))
    tasks = {
        "SGLD": lambda: step_time(cc.sgld, settings, SHORT, LONG),
        "contour SGLD": lambda: step_time(cc.contour_sgld, contour, SHORT, LONG),
        "normals": lambda: floor_time(normals, path),
    }
    floor_time(normals, path[:10])  # compiles
    cc.sgld(**settings, steps=20, seed=SEED)
    return interleave(tasks, ROUNDS, f"d = {DIM}")


def goals(workers, memory):
    """Everything that has a target."""
    return [
        Goal(
            f"{CHAINS} chains, throughput of 2 workers / 1 worker",
            ratios(workers["chains", 1], workers["chains", 2]),
            1.8,
            at_least=True,
        ),
        Goal("peak memory of SGLD, 10⁹ steps, one draw in 10⁶ (MB)", [memory], 400),
    ]


def report(machine, workers, memory, dimensions):
    """Lines of SCALE.md."""
    normals = dimensions["normals"]
    return [
        "# Scale",
        "",
        f"Written by `make bench`; the raw numbers are in scale.json. {CAUTION}",
        "",
        described(machine),
        "",
        "## Targets",
        "",
        *goals_table(goals(workers, memory)),
        f"- The chains run contour SGLD on E2 for {CHAIN_STEPS:,} steps each. The target is for a "
        "machine with two free processors; other jobs lower the ratio: threads that only draw "
        "normals, with nothing to share, gained "
        f"{spread(ratios(workers['normals', 1], workers['normals', 2]))} in the same rounds.",
        "- Memory is the largest resident set of a fresh process, interpreter and libraries "
        "included.",
        "",
        f"## {DIM} dimensions",
        "",
        "Two Gaussians with exact energies, processor time, set-up cancelled. The floor is the "
        f"{DIM} normals of a step and nothing else: {spread(normals, 0)} ns.",
        "",
        *markdown_table(
            ["sampler", "ns a step", "over its normals"],
            [
                [name, spread(times, 0), spread(ratios(times, normals))]
                for name, times in dimensions.items()
                if name != "normals"
            ],
        ),
    ]


def main():
    """Measure everything and write both files."""
    where = machine()
    workers, dimensions, memory = measure_workers(), measure_dimensions(), measure_memory()
    raw = {
        "machine": where,
        "targets": goals_json(goals(workers, memory)),
        "seconds": {
            f"{what}, {count} workers": summary(times) for (what, count), times in workers.items()
        },
        "nanoseconds": {name: summary(times) for name, times in dimensions.items()},
    }
    publish("SCALE", raw, report(where, workers, memory, dimensions))


if __name__ == "__main__":
    if sys.argv[1:] == ["--long-run"]:
        long_run()
    else:
        main()
