"""Run.summary(): the diagnostics of a run on one screen, what is good, and what to change."""

import html
import math
import textwrap
from typing import NamedTuple

import numpy as np

from . import diagnostics
from .diagnostics import BELOW_WARNING, CLAMPED_WARNING

# What Vehtari, Gelman, Simpson, Carpenter & Buerkner, Bayesian Analysis 16 (2021), recommend: below
# 400 effective draws the estimates of errors, and R-hat and ESS themselves, are unstable.
ENOUGH_DRAWS = 400
MOST_R_HAT = 1.01
# Round trips between low and high energies are about Poisson: from ten, the mass of one against the
# other is known to a third at best; and where chains make ten on average, one with none is trapped.
ENOUGH_ROUND_TRIPS = 10
# The same for exchanges with the hot chain, in each chain.
ENOUGH_SWAPS = 10
# A mean has an error of at least sd / sqrt(effective draws): a tenth of sd. And where a hundred
# draws do the work of one, flattening costs more than it brings.
ENOUGH_EFFECTIVE_WEIGHTS = 100
LEAST_EFFECTIVE_SHARE = 0.01
# Weights are theta^zeta: mass in the wrong cells of theta is mass in the wrong place of an answer.
MOST_DRIFT = 0.05
MOST_SPREAD = 0.05
# Wider, since the draws have an error of their own, the longer-lived one.
MOST_MISMATCH = 0.1
# An exponential fall of the density over the partition, as without flattening, is below this
# where the partition is ten temperatures high or more.
LEAST_FLATNESS = 0.3

WIDTH, LINES = 88, 24


# --- findings: number, what is good, what to do ---------------------------------------------------


class Finding(NamedTuple):
    """One diagnostic of a run."""

    values: dict  # JSON-ready
    name: str = ""  # of its row in the table; none without a name
    shown: str = ""
    good: str = ""
    verdict: str | None = None  # what is wrong, why, and what to change


def _listed(chains):
    """Numbers of chains, counted from 0, the first few of many."""
    shown = ", ".join(str(chain) for chain in chains[:5])
    return ("chain " if len(chains) == 1 else "chains ") + shown + (", …" * (len(chains) > 5))


def _percent(share):
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"


def _remedy(run):
    """What helps a chain that hardly moves about."""
    if run.energy_pdfs is not None:
        return "raise zeta" if run.settings["zeta"] < 1 else "take larger steps"
    if run.settings.get("sampler") == "replica_exchange_sgld":
        return "change high_temperature"
    return "use a sampler that crosses barriers"


def _completion(run):
    verdict = None
    if run.partial:
        done, steps = run.settings["completed_steps"], run.settings["steps"]
        verdict = (
            f"stopped by the user after {done:,} of {steps:,} steps: this is the shorter run, "
            "and a schedule of gains or cycles was cut"
        )
    elif (run.settings.get("pilot") or {}).get("diverged"):
        verdict = (
            "with the pilot's step the run diverged and was repeated with a smaller one: there may "
            "be a narrow well that it no longer finds; give start= there, or a step_size"
        )
    return Finding({"partial": run.partial}, verdict=verdict)


def _size(run):
    n, verdict = run.chains * run.draws, None
    if n < ENOUGH_DRAWS:
        verdict = (
            f"only {n} draws: fewer than {ENOUGH_DRAWS} prove nothing, and what follows is not "
            "judged; take more steps or a smaller thin"
        )
    return Finding({"chains": run.chains, "draws": run.draws}, verdict=verdict)


def _movement(run):
    ranges = np.ptp(diagnostics.energies_of(run), axis=1)
    still, verdict = np.flatnonzero(ranges == 0).tolist() if run.draws > 1 else [], None
    if still:
        verdict = (
            f"{_listed(still)} never moved: take a smaller step_size if walls reject the moves, "
            "and run target.check() on the gradient"
        )
    return Finding({"still_chains": still}, verdict=verdict)


