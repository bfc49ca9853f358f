"""Connectomes of many runs: the series of the same regions in each, one run in memory at a time, and their matrices."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_connectome.analyses.connectome import Connectivity, connectome
from napari_connectome.analyses.region_series import RegionSeries, region_series
from napari_connectome.analyses.sparse_connectome import SparseConnectivity, sparse_connectome
from napari_connectome.analyses.subject_series import CONSTANT
from napari_connectome.core.connectomes import Connectome
from napari_connectome.core.errors import InputError, Progress, part, silent
from napari_connectome.core.placed_regions import PlacedOnce, require_labels
from napari_connectome.core.region_centres import region_centres
from napari_connectome.core.sources import Source
from napari_connectome.core.values import Maps, Regions, Series
from napari_connectome.studies.distribute import Failure, each
from napari_connectome.studies.learn_networks import RunsFailed
from napari_connectome.studies.sources import as_sources

Array = npt.NDArray[Any]

Measure = Connectivity | SparseConnectivity

READING = 0.9
"""Share of the work that is reading the runs."""


@dataclass(frozen=True, eq=False)
class RunSeries:
    """The series of the same regions in several runs.

    Parameters
    ----------
    series : tuple of Series
        One a run.
    runs : tuple of str
        Names of these runs.
    coordinates : (r × 3) array
        Where the regions are, mm.
    failures : tuple of Failure
        The runs that could not be used.
    """

    series: tuple[Series, ...]
    runs: tuple[str, ...]
    coordinates: Array
    failures: tuple[Failure, ...] = ()


def connectome_of_runs(
    runs: Any,
    regions: Regions | Maps | npt.ArrayLike | pd.DataFrame,
    series: RegionSeries | None = None,
    connectivity: Measure | None = None,
    *,
    leave_out: bool = False,
    executor: Executor | None = None,
    progress: Progress = silent,
) -> Connectome:
    """Measure how strongly regions go together in each of several runs.

    Parameters
    ----------
    runs : Run, RunFile, path, or any iterable of these
        Cleaned with their own confounds.
    regions : Regions, Maps, (n × 3) array in mm or DataFrame
        As for `region_series`.
    series : RegionSeries
        How the series of regions are made.
    connectivity : Connectivity or SparseConnectivity
        What is measured of them.
    leave_out : bool
        Whether runs that cannot be used are left out; otherwise they are an error.
    executor : concurrent.futures.Executor, optional
        Who reads the runs: threads, or a cluster, which is sent the names of files and the regions. Where it is not given
        they are read one after the other, and one is in memory at a time.
    progress : Progress

    Returns
    -------
    Connectome
        A matrix for each run, called as the runs are; a `SparseConnectome` of sparse ones. A region without a series in a run
        has NaN there, and so has one whose series does not change, as where the run was set to 0 outside a mask.

    Raises
    ------
    RunsFailed
        Where runs cannot be used and are not to be left out.
    """
    if not isinstance(connectivity, SparseConnectivity):
        connectivity = Connectivity.given(connectivity)
    read = series_of_runs(
        runs, regions, series, leave_out=leave_out, executor=executor, progress=part(progress, 0.0, READING)
    )  # fmt: skip
    return connectome_of_series(read, connectivity, progress=part(progress, READING, 1.0))


def series_of_runs(
    runs: Any,
    regions: Regions | Maps | npt.ArrayLike | pd.DataFrame,
    params: RegionSeries | None = None,
    *,
    leave_out: bool = False,
    executor: Executor | None = None,
    progress: Progress = silent,
) -> RunSeries:
    """Return the series of the same regions in each of several runs; the parameters are those of `connectome_of_runs`."""
    params, sources = RegionSeries.given(params), as_sources(runs)
    if isinstance(regions, Regions) and regions.maps is None:
        require_labels(regions)
    coordinates = region_centres(regions)  # which also looks at what was given before any run is read
    made: dict[str, Series] = {}
    failures: list[Failure] = []
    for source, outcome in each(
        partial(_series_of, regions=regions, params=params, places=PlacedOnce()),
        sources,
        executor,
        progress,
        "series of regions in",
    ):
        if isinstance(outcome, Failure):
            failures.append(outcome)
        else:
            made[source.name] = outcome
    if failures and (not leave_out or not made or any(failure.lost for failure in failures)):
        raise RunsFailed(tuple(failures), len(failures) + len(made))
    if not made:
        raise InputError("there is no run to take series from: give one at least.")
    return RunSeries(tuple(made.values()), tuple(made), coordinates, tuple(failures))


def connectome_of_series(read: RunSeries, connectivity: Measure | None = None, *, progress: Progress = silent) -> Connectome:
    """The connectome of series that were read before, called as their runs are."""
    more: dict[str, Any] = {"coordinates": read.coordinates, "subjects": read.runs, "progress": progress}
    if isinstance(connectivity, SparseConnectivity):
        return sparse_connectome(read.series, connectivity, **more)
    return connectome(read.series, connectivity, **more)


def _series_of(source: Source, progress: Progress, *, regions: Any, params: RegionSeries, places: PlacedOnce) -> Series:
    run = source.load(part(progress, 0.0, 0.6))
    return without_constant(region_series(run, regions, params, places=places, progress=part(progress, 0.6, 1.0)))


def without_constant(found: Series) -> Series:
    """The series with NaN for those that do not change."""
    constant = np.ptp(found.data, axis=0) <= CONSTANT * np.abs(found.data).max(axis=0)
    if not constant.any():
        return found
    data = found.data.astype(np.float64)
    data[:, constant] = np.nan
    return replace(found, data=data)
