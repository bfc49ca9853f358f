"""Forms: a `Params` value survives being shown, and what a person types is what comes out."""

import dataclasses
import gc
import math
import random
import weakref

import pytest
from magicgui.widgets import Container
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QGroupBox

from napari_connectome.core.errors import InputError
from napari_connectome.core.params import Params, param
from napari_connectome.widgets.form import NumberBox, NumberEdit, ParamsForm


@dataclasses.dataclass(frozen=True, kw_only=True)
class Band(Params):
    detrend: bool = param(True, "Take a line out.")
    high_pass: float = param(0.0, "Slowest.", unit="Hz", low=0.0, high=10.0, step=0.001, off=0.0)
    low_pass: float = param(math.inf, "Fastest.", unit="Hz", low=0.0, step=0.001, off=math.inf)
    filter: str = param("butterworth", "Which filter.", choices=("butterworth", "cosine_set"))

    def __post_init__(self):
        super().__post_init__()
        if self.high_pass >= self.low_pass:
            raise InputError("crossed.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Whole(Params):
    radius: float = param(8.0, "Radius.", unit="mm", low=0.0, high=50.0, step=0.5, title="sphere radius")
    shift: float = param(-1.5, "Any number.", step=0.1)
    count: int = param(3, "How many.", low=1, high=500)
    neighbours: int = param(6, "Which voxels touch.", choices=(6, 18, 26))
    name: str = param("seed", "Its name.")
    band: Band = param(Band(), "The band.")


WHOLE = {field.name for field in dataclasses.fields(Whole)}


def random_params(seed: int) -> Whole:
    rng = random.Random(seed)
    high = rng.choice([0.0, round(rng.uniform(0, 0.05), 3), rng.uniform(0, 0.05)])
    low = rng.choice([math.inf, round(rng.uniform(0.06, 0.3), 3), rng.uniform(0.06, 1e6)])
    band = Band(detrend=rng.random() < 0.5, high_pass=high, low_pass=low, filter=rng.choice(["butterworth", "cosine_set"]))
    return Whole(
        radius=rng.choice([0.0, 0.5 * rng.randrange(100), rng.uniform(0, 50)]),
        shift=rng.choice([-1, 1]) * 10 ** rng.uniform(-8, 8),
        count=rng.randrange(1, 500),
        neighbours=rng.choice([6, 18, 26]),
        name=rng.choice(["", "left PCC", "µ off 3"]),
        band=band,
    )


@pytest.fixture
def form(qtbot):
    widget = ParamsForm(Whole())
    qtbot.addWidget(widget)
    widget.show()
    return widget


def qt(form, field):
    """The Qt widget of a field, wherever it is."""
    return (form.container if field in WHOLE else form.container["band"])[field].native


def type_into(box, text):
    box.setFocus()
    box.selectAll()
    QTest.keyClicks(box, text)
    QTest.keyClick(box, Qt.Key.Key_Return)


def test_every_value_comes_back_as_it_went_in(form):
    for seed in range(200):
        params = random_params(seed)
        form.value = params
        assert form.value == params


def test_reading_the_shown_text_again_changes_nothing(form):
    for seed in range(50):
        params = random_params(seed)
        form.value = params
        for box in form.findChildren(NumberBox):
            box.lineEdit().setText(box.lineEdit().text())
            box.interpretText()
        assert form.value == params


def test_defaults_are_shown_with_title_unit_and_explanation(form):
    assert form.value == Whole()
    radius = form.widget("radius")
    assert radius.text() == "8 mm"
    assert radius.toolTip() == "Radius."
    label = form.container.native.layout().labelForField(radius)
    assert (label.text(), label.toolTip(), label.buddy()) == ("Sphere radius", "Radius.", radius)
    assert isinstance(form.widget("band"), QGroupBox)
    assert (form.widget("band").title(), form.widget("band").toolTip()) == ("Band", "The band.")
    assert qt(form, "detrend").text() == "Detrend"
    assert qt(form, "high_pass").text() == "off"
    assert qt(form, "low_pass").text() == "off"


@pytest.mark.parametrize(
    ("field", "typed", "number", "shown"),
    [
        ("low_pass", "0.08", 0.08, "0.08 Hz"),
        ("low_pass", "0.008 Hz", 0.008, "0.008 Hz"),
        ("low_pass", "0,1", 0.1, "0.1 Hz"),
        ("low_pass", "off", math.inf, "off"),
        ("low_pass", "inf", math.inf, "off"),
        ("high_pass", "0.008", 0.008, "0.008 Hz"),
        ("high_pass", "0.00805", 0.00805, "0.00805 Hz"),
        ("high_pass", "Off", 0.0, "off"),
        ("high_pass", "0", 0.0, "off"),
        ("shift", "-1e-3", -0.001, "-0.001"),
        ("count", "12", 12, "12"),
    ],
)
def test_typing(form, field, typed, number, shown):
    box = qt(form, field)
    type_into(box, "0.05" if field.endswith("pass") else "1")
    type_into(box, typed)
    assert box.number == number
    assert box.text() == shown


@pytest.mark.parametrize("leaving", ["Return", "another box", "a button"])
@pytest.mark.parametrize(
    ("field", "typed", "taken", "said"),
    [
        ("radius", "51", 50.0, "Sphere radius takes numbers from 0 to 50 mm: 51 became 50 mm."),
        ("radius", "-1", 0.0, "Sphere radius takes numbers from 0 to 50 mm: -1 became 0 mm."),
        ("radius", "abc", 8.0, "Sphere radius takes numbers from 0 to 50 mm: abc is no number, 8 mm stays."),
        ("radius", "", 8.0, "Sphere radius takes numbers from 0 to 50 mm: nothing is no number, 8 mm stays."),
        ("radius", "nan", 8.0, "Sphere radius takes numbers from 0 to 50 mm: nan is no number, 8 mm stays."),
        ("count", "2.7", 3, "Count takes whole numbers from 1 to 500: 2.7 became 3."),
        ("count", "0", 1, "Count takes whole numbers from 1 to 500: 0 became 1."),
        ("count", "inf", 500, "Count takes whole numbers from 1 to 500: inf became 500."),
        ("low_pass", "-0.1", 0.0, "Low pass takes numbers from 0 Hz: -0.1 became 0 Hz."),
        ("shift", "x", -1.5, "Shift takes numbers: x is no number, -1.5 stays."),
    ],
)
def test_what_cannot_be_becomes_the_nearest_that_can_and_it_is_said(form, field, typed, taken, said, leaving):
    box, heard = qt(form, field), []
    box.corrected.connect(heard.append)
    box.setFocus()
    box.selectAll()
    QTest.keyClick(box, Qt.Key.Key_Backspace)
    QTest.keyClicks(box, typed)
    assert heard == [], "nobody is interrupted"
    if leaving == "Return":
        QTest.keyClick(box, Qt.Key.Key_Return)
    elif leaving == "another box":
        form.widget("name").setFocus()
        box.interpretText()  # which a window that is not in front leaves to be done
    else:
        assert not box.settle()
        assert box.settle(), "told once"
    assert (box.number, box.text()) == (taken, box.textFromValue(taken))
    assert set(heard) == {said}
    QTest.keyClicks(box, "4")
    assert heard[-1] == "", "the past"


@pytest.mark.parametrize("seed", range(15))
def test_what_is_typed_is_taken_or_the_nearest_there_is(qtbot, seed):
    rng = random.Random(seed)
    low = rng.choice([-math.inf, -5.0, 0.0, 2.0])
    high = rng.choice([math.inf, 10.0, 500.0])
    box, heard = NumberBox(low, high, whole=rng.random() < 0.5), []
    qtbot.addWidget(box)
    box.corrected.connect(heard.append)
    for _ in range(25):
        number = rng.choice([rng.randrange(-9, 600), round(rng.uniform(-9, 600), 2), 10.0 ** rng.randrange(-3, 9)])
        heard.clear()
        box.lineEdit().selectAll()
        QTest.keyClicks(box.lineEdit(), f"{number:g}")
        number = float(f"{number:g}")
        fits = low <= number <= high and (box.decimals() or number == int(number))
        assert box.settle() == bool(fits)
        assert bool([sentence for sentence in heard if sentence]) == (not fits)
        nearest = min(max(number, low), high)
        assert box.number == (nearest if box.decimals() else round(nearest))


def test_stepping_leaves_off_and_stays_on_the_grid(form):
    low_pass = qt(form, "low_pass")
    QTest.keyClick(low_pass, Qt.Key.Key_Up)
    assert low_pass.number == 0.001
    type_into(low_pass, "0.1")
    for _ in range(3):
        QTest.keyClick(low_pass, Qt.Key.Key_Down)
    assert low_pass.number == 0.097
    radius = form.widget("radius")
    for _ in range(200):
        QTest.keyClick(radius, Qt.Key.Key_Up)
    assert radius.number == 50.0


def test_values_that_do_not_go_together_are_refused_on_reading(form):
    type_into(qt(form, "high_pass"), "0.2")
    type_into(qt(form, "low_pass"), "0.1")
    with pytest.raises(InputError, match="crossed"):
        _ = form.value
    form.value = Whole()
    assert form.value == Whole()


def test_one_edit_one_signal(form, qtbot):
    heard = []
    form.changed.connect(lambda: heard.append(form.value))
    type_into(qt(form, "low_pass"), "0.08")
    assert [whole.band.low_pass for whole in heard] == [0.08]
    qt(form, "detrend").click()
    QTest.keyClick(qt(form, "filter"), Qt.Key.Key_Down)
    type_into(form.widget("name"), "new")
    assert len(heard) == 4
    assert heard[-1] == Whole(name="new", band=Band(low_pass=0.08, detrend=False, filter="cosine_set"))
    form.value = random_params(1)
    assert len(heard) == 5
    form.value = random_params(1)
    assert len(heard) == 5


def test_a_script_changes_one_field_through_the_container_and_is_heard_once(form):
    heard, told = [], []
    form.changed.connect(lambda: heard.append(form.value))
    for seed in range(40):
        wanted = random_params(seed)
        for holder, params in ((form.container.band, wanted.band), (form.container, wanted)):
            for field in dataclasses.fields(params):
                row, new = holder[field.name], getattr(params, field.name)
                row.changed.connect(told.append)
                before, expected = len(heard), int(row.value != new)
                row.value = new
                row.changed.disconnect(told.append)
                assert len(heard) == before + expected, field.name
                assert row.value == new
                assert type(row.value) is type(new)
                if expected and not isinstance(row, Container):
                    assert told[-1] == new  # not the box's stand-in for infinity
        assert form.value == wanted == form.container.value


def test_the_container_is_magicguis_and_keeps_its_bounds(form):
    assert isinstance(form.container, Container)
    assert isinstance(form.container.band, Container)
    assert form.container.asdict() == {name: getattr(Whole(), name) for name in WHOLE}
    assert (form.container.radius.min, form.container.radius.max, form.container.radius.step) == (0.0, 50.0, 0.5)
    assert form.container.band.low_pass.max == math.inf
    with pytest.raises(ValueError, match="outside"):
        form.container.radius.value = 51
    with pytest.raises(ValueError, match="choice"):
        form.container.band.filter.value = "boxcar"
    assert form.value == Whole()
    heard = []
    form.changed.connect(lambda: heard.append(form.value))
    form.container.band.value = Band(high_pass=0.008)
    assert heard == [Whole(band=Band(high_pass=0.008))]


def test_a_number_edit_serves_any_magicgui(qtbot):
    edit = NumberEdit(value=0.008, min=0.0, max=math.inf, step=0.001, unit="Hz", off=0.0)
    qtbot.addWidget(edit.native)
    assert (edit.value, edit.native.text()) == (0.008, "0.008 Hz")
    edit.max = 1.0
    type_into(edit.native, "2")
    assert edit.value == 1.0


def test_half_typed_text_is_no_edit(form):
    heard = []
    form.changed.connect(lambda: heard.append(form.value.name))
    line = form.widget("name")
    line.selectAll()
    QTest.keyClicks(line, "left")
    assert heard == []
    QTest.keyClick(line, Qt.Key.Key_Return)
    QTest.keyClick(line, Qt.Key.Key_Return)
    assert heard == ["left"]


def test_fields_left_out_keep_their_value(qtbot):
    params = random_params(5)
    form = ParamsForm(params, fields=("count", "radius"))
    qtbot.addWidget(form)
    form.value = other = random_params(6)
    assert form.value == other
    form.widget("count").number = 7
    assert form.value == other.replace(count=7)
    with pytest.raises(AttributeError):
        form.widget("band")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Worded(Params):
    words: tuple[str, ...] = param(("a", "b"), "Some words.")
    count: int = param(3, "How many.", low=1, high=500)


def test_a_list_of_words_has_no_row_and_keeps_its_value(qtbot):
    with pytest.raises(TypeError, match="no row"):
        ParamsForm(Worded())
    form = ParamsForm(Worded(), fields=("count",))
    qtbot.addWidget(form)
    form.widget("count").number = 7
    assert form.value == Worded(count=7)


def test_the_wheel_over_a_box_without_focus_does_nothing(form, qtbot):
    from qtpy.QtCore import QPoint, QPointF
    from qtpy.QtGui import QWheelEvent
    from qtpy.QtWidgets import QApplication

    box = form.widget("radius")
    form.widget("name").setFocus()
    where = QPointF(box.rect().center())
    event = QWheelEvent(
        where,
        box.mapToGlobal(where),
        QPoint(0, 120),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(box, event)
    assert form.value == Whole()


@pytest.mark.parametrize("by_qt", [True, False], ids=["deleted", "dropped"])
def test_nothing_is_left_of_a_form_that_went(qtbot, by_qt):
    form = ParamsForm(Whole())
    form.changed.connect(form.update)
    form.show()
    form.container.band.high_pass.native.setFocus()
    refs = [weakref.ref(thing) for thing in (form, form.container, form.container.band, form.container.band.high_pass)]
    if by_qt:
        form.deleteLater()
    del form
    qtbot.wait(20)
    gc.collect()
    assert [ref() for ref in refs] == [None] * 4


def test_a_form_taken_from_a_dock_can_be_collected(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    for i in range(10):
        form = ParamsForm(Whole())
        dock = viewer.window.add_dock_widget(form, name="form")
        form.container.radius.value = 3.0
        viewer.window.remove_dock_widget(form if i % 2 else dock)
        ref = weakref.ref(form)
        del form, dock
        qtbot.wait(1)
        gc.collect()
        assert ref() is None
