"""What regions do in each condition: a mean a condition, and a t-test of two of them, as a table to export."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_connectome.core.design import Design
from napari_connectome.core.errors import InputError
from napari_connectome.core.moments import Moments
from napari_connectome.core.t_tests import student, two_sided, welch
from napari_connectome.core.values import Series

Array = npt.NDArray[Any]

TESTS = ("equal_variance", "welch")
TESTED = ("contrast", "t", "dof", "p", "warning")


def condition_table(
    series: Series, design: Design, a: str, b: str, *, test: str = "equal_variance", warning: str | Sequence[str] = ""
) -> pd.DataFrame:
    """Summarise the series of regions by condition.

    Parameters
    ----------
    series : Series
        (t' × r), of all volumes of the design or, with `times`, of some.
    design : Design
    a, b : str
        The conditions compared; t is positive where a is larger.
    test : str
        "equal_variance" (Student) or "welch". Two-sided; volumes are treated as independent, see `condition_test`.
    warning : str or sequence of str
        What must be said about testing in these regions, for all or one a region; see `origins.region_warnings`.

    Returns
    -------
    DataFrame
        One row a region, indexed by its name: the mean in each condition, in a column called like the condition; n_… , the
        number of volumes of each; contrast ("face > house"), t, dof, p; warning. NaN where there is nothing to compare.
    """
    if test not in TESTS:
        raise InputError(f"the test is {test!r} and must be one of {', '.join(TESTS)}.")
    if a == b:
        raise InputError(f"conditions A and B are both {a!r}: choose two different ones of {', '.join(design.conditions)}.")
    warnings = [warning] * len(series.names) if isinstance(warning, str) else list(warning)
    if len(warnings) != len(series.names):
        raise InputError(f"{len(warnings)} warnings were given for {len(series.names)} regions: give one a region.")
    rows = {condition: rows_of(series, design, condition) for condition in dict.fromkeys([*design.conditions, a, b])}
    groups = {condition: series.data[found].astype(np.float64) for condition, found in rows.items()}
    t, dof, p = _t_test(groups[a], groups[b], test)
    columns: dict[str, Any] = {mean_column(c): _mean(values) for c, values in groups.items()}
    columns |= {f"n_{c}": len(values) for c, values in groups.items()}
    columns |= {"contrast": f"{a} > {b}", "t": t, "dof": dof, "p": p, "warning": warnings}
    return pd.DataFrame(columns, index=pd.Index(series.names, name="region"))


def rows_of(series: Series, design: Design, condition: str) -> Array:
    """Which rows of series belong to a condition; one sentence where series and design are not of one run."""
    volumes = series.volumes
    if (series.times is None and len(volumes) != design.n_volumes) or volumes.max(initial=-1) >= design.n_volumes:
        raise InputError(
            f"the series have {len(volumes)} volumes and {design.name} {design.n_volumes}: give the design of the same run."
        )
    return np.flatnonzero(np.isin(volumes, design.volumes(condition)))


def mean_column(condition: str) -> str:
    """What the column of a condition's means is called: like the condition, unless another column is."""
    return f"mean {condition}" if condition in TESTED or condition.startswith(("n_", "mean ")) else condition


def _mean(values: Array) -> Array:
    return values.mean(axis=0) if len(values) else np.full(values.shape[1], np.nan)


def _t_test(a: Array, b: Array, test: str) -> tuple[Array, Array, Array]:
    """t, degrees of freedom and two-sided p of each column."""
    if min(len(a), len(b)) < 2:
        return (np.full(a.shape[1], np.nan),) * 3
    t, dof = (welch if test == "welch" else student)(_moments(a), _moments(b))
    return t, dof, two_sided(t, dof)


def _moments(values: Array) -> Moments:
    mean = values.mean(axis=0)
    return Moments(len(values), mean, np.square(values - mean).sum(axis=0))
