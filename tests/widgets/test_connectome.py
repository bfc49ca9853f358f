"""The whole panel in a window: from files and an atlas to the matrix, and from the matrix to the brain and back."""

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from qtpy.QtGui import QImage

import napari_connectome as nc
from napari_connectome.core.edges import Edges
from napari_connectome.core.orderings import order_of
from napari_connectome.io.connectomes import load_connectome
from napari_connectome.studies.connectome_of_runs import RunSeries
from napari_connectome.widgets.connectome import COMPUTE, LOOK, Connectomes

WIDGET = "Connectome"
R = 12


@pytest.fixture
def window(make_napari_viewer):
    return make_napari_viewer(show=True)


@pytest.fixture
def docked(window):
    """The panel as the menu opens it."""
    from qtpy.QtWidgets import QApplication

    _, made = window.window.add_plugin_dock_widget("napari-connectome", WIDGET)
    QApplication.processEvents()
    return made


@pytest.fixture
def panel(qtbot):
    """The panel beside a viewer without a window."""
    made = Connectomes(ViewerModel())
    qtbot.addWidget(made)
    return made


NAMES = [f"{side}_{network}_{i}" for side in ("L", "R") for network in ("Vis", "Mot") for i in (1, 2, 3)]


@pytest.fixture(scope="module")
def series():
    """Of three subjects with twelve regions, one of them missing in the last."""
    rng = np.random.default_rng(3)
    made = [nc.Series(rng.standard_normal((60, R)) + rng.standard_normal((60, 1)), NAMES, 2.0) for _ in range(3)]
    made[2].data[:, 4] = np.nan
    return made


@pytest.fixture(scope="module")
def connectome(series):
    """Of these subjects, the regions on a ring."""
    angle = np.linspace(0, 2 * np.pi, R, endpoint=False)
    places = np.column_stack([40 * np.cos(angle), 40 * np.sin(angle), np.linspace(-20, 20, R)])
    return nc.connectome(series, coordinates=places)


@pytest.fixture
def look(panel, connectome):
    """The part that shows it."""
    panel.computing.computed.emit(connectome)
    return panel.look


@pytest.fixture
def set_share(look, until):
    def put(percent):
        look.share.box.number = percent
        until(lambda: not look._soon.isActive())

    return put


def _shown(look):
    layer = look.graph.edges_layer
    return 0 if layer is None or not layer.visible else len(layer.data)


def test_from_files_and_an_atlas_to_the_matrix_and_the_brain(docked, window, network_files, until, tmp_path):
    labels = np.zeros((10, 14, 12), np.uint8)
    for i, (x, y, z) in enumerate([(3, 4, 4), (8, 4, 5), (4, 9, 4), (8, 9, 6)]):
        labels[z - 1 : z + 2, y - 1 : y + 2, x - 1 : x + 2] = i + 1
    nc.save(nc.Regions(labels, nc.Grid(labels.shape, np.diag([6.0, 6, 6, 1]))), tmp_path / "atlas.nii.gz")
    assert not docked.tabs.isTabEnabled(LOOK)
    computing = docked.computing
    computing.runs.add_files(network_files)
    computing.regions.take_file(str(tmp_path / "atlas.nii.gz"))
    until(lambda: not (computing.runs.busy or computing.regions.busy))
    computing.compute_button.click()
    until(lambda: not computing.work.busy)
    assert docked.tabs.currentIndex() == LOOK
    until(lambda: not docked._bring_soon.isActive())
    assert not docked.tabs.tabBar().visibleRegion().isEmpty()
    assert docked.look.connectome.matrices.shape == (4, 4, 4)
    assert len(docked.look.graph.nodes_layer.data) == 4
    assert [layer.name for layer in window.layers if layer.name == "Brain"] == ["Brain"]
    docked.look.brain_box.setChecked(False)
    assert "Brain" not in window.layers
    docked.tabs.setCurrentIndex(COMPUTE)
    computing.compute_button.click()  # with what was kept
    until(lambda: not computing.work.busy)
    assert docked.tabs.currentIndex() == LOOK
    assert sum("connectome" in layer.name for layer in window.layers) == 2


