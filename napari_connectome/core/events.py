"""Events in seconds, laid over the volumes of a run."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_connectome.core.columns import column, columns_in_words, text
from napari_connectome.core.errors import InputError
from napari_connectome.core.values import ROUNDING
from napari_connectome.core.words import some

Array = npt.NDArray[Any]

ONSET = ("onset", "onsets")
DURATION = ("duration", "durations")
TRIAL_TYPE = ("trial_type", "condition", "conditions", "label", "labels", "event_type")
"""What the columns of tables are called, in any case; the first that is there is taken."""


def labels_of_events(
    events: pd.DataFrame, n_volumes: int, tr: float, delay: float, width: float, name: str
) -> tuple[Array, list[str]]:
    """The label of each volume (t,), and what to say about events that got none; see `design.design_of_events`.

    `width` (s) is the duration of events of zero duration.
    """
    onsets, durations, types = _events(events, name)
    starts = onsets + delay
    ends = starts + np.where(durations == 0, width, durations)
    first = np.clip(np.ceil((starts - ROUNDING) / tr), 0, n_volumes).astype(np.int64)
    stop = np.clip(np.ceil((ends - ROUNDING) / tr), 0, n_volumes).astype(np.int64)
    named = types != ""
    if not named.any():
        raise InputError(f"no event of {name} has a trial_type: give each event the name of its condition.")
    if not (named & (first < stop)).any():
        raise InputError(
            f"no event of {name} falls on a volume of the run, which lasts {n_volumes * tr:g} s: "
            "check that onsets are in seconds, the TR and the delay."
        )
    labels, shared = _laid(first, stop, types, starts, n_volumes)
    outside = named & ((ends <= ROUNDING) | (starts > (n_volumes - 1) * tr + ROUNDING))
    notices = _notices(~named, outside, named & ~outside & (first >= stop))
    if shared:
        verb, count = ("lies", "counts") if shared == 1 else ("lie", "count")
        notices.append(
            f"{some(shared, 'volume')} {verb} in events of more than one condition and {count} for the one that began last."
        )
    return labels, notices


def _events(events: pd.DataFrame, name: str) -> tuple[Array, Array, Array]:
    """Onsets (s), durations (s) and types (text), checked."""
    if not isinstance(events, pd.DataFrame):
        raise InputError(f"{name} must be a table with the columns onset, duration and trial_type.")
    spellings = {"onset": ONSET, "duration": DURATION, "trial_type": TRIAL_TYPE}
    columns = {what: found for what, called in spellings.items() if (found := column(events, called)) is not None}
    missing = [what for what in spellings if what not in columns]
    if missing:
        raise InputError(
            f"there is no column {' and no '.join(missing)} in {name}, only {columns_in_words(events)}: "
            "events need onset and duration in seconds and trial_type."
        )
    if not len(events):
        raise InputError(f"there is no event in {name}: give a table with one row an event.")
    onsets, durations = (_seconds(columns[what], what, name) for what in ("onset", "duration"))
    if (durations < 0).any():
        row = int(np.argmax(durations < 0))
        raise InputError(f"event {row + 1} of {name} lasts {durations[row]:g} s, and 0 s or more is needed: correct the table.")
    return onsets, durations, text(columns["trial_type"])


def _seconds(values: pd.Series, what: str, name: str) -> Array:
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64)
    wrong = ~np.isfinite(numbers)
    if wrong.any():
        row = int(np.argmax(wrong))
        given = str(text(values)[row])
        raise InputError(
            f"the {what} of event {row + 1} of {name} is {repr(given) if given else 'missing'} "
            "and must be a number of seconds: correct the table."
        )
    return numbers


def _laid(first: Array, stop: Array, types: Array, starts: Array, n_volumes: int) -> tuple[Array, int]:
    """The label of each volume (t,), and how many volumes lie in events of several conditions."""
    names, codes = np.unique(types, return_inverse=True)
    owner = np.zeros(n_volumes, dtype=np.int64)
    covered = np.zeros((len(names), n_volumes), dtype=bool)
    for i in np.argsort(starts, kind="stable"):
        if types[i]:
            owner[first[i] : stop[i]] = codes[i] + 1
            covered[codes[i], first[i] : stop[i]] = True
    return np.concatenate([[""], names])[owner], int(np.count_nonzero(covered.sum(axis=0) > 1))


def _notices(unnamed: Array, outside: Array, between: Array) -> list[str]:
    reasons = (
        (unnamed, "no trial_type"),
        (outside, "no volume in their time, beginning after the last one or ending before the first"),
        (between, "no volume in their time, being shorter than a TR and falling between two"),
    )
    notices = [
        f"{int(which.sum())} of {some(len(which), 'event')} {'has' if which.sum() == 1 else 'have'} {reason}; left out."
        for which, reason in reasons
        if which.any()
    ]
    if outside.mean() > 0.5:
        notices.append("Most of the events lie outside of the run: check that onsets are in seconds, the TR and the delay.")
    return notices
