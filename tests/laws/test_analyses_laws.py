"""What holds for every analysis and every parameter class, whatever it computes."""

import dataclasses
import functools
import importlib
import importlib.util
import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import napari_connectome as nc
from napari_connectome.core.params import Params

HERE = Path(__file__).parent
_spec = importlib.util.spec_from_file_location("analyses_cases", HERE / "analyses.py")
cases = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(cases)
CASES = cases.CASES


@functools.cache
def result_of(name):
    """The result of a case, computed once."""
    return CASES[name]()


def arrays(result):
    """All numbers in a result, by where they are."""
    if isinstance(result, np.ndarray):
        return {"": result}
    if isinstance(result, pd.DataFrame):
        return {f".{name}": column.to_numpy() for name, column in result.items()}
    if isinstance(result, float | int):
        return {"": np.asarray(result)}
    if dataclasses.is_dataclass(result):
        parts = {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}
    elif isinstance(result, tuple | list):
        parts = dict(enumerate(result))
    else:
        return {}
    return {f".{name}{place}": found for name, part in parts.items() for place, found in arrays(part).items()}


def grids(result):
    """All grids in a result."""
    if isinstance(result, nc.Grid):
        return [result]
    if not dataclasses.is_dataclass(result):
        return []
    return [grid for field in dataclasses.fields(result) for grid in grids(getattr(result, field.name))]


@pytest.mark.parametrize("name", CASES)
def test_the_same_twice_on_the_same_grid(name):
    """Bit for bit; that nothing given is written to, the data given see to: they are read-only."""
    first, again = result_of(name), CASES[name]()
    numbers, others = arrays(first), arrays(again)
    assert numbers
    assert numbers.keys() == others.keys()
    for place, found in numbers.items():
        np.testing.assert_array_equal(found, others[place], err_msg=place)
    assert all(grid.matches(cases.GRID) for grid in grids(first))


@pytest.mark.parametrize("name", CASES)
def test_images_are_float32_masks_bool_and_labels_as_small_as_can_be(name):
    for place, found in arrays(result_of(name)).items():
        if found.ndim >= 3 and found.shape[-3:] == cases.GRID.shape and place != ".p.data":  # p are as small as 1e-300
            assert found.dtype in (np.float32, np.bool_, np.uint8), place


def test_all_of_it_runs_without_napari_and_qt():
    code = f"""
import runpy, sys
found = runpy.run_path({str(HERE / "analyses.py")!r})
for case in found["CASES"].values():
    case()
print(sorted(name for name in ("napari", "qtpy", "PyQt6", "PySide6", "nilearn", "matplotlib") if name in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[-2] == "[]"


def parameter_classes():
    """Every parameter class of the package."""
    for floor in ("core", "analyses", "io"):
        package = importlib.import_module(f"napari_connectome.{floor}")
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package.__name__}.{module.name}")
    found, todo = [], [Params]
    while todo:
        todo += (subclasses := todo.pop().__subclasses__())
        found += subclasses
    return sorted({each for each in found if each.__module__.startswith("napari_connectome")}, key=lambda each: each.__name__)


@pytest.mark.parametrize("kind", parameter_classes(), ids=lambda kind: kind.__name__)
def test_parameters_survive_json_and_explain_themselves(kind):
    default = kind()
    again = kind.from_dict(json.loads(json.dumps(default.to_dict())))
    assert again == default
    for field in dataclasses.fields(kind):
        if field.metadata:
            doc = field.metadata["doc"]
            assert doc.endswith("."), f"{kind.__name__}.{field.name}"
            assert len(doc) > 10, f"{kind.__name__}.{field.name}"


def test_every_public_analysis_is_among_the_cases():
    """Whoever adds a public function of a run, of maps or of regions adds a case."""
    functions = {name for name in nc.__all__ if name.islower() and not name.startswith(("load_", "save", "cluster", "_"))}
    named = {name.split()[0].rstrip(",") for name in CASES}
    assert functions <= named, functions - named
