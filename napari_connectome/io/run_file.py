"""A run that lies in a file, and how to read it: small enough to be sent to another machine."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_connectome.core.errors import InputError, Progress, silent
from napari_connectome.core.params import number
from napari_connectome.core.streams import RunStream
from napari_connectome.core.values import Run, checked_tr
from napari_connectome.io.header import open_header, stem
from napari_connectome.io.load import Opened, load_run, open_header_only, seconds_of
from napari_connectome.io.pixels import read_volumes

Array = npt.NDArray[Any]
PathLike = str | os.PathLike[str]

BESIDE = "beside"
"""For `RunFile.confounds`: the table that BIDS naming puts beside the run."""


@dataclass(frozen=True, eq=False)
class RunFile:
    """A BOLD run in a file, read when it is needed.

    Parameters
    ----------
    path : path
        A 4-D image of any format nibabel reads.
    confounds : path, "beside" or (t × c) table, optional
        "beside" is the table that BIDS naming puts beside the run, see `io.confounds.find_confounds`.
    columns : str or sequence of str, optional
        Which columns of the confounds are regressed out: a name of `io.confounds.PRESETS` ("motion 24") or column names,
        which may hold * and ?. Where not given "all": every column of numbers that marks no volumes.
    tr : float, optional
        Seconds; needed where the header cannot be trusted, and used instead of it.
    fd_limit : float
        Volumes with a framewise displacement above this many mm are censored; infinity is off. With named confounds,
        volumes before the steady state, where they are marked, always are, and those of much motion with the columns
        "scrubbing".
    """

    path: PathLike
    confounds: PathLike | pd.DataFrame | Array | None = None
    columns: str | Sequence[str] | None = None
    tr: float | None = None
    fd_limit: float = math.inf

    def __post_init__(self) -> None:
        if not isinstance(self.path, str | os.PathLike) or "\0" in os.fspath(self.path):
            raise InputError(f"the path of a run is {self.path!r} and must be that of a 4-D image: correct it.")
        limit = number("the limit of framewise displacement", self.fd_limit, low=0.0, unit="mm", off=math.inf)
        object.__setattr__(self, "fd_limit", limit)
        if self.tr is not None:
            object.__setattr__(self, "tr", checked_tr(self.tr, f"the TR of {self.name}"))

    @property
    def name(self) -> str:
        """The file's name without the suffixes of an image."""
        return stem(self.path)

    @property
    def place(self) -> str:
        """The file itself, whatever links lead to it."""
        return os.path.realpath(self.path)

    @property
    def key(self) -> tuple[Any, ...]:
        """Equal as long as the run read would be the same: nothing in the files has changed, and they are read alike."""
        table = self.confounds_path()
        given = self.confounds if table is None and self.confounds is not None else None
        columns = self.columns if isinstance(self.columns, str | None) else tuple(self.columns)
        return _stamp(self.path), table and _stamp(table), _contents(given), columns, self.tr, self.fd_limit

    def confounds_path(self) -> Path | None:
        """The file the confounds are read from, None where there are none or a table was given."""
        if self.confounds is None or not isinstance(self.confounds, str | os.PathLike):
            return None
        if self.confounds != BESIDE:
            return Path(self.confounds)
        from napari_connectome.io.confounds import find_confounds

        found = find_confounds(self.path)
        if found is None:
            raise InputError(
                f"no confounds lie beside {Path(self.path).name}, by the names that BIDS gives them: name the file, or leave "
                "them out."
            )
        return found

    def check(self) -> Opened:
        """The `header` of a file that can be read as a run, as far as can be known from it; else one sentence."""
        opened = self.header()
        seconds_of(opened, self.tr)
        path = self.confounds_path()
        if path is not None and not path.is_file():
            raise InputError(f"the confounds {path} of {self.name} are not there: correct the name, or leave them out.")
        return opened

    def header(self) -> Opened:
        """What the file's header says, the data being zeros that take no memory."""
        opened = open_header_only(self.path)
        name = Path(self.path).name
        if opened.rgb:
            raise InputError(f"{name} is a colour image: an image of one number a voxel is needed.")
        if not opened.is_4d:
            raise InputError(f"{name} is a 3-D image of one volume and a run is needed: choose a 4-D image.")
        return opened

    def load(self, progress: Progress = silent) -> Run:
        """Read the run with its confounds; `keep` says which volumes are not censored."""
        return self._complete(load_run(self.path, tr=self.tr, progress=progress))

    def stream(self, progress: Progress = silent) -> RunStream:
        """The run, its volumes being read one by one as they are asked for, where the format allows that."""
        opened = self.check()
        image = open_header(self.path)
        volumes = read_volumes(image, Path(self.path).name, progress) if len(opened.data) == image.shape[-1] else None
        if volumes is None:
            return RunStream.of(self.load(progress))
        head = Run(opened.data, opened.grid, seconds_of(opened, self.tr), name=opened.name)
        return RunStream(self._complete(head), (opened.grid.frame.to_ras(volume) for volume in volumes))

    def _complete(self, run: Run) -> Run:
        """The run with its confounds, and with the volumes that are not censored."""
        if self.confounds is None:
            if self.columns is not None or self.fd_limit < math.inf:
                raise InputError(f"confounds of {run.name} were chosen and none are given: give confounds=… as well.")
            return run
        table = self._table(run.n_volumes)
        if self.columns is None and table.shape[1] and not table.dtypes.map(pd.api.types.is_numeric_dtype).any():
            raise InputError(
                f"the confounds of {run.name} hold no column of numbers: read the table with tabs between its columns, or "
                "leave them out."
            )
        from napari_connectome.io.confounds import by_strategy

        table, keep = by_strategy(table, "all" if self.columns is None else self.columns, self.fd_limit)
        return run.replace(confounds=table if table.shape[1] else None, keep=None if keep.all() else keep)

    def _table(self, n_volumes: int) -> pd.DataFrame:
        from napari_connectome.io.confounds import read_confounds, require_rows

        path = self.confounds_path()
        if path is not None:
            return read_confounds(path, n_volumes)
        given = self.confounds
        table = given if isinstance(given, pd.DataFrame) else _plain_table(given)
        require_rows(table, n_volumes)
        return table


def _plain_table(values: Any) -> pd.DataFrame:
    table = pd.DataFrame(np.asarray(values))
    return table.set_axis([f"confound_{i + 1}" for i in range(table.shape[1])], axis=1)


def _stamp(path: PathLike) -> tuple[str, int, int]:
    """A file and its state; what is missing has none, and reading says so."""
    place = os.path.realpath(path)
    try:
        about = os.stat(place)
    except OSError:
        return place, 0, 0
    return place, about.st_size, about.st_mtime_ns


def _contents(table: Any) -> bytes | None:
    if table is None:
        return None
    import hashlib

    frame = table if isinstance(table, pd.DataFrame) else pd.DataFrame(np.asarray(table))
    return hashlib.blake2b(frame.to_csv().encode(), digest_size=16).digest()
