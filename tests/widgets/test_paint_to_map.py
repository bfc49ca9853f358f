"""A region is painted in a real window, with a real mouse, and its correlation map follows."""

import numpy as np
import pandas as pd
import pytest

from napari_connectome import Cleaning, Grid, Run, SeedMap, SeedMapper, Volume, brain_mask
from napari_connectome.core.origins import fingerprint
from napari_connectome.layers import preview as previews
from napari_connectome.layers import results
from napari_connectome.layers.correlation import OWNER, ROLE
from napari_connectome.layers.region_layer import RegionLayer
from napari_connectome.layers.seed_layer import is_seeds
from napari_connectome.layers.spatial import info, layer_kwargs, to_world
from napari_connectome.layers.undoable import write


@pytest.fixture
def opened(make_napari_viewer, small_run, add_run, until):
    """A viewer with the small run prepared without a filter, and the widget set to paint a region."""

    def open_it(*layers, paint=True):
        from napari_connectome.widgets.correlation_map import CorrelationMap

        viewer = make_napari_viewer(show=True)
        add_run(viewer, small_run.run)
        for layer in layers:
            viewer.add_layer(layer)
        widget = CorrelationMap(viewer)
        viewer.window.add_dock_widget(widget, name="Correlation map")
        widget.cleaning.value = Cleaning()
        if paint:
            _seed_from(widget, "region")
        _prepare(widget, until)
        return viewer, widget

    return open_it


def _prepare(widget, until):
    widget.prepare()
    until(lambda: not widget.work.busy and not widget._again.isActive())
    assert widget.live.shown is not None, widget.message.text()


def _seed_from(widget, what):
    widget.live.seed_from.setCurrentIndex(widget.live.seed_from.findData(what))


def _labels(grid, name="painted", kind="u2"):
    from napari.layers import Labels

    return Labels(np.zeros(grid.shape, kind), name=name, **layer_kwargs(grid))


def _new(widget):
    widget.live.region.new.click()
    return widget.live.region.layer_choice.layer


def _shifted(grid, mm=1.0):
    affine = grid.affine.copy()
    affine[:3, 3] += mm
    return affine


def _places(run, *ends, steps=8):
    return np.linspace(*(to_world(run.grid, mm) for mm in ends), steps)


def _go_to(viewer, run, mm):
    viewer.dims.set_point(range(viewer.dims.ndim - 3, viewer.dims.ndim), to_world(run.grid, mm))
    viewer.reset_view()


def _ball(layer, run, mm, radius, label=1):
    """Paint a ball as a program does."""
    write(layer, np.where(run.grid.sphere(mm, radius), label, layer.data))


def _check(widget, run, labels, label=1, **params):
    """Whether the map is that of a fresh computation, bit for bit."""
    widget.live.finish()
    params = SeedMap(**params) if params else widget.parameters()
    mapper = SeedMapper(run, params, brain_mask(run, "auto"))
    fresh = mapper.map(Volume(labels == label, run.grid)).data
    np.testing.assert_array_equal(widget.live.shown.layer.data, fresh)
    assert len(widget.live.shown.mapper.seed) == len(mapper.seed)


def _told(widget):
    widget.live.finish()
    return widget.live.account.text()


# -- painting -------------------------------------------------------------------------------------------------------------


