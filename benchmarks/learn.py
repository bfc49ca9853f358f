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


def ours(folder: Path, start: Path | None = None, **how: Any) -> Any:
    """The networks, from the files; from the given start if there is one."""
    import napari_connectome as nc

    params = nc.Networks(n_components=group.NETWORKS, alpha=10.0, fwhm=4.0, seed=0, **how)
    return nc.learn_networks(paths(folder), params, start=None if start is None else nc.load_maps(start))


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
    theirs, objectives = watched(runs)
    start = start_of(theirs, folder)
    same = ours(runs, start, search="early", reduction="randomized")
    inside = theirs.mask_img_.get_fdata().T > 0
    require_same_voxels(same, inside)
    r = matched(same.data[:, inside], np.stack([image[inside] for image in theirs.components_img_.get_fdata().T]))
    measure.require_agreement("networks (1 - |r|)", float(1 - r.min()), 1 - SIMILAR)
    full = ours(runs, start, reduction="randomized")
    measure.require_agreement("the objective of all passes, above nilearn's", full.objective / objectives[0] - 1, 1e-6)
    early = {"ours": lambda: ours(runs, search="early"), "ours, full": lambda: ours(runs)}
    times = measure.timed({**early, "nilearn": lambda: nilearn(runs)}, min(repeats, 3))
    peaks = [measure.peak_memory("benchmarks.learn", who, runs) for who in ("ours", "nilearn")]
    on_top = peaks[0][1] / peaks[1][1]
    memory = f"{peaks[0][0]:.0f} / {peaks[1][0]:.0f} MiB"
    what = f"{group.NETWORKS} networks of {group.SUBJECTS} runs of {group.SHAPE.describe} `.nii.gz`"
    return [
        measure.Row(
            f"{what}, {search}",
            times[who],
            times["nilearn"],
            memory,
            target="≥ 6 ×, memory ≤ 1/3",
            met=times["nilearn"].median / times[who].median >= 6 and on_top <= 1 / 3,
            note=f'From nilearn\'s start, |r| with its networks is {r.min():.4f} or more (`search="early", '
            f'reduction="randomized"`). The objective is {objectives[0]:.2f} in nilearn, {same.objective:.2f} there and '
            f"{full.objective:.2f} after all passes. On top of what the imports take, learning needs {peaks[0][1]:.0f} MiB and "
            f"nilearn {peaks[1][1]:.0f}: {on_top:.2f} of it.",
        )
        for who, search in (("ours", "as early as nilearn"), ("ours, full", "all passes"))
    ]


def watched(folder: Path) -> tuple[Any, list[float]]:
    """The estimator of `nilearn`, and the objective its dictionary ended at."""
    from nilearn.decomposition import dict_learning as module

    learn, objectives = module.dict_learning_online, []

    def told(voxels: Any, *given: Any, **options: Any) -> Any:
        code, atoms = learn(voxels, *given, **options)
        errors = 0.5 * ((voxels - code @ atoms) ** 2).sum(axis=1) + options["alpha"] * np.abs(code).sum(axis=1)
        objectives.append(float(errors.mean(dtype=np.float64)))
        return code, atoms

    module.dict_learning_online = told
    try:
        return nilearn(folder), objectives
    finally:
        module.dict_learning_online = learn


def require_same_voxels(mine: Any, inside: Any) -> None:
    """Stop unless the masks are the same set of voxels."""
    measure.require_agreement("the mask", float((mine.mask.data != inside).mean()), 0.0)
