"""Seed-to-voxel correlation of one run at rest, without a window.

The workflow of nilearn's example "Producing single subject maps of seed-to-voxel correlation": a sphere of 8 mm in the
posterior cingulate, the run smoothed by 6 mm, band-passed and freed of its confounds, Pearson's r and Fisher's z in every
voxel. Writes the maps as NIfTI and the seed's series as a table, and says where the map is highest.

    python seed_to_voxel_correlation.py                                       # the resting-state phantom
    python seed_to_voxel_correlation.py bold.nii.gz confounds.tsv "motion 6"  # a run of yours in MNI space; see below
"""

import sys
from pathlib import Path

import numpy as np

import napari_connectome as nc
from napari_connectome.core.phantom import resting_state
from napari_connectome.io.confounds import choose_columns
from napari_connectome.io.tables import write_table

PCC = (0.0, -52.0, 18.0)  # mm

# The run, with its confounds. "simple" is nilearn's and fMRIPrep's: motion, CSF, white matter; io.confounds lists the others.
run = nc.load_run(sys.argv[1], confounds=sys.argv[2]) if len(sys.argv) > 2 else resting_state().run
choice = sys.argv[3] if len(sys.argv) > 3 else "simple"
run = run.replace(confounds=choose_columns(run.confounds, choice))

# Everything that was chosen, in one value: it prints, compares, and travels with the result.
params = nc.SeedMap(radius=8.0, fwhm=6.0, cleaning=nc.Cleaning(detrend=True, high_pass=0.01, low_pass=0.1))

# Prepared once; every further seed takes milliseconds.
mapper = nc.SeedMapper(run, params, nc.brain_mask(run, "auto"))
r = mapper.map(PCC)
series = nc.Series(mapper.series()[:, None], ["PCC"], run.tr)

# Fisher's z of the same seed; seed_map does both steps in one call.
z = nc.seed_map(run, [PCC], params.replace(statistic="fisher_z"), mapper.mask)

nc.save(r, "pcc_r.nii.gz")
nc.save(z[0], "pcc_fisher_z.nii.gz")
write_table(series.to_frame().reset_index(), "pcc_series.tsv")

peak = np.unravel_index(r.data.argmax(), r.data.shape)
place = run.grid.to_mm(peak[::-1])
print(f"{run.name}: r from {r.data.min():.3f} to {r.data.max():.3f}, highest at ({place[0]:g}, {place[1]:g}, {place[2]:g}) mm")
print(f"Fisher z from {z.data.min():.3f} to {z.data.max():.3f}; {mapper.dof:.0f} degrees of freedom of {run.n_volumes} volumes")
print("written:", ", ".join(sorted(str(path) for path in Path().glob("pcc_*"))))
