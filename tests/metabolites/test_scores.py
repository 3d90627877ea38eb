"""Axis scores: weights, unit variance, jackknife and ranks against what is known beforehand."""

from __future__ import annotations

import numpy as np
import pytest

from napari_metime.metabolites.scores import jackknife, rank_scores, shrunk_correlation, signed_weights

UP, DOWN = 1.0, -1.0


def correlated(rho: float, n_ions: int, n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    common = rng.normal(size=n)
    return (np.sqrt(rho) * common + np.sqrt(1 - rho) * rng.normal(size=(n_ions, n))).astype(np.float32)


def test_the_correlation_is_shrunk_as_ledoit_and_wolf_say() -> None:
    """Their sums, written out pair by pair and pixel by pixel."""
    z = correlated(0.3, 4, 30)
    x = (z - z.mean(axis=1, keepdims=True)) / z.std(axis=1, keepdims=True)
    seen = x @ x.T / 30
    d2 = sum((seen[i, j] - (i == j)) ** 2 for i in range(4) for j in range(4))
    b2 = sum(((np.outer(p, p) - seen) ** 2).sum() for p in x.T) / 30**2
    share = min(b2, d2) / d2
    assert 0.05 < share < 1
    np.testing.assert_allclose(shrunk_correlation(z), (1 - share) * seen + share * np.eye(4), atol=1e-5)


def test_the_shrinkage_is_that_of_scikit_learn() -> None:
    covariance = pytest.importorskip("sklearn.covariance")
    z = correlated(0.3, 5, 40)
    x = (z - z.mean(axis=1, keepdims=True)) / z.std(axis=1, keepdims=True)
    np.testing.assert_allclose(shrunk_correlation(z), covariance.ledoit_wolf(x.T.astype(float))[0], atol=1e-5)


def test_pixels_without_every_ion_count_nowhere() -> None:
    z = correlated(0.5, 3, 200)
    holed = z.copy()
    holed[1, 100:] = np.nan
    np.testing.assert_allclose(shrunk_correlation(holed), shrunk_correlation(z[:, :100]))
    assert np.array_equal(shrunk_correlation(np.full((2, 5), np.nan, np.float32)), np.eye(2))


def test_copies_of_a_member_weigh_together_what_one_other_weighs() -> None:
    """Members 1 to 3 are one; member 0 has nothing to do with them."""
    correlation = np.eye(4)
    correlation[1:, 1:] = 1.0
    v = signed_weights(correlation, np.full(4, UP))
    assert v[0] == pytest.approx(v[1:].sum())
    assert v[1] == pytest.approx(v[3])


@pytest.mark.parametrize("sign", [[UP, UP, UP], [UP, DOWN, UP]])
def test_the_score_has_unit_variance_and_the_signs_of_its_members(sign: list[float]) -> None:
    z = correlated(0.4, 3, 20_000)
    v = signed_weights(shrunk_correlation(z), np.array(sign))
    assert np.sign(v).tolist() == sign
    assert (v @ z).std() == pytest.approx(1.0, abs=0.01)


def test_members_that_cancel_have_no_weights() -> None:
    assert np.isnan(signed_weights(np.ones((2, 2)), np.array([UP, DOWN]))).all()


def test_weights_of_many_sets_are_those_of_each() -> None:
    many = np.stack([np.eye(3), np.full((3, 3), 0.5) + 0.5 * np.eye(3)])
    sign = np.array([UP, DOWN, UP])
    np.testing.assert_allclose(signed_weights(many, sign), [signed_weights(one, sign) for one in many])


def test_the_jackknife_names_the_member_that_carries_a_contrast() -> None:
    """Independent members: the score differs by sum(change) / sqrt(n)."""
    found = jackknife(np.array([0.0, 3.0, 0.0, 0.0]), np.eye(4), np.full(4, UP))
    assert found.most_moving == 1
    assert found.low == pytest.approx(0.0)
    assert found.high == pytest.approx(3 / np.sqrt(3))
    assert jackknife(np.array([1.0]), np.eye(1), np.array([UP])).most_moving == -1


def test_ranks_are_those_of_singscore() -> None:
    """Five ions; the two members at the top rank 4 and 5, at the bottom 1 and 2, split 1 and 5."""
    z = np.array([[5, 1, 1, 3], [4, 2, 5, 3], [3, 3, 3, 3], [2, 4, 2, 3], [1, 5, 4, 3]], np.float32)
    members, none = np.array([0, 1]), np.array([], dtype=np.intp)
    up, down, both = rank_scores(z, [(members, none), (none, members), (np.array([0]), np.array([4]))])
    np.testing.assert_allclose(up, [0.5, -0.5, 0.0, 0.0])
    np.testing.assert_allclose(down, -up)
    np.testing.assert_allclose(both, [1.0, -1.0, -0.75, 0.0])


def test_ranks_need_other_ions_and_every_ion_measured() -> None:
    z = np.array([[1, 2], [2, np.nan]], np.float32)
    every, none = np.array([0, 1]), np.array([], dtype=np.intp)
    assert np.isnan(rank_scores(z, [(every, none)])).all()
    assert np.isnan(rank_scores(z, [(every[:1], none)])[0]).tolist() == [False, True]
