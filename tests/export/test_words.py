"""Numbers and findings read as a person would write them."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from napari_metime.export import words
from napari_metime.export.methods import methods_text
from napari_metime.export.summary import plain_summary
from napari_metime.recipe import Recipe
from napari_metime.section import Alignment, LeftOut, NicheNull, RefinedFrom, SectionResult


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
    """2^0.585 = 1.5: L-Lactate's interval is +0.20 to +0.90, kyn_trp's, a logarithm, -1.60 to -0.90 (-1.215: 0.43)."""
    niches = result.niches
    cells = niches.cells.assign(type=np.where(niches.cells["role"] == "effector", "CD8", niches.cells["type"]))
    first, second = words.niche_sentences(replace(niches, cells=cells))
    assert first == (
        "Niche 1: 0.026 mm², 4 CD8 where 38 were expected (ratio 0.10, 95 % interval 0.04 to 0.30), "
        "p = 0.002; desert, suppressed; associated: Kynurenine / tryptophan 0.43 times, L-Lactate 1.5 times the rest."
    )
    assert second == (
        "Niche 2: 0.014 mm², 1 CD8 where 20 were expected (ratio 0.05), p = 0.045; excluded."
    )


@pytest.mark.parametrize("types", [["CD8", "NK"], ["x" * 31], ["\x1b[31mCD8"]])
def test_effectors_of_several_types_or_of_odd_names_are_effector_cells(result: SectionResult, types: list[str]) -> None:
    niches = result.niches
    cells = pd.DataFrame({"type": types, "role": "effector"})
    assert "4 effector cells where 38 were expected" in words.niche_sentences(replace(niches, cells=cells))[0]


def test_a_niche_that_another_window_size_does_not_find_says_so(result: SectionResult) -> None:
    niches = result.niches
    regions = niches.regions.assign(stability=[0.0, 0.31, np.nan, np.nan])
    first, second = words.niche_sentences(replace(niches, regions=regions))
    assert "; one of two more searches, with a narrower and a wider window, does not find it" in first
    assert "a wider window, finds only part of it (overlap 0.31 of 1)" in second
    firm = words.niche_sentences(replace(niches, regions=regions.assign(stability=0.5)))
    assert not [text for text in firm if "window" in text]


def test_a_contrast_with_matched_tissue_goes_before_that_with_the_rest(result: SectionResult) -> None:
    """log2 1.3785 = 2.6 times; what was not significant there is not told, however large."""
    niches = result.niches
    regions = niches.regions.assign(
        **{"matched_log2fc_L-Lactate": 1.3785, "p_moved_L-Lactate": [0.01, 0.2, np.nan, np.nan]},
        matched_log2fc_kyn_trp=-3.0,
        p_moved_kyn_trp=[0.06, np.nan, np.nan, np.nan],
        n_tumor=[80, 40, 80, 399],
    )
    first, second = words.niche_sentences(replace(niches, regions=regions))
    assert first.endswith("; associated: L-Lactate 2.6 times the matched tumour.")
    one, apart = dict.fromkeys(("L-Lactate", "kyn_trp", "x")), {"L-Lactate": "ion", "kyn_trp": "ratio", "x": "ratio"}
    assert words.moved_q(regions.iloc[0], one) == {"L-Lactate": 0.02, "kyn_trp": 0.06}
    assert words.moved_q(regions.iloc[0], apart) == {"L-Lactate": 0.01, "kyn_trp": 0.06}
    assert "associated" not in second
    few = regions.assign(n_tumor=[80, 40, 80, 100])
    assert words.niche_sentences(replace(niches, regions=few))[0].endswith("times the matched tissue.")


def test_a_niche_that_can_hardly_be_matched_says_so(result: SectionResult) -> None:
    niches = result.niches
    tested = {"p_moved_L-Lactate": 0.2, "p_moved_kyn_trp": np.nan, "n_tumor": [80, 40, 80, 399]}
    regions = niches.regions.assign(**tested, n_moved=999.0, own_matched_share=0.1)
    said = "; its metabolites cannot be compared with matched tumour: too little comparable tissue is left."

    def ends_so(**columns: object) -> bool:
        return words.niche_sentences(replace(niches, regions=regions.assign(**columns)))[0].endswith(said)

    assert not ends_so()
    assert ends_so(own_matched_share=0.5)
    assert ends_so(n_moved=50.0)
    assert ends_so(**{"p_moved_L-Lactate": np.nan})


def test_the_null_says_what_it_was_fitted_to() -> None:
    """exp(-0.4) = 0.67."""
    assert words.null_sentence(None) == ""
    by_chance = "as chance alone would put them"
    assert f"effectors lie among the other cells {by_chance}; p says" in words.null_sentence(NicheNull())
    told = words.null_sentence(NicheNull(-0.4, 0.5, 60.0, 1.8))
    assert f"do not lie {by_chance}: with each mm deeper in the domain their share is 0.67 times as large" in told
    assert "they lie in clumps (over 60 µm, s.d. of the logarithm 0.50)" in told
    assert "varies 1.8 times as much (variance) as by chance" in told
    for text in (told, words.null_sentence(NicheNull())):
        assert not re.search("null|random label", text)


def test_the_window_says_what_it_expects(result: SectionResult, without_niches: SectionResult) -> None:
    told = "Where it is assessable, the window expects 4.0 effectors (median), 4.0 at least."
    assert words.window_sentence(result.niches.map) == told
    assert words.window_sentence(without_niches.niches.map) == ""


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


def test_a_serial_section_and_the_bound_are_said() -> None:
    """Errors add as variances: 3 and 4 µm make 5."""
    serial = Alignment(np.eye(3), "similarity", 4, 2.0, 3.0, extra_error_um=4.0, bound_um=9.5, note="mirrored")
    assert words.alignment_sentence(serial, "px") == (
        "The cells were brought into the section frame by a similarity transform on 4 landmarks (mirrored). "
        "The landmarks fit within 2.0 µm (root mean square). Left out one by one, they are missed by 3.0 µm: the "
        "alignment error. A further 4.0 µm were stated, as for a serial section: 5.0 µm in all. "
        "At 95 %, no cell is further than 9.5 µm from its true place."
    )
    given = Alignment(np.eye(3), "matrix", extra_error_um=4.0)
    assert "not known" not in words.alignment_sentence(given, "um")


def test_what_became_of_refining_is_said() -> None:
    rough, better = Alignment(np.eye(3), "rigid"), Alignment(np.eye(3), "affine", target_error_um=7.0)
    refused = RefinedFrom(rough, False, "It was not refined: other tissue fits as well.", 0.21, 0.2, 0.4, 80.0)
    told = "Mutual information of the two images: 0.21 bits before, 0.20 after."
    assert words.refined_sentence(refused, rough) == f"{refused.note} {told}"
    accepted = replace(refused, accepted=True)
    assert words.refined_sentence(accepted, better).endswith(f"{told} The alignment error is 7.0 µm now.")
    assert words.refined_sentence(RefinedFrom(rough, False, "Too few cells."), rough) == "Too few cells."


def test_what_is_left_out_is_counted() -> None:
    mask = np.eye(3, dtype=bool)
    parts = [LeftOut("without a spectrum", mask), LeftOut("outside the microscopy", mask, 1)]
    assert words.left_out_sentences(parts) == [
        "3 pixels without a spectrum.",
        "3 pixels outside the microscopy, with 1 cell that counts nowhere.",
    ]


@pytest.mark.parametrize(
    ("domain", "place"),
    [
        ("tumor_bed", "tumour bed"),
        ("tissue", "tissue"),
        ("region:core", "region core of the tissue"),
        ("microscopy:DAPI", "area bright in the microscopy (DAPI)"),
        ("bed.geojson", "given area"),
        ("region:a\nb", "region a�b of the tissue"),
    ],
)
def test_a_domain_is_called_the_same_in_the_report_and_the_methods(
    result: SectionResult, without_niches: SectionResult, recipe: Recipe, domain: str, place: str
) -> None:
    asked = recipe.model_copy(update={"niches": recipe.niches.model_copy(update={"domain": domain})})
    assert f" mm² of the {place} could be assessed." in plain_summary(result, asked)[0]
    assert f"where the {place} is immune-cold" in plain_summary(without_niches, asked)[0]
    assert place in methods_text(asked, result)


def test_how_sure_stands_before_what_goes_with_it(result: SectionResult, recipe: Recipe) -> None:
    """The niches' p are 0.002 and 0.0451: the larger is said."""
    said = plain_summary(result, recipe)
    assert said[1] == "How sure: chance alone gives a region as clear, anywhere in the section, with p ≤ 0.045."
    regions = result.niches.regions.assign(p_region=0.001, called_share=[0.97, 0.9, np.nan, np.nan])
    redrawn = plain_summary(replace(result, niches=replace(result.niches, regions=regions)), recipe)[1]
    assert "with p = 0.001; with the errors" in redrawn
    assert "each is called again in at least 90 % of redraws." in redrawn
    one = replace(result, niches=replace(result.niches, regions=regions.drop(index=1)))
    assert "it is called again in 97 % of redraws." in plain_summary(one, recipe)[1]
