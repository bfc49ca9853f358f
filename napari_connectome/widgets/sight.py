"""Whether a dock widget can be seen: Qt calls one that lies behind the tab of another visible, too."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from qtpy.QtWidgets import QDockWidget

from napari_connectome.widgets.panel import Panel


class Sight:
    """Notices when a panel comes to the front of its dock's tabs, or goes behind another.

    Parameters
    ----------
    panel : Panel
        Only a weak reference is kept: it must go with its dock, not when Python next looks for cycles.
    """

    def __init__(self, panel: Panel) -> None:
        self._panel = weakref.ref(panel)
        self._dock: weakref.ref[QDockWidget] | None = None

    @property
    def clear(self) -> bool:
        """Whether some of the panel is on the screen."""
        panel = self._panel()
        return panel is not None and panel.isVisible() and not panel.visibleRegion().isEmpty()

    def follow(self, changed: Callable[..., Any]) -> None:
        """Call a method of a Qt object at every change from now on; for each show event, since the dock may be another."""
        panel = self._panel()
        dock = None if panel is None else panel.parent()
        if isinstance(dock, QDockWidget) and (self._dock is None or self._dock() is not dock):
            self._dock = weakref.ref(dock)
            dock.visibilityChanged.connect(changed)
