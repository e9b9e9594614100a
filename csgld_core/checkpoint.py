"""The state of a run in a file, written now and then, so that a killed process can go on from it.

Every chain hands in its state between two chunks of steps; whoever finds the file due writes the
latest states of all chains. Draws once made do not change, so only the moving state is copied.
"""

import os
import threading
import time
from pathlib import Path

import numpy as np

from . import checks, files

FORMAT = "csgld_core.checkpoint 1"
LEAD = 0.5  # seconds before the file is due from which chains hand in their states


class Checkpoint:
    """The file of one run.

    Attributes
    ----------
    path : Path
    arguments : dict or None
        What the run was called with, JSON-ready; None before `begin`.
    states : list of dict
        The latest state of each chain: named arrays.
    pilot : dict or None
        The record of the pilot that chose what was "auto".
    """

    def __init__(self, path, arguments=None, states=()):
        self.path, self.arguments, self.states = Path(path), arguments, list(states)
        self.lock = threading.Lock()
        self.interval, self.due, self.failed, self.pilot = 0.0, 0.0, False, None

    @classmethod
    def load(cls, path):
        """Read a file that a run wrote.

        Raises
        ------
        ValueError
            If it is no checkpoint of this version.
        """
        arguments, arrays = files.load_arrays(path, FORMAT, "a sampler with checkpoint=path")
        states = [{} for _ in range(arguments.pop("states"))]
        for name, value in arrays.items():
            chain, field = name.split("/")
            states[int(chain)][field] = value
        return cls(path, arguments, states)

    def begin(self, arguments, chains, interval):
        """Restore the chains if there are states of theirs, and write the file a first time."""
        for chain, state in zip(chains, self.states, strict=False):
            chain.restore(state)
        self.arguments, self.states = arguments, [chain.state() for chain in chains]
        self.interval = interval
        self.write()

    def keep(self, n, chain, *, last=False):
        """Take the state of chain number n if the file is nearly due, and write the file if due."""
        if not last and time.monotonic() < self.due - LEAD:
            return
        self.states[n] = chain.state()
        with self.lock:
            if time.monotonic() >= self.due:
                self.try_to_write()

    def try_to_write(self):
        """Write the file; a full disk costs the checkpoint, not the run."""
        try:
            self.write()
        except OSError as error:
            self.due = time.monotonic() + self.interval
            if not self.failed:
                checks.warn(f"checkpoint not written, the run goes on: {error}")
            self.failed = True

    def write(self):
        """Write the latest states."""
        settings = {**self.arguments, "states": len(self.states), "interval": self.interval}
        arrays = {
            f"{chain}/{field}": value
            for chain, state in enumerate(self.states)
            for field, value in state.items()
        }
        files.save_arrays(self.path, FORMAT, settings, arrays)
        self.due = time.monotonic() + self.interval


def as_checkpoint(value):
    """None, a Checkpoint, or that of a new file at a path.

    Raises
    ------
    ValueError
        If there is a file already.
    """
    if value is None or isinstance(value, Checkpoint):
        return value
    allowed = "None or the path of a new file; resume(path) goes on from an old one"
    if not isinstance(value, str | os.PathLike) or os.path.exists(value):
        raise ValueError(f"checkpoint must be {allowed}, got {value!r}")
    return Checkpoint(value)


def fields_of(prefix, named_tuple):
    """Copies of the arrays of a named tuple, under prefixed names."""
    return {
        f"{prefix}.{name}": value.copy()
        for name, value in named_tuple._asdict().items()
        if isinstance(value, np.ndarray)
    }


def restore_fields(prefix, named_tuple, state):
    """Fill the arrays of a named tuple, from their beginning, with what `state` has of them."""
    for name, array in named_tuple._asdict().items():
        saved = state.get(f"{prefix}.{name}")
        if saved is not None:
            array[tuple(slice(size) for size in saved.shape)] = saved
