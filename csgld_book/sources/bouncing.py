"""Learning rates along the paths of CSGLD on E2: where they shrink and turn negative, and why."""

import numpy as np

from csgld_core import ContourScheme, EnergyPartition, contour_sgld, exact, experiments, sgld
from csgld_core.targets import nine_modes

from .. import paths, plotting
from .catalogue import BLOG, PAPER, claim, experiment, figure, runs

TARGET = nine_modes()
PUBLISHED = experiments.E2_PUBLISHED
LIMITED = {**PUBLISHED, "scheme": ContourScheme()}  # ours: slopes limited, gain consistent
LOWEST_PASS = 0.2348  # energy of the lowest saddle: below it the particle is in a well
LOWEST = -20.0 / 3.0  # energy
LOW = LOWEST + (LOWEST_PASS - LOWEST) / 3.0  # the lowest third of the wells

# --- one run, move by move ------------------------------------------------------------------------

PARTS = {"early": 0, "middle": 100_000, "late": 199_000}
LENGTH = 1000


@experiment(seeds=1, budget=experiments.E2_BUDGET, settings=PUBLISHED)
def moves(seeds):
    """One run of SGLD and one of CSGLD, every move kept."""
    return {
        "SGLD": runs(sgld, seeds, **{**experiments.E2_SGLD, "thin": 1})[0],
        "CSGLD": runs(contour_sgld, seeds, **{**PUBLISHED, "thin": 1})[0],
    }


@figure(
    moves,
    "Paths of SGLD (top) and CSGLD (bottom), early, middle and late: moves with a negative "
    "learning rate are blue arrows, the others orange lines. At the end of each part the learning "
    "rate is on average negative in zones striped blue (bouncy), larger than SGLD's in zones "
    "dotted orange (absorbing).",
)
def sgld_and_csgld_paths(found):
    return paths.parts(found, PUBLISHED, PARTS, LENGTH)


@figure(
    moves,
    "Energy of the particle (top) and its gradient multiplier (bottom) along one run of CSGLD: "
    "negative ones are blue triangles, the line is the median of 2 000 moves; points end at 3.5.",
)
def learning_rate(found):
    run, every, window = found["CSGLD"], 50, 2_000
    fig, (top, bottom) = plotting.figure(10, 4.5, 2, 1, sharex=True)
    steps, multiplier = run.steps, run.multipliers[0]
    top.plot(steps[::every], run.exact_energies[0, ::every], color="0.4", linewidth=0.5)
    top.axhline(LOWEST_PASS, color="k", linestyle="--", linewidth=1)
    top.text(1.005 * steps[-1], LOWEST_PASS, "lowest\npass", va="center")
    top.set(ylabel="energy u", xlim=(0, steps[-1]))
    shown = np.clip(multiplier, -2.5, 3.5)[::every]
    for chosen, marker, colour in (
        (shown >= 0, ".", paths.PULLED),
        (shown < 0, "^", paths.BOUNCY),
    ):
        style = {"color": colour, "markersize": 3, "markeredgewidth": 0}
        bottom.plot(steps[::every][chosen], shown[chosen], marker, **style)
    medians = np.median(multiplier.reshape(-1, window), axis=1)
    bottom.plot(steps.reshape(-1, window).mean(axis=1), medians, "k", linewidth=1.2)
    bottom.axhline(1, color="k", linestyle=":", linewidth=1)
    bottom.axhline(0, color="k", linewidth=0.8)
    bottom.set(xlabel="moves", ylabel="gradient multiplier", ylim=(-2.7, 3.7))
    return fig


# --- many runs ------------------------------------------------------------------------------------

SHOWN = EnergyPartition(-7.0, 8.0, 30)  # energies, for histograms
SPANS = {"first 2 %": (0.0, 0.02), "2 to 10 %": (0.02, 0.1), "second half": (0.5, 1.0)}


@experiment(seeds=20, budget=experiments.E2_BUDGET, settings=PUBLISHED)
def walks(seeds):
    """Energies and multipliers of SGLD, of CSGLD as published, and with our scheme."""
    kinds = {
        "SGLD": (sgld, experiments.E2_SGLD),
        "published": (contour_sgld, PUBLISHED),
        "limited": (contour_sgld, LIMITED),
    }
    return {name: _walk(runs(sampler, seeds, **s)) for name, (sampler, s) in kinds.items()}


def _walk(some):
    """Of each run: histograms of energy (spans, seeds, cells), and multipliers at low energies."""
    energies = np.array([run.exact_energies[0] for run in some])
    multipliers = np.array([run.multipliers[0] for run in some])
    low, above = energies < LOW, energies > LOWEST_PASS
    n = energies.shape[1]

    def parts(begin, end):
        return slice(round(begin * n), round(end * n))

    def shares(part, chosen):
        count = np.maximum(chosen[:, part].sum(axis=1), 1)
        return ((multipliers < 0) & chosen)[:, part].sum(axis=1) / count

    everything, early = parts(0, 1), parts(0, 0.05)
    return {
        "histograms": np.array([_histograms(energies[:, parts(*s)]) for s in SPANS.values()]),
        "mean": (multipliers * low).sum(axis=1) / np.maximum(low.sum(axis=1), 1),
        "negative": shares(everything, low),
        "negative above": shares(everything, above),
        "negative, early": shares(early, low),
        "negative above, early": shares(early, above),
    }


def _histograms(energies):
    counts = [np.histogram(row, SHOWN.edges)[0] for row in energies]  # few are above
    return np.array(counts) / energies.shape[1]


def _flatness(shares):
    """exp(entropy) of histograms (seeds, cells), in units of all cells."""
    shares = shares / shares.sum(axis=1, keepdims=True)
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    return np.exp(-(shares * logs).sum(axis=1)) / shares.shape[1]


