"""Where a live map's seed comes from: the points of a seeds layer, a sphere each."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Labels, Layer
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox, QVBoxLayout, QWidget

from napari_connectome.analyses.seed_map import SeedMapper
from napari_connectome.core.grid import Grid
from napari_connectome.core.networks import network_seeds
from napari_connectome.core.seeds import RADIUS
from napari_connectome.layers.correlation import CorrelationLayers
from napari_connectome.layers.orientation import look_at
from napari_connectome.layers.region_growth import RegionGrowth
from napari_connectome.layers.seed_layer import is_seeds
from napari_connectome.layers.seeds import SeedPoints
from napari_connectome.layers.spatial import info, to_world
from napari_connectome.widgets.form import NumberBox
from napari_connectome.widgets.layer_choice import LayerChoice
from napari_connectome.widgets.panel import Panel, row

FIRST_SEED = "PCC"


class PointSource(QWidget):
    """Choose a seed among the points of a layer, and notice when it is moved.

    Parameters
    ----------
    panel : Panel
        The dock widget it is part of.

    Attributes
    ----------
    moved : Signal
        The current seed is elsewhere; also at every step of a drag.
    changed : Signal
        Another seed is the current one, or the table of seeds is another.
    seeds : SeedPoints or None
    """

    moved = Signal()
    changed = Signal()

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self.viewer = panel.viewer
        self.seeds: SeedPoints | None = None
        self._grid: Grid | None = None
        self._hidden: Layer | None = None
        self.seeds_choice = LayerChoice(self.viewer, is_seeds, instead="new layer")
        self.seeds_choice.setToolTip("The points layer that holds the seeds; Sphere seeds makes and edits them.")
        self.seed_choice = QComboBox()
        self.seed_choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.seed_choice.setToolTip("The seed whose map is shown; also chosen by selecting its point in the viewer.")
        self.radius = NumberBox(RADIUS["low"], RADIUS["high"], RADIUS["step"], RADIUS["unit"])
        self.radius.setToolTip("Radius of this seed's sphere.")
        self.radius.setAccessibleName("Radius")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row("Seeds", self.seeds_choice))
        column.addLayout(row("Seed", self.seed_choice, self.radius))
        panel.at_end(self.seeds_choice.close_choice)
        panel.at_end(self._let_go)
        panel.at_end(self.show_points)
        self.seeds_choice.chosen.connect(self._on_layer)
        self.seed_choice.activated.connect(self._on_chosen)
        self.radius.valueChanged.connect(self._on_radius)
        self._on_layer(self.seeds_choice.layer)

    def prepare(self, mapper: SeedMapper) -> None:
        """Have a seed in this run: the posterior cingulate, or the middle of a brain that is not in MNI space."""
        self._grid = mapper.grid
        if self.seeds is None:
            self.seeds_choice.layer = next((layer for layer in reversed(self.viewer.layers) if is_seeds(layer)), None)
        if self.seeds is None:
            made = SeedPoints.create(self.viewer, mapper.grid)
            made.close()
            self.seeds_choice.layer = made.layer
        assert self.seeds is not None
        self.seeds.grid = mapper.grid
        if len(self.seeds):
            return
        known = network_seeds().set_index("name")
        name, mm = FIRST_SEED, known.loc[FIRST_SEED, ["x", "y", "z"]].to_numpy(dtype=float)
        if not len(mapper.sphere(mm)):
            inside = np.argwhere(mapper.mask.data)
            middle = inside[np.argmin(((inside - inside.mean(axis=0)) ** 2).sum(axis=1))]
            name, mm = "seed 1", mapper.grid.to_mm(middle[::-1])
        self.seeds.add(name, mm, mapper.params.radius)

    def show_seed(self, shown: CorrelationLayers) -> str:
        """Show the map of the current seed as it is now; "" or the sentence that says why there is none."""
        if self.seeds is None or self.seeds.current is None:
            return "There is no seed: add one with Sphere seeds, or press Prepare to begin with one."
        seed = self.seeds.table.iloc[self.seeds.current]
        return shown.move(seed["name"], seed[["x", "y", "z"]].to_numpy(dtype=float), float(seed["radius"]))

    def hand_over(self) -> str:
        """Put the seed before the user's eyes and into their hand; say what to do with it."""
        if self.seeds is None or self.seeds.current is None:
            return ""
        self._look()
        self.viewer.layers.selection.active = self.seeds.layer
        self.seeds.layer.mode = "select"
        return f"Drag {self.seeds.table['name'].iloc[self.seeds.current]} in the picture: the map follows."

    def hide_points(self) -> None:
        """Hide the points while the map is not theirs."""
        if self._hidden is None and self.seeds is not None and self.seeds.layer.visible:
            self._hidden = self.seeds.layer
            self._hidden.visible = False

    def show_points(self) -> None:
        """Show the points again, if they were hidden here."""
        if self._hidden is not None:
            self._hidden.visible, self._hidden = True, None

    def left_out(self, mapper: SeedMapper) -> str:
        """What of the seed does not count, in words; a sphere is simply cut at the mask."""
        return ""

    def growth(self, mapper: SeedMapper, into: Labels | None) -> RegionGrowth:
        """What the seed grows to, as a new region of a layer, if there is one yet."""
        return RegionGrowth(mapper, mapper.seed_voxels, into)

    def _look(self) -> None:
        if self.seeds is not None and self.seeds.current is not None:
            mm = self.seeds.mm[self.seeds.current]
            if np.isfinite(mm).all():
                look_at(self.viewer, to_world(self.seeds.grid, mm))

    def _let_go(self) -> None:
        if self.seeds is not None:
            self.seeds.close()
            self.seeds = None

    def _on_layer(self, layer: Layer | None) -> None:
        self._let_go()
        if layer is not None:
            self.seeds = SeedPoints(layer, info(layer)["grid"] if self._grid is None else self._grid)
            self.seeds.moved.connect(self._on_moved)
            self.seeds.changed.connect(self._on_changed)
            self.seeds.current_changed.connect(self._on_changed)
        self._on_changed()

    def _on_moved(self, index: int, mm: Any) -> None:
        # At once, so that napari draws the moved point and its map in one go: drawing is what takes the time.
        if self.seeds is not None and index == self.seeds.current:
            self.moved.emit()

    def _on_changed(self, *_: Any) -> None:
        self._list()
        self.changed.emit()

    def _list(self) -> None:
        self.seed_choice.clear()
        if self.seeds is None or self.seeds.current is None:
            return
        table = self.seeds.table
        self.seed_choice.addItems(list(table["name"]))
        self.seed_choice.setCurrentIndex(self.seeds.current)
        with QSignalBlocker(self.radius):
            self.radius.number = float(table["radius"].iloc[self.seeds.current])

    def _on_chosen(self, index: int) -> None:
        if self.seeds is not None:
            self.seeds.current = index
            self._look()

    def _on_radius(self) -> None:
        if self.seeds is not None and self.seeds.current is not None:
            self.seeds.set(self.seeds.current, radius=self.radius.number)
