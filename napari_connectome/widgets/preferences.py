"""What a person set in napari's preferences for this plugin."""

from __future__ import annotations

PLUGIN = "napari-connectome"


def scheduler() -> str:
    """Address of the Dask scheduler runs are reduced by; "" for this machine."""
    try:
        from napari.settings import get_plugin_settings

        return str(get_plugin_settings(PLUGIN).cluster.scheduler).strip()
    except (ImportError, KeyError, AttributeError):  # the plugin was not found by its manifest, as in a script
        return ""
