"""The header of a NIfTI file to be written: the source file's where there is one, a clean one otherwise."""

from __future__ import annotations

import sys
from io import BytesIO
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt

from napari_connectome.core.errors import InputError
from napari_connectome.core.grid import Grid
from napari_connectome.io.frame import FileFrame

Array = npt.NDArray[Any]
LABEL = 1002
SECONDS = {8: 1.0, 16: 1e3, 24: 1e6}
"""How many of a header's time units make a second, by the time bits of its xyzt_units."""


def frame_of(grid: Grid) -> FileFrame | None:
    """The frame of the file the grid came from, if the grid still is that file's."""
    frame = grid.frame
    return frame if isinstance(frame, FileFrame) and frame.fits(grid) else None


def header_for(data: Array, grid: Grid, *, tr: float | None, labels: bool) -> Any:
    """A NIfTI header for data in the file's order (x, y, z[, t]).

    Parameters
    ----------
    data : array
        Already of a type NIfTI stores.
    grid : Grid
    tr : float or None
        Seconds; None keeps what the source's header says, 0 says that the fourth axis is not time.
    labels : bool
    """
    frame = frame_of(grid)
    if frame is None or frame.header is None:
        header = _clean(grid.affine if frame is None else frame.affine, max(data.shape) > 32767)
        old_shape: tuple[int, ...] = ()
    else:
        header = _single(frame.header)
        old_shape = tuple(header.get_data_shape())
    pixdim = header["pixdim"].copy()
    header.set_data_dtype(data.dtype)
    header.set_data_shape(_file_shape(data.shape, old_shape))
    header["vox_offset"] = 0
    header["scl_slope"], header["scl_inter"] = 1, 0
    if data.shape == old_shape:
        header["pixdim"] = pixdim  # setting the shape put ones there
    else:
        header["cal_min"] = header["cal_max"] = 0
        header.extensions.clear()  # AFNI's, for one, describes each volume
    _set_time(header, data, tr if tr is not None or len(old_shape) >= 4 else 0.0)
    if labels:
        header.set_intent(LABEL, name="", allow_unknown=True)
    elif int(header["intent_code"]) == LABEL or len(header.get_data_shape()) != len(old_shape):
        header.set_intent(0, name="", allow_unknown=True)
    return header


def header_bytes(header: Any) -> bytes:
    """All that comes before the data in a file of its own: header, extensions, padding."""
    start = BytesIO()
    header.write_to(start)
    return start.getvalue().ljust(int(header["vox_offset"]), b"\0")


def _file_shape(shape: tuple[int, ...], old: tuple[int, ...]) -> tuple[int, ...]:
    """Give components along the fifth axis (x, y, z, 1, c) back to a source that had them there."""
    if len(old) == 5 and old[3] == 1 and shape == (*old[:3], old[4]):
        return old
    return shape


def _set_time(header: Any, data: Array, tr: float | None) -> None:
    units = int(header["xyzt_units"])
    if data.ndim < 4 or tr == 0:  # no series: nothing of the source's timing holds
        for field in ("slice_code", "slice_start", "slice_end", "slice_duration", "toffset"):
            header[field] = 0
    if data.ndim == 4 and tr is not None:
        if units & 0x38 not in SECONDS:
            units = units & 0x07 | 8
            header["xyzt_units"] = units
        header["pixdim"][4] = tr * SECONDS[units & 0x38]


def _clean(affine: Array, wide: bool) -> Any:
    header = nib.Nifti2Header() if wide else nib.Nifti1Header()
    header.set_data_shape((1, 1, 1))
    header.set_sform(affine, code=2)
    header.set_qform(affine, code=2, strip_shears=True)
    if not np.allclose(header.get_qform(), affine, atol=1e-3):  # a sheared grid has no qform
        header.set_qform(affine, code=0, strip_shears=True)
    header.set_xyzt_units("mm", "sec")
    return header


def _single(source: Any) -> Any:
    """The source's header as one of a single file (.nii) in native byte order, NIfTI-1 or -2 as it was."""
    kind = nib.Nifti2Header if isinstance(source, nib.Nifti2Header) else nib.Nifti1Header
    native = "<" if sys.byteorder == "little" else ">"
    header = kind(source.as_byteswapped(native).binaryblock, endianness=native, check=False, extensions=source.extensions)
    header["magic"] = kind.single_magic
    return header


def storable(data: Array) -> Array:
    """The data in a type that NIfTI files hold and other programs read, in native byte order; one sentence if there is none."""
    data = data.astype(data.dtype.newbyteorder("="), copy=False)
    kind = data.dtype
    if kind.kind == "b":
        return data.astype(np.uint8)
    if kind == np.float16:
        return data.astype(np.float32)
    if kind.kind in "iu" and kind.itemsize == 8:
        return _narrow(data)
    if kind.kind in "iuf" and kind.itemsize <= 8:
        return data
    raise InputError(f"numbers of type {kind} cannot be stored in NIfTI: convert them to float32 first.")


def _narrow(data: Array) -> Array:
    low, high = (int(data.min()), int(data.max())) if data.size else (0, 0)
    for kind in (np.uint8, np.int8, np.int16, np.uint16, np.int32, np.uint32):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return data.astype(kind)
    raise InputError(f"the values run from {low} to {high}, more than 32 bits hold: convert them to float64 or renumber them.")
