"""Which condition each volume of a run belongs to: from a label a volume, or from events with onsets and durations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_connectome.core.errors import InputError
from napari_connectome.core.params import Params, param

Array = npt.NDArray[Any]

LABELS = ("labels", "label", "condition", "conditions", "trial_type", "category", "stimulus", "target", "targets")
CHUNKS = ("chunks", "chunk", "run", "runs", "session", "sessions")
ONSET = ("onset", "onsets")
DURATION = ("duration", "durations")
TRIAL_TYPE = ("trial_type", "condition", "conditions", "label", "labels", "event_type")
"""What the columns of tables are called, in any case; the first that is there is taken."""

ROUNDING = 1e-6
"""Seconds by which an onset may miss a volume: 10 × 0.72 is less than 7.2 in a computer."""


@dataclass(frozen=True, kw_only=True)
class Timing(Params):
    """How labels and events are laid over the volumes."""

    delay: float = param(
        0.0,
        "How much later than the stimulus the volumes are taken that count for it: the response of the blood takes about 5 s. "
        "0 takes the labels and events as they are, as nilearn does. Labels move by whole volumes within their chunk.",
        unit="s", low=-30.0, high=30.0, step=0.5,
    )  # fmt: skip
    width: float = param(
        0.0, "How long an event of zero duration lasts; 0: one TR.",
        unit="s", low=0.0, high=600.0, step=0.5, title="width of momentary events",
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Design:
    """The condition of each volume.

    Parameters
    ----------
    labels : (t,) str array
        "" where a volume belongs to no condition.
    chunks : (t,) int array
        Which stay in the scanner each volume belongs to.
    name : str
        What it was made from, for messages and provenance.
    notices : tuple of str
        What the person should know: events left out, overlaps, labels lost by the delay. Whole sentences.
    timing : Timing
        What the labels were made with.
    """

    labels: Array
    chunks: Array
    name: str
    notices: tuple[str, ...] = ()
    timing: Timing = field(default_factory=Timing)

    def __post_init__(self) -> None:
        labels, chunks = np.asarray(self.labels, dtype=np.str_), np.asarray(self.chunks, dtype=np.int64)
        if labels.ndim != 1 or labels.shape != chunks.shape:
            raise InputError(f"a design needs one label and one chunk a volume, not {labels.shape} and {chunks.shape}.")
        object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "chunks", chunks)
        object.__setattr__(self, "notices", tuple(self.notices))

    @property
    def n_volumes(self) -> int:
        """Number of volumes t."""
        return len(self.labels)

    @property
    def conditions(self) -> list[str]:
        """The conditions in the order they first appear in."""
        names, first = np.unique(self.labels, return_index=True)
        return [str(name) for name in names[np.argsort(first)] if name]

    @property
    def counts(self) -> dict[str, int]:
        """Number of volumes of each condition."""
        return {condition: int(np.count_nonzero(self.labels == condition)) for condition in self.conditions}

    def volumes(self, condition: str) -> Array:
        """Which volumes belong to a condition, int (n,); one sentence for a condition there is not."""
        found = np.flatnonzero(self.labels == condition) if condition else np.empty(0, dtype=np.int64)
        if not len(found):
            raise InputError(
                f"there is no condition {condition!r} in {self.name}: choose among {', '.join(self.conditions) or 'none'}."
            )
        return found


def design_of_table(
    table: pd.DataFrame, n_volumes: int, tr: float, timing: Timing | None = None, name: str = "the table"
) -> Design:
    """Make a design of a table of either kind: events where it has a column ``onset``, else a label a volume."""
    if _find(table, ONSET) is not None:
        return design_of_events(table, n_volumes, tr, timing, name)
    return design_of_labels(table, n_volumes, tr, timing, name)


def design_of_labels(
    table: pd.DataFrame | Sequence[Any] | Array,
    n_volumes: int,
    tr: float,
    timing: Timing | None = None,
    name: str = "the labels",
) -> Design:
    """Make a design of one label a volume.

    Parameters
    ----------
    table : DataFrame or sequence of str
        One row a volume, with a column ``labels`` and perhaps ``chunks``. Numbers are taken as text; missing labels are none.
    n_volumes : int
        Volumes t of the run.
    tr : float
        Seconds.
    timing : Timing, optional
        Its delay moves the labels by whole volumes, within stretches of one chunk; its width does not matter here.
    name : str
        Of the table, for messages.

    Raises
    ------
    InputError
        Where the table has not one row a volume, or nothing is left of it.
    """
    timing = timing or Timing()
    labels, chunks = _labels_and_chunks(table, name)
    if len(labels) != n_volumes:
        raise InputError(
            f"there {'is' if len(labels) == 1 else 'are'} {_some(len(labels), 'row')} in {name} "
            f"and {_some(n_volumes, 'volume')} in the run: give the labels of this run, one row a volume."
        )
    if not (labels != "").any():
        raise InputError(f"there is no label in {name}: give one row a volume, with the name of its condition.")
    moved, notices = _moved(labels, chunks, tr, timing.delay)
    if not (moved != "").any():
        raise InputError(f"a delay of {timing.delay:g} s moves all of {name} out of the run: give a smaller one.")
    return Design(moved, chunks, name, tuple(notices), timing)


def design_of_events(
    events: pd.DataFrame, n_volumes: int, tr: float, timing: Timing | None = None, name: str = "the events"
) -> Design:
    """Make a design of events in seconds.

    Parameters
    ----------
    events : DataFrame
        Columns ``onset`` and ``duration`` (s) and ``trial_type``, one row an event, in any order.
    n_volumes : int
        Volumes t of the run, volume i at ``i * tr``.
    tr : float
        Seconds.
    timing : Timing, optional
    name : str
        Of the table, for messages.

    Returns
    -------
    Design
        A volume belongs to the event with onset + delay <= its time < onset + delay + duration; where events of several
        conditions overlap, to the one that began last. What lies outside of the run, or between two volumes, is left out and
        told in the notices.
    """
    timing = timing or Timing()
    onsets, durations, types = _events(events, name)
    starts = onsets + timing.delay
    ends = starts + np.where(durations == 0, timing.width or tr, durations)
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
    notices = _event_notices(len(onsets), ~named, outside, named & ~outside & (first >= stop))
    if shared:
        verb = "lies" if shared == 1 else "lie"
        notices.append(
            f"{_some(shared, 'volume')} {verb} in events of more than one condition and count for the one that began last."
        )
    return Design(labels, np.zeros(n_volumes, dtype=np.int64), name, tuple(notices), timing)


# -- labels ----------------------------------------------------------------------------------------------------------------


def _labels_and_chunks(table: Any, name: str) -> tuple[Array, Array]:
    """Labels as text (t,) and chunks as whole numbers (t,), 0 where there are none."""
    if not isinstance(table, pd.DataFrame):
        if not _is_list(table):
            raise InputError(f"{name} must be a table with a column labels, or a list of one label a volume.")
        return _text(table), np.zeros(len(table), dtype=np.int64)
    column = _find(table, LABELS)
    if column is None:
        raise InputError(
            f"there is no column labels in {name}, only {_columns(table)}: "
            "give a table with labels (and chunks), or with onset, duration and trial_type."
        )
    chunk = _find(table, CHUNKS)
    labels = _text(table[column])
    return labels, np.zeros(len(labels), dtype=np.int64) if chunk is None else _whole(table[chunk])


def _whole(values: Any) -> Array:
    """Chunks as whole numbers: their own where they are such, else numbered in the order they appear in."""
    numbers = pd.to_numeric(pd.Series(values), errors="coerce").to_numpy(dtype=np.float64)
    if np.isfinite(numbers).all() and (numbers == np.rint(numbers)).all():
        return numbers.astype(np.int64)
    return np.asarray(pd.factorize(_text(values))[0], dtype=np.int64)


def _moved(labels: Array, chunks: Array, tr: float, delay: float) -> tuple[Array, list[str]]:
    """The labels, later by the delay within each stretch of a chunk, and what to say about it."""
    shift = int(np.floor(delay / tr + 0.5))
    notices = []
    if abs(shift * tr - delay) > ROUNDING:
        notices.append(
            f"The delay of {delay:g} s counts as {_some(shift, 'volume')} of {tr:g} s: labels move by whole volumes."
        )
    moved = np.full_like(labels, "")
    for stretch in np.split(np.arange(len(labels)), np.flatnonzero(np.diff(chunks)) + 1):
        n = max(0, len(stretch) - abs(shift))
        moved[stretch[len(stretch) - n :] if shift > 0 else stretch[:n]] = labels[
            stretch[:n] if shift > 0 else stretch[len(stretch) - n :]
        ]
    lost = int(np.count_nonzero(labels != "") - np.count_nonzero(moved != ""))
    if lost:
        verb, end = ("is", "end") if lost == 1 else ("are", "ends")
        notices.append(f"{_some(lost, 'label')} {verb} moved past the {end} of the chunks by the delay and left out.")
    return moved, notices


# -- events ----------------------------------------------------------------------------------------------------------------


def _events(events: pd.DataFrame, name: str) -> tuple[Array, Array, Array]:
    """Onsets (s), durations (s) and types (text), checked."""
    if not isinstance(events, pd.DataFrame):
        raise InputError(f"{name} must be a table with the columns onset, duration and trial_type.")
    columns = [_find(events, spellings) for spellings in (ONSET, DURATION, TRIAL_TYPE)]
    missing = [what for what, found in zip(("onset", "duration", "trial_type"), columns, strict=True) if found is None]
    if missing:
        raise InputError(
            f"there is no column {' and no '.join(missing)} in {name}, only {_columns(events)}: "
            "events need onset and duration in seconds and trial_type."
        )
    if not len(events):
        raise InputError(f"there is no event in {name}: give a table with one row an event.")
    onsets = _seconds(events[columns[0]], "onset", name)
    durations = _seconds(events[columns[1]], "duration", name)
    if (durations < 0).any():
        row = int(np.argmax(durations < 0))
        raise InputError(f"event {row + 1} of {name} lasts {durations[row]:g} s, and 0 s or more is needed: correct the table.")
    return onsets, durations, _text(events[columns[2]])


def _seconds(values: Any, what: str, name: str) -> Array:
    numbers = pd.to_numeric(pd.Series(values), errors="coerce").to_numpy(dtype=np.float64)
    wrong = ~np.isfinite(numbers)
    if wrong.any():
        row = int(np.argmax(wrong))
        given = str(_text(values)[row])
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


def _event_notices(n: int, unnamed: Array, outside: Array, between: Array) -> list[str]:
    reasons = (
        (unnamed, "no trial_type"),
        (outside, "no volume in their time, beginning after the last one or ending before the first"),
        (between, "no volume in their time, being shorter than a TR and falling between two"),
    )
    return [
        f"{int(which.sum())} of {_some(n, 'event')} {'has' if which.sum() == 1 else 'have'} {reason}; left out."
        for which, reason in reasons
        if which.any()
    ]


# -- tables ----------------------------------------------------------------------------------------------------------------


def _find(table: pd.DataFrame, spellings: Sequence[str]) -> Any:
    """The column with one of these names, in any case; None where there is none."""
    known = {str(column).strip().lower(): column for column in reversed(list(table.columns))}
    return next((known[spelling] for spelling in spellings if spelling in known), None)


def _columns(table: pd.DataFrame) -> str:
    shown = [str(column) for column in table.columns]
    return ", ".join(shown[:8]) + (f" and {len(shown) - 8} more" if len(shown) > 8 else "") or "none"


def _is_list(values: Any) -> bool:
    try:
        return not isinstance(values, str | bytes) and np.ndim(values) == 1
    except ValueError:  # rows of different lengths
        return False


def _text(values: Any) -> Array:
    """Values as stripped text (n,): 1 and 1.0 as "1", missing ones as ""."""
    return np.array([_word(value) for value in values], dtype=np.str_)


def _word(value: Any) -> str:
    if value is None or value is pd.NA or (isinstance(value, float | np.floating) and np.isnan(value)):
        return ""
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)
    return str(value).strip()


def _some(n: int, thing: str) -> str:
    return f"{n} {thing}" + ("" if abs(n) == 1 else "s")
