"""Compile now all that would be compiled at its first use: `python -m csgld_core`.

What was compiled before is read from disk.
"""

from .kernels import CALLBACK_SIGNATURE, Kernel
from .targets.callback import OURS

# The package has imported all of them.
for kernel in Kernel.every:
    kernel.compile()
for energy in OURS:
    energy.compile(CALLBACK_SIGNATURE)
