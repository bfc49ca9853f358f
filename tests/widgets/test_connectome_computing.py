"""Computing a connectome in the window: what a script computes; cancelled, gone on with, and read only once."""

import warnings
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from nilearn.connectome import ConnectivityMeasure
from nilearn.maskers import NiftiLabelsMasker, NiftiMapsMasker

import napari_connectome as nc
from napari_connectome.analyses.sparse_connectome import SparseConnectivity
from napari_connectome.core.phantom import resting_group
from napari_connectome.io.run_file import RunFile
from napari_connectome.layers.map_stack import stack_layer
from napari_connectome.layers.seed_layer import SeedLayer
from napari_connectome.layers.spatial import layer_kwargs

SPREAD = "DiFuMo128_MNI152NLin6Asym_2mm_maps"
NAMES = ["visual", "motor", "salience", "default"]


@pytest.fixture(scope="module")
def atlas():
    """Four regions on the grid of `network_files`, as labels and as maps."""
    grid = nc.Grid((10, 14, 12), np.diag([6.0, 6, 6, 1]))
    at = np.stack(np.indices(grid.shape), axis=-1)[..., ::-1]
    away = np.stack([((at - blob) ** 2).sum(-1) for blob in ((3, 4, 4), (8, 4, 5), (4, 9, 4), (8, 9, 6))])
    weights = np.exp(-away / 3).astype(np.float32)
    labels = np.where(away.min(axis=0) < 4, away.argmin(axis=0) + 1, 0).astype(np.uint8)
    table = pd.DataFrame({"name": NAMES}, index=[1, 2, 3, 4])
    labels.setflags(write=False)
    weights.setflags(write=False)
    return SimpleNamespace(regions=nc.Regions(labels, grid, table), maps=nc.Maps(weights, grid, NAMES), grid=grid)


@pytest.fixture
def computing(qtbot, network_files, until):
    """The part of the panel that computes, with the four runs chosen."""
    from napari_connectome.widgets.connectome_computing import ConnectomeComputing
    from napari_connectome.widgets.panel import Panel

    panel = Panel(ViewerModel())
    qtbot.addWidget(panel)
    made = ConnectomeComputing(panel)
    panel.column.addWidget(made)
    made.runs.add_files(network_files)
    until(lambda: not made.runs.busy)
    made.got = []
    made.computed.connect(made.got.append)
    return made


@pytest.fixture
def compute(computing, until):
    """Press Compute and wait for the end."""

    def press():
        computing.compute_button.click()
        until(lambda: not computing.work.busy)

    return press


@pytest.fixture
def loads(monkeypatch):
    """Names of the files that are read."""
    read, original = [], RunFile.load

    def spy(self, *given, **named):
        read.append(self.name)
        return original(self, *given, **named)

    monkeypatch.setattr(RunFile, "load", spy)
    return read


def _labels(viewer, atlas):
    features = pd.DataFrame({"index": [0, 1, 2, 3, 4], "name": ["background", *NAMES]})
    return viewer.add_labels(atlas.regions.labels.copy(), features=features, **layer_kwargs(atlas.grid))


def _maps(viewer, atlas):
    return viewer.add_layer(stack_layer(atlas.maps, "maps"))


def _seeds(viewer, atlas):
    table = atlas.regions.table[["name", "x", "y", "z"]].assign(radius=9.0)
    return SeedLayer.create(viewer, atlas.grid, table).layer


@pytest.mark.parametrize(("add", "given"), [(_labels, "regions"), (_maps, "maps"), (_seeds, "seeds")])
def test_what_is_computed_is_what_a_script_computes(computing, compute, network_files, atlas, add, given):
    computing.regions.layer_choice.layer = add(computing.regions.viewer, atlas)
    computing.form.value = nc.Connectivity(kind="partial_correlation")
    compute()
    assert computing.message.text() == ""
    (found,) = computing.got
    seeds = atlas.regions.table[["name", "x", "y", "z"]].assign(radius=9.0)
    regions = {"regions": atlas.regions, "maps": atlas.maps, "seeds": seeds}[given]
    script = nc.connectome_of_runs(network_files, regions, computing.series_parameters(), computing.form.value)
    np.testing.assert_allclose(found.matrices, script.matrices, atol=1e-9)
    np.testing.assert_allclose(found.coordinates, script.coordinates, atol=1e-6)
    assert list(found.names) == NAMES
    assert found.subjects == ("sub-01_bold", "sub-02_bold", "sub-03_bold", "sub-04_bold")
    assert "Partial correlation of 4 regions in 4 runs" in computing.account.text()


