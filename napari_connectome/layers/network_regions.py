"""Regions of networks in the viewer: all of them as labels, those of one network alone, and the maps they were cut from."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_connectome.core.errors import InputError
from napari_connectome.core.region_maps import strongest, supports
from napari_connectome.core.values import Maps, Regions
from napari_connectome.layers import results
from napari_connectome.layers.live_labels import LiveLabels
from napari_connectome.layers.map_stack import REGION, MapStacks, restack, stack_layer, style_stack
from napari_connectome.layers.network_layers import OWNER
from napari_connectome.layers.spatial import tell

Array = npt.NDArray[Any]

REGIONS, ONE, REGION_MAPS = "network regions", "regions of one network", "region maps"
"""Roles of the layers."""


class NetworkRegionLayers:
    """Shows regions that were cut out of networks, in place while parameters move.

    A layer that somebody painted in, or named regions of, is theirs from then on: the next regions go to a new one.

    Parameters
    ----------
    viewer : ViewerModel
    owner : str
        Whose layers these are, where several show regions.

    Attributes
    ----------
    regions : Regions or None
        Those shown last.
    """

    def __init__(self, viewer: ViewerModel, owner: str = OWNER) -> None:
        self.viewer = viewer
        self.owner = owner
        self._stacks = MapStacks.of(viewer)
        self.regions: Regions | None = None
        self._all = LiveLabels(viewer, REGIONS, owner, outlined=True)
        self._one = LiveLabels(viewer, ONE, owner)
        self._network: int | None = None
        self._was_visible = True

    @property
    def layer(self) -> Labels | None:
        """The labels of all regions; None while there are none in the viewer."""
        return self._all.layer

    @property
    def one_layer(self) -> Labels | None:
        """The labels of one network's regions; None while all are shown."""
        return self._one.layer

    @property
    def network(self) -> int | None:
        """The network whose regions are shown alone; None for all."""
        return self._network

    @property
    def maps_layer(self) -> Image | None:
        """The maps of the regions; None before they were asked for."""
        layer = results.find(self.viewer, REGION_MAPS, self.owner)
        return layer if isinstance(layer, Image) else None

    def show(self, regions: Regions, live: bool = False) -> Labels:
        """Show regions in place of those of before.

        Parameters
        ----------
        regions : Regions
        live : bool
            Whether more are to come soon: what need not follow a slider is left out then.
        """
        self.regions = regions
        n = len(regions.table)
        name = f"Regions of networks ({n})"
        layer = self._all.write(
            regions.labels, regions.grid, name, _features(regions.table), provenance=dict(regions.provenance)
        )
        if self._network is not None:
            self._write_one(self._network)
        if not live:
            self._all.rest()
            self._one.rest()
            if self.maps_layer is not None:
                self.show_maps()
        return layer

    def only(self, network: int | None) -> None:
        """Show the regions of one network (its position, from 0), in separate colours; None shows all again."""
        if network is None:
            self._show_all()
        else:
            self._write_one(network)
            self._one.rest()

    def show_maps(self) -> Image:
        """Show the map of each region, with a slider that names it."""
        regions = self._required()
        weights = regions.maps
        if weights is None:
            raise InputError("these regions have no maps: they were made from labels.")
        maps = Maps(
            weights, regions.grid, names=[str(name) for name in regions.table["name"]], provenance=dict(regions.provenance)
        )
        name = f"Maps of regions ({len(maps)})"
        layer = self.maps_layer
        if layer is None:
            layer = stack_layer(maps, name, REGION_MAPS, REGION, owner=self.owner, title=name)
            tell(layer, unique_id=layer.unique_id)
            results.add(self.viewer, layer)
        else:
            restack(layer, maps, name)
        self._stacks.update()
        style_stack(layer, maps.data)
        self._stacks.name()
        return layer

    def _write_one(self, network: int) -> None:
        """Write the regions of a network, each with the number it has among all."""
        regions = self._required()
        source = regions.source_map
        if source is None:
            raise InputError("these regions do not say which network each is of: they were made from labels.")
        mine = np.flatnonzero(np.asarray(source) == network)
        ids = regions.ids[mine]
        weights = regions.maps
        if weights is None:
            labels = np.where(np.isin(regions.labels, ids), regions.labels, 0)
        else:  # also what a stronger region of another network covers
            labels = np.r_[0, ids].astype(regions.labels.dtype)[strongest(supports(weights[mine]), regions.grid.shape)]
        table = regions.table.loc[ids]
        name = f"Regions of {table['network'].iloc[0]}" if "network" in table and len(table) else "No regions"
        self._one.write(labels, regions.grid, name, _features(table), provenance=dict(regions.provenance))
        layer = self.layer
        if self._network is None and layer is not None:
            self._was_visible, layer.visible = layer.visible, False
        self._network = network

    def _show_all(self) -> None:
        one, self._network = self.one_layer, None
        if one is None:
            return
        if self._one.ours:
            self.viewer.layers.remove(one)
        else:
            self._one.leave()
        if self.layer is not None:
            self.layer.visible = self._was_visible

    def _required(self) -> Regions:
        if self.regions is None:
            raise InputError("there are no regions yet: extract some first.")
        return self.regions


def _features(table: pd.DataFrame) -> pd.DataFrame:
    """Number, name and network of regions, for the status bar and whoever reads the layer."""
    shown = [column for column in ("name", "network") if column in table]
    features = table[shown].rename_axis("index").reset_index()
    return pd.concat([pd.DataFrame({"index": [0], **{column: ["none"] for column in shown}}), features], ignore_index=True)
