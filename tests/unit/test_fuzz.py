"""Arguments that are out of their domain, at every public function; and those just inside it."""

import inspect
import itertools
import json
import math
import numbers
import os
import re
import types
import warnings
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import csgld_core as cc
from csgld_book import claims
from csgld_core import checks

EVALUATIONS = []


def spied(position, gradient):
    EVALUATIONS.append(position)
    gradient[:] = position
    return 0.5 * float(position @ position)


with warnings.catch_warnings():
    warnings.simplefilter("ignore", UserWarning)  # plain Python is slow
    SPY = cc.Target(spied, 2, box=(-3.0, 3.0), modes=[[-1.0, 0.0], [1.0, 0.0]])
PARTITION = cc.EnergyPartition(-0.5, 9.5, 20)
TARGET = cc.targets.nine_modes()
RUN = cc.contour_sgld(
    TARGET, 2000, step_size=0.01, partition=cc.EnergyPartition(-8, 18, 20), chains=2, seed=1
)
PAIR = cc.replica_exchange_sgld(TARGET, 100, step_size=0.01, high_temperature=3.0, seed=1)
SAMPLE = cc.importance_sampling(TARGET, 100, seed=1)
ISING = cc.discrete.ising(4)
DENSITY = cc.wang_landau(ISING, 1000, partition=cc.EnergyPartition(-34, 34, 17), seed=1)
TABLE = cc.study.Table([{"method": "a", "error": 1.0}, {"method": "b", "error": None}])
STATEMENT = claims.Statement("id", "in words", "somebody", "a number", at_least=0)
METHODS = {"SGLD": (cc.sgld, {"target": SPY, "steps": 10, "step_size": 0.1})}


# --- domains: what is allowed ---------------------------------------------------------------------


def number(*, above=-math.inf, least=-math.inf, below=math.inf, most=math.inf):
    def fine(value):
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
            return False
        try:
            value = float(value)
        except OverflowError:
            return False
        return math.isfinite(value) and above < value < below and least <= value <= most

    return fine


def whole(least, most=math.inf):
    inside = number()
    return lambda value: (
        (inside(value) or (type(value) is int)) and value == int(value) and least <= value <= most
    )


def numeric(value):
    """An array of the numbers in value, or None."""
    try:
        found = np.array(value)
        if found.dtype.kind == "O" and all(map(number(), found.ravel())):
            found = found.astype(float)
    except Exception:
        return None
    return found if found.dtype.kind in "biuf" else None


def array(*shape):
    """Any array of numbers with as many axes is spared: its shape may be the right one."""

    def fine(value):
        found = numeric(value)
        return found is not None and found.ndim == len(shape) and np.isfinite(found).all()

    return fine


def one_of(*options):
    return lambda value: isinstance(value, str) and value in options


def a(*kinds):
    return lambda value: isinstance(value, kinds)


def optional(fine):
    return lambda value: value is None or fine(value)


def either(*domains):
    return lambda value: any(fine(value) for fine in domains)


def anything(value):
    return True


def each_is(fine):
    """An iterable of values that are."""

    def every(values):
        try:
            return not isinstance(values, (str, bytes)) and all(map(fine, values))
        except TypeError:
            return False

    return every


auto = one_of("auto")
positive = number(above=0.0)
flag = a(bool, np.bool_)
path = a(str, os.PathLike)


def not_nan(value):
    found = numeric(value)
    return found is not None and not np.isnan(found).any()


def log_weights(value):
    return not_nan(value) and not np.isposinf(numeric(value).astype(float)).any()


seed = optional(whole(0))
own_seed = either(whole(0), a(np.random.Generator))
workers = optional(whole(1))
target = a(cc.Target)
catalogue_noise = number(least=0.0)
run = a(cc.Run)

