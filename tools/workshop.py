"""The ROI workshop by mouse and keys in a real window, from the run to the saved atlas.

Test, threshold, intersect, dilate, label, pick, paint, measure, save: what the demo shows is what the tests do.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from tools.hands import choose, click_row, drag, press, press_tab, show
from tools.mouse import Mouse, let_work
from tools.walk import Walk


class Workshop(Walk):
    """Both widgets of the workshop in one window, whose viewer has a run that knows its design, and a mask on its grid."""

    def __init__(self, viewer: Any, folder: Path) -> None:
        super().__init__(viewer, folder)
        self.test = self.dock("ROI t-test")
        self.regions: Any = None

    # -- the steps ----------------------------------------------------------------------------------------------------

    def test_conditions(self) -> None:
        """Press Test, and wait for the maps."""
        press(self.test.test_button)
        self.wait(lambda: self.test.threshold.shown is not None and not self.test.work.busy, self.test.message)
        self.picture("tested")

    def cut(self, places: int) -> None:
        """Drag the threshold's slider some places to the right and back again; the mask follows."""
        slider = self.test.threshold.number.slider
        start = slider.value()
        voxels = [self.test.threshold.shown.mask_account.voxels]
        for goal in (start + places, start):
            drag(slider, goal)
            voxels.append(self.test.threshold.shown.mask_account.voxels)
        if not voxels[0] == voxels[2] > voxels[1]:
            raise SystemExit(f"the mask did not follow its slider: {voxels} voxels")

    def go_on(self) -> None:
        """Press the button that opens the next widget with the mask."""
        mask = self.test.threshold.shown.mask_layer
        press(self.test.next_button)
        let_work(lambda: False, 0.3)
        self.regions = self.panel("Dilation & labeling")
        if self.regions.layer_choice.layer is not mask or not self.regions.isVisible():
            raise SystemExit("the next widget did not open with the mask")

    def step(self, title: str, layer: str = "") -> None:
        """Choose a step, look at its preview, apply it."""
        edit = self.regions.edit
        press_tab(self.regions.tabs, 0)
        choose(edit.step_choice, title)
        if layer:
            choose(edit.other, layer)
        self.wait(lambda: bool(edit.account.text()), self.regions.message)
        self.picture(f"{title.lower().partition(' ')[0]} previewed")
        press(edit.apply_button)
        let_work(lambda: False, 0.4)
        self.picture(f"{title.lower().partition(' ')[0]} applied")

    def pick(self, region: int) -> None:
        """Go to a region by its row, then pick it with a click in the picture."""
        from napari_connectome.layers.spatial import to_world

        table = self.regions.table
        click_row(table, region)
        let_work(lambda: False, 0.3)
        mm = inside(self.regions.regions, region)
        world = to_world(self.regions.regions.grid, mm)
        dims = self.viewer.dims
        dims.set_point(range(dims.ndim - 3, dims.ndim), world)
        let_work(lambda: False, 0.2)
        press(self.regions.pick_button)
        Mouse(self.viewer).click(world)
        self.wait(lambda: self.regions.table.chosen == [region], self.regions.message)
        press(self.regions.pick_button)

    def paint_and_take_back(self, region: int) -> int:
        """Paint a stroke with the brush beside a region, then take it back with Ctrl+Z; return the voxels it added."""
        from napari_connectome.layers.spatial import to_world

        layer, grid = self.regions.regions.layer, self.regions.regions.grid
        before = layer.data.copy()
        world = to_world(grid, inside(self.regions.regions, region))
        self.viewer.layers.selection.active = layer
        layer.selected_label, layer.brush_size, layer.mode = region, 3, "paint"
        step = layer.scale[-3:]
        Mouse(self.viewer).drag([world + i * step * (0, 1, 1) for i in range(6)])
        let_work(lambda: False, 0.3)
        painted = int((layer.data != before).sum())
        self.picture("painted")
        layer.mode = "pan_zoom"
        canvas = self.viewer.window._qt_viewer.canvas.native
        QTest.keyClick(canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        let_work(lambda: False, 0.3)
        if painted == 0 or (layer.data != before).any():
            raise SystemExit(f"the stroke of {painted} voxels was not taken back")
        return painted

    def measure(self) -> None:
        """Press Measure, and click a point of the boxes: the viewer goes to that volume."""
        press_tab(self.regions.tabs, 1)
        measure = self.regions.measure
        press(measure.measure_button)
        self.wait(lambda: measure.results.measurement is not None and not measure.work.busy, self.regions.message)
        let_work(lambda: False, 0.3)
        before = self.viewer.dims.current_step[0]
        boxes = measure.results.boxes
        show(boxes)
        view = boxes._plot.viewport()
        let_work(lambda: False, 0.3)
        for share in (0.35, 0.5, 0.65):  # up the first box until a volume is met
            QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=place_of_box(boxes, share))
            let_work(lambda: False, 0.2)
        if self.viewer.dims.current_step[0] == before:
            raise SystemExit("a click on a box did not go to its volume")
        self.picture("measured")

    def save_all(self) -> None:
        """Save the atlas and all tables with the buttons."""
        results = self.regions.measure.results
        buttons = (self.regions.save_button, results.save_series, results.save_conditions, results.save_boxes)
        names = ("atlas.nii.gz", "region_series.tsv", "conditions.tsv", "box_values.tsv")
        for button, name in zip(buttons, names, strict=True):
            self.save(
                button, name, self.regions.message if button is self.regions.save_button else self.regions.measure.message
            )
        self.picture("saved")


def walk(viewer: Any, folder: Path, within: str) -> Workshop:
    """The whole way, with the run and the mask (by its layer's name) that are in the viewer."""
    shop = Workshop(viewer, folder)
    shop.test_conditions()
    shop.cut(60)
    shop.go_on()
    shop.step("Intersect with a layer", within)
    shop.step("Dilate")
    shop.step("Split into connected components")
    shop.pick(1)
    shop.paint_and_take_back(1)
    shop.measure()
    shop.save_all()
    return shop


# -- places ---------------------------------------------------------------------------------------------------------------


def inside(regions: Any, region: int) -> Any:
    """The voxel of a region nearest to its middle, in mm."""
    import numpy as np

    where = np.argwhere(regions.layer.data == region)
    middle = where[((where - where.mean(axis=0)) ** 2).sum(axis=1).argmin()]
    return regions.grid.to_mm(middle[::-1])


def place_of_box(boxes: Any, share: float) -> QPoint:
    """A place in the first box, up from its lower quartile."""
    from qtpy.QtCore import QPointF

    box = next(iter(boxes.boxes.values()))
    low, high = box.lower, box.upper
    scene = boxes._view.mapViewToScene(QPointF(0.0, low + share * (high - low)))
    return boxes._plot.mapFromScene(scene)
