"""Where a live map's seed comes from: a region of a labels layer, while it is painted."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Labels, Layer
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from napari_connectome.analyses.seed_map import SeedMapper
from napari_connectome.core.errors import InputError
from napari_connectome.core.grid import Grid
from napari_connectome.layers import results, seed_spheres
from napari_connectome.layers.correlation import OWNER, ROLE, CorrelationLayers
from napari_connectome.layers.new_regions import new_regions
from napari_connectome.layers.preview import is_preview
from napari_connectome.layers.region_growth import RegionGrowth
from napari_connectome.layers.region_seed import RegionSeed, shared_voxels
from napari_connectome.layers.spatial import info
from napari_connectome.widgets.form import NumberBox
from napari_connectome.widgets.layer_choice import LayerChoice
from napari_connectome.widgets.panel import Panel, row

LARGEST = 2**31 - 1
"""The largest label a spin box takes."""

OPACITY = 0.5
"""Of a new region: the map beneath it should be seen."""


class RegionSource(QWidget):
    """Choose a region of a labels layer, and notice every stroke of the brush in it.

    Parameters
    ----------
    panel : Panel
        The dock widget it is part of.

    Attributes
    ----------
    moved : Signal
        The region has other voxels, another name, or another label is the one meant.
    changed : Signal
        Another layer is chosen, or none.
    said : Signal(str)
        A sentence for the user.
    region : RegionSeed or None
        None while no layer is chosen, and before a run is prepared.
    """

    moved = Signal()
    changed = Signal()
    said = Signal(str)

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self.viewer = panel.viewer
        self.region: RegionSeed | None = None
        self._grid: Grid | None = None
        self._gone = ""
        self._build()
        self._look_soon = panel.timer(0, self.look)
        panel.at_end(self.layer_choice.close_choice)
        panel.at_end(self._let_go)
        self.layer_choice.chosen.connect(self._on_layer)
        self.layer_choice.activated.connect(self._on_layer_picked)
        self.new.clicked.connect(self.make_layer)
        self.label.valueChanged.connect(self._on_label)

    def _build(self) -> None:
        self.layer_choice = LayerChoice(self.viewer, is_paintable, instead="none")
        self.layer_choice.setToolTip("The labels layer that holds the region, on the run's grid.")
        self.new = QPushButton("New")
        self.new.setToolTip("Add an empty labels layer on the run's grid and take up the brush, in three dimensions.")
        self.label = NumberBox(1, LARGEST, whole=True)
        self.label.setToolTip("The region's label: the one the brush paints. The color picker in the viewer chooses it, too.")
        self.name = QLabel()
        self.name.setWordWrap(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row("Layer", self.layer_choice, self.new))
        column.addLayout(row("Label", self.label, self.name))

    def prepare(self, mapper: SeedMapper) -> None:
        """Take up a run that was prepared; where no layer was chosen yet, the newest that lies on its grid."""
        self._grid = mapper.grid
        if self.layer_choice.layer is None:
            fit = (layer for layer in reversed(self.viewer.layers) if is_paintable(layer) and _fits(layer, mapper.grid))
            self.layer_choice.layer = next(fit, None)
        self._on_layer(self.layer_choice.layer)

    def make_layer(self) -> None:
        """Add an empty labels layer on the run's grid, and take up the brush."""
        if self._grid is None:
            return
        layer = new_regions(self.viewer, self._grid)
        layer.n_edit_dimensions = 3
        layer.opacity = OPACITY
        self.layer_choice.layer = layer
        self.said.emit(self.hand_over())

    def show_seed(self, shown: CorrelationLayers) -> str:
        """Show the map of the region as it is now; "" or the sentence that says why there is none."""
        if self.region is None:
            return self._gone or "There is no region: press New and paint one, or choose a labels layer."
        return shown.follow(self.region)

    def hand_over(self) -> str:
        """Put the region's layer and the brush into the user's hand; say what to do with it."""
        if self.region is None or self.region.trouble:
            return ""
        layer = self.region.layer
        self._bring_over_map(layer)
        self.viewer.layers.selection.active = layer
        if layer.mode == "pan_zoom":
            layer.mode = "paint"
        return f"Paint or erase {self.region.name} in the picture: the map follows."

    def _bring_over_map(self, layer: Labels) -> None:
        """Move a layer that lies beneath the map over it: strokes should be seen."""
        layers, shown = self.viewer.layers, results.find(self.viewer, ROLE, OWNER)
        if shown is not None and layers.index(layer) < layers.index(shown):
            layers.move(layers.index(layer), layers.index(shown) + 1)

    def left_out(self, mapper: SeedMapper) -> str:
        """What of the region does not count, in words."""
        if self.region is None:
            return ""
        masked = len(self.region.voxels) - len(mapper.seed)
        parts = [f"{masked:,} of the region lie{'s' * (masked == 1)} outside the mask"] if masked else []
        if self.region.off_grid:
            parts.append(f"{self.region.off_grid:,} off the run's grid")
        return ", ".join(parts)

    def growth(self, mapper: SeedMapper, into: Labels | None) -> RegionGrowth:
        """What the region grows to, in its own layer."""
        if self.region is None:
            raise InputError("there is no region to grow.")
        return RegionGrowth(mapper, self.region.voxels, self.region.layer, self.region.label)

    def look(self) -> None:
        """Read the layer: what was written without telling counts, too."""
        if self.region is not None:
            self.region.look()

    def _let_go(self) -> None:
        if self.region is not None:
            self.region.close()
            self.region.layer.events.selected_label.disconnect(self._on_selected)
            self.region.layer.events.paint.disconnect(self._on_paint)
            self.region = None

    def _on_layer(self, layer: Layer | None) -> None:
        before = self.region
        self._let_go()
        self._gone = ""
        if layer is not None and self._grid is not None:
            meant = before.label if before is not None and before.layer is layer else 1
            label = int(layer.selected_label) or meant  # 0 erases the region that is meant
            self.region = RegionSeed(layer, max(1, label), self._grid)
            self.region.changed.connect(self._on_changed)
            layer.events.selected_label.connect(self._on_selected)
            layer.events.paint.connect(self._on_paint)
        elif before is not None and before.layer not in self.viewer.layers:
            self._gone = f"The layer of {before.name} is gone: choose another one, or press New."
        self._tell()
        self.changed.emit()

    def _on_layer_picked(self, index: int) -> None:
        """A person chose the layer."""
        sentence = self.hand_over()
        if sentence:
            self.said.emit(sentence)

    def _on_changed(self, added: Any, removed: Any) -> None:
        # At once, so that napari draws the stroke and its map in one go.
        self._tell()
        self.moved.emit()

    def _on_paint(self, event: Any = None) -> None:
        self._look_soon.start()  # an edit that does not refresh tells before it writes

    def _on_selected(self, event: Any = None) -> None:
        if self.region is not None and self.region.layer.selected_label > 0:  # 0 is the background: it erases the region
            self.region.label = int(self.region.layer.selected_label)
            self._tell()

    def _on_label(self) -> None:
        if self.region is not None:
            self.region.layer.selected_label = int(self.label.number)

    def _tell(self) -> None:
        region = self.region
        with QSignalBlocker(self.label):
            if region is not None:
                self.label.setMaximum(int(min(np.iinfo(region.layer.data.dtype).max, LARGEST)))
            self.label.number = 1 if region is None else region.label
        self.label.setEnabled(region is not None)
        self.name.setText("" if region is None else region.name)


def is_paintable(layer: Layer) -> bool:
    """Whether a layer may hold regions somebody works on: labels, but no preview, and no picture of the seeds."""
    return isinstance(layer, Labels) and not is_preview(layer) and info(layer).get("role") != seed_spheres.ROLE


def _fits(layer: Labels, grid: Grid) -> bool:
    """Whether a layer is likely to be meant: it lies on the run's grid, and is no mask of ours."""
    try:
        shared_voxels(layer, grid)
    except InputError:
        return False
    return info(layer).get("role") != "mask"
