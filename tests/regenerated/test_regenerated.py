"""Figures that were drawn again show the same data as those in figures/.

`make test` lets the notebooks draw into a folder of its own, and runs this test with
$CSGLD_REGENERATED set to it. The tolerances are those of `figure_data.differences`.
"""

import json
import os
from pathlib import Path

import pytest

from csgld_core import figure_data

FIGURES = Path(__file__).parents[2] / "figures"
REGENERATED = Path(os.environ.get("CSGLD_REGENERATED", "nowhere"))
MANIFEST = json.loads((FIGURES / "manifest.json").read_text())

if not REGENERATED.is_dir():
    pytest.skip("CSGLD_REGENERATED names no folder of redrawn figures", allow_module_level=True)


@pytest.mark.parametrize("name", sorted(MANIFEST))
def test_data_of_a_redrawn_figure_are_the_same(name):
    old, new = (figure_data.load(folder / f"{name}.npz") for folder in (FIGURES, REGENERATED))
    exact = str(MANIFEST[name]["seeds"]).startswith("none")
    found = figure_data.differences(old, new, exact)
    assert not found, "\n".join(found)
