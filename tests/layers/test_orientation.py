"""Left is left: what the sides of the picture are called, in every plane, convention and turn."""

import itertools

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_connectome.core.grid import Grid
from napari_connectome.layers.orientation import (
    PLANES,
    Orientation,
    Sides,
    convention,
    plane,
    position_mm,
    set_convention,
    set_default_convention,
    show_plane,
    show_volume,
    sides,
)
from napari_connectome.layers.spatial import layer_kwargs, to_mm

GRID = Grid((9, 11, 10), np.array([[4.0, 0, 0, -18], [0, 4, 0, -20], [0, 0, 4, -16], [0, 0, 0, 1]]))
SIDES = {
    ("axial", "neurological"): Sides("L", "R", "A", "P"),
    ("coronal", "neurological"): Sides("L", "R", "S", "I"),
    ("sagittal", "neurological"): Sides("P", "A", "S", "I"),
    ("axial", "radiological"): Sides("R", "L", "A", "P"),
    ("coronal", "radiological"): Sides("R", "L", "S", "I"),
    ("sagittal", "radiological"): Sides("A", "P", "S", "I"),
}


def brain(ndim=3):
    viewer = ViewerModel()
    time = ndim == 4
    data = np.zeros((5, *GRID.shape) if time else GRID.shape, np.float32)
    viewer.add_image(data, **layer_kwargs(GRID, tr=2.0 if time else None, time=time))
    return viewer


@pytest.mark.parametrize("ndim", [3, 4])
@pytest.mark.parametrize(("which", "how"), SIDES)
def test_planes(ndim, which, how):
    viewer = brain(ndim)
    viewer.dims.set_point(range(ndim), (*[4.0] * (ndim - 3), 8.0, -12.0, 6.0))
    before = viewer.dims.point
    for first in (*PLANES, "3-D"):
        show_volume(viewer) if first == "3-D" else show_plane(viewer, first)
        set_convention(viewer, how)
        show_plane(viewer, which)
        assert plane(viewer) == which
        assert convention(viewer) == how
        assert sides(viewer) == SIDES[which, how]
        assert viewer.dims.point == before, "the place stays"
        assert viewer.dims.order[: ndim - 3] == tuple(range(ndim - 3)), "time stays a slider"


@pytest.mark.parametrize("how", ["neurological", "radiological"])
def test_a_new_volume_comes_up_the_same_way_in_5_dims(how):
    viewer = brain(4)
    viewer.add_image(np.zeros((2, 5, *GRID.shape), np.float32))
    set_convention(viewer, how)
    show_plane(viewer, "coronal")
    assert viewer.dims.order == (0, 1, 3, 2, 4)
    assert sides(viewer) == SIDES["coronal", how]


def test_other_views_have_no_name_and_right_letters():
    viewer = brain()
    set_convention(viewer, "neurological")
    viewer.dims.order = (0, 2, 1)
    assert plane(viewer) == ""
    assert sides(viewer) == Sides("P", "A", "R", "L")
    viewer.scene.camera.orientation = ("towards", "down", "right")
    assert convention(viewer) == ""
    assert sides(viewer) == Sides("P", "A", "L", "R")
    flat = ViewerModel()
    flat.add_image(np.zeros((4, 5)))
    assert plane(flat) == ""
    assert sides(flat) == Sides()
    assert position_mm(flat) is None
    show_plane(flat, "axial")
    show_volume(flat)


@pytest.mark.parametrize("how", ["neurological", "radiological"])
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_three_dimensions_are_never_a_mirror_image(how, order):
    """Right × anterior = superior must hold on the screen, with depth towards the eye."""
    viewer = brain()
    orientation = Orientation.of(viewer)
    ticket = orientation.join(lambda: None)
    set_convention(viewer, how)
    viewer.dims.order = order
    viewer.dims.ndisplay = 3
    camera = viewer.scene.camera
    depth, vertical, horizontal = (str(side) for side in camera.orientation)
    screen = np.zeros((3, 3))  # columns: where z, y, x point on the screen as (right, up, towards the eye)
    screen[0, order[2]] = 1 if horizontal == "right" else -1
    screen[1, order[1]] = 1 if vertical == "up" else -1
    screen[2, order[0]] = 1 if depth == "towards" else -1
    superior, anterior, right = screen.T
    np.testing.assert_allclose(np.cross(right, anterior), superior)
    orientation.leave(ticket)


