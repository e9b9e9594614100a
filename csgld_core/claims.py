"""Claims of the sources, judged by what was measured: figures/claims.json and CLAIMS.md."""

import json
import math
from dataclasses import asdict, dataclass

import numpy as np

from . import figures

TOLERANCE = 2.0  # standard errors


@dataclass(frozen=True)
class Claim:
    """One claim and its evidence. Make it with `judge`, which computes the verdict."""

    id: str
    claim: str
    source: str
    value: float  # measured statistic
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


def judge(id, claim, source, values, *, statistic, budget, seeds, at_least=None, at_most=None):
    """A claim about the mean of `values`, one for each seed, that must respect a bound.

    The verdict is "holds" if the bound is respected by TOLERANCE standard errors, "does not hold
    here" if it is broken by as many, else "undecided here".

    Parameters
    ----------
    id, claim, source : str
    values : array (seeds,)
    statistic : str
        What the values are.
    budget : int
        Gradients of each run.
    seeds : list of int
    at_least, at_most : float
        One of them: the bound.

    Returns
    -------
    Claim

    Raises
    ------
    ValueError
        If not exactly one bound is given, or values are not finite.
    """
    if (at_least is None) == (at_most is None):
        raise ValueError(f"give one of at_least and at_most, got {at_least!r} and {at_most!r}")
    if not np.isfinite(values).all():
        raise ValueError(f"values of claim {id!r} must be finite")
    value, error = mean_and_error(values)
    sign, bound = ("at least", at_least) if at_most is None else ("at most", at_most)
    margin = (value - bound) if at_most is None else (bound - value)
    verdict = "undecided here"
    if margin >= TOLERANCE * error:
        verdict = "holds"
    elif margin <= -TOLERANCE * error:
        verdict = "does not hold here"
    return Claim(
        id=id,
        claim=claim,
        source=source,
        value=value,
        standard_error=error,
        expected=f"{statistic}: {sign} {bound:g}",
        budget=int(budget),
        seeds=[int(seed) for seed in seeds],
        verdict=verdict,
        why=f"{statistic} is {value:.3g} ± {error:.2g}, wanted {sign} {bound:g}",
    )


def record(claims):
    """Add claims to figures/claims.json, replacing those of the same id, and render CLAIMS.md."""
    path = figures.folder() / "claims.json"
    known = {claim.id: claim for claim in load()}
    known.update({claim.id: claim for claim in claims})
    ordered = [known[id] for id in sorted(known)]
    content = {"claims": [asdict(claim) for claim in ordered], "versions": figures.versions()}
    figures.write(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    figures.write(figures.folder() / "CLAIMS.md", _markdown(ordered))


def load():
    """The claims recorded so far."""
    path = figures.folder() / "claims.json"
    if not path.exists():
        return []
    return [Claim(**claim) for claim in json.loads(path.read_text())["claims"]]


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
            f"| {c.claim} | {c.source} | {c.expected.replace('|', '∣')} "
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
