"""Every command of README is run, and what it says is printed is printed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from csgld_core import claims

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


def test_the_table_of_claims_is_the_recorded_one():
    assert blocks("text") == [claims.table() + "\n"]


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
    (promised,) = blocks("text")

    def claims_and_verdicts(text):
        # A row is a claim, what was measured, what was wanted, and the verdict.
        rows = re.findall(r"^(.+?) +-?[\d.e-]+ ± .+? at (?:least|most) [\d.]+  (.+)$", text, re.M)
        return [(claim.strip(), verdict) for claim, verdict in rows]

    assert len(claims_and_verdicts(promised)) >= 5
    assert claims_and_verdicts(done.stdout) == claims_and_verdicts(promised)
    # All figures were drawn anew.
    drawn = {path.name for path in tmp_path.iterdir()}
    assert drawn == {path.name for path in (ROOT / "figures").iterdir()}


@needs_environment
@pytest.mark.parametrize("target", re.findall(r"`make (\w+)`", README))
def test_other_targets_of_make_exist(target):
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
