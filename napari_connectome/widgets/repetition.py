"""The TR of a run: shown so that a wrong one is seen, asked for where the layer does not have it, never guessed."""

from __future__ import annotations

from napari.layers import Layer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_connectome.core.words import as_sentence
from napari_connectome.layers.repetition import set_tr
from napari_connectome.layers.spatial import in_unit, info, tr_of, tr_question
from napari_connectome.widgets.form import NumberBox

USUAL = 2.0
"""Seconds; what is offered where nothing is known. It is used only when the person says so."""


class RepetitionRow(QWidget):
    """The TR of a run in one line, to be corrected at any time; a question above it where it is not known.

    Attributes
    ----------
    answered : Signal
        The TR was given and is in the layer.
    """

    answered = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layer: Layer | None = None
        self._before = USUAL
        self.question = QLabel()
        self.question.setWordWrap(True)
        self.seconds = NumberBox(0.01, 100.0, 0.1, "s")
        self.seconds.setToolTip("Repetition time: seconds from one volume to the next. Enter or Use takes what is typed.")
        self.seconds.valueChanged.connect(self._offer)
        self.seconds.editingFinished.connect(self._offer)
        self.seconds.lineEdit().textEdited.connect(self._offer_typed)
        self.seconds.lineEdit().returnPressed.connect(self._answer)
        self.use = QPushButton("Use")
        self.use.setToolTip("Take this TR for the run.")
        self.use.clicked.connect(self._answer)
        title = QLabel("TR")
        title.setToolTip(self.seconds.toolTip())
        title.setBuddy(self.seconds)
        self.seconds.setAccessibleName(title.text())
        line = QHBoxLayout()
        line.addWidget(title)
        line.addWidget(self.seconds, 1)
        line.addWidget(self.use)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.question)
        column.addLayout(line)
        self.ask(None)

    def ask(self, layer: Layer | None) -> None:
        """Show the TR of this run, and ask for it if there is something to ask."""
        self._layer = layer
        self.setEnabled(layer is not None)
        question = "" if layer is None else tr_question(layer)
        self.question.setText(f"What is the TR? {as_sentence(question).rstrip('.')}." if question else "")
        self.question.setVisible(bool(question))
        self.seconds.number = self._before = USUAL if layer is None else tr_of(layer) or _guess(layer)
        self._offer()

    def _offer(self) -> None:
        """The button is there while there is something to use."""
        self.use.setVisible(self._is_new())

    def _offer_typed(self) -> None:
        self.use.show()  # what is typed becomes a number only when the box is left

    def _is_new(self) -> bool:
        return self._layer is not None and (bool(self.question.text()) or self.seconds.number != self._before)

    def _answer(self) -> None:
        if self.seconds.settle() and self._layer is not None and self._is_new():
            set_tr(self._layer, self.seconds.number)
            self.ask(self._layer)
            self.answered.emit()


def _guess(layer: Layer) -> float:
    """What to offer for a TR that is in question: the header's likeliest, or a scale somebody has set."""
    scale = float(layer.scale[0]) * in_unit(layer.units[0], "second")
    return float(info(layer).get("tr_guess") or (scale if scale != 1 else USUAL))
