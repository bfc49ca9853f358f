from __future__ import annotations

import gzip
import sys

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from napari_connectome.core import memory
from napari_connectome.core.errors import Cancelled, InputError
from napari_connectome.core.grid import Grid
from napari_connectome.core.values import Volume
from napari_connectome.io import gz
from napari_connectome.io.confounds import MOTION, find_confounds
from napari_connectome.io.load import load_regions, load_run, load_volume, open_image
from napari_connectome.io.names import sidecar
from napari_connectome.io.save import save
from napari_connectome.io.tables import read_table

AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])


def write(path, data, tr=2.0, unit="sec", **fields):
    image = nib.Nifti1Image(data, AFFINE)
    image.header.set_xyzt_units("mm", unit)
    if data.ndim == 4:
        image.header["pixdim"][4] = tr
    for field, value in fields.items():
        image.header[field] = value
    nib.save(image, path)
    return path


@pytest.fixture
def run_file(tmp_path):
    return write(tmp_path / "sub-01_bold.nii.gz", np.random.default_rng(0).integers(0, 99, (4, 5, 6, 7)).astype(np.int16))


def test_a_run_is_time_first_with_its_tr_and_name(run_file):
    run = load_run(run_file)
    assert run.data.shape == (7, 6, 5, 4)
    assert run.data.dtype == np.int16
    assert (run.tr, run.name) == (2.0, "sub-01_bold")
    assert load_run(run_file, tr=3).tr == 3


def test_confounds_may_be_a_table(run_file):
    assert load_run(run_file, confounds=pd.DataFrame({"x": np.arange(7.0)})).confounds.shape == (7, 1)
    with pytest.raises(InputError, match="351 rows and sub-01_bold has 7 volumes"):
        load_run(run_file, confounds=np.zeros((351, 2)))


@pytest.mark.parametrize(
    ("value", "unit", "zooms", "tr", "guess"),
    [
        (2.0, "sec", 3, 2.0, None),
        (2.2, "unknown", 3, 2.2, None),
        (2000.0, "msec", 3, 2.0, None),
        (720000.0, "usec", 3, 0.72, None),
        (1.0, "sec", 3, 1.0, None),
        (0.0, "sec", 3, None, None),
        (-2.0, "sec", 3, None, None),
        (np.nan, "sec", 3, None, None),
        (1.0, "unknown", 3, None, None),
        (1.0, "sec", 1, None, None),
        (2000.0, "sec", 3, None, 2.0),
        (2200.0, "unknown", 3, None, 2.2),
        (2.0, "msec", 3, None, 2.0),
        (2.0, "hz", 3, None, None),
        (2.0, "usec", 3, None, 2.0),
        (2000.0, "usec", 3, None, 2.0),
        (0.002, "sec", 3, None, 2.0),
        (1e-5, "sec", 3, None, 10.0),
        (1e-9, "sec", 3, None, None),
        (2.2e6, "sec", 3, None, 2.2),
        (1e12, "sec", 3, None, None),
        (0.05, "sec", 3, 0.05, None),
    ],
)
def test_a_tr_that_cannot_be_trusted_is_asked_for(tmp_path, value, unit, zooms, tr, guess):
    image = nib.Nifti1Image(np.zeros((3, 3, 3, 4), np.int16), np.diag([zooms, zooms, zooms, 1.0]))
    image.header.set_xyzt_units("mm", unit)
    image.header["pixdim"][4] = value
    nib.save(image, path := tmp_path / "run.nii")
    found = open_image(path).repetition
    if not np.isnan(value) and value < 0:  # nibabel mends the sign
        return
    assert (found.tr, found.guess) == (tr, guess)
    assert bool(found.question) == (tr is None)
    if tr is None:
        with pytest.raises(InputError, match=r"the TR of run\.nii is not known, since .*: pass tr=… in seconds"):
            load_run(path)
        assert load_run(path, tr=2.5).tr == 2.5


def test_axes_beyond_the_third(tmp_path):
    data = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)
    for shape, expected in [
        ((2, 3, 20, 1), (20, 3, 2)),
        ((2, 3, 20, 1, 1), (20, 3, 2)),
        ((2, 3, 4, 5, 1), (5, 4, 3, 2)),
        ((2, 3, 4, 1, 5), (5, 4, 3, 2)),
        ((6, 20), (1, 20, 6)),
    ]:
        path = write(tmp_path / "a.nii", data.reshape(shape))
        assert open_image(path).data.shape == expected
    assert "not time" in open_image(write(tmp_path / "b.nii", data.reshape(2, 3, 4, 1, 5))).repetition.question
    with pytest.raises(InputError, match="5 dimensions"):
        open_image(write(tmp_path / "c.nii", data.reshape(2, 3, 2, 2, 5)))


