"""The design of a run in a panel: where it comes from, what is said about it, and that panels agree."""

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel

from napari_connectome.core.design import Timing
from napari_connectome.core.errors import InputError

LABELS = ["rest"] * 10 + ["face"] * 30 + ["rest"] * 10 + ["house"] * 30 + ["rest"] * 10


@pytest.fixture
def table():
    return pd.DataFrame({"labels": LABELS, "chunks": np.repeat([0, 1], 45)})


@pytest.fixture
def docked(qtbot, small_run, add_run):
    """Add the small run to a viewer and make a panel on its design; further panels by calling it with that layer."""
    from napari_connectome.widgets.design import DesignPanel
    from napari_connectome.widgets.panel import Panel

    viewer, panels = ViewerModel(), []

    def dock(layer=None, **known):
        layer = layer or add_run(viewer, small_run.run, **known)
        panel = Panel(viewer)
        qtbot.addWidget(panel)
        panels.append(panel)
        design = DesignPanel(panel)
        panel.column.addWidget(design)
        design.set_run(layer)
        return layer, design

    return dock


def _heard(design):
    times = []

    def hear():
        times.append(design.in_words())

    design.changed.connect(hear)
    return times


def test_the_table_that_came_with_the_run(docked, table):
    _, design = docked(labels_table=table)
    assert design.chosen().counts == {"rest": 30, "face": 30, "house": 30}
    assert list(design.chosen().chunks) == [0] * 45 + [1] * 45
    assert design.in_words() == "Design: 3 conditions"
    assert "face 30" in design.found.text()
    assert "came with the run" in design.name.text()
    assert design.own_button.isHidden()
    assert design.trouble.isHidden()
    assert design.timing.widget("width").isHidden()


def test_without_a_design_it_says_what_to_choose(docked):
    _, design = docked()
    assert design.in_words() == "Design: none"
    assert "choose" in design.name.text()
    with pytest.raises(InputError, match="there is no design for run: choose a table of labels"):
        design.chosen()


def test_without_a_run_it_asks_for_one(docked, tmp_path):
    _, design = docked()
    design.set_run(None)
    with pytest.raises(InputError, match="there is no run"):
        design.chosen()
    design.open_file(tmp_path / "labels.txt")
    assert "open the run first" in design.trouble.text()


def test_events_beside_the_run_are_found(docked, tmp_path):
    events = pd.DataFrame({"onset": [20.0, 100.0], "duration": [60.0, 0.0], "trial_type": ["face", "house"]})
    events.to_csv(tmp_path / "sub-01_task-faces_events.tsv", sep="\t", index=False)
    bold = tmp_path / "sub-01_task-faces_bold.nii.gz"
    bold.touch()
    _, design = docked(path=str(bold))
    assert "sub-01_task-faces_events.tsv" in design.name.text()
    assert list(design.chosen().volumes("face")) == list(range(10, 40))
    assert not design.timing.widget("width").isHidden()
    design.timing.value = Timing(delay=4.0, width=6.0)
    assert list(design.chosen().volumes("face")) == list(range(12, 42))
    assert list(design.chosen().volumes("house")) == [52, 53, 54]
    assert design.in_words() == "Design: 2 conditions, 4 s later"


def test_a_chosen_file_takes_the_place_of_the_run_s_own_and_back(docked, table, tmp_path):
    _, design = docked(labels_table=table)
    heard = _heard(design)
    path = tmp_path / "other.txt"
    path.write_text("\n".join(["cat"] * 50 + ["shoe"] * 40))
    design.open_file(path)
    assert design.chosen().counts == {"cat": 50, "shoe": 40}
    assert not design.own_button.isHidden()
    design.own_button.click()
    assert design.chosen().counts["face"] == 30
    assert design.own_button.isHidden()
    assert heard == ["Design: 2 conditions", "Design: 3 conditions"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("face\n" * 89, "89 rows"),
        ("", ""),
        ("onset\tduration\ttrial_type\n999\t1\tface\n", "falls on a volume"),
    ],
)
def test_a_file_that_does_not_go_with_the_run_is_told_and_nothing_changes(docked, table, tmp_path, text, said):
    layer, design = docked(labels_table=table)
    heard, before = _heard(design), dict(layer.metadata["connectome"])
    (tmp_path / "wrong.tsv").write_text(text)
    design.open_file(tmp_path / "wrong.tsv")
    assert not design.trouble.isHidden()
    assert said in design.trouble.text()
    assert design.trouble.text().endswith("The design is still that of the labels that came with the run.")
    assert design.chosen().counts["face"] == 30
    assert not heard
    assert layer.metadata["connectome"] == before


def test_a_table_of_another_length_that_came_with_the_run_is_told(docked, table):
    _, design = docked(labels_table=table.iloc[:80])
    assert design.in_words() == "Design: see here"
    assert "80 rows" in design.trouble.text()
    assert "90 volumes" in design.trouble.text()
    with pytest.raises(InputError, match="80 rows"):
        design.chosen()


def test_what_was_left_out_is_said(docked, tmp_path):
    _, design = docked()
    path = tmp_path / "events.tsv"
    rows = [(-30.0, 10.0, "face"), (20.0, 60.0, "face"), (100.0, 20.0, "house"), (500.0, 10.0, "house")]
    pd.DataFrame(rows, columns=["onset", "duration", "trial_type"]).to_csv(path, sep="\t", index=False)
    design.open_file(path)
    assert "2 of 4 events" in design.found.text()


def test_panels_on_one_run_show_the_same(docked, table, tmp_path):
    layer, first = docked(labels_table=table)
    _, second = docked(layer)
    heard = _heard(second)
    first.timing.value = Timing(delay=4.0)
    assert second.timing.value == Timing(delay=4.0)
    np.testing.assert_array_equal(second.chosen().labels, first.chosen().labels)
    assert len(heard) == 1
    path = tmp_path / "other.txt"
    path.write_text("\n".join(["cat"] * 90))
    second.open_file(path)
    assert first.chosen().conditions == ["cat"]
    assert first.timing.value == Timing(delay=4.0)
    _, third = docked(layer)
    assert third.chosen().conditions == ["cat"]
    assert not third.own_button.isHidden()


def test_another_run_has_its_own_design(docked, table):
    layer, design = docked(labels_table=table)
    design.timing.value = Timing(delay=2.0)
    other, _ = docked(labels_table=table.replace({"face": "shoe"}))
    heard = _heard(design)
    design.set_run(other)
    assert "shoe" in design.chosen().counts
    assert design.timing.value == Timing()
    design.set_run(layer)
    assert design.timing.value == Timing(delay=2.0)
    assert not heard


def test_an_unknown_tr_is_asked_for(docked, table):
    layer, design = docked(labels_table=table, tr_question="the header says 0")
    with pytest.raises(InputError, match="TR of run is not known"):
        design.chosen()
    from napari_connectome.layers.repetition import set_tr

    set_tr(layer, 2.0)
    design.set_run(layer)
    assert design.chosen().counts["face"] == 30


def test_nothing_is_heard_after_the_dock_is_gone(docked, table):
    layer, design = docked(labels_table=table)
    heard = _heard(design)
    panel = design.parent()
    while not hasattr(panel, "release"):
        panel = panel.parent()
    panel.release()
    layer.metadata = {"connectome": {**layer.metadata["connectome"], "design": None}}
    assert not heard
