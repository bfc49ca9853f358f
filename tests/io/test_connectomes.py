"""What is saved of a connectome is what is read back."""

import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_connectome import Connectome, SparseConnectome, load_connectome, save
from napari_connectome.core.connectomes import BOUNDED, KINDS
from napari_connectome.core.edges import Edges
from napari_connectome.core.errors import InputError
from napari_connectome.io.connectomes import GRAPHML, save_connectome

NAMES = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=0, max_size=12)


def connectome(s=2, r=5, seed=0, names=None, gaps=False, **more):
    rng = np.random.default_rng(seed)
    matrices = rng.standard_normal((s, r, r))
    matrices = (matrices + matrices.transpose(0, 2, 1)) / 7
    if gaps:
        matrices[:, 2] = matrices[:, :, 2] = np.nan
    names = [f"region {i}" for i in range(r)] if names is None else names
    return Connectome(matrices, names, coordinates=rng.normal(0, 40, (r, 3)), shrinkage=rng.random(s), **more)


def same(a, b):
    for what in ("matrices", "shrinkage", "coordinates", "centre"):
        if getattr(a, what) is None:
            assert getattr(b, what) is None
        else:
            np.testing.assert_array_equal(getattr(a, what), getattr(b, what))
    assert (a.names, a.subjects, a.kind, a.fisher_z) == (b.names, b.subjects, b.kind, b.fisher_z)


@given(
    names=st.lists(NAMES, min_size=1, max_size=6),
    kind=st.sampled_from(KINDS),
    ending=st.sampled_from(("tsv", "csv", "npz")),
    gaps=st.booleans(),
    z=st.booleans(),
    seed=st.integers(0, 99),
)
def test_one_subject_is_read_back_bit_for_bit(tmp_path, names, kind, ending, gaps, z, seed):
    """Whatever the regions are called: tabs, commas, quotes, nothing at all."""
    wanted = connectome(
        1, len(names), seed, names, gaps and len(names) > 2, kind=kind, fisher_z=z and kind in BOUNDED, subjects=["sub-é"]
    )
    save(wanted, tmp_path / f"sub_relmat.{ending}")
    same(load_connectome(tmp_path / f"sub_relmat.{ending}"), wanted)


@pytest.mark.parametrize("gaps", [False, True])
def test_all_subjects_are_in_an_npz_and_their_mean_in_a_table(tmp_path, gaps):
    wanted = connectome(3, kind="tangent", centre=np.eye(5), gaps=gaps)
    save(wanted, tmp_path / "all.npz")
    same(load_connectome(tmp_path / "all.npz"), wanted)
    save(wanted, tmp_path / "mean.tsv")
    mean = load_connectome(tmp_path / "mean.tsv")
    np.testing.assert_array_equal(mean.matrices[0], wanted.mean)
    assert mean.subjects == ("mean of 3 subjects",)
    assert json.loads((tmp_path / "mean.json").read_text())["subjects"] == list(wanted.subjects)
    save_connectome(wanted, tmp_path / "second.csv", subject=1, provenance={"parameters": {"kind": "tangent"}})
    second = load_connectome(tmp_path / "second.csv")
    np.testing.assert_array_equal(second.matrices[0], wanted.matrices[1])
    assert second.subjects == wanted.subjects[1:2]
    assert json.loads((tmp_path / "second.json").read_text())["provenance"]["parameters"] == {"kind": "tangent"}


@pytest.mark.parametrize("chosen", [False, True])
def test_of_a_sparse_connectome_all_that_was_found_is_in_an_npz_and_alpha_beside_a_table(tmp_path, chosen):
    rng = np.random.default_rng(0)
    precisions, covariances = rng.random((2, 3, 5, 5))
    path = (np.array([0.2, 0.1]), np.array([-7.0, -6.0])) if chosen else (np.empty(0), np.empty(0))
    found = {"precisions": precisions, "covariances": covariances, "path": path}
    wanted = SparseConnectome(precisions, list("abcde"), "precision", alpha=0.1, gap=1e-7, **found)
    save(wanted, tmp_path / "sparse.npz")
    again = load_connectome(tmp_path / "sparse.npz")
    assert isinstance(again, SparseConnectome)
    same(again, wanted)
    assert (again.alpha, again.gap) == (wanted.alpha, wanted.gap)
    for what in found:
        np.testing.assert_array_equal(getattr(again, what), getattr(wanted, what))
    save(wanted, tmp_path / "sparse.tsv")
    about = json.loads((tmp_path / "sparse.json").read_text())
    assert (about["alpha"], about["gap"]) == (0.1, 1e-7)


