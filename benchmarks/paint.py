"""From a stroke of the brush to new pixels: a region painted in a real window over a run of 2 mm, and grown by correlation."""

from __future__ import annotations

import statistics
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import data, measure
from benchmarks.drag import PATIENCE
from benchmarks.screen import WINDOW, Screen
from tools.mouse import Mouse, let_work

STEPS = 42
"""Moves of the mouse in a stroke: 3.4 mm each, more than the diagonal of a voxel, so that each changes the region."""
RADIUS = 25.0  # mm, of the circle that is painted
BRUSH = 5  # voxels
PLACES = range(390, 230, -4)
"""Where the slider of r goes, of 400 places between -1 and 1."""


def rows(folder: Path) -> list[measure.Row]:
    """Paint a circle in napari alone, then with its map; erase half of it; compare the map with a fresh one; grow it."""
    import napari

    path = data.make(data.LARGE, folder)
    viewer = napari.Viewer()
    viewer.window.resize(*WINDOW)
    try:
        viewer.open(path, plugin="napari-connectome")
        bare = measure.Times(_paint_bare(viewer))
        widget = _prepared(viewer)
        widget.live.region.new.click()
        layer, shown = widget.live.region.layer_choice.layer, widget.live.shown
        painted = _stroke(viewer, layer, shown.layer, "paint", _circle())
        erased = _stroke(viewer, layer, shown.layer, "erase", _circle()[: STEPS // 2])
        widget.live.finish()
        _require_the_fresh_map(widget, layer)
        voxels = len(shown.mapper.seed)
        grown = _grow(viewer, widget)
    finally:
        viewer.close()
    seconds = painted + erased
    return [
        _row(
            f"brush stroke to new map, {len(seconds)} moves in a window of {WINDOW[0]}×{WINDOW[1]}, {data.LARGE.describe}",
            seconds,
            f"Each move of the brush (ball of {2 * BRUSH} mm) was painted or erased, and its map drawn with it; the map of "
            f"the {voxels} voxels left is bit for bit that of a fresh computation. Painting over the same run in napari "
            f"alone, without map or widget, takes {bare} in this window. The screen is drawn by the processor here (llvmpipe).",
        ),
        _row(f"grow by correlation, slider to preview, {data.LARGE.describe}", grown, ""),
    ]


def _row(what: str, seconds: list[float], note: str) -> measure.Row:
    taken, p95 = measure.Times(seconds), statistics.quantiles(seconds, n=20)[-1]
    return measure.Row(
        what, taken, memory=f"p95 {p95 * 1e3:.0f} ms", target="≤ 50 ms", met=taken.median <= 0.05 and p95 <= 0.05, note=note
    )


def _prepared(viewer: Any) -> Any:
    _, widget = viewer.window.add_plugin_dock_widget("napari-connectome", "Correlation map")
    widget.live.seed_from.setCurrentIndex(widget.live.seed_from.findData("region"))
    widget.prepare()
    if not let_work(lambda: widget.live.shown is not None and not widget.work.busy, PATIENCE):
        raise SystemExit(f"the run could not be prepared: {widget.message.text() or 'it took too long'}")
    return widget


def _paint_bare(viewer: Any) -> list[float]:
    """The same stroke in a labels layer of napari's, which no map follows."""
    from napari_connectome.layers.spatial import grid_of, layer_kwargs

    grid = grid_of(viewer.layers[0])
    layer = viewer.add_labels(np.zeros(grid.shape, dtype=np.uint16), **layer_kwargs(grid))
    layer.n_edit_dimensions = 3
    seconds = _stroke(viewer, layer, layer, "paint", _circle(), event="labels_update")
    viewer.layers.remove(layer)
    return seconds


def _circle() -> np.ndarray[Any, Any]:
    """Places (mm) on most of a circle in the plane of the seed."""
    angle = np.linspace(0, 1.8 * np.pi, STEPS + 1)
    x, y, z = data.LARGE.seed
    return np.column_stack([x + RADIUS * np.cos(angle), y + 30 + RADIUS * np.sin(angle), np.full(STEPS + 1, z)])


def _stroke(viewer: Any, layer: Any, watched: Any, mode: str, path: Any, event: str = "set_data") -> list[float]:
    """Paint or erase along a path; seconds from each move of the mouse to the watched layer's new pixels."""
    from napari_connectome.layers.spatial import grid_of, to_world

    places = [to_world(grid_of(viewer.layers[0]), mm) for mm in path]
    viewer.dims.set_point(range(viewer.dims.ndim - 3, viewer.dims.ndim), places[0])
    viewer.reset_view()
    viewer.layers.selection.active, layer.mode, layer.brush_size = layer, mode, BRUSH
    let_work(lambda: False, 1.0)
    mouse, screen = Mouse(viewer), Screen(viewer, watched, event)
    mouse.press(places[0])
    let_work(lambda: False, 0.3)
    seconds = screen.times(partial(mouse.move, place) for place in places[1:])
    mouse.release(places[-1])
    screen.close()
    return seconds


def _grow(viewer: Any, widget: Any) -> list[float]:
    """Move the slider of r; seconds from each step to the preview's new pixels."""
    grow = widget.live.grow
    grow.expand()
    let_work(lambda: grow.preview.layer is not None, 5.0)
    let_work(lambda: False, 1.0)
    screen = Screen(viewer, grow.preview.layer)
    seconds = screen.times(partial(grow.r.slider.setValue, place) for place in PLACES)
    screen.close()
    return seconds


def _require_the_fresh_map(widget: Any, layer: Any) -> None:
    from napari_connectome.core.values import Volume

    mapper, shown = widget.live.shown.mapper, widget.live.shown.layer.data.copy()
    mapper.select(np.empty(0, dtype=np.int64))
    fresh = mapper.map(Volume(layer.data == 1, mapper.grid)).data
    measure.require_agreement("the map at the end of the strokes", float(np.abs(shown - fresh).max()), 0.0)
