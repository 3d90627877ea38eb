from __future__ import annotations

import numpy as np
import pytest

from napari_metime.niches.windows import DiscWindow, Lattice, choose_radius_um


@pytest.mark.parametrize("spacing", [(10.0, 10.0), (20.0, 10.0), (10.0, 17.5)])
def test_the_window_sums_the_pixels_whose_centre_lies_in_the_disc(spacing: tuple[float, float]) -> None:
    image = np.random.default_rng(0).integers(0, 9, (17, 23))
    window = DiscWindow(image.shape, 35.0, spacing)
    row, col = np.mgrid[:17, :23]
    y, x = row * spacing[0], col * spacing[1]
    near = (y.ravel()[:, None] - y.ravel()) ** 2 + (x.ravel()[:, None] - x.ravel()) ** 2 <= 35.0**2
    expected = (near @ image.ravel()).reshape(image.shape)
    assert np.array_equal(window.sum(image), expected)
    np.testing.assert_allclose(window.total(image / 7), expected / 7, rtol=1e-12)


def test_a_place_right_on_the_circle_counts() -> None:
    image = np.zeros((1, 9), dtype=np.int64)
    image[0, 7] = 1
    assert DiscWindow(image.shape, 30.0, (10.0, 10.0)).sum(image)[0].tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 1]


def test_counts_are_summed_exactly_where_floats_would_round() -> None:
    image = np.full((2, 3), 2**53 + 1, dtype=np.int64)
    assert (DiscWindow((2, 3), 1e4, (10.0, 10.0)).sum(image) == 6 * (2**53 + 1)).all()


@pytest.mark.parametrize("radius_um", [500.0, 1e12])
def test_a_window_larger_than_the_grid_holds_everything(radius_um: float) -> None:
    image = np.arange(12).reshape(3, 4)
    assert (DiscWindow((3, 4), radius_um, (10.0, 10.0)).sum(image) == 66).all()


def test_a_window_smaller_than_a_pixel_holds_that_pixel() -> None:
    image = np.arange(12).reshape(3, 4)
    assert np.array_equal(DiscWindow((3, 4), 1.0, (10.0, 10.0)).sum(image), image)


def test_windows_are_laid_on_single_pixels_unless_these_are_far_smaller() -> None:
    assert Lattice.for_window((70, 70), (40.0, 40.0), 150.0).block == (1, 1)
    assert Lattice.for_window((700, 350), (4.0, 8.0), 150.0).block == (12, 6)


def test_blocks_hold_what_their_pixels_hold() -> None:
    lattice = Lattice((7, 11), (3, 4), (5.0, 6.0))
    image = np.random.default_rng(0).integers(0, 9, (7, 11))
    assert lattice.shape == (3, 3)
    assert lattice.step_um == (15.0, 24.0)
    sums = lattice.sum(image)
    assert sums[0, 0] == image[:3, :4].sum()
    assert sums[2, 2] == image[6:, 8:].sum()
    assert sums.sum() == image.sum()
    # A cell lies in the block of its pixel, and a pixel has the value of its block.
    assert np.array_equal(lattice.on_grid(np.arange(9).reshape(3, 3)).ravel(), lattice.place_of(np.arange(77)))
    by_place = np.bincount(lattice.place_of(np.arange(77)), weights=image.ravel(), minlength=9)
    assert np.array_equal(by_place.reshape(3, 3), sums)


def test_the_radius_expects_ten_effectors() -> None:
    radius = choose_radius_um(600, 4e6, (20.0, 20.0))
    assert np.pi * radius**2 * 600 / 4e6 == pytest.approx(10)


@pytest.mark.parametrize(
    ("n_effector", "spacing", "error", "expected"),
    [(1, (20.0, 20.0), np.nan, 300.0), (10**6, (20.0, 25.0), np.nan, 75.0), (10**6, (5.0, 5.0), 60.0, 120.0)],
)
def test_the_radius_has_a_cap_and_floors(
    n_effector: int, spacing: tuple[float, float], error: float, expected: float
) -> None:
    assert choose_radius_um(n_effector, 4e6, spacing, alignment_error_um=error) == expected
