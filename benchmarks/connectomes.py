"""Tangent connectomes of twenty subjects: from their series of a hundred regions, beside nilearn's ConnectivityMeasure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import measure

SUBJECTS, REGIONS, VOLUMES, FACTORS = 20, 100, 168, 10
TOLERANCE = 1e-10  # of the largest tangent


def series() -> list[Any]:
    """The series (t × r) of each subject: what all have in common, what is their own, and noise."""
    shared = np.random.default_rng(0).standard_normal((FACTORS, REGIONS))
    found = []
    for subject in range(SUBJECTS):
        rng = np.random.default_rng(subject + 1)
        mixing = shared + 0.3 * rng.standard_normal(shared.shape)
        found.append(rng.standard_normal((VOLUMES, FACTORS)) @ mixing + 2 * rng.standard_normal((VOLUMES, REGIONS)))
    return found


def load_ours() -> None:
    """Import what `ours` uses."""
    import sklearn.covariance  # noqa: F401

    import napari_connectome as nc

    _ = nc.connectome, nc.Connectivity, nc.Series


def ours(subjects: list[Any]) -> Any:
    """The tangents (s, r, r)."""
    import napari_connectome as nc

    names = [f"region {i}" for i in range(REGIONS)]
    return nc.connectome([nc.Series(each, names, 2.0) for each in subjects], nc.Connectivity(kind="tangent")).matrices


def load_nilearn() -> None:
    """Import what `nilearn` uses."""
    import nilearn.connectome  # noqa: F401


def nilearn(subjects: list[Any]) -> Any:
    """The tangents (s, r, r)."""
    from nilearn.connectome import ConnectivityMeasure

    return ConnectivityMeasure(kind="tangent").fit_transform(subjects)


def rows(folder: Path, repeats: int) -> list[measure.Row]:
    """Compare, then measure."""
    del folder  # nothing is read
    load_ours()
    load_nilearn()
    subjects = series()
    mine, theirs = ours(subjects), nilearn(subjects)
    difference = float(np.abs(mine - theirs).max() / np.abs(theirs).max())
    measure.require_agreement("tangent connectomes", difference, TOLERANCE)
    contenders = {"ours": lambda: ours(subjects), "nilearn": lambda: nilearn(subjects)}
    times, work = measure.timed(contenders, repeats), measure.in_one_thread(contenders, min(repeats, 3))
    return [
        measure.Row(
            f"tangent connectomes of {SUBJECTS} subjects, {REGIONS} regions × {VOLUMES} volumes",
            times["ours"],
            times["nilearn"],
            target="≥ 3 ×",
            met=times["nilearn"].median / times["ours"].median >= 3,
            note=f"Tangents differ by at most {difference:.1g} of the largest. Both decompose as many matrices; ours two at a "
            "time, each in one thread, where nilearn's linear algebra takes all cores for each, and waits for them where "
            f"others are at work. In processor time, with one thread for the linear algebra of both, it is "
            f"{work['nilearn'] / work['ours']:.1f} ×.",
        )
    ]
