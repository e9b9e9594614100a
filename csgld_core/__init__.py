"""Contour SGLD and its rivals, over a small numba core.

>>> import csgld_core as cc
>>> run = cc.contour_sgld(**cc.experiments.E2_BAOAB, seed=1)
>>> cc.metrics.mode_mass_error(run, cc.targets.nine_modes())  # doctest: +SKIP
"""

__version__ = "0.1.0"

from . import compiled  # noqa: I001  (drops stale caches before anything is compiled)
from . import energy_pdf, importance, parallel, targets
from .chain import DivergenceError
from .energy_pdf import ContourScheme
from .partition import EnergyPartition
from .run import Run
from .samplers import contour_sgld, cyclical_sgld, replica_exchange_sgld, sgld
from .targets import Target
