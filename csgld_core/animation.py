"""Animated GIFs, drawn frame by frame on one background and written by Pillow.

Only the artists that move are redrawn, and all frames share one palette: that is many times faster
than an animation writer, and the same frames give the same bytes. Each comes with its last frame as
a figure, for readers who prefer that nothing moves.
"""

import functools
import io
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from scipy.spatial import KDTree

from . import exact, paths, plotting
from .energy_pdf import read, starting_theta

COLOURS = 160
SHADES = 64  # of each of red, green and blue that are told apart
SAMPLES = 8  # frames from which the palette is taken
DPI = 100  # the GIF's: 9 inches are 900 pixels
DOTS = 10_000  # draws that a panel of the race shows, at most
TRAIL = 40  # draws, the latest ones, that are joined
BAR = 0.3, 0.7  # where a bar begins and how long a full one is, in widths of the panel
HEAD, EVENT_HEAD = 7, 12  # sizes of the mark where a chain is, and when something happens
HIGHEST_BAR = 4.0  # of the visits, in mean levels; early ones may be cut
SIGMAS = 6.0  # a step whose noise is longer does not happen


@dataclass(frozen=True, eq=False)
class Animation:
    """A GIF, and the figure that shows its last frame."""

    moving: bytes = field(repr=False)
    still: Figure


def gif(fig, artists, draw, frames, *, milliseconds=80, hold=2500):
    """The bytes of a GIF.

    Parameters
    ----------
    fig : Figure
    artists : list of Artist
        What moves; everything else is drawn once.
    draw : callable (frame) -> None
        Updates the artists for frame 0, 1, ...
    frames : int
    milliseconds : int
        Time for each frame.
    hold : int
        Time for the last one.
    """
    from PIL import Image

    canvas = FigureCanvasAgg(fig)
    for artist in artists:
        artist.set_animated(True)
    with plotting.style():
        canvas.draw()
        background = canvas.copy_from_bbox(fig.bbox)
        pictures = []
        for frame in range(frames):
            canvas.restore_region(background)
            draw(frame)
            for artist in artists:
                fig.draw_artist(artist)
            pictures.append(np.array(canvas.buffer_rgba())[..., :3])
    for artist in artists:
        artist.set_animated(False)
    palette = _palette(pictures)
    nearest = _nearest(palette)
    indexed = [Image.fromarray(nearest[_cell(picture)]) for picture in pictures]
    for image in indexed:
        image.putpalette(palette.tobytes())
    buffer = io.BytesIO()
    indexed[0].save(
        buffer,
        format="GIF",
        save_all=True,
        append_images=indexed[1:],
        duration=[milliseconds] * (frames - 1) + [hold],
        loop=0,
        optimize=True,  # what stays as it was becomes transparent
    )
    return buffer.getvalue()


def _palette(pictures):
    """Colours (k, 3) for all pictures: the common ones as they are, and the most frequent."""
    from PIL import Image

    common = {to_rgb(name) for name in ("white", "black", *plotting.COLOURS.values())}
    common = np.round(255 * np.array(sorted(common))).astype(np.uint8)
    chosen = np.unique(np.linspace(0, len(pictures) - 1, SAMPLES).astype(int))
    samples = Image.fromarray(np.vstack([pictures[n] for n in chosen]))
    frequent = samples.quantize(COLOURS - len(common)).getpalette()
    return np.vstack([common, np.reshape(frequent, (-1, 3))]).astype(np.uint8)


