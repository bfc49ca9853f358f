"""A region of a labels layer as a seed: its voxels on the run's grid, and what every stroke changes of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Labels, Layer
from psygnal import Signal

from napari_connectome.core.edits import default_name
from napari_connectome.core.errors import InputError
from napari_connectome.core.grid import Grid
from napari_connectome.core.overlap import Overlap, overlap
from napari_connectome.layers.label_events import edits_of, moves_of
from napari_connectome.layers.spatial import grid_of, named

Array = npt.NDArray[Any]


class RegionSeed:
    """One region of a labels layer, as voxels of a run's grid, that follows whatever happens to the layer.

    Strokes are noticed while they are drawn, and so are fills, undo and redo, other data and edits by programs that tell the
    layer (`data_setitem`, `refresh`). What else was written is noticed by `look`.

    Parameters
    ----------
    layer : Labels
        (z, y, x), on the run's grid or on another part of the same lattice of voxels.
    label : int
        The region's id, above 0.
    grid : Grid
        The run's.

    Attributes
    ----------
    changed : Signal(array, array)
        Voxels the region has gained and those it has lost, flat ones of the run's grid. Both are empty when something else
        about it is other than before: voxels off the grid, its name, its trouble.
    name : str
        From the layer's features, "region 3" where it has none there.
    trouble : str
        Why the layer cannot hold a seed of this run, in a sentence; the region has no voxels then.
    voxels : int array
        Flat indices of the region's voxels on the run's grid (C order of z, y, x), ascending.
    off_grid : int
        How many voxels of the region lie off the run's grid.
    """

    changed = Signal(object, object)

    def __init__(self, layer: Labels, label: int, grid: Grid) -> None:
        self.layer = layer
        self.grid = grid
        self.trouble = ""
        self.off_grid = 0
        self.voxels: Array = np.empty(0, dtype=np.int64)
        self._label = label
        self.name = name_of(layer, label)
        self._shape: tuple[int, ...] = ()
        self._shared: Overlap | None = None
        self._inside: Array = np.zeros(grid.shape, dtype=bool)
        self._told = ("", 0, self.name)
        self._place()
        layer.events.features.connect(self._call)
        for event in edits_of(layer):
            event.connect(self.look)
        for event in moves_of(layer):
            event.connect(self._place)

    def close(self) -> None:
        """Stop following the layer."""
        self.layer.events.features.disconnect(self._call)
        for event in edits_of(self.layer):
            event.disconnect(self.look)
        for event in moves_of(self.layer):
            event.disconnect(self._place)

    @property
    def label(self) -> int:
        """The region's id; setting it tells the difference between the two regions."""
        return self._label

    @label.setter
    def label(self, label: int) -> None:
        self._label = label
        self._call()

    @property
    def size(self) -> int:
        """Number of voxels of the region, on the run's grid or not."""
        return len(self.voxels) + self.off_grid

    def look(self, event: Any = None) -> None:
        """Read the layer, and tell what has changed since it was read last."""
        if self._shape != np.shape(self.layer.data):
            self._place()  # napari tells of other data only after it has shown them
            return
        before = self._inside
        self._inside, self.off_grid = self._read()
        differs = np.flatnonzero(self._inside != before)
        told, self._told = self._told, (self.trouble, self.off_grid, self.name)
        if differs.size:
            self.voxels = np.flatnonzero(self._inside)
        if differs.size or told != self._told:
            gained = self._inside.reshape(-1)[differs]
            self.changed.emit(differs[gained], differs[~gained])

    def _call(self, event: Any = None) -> None:
        self.name = name_of(self.layer, self._label)
        self.look()

    def _read(self) -> tuple[Array, int]:
        """Where the region is on the run's grid (z, y, x), and how many of its voxels are not there."""
        inside = np.zeros(self.grid.shape, dtype=bool)
        if self._shared is None:
            return inside, 0
        labels = np.asarray(self.layer.data)
        shared = labels[self._shared.second]
        np.equal(shared, self._label, out=inside[self._shared.first])
        if shared.size == labels.size:
            return inside, 0
        return inside, int(np.count_nonzero(labels == self._label) - np.count_nonzero(inside))

    def _place(self, event: Any = None) -> None:
        """Find the layer's voxels on the run's grid again: it has other data, or another place in the world."""
        self._shape = np.shape(self.layer.data)
        try:
            self._shared, self.trouble = shared_voxels(self.layer, self.grid), ""
        except InputError as error:
            self._shared, self.trouble = None, str(error)
        self.look()


def shared_voxels(layer: Layer, grid: Grid) -> Overlap:
    """The voxels a labels layer shares with a run's grid; one sentence where it can hold no region of that run."""
    new = "make a new one on the run's grid"
    if getattr(layer, "multiscale", False) or layer.ndim != 3:
        kind = "multiscale" if getattr(layer, "multiscale", False) else f"{layer.ndim}-D"
        raise InputError(f"{layer.name} is {kind} and a region is painted in a layer of z, y and x only: {new}.")
    theirs = grid_of(layer, [grid])
    shared = overlap(grid, theirs)
    if shared is None:
        grid.require(theirs, "the run", layer.name)
        raise InputError(f"{layer.name} has voxels of its own, between those of the run: resample it, or {new}.")
    if shared.empty:
        raise InputError(f"{layer.name} lies wholly off the run's grid: move it there, or {new}.")
    return shared


def name_of(layer: Labels, label: int) -> str:
    """The name of a region in a layer's features, "region 3" where it has none there."""
    names = named(layer.features)
    name = names["name"].get(label) if names is not None else None
    return name.strip() if isinstance(name, str) and name.strip() else default_name(label)