COMMON = {
    "target": target,
    "steps": whole(1),
    "temperature": positive,
    "chains": whole(1),
    "thin": whole(1),
    "burn_in": whole(0),
    "start": optional(array(2)),
    "walls": one_of("reflect", "reject"),
    "integrator": one_of("euler", "leimkuhler_matthews", "baoab", "mala"),
    "friction": either(positive, one_of("auto")),
    "seed": seed,
    "workers": workers,
    "progress": flag,
    "checkpoint": optional(path),
    "checkpoint_interval": number(least=0.0),
}
CONTOUR = {
    **COMMON,
    "step_size": either(positive, auto),
    "zeta": number(least=0.0),
    "partition": either(a(cc.EnergyPartition), auto),
    "scheme": a(cc.ContourScheme),
}
ANY_WALK = {
    "model": a(cc.Target, cc.DiscreteTarget),
    "steps": whole(1),
    "partition": a(cc.EnergyPartition),
    "step_size": positive,
    "start": optional(array(2)),
    "seed": seed,
    "workers": workers,
    "progress": flag,
}
WALK = {"model": SPY, "steps": 10, "partition": PARTITION, "step_size": 0.1, "seed": 1}
TRUTH = {"target": target, "temperature": positive}
CONTOUR_TRUTH = {
    **TRUTH,
    "partition": a(cc.EnergyPartition),
    "scheme": optional(a(cc.ContourScheme)),
    "zeta": number(least=0.0),
}
MEASURE = {"run": run, "target": target}
FIGURE = {"caption": a(str), "seeds": anything, "settings": anything, "name": a(str)}
recipe = {"recipe": lambda value: False}
basin = optional(callable)

