"""What can be done in a checkout, by name: `python tasks.py help` lists it.

It needs Python 3.11 or newer and nothing else, on Linux, macOS and Windows; `make NAME` calls it.
Settings come as NAME=value, behind the task or in the environment:

    python tasks.py reproduce ONLY="05 mean_error" WORKERS=1

Everything runs in .venv, which is built from the locks when they, or pyproject.toml, have changed.
(How the samplers run many chains is in csgld_core/tasks.py, which has nothing to do with this.)
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
SETTINGS = ("ONLY", "SEEDS", "SEED", "FULL", "WORKERS", "UPGRADE")
# Unit tests that start other processes, kill them, or search for long: `check` leaves them out.
SLOW = ("cache", "checkpoint", "cluster", "faults", "fuzz")
TASKS = {}


def task(function):
    """Decorator: a task that can be called by its name; its docstring is what `help` shows."""
    TASKS[function.__name__] = function
    return function


def setting(name):
    """What the caller has set for `name`; "" is nothing."""
    return os.environ.get(name, "")


def run(*command, **environment):
    """Run a command in the checkout; if it fails, so does the task."""
    done = subprocess.run(
        [str(part) for part in command], cwd=ROOT, env={**os.environ, **environment}
    )
    if done.returncode:
        sys.exit(done.returncode)


def python(*arguments, **environment):
    """Run the Python of .venv."""
    run(PYTHON, *arguments, **environment)


# --- the environment ------------------------------------------------------------------------------


def up_to_date(stamp, *sources):
    """Whether `stamp` is there and no source is newer."""
    changed = stamp.stat().st_mtime if stamp.exists() and PYTHON.exists() else 0
    return all(source.stat().st_mtime <= changed for source in sources)


def install(*arguments):
    python("-m", "pip", "--disable-pip-version-check", "-q", "install", "--compile", *arguments)


def check_interpreter():
    """End with one line if this Python cannot build .venv."""
    name = Path(sys.executable).name
    if sys.hexversion < 0x30B0000:
        sys.exit(
            f'Python 3.11 or newer is needed. "{name}" is not: '
            "try make PYTHON=python3.12, or python3.12 tasks.py"
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        sys.exit(f'"{name}" has no venv module. On Debian: apt install python3-venv')


def build():
    """Make .venv as readers need it."""
    lock, stamp = ROOT / "requirements.lock", VENV / "ready"
    if up_to_date(stamp, lock, ROOT / "pyproject.toml"):
        return
    check_interpreter()
    print("Building .venv from requirements.lock: about two minutes.", flush=True)
    run(sys.executable, "-m", "venv", VENV)
    install("--require-hashes", "-r", lock)
    install("--no-deps", "--no-build-isolation", "-e", ".")
    compile_loops()
    stamp.touch()


def build_for_developers():
    """Make .venv with the tools of developers too."""
    build()
    lock, stamp = ROOT / "requirements-dev.lock", VENV / "ready-dev"
    if up_to_date(stamp, lock, VENV / "ready"):
        return
    print("Adding the tools of requirements-dev.lock to .venv: a few seconds.", flush=True)
    install("--require-hashes", "-r", lock)
    stamp.touch()


def compile_loops():
    """Compile what is not yet on disk, so that no notebook says that it compiles."""
    python("-c", "from csgld_core import kernels; kernels.compile_all()")


# --- for readers ----------------------------------------------------------------------------------


@task
def reproduce():
    """run every notebook, rewrite figures/, print the claims table"""
    # ONLY="05 mean_error" chooses notebooks, figures and claims, SEEDS=40, SEED=1000 and FULL=1 the
    # seeds of notebook 15, WORKERS=1 the threads.
    build()
    compile_loops()
    options = [
        f"--{name.lower()}={setting(name)}"
        for name in ("SEEDS", "SEED", "WORKERS")
        if setting(name)
    ]
    if setting("FULL"):
        options.append("--full")
    python("-m", "csgld_book.reproduce", *setting("ONLY").split(), *options)


@task
def lab():
    """open the notebooks in JupyterLab"""
    build()
    python("-m", "jupyterlab", "notebooks")


@task
def notebooks():
    """run every notebook and store its outputs"""
    build()
    compile_loops()
    python("-m", "csgld_book.reproduce", "--write")


# --- for developers -------------------------------------------------------------------------------


@task
def test():
    """compare notebooks and figures with the stored ones, then run all tests"""
    build_for_developers()
    compile_loops()
    check_imports()
    compare_notebooks()
    run_tests("tests")


@task
def check():
    """the quick part of it: lint and all but the slow unit tests, a minute and a half"""
    lint()
    compile_loops()
    run_tests("tests/unit", *(f"--ignore=tests/unit/test_{name}.py" for name in SLOW))


def compare_notebooks():
    """Run every notebook once and compare what it prints and draws with what is stored."""
    python("-m", "csgld_book.verify")


def run_tests(*arguments):
    # Two workers are enough threads: those of linear algebra would only wait for each other.
    python("-m", "pytest", "-n", "2", "--dist", "loadfile", *arguments, OPENBLAS_NUM_THREADS="1")


def check_imports():
    """Check who imports whom against the contracts in pyproject.toml."""
    run(BIN / "lint-imports", "--no-logo")


@task
def lint():
    """check code and notebooks with ruff, and who imports whom"""
    build_for_developers()
    python("-m", "ruff", "check", ".")
    python("-m", "ruff", "format", "--check", ".")
    check_imports()


@task
def bench():
    """measure the samplers against their floor, at scale, beside BlackJAX, and the demos"""
    build_for_developers()
    for name in ("speed", "scale", "peers", "latency"):
        python("-m", f"benchmarks.{name}")


@task
def map():
    """tune every method with the same effort and see who wins where (half an hour)"""
    build_for_developers()
    for name in ("map", "interacting"):
        python("-m", f"benchmarks.{name}")


@task
def lock():
    """rebuild both locks from pyproject.toml"""
    # Pins that still fit stay as they are; UPGRADE=--upgrade raises them all. One version for every
    # Python and system, so that all readers run the same numbers.
    build_for_developers()
    print("Resolving the locks: a few seconds.", flush=True)
    resolve = (
        *("-m", "uv", "pip", "compile", "-q", *setting("UPGRADE").split(), "pyproject.toml"),
        *(
            "--group",
            "build",
            "--python-version",
            "3.11",
            "--universal",
            "--fork-strategy",
            "fewest",
        ),
        *("--generate-hashes", "--no-emit-index-url", "--no-header", "--no-annotate"),
    )
    python(*resolve, "--extra", "book", "-o", "requirements.lock")
    python(
        *(*resolve, "--extra", "dev", "--constraint", "requirements.lock"),
        *("-o", "requirements-dev.lock"),
    )


@task
def clean():
    """remove .venv and all caches"""
    caches = (".pytest_cache", ".hypothesis", ".ruff_cache", ".import_linter_cache")
    for folder in (VENV, *(ROOT / name for name in caches), *ROOT.rglob("__pycache__")):
        shutil.rmtree(folder, ignore_errors=True)


@task
def help():
    """list the tasks"""
    caller = "make" if "MAKELEVEL" in os.environ else "python tasks.py"
    for name, function in TASKS.items():
        print(f"{caller} {name:<10} {function.__doc__}")


def main(arguments):
    names = [word for word in arguments if "=" not in word]
    settings = dict(word.split("=", 1) for word in arguments if "=" in word)
    for kind, found, allowed in (("task", names, TASKS), ("setting", settings, SETTINGS)):
        for name in found:
            if name not in allowed:
                sys.exit(f'there is no {kind} "{name}": choose from {", ".join(allowed)}')
    os.environ.update(settings)
    try:
        for name in names or ["help"]:
            TASKS[name]()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main(sys.argv[1:])
