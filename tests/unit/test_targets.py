import copy
import inspect
import json
import math
import os
import pickle
import subprocess
import sys

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, special, stats

import csgld_core as cc
from csgld_core import targets
from csgld_core.targets import catalogue

CATALOGUE = {
    "two_modes": targets.two_modes,
    "nine_modes": targets.nine_modes,
    "twenty_five_wells": targets.twenty_five_wells,
    "gaussian_grid": targets.gaussian_grid,
    "phase_coexistence": lambda noise=0.0: targets.phase_coexistence(4, noise=noise),
}


def random_mixture(dim, components=3, seed=0):
    random = np.random.default_rng(seed + dim)
    roots = random.normal(size=(components, dim, dim))
    covariances = roots @ roots.transpose(0, 2, 1) + 0.5 * np.eye(dim)
    return (
        random.dirichlet(np.ones(components)),
        3 * random.normal(size=(components, dim)),
        covariances,
    )


def parabola_energy(position, gradient):
    energy = 0.0
    for i in range(position.size):
        gradient[i] = position[i]
        energy += 0.5 * position[i] ** 2
    return energy


parabola = numba.njit(parabola_energy)


# --- the catalogue --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CATALOGUE)
def test_catalogue_gradients(name):
    target = CATALOGUE[name]()
    target.check()
    random = np.random.default_rng(1)
    target.check(random.uniform(-2.5, 2.5, size=(500, target.dim)), tolerance=1e-6)
    assert target.name == name
    assert target.contains(target.modes).all()
    assert target.mode_index(target.modes).tolist() == list(range(len(target.modes)))


@pytest.mark.parametrize("name", CATALOGUE)
def test_noise_is_only_stated(name):
    target, noisy = CATALOGUE[name](), CATALOGUE[name](noise=0.5)
    points = np.random.default_rng(0).uniform(-2.5, 2.5, size=(20, target.dim))
    assert (target.noise, noisy.noise) == (0.0, 0.5)
    assert (target.energies(points) == noisy.energies(points)).all()
    assert (target.gradients(points) == noisy.gradients(points)).all()


def test_energies_of_the_papers():
    x = np.random.default_rng(2).uniform(-2.5, 2.5, size=(300, 2))
    r2 = (x**2).sum(axis=1)
    assert r2.max() > 7  # the outer wall is met
    nine = (x**2 - 10 * np.cos(1.2 * np.pi * x)).sum(axis=1) / 3 + np.maximum(0, r2 - 7)
    assert targets.nine_modes().energies(x) == pytest.approx(nine, abs=1e-12)
    x *= 2
    r2 *= 4
    wells = (r2 / 10 - np.cos(2 * np.pi * x).sum(axis=1)) / 0.5 + np.maximum(0, r2 - 20)
    assert targets.twenty_five_wells().energies(x) == pytest.approx(wells, abs=1e-12)
    line = np.linspace(-12, 9, 50)
    density = 0.4 * stats.norm.pdf(line, -6, 1) + 0.6 * stats.norm.pdf(line, 4, 1)
    assert targets.two_modes().energies(line[:, None]) == pytest.approx(-np.log(density))


def test_nine_modes_constants_are_roots():
    def pull(x):
        return 2 * x + 12 * np.pi * np.sin(1.2 * np.pi * x)

    border, outer = optimize.brentq(pull, 0.7, 1.0), optimize.brentq(pull, 1.5, 1.8)
    assert pytest.approx(border, abs=1e-12) == catalogue.NINE_MODES_BORDER
    assert pytest.approx(outer, abs=1e-12) == catalogue.NINE_MODES_OUTER
    target = targets.nine_modes()
    assert np.abs(target.gradients(target.modes)).max() < 1e-10
    for sign in (-1, 1):
        beside = [[sign * (border - 1e-9), 0.0], [sign * (border + 1e-9), 0.0]]
        assert target.mode_index(beside).tolist() == [4, 4 + 3 * sign]
        beside = [[0.0, sign * (border - 1e-9)], [0.0, sign * (border + 1e-9)]]
        assert target.mode_index(beside).tolist() == [4, 4 + sign]


