"""One test of edges as it is done in the background: groups of subjects, and what is to be known of their comparison."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_connectome.analyses.edge_test import FEWEST, EdgeTest, EdgeTestResult, edge_test
from napari_connectome.core.connectomes import Connectome
from napari_connectome.core.errors import InputError, Progress
from napari_connectome.core.run_groups import in_both, of_group
from napari_connectome.core.sparse_connectomes import SparseConnectome
from napari_connectome.core.words import some
from napari_connectome.widgets.group_choice import Groups

DRAWN = 0.01
"""Difference between the shrinkages of two groups from which on one is told of it."""


@dataclass(frozen=True, eq=False)
class Compared:
    """What came of a test.

    Parameters
    ----------
    result : EdgeTestResult
    groups : tuple of Connectome
        What was tested, a matrix a subject; of pairs the same subjects in both.
    names : tuple of str
        Of the groups.
    notes : tuple of str
        Sentences to be read with it.
    """

    result: EdgeTestResult
    groups: tuple[Connectome, ...]
    names: tuple[str, ...]
    notes: tuple[str, ...]

    def provenance(self, alpha: float) -> dict[str, Any]:
        """The test and its groups, in plain values, with the rate of false discoveries that is shown."""
        made = self.result.provenance
        members = {name: list(group.subjects) for name, group in zip(self.names, self.groups, strict=True)}
        return {**made, "parameters": {**made["parameters"], "alpha": alpha}, "subjects": members}


@dataclass(frozen=True, eq=False)
class Comparison:
    """Everything one test needs.

    Parameters
    ----------
    connectome : Connectome
        Of all runs.
    groups : Groups
    params : EdgeTest
    """

    connectome: Connectome
    groups: Groups
    params: EdgeTest

    def test(self, progress: Progress) -> Compared:
        """Put the runs together to groups, and test the edges."""
        found = tuple(of_group(self.connectome, members, self.groups.subjects) for members in self._members())
        notes = self._notes(found)
        if len(found) == 2 and self.params.test == "paired":
            found = in_both(*found)
        result = edge_test(found[0], found[1] if len(found) == 2 else None, self.params, progress=progress)
        return Compared(result, found, self.groups.names, tuple(notes))

    def _members(self) -> tuple[tuple[int, ...], ...]:
        """The runs of each group; one sentence where there are not two subjects in each."""
        for name, members in zip(self.groups.names, self.groups.members, strict=True):
            n = len({self.groups.subjects[i] for i in members})
            if n < FEWEST:
                raise InputError(
                    f"the group {name!r} is of {some(n, 'subject')}, and a test needs {FEWEST} at least: put more runs into "
                    "it, or compute the connectomes of more."
                )
        return self.groups.members

    def _notes(self, found: tuple[Connectome, ...]) -> list[str]:
        notes = []
        runs = sum(len(members) for members in self.groups.members)
        if runs > sum(map(len, found)):
            notes.append("Runs of one subject are averaged.")
        out = len(self.connectome) - runs
        if out:
            notes.append(f"{some(out, 'run')} in no group tested.")
        if len(found) == 2:
            notes += _of_two(found[0], found[1], self.params.test == "paired")
        if isinstance(self.connectome, SparseConnectome):
            notes.append(
                "Sparse ones are estimated from all subjects together, as if these were no independent ones: test those of "
                "each run to be sure."
            )
        return notes


def _of_two(first: Connectome, second: Connectome, paired: bool) -> list[str]:
    shared = len(set(first.subjects) & set(second.subjects))
    alone = len(first) + len(second) - 2 * shared
    notes = []
    if paired and alone:
        notes.append(f"{some(alone, 'subject')} in one group only left out.")
    if shared and not paired:
        notes.append(f"{some(shared, 'subject')} in both groups: the paired test is made for that.")
    drawn = [float(np.mean(np.asarray(group.shrinkage))) for group in (first, second)]
    if abs(drawn[0] - drawn[1]) > DRAWN:
        notes.append(
            f"Ledoit-Wolf drew values towards 0 by {drawn[0]:.2g} and {drawn[1]:.2g} on average, which makes groups differ: "
            "the empirical estimator does not."
        )
    return notes
