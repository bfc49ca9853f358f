"""The runs that are measured: made from a fixed seed, in a cache folder, once."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pandas as pd

Array = npt.NDArray[Any]
CONFOUNDS = [
    *("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z"),
    *("csf", "white_matter", "framewise_displacement"),
    *(f"a_comp_cor_{i:02d}" for i in range(6)),
]


@dataclass(frozen=True)
class Shape:
    """What one of the runs looks like; `seed` is the centre of a voxel, in mm."""

    name: str
    size: tuple[int, int, int]  # x, y, z
    volumes: int
    voxel: float  # mm
    tr: float  # s
    brain: float  # share of the voxels that lie in the brain
    suffix: str
    seed: tuple[float, float, float]

    def path(self, folder: Path) -> Path:
        """Where the run lies."""
        return folder / f"{self.name}-{self.volumes}{self.suffix}"

    def fewer(self, volumes: int) -> Shape:
        """The same with another number of volumes."""
        return replace(self, volumes=volumes)

    def stored(self, suffix: str) -> Shape:
        """The same in another kind of file."""
        return replace(self, suffix=suffix)

    @property
    def describe(self) -> str:
        """The size as people write it."""
        return "×".join(map(str, (*self.size, self.volumes)))


# Like nilearn's development fMRI data, like a run of the Human Connectome Project, and like a subject of Haxby 2001.
SMALL = Shape("small", (50, 59, 50), 168, 4.0, 2.0, 0.22, ".nii.gz", (0.0, -52.0, 20.0))
LARGE = Shape("large", (91, 109, 91), 1200, 2.0, 0.72, 0.2526, ".nii", (0.0, -52.0, 18.0))
TASK = Shape("task", (40, 64, 64), 1452, 3.5, 2.5, 0.25, ".nii.gz", (0.0, 0.0, 0.0))


def confounds_path(run: Path) -> Path:
    """The table beside a run."""
    return run.parent / f"{run.name.partition('.')[0]}_confounds.tsv"


def make(shape: Shape, folder: Path) -> Path:
    """Write the run and its confounds table unless they are there already; return the run's path."""
    path = shape.path(folder)
    if path.exists() and confounds_path(path).exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    table = _confounds(rng, shape.volumes)
    table.to_csv(confounds_path(path), sep="\t", index=False)
    write(path, shape, _volumes(rng, shape, table.to_numpy()))
    return path


def write(path: Path, shape: Shape, volumes: Iterable[Array]) -> None:
    """Write a run from its volumes (z, y, x) of int16; the file has its name once it is whole."""
    header = nib.Nifti1Header()
    header.set_data_shape((*shape.size, shape.volumes))
    header.set_data_dtype(np.int16)
    header.set_xyzt_units("mm", "sec")
    affine = _affine(shape)
    header.set_sform(affine, 4)
    header.set_qform(affine, 4)
    header["pixdim"][4] = shape.tr
    header.set_data_offset(352)
    unfinished = path.with_name("unfinished-" + path.name)
    with gzip.open(unfinished, "wb", 1) if shape.suffix.endswith("gz") else unfinished.open("wb") as file:
        file.write(header.binaryblock + bytes(4))
        for volume in volumes:
            file.write(volume.tobytes())
    unfinished.rename(path)


def _affine(shape: Shape) -> Array:
    affine = np.diag([shape.voxel, shape.voxel, shape.voxel, 1.0])
    # A voxel centre at (0, 0, 0) in the middle of x, and as in MNI a little behind and below the middle otherwise.
    middle = np.array([shape.size[0] // 2, round(shape.size[1] * 0.58), round(shape.size[2] * 0.4)])
    affine[:3, 3] = -shape.voxel * middle
    return affine


def _confounds(rng: np.random.Generator, volumes: int) -> pd.DataFrame:
    steps = rng.standard_normal((volumes, len(CONFOUNDS)))
    columns = np.cumsum(steps, axis=0) * 0.02 + 0.1 * rng.standard_normal(steps.shape)
    return pd.DataFrame(columns, columns=CONFOUNDS)


def brain(shape: Shape) -> Array:
    """An ellipsoid (z, y, x) that fills the wanted share of the grid, exactly."""
    z, y, x = np.ogrid[tuple(slice(-1, 1, n * 1j) for n in shape.size[::-1])]
    away = z**2 + y**2 + x**2
    return away <= np.partition(away.ravel(), n := round(shape.brain * away.size) - 1)[n]


def _volumes(rng: np.random.Generator, shape: Shape, confounds: Array) -> Iterator[Array]:
    """Twenty networks, the confounds, a drift and noise on a baseline inside the brain; 0 outside it."""
    inside = brain(shape)
    voxels = int(inside.sum())
    baseline = (700 + 200 * rng.random(voxels)).astype(np.float32)
    parts = np.column_stack([slow(rng, shape, 20), confounds, np.linspace(-1, 1, shape.volumes)]).astype(np.float32)
    where = rng.integers(0, 20, size=voxels)
    weights = rng.standard_normal((parts.shape[1], voxels), dtype=np.float32) * 2
    weights[where, np.arange(voxels)] += 12
    out = np.zeros(inside.shape, dtype=np.int16)
    for row in parts:
        out[inside] = np.rint(baseline + row @ weights + 8 * rng.standard_normal(voxels, dtype=np.float32))
        yield out


def slow(rng: np.random.Generator, shape: Shape, n: int) -> Array:
    """Series (t × n) of unit variance with power between 0.01 and 0.1 Hz."""
    frequency = np.fft.rfftfreq(shape.volumes, shape.tr)
    band = (frequency >= 0.01) & (frequency <= 0.1)
    spectrum = (rng.standard_normal((n, len(frequency))) + 1j * rng.standard_normal((n, len(frequency)))) * band
    series = np.fft.irfft(spectrum, shape.volumes).T
    return series / series.std(axis=0)
