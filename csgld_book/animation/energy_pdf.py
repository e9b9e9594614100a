"""Contour SGLD in one dimension, with its energy PDF growing beside it."""

import numpy as np

from csgld_core import exact, log_psi
from csgld_core.scheme import starting_theta

from .. import plotting
from .gif import animate, flag, panels


@plotting.style()
def energy_pdf(target, run, *, frames=80):
    """Contour SGLD in one dimension, with its energy PDF growing beside it.

    Left, the particle on the energy and on the flattened energy under the present theta; then theta
    against the exact one, and the energies of the path. Time is logarithmic: the chain learns most
    in its first steps.

    Parameters
    ----------
    target : Target
        Of dim 1, with modes.
    run : Run
        Of contour SGLD, with every move kept; its first chain is shown, at the times of its
        snapshots of theta.
    frames : int
        At most: the first snapshots are shown one by one, later ones are left out.

    Returns
    -------
    Animation
    """
    film = Learning(target, run)
    times = np.unique(np.geomspace(1, len(film.thetas), frames).round().astype(int)) - 1
    return animate(
        film.fig, film.artists, lambda n: film.update(times[n]), len(times), milliseconds=120
    )


class Learning:
    """The path from its start, theta from its start, and the three panels that show them."""

    def __init__(self, target, run):
        start = run.settings["start"][0]
        self.run, self.partition = run, run.partition
        self.positions = np.append(start, run.positions[0, :, 0])
        self.multipliers = np.append(1.0, run.multipliers[0])
        self.energies = np.append(target.energies([start]), run.energies[0])
        self.times = np.append(0, run.steps)
        theta = starting_theta(run.scheme, self.partition.bins)
        self.thetas = np.vstack([theta, run.energy_pdf_histories[0]])
        self.theta_times = np.append(0, run.history_steps)

        low, high = exact.domain(target, run.settings["temperature"], exact.SHOWN_DEPTH)[:, 0]
        self.x = np.linspace(low, high, 1000)
        self.energy = target.energies(self.x[:, None])
        first, last = np.searchsorted(self.x, [target.modes.min(), target.modes.max()])
        self.barrier, lowest = self.energy[first:last].max(), self.energy.min()
        self.top = self.barrier + 0.35 * (self.barrier - lowest)
        places = {"left": 0.055, "right": 0.985, "bottom": 0.15, "top": 0.82, "wspace": 0.24}
        self.fig, (axes,) = panels(9.0, 3.3, 3, width_ratios=[5, 4, 3], **places)
        self.clock = self.fig.suptitle("", fontsize=10)
        self.artists = [self.clock]
        self._add_landscape(axes[0])
        self._add_theta(axes[1], exact.energy_pdf(target, self.partition))
        self._add_path(axes[2])

    def _add_landscape(self, ax):
        look = plotting.STAGES["flattened"] | {"marker": "", "linewidth": 1.8}
        ax.plot(self.x, self.energy, "k-", linewidth=1.2, label="energy U")
        (self.curve,) = ax.plot([], [], label="flattened by θ so far", **look)
        (self.trail,) = ax.plot([], [], ".", color=plotting.COLOURS["CSGLD"], markersize=4)
        (self.shadow,) = ax.plot([], [], "o", color="white", markeredgecolor="k", markersize=6)
        (self.head,) = ax.plot([], [], plotting.MARKERS["CSGLD"], markeredgecolor="white")
        lowest = self.energy.min()
        ax.set(xlabel="position x", ylabel="energy", xlim=(self.x[0], self.x[-1]))
        ax.set_ylim(lowest - 0.08 * (self.top - lowest), self.top)
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 0.98), ncols=2)
        self.artists += [self.curve, self.trail, self.shadow, self.head]

    def _add_theta(self, ax, truth):
        shown = self.partition.edges[1:] < self.top
        smallest = truth[shown & (truth > 0)].min() / 100
        ax.stairs(truth, self.partition.edges, color="k", baseline=None, label="exact")
        (self.theta,) = ax.plot([], [], "--", drawstyle="steps-mid", label="θ so far", linewidth=2)
        self.theta.set_color(plotting.COLOURS["CSGLD"])
        ax.set(xlabel="energy u", title="energy PDF", yscale="log", ylim=(smallest, 3))
        ax.set_xlim(self.partition.low, self.top)
        ax.legend(loc="lower left")
        self.artists.append(self.theta)

    def _add_path(self, ax):
        (self.path,) = ax.plot([], [], color=plotting.COLOURS["CSGLD"], linewidth=0.6)
        self.path.set_rasterized(True)
        ax.locator_params("y", nbins=5)
        ax.axhline(self.barrier, color="k", linestyle=":", linewidth=1)
        ax.text(12, self.barrier, "barrier", va="bottom")
        ax.set(xlabel="step", title="energy u of the path", xscale="log")
        ax.set(xlim=(10, self.times[-1]), ylim=(self.partition.low, self.top))
        self.artists.append(self.path)

    def flattened(self, theta):
        """U + zeta tau log Psi along x, lifted to the minimum of U."""
        zeta, temperature = (self.run.settings[name] for name in ("zeta", "temperature"))
        own = {"zeta": zeta, "temperature": temperature}
        learned = log_psi(self.energy, theta, self.partition, self.run.scheme, **own)
        curve = self.energy + zeta * temperature * learned.values
        return curve + self.energy.min() - curve.min()

    def update(self, n):
        """Show the state at snapshot n, and the moves since the one before."""
        step = self.theta_times[n]
        before, now = np.searchsorted(self.times, [self.theta_times[max(0, n - 1)], step], "right")
        curve = self.flattened(self.thetas[n])
        recent = self.positions[before:now]
        x = self.positions[now - 1 : now]
        self.curve.set_data(self.x, curve)
        self.trail.set_data(recent, np.interp(recent, self.x, curve))
        self.shadow.set_data(x, np.interp(x, self.x, self.energy))
        self.head.set_data(x, np.interp(x, self.x, curve))
        words = flag(self.head, self.multipliers[now - 1])
        self.clock.set_text(f"contour SGLD after {step:,} steps      {words}")
        self.theta.set_data(self.partition.centres, self.thetas[n])
        self.path.set_data(self.times[:now], self.energies[:now])
