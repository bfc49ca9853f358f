"""The ROI t-test in a real window, with a real mouse."""

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel

from napari_connectome import ConditionTest, condition_test
from napari_connectome.core.design import Timing, design_of_labels
from napari_connectome.io.design import load_design
from napari_connectome.layers.contrast_maps import MASK, STATISTIC, of_test
from napari_connectome.layers.reader import read
from napari_connectome.layers.spatial import info, layer_kwargs, run_of, to_world

LABELS = np.repeat(np.tile(["rest", "face", "house"], 6), 5)
TABLE = pd.DataFrame({"labels": LABELS, "chunks": np.repeat([0, 1, 2], 30)})


@pytest.fixture(scope="module")
def task(small_run):
    """The small run with faces in front and houses on the left."""
    data = small_run.run.data.copy()
    for condition, place in (("face", "front"), ("house", "left")):
        shown = np.flatnonzero(condition == LABELS)
        data[shown] += 30 * small_run.run.grid.sphere(small_run.places[place], 9)
    return small_run.run.replace(data=data)


@pytest.fixture
def opened(make_napari_viewer, qtbot, task, add_run):
    """A viewer with the run, and the widget: docked in a window, or, where the picture does not matter, by itself."""
    kept = []

    def open_it(run=task, table=TABLE, window=False, **known):
        from napari_connectome.widgets.roi_t_test import RoiTTest

        viewer = make_napari_viewer(show=True) if window else ViewerModel()
        layer = None if run is None else add_run(viewer, run, labels_table=table, **known)
        widget = RoiTTest(viewer)
        if window:
            viewer.window.add_dock_widget(widget, name="ROI t-test")
        else:
            qtbot.addWidget(widget)
            widget.resize(300, 800)
            widget.show()
            kept.append(widget)
        return viewer, layer, widget

    return open_it


def _test(widget, until):
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest

    QTest.mouseClick(widget.test_button, Qt.MouseButton.LeftButton)
    until(lambda: not widget.work.busy)
    assert widget.threshold.shown is not None, widget.message.text()
    return widget.threshold.shown


def _settled(widget, until):
    until(lambda: not widget._again.isActive() and not widget.work.busy)
    return widget.threshold.shown


def _choose(box, text):
    index = box.findText(text)
    assert index >= 0, [box.itemText(i) for i in range(box.count())]
    box.setCurrentIndex(index)
    box.activated.emit(index)


def _drag(slider, values):
    """Drag the handle of a slider over these values; yield at each."""
    from qtpy.QtWidgets import QApplication

    from tools.mouse import drag_handle

    moves = drag_handle(slider, values)
    next(moves)
    for _ in values:
        next(moves, None)
        QApplication.processEvents()
        yield


def _expected(run, table=TABLE, timing=None, **params):
    return condition_test(run, design_of_labels(table, run.n_volumes, run.tr, timing), ConditionTest(**params))


def test_one_press_gives_the_maps_and_the_mask(opened, task, until):
    viewer, run_layer, widget = opened(window=True)
    before = dict(info(run_layer))
    assert not widget.threshold.isEnabled()
    assert (widget.conditions.a, widget.conditions.b) == ("face", "house")
    shown = _test(widget, until)
    expected = _expected(task)
    np.testing.assert_array_equal(shown.statistic_layer.data, expected.t.data)
    np.testing.assert_array_equal(shown.log_p_layer.data, expected.log_p.data)
    np.testing.assert_array_equal(shown.mask_layer.data, expected.log_p.data >= 5)
    assert widget.account.text() == "face (30) > house (30) volumes, 58 degrees of freedom."
    voxels = int((expected.log_p.data >= 5).sum())
    assert widget.threshold.account.text().startswith(f"{voxels:,} voxels, {voxels * 216:,} mm³ (")
    assert widget.threshold.isEnabled()
    assert not widget.message.text()
    assert info(run_layer) == before
    assert sum(of_test(layer) for layer in viewer.layers) == 4
    assert widget.column.parentWidget().minimumSizeHint().width() <= 300, "it does not fit a narrow dock"
    peak = to_world(task.grid, shown.peak_mm)
    np.testing.assert_allclose(viewer.dims.point[-3:], peak, atol=3.1)


