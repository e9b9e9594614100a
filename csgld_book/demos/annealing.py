"""Particles annealed from the uniform density to the nine modes."""

import functools

import numpy as np

from csgld_core import annealed_importance_sampling, exact
from csgld_core.results.weights import normalise, total_variation
from csgld_core.targets import nine_modes

from .. import controls, plotting

_TARGET = nine_modes()
_SHARES = (1 / 8, 1 / 2, 1)  # of the levels: where particles are shown
_PIXELS = 80
_AREA = 9.0  # of a dot of average weight, square points
_COLOUR = plotting.COLOURS["SGLD"]


@functools.cache
def _energies():
    """Energies (pixels, pixels) on the box."""
    low, high = _TARGET.box[:, 0]
    line = low + (high - low) * (np.arange(_PIXELS) + 0.5) / _PIXELS
    points = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    return _TARGET.energies(points).reshape(_PIXELS, _PIXELS)


def _particles(ax, sample, beta, temperature):
    """Particles, dots of an area in proportion to their weights, over the exact density."""
    energies = _energies()
    density = np.exp(-(energies - energies.min()) * beta / temperature)
    ax.imshow(
        density**0.5, cmap="Greys", vmin=0, vmax=1.5, origin="lower", extent=_TARGET.box.T.ravel()
    )
    weights = normalise(sample.log_weights)
    areas = np.minimum(_AREA * weights.size * weights, 60 * _AREA)
    ax.scatter(*sample.positions.T, s=areas, color=_COLOUR, alpha=0.5, linewidths=0)
    share = sample.effective_sample_size() / weights.size
    ax.set(title=f"β = {beta:.2g}, ESS {share:.0%}", xticks=[], yticks=[])


def _weights(ax, sample, truth):
    """Histogram of the log weights less the exact log Z; 0 is a perfect particle."""
    ax.hist(sample.log_weights - truth, 40, color=_COLOUR, histtype="stepfilled")
    ax.axvline(0.0, color=plotting.COLOURS["truth"], linestyle="-", label="exact log Z")
    ax.axvline(sample.log_z - truth, color="#0072B2", linestyle="--", label="estimate")
    ax.set(title="log weights", xlabel="log w − log Z", yticks=[])
    ax.margins(y=0.35)  # room for the legend
    ax.legend(loc="upper left", fontsize=8)


def _annealing(temperature, levels, moves_per_level, step_size, crowding, particles, seed):
    betas = np.linspace(0.0, 1.0, levels + 1) ** crowding

    def to_level(level):
        """The same particles, stopped at a level: there the target is hotter, tau / beta."""
        return annealed_importance_sampling(
            _TARGET,
            step_size=step_size,
            particles=particles,
            levels=betas[: level + 1] / betas[level],
            moves_per_level=moves_per_level,
            temperature=temperature / betas[level],
            seed=seed,
            workers=1,
        )

    fig, axes = plotting.figure(9.6, 2.7, 1, 4, width_ratios=[1, 1, 1, 1.2])
    for ax, share in zip(axes, _SHARES, strict=False):
        level = max(1, round(share * levels))
        sample = to_level(level)  # the last one has arrived
        _particles(ax, sample, betas[level], temperature)
    truth = exact.moments(_TARGET, temperature).log_z
    _weights(axes[-1], sample, truth)
    error = sample.log_z - truth
    masses = sample.mean(lambda x: np.eye(9)[_TARGET.mode_index(x)])
    mass_error = total_variation(masses, exact.mode_masses(_TARGET, temperature))
    return fig, (
        f"{sample.evaluations:,} energies, no gradients; log Z {sample.log_z:.3f} ± "
        f"{sample.standard_error:.3f}, exact {truth:.3f}, error {error:+.3f}; variance of the log "
        f"weights {sample.log_weights.var():.2f}; exact error of the mode masses {mass_error:.3f}"
    )


@controls.demo
def annealing():
    """Annealed importance sampling from the uniform density to the nine modes of E2."""
    sliders = {
        "temperature": controls.number(
            "temperature τ", "of the target, where β = 1 (energy)", 1.0, 0.25, 4.0, 0.05
        ),
        "levels": controls.whole(
            "levels L", "steps in β from 0, uniform, to 1, the target", 50, 1, 100
        ),
        "moves_per_level": controls.whole(
            "moves per level", "Metropolis moves of each particle at each level", 1, 0, 5
        ),
        "step_size": controls.power(
            "step size", "standard deviation of a move, on each coordinate", 0.5, -2, 0.7
        ),
        "crowding": controls.number(
            "crowding p", "β_k = (k / L)^p: above 1 levels crowd at the hot end", 1.0, 0.3, 4.0, 0.1
        ),
        "particles": controls.amount(
            "particles", "independent, each with its weight", [20, 50, 100, 200, 500], 500
        ),
        "seed": controls.seed(),
    }
    return _annealing, sliders, "annealed importance sampling on nine modes"
