"""Asking a person where to save."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QWidget

from napari_connectome.core.errors import InputError

TABLES = "Table (*.tsv *.csv)"
PICTURES = "Picture (*.png *.svg *.jpg)"


def ask_path(parent: QWidget, title: str, name: str, files: str) -> str:
    """The file a person chose; "" for none.

    Parameters
    ----------
    parent : QWidget
    title : str
    name : str
        What is offered; its ending is that of a name typed without one.
    files : str
        `TABLES`, `PICTURES`.
    """
    path = str(QFileDialog.getSaveFileName(parent, title, name, files)[0])
    if not path or Path(path).suffix:
        return path
    whole = Path(f"{path}{Path(name).suffix}")
    if whole.exists():  # the dialog asked about another one
        raise InputError(f"{whole.name} is there already: type the whole name to replace it.")
    return str(whole)
