"""From a stroke of the brush to a new connectome: a region of an atlas painted in a real window over a run of 2 mm."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import data, measure, region_series
from benchmarks.screen import WINDOW, All, Page, Screen
from tools.mouse import Mouse, let_work

STEPS = 42
"""Moves of the mouse in a stroke, each more than a voxel long."""
RADIUS = 25.0  # mm, of the circle that is painted
BRUSH = 5  # voxels
PATIENCE = 600.0  # seconds, for computing
SHARE = 5.0  # percent of the edges
TOLERANCE = 1e-12  # of r; the same sums by one thread or two


def rows(folder: Path) -> list[measure.Row]:
    """Paint a circle with one region of the atlas, erase half of it; compare the matrix with a fresh one."""
    import napari

    paths = region_series.make(folder)
    viewer = napari.Viewer()
    viewer.window.resize(*WINDOW)
    try:
        viewer.open([str(path) for path in paths], plugin="napari-connectome")
        atlas = viewer.layers[-1]
        bare = measure.Times(_stroke(viewer, atlas, Screen(viewer, atlas, "labels_update"), "paint")[0])
        atlas.undo()
        widget = _computed(viewer, atlas)
        widget.following.box.setChecked(False)
        beside = measure.Times(_stroke(viewer, atlas, Screen(viewer, atlas, "labels_update"), "paint")[0])
        atlas.undo()
        widget.following.box.setChecked(True)
        moves = [_followed(viewer, widget, atlas, mode) for mode in ("paint", "erase")]
        stale = _difference_from_fresh(widget, atlas)
    finally:
        viewer.close()
    measure.require_agreement("the matrix at the end of the strokes", stale, TOLERANCE)
    seen, handed = ([second for each in moves for second in each[i]] for i in (0, 1))
    what = f"{region_series.PARCELS} regions, {len(seen)} moves, {region_series.SHAPE.describe}"
    note = (
        f"Each move of the brush (ball of {2 * BRUSH} mm) changed one region, and with it the matrix and the strongest "
        f"{SHARE:g} % of edges, in a window of {WINDOW[0]}×{WINDOW[1]}; the matrix at the end differs from a fresh one by at "
        f"most {stale:.1g}. Painting in the same labels without the widget takes {bare} to the pixels, with the graph in the "
        f"viewer, but not followed, {beside}. The screen is drawn by the processor here (llvmpipe)."
    )
    return [
        _row(f"brush stroke to row, matrix and edges handed to the screen, {what}", handed),
        _row(f"brush stroke to row, matrix and edges on the screen, {what}", seen, note),
    ]


def _row(what: str, seconds: list[float], note: str = "") -> measure.Row:
    taken, p95 = measure.Times(seconds), statistics.quantiles(seconds, n=20)[-1]
    return measure.Row(
        what,
        taken,
        memory=f"p95 {p95 * 1e3:.0f} ms",
        target="≤ 50 ms",
        met=taken.median <= 0.05 and p95 <= 0.05,
        note=note,
    )


def _computed(viewer: Any, atlas: Any) -> Any:
    """The widget with the connectome of the run."""
    _, widget = viewer.window.add_plugin_dock_widget("napari-connectome", "Connectome")
    computing = widget.computing
    computing.regions.layer_choice.layer = atlas
    computing.compute()
    if not let_work(lambda: widget.look.connectome is not None and not computing.work.busy, PATIENCE):
        raise SystemExit(f"nothing was computed: {computing.message.text() or 'it took too long'}")
    widget.look.share.box.number = SHARE
    return widget


def _followed(viewer: Any, widget: Any, atlas: Any, mode: str) -> tuple[list[float], list[float]]:
    """Seconds from each move of the brush to the new matrix and edges: until they are seen, and until they are made."""
    look = widget.look
    page, screen = Page(look.matrix), Screen(viewer, look.graph.edges_layer)
    times = _stroke(viewer, atlas, All(page, screen), mode, lambda: not widget.following.busy)
    page.close()
    screen.close()
    if not let_work(lambda: not widget.following.busy, 10.0):
        raise SystemExit(f"the connectome is behind the brush: {widget.following.account.text()}")
    return times


def _circle() -> np.ndarray[Any, Any]:
    """Places (mm) on most of a circle."""
    angle = np.linspace(0, 1.8 * np.pi, STEPS + 1)
    x, y, z = data.LARGE.seed
    return np.column_stack([x + RADIUS * np.cos(angle), y + 30 + RADIUS * np.sin(angle), np.full(STEPS + 1, z)])


def _stroke(
    viewer: Any, atlas: Any, watch: Any, mode: str, ready: Callable[[], bool] = lambda: True
) -> tuple[list[float], list[float]]:
    """Paint or erase along the circle, once the first touch is done with.

    Seconds from each move until what is watched is seen, and until napari and all that follow the layer have heard of it.
    """
    from napari_connectome.layers.spatial import grid_of, to_world

    path = _circle() if mode == "paint" else _circle()[: STEPS // 2]
    places = [to_world(grid_of(atlas), mm) for mm in path]
    viewer.dims.set_point(range(viewer.dims.ndim - 3, viewer.dims.ndim), places[0])
    viewer.reset_view()
    viewer.layers.selection.active, atlas.selected_label = atlas, 1
    atlas.mode, atlas.brush_size, atlas.n_edit_dimensions = mode, BRUSH, 3
    let_work(lambda: False, 1.0)
    mouse = Mouse(viewer)
    mouse.press(places[0])
    let_work(lambda: False, 0.3)
    if not let_work(ready, PATIENCE):  # runs are prepared at the first stroke
        raise SystemExit("the widget never followed the first touch of the brush")
    heard: list[float] = []

    def move(place: Any) -> None:
        start = time.perf_counter()
        mouse.move(place)
        heard.append(time.perf_counter() - start)

    seen = watch.times(partial(move, place) for place in places[1:])
    mouse.release(places[-1])
    return seen, heard


def _difference_from_fresh(widget: Any, atlas: Any) -> float:
    """Between the matrix and one computed now, of the labels as they are."""
    import napari_connectome as nc
    from napari_connectome.layers.spatial import regions_of

    computing = widget.computing
    fresh = nc.connectome_of_runs(
        computing.runs.sources(), regions_of(atlas), computing.series_parameters(), computing.form.value
    )
    return float(np.abs(fresh.mean - widget.look.connectome.mean).max())
