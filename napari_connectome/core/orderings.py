"""In which order the regions of a matrix stand: by network, by hemisphere, or beside those that are like them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_connectome.core.connectomes import Connectome
from napari_connectome.core.errors import InputError
from napari_connectome.core.hemispheres import MIDLINE

Array = npt.NDArray[Any]

ORDERS = ("as given", "network", "hemisphere", "clustering")
"""How regions may be put in order."""
SIDES = {"l": "left", "lh": "left", "left": "left", "r": "right", "rh": "right", "right": "right"}
"""Words of names that say on which side a region is."""
NEITHER = "midline"
"""What is on no side, or nobody knows on which."""
UNKNOWN = "without a value"
"""Regions that have no value with any other: last in a clustering."""
MEMBERS = 2
"""Regions that a network has on average at least, where it is guessed from names: of more networks, names tell none."""
PARCELLATION = re.compile(r"\d+networks", re.IGNORECASE)
"""A word that begins every name of some atlases and says nothing of the region."""


@dataclass(frozen=True, eq=False)
class Ordering:
    """An order of regions, and the blocks they stand in.

    Parameters
    ----------
    how : str
        One of `ORDERS`.
    order : (r,) int array
        Which region stands at each place: ``names[order[0]]`` is the first. `Connectome.take` brings a connectome in it.
    blocks : tuple of (str, int)
        Name and number of regions of each block, in this order; none where there are no blocks, or almost as many as regions.
    """

    how: str
    order: Array
    blocks: tuple[tuple[str, int], ...] = ()


def order_of(
    connectome: Connectome, how: str = "as given", table: pd.DataFrame | None = None, *, subject: int | None = None
) -> Ordering:
    """Put the regions of a connectome in order.

    Parameters
    ----------
    connectome : Connectome
    how : str
        "as given"; "network": those of one network beside each other, networks in the order they come; "hemisphere": left,
        right, midline; "clustering": like beside like, as ``nilearn.plotting.plot_matrix(reorder=True)`` (average linkage of
        the rows, their leaves ordered best). Regions that are alike in this keep the order they have.
    table : DataFrame, optional
        ``regions.table``, a row for each region: its columns network and hemisphere are taken where it has them. Otherwise
        networks are those of the names (Vis for "LH_Vis_1"), and sides those of the names, or of the coordinates.
    subject : int, optional
        Whose matrix is clustered; the mean over subjects where not given.

    Returns
    -------
    Ordering

    Raises
    ------
    InputError
        For an order that does not exist, and a table of other regions.
    """
    if how not in ORDERS:
        raise InputError(f"the order of regions is {how!r} and must be one of {', '.join(ORDERS)}.")
    if table is not None and len(table) != len(connectome.names):
        raise InputError(f"the table has {len(table)} rows for {len(connectome.names)} regions: give one row a region.")
    if how == "clustering":
        return _clustered(connectome.mean if subject is None else connectome.matrices[subject])
    if how == "network":
        found = _in_blocks(how, _told(table, "network", map(network_of, connectome.names)))
        guessed = table is None or "network" not in table
        return replace(found, blocks=()) if guessed and MEMBERS * len(found.blocks) > len(connectome.names) else found
    if how == "hemisphere":
        return _in_blocks(how, _sides(connectome, table), first=("left", "right", NEITHER))
    return Ordering(how, np.arange(len(connectome.names)))


def network_of(name: str) -> str:
    """The network a region's name begins with, as Vis for "7Networks_LH_Vis_1"; without a number behind it."""
    words = [word for word in re.split(r"[_.:/|-]+", str(name)) if word]
    told = [word for word in words if word.lower() not in SIDES and not PARCELLATION.fullmatch(word)]
    return re.sub(r"[\s#]*\d+$", "", told[0]) or told[0] if told else str(name)


def side_of(name: str) -> str:
    """The side a region's name tells: "left", "right", or "" where it tells none, or both."""
    told = {SIDES[word] for word in re.split(r"[\W_]+", str(name).lower()) if word in SIDES}
    return told.pop() if len(told) == 1 else ""


def _told(table: pd.DataFrame | None, column: str, otherwise: Iterable[str]) -> list[str]:
    """What a column of the table says of each region, or what is known otherwise where it says nothing."""
    known = list(otherwise)
    if table is None or column not in table:
        return known
    said = ["" if pd.isna(each) else str(each).strip() for each in table[column]]
    return [said[i] or known[i] for i in range(len(known))]


def _sides(connectome: Connectome, table: pd.DataFrame | None) -> list[str]:
    sides = [side_of(name) for name in connectome.names]
    places = connectome.coordinates
    for i in range(len(sides)):
        x = 0.0 if places is None else places[i, 0]
        sides[i] = sides[i] or ("left" if x < -MIDLINE else "right" if x > MIDLINE else NEITHER)
    said = _told(table, "hemisphere", sides)
    return [SIDES.get(each.lower(), NEITHER) for each in said]


def _in_blocks(how: str, labels: Sequence[str], first: Sequence[str] = ()) -> Ordering:
    """Regions of one label beside each other; labels in the order they come, but some first."""
    there = set(labels)
    names = dict.fromkeys([*(name for name in first if name in there), *labels])
    places = {name: place for place, name in enumerate(names)}
    rank = np.array([places[label] for label in labels], dtype=np.int64)
    sizes = np.bincount(rank, minlength=len(places))
    return Ordering(how, np.argsort(rank, kind="stable"), tuple(zip(places, sizes.tolist(), strict=True)))


def _clustered(matrix: Array) -> Ordering:
    """Like beside like; regions without a value are last."""
    from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
    from scipy.spatial.distance import pdist

    known = np.flatnonzero((np.isfinite(matrix) & ~np.eye(len(matrix), dtype=bool)).any(axis=1))
    order = known
    if len(known) > 2:
        rows = np.nan_to_num(matrix[np.ix_(known, known)], posinf=0.0, neginf=0.0)
        away = pdist(rows)
        order = known[leaves_list(optimal_leaf_ordering(linkage(away, method="average"), away))]
    unknown = np.setdiff1d(np.arange(len(matrix)), known)
    blocks = ((("", len(known)),) if len(known) else ()) + ((UNKNOWN, len(unknown)),) if len(unknown) else ()
    return Ordering("clustering", np.concatenate([order, unknown]), blocks)
