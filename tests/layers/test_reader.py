from __future__ import annotations

import gzip
import threading

import nibabel as nib
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer
from npe2 import PluginManager

from napari_connectome.core.errors import InputError
from napari_connectome.layers import reader
from napari_connectome.layers.looks import limits, looks_like_labels
from napari_connectome.layers.reader import get_reader, read
from napari_connectome.layers.repetition import set_tr
from napari_connectome.layers.spatial import info, run_of, to_mm

AFFINE = np.array([[-2.0, 0, 0, 90], [0, 3, 0, -120], [0, 0, 4, -70], [0, 0, 0, 1]])


def write(path, data, affine=AFFINE, tr=2.0, intent=0):
    image = nib.Nifti1Image(data, affine)
    image.header.set_xyzt_units("mm", "sec")
    if data.ndim == 4:
        image.header["pixdim"][4] = tr
    image.header["intent_code"] = intent
    nib.save(image, path)
    return str(path)


def layers(path) -> list[Layer]:
    found = get_reader(path)
    assert found is not None
    return [Layer.create(*data) for data in found(path)]


@pytest.fixture(autouse=True)
def plugins():
    """What napari does when its window starts; a viewer without one does not."""
    PluginManager.instance().discover()


@pytest.fixture
def noise():
    return np.random.default_rng(0).integers(100, 999, (4, 5, 6, 7)).astype(np.int16)


@pytest.fixture
def notices(monkeypatch):
    said: list[str] = []
    monkeypatch.setattr(reader, "show_warning", said.append)
    return said


def test_a_run_is_an_image_in_seconds_and_mm(tmp_path, noise, notices):
    (layer,) = layers(write(tmp_path / "sub-01_bold.nii.gz", noise))
    assert isinstance(layer, Image)
    assert layer.name == "sub-01_bold"
    assert layer.data.shape == (7, 6, 5, 4)
    np.testing.assert_allclose(layer.scale, (2, 4, 3, 2))
    np.testing.assert_allclose(layer.translate, (0, -70, -120, 84))
    assert [str(u) for u in layer.units] == ["second", "millimeter", "millimeter", "millimeter"]
    assert layer.axis_labels == ("t", "z", "y", "x")
    assert info(layer)["role"] == "run"
    assert info(layer)["path"].endswith("sub-01_bold.nii.gz")
    assert run_of(layer).tr == 2
    assert notices == []


def test_the_value_under_the_mouse_is_that_of_the_place(tmp_path, noise):
    path = write(tmp_path / "t1.nii", noise[..., 0])
    (layer,) = layers(path)
    image = nib.load(path)
    for i, j, k in np.argwhere(np.ones((4, 5, 6), bool)):
        mm = nib.affines.apply_affine(image.affine, (i, j, k))
        voxel = tuple(np.rint(layer.world_to_data(mm[::-1])).astype(int))
        assert layer.data[voxel] == noise[i, j, k, 0]


def test_an_oblique_image_is_shown_straight_and_says_so(tmp_path, noise, notices):
    turned = AFFINE.copy()
    c, s = np.cos(0.2), np.sin(0.2)
    turned[:3, :3] = np.array([[1, 0, 0], [0, c, -s], [0, s, c]]) @ AFFINE[:3, :3]
    path = write(tmp_path / "t1.nii", noise[..., 0], turned)
    (layer,) = layers(path)
    assert layer.ndim == 3
    np.testing.assert_allclose(layer.affine.affine_matrix, np.eye(4))
    assert len(notices) == 1
    assert "oblique by 11.5°" in notices[0]
    voxel = (1, 2, 3)
    world = layer.data_to_world((3, 2, layer.data.shape[2] - 1 - 1))
    np.testing.assert_allclose(to_mm(info(layer)["grid"], world), nib.affines.apply_affine(turned, voxel), atol=1e-4)


def test_a_tr_that_cannot_be_trusted_is_asked_for(tmp_path, noise, notices):
    (layer,) = layers(write(tmp_path / "bold.nii", noise, tr=2000))
    assert info(layer)["tr"] is None
    assert info(layer)["tr_guess"] == 2
    assert layer.scale[0] == 1
    assert notices == [
        "bold.nii: the TR is not known (the header says 2000 s, which looks like milliseconds): type it before the run is used."
    ]
    with pytest.raises(InputError, match="TR of bold is not known"):
        run_of(layer)
    set_tr(layer, 2.5)
    assert run_of(layer).tr == layer.scale[0] == 2.5
    assert info(layer)["tr_question"] == ""
    for wrong in (0, -1, np.nan):
        with pytest.raises(InputError, match="positive number of seconds"):
            set_tr(layer, wrong)


