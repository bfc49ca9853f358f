"""Writing into a labels layer as one step of its own history, so that Ctrl+Z takes it back like a stroke of the brush."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Labels

from napari_connectome.core.errors import InputError

Array = npt.NDArray[Any]


def write(layer: Labels, labels: Array) -> int:
    """Put an array in place of a layer's labels; return the number of voxels that are others than before.

    All of it is one entry of napari's undo history; where nothing differs there is none. What listeners hear is what they
    hear after a stroke: `labels_update`, then `paint`, both once the voxels are written.

    Parameters
    ----------
    layer : Labels
    labels : array of the layer's shape
        Bool or whole numbers. `InputError` where the layer's type does not hold them, or it cannot be edited; the layer
        is then as it was.
    """
    _require_writable(layer)
    if labels.shape != layer.data.shape:
        raise AssertionError("a layer keeps its shape when it is written")
    _require_fit(layer, labels)
    changed = layer.data != labels
    where = np.nonzero(changed)
    if not where[0].size:
        return 0
    if not (layer.visible and layer.loaded):
        layer.set_view_slice()  # data_setitem writes into the slice shown last, which a hidden layer may not have
    # The history keeps these indices: two bytes each instead of eight.
    indices = tuple(i.astype(np.min_scalar_type(n)) for i, n in zip(where, labels.shape, strict=True))
    with layer.block_history():  # otherwise `paint` is told before the voxels are written
        layer.data_setitem(indices, labels[changed].astype(layer.data.dtype))
    return int(where[0].size)


def holds(layer: Labels, labels: Array) -> bool:
    """Whether the layer's type holds these labels."""
    limits = np.iinfo(layer.data.dtype)
    return labels.dtype == bool or not labels.size or bool(limits.min <= labels.min() and labels.max() <= limits.max)


def _require_fit(layer: Labels, labels: Array) -> None:
    if holds(layer, labels):
        return
    low, high, limits = int(labels.min()), int(labels.max()), np.iinfo(layer.data.dtype)
    beyond = high if high > limits.max else low
    raise InputError(
        f"the new labels go to {beyond} and {layer.name} is of type {layer.data.dtype}, "
        f"which holds {limits.min} to {limits.max}: put them into a new layer."
    )


def _require_writable(layer: Labels) -> None:
    if not layer.editable:
        raise InputError(f"{layer.name} is not editable: put the result into a new layer.")
    if not isinstance(layer.data, np.ndarray) or not layer.data.flags.writeable:
        raise InputError(
            f"the labels of {layer.name} cannot be changed where they are stored: put the result into a new layer."
        )
