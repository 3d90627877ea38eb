"""Mean and maximum spectra against numbers known by hand and sums that no binning may change."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from napari_metime.errors import TissueError
from napari_metime.ims import blocks, mean_spectrum, open_imzml
from napari_metime.section import Dataset

MakeDataset = Callable[..., Dataset]
Spectra = list[tuple[tuple[int, int], np.ndarray, np.ndarray]]
BIN_PPM = 8.0
KINDS = [("<f8", "<f4", False), ("<f4", "<f8", False), ("<f8", "<i4", False), ("<f8", "<f4", True)]


def random_spectra(seed: int = 0, n_spectra: int = 80) -> Spectra:
    random = np.random.default_rng(seed)
    spectra = []
    for _ in range(n_spectra):
        n = int(random.integers(0, 300))
        mz = np.sort(500 * (1 + 1e-6 * random.uniform(-2000, 2000, n)))
        spectra.append(((int(random.integers(4)), int(random.integers(5))), mz, random.integers(1, 1000, n)))
    return spectra


def shuffled(spectra: Spectra) -> Spectra:
    random, mixed = np.random.default_rng(1), []
    for place, mz, intensity in spectra:
        order = random.permutation(mz.size)
        mixed.append((place, mz[order], intensity[order]))
    return mixed


def test_channels_that_all_share_are_averaged_one_by_one(make_dataset: MakeDataset) -> None:
    axis = [100.0, 200.0, 300.0]
    dataset = make_dataset(
        [((0, 0), axis, [1, 2, 3]), ((0, 2), axis, [5, 0, -4]), ((0, 2), axis, [10, 0, 0])], mode="continuous"
    )
    found = mean_spectrum(dataset)
    assert found.mz.tolist() == axis
    assert found.mean.tolist() == [8.0, 1.0, -0.5]
    assert found.maximum.tolist() == [15.0, 2.0, 3.0]
    assert found.n_pixels == 2
    assert found.mz.dtype == found.mean.dtype == found.maximum.dtype == np.float64


def test_a_shared_axis_comes_ascending_with_its_duplicates(make_dataset: MakeDataset) -> None:
    axis = [300.0, 100.0, np.nan, 100.0, -5.0]
    found = mean_spectrum(make_dataset([((0, 0), axis, [1, 2, 4, 8, 16])], mode="continuous"))
    assert found.mz.tolist() == [100.0, 100.0, 300.0]
    assert found.mean.tolist() == [2.0, 8.0, 1.0]


@pytest.mark.parametrize("mode", ["processed", "continuous"])
def test_points_that_are_no_numbers_spoil_nothing(make_dataset: MakeDataset, mode: str) -> None:
    axis = [100.0, 200.0]
    spectra = [((0, 0), axis, [np.nan, 2.0]), ((0, 1), axis, [3.0, np.inf]), ((0, 2), axis, [6.0, -np.inf])]
    found = mean_spectrum(make_dataset(spectra, mode=mode))
    assert found.mz.tolist() == axis
    assert found.mean.tolist() == [3.0, 2 / 3]
    assert found.maximum.tolist() == [6.0, 2.0]


def test_points_closer_than_a_bin_meet_at_their_weighted_mz(make_dataset: MakeDataset) -> None:
    # 100 lies in the middle of a bin of 0.00049.
    spectra = [((0, 0), [100.0, 100.0001, 400.0], [1, 3, 5]), ((0, 1), [100.0, 700.0], [4, 0])]
    found = mean_spectrum(make_dataset(spectra))
    assert found.mz.tolist() == pytest.approx([100.0000375, 400.0], rel=1e-12)
    assert found.mean.tolist() == [4.0, 2.5]
    assert found.maximum.tolist() == [4.0, 5.0]


@pytest.mark.parametrize(("mz_dtype", "intensity_dtype", "compressed"), KINDS)
@pytest.mark.parametrize("mixed", [False, True])
def test_bins_lose_nothing_and_are_narrow(
    make_dataset: MakeDataset,
    monkeypatch: pytest.MonkeyPatch,
    mixed: bool,
    mz_dtype: str,
    intensity_dtype: str,
    compressed: bool,
) -> None:
    small = partial(blocks.map_blocks, max_points=700)
    monkeypatch.setitem(mean_spectrum.__globals__, "map_blocks", small)
    spectra = shuffled(random_spectra()) if mixed else random_spectra()
    dataset = make_dataset(spectra, mz_dtype=mz_dtype, intensity_dtype=intensity_dtype, compressed=compressed)
    found = mean_spectrum(dataset)
    places = {place for place, _, _ in spectra}
    assert found.n_pixels == len(places)
    assert (np.diff(found.mz) > 0).all()
    assert found.mean.sum() * len(places) == pytest.approx(sum(v.sum() for _, _, v in spectra), rel=1e-12)
    every_mz = np.concatenate([mz for _, mz, _ in spectra])
    nearest = np.abs(every_mz[:, None] - found.mz).min(axis=1) / every_mz * 1e6
    assert nearest.max() < BIN_PPM
    assert (found.maximum <= found.mean * len(places) + 1e-9).all()


def test_the_order_of_points_and_the_cut_into_spectra_change_nothing(make_dataset: MakeDataset) -> None:
    spectra = random_spectra(n_spectra=20)
    pixels: dict[tuple[int, int], tuple[list[float], list[float]]] = {}
    for place, mz, intensity in spectra:
        joined = pixels.setdefault(place, ([], []))
        joined[0].extend(mz.tolist())
        joined[1].extend(intensity.tolist())
    whole = [
        (place, np.sort(mz), np.array(intensity)[np.argsort(mz, kind="stable")])
        for place, (mz, intensity) in pixels.items()
    ]
    expected = mean_spectrum(make_dataset(whole))
    for other in (spectra, shuffled(spectra), shuffled(whole)):
        found = mean_spectrum(make_dataset(other))
        np.testing.assert_allclose(found.mz, expected.mz, rtol=1e-12)
        np.testing.assert_array_equal(found.mean, expected.mean)
        np.testing.assert_array_equal(found.maximum, expected.maximum)


@pytest.mark.parametrize("mode", ["processed", "continuous"])
def test_recalibrated_spectra_meet_at_the_true_mz(make_dataset: MakeDataset, mode: str) -> None:
    axes = [[100.02, 500.1], [99.99, 499.95]]
    scale = [1.0002, 0.9999]
    if mode == "continuous":
        axes, scale = [axes[0], axes[0]], [1.0002, 1.0002]
    spectra = [((0, i), axis, [2.0, 4.0]) for i, axis in enumerate(axes)]
    found = mean_spectrum(make_dataset(spectra, mode=mode, mz_scale=scale))
    assert found.mz.tolist() == pytest.approx([100.0, 500.0], rel=1e-9)
    assert found.mean.tolist() == [2.0, 4.0]


def test_only_the_pixels_of_the_mask_count(make_dataset: MakeDataset) -> None:
    dataset = make_dataset([((0, k), [100.0 * (k + 1)], [k + 1.0]) for k in range(3)])
    found = mean_spectrum(dataset, mask=np.array([[True, False, True]]))
    assert (found.mz.tolist(), found.mean.tolist(), found.n_pixels) == ([100.0, 300.0], [0.5, 1.5], 2)
    with pytest.raises(TissueError, match="expected a spectrum in the chosen pixels"):
        mean_spectrum(dataset, mask=np.zeros((1, 3), bool))


def test_negative_intensities_leave_the_axis_ascending(make_dataset: MakeDataset) -> None:
    random = np.random.default_rng(2)
    spectra = [((0, i), np.sort(random.uniform(499, 501, 400)), random.normal(0, 1, 400)) for i in range(9)]
    found = mean_spectrum(make_dataset(spectra))
    assert (np.diff(found.mz) > 0).all()
    assert (found.maximum >= 0).all()


@pytest.mark.parametrize("mode", ["processed", "continuous"])
def test_the_number_of_threads_changes_no_bit(
    make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    random = np.random.default_rng(3)
    spectra = [((0, i), np.sort(random.uniform(100, 900, 50)), random.random(50)) for i in range(60)]
    dataset, found = make_dataset(spectra, mode=mode, intensity_dtype="<f8"), []
    monkeypatch.setitem(mean_spectrum.__globals__, "map_blocks", partial(blocks.map_blocks, max_points=200))
    for n_threads in (1, 5):
        monkeypatch.setattr(blocks.os, "cpu_count", lambda n=n_threads: n)
        found.append(mean_spectrum(dataset))
    for name in ("mz", "mean", "maximum"):
        np.testing.assert_array_equal(getattr(found[0], name), getattr(found[1], name))


def test_real_files_lose_nothing(metime_data: Path) -> None:
    paths = sorted(p for p in (metime_data / "imzml").rglob("*") if p.suffix.lower() == ".imzml")
    assert len(paths) >= 14
    for path in paths:
        dataset = open_imzml(path)
        found = mean_spectrum(dataset)
        total = 0.0
        for mz, intensity in blocks.iterate_spectra(dataset, np.arange(dataset.n_spectra)):
            total += intensity[(mz >= 1) & np.isfinite(intensity)].sum(dtype=np.float64)
        assert found.mean.sum() * found.n_pixels == pytest.approx(total, rel=1e-9), path.name
        assert (np.diff(found.mz) >= 0).all()
