"""The ions of the report: what they rest on, what else they may be, and how metabolites are named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from napari_metime.export.ions import (
    MAX_ALSO,
    doubtful_channels,
    identification_sentence,
    ions_in_print,
    members_of,
)
from napari_metime.recipe import Recipe
from napari_metime.section import SectionResult

SAME = "has the same formula: not to be told apart at MS1"


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "channel": ["PE 38:4", "L-Lactate", "NAD+", "CD8"],
            "axis": ["ferroptosis", "lactate_glycolysis", None, None],
            "adduct": ["[M-H]-", "[M-H]-", "[M+H]+", None],
            "mz": [766.539229, 89.024418, 664.1164, np.nan],
            "ppm_error": [-0.0034, -0.19, 0.47, np.nan],
            "verdict": ["seen", "seen", "doubtful", None],
            "reason": [None, None, "its M+1 isotope is not found", None],
            "coverage": [0.9666, 0.9999, 0.001, np.nan],
            "off_coverage": [0.70, np.nan, 0.0, np.nan],
            "isotope_spatial": [0.848, np.nan, 0.1, np.nan],
            "isotope_spectral": [0.984, 0.99, 0.2, np.nan],
            "metaspace_fdr": [0.05, np.nan, np.nan, np.nan],
            "conflicts": [
                f"PC 36:4 [M-CH3]- {SAME}; X [M-H]- lies 2.3 ppm away: a resolving power of 430,000 would part them",
                None, None, None,
            ],
            "matrix_conflicts": [f"CHCA [M-H]-, where that is the matrix, {SAME}", None, None, None],
            "in_source": ["may be A [M-H]- that lost CO2 in the source", None, None, None],
        }
    )  # fmt: skip


def test_an_ion_is_told_with_what_it_rests_on_and_what_else_it_may_be(table: pd.DataFrame) -> None:
    pe, lactate, nad = ions_in_print(table, {"NAD+", "PE 38:4", "L-Lactate", "CD8", "kyn_trp"})
    assert (pe.channel, pe.axis, pe.adduct, pe.mz, pe.ppm_error) == (
        "PE 38:4", "Ferroptosis", "[M-H]-", "766.5392", "−0.00",
    )  # fmt: skip
    assert (pe.verdict, pe.evidence) == ("seen", "isotopes 0.85, 0.98; METASPACE FDR 5 %")
    assert (pe.on_tissue, pe.off_tissue) == ("97 %", "70 %")
    assert pe.also == [
        "PC 36:4 [M-CH3]- (same formula)",
        "X [M-H]- (2.3 ppm away)",
        "CHCA [M-H]-, where that is the matrix, (same formula)",
    ]
    assert len(pe.also) == MAX_ALSO
    assert pe.n_more == 1  # A without CO2
    assert (lactate.on_tissue, lactate.off_tissue, lactate.evidence, lactate.n_more) == ("more than 99 %", "", "", 0)
    assert (nad.verdict, nad.evidence) == ("doubtful", "its M+1 isotope is not found")
    assert (nad.axis, nad.on_tissue, nad.off_tissue) == ("", "less than 1 %", "0 %")


def test_what_is_not_spoken_of_is_not_listed_and_what_was_asked_for_by_its_mass_is(table: pd.DataFrame) -> None:
    (asked,) = ions_in_print(table, {"mz:757.4000", "axis:arginine"})
    assert (asked.channel, asked.mz, asked.verdict) == ("m/z 757.4000", "757.4000", "–")
    older = table[["channel", "mz", "adduct"]].assign(detected=True)
    assert [ion.verdict for ion in ions_in_print(older, {"L-Lactate"})] == ["found"]


def test_a_loss_in_the_source_is_said_in_short(table: pd.DataFrame) -> None:
    alone = table.assign(conflicts=None, matrix_conflicts=None)
    assert ions_in_print(alone, {"PE 38:4"})[0].also == ["A [M-H]- without CO2 (in source)"]


def test_doubtful_channels_and_the_members_of_what_was_scored_are_known(table: pd.DataFrame) -> None:
    assert doubtful_channels(table) == {"NAD+"}
    assert doubtful_channels(table.drop(columns="verdict")) == set()
    axes = pd.DataFrame(
        {"status": ["scored", "scored", "not_scored"], "members": ["L-Lactate; PE 38:4", "L-Lactate; PE 38:4", "NAD+"]}
    )
    assert members_of(axes, ("scored",)) == {"L-Lactate", "PE 38:4"}
    assert members_of(pd.DataFrame(), ("scored",)) == set()


def test_how_metabolites_are_named_is_said_once_there_is_an_ion(result: SectionResult, recipe: Recipe) -> None:
    told = identification_sentence(recipe, result.channels)
    assert "accurate mass (within 5 ppm)" in told
    assert "without MS/MS or a standard: putative annotations, level 2 or 3 of" in told
    without = replace(result.channels, channels=tuple(c for c in result.channels.channels if c.kind != "ion"))
    assert identification_sentence(recipe, without) == ""
