"""Names and origins follow the voxels of a labels layer: through edits, strokes, undo and redo."""

import gc
import weakref

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from napari.layers import Labels

from napari_connectome.core.edits import (
    Combine,
    Components,
    Morphology,
    combine,
    components,
    drop,
    keep,
    merge,
    morph,
    renumber,
    split_hemispheres,
)
from napari_connectome.core.errors import InputError
from napari_connectome.core.grid import Grid
from napari_connectome.core.origins import Origin, origins_to_dict
from napari_connectome.core.region_table import region_table
from napari_connectome.layers.new_regions import add_edit, new_grid, new_regions
from napari_connectome.layers.region_layer import RegionLayer, ids_in
from napari_connectome.layers.spatial import grid_of, info, layer_kwargs, regions_of

GRID = Grid((8, 12, 14), np.array([[3.0, 0, 0, -19.5], [0, 3, 0, -15], [0, 0, 3, -9], [0, 0, 0, 1]]))
TEST = Origin("run 1", "abc", "face > house", "t ≥ 5")
OTHER = Origin("run 2", "def", "cat > dog")


def _labels():
    """Region 2 in two parts, region 5 across the midline."""
    labels = np.zeros(GRID.shape, np.uint8)
    labels[2:4, 2:4, 1:5] = 2
    labels[2:4, 8:10, 1:3] = 2
    labels[4:6, 5:7, 5:10] = 5
    return labels


def _layer(dtype=np.uint8, **origins):
    features = pd.DataFrame({"index": [0, 2, 5], "name": ["outside", "FFA", "PPA"], "network": ["", "vis", "dmn"]})
    known = layer_kwargs(GRID, role="labels", origins=origins_to_dict({2: (TEST,)}) if not origins else origins["origins"])
    return Labels(_labels().astype(dtype), features=features, name="atlas", **known)


def _features(layer):
    return dict(zip(layer.features["index"], layer.features["name"], strict=True))


def test_names_and_origins_are_read_from_the_layer():
    """As our reader writes them, and as napari's own plugins do."""
    layer = _layer()
    regions = RegionLayer(layer)
    assert regions.names == {2: "FFA", 5: "PPA"}
    assert regions.origins == {2: (TEST,)}
    assert regions.name(2) == "FFA"
    assert regions.name(3) == "region 3"
    assert regions.grid.matches(GRID)
    assert regions.labels.dtype == np.uint8
    by_row = Labels(_labels(), features={"name": ["background", "a", "b"]})
    assert RegionLayer(by_row).names == {1: "a", 2: "b"}
    odd = Labels(_labels(), features={"index": ["x", 2, np.nan], "name": ["no", None, "no"]})
    assert RegionLayer(odd).names == {}
    assert RegionLayer(Labels(_labels())).names == {}


