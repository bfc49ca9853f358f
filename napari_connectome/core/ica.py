"""Independent maps of a group: CanICA's group components, unmixed by FastICA.

FastICA with the cube looks for unit vectors w that make E[(w·x)⁴] of the whitened voxels x extreme, and asks of them only for
E[(w·x)³ x]. That is a sum over the fourth moments of x: gathered once from all voxels, they make an iteration cost a
fraction of a millisecond, whatever the number of voxels and of starts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from napari_connectome.core.errors import InputError, Progress, named, part, silent
from napari_connectome.core.principal import column_pieces, inner_products, leading
from napari_connectome.core.stacked import Rows
from napari_connectome.core.threads import in_pieces

Array = npt.NDArray[Any]

MOST_ITERATIONS, TOLERANCE = 200, 1e-4
"""Where scikit-learn's FastICA ends: after so many iterations, or when no map turns by more than this (1 - cosine)."""
DOING = "independent components"
CLIMBS, REST = 2000, 1e-10
"""The same for the slower steps that are taken where FastICA did not end so; by moments they cost next to nothing."""
MOST_FOR_MOMENTS = 48
"""Maps up to which gathering the fourth moments, which grow with the fourth power, is worth it."""


class Cubes(Protocol):
    """From a turn W (k × k), E[(W x)³ xᵀ] (k × k) over the voxels x, scaled to variance 1."""

    def __call__(self, turn: Array, progress: Progress) -> Array:
        """As exactly as the way to rest needs it."""

    def exact(self, turn: Array, progress: Progress) -> Array:
        """As exactly as the result needs it."""


@dataclass(frozen=True, eq=False)
class Unmixed:
    """Independent maps.

    Parameters
    ----------
    maps : (k × v) float64 array
        Of unit norm and mean 0 over the voxels.
    starts, converged : int
        From how many starts they were looked for, and from how many the search came to rest.
    """

    maps: Array
    starts: int
    converged: int


def group_components(rows: Rows, n: int, progress: Progress = silent) -> Array:
    """The n leading components (n × v) of stacked reductions, of unit norm, float64.

    Each of the (m × v) rows is divided by its norm first, so that every run counts the same: nilearn's ``do_cca``.
    """
    if n > len(rows):
        raise InputError(
            f"{n} networks were asked for and the runs give only {len(rows)} components together: "
            "ask for fewer networks or add runs."
        )
    told = named(progress, "finding what the runs have in common")
    gram = inner_products(rows, part(told, 0.0, 0.7))
    norms = np.sqrt(np.diag(gram))
    scale = np.divide(1.0, norms, out=np.zeros(len(rows)), where=norms > 0)
    singular, components = leading(rows, n, part(told, 0.7, 1.0), scale, gram)
    rank = int(np.count_nonzero(singular > 1e-6 * singular[0]))
    if rank < n:
        raise InputError(
            f"{n} networks were asked for and the runs vary in only {rank} {'way' if rank == 1 else 'ways'} together: "
            "ask for fewer networks, add runs or widen the mask."
        )
    return components


