"""Numbers and findings in plain words."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple, TypeGuard

import numpy as np
from scipy.stats import false_discovery_control

from napari_metime.export.colours import grade_of
from napari_metime.section import (
    Alignment,
    LeftOut,
    NicheMap,
    NicheNull,
    NicheResult,
    RefinedFrom,
    SectionResult,
    label_of,
)

MISSING = "–"
ROUNDED_OFF = 1e-9
"""What is less is left of rounding, as where two landmarks fix a transform."""
MAX_NAMED = 2
"""Channels that the sentence of a niche names at most. Our own choice."""
MAX_Q_MOVED = 0.05
"""Largest q of a contrast with matched tissue that a sentence names; Benjamini-Hochberg over the niche's channels."""
MAX_TYPE_NAME = 30
"""A cell type with a longer name is called an effector cell. Our own choice."""
MAX_NAME = 60
"""Longer names of channels are cut where a reader sees them. Our own choice."""
FEW_PLACES = 199
"""With fewer other places the smallest p is above 0.005, and a q over some channels hardly below 0.05. Our choice."""
LARGE_OWN_SHARE = 1 / 3
"""A niche that is more of its own matched tissue is told to be hard to tell from it. Our own choice."""
LOW_OVERLAP = 0.5
"""A niche that overlaps less with what windows of other sizes find is told to. Our own choice."""


class Divisor(NamedTuple):
    """What intensities are divided by, in a sentence and short enough for the name of a layer."""

    words: str
    short: str


DIVISORS = {
    "tic": Divisor("total ion current", "TIC"),
    "rms": Divisor("root mean square", "RMS"),
    "median": Divisor("median intensity", "median"),
    "reference": Divisor("intensity of one ion", "reference ion"),
    "table": Divisor("value in a table of factors", "table"),
}
"""Of the recipe's words for it."""
Row = Mapping[str, Any]


def is_known(value: object) -> TypeGuard[float]:
    """Whether a cell of a table holds a finite number."""
    return isinstance(value, int | float) and math.isfinite(value)


def name_of(channel: str) -> str:
    """Return what a reader is shown of a channel, not longer than ``MAX_NAME``."""
    label = label_of(channel)
    return label if len(label) <= MAX_NAME else f"{label[: MAX_NAME - 1]}…"


def one_line(text: str, longest: int = MAX_NAME) -> str:
    """Return a name of somebody's own as it may stand in a text: short, on one line, in letters that can be seen."""
    seen = "".join(letter if letter.isprintable() else "�" for letter in text)
    return seen if len(seen) <= longest else f"{seen[: longest - 1]}…"


def domain_in_words(domain: str) -> str:
    """Return what a recipe's domain is called in a sentence, after "the"."""
    kind, _, name = domain.partition(":")
    if name and kind == "region":
        return f"region {one_line(name)} of the tissue"
    if name and kind == "microscopy":
        return f"area bright in the microscopy ({one_line(name)})"
    return {"tumor_bed": "tumour bed", "tissue": "tissue"}.get(domain, "given area")


def in_labels(text: str) -> str:
    """Return a text with its technical names, such as ``axis:arginine`` and ``kyn_trp``, as a reader is shown them."""
    return re.sub(r"axis:\w+|\b\w+_\w+\b", lambda found: label_of(found[0]), text)


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


def percent(share: float) -> str:
    """Write a share of 1; what is there at all is never 0 %, and what is not everywhere never 100 %."""
    if 0 < share < 0.005:
        return "less than 1 %"
    return f"{100 * share:.0f} %" if share >= 1 or share < 0.995 else "more than 99 %"


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


def niche_sentences(found: NicheResult) -> list[str]:
    """Say what each niche is, one sentence a niche: the same in the report, the window and on the command line."""
    rows = [{str(key): value for key, value in row.items()} for row in found.regions.to_dict("records")]
    kinds = dict(zip(found.associations["channel"], found.associations["kind"], strict=True))
    tissue = _tissue_of(next(row for row in rows if row["kind"] == "domain"))
    effector = _effector_of(found)
    called = [row for row in rows if row["kind"] == "niche"]
    return [niche_sentence(row, effector=effector, associated=_associated(row, kinds, tissue)) for row in called]


def niche_sentence(row: Row, *, effector: str = "", associated: str = "") -> str:
    """Say what one niche is, from its row of regions.csv.

    Parameters
    ----------
    effector : the name of the only type of effector cell; empty where there are several
    associated : what goes with the niche, or why that cannot be said, in words
    """
    n = int(row["n_effector"])
    found = f"{n:,} {effector}" if effector else plural(n, "effector cell")
    expected = row["expected_effector"]
    were = "was" if number(expected) == "1" else "were"
    limits = interval(row["rate_ratio_low"], row["rate_ratio_high"], ratio)
    rate = f"ratio {ratio(row['rate_ratio'])}" + (f", 95 % interval {limits}" if limits else "")
    kind = grade_of(row["grade"])
    kind = "grade undetermined" if kind == "undetermined" else kind
    suppressed = ", suppressed" if row["suppressed"] == "true" else ""
    overlap = row.get("stability")
    unsure = ""
    if is_known(overlap) and overlap < LOW_OVERLAP:
        found_again = f"finds only part of it (overlap {ratio(overlap)} of 1)" if overlap > 0 else "does not find it"
        unsure = f"; one of two more searches, with a narrower and a wider window, {found_again}"
    goes_with = f"; {associated}" if associated else ""
    return (
        f"Niche {row['region_id']}: {area_mm2(row['area_um2'])} mm², {found} where {number(expected)} {were} expected "
        f"({rate}), p = {p_value(row['p_region'])}; {kind}{suppressed}{unsure}{goes_with}."
    )


