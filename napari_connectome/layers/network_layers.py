"""Networks in the viewer: one layer of all maps with a slider, an overview of who is strongest where, and what a person did."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from napari.components import ViewerModel
from napari.layers import Image, Labels
from psygnal import Signal

from napari_connectome.analyses.networks import NetworkMaps, Networks, Sketch
from napari_connectome.core.errors import InputError
from napari_connectome.core.region_maps import strongest, supports
from napari_connectome.core.region_table import one_line
from napari_connectome.core.values import Maps
from napari_connectome.layers import results
from napari_connectome.layers.live_labels import COLORS, LiveLabels
from napari_connectome.layers.map_colors import MapColors
from napari_connectome.layers.map_stack import (
    MAPS,
    MapStacks,
    current,
    look,
    names_of,
    restack,
    stack_data,
    stack_layer,
    style_stack,
)
from napari_connectome.layers.network_sketch import NetworkSketch
from napari_connectome.layers.orientation import look_at
from napari_connectome.layers.spatial import grid_of, info, tell

Array = npt.NDArray[Any]

OWNER = "dictionary-learning regions"
NETWORKS, OVERVIEW = "networks", "network overview"
"""Roles of the layers."""
LEARNINGS = itertools.count(1)
"""What all that are shown, here or elsewhere, are told apart by."""
FAINT = 0.1
"""Share of a network's peak that a plane holds at least, if it shows something of the network."""


