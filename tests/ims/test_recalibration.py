"""The shift against lock masses: planted drifts, competitors, gaps, and files without any lock mass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pyimzml.ImzMLWriter import ImzMLWriter

from napari_metime.errors import ImzMLError, MetimeError
from napari_metime.ims import lock_masses, open_imzml
from napari_metime.ims.lock_masses import N_BINS, measure_deviations
from napari_metime.ims.recalibration import estimate_shift, recalibrate
from napari_metime.section import Dataset, no_progress

LOCKS = np.array([133.0142, 171.0299, 255.2330, 303.2330, 391.2254, 571.2888, 766.5392, 885.5499])
ROWS, COLS = 30, 20
JITTER_PPM = 1.5
CONSTANT = np.full(ROWS, 7.3)
RAMP = np.linspace(-8, 12, ROWS)
WAVE = 6 * np.sin(np.arange(ROWS) / 6)

Draw = Callable[[int, np.random.Generator], tuple[NDArray[np.float64], NDArray[np.float64]]]


def write(
    folder: Path, drift: NDArray[np.float64], draw: Draw, mode: str = "processed", dtype: type = np.float32
) -> Dataset:
    """Write ``drift.size`` rows of spectra whose true (m/z, intensity) ``draw`` gives, and open them."""
    rng = np.random.default_rng(0)
    with ImzMLWriter(str(folder / "s.imzML"), mode=mode, intensity_dtype=dtype) as writer:
        for row, ppm in enumerate(drift):
            for col in range(COLS):
                mz, intensity = draw(row, rng)
                shifted = mz if mode == "continuous" else mz * (1 + ppm * 1e-6)
                order = np.argsort(shifted)
                with np.errstate(over="ignore"):
                    writer.addSpectrum(shifted[order], intensity[order].astype(dtype), (col + 1, row + 1))
    return open_imzml(folder / "s.imzML")


def centroids(row: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Four in five of the lock masses, each with its own error, among random peaks."""
    seen = LOCKS[rng.random(LOCKS.size) < 0.8]
    mz = seen * (1 + JITTER_PPM * 1e-6 * rng.standard_normal(seen.size))
    return (
        np.append(mz, rng.uniform(100, 1000, 100)),
        np.append(100 * rng.gamma(4, 0.25, mz.size), rng.lognormal(2, 1, 100)),
    )


@pytest.mark.parametrize("drift", [CONSTANT, RAMP, WAVE], ids=["constant", "ramp", "wave"])
def test_planted_drift_is_found_by_row(tmp_path: Path, drift: NDArray[np.float64]) -> None:
    found = estimate_shift(write(tmp_path, drift, centroids), LOCKS, by="row")
    assert found.shift_ppm.shape == (ROWS,)
    assert found.shift_ppm.dtype == np.float64
    assert np.abs(found.shift_ppm - drift).max() < 0.5
    assert found.n_found == LOCKS.size
    assert (found.residual_after_ppm < found.residual_before_ppm).all()
    # A row has about 16 draws of each lock mass: their mean is off by 1.5 / 4 ppm, median |x| 0.67 of that.
    assert np.median(found.residual_after_ppm) < JITTER_PPM / 2
    np.testing.assert_allclose(found.residual_before_ppm, np.median(np.abs(drift)), atol=1.0)


def test_one_shift_for_the_file_is_the_median_over_its_rows(tmp_path: Path) -> None:
    found = estimate_shift(write(tmp_path, CONSTANT, centroids), LOCKS, by="file")
    assert np.ptp(found.shift_ppm) == 0
    assert found.shift_ppm[0] == pytest.approx(7.3, abs=0.1)
    assert found.warnings == ()
    drifting = estimate_shift(write(tmp_path, RAMP, centroids), LOCKS, by="file")
    assert drifting.shift_ppm[0] == pytest.approx(np.median(RAMP), abs=0.5)
    assert any("one shift a row" in text for text in drifting.warnings)


def test_recalibrated_dataset_has_no_shift_left(tmp_path: Path) -> None:
    dataset = write(tmp_path, RAMP, centroids)
    moved = recalibrate(dataset, estimate_shift(dataset, LOCKS, by="row"))
    assert moved.mz_scale is not None
    np.testing.assert_allclose((moved.mz_scale - 1) * 1e6, RAMP[dataset.row], atol=0.5)
    assert moved.mz_offset is dataset.mz_offset
    again = estimate_shift(moved, LOCKS, by="row")
    assert np.abs(again.shift_ppm).max() < 0.3
    twice = recalibrate(moved, again)
    np.testing.assert_allclose(twice.mz_scale, moved.mz_scale * (1 + again.shift_ppm[dataset.row] * 1e-6), rtol=1e-15)