def test_a_tr_belongs_to_a_run():
    with pytest.raises(InputError, match="no time axis"):
        set_tr(Image(np.zeros((3, 3, 3))), 2)
    plain = Image(np.zeros((2, 3, 3, 3)))
    set_tr(plain, 2)
    assert run_of(plain).tr == 2


def regions(kind=np.float32):
    labels = np.zeros((8, 9, 10), kind)
    labels[1:4, 1:5, 1:6], labels[4:7, 1:5, 1:6], labels[1:4, 5:8, 6:9] = 1, 2, 300
    return labels


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("atlas.nii", regions(), np.uint16),
        ("atlas.nii", regions(np.int32), np.uint16),
        ("brain.nii", (regions() > 0).astype(np.uint8), np.uint8),
        ("x_dseg.nii.gz", np.random.default_rng(0).integers(0, 9, (6, 6, 6)).astype(np.int16), np.uint8),
        ("single.nii", np.pad(np.ones((1, 1, 1), np.uint8), 3), np.uint8),
    ],
)
def test_label_images_are_labels_of_the_smallest_type(tmp_path, name, data, kind):
    (layer,) = layers(write(tmp_path / name, data))
    assert isinstance(layer, Labels)
    assert layer.data.dtype == kind
    assert info(layer)["role"] == ("mask" if data.max() == 1 else "labels")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("t1.nii", np.random.default_rng(0).integers(0, 255, (6, 6, 6)).astype(np.uint8)),
        ("zero.nii", np.zeros((6, 6, 6), np.int16)),
        ("flat.nii", np.full((6, 6, 6), 5, np.int16)),
        ("p_mask.nii", np.random.default_rng(0).uniform(size=(6, 6, 6)).astype(np.float32)),
        ("n_dseg.nii", -regions(np.int16)),
        ("nan_mask.nii", np.full((6, 6, 6), np.nan, np.float32)),
        ("runs_dseg.nii", np.ones((6, 6, 6, 2), np.uint8)),
    ],
)
def test_other_images_are_images(tmp_path, name, data):
    (layer,) = layers(write(tmp_path / name, data))
    assert isinstance(layer, Image)
    assert layer.contrast_limits[0] < layer.contrast_limits[1]


def test_the_header_may_say_that_these_are_labels(tmp_path):
    data = np.random.default_rng(0).integers(0, 9, (6, 6, 6)).astype(np.int16)
    assert isinstance(layers(write(tmp_path / "a.nii", data, intent=1002))[0], Labels)
    assert isinstance(layers(write(tmp_path / "b.nii", data + 0.5, intent=1002))[0], Image)


def test_names_beside_the_image_become_features(tmp_path):
    path = write(tmp_path / "a_dseg.nii.gz", regions())
    (tmp_path / "a_dseg.tsv").write_text("index\tname\n0\tBackground\n1\tV1\n300\tPCC\n")
    (layer,) = layers(path)
    assert list(layer.features["index"]) == [1, 2, 300]
    assert list(layer.features["name"]) == ["V1", "region 2", "PCC"]
    (tmp_path / "a_dseg.tsv").write_text("onset\tduration\n1\t2\n")
    assert layers(path)[0].features.empty


def test_an_atlas_of_maps_has_its_names_and_a_run_with_a_tr_stays_one(tmp_path, noise, notices):
    (tmp_path / "atlas_maps.tsv").write_text("index\tname\n" + "".join(f"{i}\tarea {i}\n" for i in range(1, len(noise.T) + 1)))
    (layer,) = layers(write(tmp_path / "atlas_maps.nii.gz", noise.astype(np.float32), tr=0.0))
    assert info(layer)["names"][1] == "area 2"
    assert notices == []
    (layer,) = layers(write(tmp_path / "atlas_maps.nii.gz", noise.astype(np.float32), tr=2.0))
    assert "names" not in info(layer)


