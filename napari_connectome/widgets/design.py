"""Choosing what was shown when: the labels or the events of a run, and how they are put in time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
from napari.layers import Layer
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_connectome.core.design import ONSET, Design, Timing, design_of_table
from napari_connectome.core.errors import InputError
from napari_connectome.core.words import as_sentence
from napari_connectome.io.design import find_events, read_design_table
from napari_connectome.layers.spatial import KEY, info, tr_of, tr_question
from napari_connectome.widgets.form import ParamsForm
from napari_connectome.widgets.panel import Panel, words

KEPT = "design"
"""Entry of a run layer's metadata: the choice made for it, which every panel on that run starts with and follows."""


@dataclass(frozen=True, eq=False)
class Source:
    """A table of labels or events and where it comes from; what a run layer remembers."""

    table: pd.DataFrame
    name: str
    path: Path | None = None
    timing: Timing = field(default_factory=Timing)

    @property
    def is_events(self) -> bool:
        """Whether the rows are events with an onset, not volumes."""
        return any(str(column).strip().lower() in ONSET for column in self.table.columns)

    def same_table(self, other: Source) -> bool:
        """Whether both are the same table, whatever the timing."""
        return self.table is other.table or (self.path is not None and self.path == other.path)


class DesignPanel(QWidget):
    """The design of one run: from its layer, from events beside its file, or from a file that is chosen.

    The choice is kept with the run's layer, so all panels on that run show the same.

    Parameters
    ----------
    panel : Panel
        The dock widget it is part of.

    Attributes
    ----------
    changed : Signal
        Another table or timing was chosen, here or in another panel; not when another run was set.
    """

    changed = Signal()

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self._layer: Layer | None = None
        self._source: Source | None = None
        self._kept: Any = None
        self._own: Source | None = None
        self._own_trouble = self._trouble = ""
        self._build()
        self.choose_button.clicked.connect(self._ask_file)
        self.own_button.clicked.connect(self._take_own)
        self.timing.changed.connect(self._on_timing)
        panel.at_end(self._let_go)
        self._show()

    def _build(self) -> None:
        self.name, self.trouble, self.found = words(), words(), words()
        self.choose_button = QPushButton("Choose file…")
        self.choose_button.setToolTip(
            "A table of labels (one row a volume; columns labels and chunks), or BIDS events (onset, duration, trial_type)."
        )
        self.own_button = QPushButton("Back to the run's own")
        self.own_button.setToolTip("Take the table that came with the run, or lies beside its file, again.")
        self.timing = ParamsForm(Timing())
        self.found.setToolTip("The conditions and the number of volumes of each.")
        buttons = QHBoxLayout()
        buttons.addWidget(self.choose_button)
        buttons.addWidget(self.own_button)
        buttons.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.name)
        column.addLayout(buttons)
        column.addWidget(self.trouble)
        column.addWidget(self.timing)
        column.addWidget(self.found)

    # -- what was chosen ----------------------------------------------------------------------------------------------

    def chosen(self) -> Design:
        """The design of the run; `InputError` where there is none, or its table does not go with the run."""
        layer, source = self._layer, self._source
        if layer is None:
            raise InputError("there is no run: open a 4-D image (File > Open, or File > Open Sample > Connectome).")
        if source is None:
            raise InputError(
                f"there is no design for {layer.name}: choose a table of labels, one row a volume, or of events "
                "(Design, Choose file…)."
            )
        return self._design(layer, source, self.timing.value)

    def in_words(self) -> str:
        """What was chosen, in one line."""
        if self._source is None:
            return "Design: none"
        try:
            design = self.chosen()
        except InputError:
            return "Design: see here"
        n = len(design.conditions)
        delay = self.timing.value.delay
        later = f", {abs(delay):g} s {'later' if delay > 0 else 'earlier'}" if delay else ""
        return f"Design: {n} condition{'s' * (n != 1)}{later}"

    def _design(self, layer: Layer, source: Source, timing: Timing) -> Design:
        tr = tr_of(layer)
        if tr is None:
            raise InputError(f"the TR of {layer.name} is not known ({tr_question(layer)}): type it first.")
        return design_of_table(source.table, int(layer.data.shape[0]), tr, timing, source.name)

    # -- where the table comes from -----------------------------------------------------------------------------------

    def set_run(self, layer: Layer | None) -> None:
        """Show the design chosen for a run before, or the one that came with it; call it again when the run was altered."""
        if layer is not self._layer:
            self._let_go()
            self._layer = layer
            self._own, self._own_trouble = _own_of(layer)
            if layer is not None:
                layer.events.metadata.connect(self._on_metadata)
        self._read()

    def open_file(self, path: str | Path) -> None:
        """Take the table of a file; one that does not go with the run is told, and the design stays as it was."""
        try:
            if self._layer is None:
                raise InputError("there is no run the table could belong to: open the run first.")
            source = _read_source(Path(path), self._layer, self.timing.value)
            self._design(self._layer, source, source.timing)
        except (InputError, OSError) as error:
            still = f" The design is still that of {self._source.name}." if self._source is not None else ""
            self._trouble = f"{error}{still}"
            self._show()
            return
        self._take(source)

    def _ask_file(self) -> None:
        known = {} if self._layer is None else info(self._layer)
        beside = (self._source.path if self._source is not None else None) or known.get("path")
        path, _ = QFileDialog.getOpenFileName(
            self,
            "Labels or events of this run",
            str(Path(beside).parent) if beside else "",
            "Tables (*.tsv *.csv *.txt);;All files (*)",
        )
        if path:
            self.open_file(path)

    def _take_own(self) -> None:
        if self._own is not None:
            self._take(replace(self._own, timing=self.timing.value))

    def _on_timing(self) -> None:
        if self._source is not None:
            self._take(replace(self._source, timing=self.timing.value))

    def _take(self, source: Source) -> None:
        """Keep a choice with the run's layer; all panels on it, this one too, hear of it from there."""
        layer = self._layer
        if layer is not None:
            layer.metadata = {**layer.metadata, KEY: {**info(layer), KEPT: source}}

    def _on_metadata(self) -> None:
        if self._layer is not None and info(self._layer).get(KEPT) is not self._kept:
            self._read()
            self.changed.emit()

    def _read(self) -> None:
        """Show what the run's layer says."""
        self._kept = None if self._layer is None else info(self._layer).get(KEPT)
        self._source = self._kept if isinstance(self._kept, Source) else self._own
        self._trouble = self._own_trouble if self._source is None else ""
        if self._source is not None:
            with QSignalBlocker(self.timing):
                self.timing.value = self._source.timing
        self._show()

    def _let_go(self) -> None:
        if self._layer is not None:
            self._layer.events.metadata.disconnect(self._on_metadata)
            self._layer = None

    # -- what is shown ------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        source, own = self._source, self._own
        self.name.setText(_headline(source))
        self.name.setToolTip("" if source is None or source.path is None else str(source.path))
        self.choose_button.setEnabled(self._layer is not None)
        self.own_button.setVisible(source is not None and own is not None and not source.same_table(own))
        self.timing.setVisible(source is not None)
        width = self.timing.widget("width")
        width.parentWidget().layout().setRowVisible(width, source is not None and source.is_events)
        found, trouble = "", self._trouble
        if source is not None:
            try:
                found = _account(self.chosen())
            except InputError as error:
                trouble = trouble or str(error)
        self.found.setText(found)
        self.found.setVisible(bool(found))
        self.trouble.setText(_sentence(trouble))
        self.trouble.setVisible(bool(trouble))


