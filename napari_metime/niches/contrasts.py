"""A niche against matched tissue: how its channels differ from tissue as deep and as tumour-rich, and how surely."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import fft, ndimage, sparse

from napari_metime.niches.associations import by_pixels
from napari_metime.niches.domain import tumor_fraction
from napari_metime.niches.regions import RegionInputs
from napari_metime.niches.residuals import normal_scores
from napari_metime.niches.spatial_error import Quantity
from napari_metime.section import Channel

N_BINS = 4
"""Classes of depth, and of tumour fraction, each of as many pixels. Our default."""
MIN_MATCHED = 5
"""Fewest pixels of other tissue in a class for it to be matched. Our default."""
MIN_INSIDE = 0.9
"""Share of a moved niche that must lie in the assessable domain. Our default."""
MIN_PLACEMENTS = 19
"""Fewest other places for a p: with fewer it cannot be 0.05."""
MIN_ROOM = 4.0
"""Fewest times that the niche's area must fit into the domain for a p: else the other places are mostly the niche
itself. Our default."""
MAX_PLACEMENTS = 999
MAX_GATHERED = 20_000_000
"""Pixels of all moved niches together."""
_TIE = 1e-9


def contrast_rows(inputs: RegionInputs) -> pd.DataFrame:
    """Return matched_log2fc_ and p_moved_ of each channel, and what they rest on: a row per niche, then two empty ones.

    matched_log2fc_X is log2 of the niche's mean over that of the tissue outside all niches, weighted to the same
    classes of depth and tumour fraction; for logarithmic channels the difference. p_moved_X compares the niche's mean
    normal score, its class's mean taken away, with that of the same shape elsewhere in the domain: shifted, turned and
    mirrored.

    n_moved: at how many other places, of the channel with most of them, so that no p_moved_ is below 1 / (1 + n_moved).
    own_matched_share: the share of the pixels of a niche's classes that are the niche itself, on average over its
    pixels. That much of a difference goes away with the mean of the class: where it is large, p_moved_ hardly can be
    small, whatever the difference.
    """
    n = inputs.niches.n_niches
    names = [f"{prefix}_{c.name}" for c in inputs.channels for prefix in ("matched_log2fc", "p_moved")]
    columns = {name: np.full(n + 2, np.nan) for name in ("n_moved", "own_matched_share", *names)}
    if n:
        classes = _classes(inputs)
        columns["own_matched_share"][:n] = [_own_share(classes, inputs.niches.labels == k + 1) for k in range(n)]
        for known, channels in by_pixels(inputs.area & (classes >= 0), inputs.channels):
            niches = [known & (inputs.niches.labels == k + 1) for k in range(n)]
            moved = [_placements(niche, known, inputs.grid.spacing_um) for niche in niches]
            columns["n_moved"][:n] = np.fmax(columns["n_moved"][:n], [places.shape[0] for places in moved])
            for channel in channels:
                columns[f"matched_log2fc_{channel.name}"][:n] = [
                    _matched_change(channel, niche, known, classes, inputs) for niche in niches
                ]
                left = _left_of_classes(channel, known, classes)
                columns[f"p_moved_{channel.name}"][:n] = [
                    _moved_p(left, niche[known], places) for niche, places in zip(niches, moved, strict=True)
                ]
    return pd.DataFrame(columns)


def _classes(inputs: RegionInputs) -> NDArray[np.intp]:
    """Class of depth and tumour fraction of each pixel, shape (rows, cols); -1 where unknown."""
    counts, domain = inputs.counts(), inputs.niches.domain
    fraction = tumor_fraction(domain, counts["cells"], counts["tumor"], inputs.grid.spacing_um)
    depth = np.where(np.isfinite(inputs.margin_um), -inputs.margin_um, 0.0)
    known = inputs.area & np.isfinite(fraction)
    classes = np.full(domain.shape, -1, dtype=np.intp)
    if known.any():
        classes[known] = _quantile_class(depth[known]) * N_BINS + _quantile_class(fraction[known])
    return classes


def _quantile_class(values: NDArray[np.float64]) -> NDArray[np.intp]:
    cuts = np.quantile(values, np.arange(1, N_BINS) / N_BINS)
    return np.asarray(np.searchsorted(cuts, values, side="right"), dtype=np.intp)


def _matched_change(
    channel: Channel,
    niche: NDArray[np.bool_],
    known: NDArray[np.bool_],
    classes: NDArray[np.intp],
    inputs: RegionInputs,
) -> float:
    """Return the change from matched tissue; pixels of the niche that nothing matches count on neither side."""
    rest = known & (inputs.niches.labels == 0)
    length = N_BINS**2
    of_niche, of_rest = (np.bincount(classes[where], minlength=length) for where in (niche, rest))
    total_niche, total_rest = (
        np.bincount(classes[where], weights=channel.image[where].astype(np.float64), minlength=length)
        for where in (niche, rest)
    )
    matched = (of_rest >= MIN_MATCHED) & (of_niche > 0)
    if not matched.any():
        return np.nan
    inside = float(total_niche[matched].sum() / of_niche[matched].sum())
    outside = float(np.average(total_rest[matched] / of_rest[matched], weights=of_niche[matched]))
    if Quantity.of_channel(channel).scale == "absolute":
        return inside - outside
    return float(np.log2(inside / outside)) if inside > 0 and outside > 0 else np.nan


def _own_share(classes: NDArray[np.intp], niche: NDArray[np.bool_]) -> float:
    """Return the share that a niche has of its own classes, averaged over its pixels; NaN where no class is known."""
    inside = classes[niche & (classes >= 0)]
    if not inside.size:
        return np.nan
    of_class = np.bincount(classes[classes >= 0])
    return float((np.bincount(inside, minlength=of_class.size) / np.maximum(of_class, 1))[inside].mean())


def _left_of_classes(
    channel: Channel, known: NDArray[np.bool_], classes: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return a channel's normal scores without the mean of each class, shape (n_known,)."""
    values, of_class = channel.image[known], classes[known]
    left = values.astype(np.float64) if channel.is_logarithmic else normal_scores(values)
    n = np.maximum(np.bincount(of_class), 1)
    return np.asarray(left - (np.bincount(of_class, weights=left) / n)[of_class])


