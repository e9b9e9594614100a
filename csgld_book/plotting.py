"""One figure style for the whole collection, and the pictures that several notebooks share.

Colours are those of Okabe and Ito, told apart by the colour-blind. Every method also has a marker
and a line style of its own; well tuned it keeps its colour, and its marker is hollow.
"""

import contextlib
import sys
import threading

import numpy as np
from matplotlib import colors, rc_context
from matplotlib.collections import Collection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from csgld_core import exact, metrics

from .figure_data import BAND

COLOURS = {
    "truth": "#000000",
    "SGLD": "#D55E00",
    "cycSGLD": "#E69F00",
    "reSGLD": "#0072B2",
    "CSGLD": "#009E73",
    "CSGLD, BAOAB": "#009E73",
    "reSGLD, BAOAB": "#0072B2",
    "SGLD, BAOAB": "#D55E00",
    "cycSGLD, BAOAB": "#E69F00",
}
MARKERS = dict(zip(COLOURS, "*osD^vPXp", strict=True))
_DASHES = [(0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)), (0, (6, 2))]
LINES = dict(zip(COLOURS, ["-", ":", "--", "-.", "-", *_DASHES], strict=True))

# A density on its way through flattening and back.
STAGES = {
    "original": {"color": "#000000", "linestyle": "-", "marker": "."},
    "flattened": {"color": "#D55E00", "linestyle": "--", "marker": "o"},
    "reweighted": {"color": "#0072B2", "linestyle": "-.", "marker": "s"},
    "resampled": {"color": "#009E73", "linestyle": ":", "marker": "^"},
}

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

HEAVY = 1000  # points of an artist that an SVG holds as pixels: as shapes they would take more room

_STYLING = threading.RLock()


@contextlib.contextmanager
def style():
    """The common style, for as long as it is entered.

    Matplotlib's settings are global, and demos are drawn in a thread of their own: one at a time.
    """
    with _STYLING, rc_context(STYLE):
        yield


def figure(width=8.0, height=3.0, rows=1, columns=1, **kwargs):
    """A figure in the common style, outside pyplot, and its array of axes.

    Its attribute `made_by` names the function that called.

    Parameters
    ----------
    width, height : float
        Inches.
    rows, columns : int
    **kwargs
        Passed to `Figure.subplots`.
    """
    with style():
        fig = Figure(figsize=(width, height))
        fig.made_by = _name(sys._getframe(1))
        return fig, fig.subplots(rows, columns, **kwargs)


def rasterise(fig):
    """Have whatever has very many points drawn as pixels in vector formats."""
    for artist in fig.findobj(lambda artist: _points(artist) > HEAVY):
        artist.set_rasterized(True)


def _points(artist):
    """How many points a line or a collection draws; 0 for all other artists."""
    if isinstance(artist, Line2D):
        return len(artist.get_xdata())
    if isinstance(artist, Collection):
        corners = sum(len(path.vertices) for path in artist.get_paths())
        return max(corners, len(artist.get_offsets()))
    return 0


def _name(frame):
    """The function that a frame runs, as module.function; "notebook cell" in a notebook."""
    module = frame.f_globals.get("__name__", "__main__")
    if module == "__main__":
        return "notebook cell"
    return f"{module.removeprefix(f'{__package__}.')}.{frame.f_code.co_qualname}"


