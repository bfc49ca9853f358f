"""The dock of seeds in a real window, with a real mouse and keyboard."""

import gc
import weakref

import numpy as np
import pandas as pd
import pytest
from napari.layers import Labels
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QLineEdit

from napari_connectome import Grid, Run
from napari_connectome.core.networks import network_seeds
from napari_connectome.core.seeds import DEFAULT_RADIUS
from napari_connectome.io.seed_table import read_seeds
from napari_connectome.layers import results
from napari_connectome.layers.orientation import convention, show_plane
from napari_connectome.layers.seed_layer import is_seeds
from napari_connectome.layers.seed_spheres import ROLE
from napari_connectome.layers.seeds import SeedPoints
from napari_connectome.layers.spatial import layer_kwargs, to_mm, to_world
from napari_connectome.widgets.seed_table import HEADERS, WARNING
from napari_connectome.widgets.sphere_seeds import SphereSeeds

_TILT = np.array([[0.95, -0.29, 0.1], [0.29, 0.95, 0.05], [-0.11, -0.02, 0.99]]) @ np.diag([6.0, 6.0, 6.0])
OBLIQUE = Grid((10, 14, 12), np.vstack([np.column_stack([_TILT, [-20, -45, -25]]), [0, 0, 0, 1]]))


@pytest.fixture
def opened(make_napari_viewer, small_run, add_run):
    def open_it(run=None, show=True):
        viewer = make_napari_viewer(show=show)
        add_run(viewer, run or small_run.run)
        widget = SphereSeeds(viewer)
        viewer.window.add_dock_widget(widget, name="Sphere seeds")
        QApplication.processEvents()
        return viewer, widget

    return open_it


def shown(widget):
    """The table as a person reads it."""
    return [[widget.table.item(row, column).text() for column in range(len(HEADERS))] for row in range(widget.table.rowCount())]


def check(widget):
    """What is shown is what the layer holds."""
    table = widget.seeds.table
    counts = widget.spheres.spheres.counts[:, 1]
    cells = shown(widget)
    assert len(cells) == len(table)
    for row, seed in enumerate(table.itertuples(index=False)):
        assert cells[row][0] == seed.name
        np.testing.assert_allclose([float(text) for text in cells[row][1:5]], seed[1:], atol=0.0501)
        assert cells[row][5] == str(counts[row])
    np.testing.assert_allclose(
        widget.seeds.mm, to_mm(widget.seeds.grid, [widget.seeds.layer.data_to_world(p) for p in widget.seeds.layer.data])
    )


def type_into(widget, row, column, text):
    table = widget.table
    table.setCurrentCell(row, HEADERS.index(column))
    table.editItem(table.item(row, HEADERS.index(column)))
    QApplication.processEvents()
    editor = next(editor for editor in table.findChildren(QLineEdit) if editor.isVisible())
    editor.selectAll()
    QTest.keyClicks(editor, text)
    QTest.keyClick(editor, Qt.Key.Key_Return)
    QApplication.processEvents()


@pytest.fixture
def told():
    said = []

    def listen(notification):
        said.append(notification.message)

    notification_manager.notification_ready.connect(listen)
    yield said
    notification_manager.notification_ready.disconnect(listen)


@pytest.mark.parametrize("grid", [None, OBLIQUE], ids=["straight", "oblique"])
def test_typed_millimetres_are_true_millimetres(opened, small_run, grid):
    run = small_run.run if grid is None else Run(small_run.run.data, grid, 2.0)
    viewer, widget = opened(run)
    QTest.mouseClick(widget.add_button, Qt.MouseButton.LeftButton)
    for column, text in (("x", "12.5"), ("y", "-6"), ("z", "9 mm"), ("name", "mine"), ("radius", "10")):
        type_into(widget, 0, column, text)
    assert widget.seeds.table.iloc[0].to_list() == ["mine", 12.5, -6, 9, 10]
    expected = run.grid.sphere((12.5, -6, 9), 10)
    layer = results.find(viewer, ROLE)
    np.testing.assert_array_equal(layer.data == 1, expected)
    assert shown(widget)[0][:6] == ["mine", "12.5", "-6", "9", "10", str(expected.sum())]
    np.testing.assert_allclose(viewer.dims.point[-3:], to_world(run.grid, (12.5, -6, 9)), atol=6)
    check(widget)


