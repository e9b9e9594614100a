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
NAMES = [path.stem for path in lab.NOTEBOOKS]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A notebook with the demos of all, so that Lab is loaded and a kernel started only once."""
    folder = tmp_path_factory.mktemp("notebooks")
    cells = [cell for path in lab.NOTEBOOKS for cell in notebooks.read(path).cells]
    needed = [cell for cell in cells if any(text in cell.source for text in NEEDED)]
    together = notebooks.read(lab.NOTEBOOKS[0])
    together.cells = needed
    notebooks.write(notebooks.cleared(together), folder / "demos.ipynb")
    with lab.serve(folder) as address, lab.browser() as browser:
        page = lab.NotebookPage(browser, address, "demos.ipynb")
        assert page.run_all() == []
        yield page
        page.close()


def same(picture, other, levels=0):
    # Memory that lies elsewhere may change the last bit, and that a pixel.
    return np.mean(abs(picture.astype(int) - other) > levels) < 1e-4


@pytest.mark.parametrize("name", NAMES)
def test_a_demo_in_the_browser(page, name):
    demo = page.demo(NAMES.index(name))
    picture, numbers, controls = demo.state()
    # The static one has 256 colours.
    assert same(page.picture(NAMES.index(name)), picture, levels=32), "not the static figure"
    for slider in range(demo.handles.count()):
        demo.move(slider, "ArrowRight")
    moved = demo.state()
    if folder := os.environ.get("CSGLD_SCREENSHOTS"):
        page.page.screenshot(path=Path(folder, name).with_suffix(".png"))
    assert not same(moved[0], picture)
    assert moved[1] != numbers
    assert moved[2] != controls
    demo.reset()
    restored = demo.state()
    assert same(restored[0], picture)
    assert restored[1:] == (numbers, controls)
