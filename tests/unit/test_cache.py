"""Compiled code on disk: found again, never stale, and never in the way.

Most tests compile a toy: the real `csgld_core/kernels/__init__.py` beside two functions of a line.
"""

import inspect
import os
import pickle
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import csgld_core as cc
from csgld_core import kernels

PACKAGE = Path(cc.__file__).parent
SECONDS = 120  # a process takes two
TOY = {
    "step.py": """
        from numba import njit
        from . import LOOP

        @njit(**LOOP)
        def step(x):
            return x + 1.0
        """,
    "loop.py": """
        from numba import float64
        from . import LOOP, kernel
        from .step import step

        @kernel(float64(float64), "a toy, at once.", **LOOP)
        def loop(x):
            return step(x)
        """,
}
CALL = "from toy.loop import loop; print(loop(1.0))"
COMPILES = "csgld_core compiles a toy, at once.\n"
NOTHING_KEPT = "compiled code cannot be kept"


class Place:
    """A folder with packages, and processes that import them."""

    def __init__(self, folder):
        self.folder, self.environment = folder, {}

    def start(self, code, **environment):
        environment = {**os.environ, **self.environment, **environment}
        # Not this process's folder: there is a csgld_core too.
        environment |= {"PYTHONPATH": str(self.folder), "PYTHONSAFEPATH": "1"}
        return subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code)],
            env=environment,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, code=CALL, **environment):
        """What a process prints on standard output and standard error."""
        process = self.start(code, **environment)
        out, err = process.communicate(timeout=SECONDS)
        assert process.returncode == 0, err
        return out, err

    def cached(self, pattern="*.nb[ci]"):
        return sorted(self.folder.rglob(pattern))


def toy_in(folder):
    (folder / "toy").mkdir()
    shutil.copy(PACKAGE / "kernels" / "__init__.py", folder / "toy")
    for name, code in TOY.items():
        (folder / "toy" / name).write_text(textwrap.dedent(code))
    return Place(folder)


@pytest.fixture(autouse=True)
def beside_the_source(monkeypatch):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)


@pytest.fixture
def place(tmp_path):
    return toy_in(tmp_path)


@pytest.fixture(scope="module")
def compiled_before(tmp_path_factory):
    place = toy_in(tmp_path_factory.mktemp("compiled"))
    assert place.run(NUMBA_CACHE_DIR="") == ("2.0\n", COMPILES)
    return place.folder


@pytest.fixture
def warm(compiled_before, tmp_path):
    return Place(shutil.copytree(compiled_before, tmp_path, dirs_exist_ok=True))


# --- found again ----------------------------------------------------------------------------------


def test_the_second_process_compiles_nothing(warm):
    assert warm.run() == ("2.0\n", "")
    assert [path.suffix for path in warm.cached()] == [".nbc", ".nbi"]


def test_importing_compiles_nothing(place):
    assert place.run("import toy.loop") == ("", "")
    assert not place.cached()


def test_a_file_outside_the_folder_changes_nothing(warm):
    (warm.folder / "plot.py").write_text("A = 1")
    assert warm.run() == ("2.0\n", "")


def test_all_loops_stand_in_kernels():
    # Those elsewhere, which are short, are compiled anew whenever their own file is edited.
    owners = [getattr(compile_one, "__self__", None) for compile_one in kernels.ON_FIRST_USE]
    loops = [owner.py_func for owner in owners if isinstance(owner, kernels.Kernel)]
    folders = {loop.__name__: Path(inspect.getfile(loop)).parent.name for loop in loops}
    assert len(loops) >= 8
    assert [name for name, folder in folders.items() if folder != "kernels"] == ["evaluate"]


# --- never stale ----------------------------------------------------------------------------------


@pytest.mark.parametrize("elsewhere", [False, True])
def test_an_edited_function_that_a_loop_calls_counts(place, elsewhere):
    if elsewhere:
        place.environment["NUMBA_CACHE_DIR"] = str(place.folder / "cache")
    assert place.run() == ("2.0\n", COMPILES)
    step = place.folder / "toy" / "step.py"
    step.write_text(step.read_text().replace("1.0", "5.0"))
    assert place.run() == ("6.0\n", COMPILES)
    assert place.run() == ("6.0\n", "")
    assert len(place.cached()) == 2  # what the old sources gave is gone
    assert all(("toy" in path.parts) != elsewhere for path in place.cached())


# --- never in the way -----------------------------------------------------------------------------


def test_the_cache_of_another_processor_is_no_obstacle(warm):
    other = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
    assert warm.run(**other) == ("2.0\n", COMPILES)
    for environment in ({}, other):  # both are kept
        assert warm.run(**environment) == ("2.0\n", "")


class Foreign:
    """Pickled as something that nobody else can import."""

    def __reduce__(self):
        return Foreign, ()


