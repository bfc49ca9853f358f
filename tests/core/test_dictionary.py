import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from napari_connectome.core import dictionary
from napari_connectome.core.dictionary import better_atoms, first_atoms, learn_dictionary, learn_in_batches
from napari_connectome.core.errors import Cancelled
from napari_connectome.core.ica import group_components, independent_maps
from napari_connectome.core.threads import one_thread

ALPHA = 3.0


@pytest.fixture(autouse=True)
def _one_thread():
    with one_thread():
        yield


def stacked(seed=0, k=5, subjects=4, v=3000):
    """Reductions (m × v) of subjects whose sparse networks are the same."""
    rng = np.random.default_rng(seed)
    networks = rng.uniform(1, 3, (k, v)) * (rng.random((k, v)) < 0.1)
    rows = []
    for _ in range(subjects):
        series = rng.standard_normal((60, k)) @ networks + rng.standard_normal((60, v))
        _, sizes, right = np.linalg.svd(series - series.mean(axis=0), full_matrices=False)
        rows.append((sizes[:, None] * right)[: k + 2] / 2)
    return np.concatenate(rows), networks


def objective(rows, found, alpha=ALPHA):
    rest = rows.T - found.maps.T @ found.atoms
    return float((0.5 * (rest**2).sum(axis=1) + alpha * np.abs(found.maps).sum(axis=0)).mean())


def matched(maps, others):
    r = np.abs(np.corrcoef(maps, others)[: len(maps), len(maps) :])
    return r[linear_sum_assignment(-r)]


@pytest.fixture(scope="module")
def theirs():
    """For a seed: rows, initial maps, nilearn's estimator fitted from them, and the atoms and maps it found inside."""
    from nilearn.decomposition import DictLearning
    from nilearn.decomposition import dict_learning as module

    kept = {}

    def fitted(seed):
        if seed not in kept:
            rows, _ = stacked(seed)
            start = independent_maps(group_components(rows, 5), 1, seed).maps
            estimator, inside = DictLearning(n_components=5, alpha=ALPHA, random_state=seed), {}

            def begin(data):
                estimator.components_init_ = start / (start**2).sum(axis=1)[:, None]

            def watched(*args, **options):
                # Its coordinate descent gives up after 1000 rounds where atoms are alike, and says so: let it go on.
                code, atoms = original(*args, **options, method_max_iter=200_000)
                inside.update(maps=code.T.copy(), atoms=atoms.copy())
                return code, atoms

            original = module.dict_learning_online
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(estimator, "_init_dict", begin)
                patch.setattr(module, "dict_learning_online", watched)
                estimator._raw_fit(rows.copy())
            kept[seed] = rows, start, estimator, dictionary.Dictionary(inside["atoms"], inside["maps"], (), 0)
        return kept[seed]

    return fitted


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_from_the_same_start_the_dictionary_of_nilearn(theirs, seed):
    rows, start, estimator, inside = theirs(seed)
    np.testing.assert_allclose(first_atoms(rows, start), estimator.loadings_init_, atol=1e-10)
    mine = learn_dictionary(rows, start, ALPHA, seed=seed)
    np.testing.assert_allclose(mine.atoms, inside.atoms, atol=1e-4)
    np.testing.assert_allclose(mine.maps, inside.maps, atol=1e-3 * np.abs(inside.maps).max())
    assert matched(mine.maps, estimator.components_).min() > 0.99999
    assert mine.objectives[-1] == pytest.approx(objective(rows, inside), rel=1e-6)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_passes_over_all_voxels_end_no_higher_than_nilearn(theirs, seed):
    rows, start, _, inside = theirs(seed)
    shown = []
    mine = learn_dictionary(rows, start, ALPHA, full=True, seed=seed, watch=shown.append)
    assert mine.objectives[-1] < objective(rows, inside)
    assert mine.objectives[-1] == pytest.approx(objective(rows, mine), rel=1e-10)
    assert np.all(np.diff(mine.objectives) <= 1e-9)
    assert np.linalg.norm(mine.atoms, axis=1).max() <= 1 + 1e-12
    np.testing.assert_array_equal(shown[-1], mine.maps)
    assert matched(mine.maps, stacked(seed)[1]).min() > 0.9


