"""Each trap of the published settings is real, and each repair works."""

import numpy as np
import pytest

import csgld_core as cc
from csgld_book.sources import FIGURES, traps


def titles(fig):
    return " ".join(ax.get_title() for ax in fig.axes) + fig.get_suptitle()


# --- slopes beside cells that are hardly ever visited ---------------------------------------------


@pytest.fixture(scope="module")
def diverged():
    return traps.divergence.measure(list(range(5000, 5020)), steps=3_000_000)


def test_published_slopes_throw_chains_out_and_limited_ones_do_not(diverged):
    assert diverged["diverged"]["published"] >= 1
    assert diverged["diverged"]["repaired"] == 0


def test_last_moves_lead_to_where_the_error_says(diverged):
    settings = cc.experiments.E1_PUBLISHED
    target, step_size = settings["target"], settings["step_size"]
    last, multiplier = diverged["positions"][-1], diverged["multipliers"][-1]
    pushed = step_size * multiplier * target.gradients([[last]])[0, 0]
    spread = np.hypot(np.sqrt(2 * step_size), step_size * multiplier * target.noise)
    assert abs(diverged["failed"] - (last - pushed)) < 5 * spread
    assert abs(pushed) > 10 * spread  # the slope did it, not the noise


def test_repaired_multipliers_stay_within_the_clip_on_the_same_theta(diverged):
    energies = cc.experiments.E1_PUBLISHED["partition"].centres
    low, high = cc.ContourScheme().clip
    repaired = traps.multipliers(diverged, "repaired", energies)
    assert (repaired >= 1 + low - 1e-9).all()
    assert (repaired <= 1 + high + 1e-9).all()
    published = traps.multipliers(diverged, "published", energies)
    assert np.abs(published).max() > 5 * np.abs(repaired).max()


def test_figure_says_how_many_diverged(diverged):
    fig = FIGURES["trap_divergence"].draw(diverged)
    assert f"{diverged['diverged']['published']} of 20 runs diverged" in titles(fig)
    assert f"seed {diverged['seed']}, after {diverged['moves']:,} moves" in titles(fig)


def test_figure_can_be_drawn_if_no_run_diverged():
    found = traps.divergence.measure([5000, 5001], steps=1_000)
    assert found["failed"] is None
    fig = FIGURES["trap_divergence"].draw(found)
    assert "0 of 2 runs diverged" in titles(fig)
    assert "no run diverged" in titles(fig)


# --- forward slopes at a wall that refuses moves --------------------------------------------------


def flattened_share_at_wall():
    """Share of the outermost cells of the map under the density flattened by theta*."""
    settings = cc.experiments.E2_PUBLISHED
    target, partition, zeta = (settings[name] for name in ("target", "partition", "zeta"))
    theta = cc.exact.energy_pdf(target, partition)
    edge = np.abs(target.box).max() * (1 - 2 / traps.MAP_CELLS)

    def flattened(x):
        given = {"zeta": zeta, "temperature": 1.0}
        energies = target.energies(x)
        lift = np.exp(
            -cc.log_psi(energies, theta, partition, cc.ContourScheme(), **given).log_weights
        )
        return np.column_stack([lift, lift * (np.abs(x) > edge).any(axis=1)])

    total, at_wall = cc.exact.expectation(flattened, target)
    return at_wall / total


def test_forward_slopes_hold_chains_at_walls_that_refuse_moves(mean, seeds):
    found = traps.corner(seeds)["cases"]
    forward, backward, repaired = found.values()
    for quantity in ("refused", "at_wall", "error"):
        for other in (backward, repaired):
            excess = mean(forward[quantity] - other[quantity])
            assert excess.value > 4 * excess.error
    assert (repaired["refused"] == 0).all()
    for case in found.values():
        assert np.isclose(case["visited"].sum(), 1)


def test_more_steps_do_not_free_the_chain(mean, seeds):
    shorter, longer = (traps.corner.measure(seeds[:6], steps=n) for n in (200_000, 2_000_000))
    forward, _, repaired = (case["at_wall"] for case in longer["cases"].values())
    grown = mean(forward - next(iter(shorter["cases"].values()))["at_wall"])
    assert grown.value > 4 * grown.error
    truth = flattened_share_at_wall()
    assert mean(repaired).is_near(truth)
    assert not mean(forward).is_near(truth)


# --- a swap rule without min(1, .) ----------------------------------------------------------------


def test_published_swaps_make_the_cold_chain_too_cold(mean, seeds):
    found = traps.swap_rules(seeds)["energies"]
    truth = cc.exact.moments(cc.targets.nine_modes()).energy
    assert mean(found["metropolis"]).is_near(truth)
    published = mean(found["published"])
    assert published.value < truth - 10 * published.error


def test_only_the_metropolis_rule_is_balanced():
    log_s = np.linspace(-5, 5, 51)

    def balanced(rule):
        there, back = (traps.swap_probability(sign * log_s, rule) for sign in (1, -1))
        return np.allclose(there, np.exp(log_s) * back)

    assert balanced("metropolis")
    assert not balanced("published")


# --- a resampler that drops small weights ---------------------------------------------------------


def test_published_resampler_narrows_modes_and_systematic_does_not(mean, seeds):
    found, truth = traps.resamplers(seeds)["resamplers"], traps.right_width()
    assert mean(found["systematic"]["width"]).is_near(truth)
    published = mean(found["published"]["width"])
    assert published.value < truth - 10 * published.error
    assert (found["systematic"]["kept"] == 1).all()
    assert (found["published"]["kept"] < 1).all()


def test_right_width_is_that_of_the_component():
    assert np.isclose(traps.right_width(), 1, atol=1e-5)  # the other one is ten widths away


def test_published_resampler_drops_small_weights_and_fractions():
    weights = np.array([0.62, 0.25, 0.1, 0.03])  # 6.2, 2.5, 1 and 0.3 copies of 10
    assert traps.published_resample(weights, 10).tolist() == [0] * 6 + [1] * 2


# --- words ----------------------------------------------------------------------------------------


def test_numbers_carry_their_standard_error():
    assert traps.over_seeds(np.array([1.0, 1.2, 1.4])) == "1.2 ± 0.1"
    assert traps.over_seeds(np.array([100.0, 100.0])) == "100"
    assert traps.over_seeds(np.array([0.5])) == "0.5"
