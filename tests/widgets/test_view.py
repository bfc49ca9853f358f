"""The view bar: buttons that do what they say, and pictures in which left is left.

They wait with `qtbot.wait`: with PySide6, vispy replaces QTest.qWait by a function of its own, in which what was given to
deleteLater() stays (vispy/app/backends/_pyside6.py).
"""

import gc
import weakref

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QComboBox, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_connectome.core.grid import Grid
from napari_connectome.layers.orientation import Orientation, convention, plane, set_convention, show_plane, show_volume, sides
from napari_connectome.layers.spatial import layer_kwargs
from napari_connectome.widgets.panel import Panel
from napari_connectome.widgets.view import ViewBar

GRID = Grid((46, 55, 46), np.array([[4.0, 0, 0, -90], [0, 4, 0, -110], [0, 0, 4, -90], [0, 0, 0, 1]]))


def blob(x, y, z, radius=12):
    return GRID.sphere((x, y, z), radius).astype(np.float32)


def press(bar, name):
    [button] = [b for b in bar.findChildren(QPushButton) if b.text() == name]
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def choose(bar, index):
    box = bar.findChild(QComboBox)
    box.setFocus()
    QTest.keyClick(box, Qt.Key.Key_Home if index == 0 else Qt.Key.Key_End)


def down(bar):
    return [b.text() for b in bar.findChildren(QPushButton) if b.isChecked()]


def letters(viewer):
    found = {key: o for key, o in viewer.canvas.overlays.items() if key.startswith("connectome_")}
    return {key.removeprefix("connectome_"): o.text for key, o in found.items() if o.visible}


@pytest.fixture
def viewer(make_napari_viewer):
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(700, 500)
    viewer.add_image(np.stack([blob(-40, 0, 0)] * 3), contrast_limits=(0, 1), **layer_kwargs(GRID, tr=2.0, time=True))
    viewer.dims.set_point([1, 2, 3], [0, 0, -40])
    return viewer


@pytest.fixture
def bar(viewer):
    bar = ViewBar(viewer)
    viewer.window.add_dock_widget(bar)
    return bar


def picture(viewer):
    for _ in range(3):
        QApplication.processEvents()
    return viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(float).sum(axis=-1)


