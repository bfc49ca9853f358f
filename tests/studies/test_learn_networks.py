"""Networks from runs, from beginning to end."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from napari_connectome import Grid, Maps, Volume, save
from napari_connectome.analyses.networks import Networks, networks_of
from napari_connectome.core.errors import Cancelled, InputError
from napari_connectome.core.phantom import resting_group
from napari_connectome.io.confounds import choose_columns
from napari_connectome.io.run_file import RunFile
from napari_connectome.studies.learn_networks import learn_networks, reduce_runs

PARAMS = Networks(n_components=4, alpha=2.0, fwhm=8.0)


@pytest.fixture(scope="module")
def subjects():
    return resting_group(3, n_volumes=60)


@pytest.fixture(scope="module")
def runs(subjects):
    return [subject.run.replace(confounds=subject.run.confounds.filter(regex="^(trans|rot)_.$")) for subject in subjects]


@pytest.fixture(scope="module")
def learned(runs):
    return learn_networks(runs, PARAMS)


def test_networks_of_the_reductions_with_an_account(runs, learned):
    wanted = networks_of(reduce_runs(runs, PARAMS), PARAMS)
    np.testing.assert_array_equal(learned.data, wanted.data)
    assert learned.subjects == ("sub-01", "sub-02", "sub-03")
    assert learned.left_out == ()
    assert learned.grid.matches(runs[0].grid)
    assert not learned.data[:, ~learned.mask.data].any()
    assert learned.provenance["notices"] == []


def test_reductions_know_the_mean_of_the_runs(runs):
    known = reduce_runs(runs, PARAMS)
    np.testing.assert_allclose(known.mean.data, np.mean([run.data.mean(axis=0) for run in runs], axis=0), rtol=1e-4)
    assert known.mean.grid.matches(known.mask.grid)
    assert reduce_runs(runs, PARAMS, kept=known).mean is known.mean
    assert reduce_runs(runs, PARAMS, mask=known.mask).mean is None  # no run was looked at as a whole


def test_files_with_confounds_give_the_same(runs, learned, tmp_path):
    sources = []
    for run in runs:
        save(run, tmp_path / f"{run.name}.nii.gz")
        run.confounds.to_csv(tmp_path / f"{run.name}_desc-confounds_timeseries.tsv", sep="\t", index=False)
        sources.append(RunFile(tmp_path / f"{run.name}.nii.gz", "beside"))
    with ThreadPoolExecutor(1) as threads:
        found = learn_networks(sources, PARAMS, executor=threads)
    r = np.corrcoef(found.data[:, found.mask.data], learned.data[:, found.mask.data])[:4, 4:]
    assert np.abs(r).max(axis=1).min() > 0.999
    assert found.score == pytest.approx(learned.score, rel=1e-3)


def test_a_start_decides_how_many_there_are(runs, group):
    start = group[0].networks
    found = learn_networks(iter(runs[:2]), PARAMS, mask=group[0].mask, start=start)
    assert len(found) == len(start.data)
    assert set(found.names) == set(start.names)
    regions = learn_networks(runs[:2], PARAMS, mask=group[0].mask, start=group[0].regions)
    assert set(regions.names) == set(group[0].regions.table["name"])


def test_who_is_left_out_is_named_in_the_result(runs, group):
    bad = runs[1].replace(data=np.zeros_like(runs[1].data))
    found = learn_networks([runs[0], bad, runs[2]], PARAMS, leave_out=True, mask=group[0].mask)
    assert found.subjects == ("sub-01", "sub-03")
    assert len(found.left_out) == 1
    assert "sub-02" in found.left_out[0]


def test_nothing_comes_of_what_is_cancelled_while_learning(runs):
    def stop(fraction, doing):
        if fraction > 0.7:
            raise Cancelled

    with pytest.raises(Cancelled):
        learn_networks(runs[:1], PARAMS, progress=stop)


def _maps(runs, k):
    grid = runs[0].grid
    return Maps(np.broadcast_to(np.ones((), dtype=np.float32), (k, *grid.shape)), grid)


def test_what_cannot_be_learned_is_told(runs, group):
    for call, says in [
        (lambda: Networks(n_components=1), "n_components is 1 and must lie between 2"),
        (lambda: learn_networks(runs[:1], PARAMS.replace(alpha=1e6)), "lower the sparsity"),
        (lambda: learn_networks(runs[:1], Networks(n_components=80)), "80 networks"),
        (lambda: learn_networks(runs[:1], PARAMS, start=5), "the start is of type int"),
        (lambda: learn_networks(runs[:1], PARAMS, start=_maps(runs, 1)), "there is 1 map to start from"),
        (lambda: learn_networks(runs[:1], PARAMS, start=_maps(runs, 501)), "501 maps to start from and at most 500"),
        (lambda: learn_networks(runs[:1], PARAMS, executor=3), "the executor is of type int"),
        (lambda: learn_networks(runs[:1], {"n_components": 5}), "the parameters given are"),
        (lambda: learn_networks(runs[:1], PARAMS, mask=Volume(group[0].mask.data * 0, group[0].mask.grid)), "is empty"),
    ]:
        with pytest.raises(InputError, match=says):
            call()


def _moved(runs, seed):
    """The same runs but for a millionth of each value; or for the unit they are in."""
    if seed is None:
        return [run.replace(data=run.data * np.float32(1.7)) for run in runs]
    rng = np.random.default_rng(seed)
    return [run.replace(data=run.data * (1 + 1e-6 * rng.standard_normal(run.data.shape))) for run in runs]


def _require_the_same_set(runs, params, seeds=(0, 1, None)):
    first = learn_networks(runs, params)
    for seed in seeds:
        again = learn_networks(_moved(runs, seed), params, mask=first.mask)
        r = np.abs(np.corrcoef(first.data[:, first.mask.data], again.data[:, first.mask.data]))
        matched = r[: len(first), len(first) :].max(axis=1)
        assert len(first) == len(again)
        assert matched.min() > 0.99, f"{seed}: {matched.round(3)}"


def test_the_same_set_when_small_runs_move_a_little(runs):
    """More networks than there are: the rest is noise, of which another set would do as well."""
    coarse = Grid(runs[0].data[0, ::2, ::2, ::2].shape, runs[0].grid.affine @ np.diag([2, 2, 2, 1]))
    small = [run.replace(data=run.data[:, ::2, ::2, ::2], grid=coarse) for run in runs]
    _require_the_same_set(small, Networks(n_components=16, alpha=4.0, fwhm=6.0), (0, None))


@pytest.mark.nightly
@pytest.mark.parametrize("how", [{}, {"search": "early"}, {"method": "ica"}])
def test_the_same_set_when_the_runs_move_a_little(group, how):
    runs = [each.run.replace(confounds=choose_columns(each.run.confounds, "motion 24")) for each in group[:3]]
    _require_the_same_set(runs, Networks(n_components=16, alpha=4.0, fwhm=6.0, **how))


@pytest.mark.nightly
@pytest.mark.parametrize("how", [{}, {"method": "ica"}])  # what comes of 2000 voxels may change with any of them
def test_the_same_set_when_real_runs_move_a_little(how, real_data):
    runs = [RunFile(path, tr=2.0).load() for path in sorted((real_data / "rest_group").glob("*.nii.gz"))]
    _require_the_same_set(runs, Networks(**how))
