"""How strongly an ion image speaks for its ion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class IonEvidence:
    """What was found of an ion on the tissue.

    Parameters
    ----------
    mean_intensity : over the measured tissue pixels, NaN without one
    coverage : share of the measured tissue pixels with an intensity above 0, NaN without one
    ppm_error : of the measured against the computed m/z, NaN where nothing was found
    """

    mean_intensity: float
    coverage: float
    ppm_error: float


def ion_evidence(image: NDArray[np.float32], tissue_mask: NDArray[np.bool_], mz: float, mean_mz: float) -> IonEvidence:
    """Measure an ion image on the tissue.

    Parameters
    ----------
    image : ndarray of shape (rows, cols); NaN where not measured
    tissue_mask : ndarray of shape (rows, cols), bool
    mz : computed m/z of the ion
    mean_mz : intensity-weighted mean m/z found in its window, NaN where nothing was found
    """
    on_tissue = image[tissue_mask]
    measured = on_tissue[~np.isnan(on_tissue)].astype(np.float64)
    # Below the last digit kept, the order of summing shows: with an index it is another one.
    ppm_error = round(float((mean_mz - mz) / mz * 1e6), 6)
    if not measured.size:
        return IonEvidence(float("nan"), float("nan"), ppm_error)
    return IonEvidence(float(measured.mean()), float(np.count_nonzero(measured > 0) / measured.size), ppm_error)
