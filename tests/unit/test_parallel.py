import contextlib
import signal
import threading
import time

import pytest

import csgld_core as cc
from csgld_core.parallel import in_threads, replicate, stopping


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


@pytest.mark.parametrize("workers", [1, 2])
def test_an_exception_reaches_the_caller(workers):
    def sampler(*, seed, workers):
        if seed == 3:
            raise Boom(seed)
        return seed

    with pytest.raises(Boom, match="3"):
        replicate(sampler, range(6), workers=workers)


def test_a_failure_asks_the_others_to_end():
    asked = []

    def fails():
        raise Boom

    def waits():
        until = time.monotonic() + 10
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


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_ends_a_replication(workers):
    main = threading.main_thread()
    if threading.current_thread() is not main:
        pytest.skip("signals reach the main thread only")
    started = []

    def sampler(*, seed, **settings):
        started.append(seed)
        return cc.sgld(cc.targets.nine_modes(), seed=seed, step_size=1e-3, **settings)

    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.2, signal.pthread_kill, (main.ident, signal.SIGINT))
    steps = 30_000_000  # a second or two
    try:
        timer.start()
        begun = time.perf_counter()
        with contextlib.suppress(KeyboardInterrupt), pytest.warns(UserWarning, match="interrupted"):
            replicate(sampler, range(4), workers=workers, steps=steps, thin=steps // 100)
        assert time.perf_counter() - begun < 1.0
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, previous)
    assert len(started) == workers
