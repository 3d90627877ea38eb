"""Microscopy as layers: one a channel, or one in its own colours, read only where somebody looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image
from numpy.typing import NDArray

from napari_metime.gui.layers.frame import KEY, MICROMETRES
from napari_metime.microscopy import MicroscopyImage, open_microscopy
from napari_metime.section import Alignment, Progress

MAX_LAYERS = 24
"""Channels that get a layer; each costs time and a line of the list, in sight or not. Our own choice."""
N_VISIBLE = 3
NUCLEAR = ("dapi", "hoechst", "dna", "nuclei", "draq5", "syto")
NUCLEAR_COLOUR = "blue"
COLOURS = ("green", "magenta", "yellow", "cyan", "red", "bop orange")
SHOWN_PERCENTILES = (1.0, 99.7)
WINDOW_PIXELS, N_WINDOWS = 128, 3
"""Where nothing but the contrast is needed: N_WINDOWS x N_WINDOWS looks of this size into the smallest stored level."""


@dataclass(frozen=True, slots=True, eq=False)
class LookedAt:
    """An opened image with what its layers need at once.

    Parameters
    ----------
    overview : the lowest level of the channels that are in sight first, (y, x) each; of RGB (y, x, 3) under 0
    limits : (low, high) of each channel that gets a layer
    """

    image: MicroscopyImage
    overview: Mapping[int, NDArray[Any]]
    limits: tuple[tuple[float, float], ...]


def look_at(path: Path, pixel_size_um: float | None, on_progress: Progress) -> LookedAt:
    """Open an image and read the little that its layers need at once; for a thread.

    Raises
    ------
    MissingFileError, MicroscopyError
        It cannot be opened.
    """
    image = open_microscopy(path, pixel_size_um=pixel_size_um)
    lowest = image.levels[-1]
    if image.is_rgb:
        return LookedAt(image, {0: np.asarray(lowest.as_rgb()[:, :, :])}, ())
    overview, limits = {}, []
    for channel in range(min(image.n_channels, MAX_LAYERS)):
        on_progress(channel / image.n_channels, f"looking at {image.channel_names[channel]}")
        if channel < N_VISIBLE:
            overview[channel] = np.asarray(lowest.plane(channel)[:, :])
        limits.append(_limits(overview[channel] if channel in overview else _windows(image, channel)))
    return LookedAt(image, overview, tuple(limits))


def microscopy_layers(found: LookedAt, alignment: Alignment, units: tuple[float, float]) -> list[Image]:
    """Return the layers of an image, in the section frame by the matrix of the alignment."""
    image, affine = found.image, affine_of(alignment, units)
    if image.is_rgb:
        data = [level.as_rgb() for level in image.levels[:-1]] + [found.overview[0]]
        return [_layer(data, affine, image.path.stem, rgb=True)]
    made = []
    colours = iter(COLOURS * (MAX_LAYERS // len(COLOURS) + 1))
    for channel, limits in enumerate(found.limits):
        name = image.channel_names[channel]
        data = [level.plane(channel) for level in image.levels]
        if channel in found.overview:
            data[-1] = found.overview[channel]
        is_nuclear = any(word in name.casefold() for word in NUCLEAR)
        colour = "gray" if image.n_channels == 1 else NUCLEAR_COLOUR if is_nuclear else next(colours)
        layer = _layer(data, affine, name, colormap=colour, contrast_limits=limits, blending="additive")
        layer.visible = channel < N_VISIBLE
        made.append(layer)
    return made


def affine_of(alignment: Alignment, units: tuple[float, float]) -> NDArray[np.float64]:
    """Return the affine from (row, col) of level 0, whole at the centre of a pixel, to section (y, x) in µm.

    Only the matrix: what a thin plate or B-spline bends beyond it no layer can show.

    Parameters
    ----------
    units : (y, x): units of the cell table in a pixel
    """
    unit_y, unit_x = units
    to_source = np.array([[unit_x, 0, unit_x / 2], [0, unit_y, unit_y / 2], [0, 0, 1]])
    swap = np.array([[0.0, 1, 0], [1, 0, 0], [0, 0, 1]])
    return np.asarray(swap @ alignment.matrix @ to_source @ swap, dtype=np.float64)


def _layer(data: list[Any], affine: NDArray[np.float64], name: str, **how: Any) -> Image:
    is_multiscale = len(data) > 1
    return Image(
        data if is_multiscale else data[0],
        multiscale=is_multiscale,
        name=name,
        affine=affine,
        metadata={KEY: "microscopy", "channel": name},
        **how,
        **MICROMETRES,
    )


def _limits(values: NDArray[Any]) -> tuple[float, float]:
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values.ravel()
    if not finite.size:
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(finite, SHOWN_PERCENTILES))
    return (low, high) if high > low else (low, low + 1.0)


def _windows(image: MicroscopyImage, channel: int) -> NDArray[Any]:
    plane = image.levels[image.n_stored - 1].plane(channel)
    height, width = plane.shape
    looks = [
        plane[y : y + WINDOW_PIXELS, x : x + WINDOW_PIXELS].ravel()
        for y in np.linspace(0, max(height - WINDOW_PIXELS, 0), N_WINDOWS).astype(int).tolist()
        for x in np.linspace(0, max(width - WINDOW_PIXELS, 0), N_WINDOWS).astype(int).tolist()
    ]
    return np.concatenate(looks)
