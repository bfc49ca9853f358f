"""Several maps in a layer: their slider is apart from time, whatever comes and goes beside them, and it names what is seen."""

import nibabel as nib
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer
from npe2 import PluginManager

from napari_connectome import Grid, Maps
from napari_connectome.core.errors import InputError
from napari_connectome.io.load import load_maps
from napari_connectome.layers import orientation
from napari_connectome.layers.map_stack import (
    REGION,
    TEXT,
    MapStacks,
    current,
    is_stack,
    look,
    maps_of,
    stack_data,
    stack_layer,
)
from napari_connectome.layers.reader import read
from napari_connectome.layers.spatial import grid_of, is_run, layer_kwargs, placement, tell
from napari_connectome.layers.time_axis import set_time, time_axis, time_of

GRID = Grid((5, 7, 6), np.array([[4.0, 0, 0, -12], [0, 3, 0, -16], [0, 0, 5, -9], [0, 0, 0, 1]]))
OBLIQUE = Grid((5, 7, 6), np.array([[3.9, -0.6, 0, -12], [0.5, 3, 0.2, -16], [0, -0.3, 5, -9], [0, 0, 0, 1]]))


def _maps(k=4, grid=GRID, seed=0):
    data = np.random.default_rng(seed).standard_normal((k, *grid.shape)).astype("f4")
    return Maps(data, grid, names=[f"net {i}" for i in range(k)], provenance={"made": "here"})


@pytest.fixture
def viewer():
    viewer = ViewerModel()
    MapStacks.of(viewer)
    return viewer


def _add_run(viewer, n=9, tr=2.0, grid=GRID):
    data = np.arange(n, dtype="f4")[:, None, None, None] * np.ones(grid.shape, "f4")
    return viewer.add_image(data, name="run", contrast_limits=(0, n), **layer_kwargs(grid, tr=tr, time=True, role="run"))


def _seen(layer):
    """The plane of the layer that is on the screen."""
    return np.asarray(layer._slice.image.raw)


def _text(viewer):
    return viewer.canvas.overlays[TEXT].text if TEXT in viewer.canvas.overlays else ""


@pytest.mark.parametrize("grid", [GRID, OBLIQUE], ids=["straight", "oblique"])
@pytest.mark.parametrize("ndisplay", [2, 3])
@pytest.mark.parametrize("first", ["maps", "run"])
def test_each_map_is_seen_at_each_time(viewer, grid, ndisplay, first):
    maps = _maps(grid=grid)
    layer = stack_layer(maps, "maps")
    if first == "maps":
        viewer.add_layer(layer)
    run = _add_run(viewer, grid=grid)
    if first == "run":
        viewer.add_layer(layer)
    assert viewer.dims.axis_labels == ("network", "t", "z", "y", "x")
    assert viewer.dims.nsteps[:2] == (4, 9)
    viewer.dims.ndisplay = ndisplay
    place = (2,) if ndisplay == 2 else ()
    viewer.dims.set_point(2, placement(grid)[1][0] + 2 * placement(grid)[0][0])
    for network in (0, 3, 1):
        look(viewer, layer, network)
        for volume in (0, 4, 8):
            set_time(viewer, volume * 2.0)
            np.testing.assert_array_equal(_seen(layer), maps.data[(network, *place)])
            assert np.all(_seen(run) == volume)
            assert current(viewer, layer) == network
            assert time_of(viewer) == volume * 2.0
    assert grid_of(layer).matches(grid)


def test_runs_come_and_go(viewer):
    maps = _maps()
    layer = viewer.add_layer(stack_layer(maps, "maps"))
    orientation.show_plane(viewer, "coronal")
    look(viewer, layer, 2)
    place = viewer.dims.point[-3:]

    def whole(labels):
        assert viewer.dims.axis_labels == labels
        assert orientation.plane(viewer) == "coronal"
        assert current(viewer, layer) == 2
        assert viewer.dims.point[-3:] == place
        assert _text(viewer) == "net 2\n3 of 4"
        np.testing.assert_array_equal(stack_data(layer), maps.data)

    whole(("network", "z", "y", "x"))
    assert time_axis(viewer) is None
    run = _add_run(viewer)
    whole(("network", "t", "z", "y", "x"))
    assert time_of(viewer) == 0
    set_time(viewer, 6.0)
    longer = _add_run(viewer, 12, 3.0)
    whole(("network", "t", "z", "y", "x"))
    assert time_of(viewer) == 6
    for seconds in (0.0, 33.0):
        set_time(viewer, seconds)
        assert not layer._slice.empty
    viewer.layers.remove(longer)
    whole(("network", "t", "z", "y", "x"))
    assert viewer.dims.range[1].stop == 16
    viewer.layers.remove(run)
    whole(("network", "z", "y", "x"))
    assert layer.data.shape == maps.data.shape


def test_maps_beside_a_run_begin_at_the_first(viewer):
    _add_run(viewer)
    set_time(viewer, 10.0)
    layer = viewer.add_layer(stack_layer(_maps(), "maps"))
    assert (current(viewer, layer), time_of(viewer)) == (0, 10.0)


def test_units_agree_at_every_step(viewer):
    seen = []
    for event in (viewer.layers.events.inserted, viewer.layers.events.removed):
        event.connect(lambda event: seen.append(viewer.layers.extent.units), position="first")
    viewer.add_layer(stack_layer(_maps(), "maps"))
    run = _add_run(viewer)
    viewer.add_layer(stack_layer(_maps(7), "regions", axis=REGION))
    viewer.layers.remove(run)
    assert len(seen) == 4
    assert all(units is not None for units in seen)


