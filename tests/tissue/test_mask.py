"""Tissue against planted backgrounds."""

from __future__ import annotations

import numpy as np
import pytest

from napari_metime.errors import TissueError
from napari_metime.tissue import find_tissue_mask

SHAPE = (40, 50)
ROW, COL = np.mgrid[: SHAPE[0], : SHAPE[1]]
TISSUE = ((ROW - 20) / 14) ** 2 + ((COL - 25) / 17) ** 2 <= 1
MEASURED = np.ones(SHAPE, dtype=bool)


def section(*, tissue: np.ndarray, contrast: float, seed: int = 0) -> np.ndarray:
    """Twelve noisy peak images: half of them brighter on the tissue, half brighter off it."""
    rng = np.random.default_rng(seed)
    mean = np.where(np.arange(12)[:, None, None] % 2 == 0, tissue, ~tissue) * contrast + 1.0
    peaks = rng.gamma(8, mean / 8)
    return np.concatenate([peaks.sum(axis=0)[None], peaks]).astype(np.float32)


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


@pytest.mark.parametrize("method", ["auto", "clusters"])
def test_a_background_of_other_peaks_is_found_though_the_total_is_the_same(method: str) -> None:
    found = find_tissue_mask(section(tissue=TISSUE, contrast=8.0), MEASURED, method=method)
    assert overlap(found.mask, TISSUE) > 0.95


def test_otsu_splits_the_total_ion_current() -> None:
    features = section(tissue=TISSUE, contrast=0.0)
    features[0] *= np.where(TISSUE, 5, 1)
    assert overlap(find_tissue_mask(features, MEASURED, method="otsu").mask, TISSUE) > 0.95


@pytest.mark.parametrize("inner", [np.zeros(SHAPE, bool), TISSUE, COL < 25])
def test_auto_keeps_every_pixel_of_a_section_without_background(inner: np.ndarray) -> None:
    found = find_tissue_mask(section(tissue=inner, contrast=0.8), MEASURED, method="auto")
    assert found.mask.all()
    assert "no background" in found.note


def test_two_halves_of_other_peaks_are_not_background() -> None:
    assert find_tissue_mask(section(tissue=COL < 25, contrast=8.0), MEASURED, method="auto").mask.all()


def test_the_same_seed_gives_the_same_mask() -> None:
    features = section(tissue=TISSUE, contrast=3.0)
    first, second = (find_tissue_mask(features, MEASURED, method="clusters", seed=3).mask for _ in range(2))
    assert np.array_equal(first, second)


def test_an_unknown_method_is_refused_in_words() -> None:
    with pytest.raises(TissueError, match="found 'magic'"):
        find_tissue_mask(section(tissue=TISSUE, contrast=1.0), MEASURED, method="magic")


def test_a_handful_of_pixels_is_all_tissue() -> None:
    assert find_tissue_mask(np.ones((2, 3, 3), np.float32), np.ones((3, 3), bool), method="auto").mask.all()


def test_lost_pixels_do_not_hide_the_background() -> None:
    measured = np.random.default_rng(0).random(SHAPE) > 0.03
    found = find_tissue_mask(section(tissue=TISSUE, contrast=8.0), measured, method="auto")
    assert overlap(found.mask, TISSUE & measured) > 0.95


@pytest.mark.parametrize("method", ["auto", "otsu", "clusters"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -1e6])
def test_a_broken_intensity_spoils_nothing(method: str, value: float) -> None:
    features = section(tissue=TISSUE, contrast=8.0)
    features[0] *= np.where(TISSUE, 5, 1)
    features[:, 2, 3] = value
    assert overlap(find_tissue_mask(features, MEASURED, method=method).mask, TISSUE) > 0.9


def test_pixels_that_are_all_alike_are_all_tissue() -> None:
    assert find_tissue_mask(np.ones((4, *SHAPE), np.float32), MEASURED, method="auto").mask.all()
