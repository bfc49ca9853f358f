"""Measuring regions in the real window: series, boxes that are clicked, warnings that are read, tables that are saved."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QFileDialog

from napari_connectome import Grid, Regions, RegionSeries, Run, load_run, region_series
from napari_connectome.core.condition_table import condition_table
from napari_connectome.core.design import design_of_labels
from napari_connectome.core.errors import Cancelled
from napari_connectome.core.origins import Origin, fingerprint
from napari_connectome.io.tables import read_table
from napari_connectome.layers.region_layer import RegionLayer
from napari_connectome.layers.samples import regions_layer, run_layer
from napari_connectome.layers.spatial import info
from napari_connectome.widgets import region_measure
from napari_connectome.widgets.condition_table import DIFFERENCE, NAME, SAID, A, T
from napari_connectome.widgets.panel import Panel
from napari_connectome.widgets.region_measure import RegionMeasure

LABELS = ["rest", *["face", "face", "house", "cat", "rest"] * 8, "face"]
TR = 2.5
CIRCULAR = "Circular: face area was made from this run (face > house), so testing it on the same run says nothing new"


class Host(Panel):
    """A dock widget with nothing but the measuring."""

    def __init__(self, viewer):
        super().__init__(viewer)
        self.measure = RegionMeasure(self)
        self.column.addWidget(self.measure)


@pytest.fixture(scope="module")
def scene():
    """A run of 6×8×10 voxels whose region 1 answers faces and region 2 houses; region 5 is NaN."""
    grid = Grid((6, 8, 10), np.diag([3.0, 3.0, 3.0, 1.0]))
    labels = np.zeros(grid.shape, np.uint8)
    labels[1:3, 2:5, 1:4], labels[1:3, 2:5, 6:9], labels[4, 6:, 2:4] = 1, 2, 5
    is_face, is_house = (np.array(LABELS) == name for name in ("face", "house"))
    data = np.random.default_rng(0).standard_normal((len(LABELS), *grid.shape)).astype("f4") + 500
    data[:, labels == 1] += 4 * is_face[:, None]
    data[:, labels == 2] += 4 * is_house[:, None] + 40
    data[3, labels == 5] = np.nan
    run = Run(data, grid, TR, name="bold")
    table = pd.DataFrame({"name": ["face area", "house area", "hole"]}, index=[1, 2, 5])
    design = design_of_labels(LABELS, len(LABELS), TR)
    return SimpleNamespace(run=run, regions=Regions(labels, grid, table), design=design)


def furnish(viewer, scene, until, labels_table=True):
    """The run with its labels, the regions, and the panel to measure them."""
    known = {"labels_table": pd.DataFrame({"labels": LABELS})} if labels_table else {}
    data, known, _ = run_layer(scene.run, "bold", **known)
    run = viewer.add_image(data, **known)
    data, known, _ = regions_layer(scene.regions, "Regions")
    layer = viewer.add_labels(data.copy(), **known)
    host = Host(viewer)
    host.measure.set_regions(RegionLayer.of(layer))

    def wait():
        until(lambda: host.measure.results.measurement is not None and not host.measure.work.busy)

    return SimpleNamespace(
        viewer=viewer, run=run, layer=layer, host=host, measure=host.measure, results=host.measure.results, wait=wait
    )


@pytest.fixture
def window(make_napari_viewer, scene, until):
    """The scene in napari's window."""
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1300, 1000)
    made = furnish(viewer, scene, until)
    viewer.window.add_dock_widget(made.host, area="right")
    QApplication.processEvents()
    return made


@pytest.fixture
def bench(qtbot, scene, until):
    """The scene without napari's window, which takes long to open."""
    made = furnish(ViewerModel(), scene, until)
    qtbot.addWidget(made.host)
    made.host.resize(320, 1000)
    made.host.show()
    qtbot.waitExposed(made.host)
    return made


def press(button):
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def click_in(plot, x, y):
    pixel = plot._plot.mapFromScene(plot._view.mapViewToScene(QPointF(x, y)))
    QTest.mouseClick(plot._plot.viewport(), Qt.MouseButton.LeftButton, pos=pixel)


