"""A live map shows the last seed where one looks at once, and everywhere in the end."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_connectome import Cleaning, Grid, Run, SeedMap, SeedMapper, Volume
from napari_connectome.analyses import seed_map
from napari_connectome.core.errors import InputError
from napari_connectome.layers import live
from napari_connectome.layers.spatial import layer_kwargs

SHAPE = (9, 10, 11)
GRID = Grid(SHAPE, np.array([[4.0, 0, 0, -20], [0, 4, 0, -30], [0, 0, 4, -10], [0, 0, 0, 1]]))


@pytest.fixture(scope="module")
def mapper():
    rng = np.random.default_rng(0)
    data = rng.standard_normal((80, 3)) @ rng.standard_normal((3, np.prod(SHAPE))) + rng.standard_normal((80, np.prod(SHAPE)))
    run = Run((100 + data).reshape(80, *SHAPE).astype("f4"), GRID, 2.0)
    mask = np.zeros(SHAPE, dtype=bool)
    mask[1:8, 1:9, 1:10] = True
    return SeedMapper(run, SeedMap(radius=5, fwhm=6, cleaning=Cleaning(high_pass=0.01, low_pass=0.1)), Volume(mask, GRID))


@pytest.fixture
def shown(mapper, monkeypatch):
    """A viewer with a live map whose pieces are small, so that there are many of them."""
    monkeypatch.setattr(seed_map, "AT_ONCE", mapper.n_rows * 60)
    viewer = ViewerModel()
    viewer.add_image(np.zeros((5, *SHAPE)), **layer_kwargs(GRID, tr=2.0, time=True))
    layer = Image(np.zeros(SHAPE, np.float32), contrast_limits=(-1, 1), **layer_kwargs(GRID))
    viewer.add_layer(layer)
    follower = live.LiveMap(viewer, mapper, layer)
    yield viewer, layer, follower
    follower.close()


def _fresh(mapper, mm):
    return mapper.fill(_values(mapper, mm))


def _values(mapper, mm):
    before = mapper.seed
    mapper.select(mapper.sphere(mm))
    values = mapper.values(mapper.direction())
    mapper.select(before)
    return values


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 2, 1, 3), (0, 3, 1, 2)])
def test_the_plane_on_the_screen_comes_first(shown, mapper, order):
    viewer, layer, follower = shown
    viewer.dims.order = order
    follower.move(mapper.sphere((0, -10, 6)))
    assert not follower.finished
    axis = order[1] - 1
    index = viewer.dims.current_step[axis + 1]
    expected = _fresh(mapper, (0, -10, 6))
    np.testing.assert_allclose(np.take(layer.data, index, axis), np.take(expected, index, axis), atol=1e-6)
    while not follower.step():
        pass
    np.testing.assert_allclose(layer.data, expected, atol=1e-6)


def test_a_finished_map_is_that_of_the_last_seed(shown, mapper):
    viewer, layer, follower = shown
    rng = np.random.default_rng(3)
    where = (0.0, -10.0, 6.0)
    for _ in range(60):
        action = rng.integers(4)
        if action == 0:
            where = tuple(GRID.to_mm(rng.uniform(2, 7, 3)))
            follower.move(mapper.sphere(where))
        elif action == 1:
            viewer.dims.set_current_step(1, int(rng.integers(1, 8)))
        elif action == 2:
            viewer.dims.order = (0, *rng.permutation([1, 2, 3]))
        else:
            follower.step()
        if len(mapper.seed) and follower._direction.any():
            plane = follower._shown_plane()
            expected = _fresh(mapper, where)
            np.testing.assert_allclose(
                np.take(layer.data, plane[1], plane[0]), np.take(expected, plane[1], plane[0]), atol=1e-6
            )
    follower.finish()
    assert follower.finished
    np.testing.assert_allclose(layer.data, _fresh(mapper, where), atol=1e-6)


def test_in_three_dimensions_all_is_seen_and_computed(shown, mapper):
    viewer, layer, follower = shown
    viewer.dims.ndisplay = 3
    follower.move(mapper.sphere((0, -10, 6)))
    assert follower.finished
    np.testing.assert_allclose(layer.data, _fresh(mapper, (0, -10, 6)), atol=1e-6)


def test_a_seed_in_air_is_said_and_the_map_stays(shown, mapper):
    _, layer, follower = shown
    follower.move(mapper.sphere((0, -10, 6)))
    follower.finish()
    before = layer.data.copy()
    with pytest.raises(InputError, match="no voxel in the brain mask"):
        follower.move(mapper.sphere((300, 0, 0)))
    assert follower.finished
    np.testing.assert_array_equal(layer.data, before)


def test_after_closing_the_viewer_is_free(shown, mapper):
    viewer, layer, follower = shown
    follower.move(mapper.sphere((0, -10, 6)))
    follower.close()
    before = layer.data.copy()
    viewer.dims.set_current_step(1, 2)
    np.testing.assert_array_equal(layer.data, before)
