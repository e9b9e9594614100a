"""The comparison of the sources: SGLD, cycSGLD, reSGLD and CSGLD on E2, at equal gradients."""

import numpy as np

from csgld_core import exact, experiments, log_psi, metrics
from csgld_core.results.weights import total_variation
from csgld_core.targets import nine_modes

from .. import plotting
from .catalogue import BLOG, claim, experiment, figure, runs

TARGET = nine_modes()


@experiment(
    seeds=40,
    budget=experiments.E2_BUDGET,
    settings={**experiments.E2_RACE, **experiments.E2_RACE_TUNED},
)
def race(seeds):
    """The four methods, published and well tuned: arrays (seeds,), and the runs of one seed."""
    found, first = {}, {}
    for name, (sampler, settings) in race.settings.items():
        some = runs(sampler, seeds, **settings)
        first[name] = some[0]
        found[name] = {
            "histogram": _each(metrics.total_variation, some),
            "raw histogram": _each(
                lambda r, t: metrics.total_variation(r, t, weighted=False), some
            ),
            "masses": _each(metrics.mode_mass_error, some),
            "modes": _each(metrics.modes_met, some),
            "gradients a step": np.array(
                [r.gradient_evaluations / settings["steps"] for r in some]
            ),
            "swaps": np.array([r.swaps for r in some]),
        }
    return {**found, "first": first}


def _each(metric, some):
    return np.array([metric(run, TARGET) for run in some], dtype=float)


@figure(
    race,
    "The exact density, and weighted histograms of one run of each method, 200 000 gradients.",
)
def five_panels(found):
    return plotting.comparison(TARGET, {name: found["first"][name] for name in experiments.E2_RACE})


@figure(
    race,
    "Exact density, flattened density at the true energy PDF, and raw, weighted and resampled "
    "draws of one run of well-tuned CSGLD; above, their total variation from what they should be.",
)
def flattened_and_resampled(found):
    run, bins = found["first"]["CSGLD, BAOAB"], 50
    cells = exact.histogram_bins(TARGET, bins)
    positions = run.positions.reshape(-1, 2)
    resampled = run.resample(len(positions), seed=run.settings["seed"])
    maps = {
        "truth": exact.histogram(TARGET, bins),
        "flattened\n(exact, true θ)": flattened_histogram(bins),
        "raw draws": _share(cells, positions),
        "weighted draws": _share(cells, positions, run.weights().ravel()),
        "resampled draws": _share(cells, resampled),
    }
    fig, axes = plotting.figure(10, 2.5, 1, len(maps))
    highest = maps["truth"].max() * bins**2
    for ax, (title, masses) in zip(axes, maps.items(), strict=True):
        against = maps["flattened\n(exact, true θ)" if title == "raw draws" else "truth"]
        if "draws" in title:
            title += f"\nerror {total_variation(masses, against):.2f}"
        image = plotting.map_of(ax, TARGET, masses, bins, title, highest)
    fig.colorbar(image, ax=axes[-1], label="density, uniform = 1")
    return fig


