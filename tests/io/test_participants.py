"""Participants: whose a run is, and which group a table puts it in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_connectome.core.errors import InputError
from napari_connectome.io.participants import find_participants, groupings, lines_of, read_participants, subject_of

TABLE = """participant_id	age	group	site
sub-01	30	patient	A
sub-02	30.5	control	A
sub-03	41	patient	A
sub-04	22	n/a	A
"""
RUNS = [f"sub-{i:02d}_ses-{session}_task-rest_bold" for i in (1, 2, 3, 4, 5) for session in ("pre", "post")]


@pytest.fixture
def path(tmp_path):
    (tmp_path / "participants.tsv").write_text(TABLE)
    return tmp_path / "participants.tsv"


def test_columns_and_names_make_groups(path):
    ways = groupings(RUNS, read_participants(path))
    assert list(ways) == ["group", "ses in names"]  # one site makes no groups, nor do four ages or one task
    assert ways["group"] == ("patient",) * 2 + ("control",) * 2 + ("patient",) * 2 + ("",) * 4
    assert ways["ses in names"] == ("pre", "post") * 5
    assert list(groupings(RUNS[::2], read_participants(path))) == ["group"]
    assert groupings(["a", "b"]) == {}


def test_the_table_of_a_data_set_is_found_beside_its_runs(path, tmp_path):
    run = tmp_path / "sub-01" / "ses-pre" / "func" / f"{RUNS[0]}.nii.gz"
    derived = tmp_path / "derivatives" / "fmriprep" / "sub-01" / "func" / f"{RUNS[0]}.nii.gz"
    assert find_participants(run) == find_participants(derived) == path
    assert find_participants("/nowhere/at/all.nii.gz") is None


@given(ids=st.lists(st.integers(1, 400), min_size=1, max_size=9, unique=True), data=st.data())
def test_however_ids_are_written_the_line_is_the_subject_s(ids, data):
    write = data.draw(st.sampled_from(["sub-{:03d}", "sub-{}", "{:03d}", "{}"]))
    import pandas as pd

    lines = [write.format(i) for i in ids]
    table = pd.DataFrame({"group": ["a"] * len(ids), "who": lines})
    order = data.draw(st.permutations(range(len(ids))))
    asked = [f"sub-{ids[i]:03d}_task-rest_bold" for i in order]
    assert lines_of(table, asked) == order
    assert lines_of(table, ["sub-999_bold", "bold"]) == [None, None]
    assert lines_of(table, lines) == list(range(len(ids)))


def test_lines_may_be_of_runs_themselves(tmp_path):
    (tmp_path / "groups.csv").write_text("run,who\nscan 1,a\nscan 2,b\nscan 3,a\n")
    table = read_participants(tmp_path / "groups.csv")
    assert groupings(["scan 2", "scan 3", "scan 1", "scan 4"], table) == {"who": ("b", "a", "a", "")}


def test_tables_of_several_sites_name_files_in_any_column(tmp_path):
    (tmp_path / "one.csv").write_text("age,filename,gender\n20,a.nii,F\n30,b.nii.gz,M\n")
    (tmp_path / "two.csv").write_text("age,filename,gender,note\n41,c.nii,F,x\n")
    table = read_participants(tmp_path / "one.csv", tmp_path / "two.csv")
    assert groupings(["c", "b", "a"], table) == {"gender": ("F", "M", "F")}
    assert list(table["note"]) == ["", "", "x"]


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("sub-01_task-rest_bold", "sub-01"),
        ("task-rest_sub-A2_bold", "sub-A2"),
        ("scan 3", "scan 3"),
        ("ses-1_bold", "ses-1_bold"),
    ],
)
def test_whose_a_run_is(name, subject):
    assert subject_of(name) == subject


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1\t2\nsub-01\ta\n", "needs a first line with the names of its columns"),
        ("participant_id\nsub-01\n", "needs a first line with the names of its columns"),
        ("group\tgroup\nsub-01\ta\n", "needs a first line with the names of its columns"),
        ("", "is empty"),
    ],
)
def test_what_is_no_such_table_is_one_sentence(tmp_path, text, said):
    (tmp_path / "participants.tsv").write_text(text)
    with pytest.raises(InputError, match=said):
        read_participants(tmp_path / "participants.tsv")


def test_a_subject_with_two_lines_is_one_sentence(tmp_path):
    (tmp_path / "participants.tsv").write_text("participant_id\tgroup\nsub-01\ta\nsub-01\tb\nsub-02\tb\n")
    table = read_participants(tmp_path / "participants.tsv")
    assert lines_of(table, ["sub-02_bold"]) == [2]
    with pytest.raises(InputError, match="sub-01 stands in 2 lines"):
        lines_of(table, RUNS)


def test_real_tables_of_two_sites_put_each_run_into_a_group(real_data):
    folder = real_data / "rest_group"
    runs = [path.name.removesuffix(".nii.gz") for path in sorted(folder.glob("*.nii.gz"))]
    table = read_participants(*sorted(folder.glob("covariates_*.csv")))
    assert groupings(runs, table)["gender"] == ("Male", "Female", "Female", "Male", "Female", "Female")
