"""The numbers of an image file: read once, straight into the array that is kept."""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, Self, cast

import numpy as np
import numpy.typing as npt
from nibabel.arrayproxy import ArrayProxy
from nibabel.brikhead import AFNIArrayProxy
from nibabel.openers import ImageOpener

from napari_connectome.core import memory
from napari_connectome.core.errors import InputError, Progress, silent
from napari_connectome.io.gz import DEFLATE_LIMIT, is_gz, open_gz

Array = npt.NDArray[Any]
PIECE = 1 << 22
"""Bytes read between two calls of the progress callback: small enough to be converted while still in the cache."""


def read_pixels(image: Any, name: str, progress: Progress = silent) -> Array:
    """The data of a nibabel image in the file's axis order (x, y, z, …), scaled, in native byte order.

    Unscaled data keep their type. Scaled data are float32, or float64 when they are stored in 32 bits or more or when
    float32 cannot tell their steps apart (a large intercept).

    Parameters
    ----------
    image : nibabel image
    name : str
        The file, for messages.
    progress : callable
    """
    proxy = image.dataobj
    check_type(np.dtype(image.get_data_dtype()), name)
    if isinstance(proxy, ArrayProxy) and getattr(proxy, "scaling", None) is None:
        return _read_stream(proxy, name, progress)
    return _read_by_nibabel(image, name)


def check_type(dtype: np.dtype[Any], name: str) -> None:
    """Raise one sentence for numbers no layer can show."""
    colours = dtype.names is not None and set("RGB") <= set(dtype.names)
    widest = {"b": 1, "i": 8, "u": 8, "f": 8, "c": 16}.get(dtype.kind, 0)
    if not colours and dtype.itemsize > widest:
        raise InputError(f"{name} holds numbers of type {dtype}, which cannot be shown: convert it to float32 first.")


def _read_by_nibabel(image: Any, name: str) -> Array:
    """Formats with a scaling of their own: AFNI's factor a volume, MINC's a slice."""
    stored = np.dtype(image.get_data_dtype())
    memory.require(math.prod(image.shape) * 12, name)
    try:
        data = np.asanyarray(image.dataobj)
    except Exception as error:  # whatever a parser makes of a broken file
        raise InputError(f"{name} cannot be read ({_plain(error)}): the file is cut short or broken.") from error
    if data.dtype.kind == "f":
        data = data.astype(_scaled_type(stored), copy=False)
    # AFNI's factors make new arrays in C order; time last there would be a stride away from every voxel's neighbour.
    return np.asfortranarray(data) if isinstance(image.dataobj, AFNIArrayProxy) else data


def _scaled_type(stored: np.dtype[Any], slope: float = 1.0, inter: float = 0.0) -> np.dtype[Any]:
    if stored.kind == "c":
        return np.dtype(stored.newbyteorder("="))
    wide = stored.itemsize >= (8 if stored.kind == "f" else 4) or not _holds_steps(stored, slope, inter)
    return np.dtype(np.float64 if wide else np.float32)


def _holds_steps(stored: np.dtype[Any], slope: float, inter: float) -> bool:
    """Whether float32 holds slope × integer + inter to a sixteenth of a step."""
    if stored.kind not in "iu":
        return True
    reach = np.iinfo(stored)
    largest = max(abs(slope * reach.min + inter), abs(slope * reach.max + inter))
    return bool(largest < np.finfo(np.float32).max and np.spacing(np.float32(largest)) <= abs(slope) / 16)


def read_volumes(image: Any, name: str, progress: Progress = silent) -> Iterator[Array] | None:
    """The volumes (x, y, z) of a 4-D nibabel image, one after the other, as `read_pixels` would give them.

    Never more than one is in memory. None where the format must be read as a whole.
    """
    proxy = image.dataobj
    if not isinstance(proxy, ArrayProxy) or getattr(proxy, "scaling", None) is not None or len(proxy.shape) != 4:
        return None
    stored = _Stored.of(proxy, name)
    return _volumes(stored, name, progress)


def _volumes(stored: _Stored, name: str, progress: Progress) -> Iterator[Array]:
    *size, count = stored.shape
    piece = np.empty(math.prod(size), dtype=stored.native)
    with stored.reading(name) as stream:
        for t in range(count):
            progress(t / count, f"reading {name}")
            got = _read_exactly(stream, piece.view(np.uint8).data)
            if got < piece.nbytes:
                raise _cut_short(name, piece.nbytes * count, piece.nbytes * t + got)
            yield stored.values(piece).reshape(size, order="F")
        stream.read(1)  # a gzip stream checks its sum when its end is reached
    progress(1.0, f"reading {name}")


