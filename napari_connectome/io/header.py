"""What the header of an image file says: its format, its orientation and its repetition time, and how far to trust it."""

from __future__ import annotations

import logging
import math
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
from nibabel.filebasedimages import ImageFileError

from napari_connectome.core.errors import InputError
from napari_connectome.io.gz import is_gz, open_gz

Array = npt.NDArray[Any]
SUFFIXES = (".nii.gz", ".nii", ".mgz", ".mgh", ".mnc", ".head", ".brik.gz", ".brik", ".hdr", ".img.gz", ".img", ".nii.bz2")


NO_ORIENTATION = "an Analyze header gives no orientation: left and right are a guess"
MILLIMETRES = {1: ("metres", 1e3), 3: ("micrometres", 1e-3)}
"""What a header's units of space are in mm, by the space bits of its xyzt_units."""
SHORTEST, LONGEST = 0.05, 100.0
"""Seconds between which a repetition time is believed."""
MINC_TIME = {"s": "sec", "sec": "sec", "seconds": "sec", "ms": "msec", "msec": "msec"}


@dataclass(frozen=True)
class Repetition:
    """The repetition time of a run.

    Parameters
    ----------
    tr : float or None
        Seconds; None when the header cannot be trusted.
    question : str
        Why it cannot be trusted, "" when it can.
    guess : float or None
        What it probably is, in seconds.
    """

    tr: float | None = None
    question: str = ""
    guess: float | None = None


def stem(path: str | os.PathLike[str]) -> str:
    """The name of a file without the suffixes of an image."""
    name = Path(path).name
    for suffix in SUFFIXES:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name


def is_image(path: str | os.PathLike[str]) -> bool:
    """Whether this is an image file, or a broken one (reading it then says what is wrong); all that is called .nii is."""
    if str(path).lower().endswith((".nii", ".nii.gz")):
        return True
    try:
        _load(path)
    except ImageFileError:
        return os.path.getsize(path) == 0 or not _unpacks(path)
    except Exception:
        return os.path.isfile(path)
    return True


def _unpacks(path: str | os.PathLike[str]) -> bool:
    """Whether a gzip file unpacks as far as its format is looked for; True for others."""
    if not is_gz(path):
        return True
    try:
        with open_gz(path) as stream:
            stream.read(1024)  # what nibabel looks at
    except Exception:
        return False
    return True


def open_header(path: str | os.PathLike[str]) -> Any:
    """The nibabel image of a file, its data not yet read; one sentence for what is none."""
    name = Path(path).name
    _require_readable(path)
    try:
        return _load(path)
    except ImageFileError as error:
        if not _unpacks(path):
            raise InputError(f"{name} is no gzip file, or broken or cut short: copy or download it again.") from error
        raise InputError(
            f"{name} is no image that can be read: NIfTI, AFNI, MGH or MINC is needed, or the file is broken."
        ) from error
    except Exception as error:  # whatever a parser makes of a broken file
        if "h5py" in str(error):
            raise InputError(
                f"{name} is a MINC2 file and h5py is needed to read it: pip install napari-connectome[minc]."
            ) from error
        words = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise InputError(f"the header of {name} cannot be read ({words}): copy or download the file again.") from error


def _require_readable(path: str | os.PathLike[str]) -> None:
    if os.path.isdir(path):
        raise InputError(f"{path} is a folder: give the path of an image file.")
    try:
        with open(path, "rb") as stream:
            empty = not stream.read(1)
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:  # ValueError: a path with a zero in it
        raise InputError(f"there is no file {path}: check the path.") from error
    except PermissionError as error:
        raise InputError(f"you may not read {path} (permission denied): ask whom it belongs to, or choose another.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be opened ({error.strerror or error}): check the path.") from error
    if empty:
        raise InputError(f"{Path(path).name} is empty: copy or download it again.")


def _load(path: str | os.PathLike[str]) -> Any:
    # nibabel logs its repairs of small header faults to the terminal and warns; neither helps the person at the screen.
    logger = logging.getLogger("nibabel.global")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return nib.load(os.fspath(path))
    finally:
        logger.setLevel(level)


def is_nifti(image: Any) -> bool:
    """Whether the image has a NIfTI-1 or NIfTI-2 header."""
    return isinstance(image, nib.Nifti1Pair)


def affine_of(image: Any, name: str) -> Array:
    """The affine of an image, voxel index to mm, whatever unit its header has; one sentence for one that is none."""
    affine = np.asarray(image.affine, dtype=np.float64)
    broken = f"the header of {name} gives no usable voxel size or orientation: repair the header first."
    if affine.shape != (4, 4) or not np.isfinite(affine).all():
        raise InputError(broken)
    affine = np.diag([*[_millimetres(image)] * 3, 1.0]) @ affine
    size = np.linalg.norm(affine[:3, :3], axis=0)
    # Axes that nearly fall together are no orientation, and are too much for what looks for the nearest one.
    if not (size > 1e-6).all() or not (size < 1e6).all() or abs(np.linalg.det(affine[:3, :3] / size)) < 1e-4:
        raise InputError(broken)
    return affine


def _millimetres(image: Any) -> float:
    """How many mm the header's unit of space is; voxels of metres are a slip, and mm are meant."""
    if not is_nifti(image):
        return 1.0
    _, factor = MILLIMETRES.get(int(image.header["xyzt_units"]) & 0x07, ("", 1.0))
    largest = np.abs(np.asarray(image.affine, dtype=np.float64)[:3, :3]).max() * factor
    return 1.0 if factor > 1 and largest > 100 else factor


