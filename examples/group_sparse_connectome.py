"""Sparse inverse covariances of a group, which have their zeros in the same places, without a window.

The workflow of nilearn's example "Group Sparse inverse covariance for multi-subject connectome": least squares of the maps of a
probabilistic atlas on each run, confounds regressed out, those of the voxels that vary most among them, high-passed and
standardised; then sparse precisions of all subjects at once, and one of all series one after the other, alpha chosen by
cross-validation. Writes both: all subjects as NPZ, their mean as a table of partial correlations and as a graph.

    python group_sparse_connectome.py                                                  # six phantoms and maps of theirs
    python group_sparse_connectome.py maps.nii.gz sub-*_bold.nii.gz                    # maps or labels, their names beside
    python group_sparse_connectome.py --names names.tsv --tr 2 maps.nii.gz *.nii.gz    # or elsewhere; headers without a TR
"""

import argparse

import napari_connectome as nc
from napari_connectome.core.edges import Edges
from napari_connectome.core.phantom import resting_group
from napari_connectome.core.region_centres import region_centres
from napari_connectome.io.confounds import choose_columns, find_confounds
from napari_connectome.io.connectomes import save_connectome

CONFOUNDS = "motion 6"  # a preset of io.confounds, or names of columns; taken from the tables beside the runs

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("maps", nargs="?", help="an image of maps or of labels; without it, phantoms are taken")
parser.add_argument("runs", nargs="*", help="4-D images, their confounds beside them")
parser.add_argument("--names", help="file with the names of the regions")
parser.add_argument("--tr", type=float, help="seconds from one volume to the next, where headers do not say")
given = parser.parse_args()

if given.maps and not given.runs:
    parser.error("give the runs, too")
if given.maps:
    atlas = nc.load_regions(given.maps, names=given.names)
    beside = {path: "beside" if find_confounds(path) else None for path in given.runs}
    files = [nc.RunFile(path, confounds=beside[path], columns=beside[path] and CONFOUNDS, tr=given.tr) for path in given.runs]
    runs = (file.load() for file in files)
else:
    phantoms = resting_group()
    atlas = nc.extract_regions(phantoms[0].networks, nc.RegionExtraction(threshold=0.5, strategy="ratio_n_voxels"))
    runs = (each.run.replace(confounds=choose_columns(each.run.confounds, CONFOUNDS)) for each in phantoms)

# Maps on another grid come to the run's; in nilearn's example the runs come to the maps', as with resample="run".
params = nc.RegionSeries(cleaning=nc.Cleaning(high_pass=0.01, standardize="zscore_sample"), resample="regions")
series = {}
for run in runs:  # one in memory at a time
    noise = nc.high_variance_confounds(run)
    confounds = noise if run.confounds is None else run.confounds.join(noise)
    series[run.name] = nc.region_series(run.replace(confounds=confounds), atlas, params)
for method in ("group", "single"):
    how = nc.SparseConnectivity(method=method, kind="partial_correlation")
    found = nc.sparse_connectome(series.values(), how, coordinates=region_centres(atlas), subjects=list(series))
    edges = Edges.of(found.mean).above(0.0)
    save_connectome(found, f"sparse_{method}.npz")  # with alpha, all that were tried, precisions and covariances
    save_connectome(found, f"sparse_{method}.tsv")  # and what its numbers are beside it, as .json
    save_connectome(found, f"sparse_{method}.graphml", edges=edges)
    print(f"{method}: {len(edges)} edges of {len(atlas.table)} regions at alpha {found.alpha:.4g}, gap {found.gap:.0e}")
written = [f"sparse_{method}.{ending}" for method in ("group", "single") for ending in ("npz", "tsv", "json", "graphml")]
print("written:", ", ".join(written))