def test_bad_typing_is_told_once_and_the_old_value_comes_back(opened, told):
    _, widget = opened()
    widget.add_seeds(pd.DataFrame({"name": ["a", "b"], "x": [0.0, 6], "y": [0.0, 6], "z": [0.0, 6]}))
    before = widget.seeds.table
    for column, text in (("x", "left"), ("radius", "51"), ("radius", "-1"), ("name", "b"), ("name", "  "), ("z", "inf")):
        told.clear()
        type_into(widget, 0, column, text)
        assert len(told) == 1, (column, text, told)
        assert told[0].endswith(".")
        pd.testing.assert_frame_equal(widget.seeds.table, before)
        check(widget)


def test_a_click_adds_and_a_drag_moves_what_is_under_the_mouse(opened, small_run, hand, until):
    viewer, widget = opened()
    grid = small_run.run.grid
    viewer.reset_view()
    QTest.mouseClick(widget.click_button, Qt.MouseButton.LeftButton)
    assert widget.seeds.layer.mode == "add"
    z = viewer.dims.point[-3]
    places = [np.array([z, -15.0, -9.0]), np.array([z, 21.0, 9.0])]
    for place in places:
        hand(viewer).click(place)
    assert list(widget.seeds.table["name"]) == ["seed 1", "seed 2"]
    assert list(widget.seeds.table["radius"]) == [DEFAULT_RADIUS] * 2
    np.testing.assert_allclose(widget.seeds.mm, [to_mm(grid, p) for p in places], atol=1)
    QTest.mouseClick(widget.click_button, Qt.MouseButton.LeftButton)
    assert widget.seeds.layer.mode == "select"

    spheres = widget.spheres.layer
    rows, drawn = [], []
    widget.seeds.layer.events.set_data.connect(lambda: rows.append(tuple(shown(widget)[0][1:4])))
    spheres.events.set_data.connect(lambda: drawn.append(np.flatnonzero(spheres.data == 1).tobytes()))
    path = np.linspace(places[0], [z, 9.0, -9.0], 30)
    hand(viewer).drag(path)
    assert len(set(rows)) > 5, "the table stood still while the seed was dragged"
    assert len(set(drawn)) > 3, "the sphere stood still while the seed was dragged"
    np.testing.assert_allclose(widget.seeds.mm[0], to_mm(grid, path[-1]), atol=1)
    # The end of a drag draws all spheres anew, in another array: what counts is the one the layer holds.
    first, second = (grid.sphere(mm, DEFAULT_RADIUS) for mm in widget.seeds.mm)
    np.testing.assert_array_equal(spheres.data == 1, first & ~second)
    assert widget.seeds.current == 0
    until(lambda: not widget._look.isActive())
    check(widget)


def test_the_delete_key_deletes_in_the_image_and_in_the_table(opened):
    viewer, widget = opened()
    widget.add_seeds(pd.DataFrame({"name": list("abcd"), "x": [0.0, 6, 12, 18], "y": 0.0, "z": 0.0}))
    widget.seeds.selected = [1]
    viewer.layers.selection.active = widget.seeds.layer
    canvas = viewer.window._qt_viewer.canvas.native
    canvas.setFocus()
    QTest.keyClick(canvas, Qt.Key.Key_Delete)
    QApplication.processEvents()
    assert list(widget.seeds.table["name"]) == ["a", "c", "d"]
    widget.table.selectRow(2)
    widget.table.setFocus()
    QTest.keyClick(widget.table, Qt.Key.Key_Delete)
    QApplication.processEvents()
    assert list(widget.seeds.table["name"]) == ["a", "c"]
    check(widget)
    widget.table.selectAll()
    QTest.mouseClick(widget.delete_button, Qt.MouseButton.LeftButton)
    assert shown(widget) == []
    assert not widget.spheres.layer.data.any()


