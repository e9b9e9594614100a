"""What a figure draws is found, kept, fingerprinted and compared."""

import os
import re

import numpy as np
import pytest
from matplotlib import colors
from matplotlib.collections import LineCollection

from csgld_book import figure_data, plotting
from csgld_book.figure_data import differences, digest, drawn

X = np.array([1.0, 2.0, 4.0])
SEEDS = np.array([[1.0, 2.0, 3.0], [4.0, 4.0, 7.0], [0.0, 1.0, 5.0]])  # a row for each x
ERRORS = SEEDS.std(axis=1, ddof=1) / np.sqrt(3)


def panel():
    return plotting.figure()


def parts(fig, name):
    """The parts of one thing drawn in the first panel."""
    start = f"panel 1, {name}, "
    data = drawn(fig)
    assert all(array.dtype == np.float32 for array in data.values())
    return {key.removeprefix(start): data[key] for key in data if key.startswith(start)}


def same(found, **wanted):
    assert found.keys() == wanted.keys()
    for name, values in wanted.items():
        assert np.shape(values) == found[name].shape, name
        assert np.allclose(found[name], values), name


# --- what is drawn --------------------------------------------------------------------------------


def test_lines_are_named_by_their_label_or_number():
    fig, ax = panel()
    ax.plot(X, X**2, label="square")
    ax.plot(X, -X)
    ax.plot(X, X, label="square")
    same(parts(fig, "square"), x=X, y=X**2)
    same(parts(fig, "line 1"), x=X, y=-X)
    same(parts(fig, "square 2"), x=X, y=X)
    assert len(drawn(fig)) == 6


def test_bands_are_errors_of_their_lines():
    fig, ax = panel()
    plotting.bands(ax, X, SEEDS, "SGLD")
    plotting.bands(ax, X, SEEDS + 1, "CSGLD, BAOAB")
    same(parts(fig, "SGLD"), x=X, y=SEEDS.mean(axis=1), error=ERRORS)
    same(parts(fig, "CSGLD, BAOAB"), x=X, y=SEEDS.mean(axis=1) + 1, error=ERRORS)
    assert ax.get_legend_handles_labels()[1] == ["SGLD", "CSGLD, BAOAB"]


def test_error_bars():
    fig = plotting.against_theory(X, {"SGLD": SEEDS}, {"theory": 2.0})
    same(parts(fig, "SGLD"), x=X, y=SEEDS.mean(axis=1), error=ERRORS)
    same(parts(fig, "theory"), x=X, y=[2.0, 2.0, 2.0])
    assert len(drawn(fig)) == 5
    fig, ax = panel()
    ax.errorbar(X, X**2, xerr=0.1 * X, yerr=X, linestyle="none", label="both", capsize=3)
    ax.errorbar(X, X**2, X, fmt="none", label="no line")
    same(parts(fig, "both"), **{"x": X, "y": X**2, "x error": 0.1 * X, "error": X})
    same(parts(fig, "no line"), x=X, y=X**2, error=X)


def test_histograms():
    fig, ax = panel()
    ax.stairs([5.0, 6.0], X, label="stairs")
    ax.stairs([1.0, 2.0], X)
    ax.bar([1, 2], [7.0, 8.0], label="bars")
    ax.barh([1, 2], [7.0, 8.0], label="lying")
    ax.hist([1.5, 3.0, 3.5], X, histtype="step", label="step")
    ax.axvspan(2.0, 3.0, label="span")
    same(parts(fig, "stairs"), heights=[5, 6], edges=X)
    same(parts(fig, "stairs 1"), heights=[1, 2], edges=X)
    same(parts(fig, "bars"), heights=[7, 8], positions=[1, 2])
    same(parts(fig, "lying"), heights=[7, 8], positions=[1, 2])
    assert {(1, 0), (1, 1), (2, 2), (4, 2)} <= {tuple(p) for p in parts(fig, "step")["points"]}
    assert {2.0, 3.0} == set(parts(fig, "span")["points"][:, 0])