def _own_of(layer: Layer | None) -> tuple[Source | None, str]:
    """The table that came with a run or lies beside its file, or why that one cannot be used."""
    known: dict[str, Any] = {} if layer is None else info(layer)
    given = known.get("labels_table")
    if isinstance(given, pd.DataFrame):
        return Source(given, "the labels that came with the run"), ""
    try:
        path = find_events(known["path"]) if known.get("path") else None
        return (None if path is None or layer is None else _read_source(path, layer, Timing())), ""
    except (InputError, OSError) as error:
        return None, str(error)


def _read_source(path: Path, layer: Layer, timing: Timing) -> Source:
    return Source(read_design_table(path, int(layer.data.shape[0])), path.name, path, timing)


def _headline(source: Source | None) -> str:
    if source is None:
        return "No design: choose a table of labels or events."
    return source.name if source.path is not None else _sentence(source.name)


def _account(design: Design) -> str:
    """The conditions with their numbers of volumes, and what there is to know about them."""
    counts = ", ".join(f"{name} {count}" for name, count in design.counts.items())
    without = design.n_volumes - sum(design.counts.values())
    of_none = f", {without} of no condition" if without else ""
    return "\n".join([f"{counts}; {design.n_volumes} volumes{of_none}.", *map(_sentence, design.notices)])


def _sentence(text: str) -> str:
    """With a capital, but for a name, and a full stop."""
    return f"{as_sentence(text).rstrip('.')}." if text else ""
