"""Dilation & labeling in a real window: painted, previewed, applied, undone, picked, named, measured by eye and saved."""

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QLineEdit

from napari_connectome import Grid, load_regions
from napari_connectome.core.origins import Origin, origins_to_dict
from napari_connectome.layers.spatial import layer_kwargs
from napari_connectome.widgets.dilation_labeling import DilationLabeling
from napari_connectome.widgets.region_table import ORIGIN

GRID = Grid((10, 14, 12), np.array([[6.0, 0, 0, -33], [0, 6, 0, -39], [0, 0, 6, -27], [0, 0, 0, 1]]))
Z = 3.0
"""mm of the plane that is looked at: voxel 5."""
TEST = Origin("run 1", "abc", "face > house", "t ≥ 5")
LEFT, RIGHT, MIDDLE = (Z, 3.0, -21.0), (Z, 3.0, 21.0), (Z, 27.0, -3.0)


def _three():
    """A region on the left (1), one on the right (2) and one across the midline (4)."""
    labels = np.zeros(GRID.shape, np.uint8)
    labels[4:7, 6:9, 1:4] = 1
    labels[4:7, 6:9, 8:11] = 2
    labels[4:7, 10:12, 4:8] = 4
    return labels


@pytest.fixture
def window(make_napari_viewer):
    """The panel, in the dock of a viewer with an anatomical image."""
    return _open(make_napari_viewer)


def _open(make_napari_viewer):
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(1200, 900)
    viewer.add_image(np.zeros(GRID.shape, np.float32), name="T1w", contrast_limits=(0, 1), **layer_kwargs(GRID, role="volume"))
    panel = DilationLabeling(viewer)
    viewer.window.add_dock_widget(panel, area="right")
    QApplication.processEvents()
    viewer.dims.set_point(0, Z)
    return panel


def _add(panel, labels=None, name="atlas", **known):
    viewer, labels = panel.viewer, _three() if labels is None else labels
    features = pd.DataFrame({"index": [1, 2, 4], "name": ["left", "right", "middle"]})
    layer = viewer.add_labels(labels, name=name, features=features, **layer_kwargs(GRID, role="labels", **known))
    panel.layer_choice.layer = layer
    return layer


def _choose(panel, title):
    box = panel.edit.step_choice
    box.setCurrentIndex(box.findText(title))


def _click(button):
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def _hover(mouse, world):
    """Move there; one that follows another at once may be left out."""
    mouse._send(QEvent.Type.MouseMove, world, held=False)


def _paint(mouse, *xs):
    """A stroke of the brush along x."""
    mouse.drag([(Z, 3, x) for x in xs for _ in range(2)], seconds=0.05)


def _ctrl_click(mouse, world):
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    for kind, held in ((QEvent.Type.MouseButtonPress, left), (QEvent.Type.MouseButtonRelease, none)):
        place = mouse.place(world)
        over = QPointF(mouse.canvas.mapToGlobal(place.toPoint()))
        control = Qt.KeyboardModifier.ControlModifier
        QApplication.sendEvent(mouse.canvas, QMouseEvent(kind, place, over, left, held, control))


def _ids(panel):
    return [int(i) for i in panel.table.regions.ids]


