"""Choosing runs: files and layers mixed, what is the matter with each, their TR and their confounds."""

import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_connectome.core.errors import InputError
from napari_connectome.core.sources import RunSource
from napari_connectome.io.confounds import MOTION
from napari_connectome.io.load import load_run
from napari_connectome.io.run_file import RunFile
from napari_connectome.layers.repetition import set_tr

T = 12


@pytest.fixture
def write(tmp_path):
    """Write a small run: 6×5×4 voxels of 3 mm."""

    def write_run(name="sub-01_task-rest_bold.nii.gz", shape=(6, 5, 4, T), tr=2.0, size=3.0, seed=0):
        data = np.random.default_rng([seed, *name.encode()]).integers(0, 99, shape).astype(np.int16)
        image = nib.Nifti1Image(data, np.diag([size, size, size, 1]))
        image.header.set_xyzt_units("mm", "sec")
        if data.ndim == 4:
            image.header["pixdim"][4] = tr
        nib.save(image, tmp_path / name)
        return str(tmp_path / name)

    return write_run


@pytest.fixture
def runs(qtbot):
    """A list of runs in a panel."""
    from napari_connectome.widgets.panel import Panel
    from napari_connectome.widgets.run_list import RunList

    panel = Panel(ViewerModel())
    qtbot.addWidget(panel)
    made = RunList(panel)
    made.panel = panel
    panel.column.addWidget(made)
    return made


@pytest.fixture
def add(runs, until):
    """Add files, and wait until their headers are read."""

    def add_files(*paths):
        runs.add_files([str(path) for path in paths])
        until(lambda: not runs.busy)

    return add_files


def states_of(runs):
    return [runs.table.item(row, 1).text() for row in range(runs.table.rowCount())]


def test_files_and_layers_are_mixed(runs, add, write, small_run, add_run):
    assert "No runs yet" in runs.account.text()
    with pytest.raises(InputError, match="there are no runs"):
        runs.sources()
    layer = runs.viewer.add_image(np.ones((T, 4, 5, 6)), scale=(2, 3, 3, 3), units=("s", "mm", "mm", "mm"), name="open")
    runs.layers_button.click()
    runs.layers_button.click()  # what is in the list is not added again
    add(write("a.nii.gz"), write("b.nii"))
    assert states_of(runs) == ["ready"] * 3
    assert [runs.table.item(row, 2).text() for row in range(3)] == ["12"] * 3
    assert "3 runs, 6×5×4 voxels of 3 mm." in runs.account.text()
    one, two, three = runs.sources()
    assert isinstance(one, RunSource)
    assert one.load().data is layer.data
    assert isinstance(two, RunFile)
    assert [two.name, three.name] == ["a", "b"]


def test_runs_that_are_open_already_are_in_the_list(qtbot, small_run, add_run):
    from napari_connectome.widgets.panel import Panel
    from napari_connectome.widgets.run_list import RunList

    viewer = ViewerModel()
    add_run(viewer, small_run.run, "run 1")
    panel = Panel(viewer)
    qtbot.addWidget(panel)
    runs = RunList(panel)
    panel.column.addWidget(runs)
    assert [entry.name for entry in runs.entries] == ["run 1"]


@pytest.mark.parametrize("wide", [200, 240, 300])
def test_no_button_is_cut_in_a_narrow_dock(runs, until, wide):
    runs.panel.resize(wide, 700)
    runs.panel.show()
    until(lambda: runs.width() <= wide)
    buttons = (runs.files_button, runs.layers_button, runs.remove_button)
    assert all(each.width() >= each.sizeHint().width() for each in buttons)
    assert all(each.geometry().right() <= runs.width() for each in buttons)
    assert not any(a.geometry().intersects(b.geometry()) for a in buttons for b in buttons if a is not b)


def test_the_tr_is_asked_for_once(runs, add, write, small_run):
    runs.viewer.add_image(np.ones((T, 4, 5, 6)), scale=(1, 3, 3, 3), name="open")
    runs.add_open_runs()
    add(*(write(f"{i}.nii", tr=0) for i in range(3)), write("known.nii"))
    assert states_of(runs) == ["TR?"] * 4 + ["ready"]
    with pytest.raises(InputError, match="The TR of open is not known"):
        runs.sources()
    assert "these 4 runs" in runs.question.text()
    runs.seconds.number = 1.5
    runs.use_button.click()
    assert states_of(runs) == ["ready"] * 5
    assert [source.load().tr for source in runs.sources()] == [1.5] * 4 + [2.0]
    assert not runs.tr_row.isVisibleTo(runs)
    add(write("later.nii", tr=0))
    assert runs.seconds.number == 1.5  # more of the same study


