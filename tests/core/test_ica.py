import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.stats import scoreatpercentile

from napari_connectome.core import ica
from napari_connectome.core.errors import Cancelled, InputError
from napari_connectome.core.ica import group_components, independent_maps, keep_strongest
from napari_connectome.core.threads import one_thread


@pytest.fixture(autouse=True)
def _one_thread():
    with one_thread():
        yield


def sources(k=6, v=2500, seed=0):
    """Sparse maps (k × v), as networks are."""
    rng = np.random.default_rng(seed)
    return rng.laplace(size=(k, v)) * (rng.random((k, v)) < 0.2)


def stacked(seed=0, k=6, m=40, noise=0.3):
    rng = np.random.default_rng([seed, 1])
    return rng.standard_normal((m, k)) @ sources(k, seed=seed) + noise * rng.standard_normal((m, 2500))


def matched(maps, others):
    r = np.abs(np.corrcoef(maps, others)[: len(maps), len(maps) :])
    return r[linear_sum_assignment(-r)]


def test_components_are_those_of_the_stacked_rows_of_norm_1():
    from nilearn.decomposition._multi_pca import _MultiPCA

    rows = stacked() * np.random.default_rng(0).uniform(0.1, 10, 40)[:, None]
    theirs = _MultiPCA(n_components=6, random_state=0)
    theirs._raw_fit(rows.copy())
    mine = group_components(rows, 6)
    np.testing.assert_allclose(np.linalg.svd(mine @ theirs.components_.T)[1], 1.0, atol=1e-8)  # the same space
    np.testing.assert_allclose(mine @ mine.T, np.eye(6), atol=1e-9)


@pytest.mark.parametrize("limit", [ica.MOST_FOR_MOMENTS, 0])
@pytest.mark.parametrize("seed", [0, 7])
def test_equal_to_fastica_from_the_same_start(seed, limit, monkeypatch):
    """Whether by fourth moments or over the voxels: the maps of scikit-learn, in their order and with their signs."""
    from scipy.linalg import svd
    from sklearn.decomposition import fastica

    monkeypatch.setattr(ica, "MOST_FOR_MOMENTS", limit)
    # Mixed, so that they are not white: of white ones scikit-learn divides by signs of what is 0 but for rounding.
    components = np.random.default_rng(0).standard_normal((6, 6)) @ group_components(stacked(seed), 6)
    mine = independent_maps(components, 1, seed)
    centred = components - components.mean(axis=1, keepdims=True)
    u, d = svd(centred, full_matrices=False)[:2]
    theirs_white = (u * np.sign(u[0]) / d).T @ centred
    white = ica._whitened(components)
    first = np.random.RandomState(seed).randint(2**31 - 1, size=1)[0]
    begin = np.random.RandomState(first).normal(size=components.shape) @ white.T
    w_init = begin @ white @ theirs_white.T  # the same start in the axes scikit-learn whitens to
    how = {"whiten": "arbitrary-variance", "fun": "cube", "w_init": w_init, "return_n_iter": True}
    for tol, close in ((1e-12, 1e-6), (ica.TOLERANCE, 1e-2)):  # where it comes to rest; where it ends if nobody says
        _, _, maps, iterations = fastica(components.T, tol=tol, **how)
        np.testing.assert_allclose(mine.maps, maps.T, atol=close * np.abs(maps).max())
        assert iterations < ica.MOST_ITERATIONS
    assert (mine.starts, mine.converged) == (1, 1)


@pytest.mark.parametrize("limit", [ica.MOST_FOR_MOMENTS, 0])
def test_maps_at_rest_move_no_more_than_the_input(limit, monkeypatch):
    """A dictionary that begins with them may not forgive more."""
    monkeypatch.setattr(ica, "MOST_FOR_MOMENTS", limit)
    for seed in range(6):
        components = group_components(stacked(seed), 6)
        moved = components + 1e-9 * np.random.default_rng(seed).standard_normal(components.shape)
        first, again = independent_maps(components, 1, seed), independent_maps(moved, 1, seed)
        assert (first.converged, again.converged) == (1, 1)
        np.testing.assert_allclose(again.maps, first.maps, atol=1e-6 * np.abs(first.maps).max())


def test_the_same_networks_as_nilearn_from_its_own_starts():
    from nilearn.decomposition import CanICA

    rows = stacked(2).astype(np.float32)
    theirs = CanICA(n_components=6, n_init=10, random_state=0)
    theirs._raw_fit(rows.copy())
    mine = keep_strongest(independent_maps(group_components(rows, 6)).maps, 1.0)
    assert matched(mine, theirs.components_).min() > 0.999
    assert abs(np.count_nonzero(mine) - np.count_nonzero(theirs.components_)) <= 2
    assert matched(mine, sources(seed=2)).min() > 0.95


def test_the_start_with_the_smallest_largest_norm_is_taken():
    components = group_components(stacked(3, noise=3.0), 6)
    shown = []
    best = independent_maps(components, 8, 1, watch=shown.append)
    sizes = [np.abs(maps).sum(axis=1).max() for maps in shown]
    assert sizes == sorted(sizes, reverse=True)
    np.testing.assert_array_equal(best.maps, shown[-1])
    assert best.starts == 8


def test_what_is_found_does_not_depend_on_the_axes_of_the_components():
    components = group_components(stacked(4), 6)
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((6, 6)))[0]
    np.testing.assert_allclose(independent_maps(turn @ components, 3).maps, independent_maps(components, 3).maps, atol=1e-8)


