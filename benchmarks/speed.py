"""Measure the samplers against their floor; writes RESULTS.md and results.json.

    python -m benchmarks.speed

Times are medians of interleaved rounds, whose order rotates, in one process. Kernels and floors are
timed by the processor's clock, which stands still while another job has the processor.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

import csgld_core as cc
from csgld_core.experiments import (
    E2_BAOAB,
    E2_CYCLICAL,
    E2_PUBLISHED,
    E2_RACE,
    E2_REPLICA_EXCHANGE,
    E2_SGLD,
    race,
)

from .floor import FLOORS, compile_floor, recorded_path, uniform_path
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

ROUNDS = 15
SHORT, LONG = 100_000, 400_000  # steps; their difference is what is timed
WARM_STARTS, COLD_STARTS = 5, 2
SEEDS = range(20)


class Case(NamedTuple):
    """One row of the table: a sampler, its settings and the floor it is held against."""

    sampler: object
    settings: dict
    floor: str
    gradients: int = 1  # of a step


def cases():
    """Every sampler under every integrator on E2, and contours in several schemes."""
    common = {"walls": "reflect", "thin": 20}
    ours = {**E2_PUBLISHED, "scheme": cc.ContourScheme(), **common}
    baoab = {name: E2_BAOAB[name] for name in ("integrator", "step_size", "friction")}
    samplers = {
        "SGLD": Case(cc.sgld, {**E2_SGLD, **common}, "sgld"),
        "cyclical SGLD": Case(cc.cyclical_sgld, {**E2_CYCLICAL, **common}, "sgld"),
        "replica exchange SGLD": Case(
            cc.replica_exchange_sgld, {**E2_REPLICA_EXCHANGE, **common}, "sgld", gradients=2
        ),
        "contour SGLD": Case(cc.contour_sgld, ours, "contour"),
    }
    table = {}
    for name, case in samplers.items():
        size = "peak_step_size" if "peak_step_size" in case.settings else "step_size"
        for integrator in ("euler", "leimkuhler_matthews", "baoab"):
            settings = {**case.settings, "integrator": integrator}
            if integrator == "baoab":
                settings.update(baoab)
                settings[size] = settings.pop("step_size")
            table[f"{name}, {integrator}"] = case._replace(settings=settings)
    contour = table["contour SGLD, euler"]
    variants = {
        "100 000 cells": ({"partition": replace(ours["partition"], bins=100_000)}, "contour"),
        "smooth": ({"scheme": cc.ContourScheme(slope="smooth")}, "contour"),
        "published": ({"scheme": cc.ContourScheme.published()}, "published"),
    }
    for name, (changes, floor) in variants.items():
        settings = {**contour.settings, **changes}
        table[f"contour SGLD, euler, {name}"] = contour._replace(settings=settings, floor=floor)
    return table


def kernel_time(case):
    """Nanoseconds a gradient."""
    return step_time(case.sampler, case.settings, SHORT, LONG) / case.gradients


def path_of(case):
    """The arguments that libm gets in those steps of a case that `kernel_time` times."""
    settings = {**case.settings, "steps": LONG, "burn_in": SHORT, "thin": 1, "seed": SEED}
    if "scheme" in settings:
        settings["scheme"] = replace(settings["scheme"], weights_from="running")
    if case.sampler is cc.cyclical_sgld:
        settings["sampling_fraction"] = 1.0
    return recorded_path(case.sampler(**settings), settings.get("zeta", 1.0))


def measure_kernels():
    """Nanoseconds of all cases, of their floors, and of the floors at uniform arguments."""
    table = cases()
    floors = {name: compile_floor(operations) for name, operations in FLOORS.items()}
    tasks = {}
    for name, case in tqdm(table.items(), desc="arguments of the floors"):
        path, floor = path_of(case), floors[case.floor]
        uniform = uniform_path(path, case.settings["target"].box)
        floor(np.random.default_rng(SEED), path[:1000])  # compiles
        case.sampler(**{**case.settings, "steps": 1000, "seed": SEED})
        tasks[name, "kernel"] = lambda case=case: kernel_time(case)
        tasks[name, "floor"] = lambda f=floor, path=path: floor_time(f, path)
        tasks[name, "uniform floor"] = lambda f=floor, path=uniform: floor_time(f, path)
    measured = interleave(tasks, ROUNDS, "kernels and floors")
    return {
        name: {kind: measured[name, kind] for kind in ("kernel", "floor", "uniform floor")}
        for name in table
    }


# What a fresh process runs: its own target or E2, then one short contour run.
FIRST_CALL = """
import time
start = time.perf_counter()
import csgld_core as cc
{target}
run = cc.contour_sgld(
    target, 1000, step_size=1e-3, partition=cc.EnergyPartition(-7.7, 17.3, 100), seed=1
)
print(time.perf_counter() - start)
"""
E2_TARGET = "target = cc.targets.nine_modes(noise=0.32)"
OWN_TARGET = """
import numba
@numba.njit
def energy_and_gradient(position, gradient):
    gradient[0], gradient[1] = 4.0 * position[0], position[1]
    return 2.0 * position[0] ** 2 + 0.5 * position[1] ** 2
