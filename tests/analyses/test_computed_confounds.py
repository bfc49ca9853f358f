"""Confounds computed from a run: equal to nilearn's but for signs; the others are what their definition says."""

import warnings

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nilearn import image

from napari_connectome import (
    Cleaning,
    CompCor,
    ComputedConfounds,
    Grid,
    HighVariance,
    Regions,
    Run,
    Volume,
    brain_mask,
    clean,
    compcor,
    computed_confounds,
    global_signal,
    high_variance_confounds,
    load_run,
)
from napari_connectome.analyses.computed_confounds import with_computed
from napari_connectome.core import noise_components
from napari_connectome.core.cleaning import cosine_drifts
from napari_connectome.core.errors import Cancelled, InputError

GRID = Grid((8, 9, 10), np.array([[3.0, 0, 0, -15], [0, 2.5, 0, -12], [0, 0, 4, -14], [0, 0, 0, 1]]))
FINER = Grid((15, 17, 19), np.array([[1.5, 0, 0, -15], [0, 1.25, 0, -12], [0, 0, 2, -14], [0, 0, 0, 1]]))


def _run(seed=0, t=40, kind="f8"):
    """Sources of falling strength, drifts, and noise of a strength of its own in each voxel."""
    rng = np.random.default_rng(seed)
    v = int(np.prod(GRID.shape))
    data = rng.standard_normal((t, 8)) @ (rng.standard_normal((8, v)) * np.linspace(20, 4, 8)[:, None])
    data += 900 + np.linspace(-20, 20, t)[:, None] * rng.standard_normal(v) + rng.gamma(2, 2, v) * rng.standard_normal((t, v))
    return Run(data.reshape(t, *GRID.shape).astype(kind), GRID, 2.0, name="bold")


