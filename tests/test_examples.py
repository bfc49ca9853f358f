"""Every script in examples/ runs as it stands, without a window, and writes what it says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_connectome as nc

EXAMPLES = sorted((Path(__file__).resolve().parents[1] / "examples").glob("*.py"))


def script(path: Path, folder: Path, *arguments: str | Path) -> str:
    """Run a script in a folder of its own, with no display to fall back on."""
    environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    done = subprocess.run(
        [sys.executable, path, *arguments], cwd=folder, env=environment, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs_and_writes_what_it_says(path: Path, tmp_path: Path) -> None:
    said = script(path, tmp_path)
    written = said.splitlines()[-1].removeprefix("written: ").split(", ")
    assert sorted(written) == sorted(file.name for file in tmp_path.iterdir())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_is_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 60


def test_seed_to_voxel_shows_the_default_mode_network(phantom: Any, tmp_path: Path) -> None:
    (path,) = [path for path in EXAMPLES if path.stem == "seed_to_voxel_correlation"]
    script(path, tmp_path)
    r = nc.load_volume(tmp_path / "pcc_r.nii.gz").data
    z = nc.load_volume(tmp_path / "pcc_fisher_z.nii.gz").data
    np.testing.assert_allclose(np.tanh(z), r, atol=1e-5)
    means = {name: r[phantom.regions.labels == i].mean() for i, name in phantom.regions.table["name"].items()}
    assert means.pop("default mode") > 0.6
    assert max(means.values()) < 0.4
    assert len((tmp_path / "pcc_series.tsv").read_text().splitlines()) == phantom.run.n_volumes + 1