def look(method):
    """Colour, marker and line style of a method, ready for `plot`."""
    return {
        "color": COLOURS[method],
        "marker": MARKERS[method],
        "markerfacecolor": "white" if "," in method else COLOURS[method],
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


def trace(ax, run, method, points=5000):
    """Position of the first chain of a one-dimensional run against the number of steps."""
    every = max(1, run.draws // points)
    x = run.positions[0, ::every, 0]
    ax.plot(run.steps[::every], x, color=COLOURS[method], linewidth=0.4)
    ax.set(xlabel="steps", ylabel="position x", title=method)


def stages(ax, x, exact, draws=None, **labels):
    """Original, flattened, reweighted and resampled: exact curves as lines, draws as points.

    Parameters
    ----------
    ax : Axes
    x : array (n,)
        Positions of the exact curves, rising.
    exact : dict of stage -> array (n,)
        Keys of STAGES.
    draws : dict of stage -> (positions (k,), weights (k,)) or None
        Drawn as normalised histograms of 60 cells.
    **labels
        Passed to `Axes.set`.
    """
    for stage, values in exact.items():
        ax.plot(x, values, label=stage, linewidth=1.5, **(STAGES[stage] | {"marker": ""}))
    for stage, (positions, weights) in (draws or {}).items():
        heights, edges = np.histogram(positions, 60, (x[0], x[-1]), weights=weights)
        heights = heights / (weights.sum() * (edges[1] - edges[0]))
        style = STAGES[stage] | {"linestyle": "", "markersize": 3.5, "markerfacecolor": "none"}
        ax.plot(0.5 * (edges[1:] + edges[:-1]), heights, label=f"{stage} draws", **style)
    ax.set(**({"xlabel": "position x", "xlim": (x[0], x[-1])} | labels))
    ax.legend(frameon=False)


def path_and_density(target, run, method, temperature=1.0):
    """The path of a one-dimensional run, beside its histogram and the exact density.

    Returns
    -------
    Figure
    """
    fig, (left, right) = figure(9.0, 3.0, 1, 2, width_ratios=[3, 2])
    trace(left, run, method)
    left.set_ylim(exact.histogram_bins(target, 1, temperature).bounds[:, 0])
    density(right, target, {method: run}, temperature)
    return fig


def against_theory(x, measured, theory, **labels):
    """Points with standard errors against lines.

    Parameters
    ----------
    x : array (n,)
    measured : dict of name -> array (n, seeds)
    theory : dict of name -> array (n,) or number
    **labels
        Passed to `Axes.set`: xlabel, ylabel, yscale.

    Returns
    -------
    Figure
    """
    fig, ax = figure(6, 3)
    for (name, values), method in zip(measured.items(), list(COLOURS)[1:], strict=False):
        error = values.std(axis=1, ddof=1) / np.sqrt(values.shape[1])
        style = look(method) | {"linestyle": "none"}
        ax.errorbar(x, values.mean(axis=1), error, label=name, **style)
    for (name, values), line in zip(theory.items(), ("-", "--", ":"), strict=False):
        ax.plot(x, np.broadcast_to(values, np.shape(x)), "k", ls=line, lw=1, label=name)
    ax.set(**labels)
    ax.legend(frameon=False)
    return fig


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
    panels = 1 + len(runs)
    width, height, panel, gap = 2.0 * panels + 0.75, 2.65, 1.82, 0.18
    places = {
        "left": 0.1 / width,
        "right": (0.1 + panels * (panel + gap) + 0.1) / width,
        "bottom": 0.12 / height,
        "top": (0.12 + panel) / height,
        "wspace": gap * (panels + 1) / (panels * panel + 0.1),
    }
    ratios = [panel] * panels + [0.1]  # the last is the colour bar
    fig, (*axes, bar) = figure(
        width, height, 1, panels + 1, width_ratios=ratios, gridspec_kw=places
    )
    fig.set_layout_engine("none")  # it would take longer than all the rest
    truth = exact.histogram(target, bins)
    highest = truth.max() * bins**2
    image = map_of(axes[0], target, truth, bins, "truth\n(quadrature)\n", highest)
    cells = exact.histogram_bins(target, bins)
    for ax, (method, run) in zip(axes[1:], runs.items(), strict=True):
        index = cells.index(run.positions.reshape(-1, 2))
        found = np.bincount(index, run.weights().ravel(), cells.cells)
        title = (
            f"{method}\nerror {metrics.total_variation(run, target, bins):.2f}\n"
            f"modes met {metrics.modes_met(run, target)} of {len(target.modes)}"
        )
        map_of(ax, target, found, bins, title, highest)
    fig.colorbar(image, cax=bar, label="density, uniform = 1")
    return fig


def bands(ax, gradients, values, method, style=None):
    """Mean over seeds with a band of one standard error either side.

    Parameters
    ----------
    gradients : array (budgets,)
    values : array (budgets, seeds)
    method : str
        Or another name, with a style.
    style : dict or None
        Colour, marker and line style; None is the method's `look`.
    """
    values = np.asarray(values)
    style = look(method) if style is None else style
    mean = values.mean(axis=1)
    error = values.std(axis=1, ddof=1) / np.sqrt(values.shape[1])
    ax.plot(gradients, mean, label=method, **style)
    band = {"color": style["color"], "alpha": 0.25, "linewidth": 0, "label": BAND + method}
    ax.fill_between(gradients, mean - error, mean + error, **band)


def study(budgets, tables):
    """A panel for each quantity: mean against the number of gradients, with bands, by method.

    Parameters
    ----------
    budgets : list of int
        Gradients.
    tables : dict of title -> dict of method -> array (budgets, seeds)

    Returns
    -------
    Figure
    """
    fig, axes = figure(10, 3.6, 1, len(tables))
    for ax, (title, table) in zip(axes, tables.items(), strict=True):
        for method, values in table.items():
            bands(ax, budgets, values, method)
        ax.set(xscale="log", xlabel="gradients", title=title)
        if title.startswith("error"):
            ax.set_yscale("log")
        else:
            ax.set_ylim(0, None)
        ax.set_xticks(budgets, [f"{budget / 1000:g}k" for budget in budgets])
        ax.minorticks_off()
    entries = list(zip(*axes[0].get_legend_handles_labels(), strict=True))
    columns = -(-len(entries) // (2 if len(entries) > 6 else 1))
    entries = [entry for column in range(columns) for entry in entries[column::columns]]
    fig.legend(
        *zip(*entries, strict=True), loc="outside lower center", ncols=columns, frameon=False
    )
    return fig


def before_and_after(before, after, names, method, ylabel):
    """A line for each seed from one value to another; returns the Figure."""
    fig, ax = figure(4.5, 3)
    for pair in zip(before, after, strict=True):
        ax.plot(names, pair, alpha=0.5, **look(method))
    ax.set(ylim=(0, None), ylabel=ylabel)
    return fig
