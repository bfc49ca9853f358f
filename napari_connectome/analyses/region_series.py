"""What does each region do over time? One series a region: mean, median or first eigenvariate of its voxels, or a map's fit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_connectome.core.cleaning import Cleaning, clean, cleaning_matrix
from napari_connectome.core.errors import InputError, Progress, part, silent
from napari_connectome.core.grid import Grid
from napari_connectome.core.map_series import map_means, map_series
from napari_connectome.core.memory import require
from napari_connectome.core.params import Params, param
from napari_connectome.core.placed_regions import PlacedOnce, PlacedRegions, placed
from napari_connectome.core.resampling import covered, resample
from napari_connectome.core.seeds import RADIUS
from napari_connectome.core.summaries import eigenvariates, means, medians
from napari_connectome.core.threads import one_thread, two_threads
from napari_connectome.core.values import Maps, Regions, Run, Series, expect
from napari_connectome.core.voxel_reader import finite_voxels

Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class RegionSeries(Params):
    """How the series of regions are made."""

    summary: str = param(
        "mean",
        "What stands for the voxels of a region: their mean, their median, or their first eigenvariate (what they have most in "
        "common, as SPM extracts it).",
        choices=("mean", "median", "eigenvariate"),
    )
    fwhm: float = param(
        0.0, "Width of the Gaussian that smooths the run first; 0 is off.",
        unit="mm", low=0.0, high=50.0, step=0.5, title="smoothing FWHM", off=0.0,
    )  # fmt: skip
    maps: str = param(
        "least_squares",
        "What the series of maps are: least_squares fits all maps together to each volume, so that what overlaps is told "
        "apart; weighted_mean averages the voxels of each map with its weights.",
        choices=("least_squares", "weighted_mean"),
    )
    resample: str = param(
        "regions",
        "What is resampled where run and regions are on different grids: the regions (labels to the nearest voxel, maps by "
        "linear interpolation), the run (by cubic splines), or never, which refuses them.",
        choices=("regions", "run", "never"),
    )
    radius: float = param(**{**RADIUS, "doc": "Radius of the spheres around points; 0 takes the voxel the point lies in."})
    cleaning: Cleaning = param(
        Cleaning(detrend=False, standardize="none"), "What is taken out of the series, and the scale they come in."
    )


def region_series(
    run: Run,
    regions: Regions | Maps | npt.ArrayLike | pd.DataFrame,
    params: RegionSeries | None = None,
    *,
    expected: pd.DataFrame | None = None,
    places: PlacedOnce | None = None,
    progress: Progress = silent,
) -> Series:
    """Return one series for each region of a run.

    Parameters
    ----------
    run : Run
        Its `confounds` are regressed out, its `keep` leaves volumes out.
    regions : Regions, Maps, (n × 3) array in mm or DataFrame
        Labels; maps of weights; or centres of spheres, also as a table with the columns x, y, z and, where they differ, name
        and radius.
    params : RegionSeries
    expected : DataFrame, optional
        For labels that may lack some regions in this subject: all there should be, by label id, with a column name (the
        `table` of the whole atlas's `Regions`). The series then have a column for each of them.
    places : PlacedOnce, optional
        The same for several runs, with the same regions and parameters: they are brought once to a grid that runs share.
    progress : Progress

    Returns
    -------
    Series
        (t' × r) float64, a column for each map or row of the regions' table; `times` where volumes were left out. A region
        without a usable voxel has a column of NaN and its name; a name that several regions have is followed by the id.

        Its `table` says by label id (maps and spheres are counted from 1) what each region kept: name; x, y, z (centre, mm);
        voxels (in the image the region came in; of a sphere, also those beyond the run's grid); used (voxels of the run, or
        of the resampled run, that the series is made of); kept (the share of the region's volume, for maps of its weights,
        that they are; it can be a little above 1 where regions were resampled).

    Raises
    ------
    InputError
        Among others where no voxel of any region has a value in all volumes, as when a volume that counts is all NaN, and
        where no region lies inside the run.

    Notes
    -----
    Means and medians over voxels are cleaned afterwards, as ``nilearn.maskers.NiftiLabelsMasker`` does, and equal its. A
    first eigenvariate is that of the cleaned voxels, about its mean; `cleaning.standardize` scales the result, "psc" to
    percent of the region's mean. Different from nilearn on purpose: a voxel that is NaN or infinite in any volume that
    counts is left out of its region, where nilearn takes it for 0 and so pulls the mean down; integers are averaged as
    they are, where nilearn's spheres cut the mean to an integer.

    Maps, and regions that are maps, may overlap: all of them together are fitted to each volume by least squares, and cleaned
    afterwards, as ``nilearn.maskers.NiftiMapsMasker`` does on images of float64. A voxel without a value is left out of the
    fit, where nilearn takes it for 0; a map without a weight has NaN, where nilearn gives it 0. A weighted mean is divided by
    the sum of the weights' magnitudes.

    Regions on another grid are resampled to the run's as nilearn does with ``resampling_target="data"``, but a region that
    has no voxel there keeps its column. Where the run is resampled, voxels of regions beyond it are left out, where nilearn
    takes them for 0; and no value is clipped, as ``nilearn.image.resample_to_img`` does not.
    """
    expect("the run", run, Run)
    params = RegionSeries.given(params)
    run, inside = on_one_grid(run, regions, params, part(progress, 0.0, 0.4))
    found = series_before_cleaning(
        run, inside, regions, params, expected=expected, places=places, progress=part(progress, 0.4, 1.0)
    )
    found = replace(found, data=cleaned_series(run, found.data, params))
    progress(1.0, "series of regions")
    return found


def on_one_grid(
    run: Run, regions: Regions | Maps | npt.ArrayLike | pd.DataFrame, params: RegionSeries, progress: Progress = silent
) -> tuple[Run, Array | None]:
    """The run as the regions meet it; where it was resampled to their grid, also which voxels (flat, bool) have values."""
    if params.resample == "run" and isinstance(regions, Regions | Maps) and not run.grid.matches(regions.grid):
        return _on_grid(run, regions.grid, progress)
    return run, None


def series_before_cleaning(
    run: Run,
    inside: Array | None,
    regions: Regions | Maps | npt.ArrayLike | pd.DataFrame,
    params: RegionSeries,
    *,
    expected: pd.DataFrame | None = None,
    required: bool = True,
    places: PlacedOnce | None = None,
    progress: Progress = silent,
) -> Series:
    """What `region_series` cleans in the end, of each region by itself; eigenvariates, being of cleaned voxels, as they are.

    Parameters
    ----------
    run, inside
        As `on_one_grid` gave them.
    regions, params, expected, places, progress
        As for `region_series`.
    required : bool
        Whether one region at least must have a voxel with values: not of some regions of many.
    """
    kept = _kept(run)
    if not len(kept):
        raise InputError(f"no volume of {run.name} is kept: censor fewer volumes.")

    def find() -> PlacedRegions:
        return placed(
            regions, run.grid, run.name, params.radius, part(progress, 0.0, 0.1),
            resampled=params.resample == "regions", expected=expected, required=required,
        )  # fmt: skip

    where = find() if places is None else places.on(run.grid, find)
    if where.weights is not None and params.summary != "mean":
        raise InputError(
            f"maps are fitted to the run as a whole and have no {params.summary}: leave the summary at mean, or give labels."
        )
    data = None if inside is not None else _means_of_finite(run, where, kept, params, part(progress, 0.1, 0.5))
    if data is None:
        where = _usable(run, where, kept, inside, required, part(progress, 0.5, 0.6))
        data = _summarized(run, where, kept, params, part(progress, 0.6, 1.0))
    table = where.account()
    return Series(data, list(table["name"]), run.tr, None if len(kept) == run.n_volumes else kept * run.tr, table)


def cleaned_series(run: Run, series: Array, params: RegionSeries, matrix: Array | None = None) -> Array:
    """Series (t' × r) as `series_before_cleaning` made them, cleaned and scaled; `matrix` as for `core.cleaning.clean`."""
    cleaning = params.cleaning
    if params.summary == "eigenvariate" or (does_nothing(cleaning, run) and cleaning.standardize == "none"):
        return series
    whole = np.zeros((run.n_volumes, series.shape[1]))
    whole[_kept(run)] = series
    return clean(whole, run.tr, cleaning, run.confounds, run.keep, matrix)


def does_nothing(cleaning: Cleaning, run: Run) -> bool:
    """Whether cleaning takes nothing out of a run."""
    filtered = cleaning.high_pass > 0 or cleaning.low_pass < math.inf
    return not (cleaning.detrend or filtered or (run.confounds is not None and run.confounds.shape[1]))


def _kept(run: Run) -> Array:
    return np.arange(run.n_volumes) if run.keep is None else np.flatnonzero(run.keep)


def _on_grid(run: Run, grid: Grid, progress: Progress) -> tuple[Run, Array]:
    """The run resampled, and which voxels (flat, bool) have values there."""
    inside = covered(run.grid, grid)
    if not inside.any():
        raise InputError(f"no voxel of {run.name} lies in any of the regions: give regions in the space of the run.")
    size = 8 if run.data.dtype.itemsize == 8 else 4
    require(run.n_volumes * inside.size * size, f"resampling {run.name} to the regions")
    return resample(run, grid, progress=progress), inside.reshape(-1)


def _means_of_finite(run: Run, where: PlacedRegions, kept: Array, params: RegionSeries, progress: Progress) -> Array | None:
    """Plain means, which are finite where all voxels are, so that these need no look of their own; None where some is not."""
    if where.weights is not None or params.summary != "mean" or params.fwhm:
        return None
    data = _summarized(run, where, kept, params, progress)
    there = [i for i, voxels in enumerate(where.voxels) if len(voxels)]
    return data if there and np.isfinite(data[:, there]).all() else None


def _usable(
    run: Run, where: PlacedRegions, kept: Array, inside: Array | None, required: bool, progress: Progress
) -> PlacedRegions:
    """The regions without voxels outside the run, and without those that are NaN or infinite in a volume that counts."""
    there = np.zeros(int(np.prod(run.grid.shape)), dtype=bool)
    for voxels in where.voxels:
        there[voxels] = True
    if inside is not None:
        there &= inside
    found = np.flatnonzero(there)
    good = finite_voxels(run.data, kept, found, run.name if required else None, progress)
    if inside is None and good.all():
        return where
    there[found] = good
    return where.only(there)


def _summarized(run: Run, where: PlacedRegions, kept: Array, params: RegionSeries, progress: Progress) -> Array:
    """The series (t' × r) of regions."""
    if where.weights is None:
        return _of_sets(run, where.voxels, kept, params, progress)
    weights = list(zip(where.voxels, where.weights, strict=True))
    summary = map_series if params.maps == "least_squares" else map_means
    with one_thread(), two_threads():  # small products, which two threads of the linear algebra only slow down
        return summary(run.data, run.grid, weights, kept, params.fwhm, progress)


def _of_sets(run: Run, sets: Sequence[Array], kept: Array, params: RegionSeries, progress: Progress) -> Array:
    """The series (t' × r) of sets of voxels."""
    if params.summary == "eigenvariate":
        return _first(run, sets, kept, params, progress)
    summary = means if params.summary == "mean" else medians
    return summary(run.data, run.grid, sets, kept, params.fwhm, progress)


def _first(run: Run, sets: Sequence[Array], kept: Array, params: RegionSeries, progress: Progress) -> Array:
    cleaning = params.cleaning
    matrix = None
    if not does_nothing(cleaning, run):
        matrix = cleaning_matrix(run.n_volumes, run.tr, cleaning, run.confounds, run.keep)[:, kept]
    data = eigenvariates(run.data, run.grid, sets, kept, params.fwhm, matrix, part(progress, 0.0, 0.8))
    if cleaning.standardize == "none":
        return data
    if cleaning.standardize == "psc":
        level = np.abs(means(run.data, run.grid, sets, kept, params.fwhm, part(progress, 0.8, 1.0)).mean(axis=0)) / 100
    else:
        level = data.std(axis=0, ddof=1)
    return np.asarray(np.divide(data, level, out=np.zeros_like(data), where=~(level <= np.finfo(np.float64).eps)))