def test_dragging_the_slider_moves_the_mask(opened, task, until):
    _, _, widget = opened(window=True)
    shown = _test(widget, until)
    data, log_p = shown.mask_layer.data, _expected(task).log_p.data
    slider, seen = widget.threshold.number.slider, set()
    assert slider.value() == 200
    for _ in _drag(slider, list(range(210, 390, 10)) + list(range(380, 60, -20))):
        value = widget.threshold.number.number
        assert shown.mask_layer.data is data
        np.testing.assert_array_equal(data, log_p >= value)
        assert widget.threshold.account.text().startswith(f"{int(data.sum()):,} voxel")
        assert info(shown.mask_layer)["origins"][1][0]["threshold"] == f"-log10 p ≥ {value:g}"
        seen.add((value, int(data.sum())))
    assert len({value for value, _ in seen}) > 15
    assert len({voxels for _, voxels in seen}) > 8


def test_a_typed_number_is_taken_exactly_and_each_way_keeps_its_own(opened, task, until):
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest

    _, _, widget = opened()
    shown = _test(widget, until)
    result, panel = _expected(task), widget.threshold
    panel.number.box.selectAll()
    QTest.keyClicks(panel.number.box, "3.21")
    QTest.keyClick(panel.number.box, Qt.Key.Key_Return)
    np.testing.assert_array_equal(shown.mask_layer.data, result.log_p.data >= 3.21)
    before = shown.mask_layer.data.copy()
    _choose(panel.way_choice, "|t| ≥")
    assert shown.mask_layer.data[before > 0].all(), "going over to t keeps the mask, but for rounding"
    assert abs(int(shown.mask_layer.data.sum()) - int(before.sum())) <= 2
    _choose(panel.way_choice, "Bonferroni p ≤")
    tested = result.t.data != 0
    np.testing.assert_array_equal(shown.mask_layer.data, tested & (result.p.data <= 0.05 / tested.sum()))
    _choose(panel.way_choice, "-log10 p ≥")
    assert panel.number.number == 3.21
    np.testing.assert_array_equal(shown.mask_layer.data, before)


def test_every_way_can_be_dragged_over_its_range(opened, until):
    _, _, widget = opened()
    shown = _test(widget, until)
    panel = widget.threshold
    for i in range(panel.way_choice.count()):
        panel.way_choice.setCurrentIndex(i)
        panel.way_choice.activated.emit(i)
        sizes = [shown.mask_account.voxels for _ in _drag(panel.number.slider, [0, 100, 200, 300, 400])]
        falls = panel.way_choice.currentText().endswith("≥")
        assert sizes == sorted(sizes, reverse=falls), panel.way_choice.currentText()
        assert not widget.message.text()


def test_sides_cluster_size_and_within(opened, task, until):
    viewer, _, widget = opened()
    inside = np.zeros(task.grid.shape, dtype=np.uint8)
    inside[:, 7:] = 1
    front = viewer.add_labels(inside, name="front half", **layer_kwargs(task.grid))
    viewer.add_labels(np.ones((3, 3, 3), dtype=np.uint8), name="elsewhere", **layer_kwargs(task.grid))
    shown = _test(widget, until)
    result, panel = _expected(task), widget.threshold
    high = result.log_p.data >= 5
    _choose(panel.side_choice, "face > house")
    np.testing.assert_array_equal(shown.mask_layer.data, high & (result.t.data > 0))
    _choose(panel.side_choice, "house > face")
    np.testing.assert_array_equal(shown.mask_layer.data, high & (result.t.data < 0))
    _choose(panel.side_choice, "both")
    offered = [panel.within_choice.itemText(i) for i in range(panel.within_choice.count())]
    assert offered == ["everywhere", "front half"]
    panel.within_choice.layer = front
    np.testing.assert_array_equal(shown.mask_layer.data, high & (inside > 0))
    assert info(shown.mask_layer)["origins"][1][0]["threshold"].endswith("within front half")
    front.scale = front.scale * 2
    until(widget.message.text)
    assert widget.message.text() == "front half is on another grid now: the mask is no longer limited to it."
    np.testing.assert_array_equal(shown.mask_layer.data, high)
    front.scale = front.scale / 2
    panel.within_choice.reset()
    panel.within_choice.layer = front
    assert not widget.message.text()
    viewer.layers.remove(front)
    assert widget.message.text() == "front half was removed from the viewer: the mask is no longer limited to it."
    np.testing.assert_array_equal(shown.mask_layer.data, high)
    panel.size.value = panel.size.value.replace(cluster_size=1000)
    assert not widget.message.text()
    assert not shown.mask_layer.data.any()
    assert panel.size_mm3.text() == "216,000 mm³"
    assert panel.account.text().startswith("0 voxels, 0 mm³ (0 clusters). The strongest voxel: t ")


