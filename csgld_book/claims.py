"""Claims, judged by what was measured: figures/claims.json and CLAIMS.md."""

import json
import math
import textwrap
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from csgld_core import checks
from csgld_core.running.parallel import check_seeds

from . import figures

TOLERANCE = 2.0  # standard errors
WIDTH = 66  # of a claim in a terminal
HOLDS, CONDITION, BROKEN, UNDECIDED = (
    "holds",
    "holds with a condition",
    "does not hold here",
    "undecided here",
)
VERDICTS = (HOLDS, CONDITION, BROKEN, UNDECIDED)


@dataclass(frozen=True)
class Statement:
    """A claim of a source, and the bound that makes it checkable.

    Raises
    ------
    ValueError
        If there is not exactly one bound.
    """

    id: str
    claim: str
    source: str
    statistic: str  # what is measured, once for each seed
    at_least: float | None = None
    at_most: float | None = None
    every: bool = False  # every seed must respect the bound, not the mean
    either_side: bool = False  # the mean must be at most at_most from 0

    def __post_init__(self):
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError(
                "one of at_least and at_most must be a number and the other None, "
                f"got {self.at_least!r} and {self.at_most!r}"
            )
        name = "at_least" if self.at_most is None else "at_most"
        checks.number(name, getattr(self, name))

    @property
    def wanted(self):
        """The bound in words."""
        least = self.at_most is None
        words = f"at least {self.at_least:g}" if least else f"at most {self.at_most:g}"
        words = f"±, {words}" if self.either_side else words
        return f"always {words}" if self.every else words

    def margins(self, values):
        """By how much each value respects the bound."""
        values = np.abs(values) if self.either_side else values
        return values - self.at_least if self.at_most is None else self.at_most - values


@dataclass(frozen=True)
class Claim:
    """One claim and its evidence. Made by `judge`, which computes the verdict."""

    id: str
    claim: str
    source: str
    value: float  # mean of the statistic, as the source states the claim
    standard_error: float
    expected: str  # what the statistic must satisfy
    budget: int  # gradients of each run
    seeds: list
    verdict: str
    why: str


def mean_and_error(values):
    """Mean of independent values and its standard error."""
    values = np.asarray(values, dtype=np.float64)
    return float(values.mean()), float(values.std(ddof=1) / math.sqrt(values.size))


def judge(statement, values, *, budget, seeds):
    """Judge a statement by the mean of `values`, one for each seed.

    The bound is respected, or broken, if it is so by TOLERANCE standard errors; a statement about
    every run is broken by a single seed. The verdict is "holds" if it is respected as the source
    states the claim; else "holds with a condition" if it is respected under one of the conditions;
    else "does not hold here" if it is broken, and "undecided here" if there are too few seeds.

    Parameters
    ----------
    statement : Statement
    values : array (seeds,), or mapping of condition -> array (seeds,)
        The first of several is the claim as the source states it, unless it begins with "with":
        then it is a condition too. Where there are no seeds, numbers that are exact.
    budget : int
        Gradients of each run.
    seeds : iterable of int
        None, for what was computed by quadrature; or two at least.

    Returns
    -------
    Claim

    Raises
    ------
    ValueError
        If values are not finite, one for each seed, or there is a single seed.
    """
    checks.instance("statement", statement, Statement)
    empty = isinstance(seeds, (list, tuple, range)) and len(seeds) == 0
    seeds = [] if empty else check_seeds(seeds)
    budget = checks.integer("budget", budget, least=0)
    if len(seeds) == 1:
        raise ValueError(f"seeds must be at least two, or none, got {seeds}")
    tests = values if isinstance(values, Mapping) else {"": values}
    if not tests:
        raise checks.refused("values", values, "numbers, or a mapping of condition to numbers")
    found = {
        name: _test(statement, checks.array("values", v, (len(seeds),) if seeds else ()))
        for name, v in tests.items()
    }
    (first, (value, error, outcome)), *others = found.items()
    holding = [(name, test) for name, test in others if test[-1] == HOLDS]
    conditional = first.startswith("with ") and outcome == HOLDS
    verdict = outcome if outcome == HOLDS or not holding else CONDITION
    told = [(first, found[first]), *(holding[:1] if verdict == CONDITION else others)]
    told = told[:1] if outcome == HOLDS else told
    verdict = CONDITION if conditional else verdict
    alone = verdict == HOLDS or not first
    return Claim(
        id=statement.id,
        claim=statement.claim,
        source=statement.source,
        value=value,
        standard_error=error,
        expected=f"{statement.statistic}: {statement.wanted}",
        budget=budget,
        seeds=seeds,
        verdict=verdict,
        why="; ".join(_sentence("" if alone else name, statement, *test) for name, test in told),
    )


