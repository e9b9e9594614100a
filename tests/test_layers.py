"""Who imports whom in the core, and how large its files are."""

import shutil
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "csgld_core").rglob("*.py"))


def contracts(folder):
    """The checker of the contracts in pyproject.toml, run on the packages in `folder`."""
    command = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [command, "--no-logo", "--no-cache"], cwd=folder, capture_output=True, text=True
    )


def test_the_contracts_are_kept():
    done = contracts(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("results/run.py", "import csgld_book"),
        ("kernels/integrators.py", "from csgld_core import samplers"),
        ("targets/target.py", "def late():\n    from .. import scheme"),
        ("truth/exact.py", "from .. import samplers"),
        ("partition.py", "import matplotlib.pyplot"),
    ],
)
def test_an_arrow_upwards_is_found(tmp_path, file, line):
    for name in ("csgld_core", "csgld_book"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / "csgld_core" / file).open("a") as source:
        source.write(f"\n\n{line}\n")
    done = contracts(tmp_path)
    assert done.returncode == 1
    assert "BROKEN" in done.stdout


def test_no_modules_import_each_other():
    graph = grimp.build_graph("csgld_core")
    arrows = [
        (importer, imported)
        for importer in graph.modules
        for imported in graph.find_modules_directly_imported_by(importer)
    ]
    assert len(arrows) > 100
    circles = [
        (importer, *graph.find_shortest_chain(imported, importer))
        for importer, imported in arrows
        if graph.chain_exists(importer=imported, imported=importer)
    ]
    assert not circles


def test_the_core_is_small():
    assert len(FILES) <= 40
    lines = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in FILES}
    assert {name: n for name, n in lines.items() if n > 400} == {}
