"""Runs with confounds computed from them: what a script computes, known again as long as nothing changes."""

import pickle

import numpy as np
import pandas as pd
import pytest

import napari_connectome as nc
from napari_connectome.analyses.computed_confounds import with_computed
from napari_connectome.core.errors import InputError
from napari_connectome.core.sources import RunSource, SteadySource
from napari_connectome.io.run_file import RunFile
from napari_connectome.studies.computed_source import Computation, ComputedSource
from napari_connectome.studies.sources import as_sources, grid_of, key_of

GRID = nc.Grid((6, 7, 8), np.diag([3.0, 3, 3, 1]))
PARAMS = nc.ComputedConfounds(global_signal=True, compcor=True, of_compcor=nc.CompCor(n_components=2, high_pass=0.0))


def _run(seed=0):
    rng = np.random.default_rng(seed)
    data = rng.normal(900, 10, (30, *GRID.shape)) + 20 * rng.normal(size=(30, 1, 1, 1))
    return nc.Run(data.astype(np.float32), GRID, 2.0, pd.DataFrame({"trans_x": rng.normal(size=30)}), name=f"run {seed}")


def _mask(size=3):
    inside = np.zeros(GRID.shape, dtype=bool)
    inside[1:5, 1:5, 1 : 1 + size] = True
    return nc.Volume(inside, GRID)


def test_the_run_has_what_is_computed_beside_its_own():
    run, mask = _run(), _mask()
    source = ComputedSource(RunSource(run), Computation(PARAMS, mask, (mask,)))
    loaded = source.load()
    script = with_computed(run, nc.computed_confounds(run, PARAMS, mask=mask, tissue=[mask]))
    pd.testing.assert_frame_equal(loaded.confounds, script.confounds)
    assert list(loaded.confounds) == ["trans_x", "global_signal", "comp_cor_00", "comp_cor_01"]
    assert source.name == loaded.name == run.name
    assert loaded.data is run.data


def test_files_are_computed_of_as_they_are_read_also_on_another_machine(tmp_path):
    nc.save(_run(), tmp_path / "sub-01_bold.nii.gz")
    source = ComputedSource(RunFile(tmp_path / "sub-01_bold.nii.gz"), Computation(PARAMS, _mask(), (_mask(),)))
    there = pickle.loads(pickle.dumps(source))
    pd.testing.assert_frame_equal(there.load().confounds, source.load().confounds)
    assert there.key == source.key
    regions = nc.Regions(np.arange(6 * 7 * 8).reshape(GRID.shape) % 5, GRID)
    found = nc.connectome_of_runs([source, ComputedSource(RunSource(_run(1)), source.computation)], regions)
    assert found.subjects == ("sub-01_bold", "run 1")
    run = source.load()
    np.testing.assert_allclose(found.matrices[0], nc.connectome(nc.region_series(run, regions)).matrices[0], atol=1e-6)


def test_the_key_is_the_same_as_long_as_the_run_would_be():
    def key(run=0, params=PARAMS, mask=None, tissue=3):
        return key_of(ComputedSource(SteadySource(_run(run)), Computation(params, mask, (_mask(tissue),))))

    assert key() == key()
    keys = [key(), key(run=1), key(params=PARAMS.replace(global_signal=False)), key(mask=_mask()), key(tissue=4)]
    keys.append(key(params=PARAMS.replace(of_compcor=PARAMS.of_compcor.replace(n_components=3))))
    assert len(set(keys)) == len(keys)
    (named,) = as_sources([ComputedSource(SteadySource(_run()), Computation(PARAMS, None, (_mask(),)))])
    assert key_of(named) == key()


def test_files_are_told_apart_as_without_it(tmp_path):
    computation = Computation(PARAMS, _mask(), (_mask(),))
    paths = [tmp_path / folder / "bold.nii.gz" for folder in ("a", "b")]
    for path in paths:
        path.parent.mkdir()
        nc.save(_run(), path)
    plain = [RunFile(path) for path in paths]
    computed = [ComputedSource(source, computation) for source in plain]
    assert [each.name for each in as_sources(computed)] == [each.name for each in as_sources(plain)] == ["bold", "b/bold"]
    assert [grid_of(each) for each in as_sources(computed)] == [grid_of(each) for each in plain] == [GRID] * 2
    with pytest.raises(InputError, match=r"bold\.nii\.gz is given twice"):
        as_sources([computed[0], plain[0]])


def test_what_cannot_be_computed_is_said_of_the_run():
    far = nc.Volume(_mask().data, nc.Grid(GRID.shape, GRID.affine + np.array([[0, 0, 0, 900.0]] * 3 + [[0] * 4])))
    source = ComputedSource(RunSource(_run()), Computation(PARAMS, None, (far,)))
    with pytest.raises(InputError, match="run 0"):
        source.load()
