"""The hidden window that the tests of a module share (`tests/windows.py`) is, for each of them, as if it were new."""

import pytest

from napari_connectome.layers.orientation import convention, set_convention, show_volume
from tests.windows import Windows, empty, state

WIDGETS = ["Correlation map", "Connectome"]


@pytest.fixture
def used(make_napari_viewer, windows, small_run, add_run):
    """A viewer in which a test did what it could, and its state when new."""
    viewer = make_napari_viewer()
    new = state(viewer)
    add_run(viewer, small_run.run)
    for widget in WIDGETS:
        viewer.window.add_plugin_dock_widget("napari-connectome", widget)
    set_convention(viewer, "radiological")
    show_volume(viewer)
    viewer.window._qt_window.resize(900, 700)
    viewer.title = "used"
    assert state(viewer) != new
    return viewer, new


def test_an_emptied_window_is_as_it_was_when_new(used):
    viewer, new = used
    empty(viewer, new)
    assert state(viewer) == new
    assert not viewer.layers
    assert not viewer.window.dock_widgets
    assert convention(viewer) != "radiological"


@pytest.mark.parametrize("spoil", [lambda viewer: viewer.mouse_drag_callbacks.append(print), lambda viewer: viewer.close()])
def test_a_window_that_is_not_as_it_was_is_replaced(qtbot, windows, spoil):
    shared = Windows()
    first = shared.open()
    spoil(first)
    shared.end_of_test(failed=False)
    second = shared.open()
    assert second is not first
    shared.end_of_test(failed=False)
    assert shared.open() is second
    assert shared.open() is not second, "a test that opens two viewers has two"
    shared.end_of_test(failed=True)
    assert shared.open() is not second, "a test that failed may have left anything"
    shared.end_of_test(failed=False)
    shared.close()
