"""report.html: the run for a reader, in one self-contained file."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from napari_metime import __version__
from napari_metime.export.changes import MAX_CHANNELS, NicheChanges, channel_changes
from napari_metime.export.colours import GRADE_COLOURS, grade_of
from napari_metime.export.figures import MAX_GRADIENTS, coldness_png, gradient_png, overview_png
from napari_metime.export.provenance import package_versions
from napari_metime.export.words import (
    MISSING,
    Row,
    alignment_sentence,
    area_mm2,
    count,
    headline,
    interval,
    is_known,
    left_out_sentences,
    niche_sentence,
    number,
    p_value,
    plural,
    ratio,
    refined_sentence,
)
from napari_metime.recipe import Recipe
from napari_metime.section import SectionResult

MAX_SENTENCES = 12
_SUPPRESSED = {"true": "suppressed", "false": "not suppressed", "undetermined": "suppression undetermined"}


@dataclass(frozen=True, slots=True)
class RegionRow:
    """A row of the regions table, ready to print."""

    name: str
    grade: str
    colour: str
    suppressed: str
    before: Sequence[str]
    rate: str
    rate_interval: str
    after: Sequence[str]


@dataclass(frozen=True, slots=True)
class Fact:
    """A number that the reader should see first."""

    value: str
    unit: str
    label: str


def render_report(result: SectionResult, recipe: Recipe, recipe_text: str) -> str:
    """Return the report as HTML: no script, nothing loaded from elsewhere, every name escaped.

    Parameters
    ----------
    recipe_text : str
        The recipe as it is written beside the report.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(files(__package__).joinpath("report.html.j2").read_text(encoding="utf-8"))
    return template.render(
        **_findings(result),
        **_figures(result),
        section=recipe.section,
        domain=recipe.niches.domain,
        normalize=recipe.ims.normalize,
        n_permutations=recipe.niches.n_permutations,
        alpha=recipe.niches.alpha,
        recipe_text=recipe_text,
        version=__version__,
        packages=package_versions(),
        started=result.started,
        missing=MISSING,
    )


def _findings(result: SectionResult) -> dict[str, Any]:
    niches, channels = result.niches, result.channels
    rows = [{str(name): value for name, value in row.items()} for row in niches.regions.to_dict("records")]
    called = [row for row in rows if row["kind"] == "niche"]
    domain = next(row for row in rows if row["kind"] == "domain")
    hidden = [row for row in channels.table.to_dict("records") if not row["detected"]]
    return {
        "headline": headline(result),
        "facts": _facts(result, domain, called),
        "sentences": [niche_sentence(row) for row in called[:MAX_SENTENCES]],
        "n_unsaid": max(len(called) - MAX_SENTENCES, 0),
        "note": niches.map.note,
        "whole_grade": domain["grade"] if domain["grade"] == "desert" else None,
        "regions": [_region_row(row) for row in rows],
        "changes": _changes(result, called),
        "n_channels": len(channels.channels),
        "n_associations": int((niches.associations["status"] == "tested").sum()),
        "hidden": hidden,
        "n_panel": len(channels.table),
        "alignment": _alignment(result),
        "radius": number(niches.map.radius_um) if is_known(niches.map.radius_um) else None,
        "cells_note": result.cells.note,
        "microscopy_note": result.microscopy_note,
        "tissue_note": result.tissue.note,
        "left_out": left_out_sentences(result.niches.left_out),
        "warnings": result.warnings,
    }


def _alignment(result: SectionResult) -> str:
    refined = result.refined_from
    if refined is None:
        return alignment_sentence(result.alignment, result.source_unit)
    rough = alignment_sentence(refined.rough, result.source_unit)
    return f"{rough} {refined_sentence(refined, result.alignment)}"


def _changes(result: SectionResult, called: Sequence[Row]) -> list[NicheChanges]:
    logarithmic = {channel.name: channel.is_logarithmic for channel in result.channels.channels}
    return channel_changes(called, logarithmic)


def _facts(result: SectionResult, domain: Row, called: Sequence[Row]) -> list[Fact]:
    cold = sum(row["area_um2"] for row in called)
    error = result.alignment.error_um
    error_is = "alignment error" + (", with that of a serial section" if result.alignment.extra_error_um else "")
    where = "assessable domain" if result.niches.map.assessable.any() else "domain, nowhere assessable"
    share = cold / domain["area_um2"] if domain["area_um2"] else float("nan")
    facts = [
        Fact(area_mm2(cold), "mm²", f"cold, {number(100 * share)} % of the assessable domain"),
        Fact(area_mm2(domain["area_um2"]), "mm²", where),
        Fact(count(domain["n_effector"]), "", f"effector cells among {count(domain['n_cells'])} cells there"),
        Fact(number(error), "µm", error_is) if is_known(error) else Fact("unknown", "", error_is),
    ]
    return facts if called else facts[1:]


def _region_row(row: Row) -> RegionRow:
    is_niche = row["kind"] == "niche"
    grade = grade_of(row["grade"])
    return RegionRow(
        name=f"Niche {row['region_id']}" if is_niche else str(row["region_id"]),
        grade=grade if is_niche else "",
        colour=GRADE_COLOURS[grade],
        suppressed=_SUPPRESSED.get(row["suppressed"], ""),
        before=(
            area_mm2(row["area_um2"]),
            count(row["n_cells"]),
            count(row["n_effector"]),
            number(row["expected_effector"]),
        ),
        rate=ratio(row["rate_ratio"]),
        rate_interval=interval(row["rate_ratio_low"], row["rate_ratio_high"], ratio),
        after=(
            number(row["density_effector_per_mm2"]),
            ratio(row["density_ratio"]),
            p_value(row["p_region"]),
            number(row["distance_to_margin_um"]),
        ),
    )


def _figures(result: SectionResult) -> dict[str, Any]:
    regions = result.niches.regions
    called = regions[regions["kind"] == "niche"]
    grades: Mapping[str, str] = {str(r): grade_of(g) for r, g in zip(called["region_id"], called["grade"], strict=True)}
    gradient = gradient_png(result.niches.gradients, grades)
    return {
        "overview": _embedded(overview_png(result)),
        "coldness": _embedded(coldness_png(result)) if result.niches.map.assessable.any() else None,
        "gradient": _embedded(gradient) if gradient else None,
        "gradients_left_out": plural(len(grades) - MAX_GRADIENTS, "niche") if len(grades) > MAX_GRADIENTS else None,
        "max_channels": MAX_CHANNELS,
    }


def _embedded(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"
