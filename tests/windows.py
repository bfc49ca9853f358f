"""One hidden window of napari for all tests of a module: emptied between them, and replaced when it is not as when it was new.

Opening and closing a window takes a second, more than most tests in it. `make_napari_viewer` is napari's fixture of that name
as far as tests can tell. A window that a test closed, spoilt or failed in is not given to another. A window that is shown is
opened for each test: drawing an emptied one has crashed in the OpenGL driver.
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
    """The hidden window that the tests of a module share, and those that one test opened beside it."""

    def __init__(self) -> None:
        self._shared: Any = None
        self._new: dict[str, Any] = {}  # what the shared one was when new
        self._of_this_test: list[Any] = []

    def open(self, *, show: bool = False, **how: Any) -> Any:
        """Return the shared window if it is free and wanted as it is, else a new one."""
        if show or how or self._shared in self._of_this_test:
            viewer = _open(show, **how)
        elif self._shared is None:
            viewer = self._shared = _open(show)
            self._new = state(viewer)
        else:
            viewer = self._shared
            _windows().append(viewer.window._qt_window)
        self._of_this_test.append(viewer)
        return viewer

    def end_of_test(self, failed: bool) -> None:
        """Close what the test opened, and empty the shared window."""
        while self._of_this_test:
            viewer = self._of_this_test.pop()
            if viewer is not self._shared:
                _close(viewer)
            elif failed or not _is_open(viewer) or not _emptied(viewer, self._new):
                self.close()
            else:
                _windows().remove(viewer.window._qt_window)

    def close(self) -> None:
        """Close the shared window."""
        if self._shared is not None:
            viewer, self._shared = self._shared, None
            _close(viewer)


def state(viewer: Any) -> dict[str, Any]:
    """What of a viewer outlives its layers."""
    window = viewer.window
    return {
        "dims": viewer.dims.model_dump(),
        "camera": viewer.scene.camera.model_dump(),
        "overlays": [_overlays(viewer.scene), _overlays(viewer.canvas)],
        "grid": viewer.canvas.grid.model_dump(),
        "looks": (viewer.theme, viewer.title, viewer.help),
        "callbacks": [list(getattr(viewer, name)) for name in CALLBACKS],
        "keys": dict(viewer.keymap),
        "docks": list(window.dock_widgets),
        "size": (window._qt_window.width(), window._qt_window.height(), window._qt_window.windowState()),
    }


def _overlays(part: Any) -> dict[str, Any]:
    """Those that a user can see; napari's own marks of the mouse, "_brush_circle" and "_zoom_box", go with the layers."""
    return {name: each.model_dump() for name, each in part.overlays.items() if not name.startswith("_")}


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


def _nothing(*_: Any) -> None:
    """Nothing."""


def _windows() -> list[Any]:
    """Those of which napari knows, the last being the current one: none that no test has opened."""
    from napari._qt.qt_main_window import _QtMainWindow

    return _QtMainWindow._instances


def _emptied(viewer: Any, new: dict[str, Any]) -> bool:
    empty(viewer, new)
    return state(viewer) == new


def _open(show: bool, **how: Any) -> Any:
    from napari import Viewer
    from qtpy.QtTest import QTest

    viewer = Viewer(show=show, show_welcome_screen=False, **how)
    assert not show or QTest.qWaitForWindowExposed(viewer.window._qt_window, 5000), "the window did not come"
    return viewer


def _is_open(viewer: Any) -> bool:
    return hasattr(viewer.window, "_qt_window")


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

    with patch("napari._qt.threads.status_checker.StatusChecker.start", _nothing):
        made = Windows()
        yield made
        made.close()
    gc.unfreeze()  # what was frozen before each test, see `nothing_left_running`
    gc.collect()
    left = len(QtViewer._instances)
    QtViewer._instances.clear()
    assert not left, f"{left} closed windows are kept alive"


@pytest.fixture
def make_napari_viewer(request: pytest.FixtureRequest, qtbot: Any, windows: Windows) -> Iterator[Callable[..., Any]]:
    """Make a viewer; without arguments it is in the module's hidden window, as if that were new."""
    from napari.settings import get_settings

    get_settings().reset()
    yield windows.open
    with suppress(AttributeError):
        get_settings().reset()
    call = getattr(request.node, "rep_call", None)
    windows.end_of_test(failed=call is None or call.failed)