@pytest.mark.parametrize("kind", ["labels", "maps"])
def test_an_atlas_in_a_file_with_its_names(computing, compute, atlas, tmp_path, until, kind):
    path, data = tmp_path / "atlas.nii.gz", atlas.regions.labels if kind == "labels" else atlas.maps.data
    nib.save(nib.Nifti1Image(data.T.astype(np.float32), np.diag([6.0, 6, 6, 1])), path)
    (tmp_path / "list.txt").write_text("\n".join(NAMES))
    computing.regions.take_file(str(path))
    until(lambda: not computing.regions.busy)
    assert "4 " in computing.regions.account.text()
    assert "no names" in computing.regions.account.text()
    computing.regions.take_file(str(path), str(tmp_path / "list.txt"))
    until(lambda: not computing.regions.busy)
    assert "list.txt" in computing.regions.account.text().replace("\u200b", "")
    compute()
    assert list(computing.got[0].names) == NAMES
    assert computing.series.widget("summary").isEnabled() == (kind == "labels")


def test_a_file_that_is_no_atlas_is_a_sentence_and_the_one_before_stays(computing, atlas, tmp_path, until):
    nc.save(atlas.regions, tmp_path / "atlas.nii.gz")
    computing.regions.take_file(str(tmp_path / "atlas.nii.gz"))
    until(lambda: not computing.regions.busy)
    nc.save(nc.Volume(np.random.default_rng(0).standard_normal((5, 6, 7)), nc.Grid((5, 6, 7), np.eye(4))), tmp_path / "map.nii")
    computing.regions.take_file(str(tmp_path / "map.nii"))
    until(lambda: not computing.regions.busy)
    assert "map.nii" in computing.regions.account.text()
    assert computing.regions.account.text().endswith("Still chosen: atlas.nii.gz: 4 regions, names from atlas.tsv.")
    assert len(computing.regions.regions().ids) == 4
    computing.regions.take_file(str(tmp_path / "nowhere.nii"))
    until(lambda: not computing.regions.busy)
    assert "nowhere.nii" in computing.regions.account.text()
    nc.save(nc.Volume(np.zeros((5, 6, 7), dtype=np.uint8), nc.Grid((5, 6, 7), np.eye(4))), tmp_path / "empty.nii")
    computing.regions.take_file(str(tmp_path / "empty.nii"))
    until(lambda: not computing.regions.busy)
    assert computing.regions.account.text().startswith("empty.nii holds no region: choose another atlas. Still chosen: atlas.")


def test_names_beside_an_atlas_that_are_not_its_own_are_not_said_to_be_taken(computing, atlas, tmp_path, until):
    nib.save(nib.Nifti1Image(atlas.regions.labels.T, np.diag([6.0, 6, 6, 1])), tmp_path / "atlas.nii.gz")
    for lines, said in ((NAMES, "4 regions, names from atlas.txt."), (NAMES[:3], "4 regions, no names")):
        (tmp_path / "atlas.txt").write_text("\n".join(lines))
        computing.regions.take_file(str(tmp_path / "atlas.nii.gz"))
        until(lambda: not computing.regions.busy)
        assert said in computing.regions.account.text()
    assert "atlas.txt is not of these" in computing.regions.account.text()


