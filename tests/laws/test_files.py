"""What holds for every file: read → write → read keeps each value at its place in mm, and nibabel says the same."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nibabel.orientations import apply_orientation, inv_ornt_aff
from scipy.spatial.transform import Rotation

from napari_connectome.core.values import Run, Volume
from napari_connectome.io.load import open_image
from napari_connectome.io.save import save

ORIENTATIONS = [
    np.column_stack([order, flips])
    for order in itertools.permutations(range(3))
    for flips in itertools.product((1, -1), repeat=3)
]
TYPES = ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "f4", "f8"]


def _same_at_mm(path: Path, seen: np.ndarray, grid, rtol: float = 0.0) -> None:
    """Each voxel of the file, taken by nibabel, is found in `seen` at the same mm."""
    image = nib.load(path)
    theirs = np.asanyarray(image.dataobj)
    theirs = theirs[..., 0] if theirs.shape[3:] == (1,) else theirs  # one volume is a volume
    ijk = np.argwhere(np.ones(theirs.shape[:3], bool))
    voxel = grid.to_voxel(nib.affines.apply_affine(image.affine, ijk))
    i, j, k = np.rint(voxel).astype(int).T
    np.testing.assert_allclose(voxel, np.column_stack([i, j, k]), atol=1e-3)
    here = theirs[tuple(ijk.T)]
    there = np.moveaxis(seen[..., k, j, i], -1, 0)
    np.testing.assert_allclose(there.astype(np.float64), here.astype(np.float64), rtol=rtol, atol=0)


def _oriented(orientation: np.ndarray, data: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return apply_orientation(data, orientation), affine @ inv_ornt_aff(orientation, data.shape[:3])


@pytest.mark.parametrize("series", [False, True])
@pytest.mark.parametrize("orientation", ORIENTATIONS, ids=lambda o: "".join(nib.orientations.ornt2axcodes(o)))
def test_every_orientation_is_read_and_written(orientation, series, tmp_path):
    data = np.random.default_rng(0).integers(0, 1000, (4, 5, 6, 3)[: 3 + series]).astype(np.int16)
    affine = np.diag([2.0, 3.0, 4.0, 1.0])
    affine[:3, 3] = -10, 20, 30
    stored, placed = _oriented(orientation, data, affine)
    path, again = tmp_path / "a.nii", tmp_path / "b.nii.gz"
    image = nib.Nifti1Image(stored, placed)
    image.header.set_xyzt_units("mm", "sec")
    if series:
        image.header["pixdim"][4] = 1.5
    nib.save(image, path)
    opened = open_image(path)
    assert opened.data.dtype == np.int16
    assert np.shares_memory(opened.data, opened.data.base)
    straight = np.diag(opened.grid.affine)[:3]
    assert (straight > 0).all()
    np.testing.assert_allclose(
        opened.grid.affine, np.diag([*straight, 1]) + np.pad(opened.grid.affine[:3, 3:], ((0, 1), (3, 0)))
    )
    _same_at_mm(path, opened.data, opened.grid)
    save(Run(opened.data, opened.grid, 1.5) if series else Volume(opened.data, opened.grid), again)
    first, second = nib.load(path), nib.load(again)
    assert np.array_equal(first.affine, second.affine)
    assert first.header.get_zooms() == second.header.get_zooms()
    assert np.array_equal(np.asanyarray(first.dataobj), np.asanyarray(second.dataobj))


@st.composite
def files(draw):
    kind = np.dtype(draw(st.sampled_from(TYPES)))
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=3, max_size=4)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if kind.kind == "f":
        data = rng.normal(size=shape).astype(kind)
        data.flat[0] = draw(st.sampled_from([0.0, np.nan, np.inf]))
    else:
        reach = np.iinfo(np.int32 if kind == np.int64 else kind)
        data = rng.integers(reach.min, reach.max, shape, dtype=kind, endpoint=True)
    tilt = draw(st.floats(0, 30))
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_rotvec(rng.normal(size=3), degrees=False).as_matrix() if tilt > 25 else np.eye(3)
    affine[:3, :3] = Rotation.from_euler("xyz", rng.uniform(-tilt, tilt, 3), degrees=True).as_matrix() @ affine[:3, :3]
    affine[:3, :3] *= rng.uniform(0.5, 5, 3)
    affine[:3, 3] = rng.uniform(-100, 100, 3)
    data, affine = _oriented(draw(st.sampled_from(ORIENTATIONS)), data, affine)
    return {
        "data": data,
        "affine": affine,
        "endian": draw(st.sampled_from("<>")),
        "scaling": draw(st.sampled_from([(0.0, 0.0), (1.0, 0.0), (0.25, 0.0), (2.5, -7.0), (1.0, 100.0)])),
        "header": draw(st.sampled_from([nib.Nifti1Header, nib.Nifti2Header])),
        "codes": draw(st.sampled_from([(1, 0), (0, 1), (4, 4), (2, 1)])),
        "unit": draw(st.sampled_from(["sec", "msec", "usec"])),
        "suffix": draw(st.sampled_from([".nii", ".nii.gz"])),
    }


def _write_plainly(folder: Path, file: dict) -> Path:
    """The file as the standard has it, byte by byte, so that no library's scaling is between."""
    data = file["data"]
    header = file["header"](endianness=file["endian"])
    header.set_data_dtype(data.dtype)
    header.set_data_shape(data.shape)
    header.set_sform(file["affine"], code=file["codes"][0])
    header.set_qform(file["affine"], code=file["codes"][1])
    header.set_xyzt_units("mm", file["unit"])
    if data.ndim == 4:
        header["pixdim"][4] = 2.2 * {"sec": 1, "msec": 1e3, "usec": 1e6}[file["unit"]]
    header["scl_slope"], header["scl_inter"] = file["scaling"]
    path = folder / ("a" + file["suffix"])
    with nib.openers.Opener(path, "wb") as stream:
        header.write_to(stream)
        stream.write(b"\0" * (int(header["vox_offset"]) - stream.tell()))
        stream.write(data.astype(data.dtype.newbyteorder(file["endian"])).tobytes(order="F"))
    return path


