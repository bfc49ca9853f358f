"""Regions out of maps and labels are nilearn's, in its order."""

import time
import warnings

import nibabel as nib
import numpy as np
import pytest
from nilearn.regions import RegionExtractor as Oracle
from nilearn.regions import connected_label_regions
from scipy.ndimage import gaussian_filter

import napari_connectome as nc
from napari_connectome.analyses.region_extraction import RegionExtraction, RegionExtractor, extract_regions
from napari_connectome.core.errors import Cancelled, InputError


def _maps(rng, shape, k, smooth=1.5, above=1.0):
    maps = np.stack([gaussian_filter(rng.standard_normal(shape), smooth) for _ in range(k)])
    maps[np.abs(maps) < above * maps.std()] = 0
    return (maps / np.sqrt((maps.reshape(k, -1) ** 2).sum(axis=1))[:, None, None, None]).astype(np.float32)


def _random(rng):
    """Maps, and parameters that keep some of them."""
    shape, k = tuple(rng.integers(6, 32, 3)), int(rng.integers(1, 5))
    grid = nc.Grid(shape, np.diag([*rng.uniform(2, 4, 3), 1]))
    maps = nc.Maps(_maps(rng, shape, k, rng.uniform(0.7, 3), rng.uniform(0, 1.8)), grid)
    strategy = str(rng.choice(["ratio_n_voxels", "percentile", "img_value"]))
    threshold = {
        "ratio_n_voxels": rng.uniform(0.02, 1),
        "percentile": rng.uniform(50, 99.5),
        "img_value": rng.uniform(0, 0.8) * maps.data.max(),
    }[strategy]
    params = RegionExtraction(
        threshold=threshold,
        strategy=strategy,
        method=str(rng.choice(["connected_components", "local_regions"])),
        min_size=float(rng.choice([0, 100, 1350])),
        fwhm=float(rng.choice([0.0, rng.uniform(1, 10)])),
        two_sided=bool(rng.random() < 0.5),
    )
    return maps, params


