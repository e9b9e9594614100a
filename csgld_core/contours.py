"""Contour runs: what is "auto" is chosen by a pilot, and draws are weighed at the end."""

import warnings
from dataclasses import asdict, replace

import numpy as np

from . import checks, loop, pilot
from .chain import DivergenceError
from .energy_pdf import ContourScheme, contour, read, starting_theta
from .partition import EnergyPartition
from .sampling import run_sampler, strategy_of
from .settings import check_common

# Wells below the partition are not flattened; above it there is little to flatten.
BELOW_WARNING, CLAMPED_WARNING = 0.01, 0.05


def run_contours(name, target, steps, step_size, partition, zeta, scheme, common, shared=False):
    """Contour SGLD with a theta for each chain, or a shared one."""
    steps, common = check_common(target, steps, common)
    zeta = checks.number("zeta", zeta, least=0.0)
    if not isinstance(step_size, str) or step_size != "auto":
        step_size = checks.number("step_size", step_size, above=0.0)
    checks.instance("scheme", scheme, ContourScheme)
    if not isinstance(partition, EnergyPartition):
        if not isinstance(partition, str) or partition != "auto":
            raise checks.refused("partition", partition, '"auto" or an EnergyPartition')
        if scheme.start is not None:
            raise ValueError('scheme must have no start where partition="auto" chooses the cells')
    else:  # theta, Psi at its nodes, sums, and what makes a Run of them
        checks.memory(common.chains * 8 * 10 * partition.bins, partition=partition)
        starting_theta(scheme, partition.bins)
    settings = {"step_size": step_size, "zeta": zeta, "partition": partition, "scheme": scheme}

    def run(target, steps, common, settings, shared=shared):
        return _weighed_run(name, target, steps, common, settings, shared)

    result = _with_pilot(run, target, steps, common, settings)
    _warn_of_clamping(result)
    return result


def _weighed_run(name, target, steps, common, settings, shared):
    """One run with all settings known, and its importance weights."""
    partition, scheme, zeta = settings["partition"], settings["scheme"], settings["zeta"]
    walkers = common.chains if shared else 1
    run = run_sampler(
        name,
        target,
        steps,
        common,
        {**settings, "partition": asdict(partition), "scheme": asdict(scheme)},
        strategy_of(loop.CONTOUR, target),
        [settings["step_size"]] * walkers,
        [common.temperature] * walkers,
        contour(partition, scheme, zeta, common.temperature, steps=steps, walkers=walkers),
        shared,
        starting_theta(scheme, partition.bins),
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
    return run


def _with_pilot(run, target, steps, common, settings):
    """Let pilots choose what is "auto", run, and once more if the run met much stiffer places.

    A run that diverges is repeated with half the step. The pilots' gradients, and those of runs
    that were given up, are counted.
    """
    saved = None if common.checkpoint is None else common.checkpoint.pilot
    automatic = [name for name in ("step_size", "partition") if settings[name] == "auto"]
    if "step_size" in automatic and common.integrator == "baoab" and common.friction == "auto":
        automatic.append("friction")
    if saved is not None:
        automatic, flight = saved["automatic"], saved
    elif automatic:
        flight = _fly(run, target, common, settings, automatic, common.start, 0, 0)
    else:
        return run(target, steps, common, settings)
    first = 0 if saved is None else saved["flight"]
    for n in range(first, pilot.FLIGHTS):
        chosen = {**settings, "pilot": flight}
        if saved is None or n > first:
            chosen |= _chosen(flight, automatic)
        try:
            result = run(target, steps, _damped(common, chosen["step_size"], automatic), chosen)
        except DivergenceError as error:
            if n == pilot.FLIGHTS - 1 or "step_size" not in automatic:
                raise
            checks.warn(
                f"with the pilot's step size {error}. The run is repeated with half that step: "
                "there may be a narrow well or a steep wall that the pilot did not meet"
            )
            flight = _slower(flight, (steps + 1) * common.chains, n + 1)
            _forget(common.checkpoint)
            continue
        spent = flight["gradients"]
        result = replace(result, gradient_evaluations=result.gradient_evaluations + spent)
        if n == pilot.FLIGHTS - 1 or result.partial or "step_size" not in automatic:
            return result
        try:
            stiff, gradients = pilot.look_back(target, result, flight["curvature"])
            result = replace(result, gradient_evaluations=result.gradient_evaluations + gradients)
            if stiff is None:
                return result
            spent = result.gradient_evaluations
            flight = _fly(run, target, common, settings, automatic, stiff, spent, n + 1)
        except KeyboardInterrupt:
            checks.warn(
                "interrupted: the run is complete, but not whether it should be repeated with "
                "smaller steps"
            )
            return result
        _forget(common.checkpoint)


def _slower(flight, spent, n):
    """The record of a pilot whose step was too large, as number n with half of it.

    The run that diverged counts in full: where its other chains stood is a matter of chance.
    """
    changes = {"step_size": 0.5 * flight["step_size"], "flight": n, "diverged": True}
    return {**flight, **changes, "gradients": flight["gradients"] + spent}


def _forget(checkpoint):
    """The run begins anew."""
    if checkpoint is not None:
        checkpoint.states = []


def _fly(run, target, common, settings, automatic, starts, spent, n):
    """The record of pilot number n, JSON-ready; `spent` gradients came before it."""
    quiet = replace(
        common,
        chains=pilot.TRIAL_CHAINS,
        thin=1,
        burn_in=0,
        progress=False,
        checkpoint=None,
    )

    def attempt(found, start, seed):
        known = {name: getattr(found, name) for name in automatic if name != "friction"}
        trial = _damped(quiet, known.get("step_size"), automatic)
        trial = replace(trial, start=start, seed=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            try:
                short = run(target, pilot.TRIAL_STEPS, trial, {**settings, **known}, shared=False)
            except DivergenceError:
                return None
        if short.partial:
            raise KeyboardInterrupt
        return short

    smooth = settings["scheme"].slope == "smooth"
    friction = None if "friction" in automatic else common.friction
    dynamics = pilot.Dynamics(common.integrator, friction, smooth)
    generator = np.random.default_rng([common.seed, n])
    found = pilot.fly(target, common.temperature, dynamics, starts, generator, attempt)
    gradients = found.gradients + spent
    return {**asdict(found), "automatic": automatic, "flight": n, "gradients": gradients}


def _chosen(flight, automatic):
    """The settings that a pilot's record chose."""
    found = {"step_size": flight["step_size"], "partition": EnergyPartition(**flight["partition"])}
    return {name: found[name] for name in automatic if name != "friction"}


def _damped(common, step_size, automatic):
    """The common keywords with the friction that belongs to a step size, if it is automatic."""
    if "friction" not in automatic:
        return common
    return replace(common, friction=pilot.DAMPING / step_size)


def _warn_of_clamping(run):
    moves, partition = run.settings["completed_steps"] * run.chains, run.partition
    below = np.mean(run.energies <= partition.low)
    if below > BELOW_WARNING or run.clamped > CLAMPED_WARNING * moves:
        checks.warn(
            f"{run.clamped / moves:.1%} of the energies lay outside the partition "
            f"({partition.low:g}, {partition.high:g}] and counted for its end cells; the kept "
            f"draws span {run.energies.min():g} to {run.energies.max():g}: widen the partition"
        )
