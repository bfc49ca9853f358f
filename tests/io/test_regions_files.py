"""An atlas is read back as it was written: labels, ids, names and where its regions come from."""

import json
import os
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from nilearn.maskers import NiftiLabelsMasker

from napari_connectome import Grid, Maps, Regions, Run, load_regions, save
from napari_connectome.core.errors import Cancelled, InputError
from napari_connectome.core.origins import Origin, fingerprint, region_warnings
from napari_connectome.core.region_table import one_line
from napari_connectome.io import save as writing
from napari_connectome.io.save import write_labels

GRID = Grid((3, 4, 5), np.array([[2.0, 0, 0.1, -4], [0, 2, 0, -5], [-0.1, 0, 3, 1], [0, 0, 0, 1]]))
FACES = Origin("bold", "10×4-ab", "face > house", "-log10 p ≥ 5")
HOUSES = Origin("Rüñ\t2", "10×4-cd", 'house > "face"')

names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12) | st.sampled_from(
    [
        "n/a",
        "NA",
        "nan",
        "",
        " ",
        "a\tb",
        'say "hi"',
        '"',
        "'",
        "#1",
        "1",
        "a,b;c",
        "index",
        "name",
        "background",
        "Ünï ☃",
        "a\nb",
    ]
)
origins = st.lists(st.sampled_from([FACES, HOUSES]), max_size=2, unique=True).map(tuple)
tables = st.dictionaries(st.integers(1, 2**32 - 1) | st.integers(1, 9170), st.tuples(names, origins), min_size=1, max_size=9)


def _atlas(table):
    labels = np.zeros(60, np.uint32)
    labels[: len(table)] = list(table)
    labels[-5:] = next(iter(table))
    frame = pd.DataFrame({"name": {i: name for i, (name, _) in table.items()}})
    return Regions(labels.reshape(GRID.shape), GRID, frame, {i: found for i, (_, found) in table.items()})


@given(tables)
@example({7: ("", (FACES,)), 9170: ("n/a", ()), 300: ("a\tb", (FACES, HOUSES)), 1: ('"', ())})
@example({1: ("0", ())})
def test_an_atlas_is_read_back_unchanged(table):
    regions = _atlas(table)
    with tempfile.TemporaryDirectory() as folder:
        save(regions, Path(folder) / "my_dseg.nii.gz")
        again = load_regions(Path(folder) / "my_dseg.nii.gz")
    np.testing.assert_array_equal(again.labels, regions.labels)
    assert again.labels.dtype == regions.labels.dtype
    pd.testing.assert_frame_equal(again.table, regions.table)
    assert again.origins == regions.origins
    assert dict(again.table["name"]) == {i: one_line(name) for i, (name, _) in table.items()}


@pytest.mark.parametrize("kind", ["u2", "i4", "f4", "f8"])
def test_an_atlas_of_ids_to_9170_is_read_in_any_type(tmp_path, kind):
    data = np.random.default_rng(0).choice([0, 1, 255, 256, 9170], (5, 4, 3)).astype(kind)
    nib.save(nib.Nifti1Image(data, GRID.affine), tmp_path / "a.nii.gz")
    regions = load_regions(tmp_path / "a.nii.gz")
    assert regions.labels.dtype == np.uint16
    np.testing.assert_array_equal(regions.labels, data.T)
    save(regions, tmp_path / "b.nii.gz")
    again = load_regions(tmp_path / "b.nii.gz")
    pd.testing.assert_frame_equal(again.table, regions.table)
    assert again.ids.tolist() == [1, 255, 256, 9170]
    assert nib.load(tmp_path / "b.nii.gz").get_data_dtype() == np.uint16


