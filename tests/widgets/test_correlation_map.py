"""The correlation map in a real window, with a real mouse."""

import threading

import numpy as np
import pandas as pd
import pytest

from napari_connectome import Cleaning, SeedMap, Volume, brain_mask, seed_map
from napari_connectome.layers import results
from napari_connectome.layers.correlation import OWNER, ROLE
from napari_connectome.layers.seed_layer import is_seeds
from napari_connectome.layers.seeds import SeedPoints
from napari_connectome.layers.spatial import info, to_world


@pytest.fixture
def opened(make_napari_viewer, small_run, add_run, until):
    """A viewer with the small run, the widget docked, prepared without a filter."""

    def open_it(**known):
        from napari_connectome.widgets.correlation_map import CorrelationMap

        viewer = make_napari_viewer(show=True)
        layer = add_run(viewer, small_run.run, **known)
        widget = CorrelationMap(viewer)
        viewer.window.add_dock_widget(widget, name="Correlation map")
        widget.cleaning.value = Cleaning()
        return viewer, layer, widget

    return open_it


def _prepare(widget, until):
    widget.prepare()
    until(lambda: not widget.work.busy)
    assert widget.live.shown is not None, widget.message.text()
    return widget.live.shown.layer


def _settled(widget, until):
    until(lambda: not widget._again.isActive() and not widget.work.busy)
    widget.live.finish()


def _expected(small_run, seed, run=None, **params):
    run = run or small_run.run
    return seed_map(run, seed, SeedMap(**params), brain_mask(run, "auto")).data[0]


def _go_to(viewer, grid, mm):
    viewer.dims.set_point(range(viewer.dims.ndim - 3, viewer.dims.ndim), to_world(grid, mm))
    viewer.reset_view()


def test_dragging_a_seed_with_the_mouse_moves_the_map(opened, small_run, hand, until):
    viewer, _, widget = opened()
    layer = _prepare(widget, until)
    grid, front, back = small_run.run.grid, small_run.places["front"], small_run.places["back"]
    widget.live.seeds.set(0, mm=front)
    _settled(widget, until)
    np.testing.assert_allclose(layer.data, _expected(small_run, front), atol=1e-6)
    _go_to(viewer, grid, front)
    points = widget.live.seeds.layer
    viewer.layers.selection.active, points.mode = points, "select"
    path = np.linspace(to_world(grid, front), to_world(grid, back), 25)
    seen = []
    points.events.set_data.connect(lambda: seen.append(layer.data.copy()))
    hand(viewer).drag(path)
    until(lambda: widget.live.shown.live.finished)
    widget.live.finish()
    end = widget.live.seeds.mm[0]
    assert np.linalg.norm(end - back) < 3
    np.testing.assert_allclose(layer.data, _expected(small_run, end), atol=1e-6)
    assert len({m.tobytes() for m in seen}) > 8, "the map stood still while the seed was dragged"
    assert layer.data.flat[grid.sphere_voxels(front, 4)].mean() > 0.8
    assert abs(layer.data.flat[grid.sphere_voxels(small_run.places["left"], 4)].mean()) < 0.5


def test_the_first_press_gives_a_mask_a_seed_and_a_dressed_map(opened, small_run, until):
    viewer, run_layer, widget = opened()
    before = run_layer.data.copy(), dict(info(run_layer))
    layer = _prepare(widget, until)
    mask = results.find(viewer, "mask", OWNER)
    assert np.array_equal(mask.data.astype(bool), brain_mask(small_run.run, "auto").data)
    assert sum(is_seeds(x) for x in viewer.layers) == 1
    assert tuple(layer.contrast_limits) == (-1, 1)
    assert layer.colorbar.visible
    assert not layer.data[~mask.data.astype(bool)].any()
    about = info(layer)["provenance"]
    assert about["run"] == "run"
    assert about["seeds"][0]["name"] == widget.live.seeds.table["name"][0]
    assert SeedMap.from_dict(about["parameters"]) == widget.parameters()
    assert len(widget.live.plot.names) == 1
    np.testing.assert_array_equal(run_layer.data, before[0])
    assert info(run_layer) == before[1]


def test_options_prepare_again_by_themselves_and_keep_the_seed(opened, small_run, until):
    _, _, widget = opened()
    layer = _prepare(widget, until)
    front = small_run.places["front"]
    widget.live.seeds.set(0, mm=front)
    widget.live.threshold.setValue(0.55)
    widget.cleaning.value = Cleaning(low_pass=0.1)
    _settled(widget, until)
    assert widget.live.shown.layer is layer
    np.testing.assert_allclose(layer.data, _expected(small_run, front, cleaning=Cleaning(low_pass=0.1)), atol=1e-6)
    assert widget.live.shown.threshold == 0.55
    widget.form.value = widget.form.value.replace(fwhm=0.0)
    _settled(widget, until)
    np.testing.assert_allclose(layer.data, _expected(small_run, front, cleaning=Cleaning(low_pass=0.1), fwhm=0.0), atol=1e-6)


