"""Files: images (nibabel lives here and only here) and tables."""
