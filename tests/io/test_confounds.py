"""Confound tables: presets against nilearn's on fMRIPrep's own output, first rows, censoring, and finding them."""

import shutil
import warnings
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from nilearn.interfaces.fmriprep import load_confounds, load_confounds_strategy
from nilearn.interfaces.fmriprep import load_confounds_utils as theirs

from napari_connectome.core.cleaning import Cleaning, cleaning_matrix
from napari_connectome.core.errors import InputError
from napari_connectome.io.confounds import (
    MOTION,
    PRESETS,
    by_strategy,
    censor_by,
    choose_columns,
    fill_first_row,
    find_confounds,
    numeric_columns,
    read_confounds,
)
from napari_connectome.io.load import load_run
from napari_connectome.io.run_file import RunFile

FMRIPREP = Path(theirs.__file__).parent / "data"
N = 30


@pytest.fixture(
    params=["test_desc-confounds_regressors", "test-v21_desc-confounds_timeseries", "no_nonsteady_desc-confounds_regressors"]
)
def derivative(request, tmp_path):
    """A run (an empty file) and its confounds, of old and newer fMRIPreps: (run, table of confounds)."""
    source = FMRIPREP / f"{request.param}.tsv"
    ending = request.param.rpartition("_")[2]
    target = tmp_path / f"sub-01_task-rest_run-2_desc-confounds_{ending}.tsv"
    shutil.copy(source, target)
    notes = source.with_suffix(".json")
    shutil.copy(notes if notes.exists() else FMRIPREP / "test_desc-confounds_regressors.json", target.with_suffix(".json"))
    run = tmp_path / "sub-01_task-rest_run-2_space-MNI152NLin2009cAsym_desc-preproc_bold.nii.gz"
    run.touch()
    return run, target


def demeaned(frame, keep):
    return frame - frame[keep].mean(axis=0)


@pytest.mark.parametrize("preset", ["simple", "scrubbing", "compcor"])
def test_presets_have_nilearns_columns(derivative, preset):
    run, path = derivative
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected, sample_mask = load_confounds_strategy(str(run), denoise_strategy=preset)
    table = read_confounds(path, N)
    chosen, keep = by_strategy(table, preset)
    np.testing.assert_array_equal(np.flatnonzero(keep), np.arange(N) if sample_mask is None else sample_mask)
    pd.testing.assert_frame_equal(chosen, choose_columns(table, preset))
    assert sorted(chosen) == list(expected)
    if keep.any():
        np.testing.assert_allclose(demeaned(chosen, keep)[list(expected)], expected, atol=1e-12)


