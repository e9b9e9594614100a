"""Live demos: one call each, a slider for every parameter that matters, the real computation.

`local_traps()` is live; `local_traps(live=False)` returns the picture of its default settings as a
figure.
"""

from .demos.annealing import annealing
from .demos.beyond import beyond
from .demos.bouncy_moves import bouncy_moves
from .demos.contour_sgld import contour_sgld
from .demos.energy_pdf import energy_pdf
from .demos.first_look import first_look
from .demos.importance_sampling import importance_sampling
from .demos.local_traps import local_traps
from .demos.own_energy import own_energy
from .demos.race import race
from .demos.reweighting import reweighting
from .demos.rivals import rivals
from .demos.wang_landau import wang_landau

__all__ = [
    "annealing",
    "beyond",
    "bouncy_moves",
    "contour_sgld",
    "energy_pdf",
    "first_look",
    "importance_sampling",
    "local_traps",
    "own_energy",
    "race",
    "reweighting",
    "rivals",
    "wang_landau",
]
