"""Which edges are there in a group, and which differ between two? A t-test of each, and the false ones found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_connectome.core.connectomes import BOUNDED, Connectome, require_same_regions
from napari_connectome.core.discoveries import q_values
from napari_connectome.core.edges import Edges
from napari_connectome.core.errors import InputError, Progress, silent
from napari_connectome.core.fisher import fisher_z
from napari_connectome.core.moments import Moments
from napari_connectome.core.params import Params, param
from napari_connectome.core.t_tests import one_sample, student, two_sided, welch
from napari_connectome.core.tangent import NEAR
from napari_connectome.core.words import some

Array = npt.NDArray[Any]

FEWEST = 2
"""Subjects with a value that an edge needs in each group: one has no spread."""
AT_ONCE = 1 << 16
"""Edges tested together: of a hundred subjects some 50 MiB."""


@dataclass(frozen=True, kw_only=True)
class EdgeTest(Params):
    """How edges are tested."""

    test: str = param(
        "equal_variance",
        "Of two groups. equal_variance: Student's t-test, one variance for both. welch: Welch's, a variance for each. paired: "
        "the same subjects twice, in the same order. One group alone is tested against 0.",
        choices=("equal_variance", "welch", "paired"),
    )
    alpha: float = param(
        0.05, "The share of false ones that is allowed among the edges found.", low=0.0, high=0.5, step=0.001, title="FDR q"
    )


@dataclass(frozen=True, eq=False)
class EdgeTestResult:
    """What a test of edges found; all matrices are symmetric, NaN on the diagonal and where subjects are too few.

    Parameters
    ----------
    t, p : (r × r) float64 arrays
        The statistic and its two-sided probability without any difference. Where nothing varies t is 0 and p is 1, or t is
        infinite and p is 0 if there is a difference all the same.
    q : (r × r) float64 array
        The rate of false discoveries at which an edge is found (Benjamini-Hochberg over all edges).
    difference : (r × r) float64 array
        The mean of the first group, less that of the second, in `quantity`.
    dof : (r × r) float64 array
        Degrees of freedom.
    n : (g, r, r) int array
        Subjects with a value, of each group; of pairs one group.
    names : sequence of str
        Of the regions.
    quantity : str
        What was tested: "Fisher z", "covariance", "precision" or "tangent".
    provenance : dict
        What made it, in plain values.
    coordinates : (r × 3) array, optional
        x, y, z of the regions in mm.
    """

    t: Array
    p: Array
    q: Array
    difference: Array
    dof: Array
    n: Array
    names: Sequence[str]
    quantity: str
    provenance: dict[str, Any]
    coordinates: Array | None = None

    @cached_property
    def found(self) -> Edges:
        """The edges whose q is no larger than the parameters' alpha, by falling size of t."""
        return self.edges(self.provenance["parameters"]["alpha"])

    def edges(self, alpha: float) -> Edges:
        """The edges whose q is no larger than `alpha`, by falling size of t, their weight."""
        with np.errstate(invalid="ignore"):
            kept = self.q <= alpha
        largest = np.finfo(np.float64).max
        return Edges.of(np.where(kept, np.clip(self.t, -largest, largest), np.nan))

    def to_frame(self) -> pd.DataFrame:
        """One line an edge that was tested, by rising p: the two regions, t, p, q, the difference, the subjects."""
        rows, columns = np.tril_indices(len(self.names), k=-1)
        order = np.argsort(self.p[rows, columns], kind="stable")
        order = order[np.isfinite(self.p[rows, columns][order])]
        rows, columns = rows[order], columns[order]
        names = np.array(self.names, dtype=object)
        table = {"region_1": names[columns], "region_2": names[rows]}
        table |= {what: getattr(self, what)[rows, columns] for what in ("difference", "t", "dof", "p", "q")}
        counts = ["n"] if len(self.n) == 1 else [f"n_{i + 1}" for i in range(len(self.n))]
        return pd.DataFrame(table | {name: self.n[i, rows, columns] for i, name in enumerate(counts)})


