"""Where the parts of a graph are in the viewer: a frame so coarse that slices hide none of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from napari.components import ViewerModel
from napari.layers import Layer

from napari_connectome.core.grid import Grid
from napari_connectome.layers import results
from napari_connectome.layers.spatial import KEY, STRAIGHT, info, to_world

Array = npt.NDArray[Any]

UNIT = 1000.0
"""Mm a step of the layers' data. napari shows in 2-D what is within half a step of the plane: with steps this large the whole
graph, as in glass, unless somebody makes the slices thick (right click on a slider), which then show what is within. Margins
for the whole depth would not do: images would show the mean over them. Nor do large steps cut the sliders finer than the run's.
"""
SOLID, THROUGH = "translucent", "translucent_no_depth"
"""How a part is drawn in 3-D: hidden by what lies before it, or seen through all else."""
OWNER = "connectome graph"
"""Whose layers these are."""


def graph_kwargs() -> dict[str, Any]:
    """Keyword arguments that put a layer with data in units of `UNIT` into the viewer's world."""
    return {
        "scale": (UNIT, UNIT, UNIT),
        "units": ("mm", "mm", "mm"),
        "axis_labels": ("z", "y", "x"),
        "metadata": {KEY: {}},
    }


def places_of(viewer: ViewerModel, mm: Array) -> Array:
    """True mm (n × 3) x, y, z as data (n × 3) z, y, x of layers made with `graph_kwargs`, NaN where they are.

    Beside layers of an oblique grid they are turned as these are.
    """
    grids = (info(layer).get("grid") for layer in viewer.layers)
    oblique = next((grid for grid in grids if isinstance(grid, Grid) and grid.obliqueness >= STRAIGHT), None)
    world = mm[:, ::-1] if oblique is None else to_world(oblique, mm)
    return np.asarray(world / UNIT, dtype=np.float64)


def world_of(places: Array) -> Array:
    """Data of these layers in the viewer's world (z, y, x)."""
    return np.asarray(places * UNIT)


def put_beneath(viewer: ViewerModel, layer: Layer) -> None:
    """Put a layer beneath those of the graph."""
    graph = [i for i, each in enumerate(viewer.layers) if each is not layer and _is_part(each)]
    if graph:
        viewer.layers.move(viewer.layers.index(layer), min(graph))


def _is_part(layer: Layer) -> bool:
    return bool(info(layer).get("owner") == OWNER) and results.is_result(layer)
