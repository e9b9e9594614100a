"""E1, two modes in one dimension: what the blog post and the CSGLD paper show and say of it.

"As published" is here the published slopes, gain, gain schedule and weights, with two safeguards of
ours, clipped slopes and a floor of theta: without them a third of the chains run away. Changes come
one at a time: continuous weights, then the consistent gain too. KSGLD knows theta*, which
quadrature finds, and keeps it.
"""

import functools
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy import stats

from csgld_core import (
    annealed_importance_sampling,
    contour_sgld,
    exact,
    importance,
    log_psi,
    metrics,
    sgld,
)
from csgld_core.experiments import E1_CONTOUR, E1_PUBLISHED, E1_SGLD
from csgld_core.results.weights import total_variation
from csgld_core.targets import two_modes
from csgld_core.truth.quadrature import DEPTH

from .. import plotting
from ..claims import mean_and_error
from .catalogue import BLOG, PAPER, claim, experiment, figure, runs

TARGET = two_modes()  # exact; the samplers see E1's, which is noisy
LEFT, RIGHT = TARGET.modes[:, 0]
PARTITION, ZETA = E1_CONTOUR["partition"], E1_CONTOUR["zeta"]
UNLIMITED = E1_PUBLISHED["scheme"]
PUBLISHED = replace(UNLIMITED, clip=(-1.3, 0.3), floor=1e-10)
CONTINUOUS = replace(PUBLISHED, weights="continuous")
CONSISTENT = replace(CONTINUOUS, gain="consistent")
LOOKS = {
    "SGLD": plotting.look("SGLD"),
    "CSGLD, as published": plotting.look("CSGLD"),
    "CSGLD, continuous weights": {"color": "#56B4E9", "marker": "s", "linestyle": "--"},
    "KSGLD": {"color": "#CC79A7", "marker": "h", "linestyle": "-.", "markerfacecolor": "white"},
}


# --- by quadrature --------------------------------------------------------------------------------


@functools.cache
def theta_star():
    """The energy PDF of E1 (bins,)."""
    return exact.energy_pdf(TARGET, PARTITION)


def knowing(scheme):
    """The scheme with theta at theta*, for good."""
    return replace(scheme, start=tuple(theta_star()), gain_schedule=(0.05, 0.0, 1.0, 0.0))


def line(depth=DEPTH):
    """Positions (n,) on a fine grid, as far as the density is within exp(-depth) of its highest."""
    return np.linspace(*exact.domain(TARGET, 1.0, depth).ravel(), 20_001)


def flattened_energy(x, zeta=ZETA, scheme=CONSISTENT):
    """U + zeta tau log Psi(U) at positions x (n,), with theta*."""
    u = TARGET.energies(x[:, None])
    exactly = log_psi(u, theta_star(), PARTITION, scheme, zeta=zeta, temperature=1.0)
    return u + zeta * exactly.values


def density_of(energy, x):
    """exp(-energy), normalised on an even grid."""
    density = np.exp(energy.min() - energy)
    return density / (density.sum() * (x[1] - x[0]))


class Climb(NamedTuple):
    """The largest rise of an energy along a path."""

    start: float  # position
    top: float  # position
    low: float  # energy
    high: float  # energy

    @property
    def barrier(self):
        """How high (energy)."""
        return self.high - self.low


def climb(x, energy):
    """The `Climb` along positions x (n,) in their order."""
    top = np.argmax(energy - np.minimum.accumulate(energy))
    start = np.argmin(energy[: top + 1])
    return Climb(x[start], x[top], energy[start], energy[top])


def climbs(x, energy):
    """The climbs from the left mode to the right one, and back."""
    way = (x >= LEFT) & (x <= RIGHT)
    return climb(x[way], energy[way]), climb(x[way][::-1], energy[way][::-1])


def barriers_of(energy, x):
    """Heights (2,) of the barriers from the left and from the right mode."""
    return np.array([found.barrier for found in climbs(x, energy)])


# --- the original density, and SGLD ---------------------------------------------------------------