# --- mixtures -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [1, 2, 5, 20])
def test_mixture_agrees_with_scipy(dim):
    weights, means, covariances = random_mixture(dim)
    target = targets.gaussian_mixture(5 * weights, means, covariances)  # 5: not yet normalised
    points = 4 * np.random.default_rng(3).normal(size=(200, dim))
    logs = np.array(
        [
            math.log(w) + stats.multivariate_normal(m, c).logpdf(points)
            for w, m, c in zip(weights, means, covariances, strict=True)
        ]
    )
    assert target.energies(points) == pytest.approx(-special.logsumexp(logs, axis=0), rel=1e-9)
    assert (target.mode_index(points) == logs.argmax(axis=0)).all()
    target.check(points, tolerance=1e-6)
    assert not target.axisymmetric or dim == 1


@pytest.mark.parametrize("dim", [1, 2, 5, 50])
def test_diagonal_mixture_agrees_with_the_general_one(dim):
    random = np.random.default_rng(dim)
    weights, means, variances = random.dirichlet([1] * 3), *random.uniform(0.5, 3, (2, 3, dim))
    points = 3 * random.normal(size=(200, dim))
    dense = np.array([np.diag(v) for v in variances])
    target = targets.gaussian_mixture(weights, means, variances)
    same = targets.gaussian_mixture(weights, means, dense)
    assert (target.data == same.data).all()
    assert target.data.shape == (3, 1 + 2 * dim)
    if dim > 1:
        dense[:, 0, 1] = dense[:, 1, 0] = 1e-13  # no longer diagonal
        general = targets.gaussian_mixture(weights, means, dense)
        assert general.data.shape == (3, 1 + dim + dim * dim)
        assert target.energies(points) == pytest.approx(general.energies(points))
        assert target.gradients(points) == pytest.approx(general.gradients(points), abs=1e-9)
        assert (target.mode_index(points) == general.mode_index(points)).all()
    target.check(points[:20], tolerance=1e-6)


@pytest.mark.parametrize("dim", [1, 2, 15, 1000])
def test_phase_coexistence(dim):
    target = targets.phase_coexistence(dim, noise=0.1)
    assert (target.name, target.dim, target.noise) == ("phase_coexistence", dim, 0.1)
    assert target.axisymmetric
    centre = np.zeros((1, dim))
    points = np.random.default_rng(5).normal(size=(100, dim)) * 0.5
    points[:, 0] += 0.8
    broad = stats.norm(0, 1).logpdf(points).sum(axis=1)
    centre[0, 0] = 1.5
    narrow = stats.norm(centre, 0.25).logpdf(points).sum(axis=1)
    energies = -np.logaddexp(broad, narrow) + math.log(2)
    assert target.energies(points) == pytest.approx(energies)
    assert (target.mode_index(points) == (narrow > broad)).all()
    if dim <= 15:
        target.check()


@settings(max_examples=30)
@given(st.sampled_from([1, 2, 5]), st.floats(0, 120), st.integers(0, 100))
def test_far_tails_stay_finite(dim, exponent, seed):
    weights, means, covariances = random_mixture(dim)
    target = targets.gaussian_mixture(weights, means, covariances)
    direction = np.random.default_rng(seed).normal(size=(1, dim))
    far = direction * 10**exponent
    energy, gradient = target.energies(far), target.gradients(far)
    assert np.isfinite(energy).all()
    assert np.isfinite(gradient).all()
    if exponent > 8:  # the widest component in this direction is all that is left
        pulls = np.linalg.inv(covariances) @ far[0]
        k = (pulls @ far[0]).argmin()
        assert energy[0] == pytest.approx(0.5 * far[0] @ pulls[k], rel=1e-5)
        assert gradient[0] == pytest.approx(pulls[k], rel=1e-5)


def test_components_that_never_matter_do_no_harm():
    one = targets.gaussian_mixture([1.0], [[0.0]], [[[1.0]]])
    two = targets.gaussian_mixture([1.0, 1e-300], [[0.0], [1e6]], np.ones((2, 1, 1)))
    points = np.linspace(-40, 40, 9)[:, None]
    assert two.energies(points) == pytest.approx(one.energies(points))
    assert two.gradients(points) == pytest.approx(points)


# --- a user's function ----------------------------------------------------------------------------


