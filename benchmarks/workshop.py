"""The ROI workshop's live steps to new pixels, in a real window on a grid of 2 mm: threshold, dilation, components."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import measure
from benchmarks.screen import WINDOW, Screen
from napari_connectome.core.grid import Grid
from napari_connectome.core.values import Run
from tools.mouse import let_work

SHAPE = (91, 109, 91)  # z, y, x
VOLUMES = 40
STEPS = 60
PATIENCE = 60.0  # seconds
TARGET = 0.05  # seconds
LIMITS = (20, 240)
"""Where the threshold's slider goes, of 400 places: from tens of thousands of voxels in hundreds of clusters to a few."""


def rows() -> list[measure.Row]:
    """Move the slider, the number of dilations, and the connectivity; time each until it is on the screen."""
    import napari

    viewer = napari.Viewer()
    viewer.window.resize(*WINDOW)
    try:
        _add_run(viewer)
        test = _tested(viewer)
        threshold, voxels = _threshold(viewer, test)
        test.threshold.number.slider.setValue(80)
        let_work(lambda: False, 0.5)
        test.next_button.click()
        regions = _panel(viewer, "Dilation & labeling")
        let_work(lambda: False, 0.5)
        kept = int((regions.regions.layer.data > 0).sum())
        dilated = _previews(viewer, regions, "Dilate", "iterations", (1, 2, 3))
        parts = _previews(viewer, regions, "Split into connected components", "connectivity", (6, 18, 26))
        count = len(regions.edit.make().edit.sources)
    finally:
        viewer.close()
    grid = "×".join(map(str, SHAPE[::-1]))
    return [
        _row(f"threshold slider to new mask, {grid}", threshold, f"The mask goes from {voxels[0]:,} to {voxels[1]:,} voxels."),
        _row(f"dilation preview (1 to 3 iterations), {grid}", dilated, f"Of a mask of {kept:,} voxels."),
        _row(
            f"component labeling preview, {grid}",
            parts,
            f"Of the same mask, in {count} parts (6, 18 and 26 neighbours in turn).",
        ),
    ]


def _row(what: str, seconds: list[float], note: str) -> measure.Row:
    taken, p95 = measure.Times(seconds), statistics.quantiles(seconds, n=20)[-1]
    return measure.Row(what, taken, memory=f"p95 {p95 * 1e3:.0f} ms", target="≤ 50 ms", met=taken.median <= TARGET, note=note)


def _add_run(viewer: Any) -> None:
    """A run of noise in a head-sized ellipsoid, with balls that answer to one of two conditions."""
    from napari_connectome.layers.samples import run_layer

    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = (-90, -126, -72)
    grid = Grid(SHAPE, affine)
    rng = np.random.default_rng(3)
    z, y, x = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    brain = ((z - 45) / 36) ** 2 + ((y - 54) / 46) ** 2 + ((x - 45) / 36) ** 2 < 1
    labels = np.repeat(np.tile(["face", "house"], VOLUMES // 10), 5)
    data = np.where(brain, rng.normal(1000, 20, (VOLUMES, *SHAPE)).astype(np.float32), 0).astype(np.int16)
    for condition in ("face", "house"):
        for centre in rng.uniform((-50, -68, -32), (50, 32, 68), (12, 3)):
            ball = grid.sphere(centre, 9.0) & brain
            data[np.ix_(labels == condition)] += (12 * ball).astype(np.int16)
    pixels, about, _ = run_layer(
        Run(data, grid, 2.0, name="task"), "task", labels_table=pd.DataFrame({"labels": labels, "chunks": 0})
    )
    viewer.add_image(pixels, **about)


def _panel(viewer: Any, name: str) -> Any:
    return next(dock for key, dock in viewer.window.dock_widgets.items() if key.startswith(name))


def _tested(viewer: Any) -> Any:
    _, widget = viewer.window.add_plugin_dock_widget("napari-connectome", "ROI t-test")
    widget.test_button.click()
    if not let_work(lambda: widget.threshold.shown is not None and not widget.work.busy, PATIENCE):
        raise SystemExit(f"the run could not be tested: {widget.message.text() or 'it took too long'}")
    viewer.reset_view()
    let_work(lambda: False, 1.0)
    return widget


def _threshold(viewer: Any, widget: Any) -> tuple[list[float], tuple[int, int]]:
    """Seconds of each step of the slider, and the largest and smallest mask."""
    slider, shown, counts = widget.threshold.number.slider, widget.threshold.shown, []

    def step(place: int) -> None:
        slider.setValue(place)
        counts.append(shown.mask_account.voxels)

    places = np.linspace(*LIMITS, STEPS).astype(int).tolist()
    seconds = _each(viewer, shown.mask_layer, step, places)
    if shown.mask_layer.data.sum() != counts[-1] or counts[-1] >= counts[0]:
        raise SystemExit(f"the mask did not follow its slider: {counts[0]} to {counts[-1]} voxels")
    return seconds, (max(counts), min(counts))


def _previews(viewer: Any, panel: Any, title: str, field: str, values: tuple[int, ...]) -> list[float]:
    """Seconds from each change of a step's parameter, through these values in turn, to its preview on the screen."""
    edit = panel.edit
    edit.step_choice.setCurrentIndex(edit.step_choice.findText(title))
    if not let_work(lambda: edit.preview.layer is not None, PATIENCE):
        raise SystemExit(f"there is no preview of {title}: {edit.account.text()}")
    let_work(lambda: False, 0.5)
    box = edit._forms[title].container[field]

    def step(value: int) -> None:
        box.value = value

    turns = [values[i % len(values)] for i in range(1, STEPS + 1)]
    seconds = _each(viewer, edit.preview.layer, step, turns)
    made = edit.make().edit.labels
    if not np.array_equal(edit.preview.layer.data > 0, made > 0):
        raise SystemExit(f"the preview of {title} is not what would be made")
    return seconds


def _each(viewer: Any, layer: Any, step: Callable[[int], None], values: list[int]) -> list[float]:
    screen = Screen(viewer, layer)
    seconds = screen.times(partial(step, value) for value in values)
    screen.close()
    return seconds
