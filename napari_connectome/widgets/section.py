"""A part of a panel under a title that opens and closes it."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSizePolicy, QWidget
from superqt import QCollapsible

ANY_HEIGHT = 16_777_215
"""Qt's QWIDGETSIZE_MAX, which not every binding has."""


class Section(QCollapsible):
    """A collapsible part that is as high as its content, also when that grows while it is open.

    superqt's own keeps the height the content had when it was opened, so what appears later is squeezed.

    Parameters
    ----------
    content : QWidget
    title : str
    """

    def __init__(self, content: QWidget, title: str = "") -> None:
        super().__init__(title)
        self.setDuration(0)
        self.layout().setContentsMargins(0, 0, 0, 0)
        # Both hold it at its size hint, which knows nothing of lines that are wrapped.
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        self.layout().setAlignment(Qt.AlignmentFlag(0))
        self.content().layout().addWidget(content)  # not addWidget(), which has the height followed the other way
        self.toggled.connect(self._free_height)

    def _free_height(self, is_open: bool) -> None:
        if is_open:
            self.content().setMaximumHeight(ANY_HEIGHT)
