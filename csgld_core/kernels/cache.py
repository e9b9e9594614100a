"""Compiled code kept on disk, so that only the first process on a machine compiles.

Numba keeps it, in the first of these folders that can be written: NUMBA_CACHE_DIR, `__pycache__`
beside the source, the user's cache folder. Three things are added here:

- Numba notices an edited function, but not an edited function that it calls in another file. Here
  the names of the cached files carry a digest of all sources, so that old code is never found.
- What is damaged, or was written by another machine and cannot be read, counts as not there.
- Where nothing can be written, everything still works.
"""

import contextlib
import functools
import hashlib
import inspect
import re
import warnings
from pathlib import Path

from numba.core.caching import FunctionCache, IndexDataCacheFile

HERE = Path(__file__).parent


def keep_on_disk(compiled):
    """Let `compiled`, made with numba.njit, look on disk before it compiles; returns it."""
    try:
        compiled._cache = Cache(compiled.py_func)
    except (RuntimeError, OSError):  # numba finds no folder; there is no source
        _warn_that_nothing_is_kept()
    return compiled


@functools.cache  # once is enough
def _warn_that_nothing_is_kept():
    warnings.warn(
        "compiled code cannot be kept: neither the folder of csgld_core nor your cache folder can "
        "be written. Every process compiles anew, which takes up to a minute. Set NUMBA_CACHE_DIR "
        "to a folder that can be written",
        stacklevel=3,
    )


def digest_of_sources(function):
    """Of all that `function` may call: the files of this folder, elsewhere its own file."""
    own = Path(inspect.getfile(function))
    sources = sorted(HERE.glob("*.py")) if own.parent == HERE else [own]
    return hashlib.sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()[:16]


class Cache(FunctionCache):
    """Numba's cache of one function, which never stands in the way of compiling."""

    def __init__(self, function):
        super().__init__(function)
        digest = digest_of_sources(function)
        self._name = f"{self._impl.filename_base}.{digest}"
        self._cache_file = IndexDataCacheFile(self._cache_path, self._name, digest)

    def load_overload(self, signature, context):
        """What is on disk, or None."""
        try:
            return super().load_overload(signature, context)
        except Exception:  # a damaged file fails in many ways
            with contextlib.suppress(OSError):
                self.flush()
            return None

    def save_overload(self, signature, compiled):
        """Keep `compiled` instead of what earlier sources gave."""
        with contextlib.suppress(Exception):  # such as a full disk: it is compiled all the same
            super().save_overload(signature, compiled)
            self._remove_older()

    def _remove_older(self):
        any_line = re.sub(r"-\d+\.", "-*.", self._impl.filename_base, count=1)
        for file in Path(self._cache_path).glob(f"{any_line}.*"):
            if not file.name.startswith(self._name):
                file.unlink(missing_ok=True)
