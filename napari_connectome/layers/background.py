"""The mean of runs that are in no layer, beneath maps and outlines that would float on black without it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Layer

from napari_connectome.core.values import Volume
from napari_connectome.layers import results
from napari_connectome.layers.looks import limits
from napari_connectome.layers.spatial import info, is_run, is_volume, layer_kwargs, tell

MEAN = "mean of runs"
"""Role of the layer."""
FAINT: Mapping[str, Any] = {"opacity": 0.45, "blending": "translucent_no_depth"}


class Background:
    """One gray image at the bottom, made only where no other image of the brain is open, and renewed in place.

    Parameters
    ----------
    viewer : ViewerModel
    owner : str
        Who shows it: each has its own.
    faint : bool
        Whether it is dark, and in 3-D hides nothing: beneath lines and points, which are thin.
    """

    def __init__(self, viewer: ViewerModel, owner: str, *, faint: bool = False) -> None:
        self.viewer = viewer
        self.owner = owner
        self._look: Mapping[str, Any] = FAINT if faint else {}
        self._lent: Layer | None = None

    @property
    def layer(self) -> Layer | None:
        """The layer; None while there is none in the viewer."""
        return results.find(self.viewer, MEAN, self.owner)

    def show(self, mean: Volume | None) -> None:
        """Show a mean for good; None leaves what there is."""
        self._lent = None
        if mean is not None and (self.layer is not None or not _has_brain(self.viewer)):
            self._write(mean)

    def lend(self, mean: Volume | None) -> None:
        """Show a mean until `take_back`, where there is nothing beneath."""
        if mean is not None and self.layer is None and not _has_brain(self.viewer):
            self._lent = self._write(mean)

    def take_back(self) -> None:
        """Take away what was lent."""
        layer, self._lent = self._lent, None
        if layer is not None and layer in self.viewer.layers:
            self.viewer.layers.remove(layer)

    def _write(self, mean: Volume) -> Layer:
        data = np.nan_to_num(mean.data, posinf=0.0, neginf=0.0).astype(np.float32)
        wanted, before = limits(data), self.layer
        name = f"{mean.name[:1].upper()}{mean.name[1:]}"
        made = Image(data, name=name, contrast_limits=wanted, **self._look, **layer_kwargs(mean.grid))
        as_made = before is not None and tuple(before.contrast_limits) == info(before).get("limits")
        layer = results.show(self.viewer, made, MEAN, self.owner)
        if layer is made:
            self.viewer.layers.move(self.viewer.layers.index(layer), 0)
            self.viewer.layers.selection.discard(layer)
        elif as_made:
            layer.reset_contrast_limits_range()
            layer.contrast_limits = wanted
        tell(layer, limits=tuple(layer.contrast_limits))
        return layer


def _has_brain(viewer: ViewerModel) -> bool:
    """Whether a run or an image of the anatomy is open."""
    return any(is_run(layer) or _is_anatomy(layer) for layer in viewer.layers)


def _is_anatomy(layer: Layer) -> bool:
    return isinstance(layer, Image) and is_volume(layer) and info(layer).get("role", "volume") in ("volume", "")