def tip(table, row, column):
    return table.regions.data(table.regions.index(row, column), Qt.ItemDataRole.ToolTipRole)


def set_origin(made, scene, ids=(1,), run=None):
    origin = Origin("bold", run or fingerprint(scene.run), "face > house").to_dict()
    info(made.layer)["origins"] = {i: [origin] for i in ids}
    made.layer.metadata = dict(made.layer.metadata)


def test_a_press_measures_and_shows_everything(bench, scene):
    assert bench.results.isHidden()
    press(bench.measure.measure_button)
    bench.wait()
    results = bench.results
    assert results.isVisible()
    assert results.about.text() == (
        "3 regions of bold, 42 volumes.\nNo value for hole: none of the voxels there is finite in all volumes."
    )
    assert results.series.names == ("face area",)
    assert results.boxes.conditions == ("face", "house", "cat"), "all but rest"
    assert results.boxes.boxes["face"].median > results.boxes.boxes["house"].median + 3
    expected = condition_table(region_series(scene.run, scene.regions), scene.design, "face", "house")
    table = results.by_condition.table
    assert [table.regions.text(row, NAME) for row in range(3)] == ["face area", "house area", "hole"]
    for row, t in enumerate(expected["t"]):
        assert table.regions.text(row, T) == ("n/a" if np.isnan(t) else f"{t:.2f}")
    assert float(table.regions.text(0, DIFFERENCE)) > 3 > -3 > float(table.regions.text(1, DIFFERENCE))
    assert results.by_condition.warning.isHidden()
    assert table.regions.text(0, SAID) == ""


def test_a_click_on_a_point_goes_to_its_volume(window):
    window.measure.measure()
    window.wait()
    boxes = window.results.boxes
    QApplication.processEvents()
    for condition in ("cat", "face"):
        point = boxes._shown[boxes._shown["condition"] == condition].iloc[2]
        click_in(boxes, point["x"], point["value"])
        volume = window.viewer.dims.current_step[0]
        assert LABELS[volume] == condition
        assert window.results.series._line.value() == volume * TR
        assert boxes._mark.getData()[1].tolist() == [boxes._shown.set_index("volume").loc[volume, "value"]]


def test_a_click_in_the_series_marks_its_point_in_the_boxes(bench):
    bench.measure.measure()
    bench.wait()
    QApplication.processEvents()
    click_in(bench.results.series, 3 * TR, bench.results.measurement.signal(1)[3])
    assert bench.viewer.dims.current_step[0] == 3
    assert len(bench.results.boxes._mark.getData()[0]) == 1
    bench.viewer.dims.set_point(0, 0.0)
    assert bench.results.boxes._volume == 0
    assert len(bench.results.boxes._mark.getData()[0]) == 0, "rest is not shown"


def test_regions_are_chosen_from_outside_and_here(bench):
    measure, results = bench.measure, bench.results
    measure.choose([2])  # nothing is measured yet
    measure.measure()
    bench.wait()
    told = []
    measure.regions_chosen.connect(told.append)
    measure.choose([1, 2, 5, 999])
    assert results.series.names == ("face area", "house area"), "what has no value is not drawn"
    assert results.series._label == "signal − mean"
    assert results.by_condition.region == 1
    assert results.by_condition.table.chosen == [1, 2, 5]
    measure.choose([])
    assert results.chosen == [1, 2, 5]
    measure.choose([2])
    assert results.by_condition.region == 2
    assert results.series._label == "signal"
    assert told == []
    row = next(row for row in range(3) if results.by_condition.table.regions.text(row, NAME) == "face area")
    where = results.by_condition.table.visualRect(results.by_condition.table.regions.index(row, NAME)).center()
    QTest.mouseClick(results.by_condition.table.viewport(), Qt.MouseButton.LeftButton, pos=where)
    assert told == [[1]]
    assert results.series.names == ("face area",)
    results.by_condition.region_box.setCurrentIndex(1)
    results.by_condition.region_box.activated.emit(1)
    assert told[-1] == [2]
    assert results.boxes.boxes["house"].median > 540


