"""Contour SGLD and its rivals, over a small numba core.

>>> import csgld_core as cc
>>> run = cc.contour_sgld(**cc.experiments.E2_BAOAB, seed=1)
>>> run.positions.shape
(1, 9950, 2)
"""

__version__ = "0.1.0"

from . import (
    compiled,  # noqa: F401  (first: it drops stale caches)
    exact,
    experiments,
    importance,
    metrics,
    parallel,
    study,
    targets,
)
from .chain import DivergenceError
from .energy_pdf import ContourScheme
from .partition import EnergyPartition
from .run import Run
from .samplers import contour_sgld, cyclical_sgld, replica_exchange_sgld, sgld
from .targets import Target

__all__ = [
    "ContourScheme",
    "DivergenceError",
    "EnergyPartition",
    "Run",
    "Target",
    "contour_sgld",
    "cyclical_sgld",
    "exact",
    "experiments",
    "importance",
    "metrics",
    "parallel",
    "replica_exchange_sgld",
    "sgld",
    "study",
    "targets",
]
