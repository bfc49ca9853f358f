"""Real files that break readers: each ends in a right image or in one sentence."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from napari_connectome.core.errors import InputError
from napari_connectome.io.load import load_regions, load_run, open_image

#  file: shape, type, TR, notices and question
ODD = {
    "odd/complex64.nii.gz": ((44, 64, 64), "f4", None, ""),
    "odd/example4d+orig.HEAD": ((3, 25, 41, 33), "i2", 3.0, ""),
    "odd/example4d+orig.BRIK.gz": ((3, 25, 41, 33), "i2", 3.0, ""),
    "odd/example4d.nii.gz": ((2, 24, 96, 128), "i2", None, "2000 s, which looks like milliseconds"),
    "odd/example_nifti2.nii.gz": ((2, 12, 20, 32), "i2", None, "2000 s, which looks like milliseconds"),
    "odd/facerep_vol_bigendian_pair.hdr": ((24, 64, 64), "f4", None, ""),
    "odd/facerep_vol_bigendian_pair.img": ((24, 64, 64), "f4", None, ""),
    "odd/functional.nii": ((20, 3, 21, 17), "f4", 2.0, ""),
    "odd/minc2_4d.mnc": ((2, 10, 20, 20), "f4", None, "1 without a unit"),
    "odd/oro_filtered_func_data_noform_zoom1.nii.gz": ((64, 21, 64, 64), "i2", None, "1 without a unit"),
    "rest_group/rtswa_11G_1G11.nii.gz": ((148, 17, 20, 17), "f4", None, "the header says 0"),
    "task_haxby_slice/bold.nii.gz": ((1452, 1, 20, 40), "i2", 2.5, ""),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_files_end_in_a_right_image(real_data, name):
    shape, kind, tr, question = ODD[name]
    opened = open_image(real_data / name)
    assert opened.data.shape == shape
    assert opened.data.dtype == np.dtype(kind)
    assert opened.repetition.tr == tr
    assert question in opened.repetition.question
    assert bool(opened.notices) == ("noform" in name)
    assert (opened.phase is not None) == ("complex" in name)
    image = nib.load(real_data / name)
    theirs = np.asanyarray(image.dataobj)
    if name.endswith(".mnc"):  # nibabel leaves time first and the affine to the other three axes
        theirs = np.moveaxis(theirs, 0, -1)
    theirs = theirs[..., 0] if theirs.ndim == 4 else theirs
    ours = opened.data[0] if opened.is_4d else opened.data
    for voxel in np.random.default_rng(0).integers(0, theirs.shape[:3], (50, 3)):
        i, j, k = np.rint(opened.grid.to_voxel(nib.affines.apply_affine(image.affine, voxel))).astype(int)
        assert ours[k, j, i] == pytest.approx(abs(theirs[tuple(voxel)]), rel=1e-6)


def test_every_odd_file_is_tested(real_data):
    assert {f"odd/{p.name}" for p in (real_data / "odd").iterdir()} == {name for name in ODD if name.startswith("odd/")}


def test_schaefer_names_do_not_shift(real_data):
    atlas = real_data / "atlas"
    names = atlas / "schaefer100x7NodeNames.txt"
    regions = load_regions(atlas / "Schaefer2018_100_7Networks_MNI152NLin6Asym_2mm_dseg.nii.gz", names=names)
    assert len(regions.table) == 100
    assert list(regions.table["name"]) == names.read_text().split()
    with pytest.raises(InputError, match=r"maps\.tsv holds 128 names and the image 100 regions"):
        load_regions(
            atlas / "Schaefer2018_100_7Networks_MNI152NLin6Asym_2mm_dseg.nii.gz",
            names=atlas / "DiFuMo128_MNI152NLin6Asym_2mm_maps.tsv",
        )
    left = regions.table["name"].str.startswith("LH")
    assert (regions.table.loc[left, "x"] < 0).all()
    assert (regions.table.loc[~left, "x"] > 0).all()


def test_a_run_without_tr_is_asked_for(real_data):
    path = real_data / "rest_group" / "rtswa_11G_1G11.nii.gz"
    with pytest.raises(InputError, match="since the header says 0: pass tr=… in seconds"):
        load_run(path)
    assert load_run(path, tr=2).n_volumes == 148