class NetworkLayers:
    """Shows networks and keeps what a person makes of them: names, order, which are hidden, which are dropped.

    Positions count in the person's order, as the slider does. A network that is hidden stays on the slider, and is left out
    of the overview and of what is exported.

    Parameters
    ----------
    viewer : ViewerModel
    owner : str
        Whose layers these are, where several show networks.

    Attributes
    ----------
    looked : Signal(int)
        The slider has come to another network.
    changed : Signal
        Other networks, or other names, order, hidden or dropped ones.
    """

    looked = Signal(int)
    changed = Signal()

    def __init__(self, viewer: ViewerModel, owner: str = OWNER) -> None:
        self.viewer = viewer
        self.owner = owner
        self._stacks = MapStacks.of(viewer)
        self._learned: NetworkMaps | None = None
        self._learning = 0
        self._order: list[int] = []  # positions in what was learned
        self._names: list[str] = []
        self._hidden: set[int] = set()
        self._dropped: list[tuple[int, int]] = []  # place it had, network
        self._layer: Image | None = None
        self._colors: MapColors | None = None
        self._sketch = NetworkSketch(viewer, owner)
        self._looked = -1
        self._overview = LiveLabels(viewer, OVERVIEW, owner)
        self._labelled: tuple[list[int], Array] | None = None  # which networks the overview shows, and how
        viewer.dims.events.point.connect(self._on_dims)

    def close(self) -> None:
        """Stop following the viewer; the layers stay with the user."""
        self.viewer.dims.events.point.disconnect(self._on_dims)
        self._sketch.close()
        self._drop_colors()

    # -- what there is ------------------------------------------------------------------------------------------------

    @property
    def layer(self) -> Image | None:
        """The layer of all networks (network, z, y, x); None while there is none in the viewer."""
        return self._layer if self._layer is not None and self._layer in self.viewer.layers else None

    @property
    def overview(self) -> Labels | None:
        """The network with the largest weight in each voxel; None while there is none in the viewer."""
        layer = self._overview.layer
        return layer if layer is not None and layer in self.viewer.layers else None

    @property
    def maps(self) -> NetworkMaps:
        """The networks in the person's order and with the person's names, hidden ones among them, dropped ones not."""
        return self._taken(range(len(self._order)))

    @property
    def exported(self) -> NetworkMaps:
        """The networks that are not hidden; one sentence where all are."""
        shown = [i for i in range(len(self._order)) if not self.hidden(i)]
        if not shown:
            raise InputError("all networks are hidden: show at least one.")
        return self._taken(shown)

    @property
    def current(self) -> int:
        """The network the slider is at; 0 while no layer is there."""
        layer = self.layer
        return 0 if layer is None else current(self.viewer, layer)

    def __len__(self) -> int:
        return len(self._order)

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in the person's order; without a copy of the maps."""
        return tuple(self._names[which] for which in self._order)

    @property
    def explained(self) -> Array:
        """Share of the variance (k,) that each network alone explains."""
        return np.empty(0) if self._learned is None else np.asarray(self._learned.explained)[self._order]

    @property
    def learned_with(self) -> Networks | None:
        """How they were learned; None where that is not known."""
        return None if self._learned is None else self._learned.learned_with

    @property
    def keys(self) -> tuple[tuple[int, int], ...]:
        """What each network is known by: the same whatever it is called and wherever it stands, another after learning anew."""
        return tuple((self._learning, which) for which in self._order)

    def hidden(self, index: int) -> bool:
        """Whether a network is hidden."""
        return self._order[index] in self._hidden

    def color(self, index: int) -> Array:
        """The colour (4,) of a network in the overview, 0 to 1; the same wherever it stands."""
        return np.asarray(COLORS[self._order[index] % (len(COLORS) - 1) + 1])

    # -- learning -----------------------------------------------------------------------------------------------------

    def begin_sketch(self) -> None:
        """Remember how the viewer is, for `drop_sketch`; the first sketch does it where nobody has."""
        self._sketch.begin()

    def sketch(self, sketch: Sketch) -> None:
        """Show what the networks look like so far, in place of those of before."""
        self._sketch.show(sketch, [layer for layer in (self.layer, self.overview) if layer is not None])

    @property
    def sketched(self) -> int:
        """The map of the sketch that the slider is at."""
        return self._sketch.current

    def drop_sketch(self) -> None:
        """Take the sketch away; all is as it was before learning."""
        self._sketch.drop()

    def show(self, maps: NetworkMaps) -> None:
        """Show networks just learned. What was shown before is renewed, or left to the person where they changed it."""
        at = self._sketch.current
        self._sketch.uncover()
        before = results.find(self.viewer, NETWORKS, self.owner)
        if before is not None and info(before).get("edited"):
            self._leave_to_user()
        self._learned = maps
        self._learning = next(LEARNINGS)
        self._labelled = None
        self._order, self._names = list(range(len(maps))), list(maps.names)
        self._hidden, self._dropped = set(), []
        layer = self._write_maps()
        self._dress(layer)
        layer.visible = True
        self._write_overview()
        self._sketch.remove()
        self.look(min(at, len(maps) - 1))
        self._stacks.name()
        self.changed.emit()

    def take(self, layer: Image) -> None:
        """Go on with maps that were not learned here, a file's or those of before, in the layer they are in."""
        known, names = info(layer), names_of(layer)
        explained, hidden = known.get("explained") or (), known.get("hidden") or ()
        maps = NetworkMaps.of(Maps(stack_data(layer), grid_of(layer), names, known.get("provenance") or {}))
        if len(explained) == len(names):  # in the order they have now
            maps = replace(maps, explained=np.array(explained, dtype=np.float64))
        self._learned = maps
        self._learning = next(LEARNINGS)
        self._labelled = None
        self._order, self._names = list(range(len(names))), names
        self._hidden, self._dropped = {i for i, out in enumerate(hidden) if out}, []
        self._drop_colors()
        self._layer = layer
        self.changed.emit()

    # -- what a person does -------------------------------------------------------------------------------------------

    def look(self, index: int) -> None:
        """Move the slider to a network."""
        layer = self.layer
        if layer is not None:
            look(self.viewer, layer, index)

    def reveal(self, index: int) -> None:
        """Look at a network, at its peak where the plane shown has next to nothing of it.

        A layer that was taken out of the viewer comes back for that.
        """
        if self.layer is None:
            self._dress(self._write_maps())
        self.look(index)
        layer, dims = self.layer, self.viewer.dims
        if layer is None or dims.ndisplay == 3:
            return
        weights = np.abs(stack_data(layer)[index])
        along = next(axis for axis in range(3) if axis + dims.ndim - 3 not in dims.displayed)
        plane = int(np.clip(round(layer.world_to_data(dims.point)[along - 3]), 0, weights.shape[along] - 1))
        peak = np.unravel_index(weights.argmax(), weights.shape)
        if weights.take(plane, axis=along).max() < FAINT * weights[peak]:
            world = layer.data_to_world((index, *(0,) * (layer.ndim - 4), *peak))
            look_at(self.viewer, np.asarray(world[-3:]))

    def rename(self, index: int, name: str) -> None:
        """Give a network a name of its own; `InputError` where it is empty or another's."""
        name = one_line(name)
        if not name:
            raise InputError("a network needs a name: type at least one character.")
        which = self._order[index]
        if name in {other for i, other in enumerate(self._names) if i != which}:  # dropped ones may come back
            raise InputError(f"there is another network named {name}: give each its own name.")
        self._names[which] = name
        self._publish()

    def reorder(self, indices: Sequence[int]) -> None:
        """Put the networks into another order: `indices` are their present positions."""
        if sorted(indices) != list(range(len(self._order))):
            raise InputError("an order must name each network once.")
        shown = self._order[self.current] if self._order else 0
        self._order = [self._order[i] for i in indices]
        self._rewrite(shown)

    def set_hidden(self, index: int, hidden: bool) -> None:
        """Leave a network out of the overview and of exports, or take it in again."""
        (self._hidden.add if hidden else self._hidden.discard)(self._order[index])
        self._publish()

    def drop(self, index: int) -> None:
        """Take a network away; `restore` brings it back."""
        if len(self._order) < 2:
            raise InputError("the last network cannot be dropped: remove the layer instead.")
        shown = self._order[self.current]
        which = self._order.pop(index)
        self._dropped.append((index, which))
        self._rewrite(shown)

    def restore(self) -> bool:
        """Bring back the network that was dropped last; return whether there was one."""
        if not self._dropped:
            return False
        index, which = self._dropped.pop()
        self._order.insert(min(index, len(self._order)), which)
        self._rewrite(which)
        return True

    @property
    def dropped(self) -> tuple[str, ...]:
        """Names of the networks that `restore` can bring back, the last one last."""
        return tuple(self._names[which] for _, which in self._dropped)

    def highlight(self, index: int | None) -> None:
        """Let the overview show one network only; None shows all."""
        layer = self.overview
        if layer is None:
            return
        if index is not None:
            layer.selected_label = self._order[index] + 1
        layer.show_selected_label = index is not None

    # -- within -------------------------------------------------------------------------------------------------------

    def _taken(self, indices: Sequence[int]) -> NetworkMaps:
        if self._learned is None:
            raise InputError("there are no networks yet: learn some first.")
        which = [self._order[i] for i in indices]
        taken = self._learned if which == list(range(len(self._learned))) else self._learned.take(which)
        return taken.renamed([self._names[i] for i in which])

    @property
    def _edited(self) -> bool:
        """Whether a person has changed something of the networks shown."""
        learned = self._learned
        if learned is None:
            return False
        return bool(
            self._order != list(range(len(learned))) or self._names != list(learned.names) or self._hidden or self._dropped
        )

    def _leave_to_user(self) -> None:
        """Give the layers to the person who worked on them, and set them aside."""
        for role, new_role in ((NETWORKS, MAPS), (OVERVIEW, "labels")):
            layer = results.find(self.viewer, role, self.owner)
            if layer is not None:
                layer.visible = False
                tell(layer, role=new_role, owner="")
        self._overview.leave()
        self._layer = None

    def _write_maps(self) -> Image:
        """Write the networks into the layer there is, or into a new one."""
        maps, name = self.maps, f"Networks ({len(self._order)})"
        layer = self.layer or results.find(self.viewer, NETWORKS, self.owner)
        if not isinstance(layer, Image):
            layer = stack_layer(maps, name, NETWORKS, owner=self.owner)
            tell(layer, title=name, unique_id=layer.unique_id)
            results.add(self.viewer, layer)
        else:
            restack(layer, maps, name)
        self._layer = layer
        self._tell(layer)
        self._stacks.update()
        return layer

    def _rewrite(self, shown: int) -> None:
        """Write networks in another order, or fewer, and go on looking at the same one."""
        if self.layer is not None:
            self._write_maps()
            self.look(self._order.index(shown) if shown in self._order else min(self.current, len(self._order) - 1))
        self._publish()

    def _publish(self) -> None:
        """Write names and what is hidden, and say so."""
        layer = self.layer
        if layer is not None:
            self._tell(layer)
            self._stacks.name()
        if self.overview is not None:
            self._write_overview()
        self.changed.emit()

    def _tell(self, layer: Image) -> None:
        hidden = [self.hidden(i) for i in range(len(self._order))]
        tell(layer, names=list(self.names), hidden=hidden, explained=self.explained.tolist(), edited=self._edited)

    def _write_overview(self) -> None:
        learned = self._learned
        assert learned is not None
        kept = [which for which in self._order if which not in self._hidden]
        if self._labelled is None or self._labelled[0] != sorted(kept):
            numbers = np.array(sorted(kept), dtype=np.int64)
            views: Any = [learned.data[which] for which in numbers]
            ranks = strongest(supports(views), learned.grid.shape)
            self._labelled = numbers.tolist(), np.r_[0, numbers + 1][ranks]
        features = {"index": [0, *(which + 1 for which in kept)], "name": ["none", *(self._names[which] for which in kept)]}
        before = self.overview
        layer = self._overview.write(self._labelled[1], learned.grid, "Network overview", pd.DataFrame(features))
        if before is None:
            layer.visible = False  # it would cover the maps

    def _dress(self, layer: Image) -> None:
        """Colour the networks, and keep both signs alike from now on."""
        learned = self._learned
        assert learned is not None
        mask = None if learned.mask is None else np.asarray(learned.mask.data) > 0
        limit, threshold = style_stack(layer, learned.data, mask)
        if self._colors is None or self._colors.layer is not layer:
            self._drop_colors()
            self._colors = MapColors(layer)
        self._colors.show(limit, threshold)

    def _drop_colors(self) -> None:
        colors, self._colors = self._colors, None
        if colors is not None:
            colors.close()

    def _on_dims(self) -> None:
        now = self.current
        if self.layer is not None and now != self._looked and not self._stacks.fitting:
            self._looked = now
            self.looked.emit(now)
