"""Parts of the figures that have a known answer."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from napari_metime.export.drawing import DOUBLE_MM, SINGLE_MM, drawn, plain, print_style, wrapped
from napari_metime.export.figures import (
    associations_figure,
    draw_figures,
    gradient_figure,
    leading_of_niches,
    margin_figure,
    q_in_figure,
    ranked_rows,
    reach_of,
)
from napari_metime.export.images import COLDNESS_TITLE, coldness_limits, stretched
from napari_metime.export.maps import (
    niche_figure,
    overview_figure,
    scale_bar_um,
    view_of_niche,
    view_of_section,
)
from napari_metime.export.not_found import not_found
from napari_metime.section import Channel, SectionResult


@pytest.mark.parametrize(("width", "bar"), [(1000, 200), (999, 100), (2600, 500), (5000, 1000), (40, 5)])
def test_a_scale_bar_is_a_round_fifth_at_most(width: float, bar: float) -> None:
    assert scale_bar_um(width) == bar


def test_stretching_masks_what_was_not_measured_and_survives_a_flat_image() -> None:
    flat = np.array([[3.0, np.nan], [3.0, 3.0]], dtype=np.float32)
    shown = stretched(flat)
    np.testing.assert_array_equal(shown.mask, [[False, True], [False, False]])
    assert (shown.compressed() == 0).all()
    assert stretched(np.full((2, 2), np.nan, np.float32)).mask.all()


@pytest.fixture(scope="module")
def mm_of():
    """Return width and height of a PNG in mm by the dots per inch that it carries."""

    def size(png: bytes) -> tuple[float, float]:
        with Image.open(io.BytesIO(png)) as image:
            dots = image.info["dpi"]
            return tuple(25.4 * n / d for n, d in zip(image.size, dots, strict=True))

    return size


def test_figures_have_the_size_of_print_and_text_that_can_be_edited(result: SectionResult, mm_of) -> None:
    found = draw_figures(result)
    assert set(found) == {
        "overview", "niche_1", "niche_2", "associations", "gradient_effectors", "margin",
    }  # fmt: skip
    for name, figure in found.items():
        with Image.open(io.BytesIO(figure.png)) as image:
            assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        width, height = mm_of(figure.png)
        assert min(abs(width - SINGLE_MM), abs(width - DOUBLE_MM)) < 0.2, name
        assert height < 240  # an A4 page with margins
        page = ElementTree.fromstring(figure.svg)
        assert page.attrib["width"].endswith("pt")
        assert float(page.attrib["width"][:-2]) == pytest.approx(width * 72 / 25.4, abs=0.5)
        texts = [each for each in page.iter("{http://www.w3.org/2000/svg}text") if each.text]
        sizes = [float(size) for each in texts for size in re.findall(r"([\d.]+)px", each.attrib.get("style", ""))]
        assert sizes
        assert 6.5 <= min(sizes) <= max(sizes) <= 8.5, name
        links = re.findall(rb'(?:href|src)="([^"]{5})', figure.svg)
        assert all(link.startswith((b"#", b"data:")) for link in links)


def test_a_long_name_is_told_whole_in_lines() -> None:
    name = "Polyunsaturated / monounsaturated fatty acids"
    assert wrapped(name, 29) == "Polyunsaturated /\nmonounsaturated fatty acids"
    assert wrapped(name, 29).replace("\n", " ") == name
    assert wrapped("", 29) == " "


def test_nothing_is_drawn_at_the_edge_of_the_paper(result: SectionResult) -> None:
    for figure in draw_figures(result).values():
        with Image.open(io.BytesIO(figure.png)) as image:
            strip = np.asarray(image.convert("L"))[:, :12]  # 1 mm
        assert strip.min() == 255


def test_cells_are_part_of_an_image_in_the_svg(result: SectionResult) -> None:
    with print_style():
        svg = drawn(overview_figure(view_of_section(result))).svg
    assert svg.count(b"<use") < result.cells.n_cells / 4
    assert b"data:image/png;base64," in svg


def test_coldness_is_shown_as_in_the_window(result: SectionResult) -> None:
    with print_style():
        figure = overview_figure(view_of_section(result))
    (bar,) = [axes for axes in figure.axes if axes.get_ylabel() == COLDNESS_TITLE]
    assert bar.get_ylim() == coldness_limits(result.niches.map.coldness)


def test_a_single_pixel_of_tissue_is_drawn(result: SectionResult) -> None:
    mask = np.zeros_like(result.tissue.mask)
    mask[5, 5] = True
    small = replace(result, tissue=replace(result.tissue, mask=mask))
    with print_style():
        assert drawn(overview_figure(view_of_section(small))).png.startswith(b"\x89PNG")


def test_a_niche_map_shows_the_whole_niche_in_the_middle(result: SectionResult) -> None:
    whole = view_of_section(result)
    left, top, right, bottom = view_of_niche(whole, "1").box
    x0, _, x1, y1 = whole.outlines["1"][0].bounds
    assert (left + right) / 2 == pytest.approx((x0 + x1) / 2)
    assert right - left == pytest.approx(bottom - top)
    assert left <= x0 - 150
    assert bottom >= y1 + 150


def test_the_map_of_a_niche_shows_the_channel_that_its_sentence_names_first(result: SectionResult) -> None:
    # kyn_trp differs by -1.215 in niche 1 and L-Lactate by 0.585; in niche 2 only L-Lactate has an interval near 0.
    assert leading_of_niches(result)["1"].name == "kyn_trp"
    matched = result.niches.regions.assign(matched_log2fc_kyn_trp=-3.0, p_moved_kyn_trp=0.5, p_moved_x=0.5)
    matched["matched_log2fc_L-Lactate"], matched["p_moved_L-Lactate"] = 0.5, 0.001
    told = replace(result, niches=replace(result.niches, regions=matched))
    assert leading_of_niches(told)["1"].name == "L-Lactate"


def test_tested_rows_are_axis_scores_first_then_by_q(result: SectionResult) -> None:
    names = [row["channel"] for row in ranked_rows(result.niches.associations)]
    assert names == ["axis:trp_kyn", "L-Lactate", "kyn_trp"]
    assert associations_figure(result.niches.associations.query("status != 'tested'")) is None


def test_the_q_of_associations_have_like_digits_and_the_axis_ends_where_the_data_do(result: SectionResult) -> None:
    assert [q_in_figure(q) for q in (0.07, 0.0364, 0.0004, 1.0, float("nan"))] == [
        "0.070", "0.036", "< 0.001", "1.000", "–",
    ]  # fmt: skip
    row = {"r_partial": 0.4, "z": np.arctanh(0.4), "se_z": 1 / 7}  # limits 0.14 and 0.61
    assert reach_of([row]) == pytest.approx(0.8)
    assert reach_of([row | {"se_z": 3.0}]) == 1.0
    figure = associations_figure(result.niches.associations)
    assert figure is not None
    (axes,) = figure.axes
    beside = [text for text in axes.texts if text.get_text() in ("0.001", "0.008", "0.500")]
    assert len(beside) == 3
    assert {(text.get_ha(), text.get_va()) for text in beside} == {("right", "center_baseline")}


def test_a_pixel_without_any_ion_on_one_side_of_a_ratio_is_not_found(result: SectionResult) -> None:
    """Two over one: with one of the two there is a ratio; without the one, or without both, there is none."""
    row, col = map(int, np.argwhere(result.tissue.mask)[0])
    pixels = [(row, col), *(tuple(map(int, at)) for at in np.argwhere(result.tissue.mask)[1:4])]
    images = {name: np.ones(result.tissue.mask.shape, np.float32) for name in ("A", "A+", "B")}
    for name, at in (("A", pixels[0]), ("A", pixels[1]), ("A+", pixels[1]), ("B", pixels[2])):
        images[name][at] = 0.0
    images["B"][~result.tissue.mask] = 0.0
    ratio = Channel("a_b", "ratio", np.zeros(result.tissue.mask.shape, np.float32))
    facts = pd.DataFrame([{"channel": "a_b", "members": ("A", "A+", "B"), "definition": "A + 0.5 A+ / B + C"}])
    made = (*(Channel(name, "ion", image) for name, image in images.items()), ratio)
    told = replace(result, channels=replace(result.channels, channels=made, ratios=facts))
    assert [tuple(map(int, at)) for at in np.argwhere(not_found(told, ratio))] == sorted([pixels[1], pixels[2]])
    assert not not_found(told, made[0]).any()
    assert not not_found(result, ratio).any()


def test_a_channel_is_drawn_with_its_unit(result: SectionResult) -> None:
    margin = result.niches.margin.assign(**{"mean_L-Lactate": 1.0, "mean_kyn_trp": 0.5})
    svg = draw_figures(replace(result, niches=replace(result.niches, margin=margin)))["margin"].svg.decode()
    assert "L-Lactate, intensity (a.u.)" in svg
    assert "Kynurenine / tryptophan, log₂ ratio" in svg


def test_without_bands_there_is_no_gradient_figure(result: SectionResult) -> None:
    assert gradient_figure(result.niches.gradients.iloc[:0], {"1": "desert"}) is None
    assert gradient_figure(result.niches.gradients, {"1": "desert"}, "mean_absent", "absent") is None
    assert margin_figure(result.niches.margin.iloc[:0]) is None
    assert margin_figure(pd.DataFrame()) is None


def test_a_name_that_bites_is_drawn(result: SectionResult) -> None:
    name = "$\\frac{$" + "\u202e\u05d0\u6f22" + "x" * 10_000
    margin = result.niches.margin.assign(**{f"mean_{name}": 1.0})
    channel = replace(result.channels.channels[0], name=name)
    with print_style():
        niche = niche_figure(view_of_niche(view_of_section(result), "1"), "1", channel)
        for figure in (margin_figure(margin, {name: name}), niche):
            assert drawn(figure).png.startswith(b"\x89PNG")
    assert max(map(len, wrapped(name, 20).replace(r"\$", "$").split("\n"))) <= 20
    assert "\u202e" not in wrapped(name, 20)
    assert len(plain(name)) <= 40
    assert "\u202e" not in plain(name)
