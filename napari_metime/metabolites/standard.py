"""Intensities made comparable within a section: the limit of detection of an ion, and its robust z."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LIMIT_SDS = 3.0
"""Standard deviations above the off-tissue mean that are the limit of detection."""
MIN_OFF_PIXELS = 20
"""Fewest off-tissue pixels that a limit of detection is taken from. Our default."""
_MAD_TO_SD = 1.4826


@dataclass(frozen=True, slots=True)
class Limit:
    """The limit of detection of one ion.

    Parameters
    ----------
    value : intensity below which the ion counts as not detected; NaN where it is nowhere above 0
    is_from_off_tissue : False where it is the smallest positive intensity on the tissue instead
    """

    value: float
    is_from_off_tissue: bool

    @property
    def half(self) -> float:
        """What is added before a logarithm is taken."""
        return self.value / 2


def off_tissue_limit(off_tissue: NDArray[np.floating[Any]]) -> float:
    """Return mean + 3 SD of the off-tissue intensities, shape (n_pixels,); NaN with too few of them."""
    known = off_tissue[np.isfinite(off_tissue)].astype(np.float64)
    return float(known.mean() + LIMIT_SDS * known.std()) if known.size >= MIN_OFF_PIXELS else float("nan")


def limit_of(on_tissue: NDArray[np.floating[Any]], from_off_tissue: float) -> Limit:
    """Return an ion's limit of detection: that from off the tissue, else the smallest positive intensity on it.

    Parameters
    ----------
    on_tissue : ndarray of shape (n_pixels,)
    from_off_tissue : as ``off_tissue_limit`` gives it; NaN, or 0 where the ion is nowhere off the tissue
    """
    if np.isfinite(from_off_tissue) and from_off_tissue > 0:
        return Limit(float(from_off_tissue), True)
    positive = on_tissue[on_tissue > 0]
    return Limit(float(positive.min()) if positive.size else float("nan"), False)


def robust_z(intensities: NDArray[np.floating[Any]], limit: Limit) -> NDArray[np.float32]:
    """Return (x - median) / (1.4826 MAD) of x = log2(I + limit / 2); by the SD where the MAD is 0.

    Where an ion was not found x is that of half its limit: measured and below it, which is not missing.

    Parameters
    ----------
    intensities : ndarray of shape (n_pixels,) on the tissue; NaN where not measured, and so in what is returned

    Returns
    -------
    ndarray of shape (n_pixels,); all NaN where there is no spread at all
    """
    x = np.log2(np.maximum(intensities, 0.0).astype(np.float64) + limit.half)
    known = x[np.isfinite(x)]
    if not known.size or known.min() == known.max():
        return np.full(x.shape, np.nan, dtype=np.float32)
    centre = np.median(known)
    spread = _MAD_TO_SD * np.median(np.abs(known - centre))
    return np.asarray((x - centre) / (spread if spread > 0 else known.std()), dtype=np.float32)
