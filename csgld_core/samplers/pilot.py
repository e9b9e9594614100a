"""A short pilot that finds an energy partition and a step size for contours.

1. *Descend* (L-BFGS) from several starting points, without a box some of them farther out: the
   lowest energies, and distinct wells. Wells that are too shallow to hold any mass are left alone.
2. *Curvature*: the largest one, lambda, by power iteration on differences of gradients over thermal
   distances, at the wells and later at draws.
3. *Barriers*: wells are joined, cheapest first, by paths that relax towards the bottom of the pass
   (string method, E, Ren & Vanden-Eijnden 2007); the highest point on these paths is the barrier.
4. *Try*: a few short contour runs from wells and starting points; the partition is extended while
   energies fall outside it, and the step size lowered while stiffer places turn up.

The partition reaches from one cell below the lowest energy seen to MARGIN * tau above the higher of
barrier and of what the short runs met at rest, in cells of CELL * tau. The step size is

    h = STEP / sqrt(lambda)                    for "baoab", STEP depending on whether slopes jump,
    eps = h^2 / 2                              for "leimkuhler_matthews",
    eps = EULER / lambda                       for "euler", whose bias is of order eps lambda,
    eps = h^2 / 2 * dim^(-1/3), then adapted   for "mala", towards accepting most moves,

and never so large that the noise of the gradient, of variance s^2, would heat by more than HEAT:
eps s^2 / (2 tau) <= HEAT, with eps = h^2 / (gamma h) for "baoab". Its friction, if that is "auto",
is gamma = DAMPING / h: a fixed one would leave the heat of jumping slopes in where time runs fast.

Where log Psi bends within a cell or two, as between two phases in ten dimensions or more, the force
changes faster than lambda tells: take "mala" there, or see what half the step size changes.
"""

import math
import warnings
from dataclasses import asdict, dataclass, replace

import numpy as np

from .. import checks
from ..kernels.integrators import UNDERDAMPED
from ..partition import EnergyPartition
from .chain import DivergenceError
from .wells import (
    Probe,
    barrier_between,
    bottoms_from,
    distinct,
    gradient_variance,
    starting_points,
)

PILOTS = 3  # of one run, at most
TRIALS = 8  # short runs at most
TRIAL_CHAINS = 8
TRIAL_STEPS = 500  # of each chain
DEPTH = 30.0  # tau; wells less deep by this hold exp(-30) of the mass
MARGIN = 2.0
CELL = 0.5
MOST_CELLS = 2000
STEP = {True: 0.5, False: 0.35}  # for smooth slopes, and for those that jump at cell borders
EULER = 0.05
HEAT = 0.05
DAMPING = 0.45
CROSSING = 4.0  # steps of 1 / sqrt(lambda) across a box, at least
CLAMPED = 0.002  # of the draws of a trial may lie above the partition
STEEPER = 1.5  # a curvature that much larger asks for a smaller step


@dataclass(frozen=True)
class Pilot:
    """What a pilot chose, and why."""

    partition: EnergyPartition
    step_size: float
    gradients: int  # it took
    lowest: float  # energy seen
    barrier: float  # highest on the paths between wells
    wells: int  # distinct ones met
    curvature: float  # largest one met


@dataclass(frozen=True)
class StepRule:
    """What the step size depends on besides the target."""

    integrator: str
    friction: float | None  # None is DAMPING / h
    smooth: bool  # slopes of log Psi

    def step_size(self, curvature, temperature, dim, noise):
        """The rule at the top of this file; `noise` is the variance of a gradient's component."""
        h = STEP[self.smooth] / math.sqrt(curvature)
        most = 2.0 * HEAT * temperature / noise if noise > 0 else math.inf  # of eps
        if self.integrator in UNDERDAMPED:
            free = self.friction is None
            return min(h, math.sqrt(DAMPING * most) if free else most * self.friction)
        if self.integrator == "mala":
            return 0.5 * h * h * dim ** (-1.0 / 3.0)
        return min(EULER / curvature if self.integrator == "euler" else 0.5 * h * h, most)


# --- a pilot, and the run that it serves ----------------------------------------------------------


