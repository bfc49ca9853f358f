"""The seed map of a region of a connectome, in the viewer."""

from __future__ import annotations

from typing import Any

from napari.components import ViewerModel
from napari.layers import Image

from napari_connectome.core.values import Volume
from napari_connectome.layers import results
from napari_connectome.layers.correlation import scale_of
from napari_connectome.layers.graph_places import put_beneath
from napari_connectome.layers.spatial import layer_kwargs, tell
from napari_connectome.layers.styles import style_map

ROLE, OWNER = "region map", "connectome region"


def show_region_map(viewer: ViewerModel, found: Volume, run: str, dof: float, provenance: dict[str, Any]) -> Image:
    """Show the map of a region beneath the graph, in place of that of another region.

    Parameters
    ----------
    viewer : ViewerModel
    found : Volume
        r of its series with every voxel's; called as the region.
    run : str
        Whose.
    dof : float
        Degrees of freedom of Fisher's z: the first threshold follows from them.
    provenance : dict
        What made it, in plain values.
    """
    limit, threshold = scale_of("r", dof)
    name = f"r with {found.name} ({run})"
    old = results.find(viewer, ROLE, OWNER)
    new = Image(found.data, name=name, contrast_limits=(-limit, limit), **layer_kwargs(found.grid, source=run))
    layer = results.show(viewer, new, ROLE, OWNER)
    assert isinstance(layer, Image)
    tell(layer, provenance=provenance, title=name)
    if layer is not old:
        style_map(layer, limit, threshold)
        put_beneath(viewer, layer)
    return layer
