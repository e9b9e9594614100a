"""What all samplers share: their keywords, and running chains into a Run.

A sampler validates its arguments and describes a `Job`; `run_job` prepares the chains, advances
them and gathers their draws.
"""

import functools
import inspect
import re
from dataclasses import asdict, dataclass, replace

import numpy as np

from .. import checks, files
from ..kernels.energy_pdf import Contour
from ..kernels.integrators import INTEGRATORS, NO_WALLS, REJECT, WALLS, Dynamics
from ..kernels.loop import CONTOUR, DRAWN, Plan, Strategy
from ..partition import EnergyPartition
from ..results.run import Run
from ..scheme import ContourScheme, contour_of
from ..targets import Target
from .chain import Chain, advance_chains
from .checkpoint import as_checkpoint

CHAIN_BYTES = 10_000  # of memory that a chain takes besides its arrays
REJECTED_WARNING = 0.5
FRICTION = 4.0  # 1 / time
# The loop wants a contour from every sampler; without contours it does not look at it.
NO_CONTOUR = contour_of(EnergyPartition(0.0, 1.0, 2), ContourScheme(), 0.0, 1.0)


# --- keywords -------------------------------------------------------------------------------------


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
        See `csgld_core.kernels.integrators`. "mala" needs exact energies; walls reject its moves.
    friction : float or "auto"
        gamma of "baoab" (1 / time). "auto" is 4, or, where a pilot chooses the step size h, what
        `csgld_core.samplers.pilot` says, so that units do not matter.
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
        seed=files.seed(common.seed),
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


def takes(keywords):
    """Decorator: show the fields of a dataclass in the signature and the docstring of a function.

    The function has them as `**common`; its own parameters of the same name come first.
    """

    def decorate(function):
        @functools.wraps(function)
        def checked(*args, **kwargs):
            checks.keywords(function.__name__, kwargs, list(signature.parameters), len(args))
            bound = signature.bind(*args, **kwargs)
            return function(*bound.args, **bound.kwargs)

        own = inspect.signature(function)
        named = [p for p in own.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
        common = inspect.signature(keywords).parameters.values()
        common = [p for p in common if p.name not in own.parameters]
        signature = own.replace(parameters=[*named, *common])
        checked.__signature__ = signature
        entries = re.split(r"\n(?=\w)", inspect.getdoc(keywords))
        shown = [entry for entry in entries if entry.split(" : ")[0] not in own.parameters]
        checked.__doc__ = inspect.getdoc(function).replace("**common\n", "\n".join(shown) + "\n")
        return checked

    return decorate


sampler = takes(Common)


# --- running --------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a sampler asks for, validated.

    Each chain has one walker for each temperature and keeps the first; or, `shared`, one chain has
    all the walkers and keeps them all.
    """

    sampler: str
    target: Target
    steps: int
    common: Common
    own: dict  # this sampler's own settings, JSON-ready
    strategy: Strategy
    step_sizes: list  # of each walker
    temperatures: list  # of each walker
    contour: Contour = NO_CONTOUR
    theta: np.ndarray | None = None  # (bins,) energy PDF at the start
    shared: bool = False

    @property
    def kept(self):
        """Walkers of a chain whose draws are kept, the first ones."""
        return len(self.temperatures) if self.shared else 1

    @property
    def plan(self):
        """What stays as it is during the run, for the loop."""
        common, target = self.common, self.target
        walls = NO_WALLS if target.box is None else WALLS[common.walls]
        if common.integrator == "mala" and walls != NO_WALLS:
            walls = REJECT  # there is no density outside
        box = np.zeros((2, target.dim)) if target.box is None else target.box
        friction = FRICTION if common.friction == "auto" else common.friction
        dynamics = Dynamics(INTEGRATORS[common.integrator], friction, walls, box)
        return Plan(dynamics, self.strategy, self.contour)

    @property
    def settings(self):
        """All that the call has set, JSON-ready."""
        common = replace(self.common, checkpoint=None, friction=self.plan.dynamics.friction)
        settings = {**self.own, **asdict(common)}
        for changes_nothing in ("workers", "progress", "checkpoint", "checkpoint_interval"):
            del settings[changes_nothing]
        if settings["start"] is not None:
            settings["start"] = common.start.tolist()
        return settings


def run_job(job):
    """Run the chains and gather their draws in a Run."""
    chains = _prepare(job)
    partial = advance_chains(chains, job.steps, job.common)
    return _gather(job, chains, partial)


def _prepare(job):
    """The chains, each with its own random numbers; a checkpoint is begun, or restored."""
    common, kept = job.common, job.kept
    seeds = np.random.SeedSequence(common.seed).spawn(common.chains // kept)
    starts = [None] * len(seeds)
    if common.start is not None:
        starts = common.start.reshape(len(seeds), kept, job.target.dim)
    plan = job.plan
    chains = [Chain(job, plan, seed, start) for seed, start in zip(seeds, starts, strict=True)]
    if common.checkpoint is not None:
        call = {"recipe": job.target.recipe, "settings": job.settings}
        arguments = files.recorded({**_call(job), **call})
        common.checkpoint.begin(arguments, chains, common.checkpoint_interval)
    return chains


def _call(job):
    return {"sampler": job.sampler, "target": job.target.description(), "steps": job.steps}


def _gather(job, chains, partial):
    """The Run of chains that have been advanced; `partial` if the user stopped them."""
    if partial:
        # Chains stand at different places: the length that keeps most draws.
        counts = [chain.count("drawn") for chain in chains]
        most = max(counts, key=lambda length: length * sum(c >= length for c in counts))
        chains = [chain for chain, count in zip(chains, counts, strict=True) if count >= most]
    n = min(chain.count("drawn") for chain in chains)
    walkers = len(job.temperatures)
    settings = {
        **_call(job),
        "completed_steps": min(chain.count("step") for chain in chains),
        "gradients_per_step": walkers * len(chains),
        **job.settings,
        "start": None,
    }
    starts = np.concatenate([chain.start for chain in chains]).tolist()
    rejected, moves = (sum(chain.count(name) for chain in chains) for name in ("rejected", "step"))
    if rejected > REJECTED_WARNING * moves * walkers:
        share = rejected / (moves * walkers)
        checks.warn(f"{share:.1%} of the moves were rejected: take a smaller step_size")
    results = {
        kind: np.concatenate([chain.drawn(kind)[:, :n] for chain in chains])
        for kind in ("positions", *DRAWN)
    }
    if job.target.estimate is not None:  # nobody computed exact ones
        results["exact_energies"] = None
    if job.strategy.kind == CONTOUR:
        results.update(_gather_theta(chains, job.kept))
    return Run(
        settings={**files.recorded(settings), "start": starts},  # large: not by way of JSON
        gradient_evaluations=sum(chain.gradients for chain in chains),
        steps=chains[0].drawn("steps")[:n].copy(),
        clamped=sum(chain.count("clamped") for chain in chains),
        rejected=rejected,
        swaps=sum(chain.count("swapped") for chain in chains),
        partial=partial,
        **results,
    )


def _gather_theta(chains, kept):
    """What the chains learned; those that share theta tell it once for each walker."""
    shots = min(chain.count("snapshots") for chain in chains)
    histories = [chain.draws.snapshots[:shots] for chain in chains for _ in range(kept)]
    return {
        "energy_pdfs": np.array([chain.energy_pdf for chain in chains for _ in range(kept)]),
        "energy_pdf_histories": np.array(histories),
        "history_steps": chains[0].draws.snapshot_steps[:shots],
        "lowest_positions": np.concatenate([c.walkers.lowest_position for c in chains]),
    }
