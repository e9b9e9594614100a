"""The form of the notebooks, their two versions, and their exercises."""

import json
import re
import statistics
from pathlib import Path

import pytest

from csgld_core import claims, notebooks

ROOT = Path(__file__).parents[1]
SOURCES = notebooks.sources(ROOT)
STUDENTS = sorted((ROOT / "notebooks").glob("*.ipynb"))
ALL = [*SOURCES, *STUDENTS]
NAMES = ["/".join(path.parts[-2:]) for path in ALL]


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_there_are_two_versions_of_each():
    assert [p.name for p in SOURCES] == [p.name for p in STUDENTS]
    assert SOURCES


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_students_version_is_made_from_the_instructors(path):
    made = notebooks.student_version(notebooks.read(path))
    stored = notebooks.read(path.parents[1] / path.name)
    assert [c.source for c in made.cells] == [c.source for c in stored.cells]
    assert any("### BEGIN SOLUTION" in c.source for c in notebooks.read(path).cells)
    assert not any("SOLUTION" in c.source for c in stored.cells)


@pytest.mark.parametrize("path", ALL, ids=NAMES)
def test_executed_in_order_without_errors_warnings_or_paths(path):
    notebook = notebooks.read(path)
    cells = code_cells(notebook)
    assert [c.execution_count for c in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert not any(output.get("name") == "stderr" for output in outputs)
    assert not any(output.output_type == "error" for output in outputs)
    assert "widgets" not in notebook.metadata
    text = json.dumps([c.source for c in notebook.cells]) + json.dumps(
        [o.get("text") or o.get("data", {}).get("text/plain") for o in outputs]
    )
    assert not re.search(r"/(home|root|tmp|work|Users)/", text)


@pytest.mark.parametrize("path", ALL, ids=NAMES)
def test_form(path):
    notebook = notebooks.read(path)
    opening, closing = notebook.cells[0].source, notebook.cells[-1].source
    assert all(f"**What you {what}**" in opening for what in ("will do", "will learn", "need"))
    assert "## Further reading" in closing
    text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    assert all(f"## {title}" in text for title in ("Summary", "Exercises"))
    lengths = [len(cell.source.splitlines()) for cell in code_cells(notebook)]
    assert 10 <= len(lengths) <= 20
    assert statistics.median(lengths) <= 5
    assert max(lengths) <= 25
    # Every picture has an alternative text.
    for cell in code_cells(notebook):
        for output in cell.outputs:
            if "image/png" in output.get("data", {}):
                assert output.metadata["image/png"]["alt"]


@pytest.mark.parametrize("path", STUDENTS, ids=lambda path: path.stem)
def test_links_lead_somewhere(path):
    for cell in notebooks.read(path).cells:
        if cell.cell_type == "markdown":
            for link in re.findall(r"\]\(([^)#]+)", cell.source):
                assert link.startswith("https://") or (path.parent / link).exists(), link


def test_figures_are_listed_and_none_is_an_orphan():
    folder = ROOT / "figures"
    manifest = json.loads((folder / "manifest.json").read_text())
    listed = {name for entry in manifest.values() for name in entry["files"]}
    found = {path.name for path in folder.iterdir() if path.suffix in (".png", ".svg", ".gif")}
    assert found == listed
    code = "\n".join(c.source for p in SOURCES for c in code_cells(notebooks.read(p)))
    for name, entry in manifest.items():
        assert f'"{name}"' in code
        assert entry["caption"]
        assert entry["seeds"]
        assert entry["settings"]
        assert entry["versions"]["numpy"]


def test_claims_are_complete():
    folder = ROOT / "figures"
    recorded = json.loads((folder / "claims.json").read_text())["claims"]
    assert {claim["id"] for claim in recorded} == set(claims.STATEMENTS)
    fields = [
        "id",
        "claim",
        "source",
        "value",
        "standard_error",
        "expected",
        "budget",
        "seeds",
        "verdict",
        "why",
    ]
    markdown = (folder / "CLAIMS.md").read_text()
    for claim in recorded:
        assert list(claim) == fields
        assert claim["verdict"] in ("holds", "does not hold here", "undecided here")
        assert claim["claim"] in markdown


# --- exercises ------------------------------------------------------------------------------------


def cell_with(notebook, text):
    (found,) = (cell.source for cell in code_cells(notebook) if text in cell.source)
    return found


def attempt(name, needed, answer):
    """Run the needed cells of a notebook, an answer of our own, and the check cell after it."""
    notebook = notebooks.read(ROOT / "notebooks" / f"{name}.ipynb")
    scope = {}
    for text in needed:
        exec(cell_with(notebook, text), scope)
    exercise = next(c for c in code_cells(notebook) if "# your code here" in c.source)
    cells = code_cells(notebook)
    exec(exercise.source if answer is None else answer, scope)
    exec(cells[cells.index(exercise) + 1].source, scope)


SLOPE = """
def estimate_barrier(a, temperatures, seed):
    times = [residence_time(a, seed, temperature=t) for t in temperatures]
    return np.polyfit({x}, np.log(times), 1)[0]
estimated = estimate_barrier(2.6, [0.6, 0.7, 0.8, 0.9, 1.0], SEED)
"""
TARGET = """
def my_target():
    return experiments.E2_PUBLISHED["target"], experiments.E2_PUBLISHED["partition"]
answer = my_target()
"""
EXERCISES = {
    "01_local_traps": (
        ["SEED = 0", "def residence_time"],
        [SLOPE.format(x="temperatures"), SLOPE.format(x="np.log(temperatures)")],
    ),
    "10_comparison": (["SEED = 100"], [TARGET]),
}


def test_every_notebook_has_an_exercise_here():
    assert set(EXERCISES) == {path.stem for path in SOURCES}


@pytest.mark.parametrize("name", EXERCISES)
def test_check_cells_ask_for_an_answer(name, capsys):
    attempt(name, EXERCISES[name][0], None)
    assert "above, then run both cells" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "wrong"), [(name, w) for name, (_, answers) in EXERCISES.items() for w in answers]
)
def test_check_cells_reject_wrong_answers(name, wrong):
    with pytest.raises(AssertionError):
        attempt(name, EXERCISES[name][0], wrong)
