"""Contours with nothing tuned: the pilot's partition and step size on targets of many kinds."""

import itertools
import json
import math
from functools import cache

import numba
import numpy as np
import pytest

import csgld_core as cc
from csgld_core.samplers.pilot import TRIAL_CHAINS, TRIAL_STEPS, TRIALS

STEPS = 400_000


# --- three targets, and the truth about them ------------------------------------------------------


@numba.njit
def skewed_well(position, gradient):
    x = position[0]
    gradient[0] = 6.0 * x * (x * x - 2.0) + 0.5 + 0.6 * x * x
    return 1.5 * (x * x - 2.0) ** 2 + 0.5 * x + 0.2 * x**3


@numba.njit
def bent_wells(position, gradient):
    x = position[0]
    energy = 5.0 * (x * x - 1.0) ** 2 - 0.4 * x
    gradient[0] = 20.0 * x * (x * x - 1.0) - 0.4
    for i in range(1, 5):
        stiffness = 2.0 ** (i - 1)
        off = position[i] - 0.5 * x * x
        energy += 0.5 * stiffness * off * off
        gradient[i] = stiffness * off
        gradient[0] -= stiffness * off * x
    return energy


def right_of(border):
    return lambda positions: (positions[:, 0] > border).astype(int)


SKEWED = cc.Target(skewed_well, 1, name="skewed", modes=[[-1.5], [1.4]], basin=right_of(0.0))
BENT = cc.Target(
    bent_wells,
    5,
    name="bent",
    modes=[[-1.0, 0.5, 0.5, 0.5, 0.5], [1.0, 0.5, 0.5, 0.5, 0.5]],
    basin=right_of(0.0),
)
FIVE = cc.targets.gaussian_mixture(
    [0.1, 0.3, 0.15, 0.25, 0.2],
    [[-4.0, 0.0], [0.0, 0.0], [3.0, 3.0], [4.0, -2.0], [-1.0, 4.5]],
    [
        [[0.8, 0.5], [0.5, 0.6]],
        [[0.3, -0.15], [-0.15, 0.4]],
        [[1.0, 0.0], [0.0, 0.1]],
        [[0.15, 0.05], [0.05, 0.2]],
        [[0.6, -0.4], [-0.4, 0.5]],
    ],
)


@cache
def truth(target):
    """Mode masses and means; of the bent wells along x_1, given which the rest is Gaussian."""
    if target is not BENT:
        return cc.exact.mode_masses(target), cc.exact.moments(target).mean
    x = np.linspace(-3.0, 3.0, 60_001)
    mass = np.exp(-5.0 * (x * x - 1.0) ** 2 + 0.4 * x)
    mass /= mass.sum()
    mean = np.array([mass @ x, *[0.5 * mass @ x**2] * 4])
    return np.array([mass[x <= 0].sum(), mass[x > 0].sum()]), mean


def untuned(target, seeds, steps=STEPS, **settings):
    return cc.parallel.replicate(cc.contour_sgld, seeds, target=target, steps=steps, **settings)


def assert_right(mean, runs, target, bias=0.0):
    masses, expected = truth(target)
    found = [cc.metrics.mode_masses(run, target) for run in runs]
    distances = [0.5 * np.abs(mass - masses).sum() for mass in found]
    print(target.name, np.round(distances, 3), np.mean(distances).round(4))
    assert np.mean(distances) <= 0.06
    for values, right in zip(np.transpose([run.mean() for run in runs]), expected, strict=True):
        print("  ", mean(values), right)
        assert mean(values).is_near(right, bias=bias)


@pytest.mark.parametrize("target", [FIVE, SKEWED, BENT], ids=["five", "skewed", "bent"])
def test_nothing_needs_tuning(mean, seeds, target):
    assert_right(mean, untuned(target, seeds[:10], integrator="baoab"), target)


@pytest.mark.parametrize(
    ("integrator", "bias"), [("euler", 0.02), ("leimkuhler_matthews", 0.0), ("mala", 0.0)]
)
def test_every_integrator_gets_its_step_size(mean, seeds, integrator, bias):
    assert_right(mean, untuned(SKEWED, seeds[:10], integrator=integrator), SKEWED, bias=bias)


# --- units ----------------------------------------------------------------------------------------


@numba.njit
def in_other_units(position, gradient, data, generator):
    """The skewed well, lengths times data[0, 0], energies times data[0, 1] plus data[0, 2]."""
    x = position[0] / data[0, 0]
    slope = 6.0 * x * (x * x - 2.0) + 0.5 + 0.6 * x * x
    gradient[0] = slope * data[0, 1] / data[0, 0]
    return (1.5 * (x * x - 2.0) ** 2 + 0.5 * x + 0.2 * x**3) * data[0, 1] + data[0, 2]


