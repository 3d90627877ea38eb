"""Correlations at every shift against counting, and p where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage, stats

from napari_metime.niches.autocorrelation import Lags
from napari_metime.niches.shifts import MIN_OVERLAP, Shifted, shift_test, shifted_correlations

SPACING = (10.0, 20.0)


def prepared(mask: np.ndarray, images: np.ndarray) -> tuple[Lags, Shifted]:
    lags = Lags.of_mask(mask, SPACING, min_share=MIN_OVERLAP)
    return lags, Shifted.of_images(lags, lags.standardised(images[:, mask]))


def smooth(n: int, shape: tuple[int, int], scale: float, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(n, shape[0] + 40, shape[1] + 40))
    return ndimage.gaussian_filter(noise, (0, scale, scale))[:, 20:-20, 20:-20]


def test_every_shift_is_the_correlation_over_what_overlaps() -> None:
    mask = np.random.default_rng(0).random((13, 17)) < 0.8
    mask[:5, :4] = False
    images = np.random.default_rng(1).normal(size=(3, 13, 17)) + 5
    lags, maps = prepared(mask, images)
    shifts = np.flatnonzero(lags.n_pairs.ravel() >= MIN_OVERLAP * mask.sum())
    x, y = (Shifted(maps.values[part], maps.squares[part]) for part in (slice(0, 1), slice(1, 3)))
    found = shifted_correlations(lags, x, y, shifts)
    rows, cols = np.divmod(shifts, lags.padded[1])
    assert (rows[0], cols[0]) == (0, 0)
    for i, (row, col) in enumerate(zip(rows, cols, strict=True)):
        down, right = (v - (v > n / 2) * n for v, n in zip((row, col), lags.padded, strict=True))
        here = [(r, c) for r, c in np.argwhere(mask) if 0 <= r + down < 13 and 0 <= c + right < 17]
        here = [(r, c) for r, c in here if mask[r + down, c + right]]
        before = [images[0, r, c] for r, c in here]
        for k in (1, 2):
            after = [images[k, r + down, c + right] for r, c in here]
            assert found[k - 1, i] == pytest.approx(np.corrcoef(before, after)[0, 1], abs=1e-9)


def test_the_same_map_correlates_nowhere_as_it_does_unshifted() -> None:
    image = smooth(1, (40, 30), 2.0, 2)
    lags, maps = prepared(np.ones((40, 30), bool), image)
    test = shift_test(lags, maps, maps)
    assert test.p == pytest.approx(1 / (1 + test.n_shifts))
    assert (test.peak_x_um[0], test.peak_y_um[0]) == (0, 0)
    assert test.r_at_peak == pytest.approx(1)


def test_the_peak_is_where_the_second_map_was_moved_to() -> None:
    """Three rows of 10 µm down, two columns of 20 µm left."""
    wide = smooth(1, (50, 44), 2.0, 3)[0]
    lags, maps = prepared(np.ones((40, 36), bool), np.stack([wide[5:45, 4:40], wide[2:42, 6:42]]))
    x, y = (Shifted(maps.values[k : k + 1], maps.squares[k : k + 1]) for k in (0, 1))
    test = shift_test(lags, x, y)
    assert (test.peak_y_um[0], test.peak_x_um[0]) == (30, -40)
    assert test.r_at_peak == pytest.approx(1)


def test_p_is_uniform_for_maps_that_know_nothing_of_each_other() -> None:
    mask = np.hypot(*(np.mgrid[:36, :36] - 17.5)) < 17
    lags, maps = prepared(mask, smooth(400, (36, 36), 1.5, 4))
    p = [
        shift_test(lags, Shifted(maps.values[k : k + 1], maps.squares[k : k + 1]),
                   Shifted(maps.values[k + 200 : k + 201], maps.squares[k + 200 : k + 201])).p[0]
        for k in range(200)
    ]  # fmt: skip
    assert stats.kstest(p, "uniform").pvalue > 0.01
    assert 0.015 < np.mean(np.array(p) <= 0.05) < 0.11


def test_fewer_values_kept_make_p_larger() -> None:
    lags, maps = prepared(np.ones((30, 30), bool), smooth(2, (30, 30), 1.5, 5))
    x, y = (Shifted(maps.values[k : k + 1], maps.squares[k : k + 1]) for k in (0, 1))
    assert shift_test(lags, x, y, np.array([0.25])).p > shift_test(lags, x, y).p
