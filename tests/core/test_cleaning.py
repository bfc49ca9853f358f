"""Cleaning against nilearn 0.14.1, where nilearn is wrong, and with input that cannot be used."""

import itertools
import math
import warnings

import numpy as np
import pandas as pd
import pytest
from nilearn import signal

from napari_connectome.core.cleaning import Cleaning, clean, cleaning_matrix
from napari_connectome.core.errors import InputError

T, TR = 168, 2.0
BANDS = {
    "off": {},
    "band": {"high_pass": 0.01, "low_pass": 0.1},
    "high": {"high_pass": 0.008},
    "low": {"low_pass": 0.1},
    "cosine": {"high_pass": 0.01, "filter": "cosine"},
}


def nilearn_clean(series, tr=TR, confounds=None, keep=None, **options):
    options = {"detrend": True, "standardize": "zscore_sample", **options}
    if options["standardize"] == "none":
        options["standardize"] = None
    mask = None if keep is None else np.flatnonzero(keep)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return signal.clean(series, t_r=tr, confounds=confounds, sample_mask=mask, **options)


@pytest.fixture(scope="module")
def run():
    rng = np.random.default_rng(0)
    series = 1000 + rng.standard_normal((T, 60)).cumsum(axis=0) * 3 + 20 * rng.standard_normal((T, 60))
    confounds = rng.standard_normal((T, 12)) * 10.0 ** np.arange(-3, 3).repeat(2) + np.arange(12) * 30
    return series, confounds


def apart(ours, theirs):
    assert ours.shape == theirs.shape
    return np.abs(ours - theirs).max() / np.abs(theirs).max()


@pytest.mark.parametrize(
    ("band", "detrend", "with_confounds", "standardize_confounds", "standardize"),
    list(itertools.product(BANDS, (True, False), (True, False), (True, False), ("zscore_sample", "psc", "none"))),
)
def test_equal_to_nilearn(run, band, detrend, with_confounds, standardize_confounds, standardize):
    series, confounds = run
    confounds = confounds if with_confounds else None
    options = {
        **BANDS[band],
        "detrend": detrend,
        "standardize": standardize,
        "standardize_confounds": standardize_confounds,
    }
    ours = clean(series, TR, Cleaning(**options), confounds)
    theirs = nilearn_clean(series, confounds=confounds, **options)
    assert apart(ours, theirs) < 1e-12
    if standardize == "none":
        assert apart(cleaning_matrix(T, TR, Cleaning(**options), confounds) @ series, theirs) < 1e-12


def pairs_kept(rng, share=0.1):
    """Kept volumes such that nilearn's complement by bitwise-not is right: for each censored j, T-1-j is kept."""
    censored = rng.permutation(np.arange(5, T - 5))[: int(share * T)]
    keep = np.ones(T, dtype=bool)
    for j in censored:
        if keep[T - 1 - j]:
            keep[j] = False
    return keep


@pytest.mark.parametrize("band", BANDS)
@pytest.mark.parametrize("standardize", ["zscore_sample", "psc", "none"])
@pytest.mark.parametrize("head", [0, 4])
def test_censoring_is_nilearns_where_that_is_right(run, band, standardize, head):
    series, confounds = run
    keep = pairs_kept(np.random.default_rng(1))
    keep[:head] = False
    keep[T - head :] = True
    options = {**BANDS[band], "standardize": standardize}
    ours = clean(series, TR, Cleaning(**options), confounds, keep)
    theirs = nilearn_clean(series, confounds=confounds, keep=keep, **options)
    assert len(ours) == keep.sum()
    assert apart(ours, theirs) < 1e-12