def centre_of_white(viewer):
    """Where the blob is, as shares of the picture from its middle: (to the right, up)."""
    seen = picture(viewer)
    middle = np.s_[seen.shape[0] // 10 : -seen.shape[0] // 10, seen.shape[1] // 10 : -seen.shape[1] // 10]  # no letters
    y, x = np.nonzero(seen[middle] > 300)
    assert len(x) > 20, "the blob is seen"
    return x.mean() / seen[middle].shape[1] - 0.5, 0.5 - y.mean() / seen[middle].shape[0]


def test_left_is_left_on_the_screen(viewer, bar):
    assert convention(viewer) == "neurological", "applied when first shown"
    for name in ("Axial", "Coronal", "3-D"):
        press(bar, name)
        choose(bar, 0)
        assert letters(viewer)["middle_left"] == "L"
        assert centre_of_white(viewer)[0] < -0.05
        choose(bar, 1)
        assert convention(viewer) == "radiological"
        assert letters(viewer)["middle_left"] == "R"
        assert centre_of_white(viewer)[0] > 0.05


def test_front_and_top_are_where_the_letters_say(viewer, bar):
    viewer.layers.clear()
    viewer.add_image(blob(0, 60, -36, 16), contrast_limits=(0, 1), **layer_kwargs(GRID))
    viewer.dims.set_point([0, 1, 2], [-36, 60, 0])
    press(bar, "Sagittal")
    choose(bar, 0)
    assert letters(viewer) == {"middle_left": "P", "middle_right": "A", "top_center": "S", "bottom_center": "I"}
    across, up = centre_of_white(viewer)
    assert across > 0.05
    assert up < -0.05
    choose(bar, 1)
    assert letters(viewer)["middle_left"] == "A"
    assert centre_of_white(viewer)[0] < -0.05
    press(bar, "Axial")
    assert centre_of_white(viewer)[1] > 0.05
    press(bar, "Coronal")
    assert centre_of_white(viewer)[1] < -0.05


@pytest.mark.parametrize(
    ("first", "how"),
    [
        ("axial", "neurological"),
        pytest.param("coronal", "neurological", marks=pytest.mark.nightly),
        ("coronal", "radiological"),
        pytest.param("sagittal", "radiological", marks=pytest.mark.nightly),
    ],
)
def test_in_three_dimensions_the_letters_say_what_is_drawn(viewer, bar, first, how):
    """Turn the head; every blob must be drawn on the side that bears its letter."""
    viewer.layers.clear()
    blobs = {"R": (60, 0, 0), "A": (0, 60, 0), "S": (0, 0, 60)}
    layers = {name: viewer.add_image(blob(*at, 16), contrast_limits=(0, 1), **layer_kwargs(GRID)) for name, at in blobs.items()}
    set_convention(viewer, how)
    show_plane(viewer, first)
    viewer.dims.ndisplay = 3
    viewer.scene.camera.center = (0, 0, 0)
    for angles in ((0, 0, 0), (0, 50, 20), (-70, 30, 140)):
        viewer.scene.camera.angles = angles
        now = sides(viewer)
        for name, layer in layers.items():
            for other in layers.values():
                other.visible = other is layer
            across, up = centre_of_white(viewer)
            for side, amount in ((now.right, across), (now.left, -across), (now.up, up), (now.down, -up)):
                assert name not in side or amount > 0.03, f"{name} at {angles}: {now}, drawn at {across:.2f}, {up:.2f}"


def test_the_buttons_show_what_is_seen(viewer, bar):
    assert down(bar) == ["Axial"]
    press(bar, "Coronal")
    assert down(bar) == ["Coronal"]
    assert plane(viewer) == "coronal"
    press(bar, "Coronal")
    assert down(bar) == ["Coronal"]
    viewer.dims.order = (0, 3, 1, 2)
    assert down(bar) == ["Sagittal"]
    viewer.dims.order = (0, 3, 2, 1)
    assert down(bar) == []
    show_volume(viewer)
    assert down(bar) == ["3-D"]
    viewer.scene.camera.orientation = ("towards", "down", "right")
    assert bar.findChild(QComboBox).currentIndex() == -1


def test_two_bars_agree_and_the_letters_stand_once(viewer, bar, qtbot):
    set_convention(viewer, "radiological")
    other = ViewBar(viewer)
    viewer.window.add_dock_widget(other)
    assert convention(viewer) == "radiological", "a choice made before is kept"
    press(other, "Sagittal")
    assert down(bar) == down(other) == ["Sagittal"]
    choose(bar, 0)
    assert other.findChild(QComboBox).currentIndex() == 0
    assert len(letters(viewer)) == 4
    other.deleteLater()
    qtbot.wait(30)
    assert len(letters(viewer)) == 4
    press(bar, "Axial")
    bar.deleteLater()
    qtbot.wait(30)
    assert letters(viewer) == {}
    show_plane(viewer, "coronal")
    viewer.cursor.position = (0, 1, 2, 3)


def test_the_place_under_a_real_mouse(viewer, bar, qtbot):
    press(bar, "Axial")
    viewer.dims.set_point(1, 6.0)
    for _ in range(3):
        QApplication.processEvents()
    canvas, camera = viewer.window._qt_viewer.canvas.native, viewer.scene.camera
    x, y = -38.0, 22.0

    def pixel():
        right, up = (x - camera.center[2]) * camera.zoom, (y - camera.center[1]) * camera.zoom
        return QPoint(round(canvas.width() / 2 + right), round(canvas.height() / 2 - up))

    def shown():
        text = bar.findChildren(QLabel)[-1].text().replace("−", "-")
        assert text.endswith(" mm")
        return [float(number) for number in text.removesuffix(" mm").split()]

    def arrived():  # the window may still find its size, and napari leaves some moves out
        QTest.mouseMove(canvas, pixel() - QPoint(3, 3))
        qtbot.wait(20)
        QTest.mouseMove(canvas, pixel())
        qtbot.wait(20)
        return np.allclose(shown(), (x, y, 6.0), atol=1.5)

    qtbot.waitUntil(arrived, timeout=20000)


def test_a_bar_inside_another_widget_goes_with_it(make_napari_viewer_proxy, qtbot):
    viewer = make_napari_viewer_proxy()
    outer = QWidget()
    QVBoxLayout(outer).addWidget(ViewBar(viewer))
    ref = weakref.ref(outer.findChild(ViewBar))
    viewer.window.add_dock_widget(outer)
    viewer.add_image(np.zeros(GRID.shape, np.float32), **layer_kwargs(GRID))
    assert len(letters(viewer)) == 4
    viewer.window.remove_dock_widget(outer)
    outer.deleteLater()
    del outer
    qtbot.wait(30)
    gc.collect()
    assert letters(viewer) == {}
    assert ref() is None


def test_a_closed_bar_lets_go_and_a_shown_one_comes_back(viewer, bar):
    bar.close()
    assert letters(viewer) == {}
    bar.show()
    assert len(letters(viewer)) == 4
    show_plane(viewer, "coronal")
    assert down(bar) == ["Coronal"]


def test_the_viewer_may_go_first(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    viewer.add_image(np.zeros(GRID.shape, np.float32), **layer_kwargs(GRID))
    viewer.window.add_dock_widget(ViewBar(viewer))
    press(viewer.window._qt_window.findChild(ViewBar), "3-D")
    viewer.close()
    qtbot.wait(30)


def in_panel(viewer):
    panel = Panel(viewer)
    panel.column.addWidget(ViewBar(viewer))
    viewer.add_image(np.zeros(GRID.shape, np.float32), **layer_kwargs(GRID))
    return panel, viewer.window.add_dock_widget(panel)


def test_the_letters_go_when_the_dock_is_closed(make_napari_viewer_proxy):
    viewer = make_napari_viewer_proxy()
    panel, dock = in_panel(viewer)
    other = Panel(viewer)
    other.column.addWidget(ViewBar(viewer))
    assert len(letters(viewer)) == 4
    dock.destroyOnClose()
    assert len(letters(viewer)) == 4, "another panel still wants them"
    other.release()
    assert letters(viewer) == {}, "at once, though both widgets are still there"
    assert panel.findChild(ViewBar) is not None
    show_plane(viewer, "coronal")


def test_a_panel_docked_again_lets_go_again(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    panel, _ = in_panel(viewer)
    for _ in range(2):
        viewer.window.remove_dock_widget(panel)
        assert letters(viewer) == {}
        viewer.window.add_dock_widget(panel)
        qtbot.wait(50)
        assert len(letters(viewer)) == 4
    viewer.window.remove_dock_widget(panel)
    assert letters(viewer) == {}


@pytest.mark.parametrize("undocked", [True, False])
def test_panel_and_viewer_go_in_silence(make_napari_viewer, undocked, monkeypatch, qtbot):
    """Nothing may be raised while all of it is collected as garbage, where Python can only print it."""
    raised = []
    monkeypatch.setattr("sys.unraisablehook", raised.append)
    monkeypatch.setattr("sys.excepthook", lambda *error: raised.append(error))
    viewer = make_napari_viewer()
    panel, dock = in_panel(viewer)
    known, bar = id(viewer), weakref.ref(panel.findChild(ViewBar))
    if undocked:
        viewer.window.remove_dock_widget(panel)
    viewer.close()
    del viewer, panel, dock
    for _ in range(3):
        qtbot.wait(10)
        gc.collect()
    assert raised == []
    assert bar() is None
    there = Orientation._of_viewer.get(known)
    assert there is None or not there._listeners


def test_a_bar_may_leave_after_its_viewer():
    viewer = ViewerModel()
    orientation = Orientation.of(viewer)
    ticket = orientation.join(lambda: None)
    del viewer
    gc.collect()
    assert orientation.viewer is None
    orientation.leave(ticket)
    assert orientation not in Orientation._of_viewer.values()
