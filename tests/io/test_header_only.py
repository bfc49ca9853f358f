"""What the header says alone is what reading the whole file says."""

import nibabel as nib
import numpy as np
import pytest

from napari_connectome.core.errors import InputError
from napari_connectome.io.load import open_header_only, open_image

FLIPPED = np.array([[-3.0, 0, 0, 30], [0, 0, 3, -20], [0, 4, 0, 10], [0, 0, 0, 1]])


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".mgz"])
@pytest.mark.parametrize("shape", [(4, 5, 6), (4, 5, 6, 7), (4, 5, 6, 1), (4, 5, 6, 1, 7), (4, 5)])
def test_the_header_says_the_same_as_the_whole_file(tmp_path, ending, shape):
    if ending == ".mgz" and (len(shape) != 4 or shape[3] == 1):
        pytest.skip("no shape of that format")
    path = tmp_path / f"image{ending}"
    kind = nib.MGHImage if ending == ".mgz" else nib.Nifti1Image
    nib.save(kind(np.ones(shape, np.float32), FLIPPED), path)
    header, whole = open_header_only(path), open_image(path)
    assert (header.name, header.data.shape, header.is_4d, header.repetition) == (
        whole.name,
        whole.data.shape,
        whole.is_4d,
        whole.repetition,
    )
    assert header.grid.matches(whole.grid)
    assert header.notices == whole.notices


def test_a_header_takes_no_memory_for_its_voxels(tmp_path):
    path = tmp_path / "vast.nii"
    header = nib.Nifti1Header()
    header.set_data_shape((2000, 2000, 2000, 2000))
    header.set_data_dtype(np.float32)
    path.write_bytes(header.binaryblock + bytes(4))
    assert open_header_only(path).data.shape == (2000, 2000, 2000, 2000)


def test_complex_numbers_are_refused_by_the_header(tmp_path):
    nib.save(nib.Nifti1Image(np.ones((2, 2, 2, 3), np.complex64), FLIPPED), tmp_path / "complex.nii")
    with pytest.raises(InputError, match="save their magnitude"):
        open_header_only(tmp_path / "complex.nii")
