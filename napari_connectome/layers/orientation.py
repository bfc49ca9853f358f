"""Left, right, front and back: how the camera looks at a brain, and letters at the sides of the picture that say so.

The viewer's world is RAS mm in the last three dims (z, y, x), so the positive directions are superior, anterior, right.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.components import ViewerModel
from napari.components.overlays import TextOverlay
from napari.utils.camera_orientations import DEFAULT_ORIENTATION

from napari_connectome.core.grid import Grid
from napari_connectome.layers.of_viewer import OfViewer
from napari_connectome.layers.spatial import STRAIGHT, info, to_mm

Array = npt.NDArray[Any]

CONVENTIONS = {"neurological": "right", "radiological": "left"}
"""Where the right side of the brain is in the picture. In sagittal planes, where its front is."""
PLANES = {"axial": (0, 1, 2), "coronal": (1, 0, 2), "sagittal": (2, 0, 1)}
"""The axis looked along, the one up and the one across, counted in z, y, x."""
VOLUME = "3-D"

_LETTERS = (("I", "S"), ("P", "A"), ("L", "R"))
_OBLIQUE = 0.35
"""Share of an axis in a direction from which it is named: turned views have two letters a side."""


def set_convention(viewer: ViewerModel, name: str) -> None:
    """Show the right side of the brain on the right ("neurological") or on the left ("radiological")."""
    viewer.scene.camera.orientation = (_depth(viewer, CONVENTIONS[name]), "up", CONVENTIONS[name])


def convention(viewer: ViewerModel) -> str:
    """Return the convention in use, or nothing where the camera is set otherwise."""
    _, up, across = (str(side) for side in viewer.scene.camera.orientation)
    return next((name for name, side in CONVENTIONS.items() if (up, across) == ("up", side)), "")


def set_default_convention(viewer: ViewerModel) -> None:
    """Put the camera right, the neurological way, if nobody has set it: napari's own default has the front down."""
    if tuple(str(side) for side in viewer.scene.camera.orientation) == DEFAULT_ORIENTATION:
        set_convention(viewer, "neurological")


def show_plane(viewer: ViewerModel, plane: str) -> None:
    """Show an "axial", "coronal" or "sagittal" plane; further dims, such as time, stay sliders."""
    _look_along(viewer, PLANES[plane], 2)


def show_volume(viewer: ViewerModel) -> None:
    """Show the brain in 3-D, from above (radiological: from below)."""
    _look_along(viewer, PLANES["axial"], 3)


def plane(viewer: ViewerModel) -> str:
    """Return the plane on the screen, "3-D", or nothing for another view."""
    dims = viewer.dims
    if dims.ndim < 3:
        return ""
    if dims.ndisplay == 3:
        return VOLUME
    rest = tuple(axis - (dims.ndim - 3) for axis in dims.order[-3:])
    return next((name for name, axes in PLANES.items() if axes == rest), "")


def _look_along(viewer: ViewerModel, axes: tuple[int, int, int], ndisplay: int) -> None:
    dims = viewer.dims
    first = dims.ndim - 3
    if first < 0:
        return
    point = dims.point
    dims.ndisplay = ndisplay
    dims.order = (*range(first), *(first + axis for axis in axes))
    keep_handedness(viewer)
    dims.set_point(range(dims.ndim), point)  # napari takes the camera's centre for the place when it leaves 3-D


def keep_handedness(viewer: ViewerModel) -> None:
    """Turn the depth axis so that 3-D shows the brain and not its mirror image; planes do not change."""
    name = convention(viewer)
    if name:
        set_convention(viewer, name)


def _depth(viewer: ViewerModel, across: str) -> str:
    order = list(viewer.dims.order[-3:])
    swaps = sum(order[j] > order[i] for i in range(len(order)) for j in range(i))
    return "towards" if (swaps % 2 == 0) == (across == "right") else "away"


@dataclass(frozen=True)
class Sides:
    """What lies towards each side of the picture: L, R, P, A, I or S, or two of them in a turned view."""

    left: str = ""
    right: str = ""
    up: str = ""
    down: str = ""


def sides(viewer: ViewerModel) -> Sides:
    """Tell what lies to the left, right, top and bottom of the picture now."""
    if viewer.dims.ndim < 3:
        return Sides()
    across, up = _screen_axes(viewer)
    return Sides(left=_named(-across), right=_named(across), up=_named(up), down=_named(-up))


def _screen_axes(viewer: ViewerModel) -> tuple[Array, Array]:
    """The directions to the right and up on the screen, in the world's z, y, x."""
    camera, dims = viewer.scene.camera, viewer.dims
    depth, vertical, horizontal = (str(side) for side in camera.orientation)
    right = 1.0 if horizontal == "right" else -1.0
    top = 1.0 if vertical == "up" else -1.0
    if dims.ndisplay == 2:
        across, up = np.array([0, 0, right]), np.array([0, top, 0])
    else:
        near = -1.0 if depth == "towards" else 1.0
        up = np.array(camera.up_direction)
        across = np.cross(camera.view_direction, up) * right * near * top
    axes = np.zeros((2, dims.ndim))
    axes[:, list(dims.order[-3:])] = across, up
    return axes[0, -3:], axes[1, -3:]


