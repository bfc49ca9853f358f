"""What came of a job over the runs of a list: why it could not be done, how to go on without some, or what was found."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_connectome.core.words import as_sentence, some
from napari_connectome.widgets.panel import Panel, button, words
from napari_connectome.widgets.run_list import RunList


class RunOutcome(QWidget):
    """A sentence on what stands in the way, a button that leaves out the runs that do, and the account of what was found.

    Parameters
    ----------
    panel : Panel
        The dock widget it is part of.
    runs : RunList
    before : str
        What an account is introduced by that is not of the last job: "Learned before".

    Attributes
    ----------
    left_out : Signal()
        The runs that stand in the way are left out: go on.
    message, account : QLabel
    leave_out_button : QPushButton
    """

    left_out = Signal()

    def __init__(self, panel: Panel, runs: RunList, before: str) -> None:
        super().__init__()
        self._panel, self._runs, self._before = panel, runs, before
        self._found = ""  # account of the last job that came to something
        self.message, self.account = words(), words()
        self.leave_out_button = button("Leave out and go on", "Go on without the runs that cannot be used.", self._leave_out)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for part in (self.message, self.leave_out_button, self.account):
            column.addWidget(part)
            part.hide()

    def say(self, sentence: str) -> None:
        """Show one sentence where the user looks; "" takes it away."""
        self.message.setText(sentence)
        self.message.setVisible(bool(sentence))
        self.leave_out_button.hide()

    def refuse(self, sentence: str, leave_out: int = 0) -> None:
        """Say what stands in the way, and offer to leave out the runs that do: so many, or those the list knows of."""
        self.say(as_sentence(sentence))
        n = leave_out or len(self._runs.troubles())
        self.leave_out_button.setText(f"Leave out {some(n, 'run')} and go on")
        offered = 0 < n < len(self._runs.used)
        self.leave_out_button.setVisible(offered)
        self.tell_before()
        self._panel.bring(self.leave_out_button if offered else self.message)

    def tell(self, sentence: str) -> None:
        """Show what was found."""
        self.account.setText(sentence)
        self.account.show()
        self._panel.bring(self.account)

    def found(self, account: str, more: str = "") -> None:
        """Show the account of a job that came to something, which is kept beside later ones, and more that is not."""
        self._found = account
        self.tell(account + more)

    def tell_before(self) -> None:
        """Beside what came of this job: what came of the one before."""
        self.account.setText(f"{self._before}: {self._found}")
        self.account.setVisible(bool(self._found))

    def _leave_out(self) -> None:
        self._runs.leave_out([entry for entry, _ in self._runs.troubles()])
        self._runs.let_fail()
        self.left_out.emit()
