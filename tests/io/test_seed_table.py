import numpy as np
import pandas as pd
import pytest

from napari_connectome.core.errors import InputError
from napari_connectome.io.seed_table import read_seeds, write_seeds

SEEDS = pd.DataFrame(
    {
        "name": ["PCC", "left, anterior", "3"],
        "x": [0.0, -38.25, 1e-3],
        "y": [-52.0, 1, 2],
        "z": [18.0, -0.5, 3],
        "radius": [8.0, 6.5, 0],
    }
)


@pytest.mark.parametrize("suffix", ["tsv", "csv", "txt"])
def test_what_is_written_is_read(tmp_path, suffix):
    path = tmp_path / f"seeds.{suffix}"
    write_seeds(SEEDS, path)
    pd.testing.assert_frame_equal(read_seeds(path), SEEDS)
    write_seeds(SEEDS.iloc[:1], path)
    assert len(read_seeds(path)) == 1
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "text",
    [
        "name,x,y,z,radius\nPCC,0,-52,18,8\n",
        "Name\tX\tY\tZ\tRadius\nPCC\t0\t-52\t18\t8\n",
        "\ufeffRadius;Z;Y;X;Label\r\n8;18;-52;0;PCC\r\n",
        "index,roi,x (mm),y (mm),z (mm),radius_mm\n1,PCC,0,-52,18,8\n",
        "# made by hand\nPCC 0 -52 18 8\n",
        '"PCC","0","-52","18","8"\n',
    ],
)
def test_tables_as_people_write_them(tmp_path, text):
    path = tmp_path / "seeds.csv"
    path.write_text(text, encoding="utf-8")
    assert read_seeds(path).iloc[0].to_list() == ["PCC", 0.0, -52.0, 18.0, 8.0]


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("0 -52 18\n1 2 3\n", ["", 0, -52, 18, np.nan]),
        ("0,-52,18,5\n", ["", 0, -52, 18, 5]),
        ("PCC,0,-52,18\n", ["PCC", 0, -52, 18, np.nan]),
        ("x,y,z\n0,-52,18\n", ["", 0, -52, 18, np.nan]),
        ("name,x,y,z,radius\nn/a,0,-52,18,n/a\n", ["", 0, -52, 18, np.nan]),
    ],
)
def test_what_is_missing_is_left_to_whoever_uses_it(tmp_path, text, row):
    path = tmp_path / "seeds.txt"
    path.write_text(text)
    seed = read_seeds(path).iloc[0]
    assert seed["name"] == row[0]
    np.testing.assert_array_equal(seed[["x", "y", "z", "radius"]].to_numpy(float), row[1:])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"name,x,y,z\n", "no values"),
        (b"name,x,y\nPCC,1,2\n", "no column z"),
        (b"x,y,z\n1,2,three\n", "z of seed 1 in seeds.csv is 'three'"),
        (b"x,y,z\n1,2,3\n1,,3\n", "y of seed 2 in seeds.csv is nothing"),
        (b"x,y,z\n1,2,3\n1,2\n", "line 3 of seeds.csv"),
        (b"x,y,z\n1,2,inf\n", "z of seed 1 in seeds.csv is 'inf'"),
        (b"1,2,3,4,5,6\n", "6 columns and no header"),
        (b"\x1f\x8b\x00\x00\x01", "is no text"),
    ],
)
def test_what_is_no_table_of_seeds_is_one_sentence(tmp_path, content, sentence):
    path = tmp_path / "seeds.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        read_seeds(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="there is no file"):
        read_seeds(tmp_path / "none.tsv")
    with pytest.raises(InputError, match="no folder"):
        write_seeds(SEEDS, tmp_path / "none" / "seeds.tsv")