def own_nine_modes(position, gradient):
    energy, radius2 = 0.0, 0.0
    for i in range(2):
        x = position[i]
        energy += (x * x - 10.0 * math.cos(1.2 * math.pi * x)) / 3.0
        gradient[i] = (2.0 * x + 12.0 * math.pi * math.sin(1.2 * math.pi * x)) / 3.0
        radius2 += x * x
    if radius2 > 7.0:
        energy += radius2 - 7.0
        for i in range(2):
            gradient[i] += 2.0 * position[i]
    return energy


@numba.njit
def long_parabola(position, gradient, data, generator):
    energy = 0.0
    for i in range(position.size):
        gradient[i] = data[0, 0] * position[i]
        energy += 0.5 * data[0, 0] * position[i] ** 2
    return energy


@numba.njit
def noisy_parabola(position, gradient, data, generator):
    noise = generator.standard_normal()
    energy = noise
    for i in range(position.size):
        gradient[i] = data[0, 0] * position[i] * (1.0 + noise)
        energy += 0.5 * data[0, 0] * position[i] ** 2
    return energy


def own_target(**more):
    arguments = {"estimate": noisy_parabola, "data": [[3.0]], "energy_variance": 1.0, **more}
    return cc.Target(long_parabola, 2, **arguments)


@numba.njit
def optional_scale(position, gradient, scale=2.0, power=2.0):
    gradient[:] = scale * position
    return 0.5 * scale * np.sum(position**power)


def test_functions_of_two_or_four_arguments():
    points = np.random.default_rng(0).normal(size=(10, 2))
    long = cc.Target(long_parabola, 2, data=[[3.0]])
    assert long.energies(points) == pytest.approx(1.5 * (points**2).sum(axis=1))
    long.check()
    assert cc.Target(optional_scale, 2).energies(points) == pytest.approx((points**2).sum(axis=1))


def test_estimates_are_what_samplers_see():
    points = np.random.default_rng(0).normal(size=(10, 2))
    target = own_target()
    target.check()
    assert target.sampled is target.estimate is not target.callback
    assert target.energies(points) == pytest.approx(1.5 * (points**2).sum(axis=1))
    assert target.gradients(points) == pytest.approx(3 * points)
    energies, gradients = target.estimates(points, np.random.default_rng(7))
    noise = np.random.default_rng(7).standard_normal(10)
    assert energies == pytest.approx(1.5 * (points**2).sum(axis=1) + noise)
    assert gradients == pytest.approx(3 * points * (1 + noise)[:, None])
    plain = cc.Target(parabola, 2, noise=0.5)
    energies, gradients = plain.estimates(np.zeros((10_000, 2)), np.random.default_rng(8))
    for noise in (energies, gradients[:, 0], gradients[:, 1]):
        assert stats.kstest(noise / 0.5, "norm").pvalue > 1e-4
    with pytest.raises(ValueError, match="positions must be finite numbers of shape"):
        plain.estimates([0.0, 0.0], np.random.default_rng(8))


def test_exactness_and_energy_variance():
    plain, noisy = cc.Target(parabola, 2), cc.Target(parabola, 2, noise=0.5)
    assert plain.sampled is plain.callback
    assert plain.estimate is None
    assert [t.exact for t in (plain, noisy, own_target())] == [True, False, False]
    assert [t.energy_variance for t in (plain, noisy, own_target())] == [0.0, 0.25, 1.0]
    assert own_target(energy_variance=None).energy_variance is None
    assert cc.Target(parabola, 2, noise=0.5, energy_variance=2).energy_variance == 2.0


@pytest.mark.parametrize("compiled", [True, False])
def test_own_function_gives_the_run_of_the_catalogue(compiled):
    if compiled:
        own = cc.Target(numba.njit(own_nine_modes), 2, box=(-2.5, 2.5), noise=0.32)
    else:
        with pytest.warns(UserWarning, match="plain Python function"):
            own = cc.Target(own_nine_modes, 2, box=(-2.5, 2.5), noise=0.32)
    own.check()
    settings = {"steps": 200, "step_size": 1e-3, "seed": 5, "start": (2.0, 2.0)}
    found = cc.sgld(own, **settings)
    expected = cc.sgld(targets.nine_modes(noise=0.32), **settings)
    assert found.positions == pytest.approx(expected.positions, abs=1e-9)
    assert found.energies == pytest.approx(expected.energies, abs=1e-7)
    assert found.exact_energies == pytest.approx(expected.exact_energies, abs=1e-7)


