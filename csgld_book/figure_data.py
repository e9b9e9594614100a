"""The data behind a figure: what is drawn, kept beside the picture, so that nobody compares pixels.

`drawn` collects what the artists of a figure draw, as named arrays. `save` and `load` keep them in
a file, `digest` is their fingerprint, and `differences` says how two such sets differ beyond
rounding and chance. Text, layout and colours are not data; the colours of an image are.
"""

import hashlib
import itertools
import re

import numpy as np
from matplotlib.collections import LineCollection, PathCollection, QuadMesh
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import StepPatch
from matplotlib.quiver import Quiver

from csgld_core import checks, files

BAND = "_band of "  # begins the label of a band; the rest is the label of its line
NOISE = 1e-13  # of an array's largest number: what is smaller is what rounding left of a zero
POINTS = 2000  # of a path or a cloud: more are thinned evenly

# How far another run may be. Another processor may round the last digit otherwise. Most paths
# forget that, since they share their noise; of some it decides a swap or a bounce, and they part.
# A step size changed in its last digit moved histograms of single runs by half of VARIATION.
ROUNDING = 1e-5  # relative, where nothing is random
SIGMAS, RELATIVE = 5.0, 1e-3  # standard errors of a difference, and share of a number
ERROR_RATIO = 4.0  # of the largest standard errors of two curves
VARIATION = 0.3  # total variation of two histograms: 0 is equal, 1 disjoint
QUANTILES, MOVED = (0.1, 0.25, 0.5, 0.75, 0.9), 0.1  # of each coordinate; share of a panel's range
HEIGHTS = {"heights", "image"}
EXACT = re.compile(r"\b(exact|quadrature|theory|truth)\b")  # in a label: nothing is random


# --- what is drawn --------------------------------------------------------------------------------


def drawn(fig):
    """What a figure draws, as data.

    A name is the panel's number, the label of what is drawn, or else its kind and number, and a
    part: "panel 1, SGLD, y". The parts are, for

    - lines: x, y (k,), and error (k,), if `plotting.bands` or `errorbar` drew it
    - histograms: heights (k,), and edges (k + 1,) of stairs or positions (k,) of bars
    - images: image (rows, columns) or (rows, columns, 3), and extent (4,)
    - meshes: image (rows, columns) and corners (rows + 1, columns + 1, 2)
    - scatter: points (k, 2), and sizes or values (k,), if they differ
    - arrows: points (k, 2) and arrows (k, 2)
    - contours, segments and everything else with an outline: points (k, 2), the corners

    Paths and clouds of more than POINTS points are thinned evenly.

    Parameters
    ----------
    fig : Figure

    Returns
    -------
    dict of str -> array, float32
        Further digits are rounding.
    """
    data = {}
    for n, ax in enumerate(_panels(fig), 1):
        for name, parts in _artists(ax):
            for part, values in parts.items():
                data[f"panel {n}, {name}, {part}"] = _rounded(values)
    return data


def _panels(fig):
    """Axes and insets, without colour bars."""
    axes = [panel for ax in fig.axes for panel in (ax, *ax.child_axes)]
    mappables = [artist for ax in axes for artist in (*ax.images, *ax.collections)]
    bars = [artist.colorbar.ax for artist in mappables if artist.colorbar is not None]
    return [ax for ax in axes if ax not in bars]


def _artists(ax):
    """Pairs (name, parts) of what is drawn in one panel, in the order of drawing."""
    bands = {
        str(artist.get_label()).removeprefix(BAND): artist
        for artist in ax.collections
        if str(artist.get_label()).startswith(BAND)
    }
    done = {id(artist) for box in ax.containers for artist in box.get_children()}
    done |= {id(artist) for artist in bands.values()}
    shown = [*ax.lines, *ax.patches, *ax.images, *ax.collections]
    shown = [artist for artist in shown if id(artist) not in done and artist.get_visible()]
    taken = set()
    for artist in (*ax.containers, *shown):
        kind, parts = _read(artist)
        label = " ".join(str(artist.get_label()).split())
        if kind == "line" and label in bands:
            parts["error"] = _half_height(bands[label], parts["x"])
        labelled = label and not label.startswith("_")
        names = (f"{label if labelled else kind} {n}" for n in itertools.count(1))
        if labelled:
            names = itertools.chain([label], itertools.islice(names, 1, None))
        unique = next(name for name in names if name not in taken)
        taken.add(unique)
        yield unique, parts


