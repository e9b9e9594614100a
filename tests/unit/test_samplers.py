import functools
import inspect
import math
import pickle
import warnings
from dataclasses import replace

import numba
import numpy as np
import pytest

import csgld_core as cc
from csgld_core.samplers import chain

SAMPLERS = {
    "sgld": (cc.sgld, {"step_size": 5e-3}),
    "cyclical_sgld": (cc.cyclical_sgld, {"peak_step_size": 1e-2, "cycles": 5}),
    "replica_exchange_sgld": (
        cc.replica_exchange_sgld,
        {"step_size": 5e-3, "high_temperature": 3.0, "swap_rate": 0.5},
    ),
    "contour_sgld": (
        cc.contour_sgld,
        {"step_size": 5e-3, "partition": cc.EnergyPartition(-8.0, 20.0, 100)},
    ),
    "interacting_contour_sgld": (
        cc.interacting_contour_sgld,
        {"step_size": 5e-3, "partition": cc.EnergyPartition(-8.0, 20.0, 100), "chains": 1},
    ),
}
CONTOURS = {"contour_sgld", "interacting_contour_sgld"}
INTEGRATORS = ["euler", "leimkuhler_matthews", "baoab"]
NINE = cc.targets.nine_modes(noise=0.32)
STEPS = 700


def sample(name, target=NINE, steps=STEPS, **changes):
    function, own = SAMPLERS[name]
    return function(target, steps, **{**own, "seed": 7, **changes})


every_sampler = pytest.mark.parametrize("name", SAMPLERS)
every_integrator = pytest.mark.parametrize("integrator", INTEGRATORS)


@numba.njit
def parabola_energy(position, gradient):
    energy = 0.0
    for i in range(position.size):
        gradient[i] = position[i]
        energy += 0.5 * position[i] ** 2
    return energy


@numba.njit
def flat_energy(position, gradient):
    gradient[:] = 0.0
    return 0.0


@numba.njit
def slope_energy(position, gradient):
    gradient[0] = 1.0
    return position[0]


@functools.cache  # compiling it takes longer than most tests
def compiled(function):
    return cc.Target(function, 1).callback


def target_of(function, dim=1, **more):
    return cc.Target(compiled(function), dim, **more)


HOOK = []


@functools.cache  # as above
def hook():
    with pytest.warns(UserWarning, match="plain Python function"):
        return cc.Target(lambda position, gradient: HOOK[-1](position, gradient), 1).callback


def python_target(function, dim=2, **more):
    """A target in Python; one at a time."""
    HOOK[:] = [function]
    return cc.Target(hook(), dim, **more)


# --- bad input ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def untouched():
    def never(position, gradient):
        raise AssertionError("the target was called before the arguments were checked")

    with pytest.warns(UserWarning, match="plain Python function"):
        return cc.Target(never, 2, box=(-2.0, 2.0), name="untouched")


