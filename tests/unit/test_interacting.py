"""Walkers that share theta, and theta averaged over the last part of a run."""

import math

import numpy as np
import pytest

import csgld_core as cc
from csgld_core.kernels import energy_pdf

NINE = cc.targets.nine_modes(noise=0.32)
PARTITION = cc.EnergyPartition(-8.0, 20.0, 100)
SETTINGS = {"step_size": 2e-3, "partition": PARTITION, "seed": 7}
KINDS = ["positions", "energies", "exact_energies", "multipliers", "log_weights", "energy_pdfs"]


@pytest.mark.parametrize("integrator", ["euler", "leimkuhler_matthews", "baoab"])
@pytest.mark.parametrize("scheme", [cc.ContourScheme(averaging=0.3), cc.ContourScheme.published()])
def test_one_walker_alone_is_contour_sgld(integrator, scheme):
    settings = {**SETTINGS, "integrator": integrator, "scheme": scheme}
    alone = cc.interacting_contour_sgld(NINE, 5000, chains=1, **settings)
    plain = cc.contour_sgld(NINE, 5000, **settings)
    for kind in KINDS:
        assert (getattr(alone, kind) == getattr(plain, kind)).all(), kind
    assert alone.gradient_evaluations == plain.gradient_evaluations


def test_all_share_one_theta():
    run = cc.interacting_contour_sgld(NINE, 5000, chains=4, **SETTINGS)
    assert run.positions.shape == (4, 5000, 2)
    assert run.energy_pdfs.shape == (4, 100)
    assert (run.energy_pdfs == run.energy_pdfs[0]).all()
    assert (run.energy_pdf_histories == run.energy_pdf_histories[0]).all()
    assert run.gradient_evaluations == 4 * 5001
    assert run.settings["gradients_per_step"] == 4
    assert run.settings["chains"] == 4
    assert len({tuple(chain[-1]) for chain in run.positions}) == 4


def test_five_walkers_by_default():
    assert cc.interacting_contour_sgld(NINE, 10, **SETTINGS).chains == 5


def test_starts_are_those_given():
    start = [[1.0, 2.0], [-1.0, 0.5], [0.0, 0.0]]
    settings = {**SETTINGS, "step_size": 1e-12}
    run = cc.interacting_contour_sgld(NINE, 1, chains=3, start=start, **settings)
    assert run.positions[:, 0] == pytest.approx(np.array(start), abs=1e-4)
    assert run.settings["start"] == start


@pytest.mark.parametrize("gain", ["consistent", "cell", "interacting"])
def test_theta_learns_from_every_walker_in_turn(gain):
    """theta <- theta + omega_k g / P (e_J - theta), from the energies that the run recorded."""
    scheme = cc.ContourScheme(gain=gain, clip=None, floor=None, gain_schedule=(0.05, 30, 0.8, 5))
    run = cc.interacting_contour_sgld(
        NINE, 300, chains=3, **{**SETTINGS, "step_size": 1e-4}, scheme=scheme
    )
    theta = np.full(100, 0.01)
    for k in range(300):
        omega = min(0.05, 30 / ((k + 1) ** 0.8 + 5)) / 3
        for energy in run.energies[:, k]:
            cell = PARTITION.index(energy)
            reading = energy_pdf.read(
                [energy], theta, PARTITION, scheme, zeta=0.75, temperature=1.0
            )
            g = {
                "consistent": math.exp(0.75 * reading.log_psi[0]),
                "cell": theta[cell] ** 0.75,
                "interacting": theta[cell],
            }[gain]
            theta = theta - omega * g * theta
            theta[cell] += omega * g
    assert run.energy_pdf == pytest.approx(theta, rel=1e-7)


# --- averaging ------------------------------------------------------------------------------------


def averaged(scheme, energies, bins, zeta=0.75):
    """theta by the compiled updates: averaged at the end; the plain mean; and rescalings seen.

    `energies` (steps, walkers).
    """
    steps, walkers = energies.shape
    partition = cc.EnergyPartition(0.0, bins, bins)
    settings = energy_pdf.contour(partition, scheme, zeta, 1.0, steps=steps, walkers=walkers)
    state = energy_pdf.energy_pdf(np.full(bins, 1.0 / bins), settings)
    first, thetas, rescaled, last = steps - round(scheme.averaging * steps), [], 0, 1.0
    for step in range(steps):
        for energy in energies[step]:
            rebuild = (step + 1) % settings.rebuild_every == 0
            energy_pdf.learn(state, settings, energy, step, rebuild)
            rescaled += state.total[0] < last
            last = state.total[0]
            if step >= first:
                thetas.append(state.mass / state.total[0])
    return energy_pdf.learned_energy_pdf(state), np.mean(thetas, axis=0), rescaled, state


