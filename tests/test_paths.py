"""Paths coloured by the sign of the learning rate: what is drawn is what drove the moves."""

import numba
import numpy as np
import pytest

import csgld_core as cc
from csgld_book import paths, plotting

SETTINGS = {**cc.experiments.E2_PUBLISHED, "steps": 20_000, "thin": 1}
TARGET, PARTITION = SETTINGS["target"], SETTINGS["partition"]


@pytest.fixture(scope="module")
def run():
    return cc.contour_sgld(**SETTINGS, seed=3)


def test_each_move_has_the_colour_of_its_multiplier(run):
    positions, multiplier = run.positions[0, -500:], run.multipliers[0, -500:]
    _, ax = plotting.figure()
    paths.path(ax, positions, multiplier)
    forward, bouncy, _ = ax.collections
    expected = multiplier[:-1] < 0
    assert 0 < expected.sum() < 499
    for drawn, chosen in ((forward, ~expected), (bouncy, expected)):
        moves = np.array(drawn.get_segments())
        assert np.array_equal(moves[:, 0], positions[:-1][chosen])
        assert np.array_equal(moves[:, 1], positions[1:][chosen])


def test_a_path_without_bouncy_moves_can_be_drawn():
    fig, ax = plotting.figure()
    paths.path(ax, np.random.default_rng(1).normal(size=(20, 2)), np.ones(20))
    fig.canvas.draw()


def test_multipliers_averaged_over_the_noise():
    # Log theta is a parabola: its slope is a line, whose mean over symmetric noise is itself.
    theta = np.exp(-0.05 * (PARTITION.centres - 5.0) ** 2)
    settings = {**SETTINGS, "scheme": cc.ContourScheme.published(slope="smooth")}
    u = np.linspace(0.0, 10.0, 11)
    expected = 1 - 0.75 * 0.1 * (u - 5.0)
    for noise in (0.0, 0.5):
        assert np.allclose(paths.multipliers(u, theta / theta.sum(), settings, noise), expected)


def test_zones_lie_where_the_multiplier_is_negative_or_above_one():
    noiseless = {**SETTINGS, "target": cc.targets.nine_modes(noise=0.0)}
    theta = np.exp(np.where(PARTITION.centres < 0, 1.0, -2.0) * PARTITION.centres)
    landscape = paths.Landscape(TARGET)
    _, ax = plotting.figure()
    landscape.draw(ax, theta / theta.sum(), noiseless)
    image = np.asarray(ax.images[0].get_array())
    blue, red = image[..., 2] > image[..., 0], image[..., 0] > image[..., 2]
    clear = abs(landscape.energies) > 2 * PARTITION.width
    assert np.array_equal(blue[clear], landscape.energies[clear] > 0)
    assert np.array_equal(red[clear], landscape.energies[clear] < 0)


@numba.njit
def slanted(x, gradient):
    gradient[0], gradient[1] = 1.0, 10.0
    return x[0] + 10.0 * x[1]


def test_rows_of_the_map_are_the_second_coordinate_from_the_bottom():
    landscape = paths.Landscape(cc.Target(slanted, dim=2, box=(-1.0, 1.0), name="slanted"))
    step = 2.0 / (paths.PIXELS - 1)
    assert np.allclose(np.diff(landscape.energies, axis=0), 10.0 * step)
    assert np.allclose(np.diff(landscape.energies, axis=1), step)


def test_theta_is_that_of_the_step(run):
    shorter = cc.contour_sgld(**{**SETTINGS, "steps": 5_000}, seed=3)
    assert np.allclose(paths.theta_at(run, 5_000), shorter.energy_pdf)


def test_shares_are_means_of_tenths(run):
    fig = paths.over_the_run([run, run], run.energy_pdf, SETTINGS)
    drawn = fig.axes[0].lines[0].get_ydata()
    assert np.allclose(drawn, (run.multipliers[0] < 0).reshape(10, -1).mean(axis=1))
