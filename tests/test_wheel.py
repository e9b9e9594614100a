"""What is built and installed elsewhere: complete, small, and enough for README's examples.

The clean environment holds this wheel and what its metadata ask for, all of that taken, file by
file, from the environment of the tests: so no package index is needed, and nothing else is there.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

pytest.importorskip("hatchling", reason="make builds .venv with the build backend")

ROOT = Path(__file__).parents[1]
SECONDS = 600  # compiling takes half a minute, unless others compile too
MOST_PACKAGES = 12
FILES = [
    *("Makefile", "tasks.py", "pyproject.toml", "environment.yml", "README.md", "CONTRIBUTING.md"),
    *("LICENSE", "CITATION.cff", "CHANGELOG.md", "requirements.lock", "requirements-dev.lock"),
    *(
        "docs/many_machines.md",
        "tests/unit/test_cache.py",
        "tests/nbval.cfg",
        "benchmarks/speed.py",
    ),
    *("notebooks/00_start_here.ipynb", "notebooks/solutions/00_start_here.ipynb", ".ci/run"),
    *("figures/manifest.json", "csgld_core/kernels/loop.py", "csgld_book/demos/race.py"),
]


def hatchling(folder, kind, out):
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(out)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    (built,) = out.iterdir()
    return built


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    return hatchling(ROOT, "sdist", tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory):
    """Built from the sdist, as whoever packages it would."""
    unpacked = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(unpacked, filter="data")
    (folder,) = unpacked.iterdir()
    return hatchling(folder, "wheel", tmp_path_factory.mktemp("wheel"))


def test_the_sdist_holds_what_a_developer_needs(sdist):
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}
    assert set(FILES) <= names
    if (ROOT / ".git").exists():
        tracked = subprocess.run(
            ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.splitlines()
        assert {name for name in tracked if (ROOT / name).exists()} <= names
    assert not [name for name in names if name.startswith((".venv", ".git/", "dist"))]


def test_the_wheel_holds_both_packages_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    sources = {
        path.relative_to(ROOT).as_posix()
        for package in ("csgld_core", "csgld_book")
        for path in (ROOT / package).rglob("*.py")
    }
    assert "csgld_core/kernels/loop.py" in sources
    code = {name for name in names if ".dist-info/" not in name}
    assert code == sources


# --- installed ------------------------------------------------------------------------------------


def needed(requirements):
    """The distributions that satisfy `requirements`, and theirs, without extras."""
    found, wanted = {}, list(requirements)
    while wanted:
        requirement = Requirement(wanted.pop())
        name = canonicalize_name(requirement.name)
        if name in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        found[name] = metadata.distribution(name)
        wanted += found[name].requires or []
    return found


def link_or_copy(source, place):
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, place)
    except OSError:  # another disk
        shutil.copy2(source, place)


class Clean:
    """An environment without pip, into which a wheel and what it needs have been put."""

    def __init__(self, folder, wheel):
        venv.create(folder, with_pip=False)
        self.python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        names = {"base": str(folder), "platbase": str(folder)}
        self.packages = Path(sysconfig.get_path("purelib", "venv", vars=names))
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(self.packages)  # which is all that installing pure Python does
        (own,) = metadata.distributions(path=[str(self.packages)])
        for distribution in needed(own.requires).values():
            for file in distribution.files:
                if ".." not in file.parts:  # commands
                    link_or_copy(distribution.locate_file(file), self.packages / file)

    def run(self, code, folder):
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "NUMBA"))}
        return subprocess.run(
            [self.python, "-W", "error", "-c", code],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )

    def installed(self):
        return {d.metadata["Name"] for d in metadata.distributions(path=[str(self.packages)])}


@pytest.fixture(scope="module")
def clean(wheel, tmp_path_factory):
    return Clean(tmp_path_factory.mktemp("clean"), wheel)


def test_the_base_is_small(clean):
    names = clean.installed()
    assert {"csgld_core", "numba", "numpy", "scipy", "tqdm"} <= names
    assert len(names) <= MOST_PACKAGES, names
    assert not {"matplotlib", "jupyterlab", "ipywidgets"} & names


def test_readme_runs_on_the_base(clean, tmp_path):
    readme = (ROOT / "README.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```$", readme, re.DOTALL | re.MULTILINE)
    examples = [block for block in blocks if not re.search("csgld_book|matplotlib", block)]
    assert examples
    done = clean.run("\n".join(examples), tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("9 of 9 modes met\n")
    assert done.stderr == (
        "csgld_core compiles its sampler loop, once for this machine: about half a minute.\n"
    )
    again = clean.run(examples[0], tmp_path)
    assert (again.returncode, again.stderr) == (0, "")


def test_the_book_says_which_extra_it_needs(clean, tmp_path):
    done = clean.run("import csgld_book", tmp_path)
    assert done.returncode == 1
    said = done.stderr.splitlines()[-1]
    assert said.startswith("ImportError: csgld_book needs ")
    assert "matplotlib" in said
    assert said.endswith('pip install "csgld_core[book]"')


def test_the_version_is_that_of_the_code(clean, tmp_path):
    code = """
import csgld_core
from importlib.metadata import version
print(csgld_core.__version__ == version("csgld_core"))
"""
    assert clean.run(code, tmp_path).stdout == "True\n"
