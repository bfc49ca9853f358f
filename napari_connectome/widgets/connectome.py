"""The *Connectome* dock widget: which regions go together, as a matrix and in the brain."""

from __future__ import annotations

from typing import Any

from napari.layers import Labels
from qtpy.QtWidgets import QTabWidget, QVBoxLayout, QWidget

from napari_connectome.core.connectomes import Connectome
from napari_connectome.core.values import Regions
from napari_connectome.layers.full_view import FullView
from napari_connectome.widgets.brush_following import BrushFollowing, Followed
from napari_connectome.widgets.connectome_computing import ConnectomeComputing
from napari_connectome.widgets.connectome_view import ConnectomeView
from napari_connectome.widgets.edge_testing import EdgeTesting
from napari_connectome.widgets.panel import Panel
from napari_connectome.widgets.region_choice import Chosen
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
    following : BrushFollowing
    look : ConnectomeView
    groups : EdgeTesting
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self._regions: Chosen | None = None
        self._followed: Followed | None = None
        self._view = FullView(self.viewer)  # as it was before this dock took its room
        self.computing = ConnectomeComputing(self)
        self.following = BrushFollowing(self)
        self.look = ConnectomeView(self)
        self.groups = EdgeTesting(self, self.look)
        matrix = QWidget()
        column = QVBoxLayout(matrix)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.following)
        column.addWidget(self.look)
        self.tabs = QTabWidget()
        self.tabs.addTab(self.computing, "Compute")
        self.tabs.addTab(matrix, "Matrix")
        self.tabs.addTab(self.groups, "Groups")
        for tab in (LOOK, GROUPS):
            self.tabs.setTabEnabled(tab, False)
        self.column.addWidget(ViewBar(self.viewer))
        self.column.addWidget(self.tabs)
        self.computing.computed.connect(self._on_computed)
        self.tabs.currentChanged.connect(self._on_tab)
        self.following.followed.connect(self._on_followed)
        self.following.rested.connect(self._on_rested)

    def _on_computed(self, found: Connectome) -> None:
        self._regions, self._followed = self.computing.used, None
        kept = self.computing.kept
        read = None if kept is None else kept.read
        self.look.show_connectome(found, self.computing.used, read, self.computing.provenance, self.computing.last)
        if self.computing.regions.are_spheres:
            self.look.graph.names(False)  # the seeds have theirs
        self.groups.take(found, self.computing)
        self.tabs.setTabEnabled(GROUPS, len(found) > 1)
        self._view.restore(self.viewer)
        self.tabs.setTabEnabled(LOOK, True)
        self.tabs.setCurrentIndex(LOOK)
        self.bring(self.tabs.tabBar())  # the account that has come is in the other tab
        last = self.computing.last
        if last is not None and isinstance(last.layer, Labels):
            self.following.begin(last, last.layer)
        else:
            self.following.drop()

    def _on_followed(self, found: Followed) -> None:
        self._followed = found
        self.look.renew(found.connectome, self._regions, found.read)

    def _on_rested(self, regions: Regions) -> None:
        self._regions = regions
        if self._followed is not None:
            self.look.renew(self._followed.connectome, regions, self._followed.read)
            self.groups.renew(self._followed.connectome)
        self.look.finish()

    def _on_tab(self, tab: int) -> None:
        """The edges in the viewer are those of the matrix, or of the test that is looked at."""
        self.groups.to_front(tab == GROUPS)
