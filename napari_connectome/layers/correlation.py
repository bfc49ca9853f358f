"""The correlation map in the viewer: its layer, its mask, its threshold, and the seed it belongs to."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer

from napari_connectome.analyses.seed_map import SeedMapper
from napari_connectome.core.errors import InputError
from napari_connectome.core.values import Run, Series
from napari_connectome.layers import results
from napari_connectome.layers.live import LiveMap
from napari_connectome.layers.map_colors import MapColors
from napari_connectome.layers.region_seed import RegionSeed
from napari_connectome.layers.spatial import KEY, info, layer_kwargs, tell
from napari_connectome.layers.styles import style_map, style_outline

Array = npt.NDArray[Any]

ROLE = "seed map"
PINNED = "pinned map"
OWNER = "correlation map"
TITLES = {"r": "correlation (r)", "fisher_z": "Fisher z", "z_score": "z score"}


START = 3.0
"""z score of the threshold a map starts with: what is shown then is rarely noise, however long the run."""


def scale_of(statistic: str, dof: float) -> tuple[float, float]:
    """Where the colours of a statistic end, and the threshold it starts with (a z score of 3 in its own unit)."""
    fisher = min(START / np.sqrt(dof), 0.7)
    if statistic == "z_score":
        return float(np.ceil(np.arctanh(0.9) * np.sqrt(dof))), float(fisher * np.sqrt(dof))
    return (1.5, round(float(fisher), 2)) if statistic == "fisher_z" else (1.0, round(float(np.tanh(fisher)), 2))


class CorrelationLayers:
    """Shows the maps of a `SeedMapper` in one image layer, followed live.

    Parameters
    ----------
    viewer : ViewerModel
    mapper : SeedMapper
    threshold : float, optional
        In the unit of the statistic; its usual start otherwise.
    """

    def __init__(self, viewer: ViewerModel, mapper: SeedMapper, threshold: float | None = None) -> None:
        self.viewer = viewer
        self.mapper = mapper
        self.seed: dict[str, Any] = {}
        self._mask_seen = False
        statistic = mapper.params.statistic
        self.limit, start = scale_of(statistic, mapper.dof)
        self._threshold = start if threshold is None else threshold
        self.mask_layer = self._show_mask()
        old = results.find(viewer, ROLE, OWNER)
        before = {} if old is None else dict(info(old))
        self.layer = results.show(viewer, self._new_layer(), ROLE, OWNER)
        if self.layer is not old:
            style_map(self.layer, self.limit, self._threshold)
        self._colors = MapColors(self.layer)
        self._dress(before)
        self._data = self.layer.data
        self.live = LiveMap(viewer, mapper, self.layer)
        viewer.dims.events.ndisplay.connect(self._on_ndisplay)
        self._on_ndisplay()

    def close(self) -> None:
        """Stop following the viewer; the layers stay with the user."""
        self.live.close()
        self.viewer.dims.events.ndisplay.disconnect(self._on_ndisplay)
        self._colors.close()

    @property
    def alive(self) -> bool:
        """Whether the map's layer is still in the viewer, and ours: nobody put other data into it."""
        return self.layer in self.viewer.layers and self.layer.data is self._data

    @property
    def threshold(self) -> float:
        """Values nearer to 0 than this are transparent."""
        return self._threshold

    @threshold.setter
    def threshold(self, threshold: float) -> None:
        self._threshold = float(threshold)
        self._colors.show(self._colors.limit, self._threshold)

    def move(self, name: str, mm: npt.ArrayLike, radius: float) -> str:
        """Map the sphere there; return "" or, when there is nothing to map, the sentence that says why."""
        centre = np.asarray(mm, dtype=np.float64)
        seed = {"name": name, "x": centre[0], "y": centre[1], "z": centre[2], "radius": radius}
        return self._show(self.mapper.sphere(centre, radius), seed)

    def follow(self, region: RegionSeed) -> str:
        """Map a region as it is now; return "" or, when there is nothing to map, the sentence that says why."""
        positions = self.mapper.positions(region.voxels)
        if region.trouble:
            return region.trouble
        if not region.size:
            return f"{region.name} is empty: paint in it."
        if not len(positions):
            return f"{region.name} lies outside the brain mask ({region.size} voxels): paint inside the mask's outline."
        return self._show(positions, {"name": region.name, "layer": region.layer.name, "label": region.label})

    def _show(self, positions: Array, seed: dict[str, Any]) -> str:
        try:
            self.live.move(positions)
        except InputError as error:
            return str(error)
        self.seed = {**seed, "voxels": len(self.mapper.seed)}
        if self.live.finished:
            self._describe()
        return ""

    def step(self) -> bool:
        """Compute a further piece of the map; return whether it is finished."""
        if not self.live.finished and self.live.step():
            self._describe()
        return self.live.finished

    def finish(self) -> None:
        """Compute all that is left of the map."""
        while not self.step():
            pass

    def series(self, run: Run) -> Series:
        """The seed's cleaned series, exact, from the run the mapper was prepared from."""
        mapper = self.mapper
        return Series(mapper.series(run)[:, None], [self.seed["name"]], mapper.tr, times=mapper.volumes * mapper.tr)

    def pin(self) -> Layer:
        """Add a copy of the map that stays as it is, named after its seed."""
        self.finish()
        known = {**info(self.layer), "role": PINNED, "owner": ""}
        data, state = self.layer.as_layer_data_tuple()[:2]
        name = f"{TITLES[self.mapper.params.statistic]}: {self.seed.get('name', 'seed')}"
        pinned = Image(data.copy(), **{**state, "name": name, "metadata": {KEY: known}})
        pinned.colorbar.visible = False
        pinned.visible = False
        return results.add(self.viewer, pinned)

    def _describe(self) -> None:
        plain = {key: float(value) if isinstance(value, np.floating) else value for key, value in self.seed.items()}
        tell(self.layer, provenance={**self.mapper.provenance(), "seeds": [plain]})

    def use(self, statistic: str) -> None:
        """Show another statistic of the same seed, from its usual threshold."""
        before = dict(info(self.layer))
        self.mapper.use(statistic)
        self.limit, self._threshold = scale_of(statistic, self.mapper.dof)
        self._dress(before)
        if self.seed:
            self.live.update()
            self.finish()

    def _dress(self, before: dict[str, Any]) -> None:
        """Name and limits: for another statistic anew, otherwise as the user left them; `before` is what was known."""
        statistic = self.mapper.params.statistic
        high = float(self.layer.contrast_limits[1])
        ours = before.get("statistic") != statistic or high == before.get("limit")
        if self.layer.name.split(" [")[0] in TITLES.values():
            self.layer.name = TITLES[statistic]
        tell(self.layer, statistic=statistic, limit=self.limit)
        if ours:
            self.layer.contrast_limits_range = (-self.limit, self.limit)
        self._colors.show(self.limit if ours else high, self._threshold)

    def _new_layer(self) -> Image:
        data = np.zeros(self.mapper.grid.shape, dtype=np.float32)
        name = TITLES[self.mapper.params.statistic]
        return Image(data, name=name, contrast_limits=(-self.limit, self.limit), **layer_kwargs(self.mapper.grid))

    def _on_ndisplay(self) -> None:
        """Hide the mask in 3-D, where an outline is a solid that hides the brain; show it again if it was seen before."""
        if self.viewer.dims.ndisplay == 3:
            self._mask_seen = self.mask_layer.visible
            self.mask_layer.visible = False
        elif self._mask_seen:
            self.mask_layer.visible, self._mask_seen = True, False

    def _show_mask(self) -> Layer:
        mask = self.mapper.mask
        layer = Labels(mask.data.astype(np.uint8), name="Brain mask", **layer_kwargs(mask.grid, source=mask.name))
        old = results.find(self.viewer, "mask", OWNER)
        layer = results.show(self.viewer, layer, "mask", OWNER, guard=True)
        if layer is not old:
            style_outline(layer)
        return layer
