"""The energy axis cut into cells of equal width.

Cell i holds the energies u with edges[i] < u <= edges[i + 1] (Deng, Lin & Liang 2020, section 2).
"""

from dataclasses import dataclass

import numpy as np

from . import checks


@dataclass(frozen=True)
class EnergyPartition:
    """`bins` cells of equal width between `low` and `high`.

    Parameters
    ----------
    low, high : float
        Ends of the energy range, in units of energy; `low` below the smallest energy that matters.
    bins : int
        Number of cells, at least 2.

    Raises
    ------
    ValueError
        If an end is not finite, `high` is not above `low`, or `bins` is not a whole number >= 2.
    """

    low: float
    high: float
    bins: int

    def __post_init__(self):
        low = checks.number("low", self.low)
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", checks.number("high", self.high, above=low))
        object.__setattr__(self, "bins", checks.integer("bins", self.bins, least=2, most=10**9))
        if not (self.width > 0 and np.isfinite(1.0 / self.width) and np.isfinite(self.width)):
            raise ValueError(
                f"high must be as far above low = {self.low!r} as {self.bins} bins of a finite "
                f"width need, got {self.high!r}"
            )

    @property
    def width(self):
        """Width of one cell (energy)."""
        return (self.high - self.low) / self.bins

    @property
    def edges(self):
        """The bins + 1 borders of the cells (energy)."""
        checks.memory(8 * 2 * self.bins, bins=self.bins)
        return np.linspace(self.low, self.high, self.bins + 1)

    @property
    def centres(self):
        """The middle of each cell (energy)."""
        checks.memory(8 * 4 * self.bins, bins=self.bins)
        return self.low + self.width * (np.arange(self.bins) + 0.5)

    def index(self, energy):
        """Cell of each energy; energies outside belong to the end cells.

        Parameters
        ----------
        energy : float or array
            Energies, any shape.

        Returns
        -------
        int or array of int64, shape of `energy`

        Raises
        ------
        ValueError
            If an energy is NaN.
        """
        energy = checks.array("energy", energy, None, finite=False)
        cell = np.ceil((energy - self.low) * (self.bins / (self.high - self.low))) - 1.0
        cell = np.clip(cell, 0, self.bins - 1).astype(np.int64)
        return int(cell) if cell.ndim == 0 else cell
