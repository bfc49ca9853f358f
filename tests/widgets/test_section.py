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