def _moved_p(left: NDArray[np.float64], own: NDArray[np.bool_], moved: sparse.csr_array) -> float:
    """Two-sided p of a niche's mean against those of the same shape elsewhere; NaN with too few other places.

    The other places may overlap the niche, as shifts do: were they kept apart from it, the niche could lie on the top
    of a hill and they could not, and p would be too small (`docs/decisions.md`).

    Parameters
    ----------
    left : ndarray of shape (n_known,)
    own : ndarray of shape (n_known,), bool: the niche
    moved : weights of the pixels in the mean of each place, shape (n_places, n_known)
    """
    n = int(moved.shape[0])
    if n < MIN_PLACEMENTS or own.size < MIN_ROOM * own.sum():
        return np.nan
    there = np.abs(moved @ left)
    return (1 + int((there >= abs(float(left[own].mean())) - _TIE).sum())) / (1 + n)


def _placements(
    niche: NDArray[np.bool_], known: NDArray[np.bool_], spacing_um: tuple[float, float]
) -> sparse.csr_array:
    """Place the shape of a niche, turned and mirrored, wherever enough of it fits; evenly thinned where that is often.

    Returns
    -------
    csr_array of shape (n_places, n_known): a row averages over the known pixels that the shape covers there
    """
    n_known = int(known.sum())
    if not niche.any():
        return sparse.csr_array((0, n_known))
    rows, cols = ndimage.find_objects(niche.astype(np.int8))[0]
    shapes = _orientations(niche[rows, cols], square=spacing_um[0] == spacing_um[1])
    fits = [_corners_that_fit(shape, known) for shape in shapes]
    which = np.repeat(np.arange(len(shapes)), [len(f) for f in fits])
    corner = np.concatenate(fits)
    elsewhere = np.flatnonzero((which > 0) | (corner != (rows.start, cols.start)).any(axis=1))
    most = min(elsewhere.size, MAX_PLACEMENTS, max(MAX_GATHERED // int(niche.sum()), 1))
    number = np.full(known.shape, -1, dtype=np.intp)
    number[known] = np.arange(n_known)
    pixels = []
    for i in elsewhere[np.linspace(0, elsewhere.size - 1, most).astype(np.intp)]:
        y, x = (place + start for place, start in zip(np.nonzero(shapes[which[i]]), corner[i], strict=True))
        on_grid = (y >= 0) & (y < known.shape[0]) & (x >= 0) & (x < known.shape[1])
        pixel = number[y[on_grid], x[on_grid]]
        pixels.append(pixel[pixel >= 0])
    size = np.array([p.size for p in pixels], dtype=np.intp)
    covered = np.concatenate([np.empty(0, np.intp), *pixels])
    start = np.concatenate([[0], np.cumsum(size)])
    return sparse.csr_array((np.repeat(1 / size, size), covered, start), shape=(most, n_known))


def _orientations(shape: NDArray[np.bool_], *, square: bool) -> list[NDArray[np.bool_]]:
    """Return the shape as it is, then turned and mirrored, each once; quarter turns only where pixels are square."""
    turned = [np.rot90(shape, k) for k in range(0, 4, 1 if square else 2)]
    different: list[NDArray[np.bool_]] = []
    for each in (*turned, *(mirrored[:, ::-1] for mirrored in turned)):
        if not any(np.array_equal(each, other) for other in different):
            different.append(each)
    return different


def _corners_that_fit(shape: NDArray[np.bool_], known: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the (row, col) of the upper left corner wherever enough of a shape lies in the known pixels."""
    padded = [fft.next_fast_len(a + b, real=True) for a, b in zip(shape.shape, known.shape, strict=True)]
    of_shape, of_known = (fft.rfft2(image.astype(np.float64), padded) for image in (shape, known))
    inside = np.rint(fft.irfft2(np.conj(of_shape) * of_known, padded))
    corner = np.argwhere(inside >= MIN_INSIDE * shape.sum())
    wraps = corner >= np.array(known.shape)
    return np.asarray(np.where(wraps, corner - np.array(padded), corner), dtype=np.intp)
