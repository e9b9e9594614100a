"""The named experiments of SCIENCE: the only place where their numbers stand.

Each is a read-only mapping, ready to unpack: `contour_sgld(**E2_PUBLISHED, seed=1)`.
"""

from types import MappingProxyType

from . import targets
from .energy_pdf import ContourScheme
from .partition import EnergyPartition


def _settings(*parents, **settings):
    merged = {}
    for parent in (*parents, settings):
        merged.update(parent)
    return MappingProxyType(merged)


# E1, two modes in one dimension: CSGLD paper, section 4.1. Gradient noise of variance 0.01.
_E1 = _settings(target=targets.two_modes(noise=0.1), steps=10_000_000, thin=10)
E1_SGLD = _settings(_E1, step_size=0.1)
E1_CONTOUR = _settings(
    E1_SGLD,
    zeta=0.75,
    partition=EnergyPartition(1.0, 51.0, 50),
    scheme=ContourScheme(),
)
E1_PUBLISHED = _settings(
    E1_CONTOUR, scheme=ContourScheme.published(gain_schedule=(0.5, 1.0, 0.6, 100.0))
)

# E2, nine modes in two dimensions: the published comparison, 2e5 gradients for every method.
E2_BUDGET = 200_000
_E2 = _settings(
    target=targets.nine_modes(noise=0.32),
    steps=E2_BUDGET,
    thin=20,
    start=(2.0, 2.0),
    walls="reject",
)
_E2_ALL_CELLS = EnergyPartition(-20.0 / 3.0 - 1.0, 49.0 / 3.0 + 1.0, 100)  # min U - 1, max U + 1
E2_SGLD = _settings(_E2, step_size=1e-3)
E2_CYCLICAL = _settings(_E2, peak_step_size=5e-3, cycles=20, sampling_fraction=0.5)
E2_REPLICA_EXCHANGE = _settings(
    E2_SGLD,
    steps=E2_BUDGET // 2,
    thin=10,
    high_temperature=3.0,
    swap_rate=0.1,
    energy_variance=0.1,
)
E2_PUBLISHED = _settings(
    E2_SGLD, zeta=0.75, partition=_E2_ALL_CELLS, scheme=ContourScheme.published()
)

# Ours on E2: underdamped contour dynamics, consistent scheme, reflecting walls.
E2_BAOAB = _settings(
    E2_PUBLISHED,
    integrator="baoab",
    step_size=0.15,
    friction=4.0,
    scheme=ContourScheme(),
    walls="reflect",
    thin=10,
    burn_in=1_000,
)