def test_the_warning_points_at_the_caller():
    with pytest.warns(UserWarning, match="plain Python function") as caught:
        cc.Target(parabola_energy, 2)
    assert caught[0].filename == __file__


class Boom(Exception):
    pass


def explosive(calls):
    def energy(position, gradient):
        calls.append(position.copy())
        if len(calls) > 30:
            raise Boom("in the callback")
        gradient[:] = position
        return 0.5 * position @ position

    with pytest.warns(UserWarning, match="plain Python function"):
        return cc.Target(energy, 2)


@pytest.mark.parametrize("workers", [1, 2])
def test_an_exception_of_a_callback_reaches_the_caller(workers):
    calls = []
    with pytest.raises(Boom, match="in the callback"):
        cc.sgld(explosive(calls), 10_000, step_size=0.1, seed=0, chains=2, workers=workers)
    assert len(calls) <= 31 + workers


def test_an_exception_of_a_callback_reaches_the_caller_of_check():
    with pytest.raises(Boom, match="in the callback"):
        explosive([]).check(np.zeros((100, 2)))


def test_an_exception_of_a_compiled_callback_reaches_the_caller():
    @numba.njit
    def energy(position, gradient):
        if position[0] > 0.5:
            raise ValueError("out of the domain")
        gradient[0] = -1.0
        return -position[0]

    with pytest.raises(ValueError, match="out of the domain"):
        cc.sgld(cc.Target(energy, 1), 1000, step_size=0.1, seed=0, start=[0.0])


# --- recipes and pickles --------------------------------------------------------------------------


def everything():
    """One target of each kind, by name, and points for it."""
    made = {name: factory(noise=0.1) for name, factory in CATALOGUE.items()}
    made["general"] = targets.gaussian_mixture(*random_mixture(3), name="mine")
    made["own"] = own_target(box=((-1.0, -2.0), 2.0), modes=np.eye(2), name="own", noise=0.2)
    made["axis"] = cc.Target(parabola, 3, axisymmetric=True)
    return {
        name: (target, np.random.default_rng(1).normal(size=(7, target.dim)))
        for name, target in made.items()
    }


def first_half(positions):
    return positions[:, 0] > 0


def bits(target, positions):
    """What two equal targets have in common, to the bit."""
    parts = [*target._exactly(positions), *target.estimates(positions, np.random.default_rng(3))]
    digest = b"".join(part.tobytes() for part in parts).hex()
    modes = None if target.modes is None else target.mode_index(positions).tolist()
    more = (target.energy_variance, target.axisymmetric, target.exact, target.recipe)
    return repr((digest, modes, target.description(), *more))


@pytest.mark.parametrize("name", [*CATALOGUE, "general"])
def test_recipes_rebuild(name):
    target, points = everything()[name]
    recipe = json.loads(json.dumps(target.recipe))
    assert recipe == target.recipe
    assert set(recipe["arguments"]) >= {"noise"}
    assert bits(targets.rebuild(recipe), points) == bits(target, points)


def test_a_recipe_is_the_callers_no_more():
    weights, means, covariances = random_mixture(2)
    target = targets.gaussian_mixture(weights, means, covariances)
    before = json.dumps(target.recipe)
    weights[:], means[:], covariances[:] = 1.0, 0.0, 1.0
    target.recipe["arguments"]["noise"] = 5.0
    assert json.dumps(target.recipe) == before
    assert cc.Target(parabola, 2).recipe is None


READ = """
import pickle, sys
import numpy as np
with open(sys.argv[1], "rb") as file:
    made = pickle.load(file)
for target, points in made.values():
    print(bits(target, points))
"""


@pytest.mark.parametrize("module", ["pickle", "cloudpickle"])
def test_pickles_in_a_fresh_process(module, tmp_path):
    pickler = pytest.importorskip(module)
    made = everything()
    if module == "cloudpickle":
        half = 0.5
        basin = cc.Target(parabola, 2, basin=lambda x: x[:, 0] > half, modes=np.zeros((2, 2)))
        made["basin"] = basin, np.ones((1, 2))
    (tmp_path / "targets").write_bytes(pickler.dumps(made))
    script = inspect.getsource(bits) + READ
    command = [sys.executable, "-c", script, tmp_path / "targets"]
    paths = os.pathsep.join([os.path.dirname(__file__), *filter(None, sys.path)])
    read = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert read.splitlines() == [bits(*pair) for pair in made.values()]


