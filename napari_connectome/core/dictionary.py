"""Sparse maps of a group: a dictionary learned over voxels.

The samples are the voxels x (m,), the columns of the stacked reductions of all runs. Sought are k atoms D (k × m) of norm 1 at
most and sparse weights w of each voxel that minimise the mean over voxels of 0.5 ‖x - w D‖² + alpha ‖w‖₁; the weights are the
maps. The search begins with maps, and goes over batches of 20 voxels (Mairal's online learning, as scikit-learn and nilearn
do it and where they stop) or, if wanted, over all voxels again and again until the objective falls no more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_connectome.core.errors import Progress, named, part, silent
from napari_connectome.core.principal import column_squares, cross_products, products
from napari_connectome.core.sparse_coding import sparse_code
from napari_connectome.core.stacked import Rows

Array = npt.NDArray[Any]

BATCH = 20
"""Voxels of a batch."""
TOLERANCE, PATIENCE, WARM_UP = 1e-3, 10, 100
"""scikit-learn's stop: a batch that moves the atoms by less than this (Frobenius norm by atom), or so many batches without a
better running cost; not before so many batches or one round over the voxels."""
UNUSED = 1e-6
"""Mean square weight below which an atom is drawn anew."""
FALL, MOST_PASSES = 1e-5, 200
"""The passes over all voxels end when the objective falls by less than this share of itself, or after so many."""
ATOM_SWEEPS = 5
FIRST, MAPS = "beginning the dictionary", "making the maps of the dictionary"


@dataclass(frozen=True, eq=False)
class Dictionary:
    """What was learned.

    Parameters
    ----------
    atoms : (k × m) float64 array
    maps : (k × v) float64 array
        The weights of the voxels.
    objectives : tuple of float
        After the batches, or after each pass over all voxels; the last is that of these atoms and maps.
    batches : int
        How many batches it took.
    """

    atoms: Array
    maps: Array
    objectives: tuple[float, ...]
    batches: int


def learn_dictionary(
    rows: Rows,
    start: Array,
    alpha: float,
    *,
    full: bool = False,
    seed: int = 0,
    order: Array | None = None,
    progress: Progress = silent,
    watch: Callable[[Array], None] | None = None,
) -> Dictionary:
    """Learn a dictionary from stacked reductions.

    Parameters
    ----------
    rows : (m × v) array
    start : (k × v) array
        Maps to begin with.
    alpha : float
    full : bool
        Pass over all voxels until the objective falls no more. It ends no higher than that after the batches.
    seed : int
        Of the order of the voxels, and of the atoms drawn for unused ones.
    order : (v,) int array, optional
        The voxels as they stand before they are shuffled; as in the rows otherwise.
    progress : Progress
    watch : callable, optional
        Called with the maps so far, (k × v).

    Notes
    -----
    The atoms nilearn begins with are of norm 2 to 5, and its batches throw many of them away before they are cut to 1. The
    passes begin with the same atoms at norm 1, which keeps them: on twenty simulated runs they ended lower than when they
    went on from the batches, at the same maps from every seed, in a third of the time. Should they end higher than the
    batches, they are made again from there.
    """
    atoms = first_atoms(rows, start, named(part(progress, 0.0, 0.05), FIRST))
    del start  # as large as the maps
    energy = column_squares(rows)
    batched, batches = learn_in_batches(rows, atoms, alpha, seed, order, part(progress, 0.05, 0.3))
    early = _coded(rows, energy, batched, alpha, None, part(progress, 0.3, 0.4 if full else 1.0), MAPS)
    early = replace(early, batches=batches)
    if watch is not None:
        watch(early.maps)
    if not full:
        return early
    norms = np.linalg.norm(atoms, axis=1)
    early = replace(early, maps=np.zeros_like(early.maps))
    unit = replace(early, atoms=atoms / np.where(norms == 0, 1.0, norms)[:, None], objectives=())
    found = _over_all_voxels(rows, energy, unit, alpha, part(progress, 0.4, 1.0), watch)
    if found.objectives[-1] > early.objectives[-1]:
        found = _over_all_voxels(rows, energy, early, alpha, part(progress, 0.4, 1.0), watch)
    return found


def first_atoms(rows: Rows, maps: Array, progress: Progress = silent) -> Array:
    """Atoms (k × m) that rebuild the (m × v) rows from maps (k × v), scaled to norm 1 over the atoms for each row.

    As nilearn begins: the maps are divided by their squared norms first, and the rows of the reductions, not the atoms,
    are scaled.
    """
    maps = np.asarray(maps, dtype=np.float64)
    squares = (maps**2).sum(axis=1)
    maps = maps / np.where(squares == 0, 1.0, squares)[:, None]
    loadings = np.linalg.solve(maps @ maps.T + 1e-8 * np.eye(len(maps)), cross_products(rows, maps, progress).T)
    norms = np.sqrt((loadings**2).sum(axis=0))
    return np.asarray(loadings / np.where(norms == 0, 1.0, norms))


def learn_in_batches(
    rows: Rows, atoms: Array, alpha: float, seed: int = 0, order: Array | None = None, progress: Progress = silent
) -> tuple[Array, int]:
    """The atoms after scikit-learn's online learning, and the batches it took: same order, same stop."""
    random = np.random.RandomState(seed)
    count = rows.shape[1]
    order = np.arange(count) if order is None else order.copy()
    random.shuffle(order)
    rounds = -(-count // BATCH)
    learner = _Online(atoms, alpha, random, min(BATCH, count), count)
    for step in range(rounds * rounds):
        first = step % rounds * BATCH
        voxels = rows[:, order[first : first + BATCH]].T.astype(np.float64)
        share = 1 - 1 / (1 + step / WARM_UP)
        told = named(part(progress, share, share), f"learning the dictionary, {(step + 1) * BATCH} voxels")
        told(0.0, "")
        if learner.learn(voxels, step, told):
            break
    return learner.atoms, step + 1


class _Online:
    """Online dictionary learning, a batch at a time, with scikit-learn's forgetting and its rule to stop."""

    def __init__(self, atoms: Array, alpha: float, random: np.random.RandomState, batch: int, count: int) -> None:
        self.atoms, self.alpha, self._random, self._batch, self._count = atoms.copy(), alpha, random, batch, count
        self._squares = np.zeros((len(atoms), len(atoms)))
        self._shares = np.zeros(atoms.shape)
        self._cost = self._least = np.inf
        self._worse = 0

    def learn(self, voxels: Array, step: int, progress: Progress = silent) -> bool:
        """Learn from (b × m) voxels; whether that was enough."""
        before, n = self.atoms.copy(), len(voxels)
        code = sparse_code(before @ before.T, before @ voxels.T, self.alpha, progress=progress)
        cost = (0.5 * ((voxels - code.T @ before) ** 2).sum() + self.alpha * np.abs(code).sum()) / n
        seen = (step + 1) * n if step < n - 1 else n**2 + step + 1 - n
        keep = (seen + 1 - n) / (seen + 1)
        self._squares = keep * self._squares + code @ code.T / n
        self._shares = keep * self._shares + code @ voxels / n
        self._renew(voxels)
        return step + 1 > min(WARM_UP, self._count / n) and self._enough(cost, before, n)

    def _renew(self, voxels: Array) -> None:
        for k, atom in enumerate(self.atoms):
            if self._squares[k, k] > UNUSED:
                atom += (self._shares[k] - self._squares[k] @ self.atoms) / self._squares[k, k]
            else:
                drawn = voxels[self._random.choice(len(voxels))]
                atom[:] = drawn + self._random.normal(0, 0.01 * (drawn.std() or 1), size=len(drawn))
            atom /= max(1.0, float(np.linalg.norm(atom)))

    def _enough(self, cost: float, before: Array, n: int) -> bool:
        share = min(1.0, n / (self._count + 1))
        self._cost = cost if np.isinf(self._cost) else self._cost * (1 - share) + cost * share
        if np.linalg.norm(self.atoms - before) / len(before) <= TOLERANCE:
            return True
        self._worse = 0 if self._cost < self._least else self._worse + 1
        self._least = min(self._least, self._cost)
        return self._worse >= PATIENCE


def _over_all_voxels(
    rows: Rows,
    energy: Array,
    begin: Dictionary,
    alpha: float,
    progress: Progress,
    watch: Callable[[Array], None] | None,
) -> Dictionary:
    """Passes of better maps and better atoms in turn over all voxels: the objective never rises."""
    found = begin
    for i in range(MOST_PASSES):
        # How many passes there will be is not known: each takes the bar a part of what is left.
        step = part(progress, 1 - 0.9**i, 1 - 0.9 ** (i + 1))
        doing = f"learning the dictionary, pass {i + 1}"
        found = _coded(rows, energy, found.atoms, alpha, found, part(step, 0.0, 0.9), doing)
        if watch is not None:
            watch(found.maps)
        if i and found.objectives[-2] - found.objectives[-1] <= FALL * found.objectives[-1]:
            break
        shares = cross_products(rows, found.maps, named(part(step, 0.9, 1.0), doing)).T
        atoms = better_atoms(found.atoms, found.maps @ found.maps.T, shares)
        found = replace(found, atoms=_drawn(atoms, rows, energy, found.maps))
    return found


def _coded(
    rows: Rows, energy: Array, atoms: Array, alpha: float, before: Dictionary | None, progress: Progress, doing: str
) -> Dictionary:
    """The maps that belong to atoms and their objective, added to the history of the dictionary before."""
    step = named(progress, doing)
    gram, pulls = atoms @ atoms.T, products(atoms, rows, part(step, 0.0, 0.3))
    maps = sparse_code(gram, pulls, alpha, None if before is None else before.maps, progress=part(step, 0.3, 1.0))
    fit = 0.5 * (energy.sum() - 2 * np.einsum("kv,kv", maps, pulls) + np.einsum("kl,kl", maps @ maps.T, gram))
    objective = float(fit + alpha * np.abs(maps).sum()) / rows.shape[1]
    history = () if before is None else before.objectives
    return Dictionary(atoms, maps, (*history, objective), 0 if before is None else before.batches)


def _drawn(atoms: Array, rows: Rows, energy: Array, maps: Array) -> Array:
    """Atoms that no voxel uses, each replaced by one of the voxels that the maps leave most of."""
    unused = np.flatnonzero(~maps.any(axis=1))
    if not len(unused):
        return atoms
    rebuilt = np.einsum("kv,kv->v", maps, (atoms @ atoms.T) @ maps)
    left = energy - 2 * np.einsum("kv,kv->v", maps, products(atoms, rows)) + rebuilt
    voxels = np.argsort(-left, kind="stable")[: len(unused)]
    atoms = atoms.copy()
    for k, voxel in zip(unused, voxels, strict=False):
        column = rows[:, voxel].astype(np.float64)
        atoms[k] = column / (np.linalg.norm(column) or 1.0)
    return atoms


def better_atoms(atoms: Array, squares: Array, shares: Array) -> Array:
    """Atoms (k × m) of norm 1 at most that fit better, given the maps' W·Wᵀ (k × k) and W·rowsᵀ (k × m); one after the other.

    An atom that no voxel uses stays as it is.
    """
    atoms = atoms.copy()
    used = np.flatnonzero(np.diag(squares) > 0)
    for _ in range(ATOM_SWEEPS):
        for k in used:
            atoms[k] += (shares[k] - squares[k] @ atoms) / squares[k, k]
            atoms[k] /= max(1.0, float(np.linalg.norm(atoms[k])))
    return atoms
