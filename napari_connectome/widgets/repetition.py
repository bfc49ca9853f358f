"""The question for a TR that the header does not give: asked where it is seen, never guessed."""

from __future__ import annotations

from napari.layers import Layer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_connectome.layers.repetition import set_tr
from napari_connectome.layers.spatial import info
from napari_connectome.widgets.form import NumberBox


class RepetitionRow(QWidget):
    """Asks for the TR of a run whose header cannot be trusted; takes no room otherwise.

    Attributes
    ----------
    answered : Signal
        The TR was given and is in the layer.
    """

    answered = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layer: Layer | None = None
        self.question = QLabel()
        self.question.setWordWrap(True)
        self.seconds = NumberBox(0.01, 100.0, 0.1, "s")
        self.seconds.setToolTip("Repetition time: seconds from one volume to the next.")
        self.use = QPushButton("Use")
        self.use.clicked.connect(self._answer)
        line = QHBoxLayout()
        line.addWidget(QLabel("TR"))
        line.addWidget(self.seconds, 1)
        line.addWidget(self.use)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.question)
        column.addLayout(line)
        self.hide()

    def ask(self, layer: Layer | None) -> None:
        """Ask about this run if there is something to ask."""
        self._layer = layer
        known = {} if layer is None else info(layer)
        question = known.get("tr_question", "")
        self.setVisible(bool(question))
        if question:
            self.question.setText(f"What is the TR? {question[:1].upper()}{question[1:].rstrip('.')}.")
            self.seconds.number = known.get("tr_guess") or 2.0

    def _answer(self) -> None:
        if self._layer is not None:
            set_tr(self._layer, self.seconds.number)
            self.ask(self._layer)
            self.answered.emit()