@cache
def converted(length=1.0, energy=1.0, shift=0.0):
    modes = [[-1.5 * length], [1.4 * length]]
    return cc.Target(in_other_units, 1, data=[[length, energy, shift]], modes=modes)


@pytest.mark.parametrize("integrator", ["baoab", "mala"])
@pytest.mark.parametrize(
    "units",
    [{"length": 100.0}, {"length": 0.01}, {"shift": 1e4}, {"shift": -1e4}, {"energy": 5.0}],
    ids=str,
)
def test_units_do_not_matter(mean, seeds, units, integrator):
    """With energies and temperature five times as large, too."""
    length, temperature = units.get("length", 1.0), units.get("energy", 1.0)
    target = converted(**units)
    settings = {"integrator": integrator, "temperature": temperature, "start": [-length]}
    runs = untuned(target, seeds[:10], 200_000, burn_in=20_000, thin=5, **settings)
    masses, (expected,) = truth(SKEWED)
    found = [(run.weights() * (run.positions[:, :, 0] > 0)).sum() for run in runs]
    assert mean(found).is_near(masses[1])
    assert np.abs(np.array(found) - masses[1]).mean() <= 0.06
    assert mean([run.mean()[0] / length for run in runs]).is_near(expected)
    unit = length**2 / temperature  # of time in overdamped dynamics
    unit = math.sqrt(unit) if integrator == "baoab" else unit
    plain = untuned(converted(), seeds[:5], 1000, integrator=integrator, start=[-1.0])
    steps, usual = (np.median([r.settings["step_size"] for r in rs]) for rs in (runs, plain))
    assert 0.4 <= steps / unit / usual <= 2.5
    bottom = SKEWED.energies(np.linspace(-2.0, 0.0, 10_001)[:, None]).min()
    top = SKEWED.energies(np.linspace(-0.5, 0.5, 10_001)[:, None]).max()
    for run in runs:
        ends = np.array([run.partition.low, run.partition.high])
        low, high = (ends - units.get("shift", 0.0)) / temperature
        assert bottom - 0.6 < low < bottom
        assert top < high < top + 20.0
        assert run.partition.width == pytest.approx(0.5 * temperature)


# --- noise ----------------------------------------------------------------------------------------


def test_noise_is_seen_through(mean, seeds):
    noisy = cc.Target(skewed_well, 1, noise=0.3, modes=[[-1.5], [1.4]], basin=right_of(0.0))
    masses, (expected,) = truth(SKEWED)
    runs = untuned(noisy, seeds[:10], integrator="baoab")
    found = [cc.metrics.mode_masses(run, noisy)[0] for run in runs]
    assert np.abs(np.array(found) - masses[0]).mean() <= 0.06
    assert mean([run.mean()[0] for run in runs]).is_near(expected, bias=0.01)  # noise heats


# --- what the pilot found -------------------------------------------------------------------------


def pilots(target, seeds, **settings):
    runs = untuned(target, seeds, 1000, **settings)
    return [run.settings["pilot"] for run in runs], [run.partition for run in runs]


def test_barriers_of_two_modes_are_found(seeds):
    """Where log(0.4 N(x; -6, 1)) and log(0.6 N(x; 4, 1)) meet, and the wells beside it."""
    target = cc.targets.two_modes()
    top = target.energies(np.linspace(-6.0, 4.0, 100_001)[:, None]).max()
    bottom = target.energies(np.array([[4.0]]))[0]
    assert [top - u for u in target.energies([[-6.0], [4.0]])] == pytest.approx(
        [11.60, 12.01], abs=0.01
    )
    starts = {"chains": 2, "start": [[-6.0], [4.0]]}
    for pilot, partition in zip(*pilots(target, seeds, **starts), strict=True):
        assert pilot["wells"] == 2
        assert pilot["lowest"] == pytest.approx(bottom, abs=1e-2)
        assert top - 1.7 < pilot["barrier"] <= top  # slopes of 5 between images 0.67 apart
        assert partition.low < bottom
        assert top < partition.high < top + 15.0


def test_barriers_of_nine_modes_are_found(seeds):
    """The outer saddles are at 1.1479, and the inner ones at 0.2348, above -20 / 3."""
    for pilot, partition in zip(*pilots(cc.targets.nine_modes(), seeds), strict=True):
        assert partition.low < -20.0 / 3.0 < partition.low + 1.0
        assert pilot["lowest"] == pytest.approx(-20.0 / 3.0, abs=0.02)
        assert pilot["barrier"] == pytest.approx(1.1479, abs=0.3) or pilot["wells"] < 9
        assert partition.high > 1.1479


# --- accounts -------------------------------------------------------------------------------------


