import itertools
import math
import signal
import threading
from dataclasses import dataclass

import numpy as np
import pytest

import csgld_core as cc
from csgld_core.running.study import Table, label, study

TARGET = cc.targets.nine_modes(noise=0.3)
SETTINGS = {"target": TARGET, "steps": 500, "step_size": 1e-3, "thin": 10}


def mean(run, target):
    return run.mean()[0]


@dataclass
class FakeRun:
    value: float
    partial: bool = False
    gradient_evaluations: int = 7


def fake(target, *, seed, workers, shift=0.0):
    if seed == 13:
        raise ZeroDivisionError("unlucky")
    return FakeRun(seed + shift + target)


FAKE = {"fake": (fake, {"target": 100})}
VALUE = {"value": lambda run, target: run.value}


def test_a_row_is_what_the_sampler_gives():
    partition = cc.EnergyPartition(-8.0, 18.0, 50)
    methods = {
        "SGLD": (cc.sgld, SETTINGS),
        "CSGLD": (cc.contour_sgld, {**SETTINGS, "partition": partition}),
    }
    table = study(methods, [4, 2], measures={"mean": mean}, vary={"temperature": [1.0, 2.0]})
    expected = []
    for (name, (sampler, settings)), temperature, seed in itertools.product(
        methods.items(), [1.0, 2.0], [4, 2]
    ):
        run = sampler(**settings, temperature=temperature, seed=seed)
        expected.append(
            {
                "method": name,
                "temperature": temperature,
                "seed": seed,
                "mean": run.mean()[0],
                "gradient_evaluations": 501,
                "failure": None,
            }
        )
    assert table.rows == expected
    assert table.columns == list(expected[0])
    assert not table.partial


def test_varied_settings_are_crossed_and_replace_others():
    table = study(
        {"fake": (fake, {"target": 100, "shift": 9.0})},
        [1],
        measures=VALUE,
        vary={"target": [1000, 2000], "shift": {"none": 0.0, "half": 0.5}},
        workers=2,
    )
    assert table["target"] == [1000, 1000, 2000, 2000]
    assert table["shift"] == ["none", "half"] * 2
    assert table["value"] == [1001.0, 1001.5, 2001.0, 2001.5]
    assert study(FAKE, [1], measures=VALUE, shift=3.0)["value"] == [104.0]


@pytest.mark.parametrize("workers", [1, 3])
def test_a_failed_run_or_measure_is_a_row_with_its_error(workers):
    def fussy(run, target):
        if run.value == 102:
            raise ValueError("two is too much")
        return run.value

    table = study(FAKE, [1, 2, 13, 4], measures={"value": fussy}, workers=workers)
    assert table["value"] == [101.0, None, None, 104.0]
    assert table["gradient_evaluations"] == [7, None, None, 7]
    assert table["failure"] == [
        None,
        "ValueError: two is too much",
        "ZeroDivisionError: unlucky",
        None,
    ]
    assert "4 rows, 2 failed" in str(table)
    (summary,) = table.summarise("method", "value")
    assert (summary["n"], summary["missing"], summary["mean"]) == (2, 2, 102.5)


def test_time_is_measured_on_request():
    table = study(FAKE, [1, 13], measures=VALUE, timed=True)
    assert table["seconds"][0] >= 0
    assert table["seconds"][1] is None


def test_progress_counts_all_runs(capsys):
    study(FAKE, range(3), measures=VALUE, vary={"shift": [0, 1]}, progress=True)
    assert "6/6" in capsys.readouterr().err


