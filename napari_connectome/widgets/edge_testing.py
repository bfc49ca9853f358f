"""Edges of groups of runs, tested: who is in which group, how they are compared, and what is found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_connectome.analyses.edge_test import EdgeTest
from napari_connectome.core.connectomes import Connectome
from napari_connectome.core.errors import InputError
from napari_connectome.core.words import as_sentence
from napari_connectome.widgets.connectome_computing import ConnectomeComputing
from napari_connectome.widgets.connectome_view import ConnectomeView
from napari_connectome.widgets.edge_test_view import EdgeTestView
from napari_connectome.widgets.form import ParamsForm
from napari_connectome.widgets.group_choice import GroupChoice
from napari_connectome.widgets.group_comparison import Compared, Comparison
from napari_connectome.widgets.panel import Panel, button, words
from napari_connectome.widgets.work import Work, WorkBar


class EdgeTesting(QWidget):
    """Choose groups and test.

    Parameters
    ----------
    panel : Panel
        The dock widget it is part of.
    look : ConnectomeView
        Whose order the matrix of the test takes.

    Attributes
    ----------
    choice : GroupChoice
    form : ParamsForm
        Of an `EdgeTest`.
    view : EdgeTestView
    connectome : Connectome or None
        What is tested.
    """

    def __init__(self, panel: Panel, look: ConnectomeView) -> None:
        super().__init__()
        self._panel, self._look = panel, look
        self.connectome: Connectome | None = None
        self._provenance: dict[str, Any] = {}
        self._asked: Comparison | None = None
        self._front = self._in_viewer = False
        self.choice = GroupChoice(panel)
        self.form = ParamsForm(EdgeTest(), fields=("test",))
        self.test_button = button("Test", "Test each edge, and find those that are no false ones.", self.test)
        self.work = Work(self)
        self.message = words()
        self.message.hide()
        self.view = EdgeTestView(panel)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for part in (self.choice, self.form, self.test_button, WorkBar(self.work), self.message, self.view):
            column.addWidget(part)
        column.addStretch(1)
        panel.at_end(self.work.close)
        self.choice.changed.connect(self._on_choice)
        self.work.failed.connect(self._refuse)
        self.work.cancelled.connect(self._on_cancelled)
        self._on_choice()

    def take(self, connectome: Connectome, computing: ConnectomeComputing) -> None:
        """Have the runs of another connectome in the table; the test of the one before is taken away."""
        self.connectome, self._provenance = connectome, dict(computing.provenance)
        self.work.cancel()
        self.view.clear()
        self.choice.show_runs(connectome.subjects, [entry.path for entry in computing.runs.entries])

    def renew(self, connectome: Connectome) -> None:
        """Test again what is shown, now that the connectome of the same runs has changed: regions were painted."""
        self.connectome = connectome
        if self.view.compared is not None and self._asked is not None:
            self._run(replace(self._asked, connectome=connectome))

    def to_front(self, front: bool = True) -> None:
        """Show the edges of the test there is in the viewer, and its matrix in the order of the connectome's; or leave both."""
        self._front = front
        tested = front and self.view.compared is not None
        if tested:
            self.view.show_order(self._look.ordering)
        self._show(tested)

    def test(self) -> None:
        """Test with the groups and options shown, in the background."""
        self.test_button.setFocus()  # what is being typed into the table is taken; not on every system does pressing it do so
        self._say("")
        self.choice.say("")
        if self.connectome is None:
            return
        try:
            params = self.form.value.replace(alpha=self.view.q.number)
            comparison = Comparison(self.connectome, self.choice.groups, params)
        except InputError as error:
            self._refuse(str(error))
            return
        self._run(comparison)

    def _run(self, comparison: Comparison) -> None:
        self._asked = comparison
        self.work.run(comparison.test, then=self._on_tested)

    def _on_tested(self, compared: Compared) -> None:
        new = self.view.compared is None
        self.view.show_test(compared, self._look.ordering, self._provenance)
        if self._front:
            self._show(True)
            if new:
                self._panel.bring(self.view.matrix)

    def _show(self, tested: bool) -> None:
        """Have the edges of the test in the viewer, or those of the connectome, and the light on what its matrix marks."""
        before, self._in_viewer = self._in_viewer, tested
        if not (tested or before):
            return
        self._look.to_viewer(not tested)
        if tested:
            self.view.to_viewer()
        i, j = (self.view if tested else self._look).matrix.lit
        self.view.graph.light(None if i < 0 else i, None if j < 0 else j, go=False)

    def _on_choice(self) -> None:
        """Of one group, there is one test only."""
        self.form.setEnabled(bool(self.choice.second_choice.currentData()))

    def _refuse(self, sentence: str) -> None:
        self._say(as_sentence(sentence))
        self._panel.bring(self.message)

    def _on_cancelled(self) -> None:
        self._say("Cancelled; nothing was changed.")

    def _say(self, sentence: str) -> None:
        self.message.setText(sentence)
        self.message.setVisible(bool(sentence))