EDITS = {
    "dilate": (lambda r: morph(r.labels, r.grid, Morphology()), {2: "FFA", 5: "PPA"}, {2: (TEST,)}),
    "components": (
        lambda r: components(r.labels, r.grid, Components(), r.names),
        {1: "PPA", 2: "FFA 1", 3: "FFA 2"},
        {2: (TEST,), 3: (TEST,)},
    ),
    "hemispheres": (
        lambda r: split_hemispheres(r.labels, r.grid, r.names),
        {2: "FFA", 5: "L PPA", 6: "R PPA"},
        {2: (TEST,)},
    ),
    "keep": (lambda r: keep(r.labels, [5]), {5: "PPA"}, {}),
    "drop": (lambda r: drop(r.labels, [5]), {2: "FFA"}, {2: (TEST,)}),
    "merge": (lambda r: merge(r.labels, [2, 5]), {2: "FFA"}, {2: (TEST,)}),
    "renumber": (lambda r: renumber(r.labels), {1: "FFA", 2: "PPA"}, {1: (TEST,)}),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_and_its_undo(name):
    """Names, origins and further features are those of the voxels, before and after, as often as one goes there and back."""
    make, names, origins = EDITS[name]
    layer = _layer()
    regions, heard = RegionLayer(layer), []
    regions.changed.connect(lambda: heard.append((regions.names, regions.origins)))
    before = layer.data.copy()
    edit = make(regions)
    changed = regions.apply(edit)
    assert changed == np.count_nonzero(edit.labels != before)
    assert heard == [(names, origins)]
    for _ in range(2):
        assert np.array_equal(layer.data, edit.labels)
        assert regions.names == names
        assert regions.origins == origins
        assert {i: name for i, name in _features(layer).items() if i} == names
        assert _features(layer)[0] == "outside"
        assert regions_of(layer).origins == origins
        networks = dict(zip(layer.features["index"], layer.features["network"], strict=True))
        assert all(networks[i] == ("dmn" if "PPA" in name else "vis") for i, name in names.items())
        assert regions.undo()
        assert np.array_equal(layer.data, before)
        assert regions.names == {2: "FFA", 5: "PPA"}
        assert regions.origins == {2: (TEST,)}
        assert _features(layer) == {0: "outside", 2: "FFA", 5: "PPA"}
        assert not regions.undo()
        assert regions.redo()
        assert not regions.redo()


def test_a_name_given_after_steps_holds_before_them():
    """Renaming is no step: undoing what was done before keeps it, where the region is the same one."""
    layer = _layer()
    regions = RegionLayer(layer)
    regions.apply(morph(regions.labels, regions.grid))
    regions.layer.paint((2, 2, 2), 7)
    regions.apply(renumber(regions.labels))
    now = {old: new for new, (old,) in renumber(_after(regions, 1)).sources.items()}
    regions.rename(now[2], "fusiform")
    regions.rename(now[7], "new")
    regions.undo()
    assert regions.names == {2: "fusiform", 5: "PPA", 7: "new"}
    regions.undo()
    regions.undo()
    assert regions.names == {2: "fusiform", 5: "PPA"}
    assert np.array_equal(regions.layer.data, _labels())


def _after(regions, steps_back):
    """The labels so many steps ago."""
    for _ in range(steps_back):
        regions.undo()
    labels = regions.labels.copy()
    for _ in range(steps_back):
        regions.redo()
    return labels


def test_strokes_carry_origins():
    """What is painted over a region that a test made was chosen by that test, too; what is gone has no origin; undo knows."""
    layer = _layer()
    regions = RegionLayer(layer)
    layer.contiguous = False
    layer.n_edit_dimensions = 3
    layer.brush_size = 1
    layer.fill((2, 2, 2), 9)
    assert ids_in(layer.data) == [5, 9]
    assert regions.origins == {9: (TEST,)}
    layer.paint((7, 0, 0), 2)
    assert regions.origins == {9: (TEST,)}
    layer.undo()
    layer.undo()
    assert regions.origins == {2: (TEST,)}
    layer.data_setitem(np.nonzero(layer.data == 2), 0)
    assert regions.origins == {}
    layer.undo()
    assert regions.origins == {2: (TEST,)}


@pytest.mark.parametrize("large", [2**31 + 7, 2**40, 2**33 + 1])
def test_strokes_carry_origins_to_ids_of_any_size(large):
    """An atlas may have ids beyond 32 bits: what is painted over a tested region is marked there, too."""
    labels = np.zeros((3, 3, 3), np.int64)
    labels[0], labels[1] = 1, large
    layer = Labels(labels, metadata={"connectome": {"origins": origins_to_dict({1: (TEST,)})}})
    regions = RegionLayer.of(layer)
    layer.data_setitem((np.array([0]), np.array([0]), np.array([0])), large)
    assert regions.origins == {1: (TEST,), large: (TEST,)}
    layer.undo()
    assert regions.origins == {1: (TEST,)}


def test_the_other_image_passes_its_origins_on():
    """Cutting with a mask that a test made makes the regions depend on that test."""
    layer = _layer()
    regions = RegionLayer(layer)
    other = np.zeros(GRID.shape, np.uint8)
    other[:, :, :7] = 1
    edit = combine(regions.labels, other, Combine(how="intersect"))
    regions.apply(edit, {1: (OTHER,)})
    assert regions.origins == {2: (TEST, OTHER), 5: (OTHER,)}


def test_who_made_the_regions_has_the_last_word_on_origins():
    """A threshold that is moved rewrites voxels and origins in place."""
    layer = _layer()
    regions = RegionLayer(layer)
    info(layer)["origins"] = origins_to_dict({2: (OTHER,)})
    assert regions.origins == {2: (OTHER,)}
    layer.data[0, 0, 0] = 2
    layer.refresh()
    assert regions.origins == {2: (OTHER,)}


def test_what_is_heard():
    """Every way to change voxels is told once; looking at another slice is not."""
    viewer = ViewerModel()
    layer = viewer.add_layer(_layer())
    regions, heard = RegionLayer(layer), []
    regions.changed.connect(lambda: heard.append(1))

    def told(do):
        heard.clear()
        do()
        return len(heard)

    assert told(lambda: viewer.dims.set_point(0, 3)) == 0
    assert told(lambda: layer.paint((2, 2, 2), 7)) == 1
    assert told(lambda: layer.fill((0, 0, 0), 8)) == 1
    assert told(layer.undo) == 1
    assert told(layer.redo) == 1
    assert told(lambda: setattr(layer, "data", _labels().astype(np.uint16))) == 1
    assert told(lambda: regions.rename(5, "x")) == 1
    assert told(lambda: setattr(layer, "features", {"index": [5], "name": ["y"]})) == 1
    assert regions.names[5] == "y"
    assert told(lambda: regions.describe(region_table(regions.labels, regions.grid))) == 0


def test_features_say_what_the_table_says():
    """Sizes and values for the status bar; what was there besides stays, and writing the same again is no event."""
    layer = _layer()
    regions, events = RegionLayer(layer), []
    values = np.arange(np.prod(GRID.shape)).reshape(GRID.shape) / 7
    table = region_table(regions.labels, regions.grid, values, regions.names)
    regions.describe(table)
    features = layer.features.set_index("index")
    assert list(features.columns) == ["name", "network", "voxels", "size_mm3", "peak", "mean"]
    assert features.loc[2, "voxels"] == 24
    assert isinstance(features.loc[2, "voxels"], int)
    assert features.loc[0, "voxels"] is None
    layer.events.features.connect(lambda: events.append(1))
    regions.describe(table)
    assert not events


def test_names_are_each_regions_own():
    """Empty names and those of others are refused; odd characters become one line."""
    layer = _layer()
    regions = RegionLayer(layer)
    with pytest.raises(InputError, match="needs a name"):
        regions.rename(2, "  ")
    with pytest.raises(InputError, match="another region named PPA"):
        regions.rename(2, "PPA")
    regions.rename(2, " a\nb ")
    assert regions.name(2) == "a b"
    regions.rename(2, "a b")


def test_a_refused_edit_changes_nothing():
    """Ids that the type cannot hold: a sentence, and all is as it was."""
    layer = _layer()
    regions = RegionLayer(layer)
    edit = renumber(regions.labels)
    edit.labels[0, 0, 0] = 3
    big = type(edit)(edit.labels.astype(np.uint16) * 200, {200: (2,), 400: (5,), 600: ()})
    with pytest.raises(InputError, match="put them into a new layer"):
        regions.apply(big)
    assert np.array_equal(layer.data, _labels())
    assert regions.names == {2: "FFA", 5: "PPA"}
    assert not regions.undo()
    made = add_edit(ViewerModel(), regions, big, "more")
    assert made.data.max() == 600
    assert RegionLayer(made).names == {200: "FFA", 400: "PPA"}
    assert RegionLayer(made).origins == {200: (TEST,)}
    assert grid_of(made).matches(GRID)


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64, np.uint16, np.uint32])
def test_all_types_of_labels(dtype):
    """Signed types too; negative labels are one sentence."""
    layer = _layer(dtype)
    regions = RegionLayer(layer)
    regions.apply(morph(regions.labels, regions.grid))
    assert layer.data.dtype == dtype
    if np.issubdtype(dtype, np.signedinteger):
        layer.data_setitem((np.array([0]), np.array([0]), np.array([0])), -1)
        with pytest.raises(InputError, match="negative"):
            _ = regions.labels


