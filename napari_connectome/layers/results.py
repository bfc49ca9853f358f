"""Putting results into the viewer: a new layer, or the one the same widget made before. Never a layer of somebody else's."""

from __future__ import annotations

import zlib

import numpy as np
from napari.components import ViewerModel
from napari.layers import Layer

from napari_connectome.layers.spatial import info, tell

ON_TOP = ("seed spheres", "seeds")
"""Roles of layers that stay above what is added."""


def find(viewer: ViewerModel, role: str, owner: str = "") -> Layer | None:
    """The newest layer of a role, made by this owner; known by its metadata, since a layer's name is the user's."""
    for layer in reversed(viewer.layers):
        known = info(layer)
        if known.get("role") == role and known.get("owner", "") == owner and is_result(layer):
            return layer
    return None


def is_result(layer: Layer) -> bool:
    """Whether `show` put this very layer into a viewer: a duplicate of it, metadata and all, is the user's."""
    return bool(info(layer).get("unique_id") == layer.unique_id)


def show(viewer: ViewerModel, layer: Layer, role: str, owner: str = "", *, guard: bool = False) -> Layer:
    """Add a result, or renew the data of the layer that held it before.

    The look of a layer that is already there (colours, limits, opacity) is the user's by now and stays, and so does a name
    somebody gave it. One of another kind or another number of dimensions is never rewritten: the new one is added beside it.

    Parameters
    ----------
    viewer : ViewerModel
    layer : Layer
        The result, not yet in the viewer.
    role : str
        What it is: "seed map", "mask", "seed spheres".
    owner : str
        Which of several makers it belongs to.
    guard : bool
        Whether a layer whose data somebody changed since (a mask, by painting) is left to them, and a new one added.

    Returns
    -------
    Layer
        The one that is in the viewer.
    """
    tell(layer, role=role, owner=owner, title=layer.name, unique_id=layer.unique_id)
    if guard:
        sign(layer)
    old = find(viewer, role, owner)
    if old is None or type(old) is not type(layer) or old.ndim != layer.ndim:
        return add(viewer, layer)
    if guard and info(old).get("written") != _print_of(old):
        tell(old, role="", owner="")
        return add(viewer, layer)
    if old.name.split(" [")[0] == info(old).get("title"):
        old.name = layer.name
    old.data = layer.data
    old.scale, old.translate = layer.scale, layer.translate
    old.metadata = {**old.metadata, **layer.metadata}
    tell(old, unique_id=old.unique_id)
    return old


def sign(layer: Layer) -> None:
    """Remember what a guarded layer holds now as ours; whoever writes into it in place does so after each time."""
    tell(layer, written=_print_of(layer))


def _print_of(layer: Layer) -> int:
    return zlib.crc32(np.ascontiguousarray(layer.data).tobytes())


def add(viewer: ViewerModel, layer: Layer, *, select: bool = True) -> Layer:
    """Add a layer without taking the user's selection away, and beneath the seeds, which are to be seen and dragged.

    Where nothing is selected the layer is, unless `select` says no.
    """
    selected = set(viewer.layers.selection)
    current = viewer.layers.selection.active
    viewer.add_layer(layer)
    if info(layer).get("role") not in ON_TOP:
        for above in [each for each in viewer.layers if info(each).get("role") in ON_TOP]:
            viewer.layers.move(viewer.layers.index(above), len(viewer.layers))
    if selected or not select:
        viewer.layers.selection = selected
        viewer.layers.selection.active = current
    return layer