def test_rows_and_points_are_selected_together(opened):
    viewer, widget = opened(show=False)
    widget.add_seeds(pd.DataFrame({"name": list("abc"), "x": [0.0, 6, 12], "y": 0.0, "z": [-12.0, 0, 12]}))
    widget.table.selectRow(2)
    assert widget.seeds.selected == [2]
    assert viewer.dims.point[-3] == pytest.approx(12, abs=3.01)
    widget.seeds.layer.selected_data = {0, 1}
    assert sorted({index.row() for index in widget.table.selectedIndexes()}) == [0, 1]
    widget.radius.number = 5
    assert list(widget.seeds.table["radius"]) == [5, 5, 8]
    widget.go.setChecked(False)
    widget.table.selectRow(0)
    assert viewer.dims.point[-3] == pytest.approx(12, abs=3.01)


def test_import_and_export(opened, tmp_path, told):
    _, widget = opened(show=False)
    widget.export_file(tmp_path / "none.tsv")
    assert len(told) == 1
    widget.add_seeds(
        pd.DataFrame({"name": ["a", "b"], "x": [0.25, 6], "y": [0.0, 1e-3], "z": [0.0, -6], "radius": [4.5, None]})
    )
    widget.export_file(tmp_path / "seeds.csv")
    pd.testing.assert_frame_equal(read_seeds(tmp_path / "seeds.csv"), widget.seeds.table, check_dtype=False)
    before = widget.seeds.table
    widget.seeds.remove([0, 1])
    widget.import_file(tmp_path / "seeds.csv")
    pd.testing.assert_frame_equal(widget.seeds.table, before)
    (tmp_path / "bad.csv").write_text("x,y\n1,2\n")
    widget.import_file(tmp_path / "bad.csv")
    assert len(told) == 2
    pd.testing.assert_frame_equal(widget.seeds.table, before)
    (tmp_path / "wide.csv").write_text("x,y,z,radius\n1,2,3,400\n")
    widget.import_file(tmp_path / "wide.csv")
    assert len(told) == 3
    check(widget)


def test_presets(opened):
    _, widget = opened(show=False)
    menus = [action.menu() for action in widget.presets.menu().actions()]
    everything = network_seeds()
    assert [menu.title() for menu in menus] == list(everything["network"].unique())
    menus[0].actions()[0].trigger()
    first = everything[everything["network"] == "default mode"]
    assert list(widget.seeds.table["name"]) == list(first["name"])
    np.testing.assert_allclose(widget.seeds.mm, first[["x", "y", "z"]])
    menus[1].actions()[2].trigger()
    assert widget.seeds.table["name"].iloc[-1] == "dACC"
    assert widget.seeds.current == len(first)
    check(widget)


def test_what_is_there_is_not_added_again_but_selected(opened, tmp_path, told):
    _, widget = opened(show=False)
    menus = [action.menu() for action in widget.presets.menu().actions()]
    menus[0].actions()[2].trigger()
    menus[0].actions()[0].trigger()
    whole = widget.seeds.table
    assert list(whole["name"]) == ["PCC", "mPFC", "L IPL", "R IPL"]
    menus[0].actions()[4].trigger()
    assert widget.seeds.selected == [2]
    menus[0].actions()[0].trigger()
    assert widget.seeds.selected == [0]
    widget.export_file(tmp_path / "seeds.tsv")
    widget.import_file(tmp_path / "seeds.tsv")
    (tmp_path / "unnamed.csv").write_text("x,y,z\n3,4,5\n3,4,5.5\n")
    for _ in range(2):
        widget.import_file(tmp_path / "unnamed.csv")
        assert widget.seeds.selected == [4]
    pd.testing.assert_frame_equal(widget.seeds.table.iloc[:4], whole)
    assert len(widget.seeds) == 6
    widget.seeds.set(0, radius=5)
    menus[0].actions()[2].trigger()
    assert widget.seeds.table.iloc[-1][["name", "radius"]].to_list() == ["PCC (2)", DEFAULT_RADIUS]
    assert told == []
    check(widget)