def _clamped(run):
    share, verdict, partition = diagnostics.clamped_fraction(run), None, run.partition
    below = float(np.mean(run.energies <= partition.low))
    if share > CLAMPED_WARNING or below > BELOW_WARNING:
        ends = []
        if (low := run.energies.min()) <= partition.low:
            ends.append(f"downwards (kept draws reach {low:.4g}, it starts at {partition.low:.4g})")
        if (high := run.energies.max()) > partition.high:
            ends.append(f"upwards (kept draws reach {high:.4g}, it ends at {partition.high:.4g})")
        verdict = (
            f"clamped {_percent(share)}: outside the partition nothing is flattened; "
            f"widen it {' and '.join(ends) or '(no kept draw is outside)'}"
        )
    return Finding(
        {"clamped_fraction": share},
        "moves outside the partition",
        _percent(share),
        f"below {_percent(CLAMPED_WARNING)}",
        verdict,
    )


def _swaps(run):
    share, verdict = diagnostics.swap_fraction(run), None
    if run.swaps < ENOUGH_SWAPS * run.chains:
        verdict = (
            f"{run.swaps} swaps in {diagnostics.moves(run):,} steps: the cold chain hardly meets "
            "the hot one; lower high_temperature, raise swap_rate, check energy_variance"
        )
    return Finding(
        {"swaps": run.swaps, "swap_fraction": share},
        "steps with a swap",
        _percent(share),
        f"{ENOUGH_SWAPS} swaps or more in each chain",
        verdict,
    )


def _flattening(run, trapped):
    share, flat = diagnostics.bouncy_fraction(run), diagnostics.flatness(run)
    clip, verdict = run.scheme.clip, None
    may_bounce = clip is None or clip[0] < -1
    if trapped and share == 0 and may_bounce and flat < LEAST_FLATNESS:
        verdict = (
            f"no move bounced, energies fill only {_percent(flat)} of the partition and mix badly: "
            "wells still hold the chain; raise zeta or gain_schedule, or lower the partition's top"
        )
    return Finding(
        {"bouncy_fraction": share, "flatness": flat},
        "bouncy draws; flatness",
        f"{_percent(share)}; {flat:.2g}",
        f"some, or flatness above {LEAST_FLATNESS:g}",
        verdict,
    )


def _round_trips(run):
    trips, reason, verdict = diagnostics.energy_round_trips(run), None, None
    total, none = int(trips.sum()), np.flatnonzero(trips == 0).tolist()
    if total < ENOUGH_ROUND_TRIPS:
        reason = f"{total or 'no'} round trip{'s' * (total > 1)} in energy: too few to weigh low "
        reason += "against high energies"
    elif none and total >= ENOUGH_ROUND_TRIPS * run.chains:
        reason = f"no round trip in energy in {_listed(none)} of {run.chains}, the others make many"
    if reason:
        verdict = f"{reason}; run longer, {_remedy(run)}"
        if run.energy_pdfs is not None:
            verdict += " or check that the partition reaches above the barriers"
    return Finding(
        {"energy_round_trips": trips.tolist()},
        "round trips in energy",
        " to ".join(f"{n:,}" for n in sorted({trips.min(), trips.max()}))
        + " a chain" * (run.chains > 1),
        f"{ENOUGH_ROUND_TRIPS} or more, some in each chain",
        verdict,
    )


def _r_hat(run, agreement):
    r_hat, of, verdict = agreement.r_hat, agreement.r_hat_of, None
    parts = "chains" if run.chains > 1 else "the halves of the chain"
    if r_hat > MOST_R_HAT:
        verdict = (
            f"R-hat {_rounded_up(r_hat)} of {of}: {parts} disagree, each is too short or trapped; "
            f"run longer or {_remedy(run)}"
        )
    return Finding(
        {"r_hat": _number(r_hat), "r_hat_of": of or None},
        "worst R-hat" + (f", {of}" if of else "") + (", of halves" if run.chains == 1 else ""),
        "-" if math.isnan(r_hat) else _rounded_up(r_hat),
        f"at most {MOST_R_HAT}",
        verdict,
    )


