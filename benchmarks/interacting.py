"""How well theta is learned: chains that share it against independent ones, at equal gradients.

    python -m benchmarks.interacting

writes INTERACTING.md and interacting.json. On E2 with exact energies, so that the truth theta* is
known by quadrature. For each arrangement and gain schedule: the variance of theta over seeds, and
its squared distance from theta*, both summed over cells.
"""

import json
import warnings
from pathlib import Path

import numpy as np

import csgld_core as cc
from csgld_core.experiments import E2_BAOAB

from .timing import markdown_table, write

HERE = Path(__file__).parent
SEEDS = range(500, 540)
GRADIENTS, CHAINS = 400_000, 8
TARGET = cc.targets.nine_modes()
# MALA: the bias of a step size would hide the variance.
SETTINGS = {**E2_BAOAB, "target": TARGET, "integrator": "mala", "step_size": 0.02, "start": None}
SCHEDULES = {
    "default, 30 / k": (0.05, 30.0, 1.0, 0.0),
    "slow, 3 / k^0.7": (0.05, 3.0, 0.7, 0.0),
}
ARRANGEMENTS = {
    "one chain": (cc.contour_sgld, 1),
    f"{CHAINS} independent chains, one of them": (cc.contour_sgld, CHAINS),
    f"{CHAINS} independent chains, their mean": (cc.contour_sgld, CHAINS),
    f"{CHAINS} chains that share theta": (cc.interacting_contour_sgld, CHAINS),
}


def thetas(name, schedule):
    """The energy PDF of every seed, (seeds, bins)."""
    sampler, chains = ARRANGEMENTS[name]
    scheme = cc.ContourScheme(slope="smooth", gain_schedule=schedule)
    steps = GRADIENTS // chains
    settings = {**SETTINGS, "steps": steps, "thin": steps, "burn_in": 0, "scheme": scheme}
    runs = cc.parallel.replicate(sampler, SEEDS, chains=chains, **settings)
    return np.array([r.energy_pdf if "mean" in name else r.energy_pdfs[0] for r in runs])


def jackknifed(found, statistic):
    """A statistic over seeds and its standard error by the jackknife."""
    n = len(found)
    left_out = np.array([statistic(np.delete(found, i, axis=0)) for i in range(n)])
    spread = ((left_out - left_out.mean()) ** 2).sum()
    return float(statistic(found)), float(np.sqrt((n - 1) / n * spread))


def measure():
    """One row for each arrangement and schedule."""
    truth = cc.exact.energy_pdf(TARGET, SETTINGS["partition"])
    rows = []
    for schedule, numbers in SCHEDULES.items():
        for name in ARRANGEMENTS:
            found = thetas(name, numbers)
            row = {"schedule": schedule, "chains": name}
            row["variance"] = jackknifed(found, lambda t: t.var(axis=0, ddof=1).sum())
            row["squared error"] = jackknifed(
                found, lambda t: ((t - truth) ** 2).sum(axis=1).mean()
            )
            rows.append(row)
            print(row, flush=True)
    return rows


def conclusion(rows):
    """The variance of a shared theta in units of the others', for each gain."""
    sentences = []
    for schedule in SCHEDULES:
        one, single, mean, shared = (
            row["variance"][0] for row in rows if row["schedule"] == schedule
        )
        sentences.append(
            f"With the gain *{schedule}* the variance of a shared theta is {shared / single:.2f} "
            f"times that of one of {CHAINS} independent chains, {shared / mean:.2f} times that of "
            f"their mean, and {shared / one:.2f} times that of one long chain."
        )
    return " ".join(sentences)


def report(rows):
    """INTERACTING.md as text."""

    def shown(pair):
        return f"{1e5 * pair[0]:.1f} ± {1e5 * pair[1]:.1f}"

    lines = [
        "# Shared or independent energy PDFs",
        "",
        f"Written by `make map`. E2 without noise, {GRADIENTS:,} gradients in all, "
        f"{len(SEEDS)} seeds, the same for every row. Variance of theta over seeds, and mean "
        "squared distance from theta*, both summed over cells, times 100 000; ± is one standard "
        "error (jackknife). The gain is omega_k. "
        "Variances divide by the number of seeds less one, squared errors by their number.",
        "",
        conclusion(rows),
        "",
        *markdown_table(
            ["gain", "chains", "variance", "squared error"],
            [
                [
                    row["schedule"],
                    row["chains"],
                    shown(row["variance"]),
                    shown(row["squared error"]),
                ]
                for row in rows
            ],
        ),
    ]
    return "\n".join(lines)


def main():
    """Measure and write both files."""
    warnings.simplefilter("ignore", UserWarning)
    rows = measure()
    write(HERE / "interacting.json", json.dumps(rows, indent=1) + "\n")
    write(HERE / "INTERACTING.md", report(rows))


if __name__ == "__main__":
    main()
