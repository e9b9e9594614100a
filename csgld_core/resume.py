"""Go on from a checkpoint."""

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
    checkpoint = Checkpoint.load(path)
    call = checkpoint.arguments
    sampler = SAMPLERS[checks.choice("sampler of the checkpoint", call["sampler"], SAMPLERS)]
    if target is None:
        if call["recipe"] is None:
            name = call["target"]["name"]
            raise ValueError(f"target must be given: {name!r} is not of the catalogue, got None")
        target = rebuild(call["recipe"])
    _check_target(target, checkpoint)
    settings = dict(call["settings"])
    if "partition" in settings:
        settings["partition"] = EnergyPartition(**settings["partition"])
        settings["scheme"] = ContourScheme(**settings["scheme"])
    checkpoint.pilot = settings.pop("pilot", None)
    return sampler(
        target,
        call["steps"],
        **settings,
        workers=workers,
        progress=progress,
        checkpoint=checkpoint,
        checkpoint_interval=call["interval"],
    )


def _check_target(target, checkpoint):
    """Raise unless the target is the one of the run: by its description and its energies."""
    if not isinstance(target, Target):
        raise ValueError(f"target must be a csgld_core.Target or None, got {target!r}")
    stored = checkpoint.arguments["target"]
    if target.description() != stored:
        raise ValueError(f"target must be that of the run, {stored}, got {target.description()}")
    state = checkpoint.states[0]
    if target.exact and state["counters"][0] >= 0:
        found = target.energies(state["walkers.position"])
        if not (found == state["walkers.exact_energy"]).all():
            raise ValueError(
                f"target must be that of the run: where it stopped the energies were "
                f"{state['walkers.exact_energy'].tolist()}, got {found.tolist()}"
            )
