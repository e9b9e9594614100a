"""Paths coloured by the sign of the learning rate, on contour lines of the energy."""

from statistics import NormalDist

import contourpy
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb

from csgld_core import log_psi

from . import plotting

BOUNCY, PULLED = plotting.COLOURS["reSGLD"], plotting.COLOURS["cycSGLD"]  # blue and orange
LEVELS = (-6, -5, -4, -2, 0, 2, 5, 10)
PIXELS = 300  # of the map, along each side
STRIPE = 8  # pixels between two stripes or dots
ENERGIES = 500  # at which multipliers are evaluated
ARROWS = 400  # at most: more cannot be told apart
NORMALS = np.array([NormalDist().inv_cdf((n + 0.5) / 101) for n in range(101)])


def multipliers(energies, theta, settings, noise=0.0):
    """Gradient multipliers at `energies` under a given theta.

    Parameters
    ----------
    energies : array (n,)
    theta : array (bins,)
        Energy PDF.
    settings : mapping
        With `partition`, `scheme` and `zeta`; temperature 1.
    noise : float
        Standard deviation of the energy estimate over which the multiplier is averaged.

    Returns
    -------
    array (n,)
    """
    zeta = settings["zeta"]
    estimates = energies[:, None] + noise * (NORMALS if noise > 0 else np.zeros(1))
    under = log_psi(
        estimates,
        theta,
        settings["partition"],
        settings["scheme"],
        zeta=zeta,
        temperature=1.0,
    )
    return under.multipliers(zeta, 1.0).mean(axis=1)


class Landscape:
    """The energy of a two-dimensional target in a box on a grid, evaluated once.

    Parameters
    ----------
    target : Target
        Of dim 2, with a box.
    """

    def __init__(self, target):
        low, high = target.box
        axes = [np.linspace(a, b, PIXELS) for a, b in zip(low, high, strict=True)]
        grid = np.stack(np.meshgrid(*axes), axis=-1)  # rows are the second coordinate
        self.extent = (low[0], high[0], low[1], high[1])
        self.energies = target.energies(grid.reshape(-1, 2)).reshape(PIXELS, PIXELS)
        generator = contourpy.contour_generator(*axes, self.energies)
        self.levels = np.linspace(self.energies.min(), self.energies.max(), ENERGIES)
        self.lines = [line for level in LEVELS for line in generator.lines(level)]
        row, column = np.indices((PIXELS, PIXELS))
        self.stripes = (row + column) % STRIPE < 2
        self.dots = (row % STRIPE < 2) & (column % STRIPE < 2)

    def draw(self, ax, theta, settings):
        """Contour lines; zones with a multiplier below 0 striped blue, above 1 dotted orange.

        Multipliers are averaged over the noise of the energy.

        Parameters
        ----------
        ax : Axes
        theta : array (bins,) or None
            Energy PDF; None draws no zones.
        settings : mapping
            Of a contour run, with the target.
        """
        multiplier, image = np.ones_like(self.energies), np.ones((PIXELS, PIXELS, 3))
        if theta is not None:
            along = multipliers(self.levels, theta, settings, settings["target"].noise)
            multiplier = np.interp(self.energies, self.levels, along)
        for zone, pattern, colour in (
            (multiplier < 0, self.stripes, BOUNCY),
            (multiplier > 1, self.dots, PULLED),
        ):
            image[zone] = 0.8 + 0.2 * np.array(to_rgb(colour))
            image[zone & pattern] = 0.4 + 0.6 * np.array(to_rgb(colour))
        ax.imshow(image, origin="lower", extent=self.extent, interpolation="nearest")
        ax.add_collection(LineCollection(self.lines, colors="0.6", linewidths=0.5))
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)


