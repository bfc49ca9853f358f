"""The *Dictionary-learning regions* dock widget: networks learned from many runs, browsed, and taken apart into regions."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from qtpy.QtWidgets import QTabWidget

from napari_connectome.analyses.networks import NetworkMaps, Sketch
from napari_connectome.core.grid import Grid
from napari_connectome.core.values import Volume
from napari_connectome.layers.full_view import FullView
from napari_connectome.layers.network_layers import NetworkLayers
from napari_connectome.layers.orientation import look_at
from napari_connectome.layers.spatial import to_world
from napari_connectome.widgets.network_browser import NetworkBrowser
from napari_connectome.widgets.network_learning import NetworkLearning
from napari_connectome.widgets.network_regions import NetworkRegions
from napari_connectome.widgets.panel import Panel
from napari_connectome.widgets.view import ViewBar

Array = npt.NDArray[Any]

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
        self._looked_at: Array | None = None  # the place (z, y, x) that was brought before the eyes while learning
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
        self.learning.stopping.connect(self._on_stopping)
        self.learning.ended.connect(self._drop_sketch)
        self._drop_soon = self.timer(0, self._drop_sketch)
        self.at_end(self._drop_sketch)
        self._show_tabs()

    def _on_sketch(self, sketch: Sketch, mean: Volume | None) -> None:
        self.networks.sketch(sketch)
        self.learning.background.lend(mean)
        if self._looked_at is None and not len(self.networks):
            weights = np.zeros(sketch.mask.grid.shape, dtype=np.float32)
            weights[np.asarray(sketch.mask.data) > 0] = sketch.maps[self.networks.sketched]
            self._look_at_peak(weights, sketch.mask.grid)
        self._view.restore(self.viewer)

    def _on_learned(self, maps: NetworkMaps, mean: Volume | None) -> None:
        first = not len(self.networks)
        self.networks.show(maps)
        self.learning.background.show(mean)
        if first and (self._looked_at is None or np.allclose(self.viewer.dims.point[-3:], self._looked_at)):
            self._look_at_peak(maps.data[self.networks.current], maps.grid)
        self._view.restore(self.viewer)
        self.browser.set_networks(self.networks, self.learning.sources, self.learning.params)
        self.regions.set_networks(self.networks)
        self._show_tabs()

    def _look_at_peak(self, weights: Array, grid: Grid) -> None:
        """Bring the strongest weight (z, y, x) of a network before the eyes."""
        peak = np.unravel_index(np.abs(weights).argmax(), weights.shape)
        look_at(self.viewer, to_world(grid, grid.to_mm(np.array(peak[::-1]))))
        self._looked_at = np.array(self.viewer.dims.point[-3:])

    def _on_stopping(self) -> None:
        """Show at once what was seen before; the layers go right after."""
        self.networks.hide_sketch()
        self.learning.background.hide()
        self._drop_soon.start()

    def _drop_sketch(self) -> None:
        """Take away what was shown while it learned."""
        self._drop_soon.stop()
        self._looked_at = None
        with self.viewer.layers.batched_update():  # napari cleans up once
            self.learning.background.take_back()
            self.networks.drop_sketch()

    def _show_tabs(self) -> None:
        """There is something to browse once there are networks."""
        for tab in (BROWSE, REGIONS):
            self.tabs.setTabEnabled(tab, len(self.networks) > 0)
