import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import csgld_core as cc
from csgld_core.kernels.energy_pdf import cell_of
from csgld_core.scheme import contour_of

finite = st.floats(-1e3, 1e3)


@st.composite
def partitions(draw, most=2000):
    low = draw(finite)
    return cc.EnergyPartition(low, low + draw(st.floats(1e-2, 1e4)), draw(st.integers(2, most)))


def compiled_cell(energy, partition):
    settings = contour_of(partition, cc.ContourScheme(), 0.75, 1.0)
    return cell_of(float(energy), settings)


@given(partitions(), st.floats(-0.2, 1.2))
def test_cells_are_open_below_and_closed_above(partition, fraction):
    energy = partition.low + fraction * (partition.high - partition.low)
    edges = partition.edges
    rounding = 1e-12 * (abs(partition.low) + abs(partition.high))
    assume(np.abs(edges - energy).min() > rounding)
    cell = partition.index(energy)
    if energy < partition.low:
        assert cell == 0
    elif energy > partition.high:
        assert cell == partition.bins - 1
    else:
        assert edges[cell] < energy <= edges[cell + 1]


def test_an_edge_belongs_to_the_cell_below_it():
    partition = cc.EnergyPartition(-4.0, 4.0, 16)  # edges without rounding
    assert partition.index(partition.edges).tolist() == [0, *range(16)]
    assert partition.index(partition.edges + 1e-12).tolist() == [*range(16), 15]


@given(partitions())
def test_edges_centres_and_width_agree(partition):
    edges = partition.edges
    assert len(edges) == partition.bins + 1
    assert (edges[0], edges[-1]) == (partition.low, partition.high)
    assert np.diff(edges) == pytest.approx(partition.width, rel=1e-6)
    assert (partition.index(partition.centres) == np.arange(partition.bins)).all()


@given(partitions(), st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_vectorised_scalar_and_compiled_index_agree(partition, energies):
    energies = np.array([*energies, -math.inf, math.inf, *partition.edges[:30]])
    together = partition.index(energies)
    assert together.dtype == np.int64
    assert partition.index(energies[None, :, None]).shape == (1, energies.size, 1)
    one_by_one = [partition.index(energy) for energy in energies]
    assert type(one_by_one[0]) is int
    assert together.tolist() == one_by_one
    assert together.tolist() == [compiled_cell(energy, partition) for energy in energies]


@pytest.mark.parametrize("bins", [65_536, 100_000, 1_000_000])
def test_many_cells(bins):
    partition = cc.EnergyPartition(-7.0, 18.0, bins)
    assert (partition.index(partition.centres) == np.arange(bins)).all()
    for cell in (0, 65_535, bins // 2, bins - 1):
        assert compiled_cell(partition.centres[cell], partition) == cell


BAD = [
    ("bins", {"bins": 1}, "1", ">= 2"),
    ("bins", {"bins": 0}, "0", ">= 2"),
    ("bins", {"bins": -5}, "-5", ">= 2"),
    ("bins", {"bins": 2.5}, "2.5", "whole"),
    ("bins", {"bins": math.nan}, "nan", "whole"),
    ("bins", {"bins": math.inf}, "inf", "whole"),
    ("bins", {"bins": True}, "True", "whole"),
    ("bins", {"bins": "10"}, "'10'", "whole"),
    ("low", {"low": math.nan}, "nan", "finite"),
    ("low", {"low": -math.inf}, "-inf", "finite"),
    ("low", {"low": "0"}, "'0'", "finite"),
    ("low", {"low": False}, "False", "finite"),
    ("low", {"low": None}, "None", "finite"),
    ("high", {"high": math.nan}, "nan", "finite"),
    ("high", {"high": math.inf}, "inf", "finite"),
    ("high", {"high": "1"}, "'1'", "finite"),
    ("high", {"high": True}, "True", "finite"),
    ("high", {"high": 0.0}, "0.0", "> 0"),
    ("high", {"high": -1.0}, "-1.0", "> 0"),
    ("high", {"low": -1e308, "high": 1e308}, "1e+308", "above low"),
    ("high", {"low": 0.0, "high": 1e-310}, "1e-310", "above low"),
]


@pytest.mark.parametrize(("name", "change", "value", "allowed"), BAD)
def test_bad_input_is_named(name, change, value, allowed):
    with pytest.raises(ValueError) as error:  # noqa: PT011  (the message is examined below)
        cc.EnergyPartition(**{"low": 0.0, "high": 1.0, "bins": 10, **change})
    assert str(error.value).startswith(f"{name} must be ")
    assert str(error.value).endswith(f"got {value}")
    assert allowed in str(error.value)


def test_nan_energy_has_no_cell():
    with pytest.raises(ValueError, match="energy must be numbers that are not NaN"):
        cc.EnergyPartition(0.0, 1.0, 10).index([0.5, math.nan])
