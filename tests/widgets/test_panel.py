"""What all dock widgets have in common, in a real window."""

from functools import partial

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QDockWidget, QLabel, QTabBar, QTabWidget

from napari_connectome.analyses.networks import Networks
from napari_connectome.widgets.at_end import AtEnd
from napari_connectome.widgets.form import NumberBox, ParamsForm
from napari_connectome.widgets.panel import Panel, button, row, words
from napari_connectome.widgets.section import Section


class Numbers(Panel):
    """A panel that asks for numbers in a form and beside it, and notes them when a button is pressed."""

    def __init__(self):
        super().__init__(None)
        self.form = ParamsForm(Networks(), fields=("n_components", "alpha"))
        self.radius = NumberBox(0, 20, unit="mm")
        self.noted = []
        self.press = button("Note", "Note the numbers.", self._note)
        self.column.addWidget(self.form)
        self.column.addLayout(row("Radius", self.radius))
        self.column.addWidget(self.press)

    def _note(self):
        self.noted.append((self.form.value.n_components, self.form.value.alpha, self.radius.number))


@pytest.fixture
def numbers(qtbot):
    panel = Numbers()
    qtbot.addWidget(panel)
    panel.show()
    return panel


@pytest.mark.parametrize("in_focus", [True, False])
@pytest.mark.parametrize(
    ("which", "typed", "noted", "said"),
    [
        ("n_components", "6", (6, 10.0, 0.0), ""),
        ("n_components", "1", (2, 10.0, 0.0), "Networks takes whole numbers from 2 to 500: 1 became 2."),
        ("n_components", "501", (500, 10.0, 0.0), "Networks takes whole numbers from 2 to 500: 501 became 500."),
        ("n_components", "2.7", (3, 10.0, 0.0), "Networks takes whole numbers from 2 to 500: 2.7 became 3."),
        ("n_components", "six", (20, 10.0, 0.0), "Networks takes whole numbers from 2 to 500: six is no number, 20 stays."),
        ("alpha", "2.5", (20, 2.5, 0.0), ""),
        ("radius", "21", (20, 10.0, 20.0), "Radius takes numbers from 0 to 20 mm: 21 became 20 mm."),
    ],
)
def test_what_is_typed_is_what_a_button_takes_or_what_became_of_it_is_in_sight(numbers, which, typed, noted, said, in_focus):
    """Also where a button does not take the focus, as on a Mac."""
    box = numbers.radius if which == "radius" else numbers.form.widget(which)
    line = box.lineEdit()
    if in_focus:
        QTest.mouseClick(line, Qt.MouseButton.LeftButton)
    else:
        numbers.press.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    line.selectAll()
    QTest.keyClicks(line, typed)
    assert numbers.noted == []
    QTest.mouseClick(numbers.press, Qt.MouseButton.LeftButton)
    assert numbers.noted == [noted]
    assert numbers.correction.text() == said
    assert numbers.correction.isVisible() == bool(said)
    QTest.mouseClick(numbers.press, Qt.MouseButton.LeftButton)
    assert numbers.noted == [noted] * 2
    QTest.keyClicks(line, "3")
    assert not numbers.correction.isVisible()


def test_an_ampersand_of_the_title_is_read_in_title_tab_and_menu(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    titles = ["Test", "Dilation & labeling"]
    docks = [viewer.window.add_dock_widget(Panel(viewer), name=title) for title in titles]
    qtbot.wait(50)
    shown = [bar for bar in viewer.window._qt_window.findChildren(QTabBar) if bar.count() == 2]
    assert [bar.tabText(i) for bar in shown for i in range(2)] == ["Test", "Dilation && labeling"]
    dock = docks[1]
    assert isinstance(dock, QDockWidget)
    assert dock.toggleViewAction().text() == "Dilation && labeling"
    assert "Dilation & labeling" in [label.text() for label in dock.titleBarWidget().findChildren(QLabel)]
    assert titles[1] in viewer.window.dock_widgets
    dock.hide()
    dock.show()
    assert dock.windowTitle() == "Dilation && labeling", "doubled once, not each time it is shown"


@pytest.mark.parametrize(
    "name",
    ["Correlation map", "Sphere seeds", "ROI t-test", "Dilation & labeling", "Dictionary-learning regions", "Connectome"],
)
def test_everything_can_be_reached_in_a_narrow_dock(make_napari_viewer, qtbot, name):
    """At 240 pixels it fits, also beside the bar that scrolls it down; in a narrower one it scrolls sideways."""
    viewer = make_napari_viewer(show=True)
    viewer.open_sample("napari-connectome", "resting_group")
    dock, panel = viewer.window.add_plugin_dock_widget("napari-connectome", name)
    for section in panel.findChildren(Section):
        section.expand()
    for width in (240, 180):
        viewer.window._qt_window.resizeDocks([dock], [width], Qt.Orientation.Horizontal)
        for tabs in panel.findChildren(QTabWidget) or [None]:
            for tab in range(tabs.count() if tabs else 1):
                if tabs:
                    tabs.setCurrentIndex(tab)
                qtbot.waitUntil(partial(reached, panel, width), timeout=20000)
                assert panel._scroll.horizontalScrollBar().isVisible() == (width == 180)


def reached(panel, width):
    """Whether all of a panel is seen or can be scrolled to, now that Qt has given everything its place."""
    inside, bar = panel._scroll.widget(), panel._scroll.horizontalScrollBar()
    fits = inside.minimumSizeHint().width() <= panel._scroll.viewport().width()
    return (
        panel.width() <= width
        and inside.width() == panel._scroll.viewport().width() + bar.maximum()
        and bar.isVisible() == (not fits)
    )


def test_all_of_a_sentence_that_appears_is_scrolled_to(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(900, 500)
    dock, panel = viewer.window.add_plugin_dock_widget("napari-connectome", "Connectome")
    viewer.window._qt_window.resizeDocks([dock], [300], Qt.Orientation.Horizontal)
    qtbot.waitUntil(lambda: panel.width() <= 300)
    message = panel.computing.message
    QApplication.processEvents()
    panel.computing.compute_button.click()
    panel.computing.outcome.refuse("the run cannot be used since " + "the table is too long, " * 20)
    qtbot.waitUntil(lambda: not panel._bring_soon.isActive())
    assert message.height() > 3 * message.fontMetrics().height()
    assert message.visibleRegion().boundingRect().height() == message.height()


def test_names_in_sentences_are_no_markup(qtbot):
    label = words()
    qtbot.addWidget(label)
    label.setText("<b>face</b> & house > cat")
    wide = label.sizeHint().width()
    label.setText("face & house > cat")
    assert wide > label.sizeHint().width()


def test_a_last_call_is_made_once_and_not_by_what_is_garbage(qtbot):
    made = []
    end = AtEnd(made.append, 1)
    end()
    end()
    assert made == [1]
    end = AtEnd(made.append, 2)
    vars(end).clear()  # as Python's garbage collector does before the widget is deleted
    end()
    assert made == [1]
    panel = Panel(None)
    panel.at_end(lambda: made.append(3))
    panel.deleteLater()
    qtbot.waitUntil(lambda: made == [1, 3])
