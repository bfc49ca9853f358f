"""The *Connectome* dock widget: which regions go together, as a matrix and in the brain."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QTabWidget

from napari_connectome.core.connectomes import Connectome
from napari_connectome.layers.full_view import FullView
from napari_connectome.widgets.connectome_computing import ConnectomeComputing
from napari_connectome.widgets.connectome_view import ConnectomeView
from napari_connectome.widgets.edge_testing import EdgeTesting
from napari_connectome.widgets.panel import Panel
from napari_connectome.widgets.view import ViewBar

COMPUTE, LOOK, GROUPS = range(3)


class Connectomes(Panel):
    """Connectomes of runs, computed and looked at.

    Parameters
    ----------
    napari_viewer : napari.Viewer

    Attributes
    ----------
    computing : ConnectomeComputing
    look : ConnectomeView
    groups : EdgeTesting
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self._view = FullView(self.viewer)  # as it was before this dock took its room
        self.computing = ConnectomeComputing(self)
        self.look = ConnectomeView(self)
        self.groups = EdgeTesting(self, self.look)
        self.tabs = QTabWidget()
        self.tabs.addTab(self.computing, "Compute")
        self.tabs.addTab(self.look, "Matrix")
        self.tabs.addTab(self.groups, "Groups")
        for tab in (LOOK, GROUPS):
            self.tabs.setTabEnabled(tab, False)
        self.column.addWidget(ViewBar(self.viewer))
        self.column.addWidget(self.tabs)
        self.computing.computed.connect(self._on_computed)
        self.tabs.currentChanged.connect(self._on_tab)

    def _on_computed(self, found: Connectome) -> None:
        kept = self.computing.kept
        self.look.show_connectome(found, self.computing.used, None if kept is None else kept.read, self.computing.provenance)
        if self.computing.regions.are_spheres:
            self.look.graph.names(False)  # the seeds have theirs
        self.groups.take(found, self.computing)
        self.tabs.setTabEnabled(GROUPS, len(found) > 1)
        self._view.restore(self.viewer)
        self.tabs.setTabEnabled(LOOK, True)
        self.tabs.setCurrentIndex(LOOK)
        self.bring(self.tabs.tabBar())  # the account that has come is in the other tab

    def _on_tab(self, tab: int) -> None:
        """The edges in the viewer are those of the matrix, or of the test that is looked at."""
        self.groups.to_front(tab == GROUPS)
