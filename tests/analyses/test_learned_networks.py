"""Networks of reductions: what every result keeps to, and nilearn beside it the whole way from images."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linear_sum_assignment

from napari_connectome import Grid, Maps, Regions, Run, Volume
from napari_connectome.analyses.networks import NetworkMaps, Networks, networks_of
from napari_connectome.core.cleaning import Cleaning
from napari_connectome.core.errors import Cancelled, InputError
from napari_connectome.core.subject import Reductions, SubjectReduction, reduce_subject

GRID = Grid((11, 13, 12), np.diag([4.0, 4.0, 4.0, 1.0]))
K = 5
WAYS = [
    {"alpha": 3.0, "search": "early"},
    {"alpha": 3.0, "search": "full"},
    {"method": "ica"},
]  # alpha grows with the root of the runs
ways = pytest.mark.parametrize("way", WAYS, ids=["early", "full", "ica"])


def brain():
    inside = np.zeros(GRID.shape, dtype=bool)
    inside[1:-1, 1:-1, 1:-1] = True
    inside[5, 6, 6] = False
    return Volume(inside, GRID, name="brain")


def blobs(seed=0):
    """Networks (K, z, y, x): two balls each, apart from all others."""
    rng = np.random.default_rng(seed)
    places = np.stack(np.meshgrid([3, 8], [2, 6, 10], [3, 8], indexing="ij"), axis=-1).reshape(-1, 3)
    centres = rng.permutation(places)[: 2 * K]
    away = ((np.argwhere(np.ones(GRID.shape))[:, None] - centres) ** 2).sum(axis=2)
    return np.exp(-away / 3.0).reshape(*GRID.shape, K, 2).max(axis=4).transpose(3, 0, 1, 2)


def runs(n=4, t=70, seed=0, noise=2.0):
    for subject in range(n):
        rng = np.random.default_rng([seed, subject])
        signal = np.tensordot(rng.standard_normal((t, K)) * [3, 2.7, 2.4, 2.1, 1.8], blobs(seed), 1)
        yield Run(100 + signal + noise * rng.standard_normal(signal.shape), GRID, 2.0, name=f"sub-{subject + 1}")


def reduced(n=4, seed=0, rows=K, fwhm=4.0):
    return Reductions(brain(), tuple(reduce_subject(run, brain(), rows, fwhm, Cleaning()) for run in runs(n, seed=seed)))


@pytest.fixture(scope="module")
def reductions():
    return reduced(rows=8)


def in_mask(maps):
    return np.asarray(maps.data)[:, brain().data].astype(np.float64)


def matched(maps, others):
    r = np.abs(np.corrcoef(maps, others)[: len(maps), len(maps) :])
    return r[linear_sum_assignment(-r)]


@ways
def test_the_networks_are_found_and_in_order(reductions, way):
    networks = networks_of(reductions, Networks(n_components=K, **way))
    assert matched(in_mask(networks), blobs()[:, brain().data]).min() > 0.89
    assert networks.data.shape == (K, *GRID.shape)
    assert networks.data.dtype == np.float32
    assert not networks.data[:, ~brain().data].any()
    assert all(a >= b for a, b in pairwise(networks.explained))
    assert networks.names == tuple(f"network {i}" for i in range(1, K + 1))
    assert networks.explained.max() <= networks.score <= min(1.0, networks.explained.sum() * 1.5)
    assert networks.subjects == ("sub-1", "sub-2", "sub-3", "sub-4")
    assert np.isnan(networks.objective) == (way.get("method") == "ica")
    for one in in_mask(networks):
        if way.get("method") == "ica":
            assert one.max() >= -one.min()
        else:
            assert (one > 0).sum() >= (one < 0).sum()
            assert np.linalg.norm(one) == pytest.approx(1.0, rel=1e-5)


@ways
def test_provenance_is_plain_and_complete(reductions, way):
    params = Networks(n_components=K, **way)
    networks = networks_of(reductions, params)
    about = json.loads(json.dumps(networks.provenance, allow_nan=False))
    assert Networks.from_dict(about["parameters"]) == params
    assert [run["name"] for run in about["runs"]] == list(networks.subjects)
    assert about["mask"]["voxels"] == brain().data.sum()
    assert about["score"] == networks.score
    assert [one["explained"] for one in about["networks"]] == networks.explained.tolist()


@ways
def test_the_same_twice_and_the_same_set_when_the_input_moves_a_little(reductions, way):
    params = Networks(n_components=K, **way)
    first, second = networks_of(reductions, params), networks_of(reductions, params)
    np.testing.assert_array_equal(first.data, second.data)
    np.testing.assert_array_equal(first.explained, second.explained)
    rng = np.random.default_rng(0)
    moved = tuple(
        replace(s, rows=(s.rows * (1 + 1e-6 * rng.standard_normal(s.rows.shape))).astype(np.float32))
        for s in reductions.subjects
    )
    again = networks_of(replace(reductions, subjects=moved), params)
    assert matched(in_mask(first), in_mask(again)).min() > 0.9999
    np.testing.assert_allclose(first.explained, again.explained, rtol=1e-4)


@ways
def test_more_rows_than_networks_change_nothing(reductions, way):
    params = Networks(n_components=K, **way)
    more, fewer = networks_of(reductions, params), networks_of(reductions.first(K), params)
    np.testing.assert_array_equal(more.data, fewer.data)


@ways
def test_the_order_of_the_runs_matters_little(reductions, way):
    params = Networks(n_components=K, **{**way, "search": "full"})
    other = replace(reductions, subjects=reductions.subjects[::-1])
    assert matched(in_mask(networks_of(reductions, params)), in_mask(networks_of(other, params))).min() > 0.99


@ways
def test_what_it_looks_like_so_far_is_shown(reductions, way):
    shown, told = [], []
    networks = networks_of(
        reductions, Networks(n_components=K, **way), watch=shown.append, progress=lambda done, doing: told.append(done)
    )
    assert shown[-1].maps.shape == (K, brain().data.sum())
    assert shown[-1].maps.dtype == np.float32
    assert shown[-1].mask is networks.mask
    assert matched(shown[-1].maps, in_mask(networks)).min() > 0.6
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)


@ways
def test_cancel_stops_it_wherever_it_is(reductions, way):
    told = []
    params = Networks(n_components=K, **way)
    networks_of(reductions, params, progress=lambda done, doing: told.append(done))
    for at in range(1, len(told) + 1, max(1, len(told) // 7)):
        left = at

        def stop(done, doing):
            nonlocal left
            left -= 1
            if not left:
                raise Cancelled

        with pytest.raises(Cancelled):
            networks_of(reductions, params, progress=stop)


@pytest.mark.parametrize("way", [WAYS[0], WAYS[1]], ids=["early", "full"])
def test_beside_nilearn_all_the_way_from_images(way):
    """From the same maps: its networks one to one, its score, an objective no higher."""
    from nibabel import Nifti1Image
    from nilearn.decomposition import DictLearning
    from nilearn.decomposition import dict_learning as module

    inside, start = {}, Maps(blobs() + 0.05, GRID)
    original = module.dict_learning_online

    def watched(voxels, *args, **options):
        code, atoms = original(voxels, *args, **options)
        rest = voxels - code @ atoms
        inside["objective"] = float((0.5 * (rest**2).sum(axis=1) + 3.0 * np.abs(code).sum(axis=1)).mean())
        return code, atoms

    def image(data):
        return Nifti1Image(np.asarray(data, dtype=np.float64).T, GRID.affine)

    theirs = DictLearning(
        n_components=K, alpha=3.0, random_state=0, smoothing_fwhm=4.0, standardize="zscore_sample",
        mask=Nifti1Image(brain().data.T.astype(np.uint8), GRID.affine),
    )  # fmt: skip
    images = [image(run.data) for run in runs()]

    def begin(data):  # its own dict_init is smoothed, detrended and standardised as if the maps were volumes
        maps = np.stack([one.T[brain().data.T] for one in start.data])
        theirs.components_init_ = maps / (maps**2).sum(axis=1)[:, None]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(theirs, "_init_dict", begin)
        patch.setattr(module, "dict_learning_online", watched)
        theirs.fit(images)
    mine = networks_of(reduced(), Networks(n_components=K, **way), start=start)
    maps = theirs.components_img_.get_fdata().T[:, brain().data]
    full = way["search"] == "full"
    assert matched(in_mask(mine), maps).min() > (0.9 if full else 0.99)
    if full:
        assert mine.objective <= inside["objective"]
        return
    rough = [reduce_subject(run, brain(), K, 4.0, Cleaning(), seed=0) for run in runs()]
    same = networks_of(Reductions(brain(), tuple(rough)), Networks(n_components=K, **way), start=start)
    assert matched(in_mask(same), maps).min() > 0.9999
    assert same.objective == pytest.approx(inside["objective"], rel=1e-5)
    assert mine.objective == pytest.approx(inside["objective"], rel=1e-3)
    # The score counts what the reductions hold of the maps, and projects without nilearn's constant: 0.01 at most.
    assert mine.score == pytest.approx(float(theirs.score(images)), abs=0.01)


def test_score_and_shares_are_those_of_the_whole_runs_to_a_hundredth():
    from nilearn.decomposition._base import _explained_variance

    mine = networks_of(reduced(), Networks(n_components=K, alpha=3.0))
    whole = np.concatenate([reduce_subject(run, brain(), 70, 4.0, Cleaning()).rows for run in runs()]).astype(np.float64)
    assert mine.score == pytest.approx(_explained_variance(whole, in_mask(mine), per_component=False), abs=0.01)
    np.testing.assert_allclose(mine.explained, _explained_variance(whole, in_mask(mine)), atol=0.01)


@ways
def test_a_warm_start_keeps_its_names_and_stays_where_it_is(reductions, way):
    params = Networks(n_components=3, **way)
    first = networks_of(reductions, params.replace(n_components=K)).renamed(
        ["visual", "network 9", "motor", "map 2", "auditory"]
    )
    again = networks_of(reductions, params, start=first.take([4, 1, 0, 2, 3]))
    assert matched(in_mask(first), in_mask(again)).min() > (0.97 if way.get("method") != "ica" else 0.99)
    r = np.corrcoef(in_mask(first), in_mask(again))[:K, K:]
    for name in ("visual", "motor", "auditory"):
        assert r[first.names.index(name), again.names.index(name)] > 0.95
    assert sorted(set(again.names) - {"visual", "motor", "auditory"}) == [
        f"network {i + 1}" for i, name in enumerate(again.names) if name not in ("visual", "motor", "auditory")
    ]
    assert sorted(again.provenance["start"]) == sorted(first.names)
    assert again.provenance["parameters"]["n_components"] == K


@ways
def test_an_atlas_can_be_begun_with(reductions, way):
    strongest = blobs()
    labels = np.where(strongest.max(axis=0) > 0.4, strongest.argmax(axis=0) + 1, 0) * 10
    names = ["a", "b", "c", "d", "e"]
    atlas = Regions(labels, GRID, pd.DataFrame({"name": names}, index=range(10, 60, 10)))
    networks = networks_of(reductions, Networks(**way), start=atlas)
    assert sorted(networks.names) == names
    r = np.corrcoef(in_mask(networks), strongest[:, brain().data])[:K, K:]
    assert min(r[i, names.index(name)] for i, name in enumerate(networks.names)) > 0.85


def test_maps_that_cannot_be_begun_with_are_one_sentence(reductions):
    params = Networks(n_components=K)
    outside = np.zeros((2, *GRID.shape))
    outside[0, 5, 5, 5] = outside[1, 0, 0, 0] = 1
    for start, words in [
        (Maps(blobs()[:1], GRID), "at least 2 networks"),
        (Maps(outside, GRID, names=["here", "there"]), "^there of the maps to start from has no voxel in the mask"),
        (Maps(blobs(), Grid(GRID.shape, np.diag([3.0, 4.0, 4.0, 1.0]))), "resample"),
        (blobs(), "of type ndarray"),
        (Regions(np.zeros(GRID.shape, dtype=np.uint8), GRID), "no region"),
    ]:
        with pytest.raises(InputError, match=words):
            networks_of(reductions, params, start=start)
    twice = Maps(np.repeat(blobs()[:1], 3, axis=0), GRID)
    with pytest.raises(InputError, match="alike"):
        networks_of(reductions, params.replace(method="ica"), start=twice)


def test_empty_maps_are_told(reductions):
    with pytest.raises(InputError, match="no voxel has a weight in any of the 5 networks at a sparsity of 1000"):
        networks_of(reductions, Networks(n_components=K, alpha=1000.0))
    rows = np.concatenate([subject.rows for subject in reductions.first(K).subjects])
    alpha = float(np.sort(np.linalg.norm(rows, axis=0))[-2:].mean())  # one voxel alone can give an atom of norm 1 as much
    networks = networks_of(reductions, Networks(n_components=K, alpha=alpha, search="full"))
    assert len(networks) == 1
    assert networks.data.any(axis=(1, 2, 3)).all()
    assert networks.left_out[-1].startswith(f"{K - len(networks)} of {K} networks came out empty at a sparsity of")
    assert networks.provenance["left_out"] == list(networks.left_out)
    named = networks_of(
        reductions,
        Networks(alpha=alpha, search="full"),
        start=Maps(blobs(), GRID, names=["a", "b", "c", "d", "e"]),
    )
    empty = sorted(set("abcde") - set(named.names))
    assert named.left_out[-1].startswith(", ".join(empty))


def test_independent_maps_that_are_empty_are_told_in_their_own_words(reductions):
    networks = networks_of(reductions, Networks(n_components=K, method="ica", ratio=1 / 2000))
    assert len(networks) < K
    assert "with a threshold ratio of 0.0005" in networks.left_out[-1]
    assert "raise the threshold ratio" in networks.left_out[-1]
    assert "sparsity" not in networks.left_out[-1]


def test_a_mask_of_fewer_voxels_than_networks(reductions):
    few = np.zeros(GRID.shape, dtype=bool)
    few[4, 4, 4] = True
    run = SubjectReduction("short", np.ones((1, 1), dtype=np.float32), 1.0, 6)
    with pytest.raises(InputError, match="5 networks were asked for and the mask has 1 voxel:"):
        networks_of(Reductions(Volume(few, GRID), (run,)), Networks(n_components=K))


def test_runs_that_hold_too_little_are_one_sentence(reductions):
    one = replace(reductions, subjects=reductions.first(3).subjects[:1])
    for way in WAYS:
        with pytest.raises(InputError, match="5 networks were asked for and the runs give only 3 components together"):
            networks_of(one, Networks(n_components=K, **way))
        zeros = SubjectReduction("flat", np.zeros((6, int(brain().data.sum())), dtype=np.float32), 0.0, 6)
        with pytest.raises(InputError, match="nothing but zeros"):
            networks_of(Reductions(brain(), (zeros,)), Networks(n_components=K, **way))
        with pytest.raises(InputError, match="no run"):
            networks_of(Reductions(brain(), ()), Networks(n_components=K, **way))
        # One empty run among others does no harm.
        mixed = networks_of(replace(reductions, subjects=(*reductions.subjects, zeros)), Networks(n_components=K, **way))
        assert len(mixed) == K


def test_some_of_the_networks_under_other_names(reductions):
    networks = networks_of(reductions, Networks(n_components=K))
    some = networks.take([3, 0]).renamed(["b", "a"])
    assert some.names == ("b", "a")
    np.testing.assert_array_equal(some.data, networks.data[[3, 0]])
    np.testing.assert_array_equal(some.explained, networks.explained[[3, 0]])
    assert (some.score, some.objective, some.mask) == (networks.score, networks.objective, networks.mask)
    assert [network["name"] for network in some.provenance["networks"]] == ["b", "a"]
    assert [network["explained"] for network in some.provenance["networks"]] == some.explained.tolist()
    assert some.provenance["learned"] == K
    assert len(networks.provenance["networks"]) == K


@ways
def test_networks_are_read_back_with_all_that_is_known_of_them(reductions, way, tmp_path):
    from napari_connectome.io.load import load_maps
    from napari_connectome.io.save import save

    learned = networks_of(reductions, Networks(n_components=K, **way)).take([2, 0, 1]).renamed(["b", "motor", "a"])
    save(learned, tmp_path / "networks.nii.gz")
    again = NetworkMaps.of(load_maps(tmp_path / "networks.nii.gz"))
    assert again.names == learned.names
    assert again.provenance == json.loads(json.dumps(learned.provenance))
    assert again.learned_with == learned.learned_with == Networks(n_components=K, **way)
    np.testing.assert_array_equal(again.explained, learned.explained)
    for field in ("score", "objective", "objectives", "subjects", "left_out"):
        np.testing.assert_equal(getattr(again, field), getattr(learned, field))
    some, same = again.take([1]).renamed(["c"]), learned.take([1]).renamed(["c"])
    assert some.provenance["networks"] == same.provenance["networks"]


def test_of_maps_that_nobody_learned_nothing_is_known():
    maps = Maps(np.ones((2, *GRID.shape), "f4"), GRID, ["a", "b"], {"networks": "many", "score": "high", "parameters": 3})
    networks = NetworkMaps.of(maps)
    assert networks.names == ("a", "b")
    assert np.isnan([*networks.explained, networks.score, networks.objective]).all()
    assert networks.learned_with is None
    edited = replace(maps, provenance={"analysis": "learn_networks", "parameters": {"alpha": "large", "beta": 1}})
    assert NetworkMaps.of(edited).learned_with is None
    assert NetworkMaps.of(networks) is networks


def test_voxels_are_drawn_in_the_order_of_their_file(tmp_path):
    """As nilearn draws them, from files of any orientation."""
    from nibabel import Nifti1Image, save

    from napari_connectome import load_volume
    from napari_connectome.analyses.networks import _order_in_file

    inside = np.random.default_rng(0).random((5, 6, 7)) > 0.4
    for axes in ((1, 1, 1), (-1, 1, 1), (-1, -1, 1), (1, -1, -1)):
        affine = np.diag([3.0 * axes[0], 3.0 * axes[1], 3.0 * axes[2], 1])
        save(Nifti1Image(inside.astype(np.uint8), affine), tmp_path / "mask.nii")
        mask = load_volume(tmp_path / "mask.nii")
        ours = Volume(mask.data > 0, mask.grid)
        places = ours.grid.to_mm(np.argwhere(ours.data)[:, ::-1])[_order_in_file(ours)]
        np.testing.assert_allclose(places, np.argwhere(inside) @ affine[:3, :3])