@experiment(seeds=10, budget=1_000_000, settings={**E1_SGLD, "steps": 1_000_000, "thin": 100})
def local_traps(seeds, steps=1_000_000):
    """Runs of SGLD that start in the left, and in the right mode."""
    settings = {**E1_SGLD, "steps": steps, "thin": 100}
    return {
        side: runs(sgld, seeds, **{**settings, "start": [mode]})
        for side, mode in (("left", LEFT), ("right", RIGHT))
    }


@figure(
    local_traps,
    "The original density of E1, and the histograms of two runs of SGLD of a million steps, one of "
    "each start.",
)
def original_density(found):
    fig, axes = plotting.figure(10, 3.0, 1, 3, sharey=True)
    x, masses = line(20.0), exact.mode_masses(TARGET)
    plotting.stages(axes[0], x, {"original": density_of(TARGET.energies(x[:, None]), x)})
    axes[0].set(title="the original density:\n{:.0%} and {:.0%}".format(*masses), ylabel="density")
    for ax, (side, some) in zip(axes[1:], found.items(), strict=True):
        left = [metrics.transitions(run, TARGET) for run in some]
        plotting.density(ax, TARGET, {"SGLD": some[0]})
        stayed = f"{left.count(0)} of {len(some)} runs never left it"
        ax.set(title=f"SGLD, begun in the {side} mode:\n{stayed}", ylim=(0, 0.6), ylabel="")
    return fig


@claim(
    local_traps,
    "SGLD suffers from the local trap issue on a Gaussian mixture",
    f"{BLOG}, importance sampling; {PAPER}, synthetic experiments",
    "error of the mean of SGLD on E1 after 1e6 steps, in widths of a mode, mean of two starts",
    at_least=1.0,
)
def sgld_stuck(found):
    truth = exact.moments(TARGET).mean[0]
    return np.mean([[abs(run.mean()[0] - truth) for run in some] for some in found.values()], 0)


# --- the identity of importance sampling ----------------------------------------------------------


@experiment(seeds=20, budget=100_000, settings={"target": TARGET, "zeta": ZETA})
def flattened_draws(seeds, draws=100_000):
    """Independent draws (draws,) of the flattened density for each seed, and their weights."""
    x = line()
    mass = np.cumsum(density_of(flattened_energy(x), x))
    found = []
    for seed in seeds:
        drawn = np.interp(np.random.default_rng(seed).random(draws), mass / mass[-1], x)
        log_ratio = flattened_energy(drawn) - TARGET.energies(drawn[:, None])
        found.append((drawn, importance.normalise(log_ratio)))
    return found


@figure(
    flattened_draws,
    "E_π[f] = E_ϖ[f π/ϖ] in four pictures: the original density π, which is hard to sample; "
    "independent draws of the flattened density ϖ; their weights; and the weighted histogram, "
    "which is π again.",
)
def importance_identity(found):
    x = line(20.0)
    original, flat = (density_of(e, x) for e in (TARGET.energies(x[:, None]), flattened_energy(x)))
    drawn, weights = found[0]
    raw = mean_and_error([drawn.mean() for drawn, _ in found])
    means = mean_and_error([weights @ drawn for drawn, weights in found])
    fig, axes = plotting.figure(10, 3.2, 1, 4)
    equal = np.ones(len(drawn))
    panels = (
        (axes[0], {"original": original}, None),
        (axes[1], {"flattened": flat}, {"flattened": (drawn, equal)}),
        (axes[3], {"original": original}, {"reweighted": (drawn, weights)}),
    )
    for ax, curves, draws in panels:
        plotting.stages(ax, x, curves, draws, ylim=(0, 0.33))
    way = (x >= LEFT) & (x <= RIGHT)
    for ax, curve, name in ((axes[0], original, "π"), (axes[1], flat, "ϖ")):
        valley = x[way][np.argmin(curve[way])], curve[way].min()
        look = {"arrowstyle": "->", "linewidth": 0.8}
        words = f"{name} = {valley[1]:.1g}"
        ax.annotate(words, valley, (valley[0], curve.max() + 0.02), ha="center", arrowprops=look)
    axes[2].plot(x, original / flat, color=plotting.STAGES["reweighted"]["color"])
    axes[2].set(xlabel="position x", xlim=(x[0], x[-1]), ylim=(0, None), ylabel="weight π / ϖ")
    axes[0].set_ylabel("density")
    words = "{}\nmean {:.3f} ± {:.3f}"
    titles = (
        f"1. hard: π\nmean {abs(exact.moments(TARGET).mean[0]):.0f}",
        words.format("2. easier: ϖ", *raw),
        "3. the weight\nof each draw",
        words.format("4. weighted: π", *means),
    )
    for ax, title in zip(axes, titles, strict=True):
        ax.set_title(title.replace("-", "−"))
    return fig


