"""Many runs, reduced one by one: the same from wherever they come, and who fails is named and harms nobody."""

import gc
import weakref
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from napari_connectome import Cleaning, Grid, Run, Volume
from napari_connectome.analyses.group_mask import common_mask, mask_of
from napari_connectome.analyses.networks import Networks
from napari_connectome.core.errors import Cancelled, InputError
from napari_connectome.core.subject import reduce_subject
from napari_connectome.io.run_file import RunFile
from napari_connectome.studies import learn_networks as study
from napari_connectome.studies.learn_networks import RunsFailed, learn_networks, reduce_runs
from napari_connectome.studies.sources import as_sources

GRID = Grid((9, 10, 8), np.diag([4.0, 4.0, 4.0, 1.0]))
PARAMS = Networks(n_components=4, fwhm=5.0)


def _brain(shift=0):
    z, y, x = np.ogrid[-1:1:9j, -1:1:10j, -1:1:8j]
    return np.roll(z**2 + y**2 + x**2 < 0.7, shift, axis=1)


def _run(i, t=40, grid=GRID, tr=2.0, kind="i2", shift=0):
    rng = np.random.default_rng(i)
    weights = np.random.default_rng(99).standard_normal((4, *grid.shape))
    data = 5 * rng.standard_normal((t, *grid.shape)) + 15 * np.tensordot(rng.standard_normal((t, 4)), weights, 1)
    inside = _brain(shift) if grid.shape == GRID.shape else np.ones(grid.shape, bool)
    return Run(np.where(inside, 800 + data, 20 + rng.random((t, *grid.shape))).astype(kind), grid, tr, name=f"sub-{i:02d}")


def _runs(n=3):
    return [_run(i, shift=i % 2) for i in range(1, n + 1)]


def _write(folder, run):
    image = nib.Nifti1Image(run.data.T, run.grid.affine)
    image.header.set_xyzt_units("mm", "sec")
    image.header["pixdim"][4] = run.tr
    path = folder / f"{run.name}.nii.gz"
    nib.save(image, path)
    return path


def _same(one, other):
    assert [s.name for s in one.subjects] == [s.name for s in other.subjects]
    np.testing.assert_array_equal(one.mask.data, other.mask.data)
    for mine, theirs in zip(one.subjects, other.subjects, strict=True):
        np.testing.assert_array_equal(mine.rows, theirs.rows)
        assert mine.total == theirs.total


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return [_write(folder, run) for run in _runs()]


def test_each_run_is_reduced_in_the_mask_they_share():
    runs = _runs()
    reductions = reduce_runs(runs, PARAMS)
    mask = common_mask([mask_of(run, "epi") for run in runs])
    np.testing.assert_array_equal(reductions.mask.data, mask.data)
    for run, subject in zip(runs, reductions.subjects, strict=True):
        np.testing.assert_array_equal(subject.rows, reduce_subject(run, mask, 4, 5.0, Cleaning()).rows)
        assert (subject.name, subject.n_volumes, subject.tr) == (run.name, 40, 2.0)


def test_the_same_from_wherever_they_come(files):
    wanted = reduce_runs(_runs(), PARAMS)
    _same(reduce_runs(files, PARAMS), wanted)
    _same(reduce_runs([str(files[0]), RunFile(files[1]), _runs()[2]], PARAMS), wanted)
    _same(reduce_runs((run for run in _runs()), PARAMS), wanted)
    _same(reduce_runs((path for path in files), PARAMS), wanted)
    _same(reduce_runs(iter(_runs()), PARAMS, mask=wanted.mask), wanted)
    with ThreadPoolExecutor(3) as threads:
        _same(reduce_runs(files, PARAMS, executor=threads), wanted)
        _same(reduce_runs(iter(_runs()), PARAMS, executor=threads), wanted)


def test_other_processes_are_sent_names_of_files(files, monkeypatch):
    sent = []

    class Watched(ProcessPoolExecutor):
        def submit(self, task, /, *given):
            import pickle

            sent.append(len(pickle.dumps((task, given))))
            return super().submit(task, *given)

    with Watched(1) as processes:
        reductions = reduce_runs(files, PARAMS, executor=processes)
        _same(reductions, reduce_runs(files, PARAMS))
        assert max(sent) < 8000  # the mask's 720 voxels and parameters; a run has 57 kB
        single = reduce_runs(iter(_runs()), PARAMS, executor=processes, mask=reductions.mask)
        _same(single, reductions)


def test_a_generator_has_one_run_in_memory(monkeypatch):
    alive, most = weakref.WeakSet(), []

    def runs():
        for run in (_run(i, shift=i % 2) for i in range(1, 6)):
            alive.add(run)
            gc.collect()
            most.append(len(alive))
            yield run
            del run

    mask = Volume(_brain(), GRID)
    reduce_runs(runs(), PARAMS, mask=mask)
    assert max(most) <= 2  # the next is made before the one before is let go
    alive.clear(), most.clear()
    reduce_runs(runs(), PARAMS)
    assert max(most) <= 2


