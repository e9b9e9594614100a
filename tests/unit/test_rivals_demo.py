"""The demo of the rivals shows what the sampler does."""

import numpy as np
import pytest

import csgld_core as cc
from csgld_book.demos import rivals


@pytest.mark.parametrize("swap_rate", [0.1, 1.0])
def test_the_replicas_shown_are_those_of_the_sampler(swap_rate):
    target, (first, last) = cc.targets.nine_modes(noise=0.32), rivals._WINDOW
    both = rivals._two_replicas(target, 1e-3, 3.0, swap_rate, 0.1, seed=0)
    settings = {"step_size": 1e-3, "high_temperature": 3.0, "energy_variance": 0.1}
    settings |= {"swap_rate": swap_rate, "start": rivals._START, "seed": 0}
    run = cc.replica_exchange_sgld(target, last, **settings)
    assert np.array_equal(run.positions[0, first:], both.positions[0])
    before = cc.replica_exchange_sgld(target, first + 1, **settings)
    found = rivals._exchanged(both.positions, 3.0).sum()
    assert abs(found - (run.swaps - before.swaps)) <= 2  # told from positions, not counted
