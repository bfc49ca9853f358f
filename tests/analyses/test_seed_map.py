"""Seed maps equal nilearn's, whatever the seed is given as; the mapper answers like the function."""

import json

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nilearn.maskers import NiftiMasker, NiftiSpheresMasker

from napari_connectome import Cleaning, Grid, Regions, Run, SeedMap, SeedMapper, Volume, load_run, load_volume, seed_map
from napari_connectome.core.errors import InputError
from napari_connectome.core.fisher import CLIP

AFFINE = np.array([[4.0, 0, 0, -20], [0, 4, 0, -30], [0, 0, 4, -10], [0, 0, 0, 1]])
SHAPE = (9, 10, 11)
PARAMS = SeedMap(radius=8.0, fwhm=6.0, cleaning=Cleaning(high_pass=0.01, low_pass=0.1))


def _run(t=100, kind="f4"):
    rng = np.random.default_rng(0)
    data = rng.standard_normal((t, 4)) @ rng.standard_normal((4, np.prod(SHAPE))) * 8
    data = (data + 10 * rng.standard_normal(data.shape) + 800).reshape(t, *SHAPE)
    confounds = pd.DataFrame(rng.standard_normal((t, 6)).cumsum(axis=0), columns=[f"c{i}" for i in range(6)])
    return Run(data.astype(kind), Grid(SHAPE, AFFINE), 2.0, confounds)


def _mask(run):
    inside = np.zeros(SHAPE, dtype=bool)
    inside[1:8, 1:9, 1:10] = True
    return Volume(inside, run.grid, name="mask")


def _nilearn_r(image, mask_image, confounds, seed, tr, smoothing, **more):
    """Pearson's r as the gallery means it: its product over T - 1."""
    how = {"detrend": True, "standardize": "zscore_sample", "t_r": tr, "high_pass": 0.01, "low_pass": 0.1}
    spheres = NiftiSpheresMasker([seed], radius=8, **how).fit_transform(image, confounds=confounds, **more)
    masker = NiftiMasker(mask_img=mask_image, smoothing_fwhm=smoothing, **how)
    brain = masker.fit_transform(image, confounds=confounds, **more)
    return masker.inverse_transform((brain.T @ spheres / (len(spheres) - 1)).ravel()).get_fdata().T


@pytest.mark.parametrize("fwhm", [0.0, 6.0])
def test_r_is_nilearn_s(fwhm):
    run = _run()
    mask = _mask(run)
    image = nib.Nifti1Image(run.data.T.astype("f8"), AFFINE)
    theirs = _nilearn_r(
        image, nib.Nifti1Image(mask.data.T.astype("u1"), AFFINE), run.confounds.to_numpy(), (0, -10, 6), 2.0, fwhm or None
    )
    ours = seed_map(run, (0, -10, 6), PARAMS.replace(fwhm=fwhm), mask)
    np.testing.assert_allclose(ours.data[0], theirs, atol=2e-6)
    assert ours.data.dtype == np.float32
    assert not ours.data[0][~mask.data].any()


def test_censored_volumes_are_nilearn_s():
    run = _run(120)
    keep = np.ones(120, dtype=bool)
    keep[[20, 21, 50, 77]] = False
    mask = _mask(run)
    image = nib.Nifti1Image(run.data.T.astype("f8"), AFFINE)
    theirs = _nilearn_r(
        image, nib.Nifti1Image(mask.data.T.astype("u1"), AFFINE), run.confounds.to_numpy(), (0, -10, 6), 2.0, 6.0,
        sample_mask=np.flatnonzero(keep),
    )  # fmt: skip
    np.testing.assert_allclose(seed_map(run.replace(keep=keep), (0, -10, 6), PARAMS, mask).data[0], theirs, atol=2e-6)


