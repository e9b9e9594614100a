"""Thousands of runs, each reduced to a few numbers where it ran, and the table of these numbers."""

import csv
import functools
import html
import inspect
import io
import itertools
import math
import time
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from numbers import Real

import numpy as np

from .. import checks, files
from .parallel import attempts_of, check_methods, check_seeds, checkpoints, each, sample

__all__ = ["Table", "label", "study"]

INTERRUPTED = "interrupted"
SHOWN_ROWS = 40
LONGEST_TEXT = 60


def __dir__():
    return __all__


def study(
    methods,
    seeds,
    *,
    measures,
    vary=None,
    workers=None,
    client=None,
    progress=False,
    timed=False,
    **changes,
):
    """Run every method with every combination of settings on every seed, and measure each run.

    A run is measured where it ran, and only its numbers are kept.

    Parameters
    ----------
    methods : mapping of name -> (sampler, settings)
        Such as `experiments.E2_RACE`.
    seeds : iterable of int
        The same for all.
    measures : mapping of name -> function (run, target) -> float
        Such as {"error": metrics.mode_mass_error}.
    vary : mapping of keyword -> list of values, or of keyword -> {label: value}
        Settings that replace those of every method, in all combinations. A Target, a partition, a
        scheme and the like are values too; without a label they stand in the table as short text.
    workers, client, progress
        As in `parallel.replicate`.
    timed : bool
        Add a column "seconds", the time that each run took where it ran, without its measures.
    **changes
        Settings that replace those of every method. A `checkpoint`, here or in `methods`, is a path
        that contains "{seed}" and, where there are several, "{method}" and "{keyword}" of those
        that vary.

    Returns
    -------
    Table
        One row for each method, combination and seed: `method`, the varied keywords, `seed`, the
        measures, `gradient_evaluations` (None of samplers without) and `failure`, which is None, or
        the error that ended this run or one of its measures. After Ctrl-C, with a warning, it is
        "interrupted" for those that did not finish.

    Raises
    ------
    ValueError
        If an argument is outside what is listed here, or a sampler does not take its settings.
    """
    seeds = check_seeds(seeds)
    measures = _check_measures(measures)
    checks.flag("timed", timed)
    checks.flag("progress", progress)
    if vary is not None and not isinstance(vary, Mapping):
        raise checks.refused("vary", vary, "None or a mapping of keyword to values")
    vary = {keyword: _labelled(keyword, values) for keyword, values in dict(vary or {}).items()}
    if twice := vary.keys() & changes.keys():
        raise ValueError(f"vary must not name what changes set too, got {sorted(twice)}")
    columns = ["method", *vary, "seed", *measures, "gradient_evaluations"]
    columns += ["seconds", "failure"] if timed else ["failure"]
    if len(set(columns)) < len(columns):
        raise ValueError(f"names in vary and measures must differ from others, got {columns}")

    cases, places = [], []  # a case is a method with its settings; a place is where a row stands
    for name, (sampler, settings) in check_methods(methods).items():
        for labels in itertools.product(*vary.values()):
            varied = {key: vary[key][label] for key, label in zip(vary, labels, strict=True)}
            cases.append(_case(name, sampler, {**settings, **changes, **varied}))
            place = {"method": name, **dict(zip(vary, labels, strict=True))}
            places += [{**place, "seed": seed} for seed in seeds]
    calls = [(case, seed) for case in range(len(cases)) for seed in seeds]
    paths = checkpoints([cases[case][1].get("checkpoint") for case, _ in calls], places)

    outcome = each(
        functools.partial(_measure, cases, measures, timed, attempts_of(client)),
        [(*call, path) for call, path in zip(calls, paths, strict=True)],
        workers=workers,
        client=client,
        progress=progress,
    )
    rows = []
    for n, place in enumerate(places):
        row = {**dict.fromkeys(columns), **place}
        if n in outcome.results:
            row.update(outcome.results[n])
        else:
            failure = outcome.failures.get(n)
            row["failure"] = INTERRUPTED if failure is None else _text(failure)
        rows.append(row)
    table = Table(rows, columns)
    if table.partial:
        if len(table.where(failure=INTERRUPTED)) == len(table):
            raise KeyboardInterrupt
        checks.warn(table.state())
    return table