def test_copies():
    for target, points in everything().values():
        assert bits(copy.deepcopy(target), points) == bits(target, points)
    basin = cc.Target(parabola, 2, basin=first_half, modes=np.zeros((2, 2)))
    assert pickle.loads(pickle.dumps(basin)).mode_index([[-1.0, 0.0], [1.0, 0.0]]).tolist() == [
        0,
        1,
    ]


# --- check ----------------------------------------------------------------------------------------


@numba.njit
def wrong_gradient(position, gradient):
    gradient[0], gradient[1] = position[0], 1.001 * position[1]
    return 0.5 * (position[0] ** 2 + position[1] ** 2)


@numba.njit
def unfilled_gradient(position, gradient):
    gradient[0] = position[0]
    return 0.5 * position[0] ** 2


@numba.njit
def nan_energy(position, gradient):
    gradient[:] = 0.0
    return math.nan


@numba.njit
def infinite_energy(position, gradient):
    gradient[:] = 0.0
    return math.inf


@numba.njit
def pierced_energy(position, gradient):
    gradient[:] = position
    return math.nan if position[0] == 3.0 else 0.5 * position[0] ** 2


@pytest.mark.parametrize(
    ("function", "complaint"),
    [
        (wrong_gradient, "component 1"),
        (unfilled_gradient, "it gives nan for component 1"),
        (nan_energy, "energy nan"),
        (infinite_energy, "energy inf"),
    ],
)
def test_check_catches(function, complaint):
    target = cc.Target(function, 2, name="mine")
    with pytest.raises(ValueError, match=f"energy_and_gradient of 'mine' must.*{complaint}"):
        target.check([[1.0, 2.0], [3.0, 4.0]])
    with pytest.raises(ValueError, match=complaint):
        target.check()


def test_check_catches_a_single_point_without_an_energy():
    with pytest.raises(ValueError, match=r"at \[3\.0\] \(energy nan\)"):
        cc.Target(pierced_energy, 1).check([[1.0], [3.0]])


@numba.njit
def half_estimate(position, gradient, data, generator):
    return 0.5 * noisy_parabola(position, gradient, data, generator)


@numba.njit
def unfilled_estimate(position, gradient, data, generator):
    gradient[0] = data[0, 0] * position[0]
    return 0.5 * data[0, 0] * (position**2).sum()


@numba.njit
def half_gradient_estimate(position, gradient, data, generator):
    energy = noisy_parabola(position, gradient, data, generator)
    gradient[1] *= 0.5
    return energy


@pytest.mark.parametrize(
    ("estimate", "complaint"),
    [
        (half_estimate, "mean of energies is"),
        (unfilled_estimate, "mean of component 1 of the gradient is nan"),
        (half_gradient_estimate, "mean of component 1 of the gradient is"),
    ],
)
def test_check_catches_a_biased_estimate(estimate, complaint):
    with pytest.raises(ValueError, match=f"estimate of 'target' must be unbiased.*{complaint}"):
        own_target(estimate=estimate).check()


@numba.njit
def flat_and_long(position, gradient):
    gradient[0], gradient[1], gradient[2] = position[0], position[1], 2 * position[2]
    return 0.5 * (position[0] ** 2 + position[1] ** 2) + position[2] ** 2


def test_check_catches_what_is_not_axisymmetric():
    cc.Target(flat_and_long, 3).check()
    with pytest.raises(ValueError, match="axisymmetric must be False for 'target'"):
        cc.Target(flat_and_long, 3, axisymmetric=True).check()
    cc.Target(parabola, 3, axisymmetric=True, modes=np.eye(3)[:1]).check()
    with pytest.raises(ValueError, match="axisymmetric must be False for 'target'"):
        cc.Target(parabola, 3, axisymmetric=True, modes=np.eye(3)).check()
    with pytest.raises(ValueError, match="axisymmetric must be False for 'target'"):
        cc.Target(tilted, 2, axisymmetric=True).check()


@numba.njit
def tilted(position, gradient):
    gradient[0], gradient[1] = position[0], position[1] + 1.0
    return 0.5 * (position**2).sum() + position[1]


def test_check_allows_its_tolerance():
    target = cc.Target(wrong_gradient, 2)
    target.check([[1.0, 2.0]], tolerance=1e-2)
    target.check([[1.0, 0.0]])
    with pytest.raises(ValueError, match="positions must be finite numbers of shape"):
        target.check([1.0, 2.0])