def test_images_without_their_colour_bar():
    cells = np.arange(6.0).reshape(2, 3)
    fig, (left, right) = plotting.figure(columns=2)
    image = left.imshow(cells, extent=(0, 3, 0, 2), norm=colors.PowerNorm(0.5))
    fig.colorbar(image, ax=right)
    right.pcolormesh([0, 1, 2, 3], [0, 1, 2], cells)
    same(parts(fig, "image 1"), image=cells, extent=[0, 3, 0, 2])
    data = drawn(fig)
    assert np.array_equal(data["panel 2, mesh 1, image"], cells)
    assert np.array_equal(data["panel 2, mesh 1, corners"][2, 3], [3, 2])
    assert not any(name.startswith("panel 3") for name in data)


def test_clouds_arrows_segments_contours_and_insets():
    fig, ax = panel()
    ax.scatter(X, -X, s=X, label="cloud")
    ax.quiver(X, X, -X, 2 * X)
    ax.add_collection(LineCollection([[(0, 1), (2, 3)], [(4, 5), (6, 7), (8, 9)]]))
    ax.contour(X, X, np.add.outer(X, X), [3.0])
    ax.inset_axes((0.5, 0.5, 0.4, 0.4)).plot(X, X, label="inset")
    same(parts(fig, "cloud"), points=np.column_stack([X, -X]), sizes=X)
    arrows = np.column_stack([-X, 2 * X])
    same(parts(fig, "arrows 1"), points=np.column_stack([X, X]), arrows=arrows)
    same(parts(fig, "segments 1"), points=np.arange(10.0).reshape(5, 2))
    corners = parts(fig, "outlines 1")["points"]
    assert np.allclose(corners.sum(axis=1), 3.0)
    assert np.array_equal(drawn(fig)["panel 2, inset, y"], X)


def test_long_paths_are_thinned_and_zeros_are_clean():
    fig, ax = panel()
    ax.plot(np.arange(3 * figure_data.POINTS), np.zeros(3 * figure_data.POINTS))
    ax.plot([0, 1, 2], np.ma.masked_equal([-1e-17, 1.0, 5.0], 5.0))
    long, short = parts(fig, "line 1"), parts(fig, "line 2")
    assert np.array_equal(long["x"], 3 * np.arange(figure_data.POINTS))
    assert str(short["y"].tolist()) == "[0.0, 1.0, nan]"


# --- files ----------------------------------------------------------------------------------------


def data():
    fig, ax = panel()
    ax.plot(X, X**2, label="a 1/t")
    ax.stairs([5.0, 6.0], X)
    return drawn(fig)


def test_files_return_the_data_have_the_same_bytes_and_no_path(tmp_path):
    contents = []
    for name, found in (("one", data()), ("two", dict(reversed(data().items())))):
        path = tmp_path / f"{name}.npz"
        figure_data.save(path, found)
        contents.append(path.read_bytes())
        read = figure_data.load(path)
        assert digest(read) == digest(found)
        same(read, **found)
    assert contents[0] == contents[1]
    assert not re.search(rb"/(home|root|tmp|work|Users)/", contents[0])
    assert str(tmp_path).encode() not in contents[0]


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.npz"
    figure_data.save(path, data())
    before = path.read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        figure_data.save(path, {"panel 1, line 1, x": X})
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]
    assert path.read_bytes() == before


def test_a_foreign_file_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    path.write_text("no data")
    with pytest.raises(ValueError, match="figure data"):
        figure_data.load(path)


def test_digest_changes_with_names_shapes_and_numbers():
    found = data()
    name, array = next(iter(found.items()))
    others = [
        {**found, name: np.nextafter(array, np.float32(9))},
        {**found, name: array[None]},
        {**found, "new": array},
        {key + " 2" * (key == name): values for key, values in found.items()},
    ]
    assert len({digest(other) for other in [found, *others]}) == 5


