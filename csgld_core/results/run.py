"""Run: what a sampler returns, and its file."""

import html
import textwrap
from dataclasses import dataclass, fields

import numpy as np

from .. import checks, files
from ..partition import EnergyPartition
from ..scheme import ContourScheme
from .diagnostics import to_arviz
from .summary import summarise
from .weights import effective_sample_size, normalise, of_positions, systematic_resample

FORMAT = "csgld_core.Run 2"


@dataclass(frozen=True, repr=False)
class Run:
    """Draws of one or more chains, and all that is needed to weight and to repeat them.

    Only the cold chains of replica exchange are kept. Exact energies are without the target's
    noise; there are none where samplers saw minibatches. All chains have the same number of draws.
    """

    settings: dict  # JSON-ready: sampler, target, arguments, seed, versions
    gradient_evaluations: int  # of all chains together
    steps: np.ndarray  # (draws,) moves of a chain done at each draw
    positions: np.ndarray  # (chains, draws, dim)
    energies: np.ndarray  # (chains, draws) the estimates the sampler used
    multipliers: np.ndarray  # (chains, draws) 1 where there are none
    log_weights: np.ndarray  # (chains, draws) 0 where there are none
    exact_energies: np.ndarray | None = None  # (chains, draws)
    energy_pdfs: np.ndarray | None = None  # (chains, bins)
    energy_pdf_histories: np.ndarray | None = None  # (chains, s, cells)
    history_steps: np.ndarray | None = None  # (s,)
    lowest_positions: np.ndarray | None = None  # (chains, dim), contours
    clamped: int = 0  # moves whose energy lay outside the partition
    rejected: int = 0  # moves taken back, at a wall or by MALA
    swaps: int = 0  # accepted swaps of replica exchange
    partial: bool = False  # stopped early by the user

    @property
    def chains(self):
        """Number of chains."""
        return self.positions.shape[0]

    @property
    def draws(self):
        """Number of draws of each chain."""
        return self.positions.shape[1]

    @property
    def dim(self):
        """Number of coordinates."""
        return self.positions.shape[2]

    @property
    def energy_pdf(self):
        """Energy PDF (bins,), mean over chains; None without contours."""
        return None if self.energy_pdfs is None else self.energy_pdfs.mean(axis=0)

    @property
    def energy_pdf_history(self):
        """At most 200 snapshots (s, cells <= 1000) of the energy PDF, mean over chains, or None."""
        return None if self.energy_pdf_histories is None else self.energy_pdf_histories.mean(axis=0)

    @property
    def partition(self):
        """The EnergyPartition, or None."""
        stored = self.settings.get("partition")
        return None if stored is None else EnergyPartition(**stored)

    @property
    def scheme(self):
        """The ContourScheme, or None."""
        stored = self.settings.get("scheme")
        return None if stored is None else ContourScheme.from_settings(stored)

    @property
    def gradients_at_draws(self):
        """Gradient evaluations (draws,) of all chains together until each draw, pilots included."""
        pilot = self.settings.get("pilot") or {"gradients": 0}
        return (self.steps + 1) * self.settings["gradients_per_step"] + pilot["gradients"]

    def weights(self, weighted=True):
        """Normalised importance weights (chains, draws) that sum to 1; equal if not `weighted`."""
        weighted = checks.flag("weighted", weighted)
        log_weights = self.log_weights if weighted else np.zeros_like(self.log_weights)
        return normalise(log_weights)

    def mean(self, function=None, *, weighted=True):
        """Weighted mean of function(positions) over all chains.

        Parameters
        ----------
        function : callable or None
            positions (n, dim) -> values (n,) or (n, k); None is the identity.
        weighted : bool
            False ignores the importance weights.

        Returns
        -------
        float or array
        """
        positions = self.positions.reshape(-1, self.dim)
        weights = self.weights(weighted).ravel()
        return weights @ (positions if function is None else of_positions(function, positions))

    def effective_sample_size(self):
        """Kish's (sum w)^2 / sum w^2 of the importance weights w of all draws.

        It measures the spread of the weights alone; draws of a chain are correlated besides.
        """
        return effective_sample_size(self.log_weights)

    def resample(self, n, seed):
        """`n` equally weighted positions (n, dim), by systematic resampling of all draws."""
        chosen = systematic_resample(self.log_weights, n, seed)
        return self.positions.reshape(-1, self.dim)[chosen]

    def summary(self):
        """What the run says about its own quality, and what to change: a `summary.Summary`."""
        return summarise(self, _heading(self))

    def to_arviz(self):
        """The draws as arviz.InferenceData, see `diagnostics.to_arviz`."""
        return to_arviz(self)

    def __repr__(self):
        stated = self.settings
        target = stated.get("target", {}).get("name", "unknown target")
        chains = f"{self.chains} chains × " if self.chains > 1 else ""
        return (
            f"Run({stated.get('sampler', 'unknown sampler')} of {target}: "
            f"{chains}{self.draws:,} draws × dim {self.dim}{', partial' * self.partial})"
        )

    def _repr_html_(self):
        return f"<div>Run: {'<br>'.join(html.escape(line) for line in _heading(self))}</div>"

    def save(self, path):
        """Write to `path` (npz), all or nothing; `Run.load` reads it back."""
        members = {
            f.name: value
            for f in fields(self)
            if f.name != "settings" and (value := getattr(self, f.name)) is not None
        }
        files.save_arrays(path, FORMAT, self.settings, members)

    @classmethod
    def load(cls, path):
        """Read a run that `save` wrote; never executes code from the file.

        Raises
        ------
        ValueError
            If the file is no Run of this version.
        """
        settings, members = files.load_arrays(path, FORMAT, "Run.save")
        try:
            for name in ("gradient_evaluations", "clamped", "rejected", "swaps"):
                members[name] = members[name].item()
            members["partial"] = checks.flag("partial", members["partial"].item())
            run = cls(settings=settings, **members)
            run._check()
        except (AttributeError, KeyError, TypeError, ValueError) as e:
            raise ValueError(
                f"path must be a file written by Run.save, got {str(path)!r}, which is damaged "
                f"({type(e).__name__}: {e})"
            ) from e
        return run

    def _check(self):
        """Raise unless settings are what they should be and all arrays fit together."""
        checks.number("temperature", self.settings["temperature"], above=0.0)
        for name, least in (("completed_steps", 0), ("gradients_per_step", 1), ("seed", 0)):
            checks.integer(name, self.settings[name], least=least)
        for name, kind in (("sampler", str), ("target", dict)):
            checks.instance(name, self.settings[name], kind)
        for name in ("gradient_evaluations", "clamped", "rejected", "swaps"):
            checks.integer(name, getattr(self, name), least=0)
        chains, draws, _ = self.positions.shape
        shapes = {
            "steps": (draws,),
            "positions": self.positions.shape,
            **dict.fromkeys(("energies", "multipliers", "log_weights"), (chains, draws)),
        }
        if self.exact_energies is not None:
            shapes["exact_energies"] = (chains, draws)
        if self.energy_pdfs is not None:
            checks.instance("scheme", self.scheme, ContourScheme)
            shapes["energy_pdfs"] = (chains, self.partition.bins)
            shapes["lowest_positions"] = (chains, self.dim)
            shapes["history_steps"] = self.history_steps.shape
            cells = self.energy_pdf_histories.shape[-1]
            shapes["energy_pdf_histories"] = (chains, self.history_steps.size, cells)
        for name, shape in shapes.items():
            found = getattr(self, name)
            kind = np.int64 if name.endswith("steps") else np.float64
            if found.shape != shape or found.dtype != kind:
                raise ValueError(f"{name} has shape {found.shape} of {found.dtype}, not {shape}")


