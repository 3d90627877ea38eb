"""Hypotheses held against a niche: by the limit nearer to nothing, in the direction asked, and never a choice."""

from __future__ import annotations

import re

import numpy as np
import pytest

from napari_metime.metabolites.hypotheses import (
    NO_CUTOFF,
    NOT_MEASURABLE,
    NOT_SUPPORTED,
    SUPPORTED,
    Contrast,
    hold,
    joint_status,
    notes_of_site,
)
from napari_metime.metabolites.hypothesis_table import Direction, read_hypotheses


@pytest.mark.parametrize(
    ("direction", "low", "high", "cutoff", "status"),
    [
        ("high", 0.1, 0.9, None, SUPPORTED),
        ("high", -0.1, 0.9, None, NOT_SUPPORTED),
        ("high", 0.1, 0.9, 0.2, NOT_SUPPORTED),
        ("high", 0.3, 0.9, 0.2, SUPPORTED),
        ("low", -0.9, -0.1, None, SUPPORTED),
        ("low", -0.9, 0.1, None, NOT_SUPPORTED),
        ("low", 0.1, 0.9, None, NOT_SUPPORTED),
        ("low", -0.9, -0.1, 0.2, NOT_SUPPORTED),
        ("low", -0.9, -0.3, 0.2, SUPPORTED),
        ("high", np.nan, np.nan, None, NOT_MEASURABLE),
    ],
)
def test_a_condition_holds_where_the_whole_interval_lies_beyond_the_cutoff(
    direction: Direction, low: float, high: float, cutoff: float | None, status: str
) -> None:
    held = hold("x", direction, Contrast((low + high) / 2, low, high), cutoff)
    assert held.status == status
    words = "0.2 higher" if direction == "high" else "0.2 lower"
    assert held.cutoff == (NO_CUTOFF if cutoff is None else words)


def test_what_cannot_be_measured_says_why() -> None:
    held = hold("PD-L1", "high", "there is no such channel in this section", None)
    assert (held.status, held.reason) == (NOT_MEASURABLE, "PD-L1: there is no such channel in this section")
    assert np.isnan(held.contrast.value)


def test_all_conditions_must_be_measurable_and_hold() -> None:
    assert joint_status([SUPPORTED, SUPPORTED]) == SUPPORTED
    assert joint_status([SUPPORTED, NOT_SUPPORTED]) == NOT_SUPPORTED
    assert joint_status([NOT_SUPPORTED, NOT_MEASURABLE]) == NOT_MEASURABLE
    assert joint_status([]) == NOT_MEASURABLE


def test_every_hypothesis_has_a_caveat_and_its_sections_and_none_recommends() -> None:
    for each in read_hypotheses():
        assert each.caveat
        assert re.fullmatch(r"\d\.\d(; \d\.\d)*", each.sections)
        assert each.needs
        assert not re.search(r"recommend|should be (given|treated)|best|preferred", f"{each.hypothesis} {each.caveat}")


def test_between_ionophore_and_chelator_nothing_is_chosen() -> None:
    (copper,) = [each for each in read_hypotheses() if each.axis == "cuproptosis"]
    assert "chelation" in copper.hypothesis
    assert "ionophore" in copper.hypothesis
    assert "no rule" in copper.hypothesis


@pytest.mark.parametrize(
    ("site", "words"),
    [("Liver metastasis", ["Liver"]), ("lung", ["Lung"]), ("skin melanoma", ["Melanoma"]), ("kidney", []),
     ("colon carcinoma", []), (None, []), ("any", [])],
)  # fmt: skip
def test_notes_are_of_the_site_of_the_section(site: str | None, words: list[str]) -> None:
    notes = notes_of_site(site)
    assert len(notes) == len(words)
    assert all(note.startswith(word) for note, word in zip(notes, words, strict=True))