def test_what_is_wrong_with_the_place_is_said(opened, small_run):
    viewer, widget = opened(show=False)
    widget.add_seeds(
        pd.DataFrame({"name": ["in", "near", "air", "out"], "x": [0, 6, -33, 0], "y": [0, 0, -39, 0], "z": [0, 0, -27, 200]})
    )
    assert "outside the grid" in shown(widget)[3][6]
    assert shown(widget)[2][6] == ""
    kwargs = layer_kwargs(small_run.run.grid, role="mask")
    viewer.add_labels(small_run.brain.astype(np.uint8), name="brain", **kwargs)
    assert shown(widget)[2][6] == "no voxel in the brain mask"
    assert "overlaps near in" in shown(widget)[0][6]
    widget.table.selectRow(2)
    assert widget.message.text() == "air: no voxel in the brain mask"
    orange = [widget.table.item(row, 6).foreground().color() == WARNING for row in range(4)]
    assert orange == [False, False, True, True], "overlaps are no trouble"
    viewer.layers.remove("brain")
    assert shown(widget)[2][6] == ""
    assert widget.table.item(2, 6).foreground().color() != WARNING
    check(widget)


def test_the_status_is_that_of_the_mask_as_it_is(opened, small_run, until):
    viewer, widget = opened(show=False)
    grid = small_run.run.grid
    widget.add_seeds(pd.DataFrame({"name": ["here"], "x": [0.0], "y": [0.0], "z": [3.0]}))
    total = shown(widget)[0][5]

    def show(mask):
        layer = Labels(mask.astype(np.uint8), name="Brain mask", **layer_kwargs(grid))
        return results.show(viewer, layer, "mask", "somebody", guard=True)

    def says(status):
        until(lambda: shown(widget)[0][6] == status)
        check(widget)

    layer = show(np.zeros(grid.shape))
    says("no voxel in the brain mask")
    for visible in (False, True):  # in 3-D a mask is hidden
        layer.visible = visible
        assert show(small_run.brain) is layer
        says("")
        assert show(np.zeros(grid.shape)) is layer
        says("no voxel in the brain mask")
    layer.data_setitem(np.unravel_index(grid.sphere_voxels((0, 0, 3), 0), grid.shape), 1)
    says(f"1 of {total} voxels in the brain")
    layer.undo()
    says("no voxel in the brain mask")
    layer.paint((4, 6, 5), 1)
    newer = show(small_run.brain)
    assert newer is not layer, "what was painted is kept"
    says("")
    layer = newer
    layer.data = np.zeros((3, 4, 5), np.uint8)
    until(lambda: widget.layers.brain.layer is not layer)
    widget.layers.brain.setCurrentIndex(0)
    widget.layers.brain.activated.emit(0)
    show(np.zeros(grid.shape))
    says("")


def test_other_data_in_the_image_are_another_grid(opened, small_run, until, told):
    viewer, widget = opened(show=False)
    run, layer = small_run.run, viewer.layers["run"]
    widget.add_seeds(pd.DataFrame({"name": ["a", "b"], "x": [0.0, 12], "y": [0.0, 6], "z": [3.0, -6]}))
    before = widget.seeds.table
    brain = viewer.add_labels(small_run.brain.astype(np.uint8), **layer_kwargs(run.grid, role="mask"))
    assert widget.layers.brain.layer is brain
    layer.data = run.data[:, :8, :, :9]
    small = Grid((8, 14, 9), run.grid.affine)
    until(lambda: widget.seeds.grid == small)
    pd.testing.assert_frame_equal(widget.seeds.table, before)
    np.testing.assert_array_equal(widget.spheres.layer.data == 1, small.sphere((0, 0, 3), 8) & ~small.sphere((12, 6, -6), 8))
    assert widget.layers.brain.layer is None
    check(widget)
    layer.scale = (2, 3, 3, 3)
    until(lambda: widget.seeds.grid.voxel_size == (3, 3, 3))
    pd.testing.assert_frame_equal(widget.seeds.table, before)
    check(widget)
    layer.data = run.data
    layer.scale = (2, 6, 6, 6)
    until(lambda: widget.layers.brain.layer is brain)
    check(widget)
    layer.data = run.data[0]  # no run any more, but still an image
    until(lambda: widget.seeds.grid.matches(run.grid))
    widget.add()
    check(widget)
    assert told == []


