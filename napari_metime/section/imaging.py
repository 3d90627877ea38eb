"""The measured section: grid, spectra, tissue, channels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_metime.errors import ImzMLError, TissueError
from napari_metime.section.regions import TissueRegions

Progress = Callable[[float, str], None]
"""Called with the done fraction (0 to 1) and a short text; cancel by raising ``Cancelled``."""


def no_progress(fraction: float, text: str) -> None:
    """Report nothing: the default where nobody watches."""


def share_of(on_progress: Progress, low: float, high: float) -> Progress:
    """Return a progress of its own for a part of the work, which is told on as ``low`` to ``high`` of the whole."""
    return lambda done, text: on_progress(low + (high - low) * done, text)


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
class LeftOut:
    """Pixels of which nothing can be said, and why. They are not available in anything that is found: never cold.

    Parameters
    ----------
    reason : what holds for them, as ``without a spectrum``
    mask : ndarray of shape (rows, cols), bool
    n_cells : cells that lie there, which count nowhere
    """

    reason: str
    mask: NDArray[np.bool_]
    n_cells: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Tissue:
    """On-tissue pixels, and how they were found.

    Parameters
    ----------
    mask : ndarray of shape (rows, cols), bool
    method : the recipe's word, or ``painted`` after a person changed it
    note : one sentence for the user
    left_out : what a person took out of it; none of its pixels is in ``mask``
    regions : its partition by the spectra; None where that was not asked
    """

    mask: NDArray[np.bool_]
    method: str
    note: str
    left_out: tuple[LeftOut, ...] = ()
    regions: TissueRegions | None = None

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
    unit : of an image that came with one
    """

    name: str
    kind: Literal["ion", "ratio", "axis", "image"]
    image: NDArray[np.float32]
    unit: str = ""

    @property
    def is_logarithmic(self) -> bool:
        """Whether differences of means, not log ratios, compare regions."""
        return self.kind in ("ratio", "axis")


@dataclass(frozen=True, slots=True, eq=False)
class IonPool:
    """Ions of the file that stand for any other: what axis scores are compared with.

    Parameters
    ----------
    mz : ndarray of shape (n_ions,), float64
    z : ndarray of shape (n_ions, rows, cols), float16: robust z over the tissue; NaN off it and where not measured
    coverage : ndarray of shape (n_ions,): share of the tissue pixels with the ion
    mean_intensity : ndarray of shape (n_ions,): over the tissue
    tolerance_ppm : half width of their m/z windows
    """

    mz: NDArray[np.float64]
    z: NDArray[np.float16]
    coverage: NDArray[np.float64]
    mean_intensity: NDArray[np.float64]
    tolerance_ppm: float


@dataclass(frozen=True, slots=True, eq=False)
class ChannelSet:
    """The channels of a section and what became of each panel member.

    Parameters
    ----------
    channels : the measured channels, in table order, then ratios and axis scores
    table : the rows of channels.csv
    tic : ndarray of shape (rows, cols), float32: total ion current per pixel, not normalised
    ratios, axes : a row per ratio and axis of the panel: whether it could be measured, of which members, why not
    pool : other ions of the file, where there is an axis score to compare with them
    """

    channels: tuple[Channel, ...]
    table: pd.DataFrame
    tic: NDArray[np.float32]
    warnings: tuple[str, ...] = ()
    ratios: pd.DataFrame = field(default_factory=pd.DataFrame)
    axes: pd.DataFrame = field(default_factory=pd.DataFrame)
    pool: IonPool | None = None
