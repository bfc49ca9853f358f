"""Series of 400 parcels: a run of 300 volumes at 2 mm, averaged over each parcel of an atlas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from benchmarks import data, measure

SHAPE = data.LARGE.fewer(300)
PARCELS = 400
TOLERANCE = 1e-12  # of the largest mean


def make(folder: Path) -> tuple[Path, Path]:
    """Write the run and the atlas unless they are there already; return their paths."""
    run = data.make(SHAPE, folder)
    atlas = folder / f"{SHAPE.name}-{PARCELS}_dseg.nii.gz"
    if not atlas.exists():
        nib.save(nib.Nifti1Image(_parcels().T.astype(np.int16), nib.load(run).affine), atlas)
    return run, atlas


def _parcels() -> np.ndarray[Any, Any]:
    """Each voxel of the brain (z, y, x) belongs to the nearest of some of them, drawn at random."""
    from scipy.spatial import cKDTree

    inside = data.brain(SHAPE)
    voxels = np.argwhere(inside)
    centres = voxels[np.random.default_rng(0).choice(len(voxels), PARCELS, replace=False)]
    labels = np.zeros(inside.shape, dtype=np.uint16)
    labels[inside] = cKDTree(centres).query(voxels)[1] + 1
    return labels


def load_ours() -> None:
    """Import what `ours` uses."""
    import scipy.sparse  # noqa: F401

    import napari_connectome as nc

    _ = [getattr(nc, name) for name in ("load_run", "load_regions", "region_series")]


def ours(run: Path, atlas: Path) -> Any:
    """The series (t × r), from the files."""
    import napari_connectome as nc

    return nc.region_series(nc.load_run(run), nc.load_regions(atlas)).data


def load_nilearn() -> None:
    """Import what `nilearn` uses."""
    import nilearn.maskers  # noqa: F401


def nilearn(run: Path, atlas: Path) -> Any:
    """The series (t × r), from the files."""
    return _masker(atlas).fit_transform(run)


def _masker(atlas: Any) -> Any:
    from nilearn.maskers import NiftiLabelsMasker

    return NiftiLabelsMasker(atlas, resampling_target=None, standardize=None)


def rows(folder: Path, repeats: int) -> list[measure.Row]:
    """Compare, then measure: from the files, and with everything in memory."""
    paths = make(folder)
    load_ours()
    load_nilearn()
    mine, theirs = ours(*paths), nilearn(*paths)
    difference = float(np.abs(mine - theirs).max() / np.abs(theirs).max())
    measure.require_agreement("region series", difference, TOLERANCE)
    warm = _in_memory(*paths, min(repeats, 3))
    cold = measure.timed({"ours": lambda: ours(*paths), "nilearn": lambda: nilearn(*paths)}, min(repeats, 3))
    peaks = [measure.peak_memory("benchmarks.region_series", who, *paths) for who in ("ours", "nilearn")]
    memory = f"{peaks[0][0] / 1024:.1f} / {peaks[1][0] / 1024:.1f} GiB"
    note = f"The series of the parcels differ by at most {difference:.1g} of the largest."
    what = f"mean series of {PARCELS} parcels, {SHAPE.describe}"
    met = warm["nilearn"].median / warm["ours"].median >= 10
    return [
        measure.Row(f"{what}, run in memory", warm["ours"], warm["nilearn"], target="≥ 10 ×", met=met, note=note),
        measure.Row(
            f"{what} `.nii`, from the file",
            cold["ours"],
            cold["nilearn"],
            memory,
            note="From the file, most of our time is that of reading it; the peak memory holds the run as it is stored.",
        ),
    ]


def _in_memory(run_path: Path, atlas_path: Path, repeats: int) -> dict[str, measure.Times]:
    import napari_connectome as nc

    run, regions = nc.load_run(run_path), nc.load_regions(atlas_path)
    affine = run.grid.affine  # the files are stored in the order of the program
    image, labels = nib.Nifti1Image(run.data.T, affine), nib.Nifti1Image(regions.labels.T.astype(np.int32), affine)
    return measure.timed(
        {"ours": lambda: nc.region_series(run, regions), "nilearn": lambda: _masker(labels).fit_transform(image)}, repeats
    )