def test_competing_peaks_do_not_pull(tmp_path: Path) -> None:
    """Three of eight lock masses have a neighbour 15 ppm above that is five times as strong."""

    def draw(row: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        mz, intensity = centroids(row, rng)
        return np.append(mz, LOCKS[:3] * (1 + 15e-6)), np.append(intensity, [500.0] * 3)

    found = estimate_shift(write(tmp_path, RAMP, draw), LOCKS, by="row")
    assert np.abs(found.shift_ppm - RAMP).max() < 0.5
    assert np.isnan(found.residual_before_ppm).tolist() == [True] * 3 + [False] * 5
    assert any("3 of 8 lock masses" in text and "133.0142" in text for text in found.warnings)


def test_a_lock_mass_that_is_off_everywhere_does_not_bend_the_rows(tmp_path: Path) -> None:
    """Offsets of -3 to 3 ppm that average to nothing, the lowest lock masses only in every other row."""
    offset = np.linspace(-3, 3, LOCKS.size)

    def draw(row: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        seen = (np.arange(LOCKS.size) > 2) | (row % 2 == 0)
        return (LOCKS * (1 + offset * 1e-6))[seen], np.full(seen.sum(), 100.0)

    found = estimate_shift(write(tmp_path, CONSTANT, draw), LOCKS, by="row")
    np.testing.assert_allclose(found.shift_ppm, 7.3, atol=0.5)
    assert np.ptp(found.shift_ppm) < 0.1


def test_rows_without_lock_mass_take_their_neighbours(tmp_path: Path) -> None:
    empty = range(10, 16)

    def draw(row: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        mz, intensity = centroids(row, rng)
        return (mz[-100:], intensity[-100:]) if row in empty else (mz, intensity)

    found = estimate_shift(write(tmp_path, RAMP, draw), LOCKS, by="row")
    assert np.abs(found.shift_ppm - RAMP).max() < 0.5
    assert any("6 rows show no lock mass" in text for text in found.warnings)


def test_rows_without_spectra_get_a_shift_too(tmp_path: Path) -> None:
    """As in a part of a file, whose grid is that of the whole file."""
    dataset = write(tmp_path, RAMP, centroids)
    keep = (dataset.row < 12) | (dataset.row >= 18)
    names = ["row", "col", "mz_offset", "mz_length", "intensity_offset", "intensity_length", "ascending"]
    part = replace(dataset, **{name: getattr(dataset, name)[keep] for name in names})
    found = estimate_shift(part, LOCKS, by="row")
    assert np.abs(found.shift_ppm - RAMP).max() < 0.5
    assert found.warnings == ()
    moved = recalibrate(part, found)
    assert moved.mz_scale is not None
    assert moved.mz_scale.shape == (keep.sum(),)


@pytest.mark.parametrize("mode", ["continuous", "processed"])
def test_profile_peaks_between_the_points_of_a_coarse_axis(tmp_path: Path, mode: str) -> None:
    """Resolving power 60,000 (17 ppm wide peaks) sampled every 6 ppm, on a baseline: no bias towards the points."""
    width = 1 / 60_000 / 2.355
    axis = np.exp(np.concatenate([np.log(m) + np.arange(-40, 41) * 6e-6 for m in LOCKS]))
    drift = np.linspace(-6, 6, 12)

    def draw(row: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        true = axis if mode == "processed" else axis / (1 + drift[row] * 1e-6)
        distance = (true[:, None] / LOCKS - 1) / width
        return axis, 5 + 100 * np.exp(-(distance**2) / 2).sum(axis=1) * rng.gamma(4, 0.25)

    dataset = write(tmp_path, drift, draw, mode)
    np.testing.assert_allclose(estimate_shift(dataset, LOCKS, by="row").shift_ppm, drift, atol=0.1)


def test_profile_too_coarse_for_the_search_is_refused(tmp_path: Path) -> None:
    axis = 130 * np.exp(np.arange(20_000) * 100e-6)
    dataset = write(tmp_path, CONSTANT[:2], lambda row, rng: (axis, np.ones(axis.size)), "continuous")
    with pytest.raises(ImzMLError, match=r"a point at least every 7\.5 ppm to find .*, found one every 100 ppm; leave"):
        estimate_shift(dataset, LOCKS, by="row")


def test_unsorted_spectra_give_the_same_numbers(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    spectra = [centroids(0, rng) for _ in range(60)]
    found = []
    for name, arrange in (("sorted", np.argsort), ("shuffled", lambda mz: rng.permutation(mz.size))):
        with ImzMLWriter(str(tmp_path / f"{name}.imzML"), mode="processed") as writer:
            for i, (mz, intensity) in enumerate(spectra):
                order = arrange(mz)
                writer.addSpectrum(mz[order], intensity[order].astype(np.float32), (i % 10 + 1, i // 10 + 1))
        dataset = open_imzml(tmp_path / f"{name}.imzML")
        assert dataset.ascending.all() == (name == "sorted")
        found.append(measure_deviations(dataset, LOCKS, 30.0, no_progress))
    np.testing.assert_allclose(found[0].histogram, found[1].histogram, rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(found[0].seen, found[1].seen)


def test_histogram_keeps_every_points_deviation_and_weight(tmp_path: Path) -> None:
    """Overlapping windows, given in any order, both ends counted; the mean of the bins is that of the points."""
    lock = np.array([500.01, 500.0])
    mz = 500.0 * (1 + np.array([-40.0, -20.0, 0.0, 12.34, 30.0]) * 1e-6)
    with ImzMLWriter(str(tmp_path / "s.imzML"), mode="processed") as writer:
        writer.addSpectrum(mz, np.array([9.0, 1.0, 2.0, 4.0, 8.0]), (1, 1))
        writer.addSpectrum(mz, np.array([0.0, 0.0, -1.0, np.nan, np.inf]), (1, 2))
    found = measure_deviations(open_imzml(tmp_path / "s.imzML"), lock, 25.0, no_progress)
    assert found.seen.tolist() == [[1, 1], [0, 0]]
    centre = ((np.arange(N_BINS) + 0.5) / N_BINS * 2 - 1) * 25.0
    for k, m in enumerate(lock):
        deviation = (mz / m - 1) * 1e6
        inside = np.abs(deviation) <= 25.0
        expected = np.average(deviation[inside], weights=np.array([9.0, 1, 2, 4, 8])[inside])
        assert found.histogram[0, k] @ centre == pytest.approx(expected, abs=1e-6)
    assert not found.histogram[1].any()


def test_many_rows_and_lock_masses_share_histograms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_masses, "MAX_CELLS", 15 * LOCKS.size * N_BINS)
    found = estimate_shift(write(tmp_path, RAMP, centroids), LOCKS, by="row")
    assert found.shift_ppm.shape == (ROWS,)
    assert (found.shift_ppm[0::2] == found.shift_ppm[1::2]).all()
    assert np.abs(found.shift_ppm - RAMP).max() < 0.5 + np.diff(RAMP)[0] / 2
    assert any("2 rows at a time" in text for text in found.warnings)


def test_few_lock_masses_may_agree_by_chance(tmp_path: Path) -> None:
    """Three in three: 0.2 ** 3 / 0.2 = 4 %; four in four 0.8 %, below what is told."""
    dataset = write(tmp_path, CONSTANT, centroids)
    told = estimate_shift(dataset, LOCKS[:3], by="row").warnings
    assert [text for text in told if "3 of 3" in text and "4 % of such lists" in text] == list(told) != []
    assert estimate_shift(dataset, LOCKS[:4], by="row").warnings == ()


def test_peaks_that_lie_anywhere_are_no_lock_masses(tmp_path: Path) -> None:
    """Forty windows with a clear peak each, at any deviation: nine in a fifth of the window are chance."""
    lock = np.linspace(110, 990, 40)
    other = lock * (1 + np.random.default_rng(5).uniform(-30, 30, lock.size) * 1e-6)
    dataset = write(tmp_path, CONSTANT * 0, lambda row, rng: (other, np.full(other.size, 10.0)))
    with pytest.raises(ImzMLError, match="none that stands out"):
        estimate_shift(dataset, lock, by="row")


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_few_rows(tmp_path: Path, rows: int) -> None:
    found = estimate_shift(write(tmp_path, CONSTANT[:rows], centroids), LOCKS, by="row")
    np.testing.assert_allclose(found.shift_ppm, 7.3, atol=0.5)


@pytest.mark.parametrize("n_random", [0, 1, 1000])
@pytest.mark.parametrize("by", ["file", "row"])
def test_no_lock_mass_is_told_in_words(tmp_path: Path, by: str, n_random: int) -> None:
    def draw(row: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return np.append(50.0, rng.uniform(100, 1000, n_random)), np.append(1.0, rng.lognormal(2, 1, n_random))

    dataset = write(tmp_path, CONSTANT, draw)
    with pytest.raises(ImzMLError, match=r"expected lock masses within 30 ppm of m/z 133\.0142.*found none"):
        estimate_shift(dataset, LOCKS, by=by)


def test_shift_beyond_the_search_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImzMLError, match="more than by chance"):
        estimate_shift(write(tmp_path, CONSTANT + 30, centroids), LOCKS, by="row")


def test_overflowing_intensities_are_left_out(tmp_path: Path) -> None:
    def draw(row: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        mz, intensity = centroids(row, rng)
        return mz, np.where(row == 5, 1e308, intensity)

    found = estimate_shift(write(tmp_path, RAMP, draw, dtype=np.float64), LOCKS, by="row")
    assert np.abs(found.shift_ppm - RAMP).max() < 0.5


@pytest.mark.parametrize(
    ("lock_mz", "tolerance_ppm"),
    [([], 30), ([np.nan], 30), ([-1.0], 30), ([100.0], 0), ([100.0], np.nan), ([100.0] * 201, 30)],
)
def test_settings_out_of_range(tmp_path: Path, lock_mz: list[float], tolerance_ppm: float) -> None:
    dataset = write(tmp_path, CONSTANT[:1], centroids)
    with pytest.raises(MetimeError, match="expected"):
        estimate_shift(dataset, np.array(lock_mz), by="row", tolerance_ppm=tolerance_ppm)


def test_recalibration_of_another_grid_is_refused(tmp_path: Path) -> None:
    found = estimate_shift(write(tmp_path, CONSTANT, centroids), LOCKS, by="row")
    with pytest.raises(ImzMLError, match="expected the shift of 4 rows, found 30"):
        recalibrate(write(tmp_path, CONSTANT[:4], centroids), found)