def _check_measures(measures):
    if not isinstance(measures, Mapping) or not all(callable(f) for f in measures.values()):
        raise ValueError(f"measures must map names to functions (run, target), got {measures!r}")
    return dict(measures)


def _case(name, sampler, settings):
    """A sampler and its settings, if it takes them."""
    settings = {k: v for k, v in settings.items() if k not in ("workers", "progress")}
    if "target" not in settings:
        raise ValueError(f"methods must have a target in their settings, {name!r} has none")
    try:
        inspect.signature(sampler).bind(**settings, seed=0, workers=1)
    except TypeError as error:
        raise ValueError(
            f"methods, vary and changes must be settings that the sampler takes; {name!r}: {error}"
        ) from None
    return sampler, settings


def _measure(cases, measures, timed, attempts, call):
    """One run, reduced to a row."""
    case, seed, checkpoint = call
    sampler, settings = cases[case]
    settings = {**settings, **checkpoint, "seed": seed, "workers": 1}
    began = time.perf_counter()
    run = sample(sampler, settings, attempts)
    seconds = time.perf_counter() - began
    if run.partial:
        raise KeyboardInterrupt
    row = {name: float(measure(run, settings["target"])) for name, measure in measures.items()}
    row["gradient_evaluations"] = getattr(run, "gradient_evaluations", None)
    return {**row, "seconds": seconds} if timed else row


def _text(failure):
    return f"{type(failure).__name__}: {failure}"


# --- labels ---------------------------------------------------------------------------------------


def _labelled(keyword, values):
    """The values of a keyword as a dict of label -> value, with labels that tell them apart."""
    if isinstance(values, Mapping) and values:
        return dict(values)
    if isinstance(values, str) or not np.iterable(values) or not len(values := list(values)):
        raise ValueError(f"vary must map keywords to lists of values, {keyword} has {values!r}")
    for text in (label, repr):
        labels = [text(value) for value in values]
        if len(set(labels)) == len(values):
            return dict(zip(labels, values, strict=True))
    raise ValueError(
        f"vary must give the values of {keyword} different labels, as {{label: value}}: "
        f"they read {labels}"
    )


