"""The ions that a report speaks of: what was measured of each, what else it may be, and how metabolites are named."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from napari_metime.export.words import MISSING, Row, is_known, name_of, percent, signed
from napari_metime.recipe import Recipe
from napari_metime.section import ChannelSet, axis_label

MAX_ALSO = 3
"""Other things that an ion may be which the report names, as channels.csv has them in order. Our own choice."""
MEMBER_MARK = "; "
"""Between names in the columns members, conflicts, matrix_conflicts and in_source."""
_SHORTER = (
    (re.compile(r" has the same (formula|m/z): not to be told apart at MS1$"), r" (same \1)"),
    (re.compile(r" lies ([\d.]+) ppm away: .*$"), r" (\1 ppm away)"),
    (re.compile(r"^may be (.*) that lost (\w+) in the source$"), r"\1 without \2 (in source)"),
    (re.compile(r"^may be made in the source: (.*)$"), r"\1 (in source)"),
)
"""The words of metabolites/conflicts.py as they fit into a table; others stand as they are."""
_MZ_PREFIX = "mz:"


@dataclass(frozen=True, slots=True)
class IonInPrint:
    """An ion as it is printed.

    Parameters
    ----------
    ppm_error : of the measured against the computed m/z
    verdict : of channels.csv; ``evidence`` says what it rests on, or what speaks against the ion
    on_tissue, off_tissue : share of the pixels in which it was found
    also : what else lies in the same window; ``n_more`` are not named
    """

    channel: str
    axis: str
    adduct: str
    mz: str
    ppm_error: str = MISSING
    verdict: str = MISSING
    evidence: str = ""
    on_tissue: str = MISSING
    off_tissue: str = ""
    also: Sequence[str] = ()
    n_more: int = 0


def ions_in_print(table: pd.DataFrame, spoken_of: Collection[str]) -> list[IonInPrint]:
    """Return the ions that are spoken of, in the order of channels.csv; then those that were asked for by their m/z.

    Parameters
    ----------
    table : the rows of channels.csv
    spoken_of : names of channels
    """
    rows = [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]
    found = [_of_row(row) for row in rows if str(row["channel"]) in spoken_of and is_known(row.get("mz"))]
    asked = sorted(name for name in spoken_of if name.startswith(_MZ_PREFIX))
    return found + [IonInPrint(name_of(name), "", "asked for", name.removeprefix(_MZ_PREFIX)) for name in asked]


def doubtful_channels(table: pd.DataFrame) -> set[str]:
    """Return the channels that something in the file speaks against: of the rows of channels.csv."""
    return set(table.loc[table["verdict"] == "doubtful", "channel"].astype(str)) if "verdict" in table else set()


def members_of(table: pd.DataFrame, status: Collection[str]) -> set[str]:
    """Return the members of the axes or ratios that have one of these states: rows of axes.csv or ratios.csv."""
    if table.empty:
        return set()
    texts = table.loc[table["status"].isin(status), "members"].dropna().unique()
    return {name for text in texts for name in str(text).split(MEMBER_MARK)}


def identification_sentence(recipe: Recipe, channels: ChannelSet) -> str:
    """Say how metabolites are named, and how far that goes (docs/evidence.md); empty where there is no ion."""
    if not any(channel.kind == "ion" for channel in channels.channels):
        return ""
    return (
        f"Metabolites are named by accurate mass (within {recipe.ims.tolerance_ppm:g} ppm), isotopes where the file "
        "has them, and image, without MS/MS or a standard: putative annotations, level 2 or 3 of the Metabolomics "
        "Standards Initiative (level 1 is identified). A name stands for every molecule of that mass."
    )


def _of_row(row: Row) -> IonInPrint:
    also = _also(row)
    off = row.get("off_coverage")
    axis = row.get("axis")
    return IonInPrint(
        channel=name_of(str(row["channel"])),
        axis=axis_label(axis) if isinstance(axis, str) and axis else "",
        adduct=_text(row, "adduct") or MISSING,
        mz=f"{row['mz']:.4f}",
        ppm_error=signed(row.get("ppm_error")),
        verdict=_text(row, "verdict") or ("found" if row.get("detected") else "not found"),
        evidence=_evidence(row),
        on_tissue=percent(row["coverage"]) if is_known(row.get("coverage")) else MISSING,
        off_tissue=percent(off) if is_known(off) else "",
        also=also[:MAX_ALSO],
        n_more=max(len(also) - MAX_ALSO, 0),
    )


def _evidence(row: Row) -> str:
    """Say what a verdict rests on: what speaks against the ion, else how well its isotopes fit."""
    reason = _text(row, "reason")
    if reason:
        return reason
    place, height = row.get("isotope_spatial"), row.get("isotope_spectral")
    fit = f"isotopes {place:.2f}, {height:.2f}" if is_known(place) and is_known(height) else ""
    rate = row.get("metaspace_fdr")
    return "; ".join(filter(None, (fit, f"METASPACE FDR {percent(rate)}" if is_known(rate) else "")))


def _also(row: Row) -> list[str]:
    """Return what else an ion may be: of one formula, near by, of the matrix, made in the source."""
    texts: Iterable[str] = (_text(row, key) for key in ("conflicts", "matrix_conflicts", "in_source"))
    parts = [part for text in texts if text for part in text.split(MEMBER_MARK)]
    return [_short(part) for part in parts]


def _short(conflict: str) -> str:
    for pattern, words in _SHORTER:
        conflict = pattern.sub(words, conflict)
    return conflict


def _text(row: Row, key: str) -> str:
    value = row.get(key)
    return value.strip() if isinstance(value, str) else ""
