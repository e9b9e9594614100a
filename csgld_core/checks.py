"""Checks of arguments: each raises ValueError with the argument, its value and what is allowed."""

import difflib
import math
import numbers
import os
import sys
import warnings
from pathlib import Path

import numpy as np

_PACKAGE = str(Path(__file__).parent)


def _physical_memory():
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # not every system tells
        return math.inf


PHYSICAL_MEMORY = _physical_memory()  # bytes
MEMORY_SHARE = 0.75  # of it that one call may ask for


def warn(message):
    """Warn at the line outside of this package that led here."""
    level, frame = 1, sys._getframe()
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)


def shown(value, longest=300):
    """The text of a value that may be anything."""
    try:
        text = repr(value)
    except Exception as error:  # such as an integer of 5000 digits
        text = f"a {type(value).__name__} that cannot be shown ({error})"
    return text if len(text) <= longest else f"{text[:longest]}…"


def refused(name, value, allowed):
    """The ValueError for an argument that is not as it must be."""
    return ValueError(f"{name} must be {allowed}, got {shown(value)}")


def _is_number(value):
    return isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_))


def number(name, value, *, above=None, least=None, below=None, most=None):
    """Return `value` as a finite float inside the stated bounds."""
    bounds = [("> ", above), (">= ", least), ("< ", below), ("<= ", most)]
    allowed = " and ".join(sign + format(bound, "g") for sign, bound in bounds if bound is not None)
    allowed = f"a finite number {allowed}".strip()
    try:
        result = float(value) if _is_number(value) else math.nan
    except OverflowError:
        result = math.inf
    if (
        not math.isfinite(result)
        or (above is not None and result <= above)
        or (least is not None and result < least)
        or (below is not None and result >= below)
        or (most is not None and result > most)
    ):
        raise refused(name, value, allowed)
    return result


def integer(name, value, *, least, most=None):
    """Return `value` as an int inside the stated bounds; whole floats such as 2e5 are welcome."""
    allowed = f"a whole number >= {least}" + (f" and <= {most}" if most is not None else "")
    try:
        result = int(value) if _is_number(value) else None
    except (OverflowError, ValueError):  # infinity, NaN
        result = None
    if result is None or result != value or result < least or (most is not None and result > most):
        raise refused(name, value, allowed)
    return result


def flag(name, value):
    """Return `value` if it is True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise refused(name, value, "True or False")
    return bool(value)


def choice(name, value, options):
    """Return `value` if it is one of `options`."""
    if not isinstance(value, str) or value not in options:
        raise refused(name, value, "one of " + ", ".join(repr(option) for option in options))
    return value


def path(name, value):
    """Return `value` as a Path if it can be one of a file."""
    try:
        text = None if isinstance(value, bytes) else os.fspath(value)
    except TypeError:
        text = None
    if not isinstance(text, str) or not text or "\0" in text:
        raise refused(name, value, "the path of a file")
    return Path(text)


def instance(name, value, kind):
    """Return `value` if it is a `kind`."""
    if not isinstance(value, kind):
        home = kind.__module__.partition(".")[0]
        raise refused(name, value, f"a {home}.{kind.__name__}")
    return value


def function(name, value, allowed="a function"):
    """Return `value` if it can be called."""
    if not callable(value):
        raise refused(name, value, allowed)
    return value


def keywords(function, given, known, positional=0):
    """Raise TypeError if a keyword that was given is not known to the function of this name.

    Its first arguments came by position; these and the keywords given are not what was meant.
    """
    free = [name for name in known[positional:] if name not in given]
    for keyword in given:
        if keyword not in known:
            near = difflib.get_close_matches(keyword, free, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"it takes {', '.join(known)}"
            raise TypeError(f"{function}() got an unknown keyword `{keyword}`: {hint}")


def axes(value):
    """The number of axes of an array, or of nested lists; -1 if they are ragged."""
    try:
        return np.asarray(value).ndim
    except ValueError:
        return -1


def several(name, value, allowed="a list"):
    """Return what can be looped over as a list."""
    try:
        return list(value)
    except TypeError:
        raise refused(name, value, allowed) from None


def array(name, value, shape, *, allowed=None, finite=True):
    """Return `value` as a finite C-ordered float array of `shape`; None in `shape` is any size.

    A `shape` of None is any shape; unless `finite` infinities are allowed, but not NaN.
    """
    if allowed is None:
        allowed = "finite numbers" if finite else "numbers that are not NaN"
        allowed += "" if shape is None else f" of shape {shape}".replace("None", "n")
    try:
        found = np.asarray(value)
        if found.dtype.kind not in "biuf" and not all(map(_is_number, found.ravel())):
            raise refused(name, value, allowed)
        result = np.asarray(found, dtype=np.float64, order="C")
    except (TypeError, ValueError, OverflowError):
        raise refused(name, value, allowed) from None
    fits = shape is None or (
        result.ndim == len(shape)
        and all(
            want is None or want == size for want, size in zip(shape, result.shape, strict=True)
        )
    )
    wrong = ~np.isfinite(result) if finite else np.isnan(result)
    if not fits or wrong.any():
        raise refused(name, value, allowed)
    return result


def memory(needed, /, **arguments):
    """Raise MemoryError if `needed` bytes are more than MEMORY_SHARE of this machine's memory.

    Linux grants more than there is, and kills the process once it is used: this asks before.
    """
    limit = MEMORY_SHARE * PHYSICAL_MEMORY
    if needed > limit:
        asked = ", ".join(f"{name}={shown(value)}" for name, value in arguments.items())
        raise MemoryError(
            f"{' and '.join(arguments)} must need less memory than {limit / 1e9:.0f} GB, "
            f"{asked} would take {needed / 1e9:,.0f} GB"
        )
