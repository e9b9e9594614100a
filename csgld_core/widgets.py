"""Live demos: one call each, a slider for every parameter that matters, the real computation.

`local_traps()` is live; `local_traps(live=False)` returns the picture of its default settings as a
figure.
"""

from .demos.bouncy_moves import bouncy_moves
from .demos.local_traps import local_traps
from .demos.race import race

__all__ = ["bouncy_moves", "local_traps", "race"]
