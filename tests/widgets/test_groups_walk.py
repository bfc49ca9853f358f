"""Groups of runs by mouse and keys in a real window: put runs into groups, test, change q, click an edge, save, go back."""

import numpy as np
import pandas as pd
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLineEdit

import napari_connectome as nc
from napari_connectome.layers import samples
from napari_connectome.widgets.connectome import GROUPS, LOOK
from napari_connectome.widgets.connectome_computing import CLEANING
from napari_connectome.widgets.group_table import GROUP, RUN


def _way(viewer, folder, **given):
    from npe2 import PluginManager

    from tools.connecting import ConnectingWalk

    PluginManager.instance().discover()
    viewer.window.resize(1400, 900)
    return ConnectingWalk(viewer, folder, **given)


def _click(table, row, column=RUN, held=Qt.KeyboardModifier.NoModifier):
    from tools.hands import show

    show(table)
    index = table.model().index(row, column)
    table.scrollTo(index)
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, held, table.visualRect(index).center())


def _type(table, row, text):
    """Double click a cell of the groups, and type."""
    from tools.mouse import let_work

    _click(table, row, GROUP)
    QTest.mouseDClick(
        table.viewport(), Qt.MouseButton.LeftButton, pos=table.visualRect(table.model().index(row, GROUP)).center()
    )
    line = next(each for each in table.findChildren(QLineEdit) if each.isVisible())  # Qt deletes the one before later
    QTest.keyClicks(line, text)
    QTest.keyClick(line, Qt.Key.Key_Return)
    assert let_work(lambda: table.texts(GROUP)[row] == text, 5.0)


def _test(way):
    from tools.hands import press

    groups = way.widget.groups
    press(groups.test_button)
    way.wait(lambda: not groups.work.busy, groups.message)
    assert groups.message.text() == ""
    return groups.view


def _click_strongest(way, view):
    """Click the cell of the largest t, and see what is said and shown of it."""
    from tools.connecting import place_of_cell
    from tools.hands import show

    i, j = int(view.found.rows[0]), int(view.found.columns[0])
    show(view.matrix)
    QTest.mouseClick(view.matrix._plot.viewport(), Qt.MouseButton.LeftButton, pos=place_of_cell(view.matrix, i, j))
    assert view.matrix.lit == (i, j)
    assert f"= {view.compared.result.t[i, j]:.3g}" in view.pair.text()
    show(view.values)
    assert view.values.isVisible()
    way.picture("an edge of two groups")


def test_runs_of_the_viewer_are_put_into_groups_by_hand(make_napari_viewer, tmp_path):
    from tools.connecting import atlas_of_places
    from tools.hands import drag, press, press_tab, show, type_into

    viewer = make_napari_viewer(show=True)
    for data, about, kind in samples.resting_group():
        getattr(viewer, f"add_{kind}")(data, **about)
    way = _way(viewer, tmp_path)
    way.atlas(atlas_of_places(tmp_path))
    way.compute()
    press_tab(way.widget.tabs, GROUPS)
    choice = way.widget.groups.choice
    _click(choice.table, 0)
    _click(choice.table, 2, held=Qt.KeyboardModifier.ShiftModifier)
    show(choice.name_box)
    type_into(choice.name_box.lineEdit(), "first")
    press(choice.put_button)
    for row in (3, 4, 5):
        _type(choice.table, row, "second")
    assert choice.table.texts(GROUP) == ["first"] * 3 + ["second"] * 3
    view = _test(way)
    found = way.look.connectome
    script = nc.edge_test(found.of_subjects([0, 1, 2]), found.of_subjects([3, 4, 5]))
    np.testing.assert_allclose(view.compared.result.t, script.t, rtol=1e-9)
    drag(view.q.slider, view.q.slider.maximum())
    drag(view.q.slider, view.q.slider.maximum() // 2)
    way.wait(lambda: not view._soon.isActive(), view.account)
    assert len(view.found) == len(script.edges(view.q.number))
    way.save(view.save_button, "groups.tsv", view.account)
    table = pd.read_csv(tmp_path / "groups.tsv", sep="\t")
    pd.testing.assert_frame_equal(table, script.to_frame(), check_dtype=False, rtol=1e-9)
    press_tab(way.widget.tabs, LOOK)
    assert len(view.graph.edges_layer.data) == len(way.look._strong)


def test_real_runs_and_the_tables_of_two_sites(make_napari_viewer, real_data, tmp_path):
    from tools.hands import choose, drag, press_tab

    files = sorted((real_data / "rest_group").glob("*.nii.gz"))
    atlas = real_data / "atlas" / "Schaefer2018_100_7Networks_MNI152NLin6Asym_2mm_dseg.nii.gz"
    names = atlas.with_name("schaefer100x7NodeNames.txt")
    way = _way(make_napari_viewer(show=True), tmp_path, files=files)
    way.tell_tr(2.0)
    way.atlas(atlas, names)
    way.compute()
    way.order("network")
    press_tab(way.widget.tabs, GROUPS)
    choice = way.widget.groups.choice
    way.open(choice.table_button, sorted((real_data / "rest_group").glob("covariates_*.csv")))
    assert choice.groups.names == ("Male", "Female")
    view = _test(way)
    params, regions = nc.RegionSeries(cleaning=CLEANING), nc.load_regions(atlas, names=names)
    found = nc.connectome([nc.region_series(nc.load_run(path, tr=2.0), regions, params) for path in files])
    script = nc.edge_test(found.of_subjects([0, 3]), found.of_subjects([1, 2, 4, 5]))
    np.testing.assert_allclose(view.compared.result.t, script.t, rtol=1e-6)
    choose(choice.second_choice, "zero")
    choose(choice.first_choice, "all runs")
    np.testing.assert_allclose(_test(way).compared.result.t, nc.edge_test(found).t, rtol=1e-6)
    drag(view.q.slider, view.q.slider.maximum() // 2)
    way.wait(lambda: not view._soon.isActive(), view.account)
    assert len(view.found)
    _click_strongest(way, view)