def test_the_clip_of_log_p_is_what_the_slider_goes_to(opened, task, until):
    _, _, widget = opened()
    shown = _test(widget, until)
    form = widget.threshold.clip_form
    form.value = form.value.replace(clip=15.0)
    assert shown.log_p_layer.data.max() == np.float32(min(15.0, -np.log10(_expected(task).p.data.min())))
    for _ in _drag(widget.threshold.number.slider, [400]):
        assert widget.threshold.number.number == 15.0
    assert widget.parameters().clip == 15.0


def test_options_test_again_by_themselves_and_renew_the_layers(opened, task, until):
    viewer, _, widget = opened()
    shown = _test(widget, until)
    layers, mask = list(viewer.layers), shown.mask_layer
    widget.conditions.choose("face", "rest")
    shown = _settled(widget, until)
    assert shown.result.contrast == "face > rest"
    np.testing.assert_array_equal(shown.statistic_layer.data, _expected(task, b="rest").t.data)
    widget.form.value = widget.form.value.replace(fwhm=0.0, test="welch")
    widget.design.timing.value = Timing(delay=2.0)
    shown = _settled(widget, until)
    expected = _expected(task, timing=Timing(delay=2.0), b="rest", fwhm=0.0, test="welch")
    assert f"at least {expected.dof:.4g} degrees of freedom." in widget.account.text()
    np.testing.assert_array_equal(shown.statistic_layer.data, expected.t.data)
    np.testing.assert_array_equal(mask.data, expected.log_p.data >= 5)
    assert shown.mask_layer is mask
    assert list(viewer.layers) == layers
    assert mask.name == "Mask face > rest"
    assert "2 s later" in widget.design_section.text()


def test_an_f_test_of_ticked_conditions(opened, task, until):
    _, _, widget = opened()
    _test(widget, until)
    _choose(widget.form.widget("test"), "F, several")
    assert widget.conditions.pair.isHidden()
    shown = _settled(widget, until)
    expected = _expected(task, test="f")
    np.testing.assert_array_equal(shown.statistic_layer.data, expected.t.data)
    assert shown.result.contrast == "F: face, house"
    assert widget.threshold.side_choice.count() == 1
    widget.conditions.show_only(("rest", "face", "house"))
    shown = _settled(widget, until)
    assert shown.result.contrast == "F: rest, face, house"
    assert widget.account.text() == "rest (30), face (30), house (30) volumes, 2 and 87 degrees of freedom."
    assert widget.threshold.way_choice.itemText(1) == "F ≥"
    widget.conditions.show_only(("face",))
    _settled(widget, until)
    assert "tick those to compare" in widget.message.text()
    assert "still those of F: rest, face, house" in widget.message.text()


WRONG = [
    ({"labels_table": None}, "There is no design for run"),
    ({"labels_table": TABLE.iloc[:70]}, "70 rows"),
    ({"labels_table": pd.concat([TABLE, TABLE])}, "180 rows"),
    ({"labels_table": pd.DataFrame({"labels": ["face", *["house"] * 89]})}, "'face' has 1 volume, and 2 are needed"),
    ({"labels_table": pd.DataFrame({"labels": ["face"] * 90})}, "A t-test compares two conditions, and the design has one"),
    ({"labels_table": pd.DataFrame({"labels": [""] * 90})}, "no label"),
    (
        {"labels_table": pd.DataFrame({"onset": [900.0], "duration": [1.0], "trial_type": ["face"]})},
        "falls on a volume of the run",
    ),
    ({"tr_question": "the header says 0"}, "The TR of run is not known"),
]


def test_what_cannot_be_tested_is_told_in_a_sentence(opened, task, add_run, until):
    viewer, _, widget = opened(run=None)
    widget.test_button.click()
    assert "There is no run: open a 4-D image" in widget.message.text()
    for known, sentence in WRONG:
        layer = add_run(viewer, task, **{"labels_table": TABLE, **known})
        widget.test_button.click()
        until(lambda: not widget.work.busy)
        assert sentence in widget.message.text()
        assert widget.message.text().endswith(".")
        assert list(viewer.layers) == [layer]
        assert not widget.threshold.isEnabled()
        viewer.layers.remove(layer)


