"""Ratios of metabolites: log2 of two sums of ion images, with what lies below the limit of detection told apart.

Intensities are relative, as ions differ in how well they are formed: a ratio says where in a section it is higher,
and never how much there is of what. See ``docs/scores.md``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_metime.metabolites.axes import named, verdict_of
from napari_metime.metabolites.ratio_table import Ratio, Weighted
from napari_metime.metabolites.standard import Limit

Bound = Literal["measured", "lower_bound", "upper_bound", "missing"]


@dataclass(frozen=True, slots=True)
class RatioPlan:
    """A ratio of the panel, and what this file allows of it.

    Parameters
    ----------
    numerator, denominator : name and weight of the seen members; empty where it cannot be measured
    reason : why it cannot be measured; else what is to be said of it, or nothing
    """

    ratio: Ratio
    numerator: Weighted
    denominator: Weighted
    missing: tuple[str, ...]
    is_measurable: bool
    reason: str

    @property
    def members(self) -> tuple[str, ...]:
        """Names of the members that are used, each once."""
        return tuple(dict.fromkeys(name for name, _ in (*self.numerator, *self.denominator)))


def plan_ratio(ratio: Ratio, rows: Mapping[str, Mapping[str, Any]], there: Collection[str]) -> RatioPlan:
    """Say whether a ratio can be measured: by a seen member on each side, or all where it would be another without one.

    Parameters
    ----------
    rows : of channels.csv, by channel
    there : names of the members that are seen
    """
    above, below = (tuple(m for m in side if m[0] in there) for side in (ratio.numerator, ratio.denominator))
    names = dict.fromkeys(name for name, _ in (*ratio.numerator, *ratio.denominator))
    missing = tuple(name for name in names if name not in there)
    needed = list(missing) if ratio.needs_all else []
    sides = ((above, ratio.numerator), (below, ratio.denominator))
    needed += [name for kept, side in sides if not kept for name, _ in side if name not in needed]
    # A denominator that holds the numerator needs something else too, or the ratio is that of a sum to itself.
    others = [name for name, _ in ratio.denominator if name not in dict(ratio.numerator)]
    if others and not any(name in there for name in others):
        needed += [name for name in others if name not in needed]
    why = "; ".join(f"{name}: {_why(rows.get(name))}" for name in needed)
    if not why and ratio.less_off_tissue:
        why = "; ".join(
            f"{name}: what it has off the tissue is not known, and has to be taken off"
            for name in names
            if name in there and not np.isfinite(mean_off_tissue(rows[name]))
        )
    if why:
        return RatioPlan(ratio, (), (), missing, False, why)
    told = [f"without {named(missing)} ({'; '.join(_why(rows.get(name)) for name in missing)})"] if missing else []
    adducts = list(dict.fromkeys(str(rows[name].get("adduct") or "") for name, _ in (*above, *below)))
    if len(adducts) > 1:
        told.append(f"mixed adducts ({', '.join(adducts)}): salt, where it differs, changes it too")
    return RatioPlan(ratio, above, below, missing, True, "; ".join(told))


def mean_off_tissue(row: Mapping[str, Any]) -> float:
    """Return the mean intensity of a member off the tissue, from its row of channels.csv; NaN where it is not known."""
    return float(row.get("off_to_on", np.nan)) * float(row.get("mean_intensity", np.nan))


def _why(row: Mapping[str, Any] | None) -> str:
    return "not in the panel" if row is None else verdict_of(row)


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """Numerator or denominator: the weighted sum of its members, and the limit of detection of that sum.

    Parameters
    ----------
    image : ndarray of shape (rows, cols), float64; NaN where any member was not measured
    limit : sum of the members' weighted limits
    members : names of the members that are in it
    """

    image: NDArray[np.float64]
    limit: float
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shares:
    """What the limits of detection leave of a ratio, as shares of some pixels; they sum to 1."""

    measured: float
    lower_bound: float
    upper_bound: float
    missing: float


def sum_side(
    members: Weighted,
    images: Mapping[str, NDArray[np.float32]],
    limits: Mapping[str, Limit],
    taken_off: Mapping[str, float] = MappingProxyType({}),
) -> Side:
    """Add the images of the members that there are; limits add likewise.

    Parameters
    ----------
    members : name and weight of each
    taken_off : what is taken off the intensity of a member, and off its limit, which then is that of what is left
    """
    there = [(name, weight) for name, weight in members if name in images]
    less = {name: taken_off.get(name, 0.0) for name, _ in there}
    left = [weight * np.maximum(images[name].astype(np.float64) - less[name], 0.0) for name, weight in there]
    limit = sum(weight * ((limits[name].value - less[name]) or limits[name].value) for name, weight in there)
    return Side(np.sum(left, axis=0), float(limit), tuple(name for name, _ in there))


def ratio_image(above: Side, below: Side) -> NDArray[np.float32]:
    """Return log2((A + eA) / (B + eB)) by pixel, e = half the limit of detection.

    Only the denominator below its limit: the value is a lower bound; only the numerator: an upper bound.

    Returns
    -------
    ndarray of shape (rows, cols), float32; NaN where both sides are below their limits, or one was not measured
    """
    known = np.isfinite(above.image) & np.isfinite(below.image)
    known &= (above.image >= above.limit) | (below.image >= below.limit)
    a, b = (np.maximum(np.where(known, side.image, 0.0), 0.0) + side.limit / 2 for side in (above, below))
    return np.where(known, np.log2(a / b), np.nan).astype(np.float32)


def ratio_shares(above: Side, below: Side, region: NDArray[np.bool_]) -> Shares:
    """Count of which pixels of a region a ratio is measured, bounded or missing.

    Parameters
    ----------
    region : ndarray of shape (rows, cols), bool
    """
    a, b = above.image[region], below.image[region]
    known = np.isfinite(a) & np.isfinite(b)
    has_a, has_b = known & (a >= above.limit), known & (b >= below.limit)
    n = max(a.size, 1)
    both, only_a, only_b = (int(w.sum()) for w in (has_a & has_b, has_a & ~has_b, has_b & ~has_a))
    return Shares(both / n, only_a / n, only_b / n, (a.size - both - only_a - only_b) / n)


@dataclass(frozen=True, slots=True)
class RegionRatio:
    """log2(sum A / sum B) over a region.

    Parameters
    ----------
    log2 : of a bound, with the limit of detection in place of the side that is below it; NaN where missing
    bound : by the mean of each side over the region against its limit of detection
    mean_above, mean_below : of the two sides, by which they are divided when their error is asked
    """

    log2: float
    bound: Bound
    mean_above: float
    mean_below: float


def region_ratio(above: Side, below: Side, region: NDArray[np.bool_]) -> RegionRatio:
    """Divide the sums of two sides over the pixels of a region in which both were measured."""
    here = region & np.isfinite(above.image) & np.isfinite(below.image)
    if not here.any():
        return RegionRatio(np.nan, "missing", np.nan, np.nan)
    a, b = float(above.image[here].mean()), float(below.image[here].mean())
    # The limit is that of a pixel; a mean over many is surer, so this errs on the careful side.
    has_a, has_b = a >= above.limit, b >= below.limit
    if not (has_a or has_b):
        return RegionRatio(np.nan, "missing", a, b)
    bound: Bound = "measured" if has_a and has_b else "lower_bound" if has_a else "upper_bound"
    # All that is known of a side below its limit is that it is no more than that.
    return RegionRatio(float(np.log2(max(a, above.limit) / max(b, below.limit))), bound, a, b)