def independent_maps(
    components: Array,
    n_init: int = 10,
    seed: int = 0,
    start: Array | None = None,
    progress: Progress = silent,
    watch: Callable[[Array], None] | None = None,
) -> Unmixed:
    """Unmix components (k × v) into independent maps: of several starts, the one whose largest L1 norm is smallest.

    Parameters
    ----------
    components : (k × v) float64 array
    n_init : int
        Random starts, drawn from `seed` as nilearn's CanICA draws its seeds.
    seed : int
    start : (k × v) array, optional
        Maps to begin with instead.
    progress : Progress
    watch : callable, optional
        Called with the best maps so far.

    Notes
    -----
    Group components are nearly white already, and the axes of a white cloud are arbitrary. So it is whitened symmetrically,
    and starts are random maps over the voxels: what is found depends on the space of the components, and not on the axes that
    rounding gave it. Where FastICA does not come to rest, which is chaos and another result for every rounding, steps are
    taken from the same start that always climb; not of more than `MOST_FOR_MOMENTS` maps, for which they would take minutes.
    Starts that came to rest are preferred to those that did not.
    """
    white = _whitened(components)
    cubes = _cubes(white, named(part(progress, 0.0, 0.5), DOING))
    if start is None:
        seeds = np.random.RandomState(seed).randint(2**31 - 1, size=n_init)
        begins: Iterable[Array] = (np.random.RandomState(one).normal(size=white.shape) @ white.T for one in seeds)
    else:
        n_init, begins = 1, [_turn_to(start, white)]
    best, least, converged = white, (True, np.inf), 0
    for i, begin in enumerate(begins):
        doing = DOING if n_init == 1 else f"{DOING}, start {i + 1} of {n_init}"
        step = named(part(progress, 0.5 + 0.5 * i / n_init, 0.5 + 0.5 * (i + 1) / n_init), doing)
        turn, still = _unmix(cubes, begin, step)
        converged += still
        maps = turn @ white
        size = (not still, float(np.abs(maps).sum(axis=1).max()))
        if size < least:
            best, least = maps, size
            if watch is not None:
                watch(best)
    return Unmixed(best, n_init, converged)


def keep_strongest(maps: Array, ratio: float) -> Array:
    """Maps (k × v) with all but the ratio·v largest magnitudes of all of them together set to 0; a ratio of 0 keeps all."""
    share = 100.0 - 100.0 / len(maps) * ratio
    if ratio == 0 or share <= 0:
        return maps
    sizes = np.abs(maps)
    return np.where(sizes < np.percentile(sizes, share), 0.0, maps)


def _whitened(components: Array) -> Array:
    """Components with the mean over voxels taken off, turned and scaled as little as makes them orthonormal."""
    centred = components - components.mean(axis=1, keepdims=True)
    values, vectors = np.linalg.eigh(centred @ centred.T)
    if not values[0] > 1e-10 * values[-1]:
        raise InputError("the components of the runs are not independent of a constant: ask for fewer networks.")
    return np.asarray((vectors / np.sqrt(values)) @ vectors.T @ centred)


def _turn_to(start: Array, white: Array) -> Array:
    """The turn (k × k) of whitened components to the maps (k × v) that are to be begun with, each of the same weight."""
    turn = start @ white.T
    norms = np.linalg.norm(turn, axis=1)
    turn = turn / np.where(norms == 0, 1.0, norms)[:, None]
    if np.linalg.matrix_rank(turn, rtol=1e-6) < len(white):
        raise InputError(
            "some of the maps to start from are alike, or have nothing in common with the runs: give maps that differ."
        )
    return np.asarray(turn)


def _orthogonal(turn: Array) -> Array:
    """The orthogonal matrix nearest to a (k × k) one."""
    left, _, right = np.linalg.svd(turn)
    return np.asarray(left @ right)


def _unmix(cubes: Cubes, begin: Array, progress: Progress) -> tuple[Array, bool]:
    """The turn (k × k) that a start leads to, and whether it came to rest."""
    turn, moved = _fast(cubes, begin, part(progress, 0.0, 0.5))
    if moved < REST or len(turn) > MOST_FOR_MOMENTS:
        return turn, moved < TOLERANCE
    return _climb(cubes, begin, part(progress, 0.5, 1.0))


def _fast(cubes: Cubes, begin: Array, progress: Progress) -> tuple[Array, float]:
    """FastICA: in a few steps to rest, or never; and how far the last step moved.

    scikit-learn ends at `TOLERANCE`, up to a degree away from where it would rest, and rounding decides at which step. What
    is made of the maps may not forgive a degree, and the two or three steps that are left cost next to nothing.
    """
    turn, moved = _orthogonal(begin), np.inf
    for i in range(MOST_ITERATIONS):
        step = part(progress, i / MOST_ITERATIONS, (i + 1) / MOST_ITERATIONS)
        third = (cubes.exact if moved < TOLERANCE else cubes)(turn, step)
        new = _orthogonal(third - 3.0 * turn)
        moved, turn = _moved(new, turn), new
        step(1.0, DOING)
        if moved < REST:
            break
    return turn, moved