@given(files())
def test_read_write_read_keeps_values_in_mm(file):
    with tempfile.TemporaryDirectory() as folder:
        path = _write_plainly(Path(folder), file)
        opened = open_image(path)
        scaled = file["scaling"] not in ((0.0, 0.0), (1.0, 0.0))
        stored = file["data"].dtype
        if not scaled:
            assert opened.data.dtype == stored
        else:
            wide = stored == np.float64 or (stored.kind in "iu" and stored.itemsize >= 4)
            assert opened.data.dtype == (np.float64 if wide else np.float32)
        assert opened.data.dtype.isnative
        _same_at_mm(path, opened.data, opened.grid, rtol=2e-7 if scaled else 0)

        again = Path(folder) / "b.nii.gz"
        if opened.is_4d:
            assert opened.repetition.tr == 2.2
            save(Run(opened.data, opened.grid, 2.2), again)
        else:
            save(Volume(opened.data, opened.grid), again)
        first, second = nib.load(path), nib.load(again)
        assert type(first) is type(second)
        assert np.array_equal(first.affine, second.affine)
        for field in ("sform_code", "qform_code", "xyzt_units"):
            assert first.header[field] == second.header[field]
        if opened.is_4d:
            assert first.header["pixdim"][4] == second.header["pixdim"][4]
        _same_at_mm(again, opened.data, opened.grid)
        twice = open_image(again)
        assert twice.grid.matches(opened.grid)
        np.testing.assert_array_equal(twice.data, opened.data)


@given(
    st.sampled_from(["i1", "u1", "i2", "u2"]),
    st.floats(1e-6, 1e4),
    st.floats(-1e8, 1e8),
)
def test_scaled_integers_keep_their_steps(kind, slope, inter):
    """Neighbouring stored integers are a step apart after reading, however large the intercept."""
    reach = np.iinfo(kind)
    stored = np.linspace(reach.min, reach.max, 250).astype(np.int64)
    stored = np.unique(np.r_[stored, stored[:-1] + 1]).astype(kind)[:, None, None]
    slope, inter = float(np.float32(slope)), float(np.float32(inter))
    header = nib.Nifti1Header()
    header.set_data_dtype(kind)
    header.set_data_shape(stored.shape)
    header.set_sform(np.eye(4), code=1)
    header["scl_slope"], header["scl_inter"] = slope, inter
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.nii"
        with open(path, "wb") as stream:
            header.write_to(stream)
            stream.write(b"\0" * (int(header["vox_offset"]) - stream.tell()) + stored.tobytes(order="F"))
        found = open_image(path).data.T
    np.testing.assert_allclose(np.diff(found.ravel().astype(np.float64)), np.diff(stored.ravel().astype(int)) * slope, rtol=0.1)
