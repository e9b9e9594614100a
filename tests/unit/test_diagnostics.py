import dataclasses
import json
import math
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import csgld_core as cc
from csgld_core import diagnostics
from csgld_core.experiments import (
    E1_CONTOUR,
    E2_BAOAB,
    E2_PUBLISHED,
    E2_REPLICA_EXCHANGE_BAOAB,
    E2_SGLD,
)
from csgld_core.results import summary

PARTITION = cc.EnergyPartition(0.0, 10.0, 10)
GAUSSIAN = cc.targets.gaussian_mixture([1.0], np.zeros((1, 2)), np.eye(2)[None])


def by_hand(energies, *, partition=None, theta=None, scheme=None, zeta=0.75, **changes):
    """A Run with the given energies (chains, draws); with contours if there is a partition."""
    energies = np.array(energies, dtype=float)
    chains, draws = energies.shape
    settings = {"sampler": "sgld", "target": {"name": "hand"}, "completed_steps": draws, "seed": 1}
    if partition is not None:
        settings |= {
            "sampler": "contour_sgld",
            "zeta": zeta,
            "partition": dataclasses.asdict(partition),
            "scheme": dataclasses.asdict(scheme or cc.ContourScheme()),
        }
        theta = np.full(partition.bins, 1 / partition.bins) if theta is None else np.array(theta)
        theta = np.broadcast_to(theta, (chains, partition.bins))
        changes = {
            "energy_pdfs": theta,
            "energy_pdf_histories": theta[:, None, :],
            "history_steps": np.array([draws]),
            **changes,
        }
    own = changes.pop("settings", {})
    fields = {
        "gradient_evaluations": chains * (draws + 1),
        "steps": np.arange(1, draws + 1),
        "positions": energies[:, :, None],
        "energies": energies,
        "exact_energies": energies,
        "multipliers": np.ones((chains, draws)),
        "log_weights": np.zeros((chains, draws)),
        **changes,
    }
    return cc.Run(settings={**settings, **own}, **fields)


def contour(settings, seed=1, **changes):
    return cc.contour_sgld(**{**settings, **changes}, seed=seed)


# --- round trips ----------------------------------------------------------------------------------


def climbs(times, length=40):
    """Up from 0 to 1 and back, so many times."""
    up = np.linspace(0.0, 1.0, length)
    return np.concatenate([np.r_[up, up[::-1]]] * times)


@pytest.mark.parametrize("times", [1, 2, 7])
@pytest.mark.parametrize("sign", [1, -1])  # from the bottom or from the top
def test_round_trips_of_a_path(times, sign):
    assert diagnostics.energy_round_trips(by_hand([sign * climbs(times)])).tolist() == [times]


def test_half_a_trip_is_none():
    one_way = climbs(1)[:40]
    assert diagnostics.energy_round_trips(by_hand([one_way])).tolist() == [0]
    and_a_half = np.r_[climbs(2), one_way]
    assert diagnostics.energy_round_trips(by_hand([and_a_half])).tolist() == [2]


def test_turning_back_halfway_is_no_trip():
    path = np.r_[climbs(1), 0.5 * climbs(3), climbs(1)]
    assert diagnostics.energy_round_trips(by_hand([path])).tolist() == [2]


def test_round_trips_are_each_chains_own():
    # The second chain starts at the other end from where the first one stopped: no trip between.
    two_and_a_half = climbs(3)[40:]
    run = by_hand([climbs(3)[:-40], two_and_a_half, np.full(200, 0.0), np.full(200, 1.0)])
    assert diagnostics.energy_round_trips(run).tolist() == [2, 2, 0, 0]
    run = by_hand([np.r_[climbs(2), np.zeros(40)], two_and_a_half])
    assert diagnostics.energy_round_trips(run).tolist() == [2, 2]


def test_low_and_high_are_of_all_chains_together():
    wide, narrow = climbs(4), 0.4 + 0.1 * climbs(4)
    assert diagnostics.energy_round_trips(by_hand([wide, narrow])).tolist() == [4, 0]
    assert diagnostics.energy_round_trips(by_hand([narrow])).tolist() == [4]


def test_round_trips_of_independent_draws():
    n, q = 100_000, 0.2
    draws = np.random.default_rng(1).normal(size=(1, n))
    (trips,) = diagnostics.energy_round_trips(by_hand(draws), quantiles=(q, 1 - q))
    # Of 2 q n draws at the ends each but the first differs from the one before, or not: a coin.
    assert abs(trips - n * q / 2) < 4 * math.sqrt(2 * q * n) / 4


