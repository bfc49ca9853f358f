"""The preview is a layer of its own that gets in nobody's way."""

import numpy as np
from napari.components import ViewerModel

from napari_connectome.core.grid import Grid
from napari_connectome.layers.preview import Preview, is_preview
from napari_connectome.layers.spatial import grid_of

GRID = Grid((6, 8, 7), np.array([[3.0, 0, 0, -9], [0, 3, 0, -10], [0, 0, 4, -8], [0, 0, 0, 1]]))
OTHER = Grid((6, 8, 7), np.array([[2.0, 0, 0, -7], [0, 2, 0, -10], [0, 0, 2, -8], [0, 0, 0, 1]]))


def _labels(value=1):
    labels = np.zeros(GRID.shape, np.uint8)
    labels[2:4, 3:5, 3:5] = value
    return labels


def test_it_is_never_selected_nor_editable():
    """What the user works on stays selected, also where nothing was."""
    viewer = ViewerModel()
    preview = Preview(viewer, "me")
    assert preview.layer is None
    preview.show(_labels(), GRID)
    assert not viewer.layers.selection
    assert viewer.layers.selection.active is None
    assert is_preview(preview.layer)
    assert not preview.layer.editable
    painted = viewer.add_labels(_labels())
    assert viewer.layers.selection.active is painted
    preview.clear()
    assert preview.layer is None
    assert list(viewer.layers) == [painted]
    preview.show(_labels(), GRID)
    assert viewer.layers.selection.active is painted


def test_it_is_renewed_in_place():
    """One layer for all that is shown, of whatever type, shape and grid; what was given is not kept."""
    viewer = ViewerModel()
    preview = Preview(viewer, "me")
    given = _labels()
    preview.show(given, GRID)
    layer, data = preview.layer, preview.layer.data
    given[:] = 0
    assert layer.data.sum() == 8
    preview.show(_labels(2), GRID)
    assert preview.layer is layer
    assert layer.data is data
    assert layer.data.max() == 2
    preview.show(_labels().astype(bool), GRID)
    assert layer.data is data
    preview.show(_labels(300 % 256).astype(np.uint16) * 300, OTHER)
    assert preview.layer is layer
    assert not layer.editable
    assert grid_of(layer).matches(OTHER)
    smaller = Grid((5, 8, 7), GRID.affine)
    preview.show(_labels()[1:], smaller)
    assert preview.layer is layer
    assert grid_of(layer).matches(smaller)
    assert len(viewer.layers) == 1


def test_one_that_was_taken_away_comes_back_anew():
    """Deleting the layer, or the viewer's layers, leaves nothing behind."""
    viewer = ViewerModel()
    preview, others = Preview(viewer, "me"), Preview(viewer, "others")
    preview.show(_labels(), GRID)
    others.show(_labels(), GRID)
    assert len(viewer.layers) == 2
    viewer.layers.remove(preview.layer)
    assert preview.layer is None
    preview.clear()
    assert list(viewer.layers) == [others.layer]
    preview.show(_labels(), GRID)
    viewer.layers.clear()
    preview.clear()
    others.clear()
    assert not viewer.layers


def test_hidden_and_in_other_colours():
    """Hidden at once it is shown again by the next step; with the colours of a layer, whose own selection stays its own."""
    viewer = ViewerModel()
    painted = viewer.add_labels(_labels())
    preview = Preview(viewer, "me")
    preview.show(_labels(), GRID, painted)
    layer = preview.layer
    assert np.allclose(layer.get_color(1), painted.get_color(1))
    assert layer.colormap is not painted.colormap
    preview.hide()
    assert not layer.visible
    preview.show(_labels(), GRID)
    assert layer.visible
    assert not np.allclose(layer.get_color(1), painted.get_color(1))
    layer.visible = False  # by a person: it stays so
    preview.show(_labels(2), GRID)
    assert not layer.visible
