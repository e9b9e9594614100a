"""How the loops are compiled, and numba's on-disk cache kept honest.

Numba notices an edited function, but not an edited function that it calls in another file. The
compiled loop calls several files, so the whole cache goes when any source of this package changed.
"""

import hashlib
import os
from pathlib import Path

import numpy as np
from numba import float64, int64, types

# The arrays that the loops touch belong to Python for the whole call. Counting references to them
# inside a loop would cost more than the arithmetic, so it is switched off; in return these
# functions must not allocate.
LOOP = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False, "forceinline": True}


def tuple_type(named_tuple, **fields):
    """Numba's type of a named tuple; `fields` are the types of arrays other than float vectors."""
    scalars = {float: float64, int: int64, bool: types.boolean, np.ndarray: float64[::1]}
    annotated = named_tuple.__annotations__.items()
    kinds = [fields.get(name) or scalars[kind] for name, kind in annotated]
    if len(set(kinds)) == 1:
        return types.NamedUniTuple(kinds[0], len(kinds), named_tuple)
    return types.NamedTuple(kinds, named_tuple)


def drop_stale_cache(folder):
    """Remove numba's cache files in `folder`/__pycache__ unless they belong to these sources."""
    sources = sorted(folder.glob("*.py"))
    digest = hashlib.sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()
    cache = folder / "__pycache__"
    stamp = cache / "numba-cache.sha256"
    try:
        if stamp.exists() and stamp.read_text() == digest:
            return
        for stale in [*cache.glob("*.nbi"), *cache.glob("*.nbc")]:
            stale.unlink(missing_ok=True)
        cache.mkdir(exist_ok=True)
        fresh = cache / f"numba-cache.{os.getpid()}"
        fresh.write_text(digest)
        fresh.replace(stamp)
    except OSError:  # a read-only installation does not change
        return


drop_stale_cache(Path(__file__).parent)
