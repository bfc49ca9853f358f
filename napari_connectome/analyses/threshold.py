"""Which voxels of a statistical map are high enough."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_connectome.core.discoveries import discoveries
from napari_connectome.core.errors import InputError
from napari_connectome.core.masks import background_mask, inside_of
from napari_connectome.core.neighbours import connectivity_param
from napari_connectome.core.params import Params, param
from napari_connectome.core.percentile import percentile
from napari_connectome.core.pieces import pieces
from napari_connectome.core.values import Volume, expect

Array = npt.NDArray[Any]

TESTS = ("fpr", "fdr", "bonferroni")
"""The methods that go by p values."""


@dataclass(frozen=True, kw_only=True)
class Threshold(Params):
    """How high is high enough, and how many voxels must be so together."""

    method: str = param(
        "value",
        "Value: in the map's own unit. Percentile: of the map's voxels. Fpr: p in each voxel. "
        "Fdr: the share of false ones among those found. Bonferroni: p divided by the number of voxels.",
        choices=("value", "percentile", *TESTS),
    )
    value: float = param(5.0, "Voxels with this value or more are kept.", low=-1e6, high=1e6, step=0.1)
    percentile: float = param(99.0, "Voxels above this percentile of all are kept.", unit="%", low=0.0, high=100.0, step=0.1)
    alpha: float = param(0.05, "The p, or the rate of false discoveries, that is allowed.", low=0.0, high=0.5, step=0.001)
    two_sided: bool = param(True, "Negative values count as well as positive ones, by their size.")
    cluster_size: int = param(
        0,
        "Clusters of fewer voxels are dropped, for each sign by itself; 0 is off.",
        unit="voxels",
        low=0,
        high=1_000_000,
        off=0,
    )
    connectivity: int = connectivity_param()

    def in_words(self, of: str = "value", height: float | None = None) -> str:
        """The threshold as people write it: "-log10 p ≥ 5".

        Parameters
        ----------
        of : str
            What the map holds: "-log10 p", "t", "|t|".
        height : float, optional
            What a percentile or a p comes to in the map's unit, see `Thresholder.height`.
        """
        below = self.method == "value" and self.value < 0 and not self.two_sided
        ways = {
            "value": f"{of} {'≤' if below else '≥'} {self.value:g}",
            "percentile": f"percentile {self.percentile:g} of {of}",
            "fpr": f"p ≤ {self.alpha:g}",
            "fdr": f"FDR q ≤ {self.alpha:g}",
            "bonferroni": f"Bonferroni p ≤ {self.alpha:g}",
        }
        words = ways[self.method]
        if height is not None and self.method != "value":
            words += f" ({of} ≥ {height:.4g})"
        return words + (f", clusters of {self.cluster_size} voxels and more" if self.cluster_size > 1 else "")


def threshold(volume: Volume, params: Threshold | None = None, mask: Volume | None = None, p: Volume | None = None) -> Volume:
    """Set to 0 what is not high enough.

    The same voxels as nilearn's ``threshold_img`` (value, percentile) and ``threshold_stats_img`` (fpr, fdr, bonferroni).

    Parameters
    ----------
    volume : Volume
        A map; NaN and infinities count as 0. For fpr, fdr and bonferroni it holds z values, unless `p` is given.
    params : Threshold, optional
    mask : Volume, optional
        Only voxels in it count and are kept. Without it the percentile is that of all voxels of the image, zeros included,
        and the tests are the voxels that differ from the background of the map.
    p : Volume, optional
        The p values of the map's two-sided tests. One-sided, positive values have half of them, as the test of their
        direction; those of a map without negative values, as F, are taken as they are, since it has no direction. The
        number of tests is that of the finite p in the mask; without a mask, of those where the statistic is not 0: voxels
        outside the brain, where nothing varies, are no tests.

    Returns
    -------
    Volume
        The values that were kept, 0 elsewhere. Its origins, where the map has some, say the threshold in words.
    """
    params = Threshold.given(params)
    thresholder = Thresholder(volume, mask, p)
    kept = thresholder.mask(params)
    of = f"|{volume.name}|" if params.two_sided and thresholder.directed else volume.name
    words = params.in_words(of, thresholder.height(params)) if volume.origins else ""
    origins = tuple(replace(origin, threshold=", ".join(filter(None, (origin.threshold, words)))) for origin in volume.origins)
    return Volume(np.where(kept, volume.data, volume.data.dtype.type(0)), volume.grid, volume.name, origins)


class Thresholder:
    """A map prepared so that one threshold after another costs milliseconds; parameters as for `threshold`."""

    def __init__(self, volume: Volume, mask: Volume | None = None, p: Volume | None = None) -> None:
        expect("the map", volume, Volume)
        for other, what in ((mask, "the mask"), (p, "the image of p values")):
            if other is not None:
                expect(what, other, Volume)
                volume.grid.require(other.grid, volume.name, what)
        self.volume = volume
        self._inside = None if mask is None else inside_of(mask.data, "the mask")
        if self._inside is not None and not self._inside.any():
            raise InputError("the mask is empty: choose one with voxels in the brain.")
        data = volume.data.astype(np.float64) if volume.data.dtype.kind in "biu" else volume.data
        counts = np.isfinite(data) if self._inside is None else np.isfinite(data) & self._inside
        self._data = data if counts.all() else np.where(counts, data, data.dtype.type(0))
        self._p = None if p is None else _p_values(p)

    def height(self, params: Threshold) -> float:
        """The threshold in the unit of the map: what is as high, or higher, is kept.

        With p values, which may depend on more than the statistic, the lowest value that is kept, by size; infinite where
        none is.
        """
        if self._p is not None and params.method in TESTS:
            kept = np.abs(self._data[self._by_p(self._p, params)])
            return float(kept.min()) if len(kept) else math.inf
        return self._level(params)

    def mask(self, params: Threshold) -> Array:
        """Which voxels are kept, as (z, y, x) of bool; none of them is 0."""
        if self._p is not None and params.method in TESTS:
            kept = self._by_p(self._p, params)
        else:
            kept = self._beyond(self._level(params), params.two_sided)
        if params.cluster_size < 2:
            return kept
        signs = kept.view(np.uint8) + (kept & (self._data < 0))
        clusters = pieces(signs, params.connectivity)
        return clusters.paint(clusters.sizes >= params.cluster_size)

    def _beyond(self, level: float, two_sided: bool) -> Array:
        data = self._data
        kept: Array = data >= level if two_sided or level >= 0 else data <= level
        if two_sided:
            kept |= data <= -level
        if level == 0:
            kept &= data != 0
        return kept

    def _level(self, params: Threshold) -> float:
        if params.method == "value":
            if params.value < 0 and params.two_sided:
                raise InputError(
                    f"the threshold {params.value:g} is negative and two-sided: give it without its sign, or take one side."
                )
            return params.value
        if params.method == "percentile":
            values = self._magnitudes if params.two_sided else self._positive
            return percentile(values, params.percentile) + 1e-5 if len(values) else math.inf
        return self._z_level(params)

    def _z_level(self, params: Threshold) -> float:
        """The z value of a p, the alpha of two-sided tests being shared between the sides, as nilearn does it."""
        from scipy.special import ndtri

        alpha = params.alpha / 2 if params.two_sided else params.alpha
        if params.method == "fpr":
            return -float(ndtri(alpha))
        z, p = self._sizes_of_z if params.two_sided else self._signed_z
        if params.method == "bonferroni":
            return -float(ndtri(alpha / len(z)))
        found = np.flatnonzero(p < alpha * np.linspace(1 / len(z), 1, len(z)))
        return float(z[found[-1]] - 1e-12) if len(found) else math.inf

    def _by_p(self, p: Array, params: Threshold) -> Array:
        """Which voxels are kept by their p values."""
        tested, in_order = self._tests(params.two_sided)
        if params.method == "fdr":
            found = discoveries(in_order, params.alpha)
            highest = float(in_order[found - 1]) if found else -1.0
        else:
            highest = params.alpha if params.method == "fpr" else params.alpha / max(1, len(in_order))
        # One-sided, p is half of it where the statistic is positive; elsewhere it is not below a half.
        halves = not params.two_sided and self.directed
        low, side = (p <= 2 * highest, self._data > 0) if halves else (p <= highest, self._data != 0)
        kept: Array = tested & low & side
        return kept

    def _tests(self, two_sided: bool) -> tuple[Array, Array]:
        """Which voxels are tests (z, y, x), and their p values in ascending order."""
        return self._two_sided_tests if two_sided or not self.directed else self._one_sided_tests

    @cached_property
    def directed(self) -> bool:
        """Whether the map says in which direction something differs: t does, F does not."""
        return bool((self.volume.data < 0).any())

    @cached_property
    def _tested(self) -> Array:
        assert self._p is not None
        tests: Array = np.isfinite(self._p) & (self._data != 0 if self._inside is None else self._inside)
        return tests

    @cached_property
    def _two_sided_tests(self) -> tuple[Array, Array]:
        assert self._p is not None
        return self._tested, np.sort(self._p[self._tested])

    @cached_property
    def _one_sided_tests(self) -> tuple[Array, Array]:
        assert self._p is not None
        half, positive = self._p[self._tested] / 2, self._data[self._tested] > 0
        return self._tested, np.sort(np.where(positive, half, 1 - half))

    @cached_property
    def _counted(self) -> Array:
        """Values of the voxels that a percentile is taken of."""
        return self._data.ravel() if self._inside is None else self._data[self._inside]

    @cached_property
    def _magnitudes(self) -> Array:
        return np.sort(np.abs(self._counted))

    @cached_property
    def _positive(self) -> Array:
        return np.sort(self._counted[self._counted >= 0])

    @cached_property
    def _z(self) -> Array:
        """The z values of the voxels that are tests."""
        tests = background_mask(self.volume.data) if self._inside is None else self._inside
        if not tests.any():
            raise InputError(f"{self.volume.name} has the same value in every voxel, so there is nothing to test.")
        return self._data[tests]

    @cached_property
    def _sizes_of_z(self) -> tuple[Array, Array]:
        return _descending(np.abs(self._z))

    @cached_property
    def _signed_z(self) -> tuple[Array, Array]:
        return _descending(self._z)


def _p_values(p: Volume) -> Array:
    values = np.asarray(p.data, dtype=np.float64)
    finite = values[np.isfinite(values)]
    if len(finite) and (finite.min() < 0 or finite.max() > 1):
        raise InputError(
            f"{p.name} holds values from {finite.min():g} to {finite.max():g}, and p values lie between 0 and 1: "
            "give p, not its logarithm."
        )
    return values


def _descending(z: Array) -> tuple[Array, Array]:
    """Values from the highest down, and the p of each."""
    from scipy.special import ndtr

    ordered = np.sort(z)[::-1]
    return ordered, ndtr(-ordered.astype(np.float64))
