"""Series of regions as tables and as an account of how they came about."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_ind

from napari_connectome import Cleaning, Grid, Regions, RegionSeries, Run, region_series
from napari_connectome.analyses.measurement import Measurement
from napari_connectome.core.design import design_of_labels
from napari_connectome.core.origins import Origin, fingerprint
from napari_connectome.io.measures import write_measures
from napari_connectome.io.tables import read_table

GRID = Grid((2, 4, 5), np.diag([2.0, 2.0, 2.0, 1.0]))
LABELS = ["", "rest", *["face", "house", "rest"] * 6]
DESIGN = design_of_labels(LABELS, 20, 2.0)


def measured(names=("left", "right", "left"), keep=None, origins=None, params=None):
    rng = np.random.default_rng(0)
    data = rng.standard_normal((20, *GRID.shape)) + 100
    data[:, :, 2] = np.nan
    labels = np.zeros(GRID.shape, np.uint16)
    labels[:, 0], labels[0, 1], labels[:, 2] = 1, 700, 3
    table = pd.DataFrame({"name": list(names)}, index=[1, 700, 3])
    run = Run(data, GRID, 2.0, keep=keep, name="bold")
    regions = Regions(labels, GRID, table, origins or {})
    params = params or RegionSeries()
    return run, Measurement.of(run, regions, region_series(run, regions, params), params)


def test_names_are_all_different_and_follow_the_ids():
    _, found = measured()
    assert found.names == {1: "left (1)", 3: "left (3)", 700: "right"}
    assert found.unusable == [3]
    _, found = measured(names=("a", "a (3)", "a"))
    assert found.names == {1: "a (1)", 3: "a (3) (3)", 700: "a (3) (700)"}
    assert found.table().columns.is_unique


def test_the_signal_of_a_region_is_nan_where_volumes_do_not_count():
    keep = np.ones(20, bool)
    keep[[0, 7]] = False
    run, found = measured(keep=keep)
    signal = found.signal(700)
    np.testing.assert_array_equal(np.isnan(signal), ~keep)
    np.testing.assert_allclose(signal[keep], run.data[keep, 0, 1].mean(axis=1))
    np.testing.assert_array_equal(found.volumes, np.flatnonzero(keep))
    np.testing.assert_array_equal(found.table()["time"], np.flatnonzero(keep) * 2.0)


def test_the_table_begins_with_time_and_condition_and_reads_back(tmp_path):
    _, found = measured(names=("time", "trial_type", "c"))
    table = found.table(DESIGN)
    assert list(table.columns) == ["time", "trial_type", "time (region)", "c", "trial_type (region)"]
    write_measures(table, tmp_path / "series.tsv", found.about(DESIGN, ("face", "house")))
    again = read_table(tmp_path / "series.tsv")
    assert again["trial_type"].fillna("").tolist() == LABELS
    assert again["c"].isna().all()
    np.testing.assert_array_equal(again["time (region)"], found.signal(1))
    assert list(found.table().columns)[:2] == ["time", "time (region)"]


def test_conditions_are_tested_and_warned_of():
    run, _ = measured()
    origins = {700: (Origin("bold", fingerprint(run), "face > house"),)}
    run, found = measured(origins=origins)
    table = found.conditions(DESIGN, "face", "house")
    assert list(table.index) == ["left (1)", "left (3)", "right"]
    face, house = (found.signal(1)[DESIGN.volumes(name)] for name in ("face", "house"))
    expected = ttest_ind(face, house)
    np.testing.assert_allclose(table.loc["left (1)", ["t", "p"]].astype(float), [expected.statistic, expected.pvalue])
    assert list(found.warnings(("face", "house"))) == [700]
    assert table["warning"].str.startswith("Circular").tolist() == [False, False, True]
    assert found.warnings(("rest", "house"))[700] == table.loc["right", "warning"], "houses took part in it, too"


def test_what_made_it_is_plain_and_complete():
    run, _ = measured()
    origin = Origin("bold", fingerprint(run), "face > house", "-log10 p ≥ 5")
    params = RegionSeries(summary="median", cleaning=Cleaning(detrend=True, standardize="psc"))
    _, found = measured(origins={1: (origin,)}, params=params)
    about = json.loads(json.dumps(found.about(DESIGN, ("face", "house"))))
    assert RegionSeries.from_dict(about["parameters"]) == params
    assert (about["run"], about["fingerprint"], about["repetition_time"]) == ("bold", fingerprint(run), 2.0)
    assert [region["voxels"] for region in about["regions"]] == [10, 10, 5]
    assert about["regions"][0]["made_from"] == [origin.to_dict()]
    assert about["without_value"] == ["left (3)"]
    assert list(about["warnings"]) == ["left (1)"]
    assert about["contrast"] == "face > house"
    assert about["volumes_of_conditions"]["face"] == 6
    assert "contrast" not in found.about()


def test_new_names_need_no_measuring():
    _, found = measured()
    table = pd.DataFrame({"name": ["A", "B", "C"]}, index=[1, 3, 700])
    renamed = found.renamed(Regions(found.regions.labels, GRID, table))
    assert list(renamed.names.values()) == ["A", "B", "C"]
    assert renamed.series.data is found.series.data


@pytest.mark.parametrize("name", ["a\tb", "  ", "é"])
def test_any_name_is_a_column(name, tmp_path):
    _, found = measured(names=(name, "b", "c"))
    write_measures(found.table(), tmp_path / "t.tsv")
    assert read_table(tmp_path / "t.tsv").shape == (20, 4)
