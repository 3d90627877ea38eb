"""What the report says was measured is what docs/calibration.md says, and what bears on the section at hand."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from napari_metime.export import calibration
from napari_metime.export.calibration import calibration_notes
from napari_metime.recipe import Recipe
from napari_metime.recipe.parts import NichesRecipe
from napari_metime.section import NicheNull, SectionResult

PAGE = (Path(__file__).parents[2] / "docs" / "calibration.md").read_text(encoding="utf-8")
HEADER = ("world", "sections", "uncut", "called", "covered", "outside")


def row_of(world: str) -> dict[str, str]:
    line = next(line for line in PAGE.splitlines() if line.startswith(f"| {world} |"))
    return dict(zip(HEADER, (cell.strip() for cell in line.strip("|").split("|")), strict=False))


def first_number(text: str) -> float:
    return float(re.findall(r"[\d.]+", text)[0])


@pytest.mark.parametrize("grade", ["desert", "excluded"])
@pytest.mark.parametrize("shape", ["disc", "ellipse", "ragged", "banana"])
def test_borders_are_those_that_were_measured(grade: str, shape: str) -> None:
    row = row_of(f"{shape}, {grade}")
    assert first_number(row["covered"]) == calibration.COVERED[grade][shape]
    assert first_number(row["outside"]) == calibration.OUTSIDE[grade][shape]


def test_power_is_that_which_was_measured() -> None:
    for (radius_um, rate), levels in calibration.POWER.items():
        for density, share in levels.items():
            world = f"power, desert of {radius_um} µm, rate {rate:g}, {density} per mm²"
            if (radius_um, rate) == (300, 0.1) and density >= 150:
                world = {150: "disc, desert", 300: "disc, desert, 300 per mm²"}[density]
            assert first_number(row_of(world)["called"]) == share, world


def test_false_calls_intervals_and_depth_are_those_that_were_measured() -> None:
    for world, share in calibration.CALLED_WITHOUT_NICHE.items():
        assert first_number(row_of(world)["called"]) == share
    told = f"rate ratio lies in its interval in {calibration.HOLDS_RATE} %"
    assert told in PAGE
    assert f"the change of the ion in its own in {calibration.HOLDS_CHANGE} %" in PAGE
    rows = [line for line in PAGE.splitlines() if line.startswith("| by depth |")]
    last = {line.split("|")[2].strip(): first_number(line.split("|")[9]) for line in rows}
    assert last["tumor_fraction cell_density"] == calibration.WITHOUT_DEPTH
    assert last["tumor_fraction cell_density depth"] == calibration.WITH_DEPTH


def with_density(result: SectionResult, per_mm2: float) -> SectionResult:
    regions = result.niches.regions.copy()
    regions.loc[regions["kind"] == "rest", "density_effector_per_mm2"] = per_mm2
    return replace(result, niches=replace(result.niches, regions=regions))


@pytest.mark.parametrize(
    ("per_mm2", "words"),
    [
        (40.0, "holds 40 effectors per mm². Power was measured from 50 per mm² on, and was low there"),
        (60.0, "With 50 per mm², this share of simulated deserts was called: 40 % (radius 300 µm"),
        (74.9, "With 50 per mm²"),
        (75.0, "With 75 per mm², this share of simulated deserts was called: 80 %"),
        (400.0, "With 300 per mm² (the highest that was measured)"),
    ],
)
def test_power_is_told_for_the_effectors_of_this_section(
    result: SectionResult, recipe: Recipe, per_mm2: float, words: str
) -> None:
    assert words in " ".join(calibration_notes(with_density(result, per_mm2), recipe))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"max_rate_ratio": 0.95}, "a largest rate of 0.95 against the rest"),
        ({"min_tumor_fraction": 0.3}, "a tumour bed from a share of 0.3 tumour cells on"),
        ({"mask_lymphoid": True}, "a domain without lymphoid structures"),
        ({"inflamed": True}, "a search for inflamed regions"),
        ({"grades": {"ring_gap_um": 0.0}}, "other cut-offs of grades"),
        ({"lymphoid": {"b": ("B",)}}, "lymphoid structures by cell types that were named"),
        ({"reference": "immune", "radius_um": 100.0}, "a window of a given radius, effectors among some of the cells"),
        ({"n_permutations": 19}, "only 19 permutations"),
        ({"n_permutations": 198}, "only 198 permutations"),
        ({"n_permutations": 199}, ""),
    ],
)
def test_each_setting_that_was_not_simulated_is_named(
    result: SectionResult, recipe: Recipe, values: dict[str, Any], words: str
) -> None:
    niches = type(recipe.niches).model_validate(values)
    text = " ".join(calibration_notes(result, recipe.model_copy(update={"niches": niches})))
    assert ("the numbers above were not measured for that" in text) is bool(words)
    assert words in text


def test_the_number_of_permutations_is_that_which_was_measured_with() -> None:
    assert f"with {calibration.MEASURED_PERMUTATIONS} permutations and alpha" in " ".join(PAGE.split())


def test_every_setting_of_a_search_has_words() -> None:
    assert set(NichesRecipe.model_fields) == set(calibration.OTHER)


def test_only_what_applies_is_told(result: SectionResult, without_niches: SectionResult, recipe: Recipe) -> None:
    text = " ".join(calibration_notes(result, recipe))
    assert "0.72 (ragged), 0.73 (banana)" in text
    assert "Depth is not among the covariates" in text
    assert "not measured for that" not in text
    regions = result.niches.regions.assign(grade=["mixed", "undetermined", None, None])
    plain = replace(result, niches=replace(result.niches, regions=regions))
    assert "Borders" not in " ".join(calibration_notes(plain, recipe))
    deep = recipe.model_copy(update={"associations": recipe.associations.model_copy(update={"covariates": ("depth",)})})
    assert "Depth" not in " ".join(calibration_notes(result, deep))
    other = recipe.model_copy(update={"niches": recipe.niches.model_copy(update={"domain": "tissue", "alpha": 0.01})})
    assert "a domain that is not the tumour bed, alpha = 0.01" in " ".join(calibration_notes(result, other))
    clumped = replace(result.niches, map=replace(result.niches.map, null=NicheNull(0.0, 0.5, 60.0, 1.8)))
    assert "6.4 % where they clumped" in " ".join(calibration_notes(replace(result, niches=clumped), recipe))
    assert calibration_notes(without_niches, recipe) == []
