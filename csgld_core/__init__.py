"""Contour SGLD and its rivals, over a small numba core.

>>> import csgld_core as cc
>>> run = cc.contour_sgld(**cc.experiments.E2_BAOAB, seed=1)
>>> run.positions.shape
(1, 9950, 2)
"""

__version__ = "0.1.0"

from . import (
    compiled,  # noqa: F401  (first: it drops stale caches)
    discrete,
    exact,
    experiments,
    flat_histogram,
    importance,
    metrics,
    parallel,
    targets,
)
from .chain import DivergenceError
from .discrete import DiscreteTarget
from .energy_pdf import ContourScheme
from .flat_histogram import DensityOfStates, samc, wang_landau
from .partition import EnergyPartition
from .run import Run
from .samplers import contour_sgld, cyclical_sgld, replica_exchange_sgld, sgld
from .targets import Target

__all__ = [
    "ContourScheme",
    "DensityOfStates",
    "DiscreteTarget",
    "DivergenceError",
    "EnergyPartition",
    "Run",
    "Target",
    "contour_sgld",
    "cyclical_sgld",
    "discrete",
    "exact",
    "experiments",
    "flat_histogram",
    "importance",
    "metrics",
    "parallel",
    "replica_exchange_sgld",
    "samc",
    "sgld",
    "targets",
    "wang_landau",
]