def test_strokes_of_the_brush_and_the_eraser_are_followed_while_they_are_drawn(opened, small_run, hand, until):
    viewer, widget = opened()
    run, places = small_run.run, small_run.places
    assert "press New" in _told(widget)
    layer = _new(widget)
    assert (layer.mode, layer.n_edit_dimensions, viewer.layers.selection.active) == ("paint", 3, layer)
    assert "is empty: paint in it" in _told(widget)
    layer.brush_size = 3
    _go_to(viewer, run, places["front"])
    image = widget.live.shown.layer
    seen = []
    image.events.set_data.connect(lambda: seen.append((int((layer.data == 1).sum()), image.data.tobytes())))
    mouse = hand(viewer)
    mouse.drag(_places(run, places["front"], places["back"]))
    assert len(set(seen)) > 4, "the map stood still while the brush was moved"
    assert len({painted for painted, _ in seen}) > 4
    painted = layer.data.copy()
    assert 10 < (painted == 1).sum() < 200
    assert len(np.unique(np.argwhere(painted)[:, 0])) > 1, "the brush paints in one plane only"
    _check(widget, run, painted)
    assert f"{len(widget.live.shown.mapper.seed)} voxels in the seed" in _told(widget)

    layer.mode = "erase"
    mouse.drag(_places(run, places["front"], (0, 0, 3)))
    assert 0 < (layer.data == 1).sum() < (painted == 1).sum()
    _check(widget, run, layer.data)
    layer.mode, layer.n_edit_dimensions = "fill", 2
    mouse.click(to_world(run.grid, (20.0, 0.0, 3.0)))
    assert (layer.data == 1).sum() > (painted == 1).sum()
    _check(widget, run, layer.data)
    assert "of the region lie outside the mask" in _told(widget)
    for _ in range(2):
        layer.undo()
        _check(widget, run, layer.data)
    np.testing.assert_array_equal(layer.data, painted)
    layer.redo()
    _check(widget, run, layer.data)


def test_what_programs_do_to_the_labels_is_followed(opened, small_run, until):
    _, widget = opened()
    run, layer = small_run.run, _new(widget)
    where = tuple(np.argwhere(run.grid.sphere((0, 21, 3), 9)).T)
    layer.data_setitem(where, 1)
    _check(widget, run, layer.data)
    layer.data_setitem(tuple(axis[:4] for axis in where), 0, refresh=False)  # tells before it writes
    until(lambda: len(widget.live.region.region.voxels) == (layer.data == 1).sum())
    _check(widget, run, layer.data)
    layer.data[run.grid.sphere((0, -21, 3), 6)] = 1
    layer.refresh()
    _check(widget, run, layer.data)
    layer.data = np.roll(layer.data, 1, axis=1)
    _check(widget, run, layer.data)
    layer.data = layer.data.astype("i4")
    _check(widget, run, layer.data)
    layer.visible = False
    layer.undo()
    layer.data[0] = 0
    _check(widget, run, layer.data)  # nothing tells of it: it is read before anything rests on it


def test_a_layer_that_is_chosen_comes_into_the_hand_and_over_the_map(opened, small_run, until):
    """Beneath the map nobody sees what is painted."""
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest

    first, second = _labels(small_run.run.grid, "first"), _labels(small_run.run.grid, "second")
    viewer, widget = opened(first, second)
    image, choice = widget.live.shown.layer, widget.live.region.layer_choice
    other = first if choice.layer is second else second
    assert viewer.layers.index(choice.layer) > viewer.layers.index(image)
    while choice.layer is not other:
        QTest.keyClick(choice, Qt.Key.Key_Down if choice.findText(other.name) > choice.currentIndex() else Qt.Key.Key_Up)
    assert viewer.layers.index(other) == viewer.layers.index(image) + 1
    assert (viewer.layers.selection.active, other.mode) == (other, "paint")
    assert "Paint or erase region 1" in widget.message.text()
    _ball(other, small_run.run, (0, 21, 3), 9)
    _check(widget, small_run.run, other.data)


