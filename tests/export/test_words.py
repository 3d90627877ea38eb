"""Numbers and findings read as a person would write them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_metime.export import words
from napari_metime.section import Alignment, SectionResult


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.00123, "0.0012"), (0.283, "0.28"), (38.2, "38"), (8.24, "8.2"), (12345.6, "12,346"), (-436.2, "−436"), (0, "0"),
     (float("nan"), "–"), (None, "–"), (np.float64(2.5), "2.5")],
)  # fmt: skip
def test_numbers_have_sensible_digits(value: object, text: str) -> None:
    assert words.number(value) == text


@pytest.mark.parametrize(("p", "text"), [(0.002, "0.002"), (0.0451, "0.045"), (1.0, "1"), (1e-5, "1e-05"), (None, "–")])
def test_p_values_are_not_rounded_away(p: float | None, text: str) -> None:
    assert words.p_value(p) == text


def test_a_niche_is_one_sentence(result: SectionResult) -> None:
    first, second = result.niches.regions.to_dict("records")[:2]
    assert words.niche_sentence(first) == (
        "Niche 1: 0.026 mm², 4 effector cells where 38 were expected (rate ratio 0.10, 95 % interval 0.04 to 0.30), "
        "p = 0.002; desert, suppressed."
    )
    assert words.niche_sentence(second) == (
        "Niche 2: 0.014 mm², 1 effector cell where 20 were expected (rate ratio 0.05), p = 0.045; excluded."
    )


def test_the_headline_tells_none_from_not_assessable(result: SectionResult, without_niches: SectionResult) -> None:
    assert words.headline(result) == "2 immune-cold niches found"
    assert words.headline(without_niches) == "Immune-cold niches are not assessable here"
    found = without_niches.niches
    asked = replace(found, map=replace(found.map, assessable=found.map.domain))
    assert words.headline(replace(without_niches, niches=asked)) == "No immune-cold niche found"


def test_an_unknown_alignment_error_is_said(result: SectionResult) -> None:
    assert "missed by 6.1 µm" in words.alignment_sentence(result.alignment, "px")
    few = replace(result.alignment, n_landmarks=2, target_error_um=float("nan"))
    assert "cannot be estimated" in words.alignment_sentence(few, "px")
    for kind in ("matrix", "none"):
        assert "error is not known" in words.alignment_sentence(Alignment(np.eye(3), kind), "um")
