"""Labels and events as people have them in files, and how they are found beside a run."""

import gzip
import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_connectome.core.design import Timing
from napari_connectome.core.errors import InputError
from napari_connectome.io.design import find_events, load_design, read_design_table

LABELS = ["rest", "rest", "face", "face", "house", "rest"]
NUMBERS = ["0", "0", "1", "1", "2", "0"]
CHUNKS = ["0", "0", "0", "1", "1", "1"]
HEADERS = [["labels", "chunks"], ["Labels", "Chunks"], ["condition", "run"], ["stimulus", "session"], ["what", "when"]]


def write(path: Path, rows: list[list[str]], separator: str = " ", line: str = "\n", tail: str = "") -> Path:
    path.write_bytes((line.join(separator.join(row) + tail for row in rows) + line).encode())
    return path


@pytest.mark.parametrize("words", [LABELS, NUMBERS], ids=["text", "numbers"])
@pytest.mark.parametrize("separator", [" ", "\t", ",", ";", "   ", ", "])
@pytest.mark.parametrize("line", ["\n", "\r\n", "\r"])
def test_any_separator_and_header(tmp_path, words, separator, line):
    rows = [list(row) for row in zip(words, CHUNKS, strict=True)]
    for head, tail in itertools.product([None, *HEADERS], ["", "  "]):
        path = write(tmp_path / "labels.txt", [head, *rows] if head else rows, separator, line, tail)
        design = load_design(path, 6, 2.0)
        assert design.labels.tolist() == words, (head, tail)
        assert design.chunks.tolist() == [0, 0, 0, 1, 1, 1]
        assert (design.name, design.notices) == ("labels.txt", ())


@pytest.mark.parametrize("words", [LABELS, NUMBERS, ["a", "b", "c", "d", "e", "f"]], ids=["text", "numbers", "each once"])
@pytest.mark.parametrize("head", [None, "labels", "trial_type", "Stimuli"])
def test_one_column(tmp_path, words, head):
    path = write(tmp_path / "labels.csv", [[word] for word in ([head] if head else []) + words])
    assert load_design(path, 6, 2.0).labels.tolist() == words
    assert load_design(path, 6, 2.0).chunks.tolist() == [0] * 6


def test_chunks_may_come_first_and_numbers_stay_as_they_are_written(tmp_path):
    rows = [[chunk, label] for chunk, label in zip(CHUNKS, LABELS, strict=True)]
    assert load_design(write(tmp_path / "a.txt", rows), 6, 2.0).labels.tolist() == LABELS
    assert load_design(write(tmp_path / "a.txt", [["run", "stim"], *rows]), 6, 2.0).labels.tolist() == LABELS
    words = ["01", "1", "1.0", "1e3", "007", "-1"]
    assert load_design(write(tmp_path / "b.txt", [[word] for word in words]), 6, 2.0).labels.tolist() == words


def test_other_columns_missing_labels_comments_and_packing(tmp_path):
    text = "# made by hand\nvolume\tlabels\tchunks\tnote\n" + "".join(
        f"{i}\t{word}\t{chunk}\tn/a\n" for i, (word, chunk) in enumerate(zip(["n/a", "", *LABELS[2:]], CHUNKS, strict=True))
    )
    path = tmp_path / "labels.tsv.gz"
    path.write_bytes(gzip.compress(("\ufeff" + text).encode()))
    design = load_design(path, 6, 2.0)
    assert design.labels.tolist() == ["", "", *LABELS[2:]]
    assert design.conditions == ["face", "house", "rest"]


def test_the_delay_moves_them(tmp_path):
    path = write(tmp_path / "labels.txt", [list(row) for row in zip(LABELS, CHUNKS, strict=True)])
    design = load_design(path, 6, 2.0, Timing(delay=2))
    assert design.labels.tolist() == ["", "rest", "rest", "", "face", "house"]


EVENTS = [["0", "4", "face"], ["6", "0", "house"], ["8.0", "2", "n/a"]]


@pytest.mark.parametrize("head", [None, ["onset", "duration", "trial_type"], ["Onset", "Duration", "Condition"]])
@pytest.mark.parametrize("separator", ["\t", ",", " "])
def test_events(tmp_path, head, separator):
    path = write(tmp_path / "events.tsv", [head, *EVENTS] if head else EVENTS, separator)
    table = read_design_table(path)
    assert list(table) == ["onset", "duration", "trial_type"]
    assert table["onset"].tolist() == [0.0, 6.0, 8.0]
    design = load_design(path, 6, 2.0)
    assert design.labels.tolist() == ["face", "face", "", "house", "", ""]
    assert len(design.notices) == 1


