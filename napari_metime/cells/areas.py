"""How large the cells of a table are: by a column, or by the boxes around them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_metime.cells.columns import UNIT_SIGNS, Unit

MAX_AREA = 1e24


@dataclass(frozen=True, slots=True, eq=False)
class Areas:
    """What is known of the areas.

    Parameters
    ----------
    area : ndarray of shape (n,), float64, in the unit of the positions squared, NaN where unknown; or empty
    told : where they are from
    warnings : what does not fit
    """

    area: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    told: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def column_areas(values: NDArray[np.float64], name: str) -> Areas:
    """Return the areas of a column in the right unit; those that are not above 0 are unknown."""
    area = _positive(values)
    return Areas(area, (f"area from {name!r}",)) if np.isfinite(area).any() else Areas()


def box_areas(box: NDArray[np.float64], other: NDArray[np.float64] | None, other_name: str, unit: Unit) -> Areas:
    """Return the areas of the ellipses in bounding boxes: pi / 4 width height.

    Parameters
    ----------
    box : ndarray of shape (n,), float64: width times height
    other : the areas of a column in µm² beside boxes in px, of which the size of a pixel follows; or None
    """
    area = _positive(np.pi / 4 * box)
    told = "area of the ellipse in the bounding box"
    if other is not None and unit == "px" and (ratio := _ratio(other, area)) > 0:
        told += f"; by {other_name!r} a px is some {ratio**0.5:.2f} µm"
    return Areas(area, (told,)) if np.isfinite(area).any() else Areas()


def check_areas(areas: Areas, box: NDArray[np.float64], unit: Unit) -> tuple[str, ...]:
    """Warn if areas are not those of the bounding boxes in the same unit: the unit is likely another one.

    A box of no size, as that of a position without one, says nothing.
    """
    ratio = _ratio(areas.area, np.pi / 4 * box) if areas.area.size else np.nan
    if np.isnan(ratio) or 0.5 < ratio < 2:
        return ()
    sign = UNIT_SIGNS[unit]
    return (f"the areas are {ratio:.2g} times those of the boxes in {sign}²: check whether cells.unit is {unit}",)


def _positive(area: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where((area > 0) & (area < MAX_AREA), area, np.nan)


def _ratio(of: NDArray[np.float64], to: NDArray[np.float64]) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = _positive(of) / _positive(to)
    known = ratio[np.isfinite(ratio)]
    return float(np.median(known)) if known.size else float("nan")
