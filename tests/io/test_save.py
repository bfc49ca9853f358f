from __future__ import annotations

import errno
import json
import os

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from napari_connectome.core.errors import Cancelled, InputError
from napari_connectome.core.grid import Grid
from napari_connectome.core.values import Maps, Regions, Run, Volume
from napari_connectome.io import atomic
from napari_connectome.io.load import load_regions, load_run, load_volume, open_image
from napari_connectome.io.save import save, write_image

AFFINE = np.array([[-3.0, 0, 0, 90], [0, 2.9, 0.4, -120], [0, -0.4, 2.9, -70], [0, 0, 0, 1]])
GRID = Grid((6, 5, 4), np.diag([2.0, 2.0, 2.0, 1.0]))


@pytest.fixture
def source(tmp_path):
    """A run of a scanner: LAS, oblique, TR in ms, slice timing, description and an extension."""
    image = nib.Nifti2Image(np.random.default_rng(0).integers(0, 99, (4, 5, 6, 7)).astype(np.int16), AFFINE)
    image.set_sform(AFFINE, 1)
    image.set_qform(AFFINE, 1)
    header = image.header
    header.set_xyzt_units("mm", "msec")
    header["pixdim"][4] = 2200
    header["descrip"] = b"scanner"
    header["slice_code"], header["slice_end"], header["slice_duration"], header["toffset"] = 3, 5, 300, 7
    header["cal_max"] = 99
    header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"about seven volumes"))
    nib.save(image, tmp_path / "bold.nii.gz")
    return tmp_path / "bold.nii.gz"


def test_a_run_saved_is_the_file_it_was(source, tmp_path):
    save(load_run(source), tmp_path / "again.nii")
    first, second = nib.load(source), nib.load(tmp_path / "again.nii")
    for field in first.header:
        if field not in ("scl_slope", "scl_inter", "vox_offset"):
            np.testing.assert_array_equal(first.header[field], second.header[field], err_msg=field)
    assert second.header.extensions[0].get_content() == first.header.extensions[0].get_content()
    assert np.array_equal(first.dataobj, second.dataobj)


def test_a_map_made_from_a_run_lies_where_the_run_lies(source, tmp_path):
    run = load_run(source)
    save(Volume(run.data.mean(axis=0).astype(np.float32), run.grid), tmp_path / "mean.nii.gz")
    first, second = nib.load(source), nib.load(tmp_path / "mean.nii.gz")
    assert isinstance(second, nib.Nifti2Image)
    assert np.array_equal(first.affine, second.affine)
    assert second.shape == (4, 5, 6)
    assert second.get_data_dtype() == np.float32
    assert second.header.get_xyzt_units() == ("mm", "msec")
    assert (second.header["sform_code"], second.header["qform_code"]) == (1, 1)
    assert second.header["cal_max"] == second.header["slice_code"] == second.header["toffset"] == 0
    assert len(second.header.extensions) == 0
    np.testing.assert_allclose(second.get_fdata(), first.get_fdata().mean(axis=3), rtol=1e-6)


def test_maps_are_no_run(source, tmp_path):
    run = load_run(source)
    maps = Maps(run.data[:2].astype(np.float32), run.grid, names=("a", "b"), provenance={"fwhm": 6.0, "keep": np.arange(3)})
    save(maps, tmp_path / "maps.nii.gz")
    assert json.loads((tmp_path / "maps.json").read_text()) == {
        "names": ["a", "b"],
        "provenance": {"fwhm": 6.0, "keep": [0, 1, 2]},
    }
    assert open_image(tmp_path / "maps.nii.gz").repetition.question == "the header says 0"
    save(Maps(maps.data, maps.grid), tmp_path / "bare.nii")
    assert not (tmp_path / "bare.json").exists()


