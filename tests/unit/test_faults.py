"""Callbacks, disks, files and users that misbehave."""

import contextlib
import errno
import io
import itertools
import json
import math
import os
import pickle
import re
import subprocess
import sys
import textwrap
import threading
import time
import zipfile

import numba
import numpy as np
import pytest

import csgld_core as cc
from csgld_book import claims, figures
from csgld_core import files
from csgld_core.samplers import checkpoint

pytestmark = pytest.mark.filterwarnings("ignore:energy_and_gradient is a plain Python function")
PARTITION = cc.EnergyPartition(-0.5, 9.5, 20)
TARGET = cc.targets.nine_modes()
RUN = cc.contour_sgld(
    TARGET, 200, step_size=0.01, partition=cc.EnergyPartition(-8, 18, 20), chains=2, seed=1
)
TABLE = cc.study.Table([{"method": "a", "error": 1.0}, {"method": "b", "error": None}])


def quadratic(position, gradient):
    gradient[:] = position
    return 0.5 * float(position @ position)


class Mine(Exception):
    """Nobody else's."""


def turning_bad(bad, after):
    """quadratic for `after` evaluations, then `bad`."""
    count = iter(range(10**9))

    def callback(position, gradient):
        return (quadratic if next(count) < after else bad)(position, gradient)

    return callback


def target(callback):
    return cc.Target(callback, 2, box=(-3.0, 3.0))


# Every way to the energy of a target.
USERS = {
    "sgld": lambda target: cc.sgld(target, 300, step_size=0.01, chains=3, seed=1, workers=3),
    "mala": lambda target: cc.sgld(target, 300, step_size=0.01, integrator="mala", seed=1),
    "pairs": lambda target: cc.replica_exchange_sgld(
        target, 300, step_size=0.01, high_temperature=2.0, seed=1
    ),
    "contour": lambda target: cc.contour_sgld(
        target, 300, step_size=0.01, partition=PARTITION, seed=1
    ),
    "auto": lambda target: cc.contour_sgld(target, 300, seed=1),
    "interacting": lambda target: cc.interacting_contour_sgld(
        target, 300, step_size=0.01, partition=PARTITION, seed=1
    ),
    "wang_landau": lambda target: cc.wang_landau(
        target, 300, step_size=0.3, partition=PARTITION, seed=1
    ),
    "samc": lambda target: cc.samc(target, 300, step_size=0.3, partition=PARTITION, seed=1),
    "annealing": lambda target: cc.annealed_importance_sampling(
        target, step_size=0.3, particles=30, levels=10, seed=1, workers=2
    ),
    "importance": lambda target: cc.importance_sampling(target, 300, seed=1),
}
GOOD = {name: use(target(quadratic)) for name, use in USERS.items()}


def equal(one, other):
    """Whether two results are the same to the bit."""
    for name in ("positions", "energies", "log_weights", "log_g"):
        if hasattr(one, name) and not np.array_equal(
            getattr(one, name), getattr(other, name), equal_nan=True
        ):
            return False
    return True


# --- callbacks ------------------------------------------------------------------------------------


def raises(position, gradient):
    raise Mine("from the callback")


@pytest.mark.parametrize("after", [0, 100])
@pytest.mark.parametrize("user", USERS)
def test_an_exception_of_the_user_arrives_and_leaves_no_trace(user, after):
    threads = threading.active_count()
    with pytest.raises(Mine, match="from the callback"):
        USERS[user](target(turning_bad(raises, after)))
    assert threading.active_count() <= threads
    assert equal(USERS[user](target(quadratic)), GOOD[user])


@numba.njit
def compiled_raises(position, gradient):
    gradient[:] = position
    if position[0] > 0.5:
        raise ValueError("from the compiled callback")
    return 0.5 * position[0] ** 2


@pytest.fixture(scope="module")
def compiled():
    return cc.Target(compiled_raises, 2, box=(-3.0, 3.0))