# Name -> what to call, arguments that work, and the domain of every argument.
ENTRIES = {
    "Target": (
        cc.Target,
        {"energy_and_gradient": TARGET.callback, "dim": 2},
        {
            "energy_and_gradient": lambda f: False if not callable(f) else f in (len, int, str),
            "dim": whole(1),
            "box": optional(lambda value: isinstance(value, list) and value[:1] == [[1.0]]),
            "name": anything,
            "noise": number(least=0.0),
            "modes": optional(array(None, 2)),
            "basin": basin,
            "data": optional(array(None, None)),
            "estimate": optional(lambda value: False),
            "energy_variance": optional(number(least=0.0)),
            "axisymmetric": flag,
        },
    ),
    "EnergyPartition": (
        cc.EnergyPartition,
        {"low": 0.0, "high": 1.0, "bins": 4},
        {"low": number(), "high": number(above=0.0), "bins": whole(2, 10**9)},
    ),
    "ContourScheme": (
        cc.ContourScheme,
        {},
        {
            "slope": one_of("centred", "backward", "forward", "smooth"),
            "gain": one_of("consistent", "cell", "interacting"),
            "weights": one_of("continuous", "piecewise"),
            "weights_from": one_of("final", "running"),
            "clip": optional(array(2)),
            "floor": optional(number(above=0.0, below=1.0)),
            "gain_schedule": array(4),
            "start": optional(array(None)),
        },
    ),
    "ContourScheme.published": (cc.ContourScheme.published, {}, {}),
    "DiscreteTarget": (
        cc.DiscreteTarget,
        {"propose": ISING.propose, "energy": ISING.energy, "dim": 16, "start": ISING.start},
        {
            "propose": lambda value: False,
            "energy": callable,
            "dim": whole(1),
            "start": callable,
            "name": anything,
            "data": optional(array(None, None)),
        },
    ),
    "sgld": (
        cc.sgld,
        {"target": SPY, "steps": 10, "step_size": 0.1, "seed": 1},
        {**COMMON, "step_size": positive},
    ),
    "cyclical_sgld": (
        cc.cyclical_sgld,
        {"target": SPY, "steps": 100, "peak_step_size": 0.1, "seed": 1},
        {
            **COMMON,
            "peak_step_size": positive,
            "cycles": whole(1, 100),
            "sampling_fraction": number(above=0.0, most=1.0),
        },
    ),
    "replica_exchange_sgld": (
        cc.replica_exchange_sgld,
        {"target": SPY, "steps": 10, "step_size": 0.1, "high_temperature": 2.0, "seed": 1},
        {
            **COMMON,
            "step_size": positive,
            "high_temperature": number(above=1.0),
            "swap_rate": number(above=0.0, most=1.0),
            "energy_variance": optional(number(least=0.0)),
            "high_step_size": optional(positive),
            "swap_rule": one_of("metropolis", "published"),
        },
    ),
    "contour_sgld": (cc.contour_sgld, {"target": SPY, "steps": 10, "seed": 1}, CONTOUR),
    "interacting_contour_sgld": (
        cc.interacting_contour_sgld,
        {"target": SPY, "steps": 10, "seed": 1},
        CONTOUR,
    ),
    "resume": (
        cc.resume,
        {"path": "no such file"},
        {"path": path, "target": optional(target), "workers": workers, "progress": flag},
    ),
    "wang_landau": (
        cc.wang_landau,
        WALK,
        {
            **ANY_WALK,
            "schedule": one_of("1/t", "flatness"),
            "flatness": number(above=0.0, below=1.0),
            "check_every": optional(whole(1)),
            "initial_log_f": number(above=0.0, most=1000.0),
            "final_log_f": optional(number(above=0.0, below=1.0)),
        },
    ),
    "samc": (
        cc.samc,
        WALK,
        {**ANY_WALK, "t0": optional(positive), "desired": optional(array(20))},
    ),
    "annealed_importance_sampling": (
        cc.annealed_importance_sampling,
        {"target": SPY, "step_size": 0.1, "particles": 10, "levels": 4, "seed": 1},
        {
            "target": target,
            "step_size": either(positive, array(4)),
            "particles": whole(1),
            "levels": either(whole(1), array(None)),
            "moves_per_level": whole(0),
            "base": optional(lambda value: False),
            "temperature": positive,
            "seed": seed,
            "workers": workers,
            "progress": flag,
        },
    ),
    "importance_sampling": (
        cc.importance_sampling,
        {"target": SPY, "n": 10, "seed": 1},
        {
            "target": target,
            "n": whole(1),
            "proposal": optional(lambda value: False),
            "temperature": positive,
            "seed": seed,
        },
    ),
    "normalise": (cc.importance.normalise, {}, {"log_weights": log_weights}),
    "effective_sample_size": (
        cc.importance.effective_sample_size,
        {},
        {"log_weights": log_weights},
    ),
    "systematic_resample": (
        cc.importance.systematic_resample,
        {"log_weights": np.zeros(4), "n": 2, "seed": 1},
        {"log_weights": log_weights, "n": whole(1), "seed": own_seed},
    ),
    "energies_inside": (
        cc.importance.energies_inside,
        {"target": SPY, "positions": np.zeros((1, 2))},
        {"target": target, "positions": array(None, 2)},
    ),
    "study": (
        cc.study.study,
        {"methods": METHODS, "seeds": [1], "measures": {}},
        {
            "methods": lambda value: isinstance(value, Mapping) and not value,
            "seeds": each_is(whole(0)),
            "measures": lambda value: isinstance(value, Mapping) and not value,
            "vary": optional(lambda value: isinstance(value, Mapping) and not value),
            "workers": workers,
            "client": optional(lambda value: False),
            "progress": flag,
            "timed": flag,
        },
    ),
    "label": (cc.study.label, {}, {"value": anything}),
    "Table": (
        cc.study.Table,
        {"rows": [{"a": 1}]},
        {
            "rows": lambda value: np.iterable(value) and not len(value),
            "columns": optional(lambda value: isinstance(value, list | dict) and "a" in value),
        },
    ),
    "Table.where": (TABLE.where, {}, {}),
    "Table.state": (TABLE.state, {}, {}),
    "Table.summarise": (
        TABLE.summarise,
        {"by": "method", "measure": "error"},
        {"by": lambda value: np.iterable(value) and not len(value), "measure": one_of("error")},
    ),
    "Table.save": (TABLE.save, {}, {"path": path}),
    "Table.load": (cc.study.Table.load, {}, {"path": path}),
    "each": (
        cc.parallel.each,
        {"function": abs, "arguments": [1]},
        {
            "function": callable,
            "arguments": np.iterable,
            "workers": workers,
            "client": optional(lambda value: False),
            "progress": flag,
        },
    ),
    "in_threads": (
        cc.parallel.in_threads,
        {"tasks": [list]},
        {
            "tasks": lambda value: np.iterable(value) and all(map(callable, value)),
            "workers": workers,
        },
    ),
    "replicate": (
        cc.parallel.replicate,
        {"sampler": cc.sgld, "seeds": [1], "target": SPY, "steps": 10, "step_size": 0.1},
        {
            "sampler": callable,
            "seeds": each_is(whole(0)),
            "workers": workers,
            "client": optional(lambda value: False),
            "progress": flag,
            "checkpoint": optional(lambda value: False),
        },
    ),
    "stopping": (cc.parallel.stopping, {}, {}),
    "check_seeds": (cc.parallel.check_seeds, {}, {"seeds": each_is(whole(0))}),
    "race": (
        cc.experiments.race,
        {"methods": METHODS, "seeds": [1], "budget": 10},
        {
            "methods": lambda value: isinstance(value, Mapping) and not value,
            "seeds": each_is(whole(0)),
            "budget": whole(1),
            "workers": workers,
        },
    ),
    "with_budget": (
        cc.experiments.with_budget,
        {"sampler": cc.sgld, "settings": METHODS["SGLD"][1], "gradients": 10},
        {
            "sampler": callable,
            "settings": lambda value: isinstance(value, Mapping),
            "gradients": whole(1),
        },
    ),
    "domain": (
        cc.exact.domain,
        {"target": TARGET},
        {**TRUTH, "depth": positive},
    ),
    "expectation": (
        cc.exact.expectation,
        {"function": len, "target": SPY},
        {**TRUTH, "function": callable, "with_error": flag},
    ),
    "moments": (cc.exact.moments, {"target": SPY}, TRUTH),
    "mode_masses": (cc.exact.mode_masses, {"target": SPY}, {**TRUTH, "with_error": flag}),
    "energy_pdf": (
        cc.exact.energy_pdf,
        {"target": SPY, "partition": PARTITION},
        {**TRUTH, "partition": a(cc.EnergyPartition), "with_error": flag},
    ),
    "histogram_bins": (cc.exact.histogram_bins, {"target": SPY}, {**TRUTH, "bins": whole(1)}),
    "histogram": (
        cc.exact.histogram,
        {"target": SPY},
        {**TRUTH, "bins": whole(1), "with_error": flag},
    ),
    "contour_fixed_point": (
        cc.exact.contour_fixed_point,
        {"target": SPY, "partition": PARTITION},
        {**CONTOUR_TRUTH, "iterations": whole(1)},
    ),
    "contour_mean": (
        cc.exact.contour_mean,
        {"function": len, "target": SPY, "partition": PARTITION, "theta": np.full(20, 0.05)},
        {**CONTOUR_TRUTH, "function": callable, "theta": array(20)},
    ),
    "ising_density_of_states": (cc.exact.ising_density_of_states, {}, {"size": whole(2, 5)}),
    "ising": (cc.discrete.ising, {}, {"size": whole(2)}),
    "total_variation": (
        cc.metrics.total_variation,
        {"run": RUN, "target": TARGET},
        {**MEASURE, "bins": whole(1), "weighted": flag},
    ),
    "kl_divergence": (
        cc.metrics.kl_divergence,
        {"run": RUN, "target": TARGET},
        {**MEASURE, "bins": whole(1), "weighted": flag},
    ),
    "metrics.mode_masses": (
        cc.metrics.mode_masses,
        {"run": RUN, "target": TARGET},
        {**MEASURE, "weighted": flag},
    ),
    "mode_mass_error": (
        cc.metrics.mode_mass_error,
        {"run": RUN, "target": TARGET},
        {**MEASURE, "weighted": flag},
    ),
    "modes_met": (cc.metrics.modes_met, {"run": RUN, "target": TARGET}, MEASURE),
    "transitions": (cc.metrics.transitions, {"run": RUN, "target": TARGET}, MEASURE),
    "gradients_to_all_modes": (
        cc.metrics.gradients_to_all_modes,
        {"run": RUN, "target": TARGET},
        MEASURE,
    ),
    "integrated_autocorrelation_time": (
        cc.metrics.integrated_autocorrelation_time,
        {},
        {"values": either(array(None), array(None, None))},
    ),
    **{
        name: (getattr(cc.diagnostics, name), {"run": RUN}, {"run": run})
        for name in (
            "energies_of",
            "moves",
            "bouncy_fraction",
            "clamped_fraction",
            "swap_fraction",
            "theta_spread",
            "theta_mismatch",
            "to_arviz",
            "agreement",
        )
    },
    "energy_round_trips": (
        cc.diagnostics.energy_round_trips,
        {"run": RUN},
        {"run": run, "quantiles": array(2)},
    ),
    "flatness": (
        cc.diagnostics.flatness,
        {"run": RUN},
        {"run": run, "partition": optional(a(cc.EnergyPartition))},
    ),
    "theta_drift": (
        cc.diagnostics.theta_drift,
        {"run": RUN},
        {"run": run, "since": number(above=0.0, below=1.0)},
    ),
    "log_psi": (
        cc.log_psi,
        {
            "energies": np.zeros(3),
            "theta": np.full(20, 0.05),
            "partition": PARTITION,
            "scheme": cc.ContourScheme(),
            "zeta": 1.0,
            "temperature": 1.0,
        },
        {
            "energies": not_nan,
            "theta": array(20),
            "partition": a(cc.EnergyPartition),
            "scheme": a(cc.ContourScheme),
            "zeta": number(least=0.0),
            "temperature": positive,
        },
    ),
    "gaussian_mixture": (
        cc.targets.gaussian_mixture,
        {"weights": [1.0], "means": [[0.0, 0.0]], "covariances": [[1.0, 1.0]]},
        {
            "weights": array(1),
            "means": array(1, 2),
            "covariances": either(array(1, 2), array(1, 2, 2)),
            "noise": catalogue_noise,
            "name": anything,
        },
    ),
    **{
        name: (getattr(cc.targets, name), {}, {"noise": catalogue_noise})
        for name in ("two_modes", "gaussian_grid", "nine_modes", "twenty_five_wells")
    },
    "phase_coexistence": (
        cc.targets.phase_coexistence,
        {"dim": 3},
        {"dim": whole(1), "noise": catalogue_noise},
    ),
    "mixture_data": (cc.targets.mixture_data, {}, {"n": whole(1), "seed": whole(0)}),
    "mixture_posterior": (
        cc.targets.mixture_posterior,
        {"data": [1.0, 2.0]},
        {"data": array(None), "batch_size": optional(whole(1, 2)), "replacement": flag},
    ),
    "logistic_regression": (
        cc.targets.logistic_regression,
        {"features": [[1.0, 2.0], [2.0, 1.0]], "labels": [0, 1]},
        {
            "features": array(2, None),
            "labels": array(2),
            "prior_sd": positive,
            "batch_size": optional(whole(1, 2)),
            "replacement": flag,
            "name": anything,
        },
    ),
    "minibatch_variance": (
        cc.targets.minibatch_variance,
        {"energies": np.arange(4.0), "size": 1},
        {"energies": array(None), "size": whole(1), "replacement": flag},
    ),
    "rebuild": (cc.targets.rebuild, {}, recipe),
    "processors": (cc.parallel.processors, {}, {}),
    "claims.judge": (
        claims.judge,
        {"statement": STATEMENT, "values": [1.0, 2.0], "budget": 1, "seeds": [1, 2]},
        {
            "statement": lambda value: value is STATEMENT,
            "values": array(2),
            "budget": whole(0),
            "seeds": each_is(whole(0)),
        },
    ),
    # methods
    "EnergyPartition.index": (
        PARTITION.index,
        {},
        {"energy": not_nan},
    ),
    "Target.energies": (SPY.energies, {}, {"positions": array(None, 2)}),
    "Target.gradients": (SPY.gradients, {}, {"positions": array(None, 2)}),
    "Target.contains": (SPY.contains, {}, {"positions": array(None, 2)}),
    "Target.mode_index": (SPY.mode_index, {}, {"positions": array(None, 2)}),
    "Target.estimates": (
        SPY.estimates,
        {"positions": np.zeros((1, 2)), "generator": np.random.default_rng(1)},
        {"positions": array(None, 2), "generator": a(np.random.Generator)},
    ),
    "Target.start": (SPY.start, {}, {"generator": a(np.random.Generator)}),
    "Target.check": (
        SPY.check,
        {},
        {"positions": optional(array(None, 2)), "tolerance": positive},
    ),
    "Target.description": (SPY.description, {}, {}),
    "DiscreteTarget.check": (
        ISING.check,
        {"moves": 10},
        {"moves": whole(1), "tolerance": positive},
    ),
    "DiscreteTarget.description": (ISING.description, {}, {}),
    "Run.mean": (RUN.mean, {}, {"function": optional(callable), "weighted": flag}),
    "Run.weights": (RUN.weights, {}, {"weighted": flag}),
    "Run.resample": (RUN.resample, {"n": 3, "seed": 1}, {"n": whole(1), "seed": own_seed}),
    "Run.effective_sample_size": (RUN.effective_sample_size, {}, {}),
    "Run.summary": (PAIR.summary, {}, {}),
    "Run.to_arviz": (PAIR.to_arviz, {}, {}),
    "Run.save": (RUN.save, {}, {"path": path}),
    "Run.load": (cc.Run.load, {}, {"path": path}),
    "WeightedSample.mean": (SAMPLE.mean, {}, {"function": optional(callable)}),
    "WeightedSample.resample": (
        SAMPLE.resample,
        {"n": 3, "seed": 1},
        {"n": whole(1), "seed": own_seed},
    ),
    "WeightedSample.effective_sample_size": (SAMPLE.effective_sample_size, {}, {}),
    "DensityOfStates.normalised": (DENSITY.normalised, {}, {"log_total": number()}),
    "DensityOfStates.log_z": (
        DENSITY.log_z,
        {},
        {"temperature": positive, "log_total": number()},
    ),
    "DensityOfStates.mean_energy": (DENSITY.mean_energy, {}, {"temperature": positive}),
    "DensityOfStates.heat_capacity": (DENSITY.heat_capacity, {}, {"temperature": positive}),
    "DensityOfStates.energy_pdf": (DENSITY.energy_pdf, {}, {"temperature": positive}),
}

