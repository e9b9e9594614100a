"""Every demo in JupyterLab, in a browser: a moved slider redraws, reset restores."""

import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks import lab
from csgld_book import notebooks

pytest.importorskip("playwright", reason="needs the optional group browser")
pytestmark = pytest.mark.skipif(
    lab.chromium() is None, reason="no Chromium here (on Debian: apt install chromium)"
)


# The imports, the target that the demo of 14 is given, the demos. All other cells run elsewhere.
NEEDED = ("import csgld_core", "def muller_brown", "BOX =", "TEMPERATURE, starts", "widgets.")


def short(notebook):
    """The notebook with what its demo needs alone."""
    notebook.cells = [c for c in notebook.cells if any(text in c.source for text in NEEDED)]
    return notebook


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebooks")
    for path in lab.NOTEBOOKS:
        notebooks.write(short(notebooks.read(path)), folder / path.name)
    with lab.serve(folder) as found:
        yield found


@pytest.fixture(scope="module")
def browser():
    with lab.browser() as found:
        yield found


def same(picture, other):
    # Memory that lies elsewhere may change the last bit, and that a pixel.
    return np.mean(picture != other) < 1e-4


@pytest.mark.parametrize("name", [path.name for path in lab.NOTEBOOKS])
def test_a_demo_in_the_browser(browser, address, name):
    page = lab.NotebookPage(browser, address, name)
    try:
        assert page.run_all() == []
        page.find_demo()
        picture, numbers, controls = page.state()
        assert same(picture, page.pixels(".jp-RenderedImage img")), "not the static figure"
        for slider in range(page.handles.count()):
            page.move(slider, "ArrowRight")
        moved = page.state()
        assert not same(moved[0], picture)
        assert moved[1] != numbers
        assert moved[2] != controls
        page.reset()
        restored = page.state()
        assert same(restored[0], picture)
        assert restored[1:] == (numbers, controls)
    finally:
        if folder := os.environ.get("CSGLD_SCREENSHOTS"):
            page.page.screenshot(path=Path(folder, name).with_suffix(".png"))
        page.close()
