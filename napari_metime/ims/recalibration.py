"""The m/z shift against lock masses, file by file or grid row by grid row, and its correction.

As in the recalibration of La Rocca et al. (Anal Chem 2021, doi 10.1021/acs.analchem.0c05071) and Inglese
et al. (BMC Bioinformatics 2022, doi 10.1186/s12859-022-04671-5) the shift is where the density of the
deviations of all lock masses together is highest, so that a strong neighbour of one of them does not
pull. Unlike there, one shift in ppm holds for all m/z of a row, and no point of the file is rewritten.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d, gaussian_filter1d, median_filter, uniform_filter1d

from napari_metime.errors import ImzMLError
from napari_metime.ims.lock_masses import N_BINS, measure_deviations, mz_scale, point_spacing_ppm
from napari_metime.section import Dataset, Progress, no_progress

MAX_LOCK_MASSES = 200
MAX_TOLERANCE_PPM = 10_000.0
KERNEL_SHARE = 0.1
"""S.d. of the density's kernel over the half width: it bridges the points of a coarse profile. Our default."""
MAX_SPACING_SHARE = 0.25
"""Points of a profile farther apart than this share of the half width are too few to make a peak of."""
NEAR_SHARE = 0.2
"""What lies this near to the common shift, over the half width, belongs to a lock mass; our default."""
MIN_SHARE = 0.4
"""A lock mass has this share of its window near the common shift: twice what evenly spread points have."""
MIN_COVERAGE = 0.01
"""Share of the spectra that show something in the window of a lock mass; our default."""
TELL_CHANCE, MAX_CHANCE = 0.01, 0.5
"""An agreement more probable by chance than the first is told; than the second, of less than half, refused."""
SMOOTH_ROWS = 5
NEIGHBOURS = (1.0, 1.0, 0.0, 1.0, 1.0)
POLISH_STEPS = 10
DRIFT_SHARE = 0.05
"""A drift over the rows larger than this share of the half width is told; our default."""


@dataclass(frozen=True, slots=True, eq=False)
class Recalibration:
    """The shift of each grid row, and what it does to the lock masses.

    Parameters
    ----------
    lock_mz : ndarray of shape (k,), float64: true m/z
    shift_ppm : ndarray of shape (rows,), float64: the file's m/z over the true one, minus 1; one value throughout
        for ``by="file"``
    residual_before_ppm, residual_after_ppm : ndarray of shape (k,), float64: median over the rows of the distance
        from the true m/z to where the lock mass lies; NaN where it was not found
    by : ``file`` or ``row``
    note : one sentence for the user
    """

    lock_mz: NDArray[np.float64]
    shift_ppm: NDArray[np.float64]
    residual_before_ppm: NDArray[np.float64]
    residual_after_ppm: NDArray[np.float64]
    by: Literal["file", "row"]
    note: str
    warnings: tuple[str, ...] = ()

    @property
    def n_found(self) -> int:
        """Number of lock masses found."""
        return int(np.isfinite(self.residual_before_ppm).sum())