def test_regions_have_a_slider_of_their_own(viewer):
    networks, regions = _maps(4), _maps(9, seed=1)
    first = viewer.add_layer(stack_layer(networks, "networks"))
    second = viewer.add_layer(stack_layer(regions, "regions", axis=REGION))
    assert viewer.dims.axis_labels == ("region", "network", "z", "y", "x")
    _add_run(viewer)
    assert viewer.dims.axis_labels == ("region", "network", "t", "z", "y", "x")
    for i, j in ((0, 3), (8, 0), (5, 2)):
        look(viewer, second, i)
        look(viewer, first, j)
        assert (current(viewer, second), current(viewer, first)) == (i, j)
        assert _text(viewer) == f"net {i}\n{i + 1} of 9\nnet {j}\n{j + 1} of 4"
        z = viewer.dims.current_step[3]
        np.testing.assert_array_equal(_seen(first), networks.data[j, z])
        np.testing.assert_array_equal(_seen(second), regions.data[i, z])
    viewer.layers.remove(first)
    assert viewer.dims.axis_labels == ("region", "t", "z", "y", "x")
    assert current(viewer, second) == 5


def test_only_maps_that_are_seen_are_named(viewer):
    layer = viewer.add_layer(stack_layer(_maps(), "maps"))
    assert _text(viewer) == "net 0\n1 of 4"
    layer.visible = False
    assert _text(viewer) == ""
    layer.visible = True
    assert _text(viewer) == "net 0\n1 of 4"
    viewer.layers.remove(layer)
    assert _text(viewer) == ""


def test_what_a_layer_of_maps_is(viewer):
    layer = viewer.add_layer(stack_layer(_maps(), "maps"))
    run = _add_run(viewer)
    assert is_stack(layer)
    assert not is_run(layer)
    assert is_run(run)
    assert not is_stack(run)
    again = maps_of(layer)
    assert list(again.names) == ["net 0", "net 1", "net 2", "net 3"]
    assert again.grid.matches(GRID)
    tell(layer, hidden=[False, True, False, False])
    assert list(maps_of(layer).names) == ["net 0", "net 2", "net 3"]
    np.testing.assert_array_equal(maps_of(layer).data, _maps().data[[0, 2, 3]])
    tell(layer, hidden=[True] * 4)
    with pytest.raises(InputError, match="all maps of maps are hidden"):
        maps_of(layer)
    with pytest.raises(InputError, match="run holds no maps"):
        maps_of(run)


@pytest.mark.parametrize("beside", [False, True])
def test_the_same_file_is_saved_beside_a_run_and_without(viewer, tmp_path, beside):
    PluginManager.instance().discover()
    layer = viewer.add_layer(stack_layer(_maps(grid=OBLIQUE), "maps"))
    if beside:
        _add_run(viewer, grid=OBLIQUE)
    tell(layer, hidden=[False, True, False, False])
    path = tmp_path / "maps.nii.gz"
    assert layer.save(str(path), plugin="napari-connectome") == [str(path)]
    image = nib.load(path)
    assert image.shape == (*OBLIQUE.shape[::-1], 3)
    np.testing.assert_allclose(image.affine, OBLIQUE.affine, atol=1e-5)
    np.testing.assert_array_equal(np.asarray(image.dataobj).T, _maps(grid=OBLIQUE).data[[0, 2, 3]])


@pytest.mark.parametrize("where", ["window", "script"])
def test_maps_come_back_with_their_names(tmp_path, make_napari_viewer, where):
    layer = stack_layer(_maps(grid=OBLIQUE), "maps")
    PluginManager.instance().discover()
    path = str(tmp_path / "my networks.nii.gz")
    layer.save(path, plugin="napari-connectome")
    if where == "window":
        viewer = make_napari_viewer()
        _add_run(viewer, grid=OBLIQUE)
        (again,) = viewer.open(path, plugin="napari-connectome")
        assert viewer.dims.axis_labels == ("map", "t", "z", "y", "x")
        assert _text(viewer) == "net 0\n1 of 4"
    else:
        again = Layer.create(*read(path)[0])
    assert again.name == "my networks"
    found = maps_of(again)
    np.testing.assert_array_equal(found.data, _maps(grid=OBLIQUE).data)
    assert list(found.names) == ["net 0", "net 1", "net 2", "net 3"]
    assert found.provenance == {"made": "here"}
    assert found.grid.matches(OBLIQUE)
    assert load_maps(path).names == tuple(found.names)
    low, high = again.contrast_limits
    assert low == -high


@pytest.mark.parametrize("width", [150, 300, 600, 1500])
def test_names_keep_clear_of_the_letter_in_the_middle(viewer, width):
    long = "left-posterior_superior_temporal_sulcus_and_the_angular_gyrus of the subject, " * 5
    layer = stack_layer(_maps(2), "maps")
    tell(layer, names=[long, "short"])
    viewer.add_layer(layer)
    viewer.canvas.size = (800, width)
    lines = _text(viewer).split("\n")
    assert max(map(len, lines)) * 11 <= max(width / 2 - 40, 8 * 11)
    assert len(lines) <= 5
    assert lines[-1] == "1 of 2"
    look(viewer, layer, 1)
    assert _text(viewer) == "short\n2 of 2"