@pytest.mark.parametrize("preset", ["simple", "scrubbing"])
def test_a_run_read_with_a_preset_keeps_nilearns_volumes(derivative, preset):
    path, table = derivative
    nib.save(nib.Nifti1Image(np.ones((2, 2, 2, N), np.float32), np.eye(4)), path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, sample_mask = load_confounds_strategy(str(path), denoise_strategy=preset)
    whole = read_confounds(table, N)
    for run in (
        load_run(path, confounds=table, columns=preset, tr=2.0),
        load_run(path, confounds=whole, columns=preset, tr=2.0),
        RunFile(path, "beside", preset, 2.0).load(),
        RunFile(path, whole, preset, 2.0).load(),
    ):
        kept = np.arange(N) if run.keep is None else np.flatnonzero(run.keep)
        np.testing.assert_array_equal(kept, np.arange(N) if sample_mask is None else sample_mask)
        assert list(run.confounds) == list(choose_columns(whole, preset))


def test_a_limit_of_motion_goes_beside_the_choice():
    moved = pd.DataFrame({"framewise_displacement": [0.0, 0.2, 0.0, 0.4, 0.0], "non_steady_state_outlier00": [1, 0, 0, 0, 0]})
    for choice in ("none", "all", ["framewise*"]):
        assert np.flatnonzero(by_strategy(moved, choice)[1]).tolist() == [1, 2, 3, 4]
        assert np.flatnonzero(by_strategy(moved, choice, 0.3)[1]).tolist() == [1, 2, 4]


def test_aroma_and_motion_have_nilearns_columns(derivative):
    run, path = derivative
    table = read_confounds(path, N)
    for preset, options in {
        "motion 6": {"strategy": ["motion"], "motion": "basic"},
        "motion 24": {"strategy": ["motion"], "motion": "full"},
        "temporal compcor": {"strategy": ["high_pass", "motion", "compcor"], "motion": "full", "compcor": "temporal"},
        "ica_aroma aggressive": {"strategy": ["high_pass", "wm_csf", "ica_aroma"], "ica_aroma": "basic"},
        "36 parameters": {
            "strategy": ["motion", "wm_csf", "global_signal"],
            "motion": "full",
            "wm_csf": "full",
            "global_signal": "full",
        },
    }.items():
        if "aroma" in preset and "aroma_motion_01" not in table:
            continue
        expected, _ = load_confounds(str(run), **options)
        assert sorted(choose_columns(table, preset)) == list(expected)
    assert (
        {"csf", "white_matter"}
        <= set(choose_columns(table, "ica_aroma"))
        <= {"csf", "white_matter", *table.filter(like="cosine")}
    )


def test_derivatives_that_the_table_lacks_are_computed_as_fmriprep_does(derivative):
    _, path = derivative
    table = read_confounds(path, N)
    computed = choose_columns(table[list(MOTION)], "motion 24")
    given = choose_columns(table, "motion 24")
    # The file was cut out of a longer run after its first row.
    np.testing.assert_allclose(computed[list(given)][2:], given[2:], rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_can_be_cleaned_with(derivative, preset):
    _, path = derivative
    table = read_confounds(path, N)
    if "aroma aggressive" in preset and "aroma_motion_01" not in table:
        with pytest.raises(InputError, match="need aroma_motion…, which the table lacks"):
            choose_columns(table, preset)
        return
    before = table.copy()
    chosen = choose_columns(table, preset)
    pd.testing.assert_frame_equal(table, before)
    assert chosen.shape[0] == N
    assert (chosen.dtypes == np.float64).all()
    if chosen.shape[1] < N - 2:
        assert cleaning_matrix(N, None, Cleaning(), chosen).shape == (N, N)
    else:
        with pytest.raises(InputError, match="nothing is left of the 30 volumes"):
            cleaning_matrix(N, None, Cleaning(), chosen)


def table():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.standard_normal((20, 6)) * 0.01, columns=list(MOTION))
    frame["trans_x_derivative1"] = frame["trans_x"].diff()
    frame["trial_type"] = ["rest", "face"] * 10
    frame["constant"] = 1
    frame["framewise_displacement"] = [np.nan, *([0.1] * 19)]
    frame.loc[7, "framewise_displacement"] = 0.9
    frame["motion_outlier00"] = (np.arange(20) == 3).astype(int)
    frame["non_steady_state_outlier00"] = (np.arange(20) == 0).astype(int)
    return frame


def test_columns_by_name():
    chosen = choose_columns(table(), ["trans_*", "rot_y", "trans_x"])
    assert list(chosen) == ["trans_x", "trans_y", "trans_z", "trans_x_derivative1", "rot_y"]
    assert chosen["trans_x_derivative1"][0] == chosen["trans_x_derivative1"][1]
    assert choose_columns(table(), []).shape == (20, 0)
    assert choose_columns(table(), "none").shape == (20, 0)
    assert "trial_type" not in numeric_columns(table())
    assert list(choose_columns(table(), "all")) == [*MOTION, "trans_x_derivative1", "framewise_displacement"]


@pytest.mark.parametrize(
    ("choice", "match"),
    [
        (
            "simple",
            "'simple' need csf, white_matter, which the table lacks: choose others among trans_x",
        ),
        ("compcor", "need a_comp_cor…"),
        ("motion", "no choice of confounds called 'motion'"),
        (["csf"], "no column csf: choose among trans_x"),
        (["trial_type"], "column trial_type holds text"),
    ],
)
def test_choices_that_cannot_be_made(choice, match):
    with pytest.raises(InputError, match=match):
        choose_columns(table(), choice)


def test_only_the_first_row_is_filled():
    frame = pd.DataFrame({"a": [np.nan, 2.0, 3.0], "b": [1.0, np.nan, 3.0], "c": [np.nan, np.nan, 1.0]})
    filled = fill_first_row(frame)
    np.testing.assert_array_equal(filled, [[2, 1, np.nan], [2, np.nan, np.nan], [3, 3, 1]])
    assert np.isnan(frame.iloc[0, 0])


def censored(**options):
    return np.flatnonzero(~censor_by(table(), **options)).tolist()


def test_censoring():
    assert censored() == [0]
    assert censored(fd_threshold=0.5) == [0, 7]
    assert censored(columns="motion_outlier*") == [0, 3]
    assert censored(fd_threshold=0.5, columns=["motion_outlier00"]) == [0, 3, 7]
    assert censored(fd_threshold=0.5, shortest=8) == [0, 1, 2, 3, 4, 5, 6, 7]
    without = table().drop(columns=["framewise_displacement", "non_steady_state_outlier00"])
    without.loc[10:, "rot_x"] += 0.1
    assert np.flatnonzero(~censor_by(without, fd_threshold=3.0)).tolist() == [10]
    with pytest.raises(InputError, match="neither a column framewise_displacement nor all of trans_x"):
        censor_by(without.drop(columns="rot_x"), fd_threshold=0.5)
    with pytest.raises(InputError, match="no column std_dvars"):
        censored(dvars_threshold=1.5)
    with pytest.raises(InputError, match="trial_type holds text"):
        censored(columns="trial_type")


def test_length_must_be_that_of_the_run(tmp_path):
    path = tmp_path / "confounds.tsv"
    table().to_csv(path, sep="\t", index=False, na_rep="n/a")
    assert len(read_confounds(path, 20)) == 20
    sentence = "have 20 rows and the run has 12 volumes"
    sentence += ": give its own table, or cut this one to the first 12 rows"
    with pytest.raises(InputError, match=sentence):
        read_confounds(path, 12)
    with pytest.raises(InputError, match="have 20 rows and the run has 30 volumes"):
        read_confounds(path, 30)
    part = read_confounds(path, 12, start=5)
    assert part["motion_outlier00"].sum() == 0
    assert list(part.index) == list(range(12))
    with pytest.raises(InputError, match="have 15 rows and the run has 20 volumes"):
        read_confounds(path, 20, start=5)


def test_motion_files_of_spm_and_fsl(tmp_path):
    values = np.arange(24.0).reshape(4, 6)
    for name in ("rp_bold.txt", "bold.par", "motion.txt"):
        np.savetxt(tmp_path / name, values)
    assert list(read_confounds(tmp_path / "rp_bold.txt", 4)) == list(MOTION)
    fsl = read_confounds(tmp_path / "bold.par", 4)
    assert fsl.loc[0, "rot_x"] == 0
    assert fsl.loc[0, "trans_x"] == 3
    assert "column_1" in read_confounds(tmp_path / "motion.txt", 4)


def test_found_beside_the_run(tmp_path, derivative):
    run, path = derivative
    assert find_confounds(run) == path
    for other in ("sub-01_task-rest_run-3_desc-confounds_timeseries.tsv", "sub-01_task-rest_desc-confounds_timeseries.tsv"):
        (tmp_path / other).touch()
    assert find_confounds(run) == path
    assert find_confounds(tmp_path / "sub-02_task-rest_bold.nii.gz") is None
    (tmp_path / "sub-03_task-rest_bold_confounds.tsv").touch()
    assert find_confounds(tmp_path / "sub-03_task-rest_bold_space-T1w_preproc.nii.gz").name.startswith("sub-03")
    assert find_confounds(tmp_path / "nowhere" / "bold.nii") is None


SUFFIX = "_desc-confounds_timeseries.tsv"
RUN = {
    "sub": st.sampled_from(["01", "1", "10"]),
    "ses": st.sampled_from(["1", "2"]),
    "task": st.sampled_from(["rest", "nback"]),
    "acq": st.sampled_from(["mb"]),
    "dir": st.sampled_from(["AP", "PA"]),
    "run": st.sampled_from(["1", "01", "2", "3"]),
}
MADE = {"space": st.just("MNI152NLin2009cAsym"), "res": st.just("2"), "desc": st.just("preproc"), "echo": st.just("2")}


def _name(entities):
    return "_".join(f"{key}-{value}" for key, value in entities.items())


def _same(one, other):
    number = [{key: int(value) if key == "run" else value for key, value in each.items()} for each in (one, other)]
    return number[0] == number[1]


@given(
    run=st.fixed_dictionaries({}, optional=RUN).filter(bool),
    made=st.fixed_dictionaries({}, optional=MADE),
    tables=st.lists(st.fixed_dictionaries({}, optional=RUN).filter(bool), max_size=8),
)
@example(run={"sub": "1", "ses": "2"}, made={}, tables=[{"ses": "2", "sub": "1"}, {"sub": "1", "ses": "2"}])
def test_the_table_of_this_very_run_is_found_and_no_other(tmp_path_factory, run, made, tables):
    folder = tmp_path_factory.mktemp("bids")
    for table in tables:
        (folder / f"{_name(table)}{SUFFIX}").touch()
    found = find_confounds(folder / f"{_name(run | made)}_bold.nii.gz")
    right = [f"{_name(table)}{SUFFIX}" for table in tables if _same(table, run)]
    assert (found is not None) == bool(right)
    if right:
        assert found.name in right
        assert found.name == f"{_name(run)}{SUFFIX}" or f"{_name(run)}{SUFFIX}" not in right


def test_real_table(real_data):
    folder = real_data / "task_faces_mni"
    path = find_confounds(folder / "sub-01_task-faces_space-MNI_bold.nii.gz")
    with pytest.raises(InputError, match="351 rows and the run has 176 volumes"):
        read_confounds(path, 176)
    motion = choose_columns(read_confounds(path, 176, start=0), "motion 24")
    assert motion.shape == (176, 24)
    assert np.isfinite(motion.to_numpy()).all()
    assert censor_by(motion, 0.5).mean() > 0.9
