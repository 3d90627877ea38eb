"""TIFF and OME-TIFF as lazy levels: the tags are read once, pixels tile by tile when they are asked for."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_metime.errors import MicroscopyError
from napari_metime.microscopy.image import MAX_CHANNELS, MAX_PIECE_BYTES, MAX_PIXELS, Found, check_piece
from napari_metime.microscopy.lazy import LazyArray, PieceCache, gather
from napari_metime.microscopy.ome_xml import OmeImage, read_ome_xml
from napari_metime.microscopy.tiff_codecs import IS_READ, JPEG, LOSSLESS, declared_size
from napari_metime.microscopy.tiff_size import size_by_tags

CHANNEL_AXES = "CIQ"
"""What counts as channels; I and Q are tifffile's letters for pages of which nobody said what they are."""
COLOURS = {tifffile.PHOTOMETRIC.RGB, tifffile.PHOTOMETRIC.YCBCR}
BAND_BYTES = 4_000_000
"""Rows that are read at once of an image that is stored as it is."""
logging.getLogger("tifffile").addHandler(logging.NullHandler())  # what it finds odd is no line on the user's terminal


def read_tiff(path: Path) -> Found:
    """Open a TIFF, with its pyramid where it has one.

    Raises
    ------
    MicroscopyError
        It is damaged, holds no image, or one that cannot be read piece by piece.
    """
    try:
        with tifffile.TiffFile(path) as file:
            return _found(path, file)
    except MicroscopyError:
        raise
    except Exception as error:
        # Broad on purpose: a damaged TIFF raises any decoder's own error, ZeroDivisionError or MemoryError. Only the
        # reading of one outside file stands in the try.
        raise MicroscopyError(
            f"{path.name}: expected a TIFF, found what cannot be read ({error!s:.160}); save it again"
        ) from error


def _found(path: Path, file: tifffile.TiffFile) -> Found:
    ome = None
    if file.is_ome and file.ome_metadata is not None:
        ome = read_ome_xml(file.ome_metadata, path.name)  # before tifffile parses it, which asks less of it
        if len(ome.files) > 1:
            raise MicroscopyError(
                f"{path.name}: expected an OME-TIFF that holds all of its image, found one of {len(ome.files)} files; "
                "save it as one file"
            )
    series = file.series
    if not series:
        raise MicroscopyError(f"{path.name}: expected an image, found none in the file; save it again")
    told, cache = list(ome.warnings) if ome else [], PieceCache()
    others = [] if series[0].kind == "ome" else sorted(series[1:], key=lambda s: -s.size)
    if series[0].kind == "ome" and len(series) > 1:
        told.append(f"{path.name} holds {len(series)} images; the first is taken.")
    first, is_rgb, said = _level(path, file, series[0], cache)
    levels = [first]
    for smaller in (*series[0].levels[1:], *others):
        if set("YX") <= set(smaller.axes):
            levels.append(_level(path, file, smaller, cache)[0])
    size_um, size_told = (ome.pixel_size_um, ()) if ome else size_by_tags(file, path.name)
    return Found(
        format="OME-TIFF" if ome else "ImageJ TIFF" if file.is_imagej else "TIFF",
        levels=tuple(levels),
        channel_names=_names(ome, file),
        is_rgb=is_rgb,
        pixel_size_um=size_um,
        cache=cache,
        warnings=(*told, *said, *size_told),
    )


def _names(ome: OmeImage | None, file: tifffile.TiffFile) -> tuple[str, ...]:
    if ome is not None:
        return ome.channel_names
    labels = (file.imagej_metadata or {}).get("Labels", []) if file.is_imagej else []
    return tuple(str(label) for label in labels)


