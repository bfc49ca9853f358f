"""Networks by mouse and keys in a real window: learn, cancel, learn, browse, regions, one network, save."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QPushButton

from tools.hands import choose, press, press_tab, show, type_into
from tools.mouse import let_work
from tools.walk import Walk

WIDGET = "Dictionary-learning regions"
LEARN, NETWORKS, REGIONS = range(3)
PCC = (0.0, -52.0, 18.0)  # mm; the posterior cingulate


class LearningWalk(Walk):
    """The widget in a window whose viewer may have runs open; those of `files` are added to its list."""

    def __init__(self, viewer: Any, folder: Path, files: list[Path] | None = None) -> None:
        super().__init__(viewer, folder)
        self.widget = self.dock(WIDGET)
        self.learning = self.widget.learning
        if files:
            self.learning.runs.add_files([str(path) for path in files])
        self.wait(lambda: not self.learning.runs.busy, self.learning.message)

    def tell_tr(self, seconds: float) -> None:
        """Answer what the TR of the files is."""
        runs = self.learning.runs
        show(runs.seconds)
        type_into(runs.seconds.lineEdit(), f"{seconds:g}")
        press(runs.use_button)

    def set(self, field: str, value: str) -> None:
        """Type a number into a field of the form."""
        box = self.learning.form.widget(field)
        show(box)
        type_into(box.lineEdit(), value)

    def preview_mask(self) -> None:
        """Look at the mask, and take it away again."""
        learning = self.learning
        press(learning.preview_button)
        self.wait(lambda: learning.preview.layer is not None and not learning.work.busy, learning.message)
        self.picture("mask")
        press(learning.preview_button)

    def cancel(self) -> float:
        """Press Learn for something that takes long, and Cancel; return the seconds until it has stopped."""
        learning, before = self.learning, [layer.name for layer in self.viewer.layers]
        method, starts = learning.form.widget("method"), learning.more.widget("n_init")
        usual = method.currentText(), starts.text()
        choose(method, "ica")
        type_into(starts.lineEdit(), "100")
        press(learning.learn_button)
        self.wait(lambda: self._cancel_button() is not None or not learning.work.busy, learning.message)
        cancel = self._cancel_button()
        if cancel is None:
            raise SystemExit("learning was over before it could be cancelled")
        start = time.perf_counter()
        QTest.mouseClick(cancel, Qt.MouseButton.LeftButton)
        self.wait(lambda: not learning.work.busy, learning.message)
        seconds = time.perf_counter() - start
        if [layer.name for layer in self.viewer.layers] != before:
            raise SystemExit(f"Cancel left layers behind: {[layer.name for layer in self.viewer.layers]}")
        self.picture("cancelled")
        choose(method, usual[0])
        type_into(starts.lineEdit(), usual[1])
        return seconds

    def _cancel_button(self) -> QPushButton | None:
        buttons = self.learning.findChildren(QPushButton)
        return next((each for each in buttons if each.text() == "Cancel" and each.isVisible()), None)

    def learn(self, name: str = "learned") -> None:
        """Press Learn, and wait for the networks."""
        learning, networks = self.learning, self.widget.networks
        maps = networks.maps if len(networks) else None
        press(learning.learn_button)
        self.wait(lambda: not learning.work.busy and len(networks) > 0 and networks.maps is not maps, learning.message)
        self.picture(name)

    def strongest_at(self, mm: tuple[float, float, float]) -> int:
        """The network with the largest weight at a place."""
        maps = self.widget.networks.maps
        x, y, z = maps.grid.to_voxel(mm).round().astype(int)
        return int(maps.data[:, z, y, x].argmax())

    def browse(self, row: int, name: str) -> None:
        """Go to a network by its row, rename it, and wait for its time course."""
        browser = self.widget.browser
        press_tab(self.widget.tabs, NETWORKS)
        table = browser.table
        show(table)
        cell = table.visualRect(table.model().index(row, 1))
        QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=cell.center())
        let_work(lambda: False, 0.2)
        if self.widget.networks.current != row:
            raise SystemExit(f"row {row} was clicked and network {self.widget.networks.current} is shown")
        self.wait(lambda: not browser.courses.work.busy, browser.courses.message)
        self.widget.networks.rename(row, name)
        let_work(lambda: False, 0.3)
        self.picture("network")

    def regions(self) -> None:
        """Take the networks apart."""
        regions = self.widget.regions
        press_tab(self.widget.tabs, REGIONS)
        press(regions.extract_button)
        self.wait(lambda: regions.regions is not None and not regions.work.busy, regions.message)
        self.picture("regions")

    def one_network(self) -> None:
        """Show the regions of the network shown only."""
        press(self.widget.regions.only)
        let_work(lambda: False, 0.4)
        self.picture("one network")

    def save_all(self) -> None:
        """Save networks and atlas with the buttons."""
        regions = self.widget.regions
        self.save(regions.save_button, "network_regions.nii.gz", regions.message)
        self.save(regions.save_maps_button, "network_regions_maps.nii.gz", regions.message)
        press_tab(self.widget.tabs, NETWORKS)
        browser = self.widget.browser
        self.save(browser.save_button, "networks.nii.gz", browser.message)


def walk(
    viewer: Any, folder: Path, files: list[Path] | None = None, tr: float | None = None, networks: int = 8, fwhm: float = 4.0
) -> LearningWalk:
    """The whole way: learn, cancel, learn two networks more, look at one, its regions, save."""
    way = LearningWalk(viewer, folder, files)
    if tr is not None:
        way.tell_tr(tr)
    way.set("n_components", f"{networks}")
    way.set("fwhm", f"{fwhm:g}")
    way.preview_mask()
    way.learn()
    way.cancel()
    way.set("n_components", f"{networks + 2}")
    way.learn("learned again")
    way.browse(way.strongest_at(PCC), "default mode")
    way.regions()
    way.one_network()
    way.save_all()
    return way
