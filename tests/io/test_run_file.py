"""A run in a file is read as `load_run` reads it, as a whole or volume by volume, and can be sent away."""

import gzip
import pickle

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from napari_connectome.core.errors import Cancelled, InputError
from napari_connectome.io.load import load_run
from napari_connectome.io.run_file import RunFile

T = 12
TURNED = np.array([[0, 0, -4.0, 20], [-3, 0, 0, 10], [0, 2.5, 0, -5], [0, 0, 0, 1]])


def _write(path, kind="<i2", affine=TURNED, scale=None, shape=(5, 6, 7, T)):
    rng = np.random.default_rng(0)
    image = nib.Nifti1Image(rng.integers(0, 900, shape).astype(kind), affine)
    image.header.set_xyzt_units("mm", "sec")
    image.header["pixdim"][4] = 2.0
    if scale:
        image.header.set_slope_inter(*scale)
    nib.save(image, path)
    return path


def _table(path, t=T):
    rng = np.random.default_rng(1)
    names = [f"{kind}_{axis}" for kind in ("trans", "rot") for axis in "xyz"]
    table = pd.DataFrame(rng.standard_normal((t, 6)) * 0.01, columns=names)
    table["framewise_displacement"] = [np.nan, *np.full(t - 1, 0.1)]
    table.loc[4, "framewise_displacement"] = 0.9
    table["non_steady_state_outlier00"] = [1.0, *np.zeros(t - 1)]
    table.to_csv(path, sep="\t", index=False, na_rep="n/a")
    return path


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nii.bz2", ".mgz"])
@pytest.mark.parametrize("kind", ["<i2", ">i2", "u1", "<f4", ">f8"])
@pytest.mark.parametrize("scale", [None, (0.5, 10.0)])
def test_volumes_that_pass_by_are_those_of_the_whole(tmp_path, suffix, kind, scale):
    if suffix == ".mgz":
        if kind not in ("u1", "<i2") or scale:
            pytest.skip("MGH stores neither")
        data = np.random.default_rng(0).integers(0, 200, (5, 6, 7, T)).astype(kind)
        nib.save(nib.MGHImage(data, TURNED), tmp_path / "run.mgz")
        path = tmp_path / "run.mgz"
    else:
        path = _write(tmp_path / f"run{suffix}", kind, scale=scale)
    whole = load_run(path, tr=2.0)
    stream = RunFile(path, tr=2.0).stream()
    assert stream.head.grid.matches(whole.grid)
    assert (stream.head.tr, stream.head.name, stream.head.data.shape) == (2.0, "run", whole.data.shape)
    volumes = [volume.copy() for volume in stream.volumes]
    np.testing.assert_array_equal(np.stack(volumes), whole.data)
    assert volumes[0].dtype == whole.data.dtype


def test_formats_that_are_read_as_a_whole_are_streamed_too(tmp_path):
    data = np.random.default_rng(0).integers(0, 200, (5, 6, 7, 1, T)).astype("i2")  # five dimensions
    nib.save(nib.Nifti1Image(data, np.eye(4)), tmp_path / "run.nii")
    stream = RunFile(tmp_path / "run.nii", tr=2.0).stream()
    np.testing.assert_array_equal(np.stack(list(stream.volumes)), load_run(tmp_path / "run.nii", tr=2.0).data)


def test_the_mean_of_a_stream_is_that_of_the_run(tmp_path):
    path = _write(tmp_path / "run.nii.gz")
    mean = RunFile(path).stream().mean()
    np.testing.assert_allclose(mean.data, load_run(path).data.mean(axis=0), rtol=1e-12)


def test_confounds_are_found_beside_and_chosen(tmp_path):
    path = _write(tmp_path / "sub-01_task-rest_space-MNI_desc-preproc_bold.nii.gz")
    beside = _table(tmp_path / "sub-01_task-rest_desc-confounds_timeseries.tsv")
    for source in (RunFile(path, "beside", "motion 6", fd_limit=0.5), RunFile(path, beside, "motion 6", fd_limit=0.5)):
        for run in (source.load(), source.stream().head):
            assert list(run.confounds.columns) == [f"{kind}_{axis}" for kind in ("trans", "rot") for axis in "xyz"]
            assert np.flatnonzero(~run.keep).tolist() == [0, 4]
    assert np.flatnonzero(~RunFile(path, "beside", ["rot_*"]).load().keep).tolist() == [0]
    given = RunFile(path, pd.read_csv(beside, sep="\t"), ["trans_x"]).load()
    assert given.confounds.shape == (T, 1)
    plain = RunFile(path, np.arange(2.0 * T).reshape(T, 2)).load()
    assert plain.confounds.shape == (T, 2)
    assert plain.keep is None


def test_all_columns_are_ready_for_cleaning(tmp_path):
    path = _write(tmp_path / "run.nii.gz")
    table = _table(tmp_path / "run_confounds.tsv")
    confounds = RunFile(path, table).load().confounds
    assert confounds.shape == (T, 7)  # not the marks
    assert np.isfinite(confounds.to_numpy()).all()