def _heading(run):
    """Sampler, target and settings; size, cost and seed; what a pilot chose. Costs nothing."""
    stated, target = run.settings, run.settings.get("target", {})
    name = textwrap.shorten(target.get("name", "unknown target"), 40, placeholder=" …")
    first = f"{stated.get('sampler', 'unknown sampler')} of {name}"
    if target.get("noise"):
        first += f" (noise {target['noise']:.4g})"
    if "integrator" in stated:
        first += f", {stated['integrator']}"
    for name in ("step_size", "peak_step_size", "zeta", "high_temperature"):
        if name in stated:
            first += f", {name.replace('_size', '').replace('_', ' ')} {stated[name]:.4g}"
    second = (
        f"{run.chains} chain{'s' * (run.chains > 1)} × {run.draws:,} draws of dim {run.dim}, "
        f"{run.gradient_evaluations:,} gradients, seed {stated.get('seed', 'unknown')}"
    )
    lines = [first, second + (", stopped early" if run.partial else "")]
    return lines + ([_pilot_line(stated["pilot"])] if stated.get("pilot") else [])


def _pilot_line(found):
    """What a pilot chose, and what that took."""
    chosen = []
    if "step_size" in found["automatic"]:
        chosen.append(f"step {found['step_size']:.4g}")
    if "partition" in found["automatic"]:
        partition = found["partition"]
        chosen.append(
            f"{partition['bins']} cells from {partition['low']:.4g} to {partition['high']:.4g}"
        )
    return f"pilot: {', '.join(chosen)}; {found['gradients']:,} of the gradients"
