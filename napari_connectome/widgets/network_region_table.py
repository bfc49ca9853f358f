"""The table of regions of networks: what each is called, its size and its peak are read in a dock as it is at first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QWidget

from napari_connectome.widgets.region_table import COLUMNS, NAME, Color, RegionTable

KEYS = [column.key for column in COLUMNS]
LEFT_OUT = ("voxels", "x", "y", "z", "hemisphere", "peak_x", "peak_y", "peak_z")
BESIDE = {"index": 56, "size_mm3": 60, "peak_at": 80}
"""Columns seen beside the name, with widths."""
ORDER = ("index", "name", "size_mm3", "peak_at", "network")
NARROWEST = 66


class NetworkRegionTable(RegionTable):
    """A table whose names take what room the columns that count leave; the network stands where no name says it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, without=LEFT_OUT)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # names of one network's regions differ in their last letter
        across = self.horizontalHeader()
        for key, width in BESIDE.items():
            self.setColumnWidth(KEYS.index(key), width)
        for place, key in enumerate(ORDER):
            across.moveSection(across.visualIndex(KEYS.index(key)), place)

    def show_table(self, table: pd.DataFrame, origins: Mapping[int, str], color: Color) -> None:
        """Show other regions."""
        super().show_table(table, origins, color)
        if "network" in table:
            pairs = zip(table["name"], table["network"], strict=True)
            said = all(f"{name} ".startswith(f"{network} ") for name, network in pairs)
            self.setColumnHidden(KEYS.index("network"), said)

    def resizeEvent(self, event: Any) -> None:  # noqa: N802
        """Give the names another width."""
        super().resizeEvent(event)
        self.setColumnWidth(NAME, max(NARROWEST, self.viewport().width() - sum(BESIDE.values())))
