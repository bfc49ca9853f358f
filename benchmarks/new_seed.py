"""A run prepared once, and then a new seed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import data, measure

TOLERANCE = 1e-4
SAMPLE = 150  # volumes of the large run that nilearn is given unless it is to have them all


def load_ours() -> None:
    """Import what `ours` uses."""
    import napari_connectome as nc

    _ = [getattr(nc, name) for name in nc.__all__]


def ours(path: Path) -> Any:
    """The prepared run: from file and table to a mapper."""
    import napari_connectome as nc

    run = nc.load_run(path, confounds=data.confounds_path(path))
    params = nc.SeedMap(radius=8.0, fwhm=6.0, cleaning=nc.Cleaning(high_pass=0.01, low_pass=0.1), statistic="r")
    return nc.SeedMapper(run, params, nc.brain_mask(run, "background"))


def load_nilearn() -> None:
    """Import what `nilearn` uses."""
    import nilearn.maskers  # noqa: F401


def nilearn(path: Path) -> Any:
    """The prepared run in nilearn's terms: the cleaned, smoothed, standardised series of the brain, and its masker."""
    import nibabel as nib
    from nilearn.maskers import NiftiMasker

    brain = NiftiMasker(
        smoothing_fwhm=6,
        mask_strategy="background",
        detrend=True,
        standardize="zscore_sample",
        standardize_confounds=True,
        low_pass=0.1,
        high_pass=0.01,
        t_r=float(nib.load(path).header.get_zooms()[3]),
    )
    return brain, brain.fit_transform(str(path), confounds=str(data.confounds_path(path)))


def rows(folder: Path, repeats: int, full: bool) -> list[measure.Row]:
    """Both sizes."""
    return [*_new_seeds(data.SMALL, folder, 0.002), *_large(folder, repeats, full)]


def _large(folder: Path, repeats: int, full: bool) -> list[measure.Row]:
    shape = data.LARGE
    path = data.make(shape, folder)
    sample = shape if full else shape.fewer(SAMPLE)
    given = data.make(sample, folder)
    scale = shape.volumes / sample.volumes
    load_ours()
    load_nilearn()
    start = time.perf_counter()
    prepared = nilearn(given)
    theirs = measure.Times([time.perf_counter() - start], scale)
    difference = _compare(ours(given), *prepared, sample)
    del prepared
    mine = measure.timed({"ours": lambda: ours(path)}, min(repeats, 3))["ours"]
    peak = measure.peak_memory("benchmarks.new_seed", "ours", path)
    their_peak = measure.peak_memory("benchmarks.new_seed", "nilearn", given)
    whole = their_peak[0] - their_peak[1] + their_peak[1] * scale
    about = "≈ " if scale != 1 else ""
    note = f"The large runs, prepared, differ by at most {difference:.1g} in r."
    if scale != 1:
        note += (
            f" nilearn was given {SAMPLE} of the {shape.volumes} volumes, and its time and memory are multiplied by {scale:g}: "
            "each of its steps is linear in the volumes. `make bench ARGS=--full` gives it the whole run."
        )
    prepare = measure.Row(
        f"prepare {shape.describe} `.nii` (TR {shape.tr} s, {_voxels(shape):,} voxels in the mask)",
        mine,
        theirs,
        f"{peak[0] / 1024:.1f} / {about}{whole / 1024:.0f} GiB",
        "≥ 10 ×, ≤ 8 GiB",
        theirs.median / mine.median >= 10 and peak[0] <= 8 * 1024,
        note,
    )
    return [prepare, *_new_seeds(shape, folder, 0.016)]


def _new_seeds(shape: data.Shape, folder: Path, target: float, seeds: int = 200) -> list[measure.Row]:
    """Seeds at many places on one prepared run, as a drag asks for them: one time each."""
    mapper = ours(data.make(shape, folder))
    rng = np.random.default_rng(1)
    places = np.array(shape.seed) + rng.uniform(-25, 25, size=(seeds, 3))
    out = np.zeros(mapper.grid.shape, dtype=np.float32)
    mapper.map(places[0])
    seconds = []
    for place in places:
        start = time.perf_counter()
        mapper.select(mapper.sphere(place))
        mapper.fill(mapper.values(mapper.direction()), out)
        seconds.append(time.perf_counter() - start)
    taken = measure.Times(seconds)
    what = f"new 8 mm seed on the prepared run, whole brain: {shape.describe}, {mapper.n_voxels:,} voxels"
    return [measure.Row(what, taken, target=f"≤ {target * 1e3:g} ms", met=taken.median <= target)]


def _compare(mapper: Any, brain: Any, series: Any, shape: data.Shape) -> float:
    """Largest difference of r over the brain, correlating with the smoothed series of the seed's voxel."""
    theirs = brain.mask_img_.get_fdata() > 0
    if not np.array_equal(theirs.T, mapper.mask.data):
        raise SystemExit("the large run: the masks differ; not timed.")
    (voxel,) = mapper.sphere(shape.seed, 0.0)
    mine = mapper.values(mapper.columns_of(np.array([voxel]))[:, 0])
    # nilearn's columns are in the order of x, y, z; ours in that of z, y, x.
    column = np.empty(theirs.shape, dtype=np.intp)
    column[theirs] = np.arange(series.shape[1])
    column = column.T[mapper.mask.data]
    theirs = series.T @ series[:, column[voxel]] / (len(series) - 1)
    difference = float(np.abs(mine - theirs[column]).max())
    measure.require_agreement("the large run", difference, TOLERANCE)
    return difference


def _voxels(shape: data.Shape) -> int:
    return int(data.brain(shape).sum())