def _rounded_up(r_hat):
    """Three digits, and what fails never looks like 1.010."""
    return f"{math.ceil(r_hat * 1000) / 1000:.3f}" if r_hat < 10 else "above 10"


def _ess(run, agreement):
    bulk, tail, of = agreement.ess_bulk, agreement.ess_tail, agreement.ess_of
    verdict, ess = None, min(bulk, tail)
    if ess < ENOUGH_DRAWS:
        verdict = (
            f"ESS {ess:.0f}: too few independent draws for quantiles, or for R-hat to be "
            f"trusted; run longer or {_remedy(run)}"
        )
    return Finding(
        {"ess_bulk": _number(bulk), "ess_tail": _number(tail), "ess_of": of or None},
        "worst ESS, bulk; tail",
        "-" if math.isnan(bulk) else f"{bulk:,.0f}; {tail:,.0f}",
        f"{ENOUGH_DRAWS} or more",
        verdict,
    )


def _theta(key, label, value, most, reason):
    """A distance of theta that should be small; `reason` says what it means if it is not."""
    return Finding(
        {key: _number(value)},
        label,
        "-" if math.isnan(value) else f"{value:.2g}",
        f"below {most:g}",
        reason if value > most else None,
    )


def _mismatch(run):
    value = diagnostics.theta_mismatch(run)
    reason = (
        f"theta is {value:.2g} from the weighted draws: it did not settle where they say; run "
        'longer, keep zeta <= 1 and gain "consistent", or raise gain_schedule'
    )
    return _theta("theta_mismatch", "theta against weighted draws", value, MOST_MISMATCH, reason)


def _drift(run):
    value = float(np.mean(diagnostics.theta_drift(run)))
    reason = (
        f"theta still moves by {value:.2g} between half and end, and weights with it: take "
        "more steps, or fewer bins"
    )
    return _theta("theta_drift", "theta, from half to end", value, MOST_DRIFT, reason)


def _spread(run):
    value = diagnostics.theta_spread(run)
    reason = (
        f"chains learned energy PDFs up to {value:.2g} from their mean: they saw different "
        f"parts of the target; run longer or {_remedy(run)}"
    )
    return _theta("theta_spread", "theta, between chains", value, MOST_SPREAD, reason)


def _weights(run):
    effective, verdict = run.effective_sample_size(), None
    share = effective / (run.chains * run.draws)
    if effective < ENOUGH_EFFECTIVE_WEIGHTS or share < LEAST_EFFECTIVE_SHARE:
        verdict = (
            f"weights: effective {effective:.0f} draws, {_percent(share)} of all; a few decide "
            "everything: lower zeta or narrow the partition"
        )
    return Finding(
        {"effective_weights": effective, "effective_share": share},
        "effective weights",
        f"{effective:,.0f}; {_percent(share)} of draws",
        f"{ENOUGH_EFFECTIVE_WEIGHTS} or more; above {_percent(LEAST_EFFECTIVE_SHARE)}",
        verdict,
    )


def _number(value):
    return float(value) if math.isfinite(value) else None  # JSON knows no NaN


# --- summary --------------------------------------------------------------------------------------

NOTHING = (
    "Nothing found by the diagnostics that ran. So the draws do not contradict themselves or "
    "theta; that does not prove that they cover the target: no diagnostic can see a mode that was "
    "never visited, nor the bias of a large step: halve it to see."
)


