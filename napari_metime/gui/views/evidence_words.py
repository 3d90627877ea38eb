"""What is known of a panel member, a ratio or an axis in this file, in plain words: rows of the tables as sentences.

Every column is optional: a table of an older run has fewer, and what it does not say is not told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from napari_metime.export.words import MISSING, is_known, number, percent, plural
from napari_metime.metabolites.axes import verdict_of
from napari_metime.section import axis_label

Row = Mapping[str, Any]
VERDICT_SIGNS: Mapping[str, str] = {"seen": "✓", "doubtful": "?", "not seen": "○", "cannot be seen here": "–"}
VERDICTS = tuple(VERDICT_SIGNS)
OTHER_CHANNELS = "Further m/z and images"
ORIGINS = {"the review": "Named in the review.", "our extension": "Our extension: the review does not name it."}


ELSEWHERE = "; channels.csv says why of each"
"""How the reason of an axis points at its members; the window says their reasons themselves."""
MAX_REASONS = 3


def axis_words(axis: str) -> str:
    """Return the heading of an axis."""
    return axis_label(axis) if axis else OTHER_CHANNELS


def verdict_words(verdict: str) -> str:
    """Return a verdict with its sign; a dash where there is none."""
    return f"{VERDICT_SIGNS[verdict]} {verdict}" if verdict in VERDICT_SIGNS else verdict or MISSING


def verdict_counts(rows: Iterable[Row]) -> dict[str, int]:
    """Return how many rows have each verdict, every verdict named."""
    found = [verdict_of(row) for row in rows]
    return {verdict: found.count(verdict) for verdict in VERDICTS}


def is_member(row: Row) -> bool:
    """Whether a row of channels.csv is of the panel, not of an image that was brought onto the grid."""
    return bool(_text(row, "axis")) or is_known(row.get("mz"))


def ion_words(row: Row) -> str:
    """Return formula, ion and m/z in one line."""
    mz = row.get("mz")
    parts = [_text(row, "formula"), _text(row, "adduct"), f"m/z {mz:.4f}" if is_known(mz) else ""]
    return " · ".join(part for part in parts if part)


def member_sentences(row: Row) -> list[str]:
    """Say what speaks for and against a panel member in this file, what else it could be, and what it stands for."""
    evidence = [] if row.get("coverage") == 0 else [*_found(row), *_isotopes(row), *_scores(row)]
    told = [_reason(row), *evidence, *_doubles(row)]
    told += _meaning(row) if is_member(row) else ["An image that was brought onto the grid."]
    return [sentence for sentence in told if sentence]


def ratio_sentences(row: Row) -> list[str]:
    """Say what a ratio is made of, and where it could not be formed."""
    reads, limits = _text(row, "reads"), _text(row, "limits")
    told = [_sentence(_text(row, "definition")), f"Reads {_sentence(reads)}" if reads else "", _reason(row)]
    shares = (
        ("share_measured", "both sides are above the limit of detection"),
        ("share_lower_bound", "only the upper side is, and the lower one may be anything up to its limit"),
        ("share_upper_bound", "only the lower side is, and the upper one may be anything up to its limit"),
        ("share_missing", "neither is, and nothing is shown"),
    )
    known = [(row.get(key), words) for key, words in shares]
    parts = [f"in {percent(share)} of the tissue pixels {words}" for share, words in known if is_known(share)]
    told.append(_sentence("; ".join(parts)))
    told.append(f"Caveat: {_sentence(limits)}" if limits else "")
    told.append("Relative only: 0 is as much of both as this instrument sees, not as many molecules.")
    return [sentence for sentence in told if sentence]


def axis_sentences(row: Row, reasons: Sequence[str] = ()) -> list[str]:
    """Say of what members an axis was scored, or why not; ``reasons`` are those of its members."""
    members, coverage = row.get("members"), row.get("coverage")
    told = [_sentence(_text(row, "reason").removesuffix(ELSEWHERE))]
    if _text(row, "reason").endswith(ELSEWHERE):
        counted = Counter(reason for reason in reasons if reason).most_common(MAX_REASONS)
        told += [f"{plural(n, 'member')}: {_sentence(reason)}" for reason, n in counted]
    if _text(row, "status") == "scored" and isinstance(members, list | tuple):
        of = f" of the {row['n_can_show']:.0f} that this file can show" if is_known(row.get("n_can_show")) else ""
        told.append(f"Scored from {plural(len(members), 'member')}{of}: {', '.join(map(str, members))}.")
        told.append("0 is the median of this section's tissue, 1 about one standard deviation above it.")
    elif is_known(coverage) and coverage > 0:
        told.append(f"Seen: {percent(coverage)} of the members that this file can show.")
    told.append(_sentence(_text(row, "review_sign")))
    return [sentence for sentence in told if sentence]


def axis_state(row: Row) -> str:
    """Return in two or three words whether an axis was scored; empty where nothing is known."""
    status, members = _text(row, "status"), row.get("members")
    if status == "scored" and isinstance(members, list | tuple):
        return f"scored, {plural(len(members), 'member')}"
    return status.replace("_", " ")


def _reason(row: Row) -> str:
    return _sentence(_text(row, "reason"))


def _found(row: Row) -> list[str]:
    on, off, error_ppm = row.get("coverage"), row.get("off_coverage"), row.get("ppm_error")
    told = []
    if is_known(on):
        beside = f", and in {percent(off)} of those beside it" if is_known(off) else ""
        told.append(f"Found in {percent(on)} of the tissue pixels{beside}.")
    if is_known(row.get("off_to_on")):
        told.append(f"Beside the tissue it is {number(row['off_to_on'])} times as strong as on it.")
    if is_known(error_ppm):
        where = "above" if error_ppm > 0 else "below"
        told.append(f"Its peak lies {number(abs(error_ppm))} ppm {where} the expected m/z.")
    return told


def _isotopes(row: Row) -> list[str]:
    place, abundance = row.get("isotope_spatial"), row.get("isotope_spectral")
    parts = []
    if is_known(place):
        parts.append(f"lie where it does: {place:.2f}")
    if is_known(abundance):
        parts.append(f"are as strong as the formula says: {abundance:.2f}")
    return [f"Its isotopes {' and '.join(parts)} (1 is perfect)."] if parts else []


def _scores(row: Row) -> list[str]:
    told = []
    if is_known(row.get("chaos")):
        told.append(f"Shape in its image: {row['chaos']:.2f} (1 is one clear shape, noise has less).")
    if is_known(row.get("msm")):
        told.append(f"METASPACE's score of place, abundance and order together: {row['msm']:.2f}.")
    if is_known(row.get("metaspace_fdr")):
        told.append(f"Listed by METASPACE at a false discovery rate of {percent(row['metaspace_fdr'])}.")
    return told


def _doubles(row: Row) -> list[str]:
    texts = (
        ("conflicts", "In the same window"),
        ("matrix_conflicts", "Ions of the matrix"),
        ("in_source", "From the source"),
    )
    return [f"{words}: {_text(row, key)}." for key, words in texts if _text(row, key)]


def _meaning(row: Row) -> list[str]:
    pathway: dict[int | None, str] = {
        1: "More of it counts as a more active pathway.",
        -1: "Less of it counts as a more active pathway.",
    }
    review: dict[int | None, str] = {
        1: "The review ties more of it to immune suppression.",
        -1: "The review ties less of it to immune suppression.",
        0: "The review states no direction for immune suppression.",
    }
    caveat = _text(row, "caveat")
    also = ", ".join(axis_words(axis.strip()) for axis in _text(row, "secondary_axes").split(";") if axis.strip())
    return [
        pathway.get(_sign(row.get("pathway_sign")), ""),
        review.get(_sign(row.get("review_sign")), "") if "review_sign" in row else "",
        ORIGINS.get(_text(row, "origin"), _sentence(_text(row, "origin"))),
        f"Also belongs to: {also}." if also else "",
        f"Caveat: {_sentence(caveat)}" if caveat else "",
    ]


def _sign(value: object) -> int | None:
    try:
        known = float(str(value))
    except ValueError:
        return None
    return int(known > 0) - int(known < 0) if is_known(known) else None


def _text(row: Row, key: str) -> str:
    value = row.get(key)
    return value.strip() if isinstance(value, str) else ""


def _sentence(text: str) -> str:
    text = text if text.startswith("m/z") else text[:1].upper() + text[1:]
    return text if not text or text.endswith((".", "!", "?")) else text + "."