def test_confounds_are_computed_of_files_and_layers(computing, compute, atlas, network_files, loads):
    viewer = computing.regions.viewer
    layer = _labels(viewer, atlas)
    computing.regions.layer_choice.layer = layer
    open_run = nc.load_run(network_files[0])
    viewer.add_image(open_run.data, name="open", **layer_kwargs(open_run.grid, tr=2.0, time=True, role="run"))
    for entry in computing.runs.entries[:2]:
        entry.used = False  # the layer is the first of the files
    computing.runs.add_open_runs()
    computing.computed_confounds.csf.layer = layer
    params = nc.ComputedConfounds(global_signal=True, high_variance=True, compcor=True, of_compcor=nc.CompCor(n_components=2))
    computing.computed_confounds.value = params
    assert computing.computed_section.text() == computing.computed_confounds.in_words()
    compute()
    assert computing.message.text() == ""
    tissue = [nc.Volume(atlas.regions.labels, atlas.grid)]
    runs = [nc.load_run(path) for path in network_files[2:]]
    runs.append(open_run.replace(name="open"))
    computed = [run.replace(confounds=nc.computed_confounds(run, params, tissue=tissue)) for run in runs]
    script = nc.connectome([nc.region_series(run, atlas.regions, computing.series_parameters()) for run in computed])
    assert computing.got[0].subjects == ("sub-03_bold", "sub-04_bold", "open")
    np.testing.assert_allclose(computing.got[0].matrices, script.matrices, atol=1e-8)
    assert computing.provenance["confounds"]["computed"]["high_variance"] is True
    loads.clear()
    compute()
    assert loads == []
    computing.computed_confounds.value = params.replace(global_signal=False)
    compute()
    assert loads == ["sub-03_bold", "sub-04_bold"]


def test_the_mean_of_the_first_run_lies_beneath_where_no_brain_is_open(computing, compute, atlas, network_files, loads):
    viewer = computing.regions.viewer
    computing.regions.layer_choice.layer = _labels(viewer, atlas)
    compute()
    mean = viewer.layers[0]
    assert mean.name == "Mean of sub-01_bold"
    first = nc.load_run(network_files[0])
    np.testing.assert_allclose(mean.data, first.data.mean(axis=0), rtol=1e-5)
    assert mean.blending == "translucent_no_depth"  # in 3-D it would hide the graph
    viewer.layers.remove(mean)
    loads.clear()
    viewer.add_image(first.data, name="open", **layer_kwargs(first.grid, tr=2.0, time=True, role="run"))
    compute()
    assert loads == []
    assert [layer.name for layer in viewer.layers] == ["Labels", "open"]


@pytest.mark.parametrize(
    "atlas_file",
    [
        "Schaefer2018_100_7Networks_MNI152NLin6Asym_2mm_dseg",
        pytest.param("DiFuMo128_MNI152NLin6Asym_2mm_maps", marks=pytest.mark.nightly),
    ],
)
def test_real_runs_with_computed_confounds_are_nilearns(computing, compute, until, real_data, atlas_file):
    paths = sorted(str(path) for path in (real_data / "rest_group").glob("*.nii.gz"))[:2]
    atlas_path = real_data / "atlas" / f"{atlas_file}.nii.gz"
    computing.runs.leave_out(computing.runs.entries)
    computing.runs.add_files(paths)
    computing.regions.take_file(str(atlas_path))
    until(lambda: not (computing.runs.busy or computing.regions.busy))
    computing.runs.seconds.number = 2.0  # which their headers lack
    computing.runs.use_button.click()
    computing.computed_confounds.value = nc.ComputedConfounds(high_variance=True)
    compute()
    assert computing.message.text() == ""
    how = {"high_variance_confounds": True, "detrend": True, "high_pass": 0.01, "t_r": 2.0, "dtype": np.float64}
    images = [nib.Nifti1Image(image.get_fdata(), image.affine) for image in map(nib.load, paths)]
    masker = (NiftiMapsMasker if "maps" in atlas_file else NiftiLabelsMasker)(nib.load(atlas_path), **how)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = ConnectivityMeasure(kind="correlation").fit_transform([masker.fit_transform(image) for image in images])
    np.testing.assert_allclose(computing.got[0].matrices, theirs, atol=1e-5)  # runs are read as float32


def test_series_are_read_once_for_all_kinds(computing, compute, atlas, loads):
    layer = _labels(computing.regions.viewer, atlas)
    computing.regions.layer_choice.layer = layer
    for kind in ("correlation", "partial_correlation", "covariance", "precision"):
        computing.form.value = nc.Connectivity(kind=kind)
        compute()
    assert sorted(loads) == [f"sub-0{i}_bold" for i in range(1, 5)]
    assert [found.kind for found in computing.got] == ["correlation", "partial_correlation", "covariance", "precision"]
    loads.clear()
    layer.data[0, 0, 0] = 1  # a region was painted
    compute()
    assert len(loads) == 4
    loads.clear()
    computing.series.value = computing.series.value.replace(fwhm=6.0)
    compute()
    assert len(loads) == 4


