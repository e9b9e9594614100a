"""The cat-dog classifier that meets a flamingo, in the smallest form: logistic regression."""

import numpy as np
from scipy.special import expit

from csgld_core import sgld
from csgld_core.targets import logistic_regression

from .catalogue import BLOG, claim, experiment, runs

ANIMALS = 20  # of each class
UNKNOWN = (1.0, -3.0, 3.0)  # across the line that joins the classes, far from both
SETTINGS = {"step_size": 0.3, "integrator": "baoab", "friction": 1.0, "burn_in": 1_000, "thin": 20}


@experiment(seeds=40, budget=20_000, settings=SETTINGS)
def classifiers(seeds):
    """Confidence (seeds,) about an animal of neither class, by point and by average.

    Every seed has data of its own: two classes with normal features along a diagonal.
    """
    found = {"point": [], "average": []}
    for seed in seeds:
        labels = np.repeat([0, 1], ANIMALS)
        along = np.random.default_rng(seed).normal(size=(2 * ANIMALS, 2)) * 0.5
        features = np.column_stack([np.ones(2 * ANIMALS), along + (2 * labels - 1)[:, None]])
        posterior = logistic_regression(features, labels, prior_sd=10.0)
        own = {**SETTINGS, "steps": classifiers.budget, "start": posterior.modes[0]}
        (run,) = runs(sgld, [seed], target=posterior, **own)
        chances = {
            "point": expit(posterior.modes[0] @ UNKNOWN),
            "average": expit(run.positions.reshape(-1, 3) @ UNKNOWN).mean(),
        }
        for name, chance in chances.items():
            found[name].append(max(chance, 1 - chance))
    return {name: np.array(values) for name, values in found.items()}


@claim(
    classifiers,
    "Point estimation tends to over-predict out-of-distribution samples",
    f"{BLOG}, first paragraph",
    "confidence of the best parameters about a sample of neither class minus that of the "
    "average over the posterior",
    at_least=0,
)
def point_estimates_are_overconfident(found):
    return found["point"] - found["average"]
