"""The brain around a connectome, as of glass."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from napari.components import ViewerModel
from napari.layers import Surface
from napari.utils.colormaps import Colormap

from napari_connectome.core.brain_mesh import brain_mesh
from napari_connectome.core.values import Maps, Regions, Volume, expect
from napari_connectome.layers import results
from napari_connectome.layers.graph_places import OWNER, graph_kwargs, places_of, put_beneath
from napari_connectome.layers.spatial import tell

Array = npt.NDArray[Any]

BRAIN = "brain surface"
"""Role of the layer."""
COLOR = (0.72, 0.76, 0.82)
OPACITY = 0.13
INSIDE = 0.05
"""Share of the largest weight of all from which on a voxel of maps is taken as brain."""


class BrainSurface:
    """One surface layer, kept in place; its colour and opacity are the user's."""

    def layer(self, viewer: ViewerModel) -> Surface | None:
        """The layer; None before it is made, and after somebody took it away."""
        layer = results.find(viewer, BRAIN, OWNER)
        return layer if isinstance(layer, Surface) else None

    def show(self, viewer: ViewerModel, brain: Volume | Regions | Maps) -> Surface:
        """Show the surface around a mask, the regions of an atlas or where maps are.

        Raises
        ------
        InputError
            Where it is of another kind, or nothing is inside.
        """
        vertices, faces = brain_mesh(_inside(brain), brain.grid)
        points, faces = places_of(viewer, vertices), faces[:, ::-1]  # as seen in a mirror: z, y, x
        layer = self.layer(viewer)
        if layer is not None:
            layer.data = (points, faces)
            return layer
        layer = Surface(
            (points, faces),
            name="Brain",
            colormap=_plain(),
            opacity=OPACITY,
            shading="none",
            blending="translucent_no_depth",
            **graph_kwargs(),
        )
        tell(layer, role=BRAIN, owner=OWNER, title=layer.name, unique_id=layer.unique_id)
        results.add(viewer, layer, select=False)
        put_beneath(viewer, layer)
        return layer

    def remove(self, viewer: ViewerModel) -> None:
        """Take the layer away."""
        layer = self.layer(viewer)
        if layer is not None:
            viewer.layers.remove(layer)


def _inside(brain: Any) -> Array:
    expect("the brain", brain, Volume, Regions, Maps)
    if isinstance(brain, Regions):
        return np.asarray(brain.labels) > 0
    if isinstance(brain, Volume):
        return np.asarray(brain.data)
    weights = np.asarray(brain.data)
    most = np.abs(weights[0])
    for each in weights[1:]:  # not all at once: an atlas of maps is large
        np.fmax(most, np.abs(each), out=most)
    return np.asarray(most > INSIDE * float(np.nanmax(most, initial=0.0)))


def _plain() -> Any:
    return Colormap([COLOR, COLOR], name="connectome brain")