NOT_POSITIVE = [math.nan, math.inf, 0.0, -1e-3, "0.1", True, None]
NOT_A_COUNT = [0, -1, 2.5, math.nan, math.inf, "3", True, None]
BAD = [
    *[("sgld", "step_size", value) for value in NOT_POSITIVE],
    *[("contour_sgld", "step_size", value) for value in NOT_POSITIVE],
    *[("interacting_contour_sgld", "chains", value) for value in NOT_A_COUNT],
    *[("interacting_contour_sgld", "zeta", value) for value in [-0.1, math.nan, None]],
    *[("interacting_contour_sgld", "partition", value) for value in [None, 100, "automatic"]],
    *[("interacting_contour_sgld", "scheme", value) for value in ["published", None]],
    *[("replica_exchange_sgld", "step_size", value) for value in NOT_POSITIVE],
    *[("replica_exchange_sgld", "high_step_size", value) for value in NOT_POSITIVE[:-1]],
    *[("cyclical_sgld", "peak_step_size", value) for value in NOT_POSITIVE],
    *[(name, "temperature", value) for name in SAMPLERS for value in NOT_POSITIVE],
    *[("sgld", "friction", value) for value in NOT_POSITIVE],
    *[("sgld", "steps", value) for value in NOT_A_COUNT],
    *[(name, "steps", 0) for name in SAMPLERS],
    *[("sgld", "chains", value) for value in NOT_A_COUNT],
    *[("sgld", "workers", value) for value in NOT_A_COUNT[:-1]],
    *[("sgld", "thin", value) for value in [*NOT_A_COUNT, STEPS + 1]],
    *[("sgld", "burn_in", value) for value in [-1, STEPS, STEPS + 1, 0.5, math.nan, "1", None]],
    *[("sgld", "seed", value) for value in [-1, 0.5, math.nan, "seed", True]],
    *[(name, "integrator", value) for name in SAMPLERS for value in ["verlet", "Euler", 1, None]],
    *[("sgld", "walls", value) for value in ["periodic", None, 0]],
    *[("sgld", "start", value) for value in [1.0, (1.0,), (1.0, 1.0, 1.0), "ab"]],
    *[("sgld", "start", value) for value in [(1.0, math.nan), [[0.0, 0.0]] * 2, [[[0.0, 0.0]]]]],
    *[(name, "start", [2.0, 2.5]) for name in SAMPLERS],
    *[("sgld", "target", value) for value in [None, "nine_modes", cc.targets.nine_modes]],
    *[("contour_sgld", "zeta", value) for value in [-0.1, math.nan, math.inf, "1", None, True]],
    *[("contour_sgld", "partition", value) for value in [None, 100, "automatic", (0.0, 1.0, 10)]],
    *[("contour_sgld", "scheme", value) for value in ["published", 1, cc.ContourScheme]],
    *[("replica_exchange_sgld", "high_temperature", value) for value in [1.0, 0.5, math.inf, "2"]],
    *[("replica_exchange_sgld", "swap_rate", value) for value in [0.0, -1.0, 1.01, math.nan, "1"]],
    *[("replica_exchange_sgld", "energy_variance", value) for value in [-0.1, math.nan, "0"]],
    *[("replica_exchange_sgld", "swap_rule", value) for value in ["barker", None]],
    *[("cyclical_sgld", "cycles", value) for value in [*NOT_A_COUNT, STEPS + 1]],
    *[("cyclical_sgld", "sampling_fraction", value) for value in [0.0, -0.5, 1.1, math.nan, "1"]],
]


@pytest.mark.parametrize(("name", "argument", "value"), BAD)
def test_bad_input_is_named_before_any_work(untouched, name, argument, value):
    with pytest.raises(ValueError, match=rf"^{argument} must ") as error:
        sample(name, **{"target": untouched, argument: value})
    assert str(error.value).endswith(f"got {value!r}")


def test_allowed_values_are_stated(untouched):
    for argument, value, allowed in [
        ("step_size", 0.0, "a finite number > 0"),
        ("burn_in", STEPS, f"a whole number >= 0 and <= {STEPS - 1}"),
        ("thin", STEPS + 1, f"a whole number >= 1 and <= {STEPS}"),
        ("integrator", "verlet", "one of 'euler', 'leimkuhler_matthews', 'baoab'"),
        ("walls", "no", "one of 'reflect', 'reject'"),
        ("start", [0.0], r"None or finite numbers of shape (2,) or (1, 2)"),
        ("start", [3.0, 0.0], "inside the box [[-2.0, -2.0], [2.0, 2.0]] of 'untouched'"),
    ]:
        with pytest.raises(ValueError, match=f"^{argument} must") as error:
            sample("sgld", untouched, **{argument: value})
        assert allowed in str(error.value)


@every_sampler
def test_unknown_keyword_is_named(untouched, name):
    with pytest.raises(TypeError, match="stepsize"):
        sample(name, untouched, stepsize=0.1)


@pytest.mark.parametrize("name", sorted(SAMPLERS.keys() - CONTOURS))
def test_missing_keyword_is_named(untouched, name):
    function, own = SAMPLERS[name]
    needed = next(iter(own))
    with pytest.raises(TypeError, match=needed):
        function(untouched, STEPS)
    with pytest.raises(TypeError):
        function(untouched, STEPS, *own.values())


@every_sampler
def test_signature_shows_the_common_keywords(name):
    function, own = SAMPLERS[name]
    parameters = inspect.signature(function).parameters
    common = "temperature chains thin burn_in start walls integrator friction seed workers progress"
    assert {*own, *common.split()} <= set(parameters)
    assert "seed : int or None" in function.__doc__


def test_whole_floats_and_numpy_numbers_are_welcome():
    run = sample("sgld", steps=2e2, thin=np.int64(2), burn_in=np.float64(10), chains=1.0)
    assert run.draws == 95
    assert run.settings["steps"] == 200


def test_thin_must_leave_a_draw_after_the_burn_in(untouched):
    with pytest.raises(ValueError, match=r"thin must be .* and <= 100, got 101"):
        sample("sgld", untouched, burn_in=STEPS - 100, thin=101)


def test_a_run_without_draws_is_refused(untouched):
    # A cycle of one step begins with its exploration phase and ends with it.
    with pytest.raises(ValueError, match=r"cycles|sampling_fraction"):
        sample("cyclical_sgld", untouched, steps=10, cycles=10)


