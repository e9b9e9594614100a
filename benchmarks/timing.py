"""How the benchmarks time, compare and report."""

import json
import os
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from csgld_core import files

HERE = Path(__file__).parent
SEED = 1
CAUTION = (
    "Medians of interleaved rounds, quartiles in brackets. The machine was **shared and noisy**: "
    "trust ratios, which compare neighbours in time, before times."
)


class Goal(NamedTuple):
    """A measured quantity and the bound that its median should keep."""

    what: str
    values: list
    bound: float
    at_least: bool = False  # else at most

    @property
    def met(self):
        median = np.median(self.values)
        return median >= self.bound if self.at_least else median <= self.bound


# --- measuring ------------------------------------------------------------------------------------


def seconds(function, *args, clock=time.perf_counter, **keywords):
    """Seconds that one call takes."""
    start = clock()
    function(*args, **keywords)
    return clock() - start


def step_time(sampler, settings, short, long):
    """Nanoseconds a step: a long run minus a short one, so that all set-up cancels.

    By the processor's clock, which stands still while another job has the processor.
    """
    once = [
        seconds(sampler, clock=time.process_time, **{**settings, "steps": steps, "seed": SEED})
        for steps in (short, long)
    ]
    return 1e9 * (once[1] - once[0]) / (long - short)


def floor_time(floor, path):
    """Nanoseconds a turn of a compiled floor."""
    generator = np.random.default_rng(SEED)
    return 1e9 * seconds(floor, generator, path, clock=time.process_time) / len(path)


def interleave(tasks, rounds, description):
    """Call every task once a round, in rotating order.

    Returns
    -------
    dict of name -> list of results, round by round
    """
    names, results = list(tasks), {name: [] for name in tasks}
    with tqdm(total=rounds * len(names), desc=description) as bar:
        for r in range(rounds):
            first = r % len(names)
            for name in names[first:] + names[:first]:
                results[name].append(tasks[name]())
                bar.update()
    return results


def ratios(over, under):
    """Ratios round by round: both were measured within a second."""
    return (np.array(over) / np.array(under)).tolist()


def machine():
    """Versions, processors, and how busy they are."""
    return {
        **files.versions(),
        "processors": os.cpu_count(),
        "load average": f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown",
    }


# --- reporting ------------------------------------------------------------------------------------


def described(machine):
    """A machine in one line."""
    return ", ".join(f"{name} {value}" for name, value in machine.items()) + " at the start."


def summary(values):
    """Median and quartiles."""
    low, middle, high = np.percentile(values, [25, 50, 75]).tolist()
    return {"median": middle, "quartiles": [low, high], "values": [float(v) for v in values]}


def spread(values, digits=2):
    """Median and quartiles as text."""
    low, middle, high = np.percentile(values, [25, 50, 75])
    return f"{middle:,.{digits}f} ({low:,.{digits}f} to {high:,.{digits}f})"


def markdown_table(header, rows):
    """Lines of a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines] + [""]


def goals_table(goals):
    """Lines of a Markdown table of goals met and not met."""
    rows = [
        [
            goal.what,
            spread(goal.values),
            f"{'≥' if goal.at_least else '≤'} {goal.bound:g}",
            "met" if goal.met else "not met",
        ]
        for goal in goals
    ]
    return markdown_table(["what", "measured", "target", ""], rows)


def goals_json(goals):
    """The same, ready for JSON."""
    return [
        {"what": g.what, "least" if g.at_least else "most": g.bound, **summary(g.values)}
        for g in goals
    ]


def write(path, text):
    """Write a file, all or nothing."""
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def publish(name, raw, lines):
    """Write NAME.md and its raw numbers, name.json, and print the former."""
    text = "\n".join(lines)
    write(HERE / f"{name.lower()}.json", json.dumps(raw, indent=1) + "\n")
    write(HERE / f"{name}.md", text)
    print(text)
