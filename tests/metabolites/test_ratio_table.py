"""The ratios of the panel: every member is one, and the definitions are those of their sources."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from napari_metime.metabolites import read_panel
from napari_metime.metabolites.ratio_table import Ratio, read_ratios

RATIOS = {ratio.id: ratio for ratio in read_ratios()}
PANEL = read_panel(None)
BESIDE = Path(__file__).resolve().parents[2].parent / "shared" / "data"
REFERENCE = Path(os.environ.get("METIME_DATA", BESIDE)).parent / "reference" / "ratios.csv"
SPLIT = {"scd_16": "scd", "scd_18": "scd", "lpc_pc": "pc_lpc"}
"""Ids that differ from those of the reference, which writes LPC over PC the wrong way round."""


def names(ratio: Ratio) -> list[str]:
    return [name for name, _ in (*ratio.numerator, *ratio.denominator)]


def test_every_member_is_one_of_the_panel_and_every_axis_too() -> None:
    members = {ion.name for ion in PANEL}
    assert {name for ratio in RATIOS.values() for name in names(ratio)} < members
    assert {ratio.axis for ratio in RATIOS.values()} < {ion.axis for ion in PANEL}
    assert len(RATIOS) == len(read_ratios()) == 31


def test_members_of_a_ratio_have_a_polarity_in_common() -> None:
    for ratio in RATIOS.values():
        modes = [{ion.polarity for ion in PANEL if ion.name == name} for name in names(ratio)]
        assert set.intersection(*modes), ratio.id


@pytest.mark.parametrize(
    ("id_", "definition"),
    [
        ("kyn_trp", "L-Kynurenine / L-Tryptophan"),
        ("lactate_pyruvate", "L-Lactate / Pyruvate"),
        ("gsh_gssg", "Glutathione (GSH) / Glutathione disulfide (GSSG)"),
        ("nadh_nad", "NADH / NAD+"),
        ("gabr", "L-Arginine / L-Ornithine + L-Citrulline"),
        ("aec", "ATP + 0.5 ADP / ATP + ADP + AMP"),
        ("fao_cpt2", "Palmitoylcarnitine (C16) + Oleoylcarnitine (C18:1) / Acetylcarnitine (C2)"),
        ("scd_18", "Oleate (FA 18:1) / Stearate (FA 18:0)"),
    ],
)
def test_definitions(id_: str, definition: str) -> None:
    assert RATIOS[id_].definition == definition


def test_energy_charge_counts_adp_half_and_needs_all() -> None:
    # Atkinson: (ATP + ADP / 2) / (ATP + ADP + AMP) is 1 of ATP alone, 1/2 of ADP alone, 0 of AMP alone.
    above, below = dict(RATIOS["aec"].numerator), dict(RATIOS["aec"].denominator)
    assert [above.get(name, 0) / below[name] for name in ("ATP", "ADP", "AMP")] == [1, 0.5, 0]
    assert {ratio.id for ratio in RATIOS.values() if ratio.needs_all} == {"aec", "gabr"}


def test_all_other_weights_are_one() -> None:
    weights = [w for r in RATIOS.values() for name, w in (*r.numerator, *r.denominator) if name != "ADP"]
    assert set(weights) == {1.0}


def test_a_share_has_its_numerator_in_its_denominator() -> None:
    oxidised = RATIOS["oxpe_index"]
    assert set(oxidised.numerator) < set(oxidised.denominator)
    unoxidised = {name for name, _ in set(oxidised.denominator) - set(oxidised.numerator)}
    assert unoxidised == {"PE 36:4", "PE 38:4", "PE 40:4"}
    for ratio in RATIOS.values():
        assert ratio.id in ("oxpe_index", "aec") or not set(ratio.numerator) & set(ratio.denominator)


def test_sums_take_every_member_of_their_class() -> None:
    members = {ion.name for ion in PANEL}
    esters = {n for n in members if n.startswith("Cholesteryl ester")}
    assert {name for name, _ in RATIOS["ce_chol"].numerator} == esters
    assert {name for name, _ in RATIOS["tg_pl"].numerator} == {n for n in members if n.startswith("TG ")}
    assert {name for name, _ in RATIOS["tg_pl"].denominator} == {
        n for n in members if n.startswith("PC ") and ";" not in n
    }
    acyl = {n for n in members if n.endswith(")") and "carnitine (C" in n}
    assert {name for name, _ in RATIOS["ac_total_free"].numerator} == acyl
    assert len(acyl) == 11


def test_signs_say_whose_they_are() -> None:
    assert [ratio.id for ratio in RATIOS.values() if ratio.suppression_origin == "the review"] == ["kyn_trp"]
    assert {ratio.suppression_sign for ratio in RATIOS.values()} == {-1, 0, 1}
    assert all(bool(r.suppression_sign) == bool(r.suppression_origin) for r in RATIOS.values())
    assert [r.id for r in RATIOS.values() if r.suppression_sign < 0] == ["arg_orn", "gabr"]
    assert RATIOS["kyn_trp"].suppression_sign == 1


def test_every_ratio_says_what_it_reads_and_what_limits_it() -> None:
    for ratio in RATIOS.values():
        assert ratio.reads, ratio.id
        assert ratio.limits, ratio.id
        assert ratio.reference, ratio.id
        assert "[" not in ratio.reads + ratio.reference


@pytest.mark.skipif(not REFERENCE.is_file(), reason="the reference table is not beside this checkout")
def test_every_ratio_of_the_reference_is_there_but_one() -> None:
    with REFERENCE.open(encoding="utf-8") as file:
        stated = {id_: row["axis"] for row in csv.DictReader(file) for id_ in row["id"].split(", ")}
    ours = {SPLIT.get(ratio.id, ratio.id): ratio.axis for ratio in RATIOS.values()}
    # Malate loses water to fumarate's ion: the table says not to use their ratio at MS1.
    assert stated.keys() - ours.keys() == {"mal_fum"}
    assert ours.keys() <= stated.keys()
    assert all(axis in stated[id_].split(";") for id_, axis in ours.items())
