"""The values of an edge in groups of subjects: a box a group, and every subject as a point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from qtpy.QtWidgets import QWidget

from napari_connectome.widgets.box_plot import BoxPlot

Array = npt.NDArray[Any]


class GroupPlot(BoxPlot):
    """One box a group; a click marks a subject, and in a second group the same."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.file_name = "edge_values.tsv"
        self._subjects: tuple[str, ...] = ()

    def set_groups(self, values: Sequence[Array], subjects: Sequence[Sequence[str]], names: Sequence[str], label: str) -> None:
        """Show values, in place of what was shown.

        Parameters
        ----------
        values : sequence of arrays
            Of each group, one a subject; NaN where there is none.
        subjects : sequence of sequences of str
            The subjects of each group.
        names : sequence of str
            Of the groups.
        label : str
            What the values are.
        """
        before, self._subjects = self._subjects, tuple(subject for group in subjects for subject in group)
        if self._subjects != before:
            self.set_volume(-1)  # the number would be that of somebody else
        ends = np.cumsum([0, *map(len, values)])
        members = {name: np.arange(*ends[i : i + 2]) for i, name in enumerate(names)}
        self.set_label(label)
        self.set_values(np.concatenate(list(values)), members, np.zeros(ends[-1]))

    def to_frame(self) -> pd.DataFrame:
        """Return the values shown: group, subject, value."""
        shown = super().to_frame()
        subjects = [self._subjects[i] for i in shown["volume"]]
        return pd.DataFrame({"group": shown["condition"], "subject": subjects, self._label: shown["value"]})

    def set_volume(self, index: int) -> None:
        """Mark a subject by the number of its point, in both groups where it is in both."""
        super().set_volume(index)
        if 0 <= index < len(self._subjects):
            same = [i for i, subject in enumerate(self._subjects) if subject == self._subjects[index]]
            here = self._shown[self._shown["volume"].isin(same)]
            self._mark.setData(here["x"].to_numpy(), here["value"].to_numpy())

    def _said(self, row: Any) -> str:
        return f"{row['condition']}, {self._subjects[int(row['volume'])]}: {row['value']:.4g}"
