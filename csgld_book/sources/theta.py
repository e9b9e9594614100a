"""The energy PDF theta: one fixed point from any start, chains that share it, and Wang-Landau."""

from dataclasses import replace

import numpy as np

from csgld_core import (
    ContourScheme,
    contour_sgld,
    exact,
    experiments,
    interacting_contour_sgld,
    wang_landau,
)
from csgld_core.results.weights import total_variation
from csgld_core.targets import nine_modes

from .. import plotting
from .catalogue import BLOG, INTERACTING_PAPER, PAPER, claim, experiment, figure, runs

# --- one fixed point ------------------------------------------------------------------------------

TARGETS = {
    "E1": {**experiments.E1_CONTOUR, "steps": 1_000_000, "start": (4.0,)},
    "E2": experiments.E2_PUBLISHED,
    "E3": {**experiments.E3_INTERACTING, "chains": 1, "steps": 400_000},
}
# With limits, or the chains on E1 run away now and then. E3 has E2's schedule of gains.
LIMITS = {"clip": (-1.3, 0.3), "floor": 1e-10}
PUBLISHED = {
    "E1": replace(experiments.E1_PUBLISHED["scheme"], **LIMITS),
    "E2": ContourScheme.published(**LIMITS),
    "E3": ContourScheme.published(**LIMITS),
}


def starts(bins):
    """Energy PDFs (bins,) to start from: uniform; nearly all low, all high; rising with energy."""
    cell, tenth = np.arange(bins), bins // 10
    return {
        "uniform": np.ones(bins),
        "low": np.where(cell < tenth, 1.0, 1e-6),
        "high": np.where(cell >= bins - tenth, 1.0, 1e-6),
        "rising": np.exp(10 * cell / bins),
    }


@experiment(seeds=10, budget=1_000_000, settings=TARGETS)
def fixed_points(seeds):
    """theta (starts, seeds, snapshots, bins) on each target, as published and with our scheme.

    The random numbers are the same for all starts, so that theta's start is all that differs.
    """
    found = {}
    for kind, schemes in (("published", PUBLISHED), ("ours", dict.fromkeys(TARGETS))):
        for name, settings in TARGETS.items():
            scheme = schemes[name] or ContourScheme()
            settings = {**settings, "thin": settings["steps"]}
            found[kind, name] = np.array(
                [
                    [
                        run.energy_pdf_history
                        for run in runs(
                            contour_sgld,
                            seeds,
                            **{**settings, "scheme": replace(scheme, start=tuple(theta))},
                        )
                    ]
                    for theta in starts(settings["partition"].bins).values()
                ]
            )
    return found


def _gap_of_starts(found, kind, snapshot=-1):
    """Largest distance (targets, seeds) between thetas of different starts, of each target."""
    gaps = []
    for name in TARGETS:
        thetas = found[kind, name][:, :, snapshot]
        gaps.append(total_variation(thetas[:, None], thetas[None]).max(axis=(0, 1)))
    return np.array(gaps)


@figure(
    fixed_points,
    "Largest total variation between energy PDFs of four different starts against the share of "
    "the run, on three targets, with the published and with our scheme: mean and standard error.",
)
def starts_forgotten(found):
    fig, axes = plotting.figure(10, 3.2, 1, len(TARGETS), sharey=True)
    snapshots = found["ours", "E1"].shape[2]
    seen = np.unique(np.geomspace(1, snapshots, 20).astype(int)) - 1
    gaps = {
        kind: np.array([_gap_of_starts(found, kind, n) for n in seen])
        for kind in ("published", "ours")
    }
    for n, (ax, name) in enumerate(zip(axes, TARGETS, strict=True)):
        for kind, method in (("published", "CSGLD"), ("ours", "CSGLD, BAOAB")):
            plotting.bands(
                ax, (seen + 1) / snapshots, gaps[kind][:, n], kind, plotting.look(method)
            )
        wells = {"E1": "two modes", "E2": "nine modes", "E3": "25 wells"}[name]
        ax.set(title=f"{name}: {wells}", xscale="log", yscale="log", xlabel="share of the moves")
    axes[0].set(ylabel="total variation between starts")
    axes[0].legend(frameon=False)
    return fig


@claim(
    fixed_points,
    "The energy PDF converges to a unique fixed point regardless of the non-convexity of the "
    "energy",
    f"{BLOG}, estimate the energy PDF; {PAPER}, abstract",
    "largest total variation between energy PDFs of four starts with the same random numbers, on "
    "two, nine and 25 wells",
    at_most=0.1,
)
def theta_forgets_its_start(found):
    return {
        "with the published gain and schedule, and limited slopes": _gap_of_starts(
            found, "published"
        ).max(axis=0),
        "with the consistent gain and our schedule": _gap_of_starts(found, "ours").max(axis=0),
    }


