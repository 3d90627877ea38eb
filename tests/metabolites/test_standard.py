"""Limits of detection and robust z: by hand, and by their definition."""

from __future__ import annotations

import numpy as np
import pytest

from napari_metime.metabolites.standard import Limit, limit_of, off_tissue_limit, robust_z


def test_the_limit_is_three_deviations_above_the_off_tissue_mean() -> None:
    off = np.array([0.0, 2.0] * 10 + [np.nan], np.float32)  # mean 1, SD 1
    assert off_tissue_limit(off) == pytest.approx(4.0)
    assert np.isnan(off_tissue_limit(off[:10]))  # too few to say


@pytest.mark.parametrize("nothing", [np.nan, 0.0])
def test_without_it_the_smallest_intensity_stands_for_it(nothing: float) -> None:
    on = np.array([0.0, 5.0, 3.0, np.nan], np.float32)
    assert limit_of(on, 2.0) == Limit(2.0, True)
    assert limit_of(on, nothing) == Limit(3.0, False)
    assert np.isnan(limit_of(np.zeros(3, np.float32), nothing).value)


def test_z_is_in_scaled_median_deviations() -> None:
    """x = log2(I + 1) is 0, 1, 2, 3, 4: median 2, MAD 1."""
    z = robust_z(np.array([0.0, 1.0, 3.0, 7.0, 15.0, np.nan], np.float32), Limit(2.0, True))
    np.testing.assert_allclose(z[:5], np.array([-2, -1, 0, 1, 2]) / 1.4826, rtol=1e-6)
    assert np.isnan(z[5])


def test_z_of_mostly_equal_values_is_by_the_standard_deviation() -> None:
    z = robust_z(np.array([0.0] * 9 + [1.0], np.float32), Limit(2.0, True))
    np.testing.assert_allclose(z[9], 1 / np.std([0.0] * 9 + [1.0]), rtol=1e-6)
    assert (z[:9] == 0).all()


def test_without_spread_there_is_no_z() -> None:
    assert np.isnan(robust_z(np.full(5, 3.0, np.float32), Limit(2.0, True))).all()
    assert np.isnan(robust_z(np.full(5, np.nan, np.float32), Limit(2.0, True))).all()
