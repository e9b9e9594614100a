"""Files and what they record: written all or nothing, with settings, seed and versions."""

import contextlib
import json
import os
import platform
import secrets

import numba
import numpy as np

from . import checks

VERSION = "0.1.0"  # of this project


def versions(*modules):
    """Versions of what results depend on, and of other `modules`."""
    return {
        "csgld_core": VERSION,
        "numpy": np.__version__,
        "numba": numba.__version__,
        "python": platform.python_version(),
        **{module.__name__: module.__version__ for module in modules},
    }


def seed(value):
    """`value` as an integer seed; None draws one."""
    value = np.random.SeedSequence().entropy if value is None else value
    return checks.integer("seed", value, least=0)


def recorded(settings):
    """`settings` with the versions, as a file would give them back: by way of JSON."""
    return json.loads(json.dumps({**settings, "versions": versions()}))


@contextlib.contextmanager
def replacing(path):
    """Open a new binary file that takes the place of `path` once it is complete.

    If anything fails before, `path` is as it was and nothing else is left.
    """
    path = checks.path("path", path)
    temporary = path.with_name(f".{path.name[:50]}-{secrets.token_hex(4)}")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def save_arrays(path, kind, settings, arrays):
    """Write `settings` (JSON-ready) and named `arrays` as one npz file of this `kind`."""
    with replacing(path) as file:
        np.savez(file, format=kind, settings=json.dumps(settings), **arrays)


def load_arrays(path, kind, writer):
    """Settings and arrays that `save_arrays` wrote; never executes code from the file.

    Raises
    ------
    ValueError
        If the file is damaged, foreign, or of another kind or version; it names the `writer`.
    """
    path = checks.path("path", path)
    wanted = f"path must be a file written by {writer} of this version ({kind}), got {str(path)!r}"
    with open(path, "rb") as file:
        try:
            with np.load(file, allow_pickle=False) as members:
                arrays = {name: members[name] for name in members.files}
            found = arrays.pop("format").item()
            settings = json.loads(arrays.pop("settings").item())
            if not isinstance(settings, dict):
                raise TypeError(f"settings are {checks.shown(settings)}")
        except Exception as e:  # a damaged file fails in many ways
            raise ValueError(f"{wanted}, which is damaged or foreign") from e
    if found != kind:
        raise ValueError(f"{wanted}, which is a {found!r}")
    return settings, arrays
