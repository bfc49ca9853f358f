from __future__ import annotations

import os

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer
from npe2 import PluginManager

from napari_connectome.core.origins import Origin, origins_to_dict
from napari_connectome.io import atomic
from napari_connectome.layers.reader import read
from napari_connectome.layers.repetition import set_tr
from napari_connectome.layers.spatial import info, layer_kwargs, regions_of

PLUGIN = "napari-connectome"
AFFINE = np.array([[-2.0, 0, 0.3, 90], [0, 3, 0, -120], [0.4, 0, 4, -70], [0, 0, 0, 1]])


@pytest.fixture(autouse=True)
def plugins():
    """What napari does when its window starts; a viewer without one does not."""
    PluginManager.instance().discover()


@pytest.fixture
def run_path(tmp_path):
    image = nib.Nifti1Image(np.random.default_rng(0).integers(0, 99, (4, 5, 6, 7)).astype(np.int16), AFFINE)
    image.header.set_xyzt_units("mm", "sec")
    image.header["pixdim"][4] = 2000
    image.header["descrip"] = b"scanner"
    nib.save(image, tmp_path / "bold.nii.gz")
    return str(tmp_path / "bold.nii.gz")


@pytest.fixture
def run_layer(run_path) -> Layer:
    return Layer.create(*read(run_path)[0])


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_run_goes_back_to_the_file_it_was(run_path, run_layer, tmp_path, suffix):
    out = str(tmp_path / f"again{suffix}")
    assert run_layer.save(out, plugin=PLUGIN) == [out]
    first, second = nib.load(run_path), nib.load(out)
    assert np.array_equal(first.affine, second.affine)
    assert np.array_equal(first.dataobj, second.dataobj)
    assert second.get_data_dtype() == np.int16
    assert second.header["pixdim"][4] == 2000  # nobody has answered the question yet
    set_tr(run_layer, 2.2)
    run_layer.save(out, plugin=PLUGIN)
    assert nib.load(out).header["pixdim"][4] == np.float32(2.2)


def test_what_is_saved_is_what_the_layer_holds_now(run_layer, tmp_path):
    run_layer.data = run_layer.data.astype(np.float64) / 3
    out = str(tmp_path / "third.nii")
    run_layer.save(out, plugin=PLUGIN)
    image = nib.load(out)
    assert image.get_data_dtype() == np.float64
    np.testing.assert_array_equal(Layer.create(*read(out)[0]).data, run_layer.data)


def test_labels_on_the_grid_of_a_run(run_path, run_layer, tmp_path):
    grid = info(run_layer)["grid"]
    data = np.zeros(grid.shape, np.int64)
    data[1, 2, 3], data[4:, 1:3] = 4, 9
    layer = Labels(data, features=pd.DataFrame({"index": [4, 9], "name": ["PCC", "V1"]}), **layer_kwargs(grid, role="labels"))
    out = str(tmp_path / "mine_dseg.nii.gz")
    assert layer.save(out, plugin=PLUGIN) == [out, str(tmp_path / "mine_dseg.tsv")]
    image = nib.load(out)
    assert image.get_data_dtype() == np.uint8
    assert image.shape == (4, 5, 6)
    assert np.array_equal(image.affine, nib.load(run_path).affine)
    again = Layer.create(*read(out)[0])
    np.testing.assert_array_equal(again.data, data)
    assert list(again.features["name"]) == ["PCC", "V1"]
    richer = "index\tname\tcolor\n4\tPCC\tred\n9\tV1\tblue\n"
    (tmp_path / "mine_dseg.tsv").write_text(richer)
    assert again.save(out, plugin=PLUGIN) == [out]
    assert (tmp_path / "mine_dseg.tsv").read_text() == richer


FACES = Origin("bold", "7×6-ab", "face > house", "-log10 p ≥ 5")


