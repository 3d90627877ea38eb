"""Microscopy on the imaging grid: the mean over what of it lies in each pixel, weighted by area.

Every microscopy pixel is an area of constant value. Its corners are mapped into the section, and the polygon is cut by
the grid lines, exactly; so coarse and fine images, turned, sheared and mirrored ones are treated alike and nothing is
interpolated. Under an affine alignment that is exact. Under a warp, corners are interpolated between mapped ones on a
lattice that is made finer until it is nowhere off by more than ``LATTICE_ERROR`` of a grid pixel; neighbours share
their corners, so that no area is lost or counted twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_metime.microscopy.areas import add_areas
from napari_metime.microscopy.image import MicroscopyImage, channel_index
from napari_metime.microscopy.lazy import LazyArray
from napari_metime.section import Alignment, Grid, Progress, no_progress

MIN_COVERED = 0.5
"""Covered share from which a grid pixel has a value. Our choice."""
PIXELS_ACROSS = 16
"""A coarser level is taken as long as a grid pixel is this many of its pixels wide. Our choice."""
LATTICE_ERROR = 1e-3
"""How far a corner may be off, in grid pixels, where the alignment warps."""
LATTICE_PITCH = 64
MAX_NODES = 1 << 21
"""Crossings of a lattice from which it is not made finer: no smooth warp asks for that many."""
BLOCK_PIXELS = 1 << 21
"""Pixels of all channels that a block has: 16 MB."""
N_READERS = 2

Block = tuple[slice, slice]
"""Rows and columns of a level."""
Nodes = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
"""Lattice rows and columns (pixels of the level), and where their crossings lie on the grid: x and y (rows, cols)."""


@dataclass(frozen=True, slots=True, eq=False)
class OnGrid:
    """A channel on the imaging grid.

    Parameters
    ----------
    values : ndarray of shape (rows, cols), float32; NaN where less than half of the pixel is covered
    covered : ndarray of shape (rows, cols), float32: share of the pixel on which the channel has numbers
    note : which level was taken and how large its pixels are, in words
    is_coarse : whether the pixels of the image are larger than those of the grid
    """

    values: NDArray[np.float32]
    covered: NDArray[np.float32]
    note: str
    is_coarse: bool


def channel_on_grid(
    image: MicroscopyImage,
    channel: int,
    alignment: Alignment,
    grid: Grid,
    *,
    units: tuple[float, float],
    on_progress: Progress = no_progress,
) -> OnGrid:
    """Average a channel over the pixels of the imaging grid; see ``channels_on_grid``."""
    return channels_on_grid(image, [channel], alignment, grid, units=units, on_progress=on_progress)[0]


def channels_on_grid(
    image: MicroscopyImage,
    channels: Sequence[int],
    alignment: Alignment,
    grid: Grid,
    *,
    units: tuple[float, float],
    on_progress: Progress = no_progress,
) -> tuple[OnGrid, ...]:
    """Average channels over the pixels of the imaging grid, weighted by area, a block of the image at a time.

    Parameters
    ----------
    channels : counted from 0
    alignment : from the cell table's own unit to section µm
    units : (y, x), units of the cell table that a pixel of level 0 has; see ``units_per_pixel``

    Raises
    ------
    MicroscopyError
        The image has no such channel, or cannot be read.
    ImzMLError
        The pixel size of the grid is unknown.
    """
    chosen = [channel_index(image, channel) for channel in channels]
    frame = _Frame(image, alignment, grid, units)
    number = _chosen_level(frame)
    level, factor = image.levels[number], image.factors[number]
    total, area = np.zeros((len(chosen), *grid.shape)), np.zeros((len(chosen), *grid.shape))
    blocks = _blocks(level, len(chosen))
    placed = ((i, block, nodes) for i, block in enumerate(blocks) if (nodes := frame.nodes(block, factor)) is not None)
    for i, values, nodes in _read_ahead(level, chosen, placed):
        on_progress(i / len(blocks), f"averaging {image.path.name}")
        add_areas(values, *nodes, total, area)
    note, is_coarse = _note(frame, number)
    return tuple(_on_grid(t, a, note, is_coarse) for t, a in zip(total, area, strict=True))


def footprint_on_grid(
    image: MicroscopyImage, alignment: Alignment, grid: Grid, *, units: tuple[float, float]
) -> NDArray[np.float32]:
    """Return the share of each pixel of the grid that the image covers; no pixel of it is read.

    Returns
    -------
    ndarray of shape (rows, cols), float32, from 0 to 1
    """
    frame = _Frame(image, alignment, grid, units)
    height, width = image.shape
    nodes = frame.nodes((slice(0, height), slice(0, width)), (1.0, 1.0), pitch=max(1, max(height, width) // 8))
    total, area = np.zeros((1, *grid.shape)), np.zeros((1, *grid.shape))
    if nodes is not None:
        # The lattice itself is an image of few large pixels.
        rows, cols, x, y = nodes
        lines = np.arange(rows.size, dtype=np.float64), np.arange(cols.size, dtype=np.float64)
        add_areas(np.ones((1, rows.size - 1, cols.size - 1)), *lines, x, y, total, area)
    return _share(area[0])


def _on_grid(total: NDArray[np.float64], area: NDArray[np.float64], note: str, is_coarse: bool) -> OnGrid:
    with np.errstate(invalid="ignore", divide="ignore"):
        values = np.where(area >= MIN_COVERED - 1e-9, total / area, np.nan)
    return OnGrid(values.astype(np.float32), _share(area), note, is_coarse)


def _share(area: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.minimum(area, 1.0).astype(np.float32)  # rounding may add up to a little more than all


@dataclass(frozen=True, slots=True, eq=False)
class _Frame:
    """From the pixels of level 0 to the grid, in grid pixels with the origin at its outer corner."""

    image: MicroscopyImage
    alignment: Alignment
    grid: Grid
    units: tuple[float, float]

    def place(
        self, row: NDArray[np.float64], col: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return where places of level 0 lie on the grid, as (x, y)."""
        x_um, y_um = self.alignment.to_section(col * self.units[1], row * self.units[0])
        height_um, width_um = self.grid.spacing_um
        return x_um / width_um + 0.5, y_um / height_um + 0.5

    def nodes(self, block: Block, factor: tuple[float, float], pitch: int = LATTICE_PITCH) -> Nodes | None:
        """Return a lattice over a block of a level; None where the block is off the grid."""
        while True:
            rows, cols = (
                _steps(part, pitch, n / f) for part, f, n in zip(block, factor, self.image.shape, strict=True)
            )
            row, col = (np.minimum(at * f, n) for at, f, n in zip((rows, cols), factor, self.image.shape, strict=True))
            shape = (row.size, col.size)
            x, y = self.place(np.repeat(row, col.size), np.tile(col, row.size))
            x, y = x.reshape(shape), y.reshape(shape)
            if self.alignment.warp is None or pitch <= 1 or x.size > MAX_NODES:
                break
            if self._error(row, col, x, y) <= LATTICE_ERROR:
                break
            pitch = -(-pitch // 2)
        n_rows, n_cols = self.grid.shape
        if x.max() <= 0 or y.max() <= 0 or x.min() >= n_cols or y.min() >= n_rows:
            return None
        return rows - block[0].start, cols - block[1].start, x, y

    def _error(
        self, row: NDArray[np.float64], col: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]
    ) -> float:
        """Return how far interpolated places are off in the middle of the cells and of their sides, in grid pixels."""
        mid_row, mid_col = (row[1:] + row[:-1]) / 2, (col[1:] + col[:-1]) / 2
        worst = 0.0
        for at_row, at_col in ((row, mid_col), (mid_row, col), (mid_row, mid_col)):
            exact = self.place(np.repeat(at_row, at_col.size), np.tile(at_col, at_row.size))
            for value, found in zip((x, y), exact, strict=True):
                between = value if at_row is row else (value[1:] + value[:-1]) / 2
                between = between if at_col is col else (between[:, 1:] + between[:, :-1]) / 2
                worst = max(worst, float(np.abs(between.ravel() - found).max(initial=0.0)))
        return worst

    def pixel_extent(self) -> tuple[float, float]:
        """Return the extent (y, x) of a pixel of level 0, in grid pixels: the largest over the image."""
        height, width = self.image.shape
        row = np.repeat(np.linspace(0.5, height - 0.5, 9), 9)
        col = np.tile(np.linspace(0.5, width - 0.5, 9), 9)
        half = 0.5
        extent = []
        for dy, dx in ((half, 0.0), (0.0, half)):
            (x0, y0), (x1, y1) = self.place(row - dy, col - dx), self.place(row + dy, col + dx)
            extent.append(float(np.hypot(x1 - x0, y1 - y0).max()))
        return extent[0], extent[1]


