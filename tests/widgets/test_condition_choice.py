"""Two conditions to compare and those that are shown, as designs come and go."""

import pytest

from napari_connectome.core.design import design_of_labels
from napari_connectome.widgets.condition_choice import ConditionChoice


def design(*labels):
    return design_of_labels(list(labels), len(labels), 2.0)


@pytest.fixture
def choice(qtbot):
    widget = ConditionChoice()
    qtbot.addWidget(widget)
    widget.set_design(design("rest", "cat", "house", "rest", "face", "face"))
    widget.told = []
    widget.changed.connect(lambda: widget.told.append((widget.a, widget.b, widget.shown)))
    return widget


def test_it_begins_with_faces_and_houses_and_all_but_rest(choice):
    assert (choice.a, choice.b) == ("face", "house")
    assert choice.shown == ("cat", "house", "face")
    assert choice.a_box.currentText() == "face (2)"
    assert choice.ticks.text() == "Shown: 3 of 4 conditions"
    assert choice.told == []


@pytest.mark.parametrize(
    ("labels", "pair"),
    [
        (("rest", "left", "right"), ("left", "right")),
        (("rest", "go"), ("go", "rest")),
        (("go",), ("", "")),
        (("house", "cat"), ("cat", "house")),
        (("cat", "face"), ("face", "cat")),
        (("Rest", "REST"), ("Rest", "REST")),
    ],
)
def test_there_are_always_two(qtbot, labels, pair):
    widget = ConditionChoice()
    qtbot.addWidget(widget)
    widget.set_design(design(*labels))
    assert (widget.a, widget.b) == pair


def test_the_same_for_both_swaps_them(choice):
    choice.b_box.setCurrentIndex(choice.b_box.findData("face"))
    choice.b_box.activated.emit(choice.b_box.currentIndex())
    assert (choice.a, choice.b) == ("house", "face")
    choice.a_box.setCurrentIndex(choice.a_box.findData("face"))
    choice.a_box.activated.emit(choice.a_box.currentIndex())
    assert (choice.a, choice.b) == ("face", "house")
    assert len(choice.told) == 2


def test_what_was_chosen_stays_with_another_design(choice):
    choice.choose("cat", "house")
    choice.show_only(("house", "rest"))
    assert choice.shown == ("rest", "house")
    assert choice.ticks.text() == "Shown: rest, house"
    choice.set_design(None)
    assert (choice.a, choice.b, choice.shown) == ("", "", ())
    choice.set_design(design("house", "shoe", "rest", "cat"))
    assert choice.shown == ("house", "shoe", "rest")
    assert (choice.a, choice.b) == ("cat", "house")


def test_ticking_is_told(choice):
    choice._ticks["cat"].click()
    assert choice.told == [("face", "house", ("house", "face"))]


def test_one_condition_leaves_nothing_to_compare(choice):
    choice.set_design(design("go", "go"))
    assert choice.pair.isHidden()
    assert choice.shown == ("go",)
    choice.set_comparing(True)
    assert choice.pair.isHidden()
    choice.set_design(design("go", "stop"))
    assert not choice.pair.isHidden()
    choice.set_comparing(False)
    assert choice.pair.isHidden()


def test_an_ampersand_is_shown_as_one(choice):
    choice.set_design(design("a&b", "c"))
    assert choice.ticks.toggleButton().text().endswith("Shown: a&&b, c")
    assert choice._ticks["a&b"].text() == "a&&b"


def test_of_very_many_conditions_some_are_ticked(choice):
    choice.set_design(design(*(f"volume {i}" for i in range(100))))
    assert len(choice.shown) == 24
    assert choice.ticks.text() == "Shown: 24 of 100 conditions"
