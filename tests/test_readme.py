"""Every command of README is run, and what it says is printed is printed."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from csgld_book import claims, figure_data

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


@needs_environment
def test_make_reproduce_prints_the_table_in_readme(tmp_path):
    # `make test` is what runs this.
    done = subprocess.run(
        ["make", "reproduce"],
        cwd=ROOT,
        env={**os.environ, "CSGLD_FIGURES": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr

    def claims_and_verdicts(lines):
        # A row is a claim, what was measured, what was wanted, and the verdict.
        rows = (re.fullmatch(r"(.+?)  +[-\d].*at (?:least|most) [\d.]+  (.+)", x) for x in lines)
        return [row.groups() for row in rows if row]

    found = claims_and_verdicts(done.stdout.splitlines())
    assert found == claims_and_verdicts(claims.table().splitlines())
    assert set(claims_and_verdicts(promised())) <= set(found)
    # All figures were drawn anew, and show the same data.
    drawn = {path.name for path in tmp_path.iterdir()}
    assert drawn == {path.name for path in (ROOT / "figures").iterdir()}
    changed = {}
    for name, entry in json.loads((tmp_path / "manifest.json").read_text()).items():
        old, new = (figure_data.load(p / f"{name}.npz") for p in (ROOT / "figures", tmp_path))
        exact = str(entry["seeds"]).startswith("none")
        changed[name] = figure_data.differences(old, new, exact)
    assert len(changed) >= 40
    assert not any(changed.values()), changed


@needs_environment
def test_make_reproduce_takes_names_and_seeds(tmp_path):
    (example,) = re.findall(r'`make reproduce ONLY="(\S+) \S+"`', README)
    done = subprocess.run(
        ["make", "reproduce", f"ONLY={example}", "SEEDS=5", "SEED=7", "WORKERS=1"],
        cwd=ROOT,
        env={**os.environ, "CSGLD_FIGURES": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (claim,) = json.loads((tmp_path / "claims.json").read_text())["claims"]
    assert (claim["id"], claim["seeds"]) == (example, [7, 8, 9, 10, 11])
    assert {path.name for path in tmp_path.iterdir()} == {"claims.json", "CLAIMS.md"}


@needs_environment
@pytest.mark.parametrize("target", re.findall(r"`make (\w+)`", README))
def test_other_targets_of_make_exist(target):
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
