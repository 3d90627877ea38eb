"""How strongly the images of an ion and its isotopes speak for it: each measure with a value of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_metime.metabolites.chaos import measure_of_chaos
from napari_metime.metabolites.measures import correlation, isotope_spatial, isotope_spectral
from napari_metime.metabolites.standard import off_tissue_limit

N_BLOCKS = 200
"""Blocks of pixels, about, that the tissue is summed over before the place of an isotope is judged. Our default."""
BRIGHT, FAINT = 99.0, 1.0
"""Percentiles of the intensities above 0: of the brightest pixels, and of the weakest that were recorded."""
NAN = float("nan")


@dataclass(frozen=True, slots=True)
class IsotopeCheck:
    """What the M+1 of an ion shows beyond its counting noise.

    Parameters
    ----------
    ratio : sum of M+1 over the tissue, over what the formula expects of it (1 = as expected)
    log_error : standard error of the logarithm of ``ratio``, from blocks of pixels
    place : correlation of M and M+1 over blocks of the measured pixels
    is_visible : whether M+1 is expected above the weakest intensities in the brightest pixels
    """

    ratio: float
    log_error: float
    place: float
    is_visible: bool


@dataclass(frozen=True, slots=True)
class IonEvidence:
    """What was found of an ion.

    Parameters
    ----------
    mean_intensity : over the measured tissue pixels, NaN without one
    coverage : share of the measured tissue pixels with an intensity above 0, NaN without one
    ppm_error : of the measured against the computed m/z, NaN where nothing was found
    off_coverage : share of the measured off-tissue pixels with it, NaN without one
    off_to_on : mean off the tissue over mean on it, NaN where either is not known
    isotope_spatial, isotope_spectral, chaos, msm : rho_spatial, rho_spectral, rho_chaos and their product, as METASPACE
        has them; the isotope measures are NaN where the formula is not known
    lod : limit of detection, mean + 3 SD of the off-tissue intensities; NaN with too few of them
    order : z of Moran's I over neighbouring pixels: above 0 = neighbours are alike
    isotope : check of M+1; None where the formula is not known or nothing was found
    """

    mean_intensity: float
    coverage: float
    ppm_error: float
    off_coverage: float = NAN
    off_to_on: float = NAN
    isotope_spatial: float = NAN
    isotope_spectral: float = NAN
    chaos: float = NAN
    msm: float = NAN
    lod: float = NAN
    order: float = NAN
    isotope: IsotopeCheck | None = None


def ion_evidence(
    images: NDArray[np.float32],
    tissue_mask: NDArray[np.bool_],
    mz: float,
    mean_mz: float,
    *,
    off_tissue: NDArray[np.bool_] | None = None,
    abundance: Sequence[float] = (),
) -> IonEvidence:
    """Measure an ion by its image and those of its isotopes.

    Parameters
    ----------
    images : ndarray of shape (n, rows, cols): of M and then of its isotopes; NaN where not measured
    tissue_mask, off_tissue : ndarray of shape (rows, cols), bool; None = nothing lies off the tissue
    mz : computed m/z of M
    mean_mz : intensity-weighted mean m/z found in its window, NaN where nothing was found
    abundance : expected share of each image, shape (n,); empty where the formula is not known
    """
    image = images[0]
    on = _known(image[tissue_mask])
    off = _known(image[off_tissue]) if off_tissue is not None else np.empty(0)
    # Below the last digit kept, the order of summing shows: with an index it is another one.
    ppm_error = round(float((mean_mz - mz) / mz * 1e6), 6)
    if not on.size:
        return IonEvidence(NAN, NAN, ppm_error)
    mean = float(on.mean())
    spatial = spectral = 0.0 if len(abundance) else NAN
    check = None
    if len(abundance) and (on > 0).any():  # most ions of a panel are nowhere
        flat = images[:, np.isfinite(image)].astype(np.float64)
        spatial, spectral = isotope_spatial(flat, abundance), isotope_spectral(flat, abundance)
        check = check_isotope(images, tissue_mask, abundance[1] / abundance[0])
    chaos = measure_of_chaos(image)
    return IonEvidence(
        mean_intensity=mean,
        coverage=float(np.count_nonzero(on > 0) / on.size),
        ppm_error=ppm_error,
        off_coverage=float(np.count_nonzero(off > 0) / off.size) if off.size else NAN,
        off_to_on=float(off.mean() / mean) if off.size and mean > 0 else NAN,
        isotope_spatial=spatial,
        isotope_spectral=spectral,
        chaos=chaos,
        msm=spatial * spectral * chaos,
        lod=off_tissue_limit(off),
        order=moran_z(image),
        isotope=check,
    )


def check_isotope(images: NDArray[np.float32], tissue_mask: NDArray[np.bool_], relative: float) -> IsotopeCheck:
    """Judge M+1 by sums and by blocks of pixels: in one pixel it is mostly noise.

    Parameters
    ----------
    images : ndarray of shape (n, rows, cols): M, M+1, ...
    relative : expected abundance of M+1 over that of M
    """
    measured = np.isfinite(images[0]) & np.isfinite(images[1])
    tissue = measured & tissue_mask
    first, second = images[0][tissue].astype(np.float64), images[1][tissue].astype(np.float64)
    positive = first[first > 0]
    if not positive.size or not relative > 0:
        return IsotopeCheck(NAN, NAN, NAN, is_visible=False)
    edge = max(1, math.isqrt(max(first.size // N_BLOCKS, 1)))
    sums = _block_sums(np.stack([images[0], images[1]]), tissue, edge)
    expected = relative * first.sum()
    ratio = float(second.sum() / expected)
    residual = sums[2] - ratio * relative * sums[1]
    error = float(np.sqrt((residual**2).sum())) / expected
    count, *blocks = _block_sums(np.stack([images[0], images[1]]), measured, edge)
    weakest = min(float(np.percentile(v[v > 0], FAINT)) for v in (first, second) if (v > 0).any())
    return IsotopeCheck(
        ratio=ratio,
        log_error=error / ratio if ratio > 0 else NAN,
        place=correlation(blocks[0] / count, blocks[1] / count),
        is_visible=bool(relative * float(np.percentile(positive, BRIGHT)) >= weakest),
    )


def moran_z(image: NDArray[np.float32]) -> float:
    """Return the z of Moran's I over pixels that share a side, under random places; NaN without any spread.

    Cliff and Ord 1981: with weights 1 of P such pairs, I = N / P * sum of products / sum of squares of the deviations
    has mean -1 / (N - 1) and, to its leading term, the variance 1 / P. Of square roots, so that no few pixels decide.

    Parameters
    ----------
    image : ndarray of shape (rows, cols); NaN where not measured
    """
    known = np.isfinite(image)
    values = np.sqrt(np.maximum(np.where(known, image, 0.0), 0.0).astype(np.float64))
    n = int(known.sum())
    deviation = np.where(known, values - (values[known].mean() if n else 0.0), 0.0)
    square = float((deviation**2).sum())
    n_pairs = int((known[1:] & known[:-1]).sum() + (known[:, 1:] & known[:, :-1]).sum())
    if n < 3 or not n_pairs or not square > 0:
        return NAN
    products = float((deviation[1:] * deviation[:-1]).sum() + (deviation[:, 1:] * deviation[:, :-1]).sum())
    return (n * products / (n_pairs * square) + 1 / (n - 1)) * math.sqrt(n_pairs)


def _known(values: NDArray[np.float32]) -> NDArray[np.float64]:
    return values[~np.isnan(values)].astype(np.float64)


def _block_sums(images: NDArray[np.float32], mask: NDArray[np.bool_], edge: int) -> NDArray[np.float64]:
    """Return pixel count and the sum of each image in blocks of ``edge`` pixels that hold some of the mask."""
    row, col = np.nonzero(mask)
    n_cols = -(-mask.shape[1] // edge)
    block = (row // edge) * n_cols + col // edge
    counts = np.bincount(block)
    sums = [np.bincount(block, weights=image[row, col]) for image in images]
    return np.stack([counts, *sums])[:, counts > 0]
