"""Live demos: one call each, a slider for every parameter that matters, the real computation.

The picture is a PNG in an image widget, redrawn at a fixed size while a slider moves. Bad
combinations are explained below it. `local_traps(live=False)` returns the same picture as a figure.
"""

import html
import io
import warnings

import ipywidgets
import numpy as np
from matplotlib import rc_context

from . import exact, experiments, metrics, plotting
from .chain import DivergenceError
from .energy_pdf import ContourScheme
from .partition import EnergyPartition
from .samplers import contour_sgld, cyclical_sgld, replica_exchange_sgld, sgld
from .targets import gaussian_mixture, nine_modes, twenty_five_wells

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
        """Compute and redraw."""
        values = {name: control.value for name, control in self.controls.items()}
        try:
            with warnings.catch_warnings(record=True) as notes:
                warnings.simplefilter("always")
                fig, text = self.compute(**values)
        except (ValueError, DivergenceError) as problem:
            self.line.value = f"<b>That does not work:</b> {html.escape(str(problem))}"
            return
        buffer = io.BytesIO()
        with rc_context(plotting.STYLE):
            fig.savefig(buffer, format="png", dpi=plotting.STYLE["figure.dpi"])
        self.picture.value = buffer.getvalue()
        self.line.value = "<br>".join(
            html.escape(line) for line in (text, *(f"Note: {note.message}" for note in notes))
        )


def _slider(kind, description, tooltip, value, low, high, step, **extra):
    return kind(
        value=value,
        min=low,
        max=high,
        step=step,
        description=description,
        tooltip=tooltip,
        style=WIDE,
        layout=LAYOUT,
        **extra,
    )


def _number(description, tooltip, value, low, high, step):
    return _slider(ipywidgets.FloatSlider, description, tooltip, value, low, high, step)


def _power(description, tooltip, value, low, high):
    """A logarithmic slider; `low` and `high` are powers of ten."""
    return _slider(
        ipywidgets.FloatLogSlider,
        description,
        tooltip,
        value,
        low,
        high,
        0.05,
        readout_format=".2g",
    )


def _whole(description, tooltip, value, low, high, step=1):
    return _slider(ipywidgets.IntSlider, description, tooltip, value, low, high, step)


def _steps(description, tooltip, options, value):
    return ipywidgets.SelectionSlider(
        options=[(f"{option:,}", option) for option in options],
        value=value,
        description=description,
        tooltip=tooltip,
        style=WIDE,
        layout=LAYOUT,
    )


def _choice(description, tooltip, options):
    return ipywidgets.Dropdown(
        options=options, description=description, tooltip=tooltip, style=WIDE, layout=LAYOUT
    )


def _integrator():
    return _choice(
        "integrator",
        "how one step is taken",
        ["euler", "leimkuhler_matthews", "baoab"],
    )


def _show(compute, controls, label, live):
    if live:
        return Demo(compute, controls, label)
    return compute(**{name: control.value for name, control in controls.items()})[0]


_LENGTHS = [1_000, 10_000, 100_000, 300_000, 1_000_000, 2_000_000]


