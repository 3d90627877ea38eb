"""The regions of a section, ready to print: the table, how sure each niche is, and the numbers to see first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from napari_metime.export.colours import GRADE_COLOURS, grade_of
from napari_metime.export.words import Row, area_mm2, count, interval, is_known, number, p_value, ratio
from napari_metime.section import DESCRIPTIVE_COLUMNS, SectionResult

_SUPPRESSED = {"true": "suppressed", "false": "not suppressed", "undetermined": "suppression undetermined"}

_GRADES = {
    "desert": "few effectors around it, too",
    "excluded": "effectors crowd around it and stay out",
    "mixed": "between desert and excluded",
    "undetermined": "too few effectors expected around it to say of which kind it is",
}
"""What a reader is told of each grade; the cut-offs are those of docs/niches.md."""


@dataclass(frozen=True, slots=True)
class Heading:
    """The heading of a column; ``key`` is its column of regions.csv."""

    key: str
    words: str
    unit: str = ""

    @property
    def is_descriptive(self) -> bool:
        """Whether regions were chosen by this column, or by what it follows from."""
        return self.key in DESCRIPTIVE_COLUMNS


REGION_HEADINGS = (
    Heading("region_id", "Region"),
    Heading("grade", "Grade"),
    Heading("area_um2", "Area", "mm²"),
    Heading("n_cells", "Cells"),
    Heading("n_effector", "Effectors"),
    Heading("expected_effector", "Expected"),
    Heading("rate_ratio", "Rate ratio"),
    Heading("density_effector_per_mm2", "Effectors", "per mm²"),
    Heading("density_ratio", "Density ratio"),
    Heading("p_region", "p"),
    Heading("distance_to_margin_um", "To margin", "µm"),
)
CERTAINTY_HEADINGS = (
    Heading("p_region_labelling", "p, pure chance"),
    Heading("stability", "Other windows", "overlap"),
    Heading("called_share", "Called when redrawn"),
    Heading("area_core_um2", "Core", "mm²"),
    Heading("membership_mean", "Mean probability", "of its pixels"),
    Heading("ring_to_core", "Around / in it", "effectors per mm²"),
    Heading("q_suppressed", "q, suppressed"),
    Heading("distance_to_lymphoid_um", "To lymphoid structure", "µm"),
)


@dataclass(frozen=True, slots=True)
class RegionRow:
    """A row of the regions table, ready to print."""

    name: str
    grade: str
    colour: str
    suppressed: str
    before: Sequence[str]
    rate: str
    rate_interval: str
    after: Sequence[str]


@dataclass(frozen=True, slots=True)
class Certainty:
    """How sure the niches are: the columns that are known of any, and a row of texts a niche."""

    headings: Sequence[Heading]
    rows: Sequence[tuple[str, Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Fact:
    """A number that the reader should see first."""

    value: str
    unit: str
    label: str


def how_to_read(called: Sequence[Row], sentences: str) -> str:
    """Say what the words of the niches' sentences mean, of those words that occur; empty without a niche."""
    if not called:
        return ""
    grades = dict.fromkeys(grade_of(row["grade"]) for row in called)
    told = ["Ratio: effectors per cell in the niche over those in the rest"]
    told += [f"{grade}: {_GRADES[grade]}" for grade in grades]
    if any(row["suppressed"] == "true" for row in called):
        told.append("suppressed: more suppressor cells per effector than in the rest")
    if " matched " in sentences:
        told.append("matched: compared with tissue outside the niches that is as deep and as tumour-rich")
    return f"{'; '.join(told)}."


def facts_of(result: SectionResult, domain: Row, called: Sequence[Row]) -> list[Fact]:
    """Return the numbers that a reader should see first."""
    cold = sum(row["area_um2"] for row in called)
    error = result.alignment.error_um
    error_is = "alignment error" + (", with that of a serial section" if result.alignment.extra_error_um else "")
    where = "assessable domain" if result.niches.map.assessable.any() else "domain, nowhere assessable"
    share = cold / domain["area_um2"] if domain["area_um2"] else float("nan")
    facts = [
        Fact(area_mm2(cold), "mm²", f"cold, {number(100 * share)} % of the assessable domain"),
        Fact(area_mm2(domain["area_um2"]), "mm²", where),
        Fact(count(domain["n_effector"]), "", f"effector cells among {count(domain['n_cells'])} cells there"),
        Fact(number(error), "µm", error_is) if is_known(error) else Fact("unknown", "", error_is),
    ]
    return facts if called else facts[1:]


def region_row(row: Row) -> RegionRow:
    """Return a row of regions.csv as it is printed."""
    is_niche = row["kind"] == "niche"
    grade = grade_of(row["grade"])
    return RegionRow(
        name=f"Niche {row['region_id']}" if is_niche else str(row["region_id"]).capitalize(),
        grade=grade if is_niche else "",
        colour=GRADE_COLOURS[grade],
        suppressed=_SUPPRESSED.get(row["suppressed"], ""),
        before=(
            area_mm2(row["area_um2"]),
            count(row["n_cells"]),
            count(row["n_effector"]),
            number(row["expected_effector"]),
        ),
        rate=ratio(row["rate_ratio"]),
        rate_interval=interval(row["rate_ratio_low"], row["rate_ratio_high"], ratio),
        after=(
            number(row["density_effector_per_mm2"]),
            ratio(row["density_ratio"]),
            p_value(row["p_region"]),
            number(row["distance_to_margin_um"]),
        ),
    )


def certainty_of(called: Sequence[Row]) -> Certainty:
    """Keep the columns of which something is known."""
    write: Mapping[str, Callable[[Any], str]] = {
        "p_region_labelling": p_value,
        "q_suppressed": p_value,
        "area_core_um2": area_mm2,
        "distance_to_lymphoid_um": number,
    }
    known = [h for h in CERTAINTY_HEADINGS if any(is_known(row.get(h.key)) for row in called)]
    rows = []
    for row in called:
        texts = [_ring(row) if h.key == "ring_to_core" else write.get(h.key, ratio)(row.get(h.key)) for h in known]
        rows.append((f"Niche {row['region_id']}", texts))
    return Certainty(known, rows)


def _ring(row: Row) -> str:
    limits = interval(row.get("ring_to_core_low"), row.get("ring_to_core_high"))
    return number(row["ring_to_core"]) + (f" ({limits})" if limits else "")


def summary_facts(summary: pd.DataFrame) -> list[Fact]:
    """Return what is known of the section as a whole."""
    if summary.empty:
        return []
    row = {str(key): value for key, value in summary.iloc[0].items()}
    seen = 100 * row.get("assessable_fraction", float("nan"))
    per_mm2 = {place: row.get(f"density_effector_{place}_per_mm2") for place in ("niches", "inner", "margin", "stroma")}
    words = {"niches": "in the niches", "inner": "inside the domain, away from its margin"}
    words |= {"margin": "in the margin of the domain", "stroma": "in the tissue outside the domain"}
    facts = [Fact(str(row["grade"]), "", "grade of the whole section")] if isinstance(row.get("grade"), str) else []
    facts += [Fact(number(seen), "%", "of the domain is assessable")] if is_known(seen) else []
    facts += [Fact(number(v), "per mm²", f"effectors {words[place]}") for place, v in per_mm2.items() if is_known(v)]
    mixing = row.get("mixing_score_normalized")
    if is_known(mixing):
        facts.append(Fact(number(mixing), "", "normalised mixing of effectors with tumour cells; 1 = at random"))
    return facts
