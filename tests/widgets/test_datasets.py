"""Downloads, without a network: nilearn's fetchers are replaced by ones that find their files here, or fail as real ones do."""

import threading
import urllib.error
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import requests
from napari.utils.notifications import notification_manager
from qtpy.QtWidgets import QApplication

from napari_connectome.core.errors import Cancelled, InputError
from napari_connectome.layers.spatial import info
from napari_connectome.widgets import datasets

nilearn_datasets = pytest.importorskip("nilearn.datasets")
PLUGIN = "napari-connectome"
FETCHERS = {
    "haxby": "fetch_haxby",
    "development_fmri": "fetch_development_fmri",
    "adhd": "fetch_adhd",
    "msdl": "fetch_atlas_msdl",
}


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a test asked for the network")

    monkeypatch.setattr(requests.Session, "send", refuse)
    yield
    assert not datasets._running


@pytest.fixture
def files(tmp_path, monkeypatch):
    """The fetchers, finding small files."""
    rng = np.random.default_rng(0)
    affine = np.diag([-3.0, 3, 3, 1])

    def image(name, *shape):
        nib.Nifti1Image(rng.integers(1, 1000, shape).astype(np.int16), affine).to_filename(tmp_path / name)
        return str(tmp_path / name)

    func, anat = image("bold.nii.gz", 6, 7, 5, 12), image("anat.nii.gz", 12, 14, 10)
    nib.Nifti1Image(np.eye(6, 7, dtype=np.uint8)[..., None].repeat(5, 2), affine).to_filename(tmp_path / "mask.nii.gz")
    nib.Nifti1Image(rng.random((6, 7, 5, 3)).astype(np.float32), affine).to_filename(tmp_path / "maps.nii")
    labels = pd.DataFrame({"labels": ["rest", "face", "house"] * 4, "chunks": np.repeat([0, 1], 6)})
    labels.to_csv(tmp_path / "labels.txt", sep=" ", index=False)
    pd.DataFrame(rng.random((12, 3)), columns=["trans_x", "csf", "white_matter"]).to_csv(
        tmp_path / "confounds.tsv", sep="\t", index=False
    )
    run = {"func": [func], "t_r": 2.5}
    made = {
        "haxby": {
            **run,
            "anat": [anat],
            "mask_vt": [str(tmp_path / "mask.nii.gz")],
            "session_target": [str(tmp_path / "labels.txt")],
        },
        "development_fmri": {**run, "confounds": [str(tmp_path / "confounds.tsv")]},
        "adhd": {**run, "confounds": [str(tmp_path / "confounds.tsv")]},
        "msdl": {
            "maps": str(tmp_path / "maps.nii"),
            "labels": ["L Aud", "R Aud", "Striate"],
            "networks": ["Aud", "Aud", "Vis"],
        },
    }
    for key, fetcher in FETCHERS.items():
        monkeypatch.setattr(nilearn_datasets, fetcher, lambda key=key, **kwargs: SimpleNamespace(**made[key]))
    return made


@pytest.fixture
def heard():
    """The notifications."""
    texts = []

    def hear(notification):
        texts.append((str(notification.severity), notification.message))

    notification_manager.notification_ready.connect(hear)
    yield texts
    notification_manager.notification_ready.disconnect(hear)


def failing(monkeypatch, error):
    def fetch(**kwargs):
        raise error

    for fetcher in FETCHERS.values():
        monkeypatch.setattr(nilearn_datasets, fetcher, fetch)


NAMES = {
    "haxby": ["Haxby 2001 anatomy", "Haxby 2001", "Haxby 2001 ventral temporal mask"],
    "development_fmri": ["Development fMRI"],
    "adhd": ["ADHD-200"],
    "msdl": ["MSDL maps", "MSDL atlas"],
}


@pytest.mark.parametrize("key", FETCHERS)
def test_without_a_window_the_layers_are_returned(files, key):
    layers = getattr(datasets, key)()
    assert [about["name"] for _, about, _ in layers] == NAMES[key]


