"""A test of conditions as layers: the mask is what its cut says, step by step, and what a person made of it stays theirs."""

import numpy as np
import pytest
from napari.components import ViewerModel
from scipy.ndimage import label
from scipy.stats import false_discovery_control

from napari_connectome import Grid, Run, Volume, load_regions
from napari_connectome.analyses.condition_test import ConditionTest, condition_test
from napari_connectome.analyses.threshold import Threshold
from napari_connectome.core.errors import InputError
from napari_connectome.layers import contrast_maps, results
from napari_connectome.layers.contrast_maps import Cut
from napari_connectome.layers.region_layer import RegionLayer
from napari_connectome.layers.spatial import KEY, grid_of, info, layer_kwargs

GRID = Grid((7, 12, 9), np.array([[3.0, 0, 0, -12], [0, 3, 0, -16], [0, 0, 4, -9], [0, 0, 0, 1]]))
LABELS = np.tile(np.repeat(["rest", "face", "rest", "house", "cat"], 6), 4)


def _run(seed=0, name="a run"):
    """Faces at one place, houses at another, cats a little at both; 0 at a border."""
    rng = np.random.default_rng(seed)
    data = 2 * rng.standard_normal((len(LABELS), *GRID.shape))
    for condition, where in (("face", np.s_[2:5, 2:5, 2:5]), ("house", np.s_[2:5, 7:10, 4:7])):
        data[(np.s_[:], *where)] += 4.0 * (condition == LABELS)[:, None, None, None]
        data[(np.s_[:], *where)] += 1.0 * (LABELS == "cat")[:, None, None, None]
    data += 100
    data[:, :, :, 0] = 0
    return Run(data.astype("f4"), GRID, 2.0, name=name)


@pytest.fixture(scope="module")
def run():
    return _run()


@pytest.fixture(scope="module")
def t(run):
    return condition_test(run, LABELS, ConditionTest(fwhm=4.0))


@pytest.fixture(scope="module")
def f(run):
    return condition_test(run, LABELS, ConditionTest(fwhm=4.0, test="f"))


@pytest.fixture
def viewer():
    return ViewerModel()


def _expected(result, cut, within=None):
    """The mask by its definition."""
    params, stat, p = cut.threshold, result.t.data.astype(float), result.p.data
    tested = stat != 0 if within is None else (stat != 0) & (within > 0)
    a = params.alpha
    if params.method == "value":
        high = (result.log_p.data if cut.of == "log_p" else np.abs(stat)) >= params.value
    elif params.method == "percentile":
        high = np.abs(stat) >= np.percentile(np.abs(stat[tested]), params.percentile)
    elif params.method == "bonferroni":
        high = p <= a / tested.sum()
    else:
        q = np.ones(p.shape)
        q[tested] = false_discovery_control(p[tested])
        high = q <= a
    kept = np.zeros(stat.shape, dtype=bool)
    for sign in (1, -1):
        pieces, n = label(high & tested & (np.sign(stat) == sign))
        for i in range(1, n + 1):
            if (pieces == i).sum() >= params.cluster_size:
                kept |= pieces == i
    return kept & {"both": True, "a": stat > 0, "b": stat < 0}[cut.side]


CUTS = [
    Cut(Threshold(value=2.0)),
    Cut(Threshold(value=2.0, cluster_size=4)),
    Cut(Threshold(value=3.0), side="a"),
    Cut(Threshold(value=2.0, cluster_size=3), side="b"),
    Cut(Threshold(value=2.5), of="statistic"),
    Cut(Threshold(value=2.5, cluster_size=5), of="statistic", side="a"),
    Cut(Threshold(method="fdr"), of="statistic"),
    Cut(Threshold(method="fdr", alpha=0.01), of="statistic", side="b"),
    Cut(Threshold(method="bonferroni"), of="statistic"),
    Cut(Threshold(method="percentile", percentile=90.0), of="statistic"),
    Cut(Threshold(value=9.9)),
]


@pytest.mark.parametrize("kind", ["t", "f"])
@pytest.mark.parametrize("masked", [False, True], ids=["everywhere", "within a mask"])
def test_the_mask_is_what_the_cut_says(viewer, request, kind, masked):
    result = request.getfixturevalue(kind)
    within = np.zeros(GRID.shape, dtype=np.uint8)
    within[1:6, 1:9, 1:8] = 3
    shown = contrast_maps.ContrastLayers(viewer, result)
    data = None
    for cut in CUTS:
        if kind == "f" and cut.side != "both":
            continue
        layer = shown.use(cut, Volume(within, GRID, name="my mask") if masked else None)
        assert data is None or layer.data is data, "it is written in place"
        data = layer.data
        expected = _expected(result, cut, within if masked else None)
        np.testing.assert_array_equal(layer.data, expected, err_msg=str(cut))
        account = shown.mask_account
        assert (account.voxels, account.mm3) == (expected.sum(), expected.sum() * 36.0)
        assert account.clusters == label(expected)[1]
    assert len(viewer.layers) == 4


