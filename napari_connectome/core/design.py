"""Which condition each volume of a run belongs to: from a label a volume, or from events with onsets and durations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_connectome.core.columns import column, text
from napari_connectome.core.errors import InputError
from napari_connectome.core.events import ONSET as ONSET
from napari_connectome.core.events import labels_of_events
from napari_connectome.core.params import Params, param
from napari_connectome.core.values import checked_tr
from napari_connectome.core.volume_labels import labels_and_chunks, moved, whole
from napari_connectome.core.words import some

Array = npt.NDArray[Any]


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
        labels, chunks = np.asarray(self.labels), np.asarray(self.chunks)
        if labels.ndim != 1 or labels.shape != chunks.shape:
            raise InputError(f"a design needs one label and one chunk a volume, not {labels.shape} and {chunks.shape}.")
        object.__setattr__(self, "labels", labels if labels.dtype.kind == "U" else text(labels))
        object.__setattr__(self, "chunks", chunks if chunks.dtype == np.int64 else whole(chunks))
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
    if column(table, ONSET) is not None:
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
    timing, tr = Timing.given(timing), _checked(n_volumes, tr)
    labels, chunks = labels_and_chunks(table, name)
    if len(labels) != n_volumes:
        raise InputError(
            f"there {'is' if len(labels) == 1 else 'are'} {some(len(labels), 'row')} in {name} "
            f"and {some(n_volumes, 'volume')} in the run: give the labels of this run, one row a volume."
        )
    if not (labels != "").any():
        raise InputError(f"there is no label in {name}: give one row a volume, with the name of its condition.")
    labels, notices = moved(labels, chunks, tr, timing.delay)
    if not (labels != "").any():
        raise InputError(f"a delay of {timing.delay:g} s moves all of {name} out of the run: give a smaller one.")
    return Design(labels, chunks, name, tuple(notices), timing)


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
    timing, tr = Timing.given(timing), _checked(n_volumes, tr)
    labels, notices = labels_of_events(events, n_volumes, tr, timing.delay, timing.width or tr, name)
    return Design(labels, np.zeros(n_volumes, dtype=np.int64), name, tuple(notices), timing)


def _checked(n_volumes: int, tr: float) -> float:
    """The TR (s) of a run with so many volumes; one sentence where there can be none."""
    if isinstance(n_volumes, bool) or not isinstance(n_volumes, int | np.integer) or n_volumes < 1:
        raise InputError(f"the number of volumes is {n_volumes!r} and must be a whole number, 1 or more: give run.n_volumes.")
    return checked_tr(tr, "the TR")
