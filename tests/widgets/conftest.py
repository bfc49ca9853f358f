"""What tests of the window share: a hand on the mouse, patience, and a small run."""

import time
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from napari_connectome import Grid, Run
from napari_connectome.layers.spatial import layer_kwargs


@pytest.fixture
def hand(make_napari_viewer):
    """Make a hand on the mouse of a viewer."""
    from tools.mouse import Mouse

    return Mouse


@pytest.fixture
def until():
    """Let the window work until something holds; fail when it does not within seconds."""

    def wait(holds, seconds=20.0):
        from qtpy.QtWidgets import QApplication

        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, "it did not happen"
            QApplication.processEvents()
            time.sleep(0.002)

    return wait


@pytest.fixture(scope="session")
def small_run():
    """A run of 12×14×10 voxels of 6 mm, zero outside a ball; two places far apart share one series, a third has its own."""
    grid = Grid((10, 14, 12), np.array([[6.0, 0, 0, -33], [0, 6, 0, -39], [0, 0, 6, -27], [0, 0, 0, 1]]))
    rng = np.random.default_rng(0)
    t = 90
    z, y, x = np.ogrid[:10, :14, :12]
    brain = ((z - 4.5) / 4.5) ** 2 + ((y - 6.5) / 6.5) ** 2 + ((x - 5.5) / 5.5) ** 2 < 1
    data = 3 * rng.standard_normal((t, *grid.shape))
    shared, other = rng.standard_normal((2, t)) * 10
    places = {"front": (0.0, 21.0, 3.0), "back": (0.0, -21.0, 3.0), "left": (-21.0, 0.0, 3.0)}
    for name, series in (("front", shared), ("back", shared), ("left", other)):
        data[:, grid.sphere(places[name], 9)] += series[:, None]
    data = np.where(brain, data + 500, 0).astype("f4")
    confounds = pd.DataFrame(rng.standard_normal((t, 6)), columns=["trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z"])
    return SimpleNamespace(run=Run(data, grid, 2.0, name="small"), brain=brain, places=places, confounds=confounds)


@pytest.fixture
def add_run():
    """Add a run to a viewer as our reader does."""

    def add(viewer, run, name="run", **known):
        return viewer.add_image(
            run.data, name=name, contrast_limits=(0, 600), **layer_kwargs(run.grid, tr=run.tr, time=True, role="run", **known)
        )

    return add


@pytest.fixture(scope="session")
def network_files(tmp_path_factory):
    """Four runs of 12×14×10 voxels of 6 mm and 50 volumes, in files: a brain with four networks, a blob each."""
    folder = tmp_path_factory.mktemp("runs")
    places = np.stack(np.meshgrid(*(np.arange(n) for n in (12, 14, 10)), indexing="ij"), axis=-1)
    brain = (((places - (5.5, 6.5, 4.5)) / (5, 6, 4)) ** 2).sum(-1) < 1
    paths = []
    for subject in range(4):
        rng = np.random.default_rng(subject)
        data = 500 + 3 * rng.standard_normal((*brain.shape, 50))
        for blob in ((3, 4, 4), (8, 4, 5), (4, 9, 4), (8, 9, 6)):
            data += 20 * np.exp(-((places - blob) ** 2).sum(-1) / 3)[..., None] * rng.standard_normal(50)
        image = nib.Nifti1Image(np.where(brain[..., None], data, 0).astype(np.float32), np.diag([6.0, 6, 6, 1]))
        image.header.set_xyzt_units("mm", "sec")
        image.header["pixdim"][4] = 2.0
        paths.append(str(folder / f"sub-{subject + 1:02d}_bold.nii.gz"))
        nib.save(image, paths[-1])
    return paths
