"""Many runs, in threads here or on the machines of a Dask cluster; and a run that goes on."""

import contextlib
import functools
import os
import re
import uuid
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from .. import checks, samplers
from ..partition import EnergyPartition
from ..samplers.checkpoint import Checkpoint
from ..scheme import ContourScheme
from ..targets import Target, rebuild
from ..tasks import Outcome, each, in_threads, processors, stopping

__all__ = [
    "Outcome",
    "each",
    "in_threads",
    "processors",
    "replicate",
    "resume",
    "stopping",
]


def __dir__():
    return __all__


def replicate(sampler, seeds, *, workers=None, client=None, progress=False, **settings):
    """Run `sampler(**settings, seed=seed)` for every seed.

    Parameters
    ----------
    sampler : callable
        One of the samplers.
    seeds : iterable of int
    workers : int or None
        Threads at a time; None is one for each processor. The runs do not depend on it.
    client : dask.distributed.Client or None
        A cluster on which every run is a task, instead of threads here. The runs are the same.
    progress : bool
        Show a bar with the number of runs done, and the time left.
    **settings
        Passed to every call. A `checkpoint` is a path that contains "{seed}", so that every run has
        its own.

    Returns
    -------
    list of Run
        In the order of the seeds. After Ctrl-C those that finished and, of threads, what the others
        had drawn, marked as partial, with a warning.

    Raises
    ------
    ValueError
        If an argument is outside what is listed here.
    Exception
        If runs fail, after all others have ended: the exception of the first of their seeds, whose
        attribute `finished` is a dict seed -> Run of what did not fail.
    """
    checks.function("sampler", sampler)
    seeds = check_seeds(seeds)
    calls = [{"seed": seed} for seed in seeds]
    paths = checkpoints([settings.pop("checkpoint", None)] * len(seeds), calls)
    calls = [{**call, **path} for call, path in zip(calls, paths, strict=True)]
    outcome = each(
        functools.partial(_replica, sampler, {"workers": 1, **settings}, attempts_of(client)),
        calls,
        workers=workers,
        client=client,
        progress=progress,
    )
    runs = list(outcome.results.values())
    for failure in outcome.failures.values():
        failure.finished = {seeds[n]: run for n, run in outcome.results.items()}
        failure.add_note(
            f"{len(outcome.failures)} of {len(seeds)} runs failed; the {len(runs)} others are in "
            "the attribute `finished` of this exception"
        )
        raise failure
    if outcome.interrupted:
        if not runs:
            raise KeyboardInterrupt
        partial = sum(run.partial for run in runs)
        checks.warn(
            f"interrupted: {len(runs) - partial} of {len(seeds)} runs are complete, "
            f"{partial} are partial"
        )
    return runs


def _replica(sampler, settings, attempts, call):
    return sample(sampler, {**settings, **call}, attempts)


def attempts_of(client):
    """A name for all attempts at the calls that follow, where there may be several at one."""
    return None if client is None else uuid.uuid4().hex


def sample(sampler, settings, attempts):
    """`sampler(**settings)`; if a worker died over it, on from where its checkpoint stands."""
    path = settings.get("checkpoint")
    if path is None or attempts is None:
        return sampler(**settings)
    begun = path.with_name(f".{path.name}-{attempts}")
    try:
        if begun.exists() and path.exists():
            return resume(path, target=settings["target"], workers=1)
        begun.touch()
        return sampler(**settings)
    finally:
        begun.unlink(missing_ok=True)


def check_seeds(seeds):
    """The seeds as a list of int >= 0, or ValueError."""
    allowed = "whole numbers >= 0"
    if isinstance(seeds, (str, bytes)):
        raise checks.refused("seeds", seeds, allowed)
    with contextlib.suppress(TypeError):  # what has no length is counted by its end
        checks.memory(100 * len(seeds), seeds=seeds)
    seeds = checks.several("seeds", seeds, allowed)
    return [checks.integer("seeds", seed, least=0) for seed in seeds]


def check_methods(methods):
    """`methods` if it is a mapping of name -> (sampler, settings), or ValueError."""
    try:
        fine = all(callable(s) and isinstance(kw, Mapping) for s, kw in methods.values())
    except (AttributeError, TypeError, ValueError):
        fine = False
    if not fine:
        raise ValueError(f"methods must map names to (sampler, settings), got {methods!r}")
    return methods


