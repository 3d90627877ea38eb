"""Whether a file holds isotope peaks at all: peak picking may have taken them out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_metime.metabolites.isotopes import C13_SHIFT

N_STRONGEST = 50
"""Peaks of the mean spectrum that are asked. Our default."""
MIN_SHARE = 0.2
"""Least share of them with an isotope peak in a file that holds isotopes. Our default: matrix and salt have none."""
PER_DA = 5.5e-4
"""M+1 over M per u of mass of what tissue is made of: 1.1 % a carbon, one carbon in 20 u (18 in lipids, 22 in peptides
by Senko's averagine, doi 10.1016/1044-0305(95)00017-8)."""
HEIGHT_FACTOR = 4.0
"""How far from that M+1 may be. Our default: nucleotides and sugars have half the carbon, matrix has twice as much."""
CHARGES = (1, 2)
REACH_PPM = 25.0
"""How far an isotope peak may lie from where it belongs. Our default: in a peak list of a time-of-flight section (mouse
prostate, 422 peaks) half of the 50 strongest have theirs within it, a tenth within 5 ppm."""


def isotope_share(mz: NDArray[np.float64], intensity: NDArray[np.float64]) -> float:
    """Return the share of the strongest peaks that have an M+1 of plausible height; NaN without any peak.

    Parameters
    ----------
    mz, intensity : ndarray of shape (n,) of the peaks of a mean spectrum, m/z ascending
    """
    strongest = np.argsort(-intensity, kind="stable")[:N_STRONGEST]
    if not strongest.size:
        return float("nan")
    has_next = np.zeros(strongest.size, dtype=bool)
    for charge in CHARGES:
        at = mz[strongest] + C13_SHIFT / charge
        low, high = (np.searchsorted(mz, at * (1 + side * REACH_PPM * 1e-6)) for side in (-1, 1))
        for i in np.flatnonzero(high > low):
            ratio = intensity[low[i] : high[i]].max() / intensity[strongest[i]]
            expected = PER_DA * charge * mz[strongest[i]]
            has_next[i] |= expected / HEIGHT_FACTOR <= ratio <= expected * HEIGHT_FACTOR
    return float(has_next.mean())