# Public, but with nothing to check: results, whose fields the samplers fill; what compiled code
# calls; what only the core uses.
WITHOUT_ENTRY = {
    "Run",
    "WeightedSample",
    "DensityOfStates",
    "DivergenceError",
    "Uniform",
    "Distribution",
    "Distribution.draw",
    "Distribution.log_density",
    "Uniform.rvs",
    "Uniform.logpdf",
    "checkpoints",
    "check_methods",
    "check_run",
    "ContourScheme.from_settings",
    "Walking",
    "of_positions",
    "attempts_of",
    "sample",
}

JUNK = [
    *(None, True, np.True_, math.nan, math.inf, -math.inf, -1, 0, -0.5, 0.5, 1.5, 2, 3),
    *(10**30, -(10**30), 10**400, 1e300, -1e300, "1", "", "auto", "\0", b"1", b"", 1j),
    *(np.complex128(1), np.float64("nan"), np.float32(0.5), np.int64(-3), np.uint8(3)),
    *([], [1.0], [[1.0], [2.0, 3.0]], [math.nan], [[math.nan]], ["a"], ["1"], [["1", "2"]]),
    *([None], [1j], [-1], [0.5], (1, 2, 3), [math.inf, -math.inf], [[1j, 1j]], [b"1", b"2"]),
    *(np.array(1.0), np.array(math.nan), np.array("x"), np.empty(0), np.empty((0, 2))),
    *(np.zeros(3), np.zeros((2, 2, 2)), np.array([object()]), np.array([1 + 1j, 2])),
    *(np.full((2, 2), math.nan), np.array([None, 1.0]), np.array(["a", "b"])),
    *(np.array(["2020"], "M8[D]"), {}, {"a": 1}, set(), object(), int, len, str),
    *(lambda: None, range(3), range(-3), Decimal(1), Fraction(1, 2), Fraction(3, 2), slice(1)),
    *(Ellipsis, NotImplemented, Path("no such folder/file"), np.random.default_rng(0)),
    *(PARTITION, cc.ContourScheme(), SPY, RUN, ISING, SAMPLE, stats.norm(), np, json),
]


