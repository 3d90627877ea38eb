"""Microscopy: opened lazily, and brought onto the imaging grid by area."""

from __future__ import annotations

from napari_metime.microscopy.image import MicroscopyImage, channel_index, units_per_pixel
from napari_metime.microscopy.lazy import LazyArray
from napari_metime.microscopy.measure import mask_from_channel, microscopy_channels
from napari_metime.microscopy.on_grid import OnGrid, channel_on_grid, footprint_on_grid
from napari_metime.microscopy.opening import open_microscopy

__all__ = [
    "LazyArray",
    "MicroscopyImage",
    "OnGrid",
    "channel_index",
    "channel_on_grid",
    "footprint_on_grid",
    "mask_from_channel",
    "microscopy_channels",
    "open_microscopy",
    "units_per_pixel",
]
