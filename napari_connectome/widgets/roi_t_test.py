"""The *ROI t-test* dock widget: compare conditions of a run, and cut a mask out of the difference."""

from __future__ import annotations

from typing import Any

from napari.layers import Layer
from qtpy.QtWidgets import QPushButton

from napari_connectome.analyses.condition_test import ConditionTest, ContrastResult, condition_test
from napari_connectome.core.design import Design
from napari_connectome.core.errors import InputError, Progress
from napari_connectome.core.values import Run
from napari_connectome.core.words import as_sentence
from napari_connectome.layers.full_view import FullView
from napari_connectome.layers.orientation import look_at
from napari_connectome.layers.spatial import is_run, run_of, to_world
from napari_connectome.widgets.condition_choice import ConditionChoice
from napari_connectome.widgets.design import DesignPanel
from napari_connectome.widgets.form import ParamsForm
from napari_connectome.widgets.layer_choice import LayerChoice
from napari_connectome.widgets.panel import Panel, row, words
from napari_connectome.widgets.repetition import RepetitionRow
from napari_connectome.widgets.section import Section
from napari_connectome.widgets.threshold import ThresholdPanel
from napari_connectome.widgets.view import ViewBar
from napari_connectome.widgets.work import Work, WorkBar

SETTLE = 400
"""Milliseconds an option must stay as it is before the test is made again with it."""
NEXT = "Dilation & labeling"
"""The widget that takes the mask on."""