def test_only_the_source_chosen_moves_the_map(opened, small_run, until):
    _, widget = opened(paint=False)
    image = widget.live.shown.layer
    widget.live.seeds.set(0, mm=small_run.places["left"])
    widget.live.finish()
    before = image.data.copy()
    _seed_from(widget, "region")
    layer = _new(widget)
    np.testing.assert_array_equal(image.data, before)
    assert widget.live.seeds.layer.visible
    _ball(layer, small_run.run, (0, 21, 3), 9)
    _check(widget, small_run.run, layer.data)
    assert not widget.live.seeds.layer.visible, "a seed is seen to which the map does not belong"
    widget.live.seeds.set(0, mm=small_run.places["back"])
    _check(widget, small_run.run, layer.data)
    widget.live.seeds.set(0, mm=small_run.places["left"])
    _seed_from(widget, "points")
    widget.live.finish()
    np.testing.assert_array_equal(image.data, before)
    assert widget.live.seeds.layer.visible
    assert not widget.live.region.isVisibleTo(widget)
    _ball(layer, small_run.run, (0, -21, 3), 9)
    widget.live.finish()
    np.testing.assert_array_equal(image.data, before)


def test_the_label_follows_the_layer_and_the_layer_the_label(opened, small_run, until):
    _, widget = opened()
    run, layer, label = small_run.run, _new(widget), widget.live.region.label
    _ball(layer, run, (0, 21, 3), 9, 1)
    _ball(layer, run, (-21, 0, 3), 9, 2)
    layer.selected_label = 2
    assert label.value() == 2
    _check(widget, run, layer.data, 2)
    label.setValue(1)
    assert layer.selected_label == 1
    _check(widget, run, layer.data, 1)
    layer.selected_label = 0  # paints the background, so erases
    assert label.value() == 1
    _check(widget, run, layer.data, 1)
    assert label.maximum() == 65535
    layer.selected_label = 7
    assert "region 7 is empty" in _told(widget).lower()


def test_a_region_that_is_erased_while_the_run_is_prepared_again_stays_the_seed(opened, small_run, until):
    _, widget = opened()
    layer = _new(widget)
    _ball(layer, small_run.run, (0, 21, 3), 9, 3)
    layer.selected_label = 3
    _check(widget, small_run.run, layer.data, 3)
    layer.selected_label = 0
    _prepare(widget, until)
    assert widget.live.region.region.label == widget.live.region.label.number == 3
    _check(widget, small_run.run, layer.data, 3)


def test_names_come_from_the_features_and_go_into_series_pictures_and_provenance(opened, small_run, until, tmp_path):
    viewer, widget = opened()
    layer = _new(widget)
    _ball(layer, small_run.run, (0, 21, 3), 9)
    assert widget.live.region.name.text() == "region 1"
    RegionLayer.of(layer).rename(1, "frontal pole")
    widget.live.finish()
    assert widget.live.region.name.text() == "frontal pole"
    assert widget.live.plot.names == ("frontal pole",)
    made = info(widget.live.shown.layer)["provenance"]["seeds"][0]
    assert made == {"name": "frontal pole", "layer": "Regions", "label": 1, "voxels": len(widget.live.shown.mapper.seed)}
    widget.live.pin.click()
    pinned = next(each for each in viewer.layers if info(each).get("role") == "pinned map")
    assert "frontal pole" in pinned.name
    widget.live.write_series(tmp_path / "seed.tsv")
    table = pd.read_csv(tmp_path / "seed.tsv", sep="\t")
    assert list(table.columns) == ["time", "frontal pole"]
    mean = small_run.run.data[:, layer.data == 1].astype("f8").mean(axis=1)
    assert np.corrcoef(table["frontal pole"], mean - np.polyval(np.polyfit(range(90), mean, 1), range(90)))[0, 1] > 0.9999


def test_statistic_and_cleaning_change_under_the_brush(opened, small_run, until):
    _, widget = opened()
    run, layer = small_run.run, _new(widget)
    _ball(layer, run, (0, 21, 3), 9)
    widget.form.value = widget.form.value.replace(statistic="z_score")
    _check(widget, run, layer.data, statistic="z_score")
    layer.data_setitem((np.array([5]), np.array([5]), np.array([5])), 1)
    _check(widget, run, layer.data, statistic="z_score")
    widget.cleaning.value = Cleaning(low_pass=0.1)
    until(lambda: widget.live.shown.mapper.params.cleaning.low_pass == 0.1 and not widget.work.busy)
    _check(widget, run, layer.data, statistic="z_score", cleaning=Cleaning(low_pass=0.1))
    layer.undo()
    _check(widget, run, layer.data, statistic="z_score", cleaning=Cleaning(low_pass=0.1))


