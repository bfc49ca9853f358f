"""Regions of interest from a t-test, and what they do in each condition, without a window.

The workflow of nilearn's example "Computing a Region of Interest (ROI) mask manually": smooth by 6 mm, test face against
house in every voxel, keep -log10 p of 5 and more inside the ventral temporal cortex, dilate, label the connected
regions, average the run in each. Writes the maps and the atlas as NIfTI, the series and a table of conditions as TSV.

    python roi_from_a_t_test.py                                           # the face/house phantom
    python roi_from_a_t_test.py bold.nii.gz labels.txt mask4_vt.nii.gz    # a subject of Haxby 2001, as nilearn fetches it
"""

import sys
from pathlib import Path

import napari_connectome as nc
from napari_connectome.core.condition_table import condition_table
from napari_connectome.core.design import design_of_labels
from napari_connectome.core.origins import region_warnings
from napari_connectome.core.phantom import face_house
from napari_connectome.io.tables import write_table

A, B = "face", "house"

if len(sys.argv) > 3:
    run = nc.load_run(sys.argv[1])
    design = nc.load_design(sys.argv[2], run.n_volumes, run.tr)
    ventral_temporal = nc.load_volume(sys.argv[3])
else:
    phantom = face_house()
    run, ventral_temporal = phantom.run.replace(confounds=None), phantom.ventral_temporal
    design = design_of_labels(phantom.labels, run.n_volumes, run.tr)

# Voxel by voxel: smooth, test, -log10 p. Volumes count as independent here, as they do in the example.
test = nc.condition_test(run, design, nc.ConditionTest(a=A, b=B, fwhm=6.0))
high = nc.threshold(test.log_p, nc.Threshold(method="value", value=5.0))

# From voxels to regions: inside the mask, dilated once, connected through faces, the largest first. They remember where
# they come from: `origins` names run, contrast and threshold.
regions = nc.make_regions(high, nc.Labeling(dilate=1, connectivity=6, within=ventral_temporal))

# What they do: one series a region, and each condition's mean. Testing the run inside regions made from it is circular, and
# the table says so.
series = nc.region_series(run, regions)
conditions = condition_table(series, design, A, B, warning=region_warnings(run, regions, (A, B)))

nc.save(test.log_p, "roi_log_p.nii.gz")
nc.save(regions, "roi_atlas.nii.gz")
write_table(series.to_frame().assign(condition=design.labels).reset_index(), "roi_series.tsv")
write_table(conditions, "roi_conditions.tsv")

print(f"{test.contrast} in {run.name}: {int((high.data > 0).sum())} voxels with -log10 p of 5 and more")
print(regions.table[["name", "x", "y", "z", "size_mm3"]].head(5).round(1).to_string())
print("written:", ", ".join(sorted(str(path) for path in Path().glob("roi_*"))))
