"""The figures and claims of E1 in the sources, at reduced budgets, against independent sums."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

import csgld_core as cc
from csgld_book.sources import CLAIMS, FIGURES, mixture

X = np.linspace(-22.0, 20.0, 84_001)
DENSITY = 0.4 * np.exp(-0.5 * (X + 6) ** 2) + 0.6 * np.exp(-0.5 * (X - 4) ** 2)
MASS = DENSITY / DENSITY.sum()
ENERGY = -np.log(DENSITY / np.sqrt(2 * np.pi))
EDGES = np.linspace(1.0, 51.0, 51)
CELL = np.clip(np.searchsorted(EDGES, ENERGY) - 1, 0, 49)
ZETA = 0.75


@pytest.fixture(scope="module")
def reduced():
    """Each experiment at a reduced budget, measured once."""
    seeds = [5000, 5001, 5002, 5003]
    return {
        "local_traps": mixture.local_traps.measure(seeds, steps=100_000),
        "flattened_draws": mixture.flattened_draws.measure(range(5000, 5020), draws=20_000),
        "flattening": mixture.flattening([]),
        "known_energy_pdf": mixture.known_energy_pdf.measure(seeds, steps=300_000),
        "annealing": mixture.annealing(seeds),
        "long_runs": mixture.long_runs.measure(seeds, steps=1_000_000),
    }


def claimed(id, reduced):
    claim = CLAIMS[id]
    return claim.measure(reduced[claim.experiment.name])


def drawn(name, reduced):
    return FIGURES[name].draw(reduced[FIGURES[name].experiment.name])


def log_psi_at(energies, theta, place, clip=(-np.inf, np.inf), zeta=ZETA):
    """Log Psi with log theta pinned `place` of a cell above its lower edge, slopes limited."""
    logs = np.log(theta)
    rises = np.clip(np.diff(logs), *(bound / zeta for bound in clip))
    nodes = EDGES[:-1] + place
    return np.interp(energies, nodes, np.concatenate([logs[:1], logs[0] + np.cumsum(rises)]))


# --- by quadrature --------------------------------------------------------------------------------


def largest_rises(energy):
    """From the left and from the right mode, by comparing all pairs of a coarser grid."""
    way = energy[(X >= -6) & (X <= 4)][::20]
    rise = way[None, :] - way[:, None]
    return np.triu(rise).max(), np.tril(rise).max()


@pytest.mark.parametrize(
    ("slope", "place", "known"), [("backward", 1.0, (2.23, 2.64)), ("centred", 0.5, (2.04, 2.27))]
)
def test_barriers_are_those_of_an_independent_grid(slope, place, known):
    theta = np.maximum(np.bincount(CELL, MASS, 50), 1e-300)
    expected = largest_rises(ENERGY + ZETA * log_psi_at(ENERGY, theta, place))
    x = mixture.line(20.0)
    scheme = cc.ContourScheme(slope=slope, clip=None)
    found = mixture.barriers_of(mixture.flattened_energy(x, ZETA, scheme), x)
    assert found == pytest.approx(expected, abs=0.01)
    assert found == pytest.approx(known, abs=0.01)


def test_barriers_in_the_picture_are_the_published_ones(reduced):
    theta = np.maximum(np.bincount(CELL, MASS, 50), 1e-300)
    panels = drawn("barriers", reduced).axes
    assert [ax.get_title() for ax in panels] == ["ζ = 0.5", "ζ = 0.75", "ζ = 1"]
    for ax, zeta in zip(panels, (0.5, 0.75, 1.0), strict=True):
        changed = ENERGY + zeta * log_psi_at(ENERGY, theta, 1.0)
        expected = [*largest_rises(ENERGY), *largest_rises(changed)]
        shown = [float(t.get_text()) for t in ax.texts if t.get_text()]
        assert shown == pytest.approx(expected, abs=0.015)
        arrows = [abs(t.xy[1] - t.xyann[1]) for t in ax.texts if hasattr(t, "xyann")]
        assert arrows == pytest.approx(expected, abs=0.015)
    assert claimed("barrier-reduced", reduced) == pytest.approx(
        min(a / b for a, b in zip((11.60, 12.01), (2.23, 2.64), strict=True)), rel=0.01
    )


def test_a_climb_is_the_largest_rise_in_the_order_of_the_path():
    place, energy = np.arange(6.0), np.array([1.0, 3.0, 0.0, 5.0, -2.0, 2.5])
    found = mixture.climb(place, energy)
    assert (found.start, found.top, found.barrier) == (2.0, 3.0, 5.0)
    back = mixture.climb(place[::-1], energy[::-1])
    assert (back.start, back.top, back.barrier) == (4.0, 3.0, 7.0)


def test_the_predicted_bias_is_that_of_a_plain_sum(reduced):
    """Energies carry noise of 0.1: both Psi of the dynamics and theta of the weights see it."""
    theta = mixture.predicted_theta(mixture.PUBLISHED)
    floored = np.maximum(theta, 1e-10)
    noise = np.linspace(-0.6, 0.6, 121)
    chance = np.exp(-0.5 * (noise / 0.1) ** 2)
    chance /= chance.sum()
    log_psi, weight = np.zeros_like(X), np.zeros_like(X)
    for shift, share in zip(noise, chance, strict=True):
        log_psi += share * log_psi_at(ENERGY + shift, floored, 1.0, (-1.3, 0.3))
        cell = np.clip(np.searchsorted(EDGES, ENERGY + shift) - 1, 0, 49)
        weight += share * floored[cell] ** ZETA
    weight *= MASS * np.exp(-ZETA * log_psi)
    expected = weight @ X / weight.sum()
    assert mixture.predicted_bias(mixture.PUBLISHED) == pytest.approx(expected, abs=5e-3)
    assert abs(mixture.predicted_bias(mixture.CONTINUOUS)) < 5e-3
    ax = drawn("mean_error", reduced).axes[0]
    (line,) = [line for line in ax.lines if line.get_label().startswith("predicted")]
    assert line.get_ydata() == pytest.approx([abs(expected)] * 2, abs=5e-3)


# --- the identity of importance sampling ----------------------------------------------------------


@pytest.mark.parametrize(
    "function",
    [lambda x: x, np.square, lambda x: mixture.TARGET.energies(x[:, None])],
    ids=["x", "x^2", "U"],
)
def test_weighted_draws_of_the_flattened_density_are_of_the_original(function, mean, reduced):
    truth = MASS @ function(X)
    found = mean([weights @ function(x) for x, weights in reduced["flattened_draws"]])
    assert found.is_near(truth)
    raw = mean([function(x).mean() for x, _ in reduced["flattened_draws"]])
    assert not raw.is_near(truth, errors=10.0)
    assert found.error < 0.02 * abs(raw.value - truth) + 0.1


def test_independent_draws_are_of_the_flattened_density(mean, reduced):
    log_psi = log_psi_at(ENERGY, np.maximum(mixture.theta_star(), 1e-10), 1.0, (-1.3, 0.3))
    flat = MASS * np.exp(-ZETA * log_psi)
    flat /= flat.sum()
    for function in (lambda x: x, np.square, lambda x: x > -1):
        found = mean([function(x).mean() for x, _ in reduced["flattened_draws"]])
        assert found.is_near(flat @ function(X), bias=1e-3)


def test_the_same_seed_gives_the_same_draws():
    one, same, other = (mixture.flattened_draws.measure([n], draws=10)[0][0] for n in (1, 1, 2))
    assert (one == same).all()
    assert (one != other).all()


# --- what is measured on runs ---------------------------------------------------------------------


def run_of(x):
    """What the measures see of a run with these positions."""
    x = np.asarray(x, dtype=float)
    return SimpleNamespace(
        positions=x[None, :, None],
        draws=len(x),
        exact_energies=mixture.TARGET.energies(x[:, None])[None],
        weights=lambda: np.full((1, len(x)), 1 / len(x)),
    )


def test_only_ways_from_well_to_well_are_crossings():
    assert mixture.crossings(run_of([4, -0.5, -1.5, -0.9, -1.2, 4])) == 0
    assert mixture.crossings(run_of([4, -1.5, -6, -5.5, 0.0, -6, 4, 3.8])) == 2


def test_unevenness_is_zero_for_equal_visits_only():
    bottoms = np.interp(
        np.arange(1.6, 13.0), ENERGY[(X > 4)], X[X > 4]
    )  # 1.6, 2.6, ...: a cell each
    assert mixture.unevenness(run_of(bottoms)) == pytest.approx(0.0, abs=1e-12)
    assert mixture.unevenness(run_of([4.0, 4.1])) == pytest.approx(11 / 12)
    assert mixture.unevenness(run_of([*bottoms, 12.0])) == pytest.approx(0.0, abs=1e-12)  # above


def test_running_means_are_those_of_runs_that_end_there():
    run = run_of([1.0, 2.0, 6.0, 0.0])
    run.weights = lambda: np.array([[0.1, 0.3, 0.4, 0.2]])
    assert mixture.running_means(run, np.array([1, 2, 4])) == pytest.approx([1.0, 1.75, 3.1])


def test_distance_from_flat_is_of_the_later_draws():
    exact = mixture.flattened_draws.measure([3], draws=200_000)[0][0]
    stuck = np.full(200_000, 4.0)
    assert mixture.distance_from_flat(run_of(np.append(stuck, exact))) < 0.02
    assert mixture.distance_from_flat(run_of(np.append(exact, stuck))) > 0.8


def test_ksgld_keeps_theta_and_samples_the_flattened_density(reduced):
    found = reduced["long_runs"]
    assert found["KSGLD"].thetas == pytest.approx(
        np.tile(mixture.theta_star(), (4, 1)), rel=1e-12, abs=0
    )
    assert (found["CSGLD, consistent gain"].thetas != mixture.theta_star()).any()
    assert found["KSGLD"].from_flat.mean() < 0.08
    assert found["SGLD"].from_flat.mean() > 0.3


def test_weights_change_no_theta_and_gains_do(reduced):
    found = reduced["long_runs"]
    published, continuous, consistent = (found[name].thetas for name in list(mixture.METHODS)[:3])
    assert (published == continuous).all()
    assert (published != consistent).any()
    truth = mixture.theta_star()
    errors = [mixture.total_variation(thetas, truth).mean() for thetas in (published, consistent)]
    assert errors[0] > errors[1]


def test_visits_of_energies_are_those_of_the_flattened_density(mean, reduced):
    theta = np.maximum(np.bincount(CELL, MASS, 50), 1e-10)
    slopes = {
        "as published, ζ = 0.75": (ZETA, 1.0),
        "with ζ = 1": (1.0, 1.0),
        "with ζ = 1 and centred slopes": (1.0, 0.5),
    }
    for name, (zeta, place) in slopes.items():
        log_psi = log_psi_at(ENERGY, theta, place, (-1.3, 0.3), zeta)
        visits = np.bincount(CELL, MASS * np.exp(-zeta * log_psi), 50)[:12]
        expected = 0.5 * np.abs(visits / visits.sum() - 1 / 12).sum()
        assert mixture.KNOWN[name][1].slope == ("centred" if "centred" in name else "backward")
        found = mean(claimed("random-walk-in-energy", reduced)[name])
        assert found.is_near(expected, bias=0.005)  # of the finite step


def test_claims_at_reduced_budgets(reduced):
    assert np.mean(claimed("sgld-stuck", reduced)) > 4  # 4 and 6 if no run ever crosses
    assert np.max(claimed("importance-weights", reduced)) < 0.05
    assert np.min(claimed("flattened-is-easier", reduced)) > 1
    assert np.max(claimed("annealing-flattens", reduced)) < 0.1
    assert (
        np.min(claimed("csgld-mean-error", reduced)["with limited slopes, else as published"]) > 1
    )
    by_weights = claimed("weights-remove-bias", reduced)
    assert next(iter(by_weights)) == "with limited slopes, else as published"
    for values in (*by_weights.values(), *claimed("csgld-near-ksgld", reduced).values()):
        assert values.shape == (4,)


def measured(*errors):
    return mixture.Measured(np.array(errors), None, None)


def test_errors_are_compared_by_size_and_biases_by_sign():
    names = list(mixture.METHODS)
    found = {name: measured([3.0, 3.0], [-0.5, 0.5]) for name in (*names, "KSGLD")}
    found |= {"SGLD": measured([4.0, -4.0], [-3.0, 2.0]), "steps": np.array([1000, 1_000_000])}
    found["KSGLD"] = measured([0.0, 0.0], [0.2, -0.2])
    less = CLAIMS["csgld-mean-error"].measure(found)["with limited slopes, else as published"]
    assert less == pytest.approx([2.5, 1.5])  # the last decade only
    nearer = CLAIMS["csgld-near-ksgld"].measure(found)
    assert nearer["with limited slopes, else as published"] == pytest.approx([0.3, 0.3])
    assert mixture.predicted_bias(mixture.PUBLISHED) > 0
    biases = CLAIMS["weights-remove-bias"].measure(found)
    assert biases["with limited slopes, else as published"] == pytest.approx([-0.5, 0.5])


def test_titles_tell_what_was_measured(mean, reduced):
    thetas = reduced["long_runs"]["CSGLD, as published"].thetas
    found = mean([0.5 * np.abs(theta - mixture.theta_star()).sum() for theta in thetas])
    title = drawn("theta_gains", reduced).axes[0].get_title()
    assert f"{found.value:.3f} ± {found.error:.3f}" in title
    fig = drawn("original_density", reduced)
    assert [ax.get_title().split("\n")[1] for ax in fig.axes[1:]] == [
        "4 of 4 runs never left it"
    ] * 2
    titles = [ax.get_title() for ax in drawn("importance_identity", reduced).axes]
    means = mean([weights @ x for x, weights in reduced["flattened_draws"]])
    assert f"{means.value:.3f} ± {means.error:.3f}".replace("-", "−") in titles[3]


def test_pictures_have_every_method_and_two_cues(reduced):
    ax = drawn("mean_error", reduced).axes[0]
    lines = [line for line in ax.lines if not line.get_label().startswith("predicted")]
    assert [line.get_label() for line in lines] == list(mixture.LOOKS)
    for one, other in itertools.combinations(lines, 2):
        assert one.get_color() != other.get_color()
        assert one.get_marker() != other.get_marker()
    for line in lines:
        errors = np.abs(reduced["long_runs"][line.get_label()].errors)
        assert line.get_ydata() == pytest.approx(errors.mean(axis=1))