def estimate_shift(
    dataset: Dataset,
    lock_mz: NDArray[np.float64],
    *,
    by: Literal["file", "row"],
    tolerance_ppm: float = 30.0,
    on_progress: Progress = no_progress,
) -> Recalibration:
    """Estimate by how many ppm the m/z of a file are too high.

    Per row and lock mass the density of the deviations, weighted by intensity, is taken from a histogram.
    The lock masses' densities together give the common shift; each lock mass's own maximum near it its
    deviation. Median polish splits the deviations into a shift per row and an offset per lock mass. How
    probable the agreement is by chance is told where it is not small. A recalibrated dataset is taken as
    it is: what is left is estimated.

    Parameters
    ----------
    lock_mz : ndarray of shape (k,)
    by : {"file", "row"}
        One shift for the file (the median over its rows), or one per grid row, smoothed over five rows;
        rows without any lock mass take their neighbours'.
    tolerance_ppm : float
        Half width of the search; peaks nearer to each other than a quarter of it are not told apart.

    Raises
    ------
    ImzMLError
        No lock mass was found, or no more than by chance, or the arguments are out of their ranges.
    """
    lock_mz = np.asarray(lock_mz, dtype=np.float64).ravel()
    _check(lock_mz, tolerance_ppm)
    histogram, seen, rows_per_band = measure_deviations(dataset, lock_mz, tolerance_ppm, on_progress)
    spacing_ppm = point_spacing_ppm(dataset, lock_mz)
    density = _densities(histogram, spacing_ppm / (2 * tolerance_ppm / N_BINS))
    together = np.einsum("bkd,bk->bd", density, seen)
    present = seen.sum(axis=0) >= max(1.0, MIN_COVERAGE * dataset.n_spectra)
    present &= spacing_ppm <= MAX_SPACING_SHARE * tolerance_ppm
    found = present & (_shares(histogram, seen, together, tolerance_ppm) >= MIN_SHARE)
    deviation = np.full(seen.shape, np.nan)
    if found.any():
        near = _near(_common_shift(together), tolerance_ppm)
        deviation[:, found] = _maxima(density[:, found], near, tolerance_ppm)
    found = np.isfinite(deviation).any(axis=0)
    chance = _chance(int(found.sum()), int(present.sum()))
    if not found.any() or (chance > MAX_CHANCE and 2 * found.sum() < lock_mz.size):
        raise _none_found(lock_mz, tolerance_ppm, spacing_ppm)
    shift = _row_effects(deviation)
    by_row = _smooth(shift)
    used = by_row if by == "row" else np.full(by_row.shape, np.median(shift[np.isfinite(shift)]))
    before, after = _residuals(deviation, used)
    told = _tell_lock_masses(lock_mz, found, int(present.sum()), chance)
    told += _tell_rows(dataset, shift, by, rows_per_band, DRIFT_SHARE * tolerance_ppm)
    if np.median(after[found]) >= np.median(before[found]):
        told.append("The correction does not bring the lock masses nearer to their m/z.")
    shift_ppm = np.repeat(used, rows_per_band)[: dataset.grid.shape[0]]
    return Recalibration(lock_mz, shift_ppm, before, after, by, _note(used, before[found], after[found]), tuple(told))


def recalibrate(dataset: Dataset, recalibration: Recalibration) -> Dataset:
    """Move every m/z window of a dataset by the shift of its row; the file stays as it is.

    Raises
    ------
    ImzMLError
        The recalibration is of another grid.
    """
    rows = dataset.grid.shape[0]
    if recalibration.shift_ppm.shape != (rows,):
        raise ImzMLError(
            f"expected the shift of {rows} rows, found {recalibration.shift_ppm.size}; estimate it on this dataset"
        )
    scale = mz_scale(dataset) * (1 + recalibration.shift_ppm[dataset.row] * 1e-6)
    return replace(dataset, mz_scale=scale)


def _check(lock_mz: NDArray[np.float64], tolerance_ppm: float) -> None:
    if not 1 <= lock_mz.size <= MAX_LOCK_MASSES:
        raise ImzMLError(f"expected from 1 to {MAX_LOCK_MASSES} lock masses, found {lock_mz.size}; change the list")
    if not (np.isfinite(lock_mz) & (lock_mz > 0)).all():
        raise ImzMLError(f"expected lock masses above 0, found {lock_mz.min():g}; change the list")
    if not 0 < tolerance_ppm <= MAX_TOLERANCE_PPM:
        raise ImzMLError(
            f"expected a search half width above 0 and up to {MAX_TOLERANCE_PPM:g} ppm, found {tolerance_ppm:g}; "
            "change it"
        )


def _none_found(lock_mz: NDArray[np.float64], tolerance_ppm: float, spacing_ppm: NDArray[np.float64]) -> ImzMLError:
    narrowest = spacing_ppm.min()
    if narrowest > MAX_SPACING_SHARE * tolerance_ppm:
        return ImzMLError(
            f"expected a point at least every {MAX_SPACING_SHARE * tolerance_ppm:g} ppm to find a shift of up to "
            f"{tolerance_ppm:g} ppm, found one every {narrowest:.0f} ppm; leave the m/z of this file as they are"
        )
    return ImzMLError(
        f"expected lock masses within {tolerance_ppm:g} ppm of m/z {_list(lock_mz)}, found none that stands out at "
        "a common shift more than by chance; list ions that this file shows in ims.lock_mz"
    )


