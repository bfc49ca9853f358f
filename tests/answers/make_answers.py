"""What nilearn answers where it takes long, of phantoms and made-up series, kept in files beside this one.

`python -m tests.answers.make_answers` computes all of it again; names after it, only these. A test that runs every night
compares the files with nilearn as it is installed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent


def _group_sparse_example() -> Mapping[str, Any]:
    from napari_connectome.core.phantom import resting_group
    from tests.test_examples import phantoms_for_sparse, sparse_in_nilearn

    # Phantoms are far from sparse, and the refined small alphas take nilearn minutes. They come to the same.
    return sparse_in_nilearn(*phantoms_for_sparse(resting_group()), refinements=1)


def _group_sparse_path(seed: int) -> Callable[[], Mapping[str, Any]]:
    def compute() -> Mapping[str, Any]:
        from tests.analyses.test_sparse_connectome import path_in_nilearn

        return path_in_nilearn(seed)

    return compute


ANSWERS: dict[str, Callable[[], Mapping[str, Any]]] = {
    "group_sparse_example": _group_sparse_example,
    **{f"group_sparse_path_{seed}": _group_sparse_path(seed) for seed in range(3)},
}


def path_of(name: str) -> Path:
    """The file of an answer."""
    return HERE / f"{name}.npz"


def read(name: str) -> dict[str, Any]:
    """The arrays of an answer."""
    with np.load(path_of(name)) as file:
        return dict(file)


def main(names: list[str]) -> None:
    """Compute answers and write them."""
    for name in names or ANSWERS:
        np.savez_compressed(path_of(name), **ANSWERS[name]())
        print(f"{path_of(name).name}: {path_of(name).stat().st_size:,} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