@claim(
    flattened_draws,
    "With the importance weight we obtain an estimate indirectly by sampling from a new density",
    f"{BLOG}, importance sampling",
    "error of E[x] from 1e5 weighted draws of the flattened density, in standard deviations of x",
    at_most=0.02,
)
def importance_weights(found):
    truth = exact.moments(TARGET)
    spread = np.sqrt(truth.second[0] - truth.mean[0] ** 2)
    return [abs(weights @ drawn - truth.mean[0]) / spread for drawn, weights in found]


# --- the flattened energy -------------------------------------------------------------------------


@experiment(seeds=0, budget=0, settings={"target": TARGET, "partition": PARTITION})
def flattening(seeds):
    """Original and flattened energies on a grid, with the published slopes as they are."""
    x = line(20.0)
    return {
        "x": x,
        "original": TARGET.energies(x[:, None]),
        "flattened": {zeta: flattened_energy(x, zeta, UNLIMITED) for zeta in (0.5, 0.75, 1.0)},
    }


def _draw_climbs(ax, x, energy, stage):
    """Arrows from the bottom of each climb to the height of its top, with the barriers above."""
    style = {"color": plotting.STAGES[stage]["color"]}
    for side, found in zip((-1, 1), climbs(x, energy), strict=True):
        ax.hlines(found.high, *sorted((found.start, found.top)), linewidth=0.6, **style)
        ends = {"xy": (found.start, found.high), "xytext": (found.start, found.low)}
        ax.annotate("", **ends, arrowprops={"arrowstyle": "->", **style})
        beside = side if abs(found.start - 0.5 * (LEFT + RIGHT)) < 2.5 else -side
        place = found.start + 0.2 * beside, found.high + 0.2
        align = {"ha": "right" if beside < 0 else "left", "va": "bottom"}
        ax.text(*place, f"{found.barrier:.2f}", fontsize=9, **align, **style)


@figure(
    flattening,
    "The original and the flattened energy of E1 for three values of the flattening ζ, with the "
    "published slopes and the true energy PDF. Arrows: the largest rise on the way from either "
    "mode to the other.",
)
def barriers(found):
    x = found["x"]
    way = (x >= LEFT) & (x <= RIGHT)
    fig, axes = plotting.figure(10, 3.6, 1, len(found["flattened"]), sharey=True)
    for ax, (zeta, energy) in zip(axes, found["flattened"].items(), strict=True):
        curves = {"original": found["original"], "flattened": energy}
        curves = {stage: values - values[way].min() for stage, values in curves.items()}
        plotting.stages(ax, x, curves, title=f"ζ = {zeta:g}", ylim=(-1.5, 19))
        for stage, values in curves.items():
            _draw_climbs(ax, x, values, stage)
    axes[0].set_ylabel("energy above the lowest")
    return fig


@claim(
    flattening,
    "The flattened density is easier than the original: its barriers are lower",
    f"{BLOG}, build a flattened density; {PAPER}, synthetic experiments",
    "factor by which the barriers of E1 shrink at ζ = 0.75, the smaller of two",
    at_least=2.0,
)
def barrier_reduced(found):
    x = found["x"]
    shrunk = barriers_of(found["original"], x) / barriers_of(found["flattened"][ZETA], x)
    return shrunk.min()


# --- chains that know the energy PDF --------------------------------------------------------------

# name -> (zeta, scheme)
KNOWN = {
    "as published, ζ = 0.75": (ZETA, CONSISTENT),
    "with ζ = 1": (1.0, CONSISTENT),
    "with ζ = 1 and centred slopes": (1.0, replace(CONSISTENT, slope="centred")),
}