def _steps(part: slice, pitch: int, end: float) -> NDArray[np.float64]:
    """Return the lattice along an axis: every ``pitch`` pixels, and the end.

    A last pixel that reaches beyond the image (which ends at ``end``) has a lattice cell of its own, cut there.
    """
    steps = np.append(np.arange(part.start, part.stop, pitch, dtype=np.float64), part.stop)
    return np.union1d(steps, part.stop - 1.0) if part.stop > end else steps


def _chosen_level(frame: _Frame) -> int:
    """Return the coarsest stored level of which a grid pixel is ``PIXELS_ACROSS`` pixels wide or more, else level 0."""
    down, across = frame.pixel_extent()
    number = 0
    for i, (height, width) in enumerate(frame.image.factors[: frame.image.n_stored]):
        if max(height * down, width * across) * PIXELS_ACROSS <= 1.0:
            number = i
    return number


def _note(frame: _Frame, number: int) -> tuple[str, bool]:
    image, factor = frame.image, frame.image.factors[number]
    size = max(e * f for e, f in zip(frame.pixel_extent(), factor, strict=True))
    told = f"averaged over level {number} of {image.n_stored}, its pixels {size:.3g} of a grid pixel wide"
    if size > 1.0:
        return f"{told}: coarser than the grid, so that neighbours share a value; nothing is interpolated", True
    return told, False


