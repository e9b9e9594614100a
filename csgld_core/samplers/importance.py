"""Importance sampling, from a known distribution at once, or on a path that leads away from it.

Annealed importance sampling has weights that stay even where plain importance sampling fails:
R. M. Neal, Annealed importance sampling, Statistics and Computing 11, 125 (2001).
"""

import math

import numpy as np
from scipy import stats

from .. import checks, files
from ..kernels.metropolis import Places, accept_moves, propose_moves
from ..results.weights import (
    WeightedSample,
    effective_sample_size,
    normalise,
    systematic_resample,
)
from ..targets.target import Target, exact_target
from .chain import in_chunks

__all__ = [
    "WeightedSample",
    "annealed_importance_sampling",
    "effective_sample_size",
    "importance_sampling",
    "normalise",
    "systematic_resample",
]


def __dir__():
    return __all__


class Uniform:
    """The uniform distribution on a box (2, dim), with the methods of those of scipy.stats."""

    def __init__(self, box):
        self.box = box

    def rvs(self, size, random_state):
        """`size` draws (size, dim)."""
        return random_state.uniform(*self.box, (size, self.box.shape[1]))

    def logpdf(self, positions):
        """Log density (n,) at positions (n, dim)."""
        inside = ((positions >= self.box[0]) & (positions <= self.box[1])).all(axis=1)
        return np.where(inside, -np.log(self.box[1] - self.box[0]).sum(), -np.inf)


class Distribution:
    """A distribution like those of scipy.stats, frozen, whose points have shape (n, dim)."""

    def __init__(self, argument, distribution, dim):
        self.argument, self.distribution, self.dim = argument, distribution, dim
        for method in ("rvs", "logpdf"):
            if not callable(getattr(distribution, method, None)):
                raise ValueError(
                    f"{argument} must have the methods rvs(size=, random_state=) and logpdf(x), as "
                    f"frozen distributions of scipy.stats have, got {distribution!r}"
                )

    def _check(self, method, values, shape):
        allowed = f"numbers of shape {shape}, finite or a log density of 0"
        try:
            checked = checks.array(method, values, None, finite=False).copy()
        except ValueError:
            checked = np.empty(0)
        infinite = np.isinf(checked) if method == "rvs" else checked == np.inf
        if checked.size != math.prod(shape) or infinite.any():
            raise ValueError(
                f"{self.argument} must be a distribution of {self.dim} coordinates: its {method} "
                f"must give {allowed}, got shape {np.shape(checked)}: {checks.shown(values)}"
            )
        return checked.reshape(shape)

    def draw(self, n, generator):
        """Positions (n, dim)."""
        drawn = self.distribution.rvs(size=n, random_state=generator)
        return self._check("rvs", drawn, (n, self.dim))

    def log_density(self, positions):
        """Log densities (n,) at positions (n, dim)."""
        points = positions[:, 0] if self.dim == 1 else positions
        return self._check("logpdf", self.distribution.logpdf(points), (len(positions),))

    def __repr__(self):
        return "uniform" if isinstance(self.distribution, Uniform) else repr(self.distribution)


def energies_inside(target, positions):
    """Exact energies (n,), infinite outside the box, and how many were evaluated.

    Raises
    ------
    ValueError
        If an energy is NaN or minus infinity.
    """
    checks.instance("target", target, Target)
    inside = target.contains(positions)
    energies = np.full(len(positions), np.inf)
    energies[inside] = target.energies(positions[inside])
    wrong = ~(energies > -np.inf)
    if wrong.any():
        raise ValueError(
            f"target must have energies above minus infinity, {target.name!r} has "
            f"{energies[wrong][0]} at {positions[wrong][0].tolist()}"
        )
    return energies, int(inside.sum())