def test_the_statistic_changes_at_once(opened, small_run, until):
    _, _, widget = opened()
    layer = _prepare(widget, until)
    front = small_run.places["front"]
    widget.live.seeds.set(0, mm=front)
    widget.form.value = widget.form.value.replace(statistic="z_score")
    assert not widget.work.busy
    widget.live.finish()
    np.testing.assert_allclose(layer.data, _expected(small_run, front, statistic="z_score"), rtol=1e-4, atol=1e-4)
    assert layer.contrast_limits[1] == -layer.contrast_limits[0] == widget.live.shown.limit
    assert layer.name == "z score"


def test_radius_seed_and_threshold_follow(opened, small_run, until):
    _, _, widget = opened()
    layer = _prepare(widget, until)
    front, left = small_run.places["front"], small_run.places["left"]
    widget.live.seeds.set(0, mm=front)
    widget.live.seeds.add("left one", left, 5.0)
    _settled(widget, until)
    widget.live.points.seed_choice.setCurrentIndex(1)
    widget.live.points.seed_choice.activated.emit(1)
    _settled(widget, until)
    np.testing.assert_allclose(layer.data, _expected(small_run, left, radius=5.0), atol=1e-6)
    assert widget.live.plot.names == ("left one",)
    widget.live.points.radius.setValue(12.0)
    _settled(widget, until)
    np.testing.assert_allclose(layer.data, _expected(small_run, left, radius=12.0), atol=1e-6)
    widget.live.threshold.setValue(0.5)
    shades = layer.colormap.map((np.array([-0.9, -0.49, 0.0, 0.49, 0.51]) + 1) / 2)[:, 3]
    assert list(shades > 0) == [True, False, False, False, True]


def test_confounds_and_censoring_reach_the_numbers(opened, small_run, until):
    table = small_run.confounds.copy()
    table["framewise_displacement"] = 0.1
    table.loc[[20, 21, 40], "framewise_displacement"] = 2.0
    _, _, widget = opened(confounds=table)
    layer = _prepare(widget, until)
    front = small_run.places["front"]
    widget.live.seeds.set(0, mm=front)
    motion = small_run.run.replace(confounds=small_run.confounds)
    _settled(widget, until)
    assert widget.confounds.preset.currentData() == "motion 6"
    np.testing.assert_allclose(layer.data, _expected(small_run, front, motion), atol=1e-6)
    widget.confounds.censoring.setCurrentIndex(1)
    _settled(widget, until)
    keep = np.ones(90, dtype=bool)
    keep[[20, 21, 40]] = False
    np.testing.assert_allclose(layer.data, _expected(small_run, front, motion.replace(keep=keep)), atol=1e-6)
    assert "3 volumes censored" in widget.sections[1].text()


def test_a_mask_of_the_user_s_is_taken_and_never_written(opened, small_run, until):
    viewer, _, widget = opened()
    inside = np.zeros(small_run.run.grid.shape, dtype=np.uint8)
    inside[3:7, 3:11, 3:9] = 4
    from napari_connectome.layers.spatial import layer_kwargs

    mine = viewer.add_labels(inside.copy(), name="mine", **layer_kwargs(small_run.run.grid))
    widget.mask_choice.layer = mine
    layer = _prepare(widget, until)
    assert not layer.data[inside == 0].any()
    np.testing.assert_array_equal(mine.data, inside)
    expected = seed_map(small_run.run, widget.live.seeds.mm[:1], SeedMap(), Volume(inside > 0, small_run.run.grid)).data[0]
    np.testing.assert_allclose(layer.data, expected, atol=1e-6)


def test_labels_drawn_over_an_oblique_run_can_be_its_mask(make_napari_viewer, small_run, add_run, until):
    from napari_connectome import Grid
    from napari_connectome.widgets.correlation_map import CorrelationMap

    turn = np.deg2rad(9.0)
    affine = small_run.run.grid.affine.copy()
    affine[:3, :3] = affine[:3, :3] @ [[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]]
    run = small_run.run.replace(grid=Grid(small_run.run.grid.shape, affine))
    viewer = make_napari_viewer(show=True)
    layer = add_run(viewer, run)
    drawn = np.zeros(run.grid.shape, dtype=np.uint8)
    drawn[2:8, 3:11, 3:9] = 1
    labels = viewer.add_labels(drawn, scale=layer.scale[1:], translate=layer.translate[1:], name="drawn")
    widget = CorrelationMap(viewer)
    viewer.window.add_dock_widget(widget, name="Correlation map")
    widget.mask_choice.layer = labels
    assert widget.mask_choice.layer is labels
    _prepare(widget, until)
    np.testing.assert_array_equal(widget.live.shown.mapper.mask.data, drawn > 0)
    assert widget.live.shown.mapper.grid.matches(run.grid)


