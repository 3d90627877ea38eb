"""Which ion stands for each panel member in this file, and why the others do not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import compress, groupby

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_metime.metabolites.evidence import IonEvidence
from napari_metime.metabolites.panel import PanelIon, is_of_polarity, measurable_ions

MIN_COVERAGE = 0.05
"""Least share of tissue pixels for "detected": our default, no published cut-off."""

COLUMNS = (
    "channel",
    "mz",
    "adduct",
    "axis",
    "detected",
    "mean_intensity",
    "coverage",
    "ppm_error",
    "conflicts",
    "reason",
)
_NOTHING = IonEvidence(math.nan, math.nan, math.nan)


def choose_ions(
    panel: Sequence[PanelIon],
    evidence: Mapping[PanelIon, IonEvidence],
    *,
    polarity: str,
    mz_range: tuple[float, float],
    tolerance_ppm: float,
) -> tuple[tuple[PanelIon, ...], pd.DataFrame]:
    """Choose one ion per panel member, and tell of every member what became of it.

    A member's ion is the first, in its order of preference, that is detected; else the first that the
    file can show; else the first of the file's polarity; else its first.

    Parameters
    ----------
    evidence : of every measurable ion of the panel
    polarity, mz_range : of the file

    Returns
    -------
    chosen : the detected ions in the order of the panel, one per member
    table : the rows of channels.csv, one per member
    """
    measurable = measurable_ions(panel, polarity=polarity, mz_range=mz_range, tolerance_ppm=tolerance_ppm)
    file = _File(polarity, mz_range, frozenset(measurable))
    mz = np.array([ion.mz for ion in measurable])
    chosen: list[PanelIon] = []
    rows = []
    for _, member in groupby(panel, key=lambda ion: ion.name):
        ion, reason = _verdict(list(member), evidence, file)
        found = evidence.get(ion, _NOTHING)
        if not reason:
            chosen.append(ion)
        conflicts = _conflicts(ion, measurable, mz, tolerance_ppm) if ion in file.measurable else ""
        measured = (found.mean_intensity, found.coverage, found.ppm_error)
        rows.append((ion.name, ion.mz, ion.adduct, ion.axis, not reason, *measured, conflicts, reason))
    return tuple(chosen), pd.DataFrame(rows, columns=list(COLUMNS))


@dataclass(frozen=True)
class _File:
    polarity: str
    mz_range: tuple[float, float]
    measurable: frozenset[PanelIon]


def _verdict(member: Sequence[PanelIon], evidence: Mapping[PanelIon, IonEvidence], file: _File) -> tuple[PanelIon, str]:
    """Return the member's ion and why it is not detected, ``""`` where it is."""
    first = member[0]
    if first.polarity == "elemental":
        return first, "an element is not taken from this file; add its registered image to channels.images"
    if file.polarity == "unknown":
        return first, "the file does not state its polarity; set ims.polarity"
    of_polarity = [ion for ion in member if is_of_polarity(ion, file.polarity)]
    if not of_polarity:
        seen_as = f"as {first.adduct} " if first.adduct else ""
        return first, f"the file is {file.polarity}, this metabolite is seen {seen_as}in {first.polarity} mode"
    candidates = [ion for ion in of_polarity if ion in file.measurable]
    if not candidates:
        low, high = file.mz_range
        ion = of_polarity[0]
        return ion, f"m/z {ion.mz:.4f} is outside the file's range {low:.1f} to {high:.1f}"
    detected = [ion for ion in candidates if evidence[ion].coverage >= MIN_COVERAGE]
    return (detected[0], "") if detected else (candidates[0], _too_rare(evidence[candidates[0]].coverage))


def _conflicts(ion: PanelIon, measurable: Sequence[PanelIon], mz: NDArray[np.float64], tolerance_ppm: float) -> str:
    """Name the other members' measurable ions inside the ion's m/z window."""
    near = np.abs(mz - ion.mz) <= ion.mz * tolerance_ppm * 1e-6
    others = (other for other in compress(measurable, near) if other.name != ion.name)
    return "; ".join(f"{other.name} {other.adduct}".strip() for other in others)


def _too_rare(coverage: float) -> str:
    if np.isnan(coverage):
        return "no tissue pixel was measured"
    if coverage == 0:
        return "not found in any tissue pixel"
    # Rounded down, so that 4.96 % does not read as 5.0 %, fewer than 5 %.
    percent = math.floor(round(1000 * coverage, 6)) / 10
    return f"found in {percent} % of tissue pixels, fewer than {100 * MIN_COVERAGE:.0f} %"
