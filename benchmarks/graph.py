"""From a step of the threshold to new pixels: a connectome of a thousand regions, as a matrix and in three dimensions."""

from __future__ import annotations

import statistics
from functools import partial
from typing import Any

import numpy as np

from benchmarks import atlas_series, data, measure
from benchmarks.screen import WINDOW, All, Page, Screen
from tools.mouse import let_work

REGIONS, EDGES, VOLUMES, SOURCES = 1000, 5000, 300, 20
REACH = 25.0  # mm, of a source
SHARE = 100 * EDGES / (REGIONS * (REGIONS - 1) / 2)
"""Percent of all edges that these are."""
STEPS = 40
SPAN = 0.2
"""The share goes so much below and above, as a share of itself."""


def make() -> tuple[Any, Any]:
    """Correlations of made-up series of parcels of a brain, near ones more alike, and the parcels."""
    import napari_connectome as nc

    affine = np.diag([data.SMALL.voxel] * 3 + [1.0])
    affine[:3, 3] = -data.SMALL.voxel * (np.array(data.SMALL.size) - 1) / 2
    labels, finer = atlas_series.parcels(nc.Grid(data.SMALL.size[::-1], affine), REGIONS)
    regions = nc.Regions(labels, nc.Grid(labels.shape, finer))
    places, rng = regions.table[["x", "y", "z"]].to_numpy(), np.random.default_rng(0)
    away = places[:, None] - places[rng.choice(REGIONS, SOURCES)]
    weights = np.exp(-(away**2).sum(axis=2) / (2 * REACH**2))
    series = rng.standard_normal((VOLUMES, SOURCES)) @ weights.T + 0.5 * rng.standard_normal((VOLUMES, REGIONS))
    return nc.connectome(nc.Series(series, list(regions.table["name"]), 2.0), coordinates=places), regions


def rows() -> list[measure.Row]:
    """Show the graph beside its matrix; move the share of edges; then napari's own lines, as many."""
    import napari

    from napari_connectome.layers.orientation import show_plane

    found, regions = make()
    viewer = napari.Viewer()
    viewer.window.resize(*WINDOW)
    try:
        look = _shown(viewer, found, regions)
        up = np.linspace(-SPAN, SPAN, STEPS // 2)
        shares = [float(each) for each in SHARE * (1 + np.r_[up, 0.97 * up[::-1]])]
        together = _of_both(viewer, look, shares)
        bare = measure.Times(_bare(viewer, look))
        matrix = _of_matrix(look, shares)
        show_plane(viewer, "axial")
        let_work(lambda: False, 1.0)
        flat = _of_both(viewer, look, shares)
    finally:
        viewer.close()
    low, high = SHARE * (1 - SPAN), SHARE * (1 + SPAN)
    note = (
        f"From the number in the box to both pictures: {len(together)} steps between {low:.2g} and {high:.2g} % of the edges, "
        f"with the brain's surface around them, in a window of {WINDOW[0]}×{WINDOW[1]}. Lines as many, set in a layer of "
        f"napari's alone in the same window, take {bare}. The screen is drawn by the processor here (llvmpipe)."
    )
    size = f"{REGIONS:,} regions, {EDGES:,} edges"
    return [
        _row(f"threshold step to new matrix and edges in 3-D, {size}", together, note),
        _row(f"threshold step to new matrix and edges in a plane, {size}", flat, ""),
        _row(f"threshold step to new matrix, {REGIONS:,} regions", matrix, ""),
    ]


def _row(what: str, seconds: list[float], note: str) -> measure.Row:
    taken, p95 = measure.Times(seconds), statistics.quantiles(seconds, n=20)[-1]
    return measure.Row(
        what, taken, memory=f"p95 {p95 * 1e3:.0f} ms", target="≤ 100 ms", met=taken.median <= 0.1 and p95 <= 0.1, note=note
    )


def _shown(viewer: Any, found: Any, regions: Any) -> Any:
    """The part of the widget that shows a connectome, in three dimensions."""
    from napari_connectome.layers.orientation import show_volume
    from napari_connectome.widgets.connectome import LOOK

    _, widget = viewer.window.add_plugin_dock_widget("napari-connectome", "Connectome")
    look = widget.look
    look.show_connectome(found, regions)
    look.share.box.number = SHARE
    widget.tabs.setTabEnabled(LOOK, True)
    widget.tabs.setCurrentIndex(LOOK)
    show_volume(viewer)
    viewer.fit_to_view()
    let_work(lambda: False, 2.0)
    return look


def _of_both(viewer: Any, look: Any, shares: list[float]) -> list[float]:
    """Seconds from a share of the edges to both pictures."""
    page, screen = Page(look.matrix), Screen(viewer, look.graph.edges_layer)
    seconds = All(page, screen).times(partial(setattr, look.share.box, "number", share) for share in shares)
    page.close()
    screen.close()
    return seconds


def _of_matrix(look: Any, shares: list[float]) -> list[float]:
    """Seconds from a threshold to the matrix."""
    from napari_connectome.core.edges import Edges

    edges = Edges.of(look.connectome.mean)
    limits = [edges.limit(share) for share in shares]
    page = Page(look.matrix)
    seconds = page.times(partial(look.matrix.set_threshold, limit) for limit in limits)
    page.close()
    return seconds


def _bare(viewer: Any, look: Any) -> list[float]:
    """Lines as many in a layer of napari's, whose colours stay; ours are hidden."""
    ours = [layer for layer in viewer.layers if layer.visible]
    edges = look.graph.edges_layer
    ends = edges.data.copy()
    for layer in ours:
        layer.visible = False
    lines = viewer.add_vectors(ends, edge_width=edges.edge_width, scale=edges.scale, units=edges.units)
    let_work(lambda: False, 1.0)
    screen = Screen(viewer, lines)
    seconds = screen.times(partial(setattr, lines, "data", ends[i:]) for i in range(STEPS))
    screen.close()
    viewer.layers.remove(lines)
    for layer in ours:
        layer.visible = True
    return seconds
