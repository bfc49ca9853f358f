"""Where the brain is in a run."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from napari_connectome.core.errors import InputError, Progress, silent
from napari_connectome.core.masks import background_mask, constant_border, epi_mask, mean_volume
from napari_connectome.core.values import Run, Volume

Array = npt.NDArray[Any]

METHODS = ("background", "epi", "auto")

CONSTANT = 0.9
"""From this fraction of one value in the border of the mean image on, "auto" takes it for background."""


def brain_mask(run: Run, method: str = "background", progress: Progress = silent) -> Volume:
    """Return the brain mask of a run.

    Parameters
    ----------
    run : Run
    method : "background", "epi" or "auto"
        "background": what differs from the border of the mean image, for runs that were masked or have a constant surround.
        "epi": what is brighter than the widest gap in the histogram, for raw EPI. "auto": background where at least 90 % of
        the border has one value, EPI elsewhere. The first two equal nilearn's masks of these names.
    progress : Progress

    Returns
    -------
    Volume
        Of bool.
    """
    if method not in METHODS:
        raise InputError(f"the mask method is {method!r} and must be one of {', '.join(METHODS)}.")
    mean = mean_volume(run.data, progress)
    if method == "auto":
        method = "background" if constant_border(mean) >= CONSTANT else "epi"
    mask = background_mask(mean) if method == "background" else epi_mask(mean)
    require_brain(mask, method, run.name)
    return Volume(mask, run.grid, name=f"{run.name} mask")


def require_brain(mask: Array, method: str, name: str) -> None:
    """Raise one sentence for a mask (z, y, x) that is empty or nearly the whole box; `name` is the run's."""
    inside = int(mask.sum())
    if inside == 0:
        raise InputError(
            f"the {method} mask of {name} is empty, since its mean image shows no brain (was the mean removed?): "
            "give a mask image."
        )
    # The median of a noisy border equals next to no voxel: then the mask is the whole box, less a voxel or two.
    if inside > 0.999 * mask.size:
        other = "epi" if method == "background" else "background"
        raise InputError(
            f"the {method} mask of {name} holds {inside} of its {mask.size} voxels, so no surround was found: "
            f"use the {other} mask or, where that fails too, give a mask image."
        )
