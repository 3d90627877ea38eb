"""Peak picking against planted peaks: recall, false ones, ppm error; profile and centroid."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_metime.errors import ImzMLError
from napari_metime.ims.mean_spectrum import MeanSpectrum
from napari_metime.ims.peaks import Peaks, pick_peaks


def compare(peaks: Peaks, true_mz: NDArray[np.float64], within_ppm: float) -> tuple[float, int, NDArray[np.float64]]:
    """Return the share of planted peaks found, the number of others, and the ppm error of each found one."""
    error = np.abs(peaks.mz[:, None] / true_mz - 1) * 1e6
    hit = (error <= within_ppm).any(axis=0)
    return float(hit.mean()), int((~(error <= within_ppm).any(axis=1)).sum()), error.min(axis=0)[hit]


def separate(mz: NDArray[np.float64], ppm: float) -> NDArray[np.float64]:
    mz = np.sort(mz)
    return mz[np.append(True, np.diff(np.log(mz)) > ppm * 1e-6)]


def profile(rng: np.random.Generator, points_per_width: int, noise: float) -> tuple[NDArray[np.float64], MeanSpectrum]:
    """About 200 Gaussian peaks of resolving power 20,000, 20 to 1,000 high, on a falling baseline."""
    true = separate(rng.uniform(110, 990, 200), 150)
    axis = np.exp(np.arange(np.log(100), np.log(1000), 1 / 20_000 / points_per_width))
    sd = 1 / 20_000 / 2.355
    mean = 20 * np.exp(-(axis - 100) / 300)
    for mz, height in zip(true, np.exp(rng.uniform(np.log(20), np.log(1000), true.size)), strict=True):
        mean += height * np.exp(-(((axis / mz - 1) / sd) ** 2) / 2)
    mean += noise * rng.standard_normal(axis.size) * np.sqrt(mean / 20)
    return true, MeanSpectrum(axis, mean, 3 * mean, 1000)


def binned(mz: NDArray[np.float64], intensity: NDArray[np.float64], n_pixels: int) -> MeanSpectrum:
    """Mean of centroids in bins narrower than 8 ppm, as of a processed file, written out in numpy."""
    bins, place = np.unique(mz.astype(np.float32).view(np.uint32) >> 6, return_inverse=True)
    total = np.bincount(place, intensity)
    maximum = np.zeros(bins.size)
    np.maximum.at(maximum, place, intensity)
    return MeanSpectrum(np.bincount(place, intensity * mz) / total, total / n_pixels, maximum, n_pixels)


def centroids(
    rng: np.random.Generator, n_pixels: int, n_true: int, n_random: int, jitter_ppm: float = 1.5
) -> tuple[NDArray[np.float64], MeanSpectrum]:
    """Planted peaks in 50 to 100 % of the pixels, each with its own m/z error there, among random ones."""
    true = separate(rng.uniform(100, 1000, n_true), 60)
    seen = rng.random((n_pixels, true.size)) < rng.uniform(0.5, 1, true.size)
    mz = (true * (1 + jitter_ppm * 1e-6 * rng.standard_normal(seen.shape)))[seen]
    intensity = (rng.lognormal(3, 0.7, true.size) * rng.gamma(4, 0.25, seen.shape))[seen]
    random = rng.uniform(100, 1000, n_pixels * n_random)
    spectrum = binned(np.append(mz, random), np.append(intensity, rng.lognormal(2, 0.5, random.size)), n_pixels)
    return true, spectrum


@pytest.mark.parametrize("points_per_width", [3, 5, 10])
def test_planted_profile_peaks(points_per_width: int) -> None:
    true, spectrum = profile(np.random.default_rng(0), points_per_width, noise=0.1)
    peaks = pick_peaks(spectrum)
    recall, false, error = compare(peaks, true, within_ppm=10)
    assert (recall, false) == (1.0, 0)
    assert np.median(error) < 0.5  # the peaks are 50 ppm wide
    assert error.max() < 3
    assert (np.diff(peaks.mz) > 0).all()
    assert {a.dtype for a in (peaks.mz, peaks.intensity, peaks.snr)} == {np.dtype(np.float64)}


def test_noise_alone_is_no_peak() -> None:
    rng = np.random.default_rng(1)
    axis = np.linspace(100, 1000, 100_000)
    assert (
        pick_peaks(MeanSpectrum(axis, 5 + rng.standard_normal(axis.size), np.full(axis.size, 9.0), 1000)).mz.size == 0
    )


@pytest.mark.parametrize(
    ("n_pixels", "n_true", "n_random"), [(9, 300, 0), (100, 300, 20), (400, 60, 0), (1000, 200, 100)]
)
def test_planted_centroids(n_pixels: int, n_true: int, n_random: int) -> None:
    """From nothing but true peaks to bins that hold random points for the most part."""
    true, spectrum = centroids(np.random.default_rng(2), n_pixels, n_true, n_random)
    recall, false, error = compare(pick_peaks(spectrum), true, within_ppm=8)
    assert recall >= 0.97
    assert false <= 0.01 * true.size
    assert np.median(error) < 3 * 1.5 / np.sqrt(0.75 * n_pixels)


def test_random_centroids_are_no_peaks() -> None:
    """At most 1 in 5,000 of the bins, whether these hold a tenth of a point on average, or several."""
    rng = np.random.default_rng(3)
    for n_points in (20_000, 200_000, 1_000_000):
        spectrum = binned(rng.uniform(100, 1000, n_points), rng.lognormal(2, 0.5, n_points), 2000)
        assert pick_peaks(spectrum).mz.size <= spectrum.mz.size / 5000


def test_peak_split_over_neighbouring_bins_is_one_at_its_weighted_mean() -> None:
    mz = np.array([100.0, 300.0, 300.0 * (1 + 5e-6), 300.0 * (1 + 9e-6), 300.0 * (1 + 30e-6), 500.0])
    mean = np.array([10.0, 4.0, 6.0, 1.0, 10.0, 10.0])
    peaks = pick_peaks(MeanSpectrum(mz, mean, mean, 50))
    np.testing.assert_allclose(peaks.mz[[0, 2, 3]], mz[[0, 4, 5]], rtol=1e-15)
    assert (peaks.mz[1] / 300 - 1) * 1e6 == pytest.approx((6 * 5 + 1 * 9) / 11, abs=1e-6)
    np.testing.assert_allclose(peaks.intensity, [10, 11, 10, 10])
    assert pick_peaks(MeanSpectrum(mz, mean, mean, 50), merge_ppm=40).mz.size == 4  # a valley of 1 parts them
    assert pick_peaks(MeanSpectrum(mz, mean, mean, 50), merge_ppm=1).mz.size == 6


def test_overlapping_profile_peaks_are_parted_by_their_valley() -> None:
    """Two equal Gaussians 2.0 widths apart have a valley at an eighth, 1.1 widths apart at 0.97 of their height."""
    axis = np.exp(np.arange(np.log(499), np.log(501), 2e-6))
    sd = 50e-6 / 2.355
    for apart, expected in ((2.0, 2), (1.1, 1)):
        centres = 500 * (1 + np.array([-0.5, 0.5]) * apart * 50e-6)
        mean = np.exp(-(((axis[:, None] / centres - 1) / sd) ** 2) / 2).sum(axis=1)
        found = pick_peaks(MeanSpectrum(axis, mean + 1e-6, mean, 1000))
        assert found.mz.size == expected
    np.testing.assert_allclose(found.mz, 500, rtol=2e-6)
    assert pick_peaks(MeanSpectrum(axis, mean + 1e-6, mean, 1000), min_rise=0.02).mz.size == 2


def test_low_tail_does_not_pull_a_profile_peak() -> None:
    """A tail of a twentieth of the height over ten widths on one side, nothing elsewhere."""
    axis = np.exp(np.arange(np.log(499), np.log(501), 5e-6))
    distance = (axis / 500 - 1) / 50e-6
    mean = 100 * np.exp(-((distance * 2.355) ** 2) / 2) + 5.0 * ((distance > 0) & (distance < 10))
    mean[np.abs(distance) > 10] = 0
    peaks = pick_peaks(MeanSpectrum(axis, mean, mean, 1000))
    assert (peaks.mz / 500 - 1) * 1e6 == pytest.approx([0], abs=2)


def test_wide_plateau_is_no_peak() -> None:
    mean = np.ones(10_000)
    mean[4000:6000] = 100
    assert pick_peaks(MeanSpectrum(np.linspace(400, 410, mean.size), mean, mean, 1000)).mz.size == 0


def test_snr_is_height_over_noise() -> None:
    rng = np.random.default_rng(4)
    axis = np.linspace(100, 1000, 50_000)
    mean = 100 + 2 * rng.standard_normal(axis.size)
    mean[25_000] = 300
    peaks = pick_peaks(MeanSpectrum(axis, mean, mean, 1000), min_snr=20)
    np.testing.assert_allclose(peaks.mz, axis[25_000], rtol=1e-9)
    assert peaks.snr[0] == pytest.approx(200 / 2, rel=0.15)
    assert peaks.intensity[0] == 300


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_few_points(n: int) -> None:
    mz = np.array([100.0, 200.0, 300.0])[:n]
    peaks = pick_peaks(MeanSpectrum(mz, np.full(n, 5.0), np.full(n, 5.0), 1))
    np.testing.assert_array_equal(peaks.mz, mz)
    assert pick_peaks(MeanSpectrum(mz, np.zeros(n), np.zeros(n), 1)).mz.size == 0


def test_impossible_points_are_passed_over() -> None:
    mz = np.array([-1.0, 0.0, 100.0, 200.0, np.nan])
    mean = np.array([9.0, 9.0, 5.0, np.nan, 9.0])
    np.testing.assert_array_equal(pick_peaks(MeanSpectrum(mz, mean, mean, 1)).mz, [100.0])


def test_slopes_of_a_hundred_thousand_steps_are_no_trap() -> None:
    """A falling comb, in which every tooth is the highest of all to its right."""
    mz = 100 * np.exp(np.arange(100_000) * 20e-6)
    height = np.linspace(2, 1, mz.size)
    comb = MeanSpectrum(mz, height * (1 + (np.arange(mz.size) % 4 == 1) * 99), height, 1000)
    assert pick_peaks(comb).mz.size == mz.size // 4


@pytest.mark.parametrize("setting", [{"min_snr": 0}, {"min_snr": np.nan}, {"merge_ppm": -1}, {"min_rise": 2}])
def test_settings_out_of_range(setting: dict[str, float]) -> None:
    with pytest.raises(ImzMLError, match="expected"):
        pick_peaks(MeanSpectrum(np.array([100.0]), np.array([1.0]), np.array([1.0]), 1), **setting)
