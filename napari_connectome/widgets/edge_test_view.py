"""What a test of edges found: its matrix, the edges found in the brain, and the values that one of them rests on."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.utils.notifications import show_warning
from qtpy.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from napari_connectome.analyses.edge_test import EdgeTest
from napari_connectome.core.edges import Edges
from napari_connectome.core.errors import InputError
from napari_connectome.core.orderings import Ordering
from napari_connectome.core.words import as_sentence, some
from napari_connectome.io.connectomes import save_connectome
from napari_connectome.io.edge_tests import save_edge_table
from napari_connectome.layers.connectome_graph import ConnectomeGraph
from napari_connectome.widgets.form import ChoiceBox
from napari_connectome.widgets.group_comparison import Compared
from napari_connectome.widgets.group_plot import GroupPlot
from napari_connectome.widgets.matrix_plot import NOBODY, MatrixPlot
from napari_connectome.widgets.number_slider import NumberSlider
from napari_connectome.widgets.panel import Panel, button, row, words
from napari_connectome.widgets.save_as import TABLES, ask_path
from napari_connectome.widgets.threshold import FINEST
from napari_connectome.widgets.work import told

Array = npt.NDArray[Any]

FILES = f"{TABLES};;Graph (*.graphml)"
T, DIFFERENCE = "t", "difference"
"""What the matrix shows."""
TESTS = {
    "one_sample": "t-test against 0",
    "equal_variance": "Student's t-test",
    "welch": "Welch's t-test",
    "paired": "paired t-test",
}
DRAWN = 5000
"""Edges drawn at most: against 0 nearly all are found, and half a million of them hold up the window and show nothing."""
ENDLESS = 1e300
"""A t beyond this is that of a difference that does not vary."""
VALUES = 180
"""Pixels that the plot of the values of an edge is high."""


class EdgeTestView(QWidget):
    """The t of each edge, gray where its rate of false discoveries is above q, and the others in the viewer.

    Parameters
    ----------
    panel : Panel
        The dock widget it is part of.

    Attributes
    ----------
    compared : Compared or None
        The test that is shown.
    q : NumberSlider
        The rate of false discoveries allowed.
    matrix : MatrixPlot
    values : GroupPlot
        Of the edge that was clicked last, in each subject.
    graph : ConnectomeGraph
    """

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self.compared: Compared | None = None
        self.graph = ConnectomeGraph.of(panel.viewer)
        self._ordering: Ordering | None = None
        self._provenance: dict[str, Any] = {}
        self._found = Edges.of(np.empty((0, 0)))
        self._build()
        self._soon = panel.timer(0, self._on_q)  # a slider tells of more steps than can be drawn
        panel.follow(self.graph.picked, self._on_node)
        self.q.moved.connect(self._q_soon)
        self.shown_choice.activated.connect(self._draw_matrix)
        self.hide_box.toggled.connect(self._on_hide)
        self.matrix.picked.connect(self._on_cell)
        self.hide()

    def _build(self) -> None:
        about = next(field for field in dataclasses.fields(EdgeTest) if field.name == "alpha").metadata
        self.q = NumberSlider()
        self.q.set(EdgeTest().alpha, FINEST, about["high"], about["step"], log=True)
        self.q.setToolTip(about["doc"])
        self.shown_choice = ChoiceBox((T, DIFFERENCE))
        self.shown_choice.setToolTip("The numbers of the matrix: t, or the difference of the means. The edges' colours are t.")
        self.account, self.notes, self.pair = words(), words(), words()
        self.matrix = MatrixPlot()
        self.hide_box = QCheckBox("Hide regions without edges")
        self.hide_box.setToolTip("In the viewer, show only the regions that an edge that was found leads to.")
        self.values = GroupPlot()
        self.values.setMinimumHeight(VALUES)
        self.values.hide()
        self.save_button = button(
            "Save…", "Save all edges with difference, t, p and q (.tsv, .csv), or those found as a graph (.graphml).", self._ask
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.account)
        column.addWidget(self.notes)
        column.addLayout(row(about["title"], self.q))
        column.addLayout(row("Matrix", self.shown_choice))
        for part in (self.matrix, self.hide_box, self.pair, self.values, self.save_button):
            column.addWidget(part)

    def resizeEvent(self, event: Any) -> None:  # noqa: N802
        """Give the matrix the height that its width asks for."""
        super().resizeEvent(event)
        self.matrix.fit(self.width())

    @property
    def found(self) -> Edges:
        """The edges found at the q that is shown."""
        return self._found

    def show_test(
        self, compared: Compared, ordering: Ordering | None = None, provenance: Mapping[str, Any] | None = None
    ) -> None:
        """Show a test in place of the one before; the edge that was clicked stays where the regions stay the same.

        Parameters
        ----------
        compared : Compared
        ordering : Ordering, optional
            The order the matrix stands in.
        provenance : mapping, optional
            What made the connectomes, in plain values, to be saved with it.
        """
        self.compared, self._provenance = compared, dict(provenance or {})
        self.notes.setText(" ".join(compared.notes))
        self.notes.setVisible(bool(compared.notes))
        self._find()
        self.show_order(ordering)
        self._explain(*(self.matrix.lit if self.pair.text() else NOBODY))
        self.show()

    def clear(self) -> None:
        """Show no test."""
        self.compared = None
        self.matrix.clear()
        self.pair.setText("")
        self.hide()

    def show_order(self, ordering: Ordering | None) -> None:
        """Have the matrix stand in another order."""
        self._ordering = ordering
        self._draw_matrix()

    def to_viewer(self) -> None:
        """Show the edges found in the viewer, in place of those of a connectome."""
        if self.compared is None:
            return
        try:
            self.graph.show(self.compared.groups[0], edges=self._found.first(DRAWN), matrix=self.compared.result.t)
        except InputError as error:
            self.account.setText(as_sentence(str(error)))
            return
        self.graph.hide_unconnected(self.hide_box.isChecked())

    def _find(self) -> None:
        assert self.compared is not None
        self._found = self.compared.result.edges(self.q.number)
        self.account.setText(_account(self.compared, self._found, self.q.number))

    def _draw_matrix(self, *_: Any) -> None:
        if self.compared is None:
            return
        result = self.compared.result
        matrix, of = result.t, "t"
        if self.shown_choice.currentData() == DIFFERENCE:
            matrix, of = result.difference, _difference(self.compared)
        ordering = self._ordering
        if ordering is not None and len(ordering.order) != len(result.names):
            ordering = None
        self.matrix.show_matrix(
            matrix,
            result.names,
            of,
            None if ordering is None else ordering.order,
            blocks=() if ordering is None else ordering.blocks,
        )
        self._cut()

    def _cut(self) -> None:
        assert self.compared is not None
        with np.errstate(invalid="ignore"):
            self.matrix.set_kept(self.compared.result.q <= self.q.number)

    def _q_soon(self, q: float) -> None:
        self._soon.start()

    def _on_q(self) -> None:
        if self.compared is None:
            return
        self._find()
        self._cut()
        self.graph.edges(self._found.first(DRAWN))

    def _on_hide(self, hide: bool) -> None:
        self.graph.hide_unconnected(hide)

    def save(self, path: str) -> None:
        """Save all edges as a table, and beside it what was tested; or those found as a graph, whose weights are t."""
        assert self.compared is not None
        if Path(path).suffix.lower() == ".graphml":
            save_connectome(self.compared.groups[0], path, edges=self._found)
            return
        about = {**self.compared.provenance(self.q.number), "connectome": self._provenance}
        save_edge_table(self.compared.result.to_frame(), path, provenance=about)

    def _ask(self) -> None:
        with told(show_warning):
            if path := ask_path(self, "Save the edges", "connectome_edges.tsv", FILES):
                self.save(path)

    # -- one edge -----------------------------------------------------------------------------------------------------

    def _on_cell(self, i: int, j: int) -> None:
        """Put the light on the edge of a cell; on a region where the cell is on the diagonal."""
        self._explain(i, j)
        self.graph.light(i, None if i == j else j)

    def _on_node(self, i: int) -> None:
        """Show the row of a region that was clicked in the viewer."""
        if self.compared is not None and self.isVisible():
            self._explain(i)
            self.matrix.light(i)

    def _explain(self, i: int, j: int = -1) -> None:
        """Say what was found of a region or a pair; and of a pair, show the value of each subject."""
        compared = self.compared
        assert compared is not None
        self.pair.setVisible(i >= 0)
        self.values.setVisible(0 <= i != j >= 0)
        if i < 0:
            self.pair.setText("")
        elif j in (-1, i):
            count = int(((self._found.rows == i) | (self._found.columns == i)).sum())
            self.pair.setText(f"{compared.result.names[i]}: {some(count, 'edge')} found.")
        else:
            self.pair.setText(_said(compared, i, j))
            self.values.set_groups(
                [group.matrices[:, i, j] for group in compared.groups],
                [group.subjects for group in compared.groups],
                compared.names,
                compared.result.quantity,
            )


def _difference(compared: Compared) -> str:
    """What the difference is of."""
    return ("difference of " if len(compared.groups) == 2 else "mean ") + compared.result.quantity


def _account(compared: Compared, found: Edges, q: float) -> str:
    """How many edges were found, on which side, and by which test of whom."""
    result = compared.result
    sizes = [f"{name} ({some(len(group), 'subject')})" for name, group in zip(compared.names, compared.groups, strict=True)]
    tested = int(np.isfinite(result.p[np.tril_indices(len(result.p), k=-1)]).sum())
    head = f"{' against '.join(sizes)}, {TESTS[result.provenance['test']]} of {result.quantity}:"
    if not len(found):
        i, j = (int(k) for k in np.unravel_index(int(np.nanargmin(result.p)), result.p.shape))
        least = f"the smallest q is {result.q[i, j]:.2g}, of {result.names[i]} – {result.names[j]}"
        return f"{head} none of {tested:,} edges is found at q ≤ {q:g}; {least}."
    higher = int((found.weights > 0).sum())
    sides = ("higher", "lower") if len(sizes) == 2 else ("above 0", "below 0")
    least = np.abs(found.weights).min()
    drawn = f" The {DRAWN:,} of largest |t| are in the viewer." if len(found) > DRAWN else ""
    return (
        f"{head} {len(found):,} of {tested:,} edges found at q ≤ {q:g}, {higher:,} {sides[0]} and "
        f"{len(found) - higher:,} {sides[1]}, from |t| = {'∞' if least > ENDLESS else f'{least:.3g}'}.{drawn}"
    )


def _said(compared: Compared, i: int, j: int) -> str:
    """The test of one edge, in words."""
    result = compared.result
    names = f"{result.names[i]} – {result.names[j]}"
    n = " and ".join(str(int(each[i, j])) for each in result.n)
    if np.isnan(result.p[i, j]):
        return f"{names}: too few subjects have a value ({n})."
    return (
        f"{names}: t({result.dof[i, j]:.4g}) = {result.t[i, j]:.3g}, p = {result.p[i, j]:.2g}, q = {result.q[i, j]:.2g}; "
        f"{_difference(compared)} {result.difference[i, j]:.3g}, of {n} subjects."
    )
