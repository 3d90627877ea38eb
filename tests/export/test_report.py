"""The report: one file, nothing loaded or run, every name escaped, honest words."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from napari_metime.export.drawing import Drawn
from napari_metime.export.methods import methods_text
from napari_metime.export.report import render_report
from napari_metime.export.scores import axes_made_of
from napari_metime.recipe import Recipe
from napari_metime.section import LeftOut, NicheNull, RefinedFrom, SectionResult

HOSTILE = "<script>alert(1)</script>"
VOID = {"meta", "img", "col", "line", "br"}


class _Page(HTMLParser):
    """Collect tags, their attributes, and what is never closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
INPUTS = ({"path": f"../{HOSTILE}.imzML", "bytes": 12_345, "sha256": "ab" * 32},)


def rendered(result: SectionResult, recipe: Recipe, text: str = "", *, notes: Sequence[str] = ()) -> _Page:
    """Render with a dot for each figure: drawing them takes a second, and test_figures does."""
    names = ["overview", "niche_1", "associations", "gradient_effectors", "margin"]
    figures = {name: Drawn(DOT, b"") for name in names}
    methods = methods_text(recipe, result)
    return _Page(render_report(result, recipe, text, figures=figures, methods=methods, inputs=INPUTS, notes=notes))


@pytest.fixture
def page(result: SectionResult, recipe: Recipe) -> _Page:
    return rendered(result, recipe, f"section: {HOSTILE}\n")


def test_hostile_names_are_shown_and_never_run(page: _Page) -> None:
    assert "script" not in {tag for tag, _ in page.tags}
    assert page.text.count(HOSTILE) >= 6
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]


def test_nothing_is_loaded_from_elsewhere(page: _Page) -> None:
    loaded = [a.get("src") or "" for tag, a in page.tags if tag in ("img", "iframe", "link", "source", "use", "image")]
    assert len(loaded) == 5
    assert all(source.startswith("data:image/png;base64,") for source in loaded)
    links = [a["href"] for _, a in page.tags if a.get("href")]
    places = {a["id"] for _, a in page.tags if a.get("id")}
    assert {link[1:] for link in links if link.startswith("#")} <= places
    assert all(link.startswith(("#", "https://doi.org/")) for link in links)


def test_inputs_settings_and_methods_are_told(page: _Page) -> None:
    file = f"../{HOSTILE}.imzML 12,345 {'ab' * 32}"
    for words in (file, "Seed 0", "Started 2025-01-02", "numpy ", "References 1. Li"):
        assert words in page.text


def test_a_name_of_any_length_and_marks_that_turn_the_writing_are_tamed(result: SectionResult, recipe: Recipe) -> None:
    """A right-to-left override would show what follows backwards; a name of 10,000 letters would bury the page."""
    name = "\u202e" + "x" * 10_000
    first, *others = result.channels.channels
    channels = replace(result.channels, channels=(replace(first, name=name), *others))
    associations = result.niches.associations.replace({"channel": {"L-Lactate": name}})
    regions = result.niches.regions.rename(columns=lambda column: column.replace("L-Lactate", name))
    cells = replace(result.cells, note=f"types {name}")
    niches = replace(result.niches, associations=associations, regions=regions)
    page = rendered(replace(result, channels=channels, niches=niches, cells=cells), recipe)
    whole = "".join(page.words)
    assert "\u202e" not in whole
    assert "x" * 2000 not in whole.replace("x" * 1993, "", 1)
    assert "�xxx" in whole
    assert "(10,007 characters)" in whole