def arguments(call):
    parameters = inspect.signature(call).parameters.values()
    return {p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}


def named_in(error, name):
    return re.search(rf"\b{re.escape(name)}\b", str(error)) is not None


def refuse(entry, name, value):
    """A call with a value outside of its domain must raise, and name the argument, at once."""
    call, valid, _ = ENTRIES[entry]
    before = len(EVALUATIONS)
    error = None
    try:
        result = call(**{**valid, name: value})
    except (ValueError, TypeError, MemoryError) as raised:
        error = raised
    if error is not None:
        assert named_in(error, name), f"{entry}({name}={value!r}): {type(error).__name__}: {error}"
    else:
        raise AssertionError(f"{entry}({name}={value!r}) gives {result!r}")
    assert len(EVALUATIONS) == before, f"{entry}({name}={value!r}) raises after work was done"


# --- tests ----------------------------------------------------------------------------------------


def public(owner, prefix=""):
    for name, value in vars(owner).items():
        if name.startswith("_"):
            continue
        if isinstance(value, classmethod):
            value = value.__func__
        if not isinstance(value, type | types.FunctionType):
            continue
        home = getattr(value, "__module__", "")
        if not home.startswith("csgld_core") or (
            isinstance(owner, types.ModuleType)
            and home != owner.__name__
            and name not in getattr(owner, "__all__", ())
        ):
            continue
        if isinstance(value, type) and issubclass(value, tuple):  # results
            continue
        yield f"{prefix}{name}"
        if isinstance(value, type) and not issubclass(value, Exception):
            yield from public(value, f"{name}.")


