"""The correlation of an atlas's regions in each of several runs, and their mean, without a window.

The workflow of nilearn's example "Extracting signals from a brain parcellation": the mean series of each region, detrended,
its confounds regressed out, standardised, and the correlation of every pair. Writes the mean matrix as a table, the matrices of
all runs as NPZ, the strongest tenth of its edges as a graph, and how much of each region the runs have.

    python atlas_connectome.py                                                     # six phantoms and regions of theirs
    python atlas_connectome.py atlas.nii.gz sub-*_bold.nii.gz                      # labels or maps, the names beside them
    python atlas_connectome.py --names names.txt --tr 2 atlas.nii.gz *.nii.gz      # or elsewhere; headers without a TR
"""

import argparse

import pandas as pd

import napari_connectome as nc
from napari_connectome.core.edges import Edges
from napari_connectome.core.phantom import resting_group
from napari_connectome.io.confounds import choose_columns, find_confounds
from napari_connectome.io.connectomes import save_connectome
from napari_connectome.io.tables import write_table
from napari_connectome.studies.connectome_of_runs import connectome_of_series, series_of_runs

CONFOUNDS = "simple"  # a preset of io.confounds, or names of columns; taken from the tables beside the runs

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("atlas", nargs="?", help="an image of labels or of maps; without it, phantoms are taken")
parser.add_argument("runs", nargs="*", help="4-D images, their confounds beside them")
parser.add_argument("--names", help="file with the names of the regions")
parser.add_argument("--tr", type=float, help="seconds from one volume to the next, where headers do not say")
given = parser.parse_args()

if given.atlas and not given.runs:
    parser.error("give the runs, too")
if given.atlas:
    atlas = nc.load_regions(given.atlas, names=given.names)
    beside = {path: "beside" if find_confounds(path) else None for path in given.runs}
    runs = [nc.RunFile(path, confounds=beside[path], columns=beside[path] and CONFOUNDS, tr=given.tr) for path in given.runs]
else:
    phantoms = resting_group()
    atlas = nc.make_regions(phantoms[0].regions, nc.Labeling(min_size=1000.0))  # of one subject, near enough for all
    runs = [each.run.replace(confounds=choose_columns(each.run.confounds, CONFOUNDS)) for each in phantoms]

# Files are read one at a time, and the atlas is brought to their grid; a region outside a run stays, as a series of NaN.
read = series_of_runs(runs, atlas, nc.RegionSeries(cleaning=nc.Cleaning(detrend=True, standardize="zscore_sample")))

# nilearn's correlation is that of a covariance shrunk as Ledoit and Wolf do; estimator="empirical" is plain Pearson.
connectome = connectome_of_series(read, nc.Connectivity(kind="correlation", estimator="ledoit_wolf"))
edges = Edges.of(connectome.mean)
save_connectome(connectome, "atlas_correlation.tsv")  # and what its numbers are beside it, as .json
save_connectome(connectome, "atlas_correlation.npz")
save_connectome(connectome, "atlas_correlation.graphml", edges=edges.strongest(10))
kept = pd.DataFrame({name: series.table["kept"] for name, series in zip(read.runs, read.series, strict=True)})
write_table(read.series[0].table[["name", "x", "y", "z"]].join(kept).reset_index(), "atlas_regions.tsv")
shrunk, names = connectome.shrinkage, connectome.names
print(f"{len(names)} regions in {len(read.runs)} runs; correlations shrunk by {shrunk.min():.2f} to {shrunk.max():.2f}")
for i, j, r in zip(edges.rows[:5], edges.columns[:5], edges.weights[:5], strict=True):
    print(f"{r:6.3f}  {names[j]} - {names[i]}")
print("written:", ", ".join([f"atlas_correlation.{end}" for end in ("tsv", "json", "npz", "graphml")] + ["atlas_regions.tsv"]))
