"""Series of atlases on runs at 4 mm: 39 probabilistic maps by least squares, and 400 parcels on a grid of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from benchmarks import data, measure

SHAPE = data.SMALL
MAPS = 39
"""As many as the MSDL atlas of nilearn's gallery has."""
CUT = 5
"""Voxels of the run's box that the maps' box lacks on each side, as MSDL's does; it lies half a voxel beside."""
PARCELS = 400
FINER = 2.0  # mm: the grid most atlases come in
TOLERANCE = 1e-6  # of the largest value: resampled maps are of float32


def make(folder: Path) -> Path:
    """Write the run unless it is there; return its path."""
    return data.make(SHAPE, folder)


def maps(grid: Any) -> tuple[Any, Any]:
    """Overlapping networks (r, z, y, x) of two places each, float32, on a grid of their own, and its affine."""
    rng = np.random.default_rng(0)
    voxels = np.argwhere(data.brain(SHAPE))
    found = np.zeros((MAPS, *SHAPE.size[::-1]), dtype=np.float32)
    for image in found:
        for centre in voxels[rng.choice(len(voxels), 2, replace=False)]:
            near = np.exp(-((voxels - centre) ** 2).sum(axis=1) / (2 * 5.0**2))
            image[tuple(voxels.T)] += np.where(near > 0.1, near, 0).astype(np.float32)
    affine = grid.affine.copy()
    affine[:3, 3] = grid.to_mm([CUT + 0.5] * 3)
    return np.ascontiguousarray(found[:, CUT:-CUT, CUT:-CUT, CUT:-CUT]), affine


def parcels(grid: Any, count: int = PARCELS) -> tuple[Any, Any]:
    """Labels (z, y, x) at 2 mm, int32, whose grid covers the run's, and their affine."""
    from scipy.spatial import cKDTree

    affine = grid.affine.copy()
    affine[:3, :3] *= FINER / SHAPE.voxel
    shape = tuple(int((n - 1) * SHAPE.voxel / FINER) + 1 for n in grid.shape)
    inside = np.repeat(np.repeat(np.repeat(data.brain(SHAPE), 2, 0), 2, 1), 2, 2)[tuple(slice(n) for n in shape)]
    voxels = np.argwhere(inside)
    centres = voxels[np.random.default_rng(1).choice(len(voxels), count, replace=False)]
    labels = np.zeros(shape, dtype=np.int32)
    labels[inside] = cKDTree(centres).query(voxels)[1] + 1
    return labels, affine


def rows(folder: Path, repeats: int) -> list[measure.Row]:
    """Compare, then measure, with everything in memory."""
    import scipy.sparse  # noqa: F401
    from nilearn.maskers import NiftiLabelsMasker

    import napari_connectome as nc

    run = nc.load_run(make(folder))
    affine = run.grid.affine  # the file is stored in the order of the program
    image = nib.Nifti1Image(run.data.T, affine)
    exact = nib.Nifti1Image(run.data.T.astype(np.float64), affine)
    weights, elsewhere = maps(run.grid)
    networks = nc.Maps(weights, nc.Grid(weights.shape[1:], elsewhere))
    masker, in_float64 = (_masker(weights.T.astype(kind), elsewhere) for kind in (np.float32, np.float64))
    labels, finer = parcels(run.grid)
    regions = nc.Regions(labels, nc.Grid(labels.shape, finer))
    atlas = NiftiLabelsMasker(nib.Nifti1Image(labels.T, finer), resampling_target="data", standardize=None)
    of_maps = _row(
        f"least-squares series of {MAPS} maps on a grid of their own, {SHAPE.describe}, in memory",
        {"ours": lambda: nc.region_series(run, networks).data, "nilearn": lambda: masker.fit_transform(image)},
        nc.region_series(run, networks).data,
        in_float64.fit_transform(exact),
        20,
        min(repeats, 5),
    )
    of_parcels = _row(
        f"mean series of {PARCELS} parcels that are at {FINER:g} mm, {SHAPE.describe}, in memory",
        {"ours": lambda: nc.region_series(run, regions).data, "nilearn": lambda: atlas.fit_transform(image)},
        nc.region_series(run, regions).data,
        atlas.fit_transform(exact),
        10,
        min(repeats, 5),
    )
    return [of_maps, of_parcels]


def _masker(weights: Any, affine: Any) -> Any:
    """What nilearn's gallery calls: the maps are resampled to the run."""
    from nilearn.maskers import NiftiMapsMasker

    return NiftiMapsMasker(nib.Nifti1Image(weights, affine), resampling_target="data", standardize=None)


def _row(what: str, contenders: Any, mine: Any, theirs: Any, target: int, repeats: int) -> measure.Row:
    difference = float(np.abs(mine - theirs).max() / np.abs(theirs).max())
    measure.require_agreement(what, difference, TOLERANCE)
    times, work = measure.timed(contenders, repeats), measure.in_one_thread(contenders, min(repeats, 2))
    return measure.Row(
        what,
        times["ours"],
        times["nilearn"],
        target=f"≥ {target} ×",
        met=times["nilearn"].median / times["ours"].median >= target,
        note=f"The series differ by at most {difference:.1g} of the largest from those nilearn makes of images of float64. "
        f"In processor time, with one thread for the linear algebra of both, it is {work['nilearn'] / work['ours']:.0f} ×.",
    )