@pytest.mark.parametrize("subject", [None, 0, 2])
@pytest.mark.parametrize("percent", [0.0, 5.0, 33.0, 100.0])
def test_matrix_and_brain_show_the_same_edges(look, connectome, set_share, subject, percent):
    look.subject_choice.setCurrentIndex(0 if subject is None else subject + 1)
    look.subject_choice.activated.emit(0)
    set_share(percent)
    matrix = connectome.mean if subject is None else connectome.matrices[subject]
    wanted = Edges.of(matrix).strongest(percent)
    assert _shown(look) == len(wanted)
    shown = look.matrix.to_frame().to_numpy()
    np.testing.assert_array_equal(shown, matrix[np.ix_(look.matrix.order, look.matrix.order)])
    above = np.abs(np.nan_to_num(matrix)) >= look.matrix.threshold
    assert np.tril(above & (matrix != 0), -1).sum() == len(wanted)
    if len(wanted):
        assert f"{len(wanted)} of" in look.account.text()
    else:
        assert "No edge is strong enough" in look.account.text()


@pytest.mark.parametrize("matrix", [np.eye(3), np.ones((1, 1)), np.full((2, 2), np.nan)])
def test_where_there_is_no_edge_a_larger_share_is_not_asked_for(look, matrix):
    look.show_connectome(nc.Connectome(matrix, "abc"[: len(matrix)], coordinates=np.zeros((len(matrix), 3))))
    assert look.account.text() == "There is no edge: no two of these regions have a value other than 0."


def test_where_the_share_is_none_a_larger_one_is_asked_for_also_of_the_next_connectome(look, connectome, set_share):
    set_share(0.0)
    look.show_connectome(connectome)
    assert look.account.text() == "No edge is strong enough: show a larger share of them."


@pytest.mark.parametrize("how", ["as given", "network", "hemisphere", "clustering"])
def test_the_order_is_that_of_a_script_and_kept_for_the_next_connectome(look, panel, connectome, how):
    look.order_choice.setCurrentIndex(look.order_choice.findData(how))
    look.order_choice.activated.emit(0)
    wanted = order_of(connectome, how)
    np.testing.assert_array_equal(look.matrix.order, wanted.order)
    np.testing.assert_array_equal(look.ordering.order, wanted.order)
    panel.computing.computed.emit(connectome)
    np.testing.assert_array_equal(look.matrix.order, wanted.order)


def test_a_cell_lights_its_edge_and_the_view_goes_there(look, panel, connectome):
    viewer = panel.viewer
    look.matrix.picked.emit(7, 2)
    assert look.pair.text() == f"{connectome.names[7]} – {connectome.names[2]}: {connectome.mean[7, 2]:.3g} (mean of 3 runs)."
    middle = connectome.coordinates[[7, 2]].mean(axis=0)
    np.testing.assert_allclose(viewer.dims.point[-3:][0], middle[2], atol=1.0)
    lit = [layer for layer in viewer.layers if "light" in layer.name]
    assert sorted(len(layer.data) for layer in lit) == [1, 2]
    look.matrix.picked.emit(5, 5)  # the diagonal: a region
    assert connectome.names[5] in look.pair.text()


def test_a_pair_is_explained_by_the_series_of_the_run_shown(panel, connectome, series):
    look, read = panel.look, RunSeries(tuple(series), connectome.subjects, connectome.coordinates)
    look.show_connectome(connectome, None, read)
    assert not look.edge.isVisibleTo(look)
    look.subject_choice.setCurrentIndex(2)
    look.subject_choice.activated.emit(2)
    look.matrix.picked.emit(7, 2)
    assert look.edge.isVisibleTo(look)
    assert look.edge.run == 1
    r = np.corrcoef(series[1].data[:, [7, 2]].T)[0, 1]
    assert f"r = {r:.3f}" in look.edge.text.text()
    look.matrix.picked.emit(4, 4)
    assert not look.edge.isVisibleTo(look)
    look.subject_choice.setCurrentIndex(3)
    look.subject_choice.activated.emit(3)
    look.matrix.picked.emit(7, 4)  # a region that this run lacks
    assert "no value" in look.pair.text()
    assert "no correlation" in look.edge.text.text()


