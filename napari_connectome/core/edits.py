"""Changing regions: each step takes labels (z, y, x) and gives new ones, with where every region came from."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_connectome.core import morphology
from napari_connectome.core.census import census, ranked, relabelled
from napari_connectome.core.errors import InputError
from napari_connectome.core.grid import Grid
from napari_connectome.core.hemispheres import sides
from napari_connectome.core.neighbours import ball, connected, connectivity_param
from napari_connectome.core.params import Params, param
from napari_connectome.core.pieces import pieces
from napari_connectome.core.region_table import default_name as default_name
from napari_connectome.core.values import as_label_type

Array = npt.NDArray[Any]
Names = Mapping[int, str]
Sources = dict[int, tuple[int, ...]]


@dataclass(frozen=True, kw_only=True)
class Morphology(Params):
    """How regions grow, shrink and are smoothed; each region for itself, none at the cost of another."""

    operation: str = param(
        "dilate",
        "Dilate: grow into the background. Erode: shrink. Open: drop what is thin. Close: fill clefts. "
        "Fill holes: fill what a region encloses.",
        choices=("dilate", "erode", "open", "close", "fill_holes"),
    )
    iterations: int = param(1, "How many voxels deep, where no radius is given.", low=1, high=50)
    radius: float = param(
        0.0, "Radius of a ball to use instead of iterations; 0 is off.", unit="mm", low=0.0, high=50.0, step=0.5, off=0.0
    )
    connectivity: int = connectivity_param()


@dataclass(frozen=True, kw_only=True)
class Combine(Params):
    """What becomes of regions where another image has voxels."""

    how: str = param(
        "intersect",
        "Intersect: keep what lies in the other. Union: add what the other has besides. Subtract: take away what lies in it.",
        choices=("intersect", "union", "subtract"),
    )


@dataclass(frozen=True, kw_only=True)
class Components(Params):
    """How regions are taken apart into connected parts."""

    connectivity: int = connectivity_param()
    min_size: float = param(
        0.0, "Parts smaller than this are dropped; 0 is off.", unit="mm³", low=0.0, high=1e7, step=10.0, off=0.0
    )


@dataclass(frozen=True, eq=False)
class Edit:
    """Labels after a step, and what became of each region.

    Parameters
    ----------
    labels : (z, y, x) array of unsigned integers
        The smallest type that holds them; never the array that was given.
    sources : dict
        Id after → ids before that it was made from, ascending; every id present has an entry, empty for a region that
        came from none of them.
    names : dict
        Only of regions whose name is not simply that of their first source; `renamed` gives them all.
    notices : tuple of str
        What a person should know, each a sentence.
    others : dict
        Id after → ids in the other image that took part in making it (`combine` only): a region cut with a mask that a
        test made was chosen by that test, too, and inherits its origins.
    """

    labels: Array
    sources: Sources
    names: dict[int, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    others: Sources = field(default_factory=dict)

    def renamed(self, names: Names) -> dict[int, str]:
        """The name of every region now, given those before; one that was never named is called after its new id."""
        after = {}
        for region, old in self.sources.items():
            inherited = _given(names, old[0]) if old else ""
            after[region] = self.names.get(region) or inherited or default_name(region)
        return after


def _given(names: Names | None, region: int) -> str:
    """The name somebody gave a region; "" for none, or one made from its id."""
    name = (names or {}).get(region, "")
    return "" if name == default_name(region) else name


def morph(labels: Array, grid: Grid, params: Morphology | None = None) -> Edit:
    """Dilate, erode, open, close or fill the holes of every region; see `core.morphology`."""
    params = Morphology.given(params)
    labels = _checked(labels, grid)
    around = ball(params.radius, grid) if params.radius else connected(params.connectivity, grid.shape)
    iterations = 1 if params.radius else params.iterations
    notices = []
    if params.radius and len(around.offsets) == 1 and params.operation != "fill_holes":
        sizes = " × ".join(f"{size:.3g}" for size in grid.voxel_size)
        notices.append(f"A ball of {params.radius:g} mm reaches no other voxel of {sizes} mm: nothing changes.")
    if params.operation == "dilate":
        after, reaching = morphology.dilate(labels, around, iterations)
        cut = reaching.tolist()
        if cut:
            notices.append(f"{_listed(cut)} {_verb(cut, 'reaches', 'reach')} the edge of the grid and cannot grow beyond it.")
    elif params.operation == "erode":
        after = morphology.erode(labels, around, iterations)
    elif params.operation == "open":
        after = morphology.open_up(labels, around, iterations)
    elif params.operation == "close":
        after = morphology.close_up(labels, around, iterations)
    else:
        after = morphology.fill_holes(labels, params.connectivity)
    gone = _gone(labels, after)
    if gone:
        notices.append(f"{_listed(gone)} {_verb(gone, 'was', 'were')} too thin and {_verb(gone, 'is', 'are')} gone.")
    return _same(after, notices)


def combine(labels: Array, other: Array, params: Combine | None = None, *, other_names: Names | None = None) -> Edit:
    """Intersect regions with another image, add it to them, or take it away.

    Parameters
    ----------
    labels, other : (z, y, x) arrays of labels
        Of one grid; any id counts.
    other_names : mapping, optional
        Names of the regions of `other`, for those that a union adds.

    Notes
    -----
    A union of two masks (one region each) is one mask. Otherwise the other's regions are added behind those there are,
    where these leave room; with their own ids, or the next free ones for ids that are taken.
    """
    params = Combine.given(params)
    labels, other = _checked(labels), _checked(other)
    if labels.shape != other.shape:
        raise InputError(
            f"the regions are on a {_size(labels)} grid and the other image on {_size(other)}: resample the other image first."
        )
    if params.how == "union":
        return _union(labels, other, other_names or {})
    shared = (labels != 0) & (other != 0)
    others = _pairs(labels[shared], other[shared])
    after = np.where(shared if params.how == "intersect" else ~shared, labels, labels.dtype.type(0))
    where = "outside" if params.how == "intersect" else "inside"
    gone = _gone(labels, after)
    notices = [f"{_listed(gone)} lay {where} the other image and {_verb(gone, 'is', 'are')} gone."] if gone else []
    edit = _same(after, notices)
    return Edit(edit.labels, edit.sources, notices=edit.notices, others={i: others[i] for i in edit.sources if i in others})


def _union(labels: Array, other: Array, other_names: Names) -> Edit:
    mine, theirs = census(labels)[0], census(other)[0]
    if len(mine) == len(theirs) == 1:
        region = int(mine[0])
        after = np.where(other != 0, mine[0], labels)
        return Edit(as_label_type(after), {region: (region,)}, others={region: (int(theirs[0]),)})
    taken, top = set(mine.tolist()), max([0, *mine.tolist(), *theirs.tolist()])
    new = {}
    for region in theirs.tolist():
        top += region in taken
        new[region] = top if region in taken else region
    room = np.where(labels == 0, other, other.dtype.type(0))
    after = np.where(labels == 0, relabelled(room, new), labels)
    edit = _same(after, [])
    added = {new[region]: region for region in theirs.tolist() if new[region] in edit.sources}
    sources = {region: () if region in added else old for region, old in edit.sources.items()}
    names = {region: name for region, old in added.items() if (name := _given(other_names, old))}
    notices = []
    renumbered = [old for region, old in added.items() if region != old]
    if renumbered:
        notices.append(
            f"{_listed(renumbered)} of the other image got {_verb(renumbered, 'a number', 'numbers')} not yet taken."
        )
    hidden = [region for region in theirs.tolist() if new[region] not in added]
    if hidden:
        notices.append(f"{_listed(hidden)} of the other image {_verb(hidden, 'lies', 'lie')} wholly in regions there were.")
    return Edit(edit.labels, sources, names, tuple(notices), {region: (old,) for region, old in added.items()})


def components(labels: Array, grid: Grid, params: Components | None = None, names: Names | None = None) -> Edit:
    """Take every region apart into its connected parts, the largest of all first (id 1).

    Of parts of one size the one with the first voxel (C order of z, y, x) comes first. A part of region X is called "X 1",
    "X 2", …, the whole of it X still; parts of a region without a name are called after their id.
    """
    params = Components.given(params)
    labels = _checked(labels, grid)
    found = pieces(labels, params.connectivity)
    large = found.sizes * grid.voxel_volume >= params.min_size * (1 - 1e-9)
    order = np.argsort(np.where(large, -found.sizes, 1), kind="stable")[: np.count_nonzero(large)]
    kind = np.min_scalar_type(len(order))
    new = np.zeros(len(found.sizes), dtype=kind)
    new[order] = np.arange(1, len(order) + 1, dtype=kind)
    sources: Sources = {rank + 1: (region,) for rank, region in enumerate(found.ids[order].tolist())}
    return Edit(found.paint(new), sources, _numbered(sources, names), _dropped(found.sizes, large, grid, params.min_size))


def _numbered(sources: Sources, names: Names | None) -> dict[int, str]:
    """Names of regions of which several come from one: its name and a number."""
    parts, count, named = Counter(old for (old,) in sources.values()), Counter[int](), {}
    for region, (old,) in sources.items():
        count[old] += 1
        name = _given(names, old)
        if not name:
            named[region] = default_name(region)
        elif parts[old] > 1:
            named[region] = f"{name} {count[old]}"
    return named


def _dropped(sizes: Array, large: Array, grid: Grid, min_size: float) -> tuple[str, ...]:
    """What is said of the parts that were too small."""
    if large.all():
        return ()
    n = int(np.count_nonzero(~large))
    what = "1 part" if n == 1 else f"{n:,} parts"
    largest = float(sizes[~large].max() * grid.voxel_volume)
    return (f"{what} smaller than {min_size:g} mm³ {'was' if n == 1 else 'were'} dropped, the largest of {largest:,.4g} mm³.",)


def split_hemispheres(labels: Array, grid: Grid, names: Names | None = None) -> Edit:
    """Cut the regions that lie on both sides of x = 0 mm in two.

    By the true affine and the centres of voxels. Those of a region that lie on x = 0 itself go with the side that more of the
    region's other voxels are on (right, where as many are), so that a region of one side that touches the midline stays
    whole. The left part keeps the id and is called "L X"; the right one, "R X", gets the next free id. A region of one side
    only stays as it is.
    """
    labels = _checked(labels, grid)
    where = np.flatnonzero(labels)
    ids, ranks = ranked(labels.reshape(-1)[where])
    side = sides(np.unravel_index(where, grid.shape)[::-1], grid)
    left, right = (np.bincount(ranks[side == which], minlength=len(ids)) for which in (-1, 1))
    cut = (left > 0) & (right > 0)
    both, top = ids[cut].tolist(), int(labels.max(initial=0))
    new = {region: top + 1 + rank for rank, region in enumerate(both)}
    goes_right = cut[ranks] & ((side > 0) | (side == 0) & (left <= right)[ranks])
    after = labels.astype(np.min_scalar_type(top + len(both)), order="C")
    after.reshape(-1)[where[goes_right]] = (top + np.cumsum(cut))[ranks[goes_right]]
    edit = _same(after, [])
    sources = edit.sources | {half: (region,) for region, half in new.items()}
    sided: dict[int, str] = {}
    for region, half in new.items():
        name = _given(names, region) or default_name(region)
        sided |= {region: f"L {name}", half: f"R {name}"}
    return Edit(edit.labels, sources, sided)


def keep(labels: Array, ids: Collection[int]) -> Edit:
    """Only these regions; the others become background."""
    return _only(labels, ids, chosen=True)


def drop(labels: Array, ids: Collection[int]) -> Edit:
    """Without these regions, which become background."""
    return _only(labels, ids, chosen=False)


def _only(labels: Array, ids: Collection[int], *, chosen: bool) -> Edit:
    labels = _checked(labels)
    there = census(labels)[0].tolist()
    wanted = set(_present(ids, there))
    gone = {region: 0 for region in there if (region in wanted) != chosen}
    return _same(relabelled(labels, gone), [])


def merge(labels: Array, ids: Collection[int]) -> Edit:
    """These regions as one, which has the lowest of their ids and the name that goes with it."""
    labels = _checked(labels)
    together = _present(ids, census(labels)[0].tolist())
    if len(together) < 2:
        raise InputError(f"merging needs two regions or more, and {len(together)} was given: choose another one with it.")
    edit = _same(relabelled(labels, dict.fromkeys(together, together[0])), [])
    return Edit(edit.labels, edit.sources | {together[0]: tuple(together)})


def renumber(labels: Array, order: str = "size") -> Edit:
    """Give regions the ids 1, 2, …: by "size", the largest first, or in the order of their ids ("id")."""
    if order not in ("size", "id"):
        raise InputError(f"the order is {order!r} and must be one of size, id.")
    labels = _checked(labels)
    ids, counts = census(labels)
    if order == "size":
        ids = ids[np.argsort(-counts, kind="stable")]
    new = {region: rank + 1 for rank, region in enumerate(ids.tolist())}
    return Edit(as_label_type(relabelled(labels, new)), {rank: (region,) for region, rank in new.items()})


def _checked(labels: Array, grid: Grid | None = None) -> Array:
    labels = np.asarray(labels)
    if labels.ndim != 3:
        raise InputError(f"regions need three dimensions (z, y, x), and the labels given have the shape {labels.shape}.")
    if grid is not None and labels.shape != grid.shape:
        raise InputError(f"the labels are {_size(labels)} and their grid {grid.size}: they must agree.")
    return as_label_type(labels)


def _size(labels: Array) -> str:
    return "×".join(str(n) for n in labels.shape[::-1])


def _present(ids: Collection[int], there: list[int]) -> list[int]:
    """The ids, ascending, each once; refused unless there are any and all are there."""
    try:
        wanted = sorted({operator.index(i) for i in ids})
    except TypeError:
        raise InputError("regions are chosen by their ids, whole numbers: [1, 5].") from None
    if not wanted:
        raise InputError("no region was chosen: choose one or more first.")
    missing = sorted(set(wanted).difference(there))
    if missing:
        raise InputError(f"{_listed(missing).lower()} {_verb(missing, 'has', 'have')} no voxel in this image: choose others.")
    return wanted


def _same(labels: Array, notices: Iterable[str]) -> Edit:
    """An edit after which every id still means the same region."""
    return Edit(as_label_type(labels), {i: (i,) for i in census(labels)[0].tolist()}, notices=tuple(notices))


def _gone(before: Array, after: Array) -> list[int]:
    """Ids that have no voxel any more."""
    left = set(census(after)[0].tolist())
    return [region for region in census(before)[0].tolist() if region not in left]


def _pairs(labels: Array, other: Array) -> dict[int, tuple[int, ...]]:
    """For each label the ids of the other image at the same voxels; both flat and without background."""
    both = np.unique((labels.astype(np.uint64) << np.uint64(32)) | other.astype(np.uint64))
    found: dict[int, list[int]] = {}
    for pair in both.tolist():
        found.setdefault(pair >> 32, []).append(pair & 0xFFFFFFFF)
    return {region: tuple(ids) for region, ids in found.items()}


def _verb(ids: Collection[int], one: str, several: str) -> str:
    return one if len(ids) == 1 else several


def _listed(ids: Collection[int], most: int = 5) -> str:
    """Regions in words: "Region 3", "Regions 3, 4 and 7", "Regions 1, 2, 3, 4, 5 and 95 more"."""
    words = [str(i) for i in ids]
    if len(words) == 1:
        return f"Region {words[0]}"
    last = words[-1] if len(words) <= most else f"{len(words) - most} more"
    return f"Regions {', '.join(words[: min(most, len(words) - 1)])} and {last}"
