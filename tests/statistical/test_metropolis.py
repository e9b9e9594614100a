"""integrator="mala" is exact: every sampler against quadrature, at steps where Euler is far off."""

import math

import numba
import numpy as np
import pytest
from scipy import stats

import csgld_core as cc
from csgld_core.kernels.integrators import Origin, Walkers, log_proposal_ratio

STEPS = 200_000
pytestmark = pytest.mark.filterwarnings("ignore:.*(rejected|outside the partition)")


@numba.njit
def tilted_wells(position, gradient):
    x = position[0]
    gradient[0] = 8.0 * x * (x * x - 1.0) + 0.7
    return 2.0 * (x * x - 1.0) ** 2 + 0.7 * x


@numba.njit
def bent(position, gradient):
    x, y = position
    off = y - x * x
    gradient[0] = 3.0 * x - 1.0 - 4.0 * x * off
    gradient[1] = 2.0 * off
    return 1.5 * x * x - x + off * off


@numba.njit
def half_line(position, gradient):
    gradient[0] = 1.0
    return position[0] if position[0] > 0.0 else math.inf


@numba.njit
def root(position, gradient):
    gradient[0] = 0.5 / math.sqrt(position[0]) if position[0] > 0.0 else 0.0
    return math.sqrt(position[0])


def right_of_zero(positions):
    return (positions[:, 0] > 0).astype(int)


MODES = [[-1.0], [1.0]]
WELLS = cc.Target(tilted_wells, 1, name="wells", modes=MODES, basin=right_of_zero)
BOXED = cc.Target(
    tilted_wells, 1, name="boxed wells", box=(-1.6, 1.3), modes=MODES, basin=right_of_zero
)
BENT = cc.Target(bent, 2, name="bent", modes=[[0.3, 0.1]])
BENT_BOXED = cc.Target(bent, 2, name="bent in a box", box=(-0.5, 1.5))
PARTITION = cc.EnergyPartition(-1.0, 6.0, 20)
# Without clipping, fast gains, fine cells and large steps make a trap: a move that stays lifts its
# cell, with it the slope beside it, and so the length of the next proposal.
UNCLIPPED = {"clip": None, "gain_schedule": (0.003, 10.0, 0.8, 100.0)}
CAUTIOUS = {"step_size": 0.005, "partition": cc.EnergyPartition(-1.0, 4.0, 5)}
SCHEMES = {
    "default": cc.ContourScheme(),
    "smooth": cc.ContourScheme(slope="smooth"),
    "backward, unclipped": cc.ContourScheme(slope="backward", **UNCLIPPED),
    "forward, unclipped": cc.ContourScheme(slope="forward", floor=None, **UNCLIPPED),
    "smooth, unclipped": cc.ContourScheme(slope="smooth", **UNCLIPPED),
    "interacting gain": cc.ContourScheme(gain="interacting", **UNCLIPPED),
    "cell gain": cc.ContourScheme(gain="cell"),
}
SAMPLERS = {
    "sgld": (cc.sgld, {"step_size": 0.08}),
    "cyclical": (
        cc.cyclical_sgld,
        {"peak_step_size": 0.16, "cycles": 20, "sampling_fraction": 1.0},
    ),
    "replica exchange": (
        cc.replica_exchange_sgld,
        {"step_size": 0.08, "high_temperature": 3.0, "high_step_size": 0.16},
    ),
    "interacting": (
        cc.interacting_contour_sgld,
        {"step_size": 0.08, "partition": PARTITION, "chains": 3},
    ),
    **{
        name: (cc.contour_sgld, {"step_size": 0.08, "partition": PARTITION, "scheme": scheme})
        for name, scheme in SCHEMES.items()
    },
}
UNCLIPPED_SCHEMES = {name for name, scheme in SCHEMES.items() if scheme.clip is None}
for name in UNCLIPPED_SCHEMES:
    SAMPLERS[name][1].update(CAUTIOUS)


