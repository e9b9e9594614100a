"""The state of a run in a file, written now and then, so that a killed process can go on from it.

Every chain hands in its state between two chunks of steps; whoever finds the file due writes the
latest states of all chains. Draws once made do not change, so only the moving state is copied.
"""

import contextlib
import threading
import time

import numpy as np

from .. import checks, files

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
        self.path, self.arguments, self.states = checks.path("path", path), arguments, list(states)
        self.lock = threading.Lock()
        self.interval, self.due, self.failed, self.pilot = 0.0, 0.0, False, None
        self.begun = False

    @classmethod
    def load(cls, path):
        """Read a file that a run wrote.

        Raises
        ------
        ValueError
            If it is no checkpoint of this version.
        """
        arguments, arrays = files.load_arrays(path, FORMAT, "a sampler with checkpoint=path")
        states = {}
        for name, value in arrays.items():
            chain, _, field = name.partition("/")
            states.setdefault(chain, {})[field] = value
        found = cls(path, arguments)
        with found.blamed():
            count = checks.integer("states", arguments.pop("states"), least=1, most=len(states))
            found.states = [states[str(chain)] for chain in range(count)]
        return found

    @contextlib.contextmanager
    def blamed(self):
        """Whatever fails in here is a fault of the file."""
        try:
            yield
        except Exception as e:
            raise ValueError(
                f"path must be a file written by a sampler with checkpoint=path, got "
                f"{str(self.path)!r}, which is damaged ({type(e).__name__}: {e})"
            ) from e

    def begin(self, arguments, chains, interval):
        """Restore the chains if there are states of theirs, and write the file a first time."""
        if self.states:
            with self.blamed():
                for chain, state in zip(chains, self.states, strict=True):
                    chain.restore(state)
        self.arguments, self.states = arguments, [chain.saved_state() for chain in chains]
        self.interval, self.begun = interval, True
        self.write()

    def keep(self, n, chain, *, last=False):
        """Take the state of chain number n if the file is nearly due, and write the file if due."""
        if not last and time.monotonic() < self.due - LEAD:
            return
        self.states[n] = chain.saved_state()
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
    if checks.path("checkpoint", value).exists():
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
    """Fill the arrays of a named tuple with what `state` has of them."""
    for name, array in named_tuple._asdict().items():
        if isinstance(array, np.ndarray):
            restore_array(f"{prefix}.{name}", array, state)


def restore_array(name, array, state):
    """Fill an array with what `state` has under this name."""
    saved = state[name]
    if saved.shape != array.shape or saved.dtype != array.dtype:
        raise ValueError(f"{name} has shape {saved.shape} of {saved.dtype}, not {array.shape}")
    array[...] = saved