def flattened_histogram(bins):
    """Cell masses (bins**2 + 1,) of the density flattened by the true energy PDF."""
    low, high = TARGET.box
    fine = 8 * bins
    axes = [a + (b - a) * (np.arange(fine) + 0.5) / fine for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    energies, settings = TARGET.energies(grid), experiments.E2_BAOAB
    partition, scheme, zeta = (settings[name] for name in ("partition", "scheme", "zeta"))
    theta = exact.energy_pdf(TARGET, partition)
    exactly = log_psi(energies, theta, partition, scheme, zeta=zeta, temperature=1.0)
    density = np.exp(-energies + energies.min() - zeta * exactly.values)
    masses = density.reshape(bins, 8, bins, 8).sum(axis=(1, 3)).ravel()
    return np.append(masses / masses.sum(), 0.0)


def _share(cells, positions, weights=None):
    masses = np.bincount(cells.index(positions), weights, cells.cells)
    return masses / masses.sum()


COMPARISON = f"{BLOG}, comparison with other methods"


@claim(
    race,
    "CSGLD visits all nine modes in every run",
    "this project",
    "modes with a draw",
    at_least=9,
    every=True,
)
def csgld_all_modes(found):
    return found["CSGLD"]["modes"]


@claim(
    race,
    "CSGLD is faster than SGLD",
    COMPARISON,
    "histogram error of SGLD minus that of CSGLD, at equal gradients",
    at_least=0,
)
def csgld_beats_sgld(found):
    return found["SGLD"]["histogram"] - found["CSGLD"]["histogram"]


@claim(
    race,
    "CSGLD is faster than cycSGLD",
    COMPARISON,
    "histogram error of cycSGLD minus that of CSGLD, at equal gradients",
    at_least=0,
)
def csgld_beats_cycsgld(found):
    return found["cycSGLD"]["histogram"] - found["CSGLD"]["histogram"]


@claim(
    race,
    "CSGLD is comparable to reSGLD",
    COMPARISON,
    "log2 of (mode-mass error of CSGLD / of reSGLD), at equal gradients: within a factor of two",
    at_most=1,
)
def csgld_like_resgld(found):
    return {
        "at the published settings": np.log2(found["CSGLD"]["masses"] / found["reSGLD"]["masses"]),
        "both well tuned, with BAOAB": np.log2(
            found["CSGLD, BAOAB"]["masses"] / found["reSGLD, BAOAB"]["masses"]
        ),
    }


@claim(
    race,
    "The flattened draws of CSGLD, weighted, give back the density",
    f"{BLOG}, flattened and reweighted densities",
    "relative fall of the histogram error by weighting",
    at_least=0.4,
)
def weights_repair(found):
    return 1 - found["CSGLD"]["histogram"] / found["CSGLD"]["raw histogram"]


TABLE = f"{BLOG}, table of features and costs"


@claim(
    race,
    "Replica exchange SGLD: swaps between chains",
    TABLE,
    "swaps in a run",
    at_least=1,
    every=True,
)
def resgld_swaps(found):
    return found["reSGLD"]["swaps"]


@claim(
    race,
    "Replica exchange SGLD costs parallel chains",
    TABLE,
    "gradients a step of reSGLD / of SGLD",
    at_least=1.9,
    every=True,
)
def resgld_costs_chains(found):
    return found["reSGLD"]["gradients a step"] / found["SGLD"]["gradients a step"]


@claim(
    race,
    "Contour SGLD costs a latent vector, not gradients",
    TABLE,
    "gradients a step of CSGLD / of SGLD",
    at_most=1,
    every=True,
)
def csgld_costs_no_gradients(found):
    return found["CSGLD"]["gradients a step"] / found["SGLD"]["gradients a step"]


@claim(
    race,
    "Tuned CSGLD beats tuned replica exchange",
    "nobody; often read into the comparison",
    "mode-mass error of reSGLD minus that of CSGLD, both with BAOAB",
    at_least=0,
)
def tuned_csgld_beats_tuned_resgld(found):
    return found["reSGLD, BAOAB"]["masses"] - found["CSGLD, BAOAB"]["masses"]


@claim(
    race,
    "Our scheme, tuning and BAOAB together make CSGLD more accurate",
    "this project",
    "mode-mass error of CSGLD as published minus that of ours",
    at_least=0,
)
def ours_better_than_published(found):
    return found["CSGLD"]["masses"] - found["CSGLD, BAOAB"]["masses"]


@experiment(seeds=40, budget=experiments.E2_BUDGET, settings=experiments.E2_CYCLICAL)
def cycles(seeds):
    """Mode-mass error (seeds,) of cycSGLD with one cycle, and with the published twenty."""
    sampler, settings = experiments.E2_RACE["cycSGLD"]
    return {
        n: _each(metrics.mode_mass_error, runs(sampler, seeds, **{**settings, "cycles": n}))
        for n in (1, settings["cycles"])
    }


@claim(
    cycles,
    "Cyclical SGLD: cyclic learning rates, and one cycle is not enough",
    TABLE,
    "mode-mass error of one cycle minus that of twenty, at equal gradients",
    at_least=0,
)
def cycsgld_needs_cycles(found):
    return found[1] - found[20]