def test_every_run_has_its_own_checkpoint(tmp_path):
    def saves(target, *, seed, workers, shift=0.0, checkpoint=None):
        return FakeRun(int(checkpoint.stem) if checkpoint else -1)

    methods = {"1 x": (saves, {"target": 0}), "2": (saves, {"target": 0})}
    name = tmp_path / "{method}{shift}{seed}.npz"
    with pytest.raises(ValueError, match="checkpoint must contain"):
        study(methods, [5], measures=VALUE, checkpoint=tmp_path / "{seed}.npz")
    with pytest.raises(ValueError, match="checkpoint must contain"):
        study(methods, [5], measures=VALUE, checkpoint=tmp_path / "{method}")
    del methods["1 x"]
    table = study(methods, [5, 6], measures=VALUE, vary={"shift": [3, 4]}, checkpoint=name)
    assert table["value"] == [235.0, 236.0, 245.0, 246.0]
    assert study(methods, [5], measures=VALUE)["value"] == [-1.0]


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_keeps_the_finished_rows(workers):
    main = threading.main_thread()
    if threading.current_thread() is not main:
        pytest.skip("signals reach the main thread only")

    def long(target, *, seed, workers):
        if seed == 0:
            return FakeRun(0.0)
        if seed == 1:
            signal.pthread_kill(main.ident, signal.SIGINT)
        while not cc.parallel.stopping():
            pass
        return FakeRun(1.0, partial=True)

    methods = {"long": (long, {"target": 0})}
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.warns(UserWarning, match="4 rows, partial: 3 did not finish"):
            table = study(methods, range(4), measures=VALUE, workers=workers)
    finally:
        signal.signal(signal.SIGINT, previous)
    assert table.partial
    assert "partial: 3 did not finish" in str(table)
    assert table["value"] == [0.0, None, None, None]
    assert table["failure"] == [None, "interrupted", "interrupted", "interrupted"]
    assert not table.where(failure=None).partial


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"methods": [fake]}, "methods must map names to"),
        ({"methods": {"fake": fake}}, "methods must map names to"),
        ({"methods": {"fake": (fake, {})}}, "methods must have a target"),
        ({"methods": {"fake": (fake, {"target": 1, "seed": 3})}}, "'fake': .*seed"),
        ({"seeds": [None]}, "seeds must be"),
        ({"measures": [mean]}, "measures must map names to functions"),
        ({"measures": {"mean": 3}}, "measures must map names to functions"),
        ({"measures": {"seed": mean}}, "names in vary and measures must differ"),
        ({"vary": {"method": [1]}}, "names in vary and measures must differ"),
        ({"vary": {"shift": 3}}, "vary must map keywords to lists of values, shift has 3"),
        ({"vary": {"shift": "ab"}}, "vary must map keywords to lists of values, shift has 'ab'"),
        ({"vary": {"shift": []}}, "vary must map keywords to lists of values, shift has"),
        ({"vary": {"shift": [1, 1]}}, "vary must give the values of shift different labels"),
        ({"vary": {"shift": [1]}, "shift": 2}, "vary must not name what changes set too"),
        ({"vary": {"zeta": [1]}}, "'fake': got an unexpected keyword argument 'zeta'"),
        ({"steps": 3}, "'fake': got an unexpected keyword argument 'steps'"),
        ({"workers": 0}, "workers must be a whole number"),
        ({"client": 0}, "client must be None or"),
    ],
)
def test_bad_input_is_named_before_any_run(changes, message):
    def never(run, target):
        pytest.fail("a run was made")

    good = {"methods": FAKE, "seeds": [1], "measures": {"never": never}}
    with pytest.raises(ValueError, match=message):
        study(**{**good, **changes})


# --- labels ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, 0.5),
        (np.float64(0.5), 0.5),
        (3, 3),
        ("baoab", "baoab"),
        (None, "None"),
        (True, "True"),
        ((2.0, 2.0), "(2.0, 2.0)"),
        (TARGET, "nine_modes"),
        (mean, "mean"),
        (cc.ContourScheme(), "ContourScheme()"),
        (cc.ContourScheme(slope="smooth"), "ContourScheme(slope='smooth')"),
        (cc.EnergyPartition(0, 1, 2), "EnergyPartition(low=0.0, high=1.0, bins=2)"),
    ],
)
def test_labels_are_short(value, text):
    assert label(value) == text
    assert type(label(value)) is type(text)


def test_long_labels_are_cut():
    assert len(label(list(range(100)))) == 60


def test_targets_of_one_name_are_told_apart():
    targets = [cc.targets.nine_modes(noise) for noise in (0.1, 0.2)]
    table = study(
        {"SGLD": (cc.sgld, SETTINGS)}, [1], measures={"mean": mean}, vary={"target": targets}
    )
    assert table["target"] == [repr(target) for target in targets]


# --- the table ------------------------------------------------------------------------------------

ROWS = [
    {"method": "a", "temperature": 1.0, "seed": 1, "error": 0.5, "failure": None},
    {"method": "a", "temperature": 2.0, "seed": 2**70, "error": math.inf, "failure": None},
    {"method": 'b, "<c>"', "temperature": 1.0, "seed": 1, "error": 1.5, "failure": None},
    {"method": 'b, "<c>"', "temperature": 1.0, "seed": 2, "error": 0.1 + 0.2, "failure": None},
    {"method": "a", "temperature": 1.0, "seed": 2, "error": None, "failure": "Oh:\nno"},
]


