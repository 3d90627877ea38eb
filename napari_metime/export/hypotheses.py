"""The hypotheses of the review, ready to print: in the order of their table, each with its caveat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from napari_metime.export.words import (
    LOGARITHMIC,
    MAX_Q_MOVED,
    MISSING,
    Row,
    in_labels,
    interval,
    is_known,
    moved_q,
    name_of,
    p_value,
    signed,
)
from napari_metime.section import axis_label

WHOLE_SECTION = "section"


@dataclass(frozen=True, slots=True)
class ConditionInNiche:
    """One channel that a hypothesis asks for, in one niche: against the rest, and against matched tissue."""

    channel: str
    direction: str
    estimate: str
    interval: str
    cutoff: str
    matched: str
    agrees: bool
    """Whether the niche differs from matched tissue as asked, too; true where it was not compared with any."""


@dataclass(slots=True)
class HypothesisInNiche:
    """A hypothesis in one niche; ``niche`` is empty where it holds for the section."""

    niche: str
    status: str
    reason: str
    conditions: list[ConditionInNiche] = field(default_factory=list)

    @property
    def against(self) -> str:
        """What the status rests on, in words; empty where nothing could be compared."""
        if not self.conditions:
            return ""
        return " against the rest" if self.status != "supported" or self.is_firm else " against the rest only"

    @property
    def is_firm(self) -> bool:
        """Whether it is supported, and matched tissue does not speak against any of its conditions."""
        return self.status == "supported" and all(one.agrees for one in self.conditions)


@dataclass(slots=True)
class HypothesisInPrint:
    """A hypothesis with everything that must stand beside it."""

    axis: str
    condition: str
    hypothesis: str
    caveat: str
    sections: str
    niches: list[HypothesisInNiche] = field(default_factory=list)


def hypotheses_in_print(
    table: pd.DataFrame, regions: Sequence[Row], kinds: Mapping[str, str]
) -> Sequence[HypothesisInPrint]:
    """Gather the rows of hypotheses.csv by hypothesis and niche; nothing is ranked.

    Parameters
    ----------
    regions : rows of regions.csv, for the contrast with matched tissue
    kinds : of the channels
    """
    families = {name: kind in LOGARITHMIC for name, kind in kinds.items()}
    by_niche = {str(row["region_id"]): row for row in regions}
    q_of = {niche: moved_q(row, families) for niche, row in by_niche.items()}
    found: dict[tuple[str, str], HypothesisInPrint] = {}
    for record in table.to_dict("records"):
        row = {str(name): value for name, value in record.items()}
        key = str(row["axis"]), str(row["condition"])
        each = found.setdefault(key, _empty(row))
        region = str(row["region_id"])
        niche = "" if region == WHOLE_SECTION else f"Niche {region}"
        if not each.niches or each.niches[-1].niche != niche:
            each.niches.append(HypothesisInNiche(niche, str(row["status"]), in_labels(_text(row["reason"]))))
        if isinstance(row["channel"], str):
            each.niches[-1].conditions.append(_condition(row, by_niche.get(region, {}), q_of.get(region, {})))
    return list(found.values())


def _empty(row: Row) -> HypothesisInPrint:
    texts = (str(row[name]) for name in ("condition", "hypothesis", "caveat", "review_sections"))
    condition, hypothesis, caveat, sections = texts
    axis = " and ".join(axis_label(each) for each in str(row["axis"]).split("; "))
    return HypothesisInPrint(axis, condition, hypothesis, caveat, sections)


def _condition(row: Row, region: Row, q_of: Mapping[str, float]) -> ConditionInNiche:
    name = str(row["channel"])
    change, q = region.get(f"matched_log2fc_{name}"), q_of.get(name)
    return ConditionInNiche(
        name_of(name),
        str(row["direction"]),
        signed(row["estimate"]),
        interval(row["low"], row["high"], signed) or MISSING,
        _text(row["cutoff"]),
        *_against_matched(row, change, q),
    )


def _against_matched(row: Row, change: object, q: float | None) -> tuple[str, bool]:
    """Say whether the niche differs from tissue that is as deep and as tumour-rich, in the direction asked."""
    if not is_known(change) or q is None:
        return "not compared", True
    is_asked = change > 0 if row["direction"] == "high" else change < 0
    is_told = q <= MAX_Q_MOVED
    verdict = "no clear difference" if not is_told else "differs as asked" if is_asked else "differs the other way"
    return f"{verdict} ({signed(change)}, q = {p_value(q)})", is_told and is_asked


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
