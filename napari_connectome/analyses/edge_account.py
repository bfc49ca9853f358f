"""Why is this edge so strong? Its series, the volumes it rests on, its value in each run, and how far its regions are apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_connectome.analyses.subject_series import FEWEST, several_series
from napari_connectome.core.errors import InputError
from napari_connectome.core.params import Params, param
from napari_connectome.core.values import Series

Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class EdgeAccounting(Params):
    """What is asked of an edge."""

    left_out: float = param(
        5.0,
        "Share of the volumes that is left out to see what the edge rests on: those that hold r up most.",
        unit="%",
        low=0.0,
        high=50.0,
        step=1.0,
    )


@dataclass(frozen=True, eq=False)
class EdgeAccount:
    """What is known of one edge.

    Parameters
    ----------
    names : (str, str)
        Of its regions.
    runs : tuple of str
        Of the runs or subjects.
    series : tuple of (t, 2) float64 arrays
        The series of both regions in each run.
    times : tuple of (t,) arrays
        Seconds.
    r : (s,) array
        Pearson correlation in each run, whatever the connectome holds; NaN where a region has no series, or one that does not
        change.
    influence : tuple of (t,) arrays
        By how much r would fall without each volume; NaN where a volume has no value.
    left_out : tuple of int arrays
        The rows that hold r up most: all of them have it nearer to 0 when they are left out.
    r_without : (s,) array
        r of the other rows.
    distance : float
        mm between the regions; NaN where it is not known.
    """

    names: tuple[str, str]
    runs: tuple[str, ...]
    series: tuple[Array, ...]
    times: tuple[Array, ...]
    r: Array
    influence: tuple[Array, ...]
    left_out: tuple[Array, ...]
    r_without: Array
    distance: float

    def to_frame(self) -> pd.DataFrame:
        """A row for each run: its volumes, r, how many were left out, and r without them."""
        sizes, fewer = [len(data) for data in self.series], [len(rows) for rows in self.left_out]
        table = {"run": self.runs, "volumes": sizes, "r": self.r, "left_out": fewer, "r_without": self.r_without}
        return pd.DataFrame(table)


def edge_account(
    series: Series | Iterable[Series],
    i: int,
    j: int,
    params: EdgeAccounting | None = None,
    *,
    coordinates: npt.ArrayLike | None = None,
    runs: Sequence[str] = (),
) -> EdgeAccount:
    """Say what an edge rests on.

    Parameters
    ----------
    series : Series or several of them
        One a run or subject, with the same regions in the same order.
    i, j : int
        Which regions, counted from 0.
    params : EdgeAccounting
    coordinates : (r × 3) array, optional
        Where the regions are, mm.
    runs : sequence of str, optional
        Names of the runs; "run 1", … where not given.

    Returns
    -------
    EdgeAccount

    Raises
    ------
    InputError
        Where there is no such region, or another number of names than of runs.
    """
    params = EdgeAccounting.given(params)
    each = several_series(series)
    names = [_name(one, i, j) for one in each]
    if len(set(names)) > 1:
        raise InputError(f"the regions are {names[0]} in the first run and others elsewhere: use the same regions for all.")
    told = tuple(runs) or tuple(f"run {k + 1}" for k in range(len(each)))
    if len(told) != len(each):
        raise InputError(f"{len(told)} names were given for {len(each)} runs: give one name a run.")
    pairs = tuple(one.data[:, [i, j]].astype(np.float64) for one in each)
    values = [_r(pair) for pair in pairs]
    influence = tuple(_influence(pair) for pair in pairs)
    rows = tuple(_holding(r, moved, params.left_out) for r, moved in zip(values, influence, strict=True))
    without = [_r(np.delete(pair, some, axis=0)) for pair, some in zip(pairs, rows, strict=True)]
    times = tuple(one.to_frame().index.to_numpy(np.float64) for one in each)
    return EdgeAccount(
        names[0], told, pairs, times, np.array(values), influence, rows, np.array(without), _distance(coordinates, i, j)
    )


def _name(series: Series, i: int, j: int) -> tuple[str, str]:
    for k in (i, j):
        if not 0 <= k < len(series.names):
            raise InputError(f"there is no region {k} among {len(series.names)}: count from 0 to {len(series.names) - 1}.")
    return series.names[i], series.names[j]


def _known(pair: Array) -> Array:
    return np.asarray(np.isfinite(pair).all(axis=1))


def _sums(pair: Array) -> tuple[Array, Array]:
    """The rows (n, 2) that are known without their mean, at unit length; a column that does not change is NaN."""
    rows = pair[_known(pair)]
    if len(rows) < FEWEST:
        return rows, np.full(rows.shape, np.nan)
    apart = rows - rows.mean(axis=0)
    length = np.sqrt((apart**2).sum(axis=0))
    flat = length <= 1e-12 * np.abs(rows).max(axis=0) * np.sqrt(len(rows))
    return rows, apart / np.where(flat, np.nan, length)


def _r(pair: Array) -> float:
    """Pearson correlation of two columns (t, 2) over the rows that have both; NaN where there is none."""
    _, unit = _sums(pair)
    return float(np.clip(unit[:, 0] @ unit[:, 1], -1, 1)) if len(unit) else float("nan")


def _influence(pair: Array) -> Array:
    """By how much r falls without each row (t,): the sums without it, in closed form."""
    moved = np.full(len(pair), np.nan)
    _, unit = _sums(pair)
    n = len(unit)
    if n <= FEWEST:
        return moved
    x, y = unit.T
    more = n / (n - 1)  # the mean moves as well
    left = np.clip(1 - more * unit**2, 0, None)
    with np.errstate(divide="ignore", invalid="ignore"):
        without = (x @ y - more * x * y) / np.sqrt(left[:, 0] * left[:, 1])
    without[(left <= 1e-12).any(axis=1)] = np.nan  # all that changes is in this row
    moved[_known(pair)] = x @ y - without
    return moved


def _holding(r: float, influence: Array, percent: float) -> Array:
    """The rows that hold r up most, strongest first."""
    held = np.nan_to_num(np.sign(r) * influence, nan=-np.inf)
    order = np.argsort(-held, kind="stable")
    most = min(int(np.ceil(percent / 100 * len(influence))), max(len(influence) - FEWEST, 0))
    return np.asarray(order[:most][held[order[:most]] > 0])


def _distance(coordinates: npt.ArrayLike | None, i: int, j: int) -> float:
    if coordinates is None:
        return float("nan")
    places = np.asarray(coordinates, dtype=np.float64)
    return float(np.linalg.norm(places[i] - places[j]))
