"""What is kept of a run are the principal components of its cleaned, smoothed and scaled voxels."""

import numpy as np
import pandas as pd
import pytest

from napari_connectome import Cleaning, Grid, Run, Volume, clean
from napari_connectome.core import subject
from napari_connectome.core.errors import Cancelled, InputError
from napari_connectome.core.smoothing import smooth_array
from napari_connectome.core.streams import RunStream
from napari_connectome.core.subject import Reductions, reduce_subject

GRID = Grid((7, 8, 6), np.array([[3.0, 0.2, 0, -5], [-0.2, 3.5, 0, 2], [0, 0, 4.0, 1], [0, 0, 0, 1]]))
T = 60


def _run(kind="f4", seed=0, t=T, **more):
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((t, 5)) @ rng.standard_normal((5, 7 * 8 * 6))
    data = 1000 + 30 * shared + 10 * rng.standard_normal(shared.shape)
    return Run(data.reshape(t, 7, 8, 6).astype(kind), GRID, 2.0, name="sub-01", **more)


def _mask(grid=GRID):
    mask = np.zeros((7, 8, 6), dtype=bool)
    mask[1:6, 1:7, 1:5] = True
    mask[3, 3, 3] = False
    return Volume(mask, grid)


def _cleaned(run, mask, cleaning, fwhm):
    """The matrix (t' × v) whose components are wanted, in float64, each column about its mean."""
    data = np.nan_to_num(run.data.astype("f8"), nan=0.0, posinf=0.0, neginf=0.0)
    cleaned = clean(smooth_array(data, fwhm, run.grid.voxel_size)[:, mask.data], run.tr, cleaning, run.confounds, run.keep)
    return cleaned - cleaned.mean(axis=0)


CLEANINGS = {
    "default": Cleaning(),
    "band": Cleaning(high_pass=0.01, low_pass=0.1),
    "cosine": Cleaning(high_pass=0.01, filter="cosine"),
    "no detrending": Cleaning(detrend=False),
    "percent": Cleaning(standardize="psc"),
    "as it is": Cleaning(standardize="none"),
    "raw confounds": Cleaning(detrend=False, standardize_confounds=False, standardize="none"),
}


@pytest.mark.parametrize("kind", ["i2", "u2", "f4", "f8", ">i2", "i8"])
@pytest.mark.parametrize("fwhm", [0.0, 6.0])
@pytest.mark.parametrize("how", CLEANINGS)
def test_rows_are_the_leading_principal_components(kind, fwhm, how):
    rng = np.random.default_rng(3)
    keep = np.ones(T, dtype=bool)
    keep[[7, 20]] = False
    run = _run(kind, confounds=rng.standard_normal((T, 3)) + 5, keep=keep)
    wanted = _cleaned(run, _mask(), CLEANINGS[how], fwhm)
    _, singular, vectors = np.linalg.svd(wanted, full_matrices=False)
    reduced = reduce_subject(run, _mask(), 8, fwhm, CLEANINGS[how])
    assert reduced.rows.shape == (8, _mask().data.sum())
    assert reduced.rows.dtype == np.float32
    assert reduced.n_volumes == keep.sum()
    rows = reduced.rows.astype("f8")
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), singular[:8], rtol=2e-5)
    assert reduced.total == pytest.approx((wanted**2).sum(), rel=2e-5)
    first = vectors[:5] * singular[:5, None]  # the shared ones, whose singular values lie well apart
    np.testing.assert_allclose(rows[:5].T @ rows[:5], first.T @ first, atol=2e-4 * np.abs(first.T @ first).max())


def test_fewer_rows_are_the_first():
    run = _run()
    few, many = (reduce_subject(run, _mask(), n, 6.0, Cleaning()) for n in (4, 9))
    np.testing.assert_array_equal(many.first(4).rows, few.rows)
    both = Reductions(_mask(), (many, few)).first(3)
    assert [len(subject.rows) for subject in both.subjects] == [3, 3]


