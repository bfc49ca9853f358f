"""Networks from runs to the saved atlas, by mouse and keys: learn, cancel, learn, one network, its regions."""

import numpy as np
import pytest

from napari_connectome import Networks, RegionExtraction, RunFile, extract_regions, learn_networks, load_maps, load_regions
from napari_connectome.layers import samples


def _walk(viewer, folder, **more):
    from npe2 import PluginManager

    from tools.learning import walk

    PluginManager.instance().discover()
    viewer.window.resize(1400, 900)
    return walk(viewer, folder, **more)


def _check(way, runs, **chosen):
    """What was saved is what a script makes of the same runs."""
    networks = learn_networks(runs, Networks(**chosen))
    maps = load_maps(way.folder / "networks.nii.gz")
    np.testing.assert_array_equal(maps.data, networks.data)
    assert "default mode" in maps.names
    regions = extract_regions(networks, RegionExtraction())
    saved = load_regions(way.folder / "network_regions.nii.gz")
    np.testing.assert_array_equal(saved.labels, regions.labels)
    weights = load_regions(way.folder / "network_regions_maps.nii.gz")
    np.testing.assert_array_equal(weights.maps, regions.maps)
    np.testing.assert_array_equal(weights.source_map, regions.source_map)
    assert len([path for path in way.written if path.suffix == ".png"]) == 7
    assert all(path.stat().st_size > 400 for path in way.written)


@pytest.mark.nightly
def test_six_runs_of_the_viewer(make_napari_viewer, tmp_path):
    viewer = make_napari_viewer(show=True)
    for data, about, kind in samples.resting_group():
        getattr(viewer, f"add_{kind}")(data, **about)
    way = _walk(viewer, tmp_path, networks=14, fwhm=6.0)
    from napari_connectome.layers.spatial import is_run, run_of

    _check(way, way.learning.sources, n_components=16, fwhm=6.0)
    assert len([layer for layer in viewer.layers if is_run(layer)]) == 6
    assert all(run_of(layer).n_volumes == 120 for layer in viewer.layers if is_run(layer))


def test_six_real_files(make_napari_viewer, real_data, tmp_path):
    files = sorted((real_data / "rest_group").glob("*.nii.gz"))
    way = _walk(make_napari_viewer(show=True), tmp_path, files=files, tr=2.0, networks=12)
    _check(way, [RunFile(path, tr=2.0) for path in files], n_components=14)


@pytest.fixture(autouse=True)
def _files_by_name(monkeypatch):
    """A dialog that opens after all must not wait for a person."""
    from qtpy.QtWidgets import QFileDialog

    for asks in ("getSaveFileName", "getOpenFileNames"):
        monkeypatch.setattr(QFileDialog, asks, staticmethod(lambda *_, **__: ("", "")))
