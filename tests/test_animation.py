"""Animations: small, the same every time, complete at the end, and what they tell is the data."""

import io
import itertools
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

import csgld_core as cc
from csgld_book import animation, paths
from csgld_book.animation.energy_pdf import Learning
from csgld_book.animation.gif import DPI
from csgld_book.animation.race import DOTS, TRAIL
from csgld_book.sources import FIGURES, animations
from csgld_core import exact, experiments

SEED = 100
BUDGET = 20_000
MEGABYTES = 2
TARGET = cc.targets.nine_modes()
NAMES = ["race_animated", "energy_pdf_animated", "wang_landau_animated"]


@pytest.fixture(scope="module")
def runs():
    """A short race with every move kept, also while cyclical SGLD explores."""
    found = {}
    for name, (sampler, settings) in experiments.E2_RACE.items():
        own = {"sampling_fraction": 1.0} if sampler is cc.cyclical_sgld else {}
        settings = experiments.with_budget(sampler, settings, BUDGET)
        found[name] = sampler(**{**settings, "thin": 1, **own}, seed=SEED)
    return found


def pixels(picture):
    return np.asarray(picture.convert("RGB"), dtype=int)


def frames_of(content):
    picture = Image.open(io.BytesIO(content))
    frames = []
    for n in range(picture.n_frames):
        picture.seek(n)
        frames.append(pixels(picture))
    return frames


def rendered(fig):
    buffer = io.BytesIO()
    fig.savefig(buffer, dpi=DPI)
    return pixels(Image.open(buffer))


def first_draws(run, n):
    """The run as it stood when it had made n draws."""
    names = ("positions", "energies", "exact_energies", "multipliers", "log_weights")
    return replace(run, steps=run.steps[:n], **{name: getattr(run, name)[:, :n] for name in names})


def told(run, target=TARGET, **settings):
    """The panel of a single run, as it ends."""
    names = {"sgld": "SGLD", "cyclical_sgld": "cycSGLD", "replica_exchange_sgld": "reSGLD"}
    method = names.get(run.settings["sampler"], "CSGLD")
    return animation.race(target, {method: run}, frames=1, **settings).still.axes[0]


# --- all of them ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_animation_is_small_deterministic_moves_and_ends_complete(name):
    figure = FIGURES[name]
    found = figure.experiment([SEED])
    made = figure.draw(found)
    assert figure.draw(figure.experiment([SEED])).moving == made.moving
    assert len(made.moving) <= MEGABYTES * 10**6
    frames = frames_of(made.moving)
    assert len(frames) > 50
    assert frames[0].shape[1] == 900
    assert all(np.abs(a - b).sum() > 0 for a, b in itertools.pairwise(frames))
    assert not any(artist.get_animated() for artist in made.still.findobj())
    still = rendered(made.still)
    away = [np.abs(frame - still).mean() for frame in (frames[0], frames[-1])]
    assert away[1] < 0.25 * away[0], "the last frame is not the still"
    assert away[1] < 2.0, "the palette distorts colours"
    assert made.moving[-1:] == b";"


@pytest.mark.parametrize("name", NAMES)
def test_captions_are_alternative_texts(name):
    assert FIGURES[name].caption.endswith(".")
    assert FIGURES[name].experiment.seeds == 1


def test_common_colours_are_kept_as_they_are():
    run = cc.contour_sgld(**{**experiments.E1_CONTOUR, "steps": 400, "thin": 1}, seed=SEED)
    run = replace(run, multipliers=-np.ones_like(run.multipliers))
    moving = animation.energy_pdf(run_target(), run, frames=3).moving
    blue = np.round(255 * np.array(to_rgb(paths.BOUNCY))).astype(int)
    last = frames_of(moving)[-1]
    assert (last == blue).all(axis=-1).sum() > 20
    assert (last == 255).all(axis=-1).mean() > 0.5


def run_target():
    return experiments.E1_CONTOUR["target"]


# --- the race -------------------------------------------------------------------------------------


