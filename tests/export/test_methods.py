"""The methods text says what a recipe did, cites what the documentation cites, and invents nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_metime import __version__
from napari_metime.export import methods
from napari_metime.export.methods import REFERENCES, methods_text
from napari_metime.recipe import AlignRecipe, Recipe
from napari_metime.section import NicheNull, RefinedFrom, SectionResult

ROOT = Path(__file__).parents[2]


def changed(recipe: Recipe, part: str, **values: Any) -> Recipe:
    return recipe.model_copy(update={part: getattr(recipe, part).model_copy(update=values)})


def test_each_reference_is_cited_elsewhere_in_the_project() -> None:
    package = ROOT / "napari_metime"
    pages = [*(ROOT / "docs").glob("*.md"), *package.rglob("*.py"), *package.rglob("*.j2")]
    cited = " ".join(p.read_text(encoding="utf-8") for p in pages if p != Path(methods.__file__))
    cited = re.sub(r"\s+", " ", cited)
    for text in REFERENCES.values():
        places = re.findall(r"\b\d+:\d[\w.]*|10\.\d{4,}/\S+[\w)]", text) or [text.split(", ", 1)[1]]
        for place in places:
            assert place in cited, text


def test_what_was_done_is_said_with_its_numbers(result: SectionResult, recipe: Recipe) -> None:
    text = methods_text(recipe, result)
    for words in (
        "imzML, negative ion mode, processed) with 1,200 spectra at a pixel size of 20 x 25 µm",
        f"napari-metime {__version__}",
        "1 ion image, 1 other image and 1 ratio were made",
        "±5 ppm, normalised to the total ion current of each pixel",
        "Of 400 cells",
        "effector cells (CD8)",
        "a similarity transform on 3 landmarks",
        "leave-one-out error 6.1 µm",
        "tumour cells of at least 0.5",
        "window of 120 µm radius",
        "999 drawings from random labels of the cells",
        "alpha = 0.05",
        "at most 0.5 of the rest's",
        "2 niches were found",
        "splines of tumour fraction and cell density",
        "The seed was 0",
        "NumPy",
    ):
        assert words in text
    body, _, listed = text.partition("References\n")
    assert len(body.strip().split("\n\n")) == 2
    numbers = [int(n) for found in re.findall(r"\[([\d, ]+)\]", body) for n in found.split(", ")]
    assert list(dict.fromkeys(numbers)) == list(range(1, len(listed.strip().split("\n")) + 1))
    assert "  " not in body
    assert not re.search(r"\b(will|shall|is sought|are sought)\b", body)


@pytest.mark.parametrize(
    ("part", "values", "said", "unsaid"),
    [
        ("ims", {"normalize": "none"}, "not normalised", "normalised to"),
        ("ims", {"normalize": "reference", "reference_mz": 89.0244}, "the ion at m/z 89.0244", "total ion"),
        ("ims", {"recalibrate": "row", "lock_mz": (89.0, 90.0)}, "each pixel row against 2 lock masses [1]", "panel."),
        ("tissue", {"method": "none"}, "every measured pixel", "told from background"),
        ("tissue", {"exclude": Path("folds.tif")}, "were left out", "divided"),
        ("niches", {"domain": "tissue"}, "The domain was the whole tissue", "Kelsall"),
        ("niches", {"domain": "region:core"}, "The domain was the region core of the tissue.", "Kelsall"),
        ("niches", {"domain": "microscopy:DAPI"}, "was the area bright in the microscopy (DAPI).", "Kelsall"),
        ("niches", {"domain": "bed.geojson"}, "The domain was the given area.", "Kelsall"),
        ("niches", {"mask_lymphoid": True}, "Lymphoid structures", "inflamed"),
        ("niches", {"reference": "immune", "alpha": 0.01}, "among immune cells than expected", "alpha = 0.05"),
        ("niches", {"inflamed": True}, "by the upper tail", "Lymphoid"),
        ("associations", {"covariates": ()}, "over the assessable pixels and tested", "splines"),
        ("associations", {"covariates": ("depth",)}, "splines of depth in the domain were", "tumour fraction were"),
        ("cells", {"gates": {"CD8": ("CD3+",)}}, "by rules on markers", "How likely"),
    ],
)
def test_each_variation_is_said(
    result: SectionResult, recipe: Recipe, part: str, values: dict[str, Any], said: str, unsaid: str
) -> None:
    text = methods_text(changed(recipe, part, **values), result)
    assert said in text
    assert unsaid not in text
    assert said not in methods_text(recipe, result)


@pytest.mark.parametrize("name", ["CD8 [@foo]", "X [@rank]", "X \0rank\0", "A\n\nReferences\n9. Mine 2020", "\0foo\0"])
def test_a_name_is_neither_a_reference_nor_a_line(result: SectionResult, recipe: Recipe, name: str) -> None:
    plain = methods_text(changed(recipe, "niches", domain="region:core"), result)
    named = changed(recipe, "cells", roles={**recipe.cells.roles, "effector": (name,)})
    named = changed(changed(named, "niches", domain=f"region:{name}"), "tissue", method=f"microscopy:{name}")
    named = named.model_copy(update={"ims": named.ims.model_copy(update={"part": name})})
    text = methods_text(named, result)
    assert text.count("\n") == plain.count("\n")
    assert text.partition("\nReferences\n")[2] == plain.partition("\nReferences\n")[2]
    assert text.count(name.replace("\n", "�").replace("\0", "�")) == 4
    assert "\0" not in text


def test_the_review_is_cited_for_its_panel_and_axes_and_not_for_the_program(
    result: SectionResult, recipe: Recipe
) -> None:
    text = methods_text(recipe, result)
    assert f"were analysed with napari-metime {__version__}." in text
    ours = re.findall(r"Metabolites and their axes were those of a panel made from a review \[(\d+)\]\.", text)
    assert f"{ours[0]}. {REFERENCES['review']}" in text
    for panel in (None, "mine.csv"):
        assert REFERENCES["review"] not in methods_text(changed(recipe, "channels", panel=panel), result)


def test_matched_tissue_is_told_of_only_where_it_was_found(result: SectionResult, recipe: Recipe) -> None:
    name = result.channels.channels[0].name
    for p, is_told in ((np.nan, False), (0.02, True)):
        regions = result.niches.regions.assign(**{f"p_moved_{name}": [p, np.nan, np.nan, np.nan]})
        text = methods_text(recipe, replace(result, niches=replace(result.niches, regions=regions)))
        assert "Channels in a niche were compared with the rest (95 %" in text
        assert ("with tissue of like depth" in text) is is_told
    assert "with tissue of like depth" not in methods_text(recipe, result)  # no such column at all


def test_one_niche_is_one(result: SectionResult, recipe: Recipe) -> None:
    found = replace(result.niches.map, p_region=result.niches.map.p_region[:1])
    text = methods_text(recipe, replace(result, niches=replace(result.niches, map=found)))
    assert "1 niche was found and graded by the effectors in the ring around it" in text


def test_alignments_of_every_kind_are_said(result: SectionResult, recipe: Recipe) -> None:
    bare = replace(result.alignment, n_landmarks=0, kind="none", target_error_um=np.nan)
    untouched = methods_text(recipe.model_copy(update={"align": "none"}), replace(result, alignment=bare))
    assert "taken to lie in the frame of the section" in untouched
    assert "Umeyama" not in untouched
    matrix = AlignRecipe(matrix=((1, 0, 0), (0, 1, 0), (0, 0, 1)))
    given = replace(result, alignment=replace(bare, kind="matrix"))
    assert "by a matrix" in methods_text(recipe.model_copy(update={"align": matrix}), given)
    serial = replace(result, alignment=replace(result.alignment, extra_error_um=8.0))
    assert "A further error of 8.0 µm was stated" in methods_text(recipe, serial)
    assert "was 10 µm in all" in methods_text(recipe, serial)  # 6.1 and 8.0 in quadrature
    for accepted, words in ((True, "refined by the images"), (False, "tried and not accepted")):
        refined = replace(result, refined_from=RefinedFrom(result.alignment, accepted, "note"))
        assert words in methods_text(recipe, refined)


def test_without_a_map_or_channels_no_search_and_no_test_is_claimed(
    without_niches: SectionResult, recipe: Recipe
) -> None:
    nothing = replace(
        without_niches, channels=replace(without_niches.channels, channels=()),
        niches=replace(without_niches.niches, associations=without_niches.niches.associations.iloc[:0]),
    )  # fmt: skip
    text = methods_text(recipe, nothing)
    assert "not assessable anywhere in it, and none was searched for" in text
    assert "No channel was measured." in text
    for word in ("ppm", "drawings", "correlated", "niche was found", "Border"):
        assert word not in text


def test_the_null_that_was_fitted_is_said(result: SectionResult, recipe: Recipe) -> None:
    null = NicheNull(0.4, 0.5, 60.0, 1.8)
    told = replace(result, niches=replace(result.niches, map=replace(result.niches.map, null=null)))
    text = methods_text(recipe, told)
    assert (
        "a null fitted outside the candidates (a rate that changed with depth and clumping as of a log-Gaussian" in text
    )
