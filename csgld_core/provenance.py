"""What a result records so that it can be repeated: its seed, its settings, the versions."""

import json
import platform

import numba
import numpy as np

from . import __version__, checks


def seed(value):
    """`value` as an integer seed; None draws one."""
    value = np.random.SeedSequence().entropy if value is None else value
    return checks.integer("seed", value, least=0)


def recorded(settings):
    """`settings` with the versions, as a file would give them back: by way of JSON."""
    versions = {
        "csgld_core": __version__,
        "numpy": np.__version__,
        "numba": numba.__version__,
        "python": platform.python_version(),
    }
    return json.loads(json.dumps({**settings, "versions": versions}))
