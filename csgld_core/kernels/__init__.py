"""Compiled code: the loops of all samplers, and how they are compiled.

A loop is compiled when it is called for the first time, not when this package is imported. The
result is kept on disk, so that only the first process on a machine compiles.
"""

import contextlib
import functools
import hashlib
import inspect
import re
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
from numba import float64, int64, njit, types
from numba.core import event
from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.types import FunctionType
from numba.core.types.npytypes import NumPyRandomGeneratorType

GENERATOR = NumPyRandomGeneratorType("NumPyRandomGeneratorType")
VECTOR, MATRIX, CUBE, NUMBERS = float64[::1], float64[:, ::1], float64[:, :, ::1], int64[::1]
CALLBACK_SIGNATURE = float64(VECTOR, VECTOR, MATRIX, GENERATOR)
CALLBACK = FunctionType(CALLBACK_SIGNATURE)  # (position, gradient, data, generator) -> energy
PROPOSE_SIGNATURE = float64(VECTOR, float64, VECTOR, MATRIX, GENERATOR)
PROPOSE = FunctionType(PROPOSE_SIGNATURE)  # (state, energy, proposal, data, generator) -> energy

# How callbacks are compiled, and how loops are. The arrays that a loop touches belong to Python for
# the whole call. Counting references to them inside a loop would cost more than the arithmetic, so
# it is switched off; in return these functions must not allocate.
FAST = {"nogil": True, "error_model": "numpy"}
LOOP = {**FAST, "_nrt": False, "forceinline": True}


def tuple_type(named_tuple, **fields):
    """Numba's type of a named tuple; `fields` are the types of what no annotation tells."""
    scalars = {float: float64, int: int64, bool: types.boolean, np.ndarray: VECTOR}
    annotated = named_tuple.__annotations__.items()
    kinds = [fields.get(name) or scalars[kind] for name, kind in annotated]
    if len(set(kinds)) == 1:
        return types.NamedUniTuple(kinds[0], len(kinds), named_tuple)
    return types.NamedTuple(kinds, named_tuple)


# --- on disk --------------------------------------------------------------------------------------

# Numba keeps compiled code in the first of these folders that can be written: NUMBA_CACHE_DIR,
# `__pycache__` beside the source, the user's cache folder. Three things are added here.
# - Numba notices an edited function, but not an edited function that it calls in another file. So
#   the names of the cached files carry a digest of all sources: old code is never found.
# - What is damaged, or was written elsewhere and cannot be read, counts as not there.
# - Where nothing can be written, everything still works.

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


# --- on the first call ----------------------------------------------------------------------------

ON_FIRST_USE = []  # functions that compile what this package has


def compile_all():
    """Compile now, or read from disk, what would be at its first use."""
    for compile_one in ON_FIRST_USE:
        compile_one()


class Kernel:
    """A function that is compiled to one signature when it is first called.

    Attributes
    ----------
    py_func : function
        The function in Python.
    """

    def __init__(self, function, signature, notice, options):
        functools.update_wrapper(self, function)
        self.py_func, self._signature, self._notice = function, signature, notice
        self._options, self._lock, self._compiled = options, threading.Lock(), None
        ON_FIRST_USE.append(self.compile)

    def __call__(self, *arguments):
        compiled = self.compile() if self._compiled is None else self._compiled
        return compiled(*arguments)

    def compile(self):
        """The compiled function: read from disk or compiled, by the first thread that asks."""
        with self._lock:
            if self._compiled is None:
                compiled = keep_on_disk(njit(**self._options)(self.py_func))
                with event.install_listener("numba:compile", Notice(compiled, self._notice)):
                    compiled.compile(self._signature)
                compiled.disable_compile()  # or it would be compiled anew for each callback
                self._compiled = compiled
        return self._compiled


class Notice(event.Listener):
    """Says, on standard error, that a function is compiled and not read from disk."""

    def __init__(self, compiled, text):
        self.compiled, self.text = compiled, text

    def on_start(self, event):
        if self.text and event.data["dispatcher"] is self.compiled:
            print(f"csgld_core compiles {self.text}", file=sys.stderr, flush=True)

    def on_end(self, event):
        pass


def kernel(signature, notice=None, **options):
    """Decorator: make a `Kernel` of a function.

    `notice` tells the user what is compiled and how long it takes, unless that is no time at all;
    `options` are those of numba.njit.
    """
    return lambda function: Kernel(function, signature, notice, options)