def test_exact_energies_count_where_there_are_any():
    noise = np.random.default_rng(1).normal(size=(1, 160)) * 5
    noisy = climbs(2)[None] + noise
    assert diagnostics.energy_round_trips(by_hand(noisy, exact_energies=climbs(2)[None])) == [2]
    assert diagnostics.energy_round_trips(by_hand(noisy, exact_energies=None)) > [2]


# --- flatness -------------------------------------------------------------------------------------


def quantiles(n=40_000):
    return (np.arange(n) + 0.5) / n


@pytest.mark.parametrize("bins", [2, 10, 100, 300, 100_000])
def test_flat_is_1(bins):
    run = by_hand([10 * quantiles()], partition=cc.EnergyPartition(0.0, 10.0, bins))
    assert diagnostics.flatness(run) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("bins", [2, 10, 100])
def test_all_in_one_cell(bins):
    partition = cc.EnergyPartition(0.0, 10.0, bins)
    run = by_hand([np.full(5000, 0.01)], partition=partition)
    assert diagnostics.flatness(run) == pytest.approx(1 / bins)


def test_cells_below_the_lowest_energy_do_not_count():
    run = by_hand([5 + 5 * quantiles()], partition=PARTITION)
    assert diagnostics.flatness(run) == pytest.approx(1.0, abs=1e-3)
    run = by_hand([5 * quantiles()], partition=PARTITION)
    assert diagnostics.flatness(run) == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("bins", [100, 100_000])
@pytest.mark.parametrize("high", [5.0, 20.0])
def test_flatness_of_an_exponential(bins, high):
    energies = -np.log1p(-quantiles() * -np.expm1(-high))
    partition = cc.EnergyPartition(0.0, high, bins)
    mass = -np.diff(np.exp(-np.linspace(0.0, high, 101))) / -np.expm1(-high)
    expected = np.exp(-(mass * np.log(mass)).sum()) / 100
    assert diagnostics.flatness(by_hand([energies], partition=partition)) == pytest.approx(
        expected, rel=2e-3
    )
    assert diagnostics.flatness(by_hand([energies]), partition) == pytest.approx(expected, rel=2e-3)
    if high >= 10:  # what the threshold says
        assert expected < summary.LEAST_FLATNESS


def test_few_draws_are_not_taken_for_a_rough_histogram():
    energies = np.random.default_rng(1).uniform(0, 10, size=(1, 400))
    run = by_hand(energies, partition=cc.EnergyPartition(0.0, 10.0, 1000))
    assert diagnostics.flatness(run) > 0.95


@pytest.mark.filterwarnings("ignore:.*outside the partition")
def test_flattened_is_flat_and_plain_is_not():
    partition = cc.EnergyPartition(-6.9, 2.6, 38)
    flattened = {**E2_BAOAB, "zeta": 1.0, "partition": partition}
    assert diagnostics.flatness(contour(flattened)) > 0.85
    assert diagnostics.flatness(contour(flattened, zeta=0.0)) < 0.6
    sgld = cc.sgld(**E2_SGLD, seed=1)
    assert diagnostics.flatness(sgld, partition) < 0.6


# --- counts ---------------------------------------------------------------------------------------


def test_bouncy_fraction():
    multipliers = [[-1.0, 1.0, 0.0, 1e-9], [-1e-9, 2.0, -3.0, 1.0]]
    run = by_hand(np.zeros((2, 4)), multipliers=np.array(multipliers))
    assert diagnostics.bouncy_fraction(run) == 3 / 8


def test_clamped_fraction_is_of_all_moves():
    run = by_hand(
        np.zeros((2, 4)), partition=PARTITION, clamped=30, settings={"completed_steps": 100}
    )
    assert diagnostics.clamped_fraction(run) == 0.15
    assert diagnostics.clamped_fraction(dataclasses.replace(run, clamped=201)) == 1.0


@pytest.mark.filterwarnings("ignore:.*outside the partition")
def test_clamped_fraction_of_a_run():
    # Every move is a draw, but for the burn-in.
    run = contour(E2_BAOAB, steps=5000, thin=1, burn_in=0, partition=cc.EnergyPartition(-6, -3, 9))
    outside = (run.energies <= -6.0) | (run.energies > -3.0)
    assert diagnostics.clamped_fraction(run) == outside.mean()


