"""Which landmarks stand out: their pair does not fit to what the others say."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from napari_metime.alignment.transforms import fit_landmarks
from napari_metime.errors import AlignmentError
from napari_metime.section import Alignment

LEVEL = 0.01
"""Chance to mark any pair of a good set. Our own choice."""
MIN_OFF_UM = 1.0
"""No pair is marked that the others predict more closely than this: rounding may scatter as much."""
_N_FITTED: Mapping[str, int] = {"rigid": 3, "similarity": 4, "affine": 6}


def standing_out(alignment: Alignment) -> NDArray[np.bool_]:
    """Mark the landmarks that one fit cannot hold together with the others, shape (n_landmarks,).

    Notes
    -----
    Test for one shifted point (Cook and Weisberg 1982, *Residuals and Influence in Regression*,
    2.2.2) at a family-wise level of 1 %. Leaving pair i out lowers the sum of squares from S to
    S - r_i e_i, with the residual r_i and the leave-one-out error e_i; the F of that drop has 2 and d
    degrees of freedom, so its p value is ((S - r_i e_i) / S) ** (d / 2). Exact for similarity and
    affine under equal normal errors. A thin plate bends to every pair, so it is judged as affine.
    """
    judged = _judged(alignment)
    n = alignment.n_landmarks
    free = 0 if judged is None else 2 * (n - 1) - _N_FITTED[judged.kind]
    if judged is None or free < 1 or judged.leave_one_out_um.size != n:
        return np.zeros(n, dtype=bool)
    residual_um, left_out_um = judged.residual_um, judged.leave_one_out_um
    total = float(np.sum(residual_um**2))
    if not total > 0 or not np.isfinite(left_out_um).all():
        return np.zeros(n, dtype=bool)
    rest = np.clip(1 - residual_um * left_out_um / total, 0.0, 1.0)
    return np.asarray((rest ** (free / 2) < LEVEL / n) & (left_out_um > MIN_OFF_UM), dtype=bool)


def _judged(alignment: Alignment) -> Alignment | None:
    """Return a fit that does not bend; None where there is none."""
    if alignment.kind in _N_FITTED:
        return alignment
    if alignment.kind != "thin_plate":
        return None
    try:
        return fit_landmarks(alignment.landmarks, "affine")
    except AlignmentError:  # too few or on a line: nothing can be said
        return None
