"""One place for each region, whatever it is given as."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from napari_connectome import Grid, Maps, Regions
from napari_connectome.core.region_centres import region_centres

GRID = Grid((11, 13, 12), np.array([[-3.0, 0, 0, 18], [0, 4.0, 0, -22], [0, 0, 5.0, -16], [0, 0, 0, 1]]))
PLACE = st.tuples(st.integers(0, 10), st.integers(0, 12), st.integers(0, 11))


@given(PLACE, PLACE, st.floats(0.5, 2.0), st.sampled_from([-1.0, 1.0]))
def test_a_map_of_two_blobs_is_where_the_stronger_one_is(strong, weak, width, sign):
    at = np.stack(np.indices(GRID.shape), axis=-1)
    blob = np.exp(-((at - strong) ** 2).sum(-1) / (2 * width**2))
    other = 0.4 * np.exp(-((at - weak) ** 2).sum(-1) / (2 * width**2))
    (found,) = region_centres(Maps((sign * np.maximum(blob, other))[None].astype(np.float32), GRID))
    distance = np.abs(GRID.to_voxel(found)[::-1] - strong).max()
    assert distance <= width + 0.5  # a blob at the edge of the box has its middle inside


def test_maps_as_regions_and_as_maps_are_in_the_same_places(phantom):
    networks = phantom.networks
    as_regions = Regions.of_maps(np.asarray(networks.data), networks.grid, names=networks.names)
    np.testing.assert_array_equal(region_centres(as_regions), region_centres(networks))


def test_labels_are_at_their_centre_of_mass_and_spheres_at_theirs(phantom):
    regions = phantom.regions
    np.testing.assert_array_equal(region_centres(regions), regions.table[["x", "y", "z"]].to_numpy())
    places = [[0.0, -52, 18], [1, 50, -5]]
    np.testing.assert_array_equal(region_centres(places), places)
    np.testing.assert_array_equal(region_centres(pd.DataFrame(places, columns=["x", "y", "z"])), places)


def test_a_map_without_weights_is_nowhere():
    data = np.zeros((2, *GRID.shape), np.float32)
    data[1, 5, 6, 7] = 2.0
    data[1, 0, 0, 0] = np.nan
    found = region_centres(Maps(data, GRID))
    assert np.isnan(found[0]).all()
    np.testing.assert_allclose(found[1], GRID.to_mm((7, 6, 5)))