@experiment(
    seeds=10,
    budget=1_000_000,
    settings={**E1_CONTOUR, "steps": 1_000_000, "start": [RIGHT], "known": KNOWN},
)
def known_energy_pdf(seeds, steps=1_000_000):
    """Runs of SGLD, and of chains that know theta*."""
    shared = {"steps": steps, "thin": 10, "start": [RIGHT]}
    found = {"SGLD": runs(sgld, seeds, **{**E1_SGLD, **shared})}
    for name, (zeta, scheme) in KNOWN.items():
        own = {"zeta": zeta, "scheme": knowing(scheme)}
        found[name] = runs(contour_sgld, seeds, **{**E1_CONTOUR, **shared, **own})
    return found


def crossings(run):
    """How often a chain went from one well to the other; dithering on the barrier is none."""
    x = run.positions[0, :, 0] - 0.5 * (LEFT + RIGHT)
    side = np.sign(x[np.abs(x) > 0.25 * (RIGHT - LEFT)])
    return np.count_nonzero(np.diff(side))


def unevenness(run):
    """Total variation between visits to the cells below the top of the barrier and equal ones."""
    x = line()
    top = climbs(x, TARGET.energies(x[:, None]))[0].high
    cells = int((top - PARTITION.low) / PARTITION.width)
    visits = np.bincount(PARTITION.index(run.exact_energies[0]), minlength=cells)[:cells]
    return total_variation(visits / visits.sum(), 1 / cells)


@claim(
    known_energy_pdf,
    "The new density is easier to simulate than the original",
    f"{BLOG}, importance sampling",
    "log10 of the crossings of KSGLD over those of SGLD, one added to each, in 1e6 steps",
    at_least=1.0,
)
def flattened_is_easier(found):
    plain, known = (
        [1 + crossings(run) for run in found[name]] for name in ("SGLD", next(iter(KNOWN)))
    )
    return np.log10(np.divide(known, plain))


@claim(
    known_energy_pdf,
    "Given the energy PDF, we can enjoy a random walk in the energy space",
    f"{BLOG}, build a flattened density",
    "total variation between visits to the cells of energy up to the barrier and equal visits",
    at_most=0.1,
)
def random_walk_in_energy(found):
    return {name: [unevenness(run) for run in found[name]] for name in KNOWN}


# --- annealing ------------------------------------------------------------------------------------


@experiment(seeds=20, budget=101_000, settings={"target": TARGET})
def annealing(seeds):
    """Particles led from a wide normal density to E1."""
    base = stats.norm(0, 10)
    return [
        annealed_importance_sampling(TARGET, step_size=1.0, base=base, seed=seed) for seed in seeds
    ]


@claim(
    annealing,
    "One famous example of building a flat density is annealed importance sampling via high "
    "temperatures",
    f"{BLOG}, build a flattened density",
    "error of the mass of the right mode of E1",
    at_most=0.05,
)
def annealing_flattens(found):
    masses = exact.mode_masses(TARGET)
    right = lambda x: TARGET.mode_index(x) == 1  # noqa: E731
    return [abs(sample.mean(right) - masses[1]) for sample in found]


# --- the published budget -------------------------------------------------------------------------

LONG = 10_000_000
METHODS = {
    "CSGLD, as published": PUBLISHED,
    "CSGLD, continuous weights": CONTINUOUS,
    "CSGLD, consistent gain": CONSISTENT,
    "KSGLD": CONSISTENT,
}


class Measured(NamedTuple):
    """What is kept of the runs of a method."""

    errors: np.ndarray  # (checkpoints, seeds) of E[x], signed
    thetas: np.ndarray | None  # (seeds, bins) at the end
    from_flat: np.ndarray  # (seeds,) total variation of later raw draws from the flattened density


def running_means(run, draws):
    """Weighted means of x (checkpoints,) of the first so many draws."""
    weights = run.weights()[0]
    sums = np.cumsum(weights * run.positions[0, :, 0])
    return (sums / np.cumsum(weights))[draws - 1]


