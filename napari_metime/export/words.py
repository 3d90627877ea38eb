"""Numbers and findings in plain words."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from napari_metime.export.colours import grade_of
from napari_metime.section import Alignment, LeftOut, RefinedFrom, SectionResult

MISSING = "–"
ROUNDED_OFF = 1e-9
"""What is less is left of rounding, as where two landmarks fix a transform."""
Row = Mapping[str, Any]


def is_known(value: object) -> bool:
    """Whether a cell of a table holds a finite number."""
    return isinstance(value, int | float) and math.isfinite(value)


def number(value: Any, digits: int = 2) -> str:
    """Write a number with ``digits`` significant digits, whole from 100 on; a dash where there is none."""
    if not is_known(value):
        return MISSING
    if abs(value) < ROUNDED_OFF:
        return "0"
    decimals = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
    return f"{value:,.{decimals}f}".replace("-", "−")


def ratio(value: Any) -> str:
    """Write a ratio with two decimals."""
    return f"{value:.2f}" if is_known(value) else MISSING


def p_value(value: Any) -> str:
    """Write a p-value with up to two significant digits."""
    return f"{value:.2g}" if is_known(value) and value >= 1e-4 else f"{value:.0e}" if is_known(value) else MISSING


def count(value: Any) -> str:
    """Write a whole number."""
    return f"{value:,.0f}" if is_known(value) else MISSING


def signed(value: Any) -> str:
    """Write a difference with its sign and two decimals."""
    return f"{value:+.2f}".replace("-", "−") if is_known(value) else MISSING


def interval(low: Any, high: Any, write: Callable[[Any], str] = number) -> str:
    """Write an interval as ``low to high``; empty where it is not available."""
    return f"{write(low)} to {write(high)}" if is_known(low) and is_known(high) else ""


def area_mm2(area_um2: Any) -> str:
    """Write an area in mm² without its unit."""
    return number(area_um2 / 1e6) if is_known(area_um2) else MISSING


def plural(n: int, noun: str) -> str:
    """Write ``n`` and a noun that takes an s."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def niche_sentence(row: Row) -> str:
    """Say what one niche is, from its row of regions.csv."""
    found = plural(int(row["n_effector"]), "effector cell")
    expected = row["expected_effector"]
    were = "was" if number(expected) == "1" else "were"
    limits = interval(row["rate_ratio_low"], row["rate_ratio_high"], ratio)
    rate = f"rate ratio {ratio(row['rate_ratio'])}" + (f", 95 % interval {limits}" if limits else "")
    kind = grade_of(row["grade"])
    kind = "grade undetermined" if kind == "undetermined" else kind
    suppressed = ", suppressed" if row["suppressed"] == "true" else ""
    return (
        f"Niche {row['region_id']}: {area_mm2(row['area_um2'])} mm², {found} where {number(expected)} {were} expected "
        f"({rate}), p = {p_value(row['p_region'])}; {kind}{suppressed}."
    )


def headline(result: SectionResult) -> str:
    """Say in one line what was found."""
    niches = result.niches.map
    if niches.n_niches:
        return f"{plural(niches.n_niches, 'immune-cold niche')} found"
    if niches.assessable.any():
        return "No immune-cold niche found"
    return "Immune-cold niches are not assessable here"


def alignment_sentence(alignment: Alignment, source_unit: str) -> str:
    """Say how the cells came into the section frame, and how well."""
    parts = [_source_of(alignment, source_unit)]
    if alignment.n_landmarks:
        if is_known(alignment.rmse_um):
            parts.append(f"The landmarks fit within {number(alignment.rmse_um)} µm (root mean square).")
        if is_known(alignment.target_error_um):
            missed = number(alignment.target_error_um)
            parts.append(f"Left out one by one, they are missed by {missed} µm: the alignment error.")
        else:
            parts.append("The alignment error cannot be estimated from so few landmarks.")
    elif not is_known(alignment.error_um):
        parts.append("Its error is not known.")
    if alignment.extra_error_um:
        stated, whole = number(alignment.extra_error_um), number(alignment.error_um)
        parts.append(f"A further {stated} µm were stated, as for a serial section: {whole} µm in all.")
    if is_known(alignment.bound_um):
        parts.append(f"At 95 %, no cell is further than {number(alignment.bound_um)} µm from its true place.")
    return " ".join(parts)


def _source_of(alignment: Alignment, source_unit: str) -> str:
    if alignment.n_landmarks:
        text = (
            f"The cells were brought into the section frame by a {alignment.kind.replace('_', '-')} transform "
            f"on {plural(alignment.n_landmarks, 'landmark')}"
        )
    elif alignment.kind == "none":
        frame = "in the section frame already" if source_unit == "um" else "in the section frame, in pixels"
        text = f"The cells were taken to lie {frame}"
    else:
        what = "matrix" if alignment.kind == "matrix" else f"{alignment.kind} transform"
        text = f"The cells were brought into the section frame by a given {what}"
    return f"{text} ({alignment.note})." if alignment.note else f"{text}."


def refined_sentence(result: RefinedFrom, alignment: Alignment) -> str:
    """Say what became of refining the alignment by the images, and how well the alignment is known now."""
    parts = [result.note]
    if is_known(result.after_bits):
        before, after = number(result.before_bits), number(result.after_bits)
        parts.append(f"Mutual information of the two images: {before} bits before, {after} after.")
    if result.accepted and is_known(alignment.error_um):
        parts.append(f"The alignment error is {number(alignment.error_um)} µm now.")
    return " ".join(parts)


def left_out_sentences(parts: Sequence[LeftOut]) -> list[str]:
    """Say of which pixels nothing is said, one reason each."""
    told = []
    for part in parts:
        count_nowhere = "counts nowhere" if part.n_cells == 1 else "count nowhere"
        cells = f", with {plural(part.n_cells, 'cell')} that {count_nowhere}" if part.n_cells else ""
        told.append(f"{plural(int(part.mask.sum()), 'pixel')} {part.reason}{cells}.")
    return told
