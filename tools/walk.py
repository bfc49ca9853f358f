"""A way through a window by mouse and keys, with pictures of its stations: what the demo shows is what the tests do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication, QFileDialog, QWidget

from tools.hands import press
from tools.mouse import let_work

PLUGIN = "napari-connectome"
PATIENCE = 60.0  # seconds


class Walk:
    """What all ways have in common.

    Parameters
    ----------
    viewer : napari.Viewer
    folder : Path
        Where pictures, atlases and tables go.

    Attributes
    ----------
    written : list of Path
    """

    def __init__(self, viewer: Any, folder: Path) -> None:
        self.viewer = viewer
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.written: list[Path] = []

    def panel(self, name: str) -> Any:
        """A widget of ours that is docked."""
        return next(dock for key, dock in self.viewer.window.dock_widgets.items() if key.startswith(name))

    def dock(self, name: str) -> Any:
        """Open a widget as the Plugins menu does."""
        self.viewer.window.add_plugin_dock_widget(PLUGIN, name)
        let_work(lambda: False, 0.3)
        return self.panel(name)

    def save(self, button: QWidget, name: str, said: Any) -> Path:
        """Press a button that saves; the file dialog answers with a name in the folder."""
        path = self.folder / name
        asked = QFileDialog.getSaveFileName
        QFileDialog.getSaveFileName = staticmethod(lambda *_, **__: (str(path), ""))
        try:
            press(button)
        finally:
            QFileDialog.getSaveFileName = asked
        self.wait(path.exists, said)
        self.written.append(path)
        return path

    def open(self, button: QWidget, paths: list[Path]) -> None:
        """Press a button that opens files; the file dialog answers with these."""
        names = [str(path) for path in paths]
        one, many = QFileDialog.getOpenFileName, QFileDialog.getOpenFileNames
        QFileDialog.getOpenFileName = staticmethod(lambda *_, **__: (names[0], ""))
        QFileDialog.getOpenFileNames = staticmethod(lambda *_, **__: (names, ""))
        try:
            press(button)
        finally:
            QFileDialog.getOpenFileName, QFileDialog.getOpenFileNames = one, many

    def picture(self, name: str) -> None:
        """Write the window as it is on the screen."""
        let_work(lambda: False, 0.3)
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)  # old sliders, which only a running application lets go
        path = self.folder / f"{len([p for p in self.written if p.suffix == '.png']) + 1:02}-{name.replace(' ', '-')}.png"
        self.viewer.window.screenshot(str(path), canvas_only=False, flash=False)
        self.written.append(path)

    def wait(self, holds: Callable[[], bool], said: Any) -> None:
        """Let the window work until something holds; give up with what the label `said` says."""
        if not let_work(holds, PATIENCE):
            raise SystemExit(f"it did not happen: {said.text() or 'it took too long'}")