def test_the_contrast_with_matched_tissue_stands_beside_what_is_supported(
    result: SectionResult, recipe: Recipe
) -> None:
    """p 0.03 of two ions gives q 0.03 and 0.04; the lactate that is asked to be high differs, and the other way."""
    regions = result.niches.regions.assign(p_moved_kyn_trp=0.5, matched_log2fc_kyn_trp=0.2)
    regions["p_moved_L-Lactate"], regions["matched_log2fc_L-Lactate"] = 0.03, -0.5
    text = rendered(replace(result, niches=replace(result.niches, regions=regions)), recipe).text
    assert "Niche 1: supported against the rest only – L-Lactate" in text
    assert "Against matched tissue: L-Lactate differs the other way (−0.50, q = 0.03)" in text
    assert "rests on the contrast with the rest alone" in text


def test_a_long_line_of_the_recipe_hangs_under_its_key(result: SectionResult, recipe: Recipe) -> None:
    text = f"cells:\n  path: {'x' * 3000} 5 %\n"
    page = rendered(result, recipe, text)
    assert text in "".join(page.words)  # whole, as it is in recipe.yaml, and so it can be copied
    styles = [a["style"] for tag, a in page.tags if tag == "span" and "text-indent" in (a.get("style") or "")]
    assert styles == ["padding-left:4ch;text-indent:-4ch", "padding-left:6ch;text-indent:-6ch"]


def test_a_percent_sign_stays_with_its_number(page: _Page) -> None:
    told, _, _ = "".join(page.words).partition("For the methods section of a paper")  # that is to be copied as it is
    assert "95\u00a0%" in told
    assert "% of it" in told  # that of the summary, made outside the template
    assert not re.search(r"\d %", told)


def test_a_drawn_difference_has_an_axis_with_its_ends(page: _Page) -> None:
    """The limits of the changes reach to 1.6 (L-Lactate 0.9, kyn_trp -1.6), those of the scores to 2, r to 1."""
    assert "lower higher −1.6 0 +1.6" in page.text
    assert "lower higher −2 0 +2" in page.text
    assert page.text.count("lower higher −1 0 +1 ") == 2


def test_tags_are_closed(page: _Page) -> None:
    assert page.open == []


def test_it_says_what_was_found_and_what_was_not_tested(page: _Page) -> None:
    for words in (
        "2 immune-cold niches found",
        "4 effector cells where 38 were expected",
        "For research use only",
        "chosen by these: do not test again",
        "once tumour fraction and cell density are taken out of both",
        "Tryptophan and kynurenine axis",
        "1 channel: effective sample of 4 below 10",
        "against 999 sections with their effectors drawn anew by chance",
        "excluded: effectors crowd around it and stay out",
        "named by accurate mass (within 5 ppm)",
        "descriptive",
        "missed by 6.1 µm",
        "2 of 3 panel members are not shown",
        "not seen above the background",
        "10.1002/hbm.1058",
    ):
        assert words in page.text
    assert "caus" not in page.text.replace("what causes what", "").replace("association, not of cause", "")


def test_axes_ratios_and_hypotheses_are_told(page: _Page) -> None:
    for words in (
        "Lactate and glycolysis 3 members, 75 %",
        "Niche 1 +1.25 +0.50 to +2.00 +0.90 to +1.50 +0.21 0.004",
        "Niche 2 −0.20 – – – –",
        "Malate (single ion)",
        "1 axis not scored, and why",
        "2 of the 9 members",
        "Kynurenine / tryptophan Tryptophan and kynurenine Niche 1 +0.50 +0.10 to +0.90 +0.75 +0.25 to +1.25 70.0 %",
        "Niche 2 +1.50 at least –",
        "Kynurenine / tryptophan : IDO1 and TDO2 together. Heed: mixed adducts",
        "1 ratio not measurable, and why",
        "Niche 1: supported against the rest – L-Lactate +0.50 (+0.25 to +0.75), asked: high, cut-off: 0.2 higher;",
        "cut-off: none set, compared with 0",
        "not measurable in this section – Cu: no such channel",
        "Hypothesis: ionophore or chelator (review, 2.1; 4.1)",
    ):
        assert words in page.text
    assert page.text.count("Caveat: preclinical") == 2  # beside each hypothesis, measured or not
    for word in ("recommend", "should be treated", "best candidate"):
        assert word not in page.text


