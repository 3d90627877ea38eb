"""Whether a file holds isotope peaks, on lists of peaks with a known share of them."""

from __future__ import annotations

import numpy as np
import pytest

from napari_metime.metabolites.isotope_peaks import C13_SHIFT, MIN_SHARE, isotope_share


def peaks(n_with: int, *, height: float, shift: float = C13_SHIFT) -> tuple[np.ndarray, np.ndarray]:
    """Return 50 peaks, far apart, the first ones with a second of ``height`` over what carbon gives."""
    mz = 300 + 10.1 * np.arange(50)
    strong = np.linspace(100, 90, 50)
    second = mz[:n_with] + shift
    weak = height * 5.5e-4 * mz[:n_with] * strong[:n_with]
    order = np.argsort(np.concatenate([mz, second]))
    return np.concatenate([mz, second])[order], np.concatenate([strong, weak])[order]


@pytest.mark.parametrize("n_with", [0, 10, 25, 50])
def test_share_is_that_of_the_peaks_with_an_isotope(n_with: int) -> None:
    assert isotope_share(*peaks(n_with, height=1.0)) == n_with / 50


@pytest.mark.parametrize(("height", "share"), [(0.5, 0.4), (2.0, 0.4), (0.1, 0.0)])
def test_isotope_peak_has_a_plausible_height(height: float, share: float) -> None:
    assert isotope_share(*peaks(20, height=height)) == share


def test_isotope_of_a_double_charge_is_half_as_far() -> None:
    assert isotope_share(*peaks(20, height=2.0, shift=C13_SHIFT / 2)) == 0.4
    assert isotope_share(*peaks(20, height=1.0, shift=1.02)) == 0


def test_peaks_at_random_stay_below_the_least_share() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        mz = np.sort(rng.integers(100, 1000, 400) + rng.normal(0, 0.1, 400))
        assert isotope_share(mz, rng.lognormal(0, 1, 400)) < MIN_SHARE


def test_no_peaks_say_nothing() -> None:
    assert np.isnan(isotope_share(np.empty(0), np.empty(0)))
