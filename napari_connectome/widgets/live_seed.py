"""The live half of the *Correlation map*: which seed, how large, what is hidden, and its series."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Layer
from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget
from superqt import QLabeledDoubleSlider

from napari_connectome.analyses.seed_map import SeedMapper
from napari_connectome.core.errors import InputError
from napari_connectome.core.networks import network_seeds
from napari_connectome.core.seeds import RADIUS
from napari_connectome.core.values import Run
from napari_connectome.io.tables import write_table
from napari_connectome.layers.correlation import CorrelationLayers
from napari_connectome.layers.orientation import look_at
from napari_connectome.layers.seed_layer import is_seeds
from napari_connectome.layers.seeds import SeedPoints
from napari_connectome.layers.spatial import info, to_world
from napari_connectome.widgets.form import NumberBox
from napari_connectome.widgets.layer_choice import LayerChoice
from napari_connectome.widgets.panel import Panel, row
from napari_connectome.widgets.series_plot import SeriesPlot

AT_REST = 120
"""Milliseconds a seed must stay where it is before the planes that are not on the screen are computed."""
TOLD = 120
"""Milliseconds after which the series follows a seed: the eye is on the map, and each repaint of the dock delays it."""
FIRST_SEED = "PCC"
GONE = "The map's layer was removed or taken over: press Prepare to show it again."


class LiveSeed(QWidget):
    """Shows the map of the current seed and keeps up with it.

    Parameters
    ----------
    panel : Panel
        The dock widget it is part of.

    Attributes
    ----------
    said : Signal(str)
        A sentence for the user.
    shown : CorrelationLayers or None
        The map in the viewer; None while no run is prepared.
    seeds : SeedPoints or None
    """

    said = Signal(str)

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self.viewer = panel.viewer
        self.shown: CorrelationLayers | None = None
        self.seeds: SeedPoints | None = None
        self._run: Run | None = None
        self._trouble = ""
        self._build()
        self._follow_soon = panel.timer(0, self._follow)
        self._rest = panel.timer(AT_REST, self._step)
        self._tell_soon = panel.timer(TOLD, self._tell)
        panel.follow(self.viewer.dims.events.current_step, self._on_dims)
        panel.follow(self.viewer.layers.events.removed, self._on_layer_removed)
        panel.at_end(self.seeds_choice.close_choice)
        panel.at_end(self._let_go_of_seeds)
        panel.at_end(self.drop)
        self._connect()
        self._on_seeds_layer(self.seeds_choice.layer)

    def _build(self) -> None:
        self.seeds_choice = LayerChoice(self.viewer, is_seeds, instead="new layer")
        self.seeds_choice.setToolTip("The points layer that holds the seeds; Sphere seeds makes and edits them.")
        self.seed_choice = QComboBox()
        self.seed_choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.seed_choice.setToolTip("The seed whose map is shown; also chosen by selecting its point in the viewer.")
        self.radius = NumberBox(RADIUS["low"], RADIUS["high"], RADIUS["step"], RADIUS["unit"])
        self.radius.setToolTip("Radius of this seed's sphere.")
        self.account = QLabel()
        self.account.setWordWrap(True)
        self.threshold_unit = QLabel()
        self.threshold = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
        self.threshold.setDecimals(2)
        self.threshold.setToolTip("Voxels nearer to 0 than this are transparent, on both sides.")
        self.plot = SeriesPlot()
        self.plot.set_label("signal (sd)")
        self.plot.setMinimumHeight(150)
        self.pin = QPushButton("Keep this map")
        self.pin.setToolTip("Add a copy of the map as a layer that no longer follows the seed.")
        self.save_series = QPushButton("Save series…")
        self.save_series.setToolTip("Write the seed's cleaned time series as TSV or CSV.")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row("Seeds", self.seeds_choice))
        column.addLayout(row("Seed", self.seed_choice, self.radius))
        column.addWidget(self.account)
        column.addLayout(row("Threshold", self.threshold, self.threshold_unit))
        column.addWidget(self.plot)
        buttons = QHBoxLayout()
        buttons.addWidget(self.pin)
        buttons.addWidget(self.save_series)
        column.addLayout(buttons)
        self.setEnabled(False)

    def _connect(self) -> None:
        self.seeds_choice.chosen.connect(self._on_seeds_layer)
        self.seed_choice.activated.connect(self._on_seed_chosen)
        self.radius.valueChanged.connect(self._on_radius)
        self.threshold.valueChanged.connect(self._on_threshold)
        self.pin.clicked.connect(self._on_pin)
        self.save_series.clicked.connect(self._on_save_series)
        self.plot.frame_chosen.connect(self._on_frame_chosen)

    # -- the map ------------------------------------------------------------------------------------------------------

    def show_map(self, run: Run, mapper: SeedMapper) -> None:
        """Show the maps of a prepared run, of the seed and with the threshold there were before."""
        threshold, first = None, self.shown is None
        if self.shown is not None and self.shown.mapper.params.statistic == mapper.params.statistic:
            threshold = self.shown.threshold
        self.drop()
        self._run = run
        self.shown = CorrelationLayers(self.viewer, mapper, threshold)
        self.plot.clear()
        self.plot.set_volumes(np.arange(run.n_volumes) * run.tr, run.keep)
        self._on_dims()
        self._show_scale(self.shown)
        self.setEnabled(True)
        self._have_seed(mapper)
        self._follow()
        self._tell()
        if first:
            self._hand_over()

    def _hand_over(self) -> None:
        """Put the seed before the user's eyes and into their hand."""
        if self.seeds is None or self.seeds.current is None:
            return
        self._look_at_seed()
        self.viewer.layers.selection.active = self.seeds.layer
        self.seeds.layer.mode = "select"
        self.said.emit(f"Drag {self.seeds.table['name'].iloc[self.seeds.current]} in the picture: the map follows.")

    def _look_at_seed(self) -> None:
        if self.seeds is not None and self.seeds.current is not None:
            mm = self.seeds.mm[self.seeds.current]
            if np.isfinite(mm).all():
                look_at(self.viewer, to_world(self.seeds.grid, mm))

    def drop(self) -> None:
        """Stop following; the layers stay with the user."""
        if self.shown is not None:
            self.shown.close()
        self.shown, self._run, self._trouble = None, None, ""
        self.account.setText("")
        self.setEnabled(False)

    def use(self, statistic: str) -> None:
        """Show another statistic of the same seed."""
        if self.shown is not None:
            self.shown.use(statistic)
            self._show_scale(self.shown)

    def finish(self) -> None:
        """Bring map and plot to the last position at once."""
        if self._follow_soon.isActive():
            self._follow_soon.stop()
            self._follow()
        if self.shown is not None:
            self.shown.finish()
            self._tell_soon.stop()
            self._tell()

    def _have_seed(self, mapper: SeedMapper) -> None:
        """Give the user something to drag: the posterior cingulate, or the middle of a brain that is not in MNI space."""
        if self.seeds is None:
            self.seeds_choice.layer = next((layer for layer in reversed(self.viewer.layers) if is_seeds(layer)), None)
        if self.seeds is None:
            made = SeedPoints.create(self.viewer, mapper.grid)
            made.close()
            self.seeds_choice.layer = made.layer
        assert self.seeds is not None
        self.seeds.grid = mapper.grid
        if len(self.seeds):
            return
        known = network_seeds().set_index("name")
        name, mm = FIRST_SEED, known.loc[FIRST_SEED, ["x", "y", "z"]].to_numpy(dtype=float)
        if not len(mapper.sphere(mm)):
            inside = np.argwhere(mapper.mask.data)
            middle = inside[np.argmin(((inside - inside.mean(axis=0)) ** 2).sum(axis=1))]
            name, mm = "seed 1", mapper.grid.to_mm(middle[::-1])
        self.seeds.add(name, mm, mapper.params.radius)

    def _follow(self) -> None:
        """Show the map of the current seed as it is now."""
        if self.shown is None:
            return
        if not self.shown.alive:
            self.drop()
            self.said.emit(GONE)
            return
        if self.seeds is None or self.seeds.current is None:
            self._trouble = "There is no seed: add one with Sphere seeds, or press Prepare to begin with one."
            self._tell()
            return
        seed = self.seeds.table.iloc[self.seeds.current]
        trouble = self.shown.move(seed["name"], seed[["x", "y", "z"]].to_numpy(dtype=float), float(seed["radius"]))
        self._trouble = trouble
        if not self._tell_soon.isActive():
            self._tell_soon.start()
        self._rest.start(AT_REST)

    def _step(self) -> None:
        """Compute a piece of what is not on the screen; come back until all is done."""
        if self.shown is not None and not self.shown.step():
            self._rest.start(0)

    def _tell(self) -> None:
        """Bring series and sentence up to date."""
        for button in (self.pin, self.save_series):
            button.setEnabled(not self._trouble)
        if self._trouble:
            still = " The map is still that of its last place." if self.shown is not None and self.shown.seed else ""
            self.account.setText(f"{self._trouble[:1].upper()}{self._trouble[1:]}{still}")
        elif self.shown is not None:
            self.account.setText(_account(self.shown.mapper))
            self._show_series(self.shown)

    def _show_series(self, shown: CorrelationLayers) -> None:
        series = shown.mapper.series()
        name = shown.seed.get("name")
        if name is None:
            return
        for other in set(self.plot.names) - {name}:
            self.plot.remove_series(other)
        self.plot.set_series(shown.mapper.volumes * shown.mapper.tr, series / (series.std(ddof=1) or 1.0), name)

    def _show_scale(self, shown: CorrelationLayers) -> None:
        with QSignalBlocker(self.threshold):
            self.threshold.setRange(0.0, shown.limit)
            self.threshold.setSingleStep(shown.limit / 100)
            self.threshold.setValue(shown.threshold)
        self.threshold_unit.setText({"r": "r", "fisher_z": "Fisher z", "z_score": "z"}[shown.mapper.params.statistic])

    def _on_layer_removed(self, event: Any) -> None:
        if self.shown is not None and event.value is self.shown.layer:
            self.drop()
            self.said.emit(GONE)

    # -- the seeds ----------------------------------------------------------------------------------------------------

    def _on_seeds_layer(self, layer: Layer | None) -> None:
        self._let_go_of_seeds()
        if layer is not None:
            self.seeds = SeedPoints(layer, info(layer)["grid"] if self.shown is None else self.shown.mapper.grid)
            self.seeds.moved.connect(self._on_moved)
            self.seeds.changed.connect(self._on_seeds_changed)
            self.seeds.current_changed.connect(self._on_seeds_changed)
        self._on_seeds_changed()

    def _let_go_of_seeds(self) -> None:
        if self.seeds is not None:
            self.seeds.close()
            self.seeds = None

    def _on_moved(self, index: int, mm: Any) -> None:
        # At once, so that napari draws the moved point and its map in one go: drawing is what takes the time.
        if self.seeds is not None and index == self.seeds.current:
            self._follow()

    def _on_seeds_changed(self, *_: Any) -> None:
        self._list_seeds()
        self._follow_soon.start()

    def _list_seeds(self) -> None:
        self.seed_choice.clear()
        if self.seeds is None or self.seeds.current is None:
            return
        table = self.seeds.table
        self.seed_choice.addItems(list(table["name"]))
        self.seed_choice.setCurrentIndex(self.seeds.current)
        with QSignalBlocker(self.radius):
            self.radius.number = float(table["radius"].iloc[self.seeds.current])

    def _on_seed_chosen(self, index: int) -> None:
        if self.seeds is not None:
            self.seeds.current = index
            self._look_at_seed()

    def _on_radius(self) -> None:
        if self.seeds is not None and self.seeds.current is not None:
            self.seeds.set(self.seeds.current, radius=self.radius.number)

    # -- what else the user does --------------------------------------------------------------------------------------

    def _on_threshold(self, value: float) -> None:
        if self.shown is not None:
            self.shown.threshold = value

    def _on_pin(self) -> None:
        if self.shown is not None:
            self.finish()
            self.shown.pin()

    def _on_save_series(self) -> None:
        if self.shown is None or not self.shown.seed:
            return
        start = f"{self.shown.seed['name']}_timeseries.tsv"
        path, _ = QFileDialog.getSaveFileName(self, "Save the seed's series", start, "Tables (*.tsv *.csv)")
        if path:
            try:
                self.write_series(path)
            except (InputError, OSError) as error:
                self.said.emit(str(error))

    def write_series(self, path: str) -> None:
        """Write the current seed's cleaned series: a row a kept volume, with its time in seconds."""
        if self.shown is None or self._run is None:
            raise InputError("there is no seed series to write: prepare a run first.")
        self.finish()
        write_table(self.shown.series(self._run).to_frame().reset_index(), path)

    def _on_frame_chosen(self, index: int) -> None:
        # By its time, not its number: another run in the viewer may have another TR.
        if self.viewer.dims.ndim == 4 and self._run is not None:
            self.viewer.dims.set_point(0, index * self._run.tr)

    def _on_dims(self) -> None:
        if self.viewer.dims.ndim == 4:
            self.plot.set_frame(self.viewer.dims.point[0])


def _account(mapper: SeedMapper) -> str:
    """What the map rests on, in a line."""
    return (
        f"{len(mapper.seed)} voxel{'s' * (len(mapper.seed) != 1)} in the seed, {mapper.n_voxels:,} in the map; "
        f"{len(mapper.volumes)} volumes, {mapper.dof:.0f} degrees of freedom left."
    )