def test_paint_dilate_apply_undo(window, hand, until):
    """From an empty layer to a dilated region and back, with the brush, the buttons and Ctrl+Z."""
    panel, viewer = window, window.viewer
    _click(panel.new_button)
    layer = panel.regions.layer
    assert viewer.layers.selection.active is layer
    assert "has no regions yet" in panel.about.text()
    layer.mode, layer.brush_size = "paint", 1
    mouse = hand(viewer)
    _paint(mouse, -21, -15, -9)
    until(lambda: _ids(panel) == [1])
    painted = layer.data.copy()
    _choose(panel, "Dilate")
    until(lambda: panel.edit.preview.layer is not None)
    preview = panel.edit.preview.layer
    assert preview.data.sum() == 17
    assert viewer.layers.selection.active is layer
    assert panel.edit.account.text() == "1 region; 3 → 17 voxels; 3,672 mm³."
    panel.edit._forms["Dilate"].container["iterations"].value = 2
    until(lambda: preview.data.sum() > 17)
    assert np.array_equal(layer.data, painted)  # the preview never touches what was painted
    panel.edit._forms["Dilate"].container["iterations"].value = 1
    _paint(mouse, -9, -3)
    until(lambda: preview.data.sum() == 22)
    _click(panel.edit.apply_button)
    assert layer.data.sum() == 22
    assert panel.message.text().startswith("Dilated: 1 region; 4 → 22 voxels")
    until(lambda: panel.edit.preview.layer is None)
    viewer.window._qt_viewer.canvas.native.setFocus()
    QTest.keyClick(mouse.canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert layer.data.sum() == 4
    QTest.keyClick(mouse.canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert np.array_equal(layer.data, painted)
    _click(panel.redo_button)
    _click(panel.redo_button)
    assert layer.data.sum() == 22
    _click(panel.redo_button)
    assert panel.message.text() == "There is nothing to redo."
    for _ in range(4):
        _click(panel.undo_button)
    assert panel.message.text() == "There is nothing to undo."
    assert not layer.data.any()


def test_pick_keep_drop_and_merge(window, hand, until):
    """Regions are selected by clicks in the picture; what is done to them can be undone, names included."""
    panel, layer = window, _add(window)
    mouse = hand(panel.viewer)
    layer.mode = "paint"
    _click(panel.pick_button)
    assert layer.mode == "pan_zoom"
    mouse.click(LEFT)
    assert panel.table.chosen == [1]
    assert layer.selected_label == 1
    _ctrl_click(mouse, RIGHT)
    assert panel.table.chosen == [1, 2]
    mouse.drag([LEFT, (Z, 9, -21), (Z, 15, -15)])
    assert panel.table.chosen == [1, 2]  # a drag moves the picture
    panel.viewer.reset_view()
    _click(panel.merge_button)
    until(lambda: _ids(panel) == [1, 4])
    assert panel.regions.names == {1: "left", 4: "middle"}
    assert panel.message.text() == "Merged left, right. Undo takes it back."
    _click(panel.undo_button)
    until(lambda: _ids(panel) == [1, 2, 4])
    assert panel.regions.names == {1: "left", 2: "right", 4: "middle"}
    mouse.click(MIDDLE)
    _click(panel.drop_button)
    until(lambda: _ids(panel) == [1, 2])
    mouse.click((Z, -33, 3))
    assert panel.table.chosen == []
    assert not panel.keep_button.isEnabled()
    mouse.click(RIGHT)
    _click(panel.keep_button)
    until(lambda: _ids(panel) == [2])
    assert _names(layer) == {2: "right"}
    layer.mode = "paint"
    assert not panel.pick_button.isChecked()


def _names(layer):
    return dict(zip(layer.features["index"], layer.features["name"], strict=True))


def test_table_and_picture_are_bound(window, hand, until):
    """A row brings the viewer to the region, or to its peak; the region under the mouse has its row lit."""
    panel, layer = window, _add(window)
    viewer, mouse = panel.viewer, hand(panel.viewer)
    until(lambda: _hover(mouse, RIGHT) or panel.table.regions.lit == 2)
    until(lambda: _hover(mouse, (Z, -33, 3)) or panel.table.regions.lit == 0)
    viewer.dims.set_point(0, -27)
    row = panel.table.visualRect(panel.table.regions.index(1, 1)).center()
    QTest.mouseClick(panel.table.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, row)
    assert viewer.dims.point == pytest.approx((3, 3, 21))
    assert layer.selected_label == 2
    assert panel.about.text().startswith("right: 27 voxels, 5,832 mm³, at 21.0 3.0 3.0 mm.")
    values = np.zeros(GRID.shape, np.float32)
    values[4, 6, 10] = -7
    shown = viewer.add_image(values, name="t", contrast_limits=(-7, 7), **layer_kwargs(GRID))
    panel.values_choice.layer = shown
    QTest.mouseClick(panel.table.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, row)
    assert viewer.dims.point == pytest.approx((-3, -3, 27))
    assert layer.features.set_index("index").loc[2, "peak"] == -7
    viewer.dims.ndisplay = 3
    sweep = _sweep(mouse)
    until(lambda: next(sweep) or panel.table.regions.lit in (1, 2, 4))
    viewer.layers.remove(shown)
    until(lambda: "peak" not in layer.features)


def _sweep(mouse):
    """Places all over the middle of the picture, the mouse sent to one after the other."""
    while True:
        for x in range(-120, 121, 24):
            for y in range(-120, 121, 24):
                place = QPointF(mouse.canvas.width() / 2 + x, mouse.canvas.height() / 2 + y)
                over, none = QPointF(mouse.canvas.mapToGlobal(place.toPoint())), Qt.MouseButton.NoButton
                event = QMouseEvent(QEvent.Type.MouseMove, place, over, none, none, Qt.KeyboardModifier.NoModifier)
                QApplication.sendEvent(mouse.canvas, event)
                yield


def test_the_label_to_paint_stays_the_painter_s(window, hand, until):
    """A row that is selected says once what the brush paints; strokes with another label are not drawn back to it."""
    panel, layer = window, _add(window)
    layer.n_edit_dimensions, layer.brush_size = 3, 1
    until(lambda: _ids(panel) == [1, 2, 4])
    panel.table.chosen = [2]
    panel._on_rows()
    assert layer.selected_label == 2
    layer.selected_label, layer.mode = 7, "paint"
    _paint(hand(panel.viewer), -15, -9)
    until(lambda: _ids(panel) == [1, 2, 4, 7])
    assert panel.table.chosen == [2]
    assert layer.selected_label == 7
    before = (layer.data == 2).sum()
    _paint(hand(panel.viewer), -9, -3)
    assert (layer.data == 2).sum() == before
    panel.undo()
    until(lambda: not panel._refresh_soon.isActive())
    assert layer.selected_label == 7


def test_regions_selected_in_one_layer_are_not_those_of_the_next(window, until):
    """The same labels elsewhere are other regions: Drop must not reach them unasked."""
    panel, first = window, _add(window)
    panel.table.chosen = [1, 4]
    panel._on_rows()
    second = _add(panel, name="second")
    assert panel.table.chosen == []
    assert not panel.drop_button.isEnabled()
    panel.edit.drop()
    assert set(np.unique(second.data)) == set(np.unique(first.data)) == {0, 1, 2, 4}


def test_rename_in_the_table(window, until):
    """A typed name is the layer's; another region's is refused with a sentence."""
    panel, layer = window, _add(window)

    def type_name(row, name):
        panel.table.edit(panel.table.regions.index(row, 1))
        editor = panel.table.findChild(QLineEdit)
        editor.selectAll()
        QTest.keyClicks(editor, name)
        QTest.keyClick(editor, Qt.Key.Key_Return)
        until(lambda: panel.table.findChild(QLineEdit) is None)

    type_name(0, "FFA")
    assert _names(layer) == {1: "FFA", 2: "right", 4: "middle"}
    type_name(1, "FFA")
    assert panel.message.text() == "There is another region named FFA: give each its own name."
    assert _names(layer)[2] == "right"


def test_split_by_hemisphere_and_renumber(window, until):
    """Regions of many kinds: names and labels follow, the preview has the colours to come, undo has all back."""
    panel, layer = window, _add(window)
    before = layer.data.copy()
    _choose(panel, "Split hemispheres at x = 0")
    until(lambda: panel.edit.preview.layer is not None)
    assert panel.edit.account.text().startswith("3 → 4 regions; 78 voxels; 16,848 mm³.")
    assert panel.edit.preview.layer.get_color(2) == pytest.approx(layer.get_color(2))
    _click(panel.edit.apply_button)
    assert panel.regions.names == {1: "left", 2: "right", 4: "L middle", 5: "R middle"}
    _choose(panel, "Renumber without gaps")
    _click(panel.edit.apply_button)
    assert panel.regions.names == {1: "left", 2: "right", 3: "L middle", 4: "R middle"}
    _choose(panel, "Split into connected components")
    _click(panel.edit.apply_button)
    assert len(panel.regions.names) == 4
    for _ in range(3):
        _click(panel.undo_button)
    assert np.array_equal(layer.data, before)
    assert panel.regions.names == {1: "left", 2: "right", 4: "middle"}


def test_only_the_selected_regions(window, until):
    """A step for some regions leaves the others as they are, and grows into none of them."""
    panel, layer = window, _add(window)
    before = layer.data.copy()
    _choose(panel, "Dilate")
    assert not panel.edit.only_chosen.isEnabled()
    panel.table.selectRow(2)
    panel.edit.only_chosen.setChecked(True)
    panel.edit._forms["Dilate"].container["connectivity"].value = 26
    until(lambda: "1 region; 24 →" in panel.edit.account.text())
    assert set(np.unique(panel.edit.preview.layer.data)) == {0, 4}
    _click(panel.edit.apply_button)
    assert np.array_equal(layer.data == 1, before == 1)
    assert np.array_equal(layer.data == 2, before == 2)
    assert np.count_nonzero(layer.data == 4) > np.count_nonzero(before == 4)
    assert panel.regions.names == {1: "left", 2: "right", 4: "middle"}
    panel.table.chosen = []
    panel._show_chosen()
    after = layer.data.copy()
    _click(panel.edit.apply_button)
    assert panel.message.text().startswith("No region is selected")
    assert np.array_equal(layer.data, after)


def test_combining_with_another_layer(window, until):
    """Names and origins of the other layer come along; one on another grid, or with fractions, is a sentence."""
    panel, viewer = window, window.viewer
    layer = _add(window)
    half = np.zeros(GRID.shape, np.uint8)
    half[:, :, :6] = 1
    mask = viewer.add_labels(half, name="half", **layer_kwargs(GRID, origins=origins_to_dict({1: (TEST,)})))
    elsewhere = viewer.add_labels(np.ones((5, 5, 5), np.uint8), name="elsewhere")
    fractions = viewer.add_image(np.full(GRID.shape, 0.5, np.float32), name="map", contrast_limits=(0, 1), **layer_kwargs(GRID))
    panel.layer_choice.layer = layer
    _choose(panel, "Intersect with a layer")
    until(lambda: panel.edit.account.text() != "")
    assert panel.edit.account.text() == "There is no other layer yet: choose the one that takes part."
    for other, said in ((elsewhere, "resample elsewhere to atlas first"), (fractions, "threshold or round the image first")):
        panel.edit.other.layer = other
        until(lambda said=said: said in panel.edit.account.text())
        _click(panel.edit.apply_button)
        assert said in panel.message.text()
        assert panel.edit.preview.layer is None
    panel.edit.other.layer = mask
    until(lambda: panel.edit.preview.layer is not None)
    assert "lay outside the other image" in panel.edit.account.text()
    _click(panel.edit.apply_button)
    assert panel.regions.names == {1: "left", 4: "middle"}
    assert panel.regions.origins == {1: (TEST,), 4: (TEST,)}
    until(lambda: not panel.table.isColumnHidden(ORIGIN))
    panel.table.selectRow(0)
    assert "Made from face > house, t ≥ 5 in run 1" in panel.about.text()
    _choose(panel, "Unite with a layer")
    panel.edit.other.layer = mask
    _click(panel.undo_button)
    assert panel.regions.origins == {}


def test_more_labels_than_the_type_holds(window, until):
    """A sentence and nothing lost; the new layer holds them, with the names, and is worked on then."""
    panel = window
    labels = np.zeros(GRID.shape, np.uint8)
    labels[::2, ::2, ::2] = 1
    labels[1::4, 1::2, 1::2] = 1
    layer = _add(panel, labels, name="many")
    _choose(panel, "Split into connected components")
    _click(panel.edit.apply_button)
    assert "uint8, which holds 0 to 255: put them into a new layer." in panel.message.text()
    assert layer.data.max() == 1
    _click(panel.edit.new_button)
    made = panel.layer_choice.layer
    assert made.name == "many (split)"
    assert made.data.max() > 255
    assert layer.data.max() == 1
    assert panel.regions.names[300] == "left 300"
    until(lambda: len(_ids(panel)) == made.data.max())
    _choose(panel, "Dilate")
    until(lambda: panel.edit.preview.layer is not None)


def test_a_mask_image_is_never_written(window, until):
    """An image with one value besides 0 can be the source; what comes out is a layer of its own."""
    panel, viewer = window, window.viewer
    mask = (_three() > 0).astype(np.float32)
    image = viewer.add_image(mask, name="vt", contrast_limits=(0, 1), **layer_kwargs(GRID))
    panel.layer_choice.layer = image
    assert panel.layer_choice.layer is image
    assert _ids(panel) == [1]
    _choose(panel, "Split into connected components")
    until(lambda: panel.edit.preview.layer is not None)
    assert not panel.edit.apply_button.isEnabled()
    assert not panel.undo_button.isEnabled()
    panel.edit.apply()
    assert "which is never written into" in panel.message.text()
    _click(panel.edit.new_button)
    assert panel.layer_choice.layer.name == "vt (split)"
    assert panel.message.text().startswith("Put into vt (split): 1 → 3 regions")
    assert image.data is mask
    until(lambda: _ids(panel) == [1, 2, 3])
    assert viewer.layers["T1w"] not in [panel.layer_choice.itemData(i) for i in range(panel.layer_choice.count())]


@pytest.mark.parametrize("top", [1.0, 2.5, 0.5, 255.0])
def test_a_mask_image_of_any_height_is_one_region(window, top, until):
    """What is offered as a mask is taken as one."""
    panel = window
    mask = panel.viewer.add_image((_three() > 0) * np.float32(top), name="mask", **layer_kwargs(GRID))
    panel.layer_choice.layer = mask
    assert panel.message.text() == ""
    assert len(_ids(panel)) == 1
    assert panel.table.regions.in_words(_ids(panel)[0]).startswith(f"region {_ids(panel)[0]}: 78 voxels")


def test_the_preview_goes_with_the_tab(window, until):
    """Behind the tab of another dock nothing tells whose the outlines are, and painting should not wait for them."""
    from qtpy.QtWidgets import QLabel

    panel, viewer = window, window.viewer
    layer = _add(panel)
    other = viewer.window.add_dock_widget(QLabel("other"), area="right", name="other")
    viewer.window._qt_window.tabifyDockWidget(panel.parent(), other)
    panel.parent().raise_()
    QApplication.processEvents()
    _choose(panel, "Dilate")
    until(lambda: panel.edit.preview.layer is not None)
    other.raise_()
    until(lambda: panel.edit.preview.layer is None)
    layer.data_setitem((np.array([0]), np.array([0]), np.array([0])), 1)
    until(lambda: not panel.edit._settled.isActive())
    assert panel.edit.preview.layer is None
    panel.parent().raise_()
    until(lambda: panel.edit.preview.layer is not None)
    viewer.window.remove_dock_widget(other.widget())
    assert panel.edit.preview.layer is not None


def test_a_panel_that_is_closed_goes_at_once(make_napari_viewer, until):
    """Nothing of ours holds it in a circle: what waits for Python's collector may take Qt down with it."""
    import gc
    import weakref

    def opened_and_closed():
        panel = _open(make_napari_viewer)
        _add(panel)
        _choose(panel, "Dilate")
        until(lambda: panel.edit.preview.layer is not None)
        panel.viewer.window.remove_dock_widget(panel)
        return weakref.ref(panel)

    def is_gone():
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        gc.collect()
        return kept() is None

    kept = opened_and_closed()
    until(is_gone, 5.0)


def test_a_layer_deleted_in_mid_preview(window, hand, until):
    """Nothing is left behind, and one sentence is said; so too where the preview itself is deleted."""
    panel, layer = window, _add(window)
    viewer = panel.viewer
    _choose(panel, "Erode")
    until(lambda: panel.edit.preview.layer is not None)
    viewer.layers.remove(panel.edit.preview.layer)
    assert panel.message.text() == "The preview was removed: tick Preview to see it again."
    assert not panel.edit.preview_box.isChecked()
    panel.edit.preview_box.click()
    until(lambda: panel.edit.preview.layer is not None)
    hand(viewer).press(LEFT)
    viewer.layers.remove(layer)
    assert panel.message.text() == "atlas was removed, and what was shown of it."
    until(lambda: [each.name for each in viewer.layers] == ["T1w"])
    assert panel.edit.account.text() == ""
    assert _ids(panel) == []
    assert panel.about.text() == "Choose a labels layer, or press New to paint regions."


def test_a_panel_closed_in_mid_preview(make_napari_viewer, until):
    """The preview goes with the panel, and so does what listened to the mouse; the layer stays, and its names follow undo."""
    panel = _open(make_napari_viewer)  # no fixture: pytest would keep the widget until all has been checked
    layer = _add(panel)
    viewer = panel.viewer
    callbacks = len(viewer.mouse_move_callbacks), len(viewer.mouse_drag_callbacks)
    _choose(panel, "Split hemispheres at x = 0")
    _click(panel.edit.apply_button)
    _choose(panel, "Dilate")
    until(lambda: panel.edit.preview.layer is not None)
    panel.tabs.setCurrentIndex(1)
    until(lambda: panel.edit.preview.layer is None)
    panel.tabs.setCurrentIndex(0)
    until(lambda: panel.edit.preview.layer is not None)
    viewer.window.remove_dock_widget(panel)
    assert [each.name for each in viewer.layers] == ["T1w", "atlas"]
    assert (len(viewer.mouse_move_callbacks), len(viewer.mouse_drag_callbacks)) == (callbacks[0] - 1, callbacks[1] - 1)
    layer.undo()
    assert _names(layer) == {1: "left", 2: "right", 4: "middle"}


def test_closing_napari_in_mid_preview_leaves_nothing(make_napari_viewer, until):
    """With a preview on, another one due, and a table to be made anew."""
    panel = _open(make_napari_viewer)
    layer = _add(panel)
    _choose(panel, "Dilate")
    until(lambda: panel.edit.preview.layer is not None)
    panel.edit._forms["Dilate"].container["iterations"].value = 2
    layer.paint((5, 5, 5), 3)
    panel.viewer.close()


def test_save_and_read_back(window, tmp_path):
    """Labels, names and origins come back as they were; where they cannot be written, a sentence says why."""
    panel = window
    layer = _add(panel, origins=origins_to_dict({2: (TEST,)}))
    panel.regions.rename(4, "FFA")
    panel.save(str(tmp_path / "atlas.nii.gz"))
    assert panel.message.text().startswith("Saved atlas.nii.gz, atlas.tsv")
    back = load_regions(tmp_path / "atlas.nii.gz")
    assert np.array_equal(back.labels, layer.data)
    assert list(back.table["name"]) == ["left", "right", "FFA"]
    assert back.origins == {2: (TEST,)}
    panel.save(str(tmp_path / "nowhere" / "atlas.nii.gz"))
    assert panel.message.text().startswith("Not saved: there is no folder")


@pytest.mark.parametrize("kind", ["negative", "large", "empty"])
def test_labels_of_other_makers(window, kind, until):
    """Negative labels are one sentence, ids to 9170 are like others, and an empty layer says what to do."""
    panel = window
    labels = _three().astype(np.int32)
    if kind == "negative":
        labels[0, 0, 0] = -3
    elif kind == "large":
        labels[labels == 4] = 9170
    else:
        labels[:] = 0
    _add(panel, labels)
    _choose(panel, "Dilate")
    until(lambda: panel.edit.account.text() != "")
    if kind == "negative":
        assert panel.edit.account.text().startswith("The labels must not be negative, and the smallest given is -3")
        _click(panel.edit.apply_button)
        assert panel.message.text().startswith("The labels must not be negative")
        assert panel.about.text() == "", "it has regions, although none can be shown"
    elif kind == "large":
        assert _ids(panel) == [1, 2, 9170]
        _click(panel.edit.apply_button)
        assert panel.regions.labels.max() == 9170
        assert panel.message.text().startswith("Dilated: 3 regions")
    else:
        assert panel.edit.account.text().startswith("atlas has no regions yet")


def test_an_oblique_grid_under_a_run(window, until):
    """Places in the table are true mm, the viewer goes to the voxels that are meant; time stays where it is."""
    panel, viewer = window, window.viewer
    turn = np.array([[0.96, 0.28, 0], [-0.28, 0.96, 0], [0, 0, 1]]) * 6
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turn, (-40, -20, -27)
    grid = Grid(GRID.shape, affine)
    run = np.zeros((4, *GRID.shape), np.float32)
    viewer.add_image(run, name="run", contrast_limits=(0, 1), **layer_kwargs(grid, tr=2.0, time=True, role="run"))
    _click(panel.new_button)
    layer = panel.regions.layer
    layer.data_setitem((np.array([5]), np.array([7]), np.array([9])), 3)
    until(lambda: _ids(panel) == [3])
    viewer.dims.set_point(0, 2.0)
    panel.table.selectRow(0)
    assert layer.world_to_data(viewer.dims.point) == pytest.approx((5, 7, 9), abs=0.5)  # the sliders have steps
    assert viewer.dims.point[0] == 2.0
    assert panel.table.regions.place(3) == pytest.approx(grid.to_mm((9, 7, 5)))
    _choose(panel, "Dilate")
    until(lambda: panel.edit.preview.layer is not None)
    assert panel.edit.preview.layer.translate == pytest.approx(layer.translate)
