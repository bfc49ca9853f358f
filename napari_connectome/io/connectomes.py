"""Connectomes as files: a table with names, all numbers and subjects, or a graph for programs that draw and measure those."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO
from xml.sax.saxutils import XMLGenerator
from xml.sax.xmlreader import AttributesImpl

import numpy as np
import numpy.typing as npt

from napari_connectome.core.connectomes import Connectome
from napari_connectome.core.edges import Edges
from napari_connectome.core.errors import InputError
from napari_connectome.core.sparse_connectomes import SparseConnectome
from napari_connectome.io.atomic import replacing
from napari_connectome.io.beside import check_ours, has_keys, json_bytes, text_of
from napari_connectome.io.tables import MISSING, read_text

Array = npt.NDArray[Any]
PathLike = str | os.PathLike[str]

SEPARATORS = {".tsv": "\t", ".csv": ","}
ENDINGS = (*SEPARATORS, ".npz", ".graphml")
ABOUT = ("kind", "subjects", "fisher_z")
"""What the .json beside a table says at least."""
GRAPHML = "http://graphml.graphdrawing.org/xmlns"


def save_connectome(
    connectome: Connectome,
    path: PathLike,
    *,
    subject: int | None = None,
    edges: Edges | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Write a connectome; the file appears whole or not at all.

    Parameters
    ----------
    connectome : Connectome
    path : path
        ``.tsv`` or ``.csv``: one matrix with the names of the regions above and beside it (BIDS: ``…_relmat.tsv``), and a .json
        beside it that says what the numbers are and where the regions lie. ``.npz``: all subjects, for NumPy; of a
        sparse connectome also alpha, all that were tried with their scores, precisions, covariances and gap. ``.graphml``: one
        matrix as a graph, for Gephi, Cytoscape or NetworkX: a node for each region, an edge for each pair that has a value.
    subject : int, optional
        Which matrix goes into a table or a graph; the mean otherwise.
    edges : Edges, optional
        Those of the graph; all otherwise.
    provenance : mapping, optional
        What made it, in plain values; for the .json.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in ENDINGS:
        raise InputError(
            f"{Path(path).name} has the ending {suffix or 'none'}: connectomes are written as {', '.join(ENDINGS)}."
        )
    if subject is not None and not 0 <= subject < len(connectome):
        raise InputError(f"there is no subject {subject}: the connectome has {len(connectome)}, counted from 0.")
    matrix = connectome.mean if subject is None else connectome.matrices[subject]
    if suffix == ".npz":
        _write(path, lambda stream: np.savez_compressed(stream, **_arrays(connectome)))
    elif suffix == ".graphml":
        chosen = Edges.of(matrix) if edges is None else edges
        _write(path, lambda stream: _write_graph(stream, connectome, chosen))
    else:
        beside = about_file(path)
        check_ours(beside, lambda text: has_keys(text, *ABOUT), "does not say what a connectome is", of="table")
        _write(path, lambda stream: stream.write(_table(connectome, matrix, SEPARATORS[suffix])))
        _write(beside, lambda stream: stream.write(json_bytes(_about(connectome, subject, provenance or {}))))


def load_connectome(path: PathLike) -> Connectome:
    """Read a connectome that was saved as ``.tsv``, ``.csv`` or ``.npz``, or any square table with names above and beside it.

    Returns
    -------
    Connectome
        Of a table without a .json beside it, the kind is taken to be "correlation" where no value is beyond 1 and the diagonal
        is 1, "covariance" otherwise.
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".npz":
        return _from_arrays(path)
    if suffix not in SEPARATORS:
        raise InputError(f"{Path(path).name} has the ending {suffix or 'none'}: connectomes are read from .tsv, .csv or .npz.")
    return _from_table(path, SEPARATORS[suffix])


def about_file(table: PathLike) -> Path:
    """Where it is kept what the numbers of a table are."""
    return Path(table).with_suffix(".json")


def _write(path: PathLike, write: Callable[[BinaryIO], Any]) -> None:
    with replacing(path) as stream:
        write(stream)


# -- tables -----------------------------------------------------------------------------------------------------------