def label(value):
    """A setting as a number or a short text, for a table.

    Numbers and texts stay as they are. A target is its name; a dataclass such as ContourScheme
    shows the fields that differ from its default.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str) or (isinstance(value, Real) and not isinstance(value, bool)):
        return value
    if is_dataclass(value):
        shown = [
            f"{f.name}={getattr(value, f.name)!r}"
            for f in fields(value)
            if getattr(value, f.name) != f.default
        ]
        return f"{type(value).__name__}({', '.join(shown)})"
    for name in ("name", "__name__"):
        if isinstance(getattr(value, name, None), str):
            return getattr(value, name)
    return _shortened(value)


def _shortened(value):
    text = " ".join(str(value).split())
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"


# --- the table ------------------------------------------------------------------------------------


class Table:
    """Rows of numbers and short texts; `pandas.DataFrame(table.rows)` makes a data frame of it.

    Parameters
    ----------
    rows : list of dict of column -> value
        A value that is not there is None.
    columns : list of str or None
        Their order; None is that of the first row.
    """

    def __init__(self, rows, columns=None):
        self.rows = checks.several("rows", rows)
        if not all(isinstance(row, Mapping) for row in self.rows):
            raise checks.refused("rows", rows, "a list of dicts")
        self.rows = [dict(row) for row in self.rows]
        if columns is None:
            columns = self.rows[0] if self.rows else ()
        self.columns = checks.several("columns", columns)
        if isinstance(columns, (str, bytes)) or not all(isinstance(c, str) for c in self.columns):
            raise checks.refused("columns", columns, "None or a list of texts")
        for row in self.rows:
            if row.keys() != set(self.columns):
                raise ValueError(f"rows must have the columns {self.columns}, got {row!r}")

    def __len__(self):
        return len(self.rows)

    def __iter__(self):
        return iter(self.rows)

    def __getitem__(self, column):
        """The values of a column, a list."""
        self._check(column)
        return [row[column] for row in self.rows]

    @property
    def partial(self):
        """Whether the user stopped the study before its end."""
        return "failure" in self.columns and INTERRUPTED in self["failure"]

    def state(self):
        """How many rows there are, and how many of them have no result, in words."""
        failures = self["failure"] if "failure" in self.columns else []
        interrupted = failures.count(INTERRUPTED)
        failed = len(failures) - failures.count(None) - interrupted
        parts = [f"{len(self)} rows"]
        parts += [f"{failed} failed"] if failed else []
        parts += [f"partial: {interrupted} did not finish"] if interrupted else []
        return ", ".join(parts)

    def where(self, **conditions):
        """The rows with these values in these columns, a Table."""
        for column in conditions:
            self._check(column)
        kept = [row for row in self.rows if all(row[c] == v for c, v in conditions.items())]
        return Table(kept, self.columns)

    def summarise(self, by, measure):
        """Mean and standard error of a column over the rows that are equal in others.

        Parameters
        ----------
        by : str or list of str
            Columns; one row for each combination of their values, in the order of their first.
        measure : str
            A column of numbers.

        Returns
        -------
        Table
            The columns `by`, `mean`, `standard_error` (NaN for a single run), `n`, the number of
            rows with a value, and `missing`, the number of those without.
        """
        by = [by] if isinstance(by, str) else checks.several("by", by, "a column or some")
        for column in by:
            self._check(column, "by")
        self._check(measure, "measure")
        groups = {}
        for row in self.rows:
            groups.setdefault(tuple(row[column] for column in by), []).append(row[measure])
        rows = []
        for key, values in groups.items():
            found = np.array([value for value in values if value is not None], dtype=float)
            with np.errstate(invalid="ignore"):  # infinite values
                mean = found.mean() if found.size else math.nan
                spread = found.std(ddof=1) if found.size > 1 else math.nan
            rows.append(
                {
                    **dict(zip(by, key, strict=True)),
                    "mean": float(mean),
                    "standard_error": float(spread / math.sqrt(max(found.size, 1))),
                    "n": int(found.size),
                    "missing": len(values) - int(found.size),
                }
            )
        return Table(rows, [*by, "mean", "standard_error", "n", "missing"])

    def save(self, path):
        """Write a CSV file, all or nothing; `Table.load` reads it back."""
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        with files.replacing(path) as file:
            file.write(text.getvalue().encode())

    @classmethod
    def load(cls, path):
        """Read a CSV file; a column in which all that is there reads as numbers is one of numbers.

        Raises
        ------
        ValueError
            If there is no first line with the columns, or rows differ in length.
        """
        path = checks.path("path", path)
        try:
            with open(path, newline="", encoding="utf-8") as file:
                lines = list(csv.reader(file, strict=True))
        except (ValueError, csv.Error) as e:  # bytes that are no text, or no CSV
            raise ValueError(f"path must be a CSV file, got {str(path)!r} ({e})") from e
        if len({len(line) for line in lines}) != 1 or len(set(lines[0])) < len(lines[0]):
            raise ValueError(
                f"path must be a CSV file with rows of equal length, got {str(path)!r}"
            )
        columns, *lines = lines
        values = [_parse(column) for column in zip(*lines, strict=True)]
        return cls(
            [dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)], columns
        )

    def _check(self, column, name="column"):
        checks.choice(name, column, self.columns)

    def _cells(self):
        shown = [[_cell(row[column]) for column in self.columns] for row in self.rows[:SHOWN_ROWS]]
        state = self.state() + (
            f"; the first {SHOWN_ROWS} are shown" if len(self) > SHOWN_ROWS else ""
        )
        return shown, state

    def __str__(self):
        shown, state = self._cells()
        widths = [max(map(len, column)) for column in zip(self.columns, *shown, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in [self.columns, *shown]
        ]
        return "\n".join([*lines, f"({state})"])

    __repr__ = __str__

    def _repr_html_(self):
        shown, state = self._cells()

        def line(cells, tag):
            return "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in cells) + "</tr>"

        body = "".join(line(cells, "td") for cells in shown)
        return f"<table>{line(self.columns, 'th')}{body}</table><p>{html.escape(state)}</p>"


def _cell(value):
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else _shortened(value)


def _parse(texts):
    """A column of a CSV file: None where it is empty, numbers if all are, or else texts."""
    for kind in (int, float, str):
        try:
            return [None if text == "" else kind(text) for text in texts]
        except ValueError:
            continue
