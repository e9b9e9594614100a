"""Every command of README is run, and what it says is printed is printed."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from csgld_book import claims

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def test_python_blocks_run_in_order(tmp_path):
    code = "\n".join(blocks("python"))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("9 of 9 modes met\n")


def test_links_and_pictures_exist():
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert len(links) > 20
    for link in links:
        if not link.startswith("https://"):
            assert (ROOT / link).exists(), link


def test_every_notebook_is_listed():
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        assert f"(notebooks/{path.name})" in README


def promised():
    """The lines of the table of claims that README shows; it leaves some out."""
    (block,) = blocks("text")
    return [line for line in block.splitlines() if line != "..."]


def test_the_table_of_claims_is_the_recorded_one():
    recorded = claims.table().splitlines()
    assert len(promised()) >= 8
    assert [line for line in recorded if line in promised()] == promised()
    assert promised()[0] == recorded[0]
    assert promised()[-1] == recorded[-1]


needs_environment = pytest.mark.skipif(
    not (ROOT / ".venv" / "ready-dev").exists(), reason="make has not built .venv here"
)


def commands():
    lines = [line for block in blocks("console") for line in block.splitlines()]
    assert all(line.startswith("$ ") for line in lines)
    return [line.removeprefix("$ ") for line in lines]


def test_the_two_commands_are_the_promised_ones():
    assert commands() == ["make reproduce", "make test"]


def reproduce(folder, *arguments):
    """Run `make reproduce` with figures in `folder`; returns the lines that it printed."""
    done = subprocess.run(
        ["make", "reproduce", *arguments],
        cwd=ROOT,
        env={**os.environ, "CSGLD_FIGURES": str(folder)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def recorded(folder):
    return json.loads((folder / "claims.json").read_text())["claims"]


# A whole `make reproduce` runs every notebook, which `make test` has just done: it begins with
# csgld_book.verify, and tests/test_rerun.py compares all figures and verdicts. What is left to see
# is that the command runs notebooks and claims, and prints the table that README shows.
QUICK = ["sgld-stuck", "barrier-reduced"]  # by ten runs, and by quadrature


@needs_environment
def test_make_reproduce_prints_the_table_in_readme(tmp_path):
    printed = reproduce(tmp_path, f"ONLY=00 {' '.join(QUICK)}")
    head, *rows, _ = claims.table().splitlines()
    begun = printed.index(head)
    table = printed[begun + 1 : begun + 1 + len(QUICK)]
    assert table == [row for row in rows if row in table]  # in this order
    assert set(table) <= set(promised())
    assert printed[begun + 1 + len(QUICK)].split(", ")[0] == f"{len(QUICK)} holds"
    assert [claim["id"] for claim in recorded(tmp_path)] == QUICK
    assert {"flamingo.png", "CLAIMS.md"} <= {path.name for path in tmp_path.iterdir()}


@needs_environment
def test_make_reproduce_takes_names_and_seeds(tmp_path):
    (example,) = re.findall(r'`make reproduce ONLY="(\S+) \S+"`', README)
    reproduce(tmp_path, f"ONLY={example}", "SEEDS=5", "SEED=7", "WORKERS=1")
    (claim,) = recorded(tmp_path)
    assert (claim["id"], claim["seeds"]) == (example, [7, 8, 9, 10, 11])
    assert {path.name for path in tmp_path.iterdir()} == {"claims.json", "CLAIMS.md"}


@needs_environment
@pytest.mark.parametrize("target", re.findall(r"`make (\w+)`", README))
def test_other_targets_of_make_exist(target):
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