def distance_from_flat(run, cells=60):
    """Total variation between the second half of the raw draws and the flattened density."""
    x = line()
    edges = np.linspace(x[0], x[-1], cells + 1)
    truth, _ = np.histogram(x, edges, weights=density_of(flattened_energy(x), x))
    later = run.positions[0, run.draws // 2 :, 0]
    found, _ = np.histogram(np.clip(later, x[0], x[-1]), edges)
    return total_variation(found / found.sum(), truth / truth.sum())


def _measured(some, draws):
    truth = exact.moments(TARGET).mean[0]
    pdfs = [run.energy_pdf for run in some]
    return Measured(
        errors=np.transpose([running_means(run, draws) for run in some]) - truth,
        thetas=None if pdfs[0] is None else np.array(pdfs),
        from_flat=np.array([distance_from_flat(run) for run in some]),
    )


@experiment(
    seeds=10,
    budget=LONG,
    settings={**E1_CONTOUR, "thin": 100, "start": [RIGHT], "scheme": METHODS},
)
def long_runs(seeds, steps=LONG):
    """SGLD, CSGLD and KSGLD from the right mode, with weights of the moment of each draw."""
    thin = 100
    draws = (np.geomspace(1e-3, 1.0, 13) * (steps // thin)).astype(int)
    shared = {"steps": steps, "thin": thin, "start": [RIGHT]}
    found = {"steps": draws * thin}
    found["SGLD"] = _measured(runs(sgld, seeds, **{**E1_SGLD, **shared}), draws)
    for name, scheme in METHODS.items():
        own = {"scheme": knowing(scheme) if name == "KSGLD" else scheme}
        some = runs(contour_sgld, seeds, **{**E1_CONTOUR, **shared, **own})
        found[name] = _measured(some, draws)
    return found


@functools.cache
def predicted_theta(scheme):
    """Where theta settles in the long run (bins,), for small steps."""
    return exact.contour_fixed_point(E1_CONTOUR["target"], PARTITION, scheme=scheme, zeta=ZETA)


def predicted_bias(scheme):
    """The error of E[x] that remains in the long run."""
    mean = exact.contour_mean(
        lambda x: x[:, 0],
        E1_CONTOUR["target"],
        PARTITION,
        predicted_theta(scheme),
        scheme=scheme,
        zeta=ZETA,
    )
    return mean - exact.moments(TARGET).mean[0]


@figure(
    long_runs,
    "The energy PDF estimated by CSGLD with the published and with the consistent gain, all else "
    "alike, against the truth and where each should settle for small steps; below, as multiples of "
    "the truth. Bars are standard errors.",
)
def theta_gains(found):
    gains = {
        r"published gain $\theta_J^{\,\zeta}$": ("CSGLD, as published", PUBLISHED),
        r"consistent gain $\Psi_\theta(U)^{\,\zeta}$": ("CSGLD, consistent gain", CONSISTENT),
    }
    fig, axes = plotting.figure(9, 5, 2, 2, sharex=True, sharey="row", height_ratios=[3, 2])
    truth = theta_star()
    shown = truth > CONSISTENT.floor
    u = PARTITION.centres[shown]
    for (above, below), (title, (name, scheme)) in zip(axes.T, gains.items(), strict=True):
        thetas, settled = found[name].thetas, predicted_theta(scheme)
        style = {"color": plotting.COLOURS["CSGLD"], "marker": "o", "linestyle": ""}
        for ax, unit in ((above, 1.0), (below, truth[shown])):
            edges = PARTITION.edges[: shown.sum() + 1]
            ax.stairs(truth[shown] / unit, edges, color="k", baseline=None, label="θ*, the truth")
            ax.plot(u, settled[shown] / unit, "--", color="#D55E00", label="predicted fixed point")
            mean, error = thetas[:, shown].mean(0), thetas[:, shown].std(0, ddof=1)
            error /= np.sqrt(len(thetas))
            ax.errorbar(
                u, mean / unit, error / unit, ms=4, label=f"mean of {len(thetas)} runs", **style
            )
        distance = mean_and_error(total_variation(thetas, truth))
        expected = total_variation(settled, truth)
        numbers = "total variation {:.3f} ± {:.3f}, predicted {:.3f}".format(*distance, expected)
        above.set(yscale="log", title=f"{title}\n{numbers}")
        below.set(xlabel="energy u", ylim=(0, 2))
    axes[0, 0].set_ylabel("θ, probability of a cell")
    axes[1, 0].set_ylabel("θ / θ*")
    axes[0, 0].legend()
    return fig


@figure(
    long_runs,
    "Mean absolute error of E[x] on E1 against the number of steps for SGLD, CSGLD and KSGLD, "
    "which knows θ*. Bands are standard errors; the line is the bias that quadrature predicts for "
    "the published scheme, noise of the energy included.",
)
def mean_error(found):
    fig, ax = plotting.figure(8, 4)
    for name, style in LOOKS.items():
        plotting.bands(ax, found["steps"], np.abs(found[name].errors), name, style)
    bias = abs(predicted_bias(PUBLISHED))
    words = f"predicted bias of piecewise weights: {bias:.2f}"
    ax.axhline(bias, color="k", linestyle="-", linewidth=0.8, label=words)
    ax.set(xscale="log", yscale="log", xlabel="steps", ylabel="mean absolute error of E[x]")
    ax.legend()
    return fig


def _at_the_end(found, measure=lambda measured: np.abs(measured.errors[-1])):
    names = {
        "with limited slopes, else as published": "CSGLD, as published",
        "with continuous weights": "CSGLD, continuous weights",
        "with continuous weights and consistent gain": "CSGLD, consistent gain",
    }
    return {condition: measure(found[name]) for condition, name in names.items()}


@claim(
    long_runs,
    "The bias caused by simulating from a different density can be adjusted by the importance "
    "weight",
    f"{BLOG}, build a flattened density",
    "error of E[x] of CSGLD on E1 after 1e7 steps, towards the side that quadrature predicts, in "
    "widths of a mode",
    at_most=0.1,
    either_side=True,
)
def weights_remove_bias(found):
    side = np.sign(predicted_bias(PUBLISHED))  # signed, or the noise of a run would count as bias
    return _at_the_end(found, lambda measured: side * measured.errors[-1])


@claim(
    long_runs,
    "The mean error of CSGLD falls far below that of SGLD",
    f"{PAPER}, synthetic experiments",
    "error of E[x] of SGLD on E1 minus that of CSGLD, in widths of a mode, mean from 1e6 to 1e7 "
    "steps",
    at_least=1.0,
)
def csgld_mean_error(found):
    late = found["steps"] >= found["steps"][-1] // 10
    plain, bouncy = (np.abs(found[name].errors[late]) for name in ("SGLD", "CSGLD, as published"))
    return {"with limited slopes, else as published": np.mean(plain - bouncy, axis=0)}


@claim(
    long_runs,
    "CSGLD is about as accurate as KSGLD, which knows the energy PDF",
    f"{PAPER}, synthetic experiments",
    "error of E[x] of CSGLD on E1 after 1e7 steps minus that of KSGLD, in widths of a mode",
    at_most=0.1,
)
def csgld_near_ksgld(found):
    known = np.abs(found["KSGLD"].errors[-1])
    return {name: errors - known for name, errors in _at_the_end(found).items()}


@claim(
    long_runs,
    "CSGLD estimates the energy PDF",
    f"{PAPER}, synthetic experiments; {BLOG}, estimate the energy PDF via stochastic approximation",
    "total variation of θ from the truth on E1 after 1e7 steps",
    at_most=0.05,
)
def theta_estimates_truth(found):
    return {
        condition: total_variation(found[name].thetas, theta_star())
        for condition, name in (
            ("with limited slopes, else as published", "CSGLD, as published"),
            ("with consistent gain", "CSGLD, consistent gain"),
        )
    }


@claim(
    long_runs,
    "In the long run we eventually simulate from the target flat density",
    f"{BLOG}, estimate the energy PDF via stochastic approximation",
    "total variation of the raw draws of CSGLD on E1, the second half of 1e7 steps, from the "
    "flattened density",
    at_most=0.05,
)
def flat_density_reached(found):
    return {
        condition: found[name].from_flat
        for condition, name in (
            ("with limited slopes, else as published", "CSGLD, as published"),
            ("with consistent gain", "CSGLD, consistent gain"),
        )
    }