def _oracle(maps, params):
    """nilearn's regions (r, z, y, x) and the map of each; None where it finds none."""
    image = nib.Nifti1Image(np.ascontiguousarray(maps.data.T).astype(np.float64), maps.grid.affine)
    extractor = Oracle(
        image,
        threshold=params.threshold,
        thresholding_strategy=params.strategy,
        extractor=params.method,
        min_region_size=params.min_size,
        smoothing_fwhm=params.fwhm,
        two_sided=params.two_sided,
        reports=False,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            extractor.fit()
        except (TypeError, ValueError, AttributeError):  # it falls over having found nothing
            return None
    return extractor.regions_img_.get_fdata().T, list(extractor.index_)


def test_regions_are_those_of_nilearn():
    rng = np.random.default_rng(0)
    compared = unlike = found = 0
    for _ in range(45):
        maps, params = _random(rng)
        theirs = _oracle(maps, params)
        if theirs is None:
            with pytest.raises(InputError):
                extract_regions(maps, params)
            continue
        ours = extract_regions(maps, params)
        assert ours.source_map.tolist() == theirs[1], params
        different = np.count_nonzero((ours.maps != 0) != (theirs[0] != 0))
        if not different:
            np.testing.assert_array_equal(ours.maps, theirs[0].astype(np.float32))
        compared, unlike, found = compared + np.count_nonzero(theirs[0]), unlike + different, found + 1
    assert found > 35
    assert compared > 50_000
    assert unlike <= 0.001 * compared


def test_connected_parts_of_labels_are_those_of_nilearn():
    rng = np.random.default_rng(1)
    for _ in range(30):
        shape = tuple(rng.integers(2, 20, 3))
        grid = nc.Grid(shape, np.diag([*rng.uniform(2, 4, 3), 1]))
        field = gaussian_filter(rng.standard_normal(shape), 1.2)
        labels = np.digitize(field / field.std(), [-1.0, 0, 1.0, 1.5]) * int(rng.choice([1, 3]))
        labels[rng.random(shape) < 0.1] = 0
        size, corners = float(rng.choice([0, 50, 300])), bool(rng.random() < 0.5)
        image = nib.Nifti1Image(labels.T.astype(np.int32), grid.affine)
        theirs = np.asarray(connected_label_regions(image, min_size=size or None, connect_diag=corners).dataobj).T
        params = RegionExtraction(min_size=size, connectivity=26 if corners else 6)
        if not theirs.any():
            with pytest.raises(InputError):
                extract_regions(nc.Regions(labels, grid), params)
            continue
        ours = extract_regions(nc.Regions(labels, grid), params)
        np.testing.assert_array_equal(ours.labels, theirs)
        sources = nc.Regions(labels, grid).ids[ours.source_map]
        assert all(set(labels[theirs == i].tolist()) == {source} for i, source in enumerate(sources, start=1))


def test_parts_of_labels_keep_their_names():
    labels = np.zeros((3, 4, 9), dtype=int)
    labels[:, :, 0], labels[:, :, 2:4], labels[:, :, 5], labels[:, :, 7:] = 4, 2, 4, 3
    grid = nc.Grid(labels.shape, np.eye(4))
    given = nc.Regions(labels, grid, nc.Regions(labels, grid).table.assign(name=["V1", "region 3", "A1"], lobe=list("oxt")))
    parts = extract_regions(given, RegionExtraction(min_size=1.0))
    assert parts.table["name"].tolist() == ["V1", "region 2", "A1 1", "A1 2"]
    assert parts.table["lobe"].tolist() == ["o", "x", "t", "t"]
    assert parts.source_map.tolist() == [0, 1, 2, 2]
    assert parts.maps is None


GRID = nc.Grid((16, 18, 20), np.diag([3.0, 3.0, 3.0, 1.0]))
BALL = np.exp(-((np.argwhere(np.ones((9, 11, 10))) - [4, 5, 5]) ** 2).sum(axis=1) / 4).reshape(1, 9, 11, 10)
TINY = nc.Maps(BALL.astype("f4"), nc.Grid((9, 11, 10), np.diag([4.0, 4.0, 4.0, 1.0])))
MAPS = nc.Maps(_maps(np.random.default_rng(5), GRID.shape, 4), GRID, ["DMN", "visual", "motor", "noise"], {"seed": 5})


def test_regions_know_their_network_and_how_they_were_made():
    params = RegionExtraction(min_size=500.0)
    regions = extract_regions(MAPS, params)
    assert regions.table["network"].tolist() == [MAPS.names[i] for i in regions.source_map]
    assert all(name.startswith(network) for name, network in regions.table[["name", "network"]].to_numpy())
    assert regions.table["name"].is_unique
    assert regions.provenance == {"seed": 5, "extraction": params.to_dict()}
    assert (regions.table["size_mm3"] > 500).all()
    for region, source in zip(regions.maps, regions.source_map, strict=True):
        assert np.array_equal(region[region != 0], MAPS.data[source][region != 0])


@pytest.mark.parametrize("method", ["connected_components", "local_regions"])
def test_regions_of_one_map_do_not_overlap(method):
    regions = extract_regions(MAPS, RegionExtraction(min_size=0.0, method=method))
    for i in range(len(MAPS)):
        assert ((regions.maps[regions.source_map == i] != 0).sum(axis=0) <= 1).all()


def test_a_prepared_extractor_gives_the_same_in_any_order():
    extractor = RegionExtractor(MAPS)
    base = RegionExtraction(min_size=300.0)
    for params in (base, base.replace(min_size=900.0), base.replace(threshold=0.02), base.replace(fwhm=2.0), base,
                   base.replace(method="connected_components"), base):  # fmt: skip
        once, again = extract_regions(MAPS, params), extractor.extract(params)
        np.testing.assert_array_equal(once.maps, again.maps)
        assert once.table.equals(again.table)


def test_regions_that_are_maps_are_taken_apart_as_maps():
    regions = extract_regions(MAPS, RegionExtraction(min_size=300.0))
    again = extract_regions(regions, RegionExtraction(min_size=300.0, method="connected_components"))
    assert set(again.table["network"]) <= set(regions.table["name"])


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.float16, np.int16, bool])
def test_any_type_of_numbers(kind):
    data = (MAPS.data * (20 if kind is np.int16 else 1)).astype(kind) if kind is not bool else MAPS.data > 0
    regions = extract_regions(nc.Maps(data, GRID), RegionExtraction(min_size=200.0, method="connected_components"))
    assert regions.maps.dtype == np.float32


