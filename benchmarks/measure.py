"""Times, memory, and the table they end in."""

from __future__ import annotations

import gc
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Times:
    """Seconds of several runs; `scale` turns those of a sub-sample into those of the whole."""

    seconds: Sequence[float]
    scale: float = 1.0

    @property
    def median(self) -> float:
        """Seconds, scaled."""
        return statistics.median(self.seconds) * self.scale

    def __str__(self) -> str:
        low, high = (_readable(f(self.seconds) * self.scale) for f in (min, max))
        around = f" ({low} – {high})" if len(self.seconds) > 1 else ""
        return ("≈ " if self.scale != 1 else "") + _readable(self.median) + around


@dataclass(frozen=True)
class Row:
    """One line of the table: what was asked, what we took, what nilearn took, and the target."""

    what: str
    ours: Times | str
    theirs: Times | str = "–"
    memory: str = "–"
    target: str = ""
    met: bool | None = None
    note: str = ""

    def cells(self) -> list[str]:
        """The cells of the table's line."""
        both = isinstance(self.ours, Times) and isinstance(self.theirs, Times)
        ratio = f"{self.theirs.median / self.ours.median:.0f} ×" if both else "–"  # type: ignore[union-attr]
        verdict = {True: "met", False: "**missed**", None: ""}[self.met]
        return [
            self.what,
            str(self.ours),
            str(self.theirs),
            ratio,
            self.memory,
            ", ".join(t for t in (self.target, verdict) if t),
        ]


def timed(contenders: Mapping[str, Callable[[], Any]], repeats: int) -> dict[str, Times]:
    """Run each contender `repeats` times, in turn, so that a slow moment of the machine falls on all of them."""
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(repeats):
        for name, work in contenders.items():
            gc.collect()
            start = time.perf_counter()
            result = work()
            taken[name].append(time.perf_counter() - start)
            del result
    return {name: Times(seconds) for name, seconds in taken.items()}


def in_one_thread(contenders: Mapping[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Seconds of processor time of each contender, the linear algebra in one thread: how much work it is, not how soon done.

    The least of `repeats` in turn. Threads of a contender's own are counted together.
    """
    from threadpoolctl import threadpool_limits

    taken: dict[str, list[float]] = {name: [] for name in contenders}
    with threadpool_limits(1):
        for _ in range(repeats):
            for name, work in contenders.items():
                start = time.process_time()
                work()
                taken[name].append(time.process_time() - start)
    return {name: min(seconds) for name, seconds in taken.items()}


def peak_memory(module: str, function: str, *arguments: str | Path) -> tuple[float, float]:
    """Peak resident memory in MiB of a fresh process that calls one function: in all, and on top of what its imports took."""
    code = f"""
import json, sys
from pathlib import Path
import {module} as bench
from benchmarks.measure import resident
bench.load_{function}()
before = resident("VmRSS")
bench.{function}(*map(Path, sys.argv[1:]))
print(json.dumps([resident("VmHWM"), before]))
"""
    done = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, text=True, check=True)
    peak, before = json.loads(done.stdout.splitlines()[-1])
    return peak, peak - before


def resident(what: str) -> float:
    """VmRSS (now) or VmHWM (peak) of this process in MiB; NaN where there is no /proc."""
    status = Path("/proc/self/status")
    if not status.exists():
        return float("nan")
    line = next(line for line in status.read_text().splitlines() if line.startswith(what))
    return int(line.split()[1]) / 1024


def require_agreement(what: str, difference: float, tolerance: float) -> None:
    """Stop unless both contenders gave the same result: the time of a wrong answer means nothing."""
    if not difference <= tolerance:
        raise SystemExit(f"{what}: the results differ by {difference:.2g}, more than {tolerance:.0e}; not timed.")


def table(rows: Sequence[Row]) -> str:
    """The rows and their notes as Markdown."""
    lines = ["| | napari-connectome | nilearn | ratio | peak memory, ours / nilearn's | target |", "|---|---|---|---|---|---|"]
    lines += ["| " + " | ".join(row.cells()) + " |" for row in rows]
    notes = list(dict.fromkeys(row.note for row in rows if row.note))
    return "\n".join([*lines, "", *(f"- {note}" for note in notes)])


def machine() -> str:
    """What this was measured on, in one sentence."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "nilearn", "napari"))
    return (
        f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB; {platform.system()}, "
        f"Python {platform.python_version()}, {packages}."
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = (
        [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        if info.exists()
        else []
    )
    return names[0] if names else platform.processor() or platform.machine()


def _readable(seconds: float) -> str:
    if seconds >= 100:
        return f"{seconds / 60:.1f} min"
    if seconds >= 1:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds * 1e3:.2g} ms" if seconds < 0.1 else f"{seconds * 1e3:.0f} ms"
