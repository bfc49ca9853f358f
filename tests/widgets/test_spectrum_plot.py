"""The plot of spectra."""

import json

import numpy as np
import pandas as pd
import pytest

from napari_connectome.widgets.spectrum_plot import SpectrumPlot

FREQUENCIES = np.linspace(0, 0.25, 51)


@pytest.fixture
def plot(qtbot):
    widget = SpectrumPlot()
    qtbot.addWidget(widget)
    widget.resize(300, 160)
    with qtbot.waitExposed(widget):
        widget.show()
    return widget


def test_spectra_come_and_go_together(plot):
    plot.set_spectra(FREQUENCIES, {"a": np.arange(51.0), "b": np.ones(51)}, {"a": "#ff0000"})
    assert plot.names == ("a", "b")
    plot.set_spectra(FREQUENCIES, {"c": np.arange(51.0)}, {})
    assert plot.names == ("c",)
    np.testing.assert_allclose(plot._view.viewRange()[0], (0, 0.25))
    plot.clear()
    assert plot.names == ()


def test_what_is_shown_is_saved(plot, tmp_path):
    plot.set_spectra(FREQUENCIES, {"a": np.arange(51.0)}, {})
    plot.about = {"run": "sub-01"}
    plot.to_tsv(tmp_path / "spectrum.tsv")
    table = pd.read_csv(tmp_path / "spectrum.tsv", sep="\t")
    assert list(table) == ["frequency", "a"]
    np.testing.assert_allclose(table["frequency"], FREQUENCIES)
    assert json.loads((tmp_path / "spectrum.json").read_text())["provenance"] == {"run": "sub-01"}
    plot.to_picture(tmp_path / "spectrum.png")
    assert (tmp_path / "spectrum.png").stat().st_size > 1000
