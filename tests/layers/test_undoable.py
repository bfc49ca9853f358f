"""A step written into a labels layer is undone and redone like a stroke of the brush."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Labels

from napari_connectome.core.errors import InputError
from napari_connectome.layers.undoable import write


def _random(seed, shape=(9, 11, 10), top=5, dtype=np.uint8):
    rng = np.random.default_rng(seed)
    return (rng.integers(0, top + 1, shape) * (rng.random(shape) < 0.3)).astype(dtype)


def _shown(viewer, layer):
    """What is on the screen equals the data."""
    hidden = [axis for axis in range(3) if axis not in viewer.dims.displayed]
    index = tuple(int(np.round(layer.world_to_data(viewer.dims.point)[a])) if a in hidden else slice(None) for a in range(3))
    plane = layer.data[index]
    raw = layer._slice.image.raw
    drawn = np.array_equal(layer._slice.image.view, layer.colormap._data_to_texture(raw))
    return drawn and np.array_equal(raw.transpose(np.argsort(viewer.dims.displayed)), plane)


@given(
    steps=st.lists(st.sampled_from(["write", "paint", "fill", "undo", "redo"]), max_size=12),
    order=st.permutations((0, 1, 2)),
    ndisplay=st.sampled_from([2, 3]),
)
def test_steps_and_strokes_share_one_history(steps, order, ndisplay):
    """However writing, painting, filling, undo and redo follow each other, every undo gives the state before."""
    viewer = ViewerModel()
    layer = viewer.add_labels(_random(0))
    viewer.dims.order, viewer.dims.ndisplay = order, ndisplay
    layer.brush_size = 3
    past, future = [layer.data.copy()], []
    for i, step in enumerate(steps):
        if step == "undo":
            layer.undo()
            if len(past) > 1:
                future.append(past.pop())
        elif step == "redo":
            layer.redo()
            if future:
                past.append(future.pop())
        else:
            before = layer.data.copy()
            if step == "write":
                target = _random(i + 1)
                assert write(layer, target) == np.count_nonzero(before != target)
                assert np.array_equal(layer.data, target)
            elif step == "paint":
                layer.paint((4, 5, 5), 3 + i % 3)
            else:
                layer.fill((2, 3, 3), 1 + i % 5)
            if not np.array_equal(before, layer.data):
                past.append(layer.data.copy())
                future = []
        assert np.array_equal(layer.data, past[-1])
        assert _shown(viewer, layer)


def test_nothing_new_is_no_step():
    """Writing what is there leaves the history alone."""
    layer = Labels(_random(1))
    layer.paint((4, 5, 5), 9)
    assert write(layer, layer.data.copy()) == 0
    layer.undo()
    assert np.array_equal(layer.data, _random(1))


def test_who_listens_hears_of_voxels_that_are_written():
    """At each event the data are the new ones, as after a stroke."""
    layer, target, heard = Labels(_random(1)), _random(2), []
    for name in ("labels_update", "paint"):
        getattr(layer.events, name).connect(lambda _, name=name: heard.append((name, np.array_equal(layer.data, target))))
    write(layer, target)
    assert heard == [("labels_update", True), ("paint", True)]


@pytest.mark.parametrize("kind", ["hidden", "elsewhere", "contour"])
def test_layers_that_are_not_on_the_screen(kind):
    """A layer never shown, one the sliders are outside of, and outlines are written like others."""
    viewer = ViewerModel()
    viewer.add_image(np.zeros((40, 40, 40), np.float32))
    viewer.dims.set_point(0, 30)
    layer = viewer.add_labels(np.zeros((9, 11, 10), np.uint8), visible=kind != "hidden")
    if kind == "contour":
        layer.contour = 1
        viewer.dims.set_point(0, 4)
    target = _random(3)
    assert write(layer, target) == np.count_nonzero(target)
    assert np.array_equal(layer.data, target)
    layer.undo()
    assert not layer.data.any()


def test_many_labels_on_a_2_mm_grid():
    """Four hundred regions at once, as one step."""
    rng = np.random.default_rng(0)
    layer = Labels(np.zeros((91, 109, 91), np.uint16))
    target = np.zeros(layer.data.shape, np.uint16)
    target[20:70, 20:90, 15:75] = rng.integers(1, 401, (50, 70, 60))
    assert write(layer, target) == target.astype(bool).sum()
    layer.undo()
    assert not layer.data.any()
    layer.redo()
    assert np.array_equal(layer.data, target)


def test_what_does_not_fit_changes_nothing():
    """Ids too large for the type, layers that may not be edited, data that cannot be written: a sentence each."""
    layer = Labels(_random(1))
    big = layer.data.astype(np.uint16) * 100
    with pytest.raises(InputError, match="uint8, which holds 0 to 255: put them into a new layer"):
        write(layer, big)
    with pytest.raises(InputError, match="go to -1"):
        write(layer, np.full(layer.data.shape, -1))
    layer.editable = False
    with pytest.raises(InputError, match="not editable"):
        write(layer, _random(2))
    layer = Labels(_random(1), name="atlas")
    layer.data.flags.writeable = False
    with pytest.raises(InputError, match="the labels of atlas cannot be changed"):
        write(layer, _random(2))
    assert np.array_equal(layer.data, _random(1))
    multiscale = Labels([np.zeros((8, 8, 8), np.uint8), np.zeros((4, 4, 4), np.uint8)], multiscale=True)
    with pytest.raises(InputError, match="not editable"):
        write(multiscale, np.zeros((8, 8, 8), np.uint8))


def test_wider_types_are_taken_where_their_values_fit():
    """Bool and int64 go into uint8."""
    layer = Labels(np.zeros((4, 5, 6), np.uint8))
    mask = _random(4, (4, 5, 6)) > 0
    write(layer, mask)
    assert np.array_equal(layer.data, mask)
    write(layer, mask.astype(np.int64) * 200)
    assert layer.data.dtype == np.uint8
    assert layer.data.max() == 200
