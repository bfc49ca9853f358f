"""Regions are known by their place: names that several of them have change no number, and series are made without such."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import napari_connectome as nc
from napari_connectome.core.edges import Edges
from napari_connectome.core.orderings import order_of
from napari_connectome.io.connectomes import save_connectome

REGIONS = 5
NAMES = st.lists(st.sampled_from(["a", "b", "", "a (1)", "LH_Vis_1"]), min_size=REGIONS, max_size=REGIONS)
KINDS = ("correlation", "partial_correlation", "covariance", "precision", "tangent")


def group(names):
    rng = np.random.default_rng(0)
    mixed = np.eye(REGIONS) + 0.5 * rng.random((REGIONS, REGIONS))
    return [nc.Series(rng.standard_normal((40, REGIONS)) @ mixed, names, 2.0) for _ in range(4)]


def kinds(kind):
    return lambda series: nc.connectome(series, nc.Connectivity(kind=kind))


def of_groups(series):
    z = nc.connectome(series, nc.Connectivity(kind="correlation", fisher_z=True))
    return nc.edge_test(z.of_subjects([0, 1]), z.of_subjects([2, 3]))


def sparse(method):
    return lambda series: nc.sparse_connectome(series, nc.SparseConnectivity(method=method, alpha=0.02))


MAKE = {
    **{kind: (kinds(kind), "matrices") for kind in KINDS},
    **{f"sparse, {method}": (sparse(method), "matrices") for method in ("group", "single")},
    "edge test": (of_groups, "t"),
    "clustering": (lambda series: order_of(nc.connectome(series), "clustering"), "order"),
    "order of some": (lambda series: nc.connectome(series).take([3, 0, 2]), "matrices"),
    "edge": (lambda series: nc.edge_account(series, 3, 1), "r"),
}


@pytest.mark.parametrize("what", MAKE)
@given(names=NAMES)
def test_doubled_names_change_no_number(what, names):
    make, number = MAKE[what]
    mine, theirs = make(group(names)), make(group(list("vwxyz")))
    np.testing.assert_array_equal(getattr(mine, number), getattr(theirs, number))
    if isinstance(mine, nc.Connectome) and len(mine.names) == REGIONS:
        assert list(mine.names) == names


@pytest.mark.parametrize("ending", ["tsv", "csv", "npz", "graphml"])
@given(names=NAMES)
def test_doubled_names_are_written_and_read_back(tmp_path, ending, names):
    wanted = nc.connectome(group(names)[0])
    path = tmp_path / f"one_relmat.{ending}"
    save_connectome(wanted, path)
    if ending == "graphml":
        assert path.read_text().count("<node ") == REGIONS
        assert path.read_text().count("<edge ") == len(Edges.of(wanted.mean))
    else:
        again = nc.load_connectome(path)
        assert list(again.names) == names
        np.testing.assert_array_equal(again.matrices, wanted.matrices)


@given(names=NAMES)
def test_series_of_regions_have_names_that_are_all_different_and_begin_with_those_given(names):
    """In every subject the same, also in one that lacks a region."""
    rng = np.random.default_rng(0)
    grid = nc.Grid((REGIONS, 2, 2), np.diag([3.0, 3.0, 3.0, 1.0]))
    labels = np.broadcast_to(np.arange(1, REGIONS + 1)[:, None, None], grid.shape).astype(np.uint8)
    atlas = nc.Regions(labels, grid, nc.Regions(labels, grid).table.assign(name=names))
    run = nc.Run(rng.standard_normal((12, *grid.shape)), grid, 2.0)
    found = nc.region_series(run, atlas).names
    assert len(set(found)) == REGIONS
    assert all(mine.startswith(name) for mine, name in zip(found, names, strict=True))
    assert [mine for mine, name in zip(found, names, strict=True) if names.count(name) > 1 and mine == name] == []
    lacking = nc.Regions(np.where(labels == 2, 0, labels), grid)
    assert nc.region_series(run, lacking, expected=atlas.table).names == found
