"""Regions from a mask: cut, dilated, taken apart into what is connected, the largest first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_connectome.core.edits import Components, Edit, Names, Sources, components, default_name, split_hemispheres
from napari_connectome.core.errors import InputError
from napari_connectome.core.grid import Grid
from napari_connectome.core.masks import inside_of
from napari_connectome.core.morphology import dilate
from napari_connectome.core.neighbours import connected, connectivity_param
from napari_connectome.core.origins import Origins, inherit
from napari_connectome.core.params import Params, param
from napari_connectome.core.values import Regions, Volume, expect

Array = npt.NDArray[Any]

_NOTHING = 1e-4
"""A map whose values begin below this part of the highest was not thresholded."""


@dataclass(frozen=True, kw_only=True)
class Labeling(Params):
    """How regions are made from a mask.

    `within`, a mask or a map that was thresholded, on the same grid, keeps only what lies in it, before anything grows.
    """

    dilate: int = param(1, "How many voxels deep the mask is dilated first; 0 is off.", low=0, high=50, off=0)
    connectivity: int = connectivity_param()
    min_size: float = param(0.0, "Smaller regions are left out; 0 is off.", unit="mm³", low=0.0, high=1e7, step=10.0, off=0.0)
    within: Volume | None = None
    split_hemispheres: bool = param(
        False,
        "Cut regions that lie on both sides of x = 0 mm in two, left (L) and right (R); what lies on it goes with the larger.",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.within is not None and not isinstance(self.within, Volume):
            raise InputError(
                f"Labeling.within is {self.within!r} and must be a mask: give the Volume, as load_volume returns it."
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; of `within` its name."""
        return super().to_dict() | {"within": "" if self.within is None else self.within.name}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Make the parameters that `to_dict` described; a mask must be given anew, since only its name was kept."""
        return super().from_dict({name: value for name, value in values.items() if name != "within" or value})


def make_regions(mask: Volume | Regions, params: Labeling | None = None) -> Regions:
    """Make one region of each connected part of a mask.

    Parameters
    ----------
    mask : Volume or Regions
        A mask (what is above 0), a map that was thresholded (what is not 0; parts of either sign by themselves), or
        regions, each of which is dilated and taken apart by itself; their names are passed on. So are the origins of the
        mask, and of `within`.
    params : Labeling, optional

    Returns
    -------
    Regions
        Region 1 is the largest; of equally large ones the one with the first voxel (C order of z, y, x) comes first.
        They are called "region 1" and so on; of a region "X" that was taken apart "X 1", "X 2", and where it was cut at
        x = 0 mm "L X" and "R X".
    """
    expect("the mask", mask, Volume, Regions)
    params = Labeling.given(params)
    labels, name, names = _labels_of(mask)
    if not labels.any():
        raise InputError(f"{name} is empty: lower the threshold that made it, or choose another mask.")
    if params.within is not None:
        mask.grid.require(params.within.grid, name, params.within.name)
        labels = labels * (_labels_of(params.within)[0] != 0)
        if not labels.any():
            raise InputError(f"no voxel of {name} lies within {params.within.name}: choose a mask that overlaps with it.")
    if params.dilate:
        labels, _ = dilate(labels, connected(params.connectivity, mask.grid.shape), params.dilate)
    parts = Components(connectivity=params.connectivity, min_size=params.min_size)
    take_apart = _sides if params.split_hemispheres else components
    edit = take_apart(labels, mask.grid, parts, names)
    if not edit.sources:
        every = take_apart(labels, mask.grid, parts.replace(min_size=0.0), names)
        largest = float(np.count_nonzero(every.labels == 1) * mask.grid.voxel_volume)
        raise InputError(
            f"no region of {params.min_size:g} mm³ or more was found, the largest has {largest:.4g} mm³: "
            "give a smaller min_size."
        )
    table = pd.DataFrame({"name": edit.renamed(names)})
    return Regions(edit.labels, mask.grid, table, inherit(_origins(mask, edit.sources, params.within), edit.sources))


def _origins(mask: Volume | Regions, sources: Sources, within: Volume | None) -> Origins:
    """The origins of the labels of a mask, those of what they were cut with among them."""
    added = () if within is None else within.origins
    olds = {old for olds in sources.values() for old in olds}
    return {old: (*(mask.origins.get(old, ()) if isinstance(mask, Regions) else mask.origins), *added) for old in olds}


def _labels_of(mask: Volume | Regions) -> tuple[Array, str, Names]:
    """The labels of a mask, what it is called, and the names of its regions."""
    if isinstance(mask, Regions):
        return mask.labels, "the mask", dict(zip(mask.ids.tolist(), mask.table["name"].astype(str), strict=True))
    data = np.nan_to_num(mask.data, nan=0.0, posinf=0.0, neginf=0.0) if mask.data.dtype.kind == "f" else mask.data
    size = np.abs(data[data != 0]) if data.dtype.kind == "f" else np.empty(0)
    if not len(size) or np.array_equal(data, np.rint(data)) or size.min() < _NOTHING * size.max():
        return inside_of(mask.data, mask.name).astype(np.uint8), mask.name, {}
    return (data > 0) + np.uint8(2) * (data < 0), mask.name, {}


def _sides(labels: Array, grid: Grid, params: Components, names: Names) -> Edit:
    """Components, cut where they cross x = 0 mm; what is left on either side may be in parts again."""
    whole = components(labels, grid, params.replace(min_size=0.0), names)
    called = whole.renamed(names)
    halves = split_hemispheres(whole.labels, grid, called)
    called_halves = halves.renamed(called)
    parts = components(halves.labels, grid, params, called_halves)
    said, sources = parts.renamed(called_halves), {}
    for region, (half,) in parts.sources.items():
        (piece,) = halves.sources[half]
        sources[region] = whole.sources[piece]
        if called[piece] == default_name(piece):
            # Never named: called after the id it has now, not after the one it had in between.
            said[region] = called_halves[half].replace(default_name(piece), default_name(region))
    return Edit(parts.labels, sources, said)
