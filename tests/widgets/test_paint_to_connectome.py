"""A region of an atlas is painted in a real window, with a real mouse, and matrix and graph follow."""

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from napari.layers import Labels

import napari_connectome as nc
from napari_connectome.layers.spatial import layer_kwargs, regions_of, to_world
from napari_connectome.layers.undoable import write
from napari_connectome.widgets.connectome import LOOK

WIDGET = "Connectome"
CENTRES = [(0, 21, 3), (0, -21, 3), (-21, 0, 3), (21, 0, 3), (0, 0, 18), (0, 3, -15)]


def _atlas(grid):
    labels = np.zeros(grid.shape, np.uint8)
    for i, centre in enumerate(CENTRES):
        labels[grid.sphere(centre, 9)] = i + 1
    return Labels(labels, name="atlas", **layer_kwargs(grid))


@pytest.fixture
def opened(make_napari_viewer, small_run, add_run, until):
    """A viewer with run and atlas, and the panel with their connectome."""

    def open_it(*, files=(), **measure):
        viewer = make_napari_viewer(show=True)
        if not files:
            add_run(viewer, small_run.run, "small")
        layer = viewer.add_layer(_atlas(small_run.run.grid))
        _, panel = viewer.window.add_plugin_dock_widget("napari-connectome", WIDGET)
        if files:
            panel.computing.runs.add_files(files)
            until(lambda: not panel.computing.runs.busy)
        panel.computing.regions.layer_choice.layer = layer
        if measure:
            panel.computing.form.value = panel.computing.form.value.replace(**measure)
        panel.computing.compute_button.click()
        until(lambda: not panel.computing.work.busy)
        assert panel.tabs.currentIndex() == LOOK, panel.computing.message.text()
        return viewer, panel, layer

    return open_it


@pytest.fixture
def files(tmp_path, small_run):
    """The run twice on the disk, the second with its volumes turned round."""
    paths = []
    for i, data in enumerate((small_run.run.data, small_run.run.data[::-1])):
        image = nib.Nifti1Image(np.ascontiguousarray(data.transpose(3, 2, 1, 0)), small_run.run.grid.affine)
        image.header.set_xyzt_units("mm", "sec")
        image.header["pixdim"][4] = 2.0
        paths.append(str(tmp_path / f"sub-{i + 1:02d}_bold.nii"))
        nib.save(image, paths[-1])
    return paths


def _fresh(panel, layer, runs):
    return nc.connectome_of_runs(
        runs, regions_of(layer), panel.computing.series_parameters(), panel.computing.form.value, leave_out=True
    )


def _check(panel, layer, runs, until):
    """Whether all that is shown is what a fresh computation gives."""
    until(lambda: not panel.following.busy)
    wanted, look = _fresh(panel, layer, runs), panel.look
    assert look.connectome.names == wanted.names
    np.testing.assert_array_equal(look.connectome.matrices, wanted.matrices)
    np.testing.assert_allclose(look.connectome.coordinates, wanted.coordinates, atol=1e-9)
    until(lambda: not panel.following._rest.isActive())
    order = look.matrix.order
    np.testing.assert_array_equal(look.matrix.to_frame().to_numpy(), wanted.mean[np.ix_(order, order)])
    nodes = look.graph.nodes_layer
    np.testing.assert_allclose(nodes.features[list("xyz")].to_numpy(dtype=float), wanted.coordinates, atol=1e-9)
    assert set(look.graph.edges_layer.features["weight"]) <= set(wanted.mean[np.tril_indices(len(wanted.names), -1)])
    return wanted


def _brush(viewer, layer, run, label, mm, mode="paint"):
    viewer.layers.selection.active = layer
    layer.selected_label, layer.mode, layer.brush_size, layer.n_edit_dimensions = label, mode, 2, 3
    viewer.dims.set_point(range(viewer.dims.ndim - 3, viewer.dims.ndim), to_world(run.grid, mm))
    viewer.reset_view()