@pytest.mark.parametrize("user", USERS)
def test_an_exception_of_compiled_code_arrives(user, compiled):
    with pytest.raises(ValueError, match="from the compiled callback"):
        USERS[user](compiled)


@pytest.mark.parametrize("after", [0, 100])
@pytest.mark.parametrize("value", [None, "1.0", b"1.0", 1j, np.ones(2), [1.0], object()])
def test_an_energy_that_is_no_number_is_named(value, after):
    with pytest.raises(TypeError, match="energy_and_gradient must return the energy"):
        USERS["sgld"](target(turning_bad(lambda position, gradient: value, after)))


@pytest.mark.parametrize("after", [0, 100])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("user", USERS)
def test_energies_that_are_not_finite(user, value, after):
    def bad(position, gradient):
        gradient[:] = 0.0
        return value

    try:
        result = USERS[user](target(turning_bad(bad, after)))
    except cc.DivergenceError:
        assert after
    except ValueError as error:
        assert re.search("energ|mass", str(error))  # noqa: PT017
    else:  # an infinite energy is a density of 0
        assert value == math.inf
        assert user in ("mala", "wang_landau", "samc", "annealing", "importance")
        assert np.isfinite(getattr(result, "positions", 0.0)).all()


def too_long(position, gradient):
    gradient[:] = np.zeros(3)
    return 0.0


def out_of_bounds(position, gradient):
    gradient[2] = 0.0
    return 0.0


@pytest.mark.parametrize("after", [0, 100])
@pytest.mark.parametrize("bad", [too_long, out_of_bounds])
def test_a_gradient_of_another_shape(bad, after):
    with pytest.raises((ValueError, IndexError), match=r"shape|bounds"):
        USERS["sgld"](target(turning_bad(bad, after)))


def bound_anew(position, gradient):
    gradient = 2.0 * position  # noqa: F841
    return 0.0


def test_a_gradient_left_unfilled_shows_at_once():
    with pytest.raises(ValueError, match=r"finite energy and gradient, got .*nan"):
        USERS["sgld"](target(bound_anew))
    with pytest.raises(cc.DivergenceError) as caught:  # and not what the last call has left
        cc.sgld(target(turning_bad(bound_anew, 100)), 1000, step_size=0.01, seed=1)
    assert caught.value.step == 99


def spoiling(position, gradient):
    energy = quadratic(position, gradient)
    position[:] = 1e6
    return energy


@numba.njit
def spoiling_compiled(position, gradient):
    energy = 0.0
    for i in range(position.size):
        gradient[i] = position[i]
        energy += 0.5 * position[i] ** 2
    position[:] = 1e6
    return energy


@pytest.mark.parametrize("user", USERS)
def test_a_position_changed_in_place_is_the_callbacks_own(user):
    assert equal(USERS[user](target(spoiling)), GOOD[user])


@pytest.mark.parametrize("user", ["sgld", "mala", "wang_landau", "annealing", "importance"])
def test_so_it_is_for_compiled_callbacks(user):
    result = USERS[user](target(spoiling_compiled))
    assert np.abs(getattr(result, "positions", 0.0)).max() <= 3.0
    if user == "wang_landau":
        assert np.array_equal(result.visits, GOOD[user].visits)


@pytest.mark.parametrize("user", USERS)
def test_buffers_that_the_callback_keeps_are_its_own(user):
    kept = {}

    def keeping(position, gradient):
        mine = kept.setdefault(threading.get_ident(), [])  # of calls that are over
        for array in mine[-40:]:
            array[:] = math.nan
        mine.extend([position, gradient])
        return quadratic(position, gradient)

    result = USERS[user](target(keeping))
    assert equal(result, GOOD[user])
    for array in itertools.chain(*kept.values()):
        array[:] = 1e9
    assert equal(result, GOOD[user])


