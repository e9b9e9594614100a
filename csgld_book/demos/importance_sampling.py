"""Importance sampling of two modes from one proposal."""

import numpy as np
from scipy import stats

from csgld_core import exact, importance
from csgld_core.targets import two_modes

from .. import controls, plotting

_DRAWS = [100, 300, 1_000, 3_000, 10_000, 30_000, 100_000]
_FAMILIES = {
    "normal": stats.norm,
    "Student t, 3 degrees": lambda centre, width: stats.t(3, centre, width),
    "uniform, ± width": lambda centre, width: stats.uniform(centre - width, 2 * width),
}
_DEEPEST = -700.0  # log densities below this are 0


def _share(target, proposal, temperature):
    """Effective sample size over draws, (int pi^2 / q dx)^-1, by the trapezoidal rule."""
    x = np.linspace(*exact.domain(target, temperature)[:, 0], 20_001)
    log_pi = -target.energies(x[:, None]) / temperature - exact.moments(target, temperature).log_z
    with np.errstate(divide="ignore", over="ignore"):
        log_q = np.maximum(proposal.logpdf(x), _DEEPEST)
        return 1.0 / np.trapezoid(np.exp(2 * log_pi - log_q), x)


def _importance_sampling(width, shift, family, temperature, draws, seed):
    target, proposal = two_modes(), _FAMILIES[family](shift, width)
    sample = importance.importance_sampling(
        target, draws, proposal=proposal, temperature=temperature, seed=seed
    )
    truth = exact.moments(target, temperature)
    fig, axes = plotting.figure(10.0, 3.0, 1, 3)
    _densities(axes[0], target, proposal, temperature, truth.log_z)
    _weights(axes[1], sample)
    _histogram(axes[2], target, sample, temperature)
    kish = sample.effective_sample_size()
    found = float(sample.mean(lambda x: x[:, 0] ** 2))
    return fig, (
        f"{sample.evaluations:,} energies, no gradients; effective sample size {kish:,.1f}, "
        f"{kish / draws:.1%} of the draws (exact: {_share(target, proposal, temperature):.1%}); "
        f"E[x²] = {found:.2f}, exact {truth.second[0]:.2f}, error {found - truth.second[0]:+.2f}; "
        f"log Z = {sample.log_z:.3f} ± {sample.standard_error:.3f}, exact {truth.log_z:.3f}, "
        f"error {sample.log_z - truth.log_z:+.3f}"
    )


def _densities(ax, target, proposal, temperature, log_z):
    x = np.linspace(-16, 16, 801)
    pi = np.exp(-target.energies(x[:, None]) / temperature - log_z)
    ax.plot(x, pi, color=plotting.COLOURS["truth"], label="target π")
    q = np.exp(proposal.logpdf(x))
    ax.plot(x, q, color=plotting.COLOURS["SGLD"], linestyle="--", label="proposal q")
    ax.set(xlabel="position x", ylabel="density", ylim=(0, 1.6 * max(pi.max(), q.max())))
    ax.legend(frameon=False, loc="upper right")


def _weights(ax, sample, points=1000):
    weights = sample.log_weights.size * importance.normalise(sample.log_weights)
    shown = slice(None, None, max(1, weights.size // points))
    style = {"color": plotting.COLOURS["reSGLD"], "marker": ".", "linestyle": "none", "alpha": 0.4}
    ax.plot(sample.positions[shown, 0], weights[shown], markersize=4, **style)
    ax.axhline(1.0, color="black", linestyle=":", linewidth=1)
    ax.set(xlabel="position x", ylabel="weight, mean = 1", xlim=(-16, 16), yscale="log")
    ax.set_ylim(1e-3, max(10.0, 2 * weights.max()))
    ax.minorticks_off()  # they take longer to draw than all the rest


def _histogram(ax, target, sample, temperature):
    bins = exact.histogram_bins(target, 60, temperature)
    edges = np.linspace(*bins.bounds[:, 0], bins.count + 1)
    width = edges[1] - edges[0]
    truth = exact.histogram(target, 60, temperature)[:-1] / width
    weights = importance.normalise(sample.log_weights)
    found = np.bincount(bins.index(sample.positions), weights, bins.cells)[:-1] / width
    ax.stairs(truth, edges, color=plotting.COLOURS["truth"], label="target π", linewidth=1.5)
    centres = 0.5 * (edges[1:] + edges[:-1])
    style = plotting.look("CSGLD") | {"markersize": 3, "linewidth": 1}
    ax.plot(centres, found, label="weighted draws", **style)
    ax.set(xlabel="position x", ylabel="density", ylim=(0, 1.6 * max(truth.max(), found.max())))
    ax.legend(frameon=False, loc="upper right")


def importance_sampling(live=True):
    """Weight draws of an easier density: what are they worth?

    Parameters
    ----------
    live : bool
        False returns the figure of the default settings.
    """
    sliders = {
        "width": controls.number(
            "width s of proposal", "standard deviation, scale or half width of q", 6.0, 0.5, 20, 0.1
        ),
        "shift": controls.number("shift c of proposal", "centre of q", 0.0, -8.0, 8.0, 0.1),
        "family": controls.choice("family", "shape of q", list(_FAMILIES)),
        "temperature": controls.number(
            "temperature τ", "of the target, exp(-U / τ) (energy)", 1.0, 0.5, 8.0, 0.1
        ),
        "draws": controls.amount("draws n", "independent, one energy each", _DRAWS, 3_000),
        "seed": controls.seed(),
    }
    return controls.show(_importance_sampling, sliders, "importance sampling of two modes", live)