target = cc.Target(energy_and_gradient, dim=2, box=(-2.5, 2.5))
"""


def measure_first_calls():
    """Seconds from import to first draw in fresh processes, with and without numba's cache."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "csgld_core"
        shutil.copytree(
            Path(cc.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__")
        )
        hidden = ("NUMBA_CACHE_DIR", "PYTHONDONTWRITEBYTECODE")
        environment = {k: v for k, v in os.environ.items() if k not in hidden}
        environment["PYTHONPATH"] = folder

        def first_call(target, cold=False):
            if cold:
                for cached in copy.glob("__pycache__/*.nb?"):
                    cached.unlink()
            script = [sys.executable, "-c", FIRST_CALL.format(target=target)]
            done = subprocess.run(
                script, env=environment, cwd=folder, capture_output=True, text=True, check=True
            )
            return float(done.stdout)

        first_call(E2_TARGET)  # compiles Python's byte code
        cold = interleave({"cold, E2": lambda: first_call(E2_TARGET, True)}, COLD_STARTS, "cold")
        warm = {
            "warm, E2": lambda: first_call(E2_TARGET),
            "warm, a target of the user": lambda: first_call(OWN_TARGET),
        }
        return cold | interleave(warm, WARM_STARTS, "warm")


def measure_threads():
    """Seconds for 20 seeds of contour SGLD on one thread and on two."""
    case = cases()["contour SGLD, euler"]

    def run(workers):
        return seconds(cc.parallel.replicate, case.sampler, SEEDS, workers=workers, **case.settings)

    return interleave({"1": lambda: run(1), "2": lambda: run(2)}, 5, "threads")


def measure_race():
    """Seconds for the published comparison: four methods, 2e5 gradients, 20 seeds."""
    return interleave({"race": lambda: seconds(race, E2_RACE, SEEDS)}, 3, "race")["race"]


def goals(kernels, first_calls):
    """Everything that has a target."""
    contour, fine = kernels["contour SGLD, euler"], kernels["contour SGLD, euler, 100 000 cells"]
    sgld = kernels["SGLD, euler"]
    rows = [
        Goal(
            "contour SGLD, Euler, 100 cells / floor",
            ratios(contour["kernel"], contour["floor"]),
            1.6,
        ),
        Goal("100 000 cells / 100 cells", ratios(fine["kernel"], contour["kernel"]), 1.2),
        Goal("SGLD, Euler / floor", ratios(sgld["kernel"], sgld["floor"]), 1.6),
    ]
    warm = {name: times for name, times in first_calls.items() if "warm" in name}
    return rows + [Goal(f"first draw, {name} (s)", times, 1.5) for name, times in warm.items()]


def report(machine, kernels, first_calls, threads, races):
    """Lines of RESULTS.md."""
    return [
        "# Speed",
        "",
        f"Written by `make bench`; the raw numbers are in results.json. {CAUTION}",
        "",
        described(machine),
        "",
        "## Targets",
        "",
        *goals_table(goals(kernels, first_calls)),
        "## A gradient of every sampler, and its floor",
        "",
        f"On E2, one draw kept every 20 steps. A time is the difference between a run of {LONG:,} "
        f"and one of {SHORT:,} steps through the public functions, divided by the gradients, so "
        "that compilation, checks and filling the partition cancel. What grows with "
        "the number of steps stays in: memory for the draws, their weights, snapshots of the "
        "energy PDF.",
        "",
        "The *floor* draws the same number of normals and takes the same sines, cosines, "
        "exponentials and logarithms, at the arguments that this very run met, and does nothing "
        "else (counts in floor.py). With fresh uniform positions in its place the processor "
        "mispredicts libm's branches more often than in any sampler, whose neighbouring positions "
        "are alike: the last column shows that floor, which flatters.",
        "",
        *markdown_table(
            ["sampler", "ns", "floor, ns", "ratio", "ratio to the floor at uniform positions"],
            [
                [
                    name,
                    spread(row["kernel"], 0),
                    spread(row["floor"], 0),
                    spread(ratios(row["kernel"], row["floor"])),
                    spread(ratios(row["kernel"], row["uniform floor"])),
                ]
                for name, row in kernels.items()
            ],
        ),
        "## From import to the first draw",
        "",
        "A fresh process imports the package and makes a contour run of 1000 steps. Cold: numba's "
        "cache of the package is empty, as once after installing. The target of the user is "
        "compiled in that process.",
        "",
        *markdown_table(
            ["start", "seconds"], [[name, spread(values)] for name, values in first_calls.items()]
        ),
        "## Many seeds",
        "",
        f"- {len(SEEDS)} seeds of contour SGLD: throughput on two threads over that on one "
        f"{spread(ratios(threads['1'], threads['2']))}. Other jobs on the processors lower it.",
        f"- The published comparison on E2, {len(E2_RACE)} methods with 2e5 gradients on "
        f"{len(SEEDS)} seeds: {spread(races)} s in all.",
        "",
    ]


def main():
    """Measure everything and write both files."""
    where = machine()
    kernels = measure_kernels()
    threads, races = measure_threads(), measure_race()
    first_calls = measure_first_calls()
    raw = {
        "machine": where,
        "nanoseconds": {
            name: {kind: summary(values) for kind, values in row.items()}
            for name, row in kernels.items()
        },
        "targets": goals_json(goals(kernels, first_calls)),
        "seconds": {
            "first draw": {name: summary(values) for name, values in first_calls.items()},
            "threads": {name: summary(values) for name, values in threads.items()},
            "race": summary(races),
        },
    }
    publish("RESULTS", raw, report(where, kernels, first_calls, threads, races))


if __name__ == "__main__":
    main()