def test_censored_volumes_never_leak(run):
    """nilearn leaves volume j as it is when T-1-j is censored too (bitwise-not on indices): a spike there spreads."""
    series, confounds = run
    keep = np.ones(T, dtype=bool)
    keep[[50, T - 1 - 50]] = False
    spiked = series.copy()
    spiked[50] += 1e6
    options = BANDS["band"]
    np.testing.assert_array_equal(
        clean(series, TR, Cleaning(**options), confounds, keep), clean(spiked, TR, Cleaning(**options), confounds, keep)
    )
    matrix = cleaning_matrix(T, TR, Cleaning(**options), confounds, keep)
    assert not matrix[:, ~keep].any()
    leaked = nilearn_clean(spiked, keep=keep, standardize="none", **options) - nilearn_clean(
        series, keep=keep, standardize="none", **options
    )
    assert np.abs(leaked).max() > 1e4  # Were this gone, nilearn would be mended and the parity test could take any mask.


def test_rows_stay_in_place_when_both_ends_are_censored():
    """nilearn shifts the rows by the first kept index although it dropped no row: an impulse comes out two volumes late."""
    keep = np.ones(T, dtype=bool)
    keep[[0, 1, T - 2, T - 1]] = False
    impulse = np.zeros((T, 1))
    impulse[50] = 1
    cleaning = Cleaning(low_pass=0.1, detrend=False, standardize="none")
    ours = clean(impulse, TR, cleaning, keep=keep)
    assert np.flatnonzero(keep)[ours.argmax()] == 50
    # What lies outside the kept range does not matter: it is as if the run had been cut there.
    np.testing.assert_allclose(ours, clean(impulse[2:-2], TR, cleaning), atol=1e-13)


def test_keeping_everything_is_no_censoring(run):
    series, confounds = run
    cleaning = Cleaning(**BANDS["band"])
    np.testing.assert_array_equal(
        clean(series, TR, cleaning, confounds, np.ones(T, dtype=bool)), clean(series, TR, cleaning, confounds)
    )


@pytest.mark.parametrize("band", BANDS)
@pytest.mark.parametrize("standardize_confounds", [True, False])
def test_confounds_that_say_nothing_change_nothing(run, band, standardize_confounds):
    """nilearn blows the rounding noise of a constant up to a regressor; only the cut-off of the QR sometimes saves it."""
    _, confounds = run
    time = np.arange(T)[:, None]
    useless = np.hstack([np.full((T, 1), 1000.0), np.full((T, 1), 0.1), 1e6 - 3 * time, np.zeros((T, 1)), confounds[:, :2] * 7])
    cleaning = Cleaning(**BANDS[band], standardize_confounds=standardize_confounds)
    plain = cleaning_matrix(T, TR, cleaning, confounds)
    padded = cleaning_matrix(T, TR, cleaning, np.hstack([confounds, useless]))
    assert np.abs(plain - padded).max() < 1e-9
    alone = cleaning_matrix(T, TR, cleaning, useless[:, :4])
    assert np.abs(alone - cleaning_matrix(T, TR, cleaning)).max() < 1e-12


def test_cosine_drifts_are_added_beside_a_confound_that_resembles_one(run):
    """nilearn leaves out all drifts as soon as one confound correlates with one of them, and filters nothing."""
    series, _ = run
    slow = np.cos(np.pi / T * (np.arange(T) + 0.5) * 2)[:, None]
    options = BANDS["cosine"]
    ours = clean(series, TR, Cleaning(**options), slow)
    np.testing.assert_allclose(ours, clean(series, TR, Cleaning(**options)), atol=1e-10)
    assert apart(ours, nilearn_clean(series, confounds=slow, **options)) > 0.05


@pytest.mark.parametrize("standardize", ["zscore_sample", "psc", "none"])
@pytest.mark.parametrize("band", BANDS)
@pytest.mark.parametrize("detrend", [True, False])
def test_float32_agrees_with_float64(run, band, standardize, detrend):
    series, confounds = run
    cleaning = Cleaning(**BANDS[band], standardize=standardize, detrend=detrend)
    single = series.astype(np.float32)
    ours = clean(single, TR, cleaning, confounds)
    assert ours.dtype == np.float32
    assert apart(ours, clean(single.astype(np.float64), TR, cleaning, confounds)) < 2e-6