# --- same seed, same bits -------------------------------------------------------------------------

ARRAYS = ["positions", "energies", "exact_energies", "multipliers", "log_weights"]


def assert_same(one, other, every=slice(None)):
    for kind in ARRAYS:
        assert (getattr(one, kind)[:, every] == getattr(other, kind)).all(), kind
    assert (one.steps[every] == other.steps).all()
    if one.energy_pdfs is not None:
        assert (one.energy_pdfs == other.energy_pdfs).all()


@every_integrator
@every_sampler
def test_workers_thin_and_progress_change_nothing(name, integrator, capsys):
    settings = {"integrator": integrator, "chains": 3, "sampling_fraction": 1.0}
    if name != "cyclical_sgld":
        del settings["sampling_fraction"]
    one = sample(name, workers=1, **settings)
    assert_same(one, sample(name, workers=2, **settings))
    assert_same(one, sample(name, progress=True, **settings))
    shown = "/700" if name == "interacting_contour_sgld" else "/2.10k"  # its chains are one task
    assert shown in capsys.readouterr().err
    assert_same(one, sample(name, thin=7, **settings), slice(6, None, 7))
    assert_same(one, sample(name, thin=7, burn_in=70, **settings), slice(76, None, 7))
    other_seed = sample(name, **{**settings, "seed": 8})
    assert (one.positions != other_seed.positions).any(axis=-1).all()
    assert (one.positions[0] != one.positions[1]).any()
    assert one.settings == sample(name, workers=2, progress=True, **settings).settings


@every_sampler
def test_replicate_is_the_plain_call(name):
    function, own = SAMPLERS[name]
    runs = cc.parallel.replicate(
        function, [3, 7], workers=2, target=NINE, steps=STEPS, **{**own, "chains": 2}
    )
    for seed, run in zip([3, 7], runs, strict=True):
        assert_same(sample(name, seed=seed, chains=2), run)


@every_sampler
def test_a_seed_that_was_drawn_is_recorded(name):
    first, second = sample(name, seed=None), sample(name, seed=None)
    assert first.settings["seed"] != second.settings["seed"]
    assert_same(first, sample(name, seed=first.settings["seed"]))


@every_sampler
def test_chunks_change_nothing(name, growing_chunks):
    """Enough steps for many looks at Ctrl-C; a short run is the beginning of a long one."""
    with growing_chunks():
        long = sample(name, steps=35_000, **({"cycles": 50} if name == "cyclical_sgld" else {}))
    short = sample(name, steps=700, **({"cycles": 1} if name == "cyclical_sgld" else {}))
    n = short.draws
    assert (long.positions[:, :n] == short.positions).all()
    assert (long.multipliers[:, :n] == short.multipliers).all()


# --- counting -------------------------------------------------------------------------------------


@pytest.mark.parametrize("chains", [1, 3])
@every_sampler
def test_gradients_are_counted(name, chains):
    calls = []

    def energy(position, gradient):
        calls.append(1)
        gradient[:] = position
        return 0.5 * position @ position

    run = sample(name, python_target(energy), 50, chains=chains, **widened(name))
    walkers = 2 if name == "replica_exchange_sgld" else 1
    assert run.gradient_evaluations == len(calls) == chains * walkers * 51
    assert run.gradients_at_draws[-1] == len(calls)


def widened(name):
    """A partition that holds the energies of a parabola."""
    return {"partition": cc.EnergyPartition(-1.0, 30.0, 50)} if name in CONTOURS else {}


@pytest.mark.parametrize("thin", [1, 7, 100])
@pytest.mark.parametrize("burn_in", [0, 101, STEPS - 100])
def test_draws_are_taken_after_the_burn_in(burn_in, thin):
    for name in ("sgld", "replica_exchange_sgld", "contour_sgld"):
        run = sample(name, burn_in=burn_in, thin=thin, chains=2)
        assert run.steps.tolist() == list(range(burn_in + thin, STEPS + 1, thin))
        assert run.positions.shape == (2, len(run.steps), 2)
        for kind in ARRAYS[1:]:
            assert getattr(run, kind).shape == (2, len(run.steps))