def run_with_pilot(run, request):
    """Let a pilot choose what is "auto", run, and once more if the run met much stiffer places.

    A run that diverges is repeated with half the step. The gradients of pilots, and of runs that
    were given up, are counted. The record of the pilot, JSON-ready, goes into the run's settings.

    Parameters
    ----------
    run : callable (Request) -> Run
    request : Request

    Returns
    -------
    Run
    """
    checkpoint = request.common.checkpoint
    record = None if checkpoint is None else checkpoint.pilot
    if record is None:
        automatic = _automatic(request)
        if not automatic:
            return run(request)
        record = _record(run, request, automatic, request.common.start, number=0, spent=0)
    adaptive = "step_size" in record["automatic"]
    while True:
        last = record["number"] == PILOTS - 1 or not adaptive
        try:
            result = run(_with_choices(request, record))
        except DivergenceError as error:
            if last:
                raise
            checks.warn(
                f"with the pilot's step size {error}. The run is repeated with half that step: "
                "there may be a narrow well or a steep wall that the pilot did not meet"
            )
            record = _slower(record, (request.steps + 1) * request.common.chains)
        else:
            result = _with_gradients(result, record["gradients"])
            if last or result.partial:
                return result
            try:
                stiff, gradients = look_back(request.target, result, record["curvature"])
                result = _with_gradients(result, gradients)
                if stiff is None:
                    return result
                record = _record(
                    run,
                    request,
                    record["automatic"],
                    stiff,
                    number=record["number"] + 1,
                    spent=result.gradient_evaluations,
                )
            except KeyboardInterrupt:
                checks.warn(
                    "interrupted: the run is complete, but it is not known whether it should be "
                    "repeated with smaller steps"
                )
                return result
        if checkpoint is not None:
            checkpoint.states = []  # the run begins anew


def _automatic(request):
    """The names of what the pilot has to choose."""
    names = [name for name in ("step_size", "partition") if request.own[name] == "auto"]
    common = request.common
    if "step_size" in names and common.integrator in UNDERDAMPED and common.friction == "auto":
        names.append("friction")
    return names


def _with_choices(request, record):
    """The request with what a pilot chose, and with its record."""
    chosen = {"step_size": record["step_size"], "partition": EnergyPartition(**record["partition"])}
    own = {name: chosen[name] for name in record["automatic"] if name != "friction"}
    own = {**request.own, **own, "pilot": record}
    return replace(request, own=own, common=_damped(request.common, own, record["automatic"]))


def _damped(common, own, automatic):
    """The common keywords with the friction that belongs to a step size, if it is automatic."""
    if "friction" not in automatic:
        return common
    return replace(common, friction=DAMPING / own["step_size"])


def _with_gradients(run, gradients):
    return replace(run, gradient_evaluations=run.gradient_evaluations + gradients)


def _slower(record, spent):
    """The record of a pilot whose step was too large, with half of it.

    The run that diverged counts in full: where its other chains stood is a matter of chance.
    """
    return {
        **record,
        "step_size": 0.5 * record["step_size"],
        "number": record["number"] + 1,
        "diverged": True,
        "gradients": record["gradients"] + spent,
    }