def test_a_layer_with_another_extent_serves_and_what_lies_off_the_run_is_said(opened, small_run, until):
    run = small_run.run
    affine = run.grid.affine.copy()
    affine[:3, 3] = run.grid.to_mm((-2, 3, 1))
    part = _labels(Grid((7, 8, 9), affine))
    _, widget = opened(part)
    assert widget.live.region.layer_choice.layer is part
    part.data_setitem((np.full(5, 3), np.full(5, 2), np.arange(5)), 1)
    labels = np.zeros(run.grid.shape, int)
    labels[4, 5, 0:3] = 1
    _check(widget, run, labels)
    masked = int((labels[~brain_mask(run, "auto").data] == 1).sum())
    assert masked > 0
    assert f"({masked} of the region lie" in _told(widget)
    assert "2 off the run's grid)" in _told(widget)


# -- what can go wrong ----------------------------------------------------------------------------------------------------


LOSSES = {
    "erased": (lambda layer: write(layer, np.zeros_like(layer.data)), "is empty: paint in it"),
    "relabelled": (lambda layer: write(layer, np.where(layer.data == 1, 5, 0)), "is empty: paint in it"),
    "another label": (lambda layer: setattr(layer, "selected_label", 9), "region 9 is empty"),
    "other data": (lambda layer: setattr(layer, "data", np.zeros((5, 4, 3), int)), "is empty: paint in it"),
    "a movie": (lambda layer: setattr(layer, "data", np.zeros((2, 5, 4, 3), int)), "4-D"),
    "moved": (lambda layer: setattr(layer, "translate", layer.translate + 1.0), "elsewhere"),
    "moved away": (lambda layer: setattr(layer, "translate", layer.translate + 600.0), "wholly off the run's grid"),
}


def _lose(widget, lose, words, until):
    before = widget.live.shown.layer.data.copy()
    lose()
    until(lambda: words.lower() in widget.live.account.text().lower())
    assert "The map is still that of region 1" in widget.live.account.text()
    assert not widget.live.pin.isEnabled()
    widget.live.finish()
    np.testing.assert_array_equal(widget.live.shown.layer.data, before)


def test_a_region_that_is_lost_is_said_and_the_map_stays(opened, small_run, until):
    viewer, widget = opened()
    for lose, words in LOSSES.values():
        layer = _new(widget)
        _ball(layer, small_run.run, (0, 21, 3), 9)
        _check(widget, small_run.run, layer.data)
        _lose(widget, lambda lose=lose, layer=layer: lose(layer), words, until)
        viewer.layers.remove(layer)
    layer = _new(widget)
    _ball(layer, small_run.run, (0, 21, 3), 9)
    _check(widget, small_run.run, layer.data)
    _lose(widget, lambda: viewer.layers.remove(layer), "is gone: choose another one", until)
    widget.form.value = widget.form.value.replace(statistic="z_score")  # of the seed that is shown
    widget.live.finish()
    assert np.abs(widget.live.shown.layer.data).max() > 3
    _prepare(widget, until)
    assert "press New" in _told(widget)


def test_layers_that_do_not_fit_are_refused_in_a_sentence_with_the_remedy(opened, small_run, until):
    finer = _labels(Grid((20, 20, 20), np.diag([3.0, 3, 3, 1])), "finer")
    viewer, widget = opened(finer)
    assert "press New" in _told(widget)
    widget.live.region.layer_choice.layer = finer
    assert "on a 20×20×20 grid" in _told(widget)
    assert "resample finer" in _told(widget)
    movie = viewer.add_labels(np.zeros((90, *small_run.run.grid.shape), int), name="movie")
    widget.live.region.layer_choice.layer = movie
    assert "ovie is 4-D" in _told(widget)
    assert "make a new one on the run's grid" in _told(widget)
    layer = _new(widget)
    _ball(layer, small_run.run, (0, 21, 3), 9)
    _check(widget, small_run.run, layer.data)


