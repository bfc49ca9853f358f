"""The samples in a viewer: what napari gets, and what it shows."""

import time

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from napari.layers import Labels
from npe2 import PluginManager
from qtpy.QtWidgets import QApplication

from napari_connectome.core import phantom as phantoms
from napari_connectome.core.networks import network_seeds
from napari_connectome.layers import samples
from napari_connectome.layers.spatial import grid_of, info, run_of, to_world, volume_of

PLUGIN = "napari-connectome"


@pytest.fixture(scope="module", autouse=True)
def plugin():
    PluginManager.instance().discover()  # a viewer without a window does not


@pytest.fixture
def made(phantom, faces, group, monkeypatch):
    """The phantoms that the session has made, in place of others like them."""
    monkeypatch.setattr(phantoms, "resting_state", lambda: phantom)
    monkeypatch.setattr(phantoms, "face_house", lambda: faces)
    monkeypatch.setattr(phantoms, "resting_group", lambda: group)


@pytest.fixture
def rest(made):
    viewer = ViewerModel()
    viewer.open_sample(PLUGIN, "resting_state")
    return viewer


def test_the_run_lies_over_its_anatomy(rest):
    anatomy, run = rest.layers
    assert anatomy.name == "T1w phantom"
    assert run.name == "Resting-state phantom"
    assert anatomy.visible
    assert not run.visible
    assert run.axis_labels == ("t", "z", "y", "x")
    assert anatomy.axis_labels == ("z", "y", "x")
    assert [str(unit) for unit in run.units] == ["second", "millimeter", "millimeter", "millimeter"]
    assert tuple(run.scale) == (2.0, 4.0, 4.0, 4.0)
    assert tuple(run.translate) == (0.0, -72.0, -126.0, -90.0)
    assert run.contrast_limits[0] == 0
    assert 900 < run.contrast_limits[1] < 1300


def test_the_run_is_ready_for_a_correlation_map(rest):
    layer = rest.layers["Resting-state phantom"]
    known = info(layer)
    assert known["role"] == "run"
    assert known["tr"] == 2.0
    assert isinstance(known["confounds"], pd.DataFrame)
    assert not known.get("tr_question")
    run = run_of(layer, confounds=known["confounds"])
    assert run.n_volumes == len(run.confounds) == 200
    assert np.shares_memory(run.data, layer.data)


def test_the_world_of_the_viewer_is_mni_mm(rest):
    for layer in rest.layers:
        for _, seed in network_seeds().iterrows():
            mm = seed[["x", "y", "z"]].to_numpy(float)
            assert np.allclose(to_world(grid_of(layer), mm), mm[::-1])
            assert volume_of(rest.layers[0]).grid.contains(mm)


def test_faces_and_houses_come_with_labels_and_mask(made):
    viewer = ViewerModel()
    layers = viewer.open_sample(PLUGIN, "face_house")
    assert list(viewer.layers) == layers
    _, run, mask = layers
    labels = info(run)["labels_table"]
    assert len(labels) == run.data.shape[0]
    assert info(run)["tr"] == 2.5
    assert isinstance(mask, Labels)
    assert info(mask)["role"] == "mask"
    assert grid_of(mask).matches(grid_of(run))
    assert set(np.unique(mask.data)) == {0, 1}


def test_the_group_is_six_runs_on_one_grid(made):
    viewer = ViewerModel()
    layers = viewer.open_sample(PLUGIN, "resting_group")
    assert list(viewer.layers) == layers
    runs = [layer for layer in layers if info(layer)["role"] == "run"]
    assert len(runs) == 6
    assert len({layer.name for layer in runs}) == 6
    assert all(grid_of(layer).matches(grid_of(runs[0])) for layer in runs)
    assert all(len(info(layer)["confounds"]) == 120 for layer in runs)


@pytest.mark.nightly
def test_a_sample_takes_no_longer_than_a_breath():
    # Not a benchmark: a generous bound that a slip of the algorithm would break on any machine.
    start = time.process_time()
    samples.resting_state()
    assert time.process_time() - start < 10


def test_regions_bring_their_names(phantom):
    data, about, kind = samples.regions_layer(phantom.regions, "networks")
    layer = Labels(data, **about)
    assert kind == "labels"
    names = layer.features.set_index("index")["name"]
    assert names[8] == "language"


def shown(make_napari_viewer, key):
    viewer = make_napari_viewer(show=True)
    layers = viewer.open_sample(PLUGIN, key)
    assert list(viewer.layers) == layers
    viewer.scene.camera.orientation = ("towards", "up", "right")
    viewer.fit_to_view()
    QApplication.processEvents()
    return viewer


def both_halves_are_seen(viewer):
    viewer.dims.set_point((0, 1, 2, 3), (0, 18, -18, 0))
    picture = viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(float)
    assert picture.max() > 100
    middle = picture.shape[1] // 2
    left, right = picture[:, :middle].mean(), picture[:, middle:].mean()
    assert left == pytest.approx(right, rel=0.1)


def test_right_is_right_in_the_window(make_napari_viewer, made):
    """Both halves of the brain are seen; the capsule is taped to the right temple, and it is seen there."""
    viewer = shown(make_napari_viewer, "resting_state")
    both_halves_are_seen(viewer)
    viewer.dims.set_point((1, 2, 3), (-6, 22, 80))
    picture = viewer.screenshot(canvas_only=True, flash=False)[..., 0].astype(float)
    capsule = np.argwhere(picture > 0.95 * picture.max())  # brighter than white matter
    assert 5 < len(capsule) < 0.01 * picture.size
    assert capsule[:, 1].min() > np.argwhere(picture > 0)[:, 1].mean() + 50


@pytest.mark.nightly
@pytest.mark.parametrize("key", ["face_house", "resting_group"])
def test_in_a_window(make_napari_viewer, key):
    both_halves_are_seen(shown(make_napari_viewer, key))
