"""Networks that are next to nothing are told, with what to change; others are not."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_connectome import Networks, learn_networks
from napari_connectome.analyses.network_notices import FEW, LITTLE, of_crumbs
from napari_connectome.io.confounds import choose_columns

NIGHTLY = pytest.mark.nightly
NETWORK = st.tuples(st.integers(1, 3000), st.floats(0, 0.2))


@given(st.lists(NETWORK, min_size=1, max_size=30), st.integers(1, 30_000))
def test_those_with_few_voxels_that_explain_little_are_counted(networks, inside):
    voxels, explained = map(np.array, zip(*networks, strict=True))
    k = len(networks)
    crumbs = [i for i in range(k) if explained[i] < LITTLE / k and voxels[i] < FEW * inside / k]
    told = of_crumbs(tuple(f"map {i}" for i in range(k)), voxels, explained, inside, "so thin", "make them thicker")
    assert len(told) == bool(crumbs)
    if crumbs:
        assert told[0].startswith(f"{len(crumbs)} of {k} network")
        assert told[0].endswith(" of the variance): make them thicker, or ask for fewer networks.")
        assert any(f"(map {i} has {voxels[i]} voxel" in told[0] for i in crumbs)


@pytest.fixture(scope="module")
def runs(group):
    """Six phantoms, whose known networks are eight."""
    return [each.run.replace(confounds=choose_columns(each.run.confounds, "simple")) for each in group]


@pytest.mark.parametrize(
    ("k", "alpha"),
    [(8, 10.0), pytest.param(20, 10.0, marks=NIGHTLY), pytest.param(8, 20.0, marks=NIGHTLY)],
)
def test_too_much_sparsity_is_told_with_the_networks(runs, k, alpha):
    networks = learn_networks(runs, Networks(n_components=k, alpha=alpha))
    (notice,) = networks.provenance["notices"]
    assert f"of {k} networks" in notice
    assert f"next to nothing at a sparsity of {alpha:g} (network " in notice
    assert notice.endswith("lower the sparsity, or ask for fewer networks.")
    assert json.loads(json.dumps(networks.provenance))["notices"] == [notice]


@pytest.mark.parametrize(
    "chosen", [{"alpha": 4.0, "n_components": 12}, pytest.param({"alpha": 4.0}, marks=pytest.mark.nightly), {"method": "ica"}]
)
def test_of_networks_that_are_some_nothing_is_told(runs, chosen):
    assert learn_networks(runs, Networks(**chosen)).provenance["notices"] == []