def test_the_table_is_one_that_other_programs_read(tmp_path):
    regions = _atlas({3: ("L FFA", (FACES,)), 9170: ("a\tb", ()), 20: ("V1", ())})
    save(regions, tmp_path / "my_dseg.nii.gz")
    assert sorted(os.listdir(tmp_path)) == ["my_dseg.json", "my_dseg.nii.gz", "my_dseg.tsv"]
    lines = (tmp_path / "my_dseg.tsv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "index\tname\tx\ty\tz\tsize_mm3"
    assert lines[1].startswith("3\tL FFA\t")
    assert lines[3].startswith('9170\t"a\tb"\t')
    frame = pd.read_csv(tmp_path / "my_dseg.tsv", sep="\t", index_col="index")
    pd.testing.assert_frame_equal(frame, regions.table)
    masker = NiftiLabelsMasker(tmp_path / "my_dseg.nii.gz", lut=tmp_path / "my_dseg.tsv", standardize=None).fit()
    masker.transform(nib.Nifti1Image(np.ones((5, 4, 3, 2)), GRID.affine))
    assert set(masker.region_names_.values()) == {"L FFA", "V1", "a\tb"}


def test_a_region_is_still_circular_when_it_is_read_back(tmp_path):
    rng = np.random.default_rng(0)
    run = Run(rng.integers(0, 900, (9, *GRID.shape)).astype(np.int16), GRID, 2.0, name="bold")
    own = Origin(run.name, fingerprint(run), "face > house", "-log10 p ≥ 5")
    save(_atlas({1: ("FFA", (own,)), 2: ("PPA", ())}), tmp_path / "rois.nii")
    save(run, tmp_path / "other name.nii.gz")
    from napari_connectome import load_run

    again = load_regions(tmp_path / "rois.nii")
    said = region_warnings(load_run(tmp_path / "other name.nii.gz"), again, ["face", "house"])
    assert said[0].startswith("Circular: FFA was made from this run (face > house, -log10 p ≥ 5)")
    assert said[1] == ""
    (tmp_path / "rois.json").unlink()
    without = load_regions(tmp_path / "rois.nii")
    assert without.origins == {}
    pd.testing.assert_frame_equal(without.table, again.table)


@pytest.mark.parametrize(
    "text", ['{"RepetitionTime": 2}', '{"names": [], "provenance": {}}', "[1]", '"origins"', "no json", ""]
)
def test_a_json_of_somebody_elses_is_never_touched(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError, match=r"a\.json is beside the image and does not say where regions come from"):
        save(_atlas({1: ("FFA", (FACES,))}), tmp_path / "a.nii")
    assert os.listdir(tmp_path) == ["a.json"]
    save(_atlas({1: ("FFA", ())}), tmp_path / "a.nii")  # nothing to say there
    assert (tmp_path / "a.json").read_text() == text
    assert load_regions(tmp_path / "a.nii").origins == {}


def test_what_a_file_said_of_other_regions_does_not_stay(tmp_path):
    path = tmp_path / "a.nii"
    save(_atlas({1: ("FFA", (FACES,))}), path)
    save(_atlas({1: ("drawn by hand", ())}), path)
    assert load_regions(path).origins == {}
    assert json.loads((tmp_path / "a.json").read_text()) == {"origins": {}}
    save(_atlas({1: ("FFA", (HOUSES,))}), path)  # our own may be renewed
    assert load_regions(path).origins == {1: (HOUSES,)}
    with pytest.raises(InputError, match="does not say how maps were made"):
        save(Maps(np.zeros((1, *GRID.shape)), GRID, provenance={"fwhm": 6.0}), path)


@pytest.mark.parametrize(
    "text", ['{"origins": 3}', '{"origins": {"x": [{}], "1": [3]}}', '{"origins": null}', '{"origins": {"1": "abc"}}']
)
def test_origins_somebody_spoiled_are_passed_over(tmp_path, text):
    save(_atlas({1: ("FFA", (FACES,))}), tmp_path / "a.nii")
    (tmp_path / "a.json").write_text(text)
    assert load_regions(tmp_path / "a.nii").origins == {}


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), Cancelled()])
def test_image_table_and_origins_fail_together(tmp_path, monkeypatch, error):
    path = tmp_path / "a.nii"
    save(_atlas({1: ("FFA", (FACES,))}), path)
    before = {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)}

    def fail(*_):
        raise error

    monkeypatch.setattr(writing, "_write_volumes", fail)
    with pytest.raises((InputError, Cancelled)):
        save(_atlas({2: ("PPA", (HOUSES,))}), path)
    assert {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)} == before


def test_a_table_has_one_row_for_each_region_of_the_image(tmp_path):
    labels = np.zeros(GRID.shape, np.int64)
    labels[0], labels[1], labels[2, 2] = 2, 3, 7
    table = pd.DataFrame({"peak": [1.5, 2.5, 3.5, np.nan], "name": ["a", "gone", "b", None]}, index=[2, 5, 7, 3])
    written = write_labels(tmp_path / "a.nii", labels, GRID, table, {2: (FACES,)})
    assert [Path(path).name for path in written] == ["a.nii", "a.tsv", "a.json"]
    assert (tmp_path / "a.tsv").read_text().splitlines() == [
        "index\tname\tpeak", "2\ta\t1.5", "3\tregion 3\tn/a", "7\tb\t3.5"
    ]  # fmt: skip
    assert list(load_regions(tmp_path / "a.nii").table["name"]) == ["a", "region 3", "b"]