def _test(statement, values):
    """Mean, standard error, and whether the bound is respected, broken, or neither is sure."""
    mean, error = mean_and_error(values) if values.ndim else (float(values), 0.0)
    margin, tolerance = statement.margins(mean), TOLERANCE * error
    if statement.every:
        margin, tolerance = np.min(statement.margins(values)), 0.0
    outcome = UNDECIDED
    if margin > tolerance or (statement.every and margin == 0):
        outcome = HOLDS
    elif margin < -tolerance:
        outcome = BROKEN
    # The last digits of a sum depend on where its numbers lie in memory.
    return float(f"{mean:.10g}"), float(f"{error:.10g}"), outcome


def _sentence(condition, statement, mean, error, outcome):
    """What decides, and under a condition its numbers, which stand nowhere else."""
    words = {HOLDS: "respected", BROKEN: "broken", UNDECIDED: "neither respected nor broken"}
    by = ""
    if statement.every:
        by = " by every seed" if outcome == HOLDS else " by a seed"
    elif error:
        by = f" by {abs(statement.margins(mean)) / error:.1f} standard errors"
    if outcome == UNDECIDED:
        by = f": {by.removeprefix(' by ')} away"
    numbers = f"{condition}: {_number(mean, error)}, " if condition else ""
    return f"{numbers}{words[outcome]}{by}"


def record(claims, *, order=()):
    """Add claims to figures/claims.json, replacing those of the same id, and render CLAIMS.md.

    Where an `order` of ids is given, claims of other ids are dropped.
    """
    path = figures.folder() / "claims.json"
    known = {claim.id: claim for claim in load()}
    known.update({claim.id: claim for claim in claims})
    ordered = [known[id] for id in order or known if id in known]
    content = {"claims": [asdict(claim) for claim in ordered], "versions": figures.versions()}
    figures.write(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    figures.write(figures.folder() / "CLAIMS.md", _markdown(ordered))


def load():
    """The claims recorded so far."""
    path = figures.folder() / "claims.json"
    if not path.exists():
        return []
    try:
        return [Claim(**claim) for claim in json.loads(path.read_text())["claims"]]
    except (KeyError, TypeError, ValueError) as e:
        raise ValueError(f"{path} must be a file written by claims.record, it is damaged") from e


def _seeds(claim):
    if not claim.seeds:
        return "none: quadrature"
    return f"{len(claim.seeds)}: {claim.seeds[0]} to {claim.seeds[-1]}"


def _markdown(claims):
    lines = [
        "# Claims",
        "",
        "Recomputed by `make reproduce`, for each claim: what was measured, once for each seed, "
        "the bound that it must respect, and mean ± standard error over the seeds. A claim "
        f"*holds* if its bound is respected by {TOLERANCE:g} standard errors, *holds with a "
        "condition* if it is respected only under a condition that the source does not mention, "
        "*does not hold here* if it is broken by as many, and is *undecided here* otherwise. "
        "*Always*: by every single seed. The value is that of the claim as the source states it; "
        "under a condition it stands in the last column. Terms are explained in "
        "[notebook 15](../notebooks/15_reproduce.ipynb); `make reproduce ONLY=id` recomputes one.",
        "",
        "| claim | id | source | measured: wanted | value | gradients | seeds | verdict | why |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for c in claims:
        lines.append(
            f"| {c.claim} | {c.id} | {c.source} | {c.expected} | {shown(c)} "
            f"| {c.budget:,} | {_seeds(c)} | **{c.verdict}** | {c.why} |"
        )
    return "\n".join(lines) + "\n"


def shown(claim):
    """The value of a claim, with its standard error, as text."""
    return _number(claim.value, claim.standard_error)


def _number(mean, error):
    if not error:
        return f"{mean:.4g}"
    return f"{mean:,.0f} ± {error:,.0f}" if abs(mean) >= 1000 else f"{mean:.3g} ± {error:.2g}"


def counts(claims):
    """How many claims got each verdict, in words."""
    given = [claim.verdict for claim in claims]
    return ", ".join(f"{given.count(v)} {v}" for v in VERDICTS if v in given)


def table(claims=None):
    """The claims as aligned text for a terminal."""
    claims = load() if claims is None else claims
    if not claims:
        return "no claims recorded yet"
    rows = [f"{'claim':{WIDTH}}  {'measured':>17}  {'wanted':>16}  verdict"]
    for c in claims:
        measured, wanted = shown(c), c.expected.rpartition(": ")[2]
        short = textwrap.shorten(c.claim, WIDTH, placeholder=" …")
        rows.append(f"{short:{WIDTH}}  {measured:>17}  {wanted:>16}  {c.verdict}")
    return "\n".join([*rows, counts(claims)])
