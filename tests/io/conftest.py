"""An ordinary person, where the tests are run by root, whom nothing is forbidden."""

from __future__ import annotations

import gzip
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

NOBODY = 65534


@pytest.fixture
def as_nobody() -> Iterator[Path]:
    """A read-only folder with a folder `closed` that may not be entered and a file `closed.nii.gz` that may not be read."""
    if not hasattr(os, "geteuid"):
        pytest.skip("permissions of another kind")
    folder = Path(tempfile.mkdtemp(prefix="napari-connectome-tests-", dir="/tmp"))
    (folder / "closed").mkdir(mode=0o000)
    (folder / "closed.nii.gz").write_bytes(gzip.compress(b"secret"))
    (folder / "closed.nii.gz").chmod(0o000)
    folder.chmod(0o555)
    root = os.geteuid() == 0
    try:
        if root:
            os.seteuid(NOBODY)
        yield folder
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o755)
        (folder / "closed").chmod(0o700)
        shutil.rmtree(folder)
