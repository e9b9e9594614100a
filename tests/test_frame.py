"""The files around the code agree with each other, and hold nothing of the machine."""

import os
import re
import subprocess
import tempfile
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import csgld_core

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
MAKEFILE = (ROOT / "Makefile").read_text()
LOCKS = ("requirements.lock", "requirements-dev.lock")


def requirements(lines):
    """The requirements in `lines` by canonical name, without those on this project's own groups."""
    parsed = [Requirement(line) for line in lines]
    own = PROJECT["project"]["name"]
    return {canonicalize_name(r.name): r for r in parsed if r.name != own}


def declared(lock):
    """What pyproject.toml asks of a lock."""
    groups = PROJECT["project"]["optional-dependencies"]
    lines = [*PROJECT["project"]["dependencies"], *PROJECT["build-system"]["requires"]]
    if lock == "requirements-dev.lock":
        lines += [line for group in groups.values() for line in group]
    return requirements(lines)


def locked(lock):
    """The lines of a lock, joined where they continue: [(Requirement, hashes)]."""
    lines = (ROOT / lock).read_text().replace("\\\n", " ").splitlines()
    entries = [re.split(r"\s+--hash=", line.strip()) for line in lines if line.strip()]
    return [(Requirement(pin), hashes) for pin, *hashes in entries]


def pins(lock):
    return {canonicalize_name(pin.name): str(pin.specifier) for pin, _ in locked(lock)}


# --- dependencies ---------------------------------------------------------------------------------


def test_conda_environment_has_the_names_and_bounds_of_the_project():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    *conda, pip = environment["dependencies"]
    assert environment["channels"] == ["conda-forge"]
    assert pip == {"pip": ["-e ."]}
    found = {name: str(r.specifier) for name, r in requirements(conda).items()}
    wanted = {
        name: str(r.specifier)
        for name, r in requirements(PROJECT["project"]["dependencies"]).items()
    }
    assert found == {"python": PROJECT["project"]["requires-python"], "pip": "", **wanted}


def test_build_group_is_the_build_backend():
    # The locks get the backend through this group; the Makefile builds without isolation.
    assert PROJECT["dependency-groups"]["build"] == PROJECT["build-system"]["requires"]


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_pins_every_dependency_within_its_bounds(lock):
    found = pins(lock)
    wanted = declared(lock)
    assert not wanted.keys() - found.keys()
    for name, requirement in wanted.items():
        assert requirement.specifier.contains(found[name].removeprefix("==")), name


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_holds_pins_with_hashes_and_nothing_else(lock):
    entries = locked(lock)
    names = [canonicalize_name(pin.name) for pin, _ in entries]
    assert len(names) == len(set(names))  # one version for every Python and system
    for pin, hashes in entries:
        assert re.fullmatch(r"==[\w.!+]+", str(pin.specifier)), pin
        assert pin.url is None, pin
        assert hashes, pin
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", h) for h in hashes), pin
    assert "://" not in (ROOT / lock).read_text()


def test_development_lock_extends_the_readers_lock():
    readers, development = map(pins, LOCKS)
    assert readers.items() <= development.items()


# --- make -----------------------------------------------------------------------------------------


def targets():
    return set(re.search(r"^\.PHONY:(.*)$", MAKEFILE, re.MULTILINE)[1].split())


def test_every_make_target_in_the_documents_exists():
    text = "".join((ROOT / name).read_text() for name in ("README.md", "CONTRIBUTING.md"))
    # Code only: fenced, indented or between backticks. Elsewhere "make" is a verb.
    code = re.findall(r"^```.*?^```|^ {4}.*?$|`[^`\n]+`", text, re.MULTILINE | re.DOTALL)
    named = set(re.findall(r"\bmake +(?:[A-Z]+=\S+ +)*([a-z]\w*)", "\n".join(code)))
    assert named
    assert named <= targets()


def test_every_target_has_a_rule_and_make_help_lists_it():
    # Not as part of the make that may run this test.
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    shown = subprocess.run(
        ["make", "help"], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert shown.stderr == ""
    assert set(re.findall(r"^make (\w+) +\S", shown.stdout, re.MULTILINE)) == targets()
    assert targets() == set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))


# --- citation -------------------------------------------------------------------------------------


def test_citation_names_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["title"] == PROJECT["project"]["name"]
    assert citation["version"] == csgld_core.__version__


# --- nothing of the machine -----------------------------------------------------------------------


def of_this_machine():
    """Patterns of what no tracked text may hold."""
    folders = {str(Path.home()), str(ROOT), str(ROOT.parent)} - {"/", tempfile.gettempdir()}
    patterns = [rf"(?<![\w.~-]){re.escape(folder)}\b" for folder in folders]
    # Anybody's home, and the package index of a lock (but not uv's option that leaves it out).
    return [*patterns, r"(?<![\w.])/(?:home|Users)/\w", r"(?<!no-emit-)index[-]url"]


def test_no_tracked_text_holds_a_path_or_an_index_of_the_machine():
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    machine = re.compile("|".join(of_this_machine()))
    found = []
    for path in paths:
        try:
            text = path.read_text(encoding="utf-8")
        except (FileNotFoundError, UnicodeDecodeError):  # deleted but not yet so in git; a picture
            continue
        found += [
            f"{path.relative_to(ROOT)}:{n}: {hit[0]}"
            for n, line in enumerate(text.splitlines(), 1)
            if (hit := machine.search(line))
        ]
    assert not found, "\n".join(found)
