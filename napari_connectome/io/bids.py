"""Which files belong to a run, by the names BIDS gives them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from napari_connectome.io.header import stem

OF_A_RUN = ("sub", "ses", "task", "acq", "ce", "rec", "dir", "run")
"""Entities that tell runs apart. Others say what was made of a run (space, res, desc), or are of one acquisition (echo)."""

_ENTITY = re.compile(r"[A-Za-z]+-[A-Za-z0-9+]+")


def belonging(bold: str | os.PathLike[str], folder: Path, *endings: str, of_one_run: bool = False) -> Path | None:
    """The file of a folder that has one of these endings and belongs to a run, or None.

    Parameters
    ----------
    bold : path
    folder : Path
    *endings : str
    of_one_run : bool
        Whether a file is of one run only, and so must name all of `OF_A_RUN` that the run's own name does. Otherwise it may
        be inherited: ``task-rest_events.tsv`` is for every run of that task.

    Notes
    -----
    The entities of the file (sub, ses, task, run, …) are all among those of the run, ``run-1`` being ``run-01``; of several
    files, the one that has the most, and those that are written the same, in the same order.
    """
    entities = stem(bold).split("_")
    required = {_read(word) for word in entities if word.partition("-")[0] in OF_A_RUN} if of_one_run else set()
    best: tuple[tuple[int, int, bool], Path] | None = None
    for ending in endings:
        for file in sorted(folder.glob(f"*{ending}")):
            words = file.name.removesuffix(ending).split("_")
            own = {_read(word) for word in words}
            rank = len(own), len(set(words) & set(entities)), words == [word for word in entities if word in words]
            if required <= own <= {_read(word) for word in entities} and (best is None or rank > best[0]):
                best = rank, file
    return None if best is None else best[1]


def relmat_name(runs: Sequence[str | os.PathLike[str]], atlas: str | os.PathLike[str], measure: str) -> str:
    """What BIDS calls the matrix of one run, or of what several have in common.

    Parameters
    ----------
    runs : sequence of path or str
        Files, or their names without ending. Of one that has no name of BIDS the whole name is kept.
    atlas : path or str
        "" where there is none.
    measure : str
        Such as "partial_correlation".

    Returns
    -------
    str
        ``sub-01_task-rest_seg-Schaefer100_stat-correlation_relmat.tsv``; ``task-rest_seg-…`` of the runs of several subjects.
    """
    names = [stem(run) for run in runs]
    parts = [[word for word in name.split("_") if _ENTITY.fullmatch(word) and not word.startswith("desc-")] for name in names]
    shared = [word for word in parts[0] if all(word in other for other in parts)] if parts else []
    if not shared and len(names) == 1:
        shared = [_plain(names[0])]
    own = dict(word.split("-", 1) for word in stem(atlas).split("_") if _ENTITY.fullmatch(word))
    region = own.get("atlas") or own.get("seg") or re.sub(r"_(dseg|maps|probseg)$", "", stem(atlas))
    words = [*shared, f"seg-{_plain(region)}" if _plain(region) else "", f"stat-{_plain(measure)}", "relmat.tsv"]
    return "_".join(word for word in words if word)


def _plain(text: str) -> str:
    """Letters and digits only, as the value of an entity has to be."""
    return re.sub(r"[^A-Za-z0-9]", "", text)


def _read(entity: str) -> str:
    """A part of a name, its number without leading zeros: fMRIPrep has written run-1 for run-01."""
    return re.sub(r"^(run|echo)-0+(?=\d)", r"\1-", entity)


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
