"""Where runs come from, one at a time: a file to be read, or a run in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from napari_connectome.core.errors import Progress, silent
from napari_connectome.core.values import Run


class Source(Protocol):
    """Something a run can be had from; what lies on a disk is read when it is asked for."""

    @property
    def name(self) -> str:
        """What the run is called in messages."""

    def load(self, progress: Progress = silent) -> Run:
        """The run."""


@dataclass(frozen=True, eq=False)
class RunSource:
    """A run in memory."""

    run: Run

    @property
    def name(self) -> str:
        """The run's name."""
        return self.run.name

    def load(self, progress: Progress = silent) -> Run:
        """The run."""
        return self.run


@dataclass(frozen=True, eq=False)
class SteadySource(RunSource):
    """A run in memory that stays as it is, so that what was once found of it holds.

    Parameters
    ----------
    known : dict
        What was found, by its name.
    """

    known: dict[str, Any] = field(default_factory=dict, repr=False)
