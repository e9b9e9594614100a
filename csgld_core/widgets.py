"""Live demos: one call each, a slider for every parameter that matters, the real computation.

`local_traps()` is live; `local_traps(live=False)` returns the picture of its default settings as a
figure.
"""

from .demos.local_traps import local_traps
from .demos.race import race
from .demos.wang_landau import wang_landau

__all__ = ["local_traps", "race", "wang_landau"]
