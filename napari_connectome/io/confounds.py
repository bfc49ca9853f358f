"""Confound tables: finding them beside a run, reading them, choosing columns, and which volumes they say to leave out."""

from __future__ import annotations

import fnmatch
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_connectome.core.errors import InputError
from napari_connectome.core.motion import framewise_displacement, keep_still
from napari_connectome.io.bids import belonging
from napari_connectome.io.tables import read_table

Array = npt.NDArray[Any]

MOTION = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")
"""fMRIPrep's names of the motion parameters, in mm and radians."""

TISSUES = ("csf", "white_matter")
GLOBAL = ("global_signal",)


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A choice of columns.

    Parameters
    ----------
    doc : str
        What they are, for a tooltip.
    plain, expanded : tuple of str
        Columns as they are, and columns with their derivatives and the squares of both.
    series : tuple of str
        Beginnings of the names of numbered columns, at least one of which must be there.
    cosines : bool
        Whether fMRIPrep's slow cosines are taken where there are any.
    everything : bool
        Whether every column of numbers is taken that marks no volumes.
    scrub : bool
        Whether volumes of much motion are censored, too; see `SCRUB`.
    """

    doc: str
    plain: tuple[str, ...] = ()
    expanded: tuple[str, ...] = ()
    series: tuple[str, ...] = ()
    cosines: bool = False
    everything: bool = False
    scrub: bool = False


SCRUB: Mapping[str, Any] = {"fd_threshold": 0.5, "dvars_threshold": 1.5, "shortest": 5}
"""What `censor_by` is given where a preset censors: mm, standardised DVARS and volumes, as nilearn's "scrubbing" has them."""
PRESETS: Mapping[str, Preset] = {
    "none": Preset(doc="No confounds."),
    "all": Preset(doc="Every column of numbers that marks no volumes.", everything=True),
    "motion 6": Preset(doc="The six motion parameters.", plain=MOTION),
    "motion 24": Preset(doc="The six motion parameters, their derivatives, and the squares of both.", expanded=MOTION),
    "9 parameters": Preset(
        doc="Six motion parameters, CSF, white matter and global signal.", plain=(*MOTION, *TISSUES, *GLOBAL)
    ),
    "36 parameters": Preset(
        doc="The 9 parameters, their derivatives, and the squares of both.", expanded=(*MOTION, *TISSUES, *GLOBAL)
    ),
    "simple": Preset(
        doc="24 motion parameters, CSF, white matter, and slow cosines.", expanded=MOTION, plain=TISSUES, cosines=True
    ),
    "scrubbing": Preset(
        doc="Motion, CSF and white matter, each with derivatives and squares, and slow cosines; censor volumes, too.",
        expanded=(*MOTION, *TISSUES),
        cosines=True,
        scrub=True,
    ),
    "compcor": Preset(
        doc="24 motion parameters, anatomical CompCor of the combined mask, and slow cosines.",
        expanded=MOTION,
        series=("a_comp_cor",),
        cosines=True,
    ),
    "temporal compcor": Preset(
        doc="24 motion parameters, CompCor of the voxels that vary most, and slow cosines.",
        expanded=MOTION,
        series=("t_comp_cor",),
        cosines=True,
    ),
    "ica_aroma": Preset(
        doc="CSF, white matter and slow cosines, for a run that ICA-AROMA has denoised.", plain=TISSUES, cosines=True
    ),
    "ica_aroma aggressive": Preset(
        doc="CSF, white matter, AROMA's motion components and slow cosines, for a run it has not denoised.",
        plain=TISSUES,
        series=("aroma_motion",),
        cosines=True,
    ),
}
"""Choices of columns by name. Those that nilearn's ``load_confounds_strategy`` has give the same columns."""

_OUTLIERS = ("motion_outlier*", "non_steady_state_outlier*")


def find_confounds(bold: str | os.PathLike[str]) -> Path | None:
    """The confounds table that BIDS naming puts beside a run, or None.

    A table ``*_desc-confounds_timeseries.tsv``, ``*_desc-confounds_regressors.tsv`` or ``*_confounds.tsv`` of the same folder
    whose entities are all among those of the run, and that names the same subject, session, task and run, as far as the run's
    name does: the table of another run, or of none, is not taken. ``run-1`` is ``run-01``.
    """
    endings = ("_desc-confounds_timeseries.tsv", "_desc-confounds_regressors.tsv", "_confounds.tsv")
    return belonging(bold, Path(bold).parent, *endings, of_one_run=True)