def test_the_mask_follows_another_mask_that_was_painted_in(viewer, t):
    within = np.ones(GRID.shape, dtype=np.uint8)
    shown, cut = contrast_maps.ContrastLayers(viewer, t), Cut(Threshold(method="bonferroni"), of="statistic")
    shown.use(cut, Volume(within, GRID))
    within[:, :6] = 0
    np.testing.assert_array_equal(shown.use(cut, Volume(within, GRID)).data, _expected(t, cut, within))
    np.testing.assert_array_equal(shown.use(cut).data, _expected(t, cut))


@pytest.mark.parametrize(
    ("cut", "words"),
    [
        (Cut(), "-log10 p ≥ 5"),
        (Cut(Threshold(value=3.5), of="statistic", side="a"), "|t| ≥ 3.5, face > house only"),
        (Cut(Threshold(value=2.0, cluster_size=4), side="b"), "-log10 p ≥ 2, clusters of 4 voxels and more, house > face only"),
        (Cut(Threshold(method="fdr", alpha=0.01), of="statistic"), "FDR q ≤ 0.01 (|t| ≥ "),
        (Cut(Threshold(method="bonferroni"), of="statistic"), "Bonferroni p ≤ 0.05 (|t| ≥ "),
        (Cut(Threshold(method="percentile"), of="statistic"), "percentile 99 of |t| (|t| ≥ "),
    ],
)
def test_the_mask_remembers_run_contrast_and_threshold(viewer, t, cut, words):
    layer = contrast_maps.ContrastLayers(viewer, t).use(cut)
    (origin,) = RegionLayer(layer).origins[1]
    assert (origin.run, origin.fingerprint, origin.contrast) == ("a run", t.origin.fingerprint, "face > house")
    assert origin.threshold.startswith(words)
    made = info(layer)["provenance"]
    assert made["in_words"] == origin.threshold
    assert made["threshold"]["side"] == cut.side
    assert (
        Threshold.from_dict({k: v for k, v in made["threshold"].items() if k not in ("of", "side", "within")}) == cut.threshold
    )
    assert dict(zip(layer.features["index"], layer.features["name"], strict=True))[1] == "face > house"


def test_who_follows_the_mask_hears_of_voxels_and_origins_together(viewer, t):
    shown = contrast_maps.ContrastLayers(viewer, t)
    regions = RegionLayer(shown.use(Cut(Threshold(value=2.0))))
    heard = []

    def hear():
        heard.append((int(np.count_nonzero(regions.labels)), regions.origins[1][0].threshold if regions.labels.any() else ""))

    regions.changed.connect(hear)
    expected = []
    for value in (3.0, 4.0, 9.99, 4.0, 1.0):
        shown.use(Cut(Threshold(value=value)))
        voxels = shown.mask_account.voxels
        expected.append((voxels, f"-log10 p ≥ {value:g}" if voxels else ""))
    assert heard == expected


def test_layers_lie_on_the_run_with_units_and_honest_colours(viewer, t):
    shown = contrast_maps.ContrastLayers(viewer, t)
    shown.use(Cut())
    mean, log_p, statistic, mask = viewer.layers
    for layer in viewer.layers:
        assert grid_of(layer).matches(GRID)
        assert [str(unit) for unit in layer.units] == ["millimeter"] * 3
        assert info(layer)["provenance"]["contrast"] == "face > house"
    assert (mean.visible, log_p.visible, statistic.visible, mask.visible) == (True, False, True, True)
    np.testing.assert_array_equal(mean.data, t.mean.data)
    np.testing.assert_array_equal(statistic.data, t.t.data)
    np.testing.assert_array_equal(log_p.data, t.log_p.data)
    assert tuple(log_p.contrast_limits) == (0, 10)
    assert statistic.contrast_limits[0] == -statistic.contrast_limits[1]
    assert statistic.contrast_limits[1] >= np.abs(t.t.data).max()
    assert statistic.colorbar.visible
    assert [layer.name for layer in viewer.layers] == [
        "Mean of a run",
        "-log10 p face > house",
        "t face > house",
        "Mask face > house",
    ]
    np.testing.assert_array_equal(mask.get_color(1)[:3], np.array([255, 79, 216], dtype="f4") / 255)


