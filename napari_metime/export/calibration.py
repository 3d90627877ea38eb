"""What was measured on simulated sections that bears on a run, said beside its results."""

from __future__ import annotations

from collections.abc import Mapping

from napari_metime.export.words import is_known, number
from napari_metime.recipe import Recipe
from napari_metime.section import SectionResult

COVERED: Mapping[str, Mapping[str, float]] = {
    "desert": {"disc": 0.86, "ellipse": 0.81, "ragged": 0.72, "banana": 0.73},
    "excluded": {"disc": 0.94, "ellipse": 0.93, "ragged": 0.80, "banana": 0.80},
}
"""Share of the planted pixels that was called, by grade and shape. These tables are those of docs/calibration.md."""
OUTSIDE: Mapping[str, Mapping[str, float]] = {
    "desert": {"disc": 0.090, "ellipse": 0.100, "ragged": 0.126, "banana": 0.132},
    "excluded": {"disc": 0.078, "ellipse": 0.087, "ragged": 0.075, "banana": 0.098},
}
"""Share of the called area that was not planted."""
CALLED_WITHOUT_NICHE: Mapping[str, float] = {
    "no niche, 150 per mm²": 0.9,
    "no niche, clumped effectors (s.d. 0.6, 60 µm)": 6.4,
    "no niche, depth gradient of 1.0 per mm": 4.3,
}
"""Per cent of the sections without any niche in which one was called."""
POWER: Mapping[tuple[int, float], Mapping[int, float]] = {
    (300, 0.1): {50: 40.0, 75: 80.0, 150: 100.0, 300: 100.0},
    (300, 0.3): {50: 12.0, 75: 42.0, 150: 74.0, 300: 98.0},
    (200, 0.1): {50: 2.0, 75: 10.0, 150: 68.0, 300: 96.0},
    (200, 0.3): {50: 0.0, 75: 2.0, 150: 14.0, 300: 52.0},
}
"""Per cent of the sections in which a desert was called, by its radius in µm and rate, and effectors per mm²."""
HOLDS_RATE, HOLDS_CHANGE = 98.5, 94.5
"""Per cent of the called niches whose 95 % interval held the true rate ratio, and the true change of an ion."""
WITHOUT_DEPTH, WITH_DEPTH = 23.9, 4.3
"""Per cent of channels that follow the depth and not the coldness, with p <= 0.05 in both tests."""

MEASURED_PERMUTATIONS = 199
OTHER: Mapping[str, str] = {
    "domain": "a domain that is not the tumour bed",
    "radius_um": "a window of a given radius",
    "n_permutations": "only {} permutations",
    "alpha": "alpha = {:g}",
    "max_rate_ratio": "a largest rate of {:g} against the rest",
    "min_tumor_fraction": "a tumour bed from a share of {:g} tumour cells on",
    "reference": "effectors among some of the cells only",
    "inflamed": "a search for inflamed regions",
    "mask_lymphoid": "a domain without lymphoid structures",
    "lymphoid": "lymphoid structures by cell types that were named",
    "grades": "other cut-offs of grades",
}
"""What each setting of a search is called where it is not what was simulated."""


def calibration_notes(result: SectionResult, recipe: Recipe) -> list[str]:
    """Return what docs/calibration.md says of searches like this one, a sentence each; empty without a map."""
    if not result.niches.map.assessable.any():
        return []
    notes = [_false_calls(result), _power(result), *_borders(result), *_intervals(result), *_depth(result, recipe)]
    return [*filter(None, notes), *_not_calibrated(recipe)]


def _false_calls(result: SectionResult) -> str:
    null = result.niches.map.null
    even, clumped, deep = CALLED_WITHOUT_NICHE.values()
    text = f"Of simulated sections without a niche, {even} % had one called"
    if null is not None and null.clumping_sd > 0:
        return f"{text} where effectors lay evenly, and {clumped} % where they clumped, as they do here."
    if null is not None and null.depth_slope_per_mm:
        return f"{text} where effectors lay evenly, and {deep} % where they changed with depth, as they do here."
    return f"{text}."


def _power(result: SectionResult) -> str:
    regions = result.niches.regions
    rest = regions.loc[regions["kind"] == "rest", "density_effector_per_mm2"]
    density = float(rest.iloc[0]) if len(rest) else float("nan")
    if not is_known(density):
        return ""
    measured = sorted(POWER[300, 0.1])
    if density < measured[0]:
        return (
            f"The rest of this section holds {number(density)} effectors per mm². Power was measured from "
            f"{measured[0]} per mm² on, and was low there: what was not called here may still be cold."
        )
    nearest = max(level for level in measured if level <= density)
    beyond = " (the highest that was measured)" if density > measured[-1] else ""
    found = ", ".join(f"{number(POWER[key][nearest])} % ({_kind(*key)})" for key in POWER)
    return (
        f"The rest of this section holds {number(density)} effectors per mm². With {nearest} per mm²{beyond}, this "
        f"share of simulated deserts was called: {found}. What was not called may still be cold."
    )


def _kind(radius_um: int, rate: float) -> str:
    return f"radius {radius_um} µm, {rate:g} of the usual rate"


def _borders(result: SectionResult) -> list[str]:
    regions = result.niches.regions
    called = {row["grade"] for row in regions[regions["kind"] == "niche"].to_dict("records")}
    notes = []
    for grade in COVERED:
        if grade in called:
            covered, outside = COVERED[grade], OUTSIDE[grade]
            shares = ", ".join(f"{value:.2f} ({shape})" for shape, value in covered.items())
            notes.append(
                f"Borders are estimates. This share of niches planted as {grade} was covered on average, by their "
                f"shape: {shares}; {100 * min(outside.values()):.0f} to {100 * max(outside.values()):.0f} % of the "
                "area called lay outside."
            )
    return notes


def _intervals(result: SectionResult) -> list[str]:
    if not result.niches.map.n_niches:
        return []
    return [
        f"The 95 % intervals held the true rate ratio of {HOLDS_RATE} % of the niches called, and the true change of "
        f"an ion in {HOLDS_CHANGE} %."
    ]


def _depth(result: SectionResult, recipe: Recipe) -> list[str]:
    is_tested = bool((result.niches.associations["status"] == "tested").any())
    if "depth" in recipe.associations.covariates or not is_tested:
        return []
    return [
        f"Depth is not among the covariates of this run. Where coldness and a channel both followed the depth and had "
        f"nothing else in common, {WITHOUT_DEPTH} % of the pairs had p ≤ 0.05 in both tests without it, {WITH_DEPTH} % "
        "with it."
    ]


def _not_calibrated(recipe: Recipe) -> list[str]:
    """Say where a run leaves what was simulated, which is what a recipe does by itself."""
    niches, fields = recipe.niches, type(recipe.niches).model_fields
    changed = {name: getattr(niches, name) for name in fields if getattr(niches, name) != fields[name].default}
    if niches.n_permutations >= MEASURED_PERMUTATIONS:  # more only make p finer
        changed.pop("n_permutations", None)
    other = [OTHER[name].format(value) for name, value in changed.items()]
    return [f"This run uses {', '.join(other)}; the numbers above were not measured for that."] if other else []
