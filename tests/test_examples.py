"""Every script in examples/ runs as it stands, without a window, and writes what it says."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_connectome as nc

OTHERS = ("mine.nii.gz", "mine.tsv", "mine.json")
EXAMPLES = sorted((Path(__file__).resolve().parents[1] / "examples").glob("*.py"))


def script(path: Path, folder: Path, *arguments: str | Path) -> str:
    """Run a script in a folder of its own, with no display to fall back on."""
    environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    done = subprocess.run(
        [sys.executable, path, *arguments], cwd=folder, env=environment, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, str]]:
    """The folder in which an example was run without arguments, beside files of others, and what it said; run once."""

    @functools.cache
    def run(stem: str) -> tuple[Path, str]:
        folder = tmp_path_factory.mktemp(stem)
        for name in OTHERS:
            (folder / name).write_text("mine")
        return folder, script(example(stem), folder)

    return run


def example(stem: str) -> Path:
    """The example of this name."""
    (path,) = [path for path in EXAMPLES if path.stem == stem]
    return path


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs_and_writes_what_it_says(path: Path, made: Callable[[str], tuple[Path, str]]) -> None:
    """And only that, whatever else lies in the folder."""
    folder, said = made(path.stem)
    written = said.splitlines()[-1].removeprefix("written: ").split(", ")
    assert sorted(written) == sorted({file.name for file in folder.iterdir()} - set(OTHERS))
    assert all((folder / name).read_text() == "mine" for name in OTHERS)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_is_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 60


@pytest.mark.parametrize("path", [path for path in EXAMPLES if "argparse" in path.read_text()], ids=lambda path: path.stem)
def test_example_with_arguments_explains_them_and_asks_for_what_is_missing(path: Path, tmp_path: Path) -> None:
    said = script(path, tmp_path, "--help")
    assert path.read_text().splitlines()[0].removeprefix('"""') in said
    assert f"python {path.name} --names" in said
    done = subprocess.run([sys.executable, path, "atlas.nii.gz"], cwd=tmp_path, text=True, capture_output=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "give the runs, too" in done.stderr


def test_seed_to_voxel_shows_the_default_mode_network(phantom: Any, made: Callable[[str], tuple[Path, str]]) -> None:
    folder, _ = made("seed_to_voxel_correlation")
    r = nc.load_volume(folder / "pcc_r.nii.gz").data
    z = nc.load_volume(folder / "pcc_fisher_z.nii.gz").data
    np.testing.assert_allclose(np.tanh(z), r, atol=1e-5)
    means = {name: r[phantom.regions.labels == i].mean() for i, name in phantom.regions.table["name"].items()}
    assert means.pop("default mode") > 0.6
    assert max(means.values()) < 0.4
    assert len((folder / "pcc_series.tsv").read_text().splitlines()) == phantom.run.n_volumes + 1


def gallery(run: nc.Run, labels: Any, within: np.ndarray) -> dict[str, Any]:
    """What nilearn's example "Computing a Region of Interest (ROI) mask manually" computes, in its words (x, y, z)."""
    import nibabel
    from nilearn import image
    from nilearn.maskers import NiftiLabelsMasker
    from scipy import ndimage, stats

    fmri_img = nibabel.Nifti1Image(run.data.T.astype(np.float64), run.grid.affine)
    smoothed = image.smooth_img(fmri_img, 6).get_fdata()
    _, p_values = stats.ttest_ind(smoothed[..., labels == "face"], smoothed[..., labels == "house"], axis=-1)
    with np.errstate(divide="ignore"):
        log_p_values = -np.log10(p_values)
    log_p_values[np.isnan(log_p_values)] = 0.0
    log_p_values[log_p_values > 10.0] = 10.0
    kept = np.where(log_p_values < 5, 0, log_p_values)
    bin_p_values_and_vt = np.logical_and(kept != 0, within.T)
    dilated = ndimage.binary_dilation(bin_p_values_and_vt)
    regions, _ = ndimage.label(dilated)
    labels_img = nibabel.Nifti1Image(regions.astype(np.int32), run.grid.affine)
    masker = NiftiLabelsMasker(labels_img, resampling_target=None, standardize=None)
    return {"log_p": log_p_values.T, "labels": regions.T, "series": masker.fit_transform(fmri_img)}


def same_regions(ours: np.ndarray, theirs: np.ndarray) -> dict[int, int]:
    """Which of their labels each of ours is: the same sets of voxels, whatever their numbers."""
    pairs = np.unique(np.stack([ours.ravel(), theirs.ravel()]), axis=1).T
    pairs = pairs[pairs.any(axis=1)]
    assert len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(pairs)
    return {int(a): int(b) for a, b in pairs}


def check_roi_example(folder: Path, run: nc.Run, labels: np.ndarray, within: np.ndarray) -> None:
    import pandas as pd

    theirs = gallery(run, labels, within)
    atlas = nc.load_regions(folder / "roi_atlas.nii.gz")
    np.testing.assert_allclose(nc.load_volume(folder / "roi_log_p.nii.gz").data, theirs["log_p"], atol=4e-5)
    number = same_regions(atlas.labels, theirs["labels"])
    sizes = [int((atlas.labels == i).sum()) for i in atlas.ids]
    assert sizes == sorted(sizes, reverse=True)
    series = pd.read_csv(folder / "roi_series.tsv", sep="\t")
    for i, name in atlas.table["name"].items():
        np.testing.assert_allclose(series[name], theirs["series"][:, number[int(i)] - 1], rtol=1e-6)
    conditions = pd.read_csv(folder / "roi_conditions.tsv", sep="\t", index_col=0)
    for name in atlas.table["name"]:
        for condition in ("face", "house"):
            mean = series[name][labels == condition].mean()
            assert np.isclose(conditions.loc[name, condition], mean)
    assert {origin.how for origins in atlas.origins.values() for origin in origins} == {"face > house, -log10 p ≥ 5"}
    assert set(atlas.origins) == set(atlas.ids)


def test_roi_from_a_t_test_equals_nilearn_step_by_step(faces: Any, made: Callable[[str], tuple[Path, str]]) -> None:
    folder, _ = made("roi_from_a_t_test")
    check_roi_example(folder, faces.run, faces.labels["labels"].to_numpy(), faces.ventral_temporal.data)


def test_roi_from_a_t_test_on_haxbys_slice(real_data: Path, tmp_path: Path) -> None:
    path = example("roi_from_a_t_test")
    folder = real_data / "task_haxby_slice"
    bold, labels, mask = folder / "bold.nii.gz", folder / "attributes_literal.txt", folder / "mask.nii.gz"
    script(path, tmp_path, bold, labels, mask)
    words = np.array([line.split()[0] for line in labels.read_text().splitlines()])
    check_roi_example(tmp_path, nc.load_run(bold), words, nc.load_volume(mask).data > 0)


def check_networks_example(folder: Path, runs: list[nc.Run]) -> None:
    """Each step after learning is what nilearn makes of the step before; learning is compared in tests of its own."""
    import json

    import nibabel
    import pandas as pd
    from nilearn.connectome import ConnectivityMeasure
    from nilearn.maskers import NiftiMapsMasker
    from nilearn.regions import RegionExtractor

    networks = nc.load_maps(folder / "networks.nii.gz")
    about = json.loads((folder / "networks.json").read_text())
    assert len(networks) <= about["provenance"]["parameters"]["n_components"]
    assert [each["name"] for each in about["provenance"]["runs"]] == [run.name for run in runs]
    affine = networks.grid.affine
    maps = nibabel.Nifti1Image(networks.data.T.astype(np.float64), affine)
    extractor = RegionExtractor(maps, threshold=0.5, thresholding_strategy="ratio_n_voxels", min_region_size=1350)
    extractor.fit()
    theirs = extractor.regions_img_.get_fdata().T
    regions = nc.load_regions(folder / "network_regions.nii.gz")
    assert len(theirs) == len(regions.maps)
    assert list(regions.source_map) == list(extractor.index_)
    differing = ((theirs != 0) != (regions.maps != 0)).mean()
    assert differing <= 0.001 * (theirs != 0).mean()
    masker = NiftiMapsMasker(nibabel.Nifti1Image(regions.maps.T.astype(np.float64), affine), smoothing_fwhm=6, standardize=None)
    series = [
        masker.fit_transform(nibabel.Nifti1Image(run.data.T.astype(np.float64), affine), confounds=run.confounds)
        for run in runs
    ]
    # nilearn 0.14.1 takes every word here, "zscore_sample" too, for False.
    expected = ConnectivityMeasure(kind="correlation", standardize=True).fit_transform(series).mean(axis=0)
    table = pd.read_csv(folder / "mean_correlation.tsv", sep="\t", index_col="region")
    assert list(table.index) == list(table.columns) == list(regions.table["name"])
    np.testing.assert_allclose(table, expected, atol=1e-6)


def test_networks_regions_connectome_finds_the_networks(
    group: list[Any], found_again: Any, made: Callable[[str], tuple[Path, str]]
) -> None:
    folder, _ = made("networks_regions_connectome")
    r = found_again(nc.load_maps(folder / "networks.nii.gz"), [subject.networks for subject in group])
    assert min(r.values()) >= 0.9, r


@pytest.mark.nightly
def test_networks_regions_connectome_equals_nilearn_step_by_step(
    group: list[Any], made: Callable[[str], tuple[Path, str]]
) -> None:
    folder, _ = made("networks_regions_connectome")
    check_networks_example(folder, confounds_of(group, "simple"))


def test_networks_regions_connectome_of_six_real_subjects(real_data: Path, tmp_path: Path) -> None:
    path = example("networks_regions_connectome")
    files = sorted((real_data / "rest_group").glob("*.nii.gz"))
    script(path, tmp_path, "--tr", "2", *files)
    check_networks_example(tmp_path, [nc.load_run(file, tr=2.0) for file in files])
    networks = nc.load_maps(tmp_path / "networks.nii.gz")
    assert len({seeded_by(networks, name) for name in ("default mode", "visual", "somatomotor")}) == 3


def seeded_by(networks: nc.Maps, name: str) -> int:
    """Which map has the most weight at the well-known seeds of a network, at each of which it has some."""
    from napari_connectome.core.phantom import network_seeds

    seeds = network_seeds().query("network == @name")[["x", "y", "z"]].to_numpy()
    x, y, z = np.rint(networks.grid.to_voxel(seeds)).astype(int).T
    weights = networks.data[:, z, y, x] / networks.data.max(axis=(1, 2, 3))[:, None]
    best = int(weights.mean(axis=1).argmax())
    assert weights[best].min() > 0.05, (name, weights[best])
    return best


def image_of(run: nc.Run) -> Any:
    import nibabel

    return nibabel.Nifti1Image(run.data.T.astype(np.float64), run.grid.affine)


def confounds_of(group: list[Any], choice: str) -> list[nc.Run]:
    from napari_connectome.io.confounds import choose_columns

    return [each.run.replace(confounds=choose_columns(each.run.confounds, choice)) for each in group]


def check_atlas_example(folder: Path, runs: list[nc.Run], atlas: nc.Regions) -> None:
    """What nilearn's example "Extracting signals from a brain parcellation" computes, of all runs."""
    import nibabel
    import pandas as pd
    from nilearn.connectome import ConnectivityMeasure
    from nilearn.maskers import NiftiLabelsMasker

    labels = nibabel.Nifti1Image(atlas.labels.T.astype(np.int32), atlas.grid.affine)
    masker = NiftiLabelsMasker(labels, standardize="zscore_sample", detrend=True, standardize_confounds=True)
    series = [masker.fit_transform(image_of(run), confounds=run.confounds) for run in runs]
    expected = ConnectivityMeasure(kind="correlation", standardize=True).fit_transform(series)
    found = nc.load_connectome(folder / "atlas_correlation.npz")
    assert found.subjects == tuple(run.name for run in runs)
    assert found.names == tuple(atlas.table["name"])
    np.testing.assert_allclose(found.matrices, expected, atol=1e-6)
    table = pd.read_csv(folder / "atlas_correlation.tsv", sep="\t", index_col=0)
    assert list(table.index) == list(table.columns) == list(found.names)
    np.testing.assert_allclose(table, expected.mean(axis=0), atol=1e-6)
    lower = np.abs(expected.mean(axis=0)[np.tril_indices(len(table), -1)])
    drawn = int((lower >= np.percentile(lower, 90) + 1e-5).sum())  # as plot_connectome's edge_threshold="90%"
    assert (folder / "atlas_correlation.graphml").read_text().count("<edge ") == drawn


def test_atlas_connectome_equals_nilearn(group: list[Any], made: Callable[[str], tuple[Path, str]]) -> None:
    folder, _ = made("atlas_connectome")
    check_atlas_example(folder, confounds_of(group, "simple"), nc.make_regions(group[0].regions, nc.Labeling(min_size=1000.0)))


def test_atlas_connectome_of_real_runs_and_schaefers_regions(real_data: Path, tmp_path: Path) -> None:
    path = example("atlas_connectome")
    (atlas,), names = (real_data / "atlas").glob("Schaefer*.nii.gz"), real_data / "atlas" / "schaefer100x7NodeNames.txt"
    files = sorted((real_data / "rest_group").glob("*.nii.gz"))
    script(path, tmp_path, "--names", names, "--tr", "2", atlas, *files)
    check_atlas_example(tmp_path, [nc.load_run(file, tr=2.0) for file in files], nc.load_regions(atlas, names=names))


def sparse_in_nilearn(runs: list[nc.Run], atlas: nc.Regions, refinements: int) -> dict[str, Any]:
    """What nilearn's example "Group Sparse inverse covariance for multi-subject connectome" computes."""
    import warnings

    import nibabel
    from nilearn.connectome import GroupSparseCovarianceCV
    from nilearn.maskers import NiftiMapsMasker
    from sklearn.covariance import GraphicalLassoCV

    assert atlas.maps is not None
    masker = NiftiMapsMasker(
        nibabel.Nifti1Image(atlas.maps.T.astype(np.float64), atlas.grid.affine),
        resampling_target="data",
        detrend=True,
        high_variance_confounds=True,
        high_pass=0.01,
        t_r=2.0,
        standardize="zscore_sample",
        standardize_confounds=True,
    )
    series = [masker.fit_transform(image_of(run), confounds=run.confounds) for run in runs]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fits of small alphas that they end early
        group = GroupSparseCovarianceCV(n_refinements=refinements).fit(series)
        alone = GraphicalLassoCV().fit(np.concatenate(series))
    return {
        "covariances": group.covariances_.transpose(2, 0, 1),
        "precisions": group.precisions_.transpose(2, 0, 1),
        "alpha": group.alpha_,
        "single_precision": alone.precision_,
        "single_alpha": alone.alpha_,
    }


def check_sparse_example(folder: Path, subjects: Iterable[str], names: Iterable[str], theirs: Mapping[str, Any]) -> None:
    """No objective of nilearn's is lower than ours, and the best alphas are the same or next to each other."""
    from napari_connectome.core.group_sparse import group_sparse, objective

    group, single = (nc.load_connectome(folder / f"sparse_{method}.npz") for method in ("group", "single"))
    assert isinstance(group, nc.SparseConnectome)
    assert isinstance(single, nc.SparseConnectome)
    np.testing.assert_allclose(group.covariances, theirs["covariances"], atol=1e-5)
    assert group.subjects == tuple(subjects)
    assert group.names == single.names == tuple(names)
    alpha = float(theirs["alpha"])
    step = 0.01 ** (1 / 3)  # from one alpha of the first grid to the next
    assert step <= group.alpha / alpha <= 1 / step
    assert max(group.gap, single.gap) <= 1e-6  # no precisions have an objective lower by more, nilearn's neither
    shares = np.full(len(group.covariances), 1 / len(group.covariances))
    ours = group_sparse(group.covariances, shares, alpha, gap=1e-6).precisions
    mine, other = (objective(each, group.covariances, shares, alpha) for each in (ours, theirs["precisions"]))
    assert mine <= other + 1e-6
    np.testing.assert_allclose(single.alpha, theirs["single_alpha"], rtol=1e-3)
    largest = np.abs(theirs["single_precision"]).max()
    np.testing.assert_allclose(single.precisions[0], theirs["single_precision"], atol=0.02 * largest)


def phantoms_for_sparse(group: list[Any]) -> tuple[list[nc.Run], nc.Regions]:
    """The runs and regions of the example without arguments."""
    maps = nc.extract_regions(group[0].networks, nc.RegionExtraction(threshold=0.5, strategy="ratio_n_voxels"))
    return confounds_of(group, "motion 6"), maps


def test_group_sparse_connectome_equals_nilearn(
    group: list[Any], answer: Callable[[str], Mapping[str, Any]], made: Callable[[str], tuple[Path, str]]
) -> None:
    runs, maps = phantoms_for_sparse(group)
    folder, _ = made("group_sparse_connectome")
    theirs = answer("group_sparse_example")
    check_sparse_example(folder, [run.name for run in runs], maps.table["name"], theirs)


@pytest.mark.parametrize(("every", "refinements"), [(16, 1), pytest.param(8, 4, marks=pytest.mark.nightly)])
def test_group_sparse_connectome_of_real_runs_and_difumos_maps(
    real_data: Path, tmp_path: Path, every: int, refinements: int
) -> None:
    """Of each so many of its 128 maps: nilearn takes most of an hour for all."""
    import nibabel

    (difumo,) = (real_data / "atlas").glob("DiFuMo*.nii.gz")
    image = nibabel.load(difumo)
    some = tmp_path / "some_maps.nii.gz"
    nibabel.save(nibabel.Nifti1Image(np.asarray(image.dataobj[..., ::every], dtype=np.float32), image.affine), some)
    files = sorted((real_data / "rest_group").glob("*.nii.gz"))
    script(example("group_sparse_connectome"), tmp_path, "--tr", "2", some, *files)
    runs, atlas = [nc.load_run(file, tr=2.0) for file in files], nc.load_regions(some)
    theirs = sparse_in_nilearn(runs, atlas, refinements)
    check_sparse_example(tmp_path, [run.name for run in runs], atlas.table["name"], theirs)
