"""napari-connectome beside nilearn: the same file, the same process, results compared before times."""
