"""Every figure and claim of the sources, recomputed: `reproduce` makes all, or those you name.

The sources are the blog post *Dynamic Importance Sampling and Beyond* (W. Deng), the synthetic
section of the CSGLD paper (Deng, Lin and Liang, NeurIPS 2020, arXiv 2010.09800), and the demos they
show; some claims are of the interacting CSGLD paper (Deng et al., ICLR 2022, arXiv 2202.09867).
"""

# They register figures and claims, in the order of CLAIMS.md.
# ruff: noqa: F401, I001
from . import unknown_class, mixture, theta, bouncing, comparison, animations, traps
from .catalogue import (
    BLOG,
    CLAIMS,
    FIGURES,
    INTERACTING_PAPER,
    PAPER,
    claim,
    experiment,
    figure,
    runs,
)
from .comparison import race
from .reproduction import Reproduction, Verdicts, check, reproduce

__all__ = [
    "BLOG",
    "CLAIMS",
    "FIGURES",
    "INTERACTING_PAPER",
    "PAPER",
    "Reproduction",
    "Verdicts",
    "check",
    "claim",
    "experiment",
    "figure",
    "race",
    "reproduce",
    "runs",
]
