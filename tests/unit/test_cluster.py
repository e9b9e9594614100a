"""Runs on a Dask cluster: two worker processes on this machine."""

import contextlib
import functools
import os
import re
import signal
import threading
import time

import numba
import pytest
from distributed import Client, LocalCluster

import csgld_core as cc
from csgld_core import tasks
from csgld_core.running.parallel import replicate, stopping
from csgld_core.running.study import study

PATIENCE = 600  # seconds; nothing here takes as long unless it is broken
NINE = {"target": cc.targets.nine_modes(noise=0.3), "steps": 2000, "step_size": 1e-3}


@pytest.fixture(scope="module")
def client():
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@numba.njit
def two_wells(position, gradient):
    x = position[0]
    gradient[0] = 16 * x * (x * x - 1)
    return 4 * (x * x - 1) ** 2


def mine():
    return cc.Target(two_wells, 1, name="two wells", modes=[[-1.0], [1.0]])


def equal(runs, others):
    return len(runs) == len(others) and all(
        a.settings == b.settings
        and (a.positions == b.positions).all()
        and (a.log_weights == b.log_weights).all()
        for a, b in zip(runs, others, strict=True)
    )


def wait_for(condition):
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


@contextlib.contextmanager
def meanwhile(action):
    """Do something in another thread; its errors count."""
    errors = []

    def run():
        try:
            action()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    yield
    thread.join()
    assert not errors


@pytest.mark.parametrize(
    ("sampler", "settings"),
    [
        (cc.sgld, NINE),
        (cc.contour_sgld, {**cc.experiments.E1_CONTOUR, "steps": 2000}),
        (
            cc.contour_sgld,
            {
                "target": mine(),
                "steps": 2000,
                "step_size": 0.01,
                "partition": cc.EnergyPartition(-0.5, 8.0, 34),
                "chains": 2,
            },
        ),
    ],
    ids=["nine modes", "two modes", "of one's own"],
)
def test_runs_are_those_of_threads(client, sampler, settings):
    seeds = [5, 1, 1, 3]
    assert equal(
        replicate(sampler, seeds, client=client, **settings), replicate(sampler, seeds, **settings)
    )


def test_large_settings_reach_every_worker(client, tmp_path):
    data = os.urandom(3_000_000)

    def sampler(*, seed, workers, data):
        (tmp_path / f"{os.getpid()}").touch()
        wait_for(lambda: len(os.listdir(tmp_path)) == 2)  # so that both workers get some
        return os.getpid(), data[-8:]

    found = replicate(sampler, range(8), client=client, data=data)
    assert {pid for pid, _ in found} == set(client.run(os.getpid).values())
    assert {end for _, end in found} == {data[-8:]}


def dies_once(*, seed, folder, **settings):
    started = folder / f"{seed}"
    first = not started.exists()
    started.write_text(str(os.getpid()))
    run = cc.sgld(**settings, seed=seed)
    if seed == 1 and first:
        time.sleep(PATIENCE)  # it is killed here, with the run in its memory
    return run


@pytest.mark.parametrize("checkpoint", [None, "run-{seed}.npz"])
def test_a_killed_worker_loses_nothing(client, tmp_path, checkpoint):
    seeds = range(6)
    settings = {**NINE, "checkpoint": checkpoint and tmp_path / checkpoint}
    victim = tmp_path / "1"

    def kill():
        wait_for(lambda: victim.exists() and victim.read_text())
        os.kill(int(victim.read_text()), signal.SIGKILL)

    before = time.monotonic()
    with meanwhile(kill):
        runs = replicate(dies_once, seeds, client=client, folder=tmp_path, **settings)
    assert time.monotonic() - before < PATIENCE  # the victim did not just sleep to its end
    assert equal(runs, replicate(cc.sgld, seeds, **NINE))
    if checkpoint:  # a file for each seed and, but for one that was being written, nothing else
        names = {path.name for path in tmp_path.iterdir()}
        assert {f"run-{seed}.npz" for seed in seeds} <= names
        assert not [name for name in names if re.search(r"-[0-9a-f]{32}$", name)]
    wait_for(lambda: not client.futures)  # the cluster keeps nothing either
    client.wait_for_workers(2, timeout=PATIENCE)


def fails_for_some(*, seed, **settings):
    if seed in (1, 2):
        raise ZeroDivisionError(seed)
    return cc.sgld(**settings, seed=seed)


