"""Networks of twenty runs: dictionary learning from files to maps, beside nilearn's DictLearning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from benchmarks import group, measure

SIMILAR = 0.99
"""The least |r| between a network of ours and nilearn's, from the same start."""


def paths(folder: Path) -> list[Path]:
    """The runs of a folder, in order."""
    return sorted(folder.glob("*_bold.nii.gz"))


def load_ours() -> None:
    """Import what `ours` uses."""
    import sklearn.decomposition  # noqa: F401

    import napari_connectome as nc

    _ = [getattr(nc, name) for name in ("learn_networks", "Networks", "RunFile")]


def ours(folder: Path, *start: Path, search: str = "early") -> Any:
    """The networks, from the files; from the given start if there is one."""
    import napari_connectome as nc

    params = nc.Networks(n_components=group.NETWORKS, alpha=10.0, fwhm=4.0, search=search, seed=0)
    return nc.learn_networks(paths(folder), params, start=nc.load_maps(start[0]) if start else None)


def load_nilearn() -> None:
    """Import what `nilearn` uses."""
    import nilearn.decomposition  # noqa: F401


def nilearn(folder: Path) -> Any:
    """The fitted estimator, from the files."""
    from nilearn.decomposition import DictLearning

    estimator = DictLearning(
        n_components=group.NETWORKS, alpha=10, smoothing_fwhm=4.0, standardize="zscore_sample", random_state=0, memory_level=0
    )
    return estimator.fit([str(path) for path in paths(folder)])


def matched(mine: Any, theirs: Any) -> Any:
    """|r| of each network with the one of the other set it is paired with (k,); both are (k × v)."""
    from scipy.optimize import linear_sum_assignment

    r = np.abs(np.corrcoef(mine, theirs)[: len(mine), len(mine) :])
    return r[linear_sum_assignment(-r)]


def start_of(estimator: Any, folder: Path) -> Path:
    """Write the maps nilearn's dictionary started from, for both to start from."""
    path = folder / "learn-start.nii.gz"
    nib.save(estimator.masker_.inverse_transform(estimator.components_init_), path)
    return path


def rows(folder: Path, repeats: int) -> list[measure.Row]:
    """Compare from the same start, then measure, both as a user would call them."""
    group.make(folder)
    runs = folder / "group"
    load_ours()
    load_nilearn()
    theirs = nilearn(runs)
    start = start_of(theirs, folder)
    mine = ours(runs, start)
    inside = theirs.mask_img_.get_fdata().T > 0
    require_same_voxels(mine, inside)
    r = matched(mine.data[:, inside], np.stack([image[inside] for image in theirs.components_img_.get_fdata().T]))
    print(np.round(np.sort(r), 4), mine.objective, mine.score)
    measure.require_agreement("networks (1 - |r|)", float(1 - r.min()), 1 - SIMILAR)
    full = ours(runs, start, search="full")
    times = measure.timed({"ours": lambda: ours(runs), "nilearn": lambda: nilearn(runs)}, min(repeats, 3))
    peaks = [measure.peak_memory("benchmarks.learn", who, runs) for who in ("ours", "nilearn")]
    on_top = peaks[0][1] / peaks[1][1]
    ratio = times["nilearn"].median / times["ours"].median
    return [
        measure.Row(
            f"{group.NETWORKS} networks of {group.SUBJECTS} runs of {group.SHAPE.describe}, from the files",
            times["ours"],
            times["nilearn"],
            f"{peaks[0][0]:.0f} / {peaks[1][0]:.0f} MiB",
            target="≥ 6 ×, memory ≤ 1/3",
            met=ratio >= 6 and on_top <= 1 / 3,
            note=f"From the same start, |r| with nilearn's networks is {r.min():.4f} or more (`early`); the objective is "
            f"{mine.objective:.4f} there and {full.objective:.4f} after all passes (`full`). On top of what the imports take, "
            f"learning needs {peaks[0][1]:.0f} MiB and nilearn's {peaks[1][1]:.0f} MiB: {on_top:.2f} of it.",
        )
    ]


def require_same_voxels(mine: Any, inside: Any) -> None:
    """Stop unless the masks are the same set of voxels."""
    measure.require_agreement("the mask", float((mine.mask.data != inside).mean()), 0.0)