@pytest.mark.parametrize("how", ["as given", "hemisphere"])
def test_what_is_shown_is_saved_in_its_order(look, connectome, tmp_path, how, set_share):
    look.order_choice.setCurrentIndex(look.order_choice.findData(how))
    look.order_choice.activated.emit(0)
    look.subject_choice.setCurrentIndex(1)
    look.subject_choice.activated.emit(1)
    set_share(20.0)
    order = order_of(connectome, how).order
    look.save(str(tmp_path / "a_relmat.tsv"))
    table = pd.read_csv(tmp_path / "a_relmat.tsv", sep="\t", index_col=0)
    np.testing.assert_allclose(table.to_numpy(), connectome.matrices[0][np.ix_(order, order)])
    assert list(table.columns) == [connectome.names[i] for i in order]
    look.save(str(tmp_path / "all.npz"))
    again = load_connectome(tmp_path / "all.npz")
    np.testing.assert_array_equal(again.matrices, connectome.take(order).matrices)
    assert again.subjects == connectome.subjects
    look.save(str(tmp_path / "graph.graphml"))
    assert (tmp_path / "graph.graphml").read_text().count("<edge ") == _shown(look)


@pytest.mark.parametrize("wide", [150, 400])
def test_the_saved_picture_has_all_names_and_the_unit_however_narrow_the_dock(look, connectome, tmp_path, wide):
    look.order_choice.setCurrentIndex(look.order_choice.findData("network"))
    look.order_choice.activated.emit(0)
    look.matrix.resize(wide, wide)
    look.matrix.picked.emit(2, 3)
    look.save(str(tmp_path / "matrix.svg"))
    drawn = (tmp_path / "matrix.svg").read_text()
    for name in connectome.names:
        assert drawn.count(f">{name}<") == 2
    assert "correlation (r)" in drawn
    look.save(str(tmp_path / "matrix.png"))
    assert QImage(str(tmp_path / "matrix.png")).width() > 1500
    assert look.matrix.width() == wide


def test_a_region_clicked_in_the_brain_is_shown_in_the_matrix(look, monkeypatch, connectome):
    lit = []
    monkeypatch.setattr(look.matrix, "light", lambda *pair: lit.append(pair))
    look.graph.picked.emit(6)
    assert lit == [(6,)]
    assert connectome.names[6] in look.pair.text()


def test_what_is_said_of_a_region_follows_the_share_of_edges(look, set_share):
    set_share(100.0)
    look.matrix.light(6)
    look.graph.picked.emit(6)
    assert f": {R - 1} edges shown." in look.pair.text()
    set_share(0.0)
    assert ": no edge shown." in look.pair.text() or ": 0 edges shown." in look.pair.text()
    look.matrix.light(6, 2)
    look.matrix.picked.emit(6, 2)
    set_share(50.0)
    assert "shown" not in look.pair.text()


def test_regions_without_edges_can_be_hidden(look, set_share):
    set_share(5.0)
    nodes = look.graph.nodes_layer
    everywhere = int(np.count_nonzero(nodes.shown))
    look.hide_box.setChecked(True)
    ends = len(set(look._strong.rows) | set(look._strong.columns))
    assert int(np.count_nonzero(look.graph.nodes_layer.shown)) == ends < everywhere == R
    set_share(100.0)
    assert int(np.count_nonzero(look.graph.nodes_layer.shown)) == R
    look.hide_box.setChecked(False)
    set_share(0.0)
    assert int(np.count_nonzero(look.graph.nodes_layer.shown)) == R


def test_one_run_has_no_choice_of_runs_and_other_regions_take_the_place(look, panel, connectome):
    one = nc.Connectome(connectome.matrices[0][:5, :5], connectome.names[:5], coordinates=connectome.coordinates[:5])
    look.matrix.picked.emit(11, 3)
    panel.computing.computed.emit(one)
    assert not look.subject_choice.isVisibleTo(look)
    assert look.subject == 0
    assert len(look.graph.nodes_layer.data) == 5


def test_a_connectome_of_nothing_known_is_shown_without_edges(look, panel, connectome):
    nothing = nc.Connectome(np.full((1, 3, 3), np.nan), ["a", "b", "c"], coordinates=connectome.coordinates[:3])
    panel.computing.computed.emit(nothing)
    assert "no edge" in look.account.text()
    assert _shown(look) == 0


