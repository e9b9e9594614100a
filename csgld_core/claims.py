"""Claims of the sources, judged by what was measured: figures/claims.json and CLAIMS.md."""

import json
import math
from dataclasses import asdict, dataclass

import numpy as np

from . import checks, figures
from .parallel import check_seeds

TOLERANCE = 2.0  # standard errors


BLOG = "blog post"
PAPER = "CSGLD paper"


@dataclass(frozen=True)
class Statement:
    """A claim of a source, and the bound that makes it checkable."""

    claim: str
    source: str
    statistic: str  # what is measured, once for each seed
    at_least: float | None = None
    at_most: float | None = None
    every: bool = False  # every seed must respect the bound, not the mean


STATEMENTS = {
    "sgld-stuck": Statement(
        "SGLD suffers from the local trap issue on a Gaussian mixture",
        f"{BLOG}, importance sampling; {PAPER}, section 4.1",
        "error of the mean of SGLD on E1, in widths of a mode",
        at_least=1.0,
    ),
    "csgld-all-modes": Statement(
        "CSGLD visits all nine modes of E2 in every run",
        f"{BLOG}, comparison",
        "number of modes met",
        at_least=9.0,
        every=True,
    ),
    "csgld-beats-sgld": Statement(
        "CSGLD is faster than SGLD",
        f"{BLOG}, comparison",
        "histogram error of SGLD minus that of CSGLD",
        at_least=0.0,
    ),
    "csgld-beats-cycsgld": Statement(
        "CSGLD is faster than cycSGLD",
        f"{BLOG}, comparison",
        "histogram error of cycSGLD minus that of CSGLD",
        at_least=0.0,
    ),
    "csgld-like-resgld": Statement(
        "CSGLD is comparable to reSGLD",
        f"{BLOG}, comparison",
        "histogram error of CSGLD minus that of reSGLD",
        at_most=0.05,
    ),
    "weights-repair": Statement(
        "Importance weights adjust for the flattened density",
        f"{BLOG}, flattened and reweighted densities",
        "relative fall of the histogram error by weighting",
        at_least=0.4,
    ),
    "ours-better-than-published": Statement(
        "Our scheme, tuning and BAOAB together make CSGLD more accurate",
        "ours",
        "mode-mass error of CSGLD as published minus that of ours",
        at_least=0.0,
    ),
    "tuned-csgld-beats-tuned-resgld": Statement(
        "Tuned CSGLD beats tuned replica exchange on E2",
        "nobody; often read into the comparison",
        "mode-mass error of reSGLD minus that of CSGLD, both with BAOAB",
        at_least=0.0,
    ),
}


@dataclass(frozen=True)
class Claim:
    """One claim and its evidence. Made by `judge`, which computes the verdict."""

    id: str
    claim: str
    source: str
    value: float  # mean of the statistic
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


def judge(id, values, *, budget, seeds):
    """Judge the statement `id` by the mean of `values`, one for each seed.

    The verdict is "holds" if the bound is respected by TOLERANCE standard errors, "does not hold
    here" if it is broken by as many, else "undecided here". A statement about every run holds or
    does not: one seed refutes it.

    Parameters
    ----------
    id : str
        Key of STATEMENTS.
    values : array (seeds,)
    budget : int
        Gradients of each run.
    seeds : iterable of int

    Returns
    -------
    Claim

    Raises
    ------
    ValueError
        If there is no such statement, or values are not finite, one for each seed, two at least.
    """
    statement = STATEMENTS[checks.choice("id", id, STATEMENTS)]
    seeds = check_seeds(seeds)
    budget = checks.integer("budget", budget, least=1)
    values = checks.array("values", values, (len(seeds),))
    if len(seeds) < 2:
        raise ValueError(f"seeds must be at least two, got {seeds}")
    value, error = mean_and_error(values)
    if statement.at_most is None:
        bound, wanted, margins = statement.at_least, "at least", values - statement.at_least
    else:
        bound, wanted, margins = statement.at_most, "at most", statement.at_most - values
    margin, tolerance = margins.mean(), TOLERANCE * error
    if statement.every:
        wanted, margin, tolerance = f"always {wanted}", margins.min(), 0.0
    verdict = "undecided here"
    if margin >= tolerance:
        verdict = "holds"
    elif margin <= -tolerance:
        verdict = "does not hold here"
    return Claim(
        id=id,
        claim=statement.claim,
        source=statement.source,
        # The last digits of a sum depend on where its numbers lie in memory.
        value=float(f"{value:.10g}"),
        standard_error=float(f"{error:.10g}"),
        expected=f"{statement.statistic}: {wanted} {bound:g}",
        budget=budget,
        seeds=seeds,
        verdict=verdict,
        why=f"{statement.statistic} is {value:.3g} ± {error:.2g}, wanted {wanted} {bound:g}",
    )


def record(claims):
    """Add claims to figures/claims.json, replacing those of the same id, and render CLAIMS.md."""
    path = figures.folder() / "claims.json"
    known = {claim.id: claim for claim in load()}
    known.update({claim.id: claim for claim in claims})
    ordered = [known[id] for id in STATEMENTS if id in known]
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


def _markdown(claims):
    lines = [
        "# Claims",
        "",
        "Recomputed by `make reproduce`. A claim *holds* if its bound is respected by "
        f"{TOLERANCE:g} standard errors over the seeds, *does not hold here* if it is broken by "
        "as many, and is *undecided here* otherwise.",
        "",
        "| claim | source | wanted | measured | gradients | seeds | verdict |",
        "|---|---|---|---|---|---|---|",
    ]
    for c in claims:
        lines.append(
            f"| {c.claim} | {c.source} | {c.expected} "
            f"| {c.value:.3g} ± {c.standard_error:.2g} "
            f"| {c.budget:,} | {len(c.seeds)} | **{c.verdict}** |"
        )
    return "\n".join(lines) + "\n"


def table(claims=None):
    """The claims as aligned text for a terminal."""
    claims = load() if claims is None else claims
    if not claims:
        return "no claims recorded yet"
    width = max(len(c.claim) for c in claims)
    rows = [f"{'claim':{width}}  {'measured':>17}  {'wanted':>14}  verdict"]
    for c in claims:
        measured = f"{c.value:.3g} ± {c.standard_error:.2g}"
        rows.append(
            f"{c.claim:{width}}  {measured:>17}  {c.expected.split(': ')[1]:>14}  {c.verdict}"
        )
    return "\n".join(rows)
