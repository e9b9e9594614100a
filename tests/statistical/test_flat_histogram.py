"""Densities of states against enumeration, areas and quadrature."""

import math

import numba
import numpy as np
import pytest

import csgld_core as cc

ISING = cc.discrete.ising(4)
LEVELS = cc.EnergyPartition(-34.0, 34.0, 17)
LOG_STATES = 16 * math.log(2.0)
# The default gain of samc, ten times that of 1/t, leaves more noise.
BOTH = pytest.mark.parametrize(
    ("algorithm", "tolerance"), [(cc.wang_landau, 0.03), (cc.samc, 0.06)]
)


def relative_errors(found):
    """g of every level that exists, against enumeration."""
    energies, states = cc.exact.ising_density_of_states(4)
    cells = LEVELS.index(energies)
    assert np.array_equal(np.flatnonzero(found.visits), cells)
    return np.exp(found.normalised(LOG_STATES)[cells]) / states - 1.0


@pytest.fixture(scope="module")
def learned():
    return cc.wang_landau(ISING, 5e7, partition=LEVELS, seed=5000)


def test_wang_landau_counts_the_states_of_the_ising_model(learned):
    # Standard deviation over seeds at most 0.5 %.
    assert abs(relative_errors(learned)).max() <= 0.02
    flat = learned.visits[learned.visits > 0] / learned.steps
    assert flat == pytest.approx(1 / 15, rel=0.02)
    assert learned.round_trips > 10_000


@pytest.mark.parametrize("desired", [None, np.linspace(1.0, 3.0, 17)])
def test_samc_counts_the_states_and_visits_as_desired(desired):
    found = cc.samc(ISING, 2e7, partition=LEVELS, t0=40, desired=desired, seed=5000)
    assert abs(relative_errors(found)).max() <= 0.05
    # What is meant for the two empty cells is shared equally by the others.
    share, empty = np.array(found.settings["desired"]), [1, 15]
    expected = share + share[empty].sum() / 15
    expected[empty] = 0.0
    assert found.visits / found.steps == pytest.approx(expected, rel=0.02)


def test_one_over_t_goes_on_learning_where_flatness_stops():
    def error(schedule, steps):
        runs = [
            cc.wang_landau(ISING, steps, partition=LEVELS, schedule=schedule, seed=5000 + n)
            for n in range(5)
        ]
        return np.sqrt(np.mean([relative_errors(run) ** 2 for run in runs]))

    assert error("1/t", 2e6) < 0.7 * error("1/t", 5e5)  # t^(-1/2): half
    assert error("flatness", 2e6) > 0.9 * error("flatness", 5e5)


def test_thermodynamics_of_the_ising_model(learned):
    energies, states = cc.exact.ising_density_of_states(4)
    for temperature in (1.0, 2.27, 10.0):
        terms = states * np.exp(-(energies - energies[0]) / temperature)
        log_z = math.log(terms.sum()) - energies[0] / temperature
        assert learned.log_z(temperature, LOG_STATES) == pytest.approx(log_z, abs=0.02)
        mean = terms @ energies / terms.sum()
        assert learned.mean_energy(temperature) == pytest.approx(mean, abs=0.1)
        theta = learned.energy_pdf(temperature)
        assert theta.sum() == pytest.approx(1.0)
        assert theta[LEVELS.index(energies)] == pytest.approx(terms / terms.sum(), rel=0.04)
        heat = (terms @ energies**2 / terms.sum() - mean**2) / temperature**2
        assert learned.heat_capacity(temperature) == pytest.approx(heat, rel=0.04)


@numba.njit
def well(position, gradient):
    energy = 0.0
    for i in range(2):
        gradient[i] = position[i]
        energy += 0.5 * position[i] ** 2
    return energy


@BOTH
@pytest.mark.parametrize(("box", "high", "area"), [((-2, 2), 4.0, 16.0), (None, 2.0, 4 * math.pi)])
def test_areas_of_a_well(algorithm, tolerance, box, high, area):
    # States with energy below E <= 2 fill a disc of area 2 pi E, inside the box or without.
    target = cc.Target(well, 2, box=box)
    partition = cc.EnergyPartition(0.0, high, int(8 * high))
    found = algorithm(target, 5e6, partition=partition, step_size=0.7, seed=5000)
    areas = np.exp(found.normalised(math.log(area)))
    assert areas[:16] == pytest.approx(2 * math.pi * partition.width, rel=tolerance)
    # All energies of a cell are as likely.
    assert found.energies[:16] == pytest.approx(partition.centres[:16], abs=0.02 * partition.width)


@BOTH
def test_partition_function_of_nine_modes(algorithm, tolerance):
    target = cc.targets.nine_modes()
    partition = cc.EnergyPartition(-7.0, 17.0, 240)
    found = algorithm(target, 5e6, partition=partition, step_size=0.5, seed=5000)
    for temperature in (1.0, 2.0, 8.0):
        truth = cc.exact.moments(target, temperature)
        assert found.log_z(temperature, math.log(25.0)) == pytest.approx(truth.log_z, abs=tolerance)
        assert found.mean_energy(temperature) == pytest.approx(truth.energy, abs=tolerance)
        theta = cc.exact.energy_pdf(target, partition, temperature)
        assert 0.5 * abs(found.energy_pdf(temperature) - theta).sum() < tolerance


def test_what_lies_outside_the_partition_does_not_count():
    target = cc.targets.nine_modes()
    low = cc.EnergyPartition(-7.0, 3.0, 100)
    found = cc.wang_landau(target, 5e6, partition=low, step_size=0.5, start=(2.4, 2.4), seed=5000)
    # At a high temperature the energies beyond would count.
    below = cc.exact.expectation(lambda x: target.energies(x) <= 3.0, target, 50.0)
    energy = cc.exact.expectation(lambda x: np.minimum(target.energies(x), 3.0), target, 50.0)
    truth = (energy - 3.0 * (1.0 - below)) / below
    assert found.mean_energy(50.0) == pytest.approx(truth, abs=0.02)
