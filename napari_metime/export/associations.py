"""The associations of a section, ready to print and to draw: what was tested, and why the others were not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from napari_metime.export.words import MISSING, Row, count, interval, is_known, name_of, number, p_value, signed
from napari_metime.section import AXIS_PREFIX, axis_label

MAX_TESTED = 20
"""Channels beside the axes that the report lists. Our own choice."""
MAX_NAMES = 12
"""Channels that are named for one reason not to test. Our own choice."""
_NORMAL_95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class TestedChannel:
    """One tested channel; ``x``, ``low`` and ``high`` are places from 0 to 100, r = -1 to 1.

    ``name`` is its name in the tables, ``channel`` what a reader is shown.
    """

    name: str
    channel: str
    axis: str
    raw: str
    estimate: str
    interval: str
    ess: str
    p: str
    q: str
    peak: str
    x: float
    low: float
    high: float
    excludes_zero: bool


@dataclass(frozen=True, slots=True)
class Untested:
    """Why some channels were not tested, and which."""

    reason: str
    n: int
    names: Sequence[str]

    @property
    def n_more(self) -> int:
        """How many are not named."""
        return self.n - len(self.names)


@dataclass(frozen=True, slots=True)
class Associations:
    """The families of tested channels, the smallest q first, and what was not tested."""

    axes: Sequence[TestedChannel]
    channels: Sequence[TestedChannel]
    n_channels: int
    untested: Sequence[Untested]

    @property
    def has_peak(self) -> bool:
        """Whether it is known at which shift a correlation is strongest."""
        return any(each.peak != MISSING for each in (*self.axes, *self.channels))


def associations_in_print(table: pd.DataFrame, channels: pd.DataFrame) -> Associations:
    """Sort the rows of associations.csv into families and reasons; ``channels``: the rows of channels.csv."""
    of_panel = panel_axes(channels)
    rows = [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]
    tested = sorted((row for row in rows if row["status"] == "tested"), key=rank_of)
    axes = [_tested(row, of_panel) for row in tested if row["kind"] == "axis"]
    others = [row for row in tested if row["kind"] != "axis"]
    reasons: dict[str, list[str]] = {}
    for row in rows:
        if row["status"] == "not_testable":
            reason = row.get("reason")
            reasons.setdefault(reason if isinstance(reason, str) and reason else "no reason given", []).append(
                name_of(str(row["channel"]))
            )
    untested = [Untested(reason, len(names), names[:MAX_NAMES]) for reason, names in reasons.items()]
    listed = [_tested(row, of_panel) for row in others[:MAX_TESTED]]
    return Associations(axes, listed, len(others), sorted(untested, key=lambda each: -each.n))


def r_limits(row: Row) -> tuple[float, float]:
    """Return the 95 % limits of a partial correlation, tanh(z -+ 1.96 se_z) (Fisher 1921, Metron 1:3); NaN without."""
    z, error = row.get("z"), row.get("se_z")
    if not (is_known(z) and is_known(error)):
        return math.nan, math.nan
    return math.tanh(z - _NORMAL_95 * error), math.tanh(z + _NORMAL_95 * error)


def rank_of(row: Row) -> tuple[float, float]:
    """Return what rows are sorted by: the smallest q first, then the strongest correlation."""
    q, r = row.get("q"), row.get("r_partial")
    return (q if is_known(q) else math.inf), -abs(r if is_known(r) else 0.0)


def _tested(row: Row, of_panel: Mapping[str, str]) -> TestedChannel:
    low, high = r_limits(row)
    value = row.get("r_partial")
    at = value if is_known(value) else 0.0
    has_interval = is_known(low)
    return TestedChannel(
        name=str(row["channel"]),
        channel=name_of(str(row["channel"])),
        axis="" if row["kind"] == "axis" else axis_of(str(row["channel"]), of_panel),
        raw=signed(row.get("r")),
        estimate=signed(value),
        interval=interval(low, high, signed),
        ess=count(row.get("ess")),
        p=p_value(max(filter(is_known, (row.get("p_modified_t"), row.get("p_shift"))), default=None)),
        q=p_value(row.get("q")),
        peak=number(row.get("peak_shift_um")),
        x=_place(at),
        low=_place(low if has_interval else at),
        high=_place(high if has_interval else at),
        excludes_zero=has_interval and (low > 0 or high < 0),
    )


def _place(r: float) -> float:
    return round(50 + 48 * r, 2)


def axis_of(channel: str, of_panel: Mapping[str, str]) -> str:
    """Return the metabolic axis of a channel in words; empty where it has none.

    Parameters
    ----------
    of_panel : axis of each channel of channels.csv, as ``panel_axes`` gives them
    """
    axis = channel.removeprefix(AXIS_PREFIX) if channel.startswith(AXIS_PREFIX) else of_panel.get(channel, "")
    return axis_label(axis) if axis else ""


def panel_axes(table: pd.DataFrame) -> Mapping[str, str]:
    """Return the axis of each channel of channels.csv that has one."""
    if "axis" not in table:
        return {}
    known = table[["channel", "axis"]].dropna()
    return dict(zip(known["channel"].astype(str), known["axis"].astype(str), strict=True))
