"""The series of one or several subjects, as they must be for their regions to be compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_connectome.core.connectomes import require_same_regions
from napari_connectome.core.errors import InputError
from napari_connectome.core.values import Series, expect
from napari_connectome.core.words import some

Array = npt.NDArray[Any]

FEWEST = 3
"""Volumes below which every correlation is 1 or -1."""
CONSTANT = 1e-12
"""Series that change by less than this share of their largest value are constant, but for rounding."""


def called_in_sentences(count: int, subjects: Sequence[str]) -> list[str]:
    """What the series of each subject are called in sentences."""
    if len(subjects) not in (0, count):
        raise InputError(f"{len(subjects)} names of subjects were given for the series of {count}: give one name a subject.")
    names = subjects or [f"subject {i + 1}" for i in range(count)]
    return ["the series"] if count == 1 else [f"the series of {name}" for name in names]


def several_series(series: Any) -> list[Series]:
    """The series of several subjects as a list; one sentence where that is not what they are."""
    try:
        subjects = list(series)
    except TypeError:
        subjects = [series]
    if not subjects:
        raise InputError("no series were given: give those of one subject at least.")
    for each in subjects:
        expect("each subject", each, Series)
    return subjects


def usable_regions(subject: Series, first: Series, which: str, kind: str) -> Array:
    """Which regions of a subject have a series (r,), bool, and are those of the first."""
    require_same_regions(subject.names, first.names, which)
    return _known(subject, which, kind)


def _known(subject: Series, which: str, kind: str) -> Array:
    """Which regions of a subject have a series (r,), bool; one sentence where nothing can be said of them."""
    data = subject.data
    if len(data) < FEWEST:
        raise InputError(f"{which} have {some(len(data), 'volume')}, and at least {FEWEST} are needed: take a longer run.")
    finite = np.isfinite(data)
    known = np.asarray(finite.all(axis=0))
    if finite.any() and not known.any():
        worst = int(np.argmin(finite.sum(axis=1)))
        raise InputError(
            f"no region has a value in all volumes of {which} (volume {worst} lacks most, from 0): leave such volumes out."
        )
    same = known.copy()
    same[known] = np.ptp(data[:, known], axis=0) <= CONSTANT * np.abs(data[:, known]).max(axis=0)
    if same.any() and kind != "covariance":
        first = subject.names[int(np.flatnonzero(same)[0])]
        others = f" and {some(int(same.sum()) - 1, 'other')} do" if same.sum() > 1 else " does"
        raise InputError(f"{first}{others} not change in {which}, and nothing can go together with that: leave it out.")
    return known
