"""The *Correlation map* dock widget: prepare a run once, then drag a seed and watch its map follow."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Layer
from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget
from superqt import QCollapsible, QLabeledDoubleSlider

from napari_connectome.analyses.seed_map import SeedMap, SeedMapper
from napari_connectome.core.errors import InputError, Progress
from napari_connectome.core.networks import network_seeds
from napari_connectome.core.values import Run, Series, Volume
from napari_connectome.layers.correlation import TITLES, CorrelationLayers
from napari_connectome.layers.seeds import SeedPoints, is_seeds
from napari_connectome.layers.spatial import grid_of, info, is_run, is_volume, run_of, volume_of
from napari_connectome.widgets.confounds import ConfoundsPanel
from napari_connectome.widgets.form import NumberBox, ParamsForm
from napari_connectome.widgets.layer_choice import LayerChoice
from napari_connectome.widgets.panel import Panel, row
from napari_connectome.widgets.repetition import RepetitionRow
from napari_connectome.widgets.series_plot import SeriesPlot
from napari_connectome.widgets.view import ViewBar
from napari_connectome.widgets.work import Work, WorkBar

SETTLE = 400
"""Milliseconds an option must stay as it is before the run is prepared again with it."""
AT_REST = 30
"""Milliseconds a seed must stay where it is before the planes that are not on the screen are computed."""
FIRST_SEED = "PCC"


class CorrelationMap(Panel):
    """Seed-to-voxel correlation, live.

    Parameters
    ----------
    napari_viewer : napari.Viewer
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self.shown: CorrelationLayers | None = None
        self.seeds: SeedPoints | None = None
        self._prepared_run: Run | None = None
        self._preparing: Layer | None = None
        self._build_inputs()
        self._build_live()
        self._connect()
        self._on_run(self.run_choice.layer)

    # -- what is seen -------------------------------------------------------------------------------------------------

    def _build_inputs(self) -> None:
        viewer = self.viewer
        self.view_bar = ViewBar(viewer)
        self.run_choice = LayerChoice(viewer, is_run)
        self.run_choice.setToolTip("The BOLD run: a 4-D image layer (t, z, y, x).")
        self.repetition = RepetitionRow()
        self.mask_choice = LayerChoice(viewer, self._fits_mask, instead="automatic")
        self.mask_choice.setToolTip("Voxels that get a value: found from the run, or those above 0 in a layer.")
        self.form = ParamsForm(SeedMap(), fields=("fwhm", "statistic"))
        self.cleaning = ParamsForm(
            SeedMap().cleaning.replace(high_pass=0.01, low_pass=0.1), fields=("detrend", "high_pass", "low_pass", "filter")
        )
        self.confounds = ConfoundsPanel()
        self.work = Work(self)
        self.prepare_button = QPushButton("Prepare")
        self.prepare_button.setToolTip("Clean and smooth the run once; then every seed's map is there at once.")
        self.work_bar = WorkBar(self.work)
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        column = self.column
        column.addWidget(self.view_bar)
        column.addLayout(row("Run", self.run_choice))
        column.addWidget(self.repetition)
        column.addLayout(row("Mask", self.mask_choice))
        column.addWidget(self.form)
        self.sections = [QCollapsible(), QCollapsible()]
        for section, part in zip(self.sections, (self.cleaning, self.confounds), strict=True):
            section.addWidget(part)
            column.addWidget(section)
        column.addWidget(self.prepare_button)
        column.addWidget(self.work_bar)
        column.addWidget(self.message)

    def _name_sections(self, *_: Any) -> None:
        """Say in the titles what is chosen, so that nothing has to be opened to be known."""
        for section, text in zip(self.sections, (_in_words(self.cleaning), self.confounds.in_words()), strict=True):
            section.setText(text)

    def _build_live(self) -> None:
        self.live_part = QWidget()
        inside = QVBoxLayout(self.live_part)
        inside.setContentsMargins(0, 0, 0, 0)
        self.seeds_choice = LayerChoice(self.viewer, is_seeds, instead="(none)")
        self.seed_choice = QComboBox()
        self.seed_choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.seed_choice.setToolTip("The seed whose map is shown; also chosen by selecting its point in the viewer.")
        about = SeedMap.__dataclass_fields__["radius"].metadata
        self.radius = NumberBox(about["low"], about["high"], about["step"], about["unit"])
        self.radius.setToolTip("Radius of this seed's sphere.")
        self.threshold = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
        self.threshold.setToolTip("Voxels nearer to 0 than this are transparent, on both sides.")
        self.plot = SeriesPlot()
        self.plot.set_label("signal (sd)")
        self.plot.setMinimumHeight(150)
        self.pin = QPushButton("Keep this map")
        self.pin.setToolTip("Add a copy of the map as a layer that no longer follows the seed.")
        self.save_series = QPushButton("Save series…")
        self.save_series.setToolTip("Write the seed's cleaned time series as TSV or CSV.")
        inside.addLayout(row("Seeds", self.seeds_choice))
        inside.addLayout(row("Seed", self.seed_choice, self.radius))
        inside.addLayout(row("Threshold", self.threshold))
        inside.addWidget(self.plot)
        buttons = QHBoxLayout()
        buttons.addWidget(self.pin)
        buttons.addWidget(self.save_series)
        inside.addLayout(buttons)
        self.live_part.setEnabled(False)
        self.column.addWidget(self.live_part)
        self.column.addStretch(1)

    def _connect(self) -> None:
        self._again = self.timer(SETTLE, self.prepare)
        self._follow_soon = self.timer(0, self._follow)
        self._rest = self.timer(AT_REST, self._step)
        self.run_choice.chosen.connect(self._on_run)
        self.mask_choice.chosen.connect(self._on_option)
        for part in (self.cleaning, self.confounds):
            part.changed.connect(self._name_sections)
        self.cleaning.changed.connect(self._on_option)
        self.confounds.changed.connect(self._on_option)
        self.repetition.answered.connect(self._on_option)
        self.form.changed.connect(self._on_form)
        self.prepare_button.clicked.connect(self.prepare)
        self.work.failed.connect(self.say)
        self.work.cancelled.connect(self._on_cancelled)
        self.seeds_choice.chosen.connect(self._on_seeds_layer)
        self.seed_choice.activated.connect(self._on_seed_chosen)
        self.radius.valueChanged.connect(self._on_radius)
        self.threshold.valueChanged.connect(self._on_threshold)
        self.pin.clicked.connect(self._on_pin)
        self.save_series.clicked.connect(self._on_save_series)
        self.plot.frame_chosen.connect(self._on_frame_chosen)
        for end in (self.view_bar.close, self._drop_map, self._let_go_of_seeds, self.work.close):
            self.at_end(end)
        for choice in (self.run_choice, self.mask_choice, self.seeds_choice):
            self.at_end(choice.close_choice)
        self.follow(self.viewer.dims.events.current_step, self._on_dims)
        self.follow(self.viewer.layers.events.removed, self._on_layer_removed)

    # -- preparing ----------------------------------------------------------------------------------------------------

    def parameters(self) -> SeedMap:
        """The parameters as the form shows them; `InputError` where they do not go together."""
        return self.form.value.replace(cleaning=self.cleaning.value)

    def prepare(self) -> None:
        """Prepare the run with the options shown, in the background; the newest call wins."""
        self._again.stop()
        try:
            run, params, mask = self._gather()
        except InputError as error:
            self.work.cancel()
            self.say(str(error))
            return
        self.say("")
        self._preparing = self.run_choice.layer

        def work(progress: Progress) -> SeedMapper:
            return SeedMapper(run, params, mask, progress=progress)

        self.work.run(work, then=lambda mapper: self._on_prepared(run, mapper))

    def _gather(self) -> tuple[Run, SeedMap, Volume | None]:
        layer = self.run_choice.layer
        if layer is None:
            raise InputError("there is no run: open a 4-D image (File > Open, or File > Open Sample > Connectome).")
        run = run_of(layer)
        table, keep = self.confounds.chosen()
        mask = self.mask_choice.layer
        return run.replace(confounds=table, keep=keep), self.parameters(), None if mask is None else volume_of(mask)

    def _on_prepared(self, run: Run, mapper: SeedMapper) -> None:
        threshold = None
        if self.shown is not None and self.shown.mapper.params.statistic == mapper.params.statistic:
            threshold = self.shown.threshold
        self._drop_map()
        self._prepared_run = run
        self.shown = CorrelationLayers(self.viewer, mapper, threshold)
        self.plot.clear()
        self.plot.set_volumes(np.arange(run.n_volumes) * run.tr, run.keep)
        self._on_dims()
        self._show_scale()
        self.live_part.setEnabled(True)
        if self.seeds is None or not len(self.seeds):
            self._first_seed()
        self.seeds.grid = mapper.grid
        self._report()
        self._follow()

    def _on_cancelled(self) -> None:
        self.say("Cancelled; nothing was changed.")

    def _report(self) -> None:
        mapper = self.shown.mapper
        self.say(
            f"{mapper.n_voxels:,} voxels, {len(mapper.volumes)} volumes in {mapper.n_rows} rows, "
            f"{mapper.dof:.0f} degrees of freedom left."
        )

    def _first_seed(self) -> None:
        """Give the user something to drag: the posterior cingulate, or the middle of a brain that is not in MNI space."""
        mapper = self.shown.mapper
        known = network_seeds().set_index("name")
        name, mm = FIRST_SEED, known.loc[FIRST_SEED, ["x", "y", "z"]].to_numpy(dtype=float)
        if not len(mapper.sphere(mm)):
            inside = np.argwhere(mapper.mask.data)
            middle = inside[np.argmin(((inside - inside.mean(axis=0)) ** 2).sum(axis=1))]
            name, mm = "seed 1", mapper.grid.to_mm(middle[::-1])
        if self.seeds is None:
            made = SeedPoints.create(self.viewer, mapper.grid)
            made.close()
            self.seeds_choice.layer = made.layer
        self.seeds.add(name, mm, mapper.params.radius)

    # -- following the seed -------------------------------------------------------------------------------------------

    def _follow(self) -> None:
        """Show the map of the current seed as it is now."""
        if self.shown is None or self.seeds is None or self.seeds.current is None:
            return
        if not self.shown.alive:
            self._drop_map()
            self.say("The map's layer was removed: press Prepare to show it again.")
            return
        seed = self.seeds.table.iloc[self.seeds.current]
        trouble = self.shown.move(seed["name"], seed[["x", "y", "z"]].to_numpy(dtype=float), float(seed["radius"]))
        if trouble:
            self.say(trouble)
            return
        self._report()
        self._show_series()
        self._rest.start(AT_REST)

    def _step(self) -> None:
        """Compute a piece of what is not on the screen; come back until all is done."""
        if self.shown is not None and not self.shown.step():
            self._rest.start(0)

    def finish(self) -> None:
        """Bring map and plot to the last position at once."""
        if self._follow_soon.isActive():
            self._follow_soon.stop()
            self._follow()
        if self.shown is not None:
            self.shown.finish()

    def _show_series(self) -> None:
        mapper = self.shown.mapper
        series = mapper.series()
        spread = series.std(ddof=1)
        name = self.shown.seed["name"]
        for other in set(self.plot.names) - {name}:
            self.plot.remove_series(other)
        self.plot.set_series(mapper.volumes * mapper.tr, series / (spread or 1.0), name)

    def _on_moved(self, index: int, mm: Any) -> None:
        if self.seeds is not None and index == self.seeds.current:
            self._follow_soon.start()

    def _on_seeds_changed(self, *_: Any) -> None:
        self._list_seeds()
        self._follow_soon.start()

    def _list_seeds(self) -> None:
        names = [] if self.seeds is None else list(self.seeds.table["name"])
        self.seed_choice.clear()
        self.seed_choice.addItems(names)
        if names and self.seeds.current is not None:
            self.seed_choice.setCurrentIndex(self.seeds.current)
            with QSignalBlocker(self.radius):
                self.radius.number = float(self.seeds.table["radius"].iloc[self.seeds.current])

    def _on_seeds_layer(self, layer: Layer | None) -> None:
        self._let_go_of_seeds()
        if layer is not None:
            self.seeds = SeedPoints(layer, self._grid() or info(layer)["grid"])
            self.seeds.moved.connect(self._on_moved)
            self.seeds.changed.connect(self._on_seeds_changed)
            self.seeds.current_changed.connect(self._on_seeds_changed)
        self._on_seeds_changed()

    def _let_go_of_seeds(self) -> None:
        if self.seeds is not None:
            self.seeds.close()
            self.seeds = None

    def _on_seed_chosen(self, index: int) -> None:
        if self.seeds is not None:
            self.seeds.current = index

    def _on_radius(self) -> None:
        if self.seeds is not None and self.seeds.current is not None:
            self.seeds.set(self.seeds.current, radius=self.radius.number)

    # -- what the user changes ----------------------------------------------------------------------------------------

    def _on_run(self, layer: Layer | None) -> None:
        self.repetition.ask(layer)
        self.confounds.set_run(layer)
        self._name_sections()
        self.mask_choice.reset()
        if self.work.busy and self._preparing is not layer:
            self.work.close()  # what it would bring belongs to a run that is no longer meant
            self.say("The run was changed while it was prepared: press Prepare again.")
        if self.seeds_choice.layer is None:
            self.seeds_choice.layer = next((x for x in reversed(self.viewer.layers) if is_seeds(x)), None)
        self._on_option()

    def _on_option(self, *_: Any) -> None:
        """Prepare again by itself, once it was prepared before."""
        if self.shown is not None or self.work.busy:
            self._again.start()

    def _on_form(self) -> None:
        statistic = self.form.value.statistic
        if self.shown is None:
            self._on_option()
            return
        if statistic != self.shown.mapper.params.statistic and not self.work.busy:
            self.shown.use(statistic)
            self._show_scale()
        if self.form.value.fwhm != self.shown.mapper.params.fwhm or self.work.busy:
            self._on_option()

    def _show_scale(self) -> None:
        with QSignalBlocker(self.threshold):
            self.threshold.setRange(0.0, self.shown.limit)
            self.threshold.setDecimals(2)
            self.threshold.setSingleStep(self.shown.limit / 100)
            self.threshold.setValue(self.shown.threshold)

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
                self.say(str(error))

    def write_series(self, path: str) -> None:
        """Write the current seed's cleaned series: a row a volume, with its time in seconds."""
        from napari_connectome.io.tables import write_table

        mapper = self.shown.mapper
        series = Series(mapper.series(self._prepared_run)[:, None], [self.shown.seed["name"]], mapper.tr)
        frame = series.to_frame().reset_index()
        frame["time"] = mapper.volumes * mapper.tr
        write_table(frame, path)

    def _on_frame_chosen(self, index: int) -> None:
        if self.viewer.dims.ndim == 4:
            self.viewer.dims.set_current_step(0, index)

    def _on_dims(self) -> None:
        if self.viewer.dims.ndim == 4:
            self.plot.set_frame(self.viewer.dims.point[0])

    def _on_layer_removed(self, event: Any) -> None:
        if self.shown is not None and event.value is self.shown.layer:
            self._drop_map()
            self.say("The map's layer was removed: press Prepare to show it again.")

    # -- small things -------------------------------------------------------------------------------------------------

    def say(self, sentence: str) -> None:
        """Show one sentence where the user looks; "" takes it away."""
        self.message.setText(sentence)

    def _fits_mask(self, layer: Layer) -> bool:
        grid = self._grid()
        return is_volume(layer) and (grid is None or grid.matches(grid_of(layer)))

    def _grid(self) -> Any:
        layer = self.run_choice.layer if hasattr(self, "run_choice") else None
        return None if layer is None else grid_of(layer)

    def _drop_map(self) -> None:
        if self.shown is not None:
            self.shown.close()
            self.shown = None
        self.live_part.setEnabled(False)


def _in_words(form: ParamsForm) -> str:
    """The cleaning in one line."""
    try:
        cleaning = form.value
    except InputError:
        return "Cleaning"
    band = [f"{cleaning.high_pass:g}" if cleaning.high_pass else "0", f"{cleaning.low_pass:g}" if np.isfinite(cleaning.low_pass) else "∞"]
    parts = ["detrended"] if cleaning.detrend else []
    if band != ["0", "∞"]:
        parts.append(f"{'–'.join(band)} Hz")
    return f"Cleaning: {', '.join(parts) or 'none'}"
