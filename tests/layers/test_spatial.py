"""Where a layer's voxels are in true mm, whatever was done to the layer since it was made."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Image, Labels
from npe2 import PluginManager
from scipy.spatial.transform import Rotation

from napari_connectome.core.errors import InputError
from napari_connectome.core.grid import Grid
from napari_connectome.layers import writer
from napari_connectome.layers.repetition import set_tr
from napari_connectome.layers.spatial import STRAIGHT, grid_of, layer_kwargs, regions_of, run_of, to_mm, tr_of, tr_question

SHAPE = (6, 7, 8)


@st.composite
def grids(draw, least=0.0):
    """Any grid, straight or oblique."""
    turn = draw(st.sampled_from([0.0, 0.05, 5.0, 20.0])) if least == 0 else draw(st.sampled_from([5.0, 20.0]))
    axis = draw(st.sampled_from([(1, 0, 0), (0.6, 0.8, 0), (0.48, 0.6, 0.64)]))
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_rotvec(np.multiply(axis, turn), degrees=True).as_matrix() * draw(
        st.sampled_from([(3, 3, 3), (1.5, 2, 4)])
    )
    affine[:3, 3] = draw(st.sampled_from([(0, 0, 0), (-90, 40, -70)]))
    return Grid(SHAPE, affine)


def image(grid, **more):
    return Image(np.zeros(grid.shape, np.float32), contrast_limits=(0, 1), **layer_kwargs(grid, role="volume", **more))


def mm_of(grid):
    """The mm of each voxel as a (z, y, x, 3) array."""
    k, j, i = np.meshgrid(*map(np.arange, grid.shape), indexing="ij")
    return grid.to_mm(np.stack([i, j, k], axis=-1))


@given(grids())
def test_a_layer_left_alone_has_its_own_grid(grid):
    assert grid_of(image(grid)) is grid


@given(grids(), st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4)), st.integers(1, 2))
def test_a_cropped_layer_keeps_each_voxel_at_its_mm(grid, start, step):
    layer = image(grid)
    where = tuple(slice(s, None, step) for s in start)
    scale = layer.scale.copy()
    layer.data = layer.data[where]
    layer.translate = layer.translate + np.array(start) * scale
    layer.scale = scale * step
    np.testing.assert_allclose(mm_of(grid_of(layer)), mm_of(grid)[where], atol=1e-6)


CHANGES = {
    "rotate": lambda layer: setattr(layer, "rotate", (10, 20, 30)),
    "shear": lambda layer: setattr(layer, "shear", (0.1, 0.2, 0.3)),
    "affine": lambda layer: setattr(layer, "affine", np.diag([1, 2, 1, 1])),
    "scale": lambda layer: setattr(layer, "scale", (1, 2, 3)),
    "translate": lambda layer: setattr(layer, "translate", (0.5, 2, 3)),
}


@pytest.mark.parametrize("change", CHANGES)
@given(grids())
def test_a_changed_layer_is_where_it_is_shown(change, grid):
    layer = image(grid)
    CHANGES[change](layer)
    found = grid_of(layer)
    assert not found.matches(grid)
    for voxel in np.ndindex(2, 2, 2):
        shown = to_mm(grid, layer.data_to_world(voxel))  # what the window says of this voxel
        # A grid turned by less than is worth showing lies in the window as if it were not.
        np.testing.assert_allclose(found.to_mm(voxel[::-1]), shown, atol=0.1 if grid.obliqueness < STRAIGHT else 1e-6)


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_layer_is_saved_where_it_is_shown(change, tmp_path):
    PluginManager.instance().discover()
    grid = Grid(SHAPE, np.diag([3.0, 3, 3, 1]))
    layer = image(grid)
    CHANGES[change](layer)
    layer.save(str(tmp_path / "a.nii"), plugin="napari-connectome")
    affine = nib.load(tmp_path / "a.nii").affine
    for voxel in np.ndindex(2, 2, 2):
        np.testing.assert_allclose(nib.affines.apply_affine(affine, voxel[::-1]), layer.data_to_world(voxel)[::-1], atol=1e-4)


UNITS = {"mm": 1.0, "um": 1e-3, "m": 1e3, "cm": 10.0, "pixel": 1.0}


@pytest.mark.parametrize("unit", UNITS)
def test_units_of_space_become_mm(unit):
    layer = Image(np.zeros(SHAPE), scale=(4, 3, 2), translate=(1, 2, 3), units=unit)
    expected = np.array([[2, 0, 0, 3], [0, 3, 0, 2], [0, 0, 4, 1.0], [0, 0, 0, 1 / UNITS[unit]]]) * UNITS[unit]
    np.testing.assert_allclose(grid_of(layer).affine, expected)


@pytest.mark.parametrize(("unit", "seconds"), [("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("min", 60)])
def test_units_of_time_become_seconds(unit, seconds):
    layer = Image(np.zeros((2, *SHAPE)), scale=(2.2 / seconds, 3, 3, 3), units=(unit, "mm", "mm", "mm"))
    assert tr_of(layer) == run_of(layer).tr == pytest.approx(2.2, rel=1e-9)
    set_tr(layer, 0.8)
    assert run_of(layer).tr == 0.8
    assert layer.scale[0] * seconds == pytest.approx(0.8)


@pytest.mark.parametrize("scale", [1.0, 2.2])
def test_a_scale_in_pixels_is_no_tr(scale):
    layer = Image(np.zeros((2, *SHAPE)), scale=(scale, 3, 3, 3), name="array")
    assert tr_of(layer) is None
    with pytest.raises(InputError, match=r"TR of array is not known \(the layer does not say\): type it first"):
        run_of(layer)
    set_tr(layer, 0.8)
    assert tr_of(layer) == run_of(layer).tr == 0.8
    assert tr_question(layer) == ""


def test_a_run_of_ours_without_a_tr_is_asked_for_whatever_its_scale():
    layer = run_layer(None)
    assert layer.scale[0] == 1, "so that it can be shown"
    assert tr_question(layer) == "the layer does not say"
    with pytest.raises(InputError, match="type it first"):
        run_of(layer)


def test_units_are_heeded_on_saving(tmp_path):
    PluginManager.instance().discover()
    layer = Image(np.zeros((2, *SHAPE)), scale=(720, 3000, 3000, 3000), units=("ms", "um", "um", "um"))
    layer.save(str(tmp_path / "a.nii"), plugin="napari-connectome")
    header = nib.load(tmp_path / "a.nii").header
    assert header.get_xyzt_units() == ("mm", "sec")
    np.testing.assert_allclose(header.get_zooms(), (3, 3, 3, 0.72), rtol=1e-6)


def run_layer(tr, **more):
    grid = Grid(SHAPE, np.diag([3.0, 3, 3, 1]))
    return Image(np.zeros((2, *SHAPE)), **layer_kwargs(grid, tr=tr, time=True, role="run", **more))


def test_the_tr_is_the_one_the_person_gave_last(tmp_path):
    PluginManager.instance().discover()
    layer = run_layer(0.72)
    assert run_of(layer).tr == 0.72
    layer.scale = (2.5, *layer.scale[1:])
    assert run_of(layer).tr == 2.5
    layer.save(str(tmp_path / "a.nii"), plugin="napari-connectome")
    assert nib.load(tmp_path / "a.nii").header.get_zooms()[3] == 2.5
    set_tr(layer, 1.1)
    assert run_of(layer).tr == 1.1


def test_a_tr_in_question_stays_so_until_it_is_answered():
    layer = run_layer(None, tr_question="the header says 0")
    layer.scale = (2.5, *layer.scale[1:])
    assert tr_of(layer) is None
    set_tr(layer, 2.5)
    assert tr_of(layer) == 2.5


def test_a_tr_given_to_a_turned_layer_of_another_maker_leaves_it_in_its_place():
    turn = np.eye(5)
    turn[1:4, 1:4] = Rotation.from_euler("x", 15, degrees=True).as_matrix()
    layer = Image(np.zeros((2, *SHAPE)), scale=(1, 3, 3, 3), affine=turn)
    before = grid_of(layer)
    set_tr(layer, 2)
    assert grid_of(layer).matches(before)


@given(grids(least=5))
def test_new_labels_over_an_oblique_layer_are_on_its_grid(grid):
    viewer = ViewerModel()
    viewer.add_layer(image(grid))
    viewer._new_labels()
    new = viewer.layers[-1]
    assert isinstance(new, Labels)
    assert grid_of(new, [grid]) is grid
    assert not grid_of(new).matches(grid)
    moved = Image(np.zeros(SHAPE), scale=(1, 1, 1))  # an image that lies elsewhere is left alone
    assert grid_of(moved, [grid]).matches(Grid(SHAPE, np.eye(4)))


@pytest.mark.parametrize("series", [False, True])
@pytest.mark.parametrize("together", [False, True])
def test_new_labels_over_an_oblique_run_are_saved_on_its_grid(tmp_path, monkeypatch, series, together):
    PluginManager.instance().discover()
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("x", 12, degrees=True).as_matrix() * 3
    grid = Grid(SHAPE, affine)
    viewer = ViewerModel()
    shape = (2, *SHAPE) if series else SHAPE
    viewer.add_layer(Image(np.zeros(shape), name="bold", **layer_kwargs(grid, tr=2.0 if series else None, time=series)))
    viewer._new_labels()
    viewer.layers[-1].data[..., 1, 2, 3] = 1
    if together:
        path = viewer.layers.save(str(tmp_path / "all.nii"), plugin="napari-connectome")[-1]
    else:
        monkeypatch.setattr(writer.napari, "current_viewer", lambda: viewer)
        (path,) = viewer.layers[-1].save(str(tmp_path / "new.nii"), plugin="napari-connectome")
    np.testing.assert_allclose(nib.load(path).affine, affine, atol=1e-4)


def test_whoever_hears_of_the_answer_finds_the_new_tr():
    layer = run_layer(None, tr_question="the header says 0")
    heard = []
    layer.events.metadata.connect(lambda: heard.append(tr_of(layer)))
    layer.events.scale.connect(lambda: heard.append(tr_of(layer)))
    set_tr(layer, 2.5)
    assert set(heard) <= {None, 2.5}
    assert heard[-1] == 2.5


@given(grids(least=5))
def test_regions_drawn_over_an_oblique_layer_are_at_its_mm(grid):
    viewer = ViewerModel()
    viewer.add_layer(image(grid))
    viewer._new_labels()
    drawn = viewer.layers[-1]
    drawn.data[2:4, 3, 5] = 7
    row = regions_of(drawn, [grid]).table.loc[7]
    np.testing.assert_allclose(row[["x", "y", "z"]].astype(float), mm_of(grid)[2:4, 3, 5].mean(axis=0), atol=1e-3)
