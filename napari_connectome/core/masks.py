"""Where the brain is: masks from the mean image of a run, the same sets of voxels as nilearn's."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_connectome.core.errors import InputError, Progress, silent
from napari_connectome.core.smoothing import smooth_array

Array = npt.NDArray[Any]

BORDER = 2
"""Thickness in voxels of the shell of the image that is taken for background."""


def mean_volume(data: Array, progress: Progress = silent) -> Array:
    """Mean over time (z, y, x) of a run (t, z, y, x), added up in float64 without a float64 copy of the run."""
    if data.ndim == 3:
        return data.astype(np.float64, copy=False)
    total = np.zeros(data.shape[1:])
    # About a tenth of a second between two calls of progress.
    step = max(1, 2**26 // max(total.size, 1))
    for start in range(0, len(data), step):
        progress(start / len(data), "averaging the volumes")
        for volume in data[start : start + step]:
            total += volume
    return np.asarray(total / len(data))


def background_mask(
    data: Array, *, border: int = BORDER, opening: int = 0, connected: bool = False, progress: Progress = silent
) -> Array:
    """Voxels whose mean over time is not the background's, as bool (z, y, x).

    The background is the median of the border of the mean image, or NaN where the border holds any. Right for images that
    were masked or have a constant surround. Same as ``nilearn.masking.compute_background_mask``.

    Parameters
    ----------
    data : (t, z, y, x) or (z, y, x) array
    border : int
        Thickness of the border in voxels.
    opening, connected
        See `tidy`.
    """
    mean = mean_volume(data, progress)
    shell = _border(mean, border)
    mask = ~np.isnan(mean) if np.isnan(shell).any() else mean != np.median(shell)
    return tidy(mask, opening=opening, connected=connected)


def epi_mask(
    data: Array,
    *,
    lower_cutoff: float = 0.2,
    upper_cutoff: float = 0.85,
    exclude_zeros: bool = False,
    opening: int = 2,
    connected: bool = True,
    progress: Progress = silent,
) -> Array:
    """Voxels brighter than the widest gap in the histogram of the mean image, as bool (z, y, x).

    Right for raw EPI with a noisy surround. Same as ``nilearn.masking.compute_epi_mask``.

    Parameters
    ----------
    data : (t, z, y, x) or (z, y, x) array
    lower_cutoff, upper_cutoff : float
        Fractions of the sorted voxels between which the gap is looked for.
    exclude_zeros : bool
        Leave out voxels that are exactly 0, as in images that were masked before.
    opening, connected
        See `tidy`. Any opening also smooths the mean image by one voxel FWHM first.
    """
    mean = mean_volume(data, progress)
    missing = np.isnan(mean)
    if opening:
        mean = smooth_array(mean, 1.0, (1.0, 1.0, 1.0))
    mean = np.where(missing | ~np.isfinite(mean), 0.0, mean)
    values = np.sort(mean, axis=None)
    if exclude_zeros:
        values = values[values != 0]
    low = int(np.floor(lower_cutoff * len(values)))
    high = min(int(np.floor(upper_cutoff * len(values))), len(values) - 1)
    if high <= low:
        return np.zeros(mean.shape, dtype=bool)
    gap = low + int(np.diff(values[low : high + 1]).argmax())
    return tidy(mean >= 0.5 * (values[gap] + values[gap + 1]), opening=opening, connected=connected)


def tidy(mask: Array, *, opening: int, connected: bool) -> Array:
    """Remove what is thin or apart from a mask (z, y, x).

    Parameters
    ----------
    mask : (z, y, x) bool array
    opening : int
        Erode this many times, later dilate twice as often and erode again; neighbours share a face. 0 is off.
    connected : bool
        Keep only the largest piece, between erosion and dilation.
    """
    from scipy.ndimage import binary_dilation, binary_erosion

    if opening:
        mask = binary_erosion(mask, iterations=opening)
    if connected and mask.any():
        mask = _largest_piece(mask)
    if opening:
        mask = binary_erosion(binary_dilation(mask, iterations=2 * opening), iterations=opening)
    return np.asarray(mask, dtype=bool)


def constant_border(mean: Array, border: int = BORDER) -> float:
    """Fraction of the border of a mean image (z, y, x) that has its median value, or is NaN where any is."""
    shell = _border(mean, border)
    same = np.isnan(shell) if np.isnan(shell).any() else shell == np.median(shell)
    return float(same.mean())


def _border(image: Array, size: int) -> Array:
    """Values of the six slabs at the border of an image, edges and corners several times, as nilearn takes them."""
    slabs = [image[:size], image[-size:], image[:, :size], image[:, -size:], image[:, :, :size], image[:, :, -size:]]
    return np.concatenate([slab.ravel() for slab in slabs])


def _largest_piece(mask: Array) -> Array:
    from scipy.ndimage import label

    # Labelled with x slowest: of two pieces of one size the first wins, and it should be the one that nilearn takes.
    labels, count = label(mask.T)
    if count == 1:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(labels == sizes.argmax()).T


def inside_of(image: Array, what: str) -> Array:
    """Which voxels of a mask or labels image count: those above 0, NaN counting as 0; bool.

    `InputError` when it holds fractions, as a probability map does: where it ends is not ours to say.
    """
    if image.dtype.kind != "f":
        return np.asarray(image > 0)
    known = np.nan_to_num(image, nan=0.0, posinf=1.0, neginf=0.0)
    values = known[known != 0]
    if len(values) and values.min() != values.max() and not np.array_equal(values, np.rint(values)):
        raise InputError(f"{what} holds fractions and so is no mask but a map: threshold it first.")
    return np.asarray(known > 0)