def test_an_exception_keeps_what_the_other_seeds_gave(client):
    with pytest.raises(ZeroDivisionError, match="1") as caught:
        replicate(fails_for_some, range(4), client=client, **NINE)
    assert list(caught.value.finished) == [0, 3]
    assert equal(list(caught.value.finished.values()), replicate(cc.sgld, [0, 3], **NINE))
    assert any("2 of 4 runs failed; the 2 others" in note for note in caught.value.__notes__)


def leaves(*, seed, workers):
    raise SystemExit(seed)


def test_a_run_cannot_take_its_worker_down(client):
    before = client.run(os.getpid)
    with pytest.raises(RuntimeError, match="the call ended with SystemExit"):
        replicate(leaves, range(2), client=client)
    assert client.run(os.getpid) == before


def test_progress_counts_runs(client, capsys):
    replicate(cc.sgld, range(3), client=client, progress=True, **NINE)
    assert "3/3" in capsys.readouterr().err


def quick_then_long(*, seed, folder, **settings):
    if seed > 0:
        (folder / f"started-{seed}").touch()
        wait_for(stopping)
        (folder / f"stopped-{seed}").touch()
    return cc.sgld(**settings, seed=seed)


def test_ctrl_c_keeps_finished_runs_and_frees_the_workers(client, tmp_path):
    main = threading.main_thread()
    if threading.current_thread() is not main:
        pytest.skip("signals reach the main thread only")

    def interrupt():
        wait_for(lambda: (tmp_path / "started-1").exists() and (tmp_path / "started-2").exists())
        # The first has come home, or is about to be taken in.
        wait_for(
            lambda: all(
                key[1] != 0 or state.status == "finished"
                for key, state in list(client.futures.items())
            )
        )
        signal.pthread_kill(main.ident, signal.SIGINT)

    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with meanwhile(interrupt), pytest.warns(UserWarning, match="1 of 5 runs are complete, 0"):
            runs = replicate(quick_then_long, range(5), client=client, folder=tmp_path, **NINE)
    finally:
        signal.signal(signal.SIGINT, previous)
    assert equal(runs, replicate(cc.sgld, [0], **NINE))
    # The runs in progress were told, the others never began.
    wait_for(lambda: (tmp_path / "stopped-1").exists() and (tmp_path / "stopped-2").exists())
    assert not (tmp_path / "started-3").exists()
    assert equal(replicate(cc.sgld, [7], client=client, **NINE), replicate(cc.sgld, [7], **NINE))


def other_versions():
    tasks._unpack_once.cache_clear()
    tasks._VERSIONS = {**tasks._VERSIONS, "numpy": "1.0"}


def right_versions(versions):
    tasks._VERSIONS = versions


def test_a_worker_with_other_versions_is_named(client):
    versions = client.run(other_versions)
    try:
        with pytest.raises(RuntimeError, match=r"a worker on .* has other versions .*'1\.0'"):
            replicate(cc.sgld, [1], client=client, **NINE)
    finally:
        client.run(functools.partial(right_versions, tasks._VERSIONS))
    assert set(versions.values()) == {None}


def test_a_study_is_that_of_threads(client):
    measures = {"modes": cc.metrics.modes_met, "mean": lambda run, target: run.mean()[0]}
    methods = {"SGLD": (cc.sgld, NINE), "some": (fails_for_some, NINE)}
    vary = {"target": [NINE["target"], mine()], "step_size": [1e-3, 2e-3]}
    here, there = (
        study(methods, [0, 1], measures=measures, vary=vary, **where)
        for where in ({}, {"client": client})
    )
    assert here.rows == there.rows
    assert len(here.where(failure=None)) == 12
    assert set(here.where(method="some", seed=1)["failure"]) == {"ZeroDivisionError: 1"}


def test_bad_clients(client):
    with pytest.raises(ValueError, match="workers must be None together with a client, got 2"):
        replicate(cc.sgld, [1], client=client, workers=2, **NINE)
    with pytest.raises(ValueError, match=r"client must be None, or all .* pickled; .*lock"):
        replicate(cc.sgld, [1], client=client, lock=threading.Lock(), **NINE)
    closed = Client(client.scheduler_info()["address"])
    closed.close()
    with pytest.raises(ValueError, match="client must be None or a connected"):
        replicate(cc.sgld, [1], client=closed, **NINE)