def test_names_that_cannot_be_encoded_do_not_stop_the_saving(tmp_path):
    save(_atlas({1: ("broken \udc80 name", ())}), tmp_path / "a.nii")
    assert list(load_regions(tmp_path / "a.nii").table["name"]) == ["broken ? name"]


@pytest.mark.parametrize("text", ["[" * 200_000, '{"origins":' * 200_000, '{"a": ' + "9" * 5000 + "}"])
def test_json_that_cannot_be_read_is_somebody_elses(tmp_path, text):
    save(_atlas({1: ("FFA", ())}), tmp_path / "a.nii")
    (tmp_path / "a.json").write_text(text)
    assert load_regions(tmp_path / "a.nii").origins == {}
    with pytest.raises(InputError, match=r"a\.json is beside the image and does not say where regions come from"):
        save(_atlas({1: ("FFA", (FACES,))}), tmp_path / "a.nii")


def test_origins_that_another_editor_saved_are_read(tmp_path):
    save(_atlas({1: ("FFA", (FACES,))}), tmp_path / "a.nii")
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    (tmp_path / "a.json").write_text(text, encoding="utf-8-sig", newline="\r\n")
    assert load_regions(tmp_path / "a.nii").origins == {1: (FACES,)}
    save(_atlas({1: ("FFA", (HOUSES,))}), tmp_path / "a.nii")
    assert load_regions(tmp_path / "a.nii").origins == {1: (HOUSES,)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("index\tname\n", "a.tsv names no region: each line needs a whole number in its column 'index'"),
        ("index\tname\nx\tFFA\n", "a.tsv names no region"),
        ("index\tname\n1\n", "a.tsv names no region"),
        ("index\tname\n1\tFFA\n1\tOFA\n", "a.tsv calls the region 1 both 'FFA' and 'OFA': correct it"),
        ("index\tname\n1\t" + "y" * 200_000 + "\n", r"a.tsv cannot be read as a table \(field larger than field limit"),
    ],
    ids=["header only", "no numbers", "no names", "two names", "huge"],
)
def test_tables_that_name_nothing(tmp_path, text, said):
    save(_atlas({1: ("", ())}), tmp_path / "a.nii")
    (tmp_path / "a.tsv").write_text(text)
    assert list(load_regions(tmp_path / "a.nii").table["name"]) == ["region 1"]
    with pytest.raises(InputError, match=said):
        load_regions(tmp_path / "a.nii", names=tmp_path / "a.tsv")


@pytest.mark.parametrize("name", ["", ".", "a.txt", "a", "a\0.nii"])
def test_names_no_image_can_have(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    maps = Maps(np.zeros((1, *GRID.shape)), GRID, provenance={"fwhm": 6.0})
    for value in (_atlas({1: ("FFA", (FACES,))}), maps, maps[0]):
        with pytest.raises(InputError, match=r"must end in \.nii or \.nii\.gz|no file's name may have"):
            save(value, name)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("ids", [(1, 2, 3), (4, 17, 200)])
def test_the_networks_of_labels_are_read_back_with_their_names(tmp_path, ids):
    labels = np.zeros(GRID.shape, np.uint8)
    labels[0, 0, :3] = ids
    table = pd.DataFrame({"name": list("abc"), "network": ["visual", "default mode", "visual"]}, index=ids)
    save(Regions(labels, GRID, table), tmp_path / "atlas.nii.gz")
    assert load_regions(tmp_path / "atlas.nii.gz").table["network"].tolist() == ["visual", "default mode", "visual"]
    assert "network" not in load_regions(tmp_path / "atlas.nii.gz", names=["x", "y", "z"]).table
    other = labels.copy()
    other[1, 1, 1] = 9  # the table beside it is of another atlas
    write_labels(tmp_path / "other.nii.gz", other, GRID)
    (tmp_path / "other.tsv").write_bytes((tmp_path / "atlas.tsv").read_bytes())
    assert "network" not in load_regions(tmp_path / "other.nii.gz").table