@figure(
    walks,
    "Histogram of the energies that CSGLD visits, flattening over time: mean and standard error "
    "of the seeds; SGLD's, and the one that the true energy PDF would give.",
)
def energy_histogram(found):
    fig, axes = plotting.figure(10, 3, 1, len(SPANS), sharey=True)
    theta = exact.energy_pdf(TARGET, EnergyPartition(SHOWN.low, SHOWN.high, SHOWN.bins))
    flat = theta ** (1 - PUBLISHED["zeta"])
    for n, (ax, span) in enumerate(zip(axes, SPANS, strict=True)):
        for name, method in (("SGLD", "SGLD"), ("published", "CSGLD")):
            shares = found[name]["histograms"][n]
            plotting.bands(ax, SHOWN.centres, shares.T, method)
        ax.plot(SHOWN.centres, flat / flat.sum(), "k", linewidth=1, label="θ* flattened")
        ax.axhline(1 / SHOWN.bins, color="k", linestyle=":", linewidth=1, label="flat")
        own, plain = (_flatness(found[k]["histograms"][n]).mean() for k in ("published", "SGLD"))
        ax.set(title=f"{span} of the moves\nflatness: CSGLD {own:.2f}, SGLD {plain:.2f}")
        ax.set(xlabel="energy u")
    axes[0].set(ylabel="share of the draws")
    axes[-1].legend(frameon=False)
    return fig


TRAJECTORY = f"{BLOG}, sample trajectory in terms of learning rates"


@claim(
    walks,
    "Learning rates become smaller in low energy regions",
    f"{TRAJECTORY}; {PAPER}",
    "mean gradient multiplier in the lowest third of the wells",
    at_most=1,
)
def learning_rate_shrinks(found):
    return {
        "as published": found["published"]["mean"],
        "with limited slopes": found["limited"]["mean"],
    }


@claim(
    walks,
    "Learning rates become negative in low energy regions",
    f"{TRAJECTORY}; {PAPER}",
    "share of moves with a negative multiplier in the lowest third of the wells",
    at_least=0.01,
)
def learning_rate_turns_negative(found):
    return found["published"]["negative"]


@claim(
    walks,
    "It is in low energy regions that learning rates are negative",
    f"{TRAJECTORY}; {PAPER}",
    "share of negative multipliers in the lowest third of the wells minus that above them",
    at_least=0,
)
def negative_where_energy_is_low(found):
    published = found["published"]
    return {
        "whole run": published["negative"] - published["negative above"],
        "in the first twentieth of it": (
            published["negative, early"] - published["negative above, early"]
        ),
    }


DEMO = f"{BLOG}, demo of the energy PDF"


@claim(
    walks,
    "CSGLD moves quite freely in the energy space",
    DEMO,
    "flatness of the energies visited in the second half, between -7 and 8: exp(entropy of the "
    "histogram) / cells, 1 if flat",
    at_least=0.5,
)
def moves_freely_in_energy(found):
    return _flatness(found["published"]["histograms"][-1])


@experiment(seeds=20, budget=1_000, settings=PUBLISHED)
def beginnings(seeds):
    """Distance (seeds,) of CSGLD from SGLD with the same random numbers, after the first moves."""
    first = {"steps": beginnings.budget, "thin": beginnings.budget}
    plain = runs(sgld, seeds, **{**experiments.E2_SGLD, **first})
    bouncy = runs(contour_sgld, seeds, **{**PUBLISHED, **first})
    gaps = [a.positions[0, -1] - b.positions[0, -1] for a, b in zip(plain, bouncy, strict=True)]
    return {"distance": np.linalg.norm(gaps, axis=1)}


@claim(
    beginnings,
    "In the beginning, CSGLD behaves similarly to SGLD",
    DEMO,
    "distance of their paths with the same random numbers, in half widths of a well, after 1 000 "
    "of 200 000 moves",
    at_most=0.1,
)
def begins_like_sgld(found):
    return found["distance"] / 0.845232  # where the basins meet


@experiment(seeds=160, budget=experiments.E2_BUDGET, settings=PUBLISHED)
def escapes(seeds):
    """log10 of the moves (seeds,) until the first well is left; the whole run if never."""
    faded = {**PUBLISHED, "scheme": ContourScheme(clip=(-1.0, 0.3))}  # to 0, never below
    kinds = {
        "SGLD": (sgld, experiments.E2_SGLD),
        "published": (contour_sgld, PUBLISHED),
        "fading": (contour_sgld, faded),
        "reversing": (contour_sgld, LIMITED),
    }
    home = TARGET.mode_index([PUBLISHED["start"]])[0]
    found = {}
    for name, (sampler, settings) in kinds.items():
        some = runs(sampler, seeds, **settings)
        away = np.array([TARGET.mode_index(run.positions[0]) != home for run in some])
        first = np.where(away.any(axis=1), away.argmax(axis=1) + 1, away.shape[1])
        found[name] = np.log10(first * settings["thin"])
    return found


@claim(
    escapes,
    "CSGLD possesses a self-adjusting mechanism to escape local traps",
    TRAJECTORY,
    "log10 of (moves of SGLD / moves of CSGLD) until the first well is left",
    at_least=0,
)
def escapes_local_traps(found):
    return found["SGLD"] - found["published"]


@claim(
    escapes,
    "Negative learning rates help to escape local traps",
    f"{BLOG}, subtitle",
    "log10 of (moves with multipliers down to 0 / with multipliers down to -0.3) until the first "
    "well is left",
    at_least=0,
)
def negative_rates_help(found):
    return found["fading"] - found["reversing"]
