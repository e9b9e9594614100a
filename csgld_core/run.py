"""Run: what a sampler returns, and its file."""

import html
from dataclasses import dataclass, field, fields

import numpy as np

from . import checks, files, importance
from .energy_pdf import ContourScheme
from .partition import EnergyPartition

FORMAT = "csgld_core.Run 2"


@dataclass(frozen=True)
class Run:
    """Draws of one or more chains, and all that is needed to weigh and to repeat them.

    Only the cold chains of replica exchange are kept. Exact energies are without the target's
    noise; there are none where samplers saw minibatches. All chains have the same number of draws.
    """

    settings: dict = field(repr=False)  # JSON-ready: sampler, target, arguments, seed, versions
    gradient_evaluations: int  # of all chains together
    steps: np.ndarray = field(repr=False)  # (draws,) moves of a chain done at each draw
    positions: np.ndarray = field(repr=False)  # (chains, draws, dim)
    energies: np.ndarray = field(repr=False)  # (chains, draws) the estimates the sampler used
    multipliers: np.ndarray = field(repr=False)  # (chains, draws) 1 where there are none
    log_weights: np.ndarray = field(repr=False)  # (chains, draws) 0 where there are none
    exact_energies: np.ndarray | None = field(default=None, repr=False)  # (chains, draws)
    energy_pdfs: np.ndarray | None = field(default=None, repr=False)  # (chains, bins)
    energy_pdf_histories: np.ndarray | None = field(default=None, repr=False)  # (chains, s, cells)
    history_steps: np.ndarray | None = field(default=None, repr=False)  # (s,)
    lowest_positions: np.ndarray | None = field(default=None, repr=False)  # (chains, dim), contours
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
        if stored is None:
            return None
        return ContourScheme(
            **{name: tuple(v) if isinstance(v, list) else v for name, v in stored.items()}
        )

    @property
    def gradients_at_draws(self):
        """Gradient evaluations (draws,) of all chains together until each draw, pilots included."""
        pilot = self.settings.get("pilot") or {"gradients": 0}
        return (self.steps + 1) * self.settings["gradients_per_step"] + pilot["gradients"]

    def weights(self, weighted=True):
        """Normalised importance weights (chains, draws) that sum to 1; equal if not `weighted`."""
        weighted = checks.flag("weighted", weighted)
        log_weights = self.log_weights if weighted else np.zeros_like(self.log_weights)
        return importance.normalise(log_weights)

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
        return weights @ (
            positions if function is None else importance.of_positions(function, positions)
        )

    def effective_sample_size(self):
        """Kish's (sum w)^2 / sum w^2 of the importance weights w of all draws.

        It measures the spread of the weights alone; draws of a chain are correlated besides.
        """
        return importance.effective_sample_size(self.log_weights)

    def resample(self, n, seed):
        """`n` equally weighted positions (n, dim), by systematic resampling of all draws."""
        chosen = importance.systematic_resample(self.log_weights, n, seed)
        return self.positions.reshape(-1, self.dim)[chosen]

    def summary(self):
        """What the run says about its own quality, and what to change: a `summary.Summary`."""
        from .summary import summarise  # which looks at runs: no import the other way

        return summarise(self)

    def to_arviz(self):
        """The draws as arviz.InferenceData, see `diagnostics.to_arviz`."""
        from .diagnostics import to_arviz

        return to_arviz(self)

    def _repr_html_(self):
        from .summary import heading

        return f"<div>Run: {'<br>'.join(html.escape(line) for line in heading(self))}</div>"

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
