"""The keywords that every sampler takes, validated in one place."""

from dataclasses import dataclass, replace

import numpy as np

from . import checks, provenance
from .checkpoint import as_checkpoint
from .integrators import INTEGRATORS, WALLS
from .target import Target

CHAIN_BYTES = 10_000  # of the Python objects of one


@dataclass(frozen=True, kw_only=True)
class Common:
    """temperature : float
        tau of the target exp(-U / tau), in units of energy.
    chains : int
        Independent chains, each with its own random numbers and its own energy PDF.
    thin : int
        Keep one draw every `thin` steps, after the move.
    burn_in : int
        Steps before the first draw may be kept; they count as steps.
    start : array (dim,) or (chains, dim) or None
        None draws it from the box, or from N(0, I) where there is none.
    walls : {"reflect", "reject"}
        What the box does to a move that leaves it: mirror it, or stay.
    integrator : {"euler", "leimkuhler_matthews", "baoab", "mala"}
        See `csgld_core.integrators`. "mala" needs exact energies; walls reject its moves.
    friction : float or "auto"
        gamma of "baoab" (1 / time). "auto" is 4, or, where a pilot chooses the step size h, what
        `csgld_core.pilot` says, so that units do not matter.
    seed : int or None
        Same seed, same bits, whatever `workers`, `thin` and `progress`. None draws a seed and
        records it.
    workers : int or None
        Threads for the chains; None is one for each processor.
    progress : bool
        Show a progress bar.
    checkpoint : path or None
        A new file that keeps the state of the run; `resume` goes on from there to the same bits.
    checkpoint_interval : float
        Seconds between two writings of it.
    """

    temperature: float = 1.0
    chains: int = 1
    thin: int = 1
    burn_in: int = 0
    start: object = None
    walls: str = "reflect"
    integrator: str = "euler"
    friction: object = "auto"
    seed: object = None
    workers: object = None
    progress: bool = False
    checkpoint: object = None
    checkpoint_interval: float = 60.0


def check_common(target, steps, keywords):
    """Validate target, steps and the common keywords.

    Returns
    -------
    steps : int
    common : Common
        With an integer seed and `start` as None or an array (chains, dim).

    Raises
    ------
    ValueError
    MemoryError
        If the draws would fill this machine.
    """
    checks.instance("target", target, Target)
    steps = checks.integer("steps", steps, least=1, most=10**15)
    common = Common(**keywords)
    burn_in = checks.integer("burn_in", common.burn_in, least=0, most=steps - 1)
    chains = checks.integer("chains", common.chains, least=1)
    if common.workers is not None:
        checks.integer("workers", common.workers, least=1)
    checks.flag("progress", common.progress)
    thin = checks.integer("thin", common.thin, least=1, most=steps - burn_in)
    kept = (steps - burn_in) // thin
    # Draws, once more when chains are joined, and what a chain needs besides.
    size = 8 * (2 * kept * (target.dim + 4) + 10 * target.dim) + CHAIN_BYTES
    checks.memory(chains * size, steps=steps, thin=thin, chains=chains)
    checks.choice("walls", common.walls, WALLS)
    checks.choice("integrator", common.integrator, INTEGRATORS)
    if common.integrator == "mala" and not target.exact:
        raise ValueError(
            f"integrator must not be 'mala' on {target.name!r}: it needs exact energies"
        )
    return steps, replace(
        common,
        temperature=checks.number("temperature", common.temperature, above=0.0),
        chains=chains,
        thin=thin,
        burn_in=burn_in,
        start=None if common.start is None else _check_start(common.start, chains, target),
        friction=_check_friction(common.friction),
        seed=provenance.seed(common.seed),
        checkpoint=as_checkpoint(common.checkpoint),
        checkpoint_interval=checks.number(
            "checkpoint_interval", common.checkpoint_interval, least=0.0
        ),
    )


def _check_friction(friction):
    if isinstance(friction, str) and friction == "auto":
        return friction
    return checks.number("friction", friction, above=0.0)


def _check_start(start, chains, target):
    dim = target.dim
    allowed = f"None or finite numbers of shape ({dim},) or ({chains}, {dim})"
    shape = (dim,) if checks.axes(start) == 1 else (chains, dim)
    start = checks.array("start", start, shape, allowed=allowed)
    start = np.array(np.broadcast_to(start, (chains, dim)))
    inside = target.contains(start)
    if not inside.all():
        raise ValueError(
            f"start must lie inside the box {target.box.tolist()} of {target.name!r}, "
            f"got {start[~inside][0].tolist()}"
        )
    return start
