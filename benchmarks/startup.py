"""What the plugin costs before it is used: its import, and its manifest when napari starts."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile

from benchmarks import measure

IMPORT = """
import time
start = time.perf_counter()
import napari_connectome
print(time.perf_counter() - start)
"""

# napari up to its window; npe2 finds every distribution but the one called HIDDEN.
START = """
import time
start = time.process_time()
from importlib import metadata
distributions = metadata.distributions
metadata.distributions = lambda **which: (d for d in distributions(**which) if not d._path.name.startswith("HIDDEN"))
import napari
viewer = napari.Viewer()
print(time.process_time() - start)
import npe2
assert ("napari-connectome" in npe2.PluginManager.instance()) == ("HIDDEN" == "nothing")
viewer.close()
"""


def rows(repeats: int) -> list[measure.Row]:
    """Import and start."""
    imports = measure.Times([_seconds(IMPORT) for _ in range(max(repeats, 11))])
    started: dict[str, list[float]] = {"nothing": [], "napari_connectome": []}
    for hidden in (*started, *(list(started) * max(repeats, 7))):
        started[hidden].append(_seconds(START.replace("HIDDEN", hidden)))
    present, absent = (seconds[1:] for seconds in started.values())  # the first start of each fills the disk cache
    more = statistics.median(present) - statistics.median(absent)
    low, _, high = statistics.quantiles(absent, n=4)
    return [
        measure.Row("`import napari_connectome`", imports, target="≤ 50 ms", met=imports.median <= 0.05),
        measure.Row(
            "napari's start with the plugin installed (processor time)",
            measure.Times(present),
            f"without it: {measure.Times(absent)}",
            target="nothing measurable",
            met=more <= max(high - low, 0.02),
            note=f"The manifest adds {more * 1e3:.0f} ms to napari's start, whose middle half of runs spreads over "
            f"{(high - low) * 1e3:.0f} ms.",
        ),
    ]


def _seconds(code: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        settings = os.environ | {"NAPARI_CONFIG": os.path.join(folder, "settings.yaml")}
        done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True, env=settings)
    return float(done.stdout.splitlines()[0])
