"""Networks that are known are learned from a group of phantoms, with what a user would choose, by both methods."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from napari_connectome import Cleaning, Networks, RegionSeries, clean, learn_networks, region_series
from napari_connectome.io.confounds import choose_columns

# More networks than there are: drifts, breathing and what is left of the motion take the others.
CHOSEN = {
    "dictionary": (Networks(n_components=16, fwhm=6.0, alpha=4.0), "simple"),
    "ica": (Networks(n_components=20, fwhm=6.0, method="ica"), "motion 24"),
}


def _with(run, confounds):
    return run.replace(confounds=choose_columns(run.confounds, confounds))


def _pairs(maps, truth):
    """|r| of each true network with the learned one it is paired with, and which that is."""
    r = np.abs(np.corrcoef(truth, maps)[: len(truth), len(truth) :])
    rows, columns = linear_sum_assignment(-r)
    return r[rows, columns], columns


@pytest.mark.parametrize("method", CHOSEN)
def test_each_known_network_is_learned_and_so_is_what_it_does(group, method):
    params, confounds = CHOSEN[method]
    networks = learn_networks([_with(each.run, confounds) for each in group], params)
    names, inside = group[0].networks.names, networks.mask.data
    truth = np.mean([each.networks.data[:, inside] for each in group], axis=0, dtype=np.float64)
    r, which = _pairs(networks.data[:, inside].astype(np.float64), truth)
    assert r.min() >= 0.9, dict(zip(names, r.round(3), strict=True))
    for learned, true in zip(networks.data[which][:, inside], truth, strict=True):
        assert learned @ true > 0
        assert true[learned.argmax()] > 0.25 * true.max()
    cleaning = Cleaning(high_pass=0.01, low_pass=0.1)
    for subject in group:
        run = _with(subject.run, "simple")  # breathing and heartbeat are regressed out, too
        found = region_series(run, networks, RegionSeries(cleaning=cleaning)).data
        true = clean(subject.series.data, run.tr, cleaning, run.confounds)
        r = [np.corrcoef(found[:, i], course)[0, 1] for i, course in zip(which, true.T, strict=True)]
        assert min(r) > 0.8, dict(zip(names, np.round(r, 3), strict=True))
