"""Maps and regions that are maps come back from files as they were."""

import json

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

import napari_connectome as nc
from napari_connectome.core.errors import InputError
from napari_connectome.io.load import load_maps, load_regions, load_run
from napari_connectome.io.save import save

GRID = nc.Grid((5, 6, 7), np.array([[-3.0, 0, 0, 10], [0, 3, 0, 5], [0, 0, 3, 0], [0, 0, 0, 1]]) * [[-1], [1], [1], [1]])


def _data(k=3, seed=0):
    data = np.random.default_rng(seed).standard_normal((k, *GRID.shape)).astype(np.float32)
    data[np.abs(data) < 1] = 0
    return data


def _frame(path, k=3, axes=(-1, 1, 1), **header):
    """A 4-D file of somebody else's, with the first axis to the left."""
    image = nib.Nifti1Image(np.ascontiguousarray(_data(k).T)[:: axes[0]], np.diag([*np.multiply(axes, 3.0), 1]))
    for name, value in header.items():
        image.header[name] = value
    nib.save(image, path)
    return path


def test_maps_come_back_with_names_and_provenance(tmp_path):
    maps = nc.Maps(
        _data(), GRID, ["DMN", "visual, left", "motor"], {"analysis": "learn_networks", "score": 0.31, "runs": ["a"]}
    )
    save(maps, tmp_path / "maps.nii.gz")
    again = load_maps(tmp_path / "maps.nii.gz")
    assert again.names == maps.names
    assert again.provenance == maps.provenance
    assert again.grid == GRID
    np.testing.assert_array_equal(again.data, maps.data)
    assert load_maps(tmp_path / "maps.nii.gz", names=["x", "y", "z"]).names == ("x", "y", "z")


def test_names_survive_without_a_provenance(tmp_path):
    save(nc.Maps(_data(), GRID, ["a", "b", "c"]), tmp_path / "named.nii")
    assert load_maps(tmp_path / "named.nii").names == ("a", "b", "c")
    save(nc.Maps(_data(), GRID), tmp_path / "bare.nii")
    assert not (tmp_path / "bare.json").exists()
    assert load_maps(tmp_path / "bare.nii").names == ("map 1", "map 2", "map 3")


def test_learned_networks_come_back(tmp_path):
    from napari_connectome.analyses.networks import NetworkMaps

    maps = NetworkMaps(_data(), GRID, ["n 1", "n 2", "n 3"], {"score": 0.5, "objective": None}, explained=np.array([3.0, 2, 1]))
    save(maps.take([2, 0]).renamed(["motor", "DMN"]), tmp_path / "networks.nii.gz")
    again = load_maps(tmp_path / "networks.nii.gz")
    assert again.names == ("motor", "DMN")
    assert again.provenance == {"score": 0.5, "objective": None}
    np.testing.assert_array_equal(again.data, maps.data[[2, 0]])


@pytest.mark.parametrize("networks", [None, ["DMN", "visual", "motor"]])
def test_regions_that_are_maps_come_back_whole(tmp_path, networks):
    about = {"extraction": {"threshold": 1.0}}
    made_from = {} if networks is None else {"source_map": [0, 0, 2], "network_names": networks}
    regions = nc.Regions.of_maps(_data(), GRID, provenance=about, **made_from)
    save(regions, tmp_path / "atlas.nii.gz")
    again = load_regions(tmp_path / "atlas.nii.gz")
    pd.testing.assert_frame_equal(again.table, regions.table)
    np.testing.assert_array_equal(again.maps, regions.maps)
    np.testing.assert_array_equal(again.labels, regions.labels)
    assert again.provenance == about
    assert (again.source_map is None) == (networks is None)
    if networks:
        assert again.source_map.tolist() == [0, 0, 2]
    assert load_maps(tmp_path / "atlas.nii.gz").names == tuple(regions.table["name"])


def test_one_region_that_is_a_map_comes_back_as_one(tmp_path):
    regions = nc.Regions.of_maps(_data(1), GRID, names=["only"], source_map=[3], network_names=["a", "b", "c", "visual"])
    save(regions, tmp_path / "one.nii.gz")
    again = load_regions(tmp_path / "one.nii.gz")
    np.testing.assert_array_equal(again.maps, regions.maps)
    assert list(again.source_map) == [3]
    assert list(again.table["network"]) == ["visual"]