def test_samplers_and_threads_inside_a_callback():
    inner = target(quadratic)

    def nested(position, gradient):
        started = threading.Thread(target=quadratic, args=(position, gradient))
        started.start()
        started.join()
        run = cc.sgld(inner, 2, step_size=0.01, chains=2, workers=2, seed=1)
        assert run.draws == 2
        return quadratic(position, gradient)

    run = cc.sgld(target(nested), 20, step_size=0.01, chains=3, workers=3, seed=1)
    plain = cc.sgld(inner, 20, step_size=0.01, chains=3, workers=3, seed=1)
    assert equal(run, plain)


def estimating(function):
    return cc.Target(TARGET.callback, 2, box=(-2.5, 2.5), estimate=function, energy_variance=1.0)


@numba.njit
def estimate_raises(position, gradient, data, generator):
    gradient[:] = 0.0
    if generator.random() < 0.02:
        raise ValueError("from the estimate")
    return 0.0


@numba.njit
def estimate_nan(position, gradient, data, generator):
    gradient[:] = 0.0
    return math.nan if generator.random() < 0.02 else 0.0


def test_estimates_that_fail():
    with pytest.raises(ValueError, match="from the estimate"):
        USERS["sgld"](estimating(estimate_raises))
    with pytest.raises(cc.DivergenceError):
        USERS["sgld"](estimating(estimate_nan))


@pytest.mark.parametrize(
    "basin",
    [
        lambda x: 0,
        lambda x: np.zeros(len(x) + 1),
        lambda x: np.zeros((len(x), 2)),
        lambda x: np.full(len(x), -1),
        lambda x: np.full(len(x), 9),
        lambda x: np.full(len(x), 0.5),
        lambda x: np.full(len(x), math.nan),
        lambda x: ["a"] * len(x),
        lambda x: None,
    ],
)
def test_basins_that_are_no_labels(basin):
    target = cc.Target(
        TARGET.callback, 2, box=(-2.5, 2.5), modes=TARGET.modes, basin=basin, name="mine"
    )
    for measure in (cc.metrics.mode_masses, cc.metrics.modes_met, cc.metrics.transitions):
        with pytest.raises(ValueError, match="basin of 'mine' must give"):
            measure(RUN, target)


class Proposal:
    """Uniform on the box of TARGET, but for what is changed."""

    def __init__(self, rvs=lambda x: x, logpdf=lambda x: x):
        self.changed = {"rvs": rvs, "logpdf": logpdf}

    def rvs(self, size, random_state):
        return self.changed["rvs"](random_state.uniform(-2.5, 2.5, (size, 2)))

    def logpdf(self, positions):
        return self.changed["logpdf"](np.full(len(positions), -math.log(25.0)))


BAD_PROPOSALS = [
    *(lambda x: x[1:], lambda x: np.full(x.shape, math.nan), lambda x: None, lambda x: "x"),
    *(lambda x: 1j * x, lambda x: [[1.0], [1.0, 2.0]], lambda x: np.full(x.shape, "x")),
    lambda x: np.full(x.shape, math.inf),
]


@pytest.mark.parametrize("method", ["rvs", "logpdf"])
@pytest.mark.parametrize("change", BAD_PROPOSALS)
def test_proposals_that_are_no_distributions(method, change):
    for call in (
        lambda q: cc.importance_sampling(TARGET, 10, proposal=q, seed=1),
        lambda q: cc.annealed_importance_sampling(
            TARGET, base=q, step_size=0.1, particles=10, levels=3, seed=1
        ),
    ):
        with pytest.raises(ValueError, match=r"proposal|base"):
            call(Proposal(**{method: change}))
    assert np.isfinite(cc.importance_sampling(TARGET, 10, proposal=Proposal(), seed=1).log_z)


def test_functions_of_positions_get_a_copy_and_must_return_numbers():
    def spoil(positions):
        positions[:] = 0.0
        return positions[:, 0]

    sample = cc.importance_sampling(TARGET, 10, seed=1)
    for result in (RUN, sample):
        before = result.positions.copy()
        result.mean(spoil)
        assert np.array_equal(before, result.positions)
        for bad in (lambda x: 0.0, lambda x: None, lambda x: x[:-1], lambda x: ["a"] * len(x)):
            with pytest.raises(ValueError, match="function must return numbers"):
                result.mean(bad)


