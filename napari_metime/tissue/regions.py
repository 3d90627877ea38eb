"""Regions of a tissue by its spectra."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_metime.errors import TissueError
from napari_metime.section import Progress, TissueRegions, no_progress, share_of
from napari_metime.tissue.components import Components
from napari_metime.tissue.grouping import fit_kmeans, fit_mixture
from napari_metime.tissue.markers import no_markers
from napari_metime.tissue.region_number import Proposal, propose_number

Method = Literal["kmeans", "mixture"]
INDEPENDENT = 3.0
"""Standard deviations of the smoothing between pixels that the number is proposed from: of white noise that was
smoothed, two so far apart share exp(-9 / 4), a tenth."""
ISLAND = 2.0
"""Radius, in standard deviations of the smoothing, of the disc that the smallest piece of a region fills. Ours."""
MIN_PIECE_PIXELS = 10
FIT_PIXELS = 20_000
CHUNK_PIXELS = 65_536
METHOD_WORDS: dict[Method, str] = {"kmeans": "k-means", "mixture": "mixture of Gaussians"}
_EIGHT = np.ones((3, 3), dtype=bool)


def find_regions(
    features: NDArray[np.float32],
    tissue_mask: NDArray[np.bool_],
    *,
    method: Method,
    n_regions: int | Literal["auto"],
    spacing_um: tuple[float, float],
    smoothing_um: float,
    seed: int = 0,
    on_progress: Progress = no_progress,
) -> TissueRegions:
    """Partition the tissue by its spectra: smoothed ion images, principal components, k-means or a mixture.

    Each image is smoothed by a Gaussian over the tissue alone (divided by the same smoothing of the tissue itself, so
    its edge does not fade), then goes into five principal components of the logarithms. They, and the groups, are
    fitted to at most 20,000 pixels, drawn at random, and every pixel is assigned, some at a time. Pieces smaller
    than a disc of twice the smoothing (at least 10 pixels) take the label of the nearest larger piece, unless they
    stand alone.

    Parameters
    ----------
    features : ndarray of shape (n, rows, cols), float32
        Images of strong peaks, normalised; NaN where not measured.
    tissue_mask : ndarray of shape (rows, cols), bool
    n_regions : a number, or ``auto`` = as ``propose_number`` says, up to 8
    spacing_um : (y, x)
    smoothing_um : standard deviation of the Gaussian; 0 = none
    seed : of the sample and of every start

    Returns
    -------
    TissueRegions
        Without markers; each label has its number as its name.

    Raises
    ------
    TissueError
        There is no tissue.
    """
    if not tissue_mask.any():
        raise TissueError("expected tissue to divide into regions, found none; find the tissue first")
    sigma = tuple(smoothing_um / step for step in spacing_um)
    smooth = _smoothed(features, tissue_mask, sigma, share_of(on_progress, 0.0, 0.5))
    scores = _scores(smooth, seed)
    if scores is None:
        return _regions(tissue_mask.astype(np.int32), "all pixels have the same spectrum")
    thinned = _thinned(tissue_mask, sigma)[tissue_mask]
    share = share_of(on_progress, 0.5, 0.8)
    proposal = propose_number(scores[thinned], seed, on_progress=share) if n_regions == "auto" else None
    n = min(proposal.n if proposal is not None else int(n_regions), len(scores))
    on_progress(0.8, "assigning pixels to regions")
    labels = np.zeros(tissue_mask.shape, dtype=np.int32)
    labels[tissue_mask] = 1 + _groups(scores, method, n, seed)
    labels = _by_area(_without_islands(labels, _least_pixels(sigma)))
    return _regions(labels, _how(method, scores.shape[1], n, int(labels.max()), proposal))


def _how(method: Method, n_components: int, n_asked: int, n: int, proposal: Proposal | None) -> str:
    if proposal is not None and proposal.n == 1:
        return proposal.reason
    fewer = "" if n == n_asked else f", {n_asked - n} of {n_asked} groups held no piece large enough"
    why = "" if proposal is None else f"; {proposal.reason}"
    return f"{METHOD_WORDS[method]} of {n_components} components{fewer}{why}"


def _regions(labels: NDArray[np.int32], note: str) -> TissueRegions:
    n = int(labels.max())
    words = "1 region, the whole tissue" if n == 1 else f"{n} regions"
    return TissueRegions(labels, {label: str(label) for label in range(1, n + 1)}, f"{words}: {note}", no_markers())


def _smoothed(
    features: NDArray[np.float32], mask: NDArray[np.bool_], sigma: tuple[float, ...], on_progress: Progress
) -> NDArray[np.float32]:
    """Return the tissue's pixels of each image that has any intensity there, smoothed, shape (n, n_pixels)."""
    blur: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    blur = lambda image: ndimage.gaussian_filter(image, sigma, mode="constant")[mask]  # noqa: E731
    whole = blur(mask.astype(np.float64))
    found: list[NDArray[np.float32]] = []
    for i, image in enumerate(features):
        on_progress(i / len(features), "smoothing ion images")
        known = mask & np.isfinite(image)
        if not (image[known] > 0).any():
            continue
        # A negative intensity, left by a subtracted baseline, says nothing.
        total = blur(np.where(known, np.maximum(image, 0), 0.0).astype(np.float64))
        weight = whole if known.sum() == mask.sum() else blur(known.astype(np.float64))
        found.append((total / np.maximum(weight, 1e-12)).astype(np.float32))
    return np.array(found, dtype=np.float32).reshape(len(found), int(mask.sum()))