def test_every_public_function_has_an_entry():
    modules = [cc, *(m for m in map(cc.__dict__.get, cc.__all__) if inspect.ismodule(m))]
    names = {name for module in modules for name in public(module)}
    missing = names - set(ENTRIES) - WITHOUT_ENTRY
    assert not missing, f"give these an entry with the domains of their arguments: {missing}"
    assert {"sgld", "Run.load", "moments", "theta_drift", "Table.where"} <= names


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_argument_has_a_domain(entry):
    call, _, domains = ENTRIES[entry]
    assert arguments(call) <= set(domains)


@pytest.mark.parametrize("entry", [entry for entry, (_, _, domains) in ENTRIES.items() if domains])
def test_what_is_out_of_its_domain_is_refused(entry, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wrong = []
    for (name, fine), value in itertools.product(ENTRIES[entry][2].items(), JUNK):
        if fine(value):
            continue
        try:
            refuse(entry, name, value)
        except AssertionError as error:
            wrong.append(str(error).split("\n")[0])
        except Exception as error:
            wrong.append(f"{entry}({name}={value!r}) raises {type(error).__name__}: {error}")
    assert not wrong, f"{len(wrong)} were not: " + "\n".join(wrong)


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.complex_numbers(),
    st.text(max_size=5),
    st.binary(max_size=5),
    st.fractions(),
    st.decimals(),
    st.sampled_from(JUNK),
)
junk = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(st.text(max_size=3), inner, max_size=2),
    ),
    max_leaves=8,
)
PAIRS = [(entry, name) for entry, (_, _, domains) in ENTRIES.items() for name in domains]


