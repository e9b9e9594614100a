"""One figure style for the whole collection, and the pictures that several notebooks share.

Colours are those of Okabe and Ito, told apart by the colour-blind; every method also has a marker
and a line style of its own.
"""

import numpy as np
from matplotlib import colors, rc_context
from matplotlib.figure import Figure

from . import exact, metrics

COLOURS = {
    "truth": "#000000",
    "SGLD": "#D55E00",
    "cycSGLD": "#E69F00",
    "reSGLD": "#0072B2",
    "CSGLD": "#009E73",
    "CSGLD, BAOAB": "#CC79A7",
    "reSGLD, BAOAB": "#56B4E9",
}
MARKERS = dict(zip(COLOURS, "*osD^vP", strict=True))
LINES = dict(zip(COLOURS, ["-", ":", "--", "-.", "-", (0, (5, 1)), (0, (3, 1, 1, 1))], strict=True))

STYLE = {
    "figure.dpi": 110,
    "savefig.dpi": 150,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "image.cmap": "viridis",
    "svg.hashsalt": "csgld_core",  # the same figure is the same file
}


def figure(width=8.0, height=3.0, rows=1, columns=1, **kwargs):
    """A figure in the common style, outside pyplot, and its array of axes.

    Parameters
    ----------
    width, height : float
        Inches.
    rows, columns : int
    **kwargs
        Passed to `Figure.subplots`.
    """
    with rc_context(STYLE):
        fig = Figure(figsize=(width, height))
        return fig, fig.subplots(rows, columns, **kwargs)


def look(method):
    """Colour, marker and line style of a method, ready for `plot`."""
    return {
        "color": COLOURS[method],
        "marker": MARKERS[method],
        "linestyle": LINES[method],
        "markersize": 5,
    }


def density(ax, target, runs, temperature=1.0):
    """Exact density of a one-dimensional target, and the weighted histogram of each run.

    Parameters
    ----------
    ax : Axes
    target : Target
        Of dim 1.
    runs : dict of method -> Run
    temperature : float
    """
    bins = exact.histogram_bins(target, 80, temperature)
    edges = np.linspace(*bins.bounds[:, 0], bins.count + 1)
    width = edges[1] - edges[0]
    truth = exact.histogram(target, 80, temperature)[:-1] / width
    ax.stairs(truth, edges, color=COLOURS["truth"], label="truth", linewidth=1.5)
    for method, run in runs.items():
        weights = run.weights().ravel()
        found = np.bincount(bins.index(run.positions.reshape(-1, 1)), weights, bins.cells)
        centres = 0.5 * (edges[1:] + edges[:-1])
        ax.plot(centres, found[:-1] / width, **(look(method) | {"markersize": 3}), label=method)
    ax.set(xlabel="position x", ylabel="density", ylim=(0, None))
    ax.legend(frameon=False)


def trace(ax, run, label):
    """Position of the first chain of a one-dimensional run against the number of steps."""
    ax.plot(run.steps, run.positions[0, :, 0], color=COLOURS[label], linewidth=0.4)
    ax.set(xlabel="steps", ylabel="position x", title=label)


def map_of(ax, target, masses, bins, title, highest):
    """A two-dimensional histogram as a picture; colours end at `highest` times the mean cell."""
    bounds = exact.histogram_bins(target, bins).bounds
    cells = masses[:-1].reshape(bins, bins) * bins**2
    image = ax.imshow(
        cells.T,
        origin="lower",
        extent=bounds.T.ravel(),
        norm=colors.PowerNorm(0.5, 0.0, highest),
        interpolation="nearest",
    )
    ax.set(title=title, xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set_visible(False)
    return image


def comparison(target, runs, bins=50):
    """Truth and the weighted histogram of each run side by side, with errors and modes met.

    Parameters
    ----------
    target : Target
        Of dim 2, with modes.
    runs : dict of method -> Run
    bins : int

    Returns
    -------
    Figure
    """
    fig, axes = figure(2.1 * (1 + len(runs)), 2.75, 1, 1 + len(runs))
    truth = exact.histogram(target, bins)
    highest = truth.max() * bins**2
    image = map_of(axes[0], target, truth, bins, "truth\n(quadrature)\n", highest)
    cells = exact.histogram_bins(target, bins)
    for ax, (method, run) in zip(axes[1:], runs.items(), strict=True):
        index = cells.index(run.positions.reshape(-1, 2))
        found = np.bincount(index, run.weights().ravel(), cells.cells)
        met = np.unique(target.mode_index(run.positions.reshape(-1, 2))).size
        title = (
            f"{method}\nerror {metrics.total_variation(run, target, bins):.2f}\n"
            f"modes met {met} of {len(target.modes)}"
        )
        map_of(ax, target, found, bins, title, highest)
    fig.colorbar(image, ax=axes, shrink=0.8, label="density / uniform")
    return fig


def bands(ax, gradients, values, method):
    """Mean over seeds with a band of one standard error either side.

    Parameters
    ----------
    gradients : array (budgets,)
    values : array (budgets, seeds)
    method : str
    """
    values = np.asarray(values)
    mean = values.mean(axis=1)
    error = values.std(axis=1, ddof=1) / np.sqrt(values.shape[1])
    ax.plot(gradients, mean, label=method, **look(method))
    ax.fill_between(
        gradients, mean - error, mean + error, color=COLOURS[method], alpha=0.25, linewidth=0
    )