def test_without_a_source_the_header_is_clean(tmp_path):
    save(Run(np.ones((3, 6, 5, 4), np.float32), GRID, 0.72), tmp_path / "run.nii.gz")
    image = nib.load(tmp_path / "run.nii.gz")
    assert isinstance(image, nib.Nifti1Image)
    assert image.header.get_xyzt_units() == ("mm", "sec")
    assert image.header.get_zooms() == pytest.approx((2, 2, 2, 0.72))
    assert np.array_equal(image.get_sform(), GRID.affine)
    assert np.array_equal(image.get_qform(), GRID.affine)
    assert load_run(tmp_path / "run.nii.gz").tr == 0.72


def test_a_grid_that_is_no_longer_the_files_is_not_saved_as_it(source, tmp_path):
    grid = load_run(source).grid
    moved = Grid((3, 5, 4), grid.affine, frame=grid.frame)
    save(Volume(np.zeros(moved.shape, np.float32), moved), tmp_path / "part.nii")
    assert load_volume(tmp_path / "part.nii").grid.matches(moved)


def test_a_sheared_grid_keeps_its_affine(tmp_path):
    affine = np.eye(4)
    affine[0, 1] = 0.3
    save(Volume(np.zeros((2, 3, 4), np.uint8), Grid((2, 3, 4), affine)), tmp_path / "sheared.nii")
    image = nib.load(tmp_path / "sheared.nii")
    assert image.header["qform_code"] == 0
    np.testing.assert_allclose(image.affine, affine, atol=1e-6)


def test_pairs_of_old_byte_order_become_one_file(tmp_path):
    header = nib.nifti1.Nifti1PairHeader(endianness=">")
    header.set_data_dtype(np.int16)
    pair = nib.Nifti1Pair(np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.diag([-2.0, 2, 2, 1]), header)
    pair.header["descrip"] = b"old"
    nib.save(pair, tmp_path / "a.img")
    save(load_volume(tmp_path / "a.hdr"), tmp_path / "b.nii")
    image = nib.load(tmp_path / "b.nii")
    assert isinstance(image, nib.Nifti1Image)
    assert bytes(image.header["descrip"].item()) == b"old"
    assert np.array_equal(image.dataobj, np.arange(24).reshape(2, 3, 4))
    assert np.array_equal(image.affine, pair.affine)


@pytest.mark.parametrize(
    ("values", "stored"),
    [
        (np.array([True, False]), np.uint8),
        (np.array([0, 255], np.int64), np.uint8),
        (np.array([-1, 100], np.int64), np.int8),
        (np.array([-1, 255], np.int64), np.int16),
        (np.array([0, 60000], np.uint64), np.uint16),
        (np.array([-70000, 0], np.int64), np.int32),
        (np.array([0, 2**32 - 1], np.uint64), np.uint32),
        (np.array([0.5, 1], np.float16), np.float32),
        (np.array([0.1, 1e300]), np.float64),
        (np.array([0.1, np.nan], np.float32), np.float32),
        (np.array([1, 60000], np.uint16), np.uint16),
    ],
)
def test_types_are_stored_with_care(tmp_path, values, stored):
    save(Volume(values.reshape(1, 1, 2), Grid((1, 1, 2), np.eye(4))), tmp_path / "a.nii.gz")
    image = nib.load(tmp_path / "a.nii.gz")
    assert image.get_data_dtype() == stored
    np.testing.assert_array_equal(np.asanyarray(image.dataobj).ravel(), values)


def test_numbers_no_program_reads_are_refused(tmp_path):
    grid = Grid((1, 1, 2), np.eye(4))
    with pytest.raises(InputError, match="more than 32 bits hold"):
        save(Volume(np.array([[[0, 2**40]]]), grid), tmp_path / "a.nii")
    with pytest.raises(InputError, match="float32 first"):
        save(Volume(np.zeros((1, 1, 2), np.longdouble), grid), tmp_path / "a.nii")
    assert os.listdir(tmp_path) == []


def test_colours(tmp_path):
    data = np.random.default_rng(0).integers(0, 255, (6, 5, 4, 4)).astype(np.uint8)
    write_image(tmp_path / "rgba.nii.gz", data, GRID, rgb=True)
    np.testing.assert_array_equal(open_image(tmp_path / "rgba.nii.gz").data, data)


