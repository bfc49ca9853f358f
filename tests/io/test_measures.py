"""A table of measures and the .json that says how they came about: both or none, and nobody else's is touched."""

import json

import numpy as np
import pandas as pd
import pytest

from napari_connectome.analyses.seed_map import SeedMap
from napari_connectome.core.errors import InputError
from napari_connectome.io.measures import write_measures
from napari_connectome.io.tables import read_table

TABLE = pd.DataFrame({"time": [0.0, 2.0], "left FFA": [1.5, np.nan]})
ABOUT = {"run": "bold", "parameters": SeedMap(), "ids": np.arange(2), "warnings": ["höchst zirkulär"]}


def test_the_table_and_what_made_it_are_written_together(tmp_path):
    write_measures(TABLE, tmp_path / "a.b.tsv", ABOUT)
    pd.testing.assert_frame_equal(read_table(tmp_path / "a.b.tsv"), TABLE)
    about = json.loads((tmp_path / "a.b.json").read_text(encoding="utf-8"))
    assert about["columns"] == ["time", "left FFA"]
    assert SeedMap.from_dict(about["provenance"]["parameters"]) == SeedMap()
    assert about["provenance"]["ids"] == [0, 1]
    assert about["provenance"]["warnings"] == ["höchst zirkulär"]
    write_measures(TABLE.set_index("time"), tmp_path / "a.b.tsv", ABOUT)  # over its own
    assert json.loads((tmp_path / "a.b.json").read_text(encoding="utf-8"))["columns"] == ["time", "left FFA"]


def test_without_anything_to_say_only_the_table_is_written(tmp_path):
    write_measures(TABLE, tmp_path / "a.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


@pytest.mark.parametrize("foreign", ["{}", '{"RepetitionTime": 2}', '{"names": [], "provenance": {}}', "[1]", "no json"])
def test_another_json_is_never_written_over(tmp_path, foreign):
    (tmp_path / "a.json").write_text(foreign)
    with pytest.raises(InputError, match=r"a\.json is beside the table .*choose another name for the table\."):
        write_measures(TABLE, tmp_path / "a.tsv", ABOUT)
    assert (tmp_path / "a.json").read_text() == foreign
    assert not (tmp_path / "a.tsv").exists()


def test_where_the_table_cannot_be_written_nothing_is(tmp_path):
    for path in (tmp_path / "a.xlsx", tmp_path / "nowhere" / "a.tsv"):
        with pytest.raises(InputError):
            write_measures(TABLE, path, ABOUT)
    assert list(tmp_path.iterdir()) == []
