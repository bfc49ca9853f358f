"""Which regions do networks consist of? Maps are thresholded, taken apart, and what is large enough is kept."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_connectome.core.errors import InputError, Progress, silent
from napari_connectome.core.map_parts import MapParts, Way
from napari_connectome.core.params import Params, param
from napari_connectome.core.pieces import Pieces, pieces
from napari_connectome.core.region_maps import Support
from napari_connectome.core.region_table import default_name
from napari_connectome.core.values import Maps, Regions, expect

Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class RegionExtraction(Params):
    """How regions are taken out of maps."""

    threshold: float = param(
        1.0, "How many weights are kept, or how large they must be; its meaning is that of the strategy.",
        low=0.0, high=1e6, step=0.1,
    )  # fmt: skip
    strategy: str = param(
        "ratio_n_voxels",
        "ratio_n_voxels: keep as many weights, of all maps together, as the image has voxels, times the threshold. "
        "percentile: keep weights above this percentile of all. img_value: keep weights of this size.",
        choices=("ratio_n_voxels", "percentile", "img_value"),
    )
    method: str = param(
        "local_regions",
        "local_regions: around each peak of a map, by a random walker; peaks are 10 voxels apart or more, so that maps of "
        "large voxels have few. connected_components: what hangs together.",
        choices=("connected_components", "local_regions"),
    )
    min_size: float = param(
        1350.0, "Regions must be larger than this; 0 keeps all.", unit="mm³", low=0.0, high=1e7, step=50.0, off=0.0,
        title="minimum size",
    )  # fmt: skip
    fwhm: float = param(
        6.0, "Width of the Gaussian that smooths maps before peaks are sought (local_regions); 0 is off.",
        unit="mm", low=0.0, high=50.0, step=0.5, title="smoothing FWHM", off=0.0,
    )  # fmt: skip
    two_sided: bool = param(
        False, "Percentile and img_value go by the size of weights, so that negative ones are kept as well."
    )
    connectivity: int = param(
        26, "Of labels: neighbours of a voxel over faces (6), over edges too (18), or over corners too (26).",
        choices=(6, 18, 26), title="labels' connectivity",
    )  # fmt: skip


def extract_regions(maps: Maps | Regions, params: RegionExtraction | None = None, *, progress: Progress = silent) -> Regions:
    """Take regions out of maps, or the connected parts out of labels.

    Parameters
    ----------
    maps : Maps or Regions
        Networks or other maps (k, z, y, x), NaN counting as 0; regions that are maps; or labels, each of which is taken
        apart into what is connected.
    params : RegionExtraction, optional
        For labels only `min_size` and `connectivity` count; the latter does not for maps.
    progress : callable

    Returns
    -------
    Regions
        With maps: the weights of each region, `source_map` (the map each came from) and the name of that map in the column
        network of the table; in the order of the maps. Of labels: labels, in the order of those they came from.

    Notes
    -----
    The same regions as ``nilearn.regions.RegionExtractor`` and ``connected_label_regions``, in the same order where the file
    is in RAS+ orientation. As there, ratio_n_voxels and percentile count all voxels of the image, the background included, a
    map without positive weights has no peaks, and a connected component may hold weights of either sign. Different on
    purpose: a voxel is only given to a peak that it is connected with, where nilearn gives those its solver has not reached
    to the first peak of the map, however far that is.
    """
    return RegionExtractor(maps).extract(params, progress=progress)


class RegionExtractor:
    """Maps or labels prepared so that one choice of parameters after another is fast; see `extract_regions`.

    Where only the minimum size differs from the last choice nothing is taken apart again.
    """

    def __init__(self, maps: Maps | Regions) -> None:
        expect("what regions are taken out of", maps, Maps, Regions)
        self._parts: MapParts | None = None
        self._labels: Regions | None = None
        if isinstance(maps, Maps):
            self._parts, self._names = MapParts(maps.data, maps.grid), [str(name) for name in maps.names]
        elif maps.maps is not None:
            self._parts, self._names = MapParts(maps.maps, maps.grid), maps.table["name"].astype(str).tolist()
        else:
            self._labels = maps
        self._provenance = dict(maps.provenance)

    def extract(self, params: RegionExtraction | None = None, *, progress: Progress = silent) -> Regions:
        """The regions with these parameters; see `extract_regions`."""
        params = RegionExtraction.given(params)
        if self._parts is not None:
            return self._of_maps(self._parts, params, progress)
        assert self._labels is not None
        return _connected_labels(self._labels, params)

    def _of_maps(self, parts: MapParts, params: RegionExtraction, progress: Progress) -> Regions:
        way = _way(parts, params)
        regions: list[Support] = []
        source: list[int] = []
        largest = 0
        for i, name in enumerate(self._names):
            report = partial(progress, i / len(parts), f"regions of {name}")
            report()
            found = parts.of_map(i, way, report)
            kept = found.larger_than(params.min_size / parts.grid.voxel_volume)
            regions += kept
            source += [i] * len(kept)
            largest = max(largest, *found.sizes.tolist(), 0)
        if not regions:
            raise InputError(_nothing(parts, params, way, largest * parts.grid.voxel_volume))
        progress(1.0, "regions")
        about = self._provenance | {"extraction": params.to_dict()}
        return Regions.of_maps(
            regions, parts.grid, source_map=source, network_names=self._names, provenance=about
        )  # fmt: skip


def _way(parts: MapParts, params: RegionExtraction) -> Way:
    """How the maps are taken apart, with the level that the threshold comes to."""
    if not len(parts):
        raise InputError("there are no maps to take regions out of: give one at least.")
    signed, level = not params.two_sided, params.threshold
    if params.strategy == "ratio_n_voxels":
        if not 0 < params.threshold <= len(parts):
            raise InputError(
                f"the threshold is {params.threshold:g} times the voxels of the image and must be above 0 and at most "
                f"{len(parts)}, the number of maps: choose one in between, or another strategy."
            )
        signed, level = False, parts.ratio_level(params.threshold)
    elif params.strategy == "percentile":
        if params.threshold > 100:
            raise InputError(f"the threshold is the percentile {params.threshold:g}: choose one from 0 to 100.")
        level = parts.percentile_level(params.threshold, signed)
    local = params.method == "local_regions"
    return Way(level, signed, local, params.fwhm if local else 0.0)


def _nothing(parts: MapParts, params: RegionExtraction, way: Way, largest: float) -> str:
    """Why there are no regions, and what to do."""
    if largest:
        return (
            f"no region larger than {params.min_size:g} mm³ was found, the largest has {largest:.4g} mm³: "
            "give a smaller minimum size, or a threshold that keeps more."
        )
    if not parts.largest:
        return "the maps are 0 everywhere, so there are no regions: learn them with less sparsity, or choose others."
    if way.level > parts.largest:
        return (
            f"the threshold keeps weights of {way.level:.4g} and more, and the largest of the maps is {parts.largest:.4g}: "
            "give a lower one."
        )
    if way.fwhm > 0 and parts.highest >= way.level:
        return (
            f"what the threshold keeps of the maps has no peak once it is smoothed by {way.fwhm:g} mm: give a smaller width, "
            "or take connected components."
        )
    return "what the threshold keeps of the maps has no positive peak: give a lower one, or take connected components."


def _connected_labels(regions: Regions, params: RegionExtraction) -> Regions:
    """The connected parts of each region of a label image that are larger than the minimum size."""
    found = pieces(regions.labels, params.connectivity)
    least = params.min_size / regions.grid.voxel_volume
    kept = np.flatnonzero(found.sizes > least)
    if not len(kept):
        largest = float(found.sizes.max(initial=0)) * regions.grid.voxel_volume
        if not largest:
            raise InputError("the labels are 0 everywhere, so there are no regions: choose others.")
        raise InputError(
            f"no connected part of a region is larger than {params.min_size:g} mm³, the largest has {largest:.4g} mm³: "
            "give a smaller minimum size."
        )
    order = kept[np.lexsort((_first_voxels(found)[kept], found.ids[kept]))]
    numbers = np.zeros(len(found.ids), dtype=np.min_scalar_type(len(order)))
    numbers[order] = np.arange(1, len(order) + 1)
    row = np.searchsorted(regions.ids, found.ids[order])
    table = regions.table.iloc[row].drop(columns=["x", "y", "z", "size_mm3"])
    table.index = pd.Index(np.arange(1, len(order) + 1), name="index")
    table["name"] = _part_names(found.ids[order], table["name"].astype(str).tolist())
    origins = {i: regions.origins[old] for i, old in enumerate(found.ids[order].tolist(), start=1) if old in regions.origins}
    about = dict(regions.provenance) | {"extraction": params.to_dict()}
    return Regions(found.paint(numbers), regions.grid, table, origins, source_map=row, provenance=about)


def _first_voxels(found: Pieces) -> Array:
    """Where each piece (p,) begins in the order of nilearn, with x slowest."""
    image = found.paint(np.arange(1, len(found.ids) + 1)).T.reshape(-1)
    where = np.flatnonzero(image)
    return np.asarray(where[np.unique(image[where], return_index=True)[1]])


def _part_names(ids: Array, names: list[str]) -> list[str]:
    """Names of parts after the regions they are of: "X 1" and "X 2"; after their new numbers where a region had no name."""
    whole, so_far = dict(zip(*np.unique(ids, return_counts=True), strict=True)), dict.fromkeys(ids.tolist(), 0)
    made = []
    for number, (region, name) in enumerate(zip(ids.tolist(), names, strict=True), start=1):
        so_far[region] += 1
        if name == default_name(region):
            made.append(default_name(number))
        else:
            made.append(f"{name} {so_far[region]}" if whole[region] > 1 else name)
    return made
