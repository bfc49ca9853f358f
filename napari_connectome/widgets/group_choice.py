"""Which runs are compared with which: groups by hand, by the names of runs or by a table of participants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from napari.utils.notifications import show_warning
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox, QFileDialog, QVBoxLayout, QWidget

from napari_connectome.core.errors import InputError
from napari_connectome.io.participants import find_participants, groupings, read_participants, subject_of
from napari_connectome.widgets.form import ChoiceBox
from napari_connectome.widgets.group_table import GROUP, SUBJECT, GroupTable
from napari_connectome.widgets.panel import Panel, button, few, row, words
from napari_connectome.widgets.work import told

BY_HAND = "by hand"
ALL, ZERO = "all runs", "zero"
"""One group of all runs; and no group to compare one with. Their data are "", which is no name of a group."""
FILES = "Table (*.tsv *.csv *.txt)"


@dataclass(frozen=True)
class Groups:
    """Runs, by number, and what they are compared with.

    Parameters
    ----------
    names : tuple of str
        Of one group or two.
    members : tuple of tuples of int
        The runs of each.
    subjects : tuple of str
        Whose each of all runs is.
    """

    names: tuple[str, ...]
    members: tuple[tuple[int, ...], ...]
    subjects: tuple[str, ...]


class GroupChoice(QWidget):
    """A table of runs and their groups, where the groups come from, and which of them are compared.

    Parameters
    ----------
    panel : Panel
        The dock widget it is part of.

    Attributes
    ----------
    changed : Signal
    table : GroupTable
    by_choice, first_choice, second_choice : ChoiceBox
    """

    changed = Signal()

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self._runs: tuple[str, ...] = ()
        self._folder = ""
        self._participants: pd.DataFrame | None = None
        self._ways: dict[str, tuple[str, ...]] = {}
        self._asked = False  # whether somebody chose what is compared
        self._build()
        self.table.typed.connect(self._on_typed)
        self.by_choice.activated.connect(self._on_by)
        self.name_box.lineEdit().returnPressed.connect(self._put)
        self.say("")
        self._offer_groups()
        for choice in (self.first_choice, self.second_choice):
            choice.activated.connect(self._on_compared)

    def _build(self) -> None:
        self.table = GroupTable()
        self.by_choice = ChoiceBox((BY_HAND,))
        self.by_choice.setToolTip("What the groups are: typed below, a part of the names of runs, or a column of a table.")
        self.table_button = button(
            "Table…", "Take groups from a table with a line for each participant or run, such as participants.tsv.", self._ask
        )
        self.name_box = QComboBox()
        self.name_box.setEditable(True)
        self.name_box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.name_box.setToolTip("The group that the runs selected above are put into; nothing takes them out.")
        self.name_box.lineEdit().setPlaceholderText("name of a group")
        self.put_button = button("Set", "Put the runs selected above into this group.", self._put)
        self.first_choice, self.second_choice = ChoiceBox(), ChoiceBox()
        self.first_choice.setToolTip("The group that is tested: t is positive where its values are higher.")
        self.second_choice.setToolTip("What it is compared with: another group, or 0.")
        self.account = words()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row("Groups", self.by_choice, self.table_button))
        column.addWidget(self.table)
        column.addLayout(row("Selected are", self.name_box, self.put_button))
        column.addLayout(row("Compare", self.first_choice))
        column.addLayout(row("with", self.second_choice))
        column.addWidget(self.account)

    @property
    def groups(self) -> Groups:
        """What is compared; one sentence where a group is compared with itself."""
        of_runs = self.table.texts(GROUP)
        subjects = tuple(subject or run for subject, run in zip(self.table.texts(SUBJECT), self._runs, strict=True))
        asked = [self.first_choice.currentData(), *filter(None, [self.second_choice.currentData()])]
        names = tuple(name or ALL for name in asked)
        members = tuple(tuple(i for i, group in enumerate(of_runs) if not name or group == name) for name in asked)
        if len(members) == 2 and set(members[0]) & set(members[1]):
            raise InputError(
                f"{names[0]!r} and {names[1]!r} share runs: take two groups that differ, or compare one with {ZERO}."
            )
        return Groups(names, members, subjects)

    def show_runs(self, runs: Sequence[str], paths: Sequence[str] = ()) -> None:
        """Show other runs; what is known of those that were there stays.

        Parameters
        ----------
        runs : sequence of str
            Their names.
        paths : sequence of str
            Files they are from, beside which a table of participants may lie.
        """
        self.say("")
        if tuple(runs) == self._runs:
            return
        before = dict(zip(self._runs, zip(self.table.texts(SUBJECT), self.table.texts(GROUP), strict=True), strict=True))
        known = [before.get(run, (subject_of(run), "")) for run in runs]
        self._runs = tuple(runs)
        self.table.show_runs(runs, [subject for subject, _ in known], [group for _, group in known])
        if self._participants is None:
            self._look_beside(paths)
        self._offer_ways()
        self._offer_groups()

    def take_tables(self, *paths: str) -> None:
        """Take the groups from tables with a line for each participant; the column with the fewest groups is chosen."""
        table = read_participants(*paths)
        ways = groupings(self._runs, table)
        columns = [name for name in ways if name in table]
        if not columns:
            raise InputError(
                f"no column of {few([Path(path).name for path in paths])} makes two groups of these runs: it needs one, and "
                f"one that says whose a line is, as sub-01, or of which run, as {self._runs[0]}."
            )
        self._participants, self._folder = table, str(Path(paths[0]).parent)
        self._offer_ways()
        fewest = min(columns, key=lambda name: len(set(ways[name])))  # rather sex than age
        self.by_choice.setCurrentIndex(self.by_choice.findData(fewest))
        self._on_by()

    def _look_beside(self, paths: Sequence[str]) -> None:
        found = next((table for path in paths if path and (table := find_participants(path)) is not None), None)
        if found is not None:
            with told(self.say):  # nobody asked for it: no more than a word
                self._participants = read_participants(found)
                self._folder = str(found.parent)

    def say(self, sentence: str) -> None:
        """Show one sentence below; "" takes it away."""
        self.account.setText(sentence)
        self.account.setVisible(bool(sentence))

    # -- where groups come from ---------------------------------------------------------------------------------------

    def _offer_ways(self) -> None:
        """Offer the ways that these runs fall into groups; the one chosen stays where it can."""
        self._ways = groupings(self._runs, self._participants)
        before = self.by_choice.currentData()
        with QSignalBlocker(self.by_choice):
            self.by_choice.clear()
            for way in (BY_HAND, *self._ways):
                self.by_choice.addItem(way, way)
            self.by_choice.setCurrentIndex(max(0, self.by_choice.findData(before)))

    def _on_by(self, *_: int) -> None:
        """Take the groups that were chosen."""
        self.say("")
        groups = self._ways.get(str(self.by_choice.currentData()))
        if groups is not None:
            self.table.put(range(len(groups)), GROUP, groups)
            self._asked = False
        self._offer_groups()

    def _ask(self) -> None:
        paths, _ = QFileDialog.getOpenFileNames(self, "Tables of participants", self._folder, FILES)
        if paths:
            with told(show_warning):
                self.take_tables(*paths)

    def _put(self) -> None:
        rows, name = self.table.chosen, self.name_box.currentText().strip()
        if not rows:
            self.say("No run is selected: select those of a group in the table.")
            return
        self.table.put(rows, GROUP, [name] * len(rows))
        self._on_typed(GROUP)

    def _on_typed(self, column: int) -> None:
        self.say("")
        if column == GROUP:
            self.by_choice.setCurrentIndex(0)
            self._offer_groups()
        else:
            self.changed.emit()

    # -- what is compared ---------------------------------------------------------------------------------------------

    def _offer_groups(self) -> None:
        """Offer the groups there are; until somebody chose, the first two are compared."""
        names = list(dict.fromkeys(group for group in self.table.texts(GROUP) if group))
        for choice, none, usual in ((self.first_choice, ALL, names[:1]), (self.second_choice, ZERO, names[1:2])):
            before = choice.currentData() if self._asked else "".join(usual)
            with QSignalBlocker(choice):
                choice.clear()
                choice.addItem(none, "")
                for name in names:
                    choice.addItem(name, name)
                choice.setCurrentIndex(max(0, choice.findData(before)))
        typed = self.name_box.currentText()
        with QSignalBlocker(self.name_box):
            self.name_box.clear()
            self.name_box.addItems(names)
            self.name_box.setCurrentText(typed)
        self.changed.emit()

    def _on_compared(self, *_: int) -> None:
        self._asked = True
        self.say("")
        self.changed.emit()
