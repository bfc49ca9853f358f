"""Runs put together to groups of subjects: what a test compares are subjects, however many runs each has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_connectome.core.connectomes import BOUNDED, Connectome
from napari_connectome.core.errors import InputError
from napari_connectome.core.words import some

Array = npt.NDArray[Any]

PAIRS = 2
"""Subjects in both groups that a test of pairs needs."""


def of_group(connectome: Connectome, which: Sequence[int] | Array, subjects: Sequence[str] = ()) -> Connectome:
    """The runs of a group, those of one subject averaged: as Fisher z where there is one.

    Parameters
    ----------
    connectome : Connectome
        A matrix for each of s runs.
    which : ints
        Numbers of the runs in the group.
    subjects : sequence of str
        Whose each of all s runs is; each is one of its own where not given.

    Returns
    -------
    Connectome
        A matrix for each subject, in the order of their first runs. A pair of regions has the mean over the runs that have it.

    Raises
    ------
    InputError
        Where no run is in the group, or not each run has a subject.
    """
    whose = tuple(subjects) or connectome.subjects
    if len(whose) != len(connectome):
        raise InputError(f"{some(len(whose), 'subject')} were given for {some(len(connectome), 'run')}: give one a run.")
    runs = connectome.of_subjects(which)
    runs = runs.to_fisher_z() if runs.kind in BOUNDED else runs
    known = [whose[int(i)] for i in np.arange(len(connectome))[np.asarray(which)]]
    each = list(dict.fromkeys(known))
    of_each = [np.flatnonzero([name == subject for name in known]) for subject in each]
    return Connectome(
        np.stack([runs.of_subjects(own).mean for own in of_each]),
        runs.names,
        runs.kind,
        np.array([np.mean(np.asarray(runs.shrinkage)[own]) for own in of_each]),
        runs.coordinates,
        each,
        runs.centre,
        runs.fisher_z,
    )


def in_both(first: Connectome, second: Connectome) -> tuple[Connectome, Connectome]:
    """Both groups with the subjects only that are in both, in the same order: what a test of pairs takes."""
    shared = [subject for subject in first.subjects if subject in second.subjects]
    if len(shared) < PAIRS:
        raise InputError(
            f"the groups have {some(len(shared), 'subject')} in common, and a paired test needs {PAIRS} at least: say whose "
            "each run is, or take another test."
        )
    found = [each.of_subjects([list(each.subjects).index(subject) for subject in shared]) for each in (first, second)]
    return found[0], found[1]