def _level(
    path: Path, file: tifffile.TiffFile, series: tifffile.TiffPageSeries, cache: PieceCache
) -> tuple[LazyArray, bool, list[str]]:
    """Return a series as (channel, y, x), whether it is RGB, and what was left out of it."""
    page = series.keyframe
    n_own = len(page.axes)
    leading, n_leading = series.axes[:-n_own], series.shape[:-n_own]
    if page.axes.replace("S", "") != "YX" or page.imagedepth != 1 or tuple(series.shape[-n_own:]) != tuple(page.shape):
        raise MicroscopyError(f"{path.name}: expected planes of y and x, found axes {series.axes}; save it as planes")
    if page.photometric == tifffile.PHOTOMETRIC.PALETTE:
        raise MicroscopyError(f"{path.name}: expected intensities, found numbers of a palette; save it as RGB")
    chosen, told = _chosen_pages(path.name, leading, n_leading)
    n_samples = page.samplesperpixel
    is_rgb = len(chosen) == 1 and n_samples in (3, 4) and page.photometric in COLOURS
    if is_rgb and n_samples == 4:
        told.append(f"{path.name}: the fourth channel of the colours, opacity, is left out.")
    layout = _Layout.of(path, file, page)
    planes = _planes(file, series, chosen, layout)
    where = [(plane, s) for plane in planes for s in range(3 if is_rgb else n_samples)]
    if len(where) > MAX_CHANNELS:
        raise MicroscopyError(f"{path.name}: expected up to {MAX_CHANNELS:,} channels, found {len(where):,}")
    key_of = (page.imagelength, page.imagewidth)  # tells levels apart in the cache

    def piece(channel: int, row: int, col: int) -> NDArray[Any]:
        plane, sample = where[channel]
        n_own_plane = sample if layout.is_separate else 0
        decoded = cache.get(
            (key_of, plane.offset, n_own_plane, row, col), lambda: layout.read(plane, n_own_plane, row, col)
        )
        return decoded[:, :, 0 if layout.is_separate else sample]

    def read(key: tuple[slice, ...]) -> NDArray[Any]:
        return gather(key, layout.dtype, layout.chunks, piece)

    shape = (len(where), page.imagelength, page.imagewidth)
    return LazyArray(shape, layout.dtype, layout.chunks, read), is_rgb, told


def _chosen_pages(name: str, axes: str, shape: tuple[int, ...]) -> tuple[list[int], list[str]]:
    """Return the pages that are channels: all of the channel axis, the first of any other."""
    pages = np.arange(math.prod(shape)).reshape(shape)
    told = []
    at: list[int | slice] = []
    for axis, n in zip(axes, shape, strict=True):
        at.append(slice(None) if axis in CHANNEL_AXES else 0)
        if axis in CHANNEL_AXES[1:] and n > 1:
            told.append(f"{name}: its {n} pages are taken as channels.")
        elif axis not in CHANNEL_AXES and n > 1:
            told.append(f"{name} has {n} planes along {axis.lower()}; the first is taken.")
    return [int(i) for i in np.ravel(pages[tuple(at)])], told


@dataclass(frozen=True, slots=True)
class _Plane:
    """Where the pieces of a page lie in the file; the first offset, where an image that is stored as it is begins."""

    offset: int
    offsets: tuple[int, ...] = ()
    n_bytes: tuple[int, ...] = ()
    jpegtables: bytes | None = None


def _planes(
    file: tifffile.TiffFile, series: tifffile.TiffPageSeries, chosen: list[int], layout: _Layout
) -> list[_Plane]:
    n_pages = len(series.pages)
    if layout.is_raw and n_pages < math.prod(series.shape[: -len(series.keyframe.axes)]):  # ImageJ's: one page for all
        if series.dataoffset is None:
            raise ValueError("planes are missing")
        planes = [_Plane(series.dataoffset + i * series.keyframe.nbytes) for i in chosen]
    else:
        planes = []
        for i in chosen:
            page = series.pages[i] if i < n_pages else None
            if page is None or page.parent.filehandle.path != file.filehandle.path:
                raise ValueError("planes are missing")
            if not layout.is_raw and not len(page.dataoffsets) == len(page.databytecounts) == layout.n_pieces:
                raise ValueError(f"{len(page.dataoffsets):,} tiles or strips in place of {layout.n_pieces:,}")
            jpegtables = page.jpegtables if layout.is_jpeg else None
            planes.append(_Plane(page.dataoffsets[0], page.dataoffsets, page.databytecounts, jpegtables))
    last = max(plane.offset for plane in planes)
    if layout.is_raw and file.filehandle.size < last + series.keyframe.nbytes:
        raise ValueError("the file ends before its last row")
    return planes


