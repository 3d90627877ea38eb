"""Parts of the figures that have a known answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from napari_metime.export.figures import gradient_png, margin_png, overview_png, scale_bar_um
from napari_metime.export.images import stretched
from napari_metime.section import SectionResult


@pytest.mark.parametrize(("width", "bar"), [(1000, 200), (999, 100), (2600, 500), (5000, 1000), (40, 5)])
def test_a_scale_bar_is_a_round_fifth_at_most(width: float, bar: float) -> None:
    assert scale_bar_um(width) == bar


def test_stretching_masks_what_was_not_measured_and_survives_a_flat_image() -> None:
    flat = np.array([[3.0, np.nan], [3.0, 3.0]], dtype=np.float32)
    shown = stretched(flat)
    np.testing.assert_array_equal(shown.mask, [[False, True], [False, False]])
    assert (shown.compressed() == 0).all()
    assert stretched(np.full((2, 2), np.nan, np.float32)).mask.all()


def test_the_same_section_gives_the_same_picture(result: SectionResult) -> None:
    assert overview_png(result) == overview_png(result)


def test_a_single_pixel_of_tissue_is_drawn(result: SectionResult) -> None:
    mask = np.zeros_like(result.tissue.mask)
    mask[5, 5] = True
    assert overview_png(replace(result, tissue=replace(result.tissue, mask=mask))).startswith(b"\x89PNG")


def test_without_bands_there_is_no_gradient_figure(result: SectionResult) -> None:
    assert gradient_png(result.niches.gradients.iloc[:0], {"1": "desert"}) is None
    assert gradient_png(result.niches.gradients, {"1": "desert"}, "mean_absent", "absent") is None
    assert margin_png(result.niches.margin.iloc[:0]) is None
    assert margin_png(pd.DataFrame()) is None


def test_a_name_that_looks_like_a_formula_is_drawn(result: SectionResult) -> None:
    name = r"$\frac{$" + "x" * 80
    margin = result.niches.margin.assign(**{f"mean_{name}": 1.0})
    assert (margin_png(margin, [name]) or b"").startswith(b"\x89PNG")