def _effector_of(found: NicheResult) -> str:
    names = {str(name) for name in found.cells.loc[found.cells["role"] == "effector", "type"].unique()}
    name = names.pop() if len(names) == 1 else ""
    return name if name.isprintable() and len(name) <= MAX_TYPE_NAME else ""


def _tissue_of(domain: Row) -> str:
    """Name what a niche is compared with: a domain of mostly tumour cells is called tumour."""
    return "tumour" if 2 * domain["n_tumor"] >= domain["n_cells"] else "tissue"


def _associated(row: Row, kinds: Mapping[str, str], tissue: str) -> str:
    """Name the channels that differ most in a niche: from matched tissue where that was tested, else from the rest."""
    key, against = _contrast_of(row, kinds)
    told = [_times(name, row[f"{key}_{name}"], kinds[name]) for name in leading_channels(row, kinds)[:MAX_NAMED]]
    if told:
        return f"associated: {', '.join(told)} {f'the matched {tissue}' if against == 'matched' else 'the rest'}"
    if against == "matched" and is_hardly_matched(row, kinds):
        return f"its metabolites cannot be compared with matched {tissue}: too little comparable tissue is left"
    return ""


def is_hardly_matched(row: Row, kinds: Mapping[str, str]) -> bool:
    """Whether a niche was to be compared with matched tissue of which too little is left to find a difference.

    There are few other places for its shape, too few for any p, or much of that tissue is the niche itself.

    Parameters
    ----------
    row : of regions.csv
    kinds : of the channels
    """
    n, own = row.get("n_moved"), row.get("own_matched_share")
    if not is_known(n):
        return False
    p = [row.get(f"p_moved_{name}") for name in kinds if is_known(row.get(f"log2fc_{name}"))]
    return bool(p) and (not any(map(is_known, p)) or n < FEW_PLACES or (is_known(own) and own > LARGE_OWN_SHARE))


def _contrast_of(row: Row, kinds: Mapping[str, str]) -> tuple[str, str]:
    is_matched = any(f"p_moved_{name}" in row for name in kinds)
    return ("matched_log2fc", "matched") if is_matched else ("log2fc", "rest")


def leading_channels(row: Row, kinds: Mapping[str, str]) -> list[str]:
    """Return the channels in which a niche differs, those that differ most first.

    Parameters
    ----------
    row : of regions.csv
    kinds : of the channels
    """
    key, against = _contrast_of(row, kinds)
    q = moved_q(row, {name: kind in LOGARITHMIC for name, kind in kinds.items()})

    def differs(name: str) -> bool:
        if not is_known(row.get(f"{key}_{name}")):
            return False
        if against == "matched":
            return q.get(name, 1.0) <= MAX_Q_MOVED
        low, high = row.get(f"log2fc_low_{name}"), row.get(f"log2fc_high_{name}")
        return is_known(low) and is_known(high) and (low > 0 or high < 0)

    return sorted(filter(differs, kinds), key=lambda name: -abs(row[f"{key}_{name}"]))


def moved_q(row: Row, families: Mapping[str, Hashable]) -> dict[str, float]:
    """Return the Benjamini-Hochberg q, within each family, of the channels of a niche compared with matched tissue.

    Parameters
    ----------
    families : what each channel belongs to: ratios and scores are made of the ions, so they are a family of their own
    """
    found: dict[str, float] = {}
    for family in dict.fromkeys(families.values()):
        names = [name for name, own in families.items() if own == family]
        p = {name: row[f"p_moved_{name}"] for name in names if is_known(row.get(f"p_moved_{name}"))}
        if p:
            found |= zip(p, map(float, false_discovery_control(list(p.values()))), strict=True)
    return found


def _times(name: str, change: float, kind: str) -> str:
    """A ratio is a logarithm of base 2, so it has its times as an ion has; a score has its z."""
    if kind == "axis":
        return f"{name_of(name)} {number(abs(change))} z {'above' if change > 0 else 'below'}"
    return f"{name_of(name)} {number(2**change)} times"


LOGARITHMIC = ("ratio", "axis")
"""Kinds of channels that are logarithms or z-scores already: their difference of means is no ratio."""


def window_sentence(found: NicheMap) -> str:
    """Say how many effectors the window expects; empty where there is no map."""
    expected = found.expected[found.assessable]
    if not expected.size:
        return ""
    middle, least = number(float(np.median(expected))), number(float(expected.min()))
    return f"Where it is assessable, the window expects {middle} effectors (median), {least} at least."


def null_sentence(null: NicheNull | None) -> str:
    """Say what the niches were tested against; empty where there was no test."""
    if null is None:
        return ""
    parts = []
    if null.depth_slope_per_mm:
        per_mm = number(math.exp(null.depth_slope_per_mm))
        parts.append(f"with each mm deeper in the domain their share is {per_mm} times as large")
    if null.clumping_sd > 0:
        over = number(null.clumping_scale_um)
        parts.append(f"they lie in clumps (over {over} µm, s.d. of the logarithm {number(null.clumping_sd)})")
    if not parts:
        return (
            "Outside the niches effectors lie among the other cells as chance alone would put them; p says how often "
            "chance gives a region as clear anywhere in the section."
        )
    more = ""
    if null.dispersion > 1:
        times = number(null.dispersion)
        more = f" Their number in a large region varies {times} times as much (variance) as by chance alone."
    return (
        f"Outside the niches effectors do not lie as chance alone would put them: {', and '.join(parts)}.{more} p says "
        "how often cells that lie like that give a region as clear anywhere in the section."
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
