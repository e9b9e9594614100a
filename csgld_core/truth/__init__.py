"""Exact answers, and how far a run is from them."""

from . import exact, metrics

__all__ = ["exact", "metrics"]