def checkpoints(templates, labels):
    """The setting `checkpoint` of each run, a file of its own.

    Parameters
    ----------
    templates : list of (str or Path or None)
        Paths in which a label's value, made fit for a file name, takes the place of its "{name}".
    labels : list of dict of name -> value

    Returns
    -------
    list of dict
        {"checkpoint": Path}, or {} where there is no template.

    Raises
    ------
    ValueError
        If a template lacks "{seed}" or two runs would share a file.
    """
    own, taken = [], set()
    for template, label in zip(templates, labels, strict=True):
        if template is None:
            own.append({})
            continue
        path = str(checks.path("checkpoint", template))
        for name, value in label.items():
            path = path.replace(f"{{{name}}}", re.sub(r"[^\w.+-]+", "_", str(value)))
        if "{seed}" not in os.fspath(template) or path in taken:
            raise ValueError(
                'checkpoint must contain "{seed}" and be another file for each run, '
                f"got {os.fspath(template)!r}, which is {path!r} for {label}"
            )
        taken.add(path)
        own.append({"checkpoint": Path(path)})
    return own


# --- going on from a checkpoint -------------------------------------------------------------------

SAMPLERS = {
    name: getattr(samplers, name)
    for name in (
        "sgld",
        "cyclical_sgld",
        "replica_exchange_sgld",
        "contour_sgld",
        "interacting_contour_sgld",
    )
}


def resume(path, *, target=None, workers=None, progress=False):
    """Go on with the run that wrote the checkpoint at `path`, to the same bits as without a break.

    The file goes on being written. A finished run is returned as it was.

    Parameters
    ----------
    path : path
        What the sampler got as `checkpoint`.
    target : Target or None
        The target of that run; None rebuilds one of the catalogue. A function of your own is not
        in the file.
    workers, progress
        As in every sampler.

    Returns
    -------
    Run

    Raises
    ------
    ValueError
        If the file is no checkpoint of this version, or the target is not that of the run.
    """
    if target is not None:
        checks.instance("target", target, Target)
    if workers is not None:
        checks.integer("workers", workers, least=1)
    checks.flag("progress", progress)
    checkpoint = Checkpoint.load(path)
    with checkpoint.blamed():
        call = checkpoint.arguments
        sampler = SAMPLERS[checks.choice("sampler", call["sampler"], SAMPLERS)]
        steps, name = call["steps"], checks.instance("target", call["target"], dict)["name"]
        settings = dict(call["settings"])
        if "partition" in settings:
            settings["partition"] = EnergyPartition(**settings["partition"])
            settings["scheme"] = ContourScheme.from_settings(settings["scheme"])
        checkpoint.pilot = pilot = settings.pop("pilot", None)
        if pilot is not None and "flight" in pilot:  # its name in older files
            pilot["number"] = pilot.pop("flight")
        settings["checkpoint_interval"] = call["interval"]
        recipe = call["recipe"]
        rebuilt = None if recipe is None else rebuild(recipe)
    target = rebuilt if target is None else target
    if target is None:
        raise ValueError(f"target must be given: {name!r} is not of the catalogue, got None")
    _check_target(target, checkpoint)
    try:
        return sampler(
            target, steps, **settings, workers=workers, progress=progress, checkpoint=checkpoint
        )
    except (KeyError, TypeError, ValueError):
        if checkpoint.begun:
            raise
        with checkpoint.blamed():
            raise


def _check_target(target, checkpoint):
    """Raise unless the target is the one of the run: by description, energies and gradients."""
    stored = checkpoint.arguments["target"]
    if target.description() != stored:
        raise ValueError(f"target must be that of the run, {stored}, got {target.description()}")
    state = checkpoint.states[0]
    with checkpoint.blamed():
        begun = target.exact and state["counters"][0] >= 0
        energies, gradients = state["walkers.exact_energy"], state["walkers.gradient"]
        positions = checks.array("position", state["walkers.position"], (None, target.dim))
    if begun and not np.array_equal(found := target.energies(positions), energies):
        raise ValueError(
            f"target must be that of the run: where it stopped the energies were "
            f"{energies.tolist()}, got {found.tolist()}"
        )
    if begun and not np.array_equal(found := target.gradients(positions), gradients):
        raise ValueError(
            f"target must be that of the run: where it stopped the gradients were "
            f"{gradients.tolist()}, got {found.tolist()}"
        )
