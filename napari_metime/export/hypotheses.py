"""The hypotheses of the review, ready to print: in the order of their table, each with its caveat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from napari_metime.export.scores import in_words
from napari_metime.export.words import MISSING, Row, interval, signed

WHOLE_SECTION = "section"


@dataclass(frozen=True, slots=True)
class ConditionInNiche:
    """One channel that a hypothesis asks for, in one niche."""

    channel: str
    direction: str
    estimate: str
    interval: str
    cutoff: str


@dataclass(slots=True)
class HypothesisInNiche:
    """A hypothesis in one niche; ``niche`` is empty where it holds for the section."""

    niche: str
    status: str
    reason: str
    conditions: list[ConditionInNiche] = field(default_factory=list)


@dataclass(slots=True)
class HypothesisInPrint:
    """A hypothesis with everything that must stand beside it."""

    axis: str
    condition: str
    hypothesis: str
    caveat: str
    sections: str
    niches: list[HypothesisInNiche] = field(default_factory=list)


def hypotheses_in_print(table: pd.DataFrame) -> Sequence[HypothesisInPrint]:
    """Gather the rows of hypotheses.csv by hypothesis and niche; nothing is ranked."""
    found: dict[tuple[str, str], HypothesisInPrint] = {}
    for record in table.to_dict("records"):
        row = {str(name): value for name, value in record.items()}
        key = str(row["axis"]), str(row["condition"])
        each = found.setdefault(key, _empty(row))
        region = str(row["region_id"])
        niche = "" if region == WHOLE_SECTION else f"Niche {region}"
        if not each.niches or each.niches[-1].niche != niche:
            each.niches.append(HypothesisInNiche(niche, str(row["status"]), _text(row["reason"])))
        if isinstance(row["channel"], str):
            each.niches[-1].conditions.append(_condition(row))
    return list(found.values())


def _empty(row: Row) -> HypothesisInPrint:
    texts = (str(row[name]) for name in ("condition", "hypothesis", "caveat", "review_sections"))
    condition, hypothesis, caveat, sections = texts
    axis = in_words(row["axis"]).replace("; ", " and ")
    return HypothesisInPrint(axis, condition, hypothesis, caveat, sections)


def _condition(row: Row) -> ConditionInNiche:
    return ConditionInNiche(
        str(row["channel"]),
        str(row["direction"]),
        signed(row["estimate"]),
        interval(row["low"], row["high"], signed) or MISSING,
        _text(row["cutoff"]),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
