"""A run in a list: a layer or a file, what is known of it without reading its voxels, and how it becomes a source."""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from napari.layers import Layer

from napari_connectome.core.errors import InputError
from napari_connectome.core.grid import Grid
from napari_connectome.core.sources import Source, SteadySource
from napari_connectome.io.confounds import by_strategy, find_confounds, read_confounds, require_rows
from napari_connectome.io.header import stem
from napari_connectome.io.run_file import RunFile
from napari_connectome.layers.confounds import known_confounds
from napari_connectome.layers.spatial import grid_of, info, run_of, tr_of, tr_question
from napari_connectome.widgets.work import sentence_of

SAMPLE = 3
"""Rows kept of a table to know its columns by: a hundred whole tables would be a lot."""

EVERY = 64
"""Of so many volumes of a layer one is looked at, to know whether somebody wrote into them."""
NO_TR, FAILED = "TR?", "failed"
"""The states of a run whose TR has to be given, and of one that could not be used when it was tried."""


@dataclass(frozen=True)
class Regressed:
    """What is regressed out of all runs of a list, and which volumes are left out.

    Parameters
    ----------
    preset : str
        A name of `io.confounds.PRESETS`.
    fd_limit : float
        mm; volumes that moved more are left out. Infinity is off.
    """

    preset: str = "none"
    fd_limit: float = math.inf


@dataclass(frozen=True)
class State:
    """How a run stands: a word, and the sentence behind it where it cannot be used."""

    word: str = "ready"
    sentence: str = ""


