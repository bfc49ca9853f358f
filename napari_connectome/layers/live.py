"""A map layer that follows its seed: the plane on the screen first, the rest of the brain as soon as there is time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from napari.components import ViewerModel
from napari.layers import Image

from napari_connectome.analyses.seed_map import SeedMapper
from napari_connectome.core.errors import InputError

Array = npt.NDArray[Any]


class LiveMap:
    """Keeps one image layer equal to the seed map of the last seed given.

    `move` computes what is on the screen and returns; `step` computes a further piece and is called when nothing else
    is to do, until `finished`. A new seed starts over, so the newest request wins and a finished map is always that of
    the last seed: bit for bit the one that `SeedMapper.map` gives, since both compute the same pieces. A run of one
    piece is mapped whole at every move.

    Parameters
    ----------
    viewer : ViewerModel
        Its dims say what is on the screen.
    mapper : SeedMapper
    layer : Image
        (z, y, x) float32 on the mapper's grid, written in place.
    """

    def __init__(self, viewer: ViewerModel, mapper: SeedMapper, layer: Image) -> None:
        if layer.data.shape != mapper.grid.shape or layer.data.dtype != np.float32 or not layer.data.flags.c_contiguous:
            raise AssertionError("a live map needs a contiguous float32 layer on the grid of its run")
        self.viewer = viewer
        self.mapper = mapper
        self.layer = layer
        self._direction: Array = np.zeros(mapper.n_rows, dtype=np.float32)
        self._pieces: list[slice] = []
        self._plane: tuple[int, int] | None = None
        self._columns: Array = np.empty(0, dtype=np.int64)
        self._block: Array = np.empty((mapper.n_rows, 0), dtype=np.float32)
        viewer.dims.events.current_step.connect(self._on_dims)
        viewer.dims.events.order.connect(self._on_dims)
        viewer.dims.events.ndisplay.connect(self._on_dims)

    def close(self) -> None:
        """Stop following the viewer."""
        for event in (self.viewer.dims.events.current_step, self.viewer.dims.events.order, self.viewer.dims.events.ndisplay):
            event.disconnect(self._on_dims)

    @property
    def finished(self) -> bool:
        """Whether the whole layer shows the last seed."""
        return not self._pieces

    def move(self, positions: Array) -> None:
        """Make these voxels (positions in the mask) the seed and show its map where it is seen.

        `InputError` when there is nothing to correlate with; seed and map then stay as they were.
        """
        before = self.mapper.seed
        self.mapper.select(positions)
        try:
            self.update()
        except InputError:
            self.mapper.select(before)
            raise

    def update(self) -> None:
        """Show the map of the mapper's present seed."""
        self._direction = self.mapper.direction()
        self._pieces = self.mapper.pieces[::-1]
        if len(self._pieces) == 1 or self._shown_plane() is None:
            self.finish()
        else:
            self._fill_plane()

    def step(self) -> bool:
        """Compute a further piece; return whether the map is finished."""
        if not self.finished:
            self._fill_piece()
            if self.finished:
                self.layer.refresh()
        return self.finished

    def finish(self) -> None:
        """Compute all that is left."""
        if self.finished:
            return
        while not self.finished:
            self._fill_piece()
        self.layer.refresh(thumbnail=False, highlight=False, extent=False)

    def _fill_piece(self) -> None:
        columns = self._pieces.pop()
        self.mapper.fill(self.mapper.values(self._direction, columns), self.layer.data, columns)

    def _fill_plane(self) -> None:
        plane = self._shown_plane()
        if plane is None:
            return
        if plane != self._plane:
            axis, index = plane
            inside = np.zeros(self.mapper.grid.shape, dtype=bool)
            inside[(slice(None),) * axis + (index,)] = True
            self._columns = self.mapper.positions(inside)
            self._block = self.mapper.columns_of(self._columns)
            self._plane = plane
        self.mapper.fill(self.mapper.values(self._direction, block=self._block), self.layer.data, self._columns)
        self.layer.refresh(thumbnail=False, highlight=False, extent=False)

    def _on_dims(self) -> None:
        if self.finished:
            return
        if self._shown_plane() is None:
            self.finish()
        else:
            self._fill_plane()

    def _shown_plane(self) -> tuple[int, int] | None:
        """The one plane of the layer on the screen as (axis, index), None when more is seen (3-D)."""
        dims = self.viewer.dims
        hidden = [axis for axis in range(3) if axis + dims.ndim - 3 not in dims.displayed]
        if dims.ndim < 3 or len(hidden) != 1:
            return None
        axis = hidden[0]
        point = self.layer.world_to_data(dims.point)[-3:][axis]
        index = int(np.round(point))
        return (axis, index) if 0 <= index < self.mapper.grid.shape[axis] else None
