"""A connectome in the brain: regions as points, and the edges between them, with the light on those that are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer, Points, Surface, Vectors
from psygnal import Signal

from napari_connectome.core.connectomes import Connectome
from napari_connectome.core.edges import Edges, strongest_edges
from napari_connectome.core.errors import InputError
from napari_connectome.core.values import Maps, Regions, Volume
from napari_connectome.core.words import some
from napari_connectome.layers.brain_surface import BrainSurface
from napari_connectome.layers.graph_edges import GraphEdges
from napari_connectome.layers.graph_nodes import LARGER, GraphNodes, node_size
from napari_connectome.layers.graph_places import SOLID, THROUGH, places_of, world_of
from napari_connectome.layers.of_viewer import OfViewer
from napari_connectome.layers.orientation import look_at
from napari_connectome.layers.styles import symmetric_limit

Array = npt.NDArray[Any]

STRONGEST = 5.0
"""Percent of all edges that are shown where nobody says which."""
WIDTH = 0.2
"""Width of an edge, as a share of the diameter of a node; in the light three times that."""


class ConnectomeGraph(OfViewer):
    """Shows one connectome in a viewer, in 2-D (all of it, as in glass) and in 3-D. Ask for it with `ConnectomeGraph.of`.

    Attributes
    ----------
    picked : Signal(int)
        The region whose point was clicked, in any layer's pan mode. A drag is no click.
    limit : float
        The weight of the last colour, on both sides.
    """

    picked = Signal(int)

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__(viewer)
        self._nodes, self._lines = GraphNodes(), GraphEdges()
        self._lit_nodes, self._lit_lines = GraphNodes(lit=True), GraphEdges(lit=True)
        self._brain = BrainSurface()
        self._connectome: Connectome | None = None
        self._matrix: Array = np.empty((0, 0))
        self._places: Array = np.empty((0, 3))
        self._placed: Array = np.empty(0, dtype=np.int64)
        self._shown: Array = self._placed
        self._edges = Edges.of(self._matrix)
        self._light: tuple[int, int | None] | None = None
        self._hint: tuple[int, int] | None = None
        self._hide = False
        self.limit = 1.0
        for event in (viewer.dims.events.ndisplay, viewer.layers.events.inserted, viewer.layers.events.removed):
            event.connect(self._see)

    @property
    def viewer(self) -> ViewerModel:
        """The viewer."""
        viewer = self._viewer()
        if viewer is None:
            raise InputError("the viewer of this graph is closed: show the connectome in another.")
        return viewer

    @property
    def nodes_layer(self) -> Points | None:
        """The regions; None while there are none in the viewer."""
        return self._nodes.layer(self.viewer)

    @property
    def brain_layer(self) -> Surface | None:
        """The surface of the brain; None while there is none in the viewer."""
        return self._brain.layer(self.viewer)

    @property
    def edges_layer(self) -> Vectors | None:
        """The edges; None while there are none in the viewer."""
        return self._lines.layer(self.viewer)

    def show(
        self,
        connectome: Connectome,
        subject: int | None = None,
        edges: Edges | None = None,
        *,
        matrix: Array | None = None,
        passing: bool = False,
    ) -> None:
        """Show a connectome in place of that of before.

        Parameters
        ----------
        connectome : Connectome
            With coordinates. A region whose coordinates are NaN is not shown, nor are its edges.
        subject : int, optional
            Whose matrix; the mean of all where not given.
        edges : Edges, optional
            Those to show; the strongest 5 % where not given.
        matrix : (r × r) array, optional
            The numbers of its edges where these are others than its own, such as the t of a test of them.
        passing : bool
            Whether others follow at once, as under a brush: those who listen to the layers are told when `settle` is called.

        Raises
        ------
        InputError
            Where the coordinates are missing, or there is no such subject.
        """
        matrix = _matrix_of(connectome, subject) if matrix is None else matrix
        mm = _coordinates(connectome)
        before = self._connectome
        if before is not None and tuple(before.names) != tuple(connectome.names):
            self.light(None)
        self._connectome, self._matrix = connectome, matrix
        off = ~np.eye(len(matrix), dtype=bool)
        self.limit = symmetric_limit(matrix[off])
        self._places = places_of(self.viewer, mm)
        self._placed = np.flatnonzero(np.isfinite(mm).all(axis=1))
        start = not self._callbacks_on()
        self._show_edges(strongest_edges(matrix, STRONGEST)[0] if edges is None else edges, tell_of_it=not passing)
        self._show_nodes()
        if not passing:
            self.settle()
        if start:
            self.viewer.mouse_drag_callbacks.append(self._on_press)
            self._see()
        if self._light is not None:
            self._show_light(tell_of_it=not passing)

    def settle(self) -> None:
        """Tell those who listen to the layers of what was shown in passing."""
        for part in (self._lines, self._lit_lines, self._nodes, self._lit_nodes):
            part.settle(self.viewer)

    def edges(self, edges: Edges) -> None:
        """Show these edges of the connectome in place of those of before: quick enough to follow a slider."""
        self._required()
        self._show_edges(edges)
        self._show_nodes()
        if self._light is not None and self._light[1] is None:
            self._show_light()

    def hide_unconnected(self, hide: bool) -> None:
        """Hide the regions that none of the edges shown leads to, or show them again."""
        self._hide = hide
        self._show_nodes()

    def names(self, shown: bool) -> None:
        """Write the names beside the regions, or not. From the start they are for few regions; in the light, always."""
        layer = self.nodes_layer
        if layer is not None:
            layer.text.visible = shown

    def dress(self, event: Any = None) -> None:
        """Write names in colours that can be read on the viewer's canvas, which another theme may have changed."""
        for part in (self._nodes, self._lit_nodes):
            part.dress(self.viewer)

    def brain(self, around: Volume | Regions | Maps | None) -> None:
        """Show the surface of the brain around a mask, an atlas or maps, as of glass; None takes it away."""
        if around is None:
            self._brain.remove(self.viewer)
        else:
            self._brain.show(self.viewer, around)

    def light(self, i: int | None, j: int | None = None, *, go: bool = True) -> None:
        """Put the light on one edge, shown or not, or on one region and all its edges that are shown.

        Parameters
        ----------
        i, j : int, optional
            The region or regions, counted from 0 as in the matrix. None turns the light off.
        go : bool
            Whether the view goes there too: see `look_at`.
        """
        if i is None:
            self._light = self._hint = None
            self._lit_lines.remove(self.viewer)
            self._lit_nodes.remove(self.viewer)
            return
        self._required()
        self._light = self._region(i), None if j is None or i == j else self._region(j)
        self._show_light()
        if go:
            self.look_at(i, j)

    def hint(self, i: int | None, j: int | None = None) -> None:
        """Show one edge faintly beside what is in the light, as that under the mouse; None takes it away."""
        connectome = self._connectome
        if connectome is None or (i is None and self._hint is None):
            return
        self._hint = None if i is None or j is None or i == j else (self._region(i), self._region(j))
        if self._light is None and self._hint is None:
            self._lit_lines.remove(self.viewer)
        else:
            self._show_lit_lines()

    def look_at(self, i: int, j: int | None = None) -> None:
        """Bring a region, or the middle between two, before the eyes: the sliders there, in 3-D the camera's centre."""
        self._required()
        regions = [self._region(each) for each in (i, j) if each is not None]
        place = self._places[regions].mean(axis=0)
        if np.isfinite(place).all():
            look_at(self.viewer, world_of(place))

    def clear(self) -> None:
        """Take all of it away; the viewer is as if it had never been there."""
        viewer = self.viewer
        self.light(None)
        for part in (self._lines, self._nodes, self._brain):
            part.remove(viewer)
        if self._callbacks_on():
            viewer.mouse_drag_callbacks.remove(self._on_press)
        self._connectome, self._edges = None, Edges.of(np.empty((0, 0)))

    def _show_edges(self, edges: Edges, *, tell_of_it: bool = True) -> None:
        connectome = self._connectome
        assert connectome is not None
        r = len(connectome.names)
        if len(edges) and not 0 <= min(edges.columns.min(), edges.rows.min()) <= max(edges.columns.max(), edges.rows.max()) < r:
            raise InputError(
                f"an edge leads to a region that is not among the {r}: give edges of the connectome that is shown."
            )
        self._edges = self._between_placed(edges)
        width = WIDTH * node_size(len(self._placed))
        self._lines.show(self.viewer, self._edges, connectome.names, self._places, self.limit, width, tell_of_it=tell_of_it)

    def _show_light(self, *, tell_of_it: bool = True) -> None:
        assert self._light is not None
        self._show_lit_lines(tell_of_it=tell_of_it)
        regions = [each for each in self._light if each is not None]
        self._show_regions(self._lit_nodes, np.intersect1d(regions, self._placed), LARGER * node_size(len(self._placed)))

    def _show_lit_lines(self, *, tell_of_it: bool = True) -> None:
        lit, hinted = self._edges_in_light(), self._one_edge(self._hint)
        self._lit_lines.show(
            self.viewer,
            lit.and_then(hinted),
            self._required().names,
            self._places,
            self.limit,
            3 * WIDTH * node_size(len(self._placed)),
            faint=len(hinted),
            tell_of_it=tell_of_it,
        )

    def _edges_in_light(self) -> Edges:
        if self._light is None or self._light[1] is not None:
            return self._one_edge(self._light)
        i, edges = self._light[0], self._edges
        mine = (edges.rows == i) | (edges.columns == i)
        return Edges(edges.rows[mine], edges.columns[mine], edges.weights[mine])

    def _one_edge(self, pair: tuple[int, int | None] | None) -> Edges:
        """The edge between two regions, whatever its weight; one that is NaN is drawn as 0."""
        i, j = (None, None) if pair is None else pair
        if i is None or j is None:
            return Edges.of(np.empty((0, 0)))
        weight = float(self._matrix[i, j])
        edge = Edges(np.array([max(i, j)]), np.array([min(i, j)]), np.array([weight if np.isfinite(weight) else 0.0]))
        return self._between_placed(edge)

    def _show_nodes(self) -> None:
        connectome = self._connectome
        if connectome is None:
            return
        self._shown = self._placed
        if self._hide:
            connected = np.zeros(len(self._places), dtype=bool)
            connected[self._edges.rows] = connected[self._edges.columns] = True
            self._shown = self._placed[connected[self._placed]]
        self._show_regions(self._nodes, self._shown, node_size(len(self._placed)))

    def _show_regions(self, nodes: GraphNodes, regions: Array, size: float) -> None:
        connectome = self._required()
        names = [connectome.names[int(i)] for i in regions]
        nodes.show(self.viewer, names, _coordinates(connectome)[regions], self._places[regions], size)

    def _between_placed(self, edges: Edges) -> Edges:
        if len(self._placed) == len(self._places):
            return edges
        known = np.asarray(np.isfinite(self._places).all(axis=1))
        both = known[edges.rows] & known[edges.columns]
        return Edges(edges.rows[both], edges.columns[both], edges.weights[both])

    def _required(self) -> Connectome:
        if self._connectome is None:
            raise InputError("no connectome is shown: show one first.")
        return self._connectome

    def _region(self, i: int) -> int:
        if not 0 <= i < len(self._places):
            raise InputError(f"there is no region {i}: the connectome has {len(self._places)}, counted from 0.")
        return int(i)

    def _see(self, event: Any = None) -> None:
        """Have the graph seen within labels and maps, which hide what is in them in 3-D, unless somebody chose its look."""
        viewer = self._viewer()
        if viewer is None:  # its layers may outlive it
            return
        inside = viewer.dims.ndisplay == 3 and any(map(_hides, viewer.layers))
        for layer in (self._lines.layer(viewer), self._nodes.layer(viewer)):
            if layer is not None and layer.blending in (SOLID, THROUGH):
                layer.blending = THROUGH if inside else SOLID

    def _callbacks_on(self) -> bool:
        return self._on_press in self.viewer.mouse_drag_callbacks

    def _on_press(self, viewer: Any, event: Any) -> Iterator[None]:
        if event.button != 1 or self._connectome is None:
            return
        yield
        dragged = False
        while event.type == "mouse_move":
            dragged = True
            yield
        row = None if dragged else self._nodes.at(self.viewer, event)
        if row is not None:
            self.picked.emit(int(self._shown[row]))


def _hides(layer: Layer) -> bool:
    """Whether a layer hides what lies within it in 3-D."""
    return isinstance(layer, Image | Labels) and layer.visible and layer.blending in ("opaque", SOLID)


def _matrix_of(connectome: Connectome, subject: int | None) -> Array:
    if subject is None:
        return connectome.mean
    if not 0 <= subject < len(connectome):
        raise InputError(f"there is no subject {subject}: the connectome is of {some(len(connectome), 'subject')}, from 0.")
    return np.asarray(connectome.matrices[subject])


def _coordinates(connectome: Connectome) -> Array:
    if connectome.coordinates is None:
        raise InputError("the connectome does not say where its regions are: give their coordinates in mm when it is made.")
    return np.asarray(connectome.coordinates)
