"""Between a grid in true millimetres and a layer in the viewer's world.

napari slices oblique affines wrongly, so a layer carries scale and translate only. For a straight grid the viewer's
world is true mm (z, y, x); for an oblique one it is the same voxels turned straight about the middle of the volume,
and whatever is shown, typed or saved goes through the true affine kept in ``metadata["connectome"]["grid"]``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from napari.layers import Image, Labels, Layer

from napari_connectome.core.errors import InputError
from napari_connectome.core.grid import Grid
from napari_connectome.core.origins import origins_from_dict
from napari_connectome.core.values import Regions, Run, Volume

KEY = "connectome"
STRAIGHT = 0.1
"""Obliqueness in degrees below which the viewer's world is taken as true mm (0.12 mm at 70 mm from the middle)."""

Array = npt.NDArray[Any]


def info(layer: Layer) -> dict[str, Any]:
    """What this plugin knows of a layer, to read; empty for a layer it did not make. `tell` changes it."""
    known = layer.metadata.get(KEY)
    return known if isinstance(known, dict) else {}


def tell(layer: Layer, /, **known: Any) -> None:
    """Add to what is known of a layer. Its duplicates, which napari gives the same dict, go on knowing what they did."""
    layer.metadata = {**layer.metadata, KEY: {**info(layer), **known}}


def placement(grid: Grid) -> tuple[Array, Array]:
    """Return scale and translate (z, y, x) in mm that put the grid into the viewer's world."""
    size = np.array(grid.voxel_size)
    if grid.obliqueness < STRAIGHT:
        origin = grid.to_mm((0, 0, 0))
    else:
        middle = (np.array(grid.shape[::-1]) - 1) / 2
        origin = grid.to_mm(middle) - size * middle
    return size[::-1].copy(), origin[::-1].copy()


def layer_kwargs(grid: Grid, *, tr: float | None = None, time: bool = False, **known: Any) -> dict[str, Any]:
    """Keyword arguments that place a layer: scale, translate, units, axis labels and our metadata.

    Parameters
    ----------
    grid : Grid
    tr : float, optional
        Seconds, for a run; 1 s is used for display while it is not known.
    time : bool
        Whether the data are (t, z, y, x).
    **known
        Further entries of ``metadata["connectome"]``: role, path, provenance, …
    """
    scale, translate = placement(grid)
    axes, units = ("z", "y", "x"), ("mm", "mm", "mm")
    if time:
        scale, translate = np.r_[tr or 1.0, scale], np.r_[0.0, translate]
        axes, units = ("t", *axes), ("s", *units)  # type: ignore[assignment]
        known["tr"] = tr
    return {
        "scale": scale,
        "translate": translate,
        "units": units,
        "axis_labels": axes,
        "metadata": {KEY: {"grid": grid, **known}},
    }


def grid_of(layer: Layer, among: Iterable[Grid] = ()) -> Grid:
    """The grid of an image or labels layer, in true mm.

    A layer of ours has its own; cropped, moved, scaled, turned or sheared since, its voxels are where they are shown, taken
    through the true affine. Other layers are read from their own place in the viewer's world, which is mm unless the
    layer's units say otherwise; the last three axes are z, y, x.

    Parameters
    ----------
    layer : Layer
    among : iterable of Grid
        Grids of the layers shown with it. A layer without a grid of its own that lies on the voxels of an oblique one, as
        napari's *New Labels* does, is taken to be on that grid, or on a part of it.
    """
    if layer.ndim < 3:
        raise InputError(f"{layer.name} is a {layer.ndim}-D layer: a layer with at least z, y and x is needed.")
    shape = tuple(layer.data.shape[: layer.ndim][-3:])  # without the colours of an RGB image
    shown = _shown(layer)
    own = info(layer).get("grid")
    if isinstance(own, Grid):
        grid = Grid(shape, _true(shown, own))
        return own if own.matches(grid) else grid
    on = next((grid for grid in among if grid.obliqueness >= STRAIGHT and _on_voxels(shown, grid)), None)
    if on is None:
        return Grid(shape, shown)
    grid = Grid(shape, _true(shown, on))
    return on if on.matches(grid) else grid


def _shown(layer: Layer) -> Array:
    """Where a layer's voxels (x, y, z) are in the viewer's world, as an affine (4, 4) in mm."""
    points = np.zeros((4, layer.ndim))
    points[1:, -3:] = np.eye(3)
    world = np.array([layer.data_to_world(point) for point in points])[:, -3:]
    world = (world * [in_unit(unit, "millimeter") for unit in layer.units[-3:]])[:, ::-1]
    affine = np.eye(4)
    affine[:3, 3] = world[0]
    affine[:3, :3] = (world[1:] - world[0]).T[:, ::-1]
    return affine


def in_unit(unit: Any, wanted: str) -> float:
    """How many of the wanted unit this one is; pixels and other units of something else are taken as the wanted one."""
    return float((1 * unit).to(wanted).magnitude) if unit.is_compatible_with(wanted) else 1.0


