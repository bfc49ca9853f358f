"""A labels layer as regions with names and origins, which follow what is done to its voxels, and what is undone."""

from __future__ import annotations

import weakref
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from napari.layers import Labels
from psygnal import Signal

from napari_connectome.core.census import census
from napari_connectome.core.edits import Edit, default_name
from napari_connectome.core.errors import InputError
from napari_connectome.core.grid import Grid
from napari_connectome.core.origins import Origin, Origins, inherit, origins_from_dict, origins_to_dict
from napari_connectome.core.region_table import one_line
from napari_connectome.core.values import as_label_type
from napari_connectome.layers.spatial import KEY, grid_of, info
from napari_connectome.layers.undoable import write

Array = npt.NDArray[Any]

SHOWN = ("voxels", "size_mm3", "peak", "mean")
"""Columns of a region table that go into a layer's features, where the status bar shows them."""
_COMPUTED = {*SHOWN, "x", "y", "z", "hemisphere", "peak_x", "peak_y", "peak_z"}
_REMEMBERED = 20_000
"""States of the labels whose names and origins are kept, so that undo finds them: more than napari can undo."""


@dataclass
class _Region:
    """What is known of a region besides its voxels; one object for as long as it is the same region."""

    name: str = ""
    more: dict[str, Any] = field(default_factory=dict)


@dataclass
class _State:
    """Regions and origins by id. Strokes of the brush share one dict of regions, so that a new name holds for all of them."""

    regions: dict[int, _Region]
    origins: dict[int, tuple[Origin, ...]]


