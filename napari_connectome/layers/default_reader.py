"""Opening NIfTI files with this plugin without being asked each time."""

from __future__ import annotations

from napari.settings import get_settings
from napari.utils.notifications import show_info

PLUGIN = "napari-connectome"
PATTERNS = ("*.nii", "*.nii.gz")


def make_default_reader() -> None:
    """Let napari open .nii and .nii.gz with this plugin; only ever done when the person asks for it."""
    plugins = get_settings().plugins
    plugins.extension2reader = {**plugins.extension2reader, **dict.fromkeys(PATTERNS, PLUGIN)}
    show_info("NIfTI files now open with Connectome; Preferences, Plugins, changes it back.")
