"""Orders of regions: permutations that keep blocks together; clustering as nilearn's."""

import sys
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_connectome.core.connectomes import Connectome
from napari_connectome.core.errors import InputError
from napari_connectome.core.orderings import NEITHER, ORDERS, UNKNOWN, network_of, order_of, side_of

SIZES = st.integers(1, 25)
SEEDS = st.integers(0, 10_000)


def connectome(r, seed, names=None, s=1, **more):
    rng = np.random.default_rng(seed)
    matrices = np.stack([np.corrcoef(rng.standard_normal((r, 3 * r + 5))).reshape(r, r) for _ in range(s)])
    return Connectome(matrices, names or [f"region {i}" for i in range(r)], **more)


@pytest.fixture
def reorder_matrix(monkeypatch):
    pytest.importorskip("nilearn")
    import importlib.util
    from pathlib import Path

    import nilearn

    path = Path(nilearn.__file__).parent / "plotting" / "matrix" / "_utils.py"  # its package needs matplotlib
    for name in ("contrasts", "glm"):
        monkeypatch.setitem(sys.modules, "nilearn.glm.contrasts", ModuleType(name))
    sys.modules["nilearn.glm.contrasts"].expression_to_contrast_vector = None
    spec = importlib.util.spec_from_file_location("nilearn_matrix_utils", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.reorder_matrix


@given(r=SIZES, seed=SEEDS, how=st.sampled_from(ORDERS), networks=st.lists(st.sampled_from("abc"), min_size=25, max_size=25))
def test_every_order_holds_each_region_once_and_blocks_are_of_one_kind(r, seed, how, networks):
    given_names = [f"{'LR'[i % 2]}H_{networks[i]}_{i}" for i in range(r)]
    ordering = order_of(connectome(r, seed, given_names), how)
    assert ordering.how == how
    np.testing.assert_array_equal(np.sort(ordering.order), np.arange(r))
    start = 0
    for name, size in ordering.blocks:
        inside = ordering.order[start : start + size]
        assert size > 0
        if how != "clustering":
            kind = network_of if how == "network" else side_of
            assert {kind(given_names[i]) for i in inside} == {name}
        assert (np.diff(inside) > 0).all(), "as given within a block"
        start += size
    assert start in (0, r)
    told = how == "network" and 2 * len({network_of(name) for name in given_names}) <= r
    assert bool(ordering.blocks) == (told or how == "hemisphere" or (how == "clustering" and r == 1))


def test_clustering_is_that_of_nilearn(reorder_matrix):
    for seed in range(30):
        one = connectome(3 + seed, seed, s=2)
        order = order_of(one, "clustering").order
        _, names = reorder_matrix(one.mean, list(one.names), "average")
        assert list(one.take(order).names) == names
        order = order_of(one, "clustering", subject=1).order
        assert list(one.take(order).names) == reorder_matrix(one.matrices[1], list(one.names), "average")[1]


@given(r=st.integers(3, 20), seed=SEEDS, missing=st.sets(st.integers(0, 19), max_size=5))
def test_regions_without_a_value_are_last_and_do_not_change_the_order_of_the_others(r, seed, missing):
    whole = connectome(r, seed)
    missing = sorted(i for i in missing if i < r)
    if len(missing) == r - 1:
        missing = list(range(r))  # one alone has no value with any other
    rest = np.setdiff1d(np.arange(r), missing)
    matrices = whole.matrices.copy()
    matrices[:, missing] = matrices[:, :, missing] = np.nan
    ordering = order_of(Connectome(matrices, whole.names), "clustering")
    assert ordering.order[len(rest) :].tolist() == missing
    if len(rest) > 2:
        np.testing.assert_array_equal(ordering.order[: len(rest)], rest[order_of(whole.take(rest), "clustering").order])
    if missing:
        assert ordering.blocks[-1] == (UNKNOWN, len(missing))


def test_the_table_says_more_than_the_names_and_the_coordinates():
    names = ["LH_Vis_1", "RH_Vis_1", "thalamus", "LH_Cont_1"]
    places = np.array([[5.0, 0, 0], [-5, 0, 0], [0, 0, 0], [-9, 0, 0]])
    one = connectome(4, 0, names, coordinates=places)
    assert order_of(one, "hemisphere").blocks == (("left", 2), ("right", 1), (NEITHER, 1))
    table = pd.DataFrame({"network": ["B", "A", None, "A"], "hemisphere": ["R", "n/a", "L", ""]})
    ordering = order_of(one, "network", table)
    assert ordering.order.tolist() == [0, 1, 3, 2]
    assert ordering.blocks == (("B", 1), ("A", 2), ("thalamus", 1))
    ordering = order_of(one, "hemisphere", table)
    assert ordering.order.tolist() == [2, 3, 0, 1]
    assert ordering.blocks == (("left", 2), ("right", 1), (NEITHER, 1))
    unnamed = connectome(4, 0, coordinates=places)
    assert order_of(unnamed, "hemisphere").order.tolist() == [1, 3, 0, 2]


@pytest.mark.parametrize(
    ("name", "network", "side"),
    [
        ("LH_SalVentAttn_Med_1", "SalVentAttn", "left"),
        ("7Networks_RH_Default_pCunPCC_2", "Default", "right"),
        ("ctx-lh-insula", "ctx", "left"),
        ("Precentral_L", "Precentral", "left"),
        ("Left Frontal Pole", "Left Frontal Pole", "left"),
        ("Middle frontal gyrus lateral LH", "Middle frontal gyrus lateral LH", "left"),
        ("region 12", "region", ""),
        ("LH", "LH", "left"),
        ("12", "12", ""),
        ("", "", ""),
        ("left and right thalamus", "left and right thalamus", ""),
        ("Lingual", "Lingual", ""),
    ],
)
def test_names_tell_network_and_side(name, network, side):
    assert network_of(name) == network
    assert side_of(name) == side


def test_what_is_no_order_is_refused():
    one = connectome(4, 0)
    with pytest.raises(InputError, match="must be one of as given, network"):
        order_of(one, "size")
    with pytest.raises(InputError, match="3 rows for 4 regions"):
        order_of(one, "network", pd.DataFrame({"network": list("abc")}))
