"""The samplers side by side, each with what is special to it told as it happens."""

import functools
from typing import ClassVar

import numpy as np

from csgld_core import exact

from .. import paths, plotting
from .gif import EVENT_HEAD, HEAD, animate, flag, panels

DOTS = 10_000  # draws that a panel of the race shows, at most
TRAIL = 40  # draws, the latest ones, that are joined
BAR = 0.3, 0.7  # where a bar begins and how long a full one is, in widths of the panel
SIGMAS = 6.0  # a step whose noise is longer does not happen


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
        return ("swap! " if swapped else "") + f"jumps seen: {np.count_nonzero(jumps):,}"


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
        return flag(self.head, self.run.multipliers[0, now - 1])


_PANELS = {
    "cyclical_sgld": _Cycles,
    "replica_exchange_sgld": _Swaps,
    "contour_sgld": _Bounces,
}


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
    fig, (axes,) = panels(width, 3.05, len(runs), bottom=0.17, top=0.83, **places)
    bounds = exact.histogram_bins(target, bins).bounds
    density = exact.histogram(target, bins)[:-1].reshape(bins, bins).T
    shown = []
    for ax, (method, run) in zip(axes, runs.items(), strict=True):
        ax.imshow(density**0.5, origin="lower", extent=bounds.T.ravel(), cmap="Greys", alpha=0.6)
        ax.set(xlim=bounds[:, 0], ylim=bounds[:, 1], xticks=[], yticks=[])
        make = _PANELS.get(run.settings["sampler"], _Panel)
        own = {"fraction": sampling_fraction} if make is _Cycles else {}
        shown.append(make(ax, target, method, run, **own))
    clock = fig.suptitle("", fontsize=10)
    budget = max(run.gradients_at_draws[-1] for run in runs.values())

    def draw(frame):
        gradients = budget * (frame + 1) / frames
        clock.set_text(f"after {round(gradients, -3):,.0f} gradients each")
        for panel in shown:
            panel.update(gradients)

    artists = [clock, *(artist for panel in shown for artist in panel.artists)]
    return animate(fig, artists, draw, frames, milliseconds=100)