def test_circular_regions_are_warned_of_in_plain_sight(bench, scene):
    measure, results = bench.measure, bench.results
    set_origin(bench, scene)
    measure.measure()
    bench.wait()
    assert results.by_condition.warning.isVisible()
    assert results.by_condition.warning.text().startswith(f"⚠ {CIRCULAR}")
    assert "#d97b00" in results.by_condition.warning.styleSheet()
    assert results.by_condition.table.regions.text(0, NAME) == "⚠ face area"
    assert results.by_condition.table.regions.text(0, SAID) == tip(results.by_condition.table, 0, T)
    assert results.by_condition.table.regions.text(0, SAID).startswith(CIRCULAR)
    assert results.by_condition.table.regions.text(1, NAME) == "house area"
    measure.choose([2])
    assert results.by_condition.warning.text() == "⚠ 1 of 3 regions is not independent of this run, see the table."
    results.by_condition.choice.choose("cat", "rest")
    assert results.by_condition.table.regions.text(0, SAID).startswith("Not independent")


def test_regions_of_another_run_are_not_warned_of(bench, scene):
    set_origin(bench, scene, run="another")
    bench.measure.measure()
    bench.wait()
    assert bench.results.by_condition.warning.isHidden()


def test_origins_that_come_later_are_warned_of_without_measuring(bench, scene, until):
    bench.measure.measure()
    bench.wait()
    series = bench.results.measurement.series.data
    set_origin(bench, scene, ids=(1, 2))
    bench.measure._regions.rename(2, "other")
    until(lambda: bench.results.by_condition.warning.isVisible())
    assert bench.results.by_condition.warning.text().endswith("⚠ 1 other region is not independent of this run, see the table.")
    assert bench.results.measurement.series.data is series
    assert bench.results.by_condition.region_box.itemText(1) == "other"


def test_conditions_are_compared_and_shown_as_chosen(bench):
    bench.measure.measure()
    bench.wait()
    results = bench.results
    results.by_condition.choice.choose("house", "face")
    assert float(results.by_condition.table.regions.text(0, T)) < -3
    assert results.by_condition.table.regions.headerData(A, Qt.Orientation.Horizontal) == "house"
    results.by_condition.choice.show_only(("rest", "cat"))
    assert results.boxes.conditions == ("rest", "cat")


def test_quick_measures_follow_the_brush(window, until, hand):
    window.measure.measure()
    window.wait()
    before = window.results.measurement.signal(1)
    window.viewer.layers.selection.active = window.layer
    window.viewer.dims.set_point(1, 3.0)
    window.layer.mode, window.layer.selected_label, window.layer.brush_size = "paint", 1, 2
    hand(window.viewer).click((3.0, 15.0, 15.0))
    assert window.layer.data[1, 5, 5] == 1
    until(lambda: not np.array_equal(window.results.measurement.signal(1), before))
    data = window.run.data[:, window.layer.data == 1]
    np.testing.assert_allclose(window.results.measurement.signal(1), data.mean(axis=1), rtol=1e-6)
    window.layer.undo()
    until(lambda: np.array_equal(window.results.measurement.signal(1), before))
    assert window.measure.stale.isHidden()


def test_slow_ones_say_that_they_are_old(bench, until, monkeypatch):
    monkeypatch.setattr(region_measure, "LIVE", -1.0)
    bench.measure.measure()
    bench.wait()
    bench.layer.data_setitem((np.array([0]), np.array([0]), np.array([0])), 2)
    until(bench.measure.stale.isVisible)
    assert bench.measure.stale.text() == "The regions were edited since: press Measure again."
    press(bench.measure.measure_button)
    until(lambda: bench.measure.stale.isHidden() and not bench.measure.work.busy)
    assert bench.results.measurement.regions.labels[0, 0, 0] == 2


