"""What live demos are made of: controls, and a box that recomputes its picture as they move.

The picture is a PNG in an image widget, redrawn at a fixed size while a slider moves. Bad
combinations are explained below it.
"""

import functools
import html
import inspect
import io
import math
import threading
import warnings

import ipywidgets
from matplotlib.backends.backend_agg import FigureCanvasAgg

from csgld_core import DivergenceError

from . import plotting

WIDE = {"description_width": "11em"}
LAYOUT = {"width": "28em"}


class Demo(ipywidgets.VBox):
    """Controls, picture and a line of numbers.

    Parameters
    ----------
    compute : callable (**values) -> (Figure, str)
        From the values of the controls to the picture and the line below it.
    controls : dict of argument name -> widget
    label : str
        What the demo is, for its text form.
    """

    def __init__(self, compute, controls, label):
        self.compute, self.controls, self.label = compute, controls, label
        self.defaults = {name: control.value for name, control in controls.items()}
        self.picture = ipywidgets.Image(format="png", layout={"max_width": "100%"})
        self.line = ipywidgets.HTML()
        # JupyterLab hands the first messages to one thread, and later ones to another.
        self.busy = threading.RLock()
        reset = ipywidgets.Button(description="reset", tooltip="all controls back to their start")
        reset.on_click(lambda _: self.reset())
        for control in controls.values():
            control.observe(self.update, "value")
        box = ipywidgets.Box(
            [*controls.values(), reset], layout={"flex_flow": "row wrap", "width": "100%"}
        )
        super().__init__([box, self.picture, self.line])
        self.update()

    def __repr__(self):
        return f"Live demo: {self.label}. Run the notebook to move its sliders."

    def reset(self):
        """Put all controls back, and redraw once."""
        for control in self.controls.values():
            control.unobserve(self.update, "value")
        for name, control in self.controls.items():
            control.value = self.defaults[name]
            control.observe(self.update, "value")
        self.update()

    def update(self, _change=None):
        """Compute and redraw, from the values that the controls have by then."""
        with self.busy:
            self._update({name: control.value for name, control in self.controls.items()})

    def _update(self, values):
        try:
            with warnings.catch_warnings(record=True) as notes:
                warnings.simplefilter("always")
                fig, text = self.compute(**values)
        except (ValueError, DivergenceError) as problem:
            self.line.value = f"<b>That does not work:</b> {html.escape(str(problem))}"
            return
        self.picture.value = png(fig)
        self.line.value = "<br>".join(
            html.escape(line) for line in (text, *(f"Note: {note.message}" for note in notes))
        )


def png(fig):
    """The bytes of a PNG at the figure's own dpi, twice as fast as `savefig`.

    That draws a first time for the layout alone, and compresses more than a live picture needs.
    """
    from PIL import Image

    canvas = FigureCanvasAgg(fig)
    with plotting.style():
        canvas.draw()
    height, width = canvas.get_width_height()[::-1]
    picture = Image.frombuffer("RGBA", (width, height), canvas.buffer_rgba(), "raw", "RGBA", 0, 1)
    buffer = io.BytesIO()
    picture.save(buffer, format="png", compress_level=1)
    return buffer.getvalue()


def slider(kind, description, tooltip, value, low, high, step):
    return kind(
        value=value,
        min=low,
        max=high,
        step=step,
        description=description,
        tooltip=tooltip,
        style=WIDE,
        layout=LAYOUT,
    )


def number(description, tooltip, value, low, high, step):
    return slider(ipywidgets.FloatSlider, description, tooltip, value, low, high, step)


def power(description, tooltip, value, low, high):
    """A logarithmic slider, 20 steps a power of ten; `low` and `high` are powers of ten.

    A list of values, since a page rounds those of a logarithmic slider to a grid of its own.
    """
    here = 20 * math.log10(value)
    steps = range(math.ceil(20 * low - here - 1e-9), math.floor(20 * high - here + 1e-9) + 1)
    options = [value * 10 ** (n / 20) for n in steps]
    return amount(description, tooltip, options, value, form=".2g")


def whole(description, tooltip, value, low, high, step=1):
    return slider(ipywidgets.IntSlider, description, tooltip, value, low, high, step)


def amount(description, tooltip, options, value, form=","):
    """A slider over the numbers in `options`, written in that format."""
    return ipywidgets.SelectionSlider(
        options=[(format(option, form), option) for option in options],
        value=value,
        description=description,
        tooltip=tooltip,
        style=WIDE,
        layout=LAYOUT,
    )


def choice(description, tooltip, options):
    """A menu; its first option is the default."""
    return ipywidgets.Dropdown(
        options=options, description=description, tooltip=tooltip, style=WIDE, layout=LAYOUT
    )


def integrator():
    return choice(
        "integrator",
        "how one step is taken",
        ["euler", "leimkuhler_matthews", "baoab"],
    )


def seed():
    return whole("seed", "same seed, same picture", 0, 0, 100)


LIVE = """live : bool
    False returns the figure of the default settings.
"""


def demo(function):
    """Decorator: make a live demo of a function that returns what it computes, controls and label.

    It gets the keyword `live`; the meaning of compute, controls and label is that of `Demo`.
    """

    @functools.wraps(function)
    def shown(*arguments, live=True, **keywords):
        compute, sliders, label = function(*arguments, **keywords)
        if live:
            return Demo(compute, sliders, label)
        return compute(**{name: slider.value for name, slider in sliders.items()})[0]

    own = inspect.signature(function)
    keyword = inspect.Parameter("live", inspect.Parameter.KEYWORD_ONLY, default=True)
    shown.__signature__ = own.replace(parameters=[*own.parameters.values(), keyword])
    doc = inspect.getdoc(function)
    shown.__doc__ = doc + ("" if own.parameters else "\n\nParameters\n----------") + "\n" + LIVE
    return shown
