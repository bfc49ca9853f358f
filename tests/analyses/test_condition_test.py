"""Tests of conditions equal scipy's and scikit-learn's on what nilearn smooths, voxel for voxel."""

import json
import warnings

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nilearn.image import mean_img, smooth_img
from scipy import stats
from sklearn.feature_selection import f_classif

from napari_connectome.analyses.condition_test import ConditionTest, condition_test
from napari_connectome.core.design import Timing, design_of_labels
from napari_connectome.core.errors import Cancelled, InputError
from napari_connectome.core.grid import Grid
from napari_connectome.core.origins import fingerprint
from napari_connectome.core.values import Run
from napari_connectome.io.design import load_design
from napari_connectome.io.load import load_run

AFFINES = [
    np.diag([3.0, 3.0, 3.0, 1.0]),
    np.diag([2.0, 3.1, 4.5, 1.0]),
    np.array([[2.9, 0.4, -0.3, -70], [-0.35, 2.9, 0.5, -100], [0.4, -0.45, 2.95, -40], [0, 0, 0, 1]]),
]
SHAPES = [(1, 1, 1), (1, 7, 5), (2, 1, 9), (6, 5, 4), (11, 3, 8)]
WORDS = ("face", "house", "cat", "rest")


def gallery(run, labels, params):
    """t (or F), p, -log10 p and mean, by nilearn, scipy and scikit-learn in float64, constants as 0, 1 and 0."""
    image = nib.Nifti1Image(run.data.T.astype("f8"), run.grid.affine)
    smoothed = smooth_img(image, params.fwhm or None)
    data = smoothed.get_fdata().T
    keep = np.ones(len(data), bool) if run.keep is None else run.keep
    names = params.conditions if params.test == "f" else (params.a, params.b)
    groups = [data[keep & (labels == name)] for name in names]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if params.test == "f":
            flat = np.concatenate(groups).reshape(sum(map(len, groups)), -1)
            flat -= flat.mean(axis=0)  # f_classif adds squares as they are and loses digits on a high level
            t, p = (v.reshape(data.shape[1:]) for v in f_classif(flat, np.repeat(names, [*map(len, groups)])))
        else:
            t, p = stats.ttest_ind(*groups, equal_var=params.test != "welch")
        constant = np.ptp(np.concatenate(groups), axis=0) == 0
        t, p = np.where(constant | np.isnan(t), 0, t), np.where(constant | np.isnan(p), 1, p)
        log_p = np.minimum(-np.log10(p), params.clip)
    return t, p, log_p, mean_img(nib.Nifti1Image(data[keep].T, run.grid.affine), copy_header=True).get_fdata().T


