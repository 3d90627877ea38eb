"""What the steps make where it is more than the section's own nouns."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_metime.gui.state.chain import Step, Values, asks_for_region
from napari_metime.ims import PixelVectors, Recalibration
from napari_metime.masking import leave_out
from napari_metime.refining import Refined
from napari_metime.section import Alignment, CellTable, Dataset, RefinedFrom, Tissue, TissueRegions


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
    regions : of the tissue that is left

    Raises
    ------
    TissueError
        No tissue is left.
    """

    whole: Tissue
    left_out: NDArray[np.bool_]
    name: str
    regions: TissueRegions | None = None
    tissue: Tissue = field(init=False)

    def __post_init__(self) -> None:
        tissue = leave_out(self.whole, self.left_out, self.name) if self.left_out.any() else self.whole
        object.__setattr__(self, "tissue", replace(tissue, regions=self.regions))

    @classmethod
    def of(cls, tissue: Tissue, measured: NDArray[np.bool_], name: str) -> Outlined:
        """Take a finished tissue apart; what lies below that which is left out, nobody knows: tissue."""
        nowhere = np.zeros_like(tissue.mask)
        left_out = np.logical_or.reduce([nowhere, *(part.mask for part in tissue.left_out)])
        whole = replace(tissue, mask=tissue.mask | (left_out & measured), left_out=(), regions=None)
        return cls(whole, left_out, name, tissue.regions)


@dataclass(frozen=True, slots=True, eq=False)
class Ticket:
    """One start of a step: what it was started on, and when (UTC, ISO 8601)."""

    step: Step
    settings: tuple[Any, ...]
    inputs: tuple[object, ...]
    started: str
    begin_s: float


def _new_name() -> str:
    return uuid.uuid4().hex


@dataclass(frozen=True, slots=True, eq=False)
class Done:
    """A result with what it was made of.

    Parameters
    ----------
    seconds : None where nothing was computed
    name : of ``value``, under which a project keeps it; no other one ever has it
    changed : an input file of it that is another one by now; empty where none is
    """

    value: Any
    ticket: Ticket
    seconds: float | None = None
    name: str = field(default_factory=_new_name)
    changed: str = ""


def is_as_before(value: Any, former: Any, values: Values) -> bool:
    """Whether what was made of a former result may count as made of this one.

    So it is where a refinement was refused or a refused one was dropped, and the cells lie where they lay; and where
    the same tissue was divided otherwise, unless niches are looked for in a region of it.

    Parameters
    ----------
    values : the unfinished recipe
    """
    if isinstance(value, Aligned) and isinstance(former, Aligned):
        return (value.is_refused or former.is_refused) and value.places_as(former)
    if isinstance(value, Tissue) and isinstance(former, Tissue):
        is_divided = value.regions is not None or former.regions is not None
        same = value.method == former.method and np.array_equal(value.mask, former.mask)
        return is_divided and same and not asks_for_region(values)
    return False