def test_one_for_each_layer_that_lets_it_go():
    """Asked for twice it is the same; it does not keep a layer alive."""
    layer = _layer()
    regions = RegionLayer.of(layer)
    assert RegionLayer.of(layer) is regions
    there = weakref.ref(layer)
    del layer
    gc.collect()
    assert there() is None
    del regions


def test_a_new_layer_lies_on_the_run():
    """The newest run's grid, else the newest image's; it is selected, so that one can paint."""
    viewer = ViewerModel()
    assert new_grid(viewer) is None
    viewer.add_image(np.zeros((20, 20, 20), np.float32), **layer_kwargs(Grid((20, 20, 20), np.eye(4)), role="volume"))
    assert new_grid(viewer).shape == (20, 20, 20)
    run = np.zeros((3, *GRID.shape), np.float32)
    viewer.add_image(run, contrast_limits=(0, 1), **layer_kwargs(GRID, tr=2.0, time=True, role="run"))
    viewer.add_image(np.zeros((5, 5, 5), np.float32), **layer_kwargs(Grid((5, 5, 5), np.eye(4)), role="volume"))
    assert new_grid(viewer).matches(GRID)
    layer = new_regions(viewer, new_grid(viewer))
    assert viewer.layers.selection.active is layer
    assert not layer.data.any()
    assert layer.brush_size == 3
    assert grid_of(layer).matches(GRID)
