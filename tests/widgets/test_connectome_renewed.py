"""A connectome under a brush: whatever was painted, in the end all is shown as if it had been computed and shown anew."""

from dataclasses import replace

import numpy as np
import pytest
from napari.components import ViewerModel

import napari_connectome as nc
from napari_connectome.studies.connectome_of_runs import RunSeries
from napari_connectome.widgets.connectome import Connectomes

R, S = 14, 3
GRID = nc.Grid((10, 12, 11), np.array([[6.0, 0, 0, -33], [0, 6, 0, -33], [0, 0, 6, -27], [0, 0, 0, 1]]))
NAMES = [f"{side}_{network}_{i}" for side in ("L", "R") for network in ("Vis", "Mot") for i in (1, 2, 3)] + ["Thal", "Pons"]


@pytest.fixture
def panels(qtbot):
    """Make panels beside a viewer without a window."""

    kept = []

    def make():
        kept.append(Connectomes(ViewerModel()))
        qtbot.addWidget(kept[-1])
        return kept[-1]

    return make


def _regions(rng):
    labels = rng.permutation(np.repeat(np.arange(R + 1), np.prod(GRID.shape) // (R + 1) + 1)[: np.prod(GRID.shape)])
    return nc.Regions(labels.reshape(GRID.shape).astype(np.uint8), GRID)


def _first(rng):
    """A connectome of three runs and the series it is of."""
    series = [nc.Series(rng.standard_normal((40, R)) + rng.standard_normal((40, 1)), NAMES, 2.0) for _ in range(S)]
    places = rng.uniform(-30, 30, size=(R, 3))
    runs = tuple(f"run {k}" for k in range(S))
    return nc.connectome(series, coordinates=places, subjects=runs), RunSeries(tuple(series), runs, places)


def _painted(rng, connectome, read, *, erased=True):
    """The same after a stroke: one region has another series and place; none at all where all of it was erased."""
    i = int(rng.integers(R))
    series = []
    for one in read.series:
        data = one.data.copy()
        data[:, i] = np.nan if rng.random() < 0.2 else rng.standard_normal(len(data)) + data[:, (i + 1) % R]
        series.append(replace(one, data=data))
    places = connectome.coordinates.copy()
    places[i] = np.nan if erased and rng.random() < 0.1 else rng.uniform(-30, 30, size=3)
    found = nc.connectome(series, coordinates=places, subjects=connectome.subjects)
    return found, RunSeries(tuple(series), read.runs, places)


def _choose(look, subject, how, percent):
    look.subject_choice.setCurrentIndex(subject)
    look.subject_choice.activated.emit(subject)
    look.order_choice.setCurrentIndex(look.order_choice.findData(how))
    look.order_choice.activated.emit(0)
    look.share.set(percent, 0.0, 100.0, 0.5)
    look._on_share()


def _seen(look):
    """All that is shown: numbers, colours, places, words."""
    edges, nodes, brain = look.graph.edges_layer, look.graph.nodes_layer, look.graph.brain_layer
    return {
        "matrix": look.matrix.to_frame().to_numpy(),
        "colours": look.matrix._image.image,
        "bar": np.array([*look.matrix._bar.levels(), look.matrix.threshold, look.matrix.limit]),
        "order": look.matrix.order,
        "kept": look.ordering.order,
        "edges": edges.data,
        "edge colours": edges.edge_color,
        "edge ends": edges.features.to_numpy().astype(str),
        "edges drawn": edges._view_data,
        "nodes": nodes.data,
        "names": nodes.features.to_numpy().astype(str),
        "nodes drawn": nodes._view_data,
        "size": nodes.size,
        "extent": np.array(nodes.extent.world),
        "brain": np.empty(0) if brain is None else brain.data[0],
        "words": np.array([look.account.text(), look.pair.text(), look.edge.text.text()]),
        "values": look.edge.values.to_frame()["r"].to_numpy(),
        "light": np.array(look.matrix.lit),
    }


@pytest.mark.parametrize("how", ["as given", "network", "clustering"])
@pytest.mark.parametrize("seed", range(3))
def test_after_any_strokes_all_is_as_shown_anew(panels, how, seed):
    rng, subject = np.random.default_rng(seed), seed
    percent, pair = float(rng.choice([0.0, 5.0, 40.0, 100.0])), tuple(int(k) for k in rng.choice(R, 2, replace=False))
    connectome, read = _first(rng)
    regions = _regions(rng)
    panel = panels()
    look = panel.look
    look.show_connectome(connectome, regions, read, {"made": "so"})
    _choose(look, subject, how, percent)
    look.hide_box.setChecked(bool(seed % 2))
    look.matrix.light(*pair)
    look.matrix.picked.emit(*pair)
    order = look.matrix.order
    for _ in range(6):
        connectome, read = _painted(rng, connectome, read)
        look.renew(connectome, regions, read)
        np.testing.assert_array_equal(look.matrix.order, order)  # rows do not jump about under the brush
        assert look.matrix.lit == pair
    regions = _regions(rng)
    look.renew(connectome, regions, read)
    look.finish()

    fresh = panels().look
    fresh.show_connectome(connectome, regions, read)
    _choose(fresh, subject, how, percent)
    fresh.hide_box.setChecked(bool(seed % 2))
    fresh.matrix.light(*pair)
    fresh.matrix.picked.emit(*pair)
    wanted, found = _seen(fresh), _seen(look)
    for what, value in wanted.items():
        np.testing.assert_array_equal(found[what], value, err_msg=what)
    assert look._provenance == {"made": "so", "painted": True}
    look._on_share()  # the slider goes on from here
    assert look.graph.edges_layer.data.shape == wanted["edges"].shape


def test_zoom_stays_and_another_number_of_regions_is_shown_anew(panels):
    rng = np.random.default_rng(0)
    connectome, read = _first(rng)
    look = panels().look
    look.show_connectome(connectome, _regions(rng), read)
    look.matrix._view.setRange(xRange=(2, 8), yRange=(3, 9), padding=0)
    seen = look.matrix._view.viewRange()
    look.renew(*_painted(rng, connectome, read)[:1], None, read)
    assert look.matrix._view.viewRange() == seen
    fewer = connectome.take(np.arange(R - 1))
    look.renew(fewer, _regions(rng), None)  # the atlas is that of before the stroke still: its table has a row too many
    assert len(look.matrix.order) == len(look.graph.nodes_layer.data) == R - 1
    look.renew(replace(fewer, names=[*fewer.names[:-1], "another"]), None, None)
    assert look.matrix.to_frame().columns[-1] == "another"


def test_under_a_brush_nothing_is_made_anew_that_can_wait(panels):
    rng = np.random.default_rng(0)
    connectome, read = _first(rng)
    panel = panels()
    look, viewer = panel.look, panel.viewer
    look.show_connectome(connectome, _regions(rng), read)
    layers, told = list(viewer.layers), []

    def hear(event):
        told.append(event.source)

    for layer in (look.graph.nodes_layer, look.graph.edges_layer, look.graph.brain_layer):
        layer.events.data.connect(hear)
    for _ in range(3):
        connectome, read = _painted(rng, connectome, read, erased=False)
        look.renew(connectome, _regions(rng), read)
    assert list(viewer.layers) == layers
    assert not told
    look.finish()
    assert set(told) == set(layers)
    count = len(told)
    look.finish()  # there is nothing left to do
    assert len(told) == count


def test_a_pair_in_the_light_stays_with_its_regions_where_others_come_and_go(panels):
    rng = np.random.default_rng(1)
    connectome, read = _first(rng)
    look = panels().look
    look.show_connectome(connectome, _regions(rng), read)
    look.matrix.light(4, 7)
    look.matrix.picked.emit(4, 7)

    def seen():
        lit = {layer.name: list(layer.features.get("name", ())) for layer in look.viewer.layers if "light" in layer.name}
        return [look.connectome.names[k] for k in look.matrix.lit if k >= 0], lit.get("Regions in light", [])

    def said():
        return f"{look._values[look.matrix.lit]:.3g} ({look.subject_choice.currentText()})"

    for without in ([0], [2, 13], []):
        kept = np.setdiff1d(np.arange(R), without)
        series = [nc.Series(one.data[:, kept], [NAMES[i] for i in kept], one.tr) for one in read.series]
        look.renew(connectome.take(kept), None, RunSeries(tuple(series), read.runs, read.coordinates[kept]))
        assert seen() == ([NAMES[4], NAMES[7]], [NAMES[4], NAMES[7]])
        assert look.pair.text().startswith(f"{NAMES[4]} – {NAMES[7]}: {said()}")
    look.subject_choice.setCurrentIndex(2)
    look.subject_choice.activated.emit(2)
    assert look.pair.text().startswith(f"{NAMES[4]} – {NAMES[7]}: {said()}")
    assert look.edge.run == 1
    look.renew(connectome.take(np.arange(5)), None, None)
    assert seen() == ([], [])
    assert look.pair.text() == ""