def _voxels(shown: Array, grid: Grid) -> Array:
    """A place in the viewer's world as voxel indices of a grid, as an affine (4, 4)."""
    scale, translate = placement(grid)
    placed = np.diag([*scale[::-1], 1.0])
    placed[:3, 3] = translate[::-1]
    return np.asarray(np.linalg.solve(placed, shown))


def _true(shown: Array, grid: Grid) -> Array:
    """A place in the viewer's world, where a grid is shown turned straight, in true mm."""
    return np.asarray(grid.affine @ _voxels(shown, grid))


def _on_voxels(shown: Array, grid: Grid) -> bool:
    """Whether these voxels are those of the grid, some of them, or more in the same rows."""
    voxels = _voxels(shown, grid)
    return bool(np.allclose(voxels[:3, :3], np.eye(3), atol=1e-4) and np.allclose(voxels, np.rint(voxels), atol=1e-3))


def tr_of(layer: Layer) -> float | None:
    """Seconds between the volumes of a (t, z, y, x) layer, as its scale has them now; None while they are in question.

    A layer of another maker has them if its time axis is in a unit of time: a scale in pixels says nothing.
    """
    known = info(layer)
    said = known.get("tr")
    unsaid = said is None and ("tr" in known or not layer.units[0].is_compatible_with("second"))
    if known.get("tr_question") or unsaid:
        return None
    tr = float(layer.scale[0]) * in_unit(layer.units[0], "second")
    return float(said) if said is not None and np.isclose(tr, said, rtol=1e-6) else float(f"{tr:.12g}")


def tr_question(layer: Layer) -> str:
    """Why the TR of a (t, z, y, x) layer is not known, as part of a sentence; nothing where it is."""
    return "" if tr_of(layer) is not None else info(layer).get("tr_question") or "the layer does not say"


def to_world(grid: Grid, mm: npt.ArrayLike) -> Array:
    """True mm (..., x y z) to the viewer's world (..., z y x) of layers on this grid."""
    scale, translate = placement(grid)
    return np.asarray(grid.to_voxel(mm)[..., ::-1] * scale + translate)


def to_mm(grid: Grid, world: npt.ArrayLike) -> Array:
    """The viewer's world (..., z y x) to true mm (..., x y z)."""
    scale, translate = placement(grid)
    voxel = (np.asarray(world, dtype=np.float64) - translate) / scale
    return grid.to_mm(voxel[..., ::-1])


def is_run(layer: Layer) -> bool:
    """Whether the layer can be read as a run: an image of t, z, y, x, and not one known to be something else."""
    plain = isinstance(layer, Image) and not layer.rgb and not layer.multiscale and layer.data.ndim == 4
    return plain and info(layer).get("role", "run") == "run"


def is_volume(layer: Layer) -> bool:
    """Whether the layer can be read as one volume: an image or labels of z, y, x."""
    plain = isinstance(layer, Image | Labels) and not getattr(layer, "rgb", False) and not layer.multiscale
    return bool(plain and layer.data.ndim == 3)


def run_of(layer: Layer, **more: Any) -> Run:
    """The run a layer holds; further fields of `Run` (confounds, keep) as keyword arguments."""
    if not is_run(layer):
        raise InputError(f"{layer.name} is no run: choose a 4-D image layer (t, z, y, x).")
    tr = tr_of(layer)
    if tr is None:
        raise InputError(f"the TR of {layer.name} is not known ({tr_question(layer)}): type it first.")
    return Run(np.asanyarray(layer.data), grid_of(layer), tr, name=layer.name, **more)


def volume_of(layer: Layer, among: Iterable[Grid] = ()) -> Volume:
    """The volume an image or labels layer holds; `among` as for `grid_of`."""
    if not is_volume(layer):
        raise InputError(f"{layer.name} is no single volume: choose a 3-D image or labels layer (z, y, x).")
    return Volume(np.asanyarray(layer.data), grid_of(layer, among), name=layer.name)


def regions_of(layer: Labels, among: Iterable[Grid] = ()) -> Regions:
    """The regions a labels layer holds, named from its features, with the origins its metadata have; `among` as for `grid_of`.

    Its ``metadata["connectome"]["origins"]`` are {label id: [origin in plain values, …]}, as `origins_to_dict` makes them.
    """
    volume = volume_of(layer, among)
    names = named(layer.features)
    origins = origins_from_dict(info(layer).get("origins"))
    return Regions(volume.data, volume.grid, pd.DataFrame() if names is None else names, origins)


def named(features: pd.DataFrame) -> pd.DataFrame | None:
    """The features of a labels layer by label id, background left out; None where they do not name regions."""
    if not {"index", "name"} <= set(features.columns):
        return None
    ids = pd.to_numeric(features["index"], errors="coerce")
    regions = (ids > 0) & (ids % 1 == 0)
    table = features.loc[regions].drop(columns="index")
    table.index = pd.Index(ids[regions].astype(np.int64), name="index")
    return table if len(table) else None


def names_in(features: pd.DataFrame) -> dict[int, str]:
    """The names that the features of a labels layer give its regions, by label id."""
    table = named(features)
    return {} if table is None else {int(i): str(name) for i, name in table["name"].dropna().items()}  # type: ignore[call-overload]