def test_where_selects():
    table = Table(ROWS)
    assert table.where(method="a", seed=1).rows == ROWS[:1]
    assert table.where(failure=None).rows == ROWS[:4]
    assert table.where(method="c").rows == []
    assert table.where(method="c").columns == list(ROWS[0])
    assert len(table) == 5
    assert list(table) == ROWS
    with pytest.raises(ValueError, match=r"column must be one of .*, got 'zeta'"):
        table.where(zeta=1)
    with pytest.raises(ValueError, match=r"column must be one of .*, got 'zeta'"):
        table["zeta"]


def test_summaries_are_means_and_standard_errors():
    values = [1.0, 2.0, 6.0]
    rows = [{"m": "x", "s": n % 2, "v": v} for n, v in enumerate(values)]
    (summary,) = Table(rows).summarise("m", "v")
    # Deviations -2, -1, 3: variance 14 / 2, of the mean of three 7 / 3.
    assert summary == {
        "m": "x",
        "mean": 3.0,
        "standard_error": pytest.approx(math.sqrt(7 / 3)),
        "n": 3,
        "missing": 0,
    }
    first, second = Table(rows).summarise(["m", "s"], "v")
    assert (first["s"], first["mean"], first["n"]) == (0, 3.5, 2)
    assert (second["s"], second["mean"], second["n"]) == (1, 2.0, 1)
    assert math.isnan(second["standard_error"])
    with pytest.raises(ValueError, match="measure must be one of"):
        Table(rows).summarise("m", "w")


def test_summaries_of_nothing_and_of_infinity_are_plain():
    by_method = {
        (row["method"], row["temperature"]): row
        for row in Table(ROWS).summarise(["method", "temperature"], "error")
    }
    assert by_method["a", 2.0]["mean"] == math.inf
    assert (by_method["a", 1.0]["n"], by_method["a", 1.0]["missing"]) == (1, 1)
    (nothing,) = Table([{"m": 1, "v": None}]).summarise("m", "v")
    assert math.isnan(nothing["mean"])
    assert (nothing["n"], nothing["missing"]) == (0, 1)


def test_a_file_gives_the_same_table_back(tmp_path):
    path = tmp_path / "table.csv"
    Table(ROWS).save(path)
    loaded = Table.load(path)
    assert loaded.rows == ROWS
    assert loaded.columns == list(ROWS[0])
    assert [type(seed) for seed in loaded["seed"]] == [int] * 5
    Table([], ["a", "b"]).save(path)
    assert Table.load(path).columns == ["a", "b"]
    assert Table.load(path).rows == []


def test_a_file_is_replaced_at_once(tmp_path):
    class Unprintable:
        def __str__(self):
            raise OSError("the disk is full")

    path = tmp_path / "table.csv"
    Table(ROWS).save(path)
    before = path.read_bytes()
    with pytest.raises(OSError, match="full"):
        Table([{"a": Unprintable()}]).save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("text", ["", "a,b\n1\n", "a\n1,2\n"])
def test_a_damaged_file_is_refused(tmp_path, text):
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match="path must be a CSV file"):
        Table.load(path)


def test_rows_with_other_columns_are_refused():
    with pytest.raises(ValueError, match=r"rows must have the columns \['a'\]"):
        Table([{"a": 1}, {"b": 1}])


def test_it_shows_as_text_and_as_html():
    text = str(Table(ROWS)).splitlines()
    assert text[0].split() == list(ROWS[0])
    assert text[1].split() == ["a", "1", "1", "0.5"]
    assert text[-1] == "(5 rows, 1 failed)"
    assert text[5].endswith("Oh: no")
    assert text[1].index("0.5") == text[0].index("error")
    shown = Table(ROWS)._repr_html_()
    assert "<th>method</th>" in shown
    assert "<td>b, &quot;&lt;c&gt;&quot;</td>" in shown
    assert "5 rows, 1 failed" in shown
    long = Table([{"a": n} for n in range(1000)])
    assert len(str(long).splitlines()) == 42
    assert "1000 rows; the first 40 are shown" in str(long)


def test_pandas_reads_the_rows():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(Table(ROWS[:3]).rows)
    assert list(frame.columns) == list(ROWS[0])
    assert frame["error"].tolist() == [0.5, math.inf, 1.5]