def test_a_tr_that_cannot_be_is_seen_before_another_is_used(runs, add, write):
    add(write("a.nii", tr=0))
    runs.panel.show()
    for typed, known in (("0", None), ("2000", None), ("x", None), ("1.9", 1.9)):
        line = runs.seconds.lineEdit()
        line.selectAll()
        QTest.keyClicks(line, typed)
        QTest.mouseClick(runs.use_button, Qt.MouseButton.LeftButton)
        assert runs.entries[0].tr == known
        assert runs.panel.correction.text().startswith("TR takes numbers from 0.01 to 100 s: ") == (known is None)


def test_a_wrong_tr_is_corrected_for_the_rows_selected(runs, add, write):
    add(write("a.nii"), write("b.nii"))
    runs.table.selectRow(1)
    assert runs.tr_row.isVisibleTo(runs)
    assert not runs.question.isVisibleTo(runs)
    runs.seconds.number = 0.8
    runs.use_button.click()
    assert [source.load().tr for source in runs.sources()] == [2.0, 0.8]


def test_what_is_the_matter_is_marked_at_once_and_the_others_are_unharmed(runs, add, write, tmp_path):
    good = [write(f"good{i}.nii.gz") for i in range(3)]
    os.symlink(good[0], tmp_path / "link.nii.gz")
    (tmp_path / "broken.nii.gz").write_bytes(Path(good[1]).read_bytes()[:20])
    (tmp_path / "words.nii").write_text("no image")
    bad = {
        good[1]: "twice",
        tmp_path / "link.nii.gz": "twice",
        write("volume.nii", shape=(6, 5, 4)): "3-D",
        write("small.nii", shape=(6, 5, 3, T)): "other grid",
        write("elsewhere.nii", size=4.0): "other grid",
        tmp_path / "broken.nii.gz": "unreadable",
        tmp_path / "words.nii": "unreadable",
        tmp_path / "nowhere.nii": "unreadable",
    }
    add(*good, *bad)
    assert states_of(runs) == ["ready"] * 3 + list(bad.values())
    troubles = runs.troubles()
    assert len(troubles) == len(bad)
    for entry, sentence in troubles:
        assert entry.name.split(".")[0] in sentence
        assert sentence.endswith(".")
    with pytest.raises(InputError, match="good1 is in the list twice"):
        runs.sources()
    runs.leave_out(entry for entry, _ in troubles)
    assert [source.name for source in runs.sources()] == ["good0", "good1", "good2"]


def test_the_grid_that_most_have_is_the_right_one_and_others_can_be_resampled(runs, add, write):
    add(write("odd.nii", size=4.0), write("a.nii"), write("b.nii"))
    assert states_of(runs) == ["other grid", "ready", "ready"]
    assert runs.resample.isVisibleTo(runs)
    runs.resample.click()
    assert states_of(runs) == ["ready"] * 3
    assert [source.name for source in runs.sources()] == ["a", "b", "odd"]


def test_runs_on_several_grids_are_no_matter_where_each_is_used_by_itself(runs, write, until, qtbot):
    from napari_connectome.widgets.run_list import RunList

    several = RunList(runs.panel, one_grid=False)
    qtbot.addWidget(several)
    several.add_files([write("odd.nii", shape=(7, 5, 4, T)), write("a.nii"), write("b.nii")])
    until(lambda: not several.busy)
    assert states_of(several) == ["ready"] * 3
    assert several.account.text() == "3 runs on 2 grids."
    assert not several.resample.isVisibleTo(several)
    assert [source.name for source in several.sources()] == ["odd", "a", "b"]
    several.leave_out(several.entries[:1])
    assert several.account.text() == "2 runs, 6×5×4 voxels of 3 mm."


def test_a_layer_and_its_file_are_one_run(runs, add, write, add_run):
    path = write("a.nii.gz")
    add_run(runs.viewer, load_run(path), path=path)
    runs.add_open_runs()
    add(path)
    assert states_of(runs) == ["ready", "twice"]
    copy = runs.viewer.layers[0]
    runs.viewer.add_image(copy.data + 1, scale=copy.scale, units=copy.units, metadata=dict(copy.metadata), name="smoothed")
    runs.add_open_runs()
    assert states_of(runs) == ["ready", "twice", "twice"]  # beside the file; but two layers of one file may differ:
    runs.table.selectRow(1)
    runs.remove_button.click()
    assert states_of(runs) == ["ready", "ready"]