def edge_test(
    connectome: Connectome,
    others: Connectome | None = None,
    params: EdgeTest | None = None,
    *,
    progress: Progress = silent,
) -> EdgeTestResult:
    """Test each edge of a group against 0, or against another group.

    Parameters
    ----------
    connectome : Connectome
        Of several subjects. Correlations and partial correlations are tested as Fisher z; the other kinds as they are.
    others : Connectome, optional
        The second group, with the same regions; of tangents, at the same centre. With the test "paired" the same subjects in
        the same order.
    params : EdgeTest
    progress : Progress

    Returns
    -------
    EdgeTestResult
        Equal to ``scipy.stats.ttest_1samp``, ``ttest_ind`` and ``ttest_rel`` of each edge over the subjects that have it.

    Raises
    ------
    InputError
        Where a group has one subject, the groups differ in regions or kind, or no edge has two subjects in each group.

    Notes
    -----
    Ledoit-Wolf draws the correlations of each subject towards 0 by a share of its own, more in short or noisy runs, and a
    difference of these is a difference of correlations to this test: take ``Connectivity(estimator="empirical")`` for it.
    Runs of one subject are no independent subjects: ``core.run_groups.of_group`` averages them.
    q is right where the tests are independent or depend on each other positively (Benjamini & Yekutieli 2001, *Ann. Stat.*
    29:1165), which those of edges that share a region need not do.
    """
    params = EdgeTest.given(params)
    groups, test = _compared(connectome, others, params)
    first = groups[0]
    found, n = _of_edges(groups, test, progress)
    if not np.isfinite(found["p"]).any():
        raise InputError(
            f"no edge has a value in {some(FEWEST, 'subject')} of {'the group' if others is None else 'each group'}: "
            "take regions that more subjects have."
        )
    found["q"] = q_values(found["p"])
    return EdgeTestResult(
        **{what: _square(of_edges, len(first.names)) for what, of_edges in found.items()},
        n=np.array([_square(each, len(first.names), 0) for each in n]),
        names=first.names,
        quantity="Fisher z" if first.kind in BOUNDED else first.kind,
        provenance={
            "analysis": "edge_test",
            "test": test,
            "parameters": params.to_dict(),
            "kind": first.kind,
            "subjects": [list(group.subjects) for group in groups],
        },
        coordinates=first.coordinates,
    )


# -- what is compared ------------------------------------------------------------------------------------------------------


def _compared(connectome: Any, others: Any, params: EdgeTest) -> tuple[list[Connectome], str]:
    """The group or groups, and the name of the test."""
    if others is None:
        alone = _tested(connectome)
        _require_deviation(alone)
        return [alone], "one_sample"
    first, second = _tested(connectome), _tested(others)
    _require_comparable(first, second)
    if params.test == "paired" and len(first) != len(second):
        raise InputError(
            f"a paired test compares the same subjects twice, and {len(first)} and {len(second)} were given: give the same in "
            "the same order, or take another test."
        )
    return [first, second], params.test


def _tested(group: Any) -> Connectome:
    """The group; one sentence where there is nothing to test."""
    if not isinstance(group, Connectome):
        raise InputError(f"a group is of type {type(group).__name__} and must be a Connectome: connectome(series) makes one.")
    if len(group) < FEWEST:
        raise InputError(
            f"the connectome of {some(len(group), 'subject')} was given, and a test needs {FEWEST} at least: give those of all "
            "subjects as one, connectome([series, …])."
        )
    if len(group.names) < 2:
        raise InputError(f"the connectome is of {some(len(group.names), 'region')}, and an edge is between two: give more.")
    return group


def _require_deviation(group: Connectome) -> None:
    """One sentence for tangents at their own mean, whose t is 0 whatever they are."""
    if group.kind == "tangent" and np.linalg.norm(np.nan_to_num(group.mean)) < NEAR * len(group.names) ** 2:
        raise InputError(
            "the tangents of one group sum to 0 at its own mean, and there is nothing to test: give a second group, or the "
            "correlations."
        )