def test_what_is_kept_is_not_made_again(files, monkeypatch):
    made = []
    real = study.reduce_subject

    def counted(stream, *args):
        made.append(stream.head.name)
        return real(stream, *args)

    monkeypatch.setattr(study, "reduce_subject", counted)
    seen = []
    real_look = study.mask_of
    monkeypatch.setattr(study, "mask_of", lambda image, method: seen.append(image.name) or real_look(image, method))
    kept = reduce_runs(files, PARAMS)
    assert len(made) == len(seen) == 3
    fewer = reduce_runs(files, PARAMS.replace(n_components=3, alpha=2.0, method="ica", seed=4), kept=kept)
    assert len(made) == len(seen) == 3
    _same(fewer, kept.first(3))
    _same(reduce_runs(files, PARAMS.replace(n_components=3), kept=fewer), fewer)
    reduce_runs(files, PARAMS.replace(n_components=6), kept=kept)
    assert len(made) == 6
    for other in (PARAMS.replace(fwhm=6.0), PARAMS.replace(cleaning=Cleaning(detrend=False))):
        made.clear()
        _same(reduce_runs(files, other, kept=kept), reduce_runs(files, other))
        assert len(made) == 6
    made.clear(), seen.clear()
    mask = kept.mask
    some = reduce_runs(files[:2], PARAMS, mask=mask)
    made.clear(), seen.clear()
    _same(reduce_runs(files, PARAMS, mask=mask, kept=some), kept)
    assert made == ["sub-03"]
    assert not seen
    _same(reduce_runs(files[::-1], PARAMS, mask=mask, kept=some), replace(kept, subjects=kept.subjects[::-1]))
    assert made == ["sub-03", "sub-03"]


def test_runs_in_memory_are_known_by_what_they_hold(monkeypatch):
    mask = Volume(_brain(), GRID)
    runs = _runs()
    kept = reduce_runs(runs, PARAMS, mask=mask)
    monkeypatch.setattr(study, "reduce_subject", lambda *args: pytest.fail("made again"))
    _same(reduce_runs([run.replace(data=run.data.copy()) for run in runs], PARAMS, mask=mask, kept=kept), kept)
    _same(reduce_runs(iter(runs), PARAMS, mask=mask, kept=kept), kept)
    renamed = reduce_runs([run.replace(name=f"{run.name} smoothed") for run in runs], PARAMS, mask=mask, kept=kept)
    assert renamed.subjects[0].name == "sub-01 smoothed"
    monkeypatch.undo()
    runs[1].data[3, 4, 4, 4] += 50  # in place
    again = reduce_runs(runs, PARAMS, mask=mask, kept=kept)
    assert not np.array_equal(again.subjects[1].rows, kept.subjects[1].rows)
    np.testing.assert_array_equal(again.subjects[2].rows, kept.subjects[2].rows)


def test_names_are_told_apart(tmp_path):
    for i in (1, 2):
        (tmp_path / f"sub-{i}").mkdir()
        _write(tmp_path / f"sub-{i}", _run(i).replace(name="func"))
    mask = Volume(_brain(), GRID)
    reductions = reduce_runs([tmp_path / f"sub-{i}" / "func.nii.gz" for i in (1, 2)], PARAMS, mask=mask)
    assert [s.name for s in reductions.subjects] == ["func", "sub-2/func"]
    reductions = reduce_runs((_run(i).replace(name="run") for i in (1, 2)), PARAMS, mask=mask)
    assert [s.name for s in reductions.subjects] == ["run", "run (2)"]


# -- who fails ---------------------------------------------------------------------------------------------------------

OTHER = Grid((9, 10, 7), GRID.affine)
AWAY = Grid(GRID.shape, GRID.affine + np.pad([[7.0]], ((0, 3), (3, 0))))


def _with(run, t, value):
    data = run.data.astype("f4")
    data[t] = value
    return run.replace(data=data)


