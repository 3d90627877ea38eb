"""METASPACE's measures of an ion by the images of its isotopes, as they were published.

Palmer et al. 2017 (doi 10.1038/nmeth.4072); the third, of the image alone, is in ``chaos``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def isotope_spatial(flat: NDArray[np.float64], abundance: Sequence[float]) -> float:
    """Return rho_spatial: the mean correlation of the isotopes' images with that of M, weighted by abundance, 0 to 1.

    Pearson's, over all measured pixels; 0 for an image without any spread.

    Parameters
    ----------
    flat : ndarray of shape (n, n_pixels): M, then its isotopes
    abundance : expected share of each, shape (n,)
    """
    weights = np.asarray(abundance[1:], dtype=np.float64)
    if len(flat) < 2 or not weights.sum() > 0:
        return 0.0
    alike = [correlation(flat[0], isotope) for isotope in flat[1:]]
    return float(np.clip(np.average(alike, weights=weights), 0.0, 1.0))


def isotope_spectral(flat: NDArray[np.float64], abundance: Sequence[float]) -> float:
    """Return rho_spectral: 1 - the mean difference between expected and found abundances, each of length 1.

    Found is summed over the pixels that have M; 0 where there is none. Parameters as above.
    """
    expected = np.asarray(abundance, dtype=np.float64)
    found = flat[:, flat[0] > 0].sum(axis=1)
    length = float(np.linalg.norm(found))
    if not length > 0:
        return 0.0
    return float(1.0 - np.abs(expected / np.linalg.norm(expected) - found / length).mean())


def correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return Pearson's correlation, 0 where one has no spread."""
    a, b = first - first.mean(), second - second.mean()
    scale = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / scale if scale > 0 and math.isfinite(scale) else 0.0
