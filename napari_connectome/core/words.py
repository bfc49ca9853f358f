"""Names and numbers of things as they stand in sentences and tables."""

from __future__ import annotations

from typing import Any


def one_line(name: Any) -> str:
    """A name as one line of text, without space around it: what a table in a file can hold."""
    return " ".join(str(name).replace("\0", " ").splitlines()).strip()


def some(n: int, thing: str) -> str:
    """So many things: "1 volume", "2 volumes"."""
    return f"{n} {thing}" + ("" if abs(n) == 1 else "s")


def percent(share: float) -> str:
    """A share as one reads it: "12.3 %", "0.08 %"; nothing where it is not known."""
    if share != share:
        return ""
    return f"{100 * share:.1f} %" if share >= 0.01 or share == 0 else f"{100 * share:.2g} %"
