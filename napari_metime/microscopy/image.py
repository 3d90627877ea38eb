"""A microscopy image: what it is, where its levels lie, in what unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from napari_metime.errors import MicroscopyError
from napari_metime.microscopy.lazy import LazyArray, PieceCache, averaged

MAX_PIXELS = 40_000_000_000
"""Pixels of one channel: 200,000 x 200,000. A few bytes may declare any number."""
MAX_CHANNELS = 10_000
MAX_PIECE_BYTES = 100_000_000
"""Largest piece that is stored as one: it has to be decoded whole."""
MAX_OVERVIEW_PIXELS = 2048
"""Pixels on the longer side of the lowest level: what is shown of the whole image at once."""
SAME_SCALE = 0.01
"""Relative difference up to which two pixel sizes are one, rounded by somebody. Our choice."""


@dataclass(frozen=True, slots=True, eq=False)
class MicroscopyImage:
    """An image of which nothing but the description was read.

    Coordinates of the image are those of level 0 with the origin at the outer corner: pixel i covers [i, i + 1), and
    pixel k of a level with factor f covers [k f, (k + 1) f).

    Parameters
    ----------
    levels : (channel, y, x) each, the finest first
    factors : (y, x) of each level: pixels of level 0 that one of its pixels stands for
    n_stored : the first ones, which are in the file; the others are averaged when they are looked at
    channel_names : unique
    is_rgb : whether the channels are red, green and blue
    pixel_size_um : (y, x) of level 0; None where nobody said
    note : what was recognised, in words
    """

    path: Path
    levels: tuple[LazyArray, ...]
    factors: tuple[tuple[float, float], ...]
    n_stored: int
    channel_names: tuple[str, ...]
    is_rgb: bool
    pixel_size_um: tuple[float, float] | None
    note: str
    warnings: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int]:
        """Pixels (y, x) of level 0."""
        return self.levels[0].shape[1], self.levels[0].shape[2]

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return self.levels[0].shape[0]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the numbers."""
        return self.levels[0].dtype


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a reader found in a file, before it is checked.

    Parameters
    ----------
    format : ``OME-TIFF``, ...
    levels : as of ``MicroscopyImage``, stored ones only
    stated_factors : (y, x) of each level where the file says; else they follow from the shapes
    channel_names : empty, or with empty ones, where the file has none
    """

    format: str
    levels: tuple[LazyArray, ...]
    channel_names: Sequence[str]
    is_rgb: bool
    pixel_size_um: tuple[float, float] | None
    cache: PieceCache
    stated_factors: tuple[tuple[float, float], ...] = ()
    warnings: tuple[str, ...] = ()


def checked_image(path: Path, found: Found, *, pixel_size_um: float | None) -> MicroscopyImage:
    """Make an image of what a reader found: bounded, with names, with an overview.

    Raises
    ------
    MicroscopyError
        It is larger than any microscope's, holds no numbers, or is stored in too large pieces.
    """
    for level in found.levels:
        _check_level(path, level)
    if pixel_size_um is not None and not (np.isfinite(pixel_size_um) and pixel_size_um > 0):
        raise MicroscopyError(f"expected a positive microscopy.pixel_size_um, found {pixel_size_um}; mend it")
    told = list(found.warnings)
    size_um = found.pixel_size_um
    if size_um is not None and not all(np.isfinite(s) and 0 < s < 1e6 for s in size_um):
        told.append(f"{path.name} says {size_um[1]:g} x {size_um[0]:g} µm per pixel, which can be none; left out.")
        size_um = None
    if pixel_size_um is not None:
        if size_um is not None and max(abs(s / pixel_size_um - 1) for s in size_um) > SAME_SCALE:
            told.append(f"{path.name} says {_size(size_um)}; the stated {pixel_size_um:g} µm is used.")
        size_um = (pixel_size_um, pixel_size_um)
    levels, factors, left_out = _fitting_levels(found)
    if left_out:
        told.append(f"{left_out} of the levels of {path.name} have other proportions than the image; left out.")
    n_stored = len(levels)
    _add_overview(levels, factors, found)
    n_channels = levels[0].shape[0]
    return MicroscopyImage(
        path=path,
        levels=tuple(levels),
        factors=tuple(factors),
        n_stored=n_stored,
        channel_names=_unique(found.channel_names, n_channels, is_rgb=found.is_rgb),
        is_rgb=found.is_rgb,
        pixel_size_um=size_um,
        note=_note(found, levels[0], n_stored, size_um),
        warnings=tuple(told),
    )


def channel_index(image: MicroscopyImage, channel: int) -> int:
    """Return the channel, if the image has it.

    Raises
    ------
    MicroscopyError
        It has not.
    """
    if not 0 <= channel < image.n_channels:
        names = ", ".join(f"{i} = {name}" for i, name in enumerate(image.channel_names[:40]))
        raise MicroscopyError(
            f"expected a channel from 0 to {image.n_channels - 1} of {image.path.name}, found {channel}; "
            f"it has {image.n_channels}: {names}"
        )
    return channel


def units_per_pixel(
    image: MicroscopyImage, unit: Literal["px", "um"], *, cells_pixel_size_um: float | None = None
) -> tuple[float, float]:
    """Return how many units of the cell table one pixel of level 0 has, as (y, x).

    Cells in pixels are counted in the pixels of this image, unless both pixel sizes are known and differ by more than
    1 %: then the image is a coarser or finer one of the same place.

    Raises
    ------
    MicroscopyError
        The cells are in µm and nobody said how large a pixel of the image is.
    """
    size_um = image.pixel_size_um
    if unit == "px":
        if size_um is None or cells_pixel_size_um is None:
            return 1.0, 1.0
        height, width = (s / cells_pixel_size_um for s in size_um)
        return (1.0, 1.0) if max(abs(height - 1), abs(width - 1)) <= SAME_SCALE else (height, width)
    if size_um is None:
        raise MicroscopyError(
            f"expected the pixel size of {image.path.name}, as the cells are in µm, found none in the file; "
            "set microscopy.pixel_size_um"
        )
    return size_um


def _check_level(path: Path, level: LazyArray) -> None:
    n_channels, height, width = level.shape
    if min(level.shape) < 1 or height * width > MAX_PIXELS or n_channels > MAX_CHANNELS:
        raise MicroscopyError(
            f"{path.name}: expected up to {MAX_CHANNELS:,} channels of up to {MAX_PIXELS:,} pixels, "
            f"found {n_channels:,} of {height:,} x {width:,}; cut the image"
        )
    if level.dtype.kind not in "buif":
        raise MicroscopyError(f"{path.name}: expected an image of real numbers, found {level.dtype}; save it as such")


def check_piece(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Refuse an image that is stored in pieces too large to be decoded one by one.

    Raises
    ------
    MicroscopyError
        A piece has more than 100 MB.
    """
    n_bytes = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if n_bytes > MAX_PIECE_BYTES:
        raise MicroscopyError(
            f"{path.name}: expected an image in pieces of up to {MAX_PIECE_BYTES // 1_000_000} MB, found one of "
            f"{' x '.join(f'{n:,}' for n in shape)} ({n_bytes / 1e6:,.0f} MB) that can only be read whole; "
            "save it in tiles"
        )


