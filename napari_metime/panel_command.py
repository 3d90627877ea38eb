"""What ``napari-metime panel`` prints: how many have each verdict, then axis by axis what speaks for each member."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from napari_metime.metabolites.axes import rows_of
from napari_metime.metabolites.choice import CONFLICTS, VERDICTS

NO_AXIS = "other channels"
NO_IDENTIFICATION = "A verdict is about an m/z in this file; it identifies no molecule."
_MEASURES = {"isotope_spatial": "spatial", "isotope_spectral": "spectral", "chaos": "chaos", "msm": "MSM"}


def panel_lines(table: pd.DataFrame, *, source: str, polarity: str, mz_range: tuple[float, float]) -> Iterator[str]:
    """Yield the lines, the counts first.

    Parameters
    ----------
    table : the rows of channels.csv
    source : name of the file
    polarity, mz_range : of the file
    """
    rows = rows_of(table)
    counts = ", ".join(f"{sum(row['verdict'] == verdict for row in rows)} {verdict}" for verdict in VERDICTS)
    low, high = mz_range
    yield f"{source} ({polarity}, m/z {low:.1f} to {high:.1f}), {len(rows)} members of the panel: {counts}"
    yield NO_IDENTIFICATION
    axes: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        axes.setdefault(row["axis"] or NO_AXIS, []).append(row)
    for axis, members in axes.items():
        n_seen = sum(row["verdict"] == "seen" for row in members)
        yield ""
        yield f"{axis}: {n_seen} of {len(members)} seen"
        for row in members:
            yield from _member_lines(row)


def _member_lines(row: Mapping[str, Any]) -> Iterator[str]:
    mz = "" if math.isnan(row["mz"]) else f"{row['mz']:.4f}"
    said = "; ".join(part for part in (_numbers(row), row["reason"]) if part)
    yield f"  {row['channel']:<40} {mz:>10} {row['adduct']:<12} {row['verdict']:<19}  {said}".rstrip()
    conflicts = "; ".join(row[column] for column in CONFLICTS if row[column])
    if row["detected"] and conflicts:
        yield f"    conflicts: {conflicts}"


def _numbers(row: Mapping[str, Any]) -> str:
    """Say what was measured of a member; nothing of one that is nowhere."""
    if not row["coverage"] > 0:
        return ""
    off = f", {_percent(row['off_coverage'])} off it" if not math.isnan(row["off_coverage"]) else ""
    parts = [f"{_percent(row['coverage'])} of tissue{off}"]
    if not math.isnan(row["ppm_error"]):
        parts.append(f"{row['ppm_error']:+.1f} ppm")
    parts += [f"{word} {row[key]:.2f}" for key, word in _MEASURES.items() if not math.isnan(row[key])]
    if not math.isnan(row["metaspace_fdr"]):
        parts.append(f"METASPACE FDR {_percent(row['metaspace_fdr'])}")
    return ", ".join(parts)


def _percent(share: float) -> str:
    percent = 100 * share
    return f"{percent:.0f} %" if percent >= 10 or percent == 0 else f"{percent:.2g} %"