def _require_comparable(first: Connectome, second: Connectome) -> None:
    require_same_regions(second.names, first.names, "the matrices of the second group")
    if first.kind != second.kind:
        raise InputError(f"the first group is of {first.kind} and the second of {second.kind}: give two of one kind.")
    if first.kind == "tangent" and not _same(first.centre, second.centre):
        raise InputError(
            "the tangents of the two groups lie at different centres, which makes all edges differ: measure all subjects as "
            "one connectome and take each group of it, connectome.of_subjects(…)."
        )


def _same(a: Array | None, b: Array | None) -> bool:
    return a is not None and b is not None and np.array_equal(a, b, equal_nan=True)


# -- the numbers -----------------------------------------------------------------------------------------------------------


def _of_edges(groups: Sequence[Connectome], test: str, progress: Progress) -> tuple[dict[str, Array], Array]:
    """What is found of each edge of the lower triangle (e,), and the subjects (g × e)."""
    rows, columns = np.tril_indices(len(groups[0].names), k=-1)
    pieces = []
    for start in range(0, len(rows), AT_ONCE):
        together = slice(start, start + AT_ONCE)
        pieces.append(_t_tests([_values(group, rows[together], columns[together]) for group in groups], test))
        progress(min(1.0, (start + AT_ONCE) / len(rows)), "testing edges")
    found = {what: np.concatenate([piece[what] for piece, _ in pieces]) for what in pieces[0][0]}
    return found, np.concatenate([n for _, n in pieces], axis=1)


def _values(group: Connectome, rows: Array, columns: Array) -> Array:
    """What is tested of some edges (s × e)."""
    values = group.matrices[:, rows, columns]
    return fisher_z(values) if group.kind in BOUNDED and not group.fisher_z else values


def _t_tests(values: Sequence[Array], test: str) -> tuple[dict[str, Array], Array]:
    """What is found of some edges (e,), and the subjects (g × e), from the values (s × e) of each group."""
    if test == "paired":
        with np.errstate(invalid="ignore"):
            values = [values[0] - values[1]]
    moments = [_moments(each) for each in values]
    n = np.array([each.n for each in moments])
    with np.errstate(divide="ignore", invalid="ignore"):
        t, dof = {"equal_variance": student, "welch": welch}.get(test, one_sample)(*moments)
    enough = (n >= FEWEST).all(axis=0)
    constant = enough & np.isnan(t)
    dof = np.where(enough & np.isnan(dof), n.sum(axis=0) - len(n), dof)  # Welch's, where neither group varies
    t = np.where(constant, 0.0, np.where(enough, t, np.nan))
    difference = moments[0].mean - moments[1].mean if len(moments) == 2 else moments[0].mean
    found = {"difference": difference, "t": t, "dof": dof, "p": two_sided(t, dof)}
    return {what: np.where(enough, each, np.nan) for what, each in found.items()}, n


def _moments(values: Array) -> Moments:
    """Count, mean and spread (e,) of the finite values (s × e) of each edge; exact where all are the same."""
    known = np.isfinite(values)
    n = known.sum(axis=0)
    reference = values[known.argmax(axis=0), np.arange(values.shape[1])]
    with np.errstate(invalid="ignore", divide="ignore"):
        change = np.where(known, values - reference, 0.0)
        mean = change.sum(axis=0) / n
        squares = np.where(known, np.square(change - mean), 0.0).sum(axis=0)
    return Moments(n, mean + reference, squares)


def _square(of_edges: Array, r: int, diagonal: float = np.nan) -> Array:
    """Numbers of the lower triangle as a symmetric matrix (r × r)."""
    matrix = np.full((r, r), diagonal, dtype=of_edges.dtype)
    rows, columns = np.tril_indices(r, k=-1)
    matrix[rows, columns] = matrix[columns, rows] = of_edges
    return matrix
