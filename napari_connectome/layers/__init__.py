"""napari layers to values and back: readers, writers, samples, styles, live updates. Never Qt."""
