"""The edges of a connectome as vectors, in the colours of their weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from napari.components import ViewerModel
from napari.layers import Vectors

from napari_connectome.core.edges import Edges
from napari_connectome.layers import results
from napari_connectome.layers.graph_places import OWNER, SOLID, THROUGH, UNIT, graph_kwargs
from napari_connectome.layers.spatial import tell
from napari_connectome.layers.styles import COLD_HOT, thresholded

Array = npt.NDArray[Any]

EDGES, LIT_EDGES = "connectome edges", "connectome edges in light"
"""Roles of the layers."""
FAINT = 0.45
"""Opacity of an edge that is only hinted at."""


class GraphEdges:
    """One vectors layer with edges, kept in place while they change. Its width and opacity are the user's.

    Parameters
    ----------
    lit : bool
        Whether these are the few in the light, seen through all else.
    """

    def __init__(self, *, lit: bool = False) -> None:
        self._lit = lit
        self._role = LIT_EDGES if lit else EDGES
        self._untold = False

    def layer(self, viewer: ViewerModel) -> Vectors | None:
        """The layer; None before it is made, and after somebody took it away."""
        layer = results.find(viewer, self._role, OWNER)
        return layer if isinstance(layer, Vectors) else None

    def show(
        self,
        viewer: ViewerModel,
        edges: Edges,
        names: Sequence[str],
        places: Array,
        limit: float,
        width: float,
        *,
        faint: int = 0,
        tell_of_it: bool = True,
    ) -> Vectors:
        """Show edges in place of those of before; quick enough to follow a slider.

        Parameters
        ----------
        viewer : ViewerModel
        edges : Edges
            Between regions that have a place.
        names : sequence of str
            Of all regions.
        places : (r × 3) array
            Of all regions, as `places_of` made them.
        limit : float
            The weight of the last colour.
        width : float
            In mm, for a new layer.
        faint : int
            The last so many are half transparent.
        tell_of_it : bool
            Whether those who listen to the layer are told, the viewer among them: `settle` does so later where not.
        """
        edges = _weakest_first(edges)
        data = np.stack([places[edges.rows], places[edges.columns] - places[edges.rows]], axis=1)
        colors = edge_colors(edges.weights, limit)
        colors[:faint, 3] = FAINT
        known = np.array(list(names), dtype=object)
        features = pd.DataFrame({"first": known[edges.columns], "second": known[edges.rows], "weight": edges.weights})
        layer = self.layer(viewer)
        if layer is None:
            return self._add(viewer, data, colors, features, width)
        if np.array_equal(layer.data, data) and np.array_equal(layer.edge_color, colors) and layer.features.equals(features):
            return layer
        with layer.events.blocker_all():  # each by itself would build the lines anew
            layer.data = data
            layer.features = features
            if len(data):
                layer.edge_color = colors
        layer.refresh(thumbnail=False, highlight=False, extent=False)  # edges end where regions are, which have the extent
        self._untold = True
        if tell_of_it:
            self.settle(viewer)
        return layer

    def settle(self, viewer: ViewerModel) -> None:
        """Tell those who listen to the layer of edges they were not told of."""
        layer = self.layer(viewer) if self._untold else None
        self._untold = False
        if layer is not None:
            layer.events.data(value=layer.data)

    def remove(self, viewer: ViewerModel) -> None:
        """Take the layer away."""
        layer = self.layer(viewer)
        if layer is not None:
            viewer.layers.remove(layer)

    def _add(self, viewer: ViewerModel, data: Array, colors: Array, features: pd.DataFrame, width: float) -> Vectors:
        layer = Vectors(
            data,
            ndim=3,
            name="Edges in light" if self._lit else "Edges of the connectome",
            features=features,
            edge_color=colors if len(data) else "white",
            edge_width=width / UNIT,
            vector_style="line",
            opacity=1.0 if self._lit else 0.8,
            blending=THROUGH if self._lit else SOLID,
            projection_mode="all",
            **graph_kwargs(),
        )
        layer._max_vectors_thumbnail = 0  # drawing 1024 of them in Python takes longer than all else, to see a black square
        tell(layer, role=self._role, owner=OWNER, title=layer.name, unique_id=layer.unique_id)
        results.add(viewer, layer, select=False)
        return layer


def edge_colors(weights: Array, limit: float) -> Array:
    """Colours (e, 4) of weights (e,): symmetric about 0, so that a colour means the same weight at every threshold."""
    share = np.clip(np.asarray(weights, dtype=np.float64) / limit, -1, 1)
    colors = np.asarray(thresholded(1.0, 0.0, COLD_HOT).map((share + 1) / 2), dtype=np.float32).reshape(-1, 4)
    colors[:, 3] = 1.0  # zero is transparent on a map; an edge of almost 0 that is asked for is to be seen
    return colors


def _weakest_first(edges: Edges) -> Edges:
    """The same edges, so that strong ones are drawn over weak ones."""
    return Edges(edges.rows[::-1], edges.columns[::-1], edges.weights[::-1])
