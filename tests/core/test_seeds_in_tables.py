import numpy as np
import pandas as pd
import pytest

from napari_connectome.core.errors import InputError
from napari_connectome.core.seeds import COLUMNS, DEFAULT_RADIUS, check_seeds, find_seeds, unique_names


def test_unique_names():
    assert unique_names(["a", None, "a", float("nan"), "", "seed 2", 7]) == [
        "a",
        "seed 3",
        "a (2)",
        "seed 4",
        "seed 5",
        "seed 2",
        "7",
    ]
    assert unique_names(["BA 4", "BA 4"]) == ["BA 4", "BA 4 (2)"]
    assert unique_names([None, "seed 1"]) == ["seed 2", "seed 1"]


def test_a_table_is_completed():
    table = check_seeds(pd.DataFrame({"x": [1], "y": [2], "z": [3], "radius": [None]}))
    assert table["radius"].to_list() == [DEFAULT_RADIUS]
    assert list(table.columns) == list(COLUMNS)
    assert table["name"].to_list() == [None]
    assert len(check_seeds(table.iloc[:0])) == 0


def test_a_table_without_centres_is_one_sentence():
    with pytest.raises(InputError, match="no column y, z"):
        check_seeds(pd.DataFrame({"x": [1.0]}))


@pytest.mark.parametrize("case", range(5))
def test_what_was_added_is_found_again(case):
    """Whatever a table holds, its seeds are found in what adding it has made."""
    rng = np.random.default_rng(case)
    n = 12
    given = pd.DataFrame(rng.uniform(-60, 60, (n, 3)), columns=["x", "y", "z"])
    given["name"] = rng.choice(["PCC", "SMA", "", "seed 3"], n)
    given["radius"] = rng.choice([4.0, 8.0, np.nan], n)
    wanted = check_seeds(given)
    there = wanted.assign(name=unique_names(list(wanted["name"])))
    assert find_seeds(wanted, there) == list(range(n))
    assert find_seeds(wanted, there.iloc[::-1]) == list(range(n))[::-1]
    assert find_seeds(wanted, there.iloc[:0]) == [-1] * n
    assert find_seeds(wanted.iloc[:0], there) == []
    assert find_seeds(wanted.assign(radius=wanted["radius"] + 1), there) == [-1] * n
    assert find_seeds(wanted.assign(x=wanted["x"] + 0.1), there) == [-1] * n
    assert find_seeds(wanted.assign(name="other"), there) == [-1] * n
