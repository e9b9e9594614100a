"""The files around the code agree with each other, and hold nothing of the machine."""

import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import csgld_core
import tasks

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
BASE = PROJECT["project"]["dependencies"]
LOCKS = ("requirements.lock", "requirements-dev.lock")


def requirements(lines):
    """The requirements in `lines` by canonical name, without those on this project's own groups."""
    parsed = [Requirement(line) for line in lines]
    own = PROJECT["project"]["name"]
    return {canonicalize_name(r.name): r for r in parsed if r.name != own}


def declared(lock):
    """What pyproject.toml asks of a lock."""
    lines = [*BASE, *EXTRAS["book"], *PROJECT["build-system"]["requires"]]
    if lock == "requirements-dev.lock":
        lines += [line for extra in EXTRAS.values() for line in extra]
    return requirements(lines)


def locked(lock):
    """The lines of a lock, joined where they continue: [(Requirement, hashes)]."""
    lines = (ROOT / lock).read_text().replace("\\\n", " ").splitlines()
    entries = [re.split(r"\s+--hash=", line.strip()) for line in lines if line.strip()]
    return [(Requirement(pin), hashes) for pin, *hashes in entries]


def pins(lock):
    return {canonicalize_name(pin.name): str(pin.specifier) for pin, _ in locked(lock)}


# --- dependencies ---------------------------------------------------------------------------------


def test_the_core_needs_four_packages():
    assert requirements(BASE).keys() == {"numba", "numpy", "scipy", "tqdm"}


def test_developers_get_every_extra():
    (own,) = [Requirement(line) for line in EXTRAS["dev"] if line.startswith("csgld_core[")]
    assert own.extras == EXTRAS.keys() - {"dev"}


def test_conda_environment_has_the_names_and_bounds_of_core_and_book():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    *conda, pip = environment["dependencies"]
    assert environment["channels"] == ["conda-forge"]
    assert pip == {"pip": ["-e ."]}
    found = {name: str(r.specifier) for name, r in requirements(conda).items()}
    wanted = {name: str(r.specifier) for name, r in requirements([*BASE, *EXTRAS["book"]]).items()}
    assert found == {"python": PROJECT["project"]["requires-python"], "pip": "", **wanted}


def test_build_group_is_the_build_backend():
    # The locks get the backend through this group; tasks.py builds without isolation.
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


# --- tasks and make -------------------------------------------------------------------------------

# Not as part of the make that may run these tests.
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}


def said(*command):
    """What a command prints: (exit status, standard output, standard error)."""
    done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def test_make_has_a_target_for_every_task():
    makefile = (ROOT / "Makefile").read_text()
    (listed,) = re.findall(r"^TASKS := (.*)$", makefile, re.MULTILINE)
    assert set(listed.split()) == set(tasks.TASKS)


def test_every_task_in_the_documents_exists():
    text = "".join((ROOT / name).read_text() for name in ("README.md", "CONTRIBUTING.md"))
    # Code only: fenced, indented or between backticks. Elsewhere "make" is a verb.
    code = re.findall(r"^```.*?^```|^ {4}.*?$|`[^`\n]+`", text, re.MULTILINE | re.DOTALL)
    named = set(re.findall(r"\b(?:make|tasks\.py) +(?:[A-Z]+=\S+ +)*([a-z]\w*)", "\n".join(code)))
    assert named
    assert named <= set(tasks.TASKS)


@pytest.mark.parametrize("caller", [("make",), (sys.executable, "tasks.py")])
def test_help_lists_every_task(caller):
    shown = [said(*caller, *name) for name in (["help"], [])]
    assert shown[0] == shown[1]
    status, out, err = shown[0]
    assert (status, err) == (0, "")
    name = "make" if caller[0] == "make" else "python tasks.py"
    assert re.findall(rf"^{name} (\w+) +\S", out, re.MULTILINE) == list(tasks.TASKS)


@pytest.mark.parametrize("target", ["help", "test", "clean"])
def test_make_names_a_python_that_is_not_there(target):
    status, out, err = said("make", target, "PYTHON=nope")
    assert status != 0
    assert out == ""
    assert '"nope" was not found' in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(["tset"], 'there is no task "tset"'), (["test", "SEDS=3"], 'there is no setting "SEDS"')],
)
def test_a_wrong_name_is_named_with_those_allowed(arguments, named):
    status, out, err = said(sys.executable, "tasks.py", *arguments)
    assert (status, out) == (1, "")
    assert err.startswith(named)
    assert err.count("\n") == 1


@pytest.fixture
def commands(monkeypatch):
    """The commands of a task, which are not run."""
    found = []
    monkeypatch.setattr(tasks, "run", lambda *command, **environment: found.append(command[1:]))
    monkeypatch.setattr(tasks, "build", lambda: None)
    for name in tasks.SETTINGS:
        monkeypatch.setenv(name, "")
    return found


def test_settings_of_reproduce_arrive(commands):
    words = ["ONLY=05 mean_error", "SEEDS=40", "SEED=1000", "WORKERS=1", "FULL=1"]
    tasks.main(["reproduce", *words])
    options = ("05", "mean_error", "--seeds=40", "--seed=1000", "--workers=1", "--full")
    assert commands[-1] == ("-m", "csgld_book.reproduce", *options)


def test_without_settings_all_is_reproduced(commands):
    tasks.main(["reproduce"])
    assert commands[-1] == ("-m", "csgld_book.reproduce")


def test_a_failed_command_fails_the_task(monkeypatch):
    with pytest.raises(SystemExit) as failure:
        tasks.run(sys.executable, "-c", "raise SystemExit(3)")
    assert failure.value.code == 3


@pytest.mark.parametrize("changed", ["requirements.lock", "pyproject.toml", None])
def test_the_environment_is_built_anew_after_a_change(tmp_path, monkeypatch, changed):
    monkeypatch.setattr(tasks, "PYTHON", Path(sys.executable))
    stamp = tmp_path / "ready"
    sources = [tmp_path / name for name in ("requirements.lock", "pyproject.toml")]
    for n, path in enumerate([*sources, stamp]):
        path.touch()
        os.utime(path, (n, n))
    if changed:
        os.utime(tmp_path / changed, (9, 9))
    assert tasks.up_to_date(stamp, *sources) == (changed is None)
    stamp.unlink()
    assert not tasks.up_to_date(stamp, *sources)


def test_an_old_python_is_named(monkeypatch):
    monkeypatch.setattr(sys, "hexversion", 0x30A0000)
    with pytest.raises(SystemExit, match=r"^Python 3.11 or newer is needed. .* is not: .*$"):
        tasks.check_interpreter()


def test_a_missing_venv_module_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(SystemExit, match=r"^.* has no venv module.*apt install python3-venv$"):
        tasks.check_interpreter()


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