def _named(direction: Array) -> str:
    strongest = np.argsort(-np.abs(direction), kind="stable")
    return "".join(_LETTERS[i][int(direction[i] > 0)] for i in strongest if abs(direction[i]) > _OBLIQUE)


def position_mm(viewer: ViewerModel) -> Array | None:
    """The cursor's place in true mm (x, y, z): on the screen where the mouse is, along hidden dims where the sliders are."""
    dims, cursor = viewer.dims, np.asarray(viewer.cursor.position, dtype=np.float64)
    if dims.ndim < 3:
        return None
    world = np.asarray(dims.point, dtype=np.float64)
    if cursor.shape == world.shape and dims.ndisplay == 2:
        world[list(dims.displayed)] = cursor[list(dims.displayed)]
    grid = _oblique_grid(viewer)
    return world[-3:][::-1] if grid is None else to_mm(grid, world[-3:])


def look_at(viewer: ViewerModel, world: Array) -> None:
    """Bring a place (z, y, x) before the eyes: the sliders there, and in 3-D, where they show nothing, the camera."""
    dims = viewer.dims
    dims.set_point(range(dims.ndim - 3, dims.ndim), world)
    if dims.ndisplay == 3:
        point = np.r_[np.array(dims.point, dtype=np.float64)[:-3], world]
        viewer.scene.camera.center = point[list(dims.displayed)]


def middle_of_view(viewer: ViewerModel, grid: Grid) -> Array:
    """The true mm in the middle of the canvas, on the plane shown; the grid's middle when that is outside the grid."""
    dims = viewer.dims
    world = np.array(dims.point, dtype=np.float64)
    shown = list(dims.displayed)
    world[shown] = np.asarray(viewer.scene.camera.center)[-len(shown) :]
    mm = to_mm(grid, world[-3:])
    return mm if grid.contains(mm) else grid.to_mm((np.array(grid.shape[::-1]) - 1) // 2)


def _oblique_grid(viewer: ViewerModel) -> Grid | None:
    grids = (info(layer).get("grid") for layer in reversed(viewer.layers))
    return next((grid for grid in grids if isinstance(grid, Grid) and grid.obliqueness >= STRAIGHT), None)


def _tell_cursor(viewer: ViewerModel) -> None:
    """Tell napari's cursor which way it looks in 3-D.

    Without the mouse having moved over the canvas since, it does not know, and labels with names fail on that as soon as
    they are selected.
    """
    cursor, dims = viewer.cursor, viewer.dims
    if dims.ndisplay == 3 and cursor._view_direction is None:
        cursor._view_direction = viewer.scene.camera.calculate_nd_view_direction(dims.ndim, dims.displayed)


class Orientation(OfViewer):
    """The letters at the sides of one viewer's picture, kept right whatever is turned; shared by all who ask for them.

    `join` with a function that is called after every change, `leave` when done; the letters go with the last one. They
    are shown while a layer of this plugin is in the viewer, since of others nobody knows which way round they are.
    """

    _PLACES = ("middle_left", "middle_right", "top_center", "bottom_center")

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__(viewer)
        self._listeners: dict[int, Callable[[], None]] = {}
        self._next = 0

    @property
    def viewer(self) -> ViewerModel | None:
        """The viewer; None when it is gone."""
        return self._viewer()

    def join(self, listener: Callable[[], None]) -> int:
        """Be told of changes; return the ticket to `leave` with."""
        viewer = self.viewer
        if viewer is not None and not self._listeners:
            self._open(viewer)
        self._next += 1
        self._listeners[self._next] = listener
        return self._next

    def leave(self, ticket: int) -> None:
        """Be told no more."""
        viewer = self.viewer
        if self._listeners.pop(ticket, None) is not None and not self._listeners and viewer is not None:
            self._close(viewer)

    @staticmethod
    def _signals(viewer: ViewerModel) -> tuple[Any, ...]:
        dims, camera, layers = viewer.dims.events, viewer.scene.camera.events, viewer.layers.events
        return dims.order, dims.ndisplay, dims.ndim, camera.orientation, camera.angles, layers.inserted, layers.removed

    def _open(self, viewer: ViewerModel) -> None:
        for place in self._PLACES:
            letter = TextOverlay(position=place, font_size=14, box=True, visible=False)
            viewer.canvas.overlays[f"connectome_{place}"] = letter
        for signal in self._signals(viewer):
            signal.connect(self._update)
        self._update()

    def _close(self, viewer: ViewerModel) -> None:
        for signal in self._signals(viewer):
            signal.disconnect(self._update)
        for place in self._PLACES:
            viewer.canvas.overlays.pop(f"connectome_{place}", None)

    def _update(self, event: Any = None) -> None:
        viewer = self.viewer
        if viewer is None:
            return
        if event is not None and event.type in ("order", "ndim"):
            keep_handedness(viewer)
        _tell_cursor(viewer)
        ours = any(info(layer) for layer in viewer.layers)
        for place, text in zip(self._PLACES, astuple(sides(viewer)), strict=True):
            letter = viewer.canvas.overlays.get(f"connectome_{place}")
            if letter is not None:
                letter.text = text
                letter.visible = ours and bool(text)
        for listener in list(self._listeners.values()):
            listener()
