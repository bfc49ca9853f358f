"""Head motion: framewise displacement, and which volumes it leaves."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_connectome.core.errors import InputError
from napari_connectome.core.params import number

Array = npt.NDArray[Any]


def framewise_displacement(motion: npt.ArrayLike, radius: float = 50.0) -> Array:
    """Displacement of the head from each volume to the next, after Power et al. (2012).

    Parameters
    ----------
    motion : (t × 6) array
        Three translations in mm, then three rotations in radians.
    radius : float
        Of the sphere on which the rotations are measured, in mm.

    Returns
    -------
    (t,) float64 array
        mm; the sum of the absolute changes of the six. 0 for the first volume.
    """
    radius = number("the radius of the head", radius, low=0.0, high=1000.0, unit="mm")
    values = np.asarray(motion, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != 6:
        raise InputError(
            f"motion has shape {values.shape} and needs 6 columns: three translations in mm, then three rotations in radians."
        )
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
        raise InputError(f"the motion parameters are not finite in row {row + 1}: fill it in or take another table.")
    steps = np.abs(np.diff(values, axis=0, prepend=values[:1]))
    return np.asarray(steps[:, :3].sum(axis=1) + radius * steps[:, 3:].sum(axis=1))


def keep_still(
    displacement: npt.ArrayLike,
    threshold: float,
    *,
    dvars: npt.ArrayLike = 0.0,
    dvars_threshold: float = math.inf,
    shortest: int = 1,
) -> Array:
    """Which volumes to keep, as bool (t,): False where the head moved too much.

    Parameters
    ----------
    displacement : (t,) array
        Framewise displacement in mm. NaN, as fMRIPrep has it for the first volume, counts as no motion.
    threshold : float
        Volumes above it are censored; infinity is off.
    dvars : (t,) array, optional
        Standardised DVARS, and
    dvars_threshold : float
        the value above which volumes are censored, too.
    shortest : int
        Where any volume is censored, stretches of kept volumes shorter than this are censored as well (fMRIPrep users
        and nilearn take 5).
    """
    threshold = number("the limit of framewise displacement", threshold, low=0.0, unit="mm", off=math.inf)
    dvars_threshold = number("the limit of DVARS", dvars_threshold, low=0.0, off=math.inf)
    shortest = number("the shortest stretch that is kept", shortest, int, low=0, high=1e6, unit="volumes")
    keep = ~((np.asarray(displacement, dtype=np.float64) > threshold) | (np.asarray(dvars, dtype=np.float64) > dvars_threshold))
    if keep.all():
        return np.asarray(keep)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], keep, [False]]).astype(np.int8)))
    for start, stop in edges.reshape(-1, 2):
        if stop - start < shortest:
            keep[start:stop] = False
    return np.asarray(keep)