def _local_traps(temperature, step_size, noise, separation, steps, integrator, seed):
    half = separation / 2
    target = gaussian_mixture(
        [0.4, 0.6], [[-half], [half]], np.ones((2, 1, 1)), noise=noise, name="two wells"
    )
    run = sgld(
        target,
        steps,
        step_size=step_size,
        temperature=temperature,
        integrator=integrator,
        start=[half],
        seed=seed,
        thin=max(1, steps // 5000),
    )
    fig = plotting.path_and_density(target, run, "SGLD", temperature)
    if temperature != 1.0:
        x = np.linspace(*fig.axes[1].get_xlim(), 400)
        wanted = np.exp(-target.energies(x[:, None]))
        fig.axes[1].plot(x, wanted, "k:", linewidth=1, label="truth at τ = 1")
        fig.axes[1].legend(frameon=False)
    mass = metrics.mode_masses(run, target)[1]
    truth = exact.mode_masses(target, temperature)[1]
    return fig, (
        f"{run.gradient_evaluations:,} gradients; crossings between kept draws: "
        f"{metrics.transitions(run, target)}; mass of the right well: {mass:.3f}, "
        f"exact {truth:.3f}, error {abs(mass - truth):.3f}"
    )


def local_traps(live=True):
    """SGLD between two wells: does it cross?

    Parameters
    ----------
    live : bool
        False returns the figure of the default settings.
    """
    controls = {
        "temperature": _number(
            "temperature τ", "height of barriers that heat can climb (energy)", 1.0, 0.5, 8.0, 0.1
        ),
        "step_size": _power("step size ε", "time a step advances", 0.1, -3, 0),
        "noise": _number(
            "gradient noise σ", "standard deviation on each gradient component", 0.1, 0.0, 5.0, 0.1
        ),
        "separation": _number("distance of wells", "distance of the means", 10.0, 2.0, 12.0, 0.5),
        "steps": _steps("steps", "moves, one gradient each", _LENGTHS, 1_000_000),
        "integrator": _integrator(),
        "seed": _whole("seed", "same seed, same path", 0, 0, 100),
    }
    return _show(_local_traps, controls, "SGLD between two wells", live)


_BUDGETS = [5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 400_000]
_RACE_TARGETS = {
    "nine modes (E2)": (nine_modes, EnergyPartition(-20 / 3 - 1, 49 / 3 + 1, 100), (2.0, 2.0)),
    "25 wells (E3)": (twenty_five_wells, EnergyPartition(-5.0, 8.0, 52), (2.0, 2.0)),
}


def _race(target, budget, step_size, noise, zeta, clip, cycles, heat, swap_rate, integrator, seed):
    make, partition, start = _RACE_TARGETS[target]
    target = make(noise=noise)
    scheme = ContourScheme(clip=(-clip, 0.3))
    methods = {
        "SGLD": (sgld, {"step_size": step_size}),
        "cycSGLD": (cyclical_sgld, {"peak_step_size": 5 * step_size, "cycles": cycles}),
        "reSGLD": (
            replica_exchange_sgld,
            {"step_size": step_size, "high_temperature": heat, "swap_rate": swap_rate},
        ),
        "CSGLD": (
            contour_sgld,
            {"step_size": step_size, "zeta": zeta, "partition": partition, "scheme": scheme},
        ),
    }
    runs = {
        name: runs[0]
        for name, runs in experiments.race(
            methods,
            [seed],
            budget,
            target=target,
            start=start,
            integrator=integrator,
            thin=max(1, budget // 10_000),
        ).items()
    }
    fig = plotting.comparison(target, runs)
    errors = ", ".join(
        f"{name} {metrics.mode_mass_error(run, target):.3f}" for name, run in runs.items()
    )
    spent = ", ".join(sorted({f"{run.gradient_evaluations:,}" for run in runs.values()}))
    share = runs["CSGLD"].effective_sample_size() / runs["CSGLD"].draws
    return fig, (
        f"gradients of each method: {spent}; exact error of the mode masses: {errors}; "
        f"effective sample size of CSGLD's weights: {share:.0%} of its draws"
    )


def race(live=True):
    """Four methods on the same target at the same number of gradients.

    Parameters
    ----------
    live : bool
        False returns the figure of the default settings.
    """
    controls = {
        "target": _choice("target", "where to race", list(_RACE_TARGETS)),
        "budget": _steps("gradients", "for each method", _BUDGETS, experiments.E2_BUDGET),
        "step_size": _power("step size ε", "time a step advances", 1e-3, -4, -0.7),
        "noise": _number("noise σ", "on the energy and each gradient component", 0.32, 0, 4, 0.02),
        "zeta": _number("flattening ζ", "CSGLD: 0 is SGLD, 1 flat in energy", 0.75, 0.0, 1.0, 0.05),
        "clip": _number(
            "bounce limit", "CSGLD: largest fall of the multiplier below 1", 1.3, 0.0, 3.0, 0.1
        ),
        "cycles": _whole("cycles", "cycSGLD: restarts of the step size", 20, 1, 100),
        "heat": _number("hot temperature", "reSGLD: of its second chain", 3.0, 1.1, 15.0, 0.1),
        "swap_rate": _number("swap rate", "reSGLD: factor on min(1, S)", 0.1, 0.01, 1.0, 0.01),
        "integrator": _integrator(),
        "seed": _whole("seed", "same seed, same paths", 0, 0, 100),
    }
    return _show(_race, controls, "four methods at equal budgets", live)
