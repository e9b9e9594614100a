"""Walkers that share theta."""

import math

import numpy as np
import pytest

import csgld_core as cc
from csgld_core.kernels import energy_pdf
from csgld_core.kernels.energy_pdf import theta_of
from csgld_core.scheme import contour_of

NINE = cc.targets.nine_modes(noise=0.32)
PARTITION = cc.EnergyPartition(-8.0, 20.0, 100)
SETTINGS = {"step_size": 2e-3, "partition": PARTITION, "seed": 7}
KINDS = ["positions", "energies", "exact_energies", "multipliers", "log_weights", "energy_pdfs"]


@pytest.mark.parametrize("integrator", ["euler", "leimkuhler_matthews", "baoab"])
@pytest.mark.parametrize("scheme", [cc.ContourScheme(), cc.ContourScheme.published()])
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
            reading = cc.log_psi([energy], theta, PARTITION, scheme, zeta=0.75, temperature=1.0)
            g = {
                "consistent": math.exp(0.75 * reading.values[0]),
                "cell": theta[cell] ** 0.75,
                "interacting": theta[cell],
            }[gain]
            theta = theta - omega * g * theta
            theta[cell] += omega * g
    assert run.energy_pdf == pytest.approx(theta, rel=1e-7)


# --- many updates ---------------------------------------------------------------------------------


def learned(energies, scheme, bins, zeta=0.75, first_step=0):
    """theta by the compiled updates, by the plain formula; how often the total was brought back.

    `energies` (steps, walkers); the gain is that of the cell, so that no Psi is needed.
    """
    walkers = energies.shape[1]
    partition = cc.EnergyPartition(0.0, bins, bins)
    contour = contour_of(partition, scheme, zeta, 1.0, walkers=walkers)
    theta = np.full(bins, 1.0 / bins)
    state, rescaled, last = energy_pdf.energy_pdf(theta, contour), 0, 1.0
    cap, scale, power, offset = scheme.gain_schedule
    for step, together in enumerate(energies, start=first_step):
        omega = min(cap, scale / ((step + 1) ** power + offset)) / walkers
        for energy in together:
            energy_pdf.update(state, contour, energy, step, False)
            rescaled += state.total[0] < last
            last = state.total[0]
            visited = np.arange(bins) == partition.index(energy)
            theta = theta + omega * theta[visited] ** zeta * (visited - theta)
    return theta_of(state), theta, rescaled


def visited(steps, walkers, bins, seed=1):
    generator = np.random.default_rng(seed)
    return generator.integers(bins, size=(steps, walkers)) ** 1.0 + generator.uniform(
        0.01, 0.99, size=(steps, walkers)
    )


@pytest.mark.parametrize("clip", [None, (-1.3, 0.3)])
@pytest.mark.parametrize("walkers", [1, 4])
def test_a_shared_theta_survives_rescaling(walkers, clip):
    """Gains so large that the total passes HUGE."""
    scheme = cc.ContourScheme(gain="cell", clip=clip, gain_schedule=(0.9, 1e9, 0.0, 0.0))
    found, plain, rescaled = learned(visited(4000, walkers, 7), scheme, 7, zeta=0.2)
    assert rescaled > 5
    assert found == pytest.approx(plain, rel=1e-9)
    assert found.sum() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("clip", [None, (-1.3, 0.3)])
def test_a_shared_theta_survives_resumming(clip):
    """RESUM_EVERY is compiled in: start at a step just below it."""
    scheme = cc.ContourScheme(gain="cell", clip=clip, gain_schedule=(0.05, 1e9, 0.0, 0.0))
    first = energy_pdf.RESUM_EVERY - 200
    found, plain, rescaled = learned(visited(400, 2, 9), scheme, 9, first_step=first)
    assert rescaled == 2  # once for each walker
    assert found == pytest.approx(plain, rel=1e-10)