def _climb(cubes: Cubes, begin: Array, progress: Progress) -> tuple[Array, bool]:
    """Steps that raise the sum of E[(w·x)⁴]: FastICA's where it does, and else the one along the gradient, which always does.

    The sum is convex in w, so that its gradient, made orthogonal, never leads down; FastICA's own step, which takes three
    times w off it, is the faster one near the end and may go round in circles for ever where maps overlap.
    """
    turn = _orthogonal(begin)
    gradient = cubes(turn, part(progress, 0.0, 0.0))
    for i in range(CLIMBS):
        step = part(progress, i / CLIMBS, (i + 1) / CLIMBS)
        new = _orthogonal(gradient - 3.0 * turn)
        there = cubes(new, part(step, 0.0, 0.5))
        if np.sum(there * new) <= np.sum(gradient * turn):
            new = _orthogonal(gradient)
            there = cubes(new, part(step, 0.5, 1.0))
        moved, turn, gradient = _moved(new, turn), new, there
        step(1.0, DOING)
        if moved < REST:
            return turn, True
    return turn, False


def _moved(new: Array, turn: Array) -> float:
    """How far the map that turned most did: 1 - cosine."""
    return float(np.abs(np.abs(np.einsum("ij,ij->i", new, turn)) - 1).max())


def _cubes(white: Array, progress: Progress) -> Cubes:
    """The function from a turn W (k × k) to E[(W x)³ xᵀ] (k × k) over the voxels x, scaled to variance 1."""
    return _CubesOfVoxels(white) if len(white) > MOST_FOR_MOMENTS else _CubesOfMoments(white, progress)


class _CubesOfMoments:
    """From the fourth moments, gathered once."""

    def __init__(self, white: Array, progress: Progress) -> None:
        k, count = white.shape
        self.i, self.j = np.triu_indices(k)
        self.moments = np.zeros((len(self.i), len(self.i)))

        def moments_in(piece: slice) -> Array:
            x = white[:, piece] * np.sqrt(count)
            pairs = x[self.i] * x[self.j]
            return np.asarray(pairs @ pairs.T / count)

        for piece, moments in in_pieces(moments_in, column_pieces((len(self.i), count))):
            self.moments += moments
            progress(piece.stop / count, DOING)
        self.twice = np.where(self.i == self.j, 1.0, 2.0)

    def __call__(self, turn: Array, progress: Progress) -> Array:
        k = len(turn)
        squares = (self.twice * turn[:, self.i] * turn[:, self.j]) @ self.moments
        whole = np.empty((k, k, k))
        whole[:, self.i, self.j] = whole[:, self.j, self.i] = squares
        return np.asarray(np.einsum("rij,rj->ri", whole, turn))

    exact = __call__


class _CubesOfVoxels:
    """From all voxels each time, in float32: twice as fast, and its 1e-7 is what the next step puts right."""

    def __init__(self, white: Array) -> None:
        self.white, self.single = white, white.astype(np.float32)

    def __call__(self, turn: Array, progress: Progress) -> Array:
        return _over_voxels(turn.astype(np.float32), self.single, progress)

    def exact(self, turn: Array, progress: Progress) -> Array:
        """The same in float64."""
        return _over_voxels(turn, self.white, progress)


def _over_voxels(turn: Array, white: Array, progress: Progress) -> Array:
    """E[(W x)³ xᵀ], the products in the type of what is given, their sum in float64."""

    def cubes_in(piece: slice) -> Array:
        x = white[:, piece]
        y = turn @ x
        cubes = y * y
        cubes *= y
        return np.asarray(cubes @ x.T)

    total, count = np.zeros(turn.shape), white.shape[1]
    for piece, cubes in in_pieces(cubes_in, column_pieces(white.shape)):
        total += cubes
        progress(piece.stop / count, DOING)
    return np.asarray(total * count)