def test_race_ends_with_all_draws_and_all_modes_met(runs):
    still = animation.race(TARGET, runs, frames=3).still
    for ax, run in zip(still.axes, runs.values(), strict=True):
        every = -(-run.draws // DOTS)
        dots = run.positions[0, every - 1 :: every]
        assert np.array_equal(np.transpose(ax.lines[0].get_data()), dots)
        met = np.unique(TARGET.mode_index(dots)).size
        assert ax.get_title(loc="right") == f"{met} of 9 modes"


def test_only_draws_of_the_sampling_phase_are_shown(runs):
    run = runs["cycSGLD"]
    cycle = run.settings["steps"] // run.settings["cycles"]
    ax = told(run, sampling_fraction=0.25)
    shown = {tuple(point) for point in np.transpose(ax.lines[0].get_data())}
    late = (run.steps - 1) % cycle >= 0.75 * cycle
    assert shown <= {tuple(point) for point in run.positions[0, late]}
    assert len(shown) == pytest.approx(late.sum() / 2, abs=run.settings["cycles"])


@pytest.mark.parametrize(("part", "phase"), [(0.25, "exploring"), (0.75, "sampling")])
def test_phase_and_step_size_are_those_of_the_cycle(runs, part, phase):
    run = runs["cycSGLD"]
    cycle = run.settings["steps"] // run.settings["cycles"]
    ax = told(first_draws(run, int((2 + part) * cycle)), sampling_fraction=0.5)
    assert ax.get_xlabel() == f"cycle 3 of {run.settings['cycles']}: {phase}"
    full, bar = (patch.get_width() for patch in ax.patches)
    assert bar / full == pytest.approx(0.5 * (1 + np.cos(np.pi * part)), abs=0.01)
    hollow = ax.lines[3].get_markerfacecolor() == "white"
    assert hollow == (phase == "exploring")


def test_jumps_are_swaps(runs):
    run = runs["reSGLD"]
    jumps = animation.swap_jumps(run)
    assert 0.5 * run.swaps < jumps.sum() <= run.swaps
    sampler, settings = experiments.E2_RACE["reSGLD"]

    def swaps_until(step):
        return sampler(**{**settings, "steps": step, "thin": 1}, seed=SEED).swaps

    for step in run.steps[1:][jumps][:10]:  # a longer run repeats a shorter one
        assert swaps_until(int(step)) == swaps_until(int(step) - 1) + 1
    assert not animation.swap_jumps(runs["SGLD"]).any()


def test_jumps_are_counted_and_marked_as_they_happen(runs):
    run = runs["reSGLD"]
    jumps = np.flatnonzero(animation.swap_jumps(run))
    quiet = jumps[:-1][np.diff(jumps) > TRAIL + 1][0] + TRAIL + 1
    for draws, swapped in ((run.draws, None), (jumps[7] + 2, True), (quiet + 1, False)):
        ax = told(first_draws(run, draws))
        words = ax.get_xlabel()
        assert words.endswith(f"jumps seen: {np.count_nonzero(jumps < draws - 1):,}")
        if swapped is not None:
            assert words.startswith("swap!") == swapped
            assert (ax.lines[2].get_xdata().size > 0) == swapped


@pytest.mark.parametrize("multiplier", [-0.5, 1.5])
def test_bounces_and_weights_are_those_of_the_present_draw(runs, multiplier):
    run = runs["CSGLD"]
    multipliers = np.ones_like(run.multipliers)
    multipliers[0, -1], multipliers[0, -3] = multiplier, -1.0
    run = replace(run, multipliers=multipliers)
    ax = told(run)
    head, marked = ax.lines[3], ax.lines[2]
    assert ax.get_xlabel().startswith("bounce!") == (multiplier < 0)
    assert ax.get_xlabel().endswith(f"learning rate × {multiplier}".replace("-", "−"))
    assert (head.get_markerfacecolor() == paths.BOUNCY) == (multiplier < 0)
    # The move that a negative multiplier drives starts at its draw.
    assert np.array_equal(np.transpose(marked.get_data())[:2], run.positions[0, -3:-1])
    weight = np.exp(run.log_weights[0, -1] - run.log_weights.max())
    full, bar = (patch.get_width() for patch in ax.patches)
    assert bar / full == pytest.approx(weight)


# --- the energy PDF -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def learning():
    return animations.one_learning_path([SEED])["run"]


def test_theta_and_path_are_those_of_the_run(learning):
    landscape, pdf, path = animation.energy_pdf(run_target(), learning, frames=3).still.axes
    assert np.allclose(pdf.lines[0].get_ydata(), learning.energy_pdf)
    truth = exact.energy_pdf(run_target(), learning.partition)
    assert np.allclose(pdf.patches[0].get_data().values, truth)
    assert np.array_equal(path.lines[0].get_ydata()[1:], learning.energies[0])
    energy, flattened = (line.get_ydata() for line in landscape.lines[:2])
    between = slice(*np.searchsorted(landscape.lines[0].get_xdata(), [-6.0, 4.0]))
    assert np.ptp(flattened[between]) < 0.3 * np.ptp(energy[between])
    x = learning.positions[0, -1]
    head, shadow = landscape.lines[4], landscape.lines[3]
    assert head.get_xdata() == shadow.get_xdata() == x
    assert shadow.get_ydata() == pytest.approx(run_target().energies(x[None]), abs=0.01)
    clock = landscape.figure.get_suptitle()
    assert f"after {learning.steps[-1]:,} steps" in clock
    assert ("bounce!" in clock) == (learning.multipliers[0, -1] < 0)


def test_flattened_energy_is_u_plus_zeta_log_theta(learning):
    landscape = animation.energy_pdf(run_target(), learning, frames=3).still.axes[0]
    energy, flattened = (line.get_ydata() for line in landscape.lines[:2])
    partition, zeta = learning.partition, learning.settings["zeta"]
    low, high = (partition.centres[cell] for cell in (1, 6))
    ends = [np.argmin(np.abs(energy - level)) for level in (low, high)]
    lifted = flattened[ends] - energy[ends]
    theta = learning.energy_pdf
    steps = zeta * np.diff(np.log(theta))[1:6]
    assert lifted[1] - lifted[0] == pytest.approx(np.clip(steps, -1.3, 0.3).sum(), abs=0.1)


def test_the_first_frame_knows_nothing_yet(learning):
    film = Learning(run_target(), learning)
    film.update(0)
    assert np.allclose(film.curve.get_ydata(), film.energy)
    assert film.head.get_xdata() == learning.settings["start"][0]


# --- Wang-Landau ----------------------------------------------------------------------------------


def test_histogram_and_density_of_states_are_those_of_the_walk():
    walks = [
        cc.wang_landau(**{**experiments.E6_WANG_LANDAU, "steps": steps}, seed=SEED)
        for steps in (1_000, 100_000)
    ]
    energies, states = exact.ising_density_of_states(4)
    left, right = animation.wang_landau(walks, energies, states).still.axes
    heights = np.array([bar.get_height() for bar in left.patches])
    visits = walks[-1].visits[walks[-1].visits > 0]
    assert heights.sum() == pytest.approx(len(energies))
    assert np.allclose(heights / heights.sum(), visits / walks[-1].steps)
    truth, learned = (line.get_ydata() for line in right.lines)
    assert np.allclose(truth, np.log(states))
    assert np.exp(learned).sum() == pytest.approx(2.0**16)
    assert np.allclose(np.diff(learned), np.diff(walks[-1].log_g[walks[-1].visits > 0]))


def test_the_walk_of_the_animation_is_one_walk():
    walks = list(animations.one_walk([SEED]).values())
    grown = np.diff([walk.visits for walk in walks], axis=0)
    assert (grown >= 0).all()
    assert (grown.sum(axis=1) == np.diff([walk.steps for walk in walks])).all()
