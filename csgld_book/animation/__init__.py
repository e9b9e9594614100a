"""Animations: each is a GIF and, for readers who prefer that nothing moves, its last frame."""

from .energy_pdf import energy_pdf
from .gif import Animation, gif
from .race import race, swap_jumps
from .wang_landau import wang_landau

__all__ = ["Animation", "energy_pdf", "gif", "race", "swap_jumps", "wang_landau"]
