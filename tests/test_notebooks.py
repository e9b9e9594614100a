"""The form of the notebooks, their two versions, and their exercises."""

import functools
import itertools
import json
import re
import runpy
import statistics
from pathlib import Path

import pytest

from csgld_book import claims, figure_data, notebooks, sources

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


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_solutions_are_stored_without_outputs(path):
    for cell in code_cells(notebooks.read(path)):
        assert (cell.execution_count, cell.outputs) == (None, [])


@pytest.mark.parametrize("path", STUDENTS, ids=lambda path: path.stem)
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
    # Every picture has an alternative text, and a caption in italics below.
    below = None
    for cell in reversed(notebook.cells):
        if cell.cell_type == "markdown":
            below = cell.source
            continue
        for output in cell.outputs:
            if "image/png" in output.get("data", {}):
                assert output.metadata["image/png"]["alt"]
                assert re.match(r"\*[^*]", below), below[:60]


@pytest.mark.parametrize("path", ALL, ids=NAMES)
def test_links_lead_somewhere(path):
    links = []
    for cell in notebooks.read(path).cells:
        shown = [cell.source] if cell.cell_type == "markdown" else []
        shown += [data for output in cell.get("outputs", ()) for data in marked_up(output)]
        for text in shown:
            links += re.findall(r"\]\(([^)#]+)", text)
            links += re.findall(r"""\b(?:href|src)=["']([^"'#]+)""", text)
    assert links
    for link in links:
        assert link.startswith("https://") or (path.parent / link).exists(), link


def marked_up(output):
    """What an output shows as Markdown or HTML."""
    data = output.get("data", {})
    return ["".join(data[kind]) for kind in ("text/markdown", "text/html") if kind in data]


def test_every_notebook_is_listed_and_leads_to_the_next():
    names = [path.name for path in STUDENTS]
    readme = (ROOT / "README.md").read_text()
    first = "\n".join(cell.source for cell in notebooks.read(STUDENTS[0]).cells)
    for name in names:
        assert f"(notebooks/{name})" in readme, name
        assert f"({name})" in first or name == names[0], name
    for path, following in itertools.pairwise(STUDENTS):
        last = notebooks.read(path).cells[-1].source.splitlines()[-1]
        assert last.startswith("Next: "), path.name
        assert f"({following.name})" in last, path.name


def test_figures_are_listed_and_none_is_an_orphan():
    folder = ROOT / "figures"
    manifest = json.loads((folder / "manifest.json").read_text())
    listed = {name for entry in manifest.values() for name in entry["files"]}
    endings = (".png", ".svg", ".gif", ".npz")
    assert {path.name for path in folder.iterdir() if path.suffix in endings} == listed
    for name, entry in manifest.items():
        assert f"{name}.npz" in entry["files"]
        assert figure_data.digest(figure_data.load(folder / f"{name}.npz")) == entry["data_hash"]
        for key in ("caption", "function", "seeds", "settings"):
            assert entry[key], (name, key)
        assert entry["versions"]["numpy"]


def test_every_figure_is_made_by_the_notebook_that_the_manifest_names():
    manifest = json.loads((ROOT / "figures" / "manifest.json").read_text())
    code = {
        path.stem: "\n".join(c.source for c in code_cells(notebooks.read(path))) for path in SOURCES
    }
    for name, entry in manifest.items():
        assert entry["notebook"] in code, name
        assert f'"{name}"' in code[entry["notebook"]] or name in sources.FIGURES, name


def test_claims_are_complete():
    folder = ROOT / "figures"
    recorded = json.loads((folder / "claims.json").read_text())["claims"]
    assert [claim["id"] for claim in recorded] == list(sources.CLAIMS)
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
        assert claim["verdict"] in claims.VERDICTS
        assert claim["why"]
        assert claim["claim"] in markdown


# --- exercises ------------------------------------------------------------------------------------
# tests/answers/NN_name.py says which cells the exercises of a notebook need (NEEDED, a piece of the
# source of each), and wrong answers to each (WRONG, number of the exercise -> list of sources).


def cell_with(notebook, text):
    (found,) = (cell.source for cell in code_cells(notebook) if text in cell.source)
    return found


def answers(name):
    return runpy.run_path(str(ROOT / "tests" / "answers" / f"{name}.py"))


def exercises(notebook):
    """Pairs (exercise, check): the cells to fill in, each with the cell after it."""
    cells = code_cells(notebook)
    return [
        (cell.source, cells[n + 1].source)
        for n, cell in enumerate(cells)
        if "# your code here" in cell.source
    ]


@pytest.fixture(autouse=True)
def _catalogue():
    """What an exercise registers there is gone afterwards."""
    kept = dict(sources.CLAIMS)
    yield
    sources.CLAIMS.clear()
    sources.CLAIMS.update(kept)


@functools.cache
def needed(name):
    """The student's notebook, and what is there after the cells that its exercises need."""
    notebook, scope = notebooks.read(ROOT / "notebooks" / f"{name}.ipynb"), {}
    for text in answers(name)["NEEDED"]:
        exec(cell_with(notebook, text), scope)
    return notebook, scope


def attempt(name, number, answer):
    """Run what exercise `number` of a notebook needs, an answer or the empty one, and its check."""
    notebook, scope = needed(name)
    scope = dict(scope)  # what one attempt defines, the next does not see
    empty, check = exercises(notebook)[number - 1]
    exec(empty if answer is None else answer, scope)
    exec(check, scope)


TITLES = [path.stem for path in SOURCES]
NUMBERED = [(name, number) for name in TITLES for number in (1, 2, 3)]


@pytest.mark.parametrize("path", STUDENTS, ids=lambda path: path.stem)
def test_there_are_three_exercises(path):
    notebook = notebooks.read(path)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert re.findall(r"^\*\*(\d)\. ", text, re.MULTILINE) == ["1", "2", "3"]
    assert len(exercises(notebook)) == 3
    assert set(answers(path.stem)["WRONG"]) == {1, 2, 3}


@pytest.mark.parametrize(("name", "number"), NUMBERED)
def test_check_cells_ask_for_an_answer(name, number, capsys):
    attempt(name, number, None)
    assert "above, then run both cells" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "number"), NUMBERED)
def test_check_cells_reject_wrong_answers(name, number):
    wrong = answers(name)["WRONG"][number]
    assert wrong
    for answer in wrong:
        with pytest.raises(AssertionError):
            attempt(name, number, answer)
