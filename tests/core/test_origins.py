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
