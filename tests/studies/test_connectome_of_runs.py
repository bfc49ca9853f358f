"""Connectomes of many runs are those of each run, whoever reads it and wherever it lies."""

from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

import napari_connectome as nc
from napari_connectome.core.errors import Cancelled, InputError
from napari_connectome.core.phantom import resting_group
from napari_connectome.studies.connectome_of_runs import connectome_of_runs, series_of_runs
from napari_connectome.studies.learn_networks import RunsFailed, reduce_runs

EMPTY = nc.Regions(np.zeros((2, 2, 2), dtype=np.uint8), nc.Grid((2, 2, 2), np.eye(4)))
SERIES = nc.RegionSeries(fwhm=4.0, cleaning=nc.Cleaning(high_pass=0.01))


@pytest.fixture(scope="module")
def group():
    return resting_group(3, n_volumes=40)


@pytest.fixture(scope="module")
def runs(group):
    return [subject.run.replace(confounds=subject.run.confounds.filter(regex="^trans_.$")) for subject in group]


@pytest.fixture(params=["labels", "maps", "spheres"])
def regions(request, group):
    first = group[0]
    return {"labels": first.regions, "maps": first.networks, "spheres": first.nodes[["name", "x", "y", "z"]]}[request.param]


def test_each_run_has_the_matrix_of_its_own_series(runs, regions):
    params = nc.Connectivity(kind="partial_correlation")
    found = connectome_of_runs(runs, regions, SERIES, params)
    wanted = nc.connectome([nc.region_series(run, regions, SERIES) for run in runs], params)
    np.testing.assert_array_equal(found.matrices, wanted.matrices)
    assert found.names == wanted.names
    assert found.subjects == ("sub-01", "sub-02", "sub-03")
    assert found.coordinates.shape == (len(found.names), 3)
    assert np.isfinite(found.coordinates).all()


def test_files_generators_and_threads_give_the_same(runs, group, tmp_path):
    regions = group[0].regions
    wanted = connectome_of_runs(runs, regions, SERIES)
    paths = []
    for run in runs:
        paths.append(tmp_path / f"{run.name}.nii.gz")
        nc.save(run, paths[-1])
        run.confounds.to_csv(tmp_path / f"{run.name}_desc-confounds_timeseries.tsv", sep="\t", index=False)
    files = [nc.RunFile(path, "beside") for path in paths]
    with ThreadPoolExecutor(2) as threads:
        for given, executor in ((iter(runs), None), (runs, threads), (files, None), (files, threads)):
            found = connectome_of_runs(given, regions, SERIES, executor=executor)
            np.testing.assert_allclose(found.matrices, wanted.matrices, atol=1e-6)
            assert found.subjects == wanted.subjects


def test_of_a_generator_one_run_is_in_memory_at_a_time(runs, group):
    import weakref

    alive, most = [], []

    def one_by_one():
        for run in runs:
            own = run.replace(data=run.data.copy())
            alive.append(weakref.ref(own.data))
            del run
            yield own
            del own
            most.append(sum(ref() is not None for ref in alive))

    series_of_runs(one_by_one(), group[0].regions)
    assert max(most) <= 2  # the one just done, which the loop still names, and none besides


@pytest.mark.parametrize("threads", [0, 2])
def test_regions_are_brought_once_to_the_grid_that_runs_share_and_each_run_has_its_own_series(
    runs, regions, threads, monkeypatch
):
    """Also where the next is on another grid, as big as the one before, or the last was."""
    from napari_connectome.analyses import region_series as module

    found = []

    def placed(given, grid, *more, **others):
        found.append(grid)
        return original(given, grid, *more, **others)

    original = module.placed
    monkeypatch.setattr(module, "placed", placed)
    first, grid = runs[0], runs[0].grid
    moved = nc.Grid(grid.shape, grid.affine + 3.0 * np.eye(4, 4, 3))
    others = [first.replace(data=first.data + i, grid=moved, name=f"other {i}") for i in (1, 2)]
    given = [*runs, *others, first.replace(data=first.data.copy(), name="again")]
    with ThreadPoolExecutor(threads or 1) as pool:
        series = series_of_runs(given, regions, SERIES, executor=pool if threads else None).series
    assert threads or len(found) == 3
    assert len(found) < len(given)
    for run, mine in zip(given, series, strict=True):
        alone = nc.region_series(run, regions, SERIES)
        np.testing.assert_array_equal(mine.data, alone.data)
        pd.testing.assert_frame_equal(mine.table, alone.table)


