"""Groups of runs tested in the panel: what a script finds, who is in which group, and the edges found in the viewer."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QItemSelectionModel, Qt
from qtpy.QtTest import QTest

import napari_connectome as nc
from napari_connectome.core.errors import InputError
from napari_connectome.core.run_groups import of_group
from napari_connectome.widgets.group_table import GROUP, RUN, SUBJECT

R, TRUE = 10, {(4, 1), (9, 2)}
NAMES = [f"{side}_Vis_{i}" for side in ("L", "R") for i in range(1, 6)]
ANGLE = np.linspace(0, 2 * np.pi, R, endpoint=False)
PLACES = np.column_stack([40 * np.cos(ANGLE), 40 * np.sin(ANGLE), np.linspace(-20, 20, R)])


def _series(seed, together):
    rng = np.random.default_rng(seed)
    data = rng.standard_normal((120, R))
    if together:
        for i, j in TRUE:
            data[:, i] += 0.6 * data[:, j]
    return nc.Series(data, NAMES, 2.0)


def _connectome(names, together, kind="correlation", seed=0):
    """Of runs, in some of which two pairs of regions go together."""
    how = nc.Connectivity(kind=kind, estimator="empirical")
    series = [_series(seed + 100 + i, each) for i, each in enumerate(together)]
    return nc.connectome(series, how, coordinates=PLACES, subjects=names)


SUBJECTS = [f"sub-{i:02d}" for i in range(1, 13)]
PATIENT = [i % 2 == 0 for i in range(12)]
GROUPS = ["patient" if each else "control" for each in PATIENT]


@pytest.fixture(scope="module")
def connectome():
    """Of twelve subjects, six of them patients, by turns."""
    return _connectome([f"{subject}_task-rest_bold" for subject in SUBJECTS], PATIENT)


@pytest.fixture(scope="module")
def sessions():
    """Of six subjects before, when nothing goes together, and after."""
    names = [f"{subject}_ses-{session}_bold" for subject in SUBJECTS[:6] for session in ("post", "pre")]
    return _connectome(names, [True, False] * 6)


@pytest.fixture
def testing(qtbot):
    """The part of the panel that tests."""
    from napari_connectome.widgets.connectome_view import ConnectomeView
    from napari_connectome.widgets.edge_testing import EdgeTesting
    from napari_connectome.widgets.panel import Panel

    panel = Panel(ViewerModel())
    qtbot.addWidget(panel)
    look = ConnectomeView(panel)
    made = EdgeTesting(panel, look)
    made.to_front()
    for part in (look, made):
        panel.column.addWidget(part)
    panel.show()
    made.panel, made.look = panel, look
    return made


@pytest.fixture
def take(testing):
    """Hand a connectome to it."""

    def hand(connectome, paths=()):
        entries = [SimpleNamespace(path=str(path)) for path in paths]
        testing.look.show_connectome(connectome)
        testing.take(connectome, SimpleNamespace(provenance={"runs": []}, runs=SimpleNamespace(entries=entries)))
        return testing

    return hand


@pytest.fixture
def press(testing, until):
    """Press Test and wait for the end."""

    def test():
        QTest.mouseClick(testing.test_button, Qt.MouseButton.LeftButton)
        until(lambda: not testing.work.busy)
        return None if testing.message.isVisibleTo(testing) else testing.view.compared.result

    return test


def _choose(box, text):
    index = box.findText(text)
    assert index >= 0, [box.itemText(i) for i in range(box.count())]
    box.setCurrentIndex(index)
    box.activated.emit(index)


def _pairs(edges):
    return set(zip(edges.rows.tolist(), edges.columns.tolist(), strict=True))


def _table(folder, values=GROUPS, column="group"):
    path = folder / "participants.tsv"
    pd.DataFrame({"participant_id": SUBJECTS, "site": "A", column: values}).to_csv(path, sep="\t", index=False)
    return path


def test_groups_of_a_table_find_what_differs_as_a_script_does(take, press, connectome, tmp_path):
    testing = take(connectome)
    testing.choice.take_tables(str(_table(tmp_path)))
    assert testing.choice.by_choice.currentText() == "group"
    assert testing.choice.table.texts(GROUP) == GROUPS
    result = press()
    script = nc.edge_test(connectome.of_subjects(PATIENT), connectome.of_subjects(~np.array(PATIENT)))
    np.testing.assert_allclose(result.t, script.t, rtol=1e-9)
    np.testing.assert_allclose(result.q, script.q, rtol=1e-9)
    assert _pairs(testing.view.found) == _pairs(script.found) == TRUE
    assert "patient (6 subjects) against control (6 subjects), Student's t-test of Fisher z" in testing.view.account.text()
    assert "2 of 45 edges found at q ≤ 0.05, 2 higher and 0 lower" in testing.view.account.text()
    layer = testing.view.graph.edges_layer
    assert len(layer.data) == 2
    assert sorted(layer.features["weight"]) == pytest.approx(sorted(script.t[i, j] for i, j in TRUE))
    np.testing.assert_array_equal(testing.view.matrix.to_frame().to_numpy(), result.t)


def test_the_slider_of_q_changes_what_is_found_in_the_matrix_and_the_brain(take, press, connectome, tmp_path, until):
    from napari_connectome.widgets.matrix_plot import BELOW

    testing = take(connectome)
    testing.choice.take_tables(str(_table(tmp_path)))
    result, view = press(), testing.view
    for q in (0.5, 0.001, 1e-6, 0.2):
        view.q.box.number = q
        until(lambda: not view._soon.isActive())
        wanted = np.tril(result.q <= q, k=-1)
        assert _pairs(view.found) == set(zip(*(each.tolist() for each in np.nonzero(wanted)), strict=True))
        shown = len(view.graph.edges_layer.data) if view.graph.edges_layer.visible else 0
        assert shown == wanted.sum()
        assert (np.tril(view.matrix._image.image != BELOW, k=-1)).sum() == wanted.sum()
        assert f"q ≤ {q:g}" in view.account.text()
        assert ("the smallest q is" in view.account.text()) == (not wanted.any())


def test_a_table_beside_the_runs_is_offered(take, connectome, tmp_path):
    _table(tmp_path)
    testing = take(connectome, [tmp_path / "sub-01" / "func" / "sub-01_task-rest_bold.nii.gz"])
    box = testing.choice.by_choice
    assert [box.itemText(i) for i in range(box.count())] == ["by hand", "group"]
    assert testing.choice.table.texts(GROUP) == [""] * 12  # nothing is chosen for anybody
    _choose(box, "group")
    assert testing.choice.groups.names == ("patient", "control")


def test_groups_by_hand(take, press, connectome, until):
    testing = take(connectome)
    choice, table = testing.choice, testing.choice.table
    selection, rows = table.selectionModel(), QItemSelectionModel.SelectionFlag.Rows
    for name, members in (("one", range(0, 12, 2)), ("two", range(1, 8, 2))):
        selection.clearSelection()
        for i in members:
            selection.select(table.model().index(i, RUN), QItemSelectionModel.SelectionFlag.Select | rows)
        choice.name_box.lineEdit().clear()
        QTest.keyClicks(choice.name_box.lineEdit(), name)
        QTest.mouseClick(choice.put_button, Qt.MouseButton.LeftButton)
    assert choice.groups.names == ("one", "two")
    assert choice.groups.members == (tuple(range(0, 12, 2)), (1, 3, 5, 7))
    press()
    assert "2 runs in no group tested." in testing.view.notes.text()
    table.item(9, GROUP).setText(" two ")  # as typing into the cell does
    assert choice.groups.members[1] == (1, 3, 5, 7, 9)
    _choose(choice.first_choice, "two")
    _choose(choice.second_choice, "one")
    result = press()
    assert all(result.t[i, j] < 0 for i, j in TRUE)
    selection.clearSelection()
    QTest.mouseClick(choice.put_button, Qt.MouseButton.LeftButton)
    assert "No run is selected" in choice.account.text()
    table.selectRow(0)
    choice.name_box.setCurrentText("three")
    QTest.keyClick(choice.name_box.lineEdit(), Qt.Key.Key_Return)
    assert table.texts(GROUP)[:2] == ["three", "two"]
    testing.panel.activateWindow()  # there may be no window manager to do so
    table.setFocus()
    until(table.hasFocus)
    QTest.keyClick(table, Qt.Key.Key_Delete)
    assert table.texts(GROUP)[:2] == ["", "two"]
    assert choice.groups.members == ((1, 3, 5, 7, 9), (2, 4, 6, 8, 10))  # the groups somebody chose stay chosen


def test_groups_called_0_and_1_are_groups(take, press, connectome, tmp_path):
    testing = take(connectome)
    testing.choice.take_tables(str(_table(tmp_path, [str(int(each)) for each in PATIENT], "is_patient")))
    assert testing.choice.groups.names == ("1", "0")
    assert _pairs(press() and testing.view.found) == TRUE
    _choose(testing.choice.second_choice, "zero")
    assert testing.choice.groups.names == ("1",)
    assert press().provenance["test"] == "one_sample"


def test_all_runs_against_zero(take, press, connectome):
    testing = take(connectome)
    assert not testing.form.isEnabled()  # there is one such test
    testing.view.q.box.number = 0.2
    result = press()
    np.testing.assert_allclose(result.t, nc.edge_test(connectome).t, rtol=1e-9)
    assert "all runs (12 subjects), t-test against 0 of Fisher z" in testing.view.account.text()
    assert "above 0" in testing.view.account.text()


def test_sessions_are_paired_by_subject_whatever_their_order(take, press, sessions):
    order = np.random.default_rng(0).permutation(12)
    testing = take(sessions.of_subjects(order))
    _choose(testing.choice.by_choice, "ses in names")
    _choose(testing.choice.first_choice, "post")
    _choose(testing.choice.second_choice, "pre")
    press()
    assert "6 subjects in both groups: the paired test" in testing.view.notes.text()
    testing.form.container["test"].value = "paired"
    result = press()
    script = nc.edge_test(
        sessions.of_subjects(range(0, 12, 2)), sessions.of_subjects(range(1, 12, 2)), nc.EdgeTest(test="paired")
    )
    np.testing.assert_allclose(result.t, script.t, rtol=1e-9)
    assert testing.view.notes.text() == ""
    testing.choice.table.item(3, SUBJECT).setText("somebody else")
    press()
    assert "2 subjects in one group only left out." in testing.view.notes.text()


def test_runs_of_one_subject_count_once(take, press, sessions):
    testing = take(sessions)
    result = press()  # all runs against zero
    whose = [name.split("_")[0] for name in sessions.subjects]
    np.testing.assert_allclose(result.t, nc.edge_test(of_group(sessions, range(12), whose)).t, rtol=1e-9)
    assert result.n.max() == 6
    assert "Runs of one subject are averaged." in testing.view.notes.text()


def test_an_edge_that_is_clicked_shows_the_value_of_each_subject(take, press, connectome, tmp_path):
    testing = take(connectome)
    testing.choice.take_tables(str(_table(tmp_path)))
    result, view = press(), testing.view
    assert not view.values.isVisibleTo(view)
    view.matrix.picked.emit(4, 1)
    assert f"t(10) = {result.t[4, 1]:.3g}" in view.pair.text()
    shown = view.values.to_frame()
    assert list(shown["group"]) == ["patient"] * 6 + ["control"] * 6
    assert list(shown["subject"]) == SUBJECTS[::2] + SUBJECTS[1::2]
    np.testing.assert_allclose(shown["Fisher z"], np.arctanh(connectome.matrices[[*range(0, 12, 2), *range(1, 12, 2)], 4, 1]))
    lit = [layer for layer in testing.panel.viewer.layers if "light" in layer.name]
    assert sorted(len(layer.data) for layer in lit) == [1, 2]
    view.matrix.picked.emit(3, 3)
    assert not view.values.isVisibleTo(view)
    view.graph.picked.emit(1)
    assert view.pair.text() == f"{NAMES[1]}: 1 edge found."


def test_the_table_that_is_saved_has_all_edges_and_says_what_was_tested(take, press, connectome, tmp_path):
    testing = take(connectome)
    testing.choice.take_tables(str(_table(tmp_path)))
    result = press()
    testing.view.q.box.number = 0.01
    testing.view.save(str(tmp_path / "edges.tsv"))
    table = pd.read_csv(tmp_path / "edges.tsv", sep="\t")
    pd.testing.assert_frame_equal(table, result.to_frame(), rtol=1e-12)
    assert len(table) == R * (R - 1) // 2
    about = json.loads((tmp_path / "edges.json").read_text())
    assert about["subjects"] == {"patient": SUBJECTS[::2], "control": SUBJECTS[1::2]}
    assert about["parameters"] == {"test": "equal_variance", "alpha": 0.01}
    testing.view.save(str(tmp_path / "edges.graphml"))
    assert (tmp_path / "edges.graphml").read_text().count("<edge ") == len(testing.view.found) == 2
    (tmp_path / "mine.json").write_text("{}")
    with pytest.raises(InputError, match=r"mine\.json is beside the table"):
        testing.view.save(str(tmp_path / "mine.tsv"))
    assert not (tmp_path / "mine.tsv").exists()


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        (["a"] * 11 + ["b"], "The group 'b' is of 1 subject, and a test needs 2 at least"),
        (["a"] + [""] * 11, "The group 'a' is of 1 subject, and a test needs 2 at least"),
    ],
)
def test_too_few_are_one_sentence(take, press, connectome, groups, said):
    testing = take(connectome)
    testing.choice.table.put(range(12), GROUP, groups)
    testing.choice._on_typed(GROUP)
    assert press() is None
    assert said in testing.message.text()
    assert testing.view.compared is None


def test_a_group_is_not_compared_with_itself(take, press, connectome, tmp_path):
    testing = take(connectome)
    testing.choice.take_tables(str(_table(tmp_path)))
    for first in ("control", "all runs"):
        _choose(testing.choice.first_choice, first)
        assert press() is None
        assert "share runs" in testing.message.text()
        assert testing.message.text().startswith(f"'{first}' and 'control'")
    testing.form.container["test"].value = "paired"
    _choose(testing.choice.first_choice, "patient")
    assert press() is None
    assert "0 subjects in common" in testing.message.text()


def test_groups_that_do_not_differ_find_nothing(take, press, connectome):
    same = connectome.of_subjects([*range(6), *range(6)])
    named = nc.Connectome(same.matrices, NAMES, coordinates=PLACES, subjects=[f"sub-{i}_bold" for i in range(12)])
    testing = take(named)
    testing.choice.table.put(range(12), GROUP, ["a"] * 6 + ["b"] * 6)
    testing.choice._on_typed(GROUP)
    result = press()
    assert (result.t[~np.eye(R, dtype=bool)] == 0).all()
    assert "none of 45 edges is found" in testing.view.account.text()
    assert not len(testing.view.found)


@pytest.mark.parametrize("kind", ["covariance", "tangent", "precision"])
def test_kinds_without_fisher_z_are_tested_as_they_are(take, press, tmp_path, kind):
    found = _connectome([f"{subject}_bold" for subject in SUBJECTS], PATIENT, kind)
    testing = take(found)
    if kind == "tangent":
        assert press() is None
        assert "sum to 0 at its own mean" in testing.message.text()
    testing.choice.take_tables(str(_table(tmp_path)))
    result = press()
    assert result.quantity == kind
    assert _pairs(testing.view.found) >= TRUE


def test_other_tables_are_one_sentence_and_change_nothing(testing, take, connectome, tmp_path):
    take(connectome)
    (tmp_path / "other.tsv").write_text("participant_id\tgroup\nsub-91\ta\nsub-92\tb\n")
    for name, said in (
        ("other.tsv", "no column of other.tsv makes two groups of these runs"),
        ("none.tsv", "there is no file"),
    ):
        with pytest.raises(InputError, match=said):
            testing.choice.take_tables(str(tmp_path / name))
        assert testing.choice.by_choice.count() == 1


def test_what_was_missing_is_said_no_longer_once_a_test_is_made_or_other_runs_come(testing, take, press, connectome):
    take(connectome)
    for go_on in (press, lambda: testing.choice.show_runs(SUBJECTS[:3])):
        testing.choice.put_button.click()
        assert testing.choice.account.text().startswith("No run is selected")
        go_on()
        assert testing.choice.account.text() == ""


def test_groups_stay_with_their_runs_and_a_test_of_another_connectome_goes(take, press, connectome, tmp_path):
    testing = take(connectome)
    testing.choice.take_tables(str(_table(tmp_path)))
    press()
    take(connectome.of_subjects(range(11, -1, -1)))
    assert testing.choice.table.texts(GROUP) == GROUPS[::-1]
    assert testing.view.compared is None  # it was of another connectome
    assert not testing.view.isVisibleTo(testing)


def test_a_test_follows_regions_that_are_painted(take, press, until, connectome, tmp_path):
    testing = take(connectome)
    testing.renew(connectome)  # nothing was tested yet
    assert not testing.work.busy
    testing.choice.take_tables(str(_table(tmp_path)))
    press()
    testing.view.matrix.picked.emit(4, 1)
    testing.view.matrix.light(4, 1)
    _choose(testing.choice.first_choice, "control")  # not pressed: what is shown is tested again
    names = [f"{subject}_task-rest_bold" for subject in SUBJECTS]
    painted = _connectome(names, PATIENT, seed=1000)
    testing.renew(painted)
    until(lambda: not testing.work.busy)
    script = nc.edge_test(painted.of_subjects(PATIENT), painted.of_subjects(~np.array(PATIENT)))
    np.testing.assert_allclose(testing.view.compared.result.t, script.t, rtol=1e-9)
    assert f"t(10) = {script.t[4, 1]:.3g}" in testing.view.pair.text()
    fewer = painted.take(range(6))
    testing.look.show_connectome(fewer)
    testing.renew(fewer)
    until(lambda: not testing.work.busy)
    assert testing.view.compared.result.t.shape == (6, 6)


def test_the_viewer_shows_the_edges_of_the_tab_in_front(qtbot, until, connectome, tmp_path):
    from napari_connectome.widgets.connectome import COMPUTE, GROUPS, LOOK, Connectomes

    panel = Connectomes(ViewerModel())
    qtbot.addWidget(panel)
    panel.show()
    assert not panel.tabs.isTabEnabled(GROUPS)
    panel.computing.computed.emit(connectome)
    assert panel.tabs.isTabEnabled(GROUPS)
    graph, strongest = panel.look.graph, set(np.round(panel.look.graph.edges_layer.features["weight"], 9))

    def shown():
        return set(np.round(graph.edges_layer.features["weight"], 9))

    panel.tabs.setCurrentIndex(GROUPS)
    assert shown() == strongest  # nothing is tested yet
    panel.groups.choice.take_tables(str(_table(tmp_path)))
    panel.groups.test_button.click()
    until(lambda: not panel.groups.work.busy)
    t = panel.groups.view.compared.result.t
    found = {round(t[i, j], 9) for i, j in TRUE}
    assert shown() == found
    panel.look.renew(connectome)  # as under a brush
    assert shown() == found
    panel._followed = SimpleNamespace(connectome=connectome.of_subjects(range(12)), read=None)
    panel.following.rested.emit(None)
    until(lambda: not panel.groups.work.busy)
    assert panel.groups.connectome is panel._followed.connectome
    assert shown() == found
    for tab, wanted in ((LOOK, strongest), (GROUPS, found), (COMPUTE, strongest), (GROUPS, found)):
        panel.tabs.setCurrentIndex(tab)
        assert shown() == wanted
    panel.groups.view.matrix.light(4, 1)
    panel.groups.view.matrix.picked.emit(4, 1)

    def lit():
        return {tuple(layer.features["weight"].round(9)) for layer in panel.viewer.layers if layer.name == "Edges in light"}

    assert lit() == {(round(t[4, 1], 9),)}
    panel.tabs.setCurrentIndex(LOOK)
    assert lit() == set()  # nothing was clicked there
    panel.tabs.setCurrentIndex(GROUPS)
    assert lit() == {(round(t[4, 1], 9),)}
    panel.groups.test_button.click()
    panel.tabs.setCurrentIndex(LOOK)  # before it is done
    until(lambda: not panel.groups.work.busy)
    assert shown() == strongest
    panel.look.order_choice.setCurrentIndex(panel.look.order_choice.findData("clustering"))
    panel.look.order_choice.activated.emit(0)
    panel.tabs.setCurrentIndex(GROUPS)
    np.testing.assert_array_equal(panel.groups.view.matrix.order, panel.look.ordering.order)
    panel.computing.computed.emit(connectome.of_subjects([0]))
    assert panel.tabs.currentIndex() == LOOK
    assert not panel.tabs.isTabEnabled(GROUPS)
    assert shown() != found


def test_of_very_many_edges_the_strongest_are_drawn(take, press, connectome, monkeypatch):
    from napari_connectome.widgets import edge_test_view

    monkeypatch.setattr(edge_test_view, "DRAWN", 3)
    testing = take(connectome)
    testing.view.q.box.number = 0.5
    result = press()
    found = result.edges(0.5)
    assert len(found) > 3
    np.testing.assert_allclose(sorted(testing.view.graph.edges_layer.features["weight"]), sorted(found.first(3).weights))
    assert f"{len(found)} of 45 edges" in testing.view.account.text()
    assert "The 3 of largest |t| are in the viewer." in testing.view.account.text()


def test_all_of_it_fits_a_dock_of_240_pixels(make_napari_viewer, until, connectome, tmp_path):
    from napari_connectome.widgets.connectome import GROUPS

    viewer = make_napari_viewer(show=True)
    dock, panel = viewer.window.add_plugin_dock_widget("napari-connectome", "Connectome")
    panel.computing.computed.emit(connectome)
    panel.tabs.setCurrentIndex(GROUPS)
    panel.groups.choice.take_tables(str(_table(tmp_path)))
    panel.groups.test_button.click()
    until(lambda: not panel.groups.work.busy)
    panel.groups.view.matrix.picked.emit(4, 1)
    viewer.window._qt_window.resizeDocks([dock], [240], Qt.Orientation.Horizontal)
    until(lambda: dock.width() == 240 and not panel._bring_soon.isActive())
    assert panel.groups.minimumSizeHint().width() <= 205  # beside margins, the frame of the tabs and a bar that scrolls
    assert not panel.groups.view.matrix.visibleRegion().isEmpty()
