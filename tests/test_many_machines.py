"""The page on many machines is run as it stands, its scheduler being one of this machine."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from distributed import LocalCluster

from csgld_core.running.study import Table

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "many_machines.md").read_text()
ADDRESS = "tcp://scheduler-address:8786"


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def address():
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=True, dashboard_address=":0"
    ) as cluster:
        yield cluster.scheduler_address


def test_python_blocks_run_in_order(tmp_path, address):
    code = "\n".join(blocks("python"))
    assert ADDRESS in code
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", code.replace(ADDRESS, address)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0, done.stderr
    same, *summary = done.stdout.splitlines()
    assert same == "True"
    assert summary[0].split()[:3] == ["step_size", "integrator", "mean"]
    assert [line.split()[-2:] for line in summary[1:5]] == [["10", "0"]] * 4
    assert "8/8" in done.stderr  # the bar over runs
    table = Table.load(tmp_path / "study.csv")
    assert len(table.where(failure=None)) == len(table) == 40


@pytest.mark.parametrize("command", blocks("console")[0].splitlines())
def test_the_commands_exist(command):
    name, *arguments = command.removeprefix("$ ").split()
    options = [argument for argument in arguments if argument.startswith("--")]
    done = subprocess.run(
        [Path(sys.executable).with_name(name), arguments[0], "--help"],
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0, done.stderr
    assert all(option in done.stdout for option in options)
