"""Run every notebook, rewrite figures/ and print the claims: `python -m csgld_book.reproduce`.

Numbers choose notebooks, `04 05`; names choose figures and claims of the sources, which are then
recomputed without a notebook: `mean_error csgld-beats-sgld`.
"""

import argparse
import os
import sys
import time
from pathlib import Path

from tqdm import tqdm

from . import claims, figures, notebooks, sources

FULL = 100  # seeds
LAST = "15"  # the notebook of the sources, which takes other seeds


def main(arguments=None):
    options = _options(arguments)
    if options.workers:
        os.environ["CSGLD_WORKERS"] = str(options.workers)
    seeds = {"seed": options.seed, "seeds": FULL if options.full else options.seeds}
    seeds = {name: value for name, value in seeds.items() if value is not None}
    began = time.perf_counter()
    numbers = [name for name in options.only if name.isdecimal()]
    names = [name for name in options.only if not name.isdecimal()]
    try:
        judged = None
        if numbers or not names:
            _run_notebooks(numbers, seeds, options.write)
        if names:
            judged = list(sources.reproduce(*names, **seeds).claims.values())
    except ValueError as error:
        sys.exit(str(error))
    if judged != []:
        print(f"\n{claims.table(judged)}\n")
    seconds = time.perf_counter() - began
    print(f"Figures and CLAIMS.md are in {figures.folder().name}/. That took {seconds:.0f} s.")


def _options(arguments):
    parser = argparse.ArgumentParser(prog="python -m csgld_book.reproduce", description=__doc__)
    parser.add_argument("only", nargs="*", help="numbers of notebooks, names of figures and claims")
    parser.add_argument("--seed", type=int, help=f"the first seed in notebook {LAST}")
    parser.add_argument("--seeds", type=int, help=f"how many seeds in notebook {LAST}")
    parser.add_argument("--full", action="store_true", help=f"{FULL} seeds in notebook {LAST}")
    parser.add_argument("--workers", type=int, help="threads, instead of one for each processor")
    parser.add_argument("--write", action="store_true", help="store the outputs in notebooks/")
    options = parser.parse_args(arguments)
    if options.write and (options.seed is not None or options.seeds or options.full):
        parser.error("--write stores what the notebooks say: without --seed, --seeds and --full")
    return options


def _run_notebooks(numbers, seeds, write):
    """Execute the notebooks with these numbers, or all; `seeds` are for the last one."""
    root = Path(__file__).parents[1]
    found = {path.name[:2]: path for path in notebooks.sources(root)}
    if not found:
        sys.exit("no notebooks found: run this from a checkout of the repository")
    if unknown := set(numbers) - set(found):
        raise ValueError(f"only must name notebooks of {', '.join(found)}, got {sorted(unknown)}")
    chosen = [found[number] for number in sorted(set(numbers) or found)]
    if seeds and found.get(LAST) not in chosen:
        raise ValueError(f"seeds are those of notebook {LAST}: the others state their own")
    folder = root / "notebooks"
    progress = tqdm(chosen, unit="notebook")
    for path in progress:
        progress.set_description(path.stem)
        student = notebooks.student_version(notebooks.read(path))
        if path == found.get(LAST):
            notebooks.set_parameters(student, seeds)
        notebooks.execute(student, folder, path.stem)
        if write:
            notebooks.write(student, folder / path.name)


if __name__ == "__main__":
    main()
