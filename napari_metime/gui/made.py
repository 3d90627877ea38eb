"""What the steps make where it is more than the section's own nouns."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_metime.ims import PixelVectors, Recalibration
from napari_metime.masking import leave_out
from napari_metime.refining import Refined
from napari_metime.section import Alignment, CellTable, Dataset, RefinedFrom, Tissue


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """The result of the first step.

    Parameters
    ----------
    tic : ndarray of shape (rows, cols), float32; NaN where no spectrum was taken
    parts : names of the connected sections on the grid
    recalibration : what the m/z were corrected by; None where they were not
    vectors : what each pixel can be normalised by; None where it was not measured on opening
    """

    dataset: Dataset
    tic: NDArray[np.float32]
    parts: tuple[str, ...] = ()
    recalibration: Recalibration | None = None
    vectors: PixelVectors | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Aligned:
    """The cells in the section frame (µm), how they came there, and what is doubtful about that.

    Parameters
    ----------
    refined : what became of refining the alignment by the images, with these; None where that was not asked here
    refined_from : what a run keeps of that
    """

    cells: CellTable
    alignment: Alignment
    source_unit: Literal["px", "um"]
    warnings: tuple[str, ...] = ()
    refined: Refined | None = None
    refined_from: RefinedFrom | None = None

    @property
    def is_refused(self) -> bool:
        """Whether a refinement was asked for and made nothing better."""
        return self.refined_from is not None and not self.refined_from.accepted

    def places_as(self, other: Aligned) -> bool:
        """Whether the cells lie where another alignment puts them, as surely."""
        same = (np.array_equal(a, b) for a, b in ((self.cells.x, other.cells.x), (self.cells.y, other.cells.y)))
        return all(same) and np.array_equal(self.alignment.error_um, other.alignment.error_um, equal_nan=True)

    @classmethod
    def of(cls, source: CellTable, cells: CellTable, alignment: Alignment) -> Aligned:
        """Put an alignment together; the warnings of the table as read stand with its own step."""
        told = tuple(text for text in cells.warnings if text not in source.warnings)
        return cls(cells, alignment, source.unit, told)


@dataclass(frozen=True, slots=True, eq=False)
class Outlined:
    """The tissue as it was found or painted, and what a person leaves out of it.

    Parameters
    ----------
    left_out : ndarray of shape (rows, cols), bool
    name : of the file that holds it, or will

    Raises
    ------
    TissueError
        No tissue is left.
    """

    whole: Tissue
    left_out: NDArray[np.bool_]
    name: str
    tissue: Tissue = field(init=False)

    def __post_init__(self) -> None:
        tissue = leave_out(self.whole, self.left_out, self.name) if self.left_out.any() else self.whole
        object.__setattr__(self, "tissue", tissue)

    @classmethod
    def of(cls, tissue: Tissue, measured: NDArray[np.bool_], name: str) -> Outlined:
        """Take a finished tissue apart; what lies below that which is left out, nobody knows: tissue."""
        nowhere = np.zeros_like(tissue.mask)
        left_out = np.logical_or.reduce([nowhere, *(part.mask for part in tissue.left_out)])
        return cls(replace(tissue, mask=tissue.mask | (left_out & measured), left_out=()), left_out, name)