def test_measures_and_samplers_that_fail():
    def fails(run, target):
        raise Mine("in a measure")

    methods = {"SGLD": (cc.sgld, {"target": TARGET, "steps": 10, "step_size": 0.01})}
    for measure, text in [
        (fails, "Mine: in a measure"),
        (lambda run, target: "x", "ValueError"),
        (lambda run, target: None, "TypeError"),
        (lambda run, target: np.ones(3), "TypeError"),
    ]:
        table = cc.study.study(methods, [1, 2], measures={"m": measure}, workers=2)
        assert all(failure.startswith(text) for failure in table["failure"])

    def sometimes(*, seed, workers):
        if seed % 2:
            raise Mine(seed)
        return seed

    with pytest.raises(Mine) as caught:
        cc.parallel.replicate(sometimes, range(6), workers=2)
    assert caught.value.finished == {0: 0, 2: 2, 4: 4}


# --- disks ----------------------------------------------------------------------------------------

SAVERS = {
    "run": (RUN.save, "x.npz"),
    "table": (TABLE.save, "x.csv"),
    "figure": (lambda path: figures.write(path, b"x" * 10_000), "x.png"),
    "claims": (lambda path: claims.record([CLAIM]), "claims.json"),
    "checkpoint": (lambda path: checkpointed(path), "x.state"),
}
STATEMENT = claims.Statement("id", "in words", "somebody", "a number", at_least=0)
CLAIM = claims.judge(STATEMENT, [1.0, 2.0], budget=1, seeds=[1, 2])


def checkpointed(path):
    kept = checkpoint.Checkpoint(path, {"sampler": "sgld"}, [{"x": np.zeros(10_000)}])
    kept.write()


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("CSGLD_FIGURES", str(tmp_path))
    return tmp_path


def contents(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}


class FullDisk(io.FileIO):
    """A file on a disk with room for so many bytes."""

    room = 0

    def write(self, content):
        if self.tell() + len(content) > self.room:
            super().write(bytes(content)[: max(0, self.room - self.tell())])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(content)


