"""Names and numbers of things as they stand in sentences and tables."""

from __future__ import annotations

from typing import Any

OPENINGS = frozenset({
    "a", "all", "alpha", "an", "any", "at", "both", "each", "every", "for", "give", "how", "if", "in", "it", "its", "merging",
    "no", "none", "nothing", "of", "one", "only", "other", "some", "tangents", "that", "the", "their", "there", "these", "they",
    "this", "those", "to", "two", "what", "where", "you",
})  # fmt: skip
"""Words that sentences begin with and that are nobody's name for a file, a run or a region."""


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


def as_sentence(text: str) -> str:
    """The text with a capital where it begins with a word of ours; names, such as those of files, stay as they are."""
    first = text.split(" ", 1)[0]
    return f"{text[:1].upper()}{text[1:]}" if first.rstrip(",:") in OPENINGS else text


def shortened(text: str, most: int) -> str:
    """The text, its middle left out where it is longer than so many letters: names of one atlas differ at their ends."""
    if len(text) <= most:
        return text
    kept = max(most - 1, 2)
    return f"{text[: kept // 2]}…{text[-(kept - kept // 2) :]}"