def counting(energy, **more):
    calls = []

    def function(position, gradient):
        calls.append(1)
        return energy(position, gradient)

    with pytest.warns(UserWarning, match="plain Python function"):
        return cc.Target(function, 1, **more), calls


@pytest.mark.parametrize("integrator", ["euler", "baoab", "mala"])
@pytest.mark.parametrize("sampler", [cc.contour_sgld, cc.interacting_contour_sgld])
def test_every_gradient_is_counted(sampler, integrator):
    target, calls = counting(skewed_well.py_func)
    run = sampler(target, 2000, chains=2, integrator=integrator, seed=1)
    assert run.gradient_evaluations == len(calls)
    assert run.gradient_evaluations - 2 * 2001 >= run.settings["pilot"]["gradients"] > 4000


def test_gradients_of_runs_that_were_given_up_are_counted():
    def narrow(position, gradient):
        """A wide parabola, with a stiff hole in it that no descent from the start meets."""
        x = position[0]
        hole = 30.0 * math.exp(-0.5 * ((x - 12.0) / 0.02) ** 2)
        gradient[0] = 0.02 * x + hole * (x - 12.0) / 0.02**2
        return 0.01 * x * x - hole

    target, calls = counting(narrow)
    run = cc.contour_sgld(target, 20_000, integrator="euler", seed=1)
    assert run.settings["pilot"]["number"] == 1  # the first run met the hole
    assert run.gradient_evaluations > 2 * 20_001
    # Trials that diverge count in full, so that counts do not depend on the order of threads.
    trials = 2 * TRIALS * TRIAL_CHAINS * (TRIAL_STEPS + 1)
    assert len(calls) <= run.gradient_evaluations <= len(calls) + trials
    again = cc.contour_sgld(target, 20_000, integrator="euler", seed=1, workers=1)
    assert again.gradient_evaluations == run.gradient_evaluations


def failing_once(number, failure):
    """A well in Python; call `number` meets a failure."""
    calls = itertools.count(1)

    def energy(position, gradient):
        call = next(calls)
        return failure() if call == number else skewed_well.py_func(position, gradient)

    with pytest.warns(UserWarning, match="plain Python function"):
        return cc.Target(energy, 1)


def ctrl_c():
    raise KeyboardInterrupt


def test_a_run_that_diverges_is_repeated_with_half_the_step():
    settings = {"chains": 2, "seed": 1, "workers": 1}
    whole = cc.contour_sgld(failing_once(0, None), 2000, **settings)
    pilot = whole.settings["pilot"]
    late = pilot["gradients"] + 1500
    with pytest.warns(UserWarning, match="diverged at step 149.*repeated with half that step"):
        run = cc.contour_sgld(failing_once(late, lambda: math.nan), 2000, **settings)
    assert run.settings["step_size"] == 0.5 * whole.settings["step_size"]
    assert run.settings["pilot"]["diverged"]
    assert "diverged" in str(run.summary())
    assert run.gradient_evaluations == whole.gradient_evaluations + 2 * 2001
    assert run.settings["pilot"]["gradients"] == pilot["gradients"] + 2 * 2001


