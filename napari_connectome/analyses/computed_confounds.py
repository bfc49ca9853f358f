"""What can be regressed out of a run that came without a table of confounds? Components of noisy voxels, and global signal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_connectome.analyses.brain_mask import brain_mask
from napari_connectome.core.cleaning import cosine_drifts
from napari_connectome.core.errors import InputError, Progress, part, silent
from napari_connectome.core.noise_components import Detrended
from napari_connectome.core.params import Params, param
from napari_connectome.core.resampling import brought
from napari_connectome.core.summaries import means
from napari_connectome.core.threads import one_thread
from napari_connectome.core.values import Regions, Run, Volume, expect
from napari_connectome.core.voxel_reader import VoxelReader, finite_voxels
from napari_connectome.core.words import some

Array = npt.NDArray[Any]
CONSTANT = 1e-9
"""Voxels that change by less than this share of their value are constant, but for rounding."""
COMPONENTS: dict[str, Any] = {"default": 5, "doc": "How many components are taken.", "low": 1, "high": 1000}


@dataclass(frozen=True, kw_only=True)
class HighVariance(Params):
    """How components of the voxels that vary most are made."""

    n_components: int = param(**COMPONENTS, title="components")
    percentile: float = param(
        2.0, "Share of the voxels that are taken: those that vary most.", unit="%", low=0.0, high=100.0, step=0.5
    )
    detrend: bool = param(True, "Take a straight line out of each voxel first.")
    within: str = param(
        "image",
        "Where they are looked for if no mask is given: in the whole image, as nilearn does, what moves outside the head "
        "included; or in the brain mask of the run.",
        choices=("image", "brain"),
    )


@dataclass(frozen=True, kw_only=True)
class CompCor(Params):
    """How components of tissues without neural signal are made."""

    n_components: int = param(**COMPONENTS, title="components")
    explained: float = param(
        0.0,
        "Take as many components as together explain this share of the variance instead of a number; fMRIPrep's tables mark "
        "those of 0.5.",
        low=0.0, high=1.0, step=0.05, off=0.0,
    )  # fmt: skip
    high_pass: float = param(
        0.0078125, "Cosines slower than this are taken out of each voxel first; 0 is off.",
        unit="Hz", low=0.0, high=1.0, step=0.001, title="high-pass", off=0.0,
    )  # fmt: skip
    normalize: bool = param(True, "Bring each voxel to standard deviation 1 first, so that large vessels do not decide alone.")
    least: float = param(
        0.99, "A voxel belongs to the tissue where its map, between 0 and 1, has this value at least.",
        low=0.0, high=1.0, step=0.05, title="tissue from",
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ComputedConfounds(Params):
    """Which confounds are computed from a run itself, and how."""

    global_signal: bool = param(False, "The mean of the brain in each volume.")
    high_variance: bool = param(False, "Components of the voxels that vary most, which are mostly noise.")
    compcor: bool = param(
        False,
        "Components of tissues without neural signal, and the slow cosines that were taken out of these first.",
        title="CompCor",
    )
    of_high_variance: HighVariance = param(HighVariance(), "How components of the voxels that vary most are made.")
    of_compcor: CompCor = param(CompCor(), "How components of tissues are made.")

    @property
    def any(self) -> bool:
        """Whether there is something to compute."""
        return self.global_signal or self.high_variance or self.compcor


def computed_confounds(
    run: Run,
    params: ComputedConfounds | None = None,
    *,
    mask: Volume | None = None,
    tissue: Volume | Regions | Iterable[Volume | Regions] = (),
    progress: Progress = silent,
) -> pd.DataFrame:
    """Return all confounds of a run that are to be computed from it, in one table.

    Parameters
    ----------
    run : Run
        Censored volumes have no part in them.
    params : ComputedConfounds
    mask : Volume, optional
        The brain, for the global signal and the voxels that vary most.
    tissue : Volume, Regions or several of them
        For CompCor.
    progress : Progress

    Returns
    -------
    (t × n) DataFrame
        What `global_signal`, `high_variance_confounds` and `compcor` give, and the slow cosines that go with the last.

    Raises
    ------
    InputError
        Among others where CompCor is asked for and no tissue is given.
    """
    expect("the run", run, Run)
    params = ComputedConfounds.given(params)
    made = [pd.DataFrame(index=range(run.n_volumes))]
    if params.global_signal:
        made.append(global_signal(run, mask, part(progress, 0.0, 0.3)))
    if params.high_variance:
        made.append(high_variance_confounds(run, params.of_high_variance, mask=mask, progress=part(progress, 0.3, 0.6)))
    if params.compcor:
        made.append(compcor(run, tissue, params.of_compcor, progress=part(progress, 0.6, 1.0)))
        slow = cosine_drifts(run.n_volumes, params.of_compcor.high_pass, run.tr)
        made.append(pd.DataFrame(slow, columns=[f"cosine_{i:02d}" for i in range(slow.shape[1])]))
    return pd.concat(made, axis=1)


def with_computed(run: Run, computed: pd.DataFrame) -> Run:
    """The run with these confounds beside its own; a column that it has already, as of the same name, is called "computed"."""
    if run.confounds is None or not computed.shape[1]:
        return run.replace(confounds=computed) if computed.shape[1] else run
    taken = set(map(str, run.confounds.columns))
    computed = computed.rename(columns={name: f"{name} computed" for name in computed.columns if name in taken})
    return run.replace(confounds=pd.concat([run.confounds.reset_index(drop=True), computed], axis=1))


def high_variance_confounds(
    run: Run, params: HighVariance | None = None, *, mask: Volume | None = None, progress: Progress = silent
) -> pd.DataFrame:
    """Return the leading temporal components of the voxels of a run that vary most.

    Parameters
    ----------
    run : Run
        Censored volumes have no part in choosing the voxels and components.
    params : HighVariance
    mask : Volume, optional
        Where to look; the nearest voxels where it is on another grid. Where not given, `params.within` decides.
    progress : Progress

    Returns
    -------
    (t × n) DataFrame
        A column a component, of norm 1 over the volumes that count: ``run.replace(confounds=…)`` takes it.

    Raises
    ------
    InputError
        Where there are fewer components than asked for.

    Notes
    -----
    Equal to ``nilearn.image.high_variance_confounds`` but for signs, which here are such that the largest value of each is
    positive; and a voxel without a value in a volume that counts is left out.
    """
    expect("the run", run, Run)
    params = HighVariance.given(params)
    keep = _kept(run)
    if mask is None and params.within == "brain":
        mask = brain_mask(run, "auto", part(progress, 0.0, 0.2))
        progress = part(progress, 0.2, 1.0)
    voxels = np.arange(int(np.prod(run.grid.shape))) if mask is None else _inside(mask, run, "the mask", 0.5)
    line = np.column_stack([np.ones(run.n_volumes), np.arange(run.n_volumes)]) if params.detrend else np.empty((len(keep), 0))
    series = Detrended.of(run.data, keep, line)
    with one_thread():
        squares = series.mean_squares(voxels, part(progress, 0.0, 0.6))
        if np.isnan(squares).all():
            raise InputError(f"no voxel has a value in all volumes of {run.name}: censor such volumes, or mend the file.")
        voxels = voxels[squares > np.nanpercentile(squares, 100.0 - params.percentile)]
        _require_voxels(voxels, f"the {params.percentile:g} % of the voxels that vary most", "a higher percentile")
        found, _ = series.components(voxels, None, part(progress, 0.6, 1.0))
    return _columns(found, params.n_components, "high_variance", f"the voxels of {run.name} that vary most")


def compcor(
    run: Run,
    tissue: Volume | Regions | Iterable[Volume | Regions],
    params: CompCor | None = None,
    *,
    progress: Progress = silent,
) -> pd.DataFrame:
    """Return the leading temporal components of tissues, such as white matter and CSF.

    Parameters
    ----------
    run : Run
        Censored volumes have no part in finding the components.
    tissue : Volume, Regions or several of them
        Masks, maps of the share of a tissue, or labels of which each counts; of several, all voxels together. On another
        grid than the run's masks and labels are taken from the nearest voxel, maps by linear interpolation.
    params : CompCor
    progress : Progress

    Returns
    -------
    (t × n) DataFrame
        A column a component, of norm 1 over the volumes that count: ``run.replace(confounds=…)`` takes it. Regress out the
        slow cosines, too, where `high_pass` is on: the components have none of them.

    Notes
    -----
    As fMRIPrep's ``a_comp_cor``: cosines and mean out, each voxel to standard deviation 1, then principal components. Unlike
    there, the tissue is taken as given: erode masks first where they come close to grey matter.
    """
    expect("the run", run, Run)
    params = CompCor.given(params)
    keep = _kept(run)
    tissues = [tissue] if isinstance(tissue, Volume | Regions) else list(tissue)
    if not tissues:
        raise InputError("no tissue was given: give at least one mask, of white matter or CSF.")
    voxels = np.unique(np.concatenate([_inside(each, run, "the tissue", params.least) for each in tissues]))
    drifts = np.column_stack([np.ones(run.n_volumes), cosine_drifts(run.n_volumes, params.high_pass, run.tr)])
    series = Detrended.of(run.data, keep, drifts)
    with one_thread():
        voxels, spread = _that_vary(series, voxels, part(progress, 0.0, 0.5))
        _require_voxels(voxels, "the tissue", "another mask")
        found, shares = series.components(voxels, spread if params.normalize else None, part(progress, 0.5, 1.0))
    n = params.n_components
    if params.explained > 0:
        n = min(len(shares), int(np.searchsorted(np.cumsum(shares), params.explained)) + 1)
    return _columns(found, n, "comp_cor", f"the voxels of the tissue of {run.name}")


def global_signal(run: Run, mask: Volume | None = None, progress: Progress = silent) -> pd.DataFrame:
    """Return the mean of all voxels of the brain in each volume.

    Parameters
    ----------
    run : Run
    mask : Volume, optional
        The brain; the nearest voxels where it is on another grid. That of `brain_mask` ("auto") where not given.
    progress : Progress

    Returns
    -------
    (t × 1) DataFrame
        The column global_signal, as fMRIPrep calls it; censored volumes without values have the mean of the others.
    """
    expect("the run", run, Run)
    keep = _kept(run)
    brain = brain_mask(run, "auto", part(progress, 0.0, 0.4)) if mask is None else mask
    voxels = _inside(brain, run, "the mask", 0.5)
    kept = np.flatnonzero(keep)
    voxels = voxels[finite_voxels(run.data, kept, voxels, run.name, part(progress, 0.4, 0.6))]
    found = means(run.data, run.grid, [voxels], np.arange(run.n_volumes), 0.0, part(progress, 0.6, 1.0))[:, 0]
    missing = ~np.isfinite(found)
    found[missing] = found[keep].mean()
    return pd.DataFrame({"global_signal": found})


def _kept(run: Run) -> Array:
    keep = np.ones(run.n_volumes, dtype=bool) if run.keep is None else run.keep
    if keep.sum() < 3:
        raise InputError(f"{some(int(keep.sum()), 'volume')} of {run.name} count, and confounds need 3 at least: keep more.")
    return keep


def _inside(given: Any, run: Run, what: str, least: float) -> Array:
    """The voxels (flat, ascending) of a mask, a map or labels."""
    if not isinstance(given, Volume | Regions):
        raise InputError(f"{what} is {type(given).__name__} and must be a Volume or Regions: load_volume(path) reads one.")
    data = given.labels > 0 if isinstance(given, Regions) else given.data
    shares = data.dtype.kind == "f"
    if shares:
        data = np.nan_to_num(data, nan=0.0, posinf=1.0, neginf=0.0)
    if not given.grid.matches(run.grid):
        data = brought(data, given.grid, run.grid, "linear" if shares and np.any(data % 1) else "nearest")
    enough = max(least, float(np.finfo(np.float32).tiny))
    voxels = np.flatnonzero(data >= enough if shares else data != 0)
    _require_voxels(voxels, f"{what} on the grid of {run.name}", "one in the space of the run")
    return voxels


def _that_vary(series: Detrended, voxels: Array, progress: Progress) -> tuple[Array, Array]:
    """The voxels that have values and change, and their standard deviations without drifts."""
    squares = series.mean_squares(voxels, progress)
    level = np.abs(VoxelReader(series.data, voxels)(int(np.argmax(series.keep))).astype(np.float64))
    spread = np.sqrt(np.nan_to_num(squares))
    there = (spread > CONSTANT * np.nan_to_num(level)) & (spread > 0)
    return voxels[there], spread[there]


def _require_voxels(voxels: Array, what: str, cure: str) -> None:
    if not len(voxels):
        raise InputError(f"there is no voxel in {what}: give {cure}.")


def _columns(found: Array, n: int, name: str, where: str) -> pd.DataFrame:
    if found.shape[1] < n:
        raise InputError(f"{where} have {some(found.shape[1], 'component')} and {n} were asked for: ask for fewer.")
    return pd.DataFrame(found[:, :n], columns=[f"{name}_{i:02d}" for i in range(n)])
