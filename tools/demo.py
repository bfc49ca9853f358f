"""The plugin at work on the sample runs: a seed, regions from a test of faces against houses, networks and connectomes.

With a display, opens napari and leaves it to you: drag the point called PCC; with ``--regions``, press Test; with
``--networks``, press Learn; with ``--connectome``, press Compute. With ``--pictures FOLDER``, drags the seed along a path with
the mouse instead, makes regions from the test, learns networks, connects regions, and writes pictures, maps, atlas, tables and
graph into the folder.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import napari
import numpy as np

from tools import connecting, learning
from tools.mouse import Mouse, let_work
from tools.workshop import walk

PATIENCE = 120.0  # seconds
PLUGIN = "napari-connectome"
# In mm: from the posterior cingulate, where the default mode network shows, over white matter to the visual cortex.
PATH = [(0, -52, 18), (20, -66, 18), (8, -84, 18)]


def main() -> None:
    """Open the window; then hand it over, or drag and write."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="drag the seed by itself and write pictures there")
    parser.add_argument("--regions", action="store_true", help="open the ROI t-test on the face/house phantom instead")
    parser.add_argument("--networks", action="store_true", help="open Dictionary-learning regions on six phantoms instead")
    parser.add_argument("--connectome", action="store_true", help="open Connectome with an atlas on six phantoms instead")
    options = parser.parse_args()
    if options.pictures is None:
        opened = next((name for name in OPENED if getattr(options, name, False)), "sample")
        OPENED[opened]()
        napari.run()
    else:
        show_all(options.pictures)


def show_all(folder: Path) -> None:
    """Go all the ways by mouse and keys, and say what was written."""
    viewer, widget = open_sample()
    written = drag_and_write(viewer, widget, folder)
    viewer.close()
    print("The seed was dragged from the posterior cingulate to the visual cortex; the map followed. Written:")
    report(written)
    viewer = open_regions()
    shop = walk(viewer, folder / "regions", "Ventral temporal mask")
    viewer.close()
    print("Faces were tested against houses, and the regions cut out, dilated, labelled, painted in and measured. Written:")
    report(shop.written)
    viewer = open_networks()
    way = learning.walk(viewer, folder / "networks", networks=16, fwhm=6.0)
    viewer.close()
    print("Networks were learned from six phantoms, cancelled, learned again, browsed and taken apart into regions. Written:")
    report(way.written)
    viewer = open_group("press Compute")
    went = connecting.walk(viewer, folder / "connectome")
    viewer.close()
    print("Regions of an atlas were connected in six phantoms, and matrix and brain led to each other. Written:")
    report(went.written)


def report(written: list[Path]) -> None:
    """Say what was written."""
    for path in written:
        print(f"  {path}")


def open_regions() -> Any:
    """The face/house phantom with the ROI t-test beside it."""
    viewer = napari.Viewer(title="napari-connectome: press Test")
    viewer.window.resize(1500, 950)
    viewer.open_sample(PLUGIN, "face_house")
    viewer.window.add_plugin_dock_widget(PLUGIN, "ROI t-test")
    let_work(lambda: False, 0.5)
    return viewer


def open_networks() -> Any:
    """Six phantoms of a brain at rest with Dictionary-learning regions beside them."""
    viewer = open_group("press Learn")
    viewer.window.add_plugin_dock_widget(PLUGIN, learning.WIDGET)
    let_work(lambda: False, 0.5)
    return viewer


def open_connectome() -> Any:
    """Six phantoms of a brain at rest with Connectome beside them, and an atlas in it."""
    viewer = open_group("press Compute")
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, connecting.WIDGET)
    with tempfile.TemporaryDirectory() as folder:  # what was read is kept
        widget.computing.regions.take_file(str(connecting.atlas_of_places(Path(folder))))
        let_work(lambda: not widget.computing.regions.busy, PATIENCE)
    return viewer


def open_group(asked: str) -> Any:
    """Six phantoms of a brain at rest."""
    viewer = napari.Viewer(title=f"napari-connectome: {asked}")
    viewer.window.resize(1500, 950)
    viewer.open_sample(PLUGIN, "resting_group")
    return viewer


def open_sample() -> tuple[Any, Any]:
    """The sample run with the seed in place and the map live."""
    viewer = napari.Viewer(title="napari-connectome: drag the seed")
    viewer.window.resize(1500, 950)
    viewer.open_sample(PLUGIN, "resting_state")
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, "Correlation map")
    widget.prepare()
    if not let_work(lambda: widget.live.shown is not None and widget.live.shown.live.finished, PATIENCE):
        sys.exit(f"the run could not be prepared: {widget.message.text() or 'it took too long'}")
    seeds = widget.live.seeds
    dims = viewer.dims
    dims.set_point(range(dims.ndim - 3, dims.ndim), PATH[0][::-1])
    viewer.layers.selection.active = seeds.layer
    seeds.layer.mode = "select"
    seeds.current = 0
    viewer.reset_view()
    return viewer, widget


def drag_and_write(viewer: Any, widget: Any, folder: Path) -> list[Path]:
    """Drag the seed with the mouse; return what was written."""
    import napari_connectome as nc
    from napari_connectome.layers.spatial import to_world, volume_of

    folder.mkdir(parents=True, exist_ok=True)
    places = [to_world(widget.live.seeds.grid, mm) for mm in along(PATH, steps=40)]
    pictures = [folder / f"{i}-{when}.png" for i, when in enumerate(("before", "during", "after"), start=1)]
    picture(viewer, pictures[0])
    mouse, half = Mouse(viewer), len(places) // 2
    mouse.press(places[0])
    for i, place in enumerate(places):
        mouse.move(place)
        let_work(lambda: False, 1 / 60)
        if i == half:
            picture(viewer, pictures[1])
    mouse.release(places[-1])
    if not let_work(lambda: widget.live.shown.live.finished and np.allclose(widget.live.seeds.mm[0], PATH[-1], atol=2.0), 10.0):
        sys.exit(f"the seed is at {widget.live.seeds.mm[0]} and not where the mouse left it, {PATH[-1]}")
    picture(viewer, pictures[2])
    nc.save(volume_of(widget.live.shown.layer), folder / "correlation_map.nii.gz")
    widget.live.write_series(str(folder / "seed_series.tsv"))
    return [*pictures, folder / "correlation_map.nii.gz", folder / "seed_series.tsv"]


def along(path: list[tuple[float, float, float]], steps: int) -> list[np.ndarray[Any, Any]]:
    """Points on a path, evenly between its corners."""
    corners = np.asarray(path, dtype=float)
    at = np.linspace(0, len(corners) - 1, steps)
    return list(np.column_stack([np.interp(at, range(len(corners)), corners[:, axis]) for axis in range(3)]))


def picture(viewer: Any, path: Path) -> None:
    """Write the window as it is on the screen once it has been painted."""
    let_work(lambda: False, 0.2)
    viewer.window.screenshot(str(path), canvas_only=False, flash=False)


OPENED = {"sample": open_sample, "regions": open_regions, "networks": open_networks, "connectome": open_connectome}
"""What opens a window, by the option that asks for it."""

if __name__ == "__main__":
    main()
