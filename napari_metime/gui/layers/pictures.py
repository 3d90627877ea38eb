"""The small pictures in napari's list of layers, where napari itself leaves them black.

It draws none of an image before that has been in sight, and none of vectors, nor of a few points, to be recognised.
"""

from __future__ import annotations

import numpy as np
from napari.layers import Image, Layer, Points
from napari.utils.colormaps.standardize_color import transform_color
from numpy.typing import NDArray

SIDE = 32
"""Rows and columns of such a picture, as napari has them."""
RING = (11.0, 15.0)
"""Inner and outer radius of what stands for points, and of the square frame for outlines, in its pixels."""


def picture_image(layer: Image) -> None:
    """Give an image its picture; napari, which empties that of a hidden one, draws it anew once it is in sight."""
    layer.events.thumbnail.connect(_keep)
    layer.thumbnail = _map(layer)


def _map(layer: Image) -> NDArray[np.uint8]:
    rows, cols = layer.data.shape
    step = max(rows, cols) / SIDE
    at = np.arange(SIDE) * step + step / 2 - (max(rows, cols) - np.array([[rows], [cols]])) / 2
    row, col = np.floor(at).astype(int)
    inside = ((row >= 0) & (row < rows))[:, None] & (col >= 0) & (col < cols)
    values = layer.data[np.clip(row, 0, rows - 1)][:, np.clip(col, 0, cols - 1)]
    low, high = layer.contrast_limits
    known = np.isfinite(values)
    scaled = np.clip((np.where(known, values, low) - low) / (high - low), 0, 1)
    colours = np.asarray(layer.colormap.map(scaled.ravel())).reshape(SIDE, SIDE, 4)
    colours[~(inside & known)] = 0
    picture: NDArray[np.uint8] = (255 * colours).round().astype(np.uint8)
    return picture


def picture_shape(layer: Layer) -> None:
    """Let the picture of outlines be a frame, and that of points a disc, in the first of ``metadata["colours"]``."""
    layer.events.thumbnail.connect(_keep)
    layer.thumbnail = _shape(layer)


def _keep(event: object) -> None:
    """Put a picture back that napari has drawn over."""
    layer = event.source  # type: ignore[attr-defined]  # napari's events have no types
    if isinstance(layer, Image) and layer.visible:
        return
    with layer.events.thumbnail.blocker(_keep):
        layer.thumbnail = _map(layer) if isinstance(layer, Image) else _shape(layer)


def _shape(layer: Layer) -> NDArray[np.uint8]:
    colours = list(layer.metadata["colours"].values())
    picture = np.zeros((SIDE, SIDE, 4), dtype=np.uint8)
    if not colours:
        return picture
    away = np.abs(np.arange(SIDE) - (SIDE - 1) / 2)
    if isinstance(layer, Points):
        is_in = np.hypot(away[:, None], away) < RING[0]
    else:
        far = np.maximum(away[:, None], away)
        is_in = (far > RING[0]) & (far < RING[1])
    picture[is_in] = np.round(255 * np.asarray(transform_color(colours[0]))[0]).astype(np.uint8)
    return picture
