"""Which slider is time, whatever lies beside a run."""

from __future__ import annotations

from napari.components import ViewerModel

from napari_connectome.layers.spatial import is_run


def time_axis(viewer: ViewerModel) -> int | None:
    """The dim that is the runs' time, in seconds; None while there is no run. Maps of networks have theirs before it."""
    return viewer.dims.ndim - 4 if any(is_run(layer) for layer in viewer.layers) else None


def time_of(viewer: ViewerModel) -> float | None:
    """The time the slider is at, in seconds; None while there is no run."""
    axis = time_axis(viewer)
    return None if axis is None else float(viewer.dims.point[axis])


def set_time(viewer: ViewerModel, seconds: float) -> None:
    """Move the slider to a time; nothing while there is no run."""
    axis = time_axis(viewer)
    if axis is not None:
        viewer.dims.set_point(axis, seconds)