def read_confounds(path: str | os.PathLike[str], n_volumes: int, *, start: int | None = None) -> pd.DataFrame:
    """Read the whole confounds table of a run.

    Parameters
    ----------
    path : path
        Any table `read_table` reads. The six columns of SPM's ``rp_*.txt`` and FSL's ``*.par`` get fMRIPrep's names. A
        ``.json`` beside the table, as fMRIPrep writes it, tells which mask each CompCor component is from.
    n_volumes : int
        Volumes t of the run; the table must have as many rows.
    start : int, optional
        For a table longer than the run: the row, from 0, that belongs to the first volume.

    Returns
    -------
    (t × c) DataFrame
        As it is in the file, text columns and missing values included; `choose_columns` makes it fit for cleaning.
    """
    path = Path(path)
    table = _named_motion(path, read_table(path))
    if start is not None:
        table = table.iloc[start : start + n_volumes].reset_index(drop=True)
    require_rows(table, n_volumes, f"the confounds {path.name}")
    table.attrs["masks"] = _compcor_masks(path)
    return table


def require_rows(table: pd.DataFrame, n_volumes: int, called: str = "the confounds") -> None:
    """Raise one sentence unless the table has a row a volume."""
    if len(table) != n_volumes:
        rows = "1 row" if len(table) == 1 else f"{len(table)} rows"
        volumes = "1 volume" if n_volumes == 1 else f"{n_volumes} volumes"
        first = "row" if n_volumes == 1 else f"{n_volumes} rows"
        cut = f", or cut this one to the first {first}" if len(table) > n_volumes else ""
        raise InputError(f"{called} have {rows} and the run has {volumes}: give its own table{cut}.")


def numeric_columns(table: pd.DataFrame) -> list[str]:
    """Names of the columns that hold numbers, at least two different ones; the rest cannot be confounds."""
    return [str(name) for name in table.columns if pd.api.types.is_numeric_dtype(table[name]) and table[name].nunique() > 1]


def choose_columns(table: pd.DataFrame, choice: str | Sequence[str]) -> pd.DataFrame:
    """Return the chosen confounds, ready for cleaning.

    Parameters
    ----------
    table : (t × c) DataFrame
    choice : str or sequence of str
        A name of `PRESETS`, or the names of columns; these may hold * and ?. Derivatives and squares that a preset needs and
        the table lacks are computed.

    Returns
    -------
    (t × n) DataFrame of float64
        The first row of derivatives, which has no value, is that of the second.
    """
    if isinstance(choice, str):
        if choice not in PRESETS:
            raise InputError(
                f"there is no choice of confounds called {choice!r}: take one of {', '.join(PRESETS)}, or column names."
            )
        chosen = _preset(table, choice)
    else:
        chosen = table[_matching(table, choice)]
    text = [str(name) for name in chosen.columns if not pd.api.types.is_numeric_dtype(chosen[name])]
    if text:
        raise InputError(f"the confound column {', '.join(text)} holds text, not numbers: leave it out.")
    return fill_first_row(chosen.astype(np.float64))


def by_strategy(table: pd.DataFrame, choice: str | Sequence[str], fd_limit: float = math.inf) -> tuple[pd.DataFrame, Array]:
    """Return the confounds that are chosen and the volumes to keep.

    Parameters
    ----------
    table : (t × c) DataFrame
        The whole table, as `read_confounds` gives it.
    choice : str or sequence of str
        As for `choose_columns`.
    fd_limit : float
        Censor volumes with a framewise displacement above this many mm, too.

    Returns
    -------
    (t × n) DataFrame of float64
        As `choose_columns` gives it.
    (t,) bool array
        False for volumes that are not steady yet and, with "scrubbing", those of much motion:
        ``run.replace(confounds=…, keep=…)`` takes both. The same as ``nilearn.interfaces.fmriprep.load_confounds_strategy``.
    """
    columns, keep = choose_columns(table, choice), censor_by(table, fd_limit)
    if isinstance(choice, str) and PRESETS[choice].scrub:
        keep &= censor_by(table, **SCRUB)
    return columns, keep


def fill_first_row(table: pd.DataFrame) -> pd.DataFrame:
    """Replace NaN in the first row by the second row: what fMRIPrep's derivatives need, which start one volume late."""
    if len(table) < 2:
        return table
    filled = table.copy()
    filled.iloc[0] = filled.iloc[0].where(filled.iloc[0].notna(), filled.iloc[1])
    return filled


def censor_by(
    table: pd.DataFrame,
    fd_threshold: float = math.inf,
    *,
    columns: str | Sequence[str] = (),
    dvars_threshold: float = math.inf,
    shortest: int = 1,
) -> Array:
    """Which volumes to keep, as bool (t,); False is censored.

    Parameters
    ----------
    table : (t × c) DataFrame
        The whole table. Volumes marked by ``non_steady_state_outlier`` columns are always censored.
    fd_threshold : float
        Censor volumes with a framewise displacement above this many mm: the column ``framewise_displacement``, or else
        computed from the six motion columns.
    columns : str or sequence of str
        Censor volumes where one of these columns is not 0; the names may hold * and ?: ``"motion_outlier*"``.
    dvars_threshold : float
        Censor volumes with ``std_dvars`` above this.
    shortest : int
        Censor stretches of fewer volumes than this between volumes that moved. nilearn's "scrubbing" is 0.5 mm, 1.5 and 5.
    """
    moved = _displacement(table) if fd_threshold < math.inf else np.zeros(len(table))
    dvars = _numbers(table, ["std_dvars"])[:, 0] if dvars_threshold < math.inf else np.zeros(len(table))
    keep = keep_still(moved, fd_threshold, dvars=dvars, dvars_threshold=dvars_threshold, shortest=shortest)
    wanted = [columns] if isinstance(columns, str) else list(columns)
    marks = _matching(table, wanted) + [str(c) for c in table.columns if str(c).startswith("non_steady_state")]
    for name in marks:
        keep &= ~(np.nan_to_num(_numbers(table, [name])[:, 0]) != 0)
    return keep