def _record(run, request, automatic, starts, *, number, spent):
    """Run pilot number `number`; `spent` gradients came before it. Its record is JSON-ready."""
    common, own = request.common, request.own
    quiet = replace(common, chains=TRIAL_CHAINS, thin=1, burn_in=0, progress=False, checkpoint=None)

    def attempt(found, start, seed):
        chosen = {name: getattr(found, name) for name in automatic if name != "friction"}
        chosen = {**own, **chosen}
        trial = replace(_damped(quiet, chosen, automatic), start=start, seed=seed)
        trial = replace(request, steps=TRIAL_STEPS, common=trial, own=chosen, shared=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            try:
                short = run(trial)
            except DivergenceError:
                return None
        if short.partial:
            raise KeyboardInterrupt
        return short

    smooth = own["scheme"].slope == "smooth"
    friction = None if common.friction == "auto" else common.friction
    rule = StepRule(common.integrator, friction, smooth)
    generator = np.random.default_rng([common.seed, number])
    found = run_pilot(request.target, common.temperature, rule, starts, generator, attempt)
    gradients = found.gradients + spent
    return {**asdict(found), "automatic": automatic, "number": number, "gradients": gradients}


def look_back(target, run, curvature):
    """Lowest points of chains where curvature is much above the pilot's, and the gradients it took.

    Returns
    -------
    positions : array (n, dim) or None
    gradients : int
    """
    probe = Probe(target, np.random.default_rng([run.settings["seed"], PILOTS]))
    sites = run.lowest_positions
    found = [probe.curvature(site, run.settings["temperature"]) for site in sites]
    stiff = np.array(found) > STEEPER**2 * curvature
    return (sites[stiff] if stiff.any() else None), probe.gradients


# --- what a pilot does ----------------------------------------------------------------------------


@dataclass
class _Findings:
    """What a pilot knows so far."""

    probe: Probe
    temperature: float
    rule: StepRule
    lowest: float
    barrier: float
    wells: np.ndarray  # (k, dim) bottoms, the lowest first
    curvature: float
    noise: float  # variance of a component of the gradient
    high: float  # energy that the partition has to reach
    scale: float = 1.0  # of the step size

    def chosen(self):
        """The Pilot that follows from it."""
        target, temperature = self.probe.target, self.temperature
        step_size = self.rule.step_size(self.curvature, temperature, target.dim, self.noise)
        return Pilot(
            partition=_partition(self.lowest, self.high, temperature),
            step_size=self.scale * step_size,
            gradients=self.probe.gradients,
            lowest=float(self.lowest),
            barrier=float(self.barrier),
            wells=len(self.wells),
            curvature=float(self.curvature),
        )


def run_pilot(target, temperature, rule, starts, generator, attempt):
    """Find a partition and a step size.

    Parameters
    ----------
    target : Target
    temperature : float
    rule : StepRule
    starts : array (n, dim) or None
        Points to begin from besides those of the target's own rule.
    generator : numpy.random.Generator
    attempt : callable (pilot, starts, seed) -> Run or None
        A short contour run from `starts` (chains, dim) with what the Pilot has chosen so far; None
        if it diverged.

    Returns
    -------
    Pilot

    Raises
    ------
    ValueError
        If no starting point has a finite energy and gradient, or energies fall for ever.
    KeyboardInterrupt
        If the user stops it, or the call that it belongs to.
    """
    probe = Probe(target, generator)
    points = starting_points(probe, starts)
    findings = _survey(probe, points, temperature, rule)
    _try(findings, _trial_starts(findings, points), attempt)
    return findings.chosen()


def _survey(probe, points, temperature, rule):
    """Descend from all points; the wells, their curvature and the barrier between them."""
    target = probe.target
    bottoms = bottoms_from(probe, points, temperature)
    lowest = bottoms[0][1]
    deep = [position for position, energy in bottoms if energy < lowest + DEPTH * temperature]
    curvature = max(probe.curvature(position, temperature) for position in deep)
    if target.box is not None:  # far too narrow for one move to cross it
        curvature = max(curvature, temperature * (CROSSING / np.ptp(target.box, axis=0).min()) ** 2)
    elif curvature == 0.0:  # flat: cross it in some steps
        curvature = temperature / np.ptp(points, axis=0).max() ** 2
    wells = np.array(distinct(deep, math.sqrt(temperature / curvature)))
    barrier = barrier_between(probe, wells, curvature)
    noise = gradient_variance(probe, wells[0]) if not target.exact else 0.0
    high = barrier + MARGIN * temperature
    return _Findings(probe, temperature, rule, lowest, barrier, wells, curvature, noise, high)


def _trial_starts(findings, points):
    """Where short runs start: half of them at bottoms, half where runs start.

    Points far up are left out; a broad phase may have no bottom of its own.
    """
    probe, wells = findings.probe, findings.wells
    dim = wells.shape[1]
    typical = findings.lowest + (DEPTH + 2.0 * dim) * findings.temperature
    near = points[probe(points)[0] < typical]
    half = (TRIAL_CHAINS // 2, dim)
    others = np.resize(near if len(near) else wells, half)
    return probe.inside(np.concatenate([np.resize(wells, half), others]))


def _try(findings, starts, attempt):
    """Short runs until what the pilot chooses no longer changes."""
    probe, temperature = findings.probe, findings.temperature
    for trial in range(TRIALS):
        found = findings.chosen()
        run = attempt(found, starts, trial)
        probe.gradients += TRIAL_CHAINS * (TRIAL_STEPS + 1)  # at most, if it diverged
        if run is None:
            findings.scale *= 0.5
            continue
        findings.lowest = min(findings.lowest, run.energies.min())
        seen = run.energies[:, TRIAL_STEPS // 2 :]  # the way down from a start does not count
        if np.mean(seen > found.partition.high) > CLAMPED:
            findings.high = np.quantile(seen, 1.0 - 0.1 * CLAMPED) + MARGIN * temperature
        sites = run.positions.reshape(-1, starts.shape[1])
        sites = sites[probe.generator.integers(len(sites), size=TRIAL_CHAINS)]
        steepest = max(probe.curvature(site, temperature) for site in sites)
        if steepest > STEEPER * findings.curvature:
            findings.curvature = steepest
        if findings.rule.integrator == "mala":
            findings.scale *= _towards_acceptance(1.0 - run.rejected / run.gradient_evaluations)
        chosen = findings.chosen()
        if chosen.step_size == found.step_size and chosen.partition == found.partition:
            break


def _partition(lowest, high, temperature):
    """Cells from below the lowest energy to the first border above `high`."""
    if not math.isfinite(high - lowest):
        raise ValueError(
            f"partition must be given: the pilot met energies from {lowest:g} to {high:g}"
        )
    width = max(CELL * temperature, (high - lowest) / MOST_CELLS)
    bins = max(2, math.ceil((high - lowest) / width) + 1)
    low = lowest - width
    return EnergyPartition(low, low + bins * width, bins)


def _towards_acceptance(accepted):
    """What to multiply MALA's step size by."""
    return 2.0 / 3.0 if accepted < 0.5 else 1.5 if accepted > 0.9 else 1.0
