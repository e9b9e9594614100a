"""What the notebooks are made with: figures, animations, live demos, claims and their reproduction.

It imports the core, `csgld_core`, which never imports the book.
"""

import importlib
import importlib.util

_NEEDED = ("IPython", "PIL", "ipywidgets", "matplotlib", "nbclient", "nbformat")
if _missing := [name for name in _NEEDED if importlib.util.find_spec(name) is None]:
    raise ImportError(
        f'csgld_book needs {", ".join(_missing)}, not found here: pip install "csgld_core[book]"'
    )

__all__ = [
    "animation",
    "claims",
    "figures",
    "notebooks",
    "paths",
    "plotting",
    "sources",
    "widgets",
]


def __getattr__(name):
    if name in __all__:  # only what is asked for: matplotlib and the widgets take their time
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return __all__
