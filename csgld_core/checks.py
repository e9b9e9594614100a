"""Checks of arguments: each raises ValueError with the argument, its value and what is allowed."""

import math
import numbers
import sys
import warnings
from pathlib import Path

import numpy as np

_PACKAGE = str(Path(__file__).parent)


def warn(message):
    """Warn at the line outside of this package that led here."""
    level, frame = 1, sys._getframe()
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)


def _allowed(name, value, allowed):
    return ValueError(f"{name} must be {allowed}, got {value!r}")


def number(name, value, *, above=None, least=None, below=None, most=None):
    """Return `value` as a finite float inside the stated bounds."""
    bounds = [("> ", above), (">= ", least), ("< ", below), ("<= ", most)]
    allowed = " and ".join(sign + format(bound, "g") for sign, bound in bounds if bound is not None)
    allowed = f"a finite number {allowed}".strip()
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise _allowed(name, value, allowed)
    if (
        not math.isfinite(value)
        or (above is not None and value <= above)
        or (least is not None and value < least)
        or (below is not None and value >= below)
        or (most is not None and value > most)
    ):
        raise _allowed(name, value, allowed)
    return float(value)


def integer(name, value, *, least, most=None):
    """Return `value` as an int inside the stated bounds; whole floats such as 2e5 are welcome."""
    allowed = f"a whole number >= {least}" + (f" and <= {most}" if most is not None else "")
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise _allowed(name, value, allowed)
    if isinstance(value, float | np.floating) and not float(value).is_integer():
        raise _allowed(name, value, allowed)
    if value < least or (most is not None and value > most):
        raise _allowed(name, value, allowed)
    return int(value)


def choice(name, value, options):
    """Return `value` if it is one of `options`."""
    if not isinstance(value, str) or value not in options:
        raise _allowed(name, value, "one of " + ", ".join(repr(option) for option in options))
    return value


def array(name, value, shape, *, allowed=None):
    """Return `value` as a finite C-ordered float array of `shape`; None in `shape` is any size."""
    allowed = allowed or f"finite numbers of shape {shape}".replace("None", "n")
    try:
        result = np.ascontiguousarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise _allowed(name, value, allowed) from None
    fits = result.ndim == len(shape) and all(
        want is None or want == size for want, size in zip(shape, result.shape, strict=True)
    )
    if not fits or not np.isfinite(result).all():
        raise _allowed(name, value, allowed)
    return result
