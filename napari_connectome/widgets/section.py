"""A part of a panel under a title that opens and closes it."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QIcon
from qtpy.QtWidgets import QSizePolicy, QWidget
from superqt import QCollapsible

ANY_HEIGHT = 16_777_215
"""Qt's QWIDGETSIZE_MAX, which not every binding has."""
CLOSED, OPEN = "▸", "▾"
"""Before the title, in its colour: superqt's own marks are drawn in that of the theme there was at first."""
EDGES = 12
"""Pixels of the title's button beside its text."""


class Section(QCollapsible):
    """A collapsible part that is as high as its content, also when that grows while it is open, and no wider than its dock.

    superqt's own keeps the height the content had when it was opened, so what appears later is squeezed, and is as wide as
    its title.

    Parameters
    ----------
    content : QWidget
    title : str
    """

    def __init__(self, content: QWidget, title: str = "") -> None:
        super().__init__(title)
        self._title = title
        self.setDuration(0)
        self.toggleButton().setMinimumWidth(40)
        self.layout().setContentsMargins(0, 0, 0, 0)
        # Both hold it at its size hint, which knows nothing of lines that are wrapped.
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        self.layout().setAlignment(Qt.AlignmentFlag(0))
        self.content().layout().addWidget(content)  # not addWidget(), which has the height followed the other way
        self.toggled.connect(self._free_height)
        self.toggled.connect(self._write)
        self._write()

    def text(self) -> str:
        """The title."""
        return self._title

    def setText(self, text: str) -> None:  # noqa: N802
        """Give it another title."""
        self._title = text
        self._write()

    def resizeEvent(self, event: Any) -> None:  # noqa: N802
        """Show as much of the title as there is room for."""
        super().resizeEvent(event)
        self._write()

    def _write(self, *_: bool) -> None:
        button = self.toggleButton()
        button.setIcon(QIcon())  # superqt sets its own at each change, also when given an empty one: that is false in PySide6
        whole = f"{OPEN if self.isExpanded() else CLOSED} {self._title}"
        shown = button.fontMetrics().elidedText(whole, Qt.TextElideMode.ElideRight, button.width() - EDGES)
        button.setText(shown.replace("&", "&&"))  # a single one marks the letter of a shortcut
        button.setToolTip(self._title if shown != whole else "")

    def _free_height(self, is_open: bool) -> None:
        if is_open:
            self.content().setMaximumHeight(ANY_HEIGHT)
