"""The measure of spatial chaos: whether an ion image has shapes, or is scattered."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label, maximum_filter, minimum_filter

N_LEVELS = 30
"""Levels at which objects are counted, as METASPACE has them."""
_CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], dtype=bool)


def measure_of_chaos(image: NDArray[np.float32], *, n_levels: int = N_LEVELS) -> float:
    """Return 1 - mean number of objects per level / number of pixels above 0; near 1 = shapes, lower = scattered.

    Alexandrov and Bartels 2013 (doi 10.1093/bioinformatics/btt388), as METASPACE computes it (Palmer et al. 2017,
    doi 10.1038/nmeth.4072): at ``n_levels`` evenly from 0 to the maximum, the pixels above the level are dilated by
    a cross, eroded by a square of 3 x 3, and their objects counted, neighbours by sides. Both filters are taken once
    of the image itself: they commute with the levels. 0 where nothing is left to count, which would read as 1.

    Parameters
    ----------
    image : ndarray of shape (rows, cols); NaN counts as 0
    """
    known = np.nan_to_num(image, nan=0.0, posinf=0.0, neginf=0.0)
    n_positive = int(np.count_nonzero(known > 0))
    if not n_positive:
        return 0.0
    known = known[np.ix_(*(_wide(np.asarray(known.any(axis=axis))) for axis in (1, 0)))]
    closed = maximum_filter(known, footprint=_CROSS, mode="constant", cval=0.0)
    closed = minimum_filter(closed, size=3, mode="constant", cval=np.inf)
    levels = np.linspace(0.0, float(known.max()), n_levels)
    n_objects = sum(int(label(closed > level)[1]) for level in levels)
    return 1.0 - n_objects / n_levels / n_positive if n_objects else 0.0


def _wide(filled: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which rows lie within two of a filled one: the filters reach no farther."""
    return np.asarray(maximum_filter(filled, size=5, mode="constant", cval=0))