def test_a_painted_automatic_mask_is_left_to_the_painter(opened, small_run, until):
    viewer, _, widget = opened()
    _prepare(widget, until)
    mask = results.find(viewer, "mask", OWNER)
    mask.data_setitem((np.array([0]), np.array([0]), np.array([0])), 1)
    painted = mask.data.copy()
    widget.cleaning.value = Cleaning(low_pass=0.1)
    _settled(widget, until)
    np.testing.assert_array_equal(mask.data, painted)
    assert results.find(viewer, "mask", OWNER) is not mask


def test_frames_are_marked_and_clicked(opened, until):
    viewer, _, widget = opened()
    _prepare(widget, until)
    viewer.dims.set_current_step(0, 30)
    assert widget.live.plot._line.value() == pytest.approx(60.0)
    widget.live.plot.frame_chosen.emit(12)
    assert viewer.dims.current_step[0] == 12


def test_keeping_a_map_and_writing_the_series(opened, small_run, until, tmp_path):
    viewer, _, widget = opened()
    layer = _prepare(widget, until)
    widget.live.seeds.set(0, mm=small_run.places["front"])
    widget.live.pin.click()
    kept = viewer.layers[-1] if viewer.layers[-1] is not layer else viewer.layers[-2]
    kept = next(x for x in viewer.layers if info(x).get("role") == "pinned map")
    before = kept.data.copy()
    widget.live.seeds.set(0, mm=small_run.places["left"])
    _settled(widget, until)
    np.testing.assert_array_equal(kept.data, before)
    assert not np.allclose(layer.data, before)
    widget.live.write_series(tmp_path / "seed.tsv")
    table = pd.read_csv(tmp_path / "seed.tsv", sep="\t")
    assert list(table.columns) == ["time", widget.live.seeds.table["name"][0]]
    assert len(table) == 90
    assert table["time"].iloc[-1] == 178


def test_a_plane_first_then_the_brain(opened, small_run, until, monkeypatch):
    """On a run too large for one go the screen is right at once and everything in the end."""
    viewer, _, widget = opened()
    monkeypatch.setattr("napari_connectome.analyses.seed_map.AT_ONCE", 3000)
    layer = _prepare(widget, until)
    until(lambda: widget.live.shown.live.finished)
    front = small_run.places["front"]
    _go_to(viewer, small_run.run.grid, front)
    widget.live.seeds.set(0, mm=front)
    widget.live._follow_soon.stop()
    widget.live._follow()
    expected = _expected(small_run, front)
    z = viewer.dims.current_step[1]
    assert not widget.live.shown.live.finished
    np.testing.assert_allclose(layer.data[z], expected[z], atol=1e-6)
    until(lambda: widget.live.shown.live.finished)
    np.testing.assert_allclose(layer.data, expected, atol=1e-6)


def test_after_preparing_the_seed_is_seen_and_in_the_hand(opened, until):
    viewer, _, widget = opened()
    _prepare(widget, until)
    points = widget.live.seeds.layer
    assert viewer.layers.selection.active is points
    assert points.mode == "select"
    plane = viewer.dims.point[-3]
    assert abs(plane - points.data_to_world(points.data[0])[0]) <= 3
    assert "Drag" in widget.message.text()


def test_a_new_statistic_dresses_the_map_also_through_preparing(opened, small_run, until):
    """Smoothing and statistic changed together, so that the statistic comes with the new preparation."""
    _, _, widget = opened()
    layer = _prepare(widget, until)
    widget.live.seeds.set(0, mm=small_run.places["front"])
    widget.form.value = widget.form.value.replace(statistic="z_score", fwhm=0.0)
    _settled(widget, until)
    assert layer.name == "z score"
    assert layer.contrast_limits[1] == widget.live.shown.limit > 5
    assert widget.live.threshold.value() == pytest.approx(widget.live.shown.threshold, abs=0.01)
    np.testing.assert_allclose(
        layer.data, _expected(small_run, small_run.places["front"], statistic="z_score", fwhm=0.0), rtol=1e-4, atol=1e-4
    )
    before = widget.live.shown.limit
    widget.cleaning.value = Cleaning(low_pass=0.05)
    _settled(widget, until)
    assert widget.live.shown.limit < before
    assert layer.contrast_limits[1] == widget.live.shown.limit