def _table(connectome: Connectome, matrix: Array, separator: str) -> bytes:
    text = io.StringIO()
    rows = csv.writer(text, delimiter=separator, lineterminator="\n")
    rows.writerow(["", *connectome.names])
    for name, values in zip(connectome.names, matrix.tolist(), strict=True):
        rows.writerow([name, *("n/a" if math.isnan(value) else repr(value) for value in values)])
    return text.getvalue().encode()


def _about(connectome: Connectome, subject: int | None, provenance: Mapping[str, Any]) -> dict[str, Any]:
    """What the .json says of a matrix: a mean keeps the names of those it is of."""
    which = list(connectome.subjects) if subject is None else [connectome.subjects[subject]]
    shrinkage = np.asarray(connectome.shrinkage)
    return {
        "kind": connectome.kind,
        "fisher_z": connectome.fisher_z,
        "subjects": which,
        "mean": subject is None and len(connectome) > 1,
        "shrinkage": shrinkage if subject is None else shrinkage[subject : subject + 1],
        "coordinates": connectome.coordinates,
        "centre": connectome.centre,
        **({"alpha": connectome.alpha, "gap": connectome.gap} if isinstance(connectome, SparseConnectome) else {}),
        "provenance": dict(provenance),
    }


def _from_table(path: PathLike, separator: str) -> Connectome:
    name = Path(path).name
    rows = [row for row in csv.reader(io.StringIO(read_text(path)), delimiter=separator) if row]
    names = rows[0][1:] if rows else []
    if not names or len(rows) != len(names) + 1 or any(len(row) != len(rows[0]) for row in rows):
        raise InputError(f"{name} is no square table with the names of the regions above and beside it: give one that is.")
    beside = [row[0] for row in rows[1:]]
    if beside != names:
        first = next(i for i, (a, b) in enumerate(zip(beside, names, strict=True)) if a != b)
        raise InputError(
            f"row {first + 1} of {name} is called {beside[first]!r} and its column {names[first]!r}: they must agree."
        )
    matrix = np.array([[_number(cell, name) for cell in row[1:]] for row in rows[1:]])
    about = _read_about(path)
    _require_symmetric(matrix, name)
    if about is None:
        bounded = np.nanmax(np.abs(matrix), initial=0.0) <= 1 and np.allclose(np.diag(matrix)[~np.isnan(np.diag(matrix))], 1)
        return Connectome(matrix, names, "correlation" if bounded else "covariance")
    subjects, shrinkage = about["subjects"], about.get("shrinkage")
    if about.get("mean"):
        subjects, shrinkage = [f"mean of {len(subjects)} subjects"], None
    return Connectome(
        matrix,
        names,
        about["kind"],
        shrinkage,
        about.get("coordinates"),
        subjects,
        about.get("centre"),
        bool(about["fisher_z"]),
    )


def _number(cell: str, name: str) -> float:
    if cell.strip().lower() in MISSING:
        return math.nan
    try:
        return float(cell)
    except ValueError:
        raise InputError(f"{name} holds {cell!r} where a number is needed: correct it.") from None


def _read_about(path: PathLike) -> dict[str, Any] | None:
    try:
        text = text_of(about_file(path))
    except OSError:
        return None
    return json.loads(text) if has_keys(text, *ABOUT) else None


def _require_symmetric(matrix: Array, name: str) -> None:
    if not np.allclose(matrix, matrix.T, rtol=1e-6, atol=1e-9, equal_nan=True):
        raise InputError(
            f"the matrix of {name} is not symmetric, and that of a connectome is: give the same value on both sides."
        )


# -- all subjects -----------------------------------------------------------------------------------------------------


