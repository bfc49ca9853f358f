"""Changing regions step by step: choose a step, see what it would make, apply it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Labels, Layer
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QGridLayout, QVBoxLayout, QWidget

from napari_connectome.core.edits import Edit, drop, keep, merge
from napari_connectome.core.errors import InputError
from napari_connectome.core.grid import Grid
from napari_connectome.core.origins import origins_from_dict
from napari_connectome.layers.new_regions import add_edit
from napari_connectome.layers.preview import Preview, is_preview
from napari_connectome.layers.region_layer import RegionLayer
from napari_connectome.layers.spatial import grid_of, info, is_volume
from napari_connectome.widgets.form import ParamsForm
from napari_connectome.widgets.layer_choice import LayerChoice
from napari_connectome.widgets.panel import Panel, button, few, row, words
from napari_connectome.widgets.region_steps import STEPS, Made, Other, Step
from napari_connectome.widgets.sight import Sight
from napari_connectome.widgets.work import told

Array = npt.NDArray[Any]

OWNER = "dilation & labeling"
SETTLED = 150
"""Milliseconds nobody must have painted for before the preview is made anew."""


FIRST = "choose a step"


class RegionEdit(QWidget):
    """Steps on the regions of one layer, with a live preview.

    Parameters
    ----------
    panel : Panel
        The dock widget it is part of.

    Attributes
    ----------
    said : Signal(str)
        A sentence for the user.
    made : Signal(object)
        A new layer that holds the result of a step.
    preview : Preview
    """

    said = Signal(str)
    made = Signal(object)

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self.viewer = panel.viewer
        self.regions: RegionLayer | None = None
        self.in_place = True
        self.preview = Preview(self.viewer, OWNER)
        self._shown: Layer | None = None
        self._chosen: list[int] = []
        self._wanted = False  # the step has been touched since it was last applied
        self._closed = False
        self._forms: dict[str, ParamsForm[Any]] = {}
        self._soon = panel.timer(0, self.update_preview)  # once for all that changes in one turn of the loop
        self._settled = panel.timer(SETTLED, self.update_preview)
        self._sight = Sight(panel)
        self._build()
        self._connect()
        panel.follow(self.viewer.layers.events.removed, self._on_removed)
        panel.at_end(self.other.close_choice)
        panel.at_end(self._close)
        self._on_step()

    def _build(self) -> None:
        self.step_choice = QComboBox()
        self.step_choice.addItem(FIRST, None)
        for step in STEPS:
            self.step_choice.addItem(step.title, step)
            self.step_choice.setItemData(self.step_choice.count() - 1, step.tip, 3)
        self.step_choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.step_choice.setMinimumContentsLength(10)
        self.step_choice.setMaxVisibleItems(len(STEPS) + 1)
        self.tip = words()
        self.other = LayerChoice(self.viewer, self._fits_other, instead="choose a layer")
        self.other.setToolTip("The layer that takes part: where it is not 0. It must be on the same grid.")
        self.other_row = QWidget()
        line = row("Layer", self.other)
        line.setContentsMargins(0, 0, 0, 0)
        self.other_row.setLayout(line)
        self.only_chosen = QCheckBox("Only the selected regions")
        self.only_chosen.setToolTip("Leave the regions that are not selected in the table as they are.")
        self.preview_box = QCheckBox("Preview")
        self.preview_box.setChecked(True)
        self.preview_box.setToolTip("Outline what the step would make; your layer is not touched before Apply.")
        self.account = words()
        self.apply_button = button("Apply", "Do it in the layer; Undo or Ctrl+Z takes it back.", self.apply)
        self.new_button = button("Apply to new layer", "Put the result into a layer of its own.", self.apply_to_new)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 4, 0, 0)
        self.column.addLayout(row("Step", self.step_choice))
        for part in (self.tip, self.other_row, self.only_chosen, self.preview_box, self.account):
            self.column.addWidget(part)
        buttons = QGridLayout()
        buttons.addWidget(self.apply_button, 0, 0)
        buttons.addWidget(self.new_button, 0, 1)
        self.column.addLayout(buttons)

    def _connect(self) -> None:
        self.step_choice.currentIndexChanged.connect(self._on_step)
        self.other.chosen.connect(self._touch)
        self.other.altered.connect(self._touch)
        self.only_chosen.toggled.connect(self._on_only)
        self.preview_box.toggled.connect(self._touch)

    @property
    def step(self) -> Step | None:
        """The step chosen."""
        return self.step_choice.currentData()  # type: ignore[no-any-return]

    # -- what it works on ---------------------------------------------------------------------------------------------

    def set_regions(self, regions: RegionLayer | None, in_place: bool = True) -> None:
        """Work on other regions; those of an image cannot be changed in place."""
        if self.regions is not None:
            self.regions.changed.disconnect(self._on_changed)
        self.regions, self.in_place = regions, in_place
        if regions is not None:
            regions.changed.connect(self._on_changed)
        self.other.reset()
        self._chosen = []
        self._show_state()
        self._clear()
        self._start()

    def choose(self, ids: Collection[int]) -> None:
        """Take these regions for those that are selected."""
        if list(ids) != self._chosen:
            self._chosen = list(ids)
            self._show_state()
            if self.only_chosen.isChecked():
                self._start()

    def suspend(self) -> None:
        """Show no preview until the step is touched again."""
        self._wanted = False
        self.account.setText("")
        self._soon.stop()
        self.preview.hide()
        self._settled.start()  # and takes it out of the viewer, once what was done is to be seen

    # -- the step -----------------------------------------------------------------------------------------------------

    def make(self) -> Made:
        """What the step makes of the regions as they are."""
        regions, step = self.regions, self.step
        if regions is None:
            raise InputError("there are no regions: choose a labels layer, or press New and paint some.")
        if step is None:
            raise InputError("there is no step to apply: choose one.")
        labels, grid, name = regions.labels, regions.grid, regions.layer.name
        if not labels.any() and not step.adds:
            raise InputError(f"{name} has no regions yet: paint some, or unite it with another layer.")
        params = self._forms[step.title].value if step.title in self._forms else None
        other = self._other(grid, name) if step.takes_other else None
        return step.make(labels, grid, regions.names, params, other, self._only(step))

    def _other(self, grid: Grid, name: str) -> Other:
        layer = self.other.layer
        if layer is None:
            raise InputError("there is no other layer yet: choose the one that takes part.")
        grid.require(grid_of(layer, [grid]), name, layer.name)
        if isinstance(layer, Labels):
            known = RegionLayer.of(layer)
            return Other(np.asarray(layer.data), known.names, known.origins)
        return Other(np.asarray(layer.data), origins=origins_from_dict(info(layer).get("origins")))

    def _only(self, step: Step) -> list[int]:
        """The regions that take part; none for all."""
        if not step.single or not self.only_chosen.isChecked():
            return []
        if not self._chosen:
            raise InputError("no region is selected: select some in the table, or untick Only the selected regions.")
        return self._chosen

    # -- the preview --------------------------------------------------------------------------------------------------

    def update_preview(self) -> None:
        """Show what the step would make now, and say it in numbers; nothing where that is not wanted or not to be seen."""
        self._soon.stop()
        self._settled.stop()
        unseen = not (self.isVisible() and self._sight.clear)
        if self._closed or not self._wanted or self.step is None or self.regions is None or unseen:
            self._clear()
            return
        made = None
        with told(self.account.setText):
            made = self.make()
            self.account.setText(made.in_words)
        if made is not None and self.preview_box.isChecked():
            self.preview.show(made.after, made.grid, self.regions.layer if self.step.relabels else None)
            self._shown = self.preview.layer
        else:
            self._take_away()

    def _clear(self) -> None:
        self.account.setText("")
        self._take_away()

    def _take_away(self) -> None:
        self._shown = None
        self.preview.clear()

    def _start(self) -> None:
        if not self._closed and not self._soon.isActive():  # running already: it will see this change too
            self._soon.start()

    def _touch(self, *_: Any) -> None:
        self._wanted = True
        self._start()

    def _on_sight(self, *_: Any) -> None:
        self._start()

    def _on_only(self, *_: Any) -> None:
        self._show_state()
        self._touch()

    def _on_changed(self) -> None:
        if self._wanted and not self._closed:
            self._settled.start()

    def _on_removed(self, event: Any) -> None:
        if event.value is self._shown:
            self._shown = None
            with QSignalBlocker(self.preview_box):
                self.preview_box.setChecked(False)
            self.said.emit("The preview was removed: tick Preview to see it again.")

    def _close(self) -> None:
        self._closed = True
        self._shown = None
        self.preview.clear()
        if self.regions is not None:
            self.regions.changed.disconnect(self._on_changed)
            self.regions = None

    def showEvent(self, event: Any) -> None:  # noqa: N802
        """Show the preview again."""
        super().showEvent(event)
        self._sight.follow(self._on_sight)
        self._start()

    def hideEvent(self, event: Any) -> None:  # noqa: N802
        """Leave nothing in the viewer that cannot be told from here."""
        super().hideEvent(event)
        self._start()

    # -- what the user does -------------------------------------------------------------------------------------------

    def apply(self) -> None:
        """Do the step in the layer, as one that can be undone."""
        regions = self.regions
        with told(self.said.emit):
            if regions is not None and not self.in_place:
                raise InputError(f"{regions.layer.name} is an image, which is never written into: apply to a new layer.")
            made = self.make()
            assert regions is not None
            assert self.step is not None
            said = made.in_words  # now: the labels before are the layer's own
            changed = regions.apply(made.edit, made.origins)
            self.viewer.layers.selection.active = regions.layer  # Ctrl+Z works on the active layer
            self.suspend()
            self.said.emit(f"{self.step.done}: {said} {'Undo takes it back.' if changed else 'No voxel has changed.'}")

    def apply_to_new(self) -> None:
        """Put what the step makes into a new layer."""
        regions = self.regions
        with told(self.said.emit):
            made = self.make()
            assert regions is not None
            assert self.step is not None
            name = f"{regions.layer.name} ({self.step.done.lower()})"
            layer = add_edit(self.viewer, regions, made.edit, name, made.origins)
            self.suspend()
            self.said.emit(f"Put into {layer.name}: {made.in_words}")
            self.made.emit(layer)

    def keep(self) -> None:
        """Keep the regions selected and drop all others."""
        self._at_once(keep, "Kept", 1)

    def drop(self) -> None:
        """Drop the regions selected."""
        self._at_once(drop, "Dropped", 1)

    def merge(self) -> None:
        """Make one region of those selected."""
        self._at_once(self._merged, "Merged", 2)

    def _merged(self, labels: Array, ids: Collection[int]) -> Edit:
        """Regions as one: where that with the lowest label has no name, the first that has one gives it."""
        edit, names = merge(labels, ids), {} if self.regions is None else self.regions.names
        given = next((names[i] for i in sorted(ids) if i in names), "")
        return replace(edit, names={min(ids): given}) if given else edit

    def _at_once(self, change: Callable[[Array, Collection[int]], Edit], done: str, needed: int) -> None:
        with told(self.said.emit):
            regions, chosen = self.regions, list(self._chosen)
            if regions is None or len(chosen) < needed:
                least = "two regions or more" if needed > 1 else "a region"
                raise InputError(f"{least} must be selected first: click the rows, or pick in the picture (Ctrl adds).")
            if not self.in_place:
                raise InputError(f"{regions.layer.name} is an image, which is never written into: apply a step to a new layer.")
            names = few([regions.name(i) for i in chosen])
            regions.apply(change(regions.labels, chosen))
            self.viewer.layers.selection.active = regions.layer
            self.said.emit(f"{done} {names}. Undo takes it back.")

    def _on_step(self) -> None:
        """Show the form of the step."""
        step = self.step
        if step is not None and step.fields and step.title not in self._forms:
            assert step.params is not None
            made = self._forms[step.title] = ParamsForm(step.params, fields=step.fields)
            made.changed.connect(self._touch)
            self.column.insertWidget(self.column.indexOf(self.other_row), made)
        for title, shown in self._forms.items():
            shown.setVisible(step is not None and step.title == title)
        self._show_state()
        self._touch()

    def _show_state(self) -> None:
        """What can be done now."""
        step = self.step
        self.tip.setText("" if step is None else step.tip)
        self.tip.setVisible(step is not None)
        self.other_row.setVisible(step is not None and step.takes_other)
        some = len(self._chosen)
        self.only_chosen.setText(f"Only the selected regions ({some})" if some else "Only the selected regions")
        self.only_chosen.setVisible(step is not None and step.single)
        self.only_chosen.setEnabled(bool(some) or self.only_chosen.isChecked())
        self.apply_button.setEnabled(step is not None and self.in_place)
        self.new_button.setEnabled(step is not None)

    def _fits_other(self, layer: Layer) -> bool:
        own = None if self.regions is None else self.regions.layer
        return is_volume(layer) and layer is not own and not is_preview(layer)
