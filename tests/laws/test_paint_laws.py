"""However a region was painted, its map is bit for bit that of a fresh computation with the voxels it has in the end."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_connectome import Cleaning, Grid, Run, SeedMap, SeedMapper, Volume
from napari_connectome.analyses import seed_map
from napari_connectome.layers.correlation import CorrelationLayers
from napari_connectome.layers.live import LiveMap
from napari_connectome.layers.region_seed import RegionSeed
from napari_connectome.layers.spatial import layer_kwargs
from napari_connectome.layers.undoable import write

SHAPE = (9, 10, 11)
GRID = Grid(SHAPE, np.array([[4.0, 0, 0, -20], [0, 4, 0, -30], [0, 0, 4, -10], [0, 0, 0, 1]]))
STROKES = 50
SERIES = 3


def _prepared(fwhm, statistic):
    rng = np.random.default_rng(0)
    data = rng.standard_normal((80, 3)) @ rng.standard_normal((3, np.prod(SHAPE))) + rng.standard_normal((80, np.prod(SHAPE)))
    run = Run((100 + 7 * data).reshape(80, *SHAPE).astype("f4"), GRID, 2.0)
    mask = np.zeros(SHAPE, dtype=bool)
    mask[1:8, 1:9, 1:10] = True
    params = SeedMap(fwhm=fwhm, statistic=statistic, cleaning=Cleaning(high_pass=0.01, low_pass=0.1))
    return lambda: SeedMapper(run, params, Volume(mask, GRID))


@pytest.fixture(scope="module", params=[(0.0, "r"), (6.0, "r"), (6.0, "z_score")], ids=str)
def prepare(request):
    """Makes equal mappers of one run, each from the beginning."""
    return _prepared(*request.param)


class Painter:
    """A hand that paints, erases, fills, takes back and writes at random, and a map that follows it."""

    def __init__(self, mapper, seed):
        self.rng = np.random.default_rng(seed)
        self.viewer = ViewerModel()
        self.viewer.add_image(np.zeros((5, *SHAPE)), **layer_kwargs(GRID, tr=2.0, time=True))
        self.layer = Labels(np.zeros(SHAPE, "u2"), **layer_kwargs(GRID))
        self.viewer.add_layer(self.layer)
        self.shown = CorrelationLayers(self.viewer, mapper)
        self.region = RegionSeed(self.layer, 1, GRID)
        self.region.changed.connect(self.follow)
        self.sentences = []

    def follow(self, added, removed):
        self.sentences.append(self.shown.follow(self.region))

    def close(self):
        self.region.close()
        self.shown.close()

    def stroke(self):
        """Do one of the things that people and programs do to labels."""
        rng, layer = self.rng, self.layer
        layer.n_edit_dimensions, layer.brush_size = int(rng.integers(2, 4)), int(rng.integers(1, 5))
        layer.mode, label = "paint", int(rng.choice([0, 1, 1, 1, 2]))
        layer.contiguous = bool(rng.integers(2))
        here, there = (self._place() for _ in range(2))
        acts = {
            "draw": lambda: self._draw(label, here, there),
            "paint": lambda: layer.paint(here, label),
            "fill": lambda: layer.fill(here, int(rng.integers(1, 3)) if layer.data[here] else label * (label > 1)),
            "undo": layer.undo,
            "redo": layer.redo,
            "set": lambda: layer.data_setitem(tuple(rng.integers(0, n, 9) for n in SHAPE), label),
            "in place": lambda: (layer.data.__setitem__((slice(here[0], here[0] + 2), here[1]), label), layer.refresh()),
            "write": lambda: write(layer, np.where(rng.random(SHAPE) < 0.05, label, layer.data)),
            "data": lambda: setattr(layer, "data", np.roll(layer.data, 1, axis=int(rng.integers(3)))),
            "relabel": lambda: write(layer, np.choose(layer.data, rng.permutation([0, 1, 2]).astype("u2"))),
            "look about": lambda: self.viewer.dims.set_current_step(1, int(rng.integers(0, 9))),
            "wait": self.shown.step,
        }
        odds = np.array([6, 4, 1, 4, 3, 3, 1, 1, 0.3, 0.3, 2, 3])
        acts[str(rng.choice(list(acts), p=odds / odds.sum()))]()

    def _place(self):
        """A voxel of the plane that is shown, where a brush can be."""
        z = int(np.clip(self.viewer.dims.current_step[1], 0, 8))
        return z, int(self.rng.integers(0, 10)), int(self.rng.integers(0, 11))

    def _draw(self, label, here, there):
        with self.layer.block_history():  # one stroke, several moves of the mouse
            for a in np.linspace(here, there, 4):
                self.layer._draw(label, tuple(a), tuple(a))


def paint(prepare, seed, monkeypatch):
    """A long series of strokes that ends with a region."""
    mapper = prepare()
    monkeypatch.setattr(seed_map, "AT_ONCE", mapper.n_rows * 67)  # many pieces, so that a map is rarely finished
    painter = Painter(mapper, seed)
    for _ in range(STROKES):
        painter.stroke()
    painter.layer.data_setitem((np.array([4]), np.array([5]), np.array([6])), 1)
    return painter, mapper


@pytest.mark.parametrize("seed", range(SERIES))
def test_a_recorded_series_of_strokes_ends_where_a_fresh_computation_ends(prepare, seed, monkeypatch):
    painter, mapper = paint(prepare, seed, monkeypatch)
    painter.shown.finish()
    assert not painter.sentences[-1]
    assert len(painter.sentences) > STROKES / 4
    labels, live = painter.layer.data, painter.shown.layer.data.copy()
    np.testing.assert_array_equal(painter.region.voxels, np.flatnonzero(labels == 1))

    fresh = prepare()
    np.testing.assert_array_equal(live, fresh.map(Volume(labels == 1, GRID)).data)
    np.testing.assert_array_equal(mapper.seed, fresh.seed)
    np.testing.assert_array_equal(mapper.direction(), fresh.direction())
    np.testing.assert_array_equal(mapper.series(), fresh.series())

    layer = Image(np.zeros(SHAPE, np.float32), **layer_kwargs(GRID))
    follower = LiveMap(ViewerModel(), prepare(), layer)
    follower.move(fresh.positions(labels == 1))
    follower.finish()
    np.testing.assert_array_equal(live, layer.data)
    follower.close()
    assert painter.shown.seed == {"name": "region 1", "layer": painter.layer.name, "label": 1, "voxels": len(mapper.seed)}
    painter.close()


def test_strokes_that_leave_no_voxel_leave_the_map_of_the_seed_before(prepare, monkeypatch):
    painter, mapper = paint(prepare, SERIES, monkeypatch)
    painter.shown.finish()
    before, seed = painter.shown.layer.data.copy(), mapper.seed
    write(painter.layer, np.zeros(SHAPE, "u2"))
    assert painter.sentences[-1] == "region 1 is empty: paint in it."
    painter.layer.data_setitem((np.array([0, 0]), np.array([0, 1]), np.array([0, 0])), 1)
    assert "outside the brain mask (2 voxels)" in painter.sentences[-1]
    painter.shown.finish()
    np.testing.assert_array_equal(painter.shown.layer.data, before)
    np.testing.assert_array_equal(mapper.seed, seed)
    painter.layer.undo()
    painter.layer.undo()
    assert not painter.sentences[-1]
    painter.shown.finish()
    np.testing.assert_array_equal(painter.shown.layer.data, before)
    painter.close()