@settings(max_examples=500)
@given(st.sampled_from(PAIRS), junk)
def test_whatever_else_is_out_of_its_domain_is_refused(place, value):
    entry, name = place
    try:
        if ENTRIES[entry][2][name](value):
            return
    except Exception:
        return
    refuse(entry, name, value)


HUGE = {
    "steps": [10**15, 10**12],
    "chains": [10**9, 10**14],
    "partition": [cc.EnergyPartition(0.0, 1.0, 10**9)],
    "bins": [10**9, 10**30],
    "n": [10**12, 10**30],
    "particles": [10**12],
    "levels": [10**12],
    "dim": [10**12],
    "size": [10**6, 10**30],
    "seeds": [range(10**12)],
    "budget": [10**17],
}
# What is too large at once; all else works by and by, or is only a number.
GROWING = {"claims.judge", "with_budget", "flatness", "log_psi", "race", "wang_landau", "samc"}
TOO_LARGE = [
    (entry, name)
    for entry, name in PAIRS
    if name in HUGE and (entry not in GROWING or name in ("partition", "seeds"))
    if entry not in ("flatness", "log_psi", "EnergyPartition")
]


@pytest.mark.parametrize(("entry", "name"), TOO_LARGE)
def test_what_would_fill_the_memory_is_refused(entry, name, monkeypatch):
    monkeypatch.setattr(checks, "PHYSICAL_MEMORY", 4e9)  # the same on every machine
    for value in HUGE[name]:
        refuse(entry, name, value)


@pytest.mark.parametrize("part", ["edges", "centres"])
def test_cells_that_would_fill_the_memory_are_refused(part, monkeypatch):
    monkeypatch.setattr(checks, "PHYSICAL_MEMORY", 4e9)
    with pytest.raises(MemoryError, match="bins"):
        getattr(HUGE["partition"][0], part)


def test_the_limit_is_a_part_of_this_machines_memory(monkeypatch):
    monkeypatch.setattr(checks, "PHYSICAL_MEMORY", 1e6)
    checks.memory(0.7e6, steps=1)
    with pytest.raises(MemoryError, match=r"steps and chains must need less .*steps=1, chains=2"):
        checks.memory(0.8e6, steps=1, chains=2)
    with pytest.raises(MemoryError, match="steps and thin and chains"):
        cc.sgld(TARGET, 20_000, step_size=0.01)
    cc.sgld(TARGET, 20_000, step_size=0.01, thin=100)


# --- just inside ----------------------------------------------------------------------------------

