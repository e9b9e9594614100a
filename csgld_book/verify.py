"""Run every notebook once, and compare its outputs: `python -m csgld_book.verify`.

Notebooks run with their solutions in a scratch folder, against the outputs that the students'
versions store. The figures and claims that they leave there are compared by tests/test_rerun.py.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from . import notebooks

ROOT = Path(__file__).parents[1]
SCRATCH = ROOT / ".pytest_cache" / "notebooks"


def main():
    """Exit with 0 if every cell ran and printed what is stored."""
    if not notebooks.sources(ROOT):
        sys.exit("no notebooks found: run this from a checkout of the repository")
    sys.exit(run(prepare()))


def prepare():
    """Write the notebooks that run, in the order in which they should start; return their paths."""
    shutil.rmtree(SCRATCH, ignore_errors=True)
    paths = []
    for source in notebooks.sources(ROOT):
        # `figures.folder` finds these figures, not those of the checkout. One folder each: two
        # notebooks that run at the same time would overwrite each other's manifest.
        folder = SCRATCH / source.stem
        (folder / "figures").mkdir(parents=True)
        stored = ROOT / "notebooks" / source.name
        merged = notebooks.merged(notebooks.read(source), notebooks.read(stored))
        paths.append(folder / source.name)
        notebooks.write(merged, paths[-1])
    return paths[::-1]  # the last one takes longest


def run(paths, workers=2):
    """Run notebooks with nbval, in this order; returns the exit code of pytest."""
    # Every notebook has threads of its own: those of linear algebra would only wait for each other.
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    environment.pop("CSGLD_FIGURES", None)
    pytest = [sys.executable, "-m", "pytest", f"--numprocesses={workers}", "--dist=loadfile"]
    nbval = ["--nbval", "--nbval-current-env", f"--nbval-sanitize-with={ROOT}/tests/nbval.cfg"]
    command = [*pytest, "--no-loadscope-reorder", *nbval, *map(str, paths)]
    return subprocess.run(command, cwd=ROOT, env=environment).returncode


if __name__ == "__main__":
    main()
