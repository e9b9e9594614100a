"""Run every notebook, rewrite figures/ and print the claims: `python -m csgld_core.reproduce`.

With --write the notebooks' stored outputs are renewed too. Numbers choose some: `04 05`.
"""

import argparse
import sys
import time
from pathlib import Path

from tqdm import tqdm

from . import claims, notebooks


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m csgld_core.reproduce", description=__doc__)
    parser.add_argument("numbers", nargs="*", help="of the notebooks to run, all by default")
    parser.add_argument("--write", action="store_true", help="store the outputs in the notebooks")
    options = parser.parse_args(arguments)
    root = Path(__file__).parents[1]
    sources = notebooks.sources(root)
    if not sources:
        sys.exit("no notebooks found: run this from a checkout of the repository")
    if options.numbers:
        sources = [path for path in sources if path.name[:2] in options.numbers]
    folder = root / "notebooks"
    began = time.perf_counter()
    progress = tqdm(sources, unit="notebook")
    for path in progress:
        progress.set_description(path.stem)
        solved = notebooks.read(path)
        student = notebooks.student_version(solved)
        notebooks.execute(student, folder, path.stem)
        if options.write:
            notebooks.write(student, folder / path.name)
            notebooks.execute(notebooks.cleared(solved), folder, path.stem)
            notebooks.write(solved, path)
    print(f"\n{claims.table()}\n")
    print(f"Figures and CLAIMS.md are in figures/. That took {time.perf_counter() - began:.0f} s.")


if __name__ == "__main__":
    main()
