"""A shared theta against quadrature."""

import numpy as np
import pytest

import csgld_core as cc

E1 = cc.targets.two_modes()
PARTITION = cc.EnergyPartition(1.0, 21.0, 20)
STEPS, WALKERS, STEP_SIZE = 4_000_000, 4, 0.02
UNCLIPPED = {"clip": None, "floor": None}


def distance(a, b):
    return 0.5 * np.abs(a - b).sum()


def shared(scheme, zeta=0.75, seed=5000, **changes):
    settings = {
        "steps": STEPS,
        "step_size": STEP_SIZE,
        "partition": PARTITION,
        "chains": WALKERS,
        "thin": 100,
        **changes,
    }
    return cc.interacting_contour_sgld(E1, scheme=scheme, zeta=zeta, seed=seed, **settings)


@pytest.mark.parametrize("slope", ["centred", "smooth"])
def test_consistent_gain_finds_the_exact_energy_pdf(slope):
    run = shared(cc.ContourScheme(slope=slope))
    assert distance(run.energy_pdf, cc.exact.energy_pdf(E1, PARTITION)) <= 0.02


@pytest.mark.parametrize("zeta", [0.75, 1.0])
def test_interacting_gain_makes_the_visits_flat(zeta):
    """theta^zeta is proportional to the mass, so that the energies visited are."""
    scheme = cc.ContourScheme(gain="interacting", **UNCLIPPED)
    mass = cc.exact.energy_pdf(E1, PARTITION)
    expected = cc.exact.contour_fixed_point(E1, PARTITION, scheme=scheme, zeta=zeta)
    inside = mass > 1e-6
    flatness = expected[inside] ** zeta / mass[inside]
    assert flatness.std() / flatness.mean() <= 0.25  # not 0: log Psi is interpolated
    run = shared(scheme, zeta)
    assert distance(run.energy_pdf, expected) <= 0.03
    assert distance(run.energy_pdf, mass) >= (0.1 if zeta < 1 else 0.0)
    visits = np.bincount(PARTITION.index(run.energies[:, 5000:].ravel()), minlength=PARTITION.bins)
    below = visits[:12] / visits[:12].mean()  # the barrier is at 13.4, in the thirteenth cell
    assert 0.85 < below.min() < below.max() < 1.15


def test_gain_of_the_cell_settles_at_its_own_fixed_point():
    scheme = cc.ContourScheme(gain="cell", slope="backward", **UNCLIPPED)
    expected = cc.exact.contour_fixed_point(E1, PARTITION, scheme=scheme)
    run = shared(scheme)
    assert distance(run.energy_pdf, expected) <= 0.03
    assert distance(expected, cc.exact.energy_pdf(E1, PARTITION)) >= 0.06


def test_one_walker_of_interacting_learns_what_contour_sgld_learns(mean, seeds):
    settings = {"target": E1, "steps": 200_000, "step_size": STEP_SIZE, "partition": PARTITION}
    truth = cc.exact.energy_pdf(E1, PARTITION)
    for sampler, chains in ((cc.contour_sgld, 1), (cc.interacting_contour_sgld, 1)):
        runs = cc.parallel.replicate(sampler, seeds, chains=chains, thin=10, **settings)
        assert mean([run.mean()[0] for run in runs]).is_near(0.0)
        assert mean([distance(run.energy_pdf, truth) for run in runs]).value <= 0.1


def test_walkers_share_the_work(mean, seeds):
    """Means are right, whatever the number of walkers, at equal numbers of gradients."""
    for walkers in (2, 8):
        runs = cc.parallel.replicate(
            cc.interacting_contour_sgld,
            seeds,
            target=E1,
            steps=800_000 // walkers,
            step_size=STEP_SIZE,
            partition=PARTITION,
            chains=walkers,
            thin=10,
        )
        assert mean([run.mean()[0] for run in runs]).is_near(0.0)
        assert mean([cc.metrics.mode_masses(run, E1)[0] for run in runs]).is_near(0.4)