def test_regions_keep_their_names(tmp_path):
    labels = np.zeros(GRID.shape, np.int64)
    labels[0], labels[3:] = 3, 300
    regions = Regions(labels, GRID, pd.DataFrame({"name": ["low", "high"]}, index=[3, 300]))
    save(regions, tmp_path / "my_dseg.nii.gz")
    assert nib.load(tmp_path / "my_dseg.nii.gz").header.get_intent()[0] == "label"
    again = load_regions(tmp_path / "my_dseg.nii.gz")
    assert again.labels.dtype == np.uint16
    pd.testing.assert_frame_equal(again.table, regions.table)
    (tmp_path / "other_dseg.tsv").write_text("onset\tduration\n0\t1\n")
    with pytest.raises(InputError, match="holds no region names"):
        save(regions, tmp_path / "other_dseg.nii.gz")
    assert (tmp_path / "other_dseg.tsv").read_text().startswith("onset")


def test_the_same_values_give_the_same_bytes(tmp_path):
    volume = Volume(np.random.default_rng(0).normal(size=GRID.shape), GRID)
    save(volume, tmp_path / "a.nii.gz")
    save(volume, tmp_path / "b.nii.gz")
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


def full_disk(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("where", ["replace", "fsync"])
def test_a_failure_leaves_nothing_and_the_old_file(tmp_path, monkeypatch, where):
    path = tmp_path / "map.nii.gz"
    path.write_bytes(b"precious")
    monkeypatch.setattr(atomic.os, where, full_disk)
    with pytest.raises(InputError, match=r"map\.nii\.gz cannot be written \(No space left on device\)"):
        save(Volume(np.ones(GRID.shape), GRID), path)
    monkeypatch.undo()
    assert os.listdir(tmp_path) == ["map.nii.gz"]
    assert path.read_bytes() == b"precious"


def test_regions_fail_as_a_whole(tmp_path, monkeypatch):
    regions = Regions(np.ones(GRID.shape, np.uint8), GRID)
    monkeypatch.setattr("napari_connectome.io.save._write_volumes", full_disk)
    with pytest.raises(InputError, match="No space left"):
        save(regions, tmp_path / "r.nii.gz")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_cancelling_leaves_nothing(tmp_path, suffix):
    def stop(fraction, doing):
        if fraction > 0.4:
            raise Cancelled

    with pytest.raises(Cancelled):
        write_image(tmp_path / f"a{suffix}", np.zeros((10, 6, 5, 4)), GRID, tr=2.0, progress=stop)
    assert os.listdir(tmp_path) == []


def test_places_that_cannot_be_written_are_one_sentence(tmp_path, monkeypatch):
    volume = Volume(np.ones(GRID.shape), GRID)
    with pytest.raises(InputError, match="there is no folder"):
        save(volume, tmp_path / "nowhere" / "a.nii")
    with pytest.raises(InputError, match=r"must end in \.nii or \.nii\.gz"):
        save(volume, tmp_path / "a.mgz")
    (tmp_path / "folder.nii").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        save(volume, tmp_path / "folder.nii")
    with pytest.raises(InputError, match="cannot be saved: give"):
        save(np.zeros(3), tmp_path / "a.nii")

    def denied(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(atomic, "open", denied, raising=False)
    with pytest.raises(InputError, match=r"a\.nii cannot be written \(Permission denied\)"):
        save(volume, tmp_path / "a.nii")


def test_a_read_only_folder_is_one_sentence(as_nobody):
    with pytest.raises(InputError, match=r"a\.nii cannot be written \(Permission denied\): you may not write there"):
        save(Volume(np.ones(GRID.shape), GRID), as_nobody / "a.nii")


@pytest.mark.parametrize("kind", ["i2", "u2", "i4", "i8", "u8", "f2", "f4", "f8"])
@pytest.mark.parametrize("order", "<>")
def test_byte_order_is_no_matter(tmp_path, kind, order):
    values = np.arange(120).reshape(GRID.shape).astype(order + kind)
    save(Volume(values, GRID), tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(nib.load(tmp_path / "a.nii.gz").get_fdata().T, np.arange(120).reshape(GRID.shape))


@pytest.mark.parametrize("kind", ["u1", "<u2", ">u2", "u4", "f4", "f8"])
def test_colours_of_any_range_become_bytes(tmp_path, kind):
    shown = np.random.default_rng(0).integers(0, 256, (*GRID.shape, 3))
    shown.flat[:2] = 0, 255
    top = 1 if "f" in kind else np.iinfo(kind).max
    data = (shown / 255 * top).astype(kind) if "f" in kind else (shown * (top // 255)).astype(kind)
    write_image(tmp_path / "rgb.nii", data, GRID, rgb=True)
    np.testing.assert_array_equal(open_image(tmp_path / "rgb.nii").data, shown)


def test_colours_without_a_value_are_black_and_signed_ones_refused(tmp_path):
    write_image(tmp_path / "rgb.nii", np.full((*GRID.shape, 3), np.nan), GRID, rgb=True)
    assert not open_image(tmp_path / "rgb.nii").data.any()
    with pytest.raises(InputError, match="colours of type int16"):
        write_image(tmp_path / "b.nii", np.zeros((*GRID.shape, 3), np.int16), GRID, rgb=True)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_a_link(tmp_path, name, there):
    kept = tmp_path / "kept"
    kept.mkdir()
    if there:
        (kept / name).write_bytes(b"old")
    (tmp_path / name).symlink_to(kept / name)
    save(Volume(np.ones(GRID.shape), GRID), tmp_path / name)
    assert (tmp_path / name).is_symlink()
    assert load_volume(kept / name).data.all()
    assert os.listdir(kept) == [name]


@pytest.mark.parametrize("text", ['{"RepetitionTime": 2}', "[1]", "no json", ""])
def test_a_json_of_somebody_elses_is_never_overwritten(tmp_path, text):
    maps = Maps(np.zeros((1, *GRID.shape)), GRID, provenance={"fwhm": 6.0})
    (tmp_path / "mine.json").write_text(text)
    with pytest.raises(InputError, match=r"mine\.json is beside the image .* choose another name"):
        save(maps, tmp_path / "mine.nii.gz")
    assert os.listdir(tmp_path) == ["mine.json"]
    assert (tmp_path / "mine.json").read_text() == text
    (tmp_path / "mine.json").unlink()
    for _ in range(2):  # our own may be renewed
        save(maps, tmp_path / "mine.nii.gz")


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.EACCES, "you may not write there, so choose another folder"),
        (errno.EROFS, "you may not write there, so choose another folder"),
        (errno.ENOSPC, "free some space or choose another folder"),
        (errno.ENAMETOOLONG, "choose a shorter name"),
        (errno.EIO, "choose another folder"),
    ],
)
def test_what_the_system_refuses_comes_with_what_helps(tmp_path, monkeypatch, number, advice):
    def refused(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(atomic, "open", refused, raising=False)
    with pytest.raises(InputError, match=rf"\({os.strerror(number)}\): {advice}\.$"):
        save(Volume(np.ones(GRID.shape), GRID), tmp_path / "a.nii")


@pytest.mark.parametrize("name", ["x" * 300, "ü" * 125, "brain"])
def test_long_names_are_written_or_refused_in_one_sentence(tmp_path, name):
    path = tmp_path / f"{name}.nii.gz"
    if len(path.name.encode()) > 255:
        with pytest.raises(InputError, match="choose a shorter name"):
            save(Volume(np.ones(GRID.shape), GRID), path)
        assert os.listdir(tmp_path) == []
    else:
        save(Volume(np.ones(GRID.shape), GRID), path)
        assert load_volume(path).data.all()


def test_a_folder_one_may_not_enter_is_one_sentence(as_nobody):
    closed = as_nobody / "closed"
    with pytest.raises(InputError, match=r"inner cannot be written \(Permission denied\): you may not write there"):
        save(Volume(np.ones(GRID.shape), GRID), closed / "inner" / "a.nii")
    with pytest.raises(InputError, match=r"a\.nii cannot be written \(Permission denied\): you may not write there"):
        save(Volume(np.ones(GRID.shape), GRID), closed / "a.nii")
