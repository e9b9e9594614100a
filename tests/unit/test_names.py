"""What a user sees: the names under TAB, what a run says of itself, and what an import loads."""

import subprocess
import sys
from pathlib import Path

import pytest

import csgld_core as cc

MODULES = {
    "csgld_core": cc,
    **{
        name: getattr(cc, name)
        for name in (
            "annealing",
            "diagnostics",
            "discrete",
            "exact",
            "experiments",
            "flat_histogram",
            "importance",
            "metrics",
            "parallel",
            "study",
            "targets",
        )
    },
}


@pytest.mark.parametrize("name", MODULES)
def test_tab_shows_what_there_is_to_use(name):
    module = MODULES[name]
    assert dir(module) == sorted(module.__all__)
    assert len(set(module.__all__)) == len(module.__all__)
    assert all(hasattr(module, public) for public in module.__all__)
    assert not any(public.startswith("_") for public in module.__all__)


def test_every_module_that_the_package_shows_is_looked_at():
    shown = {name for name in cc.__all__ if isinstance(getattr(cc, name), type(cc))}
    assert shown == MODULES.keys() - {"csgld_core"}


def test_functions_of_the_modules_are_those_of_the_package():
    """What stands in both is the same thing."""
    for module in MODULES.values():
        for name in set(module.__all__) & set(cc.__all__):
            if not isinstance(getattr(cc, name), type(cc)):
                assert getattr(module, name) is getattr(cc, name), name


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'csgld_core' has no attribute 'contour_sgdl'"):
        cc.contour_sgdl  # noqa: B018


def test_a_run_says_what_it_is():
    run = cc.sgld(cc.targets.nine_modes(), 50, step_size=1e-3, thin=5, chains=2, seed=1)
    assert repr(run) == "Run(sgld of nine_modes: 2 chains × 10 draws × dim 2)"


# Slow to load, or not there at all where nobody draws.
NOT_NEEDED = ("matplotlib", "IPython", "ipywidgets", "tqdm", "distributed", "arviz", "csgld_book")


def test_the_package_loads_nothing_that_draws():
    script = (
        "import sys, csgld_core as cc; cc.experiments, dir(cc); "
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(cc.__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = done.stdout.split()
    assert "csgld_core" in loaded
    assert set(loaded).isdisjoint(NOT_NEEDED)


# --- wrong keywords -------------------------------------------------------------------------------

NINE = cc.targets.nine_modes()
CELLS = cc.EnergyPartition(-8.0, 20.0, 20)
CALLS = {
    "sgld": {"target": NINE, "steps": 10, "step_size": 1e-3},
    "cyclical_sgld": {"target": NINE, "steps": 10, "peak_step_size": 1e-3, "cycles": 1},
    "replica_exchange_sgld": {
        "target": NINE,
        "steps": 10,
        "step_size": 1e-3,
        "high_temperature": 3.0,
    },
    "contour_sgld": {"target": NINE, "steps": 10},
    "interacting_contour_sgld": {"target": NINE, "steps": 10},
    "wang_landau": {"model": NINE, "steps": 10, "partition": CELLS, "step_size": 0.5},
    "samc": {"model": NINE, "steps": 10, "partition": CELLS, "step_size": 0.5},
}


@pytest.mark.parametrize(
    ("wrong", "meant"), [("stepsize", "step_size"), ("sede", "seed"), ("progres", "progress")]
)
@pytest.mark.parametrize("name", CALLS)
def test_a_wrong_keyword_is_told_the_right_one(name, wrong, meant):
    if (name, wrong) == ("cyclical_sgld", "stepsize"):
        meant = "peak_step_size"
    expected = f"{name}() got an unknown keyword `{wrong}`: did you mean `{meant}`?"
    named = {key: value for key, value in CALLS[name].items() if key != meant}  # as after a slip
    first, second, *_ = named.values()
    rest = dict(list(named.items())[2:])
    for by_position, by_name in [((), named), ((first, second), rest)]:
        with pytest.raises(TypeError) as error:
            getattr(cc, name)(*by_position, **by_name, **{wrong: 1})
        assert str(error.value) == expected


@pytest.mark.parametrize("name", CALLS)
def test_a_keyword_like_no_other_is_told_all(name):
    with pytest.raises(TypeError) as error:
        getattr(cc, name)(**CALLS[name], xyzzy=1)
    start = f"{name}() got an unknown keyword `xyzzy`: it takes {', '.join(CALLS[name])[:13]}"
    assert str(error.value).startswith(start)
    assert str(error.value).count("common") == 0