def test_a_short_run_gives_all_it_has_and_says_so():
    short = reduce_subject(_run(t=12), _mask(), 20, 6.0, Cleaning())
    assert len(short.rows) == 10  # mean and line are gone
    assert short.whole
    assert not short.first(5).whole
    assert not reduce_subject(_run(), _mask(), 20, 6.0, Cleaning()).whole


def test_the_same_however_the_volumes_come():
    run = _run("i2")
    whole = reduce_subject(run, _mask(), 5, 6.0, Cleaning())
    head = run.replace(data=np.broadcast_to(np.zeros((), "i2"), run.data.shape))
    one = np.empty(run.data.shape[1:], "i2")  # the same memory every time, as a reader may give it

    def volumes():
        for volume in run.data:
            one[...] = volume
            yield one

    passing = reduce_subject(RunStream(head, volumes()), _mask(), 5, 6.0, Cleaning())
    np.testing.assert_array_equal(passing.rows, whole.rows)
    mirrored = run.replace(data=np.ascontiguousarray(run.data.transpose(1, 3, 2, 0)).transpose(3, 0, 2, 1))
    np.testing.assert_array_equal(reduce_subject(mirrored, _mask(), 5, 6.0, Cleaning()).rows, whole.rows)


def test_equal_to_nilearn():
    nib = pytest.importorskip("nibabel")
    maskers = pytest.importorskip("nilearn.maskers")
    run = _run("f8")
    masker = maskers.NiftiMasker(
        nib.Nifti1Image(_mask().data.T.astype("u1"), GRID.affine),
        smoothing_fwhm=6.0, standardize="zscore_sample", detrend=True,
    )  # fmt: skip
    series = masker.fit_transform(nib.Nifti1Image(run.data.T, GRID.affine))
    order = np.argsort(np.flatnonzero(_mask().data.T.ravel()))  # theirs has z fastest
    back = np.zeros((T, 6, 8, 7))
    back[:, _mask().data.T] = series[:, order]
    theirs = back.transpose(0, 3, 2, 1)[:, _mask().data]
    singular = np.linalg.svd(theirs, compute_uv=False)
    ours = reduce_subject(run, _mask(), 6, 6.0, Cleaning())
    np.testing.assert_allclose(np.linalg.norm(ours.rows, axis=1), singular[:6], rtol=2e-5)
    assert ours.total == pytest.approx((theirs**2).sum(), rel=1e-5)


@pytest.mark.parametrize(("t", "n"), [(60, 16), (60, 24), (30, 26)])
def test_randomized_rows_equal_scikit_learns(t, n, monkeypatch):
    """Found from the Gram matrix of reduced rows; with as many rows as volumes, nearly, it is exact as in nilearn."""
    monkeypatch.setattr(subject, "SMALL", 0)
    extmath = pytest.importorskip("sklearn.utils.extmath")
    run = _run("f8", t=t)
    data = _cleaned(run, _mask(), Cleaning(), 6.0)
    v = data.shape[1]
    if n < 0.8 * min(t, v):
        u, s, _ = extmath.randomized_svd(data.T, n, random_state=np.random.RandomState(5))
    else:
        u, s, _ = np.linalg.svd(data.T, full_matrices=False)
    theirs = (u[:, :n] * s[:n]).T
    rows = reduce_subject(run, _mask(), n, 6.0, Cleaning(), seed=5).rows
    exact = reduce_subject(run, _mask(), n, 6.0, Cleaning()).rows

    def off(ours):
        signs = np.sign((ours * theirs).sum(axis=1, keepdims=True))
        return np.linalg.norm(ours * signs - theirs) / np.linalg.norm(theirs)

    assert off(rows) < 1e-5
    if n < 0.8 * min(t, v):
        assert off(exact) > 5e-5
    else:
        np.testing.assert_array_equal(rows, exact)


