"""Which files belong to a run, by the names BIDS gives them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from napari_connectome.io.header import stem


def belonging(bold: str | os.PathLike[str], folder: Path, *endings: str) -> Path | None:
    """The file of a folder that has one of these endings and belongs to a run, or None.

    Its entities (sub, ses, task, run, …) are all among those of the run; of several, the one that has the most.
    """
    entities = set(stem(bold).split("_"))
    best: tuple[int, Path] | None = None
    for ending in endings:
        for file in sorted(folder.glob(f"*{ending}")):
            own = set(file.name.removesuffix(ending).split("_"))
            if own <= entities and (best is None or len(own) > best[0]):
                best = len(own), file
    return None if best is None else best[1]


def folders_of(bold: str | os.PathLike[str]) -> Iterator[Path]:
    """The folders whose files a run inherits, the nearest first: its own, its session's, its subject's and the data set's.

    For a run below ``derivatives/<pipeline>`` those of the data set it was made from follow.
    """
    folders = [Path(bold).absolute().parent]
    while re.fullmatch(r"(sub|ses)-.+|func", folders[-1].name):
        folders.append(folders[-1].parent)
    yield from folders
    root = folders[-1]
    if root.parent.name == "derivatives":
        yield from (root.parent.parent / folder.relative_to(root) for folder in folders)