def test_a_run_that_cannot_be_used_is_named_and_can_be_left_out(computing, compute, atlas, until, monkeypatch):
    computing.regions.layer_choice.layer = _labels(computing.regions.viewer, atlas)
    original = RunFile.load

    def broken(self, *given, **named):
        if self.name == "sub-02_bold":
            raise OSError(5, "Input/output error", "sub-02_bold.nii.gz")
        return original(self, *given, **named)

    monkeypatch.setattr(RunFile, "load", broken)
    compute()
    assert computing.got == []
    assert "sub-02_bold" in computing.message.text()
    assert computing.leave_out_button.isVisibleTo(computing)
    computing.leave_out_button.click()
    until(lambda: not computing.work.busy)
    assert computing.got[0].subjects == ("sub-01_bold", "sub-03_bold", "sub-04_bold")
    assert "sub-02_bold left out" in computing.account.text()
    assert computing.message.text() == ""


def test_cancel_changes_nothing(computing, compute, atlas, until, loads):
    computing.regions.layer_choice.layer = _labels(computing.regions.viewer, atlas)
    compute()
    account = computing.account.text()
    computing.series.value = computing.series.value.replace(fwhm=6.0)
    computing.compute_button.click()
    computing.work.cancel()
    until(lambda: not computing.work.busy)
    assert len(computing.got) == 1
    assert "Cancelled" in computing.message.text()
    assert account.split(" The series")[0] in computing.account.text()


def test_what_is_missing_is_said(computing, compute, atlas):
    compute()
    assert "no regions" in computing.message.text()
    computing.regions.layer_choice.layer = SeedLayer.create(computing.regions.viewer, atlas.grid).layer
    compute()
    assert "holds no seeds" in computing.message.text()
    computing.runs.leave_out(computing.runs.entries)
    compute()
    assert "No run of the list is ticked" in computing.message.text()
    assert computing.got == []


def test_regions_off_the_runs_are_a_sentence(computing, compute, atlas):
    far = layer_kwargs(nc.Grid(atlas.grid.shape, atlas.grid.affine + np.array([[0, 0, 0, 900.0]] * 3 + [[0] * 4])))
    computing.regions.layer_choice.layer = computing.regions.viewer.add_labels(atlas.regions.labels, **far)
    compute()
    assert computing.got == []
    assert computing.message.text()


def test_a_run_that_is_open_with_the_labels_on_its_grid(computing, compute):
    first = resting_group(1, n_volumes=40)[0]
    viewer = computing.regions.viewer
    viewer.add_image(first.run.data, name="open", **layer_kwargs(first.run.grid, tr=2.0, time=True, role="run"))
    viewer.add_labels(first.regions.labels, **layer_kwargs(first.regions.grid))
    for entry in computing.runs.entries:
        entry.used = False
    computing.runs.add_open_runs()
    computing.regions.layer_choice.layer = viewer.layers[-1]
    compute()
    assert computing.got[0].subjects == ("open",)
    sizes = computing.last.kept.read.series[0].table["used"]
    assert f"Regions have {sizes.min()} to {sizes.max()} voxels." in computing.account.text()
    labels = np.zeros_like(first.regions.labels)
    labels.flat[np.flatnonzero(first.regions.labels)[[0, -1]]] = 1, 2
    computing.regions.layer_choice.layer = viewer.add_labels(labels, **layer_kwargs(first.regions.grid))
    compute()
    assert "Regions have 1 voxel." in computing.account.text()
    assert np.isfinite(computing.got[0].matrices).all()


