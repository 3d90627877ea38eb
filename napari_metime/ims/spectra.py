"""The spectrum of one pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_metime.ims.blocks import read_points
from napari_metime.section import Dataset


def read_spectrum(dataset: Dataset, row: int, col: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Read the (m/z, intensity) points of one pixel, ascending in m/z; empty where nothing was measured.

    Spectra that share the pixel follow each other at equal m/z; recalibrated m/z are the true ones.
    """
    mz, intensity = [np.empty(0)], [np.empty(0)]
    for spectrum in np.flatnonzero((dataset.row == row) & (dataset.col == col)).tolist():
        found_mz, found_intensity = read_points(dataset, spectrum)
        mz.append(found_mz if dataset.mz_scale is None else found_mz / dataset.mz_scale[spectrum])
        intensity.append(found_intensity)
    joined = np.concatenate(mz)
    order = np.argsort(joined, kind="stable")
    return joined[order], np.concatenate(intensity)[order]