def _displacement(table: pd.DataFrame) -> Array:
    if "framewise_displacement" in table:
        return _numbers(table, ["framewise_displacement"])[:, 0]
    if set(MOTION) <= set(table.columns):
        return framewise_displacement(_numbers(table, MOTION))
    raise InputError(
        f"the confounds have neither a column framewise_displacement nor all of {', '.join(MOTION)}: "
        "censor by another column or not at all."
    )


def _numbers(table: pd.DataFrame, names: Sequence[str]) -> Array:
    """Columns (t × n) as float64."""
    for name in names:
        if name not in table:
            raise InputError(f"the confounds have no column {name}: choose among {_some(table)}.")
        if not pd.api.types.is_numeric_dtype(table[name]):
            raise InputError(f"the confound column {name} holds text, not numbers: choose another one.")
    return np.asarray(table[list(names)].to_numpy(dtype=np.float64))


def _preset(table: pd.DataFrame, name: str) -> pd.DataFrame:
    preset = PRESETS[name]
    missing = [column for column in (*preset.plain, *preset.expanded) if column not in table]
    missing += [f"{beginning}…" for beginning in preset.series if not _numbered(table, beginning)]
    if missing:
        raise InputError(
            f"the confounds {name!r} need {', '.join(missing)}, which the table lacks: choose others among {_some(table)}."
        )
    columns = {column: table[column] for column in preset.plain}
    columns |= {key: values for column in preset.expanded for key, values in _expanded(table, column).items()}
    for beginning in (*preset.series, *(["cosine"] if preset.cosines else [])):
        columns |= {column: table[column] for column in _numbered(table, beginning)}
    if preset.everything:
        marks = {column for pattern in _OUTLIERS for column in fnmatch.filter(map(str, table.columns), pattern)}
        columns = {column: table[column] for column in numeric_columns(table) if column not in marks}
    return pd.DataFrame(columns, index=table.index)


def _expanded(table: pd.DataFrame, column: str) -> dict[str, pd.Series]:
    """A column, its derivative and the squares of both, as fMRIPrep names and computes them."""
    values = _numbers(table, [column])[:, 0]
    change = np.diff(values, prepend=np.nan)
    computed = {"": values, "_derivative1": change, "_power2": values**2, "_derivative1_power2": change**2}
    return {column + suffix: table.get(column + suffix, pd.Series(new, table.index)) for suffix, new in computed.items()}


def _numbered(table: pd.DataFrame, beginning: str) -> list[str]:
    """The columns with this beginning; of CompCor's, those of the combined mask where that is known."""
    masks = table.attrs.get("masks", {})
    return [str(c) for c in table.columns if str(c).startswith(beginning) and masks.get(c, "combined") == "combined"]


def _matching(table: pd.DataFrame, patterns: Sequence[str]) -> list[str]:
    """Columns that match names, which may hold * and ?, in the order given and each once."""
    found: dict[str, None] = {}
    for pattern in patterns:
        hits = [pattern] if pattern in table else fnmatch.filter(map(str, table.columns), pattern)
        if not hits:
            raise InputError(f"the confounds have no column {pattern}: choose among {_some(table)}.")
        found |= dict.fromkeys(hits)
    return list(found)


def _some(table: pd.DataFrame) -> str:
    """The first columns of a table, for a message."""
    shown = [str(name) for name in table.columns]
    return ", ".join(shown[:12]) + (f" and {len(shown) - 12} more" if len(shown) > 12 else "")


def _named_motion(path: Path, table: pd.DataFrame) -> pd.DataFrame:
    """Give the six columns of the motion files of SPM and FSL, which have no header, their names."""
    if list(table.columns) != [f"column_{i}" for i in range(1, 7)]:
        return table
    if path.name.startswith("rp_") and path.suffix == ".txt":
        return table.set_axis(list(MOTION), axis=1)
    if path.suffix == ".par":  # rotations come first
        return table.set_axis([*MOTION[3:], *MOTION[:3]], axis=1)
    return table


def _compcor_masks(path: Path) -> dict[str, str]:
    """The mask of each CompCor component, from the JSON file beside the table; empty where there is none."""
    try:
        notes = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        return {name: about["Mask"] for name, about in notes.items() if "Mask" in about}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
