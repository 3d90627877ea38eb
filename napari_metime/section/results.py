"""What was found: the map of niches, the tables, and all of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_metime.section.cells import Alignment, CellTable
from napari_metime.section.imaging import ChannelSet, Dataset, LeftOut, Tissue


@dataclass(frozen=True, slots=True, eq=False)
class NicheMap:
    """Where it is cold, on the grid.

    Parameters
    ----------
    domain : ndarray of shape (rows, cols), bool: where the question is asked
    assessable : ndarray of shape (rows, cols), bool: where enough effectors are expected to answer it
    coldness : ndarray of shape (rows, cols), float32: -log2((x + 0.5) / (n K / N + 0.5)); NaN where not assessable
    expected : ndarray of shape (rows, cols), float32: expected effectors in the window, NaN outside the domain
    labels : ndarray of shape (rows, cols), int32: 0, or the niche's number
    p_region : ndarray of shape (n_niches,), family-wise p of niche 1, 2, ...
    radius_um : radius of the window; NaN without a map
    note : one sentence for the user
    """

    domain: NDArray[np.bool_]
    assessable: NDArray[np.bool_]
    coldness: NDArray[np.float32]
    expected: NDArray[np.float32]
    labels: NDArray[np.int32]
    p_region: NDArray[np.float64]
    radius_um: float
    note: str
    warnings: tuple[str, ...] = ()

    @property
    def n_niches(self) -> int:
        """Number of niches called."""
        return int(self.p_region.size)


@dataclass(frozen=True, slots=True, eq=False)
class NicheResult:
    """The niches and every table that describes them (columns: see the design's contract).

    Parameters
    ----------
    regions, associations, gradients, cells : the rows of the tables of the same name
    left_out : where nothing can be said; no pixel has two reasons
    """

    map: NicheMap
    regions: pd.DataFrame
    associations: pd.DataFrame
    gradients: pd.DataFrame
    cells: pd.DataFrame
    warnings: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    @property
    def valid(self) -> NDArray[np.bool_]:
        """Pixels of which something can be said, shape (rows, cols)."""
        nowhere = np.zeros(self.map.domain.shape, dtype=bool)
        return ~np.asarray(np.logical_or.reduce([nowhere, *(part.mask for part in self.left_out)]), dtype=bool)


@dataclass(frozen=True, slots=True, eq=False)
class RefinedFrom:
    """What became of refining the alignment by the images.

    Parameters
    ----------
    rough : the alignment before
    accepted : whether the refined one was taken; otherwise the rough one was kept
    note : what was done, or why not, in one sentence
    before_bits, after_bits : mutual information of the two images before and after; NaN where nothing was compared
    p_chance : how likely an image of other tissue fits as well; NaN where it was not asked
    moved_um : the farthest that a place of the tissue was moved, or would have been
    """

    rough: Alignment
    accepted: bool
    note: str
    before_bits: float = float("nan")
    after_bits: float = float("nan")
    p_chance: float = float("nan")
    moved_um: float = float("nan")


@dataclass(frozen=True, slots=True, eq=False)
class SectionResult:
    """Everything that one run found.

    Parameters
    ----------
    source_unit : the unit that the cell table came in
    microscopy_note : what the microscopy was recognised as; empty without one
    refined_from : what became of refining the alignment; None where that was not asked
    """

    dataset: Dataset
    tissue: Tissue
    channels: ChannelSet
    cells: CellTable
    alignment: Alignment
    niches: NicheResult
    source_unit: Literal["px", "um"] = "um"
    microscopy_note: str = ""
    refined_from: RefinedFrom | None = None
    started: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Every warning of every step, once each, in order."""
        parts = (self.dataset, self.channels, self.cells, self.niches.map, self.niches)
        return tuple(dict.fromkeys(text for part in parts for text in part.warnings))