def test_tables_are_those_that_others_read(tmp_path):
    wanted = connectome(1, gaps=True)
    save(wanted, tmp_path / "one_relmat.tsv")
    table = pd.read_csv(tmp_path / "one_relmat.tsv", sep="\t", index_col=0, na_values="n/a")
    np.testing.assert_array_equal(table.to_numpy(), wanted.matrices[0])
    assert list(table.index) == list(table.columns) == list(wanted.names)
    table.to_csv(tmp_path / "theirs.csv")
    theirs = load_connectome(tmp_path / "theirs.csv")
    np.testing.assert_array_equal(theirs.matrices[0], wanted.matrices[0])


def test_a_graph_has_the_nodes_and_the_edges_that_were_chosen(tmp_path):
    wanted = connectome(2, names=['a & b <"c">', "ü\x0b", "", "d", "e"], gaps=True)
    save(wanted, tmp_path / "all.graphml")
    chosen = Edges.of(wanted.matrices[1]).first(2)
    save_connectome(wanted, tmp_path / "few.graphml", subject=1, edges=chosen)
    for path, edges in ((tmp_path / "all.graphml", Edges.of(wanted.mean)), (tmp_path / "few.graphml", chosen)):
        graph = ElementTree.parse(path).getroot().find(f"{{{GRAPHML}}}graph")
        nodes, links = graph.findall(f"{{{GRAPHML}}}node"), graph.findall(f"{{{GRAPHML}}}edge")
        said = [{d.get("key"): d.text or "" for d in node} for node in nodes]
        assert [one["label"] for one in said] == ['a & b <"c">', "ü", "", "d", "e"]
        np.testing.assert_array_equal([[float(one[axis]) for axis in "xyz"] for one in said], wanted.coordinates)
        ends = [(int(link.get("target")[1:]), int(link.get("source")[1:])) for link in links]
        assert ends == list(zip(edges.rows, edges.columns, strict=True))
        assert [float(link.find(f"{{{GRAPHML}}}data").text) for link in links] == edges.weights.tolist()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("\ta\tb\na\t1\t2\n", "no square table"),
        ("", "no square table"),
        ("\ta\tb\na\t1\t2\nc\t2\t1\n", "is called 'c'"),
        ("\ta\tb\na\t1\tx\nb\t2\t1\n", "holds 'x'"),
        ("\ta\tb\na\t1\t2\nb\t3\t1\n", "not symmetric"),
    ],
)
def test_what_is_no_connectome_is_told(tmp_path, text, sentence):
    (tmp_path / "m.tsv").write_text(text)
    with pytest.raises(InputError, match=sentence):
        load_connectome(tmp_path / "m.tsv")


def test_what_cannot_be_written_or_read_is_told_and_leaves_all_as_it_was(tmp_path):
    wanted = connectome()
    (tmp_path / "m.json").write_text('{"somebody": "else"}')
    with pytest.raises(InputError, match="beside the table"):
        save(wanted, tmp_path / "m.tsv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.json"]
    for path in (tmp_path / "m.xlsx", tmp_path / "m"):
        with pytest.raises(InputError, match="are written as"):
            save_connectome(wanted, path)
    with pytest.raises(InputError, match="no subject 2"):
        save_connectome(wanted, tmp_path / "n.tsv", subject=2)
    with pytest.raises(InputError, match="are read from"):
        load_connectome(tmp_path / "m.graphml")
    with pytest.raises(InputError, match="no file"):
        load_connectome(tmp_path / "none.npz")
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(InputError, match="cannot be read"):
        load_connectome(tmp_path / "broken.npz")
    (tmp_path / "text.npz").write_text("no numbers")
    with pytest.raises(InputError, match=r"^text\.npz cannot be read as a connectome: copy it again, or save it anew\.$"):
        load_connectome(tmp_path / "text.npz")
    np.savez(tmp_path / "other.npz", a=1)
    with pytest.raises(InputError, match="no matrices and no names"):
        load_connectome(tmp_path / "other.npz")
