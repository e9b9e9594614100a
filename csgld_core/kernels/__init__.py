"""Compiled code: the loops of all samplers, how they are compiled, and where the result is kept.

A loop is compiled when it is called for the first time, and numba keeps it on disk. Numba notices
an edited function, but not an edited function that it calls in another file. The loops call several
files, so all of them are compiled anew if any file of this folder has changed.
"""

import contextlib
import functools
import hashlib
import os
import threading
import warnings
from pathlib import Path

import numpy as np
from numba import float64, int64, njit, types
from numba.core.types import FunctionType
from numba.core.types.npytypes import NumPyRandomGeneratorType

GENERATOR = NumPyRandomGeneratorType("NumPyRandomGeneratorType")
VECTOR, MATRIX, CUBE, NUMBERS = float64[::1], float64[:, ::1], float64[:, :, ::1], int64[::1]
CALLBACK_SIGNATURE = float64(VECTOR, VECTOR, MATRIX, GENERATOR)
CALLBACK = FunctionType(CALLBACK_SIGNATURE)  # (position, gradient, data, generator) -> energy
PROPOSE_SIGNATURE = float64(VECTOR, float64, VECTOR, MATRIX, GENERATOR)
PROPOSE = FunctionType(PROPOSE_SIGNATURE)  # (state, energy, proposal, data, generator) -> energy

STAMP = "sources.sha256"


def drop_stale_cache(cache, sources):
    """Remove compiled code from the folder `cache` unless it belongs to the files in `sources`."""
    files = sorted(sources.glob("*.py"))
    digest = hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()
    stamp = cache / STAMP
    with contextlib.suppress(OSError):  # a read-only installation does not change
        if stamp.exists() and stamp.read_text() == digest:
            return
        for stale in [*cache.glob("*.nbi"), *cache.glob("*.nbc")]:
            stale.unlink(missing_ok=True)
        cache.mkdir(parents=True, exist_ok=True)
        fresh = cache / f"{STAMP}.{os.getpid()}"
        fresh.write_text(digest)
        fresh.replace(stamp)


def cache_is_usable():
    """Whether numba finds a folder for compiled code; what is stale there is removed."""
    try:
        folder = njit(cache=True)(cache_is_usable).stats.cache_path  # compiles nothing
    except RuntimeError:
        warnings.warn(
            "compiled code cannot be kept: neither this package's folder nor your home can be "
            "written. Every process compiles anew, which takes up to a minute. Set NUMBA_CACHE_DIR "
            "to a folder that can be written",
            stacklevel=2,
        )
        return False
    drop_stale_cache(Path(folder), Path(__file__).parent)
    return True


# How callbacks are compiled, and how loops are. The arrays that a loop touches belong to Python for
# the whole call. Counting references to them inside a loop would cost more than the arithmetic, so
# it is switched off; in return these functions must not allocate.
FAST = {"cache": cache_is_usable(), "nogil": True, "error_model": "numpy"}
LOOP = {**FAST, "_nrt": False, "forceinline": True}


def tuple_type(named_tuple, **fields):
    """Numba's type of a named tuple; `fields` are the types of what no annotation tells."""
    scalars = {float: float64, int: int64, bool: types.boolean, np.ndarray: VECTOR}
    annotated = named_tuple.__annotations__.items()
    kinds = [fields.get(name) or scalars[kind] for name, kind in annotated]
    if len(set(kinds)) == 1:
        return types.NamedUniTuple(kinds[0], len(kinds), named_tuple)
    return types.NamedTuple(kinds, named_tuple)


class Kernel:
    """A function that is compiled to one signature when it is first called.

    Attributes
    ----------
    py_func : function
        The function in Python.
    """

    def __init__(self, function, signature, options):
        functools.update_wrapper(self, function)
        self.py_func, self.signature = function, signature
        self.compiled = njit(**options)(function)
        self.lock = threading.Lock()

    def __call__(self, *arguments):
        if not self.compiled.signatures:
            with self.lock:  # another thread may have compiled it meanwhile
                if not self.compiled.signatures:
                    self.compiled.compile(self.signature)
                    self.compiled.disable_compile()  # or each callback would compile it anew
        return self.compiled(*arguments)


def kernel(signature, **options):
    """Decorator: make a `Kernel` of a function; `options` are those of numba.njit."""
    return lambda function: Kernel(function, signature, options)
