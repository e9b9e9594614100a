"""The demos of the blog post, as animations."""

import numpy as np

from csgld_core import contour_sgld, exact, experiments, wang_landau
from csgld_core.targets import nine_modes

from .. import animation
from .catalogue import experiment, figure, runs

# Every move is kept, to show what each method does; the paths are those of the published race.
_RACE = {
    name: (sampler, {**own, "thin": 1}) for name, (sampler, own) in experiments.E2_RACE.items()
}
_CYCLICAL, _OWN = _RACE["cycSGLD"]
_RACE["cycSGLD"] = _CYCLICAL, {**_OWN, "sampling_fraction": 1.0}

# From the right mode, for as long as it takes to learn theta.
_LEARNING = {**experiments.E1_CONTOUR, "steps": 10_000, "thin": 1, "start": (4.0,)}

_WALK = {**experiments.E6_WANG_LANDAU, "steps": 1_000_000}
_STOPS = 80  # of the walk, evenly spaced on a log axis
_FIRST_STOP = 100  # moves


@experiment(seeds=1, budget=experiments.E2_BUDGET, settings=_RACE)
def one_race(seeds):
    """One run of each method, all its moves kept."""
    return {name: runs(sampler, seeds, **own)[0] for name, (sampler, own) in _RACE.items()}


@figure(
    one_race,
    "Four samplers race on a density with nine modes (shaded): SGLD, cyclical SGLD with the phase "
    "and step size of its cycle, replica exchange SGLD with its swaps dashed, and contour SGLD "
    "with bouncy moves in blue and the importance weight of the present draw.",
)
def race_animated(found):
    """Published settings, equal numbers of gradients."""
    fraction = experiments.E2_CYCLICAL["sampling_fraction"]
    return animation.race(nine_modes(), found, sampling_fraction=fraction)


@experiment(seeds=1, budget=_LEARNING["steps"], settings=_LEARNING)
def one_learning_path(seeds):
    """Contour SGLD on E1, all its moves kept."""
    return {"run": runs(contour_sgld, seeds, **_LEARNING)[0]}


@figure(
    one_learning_path,
    "Contour SGLD on two modes. At first it stays in one well, like SGLD. While it learns its "
    "energy PDF, towards the exact one, the flattened energy loses its barrier, bouncy moves take "
    "the particle out of the wells, and it moves freely in energy.",
)
def energy_pdf_animated(found):
    """The particle, theta, and the energies of the path."""
    return animation.energy_pdf(_LEARNING["target"], found["run"])


@experiment(seeds=1, budget=_WALK["steps"], settings=_WALK)
def one_walk(seeds):
    """A Wang-Landau walk on the 4 x 4 Ising model, stopped at more and more moves.

    A longer walk of the same seed repeats a shorter one.
    """
    stops = np.geomspace(_FIRST_STOP, _WALK["steps"], _STOPS).round().astype(int)
    return {int(stop): wang_landau(**{**_WALK, "steps": stop}, seed=seeds[0]) for stop in stops}


@figure(
    one_walk,
    "A Wang-Landau walk on the 4 x 4 Ising model: the histogram of visited energies becomes flat, "
    "and the learned logarithm of the number of states of each energy meets the exact one.",
)
def wang_landau_animated(found):
    """Visits and density of states."""
    return animation.wang_landau(list(found.values()), *exact.ising_density_of_states(4))