def test_the_run_brings_what_the_widgets_need(files):
    _, (data, about, kind), (mask, _, mask_kind) = datasets.haxby()
    known = about["metadata"]["connectome"]
    assert (kind, data.shape) == ("image", (12, 5, 7, 6))
    assert known["tr"] == 2.5
    assert list(known["labels_table"].columns) == ["labels", "chunks"]
    assert len(known["labels_table"]) == 12
    assert (mask_kind, mask.shape) == ("labels", (5, 7, 6))
    ((data, about, _),) = datasets.development_fmri()
    assert list(about["metadata"]["connectome"]["confounds"].columns) == ["trans_x", "csf", "white_matter"]


def test_the_atlas_has_names_and_the_place_of_each(files):
    (maps, _, _), (labels, about, kind) = datasets.msdl()
    assert maps.shape == (3, 5, 7, 6)
    assert kind == "labels"
    relative = maps / maps.max(axis=(1, 2, 3), keepdims=True)
    assert np.array_equal(labels, np.where(relative.max(0) > 0.1, relative.argmax(0) + 1, 0))
    assert list(about["features"]["name"]) == ["L Aud", "R Aud", "Striate"]


@pytest.mark.parametrize("key", FETCHERS)
def test_in_a_window_the_layers_come_when_all_are_there(make_napari_viewer, qtbot, files, heard, key):
    viewer = make_napari_viewer()
    assert viewer.open_sample(PLUGIN, key) == []
    qtbot.waitUntil(lambda: len(viewer.layers) == len(NAMES[key]), timeout=20000)
    assert [layer.name for layer in viewer.layers] == NAMES[key]
    assert all(info(layer)["grid"].shape == layer.data.shape[-3:] for layer in viewer.layers)
    qtbot.waitUntil(lambda: not datasets._running)
    assert heard == []


def test_the_window_answers_while_it_is_downloaded(make_napari_viewer, qtbot, files, heard, monkeypatch):
    viewer = make_napari_viewer()
    may_end, fetch = threading.Event(), nilearn_datasets.fetch_adhd
    monkeypatch.setattr(nilearn_datasets, "fetch_adhd", lambda **kwargs: may_end.wait(20) and fetch())
    viewer.open_sample(PLUGIN, "adhd")
    qtbot.wait(100)
    assert len(viewer.layers) == 0
    viewer.open_sample(PLUGIN, "adhd")  # twice is once
    assert "already" in heard[0][1]
    viewer.add_image(np.zeros((4, 4)), name="something else")
    may_end.set()
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=20000)
    assert [layer.name for layer in viewer.layers] == ["something else", "ADHD-200"]
    qtbot.waitUntil(lambda: not datasets._running)


def reason(cause):
    error = OSError("Fetching aborted: nothing came")
    error.__cause__ = cause
    return error


OFFLINE = [
    requests.exceptions.ConnectionError("Failed to establish a new connection"),
    requests.exceptions.Timeout("timed out"),
    urllib.error.URLError("Temporary failure in name resolution"),
    ConnectionResetError(104, "Connection reset by peer"),
    TimeoutError("timed out"),
    reason(requests.exceptions.ConnectionError("no route to host")),
]


@pytest.mark.parametrize("error", OFFLINE, ids=lambda error: type(error).__name__)
def test_without_a_network_one_sentence(monkeypatch, error):
    failing(monkeypatch, error)
    with pytest.raises(InputError, match=r"^Haxby 2001 could not be downloaded, since there is no network or its server"):
        datasets.haxby()


def test_a_server_that_refuses_is_said(monkeypatch):
    failing(monkeypatch, requests.exceptions.HTTPError(response=SimpleNamespace(status_code=404)))
    with pytest.raises(InputError, match="its server answers 404: try again later"):
        datasets.msdl()
    failing(monkeypatch, urllib.error.HTTPError("https://x", 503, "busy", None, None))
    with pytest.raises(InputError, match="503"):
        datasets.msdl()


def test_a_full_disk_and_a_broken_archive_are_said(monkeypatch):
    failing(monkeypatch, OSError(28, "No space left on device", "/data/x"))
    with pytest.raises(InputError, match="No space left on device"):
        datasets.adhd()
    failing(monkeypatch, OSError("Fetching aborted: Dataset has been downloaded but requested file was not provided"))
    with pytest.raises(InputError, match="nilearn gave up"):
        datasets.adhd()


