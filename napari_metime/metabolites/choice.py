"""Which ion stands for each panel member in this file, what it is worth, and why the others do not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, get_args

import pandas as pd

from napari_metime.metabolites.conflicts import Kind, find_conflicts
from napari_metime.metabolites.evidence import IonEvidence, IsotopeCheck
from napari_metime.metabolites.panel import PanelIon, is_of_polarity, measurable_ions

Verdict = Literal["seen", "doubtful", "not seen", "cannot be seen here"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)

MIN_COVERAGE = 0.05
"""Least share of tissue pixels for "detected": our default, no published cut-off."""
MAX_OFF_TO_ON = 0.5
"""Largest mean off the tissue over that on it of an ion that is seen; at 1 it is not seen. Our default."""
MAX_PPM_SHARE = 0.6
"""Largest error as a share of the tolerance: 3 of 5 ppm, METASPACE's own window (its default m/z tolerance)."""
MIN_ORDER = 3.0
"""Least z of Moran's I: one scattered image in 740 has more. Our default."""
MAX_ABUNDANCE_FACTOR = 1.5
"""How far M+1 may be from what the formula expects, beside twice its error. Our default."""
MIN_FOUND = 0.1
"""M+1 with less than this share of what is expected counts as not found. Our default."""
MIN_PLACE = 0.5
"""Least correlation of M+1 with M over blocks of pixels. Our default."""

MEASURED = (
    "mean_intensity", "coverage", "ppm_error",
)  # fmt: skip
EVIDENCE = (
    "off_coverage", "off_to_on", "isotope_spatial", "isotope_spectral", "chaos", "msm", "lod",
)  # fmt: skip
FROM_PANEL = (
    "formula", "pathway_sign", "review_sign", "origin", "secondary_axes",
)  # fmt: skip
CONFLICTS: Mapping[str, tuple[Kind, ...]] = {
    "conflicts": ("isomer", "isobar", "isotope"),
    "matrix_conflicts": ("matrix",),
    "in_source": ("in_source",),
}
"""Which kinds of conflict stand in which column."""
COLUMNS = (
    "channel", "mz", "adduct", "axis", "detected", *MEASURED, "conflicts", "reason", "verdict", *EVIDENCE,
    "metaspace_fdr", *FROM_PANEL, "matrix_conflicts", "in_source", "caveat",
)  # fmt: skip
"""Columns of channels.csv."""
_NAN = float("nan")
_NOTHING = IonEvidence(_NAN, _NAN, _NAN)


def choose_ions(
    panel: Sequence[PanelIon],
    evidence: Mapping[PanelIon, IonEvidence],
    *,
    polarity: str,
    mz_range: tuple[float, float],
    tolerance_ppm: float,
    holds_isotopes: bool = True,
    metaspace_fdr: Mapping[PanelIon, float] | None = None,
) -> tuple[tuple[PanelIon, ...], pd.DataFrame]:
    """Choose one ion per panel member, and tell of every member what became of it.

    A member's ion is the first, in its order of preference, that is seen; else the first that is
    doubtful, detected, measurable, of the file's polarity; else its first.

    Parameters
    ----------
    evidence : of every measurable ion of the panel
    polarity, mz_range : of the file
    holds_isotopes : whether the file has isotope peaks, and verdicts ask for them
    metaspace_fdr : false-discovery rate of ions, as METASPACE gave it

    Returns
    -------
    chosen : the detected ions in the order of the panel, one per member
    table : the rows of channels.csv, one per member
    """
    measurable = measurable_ions(panel, polarity=polarity, mz_range=mz_range, tolerance_ppm=tolerance_ppm)
    conflicts = find_conflicts(measurable, tolerance_ppm=tolerance_ppm)
    file = _File(polarity, mz_range, frozenset(measurable), tolerance_ppm, holds_isotopes)
    rates = metaspace_fdr or {}
    chosen: list[PanelIon] = []
    rows = []
    for _, member in groupby(panel, key=lambda ion: ion.name):
        ion, verdict, reason = _choose(list(member), evidence, file)
        found = evidence.get(ion, _NOTHING)
        told = {
            column: "; ".join(conflict.text for conflict in conflicts.get(ion, ()) if conflict.kind in kinds)
            for column, kinds in CONFLICTS.items()
        }
        detected = bool(found.coverage >= MIN_COVERAGE)
        if detected:
            chosen.append(ion)
        rows.append(
            (
                ion.name,
                ion.mz,
                ion.adduct,
                ion.axis,
                detected,
                *(getattr(found, name) for name in MEASURED),
                told["conflicts"],
                reason,
                verdict,
                *(getattr(found, name) for name in EVIDENCE),
                rates.get(ion, _NAN),
                *(_text(getattr(ion, name)) for name in FROM_PANEL),
                told["matrix_conflicts"],
                told["in_source"],
                ion.caveat,
            )
        )
    return tuple(chosen), pd.DataFrame(rows, columns=list(COLUMNS))