def _arrays(connectome: Connectome) -> dict[str, Any]:
    given: dict[str, Any] = {"coordinates": connectome.coordinates, "centre": connectome.centre}
    if isinstance(connectome, SparseConnectome):
        alphas, scores = connectome.path
        given |= {"alpha": np.array(connectome.alpha), "alphas": alphas, "scores": scores, "gap": np.array(connectome.gap)}
        given |= {"precisions": connectome.precisions, "covariances": connectome.covariances}
    return {
        "matrices": connectome.matrices,
        "names": np.array(connectome.names, dtype=np.str_),
        "subjects": np.array(connectome.subjects, dtype=np.str_),
        "kind": np.array(connectome.kind),
        "fisher_z": np.array(connectome.fisher_z),
        "shrinkage": connectome.shrinkage,
        **{key: value for key, value in given.items() if value is not None},
    }


def _from_arrays(path: PathLike) -> Connectome:
    name = Path(path).name
    try:
        with np.load(path, allow_pickle=False) as held:
            arrays = {key: held[key] for key in held.files}
    except FileNotFoundError:
        raise InputError(f"there is no file {path}: check its name.") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{name} cannot be read as a connectome: copy it again, or save it anew.") from error
    missing = {"matrices", "names"} - set(arrays)
    if missing:
        raise InputError(f"{name} holds no {' and no '.join(sorted(missing))}, and a connectome has them: give another file.")
    return _made(arrays)(
        arrays["matrices"],
        arrays["names"].tolist(),
        str(arrays.get("kind", "correlation")),
        arrays.get("shrinkage"),
        arrays.get("coordinates"),
        arrays["subjects"].tolist() if "subjects" in arrays else (),
        arrays.get("centre"),
        bool(arrays.get("fisher_z", False)),
    )


def _made(arrays: Mapping[str, Any]) -> Callable[..., Connectome]:
    """What is made of the arrays that all connectomes have."""
    if "alpha" not in arrays:
        return Connectome
    nothing = np.empty(0)
    return partial(
        SparseConnectome,
        alpha=float(arrays["alpha"]),
        path=(arrays.get("alphas", nothing), arrays.get("scores", nothing)),
        precisions=arrays.get("precisions"),
        covariances=arrays.get("covariances"),
        gap=float(arrays.get("gap", np.nan)),
    )


# -- graphs -----------------------------------------------------------------------------------------------------------


def _write_graph(stream: BinaryIO, connectome: Connectome, edges: Edges) -> None:
    """GraphML: nodes with name and place, edges with their weight and its magnitude, which most layouts take."""
    xml = XMLGenerator(stream, encoding="utf-8", short_empty_elements=True)
    xml.startDocument()
    with _element(xml, "graphml", xmlns=GRAPHML):
        keys = [("node", "label", "string"), *(("node", axis, "double") for axis in "xyz")]
        for owner, key, kind in [*keys, ("edge", "weight", "double"), ("edge", "magnitude", "double")]:
            with _element(xml, "key", **{"id": key, "for": owner, "attr.name": key, "attr.type": kind}):
                pass
        with _element(xml, "graph", id=connectome.kind, edgedefault="undirected"):
            for i, name in enumerate(connectome.names):
                with _element(xml, "node", id=f"n{i}"):
                    _data(xml, "label", _printable(name))
                    for axis, place in zip(
                        "xyz", () if connectome.coordinates is None else connectome.coordinates[i], strict=False
                    ):
                        _data(xml, axis, float(place))
            for i, j, weight in zip(edges.rows.tolist(), edges.columns.tolist(), edges.weights.tolist(), strict=True):
                with _element(xml, "edge", source=f"n{j}", target=f"n{i}"):
                    _data(xml, "weight", weight)
                    _data(xml, "magnitude", abs(weight))
    xml.endDocument()


@contextmanager
def _element(xml: XMLGenerator, name: str, **attributes: str) -> Iterator[None]:
    xml.startElement(name, AttributesImpl(attributes))
    yield
    xml.endElement(name)


def _data(xml: XMLGenerator, key: str, value: str | float) -> None:
    """One datum of a node or an edge; a number that is none is left out."""
    if isinstance(value, str) or math.isfinite(value):
        with _element(xml, "data", key=key):
            xml.characters(value if isinstance(value, str) else repr(value))


def _printable(text: str) -> str:
    """Text without the control characters that XML cannot hold."""
    return "".join(character for character in text if character in "\t\n" or ord(character) >= 32)