def test_a_region_outside_the_mask_is_said(opened, small_run, until):
    _, widget = opened()
    layer = _new(widget)
    layer.data_setitem((np.array([0, 0]), np.array([0, 0]), np.array([0, 1])), 1)
    assert "lies outside the brain mask (2 voxels)" in _told(widget)


def test_the_mask_may_be_the_layer_that_is_painted(opened, small_run, until):
    _, widget = opened()
    run, layer = small_run.run, _new(widget)
    layer.data = np.where(small_run.brain, 2, 0).astype("u2")
    _ball(layer, run, (0, 21, 3), 9)
    widget.mask_choice.layer = layer
    until(lambda: widget.live.shown.mapper.mask.name == layer.name and not widget.work.busy)
    runs = []
    widget.work.started.connect(lambda: runs.append(1))
    expected = SeedMapper(run, widget.parameters(), Volume(layer.data > 0, run.grid))
    _ball(layer, run, (0, -21, 3), 6)
    widget.live.finish()
    np.testing.assert_array_equal(widget.live.shown.layer.data, expected.map(Volume(layer.data == 1, run.grid)).data)
    layer.data = np.where(small_run.brain, layer.data, 1)
    until(lambda: widget.live.shown.mapper.n_voxels == layer.data.size and not widget.work.busy)
    widget.live.finish()
    assert len(runs) == 1
    assert len(widget.live.shown.mapper.seed) == (layer.data == 1).sum()


def test_what_is_no_one_s_work_is_not_offered(opened, small_run, until):
    _, widget = opened()
    widget.live.region.new.click()
    _ball(widget.live.region.layer_choice.layer, small_run.run, (0, 21, 3), 9)
    widget.live.grow.expand()
    widget.live.finish()
    until(lambda: widget.live.grow.preview.layer is not None)
    choice = widget.live.region.layer_choice
    assert {choice.itemText(i) for i in range(choice.count())} == {"none", "Regions", "Brain mask"}
    assert widget.mask_choice.findText("Preview") == -1


# -- growing --------------------------------------------------------------------------------------------------------------


def _open_growth(widget, until, **params):
    grow = widget.live.grow
    grow.expand()
    if params:
        grow.form.value = grow.form.value.replace(**params)
    widget.live.finish()
    until(lambda: not widget.live._grow_soon.isActive() and not grow._soon.isActive())
    return grow


def _grown(widget, run, seed, r, blocked=None):
    """The voxels joined to the seed over faces whose correlation is at least r, in plain loops."""
    mapper = SeedMapper(run, widget.parameters().replace(statistic="r"), brain_mask(run, "auto"))
    values = np.where(mapper.mask.data, mapper.map(Volume(seed, run.grid)).data, -2)
    wanted, found = (values >= r) & (True if blocked is None else ~blocked), seed.copy()
    while True:
        near = found.copy()
        for axis in range(3):
            for step in (-1, 1):
                moved = np.roll(found, step, axis)
                moved[(slice(None),) * axis + (0 if step == 1 else -1,)] = False
                near |= moved
        more = found | (near & wanted)
        if (more == found).all():
            return found & ~seed
        found = more


