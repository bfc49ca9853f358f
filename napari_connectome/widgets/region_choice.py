"""Choosing the regions of a connectome: a layer of labels, of maps or of seeds, or an atlas that lies in a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from napari.layers import Labels, Layer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from napari_connectome.core.errors import InputError, Progress
from napari_connectome.core.grid import Grid
from napari_connectome.core.values import Maps, Regions
from napari_connectome.core.words import as_sentence, some
from napari_connectome.io.header import stem
from napari_connectome.io.load import load_maps, load_regions, open_header_only
from napari_connectome.io.names import Names, read_names, sidecar
from napari_connectome.layers.map_stack import is_stack, maps_of
from napari_connectome.layers.network_sketch import SKETCH
from napari_connectome.layers.new_regions import add_regions, new_grid, new_regions
from napari_connectome.layers.seed_layer import SeedLayer, is_seeds
from napari_connectome.layers.spatial import info, regions_of
from napari_connectome.widgets.layer_choice import LayerChoice
from napari_connectome.widgets.panel import Panel, button, row, words
from napari_connectome.widgets.region_source import is_paintable
from napari_connectome.widgets.work import Work, WorkBar

Chosen = Regions | Maps | pd.DataFrame

IMAGES = "Atlases (*.nii.gz *.nii *.mgz *.mgh *.mnc *.hdr *.img *.HEAD *.BRIK *.BRIK.gz);;All files (*)"
TABLES = "Names (*.txt *.tsv *.csv *.lut);;All files (*)"
EMPTY = (
    "No regions yet: choose an atlas file, press New and paint some, or open a layer of labels (3-D), of networks or of seeds."
)
NO_GRID = "Open a run or another image first, on whose grid regions can be painted; or choose an atlas file."


class RegionChoice(QWidget):
    """Regions, from a layer or from a file, and what is known of them.

    Parameters
    ----------
    panel : Panel
        The dock widget it is part of.

    Attributes
    ----------
    changed : Signal
        Other regions are chosen, or they have other names.
    layer_choice : LayerChoice
    path, names_path : str
        Of the atlas file, and of the names chosen for it; "" for none.
    """

    changed = Signal()

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self.viewer = panel.viewer
        self.path = self.names_path = ""
        self._atlas: Regions | Maps | None = None
        self.work = Work(self)
        self._build()
        panel.at_end(self.work.close)
        panel.at_end(self.layer_choice.close_choice)
        self.layer_choice.chosen.connect(self._on_layer)
        self.layer_choice.altered.connect(self._on_layer)
        self.work.failed.connect(self._on_failed)
        self.layer_choice.layer = next((layer for layer in reversed(self.viewer.layers) if is_regions(layer)), None)
        self._show()

    def _build(self) -> None:
        self.layer_choice = LayerChoice(self.viewer, is_regions, instead="atlas file")
        self.layer_choice.setToolTip("A layer of labels, of networks or other maps, or of seeds; or the atlas file below.")
        self.file_button = button("Atlas file…", "Choose an image of labels (3-D) or of maps (4-D).", self._ask)
        self.names_button = button("Names…", "Choose the file with the names of the atlas's regions.", self._ask_names)
        self.open_button = button(
            "As layer",
            "Open the atlas as a layer: its regions are seen, and may be painted while the matrix follows.",
            self.open,
        )
        self.new_button = button("New", "Add an empty labels layer on the run's grid, to paint regions in.", self.make)
        self.account = words()
        buttons = QHBoxLayout()
        for each in (self.file_button, self.names_button, self.open_button, self.new_button):
            each.setMinimumWidth(40)
            buttons.addWidget(each)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row("Regions", self.layer_choice))
        column.addLayout(buttons)
        column.addWidget(WorkBar(self.work))
        column.addWidget(self.account)

    @property
    def busy(self) -> bool:
        """Whether an atlas is being read."""
        return self.work.busy

    @property
    def called(self) -> str:
        """The name of the layer, or of the file."""
        layer = self.layer_choice.layer
        return Path(self.path).name if layer is None else str(layer.name)

    @property
    def are_spheres(self) -> bool:
        """Whether the regions are spheres around seeds."""
        return self.layer_choice.layer is not None and is_seeds(self.layer_choice.layer)

    @property
    def are_maps(self) -> bool:
        """Whether the regions are maps of weights."""
        layer = self.layer_choice.layer
        return isinstance(self._atlas, Maps) if layer is None else is_stack(layer)

    def regions(self, among: Sequence[Grid] = ()) -> Chosen:
        """The regions; `InputError` where there are none. `among` as for `grid_of`."""
        layer = self.layer_choice.layer
        if layer is None:
            if self._atlas is None:
                raise InputError("there are no regions: choose an atlas file or a layer.")
            return self._atlas
        if isinstance(layer, Labels):
            found = regions_of(layer, among)
            return replace(found, labels=found.labels.copy())  # the layer's own change under the brush
        if is_stack(layer):
            return maps_of(layer, among)
        table = _seeds_in(layer)
        if not len(table):
            raise InputError(f"{layer.name} holds no seeds: add some, or choose other regions.")
        return table

    def take_file(self, path: str, names: str = "") -> None:
        """Read an atlas in the background.

        Parameters
        ----------
        path : str
        names : str
            The file with the names of its regions; "" takes those beside it, or those of before if it is the same atlas.
        """
        names = names or (self.names_path if path == self.path else "")

        def read(progress: Progress) -> tuple[str, str, Regions | Maps]:
            progress(0.0, f"reading {Path(path).name}")
            return path, names, read_atlas(path, names or None)

        self.work.run(read, then=self._on_read)

    def open(self) -> None:
        """Open the atlas's labels as a layer, and choose it."""
        if isinstance(self._atlas, Regions):
            self.layer_choice.layer = add_regions(self.viewer, self._atlas, stem(self.path))
            self._on_layer()

    def make(self) -> None:
        """Add an empty layer for regions, choose it and take up the brush."""
        grid = new_grid(self.viewer)
        if grid is None:
            self.account.setText(NO_GRID)
            return
        layer = new_regions(self.viewer, grid)
        layer.n_edit_dimensions, layer.mode = 3, "paint"
        self.layer_choice.layer = layer
        self._on_layer()

    def _on_read(self, found: tuple[str, str, Regions | Maps]) -> None:
        self.path, self.names_path, self._atlas = found
        self.layer_choice.layer = None
        self._on_layer()

    def _on_failed(self, sentence: str) -> None:
        self._show()
        before = self.layer_choice.layer is None and self._atlas is not None
        kept = f" Still chosen: {self.account.text()}" if before else ""  # what is computed is of that one
        self.account.setText(f"{as_sentence(sentence)}{kept}")

    def _ask(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Atlas", self.path, IMAGES)
        if path:
            self.take_file(path)

    def _ask_names(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Names of the regions", self.names_path or self.path, TABLES)
        if path:
            self.take_file(self.path, path)

    def _on_layer(self, *_: Any) -> None:
        self._show()
        self.changed.emit()

    def _show(self) -> None:
        layer = self.layer_choice.layer
        self.names_button.setVisible(layer is None and self._atlas is not None)
        self.open_button.setVisible(layer is None and isinstance(self._atlas, Regions))
        self.new_button.setVisible(layer is None and self._atlas is None)
        if layer is not None:
            self.account.setText(_of_layer(layer))
        elif self._atlas is None:
            self.account.setText(EMPTY)
        else:
            self.account.setText(self._of_file(self._atlas))

    def _of_file(self, atlas: Regions | Maps) -> str:
        kind = some(len(atlas), "map") if isinstance(atlas, Maps) else some(len(atlas.ids), "region")
        return may_break(f"{Path(self.path).name}: {kind}, {self._called(atlas)}.")

    def _called(self, atlas: Regions | Maps) -> str:
        """Where the names come from; a table beside the file that is about something else is not taken."""
        ids = np.arange(1, len(atlas) + 1) if isinstance(atlas, Maps) else atlas.ids
        beside = sidecar(self.path)
        if self.names_path or (beside is not None and read_names(self.path, None, ids) is not None):
            return f"names from {Path(self.names_path or str(beside)).name}"
        why = "" if beside is None else f" ({beside.name} is not of these)"
        return f"no names{why}: they are called by their numbers"


def is_regions(layer: Layer) -> bool:
    """Whether a layer can be the regions of a connectome."""
    if isinstance(layer, Labels):
        return is_paintable(layer) and layer.data.ndim == 3
    return is_seeds(layer) or (is_stack(layer) and info(layer).get("role") != SKETCH)


def read_atlas(path: str, names: Names | None = None) -> Regions | Maps:
    """An image of labels, or of as many maps as it has volumes."""
    if open_header_only(path).is_4d:
        return load_maps(path, names=names)
    found = load_regions(path, names=names)
    if not len(found.ids):
        raise InputError(f"{Path(path).name} holds no region: choose another atlas.")
    return found


def may_break(text: str) -> str:
    """The text with places where a line may end within long names, which would be cut off."""
    return text.replace("_", "_\u200b")


def _seeds_in(layer: Layer) -> pd.DataFrame:
    """The seeds of a layer that was made for them."""
    return SeedLayer(layer, info(layer)["grid"]).table


def _of_layer(layer: Layer) -> str:
    if isinstance(layer, Labels):
        return ""
    if is_stack(layer):
        return f"{some(len(layer.data), 'map')}, fitted to each volume."
    return f"{some(len(layer.data), 'seed')}, a sphere each."
