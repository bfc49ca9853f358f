"""The whole picture stays in view beside a new dock, and a person's own zoom stays."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_connectome.layers.full_view import FullView


@pytest.fixture
def viewer():
    model = ViewerModel()
    model.add_image(np.zeros((1, 20, 40)), scale=(3.0, 3.0, 3.0))
    return model


def _fits(viewer):
    size = np.array([60.0, 120.0]) * viewer.scene.camera.zoom
    return bool((size <= viewer.canvas.size).all())


def test_what_was_in_view_is_in_view_again(viewer):
    viewer.canvas.size = (800, 580)  # the layer controls, which come with the first layer, take some room
    view = FullView(viewer)
    viewer.canvas.size = (800, 400)
    assert not _fits(viewer)
    view.restore(viewer)
    assert _fits(viewer)
    viewer.canvas.size = (800, 300)
    view.restore(viewer)
    assert not _fits(viewer), "once"


def test_a_zoom_of_ones_own_stays(viewer):
    for when in ("before", "after"):
        viewer.reset_view()
        if when == "before":
            viewer.scene.camera.zoom *= 1.5
        view = FullView(viewer)
        if when == "after":
            viewer.scene.camera.zoom *= 1.5
        zoom = viewer.scene.camera.zoom
        viewer.canvas.size = (400, 300)
        view.restore(viewer)
        assert viewer.scene.camera.zoom == zoom


def test_nothing_happens_without_a_picture_or_in_3d(viewer):
    FullView(ViewerModel()).restore(ViewerModel())
    viewer.dims.ndisplay = 3
    zoom = viewer.scene.camera.zoom
    FullView(viewer).restore(viewer)
    assert viewer.scene.camera.zoom == zoom