def test_bids_events_with_more_columns(tmp_path):
    pd.DataFrame(
        {
            "onset": [0.5, 4.5],
            "duration": [2.0, 2.0],
            "response_time": [0.31, np.nan],
            "trial_type": ["onset", "face"],
            "stim_file": ["a.png", "b.png"],
        }
    ).to_csv(tmp_path / "x_events.tsv", sep="\t", index=False, na_rep="n/a")
    assert load_design(tmp_path / "x_events.tsv", 4, 2.0).labels.tolist() == ["", "onset", "", "face"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("labels chunks\n", "there are 0 rows in x.txt and 6 volumes"),
        ("onset\tduration\ttrial_type\n", "there is no event in x.txt"),
        ("rest 0\nrest\n", "line 2 of x.txt has 1 values and its first line 2"),
        ("rest 0\n" * 5, "there are 5 rows in x.txt and 6 volumes in the run"),
        ("labels chunks\n" + "rest 0\n" * 7, "there are 7 rows in x.txt and 6 volumes"),
        ("a b c\n" + "1 2 3\n" * 6, r"x.txt has 3 columns \(a, b, c\), none of them called labels or onset"),
        ("1 2 3 4\n" * 6, "x.txt has 4 columns and no header"),
        ("onset\ttrial_type\n1\ta\n", "there is no column duration in x.txt"),
        ("onset\tduration\ttrial_type\nsoon\t1\ta\n", "the onset of event 1 of x.txt is 'soon'"),
        ("onset\tduration\ttrial_type\n1\tn/a\ta\n", "the duration of event 1 of x.txt is missing"),
        ("onset\tduration\ttrial_type\n1\t-1\ta\n", "event 1 of x.txt lasts -1 s"),
        ("onset\tduration\ttrial_type\n99\t1\ta\n", "no event of x.txt falls on a volume of the run, which lasts 12 s"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, text, said):
    path = tmp_path / "x.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=said) as error:
        load_design(path, 6, 2.0)
    assert str(error.value).endswith(".")


def test_no_such_file_and_no_text(tmp_path):
    with pytest.raises(InputError, match="there is no file"):
        load_design(tmp_path / "nothing.txt", 6, 2.0)
    (tmp_path / "image.txt").write_bytes(b"\0\1\2")
    with pytest.raises(InputError, match="is no text file"):
        load_design(tmp_path / "image.txt", 6, 2.0)


# -- beside the run --------------------------------------------------------------------------------------------------------


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_the_nearest_events_with_the_most_entities(tmp_path):
    run = tmp_path / "sub-01" / "ses-a" / "func" / "sub-01_ses-a_task-faces_run-2_space-MNI_desc-preproc_bold.nii.gz"
    names = [
        "task-faces_events.tsv",
        "sub-01/sub-01_task-faces_events.tsv",
        "sub-01/ses-a/sub-01_ses-a_task-faces_events.tsv",
        "sub-01/ses-a/func/sub-01_ses-a_task-faces_events.tsv",
        "sub-01/ses-a/func/sub-01_ses-a_task-faces_run-2_events.tsv",
    ]
    others = ["task-rest_events.tsv", "sub-01/ses-a/func/sub-01_ses-a_task-faces_run-1_events.tsv", "sub-01/sub-02_events.tsv"]
    touch(tmp_path, *others)
    assert find_events(run) is None
    for name in names:
        touch(tmp_path, name)
        assert find_events(run) == tmp_path / name
        assert find_events(str(run)) == tmp_path / name


def test_derivatives_inherit_from_the_data_set(tmp_path):
    run = tmp_path / "derivatives" / "fmriprep" / "sub-01" / "func" / "sub-01_task-faces_desc-preproc_bold.nii.gz"
    touch(tmp_path, "sub-01/func/sub-01_task-faces_events.tsv", "sub-02/func/sub-02_task-faces_events.tsv")
    assert find_events(run) == tmp_path / "sub-01" / "func" / "sub-01_task-faces_events.tsv"
    touch(tmp_path, "derivatives/fmriprep/sub-01/func/sub-01_task-faces_events.tsv")
    assert find_events(run).parent == run.parent


def test_folders_without_bids_names_are_not_left(tmp_path):
    touch(tmp_path, "task-faces_events.tsv")
    assert find_events(tmp_path / "mine" / "sub-01_task-faces_bold.nii") is None
    touch(tmp_path, "mine/task-faces_events.tsv")
    assert find_events(tmp_path / "mine" / "sub-01_task-faces_bold.nii") == tmp_path / "mine" / "task-faces_events.tsv"


# -- real ------------------------------------------------------------------------------------------------------------------


def test_haxby_s_labels(real_data):
    folder = real_data / "task_haxby_slice"
    words = load_design(folder / "attributes_literal.txt", 1452, 2.5)
    numbers = load_design(folder / "attributes.txt", 1452, 2.5)
    names = dict(zip(numbers.labels.tolist(), words.labels.tolist(), strict=True))
    assert [names[numbers_label] for numbers_label in numbers.labels.tolist()] == words.labels.tolist()
    assert (names["0"], names["1"], names["2"], names["8"]) == ("rest", "face", "house", "chair")
    assert words.counts["face"] == numbers.counts["2"] == 108
    assert set(words.chunks) == set(numbers.chunks) == set(range(12))
    for n in (1451, 1453):
        with pytest.raises(InputError, match=f"there are 1452 rows in attributes.txt and {n} volumes"):
            load_design(folder / "attributes.txt", n, 2.5)


def test_real_events(real_data):
    path = find_events(real_data / "task_faces_mni" / "sub-01_task-faces_space-MNI_bold.nii.gz")
    assert path is not None
    design = load_design(path, 176, 2.0)
    assert design.conditions == ["F1", "N1", "N2", "F2"]
    assert sum(design.counts.values()) == 58
    assert design.labels[0] == "F1"
    assert len(design.notices) == 1
    assert design.notices[0].startswith("46 of 104 events have no volume")
    with pytest.raises(InputError, match="none of them called labels or onset"):
        load_design(path.with_name("sub-01_task-faces_desc-confounds_timeseries.tsv"), 176, 2.0)
