"""Which networks do these runs share? Dictionary learning or independent components of their reductions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from napari_connectome.core.cleaning import Cleaning
from napari_connectome.core.params import Params, param
from napari_connectome.core.values import Maps, Volume

Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Networks(Params):
    """How networks are learned."""

    n_components: int = param(20, "How many networks.", low=2, high=500, step=1, title="networks")
    method: str = param(
        "dictionary",
        "dictionary: sparse maps by dictionary learning. ica: independent components (CanICA), thresholded.",
        choices=("dictionary", "ica"),
    )
    alpha: float = param(
        10.0, "How sparse the maps of a dictionary are: more leaves fewer voxels.", low=0.0, step=1.0, title="sparsity"
    )
    search: str = param(
        "early",
        "early: stop where nilearn does, after some thousand voxels. full: go on over all voxels until the objective falls no more.",
        choices=("early", "full"),
    )
    fwhm: float = param(
        4.0, "Width of the Gaussian that smooths the runs first; 0 is off.",
        unit="mm", low=0.0, high=50.0, step=0.5, title="smoothing FWHM", off=0.0,
    )  # fmt: skip
    mask: str = param(
        "epi",
        "Where the voxels are, when no mask is given. epi: brighter than the widest gap in the histogram. "
        "background: what differs from the border, for runs that were masked before.",
        choices=("epi", "background"),
    )
    n_init: int = param(
        10, "How often independent components are sought from another start.", low=1, high=100, step=1, title="starts"
    )
    ratio: float = param(
        1.0, "Independent maps keep as many weights in total as this many times the voxels of the mask; 0 keeps all.",
        low=0.0, high=10.0, step=0.1, title="threshold ratio", off=0.0,
    )  # fmt: skip
    seed: int = param(0, "Start of the random numbers: the same seed gives the same networks.", low=0, high=2**31 - 1, step=1)
    cleaning: Cleaning = param(Cleaning(), "What is taken out of the series before learning.")


@dataclass(frozen=True, eq=False)
class NetworkMaps(Maps):
    """Networks, the one that explains most first.

    Parameters
    ----------
    explained : (k,) float64 array
        Share of the variance of all runs that each map alone explains.
    score : float
        Share that all maps explain together.
    objective : float
        Of a dictionary: mean over voxels of half the squared error plus alpha times the weights; NaN otherwise.
    objectives : tuple of float
        The objective after each pass over the voxels.
    mask : Volume
    subjects, left_out : tuple of str
        Names of the runs, and a sentence for each that was left out.
    """

    explained: Array = field(default_factory=lambda: np.empty(0))
    score: float = float("nan")
    objective: float = float("nan")
    objectives: tuple[float, ...] = ()
    mask: Volume | None = None
    subjects: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def take(self, indices: Sequence[int]) -> Self:
        """Some of the networks, in this order."""
        which = list(indices)
        names = [self.names[i] for i in which]
        return replace(self, data=self.data[which], names=names, explained=self.explained[which])

    def renamed(self, names: Sequence[str]) -> Self:
        """The same networks with other names."""
        return replace(self, names=tuple(names))


@dataclass(frozen=True, eq=False)
class Sketch:
    """What the networks look like while they are learned.

    Parameters
    ----------
    maps : (k × v) float32 array
    mask : Volume
    doing : str
        What the learning is at.
    """

    maps: Array
    mask: Volume
    doing: str
