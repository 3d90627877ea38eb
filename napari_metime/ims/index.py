"""The m/z-sorted index: an ion image is one slice of it, however large the file. To the bit what the file itself gives.

``build_index`` makes one, ``find_index`` opens the one that is there; ``extract_ions`` takes it.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from napari_metime.ims.blocks import file_stamp
from napari_metime.ims.index_build import build_index
from napari_metime.ims.index_format import (
    AXIS,
    BLOCK,
    CHECKS,
    FIRST_MZ,
    HEADER,
    INTENSITY,
    MATRIX,
    MZ,
    POSITION,
    SPECTRA,
    SPECTRUM,
    TILES,
    Header,
    as_words,
    cache_folder,
    digest,
    index_folder,
    is_channel_major,
    key_of,
    locations,
    map_column,
    noted_place,
    read_header,
)
from napari_metime.ims.index_query import Channels, Guard, Pixels, Points, Wanted, sum_channels, sum_points
from napari_metime.section import Dataset

__all__ = ["Index", "build_index", "find_index"]


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """An opened index, ready to sum m/z windows of the dataset that it was found for.

    Parameters
    ----------
    folder : where it lies
    dataset : whose pixels and recalibration the images are of; it may be a part of the file that was indexed
    table, guard, pixels : the columns, their checks, and where their spectra lie on the grid
    """

    folder: Path
    dataset: Dataset
    table: Points | Channels
    guard: Guard
    pixels: Pixels

    def serves(self, dataset: Dataset) -> bool:
        """Whether the images of the index are those of ``dataset``: it was found for it, or for one alike."""
        names = ("row", "col", "intensity_offset", "intensity_length", "mz_offset", "mz_scale")
        return dataset is self.dataset or (
            dataset.grid.shape == self.dataset.grid.shape
            and dataset.ibd_stamp == self.dataset.ibd_stamp
            and all(getattr(dataset, name) is getattr(self.dataset, name) for name in names)
        )

    def extract(
        self,
        low: NDArray[np.float64],
        high: NDArray[np.float64],
        factors: NDArray[np.float64] | None = None,
        inside: NDArray[np.bool_] | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]] | None:
        """Sum the points of each window [low, high], both ends included: float64 in file order, cast once.

        Parameters
        ----------
        low, high : ndarray of shape (n,), float64; true m/z
        factors : ndarray of shape (rows * cols,), float64, optional
            What the sums are multiplied by before they are cast.
        inside : ndarray of shape (rows * cols,), bool, optional
            Pixels that the moments are taken over; default: all.

        Returns
        -------
        images : ndarray of shape (n, rows * cols), float32; NaN where no spectrum was taken
        moments : ndarray of shape (n, 2), float64
            Summed intensity, and summed intensity times true m/z.

        None instead of both where the index is damaged: read the file itself; the next ``find_index`` finds none.
        """
        n_pixels = self.pixels.blank.size
        wanted = Wanted(
            low=low,
            high=high,
            factors=np.empty(0) if factors is None else factors,
            inside=np.ones(n_pixels, bool) if inside is None else inside,
            images=np.empty((low.size, n_pixels), np.float32),
            moments=np.zeros((low.size, 2)),
        )
        sum_windows = sum_points if isinstance(self.table, Points) else sum_channels
        if sum_windows(wanted, self.table, self.guard, self.pixels):
            return wanted.images, wanted.moments
        with contextlib.suppress(OSError):  # where it cannot be removed, every query finds the damage anew
            (self.folder / HEADER).unlink()
        return None


def find_index(dataset: Dataset, *, folder: Path | None = None) -> Index | None:
    """Open the index of a dataset; None where there is none, or it is of another file or damaged.

    An index of a whole file serves its parts and planes too.

    Parameters
    ----------
    folder : Path, optional
        Where to look; default: where it was last put by name, the user's cache, beside the .imzML.
    """
    try:
        status = dataset.ibd_path.stat()
    except OSError:
        return None  # reading the file itself says what is wrong with it
    if file_stamp(status) != dataset.ibd_stamp:
        return None
    key = key_of(dataset, status.st_ctime_ns)
    # An index in the cache was built because the one beside the data could not be replaced: it is the newer.
    named = noted_place(dataset) if folder is None else folder
    places = [] if named is None else [index_folder(dataset, named)]
    if folder is None:
        places += [cache_folder(dataset), index_folder(dataset, None)]
    for place in places:
        header = read_header(place)
        if header is not None and key.items() <= header.items():
            try:
                return _open(dataset, place, header)
            except (OSError, KeyError, TypeError, ValueError):
                continue  # a file of it is missing, cut or not as it was written: it counts as none
    return None


def _open(dataset: Dataset, folder: Path, header: Header) -> Index:
    n_blocks = int(header["n_blocks"])
    dtypes = {str(name): np.dtype(kind) for name, kind in header["columns"]}
    columns = {name: map_column(folder / name, dtype, n_blocks * BLOCK) for name, dtype in dtypes.items()}
    pixels = _pixels(dataset, _served(dataset, folder, header))
    table: Points | Channels
    if is_channel_major(dataset):
        table = _channels(folder, header, columns[MATRIX], pixels.pixel.size)
    else:
        table = _points(folder, header, columns, ascends=bool(dataset.ascending.all()))
    guard = Guard(
        words=as_words(list(columns.values())),
        checks=map_column(folder / CHECKS, np.dtype("<u8"), n_blocks),
        seen=np.zeros(n_blocks, bool),
    )
    return Index(folder, dataset, table, guard, pixels)


def _points(folder: Path, header: Header, columns: dict[str, NDArray[Any]], *, ascends: bool) -> Points:
    n_points, n_blocks = int(header["n_points"]), int(header["n_blocks"])
    if POSITION not in columns and not ascends:
        raise ValueError("expected the place of each point within its spectrum")
    if not 0 <= n_points <= n_blocks * BLOCK:
        raise ValueError(f"expected {n_blocks} blocks to hold {n_points} points")
    return Points(
        n_points=n_points,
        first_mz=_whole(folder / FIRST_MZ, np.dtype("<f8"), n_blocks, header["first_mz"]),
        mz=columns[MZ],
        intensity=columns[INTENSITY],
        spectrum=columns[SPECTRUM],
        position=columns.get(POSITION, np.empty(0, np.uint32)),
    )


def _channels(folder: Path, header: Header, matrix: NDArray[Any], n_spectra: int) -> Channels:
    axis = _whole(folder / AXIS, np.dtype("<f8"), int(header["n_channels"]), header["axis"])
    tiles = _whole(folder / TILES, np.dtype("<i8"), int(header["n_tiles"]) + 1, header["tiles"])
    if matrix.size < axis.size * n_spectra or tiles[0] != 0 or tiles[-1] != n_spectra or (np.diff(tiles) < 0).any():
        raise ValueError(f"expected tiles of {axis.size} channels and {n_spectra} spectra in all")
    known = np.flatnonzero(~np.isnan(axis))
    channel = known[np.argsort(axis[known], kind="stable")]
    return Channels(tiles, axis, channel.astype(np.int64), axis[channel], matrix)


def _whole(path: Path, dtype: np.dtype[Any], n_records: int, expected: str) -> NDArray[Any]:
    """Map a column that is checked as a whole, at once."""
    column = map_column(path, dtype, n_records)
    if digest(column) != expected:
        raise ValueError(f"expected {path.name} as it was written")
    return column


def _pixels(dataset: Dataset, served: NDArray[np.int64]) -> Pixels:
    measured, scale, scale_range = dataset.measured, np.empty(0), (1.0, 1.0)
    if dataset.mz_scale is not None:
        scale = np.where(served < 0, 1.0, dataset.mz_scale[served])
        scale_range = (float(dataset.mz_scale.min()), float(dataset.mz_scale.max()))
    return Pixels(
        pixel=np.where(served < 0, -1, dataset.pixel[served]).astype(np.int64),
        scale=scale,
        scale_range=scale_range,
        blank=np.where(measured, 0.0, np.nan).ravel(),
        shares=bool(np.count_nonzero(measured) < dataset.n_spectra),
    )


def _served(dataset: Dataset, folder: Path, header: Header) -> NDArray[np.int64]:
    """Return which spectrum of the dataset each one of the index is, -1 for none; ValueError where one is missing."""
    own = locations(dataset)
    if header["spectra"] == digest(own):
        return np.arange(dataset.n_spectra)
    n_indexed = int(header["n_spectra"])
    indexed = _whole(folder / SPECTRA, np.dtype("<i8"), n_indexed * len(own), header["spectra"]).reshape(len(own), -1)
    served = _match(indexed, own)
    if served.max(initial=-1) + 1 < dataset.n_spectra:
        raise ValueError("expected the spectra of the dataset in the index")
    return np.asarray(served, dtype=np.int64)


@numba.njit(cache=True, nogil=True)
def _match(indexed, own):  # type: ignore[no-untyped-def]
    """Find the columns of ``own`` among those of ``indexed``, both in file order; -1 for those that are not own."""
    served = np.full(indexed.shape[1], -1, np.int64)
    found = 0
    for i in range(indexed.shape[1]):
        if found < own.shape[1] and (indexed[:, i] == own[:, found]).all():
            served[i] = found
            found += 1
    return served
