"""Where the brain is in most of several runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_connectome.analyses.brain_mask import require_brain
from napari_connectome.core.errors import InputError, Progress, silent
from napari_connectome.core.masks import background_mask, epi_mask, mean_volume, tidy
from napari_connectome.core.params import number
from napari_connectome.core.values import Run, Volume

Array = npt.NDArray[Any]

METHODS = ("epi", "background")


def mask_of(image: Run | Volume, method: str = "epi", progress: Progress = silent) -> Volume:
    """Where the brain is in one run of a group: `brain_mask`, tidied as masks that are to be joined.

    Parameters
    ----------
    image : Run or Volume
        A run, or its mean over time.
    method : "epi" or "background"
        See `brain_mask`. Equal to the masks that ``nilearn.masking.compute_multi_epi_mask`` and
        ``compute_multi_background_mask`` join.
    progress : Progress

    Returns
    -------
    Volume
        Of bool.
    """
    if method not in METHODS:
        raise InputError(f"the mask method is {method!r} and must be one of {', '.join(METHODS)}.")
    mean = mean_volume(image.data, progress)
    known = np.isfinite(mean)
    least, most = mean.min(where=known, initial=np.inf), mean.max(where=known, initial=-np.inf)
    if least >= most:
        value = f"the value {least:g}" if least == most else "no value"
        raise InputError(f"{image.name} shows no brain, since all its voxels have {value}: leave it out, or mend the file.")
    mask = epi_mask(mean) if method == "epi" else background_mask(mean, opening=2, connected=True)
    require_brain(mask, method, image.name)
    return Volume(mask, image.grid, name=f"{image.name} mask")


def common_mask(masks: Sequence[Volume], threshold: float = 0.5, connected: bool = True) -> Volume:
    """Return where more than a share of masks is.

    Parameters
    ----------
    masks : sequence of Volume
        On one grid.
    threshold : float
        A voxel is kept that is in more than this share of the masks: 0 joins them, 1 is what all have.
    connected : bool
        Keep only the largest piece, voxels of which share faces.

    Returns
    -------
    Volume
        Of bool. Equal to ``nilearn.masking.intersect_masks``.
    """
    if not masks:
        raise InputError("there is no mask to join: give one at least.")
    threshold = number("the threshold of the common mask", threshold, low=0.0, high=1.0)
    grid = masks[0].grid
    for mask in masks[1:]:
        grid.require(mask.grid, masks[0].name, mask.name)
    share = np.asarray(np.sum([mask.data > 0 for mask in masks], axis=0, dtype=np.int64)) / len(masks)
    kept = tidy(np.asarray(share > min(threshold, 1 - 1e-7)), opening=0, connected=connected)
    if not kept.any():
        raise InputError(
            f"no voxel is in more than {threshold:.0%} of the {len(masks)} masks, so the common mask is empty: "
            "check that all runs are in the same space, or give a mask."
        )
    return Volume(kept, grid, name="common mask")