def _read(artist):
    """Kind and parts of one artist or container."""
    match artist:
        case ErrorbarContainer():
            return "error bars", _error_bars(artist)
        case BarContainer():
            return "bars", _bars(artist)
        case Line2D():
            x, y = artist.get_data(orig=False)
            return "line", {"x": _thinned(x), "y": _thinned(y)}
        case StepPatch():
            heights, edges, _ = artist.get_data()
            return "stairs", {"heights": heights, "edges": edges}
        case AxesImage():
            return "image", {"image": artist.get_array(), "extent": artist.get_extent()}
        case QuadMesh():
            corners = artist.get_coordinates()
            shape = corners.shape[0] - 1, corners.shape[1] - 1
            values = artist.get_array()
            flat = np.shape(values)[0] == shape[0] * shape[1]
            image = np.reshape(values, shape) if flat else values
            return "mesh", {"image": image, "corners": corners}
        case PathCollection():
            return "points", _scatter(artist)
        case Quiver():
            arrows = _thinned(np.column_stack([artist.U, artist.V]))
            return "arrows", {"points": _thinned(artist.XY), "arrows": arrows}
        case LineCollection():
            return "segments", {"points": _thinned(_corners(artist))}
    if hasattr(artist, "get_paths"):
        return "outlines", {"points": _thinned(_corners(artist))}
    outline = artist.get_patch_transform().transform_path(artist.get_path())
    return "outline", {"points": _thinned(outline.vertices)}


def _error_bars(container):
    """Line and half-lengths; the middles of the bars where there is no line."""
    line, _, bars = container
    ends = [np.array([path.vertices for path in bar.get_paths()]) for bar in bars]
    x, y = ends[0].mean(axis=1).T if line is None else line.get_data(orig=False)
    names = ["x error"] * container.has_xerr + ["error"] * container.has_yerr
    axes = [0] * container.has_xerr + [1] * container.has_yerr
    halves = {
        name: abs(np.diff(end[:, :, axis])).ravel() / 2
        for name, axis, end in zip(names, axes, ends, strict=True)
    }
    return {"x": x, "y": y, **halves}


def _bars(container):
    boxes = [bar.get_bbox() for bar in container]
    if getattr(container, "orientation", None) == "horizontal":
        heights, positions = [b.width for b in boxes], [(b.y0 + b.y1) / 2 for b in boxes]
    else:
        heights, positions = [b.height for b in boxes], [(b.x0 + b.x1) / 2 for b in boxes]
    return {"heights": heights, "positions": positions}


def _scatter(artist):
    parts = {"points": _thinned(artist.get_offsets())}
    for part, values in (("sizes", artist.get_sizes()), ("values", artist.get_array())):
        if values is not None and np.size(values) > 1:
            parts[part] = _thinned(values)
    return parts


def _corners(collection):
    """Corners (k, 2) of all paths of a collection."""
    return np.concatenate([np.empty((0, 2)), *(path.vertices for path in collection.get_paths())])


def _half_height(band, x):
    """Half the height of a band at each x."""
    corners = _corners(band)
    at = [corners[corners[:, 0] == value, 1] for value in np.asarray(x, dtype=float)]
    return [np.ptp(heights) / 2 if heights.size else np.nan for heights in at]


