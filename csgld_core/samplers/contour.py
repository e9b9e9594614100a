"""Contour SGLD and interacting contour SGLD: validate, pilot, run, weight."""

from dataclasses import asdict, dataclass, replace

import numpy as np

from .. import checks
from ..kernels.loop import CONTOUR, Strategy
from ..partition import EnergyPartition
from ..results.diagnostics import BELOW_WARNING, CLAMPED_WARNING
from ..scheme import ContourScheme, contour_of, log_psi, starting_theta
from ..targets import Target
from .common import Common, Job, check_common, run_job, sampler
from .pilot import run_with_pilot


@dataclass(frozen=True)
class Request:
    """A contour run that is asked for, validated; a pilot may have to choose what is "auto"."""

    sampler: str
    target: Target
    steps: int
    common: Common
    own: dict  # step_size, zeta, partition, scheme, and the record of the pilot if there was one
    shared: bool = False  # theta, between chains


@sampler
def contour_sgld(
    target,
    steps,
    *,
    step_size="auto",
    zeta=0.75,
    partition="auto",
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
    step_size : float or "auto"
        eps for "euler", "leimkuhler_matthews" and "mala", h for "baoab". "auto" lets a short pilot
        choose it, by the rules of `csgld_core.samplers.pilot`.
    zeta : float
        Flattening: 0 is SGLD, 1 a random walk in energy; above 1 the gain freezes.
    partition : EnergyPartition or "auto"
        The range of energies to flatten, from below the smallest to above the barriers. "auto" lets
        the pilot choose it; `gradient_evaluations` counts it, and `settings` tells what it found.
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
        If more than 1 % of the energies lay below the partition, or 5 % outside it.
    """
    own = {"step_size": step_size, "zeta": zeta, "partition": partition, "scheme": scheme}
    request = _validate("contour_sgld", target, steps, common, own)
    run = run_with_pilot(_run, request)
    return _weighted(run)


@sampler
def interacting_contour_sgld(
    target,
    steps,
    *,
    chains=5,
    step_size="auto",
    zeta=0.75,
    partition="auto",
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
    step_size, zeta, partition, scheme
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
        If more than 1 % of the energies lay below the partition, or 5 % outside it.
    """
    own = {"step_size": step_size, "zeta": zeta, "partition": partition, "scheme": scheme}
    common = {**common, "chains": chains}
    request = _validate("interacting_contour_sgld", target, steps, common, own)
    run = run_with_pilot(_run, replace(request, shared=True))
    return _weighted(run)


def _validate(sampler, target, steps, common, own):
    steps, common = check_common(target, steps, common)
    step_size, partition, scheme = own["step_size"], own["partition"], own["scheme"]
    zeta = checks.number("zeta", own["zeta"], least=0.0)
    if not isinstance(step_size, str) or step_size != "auto":
        step_size = checks.number("step_size", step_size, above=0.0)
    checks.instance("scheme", scheme, ContourScheme)
    if isinstance(partition, EnergyPartition):
        # Theta, Psi at its nodes, and what makes a Run of them.
        checks.memory(common.chains * 8 * 10 * partition.bins, partition=partition)
        starting_theta(scheme, partition.bins)
    elif not isinstance(partition, str) or partition != "auto":
        raise checks.refused("partition", partition, '"auto" or an EnergyPartition')
    elif scheme.start is not None:
        raise ValueError('scheme must have no start where partition="auto" chooses the cells')
    return Request(sampler, target, steps, common, {**own, "step_size": step_size, "zeta": zeta})


def _run(request):
    """One run with all settings known; its draws have no final weights yet."""
    own, common = request.own, request.common
    partition, scheme = own["partition"], own["scheme"]
    walkers = common.chains if request.shared else 1
    job = Job(
        sampler=request.sampler,
        target=request.target,
        steps=request.steps,
        common=common,
        own={**own, "partition": asdict(partition), "scheme": asdict(scheme)},
        strategy=Strategy(CONTOUR, request.target.noise),
        step_sizes=[own["step_size"]] * walkers,
        temperatures=[common.temperature] * walkers,
        contour=contour_of(partition, scheme, own["zeta"], common.temperature, walkers=walkers),
        theta=starting_theta(scheme, partition.bins),
        shared=request.shared,
    )
    return run_job(job)


def _weighted(run):
    """The run with the weights of the final theta, if the scheme wants those."""
    partition, scheme, settings = run.partition, run.scheme, run.settings
    if scheme.weights_from == "final":
        zeta, temperature = settings["zeta"], settings["temperature"]
        for chain, theta in enumerate(run.energy_pdfs):
            run.log_weights[chain] = log_psi(
                run.energies[chain], theta, partition, scheme, zeta=zeta, temperature=temperature
            ).log_weights
    _warn_of_clamping(run)
    return run


def _warn_of_clamping(run):
    moves, partition = run.settings["completed_steps"] * run.chains, run.partition
    below = np.mean(run.energies <= partition.low)
    if below > BELOW_WARNING or run.clamped > CLAMPED_WARNING * moves:
        checks.warn(
            f"{run.clamped / moves:.1%} of the energies lay outside the partition "
            f"({partition.low:g}, {partition.high:g}] and counted for its end cells; the kept "
            f"draws span {run.energies.min():g} to {run.energies.max():g}: widen the partition"
        )
