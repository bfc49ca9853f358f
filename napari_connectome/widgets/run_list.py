"""Choosing runs: layers and files, their TR, and what is regressed out of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from napari.layers import Layer
from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QCheckBox, QFileDialog, QHBoxLayout, QVBoxLayout, QWidget
from superqt import QFlowLayout

from napari_connectome.core.errors import InputError, Progress
from napari_connectome.core.sources import Source
from napari_connectome.core.words import as_sentence, some
from napari_connectome.io.confounds import PRESETS
from napari_connectome.layers.repetition import set_tr
from napari_connectome.layers.spatial import is_run
from napari_connectome.widgets.confounds import FIRST_CHOICES
from napari_connectome.widgets.form import ChoiceBox, NumberBox
from napari_connectome.widgets.panel import Panel, button, row, words
from napari_connectome.widgets.repetition import USUAL
from napari_connectome.widgets.run_entry import FAILED, NO_TR, Regressed, RunEntry, State, by_grid, states, usual_grid
from napari_connectome.widgets.run_table import RunTable
from napari_connectome.widgets.section import Section
from napari_connectome.widgets.work import Work, WorkBar

FILES = "Runs (*.nii.gz *.nii *.mgz *.mgh *.mnc *.hdr *.img *.HEAD *.BRIK *.BRIK.gz);;All files (*)"
TABLES = "Tables (*.tsv *.csv *.txt *.par);;All files (*)"
SPACE = 4
"""Pixels between two buttons."""
EMPTY = (
    "No runs yet: add files or drop them here, or open runs (File > Open Sample > Connectome > Six resting-state phantoms) and "
    "add those."
)


class RunList(QWidget):
    """Runs, as layers and files mixed. Of files only the headers are read, in the background.

    Parameters
    ----------
    panel : Panel
        The dock widget it is part of.
    one_grid : bool
        Whether all runs have to be on one grid, to which they may be resampled.

    Attributes
    ----------
    changed : Signal
        Other runs, or other ways to read them.
    entries : list of RunEntry
    """

    changed = Signal()

    def __init__(self, panel: Panel, *, one_grid: bool = True) -> None:
        super().__init__()
        self.viewer = panel.viewer
        self._one_grid = one_grid
        self.entries: list[RunEntry] = []
        self._folder = ""
        self._pending: list[str] = []
        self._by_hand = False  # whether somebody chose what is regressed out
        self._last_tr = USUAL
        self.work = Work(self)
        self._build()
        self.setAcceptDrops(True)
        self._soon = panel.timer(0, self._on_layers)
        panel.at_end(self.work.close)
        panel.at_end(self._let_go)
        panel.follow(self.viewer.layers.events.removed, self._on_removed)
        self._connect()
        self.add_open_runs()

    def _build(self) -> None:
        self.table = RunTable()
        self.files_button = button(
            "Add files…", "Add runs that lie in files, several at once; they need not be opened.", self._ask
        )
        self.layers_button = button("Add open runs", "Add the runs that are open in the viewer.", self.add_open_runs)
        self.remove_button = button("Remove", "Take the selected runs out of the list; files and layers stay.", self.remove)
        buttons = QFlowLayout()  # in a narrow dock the last goes below
        buttons.setContentsMargins(0, 0, 0, 0)
        buttons.setHorizontalSpacing(SPACE)
        buttons.setVerticalSpacing(SPACE)
        for each in (self.files_button, self.layers_button, self.remove_button):
            buttons.addWidget(each)
        self.account = words()
        self.question = words()
        self.seconds = NumberBox(0.01, 100.0, 0.1, "s")
        self.seconds.setToolTip("Repetition time: seconds from one volume to the next.")
        self.use_button = button("Use", "Take this TR for these runs.", self._use_tr)
        self.tr_row = QWidget()
        line = row("TR", self.seconds, self.use_button)
        line.setContentsMargins(0, 0, 0, 0)
        self.tr_row.setLayout(line)
        self.resample = QCheckBox("Resample to one grid")
        self.resample.setToolTip("Bring runs on other grids to that of most, by cubic interpolation.")
        self._build_confounds()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.table)
        column.addLayout(buttons)
        for part in (WorkBar(self.work), self.account, self.cut_button, self.question, self.tr_row, self.resample):
            column.addWidget(part)
        column.addWidget(self.confounds_section)

    def _build_confounds(self) -> None:
        self.preset = ChoiceBox(list(PRESETS))
        for i, preset in enumerate(PRESETS.values()):
            self.preset.setItemData(i, preset.doc, Qt.ItemDataRole.ToolTipRole)
        self.preset.setToolTip("Which columns of its confounds are regressed out of each run.")
        self.limit = NumberBox(0.01, math.inf, 0.1, "mm", off=math.inf)
        self.limit.number = math.inf
        self.limit.setToolTip("Volumes that moved more than this since the last one (framewise displacement) are left out.")
        self.choose_button = button(
            "Choose table…", "Give the selected run a confounds table: TSV or CSV, one row a volume.", self._ask_table
        )
        self.none_button = button("None", "Regress nothing out of the selected runs.", self._no_table)
        self.cut_button = button("Use first rows", "Take of tables that are longer than their runs the first rows.", self._cut)
        buttons = QHBoxLayout()
        for each in (self.choose_button, self.none_button):
            buttons.addWidget(each)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row("Regress", self.preset))
        column.addLayout(row("Censor over", self.limit))
        column.addLayout(buttons)
        self.confounds_section = Section(inside)

    def _connect(self) -> None:
        self.table.ticked.connect(self._on_ticked)
        self.table.delete_pressed.connect(self.remove)
        self.table.itemSelectionChanged.connect(self._show_choices)
        self.preset.activated.connect(self._on_preset)
        self.limit.valueChanged.connect(self._on_changed)
        self.resample.toggled.connect(self._on_changed)
        self.seconds.lineEdit().returnPressed.connect(self._use_tr)

    # -- what is taken ------------------------------------------------------------------------------------------------

    @property
    def regressed(self) -> Regressed:
        """What is regressed out, and which volumes are left out."""
        return Regressed(self.preset.currentData(), self.limit.number)

    @property
    def used(self) -> list[RunEntry]:
        """The runs that are ticked."""
        return [entry for entry in self.entries if entry.used]

    @property
    def failed(self) -> list[str]:
        """Names of the runs that could not be used when they were last tried."""
        return [entry.name for entry in self.used if entry.failed]

    @property
    def busy(self) -> bool:
        """Whether headers are being read."""
        return self.work.busy

    def sources(self) -> list[Source]:
        """Where the runs of `usable` come from."""
        return [entry.source(self.regressed) for entry in self.usable()]

    def usable(self) -> list[RunEntry]:
        """The runs ticked; `InputError` names one that cannot be used. Of one grid, those that are on it come first."""
        if not self.used:
            what = (
                "no run of the list is ticked: tick those to use."
                if self.entries
                else "there are no runs: add files or open runs."
            )
            raise InputError(what)
        troubles = self.troubles()
        if troubles:
            raise InputError(troubles[0][1])
        others = self._others() if self._one_grid else []
        first = [entry for entry in self.used if entry not in others]
        return [*first, *others]

    def troubles(self) -> list[tuple[RunEntry, str]]:
        """The ticked runs that cannot be used, as far as that is known without reading them, with a sentence each."""
        found = zip(self.entries, self._states(), strict=True)
        return [(entry, state.sentence) for entry, state in found if entry.used and state.sentence and not entry.failed]

    def _others(self) -> list[RunEntry]:
        """The ticked runs that are on another grid than most are."""
        usual = usual_grid(self.used)
        if usual is None or usual.grid is None:
            return []
        return [entry for entry in self.used if entry.grid is not None and not usual.grid.matches(entry.grid)]

    def leave_out(self, entries: Iterable[RunEntry]) -> None:
        """Untick runs."""
        for entry in entries:
            entry.used = False
        self._on_changed()

    def mark_failed(self, sentences: Mapping[RunEntry, str]) -> None:
        """Mark the runs that could not be used, each with a sentence, and no others; they are tried again with the next."""
        for entry in self.entries:
            entry.failed = sentences.get(entry, "")
        self._show()

    def let_fail(self) -> None:
        """Let the runs that are marked be left out from now on."""
        for entry in self.entries:
            entry.optional |= bool(entry.failed)

    # -- adding and removing ------------------------------------------------------------------------------------------

    def add_files(self, paths: Sequence[str]) -> None:
        """Add files; their headers are read in the background."""
        self._pending += [str(path) for path in paths]
        if not self._pending:
            return
        todo = list(self._pending)

        def read(progress: Progress) -> list[RunEntry]:
            found = []
            for i, path in enumerate(todo):
                progress(i / len(todo), f"header of {Path(path).name}")
                found.append(RunEntry.of_file(path))
            return found

        self.work.run(read, then=self._on_read)

    def add_open_runs(self) -> None:
        """Add the runs of the viewer that are not in the list."""
        listed = [entry.layer for entry in self.entries]
        layers = [layer for layer in self.viewer.layers if is_run(layer) and layer not in listed]
        for layer in layers:
            for event in _events(layer):
                event.connect(self._look_soon)
        self._add([RunEntry.of_layer(layer) for layer in layers])

    def remove(self) -> None:
        """Take the selected runs out of the list."""
        self._drop([self.entries[i] for i in self.table.chosen])

    def _add(self, entries: list[RunEntry]) -> None:
        self.entries += entries
        if not self._by_hand:
            self._choose_preset()
        self._on_changed()

    def _drop(self, entries: list[RunEntry]) -> None:
        for entry in entries:
            if entry.layer is not None:
                _unfollow(entry.layer, self._look_soon)
        self.entries = [entry for entry in self.entries if entry not in entries]
        self.table.clearSelection()
        self._on_changed()

    def _on_read(self, entries: list[RunEntry]) -> None:
        self._pending.clear()
        self._add(entries)

    def _ask(self) -> None:
        paths, _ = QFileDialog.getOpenFileNames(self, "Runs", self._folder, FILES)
        if paths:
            self._folder = str(Path(paths[0]).parent)
            self.add_files(paths)

    def dragEnterEvent(self, event: Any) -> None:  # noqa: N802
        """Take files that are dragged here; napari would open them."""
        if _dropped(event):
            event.acceptProposedAction()

    def dropEvent(self, event: Any) -> None:  # noqa: N802
        """Add files that are let go here."""
        event.acceptProposedAction()
        self.add_files(_dropped(event))

    # -- layers -------------------------------------------------------------------------------------------------------

    def _look_soon(self, event: Any = None) -> None:
        self._soon.start()

    def _on_layers(self) -> None:
        for entry in self.entries:
            entry.look()
        self._on_changed()

    def _on_removed(self, event: Any) -> None:
        gone = [entry for entry in self.entries if entry.layer is event.value]
        if gone:
            self._drop(gone)
            self.account.setText(f"{gone[0].name} was removed from the viewer, and from this list. {self.account.text()}")

    def _let_go(self) -> None:
        for entry in self.entries:
            if entry.layer is not None:
                _unfollow(entry.layer, self._look_soon)
        self.entries = []

    # -- TR -----------------------------------------------------------------------------------------------------------

    def _asked(self) -> list[RunEntry]:
        """The runs a TR is given for: those that do not have one, or else those selected."""
        found = zip(self.entries, self._states(), strict=True)
        unknown = [entry for entry, state in found if entry.used and state.word == NO_TR]
        return unknown or [self.entries[i] for i in self.table.chosen if self.entries[i].grid is not None]

    def _use_tr(self) -> None:
        if not self.seconds.settle():
            return
        self._last_tr = self.seconds.number  # more files of the study may follow
        for entry in self._asked():
            if entry.layer is not None:
                set_tr(entry.layer, self.seconds.number)
            entry.tr, entry.question = self.seconds.number, ""
        self._on_changed()

    def _show_tr(self) -> None:
        asked = self._asked()
        unknown = [entry for entry in asked if entry.tr is None]
        self.question.setVisible(bool(unknown))
        self.tr_row.setVisible(bool(asked))
        self.use_button.setText(f"Use for {len(asked)}" if len(asked) > 1 else "Use")
        if unknown:
            which = unknown[0].name if len(unknown) == 1 else f"these {len(unknown)} runs"
            self.question.setText(f"What is the TR of {which}? {_sentence(unknown[0].question)}")
            self.seconds.number = next((entry.guess for entry in unknown if entry.guess), self._last_tr)
        elif asked:
            self.seconds.number = asked[0].tr or USUAL

    # -- confounds ----------------------------------------------------------------------------------------------------

    def _choose_preset(self) -> None:
        """The first of the usual choices that all tables allow."""
        with_table = [entry for entry in self.entries if entry.confounds is not None]
        allowed = [choice for choice in FIRST_CHOICES if all(entry.allows(Regressed(choice)) for entry in with_table)]
        with QSignalBlocker(self.preset):
            self.preset.setCurrentIndex(self.preset.findData(allowed[0] if with_table and allowed else "none"))

    def _on_preset(self) -> None:
        self._by_hand = True
        self._on_changed()

    def _ask_table(self) -> None:
        chosen = [self.entries[i] for i in self.table.chosen]
        start = str(Path(chosen[0].path).parent) if chosen and chosen[0].path else self._folder
        path, _ = QFileDialog.getOpenFileName(self, "Confounds of this run", start, TABLES)
        if path:
            self.take_table(path)

    def take_table(self, path: str | Path | None) -> None:
        """Give the selected runs a confounds table, or none."""
        for i in self.table.chosen:
            self.entries[i].take_confounds(None if path is None else Path(path))
        if not self._by_hand:
            self._choose_preset()
        self._on_changed()

    def _no_table(self) -> None:
        self.take_table(None)

    def _cut(self) -> None:
        for entry in self.entries:
            if entry.may_cut:
                entry.take_confounds(entry.confounds, cut=True)
        if not self._by_hand:
            self._choose_preset()
        self._on_changed()

    def _show_confounds(self) -> None:
        used = self.used
        n = sum(entry.confounds is not None for entry in used)
        what = (
            "none"
            if not n or self.preset.currentData() == "none"
            else f"{self.preset.currentText()}, {n} of {some(len(used), 'run')}"
        )
        censored = "" if math.isinf(self.limit.number) or not n else f", censored over {self.limit.number:g} mm"
        self.confounds_section.setText(f"Confounds: {what}{censored}")
        self.cut_button.setVisible(any(entry.may_cut for entry in used))

    # -- what is shown ------------------------------------------------------------------------------------------------

    def _states(self) -> list[State]:
        return states(self.entries, self.regressed, one_grid=self._one_grid and not self.resample.isChecked())

    def _on_ticked(self, row: int, used: bool) -> None:
        self.entries[row].used = used
        self.entries[row].failed, self.entries[row].optional = "", False  # whoever ticks it again wants it tried again
        self._on_changed()

    def _on_changed(self, *_: Any) -> None:
        self._show()
        self.changed.emit()

    def _show(self) -> None:
        found = self._states()
        self.table.show_runs(self.entries, found)
        self.account.setText(self._in_words(found))
        self.resample.setVisible(self.resample.isChecked() or any(state.word == "other grid" for state in found))
        self._show_confounds()
        self._show_choices()

    def _show_choices(self) -> None:
        """What can be done with the rows selected."""
        chosen = [self.entries[i] for i in self.table.chosen]
        self.remove_button.setEnabled(bool(chosen))
        self.choose_button.setEnabled(len(chosen) == 1)
        self.none_button.setEnabled(any(entry.confounds is not None for entry in chosen))
        self._show_tr()

    def _in_words(self, found: list[State]) -> str:
        """How many runs are used, on which grid; and the first thing that is the matter."""
        if not self.entries:
            return EMPTY
        used = [state for entry, state in zip(self.entries, found, strict=True) if entry.used]
        troubled = [state.sentence for state in used if state.sentence and state.word not in (NO_TR, FAILED)]
        parts = [f"{some(len(self.used), 'run')}{self._grids_in_words()}."]
        if self.resample.isChecked() and self._others():
            parts.append(f"{some(len(self._others()), 'run')} will be resampled to that.")
        if troubled:
            parts.append(f"{some(len(troubled), 'run')} cannot be used: {troubled[0]}")
        return " ".join(parts)

    def _grids_in_words(self) -> str:
        grids = [group[0].grid for group in by_grid(self.used)]
        if len(grids) > 1 and not self._one_grid:
            return f" on {len(grids)} grids"
        usual = usual_grid(self.used)
        return "" if usual is None or usual.grid is None else f", {usual.grid.size} voxels of {_voxel(usual.grid.voxel_size)}"


def _dropped(event: Any) -> list[str]:
    """The files that are dragged."""
    return [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]


def _events(layer: Layer) -> tuple[Any, ...]:
    events = layer.events
    return events.name, events.data, events.scale, events.translate


def _unfollow(layer: Layer, slot: Any) -> None:
    for event in _events(layer):
        with suppress(ValueError):
            event.disconnect(slot)


def _voxel(size: tuple[float, ...]) -> str:
    sides = list(dict.fromkeys(f"{side:.3g}" for side in size))
    return f"{sides[0] if len(sides) == 1 else '×'.join(f'{side:.3g}' for side in size)} mm"


def _sentence(phrase: str) -> str:
    return f"{as_sentence(phrase).rstrip('.')}."