def damages():
    foreign = pickle.dumps(Foreign()).replace(
        Foreign.__module__.encode(), b"x" * len(Foreign.__module__)
    )
    return {
        "empty": lambda old: b"",
        "cut": lambda old: old[: len(old) // 2],
        "noise": lambda old: bytes(range(256)),
        "foreign": lambda old: foreign,
        "foreign behind the version": lambda old: pickle.dumps(pickle.loads(old)) + foreign,
    }


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize("damage", damages())
def test_a_damaged_file_is_replaced(warm, suffix, damage):
    if damage == "foreign behind the version" and suffix == ".nbc":
        pytest.skip("only an index begins with a version")
    (path,) = warm.cached(f"*{suffix}")
    path.write_bytes(damages()[damage](path.read_bytes()))
    assert warm.run() == ("2.0\n", COMPILES)
    assert warm.run() == ("2.0\n", "")


def nothing_can_be_written(place, package):
    """Put a file where each folder of compiled code should be; that stops root too."""
    for folder in [path for path in (place.folder / package).rglob("*") if path.is_dir()]:
        (folder / "__pycache__").write_text("a file")
    (place.folder / package / "__pycache__").write_text("a file")
    nowhere = place.folder / "nowhere"
    nowhere.write_text("a file")
    place.environment |= dict.fromkeys(("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"), str(nowhere))


def test_without_a_folder_to_write_to_everything_works(place):
    nothing_can_be_written(place, "toy")
    for _ in range(2):
        out, err = place.run()
        assert out == "2.0\n"
        assert err.count(NOTHING_KEPT) == 1
        assert err.endswith(COMPILES)
    assert not place.cached()


def test_without_a_folder_to_write_to_the_package_warns_once(place):
    shutil.copytree(
        PACKAGE, place.folder / "csgld_core", ignore=shutil.ignore_patterns("__pycache__")
    )
    nothing_can_be_written(place, "csgld_core")
    out, err = place.run(
        """
        import csgld_core as cc
        print(cc.__file__)
        print(cc.targets.twenty_five_wells().energies([[0.0, 0.0]]).shape)
        """
    )
    assert out.splitlines() == [str(place.folder / "csgld_core" / "__init__.py"), "(1,)"]
    assert err.count(NOTHING_KEPT) == 1
    assert "Traceback" not in err


def test_a_folder_that_is_gone_meanwhile_is_no_obstacle(place):
    cache = place.folder / "cache"
    place.environment["NUMBA_CACHE_DIR"] = str(cache)
    code = f"""
        import shutil
        import toy
        keep = toy.keep_on_disk
        def lose(compiled):
            keep(compiled)
            shutil.rmtree({str(cache)!r})
            open({str(cache)!r}, "w").close()
            return compiled
        toy.keep_on_disk = lose
        {CALL}
        """
    assert place.run(code) == ("2.0\n", COMPILES)


# --- several at once ------------------------------------------------------------------------------


def test_processes_that_start_together_do_not_hurt_each_other(place):
    processes = [place.start(CALL) for _ in range(4)]
    for process in processes:
        assert process.communicate(timeout=SECONDS)[0] == "2.0\n"
        assert process.returncode == 0
    assert place.run() == ("2.0\n", "")
    assert len(place.cached()) == 2


AT_ONCE = """
    import threading
    from concurrent.futures import ThreadPoolExecutor

    def at_once(function, threads=8):
        barrier = threading.Barrier(threads)
        def call(_):
            barrier.wait()
            return function()
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(call, range(threads)))
"""


def test_threads_compile_a_loop_once(place):
    code = textwrap.dedent(AT_ONCE) + textwrap.dedent(
        """
        from toy.loop import loop
        print(at_once(lambda: loop(1.0)))
        """
    )
    assert place.run(code) == (f"{[2.0] * 8}\n", COMPILES)


def test_threads_may_be_the_first_to_call_an_energy(place):
    # One of the package, one of the user; both, and what evaluates them, are compiled here.
    code = textwrap.dedent(AT_ONCE) + textwrap.dedent(
        """
        import numba
        import csgld_core as cc

        @numba.njit
        def bowl(position, gradient):
            gradient[:] = position
            return 0.5 * (position**2).sum()

        wells = cc.targets.twenty_five_wells()
        print(set(at_once(lambda: wells.energies([[0.5, 0.5]])[0])))
        print(set(at_once(lambda: cc.Target(bowl, 2).energies([[1.0, 1.0]])[0])))
        """
    )
    place.environment["NUMBA_CACHE_DIR"] = str(place.folder / "cache")
    place.folder = PACKAGE.parent
    out, err = place.run(code)
    expected = cc.targets.twenty_five_wells().energies([[0.5, 0.5]])[0]
    assert out.splitlines() == [repr({expected}), repr({type(expected)(1.0)})]
    assert err == ""
