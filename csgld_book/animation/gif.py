"""Animated GIFs, drawn frame by frame on one background and written by Pillow.

Only the artists that move are redrawn, and all frames share one palette: that is many times faster
than an animation writer, and the same frames give the same bytes. Each comes with its last frame as
a figure, for readers who prefer that nothing moves.
"""

import io
from dataclasses import dataclass, field

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from scipy.spatial import KDTree

from .. import paths, plotting

COLOURS = 160
SHADES = 64  # of each of red, green and blue that are told apart
SAMPLES = 8  # frames from which the palette is taken
DPI = 100  # the GIF's: 9 inches are 900 pixels
HEAD, EVENT_HEAD = 7, 12  # sizes of the mark where a chain is, and when something happens


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


def panels(width, height, columns, **places):
    """A row of panels at places given by hand: what moves must not move the layout."""
    fig, axes = plotting.figure(width, height, 1, columns, squeeze=False, gridspec_kw=places)
    fig.set_layout_engine("none")
    return fig, axes


def animate(fig, artists, draw, frames, **timing):
    """The Animation of a figure; parameters as `gif`."""
    fig.set_dpi(DPI)
    moving = gif(fig, artists, draw, frames, **timing)
    draw(frames - 1)
    return Animation(moving, fig)


def flag(head, multiplier):
    """The multiplier in words; the head is large and blue where it is negative."""
    bouncing = multiplier < 0
    head.set_markersize(EVENT_HEAD if bouncing else HEAD)
    head.set_markerfacecolor(paths.BOUNCY if bouncing else "k")
    words = f"learning rate × {multiplier:.2g}".replace("-", "−")
    return f"bounce! {words}" if bouncing else words