def test_limits_moved_by_hand_stay_symmetric_and_colours_on_their_values(opened, until):
    _, _, widget = opened()
    layer = _prepare(widget, until)
    widget.live.threshold.setValue(0.6)
    layer.contrast_limits = (-1, 0.5)
    low, high = layer.contrast_limits
    assert -low == high >= 0.6
    shown = layer.colormap.map((np.array([-0.59, 0.59]) + high) / (2 * high))[:, 3]
    assert not shown.any()
    widget.live.threshold.setValue(0.2)
    layer.contrast_limits = (-0.8, layer.contrast_limits[1])
    assert tuple(layer.contrast_limits) == (-0.8, 0.8)
    layer.gamma = 2
    assert layer.gamma == 1


def test_a_renamed_map_keeps_its_name(opened, until):
    _, _, widget = opened()
    layer = _prepare(widget, until)
    layer.name = "my map"
    widget.form.value = widget.form.value.replace(statistic="fisher_z")
    assert layer.name == "my map"


def test_the_form_and_the_map_never_disagree_in_silence(opened, small_run, until):
    _, _, widget = opened()
    _prepare(widget, until)
    widget.cleaning.value = Cleaning(low_pass=0.3)
    until(lambda: "Nyquist" in widget.message.text())
    assert "still that of run" in widget.message.text()
    widget.live.seeds.set(0, mm=small_run.places["front"])
    _settled(widget, until)
    assert "Nyquist" in widget.message.text()
    assert "voxels in the seed" in widget.live.account.text()


def test_why_preparing_was_stopped_stays_to_be_read(opened, small_run, until, tmp_path):
    _, _, widget = opened()
    widget.prepare()
    small_run.confounds[:50].to_csv(tmp_path / "short.tsv", sep="\t", index=False)
    widget.confounds.open_file(tmp_path / "short.tsv")
    widget.prepare()
    until(lambda: not widget.work.busy and not widget._again.isActive())
    assert "50 rows and the run has 90 volumes" in widget.message.text()


def test_a_frame_is_chosen_by_its_time(opened, small_run, add_run, until):
    viewer, _, widget = opened()
    _prepare(widget, until)
    add_run(viewer, small_run.run.replace(tr=3.0), name="slower")
    widget.live.plot.frame_chosen.emit(12)
    assert viewer.dims.point[0] == pytest.approx(24.0)


def test_two_widgets_never_mix_their_maps(opened, small_run, until):
    from napari_connectome.widgets.correlation_map import CorrelationMap

    viewer, _, widget = opened()
    _prepare(widget, until)
    other = CorrelationMap(viewer)
    viewer.window.add_dock_widget(other, name="another")
    other.prepare()
    until(lambda: not other.work.busy)
    widget.live.seeds.set(0, mm=small_run.places["front"])
    _settled(widget, until)
    other.live.finish()
    assert "taken over" in widget.message.text()
    expected = _expected(small_run, small_run.places["front"], cleaning=other.cleaning.value)
    np.testing.assert_allclose(other.live.shown.layer.data, expected, atol=1e-6)


# -- what can go wrong ----------------------------------------------------------------------------------------------------


def test_a_seed_in_air_is_said_and_the_map_stays(opened, small_run, until):
    _, _, widget = opened()
    layer = _prepare(widget, until)
    _settled(widget, until)
    before = layer.data.copy()
    widget.live.seeds.set(0, mm=(500.0, 0.0, 0.0))
    _settled(widget, until)
    assert "no voxel in the brain mask" in widget.live.account.text()
    assert not widget.live.pin.isEnabled()
    np.testing.assert_array_equal(layer.data, before)
    widget.live.seeds.set(0, mm=small_run.places["front"])
    _settled(widget, until)
    assert "voxels in the seed" in widget.live.account.text()
    assert widget.live.pin.isEnabled()


@pytest.mark.parametrize(
    ("break_it", "sentence"),
    [
        (lambda w: setattr(w.cleaning, "value", Cleaning(high_pass=0.2, low_pass=0.1)), "0.2"),
        (lambda w: setattr(w.cleaning, "value", Cleaning(low_pass=0.3)), "Nyquist"),
    ],
)
def test_bad_options_end_in_a_sentence_and_no_layer(opened, until, break_it, sentence):
    viewer, _, widget = opened()
    break_it(widget)
    widget.prepare()
    until(lambda: not widget.work.busy)
    assert sentence in widget.message.text()
    assert len(viewer.layers) == 1