def test_a_region_grows_into_what_correlates_with_it_and_back(opened, small_run, until):
    viewer, widget = opened()
    run, layer = small_run.run, _new(widget)
    _ball(layer, run, (0, 21, 3), 7)
    _ball(layer, run, (6, 33, 3), 7, 4)
    RegionLayer.of(layer).rename(4, "other")
    widget.form.value = widget.form.value.replace(statistic="z_score")
    before = layer.data.copy()
    grow = _open_growth(widget, until)
    grow.r.box.number = 0.4
    until(lambda: not grow._soon.isActive())
    expected = _grown(widget, run, before == 1, 0.4, before == 4)
    count = int(expected.sum())
    assert count > 10
    np.testing.assert_array_equal(grow.preview.layer.data.astype(bool), expected)
    np.testing.assert_array_equal(layer.data, before)
    assert grow.account.text() == f"Adds {count:,} voxels, {count * 216:,} mm³."
    assert viewer.layers.selection.active is layer
    grow.apply_button.click()
    np.testing.assert_array_equal(layer.data, np.where(expected, 1, before))
    assert "Ctrl+Z" in grow.done.text()
    _check(widget, run, layer.data, statistic="z_score")
    origins = RegionLayer.of(layer).origins
    assert origins[1][0].fingerprint == fingerprint(run)
    assert "correlation with region 1" in origins[1][0].contrast
    assert 4 not in origins
    layer.undo()
    np.testing.assert_array_equal(layer.data, before)
    _check(widget, run, layer.data, statistic="z_score")
    assert RegionLayer.of(layer).origins == {}
    assert RegionLayer.of(layer).names == {4: "other"}


def test_the_preview_follows_the_slider_the_limits_and_the_brush_and_goes(opened, small_run, until):
    viewer, widget = opened()
    run, layer = small_run.run, _new(widget)
    _ball(layer, run, (0, 21, 3), 7)
    grow = _open_growth(widget, until)
    counts = []
    for place in (320, 280, 240):
        grow.r.slider.setValue(place)
        until(lambda: not grow._soon.isActive())
        counts.append(int((grow.preview.layer.data > 0).sum()))
        seed = layer.data == 1
        assert counts[-1] == _grown(widget, run, seed, grow.params.r).sum()
    assert counts == sorted(counts)
    assert counts[-1] > counts[0]
    size = int((layer.data == 1).sum() + 6) * 216.0
    _open_growth(widget, until, max_size=size)
    assert (grow.preview.layer.data > 0).sum() == 6
    _open_growth(widget, until, max_size=np.inf, max_distance=6.0)
    shown = grow.preview.layer.data > 0
    assert 0 < shown.sum() < counts[-1]
    write(layer, np.where(run.grid.sphere((0, 27, 3), 9), 1, layer.data))
    until(lambda: not np.array_equal(grow.preview.layer.data > 0, shown))
    grow.collapse()
    assert grow.preview.layer is None
    assert not any(previews.is_preview(each) for each in viewer.layers)
    grow.expand()
    until(lambda: grow.preview.layer is not None)
    viewer.layers.remove(grow.preview.layer)
    grow.r.slider.setValue(300)
    until(lambda: grow.preview.layer is not None)
    write(layer, np.zeros_like(layer.data))
    until(lambda: grow.preview.layer is None)
    assert "is empty" in grow.account.text()
    assert not grow.apply_button.isEnabled()


def test_a_region_that_cannot_grow_is_told_why(opened, small_run, until):
    _, widget = opened()
    run, layer = small_run.run, _new(widget)
    _ball(layer, run, (0, 21, 3), 9)
    grow = _open_growth(widget, until, max_size=500.0)
    grow.r.box.number = 0.2
    size = (layer.data == 1).sum() * 216
    until(lambda: grow.account.text() == f"Adds nothing: it has {size:,} mm³ and may have 500.")
    assert not grow.apply_button.isEnabled()
    _open_growth(widget, until, max_size=np.inf, max_distance=3.0)
    until(lambda: grow.account.text() == "Adds nothing: no free voxel beside it within 3 mm has r ≥ 0.2.")
    _open_growth(widget, until, max_size=np.inf, max_distance=np.inf)
    until(lambda: grow.account.text().startswith("Adds ") and grow.apply_button.isEnabled())