def test_a_mistake_after_a_test_leaves_the_maps_and_says_so(opened, task, tmp_path, until):
    _, _, widget = opened()
    shown = _test(widget, until)
    before = shown.mask_layer.data.copy()
    path = tmp_path / "labels.txt"
    path.write_text("\n".join(["face", *["cat"] * 89]))
    widget.design.open_file(path)
    _settled(widget, until)
    assert "'face' has 1 volume" in widget.message.text()
    assert widget.message.text().endswith("The maps shown are still those of face > house as tested before.")
    np.testing.assert_array_equal(shown.mask_layer.data, before)


def test_what_is_painted_in_the_mask_stays(opened, task, hand, until):
    viewer, _, widget = opened(window=True)
    shown = _test(widget, until)
    mask = shown.mask_layer
    viewer.layers.selection.active = mask
    mask.mode, mask.selected_label, mask.brush_size = "paint", 1, 3
    viewer.reset_view()
    place = to_world(task.grid, (21.0, -21.0, shown.peak_mm[2]))
    hand(viewer).click(place)
    painted = mask.data.copy()
    assert painted.sum() > shown.mask_account.voxels, "nothing was painted"
    for _ in _drag(widget.threshold.number.slider, [300, 350]):
        pass
    np.testing.assert_array_equal(mask.data, painted)
    new = widget.threshold.shown.mask_layer
    assert new is not mask
    np.testing.assert_array_equal(new.data, _expected(task).log_p.data >= widget.threshold.number.number)
    assert viewer.layers.selection.active is mask, "the brush stays in the hand"


def test_a_removed_mask_is_told_and_comes_back(opened, until):
    viewer, _, widget = opened()
    shown = _test(widget, until)
    viewer.layers.remove(shown.mask_layer)
    assert widget.message.text() == "The mask was removed from the viewer: move the threshold for a new one."
    viewer.layers.remove(shown.statistic_layer)
    for _ in _drag(widget.threshold.number.slider, [300]):
        pass
    assert shown.mask_layer in viewer.layers
    assert not widget.message.text()
    _test(widget, until)
    assert {info(layer).get("role") for layer in viewer.layers} >= {MASK, STATISTIC}


def test_taking_out_all_layers_adds_none(opened, task, until):
    viewer, _, widget = opened()
    inside = viewer.add_labels(np.ones(task.grid.shape, dtype=np.uint8), name="all", **layer_kwargs(task.grid))
    viewer.layers.move(viewer.layers.index(inside), 0)
    _test(widget, until)
    widget.threshold.within_choice.layer = inside
    viewer.layers.select_all()
    viewer.layers.remove_selected()
    assert not len(viewer.layers)


def test_another_run_is_not_mixed_with_the_one_before(opened, task, add_run, until):
    viewer, _, widget = opened()
    shown = _test(widget, until)
    mask, before = shown.mask_layer, shown.mask_layer.data.copy()
    other = task.replace(data=task.data[:, :, :, ::-1].copy())
    layer = add_run(viewer, other, name="other", labels_table=TABLE)
    widget.run_choice.layer = layer
    assert widget.threshold.shown is None
    assert not widget.threshold.isEnabled()
    assert not widget.account.text()
    shown = _test(widget, until)
    np.testing.assert_array_equal(mask.data, before)
    np.testing.assert_array_equal(shown.mask_layer.data, _expected(other).log_p.data >= 5)
    viewer.layers.remove(layer)
    assert widget.threshold.shown is None
    assert widget.run_choice.layer is not None


def test_a_run_that_is_changed_while_it_is_tested(opened, task, add_run, until, monkeypatch):
    from napari_connectome.widgets import roi_t_test

    viewer, _, widget = opened(window=True)
    layer = add_run(viewer, task, name="other", labels_table=TABLE)

    def slow(run, design, params, *, progress):
        import time

        for i in range(500):
            progress(i / 500, "waiting")
            time.sleep(0.01)

    monkeypatch.setattr(roi_t_test, "condition_test", slow)
    widget.test_button.click()
    widget.run_choice.layer = layer if widget.run_choice.layer is not layer else viewer.layers["run"]
    assert not widget.work.busy
    assert widget.message.text() == "The run was changed while it was tested: press Test again."
    widget.test_button.click()
    widget.work.cancel()
    until(lambda: not widget.work.busy)
    assert widget.message.text() == "Cancelled; nothing was changed."
    assert not any(of_test(layer) for layer in viewer.layers)
    widget.test_button.click()  # and the window is closed in the middle of it