# --- boxes, starts, modes -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("box", "bounds"),
    [
        ((-1, 2), [[-1, -1], [2, 2]]),
        ([(-1, 0), (2, 3)], [[-1, 0], [2, 3]]),
        ((-1, (2, 3)), [[-1, -1], [2, 3]]),
        (None, None),
    ],
)
def test_boxes(box, bounds):
    target = cc.Target(parabola, 2, box=box)
    starts = np.array([target.start(np.random.default_rng(seed)) for seed in range(500)])
    assert target.contains(starts).all()
    if bounds is None:
        assert target.box is None
        assert target.contains([[1e300, -1e300]]).all()
        assert np.abs(starts.mean(axis=0)).max() < 4 / math.sqrt(500)
        assert np.abs(starts.var(axis=0) - 1).max() < 4 * math.sqrt(2 / 500)
    else:
        low, high = np.array(bounds)
        assert target.box.tolist() == bounds
        assert target.contains([low, high]).all()  # the walls belong to the box
        assert not target.contains([np.subtract(low, (1e-9, 0)), np.add(high, (0, 1e-9))]).any()
        assert stats.kstest(((starts - low) / (high - low)).ravel(), "uniform").pvalue > 1e-4


def test_mode_index():
    target = cc.Target(parabola, 2, modes=[[0.0, 0.0], [2.0, 0.0]])
    assert target.mode_index([[0.9, 5.0], [1.1, -5.0], [1.0, 0.0]]).tolist() == [0, 1, 0]
    halves = cc.Target(parabola, 2, modes=np.zeros((2, 2)), basin=lambda x: x[:, 1] > 0)
    assert halves.mode_index([[5.0, -1.0], [5.0, 1.0]]).tolist() == [0, 1]
    with pytest.raises(ValueError, match=r"modes of target 'target' .* got None"):
        cc.Target(parabola, 2).mode_index([[0.0, 0.0]])
    # The wide component claims what is nearer to the mean of the narrow one.
    pair = targets.gaussian_mixture([0.5, 0.5], [[0.0], [1.0]], [[[9.0]], [[0.01]]])
    assert pair.mode_index([[0.4], [0.95], [1.6], [3.0]]).tolist() == [0, 1, 0, 0]


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("energy_and_gradient", None),
        ("energy_and_gradient", 3.0),
        ("dim", 0),
        ("dim", -1),
        ("dim", 1.5),
        ("dim", True),
        ("dim", "2"),
        ("dim", math.nan),
        ("box", 1.0),
        ("box", "ab"),
        ("box", (1.0, 1.0)),
        ("box", (2.0, -2.0)),
        ("box", (-1.0, math.nan)),
        ("box", (-math.inf, 1.0)),
        ("box", (-1.0, 0.0, 1.0)),
        ("box", ((0.0, 0.0, 0.0), 1.0)),
        ("noise", -0.1),
        ("noise", math.nan),
        ("noise", math.inf),
        ("noise", "0"),
        ("noise", None),
        ("noise", True),
        ("modes", [0.0, 0.0]),
        ("modes", [[0.0]]),
        ("modes", [[0.0, math.nan]]),
        ("modes", "none"),
        ("basin", 3),
        ("data", [1.0]),
        ("data", [[math.inf]]),
        ("data", "data"),
        ("estimate", 3.0),
        ("estimate", parabola_energy),
        ("energy_variance", -1.0),
        ("energy_variance", math.nan),
        ("energy_variance", "1"),
        ("energy_variance", True),
        ("axisymmetric", 1),
        ("axisymmetric", None),
    ],
)
def test_bad_target_arguments_are_named(name, value):
    with pytest.raises(ValueError, match=f"^{name} must be ") as error:
        cc.Target(**{"energy_and_gradient": parabola, "dim": 2, name: value})
    assert str(error.value).endswith(f"got {value!r}")


def one_argument(position):
    return 0.0


def three_arguments(position, gradient, data):
    return 0.0


