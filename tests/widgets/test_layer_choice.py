"""The choice of a layer keeps up with the layer it means."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_connectome.widgets.layer_choice import LayerChoice


@pytest.fixture
def choice(qtbot):
    viewer = ViewerModel()
    made = LayerChoice(viewer, lambda layer: isinstance(layer, Image) and layer.data.ndim == 3)
    qtbot.addWidget(made)
    made.told = []
    made.chosen.connect(lambda layer: made.told.append(("chosen", layer)))
    made.altered.connect(lambda layer: made.told.append(("altered", layer)))
    yield viewer, made
    made.close_choice()


def test_other_data_and_another_place_are_told_once(choice, qtbot):
    viewer, made = choice
    first, second = (viewer.add_image(np.zeros((3, 4, 5)), name=name) for name in ("first", "second"))
    made.layer = first
    made.told.clear()
    first.data, first.scale = np.zeros((2, 2, 2)), (2, 2, 2)
    qtbot.waitUntil(lambda: made.told == [("altered", first)])
    second.data = np.zeros((2, 2, 2))
    first.name = "renamed"
    qtbot.wait(20)
    assert made.told == [("altered", first)]
    made.layer = second
    first.translate = (1, 1, 1)
    qtbot.wait(20)
    assert made.told == [("altered", first), ("chosen", second)]


def test_a_layer_that_fits_no_more_is_let_go_of(choice, qtbot):
    viewer, made = choice
    first, second = (viewer.add_image(np.zeros((3, 4, 5)), name=name) for name in ("first", "second"))
    made.layer = second
    made.told.clear()
    second.data = np.zeros((2, 3, 4, 5))
    qtbot.waitUntil(lambda: made.told == [("chosen", first)])
    assert made.currentText() == "first"
    made.close_choice()
    first.data = np.zeros((2, 3, 4, 5))
    qtbot.wait(20)
    assert made.told == [("chosen", first)]
