"""How long a demo takes to answer a slider in JupyterLab; writes LATENCY.md and latency.json.

    python -m benchmarks.latency

Every notebook runs as a whole first; then each slider of its demo moves in turn, by one step.
"""

import shutil
import tempfile
from pathlib import Path

from tqdm import tqdm

from . import lab
from .timing import (
    CAUTION,
    Goal,
    described,
    goals_json,
    goals_table,
    machine,
    markdown_table,
    publish,
    spread,
    summary,
)

MOVES = 20
BOUND = 300.0  # milliseconds


def measure(browser, address, name):
    """Milliseconds of each move of the demo in one notebook, None where nothing was redrawn."""
    page = lab.NotebookPage(browser, address, name)
    try:
        if problems := page.run_all():
            raise RuntimeError(f"{name} fails: {problems[0]}")
        return page.demo().moves(MOVES)
    finally:
        page.close()


def measure_all():
    """Notebook name -> milliseconds of each move."""
    with tempfile.TemporaryDirectory() as folder:
        for path in lab.NOTEBOOKS:
            shutil.copy(path, folder)
        with lab.serve(folder) as address, lab.browser() as browser:
            names = tqdm([path.name for path in lab.NOTEBOOKS], desc="notebooks")
            return {name: measure(browser, address, name) for name in names}


def answered(times):
    """The moves that changed the picture."""
    return [time for time in times if time is not None]


def goals(times):
    """One goal a demo."""
    return [Goal(f"{Path(name).stem} (ms)", answered(ms), BOUND) for name, ms in times.items()]


def report(machine, times):
    """Lines of LATENCY.md."""
    everything = [time for ms in times.values() for time in answered(ms)]
    rows = [
        [Path(name).stem, f"{max(answered(ms)):,.0f}", str(ms.count(None))]
        for name, ms in times.items()
    ]
    return [
        "# Latency of the demos",
        "",
        f"Written by `make bench`; the raw numbers are in latency.json. {CAUTION}",
        "",
        described(machine),
        "",
        "From a key pressed on a slider to the new picture painted, in headless Chromium in "
        f"JupyterLab, {MOVES} moves a demo: each slider in turn, one step up in one sweep and "
        "back in the next, from the default settings and with the whole notebook run before.",
        "",
        *goals_table(goals(times)),
        f"All demos together: {spread(everything, 0)} ms.",
        "",
        "The slowest of the moves, and those after which the picture stayed as it was, because "
        "the setting changes nothing there:",
        "",
        *markdown_table(["demo", "slowest (ms)", "no change"], rows),
    ]


def main():
    """Measure every demo and write both files."""
    where, times = machine(), measure_all()
    raw = {
        "machine": where,
        "targets": goals_json(goals(times)),
        "milliseconds": {
            name: {**summary(answered(ms)), "unchanged": ms.count(None)}
            for name, ms in times.items()
        },
    }
    publish("LATENCY", raw, report(where, times))


if __name__ == "__main__":
    main()