def minc_axes(image: Any) -> tuple[str, ...]:
    """The names of a MINC file's axes, in their order; empty for other formats."""
    minc = getattr(image.dataobj, "minc_file", None)
    return tuple(minc._dim_names) if minc is not None else ()


def orientation_notices(image: Any) -> list[str]:
    """What the person should know about where the voxels are."""
    if not is_nifti(image):
        return [NO_ORIENTATION] if type(image).__name__ == "AnalyzeImage" else []
    header = image.header
    notices = []
    unit, factor = MILLIMETRES.get(int(header["xyzt_units"]) & 0x07, ("", 1.0))
    if unit:
        taken = "shown in mm" if _millimetres(image) == factor else "taken as mm, since no voxel is that large"
        notices.append(f"the header gives its coordinates in {unit}: they are {taken}")
    if int(header["sform_code"]) <= 0 and int(header["qform_code"]) <= 0:
        notices.append("the header gives no orientation (sform and qform codes 0): left and right are a guess")
    if int(header["sform_code"]) > 0 and int(header["qform_code"]) > 0:
        notices += _disagreement(header, _millimetres(image))
    return notices


def _disagreement(header: Any, mm: float) -> list[str]:
    """A notice where the two orientations of a header put a corner more than a voxel apart."""
    try:
        sform, qform = header.get_sform(), header.get_qform()
    except Exception:  # a quaternion that is none
        return ["the qform of the header is broken: the sform is used"]
    size = np.array([*header.get_data_shape()[:3], 1, 1, 1])[:3] - 1
    corners = np.array([[i, j, k, 1] for i in (0, size[0]) for j in (0, size[1]) for k in (0, size[2])])
    apart = np.linalg.norm(corners @ (sform - qform).T, axis=1).max()
    voxel = np.linalg.norm(sform[:3, :3], axis=0).max()
    if apart <= voxel:
        return []
    return [f"sform and qform of the header disagree by up to {apart * mm:.1f} mm: the sform is used"]


def repetition_time(image: Any) -> Repetition:
    """The repetition time the header gives, or why it cannot be trusted."""
    if is_nifti(image):
        return _of_nifti(image.header)
    kind = type(image).__name__
    if kind.startswith("AFNI"):
        return _of_afni(image.header.info)
    if kind.startswith("Minc"):
        return _of_minc(image)
    zooms = image.header.get_zooms()
    if kind.startswith("MGH"):
        return _judge(float(zooms[3]), "msec", False) if len(zooms) > 3 else Repetition()
    return _judge(float(zooms[3]), "unknown", bool(np.all(np.asarray(zooms) == 1))) if len(zooms) > 3 else Repetition()


def _of_nifti(header: Any) -> Repetition:
    # get_xyzt_units() raises on codes that do not exist.
    units = {8: "sec", 16: "msec", 24: "usec", 32: "hz", 40: "ppm", 48: "rads"}
    unit = units.get(int(header["xyzt_units"]) & 0x38, "unknown")
    zooms = np.asarray(header["pixdim"][1:5], dtype=np.float64)
    return _judge(float(zooms[3]), unit, bool(np.all(zooms == 1)))


def _of_afni(info: dict[str, Any]) -> Repetition:
    numbers, floats = info.get("TAXIS_NUMS", ()), info.get("TAXIS_FLOATS", ())
    if len(floats) < 2:
        return Repetition(question="the header has no time axis")
    unit = {77001: "msec", 77002: "sec", 77003: "hz"}.get(int(numbers[2]) if len(numbers) > 2 else 77002, "sec")
    return _judge(float(floats[1]), unit, False)


def _of_minc(image: Any) -> Repetition:
    axes = minc_axes(image)
    if "time" not in axes:
        return Repetition()
    time = image.dataobj.minc_file._dims[axes.index("time")]
    if not hasattr(time, "step"):
        return Repetition(question="the header gives no time step")
    unit = getattr(time, "units", b"")
    unit = unit.decode("latin-1") if isinstance(unit, bytes) else str(unit)
    return _judge(abs(float(time.step)), MINC_TIME.get(unit.strip().lower(), "unknown"), False)


def _judge(value: float, unit: str, all_one: bool) -> Repetition:
    """Whether a number in a header can be the seconds between two volumes."""
    if not math.isfinite(value) or value <= 0:
        return Repetition(question=f"the header says {value:g}")
    if unit in ("hz", "ppm", "rads"):
        return Repetition(question=f"the header says {value:g} {unit}, which is no time")
    if value == 1 and (unit == "unknown" or all_one):
        return Repetition(question="the header says 1 without a unit, as programs write it that do not know it", guess=None)
    seconds = value * {"msec": 1e-3, "usec": 1e-6}.get(unit, 1.0)
    # 2.2 s is stored in float32; six digits are what was meant.
    seconds = float(f"{seconds:.6g}")
    if SHORTEST <= seconds <= LONGEST:
        return Repetition(tr=seconds)
    said = f"the header says {value:g} { ({'msec': 'ms', 'usec': 'µs'}.get(unit, 's')) }"
    if unit in ("msec", "usec") and SHORTEST <= value <= LONGEST:
        return Repetition(question=f"{said}, which looks like seconds", guess=float(f"{value:.6g}"))
    slips = (("milliseconds", 1e-3), ("microseconds", 1e-6)) if seconds > LONGEST else (("", 1e3), ("", 1e6))
    for looks, factor in slips:
        guess = float(f"{seconds * factor:.6g}")
        if SHORTEST <= guess <= LONGEST:
            return Repetition(question=f"{said}, which " + (f"looks like {looks}" if looks else "is too short"), guess=guess)
    return Repetition(question=f"{said}, which is too {'long' if seconds > LONGEST else 'short'}")