def visited(steps, walkers, bins, seed=1):
    generator = np.random.default_rng(seed)
    return generator.integers(bins, size=(steps, walkers)) ** 1.0 + generator.uniform(
        0.01, 0.99, size=(steps, walkers)
    )


@pytest.mark.parametrize("clip", [None, (-1.3, 0.3)])
@pytest.mark.parametrize("gain", ["consistent", "cell", "interacting"])
@pytest.mark.parametrize("walkers", [1, 3])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_the_average_is_the_plain_mean(part, walkers, gain, clip):
    scheme = cc.ContourScheme(averaging=part, gain=gain, clip=clip)
    found, plain, _, state = averaged(scheme, visited(1000, walkers, 12), 12)
    assert found == pytest.approx(plain, rel=1e-10)
    assert found.sum() == pytest.approx(1.0, abs=1e-12)
    assert state.clock[1] == round(1000 * part) * walkers


@pytest.mark.parametrize("walkers", [1, 4])
def test_the_average_survives_rescaling(walkers):
    """Gains so large that the total passes AVERAGED_HUGE again and again."""
    scheme = cc.ContourScheme(averaging=0.8, gain_schedule=(0.9, 1e9, 0.0, 0.0))
    found, plain, rescaled, _ = averaged(scheme, visited(2000, walkers, 7), 7, zeta=0.2)
    assert rescaled > 20
    assert found == pytest.approx(plain, rel=1e-10)


def test_the_average_begins_at_a_total_that_is_huge():
    """Before averaging the total may grow to HUGE, above what averaging allows."""
    scheme = cc.ContourScheme(averaging=0.5, gain_schedule=(0.5, 1e9, 0.0, 0.0))
    found, plain, rescaled, _ = averaged(scheme, visited(400, 1, 5), 5, zeta=0.1)
    assert rescaled > 1
    assert found == pytest.approx(plain, rel=1e-10)


def test_the_average_survives_resumming(monkeypatch):
    """RESUM_EVERY is compiled in: start at a step just below it."""
    every, bins = energy_pdf.RESUM_EVERY, 9
    partition = cc.EnergyPartition(0.0, bins, bins)
    scheme = cc.ContourScheme(averaging=0.999)
    settings = energy_pdf.contour(partition, scheme, 0.75, 1.0, steps=2 * every, walkers=2)
    state = energy_pdf.energy_pdf(np.full(bins, 1.0 / bins), settings)
    thetas, totals = [], []
    for step, pair in enumerate(visited(400, 2, bins), start=every - 200):
        for energy in pair:
            energy_pdf.learn(state, settings, energy, step, False)
            thetas.append(state.mass / state.total[0])
            totals.append(state.total[0])
    assert (np.diff(totals) < 0).any()
    found = energy_pdf.learned_energy_pdf(state)
    assert found == pytest.approx(np.mean(thetas, axis=0), rel=1e-10)


@pytest.mark.parametrize("sampler", [cc.contour_sgld, cc.interacting_contour_sgld])
def test_a_run_weighs_its_draws_by_the_average(sampler):
    """The dynamics do not see it; before it begins theta is as it stands."""
    settings = {**SETTINGS, "chains": 2}
    plain = sampler(NINE, 3000, **settings)
    run = sampler(NINE, 3000, scheme=cc.ContourScheme(averaging=0.5), **settings)
    assert (run.positions == plain.positions).all()
    assert (run.energy_pdfs != plain.energy_pdfs).any()
    assert (run.energy_pdf_histories == plain.energy_pdf_histories).all()
    weights = energy_pdf.read(
        run.energies[0], run.energy_pdfs[0], PARTITION, run.scheme, zeta=0.75, temperature=1.0
    ).log_weights
    assert (run.log_weights[0] == weights).all()


@pytest.mark.parametrize("value", [-0.1, 1.0, 1.5, math.nan, "0.5", None, True])
def test_bad_averaging_is_named(value):
    with pytest.raises(ValueError, match=r"^averaging must be .*>= 0 and < 1, got"):
        cc.ContourScheme(averaging=value)
