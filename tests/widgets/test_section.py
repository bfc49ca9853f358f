"""A part of a panel that opens and closes."""


def test_what_appears_in_an_open_section_has_room(qtbot):
    from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

    from napari_connectome.widgets.section import Section

    inside = QWidget()
    lines = QVBoxLayout(inside)
    text = QLabel("short")
    text.setWordWrap(True)
    lines.addWidget(text)
    outside = QWidget()
    qtbot.addWidget(outside)
    column = QVBoxLayout(outside)
    section = Section(inside, "title")
    column.addWidget(section)
    column.addStretch(1)
    outside.resize(200, 900)
    outside.show()
    assert inside.visibleRegion().isEmpty()
    section.toggleButton().click()
    qtbot.waitUntil(lambda: not inside.visibleRegion().isEmpty())
    before = section.height()
    text.setText("many words that go over several lines in so narrow a place " * 5)
    qtbot.waitUntil(lambda: text.height() >= text.heightForWidth(text.width()))
    assert section.height() > before + 50
    section.toggleButton().click()
    qtbot.waitUntil(lambda: inside.visibleRegion().isEmpty())
    section.expand()
    qtbot.waitUntil(lambda: text.height() >= text.heightForWidth(text.width()))


def test_a_long_title_is_cut_not_the_dock(qtbot):
    from qtpy.QtWidgets import QLabel

    from napari_connectome.widgets.section import Section

    section = Section(QLabel("inside"), "Compared: face & house")
    qtbot.addWidget(section)
    section.resize(300, 30)
    section.show()
    button = section.toggleButton()
    assert button.text() == "▸ Compared: face && house"
    assert not button.toolTip()
    section.expand()
    assert button.text() == "▾ Compared: face && house"
    section.setText("Compared: " + "a_condition_with_a_long_name, " * 5)
    assert section.text().startswith("Compared: a_condition")
    assert section.minimumSizeHint().width() < 200
    assert button.text().endswith("…")
    assert button.toolTip() == section.text()
    section.collapse()
    assert button.text().startswith("▸ Compared")
