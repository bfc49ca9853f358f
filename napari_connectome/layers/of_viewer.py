"""One object for each viewer, shared by all who work in it, and gone with it."""

from __future__ import annotations

import weakref
from typing import Any, ClassVar, Self

from napari.components import ViewerModel


class OfViewer:
    """Base of what a viewer has one of. A subclass is made with the viewer, and must hold it weakly."""

    _of_viewer: ClassVar[dict[int, Any]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._of_viewer = {}

    def __init__(self, viewer: ViewerModel) -> None:
        # Weakly: whoever leaves while viewer and widgets are collected as garbage must find this whole, and no viewer.
        self._viewer = weakref.ref(viewer)

    @classmethod
    def of(cls, viewer: ViewerModel) -> Self:
        """Return the one of a viewer, made when it is asked for first."""
        viewer = getattr(viewer, "__wrapped__", viewer)  # widgets are given a proxy, each another one
        known: Self | None = cls._of_viewer.get(id(viewer))
        if known is None:
            known = cls._of_viewer[id(viewer)] = cls(viewer)
            weakref.finalize(viewer, cls._of_viewer.pop, id(viewer), None)
        return known
