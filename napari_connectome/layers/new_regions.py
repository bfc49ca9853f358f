"""New labels layers: empty ones to paint in, and what a step has made."""

from __future__ import annotations

import numpy as np
import pandas as pd
from napari.components import ViewerModel
from napari.layers import Labels, Layer

from napari_connectome.core.edits import Edit
from napari_connectome.core.grid import Grid
from napari_connectome.core.origins import Origins, origins_to_dict
from napari_connectome.core.values import Regions
from napari_connectome.layers import results
from napari_connectome.layers.region_layer import RegionLayer, origins_after
from napari_connectome.layers.samples import regions_layer
from napari_connectome.layers.spatial import grid_of, is_run, layer_kwargs

BRUSH = 8.0
"""Diameter of the brush in mm a new layer starts with; napari's own is ten voxels, half a lobe of a functional run."""


def new_regions(viewer: ViewerModel, grid: Grid, name: str = "Regions") -> Labels:
    """Add an empty layer for regions, and choose it, so that one can paint."""
    return _to_paint(viewer, Labels(np.zeros(grid.shape, dtype=np.uint16), name=name, **layer_kwargs(grid, role="labels")))


def add_regions(viewer: ViewerModel, regions: Regions, name: str) -> Labels:
    """Add a layer with a copy of these regions, and choose it, so that one can paint."""
    data, about, _ = regions_layer(regions, name)
    return _to_paint(viewer, Labels(data.copy(), **about))


def _to_paint(viewer: ViewerModel, layer: Labels) -> Labels:
    layer.brush_size = max(1, round(BRUSH / float(min(layer.scale))))
    results.add(viewer, layer)
    viewer.layers.selection.active = layer
    return layer


def new_grid(viewer: ViewerModel) -> Grid | None:
    """The grid regions are wanted on: the newest run's, otherwise the newest image's; None where there is none."""
    layers = [layer for layer in reversed(viewer.layers) if _is_spatial(layer)]
    chosen = next((layer for layer in layers if is_run(layer)), layers[0] if layers else None)
    return None if chosen is None else grid_of(chosen)


def add_edit(viewer: ViewerModel, regions: RegionLayer, edit: Edit, name: str, others: Origins | None = None) -> Labels:
    """Add what an edit of some regions gives as a layer of its own, with names and origins."""
    grid = regions.grid
    names = edit.renamed(regions.names)
    layer = Labels(
        edit.labels.copy(),
        name=name,
        features=pd.DataFrame({"index": list(names), "name": list(names.values())}),
        **layer_kwargs(grid, role="labels", origins=origins_to_dict(origins_after(edit, regions.origins, others))),
    )
    results.add(viewer, layer)
    return layer


def _is_spatial(layer: Layer) -> bool:
    return not getattr(layer, "rgb", False) and not getattr(layer, "multiscale", False) and layer.ndim in (3, 4)
