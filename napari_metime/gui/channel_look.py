"""How a channel looks wherever it is drawn: its colours, what is darkest and brightest, and its unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from napari.utils import Colormap
from napari.utils.colormaps import ensure_colormap
from napari.utils.colormaps.standardize_color import transform_color
from numpy.typing import NDArray

from napari_metime.export.colours import DIVERGING_COLOURS
from napari_metime.export.images import contrast_limits
from napari_metime.section import Channel

UNITS = {"ratio": "log₂ ratio", "axis": "z"}
DIVISORS = {"tic": "TIC", "rms": "RMS", "median": "median", "reference": "reference ion", "table": "table"}
"""What an intensity is divided by, short enough for the name of a layer."""

DIVERGING_PERCENTILES = (5, 95)
"""Between which a ratio or score is told by its colour: a pixel that an ion is missing from by chance lies outside."""


@dataclass(frozen=True, slots=True)
class Look:
    """Colours and limits of an image; what is not finite is transparent."""

    colormap: Colormap
    limits: tuple[float, float]


def look_of(channel: Channel, inside: NDArray[np.bool_]) -> Look:
    """Return the look of a channel.

    Ratios and axis scores diverge from zero: their limits lie as far below it as above.

    Parameters
    ----------
    inside : ndarray of the shape of the image, bool: where contrast is judged
    """
    if not channel.is_logarithmic:
        return Look(ensure_colormap("inferno"), contrast_limits(channel.image, inside))
    known = channel.image[inside & np.isfinite(channel.image)]
    reach = float(np.abs(np.percentile(known, DIVERGING_PERCENTILES)).max()) if known.size else 0.0
    reach = reach or 1.0
    colours = np.asarray(transform_color(list(DIVERGING_COLOURS)))
    return Look(Colormap(colours, name="metime-diverging", nan_color=(0, 0, 0, 0)), (-reach, reach))


def unit_of(channel: Channel, normalize: str) -> str:
    """Return the unit of a channel's values; empty where an image came without one.

    Parameters
    ----------
    normalize : the recipe's word for what intensities are divided by
    """
    if channel.kind == "ion":
        return intensity_unit(normalize)
    return UNITS.get(channel.kind, channel.unit)


def intensity_unit(normalize: str) -> str:
    """Return the unit of an ion image by the recipe's word for what intensities are divided by."""
    return f"intensity / {DIVISORS[normalize]}" if normalize in DIVISORS else "intensity"


def rgba_of(image: NDArray[np.float32], look: Look) -> NDArray[np.uint8]:
    """Return an image in its colours, shape (rows, cols, 4); what is not finite is transparent."""
    low, high = look.limits
    shown = np.isfinite(image)
    scaled = np.clip((np.where(shown, image, low) - low) / (high - low), 0.0, 1.0)
    colours: NDArray[np.float32] = look.colormap.map(scaled.ravel())
    rgba = (255 * colours).round().astype(np.uint8).reshape(*image.shape, 4)
    rgba[~shown] = 0
    return rgba
