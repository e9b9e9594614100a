import contextlib
import threading
import time

import pytest

import csgld_core as cc
from csgld_core.running.parallel import each, in_threads, replicate, stopping


def sleepy(*, seed, workers, factor=1):
    time.sleep(0.02 * (5 - seed))  # the last to start is the first to end
    assert workers == 1
    return factor * seed


@pytest.mark.parametrize("workers", [None, 1, 2, 10])
def test_results_come_in_the_order_of_the_seeds(workers):
    assert replicate(sleepy, [1, 4, 2], workers=workers, factor=10) == [10, 40, 20]
    assert replicate(sleepy, iter(range(3)), workers=workers) == [0, 1, 2]
    assert replicate(sleepy, [], workers=workers) == []


def test_runs_do_not_depend_on_workers():
    settings = {"target": cc.targets.nine_modes(noise=0.3), "steps": 500, "step_size": 1e-3}
    alone = [cc.sgld(**settings, seed=seed) for seed in (3, 1, 2)]
    for workers in (1, 2):
        runs = replicate(cc.sgld, (3, 1, 2), workers=workers, **settings)
        assert [run.settings for run in runs] == [run.settings for run in alone]
        assert all((a.positions == b.positions).all() for a, b in zip(runs, alone, strict=True))


class Boom(Exception):
    pass


def fails_for_some(*, seed, workers):
    time.sleep(0.01)
    if seed in (3, 4):
        raise Boom(seed)
    return 10 * seed


@pytest.mark.parametrize("workers", [1, 2, 10])
def test_an_exception_keeps_what_the_other_seeds_gave(workers):
    with pytest.raises(Boom, match="3") as caught:
        replicate(fails_for_some, range(6), workers=workers)
    assert caught.value.finished == {0: 0, 1: 10, 2: 20, 5: 50}
    assert any("2 of 6 runs failed; the 4 others" in note for note in caught.value.__notes__)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_diverging_run_leaves_the_others_whole(workers):
    settings = {"target": cc.targets.nine_modes(), "step_size": 1e-3, "chains": 2, "steps": 20_000}

    def sampler(*, seed, **settings):
        if seed == 1:  # without walls, so that it runs away at once
            settings = {**settings, "target": cc.targets.two_modes(), "step_size": 10.0}
        return cc.sgld(**settings, seed=seed)

    with pytest.raises(cc.DivergenceError) as caught:
        replicate(sampler, range(4), workers=workers, **settings)
    assert set(caught.value.finished) == {0, 2, 3}
    assert not any(run.partial for run in caught.value.finished.values())


def test_seeds_may_repeat():
    assert replicate(sleepy, [2, 2, 1]) == [2, 2, 1]


@pytest.mark.parametrize("seeds", [[None], [-1], [1, 0.5], "12"])
def test_bad_seeds(seeds):
    with pytest.raises(ValueError, match=r"seeds must be (a )?whole numbers? >= 0, got"):
        replicate(sleepy, seeds)


@pytest.mark.parametrize("workers", [1, 2])
def test_progress_counts_runs(workers, capsys):
    replicate(sleepy, range(4), workers=workers, progress=True)
    assert "4/4" in capsys.readouterr().err
    replicate(sleepy, range(4), workers=workers)
    assert capsys.readouterr().err == ""


def saves(*, seed, workers, checkpoint=None):
    return checkpoint


def test_each_seed_has_its_own_checkpoint(tmp_path):
    paths = replicate(saves, [1, 20], checkpoint=tmp_path / "run-{seed}.npz")
    assert paths == [tmp_path / "run-1.npz", tmp_path / "run-20.npz"]
    assert replicate(saves, [1, 2], checkpoint=None) == [None, None]


def test_checkpoints_are_files_to_go_on_from(tmp_path):
    settings = {"target": cc.targets.nine_modes(), "steps": 500, "step_size": 1e-3}
    runs = replicate(cc.sgld, [1, 2], checkpoint=tmp_path / "{seed}.npz", **settings)
    for seed, run in zip((1, 2), runs, strict=True):
        assert (cc.resume(tmp_path / f"{seed}.npz").positions == run.positions).all()


@pytest.mark.parametrize(
    ("seeds", "checkpoint"), [([1], "run.npz"), ([1, 2], "run.npz"), ([1, 1], "run-{seed}.npz")]
)
def test_checkpoints_that_runs_would_share_are_refused(seeds, checkpoint):
    with pytest.raises(ValueError, match=r'checkpoint must contain "\{seed}" and be'):
        replicate(saves, seeds, checkpoint=checkpoint)


def test_each_gives_results_and_failures_by_number():
    done = each(lambda x: 1 / x, [2, 0, 4, 0], workers=2)
    assert done.results == {0: 0.5, 2: 0.25}
    assert list(done.failures) == [1, 3]
    assert isinstance(done.failures[1], ZeroDivisionError)
    assert not done.interrupted


def test_a_failure_asks_the_others_to_end():
    asked = []

    def fails():
        raise Boom

    def waits():
        until = time.monotonic() + 60
        while not stopping() and time.monotonic() < until:
            time.sleep(0.001)
        asked.append(stopping())

    with pytest.raises(Boom):
        in_threads([waits, fails], workers=2)
    assert asked == [True]
    assert not stopping()


@pytest.mark.parametrize("workers", [0, -1, 1.5, True, "2"])
def test_bad_workers(workers):
    with pytest.raises(ValueError, match="workers must be a whole number >= 1, got"):
        replicate(sleepy, [1, 2], workers=workers)


@pytest.mark.parametrize("client", ["tcp://localhost:8786", 4, threading])
def test_bad_client(client):
    with pytest.raises(ValueError, match=r"client must be None or a connected .*Client, got"):
        replicate(sleepy, [1, 2], client=client)


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_ends_a_replication(workers, ctrl_c):
    started = []

    def sampler(*, seed, **settings):
        started.append(seed)
        return cc.sgld(cc.targets.nine_modes(), seed=seed, step_size=1e-3, **settings)

    steps, begun = 10**9, time.monotonic()  # a minute each, or more
    with (
        ctrl_c(lambda: len(started) == workers),
        contextlib.suppress(KeyboardInterrupt),
        pytest.warns(UserWarning, match="interrupted"),
    ):
        replicate(sampler, range(4), workers=workers, steps=steps, thin=steps // 100)
    assert time.monotonic() - begun < 30.0
    assert len(started) == workers