class RegionLayer:
    """The regions of one labels layer.

    Names are kept in the layer's features (index, name, and what else a file said of a region), origins in
    ``metadata["connectome"]["origins"]``. Both belong to a state of the labels: `apply` gives the new regions theirs, and
    whoever takes the voxels back, by Ctrl+Z too, gets back the names and origins that went with them. Renaming is no step:
    it holds before and after the steps a region has come through unchanged.

    A region that is painted over another one inherits where that came from.

    Parameters
    ----------
    layer : Labels
        Three-dimensional (z, y, x).

    Attributes
    ----------
    changed : Signal
        Voxels, names or origins are others than before, whoever changed them: at each move of a brush, too.
    among : tuple of Grid
        Grids of the layers shown with it, as for `grid_of`.
    """

    changed = Signal()
    _of_layer: ClassVar[weakref.WeakKeyDictionary[Labels, RegionLayer]] = weakref.WeakKeyDictionary()

    @classmethod
    def of(cls, layer: Labels) -> RegionLayer:
        """The one that follows this layer since it was first asked for."""
        known = cls._of_layer.get(layer)
        if known is None:
            known = cls._of_layer[layer] = cls(layer)
        return known

    def __init__(self, layer: Labels) -> None:
        self._layer = weakref.ref(layer)  # the layer must be able to go although `of` keeps this
        self.among: tuple[Grid, ...] = ()
        self._writing = False
        self._state = _State({}, {})
        self._published: Any = None
        self._read_features()
        self._read_origins()
        self._states: dict[int, _State] = {}
        self._see(np.asarray(layer.data))
        for event in (layer.events.paint, layer.events.labels_update, layer.events.set_data, layer.events.data):
            event.connect(self._on_data)
        layer.events.features.connect(self._on_features)

    @property
    def layer(self) -> Labels:
        """The labels layer."""
        layer = self._layer()
        if layer is None:
            raise AssertionError("the layer of these regions is gone")
        return layer

    @property
    def labels(self) -> Array:
        """The labels (z, y, x) as the smallest unsigned type; `InputError` where some are negative."""
        return as_label_type(np.asarray(self.layer.data))

    @property
    def grid(self) -> Grid:
        """The grid of the layer."""
        return grid_of(self.layer, self.among)

    @property
    def names(self) -> dict[int, str]:
        """The names that were given, by id; also of regions that have no voxel at present."""
        return {i: region.name for i, region in self._state.regions.items() if i > 0 and region.name}

    @property
    def origins(self) -> dict[int, tuple[Origin, ...]]:
        """What regions were made from, by id; a region that came from no run has no entry."""
        self._read_origins()
        return dict(self._state.origins)

    def name(self, region: int) -> str:
        """The name of a region, "region 7" where it has none."""
        return self.names.get(region) or default_name(region)

    def rename(self, region: int, name: str) -> None:
        """Give a region a name of its own; `InputError` when it is empty or another region's."""
        name = one_line(name)
        if not name:
            raise InputError("a region needs a name: type at least one character.")
        names = self.names
        if name in {names.get(i, default_name(i)) for i in ids_in(self.layer.data) if i != region}:
            raise InputError(f"there is another region named {name}: give each its own name.")
        self._state.regions.setdefault(region, _Region()).name = name
        self._publish_names()
        self.changed.emit()

    def apply(self, edit: Edit, others: Origins | None = None) -> int:
        """Make an edit of the layer's labels in the layer, as one step that Ctrl+Z takes back.

        Parameters
        ----------
        edit : Edit
            Made from `labels`.
        others : mapping, optional
            Origins of the other image that took part (see `Edit.others`).

        Returns
        -------
        int
            Voxels changed.
        """
        self._read_origins()
        with self._quietly():
            changed = write(self.layer, edit.labels)
        self._state = _State(self._regions_after(edit), origins_after(edit, self._state.origins, others))
        self._see(np.asarray(self.layer.data))
        self._publish_origins()
        self._publish_names()
        self.changed.emit()
        return changed

    def undo(self) -> bool:
        """Take back the last step or stroke; return whether there was one."""
        before = self._key
        self.layer.undo()
        return self._key != before

    def redo(self) -> bool:
        """Do again what was taken back last; return whether there was something."""
        before = self._key
        self.layer.redo()
        return self._key != before

    def describe(self, table: pd.DataFrame) -> None:
        """Put sizes and values of a `region_table` into the layer's features, for the status bar; best when nobody paints."""
        features = self._features(table.index)
        for column in SHOWN:
            if column in table:  # as objects: a background without a value must not make fractions of the others
                values = table[column].map(_readable).astype(object).reindex(features["index"])
                features[column] = values.where(values.notna(), None).to_numpy()
        if not features.equals(self.layer.features):
            with self._quietly():
                self.layer.features = features

    def _regions_after(self, edit: Edit) -> dict[int, _Region]:
        """Who is who after an edit: the same region where one came from one, a new one where several meet or part."""
        before = self._state.regions
        uses = Counter(old for olds in edit.sources.values() for old in olds)
        names = edit.renamed(self.names)
        after = {0: before[0]} if 0 in before else {}
        for new, olds in edit.sources.items():
            first = before.setdefault(olds[0], _Region()) if olds else _Region()
            unnamed = edit.names.get(new, default_name(new)) == default_name(new)
            if unnamed and len(olds) == 1 and uses[olds[0]] == 1:
                after[new] = first
            else:
                after[new] = _Region(names[new] if names[new] != default_name(new) else "", dict(first.more))
        return after

    def _on_data(self, event: Any = None) -> None:
        """Notice other voxels: a stroke, undo, other data. Moving a slider comes here, too, and changes nothing."""
        data = np.asarray(self.layer.data)
        if self._writing or np.array_equal(self._seen, data):
            return
        before = self._state
        known = self._states.get(_key_of(data))
        if info(self.layer).get("origins") != self._published:  # whoever wrote the voxels wrote where they come from, too
            self._state, known = _State(before.regions, {}), None
            self._read_origins()
        self._state = _State(before.regions, self._painted_over(data)) if known is None else known
        self._see(data)
        self._publish_origins()
        if self._state.regions is not before.regions:
            self._publish_names()
        self.changed.emit()

    def _see(self, data: Array) -> None:
        """Remember the labels as they are, and that the present names and origins are theirs."""
        self._seen = data.copy()
        self._key = _key_of(data)
        self._states.pop(self._key, None)
        self._states[self._key] = self._state
        while len(self._states) > _REMEMBERED:
            self._states.pop(next(iter(self._states)))

    def _painted_over(self, data: Array) -> dict[int, tuple[Origin, ...]]:
        """Origins after strokes: what is painted over others inherits theirs, what has no voxel left has none."""
        origins = dict(self._state.origins)
        if not origins or data.shape != self._seen.shape:
            return origins
        changed = self._seen != data
        # By rank: of two ids together 64 bits would hold but half of each.
        (olds, old_rank), (news, new_rank) = (np.unique(each[changed], return_inverse=True) for each in (self._seen, data))
        gone = set(olds.tolist()) & set(origins)
        for pair in np.unique(old_rank * len(news) + new_rank).tolist():
            old, new = int(olds[pair // len(news)]), int(news[pair % len(news)])
            if old in self._state.origins and new > 0:
                origins[new] = tuple(dict.fromkeys((*origins.get(new, ()), *self._state.origins[old])))
        for region in gone.difference(ids_in(data)) if gone else ():
            del origins[region]
        return origins

    def _on_features(self, event: Any = None) -> None:
        """Take over names that somebody else wrote."""
        if self._writing:
            return
        before = self.names
        self._read_features()
        if self.names != before:
            self.changed.emit()

    def _read_features(self) -> None:
        table = self.layer.features
        ids = pd.to_numeric(table["index"], errors="coerce") if "index" in table else range(len(table))
        more = [column for column in table.columns if column not in {"index", "name"} | _COMPUTED]
        for i, row in zip(ids, table.to_dict("records"), strict=True):
            if not i >= 0:
                continue
            region = self._state.regions.setdefault(int(i), _Region())
            name = row.get("name")
            region.name = "" if name is None or name != name or name == default_name(int(i)) else one_line(name)
            region.more = {column: row[column] for column in more}

    def _read_origins(self) -> None:
        """The metadata have the last word: whoever made the regions writes there."""
        said = info(self.layer).get("origins")
        if said != self._published:
            self._published = said
            self._state.origins = origins_from_dict(said)

    def _publish_origins(self) -> None:
        said = origins_to_dict(self._state.origins)
        if said != (self._published or {}):
            self.layer.metadata = {**self.layer.metadata, KEY: {**info(self.layer), "origins": said}}
            self._published = said

    def _publish_names(self) -> None:
        with self._quietly():
            self.layer.features = self._features(self._state.regions)

    def _features(self, ids: Any) -> pd.DataFrame:
        """Features of these regions, and of the background where something is known of it: index, name, and what else is."""
        regions = self._state.regions
        listed = sorted({*(int(i) for i in ids), *({0} & set(regions))})
        known = [regions.get(i, _Region()) for i in listed]
        named = {"index": listed, "name": [region.name or default_name(i) for i, region in zip(listed, known, strict=True)]}
        return pd.DataFrame(named).join(pd.DataFrame([region.more for region in known], index=range(len(listed))))

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """Mark what is written meanwhile as this object's own, no news to it; others hear it."""
        before, self._writing = self._writing, True
        try:
            yield
        finally:
            self._writing = before


def origins_after(edit: Edit, origins: Origins, others: Origins | None = None) -> dict[int, tuple[Origin, ...]]:
    """Origins of the regions of an edit, given those before, and those of the other image that took part."""
    own, from_others = inherit(origins, edit.sources), inherit(others or {}, edit.others)
    return {i: tuple(dict.fromkeys((*own.get(i, ()), *from_others.get(i, ())))) for i in {**own, **from_others}}


def _key_of(data: Array) -> int:
    return zlib.crc32(np.ascontiguousarray(data).data)


def _readable(value: float) -> float:
    """Large numbers as whole ones, which the status bar does not write as 1.15e+03."""
    return round(value) if 100 <= abs(value) < np.inf else value


def ids_in(data: Any) -> list[int]:
    """The ids > 0 in a label image, ascending."""
    return [int(i) for i in census(np.maximum(np.asarray(data), 0))[0]]
