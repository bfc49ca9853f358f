"""The form of computed confounds: only the options that count, and the layers as they are when it is asked."""

import numpy as np
import pytest
from napari.components import ViewerModel

import napari_connectome as nc
from napari_connectome.core.errors import InputError
from napari_connectome.layers.spatial import layer_kwargs

GRID = nc.Grid((4, 5, 6), np.diag([3.0, 3, 3, 1]))


@pytest.fixture
def form(qtbot):
    from napari_connectome.widgets.computed_form import ComputedForm
    from napari_connectome.widgets.panel import Panel

    panel = Panel(ViewerModel())
    qtbot.addWidget(panel)
    made = ComputedForm(panel)
    panel.column.addWidget(made)
    made.panel, made.viewer, made.told = panel, panel.viewer, []
    made.changed.connect(lambda told=made.told: told.append(True))
    return made


def _mask(form, name, value=1.0):
    return form.viewer.add_image(np.full(GRID.shape, value, np.float32), name=name, **layer_kwargs(GRID))


def test_nothing_is_computed_at_first(form):
    assert form.value == nc.ComputedConfounds()
    assert form.computation() is None
    assert form.in_words() == "Computed confounds: none"
    assert not any(each.isVisibleTo(form) for each in (form.high_variance, form.compcor, form.brain))


@pytest.mark.parametrize("what", ["global_signal", "high_variance", "compcor"])
def test_only_the_options_of_what_is_computed_are_seen(form, what):
    form.choices[what].widget(what).setChecked(True)
    assert form.told
    assert form.value == nc.ComputedConfounds(**{what: True})
    assert form.high_variance.isVisibleTo(form) == (what == "high_variance")
    assert form.brain.isVisibleTo(form) == (what != "compcor")
    assert form.compcor.isVisibleTo(form) == form.csf.isVisibleTo(form) == (what == "compcor")


def test_what_is_shown_is_what_is_computed(form):
    params = nc.ComputedConfounds(
        global_signal=True,
        high_variance=True,
        compcor=True,
        of_high_variance=nc.HighVariance(n_components=7, percentile=4.0, within="brain"),
        of_compcor=nc.CompCor(explained=0.5),
    )
    form.value = params
    assert form.value == params
    assert form.in_words() == "Computed confounds: global signal, 7 of high variance, CompCor 50%"
    with pytest.raises(InputError, match="choose a layer of white matter or of CSF"):
        form.computation()
    form.white_matter.layer, form.csf.layer, form.brain.layer = (_mask(form, name, i) for i, name in enumerate("abc"))
    computation = form.computation()
    assert computation.params == params
    assert [volume.name for volume in computation.tissue] == ["a", "b"]
    assert computation.mask.name == "c"
    assert computation.mask.grid == GRID
    assert not form.high_variance.widget("within").isEnabled()
    form.viewer.layers.remove("c")
    assert form.computation().mask is None
    form.viewer.layers["b"].data = np.zeros(GRID.shape, np.float32)
    assert form.computation().key != computation.key


def test_the_layers_that_are_not_asked_for_do_not_count(form):
    form.brain.layer = form.white_matter.layer = _mask(form, "a")
    form.value = nc.ComputedConfounds(compcor=True)
    assert form.computation().mask is None
    form.value = nc.ComputedConfounds(global_signal=True)
    assert form.computation().tissue == ()