@pytest.mark.parametrize("room", [0, 1, 100, 300, "fsync", "replace"])
@pytest.mark.parametrize("saver", SAVERS)
def test_a_full_disk_leaves_the_old_file(saver, room, here, monkeypatch):
    save, name = SAVERS[saver]
    save(here / name)
    before = contents(here)

    def no_room(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if isinstance(room, str):
        monkeypatch.setattr(files.os, room, no_room)
    elif room < len(before[name]):
        monkeypatch.setattr(FullDisk, "room", room)
        monkeypatch.setattr(files, "open", lambda path, mode: FullDisk(path, mode), raising=False)
    else:
        return
    with pytest.raises(OSError, match="No space left"):
        save(here / name)
    assert contents(here) == before


def test_a_disk_that_is_really_full(tmp_path):
    code = """
        import os, resource, signal, sys
        import numpy as np
        import csgld_core as cc
        from csgld_book import claims, figures
        run = cc.sgld(cc.targets.nine_modes(), 2000, step_size=0.01, seed=1)
        table = cc.study.Table([{"a": n} for n in range(2000)])
        run.save("run"), table.save("table"), figures.write("figure", b"old" * 2000)
        before = {n: open(n, "rb").read() for n in os.listdir()}
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
        for name, save in [
            ("run", run.save),
            ("table", table.save),
            ("figure", lambda path: figures.write(path, b"new" * 2000)),
        ]:
            try:
                save(name)
            except OSError as error:
                print(name, type(error).__name__)
        assert before == {n: open(n, "rb").read() for n in os.listdir()}
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p) or "."},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["run", "OSError", "table", "OSError", "figure", "OSError"]


def test_a_disk_that_fills_up_costs_the_checkpoint_but_not_the_run(tmp_path, monkeypatch):
    path = tmp_path / "x.state"
    settings = {"step_size": 0.01, "seed": 1, "checkpoint": path, "checkpoint_interval": 0.0}
    began = checkpoint.Checkpoint.begin

    def begin(self, *arguments):
        began(self, *arguments)
        monkeypatch.setattr(FullDisk, "room", 100)
        monkeypatch.setattr(files, "open", lambda path, mode: FullDisk(path, mode), raising=False)

    monkeypatch.setattr(checkpoint.Checkpoint, "begin", begin)
    with pytest.warns(UserWarning, match="checkpoint not written"):
        run = cc.sgld(TARGET, 20_000, **settings)
    assert [p.name for p in tmp_path.iterdir()] == ["x.state"]
    monkeypatch.undo()
    assert equal(cc.resume(path), run)


@pytest.mark.parametrize("saver", ["run", "table", "figure", "checkpoint"])
def test_places_where_nothing_can_be_written(saver, tmp_path):
    save, _ = SAVERS[saver]
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("old")
    places = ["folder", "missing/x", "file/x", "x" * 300, "y/" * 2000 + "x"]
    for place in places:
        with pytest.raises(OSError, match="Errno"):
            save(tmp_path / place)
    for place in ("", "\0", None, 1, b"x"):
        with pytest.raises(ValueError, match="path must be"):
            save(place)
    assert contents(tmp_path) == {"file": b"old"}
    assert not list((tmp_path / "folder").iterdir())
    save(tmp_path / ("x" * 250))


# --- files ----------------------------------------------------------------------------------------


class Payload:
    """What runs when it is unpickled."""

    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return open, (self.marker, "w")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    RUN.save(folder / "run")
    cc.sgld(TARGET, 100, step_size=0.01, seed=1, checkpoint=folder / "state")
    return {"run": (folder / "run").read_bytes(), "state": (folder / "state").read_bytes()}


LOADERS = {"run": cc.Run.load, "state": cc.resume}


def refused(kind, content, folder):
    path = folder / "damaged"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"path must be .*damaged"):
        LOADERS[kind](path)


@pytest.mark.parametrize("kind", LOADERS)
def test_truncated_files(kind, saved, tmp_path):
    whole = saved[kind]
    for length in [*range(0, 200, 7), *range(200, len(whole), 97), len(whole) - 1]:
        refused(kind, whole[:length], tmp_path)


def same(one, other):
    return one.settings == other.settings and all(
        np.array_equal(getattr(one, n), getattr(other, n)) for n in ("positions", "log_weights")
    )


@pytest.mark.parametrize("kind", LOADERS)
def test_flipped_bits(kind, saved, tmp_path):
    whole, path = bytearray(saved[kind]), tmp_path / "damaged"
    generator = np.random.default_rng(1)
    path.write_bytes(whole)
    wanted, survived = LOADERS[kind](path), 0
    for place in generator.integers(len(whole), size=150):
        flipped = whole.copy()
        flipped[place] ^= 1 << int(generator.integers(8))
        path.write_bytes(flipped)
        try:
            found = LOADERS[kind](path)
        except ValueError as error:
            assert "damaged" in str(error)  # noqa: PT017
        else:  # dates and the like are not content
            assert same(found, wanted)
            survived += 1
    assert survived < 75


@pytest.mark.parametrize("kind", LOADERS)
def test_foreign_files_never_run_code(kind, saved, tmp_path):
    marker = tmp_path / "marker"
    payload = np.array([Payload(marker)], dtype=object)
    contents = [b"", b"text", b"PK\3\4", b"\x93NUMPY", pickle.dumps(Payload(marker))]
    for save in (
        lambda file: np.save(file, np.zeros(3)),
        lambda file: np.save(file, payload),
        lambda file: np.savez(file, a=np.zeros(3)),
        lambda file: np.savez(file, format=payload, settings=payload),
        lambda file: np.savez(file, format="csgld_core.Run 2", settings="{}", positions=payload),
        lambda file: np.savez(file, format=np.zeros(3), settings="{}"),
        lambda file: np.savez(file, format="csgld_core.Run 99", settings="{}"),
        lambda file: zipfile.ZipFile(file, "w").writestr("a.txt", "text"),
    ):
        file = io.BytesIO()
        save(file)
        contents.append(file.getvalue())
    contents.append(saved["state" if kind == "run" else "run"])
    for content in contents:
        refused(kind, content, tmp_path)
    assert not marker.exists()


def repacked(content, changes):
    """An npz file with the bytes of some members changed."""
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            found = old.read(name)
            member = name.removesuffix(".npy")
            if member in changes:
                array = io.BytesIO()
                value = changes[member](np.load(io.BytesIO(found)))
                if isinstance(value, bytes):
                    array.write(value)
                else:
                    np.save(array, value)
                found = array.getvalue()
            new.writestr(name, found)
    return changed.getvalue()


def header(shape):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": "<f8", "fortran_order": False, "shape": shape}
    )
    return file.getvalue()


@pytest.mark.parametrize("shape", [(10**12,), (10**6, 10**6, 10**6), (2**62, 8), (-1,)])
@pytest.mark.parametrize(("kind", "member"), [("run", "positions"), ("state", "0/counters")])
def test_headers_that_claim_too_much(kind, member, shape, saved, tmp_path):
    refused(kind, repacked(saved[kind], {member: lambda _: header(shape)}), tmp_path)


DAMAGE = {
    "positions": [lambda x: x[0], lambda x: x[:, :-1], lambda x: x.astype(str), lambda x: x[:1]],
    "energies": [lambda x: x[:, 0], lambda x: x.T, lambda x: 1j * x],
    "log_weights": [lambda x: x[:, 1:], lambda x: x[:1]],
    "multipliers": [lambda x: 0.0],
    "exact_energies": [lambda x: x.ravel()],
    "steps": [lambda x: x[1:], lambda x: x[None]],
    "energy_pdfs": [lambda x: x[0], lambda x: x[:, :-1], lambda x: x[:1]],
    "energy_pdf_histories": [lambda x: x[0]],
    "history_steps": [lambda x: x[1:]],
    "clamped": [lambda x: np.zeros(2), lambda x: np.array("x")],
    "partial": [lambda x: np.zeros(2), lambda x: np.array("x")],
    "gradient_evaluations": [lambda x: np.array("many"), lambda x: np.array(-1)],
}


@pytest.mark.parametrize(
    ("member", "change"), [(m, change) for m, changes in DAMAGE.items() for change in changes]
)
def test_members_that_do_not_fit_together(member, change, saved, tmp_path):
    refused("run", repacked(saved["run"], {member: change}), tmp_path)


def with_settings(content, change):
    def changed(settings):
        found = json.loads(settings.item())
        found = change(found) or found
        return np.array(json.dumps(found))

    return repacked(content, {"settings": changed})


def without(key):
    return lambda settings: settings.pop(key) and None


def with_(key, value):
    return lambda settings: settings.update({key: value})


@pytest.mark.parametrize(
    "change",
    [
        *(lambda settings: [1], lambda settings: "text", lambda settings: 1),
        *(with_("partition", 1), with_("partition", {"low": 0}), with_("scheme", {"slope": 1})),
        *(with_("partition", {"low": 0.0, "high": 1.0, "bins": 3}), with_("scheme", [1])),
        *(without("completed_steps"), without("gradients_per_step"), without("temperature")),
        *(with_("completed_steps", "x"), with_("gradients_per_step", None)),
        *(with_("temperature", -1), with_("target", 1), with_("sampler", 1), without("seed")),
    ],
)
def test_settings_of_a_run_that_were_changed(change, saved, tmp_path):
    refused("run", with_settings(saved["run"], change), tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        *(lambda settings: [1], lambda settings: "text", without("states"), with_("states", "x")),
        *(with_("states", 3), with_("states", 10**12), with_("states", 0), with_("states", -1)),
        *(without("sampler"), with_("sampler", "os"), with_("sampler", 1), without("target")),
        *(with_("target", 1), without("recipe"), with_("recipe", 1), with_("recipe", {})),
        *(without("settings"), with_("settings", 1), with_("settings", {"a": 1}), without("steps")),
        *(with_("steps", "x"), with_("steps", -1), with_("steps", 5), without("interval")),
        *(with_("interval", "x"), with_("interval", None)),
    ],
)
def test_settings_of_a_checkpoint_that_were_changed(change, saved, tmp_path):
    refused("state", with_settings(saved["state"], change), tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"0/counters": lambda x: x[:3]},
        {"0/counters": lambda x: x * 0 + 10**6},
        {"0/counters": lambda x: x * 0 - 10**6},
        {"0/counters": lambda x: x.astype(str)},
        {"0/walkers.position": lambda x: x[:, :1]},
        {"0/walkers.position": lambda x: np.tile(x, (3, 3))},
        {"0/walkers.position": lambda x: x * math.nan},
        {"0/draws.positions": lambda x: np.tile(x, (1, 9, 1))},
        {"0/draws.energies": lambda x: x[0]},
        {"0/generator": lambda x: np.array("{}")},
        {"0/generator": lambda x: np.array("text")},
        {"0/generator": lambda x: np.zeros(3)},
        {"0/start": lambda x: np.array("text")},
        {"0/start": lambda x: np.zeros((7, 7))},
        {"0/pdf.mass": lambda x: np.zeros(1000)},
    ],
)
def test_states_of_a_checkpoint_that_were_changed(changes, saved, tmp_path):
    refused("state", repacked(saved["state"], changes), tmp_path)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\0", b"a,b\n1\n", b'a,"b\n1,2\n'])
def test_tables_that_are_none(content, tmp_path):
    path = tmp_path / "damaged"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"path must be .*damaged"):
        cc.study.Table.load(path)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b'{"claims": [1]}', b'{"claims": [{}]}', b"\xff"]
)
def test_claims_that_are_none(content, here):
    (here / "claims.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"claims.json must be"):
        claims.record([CLAIM])
    assert contents(here) == {"claims.json": content}


# --- interrupts -----------------------------------------------------------------------------------


def slow(position, gradient):
    time.sleep(1e-3)
    return quadratic(position, gradient)


LONG = {
    "sgld": lambda target, workers: cc.sgld(
        target, 10**5, step_size=0.01, chains=3, seed=1, workers=workers
    ),
    "pilot": lambda target, workers: cc.contour_sgld(target, 10**5, seed=1, workers=workers),
    "replicate": lambda target, workers: cc.parallel.replicate(
        cc.contour_sgld, range(4), workers=workers, target=target, steps=10**5
    ),
    "wang_landau": lambda target, workers: cc.wang_landau(
        target, 10**5, step_size=0.3, partition=PARTITION, seed=1
    ),
    "annealing": lambda target, workers: cc.annealed_importance_sampling(
        target, step_size=0.3, particles=3000, levels=100, seed=1, workers=workers
    ),
    "importance": lambda target, workers: cc.importance_sampling(target, 10**5, seed=1),
}


@pytest.mark.parametrize("after", [0.0, 0.15])
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("user", LONG)
@pytest.mark.filterwarnings("ignore:interrupted")
def test_ctrl_c(user, workers, after, ctrl_c):
    began = threading.Event()

    def callback(position, gradient):
        began.set()
        return slow(position, gradient)

    def due():
        return began.is_set() and time.sleep(after) is None

    with ctrl_c(due), contextlib.suppress(KeyboardInterrupt):
        result = LONG[user](target(callback), workers)
        results = result if isinstance(result, list) else [result]
        assert all(run.partial for run in results)
    assert equal(USERS["sgld"](target(quadratic)), GOOD["sgld"])