def test_swap_fraction():
    settings = {"sampler": "replica_exchange_sgld", "completed_steps": 50}
    run = by_hand(np.zeros((2, 4)), swaps=25, settings=settings)
    assert diagnostics.swap_fraction(run) == 0.25


# --- theta ----------------------------------------------------------------------------------------


def histories(*of_chains):
    """A run whose chains' energy PDFs went through the given ones, each (snapshots, 10)."""
    of_chains = np.array(of_chains, dtype=float)
    return by_hand(
        np.zeros((len(of_chains), 20)),
        partition=PARTITION,
        energy_pdfs=of_chains[:, -1],
        energy_pdf_histories=of_chains,
        history_steps=np.arange(1, of_chains.shape[1] + 1) * 10,
    )


def one(cell, cells=10):
    return np.eye(cells)[cell]


def test_theta_drift_by_hand():
    mixed = 0.7 * one(0) + 0.3 * one(1)
    run = histories([one(5), mixed, one(9), one(0)], [one(0), one(0), one(1), one(0)])
    assert diagnostics.theta_drift(run) == pytest.approx([0.3, 0.0])
    assert diagnostics.theta_drift(run, since=0.99) == pytest.approx([1.0, 1.0])
    assert diagnostics.theta_drift(run, since=0.3) == pytest.approx([1.0, 0.0])
    assert np.isnan(diagnostics.theta_drift(run, since=0.2)).all()
    assert np.isnan(diagnostics.theta_drift(histories([one(0)]))).all()


