"""Recompute figures and claims of the sources: `reproduce` writes them, `check` judges one."""

from IPython.display import clear_output, display
from tqdm.auto import tqdm

from csgld_core import checks

from .. import animation, claims, figures
from .catalogue import CLAIMS, FIGURES

LEAST_SEEDS = 5  # a standard error of fewer decides nothing


class Reproduction:
    """What `reproduce` made.

    Attributes
    ----------
    pictures : dict of name -> Picture
    claims : dict of id -> Claim
    found : dict of name of an experiment -> what it found
    """

    def __init__(self):
        self.pictures, self.claims, self.found = {}, {}, {}

    def show(self, *names):
        """Display figures, each with the claims that rest on the same experiment below, once."""
        told = set()
        for name in names:
            display(self.pictures[checks.choice("names", name, self.pictures)])
            experiment = FIGURES[name].experiment
            if experiment not in told and (judged := self._beside(experiment)):
                display(Verdicts(judged))
            told.add(experiment)

    def _beside(self, experiment):
        ids = [id for id, known in CLAIMS.items() if known.experiment is experiment]
        return [self.claims[id] for id in ids if id in self.claims]


class Verdicts:
    """Claims as a table in a notebook, with their evidence; as text the verdicts alone."""

    def __init__(self, judged):
        self.judged = judged

    def __repr__(self):
        return "\n".join(f"{c.claim}: {c.verdict}" for c in self.judged)

    def _repr_markdown_(self):
        rows = [
            f"| {c.claim} | {c.expected} | {claims.shown(c)} | **{c.verdict}** | {c.why} |"
            for c in self.judged
        ]
        head = ["| claim | measured: wanted | value | verdict | why |", "|---|---|---|---|---|"]
        return "\n".join([*head, *rows])


def reproduce(*only, seed=0, seeds=None, progress=True):
    """Recompute figures and claims, and write them to figures/ as they are done.

    Each experiment runs once, whatever rests on it. After Ctrl-C what is done is kept.

    Parameters
    ----------
    *only : str
        Names of figures and ids of claims; none are all.
    seed : int
        The first seed of every experiment; the others follow it.
    seeds : int or None
        How many; None takes what each experiment states. Single runs stay single.
    progress : bool
        Show a progress bar, and the time left.

    Returns
    -------
    Reproduction

    Raises
    ------
    ValueError
        If there is no such figure or claim, or numbers are outside what is listed here.
    """
    for name in only:
        checks.choice("only", name, [*FIGURES, *CLAIMS])
    seed = checks.integer("seed", seed, least=0)
    seeds = None if seeds is None else checks.integer("seeds", seeds, least=LEAST_SEEDS)
    drawn = [known for name, known in FIGURES.items() if not only or name in only]
    judged = [known for id, known in CLAIMS.items() if not only or id in only]
    done = Reproduction()
    experiments = list(dict.fromkeys(known.experiment for known in (*drawn, *judged)))
    bar = tqdm(experiments, unit="experiment", disable=not progress)
    for experiment in bar:
        bar.set_description(experiment.name)
        chosen = experiment.seeds_from(seed, seeds)
        found = done.found[experiment.name] = experiment(chosen)
        for known in judged:
            if known.experiment is experiment:
                done.claims[known.statement.id] = _judge(known, found, chosen)
        for known in drawn:
            if known.experiment is experiment:
                done.pictures[known.name] = _draw(known, found, chosen)
        claims.record(done.claims.values(), order=CLAIMS)
    if hasattr(bar, "container"):  # in a notebook, where it would be stored as it began
        clear_output()
    return done


def check(id, *, seed=0, seeds=None):
    """Measure and judge one claim, and write nothing; parameters as in `reproduce`.

    Returns
    -------
    Claim
    """
    known = CLAIMS[checks.choice("id", id, CLAIMS)]
    seed = checks.integer("seed", seed, least=0)
    seeds = None if seeds is None else checks.integer("seeds", seeds, least=LEAST_SEEDS)
    chosen = known.experiment.seeds_from(seed, seeds)
    return _judge(known, known.experiment(chosen), chosen)


def _judge(known, found, seeds):
    budget = known.experiment.budget
    return claims.judge(known.statement, known.measure(found), budget=budget, seeds=seeds)


def _draw(known, found, seeds):
    note = {
        "caption": known.caption,
        "seeds": list(seeds) or "none: quadrature",
        "settings": known.experiment.settings,
        "function": f"{known.draw.__module__.removeprefix('csgld_book.')}.{known.name}",
    }
    drawing = known.draw(found)
    moving = isinstance(drawing, animation.Animation)
    return (figures.save_animation if moving else figures.save)(drawing, known.name, **note)
