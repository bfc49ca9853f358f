"""Series of regions that are being edited: after each stroke, what was painted is read again and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_connectome.analyses.region_series import (
    RegionSeries,
    cleaned_series,
    does_nothing,
    on_one_grid,
    series_before_cleaning,
)
from napari_connectome.core.cleaning import cleaning_matrix
from napari_connectome.core.errors import InputError, Progress, part, silent
from napari_connectome.core.grid import Grid
from napari_connectome.core.region_table import region_names, told_apart
from napari_connectome.core.threads import one_thread
from napari_connectome.core.values import Regions, Run, Series
from napari_connectome.studies.connectome_of_runs import RunSeries, without_constant

Array = npt.NDArray[Any]
Names = Mapping[int, str]


class FollowedSeries:
    """The series of label regions in runs that stay in memory, kept equal to those of labels that change.

    What a region's series is before it is cleaned depends on its own voxels alone, so after a stroke it is read again for the
    regions the stroke touched; cleaning all of them, which is one small product, comes after. The result is that of
    `series_of_runs` with the labels as they are, to the last bit where the run is not smoothed.

    Parameters
    ----------
    runs : sequence of Run
        Held as they are, without a copy.
    grid : Grid
        Of the labels.
    params : RegionSeries

    Attributes
    ----------
    labels : (z, y, x) array of integers, or None
        As they were followed last; a copy.
    """

    def __init__(self, runs: Sequence[Run], grid: Grid, params: RegionSeries | None = None) -> None:
        self.grid = grid
        self.params = RegionSeries.given(params)
        self.labels: Array | None = None
        self._given = tuple(runs)
        self._runs: list[_FollowedRun] = []

    def follow(self, labels: Array, names: Names | None = None, progress: Progress = silent) -> RunSeries:
        """The series of the regions as they are now.

        Parameters
        ----------
        labels : (z, y, x) array of integers
            On the grid; 0 is background.
        names : mapping of int to str, optional
            By label id; "region 7" where there is none.
        progress : Progress
            The first time takes as long as `series_of_runs` without its reading of files.

        Raises
        ------
        InputError
            As `region_series`; what was followed before then stays.
        """
        ids = self.changed(labels)
        with one_thread():  # small products, which two threads only slow down
            if len(ids):
                self._read(labels, ids, progress)
                self.labels = labels.copy()
            runs = [run.finished(names or {}) for run in self._runs]
        assert runs[0].table is not None
        coordinates = runs[0].table[["x", "y", "z"]].to_numpy(dtype=np.float64)
        return RunSeries(tuple(runs), tuple(run.name for run in self._given), coordinates)

    def changed(self, labels: Array) -> Array:
        """Ids of the regions that have gained or lost voxels since `follow` was called last, ascending; 0 is none."""
        if labels.shape != self.grid.shape:
            raise InputError(f"the labels have the shape {labels.shape} and their grid {self.grid.shape}: give its labels.")
        if self.labels is None:
            ids = np.unique(labels)
        else:
            differs = np.flatnonzero(labels != self.labels)
            ids = np.union1d(labels.reshape(-1)[differs], self.labels.reshape(-1)[differs])
        return np.asarray(ids[ids != 0])

    def _read(self, labels: Array, ids: Array, progress: Progress) -> None:
        """Read the series of these regions again, in all runs or, where one refuses, in none."""
        if not labels.any():
            raise InputError("there is no region in the label image: paint one first.")
        runs = self._runs or [_FollowedRun.of(run, self.grid, self.params) for run in self._given]
        touched = Regions(np.where(np.isin(labels, ids), labels, 0), self.grid)
        step = 1 / len(runs)
        self._runs = [run.reread(touched, ids, part(progress, i * step, (i + 1) * step)) for i, run in enumerate(runs)]


@dataclass(frozen=True, eq=False)
class _FollowedRun:
    """A run, what is found once for it, and the series (t' × r) of its regions before cleaning with their table."""

    run: Run
    inside: Array | None
    params: RegionSeries
    matrix: Array | None
    series: Array
    table: pd.DataFrame
    times: Array | None = None

    @classmethod
    def of(cls, run: Run, grid: Grid, params: RegionSeries) -> _FollowedRun:
        anywhere = Regions(np.ones(grid.shape, dtype=np.uint8), grid)
        run, inside = on_one_grid(run, anywhere, params)
        matrix = None
        if not does_nothing(params.cleaning, run):
            matrix = cleaning_matrix(run.n_volumes, run.tr, params.cleaning, run.confounds, run.keep)
        return cls(run, inside, params, matrix, np.empty((0, 0)), pd.DataFrame())

    def reread(self, regions: Regions, ids: Array, progress: Progress) -> _FollowedRun:
        """The same with what has become of the regions of these ids."""
        gone = np.isin(self.table.index, ids) if len(self.table) else np.empty(0, dtype=bool)
        series, table, times = self.series[:, ~gone], self.table[~gone], self.times
        if len(regions.ids):
            found = series_before_cleaning(self.run, self.inside, regions, self.params, required=False, progress=progress)
            assert found.table is not None
            series = np.hstack([series, found.data]) if series.size else found.data
            table, times = pd.concat([table, found.table]) if len(table) else found.table, found.times
        order = np.argsort(table.index.to_numpy())
        return replace(self, series=series[:, order], table=table.iloc[order], times=times)

    def finished(self, names: Names) -> Series:
        """The series, cleaned, with names that are all different."""
        ids = self.table.index.to_numpy()
        told = told_apart(region_names(ids, names), ids.tolist())
        data = cleaned_series(self.run, self.series, self.params, self.matrix)
        return without_constant(Series(data, told, self.run.tr, self.times, self.table.assign(name=told)))