@pytest.mark.parametrize(("volumes", "every"), [(60, 11), pytest.param(176, 1, marks=pytest.mark.nightly)])
def test_the_real_run_equals_nilearn(real_data, volumes, every):
    """In each so many voxels of the brain and in the sphere: nilearn cleans every voxel and takes most of a minute for all."""
    bold, mask, table = _faces(real_data)
    run = load_run(bold, confounds=table)
    run = run.replace(data=run.data[:volumes], confounds=table[:volumes])
    some = np.zeros(mask.grid.shape, dtype=bool)
    some.flat[np.flatnonzero(mask.data)[::every]] = True
    some.flat[run.grid.sphere_voxels((0, -52, 18), 8)] = True
    some = Volume(some & (mask.data > 0), mask.grid)
    image = nib.Nifti1Image(run.data.T.astype(np.float64), run.grid.affine)
    inside = nib.Nifti1Image(some.data.T.astype(np.uint8), run.grid.affine)
    theirs = _nilearn_r(image, inside, run.confounds.to_numpy(), (0, -52, 18), 2.0, 6.0)
    np.testing.assert_allclose(seed_map(run, (0, -52, 18), PARAMS, some).data[0], theirs, atol=2e-6)


def _faces(real_data):
    """The run's file, its brain mask, and the confounds of its volumes."""
    folder = real_data / "task_faces_mni"
    table = pd.read_csv(folder / "sub-01_task-faces_desc-confounds_timeseries.tsv", sep="\t")[:176]
    mask = load_volume(folder / "sub-01_task-faces_space-MNI_desc-brain_mask.nii.gz")
    return folder / "sub-01_task-faces_space-MNI_bold.nii.gz", mask, table


def test_the_real_run_shows_the_default_mode(real_data):
    bold, mask, table = _faces(real_data)
    run = load_run(bold, confounds=table)
    ours = seed_map(run, (0, -52, 18), PARAMS, mask)
    around = {name: ours.data[0].flat[run.grid.sphere_voxels(c, 4)].mean() for name, c in NODES.items()}
    assert around["mPFC"] > 0.35
    assert around["left parietal"] > 0.35
    assert min(around["mPFC"], around["left parietal"]) > around["left auditory"] + 0.1


NODES = {"mPFC": (0, 52, -2), "left parietal": (-46, -68, 32), "left auditory": (-56, -20, 8)}


def test_a_seed_is_a_sphere_a_mask_a_region_or_a_row_of_a_table():
    run = _run()
    mask = _mask(run)
    sphere = run.grid.sphere((0, -10, 6), 8.0)
    expected = seed_map(run, [(0, -10, 6)], PARAMS, mask).data[0]
    labels = np.where(sphere, 7, 0)
    table = pd.DataFrame({"name": ["here"], "x": [0.0], "y": [-10], "z": [6], "radius": [8.0]})
    for seed in (Volume(sphere, run.grid), Regions(labels, run.grid), table):
        np.testing.assert_allclose(seed_map(run, seed, PARAMS.replace(radius=3.0), mask).data[0], expected, atol=1e-6)
    two = seed_map(run, [(0, -10, 6), (4, -2, 10)], PARAMS, mask)
    assert len(two) == 2
    np.testing.assert_allclose(two.data[1], seed_map(run, (4, -2, 10), PARAMS, mask).data[0], atol=1e-7)
    assert seed_map(run, table, PARAMS, mask)["here"].data.shape == SHAPE


def test_statistics_follow_from_r():
    run = _run()
    mask = _mask(run)
    mappers = {s: SeedMapper(run, PARAMS.replace(statistic=s), mask) for s in ("r", "fisher_z", "z_score")}
    r, z, score = (m.map((0, -10, 6)).data for m in mappers.values())
    np.testing.assert_allclose(z, np.arctanh(np.clip(r, -CLIP, CLIP)), atol=1e-5)
    np.testing.assert_allclose(score, z * np.sqrt(mappers["r"].dof), rtol=1e-5)
    voxel = mappers["r"].map(Volume(run.grid.sphere((0, -10, 6), 0), run.grid))
    assert np.abs(voxel.data).max() <= 1