def test_names_values_and_origins_survive_in_a_labels_layer(run_path, run_layer, tmp_path):
    grid = info(run_layer)["grid"]
    data = np.zeros(grid.shape, np.int32)
    data[1, 2, 3], data[4:, 1:3], data[2] = 4, 9170, 30
    features = pd.DataFrame(
        {"peak": [np.nan, 1.5, 2.5, 9.0], "index": [0, 9170, 4, 77], "name": ["background", 'V1 "left"', "n/a", "gone"]}
    )
    origins = origins_to_dict({4: (FACES,), 77: (FACES,)})
    layer = Labels(data, features=features, **layer_kwargs(grid, role="labels", origins=origins))
    out = str(tmp_path / "rois.nii.gz")
    assert layer.save(out, plugin=PLUGIN) == [out, str(tmp_path / "rois.tsv"), str(tmp_path / "rois.json")]
    assert (tmp_path / "rois.tsv").read_text().splitlines()[:2] == ["index\tname\tpeak", "4\tn/a\t2.5"]
    again = Layer.create(*read(out)[0])
    np.testing.assert_array_equal(again.data, data)
    assert again.data.dtype == np.uint16
    assert dict(zip(again.features["index"], again.features["name"], strict=True)) == {
        4: "n/a", 30: "region 30", 9170: 'V1 "left"'
    }  # fmt: skip
    assert info(again)["origins"] == {4: [FACES.to_dict()]}
    for each in (layer, again, Labels(again.data, features=again.features, metadata=again.metadata, scale=again.scale)):
        regions = regions_of(each)
        assert regions.origins == {4: (FACES,)}
        assert list(regions.table["name"]) == ["n/a", "region 30", 'V1 "left"']
    assert again.save(str(tmp_path / "b.nii"), plugin=PLUGIN)[1:] == [str(tmp_path / "b.tsv"), str(tmp_path / "b.json")]
    assert (tmp_path / "b.json").read_bytes() == (tmp_path / "rois.json").read_bytes()


def test_without_its_json_a_labels_layer_has_no_origins(run_layer, tmp_path):
    grid = info(run_layer)["grid"]
    origins = origins_to_dict({1: (FACES,)})
    layer = Labels(np.ones(grid.shape, np.uint8), **layer_kwargs(grid, role="mask", origins=origins))
    out = str(tmp_path / "mask.nii")
    assert layer.save(out, plugin=PLUGIN) == [out, str(tmp_path / "mask.json")]
    assert info(Layer.create(*read(out)[0]))["origins"] == {1: [FACES.to_dict()]}
    (tmp_path / "mask.json").unlink()
    assert info(Layer.create(*read(out)[0]))["origins"] == {}
    (tmp_path / "mask.json").write_text('{"RepetitionTime": 2}')
    with pytest.raises(RuntimeError, match=r"mask\.json is beside the image and does not say where regions come from"):
        layer.save(out, plugin=PLUGIN)
    assert (tmp_path / "mask.json").read_text() == '{"RepetitionTime": 2}'


@pytest.mark.parametrize("known", [None, 3, {"origins": "x"}, {"origins": {"a": 1}}])
def test_whatever_stands_in_the_metadata_is_saved_around(tmp_path, known):
    features = pd.DataFrame({"index": ["a", 1.5], "name": ["x", "y"]})
    layer = Labels(np.ones((2, 3, 4), np.uint8), features=features, metadata={"connectome": known})
    assert layer.save(str(tmp_path / "a.nii"), plugin=PLUGIN) == [str(tmp_path / "a.nii")]
    assert regions_of(layer).origins == {}
    assert list(regions_of(layer).table["name"]) == ["region 1"]


def test_layers_of_other_makers_are_saved_where_they_are_shown(tmp_path):
    layer = Image(np.arange(24, dtype=np.float16).reshape(2, 3, 4), scale=(4, 3, 2), translate=(1, 2, 3))
    out = str(tmp_path / "a.nii")
    layer.save(out, plugin=PLUGIN)
    image = nib.load(out)
    np.testing.assert_allclose(image.affine, [[2, 0, 0, 3], [0, 3, 0, 2], [0, 0, 4, 1], [0, 0, 0, 1]])
    np.testing.assert_array_equal(image.get_fdata(), layer.data.transpose())
    run = Image(np.zeros((5, 2, 3, 4), np.uint8), scale=(0.72, 4, 3, 2))
    run.save(str(tmp_path / "b.nii"), plugin=PLUGIN)
    assert nib.load(tmp_path / "b.nii").header.get_zooms()[3] == np.float32(0.72)
    mask = Image(np.ones((2, 3, 4), bool))
    mask.save(str(tmp_path / "c.nii"), plugin=PLUGIN)
    assert nib.load(tmp_path / "c.nii").get_data_dtype() == np.uint8


