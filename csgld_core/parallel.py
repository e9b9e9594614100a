"""Many seeds, or the chains of one run, in threads: the compiled loops release the GIL."""

import contextvars
import os
import threading
import warnings
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

from . import checks

# Set in every task, so that an interrupt reaches samplers inside of `replicate`.
_STOP = contextvars.ContextVar("stop", default=None)


def stopping():
    """Whether the user, or a failure of another task, asks this task to end early."""
    event = _STOP.get()
    return event is not None and event.is_set()


def in_threads(tasks, workers=None):
    """Call every task, `workers` at a time.

    Parameters
    ----------
    tasks : list of callables without arguments
        Long ones should look at `stopping()`.
    workers : int or None
        None takes one thread for each processor.

    Returns
    -------
    results : list
        In the order of the tasks; None for those that did not start or were interrupted.
    interrupted : bool

    Raises
    ------
    Exception
        The first one that a task raised.
    """
    workers = (
        os.cpu_count() or 1 if workers is None else checks.integer("workers", workers, least=1)
    )
    event = _STOP.get() or threading.Event()
    results = [None] * len(tasks)

    def call(n):
        token = _STOP.set(event)
        try:
            if not event.is_set():
                results[n] = tasks[n]()
        except BaseException:
            event.set()
            raise
        finally:
            _STOP.reset(token)

    try:
        if min(workers, len(tasks)) <= 1:
            for n in range(len(tasks)):
                call(n)
        else:
            with ThreadPoolExecutor(workers) as pool:
                futures = [pool.submit(call, n) for n in range(len(tasks))]
                try:
                    wait(futures, return_when=FIRST_EXCEPTION)
                except BaseException:
                    event.set()  # the pool waits for its tasks before it lets this out
                    raise
            failures = [f.exception() for f in futures if f.exception() is not None]
            # An interrupt may only be how another task ended when one failed.
            for failure in sorted(failures, key=lambda f: isinstance(f, KeyboardInterrupt)):
                raise failure
    except KeyboardInterrupt:
        event.set()
    return results, event.is_set()


def replicate(sampler, seeds, *, workers=None, **settings):
    """Run `sampler(**settings, seed=seed)` for every seed.

    Parameters
    ----------
    sampler : callable
        One of the samplers.
    seeds : iterable of int
    workers : int or None
        Threads at a time; None is one for each processor. The runs do not depend on it.
    **settings
        Passed to every call.

    Returns
    -------
    list of Run
        In the order of the seeds. After Ctrl-C those that finished, and what the others had drawn,
        marked as partial, with a warning.
    """
    settings = {"workers": 1, **settings}
    seeds = list(seeds)
    tasks = [lambda seed=seed: sampler(**settings, seed=seed) for seed in seeds]
    results, interrupted = in_threads(tasks, workers)
    runs = [run for run in results if run is not None]
    if interrupted:
        if not runs:
            raise KeyboardInterrupt
        warnings.warn(
            f"interrupted: {sum(not run.partial for run in runs)} of {len(seeds)} runs are "
            f"complete, {sum(run.partial for run in runs)} are partial",
            stacklevel=2,
        )
    return runs
