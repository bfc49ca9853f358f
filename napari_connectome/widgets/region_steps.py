"""The steps that change regions: what each is called, what can be set, and what it makes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_connectome.core.census import census
from napari_connectome.core.edits import (
    Combine,
    Components,
    Edit,
    Morphology,
    combine,
    components,
    drop,
    keep,
    morph,
    renumber,
    split_hemispheres,
)
from napari_connectome.core.errors import InputError
from napari_connectome.core.grid import Grid
from napari_connectome.core.origins import Origins
from napari_connectome.core.params import Params

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Other:
    """The other image of a step that needs one.

    Parameters
    ----------
    labels : (z, y, x) array
    names, origins : mapping
        Of its regions, by id.
    """

    labels: Array
    names: Mapping[int, str] = field(default_factory=dict)
    origins: Origins = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Made:
    """What a step makes.

    Parameters
    ----------
    edit : Edit
        Of all regions.
    origins : mapping
        Of the other image that took part.
    before, after : (z, y, x) arrays
        The regions that took part, as they were and as they will be.
    grid : Grid
    """

    edit: Edit
    origins: Origins
    before: Array
    after: Array
    grid: Grid

    @property
    def in_words(self) -> str:
        """Regions, voxels and mm³, and what else a person should know."""
        (ids, counts), (new_ids, new_counts) = census(self.before), census(self.after)
        voxels, new_voxels = int(counts.sum()), int(new_counts.sum())
        regions, size = _from_to(len(ids), len(new_ids), "region"), new_voxels * self.grid.voxel_volume
        return " ".join((f"{regions}; {_from_to(voxels, new_voxels, 'voxel')}; {size:,.0f} mm³.", *self.edit.notices))


@dataclass(frozen=True)
class Step:
    """One thing to do to regions.

    Parameters
    ----------
    title, tip : str
    done : str
        What a person is told was done.
    params : Params, optional
        As a form starts; its `fields` are shown.
    fields : tuple of str
    single : bool
        Whether it can be done to some of the regions, the others staying as they are.
    order : str
        For renumbering: "size" or "id".
    """

    title: str
    tip: str
    done: str
    params: Params | None = None
    fields: tuple[str, ...] = ()
    single: bool = True
    order: str = ""

    @property
    def takes_other(self) -> bool:
        """Whether another image takes part."""
        return isinstance(self.params, Combine)

    @property
    def relabels(self) -> bool:
        """Whether it gives regions other labels."""
        return self.params is None or isinstance(self.params, Components)

    @property
    def adds(self) -> bool:
        """Whether it makes something of nothing."""
        return isinstance(self.params, Combine) and self.params.how == "union"

    def make(
        self,
        labels: Array,
        grid: Grid,
        names: Mapping[int, str],
        params: Params | None = None,
        other: Other | None = None,
        only: Collection[int] = (),
    ) -> Made:
        """Do it to regions, or `only` to these: the others stay as they are and give way to nobody."""
        params, other = params or self.params, other or Other(np.zeros_like(labels))
        if not only:
            edit = self._edit(labels, grid, names, params, other)
            return Made(edit, other.origins, labels, edit.labels, grid)
        if not self.single:
            raise InputError(f"{self.title} is done to all regions: it gives them new labels.")
        part, rest = keep(labels, only), drop(labels, only)
        edit = self._edit(part.labels, grid, names, params, other)
        after = np.where(rest.labels > 0, edit.labels.dtype.type(0), edit.labels)
        whole = replace(edit, labels=np.where(rest.labels > 0, rest.labels, after), sources=rest.sources | edit.sources)
        return Made(whole, other.origins, part.labels, after, grid)

    def _edit(self, labels: Array, grid: Grid, names: Mapping[int, str], params: Params | None, other: Other) -> Edit:
        if isinstance(params, Morphology):
            return morph(labels, grid, params)
        if isinstance(params, Components):
            return components(labels, grid, params, names)
        if isinstance(params, Combine):
            return combine(labels, other.labels, params, other_names=other.names)
        return renumber(labels, self.order) if self.order else split_hemispheres(labels, grid, names)


_GROWN = ("iterations", "radius", "connectivity")
STEPS = (
    Step("Intersect with a layer", "Keep what lies in another layer.", "Intersected", Combine(how="intersect")),
    Step("Unite with a layer", "Add what another layer has besides.", "United", Combine(how="union"), single=False),
    Step("Subtract a layer", "Take away what lies in another layer.", "Subtracted", Combine(how="subtract")),
    Step("Dilate", "Grow into the background, never into another region.", "Dilated", Morphology(operation="dilate"), _GROWN),
    Step("Erode", "Shrink from all sides.", "Eroded", Morphology(operation="erode"), _GROWN),
    Step("Open", "Drop what is thin: erode, then dilate.", "Opened", Morphology(operation="open"), _GROWN),
    Step("Close", "Fill clefts: dilate, then erode.", "Closed", Morphology(operation="close"), _GROWN),
    Step("Fill holes", "Fill what is enclosed.", "Filled", Morphology(operation="fill_holes"), ("connectivity",)),
    Step(
        "Split into connected components",
        "A label for each connected part, the largest first.",
        "Split",
        Components(),
        ("connectivity", "min_size"),
        single=False,
    ),
    Step(
        "Split hemispheres at x = 0",
        "Cut regions into left (x < 0 mm) and right; what lies on x = 0 goes with the larger side.",
        "Split",
        single=False,
    ),
    Step("Renumber by size", "Labels 1, 2, …, the largest first.", "Renumbered", single=False, order="size"),
    Step("Renumber without gaps", "Labels 1, 2, … in the order they have.", "Renumbered", single=False, order="id"),
)


def _from_to(before: int, after: int, what: str) -> str:
    numbers = f"{after:,}" if before == after else f"{before:,} → {after:,}"
    return f"{numbers} {what}{'s' * (after != 1)}"