def test_ctrl_c_ends_a_pilot_wherever_it_is():
    settings = {"chains": 2, "seed": 1, "workers": 1}
    whole = cc.contour_sgld(failing_once(0, None), 2000, **settings)
    gradients = whole.settings["pilot"]["gradients"]
    trial = TRIAL_CHAINS * (TRIAL_STEPS + 1)
    for number in (1, gradients - trial - 200, gradients - trial // 2, gradients):
        with pytest.raises(KeyboardInterrupt):
            cc.contour_sgld(failing_once(number, ctrl_c), 2000, **settings)
    with pytest.warns(UserWarning, match="interrupted: the run is complete"):
        run = cc.contour_sgld(failing_once(whole.gradient_evaluations, ctrl_c), 2000, **settings)
    assert not run.partial
    assert (run.positions == whole.positions).all()


@pytest.mark.parametrize("sampler", [cc.contour_sgld, cc.interacting_contour_sgld])
def test_the_record_is_json_and_same_seeds_give_same_bits(sampler):
    one, two = (
        sampler(BENT, 5000, chains=3, integrator="baoab", seed=3, workers=workers)
        for workers in (1, 2)
    )
    assert json.loads(json.dumps(one.settings)) == one.settings == two.settings
    assert (one.positions == two.positions).all()
    assert (one.log_weights == two.log_weights).all()
    pilot = one.settings["pilot"]
    assert pilot["automatic"] == ["step_size", "partition", "friction"]
    assert one.settings["friction"] * pilot["step_size"] == pytest.approx(0.45)
    assert pilot["step_size"] == one.settings["step_size"]
    assert pilot["partition"] == one.settings["partition"]
    again = sampler(  # a pilot leaves no trace in the random numbers of the run
        BENT,
        5000,
        chains=3,
        integrator="baoab",
        seed=3,
        step_size=one.settings["step_size"],
        friction=one.settings["friction"],
        partition=one.partition,
    )
    assert (again.positions == one.positions).all()
    assert "pilot" not in again.settings


def test_one_of_the_two_may_be_given():
    partition = cc.EnergyPartition(-5.0, 10.0, 30)
    run = cc.contour_sgld(SKEWED, 5000, partition=partition, seed=1)
    assert run.partition == partition
    assert run.settings["pilot"]["automatic"] == ["step_size"]
    assert run.settings["step_size"] == run.settings["pilot"]["step_size"]
    run = cc.contour_sgld(SKEWED, 5000, step_size=0.004, seed=1)
    assert run.settings["step_size"] == 0.004
    assert run.settings["pilot"]["automatic"] == ["partition"]
    assert run.partition == cc.EnergyPartition(**run.settings["pilot"]["partition"])


# --- odd targets ----------------------------------------------------------------------------------


@numba.njit
def flat(position, gradient):
    gradient[:] = 0.0
    return 0.0


@numba.njit
def uphill(position, gradient):
    gradient[:] = 0.0
    gradient[0] = 3.0
    return 3.0 * position[0]


@numba.njit
def hilltop(position, gradient):
    gradient[:] = -position
    return -0.5 * (position @ position)


@numba.njit
def abyss(position, gradient):
    gradient[0] = -math.exp(position[0])
    return -math.exp(position[0])


@numba.njit
def nowhere(position, gradient):
    gradient[:] = 0.0
    return math.inf


@numba.njit
def half_line(position, gradient):
    gradient[0] = 1.0
    return position[0] if position[0] > 0.0 else math.inf


@pytest.mark.parametrize("integrator", ["euler", "leimkuhler_matthews", "baoab", "mala"])
@pytest.mark.parametrize("sides", [(1.0, 1.0), (1.0, 50.0)])
def test_boxes_without_a_landscape(mean, seeds, integrator, sides):
    """Narrow ones too: a step that crosses the long side may not overshoot the short one."""
    target = cc.Target(flat, 2, box=([0.0, 0.0], sides))
    runs = untuned(target, seeds[:8], 100_000, integrator=integrator, thin=10)
    assert mean([run.mean()[0] for run in runs]).is_near(0.5)
    assert mean([(run.positions[0, :, 0] ** 2).mean() for run in runs]).is_near(1 / 3)


def test_a_slope_in_a_box(mean, seeds):
    target = cc.Target(uphill, 1, box=(0.0, 1.0))
    expected = cc.exact.moments(target).mean[0]
    runs = untuned(target, seeds[:8], 100_000, integrator="baoab", thin=10)
    assert mean([run.mean()[0] for run in runs]).is_near(expected, bias=0.003)


def test_flat_space_is_walked_at_random():
    run = cc.contour_sgld(cc.Target(flat, 2), 1000, seed=1)
    assert np.isfinite(run.positions).all()


@pytest.mark.parametrize("function", [hilltop, abyss])
def test_energies_that_fall_for_ever_are_refused(function):
    with pytest.raises(ValueError, match="must have a lowest energy"):
        cc.contour_sgld(cc.Target(function, 1), 1000, seed=1)


def test_no_finite_start_is_refused():
    with pytest.raises(ValueError, match="none of 8 starting points has"):
        cc.contour_sgld(cc.Target(nowhere, 1), 1000, seed=1)


def test_infinite_beyond_a_point(mean, seeds):
    """Half of the pilot's own starting points have no density."""
    target = cc.Target(half_line, 1)
    settings = {"start": [1.0], "integrator": "mala", "thin": 10}
    runs = untuned(target, seeds[:8], 200_000, **settings)
    assert mean([run.mean()[0] for run in runs]).is_near(1.0)


def test_nothing_that_is_kept_decides_what_a_pilot_chooses():
    # The run meets a narrow well that its pilot did not: whether it is repeated must not depend on
    # which draws are kept, or on how many threads there are.
    narrow = [[1.0, 1.0], [0.01, 0.01]]
    target = cc.targets.gaussian_mixture([0.97, 0.03], [[0.0, 0.0], [2.0, 0.0]], narrow)
    found = [
        cc.contour_sgld(target, 20_000, integrator="baoab", seed=1, chains=2, **kept)
        for kept in ({"thin": 1}, {"thin": 2_000}, {"burn_in": 10_000}, {"workers": 1})
    ]
    for run in found[1:]:
        assert run.settings["pilot"] == found[0].settings["pilot"]
        assert np.array_equal(run.positions[:, -1], found[0].positions[:, -1])
        assert run.gradient_evaluations == found[0].gradient_evaluations
