"""Changing regions step by step: choose a step, see what it would make, apply it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Labels, Layer
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_connectome.core.census import census
from napari_connectome.core.edits import (
    Combine,
    Components,
    Edit,
    Morphology,
    combine,
    components,
    drop,
    keep,
    merge,
    morph,
    renumber,
    split_hemispheres,
)
from napari_connectome.core.errors import InputError
from napari_connectome.core.grid import Grid
from napari_connectome.core.origins import Origins, origins_from_dict
from napari_connectome.core.params import Params
from napari_connectome.layers.new_regions import add_edit
from napari_connectome.layers.preview import Preview, is_preview
from napari_connectome.layers.region_layer import RegionLayer
from napari_connectome.layers.spatial import grid_of, info, is_volume
from napari_connectome.widgets.form import ParamsForm
from napari_connectome.widgets.layer_choice import LayerChoice
from napari_connectome.widgets.panel import Panel, row
from napari_connectome.widgets.work import sentence_of

Array = npt.NDArray[Any]

OWNER = "dilation & labeling"
SOON = 16
"""Milliseconds between two previews while a number is changed."""
SETTLED = 150
"""Milliseconds nobody must have painted for before the preview is made anew."""


@dataclass(frozen=True)
class Step:
    """One thing to do to regions.

    Parameters
    ----------
    title, tip : str
    params : Params, optional
        As the form starts; its `fields` are shown.
    fields : tuple of str
    done : str
        What a person is told was done.
    single : bool
        Whether it can be done to some of the regions, the others staying as they are.
    """

    title: str
    tip: str
    done: str
    params: Params | None = None
    fields: tuple[str, ...] = ()
    single: bool = True
    order: str = ""

    @property
    def takes_layer(self) -> bool:
        """Whether another layer takes part."""
        return isinstance(self.params, Combine)

    @property
    def relabels(self) -> bool:
        """Whether it gives regions other labels: the preview shows which."""
        return self.params is None or isinstance(self.params, Components)

    @property
    def adds(self) -> bool:
        """Whether it makes something of nothing."""
        return isinstance(self.params, Combine) and self.params.how == "union"


_GROWN = ("iterations", "radius", "connectivity")
STEPS = (
    Step("Intersect with a layer", "Keep what lies in another layer.", "Intersected", Combine(how="intersect")),
    Step("Unite with a layer", "Add what another layer has besides.", "United", Combine(how="union"), single=False),
    Step("Subtract a layer", "Take away what lies in another layer.", "Subtracted", Combine(how="subtract")),
    Step("Dilate", "Grow into the background, never into another region.", "Dilated", Morphology(operation="dilate"), _GROWN),
    Step("Erode", "Shrink from all sides.", "Eroded", Morphology(operation="erode"), _GROWN),
    Step("Open", "Drop what is thin: erode, then dilate.", "Opened", Morphology(operation="open"), _GROWN),
    Step("Close", "Fill clefts: dilate, then erode.", "Closed", Morphology(operation="close"), _GROWN),
    Step("Fill holes", "Fill what is enclosed.", "Filled", Morphology(operation="fill_holes"), ("connectivity",)),
    Step(
        "Split into connected components",
        "A label for each connected part, the largest first.",
        "Split",
        Components(),
        ("connectivity", "min_size"),
        single=False,
    ),
    Step("Split hemispheres at x = 0", "Cut regions into left (x < 0 mm) and right.", "Split", single=False),
    Step("Renumber by size", "Labels 1, 2, …, the largest first.", "Renumbered", single=False, order="size"),
    Step("Renumber without gaps", "Labels 1, 2, … in the order they have.", "Renumbered", single=False, order="id"),
)
FIRST = "choose a step"


@dataclass(frozen=True, eq=False)
class Made:
    """What a step makes.

    Parameters
    ----------
    edit : Edit
        Of all regions.
    origins : mapping
        Of the other layer that took part.
    before, after : (z, y, x) arrays
        The regions that took part, as they were and as they will be.
    grid : Grid
    """

    edit: Edit
    origins: Origins
    before: Array
    after: Array
    grid: Grid

    @property
    def in_words(self) -> str:
        """Regions, voxels and mm³, and what else a person should know."""
        (ids, counts), (new_ids, new_counts) = census(self.before), census(self.after)
        voxels, new_voxels = int(counts.sum()), int(new_counts.sum())
        regions, size = _from_to(len(ids), len(new_ids), "region"), new_voxels * self.grid.voxel_volume
        return " ".join((f"{regions}; {_from_to(voxels, new_voxels, 'voxel')}; {size:,.0f} mm³.", *self.edit.notices))


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
        self._soon = panel.timer(SOON, self.update_preview)
        self._settled = panel.timer(SETTLED, self.update_preview)
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
        self.tip = _words()
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
        self.account = _words()
        self.apply_button = _button("Apply", "Do it in the layer; Undo or Ctrl+Z takes it back.", self.apply)
        self.new_button = _button("Apply to new layer", "Put the result into a layer of its own.", self.apply_to_new)
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
        self.only_chosen.toggled.connect(self._touch)
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
        if self.regions is None:
            raise InputError("there are no regions: choose a labels layer, or press New and paint some.")
        if self.step is None:
            raise InputError("there is no step to apply: choose one.")
        labels, grid = self.regions.labels, self.regions.grid
        if not labels.any() and not self.step.adds:
            raise InputError(f"{self.regions.layer.name} has no regions yet: paint some, or unite it with another layer.")
        if not self._limited:
            edit, origins = self._make(self.step, labels, grid)
            return Made(edit, origins, labels, edit.labels, grid)
        part, others = keep(labels, self._chosen), drop(labels, self._chosen)
        edit, origins = self._make(self.step, part.labels, grid)
        after = np.where(others.labels > 0, edit.labels.dtype.type(0), edit.labels)  # the others give way to nobody
        whole = replace(edit, labels=np.where(others.labels > 0, others.labels, after), sources=others.sources | edit.sources)
        return Made(whole, origins, part.labels, after, grid)

    def _make(self, step: Step, labels: Array, grid: Grid) -> tuple[Edit, Origins]:
        assert self.regions is not None
        params = self._forms[step.title].value if step.title in self._forms else step.params
        if isinstance(params, Morphology):
            return morph(labels, grid, params), {}
        if isinstance(params, Components):
            return components(labels, grid, params, self.regions.names), {}
        if isinstance(params, Combine):
            return self._combined(labels, grid, params)
        if step.order:
            return renumber(labels, step.order), {}
        return split_hemispheres(labels, grid, self.regions.names), {}

    def _combined(self, labels: Array, grid: Grid, params: Combine) -> tuple[Edit, Origins]:
        other = self.other.layer
        if other is None:
            raise InputError("there is no other layer yet: choose the one that takes part.")
        grid.require(grid_of(other, [grid]), self._name, other.name)
        known = RegionLayer.of(other) if isinstance(other, Labels) else None
        names, origins = (known.names, known.origins) if known else ({}, origins_from_dict(info(other).get("origins")))
        return combine(labels, np.asarray(other.data), params, other_names=names), origins

    @property
    def _limited(self) -> bool:
        """Whether only the regions selected take part."""
        return self.step is not None and self.step.single and self.only_chosen.isChecked() and bool(self._chosen)

    @property
    def _name(self) -> str:
        return "the layer" if self.regions is None else self.regions.layer.name

    # -- the preview --------------------------------------------------------------------------------------------------

    def update_preview(self) -> None:
        """Show what the step would make now, and say it in numbers; nothing where that is not wanted or not to be seen."""
        self._soon.stop()
        self._settled.stop()
        if self._closed or not self._wanted or self.step is None or self.regions is None or not self.isVisible():
            self._clear()
            return
        try:
            made = self.make()
        except Exception as error:
            self._clear()
            self.account.setText(_told(error))
            return
        self.account.setText(made.in_words)
        if self.preview_box.isChecked():
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
        self._start()

    def hideEvent(self, event: Any) -> None:  # noqa: N802
        """Leave nothing in the viewer that cannot be told from here."""
        super().hideEvent(event)
        self._start()

    # -- what the user does -------------------------------------------------------------------------------------------

    def apply(self) -> None:
        """Do the step in the layer, as one that can be undone."""
        regions = self.regions
        with _Telling(self.said):
            if regions is not None and not self.in_place:
                raise InputError(f"{regions.layer.name} is an image, which is never written into: apply to a new layer.")
            made = self.make()
            assert regions is not None
            assert self.step is not None
            changed = regions.apply(made.edit, made.origins)
            self.suspend()
            end = " Undo takes it back." if changed else " No voxel has changed."
            self.said.emit(f"{self.step.done}: {made.in_words}{end}")

    def apply_to_new(self) -> None:
        """Put what the step makes into a new layer."""
        regions = self.regions
        with _Telling(self.said):
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
        with _Telling(self.said):
            regions, chosen = self.regions, list(self._chosen)
            if regions is None or len(chosen) < needed:
                few = "two regions or more" if needed > 1 else "a region"
                raise InputError(f"{few} must be selected first: click the rows, or pick in the picture (Ctrl adds).")
            if not self.in_place:
                raise InputError(f"{regions.layer.name} is an image, which is never written into: apply a step to a new layer.")
            names = ", ".join(regions.name(i) for i in chosen[:3]) + (f" and {len(chosen) - 3} more" if len(chosen) > 3 else "")
            regions.apply(change(regions.labels, chosen))
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
        self.other_row.setVisible(step is not None and step.takes_layer)
        some = len(self._chosen)
        self.only_chosen.setText(f"Only the selected regions ({some})" if some else "Only the selected regions")
        self.only_chosen.setVisible(step is not None and step.single)
        self.only_chosen.setEnabled(bool(some))
        self.apply_button.setEnabled(step is not None and self.in_place)
        self.new_button.setEnabled(step is not None)

    def _fits_other(self, layer: Layer) -> bool:
        own = None if self.regions is None else self.regions.layer
        return is_volume(layer) and layer is not own and not is_preview(layer)


class _Telling:
    """Tells what stands in the user's way as a sentence; bugs go on."""

    def __init__(self, said: Any) -> None:
        self._said = said

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        sentence = None if error is None else sentence_of(error)
        if sentence is not None:
            self._said.emit(f"{sentence[:1].upper()}{sentence[1:]}")
        return sentence is not None


def _told(error: Exception) -> str:
    sentence = sentence_of(error)
    if sentence is None:
        raise error
    return f"{sentence[:1].upper()}{sentence[1:]}"


def _from_to(before: int, after: int, what: str) -> str:
    numbers = f"{after:,}" if before == after else f"{before:,} → {after:,}"
    return f"{numbers} {what}{'s' * (after != 1)}"


def _words() -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    return label


def _button(text: str, tip: str, pressed: Callable[[], None]) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    button.clicked.connect(pressed)
    return button
