"""Random shifts: how strongly two maps correlate where they were not taken together, against where they were."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_metime.niches.autocorrelation import Lags

MIN_OVERLAP = 0.4
"""Share of the domain that a shift must leave on itself. Smaller overlaps add unlike shifts: with 0.35 and 0.5 in its
place two independent maps gave p <= 0.05 more, or less, often (`docs/decisions.md`). Our default."""
PEAK_REACH_UM = 500.0
"""How far from no shift the strongest correlation is looked for: alignments are not wrong by more. Our default."""
_TIE = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class ShiftTest:
    """What shifting gave, each of shape (n,).

    Parameters
    ----------
    p : share of the shifts that correlate at least as strongly as no shift
    n_shifts : shifts tried
    peak_y_um, peak_x_um : the shift of the second map against the first at which they correlate most, in the sense
        in which they do without shift
    r_at_peak : the correlation there
    """

    p: NDArray[np.float64]
    n_shifts: int
    peak_y_um: NDArray[np.float64]
    peak_x_um: NDArray[np.float64]
    r_at_peak: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Shifted:
    """Maps in the box of a mask, and what their shifted sums need.

    Parameters
    ----------
    values, squares : ndarray, complex: transforms of the maps and of their squares, shape (n, ...)
    """

    values: NDArray[np.complex128]
    squares: NDArray[np.complex128]

    @classmethod
    def of_images(cls, lags: Lags, images: NDArray[np.float64]) -> Shifted:
        """Transform images of shape (n, rows, cols), 0 outside the mask."""
        return cls(lags.transform(images), lags.transform(images**2))


def shifted_correlations(lags: Lags, x: Shifted, y: Shifted, shifts: NDArray[np.intp]) -> NDArray[np.float64]:
    """Correlate x(u) with y(u + v) over the pixels u that lie in the mask with u + v, for every v; shape (n, n_shifts).

    Masked normalised cross-correlation (Padfield 2012, IEEE TIP 21:2706): the means and variances are those of the
    overlap.

    Parameters
    ----------
    x : one map
    y : n maps
    shifts : ndarray of shape (n_shifts,): flat places in ``lags.padded``
    """

    def at(spectrum: NDArray[np.complex128]) -> NDArray[np.float64]:
        return lags.sums(spectrum).reshape(spectrum.shape[0], -1)[:, shifts]

    n = lags.n_pairs.ravel()[shifts]
    before, after = np.conj(lags.spectrum), lags.spectrum
    mean_x, mean_y = at(np.conj(x.values) * after) / n, at(before * y.values) / n
    variance_x = at(np.conj(x.squares) * after) / n - mean_x**2
    variance_y = at(before * y.squares) / n - mean_y**2
    covariance = at(np.conj(x.values) * y.values) / n - mean_x * mean_y
    return np.asarray(covariance / np.sqrt(np.maximum(variance_x * variance_y, 1e-24)))


def shift_test(lags: Lags, x: Shifted, y: Shifted, kept: NDArray[np.float64] | float = 1.0) -> ShiftTest:
    """Test each of n maps against one by all shifts that leave enough of the domain on itself.

    T(v) = r(v) sqrt(n_v) has about the same spread at every shift v with its n_v pixels (variance correction: Mrkvicka,
    Dvorak, Gonzalez & Mateu 2021, Spat Stat 42:100430; Dvorak et al. 2022, Int Stat Rev 90:592). Its mean over the
    shifts is taken away. p = (1 + #{|T(v)| >= |T(0)|}) / (1 + #V).

    Where covariates were taken from both maps, T(0) varies over fewer independent values than T(v): unshifted, both
    lost the same patterns, shifted each lost its own. So T(0) is multiplied by the root of ``kept``.

    Parameters
    ----------
    kept : share of the independent values that the covariates left, shape (n,)
    """
    overlap = lags.n_pairs.ravel()
    shifts = np.flatnonzero(overlap >= MIN_OVERLAP * lags.n_pixels)  # the first is no shift
    r = shifted_correlations(lags, x, y, shifts)
    t = r * np.sqrt(overlap[shifts])
    t -= t.mean(axis=1, keepdims=True)
    unshifted = np.abs(t[:, :1]) * np.sqrt(np.broadcast_to(kept, len(t)))[:, None]
    p = (1 + (np.abs(t[:, 1:]) >= unshifted - _TIE).sum(axis=1)) / t.shape[1]
    row, col = np.divmod(shifts, lags.padded[1])
    y_um, x_um = (
        np.where(place > n // 2, place - n, place) * step
        for place, n, step in zip((row, col), lags.padded, lags.spacing_um, strict=True)
    )
    near = np.flatnonzero(np.hypot(y_um, x_um) <= PEAK_REACH_UM)
    peak = near[np.argmax(r[:, near] * np.sign(r[:, :1]), axis=1)]
    return ShiftTest(p, shifts.size - 1, y_um[peak], x_um[peak], r[np.arange(len(r)), peak])
