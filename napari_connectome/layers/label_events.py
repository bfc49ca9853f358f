"""What napari tells of a labels layer that somebody works on."""

from __future__ import annotations

from typing import Any

from napari.layers import Labels


def edits_of(layer: Labels) -> tuple[Any, ...]:
    """The events that come with other voxels: strokes while they are drawn, fills, undo and redo, and edits by programs."""
    # labels_update: each move of a brush; paint: the end of an edit; set_data: undo, redo and any refresh.
    events = layer.events
    return events.labels_update, events.paint, events.set_data


def moves_of(layer: Labels) -> tuple[Any, ...]:
    """The events that come with other data, or with another place in the world."""
    events = layer.events
    placing = events.scale, events.translate, events.rotate, events.shear, events.affine, events.units
    return (events.data, events.metadata, *placing)
