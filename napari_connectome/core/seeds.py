"""Tables of seeds: a name, a centre and a radius in mm a row, and what must hold of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_connectome.core.errors import InputError

Array = npt.NDArray[Any]

COLUMNS = ("name", "x", "y", "z", "radius")
RADIUS: dict[str, Any] = {
    "default": 8.0,
    "doc": "Radius of a seed sphere; 0 takes the voxel the seed lies in.",
    "unit": "mm",
    "low": 0.0,
    "high": 50.0,
    "step": 0.5,
}
"""The radius as `param` declares it: written here once, for analyses, tables and forms."""
DEFAULT_RADIUS: float = RADIUS["default"]
SAME = 1e-3
"""Distance in mm below which two places, or two radii, are the same."""


def check_radius(radius: Any) -> float:
    """The radius in mm as a number within its bounds, or one sentence."""
    low, high = RADIUS["low"], RADIUS["high"]
    try:
        value = float(radius)
    except (TypeError, ValueError):
        value = float("nan")
    if not low <= value <= high:
        raise InputError(f"the radius of a seed is {radius} and must be a number between {low:g} and {high:g} mm.")
    return value


def check_mm(mm: Any) -> Array:
    """A centre as three finite numbers in mm, or one sentence."""
    try:
        centre = np.asarray(mm, dtype=np.float64)
    except (TypeError, ValueError):
        centre = np.empty(0)
    if centre.shape != (3,) or not np.isfinite(centre).all():
        raise InputError(f"the centre of a seed is {mm} and must be three numbers in mm: x, y, z.")
    return centre


def require_centres(table: pd.DataFrame, what: str) -> None:
    """Raise one sentence unless there are columns x, y and z; `what` names the table."""
    missing = [axis for axis in "xyz" if axis not in table.columns]
    if missing:
        raise InputError(f"{what} has no column {', '.join(missing)}: seeds need x, y and z in mm.")


def as_spheres(seeds: Any, radius: float, other: str) -> list[tuple[str, Array, float]]:
    """Name, centre and radius in mm of each sphere.

    Parameters
    ----------
    seeds : (n × 3) array in mm or DataFrame
        A table has the columns x, y, z and, where they differ, name and radius.
    radius : float
        In mm, where the table has none.
    other : str
        What else could have been given, to be said when this is neither.
    """
    if isinstance(seeds, pd.DataFrame):
        require_centres(seeds, "the table of seeds")
        centres = [check_mm(row) for row in seeds[["x", "y", "z"]].to_numpy(dtype=object)]
        names = [str(n) for n in seeds["name"]] if "name" in seeds else [_spot(c) for c in centres]
        radii = [check_radius(r) for r in seeds["radius"]] if "radius" in seeds else [radius] * len(centres)
        return list(zip(names, centres, radii, strict=True))
    try:
        places = np.atleast_1d(np.asarray(seeds, dtype=np.float64))
    except (TypeError, ValueError):
        places = np.empty(0)
    if places.ndim > 2 or places.shape[-1] != 3:
        raise InputError(f"seeds must be centres in mm (n × 3), a table with x, y and z, {other}.")
    return [(_spot(c), check_mm(c), radius) for c in np.atleast_2d(places)]


def _spot(mm: Array) -> str:
    return "({:g}, {:g}, {:g})".format(*mm)


def check_seeds(table: pd.DataFrame) -> pd.DataFrame:
    """A table as seeds: the columns of `COLUMNS`, None for a missing name, default radii where missing; or one sentence."""
    require_centres(table, "the table of seeds")
    if not len(table):
        return pd.DataFrame({c: np.empty(0, dtype=object if c == "name" else float) for c in COLUMNS})
    names = list(table["name"]) if "name" in table else [None] * len(table)
    radii = list(table["radius"]) if "radius" in table else [None] * len(table)
    mm = np.array([check_mm(row) for row in table[["x", "y", "z"]].to_numpy(dtype=object)])
    return pd.DataFrame(
        {
            "name": pd.Series([plain_name(name) or None for name in names], dtype=object),
            "x": mm[:, 0],
            "y": mm[:, 1],
            "z": mm[:, 2],
            "radius": [DEFAULT_RADIUS if pd.isna(r) else check_radius(r) for r in radii],
        }
    )


def find_seeds(wanted: pd.DataFrame, there: pd.DataFrame) -> list[int]:
    """Rows of seeds in a table that may have them already.

    Parameters
    ----------
    wanted, there : DataFrame
        As `check_seeds` gives them.

    Returns
    -------
    list of int
        For each wanted seed the row of the one with the same name, centre and radius; -1 where there is none. One
        without a name is found under any, and the later of two wanted of one name also as the table tells them apart.
    """
    names, places = list(there["name"]), there[["x", "y", "z", "radius"]].to_numpy(dtype=np.float64)
    rows = []
    told_apart = unique_names(list(wanted["name"]))
    for name, alias, place in zip(wanted["name"], told_apart, wanted[["x", "y", "z", "radius"]].to_numpy(), strict=True):
        same_place = np.flatnonzero((np.abs(places - place.astype(np.float64)) <= SAME).all(axis=1))
        rows.append(next((int(row) for row in same_place if not name or names[row] in (name, alias)), -1))
    return rows


def plain_name(name: Any) -> str:
    """A name as text without space around it; "" for a missing one, a whole number without its point."""
    if bool(pd.isna(name)):
        return ""
    return f"{name:g}" if isinstance(name, float) else str(name).strip()


def unique_names(names: Sequence[Any]) -> list[str]:
    """Names with the empty ones numbered ("seed 2") and the later of two equal ones told apart ("PCC (2)")."""
    taken = {plain_name(name) for name in names}
    used: set[str] = set()
    unique = []
    for row, name in enumerate(names):
        text, n = plain_name(name), 2
        if not text:
            n = row + 1
            while (text := f"seed {n}") in used | taken:
                n += 1
        elif text in used:
            while (text := f"{plain_name(name)} ({n})") in used | taken:
                n += 1
        used.add(text)
        unique.append(text)
    return unique
