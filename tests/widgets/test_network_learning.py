"""Learning networks in the window: choose, watch, cancel, go on without runs that fail, and not do twice what is done."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from napari.components import ViewerModel

from napari_connectome.analyses.networks import Networks
from napari_connectome.core.values import Maps
from napari_connectome.io.run_file import RunFile
from napari_connectome.layers.map_stack import MAPS, stack_layer
from napari_connectome.layers.samples import mask_layer
from napari_connectome.studies.learn_networks import learn_networks


@pytest.fixture
def learning(qtbot, network_files, until):
    """The part of the panel that learns, with the four runs chosen."""
    from napari_connectome.widgets.network_learning import NetworkLearning
    from napari_connectome.widgets.panel import Panel

    panel = Panel(ViewerModel())
    qtbot.addWidget(panel)
    made = NetworkLearning(panel)
    panel.column.addWidget(made)
    made.runs.add_files(network_files)
    until(lambda: not made.runs.busy)
    made.form.value = Networks(n_components=4, mask="background", fwhm=0.0, alpha=1.0)
    got = made.got = []
    made.learned.connect(lambda maps, mean: got.append(maps))  # PySide6 gives list.append both of them
    return made


@pytest.fixture
def learn(learning, until):
    """Press Learn and wait for the end."""

    def press():
        learning.learn_button.click()
        until(lambda: not learning.work.busy)

    return press


@pytest.fixture
def loads(monkeypatch):
    """Names of the network_files that are read."""
    read = []
    for way in ("load", "stream"):
        if hasattr(RunFile, way):
            original = getattr(RunFile, way)

            def spy(self, *given, _original=original, **named):
                read.append(self.name)
                return _original(self, *given, **named)

            monkeypatch.setattr(RunFile, way, spy)
    return read


def test_what_is_learned_is_what_a_script_learns(learning, learn, network_files):
    learn()
    (maps,) = learning.got
    script = learn_networks(network_files, learning.parameters())
    assert np.array_equal(maps.data, script.data)
    assert maps.subjects == ("sub-01_bold", "sub-02_bold", "sub-03_bold", "sub-04_bold")
    assert f"{100 * maps.score:.1f} % of the variance" in learning.account.text()
    assert "4 networks of 4 runs" in learning.account.text()
    assert learning.message.text() == ""


def test_reductions_are_kept(learning, learn, loads):
    learn()
    assert set(loads) == {f"sub-0{i}_bold" for i in range(1, 5)}
    loads.clear()
    for changes in ({"n_components": 3}, {"alpha": 2.0}, {"method": "ica"}, {"n_components": 4}, {"search": "full"}):
        learning.form.value = learning.form.value.replace(**changes)
        learn()
    assert loads == []  # four are still there after three were learned
    assert [len(maps) for maps in learning.got] == [4, 3, 3, 3, 4, 4]
    assert "The reductions of 4 runs are kept" in learning.account.text()
    learning.runs.entries[0].used = False
    learn()
    assert len(learning.got[-1].subjects) == 3


def test_networks_can_be_watched(learning, learn, until):
    sketches = []
    learning.sketched.connect(sketches.append)
    learning.form.value = learning.form.value.replace(search="full", alpha=0.1)
    learning._look.setInterval(1)
    learn()
    assert sketches
    assert sketches[-1].maps.shape == (4, int(np.count_nonzero(learning.got[0].mask.data)))


def test_networks_that_came_out_empty_are_told_in_the_account(learning, learn, monkeypatch):
    from dataclasses import replace

    from napari_connectome.widgets import learning as module

    original, sentence = (
        module.networks_of,
        "1 of 5 networks came out empty at a sparsity of 9 and is left out: lower the sparsity.",
    )

    def without_one(*given, **named):
        return replace(original(*given, **named), left_out=(sentence,))

    monkeypatch.setattr(module, "networks_of", without_one)
    learn()
    assert sentence in learning.account.text()
    assert "  " not in learning.account.text()


def test_runs_that_differ_are_told_in_the_account(learning, learn):
    learning.runs.entries[0].tr = 3.0
    learn()
    assert "The runs have TRs from 2 to 3 s" in learning.account.text()
    script = learn_networks([entry.source(learning.runs.regressed) for entry in learning.runs.entries], learning.parameters())
    assert learning.got[0].provenance == script.provenance


@pytest.mark.parametrize("search", ["early", "full"])
def test_the_account_tells_the_objective_and_what_it_was_reached_by(learning, learn, search):
    learning.form.value = learning.form.value.replace(search=search)
    learn()
    (maps,) = learning.got
    said = "a full search may come lower" if search == "early" else f"after {len(maps.objectives)} passes over all voxels"
    assert f"Objective {maps.objective:.4g}" in learning.account.text()
    assert said in learning.account.text()


@pytest.mark.parametrize("doing", ["looking for the brain", "reducing", "independent", "maps of the dictionary"])
def test_cancel_leaves_nothing_and_keeps_what_was_reduced(learning, until, monkeypatch, doing):
    from napari_connectome.widgets.work import Job

    ends = []
    learning.ended.connect(lambda: ends.append(1))
    learning.form.value = learning.form.value.replace(search="full")
    original = Job._progress

    def stop_there(job, fraction, what):
        if doing in what:
            job.cancel()
        original(job, fraction, what)

    monkeypatch.setattr(Job, "_progress", stop_there)
    learning.learn_button.click()
    until(lambda: not learning.work.busy)
    assert learning.message.text().startswith("Cancelled; nothing was changed."), learning.message.text()
    assert (learning.got, ends, len(learning.viewer.layers)) == ([], [1], 0)
    assert (learning.kept is not None) == (doing in ("independent", "maps of the dictionary"))


def test_a_corrupt_file_is_named_and_left_out_and_the_rest_is_not_lost(learning, learn, network_files, tmp_path, until, loads):
    cut = tmp_path / "sub-09_bold.nii.gz"
    cut.write_bytes(Path(network_files[0]).read_bytes()[:60_000])
    learning.runs.add_files([str(cut)])
    until(lambda: not learning.runs.busy)
    entries = learning.runs.entries
    entries.insert(2, entries.pop())
    learn()
    assert learning.got == []
    assert learning.message.text().startswith("sub-09_bold.nii.gz is broken or cut short")
    assert learning.runs.table.item(2, 1).text() == "failed"
    assert learning.leave_out_button.text() == "Leave out 1 run and go on"
    loads.clear()
    learning.leave_out_button.click()
    until(lambda: not learning.work.busy)
    assert set(loads) <= {"sub-09_bold"}
    (maps,) = learning.got
    assert maps.subjects == ("sub-01_bold", "sub-02_bold", "sub-03_bold", "sub-04_bold")
    assert len(maps.left_out) == 1
    assert "sub-09_bold left out." in learning.account.text()
    assert np.array_equal(maps.data, learn_networks(network_files, learning.parameters()).data)


@pytest.mark.parametrize("bad", ["zeros", "a volume of NaN", "all NaN"])
@pytest.mark.parametrize("known", [True, False], ids=["mask kept", "nothing kept"])
def test_a_run_that_may_be_left_out_is_whatever_is_said_of_it(learning, learn, network_files, tmp_path, until, bad, known):
    """The first sentence comes of the mask, the second of the reduction: the mask of the others may be there already."""
    image = nib.load(network_files[0])
    data = np.asarray(image.dataobj, dtype=np.float32).copy()
    data[..., slice(7, 8) if bad == "a volume of NaN" else slice(None)] = 0.0 if bad == "zeros" else np.nan
    nib.save(nib.Nifti1Image(data, image.affine, image.header), tmp_path / "bad_bold.nii.gz")
    if known:
        learn()
        learning.got.clear()
    learning.runs.add_files([str(tmp_path / "bad_bold.nii.gz")])
    until(lambda: not learning.runs.busy)
    learn()
    assert learning.got == []
    assert learning.leave_out_button.text() == "Leave out 1 run and go on"
    learning.leave_out_button.click()
    until(lambda: not learning.work.busy)
    assert [maps.subjects for maps in learning.got] == [("sub-01_bold", "sub-02_bold", "sub-03_bold", "sub-04_bold")]
    assert "bad_bold left out." in learning.account.text()
    learning.runs.table.ticked.emit(4, False)
    learning.runs.table.ticked.emit(4, True)
    learn()
    assert len(learning.got) == 1, "whoever ticks it again wants it"


def test_runs_of_one_name_are_told_apart_when_one_fails(learning, learn, network_files, tmp_path, until):
    """As those of programs that give each run a folder and all files one name."""
    learning.runs._drop(learning.runs.entries)
    for subject, path in enumerate(network_files):
        (tmp_path / f"s{subject}").mkdir()
        written = Path(path).read_bytes()
        (tmp_path / f"s{subject}" / "bold.nii.gz").write_bytes(written[:60_000] if subject == 2 else written)
    learning.runs.add_files([str(tmp_path / f"s{i}" / "bold.nii.gz") for i in range(4)])
    until(lambda: not learning.runs.busy)
    learn()
    assert [learning.runs.table.item(row, 1).text() for row in range(4)] == ["ready", "ready", "failed", "ready"]
    learning.leave_out_button.click()
    until(lambda: not learning.work.busy)
    assert [len(maps.subjects) for maps in learning.got] == [3]
    learning.runs._drop(learning.runs.entries[:1])
    learn()
    assert [len(maps.subjects) for maps in learning.got] == [3, 2]


def test_runs_that_are_marked_can_be_left_out_at_once(learning, learn, network_files, until):
    learning.runs.add_files([network_files[0], "/nowhere/run.nii"])
    until(lambda: not learning.runs.busy)
    learn()
    assert "sub-01_bold is in the list twice" in learning.message.text()
    learning.leave_out_button.click()
    until(lambda: not learning.work.busy)
    assert len(learning.got[0].subjects) == 4
    assert [entry.used for entry in learning.runs.entries] == [True] * 4 + [False] * 2


def test_the_mask_is_shown_before(learning, learn, until, loads):
    learning.preview_button.click()
    until(lambda: not learning.work.busy)
    mean, layer = learning.viewer.layers
    assert mean.name == "Mean of the runs"
    inside = int(np.count_nonzero(layer.data))
    assert f"{inside:,} voxels, {inside * 216 / 1000:,.0f} cm³" in learning.account.text()
    assert learning.kept.subjects == ()
    learning.preview_button.click()
    assert len(learning.viewer.layers) == 0
    learning.preview_button.click()
    until(lambda: not learning.work.busy)
    loads.clear()
    learn()
    assert len(learning.viewer.layers) == 0  # networks are to be seen now
    assert sorted(loads) == sorted(set(loads))  # read for the reductions, the mask is known
    assert int(np.count_nonzero(learning.got[0].mask.data)) == inside


def test_a_preview_that_is_cancelled_shows_nothing(learning, until, monkeypatch):
    from napari_connectome.widgets.work import Job

    original = Job._progress

    def stop(job, fraction, doing):
        job.cancel()
        original(job, fraction, doing)

    monkeypatch.setattr(Job, "_progress", stop)
    learning.preview_button.click()
    until(lambda: not learning.work.busy)
    assert not learning.preview_button.isChecked()
    assert len(learning.viewer.layers) == 0
    assert learning.message.text().startswith("Cancelled; nothing was changed.")


def test_a_mask_on_display_is_dropped_once_it_is_not_the_one_used(learning, until):
    learning.preview_button.click()
    until(lambda: not learning.work.busy)
    learning.form.value = learning.form.value.replace(mask="epi")
    assert len(learning.viewer.layers) == 0
    assert not learning.preview_button.isChecked()


def test_a_layer_can_be_the_mask(learning, learn, until):
    grid = learning.runs.entries[0].grid
    mask = np.zeros(grid.shape, bool)
    mask[2:8, 3:11, 3:9] = True
    from napari_connectome.core.values import Volume

    data, known, _ = mask_layer(Volume(mask, grid), "box")
    learning.mask_choice.layer = learning.viewer.add_labels(data, **known)
    assert not learning.form.widget("mask").isEnabled()
    learning.preview_button.click()
    until(lambda: not learning.work.busy)
    assert f"{int(mask.sum()):,} voxels" in learning.account.text()
    learn()
    assert np.array_equal(learning.got[0].mask.data, mask)


def test_learning_may_start_from_maps_or_regions(learning, learn):
    grid = learning.runs.entries[0].grid
    weights = np.zeros((3, *grid.shape), np.float32)
    for i, (x, y, z) in enumerate([(3, 4, 4), (8, 4, 5), (4, 9, 4)]):
        weights[i, z - 1 : z + 2, y - 1 : y + 2, x - 1 : x + 2] = 1
    layer = stack_layer(Maps(weights, grid, names=["left", "right", "back"]), "atlas", MAPS)
    learning.start_choice.layer = learning.viewer.add_layer(layer)
    assert not learning.form.widget("n_components").isEnabled()
    learn()
    assert sorted(learning.got[0].names) == ["back", "left", "right"]
    labels = (weights * np.arange(1, 4)[:, None, None, None]).max(0).astype(np.uint8)
    learning.start_choice.layer = learning.viewer.add_labels(
        labels, name="regions", scale=layer.scale[-3:], translate=layer.translate[-3:]
    )
    learn()
    assert len(learning.got[1]) == 3, learning.message.text()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"n_components": 300}, "300 networks"),
        ({"alpha": 1e6}, "No voxel has a weight in any of the 4 networks at a sparsity of 1e+06: lower the sparsity."),
    ],
)
def test_what_cannot_be_learned_is_one_sentence(learning, learn, changes, sentence):
    learning.form.value = learning.form.value.replace(**changes)
    learn()
    assert learning.got == []
    assert sentence in learning.message.text()
    assert learning.message.text().endswith(".")
    assert len(learning.viewer.layers) == 0
    assert learning.kept is not None  # what was reduced is not lost


@pytest.mark.parametrize("how", ["nothing comes of it", "no run", "cancelled"])
def test_an_account_of_before_does_not_read_as_that_of_a_failure(learning, learn, monkeypatch, how):
    from napari_connectome.widgets.work import Job

    def without_the_account():
        assert learning.message.isVisibleTo(learning)
        return not learning.account.isVisibleTo(learning)

    original = Job._progress

    def stop(job, fraction, doing):
        job.cancel()
        original(job, fraction, doing)

    def fail():
        with monkeypatch.context() as patch:
            if how == "cancelled":
                patch.setattr(Job, "_progress", stop)
            elif how == "no run":
                learning.runs.leave_out(learning.runs.entries)
            learning.form.value = learning.form.value.replace(alpha=1e6)
            learn()

    fail()
    assert without_the_account(), "there is none of before"
    for entry in learning.runs.entries:
        entry.used = True
    learning.form.value = learning.form.value.replace(alpha=1.0)
    learn()
    learned = learning.account.text()
    assert learned.startswith("4 networks of 4 runs")
    fail()
    fail()
    assert learning.account.isVisibleTo(learning)
    assert learning.account.text().startswith("Learned before: 4 networks of 4 runs")
    assert learning.account.text().removeprefix("Learned before: ") in learned
    assert "Go on under" not in learning.account.text()
    learning.learn_button.click()
    assert not learning.account.isVisibleTo(learning) or how == "no run"
    learning.work.close()


def test_a_cluster_that_is_not_there_is_one_sentence(learning, learn, monkeypatch):
    from contextlib import contextmanager

    from napari_connectome.core.errors import InputError
    from napari_connectome.widgets import learning as module
    from napari_connectome.widgets import network_learning

    @contextmanager
    def nobody(address, progress):
        raise InputError(f"no Dask scheduler answers at {address}: start it.")
        yield

    monkeypatch.setattr(network_learning, "scheduler", lambda: "tcp://nowhere:8786")
    monkeypatch.setattr(module, "cluster_executor", nobody)
    learning._show_place()
    assert "tcp://nowhere:8786" in learning.place.text()
    learn()
    assert learning.message.text() == "No Dask scheduler answers at tcp://nowhere:8786: start it."


def test_the_executor_of_the_cluster_is_used(learning, learn, monkeypatch):
    from concurrent.futures import ThreadPoolExecutor
    from contextlib import contextmanager

    from napari_connectome.widgets import learning as module
    from napari_connectome.widgets import network_learning

    asked = []

    @contextmanager
    def cluster(address, progress):
        asked.append(address)
        with ThreadPoolExecutor(2) as executor:
            yield executor

    monkeypatch.setattr(network_learning, "scheduler", lambda: "tcp://here:8786")
    monkeypatch.setattr(module, "cluster_executor", cluster)
    learn()
    assert asked == ["tcp://here:8786"]
    assert len(learning.got[0]) == 4


def test_only_what_the_method_asks_for_is_offered(learning):
    for method, dictionary in (("ica", False), ("dictionary", True)):
        learning.form.value = learning.form.value.replace(method=method)
        assert learning.form.widget("alpha").isEnabled() == dictionary
        assert learning.form.widget("search").isEnabled() == dictionary
        assert learning.more.widget("ratio").isEnabled() != dictionary


def test_the_sign_of_independent_components_is_told_where_they_are_chosen(learning):
    assert "the peak is positive" in learning.form.widget("method").toolTip()


def test_parameters_come_from_all_forms(learning):
    learning.more.value = learning.more.value.replace(seed=7, n_init=3, ratio=0.5)
    learning.cleaning.value = learning.cleaning.value.replace(high_pass=0.01)
    params = learning.parameters()
    assert (params.seed, params.n_init, params.ratio, params.cleaning.high_pass) == (7, 3, 0.5, 0.01)
    assert (params.n_components, params.mask, params.fwhm) == (4, "background", 0.0)
    assert learning.cleaning_section.text() == "Cleaning: detrended, 0.01–∞ Hz"
