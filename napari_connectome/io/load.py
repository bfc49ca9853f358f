"""Image files as values: runs, volumes and regions."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_connectome.core.errors import InputError, Progress, silent
from napari_connectome.core.grid import Grid
from napari_connectome.core.values import Maps, Regions, Run, Volume
from napari_connectome.io.frame import FileFrame
from napari_connectome.io.header import (
    Repetition,
    affine_of,
    is_nifti,
    minc_axes,
    open_header,
    orientation_notices,
    repetition_time,
    stem,
)
from napari_connectome.io.maps import SOURCE, map_names, region_columns
from napari_connectome.io.names import Names, names_table, read_names
from napari_connectome.io.origins import read_origins, read_provenance
from napari_connectome.io.pixels import check_type, read_pixels

Array = npt.NDArray[Any]
PathLike = str | os.PathLike[str]
COMPLEX = "{name} holds complex numbers: save their magnitude first and use that."


@dataclass(frozen=True, eq=False)
class Opened:
    """An image file as it was read.

    Parameters
    ----------
    path : str
    name : str
        The file's name without suffixes.
    data : array
        (z, y, x) or (t, z, y, x); with a last axis of 3 or 4 where `rgb`. The magnitude of complex data.
    grid : Grid
    repetition : Repetition
        Of 4-D images; empty for 3-D ones.
    notices : tuple of str
        What the person should know, a phrase each.
    phase : array, optional
        Of complex data, in radians.
    rgb : bool
    labels : bool
        Whether the header says that these are labels.
    """

    path: str
    name: str
    data: Array
    grid: Grid
    repetition: Repetition = field(default_factory=Repetition)
    notices: tuple[str, ...] = ()
    phase: Array | None = None
    rgb: bool = False
    labels: bool = False

    @property
    def is_4d(self) -> bool:
        """Whether there is more than one volume."""
        return self.data.ndim - self.rgb == 4


def open_image(path: PathLike, progress: Progress = silent) -> Opened:
    """Read an image file of any format nibabel knows.

    Parameters
    ----------
    path : path
    progress : callable
        Called while the data are read; may raise `Cancelled`.
    """
    image = open_header(path)
    _check_shape(image.shape, Path(path).name)
    return _opened(path, image, lambda: read_pixels(image, Path(path).name, progress))


def open_header_only(path: PathLike) -> Opened:
    """What the header of an image of real numbers says, as `open_image` gives it; its data are zeros that take no memory."""
    image = open_header(path)
    name, dtype = Path(path).name, np.dtype(image.get_data_dtype())
    _check_shape(image.shape, name)
    check_type(dtype, name)
    if dtype.kind == "c":
        raise InputError(COMPLEX.format(name=name))
    return _opened(path, image, lambda: np.broadcast_to(np.zeros((), dtype), image.shape))


def _opened(path: PathLike, image: Any, read: Callable[[], Array]) -> Opened:
    name = Path(path).name
    affine = affine_of(image, name)
    data, timed = _axes(read(), minc_axes(image), name)
    frame = FileFrame.of(
        os.fspath(path), type(image).__name__, data.shape[:3], affine, image.header.copy() if is_nifti(image) else None
    )
    data = frame.to_ras(data)
    rgb = data.dtype.names is not None
    if rgb:
        data = np.stack([data[channel] for channel in data.dtype.names or ()], axis=-1)
    phase = np.angle(data) if data.dtype.kind == "c" else None
    return Opened(
        path=os.fspath(path),
        name=stem(path),
        data=np.abs(data) if phase is not None else data,
        grid=frame.grid,
        repetition=_repetition(image, timed) if data.ndim - rgb == 4 else Repetition(),
        notices=tuple(orientation_notices(image)),
        phase=phase,
        rgb=rgb,
        labels=is_nifti(image) and int(image.header["intent_code"]) == 1002,
    )


def _repetition(image: Any, timed: bool) -> Repetition:
    return repetition_time(image) if timed else Repetition(question="the volumes lie along the fifth axis, which is not time")


def _check_shape(shape: Sequence[int], name: str) -> None:
    if len(shape) == 0 or min(shape) < 1:
        raise InputError(f"the header of {name} gives the sizes {tuple(shape)}: an image needs at least one voxel a side.")


def _axes(data: Array, names: tuple[str, ...], name: str) -> tuple[Array, bool]:
    """The data as (x, y, z) or (x, y, z, t) of the file, and whether the fourth axis is time."""
    if names:  # MINC names its axes and may have time first
        order = [
            *(i for i, axis in enumerate(names) if axis.endswith("space")),
            *(i for i, axis in enumerate(names) if axis == "time"),
        ]
        if len(order) != data.ndim:
            raise InputError(f"{name} has the axes {', '.join(names)}: only space and time can be read.")
        data = data.transpose(order)
    while data.ndim > 3 and data.shape[-1] == 1:
        data = data[..., 0]
    while data.ndim < 3:
        data = data[..., None]
    timed = data.ndim == 4
    if data.ndim == 5 and data.shape[3] == 1:
        data = data[:, :, :, 0]
    if data.ndim > 4:
        raise InputError(
            f"{name} has {data.ndim} dimensions ({'×'.join(map(str, data.shape))}): 3 or 4 can be read, so split it first."
        )
    return data, timed


def _real(opened: Opened) -> Opened:
    name = Path(opened.path).name
    if opened.rgb:
        raise InputError(f"{name} is a colour image: an image of one number a voxel is needed.")
    if opened.phase is not None:
        raise InputError(COMPLEX.format(name=name))
    return opened


def load_run(
    path: PathLike,
    *,
    confounds: PathLike | pd.DataFrame | Array | None = None,
    columns: str | Sequence[str] | None = None,
    tr: float | None = None,
    progress: Progress = silent,
) -> Run:
    """Read a BOLD run.

    Parameters
    ----------
    path : path
        A 4-D image of any format nibabel reads.
    confounds : path or (t × c) table, optional
    columns : str or sequence of str, optional
        Which columns of the confounds to keep, ready for cleaning: a name of `io.confounds.PRESETS` ("motion 24", "all") or
        column names, which may hold * and ?. Volumes that the table marks as not steady yet are then censored, and with
        "scrubbing" those of much motion. The whole table as it is where not given.
    tr : float, optional
        Seconds; needed where the header cannot be trusted, and used instead of it.
    progress : callable
    """
    name = Path(path).name
    opened = _real(open_image(path, progress))
    if not opened.is_4d:
        raise InputError(f"{name} is a 3-D image of one volume and a run is needed: choose a 4-D image.")
    seconds = seconds_of(opened, tr)
    if isinstance(confounds, str | os.PathLike):
        from napari_connectome.io.confounds import read_confounds

        confounds = read_confounds(confounds, opened.data.shape[0])
    run = Run(opened.data, opened.grid, seconds, confounds, name=opened.name)  # type: ignore[arg-type]
    return run if columns is None else _with_chosen(run, confounds, columns)


def seconds_of(opened: Opened, tr: float | None) -> float:
    """The TR of a 4-D image: that given, or else the header's; one sentence where neither is known."""
    seconds = opened.repetition.tr if tr is None else float(tr)
    if seconds is None:
        guess = f" (probably {opened.repetition.guess:g})" if opened.repetition.guess else ""
        name = Path(opened.path).name
        raise InputError(f"the TR of {name} is not known, since {opened.repetition.question}: pass tr=… in seconds{guess}.")
    return seconds


