"""One window of napari for all tests of a module: emptied between them, and replaced when it is not as it was when new.

Opening and closing a window takes a second, more than most tests in it. `make_napari_viewer` is napari's fixture of that name
as far as tests can tell. A window that a test closed, spoilt or failed in is not given to another.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from unittest.mock import patch

import pytest

CALLBACKS = ("mouse_move_callbacks", "mouse_wheel_callbacks", "mouse_drag_callbacks", "mouse_double_click_callbacks")


class Windows:
    """The window that the tests of a module share, and those that one test opened beside it."""

    def __init__(self) -> None:
        self._shared: Any = None
        self._new: dict[str, Any] = {}
        self._of_this_test: list[Any] = []

    def open(self, *, show: bool = False, **how: Any) -> Any:
        """Return the shared window if it is free and asked for as it is, else a new one."""
        from napari import Viewer

        plain = show and not how
        if plain and self._shared is not None and self._shared not in self._of_this_test:
            viewer = self._shared
        else:
            viewer = Viewer(show=show, show_welcome_screen=False, **how)
            if show:
                _work_until_exposed(viewer)
            if plain and self._shared is None:
                self._shared, self._new = viewer, state(viewer)
        self._of_this_test.append(viewer)
        return viewer

    def end_of_test(self, failed: bool) -> None:
        """Close what the test opened, and empty the shared window."""
        for viewer in self._of_this_test:
            if viewer is not self._shared:
                _close(viewer)
            elif failed or not _is_open(viewer) or not self._emptied():
                self._discard()
        self._of_this_test.clear()

    def _emptied(self) -> bool:
        empty(self._shared, self._new)
        return state(self._shared) == self._new

    def _discard(self) -> None:
        viewer, self._shared = self._shared, None
        _close(viewer)

    def close(self) -> None:
        """Close the shared window."""
        if self._shared is not None:
            self._discard()


def state(viewer: Any) -> dict[str, Any]:
    """What of a viewer outlives its layers."""
    window = viewer.window
    return {
        "dims": viewer.dims.model_dump(),
        "camera": viewer.scene.camera.model_dump(),
        "overlays": [
            {name: each.model_dump() for name, each in part.overlays.items()} for part in (viewer.scene, viewer.canvas)
        ],
        "grid": viewer.canvas.grid.model_dump(),
        "looks": (viewer.theme, viewer.title, viewer.help),
        "callbacks": [list(getattr(viewer, name)) for name in CALLBACKS],
        "keys": dict(viewer.keymap),
        "docks": list(window.dock_widgets),
        "size": (window._qt_window.width(), window._qt_window.height(), window._qt_window.windowState()),
    }


def empty(viewer: Any, new: dict[str, Any]) -> None:
    """Remove docks and layers as a user does, and put the view back to what it was."""
    from qtpy.QtCore import QEvent
    from qtpy.QtWidgets import QApplication

    window = viewer.window
    for dock in list(window._wrapped_dock_widgets.values()):
        inside = dock.widget()
        window.remove_dock_widget(dock)
        if inside is not None:
            inside.close()
            inside.deleteLater()
    viewer.layers.clear()
    viewer.dims.update(new["dims"])
    viewer.scene.camera.update(new["camera"])
    viewer.canvas.grid.update(new["grid"])
    viewer.theme, viewer.title, viewer.help = new["looks"]
    window._qt_window.resize(*new["size"][:2])
    QApplication.processEvents()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


def _work_until_exposed(viewer: Any) -> None:
    from qtpy.QtTest import QTest

    assert QTest.qWaitForWindowExposed(viewer.window._qt_window, 5000), "the window did not come"


def _is_open(viewer: Any) -> bool:
    return hasattr(viewer.window, "_qt_window") and viewer.window._qt_window.isVisible()


def _close(viewer: Any) -> None:
    if not hasattr(viewer.window, "_qt_window"):
        viewer.close()
        return
    with patch.object(viewer.window._qt_window, "_save_current_window_settings"):
        viewer.close()


@pytest.fixture(scope="module")
def windows() -> Iterator[Windows]:
    """The windows of a module, without napari's thread for the status bar."""
    from napari._qt.qt_viewer import QtViewer

    with patch("napari._qt.threads.status_checker.StatusChecker.start", lambda *_: None):
        made = Windows()
        yield made
        made.close()
    gc.collect()
    left = len(QtViewer._instances)
    QtViewer._instances.clear()
    assert not left, f"{left} closed windows are kept alive"


@pytest.fixture
def make_napari_viewer(request: pytest.FixtureRequest, qtbot: Any, windows: Windows) -> Iterator[Callable[..., Any]]:
    """Make a viewer; `show=True` gives the module's window, as if it were new."""
    from napari.settings import get_settings

    get_settings().reset()
    yield windows.open
    with suppress(AttributeError):
        get_settings().reset()
    call = getattr(request.node, "rep_call", None)
    windows.end_of_test(failed=call is None or call.failed)
