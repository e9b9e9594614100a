"""Animated GIFs, drawn frame by frame on one background and written by Pillow.

Only the artists that move are redrawn, and all frames share one palette: that is many times faster
than an animation writer, and the same frames give the same bytes.
"""

import io

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

from . import exact, plotting

COLOURS = 64


def gif(fig, artists, draw, frames, *, milliseconds=80, hold=1500):
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
            rgba = np.asarray(canvas.buffer_rgba())
            pictures.append(Image.fromarray(rgba).convert("RGB"))
    palette = pictures[-1].quantize(COLOURS, dither=Image.Dither.NONE)
    indexed = [p.quantize(palette=palette, dither=Image.Dither.NONE) for p in pictures]
    buffer = io.BytesIO()
    indexed[0].save(
        buffer,
        format="GIF",
        save_all=True,
        append_images=indexed[1:],
        duration=[milliseconds] * (frames - 1) + [hold],
        loop=0,
        optimize=False,
    )
    return buffer.getvalue()


def race(target, runs, *, frames=50, bins=100, still=False):
    """The methods side by side on a two-dimensional target: all draws so far, and the last steps.

    Every frame stands at the same number of gradients for all methods.

    Parameters
    ----------
    target : Target
        Of dim 2, with modes.
    runs : dict of method -> Run
        Of equal budgets; the first chain is shown.
    frames : int
    bins : int
        Of the density in the background.
    still : bool
        Return the last frame as a figure instead of the GIF's bytes.
    """
    fig, axes = plotting.figure(2.3 * len(runs), 2.9, 1, len(runs))
    fig.set_dpi(100)
    truth = exact.histogram(target, bins)
    bounds = exact.histogram_bins(target, bins).bounds
    density = truth[:-1].reshape(bins, bins).T
    budget = max(run.gradients_at_draws[-1] for run in runs.values())
    panels, artists = [], []
    for ax, (method, run) in zip(axes, runs.items(), strict=True):
        ax.imshow(density**0.5, origin="lower", extent=bounds.T.ravel(), cmap="Greys", alpha=0.6)
        ax.set(xlim=bounds[:, 0], ylim=bounds[:, 1], xticks=[], yticks=[])
        ax.set_title(method, fontweight="bold")
        colour = plotting.COLOURS[method]
        (dots,) = ax.plot([], [], ".", color=colour, markersize=1.5, alpha=0.5, rasterized=True)
        (trail,) = ax.plot([], [], "-", color=colour, linewidth=0.8)
        (head,) = ax.plot([], [], plotting.MARKERS[method], color="black", markersize=5)
        note = ax.set_xlabel("")
        panels.append((run, dots, trail, head, note, target.mode_index(run.positions[0])))
        artists += [dots, trail, head, note]
    clock = fig.suptitle("", fontsize=10)
    artists.append(clock)

    def draw(frame):
        gradients = budget * (frame + 1) / frames
        clock.set_text(f"after {round(gradients, -3):,.0f} gradients each")
        for run, dots, trail, head, note, modes in panels:
            now = int(np.searchsorted(run.gradients_at_draws, gradients, side="right"))
            x, y = run.positions[0, :now].T
            dots.set_data(x, y)
            trail.set_data(x[-25:], y[-25:])
            head.set_data(x[-1:], y[-1:])
            note.set_text(f"{np.unique(modes[:now]).size} of {len(target.modes)} modes met")

    if still:
        draw(frames - 1)
        return fig
    fig.suptitle("after 000,000 gradients each", fontsize=10).set_text(" ")
    return gif(fig, artists, draw, frames)
