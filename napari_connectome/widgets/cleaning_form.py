"""How runs are cleaned, as a form that can say so in a line."""

from __future__ import annotations

from qtpy.QtWidgets import QWidget

from napari_connectome.core.cleaning import Cleaning
from napari_connectome.core.errors import InputError
from napari_connectome.widgets.form import ParamsForm


class CleaningForm(ParamsForm[Cleaning]):
    """Detrending and filtering; what else there is to cleaning keeps its value.

    Parameters
    ----------
    params : Cleaning
        What is shown first.
    """

    def __init__(self, params: Cleaning, parent: QWidget | None = None) -> None:
        super().__init__(params, fields=("detrend", "high_pass", "low_pass", "filter"), parent=parent)

    def in_words(self) -> str:
        """The cleaning in one line."""
        try:
            return f"Cleaning: {self.value.in_words}"
        except InputError:
            return "Cleaning: see here"