def test_rows_can_be_unticked_and_removed(runs, add, write):
    from qtpy.QtCore import Qt

    told = []
    add(*(write(f"{i}.nii") for i in range(3)))
    runs.changed.connect(lambda: told.append(1))
    runs.table.item(1, 0).setCheckState(Qt.CheckState.Unchecked)
    assert states_of(runs) == ["ready", "left out", "ready"]
    assert [source.name for source in runs.sources()] == ["0", "2"]
    assert told
    runs.table.selectAll()
    runs.remove_button.click()
    assert runs.entries == []
    assert "No runs yet" in runs.account.text()


def test_layers_are_followed(runs, small_run, add_run, until):
    layer = add_run(runs.viewer, small_run.run, "first", path="")
    other = add_run(runs.viewer, small_run.run.replace(data=small_run.run.data + 1), "second", path="")
    runs.add_open_runs()
    layer.name = "renamed"
    set_tr(layer, 3.0)
    until(lambda: runs.table.item(0, 0).text() == "renamed")
    assert runs.sources()[0].load().tr == 3.0
    layer.data = layer.data[:40]
    until(lambda: runs.table.item(0, 2).text() == "40")
    runs.viewer.layers.remove(other)
    assert [entry.name for entry in runs.entries] == ["renamed"]
    assert "second was removed" in runs.account.text()


def table(path, n=T, columns=MOTION):
    pd.DataFrame(np.random.default_rng(0).standard_normal((n, len(columns))), columns=list(columns)).to_csv(
        path, sep="\t", index=False
    )


def test_confounds_are_found_by_their_names_and_shown(runs, add, write, tmp_path):
    table(tmp_path / "sub-01_task-rest_desc-confounds_timeseries.tsv")
    add(write("sub-01_task-rest_bold.nii.gz"), write("sub-02_task-rest_bold.nii.gz"))
    assert runs.table.item(0, 4).text() == "sub-01_task-rest_desc-confounds_timeseries.tsv"
    assert runs.table.item(1, 4).text() == "none"
    assert runs.preset.currentData() == "motion 6"  # the first of the usual ones that these columns allow
    assert runs.confounds_section.text() == "Confounds: motion 6, 1 of 2 runs"
    with_table, without = (source.load() for source in runs.sources())
    assert with_table.confounds.shape == (T, 6)
    assert without.confounds is None
    runs.preset.setCurrentIndex(runs.preset.findData("compcor"))
    runs.preset.activated.emit(runs.preset.currentIndex())
    assert states_of(runs) == ["confounds", "ready"]
    assert "a_comp_cor" in runs.troubles()[0][1]


def test_volumes_that_moved_are_censored(runs, add, write, tmp_path):
    path = tmp_path / "sub-01_desc-confounds_timeseries.tsv"
    pd.DataFrame({"framewise_displacement": [0.0] * (T - 1) + [3.0], "trans_x": np.arange(T)}).to_csv(
        path, sep="\t", index=False
    )
    add(write("sub-01_bold.nii"))
    runs.limit.number = 0.5
    assert runs.sources()[0].load().keep.tolist() == [True] * (T - 1) + [False]
    assert "censored over 0.5 mm" in runs.confounds_section.text()


def test_a_table_that_is_too_long_may_be_cut(runs, add, write, tmp_path):
    table(tmp_path / "sub-01_desc-confounds_timeseries.tsv", n=30)
    add(write("sub-01_bold.nii"))
    assert states_of(runs) == ["confounds"]
    assert "30 rows" in runs.account.text()
    assert runs.cut_button.isVisibleTo(runs)  # beneath the sentence, not in the section that is closed
    runs.cut_button.click()
    assert not runs.cut_button.isVisibleTo(runs)
    assert states_of(runs) == ["ready"]
    assert runs.sources()[0].load().confounds.shape == (T, 6)


def test_scrubbing_leaves_volumes_of_files_and_layers_out(runs, add, write, small_run, add_run, tmp_path):
    def scrubbed(n, moved):
        made = pd.DataFrame(np.random.default_rng(0).normal(size=(n, 8)) * 1e-3, columns=[*MOTION, "csf", "white_matter"])
        made["std_dvars"], made["framewise_displacement"] = 1.0, 0.1
        made.loc[moved, "framewise_displacement"] = 0.9
        return made

    scrubbed(T, 6).to_csv(tmp_path / "sub-01_desc-confounds_timeseries.tsv", sep="\t", index=False)
    add(write("sub-01_bold.nii"))
    add_run(runs.viewer, small_run.run, "run", confounds=scrubbed(90, 41))
    runs.add_open_runs()
    runs.resample.setChecked(True)  # they are on two grids
    runs.preset.setCurrentIndex(runs.preset.findData("scrubbing"))
    runs.preset.activated.emit(runs.preset.currentIndex())
    of_file, of_layer = (source.load() for source in runs.sources())
    assert np.flatnonzero(~of_file.keep).tolist() == [6]
    assert np.flatnonzero(~of_layer.keep).tolist() == [41]
    assert of_file.confounds.shape[1] == of_layer.confounds.shape[1] == 32


