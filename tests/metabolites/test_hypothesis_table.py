"""The review's hypotheses and notes of organs: their words are the review's, and none of them recommends."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path

import pytest

from napari_metime.metabolites import read_panel
from napari_metime.metabolites.hypothesis_table import read_hypotheses, read_organ_notes
from napari_metime.metabolites.ratio_table import read_ratios

BESIDE = Path(__file__).resolve().parents[2].parent / "shared" / "data"
REVIEW = Path(os.environ.get("METIME_DATA", BESIDE)).parent / "reference" / "review.txt"
PANEL = read_panel(None)
AXES = {ion.axis for ion in PANEL}
MARKERS = {"PD-L1", "ACSL4", "GPX4"}
HYPOTHESES, NOTES = read_hypotheses(), read_organ_notes()
TEXTS = [f"{h.condition} {h.hypothesis} {h.caveat}" for h in HYPOTHESES] + [f"{n.programme} {n.note}" for n in NOTES]


def test_conditions_name_channels_that_tables_can_hold() -> None:
    known = {ion.name for ion in PANEL} | {r.id for r in read_ratios()} | {f"axis:{axis}" for axis in AXES} | MARKERS
    for hypothesis in HYPOTHESES:
        assert hypothesis.needs
        assert {channel for channel, _ in hypothesis.needs} <= known
        assert {direction for _, direction in hypothesis.needs} <= {"high", "low"}


def test_conditions_are_those_of_the_review() -> None:
    needs = [(h.axis, h.needs) for h in HYPOTHESES]
    assert ("lactate_glycolysis", (("L-Lactate", "high"), ("PD-L1", "high"))) in needs
    assert ("trp_kyn", (("kyn_trp", "high"),)) in needs
    assert ("arginine", (("L-Arginine", "low"),)) in needs
    assert ("ferroptosis", (("ACSL4", "high"), ("GPX4", "low"))) in needs
    both = (("axis:lactate_glycolysis", "high"), ("axis:lipid_FAO", "high"))
    assert ("lactate_glycolysis; lipid_FAO", both) in needs


def test_axes_are_those_of_the_panel_and_those_without_a_proposal_are_absent() -> None:
    named = {axis for h in HYPOTHESES for axis in h.axis.split("; ")}
    assert named < AXES
    assert not named & {"TCA", "OXPHOS", "energy_adenosine", "lipid_eicosanoid"}
    assert {axis for note in NOTES for axis in note.axes} < AXES


def test_every_hypothesis_has_its_caveat_and_its_section() -> None:
    for hypothesis in HYPOTHESES:
        assert hypothesis.caveat.endswith(".")
        assert all(re.fullmatch(r"[2-5]\.[1-5]", part) for part in hypothesis.sections.split("; "))
    assert all(re.fullmatch(r"5\.[23]", note.sections) for note in NOTES)


def test_ionophore_and_chelator_stand_in_one_row_as_opposites() -> None:
    (copper,) = (h for h in HYPOTHESES if "chelat" in h.hypothesis or "ionophore" in h.hypothesis)
    assert copper.hypothesis.startswith("two opposite directions, between which the review gives no rule")
    assert "chelation" in copper.hypothesis
    assert "ionophores" in copper.hypothesis
    assert (copper.axis, copper.needs) == ("cuproptosis", (("Copper (63Cu/65Cu, elemental)", "high"),))


def test_nothing_recommends_or_ranks() -> None:
    words = re.compile(r"(?i)\b(recommend|should|advis|prescrib|prefer|best|first choice|rank|treat with)")
    assert [text for text in TEXTS if words.search(text)] == []


def test_a_failed_trial_is_told_with_the_hypothesis() -> None:
    (kynurenine,) = (h for h in HYPOTHESES if h.axis == "trp_kyn")
    assert "did not demonstrate added clinical benefit in melanoma" in kynurenine.caveat


def plain(text: str) -> str:
    """Letters and signs without blanks, dashes and quotes, which vary in the text of the review."""
    return re.sub(r"[\s\u00ad\u2010-\u201f\u2212\"'-]+", "", unicodedata.normalize("NFKC", text)).lower()


@pytest.mark.skipif(not REVIEW.is_file(), reason="the review is not beside this checkout")
def test_every_quoted_phrase_stands_in_the_review() -> None:
    review = plain(REVIEW.read_text(encoding="utf-8"))
    phrases = [h.phrase for h in HYPOTHESES] + [n.phrase for n in NOTES]
    quoted = [phrase for text in TEXTS for phrase in re.findall("“([^”]+)”", text)]
    assert len(quoted) >= 15
    assert [phrase for phrase in (*phrases, *quoted) if plain(phrase) not in review] == []
    assert max(len(phrase.split()) for phrase in (*phrases, *quoted)) <= 12