def _colored(layer):
    low, high = layer.contrast_limits
    return layer.colormap.map((layer.data.astype(float).ravel() - low) / (high - low))[:, 3].reshape(layer.data.shape) > 0


def test_the_maps_are_coloured_wherever_the_mask_is(viewer, t):
    shown = contrast_maps.ContrastLayers(viewer, t)
    for value in (5.0, 1.0, 0.2, 4.0):
        mask = shown.use(Cut(Threshold(value=value)))
        for layer in (shown.statistic_layer, shown.log_p_layer):
            seen = _colored(layer)
            assert seen[mask.data > 0].all()
            assert seen[t.p.data <= contrast_maps.SHOWN].all()
            assert not seen[(mask.data == 0) & (t.p.data > max(contrast_maps.SHOWN, 10.0**-value) + 0.02)].any()


def test_the_mean_is_hidden_where_there_is_an_anatomical_image(viewer, t):
    viewer.add_image(np.ones((20, 20, 20)), name="T1w", **layer_kwargs(Grid((20, 20, 20), np.eye(4))))
    assert not contrast_maps.ContrastLayers(viewer, t).mean_layer.visible


def test_a_mask_somebody_painted_in_is_theirs(viewer, t):
    shown = contrast_maps.ContrastLayers(viewer, t)
    mine = shown.use(Cut(Threshold(value=2.0)))
    mine.data_setitem((np.array([0]), np.array([0]), np.array([5])), 7)
    painted, origins = mine.data.copy(), dict(info(mine)["origins"])
    new = shown.use(Cut(Threshold(value=4.0)))
    assert new is not mine
    assert new in viewer.layers
    np.testing.assert_array_equal(mine.data, painted)
    assert info(mine)["origins"] == origins
    np.testing.assert_array_equal(new.data, _expected(t, Cut(Threshold(value=4.0))))
    assert shown.use(Cut(Threshold(value=3.0))) is new
    again = contrast_maps.ContrastLayers(viewer, t)
    assert again.use(Cut()) is new
    np.testing.assert_array_equal(mine.data, painted)


def test_a_stroke_that_was_undone_leaves_the_mask_to_the_threshold(viewer, t):
    shown = contrast_maps.ContrastLayers(viewer, t)
    mask = shown.use(Cut(Threshold(value=2.0)))
    mask.data_setitem((np.array([0]), np.array([0]), np.array([5])), 7)
    mask.undo()
    assert shown.use(Cut(Threshold(value=4.0))) is mask


@pytest.mark.parametrize("how", ["removed", "other data"])
def test_a_mask_that_is_gone_is_made_anew(viewer, t, how):
    shown = contrast_maps.ContrastLayers(viewer, t)
    mask = shown.use(Cut())
    if how == "removed":
        viewer.layers.remove(mask)
    else:
        mask.data = np.zeros((3, 3, 3), dtype=np.uint8)
    new = shown.use(Cut(Threshold(value=2.0)))
    assert new in viewer.layers
    np.testing.assert_array_equal(new.data, _expected(t, Cut(Threshold(value=2.0))))
    shown.rest()


def test_maps_that_are_removed_break_nothing(viewer, t):
    shown = contrast_maps.ContrastLayers(viewer, t)
    shown.use(Cut())
    for layer in (shown.mean_layer, shown.statistic_layer, shown.log_p_layer):
        viewer.layers.remove(layer)
    shown.clip = 20.0
    shown.use(Cut(Threshold(value=1.0)))
    shown.close()
    again = contrast_maps.ContrastLayers(viewer, t)
    assert {again.mean_layer, again.statistic_layer, again.log_p_layer} <= set(viewer.layers)


def test_another_contrast_renews_the_same_layers_and_keeps_the_looks(viewer, run, t):
    shown = contrast_maps.ContrastLayers(viewer, t)
    shown.use(Cut(Threshold(value=2.0)))
    before = list(viewer.layers)
    shown.statistic_layer.contrast_limits = (-6, 6)
    shown.statistic_layer.opacity = 0.5
    shown.log_p_layer.name = "mine"
    shown.close()
    other = condition_test(run, LABELS, ConditionTest(a="cat", b="rest", fwhm=4.0, clip=20.0))
    renewed = contrast_maps.ContrastLayers(viewer, other)
    mask = renewed.use(Cut(Threshold(value=2.0)))
    assert list(viewer.layers) == before
    assert [layer.name for layer in before] == ["Mean of a run", "mine", "t cat > rest", "Mask cat > rest"]
    np.testing.assert_array_equal(renewed.statistic_layer.data, other.t.data)
    np.testing.assert_array_equal(mask.data, _expected(other, Cut(Threshold(value=2.0))))
    assert tuple(renewed.statistic_layer.contrast_limits) == (-6, 6)
    assert renewed.statistic_layer.opacity == 0.5
    assert tuple(renewed.log_p_layer.contrast_limits) == (0, 20)
    assert info(mask)["origins"][1][0]["contrast"] == "cat > rest"
    assert list(mask.features["name"]) == ["outside", "cat > rest"]


