"""What a person set in napari's preferences for this plugin."""

from __future__ import annotations

from typing import Any

PLUGIN = "napari-connectome"


def scheduler() -> str:
    """Address of the Dask scheduler runs are reduced by; "" for this machine."""
    cluster = _cluster()
    return "" if cluster is None else str(cluster.scheduler).strip()


def scheduler_changed() -> Any:
    """Event of another address; None where there are no preferences."""
    cluster = _cluster()
    return None if cluster is None else cluster.events.scheduler


def _cluster() -> Any:
    try:
        from napari.settings import get_plugin_settings

        return get_plugin_settings(PLUGIN).cluster
    except (ImportError, KeyError, AttributeError):  # the plugin was not found by its manifest, as in a script
        return None
