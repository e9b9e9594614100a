"""Many runs, or the chains of one: in threads here, or as tasks on the machines of a Dask cluster.

The compiled loops release the GIL, so threads are enough on one machine.
"""

import contextlib
import contextvars
import functools
import os
import platform
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor, wait
from typing import NamedTuple

from . import checks, files

LISTEN_SECONDS = 0.1  # at most between Ctrl-C and its being heard
# The events that ask a task to end early: of the call it belongs to, and of all calls around that.
_STOPS = contextvars.ContextVar("stops", default=())
# On other machines these must be the same, or the bits may differ.
_VERSIONS = {**files.versions(), "python": ".".join(platform.python_version_tuple()[:2])}
# What tasks share is sent with each, so that nothing has to be looked up; above this size (bytes)
# once to each worker.
_SENT_ONCE = 1_000_000


def stopping():
    """Whether the user, or a failure of another chain, asks this task to end early."""
    return any(event.is_set() for event in _STOPS.get())


class Outcome(NamedTuple):
    """What became of many calls."""

    results: dict  # number of the call -> what it returned, in the order of the calls
    failures: dict  # number of the call -> the exception it raised, likewise
    interrupted: bool  # by Ctrl-C: calls may be missing, or have ended early


def each(function, arguments, *, workers=None, client=None, progress=False):
    """Call `function(argument)` for every argument; a failure leaves the other calls alone.

    Parameters
    ----------
    function : callable
        Long ones should look at `stopping()`.
    arguments : iterable
    workers : int or None
        Threads at a time; None takes one for each processor.
    client : dask.distributed.Client or None
        Where to send the calls instead. What a killed worker was doing is done again.
    progress : bool
        Show a bar with the number of calls done, and the time left.

    Returns
    -------
    Outcome
        After Ctrl-C with what was done so far. Threads end early, see `stopping`, and what they
        then return is kept; calls on a cluster are cancelled.

    Raises
    ------
    ValueError
        If `workers` is no whole number >= 1, or `client` no connected Client, or both are given.
    """
    checks.function("function", function)
    arguments = checks.several("arguments", arguments)
    checks.flag("progress", progress)
    if client is not None:
        _check_client(client, workers)
    elif workers is not None:
        workers = checks.integer("workers", workers, least=1)
    results, failures, lock = {}, {}, threading.Lock()
    stop = threading.Event()
    stops = (*_STOPS.get(), stop)

    with progress_bar(len(arguments), "run") if progress else contextlib.nullcontext() as bar:

        def done(kind, n, value):
            kind[n] = value
            if bar is not None:
                with lock:
                    bar.update()

        def call(n):
            token = _STOPS.set(stops)
            try:
                if not stopping():
                    done(results, n, function(arguments[n]))
            except KeyboardInterrupt:
                interrupt()
            except BaseException as failure:
                done(failures, n, failure)
            finally:
                _STOPS.reset(token)

        def interrupt():
            for event in stops:
                event.set()

        try:
            if client is not None:
                _on_cluster(
                    client,
                    function,
                    arguments,
                    functools.partial(done, results),
                    functools.partial(done, failures),
                )
            else:
                _in_threads(call, len(arguments), workers or processors(), interrupt)
        except KeyboardInterrupt:
            interrupt()
    interrupted = any(event.is_set() for event in stops)
    return Outcome(dict(sorted(results.items())), dict(sorted(failures.items())), interrupted)


def processors():
    """How many threads run at a time where none are asked for: $CSGLD_WORKERS, or all there are.

    Raises
    ------
    ValueError
        If $CSGLD_WORKERS is not a whole number above 0.
    """
    wanted = os.environ.get("CSGLD_WORKERS") or os.cpu_count() or 1
    if not str(wanted).isdecimal() or int(wanted) < 1:
        raise checks.refused("CSGLD_WORKERS", wanted, "a whole number above 0")
    return int(wanted)


def progress_bar(total, unit, done=0):
    """A bar with what is done, and the time left."""
    from tqdm.auto import tqdm  # which takes its time to look for a notebook

    return tqdm(total=total, initial=done, unit=unit, unit_scale=unit == "step")


def _in_threads(call, count, workers, interrupt):
    # Ctrl-C reaches the main thread only, and must find Python waiting there: where numba calls a
    # plain Python callback it can be lost. So the main thread never computes.
    if min(workers, count) <= 1 and threading.current_thread() is not threading.main_thread():
        for n in range(count):
            call(n)
        return
    with ThreadPoolExecutor(workers) as pool:
        try:
            futures = [pool.submit(call, n) for n in range(count)]
            # Awake now and then: a signal that another thread received does not end a wait.
            while wait(futures, timeout=LISTEN_SECONDS).not_done:
                pass
        except KeyboardInterrupt:
            interrupt()  # the pool waits for its tasks before it lets this out
            raise