def _fitting_levels(found: Found) -> tuple[list[LazyArray], list[tuple[float, float]], int]:
    """Return the levels that show the whole image, smaller and smaller, with their factors; and how many do not."""
    first = found.levels[0]
    levels, factors = [first], [(1.0, 1.0)]
    for i, level in enumerate(found.levels[1:], start=1):
        stated = found.stated_factors[i] if found.stated_factors else (None, None)
        factor = tuple(_factor(n0, n, f) for n0, n, f in zip(first.shape[1:], level.shape[1:], stated, strict=True))
        fits = all(abs(n * f - n0) <= f for n0, n, f in zip(first.shape[1:], level.shape[1:], factor, strict=True))
        alike = level.shape[0] == first.shape[0] and level.dtype == first.dtype and max(factor) < 1.5 * min(factor)
        if fits and alike and min(factor) > max(factors[-1]):
            levels.append(level)
            factors.append((factor[0], factor[1]))
    return levels, factors, len(found.levels) - len(levels)


def _factor(n_first: int, n: int, stated: float | None) -> float:
    """Return how many pixels one stands for: as stated, or a whole number where rounding explains the shapes."""
    if stated is not None:
        return stated
    whole = round(n_first / n)
    return float(whole) if n in (n_first // max(whole, 1), -(-n_first // max(whole, 1))) else n_first / n


def _add_overview(levels: list[LazyArray], factors: list[tuple[float, float]], found: Found) -> None:
    base, (height, width) = levels[-1], factors[-1]
    factor = 2
    while max(levels[-1].shape[1:]) > MAX_OVERVIEW_PIXELS:
        levels.append(averaged(base, factor, found.cache, together=found.is_rgb))
        factors.append((height * factor, width * factor))
        factor *= 2


def _unique(given: Sequence[str], n_channels: int, *, is_rgb: bool) -> tuple[str, ...]:
    if is_rgb:
        return ("red", "green", "blue")
    names: list[str] = []
    for i in range(n_channels):
        name = (given[i].strip() if i < len(given) else "") or f"channel {i}"
        tried, n = name, 1
        while tried in names:
            n += 1
            tried = f"{name} ({n})"
        names.append(tried)
    return tuple(names)


def _note(found: Found, level: LazyArray, n_stored: int, size_um: tuple[float, float] | None) -> str:
    n_channels, height, width = level.shape
    what = "RGB" if found.is_rgb else f"{n_channels} channel{'s' if n_channels > 1 else ''}"
    levels = f"{n_stored} levels" if n_stored > 1 else "no smaller levels"
    size = "pixel size unknown" if size_um is None else _size(size_um)
    return f"{found.format}, {what}, {height:,} x {width:,} pixels of {level.dtype}, {levels}, {size}"


def _size(size_um: tuple[float, float]) -> str:
    height, width = size_um
    return f"{width:.4g} µm per pixel" if height == width else f"{width:.4g} x {height:.4g} µm per pixel"
