"""What writers are known to get wrong in an imzML's numbers, put right where the two files prove it; each is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_metime.errors import MissingFileError
from napari_metime.ims import terms
from napari_metime.ims.layout import MAX_COORDINATE, MAX_GRID_PIXELS, ArrayLayout, Layout, lay_out
from napari_metime.ims.scanning import Scan

_TURN = 1 << 32
"""Offsets that were kept in 32 bits are short of the true ones by multiples of this."""
_N_SAMPLED = 100
_MIN_SPECTRA = 10
"""From as many on, a common step of the coordinates is no chance: any two places have one. Our own choice."""


def lay_out_repaired(scan: Scan, name: str, ibd_path: Path, ibd_size: int) -> Layout:
    """Turn a scan into the places of arrays, as ``lay_out`` does, with wrapped offsets and false compression mended.

    Raises
    ------
    ImzMLError
        As ``lay_out``.
    MissingFileError
        The .ibd cannot be read.
    """
    return _unpack(_lay_out_unwrapped(scan, name, ibd_size), ibd_path)


def divide_step(layout: Layout) -> Layout:
    """Divide coordinates by the step that they go in, such as those in µm, where the grid would be too large else.

    A grid that can be held stays, however empty: a step may be how it was acquired, and other readers keep it.
    """
    axes = (layout.x, layout.y)
    if layout.n_spectra < _MIN_SPECTRA or max(int(np.abs(axis).max()) for axis in axes) > MAX_COORDINATE:
        return layout
    steps = [max(1, int(np.gcd.reduce(axis - axis.min()))) for axis in axes]
    divided = [axis // step for axis, step in zip(axes, steps, strict=True)]
    if _can_be_held(*axes) or not _can_be_held(*divided):
        return layout
    told = f"The coordinates go in steps of {steps[0]:,} in x and {steps[1]:,} in y; they were divided by these."
    return replace(layout, x=divided[0], y=divided[1], warnings=(*layout.warnings, told))


def _can_be_held(x: NDArray[np.int64], y: NDArray[np.int64]) -> bool:
    return (int(np.ptp(x)) + 1) * (int(np.ptp(y)) + 1) <= MAX_GRID_PIXELS


def _lay_out_unwrapped(scan: Scan, name: str, ibd_size: int) -> Layout:
    """Put offsets that wrapped at 32 bits right if the arrays then lie in the .ibd, each in a place of its own."""
    turns = [_turns(scan, shift) for shift in (0, 3)]
    if ibd_size <= _TURN // 2 or not any(found.any() for found in turns):
        return lay_out(scan, name, ibd_size)
    number = scan.number.copy()
    for shift, found in zip((0, 3), turns, strict=True):
        number[:, terms.OFFSET + shift] += _TURN * found
    layout = lay_out(Scan(number, scan.flag), name, ibd_size)
    was_possible = bool((scan.number[:, [terms.OFFSET, terms.OFFSET + 3]] >= 0).all())
    if not _lie_apart(layout, ibd_size) or (was_possible and _lie_apart(lay_out(scan, name, ibd_size), ibd_size)):
        return lay_out(scan, name, ibd_size)
    told = "The offsets were kept in 32 bits, too few for this .ibd; what they lost was added."
    return replace(layout, warnings=(*layout.warnings, told))


def _turns(scan: Scan, shift: int) -> NDArray[np.int64]:
    """Count the times that the offsets of m/z (0) or intensities (3) have fallen by more than half a turn, shape (n,).

    Where negative ones stand they were kept with a sign: each time that they begin is a turn, as pyimzML has it. Where
    one stands that does not fit into 32 bits, none was lost.
    """
    turns = np.zeros(len(scan.number), np.int64)
    used = np.flatnonzero(scan.number[:, terms.LENGTH + shift] > 0)
    offset = scan.number[used, terms.OFFSET + shift]
    before, after, is_signed = offset[:-1], offset[1:], bool((offset < 0).any())
    if offset.max(initial=0) < (_TURN // 2 if is_signed else _TURN):
        turns[used[1:]] = (before >= 0) & (after < 0) if is_signed else before - after > _TURN // 2
    return np.cumsum(turns)


def _lie_apart(layout: Layout, ibd_size: int) -> bool:
    """Whether all arrays lie in the .ibd and no two share a byte, but for those that are one and the same."""
    arrays = (layout.mz, layout.intensity)
    start, end = (np.concatenate([getattr(array, name) for array in arrays]) for name in ("offset", "end"))
    start, end = start[end > 0], end[end > 0]
    order = np.lexsort((end, start))
    start, end = start[order], end[order]
    same = (start[1:] == start[:-1]) & (end[1:] == end[:-1])
    return bool((end <= ibd_size).all() and ((start[1:] >= end[:-1]) | same).all())


def _unpack(layout: Layout, ibd_path: Path) -> Layout:
    """Read arrays as they are that only call themselves zlib streams: of the size of their values, with other bytes."""
    mz, intensity = (
        replace(array, compressed=False, n_bytes=array.length * array.dtype.itemsize)
        if _is_falsely_packed(array, ibd_path)
        else array
        for array in (layout.mz, layout.intensity)
    )
    if mz is layout.mz and intensity is layout.intensity:
        return layout
    told = "The file calls arrays compressed that are not; they were read as they are."
    return replace(layout, mz=mz, intensity=intensity, warnings=(*layout.warnings, told))


def _is_falsely_packed(array: ArrayLayout, ibd_path: Path) -> bool:
    used = np.flatnonzero(array.length > 0)
    plain = array.length[used] * array.dtype.itemsize
    if not array.compressed or not used.size or (array.n_bytes[used] != plain).any():
        return False
    sampled = array.offset[used[:: -(-used.size // _N_SAMPLED)]].tolist()
    try:
        with ibd_path.open("rb") as file:
            return not all(_starts_as_zlib(file.read(2)) for offset in sampled if file.seek(offset) >= 0)
    except OSError as error:
        raise MissingFileError(
            f"expected to read {ibd_path}, found: {error.strerror or error}; check its permissions"
        ) from error


def _starts_as_zlib(start: bytes) -> bool:
    """Whether two bytes are the header of a zlib stream (RFC 1950, 2.2)."""
    return len(start) == 2 and start[0] & 15 == 8 and start[0] >> 4 <= 7 and int.from_bytes(start) % 31 == 0