def in_threads(tasks, workers=None):
    """Call every task, `workers` at a time; one that fails asks the others to end.

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
    tasks = [checks.function("tasks", t, "functions") for t in checks.several("tasks", tasks)]
    stop = threading.Event()

    def call(task):
        try:
            return task()
        except Exception:
            stop.set()
            raise

    token = _STOPS.set((*_STOPS.get(), stop))
    try:
        outcome = each(call, tasks, workers=workers)
    finally:
        _STOPS.reset(token)
    for failure in outcome.failures.values():
        raise failure
    return [outcome.results.get(n) for n in range(len(tasks))], outcome.interrupted


# --- a Dask cluster -------------------------------------------------------------------------------


def _check_client(client, workers):
    try:
        from distributed import Client
    except ImportError as error:
        raise ImportError('client needs Dask: pip install "csgld_core[cluster]"') from error
    if not isinstance(client, Client) or client.asynchronous or client.status != "running":
        raise ValueError(
            f"client must be None or a connected dask.distributed.Client, got {client!r}"
        )
    if workers is not None:
        raise ValueError(f"workers must be None together with a client, got {workers!r}")


def _on_cluster(client, function, arguments, succeeded, failed):
    """Make each call a task of its own, and hear of each as it ends."""
    import cloudpickle
    import dask
    from distributed import as_completed

    try:
        packed = cloudpickle.dumps((_VERSIONS, function))
    except Exception as error:  # in many ways
        raise ValueError(
            f"client must be None, or all that the runs use fit to be pickled; {error}"
        ) from error
    name = f"csgld-{uuid.uuid4().hex}"  # unique: Dask must take no call for another
    if len(packed) > _SENT_ONCE:
        # A task, since unlike scattered data it is made again if its workers are lost. The graph is
        # large on purpose.
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 PB"}):
            packed = client.submit(_same, packed, key=f"{name}-shared")
        client.replicate([packed])
    futures = client.map(
        _remote,
        [packed] * len(arguments),
        arguments,
        key=[(name, n) for n in range(len(arguments))],
        pure=False,
    )
    waiting = {future.key: (n, future) for n, future in enumerate(futures)}
    del futures  # workers forget a result once nobody here holds its future
    try:
        for future, result in as_completed(
            [future for _, future in waiting.values()], with_results=True, raise_errors=False
        ):
            n, _ = waiting[future.key]
            if future.status == "finished":
                succeeded(n, result)
            elif future.status == "error":
                failed(n, result[1].with_traceback(result[2]))
            else:
                failed(n, RuntimeError(f"the cluster gave up this call: {result!r}"))
            del waiting[future.key]  # not before: Ctrl-C may come between any two lines
    except KeyboardInterrupt:
        for n, future in waiting.values():
            if future.status == "finished":
                succeeded(n, future.result())
        raise
    finally:
        if waiting:
            client.cancel([future for _, future in waiting.values()])


def _same(value):
    return value


def _remote(packed, argument):
    """One call, on a worker of the cluster."""
    from distributed import Reschedule

    token = _STOPS.set((_Dropped(),))
    try:
        result = _unpack(packed)(argument)
    except (KeyboardInterrupt, SystemExit) as failure:  # they would take the worker down
        if not stopping():
            raise RuntimeError(f"the call ended with {failure!r}") from None
    finally:
        dropped = stopping()
        _STOPS.reset(token)
    if dropped:
        raise Reschedule  # should anybody still want it, then from the beginning
    return result


class _Dropped(threading.Event):
    """Set once the cluster no longer wants the task that runs here."""

    def __init__(self):
        from distributed import get_worker

        super().__init__()
        worker = get_worker()
        self.tasks, self.key = worker.state.tasks, worker.get_current_task()

    def is_set(self):
        task = self.tasks.get(self.key)
        if task is None or task.state == "cancelled":
            self.set()
        return super().is_set()


_UNPACKING = threading.Lock()


def _unpack(packed):
    with _UNPACKING:
        return _unpack_once(packed)


@functools.lru_cache(maxsize=4)
def _unpack_once(packed):
    # Once in a process: targets are compiled once, and truths by quadrature are remembered.
    import cloudpickle

    versions, function = cloudpickle.loads(packed)
    if versions != _VERSIONS:
        raise RuntimeError(
            f"a worker on {platform.node()} has other versions than the client: {_VERSIONS}, "
            f"not {versions}"
        )
    return function
