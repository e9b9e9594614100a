"""Samplers: each validates its arguments, runs chains, and returns what they drew."""

from .chain import DivergenceError
from .contour import contour_sgld, interacting_contour_sgld
from .flat_histogram import samc, wang_landau
from .importance import annealed_importance_sampling, importance_sampling
from .langevin import cyclical_sgld, replica_exchange_sgld, sgld

__all__ = [
    "DivergenceError",
    "annealed_importance_sampling",
    "contour_sgld",
    "cyclical_sgld",
    "importance_sampling",
    "interacting_contour_sgld",
    "replica_exchange_sgld",
    "samc",
    "sgld",
    "wang_landau",
]