def replicate(name, target, seeds, integrator="mala", **changes):
    sampler, settings = SAMPLERS[name]
    settings = {**settings, "burn_in": STEPS // 10, "start": [0.1] * target.dim, **changes}
    return cc.parallel.replicate(
        sampler, seeds, target=target, steps=STEPS, integrator=integrator, **settings
    )


def errors(mean, runs, target):
    """How far means, second moments and energy are from quadrature, in standard errors."""
    truth = cc.exact.moments(target)
    expected = [*truth.mean, *truth.second, truth.energy]
    found = np.array(
        [[*run.mean(), *run.mean(np.square), run.mean(target.energies)] for run in runs]
    )
    means = [mean(values) for values in found.T]
    return np.array([(m.value - e) / m.error for m, e in zip(means, expected, strict=True)])


@pytest.mark.parametrize("target", [WELLS, BOXED, BENT, BENT_BOXED], ids=lambda t: t.name)
@pytest.mark.parametrize("name", SAMPLERS)
def test_mala_is_exact(mean, seeds, name, target):
    runs = replicate(name, target, seeds[:12])
    assert np.abs(errors(mean, runs, target)).max() <= 4.5  # of 12 seeds
    if target.dim == 1:
        right = mean([cc.metrics.mode_masses(run, target)[1] for run in runs])
        assert right.is_near(cc.exact.mode_masses(target)[1])
    assert all(0.002 < run.rejected / run.gradient_evaluations < 0.5 for run in runs)


@pytest.mark.parametrize("name", sorted(SAMPLERS.keys() - UNCLIPPED_SCHEMES))
def test_euler_is_not(mean, seeds, name):
    """With the same settings it fails the same test, or runs away."""
    try:
        runs = replicate(name, BENT_BOXED, seeds[:12], integrator="euler")
    except cc.DivergenceError:
        return
    assert np.abs(errors(mean, runs, BENT_BOXED)).max() >= 8.0


def test_theta_is_exact_too(mean, seeds):
    runs = replicate("default", WELLS, seeds[:4], chains=2)
    theta = np.mean([run.energy_pdf for run in runs], axis=0)
    assert 0.5 * np.abs(theta - cc.exact.energy_pdf(WELLS, PARTITION)).sum() <= 0.02


def test_temperature(mean, seeds):
    sampler, settings = SAMPLERS["default"]
    runs = cc.parallel.replicate(
        sampler,
        seeds[:12],
        target=WELLS,
        steps=STEPS,
        integrator="mala",
        temperature=2.5,
        **settings,
    )
    truth = cc.exact.moments(WELLS, 2.5)
    assert mean([run.mean()[0] for run in runs]).is_near(truth.mean[0])
    assert mean([run.mean(WELLS.energies) for run in runs]).is_near(truth.energy)


@pytest.mark.parametrize("name", sorted(SAMPLERS.keys() - {"interacting gain"}))
def test_no_density_beyond_a_point(mean, seeds, name):
    """U = x on x > 0, infinite elsewhere: mean 1, second moment 2, energy 1."""
    runs = replicate(name, cc.Target(half_line, 1), seeds[:12], start=[1.0])
    assert all((run.positions > 0).all() for run in runs)
    assert all(np.isfinite(run.energies).all() for run in runs)
    assert mean([run.mean()[0] for run in runs]).is_near(1.0)
    assert mean([run.mean(np.square)[0] for run in runs]).is_near(2.0)


@pytest.mark.parametrize("name", SAMPLERS)
def test_energies_that_are_not_a_number_are_reported(name):
    sampler, settings = SAMPLERS[name]
    with pytest.raises(cc.DivergenceError, match="diverged at step") as caught:
        sampler(cc.Target(root, 1), 10_000, start=[0.5], integrator="mala", seed=1, **settings)
    assert (caught.value.position < 0).all()


@pytest.mark.parametrize("name", SAMPLERS)
def test_energies_must_be_exact(name):
    sampler, settings = SAMPLERS[name]
    data = cc.targets.mixture_data(100, 1)
    for target in (cc.targets.nine_modes(noise=0.1), cc.targets.mixture_posterior(data, 10)):
        with pytest.raises(ValueError, match=r"^integrator must not be 'mala'"):
            sampler(target, 100, integrator="mala", **settings)


@pytest.mark.parametrize("target", [WELLS, BOXED], ids=lambda t: t.name)
@pytest.mark.parametrize("name", ["sgld", "cyclical", "default", "interacting"])
def test_rejected_moves_are_counted(name, target):
    """A rejected move stays where it was; an accepted one has density 0 of doing so."""
    sampler, settings = SAMPLERS[name]
    run = sampler(target, 5000, start=[0.1], integrator="mala", seed=1, **settings)
    stays = np.diff(run.positions[:, :, 0], axis=1, prepend=0.1) == 0
    assert 100 < run.rejected == stays.sum()
    assert (np.diff(run.energies, axis=1, prepend=np.nan)[stays][1:] == 0).all()


# --- the ratio of proposal densities --------------------------------------------------------------


def test_log_proposal_ratio_is_that_of_normal_densities():
    generator = np.random.default_rng(1)
    for dim in (1, 2, 5):
        walkers = Walkers(
            position=generator.standard_normal((2, dim)),
            velocity=np.zeros((2, dim)),
            noise=np.zeros((2, dim)),
            gradient=generator.standard_normal((2, dim)),
            energy=np.zeros(2),
            exact_energy=np.zeros(2),
            multiplier=np.array([0.4, 1.3]),
            step_size=np.ones(2),
            temperature=np.array([1.0, 2.5]),
            ceiling=np.zeros(2),
            lowest_energy=np.zeros(2),
            lowest_position=np.zeros((2, dim)),
        )
        here, gradient = generator.standard_normal((2, dim))
        for w, step_size, multiplier in [(0, 0.3, 1.0), (1, 0.07, -0.6)]:
            there = walkers.position[w]
            forth = here - step_size * multiplier * gradient
            back = there - step_size * walkers.multiplier[w] * walkers.gradient[w]
            spread = math.sqrt(2.0 * walkers.temperature[w] * step_size)
            expected = (
                stats.norm.logpdf(here, back, spread) - stats.norm.logpdf(there, forth, spread)
            ).sum()
            origin = Origin(here, gradient, np.zeros(1), np.array([multiplier]), np.zeros(1))
            found = log_proposal_ratio(walkers, w, step_size, origin)
            assert found == pytest.approx(expected, rel=1e-10)
