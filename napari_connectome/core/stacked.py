"""The rows of many runs as one wide matrix, without a copy of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Stacked:
    """Blocks (mᵢ × v) one below the other, to be looked at in pieces of columns.

    Parameters
    ----------
    blocks : sequence of (mᵢ × v) arrays
        At least one.

    Notes
    -----
    Of an array (m × v) it has what goes through the columns piece by piece, as everything in `core.principal` does:
    ``len(rows)``, ``rows.shape``, ``rows[:, columns]`` and iteration over the rows.
    """

    def __init__(self, blocks: Sequence[Array]) -> None:
        self.blocks = tuple(blocks)
        self.shape = (sum(len(block) for block in self.blocks), self.blocks[0].shape[1])

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Array]:
        return chain.from_iterable(self.blocks)

    def __getitem__(self, where: tuple[slice, Any]) -> Array:
        every, columns = where
        if every != slice(None):
            raise TypeError("only columns of all rows can be taken")
        return np.concatenate([block[:, columns] for block in self.blocks])


Rows = Array | Stacked
"""What the learning takes: one matrix, or the blocks of one."""