def test_a_point_seed_grows_into_a_region_of_its_own(opened, small_run, until):
    run = small_run.run
    viewer, widget = opened(paint=False)
    widget.live.seeds.set(0, mm=small_run.places["front"], radius=7.0)
    name = widget.live.seeds.table["name"][0]
    selected = viewer.layers.selection.active
    grow = _open_growth(widget, until)
    grow.r.box.number = 0.4
    until(lambda: not grow._soon.isActive())
    inside = np.zeros(run.grid.shape, dtype=bool)
    inside.reshape(-1)[widget.live.shown.mapper.seed_voxels] = True
    expected = _grown(widget, run, inside, 0.4)
    np.testing.assert_array_equal(grow.preview.layer.data.astype(bool), expected | inside)
    grow.apply_button.click()
    layer = grow.into_choice.layer
    np.testing.assert_array_equal(layer.data, np.where(expected | inside, 1, 0))
    assert RegionLayer.of(layer).names == {1: name}
    assert viewer.layers.selection.active is selected
    first = layer.data.copy()
    widget.live.seeds.set(0, mm=small_run.places["left"])
    widget.live.finish()
    grow.apply_button.click()
    assert set(np.unique(layer.data)) == {0, 1, 2}
    np.testing.assert_array_equal(layer.data == 1, first == 1)
    assert len(set(RegionLayer.of(layer).names.values())) == 2
    layer.undo()
    np.testing.assert_array_equal(layer.data, first)


def test_a_layer_that_cannot_take_the_region_is_said_and_left_as_it_is(opened, small_run, until):
    run = small_run.run
    full = _labels(run.grid, "full", "u1")
    full.data[0, 0, 0] = 255
    viewer, widget = opened(full, paint=False)
    grow = _open_growth(widget, until)
    grow.into_choice.layer = full
    grow.apply_button.click()
    assert "holds 0 to 255" in grow.done.text()
    assert np.count_nonzero(full.data) == 1
    finer = viewer.add_layer(_labels(Grid((20, 20, 20), np.diag([3.0, 3, 3, 1])), "finer"))
    grow.into_choice.layer = finer
    assert "resample finer" in grow.account.text()
    assert not grow.apply_button.isEnabled()


# -- closing --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("whole", [False, True])
def test_closing_while_a_region_is_previewed_leaves_nothing(opened, small_run, until, whole):
    viewer, widget = opened(paint=False)
    _seed_from(widget, "region")
    layer = _new(widget)
    _ball(layer, small_run.run, (0, 21, 3), 9)
    _open_growth(widget, until)
    assert not widget.live.seeds.layer.visible
    assert widget.live.grow.preview.layer is not None
    if whole:
        viewer.close()
        return
    viewer.window.remove_dock_widget(widget)
    assert not any(previews.is_preview(each) for each in viewer.layers)
    assert all(each.visible for each in viewer.layers if is_seeds(each))
    image = results.find(viewer, ROLE, OWNER)
    before = image.data.copy()
    _ball(layer, small_run.run, (0, -21, 3), 9)
    layer.selected_label = 3
    np.testing.assert_array_equal(image.data, before)


def test_another_run_on_another_grid_keeps_the_widget_alive(opened, small_run, add_run, until):
    viewer, widget = opened()
    layer = _new(widget)
    _ball(layer, small_run.run, (0, 21, 3), 9)
    other = Run(small_run.run.data[:, :8, 2:, :], Grid((8, 12, 12), _shifted(small_run.run.grid)), 2.0, name="other")
    widget.run_choice.layer = add_run(viewer, other, name="other")
    until(lambda: widget.live.shown.mapper.run_name == "other" and not widget.work.busy)
    assert "resample" in _told(widget)
    second = _new(widget)
    write(second, np.where(other.grid.sphere((0, 0, 0), 9), 1, 0))
    _check(widget, other, second.data)
