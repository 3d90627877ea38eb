"""How alike neighbouring pixels are, and so how many independent values two maps hold together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage, stats

WORKERS = 2
MIN_KEPT = 0.05
"""Least share of the independent values that is taken to be left. Our default."""
MIN_SHARED = 0.05
"""Share of its variance that a map must have in common with the next pixel to be more than noise. Our default."""


def self_products(image: NDArray[np.float64], rows: NDArray[np.intp], cols: NDArray[np.intp]) -> NDArray[np.float64]:
    """Sum the products of an image with itself over all ordered pairs of pixels that lie a shift apart.

    Parameters
    ----------
    image : ndarray of shape (rows, cols); 0 where nothing is to count
    rows, cols : shifts in pixels, each from -n to n in any order

    Returns
    -------
    ndarray of shape (rows.size, cols.size)
    """
    padded = [fft.next_fast_len(n + int(by.max()), real=True) for n, by in zip(image.shape, (rows, cols), strict=True)]
    spectrum = fft.rfft2(image, padded, workers=WORKERS)
    return np.asarray(fft.irfft2(np.abs(spectrum) ** 2, padded, workers=WORKERS)[np.ix_(rows, cols)])


@dataclass(frozen=True, slots=True, eq=False)
class Lags:
    """Every shift of a mask over itself, at once by Fourier transform.

    Parameters
    ----------
    box : (rows, cols) of the grid that hold the mask
    mask : ndarray of shape (rows, cols), bool: the mask in its box
    spacing_um : (y, x)
    padded : (rows, cols) of the transforms: what lies beyond the box is empty, and no wanted shift wraps around
    spectrum : ndarray, complex128: transform of the mask
    n_pairs : ndarray of shape ``padded``, float64: pixels that lie in the mask before and after the shift
    distance : ndarray of shape ``padded``, intp: class of the length of the shift, one pixel wide; ``n_classes`` =
        longer than half of the box
    n_classes : number of classes
    """

    box: tuple[slice, slice]
    mask: NDArray[np.bool_]
    spacing_um: tuple[float, float]
    padded: tuple[int, int]
    spectrum: NDArray[np.complex128]
    n_pairs: NDArray[np.float64]
    distance: NDArray[np.intp]
    n_classes: int

    @classmethod
    def of_mask(cls, mask: NDArray[np.bool_], spacing_um: tuple[float, float], *, min_share: float) -> Lags:
        """Lay out the shifts up to half of the box, and all that leave ``min_share`` of the mask on itself.

        Parameters
        ----------
        mask : ndarray of shape (rows, cols) of the grid, bool, with at least one pixel
        """
        rows, cols = ndimage.find_objects(mask.astype(np.int8))[0]
        inner = mask[rows, cols]
        whole = [fft.next_fast_len(2 * n, real=True) for n in inner.shape]
        pairs = np.rint(fft.irfft2(np.abs(fft.rfft2(inner.astype(np.float64), whole, workers=WORKERS)) ** 2, whole))
        often = pairs >= min_share * inner.sum()
        sides = [n * s for n, s in zip(inner.shape, spacing_um, strict=True)]
        half = min(sides) / 2
        padded = []
        for axis, n in enumerate(inner.shape):
            shifts = np.abs(_shifts(whole[axis]))
            reach = max(int(shifts[often.any(axis=1 - axis)].max()), int(half / spacing_um[axis]))
            padded.append(fft.next_fast_len(n + min(reach, n - 1), real=True))
        spectrum = fft.rfft2(inner.astype(np.float64), padded, workers=WORKERS)
        lengths = np.hypot(*np.ix_(*(_shifts(n) * s for n, s in zip(padded, spacing_um, strict=True))))
        step = max(spacing_um)
        n_classes = int(half / step) + 1
        return cls(
            (rows, cols), inner, spacing_um, (padded[0], padded[1]), spectrum,
            np.rint(fft.irfft2(np.abs(spectrum) ** 2, padded)),
            np.minimum(np.rint(lengths / step).astype(np.intp), n_classes), n_classes,
        )  # fmt: skip

    @property
    def n_pixels(self) -> int:
        """Pixels of the mask."""
        return int(self.mask.sum())

    def standardised(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Put values of the mask's pixels, shape (n, n_pixels), into the box: mean 0, variance 1, and 0 outside."""
        values = values - values.mean(axis=1, keepdims=True)
        spread = np.sqrt((values**2).mean(axis=1, keepdims=True))
        images = np.zeros((values.shape[0], *self.mask.shape))
        images[:, self.mask] = values / np.where(spread > 0, spread, 1.0)
        return images

    def transform(self, images: NDArray[np.float64]) -> NDArray[np.complex128]:
        """Return the Fourier transforms of images of the box, shape (n, rows, cols), 0 outside the mask."""
        return np.asarray(fft.rfft2(images, self.padded, workers=WORKERS))

    def sums(self, spectrum: NDArray[np.complex128]) -> NDArray[np.float64]:
        """Return sums of products at every shift, shape (n, *padded), of a product of transforms."""
        return np.asarray(fft.irfft2(spectrum, self.padded, workers=WORKERS))

    def by_distance(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """Add up over the shifts of each class of length, shape (n, n_classes)."""
        where, length = self.distance.ravel(), self.n_classes + 1
        added = [np.bincount(where, weights=image.ravel(), minlength=length)[:-1] for image in sums]
        return np.asarray(added, dtype=np.float64).reshape(len(added), self.n_classes)

    def autocovariance(self, spectrum: NDArray[np.complex128]) -> NDArray[np.float64]:
        """Return mean products of standardised values by distance, shape (n, n_classes)."""
        pairs = self.by_distance(self.n_pairs[None])
        return self.by_distance(self.sums(np.abs(spectrum) ** 2)) / np.maximum(pairs, 1.0)

    def lost(self, basis: NDArray[np.float64], covariance: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what taking a basis from two maps takes from the variance of their products, by class of distance.

        With B the projection on the basis and S the covariances, tr(Sx Sy) - tr((1 - B) Sx (1 - B) Sy) =
        tr((2 B Sx - B Sx B) Sy) (of the exact variance in Dutilleul 1993, Biometrics 49:305). Sy depends on distance
        alone, so the matrix before it is summed over each class of distances.

        Parameters
        ----------
        basis : ndarray of shape (n_pixels, k), orthonormal
        covariance : ndarray of shape (n_classes,): autocovariance of the first map

        Returns
        -------
        ndarray of shape (n_classes,)
        """
        images = np.zeros((basis.shape[1], *self.mask.shape))
        images[:, self.mask] = basis.T
        columns = self.transform(images)
        kernel = self.transform_kernel(np.append(positive_part(covariance[None])[0], 0.0)[self.distance])
        smoothed = self.sums(kernel * columns)[:, : self.mask.shape[0], : self.mask.shape[1]] * self.mask
        twice = 2 * self.transform(smoothed)
        within = np.tensordot(smoothed, images, axes=([1, 2], [1, 2]))
        products = (np.conj(twice - np.tensordot(within, columns, axes=(1, 0))) * columns).sum(axis=0)
        return np.asarray(self.by_distance(self.sums(products[None]))[0])

    def transform_kernel(self, kernel: NDArray[np.float64]) -> NDArray[np.complex128]:
        """Return the transform of a kernel laid out as the shifts are, shape ``padded``."""
        return np.asarray(fft.rfft2(kernel, workers=WORKERS))

    def kept(
        self, of_x: NDArray[np.float64], of_y: NDArray[np.float64], lost: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the share of the independent values that is left after ``lost``, shape (n,)."""
        x, y = positive_part(of_x), positive_part(of_y)
        pairs = self.by_distance(self.n_pairs[None])
        whole = (pairs * x * y).sum(axis=1)
        return np.asarray(np.clip(1 - (lost * y).sum(axis=1) / np.maximum(whole, 1e-300), MIN_KEPT, 1.0))

    def effective_size(self, of_x: NDArray[np.float64], of_y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how many independent pairs of values give a correlation of the same spread, shape (n,).

        ess = 1 + 1 / var(r), var(r) = sum_k N_k Cx(k) Cy(k) / (N² Cx(0) Cy(0)) over the ordered pairs N_k of each class
        of distances k (Clifford, Richardson & Hemon 1989, Biometrics 45:123). At most N, which white noise has.

        Parameters
        ----------
        of_x, of_y : ndarray of shape (n or 1, n_classes): autocovariances
        """
        pairs = self.by_distance(self.n_pairs[None])
        variance = (pairs * of_x * of_y).sum(axis=1) / (self.n_pixels**2 * of_x[:, 0] * of_y[:, 0])
        return np.asarray(1 + 1 / np.maximum(variance, 1 / max(self.n_pixels - 1, 1)))

    def range_um(self, covariance: NDArray[np.float64], *, level: float = np.exp(-1.0)) -> NDArray[np.float64]:
        """Return the distance at which correlation has fallen to ``level``, shape (n,); half of the box at most.

        Of what the next pixel shares: what differs in every pixel (ion noise) is no part of it. 0 where that is less
        than a twentieth.

        Parameters
        ----------
        covariance : ndarray of shape (n, n_classes)
        """
        step = max(self.spacing_um)
        ranges = np.full(covariance.shape[0], (self.n_classes - 1) * step)
        for i, values in enumerate(covariance):
            if self.n_classes < 2 or values[1] <= MIN_SHARED * values[0]:
                ranges[i] = 0.0
                continue
            shared = values / values[1]
            below = np.flatnonzero(shared[1:] < level)
            if below.size:
                k = int(below[0]) + 1
                ranges[i] = (k - (level - shared[k]) / (shared[k - 1] - shared[k])) * step
        return ranges


def positive_part(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return autocovariances, shape (n, n_classes), up to the first distance at which nothing is shared; then 0."""
    ended = np.logical_or.accumulate(covariance <= 0, axis=1)
    return np.where(ended, 0.0, covariance)


def modified_t_p(r: NDArray[np.float64], ess: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the two-sided p of correlations between autocorrelated maps.

    t = r sqrt((ess - 2) / (1 - r²)) on ess - 2 degrees of freedom (Dutilleul 1993, Biometrics 49:305); 1 where ess is
    at most 2.

    Parameters
    ----------
    r, ess : ndarray of shape (n,)
    """
    freedom = np.maximum(ess - 2, 1e-9)
    t = np.abs(r) * np.sqrt(freedom / np.maximum(1 - r**2, 1e-300))
    return np.where(ess > 2, 2 * stats.t.sf(t, freedom), 1.0)


def _shifts(n: int) -> NDArray[np.float64]:
    """Return the signed shift of each place of a transform of length n."""
    return np.asarray(np.rint(fft.fftfreq(n, 1 / n)))
