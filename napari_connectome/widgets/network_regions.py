"""Networks taken apart into regions: live parameters, a table, the regions of one network, atlases to save."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from napari.layers import Layer
from qtpy.QtWidgets import QCheckBox, QGridLayout, QVBoxLayout, QWidget

from napari_connectome.analyses.region_extraction import RegionExtraction, RegionExtractor
from napari_connectome.core.errors import InputError, Progress
from napari_connectome.core.peaks import DISTANCE
from napari_connectome.core.values import Regions
from napari_connectome.core.words import as_sentence
from napari_connectome.io.save import save
from napari_connectome.layers.map_stack import MapStacks
from napari_connectome.layers.network_layers import NetworkLayers
from napari_connectome.layers.network_regions import NetworkRegionLayers
from napari_connectome.layers.orientation import look_at
from napari_connectome.layers.region_layer import RegionLayer
from napari_connectome.layers.region_pointer import RegionPointer
from napari_connectome.layers.spatial import tell, to_world
from napari_connectome.layers.writer import write_labels
from napari_connectome.widgets.form import ParamsForm
from napari_connectome.widgets.network_region_table import NetworkRegionTable
from napari_connectome.widgets.panel import Panel, button, few, words
from napari_connectome.widgets.save_as import ask_path
from napari_connectome.widgets.work import Work, WorkBar, told

SETTLE = 150
"""Milliseconds a parameter must stay as it is before the regions follow it."""
FIELDS = ("strategy", "threshold", "two_sided", "method", "fwhm", "min_size")
SAMPLE = 1_000_000
"""Weights looked at to start another strategy from."""
FILES = "NIfTI (*.nii.gz *.nii)"


class NetworkRegions(QWidget):
    """Take networks apart into regions.

    Parameters
    ----------
    panel : Panel
        The dock widget it is part of.

    Attributes
    ----------
    networks : NetworkLayers or None
    layers : NetworkRegionLayers
    regions : Regions or None
        What was extracted last.
    form : ParamsForm[RegionExtraction]
    table : NetworkRegionTable
    """

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self.viewer = panel.viewer
        self.networks: NetworkLayers | None = None
        self.regions: Regions | None = None
        self._named: RegionLayer | None = None  # the names they have now
        self._aside: tuple[Layer, bool] | None = None  # the map that the regions stand for, and whether it was seen
        self._extractor: RegionExtractor | None = None
        self._of: tuple[Any, ...] = ()  # the networks it is prepared for
        self.layers = NetworkRegionLayers(self.viewer)
        self._build()
        self.pointer = RegionPointer(self.viewer)
        self._again = panel.timer(SETTLE, self.extract)
        self._connect(panel)
        self._allow()
        self._show()

    def _build(self) -> None:
        self.form = ParamsForm(RegionExtraction(), FIELDS)
        self._strategy = self.form.value.strategy
        self.extract_button = button(
            "Extract regions", "Take the networks apart into regions; from then on these follow the parameters.", self.extract
        )
        self.only = QCheckBox("Only the network shown")
        self.only.setToolTip(
            "Show the regions of one network in separate colours, the one the slider of the networks is at, without its map."
        )
        self.work, self.saving = Work(self), Work(self)
        self.message, self.about = words(), words()
        self.table = NetworkRegionTable()
        self.maps_button = button("Maps as layer", "Add the weights of all regions as a layer with a slider.", self.add_maps)
        self.save_button = button(
            "Save atlas…",
            "Write the labels as one 3-D NIfTI file, the names and networks as a table beside it.",
            self._ask_labels,
        )
        self.save_maps_button = button(
            "Save maps…",
            "Write the weights of all regions as one 4-D NIfTI file, the names as a table beside it.",
            self._ask_maps,
        )
        buttons = QGridLayout()
        buttons.setHorizontalSpacing(4)
        for i, each in enumerate((self.maps_button, self.save_button, self.save_maps_button)):
            each.setMinimumWidth(40)
            buttons.addWidget(each, 0, i)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        bars = WorkBar(self.work), WorkBar(self.saving)
        for part in (self.form, self.extract_button, *bars, self.message, self.about, self.only, self.table):
            column.addWidget(part, 100 * (part is self.table))
        column.addLayout(buttons)
        column.addStretch(1)

    def _connect(self, panel: Panel) -> None:
        panel.at_end(self._let_go)
        panel.at_end(self.pointer.close)
        for work in (self.work, self.saving):
            panel.at_end(work.close)
            work.failed.connect(self._failed if work is self.work else self._not_saved)
        panel.follow(self.viewer.layers.events.removed, self._on_removed)
        self.form.changed.connect(self._on_option)
        self.only.toggled.connect(self._on_only)
        self.table.rows_chosen.connect(self._on_rows)
        self.table.renamed.connect(self._on_renamed)
        self.pointer.hovered.connect(self.table.light)
        self.work.cancelled.connect(self._on_cancelled)

    def set_networks(self, networks: NetworkLayers | None) -> None:
        """Take these networks apart, or none; by itself, where regions of others were shown before."""
        if networks is not self.networks:
            self._let_go()
            self.networks = networks
            if networks is not None:
                networks.looked.connect(self._on_looked)
                networks.changed.connect(self._on_changed)
        self._on_changed()

    # -- extracting ---------------------------------------------------------------------------------------------------

    def extract(self) -> None:
        """Extract regions with the parameters shown, in the background; the newest call wins."""
        self._again.stop()
        try:
            if self.networks is None or not len(self.networks):
                raise InputError("there are no networks yet: learn some in the first tab.")
            params, of = self.form.value, self._exported()
            maps = self.networks.exported if of != self._of or self._extractor is None else None
        except InputError as error:
            self.work.cancel()
            self._failed(str(error))
            return
        self._say("")
        extractor = None if maps is not None else self._extractor

        def work(progress: Progress) -> tuple[Any, RegionExtractor, Regions]:
            prepared = extractor if maps is None else RegionExtractor(maps)
            assert prepared is not None
            return of, prepared, prepared.extract(params, progress=progress)

        self.work.run(work, then=self._on_regions)

    def _exported(self) -> tuple[Any, ...]:
        """What the regions depend on besides the parameters: which networks, their names and order."""
        networks = self.networks
        if networks is None:
            return ()
        places = [i for i in range(len(networks)) if not networks.hidden(i)]
        return tuple((networks.keys[i], networks.names[i]) for i in places)

    def _on_regions(self, found: tuple[Any, RegionExtractor, Regions]) -> None:
        before = self._of
        self._of, self._extractor, self.regions = found
        if self.only.isChecked() and {key for key, _ in before}.isdisjoint(key for key, _ in self._of):
            self._make_room(True)  # the map of networks just learned
        painted = self.layers.layer
        layer = self.layers.show(self.regions, live=self._again.isActive())
        if painted is not None and layer is not painted:
            self._say(f"{painted.name} was changed by hand and stays as it is; the new regions are in a layer of their own.")
        self._named = RegionLayer.of(layer)
        self._show_only()
        self._show()

    def _on_option(self) -> None:
        """Follow the parameters, once there were regions."""
        self._say("")
        strategy = self.form.container["strategy"].value
        if strategy != self._strategy:
            before, self._strategy = self._strategy, strategy
            self.form.container["threshold"].value = self._threshold(before)
        self._allow()
        if self.regions is not None or self.work.busy:
            self._again.start()

    def _threshold(self, before: str) -> float:
        """The threshold that keeps as many weights as the one there was, where another strategy counts differently."""
        start = float(RegionExtraction().threshold)
        if self.networks is None or not self._exported():
            return start
        maps = self.networks.exported.data
        weights = np.abs(maps.reshape(-1)[:: max(1, maps.size // SAMPLE)])
        given = float(self.form.container["threshold"].value)
        share = {
            "ratio_n_voxels": given / len(maps),
            "percentile": 1 - given / 100,
            "img_value": float((weights >= given).mean()),
        }[before]
        if self._strategy == "ratio_n_voxels":
            return float(f"{share * len(maps):.2g}") or start
        if self._strategy == "percentile":
            return float(f"{100 * (1 - min(max(share, 0.0), 1.0)):.4g}")
        return float(f"{np.quantile(weights, 1 - min(max(share, 0.0), 1.0)):.3g}")

    def _allow(self) -> None:
        """Let be set what counts."""
        values = {name: self.form.container[name].value for name in ("strategy", "method")}
        self.form.widget("two_sided").setEnabled(values["strategy"] != "ratio_n_voxels")
        self.form.widget("fwhm").setEnabled(values["method"] == "local_regions")

    def _on_changed(self) -> None:
        """Other networks, names, or another order: the regions follow, once there were any."""
        if (self.regions is not None and self._exported() != self._of) or self.work.busy:
            self._again.start()
        self._show()

    def _failed(self, sentence: str) -> None:
        still = " The regions shown are those from before." if self.regions is not None else ""
        self._say(f"{as_sentence(sentence)}{still}")

    def _on_cancelled(self) -> None:
        if self.message.isHidden():  # otherwise it was stopped for a reason that is there to be read
            self._failed("Cancelled; nothing was changed.")

    def _say(self, sentence: str) -> None:
        self.message.setText(sentence)
        self.message.setVisible(bool(sentence))

    # -- one network --------------------------------------------------------------------------------------------------

    def _on_looked(self, index: int) -> None:
        if self.only.isChecked():
            self._show_only()
            self._show()

    def _on_only(self, on: bool) -> None:
        """Show one network's regions, or all; its map, whose colours they would mix with, makes room for them."""
        self._make_room(on)
        self._show_only()
        self._show()

    def _make_room(self, on: bool) -> None:
        """Hide the map of the network shown, or show it again; its name stays to be read."""
        layer = None if self.networks is None else self.networks.layer
        aside, self._aside = self._aside, None
        if aside is not None:
            tell(aside[0], stood_for=False)
            if not on:
                aside[0].visible = aside[1]
        if on and layer is not None:
            seen = aside[1] if aside is not None and aside[0] is layer and not layer.visible else layer.visible
            self._aside, layer.visible = (layer, seen), False
            tell(layer, stood_for=True)
        MapStacks.of(self.viewer).name()

    def _source(self) -> int | None:
        """The network shown alone, among those that were taken apart; None for all, -1 for one that is hidden."""
        if not self.only.isChecked() or self.networks is None:
            return None
        now = self.networks.current
        shown = [i for i in range(len(self.networks)) if not self.networks.hidden(i)]
        return shown.index(now) if now in shown else -1

    def _show_only(self) -> None:
        """Draw the regions of one network, or of all."""
        if self.regions is not None:
            self.layers.only(self._source())
            self.pointer.layer = self.layers.one_layer or self.layers.layer

    # -- the table ----------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        """Bring table, sentence and buttons up to date."""
        regions = self.regions
        table = pd.DataFrame(index=pd.Index([], dtype=np.int64, name="index"))
        if regions is not None and self._named is not None:
            source = self._source()
            table = regions.table.assign(voxels=np.rint(regions.table["size_mm3"] / regions.grid.voxel_volume).astype(int))
            table["name"] = [self._named.name(int(i)) for i in table.index]
            table["peak_at"] = list(zip(*(table[f"peak_{axis}"] for axis in "xyz"), strict=True))
            table = table if source is None else table.loc[np.asarray(regions.source_map) == source]
        self.table.show_table(table, {}, self._color)
        self.extract_button.setEnabled(self.networks is not None and len(self.networks) > 0)
        for each in (self.about, self.only, self.table, self.maps_button, self.save_button, self.save_maps_button):
            each.setVisible(regions is not None)
        self.about.setText(self._in_words(table))
        self.about.setToolTip("" if regions is None else ", ".join(self._without()))

    def _color(self, region: int) -> Any:
        return None if self.layers.layer is None else self.layers.layer.get_color(region)

    def _in_words(self, table: pd.DataFrame) -> str:
        if self.regions is None:
            return ""
        if table.empty:
            return "The network shown has no region."
        without = [] if self._source() is not None else self._without()
        count, networks = len(table), table["network"].nunique()
        of = f"{networks:,}{f' of {networks + len(without):,}' * bool(without)} networks"
        if networks == 1 and not without:
            of = str(table["network"].iloc[0])
        sizes = table["size_mm3"]
        between = f"{sizes.min():,.0f} to {sizes.max():,.0f} mm³" if count > 1 else f"{sizes.max():,.0f} mm³"
        none = f" None of {few(without)}." if without else ""
        return f"{count:,} region{'s' * (count != 1)} of {of}, {between}.{none}{self._advice()}"

    def _without(self) -> list[str]:
        """Names of the networks in which no region was found."""
        assert self.regions is not None
        found = set(np.asarray(self.regions.source_map).tolist())
        return [name for i, (_, name) in enumerate(self._of) if i not in found]

    def _advice(self) -> str:
        """What to do where peaks cannot tell the parts of any network apart."""
        regions = self.regions
        assert regions is not None
        whole = len(regions.table) == regions.table["network"].nunique()
        if not whole or regions.provenance["extraction"]["method"] != "local_regions":
            return ""
        apart = DISTANCE * float(regions.grid.voxel_volume) ** (1 / 3)
        return (
            f" No network was split: local regions need peaks {DISTANCE} voxels ({apart:.0f} mm) apart. "
            "Method connected components may find more."
        )

    def _on_rows(self) -> None:
        """Go to the peak of the region a person selected, and to its network."""
        region, regions = self.table.current, self.regions
        mm = self.table.regions.place(region)
        if regions is None or not region or mm is None:
            return
        look_at(self.viewer, to_world(regions.grid, mm))

    def _on_renamed(self, region: int, name: str) -> None:
        if self._named is not None:
            with told(self._say):
                self._named.rename(region, name)
            self._show()

    def _on_removed(self, event: Any) -> None:
        """Without their layer there are no regions to talk of."""
        if self.regions is not None and self.layers.layer is None:
            self.regions = self._named = self.pointer.layer = None
            self._show()
        elif self.only.isChecked() and self.layers.one_layer is None:
            self.only.setChecked(False)

    # -- what becomes of them -----------------------------------------------------------------------------------------

    def named(self) -> Regions:
        """The regions with the names they have now."""
        if self.regions is None or self._named is None:
            raise InputError("there are no regions yet: extract some first.")
        table = self.regions.table.copy()
        table["name"] = [self._named.name(int(i)) for i in table.index]
        return replace(self.regions, table=table)

    def add_maps(self) -> None:
        """Add the weights of the regions as a layer."""
        with told(self._say):
            self.layers.regions = self.named()
            self.layers.show_maps()

    def _ask_labels(self) -> None:
        with told(self._say):
            if path := ask_path(self, "Save atlas", "network_regions.nii.gz", FILES):
                self.write_labels(path)

    def _ask_maps(self) -> None:
        with told(self._say):
            if path := ask_path(self, "Save probabilistic atlas", "network_regions_maps.nii.gz", FILES):
                self.write_maps(path)

    def write_labels(self, path: str) -> None:
        """Write the labels as they are in the layer, names and networks beside them."""
        layer = self.layers.layer
        if layer is None:
            raise InputError("there are no regions yet: extract some first.")
        try:
            data, meta = layer.as_layer_data_tuple()[:2]
            written = write_labels(path, data, meta)
        except (RuntimeError, OSError) as error:  # what stands in the way leaves the writer as one of these
            self._not_saved(str(error))
        else:
            self._say(f"Saved {', '.join(Path(each).name for each in written)}.")

    def _not_saved(self, sentence: str) -> None:
        self._say(f"Not saved: {sentence}")

    def write_maps(self, path: str) -> None:
        """Write the weights of all regions, in the background."""
        regions = self.named()

        def work(progress: Progress) -> str:
            progress(0.1, f"writing {Path(path).name}")
            save(regions, path)
            return f"Saved {Path(path).name}."

        self.saving.run(work, then=self._say)

    def _let_go(self) -> None:
        """Stop following the networks; the layers stay."""
        networks, self.networks = self.networks, None
        if networks is not None:
            networks.looked.disconnect(self._on_looked)
            networks.changed.disconnect(self._on_changed)