@every_sampler
def test_what_a_run_holds(name):
    run = sample(name, chains=2)
    assert run.exact_energies.ravel() == pytest.approx(NINE.energies(run.positions.reshape(-1, 2)))
    noise = (run.energies - run.exact_energies).ravel()
    assert noise.std() == pytest.approx(0.32, abs=4 * 0.32 / math.sqrt(2 * noise.size))
    if name in CONTOURS:
        assert (run.multipliers != 1).any()
        assert (run.log_weights < 0).all()
        assert run.energy_pdfs.shape == (2, 100)
    else:
        assert (run.multipliers == 1).all()
        assert (run.log_weights == 0).all()
        assert run.energy_pdfs is run.energy_pdf is run.energy_pdf_history is run.partition is None


def test_starts():
    far = {"steps": 1, "step_size": 1e-12}
    given = sample("sgld", chains=2, start=[[1.0, 2.0], [-1.0, 0.5]], **far)
    assert given.positions[:, 0] == pytest.approx(np.array([[1.0, 2.0], [-1.0, 0.5]]), abs=1e-4)
    shared = sample("sgld", chains=2, start=(2.5, -2.5), **far)
    assert shared.settings["start"] == [[2.5, -2.5]] * 2
    starts = [
        sample(name, steps=5, cycles=1) if name == "cyclical_sgld" else sample(name, steps=5)
        for name in SAMPLERS
    ]
    assert len({str(run.settings["start"]) for run in starts}) == 1  # one rule for all samplers
    assert NINE.contains(starts[0].settings["start"]).all()


# --- the moves ------------------------------------------------------------------------------------

COLD = 1e-30  # noise that no double can see


def plain_descent(integrator, x, steps, step, friction):
    """The noise-free recursions on U = x^2 / 2."""
    path, v = [], np.zeros_like(x)
    for _ in range(steps):
        if integrator == "baoab":
            v = v - step / 2 * x
            x = x + step / 2 * v
            v = math.exp(-friction * step) * v
            x = x + step / 2 * v
            v = v - step / 2 * x
        else:
            x = x - step * x
        path.append(x)
    return np.array(path)


@every_integrator
def test_integrators_without_noise(integrator):
    run = sample(
        "sgld",
        target_of(parabola_energy, 2),
        100,
        step_size=0.1,
        friction=0.7,
        temperature=COLD,
        integrator=integrator,
        start=(3.0, -2.0),
    )
    path = plain_descent(integrator, np.array([3.0, -2.0]), 100, 0.1, 0.7)
    assert run.positions[0] == pytest.approx(path, abs=1e-11)


@every_integrator
def test_integrators_without_force(integrator):
    """Variance and correlation of successive displacements at temperature 2."""
    tau, step, friction, chains = 2.0, 0.1, 4.0, 40
    run = sample(
        "sgld",
        target_of(flat_energy),
        4000,
        step_size=step,
        friction=friction,
        temperature=tau,
        integrator=integrator,
        chains=chains,
    )
    moves = np.diff(run.positions[:, :, 0], axis=1)
    keep = math.exp(-friction * step)
    variance, lagged = {
        "euler": (2 * tau * step, 0.0),
        "leimkuhler_matthews": (tau * step, tau * step / 2),
        "baoab": (tau * step**2 * (1 + keep) / 2, tau * step**2 * (1 + keep) ** 2 / 4),
    }[integrator]
    for found, expected in [
        ((moves**2).mean(axis=1), variance),
        ((moves[:, 1:] * moves[:, :-1]).mean(axis=1), lagged),
    ]:
        standard_error = found.std(ddof=1) / math.sqrt(chains)
        assert found.mean() == pytest.approx(expected, abs=4 * standard_error)


def test_noise_of_the_gradient():
    run = sample(
        "sgld", target_of(flat_energy, 2, noise=0.5), 4000, step_size=0.1, temperature=COLD
    )
    moves = np.diff(run.positions[0], axis=0)
    assert moves.var(axis=0) == pytest.approx(np.full(2, 0.05**2), rel=4 * math.sqrt(2 / 4000))
    assert abs(np.corrcoef(moves.T)[0, 1]) < 4 / math.sqrt(4000)
    assert abs(np.corrcoef(moves[:, 0], run.energies[0, 1:])[0, 1]) < 4 / math.sqrt(4000)


def test_the_multiplier_steers():
    settings = {"steps": 500, "step_size": 0.05, "start": (1.0, -1.0)}
    parabola, flat = target_of(parabola_energy, 2), target_of(flat_energy, 2)
    partition = cc.EnergyPartition(-0.5, 20.0, 50)
    run = sample("contour_sgld", parabola, partition=partition, **settings)
    noise = np.diff(sample("sgld", flat, **settings).positions[0], axis=0)  # the same seed
    x, multipliers = run.positions[0], run.multipliers[0][:, None]
    assert np.ptp(multipliers) > 0.1
    assert np.diff(x, axis=0) == pytest.approx((-0.05 * multipliers * x)[:-1] + noise, abs=1e-12)


