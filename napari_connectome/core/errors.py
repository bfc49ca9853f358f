"""What can go wrong because of what was given, and how long work is watched and stopped."""

from __future__ import annotations

from collections.abc import Callable


class InputError(ValueError):
    """Something given cannot be used.

    The message is one plain sentence for the person at the screen: what was given, what was needed, what to do.
    Widgets show it as it is; any other exception is a bug of ours.
    """


class Cancelled(Exception):
    """Raised out of a progress callback to stop the work; nothing half-made is left behind."""


Progress = Callable[[float, str], None]
"""Called with the fraction done (0 to 1) and what is being done; may raise `Cancelled`."""


def silent(fraction: float, doing: str) -> None:
    """The progress callback that shows nothing."""


def part(progress: Progress, start: float, stop: float) -> Progress:
    """Progress for a step that takes a run from `start` to `stop` of the whole."""
    return lambda fraction, doing: progress(start + (stop - start) * fraction, doing)


def named(progress: Progress, doing: str) -> Progress:
    """Progress that says the same all the time: what is done for the person who waits, not how it is computed."""
    return lambda fraction, _: progress(fraction, doing)
