"""Runs that are killed, interrupted or meet a full disk, and go on to the same bits."""

import errno
import json
import os
import subprocess
import sys
import warnings
from dataclasses import fields
from pathlib import Path

import numba
import numpy as np
import pytest

import csgld_core as cc
from csgld_core import files
from csgld_core.running.parallel import resume
from csgld_core.samplers import checkpoint as checkpoint_module

PARTITION = "cc.EnergyPartition(-8.0, 20.0, 100)"
CALLS = {
    "sgld, baoab": "cc.sgld(NINE, {steps}, step_size=0.1, integrator='baoab', walls='reject'",
    "sgld, mala": "cc.sgld(cc.targets.nine_modes(), {steps}, step_size=0.02, integrator='mala'",
    "cyclical": "cc.cyclical_sgld(NINE, {steps}, peak_step_size=5e-3, cycles=7, burn_in=1000",
    "replica exchange": (
        "cc.replica_exchange_sgld(NINE, {steps}, step_size=2e-3, high_temperature=3.0, "
        "integrator='leimkuhler_matthews'"
    ),
    "contour": (
        f"cc.contour_sgld(NINE, {{steps}}, step_size=1e-3, partition={PARTITION}, "
        "scheme=cc.ContourScheme(), start=(1.0, 1.0)"
    ),
    "contour, published": (
        f"cc.contour_sgld(NINE, {{steps}}, step_size=1e-3, partition={PARTITION}, "
        "scheme=cc.ContourScheme.published()"
    ),
    "contour, started": (
        f"cc.contour_sgld(NINE, {{steps}}, step_size=1e-3, partition={PARTITION}, "
        "scheme=cc.ContourScheme(start=tuple(range(100, 0, -1)), floor=None)"
    ),
    "contour, auto": "cc.contour_sgld(NINE, {steps}, integrator='baoab'",
    "interacting": (
        f"cc.interacting_contour_sgld(NINE, {{steps}}, step_size=1e-3, partition={PARTITION}, "
        "scheme=cc.ContourScheme(slope='smooth')"
    ),
    "interacting, auto": "cc.interacting_contour_sgld(NINE, {steps}, integrator='baoab'",
}
NINE = cc.targets.nine_modes(noise=0.32)


def run(name, steps, path=None, seed=3):
    call = CALLS[name].format(steps=steps)
    text = f"{call}, chains=2, thin=100, seed={seed}, checkpoint=path, checkpoint_interval=0.0)"
    return eval(text, {"cc": cc, "NINE": NINE, "path": path})


def assert_same(one, other):
    for field in fields(cc.Run):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if isinstance(mine, np.ndarray):
            assert mine.shape == theirs.shape, field.name
            assert (mine == theirs).all(), field.name
        else:
            assert mine == theirs, field.name


def sample(path, target=NINE, steps=2000, **changes):
    settings = {"step_size": 1e-3, "seed": 3, "thin": 10, "checkpoint": path, **changes}
    return cc.sgld(target, steps, **settings)


# --- killed ---------------------------------------------------------------------------------------

STEPS = 100_000

# Every run in a process of its own that dies while it writes its file for the sixth time.
SCRIPT = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from csgld_core.samplers import chain
from test_checkpoint import CALLS, STEPS, run

chain.CHUNK_SECONDS = 0.003  # so that each run writes often enough
calls, fsync = [], os.fsync

def dying(number):
    calls.append(1)
    if len(calls) == 6:
        os.kill(os.getpid(), signal.SIGKILL)
    fsync(number)

run("sgld, baoab", 100)  # compiled once for all
for name in CALLS:
    if os.fork() == 0:
        os.fsync = dying
        run(name, STEPS, f"{name}.npz")
        os._exit(0)
    assert os.wait()[1] == signal.SIGKILL, name
"""


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A folder with the files of runs that were killed."""
    folder = tmp_path_factory.mktemp("killed")
    here = str(Path(__file__).parent)
    environment = {**os.environ, "PYTHONPATH": str(Path(cc.__file__).parent.parent)}
    subprocess.run([sys.executable, "-c", SCRIPT, here], cwd=folder, env=environment, check=True)
    return folder


@pytest.mark.parametrize("name", CALLS)
def test_killed_and_resumed_is_the_same_run(name, killed):
    path = killed / f"{name}.npz"
    states = checkpoint_module.Checkpoint.load(path).states
    assert 0 < max(int(state["counters"][0]) for state in states) < STEPS
    assert_same(resume(path, workers=1), run(name, STEPS))


