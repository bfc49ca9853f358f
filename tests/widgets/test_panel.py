"""What all dock widgets have in common, in a real window."""

from qtpy.QtWidgets import QDockWidget, QLabel, QTabBar

from napari_connectome.widgets.at_end import AtEnd
from napari_connectome.widgets.panel import Panel, words


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