def test_voxels_without_signal_are_zero_and_harm_nobody():
    run = _run()
    data = run.data.copy()
    data[:, 2, 2, 2] = 7.0
    data[:, 2, 4, 2] = np.nan  # outside the image: never a value
    reduced = reduce_subject(run.replace(data=data), _mask(), 5, 0.0, Cleaning())
    dead = np.zeros(GRID.shape, dtype=bool)
    dead[2, [2, 4], 2] = True
    assert not reduced.rows[:, dead[_mask().data]].any()
    assert reduced.total == pytest.approx((_mask().data.sum() - 2) * (T - 1), rel=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_missing_in_some_volumes_are_told(value):
    data = _run().data.copy()
    data[9, 2, 2, 2] = value
    data[30, 2, 2, 3] = value
    with pytest.raises(InputError, match=r"sub-01 has NaN or infinity in 2 voxels .*volume 9 is the first"):
        reduce_subject(_run().replace(data=data), _mask(), 5, 4.0, Cleaning())
    keep = np.ones(T, dtype=bool)
    keep[[9, 30]] = False
    reduced = reduce_subject(_run().replace(data=data, keep=keep), _mask(), 5, 4.0, Cleaning())
    assert np.isfinite(reduced.rows).all()
    data = _run().data.copy()
    data[9, 0, 0, 0] = value  # not in the mask
    reduce_subject(_run().replace(data=data), _mask(), 5, 0.0, Cleaning())


@pytest.mark.parametrize(
    ("run", "mask", "says"),
    [
        (_run(t=1), _mask(), "^sub-01 has 1 volume and 6 at least are needed: give a longer run, or learn without it.$"),
        (_run(t=2), _mask(), "^sub-01 has 2 volumes and 6 at least are needed: give a longer run, or learn without it.$"),
        (
            _run().replace(keep=np.arange(T) < 3),
            _mask(),
            f"^sub-01 has 3 volumes of {T} that are not censored and .*censor fewer",
        ),
        (_run(t=4), _mask(), "leaves 2.0 independent volumes of 4, .*: the run is too short, use one of 6 volumes or more.$"),
        (_run(t=5), _mask(), "leaves 3.0 independent volumes of 5, .*: the run is too short, use one of 6 volumes or more.$"),
        (
            _run().replace(keep=np.arange(T) < 5),
            _mask(),
            "leaves 3.0 independent .*: use fewer confounds, .* fewer censored volumes",
        ),
        (_run().replace(data=_run().data * 1e30), _mask(), "the values of sub-01, about 1e\\+33, are too large .* near 1000"),
        (_run().replace(data=_run().data * 1e-30), _mask(), "the values of sub-01, about 1e-27, are too small .* near 1000"),
        (_run(), Volume(np.zeros(GRID.shape, bool), GRID), "the mask is empty"),
        (_run(), _mask(Grid(GRID.shape, np.diag([2.0, 2, 2, 1]))), "sub-01 has the size of the mask but lies elsewhere"),
        (_run().replace(data=np.zeros((T, *GRID.shape))), _mask(), "no voxel of the mask changes .* in sub-01: check the file"),
        (_run().replace(data=np.full((T, *GRID.shape), np.nan)), _mask(), "no voxel of the mask changes over time in sub-01"),
        (_run(confounds=pd.DataFrame({"text": ["a"] * T})), _mask(), "text"),
    ],
)
def test_what_cannot_be_reduced_is_told_in_one_sentence(run, mask, says):
    with pytest.raises(InputError, match=says):
        reduce_subject(run, mask, 5, 4.0, Cleaning())


def test_can_be_cancelled_and_leaves_the_run_as_it_was():
    run = _run()
    before = run.data.copy()

    def stop(fraction, doing):
        if fraction > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        reduce_subject(run, _mask(), 5, 6.0, Cleaning(), stop)
    reduce_subject(run, _mask(), 5, 6.0, Cleaning())
    np.testing.assert_array_equal(run.data, before)
