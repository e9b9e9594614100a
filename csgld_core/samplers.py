"""The samplers: SGLD, cyclical, replica exchange, contour and interacting contour SGLD.

Each validates its arguments and names a strategy for the one loop in `loop.py`.
"""

import functools
import inspect
import warnings
from dataclasses import asdict, replace

import numpy as np

from . import checks, loop, provenance
from .chain import DRAWN, Chain, run_chains
from .energy_pdf import ContourScheme, contour, read
from .integrators import INTEGRATORS, NO_WALLS, REJECT, WALLS, Dynamics
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
    named = [p for p in own.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    common = [
        p for p in inspect.signature(Common).parameters.values() if p.name not in own.parameters
    ]
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
    shared=False,
):
    """Run the chains and gather them in a Run.

    Each chain has one walker for each temperature and keeps the first; or, `shared`, one chain has
    all the walkers and keeps them all.
    """
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
        Chain(seed, target, steps, common, start, kept, step_sizes, temperatures, plan)
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
        "start": np.concatenate([chain.start for chain in chains]).tolist(),
    }
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
        results["history_steps"] = chains[0].draws.snapshot_steps[:shots]
    return Run(
        settings=provenance.recorded(settings),
        gradient_evaluations=int((counters[:, loop.STEP] + 1).sum()) * len(temperatures),
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
        warnings.warn(
            f"{share:.1%} of the moves were rejected: take a smaller step_size",
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
        sigma^2; None takes the target's own.
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
    variance = target.energy_variance if energy_variance is None else energy_variance
    if variance is None:
        raise ValueError(
            f"energy_variance must be a number: {target.name!r} does not state its own, got None"
        )
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
    return _contours("contour_sgld", target, steps, step_size, partition, zeta, scheme, common)


@_sampler
def interacting_contour_sgld(
    target,
    steps,
    *,
    chains=5,
    step_size,
    partition,
    zeta=0.75,
    scheme=ContourScheme(),  # noqa: B008  (it is frozen)
    **common,
):
    """Interacting contour SGLD: several chains that learn one energy PDF together.

    After each move every one of P chains adds its part to the same theta, in turn,
    theta <- theta + omega g / P (e_J - theta), with the gain g of the scheme: Psi(U)^zeta, whose
    fixed point is the energy PDF; theta_J^zeta, the field of contour SGLD; or theta_J, the field of
    Deng et al., ICLR 2022 (arXiv 2202.09867), whose fixed point has theta^zeta proportional to the
    energy PDF, so that the energies visited are flat whatever zeta is. Weights use whichever Psi
    drove the dynamics.

    All chains share one stream of random numbers, and one thread. With equal gradients a shared
    theta has had P times the visits of each independent chain's, and P times fewer steps to settle.

    Parameters
    ----------
    target : Target
    steps : int
        Moves of each chain, one gradient each, and one at the start.
    chains : int
        P, the chains that share theta.
    step_size, partition, zeta, scheme
        As in `contour_sgld`.
    **common

    Returns
    -------
    Run
        Its `energy_pdfs` are the same for every chain.

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
    return _contours(
        "interacting_contour_sgld",
        target,
        steps,
        step_size,
        partition,
        zeta,
        scheme,
        {**common, "chains": chains},
        shared=True,
    )


def _contours(name, target, steps, step_size, partition, zeta, scheme, common, shared=False):
    """Contour SGLD with a theta for each chain, or a shared one."""
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
    walkers = common.chains if shared else 1
    flattening = contour(partition, scheme, zeta, common.temperature, steps=steps, walkers=walkers)
    run = _run(
        name,
        target,
        steps,
        common,
        own,
        _strategy(loop.CONTOUR, target),
        [step_size] * walkers,
        [common.temperature] * walkers,
        flattening,
        shared,
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
            stacklevel=4,
        )
    return run
