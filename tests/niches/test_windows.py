from __future__ import annotations

import numpy as np
import pytest

from napari_metime.niches.windows import DiscWindow, choose_radius_um


@pytest.mark.parametrize("spacing", [(10.0, 10.0), (20.0, 10.0)])
def test_the_window_sums_the_pixels_whose_centre_lies_in_the_disc(spacing: tuple[float, float]) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 9, (17, 23)).astype(float)
    got = DiscWindow(image.shape, 35.0, spacing).sum(image)
    row, col = np.mgrid[:17, :23]
    for r, c in ((0, 0), (8, 11), (16, 22), (3, 20)):
        inside = ((row - r) * spacing[0]) ** 2 + ((col - c) * spacing[1]) ** 2 <= 35.0**2
        assert got[r, c] == image[inside].sum()


def test_a_window_larger_than_the_grid_holds_everything() -> None:
    image = np.arange(12.0).reshape(3, 4)
    assert (DiscWindow((3, 4), 500.0, (10.0, 10.0)).sum(image) == 66).all()


def test_a_window_of_any_width_takes_no_more_memory_than_the_grid() -> None:
    window = DiscWindow((30, 40), 1e12, (10.0, 10.0))
    assert window.n_padded < 10 * 30 * 40
    assert (window.sum(np.ones((30, 40))) == 1200).all()


def test_sums_of_a_stack_are_those_of_its_images() -> None:
    stack = np.random.default_rng(1).integers(0, 5, (3, 8, 9)).astype(float)
    window = DiscWindow((8, 9), 20.0, (10.0, 10.0))
    assert all((window.sum(stack)[i] == window.sum(stack[i])).all() for i in range(3))


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
