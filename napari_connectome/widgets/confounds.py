"""Choosing what is regressed out and which volumes are left out: a file, a preset or columns, and a censoring rule."""

from __future__ import annotations

import math
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from napari.layers import Layer
from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_connectome.core.errors import InputError
from napari_connectome.io.confounds import (
    PRESETS,
    by_strategy,
    censor_by,
    choose_columns,
    numeric_columns,
    read_confounds,
    require_rows,
)
from napari_connectome.layers.confounds import known_confounds
from napari_connectome.widgets.form import ChoiceBox, NumberBox
from napari_connectome.widgets.panel import row

BY_HAND = "chosen columns"
NOTHING = "nothing"
DISPLACEMENT = "framewise displacement"
FIRST_CHOICES = ("simple", "motion 6", "all")
"""What is regressed out of a new run: the first of these that its table allows."""
FD_LIMIT = 0.5
"""mm; nilearn's and fMRIPrep's usual limit."""


class ConfoundsPanel(QWidget):
    """Confounds and censoring of one run.

    Attributes
    ----------
    changed : Signal
        Something was chosen; not when another run was set.
    n_volumes : int
        Volumes of the run.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._table: pd.DataFrame | None = None
        self._path: Path | None = None
        self._given: pd.DataFrame | None = None  # what came with the run, whatever its length
        self.n_volumes = 0
        self._build()
        self.open_button.clicked.connect(self._ask_file)
        self.none_button.clicked.connect(self._no_file)
        self.cut_button.clicked.connect(self._cut)
        self.preset.currentIndexChanged.connect(self._on_preset)
        self.columns.itemChanged.connect(self._on_ticked)
        self.censoring.currentIndexChanged.connect(self._on_censoring)
        self.limit.valueChanged.connect(self._on_edited)
        self._show()

    def _build(self) -> None:
        self.name = QLabel()
        self.name.setWordWrap(True)
        self.open_button = QPushButton("Open…")
        self.open_button.setToolTip("Confounds table of this run: TSV or CSV, one row a volume.")
        self.none_button = QPushButton("None")
        self.none_button.setToolTip("Regress nothing out.")
        self.cut_button = QPushButton()
        self.cut_button.hide()
        self.preset = ChoiceBox([*PRESETS, BY_HAND])
        for i, what in enumerate([*(preset.doc for preset in PRESETS.values()), "The columns ticked below."]):
            self.preset.setItemData(i, what, Qt.ItemDataRole.ToolTipRole)
        self.preset.setToolTip("Which columns are regressed out.")
        self.columns = QListWidget()
        self.columns.setToolTip("Columns of the table; tick those to regress out.")
        self.columns.setMaximumHeight(110)
        self.censoring = QComboBox()
        self.censoring.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.censoring.setMinimumContentsLength(8)
        self.censoring.setToolTip("Which volumes are left out: those that moved, or those a column marks.")
        self.limit = NumberBox(0.01, 100.0, 0.1, "mm")
        self.limit.number = FD_LIMIT
        self.limit.setToolTip("Volumes that moved more than this since the last one are left out.")
        self.limit.setAccessibleName("Censor by")
        self.summary = QLabel()
        self.summary.setWordWrap(True)
        buttons = QHBoxLayout()
        buttons.addWidget(self.open_button)
        buttons.addWidget(self.none_button)
        buttons.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.name)
        column.addLayout(buttons)
        column.addWidget(self.cut_button)
        column.addLayout(row("Regress", self.preset))
        column.addWidget(self.columns)
        column.addLayout(row("Censor by", self.censoring, self.limit))
        column.addWidget(self.summary)

    # -- what was chosen ----------------------------------------------------------------------------------------------

    def chosen(self) -> tuple[pd.DataFrame | None, npt.NDArray[np.bool_] | None]:
        """The confounds (t × c) and the volumes to keep (t,), None where there are none; `InputError` if they do not go."""
        if self._table is None:
            if self._path is not None or self._given is not None:
                raise InputError(self.name.text())
            return None, None
        choice = self.preset.currentData()
        table, keep = by_strategy(self._table, self._ticked() if choice == BY_HAND else choice)
        keep &= self._keep(self._table)
        return (table if table.shape[1] else None), (None if keep.all() else keep)

    def in_words(self) -> str:
        """What was chosen, in one line."""
        try:
            table, keep = self.chosen()
        except InputError:
            return "Confounds: see here"
        n = 0 if table is None else table.shape[1]
        out = 0 if keep is None else int((~keep).sum())
        choice = self.preset.currentText()
        return f"Confounds: {f'{choice} ({n})' if n else 'none'}" + (f", {_volumes(out)} censored" if out else "")

    def _keep(self, table: pd.DataFrame) -> npt.NDArray[np.bool_]:
        by = self.censoring.currentData()
        if by == NOTHING:
            return censor_by(table)  # volumes before the steady state are never kept
        if by == DISPLACEMENT:
            return censor_by(table, self.limit.number)
        return censor_by(table, math.inf, columns=by)

    def _ticked(self) -> list[str]:
        items = [self.columns.item(i) for i in range(self.columns.count())]
        return [item.text() for item in items if item.checkState() == Qt.CheckState.Checked]

    # -- where the table comes from -----------------------------------------------------------------------------------

    def set_run(self, layer: Layer | None) -> None:
        """Take the table that came with a run, or lies beside its file; none otherwise."""
        self._forget()
        self.n_volumes = 0 if layer is None else int(layer.data.shape[0])
        known = None if layer is None else known_confounds(layer)
        if isinstance(known, pd.DataFrame):
            self._given = known
            self._take_given()
        elif known is not None:
            self._read(known)
        self._show(FIRST_CHOICES)

    def _forget(self) -> None:
        self._table = self._path = self._given = None
        self.cut_button.hide()

    def _take_given(self, cut: bool = False) -> None:
        """Use the table that came with the run; say what is wrong with it."""
        assert self._given is not None
        table = self._given.iloc[: self.n_volumes].reset_index(drop=True) if cut else self._given
        self._table = None
        self.cut_button.hide()
        try:
            require_rows(table, self.n_volumes)
        except InputError as error:
            self.name.setText(str(error))
            if len(table) > self.n_volumes:
                self._offer_cut()
            return
        self._table = table
        self.name.setText("The table that came with the run" + (f", {self._first_rows()}." if cut else "."))

    def _first_rows(self) -> str:
        return "first row" if self.n_volumes == 1 else f"first {self.n_volumes} rows"

    def _offer_cut(self) -> None:
        self.cut_button.setText(f"Use its {self._first_rows()}")
        self.cut_button.show()

    def open_file(self, path: str | Path) -> None:
        """Take the table of a file; what is wrong with it is shown here."""
        self._read(Path(path))
        self._show(FIRST_CHOICES)
        self.changed.emit()

    def _read(self, path: Path, start: int | None = None) -> None:
        self._forget()
        self._path = path
        try:
            self._table = read_confounds(path, self.n_volumes, start=start)
            self.name.setText(path.name if start is None else f"{path.name}, {self._first_rows()}")
        except (InputError, OSError) as error:
            self.name.setText(str(error))
            if start is None and self._is_longer(path):
                self._offer_cut()

    def _is_longer(self, path: Path) -> bool:
        try:
            read_confounds(path, self.n_volumes, start=0)
        except (InputError, OSError):
            return False
        return True

    def _ask_file(self) -> None:
        start = str(self._path.parent) if self._path is not None else ""
        path, _ = QFileDialog.getOpenFileName(
            self, "Confounds of this run", start, "Tables (*.tsv *.csv *.txt *.par);;All files (*)"
        )
        if path:
            self.open_file(path)

    def _no_file(self) -> None:
        self._forget()
        self._show()
        self.changed.emit()

    def _cut(self) -> None:
        if self._given is not None:
            self._take_given(cut=True)
        elif self._path is not None:
            self._read(self._path, start=0)
        self._show(FIRST_CHOICES)
        self.changed.emit()

    # -- what is shown ------------------------------------------------------------------------------------------------

    def _show(self, choices: tuple[str, ...] = ("none",)) -> None:
        """Fill the lists from the table."""
        table = self._table
        if table is None and self._path is None and self._given is None:
            self.name.setText("No confounds table.")
        for widget in (self.preset, self.columns, self.censoring):
            widget.setEnabled(table is not None)
        with QSignalBlocker(self.columns), QSignalBlocker(self.censoring), QSignalBlocker(self.preset):
            self.preset.setCurrentIndex(self.preset.findData(self._possible(choices)))
            self._list_columns()
            self.censoring.clear()
            self.censoring.addItem(NOTHING, NOTHING)
            if table is not None:
                self.censoring.addItem(f"{DISPLACEMENT} over", DISPLACEMENT)
                for name in _marks(table):
                    self.censoring.addItem(name, name)
        self._summarise()

    def _possible(self, choices: tuple[str, ...]) -> str:
        """The first of the choices that the table has the columns for."""
        if self._table is not None:
            for choice in choices:
                with suppress(InputError):
                    choose_columns(self._table, choice)
                    return choice
        return "none"

    def _list_columns(self) -> None:
        self.columns.clear()
        if self._table is None:
            return
        choice = self.preset.currentData()
        try:
            chosen = set() if choice == BY_HAND else set(choose_columns(self._table, choice).columns)
        except InputError:
            chosen = set()
        for name in numeric_columns(self._table):
            item = QListWidgetItem(name)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked if name in chosen else Qt.CheckState.Unchecked)
            self.columns.addItem(item)

    def _summarise(self) -> None:
        self.limit.setVisible(self.censoring.currentData() == DISPLACEMENT)
        if self._table is None:
            self.summary.setText("")
            return
        try:
            table, keep = self.chosen()
        except InputError as error:
            self.summary.setText(str(error))
            return
        n = 0 if table is None else table.shape[1]
        out = 0 if keep is None else int((~keep).sum())
        self.summary.setText(f"{n} confound{'' if n == 1 else 's'}; {out} of {_volumes(self.n_volumes)} left out.")

    def _on_preset(self) -> None:
        if self.preset.currentData() != BY_HAND:
            with QSignalBlocker(self.columns):
                self._list_columns()
        self._on_edited()

    def _on_ticked(self) -> None:
        with QSignalBlocker(self.preset):
            self.preset.setCurrentIndex(self.preset.findData(BY_HAND))
        self._on_edited()

    def _on_censoring(self) -> None:
        self._on_edited()

    def _on_edited(self, *_: Any) -> None:
        self._summarise()
        self.changed.emit()


def _volumes(n: int) -> str:
    return "1 volume" if n == 1 else f"{n} volumes"


def _marks(table: pd.DataFrame) -> list[str]:
    """Columns of only 0 and 1 with a few 1: what marks volumes. Families of one-hot columns are offered as one."""
    marks = []
    for name in map(str, table.columns):
        values = table[name]
        if pd.api.types.is_numeric_dtype(values) and set(values.dropna().unique()) == {0, 1} and values.mean() < 0.5:
            family = name.rstrip("0123456789")
            marks.append(f"{family}*" if family != name else name)
    return list(dict.fromkeys(marks))
