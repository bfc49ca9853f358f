"""What does each region do over time? One series a region: mean, median or first eigenvariate of its voxels, or a map's fit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_connectome.core.cleaning import Cleaning, clean, cleaning_matrix
from napari_connectome.core.errors import InputError, Progress, part, silent
from napari_connectome.core.map_series import map_series
from napari_connectome.core.params import Params, param
from napari_connectome.core.region_table import region_voxels
from napari_connectome.core.seeds import RADIUS, as_spheres
from napari_connectome.core.summaries import eigenvariates, means, medians
from napari_connectome.core.threads import one_thread
from napari_connectome.core.values import Maps, Regions, Run, Series, Volume, expect
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
    radius: float = param(**{**RADIUS, "doc": "Radius of the spheres around points; 0 takes the voxel the point lies in."})
    cleaning: Cleaning = param(
        Cleaning(detrend=False, standardize="none"), "What is taken out of the series, and the scale they come in."
    )


def region_series(
    run: Run,
    regions: Regions | Maps | npt.ArrayLike | pd.DataFrame,
    params: RegionSeries | None = None,
    *,
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
    progress : Progress

    Returns
    -------
    Series
        (t' × r) float64, a column for each map or row of the regions' table; `times` where volumes were left out. A region
        without a usable voxel has a column of NaN.

    Raises
    ------
    InputError
        Among others where no voxel of any region has a value in all volumes, as when a volume that counts is all NaN.

    Notes
    -----
    Means and medians over voxels are cleaned afterwards, as ``nilearn.maskers.NiftiLabelsMasker`` does, and equal its. A
    first eigenvariate is that of the cleaned voxels, about its mean; `cleaning.standardize` scales the result, "psc" to
    percent of the region's mean. Different from nilearn on purpose: a voxel that is NaN or infinite in any volume that
    counts is left out of its region, where nilearn takes it for 0 and so pulls the mean down; integers are averaged as
    they are, where nilearn's spheres cut the mean to an integer.

    Maps, and regions that are maps, may overlap: all of them together are fitted to each volume by least squares, and cleaned
    afterwards, as ``nilearn.maskers.NiftiMapsMasker`` does on images of float64. A voxel without a value is left out of the
    fit, where nilearn takes it for 0; a map without a weight has NaN, where nilearn gives it 0.
    """
    expect("the run", run, Run)
    params = RegionSeries.given(params)
    kept = np.arange(run.n_volumes) if run.keep is None else np.flatnonzero(run.keep)
    if not len(kept):
        raise InputError(f"no volume of {run.name} is kept: censor fewer volumes.")
    found = _maps(run, regions, params.summary)
    if found is None:
        names, sets = _sets(run, regions, params.radius)
        data = _of_sets(run, sets, kept, params, progress)
    else:
        names, maps = found
        with one_thread():  # small products, which two threads only slow down
            data = map_series(run.data, run.grid, maps, kept, params.fwhm, progress, run.name)
            data = _cleaned(run, data, kept, params.cleaning)
    progress(1.0, "series of regions")
    return Series(data, names, run.tr, None if len(kept) == run.n_volumes else kept * run.tr)


def _maps(run: Run, regions: Any, summary: str) -> tuple[list[str], Array] | None:
    """Names and weights (r, z, y, x) of regions that are maps; None for those that are not."""
    if isinstance(regions, Regions) and regions.maps is not None:
        names, maps = [str(name) for name in regions.table["name"]], regions.maps
    elif isinstance(regions, Maps):
        names, maps = list(regions.names), regions.data
    else:
        return None
    run.grid.require(regions.grid, run.name, "the image of the maps")
    if summary != "mean":
        raise InputError(
            f"maps are fitted to the run by least squares and have no {summary}: leave the summary at mean, or give labels."
        )
    if not len(maps) or not np.any(maps):
        raise InputError("there is no weight in the maps: give maps with values that are not 0.")
    return names, maps


def _of_sets(run: Run, sets: list[Array], kept: Array, params: RegionSeries, progress: Progress) -> Array:
    """The series (t' × r) of sets of voxels, cleaned."""
    sets = _usable(run, sets, kept, part(progress, 0.0, 0.1))
    progress = part(progress, 0.1, 1.0)
    if params.summary == "eigenvariate":
        return _first(run, sets, kept, params, progress)
    summary = means if params.summary == "mean" else medians
    return _cleaned(run, summary(run.data, run.grid, sets, kept, params.fwhm, progress), kept, params.cleaning)


def _sets(run: Run, regions: Any, radius: float) -> tuple[list[str], list[Array]]:
    """Names and voxels (flat, C order of z, y, x) of the regions."""
    if isinstance(regions, Volume):
        raise InputError(f"{regions.name} is a Volume and regions are needed: give Regions(image.data > 0, image.grid).")
    if isinstance(regions, Regions):
        run.grid.require(regions.grid, run.name, "the label image")
        if not len(regions.ids):
            raise InputError("there is no region in the label image: give one with regions, or make some first.")
        voxels = region_voxels(regions.labels)
        return [str(name) for name in regions.table["name"]], [voxels[i] for i in regions.ids.tolist()]
    spheres = as_spheres(regions, radius, "Regions or Maps")
    return [name for name, _, _ in spheres], [run.grid.sphere_voxels(centre, size) for _, centre, size in spheres]


def _usable(run: Run, sets: list[Array], kept: Array, progress: Progress) -> list[Array]:
    """The sets without the voxels that are NaN or infinite in a volume that counts."""
    voxels = np.concatenate([*sets, np.empty(0, dtype=np.int64)]).astype(np.int64)
    good = finite_voxels(run.data, kept, voxels, run.name, progress)
    if good.all():
        return sets
    ends = np.cumsum([len(voxels) for voxels in sets])[:-1]
    return [voxels[fine] for voxels, fine in zip(sets, np.split(good, ends), strict=True)]


def _cleaned(run: Run, series: Array, kept: Array, cleaning: Cleaning) -> Array:
    """Series (t' × r) of the kept volumes, cleaned and scaled."""
    if _does_nothing(cleaning, run.confounds) and cleaning.standardize == "none":
        return series
    whole = np.zeros((run.n_volumes, series.shape[1]))
    whole[kept] = series
    return clean(whole, run.tr, cleaning, run.confounds, run.keep)


def _does_nothing(cleaning: Cleaning, confounds: pd.DataFrame | None) -> bool:
    filtered = cleaning.high_pass > 0 or cleaning.low_pass < math.inf
    return not (cleaning.detrend or filtered or (confounds is not None and confounds.shape[1]))


def _first(run: Run, sets: list[Array], kept: Array, params: RegionSeries, progress: Progress) -> Array:
    cleaning = params.cleaning
    matrix = None
    if not _does_nothing(cleaning, run.confounds):
        matrix = cleaning_matrix(run.n_volumes, run.tr, cleaning, run.confounds, run.keep)[:, kept]
    data = eigenvariates(run.data, run.grid, sets, kept, params.fwhm, matrix, part(progress, 0.0, 0.8))
    if cleaning.standardize == "none":
        return data
    if cleaning.standardize == "psc":
        level = np.abs(means(run.data, run.grid, sets, kept, params.fwhm, part(progress, 0.8, 1.0)).mean(axis=0)) / 100
    else:
        level = data.std(axis=0, ddof=1)
    return np.asarray(np.divide(data, level, out=np.zeros_like(data), where=~(level <= np.finfo(np.float64).eps)))