EXTREMES = [
    *({"steps": 1}, {"steps": 50, "thin": 50}, {"steps": 50, "burn_in": 49}, {"chains": 500}),
    *({"temperature": t} for t in (1e-300, 1e-6, 1e6, 1e300)),
    *({"step_size": e} for e in (1e-300, 1e-12, 1e6, 1e300)),
    *({"friction": f} for f in (1e-300, 1e300)),
    {"seed": 10**300},
]
CONTOUR_EXTREMES = [
    *({"zeta": z} for z in (0.0, 1e-300, 1.0, 2.0, 100.0, 1e300)),
    {"partition": cc.EnergyPartition(-8.0, 18.0, 10**6)},
    {"partition": cc.EnergyPartition(-8.0, 18.0, 2)},
    {"partition": cc.EnergyPartition(-1e300, 1e300, 10)},
    {"partition": cc.EnergyPartition(1e6, 2e6, 10)},
    {"partition": cc.EnergyPartition(0.0, 1e-290, 4)},
    *({"scheme": cc.ContourScheme(clip=c)} for c in (None, (0.0, 0.0), (-1e300, 1e300))),
    *({"scheme": cc.ContourScheme(floor=f)} for f in (None, 1e-300, 0.999)),
    {"scheme": cc.ContourScheme(gain_schedule=(1e-300, 1e-300, 0.0, 0.0))},
    {"scheme": cc.ContourScheme(gain_schedule=(0.999, 1e300, 0.0, 0.0), clip=None)},
    {"scheme": cc.ContourScheme(gain_schedule=(0.999, 1.0, 1e300, 1e300))},
    *({"scheme": cc.ContourScheme(slope=s)} for s in ("backward", "forward", "smooth")),
    *({"scheme": cc.ContourScheme.published(gain=g)} for g in ("cell", "interacting")),
]
OWN = {
    cc.sgld: {"step_size": 0.01},
    cc.cyclical_sgld: {"peak_step_size": 0.01, "cycles": 1, "sampling_fraction": 1.0},
    cc.replica_exchange_sgld: {"step_size": 0.01, "high_temperature": 1e301},
    cc.contour_sgld: {"step_size": 0.01, "partition": cc.EnergyPartition(-8.0, 18.0, 20)},
    cc.interacting_contour_sgld: {
        "step_size": 0.01,
        "partition": cc.EnergyPartition(-8.0, 18.0, 20),
    },
}


def finite_or_clear(sampler, target, arguments):
    """What is allowed works, with finite results, or says why not."""
    if sampler is cc.cyclical_sgld and "step_size" in arguments:
        arguments = {"peak_step_size": arguments["step_size"]}
    arguments = {"steps": 50, "seed": 1, **OWN[sampler], **arguments}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of the partition, or of rejections
        warnings.simplefilter("error", RuntimeWarning)
        try:
            run = sampler(target, **arguments)
        except cc.DivergenceError:
            return None
    for name in ("positions", "energies", "multipliers", "log_weights", "energy_pdfs"):
        values = getattr(run, name)
        assert values is None or np.isfinite(values).all(), f"{name} of {arguments}: {values}"
    assert run.weights().sum() == pytest.approx(1.0)
    assert np.isfinite(run.mean()).all()
    return run


@pytest.mark.parametrize("integrator", ["euler", "leimkuhler_matthews", "baoab", "mala"])
@pytest.mark.parametrize("sampler", OWN, ids=lambda sampler: sampler.__name__)
def test_extremes_of_what_is_allowed(sampler, integrator):
    own = CONTOUR_EXTREMES if "partition" in OWN[sampler] else []
    wrong = []
    for extreme in [*EXTREMES, *own]:
        try:
            finite_or_clear(sampler, TARGET, {"integrator": integrator, **extreme})
        except Exception as error:
            wrong.append(f"{extreme}: {type(error).__name__}: {error}"[:300])
    assert not wrong, "\n".join(wrong)


def gaussian(dim, scale=1.0, **settings):
    mixture = cc.targets.gaussian_mixture([1.0], np.zeros((1, dim)), np.full((1, dim), scale**2))
    return cc.Target(mixture.callback, dim, data=mixture.data, modes=mixture.modes, **settings)


@pytest.mark.parametrize("dim", [1, 2, 300])
@pytest.mark.parametrize("scale", [1e-100, 1e-6, 1.0, 1e6, 1e100])
@pytest.mark.parametrize("boxed", [False, True])
def test_targets_of_all_sizes(dim, scale, boxed):
    box = (-scale, scale) if boxed else None
    target = gaussian(dim, scale, box=box)
    start = np.zeros(dim)
    low = target.energies(start[None])[0]
    partition = cc.EnergyPartition(low - 1.0, low + dim, 20)
    for sampler in (cc.sgld, cc.contour_sgld):
        own = {} if sampler is cc.sgld else {"partition": partition}
        own |= {"step_size": 0.01 * scale**2, "start": start}
        finite_or_clear(sampler, target, own)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:  # all by itself
            run = cc.contour_sgld(target, 50, seed=1)
        except ValueError as error:  # a pilot may be lost where energies reach 1e200
            run, message = None, str(error)
    if run is None:
        assert scale in (1e-100, 1e100)
        assert re.match("target|partition", message)
    else:
        assert np.isfinite(run.positions).all()
        assert np.isfinite(run.log_weights).all()
