"""The regions of a connectome as points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from napari.components import ViewerModel
from napari.layers import Points
from napari.layers.base import ActionType
from napari.layers.utils.color_encoding import ConstantColorEncoding
from napari.utils.colormaps.standardize_color import transform_color
from napari.utils.theme import get_theme

from napari_connectome.layers import results
from napari_connectome.layers.graph_places import OWNER, SOLID, THROUGH, UNIT, graph_kwargs
from napari_connectome.layers.spatial import tell

Array = npt.NDArray[Any]

NODES, LIT_NODES = "connectome nodes", "connectome nodes in light"
"""Roles of the layers."""
NODE_COLOR, LIT_COLOR = "#d9dee4", "#ffd23f"
ON_WHITE = {NODE_COLOR: "#4a5560", LIT_COLOR: "#c4400a"}
"""What their names are written in on a light canvas, where these could not be read."""
LARGER = 1.5
"""Diameter of a node in the light, as a multiple of the others'."""
LARGEST, SMALLEST = 7.0, 2.5
"""Diameters of a node in mm, of few regions and of many."""
FEW = 40
"""Regions up to which their names are shown from the start."""


def node_size(n: int) -> float:
    """Diameter in mm that leaves room between this many regions."""
    return float(np.clip(50 / np.sqrt(max(n, 1)), SMALLEST, LARGEST))


class GraphNodes:
    """One points layer with regions, kept in place while they change.

    Its size, colours and names are the user's once it is there. A layer that somebody added a point to is theirs, and the
    next regions go to a new one.

    Parameters
    ----------
    lit : bool
        Whether these are the few in the light: larger, in a colour of their own, seen through all else, always named.
    """

    def __init__(self, *, lit: bool = False) -> None:
        self._lit = lit
        self._role = LIT_NODES if lit else NODES
        self._written: Array | None = None
        self._size = 0.0
        self._moved = False

    def layer(self, viewer: ViewerModel) -> Points | None:
        """The layer; None before it is made, and after somebody took it away or put points of theirs into it."""
        layer = results.find(viewer, self._role, OWNER)
        if not isinstance(layer, Points):
            return None
        if self._written is None or not np.array_equal(layer.data, self._written):
            tell(layer, role="", owner="")
            return None
        return layer

    def show(self, viewer: ViewerModel, names: Sequence[str], mm: Array, places: Array, size: float) -> Points:
        """Show regions.

        Parameters
        ----------
        viewer : ViewerModel
        names : sequence of str
        mm : (n × 3) array
            x, y, z as they are told of.
        places : (n × 3) array
            As `places_of` made them. No NaN.
        size : float
            Diameter in mm, for a new layer; one that is there takes it when it is another than before.
        """
        layer = self.layer(viewer)
        features = pd.DataFrame({"name": np.array(list(names), dtype=object), **dict(zip("xyz", mm.T, strict=True))})
        if layer is None:
            return self._add(viewer, features, places, size)
        same = len(layer.data) == len(places) and list(layer.features["name"]) == list(names)
        if same and size == self._size:
            if not np.array_equal(layer.data, places):
                self._move(layer, places, mm)
            return layer
        sizes = np.unique(layer.size)
        if len(layer.data) != len(places):
            layer.selected_data = set()
        self._written = places.copy()
        layer.data = places.copy()
        layer.features = features
        layer.size = float(sizes[0]) if size == self._size and len(sizes) == 1 else size / UNIT
        layer.editable = False
        self._size = size
        return layer

    def _move(self, layer: Points, places: Array, mm: Array) -> None:
        """Put the same regions elsewhere: quick, to follow a brush that changes one of them; see `settle`."""
        self._written = places.copy()
        with layer.events.blocker_all():  # what belongs to each, its size and its name, would be made anew
            layer.data = places.copy()
            layer.features[list("xyz")] = mm
            layer.editable = False
        layer.refresh(thumbnail=False, highlight=False, extent=False)
        self._moved = True

    def dress(self, viewer: ViewerModel) -> None:
        """Write names in a colour that can be read on the canvas as it is now; one that somebody chose stays."""
        layer, color = self.layer(viewer), LIT_COLOR if self._lit else NODE_COLOR
        if layer is None or not isinstance(layer.text.color, ConstantColorEncoding):
            return
        now = layer.text.color.constant
        if any(np.allclose(now, transform_color(each)[0], atol=0.01) for each in (color, ON_WHITE[color])):
            layer.text.color = readable(color, viewer)

    def settle(self, viewer: ViewerModel) -> None:
        """Tell those who listen to the layer, the viewer among them, of regions that moved: what takes too long for a brush."""
        layer = self.layer(viewer) if self._moved else None
        self._moved = False
        if layer is not None:
            layer.refresh()
            every = tuple(range(len(layer.data)))
            layer.events.data(value=layer.data, action=ActionType.CHANGED, data_indices=every, vertex_indices=((),))

    def at(self, viewer: ViewerModel, event: Any) -> int | None:
        """Row of the region under the mouse."""
        layer = self.layer(viewer)
        if layer is None or not layer.visible:
            return None
        row = layer.get_value(
            event.position, view_direction=event.view_direction, dims_displayed=list(event.dims_displayed), world=True
        )
        return None if row is None else int(row)

    def remove(self, viewer: ViewerModel) -> None:
        """Take the layer away."""
        layer = self.layer(viewer)
        if layer is not None:
            viewer.layers.remove(layer)
        self._written = None

    def _add(self, viewer: ViewerModel, features: pd.DataFrame, places: Array, size: float) -> Points:
        self._written, self._size = places.copy(), size
        color = LIT_COLOR if self._lit else NODE_COLOR
        own = size / LARGER if self._lit else size  # a name in light lies upon the same name, not beside it
        beside = np.full(3, 0.8 * own / UNIT)  # in each of the three planes
        text = {"string": "{name}", "size": 10, "color": readable(color, viewer), "anchor": "center", "translation": beside}
        text |= {"blending": THROUGH}  # its own: without it, what lies before a region in 3-D hides its name
        layer = Points(
            places,
            ndim=3,
            name="Regions in light" if self._lit else "Regions of the connectome",
            features=features,
            text={**text, "visible": self._lit or len(places) <= FEW},
            size=size / UNIT,
            face_color=color,
            border_color="black",
            border_width=0.05,
            shading="spherical",
            blending=THROUGH if self._lit else SOLID,
            projection_mode="all",
            **graph_kwargs(),
        )
        layer.editable = False
        tell(layer, role=self._role, owner=OWNER, title=layer.name, unique_id=layer.unique_id)
        results.add(viewer, layer, select=False)
        return layer


def readable(color: str, viewer: ViewerModel) -> str:
    """The colour for names, or what is taken in place of it on a light canvas."""
    red, green, blue = get_theme(viewer.theme).canvas.as_rgb_tuple()[:3]
    return ON_WHITE[color] if red + green + blue > 3 * 127 else color