def test_complex_and_colours(tmp_path):
    values = np.exp(1j * np.arange(24)).reshape(2, 3, 4).astype(np.complex64) * 5
    opened = open_image(write(tmp_path / "c.nii.gz", values))
    np.testing.assert_allclose(opened.data, 5, rtol=1e-6)
    np.testing.assert_allclose(opened.phase, np.angle(values).T, rtol=1e-5)
    with pytest.raises(InputError, match="complex"):
        load_volume(tmp_path / "c.nii.gz")
    kind = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
    raw = np.random.default_rng(0).integers(0, 255, (2, 3, 4, 3)).astype(np.uint8)
    opened = open_image(write(tmp_path / "rgb.nii", raw.copy().view(kind)[..., 0]))
    assert opened.rgb
    np.testing.assert_array_equal(opened.data, raw.transpose(2, 1, 0, 3))
    with pytest.raises(InputError, match="colour image"):
        load_volume(tmp_path / "rgb.nii")


@pytest.mark.parametrize("code", [1, 1536, 2048, 77])
def test_types_that_cannot_be_shown_are_one_sentence(tmp_path, code):
    path = write(tmp_path / "odd.nii", np.zeros((2, 3, 4), np.float64))
    content = bytearray(path.read_bytes())
    content[70:72] = np.array([code], "<i2").tobytes()
    path.write_bytes(bytes(content) + bytes(1000))
    with pytest.raises(InputError, match=r"odd\.nii .*\.$"):
        open_image(path)


def test_notices_about_orientation(tmp_path):
    image = nib.Nifti1Image(np.zeros((3, 4, 5), np.uint8), None)
    nib.save(image, tmp_path / "none.nii")
    assert open_image(tmp_path / "none.nii").notices == (
        "the header gives no orientation (sform and qform codes 0): left and right are a guess",
    )
    image = nib.Nifti1Image(np.zeros((3, 4, 5), np.uint8), AFFINE)
    image.set_sform(AFFINE, 1)
    image.set_qform(nib.affines.from_matvec(AFFINE[:3, :3], [7, 0, 0]), 1)
    nib.save(image, tmp_path / "two.nii")
    assert open_image(tmp_path / "two.nii").notices == (
        "sform and qform of the header disagree by up to 7.0 mm: the sform is used",
    )