def path(ax, positions, multiplier):
    """A path: moves with a negative learning rate as blue arrows, the others as orange lines.

    Parameters
    ----------
    ax : Axes
    positions : array (n, 2)
    multiplier : array (n,)
        Of the gradient at each position: it drives the move to the next.
    """
    moves = np.stack([positions[:-1], positions[1:]], axis=1)
    bouncy = multiplier[:-1] < 0
    for chosen, colour, width in ((~bouncy, PULLED, 0.8), (bouncy, BOUNCY, 1.1)):
        ax.add_collection(LineCollection(moves[chosen], colors=colour, linewidths=width))
    heads = moves[bouncy]
    heads = heads[:: -(-len(heads) // ARROWS) or 1]
    step = heads[:, 1] - heads[:, 0]
    ax.quiver(
        *heads[:, 0].T,
        *step.T,
        angles="xy",
        scale_units="xy",
        scale=1,
        color=BOUNCY,
        width=0.004,
        headwidth=5,
        headlength=6,
        minlength=0,
        zorder=3,
    )
    for marker, point in zip("os", positions[[0, -1]], strict=True):
        ax.plot(*point, marker, color="w", markeredgecolor="k", markersize=6, zorder=4)


def zones(ax, partition, shown=(-2.5, 3.5)):
    """Axes for multipliers by energy, with the bouncy and the absorbing zone shaded and named."""
    low, high = shown
    ax.axhspan(low, 0, color=BOUNCY, alpha=0.12, linewidth=0)
    ax.axhspan(1, high, color=PULLED, alpha=0.15, linewidth=0)
    ax.text(partition.low, low + 0.05, " bouncy", va="bottom")
    ax.text(partition.high, 0.05, "damped ", ha="right", va="bottom")
    ax.text(partition.high, 1.05, "absorbing ", ha="right", va="bottom")
    ax.set(
        xlabel="energy u",
        ylabel="gradient multiplier",
        xlim=(partition.low, partition.high),
        ylim=(low - 0.1, high + 0.1),
    )


def against_energy(ax, energies, multiplier, theta, settings, shown=(-2.5, 3.5)):
    """Multipliers that drove moves, by the energy estimate that each came from, and the curve.

    Parameters
    ----------
    ax : Axes
    energies, multiplier : array (n,)
        Energy estimate and multiplier at each position.
    theta : array (bins,)
        Energy PDF that the curve belongs to.
    settings : mapping
        Of the contour run.
    shown : (float, float)
        Multipliers beyond are drawn at the edge.
    """
    partition = settings["partition"]
    zones(ax, partition, shown)
    values = np.clip(multiplier, *shown)
    for chosen, marker, colour in ((values >= 0, ".", PULLED), (values < 0, "^", BOUNCY)):
        style = {"color": colour, "markersize": 4, "markeredgewidth": 0}
        ax.plot(energies[chosen], values[chosen], marker, **style)
    u = np.linspace(partition.low, partition.high, 4 * ENERGIES)
    ax.plot(u, np.clip(multipliers(u, theta, settings), *shown), color="k", linewidth=0.9)


def parts(runs, settings, firsts, length):
    """Parts of runs side by side, a row for each run; of contours on the zones of their theta.

    Parameters
    ----------
    runs : dict of method -> Run
        Of one chain, with every move kept.
    settings : mapping
        Of the contour run, with the target.
    firsts : dict of name -> int
        First move of each part.
    length : int
        Moves of a part.

    Returns
    -------
    Figure
    """
    landscape = Landscape(settings["target"])
    height = 3.6 * len(runs)
    fig, axes = plotting.figure(10, height, len(runs), len(firsts), squeeze=False)
    for row, (method, run) in zip(axes, runs.items(), strict=True):
        for ax, (name, first) in zip(row, firsts.items(), strict=True):
            part = slice(first, first + length)
            theta = None if run.energy_pdfs is None else theta_at(run, first + length)
            landscape.draw(ax, theta, settings)
            path(ax, run.positions[0, part], run.multipliers[0, part])
            share = np.mean(run.multipliers[0, part] < 0)
            title = f"{method}, {name}" if len(runs) > 1 else name
            span = f"moves {first:,} to {first + length:,}"
            ax.set_title(f"{title}: {share:.0%} bouncy\n{span}")
    return fig


def theta_at(run, step):
    """The first snapshot of the energy PDF (bins,) that is not earlier than `step`."""
    return run.energy_pdf_history[np.searchsorted(run.history_steps, step)]


def curves(thetas, settings):
    """Multiplier against energy, averaged over the noise of the energy.

    Parameters
    ----------
    thetas : dict of name -> array (bins,)
        At most four energy PDFs.
    settings : mapping
        Of the contour run, with the target.

    Returns
    -------
    Figure
    """
    partition, noise = settings["partition"], settings["target"].noise
    fig, ax = plotting.figure(7.5, 3.6)
    zones(ax, partition)
    u = np.linspace(partition.low, partition.high, 2 * ENERGIES)
    looks = zip((":", "--", "-.", "-"), ("cycSGLD", "SGLD", "reSGLD", "truth"), strict=True)
    for (name, theta), (line, method) in zip(thetas.items(), looks, strict=False):
        values = np.clip(multipliers(u, theta, settings, noise), -2.5, 3.5)
        ax.plot(u, values, line, color=plotting.COLOURS[method], label=name)
    ax.legend(ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)
    return fig


def over_the_run(runs, theta, settings):
    """Share of bouncy moves in each tenth of the runs, and what it is under a given theta.

    Under theta and its weights the chain is in cell i with probability theta_i^(1 - zeta), up to
    the width of cells; the noise of the energy comes on top.

    Parameters
    ----------
    runs : list of Run
        Of one chain each.
    theta : array (bins,)
        Energy PDF.
    settings : mapping
        Of the runs.

    Returns
    -------
    Figure
    """
    tenths = [np.array_split(run.multipliers[0] < 0, 10) for run in runs]
    shares = np.array([[tenth.mean() for tenth in tenths_of_run] for tenths_of_run in tenths])
    ends = settings["steps"] * np.arange(1, 11) / 10
    fig, ax = plotting.figure(6.5, 3)
    plotting.bands(ax, ends, shares.T, "CSGLD")
    centres = settings["partition"].centres
    at = centres[:, None] + settings["target"].noise * NORMALS
    bouncy = (multipliers(at.ravel(), theta, settings) < 0).reshape(at.shape)
    settled = np.average(bouncy.mean(axis=1), weights=theta ** (1 - settings["zeta"]))
    ax.axhline(settled, color="k", linestyle=":", label="under the true θ")
    ax.set(xlabel="gradients", ylabel="share of bouncy moves", ylim=(0, None))
    ax.legend(frameon=False)
    return fig
