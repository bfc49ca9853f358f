"""Twenty runs with networks in common, made from fixed seeds in a cache folder, once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import data

Array = npt.NDArray[Any]
SHAPE = data.SMALL
SUBJECTS = 20
NETWORKS = 20


def make(folder: Path, subjects: int = SUBJECTS) -> list[Path]:
    """Write the runs that are not there yet; return their paths."""
    place = folder / "group"
    place.mkdir(parents=True, exist_ok=True)
    paths = [place / f"sub-{i + 1:02d}_task-rest_bold.nii.gz" for i in range(subjects)]
    weights = None
    for i, path in enumerate(paths):
        if not path.exists():
            weights = _weights() if weights is None else weights
            data.write(path, SHAPE, _volumes(np.random.default_rng([7, i]), weights))
    return paths


def _weights() -> Array:
    """The networks (k, z, y, x): each of two to four places with a width of 12 mm, on both sides."""
    rng = np.random.default_rng(7)
    inside = data.brain(SHAPE)
    voxels = np.argwhere(inside).astype(np.float32)
    weights = np.zeros((NETWORKS, *inside.shape), dtype=np.float32)
    middle = (SHAPE.size[0] - 1) / 2
    for network in weights:
        total = np.zeros(len(voxels), dtype=np.float32)
        for centre in voxels[rng.choice(len(voxels), rng.integers(1, 3))]:
            for side in (1, -1):  # as most networks, on both
                there = np.array([centre[0], centre[1], middle + side * (centre[2] - middle)], dtype=np.float32)
                away = ((voxels - there) ** 2).sum(axis=1) * SHAPE.voxel**2
                total = np.maximum(total, np.exp(-away / (2 * 12.0**2)))
        network[inside] = total
    return weights


def _volumes(rng: np.random.Generator, weights: Array) -> Iterator[Array]:
    """Volumes (z, y, x) int16: networks, a drift and noise on a baseline; a noisy surround as in raw EPI."""
    inside = data.brain(SHAPE)
    courses = data.slow(rng, SHAPE, NETWORKS).astype(np.float32) * rng.uniform(16, 32, NETWORKS).astype(np.float32)
    baseline = np.where(inside, 700 + 200 * rng.random(inside.shape), 20).astype(np.float32)
    drift = rng.standard_normal(inside.shape, dtype=np.float32) * 4 * inside
    grain = np.where(inside, 10, 5).astype(np.float32)
    for t, level in enumerate(np.linspace(-1, 1, SHAPE.volumes)):
        volume = baseline + np.tensordot(courses[t], weights, 1) + np.float32(level) * drift
        yield np.rint(volume + grain * rng.standard_normal(inside.shape, dtype=np.float32)).astype(np.int16)
