"""Looking at a connectome: its matrix, and the same edges in the brain, each leading to the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.utils.notifications import show_warning
from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from napari_connectome.analyses.edge_account import edge_account
from napari_connectome.core.connectomes import Connectome
from napari_connectome.core.edges import Edges, strongest_edges
from napari_connectome.core.errors import InputError, Progress
from napari_connectome.core.orderings import ORDERS, Ordering, order_of
from napari_connectome.core.values import Maps, Regions
from napari_connectome.core.words import as_sentence, some
from napari_connectome.io.bids import relmat_name
from napari_connectome.io.connectomes import save_connectome
from napari_connectome.layers.connectome_graph import STRONGEST, ConnectomeGraph
from napari_connectome.layers.time_axis import set_time
from napari_connectome.studies.connectome_of_runs import RunSeries
from napari_connectome.studies.sources import as_sources
from napari_connectome.widgets.connecting import Connecting
from napari_connectome.widgets.edge_plot import EdgePlot
from napari_connectome.widgets.form import ChoiceBox
from napari_connectome.widgets.matrix_plot import NOBODY, MatrixPlot
from napari_connectome.widgets.number_slider import NumberSlider
from napari_connectome.widgets.panel import Panel, button, row, words
from napari_connectome.widgets.plot import KINDS
from napari_connectome.widgets.region_choice import Chosen
from napari_connectome.widgets.region_map import RegionMap
from napari_connectome.widgets.save_as import ask_path
from napari_connectome.widgets.work import Work, told

Array = npt.NDArray[Any]

STEP = 0.5
"""Percent of all edges that one step of the box is."""
FILES = "Matrix (*.tsv *.csv);;All runs (*.npz);;Graph (*.graphml);;Picture (*.svg *.png)"
EDGE = 320
"""Pixels that the plots of an edge are high."""
AT_ONCE = 400
"""Regions that are clustered while the window waits, which takes a tenth of a second."""
HOVER = 30
"""Milliseconds from the mouse over a cell to its edge in the viewer: it passes over more than can be drawn."""
SETTLE = 150
"""Milliseconds from a stroke to the plots of the lit edge, which take longer than all else it changes."""


class ConnectomeView(QWidget):
    """The matrix of one run or of their mean, and its strongest edges in the viewer.

    Parameters
    ----------
    panel : Panel
        The dock widget it is part of.

    Attributes
    ----------
    matrix : MatrixPlot
    edge : EdgePlot
        What the pair that was clicked last rests on.
    region_map : RegionMap
        The seed map of the region that was clicked last, or of the pair's first.
    graph : ConnectomeGraph
    connectome : Connectome or None
    ordering : Ordering or None
        The order the matrix stands in.
    """

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self.viewer = panel.viewer
        self.connectome: Connectome | None = None
        self.ordering: Ordering | None = None
        self.graph = ConnectomeGraph.of(panel.viewer)
        self._regions: Chosen | None = None
        self._read: RunSeries | None = None
        self._made: Connecting | None = None
        self._provenance: dict[str, Any] = {}
        self._ordered: Sequence[str] = ()
        self._clustered: tuple[Ordering | None, Connectome | None, int | None] = (None, None, None)
        self._ordering_work = Work(self)
        panel.at_end(self._ordering_work.close)
        self._around: Regions | Maps | None = None
        self._in_viewer = True
        self._renewed = False
        self._values = np.empty((0, 0))
        self._all: Edges | None = None  # sorted when the slider first asks for it
        self._strong, self._least, self._count = strongest_edges(self._values, STRONGEST)
        self.region_map = RegionMap(panel)
        self._build()
        self._soon = panel.timer(0, self._on_share)  # a slider tells of more steps than can be drawn
        self._hint_soon = panel.timer(HOVER, self._on_hint)
        self._account_soon = panel.timer(SETTLE, self._account_again)
        self._under = NOBODY
        self._lit: tuple[str, ...] = ()  # names of what is explained
        panel.follow(self.graph.picked, self._on_node)
        panel.follow(panel.viewer.events.theme, self.graph.dress)
        self.subject_choice.activated.connect(self._draw)
        self.order_choice.activated.connect(self._on_order)
        self.share.moved.connect(self._share_soon)
        self.hide_box.toggled.connect(self._on_hide)
        self.brain_box.toggled.connect(self._draw_brain)
        self.matrix.picked.connect(self._on_cell)
        self.matrix.hovered.connect(self._on_hover)
        self.edge.volume_chosen.connect(self._on_volume)
        self.edge.hide()

    def _build(self) -> None:
        self.subject_choice = ChoiceBox()
        self.subject_choice.setToolTip("Whose matrix is shown.")
        self.order_choice = ChoiceBox(ORDERS)
        self.order_choice.setToolTip(
            "In which order the regions stand: as in the atlas, by network, by hemisphere, or like beside like."
        )
        self.share = NumberSlider()
        self.share.set(STRONGEST, 0.0, 100.0, STEP)
        self.share.setToolTip(
            "The strongest so many percent of all edges are shown, by magnitude: nilearn's edge_threshold of 95% is 5 here."
        )
        self.hide_box = QCheckBox("Hide regions without edges")
        self.hide_box.setToolTip("In the viewer, show only the regions that a shown edge leads to.")
        self.brain_box = QCheckBox("Brain around it")
        self.brain_box.setToolTip("Show the surface of the atlas or of the maps as of glass, in 2-D their outline.")
        self.brain_box.setChecked(True)
        self.matrix = MatrixPlot()
        self.account, self.pair = words(), words()
        self.save_button = button(
            "Save…",
            "Save the matrix shown in its order (.tsv, .csv), all runs (.npz), the edges shown (.graphml), or the matrix as a "
            "picture with all names (.svg, .png).",
            self._ask,
        )
        self.edge = EdgePlot()
        self.edge.setMinimumHeight(EDGE)
        self._subject_row = QWidget()
        line = row("Shown", self.subject_choice)
        line.setContentsMargins(0, 0, 0, 0)
        self._subject_row.setLayout(line)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._subject_row)
        column.addLayout(row("Order", self.order_choice))
        column.addWidget(self.matrix)
        column.addWidget(self.account)
        column.addWidget(self.share)
        column.addWidget(self.hide_box)
        column.addWidget(self.brain_box)
        column.addWidget(self.pair)
        column.addWidget(self.region_map)
        column.addWidget(self.edge)
        column.addWidget(self.save_button)
        column.addStretch(1)

    def resizeEvent(self, event: Any) -> None:  # noqa: N802
        """Give the matrix the height that its width asks for."""
        super().resizeEvent(event)
        self.matrix.fit(self.width())

    @property
    def subject(self) -> int | None:
        """Number of the run whose matrix is shown; None for the mean."""
        chosen = self.subject_choice.currentData()
        return None if chosen is None or chosen < 0 else int(chosen)

    def show_connectome(
        self,
        connectome: Connectome,
        regions: Chosen | None = None,
        read: RunSeries | None = None,
        provenance: Mapping[str, Any] | None = None,
        made: Connecting | None = None,
    ) -> None:
        """Show a connectome in place of that of before; run, order, share and lit pair stay where they can.

        Parameters
        ----------
        connectome : Connectome
        regions : Regions, Maps or DataFrame, optional
            What it is of: for the order, and for the surface of the brain around them.
        read : RunSeries, optional
            The series it was made of, to explain an edge by.
        provenance : mapping, optional
            What made it, in plain values, to be saved with it.
        made : Connecting, optional
            What made it, to make seed maps of its regions of the same runs.
        """
        self._provenance = dict(provenance or {})
        self.connectome, self._regions, self._read, self._made = connectome, regions, read, made
        self.region_map.take(made, read)
        before = self.subject_choice.currentText()
        with QSignalBlocker(self.subject_choice):
            self.subject_choice.clear()
            if len(connectome) > 1:
                self.subject_choice.addItem(f"mean of {len(connectome)} runs", -1)
            for i, name in enumerate(connectome.subjects):
                self.subject_choice.addItem(name, i)
            self.subject_choice.setCurrentIndex(max(0, self.subject_choice.findText(before)))
        self._subject_row.setVisible(len(connectome) > 1)
        self.brain_box.setVisible(isinstance(regions, Regions | Maps))
        self._draw_brain()
        self._draw()

    def renew(self, connectome: Connectome, regions: Chosen | None = None, read: RunSeries | None = None) -> None:
        """Show what the connectome has become, now that one of its regions or some were changed: quick, to follow a brush.

        Run, order, share, lit pair and zoom stay. What takes longer waits for `finish`: the order found anew, and the surface
        of the brain. Where the regions or runs are others than before, all is shown anew.

        Parameters
        ----------
        connectome, regions, read
            As for `show_connectome`.
        """
        before, self._provenance = self.connectome, {**self._provenance, "painted": True}
        if before is None or before.names != connectome.names or before.subjects != connectome.subjects:
            self.show_connectome(connectome, regions, read, self._provenance, self._made)
            return
        self.connectome, self._regions, self._read = connectome, regions, read
        self.region_map.take(self._made, read)
        self._renewed = True
        self._take()
        self.matrix.renew(self._values, self._least)
        self._show_graph(passing=True)
        self._explain_again()

    def finish(self) -> None:
        """Do what `renew` put off."""
        if self._renewed:
            self._renewed = False
            self._account_soon.stop()
            self._account_again()
            self._tell()
            self.graph.settle()
            self._draw_brain()
            self._draw_matrix()

    def to_viewer(self, shown: bool) -> None:
        """Show the edges in the viewer, or leave it to those of a test until this is called again."""
        self._in_viewer = shown
        if shown and self.connectome is not None:
            self._show_graph()
            self.graph.hide_unconnected(self.hide_box.isChecked())

    def _draw(self, *_: Any) -> None:
        """Show the matrix that is chosen, and its edges."""
        if self.connectome is None:
            return
        lit = self._lit
        self._explain(None)
        self._take()
        self._draw_matrix()
        self._show_graph()
        if self._in_viewer:
            self.graph.hide_unconnected(self.hide_box.isChecked())
        self._light_again(lit)

    def _light_again(self, lit: tuple[str, ...]) -> None:
        """Put the light on the regions of these names, which may stand elsewhere now; off where one is no more."""
        assert self.connectome is not None
        names = self.connectome.names
        i, j = ((*map(names.index, lit), None)[:2]) if lit and set(lit) <= set(names) else (None, None)
        self.matrix.light(*(NOBODY if i is None else (i, -1 if j is None else j)))
        if i is not None:
            self._explain(i, j)
        if self._in_viewer:
            self.graph.light(i, j, go=False)

    def _take(self) -> None:
        """Take the matrix that is chosen, and its strongest edges."""
        assert self.connectome is not None
        self._values = self.connectome.mean if self.subject is None else self.connectome.matrices[self.subject]
        self._all = None
        self._strong, self._least, self._count = strongest_edges(self._values, self.share.number)

    def _show_graph(self, *, passing: bool = False) -> None:
        """Show the regions and the strongest edges in the viewer."""
        assert self.connectome is not None
        try:
            if self._in_viewer:
                self.graph.show(self.connectome, self.subject, self._strong, matrix=self._values, passing=passing)
        except InputError as error:
            self.account.setText(as_sentence(str(error)))
            return
        if not passing:  # other words have the whole dock laid out anew
            self._tell()

    def _draw_brain(self, *_: Any) -> None:
        around = self._regions if isinstance(self._regions, Regions | Maps) and self.brain_box.isChecked() else None
        if around is None or around is not self._around or self.graph.brain_layer is None:
            self._around = around
            self.graph.brain(around)

    def _draw_matrix(self) -> None:
        connectome = self.connectome
        assert connectome is not None
        self.ordering = self._order()
        self._ordered = connectome.names
        self.matrix.show_matrix(
            self._values,
            connectome.names,
            connectome.kind,
            self.ordering.order,
            blocks=self.ordering.blocks,
            fisher_z=connectome.fisher_z,
        )
        self.matrix.set_threshold(self._least)

    def _order(self) -> Ordering:
        """The order that is chosen; that of before, or none, until one that takes long has been found."""
        connectome, how, subject = self.connectome, self.order_choice.currentData(), self.subject
        assert connectome is not None
        self._ordering_work.close(0.0)
        if how == "clustering" and len(connectome.names) > AT_ONCE:
            known, of, whose = self._clustered
            if known is not None and of is connectome and whose == subject:
                return known
            self._ordering_work.run(_Cluster(connectome, subject), then=self._on_clustered)
            before = self.ordering
            fits = before is not None and connectome.names == self._ordered
            return before if before is not None and fits else order_of(connectome)
        table = self._regions.table if isinstance(self._regions, Regions) else None
        if table is not None and len(table) != len(connectome.names):
            table = None  # of before a stroke that made a region, or took one away
        return order_of(connectome, how, table, subject=subject)

    def _on_clustered(self, found: tuple[Ordering, Connectome, int | None]) -> None:
        self._clustered = found
        self._draw_matrix()

    def _share_soon(self, percent: float) -> None:
        self._soon.start()

    def _on_share(self) -> None:
        if self.connectome is None:
            return
        if self._all is None:
            self._all = Edges.of(self._values)  # once, so that each step of the slider is a cut
        self._least = self._all.limit(self.share.number)
        self._strong = self._all.above(self._least)
        self.matrix.set_threshold(self._least)
        self.graph.edges(self._strong)
        self._tell()
        i, j = self.matrix.lit
        if i >= 0 and j in (-1, i) and self.pair.text():
            self._say(i, None)  # it has other edges now

    def _on_order(self, *_: Any) -> None:
        if self.connectome is not None:
            self._draw_matrix()

    def _on_hide(self, hide: bool) -> None:
        self.graph.hide_unconnected(hide)

    def _tell(self) -> None:
        """How many edges are shown, and from which magnitude on."""
        n = len(self._strong)
        if n:
            share = f"The strongest {self.share.number:g} % of edges:" if self.share.number < 100 else "All edges:"
            self.account.setText(f"{share} {n:,} of {self._count:,}, from a magnitude of {self._least:.3g}.")
        elif np.tril(np.nan_to_num(self._values), -1).any():
            self.account.setText("No edge is strong enough: show a larger share of them.")
        else:
            self.account.setText("There is no edge: no two of these regions have a value other than 0.")

    def save(self, path: str) -> None:
        """Save what is shown: a table or all runs in the order of the matrix, edges as a graph, or a picture of the matrix."""
        connectome, ordering = self.connectome, self.ordering
        assert connectome is not None
        assert ordering is not None
        kind = Path(path).suffix.lower()
        if kind in KINDS:
            self.matrix.to_picture(path)
        elif kind == ".graphml":
            save_connectome(connectome, path, subject=self.subject, edges=self._strong, provenance=self._provenance)
        else:
            save_connectome(connectome.take(ordering.order), path, subject=self.subject, provenance=self._provenance)

    def _file_name(self) -> str:
        """The name that is offered."""
        connectome = self.connectome
        assert connectome is not None
        runs = connectome.subjects if self.subject is None else [connectome.subjects[self.subject]]
        return relmat_name(
            runs, str(self._provenance.get("regions", "")), "fisher_z" if connectome.fisher_z else connectome.kind
        )

    def _ask(self) -> None:
        with told(show_warning):
            if path := ask_path(self, "Save the connectome", self._file_name(), FILES):
                self.save(path)

    # -- from the matrix to the brain and back ------------------------------------------------------------------------

    def _on_cell(self, i: int, j: int) -> None:
        """Put the light on the edge of a cell; on a region where the cell is on the diagonal."""
        self._explain(i, j)
        self.graph.light(i, None if i == j else j)

    def _on_node(self, i: int) -> None:
        """Show the row of a region that was clicked in the viewer."""
        if self.connectome is None or i >= len(self.connectome.names):
            return
        self._explain(i)
        self.matrix.light(i)
        self.graph.light(i, go=False)

    def _on_volume(self, run: int, row: int) -> None:
        """Bring a volume that was clicked in a plot before the eyes, where its run is in the viewer."""
        made, read = self._made, self._read
        if made is None or read is None:
            return
        layers = {source.name: entry.layer for source, entry in zip(as_sources(made.sources), made.entries, strict=True)}
        if layers.get(read.runs[run]) in self.viewer.layers:
            set_time(self.viewer, float(read.series[run].to_frame().index[row]))

    def _on_hover(self, i: int, j: int) -> None:
        self._under = (i, j)
        self._hint_soon.start()

    def _on_hint(self) -> None:
        """Show faintly the edge of the cell under the mouse."""
        i, j = self._under
        n = 0 if self.connectome is None else len(self.connectome.names)
        self.graph.hint(*((i, j) if 0 <= i < n and 0 <= j < n else (None,)))

    def _explain_again(self) -> None:
        """Say of what is lit what there is of it now; its plots follow when the brush has passed."""
        i, j = self.matrix.lit
        if i >= 0 and self.pair.text():
            self._say(i, None if j < 0 else j)
            if self.edge.isVisibleTo(self) and not self._account_soon.isActive():
                self._account_soon.start()

    def _account_again(self) -> None:
        i, j = self.matrix.lit
        if self._read is not None and 0 <= i != j >= 0 and self.edge.isVisibleTo(self):
            self._account(i, j, self.edge.run)

    def _explain(self, i: int | None, j: int | None = None) -> None:
        """Say what there is of a region or a pair; and of a pair, what its value rests on."""
        self._say(i, j)
        assert self.connectome is not None
        self._lit = tuple(self.connectome.names[k] for k in (i, j) if k is not None)
        self.region_map.offer(i, self.subject or 0)
        self.edge.setVisible(i is not None and j not in (None, i) and self._read is not None)
        if i is not None and j is not None and i != j and self._read is not None:
            self._account(i, j, self.subject or 0)

    def _say(self, i: int | None, j: int | None) -> None:
        connectome = self.connectome
        assert connectome is not None
        if i is None:
            self.pair.setText("")
        elif j is None or i == j:
            edges = self._strong
            count = int(((edges.rows == i) | (edges.columns == i)).sum())
            self.pair.setText(f"{connectome.names[i]}: {some(count, 'edge')} shown.")
        else:
            value = self._values[i, j]
            number = "no value" if np.isnan(value) else f"{value:.3g}"
            where = self.subject_choice.currentText()
            self.pair.setText(f"{connectome.names[i]} – {connectome.names[j]}: {number} ({where}).")

    def _account(self, i: int, j: int, run: int) -> None:
        read = self._read
        assert read is not None
        account = edge_account(read.series, i, j, coordinates=read.coordinates, runs=read.runs)
        self.edge.show_account(account, run)


@dataclass(frozen=True, eq=False)
class _Cluster:
    """A clustering that is found beside the window, and of what."""

    connectome: Connectome
    subject: int | None

    def __call__(self, progress: Progress) -> tuple[Ordering, Connectome, int | None]:
        progress(0.0, "clustering regions")
        return order_of(self.connectome, "clustering", subject=self.subject), self.connectome, self.subject