def test_the_seed_s_series_is_its_cleaned_mean():
    from napari_connectome import clean

    run = _run()
    mapper = SeedMapper(run, PARAMS, _mask(run))
    mapper.map((0, -10, 6))
    inside = run.grid.sphere((0, -10, 6), 8.0) & mapper.mask.data
    mean = run.data[:, inside].astype("f8").mean(axis=1)
    expected = clean(mean[:, None], 2.0, PARAMS.cleaning.replace(standardize="none"), run.confounds)[:, 0]
    expected -= expected.mean()
    assert np.linalg.norm(mapper.series() - expected) < 2e-3 * np.linalg.norm(expected)
    np.testing.assert_allclose(mapper.series(run), expected, atol=1e-9)


@pytest.mark.parametrize("fwhm", [0.0, 6.0])
@pytest.mark.parametrize("size", [1.0, 1e-12, 1e12])
def test_adding_and_removing_voxels_ends_bit_for_bit_where_a_fresh_seed_is(fwhm, size):
    run = _run()
    run = run.replace(data=run.data.astype("f8") * size)
    params = PARAMS.replace(fwhm=fwhm)
    mapper, fresh = SeedMapper(run, params, _mask(run)), SeedMapper(run, params, _mask(run))
    rng = np.random.default_rng(1)
    mapper.select(mapper.sphere((0, -10, 6)))
    now = set(mapper.seed.tolist())
    for _ in range(200):
        some = rng.integers(0, mapper.n_voxels, rng.integers(0, 40))  # some of them twice
        if rng.random() < 0.5:
            assert set(mapper.add(some).tolist()) == set(some.tolist()) - now
            now |= set(some.tolist())
        else:
            assert set(mapper.remove(some).tolist()) == set(some.tolist()) & now
            now -= set(some.tolist())
    assert mapper.seed.tolist() == sorted(now)
    fresh.select(rng.permutation(sorted(now)))
    np.testing.assert_array_equal(mapper.direction(), fresh.direction())
    np.testing.assert_array_equal(mapper.series(), fresh.series())
    np.testing.assert_array_equal(mapper.map().data, fresh.map().data)
    inside = np.zeros(SHAPE, dtype=bool)
    inside[mapper.mask.data] = np.isin(np.arange(mapper.n_voxels), sorted(now))
    np.testing.assert_array_equal(mapper.map().data, fresh.map(Volume(inside, run.grid)).data)


def test_a_seed_whose_voxels_are_all_taken_out_holds_nothing():
    run = _run()
    mapper = SeedMapper(run, PARAMS, _mask(run))
    mapper.add(np.arange(0, 300, 7))
    mapper.add(np.arange(0, 300, 3))
    mapper.remove(np.arange(300))
    assert not mapper.series().any()
    with pytest.raises(InputError, match="no voxel"):
        mapper.map()


def test_the_correlation_is_r_whatever_is_shown_and_nothing_outside_the_mask():
    run = _run()
    r, z = (SeedMapper(run, PARAMS.replace(statistic=s), _mask(run)) for s in ("r", "z_score"))
    z.select(z.sphere((0, -10, 6)))
    expected = np.where(_mask(run).data, r.map((0, -10, 6)).data, np.nan)
    np.testing.assert_array_equal(z.correlation(), expected)


def test_a_map_is_the_same_in_many_pieces(monkeypatch):
    from napari_connectome.analyses import seed_map as module

    run = _run()
    mapper = SeedMapper(run, PARAMS, _mask(run))
    whole = mapper.map((0, -10, 6)).data
    monkeypatch.setattr(module, "AT_ONCE", 61 * mapper.n_rows)
    assert sum(piece.stop - piece.start for piece in mapper.pieces) == mapper.n_voxels
    assert len(mapper.pieces) > 5
    np.testing.assert_allclose(mapper.map().data, whole, atol=1e-6)


