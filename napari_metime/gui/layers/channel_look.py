"""How a channel looks wherever it is drawn: its colours, what is darkest and brightest, and its unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from napari.layers import Image
from napari.utils import Colormap
from napari.utils.colormaps import ensure_colormap
from napari.utils.colormaps.standardize_color import transform_color
from numpy.typing import NDArray

from napari_metime.export.colours import DIVERGING_COLOURS
from napari_metime.export.images import contrast_limits
from napari_metime.export.words import DIVISORS
from napari_metime.section import Channel

UNITS = {"ratio": "log₂ ratio", "axis": "z"}
DIVERGING_PERCENTILES = (5, 95)
"""Between which a ratio or score is told by its colour: a pixel that an ion is missing from by chance lies outside."""
TITLE_PT, LONG_TITLE_PT, LONG_TITLE = 10, 8, 44
"""Size of a title on the canvas; a longer one than LONG_TITLE letters would run into the colour bar."""
NARROW_BAR, NARROW_PT, CROWDED_TITLE_PT = (12, 90), 8, 7
"""Of several maps in sight together: each colour bar (px, pt), which napari puts side by side, and each title."""


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
    return Look(Colormap(colours, name="diverging", nan_color=(0, 0, 0, 0)), (-reach, reach))


def shown_image(channel: Channel, inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the image of a channel as it is drawn: of a ratio or score what lies off the tissue says nothing.

    Parameters
    ----------
    inside : ndarray of the shape of the image, bool: the tissue
    """
    if not channel.is_logarithmic:
        return channel.image
    return np.where(inside, channel.image, np.float32(np.nan))


def has_values(channel: Channel, image: NDArray[np.float32]) -> bool:
    """Whether there is anything to tell by colours: an intensity above zero, or any ratio or score."""
    return bool(np.isfinite(image).any() if channel.is_logarithmic else (image > 0).any())


def title_of(name: str, unit: str, *, is_found: bool = True) -> str:
    """Return what an image is called in the layers and on the canvas: its name with its unit, or that it is nowhere."""
    if not is_found:
        return f"{name}: not found in any pixel"
    return f"{name} ({unit})" if unit else name


def explain(layer: Image, title: str, *, is_found: bool = True, has_others: bool = False) -> None:
    """Name an image in the layers and on the canvas, and show its colour bar where there are values to tell by it.

    The colour bar itself has no place for a title.

    Parameters
    ----------
    has_others : it is in sight together with others, whose titles and colour bars need their room
    """
    layer.name = layer.metadata["title"] = title
    layer.name_overlay.font_size = LONG_TITLE_PT if len(title) > LONG_TITLE else TITLE_PT
    if has_others:
        layer.name_overlay.font_size = CROWDED_TITLE_PT
        layer.colorbar.size, layer.colorbar.font_size = NARROW_BAR, NARROW_PT
    layer.name_overlay.visible = True
    layer.colorbar.visible = is_found


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
    """Return the unit of an ion image by the recipe's word for what intensities are divided by.

    They are multiplied by the median of the divisor, too, so that they stay intensities: see ``ims.scale_factors``.
    """
    return f"intensity at median {DIVISORS[normalize].short}" if normalize in DIVISORS else "intensity"


def rgba_of(image: NDArray[np.float32], look: Look) -> NDArray[np.uint8]:
    """Return an image in its colours, shape (rows, cols, 4); what is not finite is transparent."""
    low, high = look.limits
    shown = np.isfinite(image)
    scaled = np.clip((np.where(shown, image, low) - low) / (high - low), 0.0, 1.0)
    colours: NDArray[np.float32] = look.colormap.map(scaled.ravel())
    rgba = (255 * colours).round().astype(np.uint8).reshape(*image.shape, 4)
    rgba[~shown] = 0
    return rgba