def _blocks(level: LazyArray, n_channels: int) -> list[Block]:
    """Cut a level into blocks of whole pieces, or of parts of a large piece, which is kept while they are used."""
    _, height, width = level.shape
    down, across = level.chunks
    most = max(1, BLOCK_PIXELS // n_channels)
    n_cols = min(width, across * max(1, 2048 // across))
    n_rows = min(height, down * max(1, most // n_cols // down))
    if n_rows * n_cols > 4 * most:
        n_cols = min(n_cols, most)
        n_rows = max(1, most // n_cols)
    return [
        (slice(top, min(top + n_rows, height)), slice(left, min(left + n_cols, width)))
        for top in range(0, height, n_rows)
        for left in range(0, width, n_cols)
    ]


def _read_ahead(
    level: LazyArray, channels: list[int], blocks: Iterator[tuple[int, Block, Nodes]]
) -> Iterator[tuple[int, NDArray[np.float64], Nodes]]:
    """Yield the blocks in their order, read by other threads while they are used: sums do not depend on the threads."""

    def load(block: Block) -> NDArray[np.float64]:
        values = np.empty((len(channels), *(part.stop - part.start for part in block)))
        for i, channel in enumerate(channels):
            values[i] = level.read((slice(channel, channel + 1), *block))[0]
        return values

    waiting: deque[tuple[int, Future[NDArray[np.float64]], Nodes]] = deque()
    with ThreadPoolExecutor(N_READERS) as readers:
        try:
            for i, block, nodes in blocks:
                waiting.append((i, readers.submit(load, block), nodes))
                if len(waiting) > N_READERS:
                    first, ready, its_nodes = waiting.popleft()
                    yield first, ready.result(), its_nodes
            while waiting:
                first, ready, its_nodes = waiting.popleft()
                yield first, ready.result(), its_nodes
        finally:
            for _, ready, _ in waiting:
                ready.cancel()
