"""The nouns: frozen values that every step takes and returns.

One frame for everything: the section frame, in µm, axes (row = y, column = x), origin at the
centre of grid pixel (0, 0). Images are arrays of shape (rows, cols).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_metime.errors import CellTableError, ImzMLError, TissueError

Progress = Callable[[float, str], None]
"""Called with the done fraction (0 to 1) and a short text; cancel by raising ``Cancelled``."""

Role = Literal["effector", "suppressor", "tumor", "other"]
ROLES: tuple[Role, ...] = ("effector", "suppressor", "tumor", "other")


def no_progress(fraction: float, text: str) -> None:
    """Report nothing: the default where nobody watches."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The pixel grid: bounding box of the coordinates that have a spectrum.

    Parameters
    ----------
    shape : (rows, cols)
    origin : (y, x) of grid pixel (0, 0) in the file's own coordinates
    pixel_size_um : (y, x) in µm, or None where the file does not say
    """

    shape: tuple[int, int]
    origin: tuple[int, int]
    pixel_size_um: tuple[float, float] | None

    def __post_init__(self) -> None:
        if min(self.shape) < 1:
            raise ImzMLError(f"expected a grid of at least 1 x 1 pixel, found {self.shape}")
        size = self.pixel_size_um
        if size is not None and not all(np.isfinite(s) and s > 0 for s in size):
            raise ImzMLError(f"pixel size must be positive and finite, found {size} µm; set ims.pixel_size_um")

    @property
    def spacing_um(self) -> tuple[float, float]:
        """Pixel size (y, x) in µm; raises ImzMLError where it is unknown."""
        if self.pixel_size_um is None:
            raise ImzMLError("expected a pixel size in the imzML, found none; set ims.pixel_size_um in the recipe (µm)")
        return self.pixel_size_um

    @property
    def pixel_area_um2(self) -> float:
        """Area of one pixel in µm²."""
        height, width = self.spacing_um
        return height * width

    def pixel_of(self, x_um: NDArray[np.float64], y_um: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return the flat index of the pixel that holds each point, -1 outside the grid.

        Parameters
        ----------
        x_um, y_um : ndarray of shape (n,), µm in the section frame
        """
        height, width = self.spacing_um
        row = np.floor(np.asarray(y_um) / height + 0.5)
        col = np.floor(np.asarray(x_um) / width + 0.5)
        inside = (row >= 0) & (row < self.shape[0]) & (col >= 0) & (col < self.shape[1])
        flat = np.full(row.shape, -1, dtype=np.intp)
        flat[inside] = (row[inside] * self.shape[1] + col[inside]).astype(np.intp)
        return flat


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """An opened imzML: its grid, where its spectra lie, its metadata and what is wrong with it.

    Parameters
    ----------
    row, col : ndarray of shape (n_spectra,), int32; grid pixel of each spectrum
    mz_offset, mz_length, intensity_offset, intensity_length : ndarray of shape (n_spectra,), int64
        Byte offsets and element counts in the .ibd; both lengths are the same.
    ascending : ndarray of shape (n_spectra,), bool; whether the m/z of the spectrum ascend (equal ones may follow
        each other, NaN may not)
    mz_range : (low, high) over the whole file
    n_points : number of (m/z, intensity) pairs in the file
    ibd_stamp : size (bytes) and time (ns) of the .ibd when it was opened
    mz_encoded, intensity_encoded : ndarray of shape (n_spectra,), int64: bytes of each zlib array; None = none is
    mz_scale : ndarray of shape (n_spectra,), float64: recalibration, the file's m/z over the true one; None = 1
    part : name of the part of the file that was taken, empty for all of it
    stage_offset_um : (y, x) in µm where the stage stood for this file, or None where the file does not say
    """

    path: Path
    ibd_path: Path
    grid: Grid
    mode: Literal["continuous", "processed"]
    spectrum_type: Literal["centroid", "profile", "unknown"]
    polarity: Literal["positive", "negative", "mixed", "unknown"]
    uuid: str
    mz_range: tuple[float, float]
    n_points: int
    row: NDArray[np.int32]
    col: NDArray[np.int32]
    mz_offset: NDArray[np.int64]
    mz_length: NDArray[np.int64]
    intensity_offset: NDArray[np.int64]
    intensity_length: NDArray[np.int64]
    ascending: NDArray[np.bool_]
    mz_dtype: np.dtype[np.generic]
    intensity_dtype: np.dtype[np.generic]
    ibd_stamp: tuple[int, int]
    mz_encoded: NDArray[np.int64] | None = None
    intensity_encoded: NDArray[np.int64] | None = None
    mz_scale: NDArray[np.float64] | None = None
    part: str = ""
    stage_offset_um: tuple[float, float] | None = None
    warnings: tuple[str, ...] = ()

    @property
    def n_spectra(self) -> int:
        """Number of spectra."""
        return int(self.row.size)

    @property
    def pixel(self) -> NDArray[np.intp]:
        """Flat grid index of each spectrum, shape (n_spectra,)."""
        return self.row.astype(np.intp) * self.grid.shape[1] + self.col

    def place(self, spectrum: int) -> str:
        """Name the pixel of a spectrum in the file's own coordinates."""
        top, left = self.grid.origin
        return f"pixel x={self.col[spectrum] + left}, y={self.row[spectrum] + top}"

    @property
    def measured(self) -> NDArray[np.bool_]:
        """Where a spectrum was taken, shape (rows, cols)."""
        mask = np.zeros(self.grid.shape, dtype=bool)
        mask[self.row, self.col] = True
        return mask