@pytest.mark.parametrize("name", CALLS)
def test_interrupted_and_resumed_is_the_same_run(name, tmp_path, monkeypatch, growing_chunks):
    """Ctrl-C between two chunks: what was drawn comes back, and the file goes on from there."""
    path, steps, keep = tmp_path / "run.npz", 30_000, checkpoint_module.Checkpoint.keep

    def interrupting(self, n, chain, **last):
        keep(self, n, chain, **last)
        if chain.done >= 3000 and not last:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, growing_chunks():
        patch.setattr(checkpoint_module.Checkpoint, "keep", interrupting)
        part = run(name, steps, path)
    assert part.partial
    whole = run(name, steps)
    chain = (
        0
        if part.chains == 2
        else next(
            n for n in (0, 1) if (whole.positions[n, : part.draws] == part.positions[0]).all()
        )
    )
    n = part.draws
    assert (part.positions[0] == whole.positions[chain, :n]).all()
    assert_same(resume(path), whole)


def test_a_finished_run_is_returned_as_it_was(tmp_path):
    for name in ("contour", "contour, auto"):
        path = tmp_path / f"{name}.npz"
        whole = run(name, 5000, path)
        assert_same(resume(path), whole)
        assert_same(resume(path), whole)


def test_a_checkpoint_changes_nothing(tmp_path):
    for name in CALLS:
        assert_same(run(name, 5000, tmp_path / f"{name}.npz"), run(name, 5000))


def test_pilots_of_a_resumed_run_are_not_more_than_of_a_whole_one(tmp_path, monkeypatch):
    """Where every run meets stiffer places, the last pilot's run is the result."""
    from csgld_core.samplers import pilot

    def stiff(target, run, curvature):
        return run.positions[0, :4], 7

    monkeypatch.setattr(pilot, "look_back", stiff)
    path = tmp_path / "run.npz"
    whole = run("contour, auto", 5000, path)
    assert whole.settings["pilot"]["number"] == 2
    assert_same(resume(path), whole)


# --- older files ----------------------------------------------------------------------------------


def as_before(settings):
    """Settings as they were when theta could be averaged and the pilot's number was its flight."""
    settings["scheme"]["averaging"] = 0.0
    settings["pilot"]["flight"] = settings["pilot"].pop("number")


def test_a_checkpoint_of_before_goes_on(tmp_path):
    path = tmp_path / "run.npz"
    whole = run("contour, auto", 5000, path)
    rewritten(path, lambda arguments: as_before(arguments["settings"]))
    assert_same(resume(path), whole)


def test_a_run_of_before_is_read(tmp_path):
    path = tmp_path / "run.npz"
    whole = run("contour, auto", 5000)
    as_before(whole.settings)
    whole.save(path)
    loaded = cc.Run.load(path)
    assert_same(loaded, whole)
    assert loaded.scheme == cc.ContourScheme()


# --- targets --------------------------------------------------------------------------------------


@numba.njit
def parabola(position, gradient):
    gradient[:] = position
    return 0.5 * (position @ position)


@numba.njit
def steeper_parabola(position, gradient):
    gradient[:] = 2.0 * position
    return position @ position


def test_a_target_of_ones_own_must_be_given(tmp_path):
    path, own = tmp_path / "run.npz", cc.Target(parabola, 2, name="own")
    whole = sample(path, own)
    assert_same(resume(path, target=own), whole)
    with pytest.raises(ValueError, match=r"^target must be given: 'own' is not"):
        resume(path)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (cc.Target(steeper_parabola, 2, name="own"), "where it stopped the energies were"),
        (cc.Target(parabola, 2, name="other"), "must be that of the run"),
        (cc.Target(parabola, 3, name="own"), "must be that of the run"),
        (cc.Target(parabola, 2, name="own", noise=0.1), "must be that of the run"),
        (cc.Target(parabola, 2, name="own", box=(-9.0, 9.0)), "must be that of the run"),
        ("own", "must be a csgld_core.Target"),
    ],
)
def test_another_target_is_refused(tmp_path, other, message):
    path = tmp_path / "run.npz"
    sample(path, cc.Target(parabola, 2, name="own"))
    with pytest.raises(ValueError, match=f"^target .*{message}"):
        resume(path, target=other)


# --- files ----------------------------------------------------------------------------------------


def never(position, gradient):
    raise AssertionError("the target was called before the arguments were checked")


