"""Autocovariance and effective sample size against sums over all pairs, and against what is known of noise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage, stats

from napari_metime.niches.autocorrelation import Lags, modified_t_p

SPACING = (10.0, 10.0)


def ragged(shape: tuple[int, int], seed: int) -> np.ndarray:
    mask = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 1.0) > -0.1
    mask[2, 2:6] = True
    return mask


def classes(mask: np.ndarray, lags: Lags) -> np.ndarray:
    """Class of the distance of every ordered pair of the mask's pixels."""
    places = np.argwhere(mask)
    away = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))
    return np.minimum(np.rint(away).astype(int), lags.n_classes)


def test_four_pixels_by_hand() -> None:
    """Two rows, +1 and -1. At distance 1 (diagonals are nearest to it): 4 alike, 4 opposite, 4 diagonal opposite."""
    lags = Lags.of_mask(np.ones((2, 2), bool), SPACING, min_share=0.5)
    images = lags.standardised(np.array([[5.0, 5.0, 3.0, 3.0]]))
    assert images[0].tolist() == [[1, 1], [-1, -1]]
    covariance = lags.autocovariance(lags.transform(images))
    assert covariance[0] == pytest.approx([1, -1 / 3])
    assert lags.range_um(np.array([[1.0, 0.5]])) == pytest.approx(10)  # never falls to 1/e: all that was seen


def test_autocovariance_is_the_mean_over_all_pairs() -> None:
    mask = ragged((14, 19), 1)
    lags = Lags.of_mask(mask, SPACING, min_share=0.4)
    values = np.random.default_rng(2).normal(size=(2, mask.sum()))
    images = lags.standardised(values)
    found = lags.autocovariance(lags.transform(images))
    kind = classes(mask, lags)
    for image, covariance in zip(images, found, strict=True):
        product = np.outer(image[lags.mask], image[lags.mask])
        expected = [product[kind == k].mean() for k in range(lags.n_classes)]
        assert covariance == pytest.approx(expected, abs=1e-9)


def test_white_noise_has_as_many_independent_values_as_pixels() -> None:
    mask = ragged((60, 50), 3)
    lags = Lags.of_mask(mask, SPACING, min_share=0.4)
    values = np.random.default_rng(4).normal(size=(40, mask.sum()))
    covariance = lags.autocovariance(lags.transform(lags.standardised(values)))
    ess = lags.effective_size(covariance[:20], covariance[20:])
    assert np.median(ess) == pytest.approx(mask.sum(), rel=0.1)


def test_smooth_maps_have_as_many_as_their_correlations_vary() -> None:
    """1 / var(r) of maps smoothed by s pixels: their correlation exp(-d²/4s²) squared sums to 2 pi s² pixels."""
    side, s = 96, 3.0
    lags = Lags.of_mask(np.ones((side, side), bool), SPACING, min_share=0.4)
    noise = ndimage.gaussian_filter(np.random.default_rng(5).normal(size=(30, side, side)), (0, s, s), mode="wrap")
    covariance = lags.autocovariance(lags.transform(lags.standardised(noise.reshape(30, -1))))
    ess = lags.effective_size(covariance[:15], covariance[15:])
    assert np.median(ess) == pytest.approx(side**2 / (2 * np.pi * s**2), rel=0.2)
    assert np.median(lags.range_um(covariance)) == pytest.approx(2 * s * 10, rel=0.15)


def test_what_a_basis_costs_is_that_of_whole_matrices() -> None:
    mask = ragged((9, 11), 6)
    lags = Lags.of_mask(mask, SPACING, min_share=0.4)
    kind, n = classes(mask, lags), int(mask.sum())
    of_x, of_y = (np.exp(-np.arange(lags.n_classes) / length) for length in (2.0, 3.0))
    x, y = (np.append(values, 0.0)[kind] for values in (of_x, of_y))
    basis, _ = np.linalg.qr(np.random.default_rng(7).normal(size=(n, 4)))
    left = np.eye(n) - basis @ basis.T
    whole, remaining = np.trace(x @ y), np.trace(left @ x @ left @ y)
    lost = lags.lost(basis, of_x)
    assert lost @ of_y == pytest.approx(whole - remaining, rel=1e-9)
    assert lags.kept(of_x[None], of_y[None], lost) == pytest.approx(remaining / whole, rel=1e-9)


def test_without_autocorrelation_the_modified_t_is_the_plain_one() -> None:
    x, y = np.random.default_rng(8).normal(size=(2, 30))
    r, p = stats.pearsonr(x, y)
    assert modified_t_p(np.array([r]), np.array([30.0])) == pytest.approx(p)
    assert modified_t_p(np.array([0.9, 1.0]), np.array([2.0, 50.0])).tolist() == [1.0, 0.0]


def test_noise_of_single_pixels_does_not_shorten_a_range() -> None:
    lags = Lags.of_mask(np.ones((40, 40), bool), SPACING, min_share=0.4)
    distance = np.arange(lags.n_classes) * 10.0
    smooth = np.exp(-distance / 50)
    noisy = np.where(distance == 0, 2.0, smooth)
    expected = 10 + 50  # the level is 1/e of what the next pixel shares
    assert lags.range_um(np.stack([smooth, noisy])) == pytest.approx([expected, expected], rel=0.01)
    assert lags.range_um(np.where(distance == 0, 1.0, 0.01)[None]) == [0.0]
