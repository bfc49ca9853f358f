"""Values of an edge in groups: a box a group, a point a subject, the same subject marked in both."""

import numpy as np
import pandas as pd
import pytest

from napari_connectome.widgets.group_plot import GroupPlot


@pytest.fixture
def plot(qtbot):
    made = GroupPlot()
    qtbot.addWidget(made)
    made.set_groups(
        [np.array([0.1, np.nan, 0.3]), np.array([0.5, 0.4])], [("a", "b", "c"), ("c", "d")], ("pre", "post"), "Fisher z"
    )
    return made


def test_what_is_shown_is_told_as_a_table(plot):
    wanted = pd.DataFrame({
        "group": ["pre", "pre", "post", "post"],
        "subject": ["a", "c", "c", "d"],
        "Fisher z": [0.1, 0.3, 0.5, 0.4],
    })  # fmt: skip
    pd.testing.assert_frame_equal(plot.to_frame(), wanted)
    assert plot.conditions == ("pre", "post")


def test_a_subject_is_marked_in_both_groups(plot):
    for index, values in ((2, [0.3, 0.5]), (3, [0.3, 0.5]), (4, [0.4]), (0, [0.1]), (1, []), (-1, [])):
        plot.set_volume(index)
        assert sorted(plot._mark.getData()[1]) == values


def test_the_mouse_is_told_group_and_subject(plot):
    assert [plot._said(row) for _, row in plot._shown.iterrows()] == [
        "pre, a: 0.1",
        "pre, c: 0.3",
        "post, c: 0.5",
        "post, d: 0.4",
    ]


def test_another_edge_keeps_the_mark_and_other_subjects_do_not(plot):
    plot.set_volume(4)
    plot.set_groups([np.array([0.7, 0.8, 0.9]), np.array([1.0, 1.1])], [("a", "b", "c"), ("c", "d")], ("pre", "post"), "t")
    assert list(plot._mark.getData()[1]) == [1.1]
    plot.set_volume(0)
    plot.set_groups([np.array([0.7, 0.8])], [("x", "y")], ("all runs",), "t")
    assert list(plot._mark.getData()[1]) == []
    assert list(plot.to_frame()) == ["group", "subject", "t"]