def test_an_existing_file_is_refused(tmp_path):
    with pytest.warns(UserWarning, match="plain Python"):
        target = cc.Target(never, 1)
    path = tmp_path / "run.npz"
    path.write_text("precious")
    for value in (path, str(path), tmp_path, 3):
        with pytest.raises(ValueError, match=r"^checkpoint must be (None or )?the path of a"):
            sample(value, target)
    assert path.read_text() == "precious"
    with pytest.raises(OSError, match="nowhere"):
        sample(tmp_path / "nowhere" / "run.npz", target)
    assert os.listdir(tmp_path) == ["run.npz"]


def full_disk(after):
    """os.fsync of a disk that is full after so many files."""
    calls, fsync = [], os.fsync

    def failing(number):
        calls.append(1)
        if len(calls) > after:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(number)

    return failing, calls


def test_a_full_disk_costs_the_checkpoint_not_the_run(tmp_path, monkeypatch):
    path, steps = tmp_path / "run.npz", 100_000
    whole = run("contour", steps)
    failing, calls = full_disk(after=3)
    monkeypatch.setattr(os, "fsync", failing)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = run("contour", steps, path)
    assert_same(found, whole)
    assert len(calls) > 4
    told = [str(w.message) for w in caught if "checkpoint" in str(w.message)]
    assert len(told) == 1
    assert told[0].startswith("checkpoint not written, the run goes on: [Errno 28]")
    assert os.listdir(tmp_path) == ["run.npz"]
    monkeypatch.undo()
    assert_same(resume(path), whole)  # the file of before is whole


def test_a_disk_that_is_full_at_the_start_is_an_error_before_any_work(tmp_path, monkeypatch):
    with pytest.warns(UserWarning, match="plain Python"):
        target = cc.Target(never, 1)
    monkeypatch.setattr(os, "fsync", full_disk(after=0)[0])
    with pytest.raises(OSError, match="No space left"):
        sample(tmp_path / "run.npz", target)
    assert os.listdir(tmp_path) == []


def rewritten(path, change, **arrays):
    """The checkpoint at `path` with its arguments changed."""
    settings, stored = files.load_arrays(path, checkpoint_module.FORMAT, "")
    change(settings)
    files.save_arrays(path, checkpoint_module.FORMAT, settings, {**stored, **arrays})


def test_files_that_are_no_checkpoints(tmp_path):
    good = tmp_path / "good.npz"
    whole = sample(good)
    contents = good.read_bytes()
    bad = tmp_path / "bad.npz"
    for size in (0, 1, 100, len(contents) // 2, len(contents) - 1):
        bad.write_bytes(contents[:size])
        with pytest.raises(ValueError, match=r"^path must be .*bad\.npz"):
            resume(bad)
    bad.write_bytes(b"something else")
    with pytest.raises(ValueError, match=r"^path must be .*bad\.npz"):
        resume(bad)
    whole.save(tmp_path / "saved.npz")
    with pytest.raises(ValueError, match=r"^path must be .*saved\.npz.*csgld_core\.Run"):
        resume(tmp_path / "saved.npz")
    settings, arrays = files.load_arrays(good, checkpoint_module.FORMAT, "")
    files.save_arrays(bad, "csgld_core.checkpoint 999", settings, arrays)
    with pytest.raises(ValueError, match=r"^path must be .*bad\.npz.*999"):
        resume(bad)
    with pytest.raises(FileNotFoundError):
        resume(tmp_path / "none.npz")


class Evil:
    def __reduce__(self):
        return os.system, ("touch pwned",)


def test_no_code_from_a_file_is_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "evil.npz"
    sample(path)
    settings, arrays = files.load_arrays(path, checkpoint_module.FORMAT, "")
    evil = np.empty(1, dtype=object)
    evil[0] = Evil()
    np.savez(
        path,
        format=checkpoint_module.FORMAT,
        settings=json.dumps(settings),
        **{**arrays, "0/start": evil},
    )
    with pytest.raises(ValueError, match=r"^path must be .*evil\.npz"):
        resume(path)
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"sampler": "os.system"},
        {"sampler": "run_sampler"},
        {"steps": -1},
        {"settings": {"step_size": 1e-3, "seed": "x"}},
        {"recipe": {"name": "system", "arguments": {}}},
        {"recipe": {"name": "two_modes", "arguments": {}}},
    ],
    ids=str,
)
def test_tampered_arguments_are_refused(tmp_path, change):
    path = tmp_path / "run.npz"
    sample(path)
    rewritten(path, lambda settings: settings.update(change))
    with pytest.raises(ValueError, match=r"sampler|steps|seed|recipe|must be that of"):
        resume(path)