def test_colour_images(tmp_path):
    data = np.random.default_rng(0).integers(0, 255, (6, 5, 4, 3)).astype(np.uint8)
    out = str(tmp_path / "rgb.nii.gz")
    Image(data, rgb=True, scale=(2, 2, 2)).save(out, plugin=PLUGIN)
    again = Layer.create(*read(out)[0])
    assert again.rgb
    np.testing.assert_array_equal(again.data, data)
    np.testing.assert_array_equal(again.scale, (2, 2, 2))


def test_save_all_makes_a_folder_of_one_file_a_layer(run_layer, tmp_path):
    viewer = ViewerModel()
    viewer.add_layer(run_layer)
    grid = info(run_layer)["grid"]
    for _ in range(2):
        viewer.add_layer(Labels(np.ones(grid.shape, np.uint8), name="a/b", **layer_kwargs(grid)))
    written = viewer.layers.save(str(tmp_path / "all.nii.gz"), plugin=PLUGIN)
    assert sorted(os.listdir(tmp_path / "all")) == ["a_b [1].nii.gz", "a_b.nii.gz", "bold.nii.gz"]
    assert sorted(written) == sorted(str(tmp_path / "all" / name) for name in os.listdir(tmp_path / "all"))
    with pytest.raises(RuntimeError, match="exists already: choose another name"):
        viewer.layers.save(str(tmp_path / "all.nii.gz"), plugin=PLUGIN)
    viewer.layers.selection = {viewer.layers[1]}
    assert viewer.layers.save(str(tmp_path / "one.nii"), selected=True, plugin=PLUGIN) == [str(tmp_path / "one.nii")]


def test_save_all_fails_as_a_whole(run_layer, tmp_path):
    viewer = ViewerModel()
    viewer.add_layer(run_layer)
    viewer.add_image(np.zeros((4, 4)), name="flat")
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(RuntimeError, match="flat is 2-D"):
        viewer.layers.save(str(tmp_path / "all.nii.gz"), plugin=PLUGIN)
    assert sorted(os.listdir(tmp_path)) == before


def test_a_failure_is_never_silent(tmp_path, monkeypatch):
    labels = Labels(np.zeros((2, 3, 4), np.int64))
    labels.data[0, 0, 0] = 2**40
    with pytest.raises(RuntimeError, match="more than 32 bits hold"):
        labels.save(str(tmp_path / "a.nii.gz"), plugin=PLUGIN)
    image = Image(np.zeros((2, 3, 4)))
    with pytest.raises(RuntimeError, match="there is no folder"):
        image.save(str(tmp_path / "no" / "a.nii.gz"), plugin=PLUGIN)
    with pytest.raises(RuntimeError, match="2-D"):
        Image(np.zeros((3, 4))).save(str(tmp_path / "a.nii.gz"), plugin=PLUGIN)

    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(atomic, "open", denied, raising=False)
    with pytest.raises(RuntimeError, match=r"cannot be written \(Permission denied\)"):
        image.save(str(tmp_path / "a.nii.gz"), plugin=PLUGIN)
    assert os.listdir(tmp_path) == []


def test_the_default_reader_is_set_when_asked():
    from napari.settings import get_settings

    from napari_connectome.layers.default_reader import make_default_reader

    plugins = get_settings().plugins
    before = dict(plugins.extension2reader)
    try:
        plugins.extension2reader = {"*.tif": "napari"}
        make_default_reader()
        assert plugins.extension2reader == {"*.tif": "napari", "*.nii": PLUGIN, "*.nii.gz": PLUGIN}
    finally:
        plugins.extension2reader = before


def test_a_folder_that_cannot_be_made_is_one_sentence(run_layer, tmp_path, monkeypatch):
    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    viewer = ViewerModel()
    viewer.add_layer(run_layer)
    viewer.add_labels(np.ones((3, 3, 3), int))
    with pytest.raises(RuntimeError, match="there is no folder"):
        viewer.layers.save(str(tmp_path / "nowhere" / "all.nii"), plugin=PLUGIN)
    monkeypatch.setattr("pathlib.Path.mkdir", denied)
    with pytest.raises(RuntimeError, match=r"all cannot be written \(Permission denied\): you may not write there"):
        viewer.layers.save(str(tmp_path / "all.nii"), plugin=PLUGIN)
    assert not (tmp_path / "all").exists()
