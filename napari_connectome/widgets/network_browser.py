"""Going through networks: which there are, what each is called, where it lies, and what it does in a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from qtpy.QtGui import QColor
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_connectome.analyses.networks import Networks
from napari_connectome.core.errors import Progress
from napari_connectome.core.sources import Source
from napari_connectome.core.words import as_sentence, percent
from napari_connectome.io.save import save
from napari_connectome.layers.network_layers import NetworkLayers
from napari_connectome.widgets.network_courses import NetworkCourses, as_learned
from napari_connectome.widgets.network_table import NetworkRow, NetworkTable
from napari_connectome.widgets.panel import Panel, button, words
from napari_connectome.widgets.region_results import legible
from napari_connectome.widgets.save_as import ask_path
from napari_connectome.widgets.work import Work, WorkBar, told

FILES = "NIfTI (*.nii.gz *.nii)"
SIGN_OF_ICA = "ICA leaves the sign open: here the peak is positive, and negative voxels go against it."


class NetworkBrowser(QWidget):
    """Browse, name, order, hide and drop networks.

    Parameters
    ----------
    panel : Panel
        The dock widget it is part of.

    Attributes
    ----------
    table : NetworkTable
    courses : NetworkCourses
        Time courses and spectra of the networks selected.
    networks : NetworkLayers or None
        What is browsed.
    """

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self.viewer = panel.viewer
        self.networks: NetworkLayers | None = None
        self._keys: tuple[Any, ...] = ()  # of the networks in the table
        self._build(panel)
        panel.at_end(self._let_go)
        panel.at_end(self.work.close)
        self._connect()
        panel.follow(self.viewer.layers.events.removed, self._on_removed)
        self._show()

    def _build(self, panel: Panel) -> None:
        self.table = NetworkTable()
        self.about, self.message = words(), words()
        self.up_button = button("↑", "Move the network up (or drag its number).", self.up)
        self.down_button = button("↓", "Move the network down (or drag its number).", self.down)
        self.drop_button = button("Drop", "Take the selected networks out of the result (Delete).", self.drop)
        self.undo_button = button("Undo", "Bring back what was dropped.", self.undo)
        self.save_button = button(
            "Save maps…",
            "Write the networks shown as one 4-D NIfTI file; their names and what made them beside it.",
            self._ask_save,
        )
        buttons = QHBoxLayout()
        buttons.setSpacing(4)
        for each in (self.up_button, self.down_button):
            each.setFixedWidth(28)
        for each in (self.up_button, self.down_button, self.drop_button, self.undo_button, self.save_button):
            each.setMinimumWidth(28)
            buttons.addWidget(each, 1 + (each is self.save_button))
        self.work = Work(self)
        self.courses = NetworkCourses(panel)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.addWidget(self.table, 1)
        column.addLayout(buttons)
        for part in (WorkBar(self.work), self.message, self.about, self.courses):
            column.addWidget(part, 2 * (part is self.courses))

    def _connect(self) -> None:
        self.table.rows_chosen.connect(self._on_rows)
        self.table.clicked.connect(self._on_clicked)
        self.table.renamed.connect(self._on_renamed)
        self.table.ticked.connect(self._on_ticked)
        self.table.moved.connect(self._move)
        self.table.delete_pressed.connect(self.drop)
        self.work.failed.connect(self._failed)

    def set_networks(
        self, networks: NetworkLayers | None, sources: Sequence[Source] = (), params: Networks | None = None
    ) -> None:
        """Browse other networks, or none.

        Parameters
        ----------
        networks : NetworkLayers or None
        sources : sequence of Source
            The runs whose time courses can be looked at.
        params : Networks, optional
            What they were learned with: the series are cleaned and smoothed alike.
        """
        self._let_go()
        self.networks = networks
        if networks is not None:
            networks.looked.connect(self._on_looked)
            networks.changed.connect(self._on_changed)
        self.courses.set_sources(sources, as_learned(params))
        self._say("")
        self._show()
        if networks is not None:
            self._on_looked(networks.current)

    # -- what a person does in the table ------------------------------------------------------------------------------

    def _on_rows(self) -> None:
        """Look at the network chosen last."""
        row = self.table.current
        if self.networks is not None and row >= 0 and row != self.networks.current:
            self.networks.reveal(row)
        self._show_chosen()

    def _on_clicked(self, *_: Any) -> None:
        """Go to the network clicked, also where it is selected already."""
        if self.networks is not None and self.table.current >= 0:
            self.networks.reveal(self.table.current)
            self._show_chosen()

    def _look(self, row: int) -> None:
        self.table.choose([row], row)
        self._on_rows()

    def _on_looked(self, index: int) -> None:
        """The slider was moved: its network is the one selected."""
        if self.networks is None or self.networks.keys != self._keys:
            return  # other networks than those in the table: these are told of next
        if index not in self.table.chosen or index != self.table.current:
            self.table.choose([index], index)
        self._show_chosen()

    def _on_changed(self) -> None:
        """Show the networks as they are now, whoever changed them; the one on the slider is selected."""
        self._show()
        if self.networks is not None:
            self._on_looked(self.networks.current)

    def _on_removed(self, event: Any) -> None:
        """Say so where the networks' layer was taken out."""
        self._show_chosen()

    def _on_renamed(self, row: int, name: str) -> None:
        if self.networks is not None:
            self._do(self.networks.rename, row, name)

    def _on_ticked(self, row: int, shown: bool) -> None:
        """Show or hide the network, and with it all that are selected."""
        if self.networks is not None:
            rows = self.table.chosen if row in self.table.chosen else [row]
            for each in rows:
                self._do(self.networks.set_hidden, each, not shown)

    def up(self) -> None:
        """Move the network chosen last one place up."""
        self._move(self.table.current, self.table.current - 1)

    def down(self) -> None:
        """Move the network chosen last one place down."""
        self._move(self.table.current, self.table.current + 1)

    def _move(self, before: int, after: int) -> None:
        networks = self.networks
        if networks is None or before == after or not (0 <= before < len(networks) and 0 <= after < len(networks)):
            return
        order = list(range(len(networks)))
        order.insert(after, order.pop(before))
        self._do(networks.reorder, order)
        if self.table.current == before:  # what was selected moved
            self._look(after)

    def drop(self) -> None:
        """Take the selected networks out of the result."""
        if self.networks is None:
            return
        for row in reversed(self.table.chosen):
            self._do(self.networks.drop, row)

    def undo(self) -> None:
        """Bring back what was dropped last."""
        if self.networks is not None:
            self._do(self.networks.restore)

    def _do(self, change: Callable[..., Any], *given: Any) -> None:
        self._say("")
        with told(self._say):
            change(*given)
        self._show()  # also when nothing came of it: what was typed goes away

    # -- showing ------------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        networks = self.networks
        self._keys = () if networks is None else networks.keys
        if networks is None or not len(networks):
            self.table.show_rows([])
            self.courses.show_networks(None)
            self._show_chosen()
            return
        places = range(len(networks))
        colors = [QColor.fromRgbF(*(float(part) for part in networks.color(i))) for i in places]
        hidden = [networks.hidden(i) for i in places]
        each = zip(networks.names, networks.explained.tolist(), colors, hidden, strict=True)
        self.table.show_rows([NetworkRow(name, share, color, not out) for name, share, color, out in each])
        self.courses.show_networks(networks.maps, networks.keys, [legible(color) for color in colors], hidden)
        self._show_chosen()

    def _show_chosen(self) -> None:
        """What follows from the selection: the line about it, the plots, the buttons."""
        networks, row, chosen = self.networks, self.table.current, self.table.chosen
        count = 0 if networks is None else len(networks)
        self.up_button.setEnabled(0 < row < count)
        self.down_button.setEnabled(0 <= row < count - 1)
        self.drop_button.setEnabled(0 < len(chosen) < count)
        self.undo_button.setEnabled(networks is not None and bool(networks.dropped))
        self.save_button.setEnabled(count > 0)
        self.about.setText(self._in_words())
        if networks is not None:
            self.courses.choose([self._keys[i] for i in chosen])

    def _in_words(self) -> str:
        networks, chosen = self.networks, self.table.chosen
        if networks is None or not len(networks):
            return "There are no networks yet: learn some in the first tab."
        if networks.layer is None:
            return "The layer of the networks was taken out of the viewer: click a row to bring it back."
        if len(chosen) > 1:
            return f"{len(chosen)} of {len(networks)} networks selected."
        if not chosen:
            return f"{len(networks)} networks. Select a row to see one."
        share = percent(float(networks.explained[chosen[0]]))
        name = networks.names[chosen[0]]
        if not share:
            return f"{name}. How much of the variance it explains is known of learned networks only."
        return f"{name} alone explains {share} of the variance of all runs.{self._sign()}"

    def _sign(self) -> str:
        """What may be read from the sign of independent components, which have none of their own."""
        params = None if self.networks is None else self.networks.learned_with
        return "" if params is None or params.method != "ica" else f" {SIGN_OF_ICA}"

    def _say(self, sentence: str) -> None:
        self.message.setText(sentence)
        self.message.setVisible(bool(sentence))

    def _failed(self, sentence: str) -> None:
        self._say(as_sentence(sentence))

    # -- saving -------------------------------------------------------------------------------------------------------

    def _ask_save(self) -> None:
        with told(self._say):
            if path := ask_path(self, "Save the networks", "networks.nii.gz", FILES):
                self.write_maps(path)

    def write_maps(self, path: str) -> None:
        """Write the networks that are not hidden, in the background."""
        if self.networks is None:
            return
        maps = self.networks.exported
        sentence = (
            f"{Path(path).name} is saved: {len(maps)} network{'s' * (len(maps) != 1)}, names and what made them beside it."
        )

        def work(progress: Progress) -> str:
            progress(0.1, f"writing {Path(path).name}")
            save(maps, path)
            return sentence

        self.work.run(work, then=self._say)

    def _let_go(self) -> None:
        """Stop following the networks; their layers stay."""
        networks, self.networks = self.networks, None
        if networks is not None:
            networks.looked.disconnect(self._on_looked)
            networks.changed.disconnect(self._on_changed)