def _with_chosen(run: Run, confounds: pd.DataFrame | Array | None, columns: str | Sequence[str]) -> Run:
    from napari_connectome.io.confounds import by_strategy

    if not isinstance(confounds, pd.DataFrame):
        raise InputError("columns choose from a table of confounds that names them: give confounds=… as a file or DataFrame.")
    chosen, keep = by_strategy(confounds, columns)
    return run.replace(confounds=chosen, keep=None if keep.all() else keep)


def load_volume(path: PathLike) -> Volume:
    """Read one 3-D image: a mask, a map or an anatomical image."""
    opened = _real(open_image(path))
    if opened.is_4d:
        raise InputError(f"{Path(path).name} has {opened.data.shape[0]} volumes and one is needed: choose a 3-D image.")
    return Volume(opened.data, opened.grid, name=opened.name)


def load_maps(path: PathLike, *, names: Names | None = None) -> Maps:
    """Read several maps: networks, a probabilistic atlas, or what `save` wrote of `Maps`.

    Parameters
    ----------
    path : path
        A 4-D image, one volume a map; of a 3-D one there is one map.
    names : path, sequence, DataFrame or mapping, optional
        As for `load_regions`, the number of a map (from 1) as its index. Those that `save` wrote, or those in a table of the
        image's own name, where not given.
    """
    opened = _real(open_image(path))
    data = opened.data if opened.is_4d else opened.data[None]
    known, provenance = map_names(path, names, len(data))
    return Maps(data, opened.grid, known or (), provenance)


