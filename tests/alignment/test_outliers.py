from __future__ import annotations

import numpy as np
import pytest

from napari_metime.alignment import fit_landmarks
from napari_metime.alignment.outliers import standing_out
from napari_metime.section import Alignment


def noisy(rng: np.random.Generator, n: int) -> np.ndarray:
    source = rng.uniform(0, 5000, (n, 2))
    return np.column_stack([source, 0.5 * source + 100 + rng.normal(0, 4, (n, 2))])


@pytest.mark.parametrize("kind", ["rigid", "similarity", "affine"])
def test_only_a_shifted_pair_is_marked(kind):
    landmarks = noisy(np.random.default_rng(3), 12)
    scale = 0.5 if kind == "rigid" else 1.0
    assert not standing_out(fit_landmarks(landmarks, kind, source_scale=scale)).any()
    landmarks[7, 2] += 60
    assert np.flatnonzero(standing_out(fit_landmarks(landmarks, kind, source_scale=scale))).tolist() == [7]


@pytest.mark.parametrize("kind", ["similarity", "affine"])
def test_the_drop_of_the_sum_of_squares_is_that_of_a_fit_without_the_pair(kind):
    landmarks = noisy(np.random.default_rng(5), 9)
    whole = fit_landmarks(landmarks, kind)
    for i in range(9):
        rest = fit_landmarks(np.delete(landmarks, i, axis=0), kind)
        drop = np.sum(whole.residual_um**2) - whole.residual_um[i] * whole.leave_one_out_um[i]
        assert drop == pytest.approx(np.sum(rest.residual_um**2), rel=1e-6)


def test_good_pairs_are_marked_as_seldom_as_said():
    rng = np.random.default_rng(1)
    marked = sum(standing_out(fit_landmarks(noisy(rng, 8), "similarity")).any() for _ in range(400))
    assert marked <= 12  # 4 expected of 400 at 1 %


def test_too_few_or_perfect_pairs_are_not_judged():
    exact = np.array([[0.0, 0, 10, 20], [1, 0, 12, 20], [0, 1, 10, 22], [4, 5, 18, 30], [7, 1, 24, 22]])
    assert not standing_out(
        fit_landmarks(exact[:3] + np.array([[0, 0, 0, 0], [0, 0, 5, 0], [0, 0, 0, 0]]), "similarity")
    ).any()
    assert not standing_out(fit_landmarks(exact, "similarity")).any()
    assert standing_out(Alignment(np.eye(3), "none")).size == 0
