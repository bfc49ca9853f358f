"""From a region of a connectome to its seed map: one click, whatever kind of region, in the run that is shown."""

import numpy as np
import pytest
from napari.components import ViewerModel

import napari_connectome as nc
from napari_connectome.widgets.connectome import Connectomes


@pytest.fixture
def panel(qtbot, network_files, until, tmp_path):
    """A panel with the connectome of four runs and four regions."""
    labels = np.zeros((10, 14, 12), np.uint8)
    for i, (x, y, z) in enumerate([(3, 4, 4), (8, 4, 5), (4, 9, 4), (8, 9, 6)]):
        labels[z - 1 : z + 2, y - 1 : y + 2, x - 1 : x + 2] = i + 1
    nc.save(nc.Regions(labels, nc.Grid(labels.shape, np.diag([6.0, 6, 6, 1]))), tmp_path / "atlas.nii.gz")
    made = Connectomes(ViewerModel())
    qtbot.addWidget(made)
    made.computing.runs.add_files(network_files)
    made.computing.regions.take_file(str(tmp_path / "atlas.nii.gz"))
    until(lambda: not (made.computing.runs.busy or made.computing.regions.busy))
    made.computing.compute_button.click()
    until(lambda: not made.computing.work.busy)
    return made


def _map_layers(panel):
    return [layer for layer in panel.viewer.layers if layer.name.startswith("r with")]


def test_one_click_from_a_region_to_its_map(panel, until, network_files):
    look = panel.look
    assert not look.region_map.isVisibleTo(look)
    read = panel.computing.kept.read
    cleaning = panel.computing.last.series.cleaning
    for subject, region in ((2, 1), (2, 3), (0, 0)):  # another region of the run that is prepared, and another run
        look.subject_choice.setCurrentIndex(subject)
        look.subject_choice.activated.emit(subject)
        look.graph.picked.emit(region)
        assert look.region_map.isVisibleTo(look)
        look.region_map.button.click()
        until(lambda: not look.region_map.work.busy)
        (layer,) = _map_layers(panel)
        run = max(subject - 1, 0)  # the first is the mean: of it, the first run's
        loaded = nc.smooth(nc.load_run(network_files[run]), 6.0)
        inside = layer.data != 0
        voxels = nc.clean(loaded.data[:, inside], loaded.tr, cleaning)
        series = read.series[run].data[:, region]
        wanted = [np.corrcoef(series, column)[0, 1] for column in voxels.T]
        np.testing.assert_allclose(layer.data[inside], wanted, atol=2e-4)
        assert inside.sum() > 200
        assert read.runs[run] in layer.name
        assert read.series[0].names[region] in layer.name
    places = [layer.name for layer in panel.viewer.layers]
    assert places.index(layer.name) < places.index("Brain") < places.index("Regions of the connectome")


def test_a_region_without_a_series_is_told_in_a_sentence(panel, until):
    look = panel.look
    look.subject_choice.setCurrentIndex(1)
    panel.computing.kept.read.series[0].data[:, 2] = np.nan
    look.graph.picked.emit(2)
    look.subject_choice.activated.emit(1)
    look.graph.picked.emit(2)
    look.region_map.button.click()
    until(lambda: not look.region_map.work.busy)
    assert "no signal that changes" in look.region_map.message.text()
    assert not _map_layers(panel)
    look.show_connectome(look.connectome)  # nobody knows of which runs
    look.graph.picked.emit(1)
    assert not look.region_map.isVisibleTo(look)


def test_a_volume_clicked_in_a_plot_is_gone_to_where_its_run_is_in_the_viewer(qtbot, until, small_run, add_run, tmp_path):
    viewer = ViewerModel()
    run = small_run.run
    add_run(viewer, run, "small")
    labels = np.zeros(run.grid.shape, np.uint8)
    labels[4:6, 4:6, 4:6], labels[4:6, 8:10, 4:6] = 1, 2
    nc.save(nc.Regions(labels, run.grid), tmp_path / "atlas.nii.gz")
    panel = Connectomes(viewer)
    qtbot.addWidget(panel)
    panel.computing.regions.take_file(str(tmp_path / "atlas.nii.gz"))
    panel.computing.runs.add_open_runs()
    until(lambda: not (panel.computing.runs.busy or panel.computing.regions.busy))
    panel.computing.compute_button.click()
    until(lambda: not panel.computing.work.busy)
    panel.look.matrix.picked.emit(0, 1)
    panel.look.edge.volume_chosen.emit(0, 17)
    assert viewer.dims.point[0] == 17 * run.tr
    viewer.layers.remove("small")
    panel.look.edge.volume_chosen.emit(0, 3)  # nowhere to go