def test_noise_of_single_cells_is_no_drift():
    cells = 1000
    even, odd = np.tile([2.0, 0.0], cells // 2) / cells, np.tile([0.0, 2.0], cells // 2) / cells
    run = by_hand(
        np.zeros((1, 20)),
        partition=cc.EnergyPartition(0.0, 10.0, cells),
        energy_pdf_histories=np.array([[even, odd]]),
        history_steps=np.array([10, 20]),
    )
    assert diagnostics.theta_drift(run) == pytest.approx([0.0], abs=1e-12)


@pytest.mark.parametrize("since", [0, 1, -0.5, 2.0, math.nan])
def test_since_is_checked(since):
    with pytest.raises(ValueError, match="since must be a finite number > 0 and < 1, got"):
        diagnostics.theta_drift(histories([one(0)]), since)


def test_theta_spread_by_hand():
    assert diagnostics.theta_spread(histories([one(0)])) == 0.0
    assert diagnostics.theta_spread(histories([one(0)], [one(1)])) == pytest.approx(0.5)
    four = histories([one(0)], [one(0)], [one(0)], [one(1)])
    assert diagnostics.theta_spread(four) == pytest.approx(0.75)


def test_theta_mismatch_by_hand():
    energies = np.repeat([[0.5, 1.5]], 10, axis=1)  # cells 0 and 1
    log_weights = np.repeat([[0.0, math.log(3.0)]], 10, axis=1)
    weighted = 0.25 * one(0) + 0.75 * one(1)
    run = by_hand(energies, partition=PARTITION, theta=weighted, log_weights=log_weights)
    assert diagnostics.theta_mismatch(run) == pytest.approx(0.0)
    equal = 0.5 * one(0) + 0.5 * one(1)
    run = by_hand(energies, partition=PARTITION, theta=equal, log_weights=log_weights)
    assert diagnostics.theta_mismatch(run) == pytest.approx(0.25)


def test_theta_of_the_interacting_gain_is_no_energy_pdf():
    run = contour(E2_BAOAB, scheme=cc.ContourScheme(gain="interacting"))
    assert math.isnan(diagnostics.theta_mismatch(run))
    assert assert_shown(run).values["theta_mismatch"] is None


@pytest.mark.parametrize(
    "function",
    [
        diagnostics.flatness,
        diagnostics.clamped_fraction,
        diagnostics.theta_drift,
        diagnostics.theta_spread,
        diagnostics.theta_mismatch,
    ],
)
def test_contour_diagnostics_want_contours(function):
    with pytest.raises(ValueError, match="run must be one with contours, got one of sgld"):
        function(by_hand(np.zeros((1, 10))))


def test_swap_fraction_wants_replica_exchange():
    with pytest.raises(ValueError, match="run must be one of replica_exchange_sgld, got one of sg"):
        diagnostics.swap_fraction(by_hand(np.zeros((1, 10))))


# --- ArviZ ----------------------------------------------------------------------------------------

arviz = diagnostics._arviz()


@pytest.fixture(scope="module")
def four_chains():
    return contour(E2_BAOAB, chains=4)


def test_to_arviz(four_chains):
    data = four_chains.to_arviz()
    assert isinstance(data, arviz.InferenceData)
    assert data.posterior["x"].dims == ("chain", "draw", "dim")
    assert (data.posterior["x"].values == four_chains.positions).all()
    kinds = {
        "energy": four_chains.energies,
        "exact_energy": four_chains.exact_energies,
        "multiplier": four_chains.multipliers,
        "log_weight": four_chains.log_weights,
    }
    assert set(data.sample_stats.data_vars) == set(kinds)
    for name, expected in kinds.items():
        assert data.sample_stats[name].dims == ("chain", "draw")
        assert (data.sample_stats[name].values == expected).all()
    for attributes in (data.attrs, data.posterior.attrs, data.sample_stats.attrs):
        assert attributes["sampler"] == "contour_sgld"
        assert (attributes["zeta"], attributes["seed"]) == (0.75, 1)
        assert json.loads(attributes["partition"]) == four_chains.settings["partition"]


def test_to_arviz_without_exact_energies(four_chains):
    data = dataclasses.replace(four_chains, exact_energies=None).to_arviz()
    assert set(data.sample_stats.data_vars) == {"energy", "multiplier", "log_weight"}


def test_arviz_writes_the_file(tmp_path):
    run = cc.sgld(GAUSSIAN, 50, step_size=0.1, seed=None)  # a seed of more than 64 bits
    run.to_arviz().to_netcdf(str(tmp_path / "run.nc"))
    data = arviz.from_netcdf(str(tmp_path / "run.nc"))
    assert (data.posterior["x"].values == run.positions).all()
    assert json.loads(data.posterior.attrs["seed"]) == run.settings["seed"]
    assert json.loads(data.posterior.attrs["start"]) == run.settings["start"]


def test_the_summary_has_arviz_numbers(four_chains):
    data = four_chains.to_arviz()
    values = four_chains.summary().values
    energy = data.sample_stats[["exact_energy"]]
    r_hats = [arviz.rhat(data)["x"].values.max(), arviz.rhat(energy)["exact_energy"].item()]
    assert values["r_hat"] == pytest.approx(max(r_hats), abs=1e-12)
    for method in ("bulk", "tail"):
        ess = arviz.ess(data, method=method)["x"].values.min()
        ess = min(ess, arviz.ess(energy, method=method)["exact_energy"].item())
        assert values[f"ess_{method}"] == pytest.approx(ess, rel=1e-9)


def test_one_chain_is_cut_in_two():
    values = np.random.default_rng(1).normal(size=(2, 1000))
    whole, halves = by_hand(values.reshape(1, -1)), by_hand(values)
    assert diagnostics.agreement(whole)[:5] == diagnostics.agreement(halves)[:5]
    apart = by_hand(np.r_[values[0], values[1] + 3.0][None])
    assert diagnostics.agreement(apart).r_hat > 1.5


@pytest.mark.parametrize(
    ("chains", "draws", "dim"), [(1, 200_000, 3), (4, 50_000, 3), (2, 500, 99), (300, 400, 1)]
)
def test_a_share_of_a_large_run_is_enough(chains, draws, dim, monkeypatch):
    monkeypatch.setattr(diagnostics, "ARVIZ_VALUES", 20_000)
    random = np.random.default_rng(1)
    run = by_hand(random.normal(size=(chains, draws)))
    run = dataclasses.replace(run, positions=random.normal(size=(chains, draws, dim)))
    seen = []
    convert = arviz.convert_to_dataset
    monkeypatch.setattr(
        arviz,
        "convert_to_dataset",
        lambda values: (seen.append(values["x"].size), convert(values))[1],
    )
    found = diagnostics.agreement(run)
    assert 10_000 <= seen[0] <= 40_000
    assert found.coordinates == min(dim, 50)
    assert 0.99 < found.r_hat < 1.1
    text = str(run.summary()).replace("\n", " ")
    assert f"1 of {found.every} draws" in text or found.every == 1
    assert ("50 of 99 coordinates" in text) == (dim == 99)
    assert ("50 of 300 chains" in text) == (chains == 300)


def without_arviz(monkeypatch):
    monkeypatch.setitem(sys.modules, "arviz", None)


def test_arviz_is_optional(four_chains, monkeypatch):
    without_arviz(monkeypatch)
    with pytest.raises(ImportError, match=re.escape('pip install "csgld_core[diagnostics]"')):
        four_chains.to_arviz()
    found = four_chains.summary()
    assert 'pip install "csgld_core[diagnostics]"' in str(found)
    assert "r_hat" not in found.values
    assert found.verdicts == []


# --- healthy runs ---------------------------------------------------------------------------------

HEALTHY = {
    "contour": lambda seed: contour(E2_BAOAB, seed),
    "four contours": lambda seed: contour(E2_BAOAB, seed, chains=4),
    "E1": lambda seed: contour(E1_CONTOUR, seed, steps=1_500_000),
    "fine cells": lambda seed: contour(
        E2_BAOAB, seed, partition=cc.EnergyPartition(-8.0, 17.0, 100_000)
    ),
    "zeta of 1": lambda seed: contour(E2_BAOAB, seed, zeta=1.0),
    "no flattening, none needed": lambda seed: cc.contour_sgld(
        GAUSSIAN,
        200_000,
        step_size=0.1,
        zeta=0.0,
        partition=cc.EnergyPartition(1.5, 50.0, 100),
        thin=10,
        burn_in=1000,
        seed=seed,
    ),
    "replica exchange": lambda seed: cc.replica_exchange_sgld(
        **E2_REPLICA_EXCHANGE_BAOAB, seed=seed
    ),
    "sgld": lambda seed: cc.sgld(
        GAUSSIAN, 50_000, step_size=0.1, thin=10, chains=2, burn_in=500, seed=seed
    ),
    "cyclical": lambda seed: cc.cyclical_sgld(
        GAUSSIAN, 200_000, peak_step_size=0.2, cycles=400, burn_in=1000, seed=seed
    ),
    "minibatches": lambda seed: dataclasses.replace(contour(E2_BAOAB, seed), exact_energies=None),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_nothing_is_found_in_a_healthy_run(name):
    for seed in (1, 2):
        found = HEALTHY[name](seed).summary()
        assert found.verdicts == []
        assert "no diagnostic can see a mode that was never visited" in str(found).replace(
            "\n", " "
        )
        assert "Nothing found" in found._repr_html_()


# --- sick runs ------------------------------------------------------------------------------------

FROZEN = cc.ContourScheme(gain_schedule=(1e-6, 1.0, 1.0, 0.0))
CORNERS = [(1.6, 1.6), (-1.6, 1.6), (1.6, -1.6), (-1.6, -1.6)]
FAR = {"step_size": 1e-4, "start": (30.0, 30.0), "seed": 1}  # slides down, and no more
ROUGH = cc.ContourScheme(clip=None, floor=None)

SICK = {
    "stopped": (
        lambda: dataclasses.replace(contour(E2_BAOAB), partial=True),
        "stopped by the user after 200,000 of 200,000 steps",
    ),
    "too few draws": (lambda: contour(E2_BAOAB, steps=4000), "only 150 draws: fewer than 400"),
    "still": (
        lambda: cc.sgld(**{**E2_SGLD, "step_size": 1e6, "chains": 2}, seed=1),
        "chains 0, 1 never moved: .* smaller step_size",
    ),
    "partition too low": (
        lambda: contour(E2_BAOAB, partition=cc.EnergyPartition(-8.0, -3.0, 50)),
        r"clamped \d+ %.* widen it upwards \(kept draws reach .* it ends at -3\)",
    ),
    "partition too high": (
        lambda: contour(E2_BAOAB, partition=cc.EnergyPartition(-4.0, 17.0, 50)),
        r"clamped \d+ %.* widen it downwards \(kept draws reach -.*, it starts at -4\)",
    ),
    "one way": (
        lambda: cc.sgld(GAUSSIAN, 2000, **FAR),
        "no round trip in energy: .* run longer, use a sampler that crosses",
    ),
    "one way with contours": (
        lambda: cc.contour_sgld(
            GAUSSIAN, 2000, partition=cc.EnergyPartition(0.0, 1000.0, 100), chains=3, **FAR
        ),
        "no round trip in energy: .* run longer, raise zeta or check that the partition",
    ),
    "hardly a round trip": (
        lambda: by_hand(climbs(9, 200)[None]),
        "9 round trips in energy: too few",
    ),
    "one chain trapped": (
        lambda: by_hand([climbs(20), climbs(20), 0.01 * climbs(20)]),
        "no round trip in energy in chain 2 of 3, the others make many",
    ),
    "no swaps": (
        lambda: cc.replica_exchange_sgld(
            **{**E2_REPLICA_EXCHANGE_BAOAB, "energy_variance": 1e4}, seed=1
        ),
        "0 swaps in 100,000 steps: .* lower high_temperature",
    ),
    "chains apart": (
        lambda: cc.sgld(**{**E2_SGLD, "chains": 4, "steps": 20_000, "start": CORNERS}, seed=1),
        r"R-hat \d\.\d+ of x\[[01]\]: chains disagree",
    ),
    "halves apart": (
        lambda: by_hand(np.r_[climbs(20), climbs(20) + 0.5][None]),
        "R-hat .*: the halves of the chain disagree",
    ),
    "slow": (lambda: contour(E2_BAOAB, steps=30_000), r"ESS \d+: too few independent draws"),
    "theta frozen": (lambda: contour(E2_BAOAB, scheme=FROZEN), "theta is .* from the weighted"),
    "zeta too large": (lambda: contour(E2_BAOAB, zeta=1.5), "theta is .*keep zeta <= 1"),
    "trapped": (
        lambda: contour(E2_BAOAB, scheme=FROZEN),
        "no move bounced, energies fill only .* raise zeta",
    ),
    "too short": (
        lambda: contour(E2_PUBLISHED, steps=20_000, thin=5),
        "theta still moves by .* more steps",
    ),
    "chains learn apart": (
        lambda: contour(
            E2_PUBLISHED,
            zeta=0.01,
            chains=2,
            start=[(0.0, 0.0), CORNERS[0]],
            steps=3000,
            thin=3,
            scheme=cc.ContourScheme(),
        ),
        "chains learned energy PDFs up to .* from their mean",
    ),
    "wide partition": (
        lambda: cc.contour_sgld(
            GAUSSIAN,
            100_000,
            step_size=0.05,
            zeta=1.0,
            partition=cc.EnergyPartition(1.5, 51.5, 50),
            scheme=ROUGH,
            thin=200,
            seed=1,
        ),
        "weights: effective .* draws, .* of all.* lower zeta or narrow the partition",
    ),
}


@pytest.mark.filterwarnings("ignore:.*outside the partition", "ignore:.*were rejected")
@pytest.mark.parametrize("name", SICK)
def test_each_verdict_has_its_illness(name):
    make, verdict = SICK[name]
    found = make().summary()
    assert any(re.search(verdict, text) for text in found.verdicts), found.verdicts
    assert "Nothing found" not in str(found)
    assert sum(line.startswith("- ") for line in str(found).splitlines()) >= 1


def test_short_chains_may_miss_a_round_trip():
    draws = np.random.default_rng(1).normal(size=(100, 60))
    run = by_hand(draws)
    assert diagnostics.energy_round_trips(run).min() == 0
    assert not any("round trip" in text for text in run.summary().verdicts)


def test_few_draws_are_not_judged():
    found = by_hand(climbs(1)[None, :40]).summary()
    assert [text.split(":")[0] for text in found.verdicts] == ["only 40 draws"]
    assert found.values["energy_round_trips"] == [0]


def test_a_clip_that_forbids_bounces_is_no_illness():
    trapped = contour(E2_BAOAB, scheme=FROZEN)
    assert "no move bounced" in " ".join(trapped.summary().verdicts)
    trapped.settings["scheme"]["clip"] = [-1.0, 0.3]
    assert "no move bounced" not in " ".join(trapped.summary().verdicts)


def test_different_constants_are_a_huge_r_hat():
    found = by_hand(np.repeat([[1.0], [2.0]], 500, axis=1)).summary()
    assert found.values["still_chains"] == [0, 1]
    assert any(text.startswith("R-hat above 10 of energy") for text in found.verdicts)
    json.dumps(found.values, allow_nan=False)


def test_equal_draws_have_no_r_hat():
    found = by_hand(np.ones((2, 500))).summary()
    assert found.values["r_hat"] is None
    assert found.values["still_chains"] == [0, 1]


# --- the screen -----------------------------------------------------------------------------------

NINE = cc.targets.nine_modes(noise=0.32)
CALLS = {
    "sgld": (cc.sgld, {"step_size": 1e-3}),
    "cyclical_sgld": (cc.cyclical_sgld, {"peak_step_size": 5e-3, "cycles": 4}),
    "replica_exchange_sgld": (
        cc.replica_exchange_sgld,
        {"step_size": 1e-3, "high_temperature": 3.0, "integrator": "leimkuhler_matthews"},
    ),
    "contour_sgld": (
        cc.contour_sgld,
        {"step_size": 1e-3, "partition": cc.EnergyPartition(-8.0, 20.0, 100)},
    ),
}


def assert_shown(run):
    found = run.summary()
    lines = str(found).splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 88
    assert not any(line != line.rstrip() for line in lines)
    assert json.loads(json.dumps(found.values, allow_nan=False)) == found.values
    assert str(run.settings["seed"]) in str(found)
    Balanced().feed(found._repr_html_())
    Balanced().feed(run._repr_html_())
    return found


class Balanced(HTMLParser):
    """Fails on tags that do not close, and on scripts and styles."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attributes):
        assert tag in {"div", "p", "br", "table", "tr", "th", "td", "b", "small", "ul", "li"}
        assert not attributes
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def feed(self, text):
        super().feed(text)
        assert self.open == []


@pytest.mark.parametrize("chains", [1, 3])
@pytest.mark.parametrize("steps", [2, 9, 3000])
@pytest.mark.parametrize("name", CALLS)
def test_every_run_has_a_summary(name, steps, chains, tmp_path):
    function, own = CALLS[name]
    own = {**own, "cycles": 1} if name == "cyclical_sgld" and steps < 9 else own
    run = function(NINE, steps, **own, chains=chains, seed=3)
    found = assert_shown(run)
    run.save(tmp_path / "run")
    loaded = cc.Run.load(tmp_path / "run")
    assert str(loaded.summary()) == str(found)
    assert loaded.summary().values == found.values
    assert_shown(dataclasses.replace(run, exact_energies=None))


def test_the_worst_run_fits_on_the_screen():
    run = contour(
        {**E2_PUBLISHED, "scheme": FROZEN, "steps": 20_000},
        2**127,
        chains=3,
        start=[(0.0, 0.0), *CORNERS[:2]],
    )
    target = {"name": "a long name " * 20, "noise": 1 / 3}
    run = dataclasses.replace(
        run, partial=True, clamped=10_000, settings={**run.settings, "target": target}
    )
    found = assert_shown(run)
    assert len(found.verdicts) >= 6
    assert re.search(r"^- and \d+ more, see \.verdicts$", str(found), re.MULTILINE)
    for text in found.verdicts:
        assert text.split(":")[0].split("<")[0] in found._repr_html_()


def test_wrong_rows_are_marked():
    lines = str(contour(E2_BAOAB, scheme=FROZEN).summary()).splitlines()
    assert any(line.startswith("!  theta against weighted draws") for line in lines)
    assert any(line.startswith("   theta, from half to end") for line in lines)
    html = contour(E2_BAOAB, scheme=FROZEN).summary()._repr_html_()
    assert "<b>theta against weighted draws</b>" in html
    assert "<td>theta, from half to end</td>" in html


def test_names_are_text_and_no_html():
    run = by_hand(climbs(3)[None], settings={"target": {"name": "<script>x & y"}})
    for shown in (run._repr_html_(), run.summary()._repr_html_()):
        assert "<script>" not in shown
        assert "&lt;script&gt;x &amp; y" in shown


def test_the_line_of_a_run_asks_nothing_of_its_draws(monkeypatch):
    without_arviz(monkeypatch)
    run = dataclasses.replace(contour(E2_BAOAB, steps=2000), energies=None)
    assert "contour_sgld of nine_modes" in run._repr_html_()
    assert "1 chain × 50 draws of dim 2, 2,001 gradients, seed 1" in run._repr_html_()


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40),
    st.integers(1, 3),
    st.booleans(),
)
def test_no_energies_break_a_summary(energies, chains, contours):
    draws = len(energies)
    random = np.random.default_rng(draws)
    energies = np.array([random.permutation(energies) for _ in range(chains)])
    assert_shown(by_hand(energies, partition=PARTITION if contours else None))