def test_the_matrix_follows_a_stroke_while_it_is_drawn_and_ends_where_a_fresh_computation_ends(opened, small_run, hand, until):
    viewer, panel, layer = opened()
    run, look = small_run.run, panel.look
    panel.look.share.box.number = 100.0
    before = look.connectome.mean.copy()
    seen = []
    panel.following.followed.connect(lambda found: seen.append(found.connectome.mean[2].copy()))
    _brush(viewer, layer, run, 3, CENTRES[2])
    mouse = hand(viewer)
    mouse.drag(np.linspace(*(to_world(run.grid, mm) for mm in (CENTRES[2], (-9, -18, 3))), 12))
    until(lambda: not panel.following.busy)
    mouse.drag(np.linspace(*(to_world(run.grid, mm) for mm in ((-9, -18, 3), (-9, 21, 3))), 12))
    assert len({row.tobytes() for row in seen}) > 3, "the matrix stood still while the brush was moved"
    wanted = _check(panel, layer, [run], until)
    assert np.abs(wanted.mean[2] - before[2]).max() > 0.2
    _brush(viewer, layer, run, 3, (-9, -18, 3), "erase")
    mouse.drag(np.linspace(*(to_world(run.grid, mm) for mm in ((-9, -18, 3), (-9, 0, 3))), 8))
    _check(panel, layer, [run], until)
    for _ in range(3):
        layer.undo()
        _check(panel, layer, [run], until)
    np.testing.assert_allclose(panel.look.connectome.mean, before, atol=1e-12)


def test_a_region_that_is_new_and_one_that_is_gone_are_followed(opened, small_run, until):
    _, panel, layer = opened()
    run = small_run.run
    write(layer, np.where(run.grid.sphere((0, -12, -9), 7), 9, layer.data))
    wanted = _check(panel, layer, [run], until)
    assert wanted.names[-1] == "region 9"
    write(layer, np.where(layer.data == 2, 0, layer.data))
    assert len(_check(panel, layer, [run], until).names) == 6
    write(layer, np.zeros_like(layer.data))
    until(lambda: not panel.following.busy)
    assert "There is no region in the label image: paint one first." in panel.following.account.text()
    assert len(panel.look.connectome.names) == 6
    layer.undo()
    _check(panel, layer, [run], until)
    assert panel.following.account.text() == ""


@pytest.mark.parametrize(
    "measure",
    [
        pytest.param({"kind": "partial_correlation"}, marks=pytest.mark.nightly),
        {"kind": "tangent"},
        pytest.param({"fisher_z": True}, marks=pytest.mark.nightly),
    ],
    ids=str,
)
def test_runs_of_files_are_read_at_the_first_stroke_and_every_kind_follows(opened, files, small_run, until, measure):
    _, panel, layer = opened(files=files, **measure)
    run = small_run.run
    runs = [nc.load_run(path) for path in files]
    assert panel.following._series is None
    for radius in (12, 6):
        write(layer, np.where(run.grid.sphere(CENTRES[3], radius), 4, np.where(layer.data == 4, 0, layer.data)))
        _check(panel, layer, runs, until)
    assert panel.look.connectome.subjects == ("sub-01_bold", "sub-02_bold")


def test_nothing_is_followed_where_nobody_wants_it(opened, small_run, until):
    _, panel, layer = opened()
    run = small_run.run
    before = panel.look.connectome
    panel.following.box.setChecked(False)
    write(layer, np.where(run.grid.sphere(CENTRES[3], 12), 4, layer.data))
    until(lambda: not panel.following.busy)
    assert panel.look.connectome is before
    panel.following.box.setChecked(True)
    _check(panel, layer, [run], until)


def test_a_layer_that_is_moved_or_gone_is_not_followed_any_more(opened, small_run, until):
    viewer, panel, layer = opened()
    before = panel.look.connectome
    layer.translate = np.asarray(layer.translate) + 30
    assert "was moved" in panel.following.account.text()
    write(layer, np.where(layer.data == 2, 0, layer.data))
    until(lambda: not panel.following.busy)
    assert panel.look.connectome is before
    viewer.layers.remove(layer)
    assert panel.look.connectome is before


def test_the_layer_is_taken_away_in_the_middle_of_it(opened, small_run, until):
    viewer, panel, layer = opened()
    write(layer, np.where(layer.data == 2, 0, layer.data))
    viewer.layers.remove(layer)
    until(lambda: not panel.following.busy)
    assert "layer is gone" in panel.following.account.text()


def test_a_renamed_region_is_renamed_in_the_matrix(opened, small_run, until):
    _, panel, layer = opened()
    write(layer, np.where(small_run.run.grid.sphere(CENTRES[3], 12), 4, layer.data))
    until(lambda: not panel.following.busy)
    layer.features = pd.DataFrame({"index": [0, 4], "name": ["background", "insula"]})
    until(lambda: "insula" in panel.look.connectome.names)
    _check(panel, layer, [small_run.run], until)


