"""What unit tests share: the same examples every time, a finger on Ctrl-C, and a clock."""

import contextlib
import signal
import threading
import time

import pytest
from hypothesis import settings

from csgld_core.samplers import chain

# The same examples on every machine and in every run; compiling is slow the first time.
settings.register_profile("unit", deadline=None, derandomize=True, database=None)
settings.load_profile("unit")

PATIENCE = 600  # seconds; nothing takes as long unless it is broken


@contextlib.contextmanager
def _pressed_when(condition):
    main = threading.main_thread()
    if threading.current_thread() is not main:
        pytest.skip("signals reach the main thread only")
    over, until = threading.Event(), time.monotonic() + PATIENCE

    def press():
        while not condition() and time.monotonic() < until:
            if over.wait(0.01):
                return
        signal.pthread_kill(main.ident, signal.SIGINT)

    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    finger = threading.Thread(target=press)
    finger.start()
    try:
        yield
    finally:
        over.set()
        finger.join()
        signal.signal(signal.SIGINT, previous)


@pytest.fixture
def ctrl_c():
    """ctrl_c(condition): a context in which Ctrl-C is pressed as soon as `condition()` holds."""
    return _pressed_when


class _Clock(threading.local):
    """Every look at it is a second after the last one of the same thread."""

    now = 0.0

    def perf_counter(self):
        self.now += 1.0
        return self.now


@pytest.fixture
def growing_chunks(monkeypatch):
    """growing_chunks(): a context in which chains advance by 1, 2, 4, ... steps on any machine."""

    @contextlib.contextmanager
    def patched():
        with monkeypatch.context() as patch:
            patch.setattr(chain, "time", _Clock())
            patch.setattr(chain, "CHUNK_SECONDS", 2.0)
            yield

    return patched
