import hashlib
import os
import subprocess
import sys
from functools import cache

import numpy as np
import pytest

from napari_connectome.core.cleaning import Cleaning, clean
from napari_connectome.core.head import MARKER, mni_grid, tissues
from napari_connectome.core.networks import network_seeds
from napari_connectome.core.phantom import resting_group, resting_state
from napari_connectome.core.smoothing import smooth

MOTION = [f"{kind}_{axis}" for kind in ("trans", "rot") for axis in "xyz"]
REGRESSED = [*MOTION, *(f"{name}_derivative1" for name in MOTION), "csf", "white_matter"]
BAND = Cleaning(detrend=True, high_pass=0.01, low_pass=0.1)


def digest(*arrays) -> str:
    together = hashlib.sha256()
    for array in arrays:
        together.update(np.ascontiguousarray(array).tobytes())
    return together.hexdigest()


PRINT_DIGESTS = """
import hashlib, numpy as np
from napari_connectome.core.phantom import face_house, resting_group, resting_state
together = hashlib.sha256()
rest, faces = {made}
for run in (rest.run, faces.run, resting_group(2{short})[1].run):
    together.update(run.data.tobytes())
    together.update(run.confounds.to_numpy().tobytes())
together.update(rest.anatomy.data.tobytes())
together.update(np.ascontiguousarray(rest.networks.data).tobytes())
together.update(rest.series.data.tobytes())
print(together.hexdigest())
"""


@pytest.mark.parametrize(
    ("volumes", "threads"),
    [(20, ("1", "2")), pytest.param(None, ("1", "2", "7"), marks=pytest.mark.nightly)],
    ids=["short", "whole"],
)
def test_the_same_bytes_every_time_in_every_process_whatever_the_threads(volumes, threads):
    short = "" if volumes is None else f", n_volumes={volumes}"
    made = f"resting_state({short[2:]}), face_house({'n_chunks=1' if short else ''})"
    code = PRINT_DIGESTS.format(made=made, short=short)
    printed = set()
    for number in threads:
        environment = os.environ | {"OPENBLAS_NUM_THREADS": number, "OMP_NUM_THREADS": number, "PYTHONHASHSEED": number}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        printed.add(done.stdout)
    assert len(printed) == 1


def test_the_same_bytes_twice_in_a_process(phantom):
    again = resting_state()
    assert digest(again.run.data, again.anatomy.data) == digest(phantom.run.data, phantom.anatomy.data)
    assert again.run.confounds.equals(phantom.run.confounds)


def test_another_seed_is_another_brain_at_rest(phantom):
    other = resting_state(n_volumes=40, seed=1)
    assert other.run.data.shape == (40, *phantom.run.grid.shape)
    assert not np.array_equal(other.run.data, phantom.run.data[:40])


def test_it_is_what_the_sample_promises(phantom):
    run = phantom.run
    assert run.data.shape == (200, 46, 55, 46)
    assert run.data.dtype == np.int16
    assert run.tr == 2.0
    assert run.grid.voxel_size == (4.0, 4.0, 4.0)
    assert np.allclose(run.grid.to_voxel((0, 0, 0)), (22.5, 31.5, 18.0))
    assert len(phantom.networks) == 8
    assert list(phantom.networks.names) == list(phantom.regions.table["name"]) == list(phantom.series.names)
    assert phantom.nodes.equals(network_seeds())
    assert phantom.anatomy.grid.voxel_size == (2.0, 2.0, 2.0)


def test_it_is_zero_outside_a_margin_around_the_brain_and_nowhere_inside(phantom):
    data, brain = phantom.run.data, phantom.mask.data
    head = (data != 0).any(axis=0)
    assert (data[:, ~head] == 0).all()
    assert (data[:, brain] > 0).all()
    assert 1.2 < head.sum() / brain.sum() < 2
    for axis in range(3):
        edges = np.take(head, [0, -1], axis=axis)
        assert edges.sum() < 0.02 * head.sum()  # only the stem leaves the box


