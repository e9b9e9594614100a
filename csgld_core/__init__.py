"""Contour SGLD and its rivals, over a small numba core.

>>> import csgld_core as cc
>>> run = cc.contour_sgld(**cc.experiments.E2_BAOAB, seed=1)
>>> run.positions.shape
(1, 9950, 2)
"""

import importlib

from .files import VERSION as __version__  # noqa: F401
from .partition import EnergyPartition
from .results import DensityOfStates, Run, WeightedSample, diagnostics
from .running import parallel, resume, study
from .samplers import (
    DivergenceError,
    annealed_importance_sampling,
    contour_sgld,
    cyclical_sgld,
    flat_histogram,
    importance,
    importance_sampling,
    interacting_contour_sgld,
    replica_exchange_sgld,
    samc,
    sgld,
    wang_landau,
)
from .samplers import importance as annealing  # plain and annealed stand in one file
from .scheme import ContourScheme, log_psi
from .targets import Target, discrete
from .targets.discrete import DiscreteTarget
from .truth import exact, metrics

__all__ = [
    "ContourScheme",
    "DensityOfStates",
    "DiscreteTarget",
    "DivergenceError",
    "EnergyPartition",
    "Run",
    "Target",
    "WeightedSample",
    "annealed_importance_sampling",
    "annealing",
    "contour_sgld",
    "cyclical_sgld",
    "diagnostics",
    "discrete",
    "exact",
    "experiments",
    "flat_histogram",
    "importance",
    "importance_sampling",
    "interacting_contour_sgld",
    "log_psi",
    "metrics",
    "parallel",
    "replica_exchange_sgld",
    "resume",
    "samc",
    "sgld",
    "study",
    "targets",
    "wang_landau",
]


def __getattr__(name):
    if name == "experiments":  # they make targets, which takes a moment
        return importlib.import_module(".experiments", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return __all__
