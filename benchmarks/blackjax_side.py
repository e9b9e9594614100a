"""BlackJAX's `csgld` and `sgld` on the energies of problems.py, compiled to one call."""

from typing import NamedTuple

import numpy as np

try:
    import blackjax
    import jax
    import jax.numpy as jnp
    from blackjax.sgmcmc.csgld import ContourSGLDState
except ImportError as error:
    raise ImportError(
        'this benchmark needs JAX and BlackJAX: pip install "csgld_core[peers]"'
    ) from error

from .problems import SEPARATION
from .timing import SEED

# So small that its slopes, which are not clipped, throw no chain out; its value costs nothing.
GAIN, ZETA = 1e-5, 0.75


class Energy(NamedTuple):
    """U(x) and its gradient, by hand: never slower than `jax.grad`."""

    value: object
    gradient: object


def _wells(x):
    return jnp.sum(x**2 - 10 * jnp.cos(1.2 * jnp.pi * x)) / 3


def _wells_gradient(x):
    return (2 * x + 12 * jnp.pi * jnp.sin(1.2 * jnp.pi * x)) / 3


ENERGIES = {
    "nine_modes": Energy(
        lambda x: _wells(x) + jnp.maximum(0, jnp.sum(x**2) - 7),
        lambda x: _wells_gradient(x) + jnp.where(jnp.sum(x**2) > 7, 2 * x, 0),
    ),
    "two_gaussians": Energy(
        lambda x: 0.5 * jnp.sum(x**2) - jnp.logaddexp(SEPARATION * x[0], -SEPARATION * x[0]),
        lambda x: x.at[0].add(-SEPARATION * jnp.tanh(SEPARATION * x[0])),
    ),
    "cosine_wells": Energy(_wells, _wells_gradient),
}


def check_same_energy(problem):
    """Raise ValueError unless both sides agree on energy and gradient, to single precision."""
    positions = np.random.default_rng(SEED).standard_normal((20, problem.target.dim))
    energy = ENERGIES[problem.name]
    scale = problem.target.dim
    for function, ours, size in (
        (energy.value, problem.target.energies(positions), scale),
        (energy.gradient, problem.target.gradients(positions), 10.0),
    ):
        theirs = jax.vmap(function)(jnp.asarray(positions, jnp.float32))
        if not np.allclose(theirs, ours, rtol=1e-4, atol=1e-4 * size):
            raise ValueError(f"both sides must sample from the same energy: {problem.name}")


def _kernel(problem, bins):
    """(initial state of a position, one move, position of a state)."""
    energy, noise = ENERGIES[problem.name], problem.target.noise

    # The minibatch is what it amounts to here: normals for the energy and for each component.
    def log_density(x, normals):
        return -energy.value(x) - (noise * normals[0] if noise else 0.0)

    def gradient(x, normals):
        return -energy.gradient(x) - (noise * normals[1:] if noise else 0.0)

    if bins is None:
        step = blackjax.sgld(gradient).step
        return (
            lambda x: x,
            lambda key, state, normals: step(key, state, normals, problem.step_size),
            lambda state: state,
        )
    cells = problem.partition(bins)
    step = blackjax.csgld(
        log_density,
        gradient,
        zeta=ZETA,
        num_partitions=bins,
        energy_gap=cells.width,
        min_energy=cells.low,
    ).step
    return (
        lambda x: ContourSGLDState(x, jnp.full(bins, 1.0 / bins), bins - 1),
        lambda key, state, normals: step(key, state, normals, problem.step_size, GAIN),
        lambda state: state.position,
    )


def _one_scan(problem, bins, steps, thin):
    """As it is usually written: one `lax.scan` that draws what each step needs, thinned after."""
    start, move, position = _kernel(problem, bins)
    width = problem.target.dim + 1

    def step(state, key):
        if problem.target.noise:
            key, noise_key = jax.random.split(key)
            state = move(key, state, jax.random.normal(noise_key, (width,)))
        else:
            state = move(key, state, None)
        return state, position(state)

    def run(x, key):
        return jax.lax.scan(step, start(x), jax.random.split(key, steps))[1][thin - 1 :: thin]

    return run


def _scan_of_scans(problem, bins, steps, thin):
    """As XLA likes it best: the minibatches drawn at once, and a short scan for each kept draw."""
    start, move, position = _kernel(problem, bins)
    shape = (steps // thin, thin)

    def step(state, random):
        return move(random[0], state, random[1]), None

    def draw(state, randoms):
        state, _ = jax.lax.scan(step, state, randoms)
        return state, position(state)

    def run(x, key):
        key, noise_key = jax.random.split(key)
        normals = None
        if problem.target.noise:
            normals = jax.random.normal(noise_key, (*shape, problem.target.dim + 1))
        return jax.lax.scan(draw, start(x), (jax.random.split(key, shape), normals))[1]

    return run


ARRANGEMENTS = {"one scan": _one_scan, "scan of scans": _scan_of_scans}


def compiled(arrangement, problem, bins, *, chains, steps, thin):
    """A call without arguments that makes all kept draws, and waits for them.

    Parameters
    ----------
    arrangement : str
        One of ARRANGEMENTS.
    problem : Problem
    bins : int or None
        Cells of contour SGLD; None is SGLD.
    chains : int
        Above 1, under `jax.vmap`.
    steps, thin : int

    Raises
    ------
    RuntimeError
        If a chain runs away, so that its time would mean nothing.
    """
    run = ARRANGEMENTS[arrangement](problem, bins, steps, thin)
    key = jax.random.key(SEED)
    if problem.start is None:
        start = jax.random.normal(key, (chains, problem.target.dim))
    else:
        start = jnp.tile(jnp.array(problem.start), (chains, 1))
    arguments = start, jax.random.split(key, chains)
    if chains == 1:
        arguments = tuple(a[0] for a in arguments)
    else:
        run = jax.vmap(run)
    call = jax.jit(run).lower(*arguments).compile()
    if not jnp.isfinite(call(*arguments)).all():
        raise RuntimeError(f"BlackJAX diverged on {problem.name} with {bins} cells")
    return lambda: jax.block_until_ready(call(*arguments))


def versions():
    return {"jax": jax.__version__, "blackjax": blackjax.__version__}