def test_turned_views_name_both():
    viewer = brain()
    set_convention(viewer, "neurological")
    show_volume(viewer)
    assert plane(viewer) == "3-D"
    assert sides(viewer) == SIDES["axial", "neurological"]
    viewer.scene.camera.set_view_direction((0, 1, 0), (1, 0, 0))  # from behind, top up
    assert sides(viewer) == Sides("L", "R", "S", "I")
    viewer.scene.camera.set_view_direction((0, -1, 0), (1, 0, 0))  # from the front
    assert sides(viewer) == Sides("R", "L", "S", "I")
    viewer.scene.camera.set_view_direction((0, -1, -0.9), (1, 0, 0))
    assert set(sides(viewer).left) == {"R", "P"} or set(sides(viewer).left) == {"R", "A"}


def test_the_default_is_mended_and_a_choice_is_kept():
    viewer = brain()
    set_default_convention(viewer)
    assert convention(viewer) == "neurological"
    set_convention(viewer, "radiological")
    set_default_convention(viewer)
    assert convention(viewer) == "radiological"
    viewer.scene.camera.orientation = ("away", "down", "right")
    set_default_convention(viewer)
    assert convention(viewer) == ""


def letters(viewer):
    found = {key: o for key, o in viewer.canvas.overlays.items() if key.startswith("connectome_")}
    return {key.removeprefix("connectome_"): o.text for key, o in found.items() if o.visible}


def test_letters_follow_everything_and_go_with_the_last():
    viewer = brain()
    first, second = Orientation.of(viewer), Orientation.of(viewer)
    assert first is second
    told = []
    tickets = [first.join(lambda: told.append(1)), second.join(lambda: told.append(2))]
    set_default_convention(viewer)
    assert letters(viewer) == {"middle_left": "L", "middle_right": "R", "top_center": "A", "bottom_center": "P"}
    assert {1, 2} == set(told)
    viewer.dims.order = (1, 0, 2)
    assert letters(viewer)["top_center"] == "S"
    viewer.dims.ndisplay = 3
    viewer.scene.camera.set_view_direction((-1, 0, 0), (0, 1, 0))
    viewer.dims.ndisplay = 2
    set_convention(viewer, "radiological")
    assert letters(viewer)["middle_left"] == "R"
    first.leave(tickets[0])
    first.leave(tickets[0])
    assert letters(viewer)
    second.leave(tickets[1])
    assert letters(viewer) == {}
    assert not any(key.startswith("connectome_") for key in viewer.canvas.overlays)
    told.clear()
    show_plane(viewer, "axial")
    assert told == []


def test_letters_are_for_layers_whose_way_round_is_known():
    viewer = ViewerModel()
    orientation = Orientation.of(viewer)
    ticket = orientation.join(lambda: None)
    viewer.add_image(np.zeros((4, 5, 6)))
    assert letters(viewer) == {}
    layer = viewer.add_image(np.zeros(GRID.shape), **layer_kwargs(GRID))
    assert len(letters(viewer)) == 4
    viewer.layers.remove(layer)
    assert letters(viewer) == {}
    orientation.leave(ticket)


def test_labels_with_names_are_added_in_3d_before_the_mouse_comes_over_the_canvas():
    viewer = brain()
    orientation = Orientation.of(viewer)
    ticket = orientation.join(lambda: None)
    viewer.dims.ndisplay = 3
    labels = np.ones(GRID.shape, np.uint8)
    features = {"index": [0, 1], "name": ["none", "front"]}
    layer = viewer.add_labels(labels, features=features, **layer_kwargs(GRID))
    assert viewer.layers.selection.active is layer
    viewer.update_status_from_cursor()
    orientation.leave(ticket)


def test_viewers_do_not_share():
    one, two = brain(), brain()
    assert Orientation.of(one) is not Orientation.of(two)


def test_the_place_under_the_mouse():
    viewer = brain(4)
    viewer.dims.set_point(range(4), (2.0, 8.0, -12.0, 6.0))
    viewer.cursor.position = (0.0, 0.0, 4.0, -6.0)
    np.testing.assert_allclose(position_mm(viewer), (-6.0, 4.0, 8.0))
    show_plane(viewer, "coronal")
    viewer.cursor.position = (0.0, -8.0, 4.0, -6.0)
    np.testing.assert_allclose(position_mm(viewer), (-6.0, -12.0, -8.0))


def test_the_place_on_an_oblique_grid_is_true():
    angle = np.radians(15)
    affine = GRID.affine.copy()
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    affine[:3, :3] = turn @ affine[:3, :3]
    grid = Grid(GRID.shape, affine)
    viewer = ViewerModel()
    viewer.add_image(np.zeros(grid.shape), **layer_kwargs(grid))
    viewer.cursor.position = (3.0, 2.0, 1.0)
    viewer.dims.set_point(0, 3.0)
    world = np.array([viewer.dims.point[0], 2.0, 1.0])
    np.testing.assert_allclose(position_mm(viewer), to_mm(grid, world))
    assert not np.allclose(position_mm(viewer), world[::-1], atol=0.5)
