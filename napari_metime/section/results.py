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

DESCRIPTIVE_COLUMNS = (
    "suppressed", "n_effector", "density_effector_per_mm2", "expected_effector", "rate_ratio", "density_ratio",
    "p_region", "p_region_labelling", "log2_suppressor_effector", "area_core_um2", "membership_mean", "stability",
    "called_share", "nn_distance_effector_um", "ring_to_core", "q_suppressed",
)  # fmt: skip
"""Columns of regions.csv that a region was chosen by, or that follow: they describe it and must not be tested again."""


@dataclass(frozen=True, slots=True)
class NicheNull:
    """What effectors do in this section where no niche is: what a niche was tested against.

    Parameters
    ----------
    depth_slope_per_mm : change of the logarithm of the effector rate per mm deeper into the domain; 0 = none
    clumping_sd, clumping_scale_um : of the Gaussian field whose exponential the effectors' rate follows; 0 = none
    dispersion : how many times the variance of random labels that clumping gives the effectors of a large region
    """

    depth_slope_per_mm: float = 0.0
    clumping_sd: float = 0.0
    clumping_scale_um: float = 0.0
    dispersion: float = 1.0


def _per_niche() -> NDArray[np.float64]:
    return np.empty(0)


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
    p_local, q_local : ndarray of shape (rows, cols), float32: lower tail of the window, and its Benjamini-Hochberg q;
        NaN where not assessable
    membership : ndarray of shape (rows, cols), float32: probability that a pixel belongs to a cold region; NaN outside
        the domain
    p_labelling : ndarray of shape (n_niches,), family-wise p by plain random labelling
    rate_low, rate_high : ndarray of shape (n_niches,), 95 % limits of the rate ratio, allowing for the region's choice
    stability : ndarray of shape (n_niches,), least overlap (Dice) with the searches by windows of R / 1.5 and 1.5 R
    called_share : ndarray of shape (n_niches,), share of the redrawn sections in which the niche is called; NaN where
        nothing was redrawn
    p_smallest : least family-wise p of any cluster, whether or not it is large and cold enough for a niche
    null : what the niches were tested against
    lymphoid : ndarray of shape (rows, cols), int32: lymphoid structures, 0 outside; or None where not looked for
    hot_labels : ndarray of shape (rows, cols), int32: inflamed regions; or None where not asked
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
    p_local: NDArray[np.float32] | None = None
    q_local: NDArray[np.float32] | None = None
    membership: NDArray[np.float32] | None = None
    p_labelling: NDArray[np.float64] = field(default_factory=_per_niche)
    rate_low: NDArray[np.float64] = field(default_factory=_per_niche)
    rate_high: NDArray[np.float64] = field(default_factory=_per_niche)
    stability: NDArray[np.float64] = field(default_factory=_per_niche)
    called_share: NDArray[np.float64] = field(default_factory=_per_niche)
    p_smallest: float = float("nan")
    null: NicheNull | None = None
    lymphoid: NDArray[np.int32] | None = None
    hot_labels: NDArray[np.int32] | None = None

    def __post_init__(self) -> None:
        for name in ("p_labelling", "rate_low", "rate_high", "stability", "called_share"):
            if getattr(self, name).size != self.p_region.size:  # not asked: unknown of every niche
                object.__setattr__(self, name, np.full(self.p_region.size, np.nan))

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
    summary : one row, the whole section
    margin : as ``gradients``, in bands of distance from the domain's border
    inflamed : a row per inflamed region; written only where ``map.hot_labels`` was asked for
    axes, ratios : a row per axis or ratio and region; one row of its own where it could not be measured
    hypotheses : a row per hypothesis of the review, region and condition
    left_out : where nothing can be said; no pixel has two reasons
    """

    map: NicheMap
    regions: pd.DataFrame
    associations: pd.DataFrame
    gradients: pd.DataFrame
    cells: pd.DataFrame
    warnings: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    summary: pd.DataFrame = field(default_factory=pd.DataFrame)
    margin: pd.DataFrame = field(default_factory=pd.DataFrame)
    inflamed: pd.DataFrame = field(default_factory=pd.DataFrame)
    axes: pd.DataFrame = field(default_factory=pd.DataFrame)
    ratios: pd.DataFrame = field(default_factory=pd.DataFrame)
    hypotheses: pd.DataFrame = field(default_factory=pd.DataFrame)

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