def test_notes_on_the_site_are_an_annotation(result: SectionResult, recipe: Recipe) -> None:
    text = rendered(result, recipe, notes=[f"liver: lipids {HOSTILE}"]).text
    assert "What the review says of this site" in text
    assert f"liver: lipids {HOSTILE}" in text
    assert "What the review says of this site" not in rendered(result, recipe).text


def test_an_axis_says_what_raises_and_what_lowers_it(result: SectionResult, recipe: Recipe) -> None:
    """Lactate lower and its axis higher is no contradiction where lactate is what the pathway uses up."""
    table = result.channels.table.assign(pathway_sign=["-1", "1", None])
    made_of = f"more Pyruvate, {HOSTILE}, less L-Lactate"
    assert axes_made_of(result.niches.axes, table) == {"axis:lactate_glycolysis": made_of}
    assert axes_made_of(result.niches.axes, table.drop(columns="pathway_sign")) == {}
    assert axes_made_of(pd.DataFrame(), table) == {}
    long = pd.DataFrame({"axis": ["x"], "status": ["scored"], "members": ["; ".join("abcdef")]})
    assert axes_made_of(long, table) == {"axis:x": "more a, b, c, d and 2 more"}
    tested = result.niches.associations.replace({"channel": {"axis:trp_kyn": "axis:lactate_glycolysis"}})
    found = replace(result.niches, associations=tested)
    text = rendered(replace(result, niches=found, channels=replace(result.channels, table=table)), recipe).text
    assert f"glycolysis axis: a score that is higher with {made_of}, which an active pathway uses up" in text
    assert text.count("less L-Lactate") == 2  # on the first page, and beside its row


def test_the_ions_that_are_spoken_of_stand_in_a_table(result: SectionResult, recipe: Recipe) -> None:
    conflict = f"{HOSTILE} has the same m/z: not to be told apart at MS1"
    table = result.channels.table.assign(
        verdict=["doubtful", "not seen", "not seen"], conflicts=[conflict, None, None]
    )

    def with_table(rows: pd.DataFrame) -> _Page:
        return rendered(replace(result, channels=replace(result.channels, table=rows)), recipe)

    page = with_table(table)
    ions = page.text[page.text.index("Ions: what the names rest on") :]
    assert f"L-Lactate Lactate and glycolysis [M-H]- 89.0244 −1.50 doubtful 50 % – {HOSTILE} (same m/z)" in ions
    assert "L-Lactate doubtful, see Ions" in page.text
    assert "axis, L-Lactate (doubtful)" in page.text
    assert "207.0775" not in ions  # kynurenine is spoken of nowhere
    assert "the mean of its pixels' logarithms" in page.text
    assert "what the names rest on" not in with_table(table.iloc[1:2]).text


def test_nothing_scored_is_told_and_is_no_finding(result: SectionResult, recipe: Recipe) -> None:
    found = result.niches
    nothing = replace(found, axes=found.axes.iloc[5:], ratios=found.ratios.iloc[4:], hypotheses=pd.DataFrame())
    text = rendered(replace(result, niches=nothing), recipe).text
    assert "No axis could be scored" in text
    assert "No ratio could be measured" in text
    assert "Hypotheses of the review" not in text


def test_descriptive_columns_are_marked_in_the_header(page: _Page) -> None:
    head = page.text[page.text.index("chosen by these") :]
    head = head[: head.index("Niche 1")]
    for marked in ("Effectors †", "Expected †", "Rate ratio †", "Effectors † per mm²", "Density ratio †", "p †"):
        assert marked in head
    assert "Cells †" not in head
    assert "Area †" not in head