def test_the_mask_is_handed_to_the_next_widget(opened, until):
    from npe2 import PluginManager

    PluginManager.instance().discover()
    viewer, _, widget = opened(window=True)
    shown = _test(widget, until)
    assert not widget.next_button.isHidden()
    viewer.add_labels(np.ones(shown.result.t.grid.shape, np.uint8), name="newer", **layer_kwargs(shown.result.t.grid))
    widget.next_button.click()
    assert viewer.layers.selection.active is shown.mask_layer
    regions = next(dock for name, dock in viewer.window.dock_widgets.items() if "Dilation & labeling" in name)
    assert regions.layer_choice.layer is shown.mask_layer
    regions.layer_choice.layer = viewer.layers["newer"]
    regions.parent().hide()
    widget.next_button.click()
    until(regions.isVisible)
    assert regions.layer_choice.layer is shown.mask_layer


def test_a_run_without_changes_leaves_nothing_to_threshold(opened, task, add_run, until):
    viewer, _, widget = opened(run=None)
    layer = add_run(viewer, task.replace(data=np.full_like(task.data, 7)), name="flat", labels_table=TABLE)
    widget.test_button.click()
    until(lambda: not widget.work.busy)
    sentence = "There is nothing to threshold in flat, which is the same in every volume: choose another run."
    assert widget.message.text() == sentence
    assert widget.threshold.shown.mask_layer is None
    for _ in _drag(widget.threshold.number.slider, [0, 400]):
        assert widget.message.text() == sentence
    viewer.layers.remove(layer)


def test_the_picture_is_in_view_beside_the_dock(make_napari_viewer, task, add_run, until):
    from napari_connectome.widgets.roi_t_test import RoiTTest

    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1100, 900)
    add_run(viewer, task, labels_table=TABLE)
    until(lambda: viewer.canvas.size[0] > 600)
    viewer.reset_view()
    widget = RoiTTest(viewer)
    viewer.window.add_dock_widget(widget, name="ROI t-test")
    until(lambda: viewer.canvas.size[1] < 600)
    width = 72 * viewer.scene.camera.zoom
    assert width > viewer.canvas.size[1], "the dock has made the canvas too narrow for the picture"
    _test(widget, until)
    assert 72 * viewer.scene.camera.zoom <= viewer.canvas.size[1]


def test_long_names_fit_a_narrow_dock(opened, task, tmp_path, until):
    long = {"face": "a_face_of_a_famous_person_that_the_participant_knows", "house": "a_house_of_people_nobody_knows"}
    name = "sub-01_ses-02_task-objectviewing_run-01_space-MNI152NLin2009cAsym_desc-preproc"
    _, layer, widget = opened(table=TABLE.replace(long), window=True)
    layer.name = name
    widget.design_section.expand()
    for kind in ("equal variance", "F, several"):
        _choose(widget.form.widget("test"), kind)
        widget.conditions.ticks.expand()
        _test(widget, until)
        (tmp_path / f"{name}_events.tsv").touch()
        widget.design.open_file(tmp_path / f"{name}_events.tsv")
        assert name in widget.design.trouble.text()
        assert widget.column.parentWidget().minimumSizeHint().width() <= 300


def test_haxby_s_slice_from_the_files_to_the_mask(make_napari_viewer, until, real_data):
    from napari_connectome.widgets.roi_t_test import RoiTTest

    folder = real_data / "task_haxby_slice"
    viewer = make_napari_viewer(show=True)
    for data, kwargs, kind in read(str(folder / "bold.nii.gz")):
        getattr(viewer, f"add_{kind}")(data, **kwargs)
    widget = RoiTTest(viewer)
    viewer.window.add_dock_widget(widget, name="ROI t-test")
    widget.test_button.click()
    assert "There is no design for bold" in widget.message.text()
    widget.design.open_file(folder / "attributes_literal.txt")
    assert "face 108" in widget.design.found.text()
    shown = _test(widget, until)
    run = run_of(viewer.layers["bold"])
    expected = condition_test(run, load_design(folder / "attributes_literal.txt", run.n_volumes, run.tr))
    np.testing.assert_array_equal(shown.statistic_layer.data, expected.t.data)
    np.testing.assert_array_equal(shown.mask_layer.data, expected.log_p.data >= 5)
    assert shown.mask_account.voxels > 20