@dataclass(frozen=True, slots=True, eq=False)
class Tissue:
    """On-tissue pixels, and how they were found.

    Parameters
    ----------
    mask : ndarray of shape (rows, cols), bool
    method : the recipe's word, or ``painted`` after a person changed it
    note : one sentence for the user
    """

    mask: NDArray[np.bool_]
    method: str
    note: str

    def __post_init__(self) -> None:
        if self.mask.dtype != bool or self.mask.ndim != 2:
            raise TissueError(f"a tissue mask must be a 2-D bool image, found {self.mask.ndim}-D {self.mask.dtype}")
        if not self.mask.any():
            raise TissueError("expected tissue pixels, found none in the mask; paint the tissue or set tissue.method")


@dataclass(frozen=True, slots=True, eq=False)
class Channel:
    """An image on the grid that carries a metabolite or marker.

    Parameters
    ----------
    image : ndarray of shape (rows, cols), float32; NaN where not measured
    kind : ``ratio`` and ``axis`` are logarithms or z-scores already
    """

    name: str
    kind: Literal["ion", "ratio", "axis", "image"]
    image: NDArray[np.float32]

    @property
    def is_logarithmic(self) -> bool:
        """Whether differences of means, not log ratios, compare regions."""
        return self.kind in ("ratio", "axis")


@dataclass(frozen=True, slots=True, eq=False)
class ChannelSet:
    """The channels of a section and what became of each panel member.

    Parameters
    ----------
    channels : the measured channels, in table order
    table : the rows of channels.csv
    tic : ndarray of shape (rows, cols), float32: total ion current per pixel, not normalised
    """

    channels: tuple[Channel, ...]
    table: pd.DataFrame
    tic: NDArray[np.float32]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class CellTable:
    """One row per cell.

    Parameters
    ----------
    cell_id : ndarray of shape (n,), str
    x, y : ndarray of shape (n,), float64, in ``unit``
    type : ndarray of shape (n,), str as given
    role : ndarray of shape (n,), one of ROLES
    unit : ``px`` or ``um``
    """

    cell_id: NDArray[np.object_]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    type: NDArray[np.object_]
    role: NDArray[np.object_]
    unit: Literal["px", "um"]
    note: str = ""
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.x.size == 0:
            raise CellTableError("expected at least one cell, found an empty cell table")
        if len({a.size for a in (self.cell_id, self.x, self.y, self.type, self.role)}) != 1:
            raise CellTableError("cell columns must have one length")
        if not (np.isfinite(self.x).all() and np.isfinite(self.y).all()):
            raise CellTableError("cell positions must be finite")

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return int(self.x.size)

    def has_role(self, role: Role) -> NDArray[np.bool_]:
        """Which cells count as ``role``, shape (n,)."""
        return np.asarray(self.role == role, dtype=bool)


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """The transform from the cell table's own unit to section µm, and its error.

    Parameters
    ----------
    matrix : ndarray of shape (3, 3) on (x, y, 1)
    kind : rigid, similarity, affine, matrix or none
    n_landmarks : 0 where no landmarks were used
    rmse_um : root mean square residual of the landmarks, NaN without landmarks
    target_error_um : root mean square leave-one-out error, NaN where it cannot be had
    residual_um : ndarray of shape (n_landmarks,)
    landmarks : ndarray of shape (n_landmarks, 4): source_x, source_y, target_x_um, target_y_um
    """

    matrix: NDArray[np.float64]
    kind: Literal["rigid", "similarity", "affine", "matrix", "none"]
    n_landmarks: int = 0
    rmse_um: float = float("nan")
    target_error_um: float = float("nan")
    residual_um: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    landmarks: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 4)))

    def to_section(
        self, x: NDArray[np.float64], y: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Map source (x, y) to section (x_um, y_um)."""
        return _apply(self.matrix, x, y)

    def to_source(
        self, x_um: NDArray[np.float64], y_um: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Map section (x_um, y_um) back to source (x, y)."""
        return _apply(np.linalg.inv(self.matrix).astype(np.float64), x_um, y_um)


def _apply(
    matrix: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    # Written out, not matrix-multiplied: BLAS may round differently from run to run of another size.
    (a, b, c), (d, e, f) = matrix[:2]
    return a * x + b * y + c, d * x + e * y + f


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
    """

    map: NicheMap
    regions: pd.DataFrame
    associations: pd.DataFrame
    gradients: pd.DataFrame
    cells: pd.DataFrame
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class SectionResult:
    """Everything that one run found; ``source_unit`` is the unit that the cell table came in."""

    dataset: Dataset
    tissue: Tissue
    channels: ChannelSet
    cells: CellTable
    alignment: Alignment
    niches: NicheResult
    source_unit: Literal["px", "um"] = "um"
    started: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Every warning of every step, once each, in order."""
        parts = (self.dataset, self.channels, self.cells, self.niches.map, self.niches)
        return tuple(dict.fromkeys(text for part in parts for text in part.warnings))
