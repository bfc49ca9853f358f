"""File > Open Sample: data sets of people, which nilearn downloads once and keeps.

In a window the command returns at once, the download runs beside it, and the layers come when all of them are there; in
a script without a window it waits and returns them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from typing import Any

import napari
import numpy as np
import pandas as pd
from napari.layers import Layer
from napari.utils import progress
from napari.utils.notifications import show_error, show_info

from napari_connectome.core.errors import Cancelled, InputError, Progress, silent
from napari_connectome.core.values import Regions, Run
from napari_connectome.layers.samples import LayerData, mask_layer, regions_layer, run_layer, volume_layer
from napari_connectome.layers.spatial import layer_kwargs
from napari_connectome.widgets.work import Work, sentence_of

_LATER: list[LayerData] = [(np.empty((0, 1, 1, 1)), {"channel_axis": 0}, "image")]
"""An image of no channels, which adds no layer: napari takes [] and [(None,)] from a sample as a failure."""

_running: set[str] = set()
_reports: dict[int, Progress] = {}


def haxby() -> list[LayerData]:
    """Haxby 2001, one subject: the run with its labels, the anatomical image and the ventral temporal mask."""
    return _open("Haxby 2001", _haxby)


def development_fmri() -> list[LayerData]:
    """One run of the development fMRI data set, with its confounds."""
    return _open("Development fMRI", _development_fmri)


def adhd() -> list[LayerData]:
    """One resting-state run of ADHD-200, with its confounds."""
    return _open("ADHD-200", _adhd)


def msdl() -> list[LayerData]:
    """The MSDL atlas: its maps, and as labels where each is strongest."""
    return _open("MSDL atlas", _msdl)


# -- what is fetched, in the worker's thread -------------------------------------------------------------------------------


def _haxby(report: Progress) -> list[LayerData]:
    from nilearn.datasets import fetch_haxby

    from napari_connectome.io.load import load_volume
    from napari_connectome.io.tables import read_table

    files = fetch_haxby(subjects=[2], verbose=0)
    run = _run(files.func[0], files.t_r, report)
    labels = read_table(files.session_target[0])
    return [
        volume_layer(load_volume(files.anat[0]), "Haxby 2001 anatomy"),
        run_layer(run, "Haxby 2001", visible=False, path=str(files.func[0]), labels_table=labels),
        mask_layer(load_volume(files.mask_vt[0]), "Haxby 2001 ventral temporal mask"),
    ]


def _development_fmri(report: Progress) -> list[LayerData]:
    from nilearn.datasets import fetch_development_fmri

    files = fetch_development_fmri(n_subjects=1, verbose=0)
    run = _run(files.func[0], files.t_r, report, files.confounds[0])
    return [run_layer(run, "Development fMRI", path=str(files.func[0]))]


def _adhd(report: Progress) -> list[LayerData]:
    from nilearn.datasets import fetch_adhd

    files = fetch_adhd(n_subjects=1, verbose=0)
    run = _run(files.func[0], files.t_r, report, files.confounds[0])
    return [run_layer(run, "ADHD-200", path=str(files.func[0]))]


def _msdl(report: Progress) -> list[LayerData]:
    from nilearn.datasets import fetch_atlas_msdl

    from napari_connectome.io.load import open_image

    files = fetch_atlas_msdl(verbose=0)
    opened = open_image(files.maps, report)
    maps = np.asarray(opened.data, dtype=np.float32)
    table = pd.DataFrame({"name": files.labels, "network": files.networks}, index=range(1, len(maps) + 1))
    top = maps.max(axis=(1, 2, 3), keepdims=True)
    strength = maps / np.where(top > 0, top, 1)
    labels = np.where(strength.max(axis=0) > 0.1, strength.argmax(axis=0) + 1, 0)
    place = layer_kwargs(opened.grid, time=True, role="maps", path=opened.path, names=list(files.labels))
    place["axis_labels"] = ("map", "z", "y", "x")
    place |= {"name": "MSDL maps", "contrast_limits": (0.0, float(maps.max())), "colormap": "inferno", "visible": False}
    return [(maps, place, "image"), regions_layer(Regions(labels.astype(np.uint8), opened.grid, table), "MSDL atlas")]


def _run(path: str, tr: float, report: Progress, confounds: str | None = None) -> Run:
    from napari_connectome.io.load import load_run

    return load_run(path, tr=tr, confounds=confounds, progress=report)


# -- beside the window -----------------------------------------------------------------------------------------------------


def _open(name: str, fetch: Callable[[Progress], list[LayerData]]) -> list[LayerData]:
    """Fetch here and now without a window; with one, start fetching and return no layer yet."""
    viewer = napari.current_viewer()
    if viewer is None:
        _need_nilearn(name)
        return _fetched(name, fetch, silent)
    try:
        _need_nilearn(name)
    except InputError as error:
        show_error(str(error))
        return _LATER
    if name in _running:
        show_info(f"{name} is being downloaded already: its layers appear when it is done.")
        return _LATER
    _start(viewer, name, fetch)
    return _LATER


def _need_nilearn(name: str) -> None:
    if find_spec("nilearn") is None:
        raise InputError(
            f'{name} is downloaded by nilearn, which is not installed: type  pip install "napari-connectome[datasets]"  '
            "in a terminal and start napari again."
        )


def _start(viewer: Any, name: str, fetch: Callable[[Progress], list[LayerData]]) -> None:
    work = Work(viewer.window._qt_window)
    _running.add(name)
    bar = progress(total=0, desc=f"downloading {name}")

    def end(*_: object) -> None:
        _running.discard(name)
        bar.close()

    def show(fraction: float, doing: str) -> None:
        bar.set_description(f"downloading {name}: {doing}" if doing else f"downloading {name}")

    def add(layers: list[LayerData]) -> None:
        made = [Layer.create(*layer) for layer in layers]  # all of them or none
        for layer in made:
            viewer.add_layer(layer)

    work.progressed.connect(show)
    work.failed.connect(show_error)
    work.ended.connect(work.deleteLater)
    work.destroyed.connect(end)  # also when the window is closed
    work.run(lambda report: _fetched(name, fetch, report), then=add)


def _fetched(name: str, fetch: Callable[[Progress], list[LayerData]], report: Progress) -> list[LayerData]:
    """The layers, or one sentence about what the network, the server or the disk had against it."""
    try:
        with _watched(report):
            return fetch(report)
    except (InputError, Cancelled):
        raise
    except Exception as error:
        reason = _reason(error)
        if reason is None:
            raise
        raise InputError(f"{name} could not be downloaded, since {reason}") from error


@contextmanager
def _watched(report: Progress) -> Iterator[None]:
    """Have what this thread downloads reported, which also lets it be cancelled."""
    me = threading.get_ident()
    _count_pieces()
    _reports[me] = report
    try:
        yield
    finally:
        del _reports[me]


@cache
def _count_pieces() -> None:
    """Put a loop that reports in place of nilearn's loop over the pieces of a file, which has no hook.

    Should nilearn move it one day, downloads work as before and are just not counted.
    """
    from nilearn.datasets import _utils

    theirs = getattr(_utils, "_chunk_read_", None)
    if theirs is None:
        return

    def read(response: Any, file: Any, *args: Any, initial_size: int = 0, **kwargs: Any) -> None:
        report = _reports.get(threading.get_ident())
        if report is None:  # somebody else's download
            theirs(response, file, *args, initial_size=initial_size, **kwargs)
            return
        total, done = int(response.headers.get("Content-Length") or 0) + initial_size, initial_size
        for piece in response.iter_content(1 << 16):
            file.write(piece)
            done += len(piece)
            report(min(done / max(total, done, 1), 1.0), f"{done / 1e6:.1f} of {max(total, done) / 1e6:.1f} MB")

    _utils._chunk_read_ = read


def _reason(error: BaseException) -> str | None:
    import urllib.error

    from requests import exceptions as http

    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, http.HTTPError | urllib.error.HTTPError):
            code = getattr(cause, "code", None) or getattr(getattr(cause, "response", None), "status_code", "an error")
            return f"its server answers {code}: try again later."
    for cause in causes:
        if isinstance(cause, http.RequestException | urllib.error.URLError | ConnectionError | TimeoutError):
            return "there is no network or its server cannot be reached: connect and try again."
    if isinstance(error, OSError) and not str(error).startswith("Fetching aborted"):
        return sentence_of(error)
    if isinstance(error, OSError | ValueError) and ("etching aborted" in str(error) or "read-only" in str(error)):
        return f"nilearn gave up ({str(error).splitlines()[0].rstrip('.')}): try again, or see its data folder."
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
