"""The measures of evidence, each against numbers known beforehand or a plain second implementation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, binary_erosion, generate_binary_structure, label

from napari_metime.metabolites.chaos import N_LEVELS, measure_of_chaos
from napari_metime.metabolites.evidence import check_isotope, ion_evidence, moran_z
from napari_metime.metabolites.measures import isotope_spatial, isotope_spectral

NAN = float("nan")


def chaos_level_by_level(image: np.ndarray) -> float:
    """As published: binary dilation and erosion at every level."""
    counts = []
    for level in np.linspace(0, image.max(), N_LEVELS):
        mask = binary_dilation(image > level, generate_binary_structure(2, 1))
        mask = binary_erosion(mask, generate_binary_structure(2, 2), border_value=1)
        counts.append(label(mask)[1])
    return 1 - np.mean(counts) / np.count_nonzero(image)


@pytest.mark.parametrize("seed", range(4))
def test_chaos_is_that_of_the_published_levels(seed: int) -> None:
    image = np.random.default_rng(seed).gamma(0.5, size=(23, 31)).astype(np.float32)
    image[:4] = 0
    image[:, 20:24] = 0
    assert measure_of_chaos(image) == pytest.approx(chaos_level_by_level(image.astype(np.float64)), abs=1e-12)


def test_one_square_is_one_object_at_every_level_but_the_highest() -> None:
    image = np.zeros((20, 20), dtype=np.float32)
    image[5:15, 5:15] = 7
    assert measure_of_chaos(image) == pytest.approx(1 - (29 / 30) / 100)


def test_chaos_of_scattered_pixels_is_lower_than_of_the_same_pixels_in_one_place() -> None:
    rng = np.random.default_rng(0)
    shape = np.zeros((40, 40), dtype=np.float32)
    shape[:20] = rng.uniform(1, 2, (20, 40))
    scattered = rng.permutation(shape.ravel()).reshape(shape.shape)
    assert measure_of_chaos(scattered) < measure_of_chaos(shape)


@pytest.mark.parametrize("image", [np.zeros((4, 4)), np.full((4, 4), np.nan), np.eye(9) > 9])
def test_chaos_of_nothing_is_zero(image: np.ndarray) -> None:
    assert measure_of_chaos(image.astype(np.float32)) == 0


def test_single_far_pixels_leave_nothing_to_count() -> None:
    image = np.zeros((20, 20), dtype=np.float32)
    image[::6, ::6] = 1
    assert measure_of_chaos(image) == 0


def test_spatial_agreement_is_the_weighted_mean_correlation() -> None:
    rng = np.random.default_rng(1)
    flat = rng.gamma(2, size=(3, 500))
    flat[1] += 2 * flat[0]
    r = np.corrcoef(flat)[0]
    assert isotope_spatial(flat, (0.9, 0.08, 0.02)) == pytest.approx(0.8 * r[1] + 0.2 * r[2])
    assert isotope_spatial(np.stack([flat[0], 3 * flat[0]]), (0.9, 0.1)) == pytest.approx(1)
    assert isotope_spatial(np.stack([flat[0], -flat[0]]), (0.9, 0.1)) == 0
    assert isotope_spatial(np.stack([flat[0], np.zeros(500)]), (0.9, 0.1)) == 0


def test_spectral_agreement_is_one_minus_the_mean_difference() -> None:
    flat = np.array([[3.0, 0.0], [4.0, 9.0]])
    # Found over the pixel with M: (3, 4) / 5; expected (1, 0): 1 - (0.4 + 0.8) / 2.
    assert isotope_spectral(flat, (1.0, 0.0)) == pytest.approx(0.4)
    assert isotope_spectral(np.array([[9.0, 9.0], [1.0, 1.0]]), (0.9, 0.1)) == pytest.approx(1)
    assert isotope_spectral(np.zeros((2, 4)), (0.9, 0.1)) == 0


def test_order_of_random_places_has_mean_zero_and_variance_one() -> None:
    rng = np.random.default_rng(2)
    z = [moran_z(rng.gamma(1, size=(20, 25)).astype(np.float32)) for _ in range(400)]
    assert abs(np.mean(z)) < 4 / np.sqrt(400)
    assert np.std(z) == pytest.approx(1, abs=0.15)
    assert moran_z(np.repeat(rng.gamma(1, size=(20, 5)), 5, axis=1).astype(np.float32)) > 10
    assert np.isnan(moran_z(np.ones((5, 5), dtype=np.float32)))


def planted(counts: float, ratio: float, seed: int = 0, shape: tuple[int, int] = (60, 60)) -> tuple[np.ndarray, ...]:
    """Return images of M and M+1 (Poisson; on a disc, a twentieth off it) and the disc."""
    rng = np.random.default_rng(seed)
    y, x = np.indices(shape) - np.array(shape)[:, None, None] / 2
    disc = np.hypot(y, x) < min(shape) * 0.4
    expected = counts * np.where(disc, np.exp(0.3 * np.sin(x / 6)), 0.05)
    return rng.poisson([expected, ratio * expected]).astype(np.float32), disc


@pytest.mark.parametrize("true_over_expected", [1.0, 2.0, 0.5])
def test_abundance_is_found_within_its_error_and_the_error_is_right(true_over_expected: float) -> None:
    checks = []
    for seed in range(60):
        images, disc = planted(50, 0.05 * true_over_expected, seed)
        checks.append(check_isotope(images, disc, 0.05))
    logs = np.log([check.ratio for check in checks])
    errors = np.array([check.log_error for check in checks])
    assert np.mean(logs) == pytest.approx(np.log(true_over_expected), abs=4 * errors.mean() / np.sqrt(60))
    assert np.std(logs) == pytest.approx(errors.mean(), rel=0.35)


def test_place_of_a_weak_isotope_is_seen_in_blocks_not_in_pixels() -> None:
    images, disc = planted(30, 0.04)
    assert check_isotope(images, disc, 0.04).place > 0.8
    flat = images.reshape(2, -1).astype(float)
    assert isotope_spatial(flat, (0.96, 0.04)) < 0.6


def test_isotope_elsewhere_does_not_lie_where_the_ion_does() -> None:
    images, disc = planted(50, 0.05)
    images[1] = np.random.default_rng(3).permutation(images[1].ravel()).reshape(disc.shape)
    assert abs(check_isotope(images, disc, 0.05).place) < 0.25


def test_isotope_below_the_weakest_intensity_cannot_be_expected() -> None:
    images, disc = planted(100, 0.05)
    images[0][images[0] < 60] = 0  # a file that was cut at 60
    images[1] = 0
    assert not check_isotope(images, disc, 0.05).is_visible
    assert check_isotope(images, disc, 0.6).is_visible


def test_evidence_is_taken_from_measured_tissue_pixels() -> None:
    image = np.array([[[1, 0, np.nan], [5, 100, 0]]], dtype=np.float32)
    tissue = np.array([[True, True, True], [True, False, True]])
    found = ion_evidence(image, tissue, 200.0, 200.001, off_tissue=~tissue)
    assert found.mean_intensity == pytest.approx((1 + 0 + 5 + 0) / 4)
    assert found.coverage == 2 / 4
    assert found.ppm_error == pytest.approx(5.0)
    assert (found.off_coverage, found.off_to_on) == (1.0, pytest.approx(100 / 1.5))
    assert np.isnan([found.isotope_spatial, found.isotope_spectral, found.msm, found.lod]).all()


def test_limit_of_detection_is_three_deviations_above_the_mean_off_the_tissue() -> None:
    image = np.ones((1, 10, 10), dtype=np.float32)
    image[0, 5:] = np.tile([0.0, 2.0], 25).reshape(5, 10)
    tissue = np.zeros((10, 10), dtype=bool)
    tissue[:5] = True
    found = ion_evidence(image, tissue, 200.0, 200.0, off_tissue=~tissue)
    assert found.lod == pytest.approx(1 + 3 * 1)
    assert np.isnan(ion_evidence(image, tissue, 200.0, 200.0).lod)


def test_score_of_metaspace_is_the_product_of_its_parts() -> None:
    images, disc = planted(200, 0.1)
    found = ion_evidence(images, disc, 200.0, 200.0, off_tissue=~disc, abundance=(0.91, 0.09))
    assert found.msm == pytest.approx(found.isotope_spatial * found.isotope_spectral * found.chaos)
    assert 0 < found.msm < 1


def test_evidence_of_nothing_is_not_available() -> None:
    nothing = np.full((1, 2, 2), np.nan, dtype=np.float32)
    found = ion_evidence(nothing, np.ones((2, 2), dtype=bool), 200.0, NAN)
    assert np.isnan([found.mean_intensity, found.coverage, found.ppm_error, found.msm]).all()