def test_passes_end_no_higher_than_the_batches_from_wherever_they_begin():
    rows, networks = stacked(4, v=1000)
    for seed in range(6):
        start = np.random.default_rng(seed).standard_normal((3 + seed, networks.shape[1]))
        early, full = (learn_dictionary(rows, start, ALPHA, full=full, seed=seed) for full in (False, True))
        assert full.objectives[-1] <= early.objectives[-1]


def test_batches_are_those_of_scikit_learn_also_when_atoms_are_drawn_anew():
    from sklearn.decomposition import MiniBatchDictionaryLearning

    rows, _ = stacked(3)
    atoms = np.random.default_rng(0).standard_normal((6, len(rows)))
    atoms[2:4] = 0  # unused from the first batch on
    theirs = MiniBatchDictionaryLearning(
        6, alpha=ALPHA, batch_size=20, fit_algorithm="cd", dict_init=atoms.copy(), random_state=5
    ).fit(rows.T)
    mine, batches = learn_in_batches(rows, atoms, ALPHA, 5)
    assert batches == theirs.n_steps_
    np.testing.assert_allclose(mine, theirs.components_, atol=1e-5)


def test_better_atoms_never_fit_worse():
    rng = np.random.default_rng(0)
    for _ in range(30):
        rows, maps, atoms = rng.standard_normal((8, 50)), rng.standard_normal((4, 50)), rng.standard_normal((4, 8))
        maps[rng.integers(4)] = 0
        atoms /= np.maximum(1, np.linalg.norm(atoms, axis=1))[:, None]
        better = better_atoms(atoms, maps @ maps.T, maps @ rows.T)
        assert np.sum((rows.T - maps.T @ better) ** 2) <= np.sum((rows.T - maps.T @ atoms) ** 2) + 1e-9
        assert np.linalg.norm(better, axis=1).max() <= 1 + 1e-12


def test_an_atom_without_voxels_is_drawn_from_what_is_left():
    rows, networks = stacked(1)
    start = networks.copy()
    start[3] = 0
    found = learn_dictionary(rows, start, ALPHA, full=True)
    assert found.maps.any(axis=1).all()
    assert np.all(np.diff(found.objectives) <= 1e-9)


@pytest.mark.parametrize("full", [False, True])
def test_the_same_call_gives_the_same_bits_and_a_moved_input_the_same_set(full):
    rows, _ = stacked(2)
    start = independent_maps(group_components(rows, 5), 1).maps
    first, second = (learn_dictionary(rows, start, ALPHA, full=full) for _ in range(2))
    np.testing.assert_array_equal(first.maps, second.maps)
    noise = 1e-6 * rows.std() * np.random.default_rng(0).standard_normal(rows.shape)
    again = independent_maps(group_components(rows + noise, 5), 1).maps
    moved = learn_dictionary(rows + noise, again, ALPHA, full=full)
    assert matched(first.maps, moved.maps).min() > 0.99999


def test_progress_never_goes_back_and_every_call_may_stop_it():
    rows, networks = stacked(0, v=1500)
    told = []
    learn_dictionary(rows, networks, ALPHA, full=True, progress=lambda done, doing: told.append(done))
    assert told == sorted(told)
    assert told[-1] <= 1
    for at in range(1, len(told), 29):
        left = at

        def stop(done, doing):
            nonlocal left
            left -= 1
            if not left:
                raise Cancelled

        with pytest.raises(Cancelled):
            learn_dictionary(rows, networks, ALPHA, full=True, progress=stop)


def test_fewer_voxels_than_a_batch():
    rows = np.random.default_rng(0).standard_normal((6, 13))
    found = learn_dictionary(rows, rows[:2], 0.1, full=True)
    assert found.maps.shape == (2, 13)
    assert np.isfinite(found.maps).all()