def judge_ion(found: IonEvidence, *, tolerance_ppm: float, holds_isotopes: bool) -> tuple[Verdict, str]:
    """Return the verdict on a measurable ion, and why it is not ``seen``.

    Parameters
    ----------
    holds_isotopes : whether the file has isotope peaks; where it has none, the rest decides
    """
    if reason := why_not_found(found):
        return "not seen", reason
    doubts = []
    if found.off_to_on > MAX_OFF_TO_ON:
        doubts.append(f"off the tissue it is {_times(found.off_to_on)} as strong as on it")
    if abs(found.ppm_error) > MAX_PPM_SHARE * tolerance_ppm:
        doubts.append(f"its peak lies {abs(found.ppm_error):.1f} ppm from the m/z of the formula")
    if not found.order >= MIN_ORDER:
        doubts.append("its image has no more order than the same pixels at random places")
    if holds_isotopes:
        doubt = "no formula, so its isotopes are not known" if found.isotope is None else _doubt(found.isotope)
        doubts += [doubt] if doubt else []
    return ("doubtful", "; ".join(doubts)) if doubts else ("seen", "")


def why_not_found(found: IonEvidence) -> str:
    """Say why an image does not count as found on the tissue, ``""`` where it does."""
    if not found.coverage >= MIN_COVERAGE:
        return _too_rare(found.coverage)
    return f"{_times(found.off_to_on)} as strong off the tissue as on it" if found.off_to_on >= 1 else ""


def _doubt(isotope: IsotopeCheck) -> str:
    """Say what M+1 speaks against an ion in a file that holds isotopes, ``""`` where it speaks for it."""
    is_found = isotope.ratio >= MIN_FOUND
    if not is_found:
        if not isotope.is_visible:
            return "its M+1 isotope is expected below the weakest intensities of its images, and is not found"
        return f"its M+1 isotope is not found ({100 * max(isotope.ratio, 0.0):.0f} % of what is expected)"
    doubts = []
    allowed = math.log(MAX_ABUNDANCE_FACTOR) + 2 * isotope.log_error
    if not abs(math.log(isotope.ratio)) <= allowed:
        doubts.append(f"its M+1 isotope is {_times(isotope.ratio)} as strong as the formula expects")
    if not isotope.place >= MIN_PLACE:
        doubts.append(f"its M+1 isotope lies elsewhere (correlation {isotope.place:.2f})")
    return "; ".join(doubts)


@dataclass(frozen=True)
class _File:
    polarity: str
    mz_range: tuple[float, float]
    measurable: frozenset[PanelIon]
    tolerance_ppm: float
    holds_isotopes: bool


def _choose(
    member: Sequence[PanelIon], evidence: Mapping[PanelIon, IonEvidence], file: _File
) -> tuple[PanelIon, Verdict, str]:
    """Return the member's ion, its verdict and why it is not seen, ``""`` where it is."""
    first = member[0]
    if first.polarity == "elemental":
        return first, VERDICTS[3], "an element is not taken from this file; add its registered image to channels.images"
    if file.polarity == "unknown":
        return first, VERDICTS[3], "the file does not state its polarity; set ims.polarity"
    of_polarity = [ion for ion in member if is_of_polarity(ion, file.polarity)]
    if not of_polarity:
        seen_as = f"as {first.adduct} " if first.adduct else ""
        told = f"the file is {file.polarity}, this metabolite is seen {seen_as}in {first.polarity} mode"
        return first, VERDICTS[3], told
    candidates = [ion for ion in of_polarity if ion in file.measurable]
    if not candidates:
        low, high = file.mz_range
        ion = of_polarity[0]
        return ion, VERDICTS[3], f"m/z {ion.mz:.4f} is outside the file's range {low:.1f} to {high:.1f}"
    judged = [
        (ion, *judge_ion(evidence[ion], tolerance_ppm=file.tolerance_ppm, holds_isotopes=file.holds_isotopes))
        for ion in candidates
    ]

    def place(choice: tuple[PanelIon, Verdict, str]) -> tuple[int, bool]:
        return VERDICTS.index(choice[1]), not evidence[choice[0]].coverage >= MIN_COVERAGE

    return min(judged, key=place)


def _too_rare(coverage: float) -> str:
    if math.isnan(coverage):
        return "no tissue pixel was measured"
    if coverage == 0:
        return "not found in any tissue pixel"
    # Rounded down, so that 4.96 % does not read as 5.0 %, fewer than 5 %.
    percent = math.floor(round(1000 * coverage, 6)) / 10
    return f"found in {percent} % of tissue pixels, fewer than {100 * MIN_COVERAGE:.0f} %"


def _times(ratio: float) -> str:
    return f"{ratio:.2g} times"


def _text(value: object) -> object:
    return "; ".join(value) if isinstance(value, tuple) else value