def importance_sampling(target, n, *, proposal=None, temperature=1.0, seed=None):
    """Independent draws x from q, with weights w = exp(-U(x) / tau) / q(x).

    E[w] = Z, and E_pi[f] = E_q[w f] / E_q[w] for every f if q is positive wherever pi is. The
    errors are those of the spread of w: choose q wider than pi.

    Parameters
    ----------
    target : Target
        With exact energies, noise 0.
    n : int
        Number of draws.
    proposal : distribution or None
        q: an object with rvs(size=, random_state=) and logpdf(x), as the frozen distributions of
        scipy.stats; None is uniform in the box. Points outside the box get weight 0.
    temperature : float
        tau, in units of energy.
    seed : int or None
        Same seed, same bits. None draws a seed and records it.

    Returns
    -------
    WeightedSample

    Raises
    ------
    ValueError
        If an argument is outside what is listed here, or every weight is 0.
    """
    exact_target("target", target)
    n = checks.integer("n", n, least=1)
    checks.memory(8 * 6 * n * (target.dim + 2), n=n)
    temperature = checks.number("temperature", temperature, above=0.0)
    if proposal is None and target.box is None:
        raise ValueError(f"proposal must be given for {target!r}, which has no box, got None")
    q = Distribution("proposal", Uniform(target.box) if proposal is None else proposal, target.dim)
    seed = files.seed(seed)
    positions = q.draw(n, np.random.default_rng(seed))
    energies, evaluations = energies_inside(target, positions)
    log_weights = -energies / temperature - q.log_density(positions)
    if not (log_weights > -np.inf).any():
        raise ValueError(
            f"proposal must reach where {target.name!r} has mass: all {n} draws of {q} have "
            "weight 0"
        )
    settings = {
        "sampler": "importance_sampling",
        "target": target.description(),
        "n": n,
        "proposal": repr(q),
        "temperature": temperature,
        "seed": seed,
    }
    return WeightedSample(files.recorded(settings), positions, log_weights, evaluations)


# --- annealed -------------------------------------------------------------------------------------

BLOCK = 1000  # particles that share a generator and are moved together
_EVERYWHERE = np.array([[-np.inf], [np.inf]])


class _Block:
    """Some of the particles, in a form that `in_chunks` can advance from level to level."""

    done = 0  # where it begins

    def __init__(self, seed, particles, target, base, temperature, betas, steps, moves):
        self.generator = np.random.default_rng(seed)
        self.target, self.base = target, base
        self.betas, self.steps, self.moves = betas, steps, moves
        positions = base.draw(particles, self.generator)
        energies, self.evaluations = energies_inside(target, positions)
        self.now = Places(positions, base.log_density(positions), -energies / temperature)
        self.new = Places(*(np.empty_like(array) for array in self.now))
        box = _EVERYWHERE * np.ones(target.dim) if target.box is None else target.box
        self.fixed = (target.callback, target.data, self.generator, box, temperature)
        self.log_weights = np.zeros(particles)
        self.level = 0

    def advance(self, stop):
        """Weight and move all particles, on to level `stop`."""
        for level in range(self.level, stop):
            beta = self.betas[level + 1]
            rise = beta - self.betas[level]
            self.log_weights += rise * (self.now.log_target - self.now.log_base)
            for _ in range(self.moves):
                self._move(beta, self.steps[level])
            self.level = level + 1

    def _move(self, beta, step):
        """One random-walk Metropolis move of every particle for base^(1-beta) target^beta."""
        evaluated = propose_moves(*self.fixed, step, self.now, self.new)
        if evaluated < 0:
            energies_inside(self.target, self.new.positions)  # raises: it names the point
        self.evaluations += evaluated
        self.new.log_base[:] = self.base.log_density(self.new.positions)
        accept_moves(self.generator, beta, self.now, self.new)


