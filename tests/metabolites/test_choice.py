"""The choice of ions: the first detected one in order, and a plain reason for every other member."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_metime.metabolites import IonEvidence, PanelIon, choose_ions, ion_evidence, measurable_ions, read_panel

A1 = PanelIon("A", "", "lactate", "[M-H]-", "negative", 100.0, 0)
A2 = PanelIon("A", "", "lactate", "[M+Cl]-", "negative", 200.0, 1)
A3 = PanelIon("A", "", "lactate", "[M+H]+", "positive", 102.0, 2)
B = PanelIon("B", "", "lipid", "[M+H]+", "positive", 102.0004, 0)
C = PanelIon("C", "", "lipid", "", "negative", 200.0008, 0)
IRON = PanelIon("Fe", "Fe", "ferroptosis", "[M]+", "elemental", 55.9344, 0)
PANEL = (A1, A2, A3, B, C, IRON)


def choose(
    coverage: dict[PanelIon, float], *, polarity: str = "negative", mz_range: tuple[float, float] = (50, 500)
) -> tuple[tuple[PanelIon, ...], pd.DataFrame]:
    ions = measurable_ions(PANEL, polarity=polarity, mz_range=mz_range, tolerance_ppm=5)
    evidence = {ion: IonEvidence(7.0, coverage.get(ion, 0.0), 1.5) for ion in ions}
    chosen, table = choose_ions(PANEL, evidence, polarity=polarity, mz_range=mz_range, tolerance_ppm=5)
    return chosen, table.set_index("channel")


def test_first_detected_ion_in_order_stands_for_its_member() -> None:
    assert choose({A1: 0.5, A2: 0.9})[0] == (A1,)
    assert choose({A1: 0.04, A2: 0.05, C: 1})[0] == (A2, C)


def test_table_has_one_row_per_member_with_the_columns_of_the_contract() -> None:
    evidence = {A1: IonEvidence(7.0, 0.25, -2.5)}
    _, table = choose_ions((A1, B), evidence, polarity="negative", mz_range=(50, 500), tolerance_ppm=5)
    columns = "channel,mz,adduct,axis,detected,mean_intensity,coverage,ppm_error,conflicts,reason"
    assert ",".join(table) == columns
    assert table.iloc[0].tolist() == ["A", 100.0, "[M-H]-", "lactate", True, 7.0, 0.25, -2.5, "", ""]
    assert table["channel"].tolist() == ["A", "B"]
    assert table["detected"].dtype == bool
    assert table.iloc[1][["mean_intensity", "coverage", "ppm_error"]].isna().all()


@pytest.mark.parametrize(
    ("coverage", "reason"),
    [
        (0.0, "not found in any tissue pixel"),
        (0.012, "found in 1.2 % of tissue pixels, fewer than 5 %"),
        (0.0499, "found in 4.9 % of tissue pixels, fewer than 5 %"),
        (0.05, ""),
        (float("nan"), "no tissue pixel was measured"),
    ],
)
def test_rare_ion_is_not_detected_and_says_how_rare(coverage: float, reason: str) -> None:
    row = choose({A1: coverage})[1].loc["A"]
    assert (row["reason"], row["detected"], row["mz"]) == (reason, reason == "", 100.0)


def test_reasons_are_told_in_plain_words() -> None:
    table = choose({}, polarity="positive")[1]
    assert table.loc["C", "reason"] == "the file is positive, this metabolite is seen in negative mode"
    assert table.loc["Fe", "reason"].startswith("an element is not taken from this file")
    assert (
        choose({})[1].loc["B", "reason"] == "the file is negative, this metabolite is seen as [M+H]+ in positive mode"
    )
    row = choose({}, mz_range=(631.27, 1979.84))[1].loc["A"]
    assert row["reason"] == "m/z 100.0000 is outside the file's range 631.3 to 1979.8"
    unknown = choose({}, polarity="unknown")[1].loc["A", "reason"]
    assert unknown == "the file does not state its polarity; set ims.polarity"


def test_ion_shown_for_a_member_is_the_one_that_its_reason_speaks_of() -> None:
    assert choose({}, polarity="positive", mz_range=(600, 700))[1].loc["A", ["adduct", "mz"]].tolist() == [
        "[M+H]+",
        102.0,
    ]
    assert choose({}, mz_range=(150, 700))[1].loc["A", "adduct"] == "[M+Cl]-"


def test_conflicts_name_the_other_members_in_the_window_and_both_stay() -> None:
    chosen, table = choose({A3: 1, B: 1}, polarity="positive")
    assert chosen == (A3, B)
    assert table["conflicts"].to_dict() == {"A": "B [M+H]+", "B": "A [M+H]+", "C": "", "Fe": ""}
    assert choose({A2: 1})[1].loc["C", "conflicts"] == "A [M+Cl]-"
    assert choose({A1: 1})[1].loc["A", "conflicts"] == ""


def test_file_of_both_polarities_shows_both_but_no_elements() -> None:
    chosen, table = choose({A3: 1, B: 1, IRON: 1}, polarity="mixed")
    assert chosen == (A3, B)
    assert not table.loc["Fe", "detected"]


def test_peptide_section_shows_no_small_metabolite_and_says_so_one_by_one() -> None:
    panel = read_panel(None)
    mz_range = (631.3, 1979.8)
    ions = measurable_ions(panel, polarity="positive", mz_range=mz_range, tolerance_ppm=5)
    nothing = dict.fromkeys(ions, IonEvidence(0.0, 0.0, float("nan")))
    chosen, table = choose_ions(panel, nothing, polarity="positive", mz_range=mz_range, tolerance_ppm=5)
    assert chosen == ()
    assert len(table) == 197
    assert (table["reason"] != "").all()
    lactate = table.set_index("channel").loc["L-Lactate", "reason"]
    assert lactate == "the file is positive, this metabolite is seen as [M-H]- in negative mode"
    kynurenine = table.set_index("channel").loc["L-Kynurenine", "reason"]
    assert kynurenine == "m/z 209.0921 is outside the file's range 631.3 to 1979.8"


def test_evidence_is_taken_from_measured_tissue_pixels() -> None:
    image = np.array([[1, 0, np.nan], [5, 100, 0]], dtype=np.float32)
    tissue = np.array([[True, True, True], [True, False, True]])
    found = ion_evidence(image, tissue, 200.0, 200.001)
    assert found.mean_intensity == pytest.approx((1 + 0 + 5 + 0) / 4)
    assert found.coverage == 2 / 4
    assert found.ppm_error == pytest.approx(5.0)


def test_evidence_of_nothing_is_not_available() -> None:
    nothing = np.full((2, 2), np.nan, dtype=np.float32)
    found = ion_evidence(nothing, np.ones((2, 2), dtype=bool), 200.0, float("nan"))
    assert np.isnan([found.mean_intensity, found.coverage, found.ppm_error]).all()
