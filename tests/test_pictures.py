"""Figures, demos and claims: what is drawn is the data, and nothing is half done."""

import io
import json
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
from matplotlib import rcParams
from PIL import Image

import csgld_core as cc
from csgld_book import figure_data, figures, notebooks, plotting, widgets
from csgld_core import exact, metrics

TARGET = cc.targets.nine_modes()


@pytest.fixture(scope="module")
def runs():
    short = {"SGLD": cc.experiments.E2_RACE["SGLD"], "CSGLD": cc.experiments.E2_RACE["CSGLD"]}
    return {name: found[0] for name, found in cc.experiments.race(short, [1], 20_000).items()}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CSGLD_FIGURES", str(tmp_path))
    return tmp_path


# --- figures --------------------------------------------------------------------------------------


def test_comparison_draws_the_weighted_histograms(runs):
    fig = plotting.comparison(TARGET, runs)
    truth, _, csgld = (ax.images[0].get_array().T / 50**2 for ax in fig.axes[:3])
    assert np.allclose(truth, exact.histogram(TARGET)[:-1].reshape(50, 50))
    assert 0.5 * np.abs(csgld - truth).sum() == pytest.approx(
        metrics.total_variation(runs["CSGLD"], TARGET)
    )
    assert "modes met" in fig.axes[2].get_title()


def test_bands_are_means_and_standard_errors():
    _, ax = plotting.figure()
    values = np.array([[1.0, 2.0, 3.0], [4.0, 4.0, 4.0]])
    plotting.bands(ax, [10, 20], values, "SGLD")
    assert np.allclose(ax.lines[0].get_ydata(), [2.0, 4.0])
    corners = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert corners.min() == pytest.approx(2.0 - 1 / np.sqrt(3))


def test_density_integrates_to_one():
    target = cc.targets.two_modes()
    run = cc.sgld(target, 20_000, step_size=0.1, seed=1)
    _, ax = plotting.figure()
    plotting.density(ax, target, {"SGLD": run})
    x, y = ax.lines[0].get_data()
    assert y.sum() * (x[1] - x[0]) == pytest.approx(1.0)
    truth = ax.patches[0].get_data()
    assert (truth.values * np.diff(truth.edges)).sum() == pytest.approx(1.0, abs=1e-4)


def test_two_threads_that_draw_leave_the_settings_alone():
    # JupyterLab runs a demo in a thread of its own, beside the one of the cells.
    before = dict(rcParams)
    with ThreadPoolExecutor(4) as pool:
        figures = list(pool.map(lambda _: plotting.figure(), range(40)))
    assert dict(rcParams) == before
    assert {fig.dpi for fig, _ in figures} == {plotting.STYLE["figure.dpi"]}


def test_stages_are_lines_and_histograms_of_area_one():
    x, weights = np.linspace(-2.0, 2.0, 101), np.array([1.0, 1.0, 2.0])
    _, ax = plotting.figure()
    drawn = {"reweighted": (np.array([-1.0, -1.0, 1.0]), weights)}
    plotting.stages(ax, x, {"original": x**2}, drawn, ylabel="density")
    line, points = ax.lines
    assert np.array_equal(line.get_ydata(), x**2)
    centres, heights = points.get_data()
    assert heights.sum() * (centres[1] - centres[0]) == pytest.approx(1.0)
    assert heights[centres < 0].sum() == pytest.approx(heights[centres > 0].sum())


def test_methods_differ_in_more_than_colour():
    methods = [name for name in plotting.COLOURS if name != "truth"]
    for cues in (plotting.MARKERS, plotting.LINES):
        assert len({str(cues[name]) for name in methods}) == len(methods)
    published = [name for name in methods if "," not in name]
    assert len({plotting.COLOURS[name] for name in published}) == len(published)
    for name in methods:  # a tuned method keeps its colour, with a hollow marker
        assert plotting.COLOURS[name] == plotting.COLOURS[name.split(",")[0]]
        filled = plotting.look(name)["markerfacecolor"] == plotting.COLOURS[name]
        assert filled == (name in published)
    assert set(methods) == {*cc.experiments.E2_RACE, *cc.experiments.E2_RACE_TUNED}
    for cue in ("color", "marker", "linestyle"):
        assert len({stage[cue] for stage in plotting.STAGES.values()}) == len(plotting.STAGES)


def test_saved_figures_are_deterministic_and_noted(folder):
    def save():
        fig, ax = plotting.figure()
        ax.plot([1, 2], [3, 4])
        settings = {"E1": cc.experiments.E1_PUBLISHED, "E6": cc.experiments.E6_WANG_LANDAU}
        return figures.save(fig, "line", caption="a line", seeds=range(2), settings=settings)

    picture = save()
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    save()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first
    assert set(first) == {"line.png", "line.svg", "line.npz", "manifest.json"}
    entry = json.loads(first["manifest.json"])["line"]
    assert entry["data_hash"] == figure_data.digest(figure_data.load(folder / "line.npz"))
    assert entry["files"] == ["line.png", "line.svg", "line.npz"]
    assert entry["seeds"] == [0, 1]
    assert entry["settings"]["E1"]["target"]["name"] == "two_modes"
    assert entry["settings"]["E6"]["model"] == {"name": "ising(4)", "dim": 16}
    data, metadata = picture._repr_mimebundle_()
    assert metadata["image/png"]["alt"] == "a line"
    assert set(data) == {"image/png", "text/plain"}


def entry_of_a_saved_line(folder, **kwargs):
    fig, ax = plotting.figure()
    ax.plot([1, 2], [3, 4])
    figures.save(fig, "line", caption="a line", seeds="none: a line", settings={}, **kwargs)
    return json.loads((folder / "manifest.json").read_text())["line"]


