"""What is still to be done when Qt deletes a widget."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class AtEnd:
    """One call, made once, for the `destroyed` of a widget.

    A widget may be deleted while Python collects it as garbage. A closure or a `partial` may have been taken apart by then,
    and to call it crashes; this does nothing then, since what it was to undo is garbage as well.

    Parameters
    ----------
    call : callable
        A function of a module.
    *args
        What it is given.
    """

    def __init__(self, call: Callable[..., Any], *args: Any) -> None:
        self._left = (call, args)

    def __call__(self, *_: Any) -> None:
        """Make the call, if it was not made before."""
        left = self.__dict__.pop("_left", None)
        if left is not None:
            call, args = left
            call(*args)