def test_contrast_limits():
    rng = np.random.default_rng(0)
    brain = np.zeros((30, 30, 30), np.float32)
    brain[5:25, 5:25, 5:25] = rng.normal(500, 50, (20, 20, 20))
    brain[0, 0, 0] = 1e9
    low, high = limits(brain)
    assert low == 0
    assert 550 < high < 800
    signed = rng.normal(size=(30, 30, 30)).astype(np.float32)
    signed[0] = np.nan
    low, high = limits(signed)
    assert low == -high
    assert 2 < high < 4
    assert limits(np.full((4, 4, 4), 7.0)) == (0, 7)
    assert limits(np.full((4, 4, 4), -7.0)) == (-7, 0)
    assert limits(np.full((4, 4, 4), np.nan)) == (0, 1)
    lonely = np.zeros((90, 90, 90))
    lonely[1, 2, 3] = 5
    assert limits(lonely) == (0, 5)
    ct = rng.integers(-1000, 2000, (20, 20, 20)).astype(np.int16)
    assert limits(ct)[0] < -900
    assert limits(ct)[1] > 1900


def test_labels_are_told_from_gray_values():
    smooth = np.add.outer(np.add.outer(np.arange(20), np.arange(20)), np.arange(20)) // 2
    assert not looks_like_labels(smooth)
    assert not looks_like_labels(smooth[::-1] * 2 // 3)
    assert looks_like_labels(smooth // 8)
    assert not looks_like_labels(np.zeros((3, 3, 3)))


def test_complex_and_colour_images(tmp_path):
    wave = (np.exp(1j * np.arange(120)) * 3).reshape(4, 5, 6).astype(np.complex64)
    phase, magnitude = layers(write(tmp_path / "wave.nii.gz", wave))
    assert (phase.name, magnitude.name) == ("wave phase", "wave magnitude")
    np.testing.assert_allclose(magnitude.data, 3, rtol=1e-6)
    kind = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
    raw = np.random.default_rng(0).integers(0, 255, (4, 5, 6, 3)).astype(np.uint8)
    (layer,) = layers(write(tmp_path / "rgb.nii", raw.view(kind)[..., 0]))
    assert layer.rgb
    assert layer.data.shape == (6, 5, 4, 3)


def test_files_that_are_none_of_ours(tmp_path):
    for name, content in {"b.img": b"x" * 4000, "c.hdr": b"ENVI\n" * 90}.items():
        (tmp_path / name).write_bytes(content)
        assert get_reader(str(tmp_path / name)) is None
    assert get_reader(str(tmp_path / "missing.hdr")) is None
    assert get_reader(str(tmp_path / ("x" * 300 + ".hdr"))) is None
    assert get_reader([]) is None


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("text.nii", b"hello" * 200, "is no image that can be read"),
        ("magic.nii", b"\x5c\x01\0\0" + bytes(600), "is no image that can be read"),
        ("gzip.nii", gzip.compress(b"hi" * 900, mtime=0), "is no image that can be read"),
        ("text.nii.gz", gzip.compress(b"hi" * 900, mtime=0), "is no image that can be read"),
        ("TEXT.NII.GZ", b"hello" * 200, "is no gzip file"),
        ("empty.nii", b"", "is empty"),
        ("missing.nii", None, "there is no file"),
        ("x" * 300 + ".nii", None, "cannot be opened"),
    ],
)
def test_what_is_called_nifti_and_is_none_is_one_sentence(tmp_path, monkeypatch, name, content, said):
    monkeypatch.setattr(reader.napari, "current_viewer", lambda: None)
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=said):
        get_reader(str(tmp_path / name))(str(tmp_path / name))


