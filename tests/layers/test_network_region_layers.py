"""Regions of networks as layers: in place while parameters move, one network alone, and nothing of a person's overwritten."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_connectome import Grid, Regions
from napari_connectome.core.errors import InputError
from napari_connectome.layers.map_stack import TEXT, maps_of, stack_data
from napari_connectome.layers.network_regions import NetworkRegionLayers
from napari_connectome.layers.region_layer import RegionLayer
from napari_connectome.layers.spatial import grid_of, layer_kwargs, regions_of

GRID = Grid((6, 8, 7), np.array([[4.0, 0, 0, -12], [0, 3, 0, -16], [0, 0, 5, -9], [0, 0, 0, 1]]))


def _regions(r=7, networks=3, seed=0):
    """Boxes of positive and negative weights that overlap."""
    rng = np.random.default_rng(seed)
    maps = np.zeros((r, *GRID.shape), "f4")
    for i in range(r):
        low = [int(rng.integers(n - 3)) for n in GRID.shape]
        where = tuple(slice(a, a + 3) for a in low)
        maps[i][where] = rng.choice([-1, 1]) * (rng.random((3, 3, 3)) + 0.1)
    source = np.sort(rng.integers(networks, size=r))
    return Regions.of_maps(maps, GRID, source_map=source, network_names=[f"net {i}" for i in range(networks)])


def _alone(regions, network):
    size = np.abs(regions.maps) * (regions.source_map == network)[:, None, None, None]
    return np.where(size.max(axis=0) > 0, size.argmax(axis=0) + 1, 0)


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def shown(viewer):
    return NetworkRegionLayers(viewer)


def test_regions_are_labels_others_can_use(viewer, shown):
    regions = _regions()
    layer = shown.show(regions)
    assert shown.layer is layer
    again = regions_of(layer)
    np.testing.assert_array_equal(again.labels, regions.labels)
    assert grid_of(layer).matches(GRID)
    assert list(layer.features["index"]) == [0, *range(1, 8)]
    assert list(layer.features["network"])[1:] == [f"net {i}" for i in regions.source_map]
    names = dict(zip(regions.ids, regions.table["name"], strict=True))
    assert {i: RegionLayer.of(layer).name(i) for i in regions.ids} == names


def test_parameters_move_in_place(viewer, shown):
    layer = shown.show(_regions(7))
    layer.opacity, layer.name = 0.3, "mine"
    for r, seed in ((7, 1), (5, 2), (9, 3), (300, 4), (4, 5)):
        regions = _regions(r, seed=seed)
        assert shown.show(regions, live=True) is layer
        np.testing.assert_array_equal(layer.data, regions.labels)
        assert len(layer.features) == r + 1
        assert list(RegionLayer.of(layer).layer.features["name"])[1:] == list(regions.table["name"])
    shown.show(regions)
    assert list(viewer.layers) == [layer]
    assert (layer.opacity, layer.name) == (0.3, "mine")


def test_the_map_is_seen_with_its_regions_in_planes_and_in_3d(viewer, shown):
    """As lines, or else not opaque, however often the view changes; the regions of one network stand in its place."""
    layer = shown.show(_regions())
    for ndisplay in (2, 3, 2, 3, 3, 2):
        viewer.dims.ndisplay = ndisplay
        assert (layer.contour > 0 and layer.opacity == 1.0) if ndisplay == 2 else 0.3 < layer.opacity < 0.8
    shown.only(1)
    assert (shown.one_layer.contour, shown.one_layer.opacity) == (0, 1.0)
    viewer.dims.ndisplay = 3
    assert shown.one_layer.opacity == 1.0


@pytest.mark.parametrize("first", [2, 3])
@pytest.mark.parametrize("chosen", [0.2, 0.9])
def test_an_opacity_that_somebody_chose_stays(viewer, shown, first, chosen):
    viewer.dims.ndisplay = first
    layer = shown.show(_regions())
    layer.opacity, layer.contour = chosen, 0
    for ndisplay in (3, 2, 3):
        viewer.dims.ndisplay = ndisplay
        shown.show(_regions(5, seed=ndisplay))
        assert (layer.opacity, layer.contour) == (chosen, 0)


def test_a_widget_that_lists_only_what_has_voxels_changes_nothing(viewer, shown):
    layer, regions = shown.show(_regions(7)), _regions(7)
    RegionLayer.of(layer).describe(regions.table.drop(index=3))
    assert 3 not in list(layer.features["index"])
    assert RegionLayer.of(layer).name(3) == regions.table.loc[3, "name"]
    assert shown.show(_regions(5, seed=1)) is layer


@pytest.mark.parametrize("touch", ["paint", "rename", "names before", "another panel"])
def test_what_a_person_did_is_kept(viewer, shown, touch):
    if touch == "names before":
        RegionLayer.of(shown.show(_regions(4))).rename(2, "PCC")
        mine = shown.layer
    else:
        mine = shown.show(_regions())
        if touch == "paint":
            mine.data_setitem(tuple(np.array([[0], [0], [0]])), 3)
        else:
            RegionLayer.of(mine).rename(2, "PCC")
    labels, names = mine.data.copy(), list(mine.features["name"])
    other = shown if touch != "another panel" else NetworkRegionLayers(viewer)
    for seed in (1, 2):
        other.show(_regions(seed=seed), live=True)
    assert len(viewer.layers) == 2
    assert other.layer is not mine
    np.testing.assert_array_equal(mine.data, labels)
    assert list(mine.features["name"]) == names
    np.testing.assert_array_equal(other.layer.data, _regions(seed=2).labels)


def test_only_one_network(viewer, shown):
    regions = _regions(9)
    layer = shown.show(regions)
    shown.only(1)
    assert not layer.visible
    assert shown.one_layer.name == "Regions of net 1"
    np.testing.assert_array_equal(shown.one_layer.data, _alone(regions, 1))
    one = shown.one_layer
    shown.only(2)
    assert shown.one_layer is one
    assert one.name == "Regions of net 2"
    np.testing.assert_array_equal(one.data, _alone(regions, 2))
    ids = np.flatnonzero(regions.source_map == 2) + 1
    assert list(one.features["index"])[1:] == list(ids)
    if len(ids) > 1:
        assert len({tuple(one.get_color(i)) for i in ids}) == len(ids)
    other = _regions(8, seed=1)
    shown.show(other, live=True)
    np.testing.assert_array_equal(one.data, _alone(other, 2))
    assert shown.network == 2
    shown.only(None)
    assert list(viewer.layers) == [layer]
    assert layer.visible
    shown.only(None)


def test_the_thumbnail_is_that_of_the_network_shown(viewer, shown):
    regions = _regions(9, networks=4)
    shown.show(regions)
    seen = set()
    for network in (0, 1, 3, 2, 0, 1):
        shown.only(network)
        layer = shown.one_layer
        drawn = np.array(layer.thumbnail)
        layer.refresh()
        np.testing.assert_array_equal(drawn, layer.thumbnail)
        seen.add(drawn.tobytes())
    assert len(seen) > 1
    shown.only(None)
    drawn = np.array(shown.layer.thumbnail)
    shown.layer.refresh()
    np.testing.assert_array_equal(drawn, shown.layer.thumbnail)


def test_a_network_without_regions_shows_none(viewer, shown):
    shown.show(_regions(5, networks=2))
    shown.only(7)
    assert not shown.one_layer.data.any()
    shown.only(0)
    assert shown.one_layer.data.any()


def test_regions_of_one_network_that_were_painted_stay(viewer, shown):
    shown.show(_regions())
    shown.only(1)
    mine = shown.one_layer
    mine.data_setitem(tuple(np.array([[0], [0], [0]])), 3)
    labels = mine.data.copy()
    shown.only(2)
    shown.only(None)
    assert mine in viewer.layers
    np.testing.assert_array_equal(mine.data, labels)
    assert len(viewer.layers) == 2


@pytest.mark.parametrize("beside_run", [False, True])
def test_their_maps(viewer, shown, beside_run):
    regions = _regions()
    shown.show(regions)
    assert shown.maps_layer is None
    if beside_run:
        data = np.ones((9, *GRID.shape), "f4")
        viewer.add_image(data, name="run", contrast_limits=(0, 1), **layer_kwargs(GRID, tr=2.0, time=True, role="run"))
    layer = shown.show_maps()
    np.testing.assert_array_equal(stack_data(layer), regions.maps)
    assert list(maps_of(layer).names) == list(regions.table["name"])
    assert viewer.canvas.overlays[TEXT].text == f"{regions.table['name'].iloc[0]}\n1 of 7"
    other = _regions(5, seed=3)
    shown.show(other)  # follows
    assert shown.maps_layer is layer
    np.testing.assert_array_equal(stack_data(layer), other.maps)


def test_what_cannot_be_is_one_sentence(viewer, shown):
    for ask in (lambda: shown.only(0), shown.show_maps):
        with pytest.raises(InputError, match="no regions yet"):
            ask()
    labels = np.zeros(GRID.shape, np.uint8)
    labels[1:3] = 1
    shown.show(Regions(labels, GRID))
    with pytest.raises(InputError, match="made from labels"):
        shown.show_maps()
    with pytest.raises(InputError, match="which network"):
        shown.only(0)


def test_only_one_network_of_split_labels(shown):
    """Regions without maps that say which label each came from."""
    labels = np.zeros(GRID.shape, np.uint8)
    labels[0], labels[2], labels[4] = 1, 2, 3
    shown.show(Regions(labels, GRID, source_map=np.array([0, 1, 0])))
    shown.only(0)
    assert set(np.unique(shown.one_layer.data)) == {0, 1, 3}