def test_how_sure_a_niche_is_stands_beside_it(result: SectionResult, recipe: Recipe) -> None:
    found = result.niches
    regions = found.regions.assign(
        stability=[0.81, 0.7, np.nan, np.nan], called_share=[0.95, 1.0, np.nan, np.nan], q_suppressed=np.nan
    )
    null = NicheNull(0.0, 0.5, 60.0, 1.8)
    told = replace(result, niches=replace(found, regions=regions, map=replace(found.map, null=null)))
    text = rendered(told, recipe).text
    for words in ("Other windows", "0.81", "Called when redrawn", "0.95", "they lie in clumps (over 60"):
        assert words in text
    assert "q, suppressed" not in text


def test_the_section_as_a_whole_is_summed_up(result: SectionResult, recipe: Recipe) -> None:
    row = {"grade": "mixed", "density_effector_margin_per_mm2": 205.2, "mixing_score_normalized": 0.8}
    summary = pd.DataFrame([row])
    told = replace(result, niches=replace(result.niches, summary=summary))
    text = rendered(told, recipe).text
    assert "mixed grade of the whole section" in text
    assert "205 per mm² effectors in the margin of the domain" in text
    assert "0.80 normalised mixing" in text


def test_without_niches_it_says_why(without_niches: SectionResult, recipe: Recipe) -> None:
    page = rendered(without_niches, recipe)
    assert "Immune-cold niches are not assessable here" in page.text
    assert "Too few effectors to say." in page.text
    assert "No niche was called." in page.text


def test_a_section_without_effectors_is_graded_as_a_whole(without_niches: SectionResult, recipe: Recipe) -> None:
    regions = without_niches.niches.regions.assign(grade=[None, "desert"], n_effector=0)
    result = replace(without_niches, niches=replace(without_niches.niches, regions=regions))
    assert "The section as a whole: desert." in rendered(result, recipe).text


def test_a_section_without_channels_is_reported(result: SectionResult, recipe: Recipe) -> None:
    channels = replace(result.channels, channels=(), table=result.channels.table.iloc[:0])
    page = rendered(replace(result, channels=channels), recipe)
    assert "No channel was measured." in page.text


def test_many_niches_are_cut_and_told(result: SectionResult, recipe: Recipe) -> None:
    niches = result.niches
    first, ends = niches.regions.iloc[[0]], niches.regions.iloc[2:]
    n = 14
    labels = np.zeros_like(niches.map.labels)
    labels[4:11, 6 : 6 + 2 * n : 2] = np.arange(1, n + 1)
    rows = [first.assign(region_id=str(i)) for i in range(1, n + 1)]
    bands = [niches.gradients.head(8).assign(region_id=str(i)) for i in range(1, n + 1)]
    many = replace(
        niches, map=replace(niches.map, labels=labels, p_region=np.full(n, 0.01)),
        regions=pd.concat([*rows, ends], ignore_index=True), gradients=pd.concat(bands, ignore_index=True),
    )  # fmt: skip
    text = rendered(replace(result, niches=many), recipe).text
    assert "14 immune-cold niches found" in text
    assert "2 more in the table below" in text
    assert "8 niches not drawn here" in text
    assert "Only 6 of 14 niches are shown" in text


def test_what_was_recognised_and_left_out_is_told(result: SectionResult, recipe: Recipe) -> None:
    part = LeftOut("left out by hand (folds.tif)", result.niches.map.labels == 1, n_cells=12)
    told = replace(
        result, cells=replace(result.cells, note="QuPath, 400 cells"), microscopy_note="OME-TIFF, 3 channels",
        niches=replace(result.niches, left_out=(part,)),
        refined_from=RefinedFrom(result.alignment, True, "It was refined: halves agree.", 0.2, 0.4, 0.01, 90.0),
    )  # fmt: skip
    text = rendered(told, recipe).text
    for words in ("QuPath, 400 cells", "OME-TIFF, 3 channels", "12 cells that count nowhere", "halves agree"):
        assert words in text
