"""Compiled code: the loops of all samplers, and how they are compiled.

A loop is compiled when it is called for the first time, not when this package is imported. The
result is kept on disk (`csgld_core.kernels.cache`); `python -m csgld_core` compiles all at once.
"""

import functools
import sys
import threading

import numpy as np
from numba import float64, int64, njit, types
from numba.core import event
from numba.core.types import FunctionType
from numba.core.types.npytypes import NumPyRandomGeneratorType

from .cache import keep_on_disk

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


class Kernel:
    """A function that is compiled to one signature when it is first called.

    Attributes
    ----------
    py_func : function
        The function in Python.
    """

    every = []  # noqa: RUF012

    def __init__(self, function, signature, notice, options):
        functools.update_wrapper(self, function)
        self.py_func, self._signature, self._notice = function, signature, notice
        self._options, self._lock, self._compiled = options, threading.Lock(), None
        Kernel.every.append(self)

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