def test_parts_of_a_map_are_the_map():
    run = _run()
    mapper = SeedMapper(run, PARAMS, _mask(run))
    whole = mapper.map((0, -10, 6)).data
    direction, some = mapper.direction(), np.array([3, 100, 7])
    np.testing.assert_allclose(mapper.values(direction, slice(10, 50)), mapper.values(direction)[10:50], atol=1e-6)
    np.testing.assert_allclose(
        mapper.values(direction, block=mapper.columns_of(some)), mapper.values(direction, some), atol=1e-6
    )
    np.testing.assert_allclose(mapper.fill(mapper.values(direction)), whole)


def test_the_same_twice_and_nothing_given_is_changed():
    run = _run()
    before = run.data.copy(), run.confounds.copy()
    first, second = (seed_map(run, (0, -10, 6), PARAMS, _mask(run)).data for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(run.data, before[0])
    pd.testing.assert_frame_equal(run.confounds, before[1])


def test_provenance_remakes_the_map():
    run = _run()
    made = seed_map(run, (0, -10, 6), PARAMS, _mask(run))
    again = SeedMap.from_dict(made.provenance["parameters"])
    assert again == PARAMS
    assert made.provenance["confounds"] == [f"c{i}" for i in range(6)]


@pytest.mark.parametrize("detrend", [True, False])
@pytest.mark.parametrize("standardize_confounds", [True, False])
@pytest.mark.parametrize("kind", ["i2", "f4", "f8"])
def test_maps_follow_clean_whatever_it_makes_of_the_mean(detrend, standardize_confounds, kind):
    """Confounds that keep their own mean, without detrending, take something off a series' mean: it must not be lost."""
    from napari_connectome import clean

    run = _run(kind=kind)
    how = Cleaning(detrend=detrend, standardize_confounds=standardize_confounds)
    mapper = SeedMapper(run, SeedMap(radius=5.0, fwhm=0.0, cleaning=how), _mask(run))
    ours = mapper.map((0, -10, 6)).data
    cleaned = clean(run.data.reshape(100, -1).astype("f8"), 2.0, how.replace(standardize="none"), run.confounds)
    seed = cleaned[:, np.flatnonzero(run.grid.sphere((0, -10, 6), 5.0) & mapper.mask.data)].mean(axis=1)
    expected = np.array([np.corrcoef(seed, x)[0, 1] for x in cleaned.T]).reshape(SHAPE)
    np.testing.assert_allclose(ours[mapper.mask.data], expected[mapper.mask.data], atol=2e-5)
    np.testing.assert_allclose(mapper.series(run), seed - seed.mean(), atol=1e-8)


def test_what_is_no_number_lies_outside_masks_and_seeds():
    run = _run()
    inside = _mask(run).data
    nan = Volume(np.where(inside, 1.0, np.nan), run.grid)
    expected = seed_map(run, (0, -10, 6), PARAMS, _mask(run))
    np.testing.assert_array_equal(seed_map(run, (0, -10, 6), PARAMS, nan).data, expected.data)
    seed = Volume(np.where(run.grid.sphere((0, -10, 6), 8.0), 1.0, np.nan), run.grid)
    np.testing.assert_array_equal(seed_map(run, seed, PARAMS, _mask(run)).data, expected.data)
    with pytest.raises(InputError, match="fractions"):
        seed_map(run, (0, -10, 6), PARAMS, Volume(np.linspace(0, 1, inside.size).reshape(SHAPE), run.grid))


def test_a_result_says_all_that_made_it():
    """Every seed with its place and radius, the volumes left out, in values that JSON takes."""
    keep = np.ones(100, dtype=bool)
    keep[[4, 50]] = False
    table = pd.DataFrame({"name": ["PCC"], "x": [0.0], "y": [-10], "z": [6], "radius": [12.0]})
    run = _run().replace(keep=keep)
    made = seed_map(run, table, PARAMS.replace(fwhm=np.float32(6), radius=np.int64(8)), _mask(run))
    known = json.loads(json.dumps(made.provenance))
    assert known["seeds"][0]["voxels"] > 10
    assert [known["seeds"][0][key] for key in ("name", "x", "y", "z", "radius")] == ["PCC", 0.0, -10.0, 6.0, 12.0]
    assert known["censored"] == [4, 50]
    again = seed_map(run, pd.DataFrame(known["seeds"]), SeedMap.from_dict(known["parameters"]), _mask(run))
    np.testing.assert_array_equal(again.data, made.data)


def test_bad_input_ends_in_a_sentence():
    run = _run()
    mask = _mask(run)
    other = Grid((9, 10, 12), AFFINE)
    broken = run.data.copy()
    broken[:, 3:6, 3:6, 3:6] = 500
    flat = run.replace(data=broken)
    spot = run.grid.to_mm((4, 4, 4))
    many = pd.DataFrame(np.random.default_rng(9).standard_normal((100, 95)))
    cases = {
        "no voxel in the brain mask": lambda: seed_map(run, (300, 0, 0), PARAMS, mask),
        "the mask is empty": lambda: seed_map(run, (0, -10, 6), PARAMS, Volume(np.zeros(SHAPE, bool), run.grid)),
        "resample": lambda: seed_map(run, (0, -10, 6), PARAMS, Volume(np.ones((9, 10, 12), bool), other)),
        "series is constant": lambda: seed_map(flat, spot, PARAMS.replace(radius=2.0), mask),
        "351 rows": lambda: run.replace(confounds=pd.DataFrame(np.zeros((351, 2)))),
        "must lie between 0 and 50 mm": lambda: PARAMS.replace(radius=-1.0),
        "no column z": lambda: seed_map(run, pd.DataFrame({"x": [0], "y": [0]}), PARAMS, mask),
        "seeds must be centres": lambda: seed_map(run, "PCC", PARAMS, mask),
        "the mask is of type ndarray and must be a Volume": lambda: seed_map(run, (0, -10, 6), PARAMS, mask.data),
        "independent volumes": lambda: seed_map(run.replace(confounds=many), (0, -10, 6), SeedMap(), mask),
        "Cleaning.low_pass is None": lambda: Cleaning(low_pass=None),
        "SeedMap.fwhm is": lambda: SeedMap(fwhm=(6, 6, 6)),
        "must be True or False": lambda: Cleaning(detrend="no"),
        "must be a Cleaning": lambda: SeedMap(cleaning={}),
        "0.01 to 100": lambda: run.replace(tr=2e-6),
        "no seed was given": lambda: seed_map(run, np.empty((0, 3)), PARAMS, mask),
        "4-D": lambda: Run(run.data[0], run.grid, 2.0),
        "positive number of seconds": lambda: run.replace(tr=0.0),
    }
    for sentence, call in cases.items():
        with pytest.raises(InputError, match=sentence):
            call()


@pytest.mark.parametrize("statistic", ["r", "z_score"])
def test_the_map_of_a_series_from_elsewhere_is_that_of_the_seed_it_is_of(statistic):
    run = _run()
    run = run.replace(keep=np.arange(run.n_volumes) % 9 > 0)
    mapper = SeedMapper(run, PARAMS.replace(statistic=statistic), _mask(run))
    wanted = mapper.map((0, -10, 6))
    found = mapper.map_of(3 * mapper.series(run) + 5, "mine")
    np.testing.assert_allclose(found.data, wanted.data, rtol=1e-4, atol=1e-5)
    assert found.name == "mine"
    with pytest.raises(InputError, match="mine has 7 values"):
        mapper.map_of(np.ones(7), "mine")
    for constant in (np.full(len(mapper.volumes), 4.0), np.full(len(mapper.volumes), np.nan)):
        with pytest.raises(InputError, match="no signal that changes"):
            mapper.map_of(constant)