def test_going_to_a_seed_in_3d_puts_it_in_the_middle(opened):
    viewer, widget = opened(show=False)
    widget.add_seeds(pd.DataFrame({"name": list("ab"), "x": [0.0, 12], "y": [0.0, 6], "z": [3.0, -6]}))
    for plane in ("axial", "sagittal"):
        show_plane(viewer, plane)
        viewer.dims.ndisplay = 3
        for row, place in enumerate([(3, 0, 0), (-6, 6, 12)]):
            widget.table.selectRow(row)
            centre = dict(zip(viewer.dims.displayed, viewer.scene.camera.center, strict=True))
            np.testing.assert_allclose([centre[axis] for axis in (1, 2, 3)], place)
    widget.go.setChecked(False)
    widget.table.selectRow(0)
    np.testing.assert_allclose(sorted(viewer.scene.camera.center), [-6, 6, 12])


def test_left_is_left_with_this_dock_alone(opened):
    viewer, _ = opened()
    assert convention(viewer) == "neurological"
    assert viewer.canvas.overlays["connectome_middle_left"].text == "L"


def test_layers_may_go_and_be_renamed_while_it_is_open(opened, small_run, add_run):
    viewer, widget = opened(show=False)
    widget.add()
    layer = widget.seeds.layer
    layer.name = "my seeds"
    viewer.layers["run"].name = "another name"
    widget.add()
    assert list(widget.seeds.table["name"]) == ["seed 1", "seed 2"]
    viewer.layers.remove(layer)
    assert widget.seeds is None
    assert shown(widget) == []
    assert results.find(viewer, ROLE) is None
    widget.add()
    assert widget.seeds.layer is not layer
    viewer.layers.remove(widget.spheres.layer)
    widget.add()
    check(widget)
    viewer.layers.remove("another name")
    assert not widget.add_button.isEnabled()
    viewer.layers.clear()
    widget.add()
    assert widget.seeds is None
    add_run(viewer, small_run.run)
    widget.add()
    check(widget)


def test_seeds_made_elsewhere_are_taken_and_a_run_is_preferred(make_napari_viewer, small_run, add_run):
    viewer = make_napari_viewer()
    grid = small_run.run.grid
    widget = SphereSeeds(viewer)
    viewer.window.add_dock_widget(widget)
    viewer.add_image(np.zeros(grid.shape), name="anatomy", **layer_kwargs(grid))
    assert widget.layers.image.layer.name == "anatomy"
    add_run(viewer, small_run.run)
    assert widget.layers.image.layer.name == "run"
    seeds = SeedPoints.create(viewer, grid, pd.DataFrame({"x": [0.0], "y": [0.0], "z": [0.0]}))
    assert widget.seeds.layer is seeds.layer
    seeds.add("more", (6, 6, 6))
    check(widget)


def test_points_of_the_user_are_taken_when_chosen(opened, small_run):
    viewer, widget = opened(show=False)
    grid = small_run.run.grid
    layer = viewer.add_points(
        np.array([[0, 1, 2, 3], [0, 4, 5, 6]]), scale=viewer.layers["run"].scale, translate=viewer.layers["run"].translate
    )
    assert widget.seeds is None
    widget.layers.points.layer = layer
    np.testing.assert_allclose(widget.seeds.mm, grid.to_mm([[3, 2, 1], [6, 5, 4]]))
    assert widget.layers.points.layer is widget.seeds.layer
    assert is_seeds(widget.seeds.layer)
    check(widget)


def test_it_lets_go_when_its_dock_is_closed(opened):
    viewer, widget = opened()
    widget.add()
    layer = widget.seeds.layer
    layers = list(viewer.layers)
    gone = weakref.ref(widget)
    viewer.window.remove_dock_widget(widget)
    del widget
    for _ in range(3):
        QApplication.processEvents()
        gc.collect()
    layer.add([1.0, 1, 1])
    layer.mode = "add"
    viewer.dims.ndisplay = 3
    assert gone() is None
    assert list(viewer.layers) == layers


def test_the_viewer_may_close_first(opened, told):
    viewer, widget = opened()
    widget.add()
    layer = widget.seeds.layer
    viewer.close()
    for _ in range(3):
        QApplication.processEvents()
    layer.data = layer.data + 1
    viewer.layers.clear()
    assert told == []
