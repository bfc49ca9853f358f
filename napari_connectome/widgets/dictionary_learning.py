"""The *Dictionary-learning regions* dock widget: networks learned from many runs, browsed, and taken apart into regions."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QTabWidget

from napari_connectome.analyses.networks import NetworkMaps, Sketch
from napari_connectome.layers.full_view import FullView
from napari_connectome.layers.network_layers import NetworkLayers
from napari_connectome.widgets.network_browser import NetworkBrowser
from napari_connectome.widgets.network_learning import NetworkLearning
from napari_connectome.widgets.network_regions import NetworkRegions
from napari_connectome.widgets.panel import Panel
from napari_connectome.widgets.view import ViewBar

LEARN, BROWSE, REGIONS = range(3)


class DictionaryLearningRegions(Panel):
    """Networks and regions, learned from many runs.

    Parameters
    ----------
    napari_viewer : napari.Viewer

    Attributes
    ----------
    learning : NetworkLearning
    browser : NetworkBrowser
    regions : NetworkRegions
    networks : NetworkLayers
        The networks in the viewer.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self._view = FullView(self.viewer)  # as it was before this dock took its room
        self.networks = NetworkLayers(self.viewer)
        self.at_end(self.networks.close)
        self.learning = NetworkLearning(self)
        self.browser = NetworkBrowser(self)
        self.regions = NetworkRegions(self)
        self.tabs = QTabWidget()
        for part, title in ((self.learning, "Learn"), (self.browser, "Networks"), (self.regions, "Regions")):
            self.tabs.addTab(part, title)
        self.column.addWidget(ViewBar(self.viewer))
        self.column.addWidget(self.tabs)
        self.learning.sketched.connect(self._on_sketch)
        self.learning.learned.connect(self._on_learned)
        self.learning.ended.connect(self.networks.drop_sketch)
        self._show_tabs()

    def _on_sketch(self, sketch: Sketch) -> None:
        self.networks.sketch(sketch)
        self._view.restore(self.viewer)

    def _on_learned(self, maps: NetworkMaps) -> None:
        self.networks.show(maps)
        self._view.restore(self.viewer)
        self.browser.set_networks(self.networks, self.learning.sources, self.learning.params)
        self.regions.set_networks(self.networks)
        self._show_tabs()

    def _show_tabs(self) -> None:
        """There is something to browse once there are networks."""
        for tab in (BROWSE, REGIONS):
            self.tabs.setTabEnabled(tab, len(self.networks) > 0)
