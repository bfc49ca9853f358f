import numpy as np
import pytest
from sklearn.decomposition import sparse_encode

from napari_connectome.core.errors import Cancelled
from napari_connectome.core.sparse_coding import AT_ONCE, sparse_code


def objective(atoms, voxels, weights, alpha):
    return 0.5 * ((voxels - weights.T @ atoms) ** 2).sum(axis=1) + alpha * np.abs(weights).sum(axis=0)


def misses(gram, products, weights, alpha):
    """How far from the conditions of the optimum: pull = alpha·sign where a weight is not 0, at most alpha elsewhere."""
    pull = products - gram @ weights
    used = np.abs(pull - alpha * np.sign(weights))[weights != 0].max(initial=0.0)
    return max(used, (np.abs(pull[weights == 0]) - alpha).max(initial=0.0))


def drawn(seed, k, m, v, alike=0.0):
    rng = np.random.default_rng(seed)
    atoms = rng.standard_normal((k, m)) + alike * rng.standard_normal(m)
    atoms /= np.linalg.norm(atoms, axis=1)[:, None]
    voxels = rng.laplace(size=(v, k)) @ atoms * 2 + rng.standard_normal((v, m))
    return atoms, voxels


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("alpha", [0.1, 1.0, 5.0])
def test_weights_are_the_optimum_and_those_of_scikit_learn(seed, alpha):
    k, m = [(2, 5), (5, 40), (12, 30), (20, 100), (8, 8), (30, 20)][seed]  # the last: more atoms than dimensions
    atoms, voxels = drawn(seed, k, m, 60, alike=[0, 0, 1, 2, 0, 0.5][seed])
    gram, products = atoms @ atoms.T, atoms @ voxels.T
    weights = sparse_code(gram, products, alpha)
    assert misses(gram, products, weights, alpha) < 1e-7 * np.abs(products).max()
    theirs = sparse_encode(voxels, atoms, algorithm="lasso_cd", alpha=alpha, max_iter=100_000).T
    mine, other = (objective(atoms, voxels, some, alpha) for some in (weights, theirs))
    assert np.all(mine <= other * (1 + 1e-9))
    if k <= m:
        # scikit-learn stops at a duality gap of 1e-8 of the energy, that is at 1e-4 of the weights and better.
        assert np.abs(weights - theirs).max() < 2e-3 * np.abs(theirs).max()


def test_a_strict_lasso_gives_the_same_to_a_millionth():
    from sklearn.linear_model import Lasso

    atoms, voxels = drawn(3, 10, 50, 20, alike=1.0)
    weights = sparse_code(atoms @ atoms.T, atoms @ voxels.T, 1.0)
    lasso = Lasso(alpha=1.0 / 50, fit_intercept=False, tol=1e-14, max_iter=1_000_000)
    theirs = np.stack([lasso.fit(atoms.T, voxel).coef_ for voxel in voxels], axis=1)
    np.testing.assert_allclose(weights, theirs, atol=1e-6 * np.abs(theirs).max())


def test_where_it_begins_does_not_matter():
    atoms, voxels = drawn(0, 12, 40, AT_ONCE // 12 + 300, alike=1.0)
    gram, products = atoms @ atoms.T, atoms @ voxels.T
    cold = sparse_code(gram, products, 1.0)
    rng = np.random.default_rng(0)
    for start in (cold, rng.standard_normal(cold.shape), cold + 0.1 * rng.standard_normal(cold.shape)):
        before = start.copy()
        np.testing.assert_allclose(sparse_code(gram, products, 1.0, start), cold, atol=1e-7)
        np.testing.assert_array_equal(start, before)


def test_alike_and_empty_atoms_do_no_harm():
    atoms, voxels = drawn(1, 6, 20, 100)
    atoms[3], atoms[5] = atoms[2], 0
    gram, products = atoms @ atoms.T, atoms @ voxels.T
    for alpha in (0.0, 0.5):
        weights = sparse_code(gram, products, alpha)
        assert misses(gram, products, weights, alpha) < 1e-6 * np.abs(products).max()
        assert not weights[5].any()


def test_beyond_the_largest_product_all_weights_are_0():
    atoms, voxels = drawn(1, 6, 20, 100)
    products = atoms @ voxels.T
    assert not sparse_code(atoms @ atoms.T, products, np.abs(products).max()).any()
    assert sparse_code(atoms @ atoms.T, products[:, :0], 1.0).shape == (6, 0)


def test_progress_is_told_by_the_piece_and_may_stop_it():
    atoms, voxels = drawn(0, 4, 10, 3 * AT_ONCE // 4 + 1)
    told = []
    sparse_code(atoms @ atoms.T, atoms @ voxels.T, 1.0, progress=lambda done, doing: told.append(done))
    assert len(told) >= 4
    assert told == sorted(told)
    assert told[-1] == 1

    def stop(done, doing):
        raise Cancelled

    with pytest.raises(Cancelled):
        sparse_code(atoms @ atoms.T, atoms @ voxels.T, 1.0, progress=stop)
