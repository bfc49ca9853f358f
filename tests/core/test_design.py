"""Which condition each volume belongs to, against the definition said in plain loops, and what is said of bad tables."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_connectome.core.design import Design, Timing, design_of_events, design_of_labels, design_of_table
from napari_connectome.core.errors import InputError

# -- labels ----------------------------------------------------------------------------------------------------------------


def test_a_design_says_what_is_in_it():
    design = design_of_labels(["rest", "face", "", "house", "face"], 5, 2.0)
    assert design.conditions == ["rest", "face", "house"]
    assert design.counts == {"rest": 1, "face": 2, "house": 1}
    assert design.volumes("face").tolist() == [1, 4]
    assert design.n_volumes == 5
    assert design.chunks.tolist() == [0] * 5
    assert (design.name, design.notices) == ("the labels", ())
    for unknown in ("dog", "", "Face"):
        with pytest.raises(InputError, match=f"no condition '{unknown}' in the labels: choose among rest, face, house"):
            design.volumes(unknown)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ([0, 1, 0], ["0", "1", "0"]),
        (np.array([0.0, 1.0, np.nan]), ["0", "1", ""]),
        ([0.5, 1, 2], ["0.5", "1", "2"]),
        ([b"rest", b"face", b"\xc3\xa9"], ["rest", "face", "é"]),
        ([" face ", "a b", None], ["face", "a b", ""]),
        (pd.Series(["a", pd.NA, "b"], dtype="string"), ["a", "", "b"]),
        (pd.Categorical(["a", "b", "a"]), ["a", "b", "a"]),
        (np.array(["01", "1", "1.0"]), ["01", "1", "1.0"]),
        ([True, False, True], ["True", "False", "True"]),
        ([0, 0, 0], ["0", "0", "0"]),
    ],
)
def test_labels_are_text(given, text):
    for table in (given, pd.DataFrame({"labels": given})):
        assert design_of_labels(table, 3, 2.0).labels.tolist() == text


@pytest.mark.parametrize(
    ("column", "chunks", "whole"),
    [
        ("chunks", [3, 3, 1], [3, 3, 1]),
        ("Chunk", [0.0, 0.0, 1.0], [0, 0, 1]),
        ("run", ["b", "a", "b"], [0, 1, 0]),
        ("session", ["2", "2", "1"], [2, 2, 1]),
        ("runs", [0.5, 1.5, 0.5], [0, 1, 0]),
    ],
)
def test_chunks_are_whole_numbers(column, chunks, whole):
    table = pd.DataFrame({"Labels": ["a", "b", "c"], column: chunks})
    assert design_of_labels(table, 3, 2.0).chunks.tolist() == whole


@given(
    stretches=st.lists(st.integers(1, 7), min_size=1, max_size=6),
    delay=st.floats(-30, 30),
    tr=st.sampled_from([0.72, 1.0, 2.0, 2.5, 3.1]),
    seed=st.integers(0, 1000),
)
def test_a_delay_moves_labels_within_their_chunk(stretches, delay, tr, seed):
    rng = np.random.default_rng(seed)
    chunks = np.repeat(rng.integers(0, 3, len(stretches)), stretches)
    labels = rng.choice(["", "a", "b"], len(chunks))
    labels[0] = "a"
    shift = int(np.floor(delay / tr + 0.5))
    stay = np.r_[0, np.cumsum(np.diff(chunks) != 0)]
    expected = [""] * len(labels)
    for i, label in enumerate(labels):
        if 0 <= i + shift < len(labels) and stay[i + shift] == stay[i]:
            expected[i + shift] = str(label)
    table = pd.DataFrame({"labels": labels, "chunks": chunks})
    if not any(expected):
        with pytest.raises(InputError, match="moves all of the labels out of the run"):
            design_of_labels(table, len(labels), tr, Timing(delay=delay))
        return
    design = design_of_labels(table, len(labels), tr, Timing(delay=delay))
    assert design.labels.tolist() == expected
    lost = sum(map(bool, labels)) - sum(map(bool, expected))
    assert [n for n in design.notices if "left out" in n] == [
        n for n in design.notices if lost and n.startswith(f"{lost} label")
    ]
    assert any("counts as" in n for n in design.notices) == (abs(shift * tr - delay) > 1e-6)
    assert all(notice.endswith(".") for notice in design.notices)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (["a"] * 9, r"there are 9 rows in x and 10 volumes in the run: give the labels of this run"),
        (["a"] * 11, r"there are 11 rows in x and 10 volumes"),
        (["a"], "there is 1 row in x"),
        ([], "0 rows in x"),
        (["", None] * 5, "there is no label in x"),
        (pd.DataFrame({"trans_x": [0.1] * 10, "trans_y": 0.2}), "no column labels in x, only trans_x, trans_y: give a table"),
        (pd.DataFrame({f"c{i}": [1] * 10 for i in range(20)}), "c7 and 12 more"),
        (pd.DataFrame(), "only none"),
        ("face", "must be a table with a column labels, or a list"),
        (None, "must be a table"),
        (3, "must be a table"),
        (np.zeros((10, 2)), "must be a table"),
        ([["a"], ["b", "c"]], "must be a table"),
    ],
)
def test_labels_that_cannot_be_used(table, said):
    with pytest.raises(InputError, match=said) as error:
        design_of_labels(table, 10, 2.0, name="x")
    assert str(error.value).endswith(".")


def test_the_phantom_s_labels(faces):
    made = faces
    design = design_of_table(made.labels, made.run.n_volumes, made.run.tr, name="phantom")
    np.testing.assert_array_equal(design.labels, made.labels["labels"])
    np.testing.assert_array_equal(design.chunks, made.labels["chunks"])
    assert design.name == "phantom"


def test_a_design_needs_a_label_and_a_chunk_a_volume():
    with pytest.raises(InputError, match="one label and one chunk"):
        Design(np.array(["a", "b"]), np.zeros(3), "x")


# -- events ----------------------------------------------------------------------------------------------------------------


def by_the_word(events, n_volumes, tr, timing):
    """The condition of each volume as the docstring says it, volume by volume."""
    labels = []
    for time in np.arange(n_volumes) * tr:
        here = [
            (onset + timing.delay, i, kind)
            for i, (onset, duration, kind) in enumerate(events)
            if onset + timing.delay <= time < onset + timing.delay + (duration or timing.width or tr)
        ]
        labels.append(max(here)[2] if here else "")
    return labels


@given(
    seed=st.integers(0, 100000),
    n_volumes=st.integers(1, 60),
    tr=st.sampled_from([0.72, 1.0, 2.0, 2.5]),
    delay=st.sampled_from([0.0, 5.0, -3.3, 4.1]),
    width=st.sampled_from([0.0, 0.3, 6.0]),
)
def test_a_volume_belongs_to_the_event_it_lies_in(seed, n_volumes, tr, delay, width):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 12))
    onsets = rng.uniform(-20, n_volumes * tr + 20, n)
    durations = np.where(rng.random(n) < 0.4, 0, rng.exponential(6, n))
    kinds = rng.choice(["a", "b", "c"], n)
    timing = Timing(delay=delay, width=width)
    expected = by_the_word(list(zip(onsets, durations, kinds, strict=True)), n_volumes, tr, timing)
    table = pd.DataFrame({"onset": onsets, "duration": durations, "trial_type": kinds})
    if not any(expected):
        with pytest.raises(InputError, match="falls on a volume of the run"):
            design_of_events(table, n_volumes, tr, timing)
        return
    design = design_of_events(table, n_volumes, tr, timing)
    assert design.labels.tolist() == expected
    assert design.timing == timing


@pytest.mark.parametrize("tr", [0.72, 0.8, 1.1, 2.2, 1 / 3, 2.0])
def test_events_on_the_volumes_are_not_missed_by_rounding(tr):
    n = 1000
    table = pd.DataFrame(
        {"onset": [round(i * tr, 9) for i in range(n)], "duration": tr, "trial_type": [str(i) for i in range(n)]}
    )
    assert design_of_events(table, n, tr).labels.tolist() == [str(i) for i in range(n)]
    assert design_of_events(table.assign(duration=0), n, tr).notices == ()


def events(*rows):
    return pd.DataFrame(rows, columns=["onset", "duration", "trial_type"])


def test_what_lies_outside_is_left_out_and_told():
    table = events(
        (-10, 4, "a"), (0, 4, "a"), (4, 4, "b"), (16, 8, "a"), (20, 2, "b"), (500, 2, "b"), (9, 0.5, "a"), (6, 1, None)
    )
    design = design_of_events(table, 10, 2.0)
    assert design.labels.tolist() == ["a", "a", "b", "b", "", "", "", "", "a", "a"]
    assert [notice[:11] for notice in design.notices] == ["1 of 8 even", "3 of 8 even", "1 of 8 even"]
    for notice, words in zip(design.notices, ("no trial_type", "after the last one", "shorter than a TR"), strict=True):
        assert words in notice
        assert notice.endswith("left out.")


def test_overlaps_go_to_the_event_that_began_last():
    design = design_of_events(events((8, 4, "b"), (0, 20, "a"), (8, 2, "c"), (14, 4, "a")), 10, 2.0)
    assert design.labels.tolist() == ["a"] * 4 + ["c", "b"] + ["a"] * 4
    assert design.notices == ("2 volumes lie in events of more than one condition and count for the one that began last.",)


def test_momentary_events_get_their_width():
    table = events((4, 0, "a"), (12, 0, "b"))
    assert design_of_events(table, 10, 2.0).counts == {"a": 1, "b": 1}
    assert design_of_events(table, 10, 2.0, Timing(width=6)).counts == {"a": 3, "b": 3}
    assert design_of_events(table, 10, 2.0, Timing(delay=5)).labels.tolist().index("a") == 5


def test_a_table_of_either_kind():
    table = events((4, 0, "a"))
    assert design_of_table(table, 10, 2.0).counts == {"a": 1}
    assert design_of_table(table.rename(columns=str.upper), 10, 2.0).counts == {"a": 1}
    assert design_of_table(pd.DataFrame({"labels": ["a"] * 10}), 10, 2.0).counts == {"a": 10}
    assert design_of_table(table.assign(trial_type=3), 10, 2.0).conditions == ["3"]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (events(), "there is no event in x"),
        (events(("soon", 1, "a")), "the onset of event 1 of x is 'soon' and must be a number of seconds"),
        (events((1, 1, "a"), (np.nan, 1, "a")), "the onset of event 2 of x is missing"),
        (events((1, 1, "a"), (2, np.nan, "a")), "the duration of event 2 of x is missing"),
        (events((1, "n/a", "a")), "the duration of event 1 of x is 'n/a'"),
        (events((1, np.inf, "a")), "the duration of event 1 of x is 'inf'"),
        (events((1, -2, "a")), "event 1 of x lasts -2 s, and 0 s or more is needed"),
        (events((100, 2, "a"), (-100, 2, "b")), "no event of x falls on a volume of the run, which lasts 20 s"),
        (events((9, 0.5, "a")), "no event of x falls"),
        (events((1, 1, ""), (2, 1, None)), "no event of x has a trial_type"),
        (pd.DataFrame({"onset": [1.0], "trial_type": ["a"]}), "there is no column duration in x, only onset, trial_type"),
        (pd.DataFrame({"onset": [1.0]}), "there is no column duration and no trial_type in x"),
        (["a"], "must be a table with the columns onset"),
    ],
)
def test_events_that_cannot_be_used(table, said):
    with pytest.raises(InputError, match=said) as error:
        design_of_events(table, 10, 2.0, name="x")
    assert str(error.value).endswith(".")


@pytest.mark.parametrize("delay", [30.0, -30.0])
def test_a_delay_past_the_run(delay):
    with pytest.raises(InputError, match="check that onsets are in seconds, the TR and the delay"):
        design_of_events(events((4, 2, "a")), 5, 2.0, Timing(delay=delay))
    with pytest.raises(InputError, match="moves all of the labels out of the run: give a smaller one"):
        design_of_labels(["a"] * 5, 5, 2.0, Timing(delay=delay))


# -- hostile ---------------------------------------------------------------------------------------------------------------


def test_of_columns_called_alike_the_first_counts():
    labels = pd.DataFrame([["a", "b"], ["c", "d"]], columns=["labels", "Labels"])
    assert design_of_labels(labels, 2, 2.0).labels.tolist() == ["a", "c"]
    events = pd.DataFrame([[0, 2, 2, "a"], [2, 0, 2, "b"]], columns=["onset", "onset", "duration", "trial_type"])
    assert design_of_table(events, 2, 2.0).labels.tolist() == ["a", "b"]


def test_a_design_made_by_hand_is_text_and_whole_numbers():
    design = Design([None, "face", np.nan, 1.0], ["a", "a", "b", "a"], "mine")
    assert design.labels.tolist() == ["", "face", "", "1"]
    assert design.chunks.tolist() == [0, 0, 1, 0]
    assert design_of_labels(["face\nup", "face up\r\n"], 2, 2.0).conditions == ["face up"]


def test_one_overlap_is_told_in_the_singular():
    events = pd.DataFrame({"onset": [0, 2], "duration": [4, 2], "trial_type": ["a", "b"]})
    assert design_of_events(events, 3, 2.0).notices == (
        "1 volume lies in events of more than one condition and counts for the one that began last.",
    )


def test_events_in_milliseconds_are_suspected():
    events = pd.DataFrame({"onset": [0, 12000, 24000], "duration": [12000] * 3, "trial_type": ["a", "b", "a"]})
    assert design_of_events(events, 100, 2.0).notices[-1].startswith("Most of the events lie outside of the run: check that")
    assert not design_of_events(events.assign(onset=[0, 12, 24]), 100, 2.0).notices[1:]


@pytest.mark.parametrize("tr", [0, -2.0, None, "2", np.nan, np.inf, True, 2000])
@pytest.mark.parametrize("make", [design_of_labels, design_of_table])
def test_a_tr_that_is_none_is_one_sentence(make, tr):
    table = pd.DataFrame({"labels": ["a", "b"]})
    with pytest.raises(InputError, match=r"the TR is .* and must be a positive number of seconds"):
        make(table, 2, tr)
    with pytest.raises(InputError, match=r"the TR is .* and must be a positive number of seconds"):
        make(pd.DataFrame({"onset": [0], "duration": [1], "trial_type": ["a"]}), 2, tr)


@pytest.mark.parametrize("n_volumes", [0, -1, 2.0, None, "2", True])
def test_a_number_of_volumes_that_is_none_is_one_sentence(n_volumes):
    with pytest.raises(InputError, match=r"the number of volumes is .* and must be a whole number"):
        design_of_labels(["a", "b"], n_volumes, 2.0)
    with pytest.raises(InputError, match=r"the parameters given are 5.0 and must be Timing\(…\)"):
        design_of_labels(["a", "b"], 2, 2.0, 5.0)