def test_an_atlas_of_a_file_is_opened_as_a_layer_to_be_painted(opened, small_run, until, tmp_path):
    viewer, panel, layer = opened()
    names = pd.DataFrame({"name": [f"area {i}" for i in range(1, 7)]}, index=range(1, 7))
    nc.save(nc.Regions(layer.data.copy(), small_run.run.grid, names), tmp_path / "mine_dseg.nii.gz")
    computing = panel.computing
    computing.regions.take_file(str(tmp_path / "mine_dseg.nii.gz"))
    until(lambda: not computing.regions.busy)
    computing.compute()
    until(lambda: not computing.work.busy)
    assert not panel.following.isVisibleTo(panel)
    assert computing.regions.open_button.isVisibleTo(computing)
    computing.regions.open_button.click()
    mine = viewer.layers["mine_dseg"]
    assert viewer.layers.selection.active is computing.regions.layer_choice.layer is mine
    assert not computing.regions.open_button.isVisibleTo(computing)
    computing.compute()
    until(lambda: not computing.work.busy)
    assert computing.last.reused, "the same regions were read again"
    write(mine, np.where(small_run.run.grid.sphere(CENTRES[3], 12), 4, mine.data))
    assert _check(panel, mine, [small_run.run], until).names == tuple(names["name"])


def test_what_was_undone_while_nothing_was_followed_is_seen_when_it_is_again(opened, small_run, until):
    _, panel, layer = opened()
    write(layer, np.where(small_run.run.grid.sphere(CENTRES[3], 12), 4, layer.data))
    _check(panel, layer, [small_run.run], until)
    panel.following.box.setChecked(False)
    layer.undo()
    panel.following.box.setChecked(True)
    _check(panel, layer, [small_run.run], until)


def test_regions_are_renamed_before_the_first_stroke_and_while_runs_are_read(opened, files, until):
    _, panel, layer = opened(files=files)
    runs = [nc.load_run(path) for path in files]
    layer.features = pd.DataFrame({"index": [0, 4], "name": ["background", "insula"]})
    until(lambda: panel.following.work.busy)
    layer.features = pd.DataFrame({"index": [0, 4, 5], "name": ["background", "insula", None]})
    until(lambda: not panel.following._soon.isActive())
    layer.features = pd.DataFrame({"index": [0, 2, 5], "name": ["background", "putamen", None]})
    assert _check(panel, layer, runs, until).names[1:5] == ("putamen", "region 3", "region 4", "region 5")


def test_a_sparse_connectome_that_fails_says_so_until_what_was_painted_is_undone(opened, files, until):
    _, panel, layer = opened(files=files)
    computing, following = panel.computing, panel.following
    computing.form.choice.setCurrentIndex(computing.form.choice.findText("sparse, all runs"))
    computing.form.choice.activated.emit(computing.form.choice.currentIndex())
    computing.compute()
    until(lambda: not computing.work.busy)
    first = panel.look.connectome
    write(layer, np.where(layer.data == 1, 1, 0))
    until(lambda: not following.busy)
    assert "at least 2 are needed" in following.account.text()
    layer.refresh()
    until(lambda: not following.busy)
    assert "at least 2 are needed" in following.account.text(), "though what is shown is of other labels"
    layer.undo()
    until(lambda: not following.busy)
    assert following.account.text() == ""
    assert panel.look.connectome is first
    write(layer, np.where(layer.data == 1, 1, 0))
    until(lambda: following.work.busy)
    write(layer, np.where(layer.data == 0, 0, 1 + layer.data % 2))
    layer.undo()
    layer.undo()  # while the one region is still computed
    until(lambda: not following.busy)
    assert following.account.text() == ""
    assert panel.look.connectome.names == first.names


def test_regions_can_be_painted_from_nothing(make_napari_viewer, small_run, add_run, until):
    viewer = make_napari_viewer(show=True)
    _, panel = viewer.window.add_plugin_dock_widget("napari-connectome", WIDGET)
    regions = panel.computing.regions
    regions.new_button.click()
    assert "Open a run" in regions.account.text()
    assert not len(viewer.layers)
    add_run(viewer, small_run.run, "small")
    panel.computing.runs.add_open_runs()
    regions.new_button.click()
    layer = regions.layer_choice.layer
    assert (layer.mode, layer.n_edit_dimensions, viewer.layers.selection.active) == ("paint", 3, layer)
    assert not regions.new_button.isVisibleTo(panel)
    for i, centre in enumerate(CENTRES[:3]):
        write(layer, np.where(small_run.run.grid.sphere(centre, 9), i + 1, layer.data))
    panel.computing.compute()
    until(lambda: not panel.computing.work.busy)
    write(layer, np.where(small_run.run.grid.sphere(CENTRES[3], 9), 4, layer.data))
    assert len(_check(panel, layer, [small_run.run], until).names) == 4
