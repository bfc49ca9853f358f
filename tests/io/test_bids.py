"""The names that are offered are names of BIDS."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_connectome.io.bids import relmat_name

SCHAEFER = "Schaefer2018_100_7Networks_MNI152NLin6Asym_2mm_dseg.nii.gz"


@pytest.mark.parametrize(
    ("runs", "atlas", "measure", "name"),
    [
        (["sub-01_task-rest_space-MNI_desc-preproc_bold.nii.gz"], "atlas-Gordon_dseg.nii", "correlation",
         "sub-01_task-rest_space-MNI_seg-Gordon_stat-correlation_relmat.tsv"),
        (["sub-01_task-rest_bold", "sub-02_task-rest_bold"], SCHAEFER, "partial_correlation",
         "task-rest_seg-Schaefer20181007NetworksMNI152NLin6Asym2mm_stat-partialcorrelation_relmat.tsv"),
        (["rtswa_11G_1G11.nii.gz"], "Atlas [1]", "tangent", "rtswa11G1G11_seg-Atlas1_stat-tangent_relmat.tsv"),
        (["one", "two"], "", "covariance", "stat-covariance_relmat.tsv"),
    ],
)  # fmt: skip
def test_what_is_known_of_runs_atlas_and_measure_stands_in_the_name(runs, atlas, measure, name):
    assert relmat_name(runs, atlas, measure) == name


@given(runs=st.lists(st.text(max_size=30), max_size=3), atlas=st.text(max_size=30))
def test_whatever_things_are_called_the_name_can_be_one_of_a_file(runs, atlas):
    name = relmat_name(runs, atlas, "correlation")
    assert re.fullmatch(r"([A-Za-z0-9+-]+_)*stat-correlation_relmat\.tsv", name)
