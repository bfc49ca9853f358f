"""What to know of networks that were learned and are next to nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from napari_connectome.core.words import percent, some

Array = npt.NDArray[np.float64]

LITTLE = 0.01
"""Share of the variance; a network that explains less than this over the number of networks explains next to nothing."""
FEW = 0.1
"""Of the voxels that each had, were all given the same number: who has fewer, has few."""


def of_crumbs(names: Sequence[str], voxels: Array, explained: Array, inside: int, sparse: str, more: str) -> list[str]:
    """A sentence on the networks that have few voxels and explain next to nothing, if there are any.

    Parameters
    ----------
    names : sequence of str
    voxels : (k,) int array
        How many voxels each has.
    explained : (k,) float64 array
        Share of the variance that each explains.
    inside : int
        Voxels of the mask.
    sparse, more : str
        What makes maps small, and what is to be done about it.
    """
    k = len(names)
    crumbs = np.flatnonzero((explained * k < LITTLE) & (voxels * k < FEW * inside))
    if not len(crumbs):
        return []
    least = crumbs[explained[crumbs].argmin()]
    which = f"{names[least]} has {some(int(voxels[least]), 'voxel')} and explains {percent(float(explained[least]))}"
    return [
        f"{len(crumbs)} of {some(k, 'network')} {'is' if len(crumbs) == 1 else 'are'} next to nothing {sparse} "
        f"({which} of the variance): {more}, or ask for fewer networks."
    ]
