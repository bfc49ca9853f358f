"""What is handed from step to step is checked when it is made."""

import numpy as np
import pandas as pd
import pytest

import napari_connectome as nc
from napari_connectome.core.errors import InputError
from napari_connectome.core.origins import Origin

GRID = nc.Grid((3, 4, 5), np.diag([2.0, 2.0, 3.0, 1.0]))
LABELS = np.zeros(GRID.shape, dtype=np.int64)
LABELS[1, 1:3, 1:4] = 7
RUN = nc.Run(np.random.default_rng(0).integers(0, 900, (20, *GRID.shape)).astype(np.int16), GRID, 2.0)


@pytest.mark.parametrize("largest", [1, 255, 256, 9170, 65536, 2**32 - 1])
@pytest.mark.parametrize("kind", [np.int64, np.uint64, np.float64])
def test_labels_are_stored_in_the_smallest_type_that_holds_them(largest, kind):
    regions = nc.Regions(np.where(LABELS == 7, largest, 0).astype(kind), GRID)
    assert regions.labels.dtype == np.min_scalar_type(largest)
    assert regions.ids.tolist() == [largest]


@pytest.mark.parametrize("largest", [2**32, 2**63 + 5, 1e19, 1e30])
def test_ids_that_no_image_can_store_are_refused(largest):
    labels = np.where(LABELS == 7, np.asarray(largest, dtype=np.float64 if isinstance(largest, float) else np.uint64), 0)
    with pytest.raises(InputError, match=r"labels must be whole numbers below 2\^32, and the largest given is"):
        nc.Regions(labels, GRID)


@pytest.mark.parametrize("table", [{7: "V1"}, ["V1"], None, pd.Series({7: "V1"})])
def test_a_table_of_regions_is_a_data_frame(table):
    with pytest.raises(InputError, match="must be a DataFrame, with the label ids as its index"):
        nc.Regions(LABELS, GRID, table)


def test_origins_are_those_of_regions_that_are_there():
    origin = Origin("bold", "abc", "face > house")
    assert nc.Regions(LABELS, GRID, origins={np.int64(7): [origin], 9: (origin,)}).origins == {7: (origin,)}
    assert nc.Regions(LABELS, GRID, origins={7: ()}).origins == {}
    for wrong in ([origin], {7: origin}, {7: "abc"}, {7: [origin.to_dict()]}, {"V1": (origin,)}, None):
        with pytest.raises(InputError, match="origins must be a dict of label ids"):
            nc.Regions(LABELS, GRID, origins=wrong)


def test_series_know_their_volumes():
    data = np.zeros((3, 1))
    assert nc.Series(data, ["a"], 0.72).volumes.tolist() == [0, 1, 2]
    assert nc.Series(data, ["a"], 0.72, np.array([3, 5, 1000]) * 0.72).volumes.tolist() == [3, 5, 1000]


def test_a_wrong_kind_of_value_is_one_sentence():
    regions, volume, labels = nc.Regions(LABELS, GRID), nc.Volume(RUN.data[0], GRID), ["a", "b"] * 10
    run = r"the run is of type \w+ and must be a Run \(load_run\(path\) or Run\(data, grid, tr\)\)\."
    for wrong in (RUN.data, volume, None, "bold.nii.gz"):
        with pytest.raises(InputError, match=run):
            nc.condition_test(wrong, labels, nc.ConditionTest(a="a", b="b"))
        with pytest.raises(InputError, match=run):
            nc.region_series(wrong, regions)
        with pytest.raises(InputError, match=run):
            nc.seed_map(wrong, [[0, 0, 0]])
        with pytest.raises(InputError, match=run):
            nc.SeedMapper(wrong)
    for wrong in (RUN, volume.data, regions):
        with pytest.raises(InputError, match=r"the map is of type \w+ and must be a Volume"):
            nc.threshold(wrong)
        with pytest.raises(InputError, match=r"the mask is of type \w+ and must be a Volume"):
            nc.threshold(volume, mask=wrong)
    with pytest.raises(InputError, match=r"the mask is of type ndarray and must be a Volume .* or a Regions"):
        nc.make_regions(volume.data)
    for call in (
        lambda: nc.condition_test(RUN, labels, {"a": "a"}),
        lambda: nc.region_series(RUN, regions, nc.Cleaning()),
        lambda: nc.threshold(volume, nc.Labeling()),
        lambda: nc.make_regions(volume, nc.Threshold()),
    ):
        with pytest.raises(InputError, match=r"the parameters given are .* and must be"):
            call()
