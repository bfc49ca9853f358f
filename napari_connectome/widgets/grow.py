"""Growing the seed of a live map into what correlates with it: a slider, a preview, and one undoable step."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
from napari.layers import Layer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_connectome.analyses.growth import Growth
from napari_connectome.core.origins import Origin
from napari_connectome.layers.new_regions import new_regions
from napari_connectome.layers.preview import Preview
from napari_connectome.layers.region_growth import RegionGrowth
from napari_connectome.widgets.form import ParamsForm
from napari_connectome.widgets.layer_choice import LayerChoice
from napari_connectome.widgets.number_slider import NumberSlider
from napari_connectome.widgets.panel import Panel, row
from napari_connectome.widgets.region_source import is_paintable
from napari_connectome.widgets.section import Section
from napari_connectome.widgets.sight import Sight

OWNER = "grow by correlation"


class Grow(Section):
    """The section *Grow by correlation* of a live map.

    It is told what grows by `grow`, each time something about that is other than before, and shows it while it is open.

    Parameters
    ----------
    panel : Panel
        The dock widget it is part of.

    Attributes
    ----------
    wanted : Signal
        The section was opened, or the region goes into another layer: `grow` is to be called.
    apply_wanted : Signal
        The button was pressed: `apply` is to be called, with what grows as it is now.
    """

    wanted = Signal()
    apply_wanted = Signal()

    def __init__(self, panel: Panel) -> None:
        inside = QWidget()
        super().__init__(inside, "Grow by correlation")
        self.viewer = panel.viewer
        self.preview = Preview(self.viewer, OWNER)
        self._growth: RegionGrowth | None = None
        self._build(inside)
        self._soon = panel.timer(0, self._show)  # once for all that changes in one turn of the loop
        self._sight = Sight(panel)
        panel.at_end(self.into_choice.close_choice)
        panel.at_end(self.preview.clear)
        self.toggled.connect(self._on_toggled)
        self.r.moved.connect(self._on_params)
        self.form.changed.connect(self._on_params)
        self.into_choice.chosen.connect(self._on_into)
        self.apply_button.clicked.connect(self.apply_wanted)

    def _build(self, inside: QWidget) -> None:
        about = next(field for field in fields(Growth) if field.name == "r").metadata
        self.r = NumberSlider()
        self.r.set(Growth().r, about["low"], about["high"], about["step"])
        self.r.setToolTip(about["doc"])
        self.form = ParamsForm(Growth(), fields=("max_size", "max_distance", "connectivity"))
        self.into_choice = LayerChoice(self.viewer, is_paintable, instead="new layer")
        self.into_choice.setToolTip("The labels layer that gets the new region.")
        self.into = QWidget()
        line = row("Into", self.into_choice)
        line.setContentsMargins(0, 0, 0, 0)
        self.into.setLayout(line)
        self.account = QLabel()
        self.account.setWordWrap(True)
        self.apply_button = QPushButton("Apply")
        self.apply_button.setToolTip(
            "Write the voxels into the labels layer, where no other region is; Ctrl+Z takes them back."
        )
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row("r ≥", self.r))
        self.done = QLabel()
        self.done.setWordWrap(True)
        end = QHBoxLayout()
        end.addWidget(self.account, 1)
        end.addWidget(self.apply_button)
        for part in (self.form, self.into):
            column.addWidget(part)
        column.addLayout(end)
        column.addWidget(self.done)

    @property
    def params(self) -> Growth:
        """How far the seed grows."""
        return self.form.value.replace(r=self.r.number)

    def grow(self, growth: RegionGrowth | None, trouble: str = "") -> None:
        """Show from now on what this grows to; nothing, and the sentence that says why, where it is None."""
        self._growth = growth
        self.apply_button.setEnabled(growth is not None)
        if growth is None:
            self.preview.clear()
            self.account.setText(trouble)
            return
        self.into.setVisible(not growth.label)
        if self.isExpanded():
            self._show()

    def apply(self, name: str, origin: Origin) -> None:
        """Write what the seed grows to into its layer, or into a new one, and say so."""
        growth = self._growth
        if growth is None:
            return
        added = growth.added(self.params)
        layer = growth.layer
        if layer is None:
            before = self.viewer.layers.selection.active
            layer = new_regions(self.viewer, growth.grid)
            self.viewer.layers.selection.active = before  # the seed stays in the user's hand
        label = growth.write(layer, added, name, origin)
        if not growth.label:
            self.into_choice.layer = layer
        what = f"Added {_size(added, growth)}" if growth.label else f"Made a region of {_size(added | growth.seed, growth)}"
        self.done.setText(f"{what}: {name}, label {label} of {layer.name}. Ctrl+Z in that layer undoes it.")

    def clear(self) -> None:
        """Show nothing."""
        self.grow(None)

    def _show(self) -> None:
        growth = self._growth
        if growth is None or not self.isExpanded():
            return
        if not self._sight.clear:
            self.preview.clear()
            return
        added = growth.added(self.params)
        self.preview.show(added if growth.label else added | growth.seed, growth.grid)
        self.account.setText(_account(added, growth, self.params))
        self.apply_button.setEnabled(bool(added.any()) or not growth.label)

    def _on_params(self, *_: Any) -> None:
        self.done.setText("")
        self._show_soon()

    def _on_sight(self, *_: Any) -> None:
        self._show_soon()

    def _show_soon(self) -> None:
        if not self._soon.isActive():  # running already: it will see this change, too
            self._soon.start()

    def showEvent(self, event: Any) -> None:  # noqa: N802
        """Notice from now on whether the panel is at the front."""
        super().showEvent(event)
        self._sight.follow(self._on_sight)

    def _on_toggled(self, opened: bool) -> None:
        self.done.setText("")
        if opened:
            self.wanted.emit()
        else:
            self.preview.clear()

    def _on_into(self, layer: Layer | None) -> None:
        self.wanted.emit()


def _account(added: Any, growth: RegionGrowth, params: Growth) -> str:
    """What is added; where that is nothing, what is in the way."""
    if added.any():
        return f"Adds {_size(added, growth)}."
    size = int(np.count_nonzero(growth.seed)) * growth.grid.voxel_volume
    if size + growth.grid.voxel_volume > params.max_size:
        return f"Adds nothing: it has {size:,.0f} mm³ and may have {params.max_size:,.0f}."
    near = f" within {params.max_distance:g} mm" if np.isfinite(params.max_distance) else ""
    return f"Adds nothing: no free voxel beside it{near} has r ≥ {params.r:g}."


def _size(added: Any, growth: RegionGrowth) -> str:
    count = int(np.count_nonzero(added))
    return f"{count:,} voxel{'s' * (count != 1)}, {count * growth.grid.voxel_volume:,.0f} mm³"
