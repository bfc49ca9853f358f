"""Which layers the seeds belong to: the image they are for, the points that hold them, the brain they should lie in."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Labels, Layer, Points
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_connectome.core.grid import Grid
from napari_connectome.layers.seed_layer import is_seeds
from napari_connectome.layers.seed_spheres import is_spheres
from napari_connectome.layers.spatial import grid_of, info, is_run, is_volume
from napari_connectome.widgets.layer_choice import LayerChoice
from napari_connectome.widgets.panel import Panel, form

STROKE = 100
"""Milliseconds between two looks at a brain mask that is painted on."""


class SeedLayers(QWidget):
    """Three choices of a layer that go together.

    Until somebody chooses, the image is the newest run, else the newest anatomical image, and the brain the newest mask
    of this plugin on the image's grid.

    Parameters
    ----------
    panel : Panel
        The dock widget it is part of.

    Attributes
    ----------
    image, points, brain : LayerChoice
    grid : Grid or None
        The image's; None while there is none.
    mask : (z, y, x) bool array or None
        The brain, on the grid.
    changed : Signal
        Another image or brain, or other voxels in one of them.
    points_chosen : Signal(Layer or None)
    """

    changed = Signal()
    points_chosen = Signal(object)

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self.viewer = panel.viewer
        self.grid: Grid | None = None
        self.mask: npt.NDArray[np.bool_] | None = None
        self._watched: Layer | None = None
        self._image_is_guess = self._brain_is_guess = True
        self._build()
        self._look = panel.timer(STROKE, self._look_at_brain)
        for choice in (self.image, self.points, self.brain):
            panel.at_end(choice.close_choice)
        panel.at_end(self._watch_nothing)
        panel.follow(self.viewer.layers.events.inserted, self._on_inserted)
        panel.follow(self.viewer.layers.events.removed, self._guess)
        self._connect()
        self._guess()
        self._on_image()

    def _build(self) -> None:
        self.image = LayerChoice(self.viewer, _is_reference)
        self.image.setToolTip("The image the seeds are for: its voxels make the spheres, its header the millimetres.")
        self.points = LayerChoice(self.viewer, _may_hold_seeds, instead="new layer")
        self.points.setToolTip("The points layer that holds the seeds. One of your own can be taken: it gets names and radii.")
        self.brain = LayerChoice(self.viewer, self._may_be_brain, instead="none")
        self.brain.setToolTip("A mask or labels layer on the voxels of the image: the status says which seeds lie outside it.")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(form({"Image": self.image, "Seeds": self.points, "Brain": self.brain}))

    def _connect(self) -> None:
        self.image.activated.connect(self._on_image_picked)
        self.image.chosen.connect(self._on_image)
        self.image.altered.connect(self._on_image)
        self.points.chosen.connect(self.points_chosen)
        self.brain.activated.connect(self._on_brain_picked)
        self.brain.chosen.connect(self._on_brain)
        self.brain.altered.connect(self._on_brain)

    def show_points(self, layer: Layer) -> None:
        """Show which layer holds the seeds, without telling."""
        with QSignalBlocker(self.points):
            self.points.layer = layer

    def _on_image_picked(self) -> None:
        self._image_is_guess = False

    def _on_brain_picked(self) -> None:
        self._brain_is_guess = False

    def _on_inserted(self, event: Any) -> None:
        self._guess()
        if is_seeds(event.value):
            self.take_newest_seeds()

    def take_newest_seeds(self) -> None:
        """Choose the newest layer of seeds, where none is chosen and there is an image they can be for."""
        if self.points.layer is None and self.grid is not None:
            self.points.layer = next((layer for layer in reversed(self.viewer.layers) if is_seeds(layer)), None)

    def _guess(self) -> None:
        images = [layer for layer in reversed(self.viewer.layers) if _is_reference(layer)]
        if self._image_is_guess and images:
            self.image.layer = min(images, key=_rank)
        self._guess_brain()

    def _guess_brain(self) -> None:
        masks = [layer for layer in self.viewer.layers if info(layer).get("role") == "mask" and self._may_be_brain(layer)]
        if self._brain_is_guess and masks:
            self.brain.layer = masks[-1]

    def _may_be_brain(self, layer: Layer) -> bool:
        labels = isinstance(layer, Labels) and not is_spheres(layer) and is_volume(layer)
        return labels and self.grid is not None and self.grid.matches(grid_of(layer, [self.grid]))

    def _on_image(self) -> None:
        self.grid = None if self.image.layer is None else grid_of(self.image.layer)
        with QSignalBlocker(self.brain):
            self.brain.reset()
            self._guess_brain()
        self._on_brain()
        self.take_newest_seeds()

    def _on_brain(self) -> None:
        self._watch_nothing()
        self._watched = self.brain.layer
        if self._watched is not None:
            self._watched.events.set_data.connect(self._look_soon)
        self.mask = self._read_mask()
        self.changed.emit()

    def _watch_nothing(self) -> None:
        if self._watched is not None:
            self._watched.events.set_data.disconnect(self._look_soon)
        self._watched = None

    def _look_soon(self) -> None:
        if not self._look.isActive():
            self._look.start()

    def _look_at_brain(self) -> None:
        """Read the mask anew: napari tells of painting and undoing only that something is drawn again."""
        mask, before = self._read_mask(), self.mask
        if mask is not None and before is not None and mask.shape == before.shape and (mask != before).any():
            self.mask = mask
            self.changed.emit()

    def _read_mask(self) -> npt.NDArray[np.bool_] | None:
        return None if self.brain.layer is None else np.asarray(self.brain.layer.data) != 0


def _is_reference(layer: Layer) -> bool:
    return (is_run(layer) or is_volume(layer)) and not is_spheres(layer)


def _rank(layer: Layer) -> int:
    """A run rather than an anatomical image rather than labels."""
    return 0 if is_run(layer) else 2 if isinstance(layer, Labels) else 1


def _may_hold_seeds(layer: Layer) -> bool:
    return isinstance(layer, Points) and layer.ndim >= 3