@claim(
    fixed_points,
    "The energy PDF is gradually estimated",
    f"{BLOG}, estimate the energy PDF",
    "log10 of (total variation from the truth after a hundredth of the run / at its end), nine "
    "modes",
    at_least=0,
)
def theta_is_learned_gradually(found):
    thetas, truth = found["published", "E2"][0], _truth("E2")
    early, late = (total_variation(thetas[:, n], truth) for n in (thetas.shape[1] // 100 - 1, -1))
    return np.log10(early / late)


def _truth(name):
    return exact.energy_pdf(TARGETS[name]["target"], TARGETS[name]["partition"])


# --- chains that share theta ----------------------------------------------------------------------

CHAINS = experiments.E3_INTERACTING["chains"]
GRADIENTS = CHAINS * experiments.E3_INTERACTING["steps"]
# The theory is about gains that fall more slowly than 1 / k, such as the published ones.
SLOW = ContourScheme(gain_schedule=ContourScheme.published().gain_schedule)
ARRANGEMENTS = {
    "one chain": (contour_sgld, 1),
    f"{CHAINS} independent chains": (contour_sgld, CHAINS),
    f"{CHAINS} chains that share θ": (interacting_contour_sgld, CHAINS),
}


@experiment(seeds=400, budget=GRADIENTS, settings={**experiments.E3_INTERACTING, "scheme": SLOW})
def interacting_chains(seeds):
    """theta (seeds, snapshots, bins) on E3 by arrangement, at equal numbers of gradients."""
    found = {}
    for name, (sampler, chains) in ARRANGEMENTS.items():
        steps = GRADIENTS // chains
        changes = {"chains": chains, "steps": steps, "thin": steps, "scheme": SLOW}
        enough = seeds[:80] if "independent" in name else seeds  # no claim rests on those
        some = runs(sampler, enough, **{**experiments.E3_INTERACTING, **changes})
        found[name] = np.array([run.energy_pdf_history for run in some])
    return found


def _spread(thetas):
    """Squared distances (seeds,) from the mean; their mean is the variance, summed over cells."""
    n = len(thetas)
    return ((thetas - thetas.mean(axis=0)) ** 2).sum(axis=-1) * n / (n - 1)


@figure(
    interacting_chains,
    "Variance of the energy PDF over the seeds, summed over cells, against gradients: one chain, "
    "five independent ones (80 seeds at most) and five that share it, with bands of one standard "
    "error. Variances rise at first because theta has hardly left its common start: they are no "
    "errors.",
)
def interacting_variance(found):
    fig, ax = plotting.figure(7, 3.4)
    looks = ("SGLD", "reSGLD", "CSGLD")
    for (name, thetas), method in zip(found.items(), looks, strict=True):
        shots = thetas.shape[1]
        seen = np.unique(np.geomspace(4, shots, 16).astype(int)) - 1
        values = np.array([_spread(thetas[:, n]) for n in seen])
        plotting.bands(ax, GRADIENTS * (seen + 1) / shots, values, name, plotting.look(method))
    ax.set(xscale="log", yscale="log", xlabel="gradients, of all chains together")
    ax.set(ylabel="variance of θ")
    ax.legend(frameon=False)
    return fig


@claim(
    interacting_chains,
    "Interacting chains estimate the energy PDF with less variance than a single one, at the same "
    "budget",
    f"{INTERACTING_PAPER}, abstract",
    "relative fall of the spread of theta over seeds (mean distance from its mean)",
    at_least=0,
)
def interacting_beats_single(found):
    # Distances, not their squares: a few seeds would decide those.
    one, _, shared = (np.sqrt(_spread(thetas[:, -1])) for thetas in found.values())
    return (one - shared) / one.mean()


# --- Wang-Landau ----------------------------------------------------------------------------------


@experiment(seeds=20, budget=400_000, settings={**experiments.E2_PUBLISHED, "steps": 400_000})
def both_flat_histograms(seeds):
    """theta (seeds, bins) on E2, by Wang-Landau, by CSGLD as published, and with a correction."""
    exact_target = nine_modes()
    settings = {**experiments.E2_PUBLISHED, "steps": 400_000, "thin": 400_000}
    metropolis = {
        "target": exact_target,
        "integrator": "mala",
        "step_size": 0.02,
        "scheme": ContourScheme(slope="smooth"),
    }
    walks = runs(
        wang_landau,
        seeds,
        model=exact_target,
        partition=settings["partition"],
        steps=400_000,
        step_size=0.5,
    )
    return {
        "Wang-Landau": np.array([walk.energy_pdf(1.0) for walk in walks]),
        "published": np.array([r.energy_pdf for r in runs(contour_sgld, seeds, **settings)]),
        "metropolis": np.array(
            [r.energy_pdf for r in runs(contour_sgld, seeds, **{**settings, **metropolis})]
        ),
    }


@claim(
    both_flat_histograms,
    "Contour SGLD can be viewed as a Wang-Landau algorithm (that it is scalable is not tested)",
    f"{BLOG}, last paragraph",
    "total variation between the energy PDF that Wang-Landau learns and that of CSGLD",
    at_most=0.05,
)
def like_wang_landau(found):
    walked = found["Wang-Landau"]
    return {
        "as published": total_variation(walked, found["published"]),
        "with exact energies, Metropolis correction and our scheme": (
            total_variation(walked, found["metropolis"])
        ),
    }
