import math

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, special, stats

import csgld_core as cc
from csgld_core import targets

CATALOGUE = {
    "two_modes": targets.two_modes,
    "nine_modes": targets.nine_modes,
    "twenty_five_wells": targets.twenty_five_wells,
    "gaussian_grid": targets.gaussian_grid,
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
    assert pytest.approx(border, abs=1e-12) == targets.NINE_MODES_BORDER
    assert pytest.approx(outer, abs=1e-12) == targets.NINE_MODES_OUTER
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
    ],
)
def test_bad_target_arguments_are_named(name, value):
    with pytest.raises(ValueError, match=f"^{name} must be ") as error:
        cc.Target(**{"energy_and_gradient": parabola, "dim": 2, name: value})
    assert str(error.value).endswith(f"got {value!r}")


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
    ("covariances", {"covariances": EYE}),
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


@pytest.mark.parametrize("method", ["energies", "gradients", "contains", "mode_index"])
@pytest.mark.parametrize("positions", [[0.0, 0.0], [[0.0]], [[0.0, math.nan]], "x"])
def test_bad_positions_are_named(method, positions):
    with pytest.raises(ValueError, match=r"^positions must be finite numbers of shape \(n, 2\)"):
        getattr(targets.nine_modes(), method)(positions)