def test_runs_that_fail_are_named_and_the_others_are_not_lost(runs, group, tmp_path):
    broken = tmp_path / "broken.nii.gz"
    nc.save(runs[0], broken)
    broken.write_bytes(broken.read_bytes()[:5000])
    given = [runs[0], broken, runs[1]]
    with pytest.raises(RunsFailed, match="broken") as failed:
        connectome_of_runs(given, group[0].regions)
    assert len(failed.value.sentences) == 1
    found = series_of_runs(given, group[0].regions, leave_out=True)
    assert found.runs == ("sub-01", "sub-02")
    assert [failure.name for failure in found.failures] == ["broken"]
    assert "broken" in found.failures[0].sentence
    with pytest.raises(RunsFailed, match="broken"):
        series_of_runs([broken], group[0].regions, leave_out=True)


class Gone(Executor):
    """Its only worker dies after one run."""

    def __init__(self):
        self.left = 1

    def submit(self, task, /, *args, **more):
        if not self.left:
            raise BrokenExecutor("the worker is gone")
        self.left -= 1
        future = Future()
        future.set_result(task(*args, **more))
        return future


def test_runs_whose_worker_died_are_not_left_out(runs, group):
    """They could be used: without them the result would be of fewer subjects than were given."""
    work = {
        "regions": lambda: connectome_of_runs(runs, group[0].regions, leave_out=True, executor=Gone()),
        "networks": lambda: reduce_runs(runs, nc.Networks(n_components=2), mask=group[0].mask, leave_out=True, executor=Gone()),
    }
    for what, do in work.items():
        with pytest.raises(RunsFailed, match="2 of 3 runs could not be done") as failed:
            do()
        assert [failure.name for failure in failed.value.failures if failure.lost] == ["sub-02", "sub-03"], what


@pytest.mark.parametrize("value", [np.nan, 0.0, 300.0])
def test_a_region_that_a_run_lacks_has_nan_there_and_a_mean_of_the_others(runs, group, value):
    regions = group[0].regions
    data = runs[1].data.astype(np.float32)
    data[:, regions.labels == 2] = value
    given = [runs[0], runs[1].replace(data=data, confounds=None), runs[2]]
    found = connectome_of_runs(given, regions)
    assert np.isfinite(np.delete(np.delete(found.matrices[1], 1, 0), 1, 1)).all()
    assert np.isnan(found.matrices[1, 1]).all()
    np.testing.assert_allclose(found.mean[1], found.matrices[[0, 2], 1].mean(axis=0))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"runs": []}, r"^there is no run: give one at least\.$"),
        ({"runs": iter([])}, "no run"),
        ({"regions": "atlas.nii"}, "centres in mm"),
        ({"regions": EMPTY}, "^there is no region in the label image"),
        ({"series": nc.Cleaning()}, "RegionSeries"),
        ({"connectivity": nc.Cleaning()}, "Connectivity"),
    ],
)
def test_bad_input_is_one_sentence_before_any_run_is_read(runs, group, given, sentence):
    with pytest.raises(InputError, match=sentence):
        connectome_of_runs(**{"runs": [nc.RunFile("nowhere.nii.gz")], "regions": group[0].regions} | given)


def test_cancel_stops_it(runs, group):
    def stop(fraction, doing):
        if "sub-02" in doing:
            raise Cancelled

    with pytest.raises(Cancelled):
        connectome_of_runs(runs, group[0].regions, progress=stop)


def test_real_runs_and_an_atlas_on_another_grid_give_what_nilearn_gives(real_data):
    from nilearn.connectome import ConnectivityMeasure
    from nilearn.image import load_img, new_img_like
    from nilearn.maskers import NiftiLabelsMasker

    atlas = next((real_data / "atlas").glob("Schaefer*_dseg.nii.gz"))
    paths = sorted((real_data / "rest_group").glob("*.nii.gz"))[:2]
    image = load_img(atlas)
    labels = new_img_like(image, np.asarray(image.dataobj).astype(np.int16))
    series = []
    for path in paths:
        run = load_img(path)
        masker = NiftiLabelsMasker(
            labels, resampling_target="data", standardize="zscore_sample", detrend=True, t_r=2.0, dtype=np.float64
        )
        data = np.asarray(run.dataobj).astype(np.float32)  # as images are here
        series.append(masker.fit_transform(new_img_like(run, data.astype(np.float64))))
    wanted = ConnectivityMeasure(kind="correlation", standardize=True).fit_transform(series)
    found = connectome_of_runs(
        [nc.RunFile(path, tr=2.0) for path in paths], nc.load_regions(atlas), nc.RegionSeries(cleaning=nc.Cleaning())
    )
    np.testing.assert_allclose(found.matrices, wanted, atol=1e-6)
