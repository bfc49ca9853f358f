"""A menu of well-known seeds, by network."""

from __future__ import annotations

from typing import Any

import pandas as pd
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QMenu, QWidget

from napari_connectome.core.networks import network_seeds


class SeedPresets(QMenu):
    """Networks and their seeds.

    Attributes
    ----------
    seeds_chosen : Signal(DataFrame)
        Columns name, x, y, z, in MNI mm.
    """

    seeds_chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        for network, seeds in network_seeds().groupby("network", sort=False):
            part = self.addMenu(str(network))
            part.addAction(f"all {len(seeds)} seeds").setData(seeds)
            part.addSeparator()
            for row in range(len(seeds)):
                seed = seeds.iloc[row]
                part.addAction(f"{seed['name']}  ({seed.x:g}, {seed.y:g}, {seed.z:g})").setData(seeds.iloc[[row]])
        self.triggered.connect(self._on_triggered)

    def _on_triggered(self, action: Any) -> None:
        seeds: pd.DataFrame = action.data()
        self.seeds_chosen.emit(seeds[["name", "x", "y", "z"]])
