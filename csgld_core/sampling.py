"""What all samplers share: their keywords, and running chains into a Run."""

import functools
import inspect
import re
from dataclasses import asdict, replace

import numpy as np

from . import checks, loop, provenance
from .chain import DRAWN, Chain, run_chains
from .energy_pdf import ContourScheme, contour
from .integrators import INTEGRATORS, NO_WALLS, REJECT, WALLS, Dynamics
from .partition import EnergyPartition
from .run import Run
from .settings import Common

REJECTED_WARNING = 0.5
FRICTION = 4.0  # 1 / time
# Without contours the loop still wants a partition to look at.
_NO_CONTOUR = contour(EnergyPartition(0.0, 1.0, 2), ContourScheme(), 0.0, 1.0)


def sampler(function):
    """Show the common keywords in the signature and the docstring of a sampler."""

    @functools.wraps(function)
    def checked(*args, **kwargs):
        bound = signature.bind(*args, **kwargs)  # a wrong keyword names this function's own
        return function(*bound.args, **bound.kwargs)

    own = inspect.signature(function)
    named = [p for p in own.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    common = [
        p for p in inspect.signature(Common).parameters.values() if p.name not in own.parameters
    ]
    signature = own.replace(parameters=[*named, *common])
    checked.__signature__ = signature
    entries = re.split(r"\n(?=\w)", inspect.getdoc(Common))
    shown = [entry for entry in entries if entry.split(" : ")[0] not in own.parameters]
    checked.__doc__ = inspect.getdoc(function).replace("**common\n", "\n".join(shown) + "\n")
    return checked


def strategy_of(kind, target, **extra):
    """A Strategy, with neutral values for what other kinds use."""
    neutral = {
        "cycle": 1,
        "sampling_from": 0,
        "swap_rate": 0.0,
        "swap_variance": 0.0,
        "capped_swaps": True,
    }
    return loop.Strategy(kind=kind, noise=target.noise, **{**neutral, **extra})


def run_sampler(
    name,
    target,
    steps,
    common,
    own,
    strategy,
    step_sizes,
    temperatures,
    contour=_NO_CONTOUR,
    shared=False,
    theta=None,
):
    """Run the chains and gather them in a Run.

    Each chain has one walker for each temperature and keeps the first; or, `shared`, one chain has
    all the walkers and keeps them all. `theta` (bins,) is the energy PDF they start with.
    """
    if common.friction == "auto":
        common = replace(common, friction=FRICTION)
    walls = NO_WALLS if target.box is None else WALLS[common.walls]
    if common.integrator == "mala" and walls != NO_WALLS:
        walls = REJECT  # there is no density outside
    box = np.zeros((2, target.dim)) if target.box is None else target.box
    dynamics = Dynamics(INTEGRATORS[common.integrator], common.friction, walls, box)
    plan = loop.Plan(dynamics, strategy, contour)
    kept = len(temperatures) if shared else 1
    seeds = np.random.SeedSequence(common.seed).spawn(common.chains // kept)
    starts = [None] * len(seeds)
    if common.start is not None:
        starts = common.start.reshape(len(seeds), kept, target.dim)
    chains = [
        Chain(seed, target, steps, common, start, kept, step_sizes, temperatures, plan, theta)
        for seed, start in zip(seeds, starts, strict=True)
    ]
    settings = {**own, **asdict(replace(common, checkpoint=None))}
    for changes_nothing in ("workers", "progress", "checkpoint", "checkpoint_interval"):
        del settings[changes_nothing]
    if settings["start"] is not None:
        settings["start"] = common.start.tolist()
    call = {"sampler": name, "target": target.description(), "steps": steps}
    if common.checkpoint is not None:
        arguments = provenance.recorded({**call, "recipe": target.recipe, "settings": settings})
        common.checkpoint.begin(arguments, chains, common.checkpoint_interval)
    partial = run_chains(chains, steps, common)
    if partial:
        # Chains stand at different places: the length that keeps most draws.
        counts = [chain.counters[loop.DRAWN] for chain in chains]
        most = max(counts, key=lambda length: length * sum(c >= length for c in counts))
        chains = [chain for chain, count in zip(chains, counts, strict=True) if count >= most]
    counters = np.array([chain.counters for chain in chains])
    n = counters[:, loop.DRAWN].min()
    settings = {
        **call,
        "completed_steps": int(counters[:, loop.STEP].min()),
        "gradients_per_step": len(temperatures) * len(chains),
        **settings,
        "start": None,
    }
    starts = np.concatenate([chain.start for chain in chains]).tolist()
    _warn_of_rejections(counters[:, loop.REJECTED].sum() / _moves(counters, temperatures))
    results = {
        kind: np.concatenate([chain.drawn(kind)[:, :n] for chain in chains]) for kind in DRAWN
    }
    if target.estimate is not None:  # nobody computed exact ones
        results["exact_energies"] = None
    if strategy.kind == loop.CONTOUR:
        shots = counters[:, loop.SNAPSHOTS].min()
        results["energy_pdfs"] = np.array([c.energy_pdf for c in chains for _ in range(kept)])
        results["energy_pdf_histories"] = np.array(
            [c.draws.snapshots[:shots] for c in chains for _ in range(kept)]
        )
        results["lowest_positions"] = np.concatenate([c.walkers.lowest_position for c in chains])
        results["history_steps"] = chains[0].draws.snapshot_steps[:shots]
    return Run(
        settings={**provenance.recorded(settings), "start": starts},  # large: not by way of JSON
        gradient_evaluations=sum(chain.gradients for chain in chains),
        steps=chains[0].drawn("steps")[:n].copy(),
        clamped=int(counters[:, loop.CLAMPED].sum()),
        rejected=int(counters[:, loop.REJECTED].sum()),
        swaps=int(counters[:, loop.SWAPPED].sum()),
        partial=partial,
        **results,
    )


def _moves(counters, temperatures):
    return counters[:, loop.STEP].sum() * len(temperatures)


def _warn_of_rejections(share):
    if share > REJECTED_WARNING:
        checks.warn(f"{share:.1%} of the moves were rejected: take a smaller step_size")
