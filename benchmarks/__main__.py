"""Measure everything and print one table: ``python -m benchmarks``, under a display (`make bench` provides one)."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import measure


def main() -> None:
    """Read the options, run what they ask for, print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS), help="the parts to run")
    parser.add_argument("--repeats", type=int, default=5, help="runs of each contender; the median counts")
    parser.add_argument("--full", action="store_true", help="give nilearn the whole large run: many minutes, about 30 GiB")
    parser.add_argument(
        "--data", type=Path, default=Path(tempfile.gettempdir()) / "napari-connectome-benchmarks", help="cache folder"
    )
    options = parser.parse_args()
    rows = []
    for part in options.only:
        print(f"measuring: {part} …", file=sys.stderr, flush=True)
        rows += PARTS[part](options)
    print("\nMedian (fastest – slowest).", measure.machine(), "\n")
    print(measure.table(rows))


def _seed_map(options: argparse.Namespace) -> list[measure.Row]:
    from benchmarks import seed_map

    return seed_map.rows(options.data, options.repeats)


def _new_seed(options: argparse.Namespace) -> list[measure.Row]:
    from benchmarks import new_seed

    return new_seed.rows(options.data, options.repeats, options.full)


def _drag(options: argparse.Namespace) -> list[measure.Row]:
    from benchmarks import drag

    return drag.rows(options.data)


def _condition_test(options: argparse.Namespace) -> list[measure.Row]:
    from benchmarks import condition_test

    return condition_test.rows(options.data, options.repeats)


def _region_series(options: argparse.Namespace) -> list[measure.Row]:
    from benchmarks import region_series

    return region_series.rows(options.data, options.repeats)


def _atlas_series(options: argparse.Namespace) -> list[measure.Row]:
    from benchmarks import atlas_series

    return atlas_series.rows(options.data, options.repeats)


def _learn(options: argparse.Namespace) -> list[measure.Row]:
    from benchmarks import learn

    return learn.rows(options.data, options.repeats)


def _network_series(options: argparse.Namespace) -> list[measure.Row]:
    from benchmarks import network_series

    return network_series.rows(options.data, options.repeats)


def _connectomes(options: argparse.Namespace) -> list[measure.Row]:
    from benchmarks import connectomes

    return connectomes.rows(options.data, options.repeats)


def _sparse(options: argparse.Namespace) -> list[measure.Row]:
    from benchmarks import sparse

    return sparse.rows(options.repeats)


def _graph(options: argparse.Namespace) -> list[measure.Row]:
    from benchmarks import graph

    return graph.rows()


def _brush(options: argparse.Namespace) -> list[measure.Row]:
    from benchmarks import brush

    return brush.rows(options.data)


def _paint(options: argparse.Namespace) -> list[measure.Row]:
    from benchmarks import paint

    return paint.rows(options.data)


def _workshop(options: argparse.Namespace) -> list[measure.Row]:
    from benchmarks import workshop

    return workshop.rows()


def _startup(options: argparse.Namespace) -> list[measure.Row]:
    from benchmarks import startup

    return startup.rows(options.repeats)


PARTS: dict[str, Callable[[argparse.Namespace], list[measure.Row]]] = {
    "seed_map": _seed_map,
    "new_seed": _new_seed,
    "drag": _drag,
    "paint": _paint,
    "workshop": _workshop,
    "condition_test": _condition_test,
    "region_series": _region_series,
    "atlas_series": _atlas_series,
    "learn": _learn,
    "network_series": _network_series,
    "connectomes": _connectomes,
    "sparse": _sparse,
    "graph": _graph,
    "brush": _brush,
    "startup": _startup,
}

if __name__ == "__main__":
    main()
