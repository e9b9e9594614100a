"""The figures and claims of the last `python -m csgld_book.verify` are the stored ones.

That command runs every notebook once and compares what its cells print; `make test` begins with it.
"""

import json

import pytest

from csgld_book import claims, figure_data, notebooks, verify

STORED = verify.ROOT / "figures"
NAMES = [path.stem for path in notebooks.sources(verify.ROOT)]
# What may differ between two runs on two machines.
LOOSE = {"versions", "data_hash"}


def read(folder, name):
    path = folder / name
    return json.loads(path.read_text()) if path.exists() else {}


def drawn(name):
    """The figures that a notebook drew: name -> entry of the manifest."""
    return read(folder(name), "manifest.json")


def folder(name):
    found = verify.SCRATCH / name / "figures"
    assert found.exists(), f"{name} has not been run: python -m csgld_book.verify"
    return found


def without(entry, keys):
    return {key: value for key, value in entry.items() if key not in keys}


@pytest.mark.parametrize("name", NAMES)
def test_what_ran_is_what_is_stored(name):
    source, stored = (
        verify.ROOT / "notebooks" / f"{part}{name}.ipynb" for part in ("solutions/", "")
    )
    merged = notebooks.merged(notebooks.read(source), notebooks.read(stored))
    ran = notebooks.read(folder(name).with_name(f"{name}.ipynb"))
    assert [cell.source for cell in ran.cells] == [cell.source for cell in merged.cells]


@pytest.mark.parametrize("name", NAMES)
def test_its_figures_show_the_stored_data(name):
    stored, changed = read(STORED, "manifest.json"), {}
    for figure, entry in drawn(name).items():
        known = stored[figure]
        assert known["notebook"] == name, figure
        assert without(entry, {*LOOSE, "notebook"}) == without(known, {*LOOSE, "notebook"})
        assert all((folder(name) / file).exists() for file in entry["files"]), figure
        old, new = (figure_data.load(p / f"{figure}.npz") for p in (STORED, folder(name)))
        exact = str(entry["seeds"]).startswith("none")
        changed[figure] = figure_data.differences(old, new, exact)
    assert not any(changed.values()), changed


def test_every_stored_figure_was_drawn():
    found = [figure for name in NAMES for figure in drawn(name)]
    assert sorted(found) == sorted(read(STORED, "manifest.json"))


def test_every_claim_was_judged_as_it_is_stored():
    def verdicts(where):
        recorded = read(where, "claims.json").get("claims", [])
        return [(claim["id"], claim["verdict"]) for claim in recorded]

    found = [pair for name in NAMES for pair in verdicts(folder(name))]
    assert found == verdicts(STORED)
    assert {verdict for _, verdict in found} <= set(claims.VERDICTS)
