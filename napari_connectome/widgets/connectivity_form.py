"""What is measured of series, as a form: each run by itself, or what is sparse in all of them together."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_connectome.analyses.connectome import Connectivity
from napari_connectome.analyses.sparse_connectome import SparseConnectivity
from napari_connectome.core.connectomes import BOUNDED
from napari_connectome.widgets.form import ChoiceBox, ParamsForm
from napari_connectome.widgets.panel import row
from napari_connectome.widgets.section import Section

PLAIN, SPARSE = "each run", "sparse, all runs"
FIRST = ("method", "alpha", "kind", "standardize")
USUAL = SparseConnectivity(kind="partial_correlation")
"""What is seen first: a precision has the sign of the connection turned round, and no bounds."""


class ConnectivityForm(QWidget):
    """`Connectivity` or `SparseConnectivity`, one form for each, of which one is seen.

    Attributes
    ----------
    changed : Signal
    choice : ChoiceBox
        Which of the two.
    plain, sparse, more : ParamsForm
        The last holds how alpha is chosen.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.choice = ChoiceBox((PLAIN, SPARSE))
        self.choice.setToolTip(
            "Correlations and the like of each run; or inverse covariances with few pairs connected, the same in all runs."
        )
        self.plain = ParamsForm(Connectivity())
        self.sparse = ParamsForm(USUAL, fields=FIRST)
        self.more = ParamsForm(
            SparseConnectivity(), fields=[name for name in SparseConnectivity().to_dict() if name not in (*FIRST, "alpha_list")]
        )
        self._more_section = Section(self.more, "How alpha is chosen")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row("Measure", self.choice))
        for part in (self.plain, self.sparse, self._more_section):
            column.addWidget(part)
        self.choice.currentIndexChanged.connect(self._on_changed)
        for form in (self.plain, self.sparse, self.more):
            form.changed.connect(self._on_changed)
        self._show()

    @property
    def value(self) -> Connectivity | SparseConnectivity:
        """The parameters as they stand; raises `InputError` where they do not go together."""
        if self.choice.currentData() == PLAIN:
            return self._plain()
        first = self.sparse.value
        return self.more.value.replace(**{name: getattr(first, name) for name in FIRST})

    @value.setter
    def value(self, params: Connectivity | SparseConnectivity) -> None:
        sparse = isinstance(params, SparseConnectivity)
        if isinstance(params, SparseConnectivity):
            self.sparse.value, self.more.value = params, params
        else:
            self.plain.value = params
        self.choice.setCurrentIndex(int(sparse))

    def _plain(self) -> Connectivity:
        """Without the Fisher z of what has none, which was ticked for another kind and is switched off."""
        values = {field.name: field.value for field in self.plain.container}
        values["fisher_z"] &= values["kind"] in BOUNDED
        return Connectivity(**values)

    def _on_changed(self, *_: Any) -> None:
        self._show()
        self.changed.emit()

    def _show(self) -> None:
        """The form that is chosen, and what its other fields make of no use switched off."""
        plain = self.choice.currentData() == PLAIN
        self.plain.setVisible(plain)
        self.sparse.setVisible(not plain)
        self._more_section.setVisible(not plain)
        kind = self.plain.container["kind"].value
        self.plain.widget("standardize").setEnabled(kind == "correlation")
        self.plain.widget("fisher_z").setEnabled(kind in BOUNDED)
