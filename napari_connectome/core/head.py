"""A head that nobody owns: the tissues of a brain of MNI size, written as formulas, for phantoms.

Plain elementwise arithmetic in float32 throughout, no matrix products, so that the result does not depend on threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_connectome.core.grid import Grid

Array = npt.NDArray[Any]

MARKER = (80.0, 22.0, -6.0)
"""Centre in mm of the capsule at the right temple, as scanners tape one there to tell left from right."""

_SURFACE = 0.6  # mm of fluid over the cortex, and in half a sulcus
_CORTEX = 3.0  # mm
_SULCUS = 21.0  # mm, how deep a sulcus cuts


@dataclass(frozen=True)
class Tissues:
    """Fractions (z, y, x), float32, 0 to 1, of what a voxel holds.

    `brain` is grey + white + csf; `cerebrum` the part of it above the tentorium; `rim` the 8 mm of faint signal around.
    """

    grey: Array
    white: Array
    csf: Array
    cerebrum: Array
    rim: Array

    @property
    def brain(self) -> Array:
        """Everything inside the skull."""
        return np.asarray(self.grey + self.white + self.csf)

    def halved(self) -> Tissues:
        """The same head at twice the voxel size, with every second voxel centre kept and voxels averaged about it."""
        return Tissues(*(_halved(part) for part in (self.grey, self.white, self.csf, self.cerebrum, self.rim)))


def mni_grid(size: float) -> Grid:
    """The MNI152 box, 180 × 216 × 180 mm, at a voxel size in mm; the origin lies where nilearn and FSL have it."""
    shape = tuple(int(extent // size) + 1 for extent in (180, 216, 180))
    affine = np.diag([size, size, size, 1.0])
    affine[:3, 3] = (-90, -126, -72)
    return Grid(shape, affine)  # type: ignore[arg-type]


def tissues(grid: Grid) -> Tissues:
    """The tissues on a grid without rotation; borders are partial over one voxel."""
    z, y, x = _axes(grid)
    edge = min(grid.voxel_size)
    cerebrum, cerebellum, stem = _cerebrum(x, y, z), _cerebellum(x, y, z), _stem(x, y, z)
    hull = np.maximum(np.maximum(cerebrum, cerebellum), stem)
    inside = _ramp(hull, edge)
    above = np.minimum(cerebrum, -cerebellum)
    folded = np.minimum(above, _sulci(x, y, z, edge, cerebrum)) - np.float32(_SURFACE)
    folia = np.minimum(cerebellum, _folia(y, z, cerebellum)) - np.float32(_SURFACE)
    stem = _ramp(stem, edge)
    tissue = np.maximum(np.maximum(_ramp(folded, edge), _ramp(folia, edge)), stem)
    white = np.maximum(np.maximum(_ramp(folded - np.float32(_CORTEX), edge), _ramp(folia - np.float32(2.4), edge)), stem)
    nuclei = _ramp(_nuclei(x, y, z), edge)
    tissue, white = np.maximum(tissue, nuclei), white * (1 - nuclei)
    tissue = tissue * (1 - _ramp(_ventricles(x, y, z), edge)) * inside
    white = np.minimum(white, tissue)
    return Tissues(
        tissue - white, white, inside - tissue, _ramp(above, edge) * inside, _ramp(hull + np.float32(8), edge) - inside
    )


def marker(grid: Grid) -> Array:
    """The capsule at the right temple, fraction (z, y, x), float32."""
    z, y, x = _axes(grid)
    return _ramp(_ball(x, y, z, MARKER, (4, 6, 4)), min(grid.voxel_size))


def _axes(grid: Grid) -> tuple[Array, Array, Array]:
    """The coordinates in mm along z, y and x, ready to broadcast."""
    lines = [grid.affine[a, 3] + grid.affine[a, a] * np.arange(grid.shape[2 - a]) for a in range(3)]
    x, y, z = (line.astype(np.float32) for line in lines)
    return z[:, None, None], y[:, None], x


def _halved(fine: Array) -> Array:
    """Average 1 2 1 about every second voxel; outside there is nothing."""
    for axis in range(3):
        line = np.moveaxis(np.pad(fine, [(int(a == axis),) * 2 for a in range(3)]), axis, 0)
        fine = np.moveaxis(line[1:-1:2] * np.float32(0.5) + (line[:-2:2] + line[2::2]) * np.float32(0.25), 0, axis)
    return np.ascontiguousarray(fine)


def _ramp(depth: Array, width: float) -> Array:
    """From 0 outside to 1 inside, a straight line of this width in mm across the border."""
    return np.asarray(np.clip(depth * np.float32(1 / width) + np.float32(0.5), 0, 1))


def _ball(x: Array, y: Array, z: Array, centre: tuple[float, ...], radii: tuple[float, ...]) -> Array:
    """Depth in mm, about, below the surface of an ellipsoid: the way along the ray from its centre."""
    u, v, w = ((a - np.float32(c)) for a, c in zip((x, y, z), centre, strict=True))
    p, q, r = (np.float32(1 / radius**2) for radius in radii)
    scaled = np.sqrt(u * u * p + v * v * q + w * w * r) + np.float32(1e-3)
    length = np.sqrt(u * u + v * v + w * w) + np.float32(1e-3 * min(radii))
    return np.asarray(length * (1 / scaled - 1))


def _tube(x: Array, y: Array, z: Array, start: tuple[float, ...], end: tuple[float, ...], radius: float) -> Array:
    """Depth in mm below the surface of a tube with round ends."""
    way = np.array(end, dtype=np.float32) - np.array(start, dtype=np.float32)
    u, v, w = ((a - np.float32(c)) for a, c in zip((x, y, z), start, strict=True))
    along = np.clip((u * way[0] + v * way[1] + w * way[2]) / np.float32(sum(float(c) ** 2 for c in way)), 0, 1)
    return np.asarray(
        np.float32(radius) - np.sqrt((u - along * way[0]) ** 2 + (v - along * way[1]) ** 2 + (w - along * way[2]) ** 2)
    )


def _cerebrum(x: Array, y: Array, z: Array) -> Array:
    """Depth in mm inside the cerebrum: an egg, blunt behind and narrower in front, flat below, and two temporal lobes."""
    power = np.float32(2.3)
    side = np.abs(x) / np.where(y > -25, 70 - 0.10 * (y + 25), 70 - 0.14 * (-25 - y)).astype(np.float32)
    fore = np.abs(y + 17) / np.float32(89)
    high = np.abs(z - 10) / np.where(z > 10, 69, 36).astype(np.float32)
    scaled = (side**power + fore**power + high**power) ** np.float32(1 / 2.3) + np.float32(1e-3)
    egg = np.sqrt(x * x + (y + 17) ** 2 + (z - 10) ** 2) * (1 / scaled - 1)
    lobes = _ball(np.abs(x), y, z + 0.25 * (y + 18), (44, -18, -20), (22, 40, 23))
    return np.asarray(np.maximum(egg, lobes))


def _cerebellum(x: Array, y: Array, z: Array) -> Array:
    return _ball(np.abs(x), y, z, (18, -64, -38), (36, 29, 24))


def _stem(x: Array, y: Array, z: Array) -> Array:
    stem = _tube(x, y, z, (0, -20, -6), (0, -42, -80), 9.5)
    return np.maximum(stem, _ball(x, y, z, (0, -27, -34), (17, 13, 15)))


def _sulci(x: Array, y: Array, z: Array, spacing: float, depth: Array) -> Array:
    """Distance in mm to the nearest sheet of fluid that cuts into the cerebrum: folds, Sylvian and midline fissure."""
    field, slope = _wrinkles(x, y, z, spacing)
    beyond = np.maximum(depth - np.float32(_SULCUS), 0)
    folds = np.sqrt((field / slope) ** 2 + beyond * beyond)
    lateral = np.abs(z + 0.42 * y - 2) / np.float32(1.085)
    outside = np.maximum(np.maximum(36 - np.abs(x), np.abs(y + 10) - 36), 0)
    sylvian = np.sqrt(lateral * lateral + outside * outside)
    core = np.maximum(_ball(x * 0, y, z, (0, -6, 2), (30, 36, 25)), 0)
    midline = np.sqrt(x * x + core * core) + np.float32(0.4)
    return np.asarray(np.minimum(np.minimum(folds, sylvian), midline))


def _wrinkles(x: Array, y: Array, z: Array, spacing: float) -> tuple[Array, Array]:
    """A field of plane waves whose zeros are the sulci, a little different on both sides, and the length of its gradient."""
    rng = np.random.default_rng(1909)
    side = np.abs(x) + np.where(x < 0, 1.5, 0).astype(np.float32)
    field: Any = np.float32(0)
    for _ in range(9):
        direction = rng.standard_normal(3)
        wave = 2 * np.pi / rng.uniform(17, 25) * direction / np.sqrt(sum(c * c for c in direction.tolist()))
        parts = [np.exp(1j * (c * a.astype(np.float64))).astype(np.complex64) for c, a in zip(wave, (side, y, z), strict=True)]
        flat = (parts[0] * np.complex64(np.exp(1j * rng.uniform(0, 2 * np.pi)))) * parts[1]
        field = field + (flat.real * parts[2].real - flat.imag * parts[2].imag)
    steps = np.gradient(field, np.float32(spacing))
    return field, np.sqrt(steps[0] ** 2 + steps[1] ** 2 + steps[2] ** 2) + np.float32(0.2)


def _folia(y: Array, z: Array, depth: Array) -> Array:
    """Distance in mm to the fine leaves of the cerebellum, which stand around its middle."""
    turn = np.arctan2(z + 36, np.sqrt((y + 50) ** 2 + 1))
    sheet = np.abs(np.sin(turn * np.float32(11))) * np.float32(3)
    beyond = np.maximum(depth - 9, 0)
    return np.asarray(np.sqrt(sheet * sheet + beyond * beyond))


def _ventricles(x: Array, y: Array, z: Array) -> Array:
    side = np.abs(x)
    parts = (
        _tube(side, y, z, (9, 28, 5), (12, 0, 20), 4.5),
        _tube(side, y, z, (12, 0, 20), (25, -40, 15), 5.0),
        _tube(side, y, z, (25, -40, 15), (25, -66, 8), 3.5),
        _tube(side, y, z, (25, -40, 13), (33, -18, -16), 2.5),
        _ball(x, y, z, (0, -18, 1), (2.5, 16, 8)),
        _ball(x, y, z, (0, -44, -32), (5, 5, 9)),
    )
    deepest = parts[0]
    for part in parts[1:]:
        deepest = np.maximum(deepest, part)
    return deepest


def _nuclei(x: Array, y: Array, z: Array) -> Array:
    side = np.abs(x)
    thalamus = _ball(side, y, z, (11, -19, 7), (8, 14, 8))
    caudate = _ball(side, y, z, (13, 13, 9), (5, 11, 9))
    putamen = _ball(side, y, z, (27, 3, 1), (6, 16, 10))
    return np.maximum(np.maximum(thalamus, caudate), putamen)
