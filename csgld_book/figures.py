"""The folder `figures/`: pictures, the data behind each, and their provenance in manifest.json."""

import base64
import io
import json
import os
from dataclasses import asdict, is_dataclass
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image

from csgld_core import DiscreteTarget, Target, files

from . import figure_data
from .plotting import STYLE, rasterise, style


def folder():
    """`figures/` of the checkout around the working directory; $CSGLD_FIGURES overrides it."""
    if "CSGLD_FIGURES" in os.environ:
        found = Path(os.environ["CSGLD_FIGURES"])
    else:
        here = Path.cwd()
        parents = [here, *here.parents]
        found = next((p for p in parents if (p / "figures").is_dir()), here) / "figures"
    found.mkdir(parents=True, exist_ok=True)
    return found


def write(path, content):
    """Write bytes or text to `path`, all or nothing."""
    with files.replacing(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def versions():
    """Versions of what figures and claims depend on."""
    return files.versions(matplotlib)


def plain(value):
    """`value` in terms of JSON: targets, partitions, schemes and arrays become their contents."""
    if isinstance(value, (Target, DiscreteTarget)):
        return value.description()
    if is_dataclass(value):
        return plain(asdict(value))
    if hasattr(value, "items"):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, range, np.ndarray)):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    if callable(value):
        return value.__name__
    return value


def notebook():
    """Name of the notebook that runs, without ending; None outside of one."""
    given = os.environ.get("CSGLD_NOTEBOOK")  # set by notebooks.execute
    session = Path(os.environ.get("JPY_SESSION_NAME", ""))  # set by Jupyter's servers
    return given or (session.stem if session.suffix == ".ipynb" else None)


def _note(name, endings, fig, caption, seeds, settings, function):
    """Write the data of `fig`, and the entry in manifest.json."""
    data = figure_data.drawn(fig)
    figure_data.save(folder() / f"{name}.npz", data)
    path = folder() / "manifest.json"
    manifest = json.loads(path.read_text()) if path.exists() else {}
    manifest[name] = {
        "files": [name + ending for ending in (*endings, ".npz")],
        "caption": caption,
        "notebook": notebook() or manifest.get(name, {}).get("notebook"),
        "function": function or getattr(fig, "made_by", None),
        "seeds": plain(seeds),
        "settings": plain(settings),
        "versions": versions(),
        "data_hash": figure_data.digest(data),
    }
    write(path, json.dumps(dict(sorted(manifest.items())), indent=1) + "\n")


def _bytes(fig, ending, **kwargs):
    nothing = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}[ending]
    buffer = io.BytesIO()
    with style():
        rasterise(fig)
        fig.savefig(buffer, format=ending, metadata=nothing, **kwargs)
    return _few_colours(buffer) if ending == "png" else buffer.getvalue()


def _few_colours(png):
    """A PNG in 256 colours: a third of the size, and the eye sees no difference."""
    # Of the methods of Pillow the one with the smallest largest error; then means of the clusters.
    method, rounds = Image.Quantize.MAXCOVERAGE, 3
    buffer = io.BytesIO()
    with Image.open(png) as picture:
        picture = picture.convert("RGB")
        few = picture.quantize(256, method, rounds, dither=Image.Dither.NONE)
    few.save(buffer, "png", optimize=True)
    return buffer.getvalue()


class Picture:
    """A figure as a notebook shows it: a PNG whose alternative text is the caption."""

    def __init__(self, fig, caption):
        self.png = _bytes(fig, "png", dpi=STYLE["figure.dpi"])
        self.caption = caption

    def __repr__(self):
        return f"Figure: {self.caption}"

    def _repr_mimebundle_(self, include=None, exclude=None):
        data = {"image/png": base64.b64encode(self.png).decode(), "text/plain": repr(self)}
        return data, {"image/png": {"alt": self.caption}}


def save(fig, name, *, caption, seeds, settings, function=None):
    """Write a figure as PNG and SVG, and its data; note where it comes from, and show it.

    Parameters
    ----------
    fig : Figure
    name : str
        File name without ending.
    caption : str
        What the figure shows; also its alternative text.
    seeds : list of int or str
        Or why there are none: "none: quadrature".
    settings : dict
        Experiments that went in.
    function : str or None
        Which function made the figure; None is the one that called `plotting.figure`.

    Returns
    -------
    Picture
    """
    for ending in ("png", "svg"):
        write(folder() / f"{name}.{ending}", _bytes(fig, ending))
    _note(name, (".png", ".svg"), fig, caption, seeds, settings, function)
    return Picture(fig, caption)


def save_animation(animation, name, *, caption, seeds, settings, function=None):
    """Write a GIF, its still as PNG and SVG, and the data of the still; parameters as in `save`.

    Parameters
    ----------
    animation : Animation
        With `moving`, the bytes of the GIF, and `still`, a Figure.

    Returns
    -------
    Picture
        The still.
    """
    write(folder() / f"{name}.gif", animation.moving)
    for ending in ("png", "svg"):
        write(folder() / f"{name}_still.{ending}", _bytes(animation.still, ending))
    endings = (".gif", "_still.png", "_still.svg")
    _note(name, endings, animation.still, caption, seeds, settings, function)
    return Picture(animation.still, caption)
