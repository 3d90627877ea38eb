"""report.html: the run for a reader, in one self-contained file."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import pandas as pd

from napari_metime import __version__
from napari_metime.export.associations import Associations, associations_in_print
from napari_metime.export.calibration import calibration_notes
from napari_metime.export.changes import MAX_CHANNELS, NicheChanges, channel_changes
from napari_metime.export.drawing import Drawn
from napari_metime.export.figures import FIGURE_NAMES, MAX_GRADIENTS, MAX_NICHES, channels_to_draw
from napari_metime.export.hypotheses import hypotheses_in_print
from napari_metime.export.ions import (
    IonInPrint,
    doubtful_channels,
    identification_sentence,
    ions_in_print,
    members_of,
)
from napari_metime.export.provenance import package_versions
from napari_metime.export.regions import (
    REGION_HEADINGS,
    RegionRow,
    certainty_of,
    facts_of,
    how_to_read,
    region_row,
    summary_facts,
)
from napari_metime.export.scores import axes_made_of, scores_in_print
from napari_metime.export.summary import plain_summary
from napari_metime.export.tissue_regions import notes_of_tissue
from napari_metime.export.words import (
    DIVISORS,
    MISSING,
    Row,
    alignment_sentence,
    domain_in_words,
    headline,
    is_known,
    left_out_sentences,
    name_of,
    niche_sentences,
    null_sentence,
    number,
    plural,
    refined_sentence,
)
from napari_metime.recipe import Recipe
from napari_metime.section import SectionResult, axis_label

MAX_SENTENCES = 12
MAX_HANG = 24
"""Letters by which a long line of the recipe is set in at most. Our own choice."""
MAX_TEXT = 2000
"""A longer text of somebody else's making is cut: a name may be of any length. Our own choice."""

TWO_VALUES = (
    "A ratio in the niches' tables is the mean of its pixels' logarithms, as its map shows it; in the table of ratios "
    "it is the logarithm of one sum over the other, which dim pixels hardly move. The two differ, most where many "
    "pixels are below a limit of detection. The sentence of a niche quotes the first, and names what it is compared "
    "with (“times the matched tumour”, “times the rest”); the table of ratios always compares with the rest."
)
"""Why a ratio has two values: docs/scores.md."""


@dataclass(frozen=True, slots=True)
class NicheInPrint:
    """A niche with its sentence, its map and what differs in it; ``picture`` is empty where it has no map."""

    row: RegionRow
    sentence: str
    picture: str
    changes: NicheChanges | None


def render_report(
    result: SectionResult,
    recipe: Recipe,
    recipe_text: str,
    *,
    figures: Mapping[str, Drawn],
    methods: str,
    inputs: Sequence[Mapping[str, object]] = (),
    notes: Sequence[str] = (),
) -> str:
    """Return the report as HTML: no script, nothing loaded from elsewhere, every name escaped.

    Parameters
    ----------
    recipe_text : str
        The recipe as it is written beside the report.
    figures : Mapping
        As ``draw_figures`` gives them.
    methods : str
        The text for a methods section.
    inputs : Sequence of Mapping
        path, bytes and sha256 of each input.
    notes : Sequence of str
        What the review says of the section's site.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_for_a_reader
    )
    template = environment.from_string(_own("report.html.j2"))
    return template.render(
        **_findings(result, recipe, figures),
        style=_Whole(_own("report.css.j2")),
        section=recipe.section,
        notes=notes,
        domain=domain_in_words(recipe.niches.domain),
        divisor=DIVISORS[recipe.ims.normalize].words if recipe.ims.normalize in DIVISORS else None,
        tolerance_ppm=f"{recipe.ims.tolerance_ppm:g}",
        n_permutations=recipe.niches.n_permutations,
        alpha=recipe.niches.alpha,
        recipe_lines=[_line(text) for text in recipe_text.splitlines()],
        methods=_Whole(methods),
        inputs=inputs,
        version=__version__,
        packages=package_versions(),
        started=result.started,
        seconds=sum(result.seconds.values()),
        seed=recipe.seed,
        missing=MISSING,
    )


class _Whole(str):
    """A text that is shown whole, however long it is."""

    __slots__ = ()


def _line(text: str) -> Mapping[str, object]:
    """Return a line of the recipe and where it goes on when it is too long: further in than a key could stand."""
    return {"text": _Whole(text), "hang": min(len(text) - len(text.lstrip()), MAX_HANG) + 4}


def _own(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _for_a_reader(value: object) -> object:
    """Cut what is too long, keep 95 % together, and show what would act unseen, such as a mark that turns writing."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    text = value if isinstance(value, _Whole) or value.startswith("data:") or len(value) <= MAX_TEXT else (
        f"{value[:MAX_TEXT]}… ({len(value):,} characters)"
    )  # fmt: skip
    if not isinstance(value, _Whole):
        text = re.sub(r"(?<=\d) %", "\u00a0%", text)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" or c.isspace() else "�" for c in text)