def test_layers_deleted_by_the_person_come_back_with_the_next_connectome_and_do_no_harm_before(look, panel, connectome):
    panel.viewer.layers.clear()
    look.matrix.picked.emit(3, 1)
    look.share.box.number = 20.0
    look._on_share()
    panel.computing.computed.emit(connectome)
    assert len(look.graph.nodes_layer.data) == R


def test_the_panel_can_be_closed_and_opened_again(window, connectome):
    for _ in range(2):
        _, opened = window.window.add_plugin_dock_widget("napari-connectome", WIDGET)
        opened.computing.computed.emit(connectome)
        assert len([layer for layer in window.layers if layer.name == "Regions of the connectome"]) == 1
        window.window.remove_dock_widget(opened)
        del opened


def test_the_edge_under_the_mouse_is_shown_faintly_beside_what_is_in_the_light(look, panel, until):
    def faint():
        layer = next((each for each in panel.viewer.layers if each.name == "Edges in light"), None)
        return (0, 0) if layer is None else (len(layer.data), int((layer.edge_color[:, 3] < 1).sum()))

    def hover(i, j):
        look.matrix.hovered.emit(i, j)
        until(lambda: not look._hint_soon.isActive())
        return faint()

    layers = list(panel.viewer.layers)
    assert hover(7, 2) == hover(1, 5) == (1, 1)
    assert hover(3, 3) == (0, 0)  # the diagonal
    hover(7, 2)
    assert hover(-1, -1) == (0, 0)
    assert list(panel.viewer.layers) == layers
    look.matrix.picked.emit(7, 2)
    assert hover(4, 8) == (2, 1)
    assert hover(-1, -1) == (1, 0)
    hover(11, 10)
    panel.computing.computed.emit(look.connectome.take(range(5)))  # which has no such regions any more
    assert hover(4, 2) == (1, 1)
    assert hover(11, 10) == (0, 0)


def test_a_clustering_that_takes_long_is_found_beside_the_window(look, connectome, monkeypatch, until):
    monkeypatch.setattr("napari_connectome.widgets.connectome_view.AT_ONCE", 5)

    def choose(how, subject=0):
        look.subject_choice.setCurrentIndex(subject)
        look.subject_choice.activated.emit(subject)
        look.order_choice.setCurrentIndex(look.order_choice.findData(how))
        look.order_choice.activated.emit(0)

    choose("network")
    before = look.matrix.order
    choose("clustering")
    np.testing.assert_array_equal(look.matrix.order, before)
    np.testing.assert_array_equal(look.ordering.order, before)  # which is what would be saved
    until(lambda: not look._ordering_work.busy)
    np.testing.assert_array_equal(look.matrix.order, order_of(connectome, "clustering").order)
    assert look.ordering.how == "clustering"
    choose("clustering", 2)
    until(lambda: not look._ordering_work.busy)
    np.testing.assert_array_equal(look.matrix.order, order_of(connectome, "clustering", subject=1).order)
    choose("clustering")
    choose("as given")
    assert not look._ordering_work.busy
    np.testing.assert_array_equal(look.matrix.order, np.arange(R))


def test_the_name_that_is_offered_is_that_of_the_run_and_its_atlas(look, connectome, monkeypatch, tmp_path):
    from napari_connectome.widgets import connectome_view

    offered = []
    monkeypatch.setattr(connectome_view, "ask_path", lambda parent, title, name, files: offered.append(name))
    runs = nc.Connectome(
        connectome.matrices, connectome.names, coordinates=connectome.coordinates,
        subjects=[f"sub-{i}_task-rest_bold" for i in (1, 2, 3)],
    )  # fmt: skip
    look.show_connectome(runs, provenance={"regions": "atlas-Mine_dseg.nii.gz"})
    look.save_button.click()
    look.subject_choice.setCurrentIndex(2)
    look.subject_choice.activated.emit(2)
    look.save_button.click()
    assert offered == [
        "task-rest_seg-Mine_stat-correlation_relmat.tsv",
        "sub-2_task-rest_seg-Mine_stat-correlation_relmat.tsv",
    ]