def test_the_manifest_names_the_function(folder):
    entry = entry_of_a_saved_line(folder)
    assert entry["function"] == f"{__name__}.entry_of_a_saved_line"
    assert entry_of_a_saved_line(folder, function="sources.line")["function"] == "sources.line"
    exec("fig = figure()[0]", scope := {"figure": plotting.figure, "__name__": "__main__"})
    made_by = {"notebook cell": scope["fig"]}
    made_by["plotting.against_theory"] = plotting.against_theory([1], {}, {"truth": 1.0})
    made_by["demos.first_look._first_look"] = widgets.first_look(live=False)
    assert {name: fig.made_by for name, fig in made_by.items()} == {name: name for name in made_by}


def test_the_manifest_names_the_notebook(folder, monkeypatch):
    for variable in ("CSGLD_NOTEBOOK", "JPY_SESSION_NAME"):
        monkeypatch.delenv(variable, raising=False)
    # An entry of an older version has neither notebook nor data.
    (folder / "manifest.json").write_text('{"line": {"files": []}, "other": {"files": []}}')
    assert entry_of_a_saved_line(folder)["notebook"] is None
    monkeypatch.setenv("JPY_SESSION_NAME", "/somewhere/05_energy_pdf.ipynb")
    assert entry_of_a_saved_line(folder)["notebook"] == "05_energy_pdf"
    monkeypatch.setenv("CSGLD_NOTEBOOK", "06_contour_sgld")
    assert entry_of_a_saved_line(folder)["notebook"] == "06_contour_sgld"
    monkeypatch.delenv("CSGLD_NOTEBOOK")
    monkeypatch.setenv("JPY_SESSION_NAME", "console-1")
    assert entry_of_a_saved_line(folder)["notebook"] == "06_contour_sgld"  # as it was


def test_a_notebook_that_is_executed_knows_its_name(tmp_path):
    cell = nbformat.v4.new_code_cell("import csgld_book.figures as f; print(f.notebook())")
    notebook = notebooks.cleared(nbformat.v4.new_notebook(cells=[cell]))
    notebooks.execute(notebook, tmp_path, "05_energy_pdf")
    assert notebook.cells[0].outputs[0]["text"] == "05_energy_pdf\n"


def test_an_animation_is_saved_with_its_still(folder):
    fig, ax = plotting.figure()
    ax.plot([1, 2], [3, 4], label="path")
    moving = SimpleNamespace(moving=b"GIF", still=fig)
    picture = figures.save_animation(moving, "run", caption="a run", seeds=[0], settings={"a": 1})
    entry = json.loads((folder / "manifest.json").read_text())["run"]
    assert entry["files"] == ["run.gif", "run_still.png", "run_still.svg", "run.npz"]
    assert {path.name for path in folder.iterdir()} == {*entry["files"], "manifest.json"}
    assert (folder / "run.gif").read_bytes() == b"GIF"
    assert figure_data.load(folder / "run.npz")["panel 1, path, y"].tolist() == [3, 4]
    assert picture._repr_mimebundle_()[1]["image/png"]["alt"] == "a run"


def test_writing_is_all_or_nothing(tmp_path, monkeypatch):
    path = tmp_path / "file"
    figures.write(path, "old")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(figures.os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        figures.write(path, "new")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert path.read_text() == "old"


# --- demos ----------------------------------------------------------------------------------------


DEMOS = [getattr(widgets, name) for name in widgets.__all__]


def ends(control):
    """The first and the last value that a control can take."""
    if hasattr(control, "options"):
        return [value for _, value in control._options_full][:: max(1, len(control.options) - 1)]
    return [control.min, control.max]


@pytest.mark.parametrize("make", DEMOS)
def test_every_control_moves_the_demo_and_reset_restores_it(make):
    demo = make()
    fresh = bytes(demo.picture.value), demo.line.value
    assert fresh[0].startswith(b"\x89PNG")
    for name, control in demo.controls.items():
        assert control.tooltip, name
        assert control.description, name
        default, pictures = control.value, set()
        for value in ends(control):
            control.value = value
            pictures.add((bytes(demo.picture.value), demo.line.value))
        assert pictures - {fresh}, f"{name} changes nothing"
        control.value = default
    demo.reset()
    assert all(demo.controls[name].value == value for name, value in demo.defaults.items())
    assert (bytes(demo.picture.value), demo.line.value) == fresh
    assert repr(demo).startswith("Live demo")


def test_a_live_picture_shows_the_same_as_the_plain_one():
    pngs = widgets.race().picture.value, figures.Picture(widgets.race(live=False), "").png
    live, plain = (np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), int) for png in pngs)
    assert abs(live - plain).max() < 32  # of 255: the plain one has 256 colours


def test_what_has_many_points_is_pixels_in_an_svg(folder):
    fig, ax = plotting.figure()
    few, many = (ax.plot(np.arange(n), np.sin(np.arange(n)))[0] for n in (10, 10_000))
    cloud = ax.scatter(*np.ones((2, 10_000)), s=1)
    figures.save(fig, "heavy", caption="a line", seeds=[0], settings={"n": 1})
    assert [artist.get_rasterized() for artist in (few, many, cloud)] == [False, True, True]
    assert (folder / "heavy.svg").stat().st_size < 100_000


def test_a_bad_combination_is_explained():
    demo = widgets.race()
    demo.controls["step_size"].index = len(demo.controls["step_size"].options) - 1
    assert "That does not work" in demo.line.value
    assert "step" in demo.line.value


def test_a_warning_stands_below_the_picture():
    demo = widgets.race()
    demo.controls["budget"].value = 10_000
    demo.controls["noise"].value = 4.0
    assert "Note: " in demo.line.value
    assert "outside the partition" in demo.line.value