def test_options_measure_again_once_it_was_measured(bench, until):
    measure = bench.measure
    measure.options.form.value = RegionSeries(summary="median")
    assert not measure._again.isActive()
    measure.measure()
    bench.wait()
    median = np.median(bench.run.data[:, bench.layer.data == 1], axis=1)
    np.testing.assert_allclose(bench.results.measurement.signal(1), median, rtol=1e-6)
    measure.options.cleaning.value = RegionSeries().cleaning.replace(standardize="psc", detrend=True)
    until(lambda: bench.results.measurement.params.cleaning.standardize == "psc")
    assert bench.results.boxes._label == "signal (%)"
    assert measure.options.sections[1].text() == "Cleaning: detrended; percent signal change"


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda w: w.measure.set_regions(None), "There are no regions: choose a labels layer that has some."),
        (lambda w: w.viewer.layers.remove(w.run), "There is no run: open a 4-D image"),
        (lambda w: w.layer.data.fill(0), "Regions has no regions yet: paint or make some first."),
        (lambda w: setattr(w.layer, "scale", (3, 3, 4)), "resample the label image to bold first."),
        (lambda w: setattr(w.run, "metadata", {"connectome": {"tr": None}}), "The TR of bold is not known"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(bench, until, spoil, sentence):
    spoil(bench)
    bench.measure.measure()
    until(lambda: sentence in bench.measure.message.text())
    assert bench.results.isHidden()


def test_cancelled_is_said_and_what_was_there_stays(bench, until, monkeypatch):
    bench.measure.measure()
    bench.wait()
    before = bench.results.measurement

    def stopped(*_, **__):
        raise Cancelled

    monkeypatch.setattr(region_measure, "region_series", stopped)
    bench.measure.measure()
    until(lambda: bench.measure.message.text())
    assert bench.measure.message.text() == "Cancelled; nothing was changed. The measures shown are those from before."
    assert bench.results.measurement is before


def test_the_table_is_sorted_by_numbers_and_what_is_none_comes_last(bench):
    bench.measure.measure()
    bench.wait()
    table = bench.results.by_condition.table
    for clicks, names in ((1, ["house area", "face area", "hole"]), (1, ["face area", "house area", "hole"])):
        header = table.horizontalHeader()
        where = QPoint(header.sectionViewportPosition(T) + 10, header.height() // 2)
        for _ in range(clicks):
            QTest.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=where)
        assert [table.regions.text(row, NAME) for row in range(3)] == names
    bench.measure.choose([1])
    assert table.chosen == [1]


def test_without_a_design_there_are_series_only(qtbot, scene, until):
    bench = furnish(ViewerModel(), scene, until, labels_table=False)
    qtbot.addWidget(bench.host)
    assert bench.measure.options.sections[0].text() == "Design: none"
    bench.measure.measure()
    bench.wait()
    assert bench.results.series.names == ("face area",)
    assert bench.results.boxes.isHidden() or not bench.results.boxes.isVisible()
    assert bench.results.save_series.isEnabled()
    assert not bench.results.save_conditions.isEnabled()
    assert not bench.results.save_boxes.isEnabled()


def test_a_delay_moves_the_boxes_without_measuring(bench):
    bench.measure.measure()
    bench.wait()
    series = bench.results.measurement
    median = bench.results.boxes.boxes["face"].median
    bench.measure.options.design_panel.timing.value = bench.measure.options.design_panel.timing.value.replace(delay=TR)
    assert bench.results.measurement is series
    assert bench.results.boxes.boxes["face"].median < median


def test_another_run_is_measured_again(bench, scene, until):
    bench.measure.measure()
    bench.wait()
    data, known, _ = run_layer(Run(scene.run.data[:20] * 2, scene.run.grid, 1.0), "shorter")
    other = bench.viewer.add_image(data, **known)
    bench.measure.options.run_choice.layer = other
    assert bench.results.isHidden()
    bench.wait()
    assert bench.results.measurement.run == "shorter"
    assert bench.results.measurement.times[-1] == 19.0
    assert not bench.results.boxes.isVisible()
    bench.measure.options.run_choice.layer = bench.run
    bench.wait()
    until(lambda: bench.results.boxes.isVisible())


def test_long_names_fit_a_narrow_dock(window):
    window.run.name = "sub-01_ses-02_task-objectviewing_run-01_space-MNI152NLin2009cAsym_desc-preproc"
    window.measure._regions.rename(1, "a_region_of_the_ventral_temporal_cortex_with_a_name_that_has_no_space")
    names = {"face": "a_face_of_a_famous_person_that_the_participant_knows", "house": "a_house_of_people_nobody_knows"}
    info(window.run)["labels_table"].replace(names, inplace=True)
    window.measure.options.design_panel.set_run(None)
    window.measure.options.design_panel.set_run(window.run)
    window.measure.options._on_design()
    window.measure.measure()
    window.wait()
    window.results.by_condition.choice.show_only(tuple(names.values()))
    window.results.by_condition.choice.ticks.expand()
    assert "a_face" in window.results.by_condition.choice.ticks.text()
    assert window.host.column.parentWidget().minimumSizeHint().width() <= 300


def test_of_several_runs_chosen_quickly_the_last_is_measured(bench, scene):
    bench.measure.measure()
    bench.wait()
    data, known, _ = run_layer(scene.run, "second")
    second = bench.viewer.add_image(data * 2, **known)
    bench.measure.options.run_choice.layer = second
    bench.viewer.layers.remove(second)
    assert bench.results.isHidden()
    bench.wait()
    assert bench.results.measurement.run == "bold"


def test_layers_may_go_at_any_time(bench, until):
    bench.measure.measure()
    bench.viewer.layers.remove(bench.run)
    assert not bench.measure.work.busy
    assert bench.results.isHidden()
    bench.viewer.layers.remove(bench.layer)
    bench.measure.set_regions(None)
    QApplication.processEvents()


def test_a_closed_panel_leaves_nothing(window):
    window.measure.measure()
    window.wait()
    window.measure._on_changed()
    window.viewer.window.remove_dock_widget(window.host)
    assert window.measure._regions is None
    window.layer.data_setitem((np.array([0]), np.array([0]), np.array([0])), 2)
    window.viewer.dims.set_point(0, 5.0)
    vars(window).clear()  # pytest keeps the fixture, and with it the widget, until all has been checked


def test_everything_is_saved_with_what_made_it(bench, scene, tmp_path, monkeypatch):
    set_origin(bench, scene)
    bench.measure.measure()
    bench.wait()
    bench.measure.choose([1, 2])
    results = bench.results
    buttons = {"series": results.save_series, "conditions": results.save_conditions, "boxes": results.save_boxes}
    for name, button in buttons.items():
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, n=name: (str(tmp_path / f"{n}.tsv"), ""))
        press(button)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"{n}.{e}" for n in buttons for e in ("tsv", "json"))
    series, conditions, boxes = (read_table(tmp_path / f"{name}.tsv") for name in buttons)
    assert list(series.columns) == ["time", "trial_type", "face area", "house area", "hole"]
    np.testing.assert_array_equal(series["time"], np.arange(len(LABELS)) * TR)
    assert series["trial_type"].tolist() == LABELS
    np.testing.assert_array_equal(series["house area"], region_series(scene.run, scene.regions).data[:, 1])
    assert series["hole"].isna().all()
    assert conditions["region"].tolist() == ["face area", "house area", "hole"]
    assert conditions.loc[0, "warning"].startswith(CIRCULAR)
    assert conditions["warning"].isna()[1:].all()
    assert set(boxes["condition"]) == {"face", "house", "cat"}
    np.testing.assert_array_equal(boxes["value"], series["face area"][boxes["volume"]])
    for name in buttons:
        about = json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8"))["provenance"]
        assert RegionSeries.from_dict(about["parameters"]) == RegionSeries()
        assert about["warnings"]["face area"].startswith("Circular")
        assert about["design"] == "the labels that came with the run"
    assert about["region"] == "face area"
    assert results.saved.text() == "boxes.tsv is saved, and what made it as .json beside it."