def test_is_sent_as_a_name(tmp_path):
    path = _write(tmp_path / "run.nii.gz")
    _table(tmp_path / "run_confounds.tsv")
    source = RunFile(path, tmp_path / "run_confounds.tsv", "motion 6", fd_limit=0.5)
    sent = pickle.dumps(source)
    assert len(sent) < 1000
    back = pickle.loads(sent)
    assert back.key == source.key
    np.testing.assert_array_equal(back.load().confounds, source.load().confounds)


def test_the_key_changes_with_what_is_read(tmp_path):
    path = _write(tmp_path / "run.nii.gz")
    table = _table(tmp_path / "run_confounds.tsv")
    key = RunFile(path, table, ["rot_x"]).key
    assert key == RunFile(str(path), str(table), ["rot_x"]).key
    others = [
        RunFile(path),
        RunFile(path, table),
        RunFile(path, table, ["rot_y"]),
        RunFile(path, table, ["rot_x"], tr=3.0),
        RunFile(path, table, ["rot_x"], fd_limit=0.5),
        RunFile(path, np.ones((T, 1)), ["rot_x"]),
    ]
    assert len({other.key for other in others} | {key}) == 7
    assert RunFile(path, np.ones((T, 1))).key != RunFile(path, np.zeros((T, 1))).key
    _table(table, T + 1)
    assert RunFile(path, table, ["rot_x"]).key != key
    before = RunFile(path).key
    _write(path, shape=(5, 6, 7, T + 1))
    assert RunFile(path).key != before


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda folder: RunFile(folder / "none.nii.gz"), "none.nii.gz"),
        (lambda folder: RunFile(_write(folder / "map.nii", shape=(5, 6, 7))), "map.nii is a 3-D image of one volume"),
        (lambda folder: RunFile(_write(folder / "a.nii"), "beside"), "no confounds lie beside a.nii"),
        (lambda folder: RunFile(_write(folder / "a.nii"), folder / "x.tsv"), "x.tsv of a are not there"),
    ],
)
def test_what_the_header_tells_is_told_before_anything_is_read(tmp_path, make, says):
    with pytest.raises(InputError, match=says):
        make(tmp_path).check()
    with pytest.raises(InputError, match=says.replace(" of a are not there", "")):
        make(tmp_path).stream()


def test_a_tr_that_is_not_known_is_asked_for(tmp_path):
    image = nib.Nifti1Image(np.ones((5, 6, 7, T), "i2"), np.eye(4))
    nib.save(image, tmp_path / "run.nii")
    with pytest.raises(InputError, match=r"the TR of run\.nii is not known"):
        RunFile(tmp_path / "run.nii").check()
    assert RunFile(tmp_path / "run.nii", tr=1.5).stream().head.tr == 1.5


def test_columns_without_confounds_are_refused(tmp_path):
    with pytest.raises(InputError, match="confounds of run were chosen and none are given"):
        RunFile(_write(tmp_path / "run.nii"), columns="motion 6").load()


def test_a_table_read_as_one_column_of_text_is_not_passed_over(tmp_path):
    """As pandas reads tabs where commas are expected: nothing would be regressed out, and nobody would know."""
    path = _write(tmp_path / "run.nii")
    table = pd.DataFrame({"trans_x\tcsf": ["0.1\t0.2"] * T})
    with pytest.raises(InputError, match="the confounds of run hold no column of numbers"):
        RunFile(path, confounds=table).load()


@pytest.mark.parametrize("path", [None, 5, "a\0b.nii"])
def test_what_is_no_path_is_told(path):
    with pytest.raises(InputError, match="must be that of a 4-D image"):
        RunFile(path)


def test_confounds_of_another_length_are_refused(tmp_path):
    source = RunFile(_write(tmp_path / "run.nii"), np.ones((T + 1, 2)))
    with pytest.raises(InputError, match="13 rows and the run has 12 volumes"):
        source.load()


@pytest.mark.parametrize("how", ["cut", "flipped", "short"])
def test_broken_files_are_told_while_their_volumes_pass(tmp_path, how):
    path = _write(tmp_path / "run.nii.gz", shape=(20, 20, 20, T))
    packed = bytearray(path.read_bytes())
    if how == "cut":
        path.write_bytes(packed[: len(packed) // 2])
    elif how == "flipped":
        packed[len(packed) // 2] ^= 0xFF
        path.write_bytes(packed)
    else:
        path.write_bytes(gzip.compress(gzip.decompress(packed)[:-4000]))
    with pytest.raises(InputError, match=r"run\.nii\.gz is (broken or )?cut short"):
        for _ in RunFile(path).stream().volumes:
            pass


def test_reading_is_told_and_can_be_stopped(tmp_path):
    path = _write(tmp_path / "run.nii.gz")

    def stop(fraction, doing):
        assert doing == "reading run.nii.gz"
        if fraction > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        for _ in RunFile(path).stream(stop).volumes:
            pass