def test_nan_counts_as_zero_and_the_maps_stay_as_they_were():
    data = MAPS.data.copy()
    data[:, :2] = 0
    holes = data.copy()
    holes[:, 0], holes[:, 1] = np.nan, np.inf
    before = holes.copy()
    params = RegionExtraction(min_size=200.0)
    np.testing.assert_array_equal(extract_regions(nc.Maps(holes, GRID), params).maps,
                                  extract_regions(nc.Maps(data, GRID), params).maps)  # fmt: skip
    np.testing.assert_array_equal(holes, before)


@pytest.mark.parametrize(
    ("maps", "params", "sentence"),
    [
        (MAPS, {"threshold": 5.0}, "must be above 0 and at most 4, the number of maps"),
        (MAPS, {"threshold": 0.0}, "must be above 0"),
        (MAPS, {"threshold": 101.0, "strategy": "percentile"}, "choose one from 0 to 100"),
        (MAPS, {"threshold": 9.0, "strategy": "img_value"}, "keeps weights of 9 and more, and the largest of the maps is 0"),
        (MAPS, {"min_size": 1e6}, r"no region larger than 1e\+06 mm³ was found, the largest has \d+"),
        (nc.Maps(np.zeros((2, *GRID.shape)), GRID), {}, "the maps are 0 everywhere"),
        (nc.Maps(-np.abs(MAPS.data), GRID), {}, "has no positive peak"),
        (TINY, {"fwhm": 50.0, "threshold": 0.2}, "has no peak once it is smoothed by 50 mm: give a smaller width"),
        (nc.Maps(np.zeros((0, *GRID.shape)), GRID), {}, "there are no maps"),
        (nc.Regions(np.zeros(GRID.shape, int), GRID), {}, "the labels are 0 everywhere"),
        (nc.Regions(np.eye(20, dtype=int)[:16, None] * np.ones((1, 18, 1), int), GRID), {"min_size": 1e6},
         "no connected part of a region is larger than"),
        (nc.Volume(MAPS.data[0], GRID), {}, "is of type Volume and must be a Maps .* or a Regions"),
    ],
)  # fmt: skip
def test_nothing_left_and_wrong_input_are_one_sentence(maps, params, sentence):
    with pytest.raises(InputError, match=sentence):
        extract_regions(maps, RegionExtraction(**params))


def test_cancelling_leaves_an_extractor_that_works():
    extractor, calls = RegionExtractor(MAPS), []

    def stop(fraction, doing):
        calls.append((fraction, doing))
        if len(calls) == 20:
            raise Cancelled

    with pytest.raises(Cancelled):
        extractor.extract(progress=stop)
    assert calls[0] == (0.0, "regions of DMN")
    done = []
    regions = extractor.extract(progress=lambda fraction, doing: done.append(fraction))
    np.testing.assert_array_equal(regions.maps, extract_regions(MAPS).maps)
    assert done == sorted(done)
    assert done[-1] == 1.0


def test_work_is_watched_often():
    maps = nc.Maps(_maps(np.random.default_rng(0), (40, 44, 40), 6, above=0.0), nc.Grid((40, 44, 40), np.eye(4)))
    said = []
    extract_regions(maps, RegionExtraction(min_size=0.0, fwhm=4.0), progress=lambda *_: said.append(time.perf_counter()))
    assert len(said) > 100  # in each of the solver's steps, whatever the machine


def test_real_probabilistic_atlas(real_data):
    atlas = nc.load_regions(real_data / "atlas" / "DiFuMo128_MNI152NLin6Asym_2mm_maps.nii.gz")
    assert len(atlas.table) == len(atlas.maps) == 128
    assert atlas.table["name"][1] == "Middle frontal gyrus lateral LH"
    regions = extract_regions(nc.Maps(atlas.maps[:12], atlas.grid, atlas.table["name"][:12]))
    assert len(regions.table) >= 12
    assert set(regions.table["network"]) == set(atlas.table["name"][:12])