@dataclass(frozen=True)
class _Stored:
    """How an array lies in a file: one value after the other, perhaps scaled."""

    path: str
    offset: int
    shape: tuple[int, ...]
    stored: np.dtype[Any]
    slope: float
    inter: float

    @classmethod
    def of(cls, proxy: Any, name: str) -> Self:
        """What nibabel knows of it; one sentence where the file cannot hold as much."""
        stored = np.dtype(proxy.dtype)
        shape = tuple(int(n) for n in proxy.shape)
        slope, inter = (1.0, 0.0) if stored.names else (float(proxy.slope), float(proxy.inter))
        _check_size(str(proxy.file_like), int(proxy.offset), math.prod(shape) * stored.itemsize, shape, name)
        return cls(str(proxy.file_like), int(proxy.offset), shape, stored, slope, inter)

    @property
    def scaled(self) -> bool:
        """Whether the values are not those that are stored."""
        return (self.slope, self.inter) != (1.0, 0.0)

    @property
    def native(self) -> np.dtype[Any]:
        """The stored type in this machine's byte order."""
        return self.stored.newbyteorder("=")

    @cached_property
    def kept(self) -> np.dtype[Any]:
        """The type of the values."""
        return _scaled_type(self.stored, self.slope, self.inter) if self.scaled else self.native

    def values(self, piece: Array) -> Array:
        """The values of a piece as it was read, which may be changed by it."""
        if not self.stored.isnative:
            piece.byteswap(inplace=True)
        return (piece * np.float64(self.slope) + self.inter).astype(self.kept) if self.scaled else piece

    @contextmanager
    def reading(self, name: str) -> Iterator[BinaryIO]:
        """The file at its first value; one sentence where it turns out to be broken."""
        with _opened(self.path, name) as stream:
            try:
                stream.seek(self.offset)
                yield stream
            except (EOFError, zlib.error, OSError, _gz_error()) as error:
                raise InputError(f"{name} is broken or cut short ({_plain(error)}): copy or download it again.") from error


def _read_stream(proxy: Any, name: str, progress: Progress) -> Array:
    stored = _Stored.of(proxy, name)
    count = math.prod(stored.shape)
    memory.require(count * stored.kept.itemsize, name)
    try:
        values = np.empty(count, dtype=stored.kept)
    except MemoryError as error:
        raise InputError(
            f"{name} needs {memory.readable(count * stored.kept.itemsize)} of memory, which is not free."
        ) from error

    def fill(piece: Array, start: int) -> None:
        read = stored.values(piece)
        if stored.scaled:
            values[start : start + len(piece)] = read

    scratch = np.empty(max(PIECE // stored.stored.itemsize, 1), dtype=stored.native) if stored.scaled else None
    with stored.reading(name) as stream:
        _read_pieces(stream, values, scratch, fill, progress, name)
    return values.reshape(stored.shape, order="F")


def _read_pieces(
    stream: BinaryIO,
    values: Array,
    scratch: Array | None,
    fill: Callable[[Array, int], None],
    progress: Progress,
    name: str,
) -> None:
    """Read into `values`, or by way of `scratch`; `fill` is called with each piece while it is in the cache."""
    itemsize = (values if scratch is None else scratch).itemsize
    step = max(PIECE // itemsize, 1)
    for start in range(0, len(values), step):
        progress(start / len(values), f"reading {name}")
        stop = min(start + step, len(values))
        piece = values[start:stop] if scratch is None else scratch[: stop - start]
        got = _read_exactly(stream, piece.view(np.uint8).data)
        if got < piece.nbytes:
            raise _cut_short(name, len(values) * itemsize, start * itemsize + got)
        fill(piece, start)
    stream.read(1)  # a gzip stream checks its sum when its end is reached
    progress(1.0, f"reading {name}")


def _cut_short(name: str, claimed: int, held: int) -> InputError:
    return InputError(
        f"{name} is cut short: its header claims {memory.readable(claimed)} of data and the file holds "
        f"{memory.readable(held)}: copy or download it again."
    )


def _read_exactly(stream: BinaryIO, buffer: memoryview) -> int:
    read_into = cast("Any", stream).readinto
    filled = 0
    while filled < len(buffer):
        got = read_into(buffer[filled:])
        if not got:
            break
        filled += got
    return filled


def _opened(path: str, name: str) -> BinaryIO:
    try:
        if is_gz(path):
            return open_gz(path)
        if path.lower().endswith((".bz2", ".zst")):
            return cast("BinaryIO", ImageOpener(path))
        return open(path, "rb")
    except OSError as error:
        raise InputError(f"the data of {name} cannot be opened ({_plain(error)}): {Path(path).name} is needed.") from error


def _check_size(path: str, offset: int, nbytes: int, shape: tuple[int, ...], name: str) -> None:
    """Refuse a header that claims more than the file can hold, before anything is allocated."""
    try:
        size = os.path.getsize(path)
    except OSError as error:
        raise InputError(f"the data of {name} are missing: {Path(path).name} is needed beside it.") from error
    if path.lower().endswith((".bz2", ".zst")):
        return
    most = size * DEFLATE_LIMIT if is_gz(path) else size - offset
    if nbytes > most:
        claimed = "×".join(str(n) for n in shape)
        raise InputError(
            f"{name} is cut short: its header claims {claimed} voxels ({memory.readable(nbytes)}) and the file cannot hold "
            f"more than {memory.readable(max(most, 0))}: copy or download it again."
        )


def _gz_error() -> type[Exception]:
    try:
        from isal.isal_zlib import error
    except ImportError:
        return zlib.error
    return cast("type[Exception]", error)


def _plain(error: Exception) -> str:
    """An exception's own words on one line, without full stop."""
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(words).split()).rstrip(".")
