"""How loops are compiled, once for all threads, and numba's cache of them kept honest."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from numba import float64

from csgld_core.kernels import STAMP, drop_stale_cache, kernel


def test_threads_may_be_the_first_to_call_a_kernel_together():
    @kernel(float64(float64), nogil=True)
    def double(x):
        return 2.0 * x

    together = threading.Barrier(8)

    def call(x):
        together.wait()
        return double(x)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(call, range(8))) == [2.0 * x for x in range(8)]
    assert len(double.compiled.signatures) == 1  # and nothing is compiled for another type


# --- the cache ------------------------------------------------------------------------------------


@pytest.fixture
def package(tmp_path):
    (tmp_path / "a.py").write_text("A = 1")
    (tmp_path / "b.py").write_text("B = 1")
    drop_stale_cache(tmp_path / "__pycache__", tmp_path)
    for name in ("a.f-1.py311.nbi", "a.f-1.py311.1.nbc", "a.cpython-311.pyc"):
        (tmp_path / "__pycache__" / name).write_text("cached")
    return tmp_path


def cached(package):
    return sorted(
        path.name for path in (package / "__pycache__").iterdir() if "sha256" not in path.name
    )


def test_the_cache_of_unchanged_sources_stays(package):
    before = cached(package)
    drop_stale_cache(package / "__pycache__", package)
    assert cached(package) == before
    assert len(before) == 3


@pytest.mark.parametrize("change", ["edit", "add", "remove"])
def test_any_changed_source_empties_the_whole_cache(package, change):
    if change == "edit":
        (package / "b.py").write_text("B = 2")
    elif change == "add":
        (package / "c.py").write_text("C = 1")
    else:
        (package / "b.py").unlink()
    drop_stale_cache(package / "__pycache__", package)
    assert cached(package) == ["a.cpython-311.pyc"]  # Python looks after its own


def test_a_cache_without_a_stamp_is_not_trusted(package):
    (package / "__pycache__" / STAMP).unlink()
    drop_stale_cache(package / "__pycache__", package)
    assert cached(package) == ["a.cpython-311.pyc"]


def test_dropping_once_is_enough(package):
    (package / "b.py").write_text("B = 2")
    drop_stale_cache(package / "__pycache__", package)
    (package / "__pycache__" / "new.nbi").write_text("cached")
    drop_stale_cache(package / "__pycache__", package)
    assert "new.nbi" in cached(package)


def test_no_litter_is_left(package):
    stamps = [p.name for p in (package / "__pycache__").iterdir() if "sha256" in p.name]
    assert stamps == [STAMP]
    assert sorted(p.name for p in package.iterdir()) == ["__pycache__", "a.py", "b.py"]


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "a.py").write_text("A = 1")
    (tmp_path / "__pycache__").write_text("a file where the folder should be")
    drop_stale_cache(tmp_path / "__pycache__", tmp_path)
