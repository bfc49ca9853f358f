"""A run is known again by its data, and a region by where it comes from."""

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_connectome import Grid, Regions, Run, load_run, save
from napari_connectome.core.errors import InputError
from napari_connectome.core.origins import (
    Origin,
    circularity,
    fingerprint,
    inherit,
    origins_from_dict,
    origins_to_dict,
    region_warnings,
    share_volumes,
)

GRID = Grid((4, 5, 6), np.diag([2.0, 2.0, 3.0, 1.0]))
FACES = Origin("bold", "here", "face > house", "-log10 p ≥ 5")
ELSEWHERE = Origin("bold", "elsewhere", "face > house", "-log10 p ≥ 5")
ALL = Origin("bold", "here", "F: face, house, cat")


def _run(t=12, seed=0):
    return Run(np.random.default_rng(seed).integers(0, 900, (t, *GRID.shape)).astype(np.int16), GRID, 2.0, name="bold")


@pytest.mark.parametrize("kind", ["i2", ">i2", "u2", "f4", ">f4", "f8", "i8"])
def test_a_run_is_known_whatever_its_type_name_and_place(kind):
    run = _run()
    moved = Grid(GRID.shape, np.diag([3.0, 3.0, 3.0, 1.0]))
    assert fingerprint(Run(run.data.astype(kind), moved, 1.0, name="renamed")) == fingerprint(run)
    assert fingerprint(run).startswith("6×5×4×12-")


def test_a_run_is_known_in_any_order_of_memory():
    run = _run()
    turned = np.asfortranarray(run.data[..., ::-1])[..., ::-1]
    assert fingerprint(run.replace(data=turned)) == fingerprint(run)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_run_is_known_when_it_is_read_back(tmp_path, suffix):
    rng = np.random.default_rng(0)
    affine = np.diag([-2.0, 2.0, 3.0, 1.0])  # stored from right to left
    nib.save(nib.Nifti1Image(rng.standard_normal((6, 5, 4, 9)).astype("f4"), affine), tmp_path / "a.nii")
    run = load_run(tmp_path / "a.nii", tr=2.0)
    for data in (run.data, run.data.astype(np.float64)):
        save(run.replace(data=data), tmp_path / f"b{suffix}")
        assert fingerprint(load_run(tmp_path / f"b{suffix}", tr=2.0)) == fingerprint(run)


def test_other_runs_are_other_runs():
    run = _run()
    others = [_run(seed=1), _run(t=11), run.replace(data=run.data + 1), run.replace(data=run.data[::-1])]
    prints = {fingerprint(each) for each in (run, *others)}
    assert len(prints) == 5


@pytest.mark.parametrize("t", [20, 200, 1500])
@pytest.mark.parametrize("shape", [(4, 5, 6), (1, 20, 9)])
def test_a_part_of_a_run_is_known(t, shape):
    rng = np.random.default_rng(t)
    data = rng.integers(0, 900, (t, *shape)).astype(np.int16)
    run = Run(data, Grid(shape, np.eye(4)), 2.0)
    known = fingerprint(run)
    third = t // 3
    parts = data[4:], data[:-1], data[: t // 2], data[::2], data[::-1], data[third : 2 * third], rng.permutation(data)
    for part in parts:
        assert share_volumes(fingerprint(run.replace(data=part.astype("f4"))), known)
    assert not share_volumes(fingerprint(run.replace(data=data[:third])), fingerprint(run.replace(data=data[third:])))
    assert not share_volumes(fingerprint(run.replace(data=data + 1)), known)
    assert not share_volumes(fingerprint(run.replace(data=rng.permuted(data, axis=-1))), known)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 2), (2, 2, 2), (4, 5, 6)])
def test_volumes_that_hold_next_to_nothing_are_no_part_of_each_other(shape):
    data = np.zeros((9, *shape), np.int16)
    data[:, 0, 0, 0] = range(9)
    run = Run(data, Grid(shape, np.eye(4)), 2.0)
    assert not share_volumes(fingerprint(run), fingerprint(run.replace(data=data[1:])))
    assert share_volumes(fingerprint(run), fingerprint(run.replace(name="again")))


@pytest.mark.parametrize("odd", ["", "here", "6×5×4×12-abc", "a-b-c", "a-b-", "a-b-!!!!", "a-b-AAAA", "ä-ö-ü"])
def test_what_is_no_fingerprint_is_no_run_of_ours(odd):
    assert share_volumes(odd, odd)
    assert not share_volumes(odd, fingerprint(_run()))


def test_missing_values_and_signs_of_zero_do_not_matter():
    run = _run()
    data = run.data.astype(np.float64)
    data[0, 0, 0] = 0.0
    gone = data.copy()
    gone[0, 0, 0, :3] = np.nan, -np.inf, -0.0
    assert fingerprint(run.replace(data=gone)) == fingerprint(run.replace(data=data))


