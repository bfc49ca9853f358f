"""A connectome from files to the saved graph, by mouse and keys: atlas, runs, matrix, cells, share, brain, another kind."""

import numpy as np
import pytest

import napari_connectome as nc
from napari_connectome.core.edges import Edges
from napari_connectome.core.orderings import order_of
from napari_connectome.core.phantom import resting_group
from napari_connectome.io.confounds import choose_columns
from napari_connectome.io.connectomes import load_connectome
from napari_connectome.layers import samples
from napari_connectome.widgets.connectome_computing import CLEANING


def _walk(viewer, folder, **more):
    from npe2 import PluginManager

    from tools.connecting import walk

    PluginManager.instance().discover()
    viewer.window.resize(1400, 900)
    return walk(viewer, folder, **more)


def _check(way, runs, regions):
    """What was saved is what a script makes of the same runs."""
    params = nc.RegionSeries(cleaning=CLEANING)
    series = [nc.region_series(run, regions, params) for run in runs]
    wanted = nc.connectome(series, nc.Connectivity(kind="partial_correlation"))
    order = order_of(wanted, "network", regions.table).order
    table, all_runs = (load_connectome(way.folder / name) for name in ("connectome_relmat.tsv", "connectomes.npz"))
    for saved, matrices in ((table, wanted.mean[None]), (all_runs, wanted.matrices)):
        assert list(saved.names) == [wanted.names[i] for i in order]
        np.testing.assert_allclose(saved.matrices, matrices[:, order][:, :, order], rtol=0, atol=1e-12)
    graph = (way.folder / "connectome.graphml").read_text()
    assert graph.count("<edge ") == len(Edges.of(wanted.mean).strongest(way.look.share.number)) > 0
    assert len([path for path in way.written if path.suffix == ".png"]) == 8
    assert all(path.stat().st_size > 400 for path in way.written)


@pytest.mark.nightly
def test_six_runs_of_the_viewer_and_an_atlas_in_a_file(make_napari_viewer, tmp_path):
    viewer = make_napari_viewer(show=True)
    for data, about, kind in samples.resting_group():
        getattr(viewer, f"add_{kind}")(data, **about)
    way = _walk(viewer, tmp_path)
    assert len(way.look.ordering.blocks) == 8
    phantoms = [subject.run for subject in resting_group()]
    runs = [run.replace(confounds=choose_columns(run.confounds, "simple")) for run in phantoms]
    _check(way, runs, nc.load_regions(tmp_path / "atlas_of_places.nii.gz"))


def test_six_real_files_and_the_schaefer_atlas(make_napari_viewer, real_data, tmp_path):
    files = sorted((real_data / "rest_group").glob("*.nii.gz"))
    atlas = real_data / "atlas" / "Schaefer2018_100_7Networks_MNI152NLin6Asym_2mm_dseg.nii.gz"
    names = atlas.with_name("schaefer100x7NodeNames.txt")
    way = _walk(make_napari_viewer(show=True), tmp_path, atlas=atlas, names=names, files=files, tr=2.0)
    _check(way, [nc.load_run(path, tr=2.0) for path in files], nc.load_regions(atlas, names=names))


@pytest.fixture(autouse=True)
def _files_by_name(monkeypatch):
    """A dialog that opens after all must not wait for a person."""
    from qtpy.QtWidgets import QFileDialog

    for asks in ("getSaveFileName", "getOpenFileName", "getOpenFileNames"):
        monkeypatch.setattr(QFileDialog, asks, staticmethod(lambda *_, **__: ("", "")))