BAD = {
    "one volume": (
        lambda: _run(2, t=1),
        "sub-02 has 1 volume and 6 at least are needed: give a longer run, or learn without it",
    ),
    "two volumes": (lambda: _run(2, t=2), "sub-02 has 2 volumes and 6 at least"),
    "other size": (
        lambda: _run(2, grid=OTHER),
        r"sub-02 is on a 7×10×9 grid and (sub-01|the mask) on 8×10×9: resample sub-02 to (sub-01|the mask) first, "
        r"or give resample=True( \(2 of 3 runs have that grid\))?\.$",
    ),
    "other place": (
        lambda: _run(2, grid=AWAY),
        "sub-02 has the size of (sub-01|the mask) but lies elsewhere .* or give resample=True",
    ),
    "four volumes": (lambda: _run(2, t=4), "sub-02: the cleaning leaves 2.0 .*: the run is too short, use one of 6 volumes"),
    "zeros": (lambda: _with(_run(2), slice(None), 0), "sub-02"),
    "NaN everywhere": (lambda: _with(_run(2), slice(None), np.nan), "sub-02"),
    "a volume of NaN": (lambda: _with(_run(2), 5, np.nan), "sub-02 has .* volume"),
    "a voxel of NaN": (lambda: _with(_run(2), (5, 4, 4, 4), np.nan), "sub-02 has NaN or infinity in 1 voxel of the mask"),
    "too many confounds": (lambda: _run(2).replace(confounds=np.random.default_rng(0).random((40, 60))), "sub-02"),
    "NaN in confounds": (
        lambda: _run(2).replace(confounds=np.full((40, 1), np.nan)),
        "sub-02: the confound column confound_1 is nan",
    ),
}


@pytest.mark.parametrize("given", [None, Volume(_brain(), GRID)], ids=["mask found", "mask given"])
@pytest.mark.parametrize("bad", BAD)
def test_a_run_that_fails_is_named_and_the_others_are_not_lost(bad, given):
    make, says = BAD[bad]
    runs = [_run(1), make(), _run(3)]
    with pytest.raises(RunsFailed, match=says) as caught:
        reduce_runs(runs, PARAMS, mask=given)
    assert [failure.name for failure in caught.value.failures] == ["sub-02"]
    assert str(caught.value).count("sub-02") <= 2
    assert not str(caught.value).endswith("..")
    left = reduce_runs(runs, PARAMS, mask=given, leave_out=True, kept=caught.value.reductions)
    assert left.left_out == caught.value.sentences
    _same(left, reduce_runs([runs[0], runs[2]], PARAMS, mask=left.mask))


def test_what_a_censored_volume_holds_does_not_matter():
    keep = np.arange(40) != 5
    bad, good = _with(_run(2), 5, np.nan).replace(keep=keep), _run(2).replace(keep=keep)
    _same(reduce_runs([_run(1), bad], PARAMS), reduce_runs([_run(1), good], PARAMS))


def test_a_corrupt_file_in_the_middle(files, tmp_path):
    broken = tmp_path / "sub-04.nii.gz"
    broken.write_bytes(files[0].read_bytes()[:9000])
    with pytest.raises(RunsFailed, match=r"^sub-04.nii.gz is broken or cut short"):
        reduce_runs([files[0], broken, *files[1:]], PARAMS)
    with pytest.raises(RunsFailed) as caught:
        reduce_runs([files[0], broken, *files[1:]], PARAMS, mask=Volume(_brain(), GRID))
    assert [s.name for s in caught.value.reductions.subjects] == ["sub-01", "sub-02", "sub-03"]
    left = reduce_runs([files[0], broken, *files[1:]], PARAMS, leave_out=True)
    _same(left, reduce_runs(files, PARAMS))
    assert len(left.left_out) == 1


def test_many_failures_are_told_together(files, tmp_path):
    missing = [tmp_path / f"sub-{i}.nii.gz" for i in range(5)]
    with pytest.raises(RunsFailed, match=r"^5 of 8 runs cannot be used: .*; and 2 more\.$") as caught:
        reduce_runs([*files, *missing], PARAMS)
    assert len(caught.value.failures) == 5


def test_nothing_left_is_an_error_even_when_runs_may_be_left_out():
    with pytest.raises(RunsFailed, match="2 of 2 runs cannot be used"):
        reduce_runs([_run(1, t=1), _run(2, t=2)], PARAMS, leave_out=True)


def test_the_grid_of_most_is_that_of_all():
    runs = [_run(1, grid=OTHER), _run(2), _run(3)]
    left = reduce_runs(runs, PARAMS, leave_out=True)
    assert [s.name for s in left.subjects] == ["sub-02", "sub-03"]


def test_of_as_many_runs_on_either_grid_it_is_said_which_is_kept():
    runs = [_run(1, grid=OTHER), _run(2), _run(3), _run(4, grid=OTHER)]
    with pytest.raises(RunsFailed) as caught:
        reduce_runs(runs, PARAMS)
    assert [failure.name for failure in caught.value.failures] == ["sub-02", "sub-03"]
    assert all(sentence.endswith("to sub-01 first, or give resample=True (2 of 4 runs have that grid).")
               for sentence in caught.value.sentences)  # fmt: skip