def test_a_broken_file_is_one_sentence_and_no_layer(tmp_path, noise, monkeypatch):
    monkeypatch.setattr(reader.napari, "current_viewer", lambda: None)
    path = write(tmp_path / "bold.nii.gz", noise)
    content = (tmp_path / "bold.nii.gz").read_bytes()
    (tmp_path / "bold.nii.gz").write_bytes(content[: len(content) // 2])
    viewer = ViewerModel()
    with pytest.raises(InputError, match=r"bold\.nii\.gz is broken or cut short"):
        viewer.open(path, plugin="napari-connectome")
    assert len(viewer.layers) == 0


def test_napari_opens_through_the_manifest(tmp_path, noise):
    viewer = ViewerModel()
    first = write(tmp_path / "SUB.v2_bold.NII.GZ", noise)
    second = write(tmp_path / "b_dseg.nii", regions())
    viewer.open([first, second], plugin="napari-connectome")
    assert [type(layer) for layer in viewer.layers] == [Image, Labels]
    assert viewer.layers[0].source.reader_plugin == "napari-connectome"


def test_several_files_are_several_layers(tmp_path, noise):
    paths = [write(tmp_path / f"{i}.nii", noise[..., i]) for i in range(3)]
    found = get_reader(paths)
    assert len(found(paths)) == 3


def test_reading_off_the_main_thread_shows_no_progress(tmp_path, noise, monkeypatch):
    path = write(tmp_path / "bold.nii.gz", noise)
    monkeypatch.setattr(reader, "PATIENCE", 0.0)
    monkeypatch.setattr(reader, "cancelable_progress", lambda **_: pytest.fail("progress off the main thread"))
    found = []
    thread = threading.Thread(target=lambda: found.extend(read(path)))
    thread.start()
    thread.join()
    assert len(found) == 1


def test_real_and_odd_files_become_layers(real_data, notices):
    expected = {
        "atlas/Schaefer2018_100_7Networks_MNI152NLin6Asym_2mm_dseg.nii.gz": (Labels,),
        "odd/complex64.nii.gz": (Image, Image),
        "odd/example4d+orig.HEAD": (Image,),
        "odd/example4d+orig.BRIK.gz": (Image,),
        "odd/example4d.nii.gz": (Image,),
        "odd/example_nifti2.nii.gz": (Image,),
        "odd/facerep_vol_bigendian_pair.hdr": (Image,),
        "odd/facerep_vol_bigendian_pair.img": (Image,),
        "odd/functional.nii": (Image,),
        "odd/minc2_4d.mnc": (Image,),
        "odd/oro_filtered_func_data_noform_zoom1.nii.gz": (Image,),
        "task_faces_mni/sub-01_task-faces_space-MNI_desc-brain_mask.nii.gz": (Labels,),
        "task_haxby_slice/mask.nii.gz": (Labels,),
    }
    for name, kinds in expected.items():
        notices.clear()
        assert tuple(type(layer) for layer in layers(str(real_data / name))) == kinds, name
        known = {"noform": ("left and right are a guess", "TR"), "example4d.": ("oblique by 9.3°", "TR")}
        for part, words in known.items():
            if part in name:
                assert all(word in notice for word, notice in zip(words, notices, strict=True))


def test_in_a_window_a_broken_file_is_one_notification(make_napari_viewer, tmp_path, noise, monkeypatch):
    from napari.utils import progress
    from napari.utils.notifications import notification_manager
    from qtpy.QtCore import QTimer

    viewer = make_napari_viewer()
    path = write(tmp_path / "bold.nii.gz", np.tile(noise, (8, 8, 8, 1)))
    monkeypatch.setattr(reader, "PATIENCE", 0.0)
    bars, ticks = [], []
    note = progress._all_instances.events.changed.connect(lambda event: bars.extend(event.added))
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(1))
    timer.start(0)
    (layer,) = viewer.open(path, plugin="napari-connectome")
    timer.stop()
    progress._all_instances.events.changed.disconnect(note)
    assert layer.data.shape == (7, 48, 40, 32)
    assert not progress._all_instances

    content = (tmp_path / "bold.nii.gz").read_bytes()
    (tmp_path / "half.nii.gz").write_bytes(content[: len(content) // 2])
    before = len(notification_manager.records)
    assert viewer.open(str(tmp_path / "half.nii.gz"), plugin="napari-connectome") == []
    said = notification_manager.records[before:]
    assert [str(note.severity) for note in said] == ["error"]
    assert "half.nii.gz is broken or cut short" in said[0].message
    assert list(viewer.layers) == [layer]


def test_a_long_read_keeps_the_window_alive_and_can_be_cancelled(make_napari_viewer, tmp_path, monkeypatch):
    from napari.utils import progress
    from qtpy.QtCore import QTimer

    viewer = make_napari_viewer()
    path = write(tmp_path / "bold.nii.gz", np.zeros((64, 64, 40, 100), np.int16))
    monkeypatch.setattr(reader, "PATIENCE", 0.0)
    monkeypatch.setattr(reader.time, "monotonic", _clock(0.06))
    ticks, values = [], []
    timer = QTimer()
    timer.timeout.connect(lambda: (ticks.append(1), values.extend(b.n for b in progress._all_instances if "reading" in str(b))))
    timer.start(0)
    (layer,) = viewer.open(path, plugin="napari-connectome")
    assert len(ticks) > 3
    assert max(values) > 50

    timer.timeout.connect(lambda: [bar.cancel() for bar in progress._all_instances if "reading" in str(bar)])
    assert viewer.open(path, plugin="napari-connectome") == []
    timer.stop()
    assert list(viewer.layers) == [layer]
    assert not progress._all_instances


def _clock(step):
    """A clock on which every look takes a while, so that nothing depends on the machine."""
    now = [0.0]

    def tick():
        now[0] += step
        return now[0]

    return tick
