"""Which channels differ most between a niche and the rest, ready to print and to draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from napari_metime.export.words import (
    FEW_PLACES,
    LARGE_OWN_SHARE,
    MISSING,
    Row,
    interval,
    is_known,
    moved_q,
    name_of,
    number,
    p_value,
    percent,
    plural,
    signed,
)

MAX_NICHES = 6
MAX_CHANNELS = 8


@dataclass(frozen=True, slots=True)
class Change:
    """One channel in one niche; ``x``, ``low`` and ``high`` are places from 0 to 100, 50 = no difference.

    ``name`` is its name in the tables, ``channel`` what a reader is shown.
    """

    name: str
    channel: str
    is_logarithmic: bool
    mean: str
    estimate: str
    interval: str
    x: float
    low: float
    high: float
    excludes_zero: bool
    matched: str
    q: str


@dataclass(frozen=True, slots=True)
class NicheChanges:
    """The channels of one niche with the largest differences, largest first.

    Parameters
    ----------
    note : what the matched q rests on
    reach : the difference at place 98, the same for all niches
    """

    region_id: str
    changes: Sequence[Change]
    note: str
    reach: float

    @property
    def is_matched(self) -> bool:
        """Whether the niche was compared with matched tissue."""
        return any(change.matched != MISSING for change in self.changes)


def channel_changes(niches: Sequence[Row], is_logarithmic: Mapping[str, bool]) -> list[NicheChanges]:
    """Pick the channels that differ most in each niche.

    Parameters
    ----------
    niches : rows of regions.csv
    is_logarithmic : by channel name: a difference of means rather than a log2 fold change
    """
    top = [(row, _largest(row, is_logarithmic)) for row in niches[:MAX_NICHES]]
    reach = max((_reach(row, name) for row, names in top for name in names), default=1.0) or 1.0
    return [
        NicheChanges(str(row["region_id"]), _changes(row, names, is_logarithmic, reach), matched_note(row), reach)
        for row, names in top
        if names
    ]


def matched_note(row: Row) -> str:
    """Say at how many places a niche was compared with matched tissue, and when its q can hardly be small.

    Empty where a table does not say.
    """
    n, own = row.get("n_moved"), row.get("own_matched_share")
    if not is_known(n):
        return ""
    text = f"Matched: the niche's shape was moved to {plural(int(n), 'other place')}"
    has_p = any(name.startswith("p_moved_") and is_known(value) for name, value in row.items())
    if not has_p:
        return f"{text}; that is too few for a q, or too much of the domain is the niche itself."
    text += f", so that no p or q can be below {p_value(1 / (1 + n))}"
    if n < FEW_PLACES:
        text += "; with so few places a large q says little"
    if is_known(own) and own > LARGE_OWN_SHARE:
        text += (
            f"; {percent(own)} of the tissue that is as deep and as tumour-rich is the niche itself, which leaves "
            "little to tell it from, so its q can be large even where it differs as much as others do"
        )
    return f"{text}."


def _changes(row: Row, names: Sequence[str], is_logarithmic: Mapping[str, bool], reach: float) -> list[Change]:
    q = moved_q(row, is_logarithmic)
    return [_change(row, name, is_logarithmic[name], reach, q) for name in names]


def _largest(row: Row, names: Mapping[str, bool]) -> list[str]:
    known = [name for name in names if is_known(row[f"log2fc_{name}"])]
    return sorted(known, key=lambda name: -abs(row[f"log2fc_{name}"]))[:MAX_CHANNELS]


def _reach(row: Row, name: str) -> float:
    values = (row[f"log2fc{part}_{name}"] for part in ("", "_low", "_high"))
    return max(abs(float(value)) for value in values if is_known(value))


def _change(row: Row, name: str, is_logarithmic: bool, reach: float, q: Mapping[str, float]) -> Change:
    value, low, high = (row[f"log2fc{part}_{name}"] for part in ("", "_low", "_high"))
    has_interval = is_known(low) and is_known(high)

    def place(at: float) -> float:
        return round(50 + 48 * at / reach, 2)

    return Change(
        name=name,
        channel=name_of(name),
        is_logarithmic=is_logarithmic,
        mean=number(row[f"mean_{name}"], 3),
        estimate=signed(value),
        interval=interval(low, high, signed),
        x=place(value),
        low=place(low if has_interval else value),
        high=place(high if has_interval else value),
        excludes_zero=has_interval and (low > 0 or high < 0),
        matched=signed(row.get(f"matched_log2fc_{name}")),
        q=p_value(q.get(name)),
    )