def test_zeta_zero_is_sgld():
    plain = sample("sgld")
    contour = sample("contour_sgld", zeta=0.0)
    assert (contour.positions == plain.positions).all()
    assert (contour.multipliers == 1).all()
    assert (contour.log_weights == 0).all()


@pytest.mark.parametrize("scheme", [cc.ContourScheme(), cc.ContourScheme.published()])
def test_weights_are_those_of_the_scheme(scheme):
    run = sample("contour_sgld", scheme=scheme, chains=2)
    final = cc.log_psi(
        run.energies[1], run.energy_pdfs[1], run.partition, scheme, zeta=0.75, temperature=1.0
    )
    if scheme.weights_from == "final":
        assert (run.log_weights[1] == final.log_weights).all()
    else:
        assert (run.log_weights[1][:-1] != final.log_weights[:-1]).any()
        assert run.log_weights[1][-1] == pytest.approx(final.log_weights[-1])
    assert run.scheme == scheme


def test_many_cells():
    partition = cc.EnergyPartition(-8.0, 20.0, 200_000)
    run = sample("contour_sgld", partition=partition, steps=5000)
    assert run.energy_pdf.shape == (200_000,)
    assert run.energy_pdf.sum() == pytest.approx(1.0, abs=1e-12)
    visited = np.unique(partition.index(run.energies[0]))
    elsewhere = np.delete(run.energy_pdf, visited)
    assert np.ptp(elsewhere) == 0.0
    assert run.energy_pdf[visited].min() > elsewhere[0]


# --- walls ----------------------------------------------------------------------------------------


@every_integrator
@pytest.mark.parametrize("walls", ["reflect", "reject"])
@every_sampler
def test_walls_keep_every_draw_inside(name, walls, integrator):
    target = target_of(flat_energy, 2, box=((-2.5, 0.0), (2.5, 1.0)), noise=0.32)
    step = 0.1 if integrator == "baoab" else 5e-3
    own = {"step_size": step}
    if name == "cyclical_sgld":
        own = {"peak_step_size": step, "sampling_fraction": 1.0}
    run = sample(name, target, 5000, walls=walls, integrator=integrator, start=(2.5, 1.0), **own)
    assert target.contains(run.positions[0]).all()
    assert run.positions[0, :, 1].min() < 0.05
    assert run.positions[0, :, 1].max() > 0.95
    stays = (np.diff(run.positions[0], axis=0) == 0).all(axis=1).any()
    assert stays == (walls == "reject")


@every_integrator
def test_reflecting_walls_keep_a_flat_density_flat(integrator):
    run = sample(
        "sgld",
        target_of(flat_energy, box=(0.0, 1.0)),
        10_000,
        step_size=0.1 if integrator == "baoab" else 5e-3,
        friction=1.0,
        integrator=integrator,
        chains=60,
        thin=2,
    )
    for moment in (2, 4, 8):  # of the distance from the middle, 1 at the walls
        found = (np.abs(2 * run.positions[:, :, 0] - 1) ** moment).mean(axis=1)
        standard_error = found.std(ddof=1) / math.sqrt(run.chains)
        assert found.mean() == pytest.approx(1 / (moment + 1), abs=4 * standard_error)


def test_reflection_mirrors():
    """Free fall from 0.05 by steps of 0.02, mirrored at 0 once, then rolling back at it."""
    run = sample(
        "sgld",
        target_of(slope_energy, box=(0.0, 1.0)),
        4,
        step_size=0.02,
        temperature=COLD,
        start=[0.05],
    )
    assert run.positions[0, :, 0] == pytest.approx([0.03, 0.01, 0.01, 0.01], abs=1e-12)


# --- replica exchange -----------------------------------------------------------------------------


@pytest.mark.parametrize(("rate", "variance"), [(1.0, 0.0), (0.25, 0.0), (1.0, 2.0), (0.5, 1.0)])
@pytest.mark.parametrize("rule", ["metropolis", "published"])
def test_swap_rate_where_energies_are_equal(rate, variance, rule):
    steps, delta = 4000, 1.0 - 1.0 / 3.0
    run = sample(
        "replica_exchange_sgld",
        target_of(flat_energy),
        steps,
        swap_rate=rate,
        energy_variance=variance,
        swap_rule=rule,
    )
    chance = rate * math.exp(-(delta**2) * variance)
    standard_error = math.sqrt(chance * (1 - chance) * steps)
    assert run.swaps == pytest.approx(chance * steps, abs=4 * standard_error)