def _cell(colours):
    """The cell of each colour (..., 3) of a table of SHADES**3 cells."""
    red, green, blue = np.moveaxis(colours // (256 // SHADES), -1, 0).astype(np.int32)
    return (red * SHADES + green) * SHADES + blue


def _nearest(palette):
    """The place in the palette (cells,) of the colour that is nearest to each cell."""
    axis = (np.arange(SHADES) + 0.5) * (256 // SHADES) - 0.5
    centres = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    nearest = KDTree(palette).query(centres)[1].astype(np.uint8)
    nearest[_cell(palette[::-1])] = np.arange(len(palette))[::-1]  # the common ones come first
    return nearest


def _figure(width, height, columns, **places):
    """A row of panels at places given by hand: what moves must not move the layout."""
    fig, axes = plotting.figure(width, height, 1, columns, squeeze=False, gridspec_kw=places)
    fig.set_layout_engine("none")
    return fig, axes


def _animation(fig, artists, draw, frames, **timing):
    """The Animation of a figure; parameters as `gif`."""
    fig.set_dpi(DPI)
    moving = gif(fig, artists, draw, frames, **timing)
    draw(frames - 1)
    return Animation(moving, fig)


# --- the race -------------------------------------------------------------------------------------


def swap_jumps(run):
    """Moves (draws - 1,) of the cold chain of replica exchange that no step could make.

    They are longer than SIGMAS standard deviations of the noise of the steps between two draws:
    the chain has swapped places. Swaps of two chains that are close to each other do not show.

    Parameters
    ----------
    run : Run
        By "euler" or "leimkuhler_matthews"; the first chain is looked at.

    Returns
    -------
    array (draws - 1,) of bool
    """
    step_size, temperature = run.settings["step_size"], run.settings["temperature"]
    noise = np.sqrt(2 * temperature * step_size * np.diff(run.steps))
    return np.linalg.norm(np.diff(run.positions[0], axis=0), axis=1) > SIGMAS * noise


class _Panel:
    """One method of the race: draws so far, the latest moves, where it is, and a line of words."""

    unusual: ClassVar = {}  # how moves are drawn that other methods do not make
    bar_label = None

    def __init__(self, ax, target, method, run):
        self.run, self.modes = run, len(target.modes)
        self.colour = plotting.COLOURS[method]
        every = -(-run.draws // DOTS)
        shown = np.arange(every - 1, run.draws, every)
        self.shown = shown[self.kept[shown]]
        self.mode = target.mode_index(run.positions[0, self.shown])
        look = {"markersize": HEAD, "markeredgecolor": "white", "color": "k"}
        (self.dots,) = ax.plot([], [], ".", color=self.colour, markersize=1.5, alpha=0.5)
        self.dots.set_rasterized(True)
        (self.trail,) = ax.plot([], [], "k-", linewidth=0.7)
        (self.marked,) = ax.plot([], [], **self.unusual)
        (self.head,) = ax.plot([], [], plotting.MARKERS[method], **look)
        self.note = ax.set_xlabel("", fontsize=9)
        ax.set_title(method, fontweight="bold", loc="left")
        self.met = ax.set_title("", loc="right", fontsize=9)
        self.artists = [self.dots, self.trail, self.marked, self.head, self.note, self.met]
        if self.bar_label is not None:
            self._add_bar(ax)

    def _add_bar(self, ax):
        begin, length = BAR
        place = {"transform": ax.transAxes, "edgecolor": "k", "linewidth": 0.8, "clip_on": False}
        ax.barh([-0.19], [length], 0.06, begin, color="white", **place)
        (self.bar,) = ax.barh([-0.19], [0.0], 0.06, begin, color=self.colour, **place)
        words = {"fontsize": 9, "ha": "right", "va": "center_baseline"}
        ax.text(begin - 0.03, -0.19, self.bar_label, transform=ax.transAxes, **words)
        self.artists.append(self.bar)

    @property
    def kept(self):
        """Which draws (draws,) count."""
        return np.ones(self.run.draws, dtype=bool)

    @property
    def special(self):
        """Which moves (draws - 1,) are of the method's own kind."""
        return np.zeros(self.run.draws - 1, dtype=bool)

    def update(self, gradients):
        """Show the state after that many gradients."""
        now = int(np.searchsorted(self.run.gradients_at_draws, gradients, side="right"))
        seen = np.searchsorted(self.shown, now)
        positions, first = self.run.positions[0, :now], max(0, now - TRAIL)
        latest, special = positions[first:], self.special[first : max(0, now - 1)]
        self.dots.set_data(*positions[self.shown[:seen]].T)
        self.trail.set_data(*_joined(latest, ~special))
        self.marked.set_data(*_joined(latest, special))
        self.head.set_data(*latest[-1:].T)
        self.met.set_text(f"{np.unique(self.mode[:seen]).size} of {self.modes} modes")
        self.note.set_text(self.tell(now, gradients))

    def tell(self, now, _gradients):
        """What happens at draw `now`, in a line; sets the panel's own cue."""
        seen = self.mode[: np.searchsorted(self.shown, now)]
        return f"changes of mode: {np.count_nonzero(np.diff(seen)):,}"


class _Cycles(_Panel):
    unusual: ClassVar = {"color": "0.4", "linewidth": 0.7, "linestyle": (0, (1, 1))}
    bar_label = "step size"

    def __init__(self, ax, target, method, run, fraction=None):
        steps, self.cycles = run.settings["steps"], run.settings["cycles"]
        fraction = run.settings["sampling_fraction"] if fraction is None else fraction
        self.length = -(-steps // self.cycles)
        self.exploring = self.length - round(fraction * self.length)
        super().__init__(ax, target, method, run)

    @functools.cached_property
    def kept(self):
        return (self.run.steps - 1) % self.length >= self.exploring

    @functools.cached_property
    def special(self):
        return ~self.kept[1:]

    def tell(self, now, gradients):
        step = max(0, min(int(gradients), self.run.settings["steps"]) - 1)
        cycle, place = divmod(step, self.length)
        sampling = place >= self.exploring
        self.bar.set_width(0.5 * BAR[1] * (np.cos(np.pi * place / self.length) + 1))
        self.bar.set_facecolor(self.colour if sampling else "0.6")
        self.head.set_markerfacecolor("k" if sampling else "white")
        self.head.set_markeredgecolor("white" if sampling else "k")
        phase = "sampling" if sampling else "exploring"
        return f"cycle {cycle + 1} of {self.cycles}: {phase}"


class _Swaps(_Panel):
    unusual: ClassVar = {"color": "k", "linewidth": 1.8, "linestyle": (0, (2, 1))}

    @functools.cached_property
    def special(self):
        return swap_jumps(self.run)

    def tell(self, now, _gradients):
        jumps = self.special[: max(0, now - 1)]
        swapped = jumps[-TRAIL:].any()
        self.head.set_markersize(EVENT_HEAD if swapped else HEAD)
        return ("swap! " if swapped else "") + f"jumps so far: {np.count_nonzero(jumps):,}"


class _Bounces(_Panel):
    unusual: ClassVar = {"color": paths.BOUNCY, "linewidth": 1.8}
    bar_label = "weight"

    @functools.cached_property
    def special(self):
        return self.run.multipliers[0, :-1] < 0  # it drives the move to the next draw

    @functools.cached_property
    def weights(self):
        """Importance weights (draws,) in units of the largest."""
        log_weights = self.run.log_weights[0]
        return np.exp(log_weights - log_weights.max())

    def tell(self, now, _gradients):
        if now == 0:
            return ""
        self.bar.set_width(BAR[1] * self.weights[now - 1])
        return _flag(self.head, self.run.multipliers[0, now - 1])


_PANELS = {
    "cyclical_sgld": _Cycles,
    "replica_exchange_sgld": _Swaps,
    "contour_sgld": _Bounces,
}


def _flag(head, multiplier):
    """The multiplier in words; the head is large and blue where it is negative."""
    bouncing = multiplier < 0
    head.set_markersize(EVENT_HEAD if bouncing else HEAD)
    head.set_markerfacecolor(paths.BOUNCY if bouncing else "k")
    words = f"learning rate × {multiplier:.2g}".replace("-", "−")
    return f"bounce! {words}" if bouncing else words


def _joined(points, chosen):
    """Coordinates (2, n) of lines along the chosen moves (k - 1,) between points (k, 2)."""
    moves = np.full((len(chosen), 3, 2), np.nan)
    moves[:, 0], moves[:, 1] = points[:-1], points[1:]
    return moves[chosen].reshape(-1, 2).T


@plotting.style()
def race(target, runs, *, frames=100, bins=100, sampling_fraction=None):
    """The methods side by side on a two-dimensional target: all draws so far, and the latest moves.

    Every frame stands at the same number of gradients for all methods. What is special to a method
    is told as it happens: the phase of cyclical SGLD (hollow while it explores; the bar is its step
    size), the jumps of replica exchange (dashed), and in contour SGLD moves with a negative
    learning rate (thick, blue) and the importance weight of the present draw (the bar, in units of
    the largest).

    Parameters
    ----------
    target : Target
        Of dim 2, with modes.
    runs : dict of method -> Run
        Of equal budgets; the first chain is shown. Single moves show with thin=1.
    frames : int
    bins : int
        Of the density in the background.
    sampling_fraction : float or None
        Part of a cycle whose draws are shown, where runs of cyclical SGLD kept more to tell how
        they explore; None takes the runs' own.

    Returns
    -------
    Animation
    """
    width = 2.25 * len(runs)
    places = {"left": 0.1 / width, "right": 1 - 0.1 / width, "wspace": 0.08}
    fig, (axes,) = _figure(width, 3.05, len(runs), bottom=0.17, top=0.83, **places)
    bounds = exact.histogram_bins(target, bins).bounds
    density = exact.histogram(target, bins)[:-1].reshape(bins, bins).T
    panels = []
    for ax, (method, run) in zip(axes, runs.items(), strict=True):
        ax.imshow(density**0.5, origin="lower", extent=bounds.T.ravel(), cmap="Greys", alpha=0.6)
        ax.set(xlim=bounds[:, 0], ylim=bounds[:, 1], xticks=[], yticks=[])
        make = _PANELS.get(run.settings["sampler"], _Panel)
        own = {"fraction": sampling_fraction} if make is _Cycles else {}
        panels.append(make(ax, target, method, run, **own))
    clock = fig.suptitle("", fontsize=10)
    budget = max(run.gradients_at_draws[-1] for run in runs.values())

    def draw(frame):
        gradients = budget * (frame + 1) / frames
        clock.set_text(f"after {round(gradients, -3):,.0f} gradients each")
        for panel in panels:
            panel.update(gradients)

    artists = [clock, *(artist for panel in panels for artist in panel.artists)]
    return _animation(fig, artists, draw, frames, milliseconds=100)


# --- the energy PDF -------------------------------------------------------------------------------


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
    film = _Learning(target, run)
    times = np.unique(np.geomspace(1, len(film.thetas), frames).round().astype(int)) - 1
    return _animation(
        film.fig, film.artists, lambda n: film.update(times[n]), len(times), milliseconds=120
    )


class _Learning:
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
        self.fig, (axes,) = _figure(9.0, 3.3, 3, width_ratios=[5, 4, 3], **places)
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
        log_psi = read(self.energy, theta, self.partition, self.run.scheme, **own).log_psi
        curve = self.energy + zeta * temperature * log_psi
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
        words = _flag(self.head, self.multipliers[now - 1])
        self.clock.set_text(f"contour SGLD after {step:,} steps      {words}")
        self.theta.set_data(self.partition.centres, self.thetas[n])
        self.path.set_data(self.times[:now], self.energies[:now])


# --- Wang-Landau ----------------------------------------------------------------------------------


@plotting.style()
def wang_landau(walks, energies, states):
    """A Wang-Landau walk: its visits become flat while ln g grows to the exact one.

    Parameters
    ----------
    walks : list of DensityOfStates
        One walk, stopped after more and more moves: a frame for each.
    energies, states : array (levels,)
        The levels, and the exact number of states of each.

    Returns
    -------
    Animation
    """
    cells = walks[0].partition.index(energies)
    levels = np.arange(len(energies))
    places = {"left": 0.06, "right": 0.99, "bottom": 0.15, "top": 0.82, "wspace": 0.12}
    fig, ((left, right),) = _figure(9.0, 3.3, 2, **places)
    clock = fig.suptitle("", fontsize=10)
    look = {"color": plotting.COLOURS["reSGLD"], "edgecolor": "k", "linewidth": 0.5}
    bars = left.bar(levels, np.zeros(len(levels)), **look)
    left.axhline(1, color="k", linestyle="--", linewidth=1, label="flat")
    flatness = left.set_title("")
    left.set(ylabel="visits, mean level = 1", ylim=(0, HIGHEST_BAR))
    left.legend(loc="upper right")
    look = plotting.look("SGLD") | {"linestyle": "none", "markersize": 7}
    right.plot(levels, np.log(states), "k_", markersize=16, markeredgewidth=2, label="exact")
    (learned,) = right.plot([], [], **look, label="learned")
    right.set_ylim(-1, 1.15 * np.log(states.max()))
    right.set_title("ln g(E), logarithm of the number of states")
    right.legend(loc="lower center")
    for ax in (left, right):
        ax.set_xticks(levels, [f"{energy:g}".replace("-", "−") for energy in energies])
        ax.tick_params("x", labelsize=8)
        ax.set(xlabel="energy E of the level", xlim=(-0.8, levels[-1] + 0.8))

    def draw(n):
        walk = walks[n]
        heights = walk.visits[cells] / walk.visits[cells].mean()
        for bar, height in zip(bars, heights, strict=True):
            bar.set_height(height)
        learned.set_data(levels, walk.normalised(np.log(states.sum()))[cells])
        flatness.set_text(f"visits so far: the rarest level has {heights.min():.0%} of the mean")
        clock.set_text(f"Wang–Landau after {walk.steps:,} moves, ln f = {walk.history[-1]:.1g}")

    return _animation(fig, [clock, flatness, *bars, learned], draw, len(walks), milliseconds=120)
