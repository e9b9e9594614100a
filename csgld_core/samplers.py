"""The samplers: sgld, cyclical_sgld, replica_exchange_sgld, contour_sgld.

Each validates its arguments and names a strategy for the one loop in `loop.py`.
"""

import functools
import inspect
import warnings
from dataclasses import asdict

import numpy as np

from . import checks, loop, provenance
from .chain import Chain, run_chains
from .energy_pdf import ContourScheme, contour, read
from .integrators import INTEGRATORS, NO_WALLS, WALLS, Dynamics
from .partition import EnergyPartition
from .run import Run
from .settings import Common, check_common

CLAMPED_WARNING = 0.01
REJECTED_WARNING = 0.5
# Without contours the loop still wants a partition to look at.
_NO_CONTOUR = contour(EnergyPartition(0.0, 1.0, 2), ContourScheme(), 0.0, 1.0)


def _sampler(function):
    """Show the common keywords in the signature and the docstring of a sampler."""

    @functools.wraps(function)
    def sampler(*args, **kwargs):
        bound = signature.bind(*args, **kwargs)  # a wrong keyword names this function's own
        return function(*bound.args, **bound.kwargs)

    own = inspect.signature(function)
    common = inspect.signature(Common).parameters.values()
    named = [p for p in own.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    signature = own.replace(parameters=[*named, *common])
    sampler.__signature__ = signature
    sampler.__doc__ = inspect.getdoc(function).replace("**common\n", inspect.getdoc(Common) + "\n")
    return sampler


def _strategy(kind, target, **extra):
    """A Strategy, with neutral values for what other kinds use."""
    neutral = {
        "cycle": 1,
        "sampling_from": 0,
        "swap_rate": 0.0,
        "swap_variance": 0.0,
        "capped_swaps": True,
    }
    return loop.Strategy(kind=kind, noise=target.noise, **{**neutral, **extra})


def _run(
    name,
    target,
    steps,
    common,
    own,
    strategy,
    step_sizes,
    temperatures,
    contour=_NO_CONTOUR,
):
    """Run the chains, each with one walker for each temperature, and gather them in a Run."""
    walls = NO_WALLS if target.box is None else WALLS[common.walls]
    box = np.zeros((2, target.dim)) if target.box is None else target.box
    dynamics = Dynamics(INTEGRATORS[common.integrator], common.friction, walls, box)
    plan = loop.Plan(dynamics, strategy, contour)
    seeds = np.random.SeedSequence(common.seed).spawn(common.chains)
    starts = [None] * common.chains if common.start is None else common.start
    chains = [
        Chain(seed, target, steps, common, start, step_sizes, temperatures, plan)
        for seed, start in zip(seeds, starts, strict=True)
    ]
    partial = run_chains(chains, steps, common)
    if partial:
        # Chains stand at different places: the length that keeps most draws.
        counts = [chain.counters[loop.DRAWN] for chain in chains]
        kept = max(counts, key=lambda length: length * sum(c >= length for c in counts))
        chains = [chain for chain, count in zip(chains, counts, strict=True) if count >= kept]
    counters = np.array([chain.counters for chain in chains])
    n = counters[:, loop.DRAWN].min()
    settings = {
        "sampler": name,
        "target": target.description(),
        "steps": steps,
        "completed_steps": int(counters[:, loop.STEP].min()),
        "gradients_per_step": len(temperatures) * len(chains),
        **own,
        **asdict(common),
        "start": [chain.start.tolist() for chain in chains],
    }
    del settings["workers"], settings["progress"]  # they change nothing that is kept
    moves = counters[:, loop.STEP].sum() * len(temperatures)
    _warn_of_rejections(counters[:, loop.REJECTED].sum() / moves)
    results = {
        kind: np.array([chain.drawn(kind)[:n] for chain in chains])
        for kind in ("positions", "energies", "exact_energies", "multipliers", "log_weights")
    }
    if strategy.kind == loop.CONTOUR:
        shots = counters[:, loop.SNAPSHOTS].min()
        results["energy_pdfs"] = np.array([chain.energy_pdf for chain in chains])
        results["energy_pdf_histories"] = np.array([c.draws.snapshots[:shots] for c in chains])
        results["history_steps"] = chains[0].draws.snapshot_steps[:shots]
    return Run(
        settings=provenance.recorded(settings),
        gradient_evaluations=int((counters[:, loop.STEP] + 1).sum()) * len(temperatures),
        steps=chains[0].drawn("steps")[:n].copy(),
        clamped=int(counters[:, loop.CLAMPED].sum()),
        swaps=int(counters[:, loop.SWAPPED].sum()),
        partial=partial,
        **results,
    )


def _warn_of_rejections(share):
    if share > REJECTED_WARNING:
        warnings.warn(
            f"{share:.1%} of the moves left the box and were rejected: take a smaller step_size",
            stacklevel=5,
        )


@_sampler
def sgld(target, steps, *, step_size, **common):
    """Stochastic gradient Langevin dynamics: x <- x - eps grad U + sqrt(2 tau eps) xi.

    Welling & Teh, ICML 2011.

    Parameters
    ----------
    target : Target
    steps : int
        Moves of each chain, one gradient each, and one at the start.
    step_size : float
        eps for "euler" and "leimkuhler_matthews", h for "baoab".
    **common

    Returns
    -------
    Run

    Raises
    ------
    ValueError
        If an argument is outside what is listed here.
    DivergenceError
        If a chain runs away.
    """
    steps, common = check_common(target, steps, common)
    step_size = checks.number("step_size", step_size, above=0.0)
    strategy = _strategy(loop.PLAIN, target)
    own = {"step_size": step_size}
    return _run("sgld", target, steps, common, own, strategy, [step_size], [common.temperature])


@_sampler
def cyclical_sgld(target, steps, *, peak_step_size, cycles=20, sampling_fraction=0.5, **common):
    """SGLD whose step size falls from its peak to 0 along a cosine, over and over.

    In a cycle of L steps, eps_k = peak / 2 (cos(pi k / L) + 1), k = 0 ... L - 1. Draws are kept
    from the last part of each cycle only. Zhang et al., ICLR 2020 (arXiv 1902.03932).

    Parameters
    ----------
    target : Target
    steps : int
        Moves of each chain, one gradient each, and one at the start.
    peak_step_size : float
        eps (h for "baoab") at the beginning of a cycle.
    cycles : int
        Number of cycles, at most `steps`; each has L = ceil(steps / cycles) steps, the last maybe
        fewer.
    sampling_fraction : float
        Part of each cycle, at its end, whose draws are kept; in (0, 1].
    **common

    Returns
    -------
    Run

    Raises
    ------
    ValueError
        If an argument is outside what is listed here.
    DivergenceError
        If a chain runs away.
    """
    steps, common = check_common(target, steps, common)
    own = {
        "peak_step_size": checks.number("peak_step_size", peak_step_size, above=0.0),
        "cycles": checks.integer("cycles", cycles, least=1, most=steps),
        "sampling_fraction": checks.number(
            "sampling_fraction", sampling_fraction, above=0.0, most=1.0
        ),
    }
    cycle = -(-steps // own["cycles"])
    sampling_from = cycle - round(own["sampling_fraction"] * cycle)
    places = range(common.burn_in + common.thin - 1, steps, common.thin)
    if all(place % cycle < sampling_from for place in places[:cycle]):
        raise ValueError(
            f"sampling_fraction must be large enough to keep a draw, got {sampling_fraction!r} "
            f"with {own['cycles']} cycles of {cycle} steps, burn_in={common.burn_in} and "
            f"thin={common.thin}"
        )
    strategy = _strategy(loop.CYCLICAL, target, cycle=cycle, sampling_from=sampling_from)
    peak = own["peak_step_size"]
    return _run("cyclical_sgld", target, steps, common, own, strategy, [peak], [common.temperature])


@_sampler
def replica_exchange_sgld(
    target,
    steps,
    *,
    step_size,
    high_temperature,
    swap_rate=1.0,
    energy_variance=None,
    high_step_size=None,
    swap_rule="metropolis",
    **common,
):
    """A cold and a hot SGLD chain that swap places.

    After every step they swap with probability a min(1, S),
    S = exp(delta (U_low - U_high - delta sigma^2)), delta = 1 / tau_low - 1 / tau_high, where
    sigma^2 is the variance of one energy estimate. For Gaussian estimates that is exact. Deng et
    al., ICML 2020 (arXiv 2008.05367).

    Parameters
    ----------
    target : Target
    steps : int
        Moves of each pair, two gradients each, and two at the start.
    step_size : float
        eps of the cold chain (h for "baoab").
    high_temperature : float
        tau_high, above `temperature`.
    swap_rate : float
        a, in (0, 1].
    energy_variance : float or None
        sigma^2; None takes the target's noise squared.
    high_step_size : float or None
        eps of the hot chain; None takes `step_size`.
    swap_rule : {"metropolis", "published"}
        a min(1, S), or a S as in the published code, which is biased.
    **common

    Returns
    -------
    Run
        Of the cold chain.

    Raises
    ------
    ValueError
        If an argument is outside what is listed here.
    DivergenceError
        If a chain runs away.
    """
    steps, common = check_common(target, steps, common)
    step_size = checks.number("step_size", step_size, above=0.0)
    variance = target.noise**2 if energy_variance is None else energy_variance
    own = {
        "step_size": step_size,
        "high_temperature": checks.number(
            "high_temperature", high_temperature, above=common.temperature
        ),
        "swap_rate": checks.number("swap_rate", swap_rate, above=0.0, most=1.0),
        "energy_variance": checks.number("energy_variance", variance, least=0.0),
        "high_step_size": step_size
        if high_step_size is None
        else checks.number("high_step_size", high_step_size, above=0.0),
        "swap_rule": checks.choice("swap_rule", swap_rule, ("metropolis", "published")),
    }
    strategy = _strategy(
        loop.SWAPS,
        target,
        swap_rate=own["swap_rate"],
        swap_variance=own["energy_variance"],
        capped_swaps=swap_rule == "metropolis",
    )
    return _run(
        "replica_exchange_sgld",
        target,
        steps,
        common,
        own,
        strategy,
        [step_size, own["high_step_size"]],
        [common.temperature, own["high_temperature"]],
    )


@_sampler
def contour_sgld(
    target,
    steps,
    *,
    step_size,
    partition,
    zeta=0.75,
    scheme=ContourScheme(),  # noqa: B008  (it is frozen)
    **common,
):
    """Contour SGLD: SGLD on the density flattened by its own energy PDF, learned on the fly.

    x <- x - eps [1 + zeta tau d log Psi_theta(u) / du] grad U + sqrt(2 tau eps) xi, then, with J
    the cell of the new energy, theta <- theta + omega g (e_J - theta). Draws carry the weight
    Psi_theta(u)^zeta. Deng, Lin & Liang, NeurIPS 2020 (arXiv 2010.09800), eqs. 5-8.

    Parameters
    ----------
    target : Target
    steps : int
        Moves of each chain, one gradient each, and one at the start.
    step_size : float
        eps for "euler" and "leimkuhler_matthews", h for "baoab".
    partition : EnergyPartition
        The range of energies to flatten, from below the smallest to above the barriers.
    zeta : float
        Flattening: 0 is SGLD, 1 a random walk in energy; above 1 the gain freezes.
    scheme : ContourScheme
        How theta is learned and used.
    **common

    Returns
    -------
    Run

    Raises
    ------
    ValueError
        If an argument is outside what is listed here.
    DivergenceError
        If a chain runs away.

    Warns
    -----
    UserWarning
        If more than 1 % of the energies lay outside the partition.
    """
    steps, common = check_common(target, steps, common)
    step_size = checks.number("step_size", step_size, above=0.0)
    zeta = checks.number("zeta", zeta, least=0.0)
    if not isinstance(partition, EnergyPartition):
        raise ValueError(f"partition must be an EnergyPartition, got {partition!r}")
    if not isinstance(scheme, ContourScheme):
        raise ValueError(f"scheme must be a ContourScheme, got {scheme!r}")
    own = {
        "step_size": step_size,
        "zeta": zeta,
        "partition": asdict(partition),
        "scheme": asdict(scheme),
    }
    flattening = contour(partition, scheme, zeta, common.temperature)
    strategy = _strategy(loop.CONTOUR, target)
    run = _run(
        "contour_sgld",
        target,
        steps,
        common,
        own,
        strategy,
        [step_size],
        [common.temperature],
        flattening,
    )
    if scheme.weights_from == "final":
        for chain, theta in enumerate(run.energy_pdfs):
            run.log_weights[chain] = read(
                run.energies[chain],
                theta,
                partition,
                scheme,
                zeta=zeta,
                temperature=common.temperature,
            ).log_weights
    moves = run.gradient_evaluations - run.chains
    if run.clamped > CLAMPED_WARNING * moves:
        warnings.warn(
            f"{run.clamped / moves:.1%} of the energies lay outside the partition "
            f"({partition.low:g}, {partition.high:g}] and counted for its end cells; the kept "
            f"draws span {run.energies.min():g} to {run.energies.max():g}: widen the partition",
            stacklevel=3,
        )
    return run