def test_the_confounds_are_named_and_shaped_as_fmriprep_does(phantom):
    table = phantom.run.confounds
    assert len(table) == 200
    assert {*REGRESSED, "global_signal", "framewise_displacement", "motion_outlier00"} <= set(table.columns)
    late = [c for c in table.columns if "derivative1" in c or c == "framewise_displacement"]
    assert table[late].iloc[0].isna().all()
    assert table.drop(columns=late).notna().all(axis=None)
    assert table.iloc[1:].notna().all(axis=None)
    moved = table["framewise_displacement"]
    assert 0.05 < moved.median() < 0.25
    assert 3 <= (moved > 0.5).sum() <= 20
    steps = table[MOTION].diff().abs() * [1, 1, 1, 50, 50, 50]
    assert np.allclose(steps.sum(axis=1)[1:], moved[1:])


def test_the_true_series_lie_in_the_band_and_are_uncorrelated(phantom):
    series = phantom.series.data
    assert np.allclose(series.mean(axis=0), 0, atol=1e-5)
    assert np.allclose(series.T @ series / len(series), np.eye(8), atol=1e-5)
    power = np.abs(np.fft.rfft(series, axis=0)) ** 2
    hertz = np.fft.rfftfreq(len(series), 2.0)
    assert power[(hertz < 0.0099) | (hertz > 0.1001)].sum() < 1e-6 * power.sum()


@cache
def seed_map(subject, cleaned: bool) -> tuple[np.ndarray, np.ndarray]:
    """Correlation of the posterior cingulate (8 mm) with every voxel of the brain, and where the voxels are in it."""
    run, brain = subject.run, subject.mask.data
    if cleaned:
        run = smooth(run, 6.0)
    series = np.asarray(run.data[:, brain], dtype=np.float64)
    if cleaned:
        series = np.asarray(clean(series, run.tr, BAND, confounds=run.confounds[REGRESSED].bfill()), dtype=np.float64)
    place = np.full(brain.shape, -1)
    place[brain] = np.arange(brain.sum())
    voxels = place.flat[run.grid.sphere_voxels(subject.nodes.set_index("name").loc["PCC", ["x", "y", "z"]].astype(float), 8.0)]
    seed = series[:, voxels[voxels >= 0]].mean(axis=1)
    seed, series = seed - seed.mean(), series - series.mean(axis=0)
    r = seed @ series / np.sqrt((seed @ seed) * (series * series).sum(axis=0))
    return r, place


def at_nodes(subject, cleaned: bool) -> tuple[np.ndarray, np.ndarray]:
    """r at the nodes of the default mode network other than the seed, and at those of the other networks."""
    r, place = seed_map(subject, cleaned)
    ijk = np.rint(subject.run.grid.to_voxel(subject.nodes[["x", "y", "z"]])).astype(int)
    found = place[ijk[:, 2], ijk[:, 1], ijk[:, 0]]
    mine = (subject.nodes["network"] == "default mode").to_numpy()
    known = found >= 0  # a subject's jitter may move a node off its cortex
    return r[found[known & mine & (subject.nodes["name"] != "PCC").to_numpy()]], r[found[known & ~mine]]


def test_cleaned_the_posterior_cingulate_shows_the_default_mode_network_and_nothing_else(phantom):
    same, others = at_nodes(phantom, cleaned=True)
    assert same.min() > 0.6
    assert np.abs(others).max() < 0.25


def test_uncleaned_it_shows_half_the_brain(phantom):
    _, others = at_nodes(phantom, cleaned=False)
    assert np.median(others) > 0.3
    truth = phantom.networks["default mode"].data[phantom.mask.data]
    clear, raw = (np.corrcoef(seed_map(phantom, cleaned)[0], truth)[0, 1] for cleaned in (True, False))
    assert clear > raw + 0.15


def test_language_is_on_the_left_only(phantom):
    x = phantom.run.grid.to_mm(np.argwhere(phantom.networks["language"].data > 0.05)[:, ::-1])[:, 0]
    assert len(x) > 50
    assert x.max() < -20


def test_the_networks_lie_at_their_seeds(phantom):
    for _, node in phantom.nodes.iterrows():
        i, j, k = np.rint(phantom.run.grid.to_voxel(node[["x", "y", "z"]].astype(float))).astype(int)
        assert phantom.regions.table["name"][phantom.regions.labels[k, j, i]] == node["network"]


def test_the_head_is_a_head():
    head = tissues(mni_grid(4.0))
    millilitres = head.brain.sum() * 0.064
    assert 1500 < millilitres < 2000
    assert head.grey.sum() > 0.3 * head.brain.sum()
    assert head.white.sum() > 0.25 * head.brain.sum()
    assert min(part.min() for part in (head.grey, head.white, head.csf, head.cerebrum, head.rim)) > -1e-5
    assert head.brain.max() < 1 + 1e-5