def _bin_centres(tolerance_ppm: float) -> NDArray[np.float64]:
    return ((np.arange(N_BINS) + 0.5) / N_BINS * 2 - 1) * tolerance_ppm


def _densities(histogram: NDArray[np.float64], spacing_bins: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smooth by a Gaussian, and on a profile by the distance of its points: the maximum must not cling to a point."""
    density = gaussian_filter1d(histogram, KERNEL_SHARE * N_BINS / 2, axis=-1, mode="constant")
    for k, spacing in enumerate(spacing_bins.tolist()):
        width = 2 * int(spacing / 2) + 1  # odd, or it would shift by half a bin
        if 1 < width < N_BINS:
            density[:, k] = np.maximum(uniform_filter1d(density[:, k], width, axis=-1, mode="constant"), 0.0)
    return np.asarray(density)


def _common_shift(together: NDArray[np.float64]) -> NDArray[np.intp]:
    """Bin in which most lock masses of a band and its neighbours lie, shape (bands,)."""
    smooth = convolve1d(together, np.ones(SMOOTH_ROWS), axis=0, mode="nearest")
    filled = _filled(np.where(smooth.any(axis=1), smooth.argmax(axis=1), np.nan))
    return np.asarray(median_filter(filled, SMOOTH_ROWS, mode="nearest")).astype(np.intp)


def _near(shift: NDArray[np.intp], tolerance_ppm: float) -> NDArray[np.bool_]:
    """Bins near a shift, shape (bands, N_BINS)."""
    centre = _bin_centres(tolerance_ppm)
    return np.asarray(np.abs(centre - centre[shift][:, None]) <= NEAR_SHARE * tolerance_ppm)


def _shares(
    histogram: NDArray[np.float64], seen: NDArray[np.float64], together: NDArray[np.float64], tolerance_ppm: float
) -> NDArray[np.float64]:
    """Share of each window near where the neighbouring bands have theirs, mean over the bands by ``seen``, shape (k,).

    A band says nothing about itself (unless it is the only one): noise would always agree with itself.
    """
    others = convolve1d(together, NEIGHBOURS, axis=0, mode="constant") if len(together) > 1 else together
    known = np.asarray(others.any(axis=1))
    near = _near(others[known].argmax(axis=1), tolerance_ppm)
    share = np.einsum("bkd,bd->bk", histogram[known], near)
    return np.asarray((share * seen[known]).sum(axis=0) / np.maximum(seen[known].sum(axis=0), 1))


def _chance(n_found: int, n_present: int) -> float:
    """How probable it is that as many of ``n_present`` peaks lie together somewhere, were they evenly spread."""
    tail = sum(
        math.comb(n_present, i) * NEAR_SHARE**i * (1 - NEAR_SHARE) ** (n_present - i)
        for i in range(n_found, n_present + 1)
    )
    return min(1.0, tail / NEAR_SHARE)


def _maxima(density: NDArray[np.float64], near: NDArray[np.bool_], tolerance_ppm: float) -> NDArray[np.float64]:
    """Where each density has its maximum near the common shift, by a parabola through its logarithm.

    Returns
    -------
    ndarray of shape (bands, k), ppm; NaN where it is empty or only slopes towards a peak beyond
    """
    top = np.where(near[:, None, :], density, 0.0).argmax(axis=2)
    inside = np.clip(top, 1, N_BINS - 2)
    left, middle, right = (np.take_along_axis(density, (inside + d)[..., None], 2)[..., 0] for d in (-1, 0, 1))
    is_peak = (left > 0) & (right > 0) & (middle >= left) & (middle >= right) & (left + right < 2 * middle)
    a, b, c = (np.log(np.where(is_peak, part, 1.0)) for part in (left, middle, right))
    bend = np.where(is_peak, a - 2 * b + c, -1.0)
    place = (
        _bin_centres(tolerance_ppm)[inside] + np.where(bend < 0, (a - c) / (2 * bend), 0.0) * 2 * tolerance_ppm / N_BINS
    )
    return np.where(is_peak, place, np.nan)


def _row_effects(deviation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shift of each band by median polish (Tukey 1977): a lock mass that is off everywhere counts in every band alike.

    Returns
    -------
    ndarray of shape (bands,), NaN without any lock mass
    """
    shift, offset = np.full(deviation.shape[0], np.nan), np.zeros(deviation.shape[1])
    rows, locks = np.isfinite(deviation).any(axis=1), np.isfinite(deviation).any(axis=0)
    for _ in range(POLISH_STEPS):
        shift[rows] = np.nanmedian((deviation - offset)[rows], axis=1)
        offset[locks] = np.nanmedian((deviation - shift[:, None])[:, locks], axis=0)
        offset[locks] -= np.median(offset[locks])
    return shift


def _filled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fill what is missing from its neighbours, linearly."""
    known = np.flatnonzero(np.isfinite(values))
    return np.interp(np.arange(values.size), known, values[known])


def _smooth(shift: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median, then mean of five bands; a straight drift keeps its ends."""
    padded = np.pad(_filled(shift), SMOOTH_ROWS, mode="reflect", reflect_type="odd")
    smooth = uniform_filter1d(median_filter(padded, SMOOTH_ROWS), SMOOTH_ROWS)
    return np.asarray(smooth[SMOOTH_ROWS:-SMOOTH_ROWS])


def _residuals(
    deviation: NDArray[np.float64], shift: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Median over the bands of the distance from the true m/z, before and after; NaN without any; shape (k,)."""
    before, after = (np.full(deviation.shape[1], np.nan) for _ in range(2))
    known = np.isfinite(deviation).any(axis=0)
    before[known] = np.nanmedian(np.abs(deviation[:, known]), axis=0)
    after[known] = np.nanmedian(np.abs(deviation - shift[:, None])[:, known], axis=0)
    return before, after


def _note(shift: NDArray[np.float64], before: NDArray[np.float64], after: NDArray[np.float64]) -> str:
    extent = f"{shift[0]:.2f} ppm" if np.ptp(shift) == 0 else f"{shift.min():.2f} to {shift.max():.2f} ppm"
    return (
        f"The m/z are shifted by {extent} ({before.size} lock masses); they lie {np.median(before):.2f} ppm off "
        f"before and {np.median(after):.2f} ppm after."
    )


def _tell_lock_masses(
    lock_mz: NDArray[np.float64], found: NDArray[np.bool_], n_present: int, chance: float
) -> list[str]:
    told = []
    if not found.all():
        named = _list(lock_mz[~found])
        told.append(f"{(~found).sum()} of {found.size} lock masses do not stand out and are not used: m/z {named}.")
    if chance > TELL_CHANCE:
        told.append(
            f"{found.sum()} of {n_present} lock masses with a signal agree on the shift; by chance as many would "
            f"in {100 * chance:.0f} % of such lists. Give more lock masses."
        )
    return told


def _tell_rows(
    dataset: Dataset, shift: NDArray[np.float64], by: str, rows_per_band: int, drift_ppm: float
) -> list[str]:
    told = []
    low, high = np.nanpercentile(shift, [5, 95])
    without = ~np.isfinite(shift)[dataset.row // rows_per_band]
    if by == "row" and without.any():
        n_rows = np.unique(dataset.row[without]).size
        told.append(f"{n_rows} rows show no lock mass and take the shift of their neighbours.")
    if by == "file" and high - low > drift_ppm:
        told.append(f"The shift changes by {high - low:.1f} ppm over the rows; one shift a row would follow it.")
    if by == "row" and rows_per_band > 1:
        told.append(f"{rows_per_band} rows at a time share a shift: there are many rows and lock masses.")
    return told


def _list(lock_mz: NDArray[np.float64]) -> str:
    return ", ".join(f"{m:.4f}" for m in lock_mz[:5]) + (", ..." if lock_mz.size > 5 else "")
