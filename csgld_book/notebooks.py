"""Execute notebooks, and make the students' version from the instructor's.

`notebooks/solutions/NN_name.ipynb` is the source, without outputs: its exercise cells hold a
solution between `### BEGIN SOLUTION` and `### END SOLUTION`. `notebooks/NN_name.ipynb` is made from
it, and stored with its outputs.
"""

import copy
import os
import re
from pathlib import Path

import nbformat

SOLUTION = re.compile(r"^( *)### BEGIN SOLUTION\n.*?^ *### END SOLUTION$", re.DOTALL | re.MULTILINE)


def student_version(notebook):
    """A copy of the instructor's notebook with `...` in place of each solution, and no outputs.

    It stands one folder higher, and so do its links.
    """
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        cell.source = SOLUTION.sub(r"\1...  # your code here", cell.source)
        if cell.cell_type == "markdown":
            cell.source = cell.source.replace("](../../", "](../")
    return cleared(notebook)


def merged(solved, stored):
    """The instructor's notebook, with the outputs that are stored in the students' version.

    Running it says whether both still hold. The cells of the exercises, and the checks below them,
    say something else once they are solved: they only have to run.
    """
    notebook, made = cleared(copy.deepcopy(solved)), student_version(solved)
    exercise = False
    for cell, student, known in zip(notebook.cells, made.cells, stored.cells, strict=True):
        if cell.cell_type != "code":
            continue
        check, exercise = exercise, bool(SOLUTION.search(cell.source))
        if exercise or check or student.source != known.source:
            cell.metadata["tags"] = ["nbval-ignore-output"]
        else:
            cell.outputs, cell.execution_count = known.outputs, known.execution_count
    return notebook


def cleared(notebook):
    """The notebook without outputs, counts, timings and widget states; changed in place."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        cell.metadata = {"tags": cell.metadata["tags"]} if cell.metadata.get("tags") else {}
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def set_parameters(notebook, parameters):
    """Change names that the cell tagged "parameters" sets; the notebook is changed in place."""
    if not parameters:
        return
    (place,) = (
        n for n, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", ())
    )
    lines = [f"{name.upper()} = {value!r}" for name, value in parameters.items()]
    notebook.cells.insert(place + 1, nbformat.v4.new_code_cell("\n".join(lines)))


def execute(notebook, folder, name=""):
    """Run a cleared notebook top to bottom in a fresh kernel; changed in place.

    Parameters
    ----------
    notebook : NotebookNode
    folder : Path
        Where it runs.
    name : str
        Of its file, without ending, noted with the figures that it saves.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell fails.
    """
    from nbclient import NotebookClient

    client = NotebookClient(
        notebook,
        timeout=1800,  # seconds for a cell: twenty times the longest on two free cores
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,  # how they arrive is chance
        extra_arguments=["--log-level=ERROR"],
    )
    client.execute(env={**os.environ, "CSGLD_NOTEBOOK": name})
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = {"name": "python"}
    return notebook


def sources(root):
    """The instructors' notebooks of a checkout, in reading order."""
    return sorted((Path(root) / "notebooks" / "solutions").glob("[0-9]*.ipynb"))


def read(path):
    """A notebook file as an object."""
    return nbformat.read(path, as_version=4)


def write(notebook, path):
    """Write a notebook with stable cell ids, so that only what changed differs."""
    from . import figures

    for n, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{n}"
    figures.write(Path(path), nbformat.writes(notebook) + "\n")