def test_energy_variance_is_that_of_the_target():
    stated = sample("replica_exchange_sgld", energy_variance=0.32**2)
    assert stated.settings["energy_variance"] == pytest.approx(0.1024)
    assert_same(sample("replica_exchange_sgld"), stated)


def test_each_temperature_has_its_step_size():
    """Without swaps worth the name the cold chain is plain SGLD, whatever the hot one does."""
    rare = {"swap_rate": 1e-12, "high_step_size": 1e-6, "high_temperature": 50.0}
    slow = sample("replica_exchange_sgld", target_of(flat_energy), 4000, **rare)
    assert slow.swaps == 0
    moves = np.diff(slow.positions[0, :, 0])
    assert moves.var() == pytest.approx(2 * 5e-3, rel=4 * math.sqrt(2 / 4000))
    swapping = {**rare, "swap_rate": 1.0, "energy_variance": 0.0}
    both = sample("replica_exchange_sgld", target_of(flat_energy), 4000, **swapping)
    assert both.swaps == 4000
    x = both.positions[0, :, 0]  # of one walker, of the other, of the one ...
    expected = 2 * 5e-3 + 2 * 50.0 * 1e-6  # a cold move and a hot one
    assert (x[2:] - x[:-2]).var() == pytest.approx(expected, rel=4 * math.sqrt(2 / 4000))


def cold_energy(**changes):
    """Mean energy of the cold chain on U = x^2 / 2 at temperature 1: a half; and its error."""
    more = {"chains": 40, "burn_in": 500, "thin": 5, "step_size": 0.02, **changes}
    run = sample("replica_exchange_sgld", target_of(parabola_energy, noise=0.5), 20_000, **more)
    energies = run.exact_energies.mean(axis=1)
    return energies.mean(), energies.std(ddof=1) / math.sqrt(run.chains)


@pytest.mark.parametrize("rate", [0.3, 1.0])
@pytest.mark.parametrize(
    ("integrator", "step"), [("euler", 0.02), ("leimkuhler_matthews", 0.02), ("baoab", 0.2)]
)
def test_swaps_leave_the_cold_temperature_alone(integrator, step, rate):
    mean, standard_error = cold_energy(integrator=integrator, step_size=step, swap_rate=rate)
    # Euler's own heat is step / 2; that of the noise is step / 2 times its variance.
    bias = 0.5 * 0.02 * 0.5 * (1 + 0.5**2) if integrator == "euler" else 0.0
    tolerance = 4 * standard_error + (0.002 if integrator == "euler" else 0.005)
    assert mean == pytest.approx(0.5 + bias, abs=tolerance)


def test_the_published_swaps_cool():
    mean, standard_error = cold_energy(swap_rate=0.5, swap_rule="published")
    assert mean < 0.5 - 4 * standard_error


# --- cyclical -------------------------------------------------------------------------------------


def kept_steps(steps, cycles, fraction, burn_in, thin):
    length = math.ceil(steps / cycles)
    first = length - round(fraction * length)  # moves of a cycle before its sampling part
    return [s for s in range(burn_in + thin, steps + 1, thin) if (s - 1) % length >= first]


@pytest.mark.parametrize("fraction", [k / 10 for k in range(1, 11)])
@pytest.mark.parametrize(("burn_in", "thin"), [(0, 1), (25, 1), (25, 3)])
def test_only_the_sampling_part_of_a_cycle_is_kept(fraction, burn_in, thin):
    run = sample(
        "cyclical_sgld",
        steps=100,
        cycles=10,
        sampling_fraction=fraction,
        burn_in=burn_in,
        thin=thin,
        chains=2,
    )
    assert run.steps.tolist() == kept_steps(100, 10, fraction, burn_in, thin)
    everything = sample("cyclical_sgld", steps=100, cycles=10, sampling_fraction=1.0, chains=2)
    assert (run.positions == everything.positions[:, run.steps - 1]).all()


@pytest.mark.parametrize(("steps", "cycles"), [(100, 5), (100, 1), (90, 7)])
def test_step_sizes_follow_the_cosine(steps, cycles):
    run = sample(
        "cyclical_sgld",
        target_of(slope_energy),
        steps,
        peak_step_size=0.4,
        cycles=cycles,
        sampling_fraction=1.0,
        temperature=COLD,
        start=[0.0],
    )
    length = math.ceil(steps / cycles)
    phase = (np.arange(steps) % length) / length
    taken = -np.diff(run.positions[0, :, 0], prepend=0.0)
    assert taken == pytest.approx(0.2 * (np.cos(np.pi * phase) + 1), abs=1e-12)