def test_what_was_made_from_several_has_the_origins_of_all_once():
    origins = {1: (FACES,), 2: (FACES, ALL), 3: ()}
    sources = {1: (1, 2), 2: (3,), 5: (2,), 9: (7,)}
    assert inherit(origins, sources) == {1: (FACES, ALL), 5: (FACES, ALL)}


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
made = st.builds(Origin, texts, texts, texts, texts)


@given(st.dictionaries(st.integers(1, 2**32), st.lists(made, min_size=1, max_size=3).map(tuple), max_size=4))
def test_origins_survive_as_plain_values(origins):
    plain = origins_to_dict(origins)
    assert origins_from_dict(plain) == origins
    assert origins_from_dict({str(i): found for i, found in plain.items()}) == origins  # as JSON has them


@pytest.mark.parametrize(
    "odd", [None, 3, "text", [], {"a": []}, {"1": None}, {"1": [{}]}, {"1": ["x"]}, {1: 5}, {"1": []}, {"": [FACES.to_dict()]}]
)
def test_what_somebody_else_wrote_there_is_passed_over(odd):
    assert origins_from_dict(odd) == {}


def test_an_origin_of_something_else_is_one_sentence():
    with pytest.raises(InputError, match="needs the entries run, fingerprint and contrast"):
        Origin.from_dict({"run": "bold"})
    assert Origin.from_dict({**FACES.to_dict(), "more": 1}) == FACES


def test_testing_the_run_that_made_a_region_is_circular():
    said = circularity("here", [FACES], ["face", "house"], "region 2")
    assert said == (
        "Circular: region 2 was made from this run (face > house, -log10 p ≥ 5), so testing it on the same run says nothing "
        "new; use another run or a localizer."
    )
    assert circularity("here", [FACES, FACES, ALL]).count("face > house") == 1
    assert "(face > house, -log10 p ≥ 5; F: face, house, cat)" in circularity("here", [FACES, ALL])


def test_a_region_of_another_run_or_of_none_may_be_tested():
    assert circularity("here", []) == circularity("here", [ELSEWHERE], ["face"]) == ""


@pytest.mark.parametrize(
    ("conditions", "circular"),
    [((), True), (["face", "cat"], True), (["cat", "shoe"], False), (["fac"], False), (["face > house"], False)],
)
def test_other_conditions_of_the_same_run_are_not_independent_either(conditions, circular):
    said = circularity("here", [FACES], conditions)
    assert said.startswith("Circular: " if circular else "Not independent: this region was made from this run")
    assert said.endswith("use another run or a localizer.")
    assert circularity("here", [ALL], ["cat"]).startswith("Circular")


@pytest.mark.parametrize(
    ("contrast", "conditions"),
    [
        ("face, upright > house", ["face, upright"]),
        ("a > b > c", ["a > b"]),
        ("a > b > c", ["b > c"]),
        ("F: face, upright, house", ["face, upright"]),
        ("F: a, b", ["a"]),
        ("F: a, b", ["b"]),
        ("a < b", ["b", "c"]),
    ],
)
def test_conditions_may_be_called_anything(contrast, conditions):
    assert circularity("here", [Origin("bold", "here", contrast)], conditions).startswith("Circular")
    assert circularity("here", [Origin("bold", "here", contrast)], ["up", "ace"]).startswith("Not independent")


def test_a_part_of_the_run_is_no_other_run():
    run = _run(t=60)
    origin = Origin("bold", fingerprint(run), "face > house")
    said = circularity(run.replace(data=run.data[5:]), [origin], ["face"])
    assert said.startswith("Circular: this region was made from volumes of this run (face > house), so testing")
    assert circularity(run, [origin, FACES], ["cat"]).startswith("Not independent: this region was made from this run")


def test_each_region_is_warned_of_by_its_name():
    run = _run()
    labels = np.zeros(GRID.shape, np.uint8)
    labels[0], labels[1], labels[3] = 2, 5, 9
    own = Origin("bold", fingerprint(run), "face > house")
    regions = Regions(labels, GRID, origins={5: (own,), 9: (ELSEWHERE,), 77: (own,)})
    assert set(regions.origins) == {5, 9}  # 77 is not there
    for known in (run, fingerprint(run), run.replace(data=run.data.astype("f4"), name="other")):
        none, said, other = region_warnings(known, regions, ["face", "house"])
        assert none == other == ""
        assert said.startswith("Circular: region 5 was made from this run (face > house), so")
    assert region_warnings(run, Regions(labels, GRID)) == ("", "", "")