def test_a_table_can_be_given_and_taken_away(runs, add, write, tmp_path):
    table(tmp_path / "motion.tsv")
    add(write("a.nii"), write("b.nii"))
    runs.table.selectRow(1)
    runs.take_table(tmp_path / "motion.tsv")
    assert [runs.table.item(row, 4).text() for row in range(2)] == ["none", "motion.tsv"]
    assert runs.sources()[1].load().confounds.shape == (T, 6)
    runs.table.selectRow(1)
    runs.none_button.click()
    assert runs.sources()[1].load().confounds is None


def test_the_confounds_of_a_layer_are_taken(runs, small_run, add_run):
    add_run(runs.viewer, small_run.run, "run", confounds=small_run.confounds)
    runs.add_open_runs()
    assert runs.table.item(0, 4).text() == "with the layer"
    assert runs.sources()[0].load().confounds.shape == (90, 6)


def test_a_source_is_the_same_as_long_as_nothing_is_changed(runs, add, write, small_run, add_run):
    add(write("a.nii"))
    runs.viewer.add_image(np.ones((T, 4, 5, 6)), scale=(2, 3, 3, 3), units=("s", "mm", "mm", "mm"), name="open")
    runs.add_open_runs()
    before = runs.sources()
    runs._show()
    assert [one is other for one, other in zip(before, runs.sources(), strict=True)] == [True, True]
    runs.table.selectRow(0)
    runs.seconds.number = 3.0
    runs.use_button.click()
    assert [one is other for one, other in zip(before, runs.sources(), strict=True)] == [False, True]


def test_a_layer_somebody_wrote_into_is_another_source(runs):
    layer = runs.viewer.add_image(np.ones((T, 4, 5, 6)), scale=(2, 3, 3, 3), units=("s", "mm", "mm", "mm"), name="open")
    runs.add_open_runs()
    (before,) = runs.sources()
    layer.data *= 2
    assert runs.sources() != [before]


def test_layers_are_looked_through_once(runs, monkeypatch):
    from napari_connectome.studies import sources

    looked = []
    monkeypatch.setattr(sources, "digest", lambda run, progress: looked.append(run.name) or f"digest {len(looked)}")
    layer = runs.viewer.add_image(np.ones((T, 4, 5, 6)), scale=(2, 3, 3, 3), units=("s", "mm", "mm", "mm"), name="open")
    runs.add_open_runs()
    keys = [sources.key_of(*runs.sources()) for _ in range(3)]
    assert looked == ["open"]
    assert len(set(keys)) == 1
    layer.data = layer.data + 1
    assert sources.key_of(*runs.sources()) not in keys


@pytest.mark.parametrize("where", ["table", "list"])
def test_files_are_dropped_on_the_list(runs, write, until, where):
    from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
    from qtpy.QtGui import QDragEnterEvent, QDropEvent
    from qtpy.QtWidgets import QApplication

    paths = [write("a.nii"), write("b.nii")]
    data, copy, left, none = QMimeData(), Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    target = runs.table.viewport() if where == "table" else runs
    while not target.acceptDrops():  # as Qt looks for who takes it
        target = target.parentWidget()
    enter = QDragEnterEvent(QPoint(5, 5), copy, data, left, none)
    QApplication.sendEvent(target, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(target, QDropEvent(QPointF(5, 5), copy, data, left, none))
    until(lambda: not runs.busy)
    assert [entry.name for entry in runs.entries] == ["a", "b"]
    data.setUrls([QUrl("http://nowhere/a.nii")])
    enter = QDragEnterEvent(QPoint(5, 5), copy, data, left, none)
    enter.ignore()
    QApplication.sendEvent(target, enter)
    assert not enter.isAccepted()


def test_a_list_of_a_hundred_files_is_quick(runs, add, write):
    add(*(write(f"{i}.nii", shape=(2, 2, 2, 3)) for i in range(100)))
    assert states_of(runs) == ["ready"] * 100
    assert runs.table.height() < 400


def test_nothing_follows_the_viewer_after_the_panel_has_gone(runs, small_run, add_run):
    layer = add_run(runs.viewer, small_run.run, "run")
    runs.add_open_runs()
    callbacks = len(layer.events.name.callbacks)
    runs.panel.release()
    assert runs.entries == []
    assert len(layer.events.name.callbacks) == callbacks - 1
