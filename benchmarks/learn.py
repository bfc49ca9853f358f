"""Networks of twenty runs: dictionary learning from files to maps, beside nilearn's DictLearning."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from benchmarks import group, measure

SIMILAR = 0.99
"""The least |r| between a network of ours and nilearn's, from the same start."""


def paths(folder: Path) -> list[Path]:
    """The runs of a folder, in order."""
    return sorted(folder.glob("*_bold.nii.gz")) or sorted(folder.glob("*.nii.gz"))


def load_ours() -> None:
    """Import what `ours` uses."""
    import scipy.linalg
    import scipy.ndimage  # noqa: F401

    import napari_connectome as nc

    _ = [getattr(nc, name) for name in ("learn_networks", "Networks", "RunFile")]


def ours(folder: Path, start: Path | None = None, **how: Any) -> Any:
    """The networks, from the files; from the given start if there is one."""
    import napari_connectome as nc

    return nc.learn_networks(_runs(folder), _params(**how), start=None if start is None else nc.load_maps(start))


def _runs(folder: Path) -> list[Any]:
    import napari_connectome as nc

    return [nc.RunFile(path, tr=group.SHAPE.tr) for path in paths(folder)]  # the real ones do not say


def _params(**how: Any) -> Any:
    import napari_connectome as nc

    return nc.Networks(n_components=group.NETWORKS, alpha=10.0, fwhm=4.0, seed=0, **how)


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
    """Write the maps nilearn's dictionary started from: before it divided each by its squared norm, as ours does again."""
    path, divided = folder / "learn-start.nii.gz", estimator.components_init_
    nib.save(estimator.masker_.inverse_transform(divided / (divided**2).sum(axis=1)[:, None]), path)
    return path


def rows(folder: Path, repeats: int) -> list[measure.Row]:
    """Compare from the same start, then measure, both as a user would call them."""
    group.make(folder)
    load_ours()
    load_nilearn()
    found = beside(f"{group.SUBJECTS} runs of {group.SHAPE.describe} `.nii.gz`", folder / "group", folder, min(repeats, 3))
    real = os.environ.get("NAPARI_CONNECTOME_DATA")
    if real:
        found += beside("6 real runs of 17×20×17×148", Path(real) / "rest_group", folder, repeats)
    return [*found, growth(folder)]


def beside(what: str, runs: Path, folder: Path, repeats: int) -> list[measure.Row]:
    """The rows of one group of runs."""
    theirs, objectives = watched(runs)
    start = start_of(theirs, folder)
    same = ours(runs, start, search="early", reduction="randomized")
    image = nib.as_closest_canonical(theirs.components_img_).get_fdata().T
    inside = nib.as_closest_canonical(theirs.mask_img_).get_fdata().T > 0
    measure.require_agreement("the mask", float((same.mask.data != inside).mean()), 0.0)
    r = matched(same.data[:, inside], image[:, inside])
    measure.require_agreement("networks (1 - |r|)", float(1 - r.min()), 1 - SIMILAR)
    full = ours(runs, start, reduction="randomized")
    measure.require_agreement("the objective of all passes, above nilearn's", full.objective / objectives[0] - 1, 1e-6)
    early = {"ours": lambda: ours(runs, search="early"), "ours, full": lambda: ours(runs)}
    times = measure.timed({**early, "nilearn": lambda: nilearn(runs)}, repeats)
    peaks = [measure.peak_memory("benchmarks.learn", who, runs) for who in ("ours", "nilearn")]
    on_top = peaks[0][1] / peaks[1][1]
    note = (
        f'{what}: from nilearn\'s start, |r| with its networks is {r.min():.4f} or more (`search="early", '
        f'reduction="randomized"`). The objective is {objectives[0]:.2f} in nilearn, {same.objective:.2f} there and '
        f"{full.objective:.2f} after all passes. On top of what the imports take, learning needs {peaks[0][1]:.0f} MiB and "
        f"nilearn {peaks[1][1]:.0f}: {on_top:.2f} of it."
    )
    ratio = times["nilearn"].median / times["ours"].median
    memory = f"{peaks[0][0]:.0f} / {peaks[1][0]:.0f} MiB"
    title = f"{group.NETWORKS} networks of {what}"
    return [
        measure.Row(f"{title}, as early as nilearn", times["ours"], times["nilearn"], "–", "≥ 6 ×", ratio >= 6, note),
        measure.Row(
            f"{title}, all passes", times["ours, full"], times["nilearn"], memory, "memory ≤ 1/3 of nilearn's, imports aside",
            on_top <= 1 / 3,
        ),
    ]  # fmt: skip


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


def reduce(folder: Path) -> None:
    """What is kept of each run of a folder, and no more."""
    from napari_connectome.studies.learn_networks import reduce_runs

    reduce_runs(_runs(folder), _params())


load_reduce = load_ours


def many(folder: Path, count: int) -> Path:
    """A folder of so many runs: those of the group, each under several names."""
    place = folder / f"group-{count}"
    place.mkdir(exist_ok=True)
    for i in range(count):
        path = place / f"sub-{i + 1:03d}_task-rest_bold.nii.gz"
        if not path.exists():
            path.hardlink_to(group.make(folder)[i % group.SUBJECTS])
    return place


def growth(folder: Path) -> measure.Row:
    """A hundred runs beside twenty: what each more costs."""
    few, lot = many(folder, 20), many(folder, 100)
    times = {count: measure.timed({"": lambda place=place: reduce(place)}, 1)[""] for count, place in ((20, few), (100, lot))}
    peaks = [measure.peak_memory("benchmarks.learn", "reduce", place)[0] for place in (few, lot)]
    voxels = int(ours(few).mask.data.sum())
    kept = 80 * group.NETWORKS * voxels * 4 / 2**20
    ratio = times[100].median / times[20].median
    return measure.Row(
        "100 runs instead of 20 (copies), reduced",
        times[100],
        memory=f"{peaks[1]:.0f} MiB, 20 runs {peaks[0]:.0f}",
        target="5 × the time of 20, memory only that of what is kept",
        met=ratio <= 5.5 and peaks[1] - peaks[0] <= 1.1 * kept,
        note=f"A hundred runs take {ratio:.1f} times as long as twenty, and {peaks[1] - peaks[0]:.0f} MiB more; what is kept "
        f"of 80 runs are {kept:.0f} MiB (4 · {voxels:,} voxels · {group.NETWORKS} · 80 bytes).",
    )