@dataclass(eq=False)
class RunEntry:
    """One run of a list.

    Parameters
    ----------
    name : str
    path : str
        The file, or the one the layer was read from; "" where there is none.
    layer : Layer, optional
    used : bool
        Whether it is ticked.
    n_volumes : int
    grid : Grid or None
        None where the header could not be read.
    tr : float or None
        Seconds, as the header, the layer or the person says.
    question, guess : str, float or None
        Why the TR is not known, and what it probably is.
    confounds : path, DataFrame or None
        The table beside the file, that which came with the layer, or one that was chosen.
    trouble : State
        What is wrong with the run itself.
    failed : str
        Why it could not be used when it was last tried.
    optional : bool
        Whether it may be left out if it cannot be used.
    cut : bool
        Whether the first rows of the table are taken.
    """

    name: str
    path: str = ""
    layer: Layer | None = None
    used: bool = True
    n_volumes: int = 0
    grid: Grid | None = None
    tr: float | None = None
    question: str = ""
    guess: float | None = None
    confounds: Path | pd.DataFrame | None = None
    trouble: State = field(default_factory=State)
    failed: str = ""
    optional: bool = False
    cut: bool = False
    _columns: pd.DataFrame | None = None
    _confounds_trouble: str = ""
    _source: tuple[Any, Source] | None = None

    @classmethod
    def of_file(cls, path: str) -> RunEntry:
        """Read a header, and the columns of the table beside it; what is wrong is kept as the entry's trouble."""
        entry = cls(stem(path), path)
        try:
            opened = RunFile(path).header()
        except Exception as error:
            sentence = sentence_of(error)
            if sentence is None:
                raise
            entry.trouble = State("3-D" if "3-D" in sentence else "unreadable", sentence)
            return entry
        entry.n_volumes, entry.grid = int(opened.data.shape[0]), opened.grid
        asked = opened.repetition
        entry.tr, entry.question, entry.guess = asked.tr, asked.question, asked.guess
        entry.take_confounds(find_confounds(path))
        return entry

    @classmethod
    def of_layer(cls, layer: Layer) -> RunEntry:
        """A run that is open in the viewer."""
        entry = cls(layer.name, str(info(layer).get("path") or ""), layer)
        entry.look()
        entry.take_confounds(known_confounds(layer))
        return entry

    def look(self) -> None:
        """Read the layer anew."""
        if self.layer is None:
            return
        changed = self.n_volumes != self.layer.data.shape[0]
        self.name, self.n_volumes, self.grid = self.layer.name, int(self.layer.data.shape[0]), grid_of(self.layer)
        self.tr, self.question = tr_of(self.layer), tr_question(self.layer)
        self.guess = info(self.layer).get("tr_guess")
        if changed:
            self.take_confounds(self.confounds, self.cut)

    def take_confounds(self, table: Path | pd.DataFrame | None, cut: bool = False) -> None:
        """Take a table, or its first rows where it is longer than the run."""
        self.confounds, self.cut, self._columns, self._confounds_trouble = table, cut, None, ""
        if table is None:
            return
        try:
            self._columns = self._whole_table().head(SAMPLE)
        except (InputError, OSError) as error:
            self._confounds_trouble = f"{self.name}: {sentence_of(error)}"

    @property
    def may_cut(self) -> bool:
        """Whether the first rows of a table that does not fit would."""
        if not self._confounds_trouble or self.cut:
            return False
        try:
            self._whole_table(cut=True)
        except (InputError, OSError):
            return False
        return True

    @property
    def place(self) -> Any:
        """The file, whatever links lead to it; of a layer without one, its voxels. Only entries of one place can be one run."""
        return os.path.realpath(self.path) if self.path else id(self.layer.data if self.layer is not None else self)

    def is_same(self, other: RunEntry) -> bool:
        """Whether an entry of the same place is the same run; two layers of one file may differ, as a smoothed copy does."""
        if self.layer is None or other.layer is None:
            return True
        one, two = self.layer.data, other.layer.data
        return one is two or (one.shape == two.shape and np.array_equal(one[len(one) // 2], two[len(two) // 2]))

    @property
    def confounds_name(self) -> str:
        """What the table is called in the list."""
        if self.confounds is None:
            return "none"
        name = self.confounds.name if isinstance(self.confounds, Path) else "with the layer"
        return f"{name}, first {self.n_volumes} rows" if self.cut else name

    def allows(self, regressed: Regressed) -> bool:
        """Whether the table has the columns for it; True where there is no table."""
        return not self._objection(regressed)

    def state(self, regressed: Regressed) -> State:
        """How the run stands by itself, other runs aside."""
        if self.failed:
            return State(FAILED, self.failed)
        if self.trouble.sentence:
            return self.trouble
        if self.tr is None:
            return State(NO_TR, f"The TR of {self.name} is not known, since {self.question}: type it below the list.")
        trouble = self._confounds_trouble or self._objection(regressed)
        return State("confounds", trouble) if trouble else State()

    def source(self, regressed: Regressed) -> Source:
        """The run as learning takes it: the same object as long as nothing was changed."""
        said = (self.tr, regressed, id(self.confounds), self.cut, self.name, *self._place())
        if self._source is None or self._source[0] != said:
            self._source = said, (self._of_file(regressed) if self.layer is None else self._of_layer(regressed))
        return self._source[1]

    def _place(self) -> tuple[Any, ...]:
        if self.layer is None:
            return (self.path,)
        return id(self.layer.data), _glance(self.layer.data), tuple(self.layer.scale), tuple(self.layer.translate)

    def _of_file(self, regressed: Regressed) -> Source:
        if self.confounds is None:
            return RunFile(self.path, tr=self.tr)
        table = self._whole_table() if self.cut else self.confounds
        return RunFile(self.path, table, regressed.preset, self.tr, regressed.fd_limit)

    def _of_layer(self, regressed: Regressed) -> Source:
        assert self.layer is not None
        if self.confounds is None:
            return SteadySource(run_of(self.layer))
        whole = self._whole_table()
        table, keep = by_strategy(whole, regressed.preset, regressed.fd_limit)
        more = {"confounds": table if table.shape[1] else None, "keep": None if np.all(keep) else keep}
        return SteadySource(run_of(self.layer, **more))

    def _whole_table(self, cut: bool | None = None) -> pd.DataFrame:
        cut = self.cut if cut is None else cut
        if isinstance(self.confounds, pd.DataFrame):
            table = self.confounds.iloc[: self.n_volumes].reset_index(drop=True) if cut else self.confounds
            require_rows(table, self.n_volumes)
            return table
        assert self.confounds is not None
        return read_confounds(self.confounds, self.n_volumes, start=0 if cut else None)

    def _objection(self, regressed: Regressed) -> str:
        if self._columns is None:
            return ""
        try:
            by_strategy(self._columns, regressed.preset, regressed.fd_limit)
        except InputError as error:
            return f"{self.name}: {error}"
        return ""


def _glance(data: Any) -> int:
    """Checksum of some volumes: data that somebody wrote into look the same to nobody else."""
    return zlib.crc32(np.ascontiguousarray(data[::EVERY]).data)


def states(entries: Sequence[RunEntry], regressed: Regressed, one_grid: bool = True) -> list[State]:
    """How each run stands, also beside the others: the same run twice, and, of one grid, other ones than most are on."""
    usual = usual_grid([entry for entry in entries if entry.used])
    before: dict[Any, list[RunEntry]] = {}
    found = []
    for entry in entries:
        state, known = entry.state(regressed), before.setdefault(entry.place, [])
        if not entry.used:
            state = State("left out")
        elif not entry.trouble.sentence and any(entry.is_same(other) for other in known):
            state = State("twice", f"{entry.name} is in the list twice: remove or untick one of the two.")
        elif not state.sentence and usual is not None and one_grid:
            state = _on_grid(entry, usual)
        if entry.used:
            known.append(entry)
        found.append(state)
    return found


def usual_grid(entries: Sequence[RunEntry]) -> RunEntry | None:
    """The first of the runs whose grid most have; None where there is no run."""
    return max(by_grid(entries), key=len, default=[None])[0]


def by_grid(entries: Sequence[RunEntry]) -> list[list[RunEntry]]:
    """The runs of each grid, as far as the grids are known."""
    groups: list[list[RunEntry]] = []
    for entry in entries:
        if entry.grid is None:
            continue
        same = next((group for group in groups if group[0].grid is not None and group[0].grid.matches(entry.grid)), None)
        if same is None:
            groups.append([entry])
        else:
            same.append(entry)
    return groups


def _on_grid(entry: RunEntry, usual: RunEntry) -> State:
    if entry.grid is None or usual.grid is None:
        return State()
    try:
        usual.grid.require(entry.grid, usual.name, entry.name)
    except InputError as error:
        return State("other grid", f"{error}".rstrip(".") + ", tick Resample below the list, or leave it out.")
    return State()