def _block(grid=GRID):
    mask = np.zeros(grid.shape, dtype=bool)
    z, y, x = grid.shape
    mask[z // 4 : 3 * z // 4, 2 : y - 2, 2 : x - 2] = True
    return Volume(mask, grid, name="block")


def _image(data):
    return nib.Nifti1Image(np.asarray(data).T, GRID.affine)


def _up_to_sign(found, theirs, tolerance=1e-8):
    assert found.shape == theirs.shape
    signs = np.sign(np.einsum("ij,ij->j", found, theirs))
    np.testing.assert_allclose(found, theirs * signs, atol=tolerance)


@given(st.integers(0, 1000), st.integers(1, 6), st.sampled_from([8.0, 12.5, 30.0, 100.0]), st.booleans(), st.booleans())
def test_high_variance_components_are_nilearn_s(seed, n, percentile, detrend, masked):
    run, mask = _run(seed), _block() if masked else None
    params = HighVariance(n_components=n, percentile=percentile, detrend=detrend)
    theirs = image.high_variance_confounds(
        _image(run.data), n_confounds=n, percentile=percentile, detrend=detrend,
        mask_img=_image(mask.data.astype(np.uint8)) if masked else None,
    )  # fmt: skip
    found = high_variance_confounds(run, params, mask=mask)
    _up_to_sign(found.to_numpy(), theirs)
    assert found.columns[0] == "high_variance_00"
    largest = found.to_numpy()[np.abs(found.to_numpy()).argmax(axis=0), np.arange(n)]
    assert (largest > 0).all()


@pytest.mark.parametrize("kind", ["i2", ">i2", "u1", "f4", "f8"])
@pytest.mark.parametrize("layout", ["C", "F", "turned"])
def test_it_does_not_matter_how_a_run_is_stored_or_in_how_many_pieces_it_is_read(kind, layout, monkeypatch):
    run = _run(1)
    run = run.replace(data=np.clip(run.data / 8, 0, 255).astype(kind) if kind == "u1" else run.data.astype(kind))
    exact = run.replace(data=run.data.astype("f8"))
    made = [each(exact).to_numpy() for each in (high_variance_confounds, _of_block, _global)]
    data = {"C": run.data, "F": np.asfortranarray(run.data), "turned": np.ascontiguousarray(run.data[..., ::-1])[..., ::-1]}
    monkeypatch.setattr(noise_components, "AT_ONCE", 40 * 37)
    stored = run.replace(data=data[layout])
    for each, expected in zip((high_variance_confounds, _of_block, _global), made, strict=True):
        np.testing.assert_allclose(each(stored).to_numpy(), expected, rtol=1e-9, atol=1e-9)


def _of_block(run):
    return compcor(run, _block())


def _global(run):
    return global_signal(run, _block())


def _reference(run, inside, high_pass, normalize, kept):
    """The components by the book: cosines and mean out, each voxel to standard deviation 1, singular vectors."""
    series = clean(
        run.data.reshape(len(run.data), -1)[:, inside], 2.0,
        Cleaning(detrend=False, high_pass=high_pass, filter="cosine", standardize="none"), keep=kept,
    )  # fmt: skip
    series = series - series.mean(axis=0)
    if normalize:
        series = series / series.std(axis=0)
    u, s, _ = np.linalg.svd(series, full_matrices=False)
    return u, s**2 / (s**2).sum()


@given(
    st.integers(0, 1000),
    st.integers(1, 8),
    st.sampled_from([0.0, 0.0078125, 0.03]),
    st.booleans(),
    st.sets(st.integers(0, 39), max_size=6),
)
def test_compcor_is_what_its_definition_says(seed, n, high_pass, normalize, censored):
    run = _run(seed)
    keep = ~np.isin(np.arange(40), list(censored))
    inside = _block().data.ravel()
    found = compcor(run.replace(keep=keep), _block(), CompCor(n_components=n, high_pass=high_pass, normalize=normalize))
    u, _ = _reference(run, inside, high_pass, normalize, keep)
    _up_to_sign(found.to_numpy()[keep], u[:, :n], 1e-7)
    assert len(found) == 40
    assert np.isfinite(found.to_numpy()).all()


@pytest.mark.parametrize("explained", [0.1, 0.5, 0.9, 1.0])
def test_as_many_components_as_explain_a_share(explained):
    run = _run()
    _, shares = _reference(run, _block().data.ravel(), 0.0, True, None)
    found = compcor(run, _block(), CompCor(explained=explained, high_pass=0.0))
    n = found.shape[1]
    assert shares[:n].sum() >= explained - 1e-9
    assert shares[: n - 1].sum() < explained


def test_what_the_components_are_made_of_is_gone_after_cleaning_with_all_of_them():
    run = _run()
    found = compcor(run, _block(), CompCor(explained=1.0, normalize=False, high_pass=0.0))
    assert found.shape[1] == 39
    some_ = compcor(run, _block(), CompCor(n_components=8, normalize=False))
    series = run.data.reshape(40, -1)[:, _block().data.ravel()]
    before, after = (clean(series, 2.0, Cleaning(standardize="none"), each).var() for each in (None, some_))
    assert after < 0.2 * before


def test_censored_volumes_have_no_part():
    run = _run()
    keep = np.ones(40, dtype=bool)
    keep[[0, 7, 8, 39]] = False
    spoiled = run.data.copy()
    spoiled[~keep] = np.random.default_rng(1).standard_normal(spoiled[~keep].shape) * 1e5
    missing = run.data.copy()
    missing[~keep] = np.nan
    for each in (high_variance_confounds, _of_block, _global):
        expected = each(run.replace(keep=keep)).to_numpy()
        for data in (spoiled, missing):
            found = each(run.replace(data=data, keep=keep)).to_numpy()
            np.testing.assert_allclose(found[keep], expected[keep], atol=1e-8)
            assert np.isfinite(found).all()
    few = run.replace(data=run.data[keep])
    _up_to_sign(
        compcor(run.replace(keep=keep), _block(), CompCor(high_pass=0.0)).to_numpy()[keep],
        compcor(few, _block(), CompCor(high_pass=0.0)).to_numpy(),
    )


def test_voxels_without_a_value_or_without_change_are_left_out():
    run = _run()
    data = run.data.copy()
    data[3, 3, 3, 3], data[:, 4, 4, 4] = np.nan, 700.1
    holes = _block().data.copy()
    holes[3, 3, 3] = holes[4, 4, 4] = False
    spoiled = run.replace(data=data)
    np.testing.assert_allclose(_of_block(spoiled), compcor(run, Volume(holes, GRID)), atol=1e-9)
    params = HighVariance(percentile=20.0)
    known = _block().data.copy()
    known[3, 3, 3] = False
    found, expected = (high_variance_confounds(spoiled, params, mask=mask) for mask in (_block(), Volume(known, GRID)))
    np.testing.assert_array_equal(found, expected)


def test_tissues_come_as_masks_maps_labels_or_several_on_any_grid():
    run, block = _run(), _block()
    expected = compcor(run, block)
    shares = np.where(block.data, 1.0, 0.4)
    np.testing.assert_array_equal(compcor(run, Volume(shares, GRID)), expected)
    np.testing.assert_array_equal(compcor(run, Regions(block.data * np.uint8(3), GRID)), expected)
    halves = [block.data & (np.arange(10) < 5), block.data & (np.arange(10) >= 4)]
    np.testing.assert_array_equal(compcor(run, [Volume(half, GRID) for half in halves]), expected)
    finer = np.zeros(FINER.shape, dtype=bool)
    finer[::2, ::2, ::2] = block.data  # every second voxel of the finer grid is one of the run's
    np.testing.assert_array_equal(compcor(run, Volume(finer, FINER)), expected)
    np.testing.assert_array_equal(compcor(run, Volume(finer.astype(np.float32) * 0.999, FINER)), expected)


def test_the_global_signal_is_the_mean_of_the_brain():
    run = _run()
    brain = _block()
    found = global_signal(run, brain)
    assert list(found) == ["global_signal"]
    np.testing.assert_allclose(found["global_signal"], run.data[:, brain.data].mean(axis=1), rtol=1e-12)


def test_all_that_is_computed_stands_in_one_table():
    run, tissue = _run(3), _block()
    params = ComputedConfounds(
        global_signal=True,
        high_variance=True,
        compcor=True,
        of_high_variance=HighVariance(n_components=3),
        of_compcor=CompCor(n_components=2, high_pass=0.02),
    )
    found = computed_confounds(run, params, mask=tissue, tissue=[tissue])
    parts = [
        global_signal(run, tissue),
        high_variance_confounds(run, params.of_high_variance, mask=tissue),
        compcor(run, tissue, params.of_compcor),
    ]
    slow = cosine_drifts(run.n_volumes, 0.02, run.tr)
    assert slow.shape[1] == 3
    assert list(found) == [*(name for each in parts for name in each), "cosine_00", "cosine_01", "cosine_02"]
    np.testing.assert_array_equal(found, np.hstack([*(each.to_numpy() for each in parts), slow]))
    assert computed_confounds(run).shape == (run.n_volumes, 0)
    with pytest.raises(InputError, match="no tissue was given"):
        computed_confounds(run, params.replace(global_signal=False, high_variance=False))


def test_noisy_voxels_are_looked_for_in_the_brain_of_the_run_where_that_is_asked_for():
    run = _run(4)
    data = run.data.copy()
    data[:, 0] *= np.random.default_rng(0).uniform(0, 5, (len(data), 1, 1))  # what moves at the edge of the image
    data[:, :, 0] = data[:, :, -1] = data[:, :, :, 0] = data[:, :, :, -1] = 0.0
    run = run.replace(data=data)
    everywhere = HighVariance(percentile=10.0)
    brain = everywhere.replace(within="brain")
    masked = high_variance_confounds(run, everywhere, mask=brain_mask(run, "auto"))
    np.testing.assert_array_equal(high_variance_confounds(run, brain), masked)
    assert not np.allclose(high_variance_confounds(run, everywhere), masked)
    given = [high_variance_confounds(run, params, mask=_block()) for params in (brain, everywhere)]
    np.testing.assert_array_equal(*given)


def test_what_is_computed_goes_beside_what_a_run_has():
    run = _run(5)
    signal = global_signal(run, _block())
    assert with_computed(run, signal.iloc[:, :0]) is run
    assert list(with_computed(run, signal).confounds) == ["global_signal"]
    own = run.replace(confounds=pd.DataFrame({"trans_x": np.arange(40.0), "global_signal": np.arange(40.0) ** 2}))
    both = with_computed(own, signal)
    assert list(both.confounds) == ["trans_x", "global_signal", "global_signal computed"]
    np.testing.assert_array_equal(both.confounds["global_signal computed"], signal["global_signal"])
    assert list(own.confounds) == ["trans_x", "global_signal"]


def test_it_can_be_cancelled_and_says_how_far_it_is():
    for each in (high_variance_confounds, lambda run, **how: compcor(run, _block(), **how)):
        told = []
        each(_run(), progress=lambda done, doing, told=told: told.append(done))
        assert told == sorted(told)
        assert told[-1] == pytest.approx(1.0)

        def stop(done, doing):
            raise Cancelled

        with pytest.raises(Cancelled):
            each(_run(), progress=stop)


def test_what_cannot_be_computed_is_one_sentence():
    run = _run()
    nothing, far = Volume(np.zeros(GRID.shape, bool), GRID), Grid(GRID.shape, GRID.affine + 900 * np.eye(4, k=3))
    wrong = {
        "there is no voxel in the tissue on the grid of bold: give one in the space": lambda: compcor(run, nothing),
        "no voxel in the tissue on": lambda: compcor(run, Volume(_block().data, far)),
        "no tissue was given": lambda: compcor(run, []),
        "the tissue is str and must be a Volume": lambda: compcor(run, "csf"),
        "the tissue is int and must be": lambda: compcor(run, [3]),
        "the voxels of the tissue of bold have 38 components and 200 were asked for: ask for fewer": lambda: compcor(
            run, _block(), CompCor(n_components=200)
        ),
        "vary most: give a higher percentile": lambda: high_variance_confounds(run, HighVariance(percentile=0.0)),
        "and 39 were asked for": lambda: high_variance_confounds(run, HighVariance(n_components=39)),
        "2 volumes of bold count, and confounds need 3": lambda: high_variance_confounds(run.replace(keep=np.arange(40) < 2)),
        "no voxel has a value in all volumes of bold": lambda: high_variance_confounds(run.replace(data=run.data * np.nan)),
        "no voxel in the mask": lambda: global_signal(run, nothing),
    }
    for said, call in wrong.items():
        with pytest.raises(InputError, match=said):
            call()


def test_a_real_run_has_nilearn_s_components(real_data):
    run = load_run(real_data / "rest_group" / "rtswa_11G_1G11.nii.gz", tr=2.0)
    data = run.data.astype(np.float64)
    mask = brain_mask(run, "auto")
    for masked in (False, True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = image.high_variance_confounds(
                nib.Nifti1Image(data.T, run.grid.affine),
                mask_img=nib.Nifti1Image(mask.data.T.astype(np.uint8), run.grid.affine) if masked else None,
            )
        _up_to_sign(high_variance_confounds(run, mask=mask if masked else None).to_numpy(), theirs, 1e-7)
