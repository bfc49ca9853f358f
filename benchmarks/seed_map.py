"""A seed map cold: from the file and the confounds table to the map, 6 mm, 0.01 to 0.1 Hz, 15 confounds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import data, measure

SHAPE = data.SMALL
TOLERANCE = 1e-4


def load_ours() -> None:
    """Import what `ours` uses, so that neither its time nor its own memory holds that."""
    import napari_connectome as nc

    _ = [getattr(nc, name) for name in nc.__all__]


def ours(path: Path) -> Any:
    """The map (z, y, x)."""
    import napari_connectome as nc

    run = nc.load_run(path, confounds=data.confounds_path(path))
    params = nc.SeedMap(radius=8.0, fwhm=6.0, cleaning=nc.Cleaning(high_pass=0.01, low_pass=0.1), statistic="r")
    return nc.seed_map(run, [SHAPE.seed], params, mask=nc.brain_mask(run, "background")).data[0]


def load_nilearn() -> None:
    """Import what `nilearn` uses."""
    import nilearn.maskers  # noqa: F401


def nilearn(path: Path) -> Any:
    """The map (x, y, z), by the two maskers of nilearn's seed-to-voxel example."""
    from nilearn.maskers import NiftiMasker, NiftiSpheresMasker

    cleaning = {
        "detrend": True,
        "standardize": "zscore_sample",
        "standardize_confounds": True,
        "low_pass": 0.1,
        "high_pass": 0.01,
        "t_r": SHAPE.tr,
    }
    table = str(data.confounds_path(path))
    # Without dtype the means over a sphere of an integer image are cut to integers.
    seed = NiftiSpheresMasker([SHAPE.seed], radius=8, dtype="float32", **cleaning).fit_transform(str(path), confounds=table)
    brain = NiftiMasker(smoothing_fwhm=6, mask_strategy="background", **cleaning)
    series = brain.fit_transform(str(path), confounds=table)
    # The example divides by T where z-scores of ddof 1 need T - 1.
    return brain.inverse_transform(np.dot(series.T, seed)[:, 0] / (len(series) - 1)).get_fdata(dtype=np.float32)


def rows(folder: Path, repeats: int) -> list[measure.Row]:
    """Compare, then measure."""
    path = data.make(SHAPE, folder)
    load_ours()
    load_nilearn()
    mine, theirs = ours(path), nilearn(path).T
    difference = float(np.abs(mine - theirs).max())
    measure.require_agreement("seed map", difference, TOLERANCE)
    times = measure.timed({"ours": lambda: ours(path), "nilearn": lambda: nilearn(path)}, repeats)
    peaks = [measure.peak_memory("benchmarks.seed_map", who, path) for who in ("ours", "nilearn")]
    ratio = times["nilearn"].median / times["ours"].median
    return [
        measure.Row(
            f"seed map cold, {SHAPE.describe} `.nii.gz`, confounds table, 6 mm, 0.01–0.1 Hz",
            times["ours"],
            times["nilearn"],
            f"{peaks[0][0]:.0f} / {peaks[1][0]:.0f} MiB",
            "≥ 20 ×, memory ≤ 1/2",
            ratio >= 20 and peaks[0][0] <= peaks[1][0] / 2,
            f"The cold maps differ by at most {difference:.1g} in r. Peak memory is that of a fresh process with its imports; "
            f"without them {peaks[0][1]:.0f} / {peaks[1][1]:.0f} MiB.",
        )
    ]
