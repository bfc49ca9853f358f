"""The *Dilation & labeling* dock widget: the regions of a layer as a table, steps to change them, and measures of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from napari.layers import Image, Labels, Layer
from qtpy.QtWidgets import QFileDialog, QGridLayout, QPushButton, QTabWidget

from napari_connectome.core.grid import Grid
from napari_connectome.core.origins import Origin
from napari_connectome.core.region_table import region_table
from napari_connectome.core.values import as_label_type
from napari_connectome.layers.new_regions import new_grid, new_regions
from napari_connectome.layers.orientation import look_at
from napari_connectome.layers.preview import is_preview
from napari_connectome.layers.region_layer import RegionLayer
from napari_connectome.layers.region_pointer import RegionPointer
from napari_connectome.layers.spatial import grid_of, info, is_volume, layer_kwargs, to_world
from napari_connectome.layers.writer import write_labels
from napari_connectome.widgets.layer_choice import LayerChoice
from napari_connectome.widgets.panel import Panel, button, row, words
from napari_connectome.widgets.region_edit import RegionEdit
from napari_connectome.widgets.region_measure import RegionMeasure
from napari_connectome.widgets.region_table import RegionTable
from napari_connectome.widgets.view import ViewBar
from napari_connectome.widgets.work import told

Array = npt.NDArray[Any]

SETTLED = 150
"""Milliseconds nobody must have painted for before the table is made anew."""
FILES = "NIfTI (*.nii.gz *.nii)"
PAINT = "Paint in it with the brush of the layer controls; a region is what has one label there."


class DilationLabeling(Panel):
    """Regions: see, pick, change, name, measure and save them.

    Parameters
    ----------
    napari_viewer : napari.Viewer

    Attributes
    ----------
    regions : RegionLayer or None
        The regions at work.
    table : RegionTable
    edit : RegionEdit
    measure : RegionMeasure
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self.regions: RegionLayer | None = None
        self._source: Layer | None = None
        self._copy: Labels | None = None  # of a mask image; the regions keep a weak reference only
        self._build()
        self.pointer = RegionPointer(self.viewer)
        self._refresh_soon = self.timer(SETTLED, self.refresh)
        self._connect()
        self._on_layer(self.layer_choice.layer)

    def _build(self) -> None:
        self.layer_choice = LayerChoice(self.viewer, is_regions)
        self.layer_choice.setToolTip("The labels layer whose regions are shown and changed; or an image that is a mask.")
        self.new_button = button("New", "Add an empty layer for regions, on the grid of the newest run or image.", self.new)
        self.values_choice = LayerChoice(self.viewer, self._fits_values, instead="none")
        self.values_choice.setToolTip("A map on the same grid: its peak and mean in each region are shown.")
        self.table = RegionTable()
        self.about = words()
        self.message = words()
        self.edit = RegionEdit(self)
        self.measure = RegionMeasure(self)
        self.tabs = QTabWidget()
        self.tabs.addTab(self.edit, "Edit")
        self.tabs.addTab(self.measure, "Measure")
        self.column.addWidget(ViewBar(self.viewer))
        self.column.addLayout(row("Regions", self.layer_choice, self.new_button))
        self.column.addLayout(row("Values from", self.values_choice))
        self.column.addWidget(self.table, 1)
        self.column.addLayout(self._buttons())
        for part in (self.about, self.message, self.tabs):
            self.column.addWidget(part)

    def _buttons(self) -> QGridLayout:
        self.pick_button = QPushButton("Pick")
        self.pick_button.setCheckable(True)
        self.pick_button.setToolTip("While this is on, a click in the picture selects the region there; Ctrl adds it.")
        self.keep_button = button("Keep", "Keep the selected regions and drop all others.", self.edit.keep)
        self.drop_button = button("Drop", "Drop the selected regions.", self.edit.drop)
        self.merge_button = button("Merge", "Make one region of those selected.", self.edit.merge)
        self.undo_button = button("Undo", "Take back the last step or stroke (Ctrl+Z).", self.undo)
        self.redo_button = button("Redo", "Do again what was taken back (Ctrl+Shift+Z).", self.redo)
        self.save_button = button(
            "Save atlas…", "Write the labels as NIfTI and the names as a table beside it.", self._ask_save
        )
        buttons = QGridLayout()
        buttons.setHorizontalSpacing(4)
        first = (self.pick_button, self.keep_button, self.drop_button, self.merge_button)
        for i, each in enumerate((*first, self.undo_button, self.redo_button)):
            buttons.addWidget(each, i // 4, i % 4)
        buttons.addWidget(self.save_button, 1, 2, 1, 2)
        for i in range(buttons.count()):
            buttons.itemAt(i).widget().setMinimumWidth(40)
        return buttons

    def _connect(self) -> None:
        for choice in (self.layer_choice, self.values_choice):
            self.at_end(choice.close_choice)
        self.at_end(self.pointer.close)
        self.at_end(self._let_go)
        self.layer_choice.chosen.connect(self._on_layer)
        self.layer_choice.altered.connect(self._on_altered)
        self.values_choice.chosen.connect(self._on_values)
        self.values_choice.altered.connect(self._on_values)
        self.table.renamed.connect(self._on_renamed)
        self.table.rows_chosen.connect(self._on_rows)
        self.table.delete_pressed.connect(self.edit.drop)
        self.pick_button.toggled.connect(self._on_pick_toggled)
        self.edit.said.connect(self.say)
        self.measure.regions_chosen.connect(self._on_measured)
        self.edit.made.connect(self._on_made)
        self.pointer.hovered.connect(self.table.light)
        self.pointer.picked.connect(self._on_picked)

    def say(self, sentence: str) -> None:
        """Show one sentence where the user looks; "" takes it away."""
        self.message.setText(sentence)
        self.message.setVisible(bool(sentence))

    # -- which regions ------------------------------------------------------------------------------------------------

    def new(self) -> None:
        """Add an empty layer and work on it."""
        grid = new_grid(self.viewer)
        if grid is None:
            self.say("There is no image to draw regions on: open a run or an anatomical image first.")
            return
        self.layer_choice.layer = new_regions(self.viewer, grid)

    def _on_layer(self, layer: Layer | None) -> None:
        """Work on another layer, or none."""
        before, removed = self._source, self._source is not None and self._source not in self.viewer.layers
        self._let_go()
        self._source = layer
        if layer is not before:
            self.table.chosen = ()  # the same labels are other regions there
        trouble: list[str] = []
        if layer is not None:
            with told(trouble.append):
                self._take(layer)
        self.values_choice.reset()
        if removed:
            self.edit.suspend()
        self.edit.set_regions(self.regions, in_place=isinstance(layer, Labels))
        self.measure.set_regions(self.regions)
        self.say(" ".join(trouble))
        self.refresh()
        if removed and before is not None:
            still = f" The regions shown are those of {layer.name}." if layer is not None else ""
            self.say(f"{before.name} was removed, and what was shown of it.{still}")

    def _take(self, layer: Layer) -> None:
        if isinstance(layer, Labels):
            self.regions = RegionLayer.of(layer)
            self.regions.among = self._grids()
            self.pointer.layer = layer
            layer.events.mode.connect(self._on_mode)
            layer.events.colormap.connect(self._on_colors)
        else:
            data = np.asarray(layer.data)
            labels = as_label_type(data if float(data.max()).is_integer() else data > 0)  # a mask may be of any height
            known = layer_kwargs(grid_of(layer, self._grids()), origins=info(layer).get("origins"))
            self._copy = Labels(labels, name=layer.name, **known)
            self.regions = RegionLayer(self._copy)
        self.regions.changed.connect(self._on_changed)

    def _let_go(self) -> None:
        """Stop following the layer; it stays as it is."""
        regions, self.regions, source = self.regions, None, self._source
        if regions is not None:
            regions.changed.disconnect(self._on_changed)
        if isinstance(source, Labels):
            source.events.mode.disconnect(self._on_mode)
            source.events.colormap.disconnect(self._on_colors)
        self.pointer.layer = self._source = self._copy = None

    def _on_altered(self, layer: Layer) -> None:
        """Follow another place in the world, and other data of an image."""
        if isinstance(layer, Labels):
            self._refresh_soon.start()
        else:
            self._on_layer(layer)

    def _on_made(self, layer: Labels) -> None:
        sentence = self.message.text()
        self.layer_choice.layer = layer
        self.say(sentence)

    def _grids(self) -> tuple[Grid, ...]:
        grids = (info(layer).get("grid") for layer in self.viewer.layers)
        return tuple(grid for grid in grids if isinstance(grid, Grid))

    # -- the table ----------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Make the table anew, and let the layer's features say the same."""
        self._refresh_soon.stop()
        regions = self.regions
        table, origins = pd.DataFrame(index=pd.Index([], dtype=np.int64, name="index")), {}
        if regions is not None:
            with told(self.say):
                table = region_table(regions.labels, regions.grid, self._values(regions.grid), regions.names)
                origins = {i: _made_from(found) for i, found in regions.origins.items()}
        self.table.show_table(table, origins, _no_color if regions is None else regions.layer.get_color)
        if regions is not None and len(table) and isinstance(self._source, Labels):
            regions.describe(table)
        self._show_chosen()

    def _values(self, grid: Grid) -> Array | None:
        layer = self.values_choice.layer
        return np.asarray(layer.data) if layer is not None and grid.matches(grid_of(layer, [grid])) else None

    def _fits_values(self, layer: Layer) -> bool:
        if self.regions is None or not isinstance(layer, Image) or not is_volume(layer):
            return False
        grid = self.regions.grid
        return grid.matches(grid_of(layer, [grid]))

    def _on_values(self, *_: Any) -> None:
        self.refresh()

    def _on_changed(self) -> None:
        self.say("")  # what was said was said of what there was before
        self._refresh_soon.start()

    def _on_colors(self, event: Any = None) -> None:
        self.table.viewport().update()

    def _on_renamed(self, region: int, name: str) -> None:
        if self.regions is None:
            return
        with told(self.say):
            self.regions.rename(region, name)
        self.refresh()

    def _on_rows(self) -> None:
        """Go to the region a person selected, and make it the one that is painted."""
        region = self.table.current
        mm = self.table.regions.place(region)
        if self.regions is not None and region and mm is not None:
            look_at(self.viewer, to_world(self.regions.grid, mm))
            if isinstance(self._source, Labels):
                self.viewer.layers.selection.active = self._source  # the brush and Ctrl+Z work on the active layer
        self._paint_chosen()
        self._show_chosen()

    def _paint_chosen(self) -> None:
        """Let the brush paint the region that was chosen just now: later the label is whoever paints's to choose."""
        if self.table.current and isinstance(self._source, Labels):
            self._source.selected_label = self.table.current

    def _show_chosen(self) -> None:
        """What follows from the selection: the line about it, the buttons."""
        chosen, region = self.table.chosen, self.table.current
        labels = isinstance(self._source, Labels)
        self.edit.choose(chosen)
        self.measure.choose(chosen)
        for each in (self.keep_button, self.drop_button):
            each.setEnabled(labels and bool(chosen))
        self.merge_button.setEnabled(labels and len(chosen) > 1)
        for each in (self.undo_button, self.redo_button, self.pick_button):
            each.setEnabled(labels)
        self.save_button.setEnabled(self.regions is not None and bool(len(self.table.regions.ids)))
        self.about.setText(self._in_words(chosen, region))

    def _in_words(self, chosen: list[int], region: int) -> str:
        count = len(self.table.regions.ids)
        if self.regions is None:
            return "Choose a labels layer, or press New to paint regions."
        if not count:
            # Where there are voxels but no rows, it is said why.
            return "" if np.any(self.regions.layer.data) else f"{self.regions.layer.name} has no regions yet. {PAINT}"
        if len(chosen) > 1:
            return f"{len(chosen):,} of {count:,} regions selected."
        return self.table.regions.in_words(region) or f"{count:,} region{'s' * (count != 1)}. Select a row to go there."

    # -- the picture --------------------------------------------------------------------------------------------------

    def _on_pick_toggled(self, on: bool) -> None:
        self.pointer.picking = on
        if on and isinstance(self._source, Labels):
            self._source.mode = "pan_zoom"

    def _on_mode(self, event: Any = None) -> None:
        """A click paints now: it must not pick as well."""
        if isinstance(self._source, Labels) and self._source.mode != "pan_zoom":
            self.pick_button.setChecked(False)

    def _on_picked(self, region: int, add: bool) -> None:
        chosen = set(self.table.chosen)
        self.table.chosen = (chosen ^ {region} if add else {region}) - {0}
        self._paint_chosen()
        self._show_chosen()

    def _on_measured(self, ids: list[int]) -> None:
        """Follow regions chosen among the measures."""
        self.table.chosen = ids
        self._on_rows()

    # -- undo and save ------------------------------------------------------------------------------------------------

    def undo(self) -> None:
        """Take back the last step or stroke."""
        if self.regions is not None:
            self.say("" if self.regions.undo() else "There is nothing to undo.")

    def redo(self) -> None:
        """Do again what was taken back last."""
        if self.regions is not None:
            self.say("" if self.regions.redo() else "There is nothing to redo.")

    def _ask_save(self) -> None:
        name = "regions" if self.regions is None else re.sub(r"[^\w\-. ]+", "_", self.regions.layer.name)
        path, _ = QFileDialog.getSaveFileName(self, "Save atlas", f"{name}.nii.gz", FILES)
        if path:
            self.save(path if path.lower().endswith((".nii", ".nii.gz")) else f"{path}.nii.gz")

    def save(self, path: str) -> None:
        """Write the regions and their names; say where, or why not."""
        if self.regions is None:
            return
        self.refresh()
        try:
            data, meta = self.regions.layer.as_layer_data_tuple()[:2]
            written = write_labels(path, data, meta)
        except (RuntimeError, OSError) as error:  # what stands in the way leaves the writer as one of these
            self.say(f"Not saved: {error}")
        else:
            self.say(f"Saved {', '.join(Path(each).name for each in written)}.")


def is_regions(layer: Layer) -> bool:
    """Whether a layer holds regions: 3-D labels, or an image that is a mask."""
    if not is_volume(layer) or is_preview(layer) or info(layer).get("role") == "seed spheres":
        return False
    return isinstance(layer, Labels) or _is_mask(layer)


def _is_mask(layer: Layer) -> bool:
    """Whether an image has one value besides 0."""
    data = np.asarray(layer.data)
    if data.dtype == bool:
        return True
    middle = data[len(data) // 2]
    top = data.max()
    return bool(top > 0 and np.isin(middle, (0, top)).all() and ((data == 0) | (data == top)).all())


def _made_from(origins: Iterable[Origin]) -> str:
    """A warning for the table."""
    made = "; ".join(f"{origin.how} in {origin.run}" for origin in origins)
    return f"Made from {made}: do not test that run inside it."


def _no_color(region: int) -> None:
    return None