def _scores(values: NDArray[np.float32], seed: int) -> NDArray[np.float64] | None:
    """Return the components of every pixel, shape (n_pixels, n_components); None where all pixels are alike."""
    n_features, n_pixels = values.shape
    if n_features == 0 or n_pixels == 1:
        return None
    components = Components.of(values[:, _sample(n_pixels, seed)].astype(np.float64))
    chunks = (values[:, first : first + CHUNK_PIXELS] for first in range(0, n_pixels, CHUNK_PIXELS))
    scores = np.concatenate([components.scores(chunk.astype(np.float64)) for chunk in chunks])
    return None if np.ptp(scores) < 1e-6 else scores


def _sample(n_pixels: int, seed: int) -> NDArray[np.intp]:
    if n_pixels <= FIT_PIXELS:
        return np.arange(n_pixels)
    return np.sort(np.random.default_rng([seed, 1]).choice(n_pixels, FIT_PIXELS, replace=False))


def _thinned(mask: NDArray[np.bool_], sigma: tuple[float, ...]) -> NDArray[np.bool_]:
    """Return pixels of a mask on a lattice so wide that smoothing hardly ties them to each other."""
    steps = [max(1, int(np.ceil(INDEPENDENT * s))) for s in sigma]
    lattice = np.zeros_like(mask)
    lattice[steps[0] // 2 :: steps[0], steps[1] // 2 :: steps[1]] = True
    return mask & lattice


def _groups(scores: NDArray[np.float64], method: Method, n: int, seed: int) -> NDArray[np.int32]:
    """Return the group of every pixel, from 0, shape (n_pixels,)."""
    if n == 1:
        return np.zeros(len(scores), dtype=np.int32)
    model = (fit_kmeans if method == "kmeans" else fit_mixture)(scores[_sample(len(scores), seed)], n, seed)
    chunks = (scores[first : first + CHUNK_PIXELS] for first in range(0, len(scores), CHUNK_PIXELS))
    return np.concatenate([model.predict(chunk) for chunk in chunks]).astype(np.int32)


def _least_pixels(sigma: tuple[float, ...]) -> int:
    return max(MIN_PIECE_PIXELS, round(np.pi * ISLAND**2 * sigma[0] * sigma[1]))


def _without_islands(labels: NDArray[np.int32], least_pixels: int) -> NDArray[np.int32]:
    """Give pieces of fewer pixels the label of the nearest larger piece; a part of the tissue without one stays."""
    kept = np.zeros(labels.shape, dtype=bool)
    for label in np.unique(labels[labels > 0]):
        piece, _ = ndimage.label(labels == label, _EIGHT)
        kept |= (np.bincount(piece.ravel()) >= least_pixels)[piece] & (labels == label)
    part, _ = ndimage.label(labels > 0, _EIGHT)
    islands = (labels > 0) & ~kept & np.isin(part, np.unique(part[kept]))
    if not islands.any():
        return labels
    row, col = ndimage.distance_transform_edt(~kept, return_distances=False, return_indices=True)
    return np.asarray(np.where(islands, labels[row, col], labels))


def _by_area(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Number the labels from 1 by their pixels, the largest first; of two alike, the one that was first."""
    counts = np.bincount(labels.ravel())
    counts[0] = 0
    order = [label for label in np.argsort(-counts, kind="stable") if counts[label]]
    number = np.zeros(counts.size, dtype=np.int32)
    number[order] = np.arange(1, len(order) + 1)
    return np.asarray(number[labels])
