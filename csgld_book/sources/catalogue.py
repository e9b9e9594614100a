"""What the sources show and say, as three kinds of functions, each registered by its decorator.

An *experiment* measures something once for each seed; *figures* draw what it found; *claims* turn
what it found into one number for each seed, and a bound makes them checkable:

    @experiment(seeds=20, budget=200_000)
    def race(seeds): ...                      # -> a mapping, what it found

    @figure(race, "Mode-mass errors of four methods.")
    def errors(found): ...                    # -> Figure

    @claim(race, "Mine is faster", "me", "histogram error of SGLD minus mine", at_least=0.0)
    def mine_is_faster(found): ...            # -> array (seeds,)
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from csgld_core import checks, parallel

from ..claims import Statement

BLOG = "blog post"
PAPER = "CSGLD paper"
INTERACTING_PAPER = "interacting CSGLD paper"

FIGURES, CLAIMS = {}, {}


@dataclass(frozen=True, eq=False)
class Experiment:
    """A measurement, made once for each seed, on which figures and claims rest."""

    measure: Callable  # (seeds) -> mapping
    seeds: int  # 0: quadrature, which takes no seeds; 1: a picture of a single run
    budget: int  # gradients of each run, as a rule
    settings: dict = field(repr=False)

    @property
    def name(self):
        """That of the function."""
        return self.measure.__name__

    def seeds_from(self, first, count=None):
        """`count` seeds, or as many as stated; always one for a single run, none of quadrature."""
        return range(first, first + (self.seeds if count is None or self.seeds < 2 else count))

    def __call__(self, seeds):
        """What was found; `seeds` is a range or a list of int."""
        return self.measure(list(seeds))


@dataclass(frozen=True, eq=False)
class SourceFigure:
    """A figure of the sources, redrawn from an experiment."""

    experiment: Experiment
    caption: str
    draw: Callable  # (found) -> Figure or Animation

    @property
    def name(self):
        """Of the files, without ending."""
        return self.draw.__name__


@dataclass(frozen=True, eq=False)
class SourceClaim:
    """A claim of the sources, and the function that measures it."""

    experiment: Experiment
    statement: Statement
    measure: Callable  # (found) -> array (seeds,), or condition -> array (seeds,)


def experiment(*, seeds, budget, settings=None):
    """Decorator: a function of a list of seeds measures what figures and claims rest on.

    Parameters
    ----------
    seeds : int
        How many it takes by default. 0 is quadrature, 1 a picture of a single run: these numbers
        stay, whatever a reader asks for.
    budget : int
        Gradients of each run.
    settings : mapping
        What is noted as its settings in figures/manifest.json.
    """
    seeds = checks.integer("seeds", seeds, least=0)
    budget = checks.integer("budget", budget, least=0)
    return lambda measure: Experiment(measure, seeds, budget, settings or {})


def figure(experiment, caption):
    """Decorator: a function of what `experiment` found draws the figure that has its name."""
    checks.instance("experiment", experiment, Experiment)

    def register(draw):
        found = SourceFigure(experiment, caption, draw)
        FIGURES[found.name] = found
        return draw

    return register


def claim(experiment, claim, source, statistic, *, at_least=None, at_most=None, **how):
    """Decorator: a function of what `experiment` found measures a claim.

    It returns an array (seeds,), or a mapping of condition to such arrays: the first as the source
    states it, the others under conditions that it does not mention. The claim's id is the name of
    the function, with hyphens.

    Parameters
    ----------
    experiment : Experiment
    claim : str
        In words.
    source : str
    statistic : str
        What the function returns, in words.
    at_least, at_most : float or None
        The bound that makes the claim checkable, one of both.
    **how
        `every` seed must respect the bound, not the mean; or the mean on `either_side` of 0.
    """
    checks.instance("experiment", experiment, Experiment)

    def register(measure):
        id = measure.__name__.replace("_", "-")
        statement = Statement(id, claim, source, statistic, at_least, at_most, **how)
        CLAIMS[id] = SourceClaim(experiment, statement, measure)
        return measure

    return register


def runs(sampler, seeds, **settings):
    """`parallel.replicate`, but interrupted runs are no evidence: Ctrl-C raises."""
    found = parallel.replicate(sampler, seeds, **settings)
    if len(found) < len(seeds) or any(run.partial for run in found):
        raise KeyboardInterrupt
    return found