def all_four(position, gradient, data, generator):
    return 0.0


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        ((numba.njit(one_argument),), r"energy_and_gradient must take \(position, gradient\) or"),
        ((numba.njit(three_arguments),), r"energy_and_gradient .* got .* with \(pos.*data\)"),
        ((three_arguments,), r"energy_and_gradient must take \(position, gradient\) \(four arg"),
        ((all_four,), r"energy_and_gradient must take \(position, gradient\) \(four arguments"),
        ((parabola, parabola), r"estimate must take \(position, gradient, data, generator\), got"),
        ((numba.njit(lambda position, gradient: "x"),), "return the energy; numba says"),
        ((parabola, numba.njit(lambda p, g, d, r: r.fly())), "estimate must take .* numba says"),
    ],
)
def test_bad_signatures_are_named(arguments, allowed):
    function, *estimate = arguments
    with pytest.raises(ValueError, match=f"(?s){allowed}"):
        cc.Target(function, 2, **({"estimate": estimate[0]} if estimate else {}))


def test_an_axis_needs_all_of_space():
    with pytest.raises(ValueError, match=r"^axisymmetric must be False with a box, got True"):
        cc.Target(parabola, 2, box=(-1, 1), axisymmetric=True)


EYE = np.eye(2).tolist()
BAD_MIXTURE = [
    ("weights", {"weights": [1.0]}),
    ("weights", {"weights": [1.0, 0.0]}),
    ("weights", {"weights": [1.0, -1.0]}),
    ("weights", {"weights": [1.0, math.nan]}),
    ("weights", {"weights": "ab"}),
    ("means", {"means": [0.0, 1.0]}),
    ("means", {"means": np.zeros((0, 2)), "weights": [], "covariances": np.zeros((0, 2, 2))}),
    ("means", {"means": np.zeros((2, 0)), "covariances": np.zeros((2, 0, 0))}),
    ("means", {"means": [[0.0, math.inf], [0.0, 0.0]]}),
    ("covariances", {"covariances": [[1.0, 1.0]]}),
    ("covariances", {"covariances": [[1.0, 1.0], [1.0, 0.0]]}),
    ("covariances", {"covariances": [[1.0, 1.0], [1.0, math.nan]]}),
    ("covariances", {"covariances": [1.0, 1.0]}),
    ("covariances", {"covariances": [EYE, [[-1.0, 0.0], [0.0, 1.0]]]}),
    ("covariances", {"covariances": [EYE, np.zeros((2, 2)).tolist()]}),
    ("covariances", {"covariances": [EYE, [[1.0, 2.0], [2.0, 1.0]]]}),
    ("covariances", {"covariances": [EYE, [[1.0, 0.5], [0.0, 1.0]]]}),
    ("covariances", {"covariances": [EYE, [[1.0, math.nan], [math.nan, 1.0]]]}),
    ("noise", {"noise": -1.0}),
    ("noise", {"noise": math.nan}),
]


@pytest.mark.parametrize(("name", "change"), BAD_MIXTURE)
def test_bad_mixture_arguments_are_named(name, change):
    good = {"weights": [1.0, 1.0], "means": [[0.0, 0.0], [1.0, 1.0]], "covariances": [EYE, EYE]}
    with pytest.raises(ValueError, match=rf"^{name} must be .* got "):
        targets.gaussian_mixture(**{**good, **change})


@pytest.mark.parametrize("dim", [0, 1.5, "2", None])
def test_bad_dims_are_named(dim):
    with pytest.raises(ValueError, match=r"^dim must be a whole number >= 1, got"):
        targets.phase_coexistence(dim)


@pytest.mark.parametrize(
    "recipe",
    [
        None,
        "nine_modes",
        {"name": "nine_modes"},
        {"name": "eight_modes", "arguments": {}},
        {"name": "nine_modes", "arguments": [0.0]},
        {"name": "nine_modes", "arguments": {"colour": 1}},
        {"name": "phase_coexistence", "arguments": {}},
    ],
)
def test_bad_recipes_are_named(recipe):
    with pytest.raises(ValueError, match=r"^recipe must .*got"):
        targets.rebuild(recipe)


@pytest.mark.parametrize("method", ["energies", "gradients", "contains", "mode_index"])
@pytest.mark.parametrize("positions", [[0.0, 0.0], [[0.0]], [[0.0, math.nan]], "x"])
def test_bad_positions_are_named(method, positions):
    with pytest.raises(ValueError, match=r"^positions must be finite numbers of shape \(n, 2\)"):
        getattr(targets.nine_modes(), method)(positions)