class RoiTTest(Panel):
    """A test of conditions in every voxel, and a mask that follows its threshold.

    Parameters
    ----------
    napari_viewer : napari.Viewer

    Attributes
    ----------
    threshold : ThresholdPanel
        The maps, and the mask.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self._view = FullView(self.viewer)  # as it was before this dock took its room
        self._build()
        self._connect()
        self._on_run(self.run_choice.layer)

    def _build(self) -> None:
        self.view_bar = ViewBar(self.viewer)
        self.run_choice = LayerChoice(self.viewer, is_run)
        self.run_choice.setToolTip("The BOLD run: a 4-D image layer (t, z, y, x).")
        self.repetition = RepetitionRow()
        self.design = DesignPanel(self)
        self.design_section = Section(self.design)
        self.conditions = ConditionChoice("Compared")
        self.form = ParamsForm(ConditionTest(), fields=("test", "fwhm"))
        kind = self.form.widget("test")
        kind.setItemText(kind.findData("f"), "F, several")
        self.test_button = QPushButton("Test")
        self.test_button.setToolTip("Compare the conditions in every voxel; the layers of the last test are renewed.")
        self.work = Work(self)
        self.message, self.account, self.hint = words(), words(), words()
        self.threshold = ThresholdPanel(self)
        self.hint.setText(f"Open {NEXT} to intersect, dilate and label the mask.")
        self.next_button = QPushButton(f"Open {NEXT.replace('&', '&&')}")
        self.next_button.setToolTip("Go on with this mask in the next widget.")
        self.column.addWidget(self.view_bar)
        self.column.addLayout(row("Run", self.run_choice))
        for part in (self.repetition, self.design_section, self.conditions, self.form, self.test_button):
            self.column.addWidget(part)
        for part in (WorkBar(self.work), self.message, self.account, self.threshold, self.hint, self.next_button):
            self.column.addWidget(part)
        self.column.addStretch(1)

    def _connect(self) -> None:
        self._again = self.timer(SETTLE, self.test)
        self.at_end(self.work.close)
        self.at_end(self.run_choice.close_choice)
        self.run_choice.chosen.connect(self._on_run)
        self.run_choice.altered.connect(self._on_run_altered)
        self.repetition.answered.connect(self._on_repetition)
        self.design.changed.connect(self._on_design)
        self.conditions.changed.connect(self._on_option)
        self.form.changed.connect(self._on_form)
        self.test_button.clicked.connect(self.test)
        self.work.failed.connect(self._failed)
        self.work.cancelled.connect(self._on_cancelled)
        self.threshold.said.connect(self.say)
        self.next_button.clicked.connect(self._on_next)

    def parameters(self) -> ConditionTest:
        """The parameters as shown; `InputError` where they do not go together."""
        form = self.form.value.replace(clip=self.threshold.clip_form.value.clip)
        if form.test != "f":
            if not self.conditions.a:
                raise InputError("a t-test compares two conditions, and the design has one: choose another table (Design).")
            return form.replace(a=self.conditions.a, b=self.conditions.b)
        if len(self.conditions.shown) < 2:
            raise InputError("an F-test compares two conditions or more: tick those to compare.")
        return form.replace(conditions=self.conditions.shown)

    def test(self) -> None:
        """Make the test with the options shown, in the background; the newest call wins."""
        self._again.stop()
        try:
            run, design, params = self._gather()
        except InputError as error:
            self.work.cancel()
            self._failed(str(error))
            return
        self.say("")

        def work(progress: Progress) -> ContrastResult:
            return condition_test(run, design, params, progress=progress)

        self.work.run(work, then=self._on_tested)

    def say(self, sentence: str) -> None:
        """Show one sentence where the user looks; "" takes it away."""
        self.message.setText(sentence)
        self.message.setVisible(bool(sentence))

    def _gather(self) -> tuple[Run, Design, ConditionTest]:
        layer = self.run_choice.layer
        if layer is None:
            raise InputError("there is no run: open a 4-D image (File > Open, or File > Open Sample > Connectome).")
        run = run_of(layer)
        return run, self.design.chosen(), self.parameters()

    def _on_tested(self, result: ContrastResult) -> None:
        self.say("")
        first = self.threshold.shown is None
        self.threshold.show_test(result)
        self.account.setText(_account(result))
        self._show_next()
        shown = self.threshold.shown
        if first and shown is not None and shown.mask_account.voxels:
            look_at(self.viewer, to_world(result.t.grid, shown.peak_mm))
        self._view.restore(self.viewer)

    def _failed(self, sentence: str) -> None:
        """Say why there are no new maps, and which ones are shown instead."""
        shown = self.threshold.shown
        still = f" The maps shown are still those of {shown.result.contrast} as tested before." if shown is not None else ""
        self.say(f"{as_sentence(sentence)}{still}")

    def _on_cancelled(self) -> None:
        if not self.message.text():  # otherwise it was stopped for a reason that is there to be read
            self._failed("Cancelled; nothing was changed.")

    # -- what the user changes ----------------------------------------------------------------------------------------

    def _on_run(self, layer: Layer | None) -> None:
        """Another run: what is shown of the one before stays in the viewer, and is followed no more."""
        self.repetition.ask(layer)
        self.design.set_run(layer)
        self._show_design()
        self._again.stop()
        busy = self.work.busy
        self.work.close()
        self.threshold.drop()
        self.account.setText("")
        self._show_next()
        self.say("The run was changed while it was tested: press Test again." if busy else "")

    def _on_run_altered(self) -> None:
        """Follow other data, or another TR, in the same layer."""
        self.repetition.ask(self.run_choice.layer)
        self._on_repetition()

    def _on_repetition(self) -> None:
        self.design.set_run(self.run_choice.layer)
        self._on_design()

    def _on_design(self) -> None:
        self._show_design()
        self._on_option()

    def _on_form(self) -> None:
        self._show_kind()
        self._on_option()

    def _on_option(self) -> None:
        """Test again by itself, once it was tested before."""
        self.say("")
        if self.threshold.shown is not None or self.work.busy:
            self._again.start()

    def _on_next(self) -> None:
        """Go on in the next widget with this mask, also where that widget is open already, behind another tab or hidden."""
        dock, regions = self.viewer.window.add_plugin_dock_widget("napari-connectome", NEXT)
        dock.show()
        dock.raise_()
        shown = self.threshold.shown
        if shown is not None and shown.mask_layer in self.viewer.layers:
            self.viewer.layers.selection.active = shown.mask_layer
            regions.layer_choice.layer = shown.mask_layer

    # -- what is shown ------------------------------------------------------------------------------------------------

    def _show_design(self) -> None:
        """Say in the title what the design is, so that it need not be opened to be known, and offer its conditions."""
        self.design_section.setText(self.design.in_words())
        try:
            design = self.design.chosen()
        except InputError:
            self.conditions.set_design(None)
            if self.run_choice.layer is not None:
                self.design_section.expand()
        else:
            self.conditions.set_design(design)
        self._show_kind()

    def _show_kind(self) -> None:
        """Offer two conditions for t, any number for F."""
        many = self.form.value.test == "f"
        self.conditions.set_comparing(not many)
        self.conditions.ticks.setVisible(many)

    def _show_next(self) -> None:
        for part in (self.account, self.hint, self.next_button):
            part.setVisible(self.threshold.shown is not None)


def _account(result: ContrastResult) -> str:
    """What was compared, in a line."""
    between = ", " if isinstance(result.dof, tuple) else " > "
    groups = between.join(f"{condition} ({count})" for condition, count in result.counts.items())
    dof = result.dof if isinstance(result.dof, tuple) else (result.dof,)
    least = "at least " if result.provenance["parameters"]["test"] == "welch" else ""  # it has its own in each voxel
    return f"{groups} volumes, {least}{' and '.join(f'{each:.4g}' for each in dof)} degrees of freedom."
