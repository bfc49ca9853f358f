"""Networks learned from several runs, their regions, and the mean correlation between these, without a window.

The workflow of nilearn's examples "Regions extraction using dictionary learning and functional connectomes": dictionary
learning over all runs, each network split into regions, the series of each region in each run with its confounds
regressed out, and the mean over the runs of their correlation matrices. Writes networks and regions as NIfTI with their names
beside them, and the matrix as a table.

    python networks_regions_connectome.py                            # six resting-state phantoms
    python networks_regions_connectome.py *_bold.nii.gz              # runs of yours, in one space
    python networks_regions_connectome.py --tr 2 sub-*.nii.gz        # where the headers do not say the TR
"""

import sys

import pandas as pd

import napari_connectome as nc
from napari_connectome.core.phantom import resting_group
from napari_connectome.io.confounds import choose_columns, find_confounds
from napari_connectome.io.tables import write_table

CONFOUNDS = "simple"  # a preset of io.confounds, or names of columns

given = sys.argv[1:]
tr = float(given.pop(given.index("--tr") + 1)) if "--tr" in given else None
paths = [path for path in given if path != "--tr"]

# Files are read when they are needed, one at a time, with the confounds that lie beside them; the phantoms are in memory.
beside = {path: "beside" if find_confounds(path) else None for path in paths}
runs = [nc.RunFile(path, confounds=beside[path], columns=beside[path] and CONFOUNDS, tr=tr) for path in paths]
phantoms = [] if runs else [subject.run for subject in resting_group()]
runs += [run.replace(confounds=choose_columns(run.confounds, CONFOUNDS)) for run in phantoms]

# Twelve networks from all runs, the one that explains most of their variance first: more than are sought, since drifts and
# breathing take some. The sparsity suits six runs of two to five minutes; too high a one leaves crumbs, or nothing.
networks = nc.learn_networks(runs, nc.Networks(n_components=12, method="dictionary", alpha=4.0, fwhm=4.0, seed=0))

# Each network is cut where its weights are low and split into regions of 1350 mm³ and more.
regions = nc.extract_regions(networks, nc.RegionExtraction(threshold=0.5, strategy="ratio_n_voxels", min_size=1350.0))

# Least squares of all regions on each smoothed run at once; shrunk correlation, averaged over the runs.
series = [nc.region_series(run.load() if paths else run, regions, nc.RegionSeries(fwhm=6.0)) for run in runs]
connectome = nc.connectome(series, nc.Connectivity(kind="correlation"))

nc.save(networks, "networks.nii.gz")  # with all that made them beside it, as .json
nc.save(regions, "network_regions.nii.gz")  # with their names, as .tsv, and all that made them
matrix = pd.DataFrame(connectome.mean, index=connectome.names, columns=connectome.names)
write_table(matrix.rename_axis("region").reset_index(), "mean_correlation.tsv")

print(f"{len(networks)} networks of {len(runs)} runs explain {networks.score:.0%} of their variance")
shrunk = connectome.shrinkage
print(f"{len(regions.table)} regions; correlations shrunk by {shrunk.min():.2f} to {shrunk.max():.2f}")
print(regions.table[["name", "network", "x", "y", "z", "size_mm3"]].round(1).to_string())
for notice in networks.provenance["notices"]:
    print(notice)
beside = ["networks.json", "network_regions.json", "network_regions.tsv"]
print("written:", ", ".join(["networks.nii.gz", "network_regions.nii.gz", "mean_correlation.tsv", *beside]))
