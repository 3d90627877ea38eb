"""Pairs of one place on the section and on the cells, as a person sets them one by one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Pair = tuple[float, float, float, float]
"""source_x, source_y in the cell table's own unit; target_x_um, target_y_um in section µm."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """The pairs so far, and a place on the section (x, y) in µm that waits for its other half."""

    placed: tuple[Pair, ...] = ()
    waiting: tuple[float, float] | None = None

    @classmethod
    def of(cls, landmarks: NDArray[np.float64]) -> Pairs:
        """Take landmarks of shape (n, 4) as they come from a file."""
        return cls(tuple((a, b, c, d) for a, b, c, d in landmarks.tolist()))

    @property
    def landmarks(self) -> NDArray[np.float64]:
        """The whole pairs, shape (n, 4)."""
        return np.array(self.placed, dtype=np.float64).reshape(-1, 4)

    def on_section(self, x_um: float, y_um: float) -> Pairs:
        """Set the first half of a pair; one that already waits moves there."""
        return replace(self, waiting=(float(x_um), float(y_um)))

    def on_cells(self, x: float, y: float) -> Pairs:
        """Set the second half. Nothing changes where none waits, or where a pair has this very place of the cells."""
        if self.waiting is None or any(pair[:2] == (x, y) for pair in self.placed):
            return self
        return Pairs((*self.placed, (float(x), float(y), *self.waiting)))

    def without(self, index: int) -> Pairs:
        """Leave one pair out."""
        return replace(self, placed=self.placed[:index] + self.placed[index + 1 :])

    def replaced(self, placed: tuple[Pair, ...]) -> Pairs:
        """Take other pairs in place of all."""
        return self if placed == self.placed else Pairs(placed)

    def without_half(self) -> Pairs:
        """Take the half that waits back."""
        return replace(self, waiting=None)
