"""Contour SGLD and its rivals, over a small numba core.

>>> import csgld_core as cc
>>> run = cc.contour_sgld(**cc.experiments.E2_BAOAB, seed=1)
>>> run.positions.shape
(1, 9950, 2)
"""

__version__ = "0.1.0"

from . import compiled  # noqa: F401  isort: skip  (first: it drops stale caches)
from . import (
    annealing,
    diagnostics,
    discrete,
    exact,
    experiments,
    flat_histogram,
    importance,
    metrics,
    parallel,
    study,
    targets,
)
from .annealing import annealed_importance_sampling
from .chain import DivergenceError
from .discrete import DiscreteTarget
from .energy_pdf import ContourScheme
from .flat_histogram import DensityOfStates, samc, wang_landau
from .importance import WeightedSample, importance_sampling
from .partition import EnergyPartition
from .resume import resume
from .run import Run
from .samplers import (
    contour_sgld,
    cyclical_sgld,
    interacting_contour_sgld,
    replica_exchange_sgld,
    sgld,
)
from .targets import Target

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
