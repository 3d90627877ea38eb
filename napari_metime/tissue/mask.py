"""Tell tissue from the matrix background around it, or say that there is none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.cluster.vq import ClusterError, kmeans2
from skimage.filters import threshold_otsu
from skimage.morphology import remove_small_holes, remove_small_objects

from napari_metime.errors import TissueError
from napari_metime.section import Tissue
from napari_metime.tissue.components import principal_components

MIN_DISSIMILARITY = 0.4
"""Bray-Curtis dissimilarity of the mean spectra of two groups from which one may be background: tumour and
stroma of one section share most of their peaks, tissue and bare matrix do not. Our default."""
MIN_BORDER_EXCESS = 0.3
"""How much more of the acquired border than of the inside must be background: background surrounds. Our default."""
MIN_PIECE_PIXELS = 10


def find_tissue_mask(
    features: NDArray[np.float32], measured: NDArray[np.bool_], *, method: str, seed: int = 0
) -> Tissue:
    """Find the on-tissue pixels.

    Parameters
    ----------
    features : ndarray of shape (n, rows, cols), float32
        The total ion current first, then images of strong peaks.
    measured : ndarray of shape (rows, cols), bool
    method : {"auto", "otsu", "clusters"}
        ``otsu`` splits the logarithm of the total ion current; ``clusters`` splits the spectra in
        two by k-means; ``auto`` does the same, but keeps every pixel where the two groups do not
        look like tissue and background. The group that lies on the border is the background.
    seed : int
        Seed of k-means.

    Raises
    ------
    TissueError
        Unknown method, or too few pixels to split.
    """
    n_pixels = int(measured.sum())
    # A NaN or a negative intensity (a subtracted baseline) says nothing about tissue.
    features = np.maximum(np.nan_to_num(features, nan=0.0, posinf=0.0, neginf=0.0), 0.0)
    if method == "auto" and n_pixels < 4 * MIN_PIECE_PIXELS:
        return Tissue(measured, "auto", "too few pixels to look for background; every pixel counts as tissue")
    if n_pixels < 2:
        raise TissueError(f"expected at least 2 pixels to split into tissue and background, found {n_pixels}; use none")
    if method == "otsu":
        tic = np.log1p(features[0][measured])
        groups = np.asarray(tic > threshold_otsu(tic))  # type: ignore[no-untyped-call]
    elif method in ("auto", "clusters"):
        groups = _two_groups(features[:, measured], seed)
    else:
        raise TissueError(f"expected tissue.method auto, otsu, clusters, none or the path of a mask, found {method!r}")
    image = np.zeros(measured.shape, dtype=bool)
    image[measured] = groups
    background, excess = _background(image, measured)
    alike = _dissimilarity(features[1:, measured], groups) < MIN_DISSIMILARITY
    if method == "auto" and (alike or excess < MIN_BORDER_EXCESS):
        return Tissue(measured, "auto", "no background found around the tissue; every pixel counts as tissue")
    mask = _clean(measured & ~background, measured)
    return Tissue(mask, method, "background was found around the tissue and left out")


def _two_groups(values: NDArray[np.float32], seed: int) -> NDArray[np.bool_]:
    """Split pixels, given as (n_features, n_pixels), by 2-means of their first principal components."""
    scores = principal_components(values.astype(np.float64))
    if np.ptp(scores) < 1e-9:  # pixels that are all alike
        return np.zeros(len(scores), dtype=bool)
    try:
        _, label = kmeans2(scores, 2, minit="++", missing="raise", rng=np.random.default_rng(seed))
    except ClusterError:  # no two groups in them
        return np.zeros(len(scores), dtype=bool)
    return np.asarray(label == 1)


def _dissimilarity(peaks: NDArray[np.float32], groups: NDArray[np.bool_]) -> float:
    """Bray-Curtis dissimilarity, sum |a - b| / sum (a + b), of the mean intensities of two groups."""
    if groups.all() or not groups.any() or not peaks.size:
        return 0.0
    one, other = (peaks[:, g].mean(axis=1, dtype=np.float64) for g in (groups, ~groups))
    return float(np.abs(one - other).sum() / max((one + other).sum(), 1e-300))


def _background(groups: NDArray[np.bool_], measured: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], float]:
    """Return the group that lies on the border, and by how much more than inside (shares)."""
    # The outline of what was acquired; a pixel that was lost within it is no border.
    acquired = ndimage.binary_fill_holes(ndimage.binary_closing(np.pad(measured, 2), np.ones((5, 5))))[2:-2, 2:-2]
    inside = measured & ndimage.binary_erosion(acquired, np.ones((3, 3)), border_value=0)
    border = measured & ~inside
    excess = _share(groups, border) - _share(groups, inside)
    return (groups, excess) if excess >= 0 else (measured & ~groups, -excess)


def _share(groups: NDArray[np.bool_], where: NDArray[np.bool_]) -> float:
    return float(groups[where].mean()) if where.any() else 0.0


def _clean(tissue: NDArray[np.bool_], measured: NDArray[np.bool_]) -> NDArray[np.bool_]:
    smooth = ndimage.median_filter(tissue.astype(np.uint8), size=3) > 0
    kept = remove_small_objects(smooth, max_size=MIN_PIECE_PIXELS - 1)
    filled = remove_small_holes(kept, max_size=MIN_PIECE_PIXELS - 1) & measured
    return np.asarray(filled if filled.any() else tissue, dtype=bool)
