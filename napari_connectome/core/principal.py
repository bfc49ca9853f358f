"""The leading principal components of a wide matrix, by the small matrix of the inner products of its rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_connectome.core.errors import Progress, part, silent
from napari_connectome.core.stacked import Rows
from napari_connectome.core.threads import in_pieces

Array = npt.NDArray[Any]

AT_ONCE = 1 << 16
"""Numbers of a matrix that are taken to float64 together."""
PRODUCTS = 1 << 29
"""Multiplications done without telling progress."""
LARGE = 500
"""Rows whose leading components are found step by step: all at once would take 0.1 s and more."""


def column_pieces(shape: tuple[int, ...]) -> list[slice]:
    """The columns of a (m × v) matrix in pieces of at most `AT_ONCE` numbers, whose inner products take some 50 ms."""
    m = max(1, shape[0])
    stride = max(1, min(AT_ONCE, PRODUCTS // m) // m)
    return [slice(start, min(start + stride, shape[1])) for start in range(0, shape[1], stride)]


def inner_products(rows: Rows, progress: Progress = silent, kind: npt.DTypeLike = np.float64) -> Array:
    """rows·rowsᵀ (m × m), float64, of (m × v) rows of any real type.

    Pieces are multiplied in `kind` and added up in float64: with float32 it is right to 1e-6 of the largest.
    """

    def products_in(piece: slice) -> Array:
        some = rows[:, piece].astype(kind, copy=False)
        return np.asarray(some @ some.T)

    gram = np.zeros((len(rows), len(rows)))
    for piece, of_piece in in_pieces(products_in, column_pieces(rows.shape)):
        gram += of_piece
        progress(piece.stop / rows.shape[1], "inner products")
    return gram


def column_squares(rows: Rows) -> Array:
    """Sum of squares of each column (v,), float64, of (m × v) rows of any real type."""

    def squares_in(piece: slice) -> Array:
        some = rows[:, piece]
        return np.asarray(np.einsum("mv,mv->v", some, some, dtype=np.float64))

    out = np.empty(rows.shape[1])
    for piece, squares in in_pieces(squares_in, column_pieces(rows.shape)):
        out[piece] = squares
    return out


def products(left: Array, rows: Rows, progress: Progress = silent, kind: npt.DTypeLike = np.float64) -> Array:
    """left·rows (k × v) of a (k × m) matrix and (m × v) rows of any real type, multiplied in float64."""

    def products_in(piece: slice) -> Array:
        return np.asarray(left @ rows[:, piece].astype(np.float64))

    out = np.empty((len(left), rows.shape[1]), dtype=kind)
    for piece, of_piece in in_pieces(products_in, column_pieces(rows.shape)):
        out[:, piece] = of_piece
        progress(piece.stop / rows.shape[1], "products")
    return out


def cross_products(rows: Rows, maps: Array, progress: Progress = silent) -> Array:
    """rows·mapsᵀ (m × k), float64, of (m × v) rows and (k × v) maps of any real type."""

    def products_in(piece: slice) -> Array:
        return np.asarray(rows[:, piece].astype(np.float64) @ maps[:, piece].astype(np.float64).T)

    out = np.zeros((len(rows), len(maps)))
    for piece, of_piece in in_pieces(products_in, column_pieces(rows.shape)):
        out += of_piece
        progress(piece.stop / rows.shape[1], "products")
    return out


def leading(
    rows: Rows,
    n: int,
    progress: Progress = silent,
    scale: Array | None = None,
    gram: Array | None = None,
    sketch: Array | None = None,
    kind: npt.DTypeLike = np.float64,
) -> tuple[Array, Array]:
    """Return the n largest singular values (n,) and the unit rows (n × v) that belong to them.

    Parameters
    ----------
    rows : (m × v) array
        Any real type; m at least n.
    n : int
    progress : Progress
    scale : (m,) array, optional
        What each row is multiplied by first.
    gram : (m × m) array, optional
        The `inner_products` of the rows, where they are known.
    sketch : (m × l) array, optional
        Components are looked for in these l combinations of the rows only, see `sketched`, and so are rough.
    kind : dtype
        Of the rows returned.

    Notes
    -----
    Exact but for singular values below 1e-7 of the largest, whose rows are not determined; where the value is 0, the row is
    0. The largest magnitude of each row is positive, so that the same rows give the same signs.
    """
    begun = 0.0
    if gram is None:
        begun, gram = 0.7, inner_products(rows, part(progress, 0.0, 0.7))
    if scale is not None:
        gram = gram * np.outer(scale, scale)
    within = np.eye(len(gram)) if sketch is None else sketch
    singular, turn = _directions(gram, n, within, part(progress, begun, begun))
    turn = turn * (1 if scale is None else scale)
    unit = products(turn, rows, part(progress, begun, 1.0), kind)
    unit *= np.where(-unit.min(axis=1) > unit.max(axis=1), -1.0, 1.0).astype(kind)[:, None]
    return singular, unit


def _directions(gram: Array, n: int, within: Array, progress: Progress) -> tuple[Array, Array]:
    """Singular values (n,) of the rows with this Gram matrix, and what makes unit rows of them (n × m).

    They are those of the rows' part in the span of ``withinᵀ·rows``: of all of it where `within` is the identity.
    """
    from scipy.linalg import cholesky, solve_triangular

    m = len(gram)
    if within.shape == (m, m):
        values, vectors = _leading_pairs(gram, n, progress)
        singular = np.sqrt(np.maximum(values, 0.0))
        return singular, vectors.T * np.divide(1.0, singular, out=np.zeros(n), where=singular > 0)[:, None]
    reach = gram @ within
    basis = solve_triangular(cholesky(within.T @ reach, lower=True), within.T, lower=True)  # basis·rows are orthonormal
    left, singular, _ = np.linalg.svd(basis @ gram, full_matrices=False)
    return singular[:n], left[:, :n].T @ basis


def _leading_pairs(gram: Array, n: int, progress: Progress) -> tuple[Array, Array]:
    """The n largest eigenvalues (n,), falling, and their vectors (m × n).

    All of a large matrix would take seconds in which nobody could cancel; a few are found by products with it.
    """
    from scipy.linalg import eigh

    m = len(gram)
    if m >= LARGE and n <= m // 8:
        from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh

        def times(x: Array) -> Array:
            progress(0.0, "leading components")
            return np.asarray(gram @ x)

        try:
            begin = np.random.default_rng(0).standard_normal(m)
            values, vectors = eigsh(LinearOperator((m, m), matvec=times, dtype=np.float64), n, v0=begin)
            order = np.argsort(-values, kind="stable")
            return values[order], vectors[:, order]
        except ArpackError:  # of nothing but zeros
            pass
    values, vectors = eigh(gram, subset_by_index=[m - n, m - 1])
    return values[::-1], vectors[:, ::-1]


def sketched(gram: Array, random: Array, rounds: int) -> Array:
    """The span (m × l) that randomised singular value decomposition looks for components in.

    Parameters
    ----------
    gram : (m × m) array
        The `inner_products` of the rows.
    random : (m × l) array
    rounds : int
        Power iterations.

    Notes
    -----
    Halko, Martinsson & Tropp 2011 (SIAM Review 53). In exact arithmetic it is that of
    ``sklearn.utils.extmath.randomized_range_finder``, found from the small Gram matrix instead of the wide rows.
    """
    span = random.astype(np.float64)
    for _ in range(rounds):
        span, _ = np.linalg.qr(gram @ span)
    return span