def test_a_file_that_is_in_the_way_is_told(bench, tmp_path, monkeypatch):
    bench.measure.measure()
    bench.wait()
    (tmp_path / "a.json").write_text("{}")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "a.tsv"), ""))
    press(bench.results.save_series)
    assert bench.results.saved.isVisible()
    assert bench.results.saved.text().startswith("a.json is beside the table")
    assert (tmp_path / "a.json").read_text() == "{}"
    assert not (tmp_path / "a.tsv").exists()


@pytest.mark.parametrize("name", ["save_series", "save_conditions", "save_boxes", "picture"])
def test_what_cannot_be_saved_is_told_below_the_buttons(bench, tmp_path, monkeypatch, name):
    bench.measure.measure()
    bench.wait()
    ending = ".png" if name == "picture" else ".tsv"
    (tmp_path / f"there{ending}").touch()
    wrong = {"missing/a": "There is no folder", "a.docx": "a.docx", "there": f"there{ending} is there already"}
    for path, sentence in wrong.items():
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, path=path: (str(tmp_path / path), ""))
        press(getattr(bench.results, name))
        assert bench.results.saved.isVisible()
        assert bench.results.saved.text().startswith(sentence)
        assert bench.results.saved.text().endswith(".")
    assert len(list(tmp_path.iterdir())) == 1
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("", ""))
    press(getattr(bench.results, name))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "typed"), ""))
    press(getattr(bench.results, name))
    assert (tmp_path / f"typed{ending}").stat().st_size > 100
    assert bench.results.saved.text().startswith(f"typed{ending} is saved")


