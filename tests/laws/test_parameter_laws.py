"""What every parameter refuses, and that what it takes leads to a result or to one sentence."""

import dataclasses
import importlib.util
import math
import warnings
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import napari_connectome as nc
from napari_connectome.analyses.group_mask import common_mask
from napari_connectome.core.errors import InputError
from napari_connectome.core.motion import framewise_displacement, keep_still

HERE = Path(__file__).parent


def _beside(name):
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


cases, laws = _beside("analyses"), _beside("test_analyses_laws")


def numbers(kind):
    """The fields of a parameter class that are numbers, and not one of a few."""
    hints = get_type_hints(kind)
    return [field for field in dataclasses.fields(kind) if hints[field.name] in (int, float) and not field.metadata["choices"]]


NUMBERS = [
    pytest.param(kind, field, id=f"{kind.__name__}.{field.name}")
    for kind in laws.parameter_classes()
    for field in numbers(kind)
]
NONSENSE = [math.nan, np.float32("nan"), -math.inf, "6", "", None, True, np.True_, [6], (1, 2), np.array([1.0, 2.0]), 1j, {}]


@pytest.mark.parametrize(("kind", "field"), NUMBERS)
def test_a_number_has_a_lower_bound_and_takes_no_nonsense(kind, field):
    low, high = field.metadata["low"], field.metadata["high"]
    assert low > -math.inf
    beyond = [np.nextafter(low, -math.inf), low - 1] + ([] if math.isinf(high) else [np.nextafter(high, math.inf), math.inf])
    for wrong in NONSENSE + beyond:
        with pytest.raises(InputError, match=rf"^{kind.__name__}\.{field.name} is .* and must .*\.$"):
            kind(**{field.name: wrong})


@pytest.mark.parametrize(("kind", "field"), NUMBERS)
@given(st.one_of(st.floats(), st.integers(), st.floats(width=32).map(np.float32), st.integers(-9, 9).map(np.int8)))
def test_a_number_that_is_taken_is_within_its_bounds_and_a_plain_one(kind, field, value):
    try:
        taken = getattr(kind(**{field.name: value}), field.name)
    except InputError:
        return
    assert type(taken) is get_type_hints(kind)[field.name]
    assert taken == value or (isinstance(value, int) and taken == float(value))  # of more than 53 bits
    assert field.metadata["low"] <= taken <= field.metadata["high"]


def _threshold(params):
    return nc.threshold(nc.Volume(cases.weights()[0], cases.GRID), params)


def _learn(params):
    return nc.learn_networks([cases.run(0), cases.run(1)], params, mask=cases.mask())


def _extract(params):
    return nc.extract_regions(cases.maps(), params)


FEW = nc.Networks(n_components=3, alpha=2.0)
ANALYSES = {
    "clean": (nc.Cleaning(), lambda params: nc.clean(cases.run().data[:, 3, 3], 2.0, params)),
    "seed_map": (nc.SeedMap(), lambda params: nc.seed_map(cases.run(), [(0.0, 0.0, 0.0)], params, cases.mask())),
    "condition_test": (nc.ConditionTest(), lambda params: nc.condition_test(cases.run(), cases.labels(), params)),
    "make_regions": (nc.Labeling(), lambda params: nc.make_regions(cases.mask(), params)),
    "region_series": (nc.RegionSeries(), lambda params: nc.region_series(cases.run(), cases.regions(), params)),
    "high_variance_confounds": (nc.HighVariance(), lambda params: nc.high_variance_confounds(cases.run(), params)),
    "compcor": (nc.CompCor(), lambda params: nc.compcor(cases.run(), cases.mask(), params)),
    "dictionary": (FEW, _learn),
    "ica": (FEW.replace(method="ica"), _learn),
    **{
        f"threshold, {method}": (nc.Threshold(method=method), _threshold)
        for method in ("value", "percentile", "fpr", "fdr", "bonferroni")
    },
    **{
        f"extract_regions, {strategy}, {method}": (
            nc.RegionExtraction(strategy=strategy, method=method, min_size=0.0),
            _extract,
        )
        for strategy in ("ratio_n_voxels", "percentile", "img_value")
        for method in ("connected_components", "local_regions")
    },
}


def _outcome(analyse, params, changes):
    """What an analysis says, "" where it has a result."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            analyse(params.replace(**changes))
    except InputError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", ANALYSES)
def test_at_its_bounds_every_number_leads_to_a_result_or_to_one_sentence(name):
    """Without a warning, which is what a division by 0 or a product with infinity would be."""
    params, analyse = ANALYSES[name]
    for field in numbers(type(params)):
        for value in (field.metadata["low"], field.metadata["high"]):
            said = _outcome(analyse, params, {field.name: value})
            assert said.endswith("." if said else ""), field.name


RUN = cases.run()
FUNCTIONS = {
    "TR of clean": lambda v: nc.clean(RUN.data[:, 3, 3], v, nc.Cleaning(high_pass=0.01)),
    "TR of a run": lambda v: nc.Run(RUN.data, cases.GRID, v),
    "TR of series": lambda v: nc.Series(np.zeros((5, 2)), "ab", v),
    "width of smooth": lambda v: nc.smooth(RUN, v),
    "radius of a sphere": lambda v: cases.GRID.sphere((0.0, 0.0, 0.0), v),
    "radius of the head": lambda v: framewise_displacement(np.zeros((5, 6)), v),
    "limit of displacement": lambda v: keep_still(np.arange(5.0), v),
    "limit of DVARS": lambda v: keep_still(np.arange(5.0), 1.0, dvars=np.arange(5.0), dvars_threshold=v),
    "shortest stretch": lambda v: keep_still(np.arange(5.0), 1.0, shortest=v),
    "limit of displacement of a file": lambda v: nc.RunFile("sub-01_bold.nii.gz", confounds="beside", fd_limit=v),
    "TR of a file": lambda v: nc.RunFile("sub-01_bold.nii.gz", tr=v),
    "share of a common mask": lambda v: common_mask([cases.mask()], v),
    "patience with a scheduler": lambda v: nc.cluster_executor("127.0.0.1:1", v).__enter__(),
}


@pytest.mark.parametrize("what", FUNCTIONS)
@pytest.mark.parametrize("wrong", [-1.0, -math.inf, math.nan, "x", [1, 2], True, np.True_, 1j], ids=str)
def test_functions_refuse_nonsense_in_one_sentence(what, wrong):
    with pytest.raises(InputError, match=r" (is|not) .*\.$") as caught:
        FUNCTIONS[what](wrong)
    assert "scheduler answers" not in str(caught.value)


def test_a_limit_of_displacement_of_0_censors_all_that_moves_and_infinity_nothing():
    assert keep_still([0.0, 0.1, np.nan], 0.0).tolist() == [True, False, True]
    assert keep_still([0.0, 0.1, np.nan], math.inf).all()
