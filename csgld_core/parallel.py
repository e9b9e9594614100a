"""Many seeds, or the chains of one run, in threads: the compiled loops release the GIL."""

import os
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

from . import checks


def in_threads(tasks, workers=None, stop=lambda: None):
    """Call every task of the list `tasks`, `workers` at a time; results in the order of the tasks.

    Parameters
    ----------
    tasks : list of callables without arguments
    workers : int or None
        None takes one thread for each processor.
    stop : callable
        Called once if a task fails or the user interrupts, to ask the others to end early.

    Raises
    ------
    BaseException
        The first one that a task raised.
    """
    if workers is None:
        workers = os.cpu_count() or 1
    workers = min(checks.integer("workers", workers, least=1), len(tasks))
    if workers <= 1:
        return [task() for task in tasks]
    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(task) for task in tasks]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
            failed = [f for f in futures if f.done() and f.exception() is not None]
            if failed:
                raise failed[0].exception()
        except BaseException:
            stop()
            for future in futures:
                future.cancel()
            raise
    return [future.result() for future in futures]


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
    list of Run, in the order of the seeds
    """
    settings = {"workers": 1, **settings}
    tasks = [lambda seed=seed: sampler(**settings, seed=seed) for seed in seeds]
    return in_threads(tasks, workers) if tasks else []