def annealed_importance_sampling(
    target,
    *,
    step_size,
    particles=1000,
    levels=100,
    moves_per_level=1,
    base=None,
    temperature=1.0,
    seed=None,
    workers=None,
    progress=False,
):
    """Particles led from a simple base distribution to the target, each with its weight.

    On the geometric path f_beta = base^(1-beta) exp(-beta U / tau), 0 = beta_0 < ... < beta_L = 1,
    a particle drawn from the base is multiplied by the weight f_{beta_k+1}(x) / f_{beta_k}(x) and
    then moved by steps that leave f_{beta_k+1} alone, level by level. The product w has
    E[w] = Z, the integral of exp(-U / tau), exactly, however few levels and moves there are; more
    make it less uneven. Neal 2001, eqs. 3-11. Where a few particles carry most of the weight
    (`effective_sample_size` far below `particles`) the stated standard errors are too small.

    Parameters
    ----------
    target : Target
        With exact energies, noise 0.
    step_size : float or array (levels,)
        Standard deviation of each coordinate of the Gaussian random-walk Metropolis moves, in units
        of position; one for all levels, or one for each, from the base to the target.
    particles : int
        Number of independent particles.
    levels : int or array (levels + 1,)
        Number of levels, evenly spaced in beta, or all beta, rising from 0 to 1.
    moves_per_level : int
        Moves of each particle at each level, one energy each.
    base : distribution or None
        A normalised density with rvs(size=, random_state=) and logpdf(x), as the frozen
        distributions of scipy.stats, positive wherever the target is. None is uniform in the box,
        or N(0, I) where there is none.
    temperature : float
        tau, in units of energy.
    seed : int or None
        Same seed, same bits, whatever `workers`. None draws a seed and records it.
    workers : int or None
        Threads; None is one for each processor.
    progress : bool
        Show a progress bar.

    Returns
    -------
    WeightedSample
        After Ctrl-C the particles that had arrived, marked as partial, with a warning.

    Raises
    ------
    ValueError
        If an argument is outside what is listed here, or every weight is 0.
    """
    exact_target("target", target)
    particles = checks.integer("particles", particles, least=1)
    moves = checks.integer("moves_per_level", moves_per_level, least=0)
    temperature = checks.number("temperature", temperature, above=0.0)
    if workers is not None:
        checks.integer("workers", workers, least=1)
    checks.flag("progress", progress)
    betas = _inverse_temperatures(levels)
    checks.memory(8 * 6 * particles * (target.dim + 2), particles=particles)
    levels = betas.size - 1
    if checks.axes(step_size) == 0:
        steps = np.full(levels, checks.number("step_size", step_size, above=0.0))
    else:
        allowed = f"one positive number, or {levels} of them, one for each level"
        steps = checks.array("step_size", step_size, (levels,), allowed=allowed)
        if not (steps > 0).all():
            raise ValueError(f"step_size must be {allowed}, got {step_size!r}")
    if base is None:
        base = (
            stats.multivariate_normal(np.zeros(target.dim))
            if target.box is None
            else Uniform(target.box)
        )
    base = Distribution("base", base, target.dim)
    seed = files.seed(seed)
    sizes = [min(BLOCK, particles - first) for first in range(0, particles, BLOCK)]
    seeds = np.random.SeedSequence(seed).spawn(len(sizes))
    blocks = [
        _Block(spawned, size, target, base, temperature, betas, steps, moves)
        for spawned, size in zip(seeds, sizes, strict=True)
    ]
    interrupted = in_chunks(blocks, levels, workers=workers, progress=progress)
    arrived = [block for block in blocks if block.level == levels]
    if not arrived:
        raise KeyboardInterrupt
    log_weights = np.concatenate([block.log_weights for block in arrived])
    partial = interrupted and len(arrived) < len(blocks)
    if partial:
        checks.warn(f"interrupted: {log_weights.size} of {particles} particles have arrived")
    if not (log_weights > -np.inf).any():
        raise ValueError(
            f"base must reach where {target.name!r} has mass: all {particles} particles from "
            f"{base} have weight 0"
        )
    settings = {
        "sampler": "annealed_importance_sampling",
        "target": target.description(),
        "particles": particles,
        "levels": betas.tolist(),
        "moves_per_level": moves,
        "step_size": np.asarray(step_size, dtype=float).tolist(),
        "base": repr(base),
        "temperature": temperature,
        "seed": seed,
    }
    return WeightedSample(
        files.recorded(settings),
        np.concatenate([block.now.positions for block in arrived]),
        log_weights,
        sum(block.evaluations for block in arrived),
        partial,
    )


def _inverse_temperatures(levels):
    """All beta (levels + 1,), from 0 to 1."""
    if checks.axes(levels) == 0:
        levels = checks.integer("levels", levels, least=1)
        checks.memory(8 * 20 * levels, levels=levels)
        return np.linspace(0.0, 1.0, levels + 1)
    allowed = "a whole number, or numbers that rise from 0 to 1"
    betas = checks.array("levels", levels, (None,), allowed=allowed)
    if betas.size < 2 or betas[0] != 0.0 or betas[-1] != 1.0 or not (np.diff(betas) > 0).all():
        raise ValueError(f"levels must be {allowed}, got {levels!r}")
    return betas
