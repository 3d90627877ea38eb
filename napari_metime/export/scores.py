"""Axis scores and ratios of a section, ready to print: what was found in each niche, and why not of the others."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from napari_metime.export.ions import MEMBER_MARK
from napari_metime.export.words import MISSING, Row, interval, is_known, name_of, number, p_value, signed
from napari_metime.section import AXIS_PREFIX, axis_label

MAX_MEMBERS = 4
"""Members of an axis that are named beside it, of either sign. Our own choice."""
_LEAST_REACH = 1.0
"""A drawn axis reaches at least to differences of 1 either way, so that a small one looks small."""


@dataclass(frozen=True, slots=True)
class Span:
    """A difference with its limits as places from 0 to 100, 50 = none."""

    x: float
    low: float
    high: float
    excludes_zero: bool


@dataclass(frozen=True, slots=True)
class AxisInNiche:
    """An axis score in one niche."""

    niche: str
    difference: str
    interval: str
    without_one: str
    most_moving: str
    rank: str
    p: str
    span: Span


@dataclass(frozen=True, slots=True)
class ScoredAxis:
    """An axis that was scored: of which members, and what it does in each niche."""

    axis: str
    n_members: int
    coverage: str
    members: str
    review_sign: str
    note: str
    niches: Sequence[AxisInNiche]


@dataclass(frozen=True, slots=True)
class RatioInRegion:
    """A ratio in one region; shares are per cent of its pixels."""

    region: str
    value: str
    interval: str
    difference: str
    difference_interval: str
    bound: str
    shares: Sequence[float]
    span: Span


@dataclass(frozen=True, slots=True)
class MeasuredRatio:
    """A ratio that was measured, region by region."""

    ratio: str
    axis: str
    reads: str
    note: str
    regions: Sequence[RatioInRegion]


@dataclass(frozen=True, slots=True)
class NotMeasured:
    """What could not be scored or measured, and why."""

    name: str
    axis: str
    reason: str


@dataclass(frozen=True, slots=True)
class Scores:
    """The axis scores and ratios of a section; ``axes_reach`` and ``ratios_reach``: the differences at place 98."""

    axes: Sequence[ScoredAxis]
    axes_reach: float
    single_ions: Sequence[NotMeasured]
    not_scored: Sequence[NotMeasured]
    ratios: Sequence[MeasuredRatio]
    ratios_reach: float
    not_measurable: Sequence[NotMeasured]


_BOUNDS = {"lower_bound": "at least", "upper_bound": "at most", "missing": "below the limits of detection"}
_SHARES = ("share_measured", "share_lower_bound", "share_upper_bound", "share_missing")


def scores_in_print(axes: pd.DataFrame, ratios: pd.DataFrame) -> Scores:
    """Sort the rows of axes.csv and ratios.csv, the largest difference first."""
    of_axes, of_ratios = _grouped(axes, "axis"), _grouped(ratios, "ratio")
    reach = _reach(axes, ("low", "high", "difference"))
    scored = [_scored(rows, reach) for rows in of_axes if rows[0]["status"] == "scored"]
    measured = [rows for rows in of_ratios if rows[0]["status"] != "not_measurable"]
    ratio_reach = _reach(ratios, ("difference_low", "difference_high", "difference"))
    return Scores(
        axes=scored,
        axes_reach=reach,
        single_ions=[_not_measured(rows[0], "axis") for rows in of_axes if rows[0]["status"] == "single_ion"],
        not_scored=[_not_measured(rows[0], "axis") for rows in of_axes if rows[0]["status"] == "not_scored"],
        ratios=[_measured(rows, ratio_reach) for rows in measured],
        ratios_reach=ratio_reach,
        not_measurable=[_not_measured(rows[0], "ratio") for rows in of_ratios if rows not in measured],
    )


def axes_made_of(axes: pd.DataFrame, channels: pd.DataFrame) -> Mapping[str, str]:
    """Say of what each scored axis is made, by its channel's name: "more L-Ornithine, less L-Arginine".

    Parameters
    ----------
    axes, channels : rows of axes.csv, and of channels.csv, which have the sign of each member for its axis
    """
    if axes.empty or "pathway_sign" not in channels:
        return {}
    signs = dict(zip(map(str, channels["channel"]), map(str, channels["pathway_sign"]), strict=True))
    scored = axes[axes["status"] == "scored"].drop_duplicates("axis")
    return {
        f"{AXIS_PREFIX}{axis}": _made_of(str(members).split(MEMBER_MARK), signs)
        for axis, members in zip(scored["axis"], scored["members"], strict=True)
    }


def _made_of(members: Sequence[str], signs: Mapping[str, str]) -> str:
    used_up = [name for name in members if signs.get(name, "").startswith("-")]
    more = [name for name in members if name not in used_up]
    parts = [f"{how} {_some(names)}" for how, names in (("more", more), ("less", used_up)) if names]
    return ", ".join(parts)


def _some(names: Sequence[str]) -> str:
    named = ", ".join(map(name_of, names[:MAX_MEMBERS]))
    left = len(names) - MAX_MEMBERS
    return f"{named} and {left} more" if left > 0 else named


def _grouped(table: pd.DataFrame, key: str) -> list[list[Row]]:
    """Rows of each axis or ratio; those that differ most in any niche come first."""
    groups: dict[str, list[Row]] = {}
    for row in table.to_dict("records"):
        groups.setdefault(str(row[key]), []).append({str(name): value for name, value in row.items()})
    return sorted(groups.values(), key=lambda rows: -max(_size(row["difference"]) for row in rows))


def _size(value: object) -> float:
    return abs(value) if is_known(value) else 0.0


def _reach(table: pd.DataFrame, columns: Iterable[str]) -> float:
    """How far a drawn axis must reach for all limits to be on it."""
    return max([_LEAST_REACH, *(_size(v) for name in columns if name in table for v in table[name])])


def _span(value: object, low: object, high: object, reach: float) -> Span:
    at = value if is_known(value) else 0.0
    has_limits = is_known(low) and is_known(high)
    first, last = (low, high) if is_known(low) and is_known(high) else (at, at)
    x, left, right = (round(50 + 48 * v / reach, 2) for v in (at, first, last))
    return Span(x, left, right, has_limits and (first > 0 or last < 0))


def _scored(rows: Sequence[Row], reach: float) -> ScoredAxis:
    first = rows[0]
    return ScoredAxis(
        axis=axis_label(str(first["axis"])),
        n_members=int(first["n_members"]),
        coverage=number(100 * first["coverage"]),
        members=str(first["members"]),
        review_sign=str(first["review_sign"]),
        note=_text(first["reason"]),
        niches=[_axis_in_niche(row, reach) for row in rows if str(row["region_id"]) not in ("rest", "domain")],
    )


def _axis_in_niche(row: Row, reach: float) -> AxisInNiche:
    return AxisInNiche(
        niche=f"Niche {row['region_id']}",
        difference=signed(row["difference"]),
        interval=interval(row["low"], row["high"], signed) or MISSING,
        without_one=interval(row["jackknife_low"], row["jackknife_high"], signed) or MISSING,
        most_moving=_text(row["most_moving"]),
        rank=signed(row["rank_difference"]),
        p=p_value(row["p_random_sets"]),
        span=_span(row["difference"], row["low"], row["high"], reach),
    )


def _measured(rows: Sequence[Row], reach: float) -> MeasuredRatio:
    first = rows[0]
    regions = [_in_region(row, reach) for row in rows if row["region_id"] != "domain"]
    note = "; ".join(filter(None, (_text(first[key]) for key in ("reason", "limits"))))
    ratio, axis = name_of(str(first["ratio"])), axis_label(str(first["axis"]))
    return MeasuredRatio(ratio, axis, _text(first["reads"]), note, regions)


def _in_region(row: Row, reach: float) -> RatioInRegion:
    region, low, high = str(row["region_id"]), row["difference_low"], row["difference_high"]
    return RatioInRegion(
        region=f"Niche {region}" if region.isdigit() else region.capitalize(),
        value=signed(row["log2_ratio"]),
        interval=interval(row["low"], row["high"], signed),
        difference=signed(row["difference"]),
        difference_interval=interval(low, high, signed),
        bound=_BOUNDS.get(str(row["status"]), ""),
        shares=[round(100 * row[name], 1) if is_known(row[name]) else 0.0 for name in _SHARES],
        span=_span(row["difference"], low, high, reach),
    )


def _not_measured(row: Row, key: str) -> NotMeasured:
    axis = axis_label(str(row["axis"]))
    return NotMeasured(axis if key == "axis" else name_of(str(row[key])), axis, _text(row["reason"]))


def _text(value: object) -> str:
    return "" if value is None or (isinstance(value, float) and math.isnan(value)) else str(value)
