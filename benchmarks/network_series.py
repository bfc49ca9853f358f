"""Series of the regions of networks over twenty runs: least squares on smoothed runs, beside nilearn's RegionExtractor."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from benchmarks import group, measure

FWHM = 6.0  # mm: what nilearn's extractor smooths runs by when nothing else is said
TIMED = 4  # runs nilearn is timed on: each takes the same
TOLERANCE = 1e-9
"""Of series of standard deviation 1, nilearn given float64: what is stored otherwise it smooths and fits in float32."""


def make(folder: Path) -> tuple[Path, Path]:
    """Write the runs and the regions of networks learned from them unless they are there; return the folder and the regions."""
    paths = group.make(folder)
    regions = folder / "group" / "regions.nii.gz"
    if not regions.exists():
        import napari_connectome as nc

        networks = nc.learn_networks(paths, nc.Networks(n_components=group.NETWORKS))
        maps = nib.Nifti1Image(networks.data.T, networks.grid.affine)
        nib.save(_extractor(maps).regions_img_, regions)
    return paths[0].parent, regions


def _extractor(maps: Any) -> Any:
    from nilearn.regions import RegionExtractor

    return RegionExtractor(maps, threshold=1.0, smoothing_fwhm=FWHM, min_region_size=1350).fit()


def load_ours() -> None:
    """Import what `ours` uses."""
    import scipy.sparse  # noqa: F401

    import napari_connectome as nc

    _ = [getattr(nc, name) for name in ("load_run", "load_regions", "region_series", "RegionSeries", "Cleaning")]


def ours(folder: Path, regions: Path, runs: int = group.SUBJECTS) -> Any:
    """The series (t × r) of each run, from the files."""
    import napari_connectome as nc

    found, params = nc.load_regions(regions), _params()
    with ThreadPoolExecutor(2) as pool:  # one run is unpacked while another is fitted
        series = pool.map(lambda path: nc.region_series(nc.load_run(path), found, params).data, _paths(folder)[:runs])
        return list(series)


def _params() -> Any:
    import napari_connectome as nc

    return nc.RegionSeries(fwhm=FWHM, cleaning=nc.Cleaning())


def load_nilearn() -> None:
    """Import what `nilearn` uses."""
    import nilearn.maskers  # noqa: F401


def nilearn(folder: Path, regions: Path, runs: int = TIMED) -> Any:
    """The series (t × r) of each run, from the files."""
    masker = _masker(regions)
    return [masker.transform(path) for path in _paths(folder)[:runs]]


def _masker(regions: Any) -> Any:
    """What transforms runs in a RegionExtractor once it has its regions: it is one itself, and has no transform of its own."""
    from nilearn.maskers import NiftiMapsMasker

    return NiftiMapsMasker(
        regions, resampling_target=None, smoothing_fwhm=FWHM, detrend=True, standardize="zscore_sample", memory_level=0
    ).fit()


def _paths(folder: Path) -> list[Path]:
    return sorted(folder.glob("*_bold.nii.gz"))


def rows(folder: Path, repeats: int) -> list[measure.Row]:
    """Compare, then measure: from the files, and with one run in memory."""
    given = make(folder)
    load_ours()
    load_nilearn()
    mine, rounded = ours(*given, runs=1)[0], nilearn(*given, runs=1)[0]
    exact = _in_float64(_paths(given[0])[0], given[1])
    measure.require_agreement("series of regions of networks", float(np.abs(mine - exact).max()), TOLERANCE)
    times = measure.timed({"ours": lambda: ours(*given), "nilearn": lambda: nilearn(*given)}, min(repeats, 3))
    theirs_all = measure.Times(times["nilearn"].seconds, group.SUBJECTS / TIMED)
    warm = _in_memory(*given, repeats=min(repeats, 3))
    peaks = [measure.peak_memory("benchmarks.network_series", who, *given) for who in ("ours", "nilearn")]
    what = f"series of {mine.shape[1]} regions of networks"
    return [
        measure.Row(
            f"{what}, {group.SUBJECTS} runs of {group.SHAPE.describe} `.nii.gz`, from the files",
            times["ours"],
            theirs_all,
            f"{peaks[0][0]:.0f} / {peaks[1][0]:.0f} MiB",
            target="≥ 10 ×",
            met=theirs_all.median / times["ours"].median >= 10,
            note=f"Regions of networks are fitted to each run, smoothed with {FWHM:g} mm, as nilearn's "
            f"`RegionExtractor.transform` does. The series, of standard deviation 1, differ by at most "
            f"{np.abs(mine - exact).max():.1g} from those it makes of images of float64, and these by "
            f"{np.abs(rounded - exact).max():.1g} from those it makes of the files. It is timed on {TIMED} of the "
            f"{group.SUBJECTS} runs. Two of our runs are at work at a time, each in one thread, where nilearn's fit takes all "
            f"cores; most of our time is that of unpacking the files.",
        ),
        measure.Row(
            f"{what}, one run in memory",
            warm["ours"],
            warm["nilearn"],
            target="≥ 10 ×",
            met=warm["nilearn"].median / warm["ours"].median >= 10,
        ),
    ]


def _in_float64(path: Path, regions: Path) -> Any:
    """What nilearn makes of one run when both images are of float64."""
    run, maps = (nib.load(each) for each in (path, regions))
    return _masker(_floats(maps)).transform(_floats(run))


def _floats(image: Any) -> Any:
    return nib.Nifti1Image(image.get_fdata(caching="unchanged"), image.affine)


def _in_memory(folder: Path, regions: Path, repeats: int) -> dict[str, measure.Times]:
    import napari_connectome as nc

    run, found, params = nc.load_run(_paths(folder)[0]), nc.load_regions(regions), _params()
    affine = run.grid.affine  # the files are stored in the order of the program
    image, masker = nib.Nifti1Image(run.data.T, affine), _masker(nib.Nifti1Image(found.maps.T, affine))
    return measure.timed(
        {"ours": lambda: nc.region_series(run, found, params), "nilearn": lambda: masker.transform(image)}, repeats
    )
