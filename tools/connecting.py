"""A connectome by mouse and keys in a real window: an atlas, runs, the matrix, the same edges in the brain, files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QPushButton

from tools.hands import choose, drag, press, press_tab, show, type_into
from tools.mouse import Mouse, let_work
from tools.walk import Walk

WIDGET = "Connectome"
COMPUTE, MATRIX = range(2)
RADIUS = 10.0  # mm, of the regions of `atlas_of_places`
FILES = ("connectome_relmat.tsv", "connectomes.npz", "connectome.graphml")
TURN = 80
"""Pixels the mouse goes to turn the brain."""


class ConnectingWalk(Walk):
    """The widget in a window whose viewer may have runs open; those of `files` are added to its list."""

    def __init__(self, viewer: Any, folder: Path, files: list[Path] | None = None) -> None:
        super().__init__(viewer, folder)
        self.widget = self.dock(WIDGET)
        self.computing, self.look = self.widget.computing, self.widget.look
        if files:
            self.open(self.computing.runs.files_button, files)
        self.wait(lambda: not self.computing.runs.busy, self.computing.message)

    # -- from files to the matrix -------------------------------------------------------------------------------------

    def tell_tr(self, seconds: float) -> None:
        """Answer what the TR of the files is."""
        runs = self.computing.runs
        show(runs.seconds)
        type_into(runs.seconds.lineEdit(), f"{seconds:g}")
        press(runs.use_button)

    def atlas(self, path: Path, names: Path | None = None) -> None:
        """Choose an atlas file, and the file with its names where it has none beside it."""
        regions = self.computing.regions
        choose(regions.layer_choice, "atlas file")
        for button, given in ((regions.file_button, path), (regions.names_button, names)):
            if given is not None:
                self.open(button, [given])
                self.wait(lambda: not regions.busy, regions.account)
        if regions.path != str(path):
            raise SystemExit(f"the atlas was not taken: {regions.account.text()}")
        self.picture("regions and runs")

    def compute(self, kind: str = "correlation", name: str = "computed") -> None:
        """Choose what is measured, press Compute, and wait for the matrix."""
        computing, before = self.computing, self.look.connectome
        press_tab(self.widget.tabs, COMPUTE)
        choose(computing.form.plain.widget("kind"), kind)
        press(computing.compute_button)
        self.wait(lambda: not computing.work.busy, computing.message)
        if self.look.connectome is before or self.widget.tabs.currentIndex() != MATRIX:
            raise SystemExit(f"no connectome came of it: {computing.message.text()}")
        self.picture(name)

    def cancel(self) -> None:
        """Compute sparse ones of all runs, which takes long, and cancel that; what was shown stays."""
        computing, before = self.computing, self.look.connectome
        press_tab(self.widget.tabs, COMPUTE)
        choose(computing.form.choice, "sparse, all runs")
        press(computing.compute_button)
        self.wait(lambda: self._cancel_button() is not None or not computing.work.busy, computing.message)
        button = self._cancel_button()
        if button is None:
            raise SystemExit("it was over before it could be cancelled")
        self.picture("sparse on its way")
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        self.wait(lambda: not computing.work.busy, computing.message)
        if self.look.connectome is not before:
            raise SystemExit("Cancel left another connectome behind")
        choose(computing.form.choice, "each run")

    def _cancel_button(self) -> QPushButton | None:
        buttons = self.computing.findChildren(QPushButton)
        return next((each for each in buttons if each.text() == "Cancel" and each.isVisible()), None)

    # -- the matrix ---------------------------------------------------------------------------------------------------

    def order(self, how: str) -> None:
        """Choose the order of the regions with the keys."""
        choose(self.look.order_choice, how)
        let_work(lambda: False, 0.2)
        if self.look.ordering.how != how:
            raise SystemExit(f"the order {how} was chosen and {self.look.ordering.how} is shown")

    def hover(self, i: int, j: int) -> None:
        """Rest the mouse on a cell, and see whose it is."""
        matrix = self.look.matrix
        told: list[tuple[int, int]] = []
        note = _Note(told)
        matrix.hovered.connect(note.take)
        show(matrix)
        QTest.mouseMove(matrix._plot.viewport(), QPoint(2, 2))
        QTest.mouseMove(matrix._plot.viewport(), place_of_cell(matrix, i, j))
        let_work(lambda: (i, j) in told, 1.0)
        matrix.hovered.disconnect(note.take)
        if (i, j) not in told:
            raise SystemExit(f"the mouse was on the cell of {i} and {j}, and the matrix told of {told}")
        self.picture("a cell under the mouse")

    def click_cell(self, i: int, j: int, name: str = "") -> None:
        """Click a cell; its edge gets the light, and the view goes to it."""
        matrix = self.look.matrix
        show(matrix)
        QTest.mouseClick(matrix._plot.viewport(), Qt.MouseButton.LeftButton, pos=place_of_cell(matrix, i, j))
        let_work(lambda: False, 0.3)
        if matrix.lit != (i, j):
            raise SystemExit(f"the cell of {i} and {j} was clicked, and that of {matrix.lit} is marked")
        if name:
            show(self.look.pair)
            self.picture(name)

    def strongest(self) -> tuple[int, int]:
        """The two regions that go together most, in the mean of the runs."""
        matrix = np.abs(np.nan_to_num(np.tril(self.look.connectome.mean, -1)))
        i, j = np.unravel_index(int(matrix.argmax()), matrix.shape)
        return int(i), int(j)

    def share(self, percent: float) -> int:
        """Drag the slider to a share of the edges; return how many are shown."""
        slider = self.look.share.slider
        drag(slider, round(percent / 100 * slider.maximum()))
        let_work(lambda: not self.look._soon.isActive(), 1.0)
        shown = len(self.look.graph.edges_layer.data)
        if f"{shown:,} of" not in self.look.account.text():
            raise SystemExit(f"{shown} edges are in the viewer, and the matrix says: {self.look.account.text()}")
        return shown

    # -- the brain ----------------------------------------------------------------------------------------------------

    def click_region(self, i: int) -> None:
        """Click a region in the plane, and see its row marked."""
        mm = self.look.connectome.coordinates[i]
        Mouse(self.viewer).click(mm[::-1])
        self._require_the_row(i)

    def turn(self) -> None:
        """Show the brain in three dimensions, and turn it with the mouse."""
        press(self._view_button("3-D"))
        self.viewer.fit_to_view()
        before, canvas = self.viewer.scene.camera.angles, self._canvas
        start = QPoint(canvas.width() // 2 + TURN, canvas.height() // 2 - TURN)
        QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=start)
        for x in range(0, TURN, 8):
            QTest.mouseMove(canvas, start + QPoint(-x, x // 2))
            let_work(lambda: False, 0.02)
        QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=start + QPoint(-TURN, TURN // 2))
        let_work(lambda: False, 0.2)
        if np.allclose(before, self.viewer.scene.camera.angles):
            raise SystemExit("the brain did not turn with the mouse")
        self.picture("in three dimensions")

    def click_region_in_3d(self, i: int) -> None:
        """Go to a region by its cell on the diagonal, and click it in the middle of the picture."""
        other = (i + 1) % len(self.look.connectome.names)
        self.click_cell(other, other)
        self.click_cell(i, i)
        QTest.mouseClick(self._canvas, Qt.MouseButton.LeftButton, pos=self._canvas.rect().center())
        self._require_the_row(i)
        self.picture("a region and its edges")

    def plane(self, name: str = "axial") -> None:
        """Go back to a plane."""
        press(self._view_button(name))
        self.viewer.fit_to_view()
        let_work(lambda: False, 0.2)

    def _require_the_row(self, i: int) -> None:
        let_work(lambda: self.look.matrix.lit == (i, -1), 1.0)
        if self.look.matrix.lit != (i, -1):
            raise SystemExit(f"region {i} was clicked, and {self.look.matrix.lit} is marked: {self.look.pair.text()}")

    @property
    def _canvas(self) -> Any:
        return self.viewer.window._qt_viewer.canvas.native

    def _view_button(self, word: str) -> QPushButton:
        buttons = self.widget.findChildren(QPushButton)
        return next(each for each in buttons if each.text().lower() == word.lower() and each.isVisible())

    # -- files --------------------------------------------------------------------------------------------------------

    def save_all(self) -> None:
        """Save the matrix, all runs and the graph with the button."""
        for name in FILES:
            self.save(self.look.save_button, name, self.look.account)


class _Note:
    """Takes down what a signal tells."""

    def __init__(self, told: list[tuple[int, int]]) -> None:
        self._told = told

    def take(self, i: int, j: int) -> None:
        self._told.append((i, j))


def place_of_cell(matrix: Any, i: int, j: int) -> QPoint:
    """Where the middle of the cell of two regions is on the plot."""
    row, column = (int(np.flatnonzero(matrix.order == each)[0]) for each in (i, j))
    return matrix._plot.mapFromScene(matrix._view.mapViewToScene(QPointF(column + 0.5, row + 0.5)))


def atlas_of_places(folder: Path) -> Path:
    """Write an atlas of balls at the well-known places of eight networks, on a grid of 2 mm, with a table of their names."""
    import pandas as pd

    import napari_connectome as nc
    from napari_connectome.core.head import mni_grid
    from napari_connectome.core.networks import network_seeds

    seeds, grid = network_seeds(), mni_grid(2.0)
    labels = np.zeros(grid.shape, dtype=np.uint8)
    for i, mm in enumerate(seeds[["x", "y", "z"]].to_numpy(), start=1):
        labels[grid.sphere(mm, RADIUS) & (labels == 0)] = i
    table = seeds[["name", "network"]].set_index(pd.Index(range(1, len(seeds) + 1), name="index"))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "atlas_of_places.nii.gz"
    nc.save(nc.Regions(labels, grid, table), path)
    return path


def walk(
    viewer: Any,
    folder: Path,
    atlas: Path | None = None,
    names: Path | None = None,
    files: list[Path] | None = None,
    tr: float | None = None,
    order: str = "network",
) -> ConnectingWalk:
    """The whole way: atlas and runs, matrix, order, cells, share, graph, another kind at once, save."""
    way = ConnectingWalk(viewer, folder, files)
    if tr is not None:
        way.tell_tr(tr)
    way.atlas(atlas or atlas_of_places(folder), names)
    way.compute()
    way.order(order)
    way.hover(*way.strongest())
    few, many = way.share(2), way.share(10)
    if not few < many:
        raise SystemExit(f"the brain did not follow the slider: {few} edges, then {many}")
    i, j = way.strongest()
    way.click_cell(i, j, "an edge explained")
    way.turn()
    way.click_region_in_3d(j)
    way.plane()
    way.click_region(i)
    way.cancel()
    way.compute("partial correlation", "another kind at once")
    way.save_all()
    return way