def test_the_capsule_is_at_the_right_temple(phantom):
    i, j, k = np.rint(phantom.anatomy.grid.to_voxel(MARKER)).astype(int)
    assert phantom.anatomy.data[k, j, i] == pytest.approx(1300, abs=100)
    assert phantom.anatomy.data[k, j, -1 - i] == 0  # none on the left
    assert MARKER[0] > 0


def test_six_subjects_differ_in_everything_but_their_networks(group):
    assert len(group) == 6
    assert len({digest(subject.run.data) for subject in group}) == 6
    first = group[0]
    for subject in group[1:]:
        assert subject.run.grid.matches(first.run.grid)
        assert subject.run.data.shape == (120, 37, 44, 37)
        assert not np.allclose(subject.series.data, first.series.data)
        moved = np.abs((subject.nodes[["x", "y", "z"]] - network_seeds()[["x", "y", "z"]]).to_numpy())
        assert 0 < moved.mean() < 3
        assert moved.max() <= 4
        assert list(subject.networks.names) == list(first.networks.names)


def test_the_default_mode_network_shows_in_the_subjects(group):
    for subject in group[::5]:
        same, others = at_nodes(subject, cleaned=True)
        assert same.min() > 0.5
        assert np.median(np.abs(others)) < 0.25


def test_fewer_subjects_are_the_first_of_more(group):
    assert digest(resting_group(1)[0].run.data) == digest(group[0].run.data)


def test_faces_and_houses_have_a_label_for_each_volume(faces):
    labels = faces.labels
    assert list(labels.columns) == ["labels", "chunks"]
    assert len(labels) == faces.run.n_volumes == 456
    assert labels["chunks"].nunique() == 8
    counts = labels.groupby("chunks")["labels"].value_counts().unstack()
    assert (counts[["face", "house", "shoe", "scrambledpix"]] == 8).all(axis=None)
    orders = {tuple(dict.fromkeys(chunk[chunk != "rest"])) for _, chunk in labels.groupby("chunks")["labels"]}
    assert len(orders) > 3


def test_faces_against_houses_finds_the_two_areas_on_both_sides(faces):
    from scipy.stats import ttest_ind

    compared = faces.labels["labels"].isin(["face", "house"]).to_numpy()
    part = faces.run.replace(data=faces.run.data[compared], confounds=None)
    data = np.asarray(smooth(part, 5.0).data)
    shown = faces.labels["labels"].to_numpy()[compared]
    with np.errstate(all="ignore"):
        t, p = ttest_ind(data[shown == "face"], data[shown == "house"], equal_var=False)
    mean_t = {row["name"]: t[faces.regions.labels == index].mean() for index, row in faces.regions.table.iterrows()}
    assert min(mean_t["L FFA"], mean_t["R FFA"]) > 4
    assert max(mean_t["L PPA"], mean_t["R PPA"]) < -4
    assert abs(mean_t["V1"]) < 1.5
    strong = (p < 1e-5) & faces.mask.data
    assert (strong & faces.ventral_temporal.data).sum() > 50
    elsewhere = strong & (faces.regions.labels == 0) & ~faces.ventral_temporal.data
    assert elsewhere.sum() < 0.01 * faces.mask.data.sum()


def test_the_face_area_is_larger_on_the_right(faces):
    sizes = faces.regions.table.set_index("name")["size_mm3"]
    assert sizes["R FFA"] > 2 * sizes["L FFA"]
    places = faces.regions.table.set_index("name")[["x", "z"]]
    assert places.loc["L FFA", "x"] < 0 < places.loc["R FFA", "x"]


def test_the_ventral_temporal_mask_is_cortex_on_both_sides(faces):
    mask = faces.ventral_temporal.data
    x = faces.run.grid.to_mm(np.argwhere(mask)[:, ::-1])[:, 0]
    assert 0.7 < (x < 0).sum() / (x > 0).sum() < 1.4
    assert (mask & ~faces.mask.data).sum() < 0.1 * mask.sum()
    inside = np.isin(faces.regions.labels, [1, 2, 3, 4])
    assert (inside & mask).sum() > 0.5 * inside.sum()