@pytest.mark.parametrize("mask", [None, Volume(_brain(), GRID)])
def test_another_grid_is_resampled_on_request(mask):
    fine = Grid((17, 19, 15), np.diag([2.0, 2.0, 2.0, 1.0]))
    run = _run(1)
    data = np.stack([np.kron(volume, np.ones((2, 2, 2), "i2"))[:17, :19, :15] for volume in run.data])
    reductions = reduce_runs([_run(2), _run(3), Run(data, fine, 2.0, name="fine")], PARAMS, mask=mask, resample=True)
    assert reductions.mask.grid.matches(GRID)
    assert [s.name for s in reductions.subjects] == ["sub-02", "sub-03", "fine"]


def test_other_trs_and_lengths_are_used_and_told():
    reductions = reduce_runs([_run(1), _run(2, tr=2.5), _run(3, t=30)], PARAMS)
    assert [s.n_volumes for s in reductions.subjects] == [40, 40, 30]
    assert "TRs from 2 to 2.5 s" in reductions.notices[0]
    assert not reduce_runs(_runs(), PARAMS).notices


@pytest.mark.parametrize(
    ("runs", "says"),
    [
        ([], "there is no run"),
        (iter([]), "there is no run"),
        (5, "the runs are of type int"),
        ([_run(1), 5], "run 2 is of type int"),
        ([_run(1), Volume(_brain(), GRID)], "run 2 is of type Volume"),
        ([_RUN := _run(1), _RUN], "sub-01 is given twice"),
        ([_run(1), _run(1)], "sub-01 .* holds the same data as sub-01"),
        ((_run(1) for _ in range(2)), "holds the same data as sub-01"),
    ],
)
@pytest.mark.parametrize("mask", [None, Volume(_brain(), GRID)], ids=["mask found", "mask given"])
def test_what_is_no_list_of_runs_is_told(runs, says, mask):
    if not isinstance(runs, list | int):
        runs = (_run(1) for _ in range(2)) if "holds" in says else iter([])
    with pytest.raises(InputError, match=says):
        reduce_runs(runs, PARAMS, mask=mask)


def test_the_same_file_twice_is_refused(files, tmp_path):
    (tmp_path / "link.nii.gz").symlink_to(files[0])
    for twin in (files[0], str(files[0]), RunFile(files[0], tr=3.0), tmp_path / "link.nii.gz"):
        with pytest.raises(InputError, match=r"is given twice \(as run 1 and run 3\)"):
            reduce_runs([files[0], files[1], twin], PARAMS)
    copy = tmp_path / "copy.nii.gz"
    copy.write_bytes(files[0].read_bytes())
    assert len(reduce_runs([files[0], copy], PARAMS).subjects) == 2


def test_a_run_in_the_place_of_one_that_is_gone_is_another():
    places = set()
    runs = (Run(np.full((3, 1, 1, 2), i, "i2"), Grid((1, 1, 2), np.eye(4)), 2.0) for i in range(200))
    for source in as_sources(runs):
        places.add(id(source.load().data))
    assert len(places) < 200


def test_masks_that_are_none():
    for mask, says in [
        (Volume(np.zeros(GRID.shape), GRID), "the mask is empty"),
        (Volume(np.random.default_rng(0).random(GRID.shape), GRID), "fractions"),
        (5, "the mask is of type int"),
    ]:
        with pytest.raises(InputError, match=says):
            reduce_runs(_runs(), PARAMS, mask=mask)


def test_more_networks_than_volumes():
    with pytest.raises(InputError, match="20 networks"):
        learn_networks([_run(1, t=12)], Networks(n_components=20))


# -- cancelled ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [None, 1, 2])
@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("at", [0.02, 0.2, 0.4, 0.8])
def test_cancel_ends_it_and_leaves_nothing(files, workers, lazy, at, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def stop(fraction, doing):
        assert 0 <= fraction <= 1
        if fraction >= at:
            raise Cancelled

    runs = iter(_runs()) if lazy else files
    if workers is None:
        with pytest.raises(Cancelled):
            reduce_runs(runs, PARAMS, progress=stop)
    else:
        with ThreadPoolExecutor(workers) as threads, pytest.raises(Cancelled):
            reduce_runs(runs, PARAMS, progress=stop, executor=threads)
    assert not list(tmp_path.iterdir())


def test_progress_grows_and_names_the_runs(files):
    told = []
    learn_networks(files, PARAMS.replace(alpha=1.0), progress=lambda *args: told.append(args))
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    said = " ".join(doing for _, doing in told)
    for i in (1, 2, 3):
        assert f"reducing sub-0{i} ({i} of 3)" in said


def test_the_mask_alone_is_the_one_runs_are_reduced_in(files, monkeypatch):
    wanted = reduce_runs(files, PARAMS)
    alone = study.mask_of_runs(files, PARAMS)
    np.testing.assert_array_equal(alone.mask.data, wanted.mask.data)
    assert alone.subjects == ()
    monkeypatch.setattr(study, "mask_of", lambda *args: pytest.fail("looked for again"))
    _same(reduce_runs(files, PARAMS, kept=alone), wanted)
