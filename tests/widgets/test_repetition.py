"""The line that shows a run's TR: corrected at any time, asked for where it is not known."""

import numpy as np
import pytest
from napari.layers import Image
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_connectome.core.grid import Grid
from napari_connectome.layers.spatial import layer_kwargs, run_of
from napari_connectome.widgets.repetition import RepetitionRow

DATA = np.zeros((5, 2, 3, 4), np.float32)


def ours(tr, **known):
    return Image(DATA, name="run", **layer_kwargs(Grid((2, 3, 4), np.eye(4)), tr=tr, time=True, role="run", **known))


@pytest.fixture
def row(qtbot):
    row = RepetitionRow()
    qtbot.addWidget(row)
    row.answers = []
    row.answered.connect(lambda: row.answers.append(row.seconds.number))
    row.show()
    return row


def type_in(row, text):
    row.seconds.setFocus()
    row.seconds.selectAll()
    QTest.keyClicks(row.seconds, text)


@pytest.mark.parametrize("how", ["Enter", "Use"])
def test_a_wrong_tr_can_be_corrected_at_any_time(row, how):
    layer = ours(2.0)
    row.ask(layer)
    assert row.seconds.isVisible()
    assert row.seconds.text() == "2 s"
    assert not row.question.isVisible()
    assert not row.use.isVisible(), "nothing to use yet"
    type_in(row, "0.8")
    if how == "Enter":
        QTest.keyClick(row.seconds, Qt.Key.Key_Return)
    else:
        assert row.use.isVisible()
        QTest.mouseClick(row.use, Qt.MouseButton.LeftButton)
    assert run_of(layer).tr == 0.8
    assert row.answers == [0.8]
    assert not row.use.isVisible()
    QTest.keyClick(row.seconds, Qt.Key.Key_Return)
    assert row.answers == [0.8], "said again, nothing changes"


@pytest.mark.parametrize("how", ["Enter", "Use"])
def test_a_tr_that_cannot_be_is_seen_before_another_is_used(row, how):
    def use():
        if how == "Enter":
            QTest.keyClick(row.seconds, Qt.Key.Key_Return)
        else:
            QTest.mouseClick(row.use, Qt.MouseButton.LeftButton)

    layer = ours(2.0)
    row.ask(layer)
    type_in(row, "2000")  # milliseconds
    use()
    assert (row.answers, row.seconds.text()) == ([], "100 s")
    type_in(row, "1.9")
    use()
    assert row.answers == [1.9]
    assert run_of(layer).tr == 1.9


@pytest.mark.parametrize(
    ("layer", "said", "offered"),
    [
        (Image(DATA), "the layer does not say", 2.0),
        (Image(DATA, scale=(1.4, 3, 3, 3)), "the layer does not say", 1.4),
        (ours(None), "the layer does not say", 2.0),
        (ours(None, tr_question="the header says 2000", tr_guess=2.5), "the header says 2000", 2.5),
    ],
)
def test_what_is_not_known_is_asked(row, layer, said, offered):
    row.ask(layer)
    assert row.question.isVisible()
    assert said in row.question.text().lower()
    assert row.seconds.number == offered
    assert row.use.isVisible()
    QTest.mouseClick(row.use, Qt.MouseButton.LeftButton)
    assert run_of(layer).tr == offered
    assert row.answers == [offered]
    assert not row.question.isVisible()


def test_the_exact_tr_is_kept_until_another_is_typed(row):
    layer = ours(2.000000123)
    row.ask(layer)
    QTest.keyClick(row.seconds, Qt.Key.Key_Return)
    assert run_of(layer).tr == 2.000000123
    assert row.answers == []


def test_without_a_run_there_is_nothing_to_answer(row):
    row.ask(None)
    assert not row.isEnabled()
    row.use.click()
    assert row.answers == []
