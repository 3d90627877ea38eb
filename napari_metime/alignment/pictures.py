"""Pictures that are laid over each other: where their pixels lie, and how much one tells about the other."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_metime.errors import AlignmentError

N_BINS = 16
"""Levels of each picture in a joint histogram. Our choice."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """An image in section µm.

    Parameters
    ----------
    image : ndarray of shape (rows, cols), float64; NaN where unknown
    spacing_um : (y, x), pixel size
    origin_um : (y, x), centre of pixel (0, 0)
    """

    image: NDArray[np.float64]
    spacing_um: tuple[float, float]
    origin_um: tuple[float, float] = (0.0, 0.0)

    @property
    def known(self) -> NDArray[np.bool_]:
        """Where there is a value, shape (rows, cols)."""
        return np.isfinite(self.image)

    def places(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return x_um and y_um of the centre of each pixel, both of shape (rows, cols)."""
        y, x = (o + s * np.arange(n) for o, s, n in zip(self.origin_um, self.spacing_um, self.image.shape, strict=True))
        x_um, y_um = np.meshgrid(x, y)
        return x_um, y_um

    def at(self, x_um: NDArray[np.float64], y_um: NDArray[np.float64]) -> NDArray[np.float64]:
        """Interpolate linearly; NaN outside and beside what is unknown."""
        row, col = (y_um - self.origin_um[0]) / self.spacing_um[0], (x_um - self.origin_um[1]) / self.spacing_um[1]
        return np.asarray(ndimage.map_coordinates(self.image, [row, col], order=1, mode="constant", cval=np.nan))

    def smoothed(self, sd_um: float) -> Picture:
        """Smooth by a Gaussian over what is known; what is unknown stays so."""
        sd = [sd_um / s for s in self.spacing_um]
        weight = ndimage.gaussian_filter(self.known.astype(np.float64), sd, mode="nearest")
        total = ndimage.gaussian_filter(np.where(self.known, self.image, 0.0), sd, mode="nearest")
        with np.errstate(invalid="ignore", divide="ignore"):
            return replace(self, image=np.where(self.known, total / weight, np.nan))

    def averaged(self, factor: int) -> Picture:
        """Average blocks of ``factor`` x ``factor`` pixels over what is known; the last ones may be cut."""
        if factor == 1:
            return self
        rows, cols = (-(-n // factor) * factor for n in self.image.shape)
        padded = np.full((rows, cols), np.nan)
        padded[: self.image.shape[0], : self.image.shape[1]] = self.image
        blocks = padded.reshape(rows // factor, factor, cols // factor, factor)
        n_known = np.isfinite(blocks).sum(axis=(1, 3))
        with np.errstate(invalid="ignore", divide="ignore"):
            image = np.where(n_known > 0, np.nansum(blocks, axis=(1, 3)) / n_known, np.nan)
        height, width = self.spacing_um
        origin_um = tuple(o + s * (factor - 1) / 2 for o, s in zip(self.origin_um, self.spacing_um, strict=True))
        return Picture(image, (height * factor, width * factor), (origin_um[0], origin_um[1]))


def mutual_information(
    one: NDArray[np.float64], other: NDArray[np.float64], region: NDArray[np.bool_], *, n_bins: int = N_BINS
) -> float:
    """Return how much two images tell about each other, in bits: I = sum p log2(p / (p_row p_col)).

    Both are cut into ``n_bins`` levels that are about equally frequent, so that no scale of theirs matters.

    Parameters
    ----------
    one, other : ndarray of one shape; what is NaN in either does not count
    region : ndarray of the same shape, bool: where to look
    """
    here = region & np.isfinite(one) & np.isfinite(other)
    if not here.any():
        return 0.0
    pair = levels(one[here], n_bins) * n_bins + levels(other[here], n_bins)
    joint = np.bincount(pair, minlength=n_bins * n_bins).reshape(n_bins, n_bins)
    return float(information_of(joint[None])[0])


def levels(values: NDArray[np.float64], n_bins: int) -> NDArray[np.intp]:
    """Return the level of each value, from 0 to ``n_bins`` - 1, by their quantiles; equal values share one."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, n_bins + 1)[1:-1]))
    return np.asarray(np.searchsorted(edges, values, side="left"), dtype=np.intp)


def information_of(joint: NDArray[np.generic]) -> NDArray[np.float64]:
    """Return the mutual information, in bits, of joint histograms of shape (n, rows, cols)."""
    p = joint / np.maximum(joint.sum(axis=(1, 2), keepdims=True), 1)
    independent = p.sum(axis=2, keepdims=True) * p.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        terms = np.where(p > 0, p * np.log2(p / independent), 0.0)
    return np.asarray(terms.sum(axis=(1, 2)), dtype=np.float64)


def checkerboard(fixed: NDArray[np.float64], moving: NDArray[np.float64], n_tiles: int = 8) -> NDArray[np.float64]:
    """Return tiles of one picture and of the other in turn, so that an edge shows where it does not go on.

    Parameters
    ----------
    fixed, moving : ndarray of shape (rows, cols); NaN where unknown
    n_tiles : tiles along the longer side

    Returns
    -------
    ndarray of shape (rows, cols), float64: each picture from 0 (its 1 % quantile) to 1 (its 99 % quantile)

    Raises
    ------
    AlignmentError
        The shapes differ, or there is no tile.
    """
    if fixed.shape != moving.shape or n_tiles < 1:
        raise AlignmentError(
            f"expected two pictures of one shape and at least one tile, found {fixed.shape}, {moving.shape}, {n_tiles}"
        )
    side = max(1, -(-max(fixed.shape) // n_tiles))
    row, col = np.indices(fixed.shape) // side
    return np.where((row + col) % 2 == 0, _from_0_to_1(fixed), _from_0_to_1(moving))


def _from_0_to_1(image: NDArray[np.float64]) -> NDArray[np.float64]:
    known = image[np.isfinite(image)]
    if not known.size:
        return np.full(image.shape, np.nan)
    low, high = np.quantile(known, [0.01, 0.99])
    return np.asarray(np.clip((image - low) / (high - low if high > low else 1.0), 0.0, 1.0), dtype=np.float64)
