"""What ``napari-metime panel`` prints, from the rows of channels.csv."""

from __future__ import annotations

import numpy as np
import pandas as pd

from napari_metime.metabolites import choose_ions, read_panel
from napari_metime.metabolites.choice import COLUMNS
from napari_metime.metabolites.evidence import IonEvidence
from napari_metime.panel_command import NO_AXIS, panel_lines

PANEL = tuple(ion for ion in read_panel(None) if ion.axis in ("lactate_glycolysis", "cuproptosis"))


def lines_of(table: pd.DataFrame) -> list[str]:
    return list(panel_lines(table, source="f.imzML", polarity="negative", mz_range=(80.0, 800.0)))


def row(**values: object) -> dict[str, object]:
    texts = dict.fromkeys(COLUMNS, "")
    numbers = ("mz", "coverage", "off_coverage", "ppm_error", "isotope_spatial", "isotope_spectral", "chaos", "msm")
    return {**texts, **dict.fromkeys((*numbers, "metaspace_fdr"), np.nan), "detected": False, **values}


def test_every_member_has_its_line_under_its_axis_and_the_counts_are_of_all() -> None:
    nothing = IonEvidence(0.0, 0.0, np.nan)
    evidence = dict.fromkeys(PANEL, nothing)
    _, table = choose_ions(PANEL, evidence, polarity="negative", mz_range=(80.0, 800.0), tolerance_ppm=5.0)
    lines = lines_of(table)
    n = table["verdict"].value_counts()
    assert lines[0] == (
        f"f.imzML (negative, m/z 80.0 to 800.0), {len(table)} members of the panel: 0 seen, 0 doubtful, "
        f"{n['not seen']} not seen, {n['cannot be seen here']} cannot be seen here"
    )
    told = [line for line in lines if line.startswith("  ")]
    assert [line.split("  ")[1] for line in told] == [name[:40] for name in table["channel"]]
    assert all(reason in line for line, reason in zip(told, table["reason"], strict=True))


def test_the_numbers_stand_before_the_reason_and_what_was_not_measured_is_not_told() -> None:
    seen = row(
        channel="L-Lactate", mz=89.02442, adduct="[M-H]-", axis="lactate", verdict="seen", detected=True,
        coverage=0.934, off_coverage=0.012, ppm_error=-0.31, isotope_spatial=0.91, isotope_spectral=0.98,
        chaos=0.99, msm=0.883, metaspace_fdr=0.1, conflicts="B [M-H]- lies 3.1 ppm away",
    )  # fmt: skip
    marker = row(channel="PD-L1", verdict="not seen", coverage=0.02, reason="found in 2.0 % of tissue pixels")
    _, _, _, heading, first, second, _, other, last = lines_of(pd.DataFrame([seen, marker], columns=list(COLUMNS)))
    assert heading == "lactate: 1 of 1 seen"
    assert " ".join(first.split()) == (
        "L-Lactate 89.0244 [M-H]- seen 93 % of tissue, 1.2 % off it, -0.3 ppm, spatial 0.91, spectral 0.98, "
        "chaos 0.99, MSM 0.88, METASPACE FDR 10 %"
    )
    assert second.strip() == "conflicts: B [M-H]- lies 3.1 ppm away"
    assert other == f"{NO_AXIS}: 0 of 1 seen"
    assert " ".join(last.split()) == "PD-L1 not seen 2 % of tissue; found in 2.0 % of tissue pixels"
