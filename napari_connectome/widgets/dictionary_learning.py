"""The *Dictionary-learning regions* dock widget: networks learned from many runs, browsed, and taken apart into regions."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Layer
from napari.utils.notifications import show_warning
from qtpy.QtWidgets import QTabWidget, QWidget

from napari_connectome.analyses.networks import NetworkMaps, Sketch
from napari_connectome.core.errors import InputError
from napari_connectome.core.grid import Grid
from napari_connectome.core.values import Volume
from napari_connectome.layers.full_view import FullView
from napari_connectome.layers.map_stack import MAPS, is_stack
from napari_connectome.layers.network_layers import NetworkLayers
from napari_connectome.layers.orientation import look_at
from napari_connectome.layers.spatial import grid_of, info, to_world
from napari_connectome.widgets.layer_choice import LayerChoice
from napari_connectome.widgets.network_browser import NetworkBrowser
from napari_connectome.widgets.network_learning import NetworkLearning
from napari_connectome.widgets.network_regions import NetworkRegions
from napari_connectome.widgets.panel import Panel, row
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
    networks, others : NetworkLayers
        Those learned here, and those of a layer that was chosen to be browsed.
    choice : LayerChoice
        Which of them are browsed.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self._view = FullView(self.viewer)  # as it was before this dock took its room
        self.networks = NetworkLayers(self.viewer)
        self._looked_at: Array | None = None  # the place (z, y, x) that was brought before the eyes while learning
        self.others = NetworkLayers(self.viewer, "maps of a layer")
        self.at_end(self.networks.close)
        self.at_end(self.others.close)
        self.learning = NetworkLearning(self)
        self.browser = NetworkBrowser(self)
        self.regions = NetworkRegions(self)
        self.tabs = QTabWidget()
        for part, title in ((self.learning, "Learn"), (self.browser, "Networks"), (self.regions, "Regions")):
            self.tabs.addTab(part, title)
        self.choice = LayerChoice(self.viewer, _fits, instead="learned here")
        self.choice.setToolTip("What to browse and to take apart: the networks learned here, or the maps of a layer.")
        self.at_end(self.choice.close_choice)
        self._choice_row = QWidget()
        line = row("Networks", self.choice)
        line.setContentsMargins(0, 0, 0, 0)
        self._choice_row.setLayout(line)
        self.column.addWidget(ViewBar(self.viewer))
        self.column.addWidget(self._choice_row)
        self.column.addWidget(self.tabs)
        self.learning.reduced.connect(self._on_reduced)
        self.learning.sketched.connect(self._on_sketch)
        self.learning.learned.connect(self._on_learned)
        self.learning.stopping.connect(self._drop_sketch)
        self.learning.ended.connect(self._drop_sketch)
        self.at_end(self._drop_sketch)
        self.tabs.currentChanged.connect(self._on_tab)
        self.choice.chosen.connect(self._on_choice)
        for event in (self.viewer.layers.events.inserted, self.viewer.layers.events.removed):
            self.follow(event, self._show_tabs)
        self._show_tabs()

    def _on_reduced(self, mean: Volume | None) -> None:
        self.networks.begin_sketch()
        self.learning.background.lend(mean)
        self._view.restore(self.viewer)

    def _on_sketch(self, sketch: Sketch) -> None:
        self.networks.sketch(sketch)
        if self._looked_at is None and self._is_new(sketch.mask.grid):
            weights = np.zeros(sketch.mask.grid.shape, dtype=np.float32)
            weights[np.asarray(sketch.mask.data) > 0] = sketch.maps[self.networks.sketched]
            self._look_at_peak(weights, sketch.mask.grid)
        self._view.restore(self.viewer)

    def _on_learned(self, maps: NetworkMaps, mean: Volume | None) -> None:
        first = self._is_new(maps.grid)
        self.networks.show(maps)
        self.learning.background.show(mean)
        if first and (self._looked_at is None or np.allclose(self.viewer.dims.point[-3:], self._looked_at)):
            self._look_at_peak(maps.data[self.networks.current], maps.grid)
        self._view.restore(self.viewer)
        self.choice.layer = None
        self._browse()
        self._show_tabs()

    def _is_new(self, grid: Grid) -> bool:
        """Whether nobody has seen networks on this grid yet."""
        layer = self.networks.layer
        return layer is None or not grid_of(layer).matches(grid)

    def _look_at_peak(self, weights: Array, grid: Grid) -> None:
        """Bring the strongest weight (z, y, x) of a network before the eyes."""
        peak = np.unravel_index(np.abs(weights).argmax(), weights.shape)
        look_at(self.viewer, to_world(grid, grid.to_mm(np.array(peak[::-1]))))
        self._looked_at = np.array(self.viewer.dims.point[-3:])

    def _drop_sketch(self) -> None:
        """Take away what was shown while it learned."""
        self._looked_at = None
        self.learning.background.take_back()
        self.networks.drop_sketch()

    def _on_tab(self, tab: int) -> None:
        """Where nothing was learned, browse the maps there are."""
        if tab != LEARN and not len(self.networks) and self.choice.layer is None:
            self.choice.layer = next((layer for layer in reversed(self.viewer.layers) if _fits(layer)), None)
        self._show_tabs()

    def _on_choice(self, layer: Any) -> None:
        """Browse the maps of another layer in place of those of before."""
        before = self.browser.networks
        if before is not None and before.layer is not None:
            before.layer.visible = False
        try:
            if layer is not None:
                self.others.take(layer)
        except InputError as error:  # it lies askew, say
            self.choice.layer = None
            show_warning(str(error))
            return
        self._browse()
        if self.browser.networks is not None and self.browser.networks.layer is not None:
            self.browser.networks.layer.visible = True

    def _browse(self) -> None:
        networks = self.networks if self.choice.layer is None else self.others
        sources = self.learning.sources
        if networks is self.others and not sources:
            with suppress(InputError):  # the list says itself what is wrong with its runs
                sources = self.learning.runs.sources()
        shown = networks if len(networks) else None
        self.browser.set_networks(shown, sources, networks.learned_with or self.learning.params)
        self.regions.set_networks(shown)

    def _show_tabs(self, event: Any = None) -> None:
        """There is something to browse once there are networks."""
        others = any(_fits(layer) for layer in self.viewer.layers)
        for tab in (BROWSE, REGIONS):
            self.tabs.setTabEnabled(tab, len(self.networks) > 0 or others)
        self._choice_row.setVisible(others and self.tabs.currentIndex() != LEARN)


def _fits(layer: Layer) -> bool:
    """Whether a layer holds maps that nobody keeps renewing."""
    return is_stack(layer) and info(layer).get("role") == MAPS
