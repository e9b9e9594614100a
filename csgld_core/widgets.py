"""Live demos: one call each, a slider for every parameter that matters, the real computation.

`local_traps()` is live; `local_traps(live=False)` returns the picture of its default settings as a
figure.
"""

from .demos.energy_pdf import energy_pdf
from .demos.local_traps import local_traps
from .demos.race import race
from .demos.reweighting import reweighting

__all__ = ["energy_pdf", "local_traps", "race", "reweighting"]
