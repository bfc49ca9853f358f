"""Series that follow labels end exactly where those of the labels as they are end, whatever was painted in between."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import napari_connectome as nc
from napari_connectome.core.errors import InputError
from napari_connectome.studies.connectome_of_runs import connectome_of_series, series_of_runs
from napari_connectome.studies.followed_series import FollowedSeries

SHAPE = (7, 9, 8)
GRID = nc.Grid(SHAPE, np.array([[4.0, 0, 0, -14], [0, 4, 0, -16], [0, 0, 4, -12], [0, 0, 0, 1]]))
FINE = nc.Grid((9, 11, 10), np.array([[3.1, 0.2, 0, -14], [-0.2, 3.1, 0, -17], [0, 0, 3.1, -11], [0, 0, 0, 1]]))
T = 20


def _run(seed, kind="f4", **more):
    rng = np.random.default_rng(seed)
    data = 100 + 10 * rng.standard_normal((T, *SHAPE))
    data[:, 0] = 0  # outside a brain
    data = data.astype(kind)
    if kind == "f4":
        data[5, 3, 3, 3] = np.nan
        data[:, 6, 8] = np.nan
    return nc.Run(data, GRID, 2.0, name=f"run {seed}", **more)


def _confounds(seed):
    return pd.DataFrame(np.random.default_rng(seed).standard_normal((T, 3)), columns=list("abc"))


KEEP = np.arange(T) % 7 != 3
RUNS = {
    "floats": [_run(0)],
    "integers": [_run(1, "i2")],
    "several, with confounds and censored": [_run(2, confounds=_confounds(2)), _run(3, keep=KEEP, confounds=_confounds(3))],
}
CLEANING = nc.Cleaning(high_pass=0.01)
PARAMS = {
    "means": nc.RegionSeries(cleaning=CLEANING),
    "plain means": nc.RegionSeries(),
    "percent": nc.RegionSeries(cleaning=nc.Cleaning(high_pass=0.01, standardize="psc")),
    "medians": nc.RegionSeries(summary="median", cleaning=CLEANING),
    "eigenvariates": nc.RegionSeries(summary="eigenvariate", cleaning=CLEANING),
    "smoothed": nc.RegionSeries(fwhm=6.0, cleaning=CLEANING),
    "the run resampled": nc.RegionSeries(resample="run", fwhm=5.0, cleaning=CLEANING),
}


@st.composite
def _boxes(draw, shape):
    """A box somewhere, and what is painted into it: a region, a new one, or nothing."""
    low = [draw(st.integers(0, n - 1)) for n in shape]
    size = [draw(st.integers(1, 4)) for _ in shape]
    return tuple(slice(a, a + n) for a, n in zip(low, size, strict=True)), draw(st.sampled_from([0, 1, 2, 3, 4, 9, 300]))


def _start(grid):
    labels = np.zeros(grid.shape, np.uint16)
    labels[1:4, 1:4, 1:4], labels[4:, 1:4, 1:4], labels[1:4, 5:, 1:4], labels[4:, 5:, 5:] = 1, 2, 3, 4
    return labels


def _names(labels):
    return {1: "one", 3: "same", 4: "same"}


def _fresh(runs, labels, grid, params):
    table = pd.DataFrame({"name": _names(labels)})
    return series_of_runs(list(runs), nc.Regions(labels, grid, table), params)


WHERE = {
    how: [("floats", GRID), ("several, with confounds and censored", FINE), *more]
    for how, more in {
        **dict.fromkeys(PARAMS, ()),
        "means": [("integers", FINE)],
        "percent": [("integers", GRID)],
        "medians": [("integers", FINE)],
        "smoothed": [("integers", GRID)],
    }.items()
}
"""For each kind of series, the runs and the grid of the labels."""
ROUNDING = {"eigenvariates": 1e-9, "smoothed": 1e-4, "the run resampled": 1e-4}
"""What is not the same to the last bit: products of other shapes, and smoothing of other pieces in float32."""


@pytest.mark.parametrize("how", PARAMS)
@given(data=st.data())
def test_after_any_strokes_the_series_are_those_of_a_fresh_computation(how, data):
    which, grid = data.draw(st.sampled_from(WHERE[how]))
    params, runs, rounding = PARAMS[how], RUNS[which], ROUNDING.get(how, 0.0)
    followed = FollowedSeries(runs, grid, params)
    labels = _start(grid)
    followed.follow(labels, _names(labels))
    for box, label in data.draw(st.lists(_boxes(grid.shape), min_size=1, max_size=4)):
        labels[box] = label
        if labels.any():
            found = followed.follow(labels, _names(labels))
    if not labels.any():
        return
    wanted = _fresh(runs, labels, grid, params)
    assert found.runs == wanted.runs
    np.testing.assert_allclose(found.coordinates, wanted.coordinates, atol=1e-9)
    for mine, theirs in zip(found.series, wanted.series, strict=True):
        assert mine.names == theirs.names
        pd.testing.assert_frame_equal(mine.table, theirs.table)
        np.testing.assert_allclose(mine.data, theirs.data, rtol=rounding, atol=rounding)
        assert (mine.times is None) == (theirs.times is None)


@pytest.mark.parametrize("kind", ["correlation", "partial_correlation", "precision"])
def test_and_so_is_the_connectome(kind):
    labels = _start(GRID)
    followed = FollowedSeries(RUNS["floats"], GRID, PARAMS["means"])
    followed.follow(labels)
    labels[2:5, 2:6, 3:6] = 2
    found = connectome_of_series(followed.follow(labels), nc.Connectivity(kind=kind))
    wanted = nc.connectome_of_runs(RUNS["floats"], nc.Regions(labels, GRID), PARAMS["means"], nc.Connectivity(kind=kind))
    np.testing.assert_array_equal(found.matrices, wanted.matrices)


def test_only_the_regions_that_were_touched_are_read(monkeypatch):
    from napari_connectome.studies import followed_series

    labels, read = _start(GRID), []
    before = followed_series.series_before_cleaning

    def listen(run, inside, regions, *given, **more):
        read.append(regions.ids.tolist())
        return before(run, inside, regions, *given, **more)

    monkeypatch.setattr(followed_series, "series_before_cleaning", listen)
    followed = FollowedSeries(RUNS["floats"], GRID, PARAMS["means"])
    followed.follow(labels)
    followed.follow(labels)
    labels[2, 2, 2] = 3
    followed.follow(labels)
    assert read == [[1, 2, 3, 4], [1, 3]]


def test_labels_are_not_kept_but_copied_and_refused_where_they_cannot_be():
    labels = _start(GRID)
    followed = FollowedSeries(RUNS["floats"], GRID, PARAMS["means"])
    before = followed.follow(labels)
    kept = labels.copy()
    labels[:] = 0
    assert followed.changed(labels).tolist() == [1, 2, 3, 4]
    with pytest.raises(InputError, match="no region in the label image: paint one"):
        followed.follow(labels)
    with pytest.raises(InputError, match="shape"):
        followed.follow(labels[1:])
    assert not len(followed.changed(kept))
    np.testing.assert_array_equal(followed.follow(kept).series[0].data, before.series[0].data)


def test_names_may_change_alone():
    labels = _start(GRID)
    followed = FollowedSeries(RUNS["floats"], GRID, PARAMS["means"])
    assert followed.follow(labels).series[0].names[1] == "region 2"
    assert followed.follow(labels, {2: "insula"}).series[0].names[1] == "insula"
