"""What of a spectrum can be seen: a screen shows one stick a column, however many points there are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Sticks:
    """A spectrum as it is drawn.

    Parameters
    ----------
    mz, intensity : ndarray of shape (n,), float64; m/z ascending
    """

    mz: NDArray[np.float64]
    intensity: NDArray[np.float64]

    @classmethod
    def of(cls, mz: NDArray[np.float64], intensity: NDArray[np.float64]) -> Sticks:
        """Take points in any order; those that are no numbers cannot be drawn."""
        known = np.isfinite(mz) & np.isfinite(intensity)
        if not known.all():
            mz, intensity = mz[known], intensity[known]
        if np.any(np.diff(mz) < 0):
            order = np.argsort(mz, kind="stable")
            mz, intensity = mz[order], intensity[order]
        return cls(mz, intensity)

    def between(self, low: float, high: float) -> Sticks:
        """Return the sticks with m/z in [low, high]."""
        start, stop = np.searchsorted(self.mz, [low, np.nextafter(high, np.inf)])
        return Sticks(self.mz[start:stop], self.intensity[start:stop])

    def strongest(self, low: float, high: float, n_columns: int) -> Sticks:
        """Return the strongest stick of each of ``n_columns`` columns between two m/z."""
        seen = self.between(low, high)
        if seen.mz.size <= n_columns or not high > low:
            return seen
        column = ((seen.mz - low) * (n_columns / (high - low))).astype(np.int64)
        first = np.flatnonzero(np.diff(column, prepend=-1))
        highest = np.maximum.reduceat(seen.intensity, first)
        where = np.flatnonzero(seen.intensity == np.repeat(highest, np.diff(first, append=column.size)))
        kept = where[np.flatnonzero(np.diff(column[where], prepend=-1))]
        return Sticks(seen.mz[kept], seen.intensity[kept])

    def heights(self, mz: NDArray[np.float64], reach_ppm: float) -> NDArray[np.float64]:
        """Return the highest intensity beside each of some m/z; 0 where there is none."""
        low, high = mz * (1 - reach_ppm * 1e-6), mz * (1 + reach_ppm * 1e-6)
        ends = np.column_stack([np.searchsorted(self.mz, low), np.searchsorted(self.mz, high, side="right")])
        found = np.maximum.reduceat(np.append(self.intensity, 0.0), ends.ravel())[::2] if mz.size else np.empty(0)
        return np.where(ends[:, 1] > ends[:, 0], found, 0.0)

    def lines(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return x and y of the sticks as pairs of points, foot and head."""
        heads = np.zeros(2 * self.mz.size)
        heads[1::2] = self.intensity
        return np.repeat(self.mz, 2), heads
