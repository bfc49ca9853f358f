"""Tables as people have them, and what is no table."""

import gzip
import os

import numpy as np
import pandas as pd
import pytest

from napari_connectome.core.errors import InputError
from napari_connectome.io.tables import read_table, write_table

A = [1.5, 2.0, -3e-4]
B = [4.0, np.nan, 6.0]
FORMS = {
    "tsv": "a\tb\n1.5\t4\n2\tn/a\n-3e-4\t6\n",
    "csv": "a,b\r\n1.5,4\r\n2,\r\n-3e-4,6\r\n",
    "quoted": '"a","b"\n"1.5","4"\n"2","NaN"\n"-3e-4","6"\n',
    "semicolons with decimal commas": "a;b\n1,5;4\n2;NA\n-3e-4;6\n",
    "semicolons": "a;b\n1.5;4\n2.0;\n-3e-4;6\n",
    "blanks": "  a   b\n 1.5   4.0\n 2     nan\n\n -3e-4 6\n",
    "comments": "# made by hand\na\tb\n1.5\t4\n# a pause\n2\tn/a\n-3e-4\t6",
    "byte order mark": "\ufeffa\tb\n1.5\t4\n2\tn/a\n-3e-4\t6\n",
    "separator at the end": "a,b,\n1.5,4,\n2,,\n-3e-4,6,\n",
    "no newline": "a\tb\n1.5\t4\n2\tn/a\n-3e-4\t6",
}


def write(folder, text, name="table.txt", encoding="utf-8"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return path


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_every_form_gives_the_same_table(tmp_path, form, encoding):
    table = read_table(
        write(tmp_path, FORMS[form].lstrip("\ufeff") if encoding == "utf-16" else FORMS[form], encoding=encoding)
    )
    pd.testing.assert_frame_equal(table, pd.DataFrame({"a": A, "b": B}))


def test_without_a_header(tmp_path):
    table = read_table(write(tmp_path, "  1.0e+00  2\n  3  4\n"))
    assert list(table) == ["column_1", "column_2"]
    assert table.to_numpy().tolist() == [[1, 2], [3, 4]]
    labels = read_table(write(tmp_path, "rest 0\nface 1\n"))
    assert labels["column_1"].tolist() == ["rest", "face"]
    assert labels["column_2"].tolist() == [0, 1]
    first_missing = read_table(write(tmp_path, "n/a\tn/a\n1\t2\n"))
    assert first_missing.isna().iloc[0].all()


def test_gz_names_and_text(tmp_path):
    path = tmp_path / "table.tsv.gz"
    path.write_bytes(gzip.compress("name\tx\tx\t\nprécuneus, left\t1\t2\t3\n".encode()))
    table = read_table(path)
    assert list(table) == ["name", "x", "x_2", "column_4"]
    assert table["name"].tolist() == ["précuneus, left"]
    assert read_table(write(tmp_path, "nom,x\npr\xe9,1\n", encoding="latin-1"))["nom"].tolist() == ["pré"]


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "is empty"),
        (b"\n \n# nothing\n", "is empty"),
        (b"a\tb\n", "a header and no values"),
        (b"a\tb\n1\t2\n1\t2\t3\n", "line 3 of table.txt has 3 values and its first line 2"),
        (b"a\tb\n1\n", "line 2 of table.txt has 1 values"),
        (bytes(range(256)) * 4, "no text file"),
        (gzip.compress(b"a\tb\n\n", mtime=0), "no text file"),
    ],
)
def test_one_sentence_for_what_is_no_table(tmp_path, content, match):
    with pytest.raises(InputError, match=match) as error:
        read_table(write(tmp_path, content))
    assert "table.txt" in str(error.value)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="there is no file"):
        read_table(tmp_path / "none.tsv")
    with pytest.raises(InputError, match="is a folder"):
        read_table(tmp_path)
    for broken in (gzip.compress(b"a\tb\n1\t2\n" * 99)[:-12], b"no gzip at all"):
        with pytest.raises(InputError, match="cannot be read"):
            read_table(write(tmp_path, broken, name="table.tsv.gz"))


@pytest.mark.parametrize("suffix", [".tsv", ".csv", ".txt"])
def test_written_and_read_again(tmp_path, suffix):
    frame = pd.DataFrame({"name": ["PCC", "left, IPL", 'a "quote"'], "x": [0.1 + 0.2, np.nan, -52.0], "n": [1, 2, 3]})
    path = tmp_path / f"seeds{suffix}"
    write_table(frame, path)
    pd.testing.assert_frame_equal(read_table(path), frame)
    assert sorted(p.name for p in tmp_path.iterdir()) == [path.name]
    times = pd.DataFrame({"PCC": [1.0, 2.0]}, index=pd.Index([0.0, 2.0], name="time"))
    write_table(times, path)
    assert list(read_table(path)) == ["time", "PCC"]


def test_what_cannot_be_written_leaves_nothing(tmp_path, monkeypatch):
    frame = pd.DataFrame({"x": [1.0]})
    path = tmp_path / "old.tsv"
    write_table(frame, path)
    with pytest.raises(InputError, match=r"ending \.xlsx"):
        write_table(frame, tmp_path / "table.xlsx")
    with pytest.raises(InputError, match="no folder"):
        write_table(frame, tmp_path / "nowhere" / "table.tsv")

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(InputError, match="No space left"):
        write_table(frame * 2, path)
    assert read_table(path)["x"].tolist() == [1]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_cell_too_large_is_one_sentence(tmp_path):
    (tmp_path / "a.tsv").write_text("labels\n" + "y" * 200_000 + "\n")
    with pytest.raises(InputError, match="line 2 of the table cannot be read"):
        read_table(tmp_path / "a.tsv")