def _findings(result: SectionResult, recipe: Recipe, figures: Mapping[str, Drawn]) -> dict[str, Any]:
    niches, channels = result.niches, result.channels
    rows = [{str(name): value for name, value in row.items()} for row in niches.regions.to_dict("records")]
    called = [row for row in rows if row["kind"] == "niche"]
    domain = next(row for row in rows if row["kind"] == "domain")
    kinds = {channel.name: channel.kind for channel in channels.channels}
    drawn = dict.fromkeys(FIGURE_NAMES, "") | {name: _embedded(figure.png) for name, figure in figures.items()}
    in_print = _niches(result, called, drawn)
    tested = associations_in_print(niches.associations, channels.table)
    plain = plain_summary(result, recipe)
    made_of = axes_made_of(niches.axes, channels.table)
    said = " ".join((*plain, *(niche.sentence for niche in in_print)))
    return {
        "headline": headline(result),
        "plain": plain,
        "how_to_read": how_to_read(called, said),
        "doubtful": doubtful_channels(channels.table),
        "made_of": made_of,
        "axes_said": {name_of(name): text for name, text in made_of.items() if name_of(name) in said},
        "identified": identification_sentence(recipe, channels),
        "ions": _ions(result, in_print, tested),
        "facts": facts_of(result, domain, called),
        "niches": in_print,
        "n_unsaid": max(len(called) - MAX_SENTENCES, 0),
        "n_without_map": max(len(called) - MAX_NICHES, 0),
        "note": niches.map.note,
        "null": null_sentence(niches.map.null),
        "whole_grade": domain["grade"] if domain["grade"] == "desert" else None,
        "summary": summary_facts(niches.summary),
        "regions": [region_row(row) for row in rows],
        "region_headings": REGION_HEADINGS,
        "certainty": certainty_of(called),
        "changes": [niche.changes for niche in in_print if niche.changes],
        "n_channels": len(channels.channels),
        "max_channels": MAX_CHANNELS,
        "associations": tested,
        "scores": scores_in_print(niches.axes, niches.ratios),
        "hypotheses": hypotheses_in_print(niches.hypotheses, rows, kinds),
        "covariates": _covariates(niches.associations),
        "figures": drawn,
        "drawn_channel": name_of(next(iter(channels_to_draw(result)), "")),
        "gradients_left_out": plural(len(called) - MAX_GRADIENTS, "niche") if len(called) > MAX_GRADIENTS else None,
        "calibration": calibration_notes(result, recipe),
        **_trust(result),
    }


def _niches(result: SectionResult, called: Sequence[Row], drawn: Mapping[str, str]) -> list[NicheInPrint]:
    logarithmic = {channel.name: channel.is_logarithmic for channel in result.channels.channels}
    changes = {niche.region_id: niche for niche in channel_changes(called, logarithmic)}
    sentences = niche_sentences(result.niches)
    ids = [str(row["region_id"]) for row in called]
    return [
        NicheInPrint(region_row(row), sentence, drawn.get(f"niche_{i}", ""), changes.get(i))
        for row, sentence, i in zip(called, sentences, ids, strict=True)
    ][:MAX_SENTENCES]


def _ions(result: SectionResult, niches: Sequence[NicheInPrint], tested: Associations) -> list[IonInPrint]:
    """Return the ions that the report speaks of: in its niches and associations, and in its axes and ratios."""
    found = result.niches
    spoken_of = {change.name for niche in niches if niche.changes for change in niche.changes.changes}
    spoken_of |= {each.name for each in tested.channels}
    spoken_of |= members_of(found.axes, ("scored", "single_ion"))
    spoken_of |= members_of(found.ratios, ("measured", "lower_bound", "upper_bound", "missing"))
    return ions_in_print(result.channels.table, spoken_of)


def _trust(result: SectionResult) -> dict[str, Any]:
    """Return what the map rests on."""
    table = result.channels.table
    hidden = [row for row in table.to_dict("records") if not row["detected"]]
    return {
        "hidden": [{**row, "axis": axis_label(str(row["axis"]))} for row in hidden],
        "n_panel": len(table),
        "two_values": TWO_VALUES,
        "alignment": _alignment(result),
        "radius": number(result.niches.map.radius_um) if is_known(result.niches.map.radius_um) else None,
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


def _covariates(associations: pd.DataFrame) -> str:
    if "covariates" not in associations or associations.empty:
        return ""
    names = str(associations["covariates"].iloc[0]).replace("tumor", "tumour").split()
    *first, last = [name.replace("_", " ") for name in names] or [""]
    return f"{', '.join(first)} and {last}" if first else last


def _embedded(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"