def test_how_many_voxels_regions_have_is_told(computing, compute, atlas):
    viewer, place = computing.regions.viewer, layer_kwargs(atlas.grid)
    labels = np.array(atlas.regions.labels)
    labels[:, :, 9:] = 9
    place["translate"] = place["translate"] + np.array([0.0, 0.0, 12.0])  # two of its three planes lie beyond the runs
    computing.regions.layer_choice.layer = viewer.add_labels(labels, **place)
    compute()
    table = nc.region_series(
        computing.runs.entries[0].source(computing.runs.regressed).load(), computing.regions.regions()
    ).table
    assert f"Regions have {table['used'].min()} to {table['used'].max()} voxels" in computing.account.text()
    assert "Less than half of region 9 lies in a run" in computing.account.text()


def test_sparse_connectomes_of_the_series_that_were_read(computing, compute, atlas, loads, network_files):
    computing.regions.layer_choice.layer = _labels(computing.regions.viewer, atlas)
    compute()
    loads.clear()
    for params in (SparseConnectivity(alpha=0.1), SparseConnectivity(method="single", kind="partial_correlation", alpha=0.1)):
        computing.form.value = params
        assert computing.form.value == params
        compute()
        found = computing.got[-1]
        script = nc.connectome_of_runs(network_files, atlas.regions, computing.series_parameters(), params)
        np.testing.assert_allclose(found.matrices, script.matrices, atol=1e-8)
        assert f"Alpha {found.alpha:.3g}" in computing.account.text()
        assert computing.account.text().startswith("Sparse ")
    loads.clear()
    computing.form.value = nc.Connectivity(kind="tangent")
    compute()
    assert loads == []
    assert computing.got[-1].kind == "tangent"
    computing.form.value = SparseConnectivity(alpha=1e6)
    compute()
    assert "alpha" in computing.message.text().lower()


def test_how_many_volumes_are_left_out_is_told(computing, compute, atlas):
    computing.regions.layer_choice.layer = _labels(computing.regions.viewer, atlas)
    entries = computing.runs.entries
    for entry, moved in zip(entries, (2, 0, 3, 0), strict=True):
        table = pd.DataFrame({"framewise_displacement": np.where(np.arange(entry.n_volumes) < moved, 2.0, 0.1)})
        entry.take_confounds(table)
    compute()
    assert "left out" not in computing.account.text()
    computing.runs.limit.number = 0.5
    compute()
    assert f"5 of {sum(entry.n_volumes for entry in entries)} volumes left out." in computing.account.text()


def test_fisher_z_is_for_correlations_only(computing, compute, atlas):
    computing.regions.layer_choice.layer = _labels(computing.regions.viewer, atlas)
    form = computing.form
    form.value = nc.Connectivity(fisher_z=True)
    for kind in ("tangent", "partial_correlation", "covariance"):
        form.plain.container["kind"].value = kind
        bounded = kind == "partial_correlation"
        assert form.plain.widget("fisher_z").isEnabled() == bounded
        assert form.value == nc.Connectivity(kind=kind, fisher_z=bounded)
        compute()
        assert (computing.got[-1].kind, computing.got[-1].fisher_z) == (kind, bounded)


def test_runs_on_other_grids_each_get_the_regions_on_their_own(computing, compute, atlas, tmp_path, until):
    computing.regions.layer_choice.layer = _labels(computing.regions.viewer, atlas)
    shape = (7, 8, 9)
    data = np.random.default_rng(0).normal(1000, 5, (40, *shape)).astype(np.float32)
    other = nc.Run(data, nc.Grid(shape, np.diag([9.0, 9, 9, 1])), 2.0)
    nc.save(other, tmp_path / "other.nii.gz")
    computing.runs.add_files([str(tmp_path / "other.nii.gz")])
    until(lambda: not computing.runs.busy)
    assert computing.runs.account.text() == "5 runs on 2 grids."
    compute()
    (found,) = computing.got
    script = nc.connectome([nc.region_series(other, atlas.regions, computing.series_parameters())])
    np.testing.assert_allclose(found.matrices[4], script.matrices[0], atol=1e-6)


def test_only_the_form_that_is_chosen_is_seen(computing):
    form = computing.form
    assert form.plain.isVisibleTo(form)
    assert not form.sparse.isVisibleTo(form)
    form.choice.setCurrentIndex(1)
    assert form.sparse.isVisibleTo(form)
    assert not form.plain.isVisibleTo(form)
    assert isinstance(form.value, SparseConnectivity)