def test_an_f_takes_the_place_of_a_t_with_colours_of_its_own(viewer, t, f):
    contrast_maps.ContrastLayers(viewer, t).use(Cut())
    before = list(viewer.layers)
    shown = contrast_maps.ContrastLayers(viewer, f)
    shown.use(Cut())
    assert list(viewer.layers) == before
    assert shown.statistic_layer.contrast_limits[0] == 0
    assert shown.statistic_layer.name == "F face, house, cat"
    assert list(shown.sides) == ["both"]
    assert info(shown.mask_layer)["origins"][1][0]["contrast"] == "F: face, house, cat"


def test_another_run_has_layers_of_its_own_and_those_of_before_step_aside(viewer, t):
    first = contrast_maps.ContrastLayers(viewer, t)
    mask = first.use(Cut(Threshold(value=2.0)))
    before = mask.data.copy()
    first.statistic_layer.opacity = 0.3
    result = condition_test(_run(1, "another run"), LABELS, ConditionTest(fwhm=4.0))
    second = contrast_maps.ContrastLayers(viewer, result)
    second.use(Cut(Threshold(value=2.0)))
    assert len(viewer.layers) == 8
    np.testing.assert_array_equal(mask.data, before)
    assert (mask.visible, first.statistic_layer.visible) == (False, False)
    assert second.statistic_layer.visible
    back = contrast_maps.ContrastLayers(viewer, t)
    assert back.use(Cut(Threshold(value=2.0))) is mask
    assert (mask.visible, back.statistic_layer.visible, back.log_p_layer.visible) == (True, True, False)
    assert not second.mask_layer.visible
    assert len(viewer.layers) == 8


def test_the_clip_of_log_p_can_be_changed(viewer, t):
    shown = contrast_maps.ContrastLayers(viewer, t)
    shown.use(Cut())
    shown.clip = 4.0
    log_p = -np.log10(t.p.data)
    np.testing.assert_allclose(shown.log_p_layer.data, np.minimum(log_p, 4), rtol=1e-6)
    assert tuple(shown.log_p_layer.contrast_limits) == (0, 4)
    assert info(shown.log_p_layer)["provenance"]["parameters"]["clip"] == 4.0
    assert shown.use(Cut(Threshold(value=4.0))).data.sum() == (log_p >= 4).sum()
    shown.clip = 30.0
    shown.log_p_layer.contrast_limits = (0, 12)
    shown.clip = 40.0
    assert shown.log_p_layer.contrast_limits[1] == 12
    assert shown.use(Cut(Threshold(value=11.0))).data.sum() == (log_p >= 11).sum()
    np.testing.assert_array_equal(t.log_p.data.max(), 10.0)


@pytest.mark.parametrize(
    ("within", "sentence"),
    [
        (Volume(np.ones((3, 3, 3)), Grid((3, 3, 3), np.eye(4)), name="small"), "small is on a 3×3×3 grid"),
        (Volume(np.zeros(GRID.shape), GRID, name="empty"), "no voxel that was tested lies in empty"),
    ],
)
def test_a_mask_that_does_not_go_is_refused_and_nothing_changes(viewer, t, within, sentence):
    shown = contrast_maps.ContrastLayers(viewer, t)
    before = shown.use(Cut(Threshold(value=2.0))).data.copy()
    with pytest.raises(InputError, match=sentence):
        shown.use(Cut(Threshold(value=3.0)), within)
    np.testing.assert_array_equal(shown.mask_layer.data, before)


def test_a_run_without_any_difference_shows_an_empty_mask(viewer):
    rng = np.random.default_rng(3)
    noise = Run(rng.standard_normal((40, *GRID.shape)).astype("f4"), GRID, 2.0)
    flat = Run(np.full((40, *GRID.shape), 7.0, dtype="f4"), GRID, 2.0)
    labels = np.repeat(["face", "house"], 20)
    shown = contrast_maps.ContrastLayers(viewer, condition_test(noise, labels))
    shown.use(Cut())
    assert str(shown.mask_account) == "0 voxels, 0 mm³ (0 clusters)"
    assert np.isnan(shown.weakest)
    with pytest.raises(InputError, match="the same in every volume"):
        contrast_maps.ContrastLayers(viewer, condition_test(flat, labels)).use(Cut())


