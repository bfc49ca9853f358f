"""Refusing what does not fit before anything is allocated."""

from __future__ import annotations

import os
from pathlib import Path

from napari_connectome.core.errors import InputError


def available() -> int | None:
    """Bytes of memory that can be had without swapping; None where the system does not say."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:  # macOS and other Unix: what the machine has, the closest there is
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def require(needed: int, what: str) -> None:
    """Raise one sentence unless `needed` bytes can be had; `what` names what needs them."""
    free = available()
    if free is not None and needed > free:
        raise InputError(
            f"{what} needs {readable(needed)} of memory and {readable(free)} are free: "
            "close other programs, or use a coarser or shorter image."
        )


def readable(size: int) -> str:
    """A number of bytes as people write it."""
    amount = float(size)
    for unit in ("bytes", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"