def test_maps_are_laid_out_like_the_file_they_were_learned_from(tmp_path):
    run = load_run(_frame(tmp_path / "run.nii.gz", pixdim=[1, 3, 3, 3, 2, 0, 0, 0], xyzt_units=10))
    assert run.tr == 2.0
    regions = nc.Regions.of_maps(run.data, run.grid)
    save(regions, tmp_path / "regions.nii.gz")
    image = nib.load(tmp_path / "regions.nii.gz")
    assert nib.aff2axcodes(image.affine) == ("L", "A", "S")
    np.testing.assert_array_equal(load_regions(tmp_path / "regions.nii.gz").maps, run.data)


def test_a_run_is_no_atlas(tmp_path):
    path = _frame(tmp_path / "bold.nii.gz", pixdim=[1, 3, 3, 3, 2, 0, 0, 0], xyzt_units=10)
    with pytest.raises(InputError, match=r"bold\.nii\.gz has 3 volumes 2 s apart, as a run has"):
        load_regions(path)
    assert len(load_maps(path)) == 3


def test_a_probabilistic_atlas_of_somebody_else(tmp_path):
    path = _frame(tmp_path / "atlas.nii.gz")
    (tmp_path / "atlas.tsv").write_text("index\tname\themisphere\n1\tV1\tn/a\n2\tM1\tn/a\n3\tA1\tn/a\n")
    assert load_maps(path).names == ("V1", "M1", "A1")
    regions = load_regions(path)
    assert regions.table["name"].tolist() == ["V1", "M1", "A1"]
    np.testing.assert_array_equal(regions.maps, _data())
    assert load_regions(path, names=["a", "b", "c"]).table["name"].tolist() == ["a", "b", "c"]
    with pytest.raises(InputError, match="holds 2 names and the image 3 regions"):
        load_maps(path, names=["a", "b"])


def test_one_volume_is_one_map(tmp_path):
    save(nc.Volume(_data()[0], GRID), tmp_path / "map.nii")
    assert load_maps(tmp_path / "map.nii").data.shape == (1, *GRID.shape)


@pytest.mark.parametrize(
    "text",
    [
        "[1]",
        "no json",
        '{"names": ["a"], "provenance": {}}',
        '{"names": 3, "provenance": {}}',
        '{"names": ["a", "b", "c"], "provenance": 1}',
    ],
)
def test_a_file_beside_maps_that_is_about_something_else_is_left_aside(tmp_path, text):
    path = _frame(tmp_path / "maps.nii")
    (tmp_path / "maps.json").write_text(text)
    assert load_maps(path).names == ("map 1", "map 2", "map 3")
    assert load_maps(path).provenance == {}


@pytest.mark.parametrize(("name", "text"), [("mine.json", '{"RepetitionTime": 2}'), ("mine.tsv", "onset\tduration\n0\t1\n")])
def test_files_of_somebody_else_are_never_overwritten(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=f"{name} is beside the image .* choose another name"):
        save(nc.Regions.of_maps(_data(), GRID), tmp_path / "mine.nii.gz")
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == text


def test_what_is_written_beside_is_plain(tmp_path):
    save(nc.Regions.of_maps(_data(), GRID, source_map=[0, 1, 1]), tmp_path / "r.nii.gz")
    assert json.loads((tmp_path / "r.json").read_text())["names"] == ["network 1", "network 2 a", "network 2 b"]
    head, first, *_ = (tmp_path / "r.tsv").read_text().splitlines()
    assert head.split("\t")[:3] == ["index", "name", "network"]
    assert head.split("\t")[-1] == "source_map"
    assert first.split("\t")[:3] == ["1", "network 1", "network 1"]


def test_labels_say_how_they_were_made(tmp_path):
    labels = np.zeros(GRID.shape, dtype=int)
    labels[:2], labels[3:] = 1, 2
    about = {"extraction": {"min_size": 10.0}}
    save(nc.Regions(labels, GRID, provenance=about), tmp_path / "r.nii.gz")
    again = load_regions(tmp_path / "r.nii.gz")
    assert again.provenance == about
    assert again.origins == {}
    save(nc.Regions(labels, GRID), tmp_path / "r.nii.gz")
    assert load_regions(tmp_path / "r.nii.gz").provenance == {}
