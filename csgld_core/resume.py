"""Go on from a checkpoint."""

import numpy as np

from . import checks, samplers
from .checkpoint import Checkpoint
from .energy_pdf import ContourScheme
from .partition import EnergyPartition
from .target import Target, rebuild

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
            settings["scheme"] = ContourScheme(**settings["scheme"])
        checkpoint.pilot = settings.pop("pilot", None)
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
