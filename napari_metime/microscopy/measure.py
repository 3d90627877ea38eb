"""Microscopy as channels of the section, and as masks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from skimage.filters import threshold_otsu

from napari_metime.errors import MicroscopyError
from napari_metime.microscopy.image import MicroscopyImage
from napari_metime.microscopy.on_grid import channels_on_grid
from napari_metime.section import Alignment, Channel, Grid, Progress, no_progress


def microscopy_channels(
    image: MicroscopyImage,
    channels: Mapping[str, int],
    alignment: Alignment,
    grid: Grid,
    measured: NDArray[np.bool_],
    *,
    units: tuple[float, float],
    on_progress: Progress = no_progress,
) -> tuple[tuple[Channel, ...], tuple[str, ...]]:
    """Bring channels of the microscopy onto the grid, as channels of the section; and say how.

    Parameters
    ----------
    channels : the name that the tables use, and the channel, counted from 0
    alignment : from the cell table's own unit to section µm
    measured : ndarray of shape (rows, cols), bool; elsewhere the channels are NaN
    units : see ``units_per_pixel``

    Raises
    ------
    MicroscopyError
        The image has no such channel, or cannot be read.
    """
    if not channels:
        return (), ()
    found = channels_on_grid(image, list(channels.values()), alignment, grid, units=units, on_progress=on_progress)
    made, told = [], [f"{image.path.name}: {found[0].note}."] if found[0].is_coarse else []
    for name, on_grid in zip(channels, found, strict=True):
        values = np.where(measured, on_grid.values, np.float32(np.nan))
        made.append(Channel(name, "image", values))
        n_without = int((measured & ~np.isfinite(values)).sum())
        if n_without:
            told.append(
                f"{name}: {n_without:,} of {int(measured.sum()):,} measured pixels lie outside the microscopy; "
                "they count as not measured there."
            )
    return tuple(made), tuple(told)


def mask_from_channel(values: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return where a channel on the grid is above its threshold by Otsu's method; NaN is not.

    Parameters
    ----------
    values : ndarray of shape (rows, cols), float32; NaN where not measured

    Raises
    ------
    MicroscopyError
        There are not two values that a threshold could tell apart.

    Notes
    -----
    Otsu 1979 (IEEE Trans. SMC 9:62), over the finite values.
    """
    finite = values[np.isfinite(values)]
    if not finite.size or finite.min() == finite.max():
        raise MicroscopyError(
            "expected a channel of the microscopy that differs over the section, found "
            f"{'no values' if not finite.size else 'one value only'}; check the alignment and the channel"
        )
    threshold = threshold_otsu(finite)  # type: ignore[no-untyped-call]
    return np.asarray(np.isfinite(values) & (values > threshold))
