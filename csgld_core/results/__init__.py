"""What samplers return, and what it says about itself."""

from .run import Run
from .weights import DensityOfStates, WeightedSample

__all__ = ["DensityOfStates", "Run", "WeightedSample"]