# --- runaways and clamped energies ----------------------------------------------------------------


@every_integrator
@pytest.mark.parametrize("box", [None, (-5.0, 5.0)])
def test_divergence_is_reported(box, integrator):
    with pytest.raises(cc.DivergenceError) as caught:
        sample(
            "sgld",
            target_of(parabola_energy, 2, box=box),
            100_000,
            step_size=1e3,
            integrator=integrator,
            start=(1.0, 1.0),
        )
    error = caught.value
    assert 0 <= error.step < 1000
    assert error.multiplier == 1.0
    assert error.position.shape == (2,)
    assert np.abs(error.position).max() > 5
    assert f"diverged at step {error.step}" in str(error)
    assert "step_size" in str(error)


@pytest.mark.parametrize("workers", [1, 2])
def test_divergence_of_a_contour_chain_tells_the_multiplier(workers):
    """Unclipped slopes beside cells that were hardly ever visited."""
    runaway = {
        "step_size": 0.3,
        "partition": cc.EnergyPartition(-5.0, 5.0, 100),
        "scheme": cc.ContourScheme.published(gain_schedule=(0.5, 1e9, 0.0, 0.0)),
    }
    parabola = target_of(parabola_energy, 2)
    with pytest.raises(cc.DivergenceError) as caught:
        sample("contour_sgld", parabola, 1_000_000, chains=2, workers=workers, **runaway)
    assert abs(caught.value.multiplier) > 10
    assert "clip" in str(caught.value)


def test_energy_that_is_not_a_number_is_reported():
    @numba.njit
    def log_energy(position, gradient):
        gradient[0] = 1.0 / position[0]
        return math.log(position[0])

    for name in ("sgld", "contour_sgld"):
        with pytest.raises(cc.DivergenceError, match="diverged at step"):
            sample(name, target_of(log_energy), 100_000, start=[0.1])


def test_divergence_error_survives_pickling():
    """As it must to come back from another process."""
    error = cc.DivergenceError(3, np.array([1e9, 0.0]), 2.0)
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.step, copy.multiplier, str(copy)) == (3, 2.0, str(error))
    assert (copy.position == error.position).all()


def test_clamped_energies_are_counted():
    partition = cc.EnergyPartition(-5.5, -3.0, 20)
    with pytest.warns(UserWarning, match="of the energies lay outside the partition") as caught:
        run = sample("contour_sgld", partition=partition, chains=2, steps=3000)
    outside = (run.energies <= -5.5) | (run.energies > -3.0)
    assert outside[run.energies < 0].any()
    assert run.clamped == outside.sum()
    assert f"{run.clamped / 6000:.1%}" in str(caught[0].message)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("side", "part", "warned"),
    [
        ("below", 0.5e-2, False),
        ("below", 2e-2, True),
        ("above", 3e-2, False),
        ("above", 7e-2, True),
    ],
)
def test_clamped_energies_deserve_a_warning(side, part, warned):
    energies = sample("sgld", steps=3000).energies
    low, high = -20.0, 40.0
    if side == "below":
        low = float(np.quantile(energies, part))
    else:
        high = float(np.quantile(energies, 1 - part))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        partition = cc.EnergyPartition(low, high, 100)
        run = sample("contour_sgld", steps=3000, zeta=0.0, partition=partition)
    assert run.clamped == pytest.approx(3000 * part, abs=1)
    assert bool(caught) == warned


# --- Ctrl-C ---------------------------------------------------------------------------------------


def interrupted_at(call):
    calls = []

    def energy(position, gradient):
        calls.append(1)
        if len(calls) == call:
            raise KeyboardInterrupt
        gradient[:] = position
        return 0.5 * position @ position

    return python_target(energy), calls


@pytest.mark.parametrize("name", sorted(SAMPLERS.keys() - {"cyclical_sgld"}))
@pytest.mark.parametrize("call", [60, 3210])
def test_ctrl_c_keeps_what_was_drawn(name, call):
    target, _ = interrupted_at(call)
    run = sample(name, target, 5000, **widened(name))
    walkers = 2 if name == "replica_exchange_sgld" else 1
    done = (call - 1) // walkers - 1  # whole moves
    assert run.partial
    assert run.steps.tolist() == list(range(1, done + 1))
    whole = sample(name, target, 5000, **widened(name))
    assert not whole.partial
    assert (run.positions == whole.positions[:, :done]).all()
    assert (run.multipliers == whole.multipliers[:, :done]).all()
    assert run.mean().shape == (2,)


