"""The samplers without contours: SGLD, cyclical SGLD and replica exchange SGLD.

Each validates its arguments and names a strategy for the one loop in `kernels/loop.py`.
"""

from .. import checks
from ..kernels.loop import CYCLICAL, PLAIN, SWAPS, Strategy
from .common import Job, check_common, run_job, sampler


@sampler
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
    job = Job(
        sampler="sgld",
        target=target,
        steps=steps,
        common=common,
        own={"step_size": step_size},
        strategy=Strategy(PLAIN, target.noise),
        step_sizes=[step_size],
        temperatures=[common.temperature],
    )
    return run_job(job)


@sampler
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
    job = Job(
        sampler="cyclical_sgld",
        target=target,
        steps=steps,
        common=common,
        own=own,
        strategy=Strategy(CYCLICAL, target.noise, cycle=cycle, sampling_from=sampling_from),
        step_sizes=[own["peak_step_size"]],
        temperatures=[common.temperature],
    )
    return run_job(job)


@sampler
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
    sigma^2 is the variance of one energy estimate. For Gaussian estimates of the same variance
    everywhere that is exact; with minibatches the variance changes from place to place. Deng et
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
    strategy = Strategy(
        SWAPS,
        target.noise,
        swap_rate=own["swap_rate"],
        swap_variance=own["energy_variance"],
        capped_swaps=swap_rule == "metropolis",
    )
    job = Job(
        sampler="replica_exchange_sgld",
        target=target,
        steps=steps,
        common=common,
        own=own,
        strategy=strategy,
        step_sizes=[step_size, own["high_step_size"]],
        temperatures=[common.temperature, own["high_temperature"]],
    )
    return run_job(job)
