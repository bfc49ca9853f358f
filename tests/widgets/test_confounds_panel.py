"""The confounds panel: which table it takes, and what it says of one that does not fit."""

import numpy as np
import pandas as pd
import pytest
from napari.layers import Image
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_connectome.core.errors import InputError
from napari_connectome.core.grid import Grid
from napari_connectome.io.confounds import MOTION
from napari_connectome.layers.spatial import layer_kwargs
from napari_connectome.widgets.confounds import ConfoundsPanel


def run(n, **known):
    return Image(np.zeros((n, 2, 3, 4), np.float32), **layer_kwargs(Grid((2, 3, 4), np.eye(4)), tr=2, time=True, **known))


def motion(n):
    return pd.DataFrame(np.random.default_rng(0).standard_normal((n, 6)), columns=list(MOTION))


@pytest.fixture
def panel(qtbot):
    panel = ConfoundsPanel()
    qtbot.addWidget(panel)
    panel.show()
    return panel


def given(kind, n, tmp_path):
    table = motion(n)
    if kind == "file":
        table.to_csv(tmp_path / "c.tsv", sep="\t", index=False)
        return str(tmp_path / "c.tsv")
    return table if kind == "table" else table.to_numpy()


def test_scrubbing_leaves_volumes_out_beside_the_rule_of_the_panel(panel):
    table = motion(60) * 1e-3
    columns = {"csf": 1.0, "white_matter": 2.0, "std_dvars": 1.0, "framewise_displacement": 0.1}
    for i, (name, level) in enumerate(columns.items()):
        table[name] = level + 0.01 * np.random.default_rng(i).standard_normal(60)
    table.loc[20, "framewise_displacement"] = 0.9
    table.loc[40, "std_dvars"] = 1.7
    table.loc[50, "framewise_displacement"] = 0.3
    panel.set_run(run(60, confounds=table))
    assert panel.chosen()[1] is None
    panel.preset.setCurrentIndex(panel.preset.findData("scrubbing"))
    chosen, keep = panel.chosen()
    assert chosen.shape == (60, 32)
    assert np.flatnonzero(~keep).tolist() == [20, 40]
    panel.censoring.setCurrentIndex(1)
    panel.limit.number = 0.2
    assert np.flatnonzero(~panel.chosen()[1]).tolist() == [20, 40, 50]
    assert "3 volumes censored" in panel.in_words()


@pytest.mark.parametrize("kind", ["table", "array", "file"])
def test_a_table_of_another_length_is_told_and_can_be_cut(panel, kind, tmp_path):
    panel.set_run(run(50, confounds=given(kind, 200, tmp_path)))
    assert "have 200 rows and the run has 50 volumes" in panel.name.text()
    with pytest.raises(InputError, match="200 rows and the run has 50 volumes"):
        panel.chosen()
    assert panel.cut_button.isVisible()
    assert panel.cut_button.text() == "Use its first 50 rows"
    told = []
    panel.changed.connect(lambda: told.append(True))
    QTest.mouseClick(panel.cut_button, Qt.MouseButton.LeftButton)
    assert told
    assert not panel.cut_button.isVisible()
    assert "first 50 rows" in panel.name.text()
    table, keep = panel.chosen()
    np.testing.assert_allclose(table, motion(200)[:50])
    assert keep is None


@pytest.mark.parametrize("kind", ["table", "array", "file"])
def test_a_table_that_is_too_short_cannot_be_cut(panel, kind, tmp_path):
    panel.set_run(run(50, confounds=given(kind, 20, tmp_path)))
    assert "have 20 rows and the run has 50 volumes: give its own table." in panel.name.text()
    assert not panel.cut_button.isVisible()
    with pytest.raises(InputError):
        panel.chosen()
    panel.none_button.click()
    assert panel.chosen() == (None, None)
    assert panel.name.text() == "No confounds table."


@pytest.mark.parametrize("kind", ["table", "array", "file"])
def test_a_table_that_fits_is_taken(panel, kind, tmp_path):
    panel.set_run(run(50, confounds=given(kind, 50, tmp_path)))
    np.testing.assert_allclose(panel.chosen()[0], motion(50))
    assert panel.summary.text() == "6 confounds; 0 of 50 volumes left out."
    panel.set_run(run(50))
    assert panel.chosen() == (None, None)
    assert not panel.cut_button.isVisible()


def test_another_table_may_be_opened_instead_of_one_that_does_not_fit(panel, tmp_path):
    panel.set_run(run(50, confounds=motion(200)))
    panel.open_file(given("file", 50, tmp_path))
    assert panel.name.text() == "c.tsv"
    assert not panel.cut_button.isVisible()
    np.testing.assert_allclose(panel.chosen()[0], motion(50))


def test_one_is_one(panel):
    table = pd.DataFrame({"drift": np.arange(50.0), "spike": (np.arange(50) == 7).astype(float)})
    panel.set_run(run(50, confounds=table))
    panel.columns.item(1).setCheckState(Qt.CheckState.Unchecked)
    panel.censoring.setCurrentIndex(panel.censoring.findData("spike"))
    assert panel.summary.text() == "1 confound; 1 of 50 volumes left out."
    assert panel.in_words().endswith("(1), 1 volume censored")