@pytest.mark.parametrize("name", ["sgld", "contour_sgld", "replica_exchange_sgld"])
@pytest.mark.parametrize("call", [60, 3210])
def test_ctrl_c_keeps_the_accounts(name, call):
    target, calls = interrupted_at(call)
    run = sample(name, target, 5000, **widened(name))
    walkers = 2 if name == "replica_exchange_sgld" else 1
    assert run.settings["completed_steps"] == run.steps[-1]
    assert run.settings["steps"] == 5000
    assert len(calls) - walkers <= run.gradient_evaluations <= len(calls)
    assert (run.gradients_at_draws == walkers * (run.steps + 1)).all()


def test_ctrl_c_before_the_first_draw_is_passed_on():
    target, _ = interrupted_at(60)
    with pytest.raises(KeyboardInterrupt):
        sample("sgld", target, 5000, burn_in=1000)


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_signal_keeps_what_was_drawn(name, workers, ctrl_c, monkeypatch):
    drawn, advance = [], chain.Chain.advance

    def told(self, stop):
        advance(self, stop)
        drawn.append(self.count("drawn"))

    monkeypatch.setattr(chain.Chain, "advance", told)
    endless = {"thin": 10_000, "chains": 2, "workers": workers, "sampling_fraction": 1.0}
    if name != "cyclical_sgld":
        del endless["sampling_fraction"]
    with ctrl_c(lambda: drawn and drawn[-1] > 0):
        run = sample(name, steps=2_000_000_000, **endless)
    assert run.partial
    assert 1 <= run.chains <= 2
    assert 0 < run.draws < 200_000
    assert run.steps[-1] <= run.settings["completed_steps"] < 2_000_000_000
    assert run.positions.shape == (run.chains, run.draws, 2)
    assert np.isfinite(run.positions).all()
    if name != "cyclical_sgld":  # whose cycles would be others
        whole = sample(name, steps=50_000, **{**endless, "workers": 1}).positions[:, :, 0].tolist()
        for path in run.positions[:, :5, 0].tolist():
            assert path in [other[: len(path)] for other in whole]


# --- theta that is known --------------------------------------------------------------------------

CELLS = cc.EnergyPartition(-8.0, 20.0, 100)
KNOWN = np.exp(-0.2 * np.arange(100.0))
STANDING = cc.ContourScheme(start=tuple(KNOWN), gain_schedule=(0.05, 0.0, 1.0, 0.0))


@pytest.mark.parametrize("name", sorted(CONTOURS))
def test_a_known_theta_stays_and_drives_the_chain(name):
    run = sample(name, scheme=STANDING, chains=2, burn_in=1)
    assert run.energy_pdfs == pytest.approx(np.tile(KNOWN / KNOWN.sum(), (2, 1)), rel=1e-12)
    reading = cc.log_psi(
        run.energies, KNOWN / KNOWN.sum(), CELLS, STANDING, zeta=0.75, temperature=1.0
    )
    assert run.log_weights == pytest.approx(reading.log_weights)
    uniform = sample(name, scheme=replace(STANDING, start=None), chains=2, burn_in=1)
    assert (uniform.multipliers == 1).all()
    assert set(np.unique(run.multipliers.round(9))) <= set(
        np.unique(reading.multipliers(0.75, 1.0).round(9))
    )
    assert (run.multipliers < 1).any()


@pytest.mark.parametrize("name", sorted(CONTOURS))
def test_theta_that_learns_begins_at_its_start(name):
    slow = replace(STANDING, gain_schedule=(1e-6, 1.0, 0.0, 0.0))
    run = sample(name, scheme=slow)
    assert run.energy_pdf == pytest.approx(KNOWN / KNOWN.sum(), rel=1e-2, abs=1e-4)
    assert (run.energy_pdf != KNOWN / KNOWN.sum()).any()


@pytest.mark.parametrize("name", sorted(CONTOURS))
def test_a_start_must_fit_the_partition(name):
    with pytest.raises(ValueError, match=r"start of 100 numbers, .* got 2$"):
        sample(name, scheme=cc.ContourScheme(start=(0.5, 0.5)))
    with pytest.raises(ValueError, match="scheme must have no start where partition"):
        sample(name, scheme=STANDING, partition="auto")


def test_the_start_of_theta_is_saved_with_the_run(tmp_path):
    run = sample("contour_sgld", scheme=STANDING)
    run.save(tmp_path / "run.npz")
    loaded = cc.Run.load(tmp_path / "run.npz")
    assert loaded.scheme == STANDING
    assert (loaded.positions == run.positions).all()
    again = sample("contour_sgld", scheme=loaded.scheme)
    assert (again.positions == run.positions).all()