@dataclass(frozen=True, slots=True, eq=False)
class _Layout:
    """How the pages of a series are cut into pieces, and what decodes them.

    Parameters
    ----------
    chunks : pixels (y, x) of a piece
    is_raw : whether the pixels lie there row by row, as they are
    is_separate : whether every sample has pieces of its own
    is_image : whether every piece is an image with a size of its own
    """

    path: Path
    dtype: np.dtype[Any]
    stored_dtype: np.dtype[Any]
    shape: tuple[int, int]
    n_samples: int
    chunks: tuple[int, int]
    is_raw: bool
    is_separate: bool
    decode: Callable[..., Any]
    is_jpeg: bool
    is_image: bool
    jpegheader: bytes | None

    @classmethod
    def of(cls, path: Path, file: tifffile.TiffFile, page: tifffile.TiffPage) -> _Layout:
        height, width = page.imagelength, page.imagewidth
        if not 0 < height * width <= MAX_PIXELS or page.dtype is None:
            raise MicroscopyError(
                f"{path.name}: expected an image of up to {MAX_PIXELS:,} numbers, found {height:,} x {width:,} of "
                f"{page.dtype}; save it as numbers"
            )
        if page.compression not in IS_READ:
            name = getattr(page.compression, "name", page.compression)
            raise MicroscopyError(
                f"{path.name}: expected LZW, zlib, ZSTD, JPEG or no compression, found {name}; save it with one of them"
            )
        dtype, n_samples = np.dtype(page.dtype), page.samplesperpixel
        is_separate = page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and n_samples > 1
        in_piece = 1 if is_separate else n_samples
        is_raw = bool(page.is_final)
        if is_raw:
            chunks = (min(height, max(1, BAND_BYTES // (width * in_piece * dtype.itemsize))), width)
        else:
            chunks = (
                (page.tilelength, page.tilewidth)
                if page.is_tiled
                else (min(page.rowsperstrip, height) or height, width)
            )
        check_piece(path, (*chunks, in_piece), dtype)
        is_jpeg = page.compression in JPEG
        return cls(
            path=path,
            dtype=dtype,
            stored_dtype=dtype.newbyteorder(file.byteorder),
            shape=(height, width),
            n_samples=n_samples,
            chunks=chunks,
            is_raw=is_raw,
            is_separate=is_separate,
            decode=page.decode,
            is_jpeg=is_jpeg,
            is_image=page.compression not in LOSSLESS,
            jpegheader=page.jpegheader if is_jpeg else None,
        )

    @property
    def n_pieces(self) -> int:
        """Number of pieces of a page."""
        down, across = (-(-n // c) for n, c in zip(self.shape, self.chunks, strict=True))
        return down * across * (self.n_samples if self.is_separate else 1)

    def read(self, plane: _Plane, sample: int, row: int, col: int) -> NDArray[Any]:
        """Read a piece of a page as (y, x, sample); the file is open only meanwhile.

        Raises
        ------
        MicroscopyError
            The piece is damaged, or the file is gone.
        """
        try:
            return self._raw(plane, sample, row) if self.is_raw else self._decoded(plane, sample, row, col)
        except Exception as error:  # broad on purpose, as in ``read_tiff``
            raise MicroscopyError(
                f"{self.path.name}: expected pixels at row {row * self.chunks[0]:,}, column {col * self.chunks[1]:,}, "
                f"found what cannot be read ({error!s:.160}); save the image again"
            ) from error

    def _raw(self, plane: _Plane, sample: int, row: int) -> NDArray[Any]:
        height, width = self.shape
        n_samples = 1 if self.is_separate else self.n_samples
        n_rows = min(self.chunks[0], height - row * self.chunks[0])
        first = (sample * height + row * self.chunks[0]) * width * n_samples
        with self.path.open("rb") as file:
            file.seek(plane.offset + first * self.dtype.itemsize)
            values = np.fromfile(file, self.stored_dtype, n_rows * width * n_samples)
        return values.reshape(n_rows, width, n_samples).astype(self.dtype, copy=False)

    def _decoded(self, plane: _Plane, sample: int, row: int, col: int) -> NDArray[Any]:
        height, width = self.shape
        n_across = -(-width // self.chunks[1])
        n_down = -(-height // self.chunks[0])
        index = (sample * n_down + row) * n_across + col
        needed = (
            min(self.chunks[0], height - row * self.chunks[0]),
            min(self.chunks[1], width - col * self.chunks[1]),
        )
        n_samples = 1 if self.is_separate else self.n_samples
        if plane.n_bytes[index] == 0:  # never written
            return np.zeros((*needed, n_samples), dtype=self.dtype)
        with self.path.open("rb") as file:
            file.seek(plane.offsets[index])
            data = file.read(plane.n_bytes[index])
        if len(data) != plane.n_bytes[index]:
            raise ValueError("the file ends before them")
        if self.is_image:
            self._check_size(data)
        tables = {"jpegtables": plane.jpegtables, "jpegheader": self.jpegheader} if self.is_jpeg else {}
        decoded: NDArray[Any] = np.asarray(self.decode(data, index, **tables)[0])[0]
        if decoded.shape[2] != n_samples or decoded.shape[0] < needed[0] or decoded.shape[1] < needed[1]:
            raise ValueError(f"a piece of {' x '.join(map(str, decoded.shape))}")
        return decoded.astype(self.dtype, copy=False)

    def _check_size(self, data: bytes) -> None:
        height, width = declared_size((self.jpegheader or b"") + data)
        if height * width * self.n_samples * self.dtype.itemsize > MAX_PIECE_BYTES:
            raise ValueError(f"a tile that says it is {height:,} x {width:,}")
