"""The catalogue of the sources, and how it is recomputed: each experiment once, nothing lost."""

import json

import numpy as np
import pytest

from csgld_book import claims, plotting, reproduce, sources
from csgld_book.sources import catalogue, claim, experiment, figure

RAN = []


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CSGLD_FIGURES", str(tmp_path))
    return tmp_path


@pytest.fixture
def registered():
    """A small catalogue instead of the real one."""
    kept = dict(catalogue.FIGURES), dict(catalogue.CLAIMS)
    catalogue.FIGURES.clear()
    catalogue.CLAIMS.clear()
    RAN.clear()
    _register()
    yield
    for registry, content in zip((catalogue.FIGURES, catalogue.CLAIMS), kept, strict=True):
        registry.clear()
        registry.update(content)


def _register():
    @experiment(seeds=3, budget=10, settings={"steps": 10})
    def numbers(seeds):
        RAN.append(("numbers", seeds))
        return {"values": np.array(seeds, dtype=float)}

    @experiment(seeds=0, budget=0)
    def quadrature(seeds):
        RAN.append(("quadrature", seeds))
        return {"value": 1.0}

    @figure(numbers, "A line.")
    def a_line(found):
        fig, ax = plotting.figure()
        ax.plot(found["values"])
        return fig

    @claim(numbers, "Seeds are small", "me", "the seed", at_most=50)
    def seeds_are_small(found):
        return found["values"]

    @claim(quadrature, "One is one", "me", "one", at_least=0.5)
    def one_is_one(found):
        return found["value"]


def test_every_experiment_runs_once_and_all_is_written(registered, folder):
    done = sources.reproduce(seed=7, progress=False)
    assert sorted(RAN) == [("numbers", [7, 8, 9]), ("quadrature", [])]
    assert {path.name for path in folder.iterdir()} >= {"a_line.png", "a_line.svg", "CLAIMS.md"}
    entry = json.loads((folder / "manifest.json").read_text())["a_line"]
    assert (entry["seeds"], entry["settings"]) == ([7, 8, 9], {"steps": 10})
    recorded = json.loads((folder / "claims.json").read_text())["claims"]
    assert [c["id"] for c in recorded] == ["seeds-are-small", "one-is-one"]
    assert claims.counts(done.claims.values()) == "2 holds"
    assert (
        repr(sources.Verdicts(done.claims.values())) == "Seeds are small: holds\nOne is one: holds"
    )


def test_names_choose(registered, folder):
    sources.reproduce("one-is-one", progress=False)
    assert RAN == [("quadrature", [])]
    sources.reproduce("a_line", seeds=5, progress=False)
    assert RAN[1:] == [("numbers", [0, 1, 2, 3, 4])]
    with pytest.raises(ValueError, match=r"^only must be"):
        sources.reproduce("nonsense")
    with pytest.raises(ValueError, match=r"^seeds must be"):
        sources.reproduce(seeds=4)


def test_what_is_done_survives_an_interruption(registered, folder):
    @experiment(seeds=3, budget=10)
    def endless(seeds):
        raise KeyboardInterrupt

    @claim(endless, "Never", "me", "nothing", at_least=0)
    def never(found):
        return found

    with pytest.raises(KeyboardInterrupt):
        sources.reproduce(progress=False)
    recorded = json.loads((folder / "claims.json").read_text())["claims"]
    assert [c["id"] for c in recorded] == ["seeds-are-small", "one-is-one"]


def test_checking_writes_nothing(registered, folder):
    judged = sources.check("seeds-are-small", seed=100)
    assert (judged.verdict, judged.seeds) == ("does not hold here", [100, 101, 102])
    assert not list(folder.iterdir())


def test_interrupted_runs_are_no_evidence(monkeypatch):
    class Partial:
        partial = True

    monkeypatch.setattr(catalogue.parallel, "replicate", lambda *_, **__: [Partial()])
    with pytest.raises(KeyboardInterrupt):
        sources.runs(None, [1])


def test_the_command_takes_names_and_seeds(registered, folder, capsys):
    reproduce.main(["seeds-are-small", "--seed", "100", "--seeds", "5"])
    assert RAN == [("numbers", [100, 101, 102, 103, 104])]
    assert "does not hold here" in capsys.readouterr().out
    for wrong in (
        ["nonsense"],
        ["99"],
        ["01", "--seeds", "3"],
        ["seeds-are-small", "--seeds", "4"],
    ):
        with pytest.raises(SystemExit, match=r"must|seeds are"):
            reproduce.main(wrong)
    with pytest.raises(SystemExit):
        reproduce.main(["--write", "--full"])


def test_the_number_of_workers_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("CSGLD_WORKERS", "3")
    assert catalogue.parallel.processors() == 3
    monkeypatch.setenv("CSGLD_WORKERS", "none")
    with pytest.raises(ValueError, match=r"^CSGLD_WORKERS must be"):
        catalogue.parallel.processors()


def test_there_are_twenty_claims_of_the_sources_each_with_a_bound():
    known = [entry.statement for entry in sources.CLAIMS.values()]
    of_sources = [s for s in known if s.source.startswith((sources.BLOG, sources.PAPER))]
    assert len(of_sources) >= 20
    assert all(s.claim and s.statistic and s.wanted for s in known)