def test_a_bug_stays_a_bug(monkeypatch):
    failing(monkeypatch, ZeroDivisionError("ours"))
    with pytest.raises(ZeroDivisionError):
        datasets.adhd()


@pytest.mark.parametrize("key", FETCHERS)
def test_in_a_window_a_failure_is_one_notification_and_no_layer(make_napari_viewer, qtbot, monkeypatch, heard, key):
    failing(monkeypatch, requests.exceptions.ConnectionError("no"))
    viewer = make_napari_viewer()
    assert viewer.open_sample(PLUGIN, key) == []
    qtbot.waitUntil(lambda: len(heard) == 1, timeout=20000)
    assert "no network" in heard[0][1]
    qtbot.waitUntil(lambda: not datasets._running)
    assert len(heard) == 1
    assert len(viewer.layers) == 0
    assert viewer.dims.ndim == 2


def test_a_second_file_that_is_missing_leaves_nothing_half_made(make_napari_viewer, qtbot, files, heard):
    files["haxby"]["mask_vt"] = ["/nowhere/mask.nii.gz"]
    viewer = make_napari_viewer()
    viewer.open_sample(PLUGIN, "haxby")
    qtbot.waitUntil(lambda: len(heard) == 1, timeout=20000)
    assert len(viewer.layers) == 0


def test_without_nilearn_one_sentence_that_says_what_to_install(make_napari_viewer, monkeypatch, heard):
    monkeypatch.setattr(datasets, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r'pip install "napari-connectome\[datasets\]"'):
        datasets.haxby()
    viewer = make_napari_viewer()
    assert viewer.open_sample(PLUGIN, "haxby") == []
    assert len(heard) == 1
    assert 'pip install "napari-connectome[datasets]"' in heard[0][1]
    assert len(viewer.layers) == 0


class Pieces:
    """An answer of a server, in pieces."""

    headers = {"Content-Length": "3000000"}  # noqa: RUF012

    def iter_content(self, size):
        for _ in range(3):
            yield bytes(1_000_000)


def test_what_comes_is_counted_and_can_be_cancelled(tmp_path, monkeypatch):
    from nilearn.datasets import _utils

    assert hasattr(_utils, "_chunk_read_"), "nilearn moved its loop: find the new one for datasets._count_pieces"
    told = []

    def fetch(report):
        with open(tmp_path / "part", "wb") as file:
            _utils._chunk_read_(Pieces(), file, report_hook=False, initial_size=0, verbose=0)
        return []

    datasets._fetched("x", fetch, lambda fraction, doing: told.append((fraction, doing)))
    assert [round(fraction, 2) for fraction, _ in told] == [0.33, 0.67, 1.0]
    assert told[1][1] == "2.0 of 3.0 MB"
    assert (tmp_path / "part").stat().st_size == 3_000_000

    def stop(fraction, doing):
        raise Cancelled

    with pytest.raises(Cancelled):
        datasets._fetched("x", fetch, stop)
    assert (tmp_path / "part").stat().st_size == 1_000_000
    with open(tmp_path / "part", "wb") as file:  # somebody else's download is left alone
        _utils._chunk_read_(Pieces(), file, report_hook=False, initial_size=0, verbose=0)
    assert (tmp_path / "part").stat().st_size == 3_000_000
    assert not datasets._reports


def test_closing_the_window_cancels(make_napari_viewer, qtbot, files, monkeypatch):
    from nilearn.datasets import _utils

    begun, stopped = threading.Event(), threading.Event()

    class Endless(Pieces):
        def iter_content(self, size):
            try:
                while True:
                    begun.wait(0.01)
                    yield b"x"
                    begun.set()
            finally:
                stopped.set()

    def fetch(**kwargs):
        with open("/dev/null", "wb") as file:
            _utils._chunk_read_(Endless(), file, report_hook=False, initial_size=0, verbose=0)

    monkeypatch.setattr(nilearn_datasets, "fetch_adhd", fetch)
    viewer = make_napari_viewer()
    viewer.open_sample(PLUGIN, "adhd")
    qtbot.waitUntil(begun.is_set, timeout=20000)
    viewer.close()
    QApplication.processEvents()
    qtbot.waitUntil(stopped.is_set, timeout=20000)
    qtbot.waitUntil(lambda: not datasets._running)
