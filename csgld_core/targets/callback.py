"""Energies as one fused function (position, gradient) -> energy that also fills the gradient.

Compiled to one fixed signature it is a value that the loops take as an argument, so that they are
compiled once for all targets.
"""

import functools
import inspect
import itertools
import warnings
import weakref

import numpy as np
from numba import njit, objmode, void
from numba.core.dispatcher import Dispatcher
from numba.core.errors import NumbaError

from .. import checks
from ..kernels import (
    CALLBACK,
    CALLBACK_SIGNATURE,
    FAST,
    GENERATOR,
    MATRIX,
    ON_FIRST_USE,
    VECTOR,
    keep_on_disk,
    kernel,
)

SHORT, LONG = "(position, gradient)", "(position, gradient, data, generator)"
_OURS = set()


def energy_function(function):
    """Decorator for the energies of this package: compiled when first used, and kept on disk."""
    compiled = keep_on_disk(njit(**FAST)(function))
    _OURS.add(compiled)
    ON_FIRST_USE.append(functools.partial(compiled.compile, CALLBACK_SIGNATURE))
    return compiled


def compile_callback(name, function):
    """Compile a user's function to the signature of the loops."""
    if isinstance(function, Dispatcher) and (
        function in _OURS or CALLBACK_SIGNATURE.args in function.overloads
    ):
        return function
    long = _takes_all_four(name, function)
    if not isinstance(function, Dispatcher):
        return _interpreted(function)
    try:
        if long:

            @njit(CALLBACK_SIGNATURE, nogil=True)
            def compiled(position, gradient, data, generator):
                return function(position, gradient, data, generator)

        else:

            @njit(CALLBACK_SIGNATURE, nogil=True)
            def compiled(position, gradient, data, generator):
                return function(position, gradient)

    except NumbaError as error:
        raise ValueError(
            f"{name} must take {LONG if long else SHORT}, two arrays of float64"
            f"{', a matrix and a numpy Generator' if long else ''}, and return the energy; "
            f"numba says: {str(error).strip()}"
        ) from None
    return compiled


def _takes_all_four(name, function):
    """Whether a user's function takes (position, gradient, data, generator)."""
    compiled = isinstance(function, Dispatcher)
    if name == "estimate" and not compiled:
        raise ValueError(
            f"estimate must be None or a function {LONG} compiled with @numba.njit, "
            f"got {function!r}"
        )
    try:
        signature = inspect.signature(function.py_func if compiled else function)
    except (TypeError, ValueError):  # not every callable tells
        return False
    counts = {"energy_and_gradient": (2, 4) if compiled else (2,), "estimate": (4,)}[name]
    for count in counts:
        try:
            signature.bind(*[None] * count)
        except TypeError:
            continue
        return count == 4
    raise ValueError(
        f"{name} must take {' or '.join({2: SHORT, 4: LONG}[count] for count in counts)}"
        f"{'' if compiled else ' (four arguments under @numba.njit only)'}, got {function!r} "
        f"with {signature}"
    )


def _interpreted(function):
    warnings.warn(
        "energy_and_gradient is a plain Python function: it works, about a hundred times slower "
        "than under @numba.njit",
        stacklevel=4,
    )
    number = next(_NUMBERS)

    @njit(CALLBACK_SIGNATURE)
    def interpreted(position, gradient, data, generator):
        with objmode(energy="float64"):
            energy = _call(number, position, gradient)
        return energy

    _INTERPRETED[number] = function
    weakref.finalize(interpreted, _INTERPRETED.pop, number)
    return interpreted


# Numba keeps a pickle of what the interpreter is to call, and unpickles it in whichever thread is
# first: a copy of the user's function, made under the import lock of its module. A number is safe.
_NUMBERS, _INTERPRETED = itertools.count(), {}


def _call(number, position, gradient):
    """A plain Python callback, with arrays that it may keep or change; what it leaves is NaN."""
    filled = np.full(gradient.shape, np.nan)
    energy = _INTERPRETED[number](position.copy(), filled)
    gradient[:] = filled
    try:
        return float(None if isinstance(energy, (str, bytes)) or np.ndim(energy) else energy)
    except (TypeError, ValueError):
        raise TypeError(
            f"energy_and_gradient must return the energy, a number, got {checks.shown(energy)}"
        ) from None


@kernel(void(CALLBACK, MATRIX, GENERATOR, MATRIX, VECTOR, MATRIX), nogil=True)
def evaluate(callback, data, generator, positions, energies, gradients):
    """Fill the energy (n,) and the gradient (n, dim) at each of `positions` (n, dim)."""
    position, gradient = np.empty(positions.shape[1]), np.empty(positions.shape[1])
    for n in range(positions.shape[0]):
        position[:] = positions[n]
        gradient[:] = np.nan  # shows a component that the callback forgot
        energies[n] = callback(position, gradient, data, generator)
        gradients[n] = gradient
