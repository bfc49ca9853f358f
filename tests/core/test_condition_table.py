"""The table of regions by condition is scipy's t-test on the series' own rows."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from napari_connectome import Series
from napari_connectome.core.condition_table import condition_table
from napari_connectome.core.design import design_of_labels
from napari_connectome.core.errors import InputError
from napari_connectome.io.tables import read_table, write_table

WORDS = np.array(["rest", "face", "house", "", "face", "cat", "house", "face", "house", "face"] * 4)
DESIGN = design_of_labels(list(WORDS), len(WORDS), 2.0)


def _series(columns=3, seed=0):
    data = 900 + np.random.default_rng(seed).standard_normal((len(WORDS), columns))
    return Series(data, [f"region {i + 1}" for i in range(columns)], 2.0)


@pytest.mark.parametrize("test", ["equal_variance", "welch"])
@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_t_and_p_are_scipy_s(test, kind):
    series = Series(_series().data.astype(kind), ["a", "b", "c"], 2.0)
    table = condition_table(series, DESIGN, "face", "house", test=test)
    face, house = (series.data[word == WORDS].astype("f8") for word in ("face", "house"))
    theirs = stats.ttest_ind(face, house, equal_var=test == "equal_variance")
    np.testing.assert_allclose(table["t"], theirs.statistic, rtol=1e-12)
    np.testing.assert_allclose(table["p"], theirs.pvalue, rtol=1e-12)
    np.testing.assert_allclose(table["dof"], theirs.df, rtol=1e-12)
    assert set(table["contrast"]) == {"face > house"}
    np.testing.assert_array_equal(condition_table(series, DESIGN, "house", "face", test=test)["t"], -table["t"])


def test_there_is_a_mean_and_a_count_for_each_condition():
    series = _series()
    table = condition_table(series, DESIGN, "face", "house")
    assert table.index.name == "region"
    assert list(table.columns) == [
        "rest", "face", "house", "cat", "n_rest", "n_face", "n_house", "n_cat", "contrast", "t", "dof", "p", "warning"
    ]  # fmt: skip
    for word in ("rest", "face", "house", "cat"):
        np.testing.assert_allclose(table[word], series.data[word == WORDS].mean(axis=0), rtol=1e-14)
        assert set(table[f"n_{word}"]) == {int((word == WORDS).sum())}


def test_volumes_left_out_are_left_out():
    series, keep = _series(), np.random.default_rng(1).random(len(WORDS)) > 0.3
    left = Series(series.data[keep], series.names, 2.0, np.flatnonzero(keep) * 2.0)
    table = condition_table(left, DESIGN, "face", "house")
    theirs = stats.ttest_ind(*(series.data[keep & (word == WORDS)] for word in ("face", "house")))
    np.testing.assert_allclose(table["t"], theirs.statistic, rtol=1e-12)


@pytest.mark.filterwarnings("error")
def test_what_cannot_be_tested_is_nan():
    data = _series(4).data
    data[:, 1] = np.nan
    data[:, 2] = 5.0
    data[:, 3] = WORDS == "face"
    table = condition_table(Series(data, list("abcd"), 2.0), DESIGN, "face", "house")
    assert table["t"].isna().tolist() == [False, True, True, False]
    assert table.loc["d", "t"] == np.inf
    assert table.loc["d", "p"] == 0
    few = design_of_labels(["face", *["house"] * 39], len(WORDS), 2.0)
    assert condition_table(_series(), few, "face", "house")[["t", "dof", "p"]].isna().all(axis=None)
    censored = Series(data[:1], list("abcd"), 2.0, np.array([0.0]))
    table = condition_table(censored, DESIGN, "face", "house")
    assert table["face"].isna().all()
    assert set(table["n_face"]) == {0}


def test_the_warning_is_in_the_table_and_in_what_is_written(tmp_path):
    said = ("", 'Circular: "region 2" …, so testing it says nothing new; use another run.', "")
    table = condition_table(_series(), DESIGN, "face", "house", warning=said)
    assert tuple(table["warning"]) == said
    write_table(table, tmp_path / "conditions.tsv")
    again = read_table(tmp_path / "conditions.tsv")
    assert again["warning"][1] == said[1]
    assert list(again["region"]) == list(table.index)
    np.testing.assert_allclose(again["t"], table["t"], rtol=1e-15)
    assert set(condition_table(_series(), DESIGN, "face", "house", warning="Circular.")["warning"]) == {"Circular."}
    with pytest.raises(InputError, match="2 warnings were given for 3 regions"):
        condition_table(_series(), DESIGN, "face", "house", warning=["", ""])


def test_a_condition_may_be_called_like_a_column():
    words = np.where(WORDS == "rest", "t", np.where(WORDS == "cat", "n_face", WORDS))
    table = condition_table(_series(), design_of_labels(list(words), len(words), 2.0), "face", "t")
    assert table.columns.is_unique
    np.testing.assert_allclose(table["mean t"], _series().data[words == "t"].mean(axis=0))
    words = np.where(WORDS == "house", "mean t", words)
    table = condition_table(_series(), design_of_labels(list(words), len(words), 2.0), "face", "t")
    for word, called in (("t", "mean t"), ("mean t", "mean mean t")):
        np.testing.assert_allclose(table[called], _series().data[words == word].mean(axis=0))


def test_regions_of_one_name_stay_two():
    table = condition_table(Series(_series(2).data, ["V1", "V1"], 2.0), DESIGN, "face", "house")
    assert list(table.index) == ["V1", "V1"]
    assert table["t"].nunique() == 2


def test_what_does_not_fit_is_one_sentence():
    series = _series()
    short = Series(series.data[:9], series.names, 2.0)
    late = Series(series.data, series.names, 2.0, np.arange(len(WORDS)) * 2.0 + 4)
    for wrong in (short, late):
        with pytest.raises(InputError, match=r"the series have .* volumes and the labels 40: give the design of the same"):
            condition_table(wrong, DESIGN, "face", "house")
    with pytest.raises(InputError, match="conditions A and B are both 'face'"):
        condition_table(series, DESIGN, "face", "face")
    with pytest.raises(InputError, match="no condition 'shoe'"):
        condition_table(series, DESIGN, "face", "shoe")
    with pytest.raises(InputError, match="must be one of equal_variance, welch"):
        condition_table(series, DESIGN, "face", "house", test="f")
    assert isinstance(condition_table(series, DESIGN, "face", "house"), pd.DataFrame)