def load_regions(path: PathLike, *, names: Names | None = None) -> Regions:
    """Read an atlas: labels, or the maps of a probabilistic one.

    Parameters
    ----------
    path : path
        A 3-D image of whole numbers, whatever type they are stored in; 0 and NaN are background. Or a 4-D image, one volume
        a region.
    names : path, sequence, DataFrame or mapping, optional
        A names file (one name a line, or a table with the columns index and name, or a colour table), such a table, the
        names in the order of the label ids, or id → name. They must be those of this image: a list has as many names as
        there are regions, or as the largest id, and one for the background at most; a table names every region. Taken
        from a table of the image's own name where there is one, and with them its column network; as their origins are from
        the .json that `save` wrote.
    """
    opened = _real(open_image(path))
    if opened.is_4d:
        return _region_maps(opened, names)
    if SOURCE in region_columns(opened.path, [1]):  # one region that is a map: a fourth axis of one volume is none
        return _region_maps(replace(opened, data=opened.data[None]), names)
    try:
        bare = Regions(_without_nan(opened.data), opened.grid)
    except InputError as error:
        raise InputError(f"{Path(path).name}: {error}") from error
    known = read_names(path, names, bare.ids)
    table = bare.table if known is None else names_table(known, bare.ids)
    more = region_columns(opened.path, bare.ids)
    if names is None and "network" in more:
        table = table.assign(network=more["network"])
    return Regions(bare.labels, bare.grid, table, read_origins(path), provenance=read_provenance(path))


def _region_maps(opened: Opened, names: Names | None) -> Regions:
    """Regions of a 4-D image, with what `save` wrote about them."""
    if opened.repetition.tr is not None:
        raise InputError(
            f"{Path(opened.path).name} has {len(opened.data)} volumes {opened.repetition.tr:g} s apart, as a run has, and "
            "regions are needed: choose an atlas; or read maps with load_maps and give them to extract_regions."
        )
    known, provenance = map_names(opened.path, names, len(opened.data))
    regions = Regions.of_maps(opened.data, opened.grid, names=known or (), provenance=provenance)
    more = region_columns(opened.path, range(1, len(opened.data) + 1))
    if SOURCE in more and more[SOURCE].dtype.kind in "iu":
        regions = replace(regions, source_map=more.pop(SOURCE).to_numpy())
    if "network" in more:
        table = regions.table.copy()
        table.insert(1, "network", more.pop("network"))
        regions = replace(regions, table=table)
    return regions


def _without_nan(data: Array) -> Array:
    """Values that may be labels: programs that write them as floats put NaN outside the brain."""
    return np.nan_to_num(data, nan=0.0, posinf=np.inf, neginf=-np.inf) if data.dtype.kind == "f" else data