def test_the_haxby_slice(make_napari_viewer, real_data, until):
    viewer = make_napari_viewer(show=True)
    folder = real_data / "task_haxby_slice"
    run = load_run(folder / "bold.nii.gz")
    data, known, _ = run_layer(run, "haxby", path=str(folder / "bold.nii.gz"))
    viewer.add_image(data, **known)
    labels = np.zeros(run.grid.shape, np.uint8)
    labels[0, 7:12, 5:12], labels[0, 13:18, 5:12] = 1, 2
    data, known, _ = regions_layer(Regions(labels, run.grid), "Regions")
    layer = viewer.add_labels(data, **known)
    host = Host(viewer)
    viewer.window.add_dock_widget(host, area="right")
    measure = host.measure
    measure.set_regions(RegionLayer.of(layer))
    measure.options.design_panel.open_file(folder / "attributes_literal.txt")
    press(measure.measure_button)
    until(lambda: measure.results.measurement is not None)
    assert set(measure.results.boxes.conditions) == {
        "face",
        "house",
        "cat",
        "bottle",
        "scissors",
        "shoe",
        "chair",
        "scrambledpix",
    }
    assert {name for name, count in measure.options.design_panel.chosen().counts.items() if count == 108} == set(
        measure.results.boxes.conditions
    )
    table = measure.results.by_condition.tested()
    design = measure.options.design_panel.chosen()
    from scipy.stats import ttest_ind

    for row, region in enumerate((1, 2)):
        mean = run.data[:, labels == region].mean(axis=1)
        expected = ttest_ind(mean[design.volumes("face")], mean[design.volumes("house")])
        np.testing.assert_allclose(table["t"].iloc[row], expected.statistic)
        np.testing.assert_allclose(table["p"].iloc[row], expected.pvalue)


@pytest.mark.parametrize("name", ["#ffff00", "#0000ff", "#3d34ff", "#d2f53c", "#ffffff", "#000000", "#e69f00", "#808080"])
def test_colours_read_on_a_dark_and_on_a_light_page(name):
    """Of a line its hue stays; it is 1.8 times lighter than a dark page and darker than a light one, as WCAG counts."""
    from qtpy.QtGui import QColor

    from napari_connectome.widgets.region_results import _luminance, legible

    color, made = QColor(name), legible(QColor(name))
    light = _luminance(made)
    for page in ("#262930", "#efebe9"):
        under = _luminance(QColor(page))
        assert (max(light, under) + 0.05) / (min(light, under) + 0.05) > 1.8
    if color.hslSaturationF() > 0:
        assert abs(made.hslHueF() - color.hslHueF()) < 0.02
