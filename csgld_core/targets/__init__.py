"""Targets: energies to sample from, by name or your own."""

from ..kernels import CALLBACK, CALLBACK_SIGNATURE, GENERATOR
from .catalogue import (
    gaussian_grid,
    gaussian_mixture,
    nine_modes,
    phase_coexistence,
    twenty_five_wells,
    two_modes,
)
from .posteriors import (
    draw_minibatch,
    logistic_regression,
    minibatch_variance,
    mixture_data,
    mixture_posterior,
)
from .target import Target, rebuild

__all__ = [
    "CALLBACK",
    "CALLBACK_SIGNATURE",
    "GENERATOR",
    "Target",
    "draw_minibatch",
    "gaussian_grid",
    "gaussian_mixture",
    "logistic_regression",
    "minibatch_variance",
    "mixture_data",
    "mixture_posterior",
    "nine_modes",
    "phase_coexistence",
    "rebuild",
    "twenty_five_wells",
    "two_modes",
]


def __dir__():
    return __all__