def _thinned(values):
    return values[:: max(1, -(-len(values) // POINTS))]


def _rounded(values):
    """`values` as float32, without what rounding left of zeros; masked ones are NaN."""
    values = np.ma.asarray(values).astype(np.float64).filled(np.nan)
    values = np.where(abs(values) < NOISE * abs(_finite(values)).max(), 0.0, values)
    return np.where(np.isnan(values), np.nan, values + 0.0).astype(np.float32)


# --- files ----------------------------------------------------------------------------------------


def save(path, data):
    """Write data as a compressed npz file, all or nothing; the same data give the same bytes."""
    with files.replacing(path) as file:
        np.savez_compressed(file, **{name: data[name] for name in sorted(data)})


def load(path):
    """The data that `save` wrote; never executes code from the file.

    Raises
    ------
    ValueError
        If the file is damaged or foreign.
    """
    path = checks.path("path", path)
    with open(path, "rb") as file:
        try:
            with np.load(file, allow_pickle=False) as members:
                return {name: members[name] for name in members.files}
        except Exception as e:  # a damaged file fails in many ways
            raise ValueError(f"path must be a file of figure data, got {str(path)!r}") from e


def digest(data):
    """SHA-256 of names, shapes and numbers, whatever their order and the file's compression."""
    found = hashlib.sha256()
    for name in sorted(data):
        array = np.ascontiguousarray(data[name], dtype="<f4")
        found.update(f"{name}\0{array.shape}\0".encode())
        found.update(array.tobytes())
    return found.hexdigest()


# --- comparison -----------------------------------------------------------------------------------


def differences(old, new, exact=False):
    """How two sets of data differ by more than rounding and chance.

    What is compared, of each thing that is drawn:

    - if nothing is random, in the figure or by its label (EXACT): all numbers, to ROUNDING;
    - curves with standard errors: x to ROUNDING, y within SIGMAS errors of the difference, and the
      largest errors to a factor of ERROR_RATIO;
    - histograms and images: edges to ROUNDING, heights by total variation, at most VARIATION. If
      the edges hang on the draws too, or there is nothing to normalise, as for a free line;
    - everything else, such as paths and clouds: the number of points may differ, and QUANTILES of
      each coordinate may move by MOVED of the range of all that the panel draws.

    Parameters
    ----------
    old, new : dict of str -> array
        As `drawn` returns them.
    exact : bool
        Nothing in the figure is random.

    Returns
    -------
    list of str
        A sentence for each difference; none if the data agree.
    """
    found = [f"{name} is not drawn any more" for name in sorted(old.keys() - new.keys())]
    found += [f"{name} was not drawn before" for name in sorted(new.keys() - old.keys())]
    grouped = {}
    for name in sorted(old.keys() & new.keys()):
        thing, _, part = name.rpartition(", ")
        before, after = grouped.setdefault(thing, ({}, {}))
        before[part], after[part] = old[name].astype(float), new[name].astype(float)
    ranges = _ranges(grouped)
    for thing, (before, after) in grouped.items():
        if exact or EXACT.search(thing):
            told = _compare_numbers(before, after)
        elif {"x", "y", "error"} <= before.keys():
            told = _compare_within_errors(before, after)
        elif _histogram(before) and _histogram(after) and _same_cells(before, after):
            told = _compare_histograms(before, after)
        else:
            told = _compare_quantiles(before, after, ranges[_panel(thing)])
        found += [f"{thing}, {sentence}" for sentence in told]
    return found


def _panel(thing):
    return thing.partition(", ")[0]


def _ranges(grouped):
    """Range of x and of y of all lines and points of each panel, in both sets."""
    corners = {}
    for thing, sides in grouped.items():
        for parts in sides:
            points = parts.get("points", np.empty((0, 2)))
            both = [np.append(points[:, k], parts.get(part, [])) for k, part in enumerate("xy")]
            corners.setdefault(_panel(thing), []).append(both)
    return {
        panel: [np.ptp(_finite(np.concatenate(numbers))) for numbers in zip(*both, strict=True)]
        for panel, both in corners.items()
    }


def _compare_numbers(before, after):
    for part, old in before.items():
        if old.shape != after[part].shape:
            yield _reshaped(part, old, after[part])
        elif not _close(old, after[part]):
            yield f"{part}: moved by {abs(_finite(after[part] - old)).max():.2g}"


def _compare_within_errors(before, after):
    (y, error), (other, other_error) = ((side["y"], side["error"]) for side in (before, after))
    if y.shape != other.shape or error.shape != other_error.shape:
        yield _reshaped("y", y, other)
        return
    if "x error" not in before:
        yield from _compare_numbers({"x": before["x"]}, after)
    size = np.fmax(abs(y), abs(other))
    chance = np.hypot(np.nan_to_num(error), np.nan_to_num(other_error))
    moved = abs(other - y)
    if (np.isnan(y) != np.isnan(other)).any():
        yield "y: numbers are missing in one of both"
    elif (moved > SIGMAS * chance + RELATIVE * size).any():
        worst = np.nanargmax(moved - SIGMAS * chance - RELATIVE * size)
        yield f"y: moved by {moved[worst]:.2g}, with a standard error of {chance[worst]:.2g}"
    floor = 10 * RELATIVE * np.nanmax(size, initial=0.0)
    largest = [np.nanmax(side, initial=floor) for side in (error, other_error)]
    if max(largest) > ERROR_RATIO * min(largest):
        yield "error: the largest was {:.2g} and is {:.2g}".format(*largest)


def _compare_histograms(before, after):
    (part,) = before.keys() & HEIGHTS
    old, new = before[part], after[part]
    variation = 0.5 * abs(new / new.sum() - old / old.sum()).sum()
    if variation > VARIATION:
        yield f"{part}: total variation {variation:.2f}"
    if abs(new.sum() - old.sum()) > MOVED * old.sum():
        yield f"{part}: the sum was {old.sum():.3g} and is {new.sum():.3g}"


def _compare_quantiles(before, after, ranges):
    named = {"x": ranges[:1], "y": ranges[1:], "points": ranges, "arrows": ranges}
    for part, old in before.items():
        new = after[part]
        fixed = part in HEIGHTS or old.shape[1:] != new.shape[1:] or 0 in (old.size, new.size)
        if fixed and old.shape != new.shape:
            yield _reshaped(part, old, new)
            continue
        missing = abs(np.isfinite(new).mean() - np.isfinite(old).mean()) if old.size else 0.0
        if missing > MOVED:
            yield f"{part}: {missing:.0%} of the numbers are missing in one of both"
        columns = list(zip(_columns(old), _columns(new), strict=True))
        spreads = named.get(part) or [np.ptp(np.concatenate(both)) for both in columns]
        for both, spread in zip(columns, spreads, strict=True):
            quantiles = [np.quantile(side, QUANTILES) for side in both]
            moved = abs(quantiles[1] - quantiles[0]).max()
            if moved > MOVED * spread:
                yield f"{part}: quantiles moved by {moved:.2g}"


def _columns(values):
    """The finite numbers of each coordinate."""
    width = values.shape[-1] if values.ndim > 1 else 1
    return [_finite(column) for column in values.reshape(-1, width).T]


def _reshaped(part, old, new):
    return f"{part}: the shape was {old.shape} and is {new.shape}"


def _histogram(parts):
    """Whether the parts are finite heights that can be normalised."""
    heights = next((parts[part] for part in HEIGHTS if part in parts), None)
    return heights is not None and (heights >= 0).all() and 0 < heights.sum() < np.inf


def _same_cells(before, after):
    return all(before[part].shape == after[part].shape for part in before) and all(
        _close(before[part], after[part]) for part in before.keys() - HEIGHTS
    )


def _close(old, new):
    largest = abs(_finite(old)).max()
    return np.allclose(new, old, rtol=ROUNDING, atol=1e-2 * ROUNDING * largest, equal_nan=True)


def _finite(values):
    found = values[np.isfinite(values)]
    return found if found.size else np.zeros(1)