def test_steps_that_always_climb_lead_where_fastica_does(monkeypatch):
    components = group_components(stacked(6), 6)
    fast = independent_maps(components, 4)
    monkeypatch.setattr(ica, "_fast", lambda cubes, begin, progress: (begin, np.inf))
    climbed = independent_maps(components, 4)
    assert (fast.converged, climbed.converged) == (4, 4)
    assert matched(fast.maps, climbed.maps).min() > 0.9999
    white, heights = ica._whitened(components), []
    cubes = ica._cubes(white, lambda done, doing: None)
    begin = np.random.default_rng(0).standard_normal((6, 6))
    for most in range(1, 8):
        monkeypatch.setattr(ica, "CLIMBS", most)
        turn, _ = ica._climb(cubes, begin, lambda done, doing: None)
        heights.append(((turn @ white) ** 4).sum())
    assert np.all(np.diff(heights) >= -1e-12)


def test_maps_that_overlap_come_to_rest_and_are_the_same_when_the_input_moves_a_little():
    """Smooth balls, where FastICA goes round in circles, from every start to somewhere else."""
    rng = np.random.default_rng(0)
    places = np.argwhere(np.ones((10, 11, 9)))
    away = ((places[:, None] - rng.choice(places, 10, replace=False)) ** 2).sum(axis=2)
    maps = np.exp(-away / 4).reshape(-1, 5, 2).max(axis=2).T
    rows = rng.standard_normal((20, 5)) @ maps + 0.1 * rng.standard_normal((20, maps.shape[1]))
    first = independent_maps(group_components(rows, 5), 5)
    moved = independent_maps(group_components(rows * (1 + 1e-6 * rng.standard_normal(rows.shape)), 5), 5)
    assert (first.converged, moved.converged) == (5, 5)
    assert matched(first.maps, moved.maps).min() > 0.99999


def test_many_maps_take_no_more_steps_than_scikit_learns(monkeypatch):
    """Of noise no search comes to rest; without the moments a step is a pass over all voxels."""
    monkeypatch.setattr(ica, "MOST_FOR_MOMENTS", 0)
    monkeypatch.setattr(ica, "TOLERANCE", 0.0)
    passes, over_voxels = [], ica._over_voxels
    monkeypatch.setattr(ica, "_over_voxels", lambda *given: passes.append(1) or over_voxels(*given))
    found = independent_maps(group_components(stacked(noise=30.0), 6), 2)
    assert found.converged == 0
    assert len(passes) == 2 * ica.MOST_ITERATIONS


def test_starts_that_come_to_rest_are_preferred(monkeypatch):
    components = group_components(stacked(3, noise=3.0), 6)
    wandering, unmix = iter([False, True, False]), ica._unmix
    monkeypatch.setattr(ica, "_unmix", lambda *given: (unmix(*given)[0], next(wandering)))
    shown = []
    found = independent_maps(components, 3, watch=shown.append)
    assert found.converged == 1
    monkeypatch.undo()
    at_rest = np.random.RandomState(np.random.RandomState(0).randint(2**31 - 1, size=3)[1])
    white = ica._whitened(components)
    turn, _ = ica._unmix(
        ica._cubes(white, lambda done, doing: None), at_rest.normal(size=white.shape) @ white.T, lambda done, doing: None
    )
    np.testing.assert_allclose(found.maps, turn @ white, atol=1e-12)


def test_maps_to_begin_with_lead_back_to_themselves():
    components = group_components(stacked(5), 6)
    found = independent_maps(components, 5).maps
    again = independent_maps(components, start=-2 * found[::-1])
    np.testing.assert_allclose(again.maps, -found[::-1], atol=1e-3 * np.abs(found).max())
    assert again.starts == 1
    with pytest.raises(InputError, match="alike"):
        independent_maps(components, start=np.repeat(found[:1], 6, axis=0))


@pytest.mark.parametrize("ratio", [0.0, 0.5, 1.0, 2.0, 6.0, 10.0])
def test_as_many_weights_as_asked_for_are_kept(ratio):
    maps = np.random.default_rng(0).standard_normal((6, 1000))
    kept = keep_strongest(maps, ratio)
    if ratio in (0.0, 6.0, 10.0):
        np.testing.assert_array_equal(kept, maps)
        return
    cut = scoreatpercentile(np.abs(maps), 100 - 100 / 6 * ratio)
    np.testing.assert_array_equal(kept, np.where(np.abs(maps) < cut, 0, maps))
    assert np.count_nonzero(kept) == pytest.approx(1000 * ratio, abs=1)


def test_more_than_the_runs_hold_is_refused_in_one_sentence():
    with pytest.raises(InputError, match="41 networks were asked for and the runs give only 40 components"):
        group_components(stacked(), 41)
    with pytest.raises(InputError, match=r"12 networks .* vary in only 6 ways"):
        group_components(stacked(noise=0.0), 12)
    with pytest.raises(InputError, match="vary in only 0 ways"):
        group_components(np.zeros((5, 100)), 3)
    with pytest.raises(InputError, match="constant"):
        independent_maps(np.linalg.qr(np.c_[np.ones(50), np.arange(50)])[0].T)


@pytest.mark.parametrize("limit", [ica.MOST_FOR_MOMENTS, 0])
def test_every_call_of_progress_may_stop_it(limit, monkeypatch):
    monkeypatch.setattr(ica, "MOST_FOR_MOMENTS", limit)
    components, told, words = group_components(stacked(), 6), [], []
    independent_maps(components, 2, progress=lambda done, doing: told.append(done) or words.append(doing))
    assert told == sorted(told)
    assert list(dict.fromkeys(words))[-2:] == [f"independent components, start {i} of 2" for i in (1, 2)]
    for at in (1, len(told) // 2, len(told)):
        left = at

        def stop(done, doing):
            nonlocal left
            left -= 1
            if not left:
                raise Cancelled

        with pytest.raises(Cancelled):
            independent_maps(components, 2, progress=stop)
