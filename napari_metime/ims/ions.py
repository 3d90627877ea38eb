"""Ion images: summed intensity inside m/z windows, many windows in one pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numba
import numpy as np
from numpy.typing import NDArray

from napari_metime.errors import ImzMLError
from napari_metime.ims.spectra import iterate_chunks
from napari_metime.section import Dataset, Progress, no_progress

Normalization = Literal["none", "tic", "rms", "median"]
N_FEATURES = 50
MAX_TOLERANCE = 1_000_000
FEATURE_WIDTH = 0.5
"""Width of the m/z bins of ``feature_images``; wide enough for any calibration error."""


@dataclass(frozen=True, slots=True, eq=False)
class IonImages:
    """Ion images and what was found in their windows.

    Parameters
    ----------
    images : ndarray of shape (n, rows, cols), float32; NaN where no spectrum was taken
    mean_mz : ndarray of shape (n,), intensity-weighted m/z of the window's points on the reference, NaN without any
    tic : ndarray of shape (rows, cols), float32; total ion current, not normalised, NaN where no spectrum
    """

    images: NDArray[np.float32]
    mean_mz: NDArray[np.float64]
    tic: NDArray[np.float32]


def extract_ions(
    dataset: Dataset,
    mz: NDArray[np.float64],
    *,
    tolerance_ppm: float | None = None,
    tolerance_da: float | None = None,
    normalize: Normalization = "none",
    reference_mask: NDArray[np.bool_] | None = None,
    on_progress: Progress = no_progress,
) -> IonImages:
    """Sum the file's own points with m/z in [mz - tolerance, mz + tolerance], both ends included.

    Bounds and sums are float64 in file order, cast to float32 once.

    Parameters
    ----------
    mz : ndarray of shape (n,)
    tolerance_ppm, tolerance_da : float
        Half width of the window; give one.
    normalize : {"none", "tic", "rms", "median"}
        Multiply each pixel by median(f) / f, f being its total ion current, root mean square or
        median intensity. f = 0 gives NaN; a pixel with a NaN intensity is left out of the median.
    reference_mask : ndarray of shape (rows, cols), bool, optional
        Pixels over which median(f) and the mean m/z are taken; default: all with a spectrum.

    Raises
    ------
    ImzMLError
        Not exactly one positive tolerance.
    """
    mz = np.asarray(mz, dtype=np.float64)
    half = _half_width(mz, tolerance_ppm, tolerance_da)
    measured = dataset.measured
    reference = measured if reference_mask is None else measured & reference_mask
    sums, mean_mz, factors = _sum_windows(dataset, mz - half, mz + half, normalize, reference, on_progress)
    scale = np.ones(sums.shape[1])
    if normalize != "none":
        f, inside = factors[normalize], reference[measured]
        known = f[inside & np.isfinite(f)]
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = np.where(f > 0, (np.median(known) if known.size else np.nan) / f, np.nan)
    images = np.full((mz.size, *measured.shape), np.nan, dtype=np.float32)
    tic = np.full(measured.shape, np.nan, dtype=np.float32)
    with np.errstate(over="ignore", invalid="ignore"):  # beyond float32 is inf, as it would be in the file
        for image, total in zip(images, sums, strict=True):
            image[measured] = total * scale  # float64 up to here, cast once
        tic[measured] = factors["tic"]
    return IonImages(images, mean_mz, tic)


def total_ion_image(dataset: Dataset, *, on_progress: Progress = no_progress) -> NDArray[np.float32]:
    """Total ion current per pixel, float32 of shape (rows, cols), NaN where no spectrum was taken."""
    return extract_ions(dataset, np.empty(0), tolerance_da=1.0, on_progress=on_progress).tic


def feature_images(dataset: Dataset, *, on_progress: Progress = no_progress) -> NDArray[np.float32]:
    """Images of the strongest m/z bins, for telling tissue from background.

    Returns
    -------
    ndarray of shape (n, rows, cols), float32
        The total ion current first, then up to 50 bins of 0.5 m/z with the largest summed intensity.
    """
    low, high = dataset.mz_range
    n_bins = int(np.clip(np.ceil((high - low) / FEATURE_WIDTH), 1, 100_000))
    totals = np.zeros(n_bins)
    for chunk in iterate_chunks(dataset):
        counts = (chunk.mz >= low) & (chunk.mz <= high) & np.isfinite(chunk.intensity)
        position = np.minimum(((chunk.mz[counts] - low) / FEATURE_WIDTH).astype(np.int64), n_bins - 1)
        totals += np.bincount(position, weights=chunk.intensity[counts], minlength=n_bins)
        on_progress(0.4 * (chunk.first + chunk.start.size - 1) / dataset.n_spectra, "finding the strongest peaks")
    strongest = np.sort(np.argsort(totals, kind="stable")[::-1][:N_FEATURES])
    centre = np.asarray(low + (strongest[totals[strongest] > 0] + 0.5) * FEATURE_WIDTH, dtype=np.float64)
    found = extract_ions(
        dataset, centre, tolerance_da=FEATURE_WIDTH / 2, on_progress=lambda d, t: on_progress(0.4 + 0.6 * d, t)
    )
    return np.concatenate([found.tic[None], found.images])


def _half_width(mz: NDArray[np.float64], ppm: float | None, da: float | None) -> NDArray[np.float64]:
    given = [t for t in (ppm, da) if t is not None]
    if len(given) != 1:
        raise ImzMLError(f"expected one m/z tolerance, found ppm={ppm} and Da={da}; give one of them")
    if not 0 < given[0] <= MAX_TOLERANCE:
        raise ImzMLError(
            f"expected an m/z tolerance above 0 and up to {MAX_TOLERANCE:,}, found {given[0]:g}; change it"
        )
    return mz * ppm * 1e-6 if ppm is not None else np.full(mz.shape, float(given[0]))


def _sum_windows(
    dataset: Dataset,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    normalize: Normalization,
    reference: NDArray[np.bool_],
    on_progress: Progress,
) -> tuple[NDArray[np.float64], NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    """Return the sums (n, n_measured), the mean m/z of each window on ``reference``, and what to normalise by.

    Measured pixels are in the order of the flat grid; those without a spectrum take no memory.
    """
    order = np.argsort(low, kind="stable")
    reach = np.maximum.accumulate(high[order]) if low.size else high
    measured_pixels, slot = np.unique(dataset.pixel, return_inverse=True)
    inside = reference.ravel()[measured_pixels]
    sums, moments = np.zeros((low.size, measured_pixels.size)), np.zeros((low.size, 2))
    stats = np.zeros((3, measured_pixels.size))
    for chunk in iterate_chunks(dataset):
        stop = chunk.first + chunk.start.size - 1
        where = slot[chunk.first : stop]
        _add_chunk(chunk.mz, chunk.intensity, chunk.start, where, order, low, high, reach, inside, sums, moments, stats)
        on_progress(stop / dataset.n_spectra, "reading spectra")
    tic, squares, counts = stats
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_mz = moments[:, 1] / moments[:, 0]
        rms = np.sqrt(squares / counts)
    factors = {"tic": tic, "rms": np.where(counts > 0, rms, 0.0)}
    if normalize == "median":
        factors["median"] = _medians(dataset, slot, measured_pixels.size)
    return sums, mean_mz, factors


def _medians(dataset: Dataset, slot: NDArray[np.intp], n_measured: int) -> NDArray[np.float64]:
    """Median intensity of each measured pixel over the points of all its spectra; 0 where it has none."""
    medians = np.zeros(n_measured)
    shared = np.bincount(slot)[slot] > 1
    several: dict[int, list[NDArray[np.float64]]] = {}
    for chunk in iterate_chunks(dataset):
        for i in range(chunk.start.size - 1):
            values = chunk.intensity[chunk.start[i] : chunk.start[i + 1]]
            place = int(slot[chunk.first + i])
            if shared[chunk.first + i]:
                several.setdefault(place, []).append(values)
            elif values.size:
                medians[place] = np.median(values)
    for place, parts in several.items():
        values = np.concatenate(parts)
        medians[place] = np.median(values) if values.size else 0.0
    return medians


@numba.njit(cache=True, nogil=True)
def _add_chunk(mz, intensity, start, slot, order, low, high, reach, inside, sums, moments, stats):  # type: ignore[no-untyped-def]
    """Add each point to every window that holds it; windows may overlap, m/z need not ascend."""
    n_windows = order.size
    for spectrum in range(start.size - 1):
        here = slot[spectrum]
        for point in range(start[spectrum], start[spectrum + 1]):
            value, place = intensity[point], mz[point]
            stats[0, here] += value
            stats[1, here] += value * value
            stats[2, here] += 1.0
            # First window that starts beyond the point; all that can hold it lie before.
            left, right = 0, n_windows
            while left < right:
                middle = (left + right) // 2
                if low[order[middle]] <= place:
                    left = middle + 1
                else:
                    right = middle
            candidate = left - 1
            while candidate >= 0 and reach[candidate] >= place:
                window = order[candidate]
                if high[window] >= place:
                    sums[window, here] += value
                    if inside[here]:
                        moments[window, 0] += value
                        moments[window, 1] += value * place
                candidate -= 1