# --- comparison -----------------------------------------------------------------------------------


def curve(y, error=1.0, label="SGLD"):
    y = np.asarray(y, dtype=float)
    fig, ax = panel()
    ax.errorbar(np.arange(y.size), y, np.broadcast_to(error, y.shape), label=label)
    return drawn(fig)


def line(y, label="SGLD", x=None):
    fig, ax = panel()
    ax.plot(np.arange(len(y)) if x is None else x, y, label=label)
    return drawn(fig)


def stairs(heights, edges=X):
    fig, ax = panel()
    ax.stairs(heights, edges)
    return drawn(fig)


def test_a_curve_may_move_within_its_errors_only():
    old = curve([10.0, 20.0, 30.0])
    assert not differences(old, curve([13.0, 20.0, 30.0]))
    (sentence,) = differences(old, curve([10.0, 20.0, 38.0]))
    assert re.fullmatch(r"panel 1, SGLD, y: moved by 8, with a standard error of 1\.4", sentence)
    assert differences(old, curve([13.0, 20.0, 30.0]), exact=True)
    assert differences(curve(X, error=0.1), curve(X + 1, error=0.1))
    assert differences(old, curve([10.0, 20.0, 30.0], error=50.0))
    assert differences(old, curve([10.0, 20.0, np.nan]))
    assert differences(old, curve([10.0, 20.0]))
    assert not differences(curve([1.0, np.nan]), curve([1.0, np.nan]))


def test_what_is_exact_may_not_move():
    old, new = [10.0, 20.0, 30.0], [10.0, 20.0, 30.01]
    assert not differences(line(old), line(new))
    assert differences(line(old), line(new), exact=True)
    for label in ("truth", "theory, σ = 1", "exact", "quadrature, τ = 2"):
        assert differences(line(old, label), line(new, label))
        assert not differences(line(old, label), line(np.multiply(old, 1 + 1e-7), label))
    assert differences(line([1e-9, 1.0]), line([2e-9, 1.0]), exact=False) == []
    assert differences(line([1e-6, 1.0]), line([2e-6, 1.0]), exact=True)


def test_histograms_are_compared_by_total_variation():
    old = stairs([50.0, 50.0])
    assert not differences(old, stairs([60.0, 40.0]))
    assert "total variation 0.40" in differences(old, stairs([90.0, 10.0]))[0]
    assert "sum" in differences(old, stairs([80.0, 80.0]))[0]
    assert differences(old, stairs([30.0, 40.0, 30.0], [1, 2, 3, 4]))
    assert differences(stairs([-5.0, -9.0]), stairs([-5.0, -5.0]))


def test_paths_may_differ_in_length_but_not_in_where_they_are():
    rng = np.random.default_rng(1)
    old, other, moved = rng.normal(0, 1, 1000), rng.normal(0, 1, 800), rng.normal(2, 1, 1000)
    for draw in (line, lambda y: line(y, x=y)):
        assert not differences(draw(old), draw(np.pad(other, (0, 200), "reflect")))
        assert "quantiles" in differences(draw(old), draw(moved))[0]
    assert not differences(line(old, x=old), line(other, x=other))
    holes = np.where(np.arange(old.size) % 3 == 0, np.nan, old)
    assert "33% of the numbers are missing" in differences(line(old), line(holes))[0]
    fig, ax = panel()
    ax.scatter([], [], label="SGLD")
    assert differences(drawn(fig), drawn(fig)) == []


def test_what_appears_or_vanishes_is_told():
    old, new = line(X, "a"), line(X, "b")
    assert sorted(differences(old, new)) == [
        "panel 1, a, x is not drawn any more",
        "panel 1, a, y is not drawn any more",
        "panel 1, b, x was not drawn before",
        "panel 1, b, y was not drawn before",
    ]