class Summary:
    """Diagnostics of a run and what follows from them; print it, or show it in a notebook.

    Attributes
    ----------
    values : dict
        Every diagnostic by name, JSON-ready; None where it is not defined.
    verdicts : list of str
        What is wrong, why, and what to change. Empty if nothing was found; that does not prove
        that all is well, since no diagnostic can see a mode that was never visited.
    """

    def __init__(self, heading, findings, note):
        self.heading, self.note = heading, note
        self.rows = [finding for finding in findings if finding.name]
        self.values = {name: v for finding in findings for name, v in finding.values.items()}
        self.verdicts = [finding.verdict for finding in findings if finding.verdict]

    def __repr__(self):
        table = [("", "diagnostic", "value", "good")]
        table += [("!" if r.verdict else "", r.name, r.shown, r.good) for r in self.rows]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [*(part for line in self.heading for part in textwrap.wrap(line, WIDTH)), ""]
        for row in table:
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
            lines.append("  ".join(cells).rstrip())
        lines += [*textwrap.wrap(self.note, WIDTH), ""]
        if not self.verdicts:
            return "\n".join(lines + textwrap.wrap(NOTHING, WIDTH))
        indents = {"initial_indent": "- ", "subsequent_indent": "  "}
        items = [textwrap.wrap(verdict, WIDTH, **indents) for verdict in self.verdicts]
        for n, item in enumerate(items):
            rest = items[n:]
            if len(lines) + sum(map(len, rest)) <= LINES or len(lines) + len(item) < LINES:
                lines += item
            else:
                lines.append(f"- and {len(rest)} more, see .verdicts")
                break
        return "\n".join(lines)

    def _repr_html_(self):
        def bold(text, wrong):
            return f"<b>{html.escape(text)}</b>" if wrong else html.escape(text)

        def row(tag, cells):
            return "<tr>" + "".join(f"<{tag}>{cell}</{tag}>" for cell in cells) + "</tr>"

        body = [
            row("td", [bold(text, r.verdict) for text in (r.name, r.shown, r.good)])
            for r in self.rows
        ]
        head = "<br>".join(html.escape(line) for line in self.heading)
        items = "".join(f"<li>{html.escape(verdict)}</li>" for verdict in self.verdicts)
        verdicts = f"<ul>{items}</ul>" if items else f"<p>{html.escape(NOTHING)}</p>"
        return (
            f"<div><p>{head}</p><table>{row('th', ('diagnostic', 'value', 'good'))}"
            f"{''.join(body)}</table><p><small>{html.escape(self.note)}</small></p>{verdicts}</div>"
        )


def summarise(run, heading):
    """Diagnostics of a run, what is good, and what to change.

    Split R-hat and ESS are of the *unweighted* energies and coordinates: in contour runs of the
    flattened density, where chains move. For means with weights neither is defined.

    Parameters
    ----------
    run : Run
        Of any sampler and size.
    heading : list of str
        Lines that say what run it is.

    Returns
    -------
    Summary
    """
    contours = run.energy_pdfs is not None
    counts = [_completion(run), _size(run), _movement(run)]
    if contours:
        counts.append(_clamped(run))
    if run.settings.get("sampler") == "replica_exchange_sgld":
        counts.append(_swaps(run))
    estimates = [_round_trips(run)]
    try:
        agreement = diagnostics.agreement(run)
    except ImportError:
        note = f"R-hat and ESS need ArviZ: {diagnostics.INSTALL}"
    else:
        note = _agreement_note(run, agreement)
        estimates += [_r_hat(run, agreement), _ess(run, agreement)]
    if contours:
        trapped = any(finding.verdict for finding in estimates)
        estimates.insert(0, _flattening(run, trapped))
        estimates += [_mismatch(run), _drift(run)]
        if len(run.energy_pdfs) > 1:
            estimates.append(_spread(run))
        estimates.append(_weights(run))
    if run.chains * run.draws < ENOUGH_DRAWS:
        estimates = [finding._replace(verdict=None) for finding in estimates]
    return Summary(heading, counts + estimates, note)


def _agreement_note(run, agreement):
    left_out = agreement.left_out(run)
    note = "R-hat and ESS are of the energy and x of unweighted draws"
    note += " (flattened density)" * (run.energy_pdfs is not None)
    return note + (f"; {', '.join(left_out)}" if left_out else "")
