"""The ROI workshop from the run to the saved atlas and the boxes, by mouse and keys, on the phantom and on real data."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage, stats

from napari_connectome import ConditionTest, condition_test, load_regions, smooth
from napari_connectome.core.origins import Origin
from napari_connectome.io.design import read_design_table
from napari_connectome.layers import samples
from napari_connectome.layers.reader import read
from napari_connectome.layers.spatial import info, regions_of, run_of, volume_of


def _walk(viewer, folder, within):
    from npe2 import PluginManager

    from tools.workshop import walk

    PluginManager.instance().discover()
    viewer.window.resize(1400, 900)
    return walk(viewer, folder, within)


def _add(viewer, layers):
    return [getattr(viewer, f"add_{kind}")(data, **about) for data, about, kind in layers]


def _check(shop, run, labels, within):
    """What was saved is what scipy finds, and is read back as it was; boxes and tables are those of the regions."""
    smoothed = smooth(run.replace(data=run.data.astype(np.float64)), 6.0).data
    p = stats.ttest_ind(smoothed[labels == "face"], smoothed[labels == "house"]).pvalue
    expected, count = ndimage.label(ndimage.binary_dilation((p <= 1e-5) & within))
    atlas = load_regions(shop.folder / "atlas.nii.gz")
    pairs = np.unique(np.stack([atlas.labels.ravel(), expected.ravel()]), axis=1)
    assert pairs.shape[1] == len(np.unique(pairs[0])) == len(np.unique(pairs[1])) == count + 1
    shown = regions_of(shop.regions.regions.layer)
    np.testing.assert_array_equal(atlas.labels, shown.labels)
    assert list(atlas.table["name"]) == list(shown.table["name"])
    origin = condition_test(run, labels, ConditionTest(a="face", b="house", fwhm=0.0)).origin
    made = Origin(run=run.name, fingerprint=origin.fingerprint, contrast="face > house", threshold="-log10 p ≥ 5")
    assert atlas.origins == shown.origins == {int(i): (made,) for i in atlas.ids}
    means = np.array([run.data[:, atlas.labels == i].mean(axis=1, dtype=np.float64) for i in atlas.ids]).T
    series = pd.read_csv(shop.folder / "region_series.tsv", sep="\t")
    np.testing.assert_allclose(series[list(atlas.table["name"])], means)
    conditions = pd.read_csv(shop.folder / "conditions.tsv", sep="\t")
    np.testing.assert_allclose(conditions["house"], means[labels == "house"].mean(axis=0))
    assert conditions["warning"].str.startswith("Circular: ").all()
    boxes = pd.read_csv(shop.folder / "box_values.tsv", sep="\t")
    np.testing.assert_allclose(boxes["value"], means[boxes["volume"], 0])
    assert (labels[boxes["volume"]] == boxes["condition"]).all()
    assert "Circular" in json.dumps(json.loads((shop.folder / "conditions.json").read_text()))


@pytest.mark.bindings
def test_the_phantom_from_the_run_to_the_atlas(make_napari_viewer, tmp_path):
    viewer = make_napari_viewer(show=True)
    _, run, mask = _add(viewer, samples.face_house())
    shop = _walk(viewer, tmp_path, mask.name)
    labels = info(run)["labels_table"]["labels"].to_numpy()
    _check(shop, run_of(run), labels, volume_of(mask).data > 0)


@pytest.mark.nightly
def test_haxbys_slice_from_the_file_to_the_atlas(make_napari_viewer, real_data, tmp_path):
    folder = real_data / "task_haxby_slice"
    viewer = make_napari_viewer(show=True)
    run, mask = _add(viewer, read([str(folder / "bold.nii.gz"), str(folder / "mask.nii.gz")]))
    table = read_design_table(folder / "attributes_literal.txt", run.data.shape[0])
    info(run)["labels_table"] = table
    shop = _walk(viewer, tmp_path, mask.name)
    _check(shop, run_of(run), table["labels"].to_numpy(), volume_of(mask).data > 0)


@pytest.fixture(autouse=True)
def _files_by_name(monkeypatch):
    """A dialog that opens after all must not wait for a person."""
    from qtpy.QtWidgets import QFileDialog

    monkeypatch.setattr(QFileDialog, "getSaveFileName", staticmethod(lambda *_, **__: ("", "")))
