"""report.html: the run for a reader, in one self-contained file."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import pandas as pd

from napari_metime import __version__
from napari_metime.export.associations import Associations, associations_in_print
from napari_metime.export.changes import MAX_CHANNELS, NicheChanges, channel_changes
from napari_metime.export.colours import GRADE_COLOURS, grade_of
from napari_metime.export.figures import MAX_GRADIENTS, coldness_png, gradient_png, margin_png, overview_png
from napari_metime.export.hypotheses import hypotheses_in_print
from napari_metime.export.provenance import package_versions
from napari_metime.export.scores import scores_in_print
from napari_metime.export.tissue_regions import notes_of_tissue
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
    niche_sentences,
    null_sentence,
    number,
    p_value,
    plural,
    ratio,
    refined_sentence,
)
from napari_metime.recipe import Recipe
from napari_metime.section import DESCRIPTIVE_COLUMNS, SectionResult

MAX_SENTENCES = 12
_SUPPRESSED = {"true": "suppressed", "false": "not suppressed", "undetermined": "suppression undetermined"}


MAX_DRAWN_CHANNELS = 4
"""Channels that are drawn across the margin. Our own choice."""


@dataclass(frozen=True, slots=True)
class Heading:
    """The heading of a column; ``key`` is its column of regions.csv."""

    key: str
    words: str
    unit: str = ""

    @property
    def is_descriptive(self) -> bool:
        """Whether regions were chosen by this column, or by what it follows from."""
        return self.key in DESCRIPTIVE_COLUMNS


REGION_HEADINGS = (
    Heading("region_id", "Region"),
    Heading("grade", "Grade"),
    Heading("area_um2", "Area", "mm²"),
    Heading("n_cells", "Cells"),
    Heading("n_effector", "Effectors"),
    Heading("expected_effector", "Expected"),
    Heading("rate_ratio", "Rate ratio"),
    Heading("density_effector_per_mm2", "Effectors", "per mm²"),
    Heading("density_ratio", "Density ratio"),
    Heading("p_region", "p"),
    Heading("distance_to_margin_um", "To margin", "µm"),
)
CERTAINTY_HEADINGS = (
    Heading("p_region_labelling", "p, plain labels"),
    Heading("stability", "Overlap with other windows"),
    Heading("called_share", "Called when redrawn"),
    Heading("area_core_um2", "Core", "mm²"),
    Heading("membership_mean", "Mean probability of its pixels"),
    Heading("ring_to_core", "Ring to niche", "effectors per mm²"),
    Heading("q_suppressed", "q, suppressed"),
    Heading("distance_to_lymphoid_um", "To lymphoid structure", "µm"),
)


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
class Certainty:
    """How sure the niches are: the columns that are known of any, and a row of texts a niche."""

    headings: Sequence[Heading]
    rows: Sequence[tuple[str, Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Fact:
    """A number that the reader should see first."""

    value: str
    unit: str
    label: str


def render_report(result: SectionResult, recipe: Recipe, recipe_text: str, *, notes: Sequence[str] = ()) -> str:
    """Return the report as HTML: no script, nothing loaded from elsewhere, every name escaped.

    Parameters
    ----------
    recipe_text : str
        The recipe as it is written beside the report.
    notes : Sequence of str
        What the review says of the section's site.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(files(__package__).joinpath("report.html.j2").read_text(encoding="utf-8"))
    findings = _findings(result)
    return template.render(
        **findings,
        **_figures(result, findings["associations"], findings["changes"]),
        section=recipe.section,
        notes=notes,
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
    associations = associations_in_print(niches.associations, channels.table)
    domain = next(row for row in rows if row["kind"] == "domain")
    hidden = [row for row in channels.table.to_dict("records") if not row["detected"]]
    return {
        "headline": headline(result),
        "facts": _facts(result, domain, called),
        "sentences": niche_sentences(niches)[:MAX_SENTENCES],
        "n_unsaid": max(len(called) - MAX_SENTENCES, 0),
        "note": niches.map.note,
        "null": null_sentence(niches.map.null),
        "whole_grade": domain["grade"] if domain["grade"] == "desert" else None,
        "summary": _summary(niches.summary),
        "regions": [_region_row(row) for row in rows],
        "region_headings": REGION_HEADINGS,
        "certainty": _certainty(called),
        "changes": _changes(result, called),
        "n_channels": len(channels.channels),
        "associations": associations,
        "scores": scores_in_print(niches.axes, niches.ratios),
        "hypotheses": hypotheses_in_print(niches.hypotheses),
        "covariates": _covariates(niches.associations),
        "hidden": hidden,
        "n_panel": len(channels.table),
        "alignment": _alignment(result),
        "radius": number(niches.map.radius_um) if is_known(niches.map.radius_um) else None,
        "cells_note": result.cells.note,
        "microscopy_note": result.microscopy_note,
        "tissue_note": "; ".join(notes_of_tissue(result)),
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


def _certainty(called: Sequence[Row]) -> Certainty:
    """Keep the columns of which something is known."""
    write: Mapping[str, Callable[[Any], str]] = {
        "p_region_labelling": p_value,
        "q_suppressed": p_value,
        "area_core_um2": area_mm2,
        "distance_to_lymphoid_um": number,
    }
    known = [h for h in CERTAINTY_HEADINGS if any(is_known(row.get(h.key)) for row in called)]
    rows = []
    for row in called:
        texts = [_ring(row) if h.key == "ring_to_core" else write.get(h.key, ratio)(row.get(h.key)) for h in known]
        rows.append((f"Niche {row['region_id']}", texts))
    return Certainty(known, rows)


def _ring(row: Row) -> str:
    limits = interval(row.get("ring_to_core_low"), row.get("ring_to_core_high"))
    return number(row["ring_to_core"]) + (f" ({limits})" if limits else "")


def _summary(summary: pd.DataFrame) -> list[Fact]:
    """Return what is known of the section as a whole."""
    if summary.empty:
        return []
    row = {str(key): value for key, value in summary.iloc[0].items()}
    seen = 100 * row.get("assessable_fraction", float("nan"))
    per_mm2 = {place: row.get(f"density_effector_{place}_per_mm2") for place in ("niches", "inner", "margin", "stroma")}
    words = {"niches": "in the niches", "inner": "inside the domain, away from its margin"}
    words |= {"margin": "in the margin of the domain", "stroma": "in the tissue outside the domain"}
    facts = [Fact(str(row["grade"]), "", "grade of the whole section")] if isinstance(row.get("grade"), str) else []
    facts += [Fact(number(seen), "%", "of the domain is assessable")] if is_known(seen) else []
    facts += [Fact(number(v), "per mm²", f"effectors {words[place]}") for place, v in per_mm2.items() if is_known(v)]
    mixing = row.get("mixing_score_normalized")
    if is_known(mixing):
        facts.append(Fact(number(mixing), "", "normalised mixing of effectors with tumour cells; 1 = at random"))
    return facts


def _covariates(associations: pd.DataFrame) -> str:
    if "covariates" not in associations or associations.empty:
        return ""
    names = str(associations["covariates"].iloc[0]).replace("tumor", "tumour").split()
    *first, last = [name.replace("_", " ") for name in names] or [""]
    return f"{', '.join(first)} and {last}" if first else last


def _figures(
    result: SectionResult, associations: Associations, changes: Sequence[NicheChanges]
) -> dict[str, Any]:
    regions, gradients = result.niches.regions, result.niches.gradients
    called = regions[regions["kind"] == "niche"]
    grades: Mapping[str, str] = {str(r): grade_of(g) for r, g in zip(called["region_id"], called["grade"], strict=True)}
    tested = [each.channel for each in (*associations.axes, *associations.channels)]
    names = tested or [change.channel for niche in changes[:1] for change in niche.changes]
    channel = names[0] if names else ""
    pictures = {
        "overview": overview_png(result),
        "coldness": coldness_png(result) if result.niches.map.assessable.any() else None,
        "gradient": gradient_png(gradients, grades),
        "gradient_channel": gradient_png(gradients, grades, f"mean_{channel}", f"{channel}, mean"),
        "margin": margin_png(result.niches.margin, names[:MAX_DRAWN_CHANNELS]),
    }
    return {
        **{name: _embedded(png) if png else None for name, png in pictures.items()},
        "drawn_channel": channel,
        "gradients_left_out": plural(len(grades) - MAX_GRADIENTS, "niche") if len(grades) > MAX_GRADIENTS else None,
        "max_channels": MAX_CHANNELS,
    }


def _embedded(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"