def broken(tmp_path, run_file):
    packed = run_file.read_bytes()
    plain = gzip.decompress(packed)
    flipped = bytearray(packed)
    flipped[len(packed) // 2] ^= 255
    huge = bytearray(plain)
    huge[42:48] = np.array([30000, 30000, 30000], "<i2").tobytes()
    zero = bytearray(plain)
    zero[42:44] = np.array([0], "<i2").tobytes()
    flat = bytearray(plain)
    flat[280:296] = bytes(16)
    files = {
        "half.nii.gz": packed[: len(packed) // 2],
        "flipped.nii.gz": bytes(flipped),
        "head.nii.gz": packed[:40],
        "no_gz.nii.gz": plain,
        "short.nii": plain[: len(plain) // 2],
        "header_only.nii": plain[:352],
        "huge.nii.gz": gzip.compress(bytes(huge)),
        "huge.nii": bytes(huge),
        "zero.nii": bytes(zero),
        "flat.nii": bytes(flat),
        "text.nii": b"not an image " * 100,
        "empty.nii.gz": b"",
        "missing.nii": None,
        "alone.hdr": None,
    }
    for name, content in files.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
    pair = nib.Nifti1Pair(np.zeros((3, 3, 3), np.int16), AFFINE)
    nib.save(pair, tmp_path / "alone.img")
    (tmp_path / "alone.img").unlink()
    return files


def test_broken_files_are_one_sentence(tmp_path, run_file):
    expected = {
        "half.nii.gz": "cut short",
        "flipped.nii.gz": "broken or cut short",
        "head.nii.gz": "cut short",
        "no_gz.nii.gz": "no gzip file",
        "short.nii": "is cut short: its header claims 4×5×6×7 voxels",
        "header_only.nii": "is cut short",
        "huge.nii.gz": "is cut short: its header claims 30000×30000×30000×7 voxels",
        "huge.nii": "is cut short",
        "zero.nii": "at least one voxel a side",
        "flat.nii": "no usable voxel size",
        "text.nii": "no image that can be read",
        "empty.nii.gz": "is empty",
        "missing.nii": "there is no file",
        "alone.hdr": "alone",
    }
    for name in broken(tmp_path, run_file):
        with pytest.raises(InputError, match=expected[name]) as caught:
            open_image(tmp_path / name)
        sentence = str(caught.value)
        assert name in sentence
        assert sentence.endswith(".")
        assert "\n" not in sentence


def test_what_does_not_fit_into_memory_is_refused_before_allocating(run_file, monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 1000)
    monkeypatch.setattr(np, "empty", lambda *_, **__: pytest.fail("allocated"))
    with pytest.raises(InputError, match=r"needs 1\.68 kB of memory and 1 kB are free"):
        load_run(run_file)


def test_memory_is_known_here():
    assert memory.available() is None or memory.available() > 1e6


def test_reading_reports_progress_and_can_be_cancelled(tmp_path):
    path = write(tmp_path / "big.nii.gz", np.zeros((40, 40, 40, 100), np.int16))
    seen = []
    load_run(path, progress=lambda fraction, doing: seen.append((fraction, doing)))
    assert [f for f, _ in seen] == sorted(f for f, _ in seen)
    assert seen[-1] == (1.0, "reading big.nii.gz")
    assert len(seen) >= 3

    def stop(fraction, doing):
        raise Cancelled

    with pytest.raises(Cancelled):
        load_run(path, progress=stop)


def test_the_standard_library_reads_what_isal_reads(run_file, monkeypatch):
    fast = load_run(run_file).data
    monkeypatch.setattr(gz, "igzip", None)
    np.testing.assert_array_equal(load_run(run_file).data, fast)
    run_file.write_bytes(run_file.read_bytes()[:300])
    with pytest.raises(InputError, match="cut short"):
        load_run(run_file)


def test_minc2_without_h5py_names_the_extra(tmp_path, monkeypatch):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.mnc", "w") as file:
        file.create_group("minc-2.0")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(InputError, match=r"pip install napari-connectome\[minc\]"):
        open_image(tmp_path / "a.mnc")


def test_volumes_and_runs_are_not_taken_for_each_other(tmp_path, run_file):
    volume = write(tmp_path / "t1.nii", np.zeros((4, 5, 6), np.float32))
    assert load_volume(volume).data.shape == (6, 5, 4)
    with pytest.raises(InputError, match=r"t1\.nii is a 3-D image .* choose a 4-D image"):
        load_run(volume)
    with pytest.raises(InputError, match="has 7 volumes and one is needed"):
        load_volume(run_file)


@pytest.fixture
def atlas(tmp_path):
    labels = np.zeros((6, 6, 6), np.float32)
    labels[1:3, 1:3, 1:3], labels[3:5, 1:3, 1:3], labels[1:3, 3:5, 3:5] = 1, 2, 7
    return write(tmp_path / "atlas_dseg.nii.gz", labels)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a\nb\nc\n", ["a", "b", "c"]),
        ("Background\na\nb\nc\n", ["a", "b", "c"]),
        ("name\na\nb\nc\n", ["a", "b", "c"]),
        ("one\ntwo\n3\n4\n5\n6\nseven\n", ["one", "two", "seven"]),
        ("index\tname\themisphere\n7\tc\tL\n2\tb\tR\n1\ta\tL\n", ["a", "b", "c"]),
        ("index,name\n0,Background\n1,a\n2,b\n7,c\n99,elsewhere\n", ["a", "b", "c"]),
        ("name\tcolour\na\tred\nb\tblue\nc\tblack\n", ["a", "b", "c"]),
        ("one, left\ntwo, left\nthree, left\n", ["one, left", "two, left", "three, left"]),
        ("1 a 120 18 131 0\n2 b 1 2 3 0\n7 c 1 2 3 0\n", ["a", "b", "c"]),
        ("# a comment\n1\ta b\n2\tb\n7\tc\n", ["a b", "b", "c"]),
    ],
)
def test_names_of_regions_do_not_shift(atlas, tmp_path, text, names):
    (tmp_path / "names.txt").write_text(text)
    regions = load_regions(atlas, names=tmp_path / "names.txt")
    assert regions.labels.dtype == np.uint8
    assert list(regions.table["name"]) == names
    assert list(regions.table.index) == [1, 2, 7]


def test_names_may_be_given_or_lie_beside_the_image(atlas, tmp_path):
    assert list(load_regions(atlas).table["name"]) == ["region 1", "region 2", "region 7"]
    assert list(load_regions(atlas, names=["x", "y", "z"]).table["name"]) == ["x", "y", "z"]
    assert list(load_regions(atlas, names={7: "z"}).table["name"]) == ["region 1", "region 2", "z"]
    with pytest.raises(InputError, match="holds 2 names and the image 3 regions"):
        load_regions(atlas, names=["x", "y"])
    with pytest.raises(InputError, match="there is no file"):
        load_regions(atlas, names=tmp_path / "nowhere.txt")
    (tmp_path / "atlas_dseg.tsv").write_text("index\tname\n1\ta\n2\tb\n7\tc\n")
    assert list(load_regions(atlas).table["name"]) == ["a", "b", "c"]


def test_an_image_of_fractions_is_no_atlas(tmp_path):
    path = write(tmp_path / "map.nii", np.full((3, 3, 3), 0.5, np.float32))
    with pytest.raises(InputError, match=r"map\.nii: labels must be whole numbers"):
        load_regions(path)


@pytest.mark.parametrize("row", [[-1.7e38, 0, 3, -15], [0, 0, 3, 0], [3, 1e-9, 0, 0], [0, 0, 1e-30, 0], [0, 0, np.inf, 0]])
def test_a_degenerate_affine_is_one_sentence(tmp_path, row):
    path = write(tmp_path / "a.nii", np.zeros((3, 4, 5), np.float32), sform_code=1)
    content = bytearray(path.read_bytes())
    content[280:296] = np.array([3, 0, 0, 0], "<f4").tobytes()
    content[296:312] = np.array([0, 0, 3, 0], "<f4").tobytes()
    content[312:328] = np.array(row, "<f4").tobytes()
    path.write_bytes(content)
    with pytest.raises(InputError, match="gives no usable voxel size or orientation"):
        open_image(path)


@pytest.mark.parametrize(("unit", "mm"), [("meter", 1e3), ("micron", 1e-3), ("mm", 1.0), (None, 1.0)])
@pytest.mark.parametrize("codes", [(1, 0), (0, 1), (1, 1)])
def test_coordinates_are_mm_whatever_the_header_has(tmp_path, unit, mm, codes):
    affine = np.array([[-3.0, 0, 0, 90], [0, 2.9, 0.4, -120], [0, -0.4, 2.9, -70], [0, 0, 0, 1]])
    image = nib.Nifti1Image(np.arange(120, dtype=np.int16).reshape(4, 5, 6), None)
    image.header["xyzt_units"] = {"meter": 1, "micron": 3, "mm": 2, None: 0}[unit]
    stored = np.diag([1 / mm, 1 / mm, 1 / mm, 1]) @ affine
    image.set_sform(stored, codes[0])
    image.set_qform(stored, codes[1])
    nib.save(image, tmp_path / "a.nii")
    opened = open_image(tmp_path / "a.nii")
    np.testing.assert_allclose(opened.grid.affine @ [3, 0, 0, 1], affine @ [0, 0, 0, 1], atol=1e-4)
    assert len(opened.notices) == (mm != 1)
    save(Volume(opened.data, opened.grid), tmp_path / "b.nii")
    again = nib.load(tmp_path / "b.nii")
    assert np.array_equal(again.affine, image.affine)
    assert again.header["xyzt_units"] == image.header["xyzt_units"]
    assert open_image(tmp_path / "b.nii").grid.matches(opened.grid)
    save(Volume(opened.data[1:], Grid((5, 5, 4), opened.grid.affine)), tmp_path / "part.nii")
    assert open_image(tmp_path / "part.nii").grid.matches(Grid((5, 5, 4), opened.grid.affine))


def test_voxels_of_metres_are_meant_in_mm(tmp_path):
    opened = open_image(write(tmp_path / "a.nii", np.zeros((3, 4, 5), np.uint8), xyzt_units=1))
    assert opened.grid.voxel_size == (3, 3, 3)
    assert opened.notices == ("the header gives its coordinates in metres: they are taken as mm, since no voxel is that large",)


def test_files_one_may_not_read_are_one_sentence(as_nobody):
    for path in (as_nobody / "closed.nii.gz", as_nobody / "closed" / "a.nii"):
        with pytest.raises(InputError, match=rf"you may not read .*{path.name} \(permission denied\)"):
            open_image(path)
        with pytest.raises(InputError, match="ermission denied"):
            read_table(path)


@pytest.mark.parametrize("name", ["x" * 300 + ".nii", "a\0b.nii", "x" * 300 + "/a.nii"])
def test_impossible_names_are_one_sentence(tmp_path, name):
    with pytest.raises(InputError, match="check the path"):
        open_image(f"{tmp_path}/{name}")


@pytest.mark.parametrize(
    ("count", "first", "form"),
    [
        *((count, first, "list") for count in (1, 2, 4, 5, 6, 8, 9, 100) for first in ([], ["Background"])),
        *((5, ["Background"], form) for form in ("text", "index", "frame", "indexed frame", "column")),
        (2, [], "index"),
    ],
)
def test_names_of_another_atlas_are_refused(atlas, tmp_path, count, first, form):
    """The image has the ids 1, 2 and 7: three names fit, and seven; whatever they come in."""
    words = first + [f"name {i}" for i in range(count)]
    path = tmp_path / "names.tsv"
    ids = range(1 - len(first), count + 1)
    frame = pd.DataFrame({"index": ids, "name": words})
    names: object = path
    if form == "list":
        names = words
    elif form == "text":
        path.write_text("\n".join(words))
    elif form == "index":
        frame.to_csv(path, sep="\t", index=False)
    elif form == "column":
        pd.DataFrame({"name": words, "colour": "red"}).to_csv(path, sep="\t", index=False)
    else:
        names = frame if form == "frame" else frame.set_index("index")
    with pytest.raises(
        InputError, match=r"names and the image 3 regions|no name for the region \d+( and 1 other| and 2 others)?: "
    ):
        load_regions(atlas, names=names)


def test_tables_of_names(atlas):
    frame = pd.DataFrame({"index": [7, 1, 2], "name": ["c", "a", "b"]})
    for names in (frame, frame.set_index("index"), pd.DataFrame({"name": ["a", "b", "c"]})):
        assert list(load_regions(atlas, names=names).table["name"]) == ["a", "b", "c"]
    regions = load_regions(atlas, names=frame)
    pd.testing.assert_frame_equal(load_regions(atlas, names=regions.table).table, regions.table)
    with pytest.raises(InputError, match="no column of names"):
        load_regions(atlas, names=pd.DataFrame({"x": [1, 2, 3]}))


def test_an_image_is_no_names_file(atlas):
    with pytest.raises(InputError, match=r"atlas_dseg\.nii\.gz is no text file"):
        load_regions(atlas, names=atlas)


@pytest.mark.parametrize("value", [np.inf, 1e30, 2.0**33, -np.inf, -1.0])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_values_that_are_no_labels_are_one_sentence(tmp_path, value, kind):
    data = np.zeros((3, 3, 3), kind)
    data[1], data[2, 2, 2] = 3, value
    with pytest.raises(InputError, match=r"a\.nii: (the )?labels must"):
        load_regions(write(tmp_path / "a.nii", data))


def test_nan_is_background(tmp_path):
    data = np.full((3, 3, 3), np.nan, np.float32)
    data[1] = 3
    regions = load_regions(write(tmp_path / "a.nii", data))
    assert list(regions.ids) == [3]
    np.testing.assert_array_equal(regions.labels, np.nan_to_num(data.T))


def test_columns_of_confounds_may_be_chosen(run_file, tmp_path):
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(7, 6)), columns=list(MOTION))
    table["trans_x_derivative1"] = table["trans_x"].diff()
    table["kind"] = "a"
    table.to_csv(tmp_path / "x.tsv", sep="\t", index=False, na_rep="n/a")
    for confounds in (tmp_path / "x.tsv", table):
        assert list(load_run(run_file, confounds=confounds).confounds) == list(table)
        assert list(load_run(run_file, confounds=confounds, columns="motion 6").confounds) == list(MOTION)
        chosen = load_run(run_file, confounds=confounds, columns=["trans_*"]).confounds
        assert list(chosen) == [*MOTION[:3], "trans_x_derivative1"]
        assert chosen.notna().all(axis=None)
        with pytest.raises(InputError, match="holds text"):
            load_run(run_file, confounds=confounds, columns=["kind"])
        with pytest.raises(InputError, match="no choice of confounds called"):
            load_run(run_file, confounds=confounds, columns="motion 7")
    for confounds in (None, table[list(MOTION)].to_numpy()):
        with pytest.raises(InputError, match="columns choose from a table"):
            load_run(run_file, confounds=confounds, columns="motion 6")


@pytest.mark.parametrize("name", ["closed/a_bold.nii.gz", "x" * 300 + ".nii", "a\0.nii"])
def test_what_lies_beside_an_impossible_place_is_nothing(as_nobody, name):
    assert sidecar(f"{as_nobody}/{name}") is None
    assert find_confounds(f"{as_nobody}/{name}") is None
    with pytest.raises(InputError):
        read_table(f"{as_nobody}/{name}")