def test_a_table_too_long_is_said_and_can_be_cut(opened, small_run, until, tmp_path):
    viewer, _, widget = opened()
    long = pd.concat([small_run.confounds, small_run.confounds])
    long.to_csv(tmp_path / "long.tsv", sep="\t", index=False)
    widget.confounds.open_file(tmp_path / "long.tsv")
    widget.prepare()
    assert "180 rows and the run has 90 volumes" in widget.message.text()
    assert len(viewer.layers) == 1
    widget.confounds.cut_button.click()
    layer = _prepare(widget, until)
    widget.live.seeds.set(0, mm=small_run.places["front"])
    _settled(widget, until)
    motion = small_run.run.replace(confounds=small_run.confounds)
    np.testing.assert_allclose(layer.data, _expected(small_run, small_run.places["front"], motion), atol=1e-6)


def test_an_unknown_tr_is_asked_for(opened, small_run, until):
    viewer, run_layer, widget = opened(tr_question="the header says 0")
    assert widget.repetition.question.isVisibleTo(widget)
    widget.prepare()
    assert "type it first" in widget.message.text()
    assert len(viewer.layers) == 1
    widget.repetition.seconds.number = 1.5
    widget.repetition.use.click()
    assert not widget.repetition.question.isVisibleTo(widget)
    assert widget.repetition.isVisibleTo(widget)
    _prepare(widget, until)
    assert widget.live.shown.mapper.tr == 1.5
    assert run_layer.scale[0] == 1.5


def test_layers_may_go_at_any_time(opened, small_run, until):
    viewer, run_layer, widget = opened()
    widget.prepare()
    viewer.layers.remove(run_layer)
    until(lambda: not widget.work.busy)
    assert not any(info(x).get("role") == ROLE for x in viewer.layers)


def test_other_data_in_the_run_s_layer_are_prepared_again(opened, small_run, until):
    _, run_layer, widget = opened()
    layer = _prepare(widget, until)
    front = small_run.places["front"]
    widget.live.seeds.set(0, mm=front)
    shorter = small_run.run.replace(data=small_run.run.data[:60])
    run_layer.data = shorter.data
    until(lambda: widget.live.shown is not None and len(widget.live.shown.mapper.volumes) == 60)
    _settled(widget, until)
    np.testing.assert_allclose(widget.live.shown.layer.data, _expected(small_run, front, shorter), atol=1e-6)
    assert widget.live.shown.layer is layer


def test_the_map_s_and_the_seeds_layer_may_go(opened, small_run, until):
    viewer, _, widget = opened()
    layer = _prepare(widget, until)
    viewer.layers.remove(layer)
    assert "removed" in widget.message.text()
    widget.live.seeds.set(0, mm=small_run.places["front"])
    layer = _prepare(widget, until)
    viewer.layers.remove(widget.live.seeds.layer)
    assert widget.live.seeds is None
    _prepare(widget, until)
    assert widget.live.seeds is not None
    assert len(widget.live.seeds) == 1


def test_closing_while_preparing_leaves_nothing(opened, until):
    viewer, _, widget = opened()
    widget.prepare()
    viewer.window.remove_dock_widget(widget)
    assert not widget.work.busy
    assert len(viewer.layers) == 1


def test_closing_napari_while_preparing_leaves_nothing(opened, until):
    viewer, _, widget = opened()
    widget.prepare()
    viewer.close()
    until(lambda: not any(thread.name == "napari-connectome" for thread in threading.enumerate()))
    assert not any(info(x).get("role") == ROLE for x in viewer.layers)


def test_cancel_is_said_and_nothing_is_changed(opened, until):
    viewer, _, widget = opened()
    widget.prepare()
    widget.work.cancel()
    until(lambda: not widget.work.busy)
    assert "Cancelled" in widget.message.text()
    assert len(viewer.layers) == 1
    _prepare(widget, until)


def test_seeds_of_the_other_widget_are_followed(opened, small_run, until):
    viewer, _, widget = opened()
    seeds = SeedPoints.create(viewer, small_run.run.grid, pd.DataFrame({"name": ["f"], "x": [0.0], "y": [21.0], "z": [3.0]}))
    layer = _prepare(widget, until)
    assert widget.live.seeds.layer is seeds.layer
    np.testing.assert_allclose(layer.data, _expected(small_run, small_run.places["front"]), atol=1e-6)
    seeds.set(0, mm=small_run.places["left"])
    _settled(widget, until)
    np.testing.assert_allclose(layer.data, _expected(small_run, small_run.places["left"]), atol=1e-6)
    seeds.close()
