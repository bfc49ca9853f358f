"""The repetition time of a run's layer, which the person gives when the header does not."""

from __future__ import annotations

import math

from napari.layers import Layer

from napari_connectome.core.errors import InputError
from napari_connectome.layers.spatial import KEY, in_unit, info


def set_tr(layer: Layer, seconds: float) -> None:
    """Set the TR of a (t, z, y, x) layer in seconds; this answers its question, if it had one."""
    if layer.ndim != 4:
        raise InputError(f"{layer.name} has no time axis: a TR belongs to a 4-D image.")
    if not (math.isfinite(seconds) and seconds > 0):
        raise InputError(f"the TR given is {seconds} and must be a positive number of seconds.")
    # First what is shown: whoever hears that the question is answered finds both agreeing.
    layer.scale = (float(seconds) / in_unit(layer.units[0], "second"), *layer.scale[1:])
    known = {**info(layer), "tr": float(seconds), "tr_question": "", "tr_guess": None}
    layer.metadata = {**layer.metadata, KEY: known}