def random_case(seed):
    """A run of any shape, affine and censoring, with constant and broken voxels, and labels for it."""
    rng = np.random.default_rng(seed)
    t, shape = int(rng.integers(30, 70)), SHAPES[seed % len(SHAPES)]
    labels = rng.choice(WORDS, t)
    labels[:8] = np.repeat(WORDS, 2)  # two of each, whatever is censored
    data = 100 + rng.standard_normal((t, *shape)) + rng.uniform(0, 2) * (labels == "face")[:, None, None, None]
    if seed % 3 == 0:
        data[:, : shape[0] // 2] = 7.3
        data[..., -2:] = 0
    if seed % 4 == 0:
        data[rng.random(data.shape) < 0.05] = np.nan
        data[rng.random(data.shape) < 0.01] = np.inf
        data[:, 0, 0, 0] = -np.inf
    keep = None if seed % 2 else rng.random(t) > 0.2
    if keep is not None:
        keep[:8] = True
    return Run(data, Grid(shape, AFFINES[seed % 3]), 2.0, keep=keep), labels


def params_of(seed):
    test = ("equal_variance", "welch", "f")[seed % 3]
    fwhm = (6.0, 0.0, 2.0, 20.0)[seed % 4]
    return ConditionTest(test=test, fwhm=fwhm, conditions=(WORDS[:2], WORDS[:3], WORDS)[seed // 3 % 3])


@pytest.mark.parametrize("seed", range(48))
def test_float64_runs_give_scipy_s_numbers(seed):
    run, labels = random_case(seed * 7 + 5)
    params = params_of(seed)
    t, p, log_p, mean = gallery(run, labels, params)
    before = run.data.copy()
    ours = condition_test(run, labels, params)
    np.testing.assert_array_equal(run.data, before)
    assert ours.t.data.dtype == ours.p.data.dtype == ours.log_p.data.dtype == np.float64
    np.testing.assert_allclose(ours.t.data, t, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(ours.p.data, p, rtol=1e-8, atol=0)
    np.testing.assert_allclose(ours.log_p.data, log_p, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(ours.mean.data, mean, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", ["f4", "i2", ">i2", "u1", "i4", "f2"])
@pytest.mark.parametrize("test", ["equal_variance", "welch", "f"])
def test_other_types_are_right_to_the_tolerance_of_float32(kind, test):
    run, labels = random_case(41)
    scale = 1 if kind in ("f2", "u1") else 30
    run = run.replace(data=(np.nan_to_num(run.data, posinf=0, neginf=0).clip(0) * scale).astype(kind))
    params = ConditionTest(test=test, conditions=WORDS[:3])
    t, p, log_p, mean = gallery(run, labels, params)
    ours = condition_test(run, labels, params)
    assert ours.t.data.dtype == ours.log_p.data.dtype == ours.mean.data.dtype == np.float32
    assert ours.p.data.dtype == np.float64
    np.testing.assert_allclose(ours.t.data, t, atol=8e-5)
    np.testing.assert_allclose(ours.log_p.data, log_p, atol=4e-5)
    np.testing.assert_allclose(ours.mean.data, mean, rtol=1e-6)
    np.testing.assert_allclose(np.log(ours.p.data), np.log(p), atol=1e-4)


def test_sixty_four_bit_integers_are_computed_in_float64():
    run, labels = random_case(42)
    run = run.replace(data=(np.nan_to_num(run.data, posinf=0, neginf=0) * 1e6).astype("i8"))
    ours = condition_test(run, labels)
    np.testing.assert_allclose(ours.t.data, gallery(run, labels, ConditionTest())[0], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", ["f8", "f4", "i2"])
def test_a_level_far_above_the_changes_costs_no_precision(kind):
    rng = np.random.default_rng(0)
    changes = np.rint(rng.standard_normal((40, 4, 5, 6)) * 5)
    labels = np.repeat(["face", "house"], 20)
    grid = Grid((4, 5, 6), AFFINES[0])
    low, high = (condition_test(Run((level + changes).astype(kind), grid, 2.0), labels) for level in (0, 30000))
    np.testing.assert_allclose(high.t.data, low.t.data, atol=1e-5)
    np.testing.assert_allclose(low.t.data, gallery(Run(changes, grid, 2.0), labels, ConditionTest())[0], atol=1e-5)


@pytest.mark.parametrize("kind", ["f8", "f4", "i2", "f2"])
@pytest.mark.parametrize("test", ["equal_variance", "welch", "f"])
@pytest.mark.parametrize("level", [0, 0.1, 1000])
def test_constant_voxels_give_nothing(kind, test, level):
    """Exactly: in scipy they are NaN or rounding."""
    data = np.full((30, 5, 6, 40), level, dtype=kind)
    data[:, :, :, 0] += (np.random.default_rng(1).standard_normal((30, 5, 6)) * 50).astype(kind)
    labels = np.repeat(["face", "house", "rest"], 10)
    result = condition_test(
        Run(data, Grid((5, 6, 40), AFFINES[0]), 2.0), labels, ConditionTest(test=test, conditions=WORDS[:2])
    )
    reach = 1 + int(4 * 6.0 / 2.3548 / 3 + 0.5)
    for volume, value in ((result.t, 0), (result.p, 1), (result.log_p, 0)):
        assert (volume.data[..., reach:] == value).all()
        assert not (volume.data[..., :reach] == value).any()
    assert np.isfinite(np.atleast_1d(result.dof)).all()


def test_constant_within_each_condition_is_infinitely_different():
    labels = np.repeat(["face", "house"], 10)
    data = np.zeros((20, 1, 2, 3))
    data[:10] = 1.1
    grid = Grid((1, 2, 3), AFFINES[0])
    for test in ("equal_variance", "welch", "f"):
        result = condition_test(Run(data, grid, 2.0), labels, ConditionTest(test=test, fwhm=0))
        assert (result.t.data == np.inf).all()
        assert (result.p.data == 0).all()
        assert (result.log_p.data == 10).all()


def test_the_far_tail_is_as_precise_as_scipy():
    labels = np.repeat(["face", "house"], 100)
    effect = np.geomspace(0.01, 1e4, 60).reshape(3, 4, 5)
    data = np.random.default_rng(0).standard_normal((200, 3, 4, 5)) + effect * (labels == "face")[:, None, None, None]
    run, params = Run(data, Grid((3, 4, 5), AFFINES[0]), 2.0), ConditionTest(fwhm=0, clip=300)
    _, p, log_p, _ = gallery(run, labels, params)
    ours = condition_test(run, labels, params)
    assert p.min() == 0 or p.min() < 1e-200
    np.testing.assert_allclose(ours.p.data, p, rtol=1e-9)
    np.testing.assert_allclose(ours.log_p.data, log_p, rtol=1e-11)
    single = condition_test(run.replace(data=data.astype("f4")), labels, params)
    np.testing.assert_allclose(single.log_p.data, log_p, rtol=1e-5, atol=1e-5)


def test_f_of_two_conditions_is_t_squared_and_swapping_turns_the_sign():
    run, labels = random_case(44)
    t = condition_test(run, labels)
    back = condition_test(run, labels, ConditionTest(a="house", b="face"))
    f = condition_test(run, labels, ConditionTest(test="f", conditions=("house", "face")))
    np.testing.assert_allclose(back.t.data, -t.t.data, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(back.p.data, t.p.data, rtol=1e-11)
    np.testing.assert_allclose(f.t.data, t.t.data**2, rtol=1e-9, atol=1e-18)
    np.testing.assert_allclose(f.p.data, t.p.data, rtol=1e-8)
    assert (t.contrast, back.contrast, f.contrast) == ("face > house", "house > face", "F: house, face")
    assert (t.t.name, f.t.name) == ("t", "F")


def test_without_conditions_f_compares_all_but_rest():
    run, labels = random_case(45)
    labels = np.where(labels == "rest", "Rest", labels)
    ours = condition_test(run, labels, ConditionTest(test="f"))
    order = list(dict.fromkeys(label for label in labels if label != "Rest"))
    assert ours.contrast == f"F: {', '.join(order)}"
    assert list(ours.counts) == order
    named = condition_test(run, labels, ConditionTest(test="f", conditions=tuple(order)))
    np.testing.assert_array_equal(ours.t.data, named.t.data)
    assert ours.dof == (2.0, float(sum(ours.counts.values()) - 3))


def test_views_and_files_give_what_the_array_gives(tmp_path):
    run, labels = random_case(41)
    run = run.replace(data=run.data.astype("f4"))
    expected = condition_test(run, labels).t.data
    np.save(tmp_path / "run.npy", run.data)
    for data in (
        np.asfortranarray(run.data),
        run.data[:, ::-1].copy()[:, ::-1],
        np.load(tmp_path / "run.npy", mmap_mode="r"),
    ):
        np.testing.assert_array_equal(condition_test(run.replace(data=data), labels).t.data, expected)


def test_what_censored_volumes_hold_never_matters():
    run, labels = random_case(46)
    assert run.keep is not None
    data = run.data.copy()
    data[~run.keep] = 1e9
    mine, other = condition_test(run, labels), condition_test(run.replace(data=data), labels)
    for name in ("t", "p", "mean"):
        np.testing.assert_array_equal(getattr(mine, name).data, getattr(other, name).data)
    assert sum(mine.counts.values()) < np.isin(labels, ["face", "house"]).sum()


# -- real and made ---------------------------------------------------------------------------------------------------------


def check_the_gallery(run, labels, test):
    params = ConditionTest(test=test, conditions=("face", "house"))
    t, _, log_p, mean = gallery(run, labels, params)
    ours = condition_test(run, labels, params)
    scale = max(1.0, np.abs(t).max() / 20)
    np.testing.assert_allclose(ours.t.data, t, atol=8e-5 * scale)
    np.testing.assert_allclose(ours.log_p.data, log_p, atol=4e-5)
    np.testing.assert_allclose(ours.mean.data, mean, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(ours.log_p.data >= 5, log_p >= 5)
    return ours


@pytest.mark.parametrize("test", ["equal_variance", "welch", "f"])
def test_haxby_s_faces_and_houses(real_data, test):
    folder = real_data / "task_haxby_slice"
    run = load_run(folder / "bold.nii.gz")
    design = load_design(folder / "attributes_literal.txt", run.n_volumes, run.tr)
    ours = check_the_gallery(run, design.labels, test)
    assert ours.counts == {"face": 108, "house": 108}
    by_number = load_design(folder / "attributes.txt", run.n_volumes, run.tr)
    again = condition_test(run, by_number, ConditionTest(a="1", b="2", test=test, conditions=("1", "2")))
    np.testing.assert_array_equal(again.t.data, ours.t.data)


@pytest.mark.parametrize("test", ["equal_variance", "welch", "f"])
def test_the_phantom_s_faces_and_houses(faces, test):
    made = faces
    ours = check_the_gallery(made.run, made.labels["labels"].to_numpy(), test)
    names = dict(zip(made.regions.table["name"], made.regions.ids, strict=True))
    peak = {name: ours.t.data[made.regions.labels == i].mean() for name, i in names.items()}
    assert min(peak["L FFA"], peak["R FFA"]) > 5
    if test != "f":
        assert max(peak["L PPA"], peak["R PPA"]) < -5


def test_the_phantom_answers_five_seconds_late(faces):
    made = faces
    ffa = made.regions.labels == made.regions.ids[1]
    peaks = {}
    for delay in (-10.0, 0.0, 5.0, 15.0):
        design = design_of_labels(made.labels, made.run.n_volumes, made.run.tr, Timing(delay=delay))
        peaks[delay] = condition_test(made.run, design, ConditionTest(fwhm=0)).t.data[ffa].mean()
    assert max(peaks, key=peaks.get) == 5.0


# -- what is given and what is said ----------------------------------------------------------------------------------------


@pytest.fixture
def small():
    rng = np.random.default_rng(3)
    labels = np.array(["face", "house", "rest", "cat", ""] * 6)
    labels[[4, 9]] = ["once", "rest"]
    return Run(rng.standard_normal((30, 3, 4, 5)), Grid((3, 4, 5), AFFINES[0]), 2.0, name="sub-01"), labels


def test_labels_are_taken_as_a_design_a_list_a_table_or_events(small):
    run, labels = small
    expected = condition_test(run, labels).t.data
    chunks = np.repeat([0, 1, 2], 10)
    events = pd.DataFrame({"onset": np.arange(30) * 2.0, "duration": 0.0, "trial_type": labels})
    for given in (
        list(labels),
        pd.Series(labels),
        pd.DataFrame({"labels": labels, "chunks": chunks}),
        design_of_labels(labels, 30, 2.0),
        events[events["trial_type"] != ""],
    ):
        np.testing.assert_array_equal(condition_test(run, given).t.data, expected)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"a": "dog"}, r"there is no condition 'dog' in the labels: choose among face, house, rest, cat, once\."),
        ({"b": ""}, "there is no condition ''"),
        ({"a": "house"}, "conditions A and B are both 'house': choose two different"),
        ({"b": "once"}, "the condition 'once' has 1 volume, and 2 are needed"),
        ({"test": "f", "conditions": ("face", "cat", "face")}, "'face' is given twice"),
        ({"test": "f", "conditions": ("face",)}, "two conditions or more, and there is only face"),
        ({"test": "f", "conditions": ("face", "dog")}, "no condition 'dog'"),
        ({"test": "f"}, "'once' has 1 volume"),
    ],
)
def test_conditions_that_cannot_be_compared(small, changes, said):
    run, labels = small
    with pytest.raises(InputError, match=said) as error:
        condition_test(run, labels, ConditionTest(**changes))
    assert str(error.value).endswith(".")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("left", "said"), [([], "no volumes that are not censored"), ([1], "1 volume that is not censored")])
def test_a_condition_whose_volumes_are_censored(small, left, said):
    run, labels = small
    keep = labels != "house"
    keep[left] = True
    with pytest.raises(InputError, match=f"the condition 'house' has {said}, and 2 are needed"):
        condition_test(run.replace(keep=keep), labels)


def test_labels_of_another_run(small):
    run, labels = small
    for wrong in (labels[:-1], [*labels, "face"], pd.DataFrame({"labels": labels[:-1]})):
        with pytest.raises(InputError, match=r"there are (29|31) rows in the labels|rows in the table") as error:
            condition_test(run, wrong)
        assert "30 volumes in the run" in str(error.value)
    with pytest.raises(InputError, match="was laid over 29 volumes and sub-01 has 30"):
        condition_test(run, design_of_labels(labels[:-1], 29, 2.0))
    with pytest.raises(InputError, match="must be a table with a column labels, or a list"):
        condition_test(run, None)


def test_only_rest_is_nothing_for_an_f_test(small):
    run, _ = small
    with pytest.raises(InputError, match="there is only rest"):
        condition_test(run, ["rest"] * 30, ConditionTest(test="f"))


def test_the_result_says_how_it_was_made_and_can_be_made_again(small):
    run, labels = small
    keep = np.ones(30, dtype=bool)
    keep[5] = False
    run = run.replace(keep=keep)
    design = design_of_labels(pd.DataFrame({"labels": labels}), 30, 2.0, Timing(delay=2.0), name="labels.txt")
    params = ConditionTest(a="cat", test="welch", fwhm=5.0)
    result = condition_test(run, design, params)
    made = json.loads(json.dumps(result.provenance))
    assert made["run"] == result.origin.run == "sub-01"
    assert made["fingerprint"] == result.origin.fingerprint == fingerprint(run)
    assert made["contrast"] == result.origin.contrast == "cat > house"
    assert (made["design"], made["timing"]["delay"]) == ("labels.txt", 2.0)
    assert made["volumes"] == result.counts
    assert made["degrees_of_freedom"] == result.dof
    assert made["censored"] == [5]
    assert min(result.counts.values()) - 1 <= result.dof <= sum(result.counts.values()) - 2
    again = condition_test(
        run, [label for label, n in made["labels"] for _ in range(n)], ConditionTest.from_dict(made["parameters"])
    )
    np.testing.assert_array_equal(again.t.data, result.t.data)
    assert again.counts == result.counts
    assert result.design is design
    assert {result.t.grid, result.p.grid, result.log_p.grid, result.mean.grid} == {run.grid}


def test_progress_rises_to_one_and_stopping_leaves_nothing(small):
    run, labels = small
    heard = []
    condition_test(run, labels, progress=lambda done, what: heard.append((done, what)))
    assert [done for done, _ in heard] == sorted(done for done, _ in heard)
    assert heard[-1][0] == pytest.approx(1.0)
    assert {what for _, what in heard} == {"averaging", "smoothing", "testing"}
    for stop in range(0, len(heard), 7):
        left = iter(range(stop))

        def progress(done, what, left=left):
            if next(left, None) is None:
                raise Cancelled

        with pytest.raises(Cancelled):
            condition_test(run, labels, progress=progress)


def test_a_run_too_large_for_the_memory_is_refused_first(small, monkeypatch):
    run, labels = small
    monkeypatch.setattr("napari_connectome.core.memory.available", lambda: 100)
    with pytest.raises(InputError, match="the test needs"):
        condition_test(run, labels)