def test_the_peak_is_the_strongest_voxel(viewer, t):
    shown = contrast_maps.ContrastLayers(viewer, t)
    i, j, k = np.rint(GRID.to_voxel(shown.peak_mm)).astype(int)
    assert abs(t.t.data[k, j, i]) == np.abs(t.t.data).max()
    shown.use(Cut(Threshold(value=3.0)))
    assert shown.weakest == np.abs(t.t.data)[t.log_p.data >= 3].min()


def test_the_mask_and_where_it_comes_from_survive_saving(viewer, t, tmp_path):
    mask = contrast_maps.ContrastLayers(viewer, t).use(Cut(Threshold(value=2.0)))
    from napari_connectome.layers.writer import write_labels

    data, meta, _ = mask.as_layer_data_tuple()
    write_labels(str(tmp_path / "mask.nii.gz"), data, meta)
    back = load_regions(tmp_path / "mask.nii.gz")
    np.testing.assert_array_equal(back.labels, mask.data)
    assert back.table.loc[1, "name"] == "face > house"
    assert back.origins[1][0].threshold == "-log10 p ≥ 2"


def test_names_given_by_the_user_stay_and_others_follow():
    viewer = ViewerModel()
    first = results.show(viewer, _image("one"), "a map", "somebody")
    assert results.show(viewer, _image("two"), "a map", "somebody") is first
    assert first.name == "two"
    first.name = "mine"
    results.show(viewer, _image("three"), "a map", "somebody")
    assert first.name == "mine"


def test_duplicates_are_the_users_and_go_on_saying_what_they_are(viewer, run, t):
    from napari.layers._layer_actions import _duplicate_layer

    shown = contrast_maps.ContrastLayers(viewer, t)
    mask = shown.use(Cut(Threshold(value=5.0)))
    ours = list(viewer.layers)
    viewer.layers.selection = {mask, shown.statistic_layer}
    _duplicate_layer(viewer.layers)
    copies = [layer for layer in viewer.layers if layer not in ours]
    before = [(layer.data.copy(), dict(info(layer))) for layer in copies]
    shown.use(Cut(Threshold(value=2.0)))
    shown.clip = 20.0
    other = condition_test(run, LABELS, ConditionTest(a="cat", fwhm=4.0))
    again = contrast_maps.ContrastLayers(viewer, other)
    again.use(Cut(Threshold(value=3.0)))
    for layer, (data, known) in zip(copies, before, strict=True):
        np.testing.assert_array_equal(layer.data, data)
        assert info(layer) == known
        assert not contrast_maps.of_test(layer)
    assert {again.mask_layer, again.statistic_layer} == {mask, shown.statistic_layer}
    assert len(viewer.layers) == len(ours) + 2


def test_a_voxel_constant_in_each_condition_is_shown(viewer):
    data = np.full((len(LABELS), *GRID.shape), 100.0, dtype="f4")
    data[:, 3, 5, 4] += LABELS == "face"
    result = condition_test(Run(data, GRID, 2.0), LABELS, ConditionTest(fwhm=0.0))
    assert np.isinf(result.t.data).sum() == 1
    shown = contrast_maps.ContrastLayers(viewer, result)
    for of in ("log_p", "statistic"):
        shown.use(Cut(Threshold(value=1.0), of))
        assert shown.mask_account.voxels == 1
    assert shown.strongest == "t inf, -log10 p inf"


def test_neighbours_of_both_signs_are_two_clusters(viewer):
    data = np.random.default_rng(1).standard_normal((len(LABELS), *GRID.shape)).astype("f4")
    for condition, x in (("face", 3), ("house", 4)):
        data[:, 3, 4:7, x] += 20 * (condition == LABELS)[:, None]
    shown = contrast_maps.ContrastLayers(viewer, condition_test(Run(data, GRID, 2.0), LABELS, ConditionTest(fwhm=0.0)))
    for side, count in (("both", 2), ("a", 1), ("b", 1)):
        shown.use(Cut(Threshold(value=10.0), side=side))
        assert (shown.mask_account.voxels, shown.mask_account.clusters) == (3 * count, count)


def _image(name):
    from napari.layers import Image

    return Image(np.zeros(GRID.shape, dtype="f4"), name=name, metadata={KEY: {"grid": GRID}})