def test_types_and_shapes(run):
    series, _ = run
    counts = np.rint(series).astype(">i2")
    before = counts.copy()
    np.testing.assert_allclose(clean(counts, TR), clean(counts.astype(np.float64), TR), atol=1e-5)
    np.testing.assert_array_equal(counts, before)
    assert clean(counts, TR).dtype == np.float32
    assert clean(series.astype(np.int64), TR).dtype == np.float64
    np.testing.assert_allclose(clean(series[:, 0], TR), clean(series, TR)[:, 0], atol=1e-12)
    assert clean(series.astype(">f4"), TR).dtype == np.float32
    for standardize in ("zscore_sample", "psc", "none"):
        assert clean(series[:, :0], TR, Cleaning(standardize=standardize)).shape == (T, 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("standardize", ["zscore_sample", "psc"])
@pytest.mark.parametrize("band", BANDS)
def test_dead_and_broken_columns_stay_by_themselves(run, band, standardize, dtype):
    series, confounds = run
    broken = series.astype(dtype)
    broken[:, 3] = np.nan
    broken[7, 4] = np.inf
    broken[:, 5] = 1000.1
    broken[:, 6] = 0
    cleaning = Cleaning(**BANDS[band], standardize=standardize)
    before = broken.copy()
    ours = clean(broken, TR, cleaning, confounds)
    np.testing.assert_array_equal(broken, before)
    assert np.isnan(ours[:, 3:5]).all()
    assert not ours[:, 5:7].any()
    assert np.isfinite(np.delete(ours, [3, 4], axis=1)).all()
    if standardize == "zscore_sample":
        healthy = np.delete(np.arange(60), [3, 4, 5, 6])
        np.testing.assert_allclose(
            ours[:, healthy], clean(series.astype(dtype), TR, cleaning, confounds)[:, healthy], atol=1e-5
        )


def test_a_broken_value_in_a_censored_volume_does_no_harm(run):
    series, _ = run
    keep = np.arange(T) != 20
    broken = series.copy()
    broken[20] = np.nan
    for band in BANDS.values():
        np.testing.assert_array_equal(
            clean(broken, TR, Cleaning(**band), keep=keep), clean(series, TR, Cleaning(**band), keep=keep)
        )


def test_a_column_that_is_a_confound_is_zero(run):
    series, _ = run
    for band in BANDS.values():
        assert not clean(series[:, :1], TR, Cleaning(**band), series[:, :3]).any()


def test_real_run_and_its_confounds(real_data):
    nib = pytest.importorskip("nibabel")
    folder = real_data / "task_faces_mni"
    data = np.asarray(nib.load(folder / "sub-01_task-faces_space-MNI_bold.nii.gz").dataobj)
    series = data[::4, ::4, ::4].reshape(-1, 176).T.astype(np.float64)
    series = series[:, series.std(axis=0) > 0]
    assert series.shape[1] > 500
    table = pd.read_csv(folder / "sub-01_task-faces_desc-confounds_timeseries.tsv", sep="\t")
    with pytest.raises(InputError, match="351 rows for 176 volumes"):
        clean(series, 2.0, confounds=table)
    table = table[:176]
    for band in BANDS.values():
        ours = clean(series, 2.0, Cleaning(**band), table)
        assert np.abs(ours - nilearn_clean(series, confounds=table, **band)).max() < 1e-11
        single = clean(series.astype(np.float32), 2.0, Cleaning(**band), table)
        assert np.abs(single - ours).max() < 2e-5


def bad(match, n=T, tr=TR, confounds=None, keep=None, **options):
    return pytest.param(n, tr, options, confounds, keep, match, id=match)


def table_with(value, column="csf", row=0):
    table = pd.DataFrame({"trans_x": np.arange(T) * 1.0, column: np.sin(np.arange(T))})
    table[column] = table[column].astype(object) if isinstance(value, str) else table[column]
    table.loc[row, column] = value
    return table


@pytest.mark.parametrize(
    ("n", "tr", "options", "confounds", "keep", "match"),
    [
        bad("TR is missing", tr=None, low_pass=0.1),
        bad("TR is 0 s", tr=0, low_pass=0.1),
        bad("TR is -2 s", tr=-2.0, high_pass=0.01, filter="cosine"),
        bad("TR is nan s", tr=math.nan, high_pass=0.01),
        bad("high-pass cut-off is 0.1 Hz and the low-pass 0.01", high_pass=0.1, low_pass=0.01),
        bad("high-pass cut-off is 0 Hz and the low-pass 0 Hz", low_pass=0.0),
        bad("low-pass cut-off is 0.25 Hz, and at a TR of 2 s nothing above 0.25 Hz", low_pass=0.25),
        bad("high-pass cut-off is 0.3 Hz, and at a TR of 2 s", high_pass=0.3),
        bad("high-pass cut-off is 0.4 Hz", high_pass=0.4, filter="cosine"),
        bad("cosine filter has no low-pass", high_pass=0.01, low_pass=0.1, filter="cosine"),
        bad("band-pass filter needs at least 34 volumes, and there are 33", n=33, high_pass=0.01, low_pass=0.1),
        bad("low-pass filter needs at least 19 volumes, and there are 18", n=18, low_pass=0.1),
        bad("high-pass filter needs at least 19 volumes, and there are 18", n=18, high_pass=0.1),
        bad("there are 18 from the first", n=30, high_pass=0.1, keep=np.arange(30) < 18),
        bad("351 rows for 176 volumes", n=176, confounds=np.ones((351, 6))),
        bad(r"column csf is nan in row 1 \(1 such values in 1 columns\)", confounds=table_with(np.nan)),
        bad("column csf is inf in row 8", confounds=table_with(np.inf, row=7)),
        bad("column 1 is nan in row 1", confounds=np.full(T, np.nan)),
        bad("column trial_type holds text", confounds=table_with("go", column="trial_type")),
        bad("not an array of shape", confounds=np.ones((T, 2, 2))),
        bad("2 of 168 volumes are kept", keep=np.arange(T) < 2),
        bad("0 of 168 volumes are kept", keep=np.zeros(T, dtype=bool)),
        bad("2 of 2 volumes are kept", n=2),
        bad("for 168 volumes: give one True or False", keep=np.ones(T + 1, dtype=bool)),
        bad("type int64 for 168 volumes", keep=np.arange(T)),
        bad(
            "nothing is left of the 168 volumes after cleaning with 168 confound columns: take",
            confounds=np.random.default_rng(0).standard_normal((T, T)),
        ),
        bad(
            "nothing is left of the 40 volumes after cleaning with 60 confound columns: take fewer confounds or a longer run",
            keep=np.arange(T) < 40,
            confounds=np.random.default_rng(0).random((T, 60)),
        ),
    ],
)
def test_one_sentence_for_what_cannot_be_used(n, tr, options, confounds, keep, match):
    with pytest.raises(InputError, match=match) as error:
        clean(np.random.default_rng(0).standard_normal((n, 4)), tr, Cleaning(**options), confounds, keep)
    assert str(error.value).endswith(".")


def test_the_smallest_runs_that_can_be_filtered():
    for n, options in ((34, BANDS["band"]), (19, BANDS["low"]), (19, BANDS["high"]), (3, {})):
        series = np.random.default_rng(n).standard_normal((n, 4))
        assert apart(clean(series, TR, Cleaning(**options)), nilearn_clean(series, **options)) < 1e-12


def test_parameters_refuse_nonsense():
    for wrong in ({"filter": "chebyshev"}, {"standardize": "zscore"}, {"high_pass": -0.1}, {"low_pass": math.nan}):
        with pytest.raises(InputError):
            Cleaning(**wrong)
    assert Cleaning.from_dict(Cleaning(low_pass=0.1).to_dict()) == Cleaning(low_pass=0.1)
