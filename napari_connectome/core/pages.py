"""Large arrays whose memory is the system's again once they are let go, and that take none before they are written to."""

from __future__ import annotations

import math
import mmap
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt


def zeros(shape: Sequence[int], kind: npt.DTypeLike = np.float32, *, filled: bool = False) -> npt.NDArray[Any]:
    """Zeros that take the pages that are written to, and give them back at their end.

    Of arrays of some 10 MB that come and go the C library keeps the holes, several in each thread; and NumPy asks for huge
    pages, and so for all of it at once where small parts lie some megabytes apart. Only what is to be `filled` from one end
    to the other is better off with them: small ones are handed out to one thread at a time, which takes longer than filling.
    """
    private = getattr(mmap, "MAP_PRIVATE", 0) | getattr(mmap, "MAP_ANONYMOUS", 0)
    count = math.prod(shape)
    room = mmap.mmap(-1, max(1, np.dtype(kind).itemsize * count), **({"flags": private} if private else {}))
    if filled and hasattr(mmap, "MADV_HUGEPAGE"):
        room.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(room, dtype=kind, count=count).reshape(tuple(shape))
