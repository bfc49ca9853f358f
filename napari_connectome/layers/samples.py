"""File > Open Sample: the phantoms as layers.

The T1-like picture lies below as the background of the maps to come; the runs are there but hidden, since at 4 mm they
would cover it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from napari_connectome.core.origins import origins_to_dict
from napari_connectome.core.values import Regions, Run, Volume
from napari_connectome.layers.spatial import layer_kwargs

LayerData = tuple[Any, dict[str, Any], str]


def resting_state() -> list[LayerData]:
    """The resting-state phantom: a T1-like picture and over it the run, with its confounds."""
    from napari_connectome.core import phantom

    made = phantom.resting_state()
    return [volume_layer(made.anatomy, "T1w phantom"), run_layer(made.run, "Resting-state phantom", visible=False)]


def face_house() -> list[LayerData]:
    """The face/house phantom: a T1-like picture, the run with its labels table, and the ventral temporal mask."""
    from napari_connectome.core import phantom

    made = phantom.face_house()
    return [
        volume_layer(made.anatomy, "T1w phantom"),
        run_layer(made.run, "Face/house phantom", visible=False, labels_table=made.labels),
        mask_layer(made.ventral_temporal, "Ventral temporal mask"),
    ]


def resting_group() -> list[LayerData]:
    """Six subjects at rest, on one T1-like picture."""
    from napari_connectome.core import phantom

    group = phantom.resting_group()
    runs = [run_layer(subject.run, f"Phantom {subject.run.name}", visible=False) for subject in group]
    return [volume_layer(group[0].anatomy, "T1w phantom"), *runs]


def run_layer(run: Run, name: str, *, visible: bool = True, **known: Any) -> LayerData:
    """A run as an image of t, z, y, x; further entries of its metadata as keyword arguments."""
    if run.confounds is not None:
        known["confounds"] = run.confounds
    kwargs = layer_kwargs(run.grid, tr=run.tr, time=True, role="run", **known)
    kwargs |= {"name": name, "contrast_limits": _limits(run.data[run.n_volumes // 2]), "visible": visible}
    return run.data, kwargs, "image"


def volume_layer(volume: Volume, name: str) -> LayerData:
    """One volume as a gray image, a little dark, so that maps stand out; in 3-D its folds show."""
    low, high = _limits(volume.data)
    kwargs = layer_kwargs(volume.grid, role="volume") | {"name": name, "contrast_limits": (low, 1.2 * high)}
    return volume.data, kwargs | {"rendering": "attenuated_mip", "attenuation": 0.3}, "image"


def mask_layer(volume: Volume, name: str) -> LayerData:
    """A mask as labels."""
    kwargs = layer_kwargs(volume.grid, role="mask") | {"name": name, "opacity": 0.6}
    features = pd.DataFrame({"index": [0, 1], "name": ["outside", name]})
    return volume.data.astype(np.uint8), kwargs | {"features": features}, "labels"


def regions_layer(regions: Regions, name: str) -> LayerData:
    """Regions as labels whose names the status bar shows."""
    kwargs = layer_kwargs(regions.grid, role="labels", origins=origins_to_dict(regions.origins))
    features = regions.table.reset_index()
    return regions.labels, kwargs | {"name": name, "features": features}, "labels"


def _limits(data: np.ndarray[Any, Any]) -> tuple[float, float]:
    """From 0 to where all but the brightest two thousandths lie."""
    inside = data[data > 0]
    return (0.0, float(np.quantile(inside, 0.998))) if inside.size else (0.0, 1.0)
